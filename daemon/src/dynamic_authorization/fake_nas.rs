//! A NAS that takes CoA and Disconnect requests (RFC 5176), for tests: as a real one does, and as some real ones lie.
//!
//! It shares no code with `garth_radius`: two who read the same standard must agree.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use tokio::task::JoinHandle;

use super::memory::UdpSocket;

/// Its secret.
pub(crate) const SECRET: &str = "a secret of the test alone";

const COA_REQUEST: u8 = 43;
const DISCONNECT_REQUEST: u8 = 40;
const USER_NAME: u8 = 1;
const VENDOR_SPECIFIC: u8 = 26;
const ACCT_SESSION_ID: u8 = 44;
const EVENT_TIMESTAMP: u8 = 55;
const MESSAGE_AUTHENTICATOR: u8 = 80;
const ERROR_CAUSE: u8 = 101;

/// How it answers one kind of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// It does what it is asked to, and says so.
    Does,
    /// It says so, and does nothing.
    Lies,
    /// It refuses with that Error-Cause.
    Refuses(u32),
    /// It says nothing, and does nothing.
    Silent,
    /// It does it; its first answer is lost.
    LosesAnswer,
    /// It does it, and says so twice.
    Repeats,
    /// It does it; the answer comes from another address.
    AnswersFromElsewhere,
    /// It does it; the answer is made with another secret.
    AnswersWithAnotherSecret,
    /// It needs User-Name, and refuses with 402 where that is missing.
    NeedsUserName,
}

/// Where a session is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Full,
    Garden,
}

/// A request as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Came {
    pub(crate) is_coa: bool,
    pub(crate) identifier: u8,
    pub(crate) from: SocketAddr,
    pub(crate) octets: Vec<u8>,
    pub(crate) attributes: Vec<(u8, Vec<u8>)>,
}

impl Came {
    pub(crate) fn attribute(&self, kind: u8) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|(of, _)| *of == kind);
        found.map(|(_, value)| value.as_slice())
    }

    pub(crate) fn session(&self) -> String {
        String::from_utf8_lossy(self.attribute(ACCT_SESSION_ID).unwrap_or_default()).into_owned()
    }

    pub(crate) fn user_name(&self) -> Option<&[u8]> {
        self.attribute(USER_NAME)
    }

    /// The values of a vendor's attribute.
    pub(crate) fn vendor(&self, vendor: u32, kind: u8) -> Vec<&[u8]> {
        let all = self
            .attributes
            .iter()
            .filter(|(of, _)| *of == VENDOR_SPECIFIC);
        let of_it = all.filter(|(_, value)| value[..4] == vendor.to_be_bytes() && value[4] == kind);
        of_it.map(|(_, value)| &value[6..]).collect()
    }

    /// The mikrotik rate limit.
    pub(crate) fn mikrotik_rate(&self) -> Option<String> {
        let found = self.vendor(14_988, 8);
        found
            .first()
            .map(|rate| String::from_utf8_lossy(rate).into_owned())
    }

    /// What the juniper dialect activates, with its tag, and what it deactivates.
    pub(crate) fn services(&self) -> (String, String) {
        let text = |kind| String::from_utf8_lossy(self.vendor(4_874, kind)[0]).into_owned();
        (text(65), text(66))
    }

    /// Where a CoA-Request in that dialect wants its session, whose garden is called "garden".
    fn place(&self, dialect: &str) -> Option<Place> {
        let is = |vendor, kind, garden: &[u8], full: &[u8]| {
            let found = self.vendor(vendor, kind);
            let holds = |what: &[u8]| {
                let mut parts = found.iter().flat_map(|value| value.windows(what.len()));
                parts.any(|part| part == what)
            };
            match (holds(garden), holds(full)) {
                (true, false) => Some(Place::Garden),
                (false, true) => Some(Place::Full),
                (true, true) | (false, false) => None,
            }
        };
        match dialect {
            "mikrotik" => is(14_988, 19, b"garden", b"garth-full"),
            "cisco-isg" => is(9, 1, b"=activate-service", b"=deactivate-service"),
            "juniper" => is(4_874, 65, b"garden(", b"garth-full("),
            "nokia" => is(6_527, 12, b"garden", b"garth-full"),
            "huawei" => match self.attribute(FILTER_ID)? {
                b"garden" => Some(Place::Garden),
                b"garth-full" => Some(Place::Full),
                _ => None,
            },
            "coovachilli" => is(14_559, 15, &[0, 0, 0, 2], &[0, 0, 0, 1]),
            "accel-ppp" => match self.attribute(L4_REDIRECT)?.last()? {
                0 => Some(Place::Full),
                _ => Some(Place::Garden),
            },
            _ => None,
        }
    }
}

const FILTER_ID: u8 = 11;
/// L4-Redirect, which accel-ppp reads without a vendor.
const L4_REDIRECT: u8 = 243;

/// What it knows, and how it behaves.
pub(crate) struct State {
    pub(crate) dialect: &'static str,
    pub(crate) coa: Manner,
    pub(crate) disconnect: Manner,
    /// Its sessions; it refuses with 503 what it does not know.
    pub(crate) sessions: HashMap<String, Place>,
    /// All that came, repetitions too.
    pub(crate) came: Vec<Came>,
    /// What it has not answered yet.
    held: Vec<Came>,
    /// Whether it answers at once; else when told to.
    pub(crate) is_holding: bool,
}

impl State {
    /// How many different requests came.
    pub(crate) fn requests(&self) -> usize {
        let mut seen: Vec<&Came> = Vec::new();
        for came in &self.came {
            if seen
                .iter()
                .all(|one| one.octets != came.octets || one.from != came.from)
            {
                seen.push(came);
            }
        }
        seen.len()
    }

    pub(crate) fn place(&self, session: &str) -> Option<Place> {
        self.sessions.get(session).copied()
    }

    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }
}

/// A running one.
pub(crate) struct FakeNas {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
    socket: Arc<UdpSocket>,
}

impl FakeNas {
    pub(crate) async fn start(ip: IpAddr, dialect: &'static str) -> Self {
        let socket = Arc::new(UdpSocket::bind((ip, 0)).await.unwrap());
        let elsewhere = UdpSocket::bind((ip, 0)).await.unwrap();
        let state = Arc::new(Mutex::new(State {
            dialect,
            coa: Manner::Does,
            disconnect: Manner::Does,
            sessions: HashMap::new(),
            came: Vec::new(),
            held: Vec::new(),
            is_holding: false,
        }));
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(run(Arc::clone(&socket), elsewhere, Arc::clone(&state)));
        Self {
            address,
            state,
            task,
            socket,
        }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// Answers everything that it holds back.
    pub(crate) async fn answer_held(&self) {
        let held = self.with(|state| std::mem::take(&mut state.held));
        for came in held {
            let answers = self.with(|state| answers(state, &came));
            for answer in answers {
                self.socket
                    .send_to(&answer.octets, came.from)
                    .await
                    .unwrap();
            }
        }
    }
}

impl Drop for FakeNas {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Sent {
    octets: Vec<u8>,
    from_elsewhere: bool,
}

async fn run(socket: Arc<UdpSocket>, elsewhere: UdpSocket, state: Arc<Mutex<State>>) {
    let mut buffer = [0; 4_096];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
        let came = read(&buffer[..len], from);
        let answers = {
            let mut state = state.lock().unwrap();
            state.came.push(came.clone());
            if state.is_holding {
                state.held.push(came.clone());
                continue;
            }
            answers(&mut state, &came)
        };
        for answer in answers {
            let socket = if answer.from_elsewhere {
                &elsewhere
            } else {
                &*socket
            };
            socket.send_to(&answer.octets, came.from).await.unwrap();
        }
    }
}

/// Reads a request and insists on all that it must have.
fn read(octets: &[u8], from: SocketAddr) -> Came {
    assert!([COA_REQUEST, DISCONNECT_REQUEST].contains(&octets[0]));
    assert_eq!(
        usize::from(u16::from_be_bytes([octets[2], octets[3]])),
        octets.len()
    );
    let mut zeroed = octets.to_vec();
    zeroed[4..20].fill(0);
    zeroed.extend(SECRET.as_bytes());
    assert_eq!(
        octets[4..20],
        *Md5::digest(&zeroed),
        "the request authenticator"
    );
    let mut attributes = Vec::new();
    let mut rest = &octets[20..];
    while let [kind, len, ..] = rest {
        attributes.push((*kind, rest[2..usize::from(*len)].to_vec()));
        rest = &rest[usize::from(*len)..];
    }
    let came = Came {
        is_coa: octets[0] == COA_REQUEST,
        identifier: octets[1],
        from,
        octets: octets.to_vec(),
        attributes,
    };
    assert!(came.attribute(MESSAGE_AUTHENTICATOR).is_some());
    assert!(came.attribute(EVENT_TIMESTAMP).is_some());
    came
}

/// Does what its manner is, and what it says to it.
fn answers(state: &mut State, came: &Came) -> Vec<Sent> {
    let manner = if came.is_coa {
        state.coa
    } else {
        state.disconnect
    };
    let earlier = state.came.iter().filter(|one| one.octets == came.octets);
    let is_first = earlier.count() <= 1;
    let said = match manner {
        Manner::Silent => return Vec::new(),
        Manner::Lies => Ok(()),
        Manner::Refuses(cause) => Err(cause),
        Manner::NeedsUserName if came.user_name().is_none() => Err(402),
        // As the first time.
        Manner::LosesAnswer if !is_first => Ok(()),
        Manner::Does
        | Manner::LosesAnswer
        | Manner::Repeats
        | Manner::AnswersFromElsewhere
        | Manner::AnswersWithAnotherSecret
        | Manner::NeedsUserName => does(state, came),
    };
    if manner == Manner::LosesAnswer && is_first {
        return Vec::new();
    }
    let secret = if manner == Manner::AnswersWithAnotherSecret {
        "another secret"
    } else {
        SECRET
    };
    let answer = Sent {
        octets: write(came, said, secret),
        from_elsewhere: manner == Manner::AnswersFromElsewhere,
    };
    if manner == Manner::Repeats {
        vec![answer.clone(), answer]
    } else {
        vec![answer]
    }
}

/// Does what it is asked to; Error-Cause 503 where there is no such session.
fn does(state: &mut State, came: &Came) -> Result<(), u32> {
    let session = came.session();
    if !state.sessions.contains_key(&session) {
        return Err(503);
    }
    if came.is_coa {
        let place = came.place(state.dialect).expect("a state");
        state.sessions.insert(session, place);
    } else {
        state.sessions.remove(&session);
    }
    Ok(())
}

fn write(came: &Came, said: Result<(), u32>, secret: &str) -> Vec<u8> {
    let code = came.octets[0] + if said.is_ok() { 1 } else { 2 };
    let mut answer = vec![code, came.identifier, 0, 20];
    let mut attributes = Vec::new();
    if let Err(cause) = said {
        attributes.extend([ERROR_CAUSE, 6]);
        attributes.extend(cause.to_be_bytes());
        answer[3] = 26;
    }
    let mut digest = Md5::new();
    digest.update(&answer);
    digest.update(&came.octets[4..20]);
    digest.update(&attributes);
    digest.update(secret);
    answer.extend(digest.finalize());
    answer.extend(attributes);
    answer
}

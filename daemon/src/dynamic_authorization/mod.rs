//! Asks NASes to change or end sessions (RFC 5176): the sockets and the clock around [`Exchanges`].
//!
//! One task owns all requests under way; whoever asks holds a [`Client`]. Each request has a source port and an
//! identifier of its own for as long as a NAS may remember them: 256 identifiers a port, so as many ports are
//! bound as are needed, [`SOURCE_PORTS`] for each address family at most. With all of them one NAS is asked
//! 16,384 times in 300 seconds, and a quarter of that is for requests that go first; who asks for more is told to
//! come again ([`Outcome::Busy`]). One session has one request under way at a time: a NAS may
//! drop the second, and their order would be anybody's guess.
//!
//! What arrives and answers nothing, or was not made with the secret, is ignored: the request is sent again. So
//! is what ICMP says: the NAS may be starting.
//!
//! Not here: which request comes next (`follower`), identifiers and retransmissions (`garth_radius::dynamic`).

#[cfg(test)]
pub(crate) mod fake_nas;
#[cfg(test)]
mod memory;
mod sockets;
mod task;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use garth_radius::dialect::Change;
use garth_radius::dynamic::{self, Answer, ErrorCause};
use garth_radius::nas::Nas;
use garth_radius::server::{Given, Settings};
use garth_store::record::{NasNames, Session, SessionKey};
use tokio::sync::{mpsc, oneshot};

pub(crate) use task::Task;

/// The most source ports of one address family.
pub(crate) const SOURCE_PORTS: u16 = 64;
/// The most requests that wait for the task to take them; who asks one more waits.
const ASKED_MAX: usize = 256;

/// What a session is named by among all that are asked about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum About {
    /// A session.
    Session(SessionKey),
    /// One that does not exist, by a random number.
    Nobody(u64),
}

/// What a NAS can know a session by.
#[derive(Clone, Debug)]
pub(crate) struct Identifiers {
    pub(crate) about: About,
    user_name: Option<Box<[u8]>>,
    acct_session_id: Box<[u8]>,
    framed_ip_address: Option<Ipv4Addr>,
    calling_station_id: Option<Box<[u8]>>,
    nas_port_id: Option<Box<[u8]>>,
    nas_names: NasNames,
}

impl Identifiers {
    /// Those of a session.
    pub(crate) fn of(session: &Session) -> Self {
        let user_name = session.user_name.as_ref();
        let mac = session.mac.map(|mac| mac.to_string());
        Self {
            about: About::Session(session.key.clone()),
            user_name: user_name.map(|name| name.as_str().as_bytes().into()),
            acct_session_id: session.key.acct_session_id.clone(),
            framed_ip_address: session.framed_ipv4,
            calling_station_id: mac.map(|mac| mac.into_bytes().into()),
            nas_port_id: session.nas_port_id.clone(),
            nas_names: session.nas_names.clone(),
        }
    }

    /// Those of a session that cannot exist: a name and an id that nobody can guess, and no address.
    pub(crate) fn of_nobody(random: u64) -> Self {
        let name = format!("garth-probe-{random:016x}");
        Self {
            about: About::Nobody(random),
            user_name: Some(name.as_bytes().into()),
            acct_session_id: name.as_bytes().into(),
            framed_ip_address: None,
            calling_station_id: None,
            nas_port_id: None,
            nas_names: NasNames::default(),
        }
    }

    fn session(&self) -> dynamic::Session<'_> {
        dynamic::Session {
            user_name: self.user_name.as_deref(),
            acct_session_id: Some(&self.acct_session_id),
            framed_ip_address: self.framed_ip_address,
            calling_station_id: self.calling_station_id.as_deref(),
            nas_port_id: self.nas_port_id.as_deref(),
            nas_ip_address: self.nas_names.nas_ip_address,
            nas_identifier: self.nas_names.nas_identifier.as_deref(),
        }
    }
}

/// What a NAS is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// That the session ends.
    Disconnect,
    /// That it is moved.
    Move(Move),
}

/// From what a session has to what it is to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Move {
    pub(crate) from: Given,
    pub(crate) to: Given,
    /// How long it may last in all, from its start.
    pub(crate) session_timeout_seconds: u32,
}

/// A request and everything it is made of.
pub(crate) struct Ask {
    pub(crate) nas: Arc<Nas>,
    /// The garden's rates and names.
    pub(crate) settings: Arc<Settings>,
    pub(crate) to: SocketAddr,
    pub(crate) identifiers: Identifiers,
    pub(crate) request: Request,
    /// Whether somebody waits for it: there are identifiers for such requests alone.
    pub(crate) goes_first: bool,
}

impl Ask {
    /// The request in the dialect of the NAS; a CoA-Request has identifiers alone where the dialect has no CoA.
    fn request(&self) -> dynamic::exchanges::Request<'_> {
        let (full, garden): (&[_], &[_]) = match &self.nas.dialect.change {
            Change::Coa { full, garden } => (full, garden),
            Change::Disconnect => (&[], &[]),
        };
        let Request::Move(asked) = self.request else {
            return dynamic::exchanges::Request::Disconnect;
        };
        dynamic::exchanges::Request::Change(dynamic::Changes {
            templates: match asked.to {
                Given::Full(_) => full,
                Given::Garden => garden,
            },
            fill: self.settings.fill(asked.to, asked.from),
            session_timeout_seconds: asked.session_timeout_seconds,
        })
    }
}

/// What came of asking a NAS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The NAS says it is done.
    Ack,
    /// The NAS refuses.
    Nak(Option<ErrorCause>),
    /// No answer, or none that could be verified.
    Silence,
    /// It could not be asked, for that reason.
    NotSent(String),
    /// It cannot be asked now, for that reason.
    Busy(&'static str),
    /// This process is stopping: whether it was asked nobody knows.
    Stopping,
}

/// What operators are told where all NASes together are asked too much.
const FULL: &str = "so many requests to all NASes are under way, or were in the last 300 seconds, that there is no room for another one; try again in a minute";
/// What operators are told of [`Outcome::Stopping`].
pub(crate) const STOPPING: &str = "garthd is stopping";
/// What operators are told where a NAS has no identifier left.
const NO_IDENTIFIER: &str = "this NAS was sent so many requests in the last 300 seconds that no identifier is free; try again in a minute";

/// What came of it, and what it took.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answered {
    pub(crate) outcome: Outcome,
    /// How often the request was sent.
    pub(crate) attempts: u8,
    /// From the first time to the answer or the end of patience.
    pub(crate) millis: u64,
}

impl Answered {
    /// Nothing was sent.
    pub(crate) fn not_sent(why: impl Into<String>) -> Self {
        Self::at_once(Outcome::NotSent(why.into()))
    }

    /// Nothing could be sent now.
    const fn busy(why: &'static str) -> Self {
        Self::at_once(Outcome::Busy(why))
    }

    const fn at_once(outcome: Outcome) -> Self {
        Self {
            outcome,
            attempts: 0,
            millis: 0,
        }
    }
}

/// What became of the requests to one NAS.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Count {
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) unanswered: u64,
}

/// What became of all requests, by the name of the NAS.
#[derive(Clone, Default)]
pub(crate) struct Counts(Arc<Mutex<BTreeMap<Arc<str>, Count>>>);

impl Counts {
    fn add(&self, nas: &Arc<str>, outcome: &Outcome) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(Arc::clone(nas)).or_default();
        match outcome {
            Outcome::Ack => count.acknowledged += 1,
            Outcome::Nak(_) => count.refused += 1,
            Outcome::Silence => count.unanswered += 1,
            Outcome::NotSent(_) | Outcome::Busy(_) | Outcome::Stopping => {}
        }
    }

    /// What became of the requests to that NAS.
    pub(crate) fn of(&self, nas: &str) -> Count {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(nas).copied().unwrap_or_default()
    }

    /// Of all of them.
    pub(crate) fn sum(&self) -> Count {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.values().fold(Count::default(), |sum, one| Count {
            acknowledged: sum.acknowledged + one.acknowledged,
            refused: sum.refused + one.refused,
            unanswered: sum.unanswered + one.unanswered,
        })
    }
}

/// Asks; every clone asks the same task.
#[derive(Clone)]
pub(crate) struct Client {
    asks: mpsc::Sender<Asked>,
    counts: Counts,
}

/// A request on its way to the task.
struct Asked {
    ask: Ask,
    answer: oneshot::Sender<Answered>,
}

impl Client {
    /// A client and the task that does its work; nothing is sent before that runs.
    pub(crate) fn new(now: task::Clock) -> (Self, Task) {
        Self::with_ports(SOURCE_PORTS, now)
    }

    /// The same with so many source ports, [`SOURCE_PORTS`] at most.
    pub(crate) fn with_ports(ports: u16, now: task::Clock) -> (Self, Task) {
        let (asks, asked) = mpsc::channel(ASKED_MAX);
        let counts = Counts::default();
        let client = Self {
            asks,
            counts: counts.clone(),
        };
        (client, Task::new(ports, asked, counts, now))
    }

    /// Asks, and waits for what the NAS says.
    pub(crate) async fn ask(&self, ask: Ask) -> Answered {
        let (answer, answered) = oneshot::channel();
        if self.asks.send(Asked { ask, answer }).await.is_err() {
            return Answered::at_once(Outcome::Stopping);
        }
        let answered = answered.await;
        answered.unwrap_or_else(|_| Answered::at_once(Outcome::Stopping))
    }

    /// What became of the requests so far.
    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Ack => Self::Ack,
            Answer::Nak(cause) => Self::Nak(cause),
        }
    }
}

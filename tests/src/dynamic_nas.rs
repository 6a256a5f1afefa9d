//! The NAS's end of CoA and Disconnect (RFC 5176), on the router: what came, and an answer if it is told to give one.
//!
//! It shares no code with the `radius` crate: two who read the same standard must agree.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use md5::{Digest as _, Md5};

use crate::garthd::SECRET;
use crate::namespace::Namespace;

const COA_REQUEST: u8 = 43;
const HEADER_LEN: usize = 20;
const VENDOR_SPECIFIC: u8 = 26;
/// How long the thread waits for a datagram until it looks whether it shall end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A request as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Came {
    /// Whether it is a CoA-Request; else a Disconnect-Request.
    pub is_coa: bool,
    /// Vendor, type and value of each attribute of a vendor.
    pub vendor: Vec<(u32, u8, Vec<u8>)>,
}

impl Came {
    /// The text of a vendor's attribute.
    pub fn text(&self, vendor: u32, kind: u8) -> Option<String> {
        let mut all = self.vendor.iter();
        let (_, _, value) = all.find(|(of, is, _)| (*of, *is) == (vendor, kind))?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

#[derive(Default)]
struct State {
    came: Mutex<Vec<Came>>,
    is_silent: AtomicBool,
    ends: AtomicBool,
}

/// A listener that acknowledges everything, or nothing.
pub struct DynamicNas {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl DynamicNas {
    /// Listens at `address` in `namespace`.
    ///
    /// # Errors
    ///
    /// When there is no socket.
    pub fn listen(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        let socket = namespace.enter(|| UdpSocket::bind(address).context("a UDP socket"))??;
        socket
            .set_read_timeout(Some(LOOK_EVERY))
            .context("a limit for reading")?;
        let state = Arc::new(State::default());
        let serving = Arc::clone(&state);
        let thread = thread::spawn(move || serve(&socket, &serving));
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Whether it answers from now on.
    pub fn answers(&self, answers: bool) {
        self.state.is_silent.store(!answers, Ordering::SeqCst);
    }

    /// All that came so far, repetitions too.
    pub fn came(&self) -> Vec<Came> {
        let came = self.state.came.lock();
        came.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for DynamicNas {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed.
            drop(thread.join());
        }
    }
}

fn serve(socket: &UdpSocket, state: &State) {
    let mut buffer = [0; 4_096];
    while !state.ends.load(Ordering::SeqCst) {
        let (len, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(_) => return,
        };
        let Some(came) = read(&buffer[..len]) else {
            continue;
        };
        let mut all = state.came.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(came);
        drop(all);
        if !state.is_silent.load(Ordering::SeqCst) {
            // A lost answer is asked for again.
            drop(socket.send_to(&acknowledged(&buffer[..len]), from));
        }
    }
}

/// A request that was made with the secret.
fn read(octets: &[u8]) -> Option<Came> {
    let (header, mut rest) = octets.split_at_checked(HEADER_LEN)?;
    let mut digest = Md5::new();
    digest.update(&header[..4]);
    digest.update([0; 16]);
    digest.update(rest);
    digest.update(SECRET);
    if digest.finalize()[..] != header[4..] {
        return None;
    }
    let mut vendor = Vec::new();
    while let [kind, len, ..] = rest {
        let (attribute, behind) = rest.split_at_checked(usize::from(*len))?;
        if *kind == VENDOR_SPECIFIC {
            let (number, value) = attribute[2..].split_first_chunk::<4>()?;
            vendor.push((
                u32::from_be_bytes(*number),
                *value.first()?,
                value.get(2..)?.to_vec(),
            ));
        }
        rest = behind;
    }
    Some(Came {
        is_coa: header[0] == COA_REQUEST,
        vendor,
    })
}

/// The ACK to a request: its code is the next one (RFC 5176 section 2.3).
fn acknowledged(request: &[u8]) -> Vec<u8> {
    let mut answer = vec![request[0] + 1, request[1], 0, 20];
    let mut digest = Md5::new();
    digest.update(&answer);
    digest.update(&request[4..HEADER_LEN]);
    digest.update(SECRET);
    answer.extend(digest.finalize());
    answer
}

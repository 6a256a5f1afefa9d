//! Requests under way at many NASes: identifiers, retransmissions, answers (RFC 5176, RFC 5080).
//!
//! Sans-IO: [`Exchanges::ask`] takes a request, [`Exchanges::poll`] says what to send and what was
//! given up, [`Exchanges::received`] takes what arrived. The caller owns the sockets, one for each
//! source port, and a clock that never goes back; a step back all the same only delays.
//!
//! An identifier serves one NAS and source port once in [`IDENTIFIER_REUSE_AFTER_SECONDS`], counted
//! from its last use: a NAS may take a request with an identifier it remembers for a repetition.
//!
//! Some ports, and as large a part of what all NASes together may have, are kept for requests that go first
//! ([`Ask::goes_first`]): however many others there have been, those have identifiers and room left.
//!
//! When full, [`Exchanges::ask`] says so and takes nothing: the caller keeps the request and asks
//! again when [`Exchanges::received`] or [`Exchanges::poll`] has ended another one.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{
    Answer, AnswerError, Changes, IDENTIFIER_REUSE_AFTER_SECONDS, RETRANSMIT_AFTER_SECONDS,
    RequestError, Sent, Session, encode_change, encode_disconnect,
};
use crate::UnixSeconds;
use crate::nas::Nas;
use crate::packet::{PACKET_LEN_MAX, Packet};

/// The most source ports.
pub const PORTS_MAX: u16 = 256;
/// One port of so many is for requests that go first alone; of fewer, none is.
pub const FIRST_OF_PORTS: u16 = 4;
/// The most requests under way; those that do not go first leave one of [`FIRST_OF_PORTS`] to the others.
pub const UNDER_WAY_MAX: usize = 4096;
/// The most identifiers that are remembered; 64 ports of 16 NASes at their most. Those that do not go first leave
/// one of [`FIRST_OF_PORTS`] to the others.
pub const REMEMBERED_MAX: usize = 262_144;

/// Milliseconds of a clock that never goes back, since any moment.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Millis(pub u64);

impl Millis {
    fn after_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

/// What a NAS is asked.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// To end the session.
    Disconnect,
    /// To change it.
    Change(Changes<'a>),
}

/// A request and everything it is made of.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Whom: its secret and its dialect.
    pub nas: &'a Arc<Nas>,
    /// Where it listens.
    pub to: SocketAddr,
    /// Which session.
    pub session: Session<'a>,
    /// What.
    pub request: Request<'a>,
    /// The time of day; retransmissions repeat it.
    pub event_timestamp: UnixSeconds,
    /// Whether it may leave from the ports that are kept for such requests: somebody waits for it.
    pub goes_first: bool,
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AskError {
    /// It cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// [`UNDER_WAY_MAX`] are under way, or [`REMEMBERED_MAX`] identifiers are remembered: less where it does not
    /// go first.
    #[error("too many requests are under way")]
    Full,
    /// Every identifier of every port that the request may leave from was used at this NAS a short time ago.
    #[error("no identifier is free at {0}")]
    NoIdentifier(SocketAddr),
    /// The NAS takes one request for a session at a time, and one is under way.
    #[error("another request for the session is under way")]
    SessionBusy,
}

/// What is to be done now.
#[derive(Debug, Eq, PartialEq)]
pub enum Due<'e, S> {
    /// Send this from a port.
    Send {
        /// Position of the source port.
        port: u16,
        /// Where to.
        to: SocketAddr,
        /// The whole datagram.
        datagram: &'e [u8],
    },
    /// The NAS did not answer.
    TimedOut(S),
}

/// Where a NAS listens: an IPv4-mapped address is its IPv4 address, scopes do not count.
type Listener = (IpAddr, u16);

/// What tells an answer's request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key {
    listener: Listener,
    port: u16,
    identifier: u8,
}

struct Exchange<S> {
    nas: Arc<Nas>,
    to: SocketAddr,
    sent: Sent,
    datagram: Box<[u8]>,
    session: S,
    /// How many times it was sent.
    transmissions: usize,
    due: Millis,
}

/// Requests under way. `S` names a session among all NASes, and an answer to the caller.
pub struct Exchanges<S> {
    ports: u16,
    under_way: HashMap<Key, Exchange<S>>,
    of_session: HashMap<S, Key>,
    due: BTreeSet<(Millis, Key)>,
    used: HashMap<(Listener, u16), Identifiers>,
    /// Identifiers after their use, in the order in which they become free.
    resting: VecDeque<(Millis, Key)>,
    /// The latest time seen.
    now: Millis,
}

impl<S: Clone + Eq + Hash> Exchanges<S> {
    /// None under way, for so many source ports: at least one, at most [`PORTS_MAX`].
    pub fn new(ports: u16) -> Self {
        Self {
            ports: ports.clamp(1, PORTS_MAX),
            under_way: HashMap::new(),
            of_session: HashMap::new(),
            due: BTreeSet::new(),
            used: HashMap::new(),
            resting: VecDeque::new(),
            now: Millis::default(),
        }
    }

    /// How many requests are under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether no request is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether a request for `session` is under way.
    pub fn is_under_way(&self, session: &S) -> bool {
        self.of_session.contains_key(session)
    }

    /// Takes a request; [`Self::poll`] sends it at once.
    ///
    /// Another request for the session that is under way is given up without a word: its
    /// retransmission could undo this one. Where the dialect has `one_change_at_a_time`, this one is
    /// refused instead.
    ///
    /// # Errors
    /// [`AskError`]; nothing has changed then.
    pub fn ask(&mut self, now: Millis, ask: &Ask<'_>, session: S) -> Result<(), AskError> {
        let now = self.advance(now);
        let earlier = self.of_session.get(&session).copied();
        if earlier.is_some() && ask.nas.dialect.one_change_at_a_time {
            return Err(AskError::SessionBusy);
        }
        let remembered = self.under_way.len() + self.resting.len();
        let room = |max| room_of(max, ask.goes_first);
        if self.under_way.len() >= room(UNDER_WAY_MAX) || remembered >= room(REMEMBERED_MAX) {
            return Err(AskError::Full);
        }
        let listener = listener(ask.to);
        let key = self
            .free_key(listener, ask.goes_first)
            .ok_or(AskError::NoIdentifier(ask.to))?;
        let mut buffer = [0; PACKET_LEN_MAX];
        let sent = encode(&mut buffer, key.identifier, ask)?;
        if let Some(earlier) = earlier {
            self.end(earlier);
        }
        let used = self.used.entry((listener, key.port)).or_default();
        used.take(key.identifier);
        self.of_session.insert(session.clone(), key);
        self.due.insert((now, key));
        let exchange = Exchange {
            nas: Arc::clone(ask.nas),
            to: ask.to,
            sent,
            datagram: buffer[..sent.len].into(),
            session,
            transmissions: 0,
            due: now,
        };
        self.under_way.insert(key, exchange);
        Ok(())
    }

    /// What is to be done at `now`; to be called until there is nothing.
    ///
    /// A request is sent, sent again after the first pauses of [`RETRANSMIT_AFTER_SECONDS`] and given
    /// up after the last. A jump of the clock shortens one pause; it skips no transmission.
    pub fn poll(&mut self, now: Millis) -> Option<Due<'_, S>> {
        let now = self.advance(now);
        let (due, key) = *self.due.first()?;
        if due > now {
            return None;
        }
        let transmissions = self.under_way.get(&key)?.transmissions;
        let Some(pause) = RETRANSMIT_AFTER_SECONDS.get(transmissions) else {
            return self.end(key).map(Due::TimedOut);
        };
        let next = now.after_seconds(*pause);
        self.due.remove(&(due, key));
        self.due.insert((next, key));
        let exchange = self.under_way.get_mut(&key)?;
        exchange.transmissions += 1;
        exchange.due = next;
        Some(Due::Send {
            port: key.port,
            to: exchange.to,
            datagram: &exchange.datagram,
        })
    }

    /// When [`Self::poll`] has something to do, if nothing arrives before.
    pub fn next_at(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes a datagram that arrived at a source port, and says whose answer it is.
    ///
    /// # Errors
    /// When it answers nothing that is under way, or is not made with the secret of its NAS. The
    /// request it claims to answer is still under way then.
    pub fn received(
        &mut self,
        now: Millis,
        port: u16,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(S, Answer), AnswerError> {
        self.advance(now);
        let packet = Packet::decode(datagram).map_err(AnswerError::Malformed)?;
        let identifier = packet.identifier();
        let key = Key {
            listener: listener(from),
            port,
            identifier,
        };
        let unasked = AnswerError::Unasked { port, identifier };
        let exchange = self.under_way.get(&key).ok_or(unasked)?;
        let answer = exchange.sent.answer(datagram, &exchange.nas.secret)?;
        let session = self.end(key).ok_or(unasked)?;
        Ok((session, answer))
    }

    /// Gives up the request for `session`, if one is under way: its goal has changed, or it is over.
    pub fn give_up(&mut self, session: &S) {
        if let Some(key) = self.of_session.get(session).copied() {
            self.end(key);
        }
    }

    /// Moves the time on, never back, and frees the identifiers that have rested.
    fn advance(&mut self, now: Millis) -> Millis {
        self.now = self.now.max(now);
        while let Some((until, key)) = self.resting.front().copied()
            && until <= self.now
        {
            self.resting.pop_front();
            let place = (key.listener, key.port);
            if let Some(used) = self.used.get_mut(&place) {
                used.free(key.identifier);
                if used.is_unused() {
                    self.used.remove(&place);
                }
            }
        }
        self.now
    }

    /// The first port with an identifier that is free at this NAS.
    fn free_key(&self, listener: Listener, goes_first: bool) -> Option<Key> {
        let kept = self.ports / FIRST_OF_PORTS;
        let ports = if goes_first {
            self.ports
        } else {
            self.ports - kept
        };
        (0..ports).find_map(|port| {
            let used = self.used.get(&(listener, port));
            let identifier = used.map_or(Some(0), Identifiers::first_free)?;
            Some(Key {
                listener,
                port,
                identifier,
            })
        })
    }

    /// Ends an exchange; its identifier rests from now on.
    fn end(&mut self, key: Key) -> Option<S> {
        let exchange = self.under_way.remove(&key)?;
        self.due.remove(&(exchange.due, key));
        self.of_session.remove(&exchange.session);
        let until = self.now.after_seconds(IDENTIFIER_REUSE_AFTER_SECONDS);
        self.resting.push_back((until, key));
        Some(exchange.session)
    }
}

/// How much of `max` a request may fill.
const fn room_of(max: usize, goes_first: bool) -> usize {
    // Widened: a constant can do no more.
    let kept = if goes_first {
        0
    } else {
        max / FIRST_OF_PORTS as usize
    };
    max - kept
}

fn encode(buffer: &mut [u8], identifier: u8, ask: &Ask<'_>) -> Result<Sent, RequestError> {
    let (nas, session, time) = (&ask.nas, &ask.session, ask.event_timestamp);
    match &ask.request {
        Request::Disconnect => {
            encode_disconnect(buffer, identifier, time, session, &nas.dialect, &nas.secret)
        }
        Request::Change(changes) => encode_change(
            buffer,
            identifier,
            time,
            session,
            &nas.dialect,
            changes,
            &nas.secret,
        ),
    }
}

fn listener(address: SocketAddr) -> Listener {
    (address.ip().to_canonical(), address.port())
}

/// Which identifiers of one NAS and port are under way or resting.
#[derive(Clone, Copy, Default)]
struct Identifiers([u64; 4]);

impl Identifiers {
    fn place(identifier: u8) -> (usize, u64) {
        let bits = u8::try_from(u64::BITS).expect("64 fits");
        (usize::from(identifier / bits), 1 << (identifier % bits))
    }

    fn take(&mut self, identifier: u8) {
        let (word, bit) = Self::place(identifier);
        self.0[word] |= bit;
    }

    fn free(&mut self, identifier: u8) {
        let (word, bit) = Self::place(identifier);
        self.0[word] &= !bit;
    }

    fn first_free(&self) -> Option<u8> {
        let mut words = (0_u8..).zip(self.0);
        let (word, taken) = words.find(|(_, taken)| *taken != u64::MAX)?;
        // Less than 64, as one bit is free.
        let bit = u8::try_from(taken.trailing_ones()).ok()?;
        Some(word * 64 + bit)
    }

    fn is_unused(&self) -> bool {
        self.0 == [0; 4]
    }
}

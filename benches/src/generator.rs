//! The generator: sends loads by windows or rates from one thread, and times every answer.
//!
//! It only sends, receives and copies while the clock runs; answers are verified afterwards
//! from memory that was touched before. A request without an answer is sent again and counted.
//! Latency by rate is from when a request *was due*, so a server that stalls pays for those
//! who waited behind (no coordinated omission).
//!
//! Not here: what is right for an answer (`packets`).

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use garth_radius::crypto::Secret;

use crate::clock;
use crate::packets::{IDENTIFIERS, Load, Promise, SLOTS, SOCKETS, secret, slot, verify};
use crate::sockets::{BATCH, BatchSocket, Received};

/// Nanoseconds after which a request without an answer is sent again; twice as many after every repetition,
/// as RFC 5080 section 2.2.1 has it, so that a slow server is not buried in repetitions.
const RESEND_AFTER: u64 = 1_000_000_000;
/// No more than so many nanoseconds pass between two repetitions.
const RESEND_AFTER_MAX: u64 = 16_000_000_000;
/// Nanoseconds between two looks for such requests.
const LOOK_EVERY: u64 = 5_000_000;
/// Nanoseconds without any answer after which a run has failed.
const GIVE_UP_AFTER: u64 = 40_000_000_000;
/// The longest answer that is kept, in octets.
pub const REPLY_LEN_MAX: usize = 256;
/// Requests of one call while flooding: few enough that answers to others are not looked for late.
const FLOOD_BATCH: usize = 8;
/// A slot in which nothing is outstanding.
const FREE: u32 = u32::MAX;

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many outstanding at most; the next when one was answered.
    Window(usize),
    /// So many a second, whatever becomes of them.
    Rate(u32),
    /// As fast as they can be sent, again and again.
    Flood,
}

/// One load on its way to one server.
#[derive(Clone, Copy)]
pub struct Stream<'a> {
    /// What is sent. By [`Pace::Flood`] and without answers, again and again.
    pub load: &'a Load,
    /// Where to.
    pub target: SocketAddrV4,
    /// Where from.
    pub source: Ipv4Addr,
    /// How fast.
    pub pace: Pace,
    /// What its answers promise; `None`: there are none.
    pub promise: Option<Promise>,
    /// No request is begun after that time.
    pub time_max: Duration,
}

/// What became of one stream.
pub struct Outcome {
    /// Requests sent, repetitions not counted.
    pub sent: usize,
    /// Requests sent again.
    pub resent: u64,
    /// Answers to nothing that was outstanding.
    pub stray: u64,
    /// From the first request to the last answer, in nanoseconds.
    pub elapsed: u64,
    /// Of every request, in nanoseconds, sorted.
    pub latencies: Vec<u64>,
    /// The first answer, for whoever wants to compare.
    pub first_reply: Vec<u8>,
}

/// Runs all streams side by side until each is through.
///
/// # Errors
/// When a server falls silent, or an answer is wrong: with counts.
pub fn run(streams: &[Stream<'_>]) -> Result<Vec<Outcome>> {
    let mut lanes = streams
        .iter()
        .map(|stream| Lane::new(*stream))
        .collect::<Result<Vec<_>>>()?;
    let begun = clock::now();
    loop {
        let mut busy = false;
        for lane in &mut lanes {
            lane.send(begun)?;
            lane.receive(begun)?;
            lane.look(begun)?;
            busy |= !lane.is_through(clock::nanos_since(begun));
        }
        if !busy {
            break;
        }
    }
    lanes.into_iter().map(Lane::finish).collect()
}

/// Sends the request with number `number` from `socket` until it is answered.
///
/// # Errors
/// When it is not within `limit`.
pub fn ask_once(
    load: &Load,
    number: usize,
    socket: &mut BatchSocket,
    limit: Duration,
) -> Result<Vec<u8>> {
    let mut received = Received::default();
    clock::wait_for("an answer", limit, || {
        // A port that nobody serves yet is refused; that is no answer, and no failure.
        if socket
            .send(std::iter::once(load.get(number)), &[None; BATCH])
            .is_ok()
            && socket.receive(&mut received, false).is_ok()
        {
            return Ok(received.datagrams().next().map(<[u8]>::to_vec));
        }
        Ok(None)
    })
}

/// A stream under way.
struct Lane<'a> {
    stream: Stream<'a>,
    secret: Secret,
    sockets: Vec<BatchSocket>,
    /// Outstanding requests of each socket.
    outstanding_at: [usize; SOCKETS],
    outstanding: usize,
    /// The outstanding request of each slot, or [`FREE`].
    slots: Vec<u32>,
    /// Slots in which a request was sent twice: a late second answer may meet the next request there.
    repeated: Vec<bool>,
    /// When what is outstanding in each slot is sent again, and how long was waited for that.
    resend_at: Vec<(u64, u64)>,
    /// When each request was sent or due, then its latency.
    times: Vec<u64>,
    replies: Vec<[u8; REPLY_LEN_MAX]>,
    reply_lens: Vec<u16>,
    received: Received,
    next: usize,
    resent: u64,
    stray: u64,
    last_answer: u64,
    last_look: u64,
}

impl<'a> Lane<'a> {
    fn new(stream: Stream<'a>) -> Result<Self> {
        ensure!(!stream.load.is_empty(), "a load without requests");
        let sockets = (0..SOCKETS)
            .map(|_| BatchSocket::connect(SocketAddrV4::new(stream.source, 0), stream.target))
            .collect::<Result<_>>()?;
        let count = if stream.promise.is_some() {
            stream.load.len()
        } else {
            0
        };
        // Filled with something: memory of zeros is taken from the kernel only when it is first written to.
        Ok(Self {
            stream,
            secret: secret(),
            sockets,
            outstanding_at: [0; SOCKETS],
            outstanding: 0,
            slots: vec![FREE; SLOTS],
            repeated: vec![false; SLOTS],
            resend_at: vec![(u64::MAX, RESEND_AFTER); SLOTS],
            times: vec![1; count],
            replies: vec![[1; REPLY_LEN_MAX]; count],
            reply_lens: vec![1; count],
            received: Received::default(),
            next: 0,
            resent: 0,
            stray: 0,
            last_answer: 0,
            last_look: 0,
        })
    }

    fn is_sent(&self, now: u64) -> bool {
        let endless = self.stream.promise.is_none();
        let time_max = u64::try_from(self.stream.time_max.as_nanos()).unwrap_or(u64::MAX);
        now >= time_max || (!endless && self.next == self.stream.load.len())
    }

    fn is_through(&self, now: u64) -> bool {
        self.outstanding == 0 && self.is_sent(now)
    }

    /// How many requests may be sent now, and the fewest that are worth a call.
    fn allowed(&self, now: u64) -> (usize, usize) {
        match self.stream.pace {
            Pace::Window(window) => {
                let step = window.min(BATCH);
                (window - self.outstanding.min(window), step)
            }
            Pace::Rate(rate) => {
                let due = u128::from(now) * u128::from(rate) / 1_000_000_000;
                let due = usize::try_from(due).expect("no run is so long");
                ((due + 1).saturating_sub(self.next), 1)
            }
            Pace::Flood => (FLOOD_BATCH, 1),
        }
    }

    fn send(&mut self, begun: Instant) -> Result<()> {
        loop {
            let now = clock::nanos_since(begun);
            if self.is_sent(now) {
                return Ok(());
            }
            let (allowed, step) = self.allowed(now);
            let left = match self.stream.promise {
                Some(_) => self.stream.load.len() - self.next,
                None => usize::MAX,
            };
            let room = left.min(BATCH - self.next % BATCH);
            let wanted = allowed.min(room);
            if wanted < step.min(room) || wanted == 0 {
                return Ok(());
            }
            let free = (self.next..self.next + wanted)
                .take_while(|number| self.slots[place(*number)] == FREE)
                .count();
            if free == 0 || self.send_run(free, now)? == 0 {
                return Ok(());
            }
            if self.stream.pace == Pace::Flood {
                return Ok(());
            }
        }
    }

    /// Sends the next `count` requests, which share a socket; returns how many were taken.
    fn send_run(&mut self, count: usize, now: u64) -> Result<usize> {
        let (socket, _) = slot(self.next);
        let load = self.stream.load;
        let requests = (self.next..self.next + count).map(|number| load.get(number % load.len()));
        let sent = self.sockets[socket].send(requests, &[None; BATCH])?;
        if self.stream.promise.is_some() {
            for number in self.next..self.next + sent {
                let at = place(number);
                self.slots[at] = u32::try_from(number).context("a load is too long")?;
                self.resend_at[at] = (now + RESEND_AFTER, RESEND_AFTER);
                self.times[number] = match self.stream.pace {
                    Pace::Rate(rate) => due(number, rate),
                    Pace::Window(_) | Pace::Flood => now,
                };
            }
            self.outstanding_at[socket] += sent;
            self.outstanding += sent;
        }
        self.next += sent;
        Ok(sent)
    }

    fn receive(&mut self, begun: Instant) -> Result<()> {
        for socket in 0..SOCKETS {
            while self.outstanding_at[socket] > 0 {
                self.sockets[socket].receive(&mut self.received, false)?;
                let now = clock::nanos_since(begun);
                let received = std::mem::take(&mut self.received);
                for reply in received.datagrams() {
                    self.answered(socket, reply, now);
                }
                let more = received.len() == BATCH;
                self.received = received;
                if !more {
                    break;
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, socket: usize, reply: &[u8], now: u64) {
        let Some(identifier) = reply.get(1) else {
            self.stray += 1;
            return;
        };
        let at = socket * IDENTIFIERS + usize::from(*identifier);
        let number = self.slots[at];
        if number == FREE || (self.repeated[at] && !self.is_right(number, reply)) {
            self.stray += 1;
            return;
        }
        let number = usize::try_from(number).expect("32 bits");
        // A longer answer is cut, and so does not verify.
        let len = reply.len().min(REPLY_LEN_MAX);
        self.replies[number][..len].copy_from_slice(&reply[..len]);
        self.reply_lens[number] = u16::try_from(len).expect("it was cut");
        self.times[number] = now.saturating_sub(self.times[number]);
        self.slots[at] = FREE;
        self.outstanding_at[socket] -= 1;
        self.outstanding -= 1;
        self.last_answer = now;
    }

    fn is_right(&self, number: u32, reply: &[u8]) -> bool {
        let number = usize::try_from(number).expect("32 bits");
        self.check(number, reply).is_ok()
    }

    fn check(&self, number: usize, reply: &[u8]) -> Result<()> {
        let load = self.stream.load;
        let promise = self.stream.promise.context("an answer to a flood")?;
        verify(reply, load.get(number), load.kind, promise, &self.secret)
    }

    /// Sends again what has waited long.
    fn look(&mut self, begun: Instant) -> Result<()> {
        let now = clock::nanos_since(begun);
        if self.outstanding == 0 || now < self.last_look + LOOK_EVERY {
            return Ok(());
        }
        self.last_look = now;
        let waiting: Vec<usize> = (0..SLOTS)
            .filter(|at| self.slots[*at] != FREE && now > self.resend_at[*at].0)
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if now > self.last_answer + GIVE_UP_AFTER {
            bail!(
                "{} of {} requests ({}) were never answered, {} were sent again",
                self.outstanding,
                self.next,
                self.stream.load.kind.title(),
                self.resent
            );
        }
        for at in waiting {
            let number = usize::try_from(self.slots[at]).expect("32 bits");
            let request = std::iter::once(self.stream.load.get(number));
            self.sockets[at / IDENTIFIERS].send(request, &[None; BATCH])?;
            let wait = (2 * self.resend_at[at].1).min(RESEND_AFTER_MAX);
            self.resend_at[at] = (now + wait, wait);
            self.repeated[at] = true;
            self.resent += 1;
        }
        Ok(())
    }

    /// Verifies every answer.
    fn finish(self) -> Result<Outcome> {
        let mut latencies = Vec::new();
        if self.stream.promise.is_some() {
            let mut wrong = 0;
            let mut first = None;
            for number in 0..self.next {
                let len = usize::from(self.reply_lens[number]);
                if let Err(error) = self.check(number, &self.replies[number][..len]) {
                    wrong += 1;
                    first.get_or_insert(error);
                }
            }
            if let Some(first) = first {
                let kind = self.stream.load.kind.title();
                return Err(first.context(format!(
                    "{wrong} of {} answers ({kind}) are wrong; the first",
                    self.next
                )));
            }
            latencies.extend_from_slice(&self.times[..self.next]);
            latencies.sort_unstable();
        }
        let first_reply = match (self.replies.first(), self.reply_lens.first()) {
            (Some(reply), Some(len)) => reply[..usize::from(*len)].to_vec(),
            _ => Vec::new(),
        };
        Ok(Outcome {
            sent: self.next,
            resent: self.resent,
            stray: self.stray,
            elapsed: self.last_answer,
            latencies,
            first_reply,
        })
    }
}

/// The slot of a request as one number.
fn place(number: usize) -> usize {
    let (socket, identifier) = slot(number);
    socket * IDENTIFIERS + usize::from(identifier)
}

/// When request `number` is due at `rate` a second, in nanoseconds.
fn due(number: usize, rate: u32) -> u64 {
    let nanos = u128::try_from(number).expect("64 bits") * 1_000_000_000 / u128::from(rate);
    u64::try_from(nanos).expect("no run is so long")
}

#[cfg(test)]
#[path = "generator_tests.rs"]
mod tests;

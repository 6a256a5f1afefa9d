//! A netfilter netlink socket: requests, dumps and batches, each answered before the call returns.
//!
//! The kernel works on a message while it is being sent, so the answers already wait when the
//! sending returns; [`ANSWER_WAIT`] is only a bound for a kernel that is at fault.
//!
//! Not here: what the messages say (`tables`, `conntrack`).

pub(crate) mod message;
pub(crate) mod tables;

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use message::{Message, Messages, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, Writer};

const NFNL_MSG_BATCH_BEGIN: u16 = 16;
const NFNL_MSG_BATCH_END: u16 = 17;
const SUBSYSTEM_NFTABLES: u16 = 10;

/// The kernel fills at most this much into one datagram of a dump.
const RECEIVE_LEN: usize = 64 * 1024;
/// Room for the largest batch; see `tables::RANGES_PER_TRANSACTION_MAX`.
const SEND_BUFFER_LEN: usize = 16 * 1024 * 1024;
/// Room for the error messages of a refused batch, each with a copy of its cause.
const RECEIVE_BUFFER_LEN: usize = 4 * 1024 * 1024;
/// How long an answer may take.
const ANSWER_WAIT: TimeValSeconds = 10;
/// How often a dump is begun again when a change elsewhere interrupts it.
const DUMP_ATTEMPTS_MAX: usize = 16;

type TimeValSeconds = i64;

/// A socket of the calling thread's network namespace.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

/// Messages that take effect together or not at all.
#[derive(Debug)]
pub(crate) struct Batch {
    writer: Writer,
    begin: u32,
    last: u32,
    empty: bool,
}

impl Socket {
    pub(crate) fn open() -> Result<Self, Errno> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkNetFilter,
        )?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER_LEN)?;
        setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER_LEN)?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(ANSWER_WAIT))?;
        Ok(Self {
            fd,
            sequence: 0,
            buffer: vec![0; RECEIVE_LEN],
        })
    }

    /// Sends one message and waits for its confirmation.
    pub(crate) fn request(
        &mut self,
        kind: u16,
        family: u8,
        fill: impl FnOnce(&mut Writer),
    ) -> Result<(), Errno> {
        let mut writer = Writer::default();
        let sequence = self.next_sequence();
        writer.begin(kind, 0, sequence, family, 0);
        fill(&mut writer);
        writer.ask_ack();
        self.send(writer.octets())?;
        self.until(|message| match message.kind {
            NLMSG_ERROR if message.sequence == sequence => Some(as_result(message.error_number())),
            _ => None,
        })?
    }

    /// Sends one message and hands the answer to `read`.
    pub(crate) fn get<T>(
        &mut self,
        kind: u16,
        family: u8,
        fill: impl FnOnce(&mut Writer),
        mut read: impl FnMut(Message<'_>) -> T,
    ) -> Result<T, Errno> {
        let mut writer = Writer::default();
        let sequence = self.next_sequence();
        writer.begin(kind, 0, sequence, family, 0);
        fill(&mut writer);
        self.send(writer.octets())?;
        self.until(|message| match message.kind {
            _ if message.sequence != sequence => None,
            NLMSG_ERROR => Some(Err(as_result(message.error_number())
                .err()
                .unwrap_or(Errno::EBADMSG))),
            _ => Some(Ok(read(message))),
        })?
    }

    /// Asks for all objects of a kind and hands each to `each`. When the kernel reports that the list
    /// changed meanwhile, `restart` is called and everything comes again.
    pub(crate) fn dump<S>(
        &mut self,
        (kind, family): (u16, u8),
        state: &mut S,
        fill: impl Fn(&mut Writer),
        restart: impl Fn(&mut S),
        mut each: impl FnMut(&mut S, Message<'_>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        for _ in 0..DUMP_ATTEMPTS_MAX {
            restart(state);
            let mut writer = Writer::default();
            let sequence = self.next_sequence();
            writer.begin(kind, NLM_F_DUMP, sequence, family, 0);
            fill(&mut writer);
            self.send(writer.octets())?;
            let mut interrupted = false;
            let mut failed = Ok(());
            let ended = self.until(|message| {
                if message.sequence != sequence {
                    return None;
                }
                interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                match message.kind {
                    NLMSG_ERROR | NLMSG_DONE => Some(as_result(message.error_number())),
                    _ => {
                        // The rest is read nevertheless, so that the socket is clean afterwards.
                        if failed.is_ok() {
                            failed = each(state, message);
                        }
                        None
                    }
                }
            })?;
            match ended {
                Err(Errno::EINTR | Errno::EAGAIN) => continue,
                other => other?,
            }
            if !interrupted {
                return failed;
            }
        }
        Err(Errno::EINTR)
    }

    /// An empty batch for [`Self::commit`].
    pub(crate) fn batch(&mut self) -> Batch {
        let mut writer = Writer::default();
        let begin = self.next_sequence();
        writer.begin(NFNL_MSG_BATCH_BEGIN, 0, begin, 0, SUBSYSTEM_NFTABLES);
        Batch {
            writer,
            begin,
            last: begin,
            empty: true,
        }
    }

    /// Begins the next message of `batch`.
    pub(crate) fn add<'a>(
        &mut self,
        batch: &'a mut Batch,
        kind: u16,
        flags: u16,
        family: u8,
    ) -> &'a mut Writer {
        batch.last = self.next_sequence();
        batch.empty = false;
        batch.writer.begin(kind, flags, batch.last, family, 0);
        &mut batch.writer
    }

    /// Makes the batch take effect. On an error nothing of it has.
    pub(crate) fn commit(&mut self, mut batch: Batch) -> Result<(), Errno> {
        if batch.empty {
            return Ok(());
        }
        // The confirmation of the last message comes after the commit and after every error.
        batch.writer.ask_ack();
        let end = self.next_sequence();
        batch
            .writer
            .begin(NFNL_MSG_BATCH_END, 0, end, 0, SUBSYSTEM_NFTABLES);
        self.send(batch.writer.octets())?;
        let mut outcome = Ok(());
        self.until(|message| {
            if message.kind != NLMSG_ERROR || message.sequence < batch.begin {
                return None;
            }
            let result = as_result(message.error_number());
            // A refused beginning (no permission, a failed commit) may be the only answer; what may
            // still follow it is skipped by its sequence number later.
            let ends = message.sequence == batch.last
                || (message.sequence == batch.begin && result.is_err());
            outcome = outcome.and(result);
            ends.then_some(())
        })?;
        outcome
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    fn send(&self, octets: &[u8]) -> Result<(), Errno> {
        let sent = send(self.fd.as_raw_fd(), octets, MsgFlags::empty())?;
        if sent == octets.len() {
            Ok(())
        } else {
            Err(Errno::EMSGSIZE)
        }
    }

    /// Hands every message of the kernel to `read` until it returns something.
    fn until<T>(&mut self, mut read: impl FnMut(Message<'_>) -> Option<T>) -> Result<T, Errno> {
        loop {
            let (length, from) =
                match recvfrom::<NetlinkAddr>(self.fd.as_raw_fd(), &mut self.buffer) {
                    Err(Errno::EINTR) => continue,
                    Err(Errno::EAGAIN) => return Err(Errno::ETIMEDOUT),
                    received => received?,
                };
            // Other processes may send to this socket too; the kernel's port is 0.
            if from.is_some_and(|from| from.pid() != 0) {
                continue;
            }
            // A datagram is read to its end even when its first message decides.
            let mut found = None;
            for message in Messages(&self.buffer[..length]) {
                if found.is_none() {
                    found = read(message);
                }
            }
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }
}

fn as_result(number: i32) -> Result<(), Errno> {
    if number == 0 {
        Ok(())
    } else {
        Err(Errno::from_raw(number))
    }
}

//! The floors: the least that any server must do for an answer.
//!
//! An echo costs what the kernel takes for two datagrams. The others add the MD5 that RFC 2865,
//! 2866 and 3579 demand, by the `md-5` crate, one block after the other, and nothing else: no lookup,
//! no duplicates, no checks of what is in the packet.

use std::net::SocketAddrV4;

use anyhow::Result;
use clap::ValueEnum;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

use crate::packets::SECRET;
use crate::sockets::{BATCH, BatchSocket, Received};

const HEADER_LEN: usize = 20;
const AUTHENTICATOR: std::ops::Range<usize> = 4..20;
/// Up to the end of a Message-Authenticator that is the first attribute, and its value.
const SIGNED_LEN: usize = HEADER_LEN + 18;
const SIGNATURE: std::ops::Range<usize> = 22..38;
const MESSAGE_AUTHENTICATOR: [u8; 2] = [80, 18];
/// Fills a reply up to its length: Class, which a NAS only keeps.
const CLASS: u8 = 25;
const USER_PASSWORD: u8 = 2;
const ACCESS_ACCEPT: u8 = 2;
const ACCOUNTING_RESPONSE: u8 = 5;
const ACCESS_REQUEST: u8 = 1;
/// The longest reply of a floor, which one attribute fills, in octets.
const REPLY_LEN_MAX: usize = HEADER_LEN + 255;

/// What a floor does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Work {
    /// Nothing: a reply with the right identifier.
    Echo,
    /// A PAP accept: two HMAC, one hidden block, one Response Authenticator.
    Pap,
    /// An Accounting-Response: Request and Response Authenticator.
    Accounting,
}

/// What a floor keeps between packets.
pub struct Floor {
    work: Work,
    /// The HMAC with its key already absorbed.
    keyed: Hmac<Md5>,
    reply_len: usize,
}

impl Floor {
    /// A floor whose replies have `reply_len` octets, [`Work::Pap`] 38 at least.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    pub fn new(work: Work, reply_len: usize) -> Self {
        let keyed = Hmac::new_from_slice(SECRET).expect("HMAC takes a key of any length");
        let least = if work == Work::Pap {
            SIGNED_LEN
        } else {
            HEADER_LEN
        };
        let reply_len = reply_len.clamp(least, HEADER_LEN + 255);
        Self {
            work,
            keyed,
            reply_len,
        }
    }

    /// Answers one request; returns the reply's length, or 0 where there is none.
    pub fn answer(&self, request: &[u8], reply: &mut [u8; REPLY_LEN_MAX]) -> usize {
        if request.len() < SIGNED_LEN {
            return 0;
        }
        let code = if request[0] == ACCESS_REQUEST {
            ACCESS_ACCEPT
        } else {
            ACCOUNTING_RESPONSE
        };
        self.frame(code, request[1], reply);
        let reply = &mut reply[..self.reply_len];
        match self.work {
            Work::Echo => {}
            Work::Pap => {
                if !self.is_signed(request) || !reveals(request) {
                    return 0;
                }
                let signature = self
                    .keyed
                    .clone()
                    .chain_update(&reply[..4])
                    .chain_update(&request[AUTHENTICATOR])
                    .chain_update(&reply[HEADER_LEN..])
                    .finalize();
                reply[SIGNATURE].copy_from_slice(&signature.into_bytes());
                let digest = digest(reply, &request[AUTHENTICATOR]);
                reply[AUTHENTICATOR].copy_from_slice(&digest);
            }
            Work::Accounting => {
                if digest(request, &[0; 16]) != request[AUTHENTICATOR] {
                    return 0;
                }
                let digest = digest(reply, &request[AUTHENTICATOR]);
                reply[AUTHENTICATOR].copy_from_slice(&digest);
            }
        }
        self.reply_len
    }

    /// Header and attributes with nothing signed.
    fn frame(&self, code: u8, identifier: u8, reply: &mut [u8; REPLY_LEN_MAX]) {
        let len = u16::try_from(self.reply_len)
            .expect("it was cut")
            .to_be_bytes();
        reply[..HEADER_LEN].fill(0);
        reply[..4].copy_from_slice(&[code, identifier, len[0], len[1]]);
        let mut at = HEADER_LEN;
        if self.work != Work::Accounting && self.reply_len >= SIGNED_LEN {
            reply[at..at + 2].copy_from_slice(&MESSAGE_AUTHENTICATOR);
            reply[SIGNATURE].fill(0);
            at = SIGNED_LEN;
        }
        if self.reply_len >= at + 2 {
            let len = u8::try_from(self.reply_len - at).expect("it was cut");
            reply[at..at + 2].copy_from_slice(&[CLASS, len]);
        }
    }

    /// Whether the Message-Authenticator, the first attribute, is right.
    fn is_signed(&self, request: &[u8]) -> bool {
        let right = self
            .keyed
            .clone()
            .chain_update(&request[..HEADER_LEN + 2])
            .chain_update([0; 16])
            .chain_update(&request[SIGNED_LEN..]);
        right.verify_slice(&request[SIGNATURE]).is_ok()
    }
}

/// Reveals the one block of User-Password; whether it looks like a password of ours.
fn reveals(request: &[u8]) -> bool {
    let mut at = SIGNED_LEN;
    while let (Some(kind), Some(len)) = (request.get(at), request.get(at + 1)) {
        let end = at + usize::from(*len);
        if *kind == USER_PASSWORD {
            let mask = Md5::new()
                .chain_update(SECRET)
                .chain_update(&request[AUTHENTICATOR])
                .finalize();
            let Some(hidden) = request.get(at + 2..end) else {
                return false;
            };
            return hidden.first().zip(mask.first()).map(|(a, b)| a ^ b) == Some(b'p');
        }
        at = end.max(at + 2);
    }
    false
}

fn digest(packet: &[u8], authenticator: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update(&packet[..4])
        .chain_update(authenticator)
        .chain_update(&packet[HEADER_LEN..])
        .chain_update(SECRET)
        .finalize()
        .into()
}

/// Serves at `address` until it is killed.
///
/// # Errors
/// When the kernel refuses.
pub fn serve(floor: &Floor, address: SocketAddrV4) -> Result<()> {
    let mut socket = BatchSocket::bind(address)?;
    let mut received = Received::default();
    let mut replies = [[0; REPLY_LEN_MAX]; BATCH];
    loop {
        socket.receive(&mut received, true)?;
        let mut lens = [0; BATCH];
        for ((request, reply), len) in received.datagrams().zip(&mut replies).zip(&mut lens) {
            *len = floor.answer(request, reply);
        }
        // A request that is not answered is one that the generator did not send.
        let mut peers = [None; BATCH];
        let mut answered = [&[][..]; BATCH];
        let mut count = 0;
        for ((reply, len), peer) in replies.iter().zip(lens).zip(received.peers()) {
            if len > 0 && count < received.len() {
                answered[count] = &reply[..len];
                peers[count] = *peer;
                count += 1;
            }
        }
        socket.send(answered[..count].iter().copied(), &peers)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::{Kind, Load, Promise, secret, verify};
    use crate::population::Population;

    fn answered(work: Work, kind: Kind) -> Option<(Load, Vec<u8>)> {
        let load = Load::new(kind, 1, Population::new(10), 1);
        let mut reply = [0; REPLY_LEN_MAX];
        let len = Floor::new(work, 90).answer(load.get(0), &mut reply);
        (len > 0).then(|| (load, reply[..len].to_vec()))
    }

    #[test]
    fn what_a_floor_signs_is_right() {
        for (work, kind) in [(Work::Pap, Kind::Pap), (Work::Accounting, Kind::Accounting)] {
            let (load, reply) = answered(work, kind).unwrap();
            assert_eq!(reply.len(), 90);
            verify(&reply, load.get(0), kind, Promise::Signed, &secret()).unwrap();
        }
    }

    #[test]
    fn a_floor_does_the_verifying_it_is_there_for() {
        assert!(answered(Work::Pap, Kind::BadAuthenticator).is_none());
        assert!(answered(Work::Pap, Kind::Reject).is_none());
        assert!(answered(Work::Echo, Kind::BadAuthenticator).is_some());
    }
}

//! A small RADIUS client of the lab's own, for thousands of requests: PAP and accounting (RFC 2865, 2866).
//!
//! It shares no code with the `radius` crate: two who read the same standard must agree.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

use crate::garthd::SECRET;
use crate::namespace::Namespace;

const HEADER_LEN: usize = 20;
const AUTHENTICATOR: std::ops::Range<usize> = 4..20;

/// Packet codes (RFC 2865 section 3, RFC 2866 section 3).
pub mod code {
    /// Access-Request.
    pub const ACCESS_REQUEST: u8 = 1;
    /// Access-Accept.
    pub const ACCESS_ACCEPT: u8 = 2;
    /// Access-Reject.
    pub const ACCESS_REJECT: u8 = 3;
    /// Accounting-Request.
    pub const ACCOUNTING_REQUEST: u8 = 4;
    /// Accounting-Response.
    pub const ACCOUNTING_RESPONSE: u8 = 5;
}

/// Attribute numbers used here.
mod attribute {
    pub(super) const USER_NAME: u8 = 1;
    pub(super) const USER_PASSWORD: u8 = 2;
    pub(super) const NAS_PORT: u8 = 5;
    pub(super) const ACCT_STATUS_TYPE: u8 = 40;
    pub(super) const ACCT_OUTPUT_OCTETS: u8 = 43;
    pub(super) const ACCT_SESSION_ID: u8 = 44;
    pub(super) const MESSAGE_AUTHENTICATOR: u8 = 80;
}

/// Acct-Status-Type (RFC 2866 section 5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// A session begins.
    Start,
    /// It goes on.
    Interim,
    /// It ended.
    Stop,
}

impl Status {
    fn number(self) -> u32 {
        match self {
            Self::Start => 1,
            Self::Stop => 2,
            Self::Interim => 3,
        }
    }
}

/// One socket of a NAS.
pub struct Client {
    socket: UdpSocket,
    identifier: u8,
    last_request: Vec<u8>,
    last_reply: Vec<u8>,
}

impl Client {
    /// A client in `namespace` that talks to `port` of garthd and waits `timeout` for an answer.
    ///
    /// # Errors
    ///
    /// When there is no socket.
    pub fn connect(namespace: &Namespace, port: u16, timeout: Duration) -> Result<Self> {
        let socket = namespace.enter(|| -> Result<UdpSocket> {
            let socket = UdpSocket::bind("127.0.0.1:0").context("a UDP socket")?;
            socket.connect(("127.0.0.1", port)).context("its peer")?;
            Ok(socket)
        })??;
        socket
            .set_read_timeout(Some(timeout))
            .context("a limit for reading")?;
        Ok(Self {
            socket,
            identifier: 0,
            last_request: Vec::new(),
            last_reply: Vec::new(),
        })
    }

    /// The code of the answer to a PAP login, or nothing when none came in time.
    ///
    /// # Errors
    ///
    /// When an answer does not verify.
    pub fn pap(&mut self, user: &str, password: &str) -> Result<Option<u8>> {
        // Unpredictable it need not be here: the answer is checked against it all the same.
        let seed = [user.as_bytes(), &[self.identifier]].concat();
        let request_authenticator: [u8; 16] = Md5::digest(seed).into();
        let mut packet = self.header(code::ACCESS_REQUEST);
        packet[AUTHENTICATOR].copy_from_slice(&request_authenticator);
        push(&mut packet, attribute::MESSAGE_AUTHENTICATOR, &[0; 16]);
        let signature = HEADER_LEN + 2..HEADER_LEN + 18;
        push(&mut packet, attribute::USER_NAME, user.as_bytes());
        push(
            &mut packet,
            attribute::USER_PASSWORD,
            &hide(password, &request_authenticator)?,
        );
        push(&mut packet, attribute::NAS_PORT, &1u32.to_be_bytes());
        finish(&mut packet)?;
        let mut mac = Hmac::<Md5>::new_from_slice(SECRET.as_bytes()).context("a key")?;
        mac.update(&packet);
        packet[signature].copy_from_slice(&mac.finalize().into_bytes());
        self.exchange(packet)
    }

    /// Sends the last request again, octet for octet; whether the same octets answer it in time.
    ///
    /// # Errors
    ///
    /// When an answer does not verify.
    pub fn repeats_its_reply(&mut self) -> Result<bool> {
        let first = self.last_reply.clone();
        let answered = self.exchange(self.last_request.clone())?.is_some();
        Ok(answered && self.last_reply == first)
    }

    /// Whether garthd acknowledged an accounting record in time.
    ///
    /// # Errors
    ///
    /// When an answer does not verify.
    pub fn account(
        &mut self,
        status: Status,
        user: &str,
        session: &str,
        output_octets: u32,
    ) -> Result<bool> {
        let mut packet = self.header(code::ACCOUNTING_REQUEST);
        push(
            &mut packet,
            attribute::ACCT_STATUS_TYPE,
            &status.number().to_be_bytes(),
        );
        push(&mut packet, attribute::USER_NAME, user.as_bytes());
        push(&mut packet, attribute::ACCT_SESSION_ID, session.as_bytes());
        push(
            &mut packet,
            attribute::ACCT_OUTPUT_OCTETS,
            &output_octets.to_be_bytes(),
        );
        finish(&mut packet)?;
        let digest = Md5::new()
            .chain_update(&packet)
            .chain_update(SECRET)
            .finalize();
        packet[AUTHENTICATOR].copy_from_slice(&digest);
        Ok(self.exchange(packet)? == Some(code::ACCOUNTING_RESPONSE))
    }

    fn header(&mut self, code: u8) -> Vec<u8> {
        self.identifier = self.identifier.wrapping_add(1);
        let mut packet = vec![0; HEADER_LEN];
        packet[0] = code;
        packet[1] = self.identifier;
        packet
    }

    /// Sends `request` once; answers to earlier requests are passed over.
    fn exchange(&mut self, request: Vec<u8>) -> Result<Option<u8>> {
        self.last_request = request;
        let request = &self.last_request;
        // Nobody listens while garthd starts again: that is silence, too.
        if self.socket.send(request).is_err() {
            return Ok(None);
        }
        let mut reply = [0; 4096];
        loop {
            let Ok(length) = self.socket.recv(&mut reply) else {
                return Ok(None);
            };
            let reply = &reply[..length];
            if length < HEADER_LEN {
                bail!("an answer of {length} octets");
            }
            if reply[1] != request[1] {
                continue;
            }
            let expected = Md5::new()
                .chain_update(&reply[..4])
                .chain_update(&request[AUTHENTICATOR])
                .chain_update(&reply[HEADER_LEN..])
                .chain_update(SECRET)
                .finalize();
            if expected[..] != reply[AUTHENTICATOR] {
                bail!("an answer with a wrong Response Authenticator");
            }
            self.last_reply = reply.to_vec();
            return Ok(Some(reply[0]));
        }
    }
}

fn push(packet: &mut Vec<u8>, attribute: u8, value: &[u8]) {
    let length = u8::try_from(value.len() + 2).expect("attributes of the lab are short");
    packet.extend_from_slice(&[attribute, length]);
    packet.extend_from_slice(value);
}

fn finish(packet: &mut [u8]) -> Result<()> {
    let length = u16::try_from(packet.len()).context("a packet of the lab is short")?;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// User-Password of up to 16 octets (RFC 2865 section 5.2).
fn hide(password: &str, request_authenticator: &[u8; 16]) -> Result<[u8; 16]> {
    let mut hidden: [u8; 16] = Md5::new()
        .chain_update(SECRET)
        .chain_update(request_authenticator)
        .finalize()
        .into();
    if password.len() > hidden.len() {
        bail!("passwords of the lab have 16 octets at most");
    }
    for (octet, plain) in hidden.iter_mut().zip(password.bytes()) {
        *octet ^= plain;
    }
    Ok(hidden)
}

//! A small RADIUS client of the lab's own, for thousands of requests: PAP and accounting (RFC 2865, 2866).
//!
//! Its octets are those of [`wire`], which shares no code with the `radius` crate.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::garthd::SECRET;
use crate::namespace::Namespace;
pub use crate::wire::code;
use crate::wire::{self, Request, attribute};

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
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self::connect_to(namespace, here(0), here(port), timeout)
    }

    /// The same, from one address to another: answers from elsewhere are not heard.
    ///
    /// # Errors
    ///
    /// When there is no socket.
    pub fn connect_to(
        namespace: &Namespace,
        from: SocketAddr,
        to: SocketAddr,
        timeout: Duration,
    ) -> Result<Self> {
        let socket = namespace.enter(|| -> Result<UdpSocket> {
            let socket = UdpSocket::bind(from).context("a UDP socket")?;
            socket.connect(to).context("its peer")?;
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
        let mut request = self.request(code::ACCESS_REQUEST);
        // The same login is the same request: unpredictable it need not be here.
        request.authenticator = Request::digest(&[user.as_bytes(), &[request.identifier]].concat());
        let request = request
            .with_message_authenticator()
            .with(attribute::USER_NAME, user.as_bytes())
            .with_pap(password.as_bytes(), SECRET.as_bytes())
            .with_integer(attribute::NAS_PORT, 1);
        self.exchange(request.signed(SECRET.as_bytes()))
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
        let request = self
            .request(code::ACCOUNTING_REQUEST)
            .with_integer(attribute::ACCT_STATUS_TYPE, status.number())
            .with(attribute::USER_NAME, user.as_bytes())
            .with(attribute::ACCT_SESSION_ID, session.as_bytes())
            .with_integer(attribute::ACCT_OUTPUT_OCTETS, output_octets);
        let reply = self.exchange(request.signed(SECRET.as_bytes()))?;
        Ok(reply == Some(code::ACCOUNTING_RESPONSE))
    }

    fn request(&mut self, code: u8) -> Request {
        self.identifier = self.identifier.wrapping_add(1);
        Request::new(code, self.identifier.into())
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
            if length < wire::HEADER_LEN {
                bail!("an answer of {length} octets");
            }
            if reply[1] != request[1] {
                continue;
            }
            let authenticator = wire::authenticator(request);
            if !wire::reply_is_genuine(reply, request[1], &authenticator, SECRET.as_bytes()) {
                bail!("an answer that is not signed right");
            }
            self.last_reply = reply.to_vec();
            return Ok(Some(reply[0]));
        }
    }
}

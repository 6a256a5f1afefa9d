//! A socket of a NAS that sends any octets, and knows when all of them were looked at.
//!
//! One source port always meets the same worker of garthd, which takes its datagrams in order, some at a time, and
//! answers those it has taken, in any order, before it takes more. So two requests of our own after the others are
//! markers: the answer to the first says that all were taken, the answer to the second, which was sent only then,
//! that all answers are here. Silence is proven without waiting for it.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::socket::{setsockopt, sockopt};

use crate::garthd::SECRET;
use crate::namespace::Namespace;
use crate::wire::{self, Request, code};

/// The two ports of garthd in the lab.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Port {
    /// Authentication.
    Auth,
    /// Accounting.
    Acct,
}

impl Port {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Auth, Self::Acct];

    /// Its number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Auth => 1812,
            Self::Acct => 1813,
        }
    }
}

/// How long garthd may take to answer a marker on a busy machine.
const MARKER_MAX: Duration = Duration::from_secs(20);

/// Numbers of markers begin here: their authenticators differ from those of all other requests.
const FIRST_MARKER: u64 = 1 << 48;

/// Room for the answers that come while requests are still being sent, in octets.
const RECEIVE_BUFFER_LEN: usize = 4 << 20;

/// The identifier that all markers have.
const MARKER_IDENTIFIER: u8 = 255;

/// One socket of a NAS, to one port of garthd.
pub struct Raw {
    socket: UdpSocket,
    markers: u64,
}

impl Raw {
    /// A socket in `namespace` at the address `source`, that talks to `port` of garthd.
    ///
    /// # Errors
    ///
    /// When there is no socket.
    pub fn connect(namespace: &Namespace, source: &str, port: Port) -> Result<Self> {
        let source: SocketAddr = format!("{source}:0").parse().context("an address")?;
        let socket = namespace.enter(|| -> Result<UdpSocket> {
            let socket = UdpSocket::bind(source).context("a UDP socket")?;
            socket
                .connect(("127.0.0.1", port.number()))
                .context("its peer")?;
            Ok(socket)
        })??;
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_LEN).context("room")?;
        socket
            .set_read_timeout(Some(MARKER_MAX))
            .context("a limit for reading")?;
        Ok(Self {
            socket,
            markers: FIRST_MARKER,
        })
    }

    /// Sends the datagrams in one go and returns what is answered to them, in any order.
    ///
    /// Few enough of them for the kernel's queues: it drops what does not fit.
    ///
    /// # Errors
    ///
    /// When garthd does not answer the markers behind them.
    pub fn answers<'a>(
        &mut self,
        datagrams: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Vec<u8>>> {
        for datagram in datagrams {
            self.socket.send(datagram).context("sending a datagram")?;
        }
        let mut answers = Vec::new();
        self.pass_marker(&mut answers)?;
        self.pass_marker(&mut answers)?;
        Ok(answers)
    }

    /// Sends a marker and takes answers until its own comes.
    fn pass_marker(&mut self, answers: &mut Vec<Vec<u8>>) -> Result<()> {
        self.markers += 1;
        let mut marker =
            Request::new(code::STATUS_SERVER, self.markers).with_message_authenticator();
        marker.identifier = MARKER_IDENTIFIER;
        let marker = marker.signed(SECRET.as_bytes());
        self.socket.send(&marker).context("sending a marker")?;
        // One octet more than the longest packet: a longer answer must not look right.
        let mut buffer = [0; wire::PACKET_LEN_MAX + 1];
        loop {
            let length = self.socket.recv(&mut buffer);
            let answer = &buffer[..length.context("garthd does not answer any more")?];
            if answers_to(answer, &marker) {
                return Ok(());
            }
            answers.push(answer.to_vec());
        }
    }

    /// The one answer to one datagram, or nothing.
    ///
    /// # Errors
    ///
    /// See [`Self::answers`]; also when there are two.
    pub fn answer(&mut self, datagram: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut answers = self.answers([datagram])?;
        if answers.len() > 1 {
            bail!("{} answers to one datagram", answers.len());
        }
        Ok(answers.pop())
    }
}

/// Whether garthd made `answer` for `request`.
pub fn answers_to(answer: &[u8], request: &[u8]) -> bool {
    let authenticator = wire::authenticator(request);
    wire::reply_is_genuine(answer, request[1], &authenticator, SECRET.as_bytes())
}

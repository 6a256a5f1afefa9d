//! Who is measured: garthd, FreeRADIUS, and the floors, each in a folder of its own on ports of its own.

pub mod floor;
pub mod freeradius;
pub mod garthd;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::unistd::Pid;

use crate::clock;
use crate::generator::ask_once;
use crate::packets::{Kind, Load, Promise};
use crate::population::Population;
use crate::process::Process;
use crate::sockets::BatchSocket;

/// Outstanding Accounting-Requests at saturation: what one commit of garthd can take, four times.
pub(crate) const ACCT_WINDOW: usize = 1024;
/// How long a server may take to its first answer. Ten million subscribers are read before it.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(600);

/// A running server.
pub struct Server {
    /// What it is called in the figures.
    pub name: String,
    /// Where it answers Access-Requests.
    pub auth: SocketAddrV4,
    /// Where it answers Accounting-Requests.
    pub acct: SocketAddrV4,
    /// How many Accounting-Requests are outstanding at saturation.
    pub acct_window: usize,
    /// What its answers promise.
    pub promise: Promise,
    /// From its start to its first right answer.
    pub first_answer: Duration,
    pub(crate) process: Process,
}

impl Server {
    /// Its process.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Where it answers requests of `kind`.
    pub const fn address(&self, kind: Kind) -> SocketAddrV4 {
        match kind {
            Kind::Accounting => self.acct,
            Kind::Pap
            | Kind::Chap
            | Kind::Reject
            | Kind::Garden
            | Kind::UnknownUser
            | Kind::BadAuthenticator => self.auth,
        }
    }

    /// That it still runs.
    ///
    /// # Errors
    /// That it ended, with its last words.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }
}

/// Two UDP ports of loopback that nobody has.
///
/// # Errors
/// When the kernel gives none.
pub fn free_ports() -> Result<[SocketAddrV4; 2]> {
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let sockets = [UdpSocket::bind(any)?, UdpSocket::bind(any)?];
    let mut ports = [any; 2];
    for (port, socket) in ports.iter_mut().zip(&sockets) {
        let SocketAddr::V4(address) = socket.local_addr().context("an own address")? else {
            bail!("an IPv4 socket has an IPv4 address");
        };
        *port = address;
    }
    Ok(ports)
}

/// Asks one request of `kind` until it is answered; returns the answer and the time since `begun`.
///
/// # Errors
/// When it is not within ten minutes, or the server ended.
pub fn first_answer(
    process: &mut Process,
    target: SocketAddrV4,
    kind: Kind,
    population: Population,
    begun: Instant,
) -> Result<(Vec<u8>, Duration)> {
    // A seed of its own: no server has seen this request before.
    let load = Load::new(
        kind,
        1,
        population,
        clock::nanos_since(begun) ^ u64::from(target.port()),
    );
    let mut socket = BatchSocket::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), target)?;
    let pause = Duration::from_millis(50);
    loop {
        match ask_once(&load, 0, &mut socket, pause) {
            Ok(reply) => return Ok((reply, clock::now() - begun)),
            Err(error) if clock::now() - begun > FIRST_ANSWER_MAX => {
                return Err(error.context("the server's first answer"));
            }
            Err(_) => process.check()?,
        }
    }
}

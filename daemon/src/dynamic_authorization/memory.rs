//! Datagrams in memory, in place of UDP: what the tests of this module and of the follower run over.
//!
//! Those tests have a clock that leaps to the next instant as soon as nobody has anything to do. A datagram on
//! the loopback device may be in nobody's hands for a while, on its way through a kernel that is busy; the clock
//! would leap over the answer, and what was asked would be asked again. Here a datagram has arrived when it is
//! sent. What is sent to where nobody is, is lost, as is what does not fit.
//!
//! Not here: the network's own behaviour. Over real sockets are the whole-program tests.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// Datagrams that wait at one socket.
const WAITING_MAX: usize = 1_024;
/// Where the ports begin that are given to who asks for none.
const FIRST_PORT: u16 = 1_024;

type Datagram = (Box<[u8]>, SocketAddr);

/// Where the datagrams to each address go.
static BOUND: Mutex<BTreeMap<SocketAddr, mpsc::Sender<Datagram>>> = Mutex::new(BTreeMap::new());

fn bound() -> MutexGuard<'static, BTreeMap<SocketAddr, mpsc::Sender<Datagram>>> {
    BOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `tokio::net::UdpSocket` is to the program.
pub(crate) struct UdpSocket {
    address: SocketAddr,
    arrived: tokio::sync::Mutex<mpsc::Receiver<Datagram>>,
}

impl UdpSocket {
    /// A socket at `at`; port 0 is a port that is free, the unspecified address is that of loopback.
    pub(crate) async fn bind(at: impl Into<SocketAddr>) -> io::Result<Self> {
        let mut address = at.into();
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        let mut bound = bound();
        if address.port() == 0 {
            let mut ports = FIRST_PORT..=u16::MAX;
            let is_free = |port: &u16| !bound.contains_key(&SocketAddr::new(address.ip(), *port));
            let port = ports.find(is_free).ok_or(io::ErrorKind::AddrInUse)?;
            address.set_port(port);
        } else if bound.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, arrived) = mpsc::channel(WAITING_MAX);
        bound.insert(address, sender);
        Ok(Self {
            address,
            arrived: arrived.into(),
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    pub(crate) async fn send_to(&self, octets: &[u8], to: SocketAddr) -> io::Result<usize> {
        if let Some(peer) = bound().get(&to) {
            // One that does not fit is lost.
            drop(peer.try_send((octets.into(), self.address)));
        }
        Ok(octets.len())
    }

    pub(crate) async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.arrived.lock().await.recv().await;
        let (octets, from) = arrived.expect("a socket that is there is in the table");
        let len = octets.len().min(buffer.len());
        buffer[..len].copy_from_slice(&octets[..len]);
        Ok((len, from))
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        bound().remove(&self.address);
    }
}

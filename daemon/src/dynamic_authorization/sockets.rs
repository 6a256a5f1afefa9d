//! The source ports: bound when the first request leaves from them, read by a task each.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use garth_radius::packet::PACKET_LEN_MAX;
#[cfg(not(test))]
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::SOURCE_PORTS;
#[cfg(test)]
use super::memory::UdpSocket;

/// The most datagrams that wait for the task; what is beyond waits in the sockets' buffers.
const ARRIVED_MAX: usize = 256;

/// The pause after an error.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// A datagram that arrived.
pub(super) struct Arrived {
    /// Position of the source port.
    pub(super) port: u16,
    pub(super) from: SocketAddr,
    pub(super) octets: Box<[u8]>,
}

/// The sockets of both address families. They end with it.
pub(super) struct Sockets {
    v4: Vec<Option<Arc<UdpSocket>>>,
    v6: Vec<Option<Arc<UdpSocket>>>,
    sender: mpsc::Sender<Arrived>,
    readers: JoinSet<()>,
}

impl Sockets {
    /// None bound yet, and where arrives what they receive.
    pub(super) fn new() -> (Self, mpsc::Receiver<Arrived>) {
        let (sender, arrived) = mpsc::channel(ARRIVED_MAX);
        let none = vec![None; usize::from(SOURCE_PORTS)];
        let sockets = Self {
            v4: none.clone(),
            v6: none,
            sender,
            readers: JoinSet::new(),
        };
        (sockets, arrived)
    }

    /// Sends `datagram` from the port at that position.
    ///
    /// # Errors
    /// The system's, if there is no socket or it does not take it.
    pub(super) async fn send(
        &mut self,
        port: u16,
        to: SocketAddr,
        datagram: &[u8],
    ) -> io::Result<()> {
        let socket = self.socket(port, to).await?;
        socket.send_to(datagram, to).await.map(|_| ())
    }

    async fn socket(&mut self, port: u16, to: SocketAddr) -> io::Result<Arc<UdpSocket>> {
        let (family, any): (_, SocketAddr) = match to {
            SocketAddr::V4(_) => (&mut self.v4, (Ipv4Addr::UNSPECIFIED, 0).into()),
            SocketAddr::V6(_) => (&mut self.v6, (Ipv6Addr::UNSPECIFIED, 0).into()),
        };
        let place = family
            .get_mut(usize::from(port))
            .expect("there are as many exchanges' ports as places");
        if let Some(socket) = place {
            return Ok(Arc::clone(socket));
        }
        let socket = Arc::new(UdpSocket::bind(any).await?);
        *place = Some(Arc::clone(&socket));
        let reader = read(port, Arc::clone(&socket), self.sender.clone());
        self.readers.spawn(reader);
        Ok(socket)
    }
}

/// Hands on what arrives, until nobody takes it any more.
async fn read(port: u16, socket: Arc<UdpSocket>, sender: mpsc::Sender<Arrived>) {
    let mut buffer = [0; PACKET_LEN_MAX];
    loop {
        // An error is what ICMP says to something sent before: the request is sent again anyway.
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(ERROR_PAUSE).await;
            continue;
        };
        let arrived = Arrived {
            port,
            from,
            octets: buffer.get(..len).unwrap_or_default().into(),
        };
        if sender.send(arrived).await.is_err() {
            return;
        }
    }
}

//! UDP sockets that send and receive up to [`BATCH`] datagrams by one system call.
//!
//! The generator has one for each source port; the floors serve with one. All buffers
//! are made once.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

/// Datagrams of one system call, as many as garthd's authentication takes.
pub const BATCH: usize = 32;
/// The longest RADIUS packet, in octets.
const DATAGRAM_LEN_MAX: usize = 4096;
/// Asked of the kernel for each socket, in octets, as garthd does.
const RECEIVE_BUFFER_LEN: usize = 4 << 20;

/// What one receive call brought.
pub struct Received {
    buffers: Box<[[u8; DATAGRAM_LEN_MAX]]>,
    lens: [usize; BATCH],
    peers: [Option<SockaddrIn>; BATCH],
    count: usize,
    headers: MultiHeaders<SockaddrIn>,
}

impl Default for Received {
    fn default() -> Self {
        Self {
            buffers: vec![[0; DATAGRAM_LEN_MAX]; BATCH].into_boxed_slice(),
            lens: [0; BATCH],
            peers: [None; BATCH],
            count: 0,
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }
}

impl Received {
    /// How many datagrams there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The datagrams in the order of their arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.buffers
            .iter()
            .zip(self.lens)
            .map(|(buffer, len)| &buffer[..len])
            .take(self.count)
    }

    /// Who sent each; nobody on a connected socket.
    pub const fn peers(&self) -> &[Option<SockaddrIn>; BATCH] {
        &self.peers
    }
}

/// A socket and what its system calls need.
pub struct BatchSocket {
    socket: UdpSocket,
    headers: MultiHeaders<SockaddrIn>,
}

impl BatchSocket {
    /// A socket at `local`; port 0 is any.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn bind(local: SocketAddrV4) -> Result<Self> {
        let socket =
            Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).context("a UDP socket")?;
        socket
            .set_recv_buffer_size(RECEIVE_BUFFER_LEN)
            .context("its receive buffer")?;
        socket
            .bind(&SocketAddr::V4(local).into())
            .with_context(|| format!("binding {local}"))?;
        Ok(Self {
            socket: socket.into(),
            headers: MultiHeaders::preallocate(BATCH, None),
        })
    }

    /// A socket at `local` that speaks with `peer` alone.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn connect(local: SocketAddrV4, peer: SocketAddrV4) -> Result<Self> {
        let socket = Self::bind(local)?;
        socket
            .socket
            .connect(peer)
            .with_context(|| format!("connecting to {peer}"))?;
        Ok(socket)
    }

    /// Sends datagrams to `peers`, or to the connected peer where there is none.
    /// Returns how many the kernel took.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than a full queue.
    pub fn send<'a>(
        &mut self,
        datagrams: impl Iterator<Item = &'a [u8]>,
        peers: &[Option<SockaddrIn>; BATCH],
    ) -> Result<usize> {
        let mut slices = [[IoSlice::new(&[])]; BATCH];
        let mut count = 0;
        for (slice, datagram) in slices.iter_mut().zip(datagrams) {
            *slice = [IoSlice::new(datagram)];
            count += 1;
        }
        let sent = sendmmsg(
            self.socket.as_raw_fd(),
            &mut self.headers,
            slices[..count].iter(),
            peers,
            [],
            MsgFlags::empty(),
        );
        match sent {
            Ok(sent) => Ok(sent.count()),
            Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR) => Ok(0),
            Err(error) => Err(error).context("sending"),
        }
    }

    /// Takes what is there; with `wait`, waits for the first.
    ///
    /// # Errors
    /// When the kernel refuses, or the connected peer is gone.
    pub fn receive(&self, received: &mut Received, wait: bool) -> Result<()> {
        received.count = 0;
        let mut buffers = received.buffers.iter_mut();
        let mut slices = [const { None }; BATCH];
        for slice in &mut slices {
            *slice = buffers.next().map(|buffer| [IoSliceMut::new(buffer)]);
        }
        let flags = if wait {
            MsgFlags::MSG_WAITFORONE
        } else {
            MsgFlags::MSG_DONTWAIT
        };
        let messages = recvmmsg(
            self.socket.as_raw_fd(),
            &mut received.headers,
            slices.iter_mut().flatten(),
            flags,
            None,
        );
        let messages = match messages {
            Ok(messages) => messages,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error).context("receiving"),
        };
        for message in messages {
            received.lens[received.count] = message.bytes.min(DATAGRAM_LEN_MAX);
            received.peers[received.count] = message.address;
            received.count += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_batch_arrives_whole_and_in_order_and_its_answer_too() {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let mut server = BatchSocket::bind(any).unwrap();
        let SocketAddr::V4(at) = server.socket.local_addr().unwrap() else {
            panic!("an IPv4 address");
        };
        let mut client = BatchSocket::connect(any, at).unwrap();
        let texts = [&b"one"[..], b"two", b"three"];
        assert_eq!(client.send(texts.into_iter(), &[None; BATCH]).unwrap(), 3);
        let mut received = Received::default();
        server.receive(&mut received, true).unwrap();
        assert!(received.datagrams().eq(texts));
        let peers = *received.peers();
        server.send(received.datagrams(), &peers).unwrap();
        let mut answered = Received::default();
        client.receive(&mut answered, true).unwrap();
        assert!(answered.datagrams().eq(texts));
        client.receive(&mut answered, false).unwrap();
        assert!(answered.is_empty());
    }
}

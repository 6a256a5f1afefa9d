//! A worker's socket, and what one system call receives from it.
//!
//! A reply leaves from the address its request was sent to, also on a socket that
//! listens on all of them: a NAS drops an answer from a stranger. All buffers are
//! made once; nothing is allocated per datagram.
//!
//! Not here: how replies are sent (`outbox`).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use garth_radius::server::Datagram;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::in6_pktinfo;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike,
    SockaddrStorage, recvmmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::outbox::Outbox;

/// The longest RADIUS packet (RFC 2865 section 3), in octets. What lies beyond it in a datagram is padding.
pub(super) const DATAGRAM_LEN_MAX: usize = 4096;
/// Asked of the kernel for each socket, in octets: the queue that holds requests while a commit runs.
const RECEIVE_BUFFER_LEN: usize = 4 << 20;
/// How long a receive call may wait before it looks for a stop.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(200);

/// One datagram received.
#[derive(Clone, Copy)]
pub(super) struct Envelope {
    /// Who sent it.
    pub(super) peer: SocketAddr,
    /// The address of ours it was sent to, where the socket listens on several.
    pub(super) local: Option<IpAddr>,
    len: usize,
}

/// What was received by one call.
pub(super) struct Inbox<const N: usize> {
    buffers: Box<[Buffer; N]>,
    envelopes: [Envelope; N],
    len: usize,
    headers: MultiHeaders<SockaddrStorage>,
}

/// A UDP socket of one worker.
pub(super) struct BatchSocket {
    socket: UdpSocket,
    pub(super) ipv4: bool,
}

/// Room for one datagram.
pub(super) type Buffer = [u8; DATAGRAM_LEN_MAX];

/// Rooms for `N` datagrams.
pub(super) fn zeroed<const N: usize>() -> Box<[Buffer; N]> {
    vec![[0; DATAGRAM_LEN_MAX]; N]
        .into_boxed_slice()
        .try_into()
        .expect("N buffers were made")
}

impl<const N: usize> Inbox<N> {
    pub(super) fn new() -> Self {
        let space = cmsg_space!(in6_pktinfo);
        let nobody = Envelope {
            peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            local: None,
            len: 0,
        };
        Self {
            buffers: zeroed(),
            envelopes: [nobody; N],
            len: 0,
            headers: MultiHeaders::preallocate(N, Some(space)),
        }
    }

    /// How many datagrams the last call brought.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Who sent them, in the order of their arrival.
    pub(super) fn envelopes(&self) -> &[Envelope] {
        &self.envelopes[..self.len]
    }

    /// The datagrams of the last call, in the order of their arrival; behind [`Self::len`] of them, empty ones.
    pub(super) fn datagrams(&self) -> [Datagram<'_>; N] {
        std::array::from_fn(|at| {
            let Envelope { peer, len, .. } = self.envelopes[at];
            Datagram {
                source: peer,
                octets: if at < self.len {
                    &self.buffers[at][..len]
                } else {
                    &[]
                },
            }
        })
    }
}

#[cfg(test)]
impl Envelope {
    /// Of a request that was sent from `peer` to `local`.
    pub(super) fn to(peer: SocketAddr, local: Option<IpAddr>) -> Self {
        Self {
            peer,
            local,
            len: 0,
        }
    }
}

impl BatchSocket {
    /// Binds `address`. Several sockets may share it (SO_REUSEPORT): the kernel gives all datagrams of one
    /// peer's address and port to one of them, so a retransmission meets whoever answered before.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_reuse_port(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Past net.core.rmem_max where we may; else the kernel grants what that allows, and less is no error.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_LEN).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER_LEN)?;
        }
        socket.bind(&address.into())?;
        let socket: UdpSocket = socket.into();
        socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
        // A socket with one address answers from it; asking the kernel each time costs 0.1 µs a datagram.
        if address.ip().is_unspecified() {
            if address.is_ipv4() {
                setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            } else {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
        }
        Ok(Self {
            socket,
            ipv4: address.is_ipv4(),
        })
    }

    /// Waits for the first datagram, then takes what else is there. Nothing came in time: an empty inbox.
    pub(super) fn receive<const N: usize>(&self, inbox: &mut Inbox<N>) -> io::Result<()> {
        inbox.len = 0;
        let mut slices = inbox
            .buffers
            .each_mut()
            .map(|buffer| [IoSliceMut::new(buffer)]);
        let received = recvmmsg(
            self.raw(),
            &mut inbox.headers,
            slices.iter_mut(),
            MsgFlags::MSG_WAITFORONE,
            None,
        );
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for (slot, message) in inbox.envelopes.iter_mut().zip(received) {
            let local = message
                .cmsgs()
                .ok()
                .and_then(|mut messages| messages.find_map(|c| local_address(&c)));
            // A datagram socket always names its peer; if not, there is no one to answer.
            let Some(peer) = message.address.as_ref().and_then(socket_addr) else {
                break;
            };
            *slot = Envelope {
                peer,
                local,
                len: message.bytes.min(DATAGRAM_LEN_MAX),
            };
            inbox.len += 1;
        }
        Ok(())
    }

    /// Sends all replies and clears the outbox.
    ///
    /// # Errors
    /// The last of those that were lost; the others were sent, and the NAS asks again for those that were not.
    pub(super) fn send<const N: usize>(&self, outbox: &mut Outbox<N>) -> io::Result<()> {
        outbox.send(self.raw())
    }

    /// The descriptor, for system calls.
    pub(super) fn raw(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn local_address(message: &ControlMessageOwned) -> Option<IpAddr> {
    if let ControlMessageOwned::Ipv4PacketInfo(info) = message {
        return Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()));
    }
    if let ControlMessageOwned::Ipv6PacketInfo(info) = message {
        return Some(IpAddr::from(info.ipi6_addr.s6_addr));
    }
    None
}

fn socket_addr(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage
        .as_sockaddr_in()
        .map(|v4: &SockaddrIn| SocketAddr::V4(SocketAddrV4::from(*v4)));
    v4.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|v6: &SockaddrIn6| SocketAddr::V6(SocketAddrV6::from(*v6)))
    })
    .filter(|_| storage.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo_once(bind: &str, ask: &str) -> SocketAddr {
        let server = BatchSocket::bind(bind.parse().unwrap()).unwrap();
        let port = server.socket.local_addr().unwrap().port();
        let ask: IpAddr = ask.parse().unwrap();
        let client = UdpSocket::bind(SocketAddr::new(ask, 0)).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        for text in ["one", "two", "three"] {
            client
                .send_to(text.as_bytes(), SocketAddr::new(ask, port))
                .unwrap();
        }
        let (mut inbox, mut outbox) = (Inbox::<8>::new(), Outbox::<8>::new(&server));
        let mut echoed = 0;
        while echoed < 3 {
            server.receive(&mut inbox).unwrap();
            for (envelope, datagram) in inbox.envelopes().iter().zip(inbox.datagrams()) {
                let (buffer, len) = (outbox.len(), datagram.octets.len());
                outbox.buffers()[buffer][..len].copy_from_slice(datagram.octets);
                outbox.push(envelope, buffer, len);
                echoed += 1;
            }
            server.send(&mut outbox).unwrap();
        }
        let mut buffer = [0; 16];
        let mut echoes = [(); 3].map(|()| {
            let (len, peer) = client.recv_from(&mut buffer).unwrap();
            (String::from_utf8(buffer[..len].to_vec()).unwrap(), peer)
        });
        // Replies may overtake each other.
        echoes.sort();
        let from = echoes[0].1;
        let expected = ["one", "three", "two"].map(|text| (text.to_owned(), from));
        assert_eq!(echoes, expected);
        from
    }

    #[test]
    fn a_reply_leaves_from_the_address_that_was_asked() {
        // The kernel would choose 127.0.0.1 for a wildcard socket.
        assert_eq!(
            echo_once("0.0.0.0:0", "127.0.0.2").ip().to_string(),
            "127.0.0.2"
        );
    }

    #[test]
    fn replies_over_ipv6_leave_from_the_address_that_was_asked() {
        assert_eq!(echo_once("[::]:0", "::1").ip().to_string(), "::1");
    }

    #[test]
    fn an_idle_socket_returns_so_that_a_stop_is_seen() {
        let server = BatchSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut inbox = Inbox::<2>::new();
        server.receive(&mut inbox).unwrap();
        assert_eq!(inbox.len(), 0);
    }
}

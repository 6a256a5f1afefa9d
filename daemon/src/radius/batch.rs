//! UDP in batches: one system call receives many datagrams, one sends many replies.
//!
//! A reply leaves from the address its request was sent to, also on a socket that
//! listens on all of them: a NAS drops an answer from a stranger. All buffers are
//! made once; nothing is allocated per datagram.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use garth_radius::server::Datagram;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6,
    SockaddrLike, SockaddrStorage, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

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
    local: Option<IpAddr>,
    len: usize,
}

/// What was received by one call.
pub(super) struct Inbox<const N: usize> {
    buffers: Box<[Buffer; N]>,
    envelopes: [Envelope; N],
    len: usize,
    headers: MultiHeaders<SockaddrStorage>,
}

/// What is to be sent by one call.
pub(super) struct Outbox<const N: usize> {
    buffers: Box<[Buffer; N]>,
    replies: [Reply; N],
    /// Where each of `replies` goes.
    peers: [Option<SockaddrStorage>; N],
    len: usize,
    /// With room for the source address of a reply, in the socket's family.
    addressed: MultiHeaders<SockaddrStorage>,
    /// Without, for when the socket has one address only or the kernel did not tell which was asked.
    plain: MultiHeaders<SockaddrStorage>,
}

/// A reply that waits in a buffer of an outbox.
#[derive(Clone, Copy)]
struct Reply {
    buffer: usize,
    len: usize,
    local: Option<IpAddr>,
}

/// A UDP socket of one worker.
pub(super) struct BatchSocket {
    socket: UdpSocket,
    ipv4: bool,
}

type Buffer = [u8; DATAGRAM_LEN_MAX];

fn zeroed<const N: usize>() -> Box<[Buffer; N]> {
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

impl<const N: usize> Outbox<N> {
    /// An outbox for the replies of `socket`.
    pub(super) fn new(socket: &BatchSocket) -> Self {
        let space = if socket.ipv4 {
            cmsg_space!(in_pktinfo)
        } else {
            cmsg_space!(in6_pktinfo)
        };
        let none = Reply {
            buffer: 0,
            len: 0,
            local: None,
        };
        Self {
            buffers: zeroed(),
            replies: [none; N],
            peers: [None; N],
            len: 0,
            addressed: MultiHeaders::preallocate(N, Some(space)),
            plain: MultiHeaders::preallocate(N, None),
        }
    }

    /// Where replies are written, in any order.
    pub(super) fn buffers(&mut self) -> &mut [Buffer; N] {
        &mut self.buffers
    }

    /// Keeps the first `len` octets of a buffer as the reply to `request`. Each buffer holds one at most.
    pub(super) fn push(&mut self, request: &Envelope, buffer: usize, len: usize) {
        let places = self
            .replies
            .get_mut(self.len)
            .zip(self.peers.get_mut(self.len));
        if let Some((reply, peer)) = places {
            *reply = Reply {
                buffer,
                len,
                local: request.local,
            };
            *peer = Some(request.peer.into());
            self.len += 1;
        }
    }

    /// The first `len` octets of a buffer.
    pub(super) fn octets(&self, buffer: usize, len: usize) -> &[u8] {
        let buffer = self.buffers.get(buffer);
        buffer
            .and_then(|buffer| buffer.get(..len))
            .unwrap_or_default()
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
            self.socket.as_raw_fd(),
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

    /// Sends all replies and clears the outbox. A reply the kernel does not take is lost, and only that
    /// one; the NAS asks again.
    pub(super) fn send<const N: usize>(&self, outbox: &mut Outbox<N>) -> io::Result<()> {
        let mut from = 0;
        let mut result = Ok(());
        while let Some(first) = outbox.replies.get(from..outbox.len).and_then(<[_]>::first) {
            let local = first.local;
            match self.send_run(outbox, from, local) {
                Ok(sent) => from += sent.max(1),
                Err(error) => {
                    result = Err(error);
                    from += 1;
                }
            }
        }
        outbox.len = 0;
        result
    }

    /// Sends the replies from `from` on that leave from one address, and says how many the kernel took.
    fn send_run<const N: usize>(
        &self,
        outbox: &mut Outbox<N>,
        from: usize,
        local: Option<IpAddr>,
    ) -> io::Result<usize> {
        let waiting = outbox.replies.get(from..outbox.len).unwrap_or_default();
        let same = waiting.iter().take_while(|reply| reply.local == local);
        let mut slices = [[IoSlice::new(&[])]; N];
        let mut count = 0;
        for (slice, reply) in slices.iter_mut().zip(same) {
            let buffer = outbox.buffers.get(reply.buffer);
            let octets = buffer.and_then(|buffer| buffer.get(..reply.len));
            *slice = [IoSlice::new(octets.unwrap_or_default())];
            count += 1;
        }
        let v4;
        let v6;
        let control: &[ControlMessage<'_>] = match local {
            Some(IpAddr::V4(address)) if self.ipv4 => {
                let octets = u32::from_ne_bytes(address.octets());
                v4 = in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: in_addr { s_addr: octets },
                    ipi_addr: in_addr { s_addr: 0 },
                };
                &[ControlMessage::Ipv4PacketInfo(&v4)]
            }
            Some(IpAddr::V6(address)) if !self.ipv4 => {
                v6 = in6_pktinfo {
                    ipi6_addr: in6_addr {
                        s6_addr: address.octets(),
                    },
                    ipi6_ifindex: 0,
                };
                &[ControlMessage::Ipv6PacketInfo(&v6)]
            }
            Some(_) | None => &[],
        };
        let headers = if control.is_empty() {
            &mut outbox.plain
        } else {
            &mut outbox.addressed
        };
        let sent = sendmmsg(
            self.socket.as_raw_fd(),
            headers,
            slices.iter().take(count),
            outbox.peers.get(from..).unwrap_or_default(),
            control,
            MsgFlags::empty(),
        )?;
        Ok(sent.count())
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
                let (buffer, len) = (outbox.len, datagram.octets.len());
                outbox.buffers()[buffer][..len].copy_from_slice(datagram.octets);
                outbox.push(envelope, buffer, len);
                echoed += 1;
            }
            server.send(&mut outbox).unwrap();
        }
        let mut from = None;
        for text in ["one", "two", "three"] {
            let mut buffer = [0; 16];
            let (len, peer) = client.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], text.as_bytes());
            from = Some(peer);
        }
        from.unwrap()
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

    #[test]
    fn a_reply_the_kernel_does_not_take_takes_no_other_with_it() {
        let server = BatchSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut outbox = Outbox::<4>::new(&server);
        let reachable = client.local_addr().unwrap();
        // Port 0 is no destination.
        let unreachable = SocketAddr::new(reachable.ip(), 0);
        for (buffer, peer) in [reachable, unreachable, reachable].into_iter().enumerate() {
            outbox.buffers()[buffer][0] = u8::try_from(buffer).unwrap();
            let request = Envelope {
                peer,
                local: None,
                len: 0,
            };
            outbox.push(&request, buffer, 1);
        }
        server.send(&mut outbox).unwrap_err();
        let mut octet = [0];
        for expected in [0, 2] {
            client.recv(&mut octet).unwrap();
            assert_eq!(octet, [expected]);
        }
        assert_eq!(outbox.len, 0);
    }
}

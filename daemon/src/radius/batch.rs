//! UDP in batches: one system call receives many datagrams, one sends many replies.
//!
//! A reply leaves from the address its request was sent to, also on a socket that
//! listens on all of them: a NAS drops an answer from a stranger. All buffers are
//! made once; nothing is allocated per datagram.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

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
    /// The address of ours it was sent to, if the kernel told.
    local: Option<IpAddr>,
    len: usize,
}

/// What was received by one call.
pub(super) struct Inbox<const N: usize> {
    buffers: Box<[[u8; DATAGRAM_LEN_MAX]; N]>,
    envelopes: [Option<Envelope>; N],
    headers: MultiHeaders<SockaddrStorage>,
}

/// What is to be sent by one call.
pub(super) struct Outbox<const N: usize> {
    buffers: Box<[[u8; DATAGRAM_LEN_MAX]; N]>,
    envelopes: [Option<Envelope>; N],
    len: usize,
    /// With room for the source address of a reply, in the socket's family.
    addressed: MultiHeaders<SockaddrStorage>,
    /// Without, for when the kernel did not tell which address was asked.
    plain: MultiHeaders<SockaddrStorage>,
}

/// A UDP socket of one worker.
pub(super) struct BatchSocket {
    socket: UdpSocket,
    ipv4: bool,
}

fn zeroed<const N: usize>() -> Box<[[u8; DATAGRAM_LEN_MAX]; N]> {
    vec![[0; DATAGRAM_LEN_MAX]; N]
        .into_boxed_slice()
        .try_into()
        .expect("N buffers were made")
}

impl<const N: usize> Inbox<N> {
    pub(super) fn new() -> Self {
        let space = cmsg_space!(in6_pktinfo);
        Self {
            buffers: zeroed(),
            envelopes: [None; N],
            headers: MultiHeaders::preallocate(N, Some(space)),
        }
    }

    /// The datagrams of the last call, in the order of their arrival.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Envelope, &[u8])> {
        self.envelopes
            .iter()
            .zip(self.buffers.iter())
            .map_while(|(envelope, buffer)| {
                let envelope = (*envelope)?;
                Some((envelope, buffer.get(..envelope.len)?))
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
        Self {
            buffers: zeroed(),
            envelopes: [None; N],
            len: 0,
            addressed: MultiHeaders::preallocate(N, Some(space)),
            plain: MultiHeaders::preallocate(N, None),
        }
    }

    /// Room for the next reply; `None` once there are N of them.
    pub(super) fn room(&mut self) -> Option<&mut [u8; DATAGRAM_LEN_MAX]> {
        self.buffers.get_mut(self.len)
    }

    /// Keeps the first `len` octets of the room as the reply to `request`.
    pub(super) fn push(&mut self, request: Envelope, len: usize) {
        if let Some(slot) = self.envelopes.get_mut(self.len) {
            *slot = Some(Envelope {
                len: len.min(DATAGRAM_LEN_MAX),
                ..request
            });
            self.len += 1;
        }
    }

    /// How many replies wait.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The reply at `position`, in the order of [`Self::push`].
    pub(super) fn reply(&self, position: usize) -> &[u8] {
        let len = self
            .envelopes
            .get(position)
            .copied()
            .flatten()
            .map_or(0, |envelope| envelope.len);
        self.buffers
            .get(position)
            .and_then(|buffer| buffer.get(..len))
            .unwrap_or_default()
    }

    /// Forgets all replies.
    pub(super) fn clear(&mut self) {
        self.envelopes = [None; N];
        self.len = 0;
    }
}

impl BatchSocket {
    /// Binds `address`. Several sockets may share it (SO_REUSEPORT); the kernel gives each peer to one of them.
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
        // The kernel grants what net.core.rmem_max allows; less is no error.
        socket.set_recv_buffer_size(RECEIVE_BUFFER_LEN)?;
        socket.bind(&address.into())?;
        let socket: UdpSocket = socket.into();
        socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        Ok(Self {
            socket,
            ipv4: address.is_ipv4(),
        })
    }

    /// Waits for the first datagram, then takes what else is there. Nothing came in time: an empty inbox.
    pub(super) fn receive<const N: usize>(&self, inbox: &mut Inbox<N>) -> io::Result<()> {
        inbox.envelopes = [None; N];
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
            *slot = Some(Envelope {
                peer,
                local,
                len: message.bytes.min(DATAGRAM_LEN_MAX),
            });
        }
        Ok(())
    }

    /// Sends all replies and clears the outbox. A reply the kernel does not take is lost; the NAS asks again.
    pub(super) fn send<const N: usize>(&self, outbox: &mut Outbox<N>) -> io::Result<()> {
        let mut from = 0;
        let mut result = Ok(());
        while from < outbox.len {
            let local = outbox.local(from);
            let same = (from..outbox.len)
                .take_while(|position| outbox.local(*position) == local)
                .count();
            if let Err(error) = self.send_run(outbox, from, same, local) {
                result = Err(error);
            }
            from += same;
        }
        outbox.clear();
        result
    }

    /// Sends `count` replies that leave from one address.
    fn send_run<const N: usize>(
        &self,
        outbox: &mut Outbox<N>,
        from: usize,
        count: usize,
        local: Option<IpAddr>,
    ) -> io::Result<()> {
        let mut addresses: [Option<SockaddrStorage>; N] = [None; N];
        let envelopes = outbox.envelopes.iter().skip(from).take(count);
        for (address, envelope) in addresses.iter_mut().zip(envelopes) {
            *address = envelope.map(|envelope| envelope.peer.into());
        }
        let mut position = from;
        let slices = outbox.buffers.each_ref().map(|_| {
            let len = outbox
                .envelopes
                .get(position)
                .copied()
                .flatten()
                .map_or(0, |envelope| envelope.len);
            let slice = outbox
                .buffers
                .get(position)
                .and_then(|buffer| buffer.get(..len))
                .unwrap_or_default();
            position += 1;
            [IoSlice::new(slice)]
        });
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
        sendmmsg(
            self.socket.as_raw_fd(),
            headers,
            slices.iter().take(count),
            addresses,
            control,
            MsgFlags::empty(),
        )?;
        Ok(())
    }
}

impl<const N: usize> Outbox<N> {
    fn local(&self, position: usize) -> Option<IpAddr> {
        self.envelopes
            .get(position)
            .copied()
            .flatten()
            .and_then(|envelope| envelope.local)
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
            for (envelope, datagram) in inbox.iter() {
                outbox.room().unwrap()[..datagram.len()].copy_from_slice(datagram);
                outbox.push(envelope, datagram.len());
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
        assert_eq!(inbox.iter().count(), 0);
    }
}

//! Replies on their way out: as few system calls and as few trips through the kernel as there can be.
//!
//! A NAS with a burst of requests gets replies of one length to one port. The kernel takes such a run as one
//! large datagram and cuts it at the very end of its way (UDP segmentation offload, `UDP_SEGMENT`), so that
//! routing, filters and queues are passed once and not once for each: measured on loopback, a reply in a run
//! of eight costs a third. On the wire they are the same datagrams. Where an interface cannot do it, replies
//! go out one by one from then on.
//!
//! Replies of one batch may leave in another order than their requests came in; UDP promises none.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg as send_messages,
};

use super::batch::{BatchSocket, Buffer, Envelope, zeroed};

/// The most replies in one segmented datagram; the kernel takes 64.
const SEGMENTS_MAX: usize = 64;
/// The most octets of one segmented datagram: the kernel takes what fits IPv4 with its headers.
const SEGMENTED_LEN_MAX: usize = 60_000;

/// What is to be sent by one call.
pub(super) struct Outbox<const N: usize> {
    buffers: Box<[Buffer; N]>,
    replies: [Reply; N],
    len: usize,
    headers: Headers,
    /// Whether the kernel cuts runs for us.
    segmentation: bool,
}

/// A reply that waits in a buffer.
#[derive(Clone, Copy)]
struct Reply {
    buffer: usize,
    len: u16,
    peer: SocketAddr,
    /// The address to leave from, where the socket has several.
    local: Option<IpAddr>,
    /// Brings replies together that can be one message. That they can is looked at again: others may have the same.
    order: u64,
}

/// Replies that are one message to the kernel: `replies[first..first + count]`.
#[derive(Clone, Copy)]
struct Message {
    first: usize,
    count: usize,
    way: Way,
}

/// What messages of one system call have in common.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Way {
    local: Option<IpAddr>,
    /// Where the kernel is to cut, in octets.
    segment_len: Option<u16>,
}

/// Message headers, one set for each choice of control messages: the room must be used up.
struct Headers {
    ipv4: bool,
    plain: MultiHeaders<SockaddrStorage>,
    segmented: MultiHeaders<SockaddrStorage>,
    addressed: MultiHeaders<SockaddrStorage>,
    addressed_segmented: MultiHeaders<SockaddrStorage>,
}

impl<const N: usize> Outbox<N> {
    /// An outbox for the replies of `socket`.
    pub(super) fn new(socket: &BatchSocket) -> Self {
        let none = Reply {
            buffer: 0,
            len: 0,
            peer: SocketAddr::from(([0, 0, 0, 0], 0)),
            local: None,
            order: 0,
        };
        Self {
            buffers: zeroed(),
            replies: [none; N],
            len: 0,
            headers: Headers::new(N, socket.ipv4),
            segmentation: true,
        }
    }

    /// Where replies are written, in any order.
    pub(super) fn buffers(&mut self) -> &mut [Buffer; N] {
        &mut self.buffers
    }

    /// How many replies wait.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The first `len` octets of a buffer.
    pub(super) fn octets(&self, buffer: usize, len: usize) -> &[u8] {
        let buffer = self.buffers.get(buffer);
        buffer
            .and_then(|buffer| buffer.get(..len))
            .unwrap_or_default()
    }

    /// Keeps the first `len` octets of a buffer as the reply to `request`. Each buffer holds one at most.
    pub(super) fn push(&mut self, request: &Envelope, buffer: usize, len: usize) {
        let Ok(len) = u16::try_from(len) else { return };
        if let Some(reply) = self.replies.get_mut(self.len) {
            *reply = Reply {
                buffer,
                len,
                peer: request.peer,
                local: request.local,
                order: order(request.peer, len),
            };
            self.len += 1;
        }
    }

    /// Sends all replies and clears the outbox. A reply the kernel does not take is lost, and only that one.
    pub(super) fn send(&mut self, socket: RawFd) -> io::Result<()> {
        let mut messages = [Message::NONE; N];
        let count = self.arrange(&mut messages);
        self.len = 0;
        let mut waiting = messages.get(..count).unwrap_or_default();
        let mut result = Ok(());
        while let Some(first) = waiting.first() {
            let same = waiting
                .iter()
                .take_while(|message| message.way == first.way);
            let (run, _) = waiting.split_at(same.count());
            let sent = match self.send_run(socket, run) {
                Ok(sent) => sent.max(1),
                Err(error) => {
                    result = self.send_singly(socket, first, error);
                    1
                }
            };
            waiting = waiting.get(sent..).unwrap_or_default();
        }
        result
    }

    /// Brings replies together into messages, and messages that go one way; says how many messages there are.
    fn arrange(&mut self, messages: &mut [Message; N]) -> usize {
        let replies = self.replies.get_mut(..self.len).unwrap_or_default();
        if replies.len() > 1 {
            replies.sort_unstable_by_key(|reply| reply.order);
        }
        let mut first = 0;
        let mut count = 0;
        for message in messages.iter_mut() {
            let rest = replies.get(first..).unwrap_or_default();
            let Some(reply) = rest.first() else { break };
            let together = if self.segmentation {
                let same = rest.iter().take_while(|other| other.is_like(reply)).count();
                same.min(SEGMENTS_MAX)
                    .min(SEGMENTED_LEN_MAX / usize::from(reply.len).max(1))
                    .max(1)
            } else {
                1
            };
            *message = Message {
                first,
                count: together,
                way: Way {
                    local: reply.local,
                    segment_len: (together > 1).then_some(reply.len),
                },
            };
            first += together;
            count += 1;
        }
        if let Some(messages) = messages.get_mut(..count)
            && count > 1
        {
            messages.sort_unstable_by_key(|message| message.way);
        }
        count
    }

    /// Sends messages that go one way, and says how many the kernel took before the first that it did not.
    fn send_run(&mut self, socket: RawFd, run: &[Message]) -> io::Result<usize> {
        let Some(Message { way, .. }) = run.first() else {
            return Ok(0);
        };
        let (mut slices, mut parts) = ([IoSlice::new(&[]); N], [&[][..]; N]);
        let mut peers: [Option<SockaddrStorage>; N] = [None; N];
        let replies = run.iter().flat_map(|message| {
            let replies = self
                .replies
                .get(message.first..message.first + message.count);
            replies.unwrap_or_default()
        });
        for (slice, reply) in slices.iter_mut().zip(replies) {
            let buffer = self.buffers.get(reply.buffer);
            let octets = buffer.and_then(|buffer| buffer.get(..usize::from(reply.len)));
            *slice = IoSlice::new(octets.unwrap_or_default());
        }
        let mut rest = &slices[..];
        for ((part, peer), message) in parts.iter_mut().zip(&mut peers).zip(run) {
            (*part, rest) = rest.split_at(message.count);
            let reply = self.replies.get(message.first);
            *peer = reply.map(|reply| reply.peer.into());
        }
        let parts = parts.get(..run.len()).unwrap_or_default();
        self.headers.send(socket, *way, parts, &peers)
    }

    /// Sends the replies of a message that the kernel did not take, each for itself.
    ///
    /// If they go out so, cutting was what it could not do: it is not asked again.
    fn send_singly(&mut self, socket: RawFd, message: &Message, why: io::Error) -> io::Result<()> {
        if message.way.segment_len.is_none() {
            return Err(why);
        }
        let mut result = Ok(());
        for first in message.first..message.first + message.count {
            let single = Message {
                first,
                count: 1,
                way: Way {
                    segment_len: None,
                    ..message.way
                },
            };
            match self.send_run(socket, &[single]) {
                Ok(_) if self.segmentation => {
                    self.segmentation = false;
                    tracing::info!(error = %why, "replies are sent one by one: the interface does not segment UDP");
                }
                Ok(_) => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }
}

impl Reply {
    /// Whether both can be cut out of one datagram.
    fn is_like(&self, other: &Self) -> bool {
        (self.len, self.peer, self.local) == (other.len, other.peer, other.local)
    }
}

impl Message {
    const NONE: Self = Self {
        first: 0,
        count: 0,
        way: Way {
            local: None,
            segment_len: None,
        },
    };
}

/// A number that replies have in common which go to one peer with one length.
fn order(peer: SocketAddr, len: u16) -> u64 {
    /// An odd number with well mixed bits: 2^64 divided by the golden ratio.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let ip = match peer.ip() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => {
            let [high, low] = [v6.to_bits() >> 64, v6.to_bits() & u128::from(u64::MAX)];
            u64::try_from(high ^ low).expect("both are 64 bits")
        }
    };
    let mixed = (ip ^ u64::from(peer.port()) << 32).wrapping_mul(FACTOR);
    u64::from(len) << 48 | mixed >> 16
}

impl Headers {
    fn new(len: usize, ipv4: bool) -> Self {
        let made = |space| MultiHeaders::preallocate(len, space);
        let (addressed, addressed_segmented) = if ipv4 {
            (cmsg_space!(in_pktinfo), cmsg_space!(in_pktinfo, u16))
        } else {
            (cmsg_space!(in6_pktinfo), cmsg_space!(in6_pktinfo, u16))
        };
        Self {
            ipv4,
            plain: made(None),
            segmented: made(Some(cmsg_space!(u16))),
            addressed: made(Some(addressed)),
            addressed_segmented: made(Some(addressed_segmented)),
        }
    }

    fn send(
        &mut self,
        socket: RawFd,
        way: Way,
        parts: &[&[IoSlice<'_>]],
        peers: &[Option<SockaddrStorage>],
    ) -> io::Result<usize> {
        let len = way.segment_len.unwrap_or_default();
        let cut = ControlMessage::UdpGsoSegments(&len);
        let (v4, v6);
        let from = match way.local {
            Some(IpAddr::V4(address)) if self.ipv4 => {
                v4 = in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: in_addr {
                        s_addr: u32::from_ne_bytes(address.octets()),
                    },
                    ipi_addr: in_addr { s_addr: 0 },
                };
                Some(ControlMessage::Ipv4PacketInfo(&v4))
            }
            Some(IpAddr::V6(address)) if !self.ipv4 => {
                v6 = in6_pktinfo {
                    ipi6_addr: in6_addr {
                        s6_addr: address.octets(),
                    },
                    ipi6_ifindex: 0,
                };
                Some(ControlMessage::Ipv6PacketInfo(&v6))
            }
            Some(_) | None => None,
        };
        let (parts, flags) = (parts.iter(), MsgFlags::empty());
        let sent = match (from, way.segment_len) {
            (None, None) => send_messages(socket, &mut self.plain, parts, peers, [], flags),
            (None, Some(_)) => {
                send_messages(socket, &mut self.segmented, parts, peers, [cut], flags)
            }
            (Some(from), None) => {
                send_messages(socket, &mut self.addressed, parts, peers, [from], flags)
            }
            (Some(from), Some(_)) => {
                let headers = &mut self.addressed_segmented;
                send_messages(socket, headers, parts, peers, [from, cut], flags)
            }
        }?;
        Ok(sent.count())
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    /// More than any kernel cuts out of one datagram.
    const REPLIES: usize = 200;

    fn client() -> UdpSocket {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        client
    }

    fn outbox(address: &str) -> (BatchSocket, Outbox<REPLIES>) {
        let socket = BatchSocket::bind(address.parse().unwrap()).unwrap();
        let outbox = Outbox::new(&socket);
        (socket, outbox)
    }

    /// Queues a reply of `len` octets that all are the number of the reply.
    fn push(outbox: &mut Outbox<REPLIES>, peer: SocketAddr, local: Option<IpAddr>, len: usize) {
        let buffer = outbox.len();
        outbox.buffers()[buffer][..len].fill(u8::try_from(buffer).unwrap());
        outbox.push(&Envelope::to(peer, local), buffer, len);
    }

    /// What arrives at `client`: the number and length of each reply, and where it came from.
    fn received(client: &UdpSocket, count: usize) -> Vec<(u8, usize, SocketAddr)> {
        let mut buffer = [0; 8192];
        let mut received: Vec<_> = (0..count)
            .map(|_| {
                let (len, peer) = client.recv_from(&mut buffer).unwrap();
                assert!(buffer[..len].iter().all(|octet| *octet == buffer[0]));
                (buffer[0], len, peer)
            })
            .collect();
        received.sort_unstable();
        received
    }

    #[test]
    fn every_reply_is_a_datagram_of_its_own_to_its_own_peer() {
        for (address, local) in [
            ("127.0.0.1:0", None),
            ("0.0.0.0:0", Some([127, 0, 0, 3].into())),
        ] {
            let (socket, mut outbox) = outbox(address);
            let clients = [client(), client(), client()];
            let mut expected = [const { Vec::new() }; 3];
            for number in 0..REPLIES {
                let (to, len) = (number % 7 % 3, [20, 110, 110, 4096][number % 4]);
                push(&mut outbox, clients[to].local_addr().unwrap(), local, len);
                expected[to].push((u8::try_from(number).unwrap(), len));
            }
            outbox.send(socket.raw()).unwrap();
            assert!(outbox.segmentation, "loopback segments");
            assert_eq!(outbox.len(), 0);
            for (client, expected) in clients.iter().zip(expected) {
                let seen = received(client, expected.len());
                let from = local.unwrap_or([127, 0, 0, 1].into());
                assert!(seen.iter().all(|(.., peer)| peer.ip() == from), "{seen:?}");
                let seen: Vec<_> = seen
                    .iter()
                    .map(|(number, len, _)| (*number, *len))
                    .collect();
                assert_eq!(seen, expected);
            }
        }
    }

    #[test]
    fn replies_of_one_length_to_one_port_are_one_message() {
        let (_socket, mut outbox) = outbox("127.0.0.1:0");
        let peers = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
        for number in 0..20 {
            push(&mut outbox, peers[number % 2], None, 110);
        }
        push(&mut outbox, peers[0], None, 20);
        let mut messages = [Message::NONE; REPLIES];
        let count = outbox.arrange(&mut messages);
        let mut counts = messages[..count]
            .iter()
            .map(|m| m.count)
            .collect::<Vec<_>>();
        counts.sort_unstable();
        assert_eq!(counts, [1, 10, 10]);
        for _ in 21..100 {
            push(&mut outbox, peers[0], None, 4096);
        }
        let count = outbox.arrange(&mut messages);
        let largest = messages[..count].iter().map(|m| m.count).max();
        assert_eq!(largest, Some(SEGMENTED_LEN_MAX / 4096));
    }

    #[test]
    fn a_reply_the_kernel_does_not_take_takes_no_other_with_it() {
        let (socket, mut outbox) = outbox("127.0.0.1:0");
        let client = client();
        let reachable = client.local_addr().unwrap();
        // Port 0 is no destination.
        let unreachable = SocketAddr::new(reachable.ip(), 0);
        for len in [20, 20, 38, 110, 110] {
            push(&mut outbox, unreachable, None, len);
            push(&mut outbox, reachable, None, len);
        }
        outbox.send(socket.raw()).unwrap_err();
        let numbers: Vec<_> = received(&client, 5).iter().map(|reply| reply.0).collect();
        assert_eq!(numbers, [1, 3, 5, 7, 9]);
        assert!(outbox.segmentation, "it was not what failed");
    }

    #[test]
    fn where_runs_cannot_be_cut_replies_go_out_one_by_one() {
        let (socket, mut outbox) = outbox("127.0.0.1:0");
        let client = client();
        for _ in 0..REPLIES {
            push(&mut outbox, client.local_addr().unwrap(), None, 50);
        }
        // No kernel cuts so many, as others cut none.
        let message = Message {
            first: 0,
            count: REPLIES,
            way: Way {
                local: None,
                segment_len: Some(50),
            },
        };
        let refused = outbox.send_run(socket.raw(), &[message]).unwrap_err();
        outbox.send_singly(socket.raw(), &message, refused).unwrap();
        assert_eq!(received(&client, REPLIES).len(), REPLIES);
        assert!(!outbox.segmentation);
        let mut messages = [Message::NONE; REPLIES];
        assert_eq!(outbox.arrange(&mut messages), REPLIES);
        outbox.send(socket.raw()).unwrap();
        assert_eq!(received(&client, REPLIES).len(), REPLIES);
    }
}

//! Asking the configured upstream resolvers.
//!
//! Every question over UDP has a socket of its own: a port the kernel picks at random, connected, so that
//! only the upstream's datagrams arrive (RFC 5452 section 9). With the random identifier a stranger off the
//! path guesses one in 2^31 or so. What does not match the question is skipped.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::wire::{Query, TCP_REPLY_LEN_MAX};

/// How long one upstream has for its answer; then the next is asked.
pub(super) const ATTEMPT_WAIT: Duration = Duration::from_millis(1_500);
/// Attempts for one question, over all upstreams: clients give up after some five seconds.
const ATTEMPTS_MAX: usize = 3;
/// Replies that do not match before an attempt is given up: somebody is guessing.
const MISMATCHES_MAX: usize = 8;
/// Room for what an upstream may send although it was asked for less.
const DATAGRAM_LEN_MAX: usize = 4_096;

/// How a question travels; the same way it came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// The first reply to `query` that any of `upstreams` gives; none when all stay silent.
pub(super) async fn ask(
    upstreams: &[SocketAddr],
    query: &Query,
    transport: Transport,
) -> Option<Vec<u8>> {
    for upstream in upstreams.iter().cycle().take(ATTEMPTS_MAX) {
        let attempt = async {
            match transport {
                Transport::Udp => ask_datagram(*upstream, query).await,
                Transport::Tcp => ask_stream(*upstream, query).await,
            }
        };
        if let Ok(Ok(reply)) = timeout(ATTEMPT_WAIT, attempt).await {
            return Some(reply);
        }
    }
    None
}

async fn ask_datagram(upstream: SocketAddr, query: &Query) -> io::Result<Vec<u8>> {
    let any = match upstream {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(upstream).await?;
    let id = identifier()?;
    socket.send(&query.forward(id)).await?;
    let mut buffer = vec![0; DATAGRAM_LEN_MAX];
    for _ in 0..MISMATCHES_MAX {
        let length = socket.recv(&mut buffer).await?;
        if let Ok(reply) = query.accept(id, buffer[..length].to_vec()) {
            return Ok(reply);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

async fn ask_stream(upstream: SocketAddr, query: &Query) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream).await?;
    let id = identifier()?;
    write_framed(&mut stream, &query.forward(id)).await?;
    let octets = read_framed(&mut stream, TCP_REPLY_LEN_MAX).await?;
    query
        .accept(id, octets)
        .map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Writes a message behind its length (RFC 1035 section 4.2.2), in one segment.
pub(super) async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream
        .write_all(&[&length.to_be_bytes(), message].concat())
        .await
}

/// Reads a message behind its length; one longer than `limit` is an error.
pub(super) async fn read_framed(stream: &mut TcpStream, limit: usize) -> io::Result<Vec<u8>> {
    let length = usize::from(stream.read_u16().await?);
    if length > limit {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

fn identifier() -> io::Result<u16> {
    let mut octets = [0; 2];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(octets))
}

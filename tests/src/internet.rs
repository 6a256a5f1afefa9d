//! The Internet, as far as a subscriber can tell: a web server on TCP 80 and 443, and an echo on UDP 443.
//!
//! Not a web server to copy: it reads until the end of a header and answers always the same.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::namespace::Namespace;
use crate::tls::Certificate;

/// What the web server says.
pub const GREETING: &str = "hello from the Internet\n";

/// The longest request that is read.
const REQUEST_MAX: usize = 16 * 1024;

/// A peer that says nothing for so long is left alone.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Starts the servers in `namespace`; they run as long as this process.
///
/// # Errors
///
/// When a port cannot be had.
pub fn start(namespace: &Namespace, certificate: &Certificate) -> Result<()> {
    let tls = Arc::new(tls_config(certificate)?);
    let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let (plain, secure, echo) = namespace.enter(|| -> Result<_> {
        let plain = TcpListener::bind(any(80)).context("TCP 80")?;
        let secure = TcpListener::bind(any(443)).context("TCP 443")?;
        let echo = UdpSocket::bind(any(443)).context("UDP 443")?;
        Ok((plain, secure, echo))
    })??;
    thread::spawn(move || serve(&plain, answer));
    thread::spawn(move || {
        serve(&secure, move |stream| {
            if let Ok(connection) = ServerConnection::new(Arc::clone(&tls)) {
                answer(StreamOwned::new(connection, stream));
            }
        });
    });
    thread::spawn(move || repeat(&echo));
    Ok(())
}

fn tls_config(certificate: &Certificate) -> Result<ServerConfig> {
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes())
        .context("reading a certificate")?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).context("reading a key")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .context("a certificate and its key")
}

/// Gives each connection a thread of its own.
fn serve(listener: &TcpListener, handle: impl Fn(TcpStream) + Clone + Send + 'static) {
    for stream in listener.incoming().flatten() {
        let handle = handle.clone();
        thread::spawn(move || {
            if stream.set_read_timeout(Some(SILENCE_MAX)).is_ok() {
                handle(stream);
            }
        });
    }
}

/// Answers request after request on one connection until the peer goes.
fn answer(mut stream: impl Read + Write) {
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{GREETING}",
        GREETING.len()
    );
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(1..) if request.len() > REQUEST_MAX => return,
                Ok(length @ 1..) => request.extend_from_slice(&buffer[..length]),
                Ok(0) | Err(_) => return,
            }
        }
        request.clear();
        if stream
            .write_all(reply.as_bytes())
            .and_then(|()| stream.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Sends every datagram back: what QUIC would meet.
fn repeat(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    loop {
        // An ICMP error from an earlier reply shows up here and concerns nobody.
        if let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            drop(socket.send_to(&buffer[..length], peer));
        }
    }
}

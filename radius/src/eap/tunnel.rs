//! TLS inside EAP: fragments in, plaintext out, and back (RFC 5216, RFC 9190, RFC 9427).
//!
//! Drives a rustls server by buffers. A failed handshake is told to the peer by the alert rustls made;
//! the peer's acknowledgement of it ends the conversation. Nothing is resumed.
//!
//! Not here: what is said inside (`tls`, `peap`, `ttls`).

use std::io::{Read, Write};

use rustls::pki_types::CertificateDer;
use rustls::{ProtocolVersion, ServerConnection};
use zeroize::Zeroizing;

use super::fragments::{FLIGHT_LEN_MAX, Fragments, Incoming, Misframed};
use super::packet::Type;
use crate::reason::RejectReason;

/// The most plaintext we take of one flight: AVPs or an EAP packet, and one record of TLS at most.
const PLAINTEXT_LEN_MAX: usize = 16 * 1024;
/// Octets of the key that a method gives to the NAS (RFC 5216 section 2.3).
const MSK_LEN: usize = 64;

/// What a response brought.
pub(super) enum Event {
    /// Send the data of this request.
    Send(Vec<u8>),
    /// The handshake is complete and it is our turn; the peer sent these octets inside, perhaps none.
    Open(Zeroizing<Vec<u8>>),
}

/// One TLS connection in one conversation.
pub(super) struct Tunnel {
    kind: Type,
    connection: ServerConnection,
    fragments: Fragments,
    /// An alert is being sent: the next acknowledgement ends it.
    failed: bool,
}

impl From<Misframed> for RejectReason {
    fn from(_: Misframed) -> Self {
        Self::EapProtocol
    }
}

impl Tunnel {
    pub(super) fn new(kind: Type, connection: ServerConnection, framed_mtu: Option<u32>) -> Self {
        let mut connection = connection;
        connection.set_buffer_limit(Some(FLIGHT_LEN_MAX));
        Self {
            kind,
            connection,
            fragments: Fragments::new(kind != Type::TLS, framed_mtu),
            failed: false,
        }
    }

    /// Takes the data of a response.
    ///
    /// # Errors
    /// When the peer breaks the framing, or has heard our alert or sent its own.
    pub(super) fn receive(&mut self, data: &[u8]) -> Result<Event, RejectReason> {
        let flight = match self.fragments.receive(data)? {
            Incoming::Continue(data) => return Ok(Event::Send(data)),
            Incoming::Flight(flight) => flight,
        };
        if self.failed {
            return Err(RejectReason::TlsFailed);
        }
        let plaintext = match self.decrypt(&flight) {
            Ok(plaintext) => plaintext,
            Err(reason) => {
                self.failed = true;
                let alert = self.take_output();
                return match alert.is_empty() {
                    true => Err(reason),
                    false => Ok(Event::Send(self.fragments.send(alert)?)),
                };
            }
        };
        if plaintext.is_empty() && self.connection.wants_write() {
            return Ok(Event::Send(self.flush()?));
        }
        match self.connection.is_handshaking() {
            true => Err(RejectReason::EapProtocol),
            false => Ok(Event::Open(plaintext)),
        }
    }

    /// Encrypts `plaintext`, which may be empty, and gives the data of the request that carries it.
    ///
    /// # Errors
    /// When it is longer than a flight may be.
    pub(super) fn send(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, RejectReason> {
        let mut writer = self.connection.writer();
        let written = writer.write_all(plaintext);
        written.map_err(|_| RejectReason::TlsFailed)?;
        self.flush()
    }

    /// The key for the NAS: 64 octets, from the handshake (RFC 5216 section 2.3, RFC 5281 section 8,
    /// RFC 9427 section 2.1).
    ///
    /// # Errors
    /// When the handshake is not complete.
    pub(super) fn msk(&self) -> Result<Zeroizing<Vec<u8>>, RejectReason> {
        let context = [self.kind.0];
        let (label, context) = match (self.is_tls13(), self.kind) {
            (true, _) => (&b"EXPORTER_EAP_TLS_Key_Material"[..], Some(&context[..])),
            (false, Type::TTLS) => (&b"ttls keying material"[..], None),
            (false, _) => (&b"client EAP encryption"[..], None),
        };
        // In TLS 1.3 the length is part of what is hashed: all 128 octets are asked for, the EMSK too.
        let mut keys = self.export(2 * MSK_LEN, label, context)?;
        keys.truncate(MSK_LEN);
        Ok(keys)
    }

    /// Octets that both sides know and the peer could not choose.
    ///
    /// # Errors
    /// When the handshake is not complete.
    pub(super) fn export(
        &self,
        len: usize,
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<Zeroizing<Vec<u8>>, RejectReason> {
        let mut octets = Zeroizing::new(vec![0; len]);
        let made = self
            .connection
            .export_keying_material(&mut octets[..], label, context);
        made.map_err(|_| RejectReason::TlsFailed)?;
        Ok(octets)
    }

    /// Whether the handshake has failed on our side, of which the peer is told or was told by an alert.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// The peer's own certificate, whose signatures were verified.
    pub(super) fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.connection.peer_certificates()?.first()
    }

    fn decrypt(&mut self, mut flight: &[u8]) -> Result<Zeroizing<Vec<u8>>, RejectReason> {
        // Never moved to a larger place: no copy is left behind.
        let capacity = flight.len().min(PLAINTEXT_LEN_MAX);
        let mut plaintext = Zeroizing::new(Vec::with_capacity(capacity));
        while !flight.is_empty() {
            let before = flight.len();
            let read = self.connection.read_tls(&mut flight);
            read.map_err(|_| RejectReason::TlsFailed)?;
            let state = self.connection.process_new_packets();
            let waiting = state.map_err(|_| RejectReason::TlsFailed)?;
            let len = waiting.plaintext_bytes_to_read();
            if plaintext.len() + len > PLAINTEXT_LEN_MAX {
                return Err(RejectReason::EapProtocol);
            }
            let begin = plaintext.len();
            plaintext.resize(begin + len, 0);
            let mut reader = self.connection.reader();
            let given = reader.read_exact(&mut plaintext[begin..]);
            given.map_err(|_| RejectReason::TlsFailed)?;
            // After a close_notify rustls takes nothing more.
            if waiting.peer_has_closed() || flight.len() == before {
                return Err(RejectReason::TlsFailed);
            }
        }
        Ok(plaintext)
    }

    fn flush(&mut self) -> Result<Vec<u8>, RejectReason> {
        let flight = self.take_output();
        Ok(self.fragments.send(flight)?)
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut flight = Vec::new();
        while self.connection.wants_write() {
            let written = self.connection.write_tls(&mut flight);
            written.expect("a vector takes whatever is written");
        }
        flight
    }
}

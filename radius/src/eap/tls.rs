//! EAP-TLS (RFC 5216, RFC 9190): the peer proves itself with a certificate.
//!
//! The subscriber is whom the certificate names; the identity in the open is not believed. With TLS 1.3
//! success is said inside first, as RFC 9190 section 2.5 demands.

use super::certificate;
use super::prove::{Context, Progress, Proven};
use super::tunnel::{Event, Tunnel};
use crate::authentication::Grant;
use crate::reason::RejectReason;

/// The protected success indication: one octet of application data (RFC 9190 section 2.5).
const SUCCESS_INDICATION: [u8; 1] = [0];

/// A conversation.
pub(super) struct EapTls {
    tunnel: Tunnel,
    /// Success was said inside, or need not be.
    indicated: bool,
}

impl EapTls {
    pub(super) fn new(tunnel: Tunnel) -> Self {
        Self {
            tunnel,
            indicated: false,
        }
    }

    pub(super) fn tunnel(&self) -> &Tunnel {
        &self.tunnel
    }

    /// Takes a response.
    ///
    /// # Errors
    /// When the handshake fails or the certificate's subscriber gets nothing.
    pub(super) fn receive(
        &mut self,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Result<Progress, RejectReason> {
        match self.tunnel.receive(data)? {
            Event::Send(data) => return Ok(Progress::Request(data)),
            Event::Open(plaintext) if plaintext.is_empty() => {}
            Event::Open(_) => return Err(RejectReason::EapProtocol),
        }
        let grant = self.entitled(context)?;
        if self.tunnel.is_tls13() && !self.indicated {
            self.indicated = true;
            return Ok(Progress::Request(self.tunnel.send(&SUCCESS_INDICATION)?));
        }
        Ok(Progress::Accept(Proven {
            grant,
            msk: Some(self.tunnel.msk()?),
        }))
    }

    fn entitled(&self, context: &mut Context<'_>) -> Result<Grant, RejectReason> {
        let certificate = self.tunnel.peer_certificate();
        let certificate = certificate.ok_or(RejectReason::TlsFailed)?;
        let name = certificate::subscriber(certificate).ok_or(RejectReason::UnknownUser)?;
        context.entitled(name)
    }
}

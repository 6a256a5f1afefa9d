//! Replies, encoded but for their signature.
//!
//! The header already holds the Request Authenticator, which is what the signature is made over.
//! Every reply to Access-Request and Status-Server begins with Message-Authenticator.
//!
//! Not here: which reply it is (`access`, `account`), signing (`crypto`).

use std::sync::Arc;

use crate::accounting::ipv6_prefix_value;
use crate::attribute::AttributeType;
use crate::code::Code;
use crate::directory::Profile;
use crate::nas::Nas;
use crate::packet::{EncodeError, Encoder, Packet};
use crate::reason::Outcome;
use crate::server::ReplyBuffer;
use crate::settings::{Rates, Settings};

/// What a reply answers.
#[derive(Clone, Copy)]
pub(crate) struct ReplyTo<'a, 's> {
    pub(crate) settings: &'s Settings,
    /// The position of `nas` in the table.
    pub(crate) nas_index: usize,
    pub(crate) nas: &'s Arc<Nas>,
    pub(crate) packet: Packet<'a>,
    /// There is a Proxy-State to be echoed.
    pub(crate) proxy_state: bool,
}

impl ReplyTo<'_, '_> {
    /// Encodes the answer to an Access-Request and returns its length in octets.
    pub(crate) fn access(
        &self,
        outcome: Outcome,
        profile: &Profile,
        reply: &mut ReplyBuffer,
    ) -> Result<usize, EncodeError> {
        let code = match outcome {
            Outcome::AcceptFull | Outcome::AcceptGarden | Outcome::AcceptUnknown => {
                Code::ACCESS_ACCEPT
            }
            Outcome::Reject(_) | Outcome::Duplicate | Outcome::StatusServer => Code::ACCESS_REJECT,
        };
        let mut encoder = Encoder::new(reply, code, self.packet.identifier())?;
        encoder.message_authenticator()?;
        match outcome {
            Outcome::AcceptFull => {
                self.full(profile, &mut encoder)?;
                subscription(profile, &mut encoder)?;
            }
            Outcome::AcceptGarden => {
                self.garden(profile.session_timeout_seconds, &mut encoder)?;
                subscription(profile, &mut encoder)?;
            }
            Outcome::AcceptUnknown => self.garden(None, &mut encoder)?,
            Outcome::Reject(_) | Outcome::Duplicate | Outcome::StatusServer => {}
        }
        self.close(encoder)
    }

    /// Encodes the answer to Status-Server with the code of its port and returns its length in octets.
    pub(crate) fn status(&self, code: Code, reply: &mut ReplyBuffer) -> Result<usize, EncodeError> {
        let mut encoder = Encoder::new(reply, code, self.packet.identifier())?;
        encoder.message_authenticator()?;
        self.close(encoder)
    }

    /// Encodes an Accounting-Response and returns its length in octets.
    pub(crate) fn accounting(&self, reply: &mut ReplyBuffer) -> Result<usize, EncodeError> {
        let identifier = self.packet.identifier();
        self.close(Encoder::new(reply, Code::ACCOUNTING_RESPONSE, identifier)?)
    }

    fn close(&self, mut encoder: Encoder<'_>) -> Result<usize, EncodeError> {
        if self.proxy_state {
            encoder.echo_proxy_state(&self.packet)?;
        }
        let mut reply = encoder.close();
        reply.set_authenticator(self.packet.authenticator());
        Ok(reply.octets.len())
    }

    fn full(&self, profile: &Profile, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let rates = Rates {
            down_kbps: profile.down_kbps,
            up_kbps: profile.up_kbps,
        };
        let dialect = &self.nas.dialect;
        self.settings
            .encode_full(self.nas_index, dialect, profile.plan, rates, encoder)?;
        if let Some(seconds) = profile.session_timeout_seconds {
            // 0 means no limit to some NAS: the boundary is now, so say the shortest time instead.
            encoder.integer(AttributeType::SESSION_TIMEOUT, seconds.max(1))?;
        }
        interim(profile.interim_seconds, encoder)
    }

    fn garden(
        &self,
        boundary_seconds: Option<u32>,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        let garden = &self.settings.garden;
        self.settings
            .encode_garden(self.nas_index, &self.nas.dialect, encoder)?;
        let backstop = Some(garden.session_timeout_seconds).filter(|seconds| *seconds > 0);
        let boundary = boundary_seconds.map(|seconds| seconds.max(1));
        if let Some(seconds) = backstop.into_iter().chain(boundary).min() {
            encoder.integer(AttributeType::SESSION_TIMEOUT, seconds)?;
        }
        interim(garden.interim_seconds, encoder)
    }
}

fn interim(seconds: u32, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    if seconds > 0 {
        encoder.integer(AttributeType::ACCT_INTERIM_INTERVAL, seconds)?;
    }
    Ok(())
}

/// What does not change between full and garden.
fn subscription(profile: &Profile, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    if let Some(address) = profile.framed_ipv4 {
        encoder.attribute(AttributeType::FRAMED_IP_ADDRESS, &address.octets())?;
    }
    if let Some(prefix) = profile.delegated_ipv6 {
        let mut value = [0; 18];
        let len = ipv6_prefix_value(prefix, &mut value);
        encoder.attribute(AttributeType::DELEGATED_IPV6_PREFIX, &value[..len])?;
    }
    encoder.attribute(AttributeType::CLASS, &profile.class)
}

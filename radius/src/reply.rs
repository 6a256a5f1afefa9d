//! Replies, encoded but for their signature.
//!
//! The header already holds the Request Authenticator, which is what the signature is made over.
//! Every reply to Access-Request and Status-Server begins with Message-Authenticator.
//!
//! Not here: which reply it is (`access`, `account`), signing (`crypto`).

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::accounting::ipv6_prefix_value;
use crate::attribute::{AttributeType, Vendor, microsoft};
use crate::authentication::MsChapProof;
use crate::code::Code;
use crate::crypto::{HIDDEN_KEY_LEN_MAX, PASSWORD_LEN_MAX, Password};
use crate::directory::{CLASS_LEN, NOBODY, Profile, Route};
use crate::eap::State;
use crate::hexadecimal;
use crate::mschap::{NT_HASH_LEN, SUCCESS_LEN};
use crate::nas::Nas;
use crate::packet::{EncodeError, Encoder, Packet, VALUE_LEN_MAX};
use crate::plan::Rates;
use crate::reason::Outcome;
use crate::server::ReplyBuffer;
use crate::settings::Settings;

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

/// What a method says besides yes or no.
#[derive(Clone, Copy)]
pub(crate) enum Words<'r> {
    /// PAP, CHAP, call-check: nothing.
    None,
    /// MS-CHAP, by the identifier of its exchange: both know the password.
    MsChap(u8, &'r MsChapProof),
    /// MS-CHAP: the peer is told so in words that it can read (RFC 2759 section 6).
    MsChapFailed {
        /// Of the exchange.
        identifier: u8,
        /// 2 for the first version, 3 for the second.
        version: u8,
    },
    /// What an EAP conversation says.
    Eap(&'r EapReply),
}

/// What an EAP conversation says.
#[derive(Default)]
pub(crate) struct EapReply {
    /// A whole EAP packet.
    pub(crate) message: Vec<u8>,
    /// By what the conversation is found again.
    pub(crate) state: Option<State>,
    /// The key for the NAS: first what it receives with, then as much that it sends with.
    pub(crate) msk: Option<Zeroizing<Vec<u8>>>,
    /// What came was ignored: the message is the request that still waits.
    pub(crate) ignored: bool,
}

/// What a reply to an Access-Request says.
pub(crate) struct AccessReply<'r> {
    pub(crate) outcome: Outcome,
    pub(crate) profile: &'r Profile,
    pub(crate) words: Words<'r>,
    /// Networks behind the subscriber.
    pub(crate) routes: &'r [Option<Route>],
    /// The NAS asks for a Chargeable-User-Identity.
    pub(crate) wants_identity: bool,
}

impl ReplyTo<'_, '_> {
    /// Encodes the answer to an Access-Request and returns its length in octets.
    pub(crate) fn access(
        &self,
        says: &AccessReply<'_>,
        reply: &mut ReplyBuffer,
    ) -> Result<usize, EncodeError> {
        let AccessReply {
            outcome, profile, ..
        } = *says;
        let code = match outcome {
            Outcome::AcceptFull | Outcome::AcceptGarden | Outcome::AcceptUnknown => {
                Code::ACCESS_ACCEPT
            }
            Outcome::Challenge => Code::ACCESS_CHALLENGE,
            Outcome::Reject(_) | Outcome::Duplicate | Outcome::StatusServer => Code::ACCESS_REJECT,
        };
        let mut encoder = Encoder::new(reply, code, self.packet.identifier())?;
        encoder.message_authenticator()?;
        match outcome {
            Outcome::AcceptFull => {
                self.full(profile, &mut encoder)?;
                subscription(says, &mut encoder)?;
            }
            Outcome::AcceptGarden => {
                self.garden(profile.session_timeout_seconds, &mut encoder)?;
                if let Some(plan) = self.settings.plan(profile.plan) {
                    plan.encode_pools(&mut encoder)?;
                }
                subscription(says, &mut encoder)?;
            }
            Outcome::AcceptUnknown => {
                self.garden(None, &mut encoder)?;
                // The name outside of a tunnel may be anybody's: accounting must not go by it.
                if matches!(says.words, Words::Eap(_)) {
                    encoder.attribute(AttributeType::CLASS, &NOBODY)?;
                }
            }
            Outcome::Challenge
            | Outcome::Reject(_)
            | Outcome::Duplicate
            | Outcome::StatusServer => {}
        }
        if !matches!(says.words, Words::None) {
            self.words(says.words, &mut encoder)?;
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

    #[cold]
    fn words(&self, words: Words<'_>, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        match words {
            Words::None => Ok(()),
            Words::MsChap(_, MsChapProof::Version1(hash)) => self.ms_chap_keys(hash, encoder),
            Words::MsChap(identifier, MsChapProof::Version2 { success, keys }) => {
                let mut value = [identifier; 1 + SUCCESS_LEN];
                value[1..].copy_from_slice(success);
                microsoft(microsoft::MS_CHAP2_SUCCESS, &value, encoder)?;
                self.mppe_keys(&keys.send, &keys.receive, encoder)?;
                encryption_is_allowed(encoder)
            }
            Words::MsChapFailed {
                identifier,
                version,
            } => {
                // 691: wrong name or password; no retry, so the challenge would mean nothing (RFC 2759 section 6).
                let mut value = [identifier; 1 + FAILURE_LEN];
                value[1..].copy_from_slice(FAILURE);
                value[FAILURE_LEN] = b'0' + version;
                microsoft(microsoft::MS_CHAP_ERROR, &value, encoder)
            }
            Words::Eap(says) => self.eap(says, encoder),
        }
    }

    fn eap(&self, says: &EapReply, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        for piece in says.message.chunks(VALUE_LEN_MAX) {
            encoder.attribute(AttributeType::EAP_MESSAGE, piece)?;
        }
        if let Some(state) = &says.state {
            encoder.attribute(AttributeType::STATE, state)?;
        }
        if says.ignored {
            encoder.integer(AttributeType::ERROR_CAUSE, INVALID_EAP_PACKET_IGNORED)?;
        }
        let Some(msk) = &says.msk else {
            return Ok(());
        };
        let (receive, send) = msk.split_at(msk.len() / 2);
        self.mppe_keys(send, receive, encoder)
    }

    /// The keys of an MS-CHAP v1 exchange: none for LAN Manager, the hash of the hash.
    fn ms_chap_keys(
        &self,
        hash: &[u8; NT_HASH_LEN],
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        let mut keys = Zeroizing::new([0; 32]);
        keys[8..8 + NT_HASH_LEN].copy_from_slice(hash);
        let keys = Password::new(&*keys).expect("32 octets are no long password");
        let mut hidden = [0; PASSWORD_LEN_MAX];
        let len = keys.hide(self.packet.authenticator(), &self.nas.secret, &mut hidden);
        microsoft(microsoft::MS_CHAP_MPPE_KEYS, &hidden[..len], encoder)?;
        encryption_is_allowed(encoder)
    }

    /// Both session keys, hidden with the secret.
    pub(crate) fn mppe_keys(
        &self,
        send: &[u8],
        receive: &[u8],
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        let request = self.packet.authenticator();
        let keys = [
            (microsoft::MPPE_SEND_KEY, send),
            (microsoft::MPPE_RECV_KEY, receive),
        ];
        for (kind, key) in keys {
            let mut hidden = [0; HIDDEN_KEY_LEN_MAX];
            // The Request Authenticator is another one each time: the salt need only tell the keys apart.
            let len = (self.nas.secret).hide_key(key, [0, kind], request, &mut hidden);
            microsoft(kind, &hidden[..len], encoder)?;
        }
        Ok(())
    }

    fn garden(
        &self,
        boundary_seconds: Option<u32>,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        let garden = &self.settings.garden;
        self.settings
            .encode_garden(self.nas_index, &self.nas.dialect, encoder)?;
        let boundary = boundary_seconds.map(|seconds| seconds.max(1));
        if let Some(seconds) = garden.session_timeout(boundary) {
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

/// The Error-Cause of a message that was ignored (RFC 5176 section 3.5, RFC 3579 section 2.2).
const INVALID_EAP_PACKET_IGNORED: u32 = 202;
/// MS-CHAP-Error: error, no retry, version.
const FAILURE: &[u8; FAILURE_LEN] = b"E=691 R=0 V=3";
const FAILURE_LEN: usize = 13;

fn microsoft(kind: u8, value: &[u8], encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    encoder.vendor_attribute(Vendor::MICROSOFT, kind, value)
}

/// MPPE may be used, with 40 or 128 bits: what it is worth is the tunnel's to judge (RFC 2548 sections 2.4.4, 2.4.5).
fn encryption_is_allowed(encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    const ALLOWED: u32 = 1;
    const BITS_40_OR_128: u32 = 2 | 4;
    microsoft(
        microsoft::MPPE_ENCRYPTION_POLICY,
        &ALLOWED.to_be_bytes(),
        encoder,
    )?;
    microsoft(
        microsoft::MPPE_ENCRYPTION_TYPES,
        &BITS_40_OR_128.to_be_bytes(),
        encoder,
    )
}

/// What does not change between full and garden.
fn subscription(says: &AccessReply<'_>, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    let profile = says.profile;
    if let Some(address) = profile.framed_ipv4 {
        encoder.attribute(AttributeType::FRAMED_IP_ADDRESS, &address.octets())?;
    }
    if let Some(prefix) = profile.delegated_ipv6 {
        let mut value = [0; 18];
        let len = ipv6_prefix_value(prefix, &mut value);
        encoder.attribute(AttributeType::DELEGATED_IPV6_PREFIX, &value[..len])?;
    }
    if let Some(prefix) = profile.framed_ipv6 {
        let mut value = [0; 18];
        let len = ipv6_prefix_value(prefix, &mut value);
        encoder.attribute(AttributeType::FRAMED_IPV6_PREFIX, &value[..len])?;
    }
    for route in says.routes.iter().flatten() {
        framed_route(route, encoder)?;
    }
    if says.wants_identity {
        let mut text = [0; 2 * CLASS_LEN];
        hexadecimal::write(&profile.class, hexadecimal::LOWER, &mut text);
        encoder.attribute(AttributeType::CHARGEABLE_USER_IDENTITY, &text)?;
    }
    encoder.attribute(AttributeType::CLASS, &profile.class)
}

/// "network/length gateway metric" (RFC 2865 section 5.22, RFC 3162 section 2.5); the gateway is the subscriber.
fn framed_route(route: &Route, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    /// Octets of the longest: 39 of address, a slash, 3 of length, "::", 3 of metric, two spaces.
    const LEN_MAX: usize = 39 + 1 + 3 + 1 + 7 + 1 + 3;
    /// What a route without a metric says.
    const METRIC_DEFAULT: u8 = 1;
    let (kind, gateway) = match route.network {
        IpAddr::V4(_) => (
            AttributeType::FRAMED_ROUTE,
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
        ),
        IpAddr::V6(_) => (
            AttributeType::FRAMED_IPV6_ROUTE,
            IpAddr::from(Ipv6Addr::UNSPECIFIED),
        ),
    };
    let Route {
        network, length, ..
    } = route;
    let metric = route.metric.unwrap_or(METRIC_DEFAULT);
    let mut text = [0; LEN_MAX];
    let mut rest = text.as_mut_slice();
    write!(rest, "{network}/{length} {gateway} {metric}").expect("it was measured");
    let left = rest.len();
    encoder.attribute(kind, &text[..LEN_MAX - left])
}

//! An Access-Request or Status-Server, read in the pass that checks its lengths.
//!
//! Collects; judges only what the octets alone can say. Not here: secrets, who may connect (`server`).

use crate::attribute::{AttributeType, Vendor, service_type};
use crate::crypto::{ChapPassword, Hidden};
use crate::mac;
use crate::packet::{AUTHENTICATOR_LEN, Attribute, Packet};
use crate::reason::RejectReason;
use crate::vendor_attributes::{MsChap, MsChap2, mschap_exchange};

/// The shortest CHAP-Challenge (RFC 2865 section 5.40).
const CHAP_CHALLENGE_LEN_MIN: usize = 5;

/// Where the Message-Authenticator is, if there is exactly one that could be right.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum MessageAuthenticator {
    #[default]
    Absent,
    /// Its value begins there.
    At(usize),
    /// More than one, or not 16 octets.
    Impossible,
}

impl MessageAuthenticator {
    /// Where its value begins.
    pub(crate) fn at(self) -> Option<usize> {
        match self {
            Self::At(at) => Some(at),
            Self::Absent | Self::Impossible => None,
        }
    }

    pub(crate) fn note(&mut self, value_len: usize, value_offset: usize) {
        *self = match *self {
            Self::Absent if value_len == AUTHENTICATOR_LEN => Self::At(value_offset),
            Self::Absent | Self::At(_) | Self::Impossible => Self::Impossible,
        };
    }
}

/// What is wrong with attributes whose packet may still be genuine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    /// An attribute that may appear once appears again.
    Repeated,
    /// A value of a length its type does not have.
    BadValue,
}

impl From<Flaw> for RejectReason {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::BadValue => Self::BadAttribute,
            Flaw::Repeated => Self::RepeatedAttribute,
        }
    }
}

/// How a request proves its identity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Method<'a> {
    /// Not at all, as a call-check may.
    None,
    /// By User-Password.
    Pap(Hidden<'a>),
    /// By CHAP-Password.
    Chap {
        response: &'a ChapPassword,
        challenge: &'a [u8],
    },
    /// By MS-CHAP-Response.
    MsChap(MsChap<'a>),
    /// By MS-CHAP2-Response.
    MsChap2(MsChap2<'a>),
    /// By EAP-Message.
    Eap,
}

/// The attributes of an Access-Request that decide its answer.
#[derive(Debug, Default)]
pub(crate) struct AccessRequest<'a> {
    pub(crate) user_name: Option<&'a [u8]>,
    user_password: Option<&'a [u8]>,
    chap_password: Option<&'a ChapPassword>,
    chap_challenge: Option<&'a [u8]>,
    pub(crate) calling_station_id: Option<&'a [u8]>,
    service_type: Option<u32>,
    /// There are attributes of Microsoft, which may be an MS-CHAP exchange.
    microsoft: bool,
    /// There are attributes of the Broadband Forum, which may name a line.
    pub(crate) line: bool,
    /// The NAS asks for a Chargeable-User-Identity (RFC 4372 section 2.1).
    pub(crate) wants_identity: bool,
    pub(crate) eap: bool,
    pub(crate) message_authenticator: MessageAuthenticator,
    /// There is a Proxy-State to be echoed.
    pub(crate) proxy_state: bool,
    /// The first flaw found. An Access-Request with one is rejected (RFC 2865 section 5), once it is known to be genuine.
    flaw: Option<Flaw>,
}

impl<'a> AccessRequest<'a> {
    /// Takes one attribute of the packet.
    pub(crate) fn take(&mut self, attribute: &Attribute<'a>) {
        let value = attribute.value;
        let flaw = match attribute.kind {
            AttributeType::USER_NAME => set_octets(&mut self.user_name, value),
            AttributeType::USER_PASSWORD => set_octets(&mut self.user_password, value),
            AttributeType::CHAP_PASSWORD => match value.try_into() {
                Ok(chap) => set(&mut self.chap_password, chap),
                Err(_) => Some(Flaw::BadValue),
            },
            AttributeType::CHAP_CHALLENGE if value.len() < CHAP_CHALLENGE_LEN_MIN => {
                Some(Flaw::BadValue)
            }
            AttributeType::CHAP_CHALLENGE => set(&mut self.chap_challenge, value),
            AttributeType::CALLING_STATION_ID => set_octets(&mut self.calling_station_id, value),
            AttributeType::SERVICE_TYPE => match attribute.integer() {
                Some(service) => set(&mut self.service_type, service),
                None => Some(Flaw::BadValue),
            },
            AttributeType::EAP_MESSAGE => {
                self.eap = true;
                None
            }
            AttributeType::MESSAGE_AUTHENTICATOR => {
                self.message_authenticator
                    .note(value.len(), attribute.value_offset);
                None
            }
            AttributeType::PROXY_STATE => {
                self.proxy_state = true;
                None
            }
            AttributeType::CHARGEABLE_USER_IDENTITY => {
                self.wants_identity = true;
                None
            }
            AttributeType::VENDOR_SPECIFIC => {
                self.note_vendor(attribute.vendor());
                None
            }
            _ => None,
        };
        self.flaw = self.flaw.or(flaw);
    }

    /// Remembers whose attributes there are: few requests have any that matter, so those are read when they do.
    fn note_vendor(&mut self, vendor: Option<(Vendor, u8)>) {
        match vendor {
            Some((Vendor::MICROSOFT, _)) => self.microsoft = true,
            Some((Vendor::BROADBAND_FORUM, _)) => self.line = true,
            Some(_) | None => {}
        }
    }

    /// The one authentication method the request carries.
    ///
    /// # Errors
    /// When attributes are flawed, there is more than one method, or it is one we do not speak.
    pub(crate) fn method(&self, packet: &Packet<'a>) -> Result<Method<'a>, RejectReason> {
        if let Some(flaw) = self.flaw {
            return Err(flaw.into());
        }
        let ms_chap = if self.microsoft {
            mschap_exchange(packet)?
        } else {
            None
        };
        if self.method_count() + usize::from(ms_chap.is_some()) > 1 {
            return Err(RejectReason::AmbiguousCredential);
        }
        if self.eap {
            return Ok(Method::Eap);
        }
        if let Some(method) = ms_chap {
            return Ok(method);
        }
        if let Some(hidden) = self.user_password {
            let hidden = Hidden::new(hidden).ok_or(RejectReason::BadAttribute)?;
            return Ok(Method::Pap(hidden));
        }
        Ok(self
            .chap_password
            .map_or(Method::None, |response| Method::Chap {
                response,
                challenge: self.chap_challenge(packet),
            }))
    }

    fn method_count(&self) -> usize {
        [
            self.user_password.is_some(),
            self.chap_password.is_some(),
            self.eap,
        ]
        .into_iter()
        .filter(|present| *present)
        .count()
    }

    /// What the CHAP response was made from: CHAP-Challenge, or the Request Authenticator without one.
    fn chap_challenge(&self, packet: &Packet<'a>) -> &'a [u8] {
        self.chap_challenge
            .unwrap_or_else(|| packet.authenticator())
    }

    pub(crate) fn is_call_check(&self) -> bool {
        self.service_type == Some(service_type::CALL_CHECK)
    }

    pub(crate) fn user_name_mac(&self) -> Option<[u8; 6]> {
        self.user_name.and_then(mac::parse)
    }

    pub(crate) fn calling_station_mac(&self) -> Option<[u8; 6]> {
        self.calling_station_id.and_then(mac::parse)
    }
}

/// Fills an attribute that may appear once.
pub(crate) fn set<T>(slot: &mut Option<T>, value: T) -> Option<Flaw> {
    if slot.is_some() {
        return Some(Flaw::Repeated);
    }
    *slot = Some(value);
    None
}

/// Fills an attribute that may appear once and has at least one octet.
pub(crate) fn set_octets<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) -> Option<Flaw> {
    if value.is_empty() {
        return Some(Flaw::BadValue);
    }
    set(slot, value)
}

//! Dialects as an operator writes them: names of attributes, numbers, session keys, text with placeholders.
//!
//! An error says what is wrong; what was given is known, what is allowed is in a list beside it.
//!
//! Not here: the configuration file around them (`daemon`).

use std::fmt;
use std::str::FromStr;

use super::{
    AttributeName, FULL_NAME, Fill, Number, Part, SessionKey, Template, Told, Value, encode,
};
use crate::attribute::{
    AttributeType, Vendor, accel_ppp, chillispot, cisco, erx, huawei, mikrotik, nokia, wispr,
};
use crate::code::Code;
use crate::packet::{EncodeError, Encoder, HEADER_LEN};

/// The most octets of the attributes of one table: what is left of a packet holds everything else
/// that goes into an Access-Accept or a CoA-Request.
pub const TABLE_LEN_MAX: usize = 2048;

/// Why what an operator wrote is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// Neither a name that is known nor numbers.
    #[error("no attribute that is known")]
    UnknownAttribute,
    /// Written by the server itself.
    #[error("an attribute that the server writes by itself")]
    ReservedAttribute,
    /// Not a name of [`Number::NAMES`].
    #[error("no number that is known")]
    UnknownNumber,
    /// Not a name of [`SessionKey::NAMES`].
    #[error("nothing that names a session")]
    UnknownSessionKey,
    /// Not a name of [`Part::PLACEHOLDERS`] or [`Number::NAMES`].
    #[error("{{{0}}} is no placeholder that is known")]
    UnknownPlaceholder(Box<str>),
    /// A brace without its other one.
    #[error("a brace is not closed or not opened; {{{{ and }}}} stand for braces")]
    LoneBrace,
}

/// Why a table of templates is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TableError {
    /// One attribute is too long.
    #[error("its longest value has {len} octets and does not fit an attribute")]
    LongValue {
        /// Octets with the largest numbers.
        len: usize,
    },
    /// All attributes together are too long.
    #[error("the attributes have more than {TABLE_LEN_MAX} octets together")]
    LongTable,
}

impl Number {
    /// The numbers that have a name.
    pub const NAMES: [(&str, Self); 8] = [
        ("down_kbps", Self::DownKbps),
        ("up_kbps", Self::UpKbps),
        ("down_bps", Self::DownBps),
        ("up_bps", Self::UpBps),
        ("told_down_kbps", Self::ToldDownKbps),
        ("told_up_kbps", Self::ToldUpKbps),
        ("told_down_bps", Self::ToldDownBps),
        ("told_up_bps", Self::ToldUpBps),
    ];
}

impl FromStr for Number {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        by_name(&Self::NAMES, text).ok_or(ParseError::UnknownNumber)
    }
}

impl SessionKey {
    /// Every key with its name.
    pub const NAMES: [(&str, Self); 8] = [
        ("user_name", Self::UserName),
        ("acct_session_id", Self::AcctSessionId),
        ("framed_ip_address", Self::FramedIpAddress),
        ("calling_station_id", Self::CallingStationId),
        ("nas_port_id", Self::NasPortId),
        ("nas_ip_address", Self::NasIpAddress),
        ("nas_identifier", Self::NasIdentifier),
        ("cisco_account_info", Self::CiscoAccountInfo),
    ];

    /// As in the configuration.
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(_, key)| *key == self);
        named.map_or("", |(name, _)| name)
    }
}

impl FromStr for SessionKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        by_name(&Self::NAMES, text).ok_or(ParseError::UnknownSessionKey)
    }
}

impl Part {
    /// What may stand between braces beside [`Number::NAMES`].
    pub const PLACEHOLDERS: [(&str, Self); 3] = [
        ("garden", Self::GardenName),
        ("told", Self::ToldName),
        ("portal_url", Self::PortalUrl),
    ];
}

/// Text with placeholders in braces, such as `{up_kbps}k/{down_kbps}k`; `{{` and `}}` stand for braces.
impl FromStr for Value {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            if let Some(behind) = brace.strip_prefix("{{") {
                literal.push('{');
                rest = behind;
            } else if let Some(behind) = brace.strip_prefix("}}") {
                literal.push('}');
                rest = behind;
            } else {
                let (name, behind) = brace
                    .strip_prefix('{')
                    .and_then(|inner| inner.split_once('}'))
                    .ok_or(ParseError::LoneBrace)?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(placeholder(name)?);
                rest = behind;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Self::Text(parts.into()))
    }
}

fn placeholder(name: &str) -> Result<Part, ParseError> {
    if let Some(number) = by_name(&Number::NAMES, name) {
        return Ok(Part::Number(number));
    }
    let mut parts = Part::PLACEHOLDERS.into_iter();
    let found = parts.find(|(placeholder, _)| *placeholder == name);
    found
        .map(|(_, part)| part)
        .ok_or_else(|| ParseError::UnknownPlaceholder(name.into()))
}

/// A name of [`ATTRIBUTES`], a number of the IANA registry such as `11`, or `26.VENDOR.TYPE`.
impl FromStr for AttributeName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name = by_name(ATTRIBUTES, text)
            .or_else(|| by_number(text))
            .ok_or(ParseError::UnknownAttribute)?;
        match name {
            Self::Standard(kind) if RESERVED.contains(&kind.0) => {
                Err(ParseError::ReservedAttribute)
            }
            Self::Standard(_) | Self::Vendor(..) => Ok(name),
        }
    }
}

/// As an operator writes it: the name if it has one, and numbers if not.
impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = ATTRIBUTES.iter().find(|(_, known)| known == self) {
            return f.write_str(name);
        }
        match self {
            Self::Standard(kind) => write!(f, "{}", kind.0),
            Self::Vendor(vendor, kind) => write!(f, "26.{}.{kind}", vendor.0),
        }
    }
}

fn by_number(text: &str) -> Option<AttributeName> {
    let mut numbers = text.split('.');
    let kind: u8 = numbers.next()?.parse().ok()?;
    let name = match numbers.next() {
        None => AttributeName::Standard(AttributeType(kind)),
        Some(_) if AttributeType(kind) != AttributeType::VENDOR_SPECIFIC => return None,
        Some(vendor) => {
            let vendor = Vendor(vendor.parse().ok()?);
            AttributeName::Vendor(vendor, numbers.next()?.parse().ok()?)
        }
    };
    numbers.next().is_none().then_some(name)
}

fn by_name<T: Copy>(names: &[(&str, T)], text: &str) -> Option<T> {
    let found = names.iter().find(|(name, _)| *name == text)?;
    Some(found.1)
}

/// Standard attributes that no template may write: the server does, or they mean something else
/// in each packet. 0 is no attribute.
const RESERVED: &[u8] = &[
    0,
    AttributeType::USER_NAME.0,
    AttributeType::USER_PASSWORD.0,
    AttributeType::CHAP_PASSWORD.0,
    AttributeType::FRAMED_IP_ADDRESS.0,
    AttributeType::FRAMED_ROUTE.0,
    AttributeType::STATE.0,
    AttributeType::CLASS.0,
    AttributeType::VENDOR_SPECIFIC.0,
    AttributeType::SESSION_TIMEOUT.0,
    AttributeType::PROXY_STATE.0,
    AttributeType::ACCT_SESSION_ID.0,
    AttributeType::EVENT_TIMESTAMP.0,
    AttributeType::EAP_MESSAGE.0,
    AttributeType::MESSAGE_AUTHENTICATOR.0,
    AttributeType::ACCT_INTERIM_INTERVAL.0,
    AttributeType::CHARGEABLE_USER_IDENTITY.0,
    AttributeType::FRAMED_IPV6_PREFIX.0,
    AttributeType::FRAMED_IPV6_ROUTE.0,
    AttributeType::ERROR_CAUSE.0,
    AttributeType::DELEGATED_IPV6_PREFIX.0,
];

/// The attributes that have a name here; all others are written with numbers.
pub const ATTRIBUTES: &[(&str, AttributeName)] = &[
    ("Filter-Id", standard(AttributeType::FILTER_ID.0)),
    ("Framed-MTU", standard(AttributeType::FRAMED_MTU.0)),
    ("Reply-Message", standard(AttributeType::REPLY_MESSAGE.0)),
    ("Idle-Timeout", standard(AttributeType::IDLE_TIMEOUT.0)),
    ("Framed-Pool", standard(AttributeType::FRAMED_POOL.0)),
    (
        "Framed-IPv6-Pool",
        standard(AttributeType::FRAMED_IPV6_POOL.0),
    ),
    ("L4-Redirect", standard(accel_ppp::L4_REDIRECT.0)),
    (
        "Accel-VRF-Name",
        vendor(Vendor::ACCEL_PPP, accel_ppp::VRF_NAME),
    ),
    (
        "Alc-SLA-Prof-Str",
        vendor(Vendor::NOKIA, nokia::SLA_PROFILE),
    ),
    (
        "Alc-Subsc-Prof-Str",
        vendor(Vendor::NOKIA, nokia::SUBSCRIBER_PROFILE),
    ),
    (
        "Alc-Subscriber-Filter",
        vendor(Vendor::NOKIA, nokia::SUBSCRIBER_FILTER),
    ),
    (
        "ChilliSpot-Bandwidth-Max-Down",
        vendor(Vendor::CHILLISPOT, chillispot::BANDWIDTH_MAX_DOWN),
    ),
    (
        "ChilliSpot-Bandwidth-Max-Up",
        vendor(Vendor::CHILLISPOT, chillispot::BANDWIDTH_MAX_UP),
    ),
    (
        "ChilliSpot-Config",
        vendor(Vendor::CHILLISPOT, chillispot::CONFIG),
    ),
    (
        "ChilliSpot-Session-State",
        vendor(Vendor::CHILLISPOT, chillispot::SESSION_STATE),
    ),
    ("Cisco-AVPair", vendor(Vendor::CISCO, cisco::AV_PAIR)),
    (
        "Cisco-Account-Info",
        vendor(Vendor::CISCO, cisco::ACCOUNT_INFO),
    ),
    (
        "ERX-Service-Activate",
        vendor(Vendor::ERX, erx::SERVICE_ACTIVATE),
    ),
    (
        "ERX-Service-Deactivate",
        vendor(Vendor::ERX, erx::SERVICE_DEACTIVATE),
    ),
    (
        "HW-HTTP-Redirect-URL",
        vendor(Vendor::HUAWEI, huawei::HTTP_REDIRECT_URL),
    ),
    (
        "HW-Input-Committed-Information-Rate",
        vendor(Vendor::HUAWEI, huawei::INPUT_RATE),
    ),
    (
        "HW-Output-Committed-Information-Rate",
        vendor(Vendor::HUAWEI, huawei::OUTPUT_RATE),
    ),
    (
        "HW-Policy-Name",
        vendor(Vendor::HUAWEI, huawei::POLICY_NAME),
    ),
    (
        "Mikrotik-Address-List",
        vendor(Vendor::MIKROTIK, mikrotik::ADDRESS_LIST),
    ),
    (
        "Mikrotik-Rate-Limit",
        vendor(Vendor::MIKROTIK, mikrotik::RATE_LIMIT),
    ),
    (
        "WISPr-Bandwidth-Max-Down",
        vendor(Vendor::WISPR, wispr::BANDWIDTH_MAX_DOWN),
    ),
    (
        "WISPr-Bandwidth-Max-Up",
        vendor(Vendor::WISPR, wispr::BANDWIDTH_MAX_UP),
    ),
];

const fn standard(kind: u8) -> AttributeName {
    AttributeName::Standard(AttributeType(kind))
}

const fn vendor(vendor: Vendor, kind: u8) -> AttributeName {
    AttributeName::Vendor(vendor, kind)
}

/// Whether templates fit with the largest rates and these names.
///
/// # Errors
/// When a value does not fit an attribute, or all of them do not fit [`TABLE_LEN_MAX`] octets.
pub fn check_table(
    templates: &[Template],
    garden_name: &str,
    portal_url: &str,
) -> Result<(), TableError> {
    let told_name = if garden_name.len() > FULL_NAME.len() {
        garden_name
    } else {
        FULL_NAME
    };
    let fill = Fill {
        down_kbps: u32::MAX,
        up_kbps: u32::MAX,
        garden_name,
        portal_url,
        told: Told {
            name: told_name,
            down_kbps: u32::MAX,
            up_kbps: u32::MAX,
        },
    };
    let mut buffer = [0; HEADER_LEN + TABLE_LEN_MAX];
    let encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, 0);
    let mut encoder = encoder.expect("the buffer holds a header");
    encode(templates, fill, &mut encoder).map_err(|error| match error {
        EncodeError::LongValue { len } => TableError::LongValue { len },
        EncodeError::Full { .. } | EncodeError::TimeOutOfRange(_) => TableError::LongTable,
    })
}

//! What each kind of NAS wants to read, as data: a table of attribute templates per state.
//!
//! A new vendor is a new table ([`Dialect::BUILT_IN`]), not new code; an operator can write one in the
//! configuration ([`parse`]). Attributes that every NAS takes (Session-Timeout,
//! Acct-Interim-Interval, Framed-IP-Address, Delegated-IPv6-Prefix, Class) are not in the tables:
//! `server` adds them to every Accept.
//!
//! Included attributes replace, omitted ones stay (RFC 5176 section 3): so both states of a
//! change carry explicit values for the same attributes. Where what is replaced must be named (a service
//! that is deactivated), templates have what the session was told before: [`Told`].

use std::borrow::Cow;
use std::net::Ipv4Addr;

use crate::attribute::{AttributeType, Vendor};
use crate::packet::{EncodeError, Encoder, VALUE_LEN_MAX};

mod built_in;
pub mod parse;
#[cfg(test)]
mod tests;
mod words;

/// One NAS vendor's way to say full and garden.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dialect {
    /// As in the configuration.
    pub name: Cow<'static, str>,
    /// In an Access-Accept with full access.
    pub full: Cow<'static, [Template]>,
    /// In an Access-Accept into the garden.
    pub garden: Cow<'static, [Template]>,
    /// How a running session is moved.
    pub change: Change,
    /// What names a session in Disconnect and CoA requests, as far as it is known.
    pub identify_by: Cow<'static, [SessionKey]>,
    /// Of `identify_by`, what a request must not be without.
    pub required: Cow<'static, [SessionKey]>,
    /// The UDP port of its Disconnect and CoA requests where nobody says otherwise.
    pub port: u16,
    /// It drops a request for a session that still works on another one.
    pub one_change_at_a_time: bool,
    /// It takes Session-Timeout in a CoA-Request, and what is said there replaces what the Access-Accept said.
    pub coa_session_timeout: bool,
}

/// How a running session is moved between full and garden.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Only by ending it: the subscriber dials in again.
    Disconnect,
    /// By a CoA-Request with these attributes.
    Coa {
        /// Out of the garden.
        full: Cow<'static, [Template]>,
        /// Into the garden.
        garden: Cow<'static, [Template]>,
    },
}

/// An attribute that can name a session or its NAS (RFC 5176 section 3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SessionKey {
    /// User-Name.
    UserName,
    /// Acct-Session-Id.
    AcctSessionId,
    /// Framed-IP-Address.
    FramedIpAddress,
    /// Calling-Station-Id.
    CallingStationId,
    /// NAS-Port-Id.
    NasPortId,
    /// NAS-IP-Address.
    NasIpAddress,
    /// NAS-Identifier.
    NasIdentifier,
    /// Cisco-Account-Info "S" and the subscriber's IPv4 address: how an ISG names a session.
    CiscoAccountInfo,
}

/// One attribute and how its value is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    /// Which attribute.
    pub attribute: AttributeName,
    /// Which of several sets the value belongs to (RFC 2868 section 3).
    pub tag: Option<Tag>,
    /// Its value.
    pub value: Value,
}

/// A standard attribute or one of a vendor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AttributeName {
    /// Of the IANA registry.
    Standard(AttributeType),
    /// Inside Vendor-Specific.
    Vendor(Vendor, u8),
}

/// A tag of an attribute: 1 to 31 (RFC 2868 section 3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tag(u8);

impl Tag {
    /// The largest tag.
    pub const MAX: u8 = 0x1f;

    /// Takes a tag of 1 to [`Tag::MAX`].
    pub const fn new(tag: u8) -> Option<Self> {
        match tag {
            1..=Self::MAX => Some(Self(tag)),
            _ => None,
        }
    }
}

/// How a value is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// A 32-bit integer, beside a tag 24 bits; a larger number becomes the largest.
    Integer(Number),
    /// Text, put together. One that comes out empty is left out (RFC 2865 section 5).
    Text(Cow<'static, [Part]>),
    /// An IPv4 address.
    Address(Ipv4Addr),
}

/// A number. Down is towards the subscriber.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Number {
    /// Rate towards the subscriber in kbit/s.
    DownKbps,
    /// Rate from the subscriber in kbit/s.
    UpKbps,
    /// Rate towards the subscriber in bit/s.
    DownBps,
    /// Rate from the subscriber in bit/s.
    UpBps,
    /// [`Self::DownKbps`] as the session was told before: in CoA only, as the others that were told.
    ToldDownKbps,
    /// [`Self::UpKbps`] as told before.
    ToldUpKbps,
    /// [`Self::DownBps`] as told before.
    ToldDownBps,
    /// [`Self::UpBps`] as told before.
    ToldUpBps,
    /// Always this.
    Literal(u32),
}

/// A piece of text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// As it stands.
    Literal(Cow<'static, str>),
    /// A number in decimal.
    Number(Number),
    /// The garden's list, filter or service name.
    GardenName,
    /// That name, or [`FULL_NAME`]: as the session was told before.
    ToldName,
    /// Where the portal is.
    PortalUrl,
}

/// What templates are filled with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fill<'a> {
    /// Rate towards the subscriber in kbit/s.
    pub down_kbps: u32,
    /// Rate from the subscriber in kbit/s.
    pub up_kbps: u32,
    /// The garden's list, filter or service name.
    pub garden_name: &'a str,
    /// Where the portal is; empty where there is none.
    pub portal_url: &'a str,
    /// What the session has until now; nothing in an Access-Accept.
    pub told: Told<'a>,
}

/// What a session was told last, as far as templates name it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// [`FULL_NAME`] or the garden's name.
    pub name: &'a str,
    /// Rate towards the subscriber in kbit/s.
    pub down_kbps: u32,
    /// Rate from the subscriber in kbit/s.
    pub up_kbps: u32,
}

/// The garden's list, filter or service name: 1 to 64 octets, so that it fits any attribute
/// together with what a dialect puts before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GardenName(Box<str>);

/// Why a garden name is refused. Always the operator's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("garden name has {len} octets, allowed are 1 to {GARDEN_NAME_LEN_MAX}")]
pub struct GardenNameError {
    /// Octets given.
    pub len: usize,
}

/// The longest garden name.
pub const GARDEN_NAME_LEN_MAX: usize = 64;

impl GardenName {
    /// Takes a name.
    ///
    /// # Errors
    /// When it is empty or too long for an attribute.
    pub fn new(name: &str) -> Result<Self, GardenNameError> {
        let len = name.len();
        if !(1..=GARDEN_NAME_LEN_MAX).contains(&len) {
            return Err(GardenNameError { len });
        }
        Ok(Self(name.into()))
    }
}

impl std::ops::Deref for GardenName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Where the portal is, as a NAS may be told: at most 247 octets, empty where there is none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PortalUrl(Box<str>);

/// Why a portal URL is refused. Always the operator's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("portal URL has {len} octets, allowed are at most {PORTAL_URL_LEN_MAX}")]
pub struct PortalUrlError {
    /// Octets given.
    pub len: usize,
}

/// The longest portal URL: a value inside Vendor-Specific.
pub const PORTAL_URL_LEN_MAX: usize = VALUE_LEN_MAX - 6;

impl PortalUrl {
    /// Takes a URL.
    ///
    /// # Errors
    /// When it is too long for an attribute.
    pub fn new(url: &str) -> Result<Self, PortalUrlError> {
        let len = url.len();
        if len > PORTAL_URL_LEN_MAX {
            return Err(PortalUrlError { len });
        }
        Ok(Self(url.into()))
    }
}

impl std::ops::Deref for PortalUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The list, profile or service of those with full access, where a dialect must name one.
///
/// A CoA cannot take a list away, only replace it.
pub const FULL_NAME: &str = "garth-full";

/// The port of Disconnect and CoA requests (RFC 5176 section 3).
pub const DYNAMIC_AUTHORIZATION_PORT: u16 = 3799;

impl Dialect {
    /// The tables of templates: both of Access-Accept and, where there are any, both of CoA.
    pub fn tables(&self) -> impl Iterator<Item = &[Template]> {
        let coa: [&[Template]; 2] = match &self.change {
            Change::Disconnect => [&[], &[]],
            Change::Coa { full, garden } => [full, garden],
        };
        [&*self.full, &*self.garden].into_iter().chain(coa)
    }
}

impl Template {
    /// Whether it names what the session was told before, which only a CoA-Request can.
    pub fn names_what_was_told(&self) -> bool {
        match &self.value {
            Value::Integer(number) => number.is_of_before(),
            Value::Text(parts) => parts.iter().any(|part| match part {
                Part::ToldName => true,
                Part::Number(number) => number.is_of_before(),
                Part::Literal(_) | Part::GardenName | Part::PortalUrl => false,
            }),
            Value::Address(_) => false,
        }
    }
}

impl Number {
    const fn is_of_before(self) -> bool {
        match self {
            Self::ToldDownKbps | Self::ToldUpKbps | Self::ToldDownBps | Self::ToldUpBps => true,
            Self::DownKbps | Self::UpKbps | Self::DownBps | Self::UpBps | Self::Literal(_) => false,
        }
    }
}

/// Appends the attributes of `templates`.
///
/// # Errors
/// When they do not fit.
pub fn encode(
    templates: &[Template],
    fill: Fill<'_>,
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    for template in templates {
        match &template.value {
            Value::Integer(number) => {
                let value = integer(fill.number(*number), template.tag);
                put(template.attribute, &value.to_be_bytes(), encoder)?;
            }
            Value::Text(parts) => {
                let mut text = Text::new();
                for part in parts.iter() {
                    text.part(part, fill)?;
                }
                if !text.is_empty() {
                    put(template.attribute, text.octets(template.tag), encoder)?;
                }
            }
            Value::Address(address) => put(template.attribute, &address.octets(), encoder)?,
        }
    }
    Ok(())
}

/// A number as it goes into an attribute: beside a tag only 24 bits are left (RFC 2868 section 3.1).
fn integer(number: u64, tag: Option<Tag>) -> u32 {
    /// The largest number beside a tag.
    const TAGGED_MAX: u32 = 0x00ff_ffff;
    const TAG_SHIFT: u32 = 24;
    let value = u32::try_from(number).unwrap_or(u32::MAX);
    match tag {
        None => value,
        Some(Tag(tag)) => value.min(TAGGED_MAX) | u32::from(tag) << TAG_SHIFT,
    }
}

fn put(name: AttributeName, value: &[u8], encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    match name {
        AttributeName::Standard(kind) => encoder.attribute(kind, value),
        AttributeName::Vendor(vendor, kind) => encoder.vendor_attribute(vendor, kind, value),
    }
}

impl Fill<'_> {
    fn number(&self, number: Number) -> u64 {
        match number {
            Number::DownKbps => u64::from(self.down_kbps),
            Number::UpKbps => u64::from(self.up_kbps),
            Number::DownBps => u64::from(self.down_kbps) * 1000,
            Number::UpBps => u64::from(self.up_kbps) * 1000,
            Number::ToldDownKbps => u64::from(self.told.down_kbps),
            Number::ToldUpKbps => u64::from(self.told.up_kbps),
            Number::ToldDownBps => u64::from(self.told.down_kbps) * 1000,
            Number::ToldUpBps => u64::from(self.told.up_kbps) * 1000,
            Number::Literal(number) => u64::from(number),
        }
    }
}

/// The octet before a text that a tag may take.
const TAG_LEN: usize = 1;

/// Text of one attribute, built without a heap, with room for a tag before it.
pub(crate) struct Text {
    octets: [u8; TAG_LEN + VALUE_LEN_MAX],
    /// Octets used, the room for the tag included.
    len: usize,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self {
            octets: [0; TAG_LEN + VALUE_LEN_MAX],
            len: TAG_LEN,
        }
    }

    fn is_empty(&self) -> bool {
        self.len == TAG_LEN
    }

    /// The text, behind its tag if it has one.
    pub(crate) fn octets(&mut self, tag: Option<Tag>) -> &[u8] {
        match tag {
            None => &self.octets[TAG_LEN..self.len],
            Some(Tag(tag)) => {
                self.octets[0] = tag;
                &self.octets[..self.len]
            }
        }
    }

    fn part(&mut self, part: &Part, fill: Fill<'_>) -> Result<(), EncodeError> {
        match part {
            Part::Literal(text) => self.push(text.as_bytes()),
            Part::GardenName => self.push(fill.garden_name.as_bytes()),
            Part::ToldName => self.push(fill.told.name.as_bytes()),
            Part::PortalUrl => self.push(fill.portal_url.as_bytes()),
            Part::Number(number) => self.decimal(fill.number(*number)),
        }
    }

    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        let end = self.len + octets.len();
        let Some(room) = self.octets.get_mut(self.len..end) else {
            return Err(EncodeError::LongValue { len: end - TAG_LEN });
        };
        room.copy_from_slice(octets);
        self.len = end;
        Ok(())
    }

    pub(crate) fn decimal(&mut self, mut number: u64) -> Result<(), EncodeError> {
        /// Decimal digits of the largest 64-bit number.
        const DIGITS_MAX: usize = 20;
        let mut digits = [0; DIGITS_MAX];
        let mut at = DIGITS_MAX;
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(number % 10).expect("a remainder of ten");
            number /= 10;
            if number == 0 {
                return self.push(&digits[at..]);
            }
        }
    }
}

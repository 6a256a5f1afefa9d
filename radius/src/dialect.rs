//! What each kind of NAS wants to read, as data: a table of attribute templates per state.
//!
//! A new vendor is a new table, not new code; an operator can write one in the configuration.
//! Attributes that every NAS takes (Session-Timeout, Acct-Interim-Interval, Framed-IP-Address,
//! Delegated-IPv6-Prefix, Class) are not in the tables: `server` adds them to every Accept.
//!
//! Included attributes replace, omitted ones stay (RFC 5176 section 3): so both states of a
//! change carry explicit values.

use std::borrow::Cow;

use crate::attribute::{AttributeType, Vendor, mikrotik, wispr};
use crate::packet::{EncodeError, Encoder, VALUE_LEN_MAX};

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

/// An attribute that can name a session (RFC 5176 section 3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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
}

/// One attribute and how its value is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    /// Which attribute.
    pub attribute: AttributeName,
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

/// How a value is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// A 32-bit integer; a larger number becomes the largest.
    Integer(Number),
    /// Text, put together.
    Text(Cow<'static, [Part]>),
}

/// A number known when the answer is made. Down is towards the subscriber.
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
}

/// What templates are filled with.
#[derive(Clone, Copy, Debug)]
pub struct Fill<'a> {
    /// Rate towards the subscriber in kbit/s.
    pub down_kbps: u32,
    /// Rate from the subscriber in kbit/s.
    pub up_kbps: u32,
    /// The garden's list, filter or service name.
    pub garden_name: &'a str,
}

/// The garden's list, filter or service name: 1 to 247 octets, so that it fits any attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GardenName(Box<str>);

/// Why a garden name is refused. Always the operator's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("garden name has {len} octets, allowed are 1 to {GARDEN_NAME_LEN_MAX}")]
pub struct GardenNameError {
    /// Octets given.
    pub len: usize,
}

/// The longest garden name: a value inside Vendor-Specific.
pub const GARDEN_NAME_LEN_MAX: usize = VALUE_LEN_MAX - 6;

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

/// The address list of a MikroTik session that was released by CoA.
///
/// A CoA cannot take a list away, only replace it; nothing needs to know this one.
pub const MIKROTIK_RELEASED_LIST: &str = "garth-full";

const GENERIC_FULL: &[Template] = &[
    vendor_integer(Vendor::WISPR, wispr::BANDWIDTH_MAX_UP, Number::UpBps),
    vendor_integer(Vendor::WISPR, wispr::BANDWIDTH_MAX_DOWN, Number::DownBps),
];

const GENERIC_GARDEN: &[Template] = &[
    Template {
        attribute: AttributeName::Standard(AttributeType::FILTER_ID),
        value: Value::Text(Cow::Borrowed(&[Part::GardenName])),
    },
    vendor_integer(Vendor::WISPR, wispr::BANDWIDTH_MAX_UP, Number::UpBps),
    vendor_integer(Vendor::WISPR, wispr::BANDWIDTH_MAX_DOWN, Number::DownBps),
];

/// "rx/tx" as the router sees it: rx is the upload.
const MIKROTIK_RATE: Template = Template {
    attribute: AttributeName::Vendor(Vendor::MIKROTIK, mikrotik::RATE_LIMIT),
    value: Value::Text(Cow::Borrowed(&[
        Part::Number(Number::UpKbps),
        Part::Literal(Cow::Borrowed("k/")),
        Part::Number(Number::DownKbps),
        Part::Literal(Cow::Borrowed("k")),
    ])),
};

const MIKROTIK_FULL: &[Template] = &[MIKROTIK_RATE];

const MIKROTIK_GARDEN: &[Template] = &[
    Template {
        attribute: AttributeName::Vendor(Vendor::MIKROTIK, mikrotik::ADDRESS_LIST),
        value: Value::Text(Cow::Borrowed(&[Part::GardenName])),
    },
    MIKROTIK_RATE,
];

const MIKROTIK_RELEASE: &[Template] = &[
    Template {
        attribute: AttributeName::Vendor(Vendor::MIKROTIK, mikrotik::ADDRESS_LIST),
        value: Value::Text(Cow::Borrowed(&[Part::Literal(Cow::Borrowed(
            MIKROTIK_RELEASED_LIST,
        ))])),
    },
    MIKROTIK_RATE,
];

const fn vendor_integer(vendor: Vendor, kind: u8, number: Number) -> Template {
    Template {
        attribute: AttributeName::Vendor(vendor, kind),
        value: Value::Integer(number),
    }
}

impl Dialect {
    /// Filter-Id for the garden, WISPr rates, release by Disconnect.
    pub const fn generic() -> Self {
        Self {
            name: Cow::Borrowed("generic"),
            full: Cow::Borrowed(GENERIC_FULL),
            garden: Cow::Borrowed(GENERIC_GARDEN),
            change: Change::Disconnect,
            identify_by: Cow::Borrowed(&[SessionKey::UserName, SessionKey::AcctSessionId]),
        }
    }

    /// MikroTik: address list for the garden, rate limit as text, release by CoA.
    pub const fn mikrotik() -> Self {
        Self {
            name: Cow::Borrowed("mikrotik"),
            full: Cow::Borrowed(MIKROTIK_FULL),
            garden: Cow::Borrowed(MIKROTIK_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(MIKROTIK_RELEASE),
                garden: Cow::Borrowed(MIKROTIK_GARDEN),
            },
            identify_by: Cow::Borrowed(&[
                SessionKey::UserName,
                SessionKey::AcctSessionId,
                SessionKey::FramedIpAddress,
            ]),
        }
    }

    /// The built-in dialect of a name in the configuration.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::generic(), Self::mikrotik()]
            .into_iter()
            .find(|dialect| dialect.name == name)
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
                let value = u32::try_from(fill.number(*number)).unwrap_or(u32::MAX);
                put(template.attribute, &value.to_be_bytes(), encoder)?;
            }
            Value::Text(parts) => {
                let mut text = Text::new();
                for part in parts.iter() {
                    text.part(part, fill)?;
                }
                put(template.attribute, text.octets(), encoder)?;
            }
        }
    }
    Ok(())
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
        }
    }
}

/// Text of one attribute, built without a heap.
struct Text {
    octets: [u8; VALUE_LEN_MAX],
    len: usize,
}

impl Text {
    fn new() -> Self {
        Self {
            octets: [0; VALUE_LEN_MAX],
            len: 0,
        }
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    fn part(&mut self, part: &Part, fill: Fill<'_>) -> Result<(), EncodeError> {
        match part {
            Part::Literal(text) => self.push(text.as_bytes()),
            Part::GardenName => self.push(fill.garden_name.as_bytes()),
            Part::Number(number) => self.decimal(fill.number(*number)),
        }
    }

    fn push(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        let end = self.len + octets.len();
        let Some(room) = self.octets.get_mut(self.len..end) else {
            return Err(EncodeError::LongValue { len: end });
        };
        room.copy_from_slice(octets);
        self.len = end;
        Ok(())
    }

    fn decimal(&mut self, mut number: u64) -> Result<(), EncodeError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::packet::{PACKET_LEN_MAX, Packet};

    fn encoded(
        templates: &[Template],
        fill: Fill<'_>,
    ) -> Result<Vec<(u32, u8, Vec<u8>)>, EncodeError> {
        let mut buffer = [0; PACKET_LEN_MAX];
        let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, 0).unwrap();
        encode(templates, fill, &mut encoder)?;
        let octets = encoder.close().octets;
        let packet = Packet::decode(octets).unwrap();
        Ok(packet
            .attributes()
            .map(|a| match a.vendor() {
                Some((vendor, kind)) => (vendor.0, kind, a.vendor_value().unwrap().to_vec()),
                None => (0, a.kind.0, a.value.to_vec()),
            })
            .collect())
    }

    const FILL: Fill<'_> = Fill {
        down_kbps: 100_000,
        up_kbps: 20_000,
        garden_name: "garden",
    };

    #[test]
    fn mikrotik_rate_has_upload_first() {
        let attributes = encoded(&Dialect::mikrotik().garden, FILL).unwrap();
        assert_eq!(
            attributes,
            [
                (14988, 19, b"garden".to_vec()),
                (14988, 8, b"20000k/100000k".to_vec())
            ]
        );
    }

    #[test]
    fn mikrotik_change_is_explicit_in_both_states() {
        let Change::Coa { full, garden } = Dialect::mikrotik().change else {
            panic!("mikrotik takes CoA");
        };
        for templates in [full, garden] {
            let kinds: Vec<u8> = encoded(&templates, FILL)
                .unwrap()
                .iter()
                .map(|a| a.1)
                .collect();
            assert_eq!(kinds, [19, 8]);
        }
    }

    #[test]
    fn generic_rates_are_in_bits_and_saturate() {
        let attributes = encoded(
            &Dialect::generic().full,
            Fill {
                down_kbps: 5_000_000,
                ..FILL
            },
        )
        .unwrap();
        assert_eq!(
            attributes,
            [
                (14122, 7, 20_000_000_u32.to_be_bytes().to_vec()),
                (14122, 8, u32::MAX.to_be_bytes().to_vec())
            ]
        );
    }

    #[test]
    fn garden_name_longer_than_an_attribute_is_an_error() {
        let name = "n".repeat(254);
        let fill = Fill {
            garden_name: &name,
            ..FILL
        };
        assert_eq!(
            encoded(&Dialect::generic().garden, fill),
            Err(EncodeError::LongValue { len: 254 })
        );
    }

    #[test]
    fn garden_name_fits_every_attribute() {
        let longest = "n".repeat(GARDEN_NAME_LEN_MAX);
        let fill = Fill {
            garden_name: &GardenName::new(&longest).unwrap(),
            ..FILL
        };
        encoded(&Dialect::mikrotik().garden, fill).unwrap();
        encoded(&Dialect::generic().garden, fill).unwrap();
        assert_eq!(GardenName::new(""), Err(GardenNameError { len: 0 }));
        assert_eq!(
            GardenName::new(&"n".repeat(248)),
            Err(GardenNameError { len: 248 })
        );
    }

    #[test]
    fn every_built_in_dialect_is_found_by_its_name() {
        assert_eq!(Dialect::by_name("generic"), Some(Dialect::generic()));
        assert_eq!(Dialect::by_name("mikrotik"), Some(Dialect::mikrotik()));
        assert_eq!(Dialect::by_name("Mikrotik"), None);
    }
}

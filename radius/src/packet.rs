//! RADIUS packets: octets in, typed views out, and back (RFC 2865 section 3).
//!
//! Zero copy. [`Packet::decode`] checks every length once; after it no accessor
//! can fail. [`Encoder`] writes into a borrowed buffer and cannot overflow it.
//!
//! Not here: signatures (`crypto`), what an attribute means (`request`, `accounting`).

use std::net::Ipv4Addr;

use crate::attribute::{AttributeType, Vendor};
use crate::code::Code;

/// Octets before the first attribute: code, identifier, length, authenticator.
pub const HEADER_LEN: usize = 20;
/// The longest packet (RFC 2865 section 3).
pub const PACKET_LEN_MAX: usize = 4096;
/// Octets of an authenticator.
pub const AUTHENTICATOR_LEN: usize = 16;
/// The longest value of one attribute.
pub const VALUE_LEN_MAX: usize = 253;

const IDENTIFIER_AT: usize = 1;
const LENGTH_AT: usize = 2;
const AUTHENTICATOR_AT: usize = 4;
/// Type and length octet of an attribute.
pub(crate) const ATTRIBUTE_HEADER_LEN: usize = 2;
/// Vendor number, vendor type and vendor length inside Vendor-Specific.
const VENDOR_HEADER_LEN: usize = 6;

/// The 16 octets of a Request or Response Authenticator.
pub type Authenticator = [u8; AUTHENTICATOR_LEN];

/// Why a datagram is not a packet. Always the peer's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer octets than a header.
    #[error("datagram of {len} octets is shorter than a header")]
    ShortDatagram {
        /// Octets received.
        len: usize,
    },
    /// A Length field below 20, over 4096 or past the end of the datagram.
    #[error("length field {length} does not fit a datagram of {received} octets")]
    BadLength {
        /// What the Length field says.
        length: usize,
        /// Octets received.
        received: usize,
    },
    /// An attribute without its two octets of header, with a length below 2 or past the end of the packet.
    #[error("attribute at octet {offset} does not fit: {left} octets left")]
    BadAttributeLength {
        /// From the start of the packet, in octets.
        offset: usize,
        /// Octets left there.
        left: usize,
    },
}

/// A packet whose lengths have all been checked. Not authenticated by anything yet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    header: &'a [u8; HEADER_LEN],
    /// Exactly Length octets, header included.
    octets: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram. Octets beyond the Length field are padding and ignored (RFC 2865 section 3).
    ///
    /// # Errors
    /// When any length does not fit.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_each(datagram, |_| {})
    }

    /// Reads a datagram and visits its attributes on the way. On an error what was visited is worthless.
    pub(crate) fn decode_each(
        datagram: &'a [u8],
        mut visit: impl FnMut(&Attribute<'a>),
    ) -> Result<Self, DecodeError> {
        let received = datagram.len();
        let Some(header) = datagram.first_chunk::<HEADER_LEN>() else {
            return Err(DecodeError::ShortDatagram { len: received });
        };
        let length = usize::from(u16::from_be_bytes([
            header[LENGTH_AT],
            header[LENGTH_AT + 1],
        ]));
        if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&length) || length > received {
            return Err(DecodeError::BadLength { length, received });
        }
        let octets = &datagram[..length];
        let mut rest = &octets[HEADER_LEN..];
        while !rest.is_empty() {
            let left = rest.len();
            let attribute_len = rest.get(1).map_or(0, |len| usize::from(*len));
            if attribute_len < ATTRIBUTE_HEADER_LEN || attribute_len > left {
                let offset = length - left;
                return Err(DecodeError::BadAttributeLength { offset, left });
            }
            let (attribute, behind) = rest.split_at(attribute_len);
            visit(&Attribute {
                kind: AttributeType(attribute[0]),
                value: &attribute[ATTRIBUTE_HEADER_LEN..],
                value_offset: length - left + ATTRIBUTE_HEADER_LEN,
            });
            rest = behind;
        }
        Ok(Self { header, octets })
    }

    /// The kind of packet.
    pub fn code(&self) -> Code {
        Code(self.header[0])
    }

    /// Pairs a response with its request, together with the source port.
    pub fn identifier(&self) -> u8 {
        self.header[IDENTIFIER_AT]
    }

    /// The Request or Response Authenticator.
    pub fn authenticator(&self) -> &'a Authenticator {
        self.header
            .last_chunk()
            .expect("the header ends with the authenticator")
    }

    /// The packet without padding.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// All attributes in order of the wire.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes {
            octets: self.octets,
            offset: HEADER_LEN,
        }
    }

    /// The first attribute of a type.
    pub fn find(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }
}

/// One attribute of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attribute<'a> {
    /// What it is.
    pub kind: AttributeType,
    /// 0 to 253 octets.
    pub value: &'a [u8],
    /// Where the value begins, in octets from the start of the packet.
    pub value_offset: usize,
}

impl<'a> Attribute<'a> {
    /// The value as a big-endian integer, if it has four octets.
    pub fn integer(&self) -> Option<u32> {
        self.value.try_into().ok().map(u32::from_be_bytes)
    }

    /// The value as an IPv4 address, if it has four octets.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.integer().map(Ipv4Addr::from_bits)
    }

    /// Vendor and first vendor type of a Vendor-Specific attribute in the recommended format.
    pub fn vendor(&self) -> Option<(Vendor, u8)> {
        if self.kind != AttributeType::VENDOR_SPECIFIC {
            return None;
        }
        let (vendor, rest) = self.value.split_first_chunk::<4>()?;
        Some((Vendor(u32::from_be_bytes(*vendor)), *rest.first()?))
    }

    /// The value of a Vendor-Specific attribute that holds exactly one vendor attribute.
    pub fn vendor_value(&self) -> Option<&'a [u8]> {
        self.vendor()?;
        let vendor_len = usize::from(*self.value.get(VENDOR_HEADER_LEN - 1)?);
        let whole = self.value.len() == vendor_len + 4;
        whole.then(|| self.value.get(VENDOR_HEADER_LEN..)).flatten()
    }
}

/// Iterates over the attributes of a [`Packet`].
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let kind = *self.octets.get(self.offset)?;
        let end = self.offset + usize::from(self.octets[self.offset + 1]);
        let value_offset = self.offset + ATTRIBUTE_HEADER_LEN;
        self.offset = end;
        Some(Attribute {
            kind: AttributeType(kind),
            value: &self.octets[value_offset..end],
            value_offset,
        })
    }
}

/// Why something does not fit into a packet. Our fault, or that of a peer who asks for much to be echoed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// The buffer or the largest packet size is used up.
    #[error("packet is full: {needed} octets needed, {left} left")]
    Full {
        /// Octets the next item takes.
        needed: usize,
        /// Octets left.
        left: usize,
    },
    /// A value longer than one attribute can hold.
    #[error("value of {len} octets does not fit one attribute")]
    LongValue {
        /// Octets of the value.
        len: usize,
    },
    /// A time that does not fit the 32 bits of Event-Timestamp.
    #[error("time {0} does not fit Event-Timestamp")]
    TimeOutOfRange(u64),
}

/// Writes one packet into a borrowed buffer. Signing and the length come last, in `crypto`.
#[derive(Debug)]
pub struct Encoder<'b> {
    buffer: &'b mut [u8],
    len: usize,
    message_authenticator_at: Option<usize>,
}

impl<'b> Encoder<'b> {
    /// Begins a packet with an authenticator of zeros.
    ///
    /// # Errors
    /// When the buffer is shorter than a header.
    pub fn new(buffer: &'b mut [u8], code: Code, identifier: u8) -> Result<Self, EncodeError> {
        let left = buffer.len().min(PACKET_LEN_MAX);
        if left < HEADER_LEN {
            return Err(EncodeError::Full {
                needed: HEADER_LEN,
                left,
            });
        }
        let buffer = &mut buffer[..left];
        buffer[..HEADER_LEN].fill(0);
        buffer[0] = code.0;
        buffer[IDENTIFIER_AT] = identifier;
        Ok(Self {
            buffer,
            len: HEADER_LEN,
            message_authenticator_at: None,
        })
    }

    /// Begins a packet whose header does not matter: its attributes will be copied into others.
    pub(crate) fn attributes_only(buffer: &'b mut [u8; PACKET_LEN_MAX]) -> Self {
        Self {
            buffer,
            len: HEADER_LEN,
            message_authenticator_at: None,
        }
    }

    /// Appends one attribute.
    ///
    /// # Errors
    /// When it does not fit; the packet is unchanged then.
    pub fn attribute(&mut self, kind: AttributeType, value: &[u8]) -> Result<(), EncodeError> {
        self.begin(kind, value.len())?.copy_from_slice(value);
        Ok(())
    }

    /// Appends one attribute with a big-endian integer.
    ///
    /// # Errors
    /// When it does not fit; the packet is unchanged then.
    pub fn integer(&mut self, kind: AttributeType, value: u32) -> Result<(), EncodeError> {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Appends one Vendor-Specific attribute with one vendor attribute in it (RFC 2865 section 5.26).
    ///
    /// # Errors
    /// When it does not fit; the packet is unchanged then.
    pub fn vendor_attribute(
        &mut self,
        vendor: Vendor,
        kind: u8,
        value: &[u8],
    ) -> Result<(), EncodeError> {
        let Ok(vendor_len) = u8::try_from(value.len() + VENDOR_HEADER_LEN - 4) else {
            return Err(EncodeError::LongValue { len: value.len() });
        };
        let room = self.begin(
            AttributeType::VENDOR_SPECIFIC,
            VENDOR_HEADER_LEN + value.len(),
        )?;
        room[..4].copy_from_slice(&vendor.0.to_be_bytes());
        room[4] = kind;
        room[5] = vendor_len;
        room[VENDOR_HEADER_LEN..].copy_from_slice(value);
        Ok(())
    }

    /// Appends whole attributes that were encoded before.
    ///
    /// # Errors
    /// When they do not fit; the packet is unchanged then.
    pub(crate) fn encoded(&mut self, attributes: &[u8]) -> Result<(), EncodeError> {
        let needed = attributes.len();
        let left = self.buffer.len() - self.len;
        let end = self.len + needed;
        let Some(room) = self.buffer.get_mut(self.len..end) else {
            return Err(EncodeError::Full { needed, left });
        };
        room.copy_from_slice(attributes);
        self.len = end;
        Ok(())
    }

    /// Appends a Message-Authenticator to be filled in when the packet is signed.
    ///
    /// # Errors
    /// When it does not fit; the packet is unchanged then.
    pub fn message_authenticator(&mut self) -> Result<(), EncodeError> {
        let at = self.len + ATTRIBUTE_HEADER_LEN;
        self.begin(AttributeType::MESSAGE_AUTHENTICATOR, AUTHENTICATOR_LEN)?
            .fill(0);
        self.message_authenticator_at = Some(at);
        Ok(())
    }

    /// Appends every Proxy-State of `request`, in order (RFC 2865 section 5.33).
    ///
    /// # Errors
    /// When they do not all fit: there must be no reply then.
    pub fn echo_proxy_state(&mut self, request: &Packet<'_>) -> Result<(), EncodeError> {
        for attribute in request.attributes() {
            if attribute.kind == AttributeType::PROXY_STATE {
                self.attribute(attribute.kind, attribute.value)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, kind: AttributeType, value_len: usize) -> Result<&mut [u8], EncodeError> {
        let needed = ATTRIBUTE_HEADER_LEN + value_len;
        let left = self.buffer.len() - self.len;
        let Ok(length_octet) = u8::try_from(needed) else {
            return Err(EncodeError::LongValue { len: value_len });
        };
        if needed > left {
            return Err(EncodeError::Full { needed, left });
        }
        let room = &mut self.buffer[self.len..self.len + needed];
        room[0] = kind.0;
        room[1] = length_octet;
        self.len += needed;
        Ok(&mut room[ATTRIBUTE_HEADER_LEN..])
    }

    /// Writes the Length field and hands over what signing needs.
    pub(crate) fn close(self) -> Unsigned<'b> {
        let length = u16::try_from(self.len).expect("the buffer was cut to 4096 octets");
        self.buffer[LENGTH_AT..AUTHENTICATOR_AT].copy_from_slice(&length.to_be_bytes());
        Unsigned {
            octets: &mut self.buffer[..self.len],
            message_authenticator_at: self.message_authenticator_at,
        }
    }
}

/// A whole packet that still lacks its authenticators.
pub(crate) struct Unsigned<'b> {
    pub(crate) octets: &'b mut [u8],
    pub(crate) message_authenticator_at: Option<usize>,
}

impl Unsigned<'_> {
    pub(crate) fn set_authenticator(&mut self, authenticator: &Authenticator) {
        self.octets[AUTHENTICATOR_AT..HEADER_LEN].copy_from_slice(authenticator);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(attributes: &[u8]) -> Vec<u8> {
        let mut octets = vec![1, 7, 0, 0];
        octets.extend([9; AUTHENTICATOR_LEN]);
        octets.extend(attributes);
        octets[3] = u8::try_from(octets.len()).unwrap();
        octets
    }

    #[test]
    fn lone_trailing_octet_is_rejected() {
        assert_eq!(
            Packet::decode(&packet(&[1, 3, b'a', 1])).unwrap_err(),
            DecodeError::BadAttributeLength {
                offset: 23,
                left: 1
            }
        );
    }

    #[test]
    fn attribute_length_below_two_or_past_the_end_is_rejected() {
        for attribute in [[1, 0, 0], [1, 1, 0], [1, 4, 0], [1, 255, 0]] {
            assert_eq!(
                Packet::decode(&packet(&attribute)).unwrap_err(),
                DecodeError::BadAttributeLength {
                    offset: 20,
                    left: 3
                }
            );
        }
    }

    #[test]
    fn length_field_out_of_range_is_rejected() {
        let mut octets = packet(&[]);
        for length in [0, 19, 21, 4097, u16::MAX] {
            octets[2..4].copy_from_slice(&length.to_be_bytes());
            assert_eq!(
                Packet::decode(&octets).unwrap_err(),
                DecodeError::BadLength {
                    length: usize::from(length),
                    received: 20
                }
            );
        }
        let mut long = vec![0; 5000];
        long[2..4].copy_from_slice(&4097_u16.to_be_bytes());
        assert_eq!(
            Packet::decode(&long).unwrap_err(),
            DecodeError::BadLength {
                length: 4097,
                received: 5000
            }
        );
    }

    #[test]
    fn octets_beyond_length_are_ignored() {
        let mut octets = packet(&[1, 3, b'a']);
        octets.extend([80, 1, 0]);
        let packet = Packet::decode(&octets).unwrap();
        assert_eq!(packet.octets().len(), 23);
        assert_eq!(packet.attributes().count(), 1);
    }

    #[test]
    fn vendor_attribute_reads_back() {
        let mut buffer = [0; 64];
        let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, 1).unwrap();
        encoder
            .vendor_attribute(Vendor::MIKROTIK, 19, b"garden")
            .unwrap();
        let octets = encoder.close().octets.to_vec();
        let attribute = Packet::decode(&octets)
            .unwrap()
            .attributes()
            .next()
            .unwrap();
        assert_eq!(attribute.vendor(), Some((Vendor::MIKROTIK, 19)));
        assert_eq!(attribute.vendor_value(), Some(&b"garden"[..]));
    }

    #[test]
    fn value_that_does_not_fit_leaves_the_packet_unchanged() {
        let mut buffer = [0; 26];
        let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, 1).unwrap();
        encoder.integer(AttributeType::CLASS, 1).unwrap();
        assert_eq!(
            encoder.attribute(AttributeType::CLASS, b""),
            Err(EncodeError::Full { needed: 2, left: 0 })
        );
        assert_eq!(
            encoder.attribute(AttributeType::CLASS, &[0; 254]),
            Err(EncodeError::LongValue { len: 254 })
        );
        assert_eq!(encoder.close().octets.len(), 26);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_datagram_panics(mut octets in prop::collection::vec(any::<u8>(), 0..200), fix_length: bool) {
            if fix_length && octets.len() >= HEADER_LEN {
                let len = u16::try_from(octets.len()).unwrap();
                octets[2..4].copy_from_slice(&len.to_be_bytes());
            }
            if let Ok(packet) = Packet::decode(&octets) {
                let total: usize = packet.attributes().map(|a| {
                    let _ = (a.integer(), a.ipv4(), a.vendor(), a.vendor_value());
                    a.value.len() + ATTRIBUTE_HEADER_LEN
                }).sum();
                prop_assert_eq!(total + HEADER_LEN, packet.octets().len());
            }
        }

        #[test]
        fn what_was_encoded_decodes(
            attributes in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..=VALUE_LEN_MAX)), 0..30),
            identifier: u8,
        ) {
            let mut buffer = [0; PACKET_LEN_MAX];
            let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, identifier).unwrap();
            let mut written = Vec::new();
            for (kind, value) in &attributes {
                if encoder.attribute(AttributeType(*kind), value).is_ok() {
                    written.push((*kind, value.as_slice()));
                }
            }
            let octets = encoder.close().octets;
            let packet = Packet::decode(octets).unwrap();
            prop_assert_eq!(packet.identifier(), identifier);
            let read: Vec<_> = packet.attributes().map(|a| (a.kind.0, a.value)).collect();
            prop_assert_eq!(read, written);
        }
    }
}

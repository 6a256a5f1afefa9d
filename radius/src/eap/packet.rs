//! EAP packets: octets in, a typed view out, and back (RFC 3748 section 4).
//!
//! The parser is total: whatever is not a packet is `None`, and after it no accessor can fail.
//!
//! Not here: what is inside a method's data (`md5`, `mschapv2`, `fragments`).

/// Code, identifier and Length.
pub(super) const HEADER_LEN: usize = 4;
/// The longest packet we take: it must have come in one RADIUS packet.
pub(super) const PACKET_LEN_MAX: usize = crate::packet::PACKET_LEN_MAX;

/// What a packet is for (RFC 3748 section 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Code(pub(super) u8);

impl Code {
    pub(super) const REQUEST: Self = Self(1);
    pub(super) const RESPONSE: Self = Self(2);
    pub(super) const SUCCESS: Self = Self(3);
    pub(super) const FAILURE: Self = Self(4);
}

/// The type octet of a request or a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Type(pub(super) u8);

impl Type {
    /// Who the peer says it is (RFC 3748 section 5.1).
    pub(super) const IDENTITY: Self = Self(1);
    /// The peer wants another method (RFC 3748 section 5.3.1).
    pub(super) const NAK: Self = Self(3);
    /// MD5-Challenge (RFC 3748 section 5.4).
    pub(super) const MD5_CHALLENGE: Self = Self(4);
    /// EAP-TLS (RFC 5216, RFC 9190).
    pub(super) const TLS: Self = Self(13);
    /// EAP-TTLS (RFC 5281).
    pub(super) const TTLS: Self = Self(21);
    /// PEAP (draft-kamath-pppext-peapv0).
    pub(super) const PEAP: Self = Self(25);
    /// EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2).
    pub(super) const MS_CHAP_V2: Self = Self(26);
    /// The extensions that carry PEAP's result (draft-kamath-pppext-peapv0 section 2.3.1).
    pub(super) const EXTENSIONS: Self = Self(33);
}

/// A packet whose Length fits. Octets beyond it are padding and ignored (RFC 3748 section 4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Packet<'a> {
    pub(super) code: Code,
    pub(super) identifier: u8,
    /// Behind the header: for a request or a response, the type octet and its data.
    pub(super) data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` if there is no header, or its Length is below 4 or past the end.
    pub(super) fn decode(octets: &'a [u8]) -> Option<Self> {
        let (header, _) = octets.split_first_chunk::<HEADER_LEN>()?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        Some(Self {
            code: Code(header[0]),
            identifier: header[1],
            data: octets.get(HEADER_LEN..length)?,
        })
    }

    /// The type of a response and its data; `None` if it is no response or has no type.
    pub(super) fn response(&self) -> Option<(Type, &'a [u8])> {
        let (kind, data) = self.data.split_first()?;
        (self.code == Code::RESPONSE).then_some((Type(*kind), data))
    }
}

/// A request of a type with its data.
///
/// # Panics
/// When it is longer than [`PACKET_LEN_MAX`]: what is sent is bounded by its method.
pub(super) fn request(identifier: u8, kind: Type, data: &[u8]) -> Vec<u8> {
    encode(Code::REQUEST, identifier, &[&[kind.0], data].concat())
}

/// A packet that ends the conversation (RFC 3748 section 4.2).
pub(super) fn end(code: Code, identifier: u8) -> Vec<u8> {
    encode(code, identifier, &[])
}

fn encode(code: Code, identifier: u8, data: &[u8]) -> Vec<u8> {
    let len = HEADER_LEN + data.len();
    assert!(len <= PACKET_LEN_MAX, "an EAP packet of {len} octets");
    let length = u16::try_from(len).expect("4096 octets fit 16 bits");
    let mut octets = Vec::with_capacity(len);
    octets.extend_from_slice(&[code.0, identifier]);
    octets.extend_from_slice(&length.to_be_bytes());
    octets.extend_from_slice(data);
    octets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn length_that_does_not_fit_is_no_packet() {
        for octets in [
            &[][..],
            &[2, 7, 0],
            &[2, 7, 0, 3],
            &[2, 7, 0, 0, 1],
            &[2, 7, 0, 6, 1],
            &[2, 7, 1, 5, 1],
        ] {
            assert_eq!(Packet::decode(octets), None, "{octets:?}");
        }
    }

    #[test]
    fn octets_beyond_length_are_ignored() {
        let packet = Packet::decode(&[2, 7, 0, 6, 1, b'a', 0, 0]).unwrap();
        assert_eq!(packet.response(), Some((Type::IDENTITY, &b"a"[..])));
    }

    #[test]
    fn only_a_response_with_a_type_is_one() {
        for octets in [&[1, 7, 0, 5, 1][..], &[2, 7, 0, 4], &[3, 7, 0, 4]] {
            let packet = Packet::decode(octets).unwrap();
            assert_eq!(packet.response(), None, "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(packet) = Packet::decode(&octets) {
                prop_assert!(packet.data.len() + HEADER_LEN <= octets.len());
                prop_assert_eq!(packet.response().is_some(), packet.code == Code::RESPONSE && !packet.data.is_empty());
            }
        }

        #[test]
        fn what_was_encoded_decodes(
            identifier in any::<u8>(),
            kind in any::<u8>(),
            data in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let octets = request(identifier, Type(kind), &data);
            let packet = Packet::decode(&octets).unwrap();
            prop_assert_eq!((packet.code, packet.identifier), (Code::REQUEST, identifier));
            prop_assert_eq!(packet.data.split_first(), Some((&kind, &data[..])));
        }
    }
}

//! RADIUS/1.1 (RFC 9765): the header with a Token, attributes in the clear, nothing signed.
//!
//! A request is rewritten as one of RFC 2865 that is hidden and signed with the secret of RADIUS over TLS, and
//! its reply is rewritten back. So the server knows one form only, and what it does over UDP holds here.
//!
//! Both directions are total: what is wrong with an attribute is left for the server to refuse.
//!
//! Not here: how the version is agreed on (`daemon`, ALPN), which requests are answered (`server`).

use zeroize::Zeroizing;

use crate::attribute::{AttributeType, Vendor, microsoft};
use crate::code::Code;
use crate::crypto::{self, PASSWORD_LEN_MAX, Password, Secret};
use crate::packet::{
    AUTHENTICATOR_LEN, Attribute, Authenticator, DecodeError, EncodeError, Encoder, HEADER_LEN,
    PACKET_LEN_MAX, Packet, VALUE_LEN_MAX,
};
use crate::radsec::SECRET;
use crate::reason::DropReason;

/// The name of RADIUS/1.1 in ALPN (RFC 9765 section 3).
pub const ALPN: &[u8] = b"radius/1.1";
/// The name of RADIUS over TLS of RFC 6614 there.
pub const ALPN_HISTORIC: &[u8] = b"radius/1.0";

/// Octets of a Token. It stands where the authenticator begins.
const TOKEN_LEN: usize = 4;
/// Tag and salt of a Tunnel-Password; the MS-MPPE keys have the salt alone.
const TAG_LEN: usize = 1;
const SALT_LEN: usize = 2;
/// A block of what is hidden.
const BLOCK_LEN: usize = AUTHENTICATOR_LEN;
/// LM-Key and NT-Key, without the padding that hides with them (RFC 2548 section 2.4.1).
const MPPE_KEYS_LEN: usize = 24;
/// Octets of Proxy-State that fit beside Error-Cause.
const ECHO_LEN_MAX: usize = PACKET_LEN_MAX - HEADER_LEN - 6;

/// Rewrites packets. Holds the secret of RFC 6614, so that it is prepared once.
pub struct Translator {
    secret: Secret,
}

/// What of a request its reply is made with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asked {
    token: [u8; TOKEN_LEN],
    /// The Request Authenticator of the rewritten request.
    authenticator: Authenticator,
}

/// Why a request cannot be rewritten. Always the peer's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TranslateError {
    /// A length does not fit.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// With its signature and the padding of its password it does not fit 4096 octets. No real request is so long.
    #[error("request does not fit with what RADIUS over UDP adds")]
    Long(#[from] EncodeError),
}

/// Why a request is answered with Protocol-Error (RFC 9765 section 6.1), as its Error-Cause says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProtocolError {
    /// 404: something in the request cannot be.
    InvalidRequest,
    /// 506: not now, or not in so many octets.
    ResourcesUnavailable,
}

impl ProtocolError {
    /// The value of Error-Cause (RFC 5176 section 3.5).
    pub const fn number(self) -> u32 {
        match self {
            Self::InvalidRequest => 404,
            Self::ResourcesUnavailable => 506,
        }
    }

    /// What a request that the server drops is answered with; `None` leaves it to silence.
    pub const fn of(reason: DropReason) -> Option<Self> {
        match reason {
            DropReason::BadAttribute
            | DropReason::RepeatedAttribute
            | DropReason::MissingStatusType
            | DropReason::MissingSessionId => Some(Self::InvalidRequest),
            DropReason::ReplyTooLong | DropReason::Pending | DropReason::TooManyPending => {
                Some(Self::ResourcesUnavailable)
            }
            DropReason::UnknownNas
            | DropReason::ShortDatagram
            | DropReason::BadLength
            | DropReason::BadAttributeLength
            | DropReason::UnexpectedCode
            | DropReason::EapDiscarded
            | DropReason::MissingMessageAuthenticator
            | DropReason::BadMessageAuthenticator
            | DropReason::BadRequestAuthenticator => None,
        }
    }
}

impl Default for Translator {
    fn default() -> Self {
        Self::new()
    }
}

impl Translator {
    /// One for any number of packets.
    pub fn new() -> Self {
        Self {
            secret: Secret::new(SECRET).expect("it has six octets"),
        }
    }

    /// Writes `octets`, a packet of RADIUS/1.1, as one of RFC 2865 into `request`; returns its length in octets.
    ///
    /// `unique` becomes the Request Authenticator of an Access-Request or Status-Server: no two may have the same,
    /// or the second is a duplicate. It need not be secret, since what it hides never leaves the process.
    ///
    /// # Errors
    /// When the packet is none, or too long to be rewritten.
    pub fn request(
        &self,
        octets: &[u8],
        unique: &Authenticator,
        request: &mut [u8; PACKET_LEN_MAX],
    ) -> Result<(usize, Asked), TranslateError> {
        let packet = Packet::decode(octets)?;
        let token = token(&packet);
        // Any octet does: the authenticator tells requests apart. This one also does so to a person.
        let identifier = token[TOKEN_LEN - 1];
        let mut encoder = Encoder::new(request, packet.code(), identifier)?;
        if packet.code() == Code::ACCOUNTING_REQUEST {
            for attribute in sent(&packet) {
                encoder.attribute(attribute.kind, attribute.value)?;
            }
            let (len, authenticator) = crypto::finish_request(encoder, &self.secret);
            let asked = Asked {
                token,
                authenticator,
            };
            return Ok((len, asked));
        }
        encoder.message_authenticator()?;
        let challenge = packet.find(AttributeType::CHAP_CHALLENGE).is_some();
        for attribute in sent(&packet) {
            match attribute.kind {
                AttributeType::USER_PASSWORD => self.hide(&attribute, unique, &mut encoder)?,
                // There is no Request Authenticator that could be the challenge (RFC 9765 section 5.1.2).
                // A CHAP-Password without its octets is refused.
                AttributeType::CHAP_PASSWORD if !challenge => {
                    encoder.attribute(attribute.kind, &[])?;
                }
                _ => encoder.attribute(attribute.kind, attribute.value)?,
            }
        }
        let len = crypto::finish_random_request(encoder, unique, &self.secret);
        let asked = Asked {
            token,
            authenticator: *unique,
        };
        Ok((len, asked))
    }

    /// Hides a User-Password. One of a length that none has stays as it is, which no hidden one looks like.
    fn hide(
        &self,
        attribute: &Attribute<'_>,
        unique: &Authenticator,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        let fits = (1..=PASSWORD_LEN_MAX).contains(&attribute.value.len());
        match Password::new(attribute.value).filter(|_| fits) {
            Some(password) => {
                let mut hidden = [0; PASSWORD_LEN_MAX];
                let len = password.hide(unique, &self.secret, &mut hidden);
                encoder.attribute(attribute.kind, &hidden[..len])
            }
            None => encoder.attribute(attribute.kind, attribute.value),
        }
    }

    /// Writes `reply`, of RFC 2865 and to the request that was `asked`, as one of RADIUS/1.1 into `octets`;
    /// returns its length in octets, which is never more.
    ///
    /// # Errors
    /// When the reply is no packet.
    pub fn reply(
        &self,
        reply: &[u8],
        asked: &Asked,
        octets: &mut [u8; PACKET_LEN_MAX],
    ) -> Result<usize, TranslateError> {
        let packet = Packet::decode(reply)?;
        let mut encoder = Encoder::new(octets, packet.code(), 0)?;
        for attribute in sent(&packet) {
            if !self.reveal(&attribute, &asked.authenticator, &mut encoder)? {
                encoder.attribute(attribute.kind, attribute.value)?;
            }
        }
        Ok(finish(encoder, asked.token))
    }

    /// Appends the attribute in the clear; false if it is none that hides something.
    fn reveal(
        &self,
        attribute: &Attribute<'_>,
        request: &Authenticator,
        encoder: &mut Encoder<'_>,
    ) -> Result<bool, EncodeError> {
        let mut clear = Zeroizing::new([0; VALUE_LEN_MAX]);
        if attribute.kind == AttributeType::TUNNEL_PASSWORD {
            let Some((tag, salted)) = attribute.value.split_at_checked(TAG_LEN) else {
                return Ok(false);
            };
            let Some(len) = self.reveal_salted(salted, request, &mut clear[TAG_LEN..]) else {
                return Ok(false);
            };
            clear[..TAG_LEN].copy_from_slice(tag);
            encoder.attribute(attribute.kind, &clear[..TAG_LEN + len])?;
            return Ok(true);
        }
        let (Some((Vendor::MICROSOFT, kind)), Some(value)) =
            (attribute.vendor(), attribute.vendor_value())
        else {
            return Ok(false);
        };
        let len = match kind {
            microsoft::MPPE_SEND_KEY | microsoft::MPPE_RECV_KEY => {
                self.reveal_salted(value, request, &mut clear[..])
            }
            microsoft::MS_CHAP_MPPE_KEYS => self
                .reveal_into(value, &[], request, &mut clear[..])
                .map(|len| len.min(MPPE_KEYS_LEN)),
            _ => None,
        };
        let Some(len) = len else {
            return Ok(false);
        };
        encoder.vendor_attribute(Vendor::MICROSOFT, kind, &clear[..len])?;
        Ok(true)
    }

    /// Puts what a salt and hidden blocks say to the begin of `clear`, without its length octet and padding.
    fn reveal_salted(
        &self,
        value: &[u8],
        request: &Authenticator,
        clear: &mut [u8],
    ) -> Option<usize> {
        let (salt, hidden) = value.split_at_checked(SALT_LEN)?;
        let revealed = self.reveal_into(hidden, salt, request, clear)?;
        let len = usize::from(*clear.first()?);
        (len < revealed).then(|| {
            clear.copy_within(1..=len, 0);
            len
        })
    }

    fn reveal_into(
        &self,
        hidden: &[u8],
        salt: &[u8],
        request: &Authenticator,
        clear: &mut [u8],
    ) -> Option<usize> {
        let room = clear.get_mut(..hidden.len())?;
        room.copy_from_slice(hidden);
        let (blocks, []) = room.as_chunks_mut::<BLOCK_LEN>() else {
            return None;
        };
        self.secret.reveal_blocks(request, salt, blocks);
        Some(hidden.len())
    }
}

/// Writes a Protocol-Error to `request`, a packet of RADIUS/1.1, into `octets`; returns its length in octets.
///
/// It holds Error-Cause and, where they all fit, the request's Proxy-State (RFC 7930 section 4).
///
/// # Errors
/// When the request is no packet.
pub fn protocol_error(
    request: &[u8],
    error: ProtocolError,
    octets: &mut [u8; PACKET_LEN_MAX],
) -> Result<usize, DecodeError> {
    let packet = Packet::decode(request)?;
    let mut encoder = Encoder::new(octets, Code::PROTOCOL_ERROR, 0)
        .expect("the longest packet has room for a header");
    encoder
        .integer(AttributeType::ERROR_CAUSE, error.number())
        .expect("it has room for one attribute too");
    let echo: usize = packet
        .attributes()
        .filter(|attribute| attribute.kind == AttributeType::PROXY_STATE)
        .map(|attribute| 2 + attribute.value.len())
        .sum();
    if echo <= ECHO_LEN_MAX {
        encoder
            .echo_proxy_state(&packet)
            .expect("its length was looked at");
    }
    Ok(finish(encoder, token(&packet)))
}

/// The attributes that mean something in RADIUS/1.1: all but Message-Authenticator (RFC 9765 section 5.2).
fn sent<'a>(packet: &Packet<'a>) -> impl Iterator<Item = Attribute<'a>> {
    packet
        .attributes()
        .filter(|attribute| attribute.kind != AttributeType::MESSAGE_AUTHENTICATOR)
}

fn token(packet: &Packet<'_>) -> [u8; TOKEN_LEN] {
    *packet
        .authenticator()
        .first_chunk()
        .expect("the Token is the begin of the authenticator")
}

/// Writes Length, Token and the octets reserved as zero.
fn finish(encoder: Encoder<'_>, token: [u8; TOKEN_LEN]) -> usize {
    let mut packet = encoder.close();
    let mut authenticator = Authenticator::default();
    authenticator[..TOKEN_LEN].copy_from_slice(&token);
    packet.set_authenticator(&authenticator);
    packet.octets.len()
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::{
        HIDDEN_KEY_LEN_MAX, Over, message_authenticator_is_right, request_authenticator_is_right,
    };

    const UNIQUE: Authenticator = *b"0123456789abcdef";
    const TOKEN: [u8; TOKEN_LEN] = [0xde, 0xad, 0xbe, 0x2a];

    /// A packet of RADIUS/1.1 with what must be ignored set to something.
    fn packet(code: Code, attributes: &[(u8, &[u8])]) -> Vec<u8> {
        let mut octets = vec![code.0, 0x77, 0, 0];
        octets.extend(TOKEN);
        octets.extend([0x55; 12]);
        for (kind, value) in attributes {
            octets.extend([*kind, u8::try_from(value.len() + 2).unwrap()]);
            octets.extend(*value);
        }
        let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
        octets[2..4].copy_from_slice(&length);
        octets
    }

    fn request(octets: &[u8]) -> Result<(Vec<u8>, Asked), TranslateError> {
        let mut buffer = [0; PACKET_LEN_MAX];
        let (len, asked) = Translator::new().request(octets, &UNIQUE, &mut buffer)?;
        Ok((buffer[..len].to_vec(), asked))
    }

    fn reply(octets: &[u8]) -> Vec<u8> {
        let asked = Asked {
            token: TOKEN,
            authenticator: UNIQUE,
        };
        let mut buffer = [0; PACKET_LEN_MAX];
        let len = Translator::new()
            .reply(octets, &asked, &mut buffer)
            .unwrap();
        buffer[..len].to_vec()
    }

    /// As RFC 2868 section 3.5 words it; shares nothing with the code under test.
    fn hidden(salt: &[u8], clear: &[u8]) -> Vec<u8> {
        let mut value = salt.to_vec();
        let mut previous = [&UNIQUE[..], salt].concat();
        for block in clear.chunks(16) {
            let mask = Md5::digest([SECRET, &previous].concat());
            let block: Vec<u8> = mask
                .iter()
                .zip(block.iter().chain(std::iter::repeat(&0)))
                .map(|(mask, clear)| mask ^ clear)
                .collect();
            value.extend(&block);
            previous = block;
        }
        value
    }

    fn microsoft_attribute(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut octets = vec![0, 0, 1, 55, kind, u8::try_from(value.len() + 2).unwrap()];
        octets.extend(value);
        octets
    }

    #[test]
    fn n7_access_request_becomes_one_of_rfc_2865_that_is_signed() {
        let sent = packet(
            Code::ACCESS_REQUEST,
            &[(1, b"alice"), (80, &[9; 16]), (2, b"wonderland")],
        );
        let (octets, asked) = request(&sent).unwrap();
        let packet = Packet::decode(&octets).unwrap();
        assert_eq!(packet.authenticator(), &UNIQUE);
        assert_eq!((asked.token, asked.authenticator), (TOKEN, UNIQUE));
        let kinds: Vec<u8> = packet.attributes().map(|a| a.kind.0).collect();
        assert_eq!(kinds, [80, 1, 2]);
        let secret = Secret::new(b"radsec").unwrap();
        assert!(message_authenticator_is_right(
            &packet,
            22,
            Over::Own,
            &secret
        ));
        let password = packet.find(AttributeType::USER_PASSWORD).unwrap().value;
        assert_eq!(password, hidden(&[], b"wonderland"));
    }

    #[test]
    fn n7_accounting_request_becomes_one_of_rfc_2866_that_is_signed() {
        let sent = packet(
            Code::ACCOUNTING_REQUEST,
            &[(40, &[0, 0, 0, 1]), (80, &[9; 16])],
        );
        let (octets, asked) = request(&sent).unwrap();
        let packet = Packet::decode(&octets).unwrap();
        assert!(request_authenticator_is_right(
            &packet,
            &Secret::new(b"radsec").unwrap()
        ));
        assert_eq!(&asked.authenticator, packet.authenticator());
        assert_eq!(packet.attributes().count(), 1);
    }

    #[test]
    fn n7_chap_without_its_challenge_is_made_impossible() {
        let chap = [7; 17];
        let challenge = [8; 16];
        for (attributes, len) in [
            (&[(3, &chap[..])][..], 0),
            (&[(3, &chap[..]), (60, &challenge[..])][..], 17),
        ] {
            let (octets, _) = request(&packet(Code::ACCESS_REQUEST, attributes)).unwrap();
            let sent = Packet::decode(&octets)
                .unwrap()
                .find(AttributeType::CHAP_PASSWORD);
            assert_eq!(sent.unwrap().value.len(), len);
        }
    }

    #[test]
    fn user_password_of_impossible_length_is_not_made_possible() {
        for len in [0, 129, 144, 253] {
            let value = vec![b'x'; len];
            let (octets, _) = request(&packet(Code::ACCESS_REQUEST, &[(2, &value)])).unwrap();
            let sent = Packet::decode(&octets)
                .unwrap()
                .find(AttributeType::USER_PASSWORD);
            assert_eq!(sent.unwrap().value, value, "{len}");
        }
    }

    #[test]
    fn n7_reply_has_the_token_and_nothing_signed_or_hidden() {
        let key = [7; 32];
        let salted = [&[32][..], &key].concat();
        let attributes = [
            (80, vec![1; 16]),
            (69, [&[3][..], &hidden(&[0x80, 1], b"\x05tulip")].concat()),
            (26, microsoft_attribute(16, &hidden(&[0x80, 2], &salted))),
            (26, microsoft_attribute(17, &hidden(&[0x80, 3], &salted))),
            (26, microsoft_attribute(12, &hidden(&[], &[4; 24]))),
            (26, microsoft_attribute(26, b"S=0123")),
            (25, b"class".to_vec()),
        ];
        let attributes: Vec<(u8, &[u8])> = attributes.iter().map(|(k, v)| (*k, &v[..])).collect();
        let mut expected = packet(
            Code::ACCESS_ACCEPT,
            &[
                (69, b"\x03tulip"),
                (26, &microsoft_attribute(16, &key)),
                (26, &microsoft_attribute(17, &key)),
                (26, &microsoft_attribute(12, &[4; 24])),
                (26, &microsoft_attribute(26, b"S=0123")),
                (25, b"class"),
            ],
        );
        expected[1] = 0;
        expected[8..20].fill(0);
        assert_eq!(reply(&packet(Code::ACCESS_ACCEPT, &attributes)), expected);
    }

    #[test]
    fn n7_keys_that_the_server_hides_are_in_the_clear() {
        let secret = Secret::new(SECRET).unwrap();
        for len in [1, 15, 16, 31, 32] {
            let key = vec![7; len];
            let mut hidden = [0; HIDDEN_KEY_LEN_MAX];
            let used = secret.hide_key(&key, [1, 2], &UNIQUE, &mut hidden);
            let sent = microsoft_attribute(microsoft::MPPE_SEND_KEY, &hidden[..used]);
            let octets = reply(&packet(Code::ACCESS_ACCEPT, &[(26, &sent)]));
            let clear = Packet::decode(&octets)
                .unwrap()
                .attributes()
                .next()
                .unwrap();
            assert_eq!(
                clear.value,
                microsoft_attribute(microsoft::MPPE_SEND_KEY, &key)
            );
        }
    }

    #[test]
    fn what_only_looks_hidden_is_left_as_it_is() {
        for (kind, value) in [
            (69, vec![]),
            (69, vec![1, 2, 3]),
            (69, vec![1; 20]),
            (26, microsoft_attribute(16, &[1; 17])),
            (26, microsoft_attribute(17, &[])),
            // Says that 255 octets are hidden in sixteen.
            (26, microsoft_attribute(16, &hidden(&[1, 1], &[255; 16]))),
        ] {
            let octets = reply(&packet(Code::ACCESS_ACCEPT, &[(kind, &value)]));
            let left = Packet::decode(&octets)
                .unwrap()
                .attributes()
                .next()
                .unwrap();
            assert_eq!(left.value, value, "{kind}");
        }
    }

    #[test]
    fn n7_protocol_error_names_its_cause_and_echoes_proxy_state() {
        let mut octets = [0; PACKET_LEN_MAX];
        let asked = packet(
            Code::ACCOUNTING_REQUEST,
            &[(33, b"one"), (1, b"a"), (33, b"two")],
        );
        let len = protocol_error(&asked, ProtocolError::ResourcesUnavailable, &mut octets).unwrap();
        let mut expected = packet(
            Code::PROTOCOL_ERROR,
            &[(101, &506_u32.to_be_bytes()), (33, b"one"), (33, b"two")],
        );
        expected[1] = 0;
        expected[8..20].fill(0);
        assert_eq!(octets[..len], expected);

        let many = vec![(33, &[1; 253][..]); 15];
        let many: Vec<_> = many.into_iter().chain([(33, &[1; 245][..])]).collect();
        let longest = packet(Code::ACCESS_REQUEST, &many);
        assert_eq!(longest.len(), PACKET_LEN_MAX - 4);
        let len = protocol_error(&longest, ProtocolError::InvalidRequest, &mut octets).unwrap();
        assert_eq!(len, HEADER_LEN + 6);
    }

    #[test]
    fn request_without_room_for_a_signature_is_refused() {
        for (last, fits) in [(231, true), (232, false)] {
            let last = vec![1; last];
            let mut attributes = vec![(33, &[1; 253][..]); 15];
            attributes.push((33, &last));
            let asked = request(&packet(Code::ACCESS_REQUEST, &attributes));
            assert_eq!(asked.is_ok(), fits, "{:?}", asked.err());
            assert!(request(&packet(Code::ACCOUNTING_REQUEST, &attributes)).is_ok());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_packet_is_rewritten_or_refused(
            code in prop_oneof![Just(1), Just(4), Just(12), any::<u8>()],
            attributes in prop::collection::vec(
                (prop_oneof![Just(2), Just(3), Just(26), Just(69), Just(80), any::<u8>()], prop::collection::vec(any::<u8>(), 0..=253)),
                0..20,
            ),
        ) {
            let attributes: Vec<(u8, &[u8])> = attributes.iter().map(|(k, v)| (*k, &v[..])).collect();
            let len = HEADER_LEN + attributes.iter().map(|(_, v)| v.len() + 2).sum::<usize>();
            prop_assume!(len <= PACKET_LEN_MAX);
            let octets = packet(Code(code), &attributes);
            if let Ok((rewritten, _)) = request(&octets) {
                prop_assert!(Packet::decode(&rewritten).is_ok());
            }
            let answer = reply(&octets);
            prop_assert!(answer.len() <= octets.len());
            prop_assert!(Packet::decode(&answer).is_ok());
            let mut error = [0; PACKET_LEN_MAX];
            prop_assert!(protocol_error(&octets, ProtocolError::InvalidRequest, &mut error).is_ok());
        }
    }
}

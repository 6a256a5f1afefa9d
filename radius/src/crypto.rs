//! What the shared secret protects: authenticators, Message-Authenticator, User-Password and CHAP.
//!
//! Every comparison with something secret takes the same time for any two values.
//! MD5 is what RADIUS asks for; nothing here is chosen by us.
//!
//! A lone packet is signed and verified by the functions that take a [`Packet`] or [`Encoder`]; what the
//! server does for many at once is queued in `lanes`.
//!
//! Not here: whether a Message-Authenticator is demanded (`server`).

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::lanes::{self, JobId, Lanes, Start};
use crate::packet::{
    ATTRIBUTE_HEADER_LEN, AUTHENTICATOR_LEN, Authenticator, Encoder, HEADER_LEN, PACKET_LEN_MAX,
    Packet, Unsigned, VALUE_LEN_MAX,
};

/// The longest User-Password (RFC 2865 section 5.2).
pub const PASSWORD_LEN_MAX: usize = 128;
/// The longest shared secret we take.
pub const SECRET_LEN_MAX: usize = 1024;
/// User-Password is hidden in blocks of one digest.
const BLOCK_LEN: usize = AUTHENTICATOR_LEN;
/// Code, identifier and Length.
const BEFORE_AUTHENTICATOR_LEN: usize = 4;
/// Where the value of a packet's first attribute begins.
const FIRST_VALUE_AT: usize = HEADER_LEN + 2;
const ZEROS: Authenticator = [0; AUTHENTICATOR_LEN];
/// Octets of the salt of a hidden key.
const SALT_LEN: usize = 2;
/// The most octets of a hidden key: salt, and 32 octets of key behind their length, padded.
pub(crate) const HIDDEN_KEY_LEN_MAX: usize = SALT_LEN + 3 * BLOCK_LEN;
/// What HMAC mixes the key with (RFC 2104 section 2).
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

/// The most blocks queued in lanes to verify one packet: its digest, its Message-Authenticator (inner and
/// outer), the masks of its User-Password and a CHAP response.
const VERIFY_BLOCKS_MAX: usize = lanes::blocks_of(PACKET_LEN_MAX + SECRET_LEN_MAX)
    + lanes::blocks_of(PACKET_LEN_MAX)
    + lanes::blocks_of(AUTHENTICATOR_LEN)
    + MASKS_MAX * lanes::blocks_of(SECRET_LEN_MAX + AUTHENTICATOR_LEN)
    + lanes::blocks_of(1 + PASSWORD_LEN_MAX + VALUE_LEN_MAX);
/// Blocks of a User-Password.
const MASKS_MAX: usize = PASSWORD_LEN_MAX / BLOCK_LEN;
/// Signing one packet takes no more: its Message-Authenticator and its digest.
pub(crate) const LANE_BLOCKS_MAX: usize = VERIFY_BLOCKS_MAX;
/// The most jobs queued in lanes for one packet.
pub(crate) const LANE_JOBS_MAX: usize = 3 + MASKS_MAX + 1;

/// Why a shared secret cannot be used. Always the operator's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SecretError {
    /// RFC 2865 section 3 forbids an empty secret.
    #[error("shared secret is empty")]
    Empty,
    /// Longer than [`SECRET_LEN_MAX`].
    #[error("shared secret of {len} octets is longer than {SECRET_LEN_MAX}")]
    Long {
        /// Octets given.
        len: usize,
    },
}

/// A secret shared with one NAS. No `Debug`, overwritten when dropped.
pub struct Secret {
    octets: Zeroizing<Box<[u8]>>,
    /// The HMAC with its key already absorbed: saves two of its four digest blocks per packet.
    keyed: Hmac<Md5>,
    /// The same for lanes: where the inner and the outer digest begin.
    inner: Zeroizing<Start>,
    outer: Zeroizing<Start>,
}

impl Secret {
    /// Takes a secret of 1 to [`SECRET_LEN_MAX`] octets.
    ///
    /// # Errors
    /// When it is empty or longer.
    pub fn new(octets: &[u8]) -> Result<Self, SecretError> {
        if octets.is_empty() {
            return Err(SecretError::Empty);
        }
        if octets.len() > SECRET_LEN_MAX {
            return Err(SecretError::Long { len: octets.len() });
        }
        // RFC 2104 section 2: a key longer than a block is replaced by its digest.
        let mut key = Zeroizing::new([0; lanes::BLOCK_LEN]);
        match key.get_mut(..octets.len()) {
            Some(room) => room.copy_from_slice(octets),
            None => key[..AUTHENTICATOR_LEN].copy_from_slice(&Md5::digest(octets)),
        }
        let keyed = |pad| Zeroizing::new(Start::behind(&key.map(|octet| octet ^ pad)));
        Ok(Self {
            octets: Zeroizing::new(octets.into()),
            keyed: Hmac::new_from_slice(octets).expect("HMAC takes a key of any length"),
            inner: keyed(INNER_PAD),
            outer: keyed(OUTER_PAD),
        })
    }

    /// True if both are the same octets.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.octets.ct_eq(&other.octets).into()
    }

    /// Queues the inner digest of the Message-Authenticator at `at` of a request, over the authenticator given.
    pub(crate) fn queue_message(
        &self,
        octets: &[u8],
        authenticator: &Authenticator,
        at: usize,
        lanes: &mut Lanes,
    ) -> JobId {
        let parts = [
            &octets[..BEFORE_AUTHENTICATOR_LEN],
            authenticator,
            &octets[HEADER_LEN..at],
            &ZEROS,
            &octets[at + AUTHENTICATOR_LEN..],
        ];
        lanes.queue(&self.inner, parts)
    }

    /// Queues the outer digest: the Message-Authenticator whose inner digest was run.
    pub(crate) fn queue_outer(&self, inner: JobId, lanes: &mut Lanes) -> JobId {
        let inner = lanes.digest(inner);
        lanes.queue(&self.outer, [&inner])
    }

    /// Queues the right Request Authenticator of an Accounting-Request (RFC 2866 section 3).
    pub(crate) fn queue_request_authenticator(&self, octets: &[u8], lanes: &mut Lanes) -> JobId {
        let head = &octets[..BEFORE_AUTHENTICATOR_LEN];
        let parts = [head, &ZEROS, &octets[HEADER_LEN..], &self.octets];
        lanes.queue(&Start::FRESH, parts)
    }

    /// Queues what hides a User-Password, one digest per block (RFC 2865 section 5.2); names the first.
    pub(crate) fn queue_masks(
        &self,
        hidden: Hidden<'_>,
        request: &Authenticator,
        lanes: &mut Lanes,
    ) -> JobId {
        let first = lanes.queue(&Start::FRESH, [&self.octets, request]);
        for previous in &hidden.0[..hidden.0.len() - 1] {
            lanes.queue(&Start::FRESH, [&self.octets, previous]);
        }
        first
    }

    /// Reveals, in place, what hides as a User-Password does (RFC 2865 section 5.2).
    ///
    /// `salt` is empty for a User-Password and MS-CHAP-MPPE-Keys; Tunnel-Password and the MS-MPPE keys have one
    /// of two octets (RFC 2868 section 3.5, RFC 2548 section 2.4.2).
    pub(crate) fn reveal_blocks(
        &self,
        request: &Authenticator,
        salt: &[u8],
        blocks: &mut [[u8; BLOCK_LEN]],
    ) {
        let mut previous = *request;
        let mut salt = salt;
        for block in blocks {
            let hidden = *block;
            let mut md5 = Md5::new();
            md5.update(&**self.octets);
            md5.update(previous);
            md5.update(salt);
            let mut mask: Authenticator = md5.finalize().into();
            for (octet, mask) in block.iter_mut().zip(&mask) {
                *octet ^= mask;
            }
            mask.zeroize();
            (previous, salt) = (hidden, &[]);
        }
    }

    /// Hides a key of up to 32 octets as MS-MPPE-Send-Key and MS-MPPE-Recv-Key do (RFC 2548 section 2.4.2); returns
    /// the octets used. `salt` must be another one for each key of a packet.
    pub(crate) fn hide_key(
        &self,
        key: &[u8],
        salt: [u8; SALT_LEN],
        request: &Authenticator,
        hidden: &mut [u8; HIDDEN_KEY_LEN_MAX],
    ) -> usize {
        let (head, body) = hidden.split_at_mut(SALT_LEN);
        // The RFC wants the first bit of a salt set.
        head.copy_from_slice(&[salt[0] | 0x80, salt[1]]);
        body.fill(0);
        body[0] = u8::try_from(key.len()).expect("a key has 32 octets at most");
        body[1..=key.len()].copy_from_slice(key);
        let len = (1 + key.len()).next_multiple_of(BLOCK_LEN);
        let mut previous = [0; AUTHENTICATOR_LEN + SALT_LEN];
        previous[..AUTHENTICATOR_LEN].copy_from_slice(request);
        previous[AUTHENTICATOR_LEN..].copy_from_slice(head);
        let mut previous = previous.as_slice();
        let (blocks, _none) = body[..len].as_chunks_mut::<BLOCK_LEN>();
        for block in blocks {
            xor(block, previous, self);
            previous = &*block;
        }
        SALT_LEN + len
    }

    fn packet_digest(&self, octets: &[u8], authenticator: &Authenticator) -> Authenticator {
        let mut md5 = Md5::new();
        md5.update(&octets[..BEFORE_AUTHENTICATOR_LEN]);
        md5.update(authenticator);
        md5.update(&octets[HEADER_LEN..]);
        md5.update(&**self.octets);
        md5.finalize().into()
    }

    fn message_digest(
        &self,
        octets: &[u8],
        authenticator: &Authenticator,
        at: usize,
    ) -> Authenticator {
        let mut hmac = self.keyed.clone();
        hmac.update(&octets[..BEFORE_AUTHENTICATOR_LEN]);
        hmac.update(authenticator);
        hmac.update(&octets[HEADER_LEN..at]);
        hmac.update(&ZEROS);
        hmac.update(&octets[at + AUTHENTICATOR_LEN..]);
        hmac.finalize().into_bytes().into()
    }
}

/// Which authenticator a Message-Authenticator was computed over (RFC 3579 section 3.2, RFC 5176 section 2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Over<'a> {
    /// The one in the packet: Access-Request and Status-Server.
    Own,
    /// The one of the request this packet answers.
    Request(&'a Authenticator),
    /// Zeros: Accounting-Request, CoA-Request and Disconnect-Request.
    Zeros,
}

/// True if the Message-Authenticator whose value begins at `value_offset` is right.
///
/// A value that is not 16 octets inside the packet is wrong: more octets would be signed but not looked at.
pub fn message_authenticator_is_right(
    packet: &Packet<'_>,
    value_offset: usize,
    over: Over<'_>,
    secret: &Secret,
) -> bool {
    let octets = packet.octets();
    let Some(sent) = octets.get(value_offset..value_offset + AUTHENTICATOR_LEN) else {
        return false;
    };
    let length = value_offset.checked_sub(1).map(|at| octets[at]);
    if length.map(usize::from) != Some(ATTRIBUTE_HEADER_LEN + AUTHENTICATOR_LEN) {
        return false;
    }
    let authenticator = match over {
        Over::Own => packet.authenticator(),
        Over::Request(request) => request,
        Over::Zeros => &ZEROS,
    };
    let right = secret.message_digest(octets, authenticator, value_offset);
    right.ct_eq(sent).into()
}

/// True if the Request Authenticator is the digest over the packet with zeros in its place
/// (RFC 2866 section 3, RFC 5176 section 2.3). Not for Access-Request: that one is random.
pub fn request_authenticator_is_right(packet: &Packet<'_>, secret: &Secret) -> bool {
    response_authenticator_is_right(packet, &ZEROS, secret)
}

/// True if the Response Authenticator answers the request with this Request Authenticator (RFC 2865 section 3).
pub fn response_authenticator_is_right(
    packet: &Packet<'_>,
    request_authenticator: &Authenticator,
    secret: &Secret,
) -> bool {
    let right = secret.packet_digest(packet.octets(), request_authenticator);
    right.ct_eq(packet.authenticator()).into()
}

/// A reply that waits for its signature. Its header holds the Request Authenticator of its request.
pub(crate) struct ToSign<'s> {
    pub(crate) len: usize,
    pub(crate) secret: &'s Secret,
    /// Its first attribute is a Message-Authenticator of zeros.
    pub(crate) message_authenticator: bool,
}

/// Signs replies together; `to_sign[i]` belongs to `replies[i]`.
pub(crate) fn sign_all<const N: usize>(
    replies: &mut [[u8; PACKET_LEN_MAX]],
    to_sign: &[Option<ToSign<'_>>; N],
    lanes: &mut Lanes,
) {
    const AT: usize = FIRST_VALUE_AT;
    let mut jobs = [None; N];
    for ((reply, to_sign), job) in replies.iter().zip(to_sign).zip(&mut jobs) {
        if let Some(reply_to) = to_sign.as_ref().filter(|reply| reply.message_authenticator) {
            *job = Some(lanes.queue(&reply_to.secret.inner, [&reply[..reply_to.len]]));
        }
    }
    lanes.run();
    for (to_sign, job) in to_sign.iter().zip(&mut jobs) {
        if let (Some(to_sign), Some(inner)) = (to_sign, &job) {
            *job = Some(to_sign.secret.queue_outer(*inner, lanes));
        }
    }
    lanes.run();
    for ((reply, to_sign), job) in replies.iter_mut().zip(to_sign).zip(&mut jobs) {
        let Some(ToSign { len, secret, .. }) = to_sign else {
            continue;
        };
        if let Some(outer) = job {
            reply[AT..AT + AUTHENTICATOR_LEN].copy_from_slice(&lanes.digest(*outer));
        }
        *job = Some(lanes.queue(&Start::FRESH, [&reply[..*len], &secret.octets]));
    }
    lanes.run();
    for (reply, job) in replies.iter_mut().zip(jobs) {
        if let Some(job) = job {
            reply[BEFORE_AUTHENTICATOR_LEN..HEADER_LEN].copy_from_slice(&lanes.digest(job));
        }
    }
}

/// Signs a response to the request with `request_authenticator` and returns its length in octets.
pub fn finish_response(
    encoder: Encoder<'_>,
    request_authenticator: &Authenticator,
    secret: &Secret,
) -> usize {
    let mut packet = encoder.close();
    sign_message(&mut packet, request_authenticator, secret);
    let digest = secret.packet_digest(packet.octets, request_authenticator);
    packet.set_authenticator(&digest);
    packet.octets.len()
}

/// Signs an Accounting-, Disconnect- or CoA-Request; returns its length and its Request Authenticator.
pub fn finish_request(encoder: Encoder<'_>, secret: &Secret) -> (usize, Authenticator) {
    let mut packet = encoder.close();
    sign_message(&mut packet, &ZEROS, secret);
    let digest = secret.packet_digest(packet.octets, &ZEROS);
    packet.set_authenticator(&digest);
    (packet.octets.len(), digest)
}

/// Signs an Access-Request or Status-Server whose authenticator is `random`; returns its length in octets.
pub fn finish_random_request(
    encoder: Encoder<'_>,
    random: &Authenticator,
    secret: &Secret,
) -> usize {
    let mut packet = encoder.close();
    packet.set_authenticator(random);
    sign_message(&mut packet, random, secret);
    packet.octets.len()
}

fn sign_message(packet: &mut Unsigned<'_>, authenticator: &Authenticator, secret: &Secret) {
    if let Some(at) = packet.message_authenticator_at {
        let digest = secret.message_digest(packet.octets, authenticator, at);
        packet.octets[at..at + AUTHENTICATOR_LEN].copy_from_slice(&digest);
    }
}

/// A password in the clear, padded with NUL. No `Debug`, overwritten when dropped.
///
/// RFC 2865 section 5.2 pads with NUL, so passwords that differ only in trailing NULs are the same.
#[derive(Clone)]
pub struct Password {
    padded: [u8; PASSWORD_LEN_MAX],
    /// Octets that may be other than NUL.
    used: usize,
}

impl Password {
    /// Takes a password of up to [`PASSWORD_LEN_MAX`] octets; `None` if it is longer.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut padded = [0; PASSWORD_LEN_MAX];
        padded.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(Self {
            padded,
            used: octets.len(),
        })
    }

    /// Reveals what was hidden with masks that were run; `masks` names the first.
    pub(crate) fn reveal(hidden: Hidden<'_>, masks: JobId, lanes: &Lanes) -> Self {
        let mut padded = [0; PASSWORD_LEN_MAX];
        let clear = padded.as_chunks_mut::<BLOCK_LEN>().0;
        for (n, (clear, hidden)) in clear.iter_mut().zip(hidden.0).enumerate() {
            let mask = u128::from_ne_bytes(lanes.digest(masks.later(n)));
            *clear = (u128::from_ne_bytes(*hidden) ^ mask).to_ne_bytes();
        }
        Self {
            padded,
            used: hidden.0.len() * BLOCK_LEN,
        }
    }

    /// Hides the password for a User-Password attribute; returns the octets used, 16 at least.
    pub fn hide(
        &self,
        request: &Authenticator,
        secret: &Secret,
        hidden: &mut [u8; PASSWORD_LEN_MAX],
    ) -> usize {
        let len = self.used.next_multiple_of(BLOCK_LEN).max(BLOCK_LEN);
        hidden.copy_from_slice(&self.padded);
        let mut previous = *request;
        for block in &mut hidden.as_chunks_mut::<BLOCK_LEN>().0[..len / BLOCK_LEN] {
            xor(block, &previous, secret);
            previous = *block;
        }
        len
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        let words = self.padded.as_chunks().0;
        words.iter().map(|word| u64::from_ne_bytes(*word))
    }

    /// The octets before the padding.
    pub(crate) fn clear(&self) -> &[u8] {
        let len = self.padded.iter().rposition(|octet| *octet != 0);
        &self.padded[..len.map_or(0, |last| last + 1)]
    }

    /// True if there is nothing but padding.
    pub fn is_empty(&self) -> bool {
        self.clear().is_empty()
    }

    /// True if both are the same, in time that depends on neither.
    pub fn matches(&self, other: &Self) -> bool {
        // By words: octet by octet this was a tenth of the cost of an Access-Request.
        let difference = self
            .words()
            .zip(other.words())
            .fold(0, |difference, (a, b)| difference | (a ^ b));
        difference.ct_eq(&0).into()
    }

    /// Queues the CHAP response of this password to `challenge` (RFC 2865 section 5.3).
    pub(crate) fn queue_chap(&self, identifier: u8, challenge: &[u8], lanes: &mut Lanes) -> JobId {
        lanes.queue(&Start::FRESH, [&[identifier], self.clear(), challenge])
    }

    /// True if `chap_password` is the CHAP response of this password to `challenge` (RFC 2865 section 5.3).
    pub fn matches_chap(&self, chap_password: &ChapPassword, challenge: &[u8]) -> bool {
        let mut md5 = Md5::new();
        md5.update([chap_password[0]]);
        md5.update(self.clear());
        md5.update(challenge);
        let right: Authenticator = md5.finalize().into();
        right.ct_eq(&chap_password[1..]).into()
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        self.padded[..self.used].zeroize();
    }
}

/// The value of a User-Password attribute: 1 to 8 blocks of 16 octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hidden<'a>(&'a [[u8; BLOCK_LEN]]);

impl<'a> Hidden<'a> {
    /// `None` if it is not 16, 32 … 128 octets.
    pub(crate) fn new(value: &'a [u8]) -> Option<Self> {
        let (blocks, []) = value.as_chunks::<BLOCK_LEN>() else {
            return None;
        };
        (1..=MASKS_MAX)
            .contains(&blocks.len())
            .then_some(Self(blocks))
    }
}

/// The value of a CHAP-Password attribute: identifier, then the response.
pub type ChapPassword = [u8; 1 + AUTHENTICATOR_LEN];

fn xor(block: &mut [u8; BLOCK_LEN], previous: &[u8], secret: &Secret) {
    let mut md5 = Md5::new();
    md5.update(&**secret.octets);
    md5.update(previous);
    let mut mask: Authenticator = md5.finalize().into();
    for (octet, mask) in block.iter_mut().zip(&mask) {
        *octet ^= mask;
    }
    mask.zeroize();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::code::Code;

    fn reveal(hidden: &[u8], request: &Authenticator, secret: &Secret) -> Option<Password> {
        let hidden = Hidden::new(hidden)?;
        let mut lanes = Lanes::new(LANE_JOBS_MAX, LANE_BLOCKS_MAX);
        let masks = secret.queue_masks(hidden, request, &mut lanes);
        lanes.run();
        Some(Password::reveal(hidden, masks, &lanes))
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn empty_and_endless_secrets_are_refused() {
        assert_eq!(Secret::new(b"").err(), Some(SecretError::Empty));
        assert_eq!(
            Secret::new(&[1; 1025]).err(),
            Some(SecretError::Long { len: 1025 })
        );
    }

    /// RFC 2865 section 7.1.
    #[test]
    fn user_password_of_the_standard_is_revealed() {
        let request = [
            0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57, 0xbd, 0x83, 0xd5, 0xcb, 0x98, 0xf4,
            0x22, 0x7a,
        ];
        let hidden = [
            0x0d, 0xbe, 0x70, 0x8d, 0x93, 0xd4, 0x13, 0xce, 0x31, 0x96, 0xe4, 0x3f, 0x78, 0x2a,
            0x0a, 0xee,
        ];
        let password = reveal(&hidden, &request, &secret("xyzzy5461")).unwrap();
        assert_eq!(password.clear(), b"arctangent");
    }

    #[test]
    fn hidden_password_of_wrong_length_is_refused() {
        for len in [0, 1, 15, 17, 127, 129, 144, 253] {
            let hidden = vec![0; len];
            assert!(reveal(&hidden, &ZEROS, &secret("s")).is_none(), "{len}");
        }
    }

    #[test]
    fn password_with_any_octet_changed_does_not_match() {
        let password = Password::new(&[b'x'; PASSWORD_LEN_MAX]).unwrap();
        assert!(password.matches(&password.clone()));
        for at in 0..PASSWORD_LEN_MAX {
            let mut other = [b'x'; PASSWORD_LEN_MAX];
            other[at] ^= 1;
            assert!(!password.matches(&Password::new(&other).unwrap()), "{at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn hidden_password_is_revealed(
            octets in prop::collection::vec(1_u8.., 0..=PASSWORD_LEN_MAX),
            key in prop::collection::vec(any::<u8>(), 1..80),
            request: Authenticator,
        ) {
            let secret = Secret::new(&key).unwrap();
            let password = Password::new(&octets).unwrap();
            let mut hidden = [0; PASSWORD_LEN_MAX];
            let len = password.hide(&request, &secret, &mut hidden);
            let revealed = reveal(&hidden[..len], &request, &secret).unwrap();
            prop_assert!(revealed.matches(&password));
            prop_assert_eq!(revealed.clear(), &octets[..]);
        }

        #[test]
        fn one_changed_bit_or_another_secret_breaks_the_signatures(
            bit in 0_usize..((HEADER_LEN + 18 + 6) * 8),
            request: Authenticator,
        ) {
            let key = secret("right");
            let mut buffer = [0; 64];
            let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, 3).unwrap();
            encoder.message_authenticator().unwrap();
            encoder.integer(crate::attribute::AttributeType::SESSION_TIMEOUT, 60).unwrap();
            let len = finish_response(encoder, &request, &key);
            let packet = Packet::decode(&buffer[..len]).unwrap();
            prop_assert!(response_authenticator_is_right(&packet, &request, &key));
            prop_assert!(message_authenticator_is_right(&packet, 22, Over::Request(&request), &key));
            prop_assert!(!response_authenticator_is_right(&packet, &request, &secret("wrong")));
            prop_assert!(!message_authenticator_is_right(&packet, 22, Over::Request(&request), &secret("wrong")));
            buffer[bit / 8] ^= 1 << (bit % 8);
            if let Ok(packet) = Packet::decode(&buffer[..len]) {
                prop_assert!(!response_authenticator_is_right(&packet, &request, &key));
            }
        }
    }
}

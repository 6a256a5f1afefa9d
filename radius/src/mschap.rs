//! MS-CHAP v1 and v2: responses, the answer that proves us to the peer, and the keys that follow from both
//! (RFC 2433, RFC 2759, RFC 3079).
//!
//! All of it is made from the NT hash of the password, which is as good as the password here: whoever has it can
//! log in. Every comparison with something secret takes the same time for any two values.
//!
//! DES, MD4 and SHA-1 are what MS-CHAP asks for; nothing here is chosen by us. Whoever sees an exchange can search
//! for the password off-line, so MS-CHAP belongs inside TLS (PEAP, TTLS) or a tunnel that the ISP owns.
//!
//! Not here: the attributes and how keys are hidden in them (`request`, `reply`).

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use md4::Md4;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::{PASSWORD_LEN_MAX, Password};
use crate::hexadecimal;

/// Octets of an NT hash.
pub const NT_HASH_LEN: usize = 16;
/// Octets of the challenge that a response is made from.
pub(crate) const CHALLENGE_LEN: usize = 8;
/// Octets of each of the two challenges of MS-CHAPv2.
pub(crate) const CHALLENGE2_LEN: usize = 16;
/// Octets of a response.
pub(crate) const RESPONSE_LEN: usize = 24;
/// Octets of "S=" and 40 hexadecimal digits.
pub(crate) const SUCCESS_LEN: usize = 42;
/// Octets of each session key.
pub(crate) const KEY_LEN: usize = 16;

/// A challenge as a response is made from.
pub(crate) type Challenge = [u8; CHALLENGE_LEN];
/// A response to a challenge.
pub(crate) type Response = [u8; RESPONSE_LEN];

/// MD4 over the password in UTF-16LE (RFC 2759 section 8.3). No `Debug`, overwritten when dropped.
#[derive(Clone)]
pub struct NtHash([u8; NT_HASH_LEN]);

/// The two session keys of MPPE, as the NAS uses them.
pub(crate) struct SessionKeys {
    /// What the NAS encrypts with: MS-MPPE-Send-Key.
    pub(crate) send: [u8; KEY_LEN],
    /// What the NAS decrypts with: MS-MPPE-Recv-Key.
    pub(crate) receive: [u8; KEY_LEN],
}

impl NtHash {
    /// Takes a hash as it is kept on file.
    pub const fn new(octets: [u8; NT_HASH_LEN]) -> Self {
        Self(octets)
    }

    /// The hash of a password; `None` if the password is not UTF-8, which no MS-CHAP peer can type.
    pub fn of(password: &Password) -> Option<Self> {
        let text = std::str::from_utf8(password.clear()).ok()?;
        // A UTF-8 octet makes at most one unit of UTF-16.
        let mut wide = Zeroizing::new([0; 2 * PASSWORD_LEN_MAX]);
        let mut len = 0;
        for unit in text.encode_utf16() {
            wide[len..len + 2].copy_from_slice(&unit.to_le_bytes());
            len += 2;
        }
        Some(Self(Md4::digest(&wide[..len]).into()))
    }

    /// True if this is the hash of the password.
    pub fn is_of(&self, password: &Password) -> bool {
        Self::of(password).is_some_and(|other| self.0.ct_eq(&other.0).into())
    }

    /// True if `response` is the response of this hash to `challenge`.
    pub(crate) fn answers(&self, challenge: &Challenge, response: &Response) -> bool {
        self.response(challenge).ct_eq(response).into()
    }

    /// The response to a challenge (RFC 2759 section 8.5): the hash, padded, as three DES keys.
    pub(crate) fn response(&self, challenge: &Challenge) -> Response {
        let mut padded = Zeroizing::new([0; 21]);
        padded[..NT_HASH_LEN].copy_from_slice(&self.0);
        let mut response = [0; RESPONSE_LEN];
        let keys = padded.as_chunks::<7>().0;
        for (key, part) in keys.iter().zip(response.as_chunks_mut::<8>().0) {
            let mut block = (*challenge).into();
            Des::new(&(*spread(key)).into()).encrypt_block(&mut block);
            *part = block.into();
        }
        response
    }

    /// What proves to an MS-CHAPv2 peer that we know the password too (RFC 2759 section 8.7): "S=" and digits.
    pub(crate) fn success(&self, response: &Response, challenge: &Challenge) -> [u8; SUCCESS_LEN] {
        let mut inner = Sha1::new();
        inner.update(self.hash().as_slice());
        inner.update(response);
        inner.update(b"Magic server to client signing constant");
        let mut outer = Sha1::new();
        outer.update(inner.finalize());
        outer.update(challenge);
        outer.update(b"Pad to make it do more than one iteration");
        let mut success = [0; SUCCESS_LEN];
        success[..2].copy_from_slice(b"S=");
        hexadecimal::write(&outer.finalize(), hexadecimal::UPPER, &mut success[2..]);
        success
    }

    /// The keys of 128 bits of an MS-CHAPv2 exchange (RFC 3079 section 3).
    pub(crate) fn session_keys(&self, response: &Response) -> SessionKeys {
        let mut sha1 = Sha1::new();
        sha1.update(self.hash().as_slice());
        sha1.update(response);
        sha1.update(b"This is the MPPE Master Key");
        let mut master = Zeroizing::new([0; KEY_LEN]);
        master.copy_from_slice(&sha1.finalize()[..KEY_LEN]);
        SessionKeys {
            send: start_key(
                &master,
                b"On the client side, this is the receive key; on the server side, it is the send key.",
            ),
            receive: start_key(
                &master,
                b"On the client side, this is the send key; on the server side, it is the receive key.",
            ),
        }
    }

    /// The hash of the hash, from which MS-CHAP v1 makes its keys (RFC 2548 section 2.4.1).
    pub(crate) fn hash(&self) -> Zeroizing<[u8; NT_HASH_LEN]> {
        Zeroizing::new(Md4::digest(self.0).into())
    }
}

impl Drop for NtHash {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for SessionKeys {
    fn drop(&mut self) {
        self.send.zeroize();
        self.receive.zeroize();
    }
}

/// The challenge of an MS-CHAPv2 response (RFC 2759 section 8.2). A domain before a backslash is not part of the name.
pub(crate) fn challenge(
    peer: &[u8; CHALLENGE2_LEN],
    authenticator: &[u8; CHALLENGE2_LEN],
    user_name: &[u8],
) -> Challenge {
    let name = user_name
        .iter()
        .rposition(|octet| *octet == b'\\')
        .map_or(user_name, |at| &user_name[at + 1..]);
    let mut sha1 = Sha1::new();
    sha1.update(peer);
    sha1.update(authenticator);
    sha1.update(name);
    *sha1
        .finalize()
        .first_chunk()
        .expect("a digest of 20 octets has 8")
}

/// 56 bits as the eight octets that DES takes; it ignores the least bit of each.
fn spread(key: &[u8; 7]) -> Zeroizing<[u8; 8]> {
    let mut wide = Zeroizing::new([0; 8]);
    wide[1..].copy_from_slice(key);
    let bits = u64::from_be_bytes(*wide);
    let mut spread = Zeroizing::new([0; 8]);
    for (n, octet) in spread.iter_mut().enumerate() {
        let seven = (bits >> (49 - 7 * n)) & 0x7f;
        *octet = u8::try_from(seven << 1).expect("seven bits, shifted once");
    }
    spread
}

/// `GetAsymmetricStartKey` for 128 bits (RFC 3079 section 3.4).
fn start_key(master: &[u8; KEY_LEN], side: &[u8]) -> [u8; KEY_LEN] {
    let mut sha1 = Sha1::new();
    sha1.update(master);
    sha1.update([0; 40]);
    sha1.update(side);
    sha1.update([0xf2; 40]);
    *sha1
        .finalize()
        .first_chunk()
        .expect("a digest of 20 octets has 16")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2759 section 9.2 and RFC 3079 section 3.5.3.
    const USER_NAME: &[u8] = b"User";
    const AUTHENTICATOR: &str = "5B5D7C7D7B3F2F3E3C2C602132262628";
    const PEER: &str = "21402324255E262A28295F2B3A337C7E";
    const RESPONSE: &str = "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF";

    fn octets<const N: usize>(digits: &str) -> [u8; N] {
        std::array::from_fn(|n| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).unwrap())
    }

    fn client_pass() -> NtHash {
        NtHash::of(&Password::new(b"clientPass").unwrap()).unwrap()
    }

    fn standard_challenge() -> Challenge {
        challenge(&octets(PEER), &octets(AUTHENTICATOR), USER_NAME)
    }

    #[test]
    fn hashes_of_the_standard() {
        assert_eq!(client_pass().0, octets("44EBBA8D5312B8D611474411F56989AE"));
        assert_eq!(
            *client_pass().hash(),
            octets("41C00C584BD2D91C4017A2A12FA59F3F")
        );
    }

    #[test]
    fn response_of_the_standard_answers_its_challenge_and_no_other() {
        let challenge = standard_challenge();
        assert_eq!(challenge, octets("D02E4386BCE91226"));
        assert_eq!(client_pass().response(&challenge), octets(RESPONSE));
        assert!(client_pass().answers(&challenge, &octets(RESPONSE)));
        let mut other = challenge;
        other[7] ^= 1;
        assert!(!client_pass().answers(&other, &octets(RESPONSE)));
    }

    #[test]
    fn a_domain_is_not_part_of_the_challenge() {
        let with_domain = challenge(&octets(PEER), &octets(AUTHENTICATOR), b"BIGCO\\User");
        assert_eq!(with_domain, standard_challenge());
        let with_realm = challenge(&octets(PEER), &octets(AUTHENTICATOR), b"User@bigco");
        assert_ne!(with_realm, standard_challenge());
    }

    #[test]
    fn proof_of_the_standard() {
        assert_eq!(
            client_pass().success(&octets(RESPONSE), &standard_challenge()),
            *b"S=407A5589115FD0D6209F510FE9C04566932CDA56"
        );
    }

    #[test]
    fn send_key_of_the_standard() {
        let keys = client_pass().session_keys(&octets(RESPONSE));
        assert_eq!(keys.send, octets("8B7CDC149B993A1BA118CB153F56DCCB"));
        assert_ne!(keys.send, keys.receive);
    }

    /// RFC 2433 appendix B.2.
    #[test]
    fn response_of_the_first_version() {
        let hash = NtHash::of(&Password::new(b"MyPw").unwrap()).unwrap();
        assert_eq!(hash.0, octets("FC156AF7EDCD6C0EDDE3337D427F4EAC"));
        assert_eq!(
            hash.response(&octets("102DB5DF085D3041")),
            octets("4E9D3C8F9CFD385D5BF4D3246791956CA4C351AB409A3D61")
        );
    }

    #[test]
    fn hash_is_of_its_password_alone() {
        let password = |text: &str| Password::new(text.as_bytes()).unwrap();
        assert!(client_pass().is_of(&password("clientPass")));
        assert!(!client_pass().is_of(&password("clientpass")));
        let wide = NtHash::of(&password("ÄÖ😀")).unwrap();
        assert!(wide.is_of(&password("ÄÖ😀")));
        assert!(NtHash::of(&Password::new(&[0xff, b'x']).unwrap()).is_none());
    }

    #[test]
    fn longest_passwords_are_hashed() {
        for text in [
            "x".repeat(PASSWORD_LEN_MAX),
            "ä".repeat(PASSWORD_LEN_MAX / 2),
        ] {
            assert!(NtHash::of(&Password::new(text.as_bytes()).unwrap()).is_some());
        }
    }
}

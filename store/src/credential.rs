//! Credentials at rest: sealed with a key that is not in the store's file.
//!
//! | octets | what |
//! | --- | --- |
//! | 0 | 1, the version of this layout |
//! | 1 | what is sealed: 1 a password, 2 an NT hash |
//! | 2 to 9 | id of the key |
//! | 10 to 21 | nonce, random |
//! | from 22 | the secret under ChaCha20-Poly1305 (RFC 8439), with its tag of 16 octets |
//!
//! The first ten octets and the subscription's id are associated data: a credential that was moved to
//! another subscription's row, or is said to be of another form, does not open. ChaCha20 needs no
//! instructions of the processor to be fast and free of timing leaks. Random nonces of 96 bits stay
//! apart for far more sealings with one key (2^32) than an ISP's subscribers need.
//!
//! Promises: a row is written again without any cryptography; a key that is not there is told apart
//! from octets that were changed.
//!
//! Not here: where keys come from ([`crate::key_file`]), when all is sealed anew (`migrate`).

use std::fmt;

use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::{Credential, CredentialForm, NtHash, Password};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::disk::Damaged;

const LAYOUT: u8 = 1;
const PASSWORD: u8 = 1;
const NT_HASH: u8 = 2;
const FORM: usize = 1;
const KEY_ID: usize = 2;
const NONCE: usize = KEY_ID + KeyId::LEN;
const SECRET: usize = NONCE + NONCE_LEN;
const TAG_LEN: usize = 16;
/// The longest sealed secret, without its tag.
const SECRET_LEN_MAX: usize = Password::MAX_LEN;
/// The longest sealed credential.
const BLOB_LEN_MAX: usize = SECRET + SECRET_LEN_MAX + TAG_LEN;
/// Sets the associated data apart from whatever else this key may ever seal.
const PURPOSE: &[u8; 16] = b"garth credential";
const AAD_LEN: usize = PURPOSE.len() + NONCE + 16;

/// A key that credentials are sealed with. A secret: it has no `Debug`, and is wiped when dropped.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; Self::LEN]>);

/// Text that is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not a key: {} hexadecimal digits on one line, as `openssl rand -hex {}` makes them",
    2 * SealingKey::LEN,
    SealingKey::LEN
)]
pub struct NotAKey;

impl SealingKey {
    /// Its length in octets.
    pub const LEN: usize = 32;

    /// A new one, from the system's random numbers.
    ///
    /// # Errors
    /// The system's, if it has none.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut octets = Zeroizing::new([0; Self::LEN]);
        getrandom::fill(octets.as_mut_slice())?;
        Ok(Self(octets))
    }

    /// The key of a key file: 64 hexadecimal digits, and perhaps the end of the line.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn parse(text: &[u8]) -> Result<Self, NotAKey> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.len() != 2 * Self::LEN {
            return Err(NotAKey);
        }
        let mut octets = Zeroizing::new([0_u8; Self::LEN]);
        for (octet, digits) in octets.iter_mut().zip(text.chunks_exact(2)) {
            for digit in digits {
                let digit = char::from(*digit).to_digit(16).ok_or(NotAKey)?;
                *octet = *octet << 4 | u8::try_from(digit).map_err(|_| NotAKey)?;
            }
        }
        Ok(Self(octets))
    }

    /// The content of its key file.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * Self::LEN + 1));
        for octet in self.0.iter() {
            for digit in [octet >> 4, octet & 0xf] {
                text.push(char::from_digit(digit.into(), 16).expect("four bits are a digit"));
            }
        }
        text.push('\n');
        text
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut hasher = Sha256::new();
        hasher.update(b"garth key id");
        hasher.update(self.0.as_slice());
        let digest: [u8; 32] = hasher.finalize().into();
        KeyId(*digest.first_chunk().expect("a digest is longer"))
    }
}

/// Names a key without telling it: the first octets of a digest of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyId(pub(crate) [u8; Self::LEN]);

impl KeyId {
    /// Its length in octets.
    pub const LEN: usize = 8;
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Why a sealed credential does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnsealError {
    /// It is sealed with a key that is not there.
    #[error(
        "the credential of subscription {subscription} is sealed with the key {key}, which is not \
         there: name its file in [store] old_key_files"
    )]
    NoKey {
        /// Whose.
        subscription: SubscriptionId,
        /// The key that it needs.
        key: KeyId,
    },
    /// It is not what was sealed, or not this subscription's.
    #[error("the stored credential of subscription {subscription} is damaged, or not its own")]
    Damaged {
        /// Whose row it lies in.
        subscription: SubscriptionId,
    },
}

/// A credential as it lies in a row. Who has the key opens it.
#[derive(Clone, Eq, PartialEq)]
pub struct SealedCredential {
    form: CredentialForm,
    blob: Box<[u8]>,
}

impl SealedCredential {
    /// What form the credential has that is sealed.
    #[must_use]
    pub const fn form(&self) -> CredentialForm {
        self.form
    }

    /// What lies in the row.
    pub(crate) fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The credential of a row, still sealed.
    pub(crate) fn of_row(blob: &[u8]) -> Result<Self, Damaged> {
        let damaged = || Damaged::new("credential", "it has no layout that is known");
        Ok(Self {
            form: form(blob).ok_or_else(damaged)?,
            blob: blob.into(),
        })
    }

    /// The key that it is sealed with.
    pub(crate) fn key(&self) -> KeyId {
        key_id(&self.blob)
    }
}

impl fmt::Debug for SealedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedCredential({})", self.form.as_str())
    }
}

/// The form that a blob says it has, if it has all its parts.
fn form(blob: &[u8]) -> Option<CredentialForm> {
    if !(SECRET + TAG_LEN + 1..=BLOB_LEN_MAX).contains(&blob.len()) {
        return None;
    }
    match (blob[0], blob[FORM]) {
        (LAYOUT, PASSWORD) => Some(CredentialForm::Password),
        (LAYOUT, NT_HASH) => Some(CredentialForm::NtHash),
        _ => None,
    }
}

fn key_id(blob: &[u8]) -> KeyId {
    let id = blob[KEY_ID..]
        .first_chunk()
        .expect("a blob has all its parts");
    KeyId(*id)
}

/// A credential that was opened, where it lies.
#[derive(Clone, Copy)]
pub(crate) enum Opened<'a> {
    Password(&'a str),
    NtHash([u8; NtHash::LEN]),
}

impl Opened<'_> {
    pub(crate) fn to_credential(self) -> Credential {
        match self {
            Self::Password(text) => {
                let password = text.parse().expect("it was checked when it was opened");
                Credential::Password(password)
            }
            Self::NtHash(octets) => Credential::NtHash(NtHash::new(octets)),
        }
    }
}

impl<'a> From<&'a Credential> for Opened<'a> {
    fn from(credential: &'a Credential) -> Self {
        match credential {
            Credential::Password(password) => Self::Password(password.expose()),
            Credential::NtHash(hash) => Self::NtHash(*hash.expose()),
        }
    }
}

/// Room for one credential while it is opened; wiped when dropped.
pub(crate) struct Scratch(Zeroizing<[u8; SECRET_LEN_MAX + TAG_LEN]>);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(Zeroizing::new([0; SECRET_LEN_MAX + TAG_LEN]))
    }
}

/// A key that is ready to be used.
struct Ready {
    id: KeyId,
    key: LessSafeKey,
}

impl Ready {
    fn new(key: &SealingKey) -> Self {
        let unbound = UnboundKey::new(&CHACHA20_POLY1305, key.0.as_slice())
            .expect("a key has the length that the algorithm wants");
        Self {
            id: key.id(),
            key: LessSafeKey::new(unbound),
        }
    }
}

/// The key that seals, and older ones that only open.
pub(crate) struct KeyRing {
    current: Ready,
    old: Vec<Ready>,
}

impl KeyRing {
    pub(crate) fn new(current: &SealingKey, old: &[SealingKey]) -> Self {
        Self {
            current: Ready::new(current),
            old: old.iter().map(Ready::new).collect(),
        }
    }

    /// The key that seals.
    pub(crate) const fn current(&self) -> KeyId {
        self.current.id
    }

    /// Whether what is sealed with that key can be opened.
    pub(crate) fn has(&self, id: KeyId) -> bool {
        self.find(id).is_some()
    }

    fn find(&self, id: KeyId) -> Option<&Ready> {
        let mut all = std::iter::once(&self.current).chain(&self.old);
        all.find(|key| key.id == id)
    }

    /// Seals the credential of a subscription.
    ///
    /// # Errors
    /// The system's, if it has no random octets for the nonce.
    pub(crate) fn seal(
        &self,
        id: SubscriptionId,
        credential: &Credential,
    ) -> Result<SealedCredential, getrandom::Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let (code, secret) = match credential {
            Credential::Password(password) => (PASSWORD, password.expose().as_bytes()),
            Credential::NtHash(hash) => (NT_HASH, hash.expose().as_slice()),
        };
        let mut blob = Vec::with_capacity(SECRET + secret.len() + TAG_LEN);
        blob.extend_from_slice(&[LAYOUT, code]);
        blob.extend_from_slice(&self.current.id.0);
        let aad = associated(&blob, id);
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(secret);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .current
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut blob[SECRET..])
            .expect("a credential is far below the algorithm's bound");
        blob.extend_from_slice(tag.as_ref());
        Ok(SealedCredential {
            form: credential.form(),
            blob: blob.into(),
        })
    }

    /// Opens the credential of a subscription.
    pub(crate) fn open(
        &self,
        id: SubscriptionId,
        sealed: &SealedCredential,
    ) -> Result<Credential, UnsealError> {
        let mut scratch = Scratch::new();
        let opened = self.open_blob(id, &sealed.blob, &mut scratch)?;
        Ok(opened.to_credential())
    }

    /// Opens what lies in the row of a subscription, in `scratch`.
    pub(crate) fn open_blob<'a>(
        &self,
        id: SubscriptionId,
        blob: &[u8],
        scratch: &'a mut Scratch,
    ) -> Result<Opened<'a>, UnsealError> {
        let damaged = UnsealError::Damaged { subscription: id };
        let form = form(blob).ok_or(damaged)?;
        let key = key_id(blob);
        let ready = self.find(key).ok_or(UnsealError::NoKey {
            subscription: id,
            key,
        })?;
        let nonce = *blob[NONCE..]
            .first_chunk()
            .expect("a blob has all its parts");
        let sealed = &blob[SECRET..];
        let room = &mut scratch.0[..sealed.len()];
        room.copy_from_slice(sealed);
        let aad = Aad::from(associated(&blob[..NONCE], id));
        let nonce = Nonce::assume_unique_for_key(nonce);
        let secret = ready
            .key
            .open_in_place(nonce, aad, room)
            .map_err(|_| damaged)?;
        match form {
            CredentialForm::Password => {
                let text = std::str::from_utf8(secret).map_err(|_| damaged)?;
                Password::check(text).map_err(|_| damaged)?;
                Ok(Opened::Password(text))
            }
            CredentialForm::NtHash => {
                let octets = <[u8; NtHash::LEN]>::try_from(&*secret).map_err(|_| damaged)?;
                Ok(Opened::NtHash(octets))
            }
        }
    }
}

/// The associated data of a blob that begins so, in the row of that subscription.
fn associated(head: &[u8], id: SubscriptionId) -> [u8; AAD_LEN] {
    let mut aad = [0; AAD_LEN];
    let (purpose, rest) = aad.split_at_mut(PURPOSE.len());
    purpose.copy_from_slice(PURPOSE);
    let (beginning, subscription) = rest.split_at_mut(NONCE);
    beginning.copy_from_slice(&head[..NONCE]);
    subscription.copy_from_slice(id.0.as_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> SubscriptionId {
        SubscriptionId(Uuid::from_u128(number))
    }

    fn key(digit: char) -> SealingKey {
        SealingKey::parse(digit.to_string().repeat(64).as_bytes()).unwrap()
    }

    fn credential() -> impl Strategy<Value = Credential> {
        let password = "\\PC{1,32}".prop_map(|text| Credential::Password(text.parse().unwrap()));
        let hash = any::<[u8; 16]>().prop_map(|octets| Credential::NtHash(NtHash::new(octets)));
        prop_oneof![password, hash]
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_for_its_own_subscription_alone(
            credential in credential(),
            owner: u128,
            other: u128,
        ) {
            prop_assume!(owner != other);
            let keys = KeyRing::new(&key('1'), &[]);
            let sealed = keys.seal(id(owner), &credential).unwrap();
            prop_assert_eq!(sealed.form(), credential.form());
            prop_assert_eq!(keys.open(id(owner), &sealed), Ok(credential));
            let damaged = UnsealError::Damaged { subscription: id(other) };
            prop_assert_eq!(keys.open(id(other), &sealed), Err(damaged));
        }

        #[test]
        fn a_flipped_bit_is_told_wherever_it_is(credential in credential()) {
            let keys = KeyRing::new(&key('1'), &[]);
            let sealed = keys.seal(id(7), &credential).unwrap();
            for bit in 0..8 * sealed.blob.len() {
                let mut blob = sealed.blob.to_vec();
                blob[bit / 8] ^= 1 << (bit % 8);
                let mut scratch = Scratch::new();
                let error = keys.open_blob(id(7), &blob, &mut scratch).err();
                let in_key = (KEY_ID..NONCE).contains(&(bit / 8));
                let told = matches!(error, Some(UnsealError::NoKey { .. })) == in_key;
                prop_assert!(error.is_some() && told, "bit {bit}: {error:?}");
            }
        }

        #[test]
        fn no_octets_bring_an_opening_to_panic(blob in prop::collection::vec(any::<u8>(), 0..200)) {
            let keys = KeyRing::new(&key('1'), &[]);
            let mut with_head = vec![LAYOUT, PASSWORD];
            with_head.extend_from_slice(&keys.current().0);
            with_head.extend_from_slice(&blob);
            for blob in [blob, with_head] {
                prop_assert!(keys.open_blob(id(7), &blob, &mut Scratch::new()).is_err());
            }
        }
    }

    #[test]
    fn a_credential_cut_short_at_any_octet_does_not_open() {
        let keys = KeyRing::new(&key('1'), &[]);
        let password = Credential::Password("tulip".parse().unwrap());
        let sealed = keys.seal(id(7), &password).unwrap();
        for len in 0..sealed.blob.len() {
            let blob = &sealed.blob[..len];
            assert!(
                keys.open_blob(id(7), blob, &mut Scratch::new()).is_err(),
                "{len}"
            );
        }
    }

    #[test]
    fn an_nt_hash_is_not_taken_for_a_password() {
        let keys = KeyRing::new(&key('1'), &[]);
        let hash = Credential::NtHash(NtHash::new(*b"0123456789abcdef"));
        let mut sealed = keys.seal(id(7), &hash).unwrap();
        sealed.blob[FORM] = PASSWORD;
        let damaged = UnsealError::Damaged {
            subscription: id(7),
        };
        assert_eq!(keys.open(id(7), &sealed), Err(damaged));
    }

    #[test]
    fn another_key_is_told_from_damage_and_an_old_one_opens() {
        let password = Credential::Password("tulip".parse().unwrap());
        let sealed = KeyRing::new(&key('1'), &[]).seal(id(7), &password).unwrap();
        let no_key = UnsealError::NoKey {
            subscription: id(7),
            key: key('1').id(),
        };
        let other = KeyRing::new(&key('2'), &[]);
        assert_eq!(other.open(id(7), &sealed), Err(no_key));
        let both = KeyRing::new(&key('2'), &[key('1')]);
        assert_eq!(both.open(id(7), &sealed), Ok(password));
    }

    #[test]
    fn the_same_password_never_looks_the_same() {
        let keys = KeyRing::new(&key('1'), &[]);
        let password = Credential::Password("tulip".parse().unwrap());
        let [one, two] = [(); 2].map(|()| keys.seal(id(7), &password).unwrap());
        assert_ne!(one.blob[NONCE..SECRET], two.blob[NONCE..SECRET]);
        assert_ne!(one.blob[SECRET..], two.blob[SECRET..]);
    }

    #[test]
    fn a_key_is_read_as_it_is_written_and_is_64_digits() {
        let random = SealingKey::random().unwrap();
        let text = random.to_text();
        let again = SealingKey::parse(text.as_bytes()).unwrap();
        assert_eq!(again.0.as_slice(), random.0.as_slice());
        assert!(SealingKey::parse(text.trim_end().as_bytes()).is_ok());
        for text in [
            "",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"0".repeat(32),
        ] {
            assert_eq!(
                SealingKey::parse(text.as_bytes()).err(),
                Some(NotAKey),
                "{text:?}"
            );
        }
    }
}

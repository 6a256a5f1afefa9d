//! Webhook signatures: `t=<seconds>,v1=<hex>`, HMAC-SHA256 over `t.body`.
//!
//! The form that Stripe made common. Several `v1` may stand side by side while a
//! secret is exchanged; other schemes (`v0=…`) are passed over.

use std::fmt;
use std::sync::Arc;

use garth_subscription::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::gateway::WebhookError;
use crate::random::hex;

/// How far the time of signing may be from now, either way, in seconds.
pub const TOLERANCE_SECONDS: u64 = 300;
/// The most signatures looked at in one header.
const SIGNATURES_MAX: usize = 8;
/// The longest header looked at, in octets.
const HEADER_LEN_MAX: usize = 1_024;

/// The secret shared with the gateway. It has no readable `Debug`.
#[derive(Clone)]
pub struct SigningSecret(Arc<SecretString>);

/// A secret too short to keep anyone out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a signing secret has at least {} octets", SigningSecret::LEN_MIN)]
pub struct WeakSecret;

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl SigningSecret {
    /// The shortest one, in octets.
    pub const LEN_MIN: usize = 16;

    /// Takes a secret.
    ///
    /// # Errors
    /// [`WeakSecret`] below [`Self::LEN_MIN`] octets.
    pub fn new(secret: SecretString) -> Result<Self, WeakSecret> {
        if secret.expose_secret().len() < Self::LEN_MIN {
            return Err(WeakSecret);
        }
        Ok(Self(Arc::new(secret)))
    }

    /// A keyed digest of `parts`, in hexadecimal digits.
    pub(crate) fn digest(&self, parts: &[&[u8]]) -> String {
        hex(&self.mac(parts).finalize().into_bytes())
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let key = self.0.expose_secret().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// The header's value for `body`, signed at `now`.
#[must_use]
pub fn sign(secret: &SigningSecret, body: &[u8], now: Timestamp) -> String {
    let at = now.unix_seconds().to_string();
    let digest = secret.digest(&[at.as_bytes(), b".", body]);
    format!("t={at},v1={digest}")
}

/// Checks that `header` signs `body` and was made around `now`.
///
/// # Errors
/// [`WebhookError`]. The time is judged after the signature, so that a stranger learns nothing of our clock.
pub fn verify(
    secret: &SigningSecret,
    header: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), WebhookError> {
    let (at, candidates) = parse(header).ok_or(WebhookError::Unsigned)?;
    let matched = candidates.iter().any(|candidate| {
        secret
            .mac(&[at.as_bytes(), b".", body])
            .verify_slice(candidate)
            .is_ok()
    });
    if !matched {
        return Err(WebhookError::Mismatch);
    }
    let signed_at: i64 = at.parse().map_err(|_| WebhookError::Unsigned)?;
    let off_by_seconds = now.unix_seconds().abs_diff(signed_at);
    if off_by_seconds > TOLERANCE_SECONDS {
        return Err(WebhookError::Stale { off_by_seconds });
    }
    Ok(())
}

/// The time as it was signed, and the digests. Nothing if the time is missing or there twice.
fn parse(header: &str) -> Option<(&str, Vec<[u8; 32]>)> {
    if header.len() > HEADER_LEN_MAX {
        return None;
    }
    let mut at = None;
    let mut digests = Vec::new();
    for item in header.split(',') {
        match item.trim().split_once('=') {
            Some(("t", value)) => {
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                if !digits || at.replace(value).is_some() {
                    return None;
                }
            }
            Some(("v1", value)) if digests.len() < SIGNATURES_MAX => {
                digests.extend(unhex(value));
            }
            Some(_) | None => {}
        }
    }
    (!digests.is_empty()).then_some((at?, digests))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut octets = [0_u8; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if pair.starts_with('+') {
            return None;
        }
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    /// By Python's hmac module: HMAC-SHA256 of `1492774577.{"id":"evt_1"}`.
    const HEADER: &str =
        "t=1492774577,v1=4cd38f76288ce4736178ac94ba08c95d359f7bbbd310a27e18f271824ca6852a";
    const AT: i64 = 1_492_774_577;

    fn secret() -> SigningSecret {
        SigningSecret::new("whsec_test_0123456789abcdef".into()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn the_signature_is_that_of_an_independent_implementation() {
        assert_eq!(sign(&secret(), BODY, at(AT)), HEADER);
        assert_eq!(verify(&secret(), HEADER, BODY, at(AT)), Ok(()));
    }

    #[test]
    fn the_tolerance_is_300_seconds_either_way() {
        for now in [AT - 300, AT + 300] {
            assert_eq!(verify(&secret(), HEADER, BODY, at(now)), Ok(()), "{now}");
        }
        for now in [AT - 301, AT + 301] {
            assert_eq!(
                verify(&secret(), HEADER, BODY, at(now)),
                Err(WebhookError::Stale {
                    off_by_seconds: 301
                })
            );
        }
    }

    #[test]
    fn a_changed_body_time_or_secret_does_not_match() {
        let other = SigningSecret::new("whsec_test_0123456789abcdeF".into()).unwrap();
        let later = HEADER.replace("1492774577", "1492774578");
        for (secret, header, body) in [
            (&secret(), HEADER, br#"{"id":"evt_2"}"#.as_slice()),
            (&secret(), later.as_str(), BODY),
            (&other, HEADER, BODY),
        ] {
            let verdict = verify(secret, header, body, at(AT));
            assert_eq!(verdict, Err(WebhookError::Mismatch));
        }
    }

    #[test]
    fn one_right_signature_among_several_is_enough() {
        let header = HEADER.replace(",v1=", &format!(",v0=abc,v1={},v1=", "0".repeat(64)));
        assert_eq!(verify(&secret(), &header, BODY, at(AT)), Ok(()));
    }

    #[test]
    fn what_is_no_signature_is_unsigned() {
        let twice = format!("t=1,{HEADER}");
        for header in ["", "t=1492774577", "v1=00", "t=-5,v1=00", "t=,v1=", &twice] {
            assert_eq!(
                verify(&secret(), header, BODY, at(AT)),
                Err(WebhookError::Unsigned),
                "{header:?}"
            );
        }
    }

    #[test]
    fn a_secret_shows_in_no_debug_output() {
        assert!(!format!("{:?}", secret()).contains("whsec"));
    }

    proptest! {
        #[test]
        fn no_header_panics(header in ".{0,300}", body in proptest::collection::vec(any::<u8>(), 0..50)) {
            prop_assert!(verify(&secret(), &header, &body, at(AT)).is_err());
        }
    }
}

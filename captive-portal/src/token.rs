//! What proves that a form is ours: a token that another site cannot know.
//!
//! It is a keyed digest of whom the form was shown to, until when, and a number of
//! its own, so that the same form sent twice can be told from two forms. The key is
//! made at start and never leaves the process; a restart makes old forms stale.

use std::fmt;

use garth_subscription::Timestamp;
use garth_subscription::time::Span;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::limits::FORM_SECONDS;

/// Octets of the key.
const KEY_LEN: usize = 32;

/// Makes and checks form tokens.
pub(crate) struct FormKey([u8; KEY_LEN]);

/// Octets of a form's own number: two forms of one second never share it by chance.
const NUMBER_LEN: usize = 8;

/// Which form it is, however often it is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FormNumber(u64);

impl fmt::Display for FormNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Why a form is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the form has no token, or one for someone else")]
    Foreign,
    #[error("the form's token is too old")]
    Stale,
}

impl FormKey {
    pub(crate) fn random() -> Self {
        Self(random())
    }

    /// A token for `subject`: whoever the form is shown to.
    pub(crate) fn issue(&self, subject: &[u8], now: Timestamp) -> String {
        let until = now
            .saturating_add(Span::from_seconds(FORM_SECONDS))
            .unix_seconds();
        let number = FormNumber(u64::from_be_bytes(random::<NUMBER_LEN>()));
        let digest = self.mac(subject, until, number).finalize().into_bytes();
        format!("{until}.{number}.{}", hex(&digest))
    }

    /// Which form it is, if it is ours and was shown to `subject` not too long ago.
    pub(crate) fn check(
        &self,
        subject: &[u8],
        token: &str,
        now: Timestamp,
    ) -> Result<FormNumber, TokenError> {
        let (until, rest) = token.split_once('.').ok_or(TokenError::Foreign)?;
        let (number, digest) = rest.split_once('.').ok_or(TokenError::Foreign)?;
        let number = u64::from_str_radix(number, 16).map_err(|_| TokenError::Foreign)?;
        let number = FormNumber(number);
        let until: i64 = until.parse().map_err(|_| TokenError::Foreign)?;
        let digest = unhex(digest).ok_or(TokenError::Foreign)?;
        self.mac(subject, until, number)
            .verify_slice(&digest)
            .map_err(|_| TokenError::Foreign)?;
        if now.unix_seconds() > until {
            Err(TokenError::Stale)
        } else {
            Ok(number)
        }
    }

    fn mac(&self, subject: &[u8], until: i64, number: FormNumber) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&until.to_be_bytes());
        mac.update(&number.0.to_be_bytes());
        mac.update(subject);
        mac
    }
}

/// Octets from the system's generator.
pub(crate) fn random<const LEN: usize>() -> [u8; LEN] {
    let mut octets = [0; LEN];
    getrandom::fill(&mut octets).expect("the system's random generator never fails once started");
    octets
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// 32 octets from 64 hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut octets = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_subject_and_time_alone() {
        let key = FormKey::random();
        let token = key.issue(b"alice", at(0));
        let end = i64::from(FORM_SECONDS);
        assert!(key.check(b"alice", &token, at(end)).is_ok());
        assert_eq!(
            key.check(b"alice", &token, at(end + 1)),
            Err(TokenError::Stale)
        );
        assert_eq!(key.check(b"bob", &token, at(0)), Err(TokenError::Foreign));
        let other = FormKey::random();
        assert_eq!(
            other.check(b"alice", &token, at(0)),
            Err(TokenError::Foreign)
        );
    }

    #[test]
    fn a_token_with_a_longer_life_is_foreign() {
        let key = FormKey::random();
        let token = key.issue(b"alice", at(0));
        let (until, digest) = token.split_once('.').unwrap();
        let longer = format!("{}.{digest}", until.parse::<i64>().unwrap() + 1);
        assert_eq!(
            key.check(b"alice", &longer, at(0)),
            Err(TokenError::Foreign)
        );
    }

    #[test]
    fn a_form_sent_twice_has_one_number_and_two_forms_of_one_second_have_two() {
        let key = FormKey::random();
        let (one, other) = (key.issue(b"alice", at(0)), key.issue(b"alice", at(0)));
        let number = |token: &str| key.check(b"alice", token, at(1)).unwrap();
        assert_eq!(number(&one), number(&one));
        assert_ne!(number(&one), number(&other));
        let (until, rest) = one.split_once('.').unwrap();
        let (_, digest) = rest.split_once('.').unwrap();
        let renumbered = format!("{until}.{}.{digest}", number(&other));
        assert_eq!(
            key.check(b"alice", &renumbered, at(1)),
            Err(TokenError::Foreign)
        );
    }

    #[test]
    fn what_is_no_token_is_foreign() {
        let key = FormKey::random();
        for text in [
            "",
            ".",
            "1.",
            "x.00",
            "99999999999999999999.00",
            "1.é",
            "1.0.",
            "1.+1.é",
        ] {
            assert_eq!(
                key.check(b"a", text, at(0)),
                Err(TokenError::Foreign),
                "{text:?}"
            );
        }
    }
}

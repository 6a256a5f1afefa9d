//! Names of checkouts, sessions and events. Checked once, then trusted.

use std::fmt;
use std::str::FromStr;

use crate::random::unguessable;

/// Text that is no such name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be 1 to 128 letters, digits, - or _")]
pub struct NotAnId;

/// The longest name, in octets.
pub const ID_LEN_MAX: usize = 128;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text itself: fit for a path of a URL as it is.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let fits = (1..=ID_LEN_MAX).contains(&text.len())
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                if fits { Ok(Self(text.into())) } else { Err(NotAnId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// Our own reference of one checkout: random, shown to its owner alone.
    CheckoutId
);
id!(
    /// The gateway's name of one hosted page.
    SessionId
);
id!(
    /// The gateway's name of one webhook event; the same event may come twice.
    EventId
);

impl CheckoutId {
    /// A new one, with 128 bits that nobody can guess.
    ///
    /// # Panics
    /// If the system has no randomness, which it has from boot on.
    #[must_use]
    pub fn random() -> Self {
        Self(unguessable("co_").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_a_path() {
        for text in ["", "a/b", "..", "a?b", "a#b", "a b", "é", "a\r\n", "%2f"] {
            assert_eq!(text.parse::<SessionId>(), Err(NotAnId), "{text:?}");
        }
        assert_eq!("a".repeat(129).parse::<SessionId>(), Err(NotAnId));
        assert!("cs_test_1-A".parse::<SessionId>().is_ok());
    }

    #[test]
    fn two_random_checkouts_differ() {
        assert_ne!(CheckoutId::random(), CheckoutId::random());
    }
}

//! Short texts with a bound: identifiers and reasons. Checked once, then trusted.

use std::fmt;
use std::str::FromStr;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TextError {
    /// Nothing, or white space alone.
    #[error("must not be empty")]
    Empty,
    /// Longer than allowed.
    #[error("has {len} octets, at most {max} are allowed")]
    TooLong {
        /// Octets given.
        len: usize,
        /// Octets allowed.
        max: usize,
    },
    /// A character that the kind of text does not allow.
    #[error("the character at octet {offset} is not allowed: {allowed}")]
    Character {
        /// From the start of the text, in octets.
        offset: usize,
        /// What is allowed, in words.
        allowed: &'static str,
    },
}

fn check(
    text: &str,
    max: usize,
    allowed: &'static str,
    is_allowed: fn(char) -> bool,
) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > max {
        return Err(TextError::TooLong {
            len: text.len(),
            max,
        });
    }
    match text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        Some((offset, _)) => Err(TextError::Character { offset, allowed }),
        None => Ok(()),
    }
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:expr, $is_allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest one, in octets.
            pub const MAX_LEN: usize = $max;

            /// Whether the text could be one, without making it.
            ///
            /// # Errors
            /// [`TextError`] if it could not.
            pub fn check(text: &str) -> Result<(), TextError> {
                check(text, Self::MAX_LEN, $allowed, $is_allowed)
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

const fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '@' | '/')
}

const fn is_slug(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

const IDENTIFIER: &str = "letters, digits and - _ . : @ / only";
const SLUG: &str = "letters, digits and - _ . only";
const VISIBLE: &str = "visible ASCII only";
const NO_CONTROLS: &str = "no control characters";

bounded_text!(
    /// Names a plan: `home-100`.
    PlanId, 64, SLUG, is_slug
);
bounded_text!(
    /// Makes a command safe to repeat: the same id has one effect and one answer (L33).
    CommandId, 128, IDENTIFIER, is_identifier
);
bounded_text!(
    /// Names one payment at whoever took the money; one id has one effect (E4).
    PaymentId, 128, IDENTIFIER, is_identifier
);
bounded_text!(
    /// A person's words: why this was done.
    Reason, 1_000, NO_CONTROLS, |c| !c.is_control()
);
bounded_text!(
    /// What a subscriber writes to the operators.
    Message, 1_000, "no control characters but line ends", |c| !c.is_control() || c == '\n'
);
bounded_text!(
    /// Who acted: an operator's name, a subscriber's id, a program.
    ActorName, 128, NO_CONTROLS, |c| !c.is_control()
);
bounded_text!(
    /// A name, telephone number or remark for people to read.
    Label, 256, NO_CONTROLS, |c| !c.is_control()
);
bounded_text!(
    /// A key that another system knows a subscription by.
    ExternalId, 128, NO_CONTROLS, |c| !c.is_control()
);
bounded_text!(
    /// The line of a subscriber, as the access node names it (Agent-Circuit-Id, RFC 4679 section
    /// 3.3.1).
    CircuitId, 63, NO_CONTROLS, |c| !c.is_control()
);
bounded_text!(
    /// The subscriber's end of a line (Agent-Remote-Id, RFC 4679 section 3.3.2).
    RemoteId, 63, NO_CONTROLS, |c| !c.is_control()
);
bounded_text!(
    /// Names a pool of addresses or prefixes at a NAS (RFC 2869 section 5.18, RFC 3162 section 2.6,
    /// RFC 6911 section 3.4).
    PoolName, 63, VISIBLE, |c| c.is_ascii_graphic()
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_ten_megabytes_is_refused_with_its_bound() {
        let text = "a".repeat(10 << 20);
        assert_eq!(
            text.parse::<Reason>(),
            Err(TextError::TooLong {
                len: 10 << 20,
                max: 1_000
            })
        );
    }

    #[test]
    fn a_pool_has_visible_ascii_and_no_more_than_63_of_it() {
        assert!("pool~1".parse::<PoolName>().is_ok());
        assert!("p".repeat(63).parse::<PoolName>().is_ok());
        for text in [&"p".repeat(64), "pööl", "a b", "a\tb", " ", ""] {
            assert!(text.parse::<PoolName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_circuit_id_has_1_to_63_octets() {
        let longest = "ä".repeat(31) + "x";
        assert!(longest.parse::<CircuitId>().is_ok());
        let longer = TextError::TooLong { len: 64, max: 63 };
        assert_eq!("ä".repeat(32).parse::<CircuitId>(), Err(longer));
        assert_eq!("".parse::<RemoteId>(), Err(TextError::Empty));
        assert!("eth 1/0/7:3\0".parse::<RemoteId>().is_err());
    }

    #[test]
    fn white_space_is_no_reason() {
        assert_eq!(" \u{a0} ".parse::<Reason>(), Err(TextError::Empty));
    }

    #[test]
    fn control_characters_are_refused() {
        assert!(matches!(
            "a\u{1b}[2J".parse::<Reason>(),
            Err(TextError::Character { offset: 1, .. })
        ));
        assert!(matches!(
            "home 100".parse::<PlanId>(),
            Err(TextError::Character { offset: 4, .. })
        ));
    }
}

//! Money: integer minor units in one ISO 4217 currency. No floating point (E11).

use std::fmt;
use std::str::FromStr;

/// A currency by its ISO 4217 alphabetic code.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Currency([u8; 3]);

/// Currencies whose minor unit is the major unit (ISO 4217 exponent 0).
const EXPONENT_0: [&[u8; 3]; 16] = [
    b"BIF", b"CLP", b"DJF", b"GNF", b"ISK", b"JPY", b"KMF", b"KRW", b"PYG", b"RWF", b"UGX", b"VND",
    b"VUV", b"XAF", b"XOF", b"XPF",
];
/// Currencies with a thousand minor units (ISO 4217 exponent 3).
const EXPONENT_3: [&[u8; 3]; 7] = [b"BHD", b"IQD", b"JOD", b"KWD", b"LYD", b"OMR", b"TND"];

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");

    /// The three capital letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked to be ASCII letters")
    }

    /// Digits after the decimal point: 2 for EUR, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn decimals(self) -> u8 {
        if EXPONENT_0.contains(&&self.0) {
            0
        } else if EXPONENT_3.contains(&&self.0) {
            3
        } else {
            2
        }
    }

    /// Minor units in one major unit.
    fn minor_per_major(self) -> i64 {
        10_i64.pow(u32::from(self.decimals()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            Ok(_) | Err(_) => Err(MoneyError::Currency),
        }
    }
}

/// Why a text or a sum is no amount of money.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// No three capital letters.
    #[error("a currency is three capital letters of ISO 4217, such as EUR")]
    Currency,
    /// No decimal number.
    #[error("an amount is a decimal number such as 29.90, without a sign or separators")]
    Format,
    /// More decimals than the currency has.
    #[error("{currency} has {decimals} decimals")]
    Decimals {
        /// The account's currency.
        currency: Currency,
        /// How many it has.
        decimals: u8,
    },
    /// Beyond what can be kept.
    #[error("the amount is too large")]
    Overflow,
    /// Two currencies in one sum.
    #[error("{found} where the account is kept in {expected}")]
    Mixed {
        /// The account's currency.
        expected: Currency,
        /// The other one.
        found: Currency,
    },
}

/// An amount: credit above zero, debt below.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// The largest amount either way, in minor units: far above any account, far below `i64`.
const MINOR_MAX: i64 = 1_000_000_000_000_000;

impl Money {
    /// `minor` minor units (cents for EUR).
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] beyond 10^15 minor units either way.
    pub const fn from_minor(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor > MINOR_MAX || minor < -MINOR_MAX {
            Err(MoneyError::Overflow)
        } else {
            Ok(Self { minor, currency })
        }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads `29.90`; at most the currency's decimals; a leading `-` is debt.
    ///
    /// # Errors
    /// [`MoneyError`] if the text is no such number.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (major, fraction) = match digits.split_once('.') {
            Some((_, "")) => return Err(MoneyError::Format),
            Some((major, fraction)) => (major, fraction),
            None => (digits, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if major.is_empty() || !all_digits(major) || !all_digits(fraction) {
            return Err(MoneyError::Format);
        }
        let decimals = currency.decimals();
        if fraction.len() > usize::from(decimals) {
            return Err(MoneyError::Decimals { currency, decimals });
        }
        let major: i64 = major.parse().map_err(|_| MoneyError::Overflow)?;
        let padded = format!("{fraction:0<width$}", width = usize::from(decimals));
        let fraction: i64 = if padded.is_empty() {
            0
        } else {
            padded.parse().map_err(|_| MoneyError::Overflow)?
        };
        let minor = major
            .checked_mul(currency.minor_per_major())
            .and_then(|minor| minor.checked_add(fraction))
            .ok_or(MoneyError::Overflow)?;
        Self::from_minor(if negative { -minor } else { minor }, currency)
    }

    /// The same amount, the other way.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self {
            minor: -self.minor,
            currency: self.currency,
        }
    }

    /// The part `numerator / denominator` of it, cut towards zero; nothing where the denominator is none.
    /// The numerator is held to the range from nothing to the denominator.
    #[must_use]
    pub fn part(self, numerator: i64, denominator: i64) -> Self {
        if denominator <= 0 {
            return Self::zero(self.currency);
        }
        let numerator = i128::from(numerator.clamp(0, denominator));
        let part = i128::from(self.minor) * numerator / i128::from(denominator);
        Self {
            minor: i64::try_from(part).expect("a part is not more than the whole"),
            currency: self.currency,
        }
    }

    /// So many times the amount.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn times(self, count: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(count).ok_or(MoneyError::Overflow)?;
        Self::from_minor(minor, self.currency)
    }

    /// In minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is below nothing: a debt.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether it is more than nothing.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::Overflow`] beyond the range.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed {
                expected: self.currency,
                found: other.currency,
            });
        }
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or(MoneyError::Overflow)?;
        Self::from_minor(minor, self.currency)
    }

    /// The difference.
    ///
    /// # Errors
    /// As [`Self::checked_add`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(Self {
            minor: -other.minor,
            currency: other.currency,
        })
    }

    /// The smaller of two amounts of one currency.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if other.minor < self.minor {
            other
        } else {
            self
        }
    }

    /// `self`, or nothing if it is below zero.
    #[must_use]
    pub const fn or_zero(self) -> Self {
        if self.minor < 0 {
            Self::zero(self.currency)
        } else {
            self
        }
    }

    /// The number alone, with the currency's decimals: `12.50`.
    #[must_use]
    pub fn amount(self) -> String {
        let decimals = self.currency.decimals();
        let unit = self.currency.minor_per_major().unsigned_abs();
        let minor = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        if decimals == 0 {
            format!("{sign}{minor}")
        } else {
            format!(
                "{sign}{}.{:0width$}",
                minor / unit,
                minor % unit,
                width = usize::from(decimals)
            )
        }
    }
}

/// `12.50 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn e11_minor_units_follow_iso_4217() {
        for (code, text, minor) in [
            ("EUR", "12.50", 1250),
            ("JPY", "1250", 1250),
            ("KWD", "1.250", 1250),
            ("EUR", "-0.05", -5),
        ] {
            let money = Money::parse(text, currency(code)).unwrap();
            assert_eq!((money.minor(), money.amount().as_str()), (minor, text));
        }
    }

    #[test]
    fn e11_more_decimals_than_the_currency_has_are_refused() {
        assert!(matches!(
            Money::parse("1.5", currency("JPY")),
            Err(MoneyError::Decimals { decimals: 0, .. })
        ));
        assert!(matches!(
            Money::parse("1.505", Currency::EUR),
            Err(MoneyError::Decimals { decimals: 2, .. })
        ));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "", ".", "1.", ".5", "1,50", "1e3", "+1", "--1", "0x1", "1 ", "٣",
        ] {
            assert_eq!(
                Money::parse(text, Currency::EUR),
                Err(MoneyError::Format),
                "{text:?}"
            );
        }
        assert_eq!(
            Money::parse("99999999999999999999", Currency::EUR),
            Err(MoneyError::Overflow)
        );
        assert_eq!(
            Money::parse("99999999999999", Currency::EUR),
            Err(MoneyError::Overflow)
        );
    }

    #[test]
    fn two_currencies_never_meet_in_one_sum() {
        let euro = Money::parse("1", Currency::EUR).unwrap();
        let yen = Money::parse("1", currency("JPY")).unwrap();
        assert!(matches!(
            euro.checked_add(yen),
            Err(MoneyError::Mixed { .. })
        ));
    }
}

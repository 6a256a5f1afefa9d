//! Realms: what stands behind the `@` of a User-Name, or before its backslash, and what becomes of it (RFC 7542).
//!
//! A realm is compared without regard to case, the name before it octet by octet. Without rules a User-Name is
//! looked up as it was sent.
//!
//! Not here: requests for other homes; a proxy sends those elsewhere before they get here.

use std::collections::BTreeMap;

use crate::reason::RejectReason;

/// What becomes of a User-Name with a realm.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RealmRule {
    /// It is looked up as sent, realm and all.
    #[default]
    Keep,
    /// It is looked up without the realm.
    Strip,
    /// Access-Reject.
    Reject,
}

/// The longest realm, in octets: a domain name's.
pub const REALM_LEN_MAX: usize = 253;

/// Why a realm is refused. Always the operator's fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RealmError {
    /// Nothing, too long, or with a separator in it.
    #[error("realm {name:?} is not a name such as isp.example, without @ and backslash")]
    NotARealm {
        /// What was given.
        name: String,
    },
    /// Two rules for one realm.
    #[error("realm {name:?} has two rules")]
    Repeated {
        /// In lower case.
        name: String,
    },
}

/// The rules for all realms.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Realms {
    /// By realm in lower case.
    rules: BTreeMap<Box<[u8]>, RealmRule>,
    others: RealmRule,
}

impl Realms {
    /// Takes the rule of each realm, and that of all others.
    ///
    /// # Errors
    /// When a realm is no name or has two rules.
    pub fn new<'a>(
        rules: impl IntoIterator<Item = (&'a str, RealmRule)>,
        others: RealmRule,
    ) -> Result<Self, RealmError> {
        let mut realms = Self {
            others,
            ..Self::default()
        };
        for (name, rule) in rules {
            realms.add(name, rule)?;
        }
        Ok(realms)
    }

    /// Takes the rule of one realm more.
    ///
    /// # Errors
    /// When the realm is no name or has a rule.
    pub fn add(&mut self, name: &str, rule: RealmRule) -> Result<(), RealmError> {
        if !(1..=REALM_LEN_MAX).contains(&name.len()) || name.contains(['@', '\\']) {
            return Err(RealmError::NotARealm { name: name.into() });
        }
        let name = name.to_ascii_lowercase();
        if self.rules.contains_key(name.as_bytes()) {
            return Err(RealmError::Repeated { name });
        }
        self.rules.insert(name.as_bytes().into(), rule);
        Ok(())
    }

    /// The name to look up.
    ///
    /// # Errors
    /// When the rule of its realm refuses it.
    #[inline]
    pub(crate) fn name<'a>(&self, user_name: &'a [u8]) -> Result<&'a [u8], RejectReason> {
        if self.rules.is_empty() && self.others == RealmRule::Keep {
            return Ok(user_name);
        }
        self.by_rule(user_name)
    }

    #[cold]
    fn by_rule<'a>(&self, user_name: &'a [u8]) -> Result<&'a [u8], RejectReason> {
        let Some((name, realm)) = split(user_name) else {
            return Ok(user_name);
        };
        match self.rule(realm) {
            RealmRule::Keep => Ok(user_name),
            RealmRule::Strip => Ok(name),
            RealmRule::Reject => Err(RejectReason::Realm),
        }
    }

    fn rule(&self, realm: &[u8]) -> RealmRule {
        let mut lower = [0; REALM_LEN_MAX];
        let Some(lower) = lower.get_mut(..realm.len()) else {
            return self.others;
        };
        lower.copy_from_slice(realm);
        lower.make_ascii_lowercase();
        self.rules.get(&*lower).copied().unwrap_or(self.others)
    }
}

/// Name and realm, if there are both: `name@realm` by the last `@`, else `realm\name` by the first backslash.
fn split(user_name: &[u8]) -> Option<(&[u8], &[u8])> {
    let parts = match user_name.iter().rposition(|octet| *octet == b'@') {
        Some(at) => (&user_name[..at], &user_name[at + 1..]),
        None => {
            let at = user_name.iter().position(|octet| *octet == b'\\')?;
            (&user_name[at + 1..], &user_name[..at])
        }
    };
    (!parts.0.is_empty() && !parts.1.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn realms(others: RealmRule) -> Realms {
        let rules = [
            ("isp.example", RealmRule::Strip),
            ("KEPT", RealmRule::Keep),
            ("gone.example", RealmRule::Reject),
        ];
        Realms::new(rules, others).unwrap()
    }

    #[test]
    fn without_rules_every_name_is_looked_up_as_sent() {
        for name in ["user", "user@isp.example", "isp\\user", "@", "\\"] {
            assert_eq!(Realms::default().name(name.as_bytes()), Ok(name.as_bytes()));
        }
    }

    #[test]
    fn each_realm_has_its_rule_in_any_case_and_in_both_notations() {
        for (sent, looked_up) in [
            ("user@isp.example", Some("user")),
            ("user@ISP.Example", Some("user")),
            ("isp.example\\user", Some("user")),
            ("a@b@isp.example", Some("a@b")),
            ("user@kept", Some("user@kept")),
            ("user@gone.example", None),
            ("user@other.example", Some("user@other.example")),
            ("user", Some("user")),
        ] {
            let found = realms(RealmRule::Keep).name(sent.as_bytes());
            let expected = looked_up.map(str::as_bytes).ok_or(RejectReason::Realm);
            assert_eq!(found, expected, "{sent}");
        }
    }

    #[test]
    fn other_realms_follow_their_rule_and_names_without_one_do_not() {
        let realms = realms(RealmRule::Reject);
        assert_eq!(realms.name(b"u@other.example"), Err(RejectReason::Realm));
        let long = [b"u@".as_slice(), &[b'x'; 254]].concat();
        assert_eq!(realms.name(&long), Err(RejectReason::Realm));
        assert_eq!(realms.name(b"u"), Ok(b"u".as_slice()));
    }

    #[test]
    fn a_name_or_realm_of_no_octets_is_none() {
        for odd in ["@isp.example", "user@", "\\user", "isp.example\\"] {
            assert_eq!(
                realms(RealmRule::Strip).name(odd.as_bytes()),
                Ok(odd.as_bytes())
            );
        }
    }

    #[test]
    fn rules_that_cannot_hold_are_refused() {
        let one = |name| Realms::new([(name, RealmRule::Keep)], RealmRule::Keep).err();
        for name in ["", "a@b", "a\\b", &"x".repeat(254)] {
            let refused = RealmError::NotARealm { name: name.into() };
            assert_eq!(one(name), Some(refused));
        }
        let twice = [("a", RealmRule::Keep), ("A", RealmRule::Strip)];
        assert_eq!(
            Realms::new(twice, RealmRule::Keep).err(),
            Some(RealmError::Repeated { name: "a".into() })
        );
    }
}

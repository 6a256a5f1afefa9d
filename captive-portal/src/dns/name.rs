//! Domain names, and the lists of them: what is allowed, what never is.
//!
//! Pure. A [`Name`] is lower case in wire form, so comparing octets compares names (RFC 4343).

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// A name in wire form with its closing root label (RFC 1035 section 3.1).
const NAME_LEN_MAX: usize = 255;
/// RFC 1035 section 2.3.4.
const LABEL_LEN_MAX: usize = 63;

/// Names that devices ask to learn whether they are online (N30). If their addresses were opened, the
/// device would believe it is online and close the portal.
const PROBES: [&str; 17] = [
    "captive.apple.com",
    "www.apple.com",
    "connectivitycheck.gstatic.com",
    "www.gstatic.com",
    "connectivitycheck.android.com",
    "clients3.google.com",
    "www.msftconnecttest.com",
    "ipv6.msftconnecttest.com",
    "www.msftncsi.com",
    "dns.msftncsi.com",
    "detectportal.firefox.com",
    "nmcheck.gnome.org",
    "networkcheck.kde.org",
    "connectivity-check.ubuntu.com",
    "conncheck.opensuse.org",
    "network-test.debian.org",
    "detectportal.brave-http-only.com",
];

/// A domain name.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(super) struct Name(Vec<u8>);

/// Why a text in the list of allowed names is not one. Always the operator's fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{text:?} is not a name such as \"pay.example.net\" or \"*.example.net\" (letters, digits, '-' and '_'; \
     other scripts in their xn-- form; '*' only as the whole first label, before at least two more)"
)]
pub struct NameError {
    /// What was given.
    pub text: String,
}

/// The names whose addresses are opened to the garden.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    exact: HashSet<Name>,
    /// Names whose subdomains, of any depth, are allowed; not the names themselves.
    above: HashSet<Name>,
    probes: HashSet<Name>,
}

impl Name {
    /// Takes labels from `labels`; none when a length is against the rules.
    pub(super) fn from_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut octets = Vec::with_capacity(64);
        for label in labels {
            let length = u8::try_from(label.len()).ok()?;
            // The root label that closes the name takes an octet too.
            let fits = octets.len() + 1 + label.len() < NAME_LEN_MAX;
            if label.is_empty() || label.len() > LABEL_LEN_MAX || !fits {
                return None;
            }
            octets.push(length);
            octets.extend(label.iter().map(u8::to_ascii_lowercase));
        }
        octets.push(0);
        Some(Self(octets))
    }

    /// The names above, nearest first, without the root.
    fn parents(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::successors(above(&self.0), |name| above(name)).filter(|name| name.len() > 1)
    }
}

fn above(name: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = name.split_first()?;
    if length == 0 {
        None
    } else {
        rest.get(usize::from(length)..)
    }
}

impl std::borrow::Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            text: text.to_owned(),
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !text.bytes().all(|b| plain(b) || b == b'.') {
            return Err(wrong());
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        Self::from_labels(text.split('.').map(str::as_bytes)).ok_or_else(wrong)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = &self.0[..];
        while let Some((&length, labels)) = rest.split_first().filter(|(length, _)| **length > 0) {
            let (label, after) = labels.split_at(usize::from(length));
            write!(f, "{}.", label.escape_ascii())?;
            rest = after;
        }
        Ok(())
    }
}

impl AllowList {
    /// The list of `texts`: names, and `*.name` for everything below a name.
    ///
    /// # Errors
    ///
    /// The first text that is neither.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, NameError> {
        let parse_probe = |probe: &str| probe.parse().expect("the list of probes holds names");
        let mut list = Self {
            probes: PROBES.into_iter().map(parse_probe).collect(),
            ..Self::default()
        };
        for text in texts {
            let text = text.as_ref();
            let wrong = |_| NameError {
                text: text.to_owned(),
            };
            match text.strip_prefix("*.") {
                // A whole top-level domain is a slip of the hand.
                Some(base) if !base.trim_end_matches('.').contains('.') => {
                    return Err(NameError {
                        text: text.to_owned(),
                    });
                }
                Some(base) => list.above.insert(base.parse().map_err(wrong)?),
                None => list.exact.insert(text.parse()?),
            };
        }
        Ok(list)
    }

    /// Whether the addresses of `name` are to be opened. Connectivity probes never are.
    pub(super) fn allows(&self, name: &Name) -> bool {
        !self.probes.contains(name)
            && (self.exact.contains(name)
                || name.parents().any(|parent| self.above.contains(parent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_covers_what_is_below_it_at_any_depth_and_not_itself() {
        let list = AllowList::new(["checkout.stripe.com", "*.bank.example"]).unwrap();
        for allowed in [
            "checkout.stripe.com",
            "CHECKOUT.Stripe.com.",
            "a.bank.example",
            "a.b.bank.example",
        ] {
            assert!(list.allows(&name(allowed)), "{allowed}");
        }
        for other in [
            "stripe.com",
            "x.checkout.stripe.com",
            "bank.example",
            "evilbank.example",
            "bank.example.net",
        ] {
            assert!(!list.allows(&name(other)), "{other}");
        }
    }

    #[test]
    fn a_probe_is_never_allowed_even_by_name() {
        let list = AllowList::new(["captive.apple.com", "*.gstatic.com"]).unwrap();
        assert!(!list.allows(&name("captive.apple.com")));
        assert!(!list.allows(&name("Connectivitycheck.gstatic.com")));
        assert!(list.allows(&name("fonts.gstatic.com")));
    }

    #[test]
    fn text_that_is_no_name_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = vec!["a".repeat(60); 5].join(".");
        for text in [
            "",
            ".",
            "*",
            "*.",
            "*.com",
            "a..b",
            "*.*.example",
            "bänk.example",
            "a b.example",
            &long,
            &longer,
        ] {
            assert!(AllowList::new([text]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_label_with_a_dot_inside_is_not_two_labels() {
        let list = AllowList::new(["*.bank.example"]).unwrap();
        let odd = Name::from_labels([&b"evil.bank"[..], b"example"].into_iter()).unwrap();
        assert!(!list.allows(&odd));
    }
}

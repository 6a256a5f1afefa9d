//! Wanted against actual: what is missing, what is too much, and who is blocked wrongly.
//!
//! Pure. Not here: repairing ([`crate::Garden::repair`]).

use std::collections::BTreeSet;

use crate::garden::Actual;
use crate::netlink::tables::Range;
use crate::prefix::Prefix;
use crate::wanted::Wanted;

/// How far the kernel is from what is wanted, for `garden status`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Drift {
    /// Members that should be in the sets and are not: suspended subscribers who are online.
    pub missing: usize,
    /// Members that are in the sets and should not be.
    pub surplus: usize,
    /// The table is gone, or its chains, rules or sets are not the ones that were installed.
    pub ruleset_lost: bool,
}

impl Drift {
    /// Whether the kernel holds exactly what is wanted.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The comparison of wanted and actual.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reconciliation {
    /// The difference in numbers.
    pub drift: Drift,
    /// What is to be walled, outermost prefixes.
    pub wall: Vec<Prefix>,
    /// What is to be released.
    pub release: Vec<Prefix>,
    /// Prefixes with full access that lie in a member of the actual sets. Must be 0.
    pub paid_but_blocked: usize,
}

/// Compares. `full_access` are the prefixes whose subscribers are entitled to the Internet now.
pub fn reconcile(
    wanted: &Wanted,
    actual: &Actual,
    full_access: impl IntoIterator<Item = Prefix>,
) -> Reconciliation {
    let (missing, surplus) = difference(wanted, &actual.members);
    let to_prefixes = |ranges: &[Range]| {
        ranges
            .iter()
            .flat_map(|range| Prefix::cover(range.family, range.first, range.last))
            .collect()
    };
    Reconciliation {
        drift: Drift {
            missing: missing.len(),
            surplus: surplus.len(),
            ruleset_lost: !actual.intact,
        },
        wall: to_prefixes(&missing),
        release: to_prefixes(&surplus),
        paid_but_blocked: full_access
            .into_iter()
            .filter(|prefix| actual.blocks(prefix))
            .count(),
    }
}

/// What to add to and what to remove from `members`.
pub(crate) fn difference(wanted: &Wanted, members: &BTreeSet<Range>) -> (Vec<Range>, Vec<Range>) {
    let wanted: BTreeSet<Range> = wanted.outermost().map(Range::from).collect();
    (
        wanted.difference(members).copied().collect(),
        members.difference(&wanted).copied().collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn wanted(texts: &[&str]) -> Wanted {
        Wanted::new(texts.iter().map(|text| p(text))).unwrap()
    }

    #[test]
    fn equal_is_no_drift() {
        let actual = Actual::new(true, 1, [p("10.0.0.0/24"), p("2001:db8::/56")]);
        let found = reconcile(
            &wanted(&["10.0.0.0/24", "10.0.0.9", "2001:db8::/56"]),
            &actual,
            [],
        );
        assert!(found.drift.is_none());
        assert_eq!(found, Reconciliation::default());
    }

    #[test]
    fn missing_and_surplus_members_are_named() {
        let actual = Actual::new(false, 1, [p("10.0.0.1"), p("10.0.0.2")]);
        let found = reconcile(&wanted(&["10.0.0.1", "10.0.0.3"]), &actual, []);
        assert_eq!(
            found.drift,
            Drift {
                missing: 1,
                surplus: 1,
                ruleset_lost: true
            }
        );
        assert_eq!(
            (found.wall, found.release),
            (vec![p("10.0.0.3")], vec![p("10.0.0.2")])
        );
    }

    #[test]
    fn full_access_inside_a_walled_prefix_counts_as_blocked() {
        let actual = Actual::new(true, 1, [p("10.0.0.0/24"), p("2001:db8::/56")]);
        let full = [
            p("10.0.0.0"),
            p("10.0.0.255"),
            p("10.0.1.0"),
            p("2001:db8::/64"),
            p("2001:db8:0:100::/64"),
        ];
        assert_eq!(reconcile(&wanted(&[]), &actual, full).paid_but_blocked, 3);
    }

    #[test]
    fn full_access_around_a_walled_prefix_counts_as_blocked() {
        let actual = Actual::new(true, 1, [p("2001:db8::/64")]);
        assert_eq!(
            reconcile(&wanted(&[]), &actual, [p("2001:db8::/56")]).paid_but_blocked,
            1
        );
    }
}

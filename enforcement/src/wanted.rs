//! The walled prefixes that are wanted, and what of them the kernel must hold.
//!
//! A kernel interval set refuses overlapping elements, but subscriptions do overlap: a delegated
//! /56 and a framed /64 inside it, two holds on one address. [`Wanted`] therefore remembers every
//! prefix and answers with the *outermost* ones; only those go to the kernel. Releasing an outer
//! prefix brings back the inner ones that are still walled.
//!
//! Pure: no socket, no clock. Not here: the kernel's side (`garden`).

use std::collections::{BTreeMap, BTreeSet};

use crate::prefix::Prefix;

/// The most prefixes that can be walled at once. A million entries are some 60 MB here and as much
/// again in the kernel; a router with more garden than that is misconfigured.
pub const PREFIXES_MAX: usize = 1 << 20;

/// Every prefix that is to be walled.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    prefixes: BTreeSet<Prefix>,
}

/// Why a prefix cannot be walled.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WantedError {
    /// [`PREFIXES_MAX`] prefixes are walled already.
    #[error("the garden is full: {PREFIXES_MAX} prefixes are walled already")]
    Full,
}

/// What must change in the kernel's sets. Apply removals first: additions may cover them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Change {
    pub(crate) add: Vec<Prefix>,
    pub(crate) remove: Vec<Prefix>,
}

impl Wanted {
    /// All of `prefixes`; repeats count once.
    ///
    /// # Errors
    ///
    /// [`WantedError::Full`] for more than [`PREFIXES_MAX`] different ones.
    pub fn new(prefixes: impl IntoIterator<Item = Prefix>) -> Result<Self, WantedError> {
        let mut wanted = Self::default();
        for prefix in prefixes {
            wanted.prefixes.insert(prefix);
            if wanted.prefixes.len() > PREFIXES_MAX {
                return Err(WantedError::Full);
            }
        }
        Ok(wanted)
    }

    /// How many prefixes are walled, inner ones included.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether nobody is walled.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Whether `prefix` lies in a walled prefix.
    pub fn covers(&self, prefix: &Prefix) -> bool {
        self.prefixes.contains(prefix) || self.has_ancestor(prefix)
    }

    /// The outermost prefixes, in order: what the kernel's sets must hold.
    pub fn outermost(&self) -> impl Iterator<Item = Prefix> + '_ {
        let mut outer: Option<Prefix> = None;
        self.prefixes.iter().copied().filter(move |prefix| {
            if outer.is_some_and(|outer| outer.contains(prefix)) {
                return false;
            }
            outer = Some(*prefix);
            true
        })
    }

    /// Removes `release`, adds `wall`, and returns the difference for the kernel. A prefix in both
    /// is released: to let someone out wrongly costs less than to lock out someone who paid.
    pub(crate) fn change(
        &mut self,
        wall: &[Prefix],
        release: &[Prefix],
    ) -> Result<Change, WantedError> {
        let released: BTreeSet<&Prefix> = release.iter().collect();
        let walled: BTreeSet<&Prefix> = wall
            .iter()
            .filter(|prefix| !released.contains(prefix))
            .collect();
        // Checked before anything changes, so that a refused call leaves no trace.
        let new = walled
            .iter()
            .filter(|prefix| !self.prefixes.contains(prefix))
            .count();
        if self.prefixes.len() + new > PREFIXES_MAX {
            return Err(WantedError::Full);
        }
        // In the kernel before and after, for every prefix that could have changed.
        let mut delta: BTreeMap<Prefix, bool> = BTreeMap::new();
        for prefix in walled {
            self.wall_one(*prefix, &mut delta);
        }
        for prefix in released {
            self.release_one(*prefix, &mut delta);
        }
        let mut change = Change::default();
        for (prefix, added) in delta {
            if added {
                &mut change.add
            } else {
                &mut change.remove
            }
            .push(prefix);
        }
        Ok(change)
    }

    fn wall_one(&mut self, prefix: Prefix, delta: &mut BTreeMap<Prefix, bool>) {
        if !self.prefixes.insert(prefix) || self.has_ancestor(&prefix) {
            return;
        }
        for covered in self.outermost_inside(&prefix) {
            note(delta, covered, false);
        }
        note(delta, prefix, true);
    }

    fn release_one(&mut self, prefix: Prefix, delta: &mut BTreeMap<Prefix, bool>) {
        if !self.prefixes.remove(&prefix) || self.has_ancestor(&prefix) {
            return;
        }
        note(delta, prefix, false);
        for bared in self.outermost_inside(&prefix) {
            note(delta, bared, true);
        }
    }

    fn has_ancestor(&self, prefix: &Prefix) -> bool {
        std::iter::successors(prefix.parent(), Prefix::parent)
            .any(|wider| self.prefixes.contains(&wider))
    }

    /// The outermost of the prefixes strictly inside `prefix`.
    fn outermost_inside(&self, prefix: &Prefix) -> Vec<Prefix> {
        let mut found: Vec<Prefix> = Vec::new();
        for inner in self.prefixes.range(*prefix..) {
            if !prefix.contains(inner) {
                break;
            }
            if inner != prefix && !found.last().is_some_and(|outer| outer.contains(inner)) {
                found.push(*inner);
            }
        }
        found
    }
}

/// Two opposite changes of one prefix in one call are none.
fn note(delta: &mut BTreeMap<Prefix, bool>, prefix: Prefix, added: bool) {
    if delta.get(&prefix) == Some(&!added) {
        delta.remove(&prefix);
    } else {
        delta.insert(prefix, added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn p(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn wanted(texts: &[&str]) -> Wanted {
        Wanted::new(texts.iter().map(|text| p(text))).unwrap()
    }

    #[test]
    fn only_the_outermost_prefixes_go_to_the_kernel() {
        let wanted = wanted(&["2001:db8::/64", "2001:db8::/56", "10.0.0.1", "2001:db8::1"]);
        assert_eq!(
            wanted.outermost().collect::<Vec<_>>(),
            [p("10.0.0.1"), p("2001:db8::/56")]
        );
    }

    #[test]
    fn walling_an_outer_prefix_replaces_the_inner_ones() {
        let mut wanted = wanted(&["10.0.0.1", "10.0.0.128/25"]);
        let change = wanted.change(&[p("10.0.0.0/24")], &[]).unwrap();
        assert_eq!(change.add, [p("10.0.0.0/24")]);
        assert_eq!(change.remove, [p("10.0.0.1"), p("10.0.0.128/25")]);
    }

    #[test]
    fn releasing_an_outer_prefix_keeps_the_inner_ones_walled() {
        let mut wanted = wanted(&["10.0.0.0/24", "10.0.0.1"]);
        let change = wanted.change(&[], &[p("10.0.0.0/24")]).unwrap();
        assert_eq!(
            (change.add, change.remove),
            (vec![p("10.0.0.1")], vec![p("10.0.0.0/24")])
        );
    }

    #[test]
    fn repeating_a_change_changes_nothing() {
        let mut wanted = wanted(&["10.0.0.1"]);
        assert_eq!(
            wanted.change(&[p("10.0.0.1")], &[p("10.0.0.2")]).unwrap(),
            Change::default()
        );
    }

    #[test]
    fn a_prefix_walled_and_released_at_once_is_released() {
        let mut wanted = wanted(&["10.0.0.1"]);
        let change = wanted.change(&[p("10.0.0.1")], &[p("10.0.0.1")]).unwrap();
        assert_eq!((change.add, change.remove), (vec![], vec![p("10.0.0.1")]));
    }

    fn near() -> impl Strategy<Value = Prefix> {
        (0_u32..64, 26_u8..=32).prop_map(|(host, length)| {
            Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | host)), length).unwrap()
        })
    }

    proptest! {
        #[test]
        fn changes_applied_one_by_one_equal_the_whole(
            steps in prop::collection::vec((prop::collection::vec(near(), 0..6), prop::collection::vec(near(), 0..6)), 0..12),
        ) {
            let mut wanted = Wanted::default();
            let mut kernel: BTreeSet<Prefix> = BTreeSet::new();
            for (wall, release) in steps {
                let change = wanted.change(&wall, &release).unwrap();
                for prefix in &change.remove {
                    prop_assert!(kernel.remove(prefix), "{} was not there", prefix);
                }
                for prefix in &change.add {
                    prop_assert!(kernel.insert(*prefix), "{} was there", prefix);
                }
                prop_assert_eq!(kernel.iter().copied().collect::<Vec<_>>(), wanted.outermost().collect::<Vec<_>>());
                for (a, b) in kernel.iter().zip(kernel.iter().skip(1)) {
                    prop_assert!(a.last() < b.first(), "{} overlaps {}", a, b);
                }
            }
        }
    }
}

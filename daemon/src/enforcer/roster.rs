//! Who is at which address, and which addresses are therefore walled.
//!
//! Pure. An address is walled when nobody there is entitled to the Internet: where
//! two subscriptions meet at one address (a stale session, a changed lease), the one
//! that has paid is not cut off by the one that has not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use garth_enforcement::Prefix;
use garth_subscription::Access;
use garth_subscription::facts::SubscriptionId;

/// Every address that a subscription holds, and what it may have there.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// By prefix: who is there, with which access. Rarely more than one.
    holders: BTreeMap<Prefix, Vec<(SubscriptionId, Access)>>,
    /// By subscription: where it is.
    places: HashMap<SubscriptionId, Vec<Prefix>>,
}

/// What updates change, all of them together. No prefix is in both: one that is released and walled again is
/// where it was, and the kernel must not be asked for one of the two.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Moves {
    /// Prefixes to be walled.
    pub(crate) wall: BTreeSet<Prefix>,
    /// Prefixes to be released.
    pub(crate) release: BTreeSet<Prefix>,
}

impl Moves {
    fn wall(&mut self, prefix: Prefix) {
        if !self.release.remove(&prefix) {
            self.wall.insert(prefix);
        }
    }

    fn release(&mut self, prefix: Prefix) {
        if !self.wall.remove(&prefix) {
            self.release.insert(prefix);
        }
    }
}

impl Roster {
    /// Takes note of where a subscription is now and what it may have; what of it changes the wall is added
    /// to `moves`. Whether it is let out where it is: that it moved away from a wall is no release.
    pub(crate) fn update(
        &mut self,
        id: SubscriptionId,
        access: Access,
        now_at: Vec<Prefix>,
        moves: &mut Moves,
    ) -> bool {
        let mut released = false;
        let mut touched = self.places.remove(&id).unwrap_or_default();
        touched.extend(now_at.iter().copied());
        touched.sort_unstable();
        touched.dedup();
        for prefix in touched {
            let before = self.is_walled(&prefix);
            let holders = self.holders.entry(prefix).or_default();
            holders.retain(|(holder, _)| *holder != id);
            if now_at.contains(&prefix) {
                holders.push((id, access));
            } else if holders.is_empty() {
                self.holders.remove(&prefix);
            }
            match (before, self.is_walled(&prefix)) {
                (false, true) => moves.wall(prefix),
                (true, false) => {
                    released |= access == Access::Full && now_at.contains(&prefix);
                    moves.release(prefix);
                }
                (true, true) | (false, false) => {}
            }
        }
        if !now_at.is_empty() {
            self.places.insert(id, now_at);
        }
        released
    }

    /// Whether nobody at `prefix` is entitled to the Internet, and somebody is there.
    pub(crate) fn is_walled(&self, prefix: &Prefix) -> bool {
        self.holders.get(prefix).is_some_and(|holders| {
            !holders.is_empty() && holders.iter().all(|(_, access)| *access != Access::Full)
        })
    }

    /// Where a subscription is.
    pub(crate) fn places_of(&self, id: SubscriptionId) -> &[Prefix] {
        self.places.get(&id).map_or(&[], Vec::as_slice)
    }

    /// All walled prefixes.
    pub(crate) fn walled(&self) -> impl Iterator<Item = Prefix> {
        self.holders
            .keys()
            .copied()
            .filter(|prefix| self.is_walled(prefix))
    }

    /// All prefixes where someone is entitled to the Internet.
    pub(crate) fn entitled(&self) -> impl Iterator<Item = Prefix> {
        self.holders
            .keys()
            .copied()
            .filter(|prefix| !self.is_walled(prefix))
    }

    /// Every subscription that is somewhere.
    pub(crate) fn subscriptions(&self) -> Vec<SubscriptionId> {
        self.places.keys().copied().collect()
    }

    /// Prefixes that more than one subscription holds.
    pub(crate) fn conflicts(&self) -> usize {
        self.holders
            .values()
            .filter(|holders| holders.len() > 1)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(number: u128) -> SubscriptionId {
        SubscriptionId(Uuid::from_u128(number))
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn update(
        roster: &mut Roster,
        number: u128,
        access: Access,
        at: &[&str],
    ) -> (Vec<String>, Vec<String>) {
        let mut moves = Moves::default();
        roster.update(
            id(number),
            access,
            at.iter().map(|text| prefix(text)).collect(),
            &mut moves,
        );
        let texts = |prefixes: BTreeSet<Prefix>| prefixes.iter().map(ToString::to_string).collect();
        (texts(moves.wall), texts(moves.release))
    }

    fn some(text: &str) -> Vec<String> {
        vec![prefix(text).to_string()]
    }

    #[test]
    fn a_walled_subscriber_is_released_where_it_was_walled() {
        let mut roster = Roster::default();
        assert_eq!(
            update(&mut roster, 1, Access::Garden, &["10.0.0.7"]),
            (some("10.0.0.7"), vec![])
        );
        assert_eq!(
            update(&mut roster, 1, Access::Full, &["10.0.0.7"]),
            (vec![], some("10.0.0.7"))
        );
        assert_eq!(roster.walled().count(), 0);
    }

    #[test]
    fn an_address_that_is_left_is_no_longer_walled() {
        let mut roster = Roster::default();
        update(&mut roster, 1, Access::Garden, &["10.0.0.7"]);
        assert_eq!(
            update(&mut roster, 1, Access::Garden, &["10.0.0.8"]),
            (some("10.0.0.8"), some("10.0.0.7"))
        );
        assert_eq!(
            update(&mut roster, 1, Access::Garden, &[]),
            (vec![], some("10.0.0.8"))
        );
        assert!(
            roster.holders.is_empty() && roster.places.is_empty(),
            "nothing is kept of who is nowhere"
        );
    }

    #[test]
    fn an_address_that_goes_from_one_walled_subscriber_to_another_stays_walled() {
        let mut roster = Roster::default();
        let at = || vec![prefix("10.0.0.7")];
        roster.update(id(1), Access::Garden, at(), &mut Moves::default());
        // The Stop of one and the Start of the other in one batch, in this order and in the other.
        let mut moves = Moves::default();
        roster.update(id(1), Access::Garden, vec![], &mut moves);
        roster.update(id(2), Access::Garden, at(), &mut moves);
        assert_eq!(moves, Moves::default(), "nothing for the kernel to do");
        roster.update(id(1), Access::Garden, at(), &mut moves);
        roster.update(id(2), Access::Garden, vec![], &mut moves);
        assert_eq!(moves, Moves::default());
        // And an open one that is walled and released before anyone looks.
        roster.update(id(3), Access::Full, vec![prefix("10.0.0.8")], &mut moves);
        roster.update(id(3), Access::Garden, vec![prefix("10.0.0.8")], &mut moves);
        roster.update(id(3), Access::Full, vec![prefix("10.0.0.8")], &mut moves);
        assert_eq!(moves, Moves::default());
    }

    #[test]
    fn who_has_paid_is_not_cut_off_by_a_stale_session_at_the_same_address() {
        let mut roster = Roster::default();
        update(&mut roster, 1, Access::Garden, &["10.0.0.7"]);
        assert_eq!(
            update(&mut roster, 2, Access::Full, &["10.0.0.7"]),
            (vec![], some("10.0.0.7"))
        );
        assert_eq!(roster.conflicts(), 1);
        assert_eq!(
            update(&mut roster, 2, Access::Full, &[]),
            (some("10.0.0.7"), vec![])
        );
    }

    #[test]
    fn only_who_was_walled_is_released_and_only_once() {
        let mut roster = Roster::default();
        let mut released = |number: u128, access: Access, at: &str| {
            roster.update(id(number), access, vec![prefix(at)], &mut Moves::default())
        };
        assert!(!released(1, Access::Garden, "10.0.0.7"));
        assert!(released(1, Access::Full, "10.0.0.7"), "let out");
        assert!(!released(1, Access::Full, "10.0.0.7"), "told again");
        assert!(!released(1, Access::Full, "10.0.0.8"), "a new session");
        assert!(!released(2, Access::Full, "10.0.0.9"), "never walled");
        assert!(!released(3, Access::Garden, "10.0.0.10"));
        assert!(!released(3, Access::Full, "10.0.0.11"), "moved away");
    }

    #[test]
    fn a_terminated_subscriber_is_walled_too() {
        let mut roster = Roster::default();
        assert_eq!(
            update(&mut roster, 1, Access::Reject, &["10.0.0.7"]),
            (some("10.0.0.7"), vec![])
        );
    }
}

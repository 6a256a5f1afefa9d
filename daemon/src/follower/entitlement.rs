//! What a session is entitled to, and how its NAS learns of it.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | anything | reject | Disconnect |
//! | full or garden | garden or full, or another plan | CoA, where the dialect has one |
//! | full, one plan | full, another plan | else Disconnect |
//! | full | garden, or the other way | else Disconnect; nothing where this router walls by itself |
//!
//! The last cell: the wall of this router is there or gone already, and a Disconnect would cost the subscriber a
//! new login for no more than another rate, which the next login has anyway.

use garth_radius::dynamic::ladder::Goal;
use garth_store::index::Entry;
use garth_store::record::{LastTold, ToldRates};
use garth_subscription::{Access, Timestamp, standing};

/// What a subscription is entitled to, as far as a NAS is told. Equal: the NAS is told the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Entitlement {
    /// A plan.
    Full {
        /// By the index's number: plans differ in more than their rates.
        plan: u32,
        /// Towards the subscriber.
        down_kbps: u32,
        /// From the subscriber.
        up_kbps: u32,
    },
    /// The garden.
    Garden,
    /// Nothing.
    Reject,
}

impl Entitlement {
    /// What the subscription of `entry` is entitled to at `now`.
    pub(super) fn of(entry: &Entry<'_>, now: Timestamp) -> Self {
        match standing(&entry.standing(), now).access() {
            Access::Full => Self::Full {
                plan: entry.plan_number(),
                down_kbps: entry.down_kbps(),
                up_kbps: entry.up_kbps(),
            },
            Access::Garden => Self::Garden,
            Access::Reject => Self::Reject,
        }
    }

    /// Where its ladder leads to.
    pub(super) const fn goal(self) -> Goal {
        match self {
            Self::Full { .. } => Goal::Full,
            Self::Garden => Goal::Garden,
            Self::Reject => Goal::End,
        }
    }

    /// What outlives the process of it, told to a session that is entitled to `wanted`: plans have other numbers
    /// after a restart.
    pub(super) fn last_told(self, wanted: Self) -> LastTold {
        match self {
            ANOTHER_PLAN => LastTold::AnotherFull(None),
            Self::Full {
                down_kbps, up_kbps, ..
            } => {
                let rates = ToldRates { down_kbps, up_kbps };
                if self == wanted {
                    LastTold::Full(rates)
                } else {
                    LastTold::AnotherFull(Some(rates))
                }
            }
            Self::Garden => LastTold::Garden,
            Self::Reject => LastTold::Reject,
        }
    }

    fn rates(self) -> Option<ToldRates> {
        match self {
            Self::Full {
                down_kbps, up_kbps, ..
            } => Some(ToldRates { down_kbps, up_kbps }),
            Self::Garden | Self::Reject => None,
        }
    }
}

/// The number of no plan.
const NO_PLAN: u32 = u32::MAX;

/// Full access with a plan, or rates, that are not those of now.
pub(super) const ANOTHER_PLAN: Entitlement = Entitlement::Full {
    plan: NO_PLAN,
    down_kbps: 0,
    up_kbps: 0,
};

/// What a session was told last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// That.
    Is(Entitlement),
    /// One of several things.
    Unknown,
}

impl Told {
    /// As it was noted of a session that is entitled to `wanted` now. What was acknowledged is believed. Full access
    /// that was another one than that when it was noted is that in any case: should it be it again, the session is
    /// told once more.
    pub(super) fn noted(told: Option<LastTold>, wanted: Entitlement) -> Self {
        match told {
            // Who is entitled to nothing has no session in any case.
            _ if wanted == Entitlement::Reject => Self::Unknown,
            None => Self::Unknown,
            Some(LastTold::Full(rates)) if wanted.rates() == Some(rates) => Self::Is(wanted),
            Some(
                LastTold::Full(ToldRates { down_kbps, up_kbps })
                | LastTold::AnotherFull(Some(ToldRates { down_kbps, up_kbps })),
            ) => Self::Is(Entitlement::Full {
                plan: NO_PLAN,
                down_kbps,
                up_kbps,
            }),
            Some(LastTold::AnotherFull(None)) => Self::Is(ANOTHER_PLAN),
            Some(LastTold::Garden) => Self::Is(Entitlement::Garden),
            Some(LastTold::Reject) => Self::Is(Entitlement::Reject),
        }
    }

    /// What a session has that was told this and is asked to take `wanted`, as long as nobody knows whether its
    /// NAS did so. Of two plans it is that of before, which is no plan of now; else it may be on either side of
    /// the wall.
    pub(super) const fn in_doubt(self, wanted: Entitlement) -> Self {
        match (self, wanted) {
            (
                Self::Is(Entitlement::Full {
                    down_kbps, up_kbps, ..
                }),
                Entitlement::Full { .. },
            ) => Self::Is(Entitlement::Full {
                plan: NO_PLAN,
                down_kbps,
                up_kbps,
            }),
            (Self::Is(_) | Self::Unknown, _) => Self::Unknown,
        }
    }
}

/// How a NAS is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Means {
    /// The session is changed in place.
    Coa,
    /// The session is ended.
    Disconnect,
}

/// How a session that was told `told` gets to `wanted`; `None` where nothing has to be done.
pub(super) fn means(
    told: Told,
    wanted: Entitlement,
    has_coa: bool,
    walls_here: bool,
) -> Option<Means> {
    if told == Told::Is(wanted) {
        return None;
    }
    match (told, wanted) {
        (_, Entitlement::Reject) => Some(Means::Disconnect),
        _ if has_coa => Some(Means::Coa),
        (Told::Is(Entitlement::Full { .. }), Entitlement::Full { .. }) => Some(Means::Disconnect),
        (Told::Is(_) | Told::Unknown, Entitlement::Full { .. } | Entitlement::Garden) => {
            (!walls_here).then_some(Means::Disconnect)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Entitlement = Entitlement::Full {
        plan: 1,
        down_kbps: 10,
        up_kbps: 1,
    };
    const FAST: Entitlement = Entitlement::Full {
        plan: 2,
        down_kbps: 20,
        up_kbps: 1,
    };
    use Entitlement::{Garden, Reject};

    #[test]
    fn what_was_told_is_noted_so_that_it_is_known_after_a_restart() {
        // The same plans; they have other numbers after a restart.
        let twin = Entitlement::Full {
            plan: 7,
            down_kbps: 20,
            up_kbps: 1,
        };
        let other = |entitlement| Told::Is(entitlement).in_doubt(FAST);
        for (told, wanted, wanted_then, expected) in [
            (FAST, FAST, twin, Told::Is(twin)),
            (Garden, Garden, Garden, Told::Is(Garden)),
            (Garden, FAST, twin, Told::Is(Garden)),
            (SLOW, FAST, twin, other(SLOW)),
            (SLOW, FAST, SLOW, other(SLOW)),
            (SLOW, Garden, Garden, other(SLOW)),
            (FAST, FAST, SLOW, other(FAST)),
            // Another plan, though its rates are the same.
            (twin, FAST, FAST, other(FAST)),
            (ANOTHER_PLAN, FAST, twin, Told::Is(ANOTHER_PLAN)),
            (ANOTHER_PLAN, Garden, Garden, Told::Is(ANOTHER_PLAN)),
            (Reject, FAST, twin, Told::Is(Reject)),
            (FAST, Garden, Reject, Told::Unknown),
        ] {
            let noted = Some(told.last_told(wanted));
            assert_eq!(
                Told::noted(noted, wanted_then),
                expected,
                "{told:?} {wanted:?} {wanted_then:?}"
            );
        }
        assert_eq!(Told::noted(None, FAST), Told::Unknown);
    }

    #[test]
    fn what_is_in_doubt_between_two_plans_is_full_access_and_else_unknown() {
        for (told, wanted, is_full) in [
            (Told::Is(SLOW), FAST, true),
            (Told::Is(ANOTHER_PLAN), FAST, true),
            (Told::Is(Garden), FAST, false),
            (Told::Is(SLOW), Garden, false),
            (Told::Unknown, FAST, false),
        ] {
            let doubt = told.in_doubt(wanted);
            assert_eq!(
                matches!(doubt, Told::Is(Entitlement::Full { .. })),
                is_full,
                "{told:?} {wanted:?}"
            );
            assert_ne!(doubt, Told::Is(wanted), "{told:?}");
        }
    }

    #[test]
    fn n11_every_move_has_its_means() {
        use Means::{Coa, Disconnect};
        let is = Told::Is;
        // told, wanted, then: CoA and wall here, CoA, wall here, neither
        for (told, wanted, expected) in [
            (is(SLOW), SLOW, [None; 4]),
            (is(Garden), Garden, [None; 4]),
            (is(Reject), Reject, [None; 4]),
            (is(SLOW), Reject, [Some(Disconnect); 4]),
            (is(Garden), Reject, [Some(Disconnect); 4]),
            (Told::Unknown, Reject, [Some(Disconnect); 4]),
            (
                is(SLOW),
                FAST,
                [Some(Coa), Some(Coa), Some(Disconnect), Some(Disconnect)],
            ),
            (
                is(SLOW),
                Garden,
                [Some(Coa), Some(Coa), None, Some(Disconnect)],
            ),
            (
                is(Garden),
                FAST,
                [Some(Coa), Some(Coa), None, Some(Disconnect)],
            ),
            (
                is(Reject),
                FAST,
                [Some(Coa), Some(Coa), None, Some(Disconnect)],
            ),
            (
                Told::Unknown,
                FAST,
                [Some(Coa), Some(Coa), None, Some(Disconnect)],
            ),
            (
                Told::Unknown,
                Garden,
                [Some(Coa), Some(Coa), None, Some(Disconnect)],
            ),
        ] {
            let found = [(true, true), (true, false), (false, true), (false, false)]
                .map(|(has_coa, walls_here)| means(told, wanted, has_coa, walls_here));
            assert_eq!(found, expected, "{told:?} -> {wanted:?}");
        }
    }
}

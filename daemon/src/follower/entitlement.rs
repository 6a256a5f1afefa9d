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

    /// What of it outlives the process: plans have other numbers after a restart.
    pub(super) const fn access(self) -> Access {
        match self {
            Self::Full { .. } => Access::Full,
            Self::Garden => Access::Garden,
            Self::Reject => Access::Reject,
        }
    }
}

/// Full access with a plan, or rates, that are not those of now.
pub(super) const ANOTHER_PLAN: Entitlement = Entitlement::Full {
    plan: u32::MAX,
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
    /// As it was noted of a session that is entitled to `wanted` now. Full access was another one than that when
    /// it was noted; should it be that again, the session is told once more.
    pub(super) fn noted(told: Option<Access>, wanted: Entitlement) -> Self {
        match told {
            // Who is entitled to nothing has no session in any case.
            _ if wanted == Entitlement::Reject => Self::Unknown,
            None => Self::Unknown,
            Some(Access::Full) => Self::Is(ANOTHER_PLAN),
            Some(Access::Garden) => Self::Is(Entitlement::Garden),
            Some(Access::Reject) => Self::Is(Entitlement::Reject),
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

//! What a CoA-Request says of a session beside what it is entitled to: what is replaced, and how long it lasts.

use garth_radius::dynamic::SESSION_TIMEOUT_MAX;
use garth_radius::server::{GardenSettings, Given, Rates};
use garth_store::index::Entry;
use garth_store::record::Session;
use garth_subscription::standing::next_boundary;
use garth_subscription::{Access, Timestamp, standing};

use super::entitlement::{ANOTHER_PLAN, Entitlement, Told};

/// Of one session at one instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Terms {
    /// Those of the subscription's plan.
    pub(super) rates: Rates,
    /// How long the session may last in all, in seconds: to where its Access-Accept would cut it if it were
    /// answered now.
    pub(super) session_timeout_seconds: u32,
}

impl Terms {
    /// Those of `session`, whose subscription is `entry`.
    pub(super) fn of(
        entry: &Entry<'_>,
        session: &Session,
        garden: &GardenSettings,
        now: Timestamp,
    ) -> Self {
        let facts = entry.standing();
        let boundary = next_boundary(&facts, now).map(|boundary| seconds(now, boundary).max(1));
        let left = match standing(&facts, now).access() {
            Access::Full | Access::Reject => boundary,
            Access::Garden => garden.session_timeout(boundary),
        };
        let so_far = so_far(session.started_at, session.session_time, now);
        Self {
            rates: Rates {
                down_kbps: entry.down_kbps(),
                up_kbps: entry.up_kbps(),
            },
            session_timeout_seconds: left
                .map_or(SESSION_TIMEOUT_MAX, |left| so_far.saturating_add(left)),
        }
    }

    /// What a session has that was told `told` and is to have `wanted`.
    ///
    /// Where that is not known it is taken to be the other side of the wall, and rates that are not known those of
    /// the plan. A wrong guess costs a new login: a NAS that is told to take away what a session does not have refuses.
    pub(super) fn before(&self, told: Told, wanted: Entitlement) -> Given {
        match (told, wanted) {
            (Told::Is(ANOTHER_PLAN), _) => Given::Full(self.rates),
            (
                Told::Is(Entitlement::Full {
                    down_kbps, up_kbps, ..
                }),
                _,
            ) => Given::Full(Rates { down_kbps, up_kbps }),
            (Told::Is(Entitlement::Garden), _) | (_, Entitlement::Full { .. }) => Given::Garden,
            (Told::Is(Entitlement::Reject) | Told::Unknown, _) => Given::Full(self.rates),
        }
    }
}

/// How long a session has lasted, in seconds: the store's clock may stand still while that of the NAS goes on.
fn so_far(started_at: Timestamp, session_time: u32, now: Timestamp) -> u32 {
    seconds(started_at, now).max(session_time)
}

/// Whole seconds from one instant to another; 0 if that is in the past.
fn seconds(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.since(from).seconds().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Rates = Rates {
        down_kbps: 100,
        up_kbps: 20,
    };
    const OLD: Rates = Rates {
        down_kbps: 50,
        up_kbps: 10,
    };

    #[test]
    fn a_session_has_lasted_as_long_as_its_nas_says_while_our_clock_stands_still() {
        let began: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let now: Timestamp = "2026-11-21T12:10:00Z".parse().unwrap();
        for (session_time, expected) in [(0, 600), (300, 600), (7_200, 7_200)] {
            assert_eq!(so_far(began, session_time, now), expected);
        }
    }

    #[test]
    fn what_is_replaced_is_what_was_told_and_else_the_other_side_of_the_wall() {
        let terms = Terms {
            rates: PLAN,
            session_timeout_seconds: 1,
        };
        let full = |plan, rates: Rates| Entitlement::Full {
            plan,
            down_kbps: rates.down_kbps,
            up_kbps: rates.up_kbps,
        };
        let (old, new) = (full(1, OLD), full(2, PLAN));
        let garden = Entitlement::Garden;
        for (told, wanted, expected) in [
            (Told::Is(garden), new, Given::Garden),
            (Told::Is(old), new, Given::Full(OLD)),
            (Told::Is(old), garden, Given::Full(OLD)),
            (Told::Is(ANOTHER_PLAN), garden, Given::Full(PLAN)),
            (Told::Unknown, new, Given::Garden),
            (Told::Unknown, garden, Given::Full(PLAN)),
            (Told::Is(Entitlement::Reject), new, Given::Garden),
            (Told::Is(Entitlement::Reject), garden, Given::Full(PLAN)),
        ] {
            assert_eq!(terms.before(told, wanted), expected, "{told:?} {wanted:?}");
        }
    }
}

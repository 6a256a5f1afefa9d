//! Subscribers whose session we have ended: their next login was answered after that, with what they are entitled to.
//!
//! Without it, at a NAS that refuses CoA, the login that follows a Disconnect looks as if it might have been
//! answered before the change, and would be ended again.

use std::collections::HashMap;

use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::time::Span;

use super::entitlement::Entitlement;

/// The most subscriptions remembered; beyond it the old ones go, and a login may be ended once more.
const REDIALS_MAX: usize = 65_536;
/// How long a login may take from the end of the session before it to its first accounting record.
const LOGIN_MAX: Span = Span::from_seconds(120);
/// Accounting tells seconds: a session may seem to have begun a little earlier than it did.
const ROUNDING: Span = Span::from_seconds(2);

/// What we ended sessions for, and when.
#[derive(Default)]
pub(super) struct Redials(HashMap<SubscriptionId, (Entitlement, Timestamp)>);

impl Redials {
    /// A session was ended so that the subscriber gets `wanted`.
    pub(super) fn note(&mut self, id: SubscriptionId, wanted: Entitlement, at: Timestamp) {
        if self.0.len() >= REDIALS_MAX {
            self.0
                .retain(|_, (_, then)| then.saturating_add(LOGIN_MAX) >= at);
        }
        if self.0.len() < REDIALS_MAX || self.0.contains_key(&id) {
            self.0.insert(id, (wanted, at));
        }
    }

    /// Whether a session that began then is the login after that, and was told `wanted`.
    pub(super) fn is_one(
        &self,
        id: SubscriptionId,
        wanted: Entitlement,
        started_at: Timestamp,
    ) -> bool {
        self.0.get(&id).is_some_and(|(told, ended_at)| {
            *told == wanted
                && started_at.saturating_add(ROUNDING) >= *ended_at
                && started_at <= ended_at.saturating_add(LOGIN_MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Entitlement = Entitlement::Full {
        plan: 1,
        down_kbps: 10,
        up_kbps: 1,
    };

    fn at(seconds: u32) -> Timestamp {
        let noon: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        noon.saturating_add(Span::from_seconds(seconds))
    }

    #[test]
    fn the_login_after_a_disconnect_was_told_what_the_session_was_ended_for() {
        let (one, other) = (
            SubscriptionId(uuid::Uuid::from_u128(1)),
            SubscriptionId(uuid::Uuid::from_u128(2)),
        );
        let mut redials = Redials::default();
        redials.note(one, FULL, at(100));
        for (id, wanted, started, expected) in [
            (one, FULL, at(98), true),
            (one, FULL, at(104), true),
            (one, FULL, at(220), true),
            (one, FULL, at(97), false),
            (one, FULL, at(221), false),
            (one, Entitlement::Garden, at(104), false),
            (other, FULL, at(104), false),
        ] {
            assert_eq!(redials.is_one(id, wanted, started), expected);
        }
    }

    #[test]
    fn no_more_is_remembered_than_the_bound_allows_and_old_ones_go_first() {
        let id = |number: usize| {
            let number = u128::try_from(number).unwrap();
            SubscriptionId(uuid::Uuid::from_u128(number))
        };
        let mut redials = Redials::default();
        for number in 0..REDIALS_MAX + 10 {
            redials.note(id(number), FULL, at(0));
        }
        assert_eq!(redials.0.len(), REDIALS_MAX);
        redials.note(id(REDIALS_MAX + 10), FULL, at(121));
        assert_eq!(redials.0.len(), 1);
    }
}

//! The breaker of a bulk (E13): nobody cuts off half of the subscribers by a slip of the hand.

use garth_subscription::Access;
use garth_subscription::standing::standing;

use super::super::Admin;
use super::super::problem::Problem;
use super::super::role::AdminRole;
use super::super::wire::BulkSummary;

/// So many may lose full access by one bulk in any case.
const COUNT_MIN: u64 = 50;
/// And so many of a hundred who have it.
const SHARE_PERCENT: u64 = 20;
/// The rule.
const RULE: &str = "E13";

/// How many of those who have full access may lose it by one bulk.
pub(super) fn losing_max(full_access: u64) -> u64 {
    COUNT_MIN.max(full_access.saturating_mul(SHARE_PERCENT) / 100)
}

/// How many have full access now.
pub(super) async fn full_access(admin: &Admin) -> Result<u64, Problem> {
    let store = admin.store.clone();
    let counting = tokio::task::spawn_blocking(move || {
        let now = store.now();
        let mut count = 0_u64;
        store.index().for_each(|entry| {
            let is_full = standing(&entry.standing(), now).access() == Access::Full;
            count += u64::from(is_full);
        });
        count
    });
    counting.await.map_err(Problem::failed)
}

/// Passes if not too many lose full access, or an approver wants it so.
pub(super) fn check(
    summary: &BulkSummary,
    over_breaker: bool,
    role: AdminRole,
) -> Result<(), Problem> {
    if summary.losing <= summary.losing_max {
        return Ok(());
    }
    let detail = format!(
        "it would take full access from {} of the {} who have it; at most {} may lose it by one bulk",
        summary.losing, summary.full_access, summary.losing_max
    );
    if !over_breaker {
        let detail = format!("{detail}, unless an approver says --over-breaker");
        return Err(Problem::refused(detail).with_rule(RULE));
    }
    if role < AdminRole::Approver {
        let detail = format!("{detail}, and going over that takes the role approver");
        return Err(Problem::forbidden(detail).with_rule(RULE));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e13_a_fifth_may_lose_access_and_fifty_in_any_case() {
        for (full_access, most) in [(0, 50), (250, 50), (255, 51), (1_000, 200)] {
            assert_eq!(losing_max(full_access), most, "{full_access}");
        }
    }

    #[test]
    fn e13_only_an_approver_goes_over_the_breaker() {
        let summary = BulkSummary {
            losing: 201,
            full_access: 1_000,
            losing_max: 200,
            ..BulkSummary::default()
        };
        let held = check(&summary, false, AdminRole::Support).unwrap_err();
        assert_eq!((held.status, held.rule.as_deref()), (409, Some(RULE)));
        for number in ["201", "1000", "200"] {
            assert!(held.detail.contains(number), "{held}");
        }
        let denied = check(&summary, true, AdminRole::Operator).unwrap_err();
        assert_eq!((denied.status, denied.rule.as_deref()), (403, Some(RULE)));
        assert_eq!(check(&summary, true, AdminRole::Approver), Ok(()));
        let fewer = BulkSummary {
            losing: 200,
            ..summary
        };
        assert_eq!(check(&fewer, false, AdminRole::Operator), Ok(()));
    }
}

//! Refusals in a subscriber's words: what is wrong, and what would be taken.

use garth_subscription::Refusal;
use garth_subscription::text::PlanId;

use super::Frame;
use super::account::name_of;
use crate::desk::View;

/// What a rule has against it. Without the rule's number: that is for operators.
pub(crate) fn words_of(frame: &Frame<'_>, view: &View, refusal: &Refusal) -> String {
    let t = frame.t;
    let one = |key, name, value: String| t.with(key, &[(name, value.as_str())]);
    let plan = |id: &PlanId| name_of(view, id).to_owned();
    match refusal {
        Refusal::Standing { .. } | Refusal::NotHeld(_) | Refusal::NotPlanned { .. } => {
            t.get("refused-standing")
        }
        Refusal::Planned { .. } => t.get("refused-planned"),
        Refusal::SwitchedOff { .. } | Refusal::Role { .. } => t.get("refused-switched-off"),
        Refusal::UnknownPlan(id) | Refusal::NotOnSale { plan: id } => {
            one("refused-not-on-sale", "plan", plan(id))
        }
        Refusal::Months {
            plan: id, on_sale, ..
        } => t.with(
            "refused-months",
            &[("plan", name_of(view, id)), ("months", on_sale)],
        ),
        Refusal::Funds { .. } => words_of_bound(frame, refusal),
        Refusal::EndNotAfterStart { .. }
        | Refusal::NotInFuture { .. }
        | Refusal::Days { .. }
        | Refusal::PauseTooLong { .. }
        | Refusal::PauseUsedUp { .. }
        | Refusal::PauseTooEarly { .. }
        | Refusal::PauseWithDebt { .. }
        | Refusal::PauseLocked
        | Refusal::PostponedAlready
        | Refusal::PostponedTooLong { .. } => words_of_bound(frame, refusal),
        Refusal::ChangeTarget { plan: id, .. } => one("refused-target", "plan", plan(id)),
        Refusal::SamePlan(id) => one("refused-same-plan", "plan", plan(id)),
        // None of these can be met by what the portal asks for.
        Refusal::Exists
        | Refusal::Unknown
        | Refusal::AmountNotPositive
        | Refusal::Money(_)
        | Refusal::Calendar(_)
        | Refusal::GraceDays { .. }
        | Refusal::ReasonMissing
        | Refusal::NotConfirmed(_)
        | Refusal::NoDebt
        | Refusal::DebtTooSmall { .. }
        | Refusal::SuspensionTooEarly { .. }
        | Refusal::ExcludedDay { .. }
        | Refusal::DebtWaived { .. }
        | Refusal::DebtTooOld { .. }
        | Refusal::RetentionOver { .. }
        | Refusal::NotRevertible(_)
        | Refusal::Replay(_)
        | Refusal::MoreThanUnconsumed { .. }
        | Refusal::MoreThanPaid { .. }
        | Refusal::OtherStanding { .. }
        | Refusal::UnknownRequest
        | Refusal::RequestDecided(_)
        | Refusal::RequestStale
        | Refusal::OwnRequest
        | Refusal::UnknownPayment(_)
        | Refusal::ProvisionalBound { .. }
        | Refusal::PerformedLater(_)
        | Refusal::AnchorDay
        | Refusal::TooManyServices => t.get("error-refused"),
    }
}

/// What stands against an amount, dates and numbers of a pause, or putting off a suspension.
fn words_of_bound(frame: &Frame<'_>, refusal: &Refusal) -> String {
    let t = frame.t;
    let one = |key, name, value: String| t.with(key, &[(name, value.as_str())]);
    if let Refusal::Funds {
        price,
        available,
        missing,
    } = refusal
    {
        let amounts = [price, available, missing].map(|amount| t.money(*amount));
        let [price, available, missing] = amounts.each_ref().map(String::as_str);
        let values = [
            ("price", price),
            ("available", available),
            ("missing", missing),
        ];
        t.with("refused-funds", &values)
    } else if let Refusal::EndNotAfterStart { start } = refusal {
        one("refused-end", "start", t.date(*start, frame.zone))
    } else if let Refusal::NotInFuture { .. } = refusal {
        t.get("refused-past")
    } else if let Refusal::Days { days_max } = refusal {
        one("refused-days", "days", days_max.to_string())
    } else if let Refusal::PauseTooLong { days_max } = refusal {
        let days = t.count("days", u64::from(*days_max));
        one("refused-pause-long", "days", days)
    } else if let Refusal::PauseUsedUp { what, used, max } = refusal {
        let left = u64::from(max.saturating_sub(*used));
        if *what == "days" {
            one("refused-pause-days", "days", t.count("days", left))
        } else {
            one("refused-pause-times", "max", max.to_string())
        }
    } else if let Refusal::PauseTooEarly { from, .. } = refusal {
        one("refused-pause-early", "date", t.date(*from, frame.zone))
    } else if let Refusal::PauseWithDebt { debt } = refusal {
        one("refused-pause-debt", "amount", t.money(*debt))
    } else if let Refusal::PauseLocked = refusal {
        t.get("refused-pause-locked")
    } else if let Refusal::PostponedAlready = refusal {
        t.get("refused-postponed")
    } else if let Refusal::PostponedTooLong { latest } = refusal {
        let until = t.moment(*latest, frame.zone);
        one("refused-postponed-long", "until", until)
    } else {
        t.get("error-refused")
    }
}

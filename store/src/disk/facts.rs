//! The facts of a subscription, on the disk.

use garth_subscription::Facts;
use garth_subscription::agenda::AgendaAction;
use garth_subscription::calendar::{Anchor, CivilDate, Months};
use garth_subscription::facts::{
    Disable, Ending, Holds, Invoicing, Pause, PauseUse, Phase, PlanChange, Provisional, Renewal,
    Service, ServiceState, SubscriptionId, Suspend, SuspendCause, Termination,
};
use garth_subscription::standing::{PauseSpan, StandingFacts};
use garth_subscription::time::{Span, Timestamp};
use minicbor::{Decode, Encode};

use super::{
    Damaged, MoneyRow, codes, instant, money, money_row, optional_instant, optional_money,
    optional_text, plan_id, text,
};

/// The facts of a subscription. Fields from 11 on came with schema 3; what is not there is as it was
/// before there was such a thing.
#[derive(Decode, Encode)]
pub(super) struct FactsRow<'a> {
    #[n(0)]
    version: u64,
    #[b(1)]
    phase: PhaseRow<'a>,
    #[n(2)]
    paid_through: i64,
    #[n(3)]
    anchor: (i32, u32, u32),
    #[n(4)]
    grace_until: Option<i64>,
    #[n(5)]
    pause: Option<PauseRow>,
    #[b(6)]
    suspend: Option<SuspendRow<'a>>,
    #[b(7)]
    disable: Option<DisableRow<'a>>,
    #[b(8)]
    pub(super) plan: &'a str,
    #[b(9)]
    services: Vec<ServiceRow<'a>>,
    #[n(10)]
    balance: MoneyRow,
    #[n(11)]
    renewal: Option<RenewalRow>,
    #[n(12)]
    owing_since: Option<i64>,
    #[n(13)]
    waived_debt: Option<MoneyRow>,
    #[n(14)]
    has_lapsed: Option<bool>,
    #[n(15)]
    unbilled: Option<u16>,
    #[n(16)]
    active_since: Option<i64>,
    #[b(17)]
    plan_change: Option<PlanChangeRow<'a>>,
    #[b(18)]
    termination: Option<TerminationRow<'a>>,
    #[n(19)]
    pause_use: Option<(u16, u16, u16)>,
    #[b(20)]
    provisional: Option<Vec<ProvisionalRow<'a>>>,
}

#[derive(Decode, Encode)]
pub(super) struct RenewalRow {
    #[n(0)]
    months: Option<u16>,
    #[n(1)]
    use_credit: Option<bool>,
    #[n(2)]
    invoicing: Option<u8>,
}

#[derive(Decode, Encode)]
pub(super) struct PlanChangeRow<'a> {
    #[n(0)]
    at: i64,
    #[b(1)]
    plan: &'a str,
    #[n(2)]
    price: MoneyRow,
    #[n(3)]
    paid_through: i64,
}

#[derive(Decode, Encode)]
pub(super) struct TerminationRow<'a> {
    #[n(0)]
    at: i64,
    #[b(1)]
    by: &'a str,
    #[b(2)]
    reason: Option<&'a str>,
}

#[derive(Decode, Encode)]
pub(super) struct ProvisionalRow<'a> {
    #[b(0)]
    payment: &'a str,
    #[n(1)]
    amount: MoneyRow,
}

#[derive(Decode, Encode)]
enum PhaseRow<'a> {
    #[n(1)]
    Pending {
        #[n(0)]
        start_at: i64,
    },
    #[n(2)]
    Started {
        #[n(0)]
        at: i64,
    },
    #[n(3)]
    Ended {
        #[n(0)]
        at: i64,
        #[n(1)]
        how: u8,
        #[b(2)]
        by: &'a str,
        #[b(3)]
        reason: Option<&'a str>,
    },
}

#[derive(Decode, Encode)]
pub(super) struct PauseRow {
    #[n(0)]
    from: i64,
    #[n(1)]
    until: Option<i64>,
    #[n(2)]
    banked: i64,
    #[n(3)]
    is_locked: Option<bool>,
    /// It has, where nothing is said.
    #[n(4)]
    has_begun: Option<bool>,
}

#[derive(Decode, Encode)]
pub(super) struct SuspendRow<'a> {
    #[n(0)]
    cause: u8,
    #[n(1)]
    since: i64,
    #[n(2)]
    debt: Option<MoneyRow>,
    #[b(3)]
    reason: Option<&'a str>,
    #[n(4)]
    postponed_until: Option<i64>,
    #[n(5)]
    postponed_by_customer: Option<bool>,
}

#[derive(Decode, Encode)]
struct DisableRow<'a> {
    #[n(0)]
    since: i64,
    #[b(1)]
    reason: &'a str,
}

#[derive(Decode, Encode)]
pub(super) struct ServiceRow<'a> {
    #[b(0)]
    plan: &'a str,
    #[n(1)]
    state: u8,
    #[n(2)]
    invoicing: Option<u8>,
}

codes!(Ending, "ending", ending_code, ending_of: Cancelled = 1, Terminated = 2);
codes!(ServiceState, "state of a service", service_code, service_of:
    Draft = 1, Effective = 2, Ended = 3, Held = 4);
codes!(Invoicing, "time of invoicing", invoicing_code, invoicing_of:
    Forward = 1, Backward = 2);
codes!(AgendaAction, "agenda item", agenda_code, agenda_of:
    Terminate = 1, Start = 2, EndPause = 3, ChangePlan = 4, BeginPause = 5, Expiry = 6,
    Suspend = 7);
codes!(SuspendCause, "cause of a suspension", cause_code, cause_of:
    Overdue = 1, Fraud = 2, Operator = 3);

/// As [`Facts::standing_facts`], of a row.
pub(super) fn standing_facts(row: &FactsRow<'_>) -> Result<StandingFacts, Damaged> {
    let (start_at, ended) = match &row.phase {
        PhaseRow::Pending { start_at } => (Some(instant(*start_at)?), None),
        PhaseRow::Started { .. } => (None, None),
        PhaseRow::Ended { how, .. } => (None, Some(ending_of(*how)?)),
    };
    let pause = row.pause.as_ref().map(pause).transpose()?;
    let postponed = |suspend: &SuspendRow<'_>| optional_instant(suspend.postponed_until);
    let paid_through = instant(row.paid_through)?;
    let grace_until = optional_instant(row.grace_until)?;
    Ok(StandingFacts {
        start_at,
        ended,
        paid_through,
        grace_until,
        pause: pause.and_then(|pause| PauseSpan::of(pause, paid_through, grace_until)),
        suspended: row.suspend.as_ref().map(postponed).transpose()?,
        disabled: row.disable.is_some(),
        ends_at: row
            .termination
            .as_ref()
            .map(|end| instant(end.at))
            .transpose()?,
        change_at: row
            .plan_change
            .as_ref()
            .map(|change| instant(change.at))
            .transpose()?,
    })
}

pub(super) fn facts_row(facts: &Facts) -> FactsRow<'_> {
    let (year, month, day) = facts.anchor.date.ymd();
    FactsRow {
        version: facts.version,
        phase: phase_row(&facts.phase),
        paid_through: facts.paid_through.unix_millis(),
        anchor: (year, month, day),
        grace_until: facts.grace_until.map(Timestamp::unix_millis),
        pause: facts.holds.pause.map(pause_row),
        suspend: facts.holds.suspend.as_ref().map(suspend_row),
        disable: facts.holds.disable.as_ref().map(|disable| DisableRow {
            since: disable.since.unix_millis(),
            reason: disable.reason.as_str(),
        }),
        plan: facts.plan.as_str(),
        services: facts.services.iter().map(service_row).collect(),
        balance: money_row(facts.balance),
        renewal: (facts.renewal != Renewal::default()).then(|| renewal_row(&facts.renewal)),
        owing_since: facts.owing_since.map(Timestamp::unix_millis),
        waived_debt: facts.waived_debt.map(money_row),
        has_lapsed: facts.has_lapsed.then_some(true),
        unbilled: facts.unbilled.map(Months::get),
        active_since: Some(facts.active_since.unix_millis()),
        plan_change: facts.plan_change.as_ref().map(plan_change_row),
        termination: facts.termination.as_ref().map(termination_row),
        pause_use: (facts.pause_use != PauseUse::default()).then_some((
            facts.pause_use.year,
            facts.pause_use.times,
            facts.pause_use.days,
        )),
        provisional: (!facts.provisional.is_empty())
            .then(|| facts.provisional.iter().map(provisional_row).collect()),
    }
}

pub(super) fn pause_row(pause: Pause) -> PauseRow {
    PauseRow {
        from: pause.from.unix_millis(),
        until: pause.until.map(Timestamp::unix_millis),
        banked: pause.banked.millis(),
        is_locked: pause.is_locked.then_some(true),
        has_begun: (!pause.has_begun).then_some(false),
    }
}

pub(super) fn suspend_row(suspend: &Suspend) -> SuspendRow<'_> {
    SuspendRow {
        cause: cause_code(suspend.cause),
        since: suspend.since.unix_millis(),
        debt: suspend.debt.map(money_row),
        reason: suspend.reason.as_ref().map(|reason| reason.as_str()),
        postponed_until: suspend.postponed_until.map(Timestamp::unix_millis),
        postponed_by_customer: suspend.postponed_by_customer.then_some(true),
    }
}

pub(super) fn renewal_row(renewal: &Renewal) -> RenewalRow {
    RenewalRow {
        months: renewal.months.map(Months::get),
        use_credit: renewal.use_credit,
        invoicing: renewal.invoicing.map(invoicing_code),
    }
}

pub(super) fn renewal(row: &RenewalRow) -> Result<Renewal, Damaged> {
    Ok(Renewal {
        months: row.months.map(months).transpose()?,
        use_credit: row.use_credit,
        invoicing: row.invoicing.map(invoicing_of).transpose()?,
    })
}

pub(super) fn plan_change_row(change: &PlanChange) -> PlanChangeRow<'_> {
    PlanChangeRow {
        at: change.at.unix_millis(),
        plan: change.plan.as_str(),
        price: money_row(change.price),
        paid_through: change.paid_through.unix_millis(),
    }
}

pub(super) fn plan_change(row: &PlanChangeRow<'_>) -> Result<PlanChange, Damaged> {
    Ok(PlanChange {
        at: instant(row.at)?,
        plan: plan_id(row.plan)?,
        price: money(&row.price)?,
        paid_through: instant(row.paid_through)?,
    })
}

pub(super) fn termination_row(end: &Termination) -> TerminationRow<'_> {
    TerminationRow {
        at: end.at.unix_millis(),
        by: end.by.as_str(),
        reason: end.reason.as_ref().map(|reason| reason.as_str()),
    }
}

pub(super) fn termination(row: &TerminationRow<'_>) -> Result<Termination, Damaged> {
    Ok(Termination {
        at: instant(row.at)?,
        by: text("actor", row.by)?,
        reason: optional_text("reason", row.reason)?,
    })
}

pub(super) fn provisional_row(provisional: &Provisional) -> ProvisionalRow<'_> {
    ProvisionalRow {
        payment: provisional.payment.as_str(),
        amount: money_row(provisional.amount),
    }
}

pub(super) fn provisional(row: &ProvisionalRow<'_>) -> Result<Provisional, Damaged> {
    Ok(Provisional {
        payment: text("payment id", row.payment)?,
        amount: money(&row.amount)?,
    })
}

/// A number of months of a row.
pub(super) fn months(count: u16) -> Result<Months, Damaged> {
    Months::new(count).map_err(|error| Damaged::new("number of months", error))
}

pub(super) fn service_row(service: &Service) -> ServiceRow<'_> {
    ServiceRow {
        plan: service.plan.as_str(),
        state: service_code(service.state),
        invoicing: service.invoicing.map(invoicing_code),
    }
}

fn phase_row(phase: &Phase) -> PhaseRow<'_> {
    match phase {
        Phase::Pending { start_at } => PhaseRow::Pending {
            start_at: start_at.unix_millis(),
        },
        Phase::Started { at } => PhaseRow::Started {
            at: at.unix_millis(),
        },
        Phase::Ended {
            at,
            how,
            by,
            reason,
        } => PhaseRow::Ended {
            at: at.unix_millis(),
            how: ending_code(*how),
            by: by.as_str(),
            reason: reason.as_ref().map(|reason| reason.as_str()),
        },
    }
}

pub(super) fn facts(id: SubscriptionId, row: &FactsRow<'_>) -> Result<Facts, Damaged> {
    let (year, month, day) = row.anchor;
    let date = CivilDate::from_ymd(year, month, day)
        .ok_or_else(|| Damaged::new("anchor", format_args!("{year}-{month}-{day} is no date")))?;
    let service = |row: &ServiceRow<'_>| {
        Ok(Service {
            plan: plan_id(row.plan)?,
            state: service_of(row.state)?,
            invoicing: row.invoicing.map(invoicing_of).transpose()?,
        })
    };
    let (year, times, days) = row.pause_use.unwrap_or_default();
    let paid_through = instant(row.paid_through)?;
    Ok(Facts {
        id,
        version: row.version,
        phase: phase(&row.phase)?,
        paid_through,
        anchor: Anchor { date },
        grace_until: optional_instant(row.grace_until)?,
        holds: Holds {
            pause: row.pause.as_ref().map(pause).transpose()?,
            suspend: row.suspend.as_ref().map(suspend).transpose()?,
            disable: row.disable.as_ref().map(disable).transpose()?,
        },
        plan: plan_id(row.plan)?,
        services: row
            .services
            .iter()
            .map(service)
            .collect::<Result<_, Damaged>>()?,
        renewal: row
            .renewal
            .as_ref()
            .map_or(Ok(Renewal::default()), renewal)?,
        balance: money(&row.balance)?,
        owing_since: optional_instant(row.owing_since)?,
        waived_debt: optional_money(row.waived_debt.as_ref())?,
        has_lapsed: row.has_lapsed.unwrap_or(false),
        unbilled: row.unbilled.map(months).transpose()?,
        active_since: optional_instant(row.active_since)?.unwrap_or(Timestamp::MIN),
        plan_change: row.plan_change.as_ref().map(plan_change).transpose()?,
        termination: row.termination.as_ref().map(termination).transpose()?,
        pause_use: PauseUse { year, times, days },
        provisional: row
            .provisional
            .iter()
            .flatten()
            .map(provisional)
            .collect::<Result<_, Damaged>>()?,
    })
}

fn phase(row: &PhaseRow<'_>) -> Result<Phase, Damaged> {
    Ok(match row {
        PhaseRow::Pending { start_at } => Phase::Pending {
            start_at: instant(*start_at)?,
        },
        PhaseRow::Started { at } => Phase::Started { at: instant(*at)? },
        PhaseRow::Ended {
            at,
            how,
            by,
            reason,
        } => Phase::Ended {
            at: instant(*at)?,
            how: ending_of(*how)?,
            by: text("actor", by)?,
            reason: optional_text("reason", *reason)?,
        },
    })
}

pub(super) fn pause(row: &PauseRow) -> Result<Pause, Damaged> {
    Ok(Pause {
        from: instant(row.from)?,
        until: optional_instant(row.until)?,
        banked: Span::from_millis(row.banked)
            .ok_or_else(|| Damaged::new("pause", "the banked time is below zero"))?,
        is_locked: row.is_locked.unwrap_or(false),
        has_begun: row.has_begun.unwrap_or(true),
    })
}

pub(super) fn suspend(row: &SuspendRow<'_>) -> Result<Suspend, Damaged> {
    Ok(Suspend {
        cause: cause_of(row.cause)?,
        since: instant(row.since)?,
        debt: optional_money(row.debt.as_ref())?,
        reason: optional_text("reason", row.reason)?,
        postponed_until: optional_instant(row.postponed_until)?,
        postponed_by_customer: row.postponed_by_customer.unwrap_or(false),
    })
}

fn disable(row: &DisableRow<'_>) -> Result<Disable, Damaged> {
    Ok(Disable {
        since: instant(row.since)?,
        reason: text("reason", row.reason)?,
    })
}

//! What waits for its instant, derived from the facts: nothing here is stored apart from them.
//!
//! At one instant the order of LIFECYCLE section 4 holds: an agreed end first, then the end of a
//! pause, a change of plan, the end of paid time, a suspension.

use crate::calendar::{CalendarError, CivilDate};
use crate::command::Command;
use crate::facts::{Facts, Phase, SuspendCause};
use crate::money::Money;
use crate::policy::{Policy, SuspensionPolicy};
use crate::quote;
use crate::time::Timestamp;

/// A command that waits for its instant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct AgendaItem {
    /// When it is due.
    pub at: Timestamp,
    /// What is to be done.
    pub action: AgendaAction,
}

/// What an agenda can hold, in the order that holds at one instant.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AgendaAction {
    /// T19: the agreed end.
    Terminate,
    /// T2: the agreed start.
    Start,
    /// T7: the pause runs out.
    EndPause,
    /// T17: the agreed change of plan.
    ChangePlan,
    /// T8: the agreed pause begins. Before the end of paid time, so that nothing more is billed (L10).
    BeginPause,
    /// T25: paid time ends.
    Expiry,
    /// T9: a debt has waited long enough.
    Suspend,
}

impl AgendaAction {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Terminate,
        Self::Start,
        Self::EndPause,
        Self::ChangePlan,
        Self::BeginPause,
        Self::Expiry,
        Self::Suspend,
    ];

    /// The name in answers, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Terminate => "terminate",
            Self::Start => "start",
            Self::EndPause => "end_pause",
            Self::ChangePlan => "change_plan",
            Self::BeginPause => "begin_pause",
            Self::Expiry => "expiry",
            Self::Suspend => "suspend",
        }
    }

    /// What the timer commands when it is due.
    #[must_use]
    pub const fn command(self) -> Command {
        match self {
            Self::Terminate => Command::TerminateDue,
            Self::Start => Command::StartDue,
            Self::EndPause => Command::EndPause,
            Self::ChangePlan => Command::ChangeDue,
            Self::BeginPause => Command::PauseDue,
            Self::Expiry => Command::ExpiryDue,
            Self::Suspend => Command::Suspend {
                cause: SuspendCause::Overdue,
                debt: None,
                as_of: None,
            },
        }
    }
}

impl Facts {
    /// What is to come, earliest first; nothing once it has ended.
    #[must_use]
    pub fn agenda(&self, policy: &Policy) -> Vec<AgendaItem> {
        let mut items: Vec<AgendaItem> = AgendaAction::ALL
            .into_iter()
            .filter_map(|action| {
                self.due_at(action, policy)
                    .map(|at| AgendaItem { at, action })
            })
            .collect();
        items.sort_unstable();
        items
    }

    /// What is next, if anything is.
    #[must_use]
    pub fn next_due(&self, policy: &Policy) -> Option<AgendaItem> {
        AgendaAction::ALL
            .into_iter()
            .filter_map(|action| {
                self.due_at(action, policy)
                    .map(|at| AgendaItem { at, action })
            })
            .min()
    }

    fn due_at(&self, action: AgendaAction, policy: &Policy) -> Option<Timestamp> {
        if self.has_ended() {
            return None;
        }
        let pause = self.holds.pause;
        match action {
            AgendaAction::Terminate => self.termination.as_ref().map(|end| end.at),
            AgendaAction::Start => match self.phase {
                Phase::Pending { start_at } => Some(start_at),
                Phase::Started { .. } | Phase::Ended { .. } => None,
            },
            AgendaAction::EndPause => pause?.until,
            AgendaAction::ChangePlan => self.plan_change.as_ref().map(|change| change.at),
            AgendaAction::BeginPause => pause.filter(|pause| !pause.has_begun).map(|p| p.from),
            AgendaAction::Expiry => {
                let is_paused = pause.is_some_and(|pause| pause.has_begun);
                let is_started = matches!(self.phase, Phase::Started { .. });
                (is_started && !is_paused && !self.has_lapsed).then_some(self.paid_through)
            }
            AgendaAction::Suspend => self.suspension_at(policy),
        }
    }

    /// When policy suspends for what the account owes, if it does.
    #[must_use]
    pub fn suspension_at(&self, policy: &Policy) -> Option<Timestamp> {
        let suspension = &policy.suspension;
        let since = self.owing_since?;
        let debt = self.balance.negated();
        let is_started = matches!(self.phase, Phase::Started { .. });
        if !is_started
            || !suspension.enabled
            || self.holds.suspend.is_some()
            || !is_great_enough(debt, suspension)
            || !self.is_new_debt(debt)
        {
            return None;
        }
        suspension_day(since, policy).ok()
    }

    /// Whether that debt is more than the one an operator lifted the last suspension for (L14).
    #[must_use]
    pub fn is_new_debt(&self, debt: Money) -> bool {
        self.waived_debt
            .is_none_or(|waived| debt.minor() > waived.minor())
    }

    /// What stands against the account as a whole, for a waiver of it.
    pub(crate) fn debt_to_waive(&self) -> Option<Money> {
        quote::owed(self).ok().filter(|owed| owed.is_positive())
    }
}

/// Whether a debt of that size may suspend (L11).
fn is_great_enough(debt: Money, policy: &SuspensionPolicy) -> bool {
    policy
        .debt_min
        .is_none_or(|least| debt.minor() >= least.minor())
}

/// The first instant at which a debt since `since` may suspend (L11): the delay over, on a day that is
/// not excluded, at the hour for it.
fn suspension_day(since: Timestamp, policy: &Policy) -> Result<Timestamp, CalendarError> {
    let earliest = policy.zone.date_of(since);
    let earliest = earliest.plus_days(policy.suspension.delay_days)?;
    first_allowed(earliest, since, policy)
}

/// The hour for suspensions on the first day from `earliest` on that is not excluded, at or after `from`.
pub(crate) fn first_allowed(
    earliest: CivilDate,
    from: Timestamp,
    policy: &Policy,
) -> Result<Timestamp, CalendarError> {
    /// No calendar excludes a whole year.
    const DAYS_TRIED: u32 = 366;
    let suspension = &policy.suspension;
    for days in 0..DAYS_TRIED {
        let date = earliest.plus_days(days)?;
        let at = policy.zone.at_minute(date, suspension.minute_of_day)?;
        if at >= from && !suspension.is_excluded(date) {
            return Ok(at);
        }
    }
    Err(CalendarError::Range)
}

impl SuspensionPolicy {
    /// Whether nobody is suspended for debt on that day.
    #[must_use]
    pub fn is_excluded(&self, date: CivilDate) -> bool {
        self.excluded_weekdays.contains(&date.weekday()) || self.holidays.contains(&date)
    }
}

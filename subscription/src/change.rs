//! Changes: what a decision does to the facts, small enough to be written into the journal.
//!
//! A decision is a list of [`Step`]s, and the facts after it are the steps applied to the facts
//! before. So the journal alone tells how a subscription came to be what it is, and replaying it
//! without one entry tells what it would have been (L4). A change carries all that it needs, prices
//! and time zone included: no policy and no price list is asked again.
//!
//! [`Facts::apply`] judges nothing. Where a step meets other facts than those it was decided on,
//! because an earlier entry is left out, it does what the same wish would have come to: months are
//! counted from what is paid then, the end of a pause that never began changes nothing.
//!
//! Not here: whether a command is allowed (`decide`), which entries count (`replay`).

use crate::calendar::{Anchor, BillingZone, CalendarError, Extended, Months};
use crate::facts::{
    Disable, Ending, Facts, Holds, Pause, PauseUse, Phase, PlanChange, Provisional, Renewal,
    ServiceState, Suspend, SuspendCause, Termination,
};
use crate::money::{Money, MoneyError};
use crate::standing::{Standing, standing};
use crate::text::{ActorName, PaymentId, PlanId, Reason};
use crate::time::{Span, Timestamp};

/// One change and the instant it counts from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// From when on.
    pub at: Timestamp,
    /// What changes.
    pub change: Change,
}

/// What a charge is for, besides months.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Charge {
    /// The period that has ended, of what is invoiced backward (L10).
    Arrears,
    /// A pause (L28).
    PauseFee,
}

/// What changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The facts that a subscription begins with, or with which its journal begins anew.
    Created(Box<Facts>),
    /// It has begun.
    Started,
    /// Money came in.
    MoneyIn(Money),
    /// Money went out: a refund, a chargeback.
    MoneyOut(Money),
    /// Something besides months is charged.
    Charged {
        /// What for.
        charge: Charge,
        /// How much.
        amount: Money,
    },
    /// The debt of a suspension is paid from the balance, and the wall falls. The amount is nothing
    /// where the debt is the balance itself.
    DebtSettled(Money),
    /// Months were bought, from the end of what is paid or from now.
    MonthsBought {
        /// How many.
        months: Months,
        /// For all of them.
        price: Money,
        /// Whether they end on the old day of the month also after a break.
        keeps_anchor: bool,
        /// Where months are counted.
        zone: BillingZone,
    },
    /// The end of what is paid has moved on by itself.
    Renewed {
        /// By how many.
        months: Months,
        /// For all of them that is paid before.
        price: Money,
        /// The months that are invoiced when they are over.
        unbilled: Option<Months>,
        /// Where months are counted.
        zone: BillingZone,
    },
    /// The end of what is paid has passed without a renewal.
    Lapsed,
    /// How it goes on at the end of its paid time.
    RenewalSet(Renewal),
    /// Days free of charge.
    Graced {
        /// How many.
        days: u32,
        /// Where days are counted.
        zone: BillingZone,
    },
    /// A pause is agreed.
    PausePlanned(Pause),
    /// The agreed pause begins.
    PauseBegan {
        /// The civil year that it counts in (L28).
        year: u16,
    },
    /// The pause ends; what it banked is given back.
    PauseEnded,
    /// The agreed pause will not be.
    PauseDropped,
    /// The wall.
    Suspended(Box<Suspend>),
    /// The end of the wall.
    Lifted {
        /// The debt that suspends no more.
        waived: Option<Money>,
    },
    /// The wall is put off.
    Postponed {
        /// Until when.
        until: Timestamp,
        /// Whether that was the subscriber's one time.
        by_customer: bool,
    },
    /// Switched off.
    Disabled {
        /// Why.
        reason: Reason,
    },
    /// Switched on again.
    Enabled,
    /// A change of plan is agreed.
    ChangePlanned(Box<PlanChange>),
    /// The agreed change of plan is called off.
    ChangeCancelled,
    /// Another plan.
    PlanChanged {
        /// Which.
        plan: PlanId,
        /// What that costs; below zero it is paid back.
        price: Money,
        /// Whether it had been agreed before: then it happens only if it still is.
        was_planned: bool,
    },
    /// An end is agreed.
    TerminationPlanned(Box<Termination>),
    /// The agreed end is called off.
    TerminationCancelled,
    /// It is over.
    Ended {
        /// How.
        how: Ending,
        /// Who ended it.
        by: ActorName,
        /// Why.
        reason: Option<Reason>,
        /// Whether it had been agreed before: then it happens only if it still is.
        was_planned: bool,
    },
    /// Back from the dead.
    Reinstated,
    /// A payment that waits for confirmation.
    ProvisionalTaken(Provisional),
    /// A payment waits no more.
    ProvisionalDone {
        /// Which.
        payment: PaymentId,
    },
    /// What a revert leaves of the money: above zero it is given back, below zero it is kept.
    Compensated(Money),
}

/// Why a step cannot be applied: a sum or a date beyond what can be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChangeError {
    /// A sum.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A date.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

impl Facts {
    /// Applies one step.
    ///
    /// # Errors
    /// [`ChangeError`]; the facts may be changed in part then, and are to be thrown away.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each change, most of them a line: split, no place would name them all"
    )]
    pub fn apply(&mut self, step: &Step) -> Result<(), ChangeError> {
        let at = step.at;
        match &step.change {
            Change::Created(facts) => {
                *self = (**facts).clone();
            }
            Change::Started => self.start(at),
            Change::MoneyIn(amount) | Change::Compensated(amount) => self.credit(*amount)?,
            Change::MoneyOut(amount) => self.charge(*amount)?,
            Change::Charged { charge, amount } => {
                self.charge(*amount)?;
                if *charge == Charge::Arrears {
                    self.unbilled = None;
                }
            }
            Change::DebtSettled(debt) => self.settle_debt(*debt)?,
            Change::MonthsBought {
                months,
                price,
                keeps_anchor,
                zone,
            } => {
                self.charge(*price)?;
                self.add_months(at, *months, *keeps_anchor, *zone)?;
            }
            Change::Renewed {
                months,
                price,
                unbilled,
                zone,
            } => {
                // In a history without an earlier entry it is not due yet: its credit stays.
                if self.paid_through <= at {
                    self.charge(*price)?;
                    self.unbilled = *unbilled;
                    self.renew(*months, *zone)?;
                }
            }
            Change::Lapsed => self.has_lapsed |= self.paid_through <= at,
            Change::RenewalSet(renewal) => self.renewal = *renewal,
            Change::Graced { days, zone } => {
                let from = at
                    .max(self.paid_through)
                    .max(self.grace_until.unwrap_or(Timestamp::MIN));
                self.grace_until = Some(zone.days_after(from, *days)?);
            }
            Change::PausePlanned(pause) => self.holds.pause = Some(*pause),
            Change::PauseBegan { year } => self.begin_pause(at, *year),
            Change::PauseEnded => self.end_pause(at),
            Change::PauseDropped => {
                self.holds.pause = self.holds.pause.filter(|pause| pause.has_begun);
            }
            Change::Suspended(suspend) => self.holds.suspend = Some((**suspend).clone()),
            Change::Lifted { waived } => {
                self.holds.suspend = None;
                self.waived_debt = *waived;
            }
            Change::Postponed { until, by_customer } => {
                if let Some(suspend) = &mut self.holds.suspend {
                    suspend.postponed_until = Some(*until);
                    suspend.postponed_by_customer |= by_customer;
                }
            }
            Change::Disabled { reason } => {
                self.holds.disable = Some(Disable {
                    since: at,
                    reason: reason.clone(),
                });
            }
            Change::Enabled => self.holds.disable = None,
            Change::ChangePlanned(change) => self.plan_change = Some((**change).clone()),
            Change::ChangeCancelled => self.plan_change = None,
            Change::PlanChanged {
                plan,
                price,
                was_planned,
            } => self.change_plan(plan, *price, *was_planned)?,
            Change::TerminationPlanned(end) => self.termination = Some((**end).clone()),
            Change::TerminationCancelled => self.termination = None,
            Change::Ended {
                how,
                by,
                reason,
                was_planned,
            } => {
                if !was_planned || self.termination.is_some() {
                    self.end(at, *how, by, reason.as_ref());
                }
            }
            Change::Reinstated => self.reinstate(at),
            Change::ProvisionalTaken(provisional) => self.provisional.push(provisional.clone()),
            Change::ProvisionalDone { payment } => {
                self.provisional.retain(|taken| taken.payment != *payment);
            }
        }
        self.follow(at);
        Ok(())
    }

    /// Keeps what follows from the rest in step with it.
    fn follow(&mut self, at: Timestamp) {
        if let Some(pause) = &mut self.holds.pause
            && !pause.has_begun
        {
            pause.banked = self.paid_through.since(pause.from);
        }
        if self.balance.is_negative() {
            self.owing_since.get_or_insert(at);
        } else {
            self.owing_since = None;
        }
    }

    fn credit(&mut self, amount: Money) -> Result<(), MoneyError> {
        self.balance = self.balance.checked_add(amount)?;
        Ok(())
    }

    fn charge(&mut self, amount: Money) -> Result<(), MoneyError> {
        self.balance = self.balance.checked_sub(amount)?;
        Ok(())
    }

    fn start(&mut self, at: Timestamp) {
        if let Phase::Pending { .. } = self.phase {
            self.phase = Phase::Started { at };
            self.active_since = at;
        }
    }

    fn settle_debt(&mut self, debt: Money) -> Result<(), MoneyError> {
        if self.is_payable() {
            self.charge(debt)?;
            self.holds.suspend = None;
            self.waived_debt = None;
        }
        Ok(())
    }

    /// Whether paying clears the suspension: a debt can be settled, fraud cannot.
    #[must_use]
    pub fn is_payable(&self) -> bool {
        self.holds
            .suspend
            .as_ref()
            .is_some_and(|suspend| match suspend.cause {
                SuspendCause::Overdue => true,
                SuspendCause::Operator => suspend.debt.is_some(),
                SuspendCause::Fraud => false,
            })
    }

    /// Moves the end of paid time, from where it is or from `at` (E5, T4–T6).
    fn add_months(
        &mut self,
        at: Timestamp,
        months: Months,
        keeps_anchor: bool,
        zone: BillingZone,
    ) -> Result<(), CalendarError> {
        // In a history without an earlier entry nobody may have written down that a pause is over.
        if let Some(until) = self.holds.pause.and_then(|pause| pause.until)
            && until <= at
        {
            self.end_pause(until);
        }
        let served = standing(&self.standing_facts(), at);
        let pause = self.holds.pause.filter(|pause| pause.from <= at);
        let banked = pause.map_or(Span::ZERO, |pause| pause.banked);
        let extended = match served {
            Standing::Paused if !banked.is_zero() => {
                self.anchor
                    .extend(at.saturating_add(banked), months, zone)?
            }
            Standing::Pending | Standing::Active | Standing::Grace => {
                self.anchor.extend(self.paid_through, months, zone)?
            }
            Standing::Suspended | Standing::Disabled if self.paid_through > at => {
                self.anchor.extend(self.paid_through, months, zone)?
            }
            Standing::Expired
            | Standing::Paused
            | Standing::Suspended
            | Standing::Disabled
            | Standing::Terminated
            | Standing::Cancelled => self.restarted(at, months, keeps_anchor, zone)?,
        };
        match served {
            Standing::Active | Standing::Grace | Standing::Pending => {}
            Standing::Expired
            | Standing::Paused
            | Standing::Suspended
            | Standing::Disabled
            | Standing::Terminated
            | Standing::Cancelled => self.active_since = at,
        }
        if pause.is_some() {
            self.use_up_pause(at);
            self.holds.pause = None;
        }
        self.set_paid(extended);
        self.run_services();
        Ok(())
    }

    /// Where months that begin at `at` end: n months later, or on the first old day of the month that is
    /// not before that.
    fn restarted(
        &self,
        at: Timestamp,
        months: Months,
        keeps_anchor: bool,
        zone: BillingZone,
    ) -> Result<Extended, CalendarError> {
        let fresh = Anchor::start_at(at, months, zone)?;
        if keeps_anchor {
            self.anchor.first_at_or_after(fresh.paid_through, zone)
        } else {
            Ok(fresh)
        }
    }

    fn set_paid(&mut self, extended: Extended) {
        self.paid_through = extended.paid_through;
        self.anchor = extended.anchor;
        self.has_lapsed = false;
        self.grace_until = self.grace_until.filter(|grace| *grace > self.paid_through);
    }

    fn renew(&mut self, months: Months, zone: BillingZone) -> Result<(), CalendarError> {
        let extended = self.anchor.extend(self.paid_through, months, zone)?;
        self.set_paid(extended);
        self.run_services();
        Ok(())
    }

    /// Services that were ordered, or taken along by a pause, run from now on.
    fn run_services(&mut self) {
        for service in &mut self.services {
            match service.state {
                ServiceState::Draft | ServiceState::Held => service.state = ServiceState::Effective,
                ServiceState::Effective | ServiceState::Ended => {}
            }
        }
    }

    fn begin_pause(&mut self, at: Timestamp, year: u16) {
        // In a history without an earlier entry another pause may be agreed.
        let is_meant = |pause: &&mut Pause| !pause.has_begun && pause.from == at;
        let Some(pause) = self.holds.pause.as_mut().filter(is_meant) else {
            return;
        };
        pause.has_begun = true;
        pause.banked = self.paid_through.since(at);
        for service in &mut self.services {
            match service.state {
                ServiceState::Draft | ServiceState::Effective => service.state = ServiceState::Held,
                ServiceState::Held | ServiceState::Ended => {}
            }
        }
        if self.pause_use.year != year {
            self.pause_use = PauseUse {
                year,
                ..PauseUse::default()
            };
        }
        self.pause_use.times = self.pause_use.times.saturating_add(1);
    }

    fn end_pause(&mut self, at: Timestamp) {
        let Some(pause) = self.holds.pause else {
            return;
        };
        // An agreed pause whose start nobody wrote down in time has begun all the same.
        if pause.from <= at {
            self.use_up_pause(at);
            self.paid_through = at.saturating_add(pause.banked);
            self.has_lapsed = false;
            self.active_since = at;
            self.run_services();
        }
        self.holds.pause = None;
    }

    /// Counts the days of the pause that ends at `at`.
    fn use_up_pause(&mut self, at: Timestamp) {
        if let Some(pause) = self.holds.pause {
            let days = days_begun(at.since(pause.from));
            self.pause_use.days = self.pause_use.days.saturating_add(days);
        }
    }

    fn change_plan(
        &mut self,
        plan: &PlanId,
        price: Money,
        was_planned: bool,
    ) -> Result<(), MoneyError> {
        let is_planned = self
            .plan_change
            .as_ref()
            .is_some_and(|change| change.plan == *plan);
        if !was_planned || is_planned {
            self.charge(price)?;
            self.plan = plan.clone();
            self.plan_change = None;
        }
        Ok(())
    }

    fn end(&mut self, at: Timestamp, how: Ending, by: &ActorName, reason: Option<&Reason>) {
        self.phase = Phase::Ended {
            at,
            how,
            by: by.clone(),
            reason: reason.cloned(),
        };
        self.holds.pause = None;
        self.plan_change = None;
        self.termination = None;
    }

    fn reinstate(&mut self, at: Timestamp) {
        self.phase = Phase::Started { at };
        self.holds = Holds::default();
        self.paid_through = self.paid_through.min(at);
        self.grace_until = None;
        self.has_lapsed = true;
        self.active_since = at;
    }
}

/// Days, a begun one counting whole.
pub(crate) fn days_begun(span: Span) -> u16 {
    const DAY: i64 = Span::from_days(1).millis();
    u16::try_from((span.millis() + DAY - 1) / DAY).unwrap_or(u16::MAX)
}

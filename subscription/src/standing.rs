//! The standing: what the facts mean at one instant. Derived, never stored.

use crate::facts::{Ending, Facts, Pause, Phase};
use crate::time::{Span, Timestamp};

/// What a subscription is at one instant (LIFECYCLE section 2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Standing {
    /// Agreed, not yet begun.
    Pending,
    /// Paid and served.
    Active,
    /// Past its paid time, served free of charge.
    Grace,
    /// Past its paid time.
    Expired,
    /// Deactivated by wish, paid time banked.
    Paused,
    /// Walled for debt or by decision.
    Suspended,
    /// Switched off, still billed.
    Disabled,
    /// Ended after it had begun.
    Terminated,
    /// Ended before it began.
    Cancelled,
}

impl Standing {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Active,
        Self::Grace,
        Self::Expired,
        Self::Paused,
        Self::Suspended,
        Self::Disabled,
        Self::Terminated,
        Self::Cancelled,
    ];

    /// The name in answers and files, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Grace => "grace",
            Self::Expired => "expired",
            Self::Paused => "paused",
            Self::Suspended => "suspended",
            Self::Disabled => "disabled",
            Self::Terminated => "terminated",
            Self::Cancelled => "cancelled",
        }
    }

    /// What the network grants at this standing.
    #[must_use]
    pub const fn access(self) -> Access {
        match self {
            Self::Active | Self::Grace => Access::Full,
            Self::Pending | Self::Expired | Self::Paused | Self::Suspended | Self::Disabled => {
                Access::Garden
            }
            Self::Terminated | Self::Cancelled => Access::Reject,
        }
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the network grants (RFC 8506's none, `RESTRICT_ACCESS`, `TERMINATE`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Access {
    /// The plan.
    Full,
    /// The portal and what it allows.
    Garden,
    /// Nothing.
    Reject,
}

impl Access {
    /// The name in answers: `full`, `garden`, `reject`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Garden => "garden",
            Self::Reject => "reject",
        }
    }
}

/// The part of [`Facts`] that the standing depends on: small, `Copy`, fit for an index in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StandingFacts {
    /// When it starts, if it is pending.
    pub start_at: Option<Timestamp>,
    /// How it ended, if it has.
    pub ended: Option<Ending>,
    /// The exclusive end of paid service.
    pub paid_through: Timestamp,
    /// The end of grace.
    pub grace_until: Option<Timestamp>,
    /// The pause, running or to come.
    pub pause: Option<PauseSpan>,
    /// Whether it is suspended, and until when that is put off.
    pub suspended: Option<Option<Timestamp>>,
    /// Whether it is disabled.
    pub disabled: bool,
    /// When it ends, if that is agreed (T19): nobody has access after it, however late its entry is.
    pub ends_at: Option<Timestamp>,
    /// When its plan changes, if that is agreed: a session is asked for anew then.
    pub change_at: Option<Timestamp>,
}

impl StandingFacts {
    /// Those of a subscription that is paid for until then, and of which nothing else is to be said.
    #[must_use]
    pub const fn paid(paid_through: Timestamp) -> Self {
        Self {
            start_at: None,
            ended: None,
            paid_through,
            grace_until: None,
            pause: None,
            suspended: None,
            disabled: false,
            ends_at: None,
            change_at: None,
        }
    }
}

/// The part of a pause that the standing depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PauseSpan {
    /// Since when, or from when on.
    pub from: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Paid time that its end gives back.
    pub banked: Span,
}

impl PauseSpan {
    /// The part of `pause` for a subscription that is served until these instants; nothing where the
    /// pause was agreed but will find nothing to pause.
    #[must_use]
    pub fn of(
        pause: Pause,
        paid_through: Timestamp,
        grace_until: Option<Timestamp>,
    ) -> Option<Self> {
        let is_served =
            pause.from <= paid_through || grace_until.is_some_and(|grace| pause.from <= grace);
        (pause.has_begun || is_served).then_some(Self {
            from: pause.from,
            until: pause.until,
            banked: pause.banked,
        })
    }
}

impl Facts {
    /// The part that the standing depends on.
    #[must_use]
    pub fn standing_facts(&self) -> StandingFacts {
        let (start_at, ended) = match &self.phase {
            Phase::Pending { start_at } => (Some(*start_at), None),
            Phase::Started { .. } => (None, None),
            Phase::Ended { how, .. } => (None, Some(*how)),
        };
        StandingFacts {
            start_at,
            ended,
            paid_through: self.paid_through,
            grace_until: self.grace_until,
            pause: self
                .holds
                .pause
                .and_then(|pause| PauseSpan::of(pause, self.paid_through, self.grace_until)),
            suspended: self
                .holds
                .suspend
                .as_ref()
                .map(|suspend| suspend.postponed_until),
            disabled: self.holds.disable.is_some(),
            ends_at: self.termination.as_ref().map(|end| end.at),
            change_at: self.plan_change.as_ref().map(|change| change.at),
        }
    }
}

/// The standing at `now` of a subscription with these facts.
///
/// Precedence: ended, disabled, suspended, paused, expired, grace, active. A pause whose end has
/// passed gives back what it banked from that end on, whether or not its journal entry is written yet.
#[must_use]
pub fn standing(facts: &StandingFacts, now: Timestamp) -> Standing {
    match facts.ended {
        Some(Ending::Cancelled) => return Standing::Cancelled,
        Some(Ending::Terminated) => return Standing::Terminated,
        None => {}
    }
    if facts.ends_at.is_some_and(|end| now >= end) {
        return Standing::Terminated;
    }
    if facts.disabled {
        return Standing::Disabled;
    }
    if let Some(postponed) = facts.suspended
        && postponed.is_none_or(|until| now >= until)
    {
        return Standing::Suspended;
    }
    if facts.start_at.is_some_and(|start| now < start) {
        return Standing::Pending;
    }
    if let Some(pause) = facts.pause
        && pause.from <= now
        && pause.until.is_none_or(|until| now < until)
    {
        return Standing::Paused;
    }
    let paid_through = paid_through_at(facts, now);
    if now < paid_through {
        Standing::Active
    } else if facts.grace_until.is_some_and(|grace| now < grace) {
        Standing::Grace
    } else {
        Standing::Expired
    }
}

/// The end of paid service as it is at `now`: a pause that is over has moved it.
fn paid_through_at(facts: &StandingFacts, now: Timestamp) -> Timestamp {
    match facts.pause {
        Some(PauseSpan {
            from,
            until: Some(until),
            banked,
        }) if from <= now => until.saturating_add(banked),
        Some(_) | None => facts.paid_through,
    }
}

/// The first instant after `now` at which the standing or the plan may differ, if time alone can
/// change them.
#[must_use]
pub fn next_boundary(facts: &StandingFacts, now: Timestamp) -> Option<Timestamp> {
    if facts.ended.is_some() {
        return None;
    }
    let pause_from = facts.pause.map(|pause| pause.from);
    let pause_until = facts.pause.and_then(|pause| pause.until);
    [
        facts.start_at,
        facts.suspended.flatten(),
        pause_from,
        pause_until,
        Some(paid_through_at(facts, now)),
        facts.grace_until,
        facts.ends_at,
        facts.change_at,
    ]
    .into_iter()
    .flatten()
    .filter(|at| *at > now)
    .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> Timestamp {
        Timestamp::MIN.saturating_add(Span::from_days(day))
    }

    const PAID_TO_DAY_10: fn() -> StandingFacts = || StandingFacts {
        start_at: None,
        ended: None,
        paid_through: at(10),
        grace_until: None,
        pause: None,
        suspended: None,
        disabled: false,
        ends_at: None,
        change_at: None,
    };

    fn paused(from: u32, until: Option<Timestamp>, banked: u32) -> Option<PauseSpan> {
        Some(PauseSpan {
            from: at(from),
            until,
            banked: Span::from_days(banked),
        })
    }

    #[test]
    fn precedence_is_ended_disabled_suspended_paused_expired_grace_active() {
        let mut facts = PAID_TO_DAY_10();
        assert_eq!(standing(&facts, at(9)), Standing::Active);
        assert_eq!(
            standing(&facts, at(10)),
            Standing::Expired,
            "paid_through is exclusive"
        );
        facts.grace_until = Some(at(12));
        assert_eq!(standing(&facts, at(10)), Standing::Grace);
        assert_eq!(standing(&facts, at(12)), Standing::Expired);
        facts.pause = paused(0, None, 0);
        assert_eq!(standing(&facts, at(12)), Standing::Paused);
        facts.suspended = Some(None);
        assert_eq!(standing(&facts, at(12)), Standing::Suspended);
        facts.disabled = true;
        assert_eq!(standing(&facts, at(12)), Standing::Disabled);
        facts.ended = Some(Ending::Terminated);
        assert_eq!(standing(&facts, at(12)), Standing::Terminated);
    }

    #[test]
    fn a_pause_whose_end_has_passed_gives_back_the_banked_time_without_a_timer() {
        let facts = StandingFacts {
            pause: paused(0, Some(at(20)), 5),
            ..PAID_TO_DAY_10()
        };
        assert_eq!(standing(&facts, at(19)), Standing::Paused);
        assert_eq!(standing(&facts, at(20)), Standing::Active);
        assert_eq!(standing(&facts, at(25)), Standing::Expired);
    }

    #[test]
    fn l24_a_pause_to_come_begins_and_ends_without_a_timer() {
        let facts = StandingFacts {
            pause: paused(5, Some(at(20)), 5),
            ..PAID_TO_DAY_10()
        };
        for (day, expected) in [
            (4, Standing::Active),
            (5, Standing::Paused),
            (19, Standing::Paused),
            (20, Standing::Active),
            (25, Standing::Expired),
        ] {
            assert_eq!(standing(&facts, at(day)), expected, "day {day}");
        }
        assert_eq!(next_boundary(&facts, at(0)), Some(at(5)));
    }

    #[test]
    fn t19_an_agreed_end_is_the_end_without_a_timer_also_of_a_pause() {
        let facts = StandingFacts {
            pause: paused(0, Some(at(6)), 5),
            ends_at: Some(at(6)),
            ..PAID_TO_DAY_10()
        };
        assert_eq!(standing(&facts, at(5)), Standing::Paused);
        assert_eq!(standing(&facts, at(6)), Standing::Terminated);
        assert_eq!(next_boundary(&facts, at(0)), Some(at(6)));
    }

    #[test]
    fn a_postponed_suspension_walls_again_at_its_instant() {
        let facts = StandingFacts {
            suspended: Some(Some(at(5))),
            ..PAID_TO_DAY_10()
        };
        assert_eq!(standing(&facts, at(4)), Standing::Active);
        assert_eq!(standing(&facts, at(5)), Standing::Suspended);
    }

    #[test]
    fn the_standing_never_changes_between_now_and_the_next_boundary() {
        // All combinations of small instants: 3^7 facts, 9 days each.
        let choices = [None, Some(at(2)), Some(at(5))];
        for start_at in choices {
            for grace_until in choices {
                for until in choices {
                    for suspended in [None, Some(None), Some(Some(at(3)))] {
                        for pause in [None, paused(0, until, 1), paused(3, until, 1)] {
                            let facts = StandingFacts {
                                start_at,
                                paid_through: at(4),
                                grace_until,
                                pause,
                                suspended,
                                ..PAID_TO_DAY_10()
                            };
                            for day in 0..9 {
                                let boundary = next_boundary(&facts, at(day)).unwrap_or(at(9));
                                for later in (day..9).filter(|later| at(*later) < boundary) {
                                    assert_eq!(
                                        standing(&facts, at(later)),
                                        standing(&facts, at(day)),
                                        "{facts:?}"
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

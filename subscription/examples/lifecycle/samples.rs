//! The subscriptions and commands that the tables are made of.

use garth_subscription::Standing;
use garth_subscription::calendar::{BillingZone, Months};
use garth_subscription::command::{
    Actor, ChangeStart, Command, Create, InitialHold, Note, Order, PauseEnd, Role, Tender, When,
};
use garth_subscription::decide::{Case, decide};
use garth_subscription::facts::{
    Ending, Facts, Phase, PlanChange, Renewal, SubscriptionId, SuspendCause, Termination,
};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Catalogue, Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy, Rules};
use garth_subscription::quote::Offer;
use garth_subscription::revert::{RevertAsk, RevertId};
use garth_subscription::time::{Span, Timestamp};

pub(crate) const LITERAL: &str = "the samples of this page are right";

/// A command as a row of a table.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// What the subscription has besides, for commands that need it.
    pub(crate) prepare: fn(&mut Facts),
}

impl Sample {
    const fn new(name: &'static str, command: Command) -> Self {
        Self {
            name,
            command,
            prepare: |_| (),
        }
    }
}

/// What people can ask of a subscription that is there.
pub(crate) fn samples(tender: &Tender) -> Vec<Sample> {
    let months = Months::new(1).expect(LITERAL);
    let (tender, then_pause) = (tender.clone(), false);
    vec![
        Sample::new(
            "pay: a month",
            Command::Pay {
                months,
                tender: tender.clone(),
                then_pause,
            },
        ),
        Sample::new(
            "reactivate: a month",
            Command::Reactivate {
                months,
                tender,
                then_pause,
            },
        ),
        Sample::new("grace: three days", Command::Grace { days: 3 }),
        Sample::new("pause: now", pause(When::Now, false)),
        Sample::new("pause: in a week", pause(When::AfterDays(7), false)),
        Sample::new("end a pause", Command::EndPause),
        Sample::new("suspend, by decision", suspend(SuspendCause::Operator)),
        Sample::new("suspend, for fraud", suspend(SuspendCause::Fraud)),
        Sample::new("lift a suspension", Command::Lift),
        Sample::new("postpone a suspension", Command::Postpone { until: None }),
        Sample::new("disable", Command::Disable { confirmed: true }),
        Sample::new("enable", Command::Enable),
        Sample::new("change the plan, now", change(ChangeStart::Now)),
        Sample::new(
            "change the plan, next period",
            change(ChangeStart::NextPeriod),
        ),
        Sample {
            prepare: |facts| facts.plan_change = Some(planned_change(facts)),
            ..Sample::new("cancel an agreed change of plan", Command::CancelChange)
        },
        Sample::new("ask for a change of plan", request()),
        Sample::new("set how it renews", Command::SetRenewal(Renewal::default())),
        Sample::new("cancel before the start", Command::Cancel),
        Sample::new("terminate: now", terminate(When::Now)),
        Sample::new("terminate: in a week", terminate(When::AfterDays(7))),
        Sample {
            prepare: |facts| facts.termination = Some(planned_end()),
            ..Sample::new("cancel an agreed end", Command::CancelTermination)
        },
        Sample::new("reinstate", Command::Reinstate),
    ]
}

pub(crate) const fn pause(start: When, is_locked: bool) -> Command {
    Command::Pause {
        start,
        end: PauseEnd::Open,
        is_locked,
    }
}

pub(crate) const fn suspend(cause: SuspendCause) -> Command {
    Command::Suspend {
        cause,
        debt: None,
        as_of: None,
    }
}

pub(crate) fn change(start: ChangeStart) -> Command {
    let plan = "home-250".parse().expect(LITERAL);
    Command::ChangePlan { plan, start }
}

pub(crate) fn request() -> Command {
    Command::RequestChange {
        plan: None,
        message: "faster, please".parse().expect(LITERAL),
    }
}

pub(crate) const fn terminate(when: When) -> Command {
    Command::Terminate {
        when,
        confirmed: true,
    }
}

pub(crate) fn planned_change(facts: &Facts) -> PlanChange {
    PlanChange {
        at: now().saturating_add(Span::from_days(7)),
        plan: "home-250".parse().expect(LITERAL),
        price: euro(0),
        paid_through: facts.paid_through,
    }
}

pub(crate) fn planned_end() -> Termination {
    Termination {
        at: now().saturating_add(Span::from_days(7)),
        by: "operator".parse().expect(LITERAL),
        reason: None,
    }
}

pub(crate) fn order(role: Role, command: Command) -> Order {
    Order {
        actor: Actor {
            role,
            name: "sample".parse().expect(LITERAL),
            on_behalf_of: None,
        },
        reason: Some("sample".parse().expect(LITERAL)),
        note: Note::default(),
        command,
    }
}

pub(crate) fn euro(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR).expect(LITERAL)
}

/// Noon of an ordinary day.
pub(crate) fn now() -> Timestamp {
    "2028-01-10T12:00:00Z".parse().expect(LITERAL)
}

pub(crate) fn rules() -> Rules {
    let plan = |id: &str, minor, target: &str| Plan {
        id: id.parse().expect(LITERAL),
        name: id.parse().expect(LITERAL),
        kind: PlanKind::Internet,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: vec![PriceLine {
            months: Months::new(1).expect(LITERAL),
            amount: euro(minor),
        }],
        change_to: vec![target.parse().expect(LITERAL)],
    };
    let plans = vec![
        plan("home-100", 2_990, "home-250"),
        plan("home-250", 4_490, "home-100"),
    ];
    Rules {
        policies: Policies::new(Policy::new(BillingZone::UTC)),
        catalogue: Catalogue::new(Currency::EUR, plans).expect(LITERAL),
    }
}

pub(crate) fn template() -> Create {
    Create {
        id: SubscriptionId(uuid::Uuid::nil()),
        plan: "home-100".parse().expect(LITERAL),
        services: Vec::new(),
        start_at: None,
        paid_through: Some(now().saturating_add(Span::from_days(20))),
        anchor_day: None,
        balance: Some(euro(5_000)),
        holds: Vec::new(),
        renewal: Renewal::default(),
        active_to: None,
    }
}

/// A subscription at each standing: with credit, and paid for where that does not exclude itself.
pub(crate) fn facts(standing: Standing, rules: &Rules) -> Facts {
    let held = |hold| Create {
        holds: vec![hold],
        ..template()
    };
    let yesterday = Timestamp::from_unix_millis(now().unix_millis() - 86_400_000);
    let create = match standing {
        Standing::Active | Standing::Terminated => template(),
        Standing::Pending | Standing::Cancelled => Create {
            start_at: Some(now().saturating_add(Span::from_days(20))),
            ..template()
        },
        Standing::Grace | Standing::Expired => Create {
            paid_through: yesterday,
            ..template()
        },
        Standing::Paused => held(InitialHold::Pause { until: None }),
        Standing::Suspended => held(InitialHold::Suspend {
            cause: SuspendCause::Overdue,
            debt: Some(euro(1_000)),
        }),
        Standing::Disabled => held(InitialHold::Disable {
            reason: "sample".parse().expect(LITERAL),
        }),
    };
    let order = order(Role::Operator, Command::Create(Box::new(create)));
    let decision = decide(Case::default(), &order, now(), rules.terms(None));
    let mut facts = decision.expect(LITERAL).facts;
    if standing == Standing::Grace {
        facts.grace_until = Some(now().saturating_add(Span::from_days(1)));
    }
    let ended = match standing {
        Standing::Terminated => Some(Ending::Terminated),
        Standing::Cancelled => Some(Ending::Cancelled),
        Standing::Pending
        | Standing::Active
        | Standing::Grace
        | Standing::Expired
        | Standing::Paused
        | Standing::Suspended
        | Standing::Disabled => None,
    };
    if let Some(how) = ended {
        facts.phase = Phase::Ended {
            at: now(),
            how,
            by: "operator".parse().expect(LITERAL),
            reason: None,
        };
    }
    facts
}

/// What is asked by programs, or about an entry or a payment.
pub(crate) fn others() -> Vec<(&'static str, Command)> {
    let payment = || "sample".parse().expect(LITERAL);
    let id = RevertId(uuid::Uuid::nil());
    let ask = RevertAsk {
        id,
        entry: garth_subscription::journal::EntryId(uuid::Uuid::nil()),
        standing: None,
        amount: None,
        allow_loss: false,
    };
    vec![
        (
            "pause, locked: the subscriber cannot end it",
            pause(When::Now, true),
        ),
        ("suspend, for a debt", suspend(SuspendCause::Overdue)),
        (
            "capture: money taken for a price that was promised",
            Command::Capture {
                offer: Some(Box::new(offer())),
                payment: payment(),
                amount: euro(1),
                captured_at: now(),
            },
        ),
        (
            "capture: money that a gateway has taken, as credit",
            Command::Capture {
                offer: None,
                payment: payment(),
                amount: euro(1),
                captured_at: now(),
            },
        ),
        (
            "refund",
            Command::Refund {
                payment: payment(),
                amount: euro(1),
            },
        ),
        (
            "chargeback",
            Command::Chargeback {
                payment: payment(),
                amount: euro(1),
            },
        ),
        (
            "post a provisional payment",
            Command::Post { payment: payment() },
        ),
        (
            "void a provisional payment",
            Command::Void { payment: payment() },
        ),
        ("request a revert", Command::RequestRevert(ask)),
        (
            "approve a revert that another one requested",
            Command::ApproveRevert(id),
        ),
        (
            "deny a revert that another one requested",
            Command::DenyRevert(id),
        ),
        ("open the portal as its subscriber", Command::OpenPortal),
        (
            "what is due by itself, such as an expiry",
            Command::ExpiryDue,
        ),
    ]
}

/// A month at a promised price.
fn offer() -> Offer {
    Offer {
        months: Months::new(1).expect(LITERAL),
        price: euro(1),
        debt: euro(0),
        then_pause: false,
        expires_at: Timestamp::MAX,
    }
}

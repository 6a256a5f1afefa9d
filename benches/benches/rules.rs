//! What the rules cost: a decision of each of the commonest kinds, and the standing.
//!
//! One subscription, paid for, with voice and credit, in a zone with summer time. The decision is
//! dropped within the time that is measured; nothing is written anywhere.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use garth_subscription::calendar::Months;
use garth_subscription::command::{
    Actor, ChangeStart, Command, Create, Note, Order, PauseEnd, Role, Tender, When,
};
use garth_subscription::decide::{Case, decide};
use garth_subscription::facts::{Facts, Renewal, Service, ServiceState, SubscriptionId};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Catalogue, Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy, Rules};
use garth_subscription::time::{Span, Timestamp};
use garth_subscription::{standing, standing::next_boundary};
use uuid::Uuid;

const LITERAL: &str = "the literals of this benchmark are right";

fn euro(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR).expect(LITERAL)
}

fn now() -> Timestamp {
    "2028-01-10T12:00:00Z".parse().expect(LITERAL)
}

fn plan(id: &str, kind: PlanKind, minor: i64) -> Plan {
    Plan {
        id: id.parse().expect(LITERAL),
        name: id.parse().expect(LITERAL),
        kind,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: vec![PriceLine {
            months: Months::new(1).expect(LITERAL),
            amount: euro(minor),
        }],
        change_to: Vec::new(),
    }
}

fn rules() -> Rules {
    let plans = vec![
        plan("home-100", PlanKind::Internet, 2_990),
        plan("home-250", PlanKind::Internet, 4_490),
        plan("voice", PlanKind::Voice, 500),
    ];
    let policy = Policy::new("Europe/Vienna".parse().expect(LITERAL));
    Rules {
        policies: Policies::new(policy),
        catalogue: Catalogue::new(Currency::EUR, plans).expect(LITERAL),
    }
}

fn order(role: Role, command: Command) -> Order {
    Order {
        actor: Actor {
            role,
            name: "anna".parse().expect(LITERAL),
            on_behalf_of: None,
        },
        reason: None,
        note: Note::default(),
        command,
    }
}

fn facts(rules: &Rules) -> Facts {
    let voice = Service {
        plan: "voice".parse().expect(LITERAL),
        state: ServiceState::Effective,
        invoicing: None,
    };
    let create = Create {
        id: SubscriptionId(Uuid::nil()),
        plan: "home-100".parse().expect(LITERAL),
        services: vec![voice],
        start_at: None,
        paid_through: Some(now().saturating_add(Span::from_days(20))),
        anchor_day: None,
        balance: Some(euro(10_000)),
        holds: Vec::new(),
        renewal: Renewal::default(),
        active_to: None,
    };
    let order = order(Role::Operator, Command::Create(Box::new(create)));
    let decision = decide(Case::default(), &order, now(), rules.terms(None));
    decision.expect(LITERAL).facts
}

fn decisions(criterion: &mut Criterion) {
    let rules = rules();
    let facts = facts(&rules);
    let due = now().saturating_add(Span::from_days(20));
    for (name, role, command, now) in [
        (
            "pay",
            Role::Operator,
            Command::Pay {
                months: Months::new(1).expect(LITERAL),
                tender: Tender::Captured {
                    payment: "pay-1".parse().expect(LITERAL),
                    amount: euro(3_490),
                },
                then_pause: false,
            },
            now(),
        ),
        (
            "pause",
            Role::Customer,
            Command::Pause {
                start: When::Now,
                end: PauseEnd::ForDays(10),
                is_locked: false,
            },
            now(),
        ),
        (
            "change plan",
            Role::Operator,
            Command::ChangePlan {
                plan: "home-250".parse().expect(LITERAL),
                start: ChangeStart::Now,
            },
            now(),
        ),
        ("expiry due", Role::Timer, Command::ExpiryDue, due),
    ] {
        let order = order(role, command);
        decide(Case::of(&facts), &order, now, rules.terms(None)).expect(LITERAL);
        criterion.bench_function(&format!("decide/{name}"), |bencher| {
            bencher.iter(|| {
                let case = Case::of(black_box(&facts));
                decide(case, black_box(&order), now, rules.terms(None))
            });
        });
    }
}

fn standings(criterion: &mut Criterion) {
    let facts = facts(&rules());
    let (standing_facts, now) = (facts.standing_facts(), now());
    criterion.bench_function("facts/standing", |bencher| {
        bencher.iter(|| standing(black_box(&standing_facts), black_box(now)));
    });
    criterion.bench_function("facts/next boundary", |bencher| {
        bencher.iter(|| next_boundary(black_box(&standing_facts), black_box(now)));
    });
    let policy = rules().policies.default;
    criterion.bench_function("facts/next due", |bencher| {
        bencher.iter(|| black_box(&facts).next_due(black_box(&policy)));
    });
}

criterion_group!(rules_of_life, decisions, standings);
criterion_main!(rules_of_life);

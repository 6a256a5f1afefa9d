//! A subscription with its journal and its requests, driven by random orders.

use garth_subscription::agenda::AgendaItem;
use garth_subscription::calendar::{BillingZone, Months, Weekday};
use garth_subscription::command::{
    Actor, ChangeStart, Command, Create, Note, Order, PauseEnd, Role, Tender, When,
};
use garth_subscription::decide::{Case, Decision, decide};
use garth_subscription::facts::{
    Facts, Invoicing, Renewal, Service, ServiceState, SubscriptionId, SuspendCause,
};
use garth_subscription::journal::{EntryId, JournalEntry};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Catalogue, Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy, Proration, Rules, Terms};
use garth_subscription::quote;
use garth_subscription::revert::{RevertAsk, RevertId, RevertRequest};
use garth_subscription::text::PlanId;
use garth_subscription::time::{Span, Timestamp};
use garth_subscription::{Refusal, Standing, standing};
use proptest::prelude::*;
use uuid::Uuid;

/// How many policies there are to live under.
pub(crate) const POLICIES: usize = 5;
/// The one that keeps the old day of the month after an expiry.
pub(crate) const KEEPS_ANCHOR: usize = 1;
/// A day, in seconds.
pub(crate) const DAY: u32 = 86_400;
/// At most so many things are due at one instant: one of each kind.
const DUE_AT_ONCE_MAX: usize = 7;
/// Kinds of orders that [`World::command`] makes.
const PICKS: u8 = 37;

pub(crate) fn euro(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR).unwrap()
}

pub(crate) fn months(count: u16) -> Months {
    Months::new(count).unwrap()
}

pub(crate) fn after(at: Timestamp, seconds: u32) -> Timestamp {
    at.saturating_add(Span::from_seconds(seconds))
}

pub(crate) fn after_millis(at: Timestamp, millis: i64) -> Timestamp {
    at.saturating_add(Span::from_millis(millis).unwrap())
}

pub(crate) fn order(role: Role, name: &str, command: Command) -> Order {
    Order {
        actor: Actor {
            role,
            name: name.parse().unwrap(),
            on_behalf_of: None,
        },
        reason: Some("because".parse().unwrap()),
        note: Note::default(),
        command,
    }
}

/// What is asked, in small numbers that [`World::command`] makes an order of.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    role: Role,
    pick: u8,
    a: u16,
    b: u16,
    minor: i64,
    flag: bool,
    seconds: u32,
    fires: u8,
}

pub(crate) fn ask() -> impl Strategy<Value = Ask> {
    let jump = prop_oneof![
        3 => Just(0_u32),
        3 => 0..DAY,
        4 => 0..40 * DAY,
        1 => 0..800 * DAY,
    ];
    let role = prop::sample::select(Role::ALL.to_vec());
    let minor = prop_oneof![0_i64..3_000, 0_i64..20_000];
    (
        role,
        0..PICKS,
        0_u16..60,
        0_u16..60,
        minor,
        any::<bool>(),
        jump,
        0_u8..4,
    )
        .prop_map(|(role, pick, a, b, minor, flag, seconds, fires)| Ask {
            role,
            pick,
            a,
            b,
            minor,
            flag,
            seconds,
            fires,
        })
}

impl Ask {
    pub(crate) const fn jump(&self) -> u32 {
        self.seconds
    }

    /// Whether the timer does what is due before the order.
    pub(crate) const fn fires(&self) -> bool {
        self.fires > 0
    }

    /// Whether it does so late, all at one instant.
    pub(crate) const fn is_late(&self) -> bool {
        self.fires == 1
    }

    /// Who gives the order: mostly one of those who may, at times anyone.
    pub(crate) fn role(&self, allowed: [bool; 6]) -> Role {
        if self.fires == 0 {
            return self.role;
        }
        let may = Role::ALL.into_iter().zip(allowed).filter(|(_, may)| *may);
        let count = may.clone().count();
        may.map(|(role, _)| role)
            .nth(usize::from(self.b / 2) % count)
            .expect("somebody may give each command")
    }

    /// Two people who share the work.
    pub(crate) const fn name(&self) -> &'static str {
        if self.b.is_multiple_of(2) {
            "anna"
        } else {
            "bert"
        }
    }
}

fn plan(id: &str, kind: PlanKind, prices: &[(u16, i64)], change_to: &[&str]) -> Plan {
    Plan {
        id: id.parse().unwrap(),
        name: id.parse().unwrap(),
        kind,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: prices
            .iter()
            .map(|(count, minor)| PriceLine {
                months: months(*count),
                amount: euro(*minor),
            })
            .collect(),
        change_to: change_to.iter().map(|id| id.parse().unwrap()).collect(),
    }
}

fn catalogue() -> Catalogue {
    let plans = vec![
        plan(
            "small",
            PlanKind::Internet,
            &[(1, 1_990), (3, 5_700), (12, 19_900)],
            &["large"],
        ),
        plan(
            "large",
            PlanKind::Internet,
            &[(1, 4_490), (3, 12_900)],
            &["small"],
        ),
        plan("free", PlanKind::Internet, &[(1, 0)], &["small"]),
        plan("voice", PlanKind::Voice, &[(1, 500), (3, 1_400)], &[]),
    ];
    Catalogue::new(Currency::EUR, plans).unwrap()
}

fn policy(index: usize) -> Policy {
    let zones = [
        "Europe/Vienna",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "UTC",
    ];
    let zone: BillingZone = zones[index].parse().unwrap();
    let mut policy = Policy::new(zone);
    match index {
        1 => {
            policy.renewal.invoicing = Invoicing::Backward;
            policy.renewal.keeps_anchor = true;
            policy.suspension.excluded_weekdays = vec![Weekday::Saturday, Weekday::Sunday];
        }
        2 => {
            policy.pause.days_max = Some(40);
            policy.pause.times_per_year = Some(2);
            policy.pause.days_per_year = Some(50);
            policy.pause.fee = Some(euro(300));
            policy.pause.with_debt = false;
            policy.change.proration = Proration::ChargeOnly;
            policy.provisional.count_max = 3;
        }
        3 => {
            policy.customer_reactivation = false;
            policy.customer_termination = true;
            policy.renewal.use_credit = false;
            policy.suspension.debt_min = Some(euro(1_000));
            policy.suspension.delay_days = 0;
            policy.suspension.on_chargeback = false;
            policy.change.proration = Proration::None;
            policy.change.fee_up = Some(euro(200));
            policy.change.fee_down = Some(euro(100));
        }
        4 => {
            policy.pause.active_months_min = Some(1);
            policy.pause.customer = false;
            policy.change.self_change = false;
            policy.suspension.customer_postpone = false;
            policy.retention_days = 5;
        }
        _ => {}
    }
    policy
}

#[derive(Clone)]
pub(crate) struct World {
    rules: Rules,
    pub(crate) first: Facts,
    pub(crate) facts: Facts,
    pub(crate) history: Vec<JournalEntry>,
    pub(crate) now: Timestamp,
    request: Option<RevertRequest>,
    made: u128,
}

impl World {
    /// Paid to noon of the last of January 2028 under one of the policies, with voice and some credit.
    pub(crate) fn new(index: usize) -> Self {
        let rules = Rules {
            policies: Policies::new(policy(index)),
            catalogue: catalogue(),
        };
        let now: Timestamp = "2028-01-10T12:00:00Z".parse().unwrap();
        let voice = Service {
            plan: "voice".parse().unwrap(),
            state: ServiceState::Effective,
            invoicing: Some(Invoicing::Forward).filter(|_| index == 2),
        };
        let create = Create {
            id: SubscriptionId(Uuid::from_u128(1)),
            plan: "small".parse().unwrap(),
            services: vec![voice; index % 2],
            start_at: Some(after(now, 3 * DAY)).filter(|_| index == 4),
            paid_through: Some(after(now, 21 * DAY)),
            anchor_day: Some(31).filter(|_| index == 0),
            balance: Some(euro(2_500)),
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        };
        let order = order(Role::Operator, "anna", Command::Create(Box::new(create)));
        let decision = decide(Case::default(), &order, now, rules.terms(None)).unwrap();
        let mut world = Self {
            rules,
            first: decision.facts.clone(),
            facts: decision.facts.clone(),
            history: Vec::new(),
            now,
            request: None,
            made: 0,
        };
        world.write(&decision, &order);
        world
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        self.rules.terms(None)
    }

    pub(crate) fn standing(&self) -> Standing {
        standing(&self.facts.standing_facts(), self.now)
    }

    pub(crate) fn next_due(&self) -> Option<AgendaItem> {
        self.facts.next_due(self.terms().policy)
    }

    pub(crate) fn decide(&self, order: &Order) -> Result<Decision, Refusal> {
        self.decide_at(order, self.now)
    }

    fn decide_at(&self, order: &Order, now: Timestamp) -> Result<Decision, Refusal> {
        let case = Case {
            facts: Some(&self.facts),
            history: &self.history,
            request: self.request.as_ref(),
        };
        decide(case, order, now, self.terms())
    }

    pub(crate) fn write(&mut self, decision: &Decision, order: &Order) {
        self.write_at(decision, order, self.now);
    }

    fn write_at(&mut self, decision: &Decision, order: &Order, now: Timestamp) {
        self.made += 1;
        let id = EntryId(Uuid::from_u128(self.made));
        self.history.push(decision.entry(id, None, order, now));
        self.facts = decision.facts.clone();
        if let Some(request) = &decision.request {
            self.request = Some((**request).clone());
        }
    }

    /// Lets time pass to the next order, with or without the timer.
    pub(crate) fn pass(&mut self, ask: &Ask) {
        self.now = after(self.now, ask.jump());
        if ask.fires() {
            self.work_off(ask.is_late());
        }
    }

    /// Has the timer do what is due, each at its own instant or all of it now.
    pub(crate) fn work_off(&mut self, late: bool) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let mut at_once = (Timestamp::MIN, 0);
        while let Some(item) = self.next_due().filter(|item| item.at <= self.now) {
            at_once = if at_once.0 == item.at {
                (item.at, at_once.1 + 1)
            } else {
                (item.at, 1)
            };
            assert!(at_once.1 <= DUE_AT_ONCE_MAX, "{item:?} stays due");
            let now = if late { self.now } else { item.at };
            let order = order(Role::Timer, "timer", item.action.command());
            let decision = self.decide_at(&order, now).unwrap_or_else(|refusal| {
                panic!("{item:?} is due but refused: {refusal}\n{:?}", self.facts)
            });
            self.write_at(&decision, &order, now);
            decisions.push(decision);
        }
        decisions
    }

    /// Takes an entry back, asked by one and approved by another; the facts after it.
    pub(crate) fn revert(&mut self, entry: EntryId) -> Option<Facts> {
        let ask = RevertAsk {
            id: RevertId(Uuid::from_u128(9)),
            entry,
            standing: None,
            amount: None,
            allow_loss: false,
        };
        for order in [
            order(Role::Operator, "anna", Command::RequestRevert(ask.clone())),
            order(Role::Approver, "bert", Command::ApproveRevert(ask.id)),
        ] {
            let decision = self.decide(&order).ok()?;
            if let Some(request) = &decision.request {
                self.request = Some((**request).clone());
            }
            // The request's own entry changes nothing and would be the last one.
            if decision.reverts.is_some() {
                self.write(&decision, &order);
            }
        }
        Some(self.facts.clone())
    }

    fn when(&self, ask: &Ask) -> When {
        match ask.a % 4 {
            0 => When::Now,
            1 => When::AfterDays(u32::from(ask.b)),
            2 => When::At(after(self.now, u32::from(ask.b) * DAY / 4)),
            _ => When::On(
                self.terms()
                    .policy
                    .zone
                    .date_of(after(self.now, u32::from(ask.b) * DAY)),
            ),
        }
    }

    fn pause_end(&self, ask: &Ask) -> PauseEnd {
        match ask.b % 4 {
            0 => PauseEnd::Open,
            1 => PauseEnd::ForDays(u32::from(ask.a)),
            2 => PauseEnd::At(after(self.now, u32::from(ask.a) * DAY)),
            _ => PauseEnd::On(
                self.terms()
                    .policy
                    .zone
                    .date_of(after(self.now, u32::from(ask.a) * DAY)),
            ),
        }
    }

    fn payment(&self) -> garth_subscription::text::PaymentId {
        format!("pay-{}", self.made).parse().unwrap()
    }

    /// A payment of the journal.
    fn known_payment(&self, ask: &Ask) -> Option<garth_subscription::text::PaymentId> {
        let mut known = self
            .history
            .iter()
            .filter_map(|entry| entry.payment.clone());
        let count = known.clone().count();
        known.nth(usize::from(ask.a) % count.max(1))
    }

    fn plan(ask: &Ask) -> PlanId {
        let plans = ["small", "large", "free", "voice", "none"];
        plans[usize::from(ask.a) % plans.len()].parse().unwrap()
    }

    fn renewal(ask: &Ask) -> Renewal {
        Renewal {
            months: [None, Some(months(1)), Some(months(2)), Some(months(3))]
                [usize::from(ask.a % 4)],
            use_credit: [None, Some(true), Some(false)][usize::from(ask.b % 3)],
            invoicing: [None, Some(Invoicing::Forward), Some(Invoicing::Backward)]
                [usize::from(ask.a / 4 % 3)],
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table: one arm for each command")]
    /// The order that an ask stands for; none where it is about something that is not there.
    pub(crate) fn command(&self, ask: &Ask) -> Option<Command> {
        Some(match ask.pick {
            0..=7 => self.money_in(ask),
            8 => Command::Create(Box::new(Create {
                id: self.facts.id,
                plan: Self::plan(ask),
                services: Vec::new(),
                start_at: None,
                paid_through: None,
                anchor_day: None,
                balance: None,
                holds: Vec::new(),
                renewal: Renewal::default(),
                active_to: None,
            })),
            9 => Command::SetRenewal(Self::renewal(ask)),
            10 | 11 => Command::Pause {
                start: self.when(ask),
                end: self.pause_end(ask),
                is_locked: ask.flag && ask.a > 40,
            },
            12 => Command::EndPause,
            13 => Command::Suspend {
                cause: [
                    SuspendCause::Overdue,
                    SuspendCause::Operator,
                    SuspendCause::Fraud,
                ][usize::from(ask.a % 3)],
                debt: Some(euro(ask.minor)).filter(|_| ask.flag),
                as_of: Some(after(self.now, 0)).filter(|_| ask.b > 10),
            },
            14 => Command::Lift,
            15 => Command::Postpone {
                until: Some(after(self.now, u32::from(ask.a) * DAY / 8)).filter(|_| ask.flag),
            },
            16 => Command::Grace {
                days: u32::from(ask.a),
            },
            17 => Command::Disable {
                confirmed: ask.b > 5,
            },
            18 => Command::Enable,
            19 | 20 => Command::ChangePlan {
                plan: Self::plan(ask),
                start: match ask.b % 3 {
                    0 => ChangeStart::Now,
                    1 => ChangeStart::NextPeriod,
                    _ => ChangeStart::On(
                        self.terms()
                            .policy
                            .zone
                            .date_of(after(self.now, u32::from(ask.b) * DAY)),
                    ),
                },
            },
            21 => Command::CancelChange,
            22 => Command::RequestChange {
                plan: Some(Self::plan(ask)).filter(|_| ask.flag),
                message: "please".parse().unwrap(),
            },
            // Rarely now: a life that has ended shows little.
            23 => Command::Terminate {
                when: if ask.minor < 2_500 {
                    self.when(ask)
                } else {
                    When::AfterDays(60)
                },
                confirmed: ask.flag,
            },
            24 => Command::CancelTermination,
            25 => Command::Reinstate,
            26 => Command::Cancel,
            27..=29 => Command::RequestRevert(self.revert_ask(ask)?),
            30 | 31 => Command::ApproveRevert(self.request.as_ref()?.id),
            32 => Command::DenyRevert(self.request.as_ref()?.id),
            33 => self.money_out(ask)?,
            34 => self.confirmation(ask)?,
            35 => Command::OpenPortal,
            _ => [
                Command::StartDue,
                Command::ExpiryDue,
                Command::PauseDue,
                Command::ChangeDue,
                Command::TerminateDue,
            ][usize::from(ask.a % 5)]
            .clone(),
        })
    }

    fn money_in(&self, ask: &Ask) -> Command {
        let count = months([1, 1, 3, 12, 2][usize::from(ask.a % 5)]);
        let quote = quote::quote(&self.facts, count, self.terms()).ok();
        let exact = quote
            .as_ref()
            .map_or(ask.minor, |quote| quote.total.minor());
        let amount = euro(if ask.b.is_multiple_of(4) {
            ask.minor
        } else {
            exact
        });
        let payment = self.payment();
        let tender = match ask.pick {
            0 | 1 => Tender::Captured { payment, amount },
            2 | 3 => Tender::Balance,
            4 => Tender::Provisional { payment, amount },
            _ => {
                let back = self.now.unix_millis() - i64::from(ask.b % 3) * i64::from(DAY) * 1_000;
                return Command::Capture {
                    offer: quote
                        .filter(|_| ask.a < 50)
                        .map(|quote| Box::new(quote.offer(ask.flag, after(self.now, DAY)))),
                    payment,
                    amount,
                    captured_at: Timestamp::from_unix_millis(back).unwrap(),
                };
            }
        };
        let (months, then_pause) = (count, ask.flag && ask.b > 40);
        if ask.flag {
            Command::Pay {
                months,
                tender,
                then_pause,
            }
        } else {
            Command::Reactivate {
                months,
                tender,
                then_pause,
            }
        }
    }

    fn money_out(&self, ask: &Ask) -> Option<Command> {
        let payment = self.known_payment(ask)?;
        let amount = euro(ask.minor);
        Some(if ask.flag {
            Command::Refund { payment, amount }
        } else {
            Command::Chargeback { payment, amount }
        })
    }

    fn confirmation(&self, ask: &Ask) -> Option<Command> {
        let waiting = self
            .facts
            .provisional
            .first()
            .map(|taken| taken.payment.clone());
        let payment = waiting.or_else(|| self.known_payment(ask))?;
        Some(if ask.flag {
            Command::Post { payment }
        } else {
            Command::Void { payment }
        })
    }

    fn revert_ask(&self, ask: &Ask) -> Option<RevertAsk> {
        let back = usize::from(ask.a) % self.history.len();
        Some(RevertAsk {
            id: RevertId(Uuid::from_u128(self.made)),
            entry: self.history.get(self.history.len() - 1 - back)?.id,
            standing: None,
            amount: Some(euro(ask.minor)).filter(|_| ask.flag),
            allow_loss: ask.b > 20,
        })
    }
}

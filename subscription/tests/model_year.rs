//! A year of an ISP, from 1 January 2028 to 1 January 2029: a leap day, two changes of the clock, and
//! at the end the books, the journals and the standings agree.
//!
//! Every life is drawn from its own seed, so that one that fails can be lived again alone: the seed is
//! in the message.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests too: what cannot be unwrapped is a failure"
)]

mod books;

use std::collections::BTreeMap;
use std::fmt;

use garth_subscription::calendar::{BillingZone, CivilDate, Months, Weekday};
use garth_subscription::command::{
    Actor, ChangeStart, Command, CommandKind, Create, Note, Order, PauseEnd, Role, Tender, When,
};
use garth_subscription::decide::{Case, settled};
use garth_subscription::facts::{
    Facts, Invoicing, Renewal, Service, ServiceState, SubscriptionId, SuspendCause,
};
use garth_subscription::journal::{EntryId, JournalEntry};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Catalogue, Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy, Rules, Terms};
use garth_subscription::quote;
use garth_subscription::replay::replay;
use garth_subscription::revert::{RevertAsk, RevertId, RevertRequest};
use garth_subscription::text::Label;
use garth_subscription::time::{Span, Timestamp};
use garth_subscription::{Decision, Refusal, Standing, decide, standing};
use uuid::Uuid;

use books::Books;

/// 2028 is a leap year.
const DAYS: u32 = 366;

#[test]
fn a_model_year_of_ten_thousand_in_vienna() {
    live("Europe/Vienna", 10_000);
}

#[test]
fn a_model_year_in_sao_paulo_apia_and_kathmandu() {
    for zone in ["America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"] {
        live(zone, 200);
    }
}

/// Lives so many years one after the other, adds them up and prints what came of them.
fn live(zone: &str, subscribers: u64) {
    let rules = rules(zone.parse().unwrap());
    let mut totals = Totals::default();
    for seed in 0..subscribers {
        let mut life = Life::begin(&rules, seed);
        life.live();
        life.audit();
        totals.add(&life);
    }
    assert_eq!(totals.books.left(), totals.left, "{zone}: the books of all");
    assert_eq!(totals.standings.values().sum::<u64>(), subscribers);
    if subscribers >= 1_000 {
        totals.cover_the_year();
    }
    #[expect(clippy::print_stdout, reason = "the totals are for who runs the test")]
    {
        println!("{zone}, {subscribers} subscribers: {totals}");
    }
}

fn euro(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR).unwrap()
}

fn months(count: u16) -> Months {
    Months::new(count).unwrap()
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

/// A default that is paid before, a partner that invoices after, and one that is strict with pauses.
fn rules(zone: BillingZone) -> Rules {
    let plans = vec![
        plan(
            "home-100",
            PlanKind::Internet,
            &[(1, 2_990), (3, 8_500)],
            &["home-250"],
        ),
        plan(
            "home-250",
            PlanKind::Internet,
            &[(1, 4_490), (3, 12_900)],
            &["home-100"],
        ),
        plan("voice", PlanKind::Voice, &[(1, 500), (3, 1_400)], &[]),
    ];
    let mut default = Policy::new(zone);
    default.suspension.excluded_weekdays = vec![Weekday::Saturday, Weekday::Sunday];
    let mut backward = default.clone();
    backward.renewal.invoicing = Invoicing::Backward;
    backward.suspension.delay_days = 7;
    let mut strict = default.clone();
    strict.pause.days_max = Some(30);
    strict.pause.times_per_year = Some(2);
    strict.pause.days_per_year = Some(40);
    strict.pause.fee = Some(euro(200));
    strict.renewal.keeps_anchor = true;
    strict.customer_termination = true;
    let partners = [("after", backward), ("strict", strict)];
    Rules {
        policies: Policies {
            default,
            partners: partners
                .into_iter()
                .map(|(name, policy)| (name.parse().unwrap(), policy))
                .collect(),
        },
        catalogue: Catalogue::new(Currency::EUR, plans).unwrap(),
    }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).unwrap()
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.below(count) == 0
    }
}

/// One subscription, its journal, and whoever acts on it.
struct Life<'a> {
    rules: &'a Rules,
    partner: Option<Label>,
    seed: u64,
    random: Random,
    first: Facts,
    facts: Facts,
    history: Vec<JournalEntry>,
    now: Timestamp,
    /// Whether its timer wakes up only now and then.
    is_late: bool,
    refused: u64,
}

impl<'a> Life<'a> {
    fn begin(rules: &'a Rules, seed: u64) -> Self {
        let mut random = Random(seed);
        let partner = [None, Some("after"), Some("strict")][random.below(3) as usize];
        let partner = partner.map(|name| name.parse().unwrap());
        let now = rules
            .zone()
            .start_of(CivilDate::from_ymd(2028, 1, 1).unwrap())
            .unwrap();
        let start = random.one_in(5).then(|| days_after(now, random.below(60)));
        let voice = Service {
            plan: "voice".parse().unwrap(),
            state: ServiceState::Effective,
            invoicing: random.one_in(2).then_some(Invoicing::Backward),
        };
        let create = Create {
            id: SubscriptionId(Uuid::from_u128(u128::from(seed))),
            plan: "home-100".parse().unwrap(),
            services: vec![voice; random.below(2) as usize],
            start_at: start,
            paid_through: Some(days_after(now, random.below(90))).filter(|_| start.is_none()),
            anchor_day: random.one_in(3).then_some(31),
            balance: Some(euro(i64::from(random.below(9_000)) - 1_500)),
            holds: Vec::new(),
            renewal: Renewal {
                use_credit: random.one_in(4).then_some(false),
                ..Renewal::default()
            },
            active_to: random
                .one_in(20)
                .then(|| days_after(now, 100 + random.below(200))),
        };
        let order = order(Role::Operator, "anna", Command::Create(Box::new(create)));
        let decision = decide(Case::default(), &order, now, rules.terms(partner.as_ref()));
        let decision = decision.unwrap();
        let mut life = Self {
            rules,
            partner,
            seed,
            is_late: random.one_in(3),
            random,
            first: decision.facts.clone(),
            facts: decision.facts.clone(),
            history: Vec::new(),
            now,
            refused: 0,
        };
        life.write(&decision, &order, now);
        life
    }

    fn terms(&self) -> Terms<'a> {
        self.rules.terms(self.partner.as_ref())
    }

    fn live(&mut self) {
        let begin = self.now;
        for day in 0..DAYS {
            self.now = days_after(begin, day).saturating_add(self.hour());
            if !self.is_late || self.random.one_in(4) {
                self.work_off();
            }
            if self.random.one_in(9) {
                self.act();
            }
        }
        let end = CivilDate::from_ymd(2029, 1, 1).unwrap();
        self.now = self.rules.zone().start_of(end).unwrap();
        self.work_off();
    }

    fn hour(&mut self) -> Span {
        Span::from_seconds(self.random.below(86_400))
    }

    fn write(&mut self, decision: &Decision, order: &Order, now: Timestamp) {
        let id = EntryId(Uuid::from_u128(1 + self.history.len() as u128));
        self.history.push(decision.entry(id, None, order, now));
        self.facts = decision.facts.clone();
    }

    fn try_decide(
        &self,
        order: &Order,
        request: Option<&RevertRequest>,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let case = Case {
            facts: Some(&self.facts),
            history: &self.history,
            request,
        };
        decide(case, order, now, self.terms())
    }

    /// The timer, each thing at its own instant.
    fn work_off(&mut self) {
        while let Some(item) = self.facts.next_due(self.terms().policy) {
            if item.at > self.now {
                break;
            }
            let order = order(Role::Timer, "timer", item.action.command());
            let now = if self.is_late { self.now } else { item.at };
            let decision = self
                .try_decide(&order, None, now)
                .unwrap_or_else(|refusal| {
                    panic!("seed {}: {item:?} is refused: {refusal}", self.seed)
                });
            self.write(&decision, &order, now);
            assert!(self.history.len() < 2_000, "seed {}: {item:?}", self.seed);
        }
    }

    fn give(&mut self, role: Role, command: Command) {
        let order = order(role, "anna", command);
        match self.try_decide(&order, None, self.now) {
            Ok(decision) => self.write(&decision, &order, self.now),
            Err(_) => self.refused += 1,
        }
    }

    /// What happens to somebody on a day on which something does.
    fn act(&mut self) {
        match self.random.below(30) {
            0..=9 => self.pay(),
            10 => self.give(Role::Ledger, self.capture(None, 1_500)),
            11..=13 => self.pause(),
            14 => self.give(Role::Customer, Command::EndPause),
            15 | 16 => self.change_plan(),
            17 => self.give(Role::Customer, Command::CancelChange),
            18 | 19 => self.owe(),
            20 => self.give(Role::Customer, Command::Postpone { until: None }),
            21 => self.give(Role::Operator, Command::Lift),
            22 | 23 => {
                let days = 1 + self.random.below(7);
                self.give(Role::Operator, Command::Grace { days });
            }
            24 => self.give(Role::Operator, Command::Disable { confirmed: true }),
            25 | 26 => self.give(Role::Operator, Command::Enable),
            27 => self.refund(),
            28 => self.revert(),
            _ => self.end(),
        }
    }

    fn capture(&self, quote: Option<quote::Quote>, minor: i64) -> Command {
        Command::Capture {
            offer: quote.map(|quote| Box::new(quote.offer(false, days_after(self.now, 1)))),
            payment: format!("pay-{}", self.history.len()).parse().unwrap(),
            amount: euro(minor),
            captured_at: self.now,
        }
    }

    fn pay(&mut self) {
        let count = months(if self.random.one_in(4) { 3 } else { 1 });
        let Ok(quote) = quote::quote(&self.facts, count, self.terms()) else {
            return;
        };
        let (minor, role) = (quote.total.minor(), self.random.below(4));
        let tender = match role {
            0 if minor > 0 => Tender::Captured {
                payment: format!("cash-{}", self.history.len()).parse().unwrap(),
                amount: euro(minor),
            },
            1 | 2 if minor > 0 => {
                let command = self.capture(Some(quote), minor);
                return self.give(Role::Ledger, command);
            }
            _ => Tender::Balance,
        };
        let then_pause = self.random.one_in(10);
        let is_customer = tender == Tender::Balance;
        self.give(
            if is_customer {
                Role::Customer
            } else {
                Role::Operator
            },
            Command::Pay {
                months: count,
                tender,
                then_pause,
            },
        );
    }

    fn pause(&mut self) {
        let start = match self.random.below(3) {
            0 => When::Now,
            1 => When::AfterDays(1 + self.random.below(20)),
            _ => When::On(self.date_in(1, 20)),
        };
        let end = match self.random.below(3) {
            0 => PauseEnd::Open,
            1 => PauseEnd::ForDays(1 + self.random.below(30)),
            _ => PauseEnd::On(self.date_in(21, 20)),
        };
        let is_locked = self.random.one_in(10);
        let role = if is_locked {
            Role::Operator
        } else {
            Role::Customer
        };
        self.give(
            role,
            Command::Pause {
                start,
                end,
                is_locked,
            },
        );
    }

    fn date_in(&mut self, least: u32, more: u32) -> CivilDate {
        let days = least + self.random.below(more);
        self.rules.zone().date_of(days_after(self.now, days))
    }

    fn change_plan(&mut self) {
        let plan = if self.facts.plan.as_str() == "home-100" {
            "home-250"
        } else {
            "home-100"
        };
        let start = match self.random.below(3) {
            0 => ChangeStart::Now,
            1 => ChangeStart::NextPeriod,
            _ => ChangeStart::On(self.date_in(1, 40)),
        };
        let plan = plan.parse().unwrap();
        self.give(Role::Customer, Command::ChangePlan { plan, start });
    }

    fn owe(&mut self) {
        let command = Command::Suspend {
            cause: SuspendCause::Overdue,
            debt: Some(euro(500 + i64::from(self.random.below(4_000)))),
            as_of: Some(self.now),
        };
        self.give(Role::Ledger, command);
    }

    fn refund(&mut self) {
        let paid = self
            .history
            .iter()
            .rev()
            .find(|entry| entry.amount.is_some());
        let Some(payment) = paid.and_then(|entry| entry.payment.clone()) else {
            return;
        };
        let amount = euro(i64::from(1 + self.random.below(3_000)));
        let command = if self.random.one_in(2) {
            Command::Refund { payment, amount }
        } else {
            Command::Chargeback { payment, amount }
        };
        self.give(Role::Ledger, command);
    }

    /// Asked by anna, approved by bert, at times denied.
    fn revert(&mut self) {
        let back = self.random.below(5) as usize;
        let Some(entry) = self.history.iter().rev().nth(back) else {
            return;
        };
        let ask = RevertAsk {
            id: RevertId(Uuid::from_u128(self.history.len() as u128)),
            entry: entry.id,
            standing: None,
            amount: None,
            allow_loss: false,
        };
        let asked = order(Role::Operator, "anna", Command::RequestRevert(ask.clone()));
        let Ok(decision) = self.try_decide(&asked, None, self.now) else {
            self.refused += 1;
            return;
        };
        self.write(&decision, &asked, self.now);
        let answer = if self.random.one_in(5) {
            Command::DenyRevert(ask.id)
        } else {
            Command::ApproveRevert(ask.id)
        };
        let answered = order(Role::Approver, "bert", answer);
        let request = decision.request.as_deref();
        let decision = self.try_decide(&answered, request, self.now).unwrap();
        self.write(&decision, &answered, self.now);
    }

    fn end(&mut self) {
        let command = match self.random.below(6) {
            0 => Command::Terminate {
                when: When::Now,
                confirmed: true,
            },
            1 => Command::Terminate {
                when: When::On(self.date_in(1, 60)),
                confirmed: true,
            },
            2 | 3 => Command::CancelTermination,
            4 => return self.give(Role::Support, Command::Reinstate),
            _ => return self.give(Role::Customer, Command::Cancel),
        };
        self.give(Role::Operator, command);
    }

    /// The journal gives the facts, each entry follows from the one before, and nothing is due.
    fn audit(&self) {
        let seed = self.seed;
        assert_eq!(
            replay(&self.history).unwrap().facts,
            self.facts,
            "seed {seed}"
        );
        for pair in self.history.windows(2) {
            let (before, after) = (&pair[0].new, pair[1].old.as_ref().unwrap());
            assert_eq!(
                (before.paid_through, &before.plan, before.balance),
                (after.paid_through, &after.plan, after.balance),
                "seed {seed}: what lies between two entries moved"
            );
        }
        let seen = settled(&self.facts, self.now);
        assert_eq!(
            standing(&seen.standing_facts(), self.now),
            self.standing(),
            "seed {seed}"
        );
        let due = self.facts.next_due(self.terms().policy);
        assert!(
            due.is_none_or(|item| item.at > self.now),
            "seed {seed}: {due:?}"
        );
    }

    fn standing(&self) -> Standing {
        standing(&self.facts.standing_facts(), self.now)
    }
}

fn order(role: Role, name: &str, command: Command) -> Order {
    Order {
        actor: Actor {
            role,
            name: name.parse().unwrap(),
            on_behalf_of: None,
        },
        reason: Some("the model year".parse().unwrap()),
        note: Note::default(),
        command,
    }
}

fn days_after(at: Timestamp, days: u32) -> Timestamp {
    at.saturating_add(Span::from_days(days))
}

/// The books of all, in minor units, and what was done.
#[derive(Default)]
struct Totals {
    books: Books,
    left: i64,
    entries: u64,
    refused: u64,
    standings: BTreeMap<&'static str, u64>,
    actions: BTreeMap<&'static str, u64>,
}

impl Totals {
    fn add(&mut self, life: &Life<'_>) {
        let books = Books::of(&life.first, &life.history);
        assert_eq!(
            books.left(),
            life.facts.balance.minor(),
            "seed {}",
            life.seed
        );
        self.books.begun += books.begun;
        self.books.came_in += books.came_in;
        self.books.went_out += books.went_out;
        self.books.settled += books.settled;
        self.books.charged += books.charged;
        self.left += life.facts.balance.minor();
        self.entries += life.history.len() as u64;
        self.refused += life.refused;
        *self.standings.entry(life.standing().as_str()).or_default() += 1;
        for entry in &life.history {
            *self.actions.entry(entry.action.as_str()).or_default() += 1;
        }
    }

    /// Among ten thousand everything happens that can happen in a year.
    fn cover_the_year(&self) {
        for standing in Standing::ALL
            .into_iter()
            .filter(|at| *at != Standing::Pending)
        {
            assert!(self.standings.contains_key(standing.as_str()), "{standing}");
        }
        for kind in CommandKind::ALL {
            let never = [
                CommandKind::SetRenewal,
                CommandKind::Post,
                CommandKind::Void,
                CommandKind::RequestChange,
                CommandKind::Reactivate,
                CommandKind::OpenPortal,
            ];
            let is_there = self.actions.contains_key(kind.as_str());
            assert_ne!(is_there, never.contains(kind), "{}", kind.as_str());
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = [
            ("begun with", self.books.begun),
            ("came in", self.books.came_in),
            ("went out", self.books.went_out),
            ("settled by reverts", self.books.settled),
            ("charged", self.books.charged),
            ("left", self.left),
        ];
        writeln!(f, "{} entries, {} refused", self.entries, self.refused)?;
        for (name, minor) in sums {
            writeln!(f, "  {name}: {}", euro(minor))?;
        }
        writeln!(f, "  at the end: {:?}", self.standings)?;
        write!(f, "  done: {:?}", self.actions)
    }
}

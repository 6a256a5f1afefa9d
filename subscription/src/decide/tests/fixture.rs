//! Plans, people and subscriptions that the tests share.

use uuid::Uuid;

use crate::agenda::AgendaItem;
use crate::calendar::{BillingZone, CivilDate, Months};
use crate::command::{
    Actor, Command, Create, InitialHold, Note, Order, PauseEnd, Role, Tender, When,
};
use crate::decide::{Case, Decision, decide};
use crate::facts::{Facts, Renewal, Service, ServiceState, SubscriptionId, SuspendCause};
use crate::journal::{Effect, EntryId, JournalEntry};
use crate::money::{Currency, Money};
use crate::plan::{Catalogue, Plan, PlanKind, PriceLine, SessionTerms};
use crate::policy::{Policies, Policy, Rules};
use crate::quote;
use crate::refusal::Refusal;
use crate::revert::{RevertAsk, RevertId, RevertRequest};
use crate::standing::{Standing, standing};
use crate::time::Timestamp;

/// Noon in winter, three weeks before the end of what [`active`] has paid.
pub(super) const NOW: &str = "2027-01-10T12:00:00Z";
/// The end of what [`active`] has paid: the first of February begins in Vienna.
pub(super) const PAID: &str = "2027-01-31T23:00:00Z";

pub(super) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn euro(text: &str) -> Money {
    Money::parse(text, Currency::EUR).unwrap()
}

pub(super) fn months(count: u16) -> Months {
    Months::new(count).unwrap()
}

pub(super) fn date(text: &str) -> CivilDate {
    text.parse().unwrap()
}

fn plan(id: &str, kind: PlanKind, prices: &[(u16, &str)], change_to: &[&str]) -> Plan {
    Plan {
        id: id.parse().unwrap(),
        name: id.parse().unwrap(),
        kind,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: prices
            .iter()
            .map(|(count, amount)| PriceLine {
                months: months(*count),
                amount: euro(amount),
            })
            .collect(),
        change_to: change_to.iter().map(|id| id.parse().unwrap()).collect(),
    }
}

pub(super) fn rules() -> Rules {
    let plans = vec![
        plan(
            "home-100",
            PlanKind::Internet,
            &[(1, "29.90"), (3, "85.00"), (12, "299.00")],
            &["home-250"],
        ),
        plan(
            "home-250",
            PlanKind::Internet,
            &[(1, "44.90"), (3, "129.00")],
            &["home-100"],
        ),
        plan("home-30", PlanKind::Internet, &[(1, "19.90")], &[]),
        plan("home-10", PlanKind::Internet, &[], &[]),
        plan("voice", PlanKind::Voice, &[(1, "5.00"), (3, "14.00")], &[]),
    ];
    Rules {
        policies: Policies::new(Policy::new("Europe/Vienna".parse().unwrap())),
        catalogue: Catalogue::new(Currency::EUR, plans).unwrap(),
    }
}

/// The rules above with another choice.
pub(super) fn rules_with(choose: impl FnOnce(&mut Policy)) -> Rules {
    let mut rules = rules();
    choose(&mut rules.policies.default);
    rules
}

pub(super) fn order(role: Role, command: Command) -> Order {
    let actor = Actor {
        role,
        name: "anna".parse().unwrap(),
        on_behalf_of: None,
    };
    Order {
        actor,
        reason: Some("asked by telephone".parse().unwrap()),
        note: Note::default(),
        command,
    }
}

pub(super) fn template() -> Create {
    Create {
        id: SubscriptionId(Uuid::from_u128(1)),
        plan: "home-100".parse().unwrap(),
        services: Vec::new(),
        start_at: None,
        paid_through: Some(instant(PAID)),
        anchor_day: None,
        balance: None,
        holds: Vec::new(),
        renewal: Renewal::default(),
        active_to: None,
    }
}

pub(super) fn voice() -> Service {
    Service {
        plan: "voice".parse().unwrap(),
        state: ServiceState::Effective,
        invoicing: None,
    }
}

pub(super) fn created(create: Create) -> Facts {
    try_create(create).unwrap().facts
}

pub(super) fn try_create(create: Create) -> Result<Decision, Refusal> {
    let command = Command::Create(Box::new(create));
    decide(
        Case::default(),
        &order(Role::Operator, command),
        instant(NOW),
        rules().terms(None),
    )
}

/// Paid to the end of January 2027, Vienna time.
pub(super) fn active() -> Facts {
    created(template())
}

pub(super) fn expired() -> Facts {
    created(Create {
        paid_through: Some(instant("2026-12-31T23:00:00Z")),
        ..template()
    })
}

pub(super) fn pending() -> Facts {
    created(Create {
        start_at: Some(instant("2027-01-31T23:00:00Z")),
        paid_through: None,
        ..template()
    })
}

pub(super) fn suspended(cause: SuspendCause, debt: Option<&str>) -> Facts {
    let holds = vec![InitialHold::Suspend {
        cause,
        debt: debt.map(euro),
    }];
    created(Create {
        holds,
        paid_through: Some(instant("2026-12-31T23:00:00Z")),
        ..template()
    })
}

pub(super) fn run(facts: &Facts, role: Role, command: Command) -> Result<Decision, Refusal> {
    run_at(facts, role, command, NOW)
}

pub(super) fn run_at(
    facts: &Facts,
    role: Role,
    command: Command,
    now: &str,
) -> Result<Decision, Refusal> {
    run_by(facts, role, command, now, &rules())
}

pub(super) fn run_by(
    facts: &Facts,
    role: Role,
    command: Command,
    now: &str,
    rules: &Rules,
) -> Result<Decision, Refusal> {
    decide(
        Case::of(facts),
        &order(role, command),
        instant(now),
        rules.terms(None),
    )
}

pub(super) fn standing_at(facts: &Facts, now: &str) -> Standing {
    standing(&facts.standing_facts(), instant(now))
}

pub(super) fn captured(amount: &str) -> Tender {
    Tender::Captured {
        payment: "pay-1".parse().unwrap(),
        amount: euro(amount),
    }
}

pub(super) fn provisional(payment: &str, amount: &str) -> Tender {
    Tender::Provisional {
        payment: payment.parse().unwrap(),
        amount: euro(amount),
    }
}

pub(super) fn pay(count: u16, tender: Tender) -> Command {
    Command::Pay {
        months: months(count),
        tender,
        then_pause: false,
    }
}

pub(super) fn reactivate(count: u16, tender: Tender) -> Command {
    Command::Reactivate {
        months: months(count),
        tender,
        then_pause: false,
    }
}

/// A gateway's money for months that were quoted for `facts`.
pub(super) fn capture(facts: &Facts, count: u16, amount: &str) -> Command {
    capture_at(facts, count, amount, NOW)
}

pub(super) fn capture_at(facts: &Facts, count: u16, amount: &str, at: &str) -> Command {
    let quote = quote::quote(facts, months(count), rules().terms(None)).unwrap();
    Command::Capture {
        offer: Some(Box::new(quote.offer(false, Timestamp::MAX))),
        payment: "pay-1".parse().unwrap(),
        amount: euro(amount),
        captured_at: instant(at),
    }
}

/// Money without an offer.
pub(super) fn plain_capture(payment: &str, amount: &str) -> Command {
    Command::Capture {
        offer: None,
        payment: payment.parse().unwrap(),
        amount: euro(amount),
        captured_at: instant(NOW),
    }
}

pub(super) fn pause_now(end: PauseEnd) -> Command {
    pause(When::Now, end)
}

pub(super) const fn pause(start: When, end: PauseEnd) -> Command {
    Command::Pause {
        start,
        end,
        is_locked: false,
    }
}

pub(super) const fn suspend(cause: SuspendCause, debt: Option<Money>) -> Command {
    Command::Suspend {
        cause,
        debt,
        as_of: None,
    }
}

pub(super) fn overdue(debt: &str, as_of: &str) -> Command {
    Command::Suspend {
        cause: SuspendCause::Overdue,
        debt: Some(euro(debt)),
        as_of: Some(instant(as_of)),
    }
}

pub(super) const fn terminate(when: When) -> Command {
    Command::Terminate {
        when,
        confirmed: true,
    }
}

pub(super) fn vienna_date(at: Timestamp) -> String {
    let zone: BillingZone = "Europe/Vienna".parse().unwrap();
    zone.date_of(at).to_string()
}

/// A subscription with its journal, as a store keeps it.
pub(super) struct Life {
    pub(super) rules: Rules,
    pub(super) facts: Facts,
    pub(super) history: Vec<JournalEntry>,
    pub(super) now: Timestamp,
}

impl Life {
    pub(super) fn new(create: Create, rules: Rules) -> Self {
        let now = instant(NOW);
        let order = order(Role::Operator, Command::Create(Box::new(create)));
        let decision = decide(Case::default(), &order, now, rules.terms(None)).unwrap();
        let mut life = Self {
            rules,
            facts: decision.facts.clone(),
            history: Vec::new(),
            now,
        };
        life.write(&decision, &order);
        life
    }

    pub(super) fn active() -> Self {
        Self::new(template(), rules())
    }

    fn write(&mut self, decision: &Decision, order: &Order) -> EntryId {
        let id = EntryId(Uuid::from_u128(1_000 + self.history.len() as u128));
        self.history.push(decision.entry(id, None, order, self.now));
        id
    }

    pub(super) fn try_order(
        &self,
        order: &Order,
        request: Option<&RevertRequest>,
    ) -> Result<Decision, Refusal> {
        let case = Case {
            facts: Some(&self.facts),
            history: &self.history,
            request,
        };
        decide(case, order, self.now, self.rules.terms(None))
    }

    pub(super) fn try_run(&self, role: Role, command: Command) -> Result<Decision, Refusal> {
        self.try_order(&order(role, command), None)
    }

    /// Decides and writes down.
    pub(super) fn give(
        &mut self,
        order: &Order,
        request: Option<&RevertRequest>,
    ) -> Result<Decision, Refusal> {
        let decision = self.try_order(order, request)?;
        self.write(&decision, order);
        self.facts = decision.facts.clone();
        Ok(decision)
    }

    pub(super) fn run(&mut self, role: Role, command: Command) -> Decision {
        self.give(&order(role, command), None).unwrap()
    }

    pub(super) fn last(&self) -> EntryId {
        self.history.last().unwrap().id
    }

    pub(super) fn next_due(&self) -> Option<AgendaItem> {
        self.facts.next_due(self.rules.terms(None).policy)
    }

    /// Has the timer do what is due until `at`, each at its instant; what came of it.
    pub(super) fn pass(&mut self, at: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        let until = instant(at);
        while let Some(item) = self.next_due().filter(|item| item.at <= until) {
            self.now = self.now.max(item.at);
            let decision = self.run(Role::Timer, item.action.command());
            effects.push(decision.effect);
            assert!(effects.len() < 1_000, "{item:?} stays due");
        }
        self.now = until;
        effects
    }

    pub(super) fn standing(&self) -> Standing {
        standing(&self.facts.standing_facts(), self.now)
    }

    /// A request by anna to take back an entry.
    pub(super) fn ask(&self, entry: EntryId) -> RevertAsk {
        RevertAsk {
            id: RevertId(Uuid::from_u128(7)),
            entry,
            standing: None,
            amount: None,
            allow_loss: false,
        }
    }

    pub(super) fn request(&self, ask: RevertAsk) -> Result<RevertRequest, Refusal> {
        let decision = self.try_run(Role::Operator, Command::RequestRevert(ask))?;
        Ok(*decision.request.unwrap())
    }

    /// Asked by anna, approved by bert.
    pub(super) fn revert(&mut self, entry: EntryId) -> Decision {
        let request = self.request(self.ask(entry)).unwrap();
        self.give(&by_bert(Command::ApproveRevert(request.id)), Some(&request))
            .unwrap()
    }
}

/// An order of the second operator.
pub(super) fn by_bert(command: Command) -> Order {
    let mut order = order(Role::Approver, command);
    order.actor.name = "bert".parse().unwrap();
    order
}

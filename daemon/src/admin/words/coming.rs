//! What is still to come of a subscription, in words: its agenda, and what waits for a person.

use chrono_tz::Tz;
use garth_store::record::Ticket;
use garth_subscription::agenda::{AgendaAction, AgendaItem};
use garth_subscription::facts::{Facts, Invoicing};
use garth_subscription::policy::Policy;
use garth_subscription::revert::RevertRequest;

use super::when;

/// Everything that is agreed or due for it, earliest first.
pub(super) fn agenda_in_words(facts: &Facts, policy: &Policy, tz: Tz) -> Vec<String> {
    let mut words: Vec<String> = facts
        .agenda(policy)
        .iter()
        .filter_map(|item| item_in_words(item, facts, policy, tz))
        .collect();
    if facts.holds.pause.is_some_and(|pause| pause.is_locked) {
        words.push("The provider made the pause: the subscriber may not end it.".to_owned());
    }
    words
}

fn item_in_words(item: &AgendaItem, facts: &Facts, policy: &Policy, tz: Tz) -> Option<String> {
    let at = when(item.at, tz);
    Some(match item.action {
        AgendaAction::Terminate => {
            let end = facts.termination.as_ref()?;
            let reason = end.reason.as_ref();
            let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
            format!("It ends for good at {at}, as {} has asked{reason}.", end.by)
        }
        AgendaAction::ChangePlan => {
            let change = facts.plan_change.as_ref()?;
            format!(
                "Its plan changes to {} at {at}, for {}.",
                change.plan, change.price
            )
        }
        AgendaAction::BeginPause => match facts.holds.pause?.until {
            Some(until) => format!("It pauses from {at} until {}.", when(until, tz)),
            None => format!("It pauses from {at}, until further notice."),
        },
        AgendaAction::Expiry => renewal_in_words(facts, policy, &at),
        AgendaAction::Suspend => {
            let owed = facts.balance.negated();
            format!(
                "Policy suspends it at {at} for the {owed} that are owed, unless they are paid."
            )
        }
        // The standing itself tells when it starts, and until when it is paused.
        AgendaAction::Start | AgendaAction::EndPause => return None,
    })
}

fn renewal_in_words(facts: &Facts, policy: &Policy, at: &str) -> String {
    let renewal = facts.renewal;
    let months = renewal.months.map_or_else(
        || "the fewest months on sale".to_owned(),
        |months| format!("{months} months"),
    );
    let uses_credit = renewal.use_credit.unwrap_or(policy.renewal.use_credit);
    match renewal.invoicing.unwrap_or(policy.renewal.invoicing) {
        Invoicing::Backward => {
            format!("At {at} it is renewed for {months}, invoiced when they are over.")
        }
        Invoicing::Forward if uses_credit => {
            format!("At {at} credit buys {months} by itself, if there is enough.")
        }
        Invoicing::Forward => format!("At {at} nothing renews it by itself: use credit is off."),
    }
}

/// What is settled for now but not for good.
pub(super) fn unsettled_in_words(facts: &Facts) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(waived) = facts.waived_debt {
        words.push(format!(
            "A suspension for {waived} was lifted by an operator; only a greater debt suspends again."
        ));
    }
    if let Some(months) = facts.unbilled {
        words.push(format!(
            "{months} months run that are invoiced when they are over."
        ));
    }
    for taken in &facts.provisional {
        words.push(format!(
            "It was given time for {} that nobody has confirmed yet (payment {}).",
            taken.amount, taken.payment
        ));
    }
    words
}

/// Requests and tickets that wait for a person.
pub(super) fn waiting_in_words(
    reverts: &[RevertRequest],
    tickets: &[Ticket],
    tz: Tz,
) -> Vec<String> {
    let reverts = reverts.iter().map(|request| {
        format!(
            "{} asks to take back {} of {} ({}): request {} waits for another operator.",
            request.requested_by,
            request.action.as_str().replace('_', " "),
            when(request.performed_at, tz),
            request.reason,
            request.id.0
        )
    });
    let tickets = tickets.iter().map(|ticket| {
        let plan = ticket.plan.as_ref();
        let plan = plan.map_or(String::new(), |plan| format!(" for plan {plan}"));
        format!(
            "The subscriber asked{plan} at {}: ticket {} waits for an answer.",
            when(ticket.created_at, tz),
            ticket.id.0
        )
    });
    reverts.chain(tickets).collect()
}

#[cfg(test)]
mod tests {
    use garth_subscription::command::Note;
    use garth_subscription::facts::{PlanChange, Provisional, Renewal, Termination};
    use garth_subscription::money::Currency;
    use garth_subscription::plan::{Catalogue, Plan, PlanKind, SessionTerms};
    use garth_subscription::policy::{Policies, Rules};
    use garth_subscription::{Actor, Case, Command, Money, Order, Role, Timestamp, decide};

    use super::*;
    use crate::import::{Context, ImportLine};

    fn policy() -> Policy {
        Policy::new("Europe/Vienna".parse().unwrap())
    }

    /// A subscription that is paid until 2027-02-01.
    fn facts() -> Facts {
        let line = br#"{"username":"a","plan":"home-100","paid_through":"2027-01-31"}"#;
        let context = Context {
            zone: policy().zone,
            currency: Currency::EUR,
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
        };
        let new = ImportLine::from_json(line)
            .unwrap()
            .checked(&context)
            .unwrap();
        let policies = Policies::new(policy());
        let plan = Plan {
            id: "home-100".parse().unwrap(),
            name: "Home".parse().unwrap(),
            kind: PlanKind::Internet,
            down_kbps: 1,
            up_kbps: 1,
            session: SessionTerms::default(),
            prices: Vec::new(),
            change_to: Vec::new(),
        };
        let catalogue = Catalogue::new(context.currency, vec![plan]).unwrap();
        let rules = Rules {
            policies,
            catalogue,
        };
        let order = Order {
            actor: Actor {
                role: Role::Operator,
                name: "alice".parse().unwrap(),
                on_behalf_of: None,
            },
            reason: None,
            note: Note::default(),
            command: Command::Create(Box::new(new.create)),
        };
        let case = Case::default();
        decide(case, &order, context.now, rules.terms(None))
            .unwrap()
            .facts
    }

    fn said(facts: &Facts) -> String {
        let tz = chrono_tz::Europe::Vienna;
        let mut words = agenda_in_words(facts, &policy(), tz);
        words.extend(unsettled_in_words(facts));
        words.join("\n")
    }

    #[test]
    fn l32_everything_that_is_to_come_is_told() {
        let euros = |minor| Money::from_minor(minor, Currency::EUR).unwrap();
        let at: Timestamp = "2026-12-31T23:00:00Z".parse().unwrap();
        let mut facts = facts();
        assert_eq!(
            said(&facts),
            "At 2027-02-01 00:00 CET credit buys the fewest months on sale by itself, if there is enough."
        );
        facts.renewal = Renewal {
            use_credit: Some(false),
            ..Renewal::default()
        };
        assert!(
            said(&facts).contains("use credit is off"),
            "{}",
            said(&facts)
        );
        facts.termination = Some(Termination {
            at,
            by: "alice".parse().unwrap(),
            reason: "moves away".parse().ok(),
        });
        facts.plan_change = Some(PlanChange {
            at,
            plan: "home-500".parse().unwrap(),
            price: euros(2_000),
            paid_through: facts.paid_through,
        });
        facts.waived_debt = Some(euros(999));
        facts.provisional = vec![Provisional {
            payment: "cash-1".parse().unwrap(),
            amount: euros(2_990),
        }];
        let words = said(&facts);
        for expected in [
            "It ends for good at 2027-01-01 00:00 CET, as alice has asked (moves away).",
            "Its plan changes to home-500 at 2027-01-01 00:00 CET, for 20.00 EUR.",
            "A suspension for 9.99 EUR was lifted by an operator",
            "29.90 EUR that nobody has confirmed yet (payment cash-1)",
        ] {
            assert!(words.contains(expected), "{expected}: {words}");
        }
    }
}

//! Documents of the daemon as tables and lines for people.

mod requests;
mod sessions;

use super::failure::Failure;
use super::output::Output;
use super::zone::Zone;
use crate::admin::DisconnectAnswer;
use crate::admin::wire::{
    ActionsBody, AgendaBody, ChangeBody, ChangePriceBody, DisconnectedBody, EntryBody, ExplainBody,
    HoldsBody, MoneyBody, PlanBody, PlansAppliedBody, ProvisionalBody, RenewalBody, SnapshotBody,
    SubscriptionBody,
};

pub(super) use requests::{
    approvals, holds as time_holds, quote, quotes, report, revert, revert_asked, reverts, ticket,
    tickets,
};

pub(super) use sessions::{session, sessions, usage};

fn or_empty(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

/// What a list calls a subscription.
fn label(one: &SubscriptionBody) -> String {
    let names = [&one.username, &one.mac, &one.external_id];
    or_empty(names.into_iter().flatten().next())
}

/// One page of the list; only the first one has a header.
pub(super) fn subscriptions(
    all: &[SubscriptionBody],
    is_first: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let zone = output.zone();
    let header = [
        "NAME",
        "PLAN",
        "STANDING",
        "ACCESS",
        "PAID THROUGH",
        "BALANCE",
        "ID",
    ];
    let rows = all.iter().map(|one| {
        vec![
            label(one),
            one.plan.clone(),
            one.standing.clone(),
            one.access.clone(),
            zone.when(&one.paid_through),
            one.balance.to_string(),
            one.id.clone(),
        ]
    });
    let header: &[&str] = if is_first { &header } else { &[] };
    output.table(header, rows)
}

pub(super) fn subscription(one: &SubscriptionBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let services: Vec<_> = one
        .services
        .iter()
        .map(|service| format!("{} ({})", service.plan, service.state))
        .collect();
    let ended = one.ended.as_ref();
    let time = |at: Option<&String>| at.map_or(String::new(), |at| zone.when(at));
    let first = [
        ("id", one.id.clone()),
        ("username", or_empty(one.username.as_ref())),
        ("mac", or_empty(one.mac.as_ref())),
        ("external id", or_empty(one.external_id.as_ref())),
        ("name", or_empty(one.name.as_ref())),
        ("phone", or_empty(one.phone.as_ref())),
        ("language", or_empty(one.language.as_ref())),
        ("standing", one.standing.clone()),
        ("access", one.access.clone()),
        ("plan", one.plan.clone()),
        ("services", services.join(", ")),
        ("start", time(one.start_at.as_ref())),
        ("paid through", zone.when(&one.paid_through)),
        ("grace until", time(one.grace_until.as_ref())),
        ("next change", time(one.next_change.as_ref())),
        ("counted from", one.anchor_date.clone()),
        ("balance", one.balance.to_string()),
        ("holds", holds(&one.holds, &zone)),
        ("agenda", agenda(&one.agenda, &zone)),
        (
            "plan change",
            one.plan_change.as_ref().map_or(String::new(), |change| {
                let at = zone.when(&change.at);
                format!("{} at {at} for {}", change.plan, change.price)
            }),
        ),
        (
            "pending terminate",
            one.pending_terminate.as_ref().map_or(String::new(), |end| {
                format!("{} by {}", zone.when(&end.at), end.by)
            }),
        ),
        ("renewal", renewal(&one.renewal)),
        ("owing since", time(one.owing_since.as_ref())),
        (
            "waived debt",
            one.waived_debt
                .as_ref()
                .map_or(String::new(), ToString::to_string),
        ),
        (
            "unbilled months",
            one.unbilled_months
                .map_or(String::new(), |months| months.to_string()),
        ),
        ("provisional", provisional(&one.provisional)),
        (
            "ended",
            ended.map_or(String::new(), |ended| {
                format!("{} by {}", zone.when(&ended.at), ended.by)
            }),
        ),
    ];
    let rest = [
        ("partner", or_empty(one.partner.as_ref())),
        ("reseller", or_empty(one.reseller.as_ref())),
        ("version", one.version.to_string()),
    ];
    output.pairs(first.into_iter().chain(network(one)).chain(rest))
}

/// What the network knows a subscription by and gives to it.
fn network(one: &SubscriptionBody) -> [(&'static str, String); 7] {
    [
        ("credential", one.credential.clone()),
        ("circuit id", or_empty(one.circuit_id.as_ref())),
        ("remote id", or_empty(one.remote_id.as_ref())),
        ("framed ipv4", or_empty(one.framed_ipv4.as_ref())),
        ("framed ipv6", or_empty(one.framed_ipv6.as_ref())),
        ("delegated ipv6", or_empty(one.delegated_ipv6.as_ref())),
        ("framed routes", one.framed_routes.join(", ")),
    ]
}

fn renewal(renewal: &RenewalBody) -> String {
    let months = renewal
        .months
        .map_or("the fewest months".to_owned(), |months| {
            format!("{months} months")
        });
    let credit = if renewal.use_credit { "on" } else { "off" };
    let own = if renewal.own.is_empty() {
        String::new()
    } else {
        format!(" (its own: {})", renewal.own.join(", ").replace('_', " "))
    };
    format!(
        "{months}, use credit {credit}, invoiced {}{own}",
        renewal.invoicing
    )
}

fn provisional(taken: &[ProvisionalBody]) -> String {
    let taken: Vec<_> = taken
        .iter()
        .map(|one| format!("{} ({})", one.amount, one.payment_id))
        .collect();
    taken.join(", ")
}

fn holds(holds: &HoldsBody, zone: &Zone) -> String {
    let mut words = Vec::new();
    if let Some(pause) = &holds.pause {
        let until = pause.until.as_ref();
        let until = until.map_or("without an end".to_owned(), |until| {
            format!("until {}", zone.when(until))
        });
        let how = if pause.has_begun {
            "paused since"
        } else {
            "to be paused from"
        };
        let locked = if pause.locked { " (locked)" } else { "" };
        words.push(format!("{how} {} {until}{locked}", zone.when(&pause.from)));
    }
    if let Some(suspend) = &holds.suspend {
        let debt = suspend
            .debt
            .as_ref()
            .map_or(String::new(), |debt| format!(", {debt} due"));
        words.push(format!(
            "suspended ({}{debt}) since {}{}",
            suspend.cause,
            zone.when(&suspend.since),
            suspend
                .postponed_until
                .as_ref()
                .map_or(String::new(), |until| {
                    format!(", put off until {}", zone.when(until))
                })
        ));
    }
    if let Some(disable) = &holds.disable {
        words.push(format!(
            "disabled ({}) since {}",
            disable.reason,
            zone.when(&disable.since)
        ));
    }
    words.join("; ")
}

pub(super) fn change(change: &ChangeBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let how = match (change.dry_run, change.repeated) {
        (true, _) => "dry run, nothing was changed; this would be",
        (false, true) => "was done before, nothing was done again",
        (false, false) => "done",
    };
    let effect = match change.effect.as_str() {
        "done" => String::new(),
        effect => format!(" ({})", effect.replace('_', " ")),
    };
    let action = change.action.replace('_', "-");
    output.line(format!("{how}: {action}{effect}"))?;
    let mut pairs = vec![("subscription", change.subscription.clone())];
    pairs.extend(side_by_side(change.old.as_ref(), &change.new, &zone));
    pairs.extend([
        (
            "amount",
            change
                .amount
                .as_ref()
                .map_or(String::new(), ToString::to_string),
        ),
        ("payment id", or_empty(change.payment_id.as_ref())),
        ("cleared", agenda(&change.cleared, &zone)),
        ("agenda", agenda(&change.agenda, &zone)),
        ("takes back", or_empty(change.reverts.as_ref())),
        ("entry", or_empty(change.entry.as_ref())),
    ]);
    output.pairs(pairs)?;
    change
        .price_of_change
        .as_ref()
        .map_or(Ok(()), |price| price_of_change(price, output))
}

/// What a change makes of a subscription: what changes with both of its values.
fn side_by_side(
    old: Option<&SnapshotBody>,
    new: &SnapshotBody,
    zone: &Zone,
) -> Vec<(&'static str, String)> {
    let both = |read: &dyn Fn(&SnapshotBody) -> String| {
        let new = read(new);
        match old.map(read) {
            Some(old) if old != new => format!("{old} -> {new}"),
            Some(_) | None => new,
        }
    };
    vec![
        ("standing", both(&|side| side.standing.clone())),
        ("access", both(&|side| side.access.clone())),
        ("paid through", both(&|side| zone.when(&side.paid_through))),
        ("plan", both(&|side| side.plan.clone())),
        ("balance", both(&|side| side.balance.to_string())),
    ]
}

/// What a change of plan costs, line by line (L16).
fn price_of_change(price: &ChangePriceBody, output: &mut Output) -> Result<(), Failure> {
    let at = output.zone().when(&price.at);
    let lines = [
        ("unused money of the old plan", &price.refund),
        ("the new plan for the time left", &price.charge),
        ("fee", &price.fee),
        ("price of change", &price.total),
    ];
    let lines = lines.map(|(key, amount)| (key.to_owned(), amount.to_string()));
    output.group(&format!("Change of plan at {at}"), lines.into())
}

/// What waits for its instant, in one line.
fn agenda(items: &[AgendaBody], zone: &Zone) -> String {
    let items: Vec<_> = items
        .iter()
        .map(|item| {
            let action = item.action.replace('_', " ");
            format!("{action} at {}", zone.when(&item.at))
        })
        .collect();
    items.join(", ")
}

pub(super) fn entries(all: &[EntryBody], output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let header = [
        "SEQ",
        "WHEN",
        "ACTION",
        "EFFECT",
        "BY",
        "STANDING",
        "PAID THROUGH",
        "AMOUNT",
        "REVERTS",
        "SUB-TYPE",
        "REASON",
    ];
    // Where the list has the entries that are named, by their numbers.
    let number = |id: Option<&String>| {
        let id = id?;
        let found = all.iter().find(|entry| entry.id == *id);
        Some(found.map_or_else(|| id.clone(), |entry| entry.sequence.to_string()))
    };
    let rows = all.iter().map(|entry| {
        let standing = match &entry.old {
            Some(old) if old.standing != entry.new.standing => {
                format!("{} -> {}", old.standing, entry.new.standing)
            }
            Some(_) | None => entry.new.standing.clone(),
        };
        vec![
            entry.sequence.to_string(),
            zone.when(&entry.performed_at),
            entry.action.clone(),
            entry.effect.clone(),
            format!("{} ({})", entry.actor.name, entry.actor.role),
            standing,
            zone.when(&entry.new.paid_through),
            entry
                .amount
                .as_ref()
                .map_or(String::new(), ToString::to_string),
            match (
                number(entry.reverts.as_ref()),
                number(entry.reverted_by.as_ref()),
            ) {
                (Some(reverts), None) => format!("takes back {reverts}"),
                (None, Some(by)) => format!("taken back by {by}"),
                (Some(reverts), Some(by)) => format!("takes back {reverts}, taken back by {by}"),
                (None, None) => String::new(),
            },
            or_empty(entry.note.sub_type.as_ref()),
            or_empty(entry.reason.as_ref()),
        ]
    });
    output.table(&header, rows)
}

pub(super) fn explain(explanation: &ExplainBody, output: &mut Output) -> Result<(), Failure> {
    for sentence in &explanation.text {
        output.line(sentence)?;
    }
    if explanation.entries.is_empty() {
        return Ok(());
    }
    output.line("")?;
    entries(&explanation.entries, output)
}

pub(super) fn actions(shown: &ActionsBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let services = shown
        .services
        .iter()
        .map(|service| format!(", {} ({})", service.plan, service.state));
    let unsettled = &shown.unsettled;
    let optional = |amount: Option<&MoneyBody>| amount.map_or(String::new(), ToString::to_string);
    output.pairs([
        (
            "subscription",
            shown.username.clone().unwrap_or_else(|| shown.id.clone()),
        ),
        ("standing", shown.standing.clone()),
        (
            "services",
            shown.plan.clone() + &services.collect::<String>(),
        ),
        ("equipment", or_empty(shown.mac.as_ref())),
        ("balance", unsettled.balance.to_string()),
        (
            "owing since",
            unsettled
                .owing_since
                .as_ref()
                .map_or(String::new(), |at| zone.when(at)),
        ),
        ("debt", optional(unsettled.debt.as_ref())),
        (
            "unbilled months",
            unsettled
                .unbilled_months
                .map_or(String::new(), |months| months.to_string()),
        ),
        ("provisional", provisional(&unsettled.provisional)),
    ])?;
    output.line("")?;
    output.line("Online now:")?;
    sessions(&shown.sessions, output)?;
    output.line("")?;
    let rows = shown.actions.iter().map(|action| {
        let available = if action.available { "yes" } else { "no" };
        vec![
            action.verb.clone(),
            available.to_owned(),
            or_empty(action.rule.as_ref()),
            or_empty(action.detail.as_ref()),
        ]
    });
    output.table(&["ACTION", "NOW", "RULE", "WHY NOT"], rows)
}

fn prices(plan: &PlanBody) -> String {
    let lines: Vec<_> = plan
        .prices
        .iter()
        .map(|line| format!("{} for {}", line.months, line.price))
        .collect();
    lines.join(", ")
}

pub(super) fn plans(all: &[PlanBody], output: &mut Output) -> Result<(), Failure> {
    let header = ["ID", "NAME", "KIND", "DOWN KBIT/S", "UP KBIT/S", "MONTHS"];
    let rows = all.iter().map(|plan| {
        vec![
            plan.id.clone(),
            plan.name.clone(),
            plan.kind.clone(),
            plan.down_kbps.to_string(),
            plan.up_kbps.to_string(),
            prices(plan),
        ]
    });
    output.table(&header, rows)
}

fn number(value: Option<u32>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

pub(super) fn plan(plan: &PlanBody, output: &mut Output) -> Result<(), Failure> {
    output.pairs([
        ("id", plan.id.clone()),
        ("name", plan.name.clone()),
        ("kind", plan.kind.clone()),
        ("down kbit/s", plan.down_kbps.to_string()),
        ("up kbit/s", plan.up_kbps.to_string()),
        ("session limit", number(plan.session_limit.map(u32::from))),
        ("idle timeout s", number(plan.idle_timeout_seconds)),
        ("framed pool", or_empty(plan.framed_pool.as_ref())),
        ("framed ipv6 pool", or_empty(plan.framed_ipv6_pool.as_ref())),
        (
            "delegated ipv6 pool",
            or_empty(plan.delegated_ipv6_pool.as_ref()),
        ),
        ("months", prices(plan)),
        ("change to", plan.change_to.join(", ")),
    ])
}

pub(super) fn plans_applied(
    applied: &PlansAppliedBody,
    output: &mut Output,
) -> Result<(), Failure> {
    if applied.dry_run {
        output.line("nothing was changed; this would be:")?;
    }
    output.pairs([
        ("added", applied.added.join(", ")),
        ("changed", applied.changed.join(", ")),
        ("removed", applied.removed.join(", ")),
        ("unchanged", applied.unchanged.to_string()),
    ])
}

pub(super) fn disconnected(all: &[DisconnectedBody], output: &mut Output) -> Result<(), Failure> {
    let words = |answer: &DisconnectAnswer| match answer {
        DisconnectAnswer::DryRun => "would be asked".to_owned(),
        DisconnectAnswer::Acknowledged => "ended".to_owned(),
        DisconnectAnswer::Refused {
            error_cause: None, ..
        } => "the NAS refused and does not say why".to_owned(),
        DisconnectAnswer::Refused {
            error_cause: Some(cause),
            error_cause_name,
        } => format!(
            "the NAS refused: {} (Error-Cause {cause})",
            error_cause_name.as_deref().unwrap_or("unknown")
        ),
        DisconnectAnswer::Unknown => "the NAS did not know it; closed here".to_owned(),
        DisconnectAnswer::TimedOut { attempts, millis } => format!(
            "the NAS did not answer: asked {attempts} times in {} s; see garthctl nas probe",
            millis / 1_000
        ),
        DisconnectAnswer::NotConfigured => {
            "the NAS has no dynamic_authorization in the configuration".to_owned()
        }
        DisconnectAnswer::Failed { detail } => format!("could not be asked: {detail}"),
    };
    let rows = all.iter().map(|one| {
        vec![
            one.nas.clone(),
            one.acct_session_id.clone(),
            words(&one.answer),
        ]
    });
    if all.is_empty() {
        return output.line("there is no live session, so nobody was asked");
    }
    output.table(&["NAS", "SESSION", "ANSWER"], rows)
}

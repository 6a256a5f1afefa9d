//! `explain`: why this subscriber has this access, in words (L32).

use chrono_tz::Tz;
use garth_store::record::{ChainedEntry, Subscription};
use garth_subscription::decide::settled;
use garth_subscription::facts::{Facts, Phase};
use garth_subscription::standing::standing;
use garth_subscription::{Access, Standing, Timestamp};

use super::wire::{EntryBody, ExplainBody, cause_name};

/// How many of the last journal entries are shown.
pub(crate) const ENTRIES_MAX: usize = 5;

/// The standing, what made it, what changes it next, and the entries that led there.
pub(crate) fn explain(
    subscription: &Subscription,
    entries: &[ChainedEntry],
    now: Timestamp,
    tz: Tz,
) -> ExplainBody {
    let facts = settled(&subscription.facts, now);
    let is = standing(&facts.standing_facts(), now);
    let mut text = vec![access_in_words(is)];
    text.extend(cause_in_words(&facts, is, tz));
    text.extend(below_in_words(&facts, is, tz));
    if facts.balance.minor() < 0 {
        text.push(format!("The account is {} in debt.", facts.balance));
    } else if facts.balance.is_positive() {
        text.push(format!("The account has {} of credit.", facts.balance));
    }
    if let Some(newest) = entries.first() {
        text.push(last_change_in_words(newest, tz));
    }
    ExplainBody {
        id: facts.id.to_string(),
        standing: is.to_string(),
        access: is.access().as_str().to_owned(),
        text,
        entries: entries.iter().map(EntryBody::from).collect(),
    }
}

fn access_in_words(is: Standing) -> String {
    let access = match is.access() {
        Access::Full => "it has full access at the speed of its plan",
        Access::Garden => "it reaches the portal only",
        Access::Reject => "it is not let in at all",
    };
    format!("The subscription is {is}: {access}.")
}

/// A local time as people write it.
fn when(at: Timestamp, tz: Tz) -> String {
    at.to_utc()
        .with_timezone(&tz)
        .format("%Y-%m-%d %H:%M %Z")
        .to_string()
}

fn cause_in_words(facts: &Facts, is: Standing, tz: Tz) -> Option<String> {
    let paid_through = when(facts.paid_through, tz);
    match is {
        Standing::Pending => match &facts.phase {
            Phase::Pending { start_at } => Some(format!("It starts at {}.", when(*start_at, tz))),
            Phase::Started { .. } | Phase::Ended { .. } => None,
        },
        Standing::Active => Some(format!("It is paid until {paid_through}.")),
        Standing::Grace => {
            let until = when(facts.grace_until?, tz);
            Some(format!(
                "It was paid until {paid_through} and has grace, free of charge, until {until}."
            ))
        }
        Standing::Expired => Some(match facts.grace_until {
            Some(until) => format!(
                "It was paid until {paid_through}, its grace ended at {}; a payment brings it back.",
                when(until, tz)
            ),
            None => format!("It was paid until {paid_through}; a payment brings it back."),
        }),
        Standing::Paused => facts.holds.pause.map(|pause| {
            let end = match pause.until {
                Some(until) => format!("until {}", when(until, tz)),
                None => "without an end date".to_owned(),
            };
            format!(
                "It was paused at {} {end}; {} days of paid time are banked.",
                when(pause.from, tz),
                pause.banked.seconds() / 86_400
            )
        }),
        Standing::Suspended => suspension_in_words(facts, tz),
        Standing::Disabled => facts.holds.disable.as_ref().map(|disable| {
            format!(
                "It was disabled at {} ({}); it is still billed.",
                when(disable.since, tz),
                disable.reason
            )
        }),
        Standing::Terminated | Standing::Cancelled => match &facts.phase {
            Phase::Ended { at, by, reason, .. } => Some(match reason {
                Some(reason) => format!("It was ended at {} by {by} ({reason}).", when(*at, tz)),
                None => format!("It was ended at {} by {by}.", when(*at, tz)),
            }),
            Phase::Pending { .. } | Phase::Started { .. } => None,
        },
    }
}

fn suspension_in_words(facts: &Facts, tz: Tz) -> Option<String> {
    let suspend = facts.holds.suspend.as_ref()?;
    let mut words = format!(
        "It was suspended at {} (cause: {}",
        when(suspend.since, tz),
        cause_name(suspend.cause)
    );
    if let Some(reason) = &suspend.reason {
        words.push_str(&format!("; {reason}"));
    }
    words.push(')');
    match garth_subscription::quote::debt(facts) {
        Some(debt) => words.push_str(&format!(", and {debt} are due to lift it.")),
        None => words.push_str("; only an operator lifts it."),
    }
    Some(words)
}

/// What is true underneath a hold, so that nobody is surprised when it is lifted.
fn below_in_words(facts: &Facts, is: Standing, tz: Tz) -> Vec<String> {
    let mut words = Vec::new();
    let is_walled = matches!(is, Standing::Suspended | Standing::Disabled);
    if let Some(until) = facts
        .holds
        .suspend
        .as_ref()
        .and_then(|suspend| suspend.postponed_until)
        .filter(|_| is != Standing::Suspended)
    {
        let until = when(until, tz);
        words.push(format!("A suspension is put off until {until}."));
    }
    if is == Standing::Disabled && facts.holds.suspend.is_some() {
        words.push("Underneath it is suspended as well.".to_owned());
    }
    if is_walled && facts.holds.pause.is_some() {
        words.push("Underneath it is paused as well.".to_owned());
    } else if is_walled {
        let paid_through = when(facts.paid_through, tz);
        words.push(format!("Underneath, paid service ends at {paid_through}."));
    }
    words
}

fn last_change_in_words(newest: &ChainedEntry, tz: Tz) -> String {
    let entry = &newest.entry;
    let reason = entry
        .reason
        .as_ref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    format!(
        "The last change was {} by {} ({}) at {}{reason}.",
        entry.action.as_str(),
        entry.actor.name,
        entry.actor.role.as_str(),
        when(entry.performed_at, tz)
    )
}

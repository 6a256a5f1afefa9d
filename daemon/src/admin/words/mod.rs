//! `explain`: why this subscriber has this access, and whether the network agrees, in words (L32).

mod coming;

use chrono_tz::Tz;
use garth_store::record::{ChainedEntry, Session, Subscription, Ticket};
use garth_subscription::decide::settled;
use garth_subscription::facts::{Facts, Phase};
use garth_subscription::policy::Policy;
use garth_subscription::revert::RevertRequest;
use garth_subscription::standing::standing;
use garth_subscription::{Access, Standing, Timestamp};

use super::network::{WallBody, WallState};
use super::wire::{EntryBody, ExplainBody, SessionBody, cause_name, session_id_text};

/// How many of the last journal entries are shown.
pub(crate) const ENTRIES_MAX: usize = 5;
/// How many live sessions are told of.
pub(crate) const SESSIONS_MAX: usize = 5;

/// How many requests and tickets that wait are told of: more cannot wait.
pub(crate) const WAITING_MAX: usize = 20;

/// What there is to be explained.
pub(crate) struct Known<'a> {
    pub(crate) subscription: &'a Subscription,
    /// The live ones.
    pub(crate) sessions: &'a [Session],
    pub(crate) walls: Vec<WallBody>,
    /// Requests that wait for another operator.
    pub(crate) reverts: &'a [RevertRequest],
    /// Tickets that wait for an answer.
    pub(crate) tickets: &'a [Ticket],
    pub(crate) policy: &'a Policy,
    /// Newest first.
    pub(crate) entries: &'a [ChainedEntry],
    pub(crate) now: Timestamp,
    pub(crate) tz: Tz,
}

/// The standing, what made it, what changes it next, and the entries that led there.
pub(crate) fn explain(known: &Known<'_>) -> ExplainBody {
    let (now, tz) = (known.now, known.tz);
    let facts = settled(&known.subscription.facts, now);
    let is = standing(&facts.standing_facts(), now);
    let mut text = vec![access_in_words(is)];
    text.extend(cause_in_words(&facts, is, tz));
    text.extend(below_in_words(&facts, is, tz));
    if facts.balance.minor() < 0 {
        text.push(format!("The account is {} in debt.", facts.balance));
    } else if facts.balance.is_positive() {
        text.push(format!("The account has {} of credit.", facts.balance));
    }
    text.extend(coming::unsettled_in_words(&facts));
    text.extend(coming::agenda_in_words(&facts, known.policy, tz));
    text.extend(coming::waiting_in_words(known.reverts, known.tickets, tz));
    text.extend(sessions_in_words(known.sessions, tz));
    text.extend(walls_in_words(&known.walls, is.access()));
    if let Some(newest) = known.entries.first() {
        text.push(last_change_in_words(newest, tz));
    }
    ExplainBody {
        id: facts.id.to_string(),
        standing: is.to_string(),
        access: is.access().as_str().to_owned(),
        text,
        sessions: known.sessions.iter().map(SessionBody::from).collect(),
        walls: known.walls.clone(),
        entries: known.entries.iter().map(EntryBody::from).collect(),
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

fn sessions_in_words(sessions: &[Session], tz: Tz) -> Vec<String> {
    if sessions.is_empty() {
        return vec![
            "It has no live session: as far as the NAS told us, it is offline.".to_owned(),
        ];
    }
    let one = |session: &Session| {
        let (nas, address) = (&session.key.nas, session.framed_ipv4);
        let mut words = format!(
            "It is online at NAS {nas}: session {} since {}",
            session_id_text(&session.key.acct_session_id),
            when(session.started_at, tz)
        );
        let places = [
            address.map(|address| address.to_string()),
            session.framed_ipv6.map(|prefix| prefix.to_string()),
            session.delegated_ipv6.map(|prefix| prefix.to_string()),
        ];
        let places: Vec<_> = places.into_iter().flatten().collect();
        if !places.is_empty() {
            words.push_str(&format!(", at {}", places.join(" and ")));
        }
        words.push_str(&format!(
            "; last heard of at {}.",
            when(session.updated_at, tz)
        ));
        words
    };
    sessions.iter().map(one).collect()
}

fn walls_in_words(walls: &[WallBody], access: Access) -> Vec<String> {
    if walls.is_empty() {
        return vec![
            "No address of it is known, so no wall can be up or down for it here.".to_owned(),
        ];
    }
    walls
        .iter()
        .map(|wall| wall_in_words(wall, access))
        .collect()
}

fn wall_in_words(wall: &WallBody, access: Access) -> String {
    let at = &wall.prefix;
    match (wall.actual, wall.wanted) {
        (WallState::Up, true) => format!("The wall is up at {at}."),
        (WallState::Down, false) if access == Access::Full => {
            format!("The wall is down at {at}: it reaches the Internet.")
        }
        (WallState::Down, false) => format!(
            "The wall is down at {at}, because another subscription that has paid is there too."
        ),
        (WallState::Down, true) => format!(
            "The wall should be up at {at} and is not; it is repaired within seconds, else see \
             garthctl garden status."
        ),
        (WallState::Up, false) => format!(
            "The wall is up at {at} and should not be; it is repaired within seconds, else see \
             garthctl garden status."
        ),
        (WallState::Unknown, _) => {
            format!("Whether the wall is up at {at} cannot be read from the kernel.")
        }
        (WallState::Elsewhere, _) => {
            format!("This router walls nobody: at {at} it is up to the NAS.")
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(actual: WallState, wanted: bool, access: Access) -> String {
        let prefix = "10.64.0.7".to_owned();
        let wall = WallBody {
            prefix,
            wanted,
            actual,
        };
        wall_in_words(&wall, access)
    }

    #[test]
    fn a_wall_that_is_not_as_it_should_be_says_so() {
        use WallState::{Down, Elsewhere, Unknown, Up};
        for (actual, wanted, access, words) in [
            (Up, true, Access::Garden, "The wall is up at 10.64.0.7."),
            (Down, false, Access::Full, "it reaches the Internet"),
            (
                Down,
                false,
                Access::Garden,
                "another subscription that has paid",
            ),
            (
                Down,
                true,
                Access::Garden,
                "should be up at 10.64.0.7 and is not",
            ),
            (
                Up,
                false,
                Access::Full,
                "is up at 10.64.0.7 and should not be",
            ),
            (Unknown, true, Access::Garden, "cannot be read"),
            (Elsewhere, true, Access::Garden, "up to the NAS"),
        ] {
            let said = wall(actual, wanted, access);
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn who_is_nowhere_is_told_to_be_nowhere() {
        assert!(walls_in_words(&[], Access::Garden)[0].starts_with("No address"));
        assert!(sessions_in_words(&[], chrono_tz::UTC)[0].contains("offline"));
    }
}

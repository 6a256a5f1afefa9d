//! What happened, in words.

use askama::Template;
use garth_subscription::command::CommandKind;
use garth_subscription::journal::{Effect, JournalEntry};

use super::Frame;
use crate::limits::HISTORY_MAX;

/// What happened.
#[derive(Template)]
#[template(path = "history.html")]
pub(crate) struct HistoryPage<'a> {
    frame: Frame<'a>,
    entries: Vec<Entry>,
}

struct Entry {
    date: String,
    what: String,
    amount: Option<String>,
    paid: String,
    /// Whether a later entry takes it back.
    is_reverted: bool,
}

impl<'a> HistoryPage<'a> {
    pub(crate) fn new(frame: Frame<'a>, history: &[JournalEntry]) -> Self {
        let (t, zone) = (frame.t, frame.zone);
        let entries = history
            .iter()
            .take(HISTORY_MAX)
            .filter_map(|entry| {
                let what = history_key(entry.action, entry.effect)?;
                Some(Entry {
                    date: t.date(entry.performed_at, zone),
                    what: t.get(&what),
                    amount: entry.amount.map(|amount| t.money(amount)),
                    paid: t.with(
                        "history-paid",
                        &[("date", &t.last_day(entry.new.paid_through, zone))],
                    ),
                    is_reverted: history.iter().any(|later| later.reverts == Some(entry.id)),
                })
            })
            .collect();
        Self { frame, entries }
    }
}

/// The message that says what an entry did. What operators ask of each other is not for subscribers:
/// nothing has changed by it.
pub(super) fn history_key(action: CommandKind, effect: Effect) -> Option<String> {
    if matches!(action, CommandKind::RequestRevert | CommandKind::DenyRevert) {
        return None;
    }
    let (action, effect) = (action.as_str(), effect_of(action, effect));
    Some(match effect {
        Told::Action => format!("history-{action}"),
        Told::Effect(effect) => format!("history-{}", effect.as_str()),
        Told::Both(effect) => format!("history-{action}-{}", effect.as_str()),
    })
}

/// Which of the two tells more.
enum Told {
    Action,
    Effect(Effect),
    Both(Effect),
}

const fn effect_of(action: CommandKind, effect: Effect) -> Told {
    match (effect, action) {
        (
            Effect::MonthsBought
            | Effect::Renewed
            | Effect::Lapsed
            | Effect::CreditOnly
            | Effect::DebtSettled
            | Effect::PauseEnded
            | Effect::PauseEndedUnfunded,
            _,
        ) => Told::Effect(effect),
        (
            Effect::Scheduled,
            CommandKind::Pause
            | CommandKind::ChangePlan
            | CommandKind::Terminate
            | CommandKind::Suspend,
        )
        | (Effect::Unscheduled, CommandKind::EndPause)
        | (Effect::Dropped, CommandKind::PauseDue | CommandKind::ChangeDue) => Told::Both(effect),
        (
            Effect::Done
            | Effect::Scheduled
            | Effect::Unscheduled
            | Effect::Dropped
            | Effect::Requested,
            _,
        ) => Told::Action,
    }
}

#[cfg(test)]
mod tests {
    use garth_subscription::subscriber::Language;

    use super::*;
    use crate::l10n::Catalogue;

    #[test]
    fn every_action_and_effect_has_words() {
        let catalogue = Catalogue::load(None).unwrap();
        let mut told = 0;
        for action in CommandKind::ALL {
            for effect in Effect::ALL {
                let Some(key) = history_key(*action, *effect) else {
                    continue;
                };
                for language in Language::ALL {
                    assert_ne!(catalogue.get(language).get(&key), key);
                    told += 1;
                }
            }
        }
        let all = (CommandKind::ALL.len() - 2) * Effect::ALL.len() * Language::ALL.len();
        assert_eq!(told, all, "all but what operators ask of each other");
    }

    #[test]
    fn what_was_planned_is_told_apart_from_what_was_done() {
        let key = |action, effect| history_key(action, effect).unwrap();
        for (action, effect) in [
            (CommandKind::Pause, Effect::Scheduled),
            (CommandKind::EndPause, Effect::Unscheduled),
            (CommandKind::ChangePlan, Effect::Scheduled),
            (CommandKind::ChangeDue, Effect::Dropped),
            (CommandKind::Terminate, Effect::Scheduled),
        ] {
            assert_ne!(key(action, effect), key(action, Effect::Done));
        }
    }
}

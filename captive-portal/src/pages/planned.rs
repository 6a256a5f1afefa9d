//! What waits for its date, how it is called off, and what asks for a confirmation.

use askama::Template;
use garth_subscription::{Money, Standing};

use super::Frame;
use super::account::name_of;
use crate::desk::View;

/// Something that waits for its date.
pub(super) struct Planned {
    pub(super) title: String,
    pub(super) text: String,
    /// Where it is called off and the button that does it; nothing where the subscriber may not.
    pub(super) call_off: Option<(&'static str, String)>,
}

/// Everything that waits for its date.
pub(super) fn all(frame: &Frame<'_>, view: &View) -> Vec<Planned> {
    let found = [pause(frame, view), change(frame, view), end(frame, view)];
    found.into_iter().flatten().collect()
}

/// A pause that is to come.
pub(super) fn pause(frame: &Frame<'_>, view: &View) -> Option<Planned> {
    let pause = view
        .pausing
        .current
        .filter(|_| view.standing != Standing::Paused)?;
    let t = frame.t;
    let from = t.date(pause.from, frame.zone);
    let text = match pause.until {
        Some(until) => {
            let until = t.date(until, frame.zone);
            t.with("planned-pause-text", &[("from", &from), ("until", &until)])
        }
        None => t.with("planned-pause-open-text", &[("from", &from)]),
    };
    Some(Planned {
        title: t.get("planned-pause-title"),
        text,
        call_off: view
            .pausing
            .may_end
            .then(|| ("/end-pause", t.get("planned-pause-button"))),
    })
}

/// A change of plan that is to come (L17).
pub(super) fn change(frame: &Frame<'_>, view: &View) -> Option<Planned> {
    let change = view.changing.pending.as_ref()?;
    let t = frame.t;
    let values = [
        ("plan", name_of(view, &change.plan)),
        ("date", &t.date(change.at, frame.zone)),
        ("price", &t.money(change.price)),
    ];
    let key = if change.price == Money::zero(change.price.currency()) {
        "planned-change-free-text"
    } else if change.price.is_negative() {
        "planned-change-refund-text"
    } else {
        "planned-change-text"
    };
    let price = t.money(if change.price.is_negative() {
        change.price.negated()
    } else {
        change.price
    });
    let values = [values[0], values[1], ("price", price.as_str())];
    Some(Planned {
        title: t.get("planned-change-title"),
        text: t.with(key, &values),
        call_off: Some(("/cancel-change", t.get("planned-change-button"))),
    })
}

/// An end that is to come (T20).
pub(super) fn end(frame: &Frame<'_>, view: &View) -> Option<Planned> {
    let at = view.ending.ends_at?;
    let t = frame.t;
    let date = t.date(at, frame.zone);
    Some(Planned {
        title: t.get("planned-end-title"),
        text: t.with("planned-end-text", &[("date", &date)]),
        call_off: view
            .ending
            .may_call_off
            .then(|| ("/keep", t.get("planned-end-button"))),
    })
}

/// A question before something that cannot be undone, or that wants a word first.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct ConfirmPage<'a> {
    frame: Frame<'a>,
    action: &'static str,
    title: String,
    text: String,
    /// Whether a day may be chosen: its label, and the first one.
    date: Option<(String, String)>,
    button: String,
    planned: Vec<Planned>,
    error: Option<String>,
}

impl<'a> ConfirmPage<'a> {
    /// Before it begins, it is called off (T3).
    pub(crate) fn call_off(frame: Frame<'a>) -> Self {
        Self::asks(frame, "/call-off", "call-off")
    }

    /// It ends, now or on a date (T18, T19); or an end that was agreed is shown.
    pub(crate) fn end(
        frame: Frame<'a>,
        view: &View,
        earliest: String,
        error: Option<String>,
    ) -> Self {
        let planned: Vec<Planned> = end(&frame, view).into_iter().collect();
        let label = frame.t.get("end-date");
        Self {
            planned,
            error,
            date: Some((label, earliest)),
            ..Self::asks(frame, "/end", "end")
        }
    }

    /// What is paid runs on, and then it pauses (L10).
    pub(crate) fn follow(frame: Frame<'a>, view: &View) -> Self {
        let date = frame.t.last_day(view.paid_through, frame.zone);
        let text = frame.t.with("follow-text", &[("date", &date)]);
        Self {
            text,
            ..Self::asks(frame, "/follow", "follow")
        }
    }

    fn asks(frame: Frame<'a>, action: &'static str, key: &str) -> Self {
        let t = frame.t;
        Self {
            action,
            title: t.get(&format!("{key}-title")),
            text: t.get(&format!("{key}-text")),
            date: None,
            button: t.get(&format!("{key}-button")),
            planned: Vec::new(),
            error: None,
            frame,
        }
    }
}

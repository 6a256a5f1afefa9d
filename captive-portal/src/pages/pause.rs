//! The page on which a pause is agreed, or called off.

use askama::Template;
use garth_subscription::Refusal;

use super::planned::{self, Planned};
use super::{Frame, Row, words_of};
use crate::desk::View;
use crate::form::Form;

/// What was typed in, to be shown again beside a complaint.
#[derive(Default)]
pub(crate) struct PauseFields {
    start: String,
    from: String,
    end: String,
    until: String,
    days: String,
}

impl PauseFields {
    pub(crate) fn of(form: &Form) -> Self {
        // Nothing that is longer could have been a date or a number.
        let short = |name: &str| form.get(name).chars().take(16).collect::<String>();
        Self {
            start: short("start"),
            from: short("from"),
            end: short("end"),
            until: short("until"),
            days: short("days"),
        }
    }
}

/// The page on which a pause is agreed.
#[derive(Template)]
#[template(path = "pause.html")]
pub(crate) struct PausePage<'a> {
    frame: Frame<'a>,
    error: Option<String>,
    planned: Vec<Planned>,
    /// Why none may begin, and where money can be paid in for it.
    missing: Option<(String, String)>,
    limits: Vec<Row>,
    needs_end: bool,
    /// The first day on which a pause may begin later, or end.
    earliest: String,
    fields: PauseFields,
}

impl<'a> PausePage<'a> {
    pub(crate) fn new(
        frame: Frame<'a>,
        view: &View,
        earliest: String,
        fields: PauseFields,
        error: Option<String>,
    ) -> Self {
        let missing = match &view.pausing.begin {
            Err(refusal @ Refusal::Funds { missing, .. }) => Some((
                words_of(&frame, view, refusal),
                frame
                    .t
                    .with("pay-in-button", &[("amount", &frame.t.money(*missing))]),
            )),
            Err(_) | Ok(()) => None,
        };
        Self {
            error,
            planned: planned::pause(&frame, view).into_iter().collect(),
            missing,
            limits: limits(&frame, view),
            needs_end: view.pausing.limits.needs_end,
            earliest,
            fields,
            frame,
        }
    }

    fn starts_now(&self) -> bool {
        self.fields.start != "date"
    }

    fn ends(&self, how: &str) -> bool {
        let chosen = self.fields.end.as_str();
        let usual = if self.needs_end { "date" } else { "open" };
        how == if chosen.is_empty() { usual } else { chosen }
    }
}

/// What policy says of pauses, beforehand (L28).
fn limits(frame: &Frame<'_>, view: &View) -> Vec<Row> {
    let (t, limits) = (frame.t, view.pausing.limits);
    let mut rows = Vec::new();
    let mut row = |key, value: Option<String>| {
        rows.extend(value.map(|value| Row {
            label: t.get(key),
            value,
        }));
    };
    let days = |days: u64| t.count("days", days);
    row("pause-fee", limits.fee.map(|fee| t.money(fee)));
    row("pause-days-max", limits.days_max.map(|n| days(n.into())));
    row("pause-days-left", limits.days_left.map(|n| days(n.into())));
    row("pause-times-left", limits.times_left.map(|n| n.to_string()));
    rows
}

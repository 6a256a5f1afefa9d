//! Back from the gateway: waiting, then done.

use askama::Template;

use super::account::rows;
use super::{Frame, Row, Tone};
use crate::desk::{CheckoutState, Release, View};

/// Seconds between two looks of a browser that waits.
const WAIT_SECONDS: u8 = 1;

/// Back from the gateway: waiting, then done.
#[derive(Template)]
#[template(path = "returned.html")]
pub(crate) struct ReturnedPage<'a> {
    pub(crate) frame: Frame<'a>,
    tone: Tone,
    waiting: bool,
    title: String,
    text: String,
    rows: Vec<Row>,
}

impl<'a> ReturnedPage<'a> {
    pub(crate) fn new(mut frame: Frame<'a>, view: &View, state: CheckoutState) -> Self {
        let t = frame.t;
        let (key, tone, waiting) = match state {
            CheckoutState::Open => ("returned-open", Tone::Wait, true),
            CheckoutState::Expired => ("returned-expired", Tone::Stop, false),
            CheckoutState::Paid { is_credit, release } => match release {
                Release::UnderWay => ("returned-paid", Tone::Wait, true),
                Release::After { .. } => ("returned-online", Tone::Good, false),
                Release::None if is_credit => ("returned-credit", Tone::Good, false),
                Release::None => ("returned-done", Tone::Good, false),
            },
        };
        let after = match state {
            CheckoutState::Paid {
                release: Release::After { millis },
                ..
            } => t.span(millis),
            CheckoutState::Paid { .. } | CheckoutState::Open | CheckoutState::Expired => {
                String::new()
            }
        };
        let date = t.last_day(view.paid_through, frame.zone);
        let values = [("span", after.as_str()), ("date", date.as_str())];
        frame.refresh = waiting.then_some(WAIT_SECONDS);
        Self {
            tone,
            waiting,
            title: t.with(&format!("{key}-title"), &values),
            text: t.with(&format!("{key}-text"), &values),
            rows: if waiting {
                Vec::new()
            } else {
                rows(&frame, view)
            },
            frame,
        }
    }
}

//! Another plan: what there is to choose, what it costs, and what can be asked for (L15 to L18).

use askama::Template;
use garth_subscription::Money;
use garth_subscription::command::ChangeStart;
use garth_subscription::plan_change::ChangeOffer;
use garth_subscription::text::PlanId;

use super::account::name_of;
use super::planned::{self, Planned};
use super::{Frame, Row};
use crate::desk::{ChangeQuote, View};

/// A plan to choose.
struct Choice {
    plan: String,
    name: String,
    price: String,
    checked: bool,
}

/// The page on which a plan is chosen or asked for.
#[derive(Template)]
#[template(path = "change.html")]
pub(crate) struct ChangePage<'a> {
    frame: Frame<'a>,
    error: Option<String>,
    planned: Vec<Planned>,
    /// Plans of the subscriber's own choice.
    targets: Vec<Choice>,
    /// When the next period begins, in words.
    next_period: Option<String>,
    earliest: String,
    may_request: bool,
    /// Plans that can be asked for.
    others: Vec<Choice>,
    message: String,
}

impl<'a> ChangePage<'a> {
    pub(crate) fn new(
        frame: Frame<'a>,
        view: &View,
        earliest: String,
        message: String,
        error: Option<String>,
    ) -> Self {
        let t = frame.t;
        let planned: Vec<Planned> = planned::change(&frame, view).into_iter().collect();
        let (may_change, may_request) = match view.changing.offer {
            ChangeOffer::SelfChange { may_request, .. } => (planned.is_empty(), may_request),
            ChangeOffer::Request => (false, true),
            ChangeOffer::NoTarget | ChangeOffer::Nothing => (false, false),
        };
        let targets = view.changing.targets.iter().filter(|_| may_change);
        let next = view.changing.next_period.map(|at| t.date(at, frame.zone));
        Self {
            error,
            targets: targets
                .enumerate()
                .map(|(index, target)| Choice {
                    plan: target.plan.to_string(),
                    name: target.name.to_string(),
                    price: target.price.map_or_else(String::new, |(months, amount)| {
                        let months = t.count("months", months.get().into());
                        let amount = t.money(amount);
                        t.with("plan-price", &[("amount", &amount), ("months", &months)])
                    }),
                    checked: index == 0,
                })
                .collect(),
            next_period: next.map(|date| t.with("plan-start-next", &[("date", &date)])),
            earliest,
            may_request,
            others: if may_request {
                others(view)
            } else {
                Vec::new()
            },
            message,
            planned,
            frame,
        }
    }
}

/// Every other plan of the catalogue.
fn others(view: &View) -> Vec<Choice> {
    view.plan_names
        .iter()
        .filter(|(plan, _)| *plan != view.plan)
        .map(|(plan, name)| Choice {
            plan: plan.to_string(),
            name: name.to_string(),
            price: String::new(),
            checked: false,
        })
        .collect()
}

/// The page that says what a change costs before it is done (L16).
#[derive(Template)]
#[template(path = "price.html")]
pub(crate) struct PricePage<'a> {
    frame: Frame<'a>,
    error: Option<String>,
    plan: String,
    start: &'static str,
    date: String,
    text: String,
    rows: Vec<Row>,
    /// The total as the form carries it.
    shown: String,
    /// What lacks on the account, in words, and the button to pay it in.
    missing: Option<(String, String)>,
    /// Whether it can be agreed although something lacks: it is due later.
    may_apply: bool,
}

impl<'a> PricePage<'a> {
    pub(crate) fn new(
        frame: Frame<'a>,
        view: &View,
        plan: &PlanId,
        start: ChangeStart,
        quote: &ChangeQuote,
        error: Option<String>,
    ) -> Self {
        let t = frame.t;
        let (start, date) = match start {
            ChangeStart::Now => ("now", String::new()),
            ChangeStart::NextPeriod => ("next", String::new()),
            ChangeStart::On(date) => ("date", date.to_string()),
        };
        let day = t.date(quote.at, frame.zone);
        let values = [
            ("from", view.plan_name.as_str()),
            ("plan", name_of(view, plan)),
            ("date", day.as_str()),
        ];
        let key = if quote.is_now {
            "price-now-text"
        } else {
            "price-later-text"
        };
        Self {
            error,
            plan: plan.to_string(),
            start,
            date,
            text: t.with(key, &values),
            rows: rows(&frame, view, plan, quote),
            shown: quote.price.total.amount(),
            missing: quote.missing.map(|amount| {
                let amount = t.money(amount);
                let key = if quote.is_now {
                    "price-missing-now"
                } else {
                    "price-missing-later"
                };
                (
                    t.with(key, &[("amount", &amount), ("date", &day)]),
                    t.with("pay-in-button", &[("amount", &amount)]),
                )
            }),
            may_apply: !quote.is_now || quote.missing.is_none(),
            frame,
        }
    }
}

/// Refund, new plan, fee and their sum, as far as there is something to say.
fn rows(frame: &Frame<'_>, view: &View, plan: &PlanId, quote: &ChangeQuote) -> Vec<Row> {
    let t = frame.t;
    let price = quote.price;
    let is_some = |amount: &Money| amount.is_positive() || amount.is_negative();
    let refund = t.with("price-refund", &[("plan", view.plan_name.as_str())]);
    let charge = t.with("price-charge", &[("plan", name_of(view, plan))]);
    let lines = [
        (refund, price.refund),
        (charge, price.charge),
        (t.get("price-fee"), price.fee),
    ];
    let lines = lines.into_iter().filter(|(_, amount)| is_some(amount));
    let total = if price.total.is_negative() {
        (t.get("price-back"), price.total.negated())
    } else {
        (t.get("price-total"), price.total)
    };
    lines
        .chain([total])
        .map(|(label, amount)| Row {
            label,
            value: t.money(amount),
        })
        .collect()
}

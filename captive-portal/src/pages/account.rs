//! The page of the subscription: why things are as they are, and what can be done.

use askama::Template;
use garth_subscription::command::CommandKind;
use garth_subscription::facts::SuspendCause;
use garth_subscription::journal::Effect;
use garth_subscription::plan_change::ChangeOffer;
use garth_subscription::quote::{Quote, QuoteLine};
use garth_subscription::{Money, Refusal, Standing};

use super::history::history_key;
use super::planned::{self, Planned};
use super::{Frame, Row, Tone};
use crate::desk::{Notice, Postponing, Ticket, View};
use crate::l10n::Texts;
use crate::shown::{Field, MenuItem};

/// Seconds in a day.
const SECONDS_PER_DAY: i64 = 86_400;
/// The most tickets on the page; the newest ones.
const TICKETS_MAX: usize = 5;

/// A number of months that can be bought.
pub(crate) struct Offer {
    months: u16,
    label: String,
    total: String,
    lines: Vec<Row>,
    checked: bool,
}

/// What is told until it was seen.
struct NoticeCard {
    sequence: u64,
    title: String,
    text: String,
}

/// A wish and what was said to it.
struct TicketCard {
    message: String,
    state: String,
    answer: Option<String>,
}

/// An item of the menu.
struct Link {
    path: &'static str,
    text: String,
}

/// The page of the subscription: why things are as they are, and what can be done.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    frame: Frame<'a>,
    notice: Option<String>,
    notices: Vec<NoticeCard>,
    tone: Tone,
    title: String,
    text: String,
    rows: Vec<Row>,
    /// What can be done about a suspension: a text, and whether it can be put off still.
    postpone: Option<(String, bool)>,
    end_pause: Option<String>,
    offers_title: String,
    offers: Vec<Offer>,
    then_pause: bool,
    offers_button: String,
    planned: Vec<Planned>,
    tickets: Vec<TicketCard>,
    links: Vec<Link>,
}

impl<'a> AccountPage<'a> {
    pub(crate) fn new(frame: Frame<'a>, view: &View, notice: Option<&str>) -> Self {
        let t = frame.t;
        let (title, text) = why(&frame, view);
        let all_paid = view.offers.iter().all(|quote| quote.total.is_positive());
        // Who is switched off, or whose subscription is over, is told so and no more.
        let is_told_only = is_told_only(view.standing);
        let listed = |planned: Vec<Planned>| {
            if is_told_only || !view.shown.fields.contains(&Field::Agenda) {
                Vec::new()
            } else {
                planned
            }
        };
        Self {
            notice: notice.map(|key| t.get(key)),
            notices: if is_told_only {
                Vec::new()
            } else {
                notices(&frame, view)
            },
            tone: tone(view),
            title,
            text,
            rows: rows(&frame, view),
            postpone: postpone(&frame, view),
            end_pause: is_paused(view)
                .then_some(view.pausing.may_end)
                .filter(|may_end| *may_end)
                .map(|_| t.get("end-pause-text")),
            offers_title: t.get(offers_key(view)),
            offers: offers(t, view),
            then_pause: view.may_pause_after && view.shown.menu.contains(&MenuItem::ActiveTo),
            offers_button: t.get(if all_paid {
                "offers-pay"
            } else {
                "offers-continue"
            }),
            planned: listed(planned::all(&frame, view)),
            tickets: if is_told_only {
                Vec::new()
            } else {
                tickets(&frame, view)
            },
            links: links(t, view),
            frame,
        }
    }
}

/// Whether there is a notice and nothing to do (section 2: disabled, terminated, cancelled).
pub(crate) const fn is_told_only(standing: Standing) -> bool {
    match standing {
        Standing::Disabled | Standing::Terminated | Standing::Cancelled => true,
        Standing::Pending
        | Standing::Active
        | Standing::Grace
        | Standing::Expired
        | Standing::Paused
        | Standing::Suspended => false,
    }
}

fn is_paused(view: &View) -> bool {
    view.standing == Standing::Paused
}

/// Whether a suspension is put off and access is what lies below.
fn is_put_off(view: &View) -> bool {
    view.suspended_for.is_some()
        && matches!(view.postponing, Postponing::Used { .. })
        && matches!(view.standing, Standing::Active | Standing::Grace)
}

/// Title and text that say why.
fn why(frame: &Frame<'_>, view: &View) -> (String, String) {
    let t = frame.t;
    let key = reason_key(view);
    let last_day = t.last_day(view.paid_through, frame.zone);
    let date = |at| t.date(at, frame.zone);
    let values = [
        ("date", last_day.as_str()),
        ("plan", view.plan_name.as_str()),
        ("brand", frame.brand),
        ("start", &view.starts_at.map(date).unwrap_or_default()),
        (
            "amount",
            &view.debt.map(|debt| t.money(debt)).unwrap_or_default(),
        ),
        ("until", &view.grace_until.map(date).unwrap_or_default()),
    ];
    // Where policy leaves nothing to do here, the page must not promise it.
    let is_stuck = view.offers.is_empty() && !view.pausing.may_end;
    let promises = matches!(key, "expired" | "overdue" | "paused" | "grace");
    let text = if is_stuck && promises {
        t.get("contact-text")
    } else {
        t.with(&format!("{key}-text"), &values)
    };
    (t.with(&format!("{key}-title"), &values), text)
}

/// What must not be overlooked on any page: that access ends soon.
pub(crate) fn alert(frame: &Frame<'_>, view: &View) -> Option<String> {
    let t = frame.t;
    match view.postponing {
        Postponing::Used { until } if is_put_off(view) => {
            let values = [("until", t.moment(until, frame.zone))];
            return Some(t.with("alert-postponed", &[("until", &values[0].1)]));
        }
        Postponing::Used { .. } | Postponing::Closed | Postponing::Offered { .. } => {}
    }
    let grace = view
        .grace_until
        .filter(|_| view.standing == Standing::Grace)?;
    let until = t.last_day(grace, frame.zone);
    Some(t.with("alert-grace", &[("until", &until)]))
}

const fn tone(view: &View) -> Tone {
    match view.standing {
        Standing::Active => Tone::Good,
        Standing::Pending | Standing::Grace | Standing::Paused => Tone::Wait,
        Standing::Expired
        | Standing::Suspended
        | Standing::Disabled
        | Standing::Terminated
        | Standing::Cancelled => Tone::Stop,
    }
}

/// The messages that say why: a page per reason.
fn reason_key(view: &View) -> &'static str {
    let is_locked = view.pausing.current.is_some_and(|pause| pause.is_locked);
    match (view.standing, view.suspended_for) {
        (Standing::Pending, _) => "pending",
        (Standing::Active, _) => "active",
        (Standing::Grace, _) => "grace",
        (Standing::Expired, _) => "expired",
        (Standing::Paused, _) if is_locked => "locked",
        (Standing::Paused, _) => "paused",
        (Standing::Suspended, Some(SuspendCause::Overdue)) => "overdue",
        (Standing::Suspended, Some(SuspendCause::Operator)) if view.debt.is_some() => "overdue",
        (Standing::Suspended, Some(SuspendCause::Operator | SuspendCause::Fraud) | None) => {
            "suspended"
        }
        (Standing::Disabled, _) => "disabled",
        (Standing::Terminated, _) => "ended",
        (Standing::Cancelled, _) => "called-off",
    }
}

const fn offers_key(view: &View) -> &'static str {
    match view.standing {
        Standing::Active | Standing::Grace | Standing::Pending => "offers-prepay-title",
        Standing::Suspended => "offers-debt-title",
        Standing::Expired
        | Standing::Paused
        | Standing::Disabled
        | Standing::Terminated
        | Standing::Cancelled => "offers-title",
    }
}

/// The fields that this partner's subscribers see.
pub(super) fn rows(frame: &Frame<'_>, view: &View) -> Vec<Row> {
    let t = frame.t;
    let mut rows = Vec::new();
    let mut row = |field: Field, key, value: Option<String>| {
        if view.shown.fields.contains(&field) {
            rows.extend(value.map(|value| Row {
                label: t.get(key),
                value,
            }));
        }
    };
    let date = |at| t.date(at, frame.zone);
    let last_day = |at| t.last_day(at, frame.zone);
    let user_name = view.user_name.as_ref().map(ToString::to_string);
    row(Field::UserName, "row-user", user_name);
    row(Field::Plan, "row-plan", Some(view.plan_name.to_string()));
    let services: Vec<&str> = view.services.iter().map(|name| name.as_str()).collect();
    let services = (!services.is_empty()).then(|| services.join(", "));
    row(Field::Services, "row-services", services);
    let paid = Field::PaidThrough;
    row(paid, "row-starts", view.starts_at.map(date));
    let is_served = view.starts_at.is_none() && !is_paused(view);
    let is_over = matches!(view.standing, Standing::Terminated | Standing::Cancelled);
    let counts = is_served && !is_over;
    row(
        paid,
        "row-paid",
        counts.then(|| last_day(view.paid_through)),
    );
    let in_grace = view.standing == Standing::Grace;
    let grace = view.grace_until.filter(|_| in_grace);
    row(paid, "row-grace", grace.map(last_day));
    let pause = view.pausing.current.filter(|_| is_paused(view));
    row(
        paid,
        "row-resumes",
        pause.and_then(|pause| pause.until).map(date),
    );
    let banked = pause.map_or(0, |pause| pause.banked.seconds() / SECONDS_PER_DAY);
    let banked = u64::try_from(banked).unwrap_or_default();
    row(
        paid,
        "row-banked",
        (banked > 0).then(|| t.count("days", banked)),
    );
    row(
        Field::Balance,
        "row-debt",
        view.debt.map(|debt| t.money(debt)),
    );
    let (key, amount) = balance(view.balance);
    row(Field::Balance, key, amount.map(|amount| t.money(amount)));
    rows
}

fn balance(balance: Money) -> (&'static str, Option<Money>) {
    if balance.is_negative() {
        ("row-owed", Some(balance.negated()))
    } else {
        (
            "row-credit",
            Some(balance).filter(|credit| credit.is_positive()),
        )
    }
}

fn postpone(frame: &Frame<'_>, view: &View) -> Option<(String, bool)> {
    if !view.shown.menu.contains(&MenuItem::Postpone) || is_told_only(view.standing) {
        return None;
    }
    let moment = |at| frame.t.moment(at, frame.zone);
    match view.postponing {
        Postponing::Closed => None,
        Postponing::Offered { until } => Some((
            frame.t.with("postpone-text", &[("until", &moment(until))]),
            true,
        )),
        Postponing::Used { until } => {
            let key = if is_put_off(view) {
                "postpone-used"
            } else {
                "postpone-over"
            };
            Some((frame.t.with(key, &[("until", &moment(until))]), false))
        }
    }
}

fn notices(frame: &Frame<'_>, view: &View) -> Vec<NoticeCard> {
    view.notices
        .iter()
        .map(|notice| notice_card(frame, view, notice))
        .collect()
}

fn notice_card(frame: &Frame<'_>, view: &View, notice: &Notice) -> NoticeCard {
    let (t, entry) = (frame.t, &notice.entry);
    let key = notice_key(entry.action, entry.effect);
    let taken_back = entry.reverts.and_then(|id| {
        let of = view.history.iter().find(|entry| entry.id == id)?;
        let what = history_key(of.action, of.effect)?;
        Some((t.get(&what), t.date(of.performed_at, frame.zone)))
    });
    let (what, when) = taken_back.unwrap_or_else(|| (t.get("notice-entry"), String::new()));
    let values = [
        ("what", what.as_str()),
        ("when", when.as_str()),
        ("date", &t.date(entry.performed_at, frame.zone)),
        ("paid", &t.last_day(entry.new.paid_through, frame.zone)),
        ("balance", &t.money(entry.new.balance)),
        ("plan", view.plan_name.as_str()),
    ];
    NoticeCard {
        sequence: notice.sequence,
        title: t.get(&format!("{key}-title")),
        text: t.with(&format!("{key}-text"), &values),
    }
}

/// What kind of notice an entry makes.
const fn notice_key(action: CommandKind, effect: Effect) -> &'static str {
    match (action, effect) {
        (CommandKind::Void, _) => "notice-void",
        (CommandKind::ChangeDue, Effect::Dropped) => "notice-change-dropped",
        (CommandKind::PauseDue, Effect::Dropped) => "notice-pause-dropped",
        _ => "notice-revert",
    }
}

fn tickets(frame: &Frame<'_>, view: &View) -> Vec<TicketCard> {
    view.tickets
        .iter()
        .take(TICKETS_MAX)
        .map(|ticket| ticket_card(frame, view, ticket))
        .collect()
}

fn ticket_card(frame: &Frame<'_>, view: &View, ticket: &Ticket) -> TicketCard {
    let t = frame.t;
    let date = |at| t.date(at, frame.zone);
    let message = match &ticket.plan {
        Some(plan) => format!("{}: {}", name_of(view, plan), ticket.message),
        None => ticket.message.to_string(),
    };
    let (state, answer) = match &ticket.closed {
        None => (
            t.with("ticket-open", &[("date", &date(ticket.created_at))]),
            None,
        ),
        Some((at, answer)) => (
            t.with("ticket-closed", &[("date", &date(*at))]),
            answer.as_ref().map(ToString::to_string),
        ),
    };
    TicketCard {
        message,
        state,
        answer,
    }
}

/// The plan's name for people.
pub(super) fn name_of<'v>(view: &'v View, plan: &'v garth_subscription::text::PlanId) -> &'v str {
    let name = view.plan_names.iter().find(|(id, _)| id == plan);
    name.map_or(plan.as_str(), |(_, name)| name.as_str())
}

/// The menu: what is chosen for this partner and can be done now.
fn links(t: &Texts, view: &View) -> Vec<Link> {
    if is_told_only(view.standing) {
        return Vec::new();
    }
    let mut links: Vec<Link> = MenuItem::ALL
        .iter()
        .filter(|item| view.shown.menu.contains(item) && is_open(view, **item))
        .filter_map(|item| {
            let (path, key) = link_of(*item)?;
            let text = t.get(key);
            Some(Link { path, text })
        })
        .collect();
    if view.may_cancel {
        links.push(Link {
            path: "/call-off",
            text: t.get("call-off-link"),
        });
    }
    links
}

/// The page behind an item; what is on the account page itself has none.
const fn link_of(item: MenuItem) -> Option<(&'static str, &'static str)> {
    match item {
        MenuItem::History => Some(("/history", "history-link")),
        MenuItem::Pause => Some(("/pause", "pause-link")),
        MenuItem::ChangePlan => Some(("/plan", "plan-link")),
        MenuItem::ActiveTo => Some(("/follow", "follow-link")),
        MenuItem::Postpone => None,
        MenuItem::Terminate => Some(("/end", "end-link")),
    }
}

/// Whether there is something to do behind an item of the menu.
pub(crate) fn is_open(view: &View, item: MenuItem) -> bool {
    let has_plan_for_pause = !is_paused(view) && view.pausing.current.is_some();
    match item {
        MenuItem::History => !view.history.is_empty(),
        MenuItem::Pause => {
            has_plan_for_pause || matches!(view.pausing.begin, Ok(()) | Err(Refusal::Funds { .. }))
        }
        MenuItem::ChangePlan => {
            view.changing.pending.is_some()
                || match view.changing.offer {
                    ChangeOffer::SelfChange { .. } | ChangeOffer::Request => true,
                    ChangeOffer::NoTarget | ChangeOffer::Nothing => false,
                }
        }
        MenuItem::ActiveTo => view.pausing.may_follow,
        MenuItem::Postpone => matches!(view.postponing, Postponing::Offered { .. }),
        MenuItem::Terminate => view.ending.may_end || view.ending.may_call_off,
    }
}

fn offers(t: &Texts, view: &View) -> Vec<Offer> {
    view.offers
        .iter()
        .enumerate()
        .map(|(index, quote)| Offer {
            months: quote.months.get(),
            label: t.count("months", quote.months.get().into()),
            total: t.money(quote.total),
            lines: lines(t, view, quote),
            checked: index == 0,
        })
        .collect()
}

/// The lines of a quote, where they say more than its total.
fn lines(t: &Texts, view: &View, quote: &Quote) -> Vec<Row> {
    if let [QuoteLine::Months { amount, .. }] = quote.lines.as_slice()
        && *amount == quote.total
    {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for line in &quote.lines {
        let (label, amount) = match line {
            QuoteLine::Debt(amount) => (t.get("line-debt"), *amount),
            QuoteLine::Months { plan, amount } => (name_of(view, plan).to_owned(), *amount),
            QuoteLine::Credit(amount) => (t.get("line-credit"), *amount),
        };
        rows.push(Row {
            label,
            value: t.money(amount),
        });
    }
    rows
}

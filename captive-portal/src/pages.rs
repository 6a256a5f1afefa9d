//! What the pages say: from a [`View`] to the texts of a template.

use askama::Template;
use garth_subscription::calendar::BillingZone;
use garth_subscription::command::CommandKind;
use garth_subscription::facts::SuspendCause;
use garth_subscription::journal::{Effect, JournalEntry};
use garth_subscription::quote::{Quote, QuoteLine};
use garth_subscription::subscriber::Language;
use garth_subscription::{Money, Standing};

use crate::desk::{CheckoutState, View};
use crate::l10n::Texts;
use crate::limits::HISTORY_MAX;

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

/// What all pages share.
pub(crate) struct Frame<'a> {
    pub(crate) t: &'a Texts,
    pub(crate) zone: BillingZone,
    pub(crate) brand: &'a str,
    pub(crate) support: Option<&'a str>,
    /// The token for the forms of this page.
    pub(crate) token: String,
    /// Whether there is a login that can be ended.
    pub(crate) logged_in: bool,
    /// Seconds until the page asks again by itself.
    pub(crate) refresh: Option<u8>,
}

impl Frame<'_> {
    fn style(&self) -> &'static str {
        STYLE
    }

    fn languages(&self) -> impl Iterator<Item = &'static str> {
        Language::ALL.into_iter().map(Language::code)
    }
}

/// One line of a list: what, and how much or when.
pub(crate) struct Row {
    label: String,
    value: String,
}

/// How a page looks at first sight.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Wait,
    Stop,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Stop => "stop",
        }
    }
}

/// A number of months that can be bought.
pub(crate) struct Offer {
    months: u16,
    label: String,
    total: String,
    lines: Vec<Row>,
    checked: bool,
}

/// The page of the subscription: why things are as they are, and what can be done.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    frame: Frame<'a>,
    notice: Option<String>,
    tone: Tone,
    title: String,
    text: String,
    rows: Vec<Row>,
    offers_title: String,
    offers: Vec<Offer>,
    offers_button: String,
    end_pause: Option<String>,
    may_pause: bool,
    history: bool,
}

impl<'a> AccountPage<'a> {
    pub(crate) fn new(frame: Frame<'a>, view: &View, notice: Option<&str>) -> Self {
        let t = frame.t;
        let key = reason_key(view.standing, view.suspended_for, view.debt.is_some());
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
        ];
        // Where policy leaves nothing to do here, the page must not promise it.
        let stuck = view.offers.is_empty() && !view.may_end_pause;
        let promises = matches!(key, "expired" | "overdue" | "paused" | "grace");
        let text = if stuck && promises {
            t.get("contact-text")
        } else {
            t.with(&format!("{key}-text"), &values)
        };
        let all_paid = view.offers.iter().all(|quote| quote.total.is_positive());
        Self {
            notice: notice.map(|key| t.get(key)),
            tone: tone(view.standing),
            title: t.with(&format!("{key}-title"), &values),
            text,
            rows: rows(&frame, view),
            offers_title: t.get(offers_key(view.standing)),
            offers: offers(t, view),
            offers_button: t.get(if all_paid {
                "offers-pay"
            } else {
                "offers-continue"
            }),
            end_pause: view.may_end_pause.then(|| t.get("end-pause-text")),
            may_pause: view.may_pause,
            history: !view.history.is_empty(),
            frame,
        }
    }
}

const fn tone(standing: Standing) -> Tone {
    match standing {
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
const fn reason_key(
    standing: Standing,
    cause: Option<SuspendCause>,
    has_debt: bool,
) -> &'static str {
    match (standing, cause) {
        (Standing::Pending, _) => "pending",
        (Standing::Active, _) => "active",
        (Standing::Grace, _) => "grace",
        (Standing::Expired, _) => "expired",
        (Standing::Paused, _) => "paused",
        (Standing::Suspended, Some(SuspendCause::Overdue)) => "overdue",
        (Standing::Suspended, Some(SuspendCause::Operator)) if has_debt => "overdue",
        (Standing::Suspended, Some(SuspendCause::Operator | SuspendCause::Fraud) | None) => {
            "suspended"
        }
        (Standing::Disabled, _) => "disabled",
        (Standing::Terminated | Standing::Cancelled, _) => "ended",
    }
}

const fn offers_key(standing: Standing) -> &'static str {
    match standing {
        Standing::Active | Standing::Grace | Standing::Pending => "offers-prepay-title",
        Standing::Suspended => "offers-debt-title",
        Standing::Expired
        | Standing::Paused
        | Standing::Disabled
        | Standing::Terminated
        | Standing::Cancelled => "offers-title",
    }
}

fn rows(frame: &Frame<'_>, view: &View) -> Vec<Row> {
    let t = frame.t;
    let mut rows = vec![Row {
        label: t.get("row-plan"),
        value: view.plan_name.to_string(),
    }];
    let mut row = |key, value: Option<String>| {
        rows.extend(value.map(|value| Row {
            label: t.get(key),
            value,
        }));
    };
    let date = |at| t.date(at, frame.zone);
    let last_day = |at| t.last_day(at, frame.zone);
    row("row-starts", view.starts_at.map(date));
    let begun = view.starts_at.is_none() && view.standing != Standing::Paused;
    row("row-paid", begun.then(|| last_day(view.paid_through)));
    let in_grace = view.standing == Standing::Grace;
    row(
        "row-grace",
        view.grace_until.filter(|_| in_grace).map(last_day),
    );
    let paused = view.standing == Standing::Paused;
    row("row-resumes", view.pause_until.filter(|_| paused).map(date));
    let banked_days = u64::try_from(view.banked.seconds() / SECONDS_PER_DAY).unwrap_or_default();
    row(
        "row-banked",
        (paused && banked_days > 0).then(|| t.count("days", banked_days)),
    );
    row("row-debt", view.debt.map(|debt| t.money(debt)));
    let balance = view.balance;
    let (key, owed) = if balance.minor() < 0 {
        (
            "row-owed",
            Money::zero(balance.currency()).checked_sub(balance).ok(),
        )
    } else {
        (
            "row-credit",
            Some(balance).filter(|balance| balance.is_positive()),
        )
    };
    row(key, owed.map(|amount| t.money(amount)));
    rows
}

const SECONDS_PER_DAY: i64 = 86_400;

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
    let mut sum = Money::zero(quote.total.currency());
    let mut rows = Vec::new();
    for line in &quote.lines {
        let (label, amount) = match line {
            QuoteLine::Debt(amount) => (t.get("line-debt"), *amount),
            QuoteLine::Months { plan, amount } => {
                let name = view.plan_names.iter().find(|(id, _)| id == plan);
                let name = name.map_or(plan.as_str(), |(_, name)| name.as_str());
                (name.to_owned(), *amount)
            }
            QuoteLine::Credit(amount) => (t.get("line-credit"), *amount),
        };
        sum = sum.checked_add(amount).unwrap_or(sum);
        rows.push(Row {
            label,
            value: t.money(amount),
        });
    }
    // What is left is a debt on the account, which is due with the months.
    if let Ok(rest) = quote.total.checked_sub(sum)
        && rest.is_positive()
    {
        rows.push(Row {
            label: t.get("line-debt"),
            value: t.money(rest),
        });
    }
    rows
}

/// The page on which a pause begins.
#[derive(Template)]
#[template(path = "pause.html")]
pub(crate) struct PausePage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) needs_end: bool,
    /// The first day on which a pause may end.
    pub(crate) earliest: String,
    pub(crate) error: Option<String>,
}

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
}

impl<'a> HistoryPage<'a> {
    pub(crate) fn new(frame: Frame<'a>, history: &[JournalEntry]) -> Self {
        let (t, zone) = (frame.t, frame.zone);
        let entries = history
            .iter()
            .take(HISTORY_MAX)
            .map(|entry| Entry {
                date: t.date(entry.performed_at, zone),
                what: t.get(&history_key(entry.action, entry.effect)),
                amount: entry.amount.map(|amount| t.money(amount)),
                paid: t.with(
                    "history-paid",
                    &[("date", &t.last_day(entry.new.paid_through, zone))],
                ),
            })
            .collect();
        Self { frame, entries }
    }
}

fn history_key(action: CommandKind, effect: Effect) -> String {
    match effect {
        Effect::Done
        | Effect::Scheduled
        | Effect::Unscheduled
        | Effect::Dropped
        | Effect::Requested => format!("history-{}", action.as_str()),
        Effect::MonthsBought
        | Effect::Renewed
        | Effect::Lapsed
        | Effect::CreditOnly
        | Effect::DebtSettled
        | Effect::PauseEnded
        | Effect::PauseEndedUnfunded => format!("history-{}", effect.as_str()),
    }
}

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

/// Seconds between two looks of a browser that waits.
const WAIT_SECONDS: u8 = 1;

impl<'a> ReturnedPage<'a> {
    pub(crate) fn new(mut frame: Frame<'a>, view: &View, state: CheckoutState) -> Self {
        let t = frame.t;
        let open = view.access == garth_subscription::Access::Full;
        let (key, tone, waiting) = match state {
            CheckoutState::Open => ("returned-open", Tone::Wait, true),
            CheckoutState::Expired => ("returned-expired", Tone::Stop, false),
            CheckoutState::Paid {
                released_after_ms: None,
            } if !open => ("returned-paid", Tone::Wait, true),
            CheckoutState::Paid {
                released_after_ms: None,
            } => ("returned-done", Tone::Good, false),
            CheckoutState::Paid {
                released_after_ms: Some(_),
            } => ("returned-online", Tone::Good, false),
        };
        let after = match state {
            CheckoutState::Paid {
                released_after_ms: Some(ms),
            } => t.span(ms),
            CheckoutState::Paid {
                released_after_ms: None,
            }
            | CheckoutState::Open
            | CheckoutState::Expired => String::new(),
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

/// Where a subscriber whose address does not tell says who they are.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) error: Option<String>,
    pub(crate) user_name: String,
}

/// One sentence, and the way back.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) title: String,
    pub(crate) text: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::l10n::Catalogue;

    const TEMPLATES: [&str; 7] = [
        include_str!("../templates/base.html"),
        include_str!("../templates/account.html"),
        include_str!("../templates/pause.html"),
        include_str!("../templates/history.html"),
        include_str!("../templates/returned.html"),
        include_str!("../templates/login.html"),
        include_str!("../templates/message.html"),
    ];

    /// The template without `{…}` and, if asked for, without `<…>`.
    fn without(template: &str, pairs: &[(&str, &str)]) -> String {
        let mut text = template.to_owned();
        for (open, close) in pairs {
            while let Some(start) = text.find(open) {
                let end = text[start..].find(close).unwrap() + start + close.len();
                text.replace_range(start..end, "");
            }
        }
        text
    }

    #[test]
    fn no_template_holds_words_of_its_own() {
        for template in TEMPLATES {
            let visible = without(template, &[("{{", "}}"), ("{%", "%}"), ("<", ">")]);
            assert!(!visible.contains(char::is_alphanumeric), "{visible:?}");
            let tags = without(template, &[("{{", "}}"), ("{%", "%}")]);
            for attribute in ["title=\"", "alt=\"", "placeholder=\"", "aria-label=\""] {
                for (at, _) in tags.match_indices(attribute) {
                    assert!(tags[at + attribute.len()..].starts_with('"'), "{tags}");
                }
            }
        }
    }

    #[test]
    fn every_key_of_a_template_exists() {
        let catalogue = Catalogue::load(None).unwrap();
        let mut keys = 0;
        for template in TEMPLATES {
            for part in template.split("t.get(\"").skip(1) {
                let key = part.split('"').next().unwrap();
                for language in Language::ALL {
                    assert_ne!(catalogue.get(language).get(key), key);
                }
                keys += 1;
            }
        }
        assert!(keys > 10, "{keys} keys found");
    }

    #[test]
    fn every_key_that_is_put_together_exists() {
        let catalogue = Catalogue::load(None).unwrap();
        let mut keys: Vec<String> = vec!["contact-text".to_owned()];
        keys.extend((1..=12).map(|month| format!("month-{month}")));
        for standing in Standing::ALL {
            for cause in [
                None,
                Some(SuspendCause::Overdue),
                Some(SuspendCause::Operator),
            ] {
                let key = reason_key(standing, cause, true);
                keys.extend([format!("{key}-title"), format!("{key}-text")]);
            }
            keys.push(offers_key(standing).to_owned());
        }
        for action in CommandKind::ALL {
            keys.extend(
                Effect::ALL
                    .iter()
                    .map(|effect| history_key(*action, *effect)),
            );
        }
        for state in ["open", "expired", "paid", "done", "online"] {
            keys.extend(["title", "text"].map(|part| format!("returned-{state}-{part}")));
        }
        for key in keys {
            for language in Language::ALL {
                assert_ne!(catalogue.get(language).get(&key), key);
            }
        }
    }

    #[test]
    fn the_style_serves_dark_mode_and_visible_focus() {
        assert!(STYLE.contains("prefers-color-scheme:dark"));
        assert!(STYLE.contains(":focus-visible"));
        assert!(!STYLE.contains("</"), "it stands inside a style element");
    }
}

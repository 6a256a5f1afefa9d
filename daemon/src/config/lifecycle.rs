//! `[lifecycle]` and `[[partner]]`: the rules' choices, for all and for the subscriptions of a partner.
//!
//! What a partner's section leaves open is as `[lifecycle]` says (L19), and what that leaves open is as
//! [`Policy::new`] has it.

use std::collections::BTreeMap;
use std::str::FromStr;

use garth_captive_portal::shown::{Field, MenuItem, Shown};
use garth_subscription::calendar::{CivilDate, Weekday};
use garth_subscription::facts::Invoicing;
use garth_subscription::money::Money;
use garth_subscription::policy::{Policies, Policy, Proration, SuspensionPolicy};
use garth_subscription::text::Label;
use garth_subscription::time::Span;
use serde::Deserialize;
use toml::Spanned;

use super::diagnose::Problems;
use super::raw::Text;
use super::types::Billing;

/// The most partners.
const PARTNERS_MAX: usize = 1_000;
/// The most entries of one list.
const LISTED_MAX: usize = 1_000;

/// `[lifecycle]`, or that of a partner.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lifecycle {
    customer_reactivation: Option<bool>,
    customer_termination: Option<bool>,
    retention_days: Option<Spanned<u32>>,
    grace_days_max: Option<Spanned<u32>>,
    #[serde(default)]
    renewal: Renewal,
    #[serde(default)]
    pause: Pause,
    #[serde(default)]
    suspension: Suspension,
    #[serde(default)]
    change: Change,
    #[serde(default)]
    provisional: Provisional,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    use_credit: Option<bool>,
    invoicing: Option<Text>,
    keeps_anchor: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    customer: Option<bool>,
    days_max: Option<Spanned<u32>>,
    times_per_year: Option<Spanned<u32>>,
    days_per_year: Option<Spanned<u32>>,
    active_months_min: Option<Spanned<u32>>,
    fee: Option<Text>,
    with_debt: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suspension {
    enabled: Option<bool>,
    debt_min: Option<Text>,
    delay_days: Option<Spanned<u32>>,
    excluded_weekdays: Option<Vec<Text>>,
    holidays: Option<Vec<Text>>,
    time_of_day: Option<Text>,
    debt_age_hours_max: Option<Spanned<u32>>,
    customer_postpone: Option<bool>,
    postpone_hours_max: Option<Spanned<u32>>,
    on_chargeback: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    self_change: Option<bool>,
    request_change: Option<bool>,
    proration: Option<Text>,
    fee_up: Option<Text>,
    fee_down: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provisional {
    count_max: Option<Spanned<u32>>,
    value_max: Option<Text>,
}

/// `[[partner]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Partner {
    name: Text,
    #[serde(default)]
    lifecycle: Lifecycle,
    #[serde(default)]
    portal: PartnerPortal,
}

/// What the portal shows, in `[portal]` and `[partner.portal]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartnerPortal {
    pub(super) menu: Option<Vec<Text>>,
    pub(super) fields: Option<Vec<Text>>,
}

/// The policies of all sections.
pub(super) fn policies(
    default: &Lifecycle,
    partners: &[Partner],
    billing: &Billing,
    problems: &mut Problems,
) -> Option<Policies> {
    let default = policy(Policy::new(billing.zone), default, "", billing, problems);
    let base = default.clone()?;
    let mut all = BTreeMap::new();
    for partner in partners.iter().take(PARTNERS_MAX) {
        let Some(name) = partner_name(partner, problems) else {
            continue;
        };
        let prefix = format!("partner {name}: ");
        let own = policy(base.clone(), &partner.lifecycle, &prefix, billing, problems);
        if let Some(own) = own
            && all.insert(name, own).is_some()
        {
            let message = format!("{:?} is there twice", partner.name.get_ref());
            problems.add("partner.name", partner.name.span(), message, None);
        }
    }
    if let Some(partner) = partners.get(PARTNERS_MAX) {
        let allowed = format!("at most {PARTNERS_MAX}");
        let span = partner.name.span();
        problems.add("partner", span, "too many", Some(&allowed));
    }
    Some(Policies {
        default: base,
        partners: all,
    })
}

fn partner_name(partner: &Partner, problems: &mut Problems) -> Option<Label> {
    problems.parse(
        "partner.name",
        &partner.name,
        "the name in the subscriptions' field partner",
    )
}

/// What the portal shows to whom.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ShownTo {
    default: Shown,
    partners: BTreeMap<Label, Shown>,
}

impl ShownTo {
    /// What the subscribers of `partner` are shown.
    #[must_use]
    pub fn of(&self, partner: Option<&Label>) -> &Shown {
        partner
            .and_then(|partner| self.partners.get(partner))
            .unwrap_or(&self.default)
    }
}

/// Menus and fields of all sections.
pub(super) fn shown(
    default: &PartnerPortal,
    partners: &[Partner],
    problems: &mut Problems,
) -> Option<ShownTo> {
    let base = shown_of(&Shown::default(), default, "portal.", problems);
    let default = base.clone()?;
    let mut all = BTreeMap::new();
    for partner in partners.iter().take(PARTNERS_MAX) {
        // A bad name is complained of with the policies.
        let Ok(name) = partner.name.get_ref().parse::<Label>() else {
            continue;
        };
        let prefix = format!("partner {name}: portal.");
        if let Some(own) = shown_of(&default, &partner.portal, &prefix, problems) {
            all.insert(name, own);
        }
    }
    Some(ShownTo {
        default,
        partners: all,
    })
}

fn shown_of(
    base: &Shown,
    raw: &PartnerPortal,
    prefix: &str,
    problems: &mut Problems,
) -> Option<Shown> {
    let items: Vec<_> = MenuItem::ALL.iter().map(|i| (i.as_str(), *i)).collect();
    let fields: Vec<_> = Field::ALL.iter().map(|f| (f.as_str(), *f)).collect();
    let menu = chosen(
        &format!("{prefix}menu"),
        raw.menu.as_deref(),
        &items,
        problems,
    );
    let shown = chosen(
        &format!("{prefix}fields"),
        raw.fields.as_deref(),
        &fields,
        problems,
    );
    Some(Shown {
        menu: menu?.unwrap_or_else(|| base.menu.clone()),
        fields: shown?.unwrap_or_else(|| base.fields.clone()),
    })
}

/// The choices of a list; the outer `None` means that something was reported.
#[expect(
    clippy::option_option,
    reason = "the outer one is a fault, the inner one says that nothing is said"
)]
fn chosen<T: Copy>(
    key: &str,
    names: Option<&[Text]>,
    choices: &[(&str, T)],
    problems: &mut Problems,
) -> Option<Option<Vec<T>>> {
    let Some(names) = names else {
        return Some(None);
    };
    let found: Vec<_> = names
        .iter()
        .filter_map(|name| problems.choose(key, name, choices))
        .collect();
    (found.len() == names.len()).then_some(Some(found))
}

/// Reads the keys of one section onto a policy.
struct Reader<'a> {
    /// Stands before the keys in complaints.
    prefix: &'a str,
    billing: &'a Billing,
    problems: &'a mut Problems,
    all_well: bool,
}

/// `base` with what a section says; `None` if something was reported.
fn policy(
    base: Policy,
    raw: &Lifecycle,
    prefix: &str,
    billing: &Billing,
    problems: &mut Problems,
) -> Option<Policy> {
    let mut policy = base;
    let mut reader = Reader {
        prefix,
        billing,
        problems,
        all_well: true,
    };
    set(&mut policy.customer_reactivation, raw.customer_reactivation);
    set(&mut policy.customer_termination, raw.customer_termination);
    reader.number(
        "retention_days",
        &mut policy.retention_days,
        raw.retention_days.as_ref(),
        0..=3_660,
    );
    reader.number(
        "grace_days_max",
        &mut policy.grace_days_max,
        raw.grace_days_max.as_ref(),
        1..=366,
    );
    reader.renewal(&mut policy, &raw.renewal);
    reader.pause(&mut policy, &raw.pause);
    reader.suspension(&mut policy, &raw.suspension);
    reader.change(&mut policy, &raw.change);
    let provisional = &mut policy.provisional;
    reader.number(
        "provisional.count_max",
        &mut provisional.count_max,
        raw.provisional.count_max.as_ref(),
        0..=16,
    );
    reader.amount(
        "provisional.value_max",
        &mut provisional.value_max,
        raw.provisional.value_max.as_ref(),
    );
    reader.all_well.then_some(policy)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

impl Reader<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}lifecycle.{key}", self.prefix)
    }

    fn number(
        &mut self,
        key: &str,
        place: &mut u32,
        value: Option<&Spanned<u32>>,
        allowed: std::ops::RangeInclusive<u32>,
    ) {
        let Some(value) = value else { return };
        let key = self.key(key);
        match self.problems.within(&key, value, allowed) {
            Some(value) => *place = value,
            None => self.all_well = false,
        }
    }

    fn limit<T: TryFrom<u32>>(
        &mut self,
        key: &str,
        place: &mut Option<T>,
        value: Option<&Spanned<u32>>,
        allowed: std::ops::RangeInclusive<u32>,
    ) {
        let Some(value) = value else { return };
        let key = self.key(key);
        match self.problems.within(&key, value, allowed) {
            Some(value) => *place = T::try_from(value).ok(),
            None => self.all_well = false,
        }
    }

    fn amount(&mut self, key: &str, place: &mut Option<Money>, text: Option<&Text>) {
        let Some(text) = text else { return };
        let currency = self.billing.currency;
        match Money::parse(text.get_ref(), currency) {
            Ok(amount) if !amount.is_negative() => *place = Some(amount),
            Ok(_) => self.complain(key, text, "is below zero", "an amount such as \"5.00\""),
            Err(error) => {
                self.complain(key, text, &error.to_string(), "an amount such as \"5.00\"")
            }
        }
    }

    fn choice<T: Copy>(
        &mut self,
        key: &str,
        place: &mut T,
        text: Option<&Text>,
        choices: &[(&str, T)],
    ) {
        let Some(text) = text else { return };
        let key = self.key(key);
        match self.problems.choose(&key, text, choices) {
            Some(choice) => *place = choice,
            None => self.all_well = false,
        }
    }

    fn list<T>(
        &mut self,
        key: &str,
        place: &mut Vec<T>,
        texts: Option<&[Text]>,
        read: impl Fn(&str) -> Option<T>,
        allowed: &str,
    ) {
        let Some(texts) = texts else { return };
        place.clear();
        if let Some(text) = texts.get(LISTED_MAX) {
            self.complain(key, text, "is one too many", "at most 1 000");
        }
        for text in texts.iter().take(LISTED_MAX) {
            match read(text.get_ref()) {
                Some(value) => place.push(value),
                None => self.complain(key, text, "is not known", allowed),
            }
        }
    }

    fn complain(&mut self, key: &str, text: &Text, what: &str, allowed: &str) {
        let key = self.key(key);
        let message = format!("{:?} {what}", text.get_ref());
        self.problems.add(&key, text.span(), message, Some(allowed));
        self.all_well = false;
    }

    fn renewal(&mut self, policy: &mut Policy, raw: &Renewal) {
        let renewal = &mut policy.renewal;
        set(&mut renewal.use_credit, raw.use_credit);
        set(&mut renewal.keeps_anchor, raw.keeps_anchor);
        let choices = [
            ("forward", Invoicing::Forward),
            ("backward", Invoicing::Backward),
        ];
        self.choice(
            "renewal.invoicing",
            &mut renewal.invoicing,
            raw.invoicing.as_ref(),
            &choices,
        );
    }

    fn pause(&mut self, policy: &mut Policy, raw: &Pause) {
        let pause = &mut policy.pause;
        set(&mut pause.customer, raw.customer);
        set(&mut pause.with_debt, raw.with_debt);
        self.limit(
            "pause.days_max",
            &mut pause.days_max,
            raw.days_max.as_ref(),
            1..=3_660,
        );
        self.limit(
            "pause.times_per_year",
            &mut pause.times_per_year,
            raw.times_per_year.as_ref(),
            0..=366,
        );
        self.limit(
            "pause.days_per_year",
            &mut pause.days_per_year,
            raw.days_per_year.as_ref(),
            0..=366,
        );
        self.limit(
            "pause.active_months_min",
            &mut pause.active_months_min,
            raw.active_months_min.as_ref(),
            0..=120,
        );
        self.amount("pause.fee", &mut pause.fee, raw.fee.as_ref());
    }

    fn suspension(&mut self, policy: &mut Policy, raw: &Suspension) {
        let suspension = &mut policy.suspension;
        set(&mut suspension.enabled, raw.enabled);
        set(&mut suspension.customer_postpone, raw.customer_postpone);
        set(&mut suspension.on_chargeback, raw.on_chargeback);
        self.amount(
            "suspension.debt_min",
            &mut suspension.debt_min,
            raw.debt_min.as_ref(),
        );
        self.number(
            "suspension.delay_days",
            &mut suspension.delay_days,
            raw.delay_days.as_ref(),
            0..=366,
        );
        self.number(
            "suspension.postpone_hours_max",
            &mut suspension.postpone_hours_max,
            raw.postpone_hours_max.as_ref(),
            1..=8_784,
        );
        let mut hours = 0;
        self.number(
            "suspension.debt_age_hours_max",
            &mut hours,
            raw.debt_age_hours_max.as_ref(),
            1..=8_784,
        );
        if hours > 0 {
            suspension.debt_age_max = Span::from_seconds(hours * 3_600);
        }
        self.suspension_days(suspension, raw);
    }

    /// On which days, and when on them.
    fn suspension_days(&mut self, suspension: &mut SuspensionPolicy, raw: &Suspension) {
        let weekday = |name: &str| Weekday::ALL.into_iter().find(|day| day.as_str() == name);
        let weekdays = "allowed: monday, tuesday, wednesday, thursday, friday, saturday, sunday";
        self.list(
            "suspension.excluded_weekdays",
            &mut suspension.excluded_weekdays,
            raw.excluded_weekdays.as_deref(),
            weekday,
            weekdays,
        );
        if Weekday::ALL
            .iter()
            .all(|day| suspension.excluded_weekdays.contains(day))
            && let Some(text) = raw.excluded_weekdays.iter().flatten().next()
        {
            self.complain(
                "suspension.excluded_weekdays",
                text,
                "and all others leave no day",
                "leave one out, or set enabled = false",
            );
        }
        let date = |text: &str| CivilDate::from_str(text).ok();
        self.list(
            "suspension.holidays",
            &mut suspension.holidays,
            raw.holidays.as_deref(),
            date,
            "dates such as 2026-12-25",
        );
        if let Some(text) = &raw.time_of_day {
            match minute_of_day(text.get_ref()) {
                Some(minute) => suspension.minute_of_day = minute,
                None => self.complain(
                    "suspension.time_of_day",
                    text,
                    "is no time of day",
                    "such as \"09:00\"",
                ),
            }
        }
    }

    fn change(&mut self, policy: &mut Policy, raw: &Change) {
        let change = &mut policy.change;
        set(&mut change.self_change, raw.self_change);
        set(&mut change.request_change, raw.request_change);
        let choices = Proration::ALL.map(|proration| (proration.as_str(), proration));
        self.choice(
            "change.proration",
            &mut change.proration,
            raw.proration.as_ref(),
            &choices,
        );
        self.amount("change.fee_up", &mut change.fee_up, raw.fee_up.as_ref());
        self.amount(
            "change.fee_down",
            &mut change.fee_down,
            raw.fee_down.as_ref(),
        );
    }
}

/// `09:30` in minutes from midnight.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let is_plain = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse::<u16>().ok().filter(|n| is_plain && *n < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

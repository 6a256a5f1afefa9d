//! The table of settings.

use garth_subscription::calendar::BillingZone;
use garth_subscription::facts::Invoicing;
use garth_subscription::policy::{
    ChangePolicy, PausePolicy, Policy, ProvisionalPolicy, RenewalPolicy, SuspensionPolicy,
};

use super::row;

/// Every setting with what holds where nobody says otherwise. A setting that is missing here does not
/// compile.
pub(crate) fn settings() -> String {
    let Policy {
        zone: _,
        customer_reactivation,
        customer_termination,
        retention_days,
        grace_days_max,
        renewal,
        pause,
        suspension,
        change,
        provisional,
    } = Policy::new(BillingZone::UTC);
    let mut text = String::from(
        "## What policy decides\n\n\
         For all subscriptions, and anew for those of a partner where it differs. The names are those of\n\
         the rules; docs/configuration.md has the keys of the file.\n\n\
         | setting | default | what it says |\n|---|---|---|\n",
    );
    let general = [
        (
            "customer reactivation",
            on(customer_reactivation),
            "whether subscribers may pay their way out of the garden (L12)",
        ),
        (
            "customer termination",
            on(customer_termination),
            "whether subscribers may end it themselves (T18)",
        ),
        (
            "retention days",
            retention_days.to_string(),
            "for how long after its end it may be reinstated (L23)",
        ),
        (
            "grace days, at most",
            grace_days_max.to_string(),
            "the longest grace, counted together (L7)",
        ),
    ];
    for (name, default, words) in general {
        row(&mut text, &[name, &default, words]);
    }
    of_renewal(&mut text, &renewal);
    of_pause(&mut text, &pause);
    of_suspension(&mut text, &suspension);
    of_change(&mut text, &change);
    let ProvisionalPolicy {
        count_max,
        value_max,
    } = provisional;
    for (name, default, words) in [
        (
            "provisional: count, at most",
            count_max.to_string(),
            "unconfirmed payments of one subscription at a time (E16)",
        ),
        (
            "provisional: value, at most",
            bound(value_max),
            "their sum (E16)",
        ),
    ] {
        row(&mut text, &[name, &default, words]);
    }
    text
}

fn of_renewal(text: &mut String, policy: &RenewalPolicy) {
    let RenewalPolicy {
        use_credit,
        invoicing,
        keeps_anchor,
    } = policy;
    let invoicing = match invoicing {
        Invoicing::Forward => "forward",
        Invoicing::Backward => "backward",
    };
    for (name, default, words) in [
        (
            "renewal: use credit",
            on(*use_credit),
            "whether credit buys the next months by itself (L9)",
        ),
        (
            "renewal: invoicing",
            invoicing.to_owned(),
            "forward: a period is paid before it; backward: it is charged when it is over (L10)",
        ),
        (
            "renewal: keeps the anchor",
            on(*keeps_anchor),
            "whether months after an expiry still end on the old day of the month (T5)",
        ),
    ] {
        row(text, &[name, &default, words]);
    }
}

fn of_pause(text: &mut String, policy: &PausePolicy) {
    let PausePolicy {
        customer,
        days_max,
        times_per_year,
        days_per_year,
        active_months_min,
        fee,
        with_debt,
    } = policy;
    for (name, default, words) in [
        (
            "pause: by subscribers",
            on(*customer),
            "whether subscribers may pause in the portal (L28)",
        ),
        (
            "pause: days, at most",
            bound(*days_max),
            "the longest pause; with a bound it needs an end (L28)",
        ),
        (
            "pause: times in a year",
            bound(*times_per_year),
            "how many may begin in a civil year (L28)",
        ),
        (
            "pause: days in a year",
            bound(*days_per_year),
            "how many days of pause a civil year has (L28)",
        ),
        (
            "pause: months before, at least",
            bound(*active_months_min),
            "how long it must have run without a break (L28)",
        ),
        (
            "pause: fee",
            bound(*fee),
            "what a pause costs, from credit (L28)",
        ),
        (
            "pause: with a debt",
            on(*with_debt),
            "whether one may pause who owes something (L28)",
        ),
    ] {
        row(text, &[name, &default, words]);
    }
}

fn of_suspension(text: &mut String, policy: &SuspensionPolicy) {
    let SuspensionPolicy {
        enabled,
        debt_min,
        delay_days,
        excluded_weekdays,
        holidays,
        minute_of_day,
        debt_age_max,
        customer_postpone,
        postpone_hours_max,
        on_chargeback,
    } = policy;
    let hour = format!("{:02}:{:02}", minute_of_day / 60, minute_of_day % 60);
    let age = format!("{} h", debt_age_max.seconds() / 3_600);
    let excluded = if excluded_weekdays.is_empty() && holidays.is_empty() {
        "none"
    } else {
        "some"
    };
    for (name, default, words) in [
        (
            "suspension: enabled",
            on(*enabled),
            "whether anybody is suspended for a debt at all (L12)",
        ),
        (
            "suspension: debt, at least",
            bound(*debt_min),
            "the least debt that suspends (L11)",
        ),
        (
            "suspension: delay",
            format!("{delay_days} days"),
            "from the debt to the suspension (L11)",
        ),
        (
            "suspension: excluded days",
            excluded.to_owned(),
            "weekdays and dates on which nobody is suspended for a debt (L11)",
        ),
        (
            "suspension: time of day",
            hour,
            "the local time at which the timer suspends (L11)",
        ),
        (
            "suspension: age of a debt, at most",
            age,
            "how old a statement of debt may be (E14)",
        ),
        (
            "suspension: postponed by subscribers",
            on(*customer_postpone),
            "once for each suspension (L14)",
        ),
        (
            "suspension: postponed, at most",
            format!("{postpone_hours_max} h"),
            "the longest postponement (L14)",
        ),
        (
            "suspension: on a chargeback",
            on(*on_chargeback),
            "whether a chargeback that leaves a debt suspends at once (T24)",
        ),
    ] {
        row(text, &[name, &default, words]);
    }
}

fn of_change(text: &mut String, policy: &ChangePolicy) {
    let ChangePolicy {
        self_change,
        request_change,
        proration,
        fee_up,
        fee_down,
    } = policy;
    for (name, default, words) in [
        (
            "change of plan: by subscribers",
            on(*self_change),
            "whether they change it themselves, to the listed plans (L15)",
        ),
        (
            "change of plan: on request",
            on(*request_change),
            "whether they may ask for one (L15)",
        ),
        (
            "change of plan: proration",
            proration.as_str().to_owned(),
            "exact: unused money is paid back and the new plan paid; charge_only: nothing is paid back; none: nothing either way (L16)",
        ),
        (
            "change of plan: fee, dearer",
            bound(*fee_up),
            "what a change to a dearer plan costs besides (L16)",
        ),
        (
            "change of plan: fee, cheaper",
            bound(*fee_down),
            "what a change to a cheaper plan costs besides (L16)",
        ),
    ] {
        row(text, &[name, &default, words]);
    }
}

fn on(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}

fn bound(most: Option<impl ToString>) -> String {
    most.map_or_else(|| "none".to_owned(), |most| most.to_string())
}

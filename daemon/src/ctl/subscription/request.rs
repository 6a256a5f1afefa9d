//! From a verb on the command line to the path and the body of its request.

use serde_json::{Value, json};

use crate::ctl::args::{
    Bulk, ChangePlan, Grace, OnOff, Pause, Postpone, Purchase, Said, Selection, Set, Subscription,
    Suspend, Target, Terminate,
};

/// A command for one subscription.
pub(super) struct Request {
    /// The last segment of its path.
    pub(super) verb: &'static str,
    pub(super) target: Target,
    pub(super) body: Value,
    /// How the warnings of the rules are answered.
    pub(super) answers: Answers,
}

/// Whether a command asks before it is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answers {
    /// There is nothing to ask.
    Nothing,
    /// A warning that was answered on the command line, or not yet.
    Warning { is_answered: bool },
    /// A price that must be seen before, or that is accepted unseen.
    Price { is_accepted: bool },
}

impl Request {
    const fn plain(verb: &'static str, target: Target, body: Value) -> Self {
        let answers = Answers::Nothing;
        Self {
            verb,
            target,
            body,
            answers,
        }
    }

    /// The request of a verb that is a command for one subscription; nothing for the others.
    pub(super) fn of(verb: Subscription) -> Option<Self> {
        let nothing = || json!({});
        Some(match verb {
            Subscription::Renew {
                target,
                months,
                then_pause,
            } => {
                let body = json!({ "months": months, "then_pause": then_pause });
                Self::plain("renew", target, body)
            }
            Subscription::Pay {
                target,
                purchase,
                from_balance,
            } => {
                let mut body = purchased(&purchase);
                body["from_balance"] = json!(from_balance);
                Self::plain("pay", target, body)
            }
            Subscription::Reactivate { target, purchase } => {
                Self::plain("reactivate", target, purchased(&purchase))
            }
            Subscription::Grace { target, grace } => Self::plain("grace", target, graced(&grace)),
            Subscription::Pause { target, pause } => Self::plain("pause", target, paused(&pause)),
            Subscription::ActiveTo { target, at } => {
                Self::plain("active-to", target, json!({ "at": at }))
            }
            Subscription::Suspend { target, suspend } => {
                Self::plain("suspend", target, suspended(&suspend))
            }
            Subscription::Postpone { target, postpone } => {
                Self::plain("postpone", target, postponed(&postpone))
            }
            Subscription::Set { target, set } => Self::plain("set", target, settings(&set)),
            Subscription::EndPause(target) => Self::plain("end-pause", target, nothing()),
            Subscription::Lift(target) => Self::plain("lift", target, nothing()),
            Subscription::Enable(target) => Self::plain("enable", target, nothing()),
            Subscription::CancelChange(target) => Self::plain("cancel-change", target, nothing()),
            Subscription::Cancel(target) => Self::plain("cancel", target, nothing()),
            Subscription::CancelTermination(target) => {
                Self::plain("cancel-termination", target, nothing())
            }
            Subscription::Reinstate(target) => Self::plain("reinstate", target, nothing()),
            verb @ (Subscription::Disable { .. }
            | Subscription::Terminate { .. }
            | Subscription::ChangePlan { .. }) => Self::asking(verb)?,
            Subscription::List { .. }
            | Subscription::Show { .. }
            | Subscription::Add(_)
            | Subscription::Import { .. }
            | Subscription::Export { .. }
            | Subscription::Bulk(_)
            | Subscription::Explain { .. }
            | Subscription::History { .. }
            | Subscription::Usage { .. }
            | Subscription::Open { .. }
            | Subscription::Actions { .. } => return None,
        })
    }

    /// Those that ask before they are done.
    fn asking(verb: Subscription) -> Option<Self> {
        let (verb, target, body, answers) = if let Subscription::Disable { target, yes } = verb {
            let warning = Answers::Warning { is_answered: yes };
            ("disable", target, json!({ "confirmed": yes }), warning)
        } else if let Subscription::Terminate {
            target,
            terminate,
            yes,
        } = verb
        {
            let mut body = terminated(&terminate);
            body["confirmed"] = json!(yes);
            let warning = Answers::Warning { is_answered: yes };
            ("terminate", target, body, warning)
        } else if let Subscription::ChangePlan { target, plan, yes } = verb {
            let price = Answers::Price { is_accepted: yes };
            ("change-plan", target, changed(&plan), price)
        } else {
            return None;
        };
        Some(Self {
            verb,
            target,
            body,
            answers,
        })
    }
}

/// A command for many: its verb, what it carries, and for whom.
pub(super) fn bulk(verb: Bulk) -> (&'static str, Value, Selection) {
    let nothing = || json!({});
    let confirmed = || json!({ "confirmed": true });
    match verb {
        Bulk::ChangePlan { plan, selection } => ("change-plan", changed(&plan), selection),
        Bulk::Grace { grace, selection } => ("grace", graced(&grace), selection),
        Bulk::Suspend { suspend, selection } => ("suspend", suspended(&suspend), selection),
        Bulk::Postpone {
            postpone,
            selection,
        } => ("postpone", postponed(&postpone), selection),
        Bulk::Pause { pause, selection } => ("pause", paused(&pause), selection),
        Bulk::Set { set, selection } => ("set", settings(&set), selection),
        Bulk::Terminate {
            terminate,
            selection,
        } => {
            // The one question of a bulk, with its numbers, is the warning as well.
            let mut body = terminated(&terminate);
            body["confirmed"] = json!(true);
            ("terminate", body, selection)
        }
        Bulk::Disable(selection) => ("disable", confirmed(), selection),
        Bulk::CancelChange(selection) => ("cancel-change", nothing(), selection),
        Bulk::Lift(selection) => ("lift", nothing(), selection),
        Bulk::EndPause(selection) => ("end-pause", nothing(), selection),
        Bulk::CancelTermination(selection) => ("cancel-termination", nothing(), selection),
        Bulk::Enable(selection) => ("enable", nothing(), selection),
    }
}

/// Adds to a body what is said with every change.
pub(in crate::ctl) fn say(body: &mut Value, said: &Said) {
    for (key, value) in [
        ("reason", &said.reason),
        ("sub_type", &said.sub_type),
        ("performed_by", &said.performed_by),
        ("performed_at", &said.performed_at),
    ] {
        if let Some(value) = value {
            body[key] = json!(value);
        }
    }
}

fn purchased(purchase: &Purchase) -> Value {
    json!({
        "months": purchase.months,
        "amount": purchase.amount,
        "payment_id": purchase.payment_id,
        "quote": purchase.quote,
        "provisional": purchase.provisional,
        "then_pause": purchase.then_pause,
    })
}

fn graced(grace: &Grace) -> Value {
    json!({ "days": grace.days })
}

fn paused(pause: &Pause) -> Value {
    json!({
        "at": pause.at,
        "after_days": pause.after_days,
        "until": pause.until,
        "for_days": pause.for_days,
        "locked": pause.locked,
    })
}

fn suspended(suspend: &Suspend) -> Value {
    json!({ "cause": suspend.cause.as_str(), "debt": suspend.debt })
}

fn postponed(postpone: &Postpone) -> Value {
    json!({ "until": postpone.until, "hours": postpone.hours })
}

fn changed(change: &ChangePlan) -> Value {
    let start = match (&change.on, change.now) {
        (Some(date), _) => date.as_str(),
        (None, true) => "now",
        (None, false) => "next_period",
    };
    json!({ "plan": change.plan, "start": start })
}

fn terminated(terminate: &Terminate) -> Value {
    json!({ "at": terminate.at, "after_days": terminate.after_days })
}

fn settings(set: &Set) -> Value {
    let mut body = json!({});
    if let Some(months) = &set.renew_months {
        body["renew_months"] = months
            .parse::<u16>()
            .map_or_else(|_| json!(months), |months| json!(months));
    }
    if let Some(switch) = set.use_credit {
        body["use_credit"] = match switch {
            OnOff::On => json!(true),
            OnOff::Off => json!(false),
            OnOff::Default => json!("default"),
        };
    }
    if let Some(invoicing) = &set.invoicing {
        body["invoicing"] = json!(invoicing);
    }
    body
}

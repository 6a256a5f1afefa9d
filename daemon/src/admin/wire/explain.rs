//! Why a subscription is as it is, and what can be done with it.

use garth_subscription::actions::Action;
use serde::{Deserialize, Serialize};

use super::super::network::WallBody;
use super::{
    EntryBody, MoneyBody, ProvisionalBody, ServiceBody, SessionBody, SubscriptionBody, text,
};

/// Why a subscriber has this access, in words (L32).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExplainBody {
    /// Which subscription.
    pub id: String,
    /// As in [`SubscriptionBody`].
    pub standing: String,
    /// As in [`SubscriptionBody`].
    pub access: String,
    /// Sentences, the most important first.
    pub text: Vec<String>,
    /// Its live sessions, a few at most.
    #[serde(default)]
    pub sessions: Vec<SessionBody>,
    /// The wall wherever it is.
    #[serde(default)]
    pub walls: Vec<WallBody>,
    /// The last journal entries, newest first.
    pub entries: Vec<EntryBody>,
}

/// What can be done with a subscription now (L29).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ActionBody {
    /// The command.
    pub action: String,
    /// What `garthctl subscription` calls it.
    pub verb: String,
    /// Whether it would be taken now.
    pub available: bool,
    /// The rule that stands against it.
    pub rule: Option<String>,
    /// Why not, in words.
    pub detail: Option<String>,
}

impl ActionBody {
    /// The action, and what `garthctl` calls it.
    pub(crate) fn of(action: &Action, verb: &str) -> Self {
        let refusal = action.refusal.as_ref();
        Self {
            action: action.command.as_str().to_owned(),
            verb: verb.to_owned(),
            available: refusal.is_none(),
            rule: refusal.map(|refusal| refusal.rule().to_owned()),
            detail: text(refusal),
        }
    }
}

/// What stands on the account and is not settled.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UnsettledBody {
    /// Credit, or debt below zero.
    pub balance: MoneyBody,
    /// Since when it is below zero.
    pub owing_since: Option<String>,
    /// What a suspension is for.
    pub debt: Option<MoneyBody>,
    /// Months that run and are invoiced when they are over.
    pub unbilled_months: Option<u16>,
    /// Payments that nobody has confirmed yet.
    pub provisional: Vec<ProvisionalBody>,
}

/// What an operator sees before an action (L29).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ActionsBody {
    /// Which subscription.
    pub id: String,
    /// As in [`SubscriptionBody`].
    pub username: Option<String>,
    /// As in [`SubscriptionBody`].
    pub standing: String,
    /// The plan for access to the Internet.
    pub plan: String,
    /// What is billed with it.
    pub services: Vec<ServiceBody>,
    /// The installed equipment.
    pub mac: Option<String>,
    /// Where that is online now.
    pub sessions: Vec<SessionBody>,
    /// The unsettled bills.
    pub unsettled: UnsettledBody,
    /// What can be done, and what stands against the rest.
    pub actions: Vec<ActionBody>,
}

impl ActionsBody {
    pub(crate) fn of(
        subscription: SubscriptionBody,
        sessions: Vec<SessionBody>,
        actions: Vec<ActionBody>,
    ) -> Self {
        let suspend = subscription.holds.suspend;
        Self {
            id: subscription.id,
            username: subscription.username,
            standing: subscription.standing,
            plan: subscription.plan,
            services: subscription.services,
            mac: subscription.mac,
            sessions,
            unsettled: UnsettledBody {
                balance: subscription.balance,
                owing_since: subscription.owing_since,
                debt: suspend.and_then(|suspend| suspend.debt),
                unbilled_months: subscription.unbilled_months,
                provisional: subscription.provisional,
            },
            actions,
        }
    }
}

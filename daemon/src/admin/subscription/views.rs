//! What is told of one subscription: what can be done with it, what months cost it, why it is as it is.

use garth_store::RevertFilter;
use garth_subscription::Actor;
use garth_subscription::actions::actions;
use garth_subscription::command::CommandKind;
use garth_subscription::quote;
use http::Response;

use crate::admin::Admin;
use crate::admin::body::{self, Body};
use crate::admin::problem::Problem;
use crate::admin::role::Peer;
use crate::admin::routes::Call;
use crate::admin::wire::{ActionBody, ActionsBody, QuoteBody, SessionBody, SubscriptionBody};
use crate::admin::words;

/// How many live sessions are shown with the actions.
const SESSIONS_MAX: usize = 100;

impl Admin {
    pub(crate) async fn subscription_prices(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let subscription = self.named(&call.name).await?;
        let rules = self.store.rules();
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let offers =
            quote::offers(&subscription.facts, terms).map_err(|refusal| Problem::from(&refusal))?;
        let quotes: Vec<QuoteBody> = offers.iter().map(Into::into).collect();
        Ok(body::ok(&quotes))
    }

    pub(crate) async fn subscription_actions(
        &self,
        call: &Call,
        peer: &Peer,
    ) -> Result<Response<Body>, Problem> {
        let subscription = self.named(&call.name).await?;
        // A viewer sees what an operator could do.
        let actor = peer.actor().unwrap_or_else(|| Actor {
            role: garth_subscription::Role::Operator,
            name: peer.name.clone(),
            on_behalf_of: None,
        });
        let id = subscription.facts.id;
        let sessions = self
            .read(move |store| store.sessions(Some(id), true, SESSIONS_MAX))
            .await?;
        let (rules, now) = (self.store.rules(), self.store.now());
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let actions = actions(&subscription.facts, &actor, now, terms)
            .iter()
            .filter_map(|action| Some(ActionBody::of(action, verb_of(action.command)?)))
            .collect();
        let shown = SubscriptionBody::of(&subscription, &rules, now);
        let sessions = sessions.iter().map(SessionBody::from).collect();
        Ok(body::ok(&ActionsBody::of(shown, sessions, actions)))
    }

    pub(crate) async fn subscription_explain(
        &self,
        call: &Call,
    ) -> Result<Response<Body>, Problem> {
        let subscription = self.named(&call.name).await?;
        let id = subscription.facts.id;
        let found = self
            .read(move |store| {
                let pending = RevertFilter {
                    pending_only: true,
                    subscription: Some(id),
                    ..RevertFilter::default()
                };
                Ok::<_, garth_store::ReadError>((
                    store.history(id, None, words::ENTRIES_MAX)?,
                    store.sessions(Some(id), true, words::SESSIONS_MAX)?,
                    store.revert_requests(pending, None, words::WAITING_MAX)?,
                    store.tickets(true, Some(id), None, words::WAITING_MAX)?,
                ))
            })
            .await?;
        let (entries, sessions, reverts, tickets) = found;
        let rules = self.store.rules();
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let explanation = words::explain(&words::Known {
            subscription: &subscription,
            sessions: &sessions,
            walls: self.network.walls(id).await,
            reverts: &reverts,
            tickets: &tickets,
            policy: terms.policy,
            entries: &entries,
            now: self.store.now(),
            tz: self.tz,
        });
        Ok(body::ok(&explanation))
    }
}

/// The verb that gives a command of that kind to one subscription; nothing where nobody at the admin
/// socket gives it.
pub(crate) const fn verb_of(kind: CommandKind) -> Option<&'static str> {
    match kind {
        CommandKind::Cancel => Some("cancel"),
        CommandKind::Pay => Some("pay"),
        CommandKind::Reactivate => Some("reactivate"),
        CommandKind::SetRenewal => Some("set"),
        CommandKind::Pause => Some("pause"),
        CommandKind::EndPause => Some("end-pause"),
        CommandKind::Suspend => Some("suspend"),
        CommandKind::Lift => Some("lift"),
        CommandKind::Postpone => Some("postpone"),
        CommandKind::Grace => Some("grace"),
        CommandKind::Disable => Some("disable"),
        CommandKind::Enable => Some("enable"),
        CommandKind::ChangePlan => Some("change-plan"),
        CommandKind::CancelChange => Some("cancel-change"),
        CommandKind::Terminate => Some("terminate"),
        CommandKind::CancelTermination => Some("cancel-termination"),
        CommandKind::Reinstate => Some("reinstate"),
        CommandKind::Create
        | CommandKind::StartDue
        | CommandKind::Capture
        | CommandKind::ExpiryDue
        | CommandKind::PauseDue
        | CommandKind::RequestChange
        | CommandKind::ChangeDue
        | CommandKind::TerminateDue
        | CommandKind::RequestRevert
        | CommandKind::ApproveRevert
        | CommandKind::DenyRevert
        | CommandKind::OpenPortal
        | CommandKind::Refund
        | CommandKind::Chargeback
        | CommandKind::Post
        | CommandKind::Void => None,
    }
}

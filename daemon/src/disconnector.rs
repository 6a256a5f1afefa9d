//! Tells NASes about sessions: one is changed in place or ended, and one that the NAS does not know is
//! forgotten here.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use garth_radius::dynamic::ErrorCause;
use garth_radius::nas::Nas;
use garth_radius::server::Settings;
use garth_store::Store;
use garth_store::record::{Session, SessionKey};

use crate::admin::DisconnectAnswer;
use crate::dynamic_authorization::{
    Answered, Ask, Client, Identifiers, Outcome, Request, STOPPING,
};

/// Acct-Terminate-Cause "Admin Reset" (RFC 2866 section 5.10): what a session closed by us is given.
const ADMIN_RESET: u32 = 6;

/// Asks NASes to change or end sessions: operators by name, the follower by itself.
pub(crate) struct Disconnector {
    store: Store,
    settings: Arc<ArcSwap<Settings>>,
    client: Client,
}

/// The NASes of one configuration, by name.
pub(crate) struct Nases {
    settings: Arc<Settings>,
    by_name: HashMap<Arc<str>, Arc<Nas>>,
}

impl Nases {
    fn of(settings: Arc<Settings>) -> Self {
        let mut by_name = HashMap::new();
        for nas in settings.nas().iter() {
            // Of the two entries of what speaks both UDP and RadSec, the first has the secret for requests.
            by_name
                .entry(Arc::clone(&nas.name))
                .or_insert_with(|| Arc::clone(nas));
        }
        Self { by_name, settings }
    }

    /// The settings that they are of.
    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The NAS of that name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Nas>> {
        self.by_name.get(name)
    }

    /// The NAS of a session, if it takes requests.
    pub(crate) fn asked_about(&self, key: &SessionKey) -> Option<&Arc<Nas>> {
        let nas = self.by_name.get(nas_name(key)?)?;
        nas.dynamic_authorization.is_some().then_some(nas)
    }

    /// Whether none of them takes requests.
    pub(crate) fn are_deaf(&self) -> bool {
        let mut all = self.by_name.values();
        all.all(|nas| nas.dynamic_authorization.is_none())
    }
}

/// The configured name of a session's NAS: the session has "name/address" (see the accounting worker).
pub(crate) fn nas_name(key: &SessionKey) -> Option<&str> {
    key.nas.rsplit_once('/').map(|(name, _)| name)
}

/// Where the records of a session came from.
pub(crate) fn nas_address(key: &SessionKey) -> Option<IpAddr> {
    key.nas.rsplit_once('/')?.1.parse().ok()
}

impl Disconnector {
    pub(crate) fn new(store: Store, settings: Arc<ArcSwap<Settings>>, client: Client) -> Self {
        Self {
            store,
            settings,
            client,
        }
    }

    /// The NASes as they are configured now; `known` where that is what they are.
    pub(crate) fn nases(&self, known: Option<&Arc<Nases>>) -> Arc<Nases> {
        let settings = self.settings.load();
        match known {
            Some(known) if Arc::ptr_eq(&known.settings, &settings) => Arc::clone(known),
            Some(_) | None => Arc::new(Nases::of(Arc::clone(&settings))),
        }
    }

    /// Asks the NAS of a session for `request`, and waits for what it says; before others if it `goes_first`.
    pub(crate) async fn ask(
        &self,
        nases: &Nases,
        session: &Session,
        request: Request,
        goes_first: bool,
    ) -> Answered {
        let Some(nas) = nases.asked_about(&session.key) else {
            return Answered::not_sent("the NAS is not configured to be asked");
        };
        let Some(to) = place(nas, nas_address(&session.key)) else {
            return Answered::not_sent("the address of the NAS is not known");
        };
        let ask = Ask {
            nas: Arc::clone(nas),
            settings: Arc::clone(&nases.settings),
            to,
            identifiers: Identifiers::of(session),
            request,
            goes_first,
        };
        self.client.ask(ask).await
    }

    /// Asks `nas` at `to` for somebody who waits, and waits for what it says.
    pub(crate) async fn ask_at(
        &self,
        nases: &Nases,
        nas: &Arc<Nas>,
        to: SocketAddr,
        identifiers: Identifiers,
        request: Request,
    ) -> Answered {
        let ask = Ask {
            nas: Arc::clone(nas),
            settings: Arc::clone(&nases.settings),
            to,
            identifiers,
            request,
            goes_first: true,
        };
        self.client.ask(ask).await
    }

    /// Asks the NAS to end the session, and waits for what it says.
    pub(crate) async fn disconnect(&self, session: Session) -> DisconnectAnswer {
        let nases = self.nases(None);
        if nases.asked_about(&session.key).is_none() {
            return DisconnectAnswer::NotConfigured;
        }
        let answered = self.ask(&nases, &session, Request::Disconnect, true).await;
        match answered.outcome {
            Outcome::Ack => DisconnectAnswer::Acknowledged,
            Outcome::Nak(Some(
                ErrorCause::SessionContextNotFound | ErrorCause::ResidualSessionContextRemoved,
            )) => match self.forget(session.key).await {
                Ok(()) => DisconnectAnswer::Unknown,
                Err(detail) => DisconnectAnswer::Failed { detail },
            },
            Outcome::Nak(cause) => DisconnectAnswer::Refused {
                error_cause: cause.map(ErrorCause::number),
                error_cause_name: cause.map(|cause| crate::nases::cause_name(cause).to_owned()),
            },
            Outcome::Silence => DisconnectAnswer::TimedOut {
                attempts: answered.attempts,
                millis: answered.millis,
            },
            Outcome::NotSent(detail) => DisconnectAnswer::Failed { detail },
            Outcome::Busy(why) => DisconnectAnswer::Failed {
                detail: why.to_owned(),
            },
            Outcome::Stopping => DisconnectAnswer::Failed {
                detail: STOPPING.to_owned(),
            },
        }
    }

    /// Closes a session that its NAS does not know any more.
    ///
    /// # Errors
    /// The store's trouble, in words.
    pub(crate) async fn forget(&self, key: SessionKey) -> Result<(), String> {
        let closed = self.store.close_session(key, ADMIN_RESET).await;
        closed.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Where `nas` is asked about a session whose records came from `source`.
pub(crate) fn place(nas: &Nas, source: Option<IpAddr>) -> Option<SocketAddr> {
    use garth_radius::nas::DynamicAuthorization;
    match nas.dynamic_authorization? {
        DynamicAuthorization::At(address) => Some(address),
        there @ DynamicAuthorization::Source { .. } => Some(there.of(source?)),
    }
}

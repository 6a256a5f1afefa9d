//! Ends a session at its NAS, and forgets one that the NAS does not know.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use garth_radius::UnixSeconds;
use garth_radius::dynamic::ErrorCause;
use garth_radius::nas::Nas;
use garth_radius::server::Settings;
use garth_store::Store;
use garth_store::record::{Session, SessionKey};

use crate::admin::DisconnectAnswer;
use crate::dynamic_authorization::{Client, DisconnectError, Disconnected};

/// Acct-Terminate-Cause "Admin Reset" (RFC 2866 section 5.10): what a session closed by us is given.
const ADMIN_RESET: u32 = 6;

/// Asks NASes to end sessions: operators by name, the follower by itself.
pub(crate) struct Disconnector {
    store: Store,
    settings: Arc<ArcSwap<Settings>>,
    client: Client,
}

/// The NASes that can be asked to end a session.
pub(crate) struct Reachable(HashSet<Arc<str>>);

impl Reachable {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the NAS of that session is one of them.
    pub(crate) fn has(&self, key: &SessionKey) -> bool {
        nas_name(key).is_some_and(|name| self.0.contains(name))
    }
}

/// The configured name of a session's NAS: the session has "name/address" (see the accounting worker).
fn nas_name(key: &SessionKey) -> Option<&str> {
    key.nas.rsplit_once('/').map(|(name, _)| name)
}

impl Disconnector {
    pub(crate) fn new(store: Store, settings: Arc<ArcSwap<Settings>>) -> Self {
        Self {
            store,
            settings,
            client: Client::new(),
        }
    }

    /// The NAS of a session, if it is still configured.
    fn nas_of(&self, key: &SessionKey) -> Option<Arc<Nas>> {
        let name = nas_name(key)?;
        self.settings
            .load()
            .nas()
            .iter()
            .find(|nas| *nas.name == *name)
            .cloned()
    }

    /// The names of the NASes that take Disconnect-Requests, as far as the configuration says.
    pub(crate) fn reachable(&self) -> Reachable {
        let settings = self.settings.load();
        let nases = settings.nas().iter();
        let names = nases.filter(|nas| nas.dynamic_authorization.is_some());
        Reachable(names.map(|nas| Arc::clone(&nas.name)).collect())
    }

    /// Asks the NAS to end the session, and waits for what it says.
    pub(crate) async fn disconnect(&self, session: Session) -> DisconnectAnswer {
        let Some(nas) = self.nas_of(&session.key) else {
            return DisconnectAnswer::NotConfigured;
        };
        let now = self.store.now();
        let seconds = UnixSeconds(u64::try_from(now.unix_seconds()).unwrap_or(0));
        let [identifier, ..] = now.unix_millis().to_le_bytes();
        match self
            .client
            .disconnect(&nas, &session, seconds, identifier)
            .await
        {
            Ok(Disconnected::Acknowledged) => DisconnectAnswer::Acknowledged,
            Ok(Disconnected::UnknownThere) => self.forget(session).await,
            Ok(Disconnected::Refused(cause)) => DisconnectAnswer::Refused {
                error_cause: cause.map(ErrorCause::number),
            },
            Ok(Disconnected::NoAnswer) => DisconnectAnswer::TimedOut,
            Err(DisconnectError::NotConfigured(_)) => DisconnectAnswer::NotConfigured,
            Err(error) => DisconnectAnswer::Failed {
                detail: format!("{:#}", anyhow::Error::from(error)),
            },
        }
    }

    /// The NAS does not know the session any more, so neither should we.
    async fn forget(&self, session: Session) -> DisconnectAnswer {
        match self.store.close_session(session.key, ADMIN_RESET).await {
            Ok(_) => DisconnectAnswer::Unknown,
            Err(error) => DisconnectAnswer::Failed {
                detail: error.to_string(),
            },
        }
    }
}

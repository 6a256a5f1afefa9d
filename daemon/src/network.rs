//! What the admin API asks of the running router: garden, sessions, counters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use garth_radius::UnixSeconds;
use garth_radius::dynamic::ErrorCause;
use garth_radius::nas::Nas;
use garth_radius::server::{Counters, DropReason, Outcome, RejectReason, Settings};
use garth_store::Store;
use garth_store::record::Session;

use crate::admin::{Answer, DaemonStatus, DisconnectAnswer, GardenStatus, Network};
use crate::clock;
use crate::config::{Config, Gateway};
use crate::dynamic_authorization::{Client, DisconnectError, Disconnected};
use crate::enforcer::Wake;

/// Acct-Terminate-Cause "Admin Reset" (RFC 2866 section 5.10): what a session closed by us is given.
const ADMIN_RESET: u32 = 6;

/// The network side of the admin API.
pub(crate) struct RouterNetwork {
    store: Store,
    wake: Arc<Wake>,
    settings: Arc<ArcSwap<Settings>>,
    counters: Vec<Arc<Counters>>,
    client: Client,
    started_at: Instant,
    public_url: Option<String>,
    gateway: &'static str,
}

impl RouterNetwork {
    pub(crate) fn new(
        config: &Config,
        store: Store,
        wake: Arc<Wake>,
        settings: Arc<ArcSwap<Settings>>,
        counters: Vec<Arc<Counters>>,
        client: Client,
    ) -> Self {
        Self {
            store,
            wake,
            settings,
            counters,
            client,
            started_at: clock::monotonic(),
            public_url: config
                .portal
                .as_ref()
                .map(|portal| portal.public_url.as_str().to_owned()),
            gateway: match config.gateway {
                Gateway::None => "none",
                Gateway::Sandbox(_) => "sandbox",
            },
        }
    }

    /// The NAS of a session, if it is still configured.
    fn nas_of(&self, session: &Session) -> Option<Arc<Nas>> {
        // A session's NAS is "name/address" (see the accounting worker).
        let (name, _) = session.key.nas.rsplit_once('/')?;
        self.settings
            .load()
            .nas
            .iter()
            .find(|nas| *nas.name == *name)
            .cloned()
    }

    async fn disconnect_now(&self, session: Session) -> DisconnectAnswer {
        let Some(nas) = self.nas_of(&session) else {
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

    fn counted(&self) -> BTreeMap<String, u64> {
        let sum = |count: &dyn Fn(&Counters) -> u64| {
            self.counters
                .iter()
                .map(|counters| count(counters))
                .sum::<u64>()
        };
        let accepted = [
            Outcome::AcceptFull,
            Outcome::AcceptGarden,
            Outcome::AcceptUnknown,
            Outcome::Duplicate,
            Outcome::StatusServer,
        ]
        .into_iter()
        .map(|outcome| {
            (
                format!("radius_{}", outcome.as_str()),
                sum(&|counters| counters.answered(outcome)),
            )
        });
        let rejected = RejectReason::ALL.iter().map(|reason| {
            let outcome = Outcome::Reject(*reason);
            (
                format!("radius_reject_{}", reason.as_str()),
                sum(&|counters| counters.answered(outcome)),
            )
        });
        let dropped = DropReason::ALL.iter().map(|reason| {
            (
                format!("radius_drop_{}", reason.as_str()),
                sum(&|counters| counters.dropped(*reason)),
            )
        });
        let kept = [
            (
                "radius_accounting_committed".to_owned(),
                sum(&Counters::committed),
            ),
            (
                "radius_accounting_abandoned".to_owned(),
                sum(&Counters::abandoned),
            ),
        ];
        accepted
            .chain(rejected)
            .chain(dropped)
            .chain(kept)
            .collect()
    }
}

impl Network for RouterNetwork {
    fn garden_status(&self) -> Answer<'_, GardenStatus> {
        Box::pin(async {
            let Some(status) = self.wake.status().await else {
                return GardenStatus {
                    error: Some("the enforcer is stopping or overloaded".into()),
                    ..Default::default()
                };
            };
            let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            GardenStatus {
                backend: if status.enforcing { "nftables" } else { "none" }.into(),
                intact: status.enforcing && !status.drift.ruleset_lost,
                walled_ipv4: count(status.walled_ipv4),
                walled_ipv6: count(status.walled_ipv6),
                missing: count(status.drift.missing),
                surplus: count(status.drift.surplus),
                paid_but_blocked: count(status.paid_but_blocked),
                restored: status.repairs,
                error: status.error,
            }
        })
    }

    fn disconnect(&self, session: Session) -> Answer<'_, DisconnectAnswer> {
        Box::pin(self.disconnect_now(session))
    }

    fn daemon_status(&self) -> DaemonStatus {
        DaemonStatus {
            uptime_seconds: clock::monotonic().duration_since(self.started_at).as_secs(),
            public_url: self.public_url.clone(),
            gateway: self.gateway.into(),
            counters: self.counted(),
        }
    }
}

//! What the admin API asks of the running router: garden, sessions, counters.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use garth_captive_portal::dns;
use garth_radius::eap::EapServer;
use garth_radius::server::{Counters, DropReason, Outcome, RejectReason};
use garth_store::Store;
use garth_store::record::Session;
use garth_subscription::facts::SubscriptionId;

use crate::admin::wire::{NasBody, NasDetailBody, ProbeBody};
use crate::admin::{
    Answer, DaemonStatus, DisconnectAnswer, GardenStatus, Network, WallBody, WallState,
};
use crate::clock;
use crate::config::{Config, Gateway};
use crate::enforcer::{self, Wake};
use crate::garthd::resolver::GardenDns;
use crate::garthd::revocation;
use crate::nases::NasDesk;
use crate::radius::radsec::{RadSec, Version};

/// What counts while it works.
pub(crate) struct Meters {
    /// One for each RADIUS worker.
    pub(crate) radius: Vec<Arc<Counters>>,
    /// The conversations of all workers.
    pub(crate) eap: Arc<EapServer>,
    /// RadSec, if there is any.
    pub(crate) radsec: Option<Arc<RadSec>>,
    /// The garden's resolver, if there is one.
    pub(crate) dns: Option<Arc<GardenDns>>,
}

/// The network side of the admin API.
pub(crate) struct RouterNetwork {
    store: Store,
    wake: Arc<Wake>,
    nas_desk: NasDesk,
    meters: Meters,
    revocation: Arc<revocation::Calendar>,
    started_at: Instant,
    public_url: Option<String>,
    gateway: &'static str,
}

impl RouterNetwork {
    pub(crate) fn new(
        config: &Config,
        store: Store,
        wake: Arc<Wake>,
        nas_desk: NasDesk,
        meters: Meters,
        revocation: Arc<revocation::Calendar>,
    ) -> Self {
        Self {
            store,
            wake,
            nas_desk,
            meters,
            revocation,
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
}

impl Meters {
    /// Every counter under its name, summed over the workers.
    fn counted(&self) -> BTreeMap<String, u64> {
        let mut counted = BTreeMap::new();
        for outcome in [
            Outcome::AcceptFull,
            Outcome::AcceptGarden,
            Outcome::AcceptUnknown,
            Outcome::Challenge,
            Outcome::Duplicate,
            Outcome::StatusServer,
        ] {
            let name = format!("radius_{}", outcome.as_str());
            counted.insert(name, self.sum(|worker| worker.answered(outcome)));
        }
        for reason in RejectReason::ALL {
            let name = format!("radius_reject_{}", reason.as_str());
            let outcome = Outcome::Reject(*reason);
            counted.insert(name, self.sum(|worker| worker.answered(outcome)));
        }
        for reason in DropReason::ALL {
            let name = format!("radius_drop_{}", reason.as_str());
            counted.insert(name, self.sum(|worker| worker.dropped(*reason)));
        }
        let committed = self.sum(Counters::committed);
        counted.insert("radius_accounting_committed".to_owned(), committed);
        let abandoned = self.sum(Counters::abandoned);
        counted.insert("radius_accounting_abandoned".to_owned(), abandoned);
        let conversations = u64::try_from(self.eap.sessions()).unwrap_or(u64::MAX);
        counted.insert("radius_eap_conversations".to_owned(), conversations);
        counted.insert("radius_eap_pushed_out".to_owned(), self.eap.pushed_out());
        counted.insert("radius_eap_tls_alerts".to_owned(), self.eap.alerts());
        if let Some(radsec) = &self.radsec {
            counted.extend(radsec.meters().counted());
            for version in Version::ALL {
                let open = radsec.roster().speaking(version);
                let name = format!("radsec_open_{}", version.label());
                counted.insert(name, u64::try_from(open).unwrap_or(u64::MAX));
            }
        }
        if let Some(dns) = &self.dns {
            let counts = dns::Outcome::ALL
                .map(|outcome| (format!("dns_{}", outcome.label()), dns.count(outcome)));
            counted.extend(counts);
        }
        counted
    }

    fn sum(&self, count: impl Fn(&Counters) -> u64) -> u64 {
        self.radius.iter().map(|worker| count(worker)).sum()
    }
}

impl Network for RouterNetwork {
    fn garden_status(&self) -> Answer<'_, GardenStatus> {
        Box::pin(async {
            let stuck = self.nas_desk.alarms().sum();
            let Some(status) = self.wake.status().await else {
                return GardenStatus {
                    error: Some("the enforcer is stopping or overloaded".into()),
                    nas_paid_but_blocked: stuck.paid_but_blocked,
                    nas_walled_but_open: stuck.walled_but_open,
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
                conflicts: count(status.conflicts),
                paid_but_blocked: count(status.paid_but_blocked),
                nas_paid_but_blocked: stuck.paid_but_blocked,
                nas_walled_but_open: stuck.walled_but_open,
                restored: status.repairs,
                error: status.error,
            }
        })
    }

    fn walls(&self, id: SubscriptionId) -> Answer<'_, Vec<WallBody>> {
        Box::pin(async move {
            let walls = self.wake.walls(id).await.unwrap_or_default();
            walls.iter().map(wall_body).collect()
        })
    }

    fn disconnect(&self, session: Session) -> Answer<'_, DisconnectAnswer> {
        Box::pin(self.nas_desk.disconnector().disconnect(session))
    }

    fn nas_list(&self) -> Answer<'_, Result<Vec<NasBody>, String>> {
        Box::pin(self.nas_desk.list())
    }

    fn nas_show(&self, name: String) -> Answer<'_, Result<Option<NasDetailBody>, String>> {
        Box::pin(async move { self.nas_desk.show(&name).await })
    }

    fn nas_probe(
        &self,
        name: String,
        address: Option<IpAddr>,
    ) -> Answer<'_, Option<Result<Vec<ProbeBody>, String>>> {
        Box::pin(async move { self.nas_desk.probe(&name, address).await })
    }

    fn daemon_status(&self) -> DaemonStatus {
        let told = self.nas_desk.counts().sum();
        let mut counters = self.meters.counted();
        counters.insert("nas_acknowledged".to_owned(), told.acknowledged);
        counters.insert("nas_refused".to_owned(), told.refused);
        counters.insert("nas_unanswered".to_owned(), told.unanswered);
        let holds = self.store.holds().into_iter();
        let holds = holds.map(|held| held.hold.to_string());
        DaemonStatus {
            uptime_seconds: clock::monotonic().duration_since(self.started_at).as_secs(),
            public_url: self.public_url.clone(),
            gateway: self.gateway.into(),
            alarms: holds
                .chain(self.nas_desk.alarms().in_words())
                .chain(self.revocation.in_words(clock::wall()))
                .collect(),
            counters,
        }
    }
}

fn wall_body(wall: &enforcer::Wall) -> WallBody {
    WallBody {
        prefix: wall.prefix.to_string(),
        wanted: wall.wanted,
        actual: match wall.actual {
            enforcer::WallState::Up => WallState::Up,
            enforcer::WallState::Down => WallState::Down,
            enforcer::WallState::Unknown => WallState::Unknown,
            enforcer::WallState::Elsewhere => WallState::Elsewhere,
        },
    }
}

//! The RADIUS server's view of the index: who is this, and what may they have now?

use garth_radius::UnixSeconds;
use garth_radius::crypto::Password;
use garth_radius::directory::{
    Access, CLASS_LEN, Credential, Directory, FRAMED_ROUTES_MAX, Identity, Port, Profile, Route,
};
use garth_radius::mschap::NtHash;
use garth_store::Store;
use garth_store::index::{Entry, PortMark};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::route::{FramedRoute, RoutePrefix};
use garth_subscription::standing::next_boundary;
use garth_subscription::subscriber::MacAddress;
use garth_subscription::time::Span;
use garth_subscription::{Timestamp, standing};
use uuid::Uuid;

use super::accounting::NasName;

/// Looks subscribers up in memory.
pub(super) struct IndexDirectory(pub(super) Store);

impl Directory for IndexDirectory {
    fn find(&self, identity: &Identity<'_>, now: UnixSeconds, profile: &mut Profile) -> bool {
        let Some(now) = i64::try_from(now.0)
            .ok()
            .and_then(Timestamp::from_unix_seconds)
        else {
            return false;
        };
        let found = match identity {
            Identity::UserName(name) => self
                .0
                .index()
                .by_user_name(name, |entry| fill(entry, now, false, profile)),
            Identity::Mac(mac) => self
                .0
                .index()
                .by_mac(MacAddress(*mac), |entry| fill(entry, now, true, profile)),
            Identity::Line { circuit, remote } => self.find_line(*circuit, *remote, now, profile),
        };
        found.is_some()
    }

    fn live_sessions(&self, class: &[u8; CLASS_LEN], station: Option<[u8; 6]>) -> u32 {
        let id = SubscriptionId(Uuid::from_bytes(*class));
        self.0.index().live_sessions_of(id, station.map(MacAddress))
    }

    fn live_sessions_elsewhere(&self, class: &[u8; CLASS_LEN], port: &Port<'_>) -> u32 {
        let id = SubscriptionId(Uuid::from_bytes(*class));
        let nas = NasName {
            nas: port.nas,
            source: port.source,
        };
        let mark = PortMark::new(nas, port.number, port.id);
        self.0.index().live_sessions_elsewhere(id, mark)
    }

    fn routes(&self, class: &[u8; CLASS_LEN]) -> [Option<Route>; FRAMED_ROUTES_MAX] {
        let mut routes = [None; FRAMED_ROUTES_MAX];
        let id = SubscriptionId(Uuid::from_bytes(*class));
        self.0.index().by_id(id, |entry| {
            for (place, known) in routes.iter_mut().zip(entry.framed_routes()) {
                *place = Some(route(known));
            }
        });
        routes
    }

    fn prefetch<'a>(&self, user_names: impl Iterator<Item = &'a [u8]>) {
        self.0.index().prefetch(user_names);
    }
}

impl IndexDirectory {
    /// Who has the circuit id on file is found by it alone, and must have the remote id as well if one is on
    /// file; who has none, by the remote id.
    fn find_line(
        &self,
        circuit: Option<&[u8]>,
        remote: Option<&[u8]>,
        now: Timestamp,
        profile: &mut Profile,
    ) -> Option<()> {
        let index = self.0.index();
        let by_circuit = circuit.and_then(|circuit| {
            index.by_circuit_id(circuit, |entry| {
                let known = entry.remote_id();
                let is_its = known.is_none() || known == remote;
                is_its.then(|| fill(entry, now, true, profile))
            })
        });
        if let Some(found) = by_circuit {
            return found;
        }
        index.by_remote_id(remote?, |entry| {
            let has_none = entry.circuit_id().is_none();
            has_none.then(|| fill(entry, now, true, profile))
        })?
    }
}

fn route(known: FramedRoute) -> Route {
    let (network, length) = match known.prefix {
        RoutePrefix::V4(prefix) => (prefix.address().into(), prefix.prefix_len()),
        RoutePrefix::V6(prefix) => (prefix.address().into(), prefix.prefix_len()),
    };
    Route {
        network,
        length,
        metric: known.metric,
    }
}

/// The server counts whole seconds; what was changed within this one holds already.
const REST_OF_SECOND: Span = Span::from_millis(999).expect("it is above zero");

fn fill(entry: &Entry<'_>, second: Timestamp, call_check: bool, profile: &mut Profile) {
    let facts = entry.standing();
    let now = second.saturating_add(REST_OF_SECOND);
    profile.access = match standing(&facts, now).access() {
        garth_subscription::Access::Full => Access::Full,
        garth_subscription::Access::Garden => Access::Garden,
        garth_subscription::Access::Reject => Access::Reject,
    };
    profile.credential = match entry.password() {
        _ if call_check => Credential::CallCheck,
        Some(password) => Password::new(password).map_or(Credential::Missing, Credential::Password),
        None => entry.nt_hash().map_or(Credential::Missing, |hash| {
            Credential::NtHash(NtHash::new(hash))
        }),
    };
    // Nearly all have none of this: one question for all of it.
    if entry.has_more() {
        profile.framed_ipv6 = entry.framed_ipv6().map(|link| {
            let prefix = link.prefix();
            (prefix.address(), prefix.prefix_len())
        });
        profile.has_routes = entry.framed_routes().next().is_some();
    }
    profile.plan = Some(entry.plan_number());
    profile.down_kbps = entry.down_kbps();
    profile.up_kbps = entry.up_kbps();
    // The session must not outlive the next boundary; one second is the shortest there is.
    profile.session_timeout_seconds = next_boundary(&facts, now)
        .map(|boundary| u32::try_from(boundary.since(second).seconds().max(1)).unwrap_or(u32::MAX));
    profile.framed_ipv4 = entry.framed_ipv4();
    profile.delegated_ipv6 = entry
        .delegated_ipv6()
        .map(|prefix| (prefix.address(), prefix.prefix_len()));
    profile.class = *entry.id().0.as_bytes();
}

#[cfg(test)]
mod tests;

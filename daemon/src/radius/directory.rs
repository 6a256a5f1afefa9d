//! The RADIUS server's view of the index: who is this, and what may they have now?

use garth_radius::UnixSeconds;
use garth_radius::crypto::Password;
use garth_radius::directory::{Access, Credential, Directory, Identity, Profile};
use garth_store::Store;
use garth_store::index::Entry;
use garth_subscription::standing::next_boundary;
use garth_subscription::subscriber::MacAddress;
use garth_subscription::time::Span;
use garth_subscription::{Timestamp, standing};

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
            // Lines are not kept yet.
            Identity::Line { .. } => None,
        };
        found.is_some()
    }

    fn prefetch<'a>(&self, user_names: impl Iterator<Item = &'a [u8]>) {
        self.0.index().prefetch(user_names);
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
        None => Credential::Missing,
    };
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

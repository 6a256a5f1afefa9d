//! What the admin API asks of the running daemon beside the store.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use garth_store::record::Session;
use garth_subscription::facts::SubscriptionId;
use serde::{Deserialize, Serialize};

use super::wire::{NasBody, NasDetailBody, ProbeBody};

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The daemon's network side: garden, sessions, health.
pub trait Network: Send + Sync + 'static {
    /// How the garden on this router is, measured now.
    fn garden_status(&self) -> Answer<'_, GardenStatus>;

    /// How the wall is at each address where `id` is, measured now.
    fn walls(&self, id: SubscriptionId) -> Answer<'_, Vec<WallBody>>;

    /// Asks the session's NAS to end it (RFC 5176), and waits for the answer.
    fn disconnect(&self, session: Session) -> Answer<'_, DisconnectAnswer>;

    /// Every NAS of the configuration.
    ///
    /// The error is the store's, in words.
    fn nas_list(&self) -> Answer<'_, Result<Vec<NasBody>, String>>;

    /// One NAS with what it is told; `None` for a name that the configuration does not have.
    ///
    /// The error is the store's, in words.
    fn nas_show(&self, name: String) -> Answer<'_, Result<Option<NasDetailBody>, String>>;

    /// Asks a NAS about a session that cannot exist: at `address`, or wherever it is known to be.
    ///
    /// `None` for a name that the configuration does not have; the error says what to give.
    fn nas_probe(
        &self,
        name: String,
        address: Option<IpAddr>,
    ) -> Answer<'_, Option<Result<Vec<ProbeBody>, String>>>;

    /// What else belongs into `/v1/status`; must not block.
    fn daemon_status(&self) -> DaemonStatus;
}

/// The wall at one address or prefix.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct WallBody {
    /// Where.
    pub prefix: String,
    /// Whether it should be up: nobody there is entitled to the Internet.
    pub wanted: bool,
    /// Whether it is.
    pub actual: WallState,
}

/// Whether the kernel walls an address.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WallState {
    /// Packets stay in the garden.
    Up,
    /// Packets pass.
    Down,
    /// The kernel could not be read.
    Unknown,
    /// This router enforces nothing; a remote NAS may.
    Elsewhere,
}

/// The garden, wanted and actual.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct GardenStatus {
    /// `nftables`, or `none` where a remote NAS enforces.
    pub backend: String,
    /// Whether the ruleset is there and is ours.
    pub intact: bool,
    /// IPv4 prefixes walled in the kernel.
    pub walled_ipv4: u64,
    /// IPv6 prefixes walled in the kernel.
    pub walled_ipv6: u64,
    /// Prefixes that should be walled and are not.
    pub missing: u64,
    /// Prefixes that are walled and should not be.
    pub surplus: u64,
    /// Prefixes that more than one subscription holds: a stale session, or an address given twice.
    /// Nobody is walled there while one of them has paid.
    #[serde(default)]
    pub conflicts: u64,
    /// Addresses of subscribers with full access that are walled: must be 0.
    pub paid_but_blocked: u64,
    /// Sessions of subscribers who have paid that their NAS does not let out of the garden: must be 0.
    #[serde(default)]
    pub nas_paid_but_blocked: u64,
    /// Sessions of subscribers who have not that their NAS does not wall or end.
    #[serde(default)]
    pub nas_walled_but_open: u64,
    /// How often the ruleset had to be restored since the start.
    pub restored: u64,
    /// The last failure, for people.
    pub error: Option<String>,
}

impl GardenStatus {
    /// What is wrong, the worst first; empty where the kernel holds what is wanted.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.paid_but_blocked > 0 {
            faults.push(format!(
                "{} addresses of subscribers who have paid are walled",
                self.paid_but_blocked
            ));
        }
        if self.nas_paid_but_blocked > 0 {
            faults.push(format!(
                "{} sessions of subscribers who have paid are blocked at their NAS (garthctl nas list)",
                self.nas_paid_but_blocked
            ));
        }
        if self.nas_walled_but_open > 0 {
            faults.push(format!(
                "{} sessions that should be walled or ended are open at their NAS (garthctl nas list)",
                self.nas_walled_but_open
            ));
        }
        if let Some(error) = &self.error {
            faults.push(format!("the kernel's ruleset cannot be read: {error}"));
        }
        if self.backend == "none" {
            return faults;
        }
        if !self.intact {
            faults.push("the ruleset is gone or was changed by another tool".to_owned());
        }
        if self.missing > 0 {
            faults.push(format!(
                "{} addresses are open that should be walled",
                self.missing
            ));
        }
        if self.surplus > 0 {
            faults.push(format!(
                "{} addresses are walled that should not be",
                self.surplus
            ));
        }
        faults
    }
}

/// What became of a Disconnect-Request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum DisconnectAnswer {
    /// Nobody was asked.
    DryRun,
    /// The NAS has ended the session.
    Acknowledged,
    /// The NAS does not want to (RFC 5176 section 3.5).
    Refused {
        /// Error-Cause, if it gave one.
        error_cause: Option<u32>,
        /// Its name.
        error_cause_name: Option<String>,
    },
    /// The NAS does not know the session; it was closed here.
    Unknown,
    /// The NAS did not answer.
    TimedOut {
        /// How often it was asked.
        attempts: u8,
        /// For how long it was waited, in milliseconds.
        millis: u64,
    },
    /// The NAS has no `dynamic_authorization` in the configuration.
    NotConfigured,
    /// It could not be sent.
    Failed {
        /// Why.
        detail: String,
    },
}

/// What the daemon adds to `/v1/status`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct DaemonStatus {
    /// Since the daemon started.
    pub uptime_seconds: u64,
    /// Where subscribers are sent; nothing without a portal.
    pub public_url: Option<String>,
    /// The gateway in use: `sandbox`, `none`.
    pub gateway: String,
    /// What somebody must do something about, in words; empty where all is well.
    #[serde(default)]
    pub alarms: Vec<String>,
    /// Counters by name, such as `radius_accept_full` or `radius_drop_malformed`.
    pub counters: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_garden_is_faultless_only_if_the_kernel_holds_what_is_wanted() {
        let well = GardenStatus {
            backend: "nftables".to_owned(),
            intact: true,
            walled_ipv4: 7,
            restored: 3,
            conflicts: 1,
            ..GardenStatus::default()
        };
        assert_eq!(well.faults(), Vec::<String>::new());
        let elsewhere = GardenStatus {
            backend: "none".to_owned(),
            ..GardenStatus::default()
        };
        assert_eq!(elsewhere.faults(), Vec::<String>::new());
        type Break = fn(&mut GardenStatus);
        let breaks: [(Break, &str); 7] = [
            (
                |garden| garden.nas_paid_but_blocked = 3,
                "3 sessions of subscribers who have paid",
            ),
            (
                |garden| garden.nas_walled_but_open = 1,
                "1 sessions that should",
            ),
            (
                |garden| garden.paid_but_blocked = 2,
                "2 addresses of subscribers who have paid",
            ),
            (|garden| garden.intact = false, "another tool"),
            (|garden| garden.missing = 1, "1 addresses are open"),
            (|garden| garden.surplus = 1, "1 addresses are walled"),
            (|garden| garden.error = Some("EPERM".to_owned()), "EPERM"),
        ];
        for (wrong, words) in breaks {
            let mut garden = well.clone();
            wrong(&mut garden);
            let faults = garden.faults();
            assert!(faults.len() == 1 && faults[0].contains(words), "{faults:?}");
        }
    }
}

//! What the admin API asks of the running daemon beside the store.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use garth_store::record::Session;
use garth_subscription::facts::SubscriptionId;
use serde::{Deserialize, Serialize};

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
    },
    /// The NAS does not know the session; it was closed here.
    Unknown,
    /// The NAS did not answer.
    TimedOut,
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
        let breaks: [(Break, &str); 5] = [
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

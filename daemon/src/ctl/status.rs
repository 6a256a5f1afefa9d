//! `garthctl status` and `garthctl garden status`: first whether all is well, then the numbers.
//!
//! Numbers stand in groups. Without `--all`, those that only matter when they are not zero are
//! left out while they are: what was dropped and refused, and what waits.

use indicatif::HumanBytes;

use super::client::{Client, Path};
use super::failure::Failure;
use super::output::Output;
use crate::admin::GardenStatus;
use crate::admin::wire::StatusBody;

/// Counters that are shown even while they are zero.
const ALWAYS: [&str; 4] = [
    "radius_accept_full",
    "radius_accept_garden",
    "radius_accounting_committed",
    "dns_answered",
];

/// A line of a group: what it says, and whether it is worth a line without `--all`.
type Line = (String, String, bool);

pub(super) async fn run(all: bool, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let status: StatusBody = client.get(&Path::of(&["v1", "status"])).await?;
    if output.is_json() {
        return output.json(&status);
    }
    let now = output.zone().when(&status.now);
    let up = duration(status.daemon.uptime_seconds);
    output.line(format!("garthd {}, up {up}, {now}", status.version))?;
    if status.daemon.alarms.is_empty() {
        output.line("ok: nothing needs attention")?;
    }
    for alarm in &status.daemon.alarms {
        output.line(format!("ALARM: {alarm}"))?;
    }
    let shown = |lines: Vec<Line>| {
        let lines = lines.into_iter().filter(|(_, _, matters)| all || *matters);
        lines
            .map(|(key, value, _)| (key, value))
            .collect::<Vec<_>>()
    };
    output.group("Waiting for a person", shown(waiting(&status)))?;
    output.group("Store", shown(store(&status)))?;
    output.group("RADIUS", shown(counters(&status, "radius_")))?;
    output.group("Told to NASes", shown(counters(&status, "nas_")))?;
    output.group("RadSec", shown(counters(&status, "radsec_")))?;
    output.group("Garden", shown(garden(&status)))?;
    output.group("Portal and payments", shown(portal(&status)))
}

/// What does not go on until somebody has looked at it.
fn waiting(status: &StatusBody) -> Vec<Line> {
    vec![
        (
            "time held by".to_owned(),
            status
                .time_holds
                .iter()
                .map(|held| held.kind.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            !status.time_holds.is_empty(),
        ),
        waits("pending approvals", status.waiting.pending_reverts),
        waits("open tickets", status.waiting.open_tickets),
    ]
}

fn store(status: &StatusBody) -> Vec<Line> {
    let number = |key: &str| status.store.get(key).copied().unwrap_or_default();
    let rare = |name: &str, key: &str| (name.to_owned(), number(key).to_string(), number(key) > 0);
    let millis = |key: &str| {
        let micros = number(key);
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    };
    let behind = number("clock_behind_millis");
    vec![
        always("subscriptions", status.subscriptions),
        always("live sessions", status.live_sessions),
        always("plans", status.plans),
        always("journal entries", number("journal_sequence")),
        always("index", index(status)),
        always(
            "last commit",
            format!(
                "{} for {} requests",
                millis("last_commit_micros"),
                number("last_commit_requests")
            ),
        ),
        (
            "commits, median / 99 % / longest".to_owned(),
            ["p50", "p99", "max"]
                .map(|part| millis(&format!("commit_micros_{part}")))
                .join(" / "),
            false,
        ),
        (
            "accounting not folded".to_owned(),
            format!(
                "{} records, {} sessions",
                number("accounting_log_records"),
                number("sessions_not_folded")
            ),
            false,
        ),
        (
            "folds since start".to_owned(),
            format!(
                "{}, the last in {}",
                number("folds"),
                millis("last_fold_micros")
            ),
            false,
        ),
        (
            "commits since start".to_owned(),
            format!("{} for {} requests", number("commits"), number("requests")),
            false,
        ),
        rare("commands waiting", "commands_waiting"),
        rare("batches waiting", "bulk_waiting"),
        rare("refused, writer behind", "refused_busy"),
        rare("sessions refused, full", "sessions_refused"),
        rare("sessions closed, NAS restarted", "sessions_rebooted"),
        rare("sessions closed, by age", "sessions_aged"),
        rare("sessions closed, id given again", "sessions_replaced"),
        (
            "clock behind by".to_owned(),
            format!("{}.{:03} s", behind / 1_000, behind % 1_000),
            behind > 0,
        ),
    ]
}

/// The index's size, and each subscription's part where there are enough of them for that to say something.
fn index(status: &StatusBody) -> String {
    const MANY: u64 = 10_000;
    let number = |key: &str| status.store.get(key).copied().unwrap_or_default();
    let size = HumanBytes(number("index_bytes"));
    if status.subscriptions < MANY {
        return size.to_string();
    }
    let each = number("index_bytes_per_subscription");
    format!("{size}, {each} octets a subscription")
}

/// What waits for a person is worth a line while it does.
fn waits(name: &str, count: u64) -> Line {
    (name.to_owned(), count.to_string(), count > 0)
}

#[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
fn always(name: &str, value: impl ToString) -> Line {
    (name.to_owned(), value.to_string(), true)
}

/// The counters that begin with `prefix`: what was answered, then what was refused, then what was dropped.
fn counters(status: &StatusBody, prefix: &str) -> Vec<Line> {
    let mut lines: Vec<(u8, Line)> = status
        .daemon
        .counters
        .iter()
        .filter_map(|(key, count)| {
            let name = key.strip_prefix(prefix)?;
            let (rank, name) = if let Some(reason) = name.strip_prefix("reject_") {
                (1, format!("rejected, {reason}"))
            } else if let Some(reason) = name.strip_prefix("drop_") {
                (2, format!("dropped, {reason}"))
            } else if let Some(reason) = name.strip_prefix("refused_") {
                (1, format!("refused, {reason}"))
            } else if let Some(reason) = name.strip_prefix("ended_") {
                (2, format!("ended, {reason}"))
            } else {
                (0, name.replacen("accept_", "accepted, ", 1))
            };
            let matters = *count > 0 || ALWAYS.contains(&key.as_str());
            Some((rank, (name.replace('_', " "), count.to_string(), matters)))
        })
        .collect();
    lines.sort_by_key(|(rank, _)| *rank);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn garden(status: &StatusBody) -> Vec<Line> {
    let mut lines: Vec<Line> = garden_numbers(&status.garden)
        .into_iter()
        .map(|(key, value)| {
            let calm = matches!(value.as_str(), "" | "0") && key != "paid but blocked";
            (key.to_owned(), value, !calm)
        })
        .collect();
    let dns = counters(status, "dns_").into_iter();
    lines.extend(dns.map(|(key, value, matters)| (format!("DNS, {key}"), value, matters)));
    lines
}

fn portal(status: &StatusBody) -> Vec<Line> {
    let url = status.daemon.public_url.clone();
    let gateway = match status.daemon.gateway.as_str() {
        "sandbox" => "sandbox (TEST MODE: no money moves)",
        other => other,
    };
    vec![
        always("portal", url.unwrap_or_else(|| "none".to_owned())),
        always("gateway", gateway),
        always("currency", &status.currency),
        always("time zone", &status.time_zone),
    ]
}

pub(super) async fn garden_status(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let garden: GardenStatus = client.get(&Path::of(&["v1", "garden"])).await?;
    if output.is_json() {
        return output.json(&garden);
    }
    let faults = garden.faults();
    if faults.is_empty() {
        output.line(all_well(&garden))?;
    }
    for fault in faults {
        output.line(format!("ALARM: {fault}"))?;
    }
    output.pairs(garden_numbers(&garden))
}

fn all_well(garden: &GardenStatus) -> String {
    if garden.backend == "none" {
        return "ok: this router walls nobody; a remote NAS does".to_owned();
    }
    let walled = garden.walled_ipv4 + garden.walled_ipv6;
    format!("ok: {walled} addresses are walled, and nobody who has paid is blocked")
}

fn garden_numbers(garden: &GardenStatus) -> [(&'static str, String); 12] {
    let intact = match (garden.backend.as_str(), garden.intact) {
        ("none", _) => "",
        (_, true) => "yes",
        (_, false) => "no",
    };
    [
        ("backend", garden.backend.clone()),
        ("intact", intact.to_owned()),
        ("walled IPv4", garden.walled_ipv4.to_string()),
        ("walled IPv6", garden.walled_ipv6.to_string()),
        ("paid but blocked", garden.paid_but_blocked.to_string()),
        (
            "paid but blocked at a NAS",
            garden.nas_paid_but_blocked.to_string(),
        ),
        (
            "walled but open at a NAS",
            garden.nas_walled_but_open.to_string(),
        ),
        ("missing", garden.missing.to_string()),
        ("surplus", garden.surplus.to_string()),
        ("shared addresses", garden.conflicts.to_string()),
        ("restored", garden.restored.to_string()),
        ("error", garden.error.clone().unwrap_or_default()),
    ]
}

/// `3 d 4 h`, `5 min 10 s`: the two greatest units, rounded down.
fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| seconds >= *size);
    let Some(first) = first else {
        return "0 s".to_owned();
    };
    let mut left = seconds;
    let mut words = Vec::new();
    for (unit, size) in units.iter().skip(first).take(2) {
        if left >= *size {
            words.push(format!("{} {unit}", left / size));
        }
        left %= size;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_greatest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_725, "1 h 2 min"),
            (86_400 * 3 + 59, "3 d"),
            (86_400 * 3 + 7_200, "3 d 2 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}

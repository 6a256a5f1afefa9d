//! Sessions and what was used, as tables and lines for people.

use garth_store::record::closed_here;

use super::or_empty;
use crate::admin::wire::{MonthUsageBody, SessionBody};
use crate::ctl::failure::Failure;
use crate::ctl::output::Output;

/// A column of it shows only where there is one.
fn shared(session: &SessionBody) -> &'static str {
    if session.shared_address { "yes" } else { "" }
}

pub(in crate::ctl) fn sessions(all: &[SessionBody], output: &mut Output) -> Result<(), Failure> {
    if all.is_empty() {
        return output.line("there are none");
    }
    let zone = output.zone();
    let header = [
        "NAS", "SESSION", "USERNAME", "ADDRESS", "PREFIX", "SHARED", "STARTED", "ENDED", "UP",
        "DOWN",
    ];
    let rows = all.iter().map(|session| {
        vec![
            session.nas.clone(),
            session.acct_session_id.clone(),
            or_empty(session.username.as_ref()),
            or_empty(session.framed_ipv4.as_ref()),
            or_empty(
                session
                    .delegated_ipv6
                    .as_ref()
                    .or(session.framed_ipv6.as_ref()),
            ),
            shared(session).to_owned(),
            zone.when(&session.started_at),
            session
                .stopped_at
                .as_ref()
                .map_or(String::new(), |at| zone.when(at)),
            octets(session.input_octets),
            octets(session.output_octets),
        ]
    });
    output.table(&header, rows)
}

/// Everything that is known of one session.
pub(in crate::ctl) fn session(session: &SessionBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let nas_address = [&session.nas_ip_address, &session.nas_ipv6_address];
    let nas_address: Vec<_> = nas_address.into_iter().flatten().cloned().collect();
    let number = |number: Option<u32>| number.map_or(String::new(), |number| number.to_string());
    let ended = session.stopped_at.as_ref();
    output.pairs([
        ("NAS", session.nas.clone()),
        ("session", session.acct_session_id.clone()),
        ("subscription", or_empty(session.subscription.as_ref())),
        ("username", or_empty(session.username.as_ref())),
        ("MAC address", or_empty(session.mac.as_ref())),
        ("address", or_empty(session.framed_ipv4.as_ref())),
        ("IPv6 of the link", or_empty(session.framed_ipv6.as_ref())),
        ("IPv6 delegated", or_empty(session.delegated_ipv6.as_ref())),
        ("IPv6 further", session.further_ipv6.join(", ")),
        ("claimed by others, too", shared(session).to_owned()),
        ("NAS-Identifier", or_empty(session.nas_identifier.as_ref())),
        ("NAS address", nas_address.join(", ")),
        ("NAS-Port", number(session.nas_port)),
        ("NAS-Port-Id", or_empty(session.nas_port_id.as_ref())),
        ("started", zone.when(&session.started_at)),
        ("last heard of", zone.when(&session.updated_at)),
        ("ended", ended.map_or(String::new(), |at| zone.when(at))),
        (
            "because",
            session.terminate_cause.map_or(String::new(), because),
        ),
        ("up", octets(session.input_octets)),
        ("down", octets(session.output_octets)),
        ("lasted", seconds(session.session_time.into())),
    ])
}

/// Why a session ended: the words of RFC 2866 section 5.10, or how it was closed here.
fn because(cause: u32) -> String {
    const WORDS: [&str; 18] = [
        "User Request",
        "Lost Carrier",
        "Lost Service",
        "Idle Timeout",
        "Session Timeout",
        "Admin Reset",
        "Admin Reboot",
        "Port Error",
        "NAS Error",
        "NAS Request",
        "NAS Reboot",
        "Port Unneeded",
        "Port Preempted",
        "Port Suspended",
        "Service Unavailable",
        "Callback",
        "User Error",
        "Host Request",
    ];
    let place = cause.checked_sub(1).and_then(|at| usize::try_from(at).ok());
    let words = match cause {
        closed_here::AGED => Some("nothing was heard of it for too long"),
        closed_here::REPLACED => Some("its NAS gave its id to another session"),
        _ => place.and_then(|at| WORDS.get(at).copied()),
    };
    words.map_or_else(|| cause.to_string(), str::to_owned)
}

/// What a subscription has used.
pub(in crate::ctl) fn usage(months: &[MonthUsageBody], output: &mut Output) -> Result<(), Failure> {
    if months.is_empty() {
        return output.line("nothing was used");
    }
    let rows = months.iter().map(|month| {
        vec![
            month.month.clone(),
            octets(month.input_octets),
            octets(month.output_octets),
            seconds(month.session_time),
            month.sessions.to_string(),
        ]
    });
    output.table(&["MONTH", "UP", "DOWN", "TIME", "SESSIONS"], rows)
}

/// `26:03:07`, in hours, minutes and seconds.
fn seconds(count: u64) -> String {
    let (minutes, hours) = (count / 60 % 60, count / 3_600);
    format!("{hours}:{minutes:02}:{:02}", count % 60)
}

/// `1.5 GB`, in decimal units, rounded down.
fn octets(count: u64) -> String {
    let units = [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
    ];
    match units.into_iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => {
            format!("{}.{} {unit}", count / size, count % size / (size / 10))
        }
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_rounded_down_to_one_decimal() {
        for (count, text) in [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_999_999, "1.9 MB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(octets(count), text);
        }
    }

    #[test]
    fn a_session_ended_because_of_its_nas_or_was_closed_here() {
        for (cause, words) in [
            (1, "User Request"),
            (11, "NAS Reboot"),
            (18, "Host Request"),
            (closed_here::AGED, "nothing was heard of it for too long"),
            (0, "0"),
            (19, "19"),
        ] {
            assert_eq!(because(cause), words);
        }
        assert_eq!(seconds(93_787), "26:03:07");
    }
}

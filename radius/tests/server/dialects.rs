//! What a NAS is told in each dialect. The octets are the vectors of `radius/vectors/dialects/`.

use garth_radius::UnixSeconds;
use garth_radius::code::Code;
use garth_radius::crypto::{Secret, finish_response};
use garth_radius::dialect::{self, Change, Dialect, Fill, SessionKey, Template, Told};
use garth_radius::dynamic::{Changes, Sent, Session, encode_change, encode_disconnect};
use garth_radius::packet::{Encoder, PACKET_LEN_MAX, Packet};

use crate::support::{dump, secret};

/// 2027-01-15T08:00:00Z.
const TIME: UnixSeconds = UnixSeconds(1_800_000_000);
const IDENTIFIER: u8 = 42;
/// Of the Access-Request that an Access-Accept here answers.
const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";
/// Everything that may be said.
pub(crate) const STATES: [&str; 5] = [
    "accept-full",
    "accept-garden",
    "coa-full",
    "coa-garden",
    "disconnect",
];
/// Of a session that began half an hour before a boundary a day away.
const FULL_SECONDS: u32 = 1_800 + 86_400;
/// Of the same session in the garden.
const GARDEN_SECONDS: u32 = 1_800 + 600;

const FULL: Fill<'_> = Fill {
    down_kbps: 100_000,
    up_kbps: 20_000,
    garden_name: "garden",
    portal_url: "https://portal.example.net",
    told: Told {
        name: "garden",
        down_kbps: 1_000,
        up_kbps: 512,
    },
};
const GARDEN: Fill<'_> = Fill {
    down_kbps: 1_000,
    up_kbps: 512,
    told: Told {
        name: "garth-full",
        down_kbps: 100_000,
        up_kbps: 20_000,
    },
    ..FULL
};

fn session() -> Session<'static> {
    Session {
        user_name: Some(b"alice"),
        acct_session_id: Some(b"81a00012"),
        framed_ip_address: Some([10, 64, 0, 7].into()),
        calling_station_id: Some(b"02:00:00:00:00:07"),
        nas_port_id: Some(b"ge-0/0/1:100"),
        nas_ip_address: Some([192, 0, 2, 1].into()),
        nas_identifier: Some(b"bng-1"),
    }
}

fn accept(templates: &[Template], fill: Fill<'_>, secret: &Secret) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, IDENTIFIER).unwrap();
    encoder.message_authenticator().unwrap();
    dialect::encode(templates, fill, &mut encoder).unwrap();
    let len = finish_response(encoder, &AUTHENTICATOR, secret);
    buffer[..len].to_vec()
}

fn change(dialect: &Dialect, changes: &Changes<'_>, secret: &Secret) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let (session, identifier) = (session(), IDENTIFIER);
    let sent = encode_change(
        &mut buffer,
        identifier,
        TIME,
        &session,
        dialect,
        changes,
        secret,
    );
    cut(&buffer, sent.unwrap())
}

fn disconnect(dialect: &Dialect, secret: &Secret) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let sent = encode_disconnect(&mut buffer, IDENTIFIER, TIME, &session(), dialect, secret);
    cut(&buffer, sent.unwrap())
}

fn cut(buffer: &[u8], sent: Sent) -> Vec<u8> {
    buffer[..sent.len].to_vec()
}

fn changes<'a>(dialect: &'a Dialect, state: &str) -> Option<Changes<'a>> {
    let Change::Coa { full, garden } = &dialect.change else {
        return None;
    };
    let (templates, fill, session_timeout_seconds) = match state {
        "coa-full" => (full, FULL, FULL_SECONDS),
        "coa-garden" => (garden, GARDEN, GARDEN_SECONDS),
        _ => return None,
    };
    Some(Changes {
        templates,
        fill,
        session_timeout_seconds,
    })
}

/// The packet of one of [`STATES`], if the dialect has it.
pub(crate) fn said(dialect: &Dialect, state: &str, secret: &Secret) -> Option<Vec<u8>> {
    match state {
        "accept-full" => Some(accept(&dialect.full, FULL, secret)),
        "accept-garden" => Some(accept(&dialect.garden, GARDEN, secret)),
        "disconnect" => Some(disconnect(dialect, secret)),
        _ => changes(dialect, state).map(|changes| change(dialect, &changes, secret)),
    }
}

#[test]
fn n10_disconnect_carries_identifiers_only() {
    let (time, signature) = (55, 80);
    for dialect in Dialect::BUILT_IN {
        let octets = disconnect(&dialect, &secret());
        let packet = Packet::decode(&octets).unwrap();
        let kinds = packet.attributes().map(|a| a.kind.0);
        let mut expected = vec![signature, time];
        expected.extend(dialect.identify_by.iter().filter_map(|key| match key {
            SessionKey::UserName => Some(1),
            SessionKey::AcctSessionId => Some(44),
            SessionKey::FramedIpAddress => Some(8),
            SessionKey::CallingStationId => Some(31),
            SessionKey::NasPortId => Some(87),
            SessionKey::NasIpAddress => Some(4),
            SessionKey::NasIdentifier => Some(32),
            SessionKey::CiscoAccountInfo => None,
        }));
        assert_eq!(kinds.collect::<Vec<_>>(), expected, "{}", dialect.name);
    }
}

#[test]
fn n10_every_change_names_its_session_then_what_changes_and_then_how_long_it_lasts() {
    for dialect in Dialect::BUILT_IN {
        for (state, seconds) in [("coa-full", FULL_SECONDS), ("coa-garden", GARDEN_SECONDS)] {
            let Some(changes) = changes(&dialect, state) else {
                continue;
            };
            let mut rest = dump(&change(&dialect, &changes, &secret()));
            assert_eq!(rest.remove(0), "55=0x6b49d200");
            rest.drain(..dialect.identify_by.len());
            let mut expected = dump(&accept(changes.templates, changes.fill, &secret()));
            if dialect.coa_session_timeout {
                expected.push(format!("27=0x{seconds:08x}"));
            }
            assert_eq!(rest, expected, "{} {state}", dialect.name);
        }
    }
}

#[test]
fn session_timeout_is_never_none_and_never_more_than_every_nas_reads() {
    let mikrotik = Dialect::mikrotik();
    for (seconds, expected) in [
        (0, "27=0x00000001"),
        (u32::MAX, "27=0x7fffffff"),
        (600, "27=0x00000258"),
    ] {
        let changes = Changes {
            session_timeout_seconds: seconds,
            ..Changes::default()
        };
        let all = dump(&change(&mikrotik, &changes, &secret()));
        assert_eq!(all.last().unwrap(), expected);
    }
}

#[test]
fn what_is_deactivated_is_what_the_session_was_told() {
    let juniper = Dialect::juniper();
    let mut changes = changes(&juniper, "coa-full").unwrap();
    changes.fill.told = Told {
        name: "garth-full",
        down_kbps: 50_000,
        up_kbps: 10_000,
    };
    let all = dump(&change(&juniper, &changes, &secret()));
    assert!(
        all.contains(&"4874.66=garth-full(50000000,10000000)".to_owned()),
        "{all:?}"
    );
}

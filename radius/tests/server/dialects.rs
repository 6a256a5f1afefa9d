//! The vectors of `radius/vectors/dialects/`: one for each built-in dialect and each thing it is told.
//!
//! `key: value` lines as in the other vectors: `source`, `dialect`, `state`, `secret`, `octets` (the whole
//! packet in hexadecimal) and `expect` (its attributes). `UPDATE_VECTORS=1` rewrites the last two; review the diff.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use garth_radius::UnixSeconds;
use garth_radius::code::Code;
use garth_radius::crypto::{Secret, finish_response};
use garth_radius::dialect::{self, Change, Dialect, Fill, SessionKey, Template};
use garth_radius::dynamic::{Changes, Sent, Session, encode_change, encode_disconnect};
use garth_radius::packet::{Encoder, PACKET_LEN_MAX, Packet};

use crate::support::{dump, hex};

/// 2027-01-15T08:00:00Z.
const TIME: UnixSeconds = UnixSeconds(1_800_000_000);
const IDENTIFIER: u8 = 42;
const SECRET: &str = "xyzzy5461";
/// Of the Access-Request that an Access-Accept here answers.
const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";
/// Octets of a line of hexadecimal.
const LINE_LEN: usize = 16;

const FULL: Fill<'_> = Fill {
    down_kbps: 100_000,
    up_kbps: 20_000,
    garden_name: "garden",
    portal_url: "https://portal.example.net",
};
const GARDEN: Fill<'_> = Fill {
    down_kbps: 1_000,
    up_kbps: 512,
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

fn accept(templates: &[Template], fill: Fill<'_>) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, IDENTIFIER).unwrap();
    encoder.message_authenticator().unwrap();
    dialect::encode(templates, fill, &mut encoder).unwrap();
    let len = finish_response(encoder, &AUTHENTICATOR, &secret());
    buffer[..len].to_vec()
}

fn change(dialect: &Dialect, templates: &[Template], fill: Fill<'_>) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let changes = Changes { templates, fill };
    let sent = encode_change(
        &mut buffer,
        IDENTIFIER,
        TIME,
        &session(),
        dialect,
        &changes,
        &secret(),
    );
    cut(&buffer, sent.unwrap())
}

fn disconnect(dialect: &Dialect) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let sent = encode_disconnect(
        &mut buffer,
        IDENTIFIER,
        TIME,
        &session(),
        dialect,
        &secret(),
    );
    cut(&buffer, sent.unwrap())
}

fn cut(buffer: &[u8], sent: Sent) -> Vec<u8> {
    buffer[..sent.len].to_vec()
}

fn secret() -> Secret {
    Secret::new(SECRET.as_bytes()).unwrap()
}

/// Everything that is sent in a dialect, by its name.
fn packets(dialect: &Dialect) -> Vec<(&'static str, Vec<u8>)> {
    let mut packets = vec![
        ("accept-full", accept(&dialect.full, FULL)),
        ("accept-garden", accept(&dialect.garden, GARDEN)),
        ("disconnect", disconnect(dialect)),
    ];
    if let Change::Coa { full, garden } = &dialect.change {
        packets.push(("coa-full", change(dialect, full, FULL)));
        packets.push(("coa-garden", change(dialect, garden, GARDEN)));
    }
    packets
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/dialects")
}

/// The keys and values of a vector; lines that begin with a space continue the one before.
fn read(path: &Path) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        if let Some(more) = line.strip_prefix(' ') {
            values
                .entry(last.clone())
                .or_default()
                .push_str(more.trim());
        } else {
            let (key, value) = line.split_once(':').unwrap();
            last = key.to_owned();
            values.insert(last.clone(), value.trim().to_owned());
        }
    }
    values
}

/// A vector as it is written, without its source.
fn written(dialect: &Dialect, state: &str, octets: &[u8]) -> String {
    let lines: Vec<_> = octets.chunks(LINE_LEN).map(hex).collect();
    format!(
        "dialect: {}\nstate: {state}\nsecret: {SECRET}\noctets:\n  {}\nexpect: {}\n",
        dialect.name,
        lines.join("\n  "),
        dump(octets).join(" ")
    )
}

#[test]
fn every_dialect_says_what_its_vectors_say() {
    let update = std::env::var_os("UPDATE_VECTORS").is_some();
    let mut expected = BTreeSet::new();
    for dialect in Dialect::BUILT_IN {
        for (state, octets) in packets(&dialect) {
            let path = folder().join(format!("{}-{state}.txt", dialect.name));
            let vector = read(&path);
            let value = |key: &str| vector.get(key).cloned().unwrap_or_default();
            let place = path.display();
            assert!(!value("source").is_empty(), "{place} has no source");
            if update {
                let text = written(&dialect, state, &octets);
                fs::write(&path, format!("source: {}\n{text}", value("source"))).unwrap();
            } else {
                assert_eq!(value("expect"), dump(&octets).join(" "), "{place}");
                assert_eq!(value("octets"), hex(&octets), "{place}");
                assert_eq!(
                    (value("dialect"), value("state"), value("secret")),
                    (dialect.name.to_string(), state.into(), SECRET.into())
                );
            }
            expected.insert(path);
        }
    }
    let found = fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path());
    assert_eq!(found.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn n10_disconnect_carries_identifiers_only() {
    let (time, signature) = (55, 80);
    for dialect in Dialect::BUILT_IN {
        let octets = disconnect(&dialect);
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
fn n10_every_change_names_its_session_first_and_then_what_changes() {
    for dialect in Dialect::BUILT_IN {
        let Change::Coa { full, garden } = &dialect.change else {
            continue;
        };
        for (templates, fill) in [(full, FULL), (garden, GARDEN)] {
            let all = dump(&change(&dialect, templates, fill));
            let names = dialect.identify_by.len() + 1;
            assert_eq!(all[0], "55=0x6b49d200");
            assert_eq!(
                all[names..],
                dump(&accept(templates, fill)),
                "{}",
                dialect.name
            );
        }
    }
}

//! The numbers of the built-in dialects against the dictionaries of FreeRADIUS, which are another's work.
//!
//! Every attribute of every table is looked up by the name that its vendor's dictionary gives it: number, vendor and type
//! must agree. Needs freeradius-common (`scripts/install-needs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use garth_radius::UnixSeconds;
use garth_radius::attribute::{AttributeType, Vendor};
use garth_radius::crypto::Secret;
use garth_radius::dialect::parse::ATTRIBUTES;
use garth_radius::dialect::{AttributeName, Dialect, SessionKey, Template, Value};
use garth_radius::dynamic::{Changes, Session, encode_change};
use garth_radius::packet::{PACKET_LEN_MAX, Packet};

/// Where Debian's freeradius-common puts them.
const FOLDER: &str = "/usr/share/freeradius";

/// What the built-in dialects may send: our name for it, the dictionary, and the name there.
const NAMES: &[(&str, &str, &str)] = &[
    ("Filter-Id", "rfc2865", "Filter-Id"),
    ("WISPr-Bandwidth-Max-Up", "wispr", "WISPr-Bandwidth-Max-Up"),
    (
        "WISPr-Bandwidth-Max-Down",
        "wispr",
        "WISPr-Bandwidth-Max-Down",
    ),
    ("Mikrotik-Rate-Limit", "mikrotik", "Mikrotik-Rate-Limit"),
    ("Mikrotik-Address-List", "mikrotik", "Mikrotik-Address-List"),
    ("Cisco-AVPair", "cisco", "Cisco-AVPair"),
    ("Cisco-Account-Info", "cisco", "Cisco-Account-Info"),
    ("ERX-Service-Activate", "erx", "ERX-Service-Activate"),
    ("ERX-Service-Deactivate", "erx", "ERX-Service-Deactivate"),
    ("Alc-Subsc-Prof-Str", "alcatel.sr", "Alc-Subsc-Prof-Str"),
    ("Alc-SLA-Prof-Str", "alcatel.sr", "Alc-SLA-Prof-Str"),
    (
        "HW-Input-Committed-Information-Rate",
        "huawei",
        "Huawei-Input-Average-Rate",
    ),
    (
        "HW-Output-Committed-Information-Rate",
        "huawei",
        "Huawei-Output-Average-Rate",
    ),
    (
        "ChilliSpot-Bandwidth-Max-Up",
        "chillispot",
        "ChilliSpot-Bandwidth-Max-Up",
    ),
    (
        "ChilliSpot-Bandwidth-Max-Down",
        "chillispot",
        "ChilliSpot-Bandwidth-Max-Down",
    ),
    ("ChilliSpot-Config", "chillispot", "ChilliSpot-Config"),
];

/// What operators may name beside it.
const FURTHER_NAMES: &[(&str, &str, &str)] = &[
    ("Framed-MTU", "rfc2865", "Framed-MTU"),
    ("Reply-Message", "rfc2865", "Reply-Message"),
    ("Idle-Timeout", "rfc2865", "Idle-Timeout"),
    ("Framed-Pool", "rfc2869", "Framed-Pool"),
    ("Framed-IPv6-Pool", "rfc3162", "Framed-IPv6-Pool"),
    (
        "Alc-Subscriber-Filter",
        "alcatel.sr",
        "Alc-Subscriber-Filter",
    ),
    ("HW-HTTP-Redirect-URL", "huawei", "Huawei-HTTP-Redirect-URL"),
    ("HW-Policy-Name", "huawei", "Huawei-Policy-Name"),
];

/// What no dictionary of FreeRADIUS has, with its number: of the software's own dictionary, or of its installations.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    // doc/dictionary.coovachilli of CoovaChilli: vendor ChilliSpot, integer.
    (
        "ChilliSpot-Session-State",
        "26.14559.15",
        "ChilliSpot-Session-State",
    ),
    // accel-pppd/radius/dict/dictionary.accel of accel-ppp: vendor Accel-PPP, string.
    ("Accel-VRF-Name", "26.55999.1", "Accel-VRF-Name"),
    // In no dictionary at all: accel-ppp reads what `attr-l4-redirect` names, and installations give it 243, integer.
    ("L4-Redirect", "243", "L4-Redirect"),
];

/// One line ATTRIBUTE of a dictionary.
#[derive(Debug)]
struct Known {
    /// 0 outside of Vendor-Specific.
    vendor: u32,
    number: u8,
    kind: String,
    has_tag: bool,
}

/// The attributes of one dictionary, by name.
fn dictionary(name: &str) -> BTreeMap<String, Known> {
    let path = format!("{FOLDER}/dictionary.{name}");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let text = String::from_utf8_lossy(&text);
    let mut vendors: BTreeMap<&str, u32> = BTreeMap::new();
    let mut vendor = 0;
    let mut known = BTreeMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["VENDOR", name, number, ..] => {
                vendors.insert(name, number.parse().expect("a vendor has a number"));
            }
            ["BEGIN-VENDOR", name, ..] => vendor = vendors[name],
            ["END-VENDOR", ..] => vendor = 0,
            // Numbers beyond an octet are of vendors with a format of their own.
            ["ATTRIBUTE", name, number, kind, ref flags @ ..] => {
                if let Ok(number) = number.parse() {
                    let has_tag = flags.iter().any(|flag| flag.contains("has_tag"));
                    let kind = kind.to_owned();
                    let one = Known {
                        vendor,
                        number,
                        kind,
                        has_tag,
                    };
                    known.insert(name.to_owned(), one);
                }
            }
            _ => {}
        }
    }
    assert!(!known.is_empty(), "{path}");
    known
}

fn attribute(known: &Known) -> AttributeName {
    match known.vendor {
        0 => AttributeName::Standard(AttributeType(known.number)),
        vendor => AttributeName::Vendor(Vendor(vendor), known.number),
    }
}

/// Everything that the built-in dialects send, each attribute once.
fn sent() -> BTreeMap<String, Template> {
    let dialects = Dialect::BUILT_IN;
    let templates = dialects.iter().flat_map(Dialect::tables).flatten();
    templates
        .map(|template| (template.attribute.to_string(), template.clone()))
        .collect()
}

#[test]
fn every_attribute_of_a_built_in_dialect_is_what_its_vendors_dictionary_says() {
    let mut sent = sent();
    for (ours, file, theirs) in NAMES {
        let template = sent
            .remove(*ours)
            .unwrap_or_else(|| panic!("{ours} is not sent"));
        let dictionary = dictionary(file);
        let known = &dictionary[*theirs];
        assert_eq!(template.attribute, attribute(known), "{ours}: {known:?}");
        let kind = match template.value {
            Value::Integer(_) => "integer",
            Value::Text(_) => "string",
            Value::Address(_) => "ipaddr",
        };
        assert_eq!(known.kind, kind, "{ours}");
        assert_eq!(known.has_tag, template.tag.is_some(), "{ours}");
    }
    let left: BTreeSet<&str> = sent.keys().map(String::as_str).collect();
    let elsewhere = ["ChilliSpot-Session-State", "L4-Redirect"];
    assert_eq!(left, elsewhere.into(), "in no dictionary");
}

#[test]
fn every_name_that_an_operator_may_write_is_of_its_vendors_dictionary() {
    let mut named: BTreeMap<&str, AttributeName> = ATTRIBUTES.iter().copied().collect();
    for (ours, file, theirs) in NAMES.iter().chain(FURTHER_NAMES) {
        let dictionary = dictionary(file);
        assert_eq!(
            named.remove(ours),
            Some(attribute(&dictionary[*theirs])),
            "{ours}"
        );
    }
    for (ours, number, theirs) in ELSEWHERE {
        assert_eq!(named.remove(ours), number.parse().ok(), "{ours}");
        let freeradius = ["chillispot", "rfc2865", "rfc2869"].map(dictionary);
        let knows = freeradius.iter().any(|known| known.contains_key(*theirs));
        assert!(!knows, "{theirs} is in a dictionary now: look it up there");
    }
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn what_names_a_session_and_how_long_it_lasts_are_of_the_standards() {
    const TEXT: Option<&[u8]> = Some(b"x");
    let session = Session {
        user_name: TEXT,
        acct_session_id: TEXT,
        framed_ip_address: Some([10, 0, 0, 7].into()),
        calling_station_id: TEXT,
        nas_port_id: TEXT,
        nas_ip_address: Some([10, 0, 0, 1].into()),
        nas_identifier: TEXT,
    };
    let mut dialect = Dialect::generic();
    dialect.coa_session_timeout = true;
    dialect.identify_by = SessionKey::NAMES
        .iter()
        .map(|(_, key)| *key)
        .filter(|key| *key != SessionKey::CiscoAccountInfo)
        .collect();
    let mut buffer = [0; PACKET_LEN_MAX];
    let (time, secret) = (UnixSeconds(1_800_000_000), Secret::new(b"s").unwrap());
    let changes = Changes::default();
    let sent = encode_change(&mut buffer, 0, time, &session, &dialect, &changes, &secret).unwrap();
    let packet = Packet::decode(&buffer[..sent.len]).unwrap();
    let found: Vec<u8> = packet.attributes().map(|one| one.kind.0).collect();
    let expected = [
        ("rfc2869", "Message-Authenticator"),
        ("rfc2869", "Event-Timestamp"),
        ("rfc2865", "User-Name"),
        ("rfc2866", "Acct-Session-Id"),
        ("rfc2865", "Framed-IP-Address"),
        ("rfc2865", "Calling-Station-Id"),
        ("rfc2869", "NAS-Port-Id"),
        ("rfc2865", "NAS-IP-Address"),
        ("rfc2865", "NAS-Identifier"),
        ("rfc2865", "Session-Timeout"),
    ];
    let expected = expected.map(|(file, name)| dictionary(file)[name].number);
    assert_eq!(found, expected);
}

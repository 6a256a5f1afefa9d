//! Dialects in a configuration: what becomes of them, and what is said of faults.

use std::sync::Arc;

use garth_radius::dialect::{Change, Dialect, PORTAL_URL_LEN_MAX, Part, SessionKey, Value};

use super::{DIALECTS_MAX, TEMPLATES_MAX};
use crate::config::Config;

/// What goes before the lines of a dialect named "own".
const BEFORE: &str = "[billing]\ncurrency = \"EUR\"\ntime_zone = \"Europe/Vienna\"\n\
    [[nas]]\nname = \"bng\"\naddress = \"192.0.2.1\"\nsecret = \"x\"\ndialect = \"own\"\n\
    [[dialect]]\nname = \"own\"\n";
/// Lines of [`BEFORE`].
const LINES: usize = 10;

fn read(dialect: &str) -> Result<Config, miette::Report> {
    Config::read("garthd.toml", &format!("{BEFORE}{dialect}"), None)
}

fn taken(dialect: &str) -> Arc<Dialect> {
    let config = read(dialect).unwrap_or_else(|report| panic!("{report:?}"));
    Arc::clone(&config.nas[0].dialect)
}

/// The complaints, one `file:line: key: message` each, and what is allowed.
fn complaints(dialect: &str) -> Vec<String> {
    let report = read(dialect).err().expect("a fault");
    let related = report.related().expect("complaints").map(|one| {
        let help = one
            .help()
            .map_or(String::new(), |help| format!(" | {help}"));
        format!("{one}{help}")
    });
    related.collect()
}

#[test]
fn what_is_left_out_is_as_in_the_dialect_it_is_based_on() {
    for base in Dialect::BUILT_IN {
        let own = taken(&format!("based_on = {:?}\n", base.name));
        let expected = Dialect {
            name: "own".into(),
            ..base
        };
        assert_eq!(*own, expected);
    }
}

#[test]
fn dialect_based_on_nothing_has_no_attributes_and_ends_sessions() {
    let own = taken("");
    assert!(own.full.is_empty() && own.garden.is_empty());
    assert_eq!(own.change, Change::Disconnect);
    assert_eq!(own.port, 3799);
    assert!(!own.one_change_at_a_time && !own.coa_session_timeout);
}

#[test]
fn an_operator_can_write_what_the_built_in_tables_say() {
    let own = taken(
        r#"
accept_full = [{ attribute = "26.14988.8", text = "{up_kbps}k/{down_kbps}k" }]
accept_garden = [
    { attribute = "Mikrotik-Address-List", text = "{garden}" },
    { attribute = "Mikrotik-Rate-Limit", text = "{up_kbps}k/{down_kbps}k" },
]
coa_full = [
    { attribute = "26.14988.19", text = "garth-full" },
    { attribute = "26.14988.8", text = "{up_kbps}k/{down_kbps}k" },
]
coa_garden = [
    { attribute = "Mikrotik-Address-List", text = "{garden}" },
    { attribute = "Mikrotik-Rate-Limit", text = "{up_kbps}k/{down_kbps}k" },
]
identify_by = ["user_name", "acct_session_id", "framed_ip_address"]
coa_session_timeout = true
"#,
    );
    let expected = Dialect {
        name: "own".into(),
        ..Dialect::mikrotik()
    };
    assert_eq!(*own, expected);
    let own = taken(
        r#"
accept_full = [{ attribute = "ERX-Service-Activate", tag = 1, text = "garth-full({down_bps},{up_bps})" }]
accept_garden = [{ attribute = "26.4874.65", tag = 1, text = "{garden}({down_bps},{up_bps})" }]
coa_full = [
    { attribute = "ERX-Service-Deactivate", text = "{told}({told_down_bps},{told_up_bps})" },
    { attribute = "ERX-Service-Activate", tag = 1, text = "garth-full({down_bps},{up_bps})" },
]
coa_garden = [
    { attribute = "ERX-Service-Deactivate", text = "{told}({told_down_bps},{told_up_bps})" },
    { attribute = "ERX-Service-Activate", tag = 1, text = "{garden}({down_bps},{up_bps})" },
]
identify_by = ["acct_session_id"]
"#,
    );
    // Of the name and what follows it the built-in table makes two parts, the reader one.
    assert_eq!(own.identify_by, Dialect::juniper().identify_by);
    assert_eq!(own.garden, Dialect::juniper().garden);
    let own = taken(
        r#"
accept_full = [
    { attribute = "ChilliSpot-Session-State", integer = 1 },
    { attribute = "26.14559.4", integer = "up_kbps" },
    { attribute = "26.14559.5", integer = "down_kbps" },
]
required = ["user_name"]
port = 4000
one_change_at_a_time = true
coa_session_timeout = true
"#,
    );
    let chilli = Dialect::coovachilli();
    let Change::Coa { full, .. } = &chilli.change else {
        panic!("CoovaChilli takes CoA");
    };
    assert_eq!((&own.full, &own.required), (full, &chilli.required));
    assert_eq!(own.port, 4000);
    assert!(own.one_change_at_a_time && own.coa_session_timeout);
}

#[test]
fn empty_change_ends_sessions_whatever_the_base_does() {
    let own = taken("based_on = \"mikrotik\"\ncoa_full = []\ncoa_garden = []\n");
    assert_eq!(own.change, Change::Disconnect);
}

#[test]
fn braces_twice_are_braces() {
    let own = taken("accept_full = [{ attribute = \"11\", text = \"a{{{garden}}}b\" }]\n");
    let Value::Text(parts) = &own.full[0].value else {
        panic!("a text");
    };
    assert_eq!(
        **parts,
        [
            Part::Literal("a{".into()),
            Part::GardenName,
            Part::Literal("}b".into())
        ]
    );
}

#[test]
fn keys_of_the_nas_or_a_vendor_alone_name_no_session() {
    for keys in ["[]", "[\"nas_ip_address\"]", "[\"cisco_account_info\"]"] {
        let told = complaints(&format!("identify_by = {keys}\n"));
        assert!(
            told[0].contains("dialect.identify_by: \"own\" names no session"),
            "{told:?}"
        );
    }
    let own = taken("identify_by = [\"nas_ip_address\", \"nas_port_id\"]\n");
    assert_eq!(
        *own.identify_by,
        [SessionKey::NasIpAddress, SessionKey::NasPortId]
    );
}

/// What is written on the line after the name, and what is said of it.
const FAULTS: &[(&str, &str)] = &[
    (
        "accept_full = [{ attribute = \"Filter-ID\", text = \"x\" }]",
        "dialect.accept_full: \"Filter-ID\": no attribute that is known | a \
             number such as 11, 26.VENDOR.TYPE such as 26.14988.8, or one of Filter-Id, ",
    ),
    (
        "accept_full = [{ attribute = \"26.14988\", text = \"x\" }]",
        "dialect.accept_full: \"26.14988\": no attribute that is known",
    ),
    (
        "accept_full = [{ attribute = \"27\", integer = 5 }]",
        "dialect.accept_full: \"27\": an attribute that the server writes by itself",
    ),
    (
        "accept_garden = [{ attribute = \"11\", text = \"{list}\" }]",
        "dialect.accept_garden: \"{list}\": {list} is no placeholder that is known | text with \
             {down_kbps}, {up_kbps}, {down_bps}, {up_bps}, {told_down_kbps}, {told_up_kbps}, \
             {told_down_bps}, {told_up_bps}, {garden}, {told}, {portal_url}; {{ for a brace",
    ),
    (
        "accept_garden = [{ attribute = \"11\", text = \"{garden\" }]",
        "dialect.accept_garden: \"{garden\": a brace is not closed or not opened",
    ),
    (
        "accept_full = [{ attribute = \"11\", text = \"\" }]",
        "dialect.accept_full: \"11\" has an empty text | at least one character",
    ),
    (
        "accept_full = [{ attribute = \"11\", integer = \"kbps\" }]",
        "dialect.accept_full: \"kbps\": no number that is known | 0 to 4294967295, or one of \
             down_kbps, up_kbps, down_bps, up_bps, told_down_kbps, told_up_kbps, told_down_bps, told_up_bps",
    ),
    (
        "accept_full = [{ attribute = \"11\", text = \"{told}\" }]",
        "dialect.accept_full: \"Filter-Id\" names what was told before | that in coa_full and coa_garden only",
    ),
    (
        "accept_full = [{ attribute = \"11\", integer = 1, text = \"x\" }]",
        "dialect.accept_full: \"11\" has not exactly one value | one of text, integer, address",
    ),
    (
        "accept_full = [{ attribute = \"11\" }]",
        "dialect.accept_full: \"11\" has not exactly one value",
    ),
    (
        "accept_full = [{ attribute = \"11\", address = \"2001:db8::1\" }]",
        "dialect.accept_full: \"2001:db8::1\": invalid IPv4 address syntax",
    ),
    (
        "accept_full = [{ attribute = \"11\", text = \"x\", tag = 32 }]",
        "dialect.accept_full: 32 is out of range | allowed: 1 to 31",
    ),
    (
        "coa_full = [{ attribute = \"11\", text = \"x\" }]",
        "dialect.coa_full: \"own\" has other attributes in coa_full than in coa_garden",
    ),
    (
        "based_on = \"own\"",
        "dialect.based_on: \"own\" is not known | allowed: generic, mikrotik, ",
    ),
    (
        "identify_by = [\"user\"]",
        "dialect.identify_by: \"user\": nothing that names a session | one of user_name, ",
    ),
    (
        "required = [\"nas_port_id\"]",
        "dialect.required: \"nas_port_id\" is not in identify_by",
    ),
    (
        "port = 0",
        "dialect.port: 0 is out of range | allowed: 1 to 65535",
    ),
];

#[test]
fn each_fault_is_told_with_its_line_value_and_what_is_allowed() {
    for (dialect, expected) in FAULTS {
        let told = complaints(dialect);
        assert_eq!(told.len(), 1, "{told:?}");
        let (place, fault) = told[0].split_once(": ").unwrap();
        assert!(fault.starts_with(expected), "{}", told[0]);
        let line: usize = place.rsplit_once(':').unwrap().1.parse().unwrap();
        assert!([LINES, LINES + 1].contains(&line), "{}", told[0]);
    }
}

#[test]
fn text_too_long_for_an_attribute_is_told_with_its_length() {
    let long = "n".repeat(300);
    let told = complaints(&format!(
        "accept_full = [{{ attribute = \"11\", text = \"{long}\" }}]"
    ));
    assert_eq!(
        told,
        [
            "garthd.toml:11: dialect.accept_full: its longest value has 300 octets and does not fit \
          an attribute | fewer or shorter attributes"
        ]
    );
}

#[test]
fn too_many_octets_together_are_told_at_the_line_where_they_become_too_many() {
    let text = "n".repeat(240);
    let line = format!("    {{ attribute = \"11\", text = \"{text}\" }},\n");
    let told = complaints(&format!("accept_full = [\n{}]\n", line.repeat(12)));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(
            "garthd.toml:20: dialect.accept_full: the attributes have more than 2048 octets"
        ),
        "{told:?}"
    );
}

#[test]
fn the_longest_garden_name_and_the_portal_count_for_the_length() {
    let portal = format!("https://{}.example.net", "p".repeat(60));
    let text = |len: usize| {
        let literal = "n".repeat(len);
        format!(
            "accept_garden = [{{ attribute = \"11\", text = \"{literal}{{garden}}{{portal_url}}\" }}]\n\
             [garden]\naddress_list = \"{}\"\n[portal]\nhttp = [\"127.0.0.1:80\"]\nhttps = [\"127.0.0.1:443\"]\n\
             public_url = \"{portal}\"\n",
            "g".repeat(64)
        )
    };
    let room = 253 - 64 - portal.len();
    taken(&text(room));
    let told = complaints(&text(room + 1));
    assert!(
        told[0].contains("its longest value has 254 octets"),
        "{told:?}"
    );
}

#[test]
fn a_name_is_given_once_and_not_that_of_a_built_in_dialect() {
    let told = complaints("[[dialect]]\nname = \"own\"\n[[dialect]]\nname = \"nokia\"\n");
    assert!(
        told[0].contains("dialect.name: \"own\" is given already"),
        "{told:?}"
    );
    assert!(
        told[1].contains("dialect.name: \"nokia\" is given already"),
        "{told:?}"
    );
    let told = complaints("[[dialect]]\nname = \"own two\"\n");
    assert!(
        told[0].contains("dialect.name: \"own two\" is no name"),
        "{told:?}"
    );
}

#[test]
fn a_dialect_with_a_fault_is_not_also_unknown_to_its_nas() {
    let told = complaints("port = 0\n");
    assert!(
        told.iter().all(|one| !one.contains("nas.dialect")),
        "{told:?}"
    );
}

#[test]
fn too_many_dialects_or_attributes_are_refused() {
    let more = |count: usize| -> String {
        let entries = (0..count).map(|n| format!("[[dialect]]\nname = \"d{n}\"\n"));
        entries.collect()
    };
    assert!(read(&more(DIALECTS_MAX - 1)).is_ok());
    let told = complaints(&more(DIALECTS_MAX));
    assert!(
        told[0].contains("dialect: more than 64 entries"),
        "{told:?}"
    );
    let table = |count| {
        let line = "{ attribute = \"11\", integer = 1 },";
        format!("accept_full = [{}]\n", line.repeat(count))
    };
    assert_eq!(taken(&table(TEMPLATES_MAX)).full.len(), TEMPLATES_MAX);
    let told = complaints(&table(TEMPLATES_MAX + 1));
    assert!(told[0].contains("more than 64 attributes"), "{told:?}");
}

#[test]
fn portal_that_no_attribute_can_hold_is_refused() {
    let portal = |len: usize| {
        let name = "p".repeat(len - "https://".len());
        format!(
            "[portal]\nhttp = [\"127.0.0.1:80\"]\nhttps = [\"127.0.0.1:443\"]\npublic_url = \"https://{name}\"\n"
        )
    };
    assert!(read(&portal(PORTAL_URL_LEN_MAX)).is_ok());
    let told = complaints(&portal(PORTAL_URL_LEN_MAX + 1));
    assert!(
        told[0].contains("portal.public_url: it has 248 octets | at most 247"),
        "{told:?}"
    );
}

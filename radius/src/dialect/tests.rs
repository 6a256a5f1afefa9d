//! What the built-in tables say, octet for octet where a unit or an order matters.

use super::*;
use crate::code::Code;
use crate::packet::{PACKET_LEN_MAX, Packet};

fn encoded(templates: &[Template], fill: Fill<'_>) -> Result<Vec<(u32, u8, Vec<u8>)>, EncodeError> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, 0).unwrap();
    encode(templates, fill, &mut encoder)?;
    let octets = encoder.close().octets;
    let packet = Packet::decode(octets).unwrap();
    Ok(packet
        .attributes()
        .map(|a| match a.vendor() {
            Some((vendor, kind)) => (vendor.0, kind, a.vendor_value().unwrap().to_vec()),
            None => (0, a.kind.0, a.value.to_vec()),
        })
        .collect())
}

const FILL: Fill<'_> = Fill {
    down_kbps: 100_000,
    up_kbps: 20_000,
    garden_name: "garden",
    portal_url: "https://portal.example.net",
    told: Told {
        name: FULL_NAME,
        down_kbps: 50_000,
        up_kbps: 10_000,
    },
};

fn one(value: Value, tag: Option<Tag>) -> Result<Vec<(u32, u8, Vec<u8>)>, EncodeError> {
    let template = Template {
        attribute: AttributeName::Vendor(Vendor::ERX, 65),
        tag,
        value,
    };
    encoded(&[template], FILL)
}

#[test]
fn mikrotik_rate_has_upload_first() {
    let attributes = encoded(&Dialect::mikrotik().garden, FILL).unwrap();
    assert_eq!(
        attributes,
        [
            (14988, 19, b"garden".to_vec()),
            (14988, 8, b"20000k/100000k".to_vec())
        ]
    );
}

#[test]
fn generic_rates_are_in_bits_and_saturate() {
    let fill = Fill {
        down_kbps: 5_000_000,
        ..FILL
    };
    assert_eq!(
        encoded(&Dialect::generic().full, fill).unwrap(),
        [
            (14122, 7, 20_000_000_u32.to_be_bytes().to_vec()),
            (14122, 8, u32::MAX.to_be_bytes().to_vec())
        ]
    );
}

#[test]
fn tag_goes_before_a_text_and_into_the_first_octet_of_an_integer() {
    let tag = Tag::new(2);
    let text = "svc({down_bps})".parse().unwrap();
    assert_eq!(
        one(text, tag).unwrap(),
        [(4874, 65, b"\x02svc(100000000)".to_vec())]
    );
    let value = |number| one(Value::Integer(Number::Literal(number)), tag).unwrap();
    assert_eq!(value(0x01_02_03), [(4874, 65, vec![2, 1, 2, 3])]);
    assert_eq!(value(u32::MAX), [(4874, 65, vec![2, 0xff, 0xff, 0xff])]);
}

#[test]
fn what_was_told_before_can_be_named() {
    let value: Value = "{told}({told_down_bps},{told_up_kbps})".parse().unwrap();
    assert_eq!(
        one(value.clone(), None).unwrap(),
        [(4874, 65, b"garth-full(50000000,10000)".to_vec())]
    );
    let template = |value| Template {
        attribute: AttributeName::Vendor(Vendor::ERX, 65),
        tag: None,
        value,
    };
    assert!(template(value).names_what_was_told());
    assert!(template(Value::Integer(Number::ToldUpBps)).names_what_was_told());
    assert!(template("{told}".parse().unwrap()).names_what_was_told());
    assert!(!template("{garden}({down_bps})".parse().unwrap()).names_what_was_told());
    for dialect in Dialect::BUILT_IN {
        let accept = dialect.full.iter().chain(&*dialect.garden);
        let of_before = accept.filter(|one| one.names_what_was_told()).count();
        assert_eq!(of_before, 0, "{}: nothing was told before", dialect.name);
    }
}

#[test]
fn tag_is_1_to_31() {
    assert_eq!(Tag::new(0), None);
    assert_eq!(Tag::new(32), None);
    assert_eq!(Tag::new(31), Some(Tag(31)));
}

#[test]
fn address_is_four_octets() {
    let value = Value::Address(Ipv4Addr::new(192, 0, 2, 7));
    assert_eq!(one(value, None).unwrap(), [(4874, 65, vec![192, 0, 2, 7])]);
}

#[test]
fn text_that_comes_out_empty_is_left_out_with_its_tag() {
    let fill = Fill {
        portal_url: "",
        ..FILL
    };
    for tag in [None, Tag::new(1)] {
        let template = Template {
            attribute: AttributeName::Vendor(Vendor::HUAWEI, 140),
            tag,
            value: "{portal_url}".parse().unwrap(),
        };
        assert_eq!(encoded(std::slice::from_ref(&template), fill).unwrap(), []);
        assert_eq!(encoded(&[template], FILL).unwrap().len(), 1);
    }
}

#[test]
fn value_longer_than_an_attribute_is_an_error() {
    let long = |len| Value::Text(vec![Part::Literal("n".repeat(len).into())].into());
    assert!(one(long(247), None).is_ok());
    assert!(one(long(246), Tag::new(1)).is_ok());
    for (len, tag) in [
        (248, None),
        (247, Tag::new(1)),
        (254, None),
        (254, Tag::new(1)),
    ] {
        let error = one(long(len), tag).unwrap_err();
        assert!(
            matches!(error, EncodeError::LongValue { .. }),
            "{len} {tag:?} {error}"
        );
    }
}

#[test]
fn longest_names_and_largest_rates_fit_every_dialect() {
    let garden = GardenName::new(&"n".repeat(GARDEN_NAME_LEN_MAX)).unwrap();
    let portal = PortalUrl::new(&"u".repeat(PORTAL_URL_LEN_MAX)).unwrap();
    for dialect in Dialect::BUILT_IN {
        for table in dialect.tables() {
            assert_eq!(
                parse::check_table(table, &garden, &portal),
                Ok(()),
                "{}",
                dialect.name
            );
        }
    }
    assert_eq!(GardenName::new(""), Err(GardenNameError { len: 0 }));
    assert_eq!(
        GardenName::new(&"n".repeat(65)),
        Err(GardenNameError { len: 65 })
    );
    assert_eq!(
        PortalUrl::new(&"u".repeat(248)),
        Err(PortalUrlError { len: 248 })
    );
}

#[test]
fn every_built_in_dialect_is_found_by_its_name() {
    let names = [
        "generic",
        "mikrotik",
        "cisco-isg",
        "juniper",
        "nokia",
        "huawei",
        "accel-ppp",
        "coovachilli",
    ];
    assert_eq!(Dialect::BUILT_IN.map(|dialect| dialect.name), names);
    for name in names {
        assert_eq!(Dialect::by_name(name).unwrap().name, name);
    }
    assert_eq!(Dialect::by_name("Mikrotik"), None);
}

#[test]
fn n10_both_states_of_every_change_carry_the_same_attributes() {
    let mut changes = 0;
    for dialect in Dialect::BUILT_IN {
        let Change::Coa { full, garden } = &dialect.change else {
            continue;
        };
        let kinds = |templates: &[Template]| -> Vec<(u32, u8)> {
            let attributes = encoded(templates, FILL).unwrap();
            attributes
                .iter()
                .map(|(vendor, kind, _)| (*vendor, *kind))
                .collect()
        };
        assert_eq!(kinds(full), kinds(garden), "{}", dialect.name);
        assert_ne!(full, garden, "{}", dialect.name);
        changes += 1;
    }
    assert_eq!(changes, 7);
}

#[test]
fn what_a_dialect_demands_is_among_what_it_identifies_by() {
    for dialect in Dialect::BUILT_IN {
        for key in dialect.required.iter() {
            assert!(
                dialect.identify_by.contains(key),
                "{} {key:?}",
                dialect.name
            );
        }
    }
}

#[test]
fn traps_of_the_vendors_are_in_the_tables() {
    for dialect in Dialect::BUILT_IN {
        let name = &*dialect.name;
        let port = if name == "cisco-isg" { 1700 } else { 3799 };
        assert_eq!(dialect.port, port, "{name}");
        let accel = name == "accel-ppp";
        assert_eq!(dialect.one_change_at_a_time, accel, "{name}");
        let timeout = ["mikrotik", "nokia", "coovachilli"].contains(&name);
        assert_eq!(dialect.coa_session_timeout, timeout, "{name}");
        let user_name = dialect.required.contains(&SessionKey::UserName);
        assert_eq!(user_name, name == "coovachilli", "{name}");
    }
    // A User-Name that accel-ppp wrote otherwise would match nothing.
    assert_eq!(
        *Dialect::accel_ppp().identify_by,
        [SessionKey::AcctSessionId]
    );
}

#[test]
fn attribute_is_written_as_it_is_read() {
    for (name, attribute) in parse::ATTRIBUTES {
        assert_eq!(name.parse(), Ok(*attribute));
        assert_eq!(attribute.to_string(), *name);
    }
    for text in ["13", "255", "26.1.2", "26.4294967295.255"] {
        assert_eq!(text.parse::<AttributeName>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "256",
        "-1",
        "26.1",
        "26.1.",
        "26.1.256",
        "26.1.2.3",
        "25.1.2",
        "26.4294967296.1",
        "filter-id",
        " 11",
    ] {
        let error = text.parse::<AttributeName>().unwrap_err();
        assert_eq!(error, parse::ParseError::UnknownAttribute, "{text:?}");
    }
}

#[test]
fn attribute_that_the_server_writes_is_refused() {
    for kind in [
        0, 1, 2, 3, 8, 22, 24, 25, 26, 27, 33, 44, 55, 79, 80, 85, 89, 97, 99, 101, 123,
    ] {
        let error = kind.to_string().parse::<AttributeName>().unwrap_err();
        assert_eq!(error, parse::ParseError::ReservedAttribute, "{kind}");
    }
}

#[test]
fn session_keys_and_numbers_have_names_of_their_own() {
    for (name, key) in SessionKey::NAMES {
        assert_eq!((name.parse(), key.name()), (Ok(key), name));
    }
    for (name, number) in Number::NAMES {
        assert_eq!(name.parse(), Ok(number));
    }
}

//! MS-CHAP, lines, realms, session limits, and what plans and subscriptions say in an Access-Accept (N1, N8).

use std::cell::Cell;
use std::num::{NonZeroU8, NonZeroU32};
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::Password;
use garth_radius::dialect::Dialect;
use garth_radius::directory::{
    Access, Credential, Directory, FRAMED_ROUTES_MAX, Identity, Port, Profile, Route,
};
use garth_radius::mschap::NtHash;
use garth_radius::nas::MessageAuthenticatorPolicy::Require;
use garth_radius::nas::NasTable;
use garth_radius::packet::{PACKET_LEN_MAX, Packet};
use garth_radius::plan::PoolName;
use garth_radius::realm::{RealmRule, Realms};
use garth_radius::server::{Outcome, PlanTerms, RejectReason, Server, Settings, Unknown, Verdict};
use md5::{Digest, Md5};

use crate::support::{
    Ask, CLASS, NOW, PLAN, SECRET, assert_genuine, dump, garden, nas, nt_hash, source,
};

/// RFC 2759 section 9.2.
pub(crate) const AUTHENTICATOR_CHALLENGE: [u8; 16] = *b"[]|}{?/><,`!2&&(";
pub(crate) const PEER_CHALLENGE: [u8; 16] = *b"!@#$%^&*()_+:3|~";
pub(crate) const NT_RESPONSE: [u8; 24] = [
    0x82, 0x30, 0x9e, 0xcd, 0x8d, 0x70, 0x8b, 0x5e, 0xa0, 0x8f, 0xaa, 0x39, 0x81, 0xcd, 0x83, 0x54,
    0x42, 0x33, 0x11, 0x4a, 0x3d, 0x85, 0xd6, 0xdf,
];
/// RFC 2433 appendix B.2.
const CHALLENGE: [u8; 8] = [0x10, 0x2d, 0xb5, 0xdf, 0x08, 0x5d, 0x30, 0x41];
const RESPONSE: [u8; 24] = [
    0x4e, 0x9d, 0x3c, 0x8f, 0x9c, 0xfd, 0x38, 0x5d, 0x5b, 0xf4, 0xd3, 0x24, 0x67, 0x91, 0x95, 0x6c,
    0xa4, 0xc3, 0x51, 0xab, 0x40, 0x9a, 0x3d, 0x61,
];
/// RFC 3079 section 3.5.3.
pub(crate) const SEND_KEY: [u8; 16] = [
    0x8b, 0x7c, 0xdc, 0x14, 0x9b, 0x99, 0x3a, 0x1b, 0xa1, 0x18, 0xcb, 0x15, 0x3f, 0x56, 0xdc, 0xcb,
];

/// Everybody here has full access.
#[derive(Default)]
struct Lines {
    live: Cell<u32>,
    asked_station: Cell<Option<[u8; 6]>>,
}

impl Directory for Lines {
    fn find(&self, identity: &Identity<'_>, _: UnixSeconds, profile: &mut Profile) -> bool {
        let password = |text: &[u8]| Credential::Password(Password::new(text).unwrap());
        profile.credential = match identity {
            Identity::UserName(b"User") => password(b"clientPass"),
            Identity::UserName(b"Hash") => Credential::NtHash(nt_hash(b"clientPass")),
            Identity::UserName(b"old") => password(b"MyPw"),
            Identity::UserName(b"binary") => password(&[0xff, 0xfe]),
            Identity::Mac([2, 0, 0, 0, 0, 7])
            | Identity::Line {
                circuit: Some(b"an1 eth 1/3"),
                ..
            }
            | Identity::Line {
                circuit: None,
                remote: Some(b"house 7"),
            } => Credential::CallCheck,
            Identity::UserName(_) | Identity::Mac(_) | Identity::Line { .. } => return false,
        };
        profile.access = Access::Full;
        profile.plan = Some(0);
        (profile.down_kbps, profile.up_kbps) = (PLAN.down_kbps, PLAN.up_kbps);
        profile.class = CLASS;
        profile.framed_ipv6 = Some(("2001:db8:1::".parse().unwrap(), 64));
        profile.has_routes = true;
        true
    }

    fn live_sessions(&self, class: &[u8; 16], station: Option<[u8; 6]>) -> u32 {
        assert_eq!(*class, CLASS);
        self.asked_station.set(station);
        self.live.get()
    }

    fn live_sessions_elsewhere(&self, class: &[u8; 16], port: &Port<'_>) -> u32 {
        assert_eq!((*class, &*port.nas.name), (CLASS, "nas-1"));
        let is_its = port.number == Some(7) && port.id == Some(b"eth 1/3");
        self.live.get() - u32::from(is_its)
    }

    fn routes(&self, class: &[u8; 16]) -> [Option<Route>; FRAMED_ROUTES_MAX] {
        assert_eq!(*class, CLASS);
        let route = |network: &str, length, metric| {
            Some(Route {
                network: network.parse().unwrap(),
                length,
                metric,
            })
        };
        [
            route("192.0.2.128", 25, None),
            route("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 128, Some(255)),
            None,
            None,
        ]
    }
}

fn plan() -> PlanTerms {
    let pool = |name| Some(PoolName::new(name).unwrap());
    PlanTerms {
        rates: PLAN,
        session_limit: NonZeroU8::new(2),
        idle_timeout_seconds: NonZeroU32::new(900),
        framed_pool: pool("v4"),
        framed_ipv6_pool: pool("v6"),
        delegated_ipv6_pool: pool("pd"),
    }
}

fn settings(plan: PlanTerms, unknown: Unknown) -> Settings {
    let nas = NasTable::new(vec![nas(Require, Dialect::mikrotik())]).unwrap();
    Settings::new(nas, garden(unknown), vec![plan])
}

fn server() -> Server {
    Server::new(Arc::new(settings(plan(), Unknown::Garden)), 1)
}

/// What a server says to a request, and its reply.
fn asked(server: &mut Server, lines: &Lines, ask: &Ask) -> (Outcome, Vec<u8>) {
    let octets = ask.octets();
    let mut reply = [0; PACKET_LEN_MAX];
    let Verdict::Reply { len, outcome } =
        server.authenticate(NOW, source(), &octets, lines, &mut reply)
    else {
        panic!("it is answered");
    };
    assert_genuine(&reply[..len], &octets);
    (outcome, reply[..len].to_vec())
}

fn outcome(ask: &Ask) -> Outcome {
    asked(&mut server(), &Lines::default(), ask).0
}

fn vendor(number: u32, attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let mut value = number.to_be_bytes().to_vec();
    for (kind, octets) in attributes {
        value.extend([*kind, u8::try_from(octets.len() + 2).unwrap()]);
        value.extend(*octets);
    }
    value
}

fn ms_chap2(user: &[u8], response: &[u8; 24]) -> Ask {
    let value = [&[7, 0], &PEER_CHALLENGE[..], &[0; 8], response].concat();
    // Two attributes in one Vendor-Specific, as RFC 2865 section 5.26 allows.
    let both = vendor(311, &[(11, &AUTHENTICATOR_CHALLENGE), (25, &value)]);
    Ask::user(user).with(AttributeType::VENDOR_SPECIFIC, &both)
}

fn ms_chap(user: &[u8], response: &[u8; 24]) -> Ask {
    let value = [&[7, 1], &[0; 24][..], response].concat();
    Ask::user(user)
        .with(
            AttributeType::VENDOR_SPECIFIC,
            &vendor(311, &[(11, &CHALLENGE)]),
        )
        .with(AttributeType::VENDOR_SPECIFIC, &vendor(311, &[(1, &value)]))
}

pub(crate) fn microsoft(reply: &[u8], kind: u8) -> Vec<u8> {
    let packet = Packet::decode(reply).unwrap();
    let mut found = packet
        .attributes()
        .filter(|a| a.vendor().is_some_and(|v| (v.0.0, v.1) == (311, kind)));
    let value = found.next().unwrap().vendor_value().unwrap().to_vec();
    assert_eq!(found.next(), None);
    value
}

/// RFC 2548 section 2.4.2, written once more for this test.
pub(crate) fn revealed(hidden: &[u8], ask: &Ask) -> Vec<u8> {
    let (salt, blocks) = hidden.split_at(2);
    assert!(salt[0] >= 0x80, "the first bit of a salt is set");
    let mut previous = [&ask.authenticator, salt].concat();
    let mut clear = Vec::new();
    for block in blocks.chunks(16) {
        let mask = Md5::new()
            .chain_update(SECRET)
            .chain_update(&previous)
            .finalize();
        clear.extend(block.iter().zip(mask).map(|(hidden, mask)| hidden ^ mask));
        previous = block.to_vec();
    }
    let len = usize::from(clear[0]);
    assert!(clear[1 + len..].iter().all(|octet| *octet == 0));
    clear[1..=len].to_vec()
}

#[test]
fn n1_ms_chap2_proves_both_sides_and_carries_keys() {
    for user in [&b"User"[..], b"DOMAIN\\User"] {
        let ask = ms_chap2(user, &NT_RESPONSE);
        let realms = Realms::new([("domain", RealmRule::Strip)], RealmRule::Keep).unwrap();
        let settings = settings(plan(), Unknown::Reject).with_realms(realms);
        let mut server = Server::new(Arc::new(settings), 1);
        let (outcome, reply) = asked(&mut server, &Lines::default(), &ask);
        assert_eq!(outcome, Outcome::AcceptFull);
        let success = [&[7][..], b"S=407A5589115FD0D6209F510FE9C04566932CDA56"].concat();
        assert_eq!(microsoft(&reply, 26), success);
        let (send, receive) = (microsoft(&reply, 16), microsoft(&reply, 17));
        assert_eq!(revealed(&send, &ask), SEND_KEY);
        assert_eq!(revealed(&receive, &ask).len(), 16);
        assert_ne!(send[..2], receive[..2], "salts differ");
    }
}

#[test]
fn n1_ms_chap_carries_the_hash_of_the_hash() {
    let (outcome, reply) = asked(
        &mut server(),
        &Lines::default(),
        &ms_chap(b"old", &RESPONSE),
    );
    assert_eq!(outcome, Outcome::AcceptFull);
    assert_eq!(microsoft(&reply, 12).len(), 32);
    assert_eq!(microsoft(&reply, 7), 1_u32.to_be_bytes());
    assert_eq!(microsoft(&reply, 8), 6_u32.to_be_bytes());
}

#[test]
fn n1_an_nt_hash_serves_pap_and_ms_chap() {
    let hash = |ask: Ask| outcome(&ask);
    assert_eq!(
        hash(Ask::user(b"Hash").pap(b"clientPass")),
        Outcome::AcceptFull
    );
    assert_eq!(
        hash(Ask::user(b"Hash").pap(b"clientpass")),
        Outcome::Reject(RejectReason::WrongPassword)
    );
    // The name is part of an MS-CHAPv2 response: this one was made by another.
    assert_eq!(
        hash(ms_chap2(b"Hash", &NT_RESPONSE)),
        Outcome::Reject(RejectReason::WrongPassword)
    );
}

#[test]
fn a_method_that_what_is_on_file_cannot_serve_is_rejected_by_that_name() {
    for ask in [
        Ask::user(b"Hash").chap(b"clientPass"),
        ms_chap2(b"binary", &NT_RESPONSE),
        ms_chap(b"binary", &RESPONSE),
    ] {
        assert_eq!(outcome(&ask), Outcome::Reject(RejectReason::CredentialForm));
    }
}

#[test]
fn n1_wrong_ms_chap_is_rejected_in_words_the_peer_can_read() {
    for at in 0..24 {
        let (mut first, mut second) = (RESPONSE, NT_RESPONSE);
        first[at] ^= 1;
        second[at] ^= 0x80;
        for (ask, words) in [
            (ms_chap(b"old", &first), &b"\x07E=691 R=0 V=2"[..]),
            (ms_chap2(b"User", &second), b"\x07E=691 R=0 V=3"),
            (ms_chap2(b"nobody", &second), b"\x07E=691 R=0 V=3"),
        ] {
            let (outcome, reply) = asked(&mut server(), &Lines::default(), &ask);
            assert!(matches!(outcome, Outcome::Reject(_)), "{at}: {outcome:?}");
            assert_eq!(microsoft(&reply, 2), words);
        }
    }
}

#[test]
fn ms_chap_that_is_flawed_is_never_accepted() {
    let value = [&[7, 0], &PEER_CHALLENGE[..], &[0; 8], &NT_RESPONSE].concat();
    let asks = [
        // No challenge, one of another length, two, a response too short, a length that lies.
        vendor(311, &[(25, &value)]),
        vendor(311, &[(11, &CHALLENGE), (25, &value)]),
        vendor(
            311,
            &[
                (11, &AUTHENTICATOR_CHALLENGE),
                (11, &AUTHENTICATOR_CHALLENGE),
                (25, &value),
            ],
        ),
        vendor(311, &[(11, &AUTHENTICATOR_CHALLENGE), (25, &value[1..])]),
        [
            vendor(311, &[(11, &AUTHENTICATOR_CHALLENGE), (25, &value)]),
            vec![1],
        ]
        .concat(),
        [
            vendor(311, &[(11, &AUTHENTICATOR_CHALLENGE), (25, &value)]),
            vec![1, 0],
        ]
        .concat(),
        // Both versions; LAN Manager alone.
        vendor(
            311,
            &[(11, &AUTHENTICATOR_CHALLENGE), (25, &value), (1, &value)],
        ),
        vendor(311, &[(11, &CHALLENGE), (1, &value)]),
    ];
    for (n, attribute) in asks.iter().enumerate() {
        let ask = Ask::user(b"User").with(AttributeType::VENDOR_SPECIFIC, attribute);
        assert!(matches!(outcome(&ask), Outcome::Reject(_)), "{n}");
    }
}

#[test]
fn somebody_unknown_gets_no_proof_but_may_get_the_garden() {
    let first = ms_chap(b"nobody", &RESPONSE);
    let (granted, reply) = asked(&mut server(), &Lines::default(), &first);
    assert_eq!(granted, Outcome::AcceptUnknown);
    assert!(!dump(&reply).iter().any(|text| text.starts_with("311.")));
    // An MS-CHAPv2 peer would hang up without the proof.
    assert_eq!(
        outcome(&ms_chap2(b"nobody", &NT_RESPONSE)),
        Outcome::Reject(RejectReason::UnknownUser)
    );
}

#[test]
fn a_station_that_is_no_mac_vouches_for_none_that_is_typed() {
    for (station, expected) in [
        (None, Outcome::AcceptFull),
        (Some(&b"02-00-00-00-00-07"[..]), Outcome::AcceptFull),
        (Some(b"203.0.113.9"), Outcome::AcceptUnknown),
        (Some(b"02:00:00:00:00:66 vlan100"), Outcome::AcceptUnknown),
    ] {
        let mut ask = Ask::user(b"02:00:00:00:00:07").pap(b"02:00:00:00:00:07");
        if let Some(station) = station {
            ask = ask.with(AttributeType::CALLING_STATION_ID, station);
        }
        assert_eq!(outcome(&ask), expected, "{station:?}");
    }
}

const CIRCUIT: (u8, &[u8]) = (1, b"an1 eth 1/3");
const REMOTE: (u8, &[u8]) = (2, b"house 7");

fn on_line(ask: Ask, line: &[(u8, &[u8])]) -> Ask {
    ask.with(AttributeType::VENDOR_SPECIFIC, &vendor(3561, line))
}

fn call_check(ask: Ask) -> Ask {
    ask.with(AttributeType::SERVICE_TYPE, &10_u32.to_be_bytes())
}

#[test]
fn n1_a_line_is_known_by_its_circuit_and_remote_id() {
    let nobody = Ask::new(Code::ACCESS_REQUEST);
    for (n, ask) in [
        on_line(nobody.clone(), &[CIRCUIT]),
        on_line(nobody.clone(), &[CIRCUIT, REMOTE]),
        on_line(nobody, &[REMOTE]),
        on_line(Ask::user(b"an1 eth 1/3"), &[CIRCUIT]),
        on_line(Ask::user(b"an1 eth 1/3").pap(b""), &[CIRCUIT]),
        on_line(Ask::user(b"an1 eth 1/3").pap(b"an1 eth 1/3"), &[CIRCUIT]),
        on_line(Ask::user(b"house 7").pap(b"house 7"), &[REMOTE]),
        on_line(call_check(Ask::user(b"whoever")), &[CIRCUIT]),
        on_line(Ask::user(b"020000000009"), &[CIRCUIT]),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(outcome(ask), Outcome::AcceptFull, "{n}");
    }
}

#[test]
fn somebody_unknown_on_a_line_may_get_the_garden() {
    let stranger: (u8, &[u8]) = (1, b"an9 eth 9/9");
    let ask = on_line(Ask::new(Code::ACCESS_REQUEST), &[stranger]);
    assert_eq!(outcome(&ask), Outcome::AcceptUnknown);
    // With a password it is a name like any other.
    let named = on_line(Ask::user(stranger.1).pap(stranger.1), &[stranger]);
    assert_eq!(outcome(&named), Outcome::AcceptUnknown);
    let name = on_line(Ask::user(b"User").pap(b"clientPass"), &[stranger]);
    assert_eq!(outcome(&name), Outcome::AcceptFull);
}

#[test]
fn a_line_is_no_password() {
    for (n, ask) in [
        // A PPPoE client that gives a name and no password, or a wrong one, on somebody's line.
        on_line(Ask::user(b"User"), &[CIRCUIT]),
        on_line(Ask::user(b"User").pap(b""), &[CIRCUIT]),
        on_line(Ask::user(b"User").pap(b"User"), &[CIRCUIT]),
        on_line(Ask::user(b"User").pap(b"an1 eth 1/3"), &[CIRCUIT]),
        on_line(Ask::user(b"an1 eth 1/3").pap(b"wrong"), &[REMOTE]),
        on_line(call_check(Ask::user(b"whoever").pap(b"x")), &[CIRCUIT]),
        // What is doubled or breaks off names no line.
        on_line(Ask::new(Code::ACCESS_REQUEST), &[CIRCUIT, CIRCUIT]),
        on_line(Ask::new(Code::ACCESS_REQUEST), &[(1, b"")]),
    ]
    .iter()
    .enumerate()
    {
        let settings = settings(plan(), Unknown::Reject);
        let mut server = Server::new(Arc::new(settings), 1);
        let (outcome, _) = asked(&mut server, &Lines::default(), ask);
        assert!(matches!(outcome, Outcome::Reject(_)), "{n}: {outcome:?}");
    }
}

#[test]
fn n1_a_realm_is_stripped_kept_or_refused() {
    let rules = [
        ("isp.example", RealmRule::Strip),
        ("gone.example", RealmRule::Reject),
    ];
    let realms = Realms::new(rules, RealmRule::Keep).unwrap();
    let settings = settings(plan(), Unknown::Reject).with_realms(realms);
    let mut server = Server::new(Arc::new(settings), 1);
    for (n, (name, expected)) in [
        ("User@ISP.example", Outcome::AcceptFull),
        ("isp.example\\User", Outcome::AcceptFull),
        ("User@gone.example", Outcome::Reject(RejectReason::Realm)),
        ("User@else", Outcome::Reject(RejectReason::UnknownUser)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut ask = Ask::user(name.as_bytes()).pap(b"clientPass");
        ask.identifier = u8::try_from(n).unwrap();
        let (outcome, _) = asked(&mut server, &Lines::default(), &ask);
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn n8_a_plan_limits_the_live_sessions_of_a_subscription() {
    let lines = Lines::default();
    let right = Ask::user(b"User")
        .with(AttributeType::CALLING_STATION_ID, b"02-00-00-00-00-07")
        .pap(b"clientPass");
    let limit = Outcome::Reject(RejectReason::SessionLimit);
    for (live, expected) in [
        (0, Outcome::AcceptFull),
        (1, Outcome::AcceptFull),
        (2, limit),
        (u32::MAX, limit),
    ] {
        lines.live.set(live);
        assert_eq!(asked(&mut server(), &lines, &right).0, expected, "{live}");
        assert_eq!(lines.asked_station.get(), Some([2, 0, 0, 0, 0, 7]));
    }
    // Who has not proven anything learns nothing of it.
    let wrong = Ask::user(b"User").pap(b"wrong");
    let wrong_chap = Ask::user(b"User").chap(b"wrong");
    for ask in [wrong, wrong_chap] {
        let refused = Outcome::Reject(RejectReason::WrongPassword);
        assert_eq!(asked(&mut server(), &lines, &ask).0, refused);
    }
    let endless = PlanTerms {
        session_limit: None,
        ..plan()
    };
    let mut server = Server::new(Arc::new(settings(endless, Unknown::Reject)), 1);
    assert_eq!(asked(&mut server, &lines, &right).0, Outcome::AcceptFull);
}

#[test]
fn n8_who_comes_from_the_port_of_a_session_comes_in_its_place_if_the_nas_names_no_station() {
    let lines = Lines::default();
    let at_port = |id: &'static [u8], station: Option<&'static [u8]>| {
        let ask = Ask::user(b"User")
            .with(AttributeType::NAS_PORT, &7_u32.to_be_bytes())
            .with(AttributeType::NAS_PORT_ID, id);
        match station {
            Some(station) => ask.with(AttributeType::CALLING_STATION_ID, station),
            None => ask,
        }
        .pap(b"clientPass")
    };
    let limit = Outcome::Reject(RejectReason::SessionLimit);
    for (live, id, station, expected) in [
        (2, b"eth 1/3".as_slice(), None, Outcome::AcceptFull),
        (3, b"eth 1/3", None, limit),
        (2, b"eth 1/4", None, limit),
        // Another station may be at the same port.
        (2, b"eth 1/3", Some(b"02-00-00-00-00-07".as_slice()), limit),
        (2, b"eth 1/3", Some(b"+43 1 234"), limit),
    ] {
        lines.live.set(live);
        let ask = at_port(id, station);
        assert_eq!(asked(&mut server(), &lines, &ask).0, expected, "{live}");
    }
}

#[test]
fn n8_full_answer_carries_pools_routes_prefix_and_timeout() {
    let ask = Ask::user(b"User").pap(b"clientPass");
    let (_, reply) = asked(&mut server(), &Lines::default(), &ask);
    let said = dump(&reply);
    for attribute in [
        "28=0x00000384",
        "88=v4",
        "100=v6",
        "171=pd",
        "97=0x004020010db800010000",
        "22=0x3139322e302e322e3132382f323520302e302e302e302031",
    ] {
        assert!(
            said.iter().any(|text| text == attribute),
            "{attribute}: {said:?}"
        );
    }
    let packet = Packet::decode(&reply).unwrap();
    assert_eq!(
        packet.find(AttributeType::FRAMED_IPV6_ROUTE).unwrap().value,
        b"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128 :: 255"
    );
    assert_eq!(packet.find(AttributeType::CHARGEABLE_USER_IDENTITY), None);
}

#[test]
fn n8_a_chargeable_user_identity_is_given_to_who_asks() {
    let ask = Ask::user(b"User")
        .with(AttributeType::CHARGEABLE_USER_IDENTITY, b"\0")
        .pap(b"clientPass");
    let (_, reply) = asked(&mut server(), &Lines::default(), &ask);
    let packet = Packet::decode(&reply).unwrap();
    let identity = packet
        .find(AttributeType::CHARGEABLE_USER_IDENTITY)
        .unwrap();
    let hexadecimal: String = CLASS.iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(identity.value, hexadecimal.as_bytes());
}

#[test]
fn passwords_that_are_not_text_have_no_hash() {
    assert!(NtHash::of(&Password::new(&[0xff]).unwrap()).is_none());
}

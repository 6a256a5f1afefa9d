//! RADIUS from somebody who means harm, or whose software does: N4, N5 and N6 over UDP.
//!
//! Silence is proven, not waited for: see `garth_tests::raw`. Single packets are also wire vectors
//! (`radius/vectors`), and `fuzz` looks for what nobody thought of.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use garth_tests::Lab;
use garth_tests::garthd::SECRET;
use garth_tests::raw::{Port, Raw, answers_to};
use garth_tests::wire::{self, Request, attribute, code};

const USER: &[u8] = b"bruno";
const PASSWORD: &[u8] = b"bird-cherry-8";
const PAID: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

/// A NAS that need not sign, beside the one of the lab, which must.
const UNSIGNED: &str = "127.0.0.2";
const SIGNED: &str = "127.0.0.1";

fn lab() -> Lab {
    let lab = Lab::start_with(|config| {
        let unsigned = format!(
            "[[nas]]\nname = \"old\"\naddress = \"{UNSIGNED}/32\"\nsecret = \"{SECRET}\"\n\
             dialect = \"generic\"\nmessage_authenticator = \"off\"\n\n[garden]\n"
        );
        config.replace("[garden]\n", &unsigned)
    })
    .unwrap();
    let plans = lab.files.path("plans.toml");
    std::fs::write(&plans, garth_tests::garthd::PLANS).unwrap();
    lab.garthctl
        .run(&["plan", "apply", &plans.to_string_lossy()])
        .unwrap();
    lab.import(PAID).unwrap();
    lab
}

fn connect(lab: &Lab, source: &str, port: Port) -> Raw {
    Raw::connect(&lab.network.router, source, port).unwrap()
}

fn counter(lab: &Lab, name: &str) -> u64 {
    let status = lab.garthctl.json(&["status"]).unwrap();
    find(&status, name).unwrap_or(0)
}

fn find(value: &serde_json::Value, name: &str) -> Option<u64> {
    let map = value.as_object()?;
    let found = map.get(name).and_then(serde_json::Value::as_u64);
    found.or_else(|| map.values().find_map(|value| find(value, name)))
}

/// An Access-Request with room for its signature, and nothing that proves anything.
fn access(number: u64) -> Request {
    Request::new(code::ACCESS_REQUEST, number).with_message_authenticator()
}

fn login(number: u64) -> Request {
    access(number)
        .with(attribute::USER_NAME, USER)
        .with_pap(PASSWORD, SECRET.as_bytes())
}

fn record(number: u64) -> Request {
    Request::new(code::ACCOUNTING_REQUEST, number)
        .with_integer(attribute::ACCT_STATUS_TYPE, 3)
        .with(attribute::USER_NAME, USER)
        .with(attribute::ACCT_SESSION_ID, b"81000007")
}

/// What each port answers.
fn good(port: Port, number: u64) -> Request {
    match port {
        Port::Auth => login(number),
        Port::Acct => record(number),
    }
}

fn signed(request: &Request) -> Vec<u8> {
    request.signed(SECRET.as_bytes())
}

/// The code of the genuine answer, or nothing.
fn code_of(raw: &mut Raw, request: &[u8]) -> Option<u8> {
    let answer = raw.answer(request).unwrap()?;
    assert!(answers_to(&answer, request), "a forged answer");
    Some(answer[0])
}

/// The request with one octet set; the rest is as it was signed.
fn with_octet(request: &[u8], at: usize, octet: u8) -> Vec<u8> {
    let mut octets = request.to_vec();
    octets[at] = octet;
    octets
}

/// Fills up with Reply-Message to `len` octets.
fn filled(mut request: Request, len: usize) -> Request {
    const LONGEST: usize = 255;
    let mut left = len - request.octets().len();
    while left > 0 {
        // What is left behind must have room for an attribute's own header.
        let next = if left > LONGEST {
            LONGEST.min(left - 2)
        } else {
            left
        };
        request = request.with(attribute::REPLY_MESSAGE, &vec![b'x'; next - 2]);
        left -= next;
    }
    request
}

#[test]
fn n6_lengths_that_do_not_fit_are_met_with_silence_and_counted() {
    let lab = lab();
    for port in Port::ALL {
        let mut raw = connect(&lab, UNSIGNED, port);
        let good = signed(&good(port, 1));
        let last = good.len() - 1;
        let mut long = filled(record(2), wire::PACKET_LEN_MAX - 1).octets();
        long.extend([attribute::REPLY_MESSAGE, 2]);
        wire::set_length(&mut long);
        assert_eq!(long.len(), wire::PACKET_LEN_MAX + 1);
        let mut lone = [&good[..], &[attribute::REPLY_MESSAGE]].concat();
        wire::set_length(&mut lone);
        let first_length = wire::HEADER_LEN + 1;
        let length_past_end = u8::try_from(good.len() - wire::HEADER_LEN + 1).unwrap();
        let wrong: [(&str, Vec<u8>); 14] = [
            ("short_datagram", vec![]),
            ("bad_length", vec![0xff; 8_000]),
            ("short_datagram", good[..1].to_vec()),
            ("short_datagram", good[..19].to_vec()),
            ("bad_length", with_octet(&good, 3, 0)),
            ("bad_length", with_octet(&good, 3, 19)),
            ("bad_length", good[..last].to_vec()),
            ("bad_length", with_octet(&good, 3, good[3] + 1)),
            ("bad_length", with_octet(&good, 2, 0xff)),
            ("bad_length", long),
            ("bad_attribute_length", with_octet(&good, first_length, 0)),
            ("bad_attribute_length", with_octet(&good, first_length, 1)),
            (
                "bad_attribute_length",
                with_octet(&good, first_length, length_past_end),
            ),
            ("bad_attribute_length", lone),
        ];
        for (reason, datagram) in wrong {
            let name = format!("radius_drop_{reason}");
            let before = counter(&lab, &name);
            let answer = raw.answer(&datagram).unwrap();
            assert_eq!(answer, None, "{port:?}: {datagram:02x?} was answered");
            assert_eq!(
                counter(&lab, &name),
                before + 1,
                "{port:?}: {datagram:02x?}"
            );
        }
        assert!(code_of(&mut raw, &good).is_some(), "{port:?}");
    }
}

#[test]
fn n6_octets_beyond_length_are_ignored() {
    let lab = lab();
    for port in Port::ALL {
        let mut raw = connect(&lab, SIGNED, port);
        let paddings: [&[u8]; 4] = [&[0], &[1], &[33, 4, b'p', b'p'], &[80; 5_000]];
        for (number, padding) in (1..).zip(paddings) {
            let request = signed(&good(port, number));
            let datagram = [&request, padding].concat();
            let answer = raw.answer(&datagram).unwrap().unwrap();
            assert!(answers_to(&answer, &request), "{port:?} {number}");
            assert_ne!(answer[0], code::ACCESS_REJECT);
            assert!(wire::values(&answer, attribute::PROXY_STATE).is_empty());
        }
    }
}

#[test]
fn n6_packet_of_4096_octets_is_answered() {
    let lab = lab();
    for (port, expected) in [
        (Port::Auth, code::ACCESS_ACCEPT),
        (Port::Acct, code::ACCOUNTING_RESPONSE),
    ] {
        let mut raw = connect(&lab, SIGNED, port);
        let longest = signed(&filled(good(port, 1), wire::PACKET_LEN_MAX));
        assert_eq!(longest.len(), wire::PACKET_LEN_MAX);
        assert_eq!(code_of(&mut raw, &longest), Some(expected));
    }
}

#[test]
fn n6_codes_that_a_port_does_not_serve_are_met_with_silence() {
    let lab = lab();
    for port in Port::ALL {
        let mut raw = connect(&lab, UNSIGNED, port);
        let served = match port {
            Port::Auth => code::ACCESS_REQUEST,
            Port::Acct => code::ACCOUNTING_REQUEST,
        };
        let before = counter(&lab, "radius_drop_unexpected_code");
        let wrong = (0..=u8::MAX).filter(|code| ![served, code::STATUS_SERVER].contains(code));
        let datagrams: Vec<Vec<u8>> = wrong
            .map(|code| {
                let mut request = good(port, code.into());
                request.code = code;
                signed(&request)
            })
            .collect();
        let answers = raw.answers(datagrams.iter().map(Vec::as_slice)).unwrap();
        assert!(answers.is_empty(), "{port:?}: {answers:02x?}");
        let counted = counter(&lab, "radius_drop_unexpected_code") - before;
        assert_eq!(counted, 254, "{port:?}");
    }
}

/// An attribute that may be repeated (RFC 2869 section 5.11).
const CONNECT_INFO: u8 = 77;

#[test]
fn n4_proxy_state_comes_back_whole_and_in_order_or_there_is_no_reply() {
    let lab = lab();
    let longest = [b'p'; 253];
    let few: &[&[u8]] = &[b"one", b"", b"two", b"one", &longest];
    // 3,825 octets leave room for the rest of a reply, 4,080 in a packet of 4,096 do not.
    let many: &[&[u8]] = &[&longest[..]; 15];
    for port in Port::ALL {
        let mut raw = connect(&lab, UNSIGNED, port);
        for (number, states) in [(1, few), (2, many)] {
            let mut request = good(port, number);
            for state in states {
                request = request.with(attribute::PROXY_STATE, state);
                if number == 1 {
                    request = request.with(CONNECT_INFO, b"54 Mbit/s");
                }
            }
            let request = signed(&request);
            let answer = raw.answer(&request).unwrap().unwrap();
            assert!(answers_to(&answer, &request), "{port:?} {number}");
            assert_eq!(wire::values(&answer, attribute::PROXY_STATE), states);
        }
    }
    let mut raw = connect(&lab, UNSIGNED, Port::Auth);
    let mut request = Request::new(code::ACCESS_REQUEST, 3).with(attribute::USER_NAME, USER);
    request = request.with_pap(PASSWORD, SECRET.as_bytes());
    while request.octets().len() + 255 <= wire::PACKET_LEN_MAX {
        request = request.with(attribute::PROXY_STATE, &longest);
    }
    let left = wire::PACKET_LEN_MAX - request.octets().len();
    request = request.with(attribute::PROXY_STATE, &longest[..left - 2]);
    assert_eq!(raw.answer(&request.octets()).unwrap(), None);
    assert_eq!(counter(&lab, "radius_drop_reply_too_long"), 1);
}

/// A request that is signed right and must not be accepted, and what is wrong about it.
type Wrong = (String, Request);

fn named(name: &[u8]) -> Request {
    access(0).with(attribute::USER_NAME, name)
}

fn wrong_attributes() -> Vec<Wrong> {
    let secret = SECRET.as_bytes();
    let chap = |request: Request| request.with_chap(PASSWORD);
    [
        (
            "doubled User-Name",
            login(0).with(attribute::USER_NAME, USER),
        ),
        ("doubled User-Password", login(0).with_pap(PASSWORD, secret)),
        ("doubled CHAP-Password", chap(chap(named(USER)))),
        (DOUBLED_SIGNATURE, login(0).with_message_authenticator()),
        ("PAP and CHAP", chap(login(0))),
        ("neither PAP nor CHAP", named(USER)),
        ("no User-Name", access(0).with_pap(PASSWORD, secret)),
        ("empty password", named(USER).with_pap(b"", secret)),
        (
            "CHAP-Challenge of no octets",
            chap(named(USER)).with(attribute::CHAP_CHALLENGE, b""),
        ),
        (
            "CHAP-Challenge of 4 octets",
            chap(named(USER)).with(attribute::CHAP_CHALLENGE, b"four"),
        ),
        (
            "doubled CHAP-Challenge",
            chap(named(USER))
                .with(attribute::CHAP_CHALLENGE, &[7; 16])
                .with(attribute::CHAP_CHALLENGE, &[7; 16]),
        ),
    ]
    .map(|(what, request)| (what.to_owned(), request))
    .into()
}

/// The one thing of [`wrong_attributes`] that is not even rejected.
const DOUBLED_SIGNATURE: &str = "doubled Message-Authenticator";

fn wrong_lengths() -> impl Iterator<Item = Wrong> {
    // What is right but for its length.
    let cut = |request: Request, len: usize| {
        let (kind, mut value) = request.attributes.last().unwrap().clone();
        value.resize(len, 0);
        named(USER).with(kind, &value)
    };
    let pap = [0, 1, 15, 17, 31, 127, 129, 144, 253].map(|len| {
        let what = format!("User-Password of {len} octets");
        (what, cut(login(0), len))
    });
    let chap = [0, 1, 16, 18, 253].map(|len| {
        let what = format!("CHAP-Password of {len} octets");
        (what, cut(named(USER).with_chap(PASSWORD), len))
    });
    pap.into_iter().chain(chap)
}

/// Variants of the name with the right password, and of the password.
fn wrong_words() -> impl Iterator<Item = Wrong> {
    let names: [&[u8]; 10] = [
        b"",
        b"bruno\0",
        b"\0bruno",
        b" bruno",
        b"bruno ",
        b"bruno\n",
        b"Bruno",
        "\u{ff42}runo".as_bytes(),
        "brun\u{43e}".as_bytes(),
        "bru\u{200b}no".as_bytes(),
    ];
    let passwords: [&[u8]; 5] = [
        b"bird-cherry-8 ",
        b"bird-cherry-8\0x",
        b"Bird-cherry-8",
        b"bird-cherry-",
        "bird-cherry-\u{ff18}".as_bytes(),
    ];
    let of_names = names.map(|name| (name, PASSWORD));
    let of_passwords = passwords.map(|password| (USER, password));
    let pairs = of_names.into_iter().chain(of_passwords);
    pairs.flat_map(|(name, password)| {
        let what = format!("{} with {}", name.escape_ascii(), password.escape_ascii());
        [
            (
                format!("{what} by PAP"),
                named(name).with_pap(password, SECRET.as_bytes()),
            ),
            (format!("{what} by CHAP"), named(name).with_chap(password)),
        ]
    })
}

#[test]
fn n6_request_that_proves_nothing_is_never_accepted() {
    let lab = lab();
    let mut raw = connect(&lab, SIGNED, Port::Auth);
    let wrong = wrong_attributes().into_iter();
    let wrong = wrong.chain(wrong_lengths()).chain(wrong_words());
    for (identifier, (what, mut request)) in (0..).zip(wrong) {
        // All have one authenticator, so that one is no repetition of another by its identifier.
        request.identifier = identifier;
        let answer = code_of(&mut raw, &signed(&request));
        let expected = (what != DOUBLED_SIGNATURE).then_some(code::ACCESS_REJECT);
        assert_eq!(answer, expected, "{what}");
    }
    for request in [
        login(300),
        access(301)
            .with(attribute::USER_NAME, USER)
            .with_chap(PASSWORD),
    ] {
        let answer = code_of(&mut raw, &signed(&request));
        assert_eq!(answer, Some(code::ACCESS_ACCEPT), "the right one");
    }
    assert_eq!(counter(&lab, "radius_accept_full"), 2);
}

/// The exchange of RFC 2759 section 9.2, with the name and password it is made of.
mod rfc2759 {
    pub(super) const SUBSCRIPTION: &str = r#"{"username":"User","password":"clientPass","plan":"home-100","paid_through":"2099-01-31"}"#;
    pub(super) const CHALLENGE: [u8; 16] =
        *b"\x5b\x5d\x7c\x7d\x7b\x3f\x2f\x3e\x3c\x2c\x60\x21\x32\x26\x26\x28";
    const PEER_CHALLENGE: [u8; 16] =
        *b"\x21\x40\x23\x24\x25\x5e\x26\x2a\x28\x29\x5f\x2b\x3a\x33\x7c\x7e";
    const NT_RESPONSE: [u8; 24] = *b"\x82\x30\x9e\xcd\x8d\x70\x8b\x5e\xa0\x8f\xaa\x39\x81\xcd\x83\x54\x42\x33\x11\x4a\x3d\x85\xd6\xdf";

    /// The value of MS-CHAP2-Response (RFC 2548 section 2.3.2).
    pub(super) fn response() -> Vec<u8> {
        [&[7, 0], &PEER_CHALLENGE[..], &[0; 8], &NT_RESPONSE].concat()
    }
}

#[test]
fn n6_ms_chap_that_proves_nothing_is_never_accepted() {
    const MICROSOFT: u32 = 311;
    const RESPONSE: u8 = 1;
    const CHALLENGE: u8 = 11;
    const RESPONSE2: u8 = 25;
    let lab = lab();
    lab.import(rfc2759::SUBSCRIPTION).unwrap();
    let mut raw = connect(&lab, SIGNED, Port::Auth);
    let right = rfc2759::response();
    let mut flipped = right.clone();
    flipped[49] ^= 1;
    let challenge =
        |request: Request, value: &[u8]| request.with_vendor(MICROSOFT, CHALLENGE, value);
    let response =
        |request: Request, value: &[u8]| request.with_vendor(MICROSOFT, RESPONSE2, value);
    let with =
        |name: &[u8], sent: &[u8]| response(challenge(named(name), &rfc2759::CHALLENGE), sent);
    let whole = || with(b"User", &right);
    let wrong = [
        ("one bit of the response", with(b"User", &flipped)),
        ("another name", with(b"user", &right)),
        ("a NUL behind the name", with(b"User\0", &right)),
        ("another user", with(USER, &right)),
        ("49 octets", with(b"User", &right[..49])),
        ("51 octets", with(b"User", &[&right[..], &[0]].concat())),
        ("no octets", with(b"User", b"")),
        ("no challenge", response(named(b"User"), &right)),
        (
            "challenge of 15 octets",
            response(challenge(named(b"User"), &rfc2759::CHALLENGE[..15]), &right),
        ),
        ("two challenges", challenge(whole(), &rfc2759::CHALLENGE)),
        ("two responses", response(whole(), &right)),
        (
            "both versions",
            whole().with_vendor(MICROSOFT, RESPONSE, &right),
        ),
        (
            "as version 1",
            challenge(named(b"User"), &rfc2759::CHALLENGE[..8])
                .with_vendor(MICROSOFT, RESPONSE, &right),
        ),
        (
            "with PAP",
            whole().with_pap(b"clientPass", SECRET.as_bytes()),
        ),
        ("with CHAP", whole().with_chap(b"clientPass")),
        (
            "with EAP",
            whole().with(attribute::EAP_MESSAGE, b"\x02\x01\x00\x09\x01User"),
        ),
    ];
    for (identifier, (what, mut request)) in (0..).zip(wrong) {
        request.identifier = identifier;
        let answer = code_of(&mut raw, &signed(&request));
        assert_eq!(answer, Some(code::ACCESS_REJECT), "{what}");
    }
    let mut last = whole();
    last.identifier = u8::MAX;
    let answer = code_of(&mut raw, &signed(&last));
    assert_eq!(answer, Some(code::ACCESS_ACCEPT), "the right one");
}

#[test]
fn n4_bad_or_missing_message_authenticator_is_silence_and_changes_nothing() {
    let lab = lab();
    for source in [SIGNED, UNSIGNED] {
        let mut raw = connect(&lab, source, Port::Auth);
        let wrong = access(1)
            .with(attribute::USER_NAME, USER)
            .with_pap(b"wrong", SECRET.as_bytes());
        let mut bad = signed(&wrong);
        // The first attribute's value.
        bad[wire::HEADER_LEN + 2] ^= 1;
        let other_secret = wrong.signed(b"another secret");
        let mut missing = wrong.clone();
        missing.attributes.remove(0);
        let mut silent = vec![bad, other_secret];
        if source == SIGNED {
            silent.push(missing.octets());
        }
        let right = signed(&login(1));
        for _ in 0..2 {
            for request in &silent {
                assert_eq!(raw.answer(request).unwrap(), None, "{source}");
            }
            // Identifier and authenticator are the same: had any of them been remembered, this would be it.
            assert_eq!(code_of(&mut raw, &right), Some(code::ACCESS_ACCEPT));
        }
    }
    assert_eq!(counter(&lab, "radius_duplicate"), 2);
    assert_eq!(counter(&lab, "radius_reject_wrong_password"), 0);
}

#[test]
fn n4_eap_without_message_authenticator_is_silence_whatever_the_policy() {
    let lab = lab();
    let identity = [2, 1, 0, 10, 1, b'b', b'r', b'u', b'n', b'o'];
    for source in [SIGNED, UNSIGNED] {
        let mut raw = connect(&lab, source, Port::Auth);
        let request = Request::new(code::ACCESS_REQUEST, 1)
            .with(attribute::USER_NAME, USER)
            .with(attribute::EAP_MESSAGE, &identity);
        assert_eq!(raw.answer(&request.octets()).unwrap(), None, "{source}");
        let with = request.with_message_authenticator();
        assert!(code_of(&mut raw, &signed(&with)).is_some(), "{source}");
    }
    assert_eq!(
        counter(&lab, "radius_drop_missing_message_authenticator"),
        2
    );
}

#[test]
fn n5_retransmission_is_answered_with_the_same_octets_and_processed_once() {
    let lab = lab();
    for port in Port::ALL {
        let mut raw = connect(&lab, SIGNED, port);
        let request = signed(&good(port, 1));
        let asked = |lab: &Lab| match port {
            Port::Auth => counter(lab, "radius_accept_full"),
            Port::Acct => counter(lab, "radius_accounting_committed"),
        };
        let before = asked(&lab);
        // At once, while the first is under way: the later ones get the same octets or, until a record is on
        // disk, none.
        let answers = raw.answers([&request[..]; 3]).unwrap();
        let first = answers[0].clone();
        assert!(answers_to(&first, &request), "{port:?}");
        assert!(answers.iter().all(|answer| *answer == first), "{port:?}");
        // Just after the reply, and once more.
        for _ in 0..2 {
            assert_eq!(raw.answer(&request).unwrap().as_ref(), Some(&first));
        }
        assert_eq!(asked(&lab) - before, 1, "{port:?}");
        // The same identifier with another authenticator is another request.
        let other = signed(&good(port, 1 + 256).with_integer(attribute::NAS_PORT, 7));
        assert_eq!(other[1], request[1], "{port:?}");
        let answer = raw.answer(&other).unwrap().unwrap();
        assert!(answers_to(&answer, &other), "{port:?}");
        assert!(!answers_to(&answer, &request), "{port:?}");
    }
}

#[test]
fn n5_256_requests_in_flight_get_256_right_answers() {
    let lab = lab();
    for port in Port::ALL {
        let mut raw = connect(&lab, SIGNED, port);
        // Every other login has a wrong password. The marker's identifier is one of the 256: only the
        // authenticator tells it apart.
        let requests: Vec<Vec<u8>> = (0..256)
            .map(|number| match (port, number % 2) {
                (Port::Auth, 1) => access(number)
                    .with(attribute::USER_NAME, USER)
                    .with_pap(b"wrong", SECRET.as_bytes()),
                (Port::Auth | Port::Acct, _) => good(port, number),
            })
            .map(|request| signed(&request))
            .collect();
        let answers = raw.answers(requests.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(answers.len(), 256, "{port:?}");
        for request in &requests {
            let mut own = answers.iter().filter(|answer| answers_to(answer, request));
            let answer = own.next().unwrap();
            assert_eq!(own.next(), None, "two answers to one request");
            let expected = match (port, request[1] % 2) {
                (Port::Auth, 0) => code::ACCESS_ACCEPT,
                (Port::Auth, _) => code::ACCESS_REJECT,
                (Port::Acct, _) => code::ACCOUNTING_RESPONSE,
            };
            assert_eq!(answer[0], expected, "{port:?} {}", request[1]);
        }
    }
}

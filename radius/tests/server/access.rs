//! Access-Request and Status-Server.

use std::net::SocketAddr;

use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::dialect::Dialect;
use garth_radius::nas::MessageAuthenticatorPolicy::{Auto, Off, Require};
use garth_radius::packet::{HEADER_LEN, PACKET_LEN_MAX, Packet};
use garth_radius::server::{DropReason, Outcome, RejectReason, Server, Unknown, Verdict};
use proptest::prelude::*;

use crate::support::{
    Ask, Book, CLASS, NOW, assert_genuine, dump, hex, nas, send, server, settings, source,
};

const UNKNOWN_USER: Result<Outcome, &str> = Ok(Outcome::Reject(RejectReason::UnknownUser));
const NO_CREDENTIAL: Result<Outcome, &str> = Ok(Outcome::Reject(RejectReason::NoCredential));
const REPEATED: Result<Outcome, &str> = Ok(Outcome::Reject(RejectReason::RepeatedAttribute));
const BAD_ATTRIBUTE: Result<Outcome, &str> = Ok(Outcome::Reject(RejectReason::BadAttribute));
const AMBIGUOUS: Result<Outcome, &str> = Ok(Outcome::Reject(RejectReason::AmbiguousCredential));
const MISSING: Result<Outcome, &str> = Err("missing_message_authenticator");

fn alice() -> Ask {
    Ask::user(b"alice").pap(b"wonderland")
}

#[test]
fn n1_right_pap_and_chap_are_accepted() {
    let mut server = server(Require);
    assert_eq!(alice().outcome(&mut server), Ok(Outcome::AcceptFull));
    let chap = Ask::user(b"alice").again(1).chap(b"wonderland");
    assert_eq!(chap.outcome(&mut server), Ok(Outcome::AcceptFull));
    let over_authenticator = Ask::user(b"alice")
        .again(2)
        .chap_over(b"wonderland", &[2; 16]);
    assert_eq!(
        over_authenticator.outcome(&mut server),
        Ok(Outcome::AcceptFull)
    );
}

#[test]
fn n1_wrong_pap_and_chap_are_rejected() {
    let mut server = server(Require);
    let wrong = Ok(Outcome::Reject(RejectReason::WrongPassword));
    for (n, password) in [&b""[..], b"wonderlan", b"wonderland!", b"Wonderland"]
        .iter()
        .enumerate()
    {
        let n = u8::try_from(n).unwrap();
        let pap = Ask::user(b"alice").again(n).pap(password);
        assert_eq!(pap.outcome(&mut server), wrong);
        let chap = Ask::user(b"alice").again(100 + n).chap(password);
        assert_eq!(chap.outcome(&mut server), wrong);
    }
}

#[test]
fn full_answer_carries_the_plan() {
    let (_, reply) = alice().ask(&mut server(Require), &Book::default());
    assert_eq!(reply[0], Code::ACCESS_ACCEPT.0);
    assert_eq!(
        dump(&reply),
        [
            "14988.8=20000k/100000k",
            "27=0x00015180",
            "85=0x0000012c",
            "8=0x0a400007",
            "123=0x003020010db80007",
            "25=subscription-007",
        ]
    );
}

#[test]
fn n9_suspended_subscriber_is_accepted_into_the_garden() {
    let sue = Ask::user(b"sue").pap(b"in debt");
    let (verdict, reply) = sue.ask(&mut server(Require), &Book::default());
    assert!(matches!(
        verdict,
        Verdict::Reply {
            outcome: Outcome::AcceptGarden,
            ..
        }
    ));
    assert_eq!(reply[0], Code::ACCESS_ACCEPT.0);
    assert_eq!(
        dump(&reply),
        [
            "14988.19=garden",
            "14988.8=512k/1000k",
            "27=0x00000258",
            "85=0x00000078",
            "8=0x0a400007",
            "123=0x003020010db80007",
            "25=subscription-007",
        ]
    );
}

#[test]
fn n8_boundary_that_is_now_is_not_an_endless_session() {
    let mut server = server(Require);
    for (n, name) in [(1, &b"zoe"[..]), (2, b"zara")] {
        let (_, reply) = Ask::user(name)
            .again(n)
            .pap(b"due now")
            .ask(&mut server, &Book::default());
        assert!(dump(&reply).contains(&"27=0x00000001".to_owned()));
    }
}

#[test]
fn n9_generic_garden_is_a_filter_and_wispr_rates() {
    let mut server = Server::new(
        settings(nas(Require, Dialect::generic()), Unknown::Reject),
        1,
    );
    let sue = Ask::user(b"sue").pap(b"in debt");
    let (_, reply) = sue.ask(&mut server, &Book::default());
    assert_eq!(
        dump(&reply)[..4],
        [
            "11=garden",
            "14122.7=0x0007d000",
            "14122.8=0x000f4240",
            "27=0x00000258"
        ]
    );
}

#[test]
fn n8_class_and_session_timeout_are_in_every_accept_of_a_subscriber() {
    for dialect in Dialect::BUILT_IN {
        let mut server = Server::new(settings(nas(Require, dialect), Unknown::Reject), 1);
        for (n, name, password) in [(1, "alice", "wonderland"), (2, "sue", "in debt")] {
            let (_, reply) = Ask::user(name.as_bytes())
                .again(n)
                .pap(password.as_bytes())
                .ask(&mut server, &Book::default());
            let kinds: Vec<_> = Packet::decode(&reply)
                .unwrap()
                .attributes()
                .map(|a| a.kind)
                .collect();
            assert!(kinds.contains(&AttributeType::SESSION_TIMEOUT), "{name}");
            assert!(kinds.contains(&AttributeType::CLASS), "{name}");
        }
    }
}

#[test]
fn subscriber_without_service_is_rejected() {
    let mut server = server(Require);
    let tom = Ask::user(b"tom").pap(b"gone");
    assert_eq!(
        tom.outcome(&mut server),
        Ok(Outcome::Reject(RejectReason::NoService))
    );
    let wrong = Ask::user(b"tom").again(1).pap(b"?");
    assert_eq!(
        wrong.outcome(&mut server),
        Ok(Outcome::Reject(RejectReason::WrongPassword))
    );
}

#[test]
fn reject_carries_nothing_but_signature_and_proxy_state() {
    let ask = Ask::user(b"nobody")
        .pap(b"x")
        .with(AttributeType::PROXY_STATE, b"p");
    let (_, reply) = ask.ask(&mut server(Require), &Book::default());
    assert_eq!(reply[0], Code::ACCESS_REJECT.0);
    assert_eq!(dump(&reply), ["33=p"]);
}

#[test]
fn variant_of_a_known_name_is_somebody_else() {
    let mut server = server(Require);
    let names: [&[u8]; 7] = [
        b"alice\0",
        b" alice",
        b"alice ",
        b"Alice",
        b"al\xC3\xADce",
        "\u{FF41}lice".as_bytes(),
        b"alice\n",
    ];
    for (n, name) in names.iter().enumerate() {
        let ask = Ask::user(name)
            .again(u8::try_from(n).unwrap())
            .pap(b"wonderland");
        assert_eq!(ask.outcome(&mut server), UNKNOWN_USER, "{name:?}");
    }
}

#[test]
fn unknown_may_be_let_into_the_garden() {
    let mut server = Server::new(
        settings(nas(Require, Dialect::mikrotik()), Unknown::Garden),
        1,
    );
    let newcomer = Ask::user(b"newcomer").pap(b"x");
    let (verdict, reply) = newcomer.ask(&mut server, &Book::default());
    assert!(matches!(
        verdict,
        Verdict::Reply {
            outcome: Outcome::AcceptUnknown,
            ..
        }
    ));
    assert_eq!(
        dump(&reply),
        [
            "14988.19=garden",
            "14988.8=512k/1000k",
            "27=0x00000258",
            "85=0x00000078"
        ]
    );
    let wrong = Ask::user(b"alice").again(1).pap(b"x");
    assert_eq!(
        wrong.outcome(&mut server),
        Ok(Outcome::Reject(RejectReason::WrongPassword))
    );
}

#[test]
fn nothing_proven_is_never_accepted() {
    for unknown in [Unknown::Reject, Unknown::Garden] {
        let mut server = Server::new(settings(nas(Require, Dialect::mikrotik()), unknown), 1);
        for (n, ask) in [
            Ask::user(b"alice"),
            Ask::user(b"cally"),
            Ask::user(b"nobody"),
            Ask::user(b"emil").pap(b""),
            Ask::user(b"emil").chap(b""),
            Ask::user(b"cally").pap(b""),
            Ask::new(Code::ACCESS_REQUEST),
            Ask::new(Code::ACCESS_REQUEST).pap(b"wonderland"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut ask = ask;
            ask.identifier = u8::try_from(n).unwrap();
            assert_eq!(ask.outcome(&mut server), NO_CREDENTIAL, "{n}");
        }
    }
}

#[test]
fn two_of_what_may_be_there_once_is_never_accepted() {
    let mut server = server(Require);
    let asks = [
        (alice().with(AttributeType::USER_NAME, b"alice"), REPEATED),
        (alice().pap(b"wonderland"), REPEATED),
        (alice().chap(b"wonderland"), AMBIGUOUS),
        (alice().with(AttributeType::EAP_MESSAGE, b"e"), AMBIGUOUS),
        (
            alice().with(
                AttributeType::VENDOR_SPECIFIC,
                &[
                    &[0, 0, 1, 55, 11, 18],
                    [0; 16].as_slice(),
                    &[25, 52],
                    &[0; 50],
                ]
                .concat(),
            ),
            AMBIGUOUS,
        ),
        (
            alice().with(AttributeType::MESSAGE_AUTHENTICATOR, &[0; 16]),
            Err("bad_message_authenticator"),
        ),
    ];
    for (n, (mut ask, outcome)) in asks.into_iter().enumerate() {
        ask.identifier = u8::try_from(n).unwrap();
        assert_eq!(ask.outcome(&mut server), outcome, "{n}");
    }
}

#[test]
fn attribute_of_impossible_length_is_rejected() {
    let mut server = server(Require);
    let name = |name: &[u8]| Ask::user(name);
    let asks = [
        name(b"").pap(b"wonderland"),
        name(b"alice").with(AttributeType::USER_PASSWORD, b""),
        name(b"alice").with(AttributeType::USER_PASSWORD, &[0; 15]),
        name(b"alice").with(AttributeType::USER_PASSWORD, &[0; 144]),
        name(b"alice").with(AttributeType::CHAP_PASSWORD, &[0; 16]),
        name(b"alice")
            .chap_over(b"wonderland", b"")
            .with(AttributeType::CHAP_CHALLENGE, b""),
        alice().with(AttributeType::SERVICE_TYPE, &[0; 3]),
    ];
    for (n, mut ask) in asks.into_iter().enumerate() {
        ask.identifier = u8::try_from(n).unwrap();
        assert_eq!(ask.outcome(&mut server), BAD_ATTRIBUTE, "{n}");
    }
}

#[test]
fn eap_needs_a_message_authenticator_whatever_the_policy() {
    let mut server = server(Off);
    let eap = Ask::user(b"alice").with(AttributeType::EAP_MESSAGE, &[2, 0, 0, 5, 1]);
    assert_eq!(eap.clone().unsigned().outcome(&mut server), MISSING);
    assert_eq!(
        eap.outcome(&mut server),
        Ok(Outcome::Reject(RejectReason::UnsupportedMethod))
    );
}

#[test]
fn n4_message_authenticator_is_demanded_by_policy() {
    assert_eq!(alice().unsigned().outcome(&mut server(Require)), MISSING);
    assert_eq!(
        alice().unsigned().outcome(&mut server(Off)),
        Ok(Outcome::AcceptFull)
    );
    let mut auto = server(Auto);
    assert_eq!(
        alice().unsigned().outcome(&mut auto),
        Ok(Outcome::AcceptFull)
    );
    assert_eq!(
        alice().again(1).outcome(&mut auto),
        Ok(Outcome::Reject(RejectReason::WrongPassword))
    );
    assert_eq!(alice().unsigned().again(2).outcome(&mut auto), MISSING);
}

#[test]
fn n4_auto_remembers_over_a_reload_but_not_over_a_new_secret() {
    let mut auto = server(Auto);
    assert_eq!(alice().outcome(&mut auto), Ok(Outcome::AcceptFull));
    auto.reconfigure(settings(nas(Auto, Dialect::generic()), Unknown::Reject));
    assert_eq!(alice().unsigned().again(1).outcome(&mut auto), MISSING);
    let mut other = nas(Auto, Dialect::generic());
    other.secret = garth_radius::crypto::Secret::new(b"other").unwrap();
    auto.reconfigure(settings(other, Unknown::Reject));
    auto.reconfigure(settings(nas(Auto, Dialect::generic()), Unknown::Reject));
    let ask = Ask::user(b"alice").again(1).pap(b"wonderland").unsigned();
    assert_eq!(ask.outcome(&mut auto), Ok(Outcome::AcceptFull));
}

#[test]
fn n4_bad_message_authenticator_changes_nothing() {
    for policy in [Auto, Off] {
        let mut server = server(policy);
        let bad = Ask::user(b"alice")
            .pap(b"wrong")
            .with(AttributeType::MESSAGE_AUTHENTICATOR, &[1; 16])
            .unsigned();
        assert_eq!(bad.outcome(&mut server), Err("bad_message_authenticator"));
        // Neither remembered under the same identifier and authenticator, nor taken as proof.
        assert_eq!(
            alice().unsigned().outcome(&mut server),
            Ok(Outcome::AcceptFull)
        );
        assert_eq!(bad.outcome(&mut server), Err("bad_message_authenticator"));
        assert_eq!(
            alice().unsigned().outcome(&mut server),
            Ok(Outcome::Duplicate)
        );
    }
}

#[test]
fn n4_proxy_state_is_echoed_in_order() {
    let ask = alice()
        .with(AttributeType::PROXY_STATE, b"one")
        .with(AttributeType::NAS_PORT_ID, b"between")
        .with(AttributeType::PROXY_STATE, b"two")
        .with(AttributeType::PROXY_STATE, b"one");
    let (_, reply) = ask.ask(&mut server(Require), &Book::default());
    let dump = dump(&reply);
    assert_eq!(dump[dump.len() - 3..], ["33=one", "33=two", "33=one"]);
}

/// 3,800 octets of Proxy-State fit a reply, 4,000 do not.
#[test]
fn proxy_state_is_echoed_whole_or_there_is_no_reply() {
    let mut server = server(Require);
    for (count, fits) in [(38, true), (40, false)] {
        let mut ask = alice();
        ask.identifier = count;
        for _ in 0..count {
            ask = ask.with(AttributeType::PROXY_STATE, &[b'p'; 98]);
        }
        let (verdict, reply) = ask.ask(&mut server, &Book::default());
        if fits {
            assert_eq!(
                dump(&reply).iter().filter(|a| a.starts_with("33=")).count(),
                38
            );
        } else {
            assert_eq!(verdict, Verdict::Drop(DropReason::ReplyTooLong));
        }
    }
}

#[test]
fn packet_of_4096_octets_is_answered() {
    let mut ask = alice();
    while ask.octets().len() + 255 <= PACKET_LEN_MAX {
        ask = ask.with(AttributeType::REPLY_MESSAGE, &[b'x'; 253]);
    }
    let rest = PACKET_LEN_MAX - ask.octets().len();
    let ask = ask.with(AttributeType::REPLY_MESSAGE, &vec![b'x'; rest - 2]);
    assert_eq!(ask.octets().len(), PACKET_LEN_MAX);
    assert_eq!(ask.outcome(&mut server(Require)), Ok(Outcome::AcceptFull));
}

#[test]
fn n6_octets_beyond_length_are_ignored() {
    let mut server = server(Require);
    let mut octets = alice().octets();
    octets.extend([80, 18, 0]);
    assert!(matches!(
        send(&mut server, &Book::default(), &octets).0,
        Verdict::Reply {
            outcome: Outcome::AcceptFull,
            ..
        }
    ));
}

#[test]
fn n6_malformed_and_misdirected_packets_are_dropped_by_reason() {
    let mut server = server(Require);
    let good = alice().octets();
    let mut long = good.clone();
    long[3] += 1;
    let mut attribute = good.clone();
    attribute[HEADER_LEN + 1] = 1;
    for (octets, reason) in [
        (&good[..19], DropReason::ShortDatagram),
        (&good[..good.len() - 1], DropReason::BadLength),
        (&long, DropReason::BadLength),
        (&attribute, DropReason::BadAttributeLength),
    ] {
        assert_eq!(
            send(&mut server, &Book::default(), octets).0,
            Verdict::Drop(reason)
        );
    }
    for code in [0, 2, 3, 4, 5, 11, 13, 40, 43, 255] {
        let mut octets = good.clone();
        octets[0] = code;
        assert_eq!(
            send(&mut server, &Book::default(), &octets).0,
            Verdict::Drop(DropReason::UnexpectedCode)
        );
    }
    assert_eq!(server.counters().dropped(DropReason::UnexpectedCode), 10);
}

#[test]
fn n6_unknown_nas_is_dropped_and_mapped_addresses_are_known() {
    let mut server = server(Require);
    let mut reply = [0; PACKET_LEN_MAX];
    for (source, known) in [
        ("192.0.3.1:1", false),
        ("[2001:db8::1]:1", false),
        ("[::ffff:192.0.3.1]:1", false),
        ("[::ffff:192.0.2.1]:1", true),
    ] {
        let source: SocketAddr = source.parse().unwrap();
        let verdict =
            server.authenticate(NOW, source, &alice().octets(), &Book::default(), &mut reply);
        assert_eq!(
            verdict != Verdict::Drop(DropReason::UnknownNas),
            known,
            "{source}"
        );
    }
}

#[test]
fn n5_retransmission_gets_the_same_reply_and_asks_nobody() {
    let mut server = server(Require);
    let book = Book::default();
    let (_, first) = alice().ask(&mut server, &book);
    let (verdict, second) = alice().ask(&mut server, &book);
    assert!(matches!(
        verdict,
        Verdict::Reply {
            outcome: Outcome::Duplicate,
            ..
        }
    ));
    assert_eq!(hex(&first), hex(&second));
    assert_eq!(book.asked.get(), 1);
    let new = Ask::user(b"alice").again(1).pap(b"wonderland");
    assert_eq!(new.outcome(&mut server), Ok(Outcome::AcceptFull));
    assert_eq!(server.counters().answered(Outcome::Duplicate), 1);
    assert_eq!(server.counters().answered(Outcome::AcceptFull), 2);
}

#[test]
fn n5_same_request_from_another_port_is_another_request() {
    let mut server = server(Require);
    let mut reply = [0; PACKET_LEN_MAX];
    for port in [1, 2] {
        let source = SocketAddr::new(source().ip(), port);
        let verdict =
            server.authenticate(NOW, source, &alice().octets(), &Book::default(), &mut reply);
        assert!(matches!(
            verdict,
            Verdict::Reply {
                outcome: Outcome::AcceptFull,
                ..
            }
        ));
    }
}

#[test]
fn n1_call_check_by_user_name_in_any_notation() {
    let mut server = server(Require);
    let station = |ask: Ask| ask.with(AttributeType::CALLING_STATION_ID, b"02-00-00-00-00-07");
    let asks = [
        Ask::user(b"02:00:00:00:00:07"),
        Ask::user(b"0200.0000.0007").pap(b""),
        Ask::user(b"020000000007").pap(b"020000000007"),
        Ask::user(b"02-00-00-00-00-07").chap(b"02-00-00-00-00-07"),
        station(Ask::user(b"02:00:00:00:00:07")),
        station(Ask::new(Code::ACCESS_REQUEST)),
        station(Ask::user(b"port 7").with(AttributeType::SERVICE_TYPE, &[0, 0, 0, 10])),
    ];
    for (n, mut ask) in asks.into_iter().enumerate() {
        ask.identifier = u8::try_from(n).unwrap();
        assert_eq!(ask.outcome(&mut server), Ok(Outcome::AcceptFull), "{n}");
    }
}

#[test]
fn call_check_that_proves_nothing_is_never_accepted() {
    let mut server = server(Require);
    let station = |ask: Ask, mac: &[u8]| ask.with(AttributeType::CALLING_STATION_ID, mac);
    let mismatch = Ok(Outcome::Reject(RejectReason::StationMismatch));
    let asks = [
        // Somebody types the MAC of another as a user name.
        (
            station(Ask::user(b"02:00:00:00:00:07"), b"02:00:00:00:00:66"),
            mismatch,
        ),
        (
            station(
                Ask::user(b"020000000007").pap(b"020000000007"),
                b"02:00:00:00:00:66",
            ),
            mismatch,
        ),
        // A password that is not the MAC: an ordinary user name, and not a known one.
        (Ask::user(b"02:00:00:00:00:07").pap(b"guess"), UNKNOWN_USER),
        (Ask::user(b"02:00:00:00:00:07\0"), NO_CREDENTIAL),
        (Ask::user(b" 02:00:00:00:00:07").pap(b""), UNKNOWN_USER),
        (Ask::user(b"02:00:00:00:00:99"), UNKNOWN_USER),
        // Known by MAC, but with a password on file.
        (
            Ask::user(b"02:00:00:00:00:08").pap(b"02:00:00:00:00:08"),
            NO_CREDENTIAL,
        ),
        // A station alone says nothing about a named user.
        (
            station(Ask::user(b"alice"), b"02:00:00:00:00:07"),
            NO_CREDENTIAL,
        ),
    ];
    for (n, (mut ask, outcome)) in asks.into_iter().enumerate() {
        ask.identifier = u8::try_from(n).unwrap();
        assert_eq!(ask.outcome(&mut server), outcome, "{n}");
    }
}

#[test]
fn user_name_that_looks_like_a_mac_may_have_a_password() {
    let ask = Ask::user(b"020000000009").pap(b"020000000009");
    assert_eq!(ask.outcome(&mut server(Require)), Ok(Outcome::AcceptFull));
}

#[test]
fn n3_status_server_is_answered_only_with_message_authenticator() {
    let mut server = server(Off);
    let status = Ask::new(Code::STATUS_SERVER).with(AttributeType::PROXY_STATE, b"p");
    let (verdict, reply) = status.ask(&mut server, &Book::default());
    assert!(matches!(
        verdict,
        Verdict::Reply {
            outcome: Outcome::StatusServer,
            ..
        }
    ));
    assert_eq!(reply[0], Code::ACCESS_ACCEPT.0);
    assert_eq!(dump(&reply), ["33=p"]);
    assert_eq!(status.clone().unsigned().outcome(&mut server), MISSING);
    let mut wrong = status.octets();
    wrong[10] ^= 1;
    assert_eq!(
        send(&mut server, &Book::default(), &wrong).0,
        Verdict::Drop(DropReason::BadMessageAuthenticator)
    );
}

#[test]
fn class_goes_out_as_given() {
    let (_, reply) = alice().ask(&mut server(Require), &Book::default());
    let packet = Packet::decode(&reply).unwrap();
    assert_eq!(packet.find(AttributeType::CLASS).unwrap().value, CLASS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_changed_bit_is_never_answered(bit in 0_usize..1000) {
        let mut octets = alice().with(AttributeType::NAS_PORT_ID, b"ge-0/0/1").octets();
        let bit = bit % (octets.len() * 8);
        octets[bit / 8] ^= 1 << (bit % 8);
        let (verdict, _) = send(&mut server(Require), &Book::default(), &octets);
        prop_assert!(matches!(verdict, Verdict::Drop(_)), "{verdict:?}");
    }

    #[test]
    fn request_made_with_another_secret_is_never_accepted(key in "[a-z]{1,20}", signed: bool) {
        let mut server = server(if signed { Require } else { Off });
        let mut other = nas(Off, Dialect::generic());
        other.secret = garth_radius::crypto::Secret::new(key.as_bytes()).unwrap();
        server.reconfigure(settings(other, Unknown::Garden));
        let mut ask = alice();
        ask.signed = signed;
        let octets = ask.octets();
        let (verdict, _) = send(&mut server, &Book::default(), &octets);
        let accepted = matches!(verdict, Verdict::Reply { outcome: Outcome::AcceptFull | Outcome::AcceptGarden, .. });
        prop_assert!(!accepted, "{verdict:?}");
    }

    #[test]
    fn n6_no_datagram_panics_or_is_accepted(
        code in prop::sample::select(vec![1_u8, 12]),
        attributes in prop::collection::vec((prop::sample::select(vec![1_u8, 2, 3, 6, 26, 31, 33, 60, 79, 80, 255]), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
    ) {
        let mut ask = Ask::new(Code(code)).unsigned();
        for (kind, value) in attributes {
            ask = ask.with(AttributeType(kind), &value);
        }
        let octets = ask.octets();
        let (verdict, reply) = send(&mut server(Off), &Book::default(), &octets);
        if let Verdict::Reply { outcome, .. } = verdict {
            prop_assert!(matches!(outcome, Outcome::Reject(_)), "{outcome:?}");
            assert_genuine(&reply, &octets);
        }
    }
}

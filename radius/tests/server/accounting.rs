//! Accounting-Request and Status-Server on the accounting port.

use garth_radius::UnixSeconds;
use garth_radius::accounting::StatusType;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::response_authenticator_is_right;
use garth_radius::nas::MessageAuthenticatorPolicy::Require;
use garth_radius::packet::{PACKET_LEN_MAX, Packet};
use garth_radius::server::{AccountVerdict, DropReason, Outcome, ReplyBuffer, Server, Ticket};
use proptest::prelude::*;

use crate::support::{Ask, CLASS, NOW, assert_genuine, dump, secret, server, source};

fn number(kind: AttributeType, value: u32) -> (AttributeType, Vec<u8>) {
    (kind, value.to_be_bytes().to_vec())
}

fn request(status: u32) -> Ask {
    let mut ask = Ask::new(Code::ACCOUNTING_REQUEST).unsigned();
    ask.attributes = vec![
        number(AttributeType::ACCT_STATUS_TYPE, status),
        (AttributeType::ACCT_SESSION_ID, b"81000001".to_vec()),
    ];
    ask
}

fn account<'a>(
    server: &mut Server,
    octets: &'a [u8],
    reply: &mut ReplyBuffer,
) -> AccountVerdict<'a> {
    server.account(NOW, source(), octets, reply)
}

/// The ticket and the reply of a request that must be a new record.
fn record(server: &mut Server, octets: &[u8]) -> (Ticket, Vec<u8>) {
    let mut reply = [0; PACKET_LEN_MAX];
    let AccountVerdict::Record {
        ticket, reply_len, ..
    } = account(server, octets, &mut reply)
    else {
        panic!("a new record was expected");
    };
    (ticket, reply[..reply_len].to_vec())
}

fn dropped(server: &mut Server, octets: &[u8]) -> Option<DropReason> {
    match account(server, octets, &mut [0; PACKET_LEN_MAX]) {
        AccountVerdict::Drop(reason) => Some(reason),
        AccountVerdict::Reply { .. } | AccountVerdict::Record { .. } => None,
    }
}

#[test]
fn n2_every_reported_attribute_is_in_the_record() {
    let mut ask = request(3);
    ask.attributes.extend([
        (AttributeType::USER_NAME, b"alice".to_vec()),
        (AttributeType::CLASS, b"of another server".to_vec()),
        (AttributeType::CLASS, CLASS.to_vec()),
        (AttributeType::NAS_IDENTIFIER, b"bras".to_vec()),
        (AttributeType::NAS_IP_ADDRESS, vec![10, 0, 0, 1]),
        (AttributeType::NAS_IPV6_ADDRESS, vec![1; 16]),
        (AttributeType::FRAMED_IP_ADDRESS, vec![10, 64, 0, 7]),
        (
            AttributeType::FRAMED_IPV6_PREFIX,
            vec![0, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0],
        ),
        (AttributeType::FRAMED_IPV6_ADDRESS, vec![2; 16]),
        (
            AttributeType::DELEGATED_IPV6_PREFIX,
            vec![0, 32, 0x20, 1, 0xd, 0xb8],
        ),
        (
            AttributeType::CALLING_STATION_ID,
            b"02:00:00:00:00:07".to_vec(),
        ),
        (AttributeType::NAS_PORT_ID, b"ge-0/0/1".to_vec()),
        number(AttributeType::ACCT_INPUT_OCTETS, 5),
        number(AttributeType::ACCT_INPUT_GIGAWORDS, 1),
        number(AttributeType::ACCT_OUTPUT_OCTETS, 6),
        number(AttributeType::ACCT_OUTPUT_GIGAWORDS, 2),
        number(AttributeType::ACCT_INPUT_PACKETS, 7),
        number(AttributeType::ACCT_OUTPUT_PACKETS, 8),
        number(AttributeType::ACCT_SESSION_TIME, 9),
        number(AttributeType::ACCT_TERMINATE_CAUSE, 10),
        number(AttributeType::EVENT_TIMESTAMP, 4_000_000_000),
        number(AttributeType::ACCT_DELAY_TIME, 11),
    ]);
    let octets = ask.octets();
    let mut server = server(Require);
    let AccountVerdict::Record { record, .. } =
        account(&mut server, &octets, &mut [0; PACKET_LEN_MAX])
    else {
        panic!("a new record was expected");
    };
    assert_eq!(&*record.nas.name, "nas-1");
    assert_eq!(record.source, source().ip());
    assert_eq!(record.status_type, StatusType::InterimUpdate);
    assert_eq!(record.acct_session_id, Some(&b"81000001"[..]));
    assert_eq!(record.user_name, Some(&b"alice"[..]));
    assert_eq!(record.class, Some(&CLASS[..]));
    assert_eq!(record.nas_identifier, Some(&b"bras"[..]));
    assert_eq!(record.nas_ip_address, Some([10, 0, 0, 1].into()));
    assert_eq!(record.nas_ipv6_address, Some([1; 16].into()));
    assert_eq!(record.framed_ip_address, Some([10, 64, 0, 7].into()));
    assert_eq!(
        record.framed_ipv6_prefix,
        Some(("2001:db8::".parse().unwrap(), 64))
    );
    assert_eq!(record.framed_ipv6_address, Some([2; 16].into()));
    assert_eq!(
        record.delegated_ipv6_prefix,
        Some(("2001:db8::".parse().unwrap(), 32))
    );
    assert_eq!(record.calling_station_id, Some(&b"02:00:00:00:00:07"[..]));
    assert_eq!(record.nas_port_id, Some(&b"ge-0/0/1"[..]));
    assert_eq!(record.input_octets, (1 << 32) + 5);
    assert_eq!(record.output_octets, (2 << 32) + 6);
    assert_eq!((record.input_packets, record.output_packets), (7, 8));
    assert_eq!(record.session_time, Some(9));
    assert_eq!(record.terminate_cause, Some(10));
    assert_eq!(record.event_timestamp, Some(UnixSeconds(4_000_000_000)));
    assert_eq!(record.delay_time, 11);
}

#[test]
fn n2_every_status_type_is_recorded() {
    let mut server = server(Require);
    for status in [1, 2, 3, 7, 8, 15, u32::MAX] {
        let octets = request(status).octets();
        let AccountVerdict::Record { record, .. } =
            account(&mut server, &octets, &mut [0; PACKET_LEN_MAX])
        else {
            panic!("status type {status} was refused");
        };
        assert_eq!(record.status_type.number(), status);
    }
}

#[test]
fn n2_on_and_off_need_no_session() {
    let mut on = request(7);
    on.attributes.truncate(1);
    drop(record(&mut server(Require), &on.octets()));
}

#[test]
fn n2_reply_is_signed_and_echoes_proxy_state() {
    let octets = request(1)
        .with(AttributeType::PROXY_STATE, b"one")
        .with(AttributeType::PROXY_STATE, b"two")
        .octets();
    let (_, reply) = record(&mut server(Require), &octets);
    let authenticator = Packet::decode(&octets).unwrap().authenticator();
    let packet = Packet::decode(&reply).unwrap();
    assert_eq!(packet.code(), Code::ACCOUNTING_RESPONSE);
    assert!(response_authenticator_is_right(
        &packet,
        authenticator,
        &secret()
    ));
    assert_eq!(dump(&reply), ["33=one", "33=two"]);
}

#[test]
fn n2_retransmission_waits_for_the_record_and_then_gets_the_same_reply() {
    let mut server = server(Require);
    let octets = request(1).octets();
    let (ticket, first) = record(&mut server, &octets);
    assert_eq!(dropped(&mut server, &octets), Some(DropReason::Pending));
    server.committed(ticket, &first);
    let mut reply = [0; PACKET_LEN_MAX];
    let AccountVerdict::Reply { len, outcome } = account(&mut server, &octets, &mut reply) else {
        panic!("the reply of before was expected");
    };
    assert_eq!((outcome, &reply[..len]), (Outcome::Duplicate, &first[..]));
    assert_eq!(server.counters().committed(), 1);
}

#[test]
fn n2_record_that_was_not_durable_is_taken_anew() {
    let mut server = server(Require);
    let octets = request(1).octets();
    let (ticket, _) = record(&mut server, &octets);
    server.abandoned(ticket);
    drop(record(&mut server, &octets));
    assert_eq!(server.counters().abandoned(), 1);
}

#[test]
fn n2_ticket_outlives_a_reload() {
    let mut server = server(Require);
    let octets = request(1).octets();
    let (ticket, reply) = record(&mut server, &octets);
    let nas = crate::support::nas(Require, garth_radius::dialect::Dialect::generic());
    server.reconfigure(crate::support::settings(
        nas,
        garth_radius::server::Unknown::Reject,
    ));
    assert_eq!(dropped(&mut server, &octets), Some(DropReason::Pending));
    server.committed(ticket, &reply);
    let verdict = account(&mut server, &octets, &mut [0; PACKET_LEN_MAX]);
    assert!(matches!(
        verdict,
        AccountVerdict::Reply {
            outcome: Outcome::Duplicate,
            ..
        }
    ));
}

#[test]
fn request_that_is_not_signed_right_is_dropped() {
    let mut server = server(Require);
    let mut octets = request(1).octets();
    octets[4] ^= 1;
    assert_eq!(
        dropped(&mut server, &octets),
        Some(DropReason::BadRequestAuthenticator)
    );
    let mut signed = request(1);
    signed.signed = true;
    drop(record(&mut server, &signed.octets()));
    let wrong = request(2)
        .with(AttributeType::MESSAGE_AUTHENTICATOR, &[1; 16])
        .octets();
    assert_eq!(
        dropped(&mut server, &wrong),
        Some(DropReason::BadMessageAuthenticator)
    );
}

#[test]
fn n32_of_several_ipv6_prefixes_and_addresses_all_are_in_the_record_up_to_the_bound() {
    let mut ask = request(1);
    ask.attributes.push(number(AttributeType::NAS_PORT, 12));
    let prefix = |n: u8| vec![0, 16, 0x20, n];
    for n in 0..5 {
        ask.attributes.extend([
            (AttributeType::FRAMED_IPV6_PREFIX, prefix(n)),
            (AttributeType::DELEGATED_IPV6_PREFIX, prefix(0x10 + n)),
            (AttributeType::FRAMED_IPV6_ADDRESS, vec![0x20 + n; 16]),
        ]);
    }
    let octets = ask.octets();
    let mut server = server(Require);
    let AccountVerdict::Record { record, .. } =
        account(&mut server, &octets, &mut [0; PACKET_LEN_MAX])
    else {
        panic!("a new record was expected");
    };
    let first = |found: Option<(std::net::Ipv6Addr, u8)>| found.map(|(at, _)| at.octets()[1]);
    assert_eq!(first(record.framed_ipv6_prefix), Some(0));
    assert_eq!(first(record.delegated_ipv6_prefix), Some(0x10));
    assert_eq!(record.framed_ipv6_address, Some([0x20; 16].into()));
    assert_eq!(record.nas_port, Some(12));
    let further = record.further_ipv6.map(first);
    assert_eq!(further, [1, 0x11, 0x21, 2, 0x12, 0x22].map(Some));
    assert_eq!(record.further_ipv6[2].map(|(_, len)| len), Some(128));
}

#[test]
fn n2_a_record_that_names_no_session_is_dropped_unless_it_is_of_the_whole_nas() {
    for (status, is_of_a_session) in [(1, true), (2, true), (3, true), (7, false), (8, false)] {
        let mut ask = request(status);
        ask.attributes.remove(1);
        let octets = ask.octets();
        let reason = is_of_a_session.then_some(DropReason::MissingSessionId);
        let mut server = server(Require);
        assert_eq!(dropped(&mut server, &octets), reason, "status {status}");
    }
}

#[test]
fn n6_request_that_makes_no_sense_is_dropped_by_reason() {
    let mut server = server(Require);
    let mut without_status = request(1);
    without_status.attributes.remove(0);
    for (ask, reason) in [
        (without_status, DropReason::MissingStatusType),
        (
            request(1).with(AttributeType::ACCT_STATUS_TYPE, &[0, 0, 0, 2]),
            DropReason::RepeatedAttribute,
        ),
        (
            request(1).with(AttributeType::ACCT_SESSION_ID, b"2"),
            DropReason::RepeatedAttribute,
        ),
        (
            request(1).with(AttributeType::ACCT_INPUT_OCTETS, &[0; 3]),
            DropReason::BadAttribute,
        ),
        (
            request(1).with(AttributeType::USER_NAME, b""),
            DropReason::BadAttribute,
        ),
        (
            request(1).with(AttributeType::DELEGATED_IPV6_PREFIX, &[0, 64, 1]),
            DropReason::BadAttribute,
        ),
    ] {
        assert_eq!(dropped(&mut server, &ask.octets()), Some(reason));
    }
    let access = Ask::user(b"alice").octets();
    assert_eq!(
        dropped(&mut server, &access),
        Some(DropReason::UnexpectedCode)
    );
}

#[test]
fn n3_status_server_is_answered_on_the_accounting_port() {
    let octets = Ask::new(Code::STATUS_SERVER).octets();
    let mut reply = [0; PACKET_LEN_MAX];
    let AccountVerdict::Reply { len, outcome } = account(&mut server(Require), &octets, &mut reply)
    else {
        panic!("an answer was expected");
    };
    assert_eq!(outcome, Outcome::StatusServer);
    assert_eq!(reply[0], Code::ACCOUNTING_RESPONSE.0);
    assert_genuine(&reply[..len], &octets);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_changed_bit_is_never_recorded(bit in 0_usize..1000) {
        let mut octets = request(2).with(AttributeType::USER_NAME, b"alice").octets();
        let bit = bit % (octets.len() * 8);
        octets[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(dropped(&mut server(Require), &octets).is_some());
    }

    #[test]
    fn n6_no_signed_request_panics(
        attributes in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)), 0..30),
    ) {
        let mut ask = request(3);
        for (kind, value) in attributes {
            ask = ask.with(AttributeType(kind), &value);
        }
        let mut server = server(Require);
        drop(account(&mut server, &ask.octets(), &mut [0; PACKET_LEN_MAX]));
    }
}

//! RadSec as a NAS meets it: over TLS, on loopback.

mod bounds;
mod handshake;
mod packets;
mod reload;
mod world;

use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::packet::Packet;

use super::{Limits, Version};
use crate::config::Radius11;
use packets::{account, chap, code_of, packet11, pap, pap11, status};
use world::World;

#[tokio::test]
async fn n7_authentication_accounting_and_status_share_one_connection() {
    let world = World::new().await;
    let mut bng = world.bng().await;
    for (request, code) in [
        (pap(1, "alice", "wonderland"), Code::ACCESS_ACCEPT),
        (chap(2, "alice", "wonderland"), Code::ACCESS_ACCEPT),
        (pap(3, "alice", "wonderlamb"), Code::ACCESS_REJECT),
        (account(1, 1, "8120abcd"), Code::ACCOUNTING_RESPONSE),
        (status(0), Code::ACCESS_ACCEPT),
    ] {
        let reply = bng.ask(&request).await;
        assert_eq!(code_of(&reply, &request), code);
    }
    // It was answered, so it is durable and seen.
    assert_eq!(world.store.index().live_sessions(), 1);
    let stop = account(2, 2, "8120abcd");
    assert_eq!(
        code_of(&bng.ask(&stop).await, &stop),
        Code::ACCOUNTING_RESPONSE
    );
    assert_eq!(world.store.index().live_sessions(), 0);
    assert_eq!(
        (
            world.count("radsec_requests"),
            world.count("radsec_connections")
        ),
        (6, 1)
    );
    world.counted("radsec_replies", 6).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_the_same_over_radius_1_1_with_tokens_and_nothing_signed() {
    let world = World::new().await;
    let mut bng = world.bng11().await;
    assert_eq!(bng.alpn(), Some(&b"radius/1.1"[..]));
    let start: [(AttributeType, &[u8]); 3] = [
        (AttributeType::ACCT_STATUS_TYPE, &[0, 0, 0, 1]),
        (AttributeType::ACCT_SESSION_ID, b"8120abcd"),
        (AttributeType::USER_NAME, b"alice"),
    ];
    for (request, code) in [
        (pap11(7, "alice", "wonderland"), Code::ACCESS_ACCEPT),
        (pap11(8, "alice", "wonderlamb"), Code::ACCESS_REJECT),
        (
            packet11(Code::ACCOUNTING_REQUEST, 9, &start),
            Code::ACCOUNTING_RESPONSE,
        ),
        (
            packet11(Code::STATUS_SERVER, u32::MAX, &[]),
            Code::ACCESS_ACCEPT,
        ),
    ] {
        let reply = bng.ask(&request).await;
        assert_eq!((reply[0], reply[1]), (code.0, 0));
        assert_eq!(reply[4..8], request[4..8], "the token");
        assert_eq!(reply[8..20], [0; 12]);
        let packet = Packet::decode(&reply).unwrap();
        assert!(packet.find(AttributeType::MESSAGE_AUTHENTICATOR).is_none());
    }
    assert_eq!(world.store.index().live_sessions(), 1);
    assert_eq!(world.radsec.roster().speaking(Version::V11), 1);
    world.stop().await;
}

#[tokio::test]
async fn n7_request_that_cannot_be_answered_gets_protocol_error_over_radius_1_1() {
    let world = World::new().await;
    let mut bng = world.bng11().await;
    let session: [(AttributeType, &[u8]); 2] = [
        (AttributeType::ACCT_SESSION_ID, b"8120abcd"),
        (AttributeType::PROXY_STATE, b"hop"),
    ];
    let reply = bng
        .ask(&packet11(Code::ACCOUNTING_REQUEST, 9, &session))
        .await;
    let error: [(AttributeType, &[u8]); 2] = [
        (AttributeType::ERROR_CAUSE, &[0, 0, 1, 148]),
        (AttributeType::PROXY_STATE, b"hop"),
    ];
    assert_eq!(reply, packet11(Code::PROTOCOL_ERROR, 9, &error));
    // Nothing but a request of those two codes has a right to it.
    bng.send(&packet11(Code(99), 10, &[])).await;
    let reply = bng.ask(&pap11(11, "alice", "wonderland")).await;
    assert_eq!(reply[4..8], [0, 0, 0, 11]);
    world.stop().await;
}

#[tokio::test]
async fn n7_many_requests_at_once_are_all_answered() {
    const REQUESTS: u32 = 1_000;
    let world = World::new().await;
    let mut bng = world.bng11().await;
    let requests: Vec<u8> = (0..REQUESTS)
        .flat_map(|token| match token % 3 {
            0 => {
                let session = token.to_string();
                let start: [(AttributeType, &[u8]); 2] = [
                    (AttributeType::ACCT_STATUS_TYPE, &[0, 0, 0, 1]),
                    (AttributeType::ACCT_SESSION_ID, session.as_bytes()),
                ];
                packet11(Code::ACCOUNTING_REQUEST, token, &start)
            }
            1 => pap11(token, "alice", "wonderland"),
            _ => pap11(token, "alice", "wonderlamb"),
        })
        .collect();
    bng.send(&requests).await;
    let mut answers = Vec::new();
    while answers.len() < 1_000 {
        let reply = bng.receive().await.unwrap();
        let token = u32::from_be_bytes([reply[4], reply[5], reply[6], reply[7]]);
        answers.push((token, Code(reply[0])));
    }
    answers.sort_unstable_by_key(|(token, _)| *token);
    let expected = (0..REQUESTS).map(|token| match token % 3 {
        0 => (token, Code::ACCOUNTING_RESPONSE),
        1 => (token, Code::ACCESS_ACCEPT),
        _ => (token, Code::ACCESS_REJECT),
    });
    assert!(expected.eq(answers));
    assert_eq!(world.store.index().live_sessions(), 334);
    world.stop().await;
}

#[tokio::test]
async fn n7_two_connections_with_the_same_identifiers_get_their_own_answers() {
    let world = World::new().await;
    let (mut first, mut second) = (world.bng().await, world.bng().await);
    let (right, wrong) = (pap(1, "alice", "wonderland"), pap(1, "alice", "wonderlamb"));
    assert_eq!(
        code_of(&first.ask(&right).await, &right),
        Code::ACCESS_ACCEPT
    );
    assert_eq!(
        code_of(&second.ask(&wrong).await, &wrong),
        Code::ACCESS_REJECT
    );
    // What a client sends again after it has connected anew is no second session.
    let start = account(9, 1, "8120abcd");
    for connection in [&mut first, &mut second] {
        let reply = connection.ask(&start).await;
        assert_eq!(code_of(&reply, &start), Code::ACCOUNTING_RESPONSE);
    }
    assert_eq!(world.store.index().live_sessions(), 1);
    world.stop().await;
}

#[tokio::test]
async fn n7_radsec_over_ipv6() {
    let world = World::with(Limits::default(), Radius11::Allow, "[::1]:0").await;
    let mut bng = world.bng().await;
    let request = pap(1, "alice", "wonderland");
    assert_eq!(
        code_of(&bng.ask(&request).await, &request),
        Code::ACCESS_ACCEPT
    );
    let [live] = &world.radsec.roster().live()[..] else {
        panic!("one connection");
    };
    assert_eq!(
        (&*live.nas, live.source.ip().to_string()),
        ("bng", "::1".to_owned())
    );
    world.stop().await;
}

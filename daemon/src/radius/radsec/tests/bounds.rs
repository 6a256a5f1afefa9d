//! What a peer can make us hold, and what ends a connection.

use std::time::Duration;

use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::super::{Limits, connection};
use super::packets::{account, code_of, packet11, pap, pap11, status};
use super::world::{LONG, OTHER, Offer, World};
use crate::config::Radius11;

const SOON: Duration = Duration::from_millis(50);
/// Longer than any test is let run.
const NEVER: Duration = Duration::from_secs(3_600);

async fn world(limits: Limits) -> World {
    World::with(limits, Radius11::Allow, "127.0.0.1:0").await
}

#[tokio::test]
async fn n7_length_or_attribute_that_does_not_fit_ends_the_connection() {
    let world = World::new().await;
    let mut attribute = status(1);
    let last = attribute.len();
    attribute.extend([1, 1]);
    attribute[3] = u8::try_from(last + 2).unwrap();
    let mut accounting = account(1, 1, "x");
    let last = accounting.len() - 6;
    accounting[last] = 255;
    for (nth, octets) in [
        &[1, 1, 0, 19][..],
        &[1, 1, 16, 1],
        &[0xff; 30],
        &attribute,
        &accounting,
    ]
    .into_iter()
    .enumerate()
    {
        let mut bng = world.bng().await;
        bng.send(octets).await;
        assert_eq!(bng.receive().await, None);
        let nth = u64::try_from(nth).unwrap() + 1;
        world.counted("radsec_ended_malformed", nth).await;
    }
    let mut bng = world.bng11().await;
    let mut request = pap11(1, "alice", "wonderland");
    request[21] = 1;
    bng.send(&request).await;
    assert_eq!(bng.receive().await, None);
    world.counted("radsec_ended_malformed", 6).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_wrong_signature_ends_the_connection_after_what_was_asked_before() {
    let world = World::new().await;
    for (nth, mut request) in [(1, pap(2, "alice", "wonderland")), (2, account(2, 1, "x"))] {
        let mut bng = world.bng().await;
        let before = pap(1, "alice", "wonderland");
        assert_eq!(
            code_of(&bng.ask(&before).await, &before),
            Code::ACCESS_ACCEPT
        );
        request[25] ^= 1;
        bng.send(&request).await;
        assert_eq!(bng.receive().await, None);
        world.counted("radsec_ended_bad_signature", nth).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn n7_half_open_connections_are_bounded_by_source_and_in_all() {
    let world = world(Limits {
        handshakes_max: 3,
        handshakes_per_source_max: 2,
        handshake_timeout: NEVER,
        handshake_patience: NEVER,
        ..Limits::default()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    let mut third = TcpStream::connect(world.address).await.unwrap();
    assert!(matches!(third.read(&mut [0]).await, Ok(0) | Err(_)));
    world
        .counted("radsec_refused_too_many_handshakes_of_source", 1)
        .await;
    let from_other = async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((OTHER, 0).into()).unwrap();
        socket.connect(world.address).await.unwrap()
    };
    silent.push(from_other().await);
    let mut fourth = from_other().await;
    assert!(matches!(fourth.read(&mut [0]).await, Ok(0) | Err(_)));
    world.counted("radsec_refused_too_many_handshakes", 1).await;
    drop(silent);
    world.counted("radsec_refused_no_tls", 3).await;
    let mut bng = world.bng().await;
    let request = status(1);
    assert_eq!(
        code_of(&bng.ask(&request).await, &request),
        Code::ACCESS_ACCEPT
    );
    world.stop().await;
}

#[tokio::test]
async fn n7_half_open_connections_are_bounded_by_time_and_give_their_place_back() {
    let world = world(Limits {
        handshakes_max: 1,
        handshake_timeout: SOON,
        ..Limits::default()
    })
    .await;
    for nth in 1..=2 {
        let mut silent = TcpStream::connect(world.address).await.unwrap();
        assert!(matches!(silent.read(&mut [0]).await, Ok(0) | Err(_)));
        world.counted("radsec_refused_slow_handshake", nth).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn n7_what_is_no_tls_is_refused() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream
        .write_all(&pap(1, "alice", "wonderland"))
        .await
        .unwrap();
    drop(stream.read_to_end(&mut Vec::new()).await);
    world.counted("radsec_refused_no_tls", 1).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_connections_are_bounded_by_nas_and_in_all() {
    let world = world(Limits {
        connections_max: 3,
        per_nas_max: 2,
        ..Limits::default()
    })
    .await;
    let (first, _second) = (world.bng().await, world.bng().await);
    world.counted("radsec_connections", 2).await;
    assert_eq!(world.bng().await.receive().await, None);
    world
        .counted("radsec_refused_too_many_connections_of_nas", 1)
        .await;
    let dsl = Offer::of(world.authority.issue(&["dsl.example.net"]));
    let _dsl = world.connect(&dsl).await.unwrap();
    world.counted("radsec_connections", 3).await;
    assert_eq!(world.connect(&dsl).await.unwrap().receive().await, None);
    world
        .counted("radsec_refused_too_many_connections", 1)
        .await;
    drop(first);
    world.counted("radsec_ended_closed", 1).await;
    world
        .until("a free place", || world.radsec.roster().live().len() == 2)
        .await;
    let mut bng = world.bng().await;
    let request = status(1);
    bng.ask(&request).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_client_that_reads_nothing_is_not_read_from_and_then_cut() {
    const IN_FLIGHT: usize = 8;
    /// Of the whole network between the two, in octets.
    const PIPE: usize = 512;
    let world = world(Limits {
        in_flight_max: IN_FLIGHT,
        write_timeout: SOON,
        ..Limits::default()
    })
    .await;
    let (client, server) = tokio::io::duplex(PIPE);
    let connection = world.connection();
    let serving = tokio::spawn(connection::run(connection, server, world.stop.clone()));
    let (mut answers, mut requests) = tokio::io::split(client);
    let writing = tokio::spawn(async move {
        let mut written = 0_usize;
        while requests
            .write_all(&pap11(1, "alice", "wonderland"))
            .await
            .is_ok()
        {
            written += 1;
        }
        written
    });
    let ended = tokio::time::timeout(LONG, serving).await.unwrap().unwrap();
    assert_eq!(ended.as_str(), "slow_reader");
    let request_len = pap11(1, "alice", "wonderland").len();
    // Those with a place, one that waits for a place, what is buffered, and answers that did fit the pipe.
    let most = IN_FLIGHT + 1 + 2 * 4096 / request_len + 2 * PIPE / 20;
    let written = tokio::time::timeout(LONG, writing).await.unwrap().unwrap();
    assert!(written <= most, "{written} of {most}");
    let mut octets = Vec::new();
    answers.read_to_end(&mut octets).await.unwrap();
    assert!(octets.len() <= PIPE);
    world.stop().await;
}

#[tokio::test]
async fn n7_connection_without_a_packet_for_long_is_closed() {
    let world = world(Limits {
        idle_timeout: SOON,
        ..Limits::default()
    })
    .await;
    let mut bng = world.bng().await;
    assert_eq!(bng.receive().await, None);
    world.counted("radsec_ended_idle", 1).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_octets_that_are_no_packet_do_not_keep_a_connection() {
    let world = World::new().await;
    let (mut client, server) = tokio::io::duplex(64);
    let connection = world.connection();
    let serving = tokio::spawn(connection::run(connection, server, world.stop.clone()));
    tokio::time::pause();
    for octet in packet11(Code::STATUS_SERVER, 1, &[]).iter().take(4) {
        // The connection may be over.
        drop(client.write_all(&[*octet]).await);
        tokio::task::yield_now().await;
        tokio::time::advance(Limits::default().idle_timeout / 3).await;
    }
    tokio::time::resume();
    let ended = tokio::time::timeout(LONG, serving).await.unwrap().unwrap();
    assert_eq!(ended.as_str(), "idle");
    drop(client);
    world.stop().await;
}

#[tokio::test]
async fn n7_handshake_that_has_waited_makes_way_for_another() {
    let world = world(Limits {
        handshakes_max: 1,
        handshake_timeout: LONG,
        handshake_patience: Duration::ZERO,
        ..Limits::default()
    })
    .await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    let mut bng = world.bng().await;
    assert!(matches!(silent.read(&mut [0]).await, Ok(0) | Err(_)));
    world.counted("radsec_refused_made_way", 1).await;
    // It was let in once, so strangers do not touch its place any more.
    let _silent = TcpStream::connect(world.address).await.unwrap();
    let mut again = world.bng11().await;
    for (connection, request) in [
        (&mut bng, status(1)),
        (&mut again, packet11(Code::STATUS_SERVER, 1, &[])),
    ] {
        assert_eq!(connection.ask(&request).await[0], Code::ACCESS_ACCEPT.0);
    }
    world.stop().await;
}

#[tokio::test]
async fn n7_eap_beyond_the_share_of_its_nas_is_refused_counted_and_holds_up_no_pap() {
    let world = world(Limits {
        eap_per_nas_max: 0,
        ..Limits::default()
    })
    .await;
    let mut bng = world.bng11().await;
    let identity = [2, 1, 0, 5, 1];
    let eap = [(AttributeType::EAP_MESSAGE, &identity[..])];
    let reply = bng.ask(&packet11(Code::ACCESS_REQUEST, 7, &eap)).await;
    let error: [(AttributeType, &[u8]); 1] = [(AttributeType::ERROR_CAUSE, &[0, 0, 1, 250])];
    assert_eq!(reply, packet11(Code::PROTOCOL_ERROR, 7, &error));
    assert_eq!(world.count("radsec_eap_dropped"), 1);
    let reply = bng.ask(&pap11(8, "alice", "wonderland")).await;
    assert_eq!(reply[0], Code::ACCESS_ACCEPT.0);
    world.stop().await;
}

#[tokio::test]
async fn n7_client_that_closes_its_side_still_gets_its_answers() {
    let world = World::new().await;
    let mut bng = world.bng11().await;
    let requests = [
        pap11(1, "alice", "wonderland"),
        packet11(Code::STATUS_SERVER, 2, &[]),
    ];
    bng.0.write_all(&requests.concat()).await.unwrap();
    bng.0.shutdown().await.unwrap();
    let (first, second) = (bng.receive().await.unwrap(), bng.receive().await.unwrap());
    assert_eq!([first[7], second[7]], [1, 2]);
    assert_eq!(bng.receive().await, None);
    world.counted("radsec_ended_closed", 1).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_stop_answers_what_was_asked_and_ends_every_thread() {
    let world = World::new().await;
    let mut bng = world.bng().await;
    let start = account(1, 1, "8120abcd");
    bng.send(&start).await;
    world.counted("radsec_requests", 1).await;
    world.stop().await;
    assert_eq!(
        code_of(&bng.receive().await.unwrap(), &start),
        Code::ACCOUNTING_RESPONSE
    );
    assert_eq!(bng.receive().await, None);
}

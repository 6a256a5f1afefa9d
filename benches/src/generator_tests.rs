//! The generator against servers that do what is asked of them, in a thread.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use garth_radius::code::Code;
use garth_radius::crypto::finish_response;
use garth_radius::packet::{Encoder, PACKET_LEN_MAX, Packet};

use super::*;
use crate::packets::Kind;
use crate::population::Population;

const POPULATION: Population = Population::new(100);

/// A server that answers request `n`, in the order of their arrival, with what `answer` makes of it.
fn server(mut answer: impl FnMut(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddrV4 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(address) = socket.local_addr().unwrap() else {
        panic!("an IPv4 address");
    };
    thread::spawn(move || {
        let mut buffer = [0; PACKET_LEN_MAX];
        for number in 0.. {
            let Ok((len, peer)) = socket.recv_from(&mut buffer) else {
                return;
            };
            for reply in answer(number, &buffer[..len]) {
                socket.send_to(&reply, peer).unwrap();
            }
        }
    });
    address
}

fn accept(request: &[u8], code: Code) -> Vec<u8> {
    let request = Packet::decode(request).unwrap();
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, code, request.identifier()).unwrap();
    encoder.message_authenticator().unwrap();
    let len = finish_response(encoder, request.authenticator(), &secret());
    buffer[..len].to_vec()
}

fn stream(load: &Load, target: SocketAddrV4, pace: Pace) -> Stream<'_> {
    Stream {
        load,
        target,
        source: Ipv4Addr::LOCALHOST,
        pace,
        promise: Some(Promise::Server),
        time_max: Duration::from_secs(60),
    }
}

fn load(count: usize) -> Load {
    Load::new(Kind::Pap, count, POPULATION, 11)
}

#[test]
fn every_request_is_answered_and_timed() {
    let target = server(|_, request| vec![accept(request, Code::ACCESS_ACCEPT)]);
    let load = load(SLOTS + 100);
    for pace in [Pace::Window(1), Pace::Window(64), Pace::Rate(100_000)] {
        let outcome = run(&[stream(&load, target, pace)]).unwrap().remove(0);
        assert_eq!(outcome.sent, load.len(), "{pace:?}");
        assert_eq!(outcome.latencies.len(), load.len(), "{pace:?}");
        assert!(
            outcome.latencies.is_sorted() && outcome.latencies[0] > 0,
            "{pace:?}"
        );
    }
}

#[test]
fn lost_requests_are_sent_again_and_counted() {
    let target = server(|number, request| {
        let lost = number % 10 == 0 && number < 100;
        let reply = (!lost).then(|| accept(request, Code::ACCESS_ACCEPT));
        reply.into_iter().collect()
    });
    let load = load(200);
    let outcome = run(&[stream(&load, target, Pace::Window(32))])
        .unwrap()
        .remove(0);
    assert_eq!((outcome.sent, outcome.resent), (200, 10));
}

#[test]
fn late_second_answers_are_strays() {
    let target = server(|_, request| {
        let reply = accept(request, Code::ACCESS_ACCEPT);
        vec![reply.clone(), reply]
    });
    let load = load(64);
    let outcome = run(&[stream(&load, target, Pace::Window(1))])
        .unwrap()
        .remove(0);
    assert_eq!((outcome.sent, outcome.resent), (64, 0));
    assert!(outcome.stray > 0);
}

#[test]
fn one_wrong_answer_fails_the_run() {
    let target = server(|number, request| {
        let code = if number == 57 {
            Code::ACCESS_REJECT
        } else {
            Code::ACCESS_ACCEPT
        };
        vec![accept(request, code)]
    });
    let error = run(&[stream(&load(100), target, Pace::Window(8))]).err();
    let said = format!("{:#}", error.unwrap());
    assert!(said.contains("1 of 100 answers"), "{said}");
}

#[test]
fn a_flood_ends_by_time_and_beside_it_others_are_answered() {
    let target = server(|_, request| vec![accept(request, Code::ACCESS_ACCEPT)]);
    let hole = UdpSocket::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(hole_at) = hole.local_addr().unwrap() else {
        panic!("an IPv4 address");
    };
    let (asked, flooded) = (load(50), load(64));
    let flood = Stream {
        promise: None,
        time_max: Duration::from_millis(50),
        ..stream(&flooded, hole_at, Pace::Flood)
    };
    let outcomes = run(&[stream(&asked, target, Pace::Rate(1_000)), flood]).unwrap();
    assert_eq!(outcomes[0].sent, 50);
    assert!(outcomes[1].sent > flooded.len(), "{}", outcomes[1].sent);
}

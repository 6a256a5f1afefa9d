//! How many instructions one decode, one standing, one PAP accept and one accounting record take.
//!
//! Counted by valgrind, so the same on a busy machine. `scripts/check-instructions` compares them with
//! `benches/instructions.toml`. What is counted is one call: server, directory and request are made before.
//!
//! Not here: time, and the kernel's part.

#![expect(
    missing_docs,
    unused_qualifications,
    reason = "gungraun's macros make public functions without documentation, by their whole paths"
)]

use std::hint::black_box;

use garth_benches::{Everybody, NOW, access_request, accounting_request, server, source};
use garth_radius::directory::Access;
use garth_radius::packet::{PACKET_LEN_MAX, Packet};
use garth_radius::server::{AccountVerdict, Server, Verdict};
use garth_subscription::standing::{Standing, StandingFacts, standing};
use garth_subscription::time::Timestamp;
use gungraun::{library_benchmark, library_benchmark_group, main};

/// A server that has answered one request before, so that nothing is done for the first time.
struct Asked {
    server: Server,
    request: Vec<u8>,
    reply: Box<[u8; PACKET_LEN_MAX]>,
}

/// The number of the request that is counted.
const COUNTED: u32 = 2;

fn authentication() -> Asked {
    let mut asked = Asked {
        server: server(),
        request: access_request(1),
        reply: Box::new([0; PACKET_LEN_MAX]),
    };
    authenticate(&mut asked, 1);
    asked.request = access_request(COUNTED);
    asked
}

fn authenticate(asked: &mut Asked, number: u32) {
    let directory = Everybody(Access::Full);
    let verdict = asked.server.authenticate(
        NOW,
        source(number),
        &asked.request,
        &directory,
        &mut asked.reply,
    );
    assert!(matches!(verdict, Verdict::Reply { .. }), "it was dropped");
}

fn accounting() -> Asked {
    let mut asked = Asked {
        server: server(),
        request: accounting_request(1),
        reply: Box::new([0; PACKET_LEN_MAX]),
    };
    account(&mut asked, 1);
    asked.request = accounting_request(COUNTED);
    asked
}

fn account(asked: &mut Asked, number: u32) {
    let verdict = asked
        .server
        .account(NOW, source(number), &asked.request, &mut asked.reply);
    let AccountVerdict::Record {
        ticket, reply_len, ..
    } = verdict
    else {
        panic!("no record came of it");
    };
    asked.server.committed(ticket, &asked.reply[..reply_len]);
}

fn facts() -> (StandingFacts, Timestamp) {
    let at = |text: &str| text.parse().expect("a timestamp");
    let facts = StandingFacts {
        start_at: None,
        ended: None,
        paid_through: at("2027-01-31T23:00:00Z"),
        grace_until: None,
        pause: None,
        suspended: None,
        disabled: false,
    };
    (facts, at("2027-01-01T00:00:00Z"))
}

#[library_benchmark]
#[bench::access_request(access_request(1))]
fn decode(request: Vec<u8>) -> Vec<u8> {
    black_box(Packet::decode(black_box(&request))).expect("it is a packet");
    request
}

#[library_benchmark]
#[bench::active(facts())]
fn standing_now((facts, now): (StandingFacts, Timestamp)) -> Standing {
    standing(black_box(&facts), black_box(now))
}

#[library_benchmark]
#[bench::pap_accept(authentication())]
fn handler_authentication(mut asked: Asked) -> Asked {
    authenticate(black_box(&mut asked), COUNTED);
    asked
}

#[library_benchmark]
#[bench::interim_update(accounting())]
fn handler_accounting(mut asked: Asked) -> Asked {
    account(black_box(&mut asked), COUNTED);
    asked
}

library_benchmark_group!(
    name = hot_path,
    benchmarks = [
        decode,
        standing_now,
        handler_authentication,
        handler_accounting
    ]
);

main!(library_benchmark_groups = hot_path);

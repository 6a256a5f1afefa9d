//! What one authentication, one accounting record and one standing cost, without the kernel's part.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use garth_benches::{Everybody, NOW, access_request, accounting_request, server, source};
use garth_radius::directory::Access;
use garth_radius::packet::PACKET_LEN_MAX;
use garth_radius::server::{AccountVerdict, Verdict};
use garth_subscription::standing::{StandingFacts, standing};

fn authentication(criterion: &mut Criterion) {
    for (name, access) in [("full", Access::Full), ("garden", Access::Garden)] {
        let (mut server, directory) = (server(), Everybody(access));
        let mut reply = [0; PACKET_LEN_MAX];
        let mut number = 0;
        criterion.bench_function(&format!("authenticate PAP, {name}"), |bencher| {
            bencher.iter_batched(
                || {
                    number += 1;
                    (source(number), access_request(number))
                },
                |(source, request)| {
                    let verdict =
                        server.authenticate(NOW, source, &request, &directory, &mut reply);
                    assert!(matches!(verdict, Verdict::Reply { .. }), "it was dropped");
                    request
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn accounting(criterion: &mut Criterion) {
    let mut server = server();
    let mut reply = [0; PACKET_LEN_MAX];
    let mut number = 0;
    criterion.bench_function("account Interim-Update, without the disk", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                (source(number), accounting_request(number))
            },
            |(source, request)| {
                let AccountVerdict::Record {
                    ticket, reply_len, ..
                } = server.account(NOW, source, &request, &mut reply)
                else {
                    panic!("no record came of it");
                };
                server.committed(ticket, &reply[..reply_len]);
            },
            BatchSize::SmallInput,
        );
    });
}

fn standings(criterion: &mut Criterion) {
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
    let now = at("2027-01-01T00:00:00Z");
    criterion.bench_function("standing", |bencher| {
        bencher.iter(|| standing(black_box(&facts), black_box(now)));
    });
}

criterion_group!(hot_path, authentication, accounting, standings);
criterion_main!(hot_path);

//! What each step of the hot path costs, alone and all together, without the kernel's part.
//!
//! Every figure is processor time for one packet, also where a batch is answered together: the time of
//! the batch divided by its packets. Requests are made before the clock starts, and new to the server.
//!
//! A lookup among [`SUBSCRIBERS_MAX`] subscribers is the largest that is measured unless the environment
//! says otherwise: [`LOOKUP_MAX`]. An index is made when the first benchmark that asks it runs, so
//! what a filter leaves out costs neither time nor memory.

use std::cell::{Cell, LazyCell};
use std::env;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use garth_benches::clock::thread_time;
use garth_benches::handler::{Accept, Asked, Handler, REQUESTS, index, now};
use garth_benches::packets::{Kind, Load, secret};
use garth_benches::population::Population;
use garth_benches::random::Random;
use garth_radius::attribute::AttributeType;
use garth_radius::crypto::{Over, message_authenticator_is_right, request_authenticator_is_right};
use garth_radius::packet::Packet;
use garth_store::index::Index;
use garth_subscription::standing;

/// The environment's most subscribers of a lookup: `GARTH_BENCH_LOOKUP_MAX=10000000` takes 2 GB.
const LOOKUP_MAX: &str = "GARTH_BENCH_LOOKUP_MAX";
/// The most otherwise. A debug build only proves that the benchmarks run.
const SUBSCRIBERS_MAX: u32 = if cfg!(debug_assertions) {
    1_000
} else {
    1_000_000
};
/// What lookups are measured among.
const LOOKUP_SUBSCRIBERS: [u32; 4] = [1_000, 100_000, 1_000_000, 10_000_000];
/// How many names are looked up, in turns: their records are more than the caches hold where there are
/// as many subscribers.
const NAMES: usize = if cfg!(debug_assertions) {
    1 << 10
} else {
    1 << 20
};
/// The batch of the daemon's workers.
const BATCH: usize = 32;
/// The largest batch of accounting records.
const BATCH_MAX: usize = 256;
/// Who asks the whole handler: few, so that it is the protocol that is measured.
const POPULATION: Population = Population::new(1_000);
/// What users are drawn from.
const SEED: u64 = 1;

/// Has `run` called for so many packets at a time, and tells criterion the time of one.
fn per_packet<const N: usize>(bencher: &mut Bencher<'_>, mut run: impl FnMut()) {
    bencher.iter_custom(|packets| {
        let batches = packets.div_ceil(N as u64);
        let begun = thread_time();
        (0..batches).for_each(|_| run());
        let spent = thread_time() - begun;
        // The last batch may have answered more than were asked for.
        let nanos = spent.as_nanos() * u128::from(packets) / u128::from(batches * N as u64);
        Duration::from_nanos(u64::try_from(nanos).expect("no benchmark takes 500 years"))
    });
}

/// The requests of a load, in turns.
fn in_turns<'a>(load: &'a Load) -> impl FnMut() -> &'a [u8] {
    let mut next = 0;
    move || {
        let request = load.get(next);
        next = (next + 1) % load.len();
        request
    }
}

fn load(kind: Kind) -> Load {
    Load::new(kind, REQUESTS, POPULATION, SEED)
}

fn decodes(criterion: &mut Criterion) {
    for kind in [Kind::Pap, Kind::Accounting] {
        let id = format!("decode/{}", kind.title());
        let load = LazyCell::new(|| load(kind));
        criterion.bench_function(&id, |bencher| {
            let mut request = in_turns(&load);
            per_packet::<1>(bencher, || {
                black_box(Packet::decode(request())).expect("it is a packet");
            });
        });
    }
}

fn verifies(criterion: &mut Criterion) {
    let secret = secret();
    let access = LazyCell::new(|| load(Kind::Pap));
    criterion.bench_function("verify/Message-Authenticator", |bencher| {
        let mut request = in_turns(&access);
        per_packet::<1>(bencher, || {
            let packet = Packet::decode(request()).expect("it is a packet");
            let sent = packet.find(AttributeType::MESSAGE_AUTHENTICATOR);
            let at = sent.expect("it is signed").value_offset;
            assert!(message_authenticator_is_right(
                &packet,
                at,
                Over::Own,
                &secret
            ));
        });
    });
    let accounting = LazyCell::new(|| load(Kind::Accounting));
    criterion.bench_function("verify/Request Authenticator", |bencher| {
        let mut request = in_turns(&accounting);
        per_packet::<1>(bencher, || {
            let packet = Packet::decode(request()).expect("it is a packet");
            assert!(request_authenticator_is_right(&packet, &secret));
        });
    });
}

/// Names of users, one after the other in memory.
struct Names {
    octets: String,
    ends: Vec<usize>,
    /// The next of them: also a later sample begins with names that were not asked for long.
    next: Cell<usize>,
}

impl Names {
    fn new(mut user: impl FnMut(&mut Random) -> u32) -> Self {
        let mut random = Random::new(SEED);
        let mut names = Self {
            octets: String::new(),
            ends: vec![0],
            next: Cell::new(0),
        };
        for _ in 0..NAMES {
            names
                .octets
                .push_str(&Population::user_name(user(&mut random)));
            names.ends.push(names.octets.len());
        }
        names
    }

    /// The next `N` names, in turns.
    fn take<const N: usize>(&self) -> [&[u8]; N] {
        let first = self.next.get();
        self.next.set(first + N);
        std::array::from_fn(|at| {
            let name = (first + at) % NAMES;
            &self.octets.as_bytes()[self.ends[name]..self.ends[name + 1]]
        })
    }
}

/// A search, who is searched for, and whether they are found.
type Drawn = (&'static str, fn(Population, &mut Random) -> u32, bool);
const DRAWN: [Drawn; 2] = [
    ("hit", Population::anybody, true),
    ("miss", Population::unknown, false),
];

fn lookups(criterion: &mut Criterion) {
    let most = env::var(LOOKUP_MAX).map_or(SUBSCRIBERS_MAX, |most| {
        most.parse()
            .unwrap_or_else(|error| panic!("{LOOKUP_MAX}={most}: {error}"))
    });
    for count in LOOKUP_SUBSCRIBERS {
        if count > most {
            continue;
        }
        let population = Population::new(count);
        let index = LazyCell::new(|| index(population));
        for (what, user, found) in DRAWN {
            let names = LazyCell::new(|| Names::new(|random| user(population, random)));
            let id = format!("lookup {what}/{count}");
            criterion.bench_function(&id, |bencher| {
                let (index, names): (&Index, &Names) = (&index, &names);
                per_packet::<1>(bencher, || {
                    let [name] = names.take();
                    assert_eq!(look_up(index, name), found);
                });
            });
            let id = format!("lookup {what}, prefetched in {BATCH}s/{count}");
            criterion.bench_function(&id, |bencher| {
                let (index, names): (&Index, &Names) = (&index, &names);
                per_packet::<BATCH>(bencher, || {
                    let names = names.take::<BATCH>();
                    index.prefetch(names.into_iter());
                    for name in names {
                        assert_eq!(look_up(index, name), found);
                    }
                });
            });
        }
    }
}

/// Whether somebody has that name; reads what a standing is told from.
fn look_up(index: &Index, user_name: &[u8]) -> bool {
    let read = index.by_user_name(user_name, |entry| entry.standing());
    black_box(read).is_some()
}

fn standings(criterion: &mut Criterion) {
    let index = index(POPULATION);
    for (name, user) in [("active", 0), ("expired", POPULATION.count() - 1)] {
        let user_name = Population::user_name(user);
        let facts = index.by_user_name(user_name.as_bytes(), |entry| entry.standing());
        let (facts, now) = (facts.expect("it is one of them"), now());
        criterion.bench_function(&format!("standing/{name}"), |bencher| {
            per_packet::<1>(bencher, || {
                black_box(standing(black_box(&facts), black_box(now)));
            });
        });
    }
}

fn encodes(criterion: &mut Criterion) {
    let mut accept = Accept::new();
    criterion.bench_function("encode/Access-Accept, unsigned", |bencher| {
        per_packet::<1>(bencher, || accept.encode());
    });
    criterion.bench_function("encode/Access-Accept, signed", |bencher| {
        per_packet::<1>(bencher, || {
            black_box(accept.encode_and_sign(black_box(&[3; 16])));
        });
    });
}

fn handlers(criterion: &mut Criterion) {
    for (title, asked) in [
        ("PAP accept", Asked::Kind(Kind::Pap)),
        ("CHAP accept", Asked::Kind(Kind::Chap)),
        ("garden accept", Asked::Kind(Kind::Garden)),
        ("reject", Asked::Kind(Kind::Reject)),
        ("unknown user", Asked::Kind(Kind::UnknownUser)),
        ("bad authenticator", Asked::Kind(Kind::BadAuthenticator)),
        ("unknown source", Asked::UnknownSource),
        ("accounting", Asked::Kind(Kind::Accounting)),
    ] {
        handler_in_batches::<1>(criterion, title, asked);
        handler_in_batches::<BATCH>(criterion, title, asked);
        if asked == Asked::Kind(Kind::Accounting) {
            handler_in_batches::<BATCH_MAX>(criterion, title, asked);
        }
    }
}

fn handler_in_batches<const N: usize>(criterion: &mut Criterion, title: &str, asked: Asked) {
    let id = format!("handler {title}/{N}");
    // criterion calls the closure for each of its samples.
    let mut handler = LazyCell::new(|| Handler::new(asked, POPULATION, REQUESTS, N));
    criterion.bench_function(&id, |bencher| {
        let handler = LazyCell::force_mut(&mut handler);
        per_packet::<N>(bencher, || handler.answer::<N>());
    });
}

criterion_group!(
    hot_path, decodes, verifies, lookups, standings, encodes, handlers
);
criterion_main!(hot_path);

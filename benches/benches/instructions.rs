//! How many instructions the steps of the hot path take, and the whole of it for a lone request and a batch.
//!
//! Counted by valgrind, so the same on a busy machine. `scripts/check-instructions` compares them with
//! `benches/instructions.toml`. What is counted is the call: whatever it needs is made before, and the
//! handler has answered as many requests before, so that nothing is done for the first time. What is
//! large is boxed: to hand it over would be counted too.
//!
//! The index looks names up by a hash of the process's own random key, so where a name lies is another
//! place in every run, and with it how many other names the search passes. A thousand names are looked up
//! and everybody in the index is one of them: of so many the sum hardly varies.
//!
//! Not here: time, and the kernel's part. A batch's digests are computed by AVX2 here: valgrind has no AVX-512.

#![expect(
    missing_docs,
    unused_qualifications,
    reason = "gungraun's macros make public functions without documentation, by their whole paths"
)]

use std::hint::black_box;

use garth_benches::handler::{Accept, Asked, Handler, index, now};
use garth_benches::packets::{Kind, Load};
use garth_benches::population::Population;
use garth_radius::packet::Packet;
use garth_store::index::Index;
use garth_subscription::standing::{Standing, StandingFacts, standing};
use garth_subscription::time::Timestamp;
use gungraun::{library_benchmark, library_benchmark_group, main};

const POPULATION: Population = Population::new(1_000);
/// The batch of the daemon's workers.
const BATCH: usize = 32;
/// What the requests are drawn from.
const SEED: u64 = 1;

fn request(kind: Kind) -> Load {
    Load::new(kind, 1, POPULATION, SEED)
}

fn facts() -> (StandingFacts, Timestamp) {
    let name = Population::user_name(0);
    let facts = index(POPULATION).by_user_name(name.as_bytes(), |entry| entry.standing());
    (facts.expect("it is one of them"), now())
}

fn everybody() -> (Box<Index>, Vec<String>) {
    let names = (0..POPULATION.count()).map(Population::user_name);
    (Box::new(index(POPULATION)), names.collect())
}

fn handler<const N: usize>(kind: Kind) -> Box<Handler> {
    let mut handler = Box::new(Handler::new(Asked::Kind(kind), POPULATION, 2 * N, N));
    handler.answer::<N>();
    handler
}

#[library_benchmark]
#[bench::pap(request(Kind::Pap))]
fn decode(load: Load) -> Load {
    black_box(Packet::decode(black_box(load.get(0)))).expect("it is a packet");
    load
}

#[library_benchmark]
#[bench::active(facts())]
fn standing_now((facts, now): (StandingFacts, Timestamp)) -> Standing {
    standing(black_box(&facts), black_box(now))
}

#[library_benchmark]
#[bench::user_name(everybody())]
fn lookup_1000((index, names): (Box<Index>, Vec<String>)) -> (Box<Index>, Vec<String>) {
    for name in &names {
        let read = index.by_user_name(name.as_bytes(), |entry| entry.standing());
        assert!(black_box(read).is_some(), "{name} is unknown");
    }
    (index, names)
}

#[library_benchmark]
#[bench::access_accept(Box::new(Accept::new()))]
fn encode(mut accept: Box<Accept>) -> Box<Accept> {
    accept.encode();
    accept
}

#[library_benchmark]
#[bench::pap_accept(handler::<1>(Kind::Pap))]
fn handler_pap_1(mut handler: Box<Handler>) -> Box<Handler> {
    handler.answer::<1>();
    handler
}

#[library_benchmark]
#[bench::pap_accept(handler::<BATCH>(Kind::Pap))]
fn handler_pap_32(mut handler: Box<Handler>) -> Box<Handler> {
    handler.answer::<BATCH>();
    handler
}

#[library_benchmark]
#[bench::accounting(handler::<1>(Kind::Accounting))]
fn handler_accounting_1(mut handler: Box<Handler>) -> Box<Handler> {
    handler.answer::<1>();
    handler
}

#[library_benchmark]
#[bench::accounting(handler::<BATCH>(Kind::Accounting))]
fn handler_accounting_32(mut handler: Box<Handler>) -> Box<Handler> {
    handler.answer::<BATCH>();
    handler
}

library_benchmark_group!(
    name = hot_path,
    benchmarks = [
        decode,
        standing_now,
        lookup_1000,
        encode,
        handler_pap_1,
        handler_pap_32,
        handler_accounting_1,
        handler_accounting_32
    ]
);

main!(library_benchmark_groups = hot_path);

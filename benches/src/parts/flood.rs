//! garthd under floods: what a useless datagram costs, and what the others feel of it.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Settings, progress};
use crate::generator::{Pace, Stream, ask_once, run as generate};
use crate::measure::{drain, float, nanos, p99, stream};
use crate::observe::{cpu_time, queue, resident};
use crate::packets::{Kind, Load, Promise};
use crate::population::Population;
use crate::results::{Flood, FloodRow};
use crate::servers::Server;
use crate::servers::garthd::{Garthd, NAS, OTHER_NAS, STRANGER};
use crate::sockets::BatchSocket;

/// Datagrams a second of a measured flood: garthd takes all of them.
const RATE: u32 = 100_000;
/// Datagrams of a load that is sent again and again.
const LOAD_LEN: usize = 20_000;
/// Requests a second of the NAS that wants to be served.
const KNOWN_RATE: u32 = 1_000;
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Between a request and its retransmission, another NAS sends that long. A reply is kept for ten seconds.
const BETWEEN: Duration = Duration::from_secs(3);

/// What is sent, from where, and whether it is answered.
const FLOODS: [(&str, Kind, Ipv4Addr, bool); 4] = [
    ("PAP accept", Kind::Pap, NAS, true),
    ("unknown source", Kind::Pap, STRANGER, false),
    (
        "bad Message-Authenticator",
        Kind::BadAuthenticator,
        NAS,
        false,
    ),
    ("unknown user", Kind::UnknownUser, NAS, true),
];

/// Measures all floods.
///
/// # Errors
/// When garthd does not start, ends, or answers wrongly.
pub fn run(settings: &Settings) -> Result<Flood> {
    let folder = settings.empty_folder("flood")?;
    let population = Population::new(settings.subscribers());
    let garthd = Garthd::new("garthd", &folder, 1, population)?;
    let (mut server, _) = garthd.start_and_import()?;
    let mut figures = Flood {
        rate: RATE,
        ..Flood::default()
    };
    // Once unmeasured: what is allocated at the first request is not of the flood.
    costs(settings, &mut server, population, 0)?;
    figures.resident[0] = resident(server.pid())?;
    for round in 1..=settings.rounds {
        progress(&format!("flood, round {round} of {}", settings.rounds));
        let rows = costs(settings, &mut server, population, round)?;
        if figures.rows.is_empty() {
            figures.rows = rows;
        } else {
            for (sum, row) in figures.rows.iter_mut().zip(rows) {
                sum.cpu.extend(row.cpu);
                sum.taken += row.taken;
                sum.dropped += row.dropped;
            }
        }
    }
    progress("flood: a known NAS beside an unknown source");
    beside(settings, &mut figures, &server, population)?;
    progress("flood: a retransmission beside a NAS that does not stop");
    retransmission(settings, &mut figures, &server, population)?;
    figures.resident[1] = resident(server.pid())?;
    server.check()?;
    Ok(figures)
}

/// Processor time per datagram of each flood.
fn costs(
    settings: &Settings,
    server: &mut Server,
    population: Population,
    round: usize,
) -> Result<Vec<FloodRow>> {
    let mut rows = Vec::new();
    for (number, (name, kind, source, answered)) in FLOODS.into_iter().enumerate() {
        let seconds = if settings.quick { 0.2 } else { 2.0 };
        let count = if answered && settings.quick {
            LOAD_LEN
        } else if answered {
            10 * LOAD_LEN
        } else {
            LOAD_LEN
        };
        let seed = settings.seed_of(&[round, 200 + number]);
        let load = Load::new(kind, count, population, seed);
        let lost = queue(server.auth.port())?.dropped;
        let cpu = cpu_time(server.pid())?;
        let time_max = Duration::from_secs_f64(seconds);
        let mut flood = Stream {
            source,
            ..stream(server, &load, Pace::Rate(RATE), time_max)
        };
        if !answered {
            flood.promise = None;
        }
        let outcome = generate(&[flood])?.remove(0);
        drain(server.auth.port())?;
        let spent = cpu_time(server.pid())? - cpu;
        let dropped = queue(server.auth.port())?.dropped - lost;
        let sent = u64::try_from(outcome.sent).context("a count")? + outcome.resent;
        let taken = sent - dropped.min(sent);
        rows.push(FloodRow {
            name: name.to_owned(),
            cpu: vec![nanos(spent) / float(taken.max(1))],
            taken,
            dropped,
        });
        server.check()?;
    }
    Ok(rows)
}

/// p99 of a known NAS, quiet and beside an unknown source that sends as fast as it can.
fn beside(
    settings: &Settings,
    figures: &mut Flood,
    server: &Server,
    population: Population,
) -> Result<()> {
    let millis = usize::try_from(settings.time_max().as_millis()).unwrap_or(0);
    let strangers = Load::new(Kind::Pap, LOAD_LEN, population, settings.seed_of(&[300]));
    let mut p99s = [Vec::new(), Vec::new()];
    for round in 0..settings.rounds {
        for (flooded, p99s) in p99s.iter_mut().enumerate() {
            let seed = settings.seed_of(&[round, 301 + flooded]);
            let load = Load::new(Kind::Pap, millis, population, seed);
            let pace = Pace::Rate(KNOWN_RATE);
            let known = stream(server, &load, pace, settings.time_max());
            let flood = Stream {
                load: &strangers,
                source: STRANGER,
                pace: Pace::Flood,
                promise: None,
                ..known
            };
            let streams = [known, flood];
            let outcomes = generate(&streams[..=flooded])?;
            p99s.push(p99(&outcomes[0]));
            if let Some(flood) = outcomes.get(1) {
                let sent = float(u64::try_from(flood.sent).context("a count")?);
                figures.beside = sent / settings.time_max().as_secs_f64();
            }
            drain(server.auth.port())?;
        }
    }
    figures.p99 = p99s.map(|values| crate::latency::median(values).unwrap_or_default());
    Ok(())
}

/// One NAS asks; another sends without end; the first asks the same again.
///
/// A reply made anew would have another Session-Timeout, which counts down by the second. So has the reply to
/// the same request from another port, which garthd has not seen before.
fn retransmission(
    settings: &Settings,
    figures: &mut Flood,
    server: &Server,
    population: Population,
) -> Result<()> {
    let asked = Load::new(Kind::Pap, 1, population, settings.seed_of(&[400]));
    let local = std::net::SocketAddrV4::new(OTHER_NAS, 0);
    let mut socket = BatchSocket::connect(local, server.auth)?;
    let first = ask_once(&asked, 0, &mut socket, ANSWER_MAX)?;
    let rate = usize::try_from(RATE).context("a rate")?;
    let seconds = usize::try_from(BETWEEN.as_secs()).context("a time")?;
    let load = Load::new(
        Kind::Pap,
        rate * seconds,
        population,
        settings.seed_of(&[401]),
    );
    let endless = Stream {
        promise: Some(Promise::Server),
        ..stream(server, &load, Pace::Rate(RATE), BETWEEN)
    };
    let outcome = generate(&[endless])?.remove(0);
    let second = ask_once(&asked, 0, &mut socket, ANSWER_MAX)?;
    figures.between = u64::try_from(outcome.sent).context("a count")?;
    let mut fresh = BatchSocket::connect(local, server.auth)?;
    let anew = ask_once(&asked, 0, &mut fresh, ANSWER_MAX)?;
    figures.cached = first == second && anew != first;
    Ok(())
}

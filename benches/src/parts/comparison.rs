//! garthd beside FreeRADIUS and the floors: all run at once on the same processor, each in its turn.

use std::path::Path;

use anyhow::Result;

use super::{Settings, progress};
use crate::clock;
use crate::floor::Work;
use crate::generator::Pace;
use crate::measure::{measure, nanos, pace};
use crate::observe::resident;
use crate::packets::{Kind, Load};
use crate::population::Population;
use crate::results::{Macro, Pacing, Series, Standing};
use crate::servers::freeradius::{Accounting, Threads};
use crate::servers::garthd::Garthd;
use crate::servers::{Server, first_answer, floor, freeradius};

/// Names of the servers in the figures.
pub const GARTHD: &str = "garthd";
/// FreeRADIUS with one thread.
pub const SINGLE: &str = "FreeRADIUS, one thread";
/// FreeRADIUS with its pool.
pub const DEFAULT: &str = "FreeRADIUS, default threads";
/// FreeRADIUS that writes detail files.
pub const DETAIL: &str = "FreeRADIUS, detail file";
/// FreeRADIUS that writes to SQLite.
pub const SQLITE: &str = "FreeRADIUS, SQLite";
/// The echo of an Access-Accept.
pub const ECHO: &str = "echo floor";
/// The MD5 of a PAP accept.
pub const CRYPTO: &str = "crypto floor";
/// The echo of an Accounting-Response.
pub const ECHO_ACCOUNTING: &str = "echo floor, accounting";
/// The MD5 of an Accounting-Response.
pub const CRYPTO_ACCOUNTING: &str = "crypto floor, accounting";

/// Octets of an Accounting-Response without attributes.
const ACCOUNTING_RESPONSE_LEN: usize = 20;

/// Who is asked what.
const PLAN: [(Kind, &[&str]); 5] = [
    (Kind::Pap, &[GARTHD, CRYPTO, ECHO, SINGLE, DEFAULT]),
    (Kind::Chap, &[GARTHD, SINGLE, DEFAULT]),
    (Kind::Reject, &[GARTHD, SINGLE, DEFAULT]),
    (Kind::Garden, &[GARTHD, SINGLE, DEFAULT]),
    (
        Kind::Accounting,
        &[GARTHD, CRYPTO_ACCOUNTING, ECHO_ACCOUNTING, DETAIL, SQLITE],
    ),
];

const PACINGS: [Pacing; 4] = [
    Pacing::Saturation,
    Pacing::One,
    Pacing::Thousand,
    Pacing::TenThousand,
];

/// Starts everybody and measures round after round.
///
/// # Errors
/// When a server does not start or answers wrongly.
pub fn run(settings: &Settings) -> Result<Macro> {
    let folder = settings.empty_folder("comparison")?;
    let population = Population::new(settings.subscribers());
    let (mut servers, reply_len) = start(&folder, population)?;
    let mut figures = Macro {
        rounds: settings.rounds,
        subscribers: population.count(),
        reply_len,
        ..Macro::default()
    };
    for round in 0..settings.rounds {
        for (kind, names) in PLAN {
            progress(&format!(
                "comparison, round {} of {}: {}",
                round + 1,
                settings.rounds,
                kind.title()
            ));
            for pacing in PACINGS {
                let load = load(settings, kind, pacing, population, round);
                for name in names {
                    sample(settings, &mut figures, &mut servers, name, pacing, &load)?;
                }
            }
        }
    }
    for server in &servers {
        figures.standings.push(Standing {
            server: server.name.clone(),
            resident: resident(server.pid())?,
            first_answer: nanos(server.first_answer),
        });
    }
    drop(servers);
    figures.workers = workers(settings, &folder, population)?;
    Ok(figures)
}

/// Everybody, and how long garthd's Access-Accept is.
fn start(folder: &Path, population: Population) -> Result<(Vec<Server>, usize)> {
    progress("comparison: starting the servers");
    let garthd = Garthd::new(GARTHD, &folder.join("garthd"), 1, population)?;
    let (mut server, _) = garthd.start_and_import()?;
    server.process.stop()?;
    let mut server = garthd.start()?;
    let (reply, _) = first_answer(
        &mut server.process,
        server.auth,
        Kind::Pap,
        population,
        clock::now(),
    )?;
    let mut servers = vec![server];
    for (name, threads, accounting) in [
        (SINGLE, Threads::Single, Accounting::Detail),
        (DEFAULT, Threads::Default, Accounting::Detail),
        (DETAIL, Threads::Single, Accounting::Detail),
        (SQLITE, Threads::Single, Accounting::Sqlite),
    ] {
        let folder = folder.join(name.replace([' ', ','], "-"));
        servers.push(freeradius::start(
            name, &folder, threads, accounting, population,
        )?);
    }
    let acct = ACCOUNTING_RESPONSE_LEN;
    for (name, work, kind, len) in [
        (ECHO, Work::Echo, Kind::Pap, reply.len()),
        (CRYPTO, Work::Pap, Kind::Pap, reply.len()),
        (ECHO_ACCOUNTING, Work::Echo, Kind::Accounting, acct),
        (CRYPTO_ACCOUNTING, Work::Accounting, Kind::Accounting, acct),
    ] {
        servers.push(floor::start(name, work, kind, len, population, folder)?);
    }
    Ok((servers, reply.len()))
}

/// A load that no server has seen, as long as the pacing can use it.
fn load(
    settings: &Settings,
    kind: Kind,
    pacing: Pacing,
    population: Population,
    round: usize,
) -> Load {
    let seconds = usize::try_from(settings.time_max().as_millis()).unwrap_or(0);
    let count = match pacing {
        Pacing::Saturation => settings.requests(),
        Pacing::One => settings.requests() / 10,
        Pacing::Thousand => seconds,
        Pacing::TenThousand => 10 * seconds,
    };
    let numbers = [round, kind_number(kind), pacing_number(pacing)];
    Load::new(kind, count, population, settings.seed_of(&numbers))
}

fn kind_number(kind: Kind) -> usize {
    PLAN.iter()
        .position(|(planned, _)| *planned == kind)
        .unwrap_or(PLAN.len())
}

fn pacing_number(pacing: Pacing) -> usize {
    PACINGS
        .iter()
        .position(|known| *known == pacing)
        .unwrap_or(PACINGS.len())
}

fn sample(
    settings: &Settings,
    figures: &mut Macro,
    servers: &mut [Server],
    name: &str,
    pacing: Pacing,
    load: &Load,
) -> Result<()> {
    let Some(server) = servers.iter_mut().find(|server| server.name == name) else {
        anyhow::bail!("{name} was not started");
    };
    let kind = load.kind;
    let pace = pace(server, kind, pacing);
    // A rate that a server cannot keep up with measures only its queue.
    let able = figures
        .series(name, kind, Pacing::Saturation)
        .and_then(|series| series.samples.last().map(|sample| sample.rate))
        .unwrap_or(f64::INFINITY);
    let possible = match pace {
        Pace::Rate(rate) => able > 1.25 * f64::from(rate),
        Pace::Window(_) | Pace::Flood => true,
    };
    let sample = possible
        .then(|| measure(server, load, pace, settings.time_max()))
        .transpose()?;
    keep(&mut figures.series, name, kind, pacing, sample);
    Ok(())
}

fn keep(
    all: &mut Vec<Series>,
    server: &str,
    kind: Kind,
    pacing: Pacing,
    sample: Option<crate::results::Sample>,
) {
    let known = all
        .iter_mut()
        .find(|s| s.server == server && s.kind == kind && s.pacing == pacing);
    if let Some(series) = known {
        series.samples.extend(sample);
    } else {
        all.push(Series {
            server: server.to_owned(),
            kind,
            pacing,
            samples: sample.into_iter().collect(),
        });
    }
}

/// PAP with one worker and with two, both on both processors: the generator has one of them.
fn workers(settings: &Settings, folder: &Path, population: Population) -> Result<Vec<Series>> {
    let mut servers = Vec::new();
    for count in [1, 2] {
        let name = format!(
            "garthd, {count} worker{}",
            if count == 1 { "" } else { "s" }
        );
        let garthd = Garthd::new(
            &name,
            &folder.join(format!("workers-{count}")),
            count,
            population,
        )?
        .on_both_cores();
        servers.push(garthd.start_and_import()?.0);
    }
    let mut series = Vec::new();
    for round in 0..settings.rounds {
        progress(&format!(
            "workers, round {} of {}",
            round + 1,
            settings.rounds
        ));
        let seed = settings.seed_of(&[round, PLAN.len() + 1]);
        let load = Load::new(Kind::Pap, settings.requests(), population, seed);
        for server in &mut servers {
            let pacing = Pacing::Saturation;
            let pace = pace(server, Kind::Pap, pacing);
            let sample = measure(server, &load, pace, settings.time_max())?;
            let name = server.name.clone();
            keep(&mut series, &name, Kind::Pap, pacing, Some(sample));
        }
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_loads_of_a_run_share_a_seed() {
        let settings = Settings {
            folder: "unused".into(),
            quick: true,
            seed: 7,
            most: 10_000,
            rounds: 2,
        };
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..20 {
            for kind in 0..=PLAN.len() {
                for pacing in 0..PACINGS.len() {
                    assert!(seen.insert(settings.seed_of(&[round, kind, pacing])));
                }
            }
        }
    }
}

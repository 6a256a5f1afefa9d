//! Authentication while accounting and an import run: what those who log in feel of it.

use anyhow::{Context as _, Result};

use super::{Settings, progress};
use crate::clock;
use crate::generator::{Pace, run as generate};
use crate::measure::{float, nanos, p99, stream};
use crate::packets::{Kind, Load};
use crate::population::Population;
use crate::process::SERVER_CORE;
use crate::results::Mixed;
use crate::servers::garthd::{Garthd, wait_import};

/// Access-Requests a second.
const AUTH_RATE: u32 = 10_000;
/// Accounting-Requests a second beside them.
const ACCT_RATE: u32 = 20_000;

/// Measures quiet and busy in turns.
///
/// garthctl shares garthd's processor: the generator's must not be disturbed, and a router has no spare one.
///
/// # Errors
/// When garthd does not start or answers wrongly, or the import fails.
pub fn run(settings: &Settings) -> Result<Mixed> {
    let folder = settings.empty_folder("mixed")?;
    let population = Population::new(settings.subscribers());
    let garthd = Garthd::new("garthd", &folder, 1, population)?;
    let (mut server, _) = garthd.start_and_import()?;
    let mut figures = Mixed {
        lines: population.count(),
        ..Mixed::default()
    };
    let millis = usize::try_from(settings.time_max().as_millis()).unwrap_or(0);
    let count = |rate: u32| usize::try_from(rate).unwrap_or(0) * millis / 1_000;
    let mut next_user = population.count();
    for round in 0..settings.rounds {
        progress(&format!(
            "mixed, round {} of {}",
            round + 1,
            settings.rounds
        ));
        let [quiet, busy, records] = [
            (Kind::Pap, AUTH_RATE),
            (Kind::Pap, AUTH_RATE),
            (Kind::Accounting, ACCT_RATE),
        ]
        .map(|(kind, rate)| (kind, count(rate)));
        let load = |number, (kind, count)| {
            Load::new(kind, count, population, settings.seed_of(&[round, number]))
        };
        let (quiet, busy, records) = (load(500, quiet), load(501, busy), load(502, records));
        let auth = Pace::Rate(AUTH_RATE);
        let time_max = settings.time_max();
        let outcome = generate(&[stream(&server, &quiet, auth, time_max)])?.remove(0);
        figures.quiet.push(p99(&outcome));
        let begun = clock::now();
        let import = garthd.import(population, next_user, &SERVER_CORE.to_string())?;
        next_user += population.count();
        let outcomes = generate(&[
            stream(&server, &busy, auth, time_max),
            stream(&server, &records, Pace::Rate(ACCT_RATE), time_max),
        ])?;
        wait_import(import)?;
        figures.import.push(nanos(clock::now() - begun));
        figures.busy.push(p99(&outcomes[0]));
        let answered = u64::try_from(outcomes[1].sent).context("a count")?;
        let elapsed = outcomes[1].elapsed.max(1);
        figures
            .accounting
            .push(float(answered) * 1e9 / float(elapsed));
        server.check()?;
    }
    Ok(figures)
}

//! garthd with more and more subscribers: what a request, a start and an import cost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Settings, progress, remove};
use crate::measure::{float, measure, nanos, pace};
use crate::observe::resident;
use crate::packets::{Kind, Load};
use crate::population::Population;
use crate::process::run as run_program;
use crate::results::{Pacing, Scale, ScaleRow};
use crate::servers::Server;
use crate::servers::garthd::Garthd;

/// Free octets of the disk below which ten million subscribers are left out.
const DISK_FREE_MIN: u64 = 12 << 30;
/// The most subscribers.
const MOST: u32 = 10_000_000;

/// Imports every number of subscribers, then measures all of them in turns.
///
/// # Errors
/// When garthd does not start or answers wrongly.
pub fn run(settings: &Settings) -> Result<Scale> {
    let folder = settings.empty_folder("scale")?;
    let mut figures = Scale::default();
    let mut counts = if settings.quick {
        vec![1_000, 10_000]
    } else {
        vec![10_000, 100_000, 1_000_000]
    };
    match left_out(settings, &folder)? {
        None => counts.push(MOST),
        why => figures.left_out = why,
    }
    counts.retain(|count| *count <= settings.most);
    if let Some(why) = &figures.left_out {
        progress(&format!("scale: {why}"));
    }
    let mut running = Vec::new();
    for count in counts {
        let (row, server) = grow(&folder, count)?;
        figures.rows.push(row);
        running.push((Population::new(count), server));
    }
    for round in 0..settings.rounds {
        progress(&format!(
            "scale, round {} of {}",
            round + 1,
            settings.rounds
        ));
        for (row, (population, server)) in figures.rows.iter_mut().zip(&mut running) {
            let seed = settings.seed_of(&[round, 100]);
            let load = Load::new(Kind::Pap, settings.requests(), *population, seed);
            let pace = pace(server, Kind::Pap, Pacing::Saturation);
            row.samples
                .push(measure(server, &load, pace, settings.time_max())?);
        }
    }
    for (row, (_, server)) in figures.rows.iter_mut().zip(&running) {
        row.resident = resident(server.pid())?;
    }
    drop(running);
    remove(&folder)?;
    Ok(figures)
}

/// Why ten million are left out, if they are.
fn left_out(settings: &Settings, folder: &Path) -> Result<Option<String>> {
    if settings.quick {
        return Ok(Some(
            "1 M and 10 M subscribers are left out of a quick run".to_owned(),
        ));
    }
    if settings.most < MOST {
        return Ok(Some(format!(
            "More than {} subscribers are left out, as --most asks",
            settings.most
        )));
    }
    let mut df = std::process::Command::new("df");
    let said = run_program(df.args(["--output=avail", "--block-size=1"]).arg(folder))?;
    let free: u64 = said
        .split_whitespace()
        .last()
        .and_then(|free| free.parse().ok())
        .context("the free room of the disk")?;
    Ok((free < DISK_FREE_MIN).then(|| {
        format!(
            "10 M subscribers are left out: the disk has {} GiB free, {} are asked for",
            free >> 30,
            DISK_FREE_MIN >> 30
        )
    }))
}

/// Imports, stops, starts, kills, starts again.
fn grow(folder: &Path, count: u32) -> Result<(ScaleRow, Server)> {
    progress(&format!("scale: importing {count}"));
    let folder = folder.join(count.to_string());
    let population = Population::new(count);
    let garthd = Garthd::new(&format!("garthd, {count}"), &folder, 1, population)?;
    let (mut server, import) = garthd.start_and_import()?;
    server.process.stop()?;
    let server_again = |mut server: Server| -> Result<Duration> {
        let first = server.first_answer;
        server.process.kill()?;
        Ok(first)
    };
    let after_stop = server_again(garthd.start()?)?;
    let server = garthd.start()?;
    let after_kill = server.first_answer;
    let store = fs::metadata(folder.join("garth.redb")).context("the store's file")?;
    let row = ScaleRow {
        subscribers: count,
        import: nanos(import),
        store_len: store.len(),
        after_stop: nanos(after_stop),
        after_kill: nanos(after_kill),
        resident: 0,
        samples: Vec::new(),
    };
    progress(&format!(
        "scale: {count} imported in {:.1} s, answered after {:.2} s",
        float(u64::try_from(import.as_millis()).unwrap_or(0)) / 1e3,
        after_stop.as_secs_f64()
    ));
    Ok((row, server))
}

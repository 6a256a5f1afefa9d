//! One measurement: a load against a server, with the processor time that it cost.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::clock;
use crate::generator::{Outcome, Pace, Stream, run};
use crate::latency::percentile;
use crate::observe::{cpu_time, queue, switches};
use crate::packets::{Kind, Load};
use crate::results::{Pacing, Sample};
use crate::servers::Server;
use crate::servers::garthd::NAS;

/// Outstanding Access-Requests at saturation.
const WINDOW: usize = 256;
/// How long a server may take to empty its queue.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// How requests of `kind` to `server` follow each other by `pacing`.
pub const fn pace(server: &Server, kind: Kind, pacing: Pacing) -> Pace {
    match (pacing, kind) {
        (Pacing::Saturation, Kind::Accounting) => Pace::Window(server.acct_window),
        (Pacing::Saturation, _) => Pace::Window(WINDOW),
        (Pacing::One, _) => Pace::Window(1),
        (Pacing::Thousand, _) => Pace::Rate(1_000),
        (Pacing::TenThousand, _) => Pace::Rate(10_000),
    }
}

/// Waits until the server at `port` has taken what waits for it.
///
/// # Errors
/// When it does not within half a minute.
pub fn drain(port: u16) -> Result<()> {
    clock::wait_for("an empty queue", DRAIN_MAX, || {
        Ok((queue(port)?.waiting == 0).then_some(()))
    })
}

/// Nanoseconds as the figures keep them.
pub const fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// A count as a figure. Counts of benchmarks are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub const fn float(count: u64) -> f64 {
    count as f64
}

/// A stream of `load` to `server`, from the NAS that the generator is.
pub fn stream<'a>(server: &Server, load: &'a Load, pace: Pace, time_max: Duration) -> Stream<'a> {
    Stream {
        load,
        target: server.address(load.kind),
        source: NAS,
        pace,
        promise: Some(server.promise),
        time_max,
    }
}

/// Sends `load` to `server` and says what it cost.
///
/// # Errors
/// When the server ended, fell silent, or answered wrongly.
pub fn measure(server: &mut Server, load: &Load, pace: Pace, time_max: Duration) -> Result<Sample> {
    server.check()?;
    // Repetitions that were sent to a slow server before are not of this measurement.
    drain(server.address(load.kind).port())?;
    let about = || format!("{}, {}", server.name, load.kind.title());
    let (cpu, switched) = (cpu_time(server.pid())?, switches(server.pid())?);
    let outcome = run(&[stream(server, load, pace, time_max)])
        .with_context(about)?
        .remove(0);
    let spent = cpu_time(server.pid())? - cpu;
    let now = switches(server.pid())?;
    let requests = u64::try_from(outcome.sent).context("a count")?;
    let each = float(requests.max(1));
    Ok(Sample {
        cpu: nanos(spent) / each,
        rate: each * 1e9 / float(outcome.elapsed.max(1)),
        p50: float(percentile(&outcome.latencies, 50)),
        p99: p99(&outcome),
        requests,
        resent: outcome.resent,
        voluntary: float(now.voluntary.saturating_sub(switched.voluntary)) * 1e3 / each,
        involuntary: float(now.involuntary.saturating_sub(switched.involuntary)) * 1e3 / each,
    })
}

/// The 99th percentile in nanoseconds.
pub fn p99(outcome: &Outcome) -> f64 {
    float(percentile(&outcome.latencies, 99))
}

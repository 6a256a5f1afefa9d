//! The tables of the page, one for each part.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{NONE, digits, mebibytes, micros, seconds};
use crate::latency::median;
use crate::profile::{Class, Profile};
use crate::results::{Flood, Macro, Mixed, Pacing, Sample, Scale, Series};

/// Processor time and rate at saturation, one line for each server and kind.
pub(super) fn cpu(figures: &Macro) -> String {
    let mut text = "| kind | server | CPU µs per request | times garthd | requests/s | p50 µs | p99 µs | sent again |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for series in figures
        .series
        .iter()
        .filter(|s| s.pacing == Pacing::Saturation)
    {
        let own = series.median(|sample| sample.cpu);
        let garthd = figures.cpu(crate::parts::comparison::GARTHD, series.kind);
        let times = own.zip(garthd).map(|(own, garthd)| digits(own / garthd));
        let resent: u64 = series.samples.iter().map(|sample| sample.resent).sum();
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {resent} |",
            series.kind.title(),
            series.server,
            micros(own),
            times.as_deref().unwrap_or(NONE),
            whole(series.median(|sample| sample.rate)),
            micros(series.median(|sample| sample.p50)),
            micros(series.median(|sample| sample.p99)),
        );
    }
    text
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.0}"))
}

/// p50 / p99 and processor time below saturation.
pub(super) fn latency(figures: &Macro) -> String {
    let mut text = "| kind | server | one at a time: p50 / p99 µs | CPU µs | 1,000/s: p50 / p99 µs | CPU µs | 10,000/s: p50 / p99 µs | CPU µs |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for first in figures.series.iter().filter(|s| s.pacing == Pacing::One) {
        let _infallible = write!(text, "| {} | {} |", first.kind.title(), first.server);
        for pacing in [Pacing::One, Pacing::Thousand, Pacing::TenThousand] {
            let series = figures.series(&first.server, first.kind, pacing);
            let value = |of: fn(&Sample) -> f64| micros(series.and_then(|s| s.median(of)));
            let _infallible = write!(
                text,
                " {} / {} | {} |",
                value(|sample| sample.p50),
                value(|sample| sample.p99),
                value(|sample| sample.cpu)
            );
        }
        text.push('\n');
    }
    text
}

/// Memory and start.
pub(super) fn standing(figures: &Macro) -> String {
    let mut text = "| server | memory MiB | first answer after, s |\n|---|---|---|\n".to_owned();
    for standing in &figures.standings {
        let _infallible = writeln!(
            text,
            "| {} | {} | {} |",
            standing.server,
            mebibytes(standing.resident),
            seconds(standing.first_answer)
        );
    }
    text
}

/// One worker and two.
pub(super) fn workers(figures: &Macro) -> String {
    let mut text =
        "| | CPU µs per request | requests/s | waits per 1,000 requests | preempted per 1,000 |\n\
                    |---|---|---|---|---|\n"
            .to_owned();
    for series in &figures.workers {
        let shown =
            |of: fn(&Sample) -> f64| series.median(of).map_or_else(|| NONE.to_owned(), digits);
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            series.server,
            micros(Series::median(series, |sample| sample.cpu)),
            whole(series.median(|sample| sample.rate)),
            shown(|sample| sample.voluntary),
            shown(|sample| sample.involuntary),
        );
    }
    text
}

/// Quiet and busy.
pub(super) fn mixed(figures: &Mixed) -> String {
    let middle = |values: &[f64]| median(values.iter().copied());
    format!(
        "| authentication at 10,000/s | p99 µs |\n|---|---|\n| quiet | {} |\n\
         | beside {} accounting records a second and an import of {} lines (which took {} s) | {} |\n",
        micros(middle(&figures.quiet)),
        whole(middle(&figures.accounting)),
        figures.lines,
        middle(&figures.import).map_or_else(|| NONE.to_owned(), seconds),
        micros(middle(&figures.busy)),
    )
}

/// By number of subscribers.
pub(super) fn scale(figures: &Scale) -> String {
    let mut text = "| subscribers | CPU µs per PAP request | p99 µs at saturation | memory MiB | store MiB | first answer after a stop, s | after a kill, s | import, s |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in &figures.rows {
        let middle = |of: fn(&Sample) -> f64| micros(median(row.samples.iter().map(of)));
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.subscribers,
            middle(|sample| sample.cpu),
            middle(|sample| sample.p99),
            mebibytes(row.resident),
            mebibytes(row.store_len),
            seconds(row.after_stop),
            seconds(row.after_kill),
            seconds(row.import),
        );
    }
    if let Some(why) = &figures.left_out {
        let _infallible = writeln!(text, "\n{why}.");
    }
    text
}

/// Floods.
pub(super) fn flood(figures: &Flood) -> String {
    let mut text = format!(
        "| {} a second of | CPU µs per datagram | datagrams taken | found the queue full |\n|---|---|---|---|\n",
        figures.rate
    );
    for row in &figures.rows {
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.name,
            micros(median(row.cpu.iter().copied())),
            row.taken,
            row.dropped
        );
    }
    let [before, after] = figures.resident.map(mebibytes);
    let [quiet, beside] = figures.p99.map(|nanos| micros(Some(nanos)));
    let _infallible = writeln!(
        text,
        "\n- Memory before all floods {before} MiB, after them {after} MiB.\n\
         - A known NAS at 1,000 requests a second has p99 {quiet} µs quiet, and {beside} µs beside an unknown source \
         that sends {:.0} datagrams a second, as fast as the generator can.\n\
         - After {} requests of one NAS, the retransmission of another one's request got {}.",
        figures.beside,
        figures.between,
        if figures.cached {
            "the very reply of the first time, from the cache"
        } else {
            "**another reply than the first time**"
        }
    );
    text
}

/// Where the time goes.
pub(super) fn profile(profiles: &BTreeMap<String, Profile>) -> String {
    let mut text = "| |".to_owned();
    for kind in profiles.keys() {
        let _infallible = write!(text, " {kind}, µs | of 100 |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|---|".repeat(profiles.len()));
    text.push('\n');
    for class in Class::ALL {
        let _infallible = write!(text, "| {} |", class.title());
        for profile in profiles.values() {
            let percent = profile.classes.get(&class).copied().unwrap_or_default();
            let nanos = profile.cpu * percent / 100.0;
            let _infallible = write!(text, " {} | {percent:.0} |", micros(Some(nanos)));
        }
        text.push('\n');
    }
    for (kind, profile) in profiles {
        let _infallible = writeln!(
            text,
            "\nThe symbols of {} that take most outside the kernel:\n\n| of 100 | class | symbol |\n|---|---|---|",
            kind
        );
        for (percent, class, symbol) in &profile.symbols {
            let _infallible = writeln!(text, "| {percent:.1} | {} | `{symbol}` |", class.title());
        }
    }
    text
}

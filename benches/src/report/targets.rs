//! What the figures are held to, each beside what was measured.

use std::fmt::Write as _;

use super::{NONE, digits};
use crate::latency::median;
use crate::measure::float;
use crate::packets::Kind;
use crate::parts::comparison::{CRYPTO, DEFAULT, DETAIL, ECHO, GARTHD, SINGLE, SQLITE};
use crate::results::{Flood, Macro, Mixed, Pacing, Results, Scale};

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

struct Target {
    what: String,
    bound: Bound,
    unit: &'static str,
    value: Option<f64>,
}

impl Target {
    fn new(what: impl Into<String>, bound: Bound, unit: &'static str, value: Option<f64>) -> Self {
        Self {
            what: what.into(),
            bound,
            unit,
            value,
        }
    }
}

/// Every target, with met or missed. One that was not measured is neither.
pub(super) fn table(results: &Results) -> String {
    let mut targets = Vec::new();
    if let Some(part) = &results.comparison {
        comparison(&part.figures, &mut targets);
    }
    if let Some(part) = &results.mixed {
        mixed(&part.figures, &mut targets);
    }
    if let Some(part) = &results.scale {
        scale(&part.figures, &mut targets);
    }
    if let Some(part) = &results.flood {
        flood(&part.figures, &mut targets);
    }
    let mut text = "| | target | measured | |\n|---|---|---|---|\n".to_owned();
    for target in targets {
        let (sign, bound) = match target.bound {
            Bound::AtMost(bound) => ("≤", bound),
            Bound::AtLeast(bound) => ("≥", bound),
        };
        let verdict = match target.value {
            Some(value) if target.bound.is_met(value) => "met",
            Some(_) => "**missed**",
            None => "not measured",
        };
        let value = target.value.map_or_else(|| NONE.to_owned(), digits);
        let _infallible = writeln!(
            text,
            "| {} | {sign} {bound}{} | {value} | {verdict} |",
            target.what, target.unit
        );
    }
    text
}

fn ratio(value: Option<f64>, to: Option<f64>) -> Option<f64> {
    value.zip(to).map(|(value, to)| value / to)
}

fn comparison(figures: &Macro, targets: &mut Vec<Target>) {
    use Bound::{AtLeast, AtMost};
    let cpu = |server, kind| figures.cpu(server, kind);
    let accept = cpu(GARTHD, Kind::Pap);
    for kind in [Kind::Pap, Kind::Chap] {
        let own = cpu(GARTHD, kind);
        let (title, times) = (kind.title(), "×");
        let floor = cpu(CRYPTO, Kind::Pap);
        targets.push(Target::new(
            format!("CPU of a {title} against the crypto floor of a PAP accept"),
            AtMost(1.3),
            times,
            ratio(own, floor),
        ));
        for (server, bound) in [(SINGLE, 5.0), (DEFAULT, 7.0)] {
            targets.push(Target::new(
                format!("CPU of a {title}: {server}, against garthd"),
                AtLeast(bound),
                times,
                ratio(cpu(server, kind), own),
            ));
        }
    }
    targets.push(Target::new(
        "CPU of a reject against an accept",
        AtMost(1.0),
        "×",
        ratio(cpu(GARTHD, Kind::Reject), accept),
    ));
    let durable = cpu(GARTHD, Kind::Accounting);
    targets.push(Target::new(
        "CPU of a durable accounting record",
        AtMost(9.0),
        " µs",
        durable.map(|nanos| nanos / 1e3),
    ));
    for (server, bound) in [(SQLITE, 25.0), (DETAIL, 1.0)] {
        targets.push(Target::new(
            format!("CPU of an accounting record: {server}, against garthd"),
            AtLeast(bound),
            "×",
            ratio(cpu(server, Kind::Accounting), durable),
        ));
    }
    let alone = |server| {
        figures
            .series(server, Kind::Pap, Pacing::One)?
            .median(|sample| sample.p50)
    };
    targets.push(Target::new(
        "p50 of a PAP accept, one at a time, against the echo floor",
        AtMost(1.3),
        "×",
        ratio(alone(GARTHD), alone(ECHO)),
    ));
}

fn mixed(figures: &Mixed, targets: &mut Vec<Target>) {
    targets.push(Target::new(
        "p99 of authentication beside accounting and an import, against quiet",
        Bound::AtMost(2.0),
        "×",
        ratio(
            median(figures.busy.iter().copied()),
            median(figures.quiet.iter().copied()),
        ),
    ));
}

fn scale(figures: &Scale, targets: &mut Vec<Target>) {
    use Bound::AtMost;
    let row = |count| figures.rows.iter().find(|row| row.subscribers == count);
    let cpu = |count| median(row(count)?.samples.iter().map(|sample| sample.cpu));
    targets.push(Target::new(
        "CPU of a PAP accept: 10 M subscribers against 10 k",
        AtMost(1.2),
        "×",
        ratio(cpu(10_000_000), cpu(10_000)),
    ));
    for (count, name, memory, start) in [
        (1_000_000, "1 M", 250.0, 1.0),
        (10_000_000, "10 M", 2048.0, 10.0),
    ] {
        let row = row(count);
        targets.push(Target::new(
            format!("memory with {name} subscribers"),
            AtMost(memory),
            " MiB",
            row.map(|row| float(row.resident) / f64::from(1 << 20)),
        ));
        targets.push(Target::new(
            format!("first answer with {name} subscribers, after a stop"),
            AtMost(start),
            " s",
            row.map(|row| row.after_stop / 1e9),
        ));
        targets.push(Target::new(
            format!("first answer with {name} subscribers, after a kill"),
            AtMost(start),
            " s",
            row.map(|row| row.after_kill / 1e9),
        ));
    }
    targets.push(Target::new(
        "import of 1 M subscribers",
        AtMost(30.0),
        " s",
        row(1_000_000).map(|row| row.import / 1e9),
    ));
}

fn flood(figures: &Flood, targets: &mut Vec<Target>) {
    let middle = |row: &crate::results::FloodRow| median(row.cpu.iter().copied());
    let accept = figures.rows.first().and_then(middle);
    for row in figures.rows.iter().skip(1) {
        targets.push(Target::new(
            format!(
                "CPU of a datagram of a flood, {}, against an accept",
                row.name
            ),
            Bound::AtMost(1.0),
            "×",
            ratio(middle(row), accept),
        ));
    }
    let [quiet, beside] = figures.p99;
    targets.push(Target::new(
        "p99 of a known NAS beside a flood from an unknown source, against quiet",
        Bound::AtMost(5.0),
        "×",
        ratio(Some(beside), Some(quiet)),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::results::{Part, Sample, Series};

    fn results(garthd: f64, floor: f64) -> Results {
        let series = [(GARTHD, garthd), (CRYPTO, floor)].map(|(server, cpu)| Series {
            server: server.to_owned(),
            kind: Kind::Pap,
            pacing: Pacing::Saturation,
            samples: vec![Sample {
                cpu,
                rate: 1.0,
                p50: 1.0,
                p99: 1.0,
                requests: 1,
                resent: 0,
                voluntary: 0.0,
                involuntary: 0.0,
            }],
        });
        let figures = Macro {
            series: series.to_vec(),
            ..Macro::default()
        };
        Results {
            comparison: Some(Part {
                machine: Machine::here(),
                quick: false,
                seed: 1,
                figures,
            }),
            ..Results::default()
        }
    }

    fn line(results: &Results, of: &str) -> String {
        let table = table(results);
        table.lines().find(|l| l.contains(of)).unwrap().to_owned()
    }

    #[test]
    fn a_target_is_met_or_missed_by_its_figure_alone() {
        let of = "PAP accept against the crypto floor";
        assert!(line(&results(1_200.0, 1_000.0), of).ends_with("| 1.20 | met |"));
        assert!(line(&results(1_400.0, 1_000.0), of).ends_with("| 1.40 | **missed** |"));
    }

    #[test]
    fn a_figure_that_must_be_large_is_missed_below_its_bound() {
        let times = |times: f64| {
            let mut results = results(1_000.0, 1_000.0);
            let series = &mut results.comparison.as_mut().unwrap().figures.series;
            let mut other = series[0].clone();
            SINGLE.clone_into(&mut other.server);
            other.samples[0].cpu = times * 1_000.0;
            series.push(other);
            line(&results, &format!("PAP accept: {SINGLE}"))
        };
        assert!(times(5.0).ends_with("| 5.00 | met |"));
        assert!(times(4.9).ends_with("| 4.90 | **missed** |"));
    }

    #[test]
    fn what_was_not_measured_is_neither() {
        let line = line(&results(1.0, 1.0), "SQLite");
        assert!(line.ends_with("| – | not measured |"), "{line}");
    }
}

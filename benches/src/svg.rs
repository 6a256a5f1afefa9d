//! A chart of processor time per request: one group of bars for each kind, on a logarithmic scale.
//!
//! Readable on light and on dark: grounds are transparent, and the letters follow the reader's scheme.

use std::fmt::Write as _;

use crate::packets::Kind;
use crate::parts::comparison::{CRYPTO, CRYPTO_ACCOUNTING, ECHO, ECHO_ACCOUNTING, GARTHD};
use crate::results::{Macro, Pacing};

const WIDTH: f64 = 860.0;
const LABEL_WIDTH: f64 = 220.0;
/// Right of the longest bar stands its figure.
const FIGURE_WIDTH: f64 = 80.0;
const BAR: f64 = 18.0;
const PITCH: f64 = 24.0;
const GROUP_GAP: f64 = 40.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 40.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}\
    .title{font-size:17px;font-weight:600}.kind{font-weight:600}.note,.tick{fill:#57606a;font-size:12px}\
    .grid{stroke:#8c959f;stroke-opacity:.35}.own{fill:#1a7f37}.floor{fill:#8c959f}.other{fill:#bf5b04}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.note,.tick{fill:#9198a1}\
    .own{fill:#3fb950}.floor{fill:#6e7681}.other{fill:#e0823d}}";

struct Bar {
    server: String,
    micros: f64,
}

/// The chart; nothing where nothing was measured.
pub fn chart(figures: &Macro) -> Option<String> {
    let groups = groups(figures);
    let all = || {
        groups
            .iter()
            .flat_map(|(_, bars)| bars)
            .map(|bar| bar.micros)
    };
    let least = all().min_by(f64::total_cmp)?;
    let most = all().max_by(f64::total_cmp)?;
    let (from, to) = (least.log10().floor(), most.log10().ceil());
    let width = WIDTH - LABEL_WIDTH - FIGURE_WIDTH;
    let x = |micros: f64| LABEL_WIDTH + width * (micros.log10() - from) / (to - from).max(1.0);
    let mut y = TOP;
    let mut body = String::new();
    for (kind, bars) in &groups {
        let _infallible = writeln!(
            body,
            r#"<text class="kind" x="0" y="{:.0}">{}</text>"#,
            y + 4.0,
            kind.title()
        );
        y += 14.0;
        for bar in bars {
            y = push_bar(&mut body, bar, y, x);
        }
        y += GROUP_GAP - PITCH + BAR;
    }
    let bottom = y - 10.0;
    let mut grid = String::new();
    let mut tick = 10_f64.powf(from);
    while tick <= 10_f64.powf(to) * 1.001 {
        let at = x(tick);
        let _infallible = writeln!(
            grid,
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="{:.0}" y2="{bottom:.0}"/><text class="tick" x="{at:.1}" y="{:.0}" text-anchor="middle">{tick} µs</text>"#,
            TOP - 14.0,
            bottom + 18.0
        );
        tick *= 10.0;
    }
    let height = bottom + BOTTOM;
    Some(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-labelledby="title note">
<style>{STYLE}</style>
<text class="title" id="title" x="0" y="20">Processor time per request at saturation</text>
<text class="note" id="note" x="0" y="40">microseconds of the server's process, user and system, logarithmic scale; median of {} rounds; shorter is better</text>
{grid}{body}</svg>
"#,
        figures.rounds
    ))
}

fn push_bar(body: &mut String, bar: &Bar, y: f64, x: impl Fn(f64) -> f64) -> f64 {
    let class = match bar.server.as_str() {
        GARTHD => "own",
        ECHO | CRYPTO | ECHO_ACCOUNTING | CRYPTO_ACCOUNTING => "floor",
        _ => "other",
    };
    let end = x(bar.micros);
    let decimals = match bar.micros {
        micros if micros < 10.0 => 2,
        micros if micros < 100.0 => 1,
        _ => 0,
    };
    let _infallible = writeln!(
        body,
        r#"<text x="{:.0}" y="{:.0}" text-anchor="end">{}</text><rect class="{class}" x="{LABEL_WIDTH}" y="{y:.0}" width="{:.1}" height="{BAR}" rx="2"/><text x="{:.1}" y="{:.0}">{:.decimals$}</text>"#,
        LABEL_WIDTH - 8.0,
        y + 13.0,
        bar.server,
        (end - LABEL_WIDTH).max(1.0),
        end + 6.0,
        y + 13.0,
        bar.micros
    );
    y + PITCH
}

/// Kinds in the order they were measured, each with its servers, the cheapest first.
fn groups(figures: &Macro) -> Vec<(Kind, Vec<Bar>)> {
    let mut groups: Vec<(Kind, Vec<Bar>)> = Vec::new();
    for series in figures
        .series
        .iter()
        .filter(|s| s.pacing == Pacing::Saturation)
    {
        let Some(nanos) = series.median(|sample| sample.cpu) else {
            continue;
        };
        let bar = Bar {
            server: series.server.clone(),
            micros: nanos / 1e3,
        };
        match groups.iter_mut().find(|(kind, _)| *kind == series.kind) {
            Some((_, bars)) => bars.push(bar),
            None => groups.push((series.kind, vec![bar])),
        }
    }
    for (_, bars) in &mut groups {
        bars.sort_by(|a, b| a.micros.total_cmp(&b.micros));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Sample, Series};

    fn series(server: &str, cpu: f64) -> Series {
        let sample = Sample {
            cpu,
            rate: 1.0,
            p50: 1.0,
            p99: 1.0,
            requests: 1,
            resent: 0,
            voluntary: 0.0,
            involuntary: 0.0,
        };
        Series {
            server: server.to_owned(),
            kind: Kind::Pap,
            pacing: Pacing::Saturation,
            samples: vec![sample],
        }
    }

    #[test]
    fn ten_times_the_cost_is_one_decade_of_the_scale() {
        let figures = Macro {
            series: vec![
                series("slow", 99_000.0),
                series(GARTHD, 9_900.0),
                series(ECHO, 1_000.0),
            ],
            ..Macro::default()
        };
        let chart = chart(&figures).unwrap();
        let widths: Vec<f64> = chart
            .lines()
            .filter_map(|line| {
                line.split_once(r#"" width=""#)?
                    .1
                    .split_once('"')?
                    .0
                    .parse()
                    .ok()
            })
            .collect();
        let decade = (WIDTH - LABEL_WIDTH - FIGURE_WIDTH) / 2.0;
        assert_eq!(widths.len(), 3, "{chart}");
        assert_eq!(widths[0], 1.0, "a bar of nothing is still seen");
        assert!((widths[2] - widths[1] - decade).abs() < 0.2, "{widths:?}");
    }

    #[test]
    fn nothing_measured_is_no_chart() {
        assert!(chart(&Macro::default()).is_none());
    }
}

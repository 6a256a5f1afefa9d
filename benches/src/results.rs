//! The figures as they are kept: every sample of every round, in `target/bench/results.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::latency::median;
use crate::machine::Machine;
use crate::packets::Kind;
use crate::profile::Profile;

/// How requests followed each other in a sample.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// As many outstanding as the server can use.
    Saturation,
    /// One outstanding at a time.
    One,
    /// A thousand a second.
    Thousand,
    /// Ten thousand a second.
    TenThousand,
}

/// What was measured once.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Sample {
    /// Processor time of the server's process per request, in nanoseconds.
    pub cpu: f64,
    /// Answers a second.
    pub rate: f64,
    /// Half of the answers came within this, in nanoseconds.
    pub p50: f64,
    /// 99 of 100 answers came within this, in nanoseconds.
    pub p99: f64,
    /// Requests answered.
    pub requests: u64,
    /// Requests that had to be sent again.
    pub resent: u64,
    /// Voluntary context switches of the server per 1,000 requests.
    pub voluntary: f64,
    /// Involuntary ones.
    pub involuntary: f64,
}

/// All samples of one server, one kind and one pacing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Series {
    /// Which server.
    pub server: String,
    /// What it was asked.
    pub kind: Kind,
    /// How fast.
    pub pacing: Pacing,
    /// One of each round; empty where the server cannot keep up with the rate.
    pub samples: Vec<Sample>,
}

impl Series {
    /// The median over the rounds of what `of` takes from a sample.
    pub fn median(&self, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.samples.iter().map(of))
    }
}

/// What a server takes at rest.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Standing {
    /// Which server.
    pub server: String,
    /// Resident memory at the end, in octets.
    pub resident: u64,
    /// From its start to its first answer, in nanoseconds.
    pub first_answer: f64,
}

/// The comparison.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Macro {
    /// How many rounds.
    pub rounds: usize,
    /// How many subscribers.
    pub subscribers: u32,
    /// Octets of an Access-Accept of garthd, and so of the floors.
    pub reply_len: usize,
    /// Everything that was measured.
    pub series: Vec<Series>,
    /// Memory and start.
    pub standings: Vec<Standing>,
    /// garthd with one worker and with two: PAP at saturation.
    pub workers: Vec<Series>,
}

impl Macro {
    /// The series of a server.
    pub fn series(&self, server: &str, kind: Kind, pacing: Pacing) -> Option<&Series> {
        self.series
            .iter()
            .find(|s| s.server == server && s.kind == kind && s.pacing == pacing)
    }

    /// Median processor time per request at saturation, in nanoseconds.
    pub fn cpu(&self, server: &str, kind: Kind) -> Option<f64> {
        self.series(server, kind, Pacing::Saturation)?
            .median(|sample| sample.cpu)
    }
}

/// garthd with one number of subscribers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ScaleRow {
    /// How many.
    pub subscribers: u32,
    /// How long garthctl's import of all of them took, in nanoseconds.
    pub import: f64,
    /// Octets of the store's file.
    pub store_len: u64,
    /// From start to first answer after an orderly stop, in nanoseconds.
    pub after_stop: f64,
    /// The same after a kill.
    pub after_kill: f64,
    /// Resident memory after the requests, in octets.
    pub resident: u64,
    /// PAP at saturation.
    pub samples: Vec<Sample>,
}

/// How garthd grows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Scale {
    /// By number of subscribers.
    pub rows: Vec<ScaleRow>,
    /// What was left out, and why.
    pub left_out: Option<String>,
}

/// What a datagram costs garthd that comes unasked.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FloodRow {
    /// What was sent.
    pub name: String,
    /// Processor time per datagram that reached garthd, in nanoseconds, one of each round.
    pub cpu: Vec<f64>,
    /// Datagrams that garthd took.
    pub taken: u64,
    /// Datagrams that found its queue full.
    pub dropped: u64,
}

/// garthd under floods.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Flood {
    /// Datagrams a second in [`Self::rows`].
    pub rate: u32,
    /// An accept first, then the floods.
    pub rows: Vec<FloodRow>,
    /// Resident memory before and after all floods, in octets.
    pub resident: [u64; 2],
    /// p99 of a known NAS at 1,000 a second, quiet and beside an unknown source, in nanoseconds.
    pub p99: [f64; 2],
    /// Datagrams a second of that source.
    pub beside: f64,
    /// Requests of one NAS between a request of another and its retransmission.
    pub between: u64,
    /// Whether that retransmission got the very same reply.
    pub cached: bool,
}

/// Authentication while other things go on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Mixed {
    /// p99 at 10,000 a second, quiet, in nanoseconds, one of each round.
    pub quiet: Vec<f64>,
    /// The same beside accounting and an import.
    pub busy: Vec<f64>,
    /// Accounting records a second beside it.
    pub accounting: Vec<f64>,
    /// How long the import took, in nanoseconds.
    pub import: Vec<f64>,
    /// Lines of the import.
    pub lines: u32,
}

/// One part with when and where it was measured.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Part<T> {
    /// Where.
    pub machine: Machine,
    /// Whether it was a short run, whose figures say little.
    pub quick: bool,
    /// The seed of all that is drawn.
    pub seed: u64,
    /// What.
    pub figures: T,
}

/// Everything, each part of its last run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Results {
    /// The comparison.
    pub comparison: Option<Part<Macro>>,
    /// Authentication beside other work.
    pub mixed: Option<Part<Mixed>>,
    /// By number of subscribers.
    pub scale: Option<Part<Scale>>,
    /// Floods.
    pub flood: Option<Part<Flood>>,
    /// Where the time goes.
    pub profile: Option<Part<BTreeMap<String, Profile>>>,
}

impl Results {
    /// What the file holds; nothing where there is none.
    ///
    /// # Errors
    /// When it is no such file.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path).context("the results")?;
        serde_json::from_str(&text)
            .context("the results are of another version: remove target/bench/results.json")
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("the results as JSON")?;
        fs::write(path, text + "\n").context("the results")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(server: &str, kind: Kind, pacing: Pacing, cpus: &[f64]) -> Series {
        let sample = |cpu: &f64| Sample {
            cpu: *cpu,
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
            kind,
            pacing,
            samples: cpus.iter().map(sample).collect(),
        }
    }

    #[test]
    fn the_processor_time_of_a_server_is_its_median_at_saturation_of_that_kind() {
        let figures = Macro {
            series: vec![
                series("other", Kind::Pap, Pacing::Saturation, &[1.0]),
                series("own", Kind::Chap, Pacing::Saturation, &[2.0]),
                series("own", Kind::Pap, Pacing::One, &[3.0]),
                series("own", Kind::Pap, Pacing::Saturation, &[900.0, 5.0, 4.0]),
                series("own", Kind::Garden, Pacing::Saturation, &[]),
            ],
            ..Macro::default()
        };
        assert_eq!(figures.cpu("own", Kind::Pap), Some(5.0));
        assert_eq!(figures.cpu("own", Kind::Garden), None);
        assert_eq!(figures.cpu("nobody", Kind::Pap), None);
    }

    #[test]
    fn results_of_a_part_are_read_as_they_were_written() {
        let part = Part {
            machine: Machine::here(),
            quick: true,
            seed: 7,
            figures: Mixed {
                quiet: vec![1.5, 2.5],
                lines: 3,
                ..Mixed::default()
            },
        };
        let results = Results {
            mixed: Some(part),
            ..Results::default()
        };
        let path = std::env::temp_dir().join(format!("garth-results-{}", std::process::id()));
        results.write(&path).unwrap();
        let read = Results::read(&path);
        fs::remove_file(&path).unwrap();
        let read = read.unwrap().mixed.unwrap();
        assert_eq!((read.quick, read.seed, read.figures.lines), (true, 7, 3));
        assert_eq!(read.figures.quiet, [1.5, 2.5]);
        assert!(Results::read(&path).unwrap().mixed.is_none());
    }
}

//! Where each microsecond goes: `perf record` on garthd at saturation, grouped by symbol.
//!
//! Samples are by processor time (`cpu-clock`), so it works in virtual machines too.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::measure::{measure, pace};
use crate::packets::{Kind, Load};
use crate::parts::{Settings, progress};
use crate::population::Population;
use crate::process::{GENERATOR_CORE, Process, command, run as run_program};
use crate::results::Pacing;
use crate::servers::garthd::Garthd;

/// Enough for a second or two of one processor: also a quick run must give perf something to see.
const REQUESTS_MIN: usize = 400_000;
/// How often perf looks, in hertz.
const FREQUENCY: &str = "2000";
/// How long perf may take to begin and to end.
const PERF_MAX: Duration = Duration::from_secs(30);
/// How many symbols are kept by name.
const SYMBOLS: usize = 12;

/// The profile of one kind of request.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Profile {
    /// Processor time per request under perf, in nanoseconds.
    pub cpu: f64,
    /// Parts of a hundred by class.
    pub classes: BTreeMap<Class, f64>,
    /// The symbols that took most outside the kernel: parts of a hundred, class, name.
    pub symbols: Vec<(f64, Class, String)>,
}

/// What a symbol is there for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// System calls, sockets, loopback, disk.
    Kernel,
    /// MD5 and HMAC.
    Md5,
    /// Finding the subscriber.
    Lookup,
    /// redb and the writer: accounting alone.
    Store,
    /// Copies and fills of memory, by whomever.
    Memory,
    /// Decoding, duplicates, standing, dialect, batches.
    Rest,
}

impl Class {
    /// All of them in order of tables.
    pub const ALL: [Self; 6] = [
        Self::Kernel,
        Self::Md5,
        Self::Lookup,
        Self::Store,
        Self::Memory,
        Self::Rest,
    ];

    /// The words for it in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Md5 => "MD5",
            Self::Lookup => "lookup",
            Self::Store => "store",
            Self::Memory => "copies and fills",
            Self::Rest => "the rest",
        }
    }

    /// The class of a symbol as perf names it.
    fn of(object: &str, symbol: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| symbol.contains(word));
        if object.starts_with("[kernel")
            || object.starts_with("[guest.kernel")
            || object == "[vdso]"
        {
            Self::Kernel
        } else if has(&["md5", "Md5", "hmac", "Hmac", "digest", "crypto", "lanes"]) {
            Self::Md5
        } else if has(&[
            "garth_store::index",
            "Directory",
            "directory",
            "papaya",
            "hashbrown",
            "SipHasher",
        ]) {
            Self::Lookup
        } else if has(&["redb", "garth_store", "xxh3", "minicbor", "sha2", "sha256"]) {
            Self::Store
        } else if has(&["memcpy", "memmove", "memset", "memcmp"]) {
            Self::Memory
        } else {
            Self::Rest
        }
    }
}

/// Profiles garthd with PAP and with accounting.
///
/// # Errors
/// When perf does not run here, or garthd does not start or answers wrongly.
pub fn run(settings: &Settings) -> Result<BTreeMap<String, Profile>> {
    let folder = settings.empty_folder("profile")?;
    let population = Population::new(settings.subscribers());
    let garthd = Garthd::new("garthd", &folder, 1, population)?;
    let (mut server, _) = garthd.start_and_import()?;
    let mut profiles = BTreeMap::new();
    for (number, kind) in [Kind::Pap, Kind::Accounting].into_iter().enumerate() {
        progress(&format!("profile: {}", kind.title()));
        let requests = REQUESTS_MIN.max(4 * settings.requests());
        let seed = settings.seed_of(&[600 + number]);
        let load = Load::new(kind, requests, population, seed);
        let data = folder.join(format!("perf-{number}.data"));
        let mut perf = record(server.pid(), &data, &folder.join("perf.log"))?;
        let pace = pace(&server, kind, Pacing::Saturation);
        let sample = measure(&mut server, &load, pace, 4 * settings.time_max())?;
        kill(perf.pid(), Signal::SIGINT).context("ending perf")?;
        clock::wait_for("the end of perf", PERF_MAX, || {
            Ok(perf.check().is_err().then_some(()))
        })?;
        let mut profile = read(&report(&data)?);
        profile.cpu = sample.cpu;
        profiles.insert(kind.title().to_owned(), profile);
    }
    Ok(profiles)
}

fn record(pid: Pid, data: &Path, log: &Path) -> Result<Process> {
    let mut perf = command("perf", &GENERATOR_CORE.to_string());
    perf.args(["record", "--quiet", "--event", "cpu-clock"])
        .args(["--freq", FREQUENCY, "--pid", &pid.to_string(), "--output"])
        .arg(data);
    let mut perf = Process::start("perf record", &mut perf, log)?;
    clock::wait_for("perf to look", PERF_MAX, || {
        perf.check()?;
        Ok(has_events(perf.pid()).then_some(()))
    })?;
    Ok(perf)
}

/// Whether perf has asked the kernel for its samples already; its file is there before that.
fn has_events(perf: Pid) -> bool {
    let open = std::fs::read_dir(format!("/proc/{perf}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let mut targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.any(|target| target.to_string_lossy().contains("[perf_event]"))
}

/// What perf says, a line for each symbol: part of a hundred, object, symbol.
fn report(data: &Path) -> Result<String> {
    let mut perf = Command::new("perf");
    perf.args(["report", "--stdio", "--no-children", "--percent-limit", "0"])
        .args(["--sort", "dso,symbol", "--field-separator", "\t", "--input"])
        .arg(data)
        .stdin(Stdio::null());
    run_program(&mut perf)
}

fn read(report: &str) -> Profile {
    let mut profile = Profile::default();
    for line in report.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t').map(str::trim);
        let (Some(percent), Some(object), Some(symbol)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Ok(percent) = percent.trim_end_matches('%').parse::<f64>() else {
            continue;
        };
        // "[.] name" of the program, "[k] name" of the kernel.
        let name = symbol.split_once("] ").map_or(symbol, |(_, name)| name);
        let object = if symbol.starts_with("[k]") {
            "[kernel]"
        } else {
            object
        };
        let class = Class::of(object, name);
        *profile.classes.entry(class).or_default() += percent;
        if class != Class::Kernel {
            profile.symbols.push((percent, class, name.to_owned()));
        }
    }
    profile.symbols.sort_by(|a, b| b.0.total_cmp(&a.0));
    profile.symbols.truncate(SYMBOLS);
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_perf_finds_its_class() {
        let profile = read(
            "# Overhead\tObject\tSymbol\n\
             20.00%\t[kernel.kallsyms]\t[k] __udp4_lib_rcv\n\
             11.00%\t[guest.kernel.kallsyms]\t[g] native_write_msr\n\
             5.00%\t[vdso]\t[.] __vdso_clock_gettime\n\
             4.00%\tgarthd\t[k] retint_user\n\
             17.00%\tgarthd\t[.] garth_store::index::Index::by_user_name\n\
             30.00%\tgarthd\t[.] md5::compress::compress\n\
             6.00%\tgarthd\t[.] garth_radius::packet::Packet::decode\n\
             3.00%\tgarthd\t[.] garth_store::writer::commit\n\
             4.00%\tlibc.so.6\t[.] __memmove_avx512_unaligned_erms\n",
        );
        let of = |class| profile.classes.get(&class).copied();
        let classes = Class::ALL.map(of);
        let expected = [40.0, 30.0, 17.0, 3.0, 4.0, 6.0].map(Some);
        assert_eq!(classes, expected);
    }

    #[test]
    fn the_symbols_that_take_most_outside_the_kernel_are_kept() {
        let line = |n: usize| format!("{n}.00%\tgarthd\t[.] symbol{n}\n");
        let mut report: String = (1..=SYMBOLS + 3).map(line).collect();
        report.push_str("90.00%\t[kernel]\t[k] of_the_kernel\n");
        let symbols = read(&report).symbols;
        let names: Vec<_> = symbols.iter().map(|(_, _, name)| name.as_str()).collect();
        let most = (4..=SYMBOLS + 3).rev().map(|n| format!("symbol{n}"));
        assert_eq!(names, most.collect::<Vec<_>>());
    }
}

//! What the figures were measured on and of, as far as others can compare it.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::process::run;

/// The machine and the versions.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Machine {
    /// Model, family and flags that matter for MD5.
    pub processor: String,
    /// How many processors.
    pub cores: String,
    /// Memory in GiB.
    pub memory: String,
    /// Operating system's kernel.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// FreeRADIUS's package.
    pub freeradius: String,
    /// Commit of Garth, `+` when something was changed since.
    pub commit: String,
    /// The day, UTC.
    pub day: String,
}

impl Machine {
    /// This one, now. What cannot be found out is said to be unknown.
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let flags = field("flags").unwrap_or_default();
        let wide: Vec<&str> = ["avx2", "avx512bw"]
            .into_iter()
            .filter(|flag| flags.split_whitespace().any(|known| known == *flag))
            .collect();
        let model = field("model name").unwrap_or_else(unknown);
        let family = field("cpu family").unwrap_or_else(unknown);
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kibibytes: u64 = meminfo
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        let changed = !said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
        Self {
            processor: format!("{model} (family {family}; {})", wide.join(", ")),
            cores: said("nproc", &["--all"]),
            memory: (kibibytes >> 20).to_string(),
            kernel: said("uname", &["-sr"]),
            rustc: said("rustc", &["--version"]),
            freeradius: said(
                "dpkg-query",
                &["--show", "--showformat", "${Version}", "freeradius"],
            ),
            commit: said("git", &["rev-parse", "--short", "HEAD"]) + if changed { "+" } else { "" },
            day: said("date", &["-u", "+%Y-%m-%d"]),
        }
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn said(program: &str, arguments: &[&str]) -> String {
    run(Command::new(program).args(arguments))
        .map_or_else(|_| unknown(), |said| said.trim().to_owned())
}

//! What `scripts/bench` names: each part starts its servers, measures, and returns its figures.

pub mod comparison;
pub mod flood;
pub mod mixed;
pub mod scale;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of servers and figures.
    pub folder: PathBuf,
    /// A short run, to see that everything works.
    pub quick: bool,
    /// What all that is drawn is drawn from.
    pub seed: u64,
    /// The most subscribers of the part about their number.
    pub most: u32,
    /// How often everything is measured.
    pub rounds: usize,
}

impl Settings {
    /// Of a sample: no request is begun after this.
    pub const fn time_max(&self) -> Duration {
        Duration::from_millis(if self.quick { 300 } else { 3_000 })
    }

    /// Subscribers of everything but the part about their number.
    pub const fn subscribers(&self) -> u32 {
        if self.quick { 10_000 } else { 100_000 }
    }

    /// Requests of a sample at saturation.
    pub const fn requests(&self) -> usize {
        if self.quick { 10_000 } else { 200_000 }
    }

    /// A seed for the load with these numbers, like no other.
    pub fn seed_of(&self, numbers: &[usize]) -> u64 {
        numbers.iter().fold(self.seed, |seed, number| {
            let number = u64::try_from(*number).unwrap_or(u64::MAX);
            (seed ^ number.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        })
    }

    /// An empty folder for a part.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub fn empty_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        remove(&folder)?;
        fs::create_dir_all(&folder).context("a folder for a part")?;
        Ok(folder)
    }
}

/// Removes a folder, if it is there.
///
/// # Errors
/// When the system refuses.
pub fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("removing a folder")?;
    }
    Ok(())
}

/// Says what goes on, on standard error.
pub fn progress(line: &str) {
    // Nobody may be listening.
    drop(writeln!(std::io::stderr(), "bench: {line}"));
}

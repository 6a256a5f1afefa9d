//! Writes the seeds of every target to a folder of its name: `write_seeds FOLDER`.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use garth_fuzz::seeds;

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).context("usage: write_seeds FOLDER")?;
    let folder = PathBuf::from(folder);
    for (target, _) in seeds::TARGETS {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    }
    for seed in seeds::all() {
        let path = folder.join(seed.target).join(&seed.name);
        fs::write(&path, &seed.octets).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

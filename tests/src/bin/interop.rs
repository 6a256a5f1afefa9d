//! The page of peers: `interop write PAGE` makes it from what tests recorded, `interop check PAGE` compares.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use garth_tests::interop::{differences, page, recorded};

fn main() -> ExitCode {
    match interop() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a standard error there is nobody to tell.
            drop(writeln!(io::stderr(), "interop: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn interop() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, path] = &arguments[..] else {
        bail!("usage: interop write|check PAGE");
    };
    let rows = recorded()?;
    match verb.as_str() {
        "write" => fs::write(path, page(&rows)).with_context(|| format!("writing {path}")),
        "check" => {
            let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
            let found = differences(&text, &rows);
            ensure!(
                found.is_empty(),
                "{path} is not what the tests recorded; `make docs` writes it anew\n{}",
                found.join("\n")
            );
            Ok(())
        }
        other => bail!("usage: interop write|check PAGE, not {other}"),
    }
}

//! The measuring instrument: `bench macro|mixed|scale|flood|profile|all|render`. See `scripts/bench --help`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use garth_benches::machine::Machine;
use garth_benches::parts::{Settings, comparison, flood, mixed, progress, scale};
use garth_benches::process::pin_generator;
use garth_benches::results::{Part, Results};
use garth_benches::{profile, report, svg};

/// Measures Garth beside FreeRADIUS and the floors
#[derive(Parser)]
struct Arguments {
    /// What is measured
    #[arg(required = true)]
    parts: Vec<Name>,
    /// A run under two minutes, to see that everything works
    #[arg(long)]
    quick: bool,
    /// What all that is drawn is drawn from
    #[arg(long, default_value_t = 20_261_121)]
    seed: u64,
    /// How often everything is measured
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// The most subscribers that `scale` imports
    #[arg(long, default_value_t = 10_000_000, value_name = "N")]
    most: u32,
    /// Where servers and figures are kept
    #[arg(long, default_value = "target/bench", value_name = "FOLDER")]
    folder: PathBuf,
    /// Write the page and the chart into this folder instead of beside the figures
    #[arg(long, value_name = "FOLDER")]
    publish: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Name {
    /// Garth beside FreeRADIUS and the floors
    Macro,
    /// Authentication beside accounting and an import
    Mixed,
    /// By number of subscribers
    Scale,
    /// Floods
    Flood,
    /// Where each microsecond goes
    Profile,
    /// All of these, beginning from nothing
    All,
    /// Only the page, from the figures that are there
    Render,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    fs::create_dir_all(&arguments.folder).context("the folder of the figures")?;
    let folder = arguments
        .folder
        .canonicalize()
        .context("the folder of the figures")?;
    let file = folder.join("results.json");
    let quick = arguments.quick;
    let settings = Settings {
        folder: folder.clone(),
        quick,
        seed: arguments.seed,
        most: arguments.most,
        rounds: arguments.rounds.unwrap_or(if quick { 1 } else { 5 }).max(1),
    };
    progress(&format!(
        "seed {}, {} rounds",
        settings.seed, settings.rounds
    ));
    pin_generator()?;
    let mut results = Results::read(&file)?;
    for name in &arguments.parts {
        let parts = match name {
            Name::All => {
                results = Results::default();
                vec![
                    Name::Macro,
                    Name::Mixed,
                    Name::Scale,
                    Name::Flood,
                    Name::Profile,
                ]
            }
            one @ (Name::Macro
            | Name::Mixed
            | Name::Scale
            | Name::Flood
            | Name::Profile
            | Name::Render) => vec![*one],
        };
        for part in parts {
            measure(part, &settings, &mut results)?;
            results.write(&file)?;
        }
    }
    publish(&results, arguments.publish.as_deref().unwrap_or(&folder))
}

fn measure(name: Name, settings: &Settings, results: &mut Results) -> Result<()> {
    match name {
        Name::Macro => {
            results.comparison = Some(part(settings, comparison::run(settings)?));
        }
        Name::Mixed => results.mixed = Some(part(settings, mixed::run(settings)?)),
        Name::Scale => results.scale = Some(part(settings, scale::run(settings)?)),
        Name::Flood => results.flood = Some(part(settings, flood::run(settings)?)),
        Name::Profile => results.profile = Some(part(settings, profile::run(settings)?)),
        Name::All | Name::Render => {}
    }
    Ok(())
}

fn part<T>(settings: &Settings, figures: T) -> Part<T> {
    Part {
        machine: Machine::here(),
        quick: settings.quick,
        seed: settings.seed,
        figures,
    }
}

/// Writes the page, and the chart where there is one.
fn publish(results: &Results, folder: &Path) -> Result<()> {
    let page = folder.join("BENCHMARKS.md");
    fs::write(&page, report::render(results)?).context("BENCHMARKS.md")?;
    if let Some(chart) = results
        .comparison
        .as_ref()
        .and_then(|part| svg::chart(&part.figures))
    {
        fs::create_dir_all(folder.join("benches")).context("the folder of the chart")?;
        fs::write(folder.join("benches/results.svg"), chart).context("the chart")?;
    }
    progress(&format!("written: {}", page.display()));
    Ok(())
}

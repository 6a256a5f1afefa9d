//! BENCHMARKS.md: the template's prose with tables of the figures in it.
//!
//! Everything measured is rendered from [`Results`]; a part that was not measured says so.

mod tables;
mod targets;

use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::results::{Part, Results};

/// The prose, with `{{name}}` where a table belongs.
const TEMPLATE: &str = include_str!("../../BENCHMARKS.template.md");

/// What stands for a figure that there is none of.
const NONE: &str = "–";

/// The page.
///
/// # Errors
/// When the template names a table that nobody makes.
pub fn render(results: &Results) -> Result<String> {
    let mut page = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            bail!("the template has {{{{ without }}}}");
        };
        page.push_str(before);
        page.push_str(&table(name, results)?);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

fn table(name: &str, results: &Results) -> Result<String> {
    let comparison = results.comparison.as_ref();
    Ok(match name {
        "machine" => machine(results),
        "targets" => targets::table(results),
        "cpu" => of(comparison, tables::cpu),
        "latency" => of(comparison, tables::latency),
        "standing" => of(comparison, tables::standing),
        "workers" => of(comparison, tables::workers),
        "subscribers" => of(comparison, |figures| {
            format!(
                "{} subscribers, {} rounds",
                figures.subscribers, figures.rounds
            )
        }),
        "mixed" => of(results.mixed.as_ref(), tables::mixed),
        "scale" => of(results.scale.as_ref(), tables::scale),
        "flood" => of(results.flood.as_ref(), tables::flood),
        "profile" => of(results.profile.as_ref(), tables::profile),
        _ => bail!("the template asks for {name}, which nobody makes"),
    })
}

fn of<T>(part: Option<&Part<T>>, table: impl FnOnce(&T) -> String) -> String {
    part.map_or_else(|| "Not measured.\n".to_owned(), |part| table(&part.figures))
}

/// Where each part was measured; one table when all were measured alike.
fn machine(results: &Results) -> String {
    let parts = [
        ("comparison", results.comparison.as_ref().map(about)),
        ("mixed", results.mixed.as_ref().map(about)),
        ("scale", results.scale.as_ref().map(about)),
        ("flood", results.flood.as_ref().map(about)),
        ("profile", results.profile.as_ref().map(about)),
    ];
    let mut known: Vec<(Vec<&str>, String)> = Vec::new();
    for (name, about) in parts {
        let Some(about) = about else { continue };
        match known.iter_mut().find(|(_, text)| *text == about) {
            Some((names, _)) => names.push(name),
            None => known.push((vec![name], about)),
        }
    }
    let mut text = String::new();
    for (names, about) in known {
        let _infallible = writeln!(text, "Of {}:\n\n{about}", names.join(", "));
    }
    text
}

fn about<T>(part: &Part<T>) -> String {
    let machine = &part.machine;
    let rows = [
        ("processor", &machine.processor),
        ("processors", &machine.cores),
        ("memory, GiB", &machine.memory),
        ("kernel", &machine.kernel),
        ("rustc", &machine.rustc),
        ("FreeRADIUS (Debian)", &machine.freeradius),
        ("Garth's commit", &machine.commit),
        ("day", &machine.day),
    ];
    let mut text = "| | |\n|---|---|\n".to_owned();
    for (name, value) in rows {
        let _infallible = writeln!(text, "| {name} | {value} |");
    }
    let quick = if part.quick {
        " **A quick run: these figures say that everything works, and nothing else.**"
    } else {
        ""
    };
    let _infallible = writeln!(text, "| seed | {} |\n{quick}", part.seed);
    text
}

/// A figure with three digits that matter.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// Nanoseconds as microseconds.
fn micros(nanos: Option<f64>) -> String {
    nanos.map_or_else(|| NONE.to_owned(), |nanos| digits(nanos / 1e3))
}

/// Nanoseconds as seconds.
fn seconds(nanos: f64) -> String {
    digits(nanos / 1e9)
}

/// Octets as MiB.
fn mebibytes(octets: u64) -> String {
    digits(crate::measure::float(octets) / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_template_has_a_table_also_when_nothing_was_measured() {
        let page = render(&Results::default()).unwrap();
        assert!(!page.contains("{{") && page.contains("Not measured."));
    }

    #[test]
    fn figures_show_three_digits() {
        let shown = [0.1234, 1.234, 12.34, 123.4, 1234.0].map(digits);
        assert_eq!(shown, ["0.12", "1.23", "12.3", "123", "1234"]);
    }
}

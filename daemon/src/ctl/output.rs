//! Standard output: the one place that writes to it.

use std::io::{self, IsTerminal, StdoutLock, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::failure::Failure;

/// Standard output, locked, for people or for programs.
pub(super) struct Output {
    stdout: io::BufWriter<StdoutLock<'static>>,
    json: bool,
    terminal: bool,
}

/// Characters that turn the order of the others round, or break a line where a terminal knows them: a name
/// with them reads as another one.
const fn misleads(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// The text with control characters escaped, so that no name can steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = (c.is_control() && c != '\n' && c != '\t') || misleads(c);
            let plain = (!escaped).then_some(c);
            plain
                .into_iter()
                .chain(escaped.then(|| c.escape_default()).into_iter().flatten())
        })
        .collect()
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            stdout: io::BufWriter::new(stdout.lock()),
            json,
            terminal,
        }
    }

    /// Whether a program reads.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// One line for people.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        Ok(writeln!(self.stdout, "{}", printable(text.as_ref()))?)
    }

    /// Octets as they are.
    pub(super) fn raw(&mut self, octets: &[u8]) -> Result<(), Failure> {
        Ok(self.stdout.write_all(octets)?)
    }

    /// One line of JSON.
    pub(super) fn json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.stdout, document).map_err(io::Error::from)?;
        Ok(writeln!(self.stdout)?)
    }

    /// A table; columns apart by spaces where no terminal is.
    pub(super) fn table(
        &mut self,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<(), Failure> {
        let mut table = Table::new();
        let framed = self.terminal && !header.is_empty();
        table.load_preset(if framed {
            presets::UTF8_BORDERS_ONLY
        } else {
            presets::NOTHING
        });
        if self.terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if !header.is_empty() {
            table.set_header(header);
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        for line in table.lines() {
            // The padding of the first column is for frames.
            let line = if framed {
                &line
            } else {
                line.strip_prefix(' ').unwrap_or(&line)
            };
            writeln!(self.stdout, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Keys and values, one below the other.
    pub(super) fn pairs<'a>(
        &mut self,
        pairs: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<(), Failure> {
        let rows = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        self.table(&[], rows.map(|(key, value)| vec![key.to_owned(), value]))
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }
}

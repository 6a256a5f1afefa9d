//! Standard output: the one place that writes to it.

use std::io::{self, IsTerminal, StdoutLock, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

use super::failure::Failure;
use super::zone::Zone;

/// Standard output, locked, for people or for programs.
pub(super) struct Output {
    stdout: io::BufWriter<StdoutLock<'static>>,
    json: bool,
    terminal: bool,
    zone: Zone,
}

/// How wide the keys of a group are, so that groups line up.
const GROUP_KEY_WIDTH: usize = 36;

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
    pub(super) fn new(json: bool, zone: Zone) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            stdout: io::BufWriter::new(stdout.lock()),
            json,
            terminal,
            zone,
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

    /// In which people read times.
    pub(super) fn zone(&self) -> Zone {
        self.zone.clone()
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

    /// A table, columns apart by spaces. It is never folded: what is too wide for a terminal is
    /// wrapped there, and an id can still be copied. On a terminal, columns without any value are
    /// left out; elsewhere all are there, so that a column stays where it is.
    pub(super) fn table(
        &mut self,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<(), Failure> {
        let rows: Vec<Vec<String>> = rows.into_iter().collect();
        let is_shown = |column: &usize| {
            !self.terminal || rows.is_empty() || rows.iter().any(|row| !row[*column].is_empty())
        };
        let columns = rows.first().map_or(header.len(), Vec::len);
        let shown: Vec<usize> = (0..columns).filter(is_shown).collect();
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        if !header.is_empty() {
            table.set_header(shown.iter().map(|column| header[*column]));
        }
        for row in &rows {
            table.add_row(shown.iter().map(|column| printable(&row[*column])));
        }
        for line in table.lines() {
            // The padding of the first column is for frames.
            let line = line.strip_prefix(' ').unwrap_or(&line);
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

    /// Keys and values under a heading; nothing at all where there are none.
    pub(super) fn group(
        &mut self,
        heading: &str,
        pairs: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        if pairs.is_empty() {
            return Ok(());
        }
        writeln!(self.stdout, "\n{heading}")?;
        for (key, value) in pairs {
            let (key, value) = (printable(&key), printable(&value));
            writeln!(self.stdout, "  {key:<GROUP_KEY_WIDTH$}  {value}")?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }
}

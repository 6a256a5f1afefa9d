//! Complaints about a configuration file: all of them at once, each at its place.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use toml::Spanned;

/// The most complaints shown at once; the first ones are what matters.
const PROBLEMS_MAX: usize = 50;

/// What is wrong at one place: file, line, key, value and what is allowed.
#[derive(Debug, Diagnostic, thiserror::Error)]
#[error("{place}: {key}: {message}")]
pub(super) struct Problem {
    place: Place,
    key: String,
    message: String,
    #[help]
    allowed: Option<String>,
    #[source_code]
    text: NamedSource<Arc<str>>,
    #[label("here")]
    span: SourceSpan,
}

/// File and line.
#[derive(Debug)]
struct Place {
    file: Arc<str>,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// All that is wrong with a file.
#[derive(Debug, Diagnostic, thiserror::Error)]
#[error("{file} is not a valid configuration")]
struct Invalid {
    file: Arc<str>,
    #[related]
    problems: Vec<Problem>,
}

/// Collects complaints while a file is checked.
pub(super) struct Problems {
    file: Arc<str>,
    /// The file with its secrets blotted out, octet for octet.
    shown: Arc<str>,
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self {
            file: file.into(),
            shown: blot_secrets(text).into(),
            found: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// One more complaint.
    pub(super) fn add(
        &mut self,
        key: &str,
        span: Range<usize>,
        message: impl fmt::Display,
        allowed: Option<&str>,
    ) {
        if self.found.len() >= PROBLEMS_MAX {
            return;
        }
        let before = self.shown.get(..span.start).unwrap_or(&self.shown);
        self.found.push(Problem {
            place: Place {
                file: Arc::clone(&self.file),
                line: before.matches('\n').count() + 1,
            },
            key: key.to_owned(),
            message: message.to_string(),
            allowed: allowed.map(str::to_owned),
            text: NamedSource::new(&self.file, Arc::clone(&self.shown)),
            span: span.into(),
        });
    }

    /// What the TOML reader complains of: syntax, a wrong type, an unknown or missing key.
    pub(super) fn add_toml(&mut self, error: &toml::de::Error) {
        let span = error.span().unwrap_or(0..0);
        let key = key_at(&self.shown, span.start);
        let blotted = self.shown.get(span.clone()).unwrap_or_default();
        let is_secret = !blotted.is_empty() && blotted.bytes().all(|octet| octet == b'*');
        // The reader's own words would hold the value: "invalid type: integer `4711`".
        let message = if is_secret {
            "is not a text in quotes"
        } else {
            error.message()
        };
        self.add(&key, span, message, None);
    }

    /// The value of `text` as a `T`, or a complaint with the value and what is allowed.
    pub(super) fn parse<T>(&mut self, key: &str, text: &Spanned<String>, allowed: &str) -> Option<T>
    where
        T: FromStr<Err: fmt::Display>,
    {
        match text.get_ref().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let message = format!("{:?}: {error}", text.get_ref());
                self.add(key, text.span(), message, Some(allowed));
                None
            }
        }
    }

    /// The choice that `text` names, or a complaint that lists the choices.
    pub(super) fn choose<T: Copy>(
        &mut self,
        key: &str,
        text: &Spanned<String>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices
            .iter()
            .find(|(name, _)| name == text.get_ref())
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.add(
                key,
                text.span(),
                format_args!("{:?} is not known", text.get_ref()),
                Some(&format!("allowed: {}", names.join(", "))),
            );
        }
        found
    }

    /// `value` if it is within `allowed`.
    pub(super) fn within(
        &mut self,
        key: &str,
        value: &Spanned<u32>,
        allowed: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        if allowed.contains(value.get_ref()) {
            return Some(*value.get_ref());
        }
        let (least, most) = allowed.into_inner();
        self.add(
            key,
            value.span(),
            format_args!("{} is out of range", value.get_ref()),
            Some(&format!("allowed: {least} to {most}")),
        );
        None
    }

    /// The report of everything found.
    pub(super) fn into_report(self) -> miette::Report {
        Invalid {
            file: self.file,
            problems: self.found,
        }
        .into()
    }
}

/// `[section]` and key at an offset, for errors of the TOML reader, which name neither.
fn key_at(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let section = before
        .lines()
        .rev()
        .chain(std::iter::once(line))
        .find(|line| line.trim_start().starts_with('['))
        .map(|line| {
            line.trim_start_matches(['[', ' '])
                .split(']')
                .next()
                .unwrap_or_default()
        });
    let key = line
        .split_once('=')
        .map(|(key, _)| key.trim())
        .filter(|key| !key.is_empty());
    match (section, key) {
        (Some(section), Some(key)) => format!("{section}.{key}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "top level".to_owned(),
    }
}

/// The text with the value of every `secret = …` replaced by as many asterisks.
///
/// Complaints show the lines around the fault; a secret must not be among them. Where in doubt
/// (a secret over several lines, an unclosed quote), more is blotted out, never less.
fn blot_secrets(text: &str) -> String {
    const KEY: &str = "secret";
    let mut shown = String::with_capacity(text.len());
    let mut in_long_string = None;
    for line in text.split_inclusive('\n') {
        if let Some(quotes) = in_long_string {
            blot(&mut shown, line);
            if line.contains(quotes) {
                in_long_string = None;
            }
            continue;
        }
        // The key alone, bare or quoted; `secret_file` and `secret_credential` are no secrets.
        let value = line.match_indices(KEY).find_map(|(at, _)| {
            let rest = line[at + KEY.len()..].trim_start_matches(['"', '\'', ' ', '\t']);
            rest.strip_prefix('=').map(|value| line.len() - value.len())
        });
        match value {
            Some(start) => {
                shown.push_str(&line[..start]);
                blot(&mut shown, &line[start..]);
                in_long_string = ["\"\"\"", "'''"]
                    .into_iter()
                    .find(|quotes| line[start..].matches(quotes).count() == 1);
            }
            None => shown.push_str(line),
        }
    }
    shown
}

fn blot(shown: &mut String, secret: &str) {
    let keep_newline = secret.ends_with('\n');
    let octets = secret.len() - usize::from(keep_newline);
    shown.extend(std::iter::repeat_n('*', octets));
    if keep_newline {
        shown.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blotted_out_octet_for_octet() {
        let text = "name = \"a\"\nsecret = \"tüllip\"\nsecret_file = \"/x\"\n[x]\n\"secret\"='y'\n";
        let shown = blot_secrets(text);
        assert_eq!(shown.len(), text.len());
        assert!(!shown.contains("llip") && !shown.contains('y'), "{shown}");
        assert!(shown.contains("name = \"a\"") && shown.contains("secret_file = \"/x\""));
    }

    #[test]
    fn a_secret_that_is_no_text_is_not_in_the_complaint() {
        for value in ["918273645", "9182.73645", "1918-12-31", "0x918273645"] {
            let text = format!("[[nas]]\nsecret = {value}\n");
            let read = crate::config::Config::read("garthd.toml", &text, None);
            let report = read.err().unwrap();
            let told = format!("{report:?}");
            assert!(!told.contains("918") && told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_secret_over_several_lines_is_blotted_out_to_its_end() {
        let shown = blot_secrets("secret = \"\"\"\ntulip\nrose\"\"\"\nname = \"a\"\n");
        assert!(
            !shown.contains("tulip") && !shown.contains("rose"),
            "{shown}"
        );
        assert!(shown.contains("name = \"a\""));
    }
}

//! One loader for every user of the wire vectors. Included by path: no crate of its own.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of `radius/vectors/`: `key: value` lines in order; lines that begin with a space
/// continue the value before them; lines that begin with `#` are comments.
pub(crate) struct Vector {
    pub(crate) path: PathBuf,
    pub(crate) lines: Vec<String>,
}

impl Vector {
    /// Every vector, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
            .expect("the vectors are part of the source")
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
            .collect();
        paths.sort();
        paths
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(&path).expect("a vector is text");
                let lines = text.lines().map(str::to_owned).collect();
                Self { path, lines }
            })
            .collect()
    }

    /// The value of a key, its continuation lines joined with spaces.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let prefix = format!("{key}:");
        let at = self
            .lines
            .iter()
            .position(|line| line.starts_with(&prefix))?;
        let mut value = self.lines[at][prefix.len()..].trim().to_owned();
        for line in self.lines[at + 1..]
            .iter()
            .take_while(|line| line.starts_with(' '))
        {
            value.push(' ');
            value.push_str(line.trim());
        }
        Some(value.trim().to_owned())
    }

    /// The value of a key as octets in hexadecimal.
    pub(crate) fn octets(&self, key: &str) -> Option<Vec<u8>> {
        let digits: String = self.text(key)?.split_whitespace().collect();
        let octets = digits.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hexadecimal is text");
            u8::from_str_radix(pair, 16).expect("two hexadecimal digits an octet")
        });
        Some(octets.collect())
    }

    /// Replaces the one-line value of `expect` and writes the file.
    pub(crate) fn rewrite(&mut self, expect: &str) {
        self.lines.retain(|line| !line.starts_with("expect:"));
        self.lines.push(format!("expect: {expect}"));
        fs::write(&self.path, self.lines.join("\n") + "\n").expect("the vectors can be written");
    }
}

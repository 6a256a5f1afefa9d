//! One loader for every user of the wire vectors: tests of `radius`, and the seeds of `fuzz`. Included by path:
//! no crate of its own, and no user needs all of it.
//!
//! What comes to Garth is in `radius/vectors/`, what a NAS is told in each dialect in `radius/vectors/dialects/`.
//!
//! A vector is `key: value` lines; lines that begin with a space continue the value before them, lines that begin
//! with `#` are comments. A file that lacks a key its port needs, or has another one, is refused.
//!
//! | key | value |
//! |---|---|
//! | `source` | where the octets are from: a standard and its section, or a program |
//! | `port` | `auth`, `acct`, `coa-answer`, or `radsec`: what reads them; `nas`: a NAS does |
//! | `policy` | at `auth` and `acct`: whether Message-Authenticator is demanded, `require` or `off` |
//! | `secret` | shared with the NAS; not at `radsec` |
//! | `request` | hexadecimal: what comes to a port, or what was sent to the NAS |
//! | `answer` | hexadecimal, at `coa-answer`: what comes back from the NAS |
//! | `stream` | hexadecimal, at `radsec`: what comes on one connection inside TLS |
//! | `response` | hexadecimal, may be missing: what the standard's own server answered |
//! | `dialect`, `state` | at `nas`: in whose words, and what is told, such as `coa-full` |
//! | `packet` | hexadecimal, at `nas`: what is told; `UPDATE_VECTORS=1` rewrites it |
//! | `expect` | what becomes of it, in words; `UPDATE_VECTORS=1` rewrites it |

use std::fs;
use std::path::PathBuf;

/// What reads a vector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Port {
    Auth,
    Acct,
    CoaAnswer,
    Radsec,
    Nas,
}

impl Port {
    fn new(name: &str) -> Option<Self> {
        match name {
            "auth" => Some(Self::Auth),
            "acct" => Some(Self::Acct),
            "coa-answer" => Some(Self::CoaAnswer),
            "radsec" => Some(Self::Radsec),
            "nas" => Some(Self::Nas),
            _ => None,
        }
    }

    /// The keys that must be there.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Auth | Self::Acct => &["source", "port", "policy", "secret", "request", "expect"],
            Self::Radsec => &["source", "port", "stream", "expect"],
            Self::CoaAnswer => &["source", "port", "secret", "request", "answer", "expect"],
            Self::Nas => &[
                "source", "port", "dialect", "state", "secret", "packet", "expect",
            ],
        }
    }
}

/// Keys whose values are octets.
const HEXADECIMAL: [&str; 5] = ["request", "answer", "response", "stream", "packet"];
/// Octets of a line of hexadecimal.
const LINE_LEN: usize = 16;
/// Where the vectors are.
const FOLDERS: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../radius/vectors"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../radius/vectors/dialects"),
];

/// One file of [`FOLDERS`].
pub(crate) struct Vector {
    path: PathBuf,
    lines: Vec<String>,
}

impl Vector {
    /// Every vector, by name.
    ///
    /// # Panics
    /// When one is not written as above.
    pub(crate) fn all() -> Vec<Self> {
        let entries = FOLDERS
            .iter()
            .flat_map(|folder| fs::read_dir(folder).expect("the vectors are part of the source"));
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
            .collect();
        paths.sort();
        paths
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(&path).expect("a vector is text");
                let vector = Self::parse(path, &text);
                vector.unwrap_or_else(|error| panic!("{error}"))
            })
            .collect()
    }

    /// Reads one vector.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub(crate) fn parse(path: PathBuf, text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::to_owned).collect();
        let vector = Self { path, lines };
        let wrong = |what: String| format!("{}: {what}", vector.path.display());
        let name = vector.text("port").unwrap_or_default();
        let port = Port::new(&name).ok_or_else(|| wrong(format!("port {name:?}")))?;
        let keys: Vec<&str> = vector.keys().collect();
        if let Some(key) = port.keys().iter().find(|key| !keys.contains(key)) {
            return Err(wrong(format!("no {key}")));
        }
        for (at, key) in keys.iter().enumerate() {
            if !port.keys().contains(key) && *key != "response" {
                return Err(wrong(format!("{key:?} does not belong here")));
            }
            if keys[..at].contains(key) {
                return Err(wrong(format!("{key} twice")));
            }
            if HEXADECIMAL.contains(key) && vector.octets(key).is_none() {
                return Err(wrong(format!("{key} is not hexadecimal")));
            }
        }
        Ok(vector)
    }

    /// The keys in order.
    fn keys(&self) -> impl Iterator<Item = &str> {
        let beginning = |line: &&String| !line.starts_with([' ', '#']) && !line.is_empty();
        let lines = self.lines.iter().filter(beginning);
        lines.map(|line| line.split_once(':').map_or(line.as_str(), |(key, _)| key))
    }

    /// The file's name without its ending.
    pub(crate) fn name(&self) -> String {
        let stem = self.path.file_stem().expect("a vector is a file");
        stem.to_string_lossy().into_owned()
    }

    /// What reads it.
    pub(crate) fn port(&self) -> Port {
        let name = self.text("port").expect("a vector has a port");
        Port::new(&name).expect("the port was read before")
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

    /// The value of a key as octets; nothing if it is not there or is not hexadecimal.
    pub(crate) fn octets(&self, key: &str) -> Option<Vec<u8>> {
        let digits: String = self.text(key)?.split_whitespace().collect();
        let pairs = digits.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            let whole = pair.len() == 2 && pair.chars().all(|c| c.is_ascii_hexdigit());
            u8::from_str_radix(pair, 16).ok().filter(|_| whole)
        });
        pairs.collect()
    }

    /// Replaces the value of `expect`, and at `nas` that of `packet`, and writes the file.
    pub(crate) fn rewrite(&mut self, expect: &str, packet: Option<&[u8]>) {
        if let Some(packet) = packet {
            let lines = packet.chunks(LINE_LEN).map(|octets| {
                let pairs: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
                format!("  {}", pairs.join(" "))
            });
            self.replace("packet", std::iter::once("packet:".to_owned()).chain(lines));
        }
        self.replace("expect", [format!("expect: {expect}")]);
        fs::write(&self.path, self.lines.join("\n") + "\n").expect("the vectors can be written");
    }

    /// Puts `lines` where the key and its continuation lines are.
    fn replace(&mut self, key: &str, lines: impl IntoIterator<Item = String>) {
        let prefix = format!("{key}:");
        let is_key = |line: &String| line.starts_with(&prefix);
        let from = self.lines.iter().position(is_key);
        let from = from.expect("the keys of its port are there");
        let behind = self.lines[from + 1..].iter();
        let more = behind.take_while(|line| line.starts_with(' ')).count();
        self.lines.splice(from..=from + more, lines);
    }
}

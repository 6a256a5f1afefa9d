//! What peers that nobody here wrote have spoken with Garth: one row per exchange, a page of all of them.
//!
//! A test that has seen a peer succeed with right credentials and fail with wrong ones calls
//! [`Exchange::record`] as its last act; rows are files in `target/interop`, one per exchange, so tests may
//! run side by side. The program `interop` turns them into `docs/interop.md` (`make docs`), or says where that
//! page and the rows differ (`make test`). Versions are what this machine has installed: they are on the page,
//! and a difference in them alone is none.
//!
//! Not here: the peers themselves, each is in the test that starts it.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::process::run;

/// The folder of rows, below Cargo's target folder.
const FOLDER: &str = "interop";

/// The folder of peers that no package of Debian's has, below Cargo's target folder.
const PEERS: &str = "peers";

/// How a file of a row ends.
const ROW_EXTENSION: &str = "json";

/// The column that may differ between machines, counted from 0.
const VERSION_COLUMN: usize = 1;

const TITLE: &str = "\
# Who has spoken with Garth

Programs that nobody here wrote, started by the tests in `tests/tests/*peers*` on Debian 12. Each exchange
was made twice: with right credentials and with wrong ones. Written by `make docs` from what the tests
recorded; `make test` compares (but for versions).

“Unsigned” is a NAS that sends no Message-Authenticator in a login: its section `[[nas]]` needs
`message_authenticator = \"auto\"`, and the way from it to garthd should be one that nobody else can reach
(CVE-2024-3596).

| peer | version | exchange | right credentials | wrong credentials |
|---|---|---|---|---|
";

/// A program of others, as the page names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peer {
    name: String,
    version: String,
}

impl Peer {
    /// The peer `name` from the Debian package `package`.
    ///
    /// # Errors
    ///
    /// When the package is not installed.
    pub fn packaged(name: &str, package: &str) -> Result<Self> {
        let version = run(Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]))?;
        Ok(Self::new(name, &version))
    }

    /// The peer `name` in `version`, where no package knows it.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }
}

/// One exchange of a peer with garthd, and what the *peer* saw at its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exchange<'a> {
    /// In the standard's words, such as `PAP` or `EAP-TTLS/PAP`.
    pub spoken: &'a str,
    /// What came of right credentials, such as `Access-Accept`.
    pub right: &'a str,
    /// What came of wrong ones, such as `Access-Reject`.
    pub wrong: &'a str,
}

impl Exchange<'_> {
    /// Records that `peer` has made this exchange; the last act of a test, after its assertions.
    ///
    /// # Errors
    ///
    /// When the row cannot be written, or has an empty field or one that would break the page's table.
    pub fn record(&self, peer: &Peer) -> Result<()> {
        let row = Row::of(peer, self)?;
        let folder = folder()?;
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join(row.file_name());
        fs::write(&path, row.to_json().to_string())
            .with_context(|| format!("writing {}", path.display()))
    }
}

/// One line of the page: the cells in the order of its columns.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Row([String; 5]);

impl Row {
    fn of(peer: &Peer, exchange: &Exchange<'_>) -> Result<Self> {
        let cells = [
            peer.name.as_str(),
            peer.version.as_str(),
            exchange.spoken,
            exchange.right,
            exchange.wrong,
        ];
        for cell in cells {
            let fits = !cell.trim().is_empty() && !cell.contains(['|', '\n']);
            ensure!(fits, "no cell of a table: {cell:?} of {cells:?}");
        }
        Ok(Self(cells.map(|cell| cell.trim().to_owned())))
    }

    fn from_json(value: &Value) -> Result<Self> {
        let cells: Option<Vec<String>> = value.as_array().and_then(|cells| {
            cells
                .iter()
                .map(|cell| cell.as_str().map(str::to_owned))
                .collect()
        });
        let cells = cells.with_context(|| format!("no row: {value}"))?;
        <[String; 5]>::try_from(cells)
            .map(Self)
            .map_err(|cells| anyhow::anyhow!("no row: {cells:?}"))
    }

    fn to_json(&self) -> Value {
        json!(self.0)
    }

    /// The same for the same peer and exchange, whatever the version and the results.
    fn file_name(&self) -> String {
        let [peer, _, exchange, ..] = &self.0;
        let plain = |word: &str| word.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        format!("{}--{}.{ROW_EXTENSION}", plain(peer), plain(exchange))
    }

    fn line(&self) -> String {
        format!("| {} |", self.0.join(" | "))
    }
}

/// The folder that `scripts/install-needs` installed the peer `name` in, where no package of Debian's has it.
///
/// # Errors
///
/// When it is not there.
pub fn installed(name: &str) -> Result<PathBuf> {
    let folder = target()?.join(PEERS).join(name);
    ensure!(
        folder.is_dir(),
        "{name} is not installed; `scripts/install-needs test` does it"
    );
    Ok(folder)
}

fn folder() -> Result<PathBuf> {
    target().map(|target| target.join(FOLDER))
}

/// Cargo's target folder that this program was built in.
fn target() -> Result<PathBuf> {
    let here = env::current_exe().context("where this program is")?;
    // target/debug/interop or target/debug/deps/radius_peers-0123456789abcdef
    here.ancestors()
        .find(|folder| folder.join("debug").is_dir() || folder.join("release").is_dir())
        .map(Path::to_path_buf)
        .with_context(|| format!("{} is in no target folder", here.display()))
}

/// All rows that tests have recorded, in the page's order.
///
/// # Errors
///
/// When there are none, or one cannot be read.
pub fn recorded() -> Result<BTreeSet<Row>> {
    read_rows(&folder()?)
}

fn read_rows(folder: &Path) -> Result<BTreeSet<Row>> {
    let mut rows = BTreeSet::new();
    let entries = fs::read_dir(folder)
        .with_context(|| format!("no test has recorded anything in {}", folder.display()))?;
    for entry in entries {
        let path = entry.context("reading the rows")?.path();
        if path.extension() != Some(OsStr::new(ROW_EXTENSION)) {
            continue;
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let value =
            serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))?;
        rows.insert(Row::from_json(&value)?);
    }
    ensure!(
        !rows.is_empty(),
        "no test has recorded anything in {}",
        folder.display()
    );
    Ok(rows)
}

/// The page with `rows`.
pub fn page(rows: &BTreeSet<Row>) -> String {
    rows.iter().fold(TITLE.to_owned(), |mut page, row| {
        writeln!(page, "{}", row.line()).expect("a String takes all that is written");
        page
    })
}

/// Where `page` and `rows` differ, one line each; versions may.
pub fn differences(page: &str, rows: &BTreeSet<Row>) -> Vec<String> {
    let [on_page, recorded] = [page, &self::page(rows)].map(lines_without_versions);
    let only_in = |one: &BTreeSet<String>, other: &BTreeSet<String>, who: &str| {
        one.difference(other)
            .map(|line| format!("{who}: {line}"))
            .collect::<Vec<_>>()
    };
    let mut found = only_in(&on_page, &recorded, "only on the page");
    found.extend(only_in(&recorded, &on_page, "only in the run"));
    found
}

fn lines_without_versions(page: &str) -> BTreeSet<String> {
    let without_version = |line: &str| {
        let cells = line.trim_matches('|').split('|').map(str::trim).enumerate();
        let cells = cells.filter(|(column, _)| *column != VERSION_COLUMN);
        cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(" | ")
    };
    page.lines().map(without_version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peer: &Peer, spoken: &str, right: &str) -> Row {
        let exchange = Exchange {
            spoken,
            right,
            wrong: "Access-Reject",
        };
        Row::of(peer, &exchange).unwrap()
    }

    fn rows(version: &str) -> BTreeSet<Row> {
        let peer = Peer::new("radclient", version);
        ["PAP", "CHAP"]
            .map(|spoken| row(&peer, spoken, "Access-Accept"))
            .into()
    }

    #[test]
    fn another_version_is_no_difference() {
        assert_eq!(differences(&page(&rows("3.2.1")), &rows("3.2.5")), [""; 0]);
    }

    #[test]
    fn another_result_is_a_difference_on_both_sides() {
        let mut changed = rows("3.2.1");
        let peer = Peer::new("radclient", "3.2.1");
        assert!(changed.remove(&row(&peer, "PAP", "Access-Accept")));
        changed.insert(row(&peer, "PAP", "silence"));
        let found = differences(&page(&rows("3.2.1")), &changed);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("only on the page") && found[0].contains("Access-Accept"));
        assert!(found[1].contains("only in the run") && found[1].contains("silence"));
    }

    #[test]
    fn a_row_that_no_test_recorded_is_a_difference() {
        let page = page(&rows("3.2.1"));
        let page = format!("{page}| radclient | 3.2.1 | EAP | Access-Accept | Access-Reject |\n");
        let found = differences(&page, &rows("3.2.1"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("EAP"), "{found:?}");
    }

    #[test]
    fn the_page_is_sorted_whatever_the_order_of_tests() {
        let page = page(&rows("3.2.1"));
        let chap = page.find("| CHAP |").unwrap();
        assert!(chap < page.find("| PAP |").unwrap());
    }

    #[test]
    fn rows_are_read_as_they_were_written_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let expected = rows("3.2.1+dfsg-4");
        for row in &expected {
            fs::write(
                folder.path().join(row.file_name()),
                row.to_json().to_string(),
            )
            .unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "not a row").unwrap();
        assert_eq!(read_rows(folder.path()).unwrap(), expected);
    }

    #[test]
    fn a_run_without_rows_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_rows(folder.path()).is_err());
        assert!(read_rows(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn a_cell_that_breaks_the_table_is_refused() {
        let peer = Peer::new("radclient", "3.2.1");
        for spoken in ["", " ", "PAP|CHAP", "PAP\nCHAP"] {
            let exchange = Exchange {
                spoken,
                right: "Access-Accept",
                wrong: "Access-Reject",
            };
            assert!(Row::of(&peer, &exchange).is_err(), "{spoken:?}");
        }
    }
}

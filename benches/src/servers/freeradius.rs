//! FreeRADIUS 3.2 of Debian with a configuration written here: the same users, the same answers,
//! and nothing else. The system's own service and `/etc/freeradius` are never touched.
//!
//! The model is Debian's configuration as it is shipped. What is left out is left out in its favour.
//! Names of other EAP, proxy and session modules do not occur; `reject_delay` is 0, nothing is logged.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{ACCT_WINDOW, Server, first_answer, free_ports};
use crate::clock;
use crate::packets::{Kind, Promise, SECRET};
use crate::population::Population;
use crate::process::{Process, SERVER_CORE, command};

/// Where Debian's package keeps the stock schema and queries.
const STOCK: &str = "/etc/freeradius/3.0";

/// Outstanding Accounting-Requests of SQLite at saturation: each is a commit of its own, so more would
/// only wait, and be sent again.
const SQLITE_WINDOW: usize = 32;

/// How requests are spread over threads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Threads {
    /// One process, one thread (`-s`).
    Single,
    /// The pool of the shipped configuration.
    Default,
}

/// Where accounting goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accounting {
    /// A detail file, never synced to the disk.
    Detail,
    /// SQLite with the stock schema and queries, one connection. SQLite's own default syncs every
    /// commit (`synchronous=FULL`, rollback journal), and every record is one.
    Sqlite,
}

/// Starts a FreeRADIUS in `folder`.
///
/// # Errors
/// When it does not start or does not answer.
pub fn start(
    name: &str,
    folder: &Path,
    threads: Threads,
    accounting: Accounting,
    population: Population,
) -> Result<Server> {
    for sub in ["", "run", "log", "db"] {
        fs::create_dir_all(folder.join(sub)).context("a folder for FreeRADIUS")?;
    }
    let [auth, acct] = free_ports()?;
    let users = File::create(folder.join("users")).context("the users file")?;
    write_users(population, BufWriter::new(users)).context("the users file")?;
    let stock = fs::read_to_string(format!("{STOCK}/policy.d/accounting"))
        .context("FreeRADIUS's stock configuration (Debian package freeradius)")?;
    fs::write(folder.join("policy"), stock).context("the accounting policy")?;
    let text = config(folder, auth.port(), acct.port(), threads, accounting)?;
    fs::write(folder.join("radiusd.conf"), text).context("radiusd.conf")?;
    let begun = clock::now();
    let mut command = command("freeradius", &SERVER_CORE.to_string());
    command.arg("-d").arg(folder);
    match threads {
        Threads::Single => command.arg("-s"),
        Threads::Default => command.arg("-f"),
    };
    let mut process = Process::start(name, &mut command, &folder.join("output"))?;
    let (_, first) = first_answer(&mut process, auth, Kind::Pap, population, begun)?;
    Ok(Server {
        name: name.to_owned(),
        auth,
        acct,
        acct_window: match accounting {
            Accounting::Detail => ACCT_WINDOW,
            Accounting::Sqlite => SQLITE_WINDOW,
        },
        promise: Promise::Server,
        first_answer: first,
        process,
    })
}

/// Everybody with the same reply attributes as garthd's generic dialect sends.
fn write_users(population: Population, mut to: impl std::io::Write) -> std::io::Result<()> {
    for user in 0..population.count() {
        let (name, password) = (Population::user_name(user), Population::password(user));
        let class: String = Population::class(user)
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        let reply = if population.has_paid(user) {
            "\tWISPr-Bandwidth-Max-Up = 20000000,\n\tWISPr-Bandwidth-Max-Down = 100000000,\n\
             \tSession-Timeout = 1000000000"
        } else {
            "\tWISPr-Bandwidth-Max-Up = 1000000,\n\tWISPr-Bandwidth-Max-Down = 1000000,\n\
             \tFilter-Id = \"garden\",\n\tSession-Timeout = 600,\n\tAcct-Interim-Interval = 120"
        };
        writeln!(
            to,
            "{name} Cleartext-Password := \"{password}\"\n\tClass = 0x{class},\n{reply}\n"
        )?;
    }
    to.flush()
}

/// The configuration; words between `@` are filled in.
const CONFIG: &str = include_str!("radiusd.conf.in");
/// The modules of accounting into SQLite: stock but for the driver, the path and the pool of one connection.
const SQL: &str = include_str!("sql.conf.in");
/// The stock module of detail files.
const DETAIL: &str = "detail {\n\tfilename = ${logdir}/detail\n\tescape_filenames = no\n\tpermissions = 0600\n\
                      \theader = \"%t\"\n}";
/// The pool as it is shipped.
const POOL: &str = "thread pool {\n\tstart_servers = 5\n\tmax_servers = 32\n\tmin_spare_servers = 3\n\
                    \tmax_spare_servers = 10\n\tmax_requests_per_server = 0\n\tauto_limit_acct = no\n}";

fn config(
    folder: &Path,
    auth: u16,
    acct: u16,
    threads: Threads,
    accounting: Accounting,
) -> Result<String> {
    let secret = std::str::from_utf8(SECRET).context("the secret")?;
    let pool = match threads {
        Threads::Single => "",
        Threads::Default => POOL,
    };
    // Only the stock queries need the unique id of the stock policy, and that the module `expr`.
    let (policy, module, before, call) = match accounting {
        Accounting::Detail => ("", DETAIL, "", "detail"),
        Accounting::Sqlite => (
            "policy {\n\t$INCLUDE @folder@/policy\n}",
            SQL,
            "acct_unique",
            "sql",
        ),
    };
    let folder = folder.to_string_lossy();
    let (auth, acct) = (auth.to_string(), acct.to_string());
    // Module and policy first: they name the folder too.
    let fillings = [
        ("@policy@", policy),
        ("@module@", module),
        ("@before@", before),
        ("@call@", call),
        ("@pool@", pool),
        ("@secret@", secret),
        ("@auth@", &auth),
        ("@acct@", &acct),
        ("@stock@", STOCK),
        ("@folder@", &folder),
    ];
    Ok(fillings
        .iter()
        .fold(CONFIG.to_owned(), |text, (word, filling)| {
            text.replace(word, filling)
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_accounting_are_what_was_asked_for() {
        let text = |threads, accounting| {
            config(Path::new("/folder"), 1812, 1813, threads, accounting).unwrap()
        };
        let single = text(Threads::Single, Accounting::Detail);
        let default = text(Threads::Default, Accounting::Sqlite);
        for (what, of_default) in [
            ("thread pool {", true),
            ("rlm_sql_sqlite", true),
            ("detail {", false),
        ] {
            assert_eq!(default.contains(what), of_default, "{what}");
            assert_eq!(single.contains(what), !of_default, "{what}");
        }
    }

    #[test]
    fn users_are_told_apart_by_whether_they_have_paid() {
        let mut users = Vec::new();
        write_users(Population::new(10), &mut users).unwrap();
        let users = String::from_utf8(users).unwrap();
        let entries: Vec<_> = users.split_terminator("\n\n").collect();
        assert_eq!(entries.len(), 10);
        for (user, entry) in (0..).zip(entries) {
            let name = Population::user_name(user);
            let password = Population::password(user);
            let first = format!("{name} Cleartext-Password := \"{password}\"\n");
            assert!(entry.starts_with(&first), "{entry}");
            assert_eq!(entry.contains("Filter-Id"), user == 9, "{entry}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for threads in [Threads::Single, Threads::Default] {
            for accounting in [Accounting::Detail, Accounting::Sqlite] {
                let folder = Path::new("/folder");
                let text = config(folder, 1812, 1813, threads, accounting).unwrap();
                let lines = text.lines().filter(|line| !line.starts_with('#'));
                let text = lines.collect::<Vec<_>>().join("\n");
                assert!(!text.contains('@'), "{threads:?} {accounting:?}");
                for what in ["1812", "1813", "/folder", "benchmark-secret"] {
                    assert!(text.contains(what), "{what}, {threads:?} {accounting:?}");
                }
            }
        }
    }
}

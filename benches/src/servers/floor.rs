//! The floors as processes of their own, so that they are measured like the servers.

use std::net::SocketAddrV4;
use std::path::Path;

use anyhow::Result;

use super::{ACCT_WINDOW, Server, first_answer, free_ports};
use crate::clock;
use crate::floor::Work;
use crate::packets::{Kind, Promise};
use crate::population::Population;
use crate::process::{Process, SERVER_CORE, command, sibling};

/// Starts a floor whose replies have `reply_len` octets, asked for `kind`.
///
/// # Errors
/// When it does not start or does not answer.
pub fn start(
    name: &str,
    work: Work,
    kind: Kind,
    reply_len: usize,
    population: Population,
    folder: &Path,
) -> Result<Server> {
    let [at, _] = free_ports()?;
    let word = match work {
        Work::Echo => "echo",
        Work::Pap => "pap",
        Work::Accounting => "accounting",
    };
    let begun = clock::now();
    let mut command = command(sibling("floor")?, &SERVER_CORE.to_string());
    command
        .arg(word)
        .arg(SocketAddrV4::to_string(&at))
        .arg(reply_len.to_string());
    let mut process = Process::start(name, &mut command, &folder.join("floor.log"))?;
    let (_, first) = first_answer(&mut process, at, kind, population, begun)?;
    Ok(Server {
        name: name.to_owned(),
        auth: at,
        acct: at,
        acct_window: ACCT_WINDOW,
        promise: if work == Work::Echo {
            Promise::Echo
        } else {
            Promise::Signed
        },
        first_answer: first,
        process,
    })
}

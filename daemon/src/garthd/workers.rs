//! The RADIUS workers: how many there are, and the threads they run on.
//!
//! Each has a thread of its own under a name that `top -H` shows, since a worker waits in the kernel for as
//! long as the daemon lives. The first of them to end, also by a panic, ends the process.

use std::net::SocketAddr;

use anyhow::{Context, anyhow};
use tokio::sync::oneshot;

use super::Essential;
use crate::config::Config;
use crate::radius::{Shared, Worker};

/// The most authentication workers for each address the daemon chooses by itself; the configuration may say more.
const WORKERS_DEFAULT_MAX: usize = 8;

/// Binds every RADIUS socket before the first of them answers.
pub(super) fn bind(config: &Config, shared: &Shared) -> anyhow::Result<Vec<Worker>> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let per_address = config
        .radius
        .workers
        .map_or(processors.min(WORKERS_DEFAULT_MAX), usize::from);
    let mut workers = Vec::new();
    for address in &config.radius.auth {
        for _ in 0..per_address {
            let worker = Worker::authentication(*address, shared.clone(), random_seed());
            workers.push(worker.with_context(|| cannot_listen("radius.auth", *address))?);
        }
    }
    for address in &config.radius.acct {
        let worker = Worker::accounting(*address, shared.clone(), random_seed());
        workers.push(worker.with_context(|| cannot_listen("radius.acct", *address))?);
    }
    Ok(workers)
}

fn cannot_listen(key: &str, address: SocketAddr) -> String {
    format!("cannot listen on {key} {address}")
}

/// Lets them answer.
pub(super) fn start(workers: Vec<Worker>, essential: &mut Essential) -> anyhow::Result<()> {
    for (number, worker) in workers.into_iter().enumerate() {
        let name = format!("{}-{number}", worker.port().as_str());
        start_thread("radius", name, essential, move || worker.run())?;
    }
    Ok(())
}

/// Starts a thread whose end, also by a panic, is that of an essential task.
pub(super) fn start_thread(
    task: &'static str,
    name: String,
    essential: &mut Essential,
    run: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name(name)
        .spawn(move || {
            // Nobody listens any more: the process is ending already.
            drop(ended.send(run()));
        })
        .context("a RADIUS worker cannot start")?;
    essential.spawn(async move {
        let why = end.await.map_or_else(
            |_| Err(anyhow!("a RADIUS worker has panicked")),
            |ended| ended.map_err(anyhow::Error::from),
        );
        (task, why)
    });
    Ok(())
}

/// A seed nobody can guess, so that nobody can aim at one bucket of a hash table.
pub(super) fn random_seed() -> u64 {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).expect("the system has randomness from boot on");
    u64::from_ne_bytes(octets)
}

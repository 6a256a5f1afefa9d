//! The authentication port: receive a batch, answer a batch.

use std::io;

use garth_radius::server::{DropReason, Verdict};
use rustix::process::setpriority_process;

use super::batch::Inbox;
use super::directory::IndexDirectory;
use super::outbox::Outbox;
use super::{Follower, Worker, seconds, stopped};

/// Datagrams taken by one call: enough to share system calls and vector instructions under load, few enough
/// to stay in the cache. A call takes what is there; nothing waits for a batch to fill.
const BATCH: usize = 32;

/// Of the thread, as nice(1) counts it. The unit of systemd allows it (LimitNICE).
const NICE: i32 = -10;

pub(super) fn run(worker: Worker) -> io::Result<()> {
    let Worker {
        socket,
        mut server,
        shared,
        ..
    } = worker;
    go_first();
    let directory = IndexDirectory(shared.store.clone());
    let mut follower = Follower::new(&shared);
    let (mut inbox, mut outbox) = (Inbox::<BATCH>::new(), Outbox::<BATCH>::new(&socket));
    let mut verdicts = [Verdict::Drop(DropReason::UnknownNas); BATCH];
    while !stopped(&shared) {
        socket.receive(&mut inbox)?;
        follower.follow(&mut server);
        let now = seconds(&shared.store);
        let datagrams = inbox.datagrams();
        let datagrams = &datagrams[..inbox.len()];
        let replies = outbox.buffers();
        server.authenticate_batch(now, datagrams, &directory, replies, &mut verdicts);
        for (at, (verdict, request)) in verdicts.iter().zip(inbox.envelopes()).enumerate() {
            match verdict {
                Verdict::Reply { len, .. } => outbox.push(request, at, *len),
                // Counted by the server; a stranger must not fill a log.
                Verdict::Drop(_) => {}
            }
        }
        if let Err(error) = socket.send(&mut outbox) {
            tracing::debug!(%error, "replies were not taken by the kernel");
        }
    }
    Ok(())
}

/// Lets this thread run before the others of the process: an Access-Request takes microseconds and somebody
/// waits for it, while a commit of an import takes its processor for milliseconds.
///
/// Without the right to do so all share alike. It takes nothing from them that they would miss: who floods
/// this port can do so with one processor for each worker, and with or without it.
fn go_first() {
    match setpriority_process(None, NICE) {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "authentication runs beside everything else"),
    }
}

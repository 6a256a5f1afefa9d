//! The authentication port: receive a batch, answer a batch.

use std::io;

use garth_radius::server::{DropReason, Verdict};

use super::batch::Inbox;
use super::directory::IndexDirectory;
use super::outbox::Outbox;
use super::{Follower, Worker, seconds, stopped, turn};

/// Datagrams taken by one call: enough to share system calls and vector instructions under load, few enough
/// to stay in the cache. A call takes what is there; nothing waits for a batch to fill.
const BATCH: usize = 32;

pub(super) fn run(worker: Worker) -> io::Result<()> {
    let Worker {
        socket,
        mut server,
        shared,
        ..
    } = worker;
    turn::soon_and_short();
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

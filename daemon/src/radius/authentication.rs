//! The authentication port: receive a batch, answer a batch.

use std::io;

use garth_radius::server::Verdict;

use super::batch::{Inbox, Outbox};
use super::directory::IndexDirectory;
use super::{Follower, Worker, seconds, stopped};

/// Datagrams taken by one call: enough to save system calls under load, few enough to stay in the cache.
const BATCH: usize = 32;

pub(super) fn run(worker: Worker) -> io::Result<()> {
    let Worker {
        socket,
        mut server,
        shared,
        ..
    } = worker;
    let directory = IndexDirectory(shared.store.clone());
    let mut follower = Follower::new(&shared);
    let (mut inbox, mut outbox) = (Inbox::<BATCH>::new(), Outbox::<BATCH>::new(&socket));
    while !stopped(&shared) {
        socket.receive(&mut inbox)?;
        follower.follow(&mut server);
        let now = seconds(&shared.store);
        for (at, (request, datagram)) in inbox.iter().enumerate() {
            let reply = &mut outbox.buffers()[at];
            match server.authenticate(now, request.peer, datagram, &directory, reply) {
                Verdict::Reply { len, .. } => outbox.push(request, at, len),
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

//! Connections: accepted, identified, bounded, and stopped in order.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Admin;
use super::role::Peer;

/// The most connections at once; the next one is closed.
pub const CONNECTIONS_MAX: usize = 64;
/// The most connections of one user at once, so that a stranger cannot keep operators out.
pub const CONNECTIONS_PER_USER_MAX: usize = 16;
/// How long a peer may take for the head of a request, and idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a running request may take once the daemon stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after a failed `accept`, such as one for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Everybody may connect: the role of the peer decides, not the mode of the file.
const SOCKET_MODE: u32 = 0o666;

/// Listens at `path`. A socket that nobody serves any more is replaced.
///
/// # Errors
/// `AddrInUse` if somebody answers there, `AlreadyExists` if something else than a socket is
/// there; else what the system says.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        Ok(_) => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::Error::from(io::ErrorKind::AddrInUse));
            }
            std::fs::remove_file(path)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

/// How many connections each user has.
#[derive(Default)]
struct Open(Mutex<HashMap<u32, usize>>);

/// A place among the connections, given back when dropped.
struct Place {
    open: Arc<Open>,
    uid: u32,
}

impl Open {
    fn place(self: &Arc<Self>, uid: u32) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = counts.values().sum();
        let own = counts.get(&uid).copied().unwrap_or(0);
        if all >= CONNECTIONS_MAX || own >= CONNECTIONS_PER_USER_MAX {
            return None;
        }
        counts.insert(uid, own + 1);
        Some(Place {
            open: Arc::clone(self),
            uid,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = counts.get_mut(&self.uid) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

/// Serves `listener` until `shutdown`, then lets running requests end, for five seconds at most.
pub async fn serve(
    admin: Arc<Admin>,
    listener: UnixListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (stop, stopped) = watch::channel(false);
    let open = Arc::new(Open::default());
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => admit(&admin, &open, stream, &stopped, &mut connections),
            Err(error) => {
                tracing::warn!(%error, "admin socket: accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIMEOUT, all_ended).await.is_err() {
        tracing::warn!("admin socket: requests cut off at stop");
    }
}

fn admit(
    admin: &Arc<Admin>,
    open: &Arc<Open>,
    stream: UnixStream,
    stopped: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let credentials = match stream.peer_cred() {
        Ok(credentials) => credentials,
        Err(error) => {
            tracing::warn!(%error, "admin socket: the peer cannot be identified");
            return;
        }
    };
    let Some(place) = open.place(credentials.uid()) else {
        // Every user of the machine may connect, so none may fill the log.
        tracing::debug!(
            uid = credentials.uid(),
            "admin socket: too many connections"
        );
        return;
    };
    let admin = Arc::clone(admin);
    let stopped = stopped.clone();
    connections.spawn(async move {
        let _place = place;
        let roles = admin.roles.load_full();
        let resolved = tokio::task::spawn_blocking(move || {
            Peer::resolve(credentials.uid(), credentials.gid(), &roles)
        });
        if let Ok(peer) = resolved.await {
            connection(admin, stream, peer, stopped).await;
        }
    });
}

pub(super) async fn connection(
    admin: Arc<Admin>,
    stream: UnixStream,
    peer: Peer,
    mut stopped: watch::Receiver<bool>,
) {
    let peer = Arc::new(peer);
    let service = service_fn(|request| {
        let (admin, peer) = (Arc::clone(&admin), Arc::clone(&peer));
        async move { Ok::<_, Infallible>(admin.answer(&peer, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop_seen(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "admin socket: connection ended");
    }
}

/// Returns once the daemon stops.
async fn stop_seen(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

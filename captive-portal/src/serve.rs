//! Sockets to requests: accepting, TLS, and the bounds of every connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use garth_payments::Clock;
use http::HeaderValue;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::access::Sessions;
use crate::config::PortalConfig;
use crate::desk::Services;
use crate::handle::{Peer, handle};
use crate::l10n::{Catalogue, TextsError};
use crate::limits::{
    ACTION_RATE, HEADER_FIELDS_MAX, HEADER_LEN_MAX, LOGIN_RATE, PAGE_RATE, WEBHOOK_RATE,
    WEBHOOKS_MAX,
};
use crate::pages::STYLE;
use crate::rate::{Counted, RateTable};
use crate::reply::content_security_policy;
use crate::token::FormKey;

/// The wait after the system refused a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no portal. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The operator's texts cannot be used.
    #[error(transparent)]
    Texts(#[from] TextsError),
}

/// Where the portal listens.
pub struct Listeners {
    /// Without TLS: redirects, and pages if `public_url` is `http`.
    pub http: Vec<TcpListener>,
    /// With TLS.
    pub https: Option<Https>,
}

/// Listeners with TLS.
pub struct Https {
    /// The sockets.
    pub listeners: Vec<TcpListener>,
    /// Certificate and key; what is stored here holds for the next connection.
    pub tls: Arc<ArcSwap<ServerConfig>>,
}

/// The portal, shared by all its connections.
pub struct Portal {
    pub(crate) config: PortalConfig,
    pub(crate) services: Services,
    pub(crate) clock: Clock,
    pub(crate) texts: Catalogue,
    pub(crate) policy: HeaderValue,
    pub(crate) sessions: Sessions,
    pub(crate) form_key: FormKey,
    pub(crate) page_rate: RateTable,
    pub(crate) action_rate: RateTable,
    pub(crate) login_rate: RateTable,
    pub(crate) webhook_rate: RateTable,
    pub(crate) webhooks: Semaphore,
    slots: Arc<Semaphore>,
    per_source: Mutex<HashMap<Counted, u32>>,
}

impl Portal {
    /// A portal that answers by `services`.
    ///
    /// # Errors
    /// [`PortalError`] if the operator's texts cannot be read.
    pub fn new(
        config: PortalConfig,
        services: Services,
        clock: Clock,
    ) -> Result<Arc<Self>, PortalError> {
        Ok(Arc::new(Self {
            texts: Catalogue::load(config.texts.as_deref())?,
            policy: content_security_policy(STYLE, &config.gateway_urls),
            sessions: Sessions::default(),
            form_key: FormKey::random(),
            page_rate: RateTable::new(PAGE_RATE),
            action_rate: RateTable::new(ACTION_RATE),
            login_rate: RateTable::new(LOGIN_RATE),
            webhook_rate: RateTable::new(WEBHOOK_RATE),
            webhooks: Semaphore::new(WEBHOOKS_MAX),
            slots: Arc::new(Semaphore::new(config.limits.connections_max)),
            per_source: Mutex::new(HashMap::new()),
            config,
            services,
            clock,
        }))
    }

    /// Serves until `shutdown` is done, then lets answers under way finish for a while.
    pub async fn serve(
        self: Arc<Self>,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let (stop, stopped) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for listener in listeners.http {
            accepting.spawn(accept(Arc::clone(&self), listener, None, stopped.clone()));
        }
        if let Some(https) = listeners.https {
            for listener in https.listeners {
                let tls = Some(Arc::clone(&https.tls));
                accepting.spawn(accept(Arc::clone(&self), listener, tls, stopped.clone()));
            }
        }
        shutdown.await;
        stop.send_replace(true);
        while accepting.join_next().await.is_some() {}
    }

    /// A place for one more connection of `source`, or nothing: then it is closed at once.
    fn admit(self: &Arc<Self>, source: IpAddr) -> Option<Admitted> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let key = Counted::of(source, self.services.directory.identify(source));
        let mut sources = self.sources();
        let count = sources.get(&key).copied().unwrap_or(0);
        if count >= self.config.limits.connections_per_source_max {
            return None;
        }
        sources.insert(key, count + 1);
        drop(sources);
        Some(Admitted {
            portal: Arc::clone(self),
            key,
            _slot: slot,
        })
    }

    /// Connections by source: never more entries than connections.
    fn sources(&self) -> MutexGuard<'_, HashMap<Counted, u32>> {
        match self.per_source.lock() {
            Ok(sources) => sources,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// A connection's place, given back when dropped.
struct Admitted {
    portal: Arc<Portal>,
    key: Counted,
    _slot: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut sources = self.portal.sources();
        if let Some(count) = sources.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.key);
            }
        }
    }
}

async fn accept(
    portal: Arc<Portal>,
    listener: TcpListener,
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let source = peer.ip().to_canonical();
                let Some(admitted) = portal.admit(source) else {
                    tracing::debug!(%source, "too many connections; one is closed");
                    continue;
                };
                let tls = tls.as_ref().map(|tls| tls.load_full());
                connections.spawn(connection(admitted, stream, source, tls, stopped.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the portal cannot accept; pausing");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // What is left after the wait is cut when the set is dropped.
    let finished = async { while connections.join_next().await.is_some() {} };
    let waited = tokio::time::timeout(portal.config.limits.stop_timeout, finished).await;
    if waited.is_err() {
        tracing::debug!("connections were cut at the stop");
    }
}

async fn connection(
    admitted: Admitted,
    stream: TcpStream,
    source: IpAddr,
    tls: Option<Arc<ServerConfig>>,
    stopped: watch::Receiver<bool>,
) {
    let portal = Arc::clone(&admitted.portal);
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Small answers must not wait for the acknowledgement of earlier ones.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let peer = Peer {
        source,
        local: local.ip().to_canonical(),
        tls: tls.is_some(),
    };
    let limits = portal.config.limits;
    let life = async {
        match tls {
            None => requests(&portal, peer, stream, stopped).await,
            Some(config) => {
                let handshake = TlsAcceptor::from(config).accept(stream);
                match tokio::time::timeout(limits.handshake_timeout, handshake).await {
                    Ok(Ok(stream)) => requests(&portal, peer, stream, stopped).await,
                    Ok(Err(error)) => tracing::debug!(%error, %source, "no TLS handshake"),
                    Err(_) => tracing::debug!(%source, "the TLS handshake was too slow"),
                }
            }
        }
    };
    if tokio::time::timeout(limits.connection_timeout, life)
        .await
        .is_err()
    {
        tracing::debug!(%source, "a connection reached its age");
    }
}

async fn requests(
    portal: &Arc<Portal>,
    peer: Peer,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let portal = Arc::clone(portal);
        async move { Ok::<_, Infallible>(handle(&portal, peer, request).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(portal.config.limits.header_timeout)
        .max_headers(HEADER_FIELDS_MAX)
        .max_buf_size(HEADER_LEN_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, source = %peer.source, "a connection broke");
    }
}

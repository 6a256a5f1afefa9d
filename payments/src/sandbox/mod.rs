//! A payment gateway in test mode: its own HTTP server, pages and webhooks.
//!
//! To the rest of Garth it is a stranger reached by HTTP alone: [`SandboxGateway`]
//! asks its API, browsers visit its pages, and it calls the portal's webhook. No
//! real money moves, and every page says so. The form on its page chooses how it
//! misbehaves: webhooks twice, early, late or never, and two payments for one
//! session.
//!
//! A payment that its page acknowledged is on disk (see [`BookError`] for what can
//! stand in the way) and is found by asking after a kill. Webhooks under way are
//! not kept: after a restart asking is what finds the payment, as with any lost
//! webhook.

mod api;
mod book;
mod page;
mod server;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::Clock;
use crate::signature::SigningSecret;
use crate::url::WebUrl;

pub use api::SandboxGateway;
pub use book::BookError;

use book::Book;

/// The gateway's name, which says what it is wherever it appears.
pub const NAME: &str = "sandbox-TEST-MODE";
/// The header that carries the webhook's signature.
pub const SIGNATURE_HEADER: &str = "sandbox-signature";
/// How late a late webhook is, unless configured otherwise.
pub const LATE_AFTER: Duration = Duration::from_secs(15);

/// What the sandbox needs to run.
pub struct SandboxConfig {
    /// Where browsers and the API reach it.
    pub listener: TcpListener,
    /// The same, as browsers name it.
    pub public_url: WebUrl,
    /// The file that keeps its sessions and payments.
    pub state_path: PathBuf,
    /// Where its events go, by plain HTTP.
    pub webhook_url: WebUrl,
    /// What events are signed with, and what the key of its API is derived from.
    pub signing_secret: SigningSecret,
    /// How late a webhook is that was asked to be late.
    pub late_after: Duration,
}

/// Why the sandbox does not start. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Its state cannot be used.
    #[error(transparent)]
    Book(#[from] BookError),
    /// Its listener has no address.
    #[error("the sandbox's listener: {0}")]
    Listener(#[from] std::io::Error),
    /// The sandbox speaks plain HTTP.
    #[error(
        "the sandbox's webhook_url must be http, for example http://127.0.0.1:8080/gateway/{NAME}"
    )]
    WebhookOverTls,
}

/// A running sandbox. It ends when this is dropped or shut down.
pub struct Sandbox {
    address: SocketAddr,
    secret: SigningSecret,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Reads its state and starts to serve.
    ///
    /// # Errors
    /// [`SandboxError`], before anything is served.
    pub async fn start(config: SandboxConfig, clock: Clock) -> Result<Self, SandboxError> {
        if config.webhook_url.is_https() {
            return Err(SandboxError::WebhookOverTls);
        }
        let address = config.listener.local_addr()?;
        let (path, now) = (config.state_path, clock());
        let book = blocking(move || Book::open(&path, now)).await?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            book: Mutex::new(book),
            public_url: config.public_url,
            webhook_url: config.webhook_url,
            api_key: api_key(&config.signing_secret),
            secret: config.signing_secret.clone(),
            late_after: config.late_after,
            deliveries: Arc::new(Semaphore::new(webhook::DELIVERIES_MAX)),
            clock,
        });
        let server = tokio::spawn(server::run(shared, config.listener, stopped));
        Ok(Self {
            address,
            secret: config.signing_secret,
            stop,
            server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The gateway to ask: it knows nothing but the address and the secret.
    #[must_use]
    pub fn gateway(&self) -> SandboxGateway {
        SandboxGateway::new(self.address, self.secret.clone())
    }

    /// Stops serving and waits until it has stopped.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.server).await {
            tracing::warn!(%error, "the sandbox ended badly");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What all connections of the sandbox share.
pub(crate) struct Shared {
    book: Mutex<Book>,
    public_url: WebUrl,
    webhook_url: WebUrl,
    api_key: String,
    secret: SigningSecret,
    late_after: Duration,
    deliveries: Arc<Semaphore>,
    clock: Clock,
}

impl Shared {
    /// Works on the book, off the async threads: it waits for the disk.
    async fn with_book<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Book) -> T + Send + 'static,
    ) -> T {
        let shared = Arc::clone(self);
        blocking(move || {
            let mut book = match shared.book.lock() {
                Ok(book) => book,
                // Every change of the book is one insert after the disk has it: none is ever half done.
                Err(poisoned) => poisoned.into_inner(),
            };
            work(&mut book)
        })
        .await
    }
}

/// The key of the API: derived, so that one secret is configured and the pages never show it.
fn api_key(secret: &SigningSecret) -> String {
    secret.digest(&[b"sandbox api key"])
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Blocking work is never cancelled once it runs; at shutdown nobody waits any more.
            Err(_) => std::future::pending().await,
        },
    }
}

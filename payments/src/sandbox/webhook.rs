//! The sandbox's webhooks: signed, tried again, bounded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use garth_subscription::Timestamp;
use http::{Method, Request, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use super::book::{Session, WirePayment};
use super::{SIGNATURE_HEADER, Shared};
use crate::client;
use crate::gateway::{Captured, EventKind, GatewayEvent, WebhookError};
use crate::random::unguessable;
use crate::signature;

/// The most events under way at once; one more is dropped, and asking finds its payment.
pub(super) const DELIVERIES_MAX: usize = 256;
/// How often one event is tried.
const ATTEMPTS_MAX: u32 = 8;
/// The wait after the first failure; doubled after each further one.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// How the sandbox tells of a payment; chosen on its page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Telling {
    /// Once, beside the redirect.
    Normal,
    /// The same event twice.
    Twice,
    /// The browser is sent back only after the event was taken or failed once.
    BeforeRedirect,
    /// Never.
    Never,
    /// Long after the redirect.
    Late,
}

impl Telling {
    pub(super) const ALL: [Self; 5] = [
        Self::Normal,
        Self::Twice,
        Self::BeforeRedirect,
        Self::Never,
        Self::Late,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Twice => "twice",
            Self::BeforeRedirect => "before",
            Self::Never => "none",
            Self::Late => "late",
        }
    }
}

const PAID: &str = "checkout.paid";

/// An event on the wire.
#[derive(Debug, Deserialize, Serialize)]
struct Event {
    id: String,
    r#type: String,
    created: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Data {
    checkout: String,
    session: String,
    payment: WirePayment,
}

/// The body of the event that tells of `captured`.
fn body(session: &Session, captured: &Captured) -> Option<Bytes> {
    let event = Event {
        id: unguessable("evt_test_"),
        r#type: PAID.to_owned(),
        created: captured.captured_at.unix_seconds(),
        data: Some(Data {
            checkout: session.request.checkout.to_string(),
            session: session.id.to_string(),
            payment: WirePayment::of(captured),
        }),
    };
    serde_json::to_vec(&event).ok().map(Bytes::from)
}

/// Reads an event whose signature was right.
pub(super) fn read(body: &[u8]) -> Result<GatewayEvent, WebhookError> {
    let event: Event =
        serde_json::from_slice(body).map_err(|_| WebhookError::Body("no JSON event"))?;
    let id = event.id.parse().map_err(|_| WebhookError::Body("id"))?;
    if event.r#type != PAID {
        let kind = EventKind::Other(event.r#type);
        return Ok(GatewayEvent { id, kind });
    }
    let data = event.data.ok_or(WebhookError::Body("no data"))?;
    let kind = EventKind::Paid {
        checkout: data
            .checkout
            .parse()
            .map_err(|_| WebhookError::Body("checkout"))?,
        session: data
            .session
            .parse()
            .map_err(|_| WebhookError::Body("session"))?,
        captured: data.payment.read().ok_or(WebhookError::Body("payment"))?,
    };
    Ok(GatewayEvent { id, kind })
}

/// Tells of `payments` in the way that was chosen. Returns when the browser may go back.
pub(super) async fn tell(
    shared: &Arc<Shared>,
    session: &Session,
    payments: &[Captured],
    telling: Telling,
) {
    for body in payments.iter().filter_map(|paid| body(session, paid)) {
        match telling {
            Telling::Never => {}
            Telling::Normal => spawn(shared, body, Duration::ZERO),
            Telling::Late => spawn(shared, body, shared.late_after),
            Telling::Twice => {
                spawn(shared, body.clone(), Duration::ZERO);
                spawn(shared, body, Duration::ZERO);
            }
            Telling::BeforeRedirect => {
                if !attempt(shared, body.clone()).await {
                    spawn(shared, body, RETRY_AFTER);
                }
            }
        }
    }
}

fn spawn(shared: &Arc<Shared>, body: Bytes, after: Duration) {
    let Ok(permit) = Arc::clone(&shared.deliveries).try_acquire_owned() else {
        tracing::warn!("too many webhooks under way; one is dropped");
        return;
    };
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        let _permit = permit;
        tokio::time::sleep(after).await;
        for tries in 0..ATTEMPTS_MAX {
            // A sandbox that has stopped tells nobody anything.
            let Some(shared) = shared.upgrade() else {
                return;
            };
            if attempt(&shared, body.clone()).await {
                return;
            }
            drop(shared);
            tokio::time::sleep(RETRY_AFTER * 2_u32.pow(tries)).await;
        }
        tracing::warn!(attempts = ATTEMPTS_MAX, "a webhook was never taken");
    });
}

/// One delivery, signed at the moment it is sent. Whether it was taken.
async fn attempt(shared: &Shared, body: Bytes) -> bool {
    let now: Timestamp = (shared.clock)();
    let url = &shared.webhook_url;
    let request = Request::builder()
        .method(Method::POST)
        .uri(url.path_and_query())
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            SIGNATURE_HEADER,
            signature::sign(&shared.secret, &body, now),
        )
        .body(Full::new(body))
        .expect("a checked URL and visible characters");
    let authority = format!("{}:{}", url.host(), url.port());
    match client::exchange(&authority, request).await {
        Ok((status, _)) if status.is_success() => true,
        Ok((status, _)) => {
            tracing::debug!(%status, "a webhook was refused");
            false
        }
        Err(error) => {
            tracing::debug!(%error, "a webhook failed");
            false
        }
    }
}

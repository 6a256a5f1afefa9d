//! The sandbox's HTTP server: the API for the daemon, the pages for browsers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::book::{BookError, Session};
use super::{Shared, api, page, webhook};
use crate::ids::SessionId;

/// The most connections at once; a further one waits in the kernel's queue.
const CONNECTIONS_MAX: usize = 128;
/// From the first octet to the last of a request's header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first octet to the last of a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// From a connection's start to its end.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest body that is read, in octets.
const BODY_LEN_MAX: usize = 16 * 1_024;
/// The wait after the system refused a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Answer = Response<Full<Bytes>>;

/// Serves until `stopped` says so.
pub(super) async fn run(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (
                slot.expect("the places are never closed"),
                listener.accept().await,
            )
        };
        // Also while all places are taken: slow clients must not hold up the stop.
        let (slot, accepted) = tokio::select! {
            (slot, accepted) = next => (slot, accepted),
            _ = stopped.changed() => return,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let _slot = slot;
                    connection(shared, stream).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the sandbox cannot accept; pausing");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever ends a connection is the peer's doing; nothing is told that is not on disk.
    match tokio::time::timeout(CONNECTION_TIMEOUT, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a sandbox connection broke"),
        Err(_) => tracing::debug!("a sandbox connection was too slow"),
    }
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    if let Some(rest) = path.strip_prefix(api::SESSIONS) {
        return api_answer(shared, request, rest).await;
    }
    let session = path
        .strip_prefix("/pay/")
        .and_then(|id| id.parse::<SessionId>().ok());
    let Some(id) = session else {
        return html(
            StatusCode::NOT_FOUND,
            page::notice("There is no such page."),
        );
    };
    let key = id.clone();
    let Some(session) = shared.with_book(move |book| book.get(&key).cloned()).await else {
        return html(
            StatusCode::NOT_FOUND,
            page::notice("There is no such page."),
        );
    };
    match method {
        Method::GET | Method::HEAD => shown(shared, &session, false),
        Method::POST => posted(shared, session, request).await,
        _ => html(
            StatusCode::METHOD_NOT_ALLOWED,
            page::notice("That cannot be done here."),
        ),
    }
}

async fn api_answer(shared: &Arc<Shared>, request: Request<Incoming>, rest: &str) -> Answer {
    let key = format!("Bearer {}", shared.api_key);
    let given = request.headers().get(header::AUTHORIZATION);
    // A digest of each side: comparing them tells nothing of the key by its time.
    let same = given
        .is_some_and(|given| Sha256::digest(given.as_bytes()) == Sha256::digest(key.as_bytes()));
    if !same {
        return plain(StatusCode::UNAUTHORIZED, "no valid key");
    }
    let now = (shared.clock)();
    let found = match (request.method().clone(), rest.strip_prefix('/')) {
        (Method::POST, None) if rest.is_empty() => {
            let wanted = body_of(request)
                .await
                .and_then(|body| serde_json::from_slice::<api::Create>(&body).ok())
                .and_then(|create| create.read());
            let Some(wanted) = wanted else {
                return plain(StatusCode::BAD_REQUEST, "no valid session");
            };
            shared
                .with_book(move |book| {
                    let id = book.open_session(wanted, now)?;
                    book.get(&id).cloned().ok_or(BookError::Unknown)
                })
                .await
        }
        (Method::GET, Some(id)) => {
            let Ok(id) = id.parse::<SessionId>() else {
                return plain(StatusCode::NOT_FOUND, "no such session");
            };
            shared
                .with_book(move |book| book.get(&id).cloned().ok_or(BookError::Unknown))
                .await
        }
        _ => return plain(StatusCode::METHOD_NOT_ALLOWED, "no such method"),
    };
    match found {
        Ok(session) => told(shared, &session),
        Err(error) => failed(&error),
    }
}

fn told(shared: &Shared, session: &Session) -> Answer {
    let path = format!("/pay/{}", session.id);
    let Ok(url) = shared.public_url.join(&path) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "public_url is too long");
    };
    let state = session.state((shared.clock)());
    let told = api::Told::of(&session.id, url.to_string(), &state);
    match serde_json::to_vec(&told) {
        Ok(body) => response(StatusCode::OK, "application/json", body.into()),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "no answer"),
    }
}

fn failed(error: &BookError) -> Answer {
    let status = match error {
        BookError::Unknown => StatusCode::NOT_FOUND,
        BookError::Closed | BookError::Conflict => StatusCode::CONFLICT,
        BookError::Io(_)
        | BookError::InUse
        | BookError::Damaged { .. }
        | BookError::Full
        | BookError::Broken => {
            tracing::warn!(%error, "the sandbox cannot keep a record");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    html(status, page::notice(&error.to_string()))
}

fn shown(shared: &Shared, session: &Session, declined: bool) -> Answer {
    use crate::gateway::SessionState;
    match session.state((shared.clock)()) {
        SessionState::Open => {
            let mut answer = html(StatusCode::OK, page::hosted(session, declined));
            // The form's answer is a redirect back to the portal, which `form-action` covers too.
            let policy = policy(&format!(
                "'self' {} {}",
                session.request.success_url.origin(),
                session.request.cancel_url.origin()
            ));
            if let Ok(policy) = policy.parse() {
                answer
                    .headers_mut()
                    .insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            answer
        }
        SessionState::Paid(_) => html(StatusCode::OK, page::notice("This was paid already.")),
        SessionState::Expired => html(StatusCode::GONE, page::notice("This has expired.")),
    }
}

async fn posted(shared: &Arc<Shared>, session: Session, request: Request<Incoming>) -> Answer {
    let Some(body) = body_of(request).await else {
        return html(StatusCode::BAD_REQUEST, page::notice("No valid form."));
    };
    let (mut action, mut telling) = (String::new(), Some(webhook::Telling::Normal));
    for (name, value) in form_urlencoded::parse(&body) {
        match &*name {
            "action" => action = value.into_owned(),
            "webhook" => {
                telling = webhook::Telling::ALL
                    .into_iter()
                    .find(|telling| telling.as_str() == value);
            }
            _ => {}
        }
    }
    let Some(telling) = telling else {
        return html(StatusCode::BAD_REQUEST, page::notice("No valid form."));
    };
    let times = match action.as_str() {
        "pay" => 1,
        "pay_twice" => 2,
        "decline" => return shown(shared, &session, true),
        "cancel" => return see_other(session.request.cancel_url.as_str()),
        _ => return html(StatusCode::BAD_REQUEST, page::notice("No valid form.")),
    };
    let (id, now) = (session.id.clone(), (shared.clock)());
    match shared
        .with_book(move |book| book.pay(&id, times, now))
        .await
    {
        Ok(payments) => {
            webhook::tell(shared, &session, &payments, telling).await;
            see_other(session.request.success_url.as_str())
        }
        Err(error) => failed(&error),
    }
}

async fn body_of(request: Request<Incoming>) -> Option<Bytes> {
    let body = Limited::new(request.into_body(), BODY_LEN_MAX).collect();
    let body = tokio::time::timeout(BODY_TIMEOUT, body).await.ok()?;
    body.ok().map(|body| body.to_bytes())
}

fn see_other(url: &str) -> Answer {
    let mut answer = html(StatusCode::SEE_OTHER, page::notice("Going back."));
    if let Ok(url) = url.parse() {
        answer.headers_mut().insert(header::LOCATION, url);
    }
    answer
}

fn html(status: StatusCode, text: String) -> Answer {
    response(status, "text/html; charset=utf-8", text.into())
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    response(status, "text/plain; charset=utf-8", text.into())
}

fn policy(form_action: &str) -> String {
    let style = STANDARD.encode(Sha256::digest(page::STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action {form_action}; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "same-origin")
        .header(header::CONTENT_SECURITY_POLICY, policy("'self'"))
        .body(Full::new(body))
        .expect("constant header values")
}

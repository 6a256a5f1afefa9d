//! From a request to its answer.
//!
//! First the host decides: what is not for the portal itself is redirected to it.
//! Then the path, then who asks: the pages are in `visit`, forms in `wish` (what they ask for) and
//! `act` (what becomes of it).
//! A redirect's target is a configured or a gateway's URL, never anything of the request.

mod act;
mod visit;
mod wish;

use std::net::IpAddr;
use std::sync::Arc;

use garth_subscription::subscriber::Language;
use garth_subscription::{Access, Timestamp};
use http::{HeaderMap, HeaderValue, Method, Request as HttpRequest, StatusCode, Uri, header};
use hyper::body::Incoming;

use crate::access::Principal;
use crate::desk::{Identified, RawWebhook, WebhookAnswer};
use crate::form::{self, BodyError};
use crate::limits::WEBHOOK_LEN_MAX;
use crate::rate::{Counted, source_key};
use crate::reply::{self, Reply, TEXT};
use crate::serve::Portal;
use crate::{api, probes};
use visit::Visit;

/// The cookie of a login over TLS; the prefix binds it to this host and to TLS.
const SESSION_COOKIE_TLS: &str = "__Host-garth";
/// The cookie of a login without TLS.
const SESSION_COOKIE: &str = "garth";
/// The cookie of the language switch.
const LANGUAGE_COOKIE: &str = "garth-language";
/// The longest gateway name in a path, in octets.
const GATEWAY_LEN_MAX: usize = 64;

/// What is known of a connection before its first request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) source: IpAddr,
    /// The address of ours that it reached.
    pub(crate) local: IpAddr,
    pub(crate) tls: bool,
}

/// Answers one request.
pub(crate) async fn handle(
    portal: &Arc<Portal>,
    peer: Peer,
    request: HttpRequest<Incoming>,
) -> Reply {
    let now = (portal.clock)();
    let host = host_of(request.uri(), request.headers());
    let own = host
        .as_deref()
        .is_some_and(|host| is_own(portal, peer, host));
    let path = request.uri().path().to_owned();
    let identified = portal.services.directory.identify(peer.source);
    if own && let Some(name) = path.strip_prefix("/gateway/") {
        return match identified {
            // No gateway is behind a subscriber's line: one who sends slowly must not take the places.
            Identified::Known(_) => {
                reply::reply(&portal.policy, StatusCode::NOT_FOUND, TEXT, "404\n")
            }
            Identified::Ambiguous | Identified::Unknown => {
                webhook(portal, peer, request, name, now).await
            }
        };
    }
    let probe = probes::success(host.as_deref(), &path);
    if !own || (probe.is_some() && path != "/") {
        return foreign(portal, &request, identified, probe);
    }
    if !portal
        .page_rate
        .allow(Counted::of(peer.source, identified), now)
    {
        return too_many(portal);
    }
    if path == "/captive-portal/api" {
        return captive_api(portal, identified, now).await;
    }
    if portal.config.public_url.is_https() && !peer.tls {
        return to_portal(portal);
    }
    let principal = principal(portal, peer, identified, request.headers(), now);
    let view = match principal.subscription() {
        Some(id) => portal.services.desk.view(id).await.map(|view| (id, view)),
        None => None,
    };
    let chosen = form::cookie(request.headers(), LANGUAGE_COOKIE).and_then(Language::from_code);
    let language = chosen
        .or_else(|| view.as_ref().and_then(|(_, view)| view.language))
        .or_else(|| form::accepted(request.headers()))
        .unwrap_or(portal.config.language);
    let who = view.as_ref().map_or_else(String::new, |(id, view)| {
        let name = view.user_name.as_ref().map(ToString::to_string);
        name.unwrap_or_else(|| id.to_string())
    });
    let visit = Visit {
        portal,
        peer,
        principal,
        who,
        texts: portal.texts.get(language),
        now,
    };
    visit.answer(view, request, &path).await
}

/// The host a request is for, in lower case and without its port. Nothing if there is none, or two.
fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => {
            let mut hosts = headers.get_all(header::HOST).iter();
            let (first, more) = (hosts.next()?, hosts.next());
            if more.is_some() {
                return None;
            }
            first.to_str().ok()?.parse().ok()?
        }
    };
    if authority.as_str().contains('@') {
        return None;
    }
    Some(authority.host().to_ascii_lowercase())
}

/// Whether `host` is the portal itself: its public name, a further one, or the very address that
/// the connection reached.
fn is_own(portal: &Portal, peer: Peer, host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let config = &portal.config;
    config.public_url.host().eq_ignore_ascii_case(host)
        || config.own_hosts.iter().any(|own| own == host)
        || bare
            .parse()
            .is_ok_and(|ip: IpAddr| ip.to_canonical() == peer.local)
}

/// A request that was meant for somewhere else.
fn foreign(
    portal: &Portal,
    request: &HttpRequest<Incoming>,
    identified: Identified,
    probe: Option<probes::Success>,
) -> Reply {
    let online = match identified {
        Identified::Known(id) => portal.services.directory.access(id) == Access::Full,
        Identified::Ambiguous | Identified::Unknown => false,
    };
    match probe {
        Some(success) if online && matches!(*request.method(), Method::GET | Method::HEAD) => {
            reply::reply(
                &portal.policy,
                success.status,
                success.content_type,
                success.body,
            )
        }
        Some(_) | None => to_portal(portal),
    }
}

/// To the one address that is configured. 302: neither kept nor taken for an error.
fn to_portal(portal: &Portal) -> Reply {
    reply::redirect(&portal.policy, StatusCode::FOUND, &portal.config.public_url)
}

fn too_many(portal: &Portal) -> Reply {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut reply = reply::reply(&portal.policy, status, TEXT, "429\n");
    let wait = HeaderValue::from_static("2");
    reply.headers_mut().insert(header::RETRY_AFTER, wait);
    reply
}

async fn captive_api(portal: &Portal, identified: Identified, now: Timestamp) -> Reply {
    let view = match identified {
        Identified::Known(id) => portal.services.desk.view(id).await,
        Identified::Ambiguous | Identified::Unknown => None,
    };
    let answer = api::Answer::of(view.as_ref(), &portal.config.public_url, now);
    let body = serde_json::to_vec(&answer).expect("texts and numbers are always JSON");
    let mut reply = reply::reply(&portal.policy, StatusCode::OK, api::MEDIA_TYPE, body);
    let private = HeaderValue::from_static("private, no-store");
    reply.headers_mut().insert(header::CACHE_CONTROL, private);
    reply
}

async fn webhook(
    portal: &Portal,
    peer: Peer,
    request: HttpRequest<Incoming>,
    name: &str,
    now: Timestamp,
) -> Reply {
    let plain = |status: StatusCode| {
        let text = format!("{}\n", status.as_u16());
        reply::reply(&portal.policy, status, TEXT, text)
    };
    if *request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    let named = (1..=GATEWAY_LEN_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !named {
        return plain(StatusCode::NOT_FOUND);
    }
    if !portal.webhook_rate.allow(source_key(peer.source), now) {
        return too_many(portal);
    }
    let Ok(_slot) = portal.webhooks.try_acquire() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE);
    };
    let (head, body) = request.into_parts();
    let body = match form::body(body, WEBHOOK_LEN_MAX, portal.config.limits.body_timeout).await {
        Ok(body) => body,
        Err(error) => return plain(body_status(error)),
    };
    let webhook = RawWebhook {
        gateway: name.to_owned(),
        headers: head.headers,
        body,
    };
    plain(match portal.services.webhooks.webhook(webhook).await {
        WebhookAnswer::Taken => StatusCode::OK,
        WebhookAnswer::Refused => StatusCode::BAD_REQUEST,
        WebhookAnswer::UnknownGateway => StatusCode::NOT_FOUND,
        WebhookAnswer::Busy => StatusCode::SERVICE_UNAVAILABLE,
    })
}

const fn body_status(error: BodyError) -> StatusCode {
    match error {
        BodyError::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        BodyError::Broken => StatusCode::BAD_REQUEST,
    }
}

/// By address where that tells, else by login.
fn principal(
    portal: &Portal,
    peer: Peer,
    identified: Identified,
    headers: &HeaderMap,
    now: Timestamp,
) -> Principal {
    match identified {
        Identified::Known(id) => Principal::Source(id, peer.source),
        Identified::Ambiguous | Identified::Unknown => {
            form::cookie(headers, session_cookie(peer.tls))
                .and_then(|token| portal.sessions.find(token, now))
                .unwrap_or(Principal::Stranger(peer.source))
        }
    }
}

const fn session_cookie(tls: bool) -> &'static str {
    if tls {
        SESSION_COOKIE_TLS
    } else {
        SESSION_COOKIE
    }
}

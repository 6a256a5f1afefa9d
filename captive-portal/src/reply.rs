//! Answers, and the header fields that every one of them carries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use garth_payments::WebUrl;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use sha2::{Digest, Sha256};

/// An answer of the portal.
pub(crate) type Reply = Response<Full<Bytes>>;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// The policy of all pages: nothing but the one style sheet, whose digest it names, and forms that
/// end here or at a gateway (a form's redirect is held to `form-action` too).
pub(crate) fn content_security_policy(style: &str, gateways: &[WebUrl]) -> HeaderValue {
    let style = STANDARD.encode(Sha256::digest(style.as_bytes()));
    let gateways: String = gateways
        .iter()
        .map(|url| format!(" {}", url.origin()))
        .collect();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'{gateways}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::try_from(policy).expect("digests and checked URLs are visible characters")
}

/// An answer that nobody may keep. The referrer policy is `same-origin` because `no-referrer` would
/// make browsers send `Origin: null` with our own forms.
pub(crate) fn reply(
    policy: &HeaderValue,
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    reply
}

/// A redirect to a URL that was checked when it was configured or came from a gateway.
pub(crate) fn redirect(policy: &HeaderValue, status: StatusCode, to: &WebUrl) -> Reply {
    let text = format!("{to}\n");
    let mut reply = reply(policy, status, TEXT, text);
    let to = HeaderValue::try_from(to.as_str()).expect("a checked URL is visible characters");
    reply.headers_mut().insert(header::LOCATION, to);
    reply
}

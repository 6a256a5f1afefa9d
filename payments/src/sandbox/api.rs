//! The sandbox's API, from both sides: what is said on the wire, and who says it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use garth_subscription::Timestamp;
use garth_subscription::subscriber::Language;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use super::book::{WireMoney, WirePayment};
use super::{NAME, SIGNATURE_HEADER, api_key, webhook};
use crate::client;
use crate::gateway::{
    Answer, CheckoutRequest, Gateway, GatewayError, GatewayEvent, Hosted, SessionState,
    WebhookError,
};
use crate::ids::SessionId;
use crate::signature::{self, SigningSecret};

/// The path of the API's sessions.
pub(super) const SESSIONS: &str = "/v1/sessions";

/// A request for a session.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    checkout: String,
    amount: WireMoney,
    description: String,
    success_url: String,
    cancel_url: String,
    expires_at: i64,
    locale: String,
}

impl Create {
    fn of(request: &CheckoutRequest) -> Self {
        Self {
            checkout: request.checkout.to_string(),
            amount: WireMoney::of(request.amount),
            description: request.description.to_string(),
            success_url: request.success_url.to_string(),
            cancel_url: request.cancel_url.to_string(),
            expires_at: request.expires_at.unix_millis(),
            locale: request.locale.code().to_owned(),
        }
    }

    /// The checked request; nothing below or at zero is for sale.
    pub(super) fn read(&self) -> Option<CheckoutRequest> {
        Some(CheckoutRequest {
            checkout: self.checkout.parse().ok()?,
            amount: self.amount.read().filter(|amount| amount.is_positive())?,
            description: self.description.parse().ok()?,
            success_url: self.success_url.parse().ok()?,
            cancel_url: self.cancel_url.parse().ok()?,
            expires_at: Timestamp::from_unix_millis(self.expires_at)?,
            locale: Language::from_code(&self.locale)?,
        })
    }
}

/// A session as the API tells of it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) state: String,
    pub(super) payments: Vec<WirePayment>,
}

impl Told {
    pub(super) fn of(id: &SessionId, url: String, state: &SessionState) -> Self {
        let (name, payments) = match state {
            SessionState::Open => ("open", [].as_slice()),
            SessionState::Paid(payments) => ("paid", payments.as_slice()),
            SessionState::Expired => ("expired", [].as_slice()),
        };
        Self {
            id: id.to_string(),
            url,
            state: name.to_owned(),
            payments: payments.iter().map(WirePayment::of).collect(),
        }
    }

    fn state(&self) -> Option<SessionState> {
        match self.state.as_str() {
            "open" => Some(SessionState::Open),
            "expired" => Some(SessionState::Expired),
            "paid" => self
                .payments
                .iter()
                .map(WirePayment::read)
                .collect::<Option<Vec<_>>>()
                .filter(|payments| !payments.is_empty())
                .map(SessionState::Paid),
            _ => None,
        }
    }
}

/// The sandbox as the daemon sees it: a [`Gateway`] somewhere at an address.
pub struct SandboxGateway {
    authority: String,
    api_key: String,
    secret: SigningSecret,
}

impl SandboxGateway {
    /// The sandbox that listens on `address` (an unspecified one is asked on loopback).
    #[must_use]
    pub fn new(address: SocketAddr, secret: SigningSecret) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        Self {
            authority: SocketAddr::new(ip, address.port()).to_string(),
            api_key: api_key(&secret),
            secret,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Told, GatewayError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.api_key))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| GatewayError::Answer("no such path"))?;
        let (status, body) = client::exchange(&self.authority, request)
            .await
            .map_err(|error| GatewayError::Unreachable(error.to_string()))?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body)
                .map_err(|_| GatewayError::Answer("the body is no session")),
            StatusCode::NOT_FOUND => Err(GatewayError::UnknownSession),
            other => Err(GatewayError::Refused {
                status: other.as_u16(),
            }),
        }
    }
}

impl Gateway for SandboxGateway {
    fn name(&self) -> &'static str {
        NAME
    }

    fn create(&self, request: CheckoutRequest) -> Answer<'_, Hosted> {
        Box::pin(async move {
            let body = serde_json::to_vec(&Create::of(&request))
                .map_err(|_| GatewayError::Answer("the request cannot be written"))?;
            let told = self.ask(Method::POST, SESSIONS, body.into()).await?;
            Ok(Hosted {
                session: told
                    .id
                    .parse()
                    .map_err(|_| GatewayError::Answer("the session's id"))?,
                url: told
                    .url
                    .parse()
                    .map_err(|_| GatewayError::Answer("the session's URL"))?,
            })
        })
    }

    fn retrieve<'a>(&'a self, session: &'a SessionId) -> Answer<'a, SessionState> {
        Box::pin(async move {
            let path = format!("{SESSIONS}/{session}");
            let told = self.ask(Method::GET, &path, Bytes::new()).await?;
            told.state()
                .ok_or(GatewayError::Answer("the session's state"))
        })
    }

    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<GatewayEvent, WebhookError> {
        let header = headers
            .get(SIGNATURE_HEADER)
            .and_then(|value| value.to_str().ok())
            .ok_or(WebhookError::Unsigned)?;
        signature::verify(&self.secret, header, body, now)?;
        webhook::read(body)
    }
}

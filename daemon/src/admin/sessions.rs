//! RADIUS sessions: listed, summed up by month, and ended at the NAS.

use std::net::IpAddr;

use garth_store::index::AtAddress;
use garth_store::record::{Session, SessionKey};
use http::{Request, Response};
use hyper::body::Incoming;
use serde::Deserialize;

use super::Admin;
use super::body::{self, Body};
use super::network::DisconnectAnswer;
use super::problem::Problem;
use super::role::Peer;
use super::routes::Call;
use super::subscription::{Change, page_limit};
use super::wire::{
    DisconnectedBody, MonthUsageBody, Page, SessionBody, session_id_octets, session_id_text,
};

/// The most sessions of one subscription that one request ends.
const DISCONNECT_MAX: usize = 100;

/// Either a subscription, or a NAS and a session.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisconnectBody {
    subscription: Option<String>,
    nas: Option<String>,
    acct_session_id: Option<String>,
}

/// Between the NAS and the session of a cursor: neither has control characters as text.
const CURSOR_SEPARATOR: char = '\t';

/// Where a page of sessions ended.
fn cursor_of(key: &SessionKey) -> String {
    let id = session_id_text(&key.acct_session_id);
    format!("{}{CURSOR_SEPARATOR}{id}", key.nas)
}

/// What [`cursor_of`] was made from.
fn key_of(cursor: &str) -> Result<SessionKey, Problem> {
    let parts = cursor.split_once(CURSOR_SEPARATOR);
    let key = parts.and_then(|(nas, id)| {
        Some(SessionKey {
            nas: nas.into(),
            acct_session_id: session_id_octets(id)?,
        })
    });
    key.ok_or_else(|| Problem::malformed("after: not what a page gave as next"))
}

impl Admin {
    pub(crate) async fn session_list(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let live_only = call.query.parse("live")?.unwrap_or(true);
        let limit = page_limit(call)?;
        let of = match call.query.get("subscription") {
            Some(name) => Some(self.named(name).await?.facts.id),
            None => None,
        };
        let after = call.query.get("after").map(key_of).transpose()?;
        // All live ones come page by page; one subscription's, and those that have ended, are one page.
        let pages = of.is_none() && live_only;
        if after.is_some() && !pages {
            return Err(Problem::malformed("after: only for all live sessions"));
        }
        let sessions = self
            .read(move |store| match after {
                None if !pages => store.sessions(of, live_only, limit),
                after => store.live_sessions(after.as_ref(), limit),
            })
            .await?;
        let last = sessions.last().filter(|_| pages && sessions.len() == limit);
        Ok(body::ok(&Page {
            next: last.map(|session| cursor_of(&session.key)),
            items: sessions.iter().map(|one| self.shown(one)).collect(),
        }))
    }

    pub(crate) async fn session_show(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let part = |name: &str| {
            let missing = || Problem::malformed(format_args!("{name}: must be given"));
            call.query.get(name).ok_or_else(missing)
        };
        let acct_session_id = session_id_octets(part("acct_session_id")?)
            .ok_or_else(|| Problem::malformed("acct_session_id: odd hexadecimal digits"))?;
        let key = SessionKey {
            nas: part("nas")?.into(),
            acct_session_id,
        };
        let found = self.read(move |store| store.session(&key)).await?;
        let session = found.ok_or_else(|| Problem::not_found("there is no such session"))?;
        Ok(body::ok(&self.shown(&session)))
    }

    pub(crate) async fn subscription_usage(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let id = self.named(&call.name).await?.facts.id;
        let months = self.read(move |store| store.usage(id)).await?;
        let months: Vec<MonthUsageBody> = months.iter().map(Into::into).collect();
        Ok(body::ok(&months))
    }

    /// A session, and whether somebody else claims an address of it, too (N27, E15).
    fn shown(&self, session: &Session) -> SessionBody {
        let index = self.store.index();
        let v4 = session.framed_ipv4.map(IpAddr::V4);
        let v6 = [session.framed_ipv6, session.delegated_ipv6];
        let v6 = v6.iter().flatten().chain(&session.further_ipv6);
        let v6 = v6.map(|prefix| IpAddr::V6(prefix.address()));
        let is_shared = |address| index.at_address(address) == AtAddress::Many;
        SessionBody {
            shared_address: session.stopped_at.is_none() && v4.into_iter().chain(v6).any(is_shared),
            ..SessionBody::from(session)
        }
    }

    pub(crate) async fn session_disconnect(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let asked: DisconnectBody = body::read_json(request.into_body()).await?;
        let sessions = self.sessions_meant(asked).await?;
        let mut answers = Vec::with_capacity(sessions.len());
        for session in sessions {
            let key = session.key.clone();
            let answer = if change.dry_run {
                DisconnectAnswer::DryRun
            } else {
                let answer = self.network.disconnect(session).await;
                tracing::info!(
                    actor = %change.actor.name.as_str().escape_debug(),
                    nas = %key.nas,
                    session = session_id_text(&key.acct_session_id),
                    ?answer,
                    "the NAS was asked to end a session"
                );
                answer
            };
            answers.push(DisconnectedBody {
                nas: key.nas.to_string(),
                acct_session_id: session_id_text(&key.acct_session_id),
                answer,
            });
        }
        Ok(body::ok(&answers))
    }

    async fn sessions_meant(&self, asked: DisconnectBody) -> Result<Vec<Session>, Problem> {
        match (asked.subscription, asked.nas, asked.acct_session_id) {
            (Some(name), None, None) => {
                let id = self.named(&name).await?.facts.id;
                self.read(move |store| store.sessions(Some(id), true, DISCONNECT_MAX))
                    .await
            }
            (None, Some(nas), Some(id)) => {
                let acct_session_id = session_id_octets(&id)
                    .ok_or_else(|| Problem::malformed("acct_session_id: odd hexadecimal digits"))?;
                let key = SessionKey {
                    nas: nas.into(),
                    acct_session_id,
                };
                let found = self.read(move |store| store.session(&key)).await?;
                let live = found.filter(|session| session.stopped_at.is_none());
                live.map(|session| vec![session])
                    .ok_or_else(|| Problem::not_found("there is no such live session"))
            }
            (Some(_), _, _) | (None, _, _) => Err(Problem::malformed(
                "give either subscription, or nas and acct_session_id",
            )),
        }
    }
}

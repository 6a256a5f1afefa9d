//! Requests: matched by the table of routes, permitted by role, answered.

mod table;

use http::{HeaderName, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::{AdminRole, Peer};

pub(crate) use table::{Action, Needs, ROUTES, Route};

/// The header of every answer that names the billing time zone: documents have their times in UTC,
/// and people read them in this one.
pub(crate) const TIME_ZONE: HeaderName = HeaderName::from_static("garth-time-zone");

/// The header with the command id of a change (L33).
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request that was matched, and what it carries beside its body.
pub(crate) struct Call {
    pub(crate) action: Action,
    /// What `{name}` stood for.
    pub(crate) name: String,
    pub(crate) query: Query,
}

/// The parameters of a URL.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The parameter as a `T`.
    pub(crate) fn parse<T>(&self, key: &str) -> Result<Option<T>, Problem>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        self.get(key)
            .map(|text| {
                text.parse()
                    .map_err(|error| Problem::malformed(format!("{key}: {error}")))
            })
            .transpose()
    }

    /// `true` or `false`; not there is `false`.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, Problem> {
        Ok(self.parse(key)?.unwrap_or(false))
    }

    fn read(text: &str, route: &Route) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect();
        let changes = route.needs == Needs::Change;
        let tries = changes || route.needs == Needs::Declare;
        for (at, (key, _)) in pairs.iter().enumerate() {
            let known = route.query.contains(&key.as_str())
                || tries && key == "dry_run"
                || changes && key == "command_id";
            if key == "command_id" && !known {
                return Err(Problem::no_command_id());
            }
            if !known {
                return Err(Problem::malformed(format!("unknown parameter {key:?}")));
            }
            if pairs[..at].iter().any(|(earlier, _)| earlier == key) {
                return Err(Problem::malformed(format!("{key} is given twice")));
            }
        }
        Ok(Self(pairs))
    }
}

/// The route for a method and a path, and what `{name}` stood for.
pub(crate) fn find(method: &Method, path: &str) -> Result<(&'static Route, String), Problem> {
    let mut path_known = false;
    for route in ROUTES {
        let Some(name) = fits(route.path, path) else {
            continue;
        };
        path_known = true;
        if method == route.method {
            let name = decoded(name)
                .ok_or_else(|| Problem::malformed("the path is no percent-encoded UTF-8"))?;
            return Ok((route, name));
        }
    }
    if path_known {
        Err(Problem::method_not_allowed())
    } else {
        Err(Problem::not_found("no such path; see /openapi.json"))
    }
}

/// What `{name}` in `pattern` stands for in `path`; empty where there is no `{name}`.
fn fits<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let mut name = "";
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected == "{name}" && !segment.is_empty() {
            name = segment;
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(name)
}

/// Undoes percent-encoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            octets.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        } else {
            octets.push(*first);
        }
    }
    String::from_utf8(octets).ok()
}

impl Admin {
    /// Answers one request of `peer`.
    pub(crate) async fn answer(
        self: std::sync::Arc<Self>,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let time_zone = HeaderValue::from_static(self.tz.name());
        let mut response = self
            .dispatch(peer, request)
            .await
            .unwrap_or_else(|problem| {
                tracing::debug!(
                    peer = peer.name.as_str(),
                    status = problem.status,
                    detail = %problem.detail.escape_debug(),
                    "admin request refused"
                );
                body::refusal(&problem)
            });
        response.headers_mut().insert(TIME_ZONE, time_zone);
        response
    }

    async fn dispatch(
        self: std::sync::Arc<Self>,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let Some(role) = peer.role else {
            let detail = format!("{} has no role here; see [admin.roles]", peer.name);
            return Err(Problem::forbidden(detail));
        };
        let (route, name) = find(request.method(), request.uri().path())?;
        let query = Query::read(request.uri().query().unwrap_or_default(), route)?;
        permit(role, route.needs)?;
        if route.needs != Needs::Change && request.headers().contains_key(IDEMPOTENCY_KEY) {
            return Err(Problem::no_command_id());
        }
        let call = Call {
            action: route.action,
            name,
            query,
        };
        match call.action {
            Action::OpenApi => Ok(body::ok(&super::openapi::document())),
            Action::Status => self.status().await,
            Action::SubscriptionList => self.subscription_list(&call).await,
            Action::SubscriptionAdd => self.subscription_add(&call, peer, request).await,
            Action::SubscriptionShow => self.subscription_show(&call).await,
            Action::Command(verb) => self.subscription_command(verb, &call, peer, request).await,
            Action::Explain => self.subscription_explain(&call).await,
            Action::History => self.subscription_history(&call).await,
            Action::Actions => self.subscription_actions(&call, peer).await,
            Action::Prices => self.subscription_prices(&call).await,
            Action::Open => self.subscription_open(&call, peer).await,
            Action::Bulk => self.bulk(&call, peer, request),
            Action::Approvals => self.approvals().await,
            Action::RevertRequest => self.revert_request(&call, peer, request).await,
            Action::RevertList => self.revert_list(&call).await,
            Action::RevertReport => self.revert_report(&call).await,
            Action::RevertShow => self.revert_show(&call).await,
            Action::RevertApprove => self.revert_decide(true, &call, peer, request).await,
            Action::RevertDeny => self.revert_decide(false, &call, peer, request).await,
            Action::HoldList => Ok(body::ok(&self.holds())),
            Action::HoldConfirm => self.hold_confirm(&call, peer, request).await,
            Action::TicketList => self.ticket_list(&call).await,
            Action::TicketShow => self.ticket_show(&call).await,
            Action::TicketClose => self.ticket_close(&call, peer, request).await,
            Action::QuoteList => self.quote_list(&call).await,
            Action::QuoteMake => self.quote_make(&call, peer, request).await,
            Action::QuoteShow => self.quote_show(&call).await,
            Action::Import => self.import(&call, peer, request),
            Action::Export => self.export(&call, role),
            Action::PlanList => Ok(self.plan_list()),
            Action::PlanShow => self.plan_show(&call),
            Action::PlanApply => self.plan_apply(&call, peer, request).await,
            Action::NasList => self.nas_list().await,
            Action::NasShow => self.nas_show(&call).await,
            Action::NasProbe => self.nas_probe(&call).await,
            Action::SessionList => self.session_list(&call).await,
            Action::SessionShow => self.session_show(&call).await,
            Action::Usage => self.subscription_usage(&call).await,
            Action::SessionDisconnect => self.session_disconnect(&call, peer, request).await,
            Action::JournalList => self.journal_list(&call).await,
            Action::JournalVerify => Ok(self.journal_verify()),
            Action::Garden => Ok(body::ok(&self.network.garden_status().await)),
        }
    }
}

/// Passes if `role` reaches as far as the route needs.
pub(crate) fn permit(role: AdminRole, needs: Needs) -> Result<(), Problem> {
    let least = match needs {
        Needs::Read => AdminRole::Viewer,
        Needs::Change | Needs::Declare | Needs::Act => AdminRole::Operator,
    };
    if role >= least {
        return Ok(());
    }
    let (is, must) = (role.as_str(), least.as_str());
    Err(Problem::forbidden(format!(
        "a {is} may not do this; it takes the role {must}"
    )))
}

//! From a request to its answer.
//!
//! First the host decides: what is not for the portal itself is redirected to it.
//! Then the path, then who asks. A redirect's target is a configured or a
//! gateway's URL, never anything of the request.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use garth_payments::CheckoutId;
use garth_subscription::calendar::{CivilDate, Months};
use garth_subscription::command::PauseEnd;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::Language;
use garth_subscription::text::{CommandId, Label};
use garth_subscription::time::Span;
use garth_subscription::{Access, Timestamp};
use http::{HeaderMap, HeaderValue, Method, Request as HttpRequest, StatusCode, Uri, header};
use hyper::body::Incoming;

use crate::access::Principal;
use crate::desk::{Identified, Performed, Problem, RawWebhook, Request, View, WebhookAnswer};
use crate::form::{self, BodyError, Form};
use crate::l10n::Texts;
use crate::limits::{FORM_LEN_MAX, SESSION_SECONDS, WEBHOOK_LEN_MAX};
use crate::pages::{
    AccountPage, Frame, HistoryPage, LoginPage, MessagePage, PausePage, ReturnedPage,
};
use crate::rate::{Counted, source_key};
use crate::reply::{self, HTML, Reply, TEXT};
use crate::serve::Portal;
use crate::token::FormNumber;
use crate::{api, probes};

/// The cookie of a login over TLS; the prefix binds it to this host and to TLS.
const SESSION_COOKIE_TLS: &str = "__Host-garth";
/// The cookie of a login without TLS.
const SESSION_COOKIE: &str = "garth";
/// The cookie of the language switch.
const LANGUAGE_COOKIE: &str = "garth-language";
/// How long the switch holds, in seconds: a year.
const LANGUAGE_SECONDS: u32 = 31_536_000;
/// The longest user name or password that is tried, in octets (RFC 2865: an attribute's value).
const CREDENTIAL_LEN_MAX: usize = 253;
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
    let identified = portal.directory.identify(peer.source);
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
        Some(id) => portal.desk.view(id).await.map(|view| (id, view)),
        None => None,
    };
    let chosen = form::cookie(request.headers(), LANGUAGE_COOKIE).and_then(Language::from_code);
    let language = chosen
        .or_else(|| view.as_ref().and_then(|(_, view)| view.language))
        .or_else(|| form::accepted(request.headers()))
        .unwrap_or(portal.config.language);
    let visit = Visit {
        portal,
        peer,
        principal,
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
        Identified::Known(id) => portal.directory.access(id) == Access::Full,
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
        Identified::Known(id) => portal.desk.view(id).await,
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
    plain(match portal.desk.webhook(webhook).await {
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
                .map_or(Principal::Stranger(peer.source), |(id, key)| {
                    Principal::Session(id, key)
                })
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

/// Names what a form asks for: the same form with the same choice is the same wish, and a second click
/// must not pay a second time. Another choice on the same page is another wish.
fn once(request: &Request, number: FormNumber) -> CommandId {
    let wish = match request {
        Request::StartCheckout { months, .. } => format!("checkout-{}", months.get()),
        Request::PayFromBalance { months } => format!("pay-{}", months.get()),
        Request::EndPause => "end-pause".to_owned(),
        Request::Pause { end } => match end {
            PauseEnd::Open => "pause".to_owned(),
            PauseEnd::On(date) => format!("pause-{date}"),
            PauseEnd::At(at) => format!("pause-{}", at.unix_millis()),
            PauseEnd::ForDays(days) => format!("pause-for-{days}"),
        },
    };
    format!("portal:{number}:{wish}")
        .parse()
        .expect("digits, letters and hyphens are an id")
}

/// One request for a page, with everything that is known of it.
struct Visit<'a> {
    portal: &'a Portal,
    peer: Peer,
    principal: Principal,
    texts: &'a Texts,
    now: Timestamp,
}

impl<'a> Visit<'a> {
    async fn answer(
        &self,
        view: Option<(SubscriptionId, View)>,
        request: HttpRequest<Incoming>,
        path: &str,
    ) -> Reply {
        if let Some(code) = path.strip_prefix("/language/") {
            return self.language(code);
        }
        match *request.method() {
            Method::GET | Method::HEAD => match &view {
                Some((_, view)) => self.show(view, path),
                None => self.show_stranger(path),
            },
            Method::POST => self.post(view, request, path).await,
            _ => self.message(
                StatusCode::METHOD_NOT_ALLOWED,
                "error-title",
                "error-method",
            ),
        }
    }

    fn show(&self, view: &View, path: &str) -> Reply {
        if let Some(id) = path.strip_prefix("/returned/") {
            return self.returned(view, id);
        }
        match path {
            "/" => self.page(&AccountPage::new(self.frame(), view, None)),
            "/cancelled" => self.page(&AccountPage::new(
                self.frame(),
                view,
                Some("cancelled-notice"),
            )),
            "/done" => self.page(&AccountPage::new(self.frame(), view, Some("done-notice"))),
            "/history" => self.page(&HistoryPage::new(self.frame(), &view.history)),
            "/pause" if view.may_pause => self.pause_page(view, StatusCode::OK, None),
            "/login" | "/pause" => self.home(),
            _ => self.not_found(),
        }
    }

    /// Everything about a subscription is behind the login; that a page exists is no secret.
    fn show_stranger(&self, path: &str) -> Reply {
        match path {
            "/" | "/login" | "/cancelled" | "/done" | "/history" | "/pause" => {
                self.login_page(StatusCode::OK, None, "")
            }
            _ if path.starts_with("/returned/") => self.login_page(StatusCode::OK, None, ""),
            _ => self.not_found(),
        }
    }

    /// A checkout that is not this subscription's own does not exist.
    fn returned(&self, view: &View, id: &str) -> Reply {
        let own = id.parse::<CheckoutId>().ok().and_then(|id| {
            view.checkouts
                .iter()
                .find(|checkout| checkout.id == id)
                .map(|checkout| checkout.state)
        });
        match own {
            Some(state) => self.page(&ReturnedPage::new(self.frame(), view, state)),
            None => self.not_found(),
        }
    }

    async fn post(
        &self,
        view: Option<(SubscriptionId, View)>,
        request: HttpRequest<Incoming>,
        path: &str,
    ) -> Reply {
        if !self.same_origin(request.headers()) {
            return self.message(StatusCode::FORBIDDEN, "error-form-title", "error-form");
        }
        let timeout = self.portal.config.limits.body_timeout;
        let body = match form::body(request.into_body(), FORM_LEN_MAX, timeout).await {
            Ok(body) => body,
            Err(error) => {
                return self.message(body_status(error), "error-title", "error-too-long");
            }
        };
        let form = Form::parse(&body);
        let subject = self.principal.subject();
        let checked = self
            .portal
            .form_key
            .check(&subject, form.get("token"), self.now);
        let number = match checked {
            Ok(number) => number,
            Err(error) => {
                tracing::debug!(%error, source = %self.peer.source, "a form was refused");
                return self.message(StatusCode::FORBIDDEN, "error-form-title", "error-form");
            }
        };
        match (path, view) {
            ("/login", _) => self.login(&form).await,
            ("/logout", _) => self.logout(),
            ("/checkout", Some((id, view))) => self.checkout(id, &view, &form, number).await,
            ("/end-pause", Some((id, _))) => self.perform(id, Request::EndPause, number).await,
            ("/pause", Some((id, view))) => self.pause(id, &view, &form, number).await,
            ("/checkout" | "/end-pause" | "/pause", None) => {
                self.login_page(StatusCode::OK, None, "")
            }
            _ => self.not_found(),
        }
    }

    /// What browsers tell of where a form was sent from. Old ones tell nothing; then the token decides.
    fn same_origin(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        if !matches!(site, None | Some(b"same-origin" | b"none")) {
            return false;
        }
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let scheme = if self.peer.tls { "https" } else { "http" };
        // The host was already found to be our own.
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let origin = origin.to_str().unwrap_or_default();
        origin == self.portal.config.public_url.origin()
            || host.is_some_and(|host| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")))
    }

    async fn checkout(
        &self,
        id: SubscriptionId,
        view: &View,
        form: &Form,
        number: FormNumber,
    ) -> Reply {
        let months = form
            .get("months")
            .parse()
            .ok()
            .and_then(|n| Months::new(n).ok());
        let offer = view
            .offers
            .iter()
            .find(|quote| Some(quote.months) == months);
        let Some(offer) = offer else {
            return self.message(StatusCode::CONFLICT, "error-title", "error-refused");
        };
        let months = offer.months;
        let request = if offer.total.is_positive() {
            Request::StartCheckout {
                months,
                language: self.texts.language,
                description: self.description(view, months),
            }
        } else {
            Request::PayFromBalance { months }
        };
        self.perform(id, request, number).await
    }

    /// What the payer reads at the gateway; the plan's name alone where an operator's text does not fit there.
    fn description(&self, view: &View, months: Months) -> Label {
        let months = self.texts.count("months", u64::from(months.get()));
        let values = [("plan", view.plan_name.as_str()), ("months", &months)];
        let text = self.texts.with("checkout-description", &values);
        text.parse().unwrap_or_else(|_| view.plan_name.clone())
    }

    async fn pause(
        &self,
        id: SubscriptionId,
        view: &View,
        form: &Form,
        number: FormNumber,
    ) -> Reply {
        let today = self.portal.config.zone.date_of(self.now);
        let end = match form.get("until") {
            "" if view.pause_needs_end => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return self.pause_page(view, status, Some("pause-end-missing"));
            }
            "" => PauseEnd::Open,
            text => match text.parse::<CivilDate>() {
                Ok(date) if date > today => PauseEnd::On(date),
                Ok(_) | Err(_) => {
                    let status = StatusCode::UNPROCESSABLE_ENTITY;
                    return self.pause_page(view, status, Some("pause-bad-date"));
                }
            },
        };
        self.perform(id, Request::Pause { end }, number).await
    }

    async fn perform(&self, id: SubscriptionId, request: Request, number: FormNumber) -> Reply {
        if !self.portal.action_rate.allow(id.0.as_bytes(), self.now) {
            return self.message(StatusCode::TOO_MANY_REQUESTS, "error-title", "error-busy");
        }
        let once = once(&request, number);
        match self.portal.desk.perform(id, request, once).await {
            Ok(Performed::Redirect(url)) => {
                reply::redirect(&self.portal.policy, StatusCode::SEE_OTHER, &url)
            }
            Ok(Performed::Done) => self.see_other("/done"),
            Err(problem) => {
                tracing::debug!(%problem, subscription = %id, "a request was not performed");
                let (status, key) = match problem {
                    Problem::Refused(_) => (StatusCode::CONFLICT, "error-refused"),
                    Problem::Gateway => (StatusCode::BAD_GATEWAY, "error-gateway"),
                    Problem::Busy => (StatusCode::SERVICE_UNAVAILABLE, "error-busy"),
                };
                self.message(status, "error-title", key)
            }
        }
    }

    async fn login(&self, form: &Form) -> Reply {
        let (user_name, password) = (form.get("user"), form.get("password"));
        let portal = self.portal;
        let by_source = portal
            .login_rate
            .allow(("source", source_key(self.peer.source)), self.now);
        if !by_source || !portal.login_rate.allow(("user", user_name), self.now) {
            let status = StatusCode::TOO_MANY_REQUESTS;
            return self.login_page(status, Some("login-too-many"), "");
        }
        let sized = |text: &str| (1..=CREDENTIAL_LEN_MAX).contains(&text.len());
        let found = if sized(user_name) && sized(password) {
            portal.directory.login(user_name, password).await
        } else {
            None
        };
        let Some(id) = found else {
            let user = user_name.escape_debug();
            tracing::debug!(%user, source = %self.peer.source, "a login failed");
            let status = StatusCode::FORBIDDEN;
            return self.login_page(status, Some("login-wrong"), user_name);
        };
        if let Principal::Session(_, old) = self.principal {
            portal.sessions.end(old);
        }
        let token = portal.sessions.begin(id, self.now);
        let mut reply = self.home();
        self.set_cookie(
            &mut reply,
            session_cookie(self.peer.tls),
            &token,
            SESSION_SECONDS,
        );
        reply
    }

    fn logout(&self) -> Reply {
        if let Principal::Session(_, key) = self.principal {
            self.portal.sessions.end(key);
        }
        let mut reply = self.home();
        self.set_cookie(&mut reply, session_cookie(self.peer.tls), "", 0);
        reply
    }

    fn language(&self, code: &str) -> Reply {
        let Some(language) = Language::ALL.into_iter().find(|known| known.code() == code) else {
            return self.not_found();
        };
        let mut reply = self.home();
        self.set_cookie(
            &mut reply,
            LANGUAGE_COOKIE,
            language.code(),
            LANGUAGE_SECONDS,
        );
        reply
    }

    /// `name` and `value` are ours: plain letters and digits.
    fn set_cookie(&self, reply: &mut Reply, name: &str, value: &str, seconds: u32) {
        let secure = if self.peer.tls { "; Secure" } else { "" };
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        let cookie = HeaderValue::try_from(cookie).expect("visible characters");
        reply.headers_mut().append(header::SET_COOKIE, cookie);
    }

    fn home(&self) -> Reply {
        self.see_other("/")
    }

    /// To another page of ours. Relative, so that it stays where the browser is.
    fn see_other(&self, path: &'static str) -> Reply {
        let mut reply = reply::reply(&self.portal.policy, StatusCode::SEE_OTHER, TEXT, "303\n");
        let path = HeaderValue::from_static(path);
        reply.headers_mut().insert(header::LOCATION, path);
        reply
    }

    fn not_found(&self) -> Reply {
        self.message(
            StatusCode::NOT_FOUND,
            "error-not-found-title",
            "error-not-found",
        )
    }

    fn message(&self, status: StatusCode, title: &str, text: &str) -> Reply {
        let page = MessagePage {
            frame: self.frame(),
            title: self.texts.get(title),
            text: self.texts.get(text),
        };
        self.page_with(status, &page)
    }

    fn login_page(&self, status: StatusCode, error: Option<&str>, user_name: &str) -> Reply {
        let page = LoginPage {
            frame: self.frame(),
            error: error.map(|key| self.texts.get(key)),
            user_name: user_name.chars().take(CREDENTIAL_LEN_MAX).collect(),
        };
        self.page_with(status, &page)
    }

    fn pause_page(&self, view: &View, status: StatusCode, error: Option<&str>) -> Reply {
        let tomorrow = self.now.saturating_add(Span::from_days(1));
        let page = PausePage {
            frame: self.frame(),
            needs_end: view.pause_needs_end,
            earliest: self.portal.config.zone.date_of(tomorrow).to_string(),
            error: error.map(|key| self.texts.get(key)),
        };
        self.page_with(status, &page)
    }

    fn frame(&self) -> Frame<'a> {
        let config = &self.portal.config;
        Frame {
            t: self.texts,
            zone: config.zone,
            brand: &config.brand,
            support: config.support.as_deref(),
            token: self
                .portal
                .form_key
                .issue(&self.principal.subject(), self.now),
            logged_in: matches!(self.principal, Principal::Session(..)),
            refresh: None,
        }
    }

    fn page(&self, page: &impl Template) -> Reply {
        self.page_with(StatusCode::OK, page)
    }

    fn page_with(&self, status: StatusCode, page: &impl Template) -> Reply {
        let policy = &self.portal.policy;
        match page.render() {
            Ok(text) => reply::reply(policy, status, HTML, text),
            Err(error) => {
                tracing::error!(%error, "a page cannot be written");
                reply::reply(policy, StatusCode::INTERNAL_SERVER_ERROR, TEXT, "500\n")
            }
        }
    }
}

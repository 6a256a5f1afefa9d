//! One visit: a request for a page or a form, answered for whoever it is from.
//!
//! Not here: what becomes of a form (`act`).

use askama::Template;
use garth_payments::CheckoutId;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::Language;
use garth_subscription::{Standing, Timestamp};
use http::{HeaderMap, HeaderValue, Method, Request as HttpRequest, StatusCode, header};
use hyper::body::Incoming;

use super::wish::{self, Wrong};
use super::{LANGUAGE_COOKIE, Peer, body_status, session_cookie};
use crate::access::Principal;
use crate::desk::{Hand, Problem, View};
use crate::form::{self, Form};
use crate::l10n::Texts;
use crate::limits::{FORM_LEN_MAX, SESSION_SECONDS};
use crate::pages::{
    self, AccountPage, ChangePage, ConfirmPage, Frame, HistoryPage, LoginPage, MessagePage,
    PauseFields, PausePage, PricePage, ReturnedPage,
};
use crate::rate::source_key;
use crate::reply::{self, HTML, Reply, TEXT};
use crate::serve::Portal;
use crate::shown::MenuItem;

/// How long the switch of language holds, in seconds: a year.
const LANGUAGE_SECONDS: u32 = 31_536_000;
/// The longest user name or password that is tried, in octets (RFC 2865: an attribute's value).
const CREDENTIAL_LEN_MAX: usize = 253;

/// One request for a page, with everything that is known of it.
pub(super) struct Visit<'a> {
    pub(super) portal: &'a Portal,
    pub(super) peer: Peer,
    pub(super) principal: Principal,
    /// The subscriber, as operators know them: a user name or an id.
    pub(super) who: String,
    pub(super) texts: &'a Texts,
    pub(super) now: Timestamp,
}

/// The subscription of a visit, and what its pages show.
pub(super) struct Seen {
    pub(super) id: SubscriptionId,
    pub(super) view: View,
}

impl<'a> Visit<'a> {
    pub(super) async fn answer(
        &self,
        view: Option<(SubscriptionId, View)>,
        request: HttpRequest<Incoming>,
        path: &str,
    ) -> Reply {
        if let Some(code) = path.strip_prefix("/language/") {
            return self.language(code);
        }
        let seen = view.map(|(id, view)| Seen { id, view });
        match *request.method() {
            Method::GET | Method::HEAD => {
                if let Some(token) = path.strip_prefix("/pass/") {
                    return self.redeem(token);
                }
                let query = request.uri().query().unwrap_or_default();
                match &seen {
                    Some(seen) => self.show(seen, path, query).await,
                    None => self.show_stranger(path),
                }
            }
            Method::POST => self.post(seen, request, path).await,
            _ => self.message(
                StatusCode::METHOD_NOT_ALLOWED,
                "error-title",
                "error-method",
            ),
        }
    }

    async fn show(&self, seen: &Seen, path: &str, query: &str) -> Reply {
        let view = &seen.view;
        if let Some(id) = path.strip_prefix("/returned/") {
            return self.returned(view, id);
        }
        match path {
            "/" => self.account(view, None),
            "/cancelled" => self.account(view, Some("cancelled-notice")),
            "/done" => self.account(view, Some("done-notice")),
            "/history" if self.is_open(view, MenuItem::History) => {
                self.page(&HistoryPage::new(self.frame_of(view), &view.history))
            }
            "/pause" if self.is_open(view, MenuItem::Pause) => {
                self.pause_page(view, PauseFields::default(), None)
            }
            "/plan" if self.is_open(view, MenuItem::ChangePlan) => {
                self.change_page(view, String::new(), None)
            }
            "/plan/price" if self.is_open(view, MenuItem::ChangePlan) => {
                self.price(seen, &Form::parse(query.as_bytes()), None).await
            }
            "/follow" if self.is_open(view, MenuItem::ActiveTo) => {
                self.page(&ConfirmPage::follow(self.frame_of(view), view))
            }
            "/end" if self.is_open(view, MenuItem::Terminate) => self.end_page(view, None),
            "/call-off" if view.may_cancel => {
                self.page(&ConfirmPage::call_off(self.frame_of(view)))
            }
            _ if is_page(path) => self.home(),
            _ => self.not_found(),
        }
    }

    /// Whether an item is in this partner's menu and there is something to do behind it.
    fn is_open(&self, view: &View, item: MenuItem) -> bool {
        !pages::is_told_only(view.standing)
            && view.shown.menu.contains(&item)
            && pages::is_open(view, item)
    }

    /// Everything about a subscription is behind the login; that a page exists is no secret.
    fn show_stranger(&self, path: &str) -> Reply {
        if is_page(path) || path.starts_with("/returned/") {
            self.login_page(StatusCode::OK, None, "")
        } else {
            self.not_found()
        }
    }

    fn account(&self, view: &View, notice: Option<&str>) -> Reply {
        // The account page says in its title what other pages say of grace in a line above all.
        let frame = if view.standing == Standing::Grace {
            self.frame()
        } else {
            self.frame_of(view)
        };
        self.page(&AccountPage::new(frame, view, notice))
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

    async fn post(&self, seen: Option<Seen>, request: HttpRequest<Incoming>, path: &str) -> Reply {
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
        match (path, seen) {
            ("/login", _) => self.login(&form).await,
            ("/logout", _) => self.logout(),
            (_, Some(seen)) => self.wish(&seen, path, &form, number).await,
            (_, None) => self.login_page(StatusCode::OK, None, ""),
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

    /// An operator comes in with a one-time pass (L20).
    fn redeem(&self, token: &str) -> Reply {
        let portal = self.portal;
        let allowed = portal
            .login_rate
            .allow(("pass", source_key(self.peer.source)), self.now);
        if !allowed {
            return self.message(
                StatusCode::TOO_MANY_REQUESTS,
                "error-title",
                "login-too-many",
            );
        }
        // At a subscriber's line that subscriber alone is shown; the pass keeps.
        if let Principal::Source(..) = self.principal {
            return self.message(StatusCode::FORBIDDEN, "error-title", "pass-elsewhere");
        }
        let Some(pass) = portal.services.door.redeem(token) else {
            return self.message(StatusCode::FORBIDDEN, "error-title", "pass-bad");
        };
        self.begin(pass.subscription, Hand::Operator(pass.operator))
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
            portal.services.door.login(user_name, password).await
        } else {
            None
        };
        let Some(id) = found else {
            let user = user_name.escape_debug();
            tracing::debug!(%user, source = %self.peer.source, "a login failed");
            let status = StatusCode::FORBIDDEN;
            return self.login_page(status, Some("login-wrong"), user_name);
        };
        self.begin(id, Hand::Subscriber)
    }

    /// Begins a session in the place of one that there is.
    fn begin(&self, id: SubscriptionId, hand: Hand) -> Reply {
        let sessions = &self.portal.sessions;
        if let Principal::Session(_, old, _) = self.principal {
            sessions.end(old);
        }
        let token = sessions.begin(id, hand, self.now);
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
        if let Principal::Session(_, key, _) = self.principal {
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
    pub(super) fn see_other(&self, path: &'static str) -> Reply {
        let mut reply = reply::reply(&self.portal.policy, StatusCode::SEE_OTHER, TEXT, "303\n");
        let path = HeaderValue::from_static(path);
        reply.headers_mut().insert(header::LOCATION, path);
        reply
    }

    pub(super) fn not_found(&self) -> Reply {
        self.message(
            StatusCode::NOT_FOUND,
            "error-not-found-title",
            "error-not-found",
        )
    }

    pub(super) fn message(&self, status: StatusCode, title: &str, text: &str) -> Reply {
        self.message_of(status, title, self.texts.get(text))
    }

    pub(super) fn message_of(&self, status: StatusCode, title: &str, text: String) -> Reply {
        let page = MessagePage {
            frame: self.frame(),
            title: self.texts.get(title),
            text,
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

    /// A page with a complaint is an answer to a form that cannot be taken.
    const fn status(error: Option<&String>) -> StatusCode {
        match error {
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
            None => StatusCode::OK,
        }
    }

    pub(super) fn pause_page(
        &self,
        view: &View,
        fields: PauseFields,
        error: Option<String>,
    ) -> Reply {
        let status = Self::status(error.as_ref());
        let frame = self.frame_of(view);
        let page = PausePage::new(frame, view, self.tomorrow(), fields, error);
        self.page_with(status, &page)
    }

    pub(super) fn change_page(&self, view: &View, message: String, error: Option<String>) -> Reply {
        let status = Self::status(error.as_ref());
        let frame = self.frame_of(view);
        let page = ChangePage::new(frame, view, self.tomorrow(), message, error);
        self.page_with(status, &page)
    }

    /// What a change costs, before it is done (L16).
    pub(super) async fn price(&self, seen: &Seen, form: &Form, error: Option<String>) -> Reply {
        let view = &seen.view;
        let (plan, start) = match wish::change(form) {
            Ok(chosen) => chosen,
            Err(Wrong::Mend(key)) => {
                return self.change_page(view, String::new(), Some(self.texts.get(key)));
            }
            Err(Wrong::Path | Wrong::Field) => {
                return self.message(StatusCode::CONFLICT, "error-title", "error-refused");
            }
        };
        let desk = &self.portal.services.desk;
        match desk.price_change(seen.id, plan.clone(), start).await {
            Ok(quote) => {
                let status = Self::status(error.as_ref());
                let frame = self.frame_of(view);
                let page = PricePage::new(frame, view, &plan, start, &quote, error);
                self.page_with(status, &page)
            }
            Err(Problem::Refused(refusal)) => {
                let words = pages::words_of(&self.frame(), view, &refusal);
                self.change_page(view, String::new(), Some(words))
            }
            Err(problem) => self.problem(view, &problem),
        }
    }

    pub(super) fn end_page(&self, view: &View, error: Option<String>) -> Reply {
        let status = Self::status(error.as_ref());
        let frame = self.frame_of(view);
        let page = ConfirmPage::end(frame, view, self.tomorrow(), error);
        self.page_with(status, &page)
    }

    /// The first day after today, where days are counted.
    fn tomorrow(&self) -> String {
        let today = self.portal.config.zone.date_of(self.now);
        today.plus_days(1).unwrap_or(today).to_string()
    }

    /// What the pages of a subscription share: also what must not be overlooked.
    fn frame_of(&self, view: &View) -> Frame<'a> {
        let frame = self.frame();
        Frame {
            alert: pages::alert(&frame, view),
            ..frame
        }
    }

    pub(super) fn frame(&self) -> Frame<'a> {
        let config = &self.portal.config;
        let watched = self.principal.operator().map(|operator| {
            let values = [("who", self.who.as_str()), ("operator", operator.as_str())];
            self.texts.with("watched-text", &values)
        });
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
            watched,
            alert: None,
            refresh: None,
        }
    }

    pub(super) fn page(&self, page: &impl Template) -> Reply {
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

/// Whether a page of a subscription is at that path.
fn is_page(path: &str) -> bool {
    [
        "/",
        "/login",
        "/cancelled",
        "/done",
        "/history",
        "/pause",
        "/plan",
        "/plan/price",
        "/follow",
        "/end",
        "/call-off",
    ]
    .contains(&path)
}

//! What becomes of a form: done, done already, or shown again with what stands against it.

use garth_subscription::calendar::Months;
use garth_subscription::command::{PauseEnd, When};
use garth_subscription::quote::Quote;
use garth_subscription::text::Label;
use garth_subscription::{Money, Refusal};
use http::StatusCode;

use super::visit::{Seen, Visit};
use super::wish::{PaidFor, Wish, Wrong, once};
use crate::desk::{Performed, Problem, Request, View};
use crate::form::Form;
use crate::pages::{self, PauseFields};
use crate::reply::{self, Reply};
use crate::shown::MenuItem;
use crate::token::FormNumber;

impl Visit<'_> {
    /// Does what a form asks for, unless it is done already or not on offer.
    pub(super) async fn wish(
        &self,
        seen: &Seen,
        path: &str,
        form: &Form,
        number: FormNumber,
    ) -> Reply {
        let view = &seen.view;
        let wish = if path == "/follow" {
            let start = When::At(view.paid_through);
            let end = PauseEnd::Open;
            Ok(Wish::Plain(Request::Pause { start, end }))
        } else {
            let currency = view.balance.currency();
            Wish::of(path, form, currency, view.pausing.limits.needs_end)
        };
        match wish {
            Ok(Wish::Months { months, then_pause }) => {
                self.checkout(seen, months, then_pause, number).await
            }
            Ok(Wish::PayIn(paid_for)) => self.pay_in(seen, paid_for, number).await,
            Ok(Wish::Plain(request)) if self.is_done(view, &request, number) => {
                self.see_other("/done")
            }
            Ok(Wish::Plain(request)) => match self.why_not(view, &request) {
                None => self.perform(seen, request, form, number).await,
                Some(why) => why,
            },
            Err(Wrong::Path) => self.not_found(),
            Err(Wrong::Field) => self.message(StatusCode::CONFLICT, "error-title", "error-refused"),
            Err(Wrong::Mend(key)) => self.mend(seen, path, form, self.texts.get(key)).await,
        }
    }

    /// Whether this very form has had its effect: a second click is told so, whatever is on offer now.
    fn is_done(&self, view: &View, request: &Request, number: FormNumber) -> bool {
        let once = once(request, number);
        view.history
            .iter()
            .any(|entry| entry.command_id.as_ref() == Some(&once))
    }

    /// The page that says why a request is not on offer; nothing where it is.
    fn why_not(&self, view: &View, request: &Request) -> Option<Reply> {
        let item = match request {
            Request::Pause {
                start: When::At(_), ..
            } => Some(MenuItem::ActiveTo),
            Request::Pause { .. } => Some(MenuItem::Pause),
            Request::Postpone => Some(MenuItem::Postpone),
            Request::ChangePlan { .. } | Request::RequestChange { .. } => {
                Some(MenuItem::ChangePlan)
            }
            Request::Terminate { .. } => Some(MenuItem::Terminate),
            // What is agreed can be called off wherever it is shown.
            Request::EndPause
            | Request::CancelChange
            | Request::CancelTermination
            | Request::Cancel
            | Request::DismissNotice { .. }
            | Request::StartCheckout { .. }
            | Request::PayFromBalance { .. }
            | Request::PayIn { .. } => None,
        };
        let is_shown = item.is_none_or(|item| view.shown.menu.contains(&item));
        if pages::is_told_only(view.standing) || !is_shown {
            return Some(self.message(StatusCode::CONFLICT, "error-title", "error-refused"));
        }
        match (request, &view.pausing.begin) {
            (Request::Pause { .. }, Err(refusal)) if item == Some(MenuItem::Pause) => {
                Some(self.refused(view, refusal))
            }
            _ => None,
        }
    }

    async fn checkout(
        &self,
        seen: &Seen,
        months: Months,
        then_pause: bool,
        number: FormNumber,
    ) -> Reply {
        let view = &seen.view;
        let paid = Request::PayFromBalance { months, then_pause };
        if self.is_done(view, &paid, number) {
            return self.see_other("/done");
        }
        let offer = view.offers.iter().find(|quote| quote.months == months);
        let may_pause = view.may_pause_after && view.shown.menu.contains(&MenuItem::ActiveTo);
        let Some(offer) = offer.filter(|_| may_pause || !then_pause) else {
            return self.message(StatusCode::CONFLICT, "error-title", "error-refused");
        };
        let request = if offer.total.is_positive() {
            Request::StartCheckout {
                months,
                then_pause,
                language: self.texts.language,
                description: self.description(view, offer),
            }
        } else {
            paid
        };
        self.perform(seen, request, &Form::parse(b""), number).await
    }

    /// What the payer reads at the gateway; the plan's name alone where an operator's text does not fit there.
    fn description(&self, view: &View, offer: &Quote) -> Label {
        let months = self.texts.count("months", u64::from(offer.months.get()));
        let values = [("plan", view.plan_name.as_str()), ("months", &months)];
        let text = self.texts.with("checkout-description", &values);
        text.parse().unwrap_or_else(|_| view.plan_name.clone())
    }

    /// Sends the browser to pay in what lacks: never an amount that the form says.
    async fn pay_in(&self, seen: &Seen, paid_for: PaidFor, number: FormNumber) -> Reply {
        let view = &seen.view;
        let missing: Result<Option<Money>, Reply> = match paid_for {
            PaidFor::Pause => match &view.pausing.begin {
                Err(Refusal::Funds { missing, .. }) => Ok(Some(*missing)),
                Err(_) | Ok(()) => Ok(None),
            },
            PaidFor::Change(plan, start) => {
                let desk = &self.portal.services.desk;
                match desk.price_change(seen.id, plan, start).await {
                    Ok(quote) => Ok(quote.missing),
                    Err(problem) => Err(self.problem(view, &problem)),
                }
            }
        };
        let amount = match missing {
            Ok(Some(amount)) if amount.is_positive() => amount,
            // It is there meanwhile.
            Ok(_) => return self.see_other("/done"),
            Err(reply) => return reply,
        };
        let description = self.texts.get("pay-in-description");
        let request = Request::PayIn {
            amount,
            language: self.texts.language,
            description: description
                .parse()
                .unwrap_or_else(|_| view.plan_name.clone()),
        };
        self.perform(seen, request, &Form::parse(b""), number).await
    }

    async fn perform(
        &self,
        seen: &Seen,
        request: Request,
        form: &Form,
        number: FormNumber,
    ) -> Reply {
        let id = seen.id;
        if !self.portal.action_rate.allow(id.0.as_bytes(), self.now) {
            return self.message(StatusCode::TOO_MANY_REQUESTS, "error-title", "error-busy");
        }
        let once = once(&request, number);
        let path = form_page(&request);
        let hand = self.principal.hand();
        let desk = &self.portal.services.desk;
        match desk.perform(id, hand, request, once).await {
            Ok(Performed::Redirect(url)) => {
                reply::redirect(&self.portal.policy, StatusCode::SEE_OTHER, &url)
            }
            Ok(Performed::Done) => self.see_other("/done"),
            Err(problem) => {
                tracing::debug!(%problem, subscription = %id, "a request was not performed");
                match (path, &problem) {
                    // Where a form can be mended, it is shown again with what stands against it.
                    (Some(path), Problem::Refused(refusal)) => {
                        let words = pages::words_of(&self.frame(), &seen.view, refusal);
                        self.mend(seen, path, form, words).await
                    }
                    (Some("/plan"), Problem::PriceChanged) => {
                        let words = self.texts.get("price-changed");
                        self.mend(seen, "/plan", form, words).await
                    }
                    _ => self.problem(&seen.view, &problem),
                }
            }
        }
    }

    /// The page of a form again, with what is to be mended.
    async fn mend(&self, seen: &Seen, path: &str, form: &Form, error: String) -> Reply {
        let view = &seen.view;
        match path {
            "/pause" => self.pause_page(view, PauseFields::of(form), Some(error)),
            "/request" => {
                let message: String = form.get("message").chars().take(1_000).collect();
                self.change_page(view, message, Some(error))
            }
            "/plan" | "/pay-in" => self.price(seen, form, Some(error)).await,
            "/end" => self.end_page(view, Some(error)),
            _ => self.message_of(StatusCode::CONFLICT, "error-title", error),
        }
    }

    fn refused(&self, view: &View, refusal: &Refusal) -> Reply {
        let words = pages::words_of(&self.frame(), view, refusal);
        self.message_of(StatusCode::CONFLICT, "error-title", words)
    }

    pub(super) fn problem(&self, view: &View, problem: &Problem) -> Reply {
        let (status, key) = match problem {
            Problem::Refused(refusal) => return self.refused(view, refusal),
            Problem::PriceChanged => (StatusCode::CONFLICT, "price-changed"),
            Problem::TooManyTickets => (StatusCode::CONFLICT, "request-too-many"),
            Problem::Gateway => (StatusCode::BAD_GATEWAY, "error-gateway"),
            Problem::Busy => (StatusCode::SERVICE_UNAVAILABLE, "error-busy"),
        };
        self.message(status, "error-title", key)
    }
}

/// The page whose form asks for this, where it can be mended.
const fn form_page(request: &Request) -> Option<&'static str> {
    match request {
        Request::Pause {
            start: When::At(_), ..
        } => None,
        Request::Pause { .. } => Some("/pause"),
        Request::ChangePlan { .. } => Some("/plan"),
        Request::RequestChange { .. } => Some("/request"),
        Request::Terminate { .. } => Some("/end"),
        Request::StartCheckout { .. }
        | Request::PayIn { .. }
        | Request::PayFromBalance { .. }
        | Request::EndPause
        | Request::Postpone
        | Request::CancelChange
        | Request::DismissNotice { .. }
        | Request::Cancel
        | Request::CancelTermination => None,
    }
}

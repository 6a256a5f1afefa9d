//! What a form asks for: read without looking at what is offered, so that the same form sent again is
//! the same wish, whatever has become of the subscription meanwhile.

use garth_subscription::calendar::{CivilDate, Months};
use garth_subscription::command::{ChangeStart, PauseEnd, When};
use garth_subscription::money::{Currency, Money};
use garth_subscription::text::{CommandId, PlanId};
use sha2::{Digest, Sha256};

use crate::desk::Request;
use crate::form::Form;
use crate::token::{FormNumber, hex};

/// Octets of a message's digest in the name of a wish.
const DIGEST_LEN: usize = 8;

/// What a form asks for.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// Months, however they are paid.
    Months { months: Months, then_pause: bool },
    /// What lacks on the account for something, to be paid in.
    PayIn(PaidFor),
    /// Anything that is asked for as it stands in the form.
    Plain(Request),
}

/// What money is paid in for.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum PaidFor {
    /// The fee of a pause.
    Pause,
    /// A change of plan.
    Change(PlanId, ChangeStart),
}

/// What is wrong with a form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrong {
    /// No form of ours goes there.
    Path,
    /// A field holds what no page of ours offers.
    Field,
    /// The message that says what to mend.
    Mend(&'static str),
}

impl Wish {
    /// What the form for `path` asks for.
    pub(super) fn of(
        path: &str,
        form: &Form,
        currency: Currency,
        needs_end: bool,
    ) -> Result<Self, Wrong> {
        let request = match path {
            "/checkout" => return months(form),
            "/pay-in" => return pay_in(form),
            "/end-pause" => Request::EndPause,
            "/pause" => pause(form, needs_end)?,
            "/postpone" => Request::Postpone,
            "/plan" => {
                let (plan, start) = change(form)?;
                let shown = form.get("shown");
                let shown = Money::parse(shown, currency).map_err(|_| Wrong::Field)?;
                Request::ChangePlan { plan, start, shown }
            }
            "/cancel-change" => Request::CancelChange,
            "/request" => request(form)?,
            "/dismiss" => Request::DismissNotice {
                sequence: form.get("notice").parse().map_err(|_| Wrong::Field)?,
            },
            "/call-off" => Request::Cancel,
            "/end" => end(form)?,
            "/keep" => Request::CancelTermination,
            _ => return Err(Wrong::Path),
        };
        Ok(Self::Plain(request))
    }
}

fn months(form: &Form) -> Result<Wish, Wrong> {
    let months = form.get("months").parse().map_err(|_| Wrong::Field)?;
    Ok(Wish::Months {
        months: Months::new(months).map_err(|_| Wrong::Field)?,
        then_pause: form.get("then") == "pause",
    })
}

fn pay_in(form: &Form) -> Result<Wish, Wrong> {
    match form.get("for") {
        "pause" => Ok(Wish::PayIn(PaidFor::Pause)),
        "change" => {
            let (plan, start) = change(form)?;
            Ok(Wish::PayIn(PaidFor::Change(plan, start)))
        }
        _ => Err(Wrong::Field),
    }
}

fn date(form: &Form, field: &str) -> Result<CivilDate, Wrong> {
    let text = form.get(field);
    text.parse().map_err(|_| Wrong::Mend("pause-bad-date"))
}

fn pause(form: &Form, needs_end: bool) -> Result<Request, Wrong> {
    let start = match form.get("start") {
        "date" => When::On(date(form, "from")?),
        "now" | "" => When::Now,
        _ => return Err(Wrong::Field),
    };
    let end = match form.get("end") {
        "date" => PauseEnd::On(date(form, "until")?),
        "days" => match form.get("days").parse() {
            Ok(days) => PauseEnd::ForDays(days),
            Err(_) => return Err(Wrong::Mend("pause-bad-days")),
        },
        "open" | "" if needs_end => return Err(Wrong::Mend("pause-end-missing")),
        "open" | "" => PauseEnd::Open,
        _ => return Err(Wrong::Field),
    };
    Ok(Request::Pause { start, end })
}

/// Plan and start of a change, from a form or a page's address.
pub(super) fn change(form: &Form) -> Result<(PlanId, ChangeStart), Wrong> {
    let plan = form.get("plan").parse().map_err(|_| Wrong::Field)?;
    let start = match form.get("start") {
        "now" => ChangeStart::Now,
        "next" => ChangeStart::NextPeriod,
        "date" => ChangeStart::On(date(form, "date")?),
        _ => return Err(Wrong::Field),
    };
    Ok((plan, start))
}

fn request(form: &Form) -> Result<Request, Wrong> {
    let plan = match form.get("plan") {
        "" => None,
        plan => Some(plan.parse().map_err(|_| Wrong::Field)?),
    };
    // Browsers end a line with both characters.
    let message = form.get("message").replace("\r\n", "\n");
    let message = message.trim().parse();
    let message = message.map_err(|_| Wrong::Mend("request-bad"))?;
    Ok(Request::RequestChange { plan, message })
}

fn end(form: &Form) -> Result<Request, Wrong> {
    if form.get("sure") != "yes" {
        return Err(Wrong::Mend("end-not-sure"));
    }
    let when = match form.get("on") {
        "" => When::Now,
        _ => When::On(date(form, "on")?),
    };
    Ok(Request::Terminate { when })
}

/// Names what a form asks for: the same form with the same choice is the same wish, and a second click
/// must not pay a second time. Another choice on the same page is another wish.
pub(super) fn once(request: &Request, number: FormNumber) -> CommandId {
    format!("portal:{number}:{}", name_of(request))
        .parse()
        .expect("digits, letters, hyphens and a plan's id are an id")
}

fn name_of(request: &Request) -> String {
    let then = |then_pause: &bool| if *then_pause { "-then-pause" } else { "" };
    match request {
        Request::StartCheckout {
            months, then_pause, ..
        } => format!("checkout-{}{}", months.get(), then(then_pause)),
        Request::PayFromBalance { months, then_pause } => {
            format!("pay-{}{}", months.get(), then(then_pause))
        }
        Request::PayIn { amount, .. } => format!("pay-in-{}", amount.amount()),
        Request::EndPause => "end-pause".to_owned(),
        Request::Pause { start, end } => format!("pause-{}-{}", start_name(*start), end_name(*end)),
        Request::Postpone => "postpone".to_owned(),
        Request::ChangePlan { plan, start, .. } => {
            let start = match start {
                ChangeStart::Now => "now".to_owned(),
                ChangeStart::NextPeriod => "next".to_owned(),
                ChangeStart::On(date) => date.to_string(),
            };
            format!("change-{start}-{plan}")
        }
        Request::CancelChange => "cancel-change".to_owned(),
        Request::RequestChange { plan, message } => {
            let plan = plan.as_ref().map_or("", PlanId::as_str);
            let digest = Sha256::digest(format!("{plan}\n{message}"));
            format!("request-{}", hex(&digest[..DIGEST_LEN]))
        }
        Request::DismissNotice { sequence } => format!("dismiss-{sequence}"),
        Request::Cancel => "cancel".to_owned(),
        Request::Terminate { when } => format!("end-{}", start_name(*when)),
        Request::CancelTermination => "keep".to_owned(),
    }
}

fn start_name(start: When) -> String {
    match start {
        When::Now => "now".to_owned(),
        When::At(at) => at.unix_millis().to_string(),
        When::On(date) => date.to_string(),
        When::AfterDays(days) => format!("in-{days}"),
    }
}

fn end_name(end: PauseEnd) -> String {
    match end {
        PauseEnd::Open => "open".to_owned(),
        PauseEnd::At(at) => at.unix_millis().to_string(),
        PauseEnd::On(date) => date.to_string(),
        PauseEnd::ForDays(days) => format!("for-{days}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(path: &str, form: &str) -> Result<Wish, Wrong> {
        Wish::of(path, &Form::parse(form.as_bytes()), Currency::EUR, false)
    }

    #[test]
    fn l24_a_pause_begins_now_or_on_a_date_and_ends_on_one_after_days_or_not() {
        let on = |text: &str| text.parse::<CivilDate>().unwrap();
        for (form, start, end) in [
            ("start=now&end=open", When::Now, PauseEnd::Open),
            ("", When::Now, PauseEnd::Open),
            (
                "start=date&from=2027-01-02&end=days&days=9",
                When::On(on("2027-01-02")),
                PauseEnd::ForDays(9),
            ),
            (
                "start=now&from=2027-01-02&end=date&until=2027-02-03",
                When::Now,
                PauseEnd::On(on("2027-02-03")),
            ),
        ] {
            let expected = Wish::Plain(Request::Pause { start, end });
            assert_eq!(wish("/pause", form), Ok(expected), "{form}");
        }
        for form in [
            "start=date&end=open",
            "start=date&from=2027-02-30",
            "end=days&days=x",
            "end=days&days=-1",
            "end=date",
        ] {
            assert!(
                matches!(wish("/pause", form), Err(Wrong::Mend(_))),
                "{form}"
            );
        }
        assert_eq!(wish("/pause", "start=soon"), Err(Wrong::Field));
        let form = Form::parse(b"end=open");
        let needs_end = Wish::of("/pause", &form, Currency::EUR, true);
        assert_eq!(needs_end, Err(Wrong::Mend("pause-end-missing")));
    }

    #[test]
    fn a_message_keeps_its_lines_and_is_bounded() {
        let Ok(Wish::Plain(Request::RequestChange { plan, message })) =
            wish("/request", "plan=&message=One%0D%0Atwo+")
        else {
            panic!("a request")
        };
        assert_eq!((plan, message.as_str()), (None, "One\ntwo"));
        let long = format!("message={}", "a".repeat(1_001));
        for form in ["message=", "message=+", "message=%1b", &long] {
            assert_eq!(wish("/request", form), Err(Wrong::Mend("request-bad")));
        }
    }

    #[test]
    fn the_longest_plan_id_fits_into_the_name_of_a_wish() {
        let plan: PlanId = "p".repeat(PlanId::MAX_LEN).parse().unwrap();
        let name = name_of(&Request::ChangePlan {
            plan,
            start: ChangeStart::On("2027-01-02".parse().unwrap()),
            shown: Money::zero(Currency::EUR),
        });
        let id: Result<CommandId, _> = format!("portal:{:016x}:{name}", u64::MAX).parse();
        assert!(id.is_ok());
    }

    #[test]
    fn two_messages_of_one_form_are_two_wishes() {
        let name = |form: &str| match wish("/request", form) {
            Ok(Wish::Plain(request)) => name_of(&request),
            other => panic!("{other:?}"),
        };
        assert_eq!(name("message=a"), name("message=a"));
        assert_ne!(name("message=a"), name("message=b"));
        assert_ne!(name("message=a"), name("message=a&plan=home"));
    }
}

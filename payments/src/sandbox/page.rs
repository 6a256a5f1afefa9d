//! The sandbox's pages. Every one is marked TEST MODE.

use garth_subscription::subscriber::Language;

use super::book::Session;
use super::webhook::Telling;

/// The style of all pages; the policy names its digest.
pub(super) const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:0 auto;padding:1rem;\
background:#fff;color:#1c1c28}.test{background:#7a3e00;color:#fff;padding:.75rem 1rem;border-radius:.5rem;font-weight:700}\
button,select{font:inherit;padding:.7rem 1rem;border-radius:.5rem;width:100%;margin:.3rem 0;border:1px solid #767680;\
background:#f4f4f8;color:#1c1c28}button.pay{background:#1a4fd6;color:#fff;border-color:#1a4fd6;font-weight:600}\
.amount{font-size:2rem;font-weight:700}.error{border-left:4px solid #c02020;padding-left:.75rem}\
@media(prefers-color-scheme:dark){body{background:#14141c;color:#ececf4}button,select{background:#24242e;color:#ececf4}}";

/// The words of one language.
struct Words {
    test: &'static str,
    pay: &'static str,
    pay_twice: &'static str,
    decline: &'static str,
    cancel: &'static str,
    declined: &'static str,
    webhook: &'static str,
}

const ENGLISH: Words = Words {
    test: "TEST MODE: no real money moves",
    pay: "Pay",
    pay_twice: "Pay twice",
    decline: "Pay with a card that is declined",
    cancel: "Cancel and go back",
    declined: "The card was declined. Nothing was paid.",
    webhook: "How the webhook behaves",
};

const GERMAN: Words = Words {
    test: "TEST MODE: Es fließt kein echtes Geld",
    pay: "Bezahlen",
    pay_twice: "Zweimal bezahlen",
    decline: "Mit einer abgelehnten Karte bezahlen",
    cancel: "Abbrechen und zurück",
    declined: "Die Karte wurde abgelehnt. Es wurde nichts bezahlt.",
    webhook: "Wie der Webhook sich verhält",
};

const fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

/// The page on which a session is paid.
pub(super) fn hosted(session: &Session, declined: bool) -> String {
    let request = &session.request;
    let words = words(request.locale);
    let options: String = Telling::ALL
        .iter()
        .map(|telling| format!("<option>{}</option>", telling.as_str()))
        .collect();
    let alert = if declined {
        format!("<p class=\"error\" role=\"alert\">{}</p>", words.declined)
    } else {
        String::new()
    };
    let content = format!(
        "<h1>{description}</h1><p class=\"amount\">{amount}</p>{alert}\
         <form method=\"post\"><button class=\"pay\" name=\"action\" value=\"pay\">{pay}</button>\
         <button name=\"action\" value=\"pay_twice\">{pay_twice}</button>\
         <button name=\"action\" value=\"decline\">{decline}</button>\
         <button name=\"action\" value=\"cancel\">{cancel}</button>\
         <p><label for=\"webhook\">{webhook}</label><select id=\"webhook\" name=\"webhook\">{options}</select></p></form>",
        description = escape(request.description.as_str()),
        amount = escape(&request.amount.to_string()),
        pay = words.pay,
        pay_twice = words.pay_twice,
        decline = words.decline,
        cancel = words.cancel,
        webhook = words.webhook,
    );
    frame(request.locale, &content)
}

/// A page with one sentence.
pub(super) fn notice(text: &str) -> String {
    frame(Language::English, &format!("<h1>{}</h1>", escape(text)))
}

fn frame(language: Language, content: &str) -> String {
    let (code, test) = (language.code(), words(language).test);
    format!(
        "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>TEST MODE</title>\
         <style>{STYLE}</style></head><body><p class=\"test\">{test}</p><main>{content}</main></body></html>"
    )
}

fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_become_markup() {
        assert!(!notice("<script>'\"&").contains("<script>"));
    }
}

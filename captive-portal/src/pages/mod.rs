//! What the pages say: from a [`View`](crate::desk::View) to the texts of a template.
//!
//! One module for each topic. None decides what may be done: that is in the view.

mod account;
mod change;
mod history;
mod pause;
mod planned;
mod refusal;
mod returned;

use askama::Template;
use garth_subscription::calendar::BillingZone;
use garth_subscription::subscriber::Language;

use crate::l10n::Texts;

pub(crate) use account::{AccountPage, alert, is_open, is_told_only};
pub(crate) use change::{ChangePage, PricePage};
pub(crate) use history::HistoryPage;
pub(crate) use pause::{PauseFields, PausePage};
pub(crate) use planned::ConfirmPage;
pub(crate) use refusal::words_of;
pub(crate) use returned::ReturnedPage;

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("../../templates/style.css");

/// What all pages share.
pub(crate) struct Frame<'a> {
    pub(crate) t: &'a Texts,
    pub(crate) zone: BillingZone,
    pub(crate) brand: &'a str,
    pub(crate) support: Option<&'a str>,
    /// The token for the forms of this page.
    pub(crate) token: String,
    /// Whether there is a login that can be ended.
    pub(crate) logged_in: bool,
    /// That an operator looks at the portal as its subscriber (L20).
    pub(crate) watched: Option<String>,
    /// What must not be overlooked on any page.
    pub(crate) alert: Option<String>,
    /// Seconds until the page asks again by itself.
    pub(crate) refresh: Option<u8>,
}

impl Frame<'_> {
    fn style(&self) -> &'static str {
        STYLE
    }

    fn languages(&self) -> impl Iterator<Item = &'static str> {
        Language::ALL.into_iter().map(Language::code)
    }
}

/// One line of a list: what, and how much or when.
pub(crate) struct Row {
    label: String,
    value: String,
}

/// How a page looks at first sight.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Wait,
    Stop,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Stop => "stop",
        }
    }
}

/// Where a subscriber whose address does not tell says who they are.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) error: Option<String>,
    pub(crate) user_name: String,
}

/// One sentence, and the way back.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) title: String,
    pub(crate) text: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::l10n::Catalogue;

    const TEMPLATES: [&str; 11] = [
        include_str!("../../templates/base.html"),
        include_str!("../../templates/account.html"),
        include_str!("../../templates/planned.html"),
        include_str!("../../templates/confirm.html"),
        include_str!("../../templates/pause.html"),
        include_str!("../../templates/change.html"),
        include_str!("../../templates/price.html"),
        include_str!("../../templates/history.html"),
        include_str!("../../templates/returned.html"),
        include_str!("../../templates/login.html"),
        include_str!("../../templates/message.html"),
    ];

    /// The template without `{…}` and, if asked for, without `<…>`.
    fn without(template: &str, pairs: &[(&str, &str)]) -> String {
        let mut text = template.to_owned();
        for (open, close) in pairs {
            while let Some(start) = text.find(open) {
                let end = text[start..].find(close).unwrap() + start + close.len();
                text.replace_range(start..end, "");
            }
        }
        text
    }

    #[test]
    fn no_template_holds_words_of_its_own() {
        for template in TEMPLATES {
            let visible = without(template, &[("{{", "}}"), ("{%", "%}"), ("<", ">")]);
            assert!(!visible.contains(char::is_alphanumeric), "{visible:?}");
            let tags = without(template, &[("{{", "}}"), ("{%", "%}")]);
            for attribute in ["title=\"", "alt=\"", "placeholder=\"", "aria-label=\""] {
                for (at, _) in tags.match_indices(attribute) {
                    assert!(tags[at + attribute.len()..].starts_with('"'), "{tags}");
                }
            }
        }
    }

    #[test]
    fn every_key_of_a_template_exists() {
        let catalogue = Catalogue::load(None).unwrap();
        let mut keys = 0;
        for template in TEMPLATES {
            for part in template.split("t.get(\"").skip(1) {
                let key = part.split('"').next().unwrap();
                for language in Language::ALL {
                    assert_ne!(catalogue.get(language).get(key), key);
                }
                keys += 1;
            }
        }
        assert!(keys > 10, "{keys} keys found");
    }

    /// Every key in quotes in the sources of the pages: those that are put together are completed.
    #[test]
    fn every_key_that_is_put_together_exists() {
        let catalogue = Catalogue::load(None).unwrap();
        let mut keys: Vec<String> = (1..=12).map(|month| format!("month-{month}")).collect();
        let titled = [
            "pending",
            "active",
            "grace",
            "expired",
            "locked",
            "paused",
            "overdue",
            "suspended",
            "disabled",
            "ended",
            "called-off",
            "returned-open",
            "returned-expired",
            "returned-paid",
            "returned-done",
            "returned-online",
            "returned-credit",
            "notice-void",
            "notice-revert",
            "notice-change-dropped",
            "notice-pause-dropped",
            "call-off",
            "end",
            "follow",
        ];
        for key in titled {
            keys.extend(["title", "text"].map(|part| format!("{key}-{part}")));
        }
        keys.extend(["call-off", "end", "follow"].map(|key| format!("{key}-button")));
        let sources = [
            include_str!("account.rs"),
            include_str!("change.rs"),
            include_str!("pause.rs"),
            include_str!("planned.rs"),
            include_str!("refusal.rs"),
            include_str!("../handle/act.rs"),
            include_str!("../handle/visit.rs"),
            include_str!("../handle/wish.rs"),
        ];
        for source in sources {
            let code = source.split("mod tests").next().unwrap();
            let quoted = code.split('"').skip(1).step_by(2);
            let is_key = |text: &&str| {
                text.contains('-') && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            };
            let not_texts = [
                "sec-fetch-site",
                "same-origin",
                "end-pause",
                "cancel-change",
                "-then-pause",
            ];
            let own = quoted
                .filter(is_key)
                .filter(|text| !not_texts.contains(text));
            keys.extend(own.filter(|text| !titled.contains(text)).map(str::to_owned));
        }
        assert!(keys.len() > 100, "{} keys found", keys.len());
        for key in keys {
            for language in Language::ALL {
                assert_ne!(catalogue.get(language).get(&key), key);
            }
        }
    }

    #[test]
    fn the_style_serves_dark_mode_and_visible_focus() {
        assert!(STYLE.contains("prefers-color-scheme:dark"));
        assert!(STYLE.contains(":focus-visible"));
        assert!(!STYLE.contains("</"), "it stands inside a style element");
    }
}

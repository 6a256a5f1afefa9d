//! Texts, money and dates in the reader's language.
//!
//! All words come from Fluent files compiled in from `locales/`; an operator's
//! folder may replace any message. What a language lacks is taken from English.

use std::path::Path;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use garth_subscription::calendar::BillingZone;
use garth_subscription::subscriber::Language;
use garth_subscription::{Money, Timestamp};

/// The largest file of an operator, in octets.
const OVERRIDE_LEN_MAX: u64 = 256 * 1_024;
/// Digits between two separators.
const GROUP: usize = 3;

const ENGLISH: &str = include_str!("../locales/en/portal.ftl");
const GERMAN: &str = include_str!("../locales/de/portal.ftl");

/// Why texts cannot be used. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Too large.
    #[error("{path}: larger than {OVERRIDE_LEN_MAX} octets")]
    TooLong {
        /// The file.
        path: String,
    },
    /// Not Fluent.
    #[error("{path}: line {line}: {what}")]
    Syntax {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// The parser's words.
        what: String,
    },
}

/// The texts of all languages.
pub struct Catalogue {
    english: Texts,
    german: Texts,
}

impl Catalogue {
    /// The built-in texts, with an operator's `en.ftl` and `de.ftl` from `folder` over them.
    ///
    /// # Errors
    /// [`TextsError`] for a file that is there but is no Fluent.
    pub fn load(folder: Option<&Path>) -> Result<Self, TextsError> {
        Ok(Self {
            english: Texts::load(Language::English, folder)?,
            german: Texts::load(Language::German, folder)?,
        })
    }

    pub(crate) const fn get(&self, language: Language) -> &Texts {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
        }
    }
}

/// The texts of one language.
pub(crate) struct Texts {
    pub(crate) language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    fn load(language: Language, folder: Option<&Path>) -> Result<Self, TextsError> {
        let tag = language
            .code()
            .parse()
            .expect("ISO 639-1 codes are language tags");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Marks around inserted values would end up in what people copy.
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(parse("en.ftl", ENGLISH.to_owned())?);
        match language {
            Language::English => {}
            Language::German => {
                bundle.add_resource_overriding(parse("de.ftl", GERMAN.to_owned())?);
            }
        }
        if let Some(text) = folder
            .map(|folder| read(folder, language))
            .transpose()?
            .flatten()
        {
            bundle.add_resource_overriding(parse(&format!("{}.ftl", language.code()), text)?);
        }
        Ok(Self { language, bundle })
    }

    /// The message of that key.
    pub(crate) fn get(&self, key: &str) -> String {
        self.format(key, None)
    }

    /// The message of that key with texts for its variables.
    pub(crate) fn with(&self, key: &str, values: &[(&'static str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, FluentValue::from(*value));
        }
        self.format(key, Some(&args))
    }

    /// The message of that key for `$count` of something.
    pub(crate) fn count(&self, key: &str, count: u64) -> String {
        let mut args = FluentArgs::new();
        args.set("count", FluentValue::from(count));
        self.format(key, Some(&args))
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let pattern = self
            .bundle
            .get_message(key)
            .and_then(|message| message.value());
        match pattern {
            // A variable that an operator misspelt stays visible as `{$name}`.
            Some(pattern) => {
                let mut errors = Vec::new();
                self.bundle
                    .format_pattern(pattern, args, &mut errors)
                    .into_owned()
            }
            None => key.to_owned(),
        }
    }

    /// `€85.00`, `85,00 €`.
    pub(crate) fn money(&self, money: Money) -> String {
        let amount = money.amount();
        let (sign, digits) = match amount.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", amount.as_str()),
        };
        let (separator, point) = match self.language {
            Language::English => (",", "."),
            Language::German => (".", ","),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut number = grouped(whole, separator);
        if !fraction.is_empty() {
            number = format!("{number}{point}{fraction}");
        }
        let currency = money.currency();
        let symbol = match currency.as_str() {
            "EUR" => "€",
            "USD" => "$",
            "GBP" => "£",
            "JPY" => "¥",
            other => other,
        };
        match self.language {
            Language::German => format!("{sign}{number} {symbol}"),
            Language::English if symbol.is_ascii() && symbol.len() > 1 => {
                format!("{sign}{symbol} {number}")
            }
            Language::English => format!("{sign}{symbol}{number}"),
        }
    }

    /// The day of `at` in `zone`: `31 January 2027`, `31. Januar 2027`.
    pub(crate) fn date(&self, at: Timestamp, zone: BillingZone) -> String {
        let (year, month, day) = zone.date_of(at).ymd();
        let month = self.get(&format!("month-{month}"));
        self.with(
            "date",
            &[
                ("day", &day.to_string()),
                ("month", &month),
                ("year", &year.to_string()),
            ],
        )
    }

    /// The day and time of day of `at` in `zone`: `31 January 2027, 09:30`.
    pub(crate) fn moment(&self, at: Timestamp, zone: BillingZone) -> String {
        const HOUR: i64 = 60;
        let date = zone.date_of(at);
        let minutes = |from: Timestamp| at.since(from).seconds() / 60;
        let passed = zone.start_of(date).map_or(0, minutes);
        // On the days on which the clock is set, an hour more or less has passed than it shows.
        let shows = [passed, passed + HOUR, passed - HOUR]
            .into_iter()
            .find(|minute| {
                let shown = u16::try_from(*minute).map(|minute| zone.at_minute(date, minute));
                shown.is_ok_and(|shown| {
                    shown.is_ok_and(|shown| {
                        (0..60).contains(&at.since(shown).seconds()) && shown <= at
                    })
                })
            })
            .unwrap_or(passed);
        let time = format!("{:02}:{:02}", shows / HOUR, shows % HOUR);
        self.with("moment", &[("date", &self.date(at, zone)), ("time", &time)])
    }

    /// The last day before the exclusive end `end`.
    pub(crate) fn last_day(&self, end: Timestamp, zone: BillingZone) -> String {
        let before = Timestamp::from_unix_millis(end.unix_millis().saturating_sub(1));
        self.date(before.unwrap_or(end), zone)
    }

    /// `37 ms` below a second; `1.3 s` or `1,3 s` above, rounded up so that it is never too good.
    pub(crate) fn span(&self, millis: u64) -> String {
        if millis < 1_000 {
            return format!("{millis} ms");
        }
        let tenths = millis.div_ceil(100);
        let point = match self.language {
            Language::English => ".",
            Language::German => ",",
        };
        format!("{}{point}{} s", tenths / 10, tenths % 10)
    }
}

fn grouped(digits: &str, separator: &str) -> String {
    let mut number = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(GROUP) {
            number.push_str(separator);
        }
        number.push(digit);
    }
    number
}

fn read(folder: &Path, language: Language) -> Result<Option<String>, TextsError> {
    let file = folder.join(format!("{}.ftl", language.code()));
    let path = file.display().to_string();
    match std::fs::metadata(&file) {
        Ok(found) if found.len() > OVERRIDE_LEN_MAX => return Err(TextsError::TooLong { path }),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TextsError::Io { path, source }),
    }
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(source) => Err(TextsError::Io { path, source }),
    }
}

fn parse(path: &str, text: String) -> Result<FluentResource, TextsError> {
    FluentResource::try_new(text).map_err(|(resource, errors)| {
        let first = errors.first();
        let start = first.map_or(0, |error| error.pos.start);
        let before = resource.source().get(..start).unwrap_or_default();
        TextsError::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            what: first
                .map(|error| error.kind.to_string())
                .unwrap_or_default(),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use garth_subscription::money::Currency;

    use super::*;

    fn texts(language: Language) -> Texts {
        Texts::load(language, None).unwrap()
    }

    fn keys(source: &str) -> BTreeSet<&str> {
        source
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()))
            .filter_map(|line| line.split_once(" ="))
            .map(|(key, _)| key)
            .collect()
    }

    #[test]
    fn a_release_is_told_in_milliseconds_and_never_too_good() {
        let (english, german) = (texts(Language::English), texts(Language::German));
        for (millis, text) in [
            (0, "0 ms"),
            (37, "37 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (1_201, "1.3 s"),
        ] {
            assert_eq!(english.span(millis), text);
        }
        assert_eq!(german.span(1_201), "1,3 s");
    }

    #[test]
    fn every_key_exists_in_every_language() {
        assert!(keys(ENGLISH).len() > 50);
        assert_eq!(keys(ENGLISH), keys(GERMAN));
    }

    #[test]
    fn money_is_written_as_the_language_does() {
        let (english, german) = (texts(Language::English), texts(Language::German));
        for (text, code, en, de) in [
            ("85", "EUR", "€85.00", "85,00 €"),
            ("-1234567.5", "EUR", "-€1,234,567.50", "-1.234.567,50 €"),
            ("1250", "JPY", "¥1,250", "1.250 ¥"),
            ("1.25", "KWD", "KWD 1.250", "1,250 KWD"),
            ("999", "CHF", "CHF 999.00", "999,00 CHF"),
        ] {
            let money = Money::parse(text, code.parse().unwrap()).unwrap();
            assert_eq!(
                (english.money(money).as_str(), german.money(money).as_str()),
                (en, de)
            );
        }
        assert_eq!(english.money(Money::zero(Currency::EUR)), "€0.00");
    }

    #[test]
    fn an_exclusive_end_is_written_as_the_last_paid_day_in_the_billing_zone() {
        let vienna: BillingZone = "Europe/Vienna".parse().unwrap();
        let end: Timestamp = "2027-01-31T23:00:00Z".parse().unwrap();
        let (english, german) = (texts(Language::English), texts(Language::German));
        assert_eq!(english.last_day(end, vienna), "31 January 2027");
        assert_eq!(german.last_day(end, vienna), "31. Januar 2027");
        assert_eq!(english.date(end, vienna), "1 February 2027");
    }

    #[test]
    fn an_operators_words_replace_ours_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("en.ftl"),
            "login-title = Who goes there?\n",
        )
        .unwrap();
        let texts = Texts::load(Language::English, Some(folder.path())).unwrap();
        assert_eq!(texts.get("login-title"), "Who goes there?");
        assert_eq!(texts.get("login-button"), "Sign in");
    }

    #[test]
    fn a_bad_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("de.ftl"), "a = b\n\n} = x\n").unwrap();
        let error = Texts::load(Language::German, Some(folder.path()))
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("de.ftl: line 3: "), "{error}");
    }

    #[test]
    fn no_built_in_message_lacks_a_variable_it_is_given() {
        for language in Language::ALL {
            let texts = texts(language);
            assert_eq!(texts.count("months", 1).chars().next(), Some('1'));
            assert!(!texts.count("months", 12).contains('{'));
        }
    }
}

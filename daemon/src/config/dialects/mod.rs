//! `[[dialect]]`: NAS dialects that an operator writes, beside the built-in ones.
//!
//! What is taken here can be sent: every attribute is known, every text fits with the longest
//! numbers and the names of this configuration, and both states of a change carry the same attributes.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::sync::Arc;

use garth_radius::dialect::parse::{ATTRIBUTES, ParseError, check_table};
use garth_radius::dialect::{
    AttributeName, Change, Dialect, Number, Part, SessionKey, Tag, Template, Value,
};
use toml::Spanned;

use super::diagnose::Problems;
use super::raw;

/// The most dialects of an operator.
const DIALECTS_MAX: usize = 64;
/// The most attributes of one table.
const TEMPLATES_MAX: usize = 64;

/// Every dialect by its name: the built-in ones and the operator's.
///
/// One with a fault, which has been reported, has a name only.
pub(super) struct Dialects(Vec<(String, Option<Arc<Dialect>>)>);

impl Dialects {
    /// The dialect that `text` names, or a complaint that lists them.
    pub(super) fn choose(
        &self,
        key: &str,
        text: &raw::Text,
        problems: &mut Problems,
    ) -> Option<Arc<Dialect>> {
        let names = self.0.iter().enumerate();
        let choices: Vec<_> = names.map(|(at, (name, _))| (name.as_str(), at)).collect();
        let at = problems.choose(key, text, &choices)?;
        self.0.get(at)?.1.clone()
    }
}

/// The names that texts are filled with.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    /// `garden.address_list`.
    pub(super) garden: &'a str,
    /// `portal.public_url`; empty where there is no portal.
    pub(super) portal_url: &'a str,
}

pub(super) fn dialects(
    raw: &[Spanned<raw::Dialect>],
    names: Names<'_>,
    problems: &mut Problems,
) -> Dialects {
    let mut all: Vec<_> = Dialect::BUILT_IN
        .into_iter()
        .map(|dialect| (dialect.name.to_string(), Some(Arc::new(dialect))))
        .collect();
    if let Some(surplus) = raw.get(DIALECTS_MAX) {
        let message = format!("more than {DIALECTS_MAX} entries");
        problems.add("dialect", surplus.span(), message, None);
    }
    for entry in raw.iter().take(DIALECTS_MAX) {
        let entry = entry.get_ref();
        let name = entry.name.get_ref();
        let known = all.iter().any(|(other, _)| other == name);
        if known {
            let message = format!("{name:?} is given already");
            let allowed = Some("a name of its own, not that of a built-in dialect");
            problems.add("dialect.name", entry.name.span(), message, allowed);
        }
        let dialect = Reader { names, problems }.dialect(entry);
        if !known {
            all.push((name.clone(), dialect.map(Arc::new)));
        }
    }
    Dialects(all)
}

/// Reads one entry.
struct Reader<'a> {
    names: Names<'a>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn dialect(&mut self, raw: &raw::Dialect) -> Option<Dialect> {
        let base = self.base(raw);
        let name = self.name(&raw.name);
        let full = self.accept("dialect.accept_full", raw.accept_full.as_deref());
        let garden = self.accept("dialect.accept_garden", raw.accept_garden.as_deref());
        let change = self.change(raw);
        let identify_by = self.keys("dialect.identify_by", raw.identify_by.as_deref());
        let required = self.keys("dialect.required", raw.required.as_deref());
        let port = self.port(raw.port.as_ref());
        let mut dialect = base?;
        dialect.name = name?.into();
        if let Some(full) = full? {
            dialect.full = full.into();
        }
        if let Some(garden) = garden? {
            dialect.garden = garden.into();
        }
        if let Some(change) = change? {
            dialect.change = change;
        }
        if let Some(identify_by) = identify_by? {
            dialect.identify_by = identify_by.into();
        }
        if let Some(required) = required? {
            dialect.required = required.into();
        }
        dialect.port = port?.unwrap_or(dialect.port);
        let one_at_a_time = raw.one_change_at_a_time;
        dialect.one_change_at_a_time = one_at_a_time.unwrap_or(dialect.one_change_at_a_time);
        let timeout = raw.coa_session_timeout;
        dialect.coa_session_timeout = timeout.unwrap_or(dialect.coa_session_timeout);
        self.named(raw, &dialect).then_some(dialect)
    }

    /// What everything that is left out is taken from.
    fn base(&mut self, raw: &raw::Dialect) -> Option<Dialect> {
        let Some(text) = &raw.based_on else {
            return Some(Dialect {
                full: Vec::new().into(),
                garden: Vec::new().into(),
                ..Dialect::generic()
            });
        };
        let built_in: Vec<_> = Dialect::BUILT_IN.into_iter().enumerate().collect();
        let choices: Vec<_> = built_in
            .iter()
            .map(|(at, dialect)| (&*dialect.name, *at))
            .collect();
        let at = self.problems.choose("dialect.based_on", text, &choices)?;
        Dialect::BUILT_IN.into_iter().nth(at)
    }

    fn name(&mut self, text: &raw::Text) -> Option<String> {
        const NAME_LEN_MAX: usize = 64;
        let name = text.get_ref();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(plain) {
            return Some(name.clone());
        }
        let message = format!("{name:?} is no name");
        let allowed = "1 to 64 letters, digits and - _ .";
        self.fault("dialect.name", text.span(), message, allowed);
        None
    }

    /// The templates of an Access-Accept: there is no session yet that was told anything.
    #[expect(
        clippy::option_option,
        reason = "the outer one is this module's sign of a report, the inner one the value"
    )]
    fn accept(
        &mut self,
        key: &str,
        raw: Option<&[Spanned<raw::Attribute>]>,
    ) -> Option<Option<Vec<Template>>> {
        let table = self.table(key, raw)?;
        let templates = table.iter().flatten().zip(raw.into_iter().flatten());
        for (template, line) in templates {
            if template.names_what_was_told() {
                let message = format!(
                    "{:?} names what was told before",
                    template.attribute.to_string()
                );
                self.fault(
                    key,
                    line.span(),
                    message,
                    "that in coa_full and coa_garden only",
                );
                return None;
            }
        }
        Some(table)
    }

    /// The templates of one key.
    #[expect(
        clippy::option_option,
        reason = "the outer one is this module's sign of a report, the inner one the value"
    )]
    fn table(
        &mut self,
        key: &str,
        raw: Option<&[Spanned<raw::Attribute>]>,
    ) -> Option<Option<Vec<Template>>> {
        let Some(raw) = raw else {
            return Some(None);
        };
        if let Some(surplus) = raw.get(TEMPLATES_MAX) {
            let message = format!("more than {TEMPLATES_MAX} attributes");
            self.problems.add(key, surplus.span(), message, None);
            return None;
        }
        let mut templates = Vec::with_capacity(raw.len());
        for line in raw {
            let Some(template) = self.template(key, line.get_ref()) else {
                continue;
            };
            templates.push(template);
            // Alone first, so that the line with the long value is the one that is shown.
            let alone = templates.last().map_or(&[][..], std::slice::from_ref);
            if let Err(error) = self.fits(alone).and_then(|()| self.fits(&templates)) {
                self.fault(key, line.span(), error, "fewer or shorter attributes");
                return None;
            }
        }
        (templates.len() == raw.len()).then_some(Some(templates))
    }

    fn fits(&self, templates: &[Template]) -> Result<(), impl Display + use<>> {
        check_table(templates, self.names.garden, self.names.portal_url)
    }

    fn template(&mut self, key: &str, raw: &raw::Attribute) -> Option<Template> {
        let names: Vec<_> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
        let allowed = format!(
            "a number such as 11, 26.VENDOR.TYPE such as 26.14988.8, or one of {}",
            names.join(", ")
        );
        let attribute: Option<AttributeName> = self.problems.parse(key, &raw.attribute, &allowed);
        let tag = match &raw.tag {
            Some(tag) => self
                .problems
                .within(key, tag, 1..=u32::from(Tag::MAX))
                .map(|tag| u8::try_from(tag).ok().and_then(Tag::new)),
            None => Some(None),
        };
        let value = self.value(key, raw);
        Some(Template {
            attribute: attribute?,
            tag: tag?,
            value: value?,
        })
    }

    fn value(&mut self, key: &str, raw: &raw::Attribute) -> Option<Value> {
        match (&raw.text, &raw.integer, &raw.address) {
            (Some(text), None, None) if text.get_ref().is_empty() => {
                let message = format!("{:?} has an empty text", raw.attribute.get_ref());
                self.fault(key, text.span(), message, "at least one character");
                None
            }
            (Some(text), None, None) => {
                let numbers = Number::NAMES.iter().map(|(name, _)| *name);
                let names = Part::PLACEHOLDERS.iter().map(|(name, _)| *name);
                let all: Vec<_> = numbers.chain(names).map(|n| format!("{{{n}}}")).collect();
                let allowed = format!("text with {}; {{{{ for a brace", all.join(", "));
                self.problems.parse(key, text, &allowed)
            }
            (None, Some(integer), None) => self.integer(key, integer),
            (None, None, Some(address)) => {
                let allowed = "an IPv4 address such as 192.0.2.1";
                let address = self.problems.parse(key, address, allowed);
                address.map(Value::Address)
            }
            (None, None, None)
            | (Some(_), Some(_), _)
            | (Some(_), _, Some(_))
            | (_, Some(_), Some(_)) => {
                let message = format!("{:?} has not exactly one value", raw.attribute.get_ref());
                let allowed = "one of text, integer, address";
                self.fault(key, raw.attribute.span(), message, allowed);
                None
            }
        }
    }

    fn integer(&mut self, key: &str, raw: &Spanned<raw::Integer>) -> Option<Value> {
        let number = match raw.get_ref() {
            raw::Integer::Literal(number) => Ok(Number::Literal(*number)),
            raw::Integer::Named(name) => name
                .parse()
                .map_err(|error: ParseError| format!("{name:?}: {error}")),
        };
        match number {
            Ok(number) => Some(Value::Integer(number)),
            Err(error) => {
                let names = Number::NAMES.map(|(name, _)| name).join(", ");
                let allowed = format!("0 to {}, or one of {names}", u32::MAX);
                self.fault(key, raw.span(), error, &allowed);
                None
            }
        }
    }

    /// How a session is moved; `coa_full` and `coa_garden` go together (N10: what is left out stays).
    #[expect(
        clippy::option_option,
        reason = "the outer one is this module's sign of a report, the inner one the value"
    )]
    fn change(&mut self, raw: &raw::Dialect) -> Option<Option<Change>> {
        let full = self.table("dialect.coa_full", raw.coa_full.as_deref());
        let garden = self.table("dialect.coa_garden", raw.coa_garden.as_deref());
        let (full, garden) = match (full?, garden?) {
            (None, None) => return Some(None),
            (Some(full), Some(garden)) if full.is_empty() && garden.is_empty() => {
                return Some(Some(Change::Disconnect));
            }
            (full, garden) => (full.unwrap_or_default(), garden.unwrap_or_default()),
        };
        if sorted(&full) != sorted(&garden) {
            let message = format!(
                "{:?} has other attributes in coa_full than in coa_garden",
                raw.name.get_ref()
            );
            let allowed = "the same attributes in both, as what one leaves out would stay; \
                           both empty to end sessions instead";
            self.fault("dialect.coa_full", raw.name.span(), message, allowed);
            return None;
        }
        Some(Some(Change::Coa {
            full: full.into(),
            garden: garden.into(),
        }))
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is this module's sign of a report, the inner one the value"
    )]
    fn keys(&mut self, key: &str, raw: Option<&[raw::Text]>) -> Option<Option<Vec<SessionKey>>> {
        let Some(raw) = raw else {
            return Some(None);
        };
        let names = SessionKey::NAMES.map(|(name, _)| name).join(", ");
        let allowed = format!("one of {names}");
        let keys: Vec<SessionKey> = raw
            .iter()
            .filter_map(|text| self.problems.parse(key, text, &allowed))
            .collect();
        (keys.len() == raw.len()).then_some(Some(keys))
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is this module's sign of a report, the inner one the value"
    )]
    fn port(&mut self, raw: Option<&Spanned<u32>>) -> Option<Option<u16>> {
        let Some(port) = raw else {
            return Some(None);
        };
        let all = 1..=u32::from(u16::MAX);
        let port = self.problems.within("dialect.port", port, all)?;
        u16::try_from(port).ok().map(Some)
    }

    /// Whether its sessions can be named: by something, and by all that it demands.
    fn named(&mut self, raw: &raw::Dialect, dialect: &Dialect) -> bool {
        let names = |key: &SessionKey| key.names_a_session() && key.is_standard();
        if !dialect.identify_by.iter().any(names) {
            let message = format!("{:?} names no session", dialect.name);
            let allowed = "at least one standard attribute of the session, such as acct_session_id";
            self.fault("dialect.identify_by", raw.name.span(), message, allowed);
            return false;
        }
        let mut required = dialect.required.iter();
        if let Some(key) = required.find(|key| !dialect.identify_by.contains(key)) {
            let message = format!("{:?} is not in identify_by", key.name());
            let allowed = "keys that are in identify_by too";
            self.fault("dialect.required", raw.name.span(), message, allowed);
            return false;
        }
        true
    }

    fn fault(
        &mut self,
        key: &str,
        span: std::ops::Range<usize>,
        message: impl Display,
        allowed: &str,
    ) {
        self.problems.add(key, span, message, Some(allowed));
    }
}

/// Which attributes a table has, in an order that does not depend on its own.
fn sorted(templates: &[Template]) -> Vec<String> {
    let mut names: Vec<_> = templates
        .iter()
        .map(|template| template.attribute.to_string())
        .collect();
    names.sort();
    names
}

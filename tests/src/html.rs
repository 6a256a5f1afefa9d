//! Just enough HTML to press a button: forms, their fields, and the text of a page.
//!
//! Reads the pages of Garth and of the sandbox gateway, which are well-formed; not for the web at large.

use anyhow::{Context as _, Result, bail};

use crate::curl::Answer;

/// A form with what a browser would send if nothing were changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Form {
    /// Where it goes, as written.
    pub action: String,
    /// POST rather than GET.
    pub post: bool,
    /// Hidden, filled and chosen fields.
    pub fields: Vec<(String, String)>,
    /// Named buttons and unchosen options: name and value.
    pub choices: Vec<(String, String)>,
}

impl Form {
    /// Whether a field, option or button is named `name`.
    pub fn has(&self, name: &str) -> bool {
        self.fields
            .iter()
            .chain(&self.choices)
            .any(|(known, _)| known == name)
    }

    /// The fields with `changes`.
    pub fn filled(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        fields
    }
}

/// One start tag: its name and attributes.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, String)>,
}

impl Tag<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The forms of a page, in order.
pub fn forms(page: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut open: Option<Form> = None;
    for (tag, _) in tags(page) {
        if tag.name == "form" {
            forms.extend(open.take());
            open = Some(Form {
                action: tag.get("action").unwrap_or_default().to_owned(),
                post: tag
                    .get("method")
                    .is_some_and(|method| method.eq_ignore_ascii_case("post")),
                fields: Vec::new(),
                choices: Vec::new(),
            });
        } else if tag.name == "/form" {
            forms.extend(open.take());
        } else if let (Some(form), Some(name)) = (&mut open, tag.get("name")) {
            let value = tag.get("value").unwrap_or_default().to_owned();
            let field = (name.to_owned(), value);
            match (tag.name, tag.get("type")) {
                ("input", Some("radio" | "checkbox")) if tag.get("checked").is_none() => {
                    form.choices.push(field);
                }
                ("input", Some("submit")) | ("button" | "select", _) => form.choices.push(field),
                ("input", _) => form.fields.push(field),
                _ => {}
            }
        }
    }
    forms.extend(open);
    forms
}

/// The words a reader sees, one space between them.
pub fn text(page: &str) -> String {
    let mut words = String::new();
    let mut hidden = false;
    for (tag, after) in tags(page) {
        match tag.name {
            "style" | "script" | "head" => hidden = true,
            "/style" | "/script" | "/head" => hidden = false,
            _ => {}
        }
        if !hidden {
            for word in unescape(after).split_whitespace() {
                words.push_str(if words.is_empty() { "" } else { " " });
                words.push_str(word);
            }
        }
    }
    words
}

/// The words of the page's main part, without its header.
pub fn main_text(page: &str) -> String {
    text(page.split_once("<main").map_or(page, |(_, main)| main))
}

/// Each tag and the text up to the next one.
fn tags(page: &str) -> impl Iterator<Item = (Tag<'_>, &str)> {
    page.split('<').skip(1).filter_map(|piece| {
        let (inside, after) = piece.split_once('>')?;
        let inside = inside.trim_end_matches('/');
        let end = inside.find(char::is_whitespace).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(end);
        Some((
            Tag {
                name,
                attributes: attributes_of(attributes),
            },
            after,
        ))
    })
}

fn attributes_of(mut rest: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or(rest.len());
        if end == 0 {
            return found;
        }
        let (name, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            found.push((name, String::new()));
            rest = after;
            continue;
        };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        found.push((name, unescape(value)));
        rest = after;
    }
}

/// Resolves the character references that templates write.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once(';').filter(|(name, _)| name.len() < 8) else {
            out.push('&');
            rest = after;
            continue;
        };
        match character(name) {
            Some(character) => out.push(character),
            None => {
                out.push('&');
                out.push_str(name);
                out.push(';');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    let code = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        "nbsp" => return Some(' '),
        _ => name.strip_prefix('#')?,
    };
    let number = match code.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => code.parse(),
    };
    number.ok().and_then(char::from_u32)
}

/// The fields as the body of a form, `application/x-www-form-urlencoded`.
pub fn encode(fields: &[(String, String)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                out.push(char::from(octet))
            }
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

/// The HTTP request that sends `form`, found on the page `answer`, with `changes` to its fields.
///
/// # Errors
///
/// When the form's address makes no sense.
pub fn post(answer: &Answer, form: &Form, changes: &[(&str, &str)]) -> Result<String> {
    let url = join(&answer.url, &form.action)?;
    let origin = origin(&url)?;
    let path = &url[origin.len()..];
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let body = encode(&form.filled(changes));
    Ok(format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Scheme, host and port of `url`.
///
/// # Errors
///
/// When it has none.
pub fn origin(url: &str) -> Result<&str> {
    let start = url
        .find("://")
        .with_context(|| format!("{url} has no scheme"))?
        + 3;
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    Ok(&url[..end])
}

/// The address that `reference`, found on the page `base`, means.
///
/// # Errors
///
/// When it is relative to a folder: our pages do not do that.
pub fn join(base: &str, reference: &str) -> Result<String> {
    if reference.contains("://") {
        Ok(reference.to_owned())
    } else if reference.is_empty() {
        Ok(base.split(['?', '#']).next().unwrap_or(base).to_owned())
    } else if reference.starts_with('/') {
        Ok(format!("{}{reference}", origin(base)?))
    } else {
        bail!("{reference:?} on {base} is not an absolute path");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!doctype html><head><title>no</title></head><body><p>Pay &amp; be   online</p>
<form action="/pay" method="post"><input type="hidden" name="token" value="a&#x2F;b">
<input type=radio name=months value=1><input type="radio" name="months" value="3" checked>
<button name="go" value="now">Pay</button></form></body>"#;

    #[test]
    fn form_is_read_with_what_a_browser_would_send() {
        let forms = forms(PAGE);
        assert_eq!(forms.len(), 1);
        assert!(forms[0].post);
        assert_eq!(forms[0].action, "/pay");
        assert_eq!(encode(&forms[0].fields), "token=a%2Fb&months=3");
        assert!(forms[0].has("go"));
    }

    #[test]
    fn text_is_what_a_reader_sees() {
        assert_eq!(text(PAGE), "Pay & be online Pay");
    }

    #[test]
    fn reference_is_resolved_against_its_page() {
        let base = "https://portal.example:8443/a/b?c";
        assert_eq!(
            join(base, "/pay").unwrap(),
            "https://portal.example:8443/pay"
        );
        assert_eq!(join(base, "").unwrap(), "https://portal.example:8443/a/b");
        assert_eq!(
            join(base, "http://pay.example/").unwrap(),
            "http://pay.example/"
        );
        assert!(join(base, "pay").is_err());
    }
}

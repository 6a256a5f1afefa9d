//! Reading what a browser sends: forms, cookies, languages. Everything bounded before it is read.

use std::time::Duration;

use bytes::Bytes;
use garth_subscription::subscriber::Language;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

/// The most fields of a form that are looked at.
const FIELDS_MAX: usize = 16;
/// The most cookies that are looked at.
const COOKIES_MAX: usize = 64;
/// The most languages of a browser that are looked at.
const LANGUAGES_MAX: usize = 16;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyError {
    TooLong,
    TooSlow,
    Broken,
}

/// The whole body, if it is short and quick enough.
pub(crate) async fn body(
    body: Incoming,
    len_max: usize,
    timeout: Duration,
) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().lower();
    if announced > u64::try_from(len_max).unwrap_or(u64::MAX) {
        return Err(BodyError::TooLong);
    }
    match tokio::time::timeout(timeout, Limited::new(body, len_max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TooSlow),
    }
}

/// The fields of a form.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(body)
                .into_owned()
                .take(FIELDS_MAX)
                .collect(),
        )
    }

    /// The field's value, empty where it is missing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value)
    }
}

/// The first cookie of that name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .take(COOKIES_MAX)
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// The language a browser likes best among ours (RFC 9110 section 12.5.4).
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Language> {
    let list = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(u16, Language)> = None;
    for item in list.split(',').take(LANGUAGES_MAX) {
        let (code, weight) = match item.split_once(';') {
            Some((code, weight)) => (code, thousandths(weight.trim())),
            None => (item, Some(1_000)),
        };
        if let (Some(language), Some(weight)) = (Language::from_code(code.trim()), weight)
            && weight > best.map_or(0, |(weight, _)| weight)
        {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// `q=0.8` as 800.
fn thousandths(weight: &str) -> Option<u16> {
    let number = weight.strip_prefix("q=")?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    match (whole, digits) {
        ("1", true) => Some(1_000),
        ("0", true) => format!("{fraction:0<3}").parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_language_with_the_highest_weight_wins() {
        for (text, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", Some(Language::German)),
            ("fr,en;q=0.5,de;q=0.7", Some(Language::German)),
            ("en;q=0,de;q=0.001", Some(Language::German)),
            ("fr", None),
            ("de;q=x", None),
            ("", None),
        ] {
            let headers = headers(header::ACCEPT_LANGUAGE, text);
            assert_eq!(accepted(&headers), language, "{text:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers(header::COOKIE, "xgarth=1; garth=2; garth=3");
        assert_eq!(cookie(&headers, "garth"), Some("2"));
        assert_eq!(cookie(&headers, "arth"), None);
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "[ -~]{0,200}") {
            let _ = accepted(&headers(header::ACCEPT_LANGUAGE, &text));
            let _ = cookie(&headers(header::COOKIE, &text), "garth");
        }
    }
}

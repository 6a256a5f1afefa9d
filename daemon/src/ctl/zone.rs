//! The billing time zone, as the daemon says it with every answer: people read times in it.

use std::cell::Cell;
use std::rc::Rc;

use chrono_tz::Tz;
use garth_subscription::Timestamp;
use http::HeaderMap;

use crate::admin::TIME_ZONE;

/// The zone; UTC until an answer has named another. Clones share what they learn.
#[derive(Clone)]
pub(super) struct Zone(Rc<Cell<Tz>>);

impl Zone {
    pub(super) fn unknown() -> Self {
        Self(Rc::new(Cell::new(Tz::UTC)))
    }

    /// Takes the zone of an answer, if it names one that is known here.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let name = headers.get(TIME_ZONE).and_then(|name| name.to_str().ok());
        if let Some(zone) = name.and_then(|name| name.parse().ok()) {
            self.0.set(zone);
        }
    }

    /// `2026-11-21 13:00 CET` for a time of a document, with seconds where there are any; other
    /// text as it is.
    pub(super) fn when(&self, text: &str) -> String {
        let Ok(at) = text.parse::<Timestamp>() else {
            return text.to_owned();
        };
        let is_round = at.unix_seconds() % 60 == 0;
        let format = if is_round {
            "%Y-%m-%d %H:%M %Z"
        } else {
            "%Y-%m-%d %H:%M:%S %Z"
        };
        let local = at.to_utc().with_timezone(&self.0.get());
        local.format(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_zone_that_the_daemon_named() {
        let zone = Zone::unknown();
        assert_eq!(zone.when("2027-01-31T23:00:00Z"), "2027-01-31 23:00 UTC");
        let mut headers = HeaderMap::new();
        headers.insert(TIME_ZONE, "Europe/Vienna".parse().unwrap());
        zone.clone().learn(&headers);
        assert_eq!(zone.when("2027-01-31T23:00:00Z"), "2027-02-01 00:00 CET");
        assert_eq!(
            zone.when("2026-07-01T10:00:07.250Z"),
            "2026-07-01 12:00:07 CEST"
        );
        assert_eq!(zone.when("open"), "open");
    }
}

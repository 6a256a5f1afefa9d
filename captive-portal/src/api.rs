//! The captive portal API, RFC 8908.

use garth_payments::WebUrl;
use garth_subscription::{Access, Timestamp};
use serde::Serialize;

use crate::desk::View;

/// The media type of RFC 8908 section 5.
pub(crate) const MEDIA_TYPE: &str = "application/captive+json";

/// The object of RFC 8908 section 5.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Answer<'a> {
    captive: bool,
    user_portal_url: &'a str,
    can_extend_session: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_remaining: Option<i64>,
}

impl<'a> Answer<'a> {
    /// For the subscriber of `view`; who is not known is captive.
    pub(crate) fn of(view: Option<&View>, portal: &'a WebUrl, now: Timestamp) -> Self {
        let open = view.filter(|view| view.access == Access::Full);
        Self {
            captive: open.is_none(),
            user_portal_url: portal.as_str(),
            can_extend_session: view.is_none_or(|view| !view.offers.is_empty()),
            // While in grace the paid time is over, but access is not.
            seconds_remaining: open.map(|view| {
                let end = view
                    .grace_until
                    .map_or(view.paid_through, |grace| grace.max(view.paid_through));
                end.since(now).seconds()
            }),
        }
    }
}

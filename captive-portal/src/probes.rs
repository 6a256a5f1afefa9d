//! The probes with which systems find out whether they are online.
//!
//! While captive they are redirected like everything else. Once online they reach
//! the real hosts; these answers are for those that still come here because a
//! connection or a redirect outlived the wall.

use http::StatusCode;

/// What a probe expects when it is online.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Success {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Path, hosts that ask for it (none: whichever), answer.
const PROBES: [(&str, &[&str], Success); 9] = [
    ("/generate_204", &[], ok(StatusCode::NO_CONTENT, TEXT, "")),
    ("/gen_204", &[], ok(StatusCode::NO_CONTENT, TEXT, "")),
    ("/hotspot-detect.html", &[], ok(StatusCode::OK, HTML, APPLE)),
    (
        "/library/test/success.html",
        &[],
        ok(StatusCode::OK, HTML, APPLE),
    ),
    (
        "/connecttest.txt",
        &[],
        ok(StatusCode::OK, TEXT, "Microsoft Connect Test"),
    ),
    (
        "/canonical.html",
        &["detectportal.firefox.com"],
        ok(StatusCode::OK, HTML, FIREFOX),
    ),
    (
        "/success.txt",
        &["detectportal.firefox.com"],
        ok(StatusCode::OK, TEXT, "success\n"),
    ),
    (
        "/check_network_status.txt",
        &["nmcheck.gnome.org"],
        ok(StatusCode::OK, TEXT, "NetworkManager is online\n"),
    ),
    (
        "/",
        &["networkcheck.kde.org"],
        ok(StatusCode::OK, TEXT, "OK\n"),
    ),
];

const APPLE: &str = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>";
const FIREFOX: &str = "<meta http-equiv=\"refresh\" content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>";

const fn ok(status: StatusCode, content_type: &'static str, body: &'static str) -> Success {
    Success {
        status,
        content_type,
        body,
    }
}

/// What a probe for `path` at `host` expects, if it is one.
pub(crate) fn success(host: Option<&str>, path: &str) -> Option<Success> {
    PROBES
        .into_iter()
        .find(|(probe, hosts, _)| {
            *probe == path
                && (hosts.is_empty()
                    || host.is_some_and(|host| hosts.iter().any(|h| h.eq_ignore_ascii_case(host))))
        })
        .map(|(_, _, success)| success)
}

//! Peers that nobody here wrote, each as its operator would start it: with right credentials they succeed,
//! with wrong ones they fail, and the page `docs/interop.md` says so.
//!
//! One module per peer. All run in the namespaces of a lab of their own and end with it; none of the
//! machine's own files is read but programs, dictionaries and plug-ins.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

mod freeradius;
mod hostapd;
mod openvpn;
mod pam;
mod php_client;
mod pyrad;
mod radius_crate;

use garth_tests::Lab;
use garth_tests::garthctl::items;
use garth_tests::garthd::SECRET;

/// The one subscriber that peers log in.
const USER: &str = "bruno";
const RIGHT: &str = "bird-cherry-8";
const WRONG: &str = "bird-cherry-9";

/// For peers whose files have no quotes, so that a secret has no blanks.
const WORD: &str = "a-secret-without-blanks";

/// A lab where [`USER`] has paid, with the configuration `change(config)`.
fn lab_with(change: impl FnOnce(String) -> String) -> Lab {
    let lab = Lab::start_with(change).unwrap();
    lab.apply_plans().unwrap();
    lab.import(&format!(
        r#"{{"username":"{USER}","password":"{RIGHT}","plan":"home-100","paid_through":"2099-01-31"}}"#
    ))
    .unwrap();
    lab
}

/// The lab's configuration with the section `[eap]` for `methods`; the certificate of the portal serves there
/// too: it is by the lab's authority.
fn with_eap(config: &str, methods: &[&str]) -> String {
    let portal = config.find("certificate_file").unwrap();
    let files: Vec<&str> = config[portal..].lines().take(2).collect();
    format!(
        "{config}\n[eap]\nmethods = {methods:?}\n{}\n",
        files.join("\n")
    )
}

/// A lab for a NAS that does not sign, with [`WORD`] for its secret: Message-Authenticator is demanded only
/// from who has signed before.
fn lab_for_unsigned() -> Lab {
    lab_with(|config| {
        config.replace(SECRET, WORD).replace(
            "dialect = \"mikrotik\"\n",
            "dialect = \"generic\"\nmessage_authenticator = \"auto\"\n",
        )
    })
}

/// What came of each of `questions`, in their order: the rest of the line that begins with the question.
fn answers(said: &str, questions: &[&str]) -> Vec<String> {
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), questions.len(), "{said}");
    let pairs = lines.iter().zip(questions);
    pairs
        .map(|(line, question)| {
            let answer = line
                .strip_prefix(question)
                .and_then(|rest| rest.strip_prefix(' '));
            answer.expect(said).to_owned()
        })
        .collect()
}

/// How many sessions of [`USER`] live and how many have stopped.
fn live_and_stopped(lab: &Lab) -> (usize, usize) {
    let words = ["session", "list", "--all", "--subscription", USER];
    let all = items(&lab.garthctl.json(&words).unwrap()).unwrap();
    let stopped = all
        .iter()
        .filter(|session| !session["stopped_at"].is_null());
    let stopped = stopped.count();
    (all.len() - stopped, stopped)
}

//! A NAS that is not ours: radclient of FreeRADIUS, on the router.

use anyhow::Result;

use crate::namespace::Namespace;
use crate::process;

/// How long an answer to the one request is waited for: a busy machine may take its time.
const ANSWER_SECONDS_MAX: &str = "10";

/// What kind of question, as radclient names it, and the port it goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Question {
    /// Access-Request.
    Authentication,
    /// Accounting-Request.
    Accounting,
    /// Status-Server, to the authentication port.
    Status,
    /// Status-Server, to the accounting port.
    AccountingStatus,
}

impl Question {
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Authentication => ["127.0.0.1:1812", "auth"],
            Self::Accounting => ["127.0.0.1:1813", "acct"],
            Self::Status => ["127.0.0.1:1812", "status"],
            Self::AccountingStatus => ["127.0.0.1:1813", "status"],
        }
    }
}

/// What radclient received.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Such as `Access-Accept`; nothing when no answer came that verifies.
    pub code: Option<String>,
    /// `Name = value` lines, as radclient prints them.
    pub attributes: Vec<String>,
    /// All that radclient said.
    pub said: String,
}

impl Reply {
    /// Whether the answer is `code`.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The value of the first attribute `name`, quotes removed.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|line| {
            let (known, value) = line.split_once(" = ")?;
            (known == name).then(|| value.trim_matches('"'))
        })
    }
}

/// Asks garthd once, with `attributes` as lines of radclient, and waits one second at most.
///
/// # Errors
///
/// When radclient does not run. Silence is a reply too.
pub fn ask(
    router: &Namespace,
    question: Question,
    secret: &str,
    attributes: &str,
) -> Result<Reply> {
    let mut command = router.command("radclient");
    command
        .args(["-x", "-r", "1", "-t", ANSWER_SECONDS_MAX])
        .args(question.words())
        .arg(secret);
    let input = format!("Message-Authenticator = 0x00\n{attributes}\n");
    Ok(read(process::tell(&mut command, &input)?.said))
}

/// The last reply in what radclient said.
fn read(said: String) -> Reply {
    let mut code = None;
    let mut attributes = Vec::new();
    for line in said.lines() {
        if let Some(rest) = line.strip_prefix("Received ") {
            code = rest.split_whitespace().next().map(str::to_owned);
            attributes.clear();
        } else if let Some(attribute) = line.strip_prefix('\t').filter(|_| code.is_some()) {
            attributes.push(attribute.to_owned());
        }
    }
    Reply {
        code,
        attributes,
        said,
    }
}

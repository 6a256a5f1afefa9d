//! curl in the subscriber's home: a browser without eyes.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::html::{self, Form};
use crate::namespace::Namespace;
use crate::network::Family;
use crate::process::output;

/// The exit status of curl for a connection that was refused or reset before it began.
pub const REFUSED: i32 = 7;

/// One browser: an address, a protocol, its cookies.
pub struct Curl<'lab> {
    home: &'lab Namespace,
    source: IpAddr,
    authority: PathBuf,
    folder: TempDir,
    language: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The exit status of curl: 0 when there was an answer.
    pub exit: i32,
    /// The HTTP status, or 0.
    pub status: u16,
    /// Header lines as they came.
    pub headers: String,
    /// The body.
    pub body: String,
    /// Where it came from: scheme, host, path.
    pub url: String,
    /// The whole exchange, as curl measured it.
    pub took: Duration,
}

impl<'lab> Curl<'lab> {
    /// A browser at `source` that trusts the certificates of `authority`.
    ///
    /// # Errors
    ///
    /// When there is no place for its cookies.
    pub fn new(home: &'lab Namespace, source: IpAddr, authority: PathBuf) -> Result<Self> {
        let folder = TempDir::new().context("a folder for cookies")?;
        Ok(Self {
            home,
            source,
            authority,
            folder,
            language: None,
        })
    }

    /// Asks for pages in `language` from now on.
    #[must_use]
    pub fn speaking(mut self, language: &str) -> Self {
        self.language = Some(language.to_owned());
        self
    }

    /// GETs `url`; a redirect is an answer like any other.
    ///
    /// # Errors
    ///
    /// When curl does not run. A refused connection is an answer too.
    pub fn get(&self, url: &str) -> Result<Answer> {
        self.request(url, &[])
    }

    /// GETs `url` and follows up to 8 redirects.
    ///
    /// # Errors
    ///
    /// See [`Curl::get`].
    pub fn follow(&self, url: &str) -> Result<Answer> {
        self.request(url, &["--location", "--max-redirs", "8"])
    }

    /// Runs curl for `url` with further options.
    ///
    /// # Errors
    ///
    /// See [`Curl::get`].
    pub fn request(&self, url: &str, options: &[&str]) -> Result<Answer> {
        let file = |name| self.folder.path().join(name);
        let [jar, headers, body] = ["cookies", "headers", "body"].map(file);
        let protocol = if self.source.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        let mut command = self.home.command("curl");
        command
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "20",
                "--noproxy",
                "*",
            ])
            .arg(if protocol == Family::V4 {
                "--ipv4"
            } else {
                "--ipv6"
            })
            .args(["--interface", &self.source.to_string()])
            .arg("--cacert")
            .arg(&self.authority)
            .arg("--cookie")
            .arg(&jar)
            .arg("--cookie-jar")
            .arg(&jar)
            .arg("--dump-header")
            .arg(&headers)
            .arg("--output")
            .arg(&body)
            .args(["--write-out", "%{http_code} %{time_total} %{url_effective}"]);
        if let Some(language) = &self.language {
            command.args(["--header", &format!("Accept-Language: {language}")]);
        }
        for old in [&headers, &body] {
            fs::write(old, "").context("emptying a file of curl")?;
        }
        let result = output(command.args(options).arg(url))?;
        let said = String::from_utf8_lossy(&result.stdout).into_owned();
        let mut words = said.splitn(3, ' ');
        let mut word = || {
            words
                .next()
                .context("curl did not write out what it was told to")
        };
        Ok(Answer {
            exit: result.status.code().context("curl was killed")?,
            status: word()?.parse().context("an HTTP status")?,
            took: seconds(word()?)?,
            url: word()?.to_owned(),
            headers: text(&headers)?,
            body: text(&body)?,
        })
    }

    /// Sends `form`, found on the page `answer`, with `changes` to its fields.
    ///
    /// # Errors
    ///
    /// When the form's address makes no sense; see also [`Curl::get`].
    pub fn submit(&self, answer: &Answer, form: &Form, changes: &[(&str, &str)]) -> Result<Answer> {
        let url = html::join(&answer.url, &form.action)?;
        let body = html::encode(&form.filled(changes));
        let origin = html::origin(&answer.url)?;
        let header = format!("Origin: {origin}");
        if form.post {
            self.request(&url, &["--header", &header, "--data-raw", &body])
        } else {
            self.get(&format!("{url}?{body}"))
        }
    }
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().rev().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// This answer when its HTTP status is `status`.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub fn expect_status(self, status: u16) -> Result<Self> {
        if self.status != status {
            bail!(
                "{}: status {} instead of {status} (curl ended with {})\n{}\n{}",
                self.url,
                self.status,
                self.exit,
                self.headers,
                html::text(&self.body)
            );
        }
        Ok(self)
    }

    /// The form of this page that has a field or button named `name`.
    ///
    /// # Errors
    ///
    /// When there is none: with what the page says.
    pub fn form_with(&self, name: &str) -> Result<Form> {
        html::forms(&self.body)
            .into_iter()
            .find(|form| form.has(name))
            .with_context(|| format!("{}: no form with {name:?} on\n{}", self.url, self.body))
    }
}

fn text(path: &PathBuf) -> Result<String> {
    let octets = fs::read(path).context("reading what curl wrote")?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// `0.001234`, as curl writes it.
fn seconds(word: &str) -> Result<Duration> {
    let (whole, fraction) = word.split_once('.').context("a decimal number")?;
    let whole: u64 = whole.parse().context("seconds")?;
    let micros: u64 = format!("{fraction:0<6.6}").parse().context("a fraction")?;
    Ok(Duration::from_secs(whole) + Duration::from_micros(micros))
}

//! A real browser in the subscriber's home: Chromium, driven through chromedriver.
//!
//! Everything here runs on a thread inside the home's namespace ([`crate::namespace::Namespace::enter`]);
//! the browser itself was started there too and reaches nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Lab;
use crate::clock;
use crate::garthd::portal_url;
use crate::internet::GREETING;
use crate::namespace::Namespace;
use crate::network::{PAY_NAME, WEB_NAME};
use crate::process::Process;

/// Where chromedriver listens, in the home.
const DRIVER_PORT: u16 = 9515;

/// How long the browser may take to start.
const START_MAX: Duration = Duration::from_secs(30);

/// How long a page may take to say what it must.
const PAGE_MAX: Duration = Duration::from_secs(15);

/// The kind of screen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Screen {
    /// A large window.
    Desktop,
    /// 390 by 844 points.
    Phone,
}

/// Who visits, on what.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// What the subscriber reads.
    pub language: &'static str,
    /// The screen.
    pub screen: Screen,
    /// Dark mode.
    pub dark: bool,
}

impl Visit {
    /// How its pictures are called: `en-phone-dark`.
    pub fn name(&self) -> String {
        let screen = match self.screen {
            Screen::Desktop => "desktop",
            Screen::Phone => "phone",
        };
        let dark = if self.dark { "-dark" } else { "" };
        format!("{}-{screen}{dark}", self.language)
    }
}

/// What the gateway asks for: it is somebody else and writes it in its own way.
const GATEWAY_TOTAL: &str = "97.50";

/// What the pages say, in the words of one language.
struct Words {
    owed: &'static str,
    total: &'static str,
    online: &'static str,
    proof: &'static str,
}

fn words(language: &str) -> Words {
    match language {
        "de" => Words {
            owed: "12,50",
            total: "97,50",
            online: "Sie sind wieder online",
            proof: "Wieder online nach",
        },
        _ => Words {
            owed: "12.50",
            total: "97.50",
            online: "You are online again",
            proof: "Online again after",
        },
    }
}

/// Plays the subscriber's part of the main job in a browser: any site, the portal, 3 months, the gateway,
/// online. She must be suspended and in the garden. Pictures go to `folder`, named after the visit.
///
/// # Errors
///
/// What the browser saw instead.
pub fn pays_for_three_months(lab: &Lab, visit: Visit, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).context("a folder for pictures")?;
    lab.network.home.enter(|| {
        let browser = Browser::open(&lab.network.home, visit, folder)?;
        browser.walk(&words(visit.language))
    })?
}

/// Lets a subscriber's browser be driven by `walk`, in the home. Pictures go to `folder`, named after the
/// visit.
///
/// # Errors
///
/// What the browser saw instead of what `walk` expects.
pub fn walks(
    lab: &Lab,
    visit: Visit,
    folder: &Path,
    walk: impl FnOnce(&Browser) -> Result<()> + Send,
) -> Result<()> {
    fs::create_dir_all(folder).context("a folder for pictures")?;
    lab.network.home.enter(|| {
        let browser = Browser::open(&lab.network.home, visit, folder)?;
        walk(&browser)
    })?
}

/// A browser in the home.
pub struct Browser {
    visit: Visit,
    pictures: PathBuf,
    client: Client,
    runtime: Runtime,
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    fn open(home: &Namespace, visit: Visit, pictures: &Path) -> Result<Self> {
        let profile = TempDir::new().context("a folder for the browser")?;
        let mut command = home.command("unshare");
        // A process namespace of its own: when chromedriver goes, all of Chromium goes with it.
        command
            .args([
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "chromedriver",
            ])
            .arg(format!("--port={DRIVER_PORT}"))
            .env("HOME", profile.path())
            .env("XDG_RUNTIME_DIR", profile.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let driver = Process::start("chromedriver", &mut command)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("a runtime for the browser")?;
        let address = format!("http://127.0.0.1:{DRIVER_PORT}");
        let wanted = capabilities(visit, profile.path())?;
        let client = clock::wait_for("a browser", START_MAX, || {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(wanted.clone());
            runtime.block_on(builder.connect(&address)).ok()
        })?;
        Ok(Self {
            visit,
            pictures: pictures.to_owned(),
            client,
            runtime,
            _driver: driver,
            _profile: profile,
        })
    }

    fn walk(&self, words: &Words) -> Result<()> {
        self.goto(&format!("http://{WEB_NAME}/"))?;
        let why = self.sees(&portal_url(), &[words.owed, words.total])?;
        ensure!(
            !why.contains(GREETING.trim()),
            "the Internet is open: {why}"
        );
        self.takes_picture("1-why")?;

        self.click("label[for=m3]")?;
        self.takes_picture("2-three-months")?;
        self.click("form[action='/checkout'] button")?;
        self.sees(&format!("http://{PAY_NAME}:8480"), &[GATEWAY_TOTAL])?;
        self.takes_picture("3-gateway")?;

        self.click("button[value=pay]")?;
        self.sees(&portal_url(), &[words.online, words.proof])?;
        self.takes_picture("4-online")?;

        self.goto(&format!("http://{WEB_NAME}/"))?;
        self.sees(&format!("http://{WEB_NAME}"), &[GREETING.trim()])?;
        self.goto(&format!("https://{WEB_NAME}/"))?;
        self.sees(&format!("https://{WEB_NAME}"), &[GREETING.trim()])?;

        self.goto(&format!("{}/history", portal_url()))?;
        self.sees(&portal_url(), &[words.total])?;
        self.takes_picture("5-history")
    }

    /// Opens `url`.
    ///
    /// # Errors
    ///
    /// When the browser cannot.
    pub fn goto(&self, url: &str) -> Result<()> {
        self.runtime
            .block_on(self.client.goto(url))
            .with_context(|| format!("going to {url}"))
    }

    /// Clicks the first element that `selector` finds.
    ///
    /// # Errors
    ///
    /// When there is none, with what the page says.
    pub fn click(&self, selector: &str) -> Result<()> {
        self.stays_connected()?;
        self.runtime
            .block_on(async {
                self.client
                    .find(Locator::Css(selector))
                    .await?
                    .click()
                    .await
            })
            .with_context(|| format!("clicking {selector} on {}", self.page()))
    }

    /// Types `text` into the first field that `selector` finds.
    ///
    /// # Errors
    ///
    /// When there is none, with what the page says.
    pub fn types(&self, selector: &str, text: &str) -> Result<()> {
        self.stays_connected()?;
        self.runtime
            .block_on(async {
                self.client
                    .find(Locator::Css(selector))
                    .await?
                    .send_keys(text)
                    .await
            })
            .with_context(|| format!("typing into {selector} on {}", self.page()))
    }

    /// The text of the page once it is below `url` and says all of `needles`.
    ///
    /// # Errors
    ///
    /// When it does not within 15 s, with what the browser shows.
    pub fn sees(&self, url: &str, needles: &[&str]) -> Result<String> {
        let there = clock::wait_for("the right page", PAGE_MAX, || {
            self.stays_connected().ok()?;
            let (at, text) = self.read().ok()?;
            let right = at.starts_with(url) && needles.iter().all(|needle| text.contains(needle));
            right.then_some(text)
        });
        there.with_context(|| format!("{url} with {needles:?}; the browser shows {}", self.page()))
    }

    /// Loads the page again if the browser shows that its network changed instead: the links of the
    /// namespace came up a moment ago, and the kernel tells of it when it likes.
    fn stays_connected(&self) -> Result<()> {
        clock::wait_for("a page instead of a change of network", PAGE_MAX, || {
            let (_, text) = self.read().ok()?;
            let is_cut = ["ERR_NETWORK_CHANGED", "Your connection was interrupted"]
                .iter()
                .any(|sign| text.contains(sign));
            if is_cut {
                self.runtime.block_on(self.client.refresh()).ok()?;
            }
            (!is_cut).then_some(())
        })
    }

    fn read(&self) -> Result<(String, String)> {
        self.runtime.block_on(async {
            let at = self.client.current_url().await.context("the address")?;
            let body = self
                .client
                .find(Locator::Css("body"))
                .await
                .context("the body")?;
            Ok((at.to_string(), body.text().await.context("the text")?))
        })
    }

    fn page(&self) -> String {
        self.read().map_or_else(
            |error| format!("{error:#}"),
            |(at, text)| format!("{at}: {text}"),
        )
    }

    /// Keeps what is on the screen, which the page must fit in width.
    ///
    /// # Errors
    ///
    /// When it does not, or when there is no picture.
    pub fn takes_picture(&self, name: &str) -> Result<()> {
        let script = "return document.documentElement.scrollWidth - window.innerWidth";
        let (excess, picture) = self.runtime.block_on(async {
            let excess = self
                .client
                .execute(script, Vec::new())
                .await
                .context("measuring")?;
            let picture = self.client.screenshot().await.context("a picture")?;
            Ok::<_, anyhow::Error>((excess, picture))
        })?;
        let file = self
            .pictures
            .join(format!("{}-{name}.png", self.visit.name()));
        fs::write(&file, picture).with_context(|| format!("writing {}", file.display()))?;
        ensure!(
            excess.as_i64().is_some_and(|excess| excess <= 0),
            "{name} is {excess} wider than the screen"
        );
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Whether it closes in order or is killed with its driver is the same to us.
        drop(self.runtime.block_on(self.client.clone().close()));
    }
}

fn capabilities(visit: Visit, profile: &Path) -> Result<Capabilities> {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        "--no-first-run".to_owned(),
        "--hide-scrollbars".to_owned(),
        "--window-size=1200,900".to_owned(),
        format!("--user-data-dir={}", profile.join("profile").display()),
        format!("--lang={}", visit.language),
    ];
    if visit.dark {
        arguments.push("--force-dark-mode".to_owned());
        arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
    }
    let mut options = json!({ "args": arguments });
    if visit.screen == Screen::Phone {
        let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2.0, "touch": false });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    // The certificates are the lab's own.
    let wanted = json!({ "acceptInsecureCerts": true, "goog:chromeOptions": options });
    wanted
        .as_object()
        .cloned()
        .context("capabilities are an object")
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::internet;
    use crate::network::{Network, WEB_V4};
    use crate::tls::Authority;

    #[test]
    fn browser_reaches_the_internet_without_garthd() {
        let network = Network::create().unwrap();
        let addresses: [IpAddr; 1] = [WEB_V4.into()];
        let certificate = Authority::create().unwrap().issue(WEB_NAME, &addresses);
        internet::start(&network.internet, &certificate.unwrap()).unwrap();
        let pictures = TempDir::new().unwrap();
        let visit = Visit {
            language: "en",
            screen: Screen::Phone,
            dark: true,
        };
        let look = || {
            let browser = Browser::open(&network.home, visit, pictures.path())?;
            browser.goto(&format!("https://{WEB_NAME}/"))?;
            browser.sees(&format!("https://{WEB_NAME}"), &[GREETING.trim()])?;
            browser.takes_picture("hello")
        };
        network.home.enter(look).unwrap().unwrap();
        assert!(pictures.path().join("en-phone-dark-hello.png").is_file());
    }
}

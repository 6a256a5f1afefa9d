//! The main job, played step by step: suspended, walled in, paid, online again.
//!
//! One telling for the demo and for the tests: each step checks what came back and fails the story when it
//! is not what a subscriber, a NAS or an operator must see.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::clock::{self, milliseconds};
use crate::curl::{Answer, Curl, REFUSED};
use crate::garthd::portal_url;
use crate::internet::GREETING;
use crate::network::{
    Family, HOSTS, PAY_PORT, ROUTER_V4, ROUTER_V6, WEB_NAME, host_address, host_v4, host_v6,
    web_address,
};
use crate::radclient::{Question, Reply};
use crate::{Lab, html};

/// The subscriber of the story, as a line of `garthctl subscription import`: she owes 12.50, and 3 months
/// cost 85.00.
pub fn anna(language: &str) -> String {
    format!(
        r#"{{"username":"anna","password":"rose-garden-7","plan":"home-100","paid_through":"2026-01-31","language":"{language}","name":"Anna Berger","hold":{{"suspend":{{"cause":"overdue","debt":"12.50"}}}}}}"#
    )
}

/// A refusal takes no longer: a browser shows it at once.
const REFUSAL_MAX: Duration = Duration::from_millis(500);

/// From the press of "pay" to the first packet through.
const RELEASE_MAX: Duration = Duration::from_secs(1);

/// How long the garden may take to close around a new session.
const WALL_MAX: Duration = Duration::from_secs(5);

/// Between two tries of the probe.
const PROBE_PAUSE: Duration = Duration::from_micros(500);

/// How long the probe tries.
const PROBE_MAX: Duration = Duration::from_secs(5);

/// One try of the probe.
const PROBE_TRY_MAX: Duration = Duration::from_millis(50);

/// How long a page may say "waiting".
const PORTAL_MAX: Duration = Duration::from_secs(5);

/// What happened in one step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was done.
    pub title: String,
    /// What came back.
    pub seen: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// What the story measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Until HTTPS was refused.
    pub refusal: Duration,
    /// From the press of "pay" until the gateway's page answered.
    pub confirmation: Duration,
    /// From the press of "pay" until a packet came back from the Internet.
    pub release: Duration,
}

/// Tells each step as it is done.
pub type Tell<'a> = &'a mut dyn FnMut(&Step);

/// Plays the main job for the subscriber [`anna`] in `family`.
///
/// # Errors
///
/// The first step that went wrong, and what came instead.
pub fn main_job(lab: &Lab, family: Family, tell: Tell<'_>) -> Result<Measured> {
    let story = Story::of(lab, family)?;
    story.step(
        tell,
        "The operator imports a suspended subscriber",
        Story::import,
    )?;
    story.step(
        tell,
        "She logs in: PAP, by radclient",
        Story::login_to_garden,
    )?;
    story.step(
        tell,
        "The NAS starts her session, which ties her address",
        Story::start_session,
    )?;
    story.step(tell, "She opens http://, anywhere", Story::is_redirected)?;
    let refusal = story.step(tell, "She opens https://, anywhere", Story::is_refused)?;
    let shop = story.step(
        tell,
        "The portal says why, and what it costs",
        Story::reads_portal,
    )?;
    let pay = story.step(tell, "She chooses 3 months", |story| story.chooses(&shop))?;
    let paid = story.step(
        tell,
        "She pays on the gateway's page (test mode)",
        |story| story.pays(&pay),
    )?;
    story.step(tell, "The portal shows the proof", |story| {
        story.sees_proof(&paid.back)
    })?;
    story.step(tell, "She is online", Story::is_online)?;
    story.step(tell, "RADIUS answers the plan now", Story::login_to_plan)?;
    story.step(tell, "The operator asks why", Story::explain)?;
    Ok(Measured {
        refusal,
        confirmation: paid.confirmation,
        release: paid.release,
    })
}

/// The subscriber [`anna`] and what she does.
pub struct Story<'lab> {
    lab: &'lab Lab,
    family: Family,
    language: &'static str,
    curl: Curl<'lab>,
}

/// The result of a step and what there is to see of it.
type Done<T> = Result<(T, Vec<String>)>;

struct Paid {
    back: String,
    confirmation: Duration,
    release: Duration,
}

impl<'lab> Story<'lab> {
    /// The story in this lab; nothing has happened yet.
    ///
    /// # Errors
    ///
    /// When she cannot have a browser.
    pub fn of(lab: &'lab Lab, family: Family) -> Result<Self> {
        Self::told_in(lab, family, "en")
    }

    /// The story of a subscriber who reads `language`.
    ///
    /// # Errors
    ///
    /// See [`Story::of`].
    pub fn told_in(lab: &'lab Lab, family: Family, language: &'static str) -> Result<Self> {
        let curl = lab.curl(host_address(HOSTS[0], family))?.speaking(language);
        Ok(Self {
            lab,
            family,
            language,
            curl,
        })
    }

    /// Her browser.
    pub fn curl(&self) -> &Curl<'lab> {
        &self.curl
    }

    /// Imports her, suspended, and starts her session: she is in the garden.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn is_suspended(&self) -> Result<()> {
        self.import()?;
        self.start_session()?;
        Ok(())
    }

    /// Chooses 3 months in the portal and returns the gateway's page.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn checks_out(&self) -> Result<Answer> {
        let (shop, _) = self.reads_portal()?;
        let (hosted, _) = self.chooses(&shop)?;
        Ok(hosted)
    }

    /// Presses a button of the gateway's page: `action` is its value, `webhook` how the gateway tells Garth.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn presses(&self, hosted: &Answer, action: &str, webhook: &str) -> Result<Answer> {
        let form = hosted.form_with("action")?;
        self.curl
            .submit(hosted, &form, &[("action", action), ("webhook", webhook)])
    }

    fn step<T>(
        &self,
        tell: Tell<'_>,
        title: &str,
        act: impl FnOnce(&Self) -> Done<T>,
    ) -> Result<T> {
        let begun = clock::now();
        let (result, seen) = act(self).with_context(|| format!("{title:?} went wrong"))?;
        tell(&Step {
            title: title.to_owned(),
            seen,
            took: begun.elapsed(),
        });
        Ok(result)
    }

    fn import(&self) -> Done<()> {
        self.lab.import(&format!("{}\n", anna(self.language)))?;
        let shown = self.lab.garthctl.json(&["subscription", "show", "anna"])?;
        ensure!(shown["standing"] == "suspended", "standing: {shown}");
        ensure!(shown["access"] == "garden", "access: {shown}");
        let seen = ["username", "standing", "access", "plan", "paid_through"];
        Ok((
            (),
            seen.map(|key| format!("{key}: {}", word(&shown[key])))
                .to_vec(),
        ))
    }

    fn login(&self) -> Result<Reply> {
        let reply = self.lab.radius(
            Question::Authentication,
            "User-Name = anna\nUser-Password = rose-garden-7\nNAS-Port = 1\nCalling-Station-Id = \"02:00:00:00:00:07\"",
        )?;
        ensure!(
            reply.is("Access-Accept"),
            "no Access-Accept but: {}",
            reply.said
        );
        Ok(reply)
    }

    fn login_to_garden(&self) -> Done<()> {
        let reply = self.login()?;
        ensure!(
            reply.attribute("Mikrotik-Address-List") == Some("garden"),
            "no garden: {}",
            reply.said
        );
        ensure!(
            reply.attribute("Mikrotik-Rate-Limit") == Some("1000k/1000k"),
            "no rate: {}",
            reply.said
        );
        Ok(((), seen_reply(reply)))
    }

    fn login_to_plan(&self) -> Done<()> {
        let reply = self.login()?;
        let list = reply.attribute("Mikrotik-Address-List").unwrap_or_default();
        ensure!(list != "garden", "still the garden: {}", reply.said);
        ensure!(
            reply.attribute("Mikrotik-Rate-Limit") == Some("20000k/100000k"),
            "no plan: {}",
            reply.said
        );
        Ok(((), seen_reply(reply)))
    }

    fn start_session(&self) -> Done<()> {
        let [v4, v6] = [host_v4(HOSTS[0]).to_string(), host_v6(HOSTS[0]).to_string()];
        let reply = self.lab.radius(
            Question::Accounting,
            &format!(
                "Acct-Status-Type = Start\nAcct-Session-Id = \"81200001\"\nUser-Name = anna\n\
                 Framed-IP-Address = {v4}\nFramed-IPv6-Prefix = {v6}/128\nNAS-Port = 1"
            ),
        )?;
        ensure!(
            reply.is("Accounting-Response"),
            "no Accounting-Response but: {}",
            reply.said
        );
        // The answer says that the record is on disk; the wall follows at once, not before.
        let url = format!("http://{WEB_NAME}/");
        clock::wait_for("the wall", WALL_MAX, || {
            self.curl
                .get(&url)
                .ok()
                .filter(|answer| answer.status == 302)
        })?;
        Ok((
            (),
            vec![format!("Accounting-Response; {v4} and {v6} are hers")],
        ))
    }

    fn is_redirected(&self) -> Done<()> {
        let answer = self
            .curl
            .get(&format!("http://{WEB_NAME}/some/page?q=1"))?
            .expect_status(302)?;
        let location = answer
            .header("location")
            .context("a 302 without Location")?;
        ensure!(location.starts_with(&portal_url()), "sent to {location}");
        let cache = answer.header("cache-control").unwrap_or_default();
        ensure!(
            cache.contains("no-store"),
            "a browser may keep it: {}",
            answer.headers
        );
        Ok((
            (),
            vec![format!(
                "302 to {location}, in {}",
                milliseconds(answer.took)
            )],
        ))
    }

    fn is_refused(&self) -> Done<Duration> {
        let answer = self.curl.get(&format!("https://{WEB_NAME}/"))?;
        ensure!(
            answer.exit == REFUSED,
            "curl ended with {}: {answer:?}",
            answer.exit
        );
        ensure!(
            answer.took < REFUSAL_MAX,
            "refused only after {}",
            milliseconds(answer.took)
        );
        let seen = format!("refused at once, in {}", milliseconds(answer.took));
        Ok((answer.took, vec![seen]))
    }

    fn reads_portal(&self) -> Done<Answer> {
        let page = self
            .curl
            .follow(&format!("http://{WEB_NAME}/"))?
            .expect_status(200)?;
        ensure!(page.url.starts_with(&portal_url()), "ended on {}", page.url);
        let text = html::text(&page.body);
        for needed in ["12.50", "97.50"] {
            ensure!(
                text.contains(needed),
                "the page does not say {needed}: {text}"
            );
        }
        let size = format!("{} octets of {}", page.body.len(), page.url);
        let says = shortened(&html::main_text(&page.body));
        Ok((page, vec![size, says]))
    }

    fn chooses(&self, shop: &Answer) -> Done<Answer> {
        let form = shop.form_with("months")?;
        let sent = self
            .curl
            .submit(shop, &form, &[("months", "3")])?
            .expect_status(303)?;
        let location = sent.header("location").context("a 303 without Location")?;
        let page = self.curl.get(location)?.expect_status(200)?;
        let text = html::text(&page.body);
        ensure!(
            text.contains("97.50"),
            "the gateway asks for something else: {text}"
        );
        ensure!(
            text.to_uppercase().contains("TEST"),
            "nothing says that it is a test: {text}"
        );
        let seen = vec![format!("303 to {location}"), shortened(&text)];
        Ok((page, seen))
    }

    fn pays(&self, hosted: &Answer) -> Done<Paid> {
        let form = hosted.form_with("action")?;
        let router: IpAddr = match self.family {
            Family::V4 => ROUTER_V4.into(),
            Family::V6 => ROUTER_V6.into(),
        };
        let request = html::post(hosted, &form, &[("action", "pay"), ("webhook", "normal")])?;
        let target = SocketAddr::new(web_address(self.family), 443);
        let walled = AtomicBool::new(false);
        // Threads that are started inside the home's namespace are in it, too.
        let (press, first) = self.lab.network.home.enter(|| {
            thread::scope(|scope| {
                let probe = scope.spawn(|| first_connection(target, &walled));
                let press = press(SocketAddr::new(router, PAY_PORT), &request, &walled);
                (press, probe.join())
            })
        })?;
        let Ok(first) = first else {
            bail!("the probe panicked")
        };
        let (press, first) = (press?, first?);
        let confirmation = press.answered.saturating_duration_since(press.pressed);
        let release = first.saturating_duration_since(press.pressed);
        ensure!(
            release < RELEASE_MAX,
            "online only after {}",
            milliseconds(release)
        );
        let seen = vec![
            format!(
                "confirmed {} after she pressed the button",
                milliseconds(confirmation)
            ),
            format!(
                "first packet through {} after that",
                milliseconds(release.saturating_sub(confirmation))
            ),
        ];
        let paid = Paid {
            back: press.location,
            confirmation,
            release,
        };
        Ok((paid, seen))
    }

    fn sees_proof(&self, back: &str) -> Done<()> {
        let text = clock::wait_for("\"online again\"", PORTAL_MAX, || {
            let page = self.curl.follow(back).ok()?;
            let text = html::text(&page.body);
            text.to_lowercase()
                .contains("online again after")
                .then(|| html::main_text(&page.body))
        })?;
        Ok(((), vec![shortened(&text)]))
    }

    fn is_online(&self) -> Done<()> {
        for scheme in ["http", "https"] {
            let answer = self
                .curl
                .get(&format!("{scheme}://{WEB_NAME}/"))?
                .expect_status(200)?;
            ensure!(
                answer.body == GREETING,
                "somebody else answered: {}",
                answer.body
            );
        }
        let status = self.lab.garthctl.json(&["garden", "status"])?;
        ensure!(
            status["paid_but_blocked"] == 0,
            "paid but blocked: {status}"
        );
        Ok((
            (),
            vec![format!(
                "{} over http and https; paid but blocked: 0",
                GREETING.trim()
            )],
        ))
    }

    fn explain(&self) -> Done<()> {
        let words = self
            .lab
            .garthctl
            .run(&["subscription", "explain", "anna"])?;
        let lower = words.to_lowercase();
        ensure!(lower.contains("active"), "no word of being active: {words}");
        Ok(((), words.lines().map(str::to_owned).collect()))
    }
}

/// One press of a button: without the time that a program takes to start.
struct Press {
    pressed: Instant,
    answered: Instant,
    location: String,
}

/// Sends `request` once the probe has seen that the wall is up.
fn press(gateway: SocketAddr, request: &str, walled: &AtomicBool) -> Result<Press> {
    clock::wait_for("the probe", RELEASE_MAX, || {
        walled.load(Ordering::Acquire).then_some(())
    })?;
    let pressed = clock::now();
    let mut stream = TcpStream::connect_timeout(&gateway, RELEASE_MAX).context("the gateway")?;
    stream
        .write_all(request.as_bytes())
        .context("the gateway")?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .context("the gateway's answer")?;
    let answered = clock::now();
    let location = answer
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    match location.filter(|_| answer.starts_with("HTTP/1.1 303")) {
        Some(location) => Ok(Press {
            pressed,
            answered,
            location: location.to_owned(),
        }),
        None => bail!("the gateway answered {answer}"),
    }
}

/// When a TCP connection to `target` first came about; `walled` tells that one was refused before.
fn first_connection(target: SocketAddr, walled: &AtomicBool) -> Result<Instant> {
    let deadline = clock::now() + PROBE_MAX;
    while clock::now() < deadline {
        match TcpStream::connect_timeout(&target, PROBE_TRY_MAX) {
            Ok(_) => {
                let first = clock::now();
                ensure!(walled.load(Ordering::Acquire), "there was no wall");
                return Ok(first);
            }
            Err(_) => walled.store(true, Ordering::Release),
        }
        thread::sleep(PROBE_PAUSE);
    }
    bail!("no packet came through in {PROBE_MAX:?}");
}

fn seen_reply(reply: Reply) -> Vec<String> {
    let code = reply.code.unwrap_or_default();
    let hidden = ["Message-Authenticator", "Class"];
    let attributes = reply
        .attributes
        .into_iter()
        .filter(|line| !hidden.iter().any(|name| line.starts_with(name)));
    std::iter::once(code).chain(attributes).collect()
}

/// A JSON value as a word.
fn word(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The beginning of a page's text.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 160;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

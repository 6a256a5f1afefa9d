//! The task that owns the requests under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use garth_radius::UnixSeconds;
use garth_radius::dynamic::RETRANSMIT_AFTER_SECONDS;
use garth_radius::dynamic::exchanges::{self, AskError, Due, Exchanges, Millis};
use garth_subscription::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::sockets::{Arrived, Sockets};
use super::{About, Answered, Asked, Counts, FULL, NO_IDENTIFIER, Outcome};
use crate::garthd::stop::Stop;

/// The wall clock: Event-Timestamp is compared with the clock of the NAS.
pub(crate) type Clock = fn() -> Timestamp;

/// How often it is looked whether what waits for its session can go.
const BACKLOG_EVERY: Duration = Duration::from_secs(1);

/// Owns the requests under way.
pub(crate) struct Task {
    exchanges: Exchanges<About>,
    sockets: Sockets,
    arrived: mpsc::Receiver<Arrived>,
    asked: mpsc::Receiver<Asked>,
    /// Who waits for the answer about a session.
    waiting: HashMap<About, Waiting>,
    /// Whose session has another request under way: as many as ask at a time, which the follower and the admin
    /// API bound.
    backlog: VecDeque<Asked>,
    counts: Counts,
    now: Clock,
    beginning: Instant,
}

struct Waiting {
    nas: Arc<str>,
    since: Millis,
    answer: oneshot::Sender<Answered>,
}

impl Task {
    pub(super) fn new(
        ports: u16,
        asked: mpsc::Receiver<Asked>,
        counts: Counts,
        now: Clock,
    ) -> Self {
        let (sockets, arrived) = Sockets::new();
        Self {
            exchanges: Exchanges::new(ports),
            sockets,
            arrived,
            asked,
            waiting: HashMap::new(),
            backlog: VecDeque::new(),
            counts,
            now,
            beginning: Instant::now(),
        }
    }

    /// Runs until the stop, or until nobody can ask any more. What is under way then is not answered.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        loop {
            self.work_off().await;
            let next = self.next_at();
            tokio::select! {
                () = stop.wait() => return,
                asked = self.asked.recv() => match asked {
                    Some(asked) => self.backlog.push_back(asked),
                    None => return,
                },
                Some(arrived) = self.arrived.recv() => self.received(&arrived),
                () = tokio::time::sleep_until(next.unwrap_or(self.beginning)), if next.is_some() => {}
            }
        }
    }

    fn millis(&self) -> Millis {
        let since = Instant::now().saturating_duration_since(self.beginning);
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// When there is something to do even if nothing arrives.
    fn next_at(&self) -> Option<Instant> {
        // Rounded up: a wake-up before the millisecond would find nothing to do.
        let due = self.exchanges.next_at();
        let due = due.map(|Millis(at)| self.beginning + Duration::from_millis(at));
        let backlog = (!self.backlog.is_empty()).then(|| Instant::now() + BACKLOG_EVERY);
        due.into_iter().chain(backlog).min()
    }

    /// Begins what can begin, sends what is due and gives up what was not answered.
    async fn work_off(&mut self) {
        for asked in std::mem::take(&mut self.backlog) {
            self.begin(asked);
        }
        let now = self.millis();
        let mut silent = Vec::new();
        while let Some(due) = self.exchanges.poll(now) {
            match due {
                Due::Send { port, to, datagram } => {
                    if let Err(error) = self.sockets.send(port, to, datagram).await {
                        tracing::debug!(%error, %to, "a request was not taken by the network");
                    }
                }
                Due::TimedOut(about) => silent.push(about),
            }
        }
        for about in silent {
            self.answer(&about, Outcome::Silence);
        }
    }

    fn begin(&mut self, asked: Asked) {
        let about = asked.ask.identifiers.about.clone();
        if self.exchanges.is_under_way(&about) {
            self.backlog.push_back(asked);
            return;
        }
        let now = self.millis();
        let seconds = u64::try_from((self.now)().unix_seconds()).unwrap_or(0);
        let ask = exchanges::Ask {
            nas: &asked.ask.nas,
            to: asked.ask.to,
            session: asked.ask.identifiers.session(),
            request: asked.ask.request(),
            event_timestamp: UnixSeconds(seconds),
            goes_first: asked.ask.goes_first,
        };
        match self.exchanges.ask(now, &ask, about.clone()) {
            Ok(()) => {
                let waiting = Waiting {
                    nas: Arc::clone(&asked.ask.nas.name),
                    since: now,
                    answer: asked.answer,
                };
                self.waiting.insert(about, waiting);
            }
            Err(AskError::SessionBusy) => self.backlog.push_back(asked),
            // Who asked may be gone.
            Err(AskError::Full) => drop(asked.answer.send(Answered::busy(FULL))),
            Err(AskError::NoIdentifier(_)) => {
                drop(asked.answer.send(Answered::busy(NO_IDENTIFIER)));
            }
            Err(error @ AskError::Request(_)) => {
                drop(asked.answer.send(Answered::not_sent(error.to_string())));
            }
        }
    }

    fn received(&mut self, arrived: &Arrived) {
        let now = self.millis();
        let Arrived { port, from, octets } = arrived;
        match self.exchanges.received(now, *port, *from, octets) {
            Ok((about, answer)) => self.answer(&about, answer.into()),
            Err(error) => tracing::debug!(%error, %from, "a datagram is no answer"),
        }
    }

    fn answer(&mut self, about: &About, outcome: Outcome) {
        let Some(waiting) = self.waiting.remove(about) else {
            return;
        };
        self.counts.add(&waiting.nas, &outcome);
        let millis = self.millis().0.saturating_sub(waiting.since.0);
        let answered = Answered {
            attempts: attempts_within(millis),
            millis,
            outcome,
        };
        // Who asked may be gone.
        drop(waiting.answer.send(answered));
    }
}

/// How often a request has been sent after so many milliseconds.
fn attempts_within(millis: u64) -> u8 {
    let mut at = 0;
    let mut attempts = 1;
    for pause in &RETRANSMIT_AFTER_SECONDS[..RETRANSMIT_AFTER_SECONDS.len() - 1] {
        at += pause * 1_000;
        attempts += u8::from(millis >= at);
    }
    attempts
}

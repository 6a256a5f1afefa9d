//! Many subscriptions at once: streamed in and out, line by line.
//!
//! An import reads the next batch of lines while the store commits the one before. A line that
//! is wrong is answered with its number; the others are kept. A peer who does not read the
//! answer stops the import, not the daemon: what waits in between is bounded.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use garth_store::Store;
use garth_store::record::Subscription;
use garth_store::write::{NewSubscription, WriteError};
use garth_subscription::Actor;
use garth_subscription::facts::SubscriptionId;
use http::{Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Admin;
use super::body::{self, Body, Sender, push_line};
use super::problem::Problem;
use super::role::{AdminRole, Peer};
use super::routes::Call;
use super::subscription::{Change, PAGE_MAX};
use super::wire::ProgressLine;
use crate::import::{Context, CsvHeader, ImportLine, LineError, Lines, Split};

/// How many lines are committed together.
const IMPORT_BATCH: usize = garth_store::IMPORT_BATCH_MAX;
/// How often a batch is offered to a writer that is behind.
const OFFERS_MAX: u32 = 100;
/// The pause between two offers.
const OFFER_PAUSE: Duration = Duration::from_millis(100);

/// How many names a dry run remembers to find those that are there twice; of later lines it only
/// checks that the store has no such name.
const NAMES_REMEMBERED_MAX: usize = 4_000_000;

/// A line that is well formed, with its number.
type Numbered = (u64, NewSubscription);

/// The answer to a committed batch.
type Committing = tokio::task::JoinHandle<Result<Vec<ProgressLine>, Problem>>;

/// What the lines are written in.
enum Format {
    JsonLines,
    /// The header comes first.
    Csv(Option<CsvHeader>),
}

impl Format {
    fn of(request: &Request<Incoming>) -> Result<Self, Problem> {
        let media_type = match request.headers().get(header::CONTENT_TYPE) {
            Some(value) => value.to_str().map_err(Problem::malformed)?,
            None => body::JSON_LINES,
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "text/csv" => Ok(Self::Csv(None)),
            // curl --data-binary says the last one where nothing else is said.
            "application/jsonl"
            | "application/x-ndjson"
            | "application/json"
            | "application/octet-stream"
            | "application/x-www-form-urlencoded" => Ok(Self::JsonLines),
            other => Err(Problem::malformed(format!(
                "content type {other:?}: allowed are application/jsonl and text/csv"
            ))),
        }
    }

    /// The subscription of a line; nothing for an empty line or the header.
    fn read(
        &mut self,
        line: &[u8],
        context: &Context,
    ) -> Result<Option<NewSubscription>, LineError> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let line = match self {
            Self::JsonLines => ImportLine::from_json(line)?,
            Self::Csv(Some(header)) => header.line(line)?,
            Self::Csv(header @ None) => {
                *header = Some(CsvHeader::parse(line)?);
                return Ok(None);
            }
        };
        line.checked(context).map(Some)
    }

    /// Without its header a CSV file means nothing.
    const fn is_lost(&self) -> bool {
        matches!(self, Self::Csv(None))
    }
}

/// An import under way.
struct Import {
    admin: Arc<Admin>,
    change: Change,
    format: Format,
    context: Context,
    sender: Sender,
    line: u64,
    imported: u64,
    failed: u64,
    batch: Vec<Numbered>,
    /// Complaints about lines of the batch that never reach the store.
    bad: Vec<ProgressLine>,
    committing: Option<Committing>,
    /// Of a dry run; a real one leaves this to the store.
    taken: Arc<Mutex<Taken>>,
}

/// Why an import ends before its time.
enum Stop {
    /// The peer is gone; nobody is left to tell.
    Gone,
    /// It cannot go on.
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Admin {
    pub(crate) fn import(
        self: Arc<Self>,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let format = Format::of(&request)?;
        let (sender, response) = body::stream();
        let context = self.context();
        let import = Import {
            admin: self,
            change,
            format,
            context,
            sender,
            line: 0,
            imported: 0,
            failed: 0,
            batch: Vec::new(),
            bad: Vec::new(),
            committing: None,
            taken: Arc::default(),
        };
        tokio::spawn(import.run(request.into_body()));
        Ok(response)
    }

    pub(crate) fn export(
        self: Arc<Self>,
        call: &Call,
        role: AdminRole,
    ) -> Result<Response<Body>, Problem> {
        let with_secrets = call.query.flag("secrets")?;
        if with_secrets && role < AdminRole::Operator {
            return Err(Problem::forbidden("a viewer sees no credentials"));
        }
        let (mut sender, response) = body::stream();
        tokio::spawn(async move {
            let mut after = None;
            loop {
                let page = self
                    .read(move |store| export_page(store, after, with_secrets))
                    .await;
                match page {
                    Ok((chunk, next)) => {
                        if sender.send_data(chunk).await.is_err() || next.is_none() {
                            return;
                        }
                        after = next;
                    }
                    Err(problem) => {
                        tracing::warn!(%problem, "export ended early");
                        // The peer sees a broken transfer instead of a short one.
                        sender.abort(std::io::Error::other(problem));
                        return;
                    }
                }
            }
        });
        Ok(response)
    }
}

/// The lines of one page, and after whom the next one begins.
fn export_page(
    store: &Store,
    after: Option<SubscriptionId>,
    with_secrets: bool,
) -> Result<(Bytes, Option<SubscriptionId>), garth_store::ReadError> {
    let found: Vec<Subscription> = store.subscriptions(after, PAGE_MAX)?;
    let now = store.now();
    let mut chunk = Vec::new();
    for one in &found {
        let credential = if with_secrets {
            store.credential(one)?
        } else {
            None
        };
        if let Some(line) = ImportLine::of(one, now, credential.as_ref()) {
            push_line(&mut chunk, &line);
        }
    }
    let next = found.last().filter(|_| found.len() == PAGE_MAX);
    Ok((chunk.into(), next.map(|last| last.facts.id)))
}

impl Import {
    async fn run(mut self, body: Incoming) {
        let last = match self.take_all(body).await {
            Ok(()) => ProgressLine::Summary {
                imported: self.imported,
                failed: self.failed,
                dry_run: self.change.dry_run,
            },
            Err(Stop::Problem(problem)) => ProgressLine::Stopped { problem },
            Err(Stop::Gone) => {
                // What was under way is committed all the same; it is in the journal.
                if let Some(committing) = self.committing.take() {
                    drop(committing.await);
                }
                return;
            }
        };
        tracing::info!(
            actor = %self.change.actor.name.as_str().escape_debug(),
            role = self.change.actor.role.as_str(),
            imported = self.imported,
            failed = self.failed,
            dry_run = self.change.dry_run,
            "import ended"
        );
        if self.tell(&[last]).await.is_err() {
            tracing::debug!("nobody waited for the end of the import");
        }
    }

    async fn take_all(&mut self, mut body: Incoming) -> Result<(), Stop> {
        let mut lines = Lines::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(Problem::malformed)?;
            let Ok(chunk) = frame.into_data() else {
                continue;
            };
            lines.feed(&chunk);
            loop {
                let split = lines.next_line();
                if split == Split::More {
                    break;
                }
                self.take(&split)?;
                if self.batch.len() >= IMPORT_BATCH || self.bad.len() >= IMPORT_BATCH {
                    self.hand_over().await?;
                }
            }
        }
        if let Some(line) = lines.last_line() {
            self.take(&Split::Line(line))?;
        }
        self.hand_over().await?;
        self.await_commit().await
    }

    fn take(&mut self, split: &Split<'_>) -> Result<(), Stop> {
        self.line += 1;
        let read = match split {
            Split::Line(line) => self.format.read(line, &self.context),
            Split::TooLong => Err(LineError::TooLong),
            Split::More => Ok(None),
        };
        match read {
            Ok(Some(new)) => self.batch.push((self.line, new)),
            Ok(None) => {}
            Err(error) if self.format.is_lost() => {
                return Err(Problem::malformed(error).into());
            }
            Err(error) => {
                self.failed += 1;
                self.bad.push(ProgressLine::Bad {
                    line: self.line,
                    error: error.to_string(),
                    rule: None,
                });
            }
        }
        Ok(())
    }

    /// Gives the batch to the store once the one before is committed, and does not wait for it.
    async fn hand_over(&mut self) -> Result<(), Stop> {
        let bad = std::mem::take(&mut self.bad);
        if !bad.is_empty() {
            self.tell(&bad).await?;
        }
        self.await_commit().await?;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.context.now = self.admin.store.now();
        let store = self.admin.store.clone();
        let actor = self.change.actor.clone();
        self.imported = self
            .imported
            .saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        let taken = Arc::clone(&self.taken);
        self.committing = Some(if self.change.dry_run {
            tokio::task::spawn_blocking(move || Ok(try_batch(&store, &batch, &actor, &taken)))
        } else {
            tokio::spawn(commit_batch(store, batch, actor))
        });
        Ok(())
    }

    async fn await_commit(&mut self) -> Result<(), Stop> {
        let Some(committing) = self.committing.take() else {
            return Ok(());
        };
        let mut refused = committing.await.map_err(Problem::failed)??;
        let count = u64::try_from(refused.len()).unwrap_or(u64::MAX);
        self.failed += count;
        self.imported -= count;
        refused.push(ProgressLine::Progress {
            done: self.imported.saturating_add(self.failed),
            of: None,
        });
        self.tell(&refused).await
    }

    async fn tell(&mut self, lines: &[ProgressLine]) -> Result<(), Stop> {
        let mut chunk = Vec::new();
        for line in lines {
            push_line(&mut chunk, line);
        }
        self.sender
            .send_data(chunk.into())
            .await
            .map_err(|_| Stop::Gone)
    }
}

/// Commits a batch; what is returned are the lines that the store refused.
async fn commit_batch(
    store: Store,
    batch: Vec<Numbered>,
    actor: Actor,
) -> Result<Vec<ProgressLine>, Problem> {
    let (numbers, news): (Vec<u64>, Vec<_>) = batch.into_iter().unzip();
    let mut offers = 0;
    let answers = loop {
        match store.import(news.clone(), actor.clone()).await {
            // Accounting comes first; an import can wait.
            Err(WriteError::Busy) if offers < OFFERS_MAX => {
                offers += 1;
                tokio::time::sleep(OFFER_PAUSE).await;
            }
            answers => break answers?,
        }
    };
    Ok(numbers
        .into_iter()
        .zip(answers)
        .filter_map(|(number, answer)| Some(bad_line(number, answer.err()?)))
        .collect())
}

/// The names and addresses that the lines of a dry run have taken so far.
///
/// Only hashes under a random key are kept, so that it stays small and nobody can aim at it.
#[derive(Default)]
struct Taken {
    hashes: HashSet<u64>,
    key: RandomState,
}

impl Taken {
    /// Takes what `new` goes by; the first that an earlier line has taken, if any.
    fn claim(&mut self, new: &NewSubscription) -> Option<WriteError> {
        for (kind, value) in identities(new) {
            let hash = self.key.hash_one((kind, &value));
            let is_full = self.hashes.len() >= NAMES_REMEMBERED_MAX;
            if self.hashes.contains(&hash) {
                return Some(WriteError::IdentityTaken { kind, value });
            }
            if !is_full {
                self.hashes.insert(hash);
            }
        }
        None
    }
}

/// What may belong to one subscription only.
fn identities(new: &NewSubscription) -> Vec<(&'static str, String)> {
    let subscriber = &new.subscriber;
    let text = |kind, value: Option<String>| value.map(|value| (kind, value));
    [
        text(
            "username",
            subscriber.user_name.as_ref().map(ToString::to_string),
        ),
        text("mac", subscriber.mac.map(|mac| mac.to_string())),
        text(
            "external_id",
            subscriber.external_id.as_ref().map(ToString::to_string),
        ),
        text(
            "framed_ipv4",
            subscriber.framed_ipv4.map(|address| address.to_string()),
        ),
        text(
            "circuit_id",
            subscriber.circuit_id.as_ref().map(ToString::to_string),
        ),
        text(
            "remote_id",
            subscriber.remote_id.as_ref().map(ToString::to_string),
        ),
        text(
            "framed_ipv6",
            subscriber.framed_ipv6.map(|prefix| prefix.to_string()),
        ),
        text(
            "delegated_ipv6",
            subscriber.delegated_ipv6.map(|prefix| prefix.to_string()),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the store would refuse of a batch: by the rules, for names that others have there, and
/// for names of earlier lines.
fn try_batch(
    store: &Store,
    batch: &[Numbered],
    actor: &Actor,
    taken: &Mutex<Taken>,
) -> Vec<ProgressLine> {
    let try_one = |new: &NewSubscription| {
        store.preview_add(new, actor)?;
        store.check_identities(&new.subscriber)?;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.claim(new).map_or(Ok(()), Err)
    };
    batch
        .iter()
        .filter_map(|(number, new)| Some(bad_line(*number, try_one(new).err()?)))
        .collect()
}

fn bad_line(line: u64, error: WriteError) -> ProgressLine {
    let problem = Problem::from(error);
    ProgressLine::Bad {
        line,
        error: problem.detail,
        rule: problem.rule,
    }
}

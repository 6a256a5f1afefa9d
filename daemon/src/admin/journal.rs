//! The journal: read, and hashed again.

use std::collections::HashMap;
use std::sync::Arc;

use garth_store::{ReadError, Store};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::replay::counting;
use http::Response;

use super::Admin;
use super::body::{self, Body, push_line};
use super::problem::Problem;
use super::routes::Call;
use super::subscription::{PAGE_MAX, page_limit};
use super::wire::{EntryBody, Page, ProgressLine, hex};

/// How many entries of a subscription are looked at to tell which of them count: no more can be taken
/// back either.
const FATES_MAX: usize = 10_000;

impl Admin {
    pub(crate) async fn subscription_history(
        &self,
        call: &Call,
    ) -> Result<Response<Body>, Problem> {
        let before = call.query.parse("before")?;
        let limit = page_limit(call)?;
        let id = self.named(&call.name).await?.facts.id;
        let (entries, fates) = self
            .read(move |store| {
                let entries = store.history(id, before, limit)?;
                Ok::<_, ReadError>((entries, fates(store, id)?))
            })
            .await?;
        let last = entries.last().filter(|_| entries.len() == limit);
        let next = last.map(|entry| entry.sequence.to_string());
        let items = entries.iter().map(|chained| {
            let fate = fates.get(&chained.entry.id);
            EntryBody {
                counts: fate.map(|fate| fate.counts),
                reverted_by: fate
                    .and_then(|fate| fate.reverted_by)
                    .map(|id| id.0.to_string()),
                ..EntryBody::from(chained)
            }
        });
        Ok(body::ok(&Page {
            items: items.collect(),
            next,
        }))
    }

    pub(crate) async fn journal_list(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let from = call.query.parse("from")?.unwrap_or(1);
        let limit = page_limit(call)?;
        let entries = self.read(move |store| store.journal(from, limit)).await?;
        let next = entries
            .last()
            .filter(|_| entries.len() == limit)
            .map(|entry| entry.sequence.saturating_add(1).to_string());
        Ok(page(&entries, next))
    }

    /// Streams progress, then the verdict. A reader who goes away does not stop the work early,
    /// but only one thread is busy with it.
    pub(crate) fn journal_verify(self: Arc<Self>) -> Response<Body> {
        let (sender, response) = body::stream();
        let (progress, mut seen) = tokio::sync::watch::channel((0, 0));
        let store = self.store.clone();
        let work = tokio::task::spawn_blocking(move || {
            store.verify_journal(&mut |done, of| {
                progress.send_replace((done, of));
            })
        });
        tokio::spawn(async move {
            let mut sender = sender;
            while seen.changed().await.is_ok() {
                let (done, of) = *seen.borrow_and_update();
                let line = ProgressLine::Progress { done, of: Some(of) };
                if send(&mut sender, &line).await.is_err() {
                    return;
                }
            }
            let last = match work.await {
                Ok(Ok(verified)) => verified_line(&verified),
                Ok(Err(broken)) => ProgressLine::Stopped {
                    problem: Problem::failed(broken).with_rule("LEDGER-3"),
                },
                Err(stopped) => ProgressLine::Stopped {
                    problem: Problem::failed(stopped),
                },
            };
            if send(&mut sender, &last).await.is_err() {
                tracing::debug!("nobody waited for the end of the verification");
            }
        });
        response
    }
}

/// What became of an entry.
struct Fate {
    /// Whether no other entry that counts takes it back.
    counts: bool,
    /// Which entry took it back.
    reverted_by: Option<EntryId>,
}

/// What became of the entries of a subscription; of its newest ones where it has very many.
fn fates(store: &Store, id: SubscriptionId) -> Result<HashMap<EntryId, Fate>, ReadError> {
    let mut entries = Vec::new();
    let mut before = None;
    while entries.len() < FATES_MAX {
        let page = store.history(id, before, PAGE_MAX)?;
        before = page.last().map(|last| last.sequence);
        let is_last = page.len() < PAGE_MAX;
        entries.extend(page.into_iter().map(|chained| chained.entry));
        if is_last {
            break;
        }
    }
    entries.reverse();
    let counts = counting(&entries, None);
    let mut fates: HashMap<EntryId, Fate> = HashMap::with_capacity(entries.len());
    for (entry, counts) in entries.iter().zip(counts) {
        if let Some(earlier) = entry.reverts.and_then(|id| fates.get_mut(&id)) {
            earlier.reverted_by = Some(entry.id);
        }
        let fate = Fate {
            counts,
            reverted_by: None,
        };
        fates.insert(entry.id, fate);
    }
    Ok(fates)
}

async fn send(sender: &mut body::Sender, line: &ProgressLine) -> Result<(), ()> {
    let mut chunk = Vec::new();
    push_line(&mut chunk, line);
    sender.send_data(chunk.into()).await.map_err(|_| ())
}

fn page(entries: &[garth_store::record::ChainedEntry], next: Option<String>) -> Response<Body> {
    body::ok(&Page {
        items: entries.iter().map(EntryBody::from).collect(),
        next,
    })
}

fn verified_line(verified: &garth_store::Verified) -> ProgressLine {
    ProgressLine::Verified {
        verified: verified.entries,
        head: (verified.entries > 0).then(|| hex(&verified.head)),
    }
}

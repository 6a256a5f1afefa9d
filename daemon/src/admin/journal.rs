//! The journal: read, and hashed again.

use std::sync::Arc;

use http::Response;

use super::Admin;
use super::body::{self, Body, push_line};
use super::problem::Problem;
use super::routes::Call;
use super::subscriptions::page_limit;
use super::wire::{EntryBody, Page, ProgressLine, hex};

impl Admin {
    pub(crate) async fn subscription_history(
        &self,
        call: &Call,
    ) -> Result<Response<Body>, Problem> {
        let before = call.query.parse("before")?;
        let limit = page_limit(call)?;
        let id = self.named(&call.name).await?.facts.id;
        let entries = self
            .read(move |store| store.history(id, before, limit))
            .await?;
        let next = entries
            .last()
            .filter(|_| entries.len() == limit)
            .map(|entry| entry.sequence.to_string());
        Ok(page(&entries, next))
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

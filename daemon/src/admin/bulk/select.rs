//! Whom a bulk is for: the order and the names of its body, and what they stand for.

use std::collections::{BTreeMap, HashSet};

use garth_subscription::facts::SubscriptionId;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::super::Admin;
use super::super::problem::Problem;
use super::super::subscription::PAGE_MAX;
use super::super::subscription::filter::{Filter, KEYS};
use super::super::wire::BulkOrder;
use crate::import::{LINE_LEN_MAX, Lines, Split};

/// The most subscriptions of one bulk; more are given in several.
pub(super) const SELECTED_MAX: usize = 1_000_000;

/// Reads the order and the names after it.
pub(super) async fn read(mut body: Incoming) -> Result<(BulkOrder, Vec<String>), Problem> {
    let mut reading = Reading::default();
    let mut lines = Lines::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Problem::malformed)?;
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        lines.feed(&chunk);
        loop {
            match lines.next_line() {
                Split::Line(line) => reading.take(line)?,
                Split::TooLong => {
                    let line = reading.line + 1;
                    return Err(Problem::malformed(format!(
                        "line {line}: longer than {LINE_LEN_MAX} octets"
                    )));
                }
                Split::More => break,
            }
        }
    }
    if let Some(line) = lines.last_line() {
        reading.take(line)?;
    }
    reading.end()
}

/// A body as far as it is read.
#[derive(Default)]
struct Reading {
    line: u64,
    order: Option<BulkOrder>,
    names: Vec<String>,
}

impl Reading {
    fn take(&mut self, line: &[u8]) -> Result<(), Problem> {
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let wrong = |what: &str, error: serde_json::Error| {
            Problem::malformed(format!("line {}: {what}: {error}", self.line))
        };
        let Some(order) = &self.order else {
            let order = serde_json::from_slice(line).map_err(|error| wrong("order", error))?;
            self.order = Some(order);
            return Ok(());
        };
        if order.filter.is_some() {
            return Err(Problem::malformed(
                "give either a filter or names, not both",
            ));
        }
        if self.names.len() >= SELECTED_MAX {
            return Err(too_many());
        }
        self.names
            .push(serde_json::from_slice(line).map_err(|error| wrong("name", error))?);
        Ok(())
    }

    fn end(self) -> Result<(BulkOrder, Vec<String>), Problem> {
        let order = self
            .order
            .ok_or_else(|| Problem::malformed("the first line must be the order"))?;
        if order.filter.is_none() && self.names.is_empty() {
            return Err(Problem::malformed(
                "nobody is meant: give a filter, or a name a line",
            ));
        }
        Ok((order, self.names))
    }
}

fn too_many() -> Problem {
    Problem::malformed(format!(
        "a bulk is for at most {SELECTED_MAX} subscriptions; give it in several"
    ))
}

/// Whom the names stand for, each once and in their order, and the names that stand for nobody.
pub(super) async fn by_name(
    admin: &Admin,
    names: Vec<String>,
) -> Result<(Vec<SubscriptionId>, Vec<String>), Problem> {
    admin
        .read(move |store| {
            let mut seen = HashSet::new();
            let (mut ids, mut unknown) = (Vec::new(), Vec::new());
            for name in names {
                match store.resolve(&name)? {
                    Some(id) if seen.insert(id) => ids.push(id),
                    Some(_) => {}
                    None => unknown.push(name),
                }
            }
            Ok::<_, garth_store::ReadError>((ids, unknown))
        })
        .await
}

/// Those that the filter takes now.
pub(super) async fn by_filter(
    admin: &Admin,
    wanted: &BTreeMap<String, String>,
) -> Result<Vec<SubscriptionId>, Problem> {
    if let Some(key) = wanted.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Problem::malformed(format!(
            "filter: {key:?} is none of {}",
            KEYS.join(", ")
        )));
    }
    if wanted.is_empty() {
        return Err(Problem::malformed(format!(
            "filter: empty; give at least one of {}",
            KEYS.join(", ")
        )));
    }
    let filter = Filter::read(|key| wanted.get(key).map(String::as_str))?;
    let now = admin.store.now();
    let found = admin
        .read(move |store| {
            let mut ids = Vec::new();
            let mut after = None;
            loop {
                let page = store.subscriptions(after, PAGE_MAX)?;
                after = page.last().map(|last| last.facts.id);
                let taken = page.iter().filter(|one| filter.takes(one, now));
                ids.extend(taken.map(|one| one.facts.id));
                if page.len() < PAGE_MAX || ids.len() > SELECTED_MAX {
                    return Ok::<_, garth_store::ReadError>(ids);
                }
            }
        })
        .await?;
    if found.len() > SELECTED_MAX {
        return Err(too_many());
    }
    Ok(found)
}

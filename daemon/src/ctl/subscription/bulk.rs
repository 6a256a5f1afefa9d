//! `garthctl subscription bulk …`: counted, asked, done, each failure told by name.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path as FilePath;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use uuid::Uuid;

use super::request::{self, say};
use super::{confirmed_by_a_person, is_attended};
use crate::admin::wire::{BulkLine, BulkOrder, BulkSummary};
use crate::ctl::args::{Bulk, Selection};
use crate::ctl::client::{Body, Client, Path};
use crate::ctl::failure::{Failure, warn};
use crate::ctl::output::Output;
use crate::ctl::transfer::{Complaints, bar, cut_off, each_line};

/// The longest file of names, in octets: a million of them.
const FILE_LEN_MAX: u64 = 64 << 20;

pub(super) async fn run(verb: Bulk, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let (verb, mut arguments, selection) = request::bulk(verb);
    say(&mut arguments, &selection.said);
    let serde_json::Value::Object(arguments) = arguments else {
        return Err(Failure::Usage("nothing to do".to_owned()));
    };
    let order = BulkOrder {
        verb: verb.to_owned(),
        arguments,
        filter: selection.filter.as_deref().map(filter).transpose()?,
        over_breaker: selection.over_breaker,
    };
    let names = selection.file.as_deref().map_or(Ok(String::new()), names)?;
    let lines = lines_of(&order, &names)?;
    // Under one id for both tries and repeats: what was done once is not done again.
    let id = selection
        .change
        .command_id
        .clone()
        .unwrap_or_else(|| Uuid::now_v7().to_string());
    let sending = Sending {
        lines: lines.into(),
        id,
        client,
    };
    if selection.change.dry_run {
        let summary = sending.send(true, true, output).await?;
        return ended(&summary, output);
    }
    if !selection.yes {
        agreed(&sending, &selection, output).await?;
    }
    let summary = sending.send(false, true, output).await?;
    ended(&summary, output)
}

/// Counts what it would do, and asks.
async fn agreed(
    sending: &Sending<'_>,
    selection: &Selection,
    output: &mut Output,
) -> Result<(), Failure> {
    let summary = sending.send(true, false, output).await?;
    let counted = in_words(&summary);
    if !is_attended() {
        return Err(Failure::Usage(format!(
            "{counted}; nothing was done (--yes does it)"
        )));
    }
    let warning = match summary.verb.as_str() {
        "terminate" => "; what is terminated is no longer logged and its agenda is cleared",
        "disable" => "; what is disabled is still billed",
        _ => "",
    };
    let over = if summary.losing > summary.losing_max && !selection.over_breaker {
        "; the breaker will hold it (E13)"
    } else {
        ""
    };
    if confirmed_by_a_person(&format!("{counted}{warning}{over}"))? {
        Ok(())
    } else {
        Err(Failure::Usage("nothing was done".to_owned()))
    }
}

/// A bulk that is sent once to be counted and once to be done.
struct Sending<'a> {
    lines: Bytes,
    id: String,
    client: &'a Client,
}

impl Sending<'_> {
    async fn send(
        &self,
        is_dry_run: bool,
        tells: bool,
        output: &mut Output,
    ) -> Result<BulkSummary, Failure> {
        let change = crate::ctl::args::Change {
            dry_run: is_dry_run,
            command_id: Some(self.id.clone()),
        };
        let path = Path::of(&["v1", "bulk"]).change(&change);
        let body: Body = Full::from(self.lines.clone())
            .map_err(|never| match never {})
            .boxed_unsync();
        let request = path.request("POST", Some("application/jsonl"), body)?;
        let mut response = self.client.send(request).await?;
        let progress = bar(Some(0), "{bar:40} {pos}/{len} {eta}");
        let mut complaints = Complaints::new();
        let mut last = None;
        let read = each_line(self.client, &mut response, |line: BulkLine| {
            match &line {
                BulkLine::Failed {
                    subscription,
                    error,
                    rule,
                } if tells => {
                    if output.is_json() {
                        output.json(&line)?;
                    }
                    let rule = rule
                        .as_ref()
                        .map_or(String::new(), |rule| format!("{rule}: "));
                    let complaint = format!("{subscription}: {rule}{error}");
                    if let Some(words) = complaints.one_more(complaint) {
                        progress.suspend(|| warn(&words));
                    }
                }
                BulkLine::Progress { done, of } => {
                    progress.set_length(*of);
                    progress.set_position(*done);
                }
                BulkLine::Failed { .. } | BulkLine::Summary(_) | BulkLine::Stopped { .. } => {}
            }
            last = Some(line);
            Ok(())
        })
        .await;
        progress.finish_and_clear();
        if let Err(failure) = read {
            let id = &self.id;
            warn(&format!("--command-id {id} repeats it, each once"));
            return Err(failure);
        }
        match last {
            Some(BulkLine::Summary(summary)) => Ok(summary),
            Some(BulkLine::Stopped { problem }) => Err(Failure::Refused(problem)),
            Some(BulkLine::Failed { .. } | BulkLine::Progress { .. }) | None => Err(cut_off()),
        }
    }
}

fn ended(summary: &BulkSummary, output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        output.json(summary)?;
    } else {
        output.line(in_words(summary))?;
    }
    output.flush()?;
    if summary.failed == 0 {
        Ok(())
    } else {
        Err(Failure::Some(summary.failed))
    }
}

/// `grace: 12 would be done, 1 refused; 0 of 20 lose full access`.
fn in_words(summary: &BulkSummary) -> String {
    let done = if summary.dry_run {
        "would be done"
    } else {
        "done"
    };
    let repeated = match summary.repeated {
        0 => String::new(),
        count => format!(" ({count} of them before)"),
    };
    let losing = match summary.losing {
        0 => String::new(),
        count => format!(
            "; {count} of the {} with full access lose it",
            summary.full_access
        ),
    };
    format!(
        "{}: {} {done}{repeated}, {} not{losing}",
        summary.verb, summary.done, summary.failed
    )
}

/// `plan=home-100,standing=active` by key.
fn filter(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut filter = BTreeMap::new();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            Failure::Usage(format!(
                "--filter {part:?}: not KEY=VALUE, such as plan=home-100"
            ))
        })?;
        let (key, value) = (key.trim(), value.trim());
        if filter.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::Usage(format!("--filter: {key} is given twice")));
        }
    }
    Ok(filter)
}

/// The text of a file with a name a line.
fn names(file: &FilePath) -> Result<String, Failure> {
    let failed = |source| Failure::File {
        path: file.to_owned(),
        source,
    };
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        io::stdin().take(FILE_LEN_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file)
            .map_err(failed)?
            .take(FILE_LEN_MAX + 1)
            .read_to_string(&mut text)
    };
    let len = read.map_err(failed)?;
    if u64::try_from(len).unwrap_or(u64::MAX) > FILE_LEN_MAX {
        return Err(Failure::Usage(format!(
            "{}: longer than {FILE_LEN_MAX} octets; give it in several",
            file.display()
        )));
    }
    Ok(text)
}

/// The order, then every name of the file as a line of JSON.
fn lines_of(order: &BulkOrder, names: &str) -> Result<Vec<u8>, Failure> {
    let mut lines = serde_json::to_vec(order).map_err(io::Error::from)?;
    for name in names.lines().map(str::trim).filter(|name| !name.is_empty()) {
        lines.push(b'\n');
        serde_json::to_writer(&mut lines, name).map_err(io::Error::from)?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_keys_and_values_each_once() {
        let read = filter("plan=home-100, standing=active").unwrap();
        let pairs: Vec<_> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("plan", "home-100"), ("standing", "active")]);
        for wrong in ["", "plan", "plan=a,plan=b"] {
            assert!(filter(wrong).is_err(), "{wrong:?}");
        }
    }
}

//! Long work: import, export, verification, with progress on a terminal.

use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path as FilePath;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::client::{Client, Path, empty};
use super::failure::{Failure, warn};
use super::output::Output;
use crate::admin::wire::ProgressLine;
use crate::import::{Lines, Split};

/// How much of a file is sent at once, in octets.
const CHUNK_LEN: usize = 64 << 10;
/// How many chunks wait for a daemon that is behind.
const CHUNKS_WAITING_MAX: usize = 4;

/// How many bad lines are told on a terminal; in a file or a pipe all are.
const TOLD_ON_TERMINAL_MAX: u64 = 20;

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar(len: Option<u64>, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match len {
        Some(len) => ProgressBar::new(len),
        None => ProgressBar::new_spinner(),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

pub(super) async fn import(
    file: &FilePath,
    csv: bool,
    dry_run: bool,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let failed = |source| Failure::File {
        path: file.to_owned(),
        source,
    };
    let mut len = None;
    let reader: Box<dyn AsyncRead + Send + Unpin> = if file.as_os_str() == "-" {
        Box::new(tokio::io::stdin())
    } else {
        let opened = tokio::fs::File::open(file).await.map_err(failed)?;
        len = opened.metadata().await.ok().map(|found| found.len());
        Box::new(opened)
    };
    let is_csv = csv || file.extension().is_some_and(|ending| ending == "csv");
    let media_type = if is_csv {
        "text/csv"
    } else {
        "application/jsonl"
    };
    let progress = bar(len, "{bar:40} {percent}% {msg} {eta}");
    let (sender, body) = Channel::new(CHUNKS_WAITING_MAX);
    let feeding = tokio::spawn(feed(reader, sender, progress.clone()));
    let path = Path::of(&["v1", "import"]).with("dry_run", dry_run.then_some(true));
    let request = path.request("POST", Some(media_type), body.boxed_unsync())?;
    let mut response = client.send(request).await?;
    let ended = report(client, &mut response, output, &progress).await;
    progress.finish_and_clear();
    feeding.abort();
    match ended? {
        ProgressLine::Summary {
            imported,
            failed,
            dry_run,
        } => {
            if output.is_json() {
                output.json(&ProgressLine::Summary {
                    imported,
                    failed,
                    dry_run,
                })?;
            } else {
                let would = if dry_run { "would be " } else { "" };
                output.line(format!("{imported} {would}imported, {failed} not taken"))?;
            }
            output.flush()?;
            if failed == 0 {
                Ok(())
            } else {
                Err(Failure::Lines(failed))
            }
        }
        ProgressLine::Stopped { problem } => Err(Failure::Refused(problem)),
        ProgressLine::Bad { .. }
        | ProgressLine::Progress { .. }
        | ProgressLine::Verified { .. } => Err(cut_off()),
    }
}

pub(super) fn cut_off() -> Failure {
    Failure::Answer("it ended before its last line".to_owned())
}

/// Sends what `reader` gives, as fast as the daemon takes it.
async fn feed(
    mut reader: Box<dyn AsyncRead + Send + Unpin>,
    mut sender: http_body_util::channel::Sender<Bytes, io::Error>,
    progress: ProgressBar,
) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_LEN);
        match (&mut reader)
            .take(CHUNK_LEN_U64)
            .read_to_end(&mut chunk)
            .await
        {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                // The daemon sees a broken body, not a short file.
                sender.abort(error);
                return;
            }
        }
        progress.inc(u64::try_from(chunk.len()).unwrap_or(0));
        if sender.send_data(chunk.into()).await.is_err() {
            return;
        }
    }
}

/// [`CHUNK_LEN`] for those who count in `u64`.
const CHUNK_LEN_U64: u64 = 64 << 10;

/// Reads an answer line by line; bad lines are told at once, the last line is returned.
async fn report(
    client: &Client,
    response: &mut Response<Incoming>,
    output: &mut Output,
    progress: &ProgressBar,
) -> Result<ProgressLine, Failure> {
    let mut last = None;
    let mut complaints = Complaints::new();
    each_line(client, response, |line: ProgressLine| {
        tell(&line, output, progress, &mut complaints)?;
        last = Some(line);
        Ok(())
    })
    .await?;
    last.ok_or_else(cut_off)
}

/// Gives every line of a streamed answer to `each`.
pub(super) async fn each_line<T: DeserializeOwned>(
    client: &Client,
    response: &mut Response<Incoming>,
    mut each: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut lines = Lines::default();
    while let Some(chunk) = client.next_chunk(response).await? {
        lines.feed(&chunk);
        loop {
            match lines.next_line() {
                Split::Line(line) => {
                    let line = serde_json::from_slice(line)
                        .map_err(|error| Failure::Answer(error.to_string()))?;
                    each(line)?;
                }
                Split::TooLong => return Err(cut_off()),
                Split::More => break,
            }
        }
    }
    Ok(())
}

/// How many bad lines were told, and how many are.
pub(super) struct Complaints {
    told: u64,
    told_max: u64,
}

impl Complaints {
    pub(super) fn new() -> Self {
        let told_max = if io::stderr().is_terminal() {
            TOLD_ON_TERMINAL_MAX
        } else {
            u64::MAX
        };
        Self { told: 0, told_max }
    }

    /// What to say of one more bad line, if anything.
    pub(super) fn one_more(&mut self, complaint: String) -> Option<String> {
        self.told = self.told.saturating_add(1);
        match self.told.checked_sub(self.told_max) {
            None | Some(0) => Some(complaint),
            Some(1) => Some("… and more; 2> FILE keeps all of them".to_owned()),
            Some(_) => None,
        }
    }
}

fn tell(
    line: &ProgressLine,
    output: &mut Output,
    progress: &ProgressBar,
    complaints: &mut Complaints,
) -> Result<(), Failure> {
    match line {
        ProgressLine::Bad {
            line: number,
            error,
            rule,
        } => {
            if output.is_json() {
                output.json(line)?;
            }
            let rule = rule
                .as_ref()
                .map_or(String::new(), |rule| format!("{rule}: "));
            let complaint = format!("line {number}: {rule}{error}");
            if let Some(words) = complaints.one_more(complaint) {
                progress.suspend(|| warn(&words));
            }
        }
        ProgressLine::Progress { done, of } => {
            progress.set_message(format!("{done} done"));
            if let Some(of) = of {
                progress.set_length(*of);
                progress.set_position(*done);
            }
        }
        ProgressLine::Summary { .. }
        | ProgressLine::Verified { .. }
        | ProgressLine::Stopped { .. } => {}
    }
    Ok(())
}

pub(super) async fn export(
    secrets: bool,
    file: Option<&FilePath>,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let path = Path::of(&["v1", "export"]).with("secrets", secrets.then_some(true));
    let mut response = client.send(path.request("GET", None, empty())?).await?;
    let Some(file) = file else {
        while let Some(chunk) = client.next_chunk(&mut response).await? {
            output.raw(&chunk)?;
        }
        return Ok(());
    };
    let failed = |source| Failure::File {
        path: file.to_owned(),
        source,
    };
    let mut written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    let progress = bar(None, "{spinner} {msg}");
    let mut count = 0_usize;
    while let Some(chunk) = client.next_chunk(&mut response).await? {
        count += chunk.iter().filter(|octet| **octet == b'\n').count();
        progress.set_message(format!("{count} written"));
        written.write_all(&chunk).map_err(failed)?;
    }
    written.sync_all().map_err(failed)?;
    progress.finish_and_clear();
    if output.is_json() {
        return output.json(&serde_json::json!({ "exported": count, "file": file }));
    }
    output.line(format!("{count} written to {}", file.display()))
}

pub(super) async fn verify(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let path = Path::of(&["v1", "journal", "verify"]);
    let mut response = client.send(path.request("POST", None, empty())?).await?;
    let progress = bar(Some(0), "{bar:40} {pos}/{len} {eta}");
    let ended = report(client, &mut response, output, &progress).await;
    progress.finish_and_clear();
    match ended? {
        ProgressLine::Verified { verified, head } => {
            if output.is_json() {
                return output.json(&ProgressLine::Verified { verified, head });
            }
            output.line(format!("{verified} entries verified"))?;
            output.pairs([("head", head.unwrap_or_default())])
        }
        ProgressLine::Stopped { problem } => Err(Failure::Refused(problem)),
        ProgressLine::Bad { .. } | ProgressLine::Progress { .. } | ProgressLine::Summary { .. } => {
            Err(cut_off())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_flooded_with_bad_lines() {
        let mut complaints = Complaints {
            told: 0,
            told_max: 2,
        };
        let said: Vec<_> = (1..=5)
            .filter_map(|line| complaints.one_more(format!("line {line}")))
            .collect();
        assert_eq!(
            said,
            ["line 1", "line 2", "… and more; 2> FILE keeps all of them"]
        );
    }
}

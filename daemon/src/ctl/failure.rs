//! How a run can end, and what is said of it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::admin::Problem;

/// The rule that wants a reason for the journal.
const REASON_NEEDED: &str = "L30";

/// The exit codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// It is done.
    Done,
    /// A rule refused, or it failed; the reason is on standard error.
    Refused,
    /// The command line or a value in it is wrong.
    Usage,
    /// The daemon does not answer.
    Unreachable,
    /// The user's role does not reach that far.
    NotPermitted,
}

impl Exit {
    /// The number the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotPermitted => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a run did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody listens, or it hung up.
    #[error(
        "garthd does not answer at {socket}: {why}\nIs it running (systemctl status garthd), and is \
         this its admin.socket? --socket PATH names another",
        socket = socket.display()
    )]
    Unreachable {
        /// Where it was asked.
        socket: PathBuf,
        /// What happened.
        why: String,
    },
    /// The socket may not be opened.
    #[error(
        "{path}: permission denied by the file system; every folder on the way must let you pass",
        path = .0.display()
    )]
    SocketDenied(PathBuf),
    /// The daemon said no.
    #[error("{}", in_words(.0))]
    Refused(Problem),
    /// An answer that makes no sense: another version?
    #[error("cannot read the answer of garthd: {0}")]
    Answer(String),
    /// A value on the command line or a file it names.
    #[error("{0}")]
    Usage(String),
    /// Some lines of an import were not taken; each was told already.
    #[error("lines that were not taken, each told by its number: {0}")]
    Lines(u64),
    /// A bulk was not done with some; each was told already.
    #[error("subscriptions with which it was not done, each told by name: {0}")]
    Some(u64),
    /// A NAS does not take what it is asked to; why was told already.
    #[error("NAS {0} cannot be asked to move sessions")]
    Nas(String),
    /// A file.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// `L24: the end must be after the start`, and the option that helps where there is one.
fn in_words(problem: &Problem) -> String {
    match problem.rule.as_deref() {
        Some(rule @ REASON_NEEDED) => format!("{rule}: {} (--reason TEXT)", problem.detail),
        Some(rule) => format!("{rule}: {}", problem.detail),
        None => problem.detail.clone(),
    }
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::SocketDenied(_) => Exit::NotPermitted,
            Self::Refused(problem) => match problem.status {
                400 | 405 | 413 => Exit::Usage,
                403 => Exit::NotPermitted,
                503 => Exit::Unreachable,
                _ => Exit::Refused,
            },
            Self::Usage(_) => Exit::Usage,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Answer(_)
            | Self::Lines(_)
            | Self::Some(_)
            | Self::Nas(_)
            | Self::File { .. }
            | Self::Output(_) => Exit::Refused,
        }
    }

    /// Says it on standard error; a reader who closed the pipe is told nothing.
    pub(super) fn tell(&self) {
        if self.exit() != Exit::Done {
            warn(self);
        }
    }
}

/// One line on standard error, without the control characters that text from elsewhere may hold.
pub(super) fn warn(text: &(impl ToString + ?Sized)) {
    let line = output_line(&text.to_string());
    // There is nowhere else to complain to.
    drop(writeln!(io::stderr().lock(), "{line}"));
}

fn output_line(text: &str) -> String {
    super::output::printable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_whose_fault_it_is() {
        let refused = |status| {
            let (title, detail) = (String::new(), String::new());
            let problem = Problem {
                title,
                status,
                detail,
                rule: None,
            };
            Failure::Refused(problem).exit().code()
        };
        let codes = [400, 403, 404, 409, 413, 500, 503].map(refused);
        assert_eq!(codes, [2, 4, 1, 1, 2, 1, 3]);
        let denied = Failure::SocketDenied("/run/garth/admin.sock".into());
        assert_eq!(denied.exit().code(), 4);
        let pipe = Failure::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(pipe.exit().code(), 0);
    }
}

//! The sandbox's durable state: one line of JSON per fact, appended and synced
//! before it is told to anyone.
//!
//! A line that a crash cut short is at the end and was never acknowledged: it is
//! dropped. A bad line before the end is damage and refused. The file is
//! rewritten without what is long over at every start, and when it grows full.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use garth_subscription::subscriber::Language;
use garth_subscription::time::Span;
use garth_subscription::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use crate::gateway::{Captured, CheckoutRequest, SessionState};
use crate::ids::{CheckoutId, SessionId};
use crate::random::unguessable;
use crate::url::WebUrl;

/// The most sessions kept; beyond them no new one is opened.
const SESSIONS_MAX: usize = 10_000;
/// The largest file that is read or written, in octets.
const FILE_LEN_MAX: u64 = 64 * 1_024 * 1_024;
/// How long a session is kept after it can no longer be paid.
const KEPT: Span = Span::from_days(30);

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file system refused.
    #[error("the sandbox's state file: {0}")]
    Io(#[from] std::io::Error),
    /// Another process uses it.
    #[error("the sandbox's state file is in use by another process")]
    InUse,
    /// Damage before the end of the file.
    #[error("the sandbox's state file is damaged in line {line}")]
    Damaged {
        /// Counted from 1.
        line: usize,
    },
    /// Too many sessions, or too large a file.
    #[error("the sandbox's state is full")]
    Full,
    /// A write failed before: what is on disk is unknown until the next start.
    #[error("the sandbox's state file failed earlier; restart it")]
    Broken,
    /// There is no such session.
    #[error("there is no such session")]
    Unknown,
    /// It was paid or has expired.
    #[error("the session can no longer be paid")]
    Closed,
    /// The same checkout was asked for with other terms.
    #[error("this checkout was opened with other terms")]
    Conflict,
}

/// One hosted checkout.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) request: CheckoutRequest,
    pub(crate) payments: Vec<Captured>,
}

impl Session {
    pub(crate) fn state(&self, now: Timestamp) -> SessionState {
        if !self.payments.is_empty() {
            SessionState::Paid(self.payments.clone())
        } else if now >= self.request.expires_at {
            SessionState::Expired
        } else {
            SessionState::Open
        }
    }
}

/// A line of the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Opened {
        session: String,
        checkout: String,
        amount: WireMoney,
        description: String,
        success_url: String,
        cancel_url: String,
        expires_at: i64,
        locale: String,
    },
    Paid {
        session: String,
        payments: Vec<WirePayment>,
    },
}

/// An amount in minor units.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct WireMoney {
    minor: i64,
    currency: String,
}

impl WireMoney {
    pub(crate) fn of(money: Money) -> Self {
        Self {
            minor: money.minor(),
            currency: money.currency().to_string(),
        }
    }

    pub(crate) fn read(&self) -> Option<Money> {
        Money::from_minor(self.minor, self.currency.parse().ok()?).ok()
    }
}

/// A payment, in the file, in answers and in events.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct WirePayment {
    id: String,
    amount: WireMoney,
    captured_at: i64,
}

impl WirePayment {
    pub(crate) fn of(captured: &Captured) -> Self {
        Self {
            id: captured.payment.to_string(),
            amount: WireMoney::of(captured.amount),
            captured_at: captured.captured_at.unix_millis(),
        }
    }

    pub(crate) fn read(&self) -> Option<Captured> {
        Some(Captured {
            payment: self.id.parse().ok()?,
            amount: self.amount.read()?,
            captured_at: Timestamp::from_unix_millis(self.captured_at)?,
        })
    }
}

/// All sessions, and the file that keeps them. Its methods block: call them off the async threads.
#[derive(Debug)]
pub(crate) struct Book {
    sessions: BTreeMap<SessionId, Session>,
    by_checkout: HashMap<CheckoutId, SessionId>,
    path: PathBuf,
    file: File,
    file_len: u64,
    broken: bool,
    /// Held as long as the book is open.
    _lock: File,
}

impl Book {
    /// Reads what is there, drops what is long over at `now`, and rewrites the file.
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Self, BookError> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(with_suffix(path, ".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BookError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let sessions = read_all(path)?;
        let (file, file_len) = rewrite(path, &sessions)?;
        let mut book = Self {
            sessions,
            by_checkout: HashMap::new(),
            path: path.to_owned(),
            file,
            file_len,
            broken: false,
            _lock: lock,
        };
        book.compact(now)?;
        Ok(book)
    }

    pub(crate) fn get(&self, id: &SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// Opens a session; the same checkout with the same terms gives the one that is there.
    pub(crate) fn open_session(
        &mut self,
        request: CheckoutRequest,
        now: Timestamp,
    ) -> Result<SessionId, BookError> {
        if let Some(session) = self.by_checkout.get(&request.checkout) {
            let same = self
                .sessions
                .get(session)
                .is_some_and(|there| there.request == request);
            return if same {
                Ok(session.clone())
            } else {
                Err(BookError::Conflict)
            };
        }
        if self.sessions.len() >= SESSIONS_MAX || self.file_len >= FILE_LEN_MAX / 2 {
            self.compact(now)?;
        }
        if self.sessions.len() >= SESSIONS_MAX || self.file_len >= FILE_LEN_MAX / 2 {
            return Err(BookError::Full);
        }
        let id: SessionId = unguessable("cs_test_").parse().expect("letters and digits");
        let session = Session {
            id: id.clone(),
            request,
            payments: Vec::new(),
        };
        self.append(&opened(&session))?;
        self.by_checkout
            .insert(session.request.checkout.clone(), id.clone());
        self.sessions.insert(id.clone(), session);
        Ok(id)
    }

    /// Takes the money of a session `times` times. On disk when this returns.
    pub(crate) fn pay(
        &mut self,
        id: &SessionId,
        times: usize,
        now: Timestamp,
    ) -> Result<Vec<Captured>, BookError> {
        let session = self.sessions.get(id).ok_or(BookError::Unknown)?;
        if session.state(now) != SessionState::Open {
            return Err(BookError::Closed);
        }
        let amount = session.request.amount;
        let payments: Vec<Captured> = (0..times)
            .map(|_| Captured {
                payment: unguessable("pay_test_")
                    .parse()
                    .expect("letters and digits"),
                amount,
                captured_at: now,
            })
            .collect();
        self.append(&paid(id, &payments))?;
        if let Some(session) = self.sessions.get_mut(id) {
            session.payments.clone_from(&payments);
        }
        Ok(payments)
    }

    /// Forgets what is long over, and writes the rest to a new file in the old one's place.
    fn compact(&mut self, now: Timestamp) -> Result<(), BookError> {
        self.sessions
            .retain(|_, session| now < session.request.expires_at.saturating_add(KEPT));
        self.by_checkout = self
            .sessions
            .values()
            .map(|session| (session.request.checkout.clone(), session.id.clone()))
            .collect();
        (self.file, self.file_len) = rewrite(&self.path, &self.sessions)?;
        Ok(())
    }

    fn append(&mut self, line: &Line) -> Result<(), BookError> {
        if self.broken {
            return Err(BookError::Broken);
        }
        let text = to_text(line)?;
        let len = u64::try_from(text.len()).map_err(|_| BookError::Full)?;
        if self.file_len + len > FILE_LEN_MAX {
            return Err(BookError::Full);
        }
        // After a failed write or sync nobody knows what is on disk, and a second sync would not tell.
        let written = self
            .file
            .write_all(&text)
            .and_then(|()| self.file.sync_data());
        self.broken = written.is_err();
        written?;
        self.file_len += len;
        Ok(())
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn opened(session: &Session) -> Line {
    let request = &session.request;
    Line::Opened {
        session: session.id.to_string(),
        checkout: request.checkout.to_string(),
        amount: WireMoney::of(request.amount),
        description: request.description.to_string(),
        success_url: request.success_url.to_string(),
        cancel_url: request.cancel_url.to_string(),
        expires_at: request.expires_at.unix_millis(),
        locale: request.locale.code().to_owned(),
    }
}

fn paid(id: &SessionId, payments: &[Captured]) -> Line {
    Line::Paid {
        session: id.to_string(),
        payments: payments.iter().map(WirePayment::of).collect(),
    }
}

fn to_text(line: &Line) -> Result<Vec<u8>, BookError> {
    let mut text = serde_json::to_vec(line).map_err(std::io::Error::from)?;
    text.push(b'\n');
    Ok(text)
}

/// A new file with `sessions` under `path`, durable under that name, open for appending.
fn rewrite(path: &Path, sessions: &BTreeMap<SessionId, Session>) -> Result<(File, u64), BookError> {
    let fresh = with_suffix(path, ".new");
    let mut text = Vec::new();
    for session in sessions.values() {
        text.extend(to_text(&opened(session))?);
        if !session.payments.is_empty() {
            text.extend(to_text(&paid(&session.id, &session.payments))?);
        }
    }
    let mut file = File::create(&fresh)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()?;
    let len = u64::try_from(text.len()).map_err(|_| BookError::Full)?;
    Ok((file, len))
}

fn read_all(path: &Path) -> Result<BTreeMap<SessionId, Session>, BookError> {
    let mut sessions = BTreeMap::new();
    match std::fs::metadata(path) {
        Ok(found) if found.len() > FILE_LEN_MAX => return Err(BookError::Full),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(sessions),
        Err(error) => return Err(error.into()),
    }
    let octets = std::fs::read(path)?;
    let mut lines = octets
        .split_inclusive(|b| *b == b'\n')
        .enumerate()
        .peekable();
    while let Some((index, line)) = lines.next() {
        let whole = line.ends_with(b"\n") && apply(line, &mut sessions).is_some();
        if !whole && lines.peek().is_some() {
            return Err(BookError::Damaged { line: index + 1 });
        }
    }
    Ok(sessions)
}

fn apply(line: &[u8], sessions: &mut BTreeMap<SessionId, Session>) -> Option<()> {
    match serde_json::from_slice(line).ok()? {
        Line::Opened {
            session,
            checkout,
            amount,
            description,
            success_url,
            cancel_url,
            expires_at,
            locale,
        } => {
            let id: SessionId = session.parse().ok()?;
            let request = CheckoutRequest {
                checkout: checkout.parse().ok()?,
                amount: amount.read()?,
                description: description.parse().ok()?,
                success_url: success_url.parse::<WebUrl>().ok()?,
                cancel_url: cancel_url.parse::<WebUrl>().ok()?,
                expires_at: Timestamp::from_unix_millis(expires_at)?,
                locale: Language::from_code(&locale)?,
            };
            let session = Session {
                id: id.clone(),
                request,
                payments: Vec::new(),
            };
            sessions.insert(id, session);
        }
        Line::Paid { session, payments } => {
            let id: SessionId = session.parse().ok()?;
            let payments: Option<Vec<Captured>> = payments.iter().map(WirePayment::read).collect();
            sessions.get_mut(&id)?.payments = payments?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_subscription::money::Currency;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn request() -> CheckoutRequest {
        CheckoutRequest {
            checkout: CheckoutId::random(),
            amount: Money::parse("29.90", Currency::EUR).unwrap(),
            description: "Home 100, 1 month".parse().unwrap(),
            success_url: "http://portal.example/returned/x".parse().unwrap(),
            cancel_url: "http://portal.example/".parse().unwrap(),
            expires_at: at(1_800),
            locale: Language::German,
        }
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.jsonl");
        (folder, path)
    }

    #[test]
    fn a_payment_is_on_disk_when_it_is_acknowledged() {
        let (_folder, path) = folder();
        let mut book = Book::open(&path, at(0)).unwrap();
        let id = book.open_session(request(), at(0)).unwrap();
        let payments = book.pay(&id, 2, at(1)).unwrap();
        // A copy taken now is what a kill would leave behind.
        let copy = path.with_extension("copy");
        std::fs::copy(&path, &copy).unwrap();
        let found = Book::open(&copy, at(2)).unwrap();
        assert_eq!(
            found.get(&id).unwrap().state(at(2)),
            SessionState::Paid(payments.clone())
        );
        assert_ne!(payments[0].payment, payments[1].payment);
    }

    #[test]
    fn whatever_a_crash_cut_off_the_end_only_the_unacknowledged_is_missing() {
        let (_folder, path) = folder();
        let mut book = Book::open(&path, at(0)).unwrap();
        let first = book.open_session(request(), at(0)).unwrap();
        book.pay(&first, 1, at(1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let second = book.open_session(request(), at(2)).unwrap();
        let longer = std::fs::read(&path).unwrap();
        drop(book);
        for len in (whole.len()..longer.len()).rev().step_by(7) {
            std::fs::write(&path, &longer[..len]).unwrap();
            let book = Book::open(&path, at(3)).unwrap();
            assert_eq!(book.get(&first).unwrap().payments.len(), 1, "at {len}");
            assert!(book.get(&second).is_none(), "at {len}");
        }
    }

    #[test]
    fn damage_before_the_end_is_refused_and_the_file_left_as_it_is() {
        let (_folder, path) = folder();
        let mut book = Book::open(&path, at(0)).unwrap();
        book.open_session(request(), at(0)).unwrap();
        book.open_session(request(), at(0)).unwrap();
        drop(book);
        let mut octets = std::fs::read(&path).unwrap();
        octets[3] = b'#';
        std::fs::write(&path, &octets).unwrap();
        let refused = Book::open(&path, at(1));
        assert!(matches!(refused, Err(BookError::Damaged { line: 1 })));
        assert_eq!(std::fs::read(&path).unwrap(), octets);
    }

    #[test]
    fn a_session_is_paid_at_most_once_and_never_after_its_end() {
        let (_folder, path) = folder();
        let mut book = Book::open(&path, at(0)).unwrap();
        let paid = book.open_session(request(), at(0)).unwrap();
        book.pay(&paid, 1, at(1)).unwrap();
        assert!(matches!(book.pay(&paid, 1, at(2)), Err(BookError::Closed)));
        let late = book.open_session(request(), at(0)).unwrap();
        let verdict = book.pay(&late, 1, at(1_800));
        assert!(matches!(verdict, Err(BookError::Closed)));
    }

    #[test]
    fn the_same_checkout_opens_one_session_and_other_terms_are_refused() {
        let (_folder, path) = folder();
        let mut book = Book::open(&path, at(0)).unwrap();
        let request = request();
        let id = book.open_session(request.clone(), at(0)).unwrap();
        assert_eq!(book.open_session(request.clone(), at(1)).unwrap(), id);
        let dearer = CheckoutRequest {
            amount: Money::parse("1", Currency::EUR).unwrap(),
            ..request
        };
        let verdict = book.open_session(dearer, at(1));
        assert!(matches!(verdict, Err(BookError::Conflict)));
    }

    #[test]
    fn what_is_long_over_is_forgotten_at_the_next_start() {
        let (_folder, path) = folder();
        let mut book = Book::open(&path, at(0)).unwrap();
        let id = book.open_session(request(), at(0)).unwrap();
        book.pay(&id, 1, at(1)).unwrap();
        drop(book);
        let end = at(1_800).saturating_add(KEPT);
        let before = Timestamp::from_unix_millis(end.unix_millis() - 1).unwrap();
        assert!(Book::open(&path, before).unwrap().get(&id).is_some());
        assert!(Book::open(&path, end).unwrap().get(&id).is_none());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }

    #[test]
    fn a_second_process_is_kept_out() {
        let (_folder, path) = folder();
        let _book = Book::open(&path, at(0)).unwrap();
        assert!(matches!(Book::open(&path, at(0)), Err(BookError::InUse)));
    }
}

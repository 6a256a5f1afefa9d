//! The one writer: takes what waits, decides it, commits it together, publishes it, answers.
//!
//! A [`Batch`] is one redb transaction. Later requests of a batch see what earlier ones did, as the
//! transaction reads its own writes. A request is decided before it touches a table, so a refused
//! one leaves nothing behind and spoils nobody else's. Answers are kept until the commit is
//! durable and the index shows it.
//!
//! An error of the disk ends the writer: whoever waits is told, nobody is ever told "done" again,
//! and the process should exit (DESIGN section 2).

mod accounting;
mod additions;
mod agenda;
mod figures;
mod fold;
mod outlook;
mod payments;
mod plans;
mod quotes;
mod requests;
mod subscriptions;
mod time;
mod timer;
mod unsettled;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use garth_subscription::policy::Rules;
use garth_subscription::subscriber::Credential;
use garth_subscription::{Refusal, Timestamp};
use redb::{Database, Durability, WriteTransaction};

use crate::credential::KeyRing;
use crate::disk::{Block, Damaged};
use crate::fault::Fault;
use crate::index::{Index, SessionClaim};
use crate::queue::Queue;
use crate::record::Subscription;
use crate::replay::Extent;
use crate::sessions::Sessions;
use crate::sessions::rules::Live;
use crate::sessions::staged::Staged;
use crate::signature::QuoteKey;
use crate::store::{Clock, Limits, Observer};
use crate::tables::{Meta, Tables, session_key};
use crate::time_guard::{Effective, Guard, TimeHold};
use crate::write::{Reply, Write, WriteError};

pub(crate) use additions::birth;
use agenda::Digested;
pub(crate) use agenda::digest as agenda_digest;
pub use figures::CommitTimes;
use figures::Figures;
use fold::Log;
pub use quotes::QUOTES_KEPT;
pub(crate) use requests::is_told;
pub use requests::{NOTICES_KEPT, OPEN_TICKETS_MAX, PENDING_REVERTS_MAX, TICKETS_KEPT};
pub(crate) use subscriptions::{Known, Settled, boundary, stage};
use time::Confirmation;
pub(crate) use time::{read_confirmed, tick};

/// What the handle and the writer share.
pub(crate) struct Shared {
    pub(crate) db: Database,
    pub(crate) queue: Queue,
    pub(crate) index: Index,
    pub(crate) sessions: RwLock<Sessions>,
    pub(crate) rules: ArcSwap<Rules>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) limits: Limits,
    pub(crate) quote_key: QuoteKey,
    pub(crate) keys: KeyRing,
    /// The last commit before the file was opened.
    pub(crate) resumed_at: Timestamp,
    pub(crate) counters: Counters,
    pub(crate) time: Effective,
    pub(crate) holds: ArcSwap<Vec<TimeHold>>,
}

/// What the writer begins with, as a file was found.
pub(crate) struct Opened {
    pub(crate) meta: Meta,
    pub(crate) extent: Extent,
    pub(crate) guard: Guard,
}

/// What the writer counts for [`crate::store::StoreStatus`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) last_commit_requests: AtomicU64,
    pub(crate) last_commit_records: AtomicU64,
    pub(crate) log_records: AtomicU64,
    pub(crate) committed_at: AtomicI64,
    pub(crate) sessions_refused: AtomicU64,
    pub(crate) sessions_rebooted: AtomicU64,
    pub(crate) sessions_aged: AtomicU64,
    pub(crate) sessions_replaced: AtomicU64,
    pub(crate) head: ArcSwap<(u64, [u8; 32])>,
    figures: Mutex<Figures>,
}

impl Counters {
    /// How long commits and folds took. Held for a moment only.
    pub(crate) fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Effective now (E3).
    pub(crate) fn now(&self) -> Timestamp {
        self.time.now(self.clock.now())
    }

    pub(crate) fn committed_at(&self) -> Timestamp {
        let millis = self.counters.committed_at.load(Ordering::Acquire);
        Timestamp::from_unix_millis(millis).unwrap_or(Timestamp::MIN)
    }

    /// The sessions, for a reader: the end of a commit waits for it.
    pub(crate) fn sessions(&self) -> RwLockReadGuard<'_, Sessions> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions, for the writer alone.
    fn sessions_mut(&self) -> RwLockWriteGuard<'_, Sessions> {
        self.sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the readers how long the accounting log is.
    fn show_log(&self, log: &Log) {
        self.counters
            .log_records
            .store(log.len(), Ordering::Relaxed);
    }

    /// Shows the readers where the journal ends and when.
    pub(crate) fn publish_meta(&self, meta: &Meta) {
        let counters = &self.counters;
        counters.head.store(Arc::new((meta.sequence, meta.hash)));
        counters
            .committed_at
            .store(meta.committed_at.unix_millis(), Ordering::Release);
    }
}

/// Why a request is not done.
pub(crate) enum Stop {
    /// A rule or a check says no. Nothing was touched.
    Refused(WriteError),
    /// The disk failed: the end.
    Fault(Fault),
}

macro_rules! stop_from_fault {
    ($($error:ty),+) => {
        $(impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                Self::Fault(error.into())
            }
        })+
    };
}

stop_from_fault!(Fault, Damaged, getrandom::Error, redb::StorageError);

impl From<Stop> for WriteError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(error) => error,
            Stop::Fault(fault) => failure(&fault),
        }
    }
}

impl From<WriteError> for Stop {
    fn from(error: WriteError) -> Self {
        Self::Refused(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

/// Passes on an outcome once it is known whether it is durable.
type Answer = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// What the readers are to see once the commit is durable.
#[derive(Default)]
struct Changes {
    /// With their credentials, in the order of their changes, so that the last one stays.
    subscriptions: Vec<(Subscription, Option<Credential>)>,
    sessions: Staged,
    rules: Option<Arc<Rules>>,
    confirmed: Option<Confirmation>,
    /// How many accounting records there were.
    records: usize,
}

/// What the writer remembers from one commit to the next.
struct Memory {
    /// Where the search for stale sessions goes on.
    stale_after: Option<Vec<u8>>,
    log: Log,
    /// The rules of the last tick.
    digested: Option<Digested>,
    guard: Guard,
}

/// One transaction, and what has been done in it.
struct Batch<'a> {
    shared: &'a Shared,
    memory: &'a mut Memory,
    /// For the tables that are opened where they are needed.
    txn: &'a WriteTransaction,
    tables: Tables<'a>,
    /// As they are without this batch.
    sessions: RwLockReadGuard<'a, Sessions>,
    /// What this batch makes of them.
    staged: Staged,
    /// The end of the accounting log, not yet in its table.
    block: Option<Block>,
    /// Accounting records taken.
    records: usize,
    meta: Meta,
    now: Timestamp,
    rules: Arc<Rules>,
    changes: Changes,
    /// Whether a table was touched at all.
    dirty: bool,
}

/// Runs until the queue is closed and empty and the tables have all of the log, or the disk fails.
pub(crate) fn run(shared: &Shared, opened: Opened) {
    // Also if this thread dies of a bug: nobody may wait for an answer that cannot come.
    let _last = LastWords(shared);
    let Opened {
        mut meta,
        extent,
        guard,
    } = opened;
    let mut memory = Memory {
        stale_after: None,
        log: Log::new(extent),
        digested: None,
        guard,
    };
    loop {
        let is_due = memory.log.is_due(shared);
        let taken = if is_due {
            shared.queue.poll()
        } else {
            shared.queue.take()
        };
        let is_closed = taken.is_none();
        let mut answers = Vec::new();
        let done = commit(
            shared,
            &mut memory,
            meta,
            taken.unwrap_or_default(),
            &mut answers,
        );
        let done = done.and_then(|committed| {
            meta = committed;
            shared.show_log(&memory.log);
            answers.drain(..).for_each(|answer: Answer| answer(Ok(())));
            if is_due || (is_closed && memory.log.has_work()) {
                memory.log.step(shared)?;
                shared.show_log(&memory.log);
            }
            Ok(())
        });
        match done {
            Ok(()) if is_closed && !memory.log.has_work() => return,
            Ok(()) => {}
            Err(fault) => return fail(shared, &fault, answers),
        }
    }
}

/// Tells everyone who waits that the disk has failed.
fn fail(shared: &Shared, fault: &Fault, answers: Vec<Answer>) {
    let why = failure(fault);
    // Before anyone is refused, so that whoever is refused finds it reported.
    shared.observer.failed(&why.to_string());
    let waiting = shared.queue.fail(&why);
    for answer in answers {
        answer(Err(why.clone()));
    }
    for write in waiting {
        write.refuse(why.clone());
    }
}

/// Closes the queue when the writer ends in any way.
struct LastWords<'a>(&'a Shared);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        let why = WriteError::Failed("the writer has stopped".to_owned());
        self.0.queue.close(why.clone());
        if std::thread::panicking() {
            self.0.observer.failed("the writer has panicked");
            for write in self.0.queue.fail(&why) {
                write.refuse(why.clone());
            }
        }
    }
}

/// The answer that a disk's failure gives, with all its causes in one line.
fn failure(fault: &Fault) -> WriteError {
    WriteError::Failed(fault.to_string())
}

/// Does `writes` in one transaction; `answers` has one answer for each of them in any case.
fn commit(
    shared: &Shared,
    memory: &mut Memory,
    meta: Meta,
    writes: Vec<Write>,
    answers: &mut Vec<Answer>,
) -> Result<Meta, Fault> {
    if writes.is_empty() {
        return Ok(meta);
    }
    let mut writes = writes.into_iter();
    let outcome = transaction(shared, memory, meta, &mut writes, answers);
    answers.extend(writes.map(|write| -> Answer {
        Box::new(move |commit| {
            if let Err(why) = commit {
                write.refuse(why);
            }
        })
    }));
    outcome
}

fn transaction(
    shared: &Shared,
    memory: &mut Memory,
    meta: Meta,
    writes: &mut impl Iterator<Item = Write>,
    answers: &mut Vec<Answer>,
) -> Result<Meta, Fault> {
    let txn = begin(&shared.db)?;
    let Some((committed, changes)) = fill(&txn, shared, memory, meta, writes, answers)? else {
        txn.abort()?;
        return Ok(meta);
    };
    let started_at = shared.clock.monotonic();
    txn.commit()?;
    let took = shared.clock.monotonic().saturating_sub(started_at);
    count(shared, answers.len(), changes.records, took);
    if let Some(confirmation) = &changes.confirmed {
        confirmation.apply(shared, &mut memory.guard);
    }
    publish(shared, &committed, changes);
    Ok(committed)
}

/// Does `writes` in the transaction; nothing if they touched nothing.
fn fill(
    txn: &WriteTransaction,
    shared: &Shared,
    memory: &mut Memory,
    meta: Meta,
    writes: &mut impl Iterator<Item = Write>,
    answers: &mut Vec<Answer>,
) -> Result<Option<(Meta, Changes)>, Fault> {
    let mut batch = Batch {
        shared,
        memory,
        txn,
        tables: Tables::open(txn)?,
        sessions: shared.sessions(),
        staged: Staged::default(),
        block: None,
        records: 0,
        meta,
        now: shared.now(),
        rules: shared.rules.load_full(),
        changes: Changes::default(),
        dirty: false,
    };
    if shared.clock.now() > shared.time.ceiling() {
        batch.let_time_on()?;
    }
    for write in writes {
        batch.run(write, answers)?;
    }
    if !batch.dirty {
        return Ok(None);
    }
    batch.finish_block()?;
    batch.meta.committed_at = batch.now;
    batch.meta.write_head(&mut batch.tables.meta)?;
    let changes = Changes {
        sessions: batch.staged,
        records: batch.records,
        ..batch.changes
    };
    Ok(Some((batch.meta, changes)))
}

/// A transaction that survives the loss of power at any instant: two phases, so that a torn
/// commit cannot look whole to someone who chose its content, and quick repair, so that the start
/// after a crash does not walk the file.
pub(crate) fn begin(db: &Database) -> Result<WriteTransaction, Fault> {
    let mut txn = db.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_two_phase_commit(true);
    txn.set_quick_repair(true);
    Ok(txn)
}

fn count(shared: &Shared, requests: usize, records: usize, took: Duration) {
    let counters = &shared.counters;
    counters.commits.fetch_add(1, Ordering::Relaxed);
    counters
        .requests
        .fetch_add(requests as u64, Ordering::Relaxed);
    counters
        .last_commit_requests
        .store(requests as u64, Ordering::Relaxed);
    counters
        .last_commit_records
        .store(records as u64, Ordering::Relaxed);
    counters.figures().commit(took);
}

/// Shows a durable commit to the readers, then to the observer.
fn publish(shared: &Shared, meta: &Meta, changes: Changes) {
    if let Some(rules) = changes.rules {
        shared.index.publish_plans(&rules.catalogue);
        // A policy that was set meanwhile stays.
        shared.rules.rcu(|current| Rules {
            policies: current.policies.clone(),
            catalogue: rules.catalogue.clone(),
        });
        shared.observer.catalogue_changed();
    }
    let mut changed = Vec::with_capacity(changes.subscriptions.len());
    for (subscription, credential) in &changes.subscriptions {
        shared
            .index
            .publish_subscription(subscription, credential.as_ref());
        changed.push(subscription.facts.id);
    }
    if !changes.sessions.is_empty() {
        let tell = |key: &[u8], before: Option<&Live>, after: Option<&Live>| {
            let claim = |live: &Live| SessionClaim::of(&live.session(session_key(key).ok()?));
            let (before, after) = (before.and_then(claim), after.and_then(claim));
            shared
                .index
                .publish_session(before.as_ref(), after.as_ref());
            let claims = [before, after].into_iter().flatten();
            changed.extend(claims.filter_map(|claim| claim.claimant));
        };
        shared.sessions_mut().apply(changes.sessions, tell);
    }
    shared.publish_meta(meta);
    if !changed.is_empty() {
        changed.sort_unstable();
        changed.dedup();
        shared.observer.changed(&changed);
    }
}

impl Batch<'_> {
    /// Does one request and keeps its answer; an error is the end of the writer.
    fn run(&mut self, write: Write, answers: &mut Vec<Answer>) -> Result<(), Fault> {
        match write {
            Write::Command(request, reply) => settle(self.command(&request), reply, answers),
            Write::Add(new, actor, command_id, reply) => {
                settle(self.add(*new, &actor, command_id), reply, answers)
            }
            Write::Import(news, actor, reply) => settle(self.import(news, &actor), reply, answers),
            Write::Account(records, reply) => settle(self.account(&records), reply, answers),
            Write::OpenCheckout(checkout, reply) => {
                settle(self.open_checkout(&checkout), reply, answers)
            }
            Write::AttachCheckout(id, gateway_session, reply) => {
                settle(self.attach_checkout(id, gateway_session), reply, answers)
            }
            Write::ExpireCheckout(id, reply) => settle(self.expire_checkout(id), reply, answers),
            Write::Capture(request, reply) => settle(self.capture(*request), reply, answers),
            Write::ApplyPlans(plans, actor, reply) => {
                settle(self.apply_plans(plans, &actor), reply, answers)
            }
            Write::FireDue(reply) => settle(self.tick(), reply, answers),
            Write::ConfirmHold(kind, actor, reply) => {
                settle(self.confirm_hold(kind, &actor), reply, answers)
            }
            Write::CloseSession(key, cause, reply) => {
                settle(self.close_session(&key, cause), reply, answers)
            }
            Write::MakeQuote(wanted, reply) => settle(self.make_quote(wanted), reply, answers),
            Write::CloseTicket(id, by, answer, reply) => {
                settle(self.close_ticket(id, &by, answer), reply, answers)
            }
            Write::DismissNotice(id, sequence, reply) => {
                settle(self.dismiss_notice(id, sequence), reply, answers)
            }
            Write::NoteUnsettled(changes, reply) => {
                settle(self.note_unsettled(&changes), reply, answers)
            }
        }
    }
}

/// Keeps the answer to one request until the commit.
fn settle<T: Send + 'static>(
    outcome: Result<T, Stop>,
    reply: Reply<T>,
    answers: &mut Vec<Answer>,
) -> Result<(), Fault> {
    let (result, end) = match outcome {
        Ok(value) => (Ok(value), Ok(())),
        Err(Stop::Refused(error)) => (Err(error), Ok(())),
        Err(Stop::Fault(fault)) => (Err(failure(&fault)), Err(fault)),
    };
    answers.push(Box::new(move |commit| reply(commit.and(result))));
    end
}

//! The handle that everyone holds: reads on one snapshot, writes through the queue.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use garth_subscription::command::{Actor, Command};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::money::Currency;
use garth_subscription::plan::Plan;
use garth_subscription::policy::{Policies, Rules};
use garth_subscription::text::CommandId;
use garth_subscription::time::{Span, Timestamp};
use garth_subscription::{Case, Decision, Refusal, decide};

use crate::fault::OpenError;
use crate::index::Index;
use crate::key_file::Keys;
use crate::open;
use crate::record::{AccountingRecord, Checkout, CheckoutId, SessionKey};
use crate::time_guard::{Hold, HoldKind, TimeHold, TimeLimits};
use crate::write::{
    CaptureRequest, CommandRequest, Committed, Fired, NewSubscription, PlansApplied, Reply, Write,
    WriteError,
};
use crate::writer::{self, CommitTimes, Shared};

/// The most new subscriptions that one commit takes; longer imports are cut into such pieces.
pub const IMPORT_BATCH_MAX: usize = crate::queue::BULK_RECORDS_PER_COMMIT;
/// The most accounting records in one piece of a batch.
pub const ACCOUNTING_BATCH_MAX: usize = 1_024;

/// The most unsettled sessions in one piece of what is noted of them.
pub(crate) const UNSETTLED_BATCH_MAX: usize = 4_096;

/// Where the store learns the time.
pub trait Clock: Send + Sync {
    /// The wall clock. The store makes it effective (E3, E13): see [`Store::now`].
    fn now(&self) -> Timestamp;
    /// Time since some instant of the past, on a clock that only runs forward: for measuring.
    fn monotonic(&self) -> Duration;
    /// Whether the wall clock is known to be right, as by NTP; `None` where nobody can tell.
    fn is_synchronised(&self) -> Option<bool> {
        None
    }
}

/// Who is told what the store has done. Called by the writer: it must not block.
pub trait Observer: Send + Sync {
    /// These subscriptions have changed, or their addresses have, or time has moved their
    /// standing. The index shows it already; whoever asked for it has no answer yet.
    fn changed(&self, ids: &[SubscriptionId]);
    /// The catalogue has changed. The index shows the new rates already.
    fn catalogue_changed(&self) {}
    /// Time is not let on, for that reason: once for each hold. [`Store::holds`] shows it while it
    /// lasts.
    fn held(&self, _hold: &Hold) {}
    /// The hold of that kind is over.
    fn released(&self, _kind: HoldKind) {}
    /// The store has failed for good: the process should end.
    fn failed(&self, error: &str);
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// The ISP's choices.
    pub policies: Policies,
    /// The currency that accounts are kept in; fixed with the first opening of a file.
    pub currency: Currency,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Who is told of changes.
    pub observer: Arc<dyn Observer>,
    /// What credentials are sealed with.
    pub keys: Keys,
    /// How much of the file redb keeps in memory, in octets.
    pub cache_bytes: usize,
    /// How much is kept.
    pub limits: Limits,
}

/// The bounds of what is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The most live sessions. A record that would begin one more is refused and not to be answered:
    /// its NAS asks again, and no live session is thrown away for a new one.
    pub sessions_max: u64,
    /// A session of which an Interim-Update has come is closed once nothing was heard for longer.
    pub session_age_max: Span,
    /// The same for one of which none has come: where a NAS sends none, only its Stop, or its
    /// Accounting-On, tells that a session is over.
    pub session_age_max_without_interim: Span,
    /// The most closed sessions; the oldest go first.
    pub closed_sessions_max: u64,
    /// How long closed sessions are kept.
    pub closed_session_retention: Span,
    /// The most accounting events that the tables of sessions may lack: about 100 octets of the file
    /// each, and a microsecond of the next start. While the log is so long, records are refused
    /// (busy). A quarter of it is where it begins to be worked off.
    pub accounting_log_max: u64,
    /// The most sessions that one transaction of that work writes: how long a command can wait for
    /// it.
    pub fold_sessions_max: usize,
    /// The most checkouts that wait for their payment; no more are opened (busy).
    pub open_checkouts_max: u64,
    /// The most of them of one subscription.
    pub open_checkouts_each_max: u64,
    /// For how long a quote's price is promised.
    pub quote_holds: Span,
    /// What makes time doubtful.
    pub time: TimeLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 2_000_000,
            session_age_max: Span::from_days(1),
            session_age_max_without_interim: Span::from_days(30),
            closed_sessions_max: 20_000_000,
            closed_session_retention: Span::from_days(180),
            accounting_log_max: 1 << 22,
            fold_sessions_max: 4_096,
            open_checkouts_max: 100_000,
            open_checkouts_each_max: 32,
            quote_holds: Span::from_seconds(30 * 60),
            time: TimeLimits::default(),
        }
    }
}

/// How the store is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreStatus {
    /// How many subscriptions there are.
    pub subscriptions: usize,
    /// How many sessions live.
    pub live_sessions: usize,
    /// Commands and payments that wait for the writer.
    pub commands_waiting: usize,
    /// Batches of accounting records and imports that wait for the writer.
    pub bulk_waiting: usize,
    /// Requests that found a full lane.
    pub refused_busy: u64,
    /// Accounting records that found no room for a new session.
    pub sessions_refused: u64,
    /// Sessions closed because their NAS said Accounting-On or Accounting-Off.
    pub sessions_rebooted: u64,
    /// Sessions closed because nothing was heard of them for too long.
    pub sessions_aged: u64,
    /// Sessions closed because their NAS gave their Acct-Session-Id to another subscription's.
    pub sessions_replaced: u64,
    /// Commits since the start.
    pub commits: u64,
    /// Requests in those commits.
    pub requests: u64,
    /// Requests in the last commit.
    pub last_commit_requests: u64,
    /// Accounting records in the last commit.
    pub last_commit_records: u64,
    /// How long the disk took for the latest commits.
    pub commit_micros: CommitTimes,
    /// Accounting events that the tables of sessions may lack.
    pub accounting_log_records: u64,
    /// Sessions that the tables have not as they are.
    pub sessions_not_folded: usize,
    /// How often the tables were brought up to date since the start.
    pub folds: u64,
    /// How long that took the last time, with the commits in between, in microseconds.
    pub last_fold_micros: u64,
    /// The longest transaction of that work, in microseconds: what a command may have waited.
    pub fold_commit_micros_max: u64,
    /// When the last commit was, by effective time.
    pub committed_at: Timestamp,
    /// Effective now; see [`Store::now`].
    pub now: Timestamp,
    /// What the wall clock shows.
    pub wall: Timestamp,
    /// How far the wall clock is behind the last commit; zero where it is right (E3).
    pub clock_behind: Span,
    /// The last journal entry.
    pub journal_sequence: u64,
    /// Its hash.
    pub journal_hash: [u8; 32],
}

/// The store. Clones share it; the last one that goes closes it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    fn close(&self) {
        self.shared
            .queue
            .close(WriteError::Failed("the store is closed".to_owned()));
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer
            && writer.thread().id() != std::thread::current().id()
            && writer.join().is_err()
        {
            tracing::error!("the writer has panicked");
        }
    }
}

impl Store {
    /// Opens the file, or creates it for its owner alone (mode 0600), and starts the writer.
    ///
    /// # Errors
    /// [`OpenError`]; the file is unchanged then.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let db = open::file(path, &options)?;
        Self::start(db, options)
    }

    /// As [`Self::open`], on something other than a file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_backend(
        backend: impl redb::StorageBackend,
        options: Options,
    ) -> Result<Self, OpenError> {
        let db = redb::Builder::new()
            .set_cache_size(options.cache_bytes)
            .create_with_backend(backend)
            .map_err(open::database_error)?;
        Self::start(db, options)
    }

    fn start(db: redb::Database, options: Options) -> Result<Self, OpenError> {
        let (shared, opened) = open::load(db, options)?;
        let shared = Arc::new(shared);
        let writer = std::thread::Builder::new()
            .name("garth-store".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || writer::run(&shared, opened)
            })
            .map_err(OpenError::Thread)?;
        Ok(Self(Arc::new(Inner {
            shared,
            writer: Mutex::new(Some(writer)),
        })))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// The rules that decisions are made by now.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.shared().rules.load_full()
    }

    /// Puts other policies in place; they hold from the next commit on.
    pub fn set_policies(&self, policies: Policies) {
        self.shared().rules.rcu(move |rules| Rules {
            policies: policies.clone(),
            catalogue: rules.catalogue.clone(),
        });
    }

    /// Effective now: the wall clock, but never earlier than it was before and never later than what
    /// [`Self::fire_due`] and commits have checked. While time is held ([`Self::holds`]) it stands, or
    /// goes on by the monotonic clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared().now()
    }

    /// The last commit before the file was opened: whatever ran then had all that is older to work with.
    #[must_use]
    pub fn resumed_at(&self) -> Timestamp {
        self.shared().resumed_at
    }

    /// What keeps time from being let on (E3, E13): at most one hold of the clock and one of the
    /// breaker. Nothing in a normal life.
    #[must_use]
    pub fn holds(&self) -> Vec<TimeHold> {
        self.shared().holds.load().to_vec()
    }

    /// Confirms what holds time: the clock is right, or the mass change is meant. It is kept with the
    /// name of `actor`; what else comes is checked again. Returns what was confirmed.
    ///
    /// # Errors
    /// [`WriteError::NotHeld`] where there is no such hold, and for [`HoldKind::ClockBehind`]: then the
    /// clock must be set. Else the store's own trouble.
    pub async fn confirm_hold(&self, kind: HoldKind, actor: Actor) -> Result<TimeHold, WriteError> {
        self.ask(|reply| Write::ConfirmHold(kind, actor, reply))
            .await
    }

    /// The index in memory.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.shared().index
    }

    /// How the store is.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let shared = self.shared();
        let counters = &shared.counters;
        let depth = shared.queue.depth();
        let head = counters.head.load();
        let committed_at = shared.committed_at();
        let wall = shared.clock.now();
        let (commit_micros, folds, last_fold_micros, fold_commit_micros_max) = {
            let figures = counters.figures();
            let times = figures.commit_times();
            (
                times,
                figures.folds,
                figures.last_fold,
                figures.fold_commit_max,
            )
        };
        StoreStatus {
            subscriptions: shared.index.len(),
            live_sessions: shared.index.live_sessions(),
            commands_waiting: depth.commands,
            bulk_waiting: depth.bulk,
            refused_busy: depth.refused,
            sessions_refused: counters.sessions_refused.load(Ordering::Relaxed),
            sessions_rebooted: counters.sessions_rebooted.load(Ordering::Relaxed),
            sessions_aged: counters.sessions_aged.load(Ordering::Relaxed),
            sessions_replaced: counters.sessions_replaced.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            requests: counters.requests.load(Ordering::Relaxed),
            last_commit_requests: counters.last_commit_requests.load(Ordering::Relaxed),
            last_commit_records: counters.last_commit_records.load(Ordering::Relaxed),
            commit_micros,
            accounting_log_records: counters.log_records.load(Ordering::Relaxed),
            sessions_not_folded: shared.sessions().changed(),
            folds,
            last_fold_micros,
            fold_commit_micros_max,
            committed_at,
            now: shared.now(),
            wall,
            clock_behind: committed_at.since(wall),
            journal_sequence: head.0,
            journal_hash: head.1,
        }
    }

    /// What a command would do now, without doing it (L31).
    ///
    /// # Errors
    /// As [`Self::command`], as far as rules go; [`WriteError::Failed`] if the disk cannot be read.
    pub fn preview(&self, request: &CommandRequest) -> Result<Decision, WriteError> {
        let rules = self.rules();
        let known = self.known(request.subscription, &request.order.command)?;
        let order = &request.order;
        if let Command::Create(_) = order.command {
            let case = Case {
                facts: known.as_ref().map(|known| &known.subscription.facts),
                ..Case::default()
            };
            return Ok(decide(case, order, self.now(), rules.terms(None))?);
        }
        let known = known.ok_or(Refusal::Unknown)?;
        Ok(writer::stage(&known, order, self.now(), &rules)?.decision)
    }

    /// A new subscription that would be added now, without adding it (L31).
    ///
    /// # Errors
    /// As [`Self::add`], as far as rules go.
    pub fn preview_add(
        &self,
        new: &NewSubscription,
        actor: &Actor,
    ) -> Result<Decision, WriteError> {
        let rules = self.rules();
        let order = writer::birth(new, actor);
        let terms = rules.terms(new.subscriber.partner.as_ref());
        Ok(decide(Case::default(), &order, self.now(), terms)?)
    }

    /// Decides a command and commits what it changes.
    ///
    /// # Errors
    /// [`WriteError`]; nothing has changed then. After [`WriteError::Failed`] nothing is known.
    pub async fn command(&self, request: CommandRequest) -> Result<Committed, WriteError> {
        self.ask(|reply| Write::Command(Box::new(request), reply))
            .await
    }

    /// Adds a subscription.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn add(
        &self,
        new: NewSubscription,
        actor: Actor,
        command_id: Option<CommandId>,
    ) -> Result<Committed, WriteError> {
        self.ask(|reply| Write::Add(Box::new(new), actor, command_id, reply))
            .await
    }

    /// Adds many subscriptions; each has its own answer, in the order given. Pieces of
    /// [`IMPORT_BATCH_MAX`] are committed one after the other.
    ///
    /// # Errors
    /// [`WriteError::Failed`] or [`WriteError::Busy`] if nothing was done at all.
    pub async fn import(
        &self,
        batch: Vec<NewSubscription>,
        actor: Actor,
    ) -> Result<Vec<Result<SubscriptionId, WriteError>>, WriteError> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut rest = batch;
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(IMPORT_BATCH_MAX));
            let piece = std::mem::replace(&mut rest, after);
            let len = piece.len();
            let actor = actor.clone();
            match self.ask(|reply| Write::Import(piece, actor, reply)).await {
                Ok(piece) => answers.extend(piece),
                Err(error) if answers.is_empty() => return Err(error),
                Err(error) => answers.extend(std::iter::repeat_n(Err(error), len)),
            }
        }
        Ok(answers)
    }

    /// Keeps an offer that a subscriber goes to the gateway with.
    ///
    /// # Errors
    /// [`WriteError`], among them [`WriteError::Busy`] while too many are open.
    pub async fn open_checkout(&self, checkout: Checkout) -> Result<(), WriteError> {
        self.ask(|reply| Write::OpenCheckout(Box::new(checkout), reply))
            .await
    }

    /// Keeps the gateway's own name for a checkout.
    ///
    /// # Errors
    /// [`WriteError::UnknownCheckout`], or the store's own trouble.
    pub async fn attach_checkout(
        &self,
        id: CheckoutId,
        gateway_session: Box<str>,
    ) -> Result<(), WriteError> {
        self.ask(|reply| Write::AttachCheckout(id, gateway_session, reply))
            .await
    }

    /// Notes that the gateway will take no money for a checkout any more.
    ///
    /// # Errors
    /// As [`Self::attach_checkout`].
    pub async fn expire_checkout(&self, id: CheckoutId) -> Result<(), WriteError> {
        self.ask(|reply| Write::ExpireCheckout(id, reply)).await
    }

    /// Books money that a gateway took. The same payment again has the same answer and no effect.
    ///
    /// # Errors
    /// [`WriteError::UnknownCheckout`], [`WriteError::PaymentIdReused`], or the store's own trouble.
    pub async fn capture(&self, request: CaptureRequest) -> Result<Committed, WriteError> {
        self.ask(|reply| Write::Capture(Box::new(request), reply))
            .await
    }

    /// Puts these plans in the place of the catalogue.
    ///
    /// # Errors
    /// [`WriteError::Catalogue`], [`WriteError::PlanInUse`], or the store's own trouble.
    pub async fn apply_plans(
        &self,
        plans: Vec<Plan>,
        actor: Actor,
    ) -> Result<PlansApplied, WriteError> {
        self.ask(|reply| Write::ApplyPlans(plans, actor, reply))
            .await
    }

    /// Does what time has made due, a bounded part of it per call.
    ///
    /// # Errors
    /// The store's own trouble only.
    pub async fn fire_due(&self) -> Result<Fired, WriteError> {
        self.ask(Write::FireDue).await
    }

    /// Closes a live session, as after a Disconnect-ACK; whether there was one.
    ///
    /// # Errors
    /// The store's own trouble only.
    pub async fn close_session(&self, key: SessionKey, cause: u32) -> Result<bool, WriteError> {
        self.ask(|reply| Write::CloseSession(key, cause, reply))
            .await
    }

    /// Keeps accounting records; returns once they are on the disk. It blocks: not for async code.
    ///
    /// Returns the places, in order, of records that were not kept because there is no room for
    /// the session that they would begin ([`Limits::sessions_max`]): send those no answer, the NAS asks
    /// again. The others count, so a full table does not keep its own sessions from going on and ending.
    ///
    /// # Errors
    /// [`WriteError::Busy`] while the writer is behind or the accounting log is as long as it may be
    /// ([`Limits::accounting_log_max`]): send no answer. Some of the records may have been kept, which
    /// does no harm.
    pub fn account(&self, mut records: Vec<AccountingRecord>) -> Result<Vec<usize>, WriteError> {
        let (mut refused, mut done) = (Vec::new(), 0);
        while !records.is_empty() {
            let after = records.split_off(records.len().min(ACCOUNTING_BATCH_MAX));
            let piece = std::mem::replace(&mut records, after);
            let len = piece.len();
            let places = self.ask_blocking(|reply| Write::Account(piece, reply))?;
            refused.extend(places.into_iter().map(|place| done + place));
            done += len;
        }
        Ok(refused)
    }

    /// Finishes what waits, folds the accounting log, stops the writer and takes nothing more. Reads
    /// still work.
    pub fn close(&self) {
        self.0.close();
    }

    /// Sends a write to the writer and blocks until its answer is there.
    pub(crate) fn ask_blocking<T: Send + 'static>(
        &self,
        write: impl FnOnce(Reply<T>) -> Write,
    ) -> Result<T, WriteError> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let reply: Reply<T> = Box::new(move |result| {
            // Whoever asked may have gone; what was asked is done all the same.
            answer.try_send(result).unwrap_or_default();
        });
        self.shared().queue.push(write(reply))?;
        answered.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Sends a write to the writer and waits for its answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        write: impl FnOnce(Reply<T>) -> Write,
    ) -> Result<T, WriteError> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let reply: Reply<T> = Box::new(move |result| {
            // Whoever asked may have gone; what was asked is done all the same.
            drop(answer.send(result));
        });
        self.shared().queue.push(write(reply))?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> WriteError {
    WriteError::Failed("the writer has stopped".to_owned())
}

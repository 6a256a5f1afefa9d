//! Lets time act: what is due is carried out by the one writer.
//!
//! A tick that is a little late changes nothing for anyone's access, which follows from the
//! facts; it only delays the journal entry and the push to the network. One that is later than
//! the store has checked ahead makes time stand still until it comes: nobody loses access by it.
//! Each tick passes through the writer, so it is also the proof that the writer lives
//! ([`Watchdog`]).

use std::time::Duration;

use garth_store::Store;
use garth_store::write::{Fired, WriteError};
use tokio::time::MissedTickBehavior;

use super::stop::Stop;
use super::watchdog::Watchdog;

/// How often is looked for what is due.
const TICK: Duration = Duration::from_secs(1);

/// Runs until the stop.
///
/// # Errors
/// The store's end.
pub(super) async fn run(store: Store, mut stop: Stop) -> anyhow::Result<()> {
    let mut watchdog = Watchdog::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        work_off(&store, &mut stop, &mut watchdog).await?;
    }
    Ok(())
}

/// Calls the writer until nothing more is due, or until it is too busy or time to stop.
async fn work_off(
    store: &Store,
    stop: &mut Stop,
    watchdog: &mut Watchdog,
) -> Result<(), WriteError> {
    let mut done = Fired::default();
    // A writer that hangs gives no answer: then it is the stop that ends this wait.
    while let Some(fired) = stop.unless(store.fire_due()).await {
        match fired {
            Ok(fired) => {
                done.agenda += fired.agenda;
                done.boundaries += fired.boundaries;
                done.renewed += fired.renewed;
                done.stale_sessions += fired.stale_sessions;
                watchdog.writer_answered();
                if !fired.more {
                    break;
                }
            }
            // Full, and perhaps only busy: the commits tell whether the writer works.
            Err(WriteError::Busy) => {
                watchdog.commits_seen(store.status().commits);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    report(done);
    Ok(())
}

/// One line for all that a tick did, however many calls it took.
fn report(fired: Fired) {
    let Fired {
        agenda,
        boundaries,
        renewed,
        stale_sessions,
        more: _,
        // An alarm, and said as such by the clock watch.
        held: _,
    } = fired;
    if agenda + boundaries > 0 {
        tracing::info!(agenda, boundaries, "what was due is done");
    }
    if renewed > 0 {
        tracing::debug!(renewed, "the agenda follows other policies");
    }
    if stale_sessions > 0 {
        tracing::warn!(
            stale_sessions,
            "sessions closed: their NAS has long said nothing of them"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use garth_store::{Clock, HoldKind, Keys, Limits, Observer, Options, SealingKey};
    use garth_subscription::facts::SubscriptionId;
    use garth_subscription::money::Currency;
    use garth_subscription::policy::{Policies, Policy};
    use garth_subscription::{Actor, Role, Timestamp};

    use super::*;
    use crate::garthd::stop;
    use crate::import::{Context, ImportLine, PlanFile};

    /// More than one call of the writer works off.
    const SUBSCRIPTIONS: usize = 2_500;

    struct HandClock(AtomicI64);

    impl Clock for HandClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(self.0.load(Ordering::Relaxed)).unwrap()
        }

        /// It runs with the wall clock.
        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed).unsigned_abs())
        }
    }

    struct Nobody;

    impl Observer for Nobody {
        fn changed(&self, _: &[SubscriptionId]) {}
        fn failed(&self, error: &str) {
            panic!("{error}");
        }
    }

    fn millis(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().unix_millis()
    }

    fn operator() -> Actor {
        Actor {
            role: Role::Operator,
            name: "tester".parse().unwrap(),
            on_behalf_of: None,
        }
    }

    /// Subscriptions that all end with January, in a store whose clock stands in November.
    async fn populated(folder: &std::path::Path, clock: Arc<HandClock>) -> Store {
        let zone = "Europe/Vienna".parse().unwrap();
        let options = Options {
            policies: Policies::new(Policy::new(zone)),
            currency: Currency::EUR,
            clock,
            observer: Arc::new(Nobody),
            keys: Keys::given(SealingKey::random().unwrap()),
            cache_bytes: 16 << 20,
            limits: Limits::default(),
        };
        let store = Store::open(&folder.join("garth.redb"), options).unwrap();
        let actor = operator();
        let plans: PlanFile = toml::from_str(
            "[[plan]]\nid = \"p\"\nname = \"P\"\nkind = \"internet\"\ndown_kbps = 1\nup_kbps = 1\n\
             prices = [{ months = 1, amount = \"1.00\" }]",
        )
        .unwrap();
        let plans = plans.checked(Currency::EUR).unwrap();
        store.apply_plans(plans, actor.clone()).await.unwrap();
        let context = Context {
            zone,
            currency: Currency::EUR,
            now: store.now(),
        };
        let line = |n| {
            let line = format!(r#"{{"username":"u{n}","plan":"p","paid_through":"2027-01-31"}}"#);
            let line = ImportLine::from_json(line.as_bytes()).unwrap();
            line.checked(&context).unwrap()
        };
        let all: Vec<_> = (0..SUBSCRIPTIONS).map(line).collect();
        for batch in all.chunks(garth_store::IMPORT_BATCH_MAX) {
            let taken = store.import(batch.to_vec(), actor.clone()).await.unwrap();
            assert!(taken.iter().all(Result::is_ok));
        }
        store
    }

    #[tokio::test]
    async fn one_tick_works_off_all_that_is_due_once_a_mass_change_is_confirmed() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(millis("2026-11-21T12:00:00Z"))));
        let store = populated(folder.path(), Arc::clone(&clock)).await;
        clock
            .0
            .store(millis("2027-02-02T00:00:00Z"), Ordering::Relaxed);
        let (_stopper, mut stop) = stop::channel();
        let before = store.status().journal_sequence;
        let mut watchdog = Watchdog::new();
        work_off(&store, &mut stop, &mut watchdog).await.unwrap();
        assert_eq!(store.status().journal_sequence, before, "time is held");
        let kind = HoldKind::MassChange;
        store.confirm_hold(kind, operator()).await.unwrap();
        work_off(&store, &mut stop, &mut watchdog).await.unwrap();
        let all = u64::try_from(SUBSCRIPTIONS).unwrap();
        assert_eq!(store.status().journal_sequence, before + all);
    }

    #[tokio::test]
    async fn a_timer_that_is_stopped_ends_well() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(millis("2026-11-21T12:00:00Z"))));
        let store = populated(folder.path(), clock).await;
        let (stopper, stop) = stop::channel();
        stopper.stop();
        run(store, stop).await.unwrap();
    }
}

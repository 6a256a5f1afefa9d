//! The daemon: start order, essential tasks, reload, shutdown.
//!
//! Start: configuration, store, the garden with everybody in it who belongs there,
//! sockets, then RADIUS answers, then systemd is told. Every task here is essential:
//! the first one to end ends the process, and the service manager starts it again.
//! The order of the shutdown is written in `Running::stop` and nowhere else.

mod clock_watch;
pub(crate) mod eap;
mod following;
mod logging;
mod observer;
mod portal;
mod radsec;
mod reload;
pub(crate) mod resolver;
pub(crate) mod revocation;
mod settings;
pub(crate) mod stop;
mod timer;
mod tls;
mod watchdog;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use garth_enforcement::Garden;
use garth_store::{KeySource, Keys, Limits, Options, Store};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::admin::{self, Admin};
use crate::cashier::Cashier;
use crate::clock::SystemClock;
use crate::config::{self, Config};
use crate::enforcer::{Enforcer, Released, Wake};
use crate::follower::Changes;
use crate::network::{Meters, RouterNetwork};
use crate::radius::{self, Shared, Worker};
use observer::{StoreObserver, Told};
use reload::Reloadable;
use stop::{Stop, Stopper};

/// How long requests under way may take at a stop before they are cut.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Starts logging; called once by the program.
pub fn start_logging() {
    logging::start();
}

/// Checks what the file's own checks cannot see because it takes several entries together.
///
/// # Errors
/// What is wrong, for an operator.
pub fn check(config: &Config) -> Result<(), miette::Report> {
    settings::radius(config, Vec::new()).map_err(|error| miette::miette!("{error}"))?;
    settings::ruleset(config).map_err(|error| miette::miette!("{error}"))?;
    Ok(())
}

/// Runs the daemon until a signal or a fault.
///
/// # Errors
/// Whatever ended it, worded for an operator; a stop by signal is none.
pub fn run(path: &Path, config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let outcome = runtime.block_on(async {
        let running = Running::start(path, config).await?;
        running.until_stopped().await
    });
    // Blocking work that a cut left behind must not hold the process.
    runtime.shutdown_timeout(STOP_PATIENCE);
    outcome
}

/// A task that must not end, under its name.
type Essential = JoinSet<(&'static str, anyhow::Result<()>)>;

/// What the main loop waits for.
enum Event {
    Signal(&'static str),
    Reload,
    Catalogue,
    StoreFailed,
    Ended(anyhow::Error),
}

/// A daemon that answers.
struct Running {
    path: PathBuf,
    store: Store,
    told: Told,
    wake: Arc<Wake>,
    enforcer: tokio::task::JoinHandle<Option<Garden>>,
    radius: Shared,
    essential: Essential,
    stopper: Stopper,
    reloadable: Reloadable,
    leave: garth_enforcement::Leave,
}

impl Running {
    async fn start(path: &Path, config: Config) -> anyhow::Result<Self> {
        let wake = Arc::new(Wake::default());
        let released = Arc::new(Released::default());
        let changes = Arc::new(Changes::default());
        let (observer, told) = StoreObserver::new(Arc::clone(&wake), Arc::clone(&changes));
        let store = open_store(&config, observer).await?;
        let enforcer = start_enforcer(&config, &store, &wake, &released).await?;
        let radius = shared(&config, &store)?;
        let (stopper, stop) = stop::channel();
        let mut essential = Essential::new();
        let workers = workers::bind(&config, &radius)?;
        let over_tls = radsec::Bound::new(&config, &radius)?;
        let cashier = Arc::new(Cashier::new(
            store.clone(),
            portal::start_gateway(&config, &mut essential, &stop).await?,
        ));
        let parts = portal::Parts {
            store: store.clone(),
            cashier: Arc::clone(&cashier),
            released,
        };
        let portal = portal::start(&config, parts, &mut essential, &stop)?;
        let dns = resolver::start(&config, &mut essential, &stop).await?;
        let nas_desk = following::start(
            &config,
            &radius,
            over_tls.as_ref().map(radsec::Bound::radsec),
            changes,
            &mut essential,
            &stop,
        )?;
        let revocation = watch_revocation(&config, &mut essential, &stop)?;
        let network = Arc::new(RouterNetwork::new(
            &config,
            store.clone(),
            Arc::clone(&wake),
            nas_desk,
            meters(&radius, &workers, over_tls.as_ref(), dns),
            Arc::clone(&revocation),
        ));
        let admin = start_admin(&config, &store, network, &portal, &mut essential, &stop)?;
        start_tasks(&config, &store, &radius, &cashier, &mut essential, &stop);
        workers::start(workers, &mut essential)?;
        let over_tls = over_tls
            .map(|bound| bound.start(&mut essential, &stop))
            .transpose()?;
        announce(&config, &store);
        Ok(Self {
            path: path.to_owned(),
            reloadable: Reloadable::new(
                &config,
                Arc::clone(&radius.settings),
                admin,
                portal,
                over_tls,
                revocation,
            ),
            leave: settings::leave(&config),
            store,
            told,
            wake,
            enforcer,
            radius,
            essential,
            stopper,
        })
    }

    /// Serves until a signal says stop, or until something essential ends.
    async fn until_stopped(mut self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let cause = loop {
            let event = tokio::select! {
                _ = terminate.recv() => Event::Signal("SIGTERM"),
                _ = interrupt.recv() => Event::Signal("SIGINT"),
                _ = hangup.recv() => Event::Reload,
                _ = self.told.failure.wait_for(Option::is_some) => Event::StoreFailed,
                Ok(()) = self.told.catalogue.changed() => Event::Catalogue,
                Some(ended) = self.essential.join_next() => Event::Ended(why_ended(ended)),
                ended = &mut self.enforcer => Event::Ended(anyhow!("the enforcer ended: {:?}", ended.err())),
            };
            match event {
                Event::Reload => self.reload().await,
                Event::Catalogue => self.radius.prepare_plans(),
                Event::Signal(signal) => break Ok(signal),
                Event::Ended(error) => break Err(error),
                Event::StoreFailed => {
                    let error = self.told.failure.borrow().clone().unwrap_or_default();
                    break Err(anyhow!(error));
                }
            }
        };
        match &cause {
            Ok(signal) => tracing::info!(signal, "stopping"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "stopping"),
        }
        self.stop().await;
        cause.map(|_| ())
    }

    async fn reload(&mut self) {
        drop(sd_notify::notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Status("reloading")),
        ]));
        match Config::load(&self.path) {
            Ok(config) => match self.reloadable.apply(&config, &self.store) {
                Ok(()) => {
                    self.leave = settings::leave(&config);
                    self.wake.everything();
                    tracing::info!("the configuration is reloaded");
                }
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "the old configuration stays")
                }
            },
            Err(report) => tracing::error!("the old configuration stays: {report:?}"),
        }
        drop(sd_notify::notify(&[NotifyState::Ready]));
    }

    /// The one place that knows the order: no new requests, those under way, the writer, the garden.
    async fn stop(mut self) {
        drop(sd_notify::notify(&[NotifyState::Stopping]));
        self.radius.stop.store(true, Ordering::Relaxed);
        self.stopper.stop();
        let drained = async { while self.essential.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_PATIENCE, drained).await.is_err() {
            tracing::warn!("some requests took too long and were cut");
            self.essential.abort_all();
        }
        let store = self.store.clone();
        if tokio::task::spawn_blocking(move || store.close())
            .await
            .is_err()
        {
            tracing::error!("the store did not close in order; what was answered is on disk");
        }
        self.wake.stop();
        let Ok(Some(garden)) = (&mut self.enforcer).await else {
            return;
        };
        let leave = self.leave;
        match tokio::task::spawn_blocking(move || garden.remove(leave)).await {
            Ok(Ok(())) => tracing::info!(?leave, "the garden is left"),
            Ok(Err(error)) => tracing::error!(%error, "the garden could not be left as configured"),
            Err(error) => tracing::error!(%error, "the garden could not be left as configured"),
        }
    }
}

/// What all RADIUS workers share.
fn shared(config: &Config, store: &Store) -> anyhow::Result<Shared> {
    let settings = settings::radius(config, radius::plan_terms(store))?;
    Ok(Shared {
        settings: Arc::new(ArcSwap::from_pointee(settings)),
        store: store.clone(),
        stop: Arc::new(AtomicBool::new(false)),
        eap: eap::server(),
    })
}

fn meters(
    radius: &Shared,
    workers: &[Worker],
    over_tls: Option<&radsec::Bound>,
    dns: Option<Arc<resolver::GardenDns>>,
) -> Meters {
    let of_radsec = over_tls.into_iter().flat_map(radsec::Bound::workers);
    Meters {
        radius: workers
            .iter()
            .map(Worker::counters)
            .chain(of_radsec.map(radius::radsec::Worker::counters))
            .collect(),
        eap: Arc::clone(&radius.eap),
        radsec: over_tls.map(radsec::Bound::radsec),
        dns,
    }
}

async fn open_store(config: &Config, observer: StoreObserver) -> anyhow::Result<Store> {
    let options = Options {
        keys: keys(&config.store),
        policies: config.policies.clone(),
        currency: config.billing.currency,
        clock: Arc::new(SystemClock),
        observer: Arc::new(observer),
        cache_bytes: config.store.cache_bytes,
        limits: Limits {
            time: config.time,
            session_age_max: config.accounting.session_age_max,
            session_age_max_without_interim: config.accounting.session_age_max_without_interim,
            ..Limits::default()
        },
    };
    let path = config.store.path.clone();
    let shown = path.display().to_string();
    tokio::task::spawn_blocking(move || Store::open(&path, options))
        .await?
        .with_context(|| format!("the store {shown} cannot be opened"))
}

/// Where the keys are that credentials are sealed with.
fn keys(config: &config::Store) -> Keys {
    let beside = Keys::beside(&config.path);
    Keys {
        current: config
            .key_file
            .clone()
            .map_or(beside.current, KeySource::File),
        old: config
            .old_key_files
            .iter()
            .cloned()
            .map(KeySource::File)
            .collect(),
    }
}

fn open_garden(config: &Config) -> anyhow::Result<Option<Garden>> {
    let ruleset = settings::ruleset(config)?;
    ruleset
        .map(Garden::open)
        .transpose()
        .context("nftables cannot be used")
}

/// Builds the garden with everybody in it who belongs there, then lets its thread run.
async fn start_enforcer(
    config: &Config,
    store: &Store,
    wake: &Arc<Wake>,
    released: &Arc<Released>,
) -> anyhow::Result<tokio::task::JoinHandle<Option<Garden>>> {
    let garden = open_garden(config)?;
    let (store, wake, released) = (store.clone(), Arc::clone(wake), Arc::clone(released));
    let built = tokio::task::spawn_blocking(move || Enforcer::start(store, garden, wake, released));
    let enforcer = built
        .await?
        .context("the garden cannot be built on this router")?;
    Ok(tokio::task::spawn_blocking(move || enforcer.run()))
}

/// Tells the log and systemd that requests are answered from now on.
fn announce(config: &Config, store: &Store) {
    let portal = config.portal.as_ref();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        subscriptions = store.index().len(),
        sessions = store.index().live_sessions(),
        nas = config.nas.len(),
        auth = ?config.radius.auth,
        acct = ?config.radius.acct,
        radsec = ?config.radsec.as_ref().map_or(&[][..], |radsec| &radsec.listen),
        portal = portal.map(|portal| portal.public_url.as_str()),
        admin = %config.admin.socket.display(),
        "garthd answers"
    );
    // Not under systemd: nobody listens.
    drop(sd_notify::notify(&[NotifyState::Ready]));
}

fn start_admin(
    config: &Config,
    store: &Store,
    network: Arc<RouterNetwork>,
    portal: &Option<portal::Handle>,
    essential: &mut Essential,
    stop: &Stop,
) -> anyhow::Result<Arc<Admin>> {
    let listener = admin::bind(&config.admin.socket).with_context(|| {
        format!(
            "cannot listen on admin.socket {}",
            config.admin.socket.display()
        )
    })?;
    let admin = Admin::new(
        store.clone(),
        network,
        config.billing.tz,
        config.admin.roles.clone(),
    );
    if let Some(portal) = portal {
        admin.set_door(portal.door());
    }
    let (serving, mut stop) = (Arc::clone(&admin), stop.clone());
    essential.spawn(async move {
        admin::serve(serving, listener, async move { stop.wait().await }).await;
        ("admin socket", Ok(()))
    });
    Ok(admin)
}

fn start_tasks(
    config: &Config,
    store: &Store,
    radius: &Shared,
    cashier: &Arc<Cashier>,
    essential: &mut Essential,
    stop: &Stop,
) {
    let (due_store, due_stop) = (store.clone(), stop.clone());
    essential.spawn(async move { ("timer", timer::run(due_store, due_stop).await) });
    let (watched_store, watched_stop) = (store.clone(), stop.clone());
    essential.spawn(async move {
        clock_watch::run(watched_store, watched_stop).await;
        ("clock watch", Ok(()))
    });
    let (conversations, its_stop) = (Arc::clone(&radius.eap), stop.clone());
    essential.spawn(async move {
        eap::run(conversations, its_stop).await;
        ("eap", Ok(()))
    });
    if let config::Gateway::Sandbox(sandbox) = &config.gateway {
        let every = Duration::from_secs(u64::from(sandbox.poll_seconds));
        let (cashier, stop) = (Arc::clone(cashier), stop.clone());
        essential.spawn(async move { ("payment polling", cashier.poll(every, stop).await) });
    }
}

/// The revocation lists' calendar, and who says what it says.
fn watch_revocation(
    config: &Config,
    essential: &mut Essential,
    stop: &Stop,
) -> anyhow::Result<Arc<revocation::Calendar>> {
    let calendar = Arc::new(revocation::Calendar::new(revocation::due(config)?));
    let (watched, stop) = (Arc::clone(&calendar), stop.clone());
    essential.spawn(async move {
        revocation::run(watched, stop).await;
        ("revocation watch", Ok(()))
    });
    Ok(calendar)
}

fn why_ended(
    ended: Result<(&'static str, anyhow::Result<()>), tokio::task::JoinError>,
) -> anyhow::Error {
    match ended {
        Ok((name, Ok(()))) => anyhow!("{name} ended by itself"),
        Ok((name, Err(error))) => error.context(format!("{name} ended")),
        Err(error) => anyhow!("an essential task failed: {error}"),
    }
}

//! RadSec with a store behind it, an authority, and a client that shares no code with the server but the packets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use garth_radius::client_trust::ClientTrust;
use garth_radius::dialect::{Dialect, GardenName, PortalUrl};
use garth_radius::nas::{Nas, NasTable};
use garth_radius::server::{GardenSettings, Settings, Unknown};
use garth_store::write::NewSubscription;
use garth_store::{Clock, Keys, Observer, Options, SealingKey, Store};
use garth_subscription::calendar::Months;
use garth_subscription::command::Create;
use garth_subscription::facts::{Renewal, SubscriptionId};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::subscriber::{Credential, Subscriber};
use garth_subscription::{Actor, Role, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::version::TLS12;
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use super::super::connection::Connection;
use super::super::{Client, Desks, Entrance, Limits, RadSec, THREADS, Tls, Version, Worker, serve};
use crate::config::Radius11;
use crate::garthd::stop::{self, Stop, Stopper};
use crate::radius::Shared;

/// Longer than anything honest takes.
pub(super) const LONG: Duration = Duration::from_secs(20);
pub(super) const SERVER: &str = "radsec.example.net";

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: &[SubscriptionId]) {}

    fn failed(&self, error: &str) {
        panic!("{error}");
    }
}

/// One that signs certificates, and what it has signed.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    /// Those between it and the authority.
    pub(super) above: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    serial: u64,
}

impl Identity {
    /// As a configuration names it.
    pub(super) fn fingerprint(&self) -> String {
        let digits = Sha256::digest(&self.certificate);
        let digits: String = digits.iter().map(|octet| format!("{octet:02X}")).collect();
        format!("fingerprint:{digits}")
    }
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    /// A certificate with these DNS names, and a common name that counts for nothing.
    pub(super) fn issue(&self, names: &[&str]) -> Identity {
        self.issue_until(names, 2099)
    }

    pub(super) fn issue_until(&self, names: &[&str], year: i32) -> Identity {
        self.sign(names, |parameters| {
            parameters.not_before = date_time_ymd(2000, 1, 1);
            parameters.not_after = date_time_ymd(year, 1, 1);
        })
    }

    /// Valid from one hour of 2026-11-21 to another.
    pub(super) fn issue_within(&self, names: &[&str], from: u64, until: u64) -> Identity {
        let at = |hour: u64| date_time_ymd(2026, 11, 21) + Duration::from_secs(hour * 3_600);
        self.sign(names, |parameters| {
            parameters.not_before = at(from);
            parameters.not_after = at(until);
        })
    }

    /// Another authority, and its certificate of this one.
    pub(super) fn between(&self) -> (Self, CertificateDer<'static>) {
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(DnType::CommonName, "between");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let between = CertifiedIssuer::signed_by(parameters, key, &self.0).unwrap();
        let certificate = between.der().clone();
        (Self(between), certificate)
    }

    fn sign(&self, names: &[&str], valid: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        valid(&mut parameters);
        parameters
            .distinguished_name
            .push(DnType::CommonName, "bng.example.net");
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        parameters.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            above: Vec::new(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            serial,
        }
    }

    /// Its word that these are revoked.
    pub(super) fn revoke(&self, identities: &[&Identity]) -> CertificateRevocationListDer<'static> {
        let revoked = identities.iter().map(|identity| RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            // Long ago, and it counts all the same.
            next_update: date_time_ymd(2026, 1, 2),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().der().clone()
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// A running RadSec.
pub(super) struct World {
    pub(super) authority: Authority,
    pub(super) store: Store,
    pub(super) radsec: Arc<RadSec>,
    pub(super) address: SocketAddr,
    stopper: Stopper,
    pub(super) stop: Stop,
    desks: Desks,
    serving: tokio::task::JoinHandle<()>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
    _folder: tempfile::TempDir,
}

/// `bng` by its name, and whatever else.
pub(super) fn settings(entries: &[(&str, &str)]) -> Settings {
    let nas = |(name, certificate): &(&str, &str)| {
        let dialect = Arc::new(Dialect::mikrotik());
        Nas::radsec(name, certificate.parse().unwrap(), dialect)
    };
    let garden = GardenSettings {
        down_kbps: 1_000,
        up_kbps: 1_000,
        address_list: GardenName::new("garden").unwrap(),
        portal_url: PortalUrl::default(),
        session_timeout_seconds: 600,
        interim_seconds: 120,
        unknown: Unknown::Reject,
    };
    let table = NasTable::new(entries.iter().map(nas).collect()).unwrap();
    Settings::new(table, garden, Vec::new())
}

fn open(folder: &tempfile::TempDir) -> Store {
    let options = Options {
        keys: Keys::given(SealingKey::random().unwrap()),
        policies: Policies::new(Policy::new("Europe/Vienna".parse().unwrap())),
        currency: Currency::EUR,
        clock: Arc::new(Noon),
        observer: Arc::new(Nobody),
        cache_bytes: 1 << 20,
        limits: garth_store::Limits::default(),
    };
    Store::open(&folder.path().join("garth.redb"), options).unwrap()
}

async fn add_alice(store: &Store) {
    let actor = || Actor {
        role: Role::Support,
        name: "tester".parse().unwrap(),
        on_behalf_of: None,
    };
    let plan = Plan {
        id: "home-100".parse().unwrap(),
        name: "home-100".parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps: 1,
        up_kbps: 1,
        prices: vec![PriceLine {
            months: Months::new(1).unwrap(),
            amount: Money::zero(Currency::EUR),
        }],
        change_to: Vec::new(),
        session: SessionTerms::default(),
    };
    store.apply_plans(vec![plan], actor()).await.unwrap();
    let new = NewSubscription {
        subscriber: Subscriber {
            user_name: Some("alice".parse().unwrap()),
            ..Subscriber::default()
        },
        credential: Some(Credential::Password("wonderland".parse().unwrap())),
        create: Create {
            id: SubscriptionId(Uuid::from_u128(1)),
            plan: "home-100".parse().unwrap(),
            services: Vec::new(),
            start_at: None,
            paid_through: Some("2027-01-31T00:00:00Z".parse().unwrap()),
            anchor_day: None,
            balance: None,
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        },
    };
    store.add(new, actor(), None).await.unwrap();
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Limits::default(), Radius11::Allow, "127.0.0.1:0").await
    }

    pub(super) async fn with(limits: Limits, radius_1_1: Radius11, listen: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        add_alice(&store).await;
        let authority = Authority::new("Authority of the test");
        let settings = settings(&[("bng", "bng.example.net"), ("dsl", "dsl.example.net")]);
        let shared = Shared {
            settings: Arc::new(ArcSwap::from_pointee(settings)),
            store: store.clone(),
            stop: Arc::new(AtomicBool::new(false)),
            eap: crate::garthd::eap::server(),
        };
        let tls = tls(&authority, radius_1_1);
        let (radsec, entrance, workers) = RadSec::new(limits, &shared, tls, [1, 2, 3]);
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = stop::channel();
        let desks = entrance.desks.clone();
        let (serving, threads) = start(entrance, workers, listener, stop.clone());
        Self {
            authority,
            store,
            radsec,
            address,
            stopper,
            stop,
            desks,
            serving,
            threads,
            _folder: folder,
        }
    }

    /// The NAS `bng`, connected over RADIUS/1.0 without ALPN.
    pub(super) async fn bng(&self) -> Connected {
        self.connect(&Offer::of(self.authority.issue(&["bng.example.net"])))
            .await
            .unwrap()
    }

    /// The same over RADIUS/1.1.
    pub(super) async fn bng11(&self) -> Connected {
        let mut offer = Offer::of(self.authority.issue(&["bng.example.net"]));
        offer.alpn = &[b"radius/1.0", b"radius/1.1"];
        self.connect(&offer).await.unwrap()
    }

    /// A TLS client with what is offered. Without error yet the server may refuse it at the first octet.
    pub(super) async fn connect(&self, offer: &Offer) -> std::io::Result<Connected> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(SERVER).unwrap();
        let connector = TlsConnector::from(Arc::new(offer.config(&self.authority)));
        Ok(Connected(connector.connect(name, stream).await?))
    }

    /// A connection of `bng` over RADIUS/1.1 that is not accepted by anybody.
    pub(super) fn connection(&self) -> Connection {
        Connection {
            radsec: Arc::clone(&self.radsec),
            desks: self.desks.clone(),
            client: Arc::new(self.client(Vec::new())),
            changed: self.radsec.changed.subscribe(),
        }
    }

    /// `bng` over RADIUS/1.1, as if it had shown these certificates.
    pub(super) fn client(&self, chain: Vec<CertificateDer<'static>>) -> Client {
        Client {
            source: (Ipv4Addr::LOCALHOST, 1).into(),
            nas: "bng".into(),
            certificate: "bng.example.net".parse().unwrap(),
            chain,
            version: Version::V11,
        }
    }

    /// Waits until the counter has this value.
    pub(super) async fn counted(&self, name: &str, expected: u64) {
        self.until(name, || self.count(name) == expected).await;
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        let meters = self.radsec.meters();
        let found = meters.counted().find(|(counter, _)| counter == name);
        found.unwrap_or_else(|| panic!("no counter {name}")).1
    }

    pub(super) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let holds = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(LONG, holds).await.is_err() {
            let counted: Vec<_> = self
                .radsec
                .meters()
                .counted()
                .filter(|(_, n)| *n > 0)
                .collect();
            panic!("{what}: {counted:?}");
        }
    }

    /// Stops; every task and thread must end by itself.
    pub(super) async fn stop(self) {
        self.stopper.stop();
        drop(self.desks);
        tokio::time::timeout(LONG, self.serving)
            .await
            .unwrap()
            .unwrap();
        for thread in self.threads {
            let ended = tokio::task::spawn_blocking(move || thread.join());
            tokio::time::timeout(LONG, ended)
                .await
                .unwrap()
                .unwrap()
                .unwrap()
                .unwrap();
        }
        self.store.close();
    }
}

pub(super) fn tls(authority: &Authority, radius_1_1: Radius11) -> Tls {
    tls_revoking(authority, radius_1_1, Vec::new())
}

pub(super) fn tls_revoking(
    authority: &Authority,
    radius_1_1: Radius11,
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Tls {
    let own = authority.issue(&[SERVER]);
    let trust = ClientTrust::new(vec![authority.certificate()], lists);
    Tls::new(&[own.certificate], &own.key, trust, radius_1_1).unwrap()
}

fn start(
    entrance: Entrance,
    workers: [Worker; THREADS],
    listener: TcpListener,
    stop: Stop,
) -> (
    tokio::task::JoinHandle<()>,
    Vec<JoinHandle<std::io::Result<()>>>,
) {
    let threads = workers.map(|worker| std::thread::spawn(move || worker.run()));
    let serving = tokio::spawn(serve(entrance, vec![listener], stop));
    (serving, threads.into())
}

/// What a client offers.
pub(super) struct Offer {
    pub(super) identity: Option<Identity>,
    pub(super) alpn: &'static [&'static [u8]],
    pub(super) tls12: bool,
}

impl Offer {
    pub(super) fn of(identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            alpn: &[],
            tls12: false,
        }
    }

    pub(super) fn config(&self, authority: &Authority) -> ClientConfig {
        let versions = if self.tls12 {
            &[&TLS12][..]
        } else {
            ALL_VERSIONS
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(authority.roots());
        let mut config = match &self.identity {
            Some(identity) => {
                let mut chain = vec![identity.certificate.clone()];
                chain.extend(identity.above.iter().cloned());
                let config = builder.with_client_auth_cert(chain, identity.key.clone_key());
                config.unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        config
    }
}

/// A connection of a client.
pub(super) struct Connected(pub(super) TlsStream<TcpStream>);

impl Connected {
    pub(super) async fn send(&mut self, octets: &[u8]) {
        self.0.write_all(octets).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next packet; `None` once the server has closed.
    pub(super) async fn receive(&mut self) -> Option<Vec<u8>> {
        let receive = async {
            let mut packet = vec![0; 4];
            self.0.read_exact(&mut packet).await.ok()?;
            let length = u16::from_be_bytes([packet[2], packet[3]]);
            packet.resize(usize::from(length), 0);
            self.0.read_exact(&mut packet[4..]).await.ok()?;
            Some(packet)
        };
        tokio::time::timeout(LONG, receive).await.unwrap()
    }

    pub(super) async fn ask(&mut self, octets: &[u8]) -> Vec<u8> {
        self.send(octets).await;
        self.receive().await.unwrap()
    }

    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }
}

/// Loopback, for a connection without TLS from another address.
pub(super) const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

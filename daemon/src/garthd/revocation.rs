//! Revocation lists: read from files, and said aloud once they are out of date.
//!
//! A list beyond its next update goes on to count. The alternative, to refuse everybody whose authority has no
//! newer one, would turn a download that failed into an outage of every NAS. So it is an alarm, and not an end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use chrono::NaiveDateTime;
use garth_subscription::Timestamp;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::MissedTickBehavior;
use webpki::BorrowedCertRevocationList;

use super::stop::Stop;
use crate::clock;
use crate::config::Config;

/// How often it is said while it lasts.
const REPEAT: Duration = Duration::from_secs(600);

/// One list, as it was read.
pub(super) struct List {
    pub(super) der: CertificateRevocationListDer<'static>,
    next_update: Timestamp,
}

/// The lists in a file that a section of the configuration names.
///
/// # Errors
/// A file that cannot be read, has no list in PEM, or has one of a kind that is not supported.
pub(super) fn read(section: &str, path: &Path) -> anyhow::Result<Vec<List>> {
    let shown = || format!("{section}.client_crl_files {}", path.display());
    let ders = CertificateRevocationListDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("{} cannot be read", shown()))?;
    anyhow::ensure!(!ders.is_empty(), "{} has no list in PEM", shown());
    let checked = ders.into_iter().map(|der| {
        BorrowedCertRevocationList::from_der(&der)?;
        let next_update = next_update(&der).context("its next update is no time")?;
        Ok(List { der, next_update })
    });
    let checked: anyhow::Result<Vec<List>> = checked.collect();
    checked.with_context(|| format!("{} has a list that cannot be used", shown()))
}

/// When the lists of the configuration are out of date.
pub(crate) struct Calendar(ArcSwap<Vec<Due>>);

/// A file, and the first next update in it.
pub(super) struct Due {
    path: PathBuf,
    next_update: Timestamp,
}

impl Calendar {
    /// For the lists that are due as given.
    pub(super) fn new(due: Vec<Due>) -> Self {
        Self(ArcSwap::from_pointee(due))
    }

    /// Others take their place.
    pub(super) fn replace(&self, due: Vec<Due>) {
        self.0.store(due.into());
    }

    /// Puts into the log what is out of date at `now`.
    pub(super) fn say(&self, now: Timestamp) {
        for word in self.in_words(now) {
            tracing::error!("ALARM: {word}");
        }
    }

    /// What is out of date at `now`, for an operator.
    pub(crate) fn in_words(&self, now: Timestamp) -> Vec<String> {
        let late = |due: &&Due| due.next_update <= now;
        let word = |due: &Due| {
            format!(
                "the revocation list {} is out of date since {}: what was revoked later is still let in",
                due.path.display(),
                due.next_update,
            )
        };
        self.0.load().iter().filter(late).map(word).collect()
    }
}

/// Says what is out of date, now and again, until the stop.
pub(super) async fn run(calendar: Arc<Calendar>, stop: Stop) {
    repeat(stop, || calendar.say(clock::wall())).await;
}

async fn repeat(mut stop: Stop, mut say: impl FnMut()) {
    let mut tick = tokio::time::interval(REPEAT);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        say();
    }
}

/// When each file of lists that the configuration names is out of date.
///
/// # Errors
/// See [`read`].
pub(super) fn due(config: &Config) -> anyhow::Result<Vec<Due>> {
    let radsec = config.radsec.iter().flat_map(|radsec| &radsec.client_crls);
    let eap = config.eap.iter().flat_map(|eap| &eap.client_crls);
    let mut paths: Vec<_> = radsec
        .map(|path| ("radsec", path))
        .chain(eap.map(|path| ("eap", path)))
        .collect();
    // One file may serve both.
    paths.sort_unstable_by_key(|(_, path)| *path);
    paths.dedup_by_key(|(_, path)| *path);
    let due = paths.into_iter().map(|(section, path)| {
        let lists = read(section, path)?;
        let first = lists.iter().map(|list| list.next_update).min();
        let next_update = first.context("it has a list")?;
        Ok(Due {
            path: path.clone(),
            next_update,
        })
    });
    due.collect()
}

/// The nextUpdate of a list (RFC 5280 section 5.1.2.5); its form was checked before. The library that checks does
/// not show it.
fn next_update(list: &[u8]) -> Option<Timestamp> {
    let (_, list, _) = element(list)?;
    let (_, mut rest, _) = element(list)?;
    // Version, algorithm, issuer, this update.
    for _ in 0..4 {
        rest = element(rest)?.2;
    }
    let (tag, value, _) = element(rest)?;
    let text = std::str::from_utf8(value).ok()?;
    // RFC 5280 section 4.1.2.5.1: two digits of a year from 50 on are of the century before.
    let century = match tag {
        UTC_TIME if text >= "50" => "19",
        UTC_TIME => "20",
        _ => "",
    };
    let time = NaiveDateTime::parse_from_str(&format!("{century}{text}"), "%Y%m%d%H%M%SZ");
    Timestamp::from_utc(time.ok()?.and_utc())
}

const UTC_TIME: u8 = 23;

/// Tag, value and what follows of the first element in DER.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    const LONG_FORM: u8 = 0x80;
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (len, rest) = if first & LONG_FORM == 0 {
        (usize::from(first), rest)
    } else {
        let (octets, rest) = rest.split_at_checked(usize::from(first & !LONG_FORM))?;
        let len = octets.iter().try_fold(0_usize, |len, octet| {
            Some(len.checked_mul(256)? | usize::from(*octet))
        });
        (len?, rest)
    };
    let (value, rest) = rest.split_at_checked(len)?;
    Some((tag, value, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        IsCa, KeyIdMethod, KeyPair, SerialNumber, date_time_ymd,
    };

    use super::*;

    /// A list in PEM that is out of date with the year.
    fn list(year: i32) -> String {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(1990, 1, 1),
            next_update: date_time_ymd(year, 12, 31),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&issuer).unwrap().pem().unwrap()
    }

    #[test]
    fn list_is_out_of_date_from_its_next_update_on_in_either_notation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clients.crl");
        // UTCTime before 2050, GeneralizedTime from then on.
        for (year, expected) in [
            (1999, "1999-12-31T00:00:00Z"),
            (2026, "2026-12-31T00:00:00Z"),
            (2049, "2049-12-31T00:00:00Z"),
            (2051, "2051-12-31T00:00:00Z"),
        ] {
            std::fs::write(&path, list(year) + &list(2080)).unwrap();
            let lists = read("radsec", &path).unwrap();
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(lists[0].next_update, expected);
            let due = Due {
                path: path.clone(),
                next_update: lists[0].next_update,
            };
            let calendar = Calendar::new(vec![due]);
            let before = Timestamp::from_unix_seconds(expected.unix_seconds() - 1).unwrap();
            assert!(calendar.in_words(before).is_empty());
            let words = calendar.in_words(expected);
            assert!(
                words[0].contains("clients.crl is out of date since"),
                "{words:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn alarm_is_said_at_once_and_every_ten_minutes_until_the_stop() {
        let (stopper, stop) = crate::garthd::stop::channel();
        let (said, mut heard) = tokio::sync::mpsc::channel(8);
        let begin = tokio::time::Instant::now();
        let saying = tokio::spawn(repeat(stop, move || {
            said.try_send(begin.elapsed().as_secs()).unwrap();
        }));
        for expected in [0, 600, 1_200] {
            assert_eq!(heard.recv().await, Some(expected));
        }
        stopper.stop();
        saying.await.unwrap();
        assert_eq!(heard.recv().await, None);
    }

    #[test]
    fn file_without_a_list_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clients.crl");
        let refused = || format!("{:#}", read("eap", &path).err().unwrap());
        assert!(refused().contains("eap.client_crl_files"), "{}", refused());
        assert!(refused().contains("cannot be read"), "{}", refused());
        std::fs::write(&path, "nothing").unwrap();
        assert!(refused().contains("has no list in PEM"), "{}", refused());
        std::fs::write(
            &path,
            "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n",
        )
        .unwrap();
        assert!(
            refused().contains("has a list that cannot be used"),
            "{}",
            refused()
        );
    }

    #[test]
    fn cut_der_has_no_next_update() {
        let text = list(2051);
        let der = CertificateRevocationListDer::from_pem_slice(text.as_bytes()).unwrap();
        let whole = der.len();
        for end in 0..whole {
            assert_eq!(next_update(&der[..end]), None, "{end} of {whole}");
        }
    }
}

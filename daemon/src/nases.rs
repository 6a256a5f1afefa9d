//! The NASes of the configuration for operators: how they do, what they are told, what they answer.
//!
//! A probe asks about a session that cannot exist, by a name and an id that nobody can guess and without an
//! address: whatever the NAS answers, no session of a subscriber is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use garth_radius::dialect::{Change, Dialect, Fill, Template};
use garth_radius::dynamic::ErrorCause;
use garth_radius::nas::{DynamicAuthorization, MessageAuthenticatorPolicy, Nas};
use garth_radius::server::{Given, Rates};
use garth_store::record::SessionKey;
use garth_store::{ReadError, Store};
use garth_subscription::Timestamp;

use crate::admin::wire::{NasBody, NasDetailBody, ProbeBody, ProbedBody, RequestsBody};
use crate::disconnector::{Disconnector, Nases, nas_address, nas_name, place};
use crate::dynamic_authorization::{
    Answered, Counts, Identifiers, Move, Outcome, Request, STOPPING,
};
use crate::follower::Alarms;
use crate::radius::radsec::RadSec;

/// How many live sessions are read at a time.
const PAGE: usize = 4_096;
/// The most devices of one entry that one probe asks.
const PROBED_MAX: usize = 16;
/// The rates in examples of what a NAS is told.
const EXAMPLE_RATES: Rates = Rates {
    down_kbps: 100_000,
    up_kbps: 20_000,
};

/// What a probe asks for, of nobody.
const EXAMPLE: Move = Move {
    from: Given::Garden,
    to: Given::Full(EXAMPLE_RATES),
    session_timeout_seconds: 86_400,
};

/// Tells of NASes.
pub(crate) struct NasDesk {
    store: Store,
    disconnector: Arc<Disconnector>,
    counts: Counts,
    alarms: Arc<Alarms>,
    radsec: Option<Arc<RadSec>>,
}

/// What the live sessions say of a NAS.
#[derive(Clone, Default)]
struct Seen {
    sessions: u64,
    last_record_at: Option<Timestamp>,
    /// Where records came from, a few of them.
    addresses: BTreeSet<IpAddr>,
}

impl NasDesk {
    pub(crate) const fn new(
        store: Store,
        disconnector: Arc<Disconnector>,
        counts: Counts,
        alarms: Arc<Alarms>,
        radsec: Option<Arc<RadSec>>,
    ) -> Self {
        Self {
            store,
            disconnector,
            counts,
            alarms,
            radsec,
        }
    }

    /// Who asks the NASes.
    pub(crate) const fn disconnector(&self) -> &Arc<Disconnector> {
        &self.disconnector
    }

    /// What became of all requests.
    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The sessions that cannot be moved.
    pub(crate) const fn alarms(&self) -> &Arc<Alarms> {
        &self.alarms
    }

    /// All of them, in the order of the configuration.
    ///
    /// # Errors
    /// The store's trouble, in words.
    pub(crate) async fn list(&self) -> Result<Vec<NasBody>, String> {
        let nases = self.disconnector.nases(None);
        let seen = self.seen().await?;
        let mut told = BTreeSet::new();
        let all = nases.settings().nas().iter();
        let once = all.filter(|nas| told.insert(Arc::clone(&nas.name)));
        Ok(once.map(|nas| self.body(nas, &nases, &seen)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// The store's trouble, in words.
    pub(crate) async fn show(&self, name: &str) -> Result<Option<NasDetailBody>, String> {
        let nases = self.disconnector.nases(None);
        let Some(nas) = nases.named(name) else {
            return Ok(None);
        };
        let seen = self.seen().await?;
        let (full, garden) = (Given::Full(EXAMPLE_RATES), Given::Garden);
        let (full, garden) = (
            nases.settings().fill(full, garden),
            nases.settings().fill(garden, full),
        );
        let (coa_full, coa_garden): (&[Template], &[Template]) = match &nas.dialect.change {
            Change::Disconnect => (&[], &[]),
            Change::Coa { full, garden } => (full, garden),
        };
        Ok(Some(NasDetailBody {
            nas: self.body(nas, &nases, &seen),
            identify_by: nas
                .dialect
                .identify_by
                .iter()
                .map(|key| key.name().to_owned())
                .collect(),
            accept_full: in_words(&nas.dialect.full, full),
            accept_garden: in_words(&nas.dialect.garden, garden),
            coa_full: change_in_words(&nas.dialect, coa_full, full),
            coa_garden: change_in_words(&nas.dialect, coa_garden, garden),
        }))
    }

    /// What the NAS of that name answers at `address`, or wherever it is known to be.
    pub(crate) async fn probe(
        &self,
        name: &str,
        address: Option<IpAddr>,
    ) -> Option<Result<Vec<ProbeBody>, String>> {
        let nases = self.disconnector.nases(None);
        let nas = Arc::clone(nases.named(name)?);
        Some(match self.places(&nas, address).await {
            Ok(places) => {
                let mut probes = Vec::with_capacity(places.len());
                for to in places {
                    probes.push(self.probe_at(&nases, &nas, to).await);
                }
                Ok(probes)
            }
            Err(why) => Err(why),
        })
    }

    /// Where a NAS is asked: at the one address of the configuration, or at those of its devices.
    async fn places(&self, nas: &Nas, address: Option<IpAddr>) -> Result<Vec<SocketAddr>, String> {
        match nas.dynamic_authorization {
            None => Err(format!(
                "NAS {} has no dynamic_authorization in the configuration",
                nas.name
            )),
            Some(DynamicAuthorization::At(at)) => match address {
                Some(address) if address != at.ip() => Err(format!(
                    "NAS {} is asked at {at} alone; dynamic_authorization = \"source\" asks each device",
                    nas.name
                )),
                Some(_) | None => Ok(vec![at]),
            },
            Some(DynamicAuthorization::Source { .. }) => {
                let of_sessions = match address {
                    Some(address) => BTreeSet::from([address]),
                    None => {
                        let mut seen = self.seen().await?;
                        seen.remove(&*nas.name).unwrap_or_default().addresses
                    }
                };
                if of_sessions.is_empty() {
                    return Err(format!(
                        "NAS {} has no live session that would tell its address; give --address",
                        nas.name
                    ));
                }
                let all = of_sessions.into_iter();
                Ok(all
                    .filter_map(|address| place(nas, Some(address)))
                    .collect())
            }
        }
    }

    async fn probe_at(&self, nases: &Nases, nas: &Arc<Nas>, to: SocketAddr) -> ProbeBody {
        let ask = |request| {
            let mut random = [0; 8];
            getrandom::fill(&mut random).expect("the system has randomness from boot on");
            let nobody = Identifiers::of_nobody(u64::from_ne_bytes(random));
            self.disconnector.ask_at(nases, nas, to, nobody, request)
        };
        let (disconnect, coa) = tokio::join!(ask(Request::Disconnect), ask(Request::Move(EXAMPLE)));
        let has_coa = matches!(nas.dialect.change, Change::Coa { .. });
        let (usable, text) = verdict(&disconnect, &coa, has_coa);
        ProbeBody {
            nas: nas.name.to_string(),
            to: to.to_string(),
            disconnect: probed(disconnect),
            coa: probed(coa),
            usable,
            text,
        }
    }

    /// What the live sessions say, by the name of the NAS.
    async fn seen(&self) -> Result<BTreeMap<Box<str>, Seen>, String> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || seen(&store)).await;
        let read = read.map_err(|error| error.to_string())?;
        read.map_err(|error| error.to_string())
    }

    fn body(&self, nas: &Nas, nases: &Nases, seen: &BTreeMap<Box<str>, Seen>) -> NasBody {
        // What speaks both UDP and RadSec has two entries.
        let entries = || {
            nases
                .settings()
                .nas()
                .iter()
                .filter(|one| one.name == nas.name)
        };
        let prefix = entries().find_map(|one| one.prefix);
        let certificate = entries().find_map(|one| one.certificate.as_ref());
        let transport: Vec<&str> = [prefix.map(|_| "udp"), certificate.map(|_| "radsec")]
            .into_iter()
            .flatten()
            .collect();
        let radsec_connections = self.radsec.as_ref().map_or(0, |radsec| {
            let live = radsec.roster().live();
            let of_nas = live.iter().filter(|live| live.nas == nas.name);
            u64::try_from(of_nas.count()).expect("there are few connections")
        });
        let seen = seen.get(&*nas.name).cloned().unwrap_or_default();
        let stuck = self.alarms.stuck();
        let stuck = stuck.get(&*nas.name).copied().unwrap_or_default();
        let count = self.counts.of(&nas.name);
        NasBody {
            name: nas.name.to_string(),
            address: prefix.map(|prefix| prefix.to_string()),
            certificate: certificate.map(ToString::to_string),
            dialect: nas.dialect.name.to_string(),
            transport: transport.join(", "),
            radsec_connections,
            message_authenticator: match nas.message_authenticator {
                MessageAuthenticatorPolicy::Require => "require",
                MessageAuthenticatorPolicy::Auto => "auto",
                MessageAuthenticatorPolicy::Off => "off",
            }
            .to_owned(),
            message_authenticator_proven: nas.is_proven(),
            dynamic_authorization: nas.dynamic_authorization.map(|place| place.to_string()),
            live_sessions: seen.sessions,
            last_record_at: seen.last_record_at.map(|at| at.to_string()),
            requests: RequestsBody {
                acknowledged: count.acknowledged,
                refused: count.refused,
                unanswered: count.unanswered,
            },
            paid_but_blocked: stuck.paid_but_blocked,
            walled_but_open: stuck.walled_but_open,
        }
    }
}

fn seen(store: &Store) -> Result<BTreeMap<Box<str>, Seen>, ReadError> {
    let mut all: BTreeMap<Box<str>, Seen> = BTreeMap::new();
    let mut after: Option<SessionKey> = None;
    loop {
        let page = store.live_sessions(after.as_ref(), PAGE)?;
        for session in &page {
            let Some(name) = nas_name(&session.key) else {
                continue;
            };
            if !all.contains_key(name) {
                all.insert(name.into(), Seen::default());
            }
            let seen = all.get_mut(name).expect("it was just put there");
            seen.sessions += 1;
            seen.last_record_at = seen.last_record_at.max(Some(session.updated_at));
            if seen.addresses.len() < PROBED_MAX {
                seen.addresses.extend(nas_address(&session.key));
            }
        }
        if page.len() < PAGE {
            return Ok(all);
        }
        after = page.last().map(|session| session.key.clone());
    }
}

/// The attributes of `templates`, one a line: `Mikrotik-Rate-Limit = "20000k/100000k"`.
fn in_words(templates: &[Template], fill: Fill<'_>) -> Vec<String> {
    let words = templates
        .iter()
        .filter_map(|template| template.in_words(fill));
    words.collect()
}

/// With the Session-Timeout, which is another one for each session.
fn change_in_words(dialect: &Dialect, templates: &[Template], fill: Fill<'_>) -> Vec<String> {
    let timeout = dialect.coa_session_timeout && !templates.is_empty();
    let mut words = in_words(templates, fill);
    words.extend(timeout.then(|| "Session-Timeout = seconds from the session's start".to_owned()));
    words
}

fn probed(answered: Answered) -> ProbedBody {
    let mut body = ProbedBody {
        attempts: answered.attempts,
        millis: answered.millis,
        ..ProbedBody::default()
    };
    body.answer = match answered.outcome {
        Outcome::Ack => "ack",
        Outcome::Nak(cause) => {
            body.error_cause = cause.map(ErrorCause::number);
            body.error_cause_name = cause.map(|cause| cause_name(cause).to_owned());
            "nak"
        }
        Outcome::Silence => "silence",
        Outcome::NotSent(detail) => {
            body.detail = Some(detail);
            "not_sent"
        }
        Outcome::Busy(why) => {
            body.detail = Some(why.to_owned());
            "not_sent"
        }
        Outcome::Stopping => {
            body.detail = Some(STOPPING.to_owned());
            "not_sent"
        }
    }
    .to_owned();
    body
}

/// Whether sessions at the NAS can be moved, and what its answers mean.
fn verdict(disconnect: &Answered, coa: &Answered, has_coa: bool) -> (bool, Vec<String>) {
    use Outcome::Silence;
    if let (Silence, Silence) = (&disconnect.outcome, &coa.outcome) {
        return (false, SILENCE.map(str::to_owned).to_vec());
    }
    if let Some(why) = not_sent(&disconnect.outcome).or(not_sent(&coa.outcome)) {
        let text = format!("The request could not be sent: {why}.");
        return (false, vec![text]);
    }
    let mut text = Vec::new();
    let ends = meaning("Disconnect-Request", &disconnect.outcome, &mut text);
    let changes = meaning("CoA-Request", &coa.outcome, &mut text);
    if !changes && !has_coa {
        text.push("The dialect sends no CoA-Requests: that does not matter here.".to_owned());
    } else if !changes && ends {
        text.push(
            "Sessions are moved by Disconnect-Requests instead: each costs the subscriber a new login."
                .to_owned(),
        );
    }
    (ends && (changes || !has_coa), text)
}

/// Why a NAS was not asked, if it was not.
fn not_sent(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::NotSent(why) => Some(why),
        Outcome::Busy(why) => Some(why),
        Outcome::Stopping => Some(STOPPING),
        Outcome::Ack | Outcome::Nak(_) | Outcome::Silence => None,
    }
}

/// What silence can mean: a NAS drops what it cannot verify, so a wrong secret looks as a firewall does.
const SILENCE: [&str; 4] = [
    "The NAS said nothing. Check, in this order:",
    "- the port: dynamic_authorization in the configuration, and on the NAS (Cisco and some others: 1700, else 3799);",
    "- the secret: a NAS drops what was made with another one, and some have one of their own for CoA;",
    "- whether it takes requests at all, and from this router's address: its own list of servers, and firewalls between.",
];

/// Adds what an answer means; whether the NAS understands the request.
fn meaning(request: &str, outcome: &Outcome, text: &mut Vec<String>) -> bool {
    let (works, words) = match outcome {
        Outcome::Nak(Some(
            ErrorCause::SessionContextNotFound | ErrorCause::ResidualSessionContextRemoved,
        )) => (
            true,
            "there is no such session, which is right: it takes such requests, and the secret is right".to_owned(),
        ),
        Outcome::Ack => (
            true,
            "done, although there is no such session: an ACK of this NAS proves nothing, only accounting does".to_owned(),
        ),
        Outcome::Nak(None) => (
            true,
            "refused without a reason, which some do where there is no such session; the secret is right".to_owned(),
        ),
        Outcome::Nak(Some(cause)) => (false, format!("{}; the secret is right", hint(*cause))),
        Outcome::Silence => (
            false,
            "nothing, while it answers the other kind: switch this kind on at the NAS".to_owned(),
        ),
        Outcome::NotSent(_) | Outcome::Busy(_) | Outcome::Stopping => (
            false,
            not_sent(outcome).unwrap_or_default().to_owned(),
        ),
    };
    text.push(format!("{request}: {words}."));
    works
}

/// What a refusal means for the configuration.
fn hint(cause: ErrorCause) -> String {
    let hint = match cause {
        ErrorCause::UnsupportedAttribute
        | ErrorCause::InvalidAttributeValue
        | ErrorCause::UnsupportedService
        | ErrorCause::UnsupportedExtension
        | ErrorCause::InvalidRequest => {
            "it does not take what the dialect sends: is it the right dialect?"
        }
        ErrorCause::MissingAttribute => {
            "it wants another attribute to name the session: see identify_by of the dialect"
        }
        ErrorCause::NasIdentificationMismatch => {
            "it says that it is another NAS: check the address"
        }
        ErrorCause::AdministrativelyProhibited => {
            "it does not let this router ask: see its list of servers for dynamic authorization"
        }
        ErrorCause::RequestNotRoutable | ErrorCause::OtherProxyProcessingError => {
            "a proxy between does not reach it"
        }
        ErrorCause::ResourcesUnavailable => "it is overloaded: try again",
        ErrorCause::InvalidEapPacket
        | ErrorCause::ResidualSessionContextRemoved
        | ErrorCause::SessionContextNotFound
        | ErrorCause::SessionContextNotRemovable
        | ErrorCause::RequestInitiated
        | ErrorCause::MultipleSessionSelectionUnsupported
        | ErrorCause::Other(_) => "an answer to a session that does not exist that says little",
    };
    format!("refused, {} {}: {hint}", cause.number(), cause_name(cause))
}

/// The name of an Error-Cause as RFC 5176 section 3.5 has it.
pub(crate) const fn cause_name(cause: ErrorCause) -> &'static str {
    match cause {
        ErrorCause::ResidualSessionContextRemoved => "Residual Session Context Removed",
        ErrorCause::InvalidEapPacket => "Invalid EAP Packet (Ignored)",
        ErrorCause::UnsupportedAttribute => "Unsupported Attribute",
        ErrorCause::MissingAttribute => "Missing Attribute",
        ErrorCause::NasIdentificationMismatch => "NAS Identification Mismatch",
        ErrorCause::InvalidRequest => "Invalid Request",
        ErrorCause::UnsupportedService => "Unsupported Service",
        ErrorCause::UnsupportedExtension => "Unsupported Extension",
        ErrorCause::InvalidAttributeValue => "Invalid Attribute Value",
        ErrorCause::AdministrativelyProhibited => "Administratively Prohibited",
        ErrorCause::RequestNotRoutable => "Request Not Routable (Proxy)",
        ErrorCause::SessionContextNotFound => "Session Context Not Found",
        ErrorCause::SessionContextNotRemovable => "Session Context Not Removable",
        ErrorCause::OtherProxyProcessingError => "Other Proxy Processing Error",
        ErrorCause::ResourcesUnavailable => "Resources Unavailable",
        ErrorCause::RequestInitiated => "Request Initiated",
        ErrorCause::MultipleSessionSelectionUnsupported => "Multiple Session Selection Unsupported",
        ErrorCause::Other(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(outcome: Outcome) -> Answered {
        Answered {
            outcome,
            attempts: 1,
            millis: 3,
        }
    }

    fn said(disconnect: Outcome, coa: Outcome, has_coa: bool) -> (bool, String) {
        let (usable, text) = verdict(&answered(disconnect), &answered(coa), has_coa);
        (usable, text.join("\n"))
    }

    fn nak(cause: u32) -> Outcome {
        Outcome::Nak(Some(ErrorCause::from_number(cause)))
    }

    #[test]
    fn nak_503_to_both_is_as_it_should_be() {
        let (usable, text) = said(nak(503), nak(503), true);
        assert!(usable && text.contains("the secret is right"), "{text}");
    }

    #[test]
    fn why_nothing_was_sent_is_said_once() {
        for (outcome, why) in [
            (Outcome::NotSent("no address".to_owned()), "no address"),
            (Outcome::Busy("no room"), "no room"),
            (Outcome::Stopping, STOPPING),
        ] {
            for (disconnect, coa) in [(outcome.clone(), nak(503)), (nak(503), outcome)] {
                let (usable, text) = said(disconnect, coa, true);
                assert_eq!(
                    (usable, text),
                    (false, format!("The request could not be sent: {why}."))
                );
            }
        }
    }

    #[test]
    fn silence_names_port_secret_and_firewall() {
        let (usable, text) = said(Outcome::Silence, Outcome::Silence, true);
        assert!(!usable);
        for word in ["port", "secret", "firewalls", "1700"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn a_nas_without_coa_is_usable_where_the_dialect_has_none() {
        assert!(said(nak(503), Outcome::Silence, false).0);
        assert!(said(nak(503), nak(405), false).0);
        let (usable, text) = said(nak(503), Outcome::Silence, true);
        assert!(!usable && text.contains("switch this kind on"), "{text}");
    }

    #[test]
    fn an_ack_about_nobody_is_called_what_it_is() {
        let (usable, text) = said(Outcome::Ack, Outcome::Ack, true);
        assert!(usable && text.contains("proves nothing"), "{text}");
    }

    #[test]
    fn a_refusal_has_its_number_its_name_and_a_hint() {
        for (cause, name, hint) in [
            (401, "Unsupported Attribute", "right dialect"),
            (402, "Missing Attribute", "identify_by"),
            (403, "NAS Identification Mismatch", "check the address"),
            (407, "Invalid Attribute Value", "right dialect"),
            (501, "Administratively Prohibited", "list of servers"),
            (999, "unknown", "says little"),
        ] {
            let (usable, text) = said(nak(503), nak(cause), true);
            assert!(!usable, "{text}");
            for word in [&cause.to_string(), name, hint] {
                assert!(text.contains(word), "{word}: {text}");
            }
        }
    }
}

//! The accounting port: a record is answered when it is on disk, and not before (RFC 2866 section 2).
//!
//! The worker hands what one receive call brought to the writer and waits for the
//! commit; meanwhile the next requests queue in the socket, and what does not fit
//! there is dropped by the kernel. The NAS sends those again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{fmt, io};

use garth_radius::accounting::{AccountingRecord, StatusType};
use garth_radius::nas::Nas;
use garth_radius::server::{AccountVerdict, Server, Ticket};
use garth_store::record::{self, AccountingStatus, FURTHER_IPV6_MAX, NasNames, SessionKey};
use garth_store::write::WriteError;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress, UserName};
use uuid::Uuid;

use super::batch::{Envelope, Inbox};
use super::outbox::Outbox;
use super::{Follower, Worker, seconds, stopped};

/// Datagrams taken by one call, and so records put into one commit.
const BATCH: usize = 256;

/// Where the replies of a batch lie until its commit, and what becomes of them then.
pub(super) trait Replies {
    /// What a reply goes to.
    type To;

    /// The first `len` octets of a buffer.
    fn octets(&self, buffer: usize, len: usize) -> &[u8];

    /// The first `len` octets of a buffer are the reply.
    fn push(&mut self, to: Self::To, buffer: usize, len: usize);

    /// There will be no reply: the record is not kept.
    fn abandon(&mut self, to: Self::To);
}

impl<const N: usize> Replies for Outbox<N> {
    type To = Envelope;

    fn octets(&self, buffer: usize, len: usize) -> &[u8] {
        self.octets(buffer, len)
    }

    fn push(&mut self, to: Envelope, buffer: usize, len: usize) {
        self.push(&to, buffer, len);
    }

    /// Silence: the NAS sends it again.
    fn abandon(&mut self, _: Envelope) {}
}

/// What one batch brought and one commit decides; each reply goes to a `To`.
pub(super) struct Waiting<To> {
    batch: usize,
    records: Vec<record::AccountingRecord>,
    answers: Vec<Answer<To>>,
}

/// A reply that lies in its buffer until the commit.
struct Answer<To> {
    request: To,
    buffer: usize,
    len: usize,
    ticket: Ticket,
    /// Whether there is a record to keep. A kind of record that is not kept is acknowledged all the same, so
    /// that the NAS stops sending it: there is nothing to lose (RFC 2866 section 4.1).
    kept: bool,
}

/// Says once that the writer is behind and once that it has caught up: an overload must not fill the log too.
#[derive(Default)]
pub(super) struct Overload {
    dropped: usize,
}

pub(super) fn run(worker: Worker) -> io::Result<()> {
    let Worker {
        socket,
        mut server,
        shared,
        ..
    } = worker;
    let mut follower = Follower::new(&shared);
    let (mut inbox, mut outbox) = (Inbox::<BATCH>::new(), Outbox::<BATCH>::new(&socket));
    let mut waiting = Waiting::new(BATCH);
    let mut overload = Overload::default();
    while !stopped(&shared) {
        socket.receive(&mut inbox)?;
        follower.follow(&mut server);
        let now = seconds(&shared.store);
        let (datagrams, requests) = (inbox.datagrams(), inbox.envelopes());
        let datagrams = &datagrams[..inbox.len()];
        let mut at_once = [None; BATCH];
        server.account_batch(
            now,
            datagrams,
            outbox.buffers(),
            |at, verdict| match verdict {
                AccountVerdict::Reply { len, .. } => at_once[at] = Some(len),
                AccountVerdict::Drop(_) => {}
                AccountVerdict::Record {
                    record,
                    ticket,
                    reply_len,
                } => waiting.add(&record, ticket, requests[at], at, reply_len),
            },
        );
        for (at, (len, request)) in at_once.iter().zip(requests).enumerate() {
            if let Some(len) = len {
                outbox.push(request, at, *len);
            }
        }
        let records = waiting.records();
        match waiting.commit(&shared.store, &mut server, &mut outbox) {
            Ok(0) => overload.ended(),
            Ok(refused) => overload.goes_on(&"the table of live sessions is full", refused),
            Err(WriteError::Failed(error)) => return Err(io::Error::other(error)),
            Err(error) => overload.goes_on(&error, records),
        }
        if let Err(error) = socket.send(&mut outbox) {
            tracing::debug!(%error, "replies were not taken by the kernel");
        }
    }
    Ok(())
}

impl<To> Waiting<To> {
    /// Room for a batch of so many.
    pub(super) fn new(batch: usize) -> Self {
        Self {
            batch,
            records: Vec::with_capacity(batch),
            answers: Vec::with_capacity(batch),
        }
    }

    /// How many records the next commit has.
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    /// Takes a record, and its reply: so many octets of the buffer with that number.
    pub(super) fn add(
        &mut self,
        record: &AccountingRecord<'_>,
        ticket: Ticket,
        request: To,
        buffer: usize,
        len: usize,
    ) {
        let record = to_store(record);
        self.answers.push(Answer {
            request,
            buffer,
            len,
            ticket,
            kept: record.is_some(),
        });
        self.records.extend(record);
    }

    /// Waits for the commit, then puts the answers into the outbox. What was not kept is not answered;
    /// how many records found no room. On failure none is answered.
    pub(super) fn commit(
        &mut self,
        store: &garth_store::Store,
        server: &mut Server,
        outbox: &mut impl Replies<To = To>,
    ) -> Result<usize, WriteError> {
        let refused = if self.records.is_empty() {
            Ok(Vec::new())
        } else {
            let records = std::mem::replace(&mut self.records, Vec::with_capacity(self.batch));
            store.account(records)
        };
        let mut places = 0..;
        for answer in self.answers.drain(..) {
            let place = if answer.kept { places.next() } else { None };
            let is_kept = place.is_none_or(|place| {
                let refused = refused.as_ref();
                refused.is_ok_and(|refused| refused.binary_search(&place).is_err())
            });
            if !is_kept {
                server.abandoned(answer.ticket);
                outbox.abandon(answer.request);
                continue;
            }
            server.committed(answer.ticket, outbox.octets(answer.buffer, answer.len));
            outbox.push(answer.request, answer.buffer, answer.len);
        }
        refused.map(|refused| refused.len())
    }
}

impl Overload {
    pub(super) fn goes_on(&mut self, error: &dyn fmt::Display, records: usize) {
        if self.dropped == 0 {
            tracing::warn!(%error, "accounting records are not kept; the NAS will send them again");
        }
        self.dropped += records;
    }

    pub(super) fn ended(&mut self) {
        if self.dropped > 0 {
            let dropped = self.dropped;
            tracing::info!(dropped, "accounting records are kept again");
            self.dropped = 0;
        }
    }
}

/// The record as the store keeps it; `None` for a kind of record that is not kept.
fn to_store(record: &AccountingRecord<'_>) -> Option<record::AccountingRecord> {
    let status = match record.status_type {
        StatusType::Start => AccountingStatus::Start,
        StatusType::InterimUpdate => AccountingStatus::InterimUpdate,
        StatusType::Stop => AccountingStatus::Stop,
        StatusType::AccountingOn => AccountingStatus::AccountingOn,
        StatusType::AccountingOff => AccountingStatus::AccountingOff,
        StatusType::Other(_) => return None,
    };
    let text = |octets: &[u8]| {
        std::str::from_utf8(octets)
            .ok()
            .and_then(|text| text.parse::<UserName>().ok())
    };
    let class = record
        .class
        .and_then(|class| Uuid::from_slice(class).ok())
        .map(SubscriptionId);
    let (framed_ipv6, delegated_ipv6, further_ipv6) = ipv6_of(record);
    let nas = NasName {
        nas: &record.nas,
        source: record.source,
    };
    Some(record::AccountingRecord {
        status,
        key: SessionKey {
            nas: nas.to_string().into(),
            // There is one in every record of a session.
            acct_session_id: record.acct_session_id.unwrap_or_default().into(),
        },
        class,
        user_name: record.user_name.and_then(text),
        mac: record.calling_station_mac().map(MacAddress),
        framed_ipv4: record
            .framed_ip_address
            .filter(|address| !is_placeholder(*address)),
        framed_ipv6,
        delegated_ipv6,
        further_ipv6,
        nas_names: NasNames {
            nas_identifier: record.nas_identifier.map(Into::into),
            nas_ip_address: record.nas_ip_address,
            nas_ipv6_address: record.nas_ipv6_address,
        },
        nas_port: record.nas_port,
        nas_port_id: record.nas_port_id.map(Into::into),
        input_octets: record.input_octets,
        output_octets: record.output_octets,
        session_time: record.session_time.unwrap_or(0),
        terminate_cause: record.terminate_cause,
        delay_seconds: record.delay_time,
    })
}

/// The link's prefix, the delegated one, and what else there is that neither contains.
///
/// Who is given a single address, alone or beside a prefix of another link, must be found behind it,
/// and walled there.
fn ipv6_of(
    record: &AccountingRecord<'_>,
) -> (Option<Ipv6Prefix>, Option<Ipv6Prefix>, Box<[Ipv6Prefix]>) {
    let address = record.framed_ipv6_address.map(|address| (address, 128));
    let address = address.and_then(prefix);
    let framed = record.framed_ipv6_prefix.and_then(prefix);
    let (framed, address) = match framed {
        Some(framed) => (Some(framed), address),
        None => (address, None),
    };
    let delegated = record.delegated_ipv6_prefix.and_then(prefix);
    let further = record.further_ipv6.into_iter().flatten().filter_map(prefix);
    let mut known: Vec<Ipv6Prefix> = [framed, delegated].into_iter().flatten().collect();
    let own = known.len();
    for more in address.into_iter().chain(further) {
        let is_within = |other: &Ipv6Prefix| {
            other.prefix_len() <= more.prefix_len() && other.contains(more.address())
        };
        if !known.iter().any(is_within) {
            known.push(more);
        }
    }
    let further = known.split_off(own).into_iter().take(FURTHER_IPV6_MAX);
    (framed, delegated, further.collect())
}

/// The prefix without the host bits that some NAS leave in it; else its subscriber would be found nowhere and
/// walled nowhere. A NAS that has given none yet says ::/0, which would be everybody's.
fn prefix((address, len): (Ipv6Addr, u8)) -> Option<Ipv6Prefix> {
    let host_bits = u32::from(128_u8.checked_sub(len)?);
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    let network = Ipv6Addr::from_bits(address.to_bits() & mask);
    Ipv6Prefix::new(network, len)
        .ok()
        .filter(|_| !network.is_unspecified())
}

/// Values of Framed-IP-Address that are no address: none, and those of RFC 2865 section 5.8 by which
/// a server leaves the choice to the user or the NAS.
fn is_placeholder(address: Ipv4Addr) -> bool {
    const BY_NAS: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 254);
    address.is_unspecified() || address.is_broadcast() || address == BY_NAS
}

/// What stands behind the name of a NAS that is known by its certificate.
const RADSEC: &str = "radsec";

/// The name of a NAS in the keys of its sessions.
///
/// One configured NAS may be a whole prefix of devices; each counts its own sessions, so the address
/// tells them apart where the prefix is wider than a host. Over RadSec the certificate does, and its NAS may
/// report from another address each time it connects.
pub(super) struct NasName<'a> {
    pub(super) nas: &'a Nas,
    pub(super) source: IpAddr,
}

impl fmt::Display for NasName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nas.certificate {
            Some(_) => write!(f, "{}/{RADSEC}", self.nas.name),
            None => write!(f, "{}/{}", self.nas.name, self.source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use garth_radius::crypto::Secret;
    use garth_radius::dialect::Dialect;
    use garth_radius::nas::Prefix;

    use super::*;

    #[test]
    fn n7_sessions_over_radsec_are_those_of_the_nas_wherever_it_is() {
        let certificate = "nas.example.net".parse().unwrap();
        let nas = Nas::radsec("bng", certificate, Arc::new(Dialect::generic()));
        let nas = Arc::new(nas);
        for source in ["192.0.2.1", "2001:db8::1"] {
            let record = AccountingRecord {
                nas: Arc::clone(&nas),
                source: source.parse().unwrap(),
                ..told()
            };
            assert_eq!(&*to_store(&record).unwrap().key.nas, "bng/radsec");
        }
        assert_eq!(&*to_store(&told()).unwrap().key.nas, "nas/127.0.0.1");
    }

    fn told() -> AccountingRecord<'static> {
        let source = Ipv4Addr::LOCALHOST.into();
        let prefix = Prefix::new(source, 32).unwrap();
        let secret = Secret::new(b"testing123").unwrap();
        AccountingRecord {
            nas: Arc::new(Nas::new(
                "nas",
                prefix,
                secret,
                Arc::new(Dialect::generic()),
            )),
            source,
            status_type: StatusType::Start,
            nas_identifier: None,
            nas_ip_address: None,
            nas_ipv6_address: None,
            acct_session_id: Some(b"1"),
            user_name: None,
            class: None,
            framed_ip_address: None,
            framed_ipv6_prefix: None,
            framed_ipv6_address: None,
            delegated_ipv6_prefix: None,
            further_ipv6: [None; 6],
            nas_port: None,
            calling_station_id: None,
            nas_port_id: None,
            input_octets: 0,
            output_octets: 0,
            input_packets: 0,
            output_packets: 0,
            session_time: None,
            terminate_cause: None,
            event_timestamp: None,
            delay_time: 0,
        }
    }

    #[test]
    fn n8_a_station_is_known_by_the_notations_of_a_login_and_by_no_other() {
        let mac = |text: &'static str| {
            let record = AccountingRecord {
                calling_station_id: Some(text.as_bytes()),
                ..told()
            };
            to_store(&record).unwrap().mac
        };
        let known = Some(MacAddress([2, 0, 0, 0, 0xab, 7]));
        for text in ["02-00-00-00-AB-07", "0200.0000.ab07", "02000000ab07"] {
            assert_eq!(mac(text), known, "{text}");
        }
        for text in [
            "02-00:00.00-AB-07",
            "0200-0000ab07",
            "02000000ab07:",
            "02-00-00-00-AB-07:ssid",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }

    fn ipv6(prefix: Option<(&str, u8)>, address: Option<&str>) -> Option<String> {
        let record = AccountingRecord {
            framed_ipv6_prefix: prefix.map(|(address, len)| (address.parse().unwrap(), len)),
            framed_ipv6_address: address.map(|address| address.parse().unwrap()),
            ..told()
        };
        to_store(&record)
            .unwrap()
            .framed_ipv6
            .map(|p| p.to_string())
    }

    #[test]
    fn a_nas_that_names_no_address_yet_names_nobody() {
        for none in ["0.0.0.0", "255.255.255.255", "255.255.255.254"] {
            let record = AccountingRecord {
                framed_ip_address: Some(none.parse().unwrap()),
                ..told()
            };
            assert_eq!(to_store(&record).unwrap().framed_ipv4, None, "{none}");
        }
        for len in [0, 1, 64, 128] {
            assert_eq!(ipv6(Some(("::", len)), None), None, "/{len}");
        }
        assert_eq!(ipv6(Some(("2001:db8::", 0)), None), None);
        assert_eq!(ipv6(None, Some("::")), None);
    }

    #[test]
    fn an_ipv6_subscriber_is_found_however_the_nas_tells_of_it() {
        let net = Some("2001:db8:0:7::/64".to_owned());
        assert_eq!(ipv6(Some(("2001:db8:0:7::", 64)), None), net);
        assert_eq!(ipv6(Some(("2001:db8:0:7::1", 64)), None), net, "host bits");
        let host = Some("2001:db8::7/128".to_owned());
        assert_eq!(ipv6(None, Some("2001:db8::7")), host);
        assert_eq!(ipv6(Some(("2001:db8:0:7::", 64)), Some("2001:db8::7")), net);
    }

    #[test]
    fn n32_an_address_or_prefix_that_no_other_contains_is_kept_beside_them() {
        let further = |address: &str, further: [Option<(&str, u8)>; 6]| {
            let record = AccountingRecord {
                framed_ipv6_prefix: Some(("2001:db8:0:7::".parse().unwrap(), 64)),
                framed_ipv6_address: Some(address.parse().unwrap()),
                delegated_ipv6_prefix: Some(("2001:db8:7:100::".parse().unwrap(), 56)),
                further_ipv6: further
                    .map(|found| found.map(|(address, len)| (address.parse().unwrap(), len))),
                ..told()
            };
            let kept = to_store(&record).unwrap().further_ipv6;
            kept.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let none = [None; 6];
        assert_eq!(further("2001:db8:0:7::9", none), [""; 0], "within the link");
        assert_eq!(further("2001:db8:7:1ff::9", none), [""; 0], "delegated");
        assert_eq!(further("2001:db8::7", none), ["2001:db8::7/128"]);
        let several = [
            Some(("2001:db8:0:8::1", 64)),
            Some(("2001:db8:0:8::", 64)),
            Some(("::", 64)),
            Some(("2001:db8:7::", 48)),
            Some(("2001:db8::7", 128)),
            Some(("2001:db8:9::", 48)),
        ];
        let kept = [
            "2001:db8::7/128",
            "2001:db8:0:8::/64",
            "2001:db8:7::/48",
            "2001:db8:9::/48",
        ];
        assert_eq!(further("2001:db8::7", several), kept);
    }
}

//! The accounting log on the disk: blocks of records in the order of their arrival.
//!
//! A block is one octet of version, the instant of arrival (milliseconds since 1970, 8 octets), the
//! number of its events (4 octets), both in network order, and one CBOR array for each event. A
//! record of the usual kind takes about 100 octets. What the NAS calls itself and its port are in the
//! first record of a session that tells, and in no other that says the same.

use std::net::Ipv4Addr;

use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::MacAddress;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::network::{NamesRow, PrefixRow, names, names_row, prefix, prefix_row, prefixes};
use super::{Damaged, IdRow, ROW_VERSION, instant, optional_text};
use crate::record::{AccountingRecord, AccountingStatus, SessionKey};

/// Version, instant and number of events.
const HEADER: usize = 13;
/// A block with more octets takes no further event. redb gives a row of this size the four pages
/// that it fills, and one row costs what a hundred small ones would not.
const BLOCK_OCTETS: usize = 15_872;

const START: u8 = 1;
const INTERIM_UPDATE: u8 = 2;
const STOP: u8 = 3;
const ACCOUNTING_ON: u8 = 4;
const ACCOUNTING_OFF: u8 = 5;
/// Not a record of a NAS: the session was closed here.
const CUT: u8 = 6;

/// Something that changes sessions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// A record; for whom, if it was the first of its session to tell.
    Record(Box<AccountingRecord>, Option<SubscriptionId>),
    /// A live session was closed from here, with this Acct-Terminate-Cause.
    Cut(SessionKey, u32),
}

#[derive(Decode, Encode)]
struct EventRow<'a> {
    #[n(0)]
    kind: u8,
    #[b(1)]
    nas: &'a str,
    #[cbor(b(2), with = "minicbor::bytes")]
    acct_session_id: &'a [u8],
    #[n(3)]
    session_time: u32,
    #[n(4)]
    input_octets: u64,
    #[n(5)]
    output_octets: u64,
    #[n(6)]
    delay_seconds: u32,
    #[n(7)]
    framed_ipv4: Option<u32>,
    #[b(8)]
    user_name: Option<&'a str>,
    #[n(9)]
    mac: Option<ByteArray<6>>,
    #[n(10)]
    subscription: Option<IdRow>,
    #[n(11)]
    terminate_cause: Option<u32>,
    #[n(12)]
    framed_ipv6: Option<PrefixRow>,
    #[n(13)]
    delegated_ipv6: Option<PrefixRow>,
    #[n(14)]
    further_ipv6: Option<Vec<PrefixRow>>,
    #[b(15)]
    names: Option<NamesRow<'a>>,
}

impl<'a> EventRow<'a> {
    /// An event of that session that says nothing else.
    fn of(kind: u8, key: &'a SessionKey) -> Self {
        Self {
            kind,
            nas: &key.nas,
            acct_session_id: &key.acct_session_id,
            session_time: 0,
            input_octets: 0,
            output_octets: 0,
            delay_seconds: 0,
            framed_ipv4: None,
            user_name: None,
            mac: None,
            subscription: None,
            terminate_cause: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            further_ipv6: None,
            names: None,
        }
    }
}

/// A block being filled.
#[derive(Debug)]
pub(crate) struct Block {
    octets: Vec<u8>,
    events: u32,
}

impl Block {
    /// An empty one, for events that arrive `at`.
    pub(crate) fn new(at: Timestamp) -> Self {
        let mut octets = Vec::with_capacity(BLOCK_OCTETS + 512);
        octets.push(ROW_VERSION);
        octets.extend_from_slice(&at.unix_millis().to_be_bytes());
        octets.extend_from_slice(&[0; 4]);
        Self { octets, events: 0 }
    }

    /// Whether it takes no more.
    pub(crate) fn is_full(&self) -> bool {
        self.octets.len() > BLOCK_OCTETS
    }

    /// Adds a record, and for whom it was if it was the first of its session to tell; `has_names`:
    /// what the NAS calls itself and its port are to be kept.
    pub(crate) fn record(
        &mut self,
        record: &AccountingRecord,
        named: Option<SubscriptionId>,
        has_names: bool,
    ) {
        let kind = match record.status {
            AccountingStatus::Start => START,
            AccountingStatus::InterimUpdate => INTERIM_UPDATE,
            AccountingStatus::Stop => STOP,
            AccountingStatus::AccountingOn => ACCOUNTING_ON,
            AccountingStatus::AccountingOff => ACCOUNTING_OFF,
        };
        let further = &record.further_ipv6;
        self.add(&EventRow {
            session_time: record.session_time,
            input_octets: record.input_octets,
            output_octets: record.output_octets,
            delay_seconds: record.delay_seconds,
            framed_ipv4: record.framed_ipv4.map(Ipv4Addr::to_bits),
            user_name: record.user_name.as_ref().map(|name| name.as_str()),
            mac: record.mac.map(|mac| ByteArray::from(mac.0)),
            subscription: named.map(|id| id.0.into()),
            terminate_cause: record.terminate_cause,
            framed_ipv6: record.framed_ipv6.map(prefix_row),
            delegated_ipv6: record.delegated_ipv6.map(prefix_row),
            further_ipv6: (!further.is_empty())
                .then(|| further.iter().copied().map(prefix_row).collect()),
            names: if has_names {
                names_row(
                    Some(&record.nas_names),
                    record.nas_port,
                    record.nas_port_id.as_deref(),
                )
            } else {
                None
            },
            ..EventRow::of(kind, &record.key)
        });
    }

    /// Adds that a session was closed from here.
    pub(crate) fn cut(&mut self, key: &SessionKey, cause: u32) {
        self.add(&EventRow {
            terminate_cause: Some(cause),
            ..EventRow::of(CUT, key)
        });
    }

    fn add(&mut self, row: &EventRow<'_>) {
        minicbor::encode(row, &mut self.octets).expect("a Vec takes every octet");
        self.events += 1;
    }

    /// Its octets, and how many events it has.
    pub(crate) fn finish(mut self) -> (Vec<u8>, u64) {
        self.octets[HEADER - 4..HEADER].copy_from_slice(&self.events.to_be_bytes());
        (self.octets, self.events.into())
    }
}

/// When the events of a block arrived, and the events.
pub(crate) fn decode_block(octets: &[u8]) -> Result<(Timestamp, Vec<Event>), Damaged> {
    let damaged = |detail: &str| Damaged::new("block of accounting", detail);
    let (header, body) = octets
        .split_first_chunk::<HEADER>()
        .ok_or_else(|| damaged("it is too short"))?;
    let [version, a, b, c, d, e, f, g, h, count @ ..] = *header;
    if version != ROW_VERSION {
        return Err(damaged("this program does not read its version"));
    }
    let at = instant(i64::from_be_bytes([a, b, c, d, e, f, g, h]))?;
    let mut rows = minicbor::Decoder::new(body);
    let mut events = Vec::new();
    for _ in 0..u32::from_be_bytes(count) {
        let row = rows.decode().map_err(|error| damaged(&error.to_string()))?;
        events.push(event(row)?);
    }
    if rows.position() != body.len() {
        return Err(damaged("it has more octets than events"));
    }
    Ok((at, events))
}

fn event(row: EventRow<'_>) -> Result<Event, Damaged> {
    let key = SessionKey {
        nas: row.nas.into(),
        acct_session_id: row.acct_session_id.into(),
    };
    let status = match row.kind {
        START => AccountingStatus::Start,
        INTERIM_UPDATE => AccountingStatus::InterimUpdate,
        STOP => AccountingStatus::Stop,
        ACCOUNTING_ON => AccountingStatus::AccountingOn,
        ACCOUNTING_OFF => AccountingStatus::AccountingOff,
        CUT => return Ok(Event::Cut(key, row.terminate_cause.unwrap_or_default())),
        kind => {
            return Err(Damaged::new(
                "accounting event",
                format_args!("kind {kind}"),
            ));
        }
    };
    let (nas_names, nas_port, nas_port_id) = row.names.as_ref().map(names).unwrap_or_default();
    let record = AccountingRecord {
        status,
        key,
        class: None,
        user_name: optional_text("user name", row.user_name)?,
        mac: row.mac.map(|mac| MacAddress(*mac)),
        framed_ipv4: row.framed_ipv4.map(Ipv4Addr::from_bits),
        framed_ipv6: row.framed_ipv6.as_ref().map(prefix).transpose()?,
        delegated_ipv6: row.delegated_ipv6.as_ref().map(prefix).transpose()?,
        further_ipv6: prefixes(row.further_ipv6.as_deref())?,
        nas_names,
        nas_port,
        nas_port_id,
        input_octets: row.input_octets,
        output_octets: row.output_octets,
        session_time: row.session_time,
        terminate_cause: row.terminate_cause,
        delay_seconds: row.delay_seconds,
    };
    let named = row.subscription.map(|id| SubscriptionId(id.into()));
    Ok(Event::Record(Box::new(record), named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::NasNames;

    fn event(status: AccountingStatus) -> AccountingRecord {
        AccountingRecord {
            status,
            key: SessionKey {
                nas: "pppoe-1/192.0.2.1".into(),
                acct_session_id: b"\x00\xff81A4".as_slice().into(),
            },
            class: None,
            user_name: "user0000001".parse().ok(),
            mac: Some(MacAddress([2, 0, 0, 0, 0, 7])),
            framed_ipv4: "10.64.0.7".parse().ok(),
            framed_ipv6: "2001:db8:0:7::/64".parse().ok(),
            delegated_ipv6: "2001:db8:7:100::/56".parse().ok(),
            further_ipv6: ["2001:db8::7/128", "2001:db8:9::/64"]
                .map(|text| text.parse().unwrap())
                .into(),
            nas_names: NasNames {
                nas_identifier: Some(b"bng-\xff".as_slice().into()),
                nas_ip_address: "192.0.2.7".parse().ok(),
                nas_ipv6_address: "2001:db8::9".parse().ok(),
            },
            nas_port: Some(u32::MAX),
            nas_port_id: Some(b"eth 0/1:100.200".as_slice().into()),
            input_octets: u64::MAX,
            output_octets: 1 << 40,
            session_time: 86_400,
            terminate_cause: Some(1),
            delay_seconds: 3,
        }
    }

    #[test]
    fn a_block_gives_back_what_was_put_into_it() {
        let at = "2026-11-21T12:00:00Z".parse().unwrap();
        let named = Some(SubscriptionId(uuid::Uuid::from_u128(7)));
        let mut block = Block::new(at);
        let mut wanted = Vec::new();
        for status in [
            AccountingStatus::Start,
            AccountingStatus::InterimUpdate,
            AccountingStatus::Stop,
            AccountingStatus::AccountingOn,
            AccountingStatus::AccountingOff,
        ] {
            block.record(&event(status), named, true);
            wanted.push(Event::Record(Box::new(event(status)), named));
        }
        block.record(&event(AccountingStatus::InterimUpdate), None, false);
        let unnamed = AccountingRecord {
            nas_names: NasNames::default(),
            nas_port: None,
            nas_port_id: None,
            ..event(AccountingStatus::InterimUpdate)
        };
        wanted.push(Event::Record(Box::new(unnamed), None));
        let key = event(AccountingStatus::Start).key;
        block.cut(&key, 6);
        wanted.push(Event::Cut(key, 6));
        let (octets, count) = block.finish();
        assert_eq!(count, 7);
        assert_eq!(decode_block(&octets), Ok((at, wanted)));
    }

    #[test]
    fn a_block_cut_short_or_prolonged_is_damaged() {
        let mut block = Block::new("2026-11-21T12:00:00Z".parse().unwrap());
        block.record(&event(AccountingStatus::Start), None, true);
        let (mut octets, _) = block.finish();
        for len in 0..octets.len() {
            assert!(decode_block(&octets[..len]).is_err(), "{len} octets");
        }
        octets.push(0);
        assert!(decode_block(&octets).is_err());
    }
}

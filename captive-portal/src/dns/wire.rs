//! DNS messages, as much as a forwarder needs (RFC 1035 section 4.1, RFC 6891).
//!
//! Pure and total: no octets panic, loop or grow anything. A query is read and written anew for the
//! upstream; a reply is checked against the question and then passed on as it is, with every TTL
//! clamped in place, so that records of any type come through unchanged.
//!
//! Not here: sockets (`server`, `upstream`), which names are allowed (`name`).

use std::net::IpAddr;

use super::name::Name;

/// The longest query taken: a question and options, no more.
pub(super) const QUERY_LEN_MAX: usize = 1_232;
/// The longest UDP reply, which no path fragments (DNS flag day 2020).
const UDP_REPLY_LEN_MAX: u16 = 1_232;
/// What a client without EDNS takes over UDP.
const PLAIN_REPLY_LEN_MAX: u16 = 512;
/// The longest reply over TCP: its length has two octets.
pub(super) const TCP_REPLY_LEN_MAX: usize = 65_535;

/// Clients ask again within a minute, so that an address is opened anew while it is used (N23), and at most
/// twice a minute.
const TTL_SECONDS: std::ops::RangeInclusive<u32> = 30..=60;
/// Links of a CNAME chain that are followed.
const CHAIN_MAX: usize = 12;
/// Addresses of one reply that are opened; more than any service answers with.
const ADDRESSES_MAX: usize = 32;
/// Pointers followed in one name. Each must point backwards, so even this is never reached by honest names.
const POINTERS_MAX: usize = 16;
/// A name has at most 127 labels.
const LABELS_MAX: usize = 127;

const HEADER_LEN: usize = 12;
const FLAG_REPLY: u8 = 0x80;
const OPCODE_MASK: u8 = 0x78;
const FLAG_TRUNCATED: u8 = 0x02;
const FLAG_RECURSION_DESIRED: u8 = 0x01;
const FLAG_RECURSION_AVAILABLE: u8 = 0x80;
const FLAG_CHECKING_DISABLED: u8 = 0x10;
const DNSSEC_OK: u8 = 0x80;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;
/// Browsers ask for it beside A and AAAA, and some connect to the addresses it hints at (RFC 9460).
const TYPE_HTTPS: u16 = 65;
const HINT_V4: u16 = 4;
const HINT_V6: u16 = 6;
/// 128 to 255 are questions about more than data: transfers, everything (RFC 6895 section 3.1).
const META_TYPES: std::ops::RangeInclusive<u16> = 128..=255;
const CLASS_IN: u16 = 1;

/// Response codes that are ours to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Code {
    ServerFailure = 2,
    Refused = 5,
}

/// A question of a client.
#[derive(Clone, Debug)]
pub(super) struct Query {
    id: u16,
    pub(super) name: Name,
    kind: u16,
    class: u16,
    /// Name, type and class as the client wrote them.
    question: Vec<u8>,
    recursion_desired: bool,
    checking_disabled: bool,
    edns: Option<Edns>,
}

#[derive(Clone, Copy, Debug)]
struct Edns {
    reply_len_max: u16,
    dnssec_ok: bool,
}

/// The octets are no DNS message, or not one for us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed;

impl Query {
    /// Reads a query with one question.
    pub(super) fn read(octets: &[u8]) -> Result<Self, Malformed> {
        let header: &[u8; HEADER_LEN] = octets.first_chunk().ok_or(Malformed)?;
        let flags = [header[2], header[3]];
        let wrong = octets.len() > QUERY_LEN_MAX
            || flags[0] & (FLAG_REPLY | OPCODE_MASK | FLAG_TRUNCATED) != 0
            || number(octets, 4)? != 1
            || number(octets, 6)? != 0
            || number(octets, 8)? != 0;
        if wrong {
            return Err(Malformed);
        }
        let (name, end) = name(octets, HEADER_LEN)?;
        let (kind, class) = (number(octets, end)?, number(octets, end + 2)?);
        let question = octets.get(HEADER_LEN..end + 4).ok_or(Malformed)?.to_vec();
        let mut edns = None;
        for record in Records::new(octets, end + 4, number(octets, 10)?) {
            let record = record?;
            if record.kind == TYPE_OPT {
                let dnssec_ok = octets
                    .get(record.ttl_at + 2)
                    .is_some_and(|flags| flags & DNSSEC_OK != 0);
                let reply_len_max = record.class.clamp(PLAIN_REPLY_LEN_MAX, UDP_REPLY_LEN_MAX);
                edns = Some(Edns {
                    reply_len_max,
                    dnssec_ok,
                });
            }
        }
        Ok(Self {
            id: number(octets, 0)?,
            name,
            kind,
            class,
            question,
            recursion_desired: flags[0] & FLAG_RECURSION_DESIRED != 0,
            checking_disabled: flags[1] & FLAG_CHECKING_DISABLED != 0,
            edns,
        })
    }

    /// Whether this is a question about data of the Internet; the others are refused.
    pub(super) fn is_ordinary(&self) -> bool {
        self.class == CLASS_IN
            && !META_TYPES.contains(&self.kind)
            && self.kind != TYPE_OPT
            && self.kind != 0
    }

    /// The question for the upstream, under an identifier of ours. Options of the client stay here: nothing tells
    /// one subscriber's question from another's.
    pub(super) fn forward(&self, id: u16) -> Vec<u8> {
        let flags = [
            FLAG_RECURSION_DESIRED,
            if self.checking_disabled {
                FLAG_CHECKING_DISABLED
            } else {
                0
            },
        ];
        let mut octets = self.message(id, flags);
        if let Some(edns) = self.edns {
            octets[11] = 1;
            octets.push(0);
            octets.extend(TYPE_OPT.to_be_bytes());
            octets.extend(edns.reply_len_max.to_be_bytes());
            octets.extend([0, 0, if edns.dnssec_ok { DNSSEC_OK } else { 0 }, 0, 0, 0]);
        }
        octets
    }

    /// A reply without an answer.
    pub(super) fn failure(&self, code: Code) -> Vec<u8> {
        let [desired, checking] = self.echoed_flags();
        self.message(
            self.id,
            [
                FLAG_REPLY | desired,
                FLAG_RECURSION_AVAILABLE | checking | code as u8,
            ],
        )
    }

    /// `reply`, or where it is too long for the client over UDP, the advice to come by TCP.
    pub(super) fn fit_datagram(&self, reply: Vec<u8>) -> Vec<u8> {
        let limit = self
            .edns
            .map_or(PLAIN_REPLY_LEN_MAX, |edns| edns.reply_len_max);
        if reply.len() <= usize::from(limit) {
            return reply;
        }
        let [desired, checking] = self.echoed_flags();
        self.message(
            self.id,
            [
                FLAG_REPLY | FLAG_TRUNCATED | desired,
                FLAG_RECURSION_AVAILABLE | checking,
            ],
        )
    }

    /// Checks that `octets` is the upstream's reply to [`Self::forward`] with `id`, and makes it the client's.
    pub(super) fn accept(&self, id: u16, mut octets: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        let header: &[u8; HEADER_LEN] = octets.first_chunk().ok_or(Malformed)?;
        let is_reply = header[2] & (FLAG_REPLY | OPCODE_MASK) == FLAG_REPLY;
        let ours = number(&octets, 0)? == id && is_reply && number(&octets, 4)? == 1;
        let (asked, end) = name(&octets, HEADER_LEN)?;
        let same = asked == self.name
            && number(&octets, end)? == self.kind
            && number(&octets, end + 2)? == self.class;
        let first_record = self.first_record();
        if !ours || !same || end + 4 != first_record {
            return Err(Malformed);
        }
        let others = number(&octets, 8)?.checked_add(number(&octets, 10)?);
        let count = others
            .and_then(|others| others.checked_add(number(&octets, 6).ok()?))
            .ok_or(Malformed)?;
        let records = Records::new(&octets, first_record, count).collect::<Result<Vec<_>, _>>()?;
        for record in records.iter().filter(|record| record.kind != TYPE_OPT) {
            clamp_ttl(&mut octets, record.ttl_at);
        }
        octets[..2].copy_from_slice(&self.id.to_be_bytes());
        octets[2] = octets[2] & !FLAG_RECURSION_DESIRED | self.echoed_flags()[0];
        // The client's own spelling: some mix upper and lower case and compare (draft-vixie-dnsext-dns0x20).
        octets[HEADER_LEN..first_record].copy_from_slice(&self.question);
        Ok(octets)
    }

    /// The addresses in an accepted `reply` that the name of the question leads to, over CNAMEs in whatever
    /// order they come. Works longest on replies made for that; only for names that are trusted.
    pub(super) fn addresses(&self, reply: &[u8]) -> Result<Vec<IpAddr>, Malformed> {
        let answers = Records::new(reply, self.first_record(), number(reply, 6)?)
            .filter(|record| !matches!(record, Ok(record) if record.class != CLASS_IN))
            .collect::<Result<Vec<_>, _>>()?;
        let owners = self.chain(reply, &answers)?;
        let mut addresses = Vec::new();
        for record in &answers {
            let data = reply.get(record.data_at..record.end).ok_or(Malformed)?;
            let found: Vec<IpAddr> = match record.kind {
                TYPE_A => <[u8; 4]>::try_from(data)
                    .map(IpAddr::from)
                    .into_iter()
                    .collect(),
                TYPE_AAAA => <[u8; 16]>::try_from(data)
                    .map(IpAddr::from)
                    .into_iter()
                    .collect(),
                TYPE_HTTPS => hints(data),
                _ => continue,
            };
            if owners.contains(&name(reply, record.at)?.0) {
                let room = ADDRESSES_MAX - addresses.len();
                addresses.extend(found.into_iter().filter(is_destination).take(room));
            }
        }
        Ok(addresses)
    }

    /// The name of the question and what it is another name for.
    fn chain(&self, reply: &[u8], answers: &[Record]) -> Result<Vec<Name>, Malformed> {
        let mut owners = vec![self.name.clone()];
        while owners.len() <= CHAIN_MAX {
            let current = &owners[owners.len() - 1];
            let mut next = None;
            for record in answers.iter().filter(|record| record.kind == TYPE_CNAME) {
                if name(reply, record.at)?.0 == *current {
                    next = Some(name(reply, record.data_at)?.0);
                }
            }
            match next {
                Some(target) if !owners.contains(&target) => owners.push(target),
                Some(_) | None => break,
            }
        }
        Ok(owners)
    }

    /// Where the records of a reply begin.
    fn first_record(&self) -> usize {
        HEADER_LEN + self.question.len()
    }

    fn echoed_flags(&self) -> [u8; 2] {
        [
            if self.recursion_desired {
                FLAG_RECURSION_DESIRED
            } else {
                0
            },
            if self.checking_disabled {
                FLAG_CHECKING_DISABLED
            } else {
                0
            },
        ]
    }

    fn message(&self, id: u16, flags: [u8; 2]) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_LEN + self.question.len() + 11);
        octets.extend(id.to_be_bytes());
        octets.extend(flags);
        octets.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        octets.extend(&self.question);
        octets
    }
}

/// The addresses an HTTPS record hints at (RFC 9460 section 2.2); what is malformed holds no more hints.
fn hints(data: &[u8]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    // The priority, then the name of the target.
    let Ok(mut at) = skip_name(data, 2) else {
        return found;
    };
    while let (Ok(key), Ok(length)) = (number(data, at), number(data, at + 2)) {
        let end = at + 4 + usize::from(length);
        let Some(value) = data.get(at + 4..end) else {
            break;
        };
        match key {
            HINT_V4 => found.extend(value.as_chunks::<4>().0.iter().copied().map(IpAddr::from)),
            HINT_V6 => found.extend(value.as_chunks::<16>().0.iter().copied().map(IpAddr::from)),
            _ => (),
        }
        at = end;
    }
    found
}

/// Whether opening the address could ever be meant: names that lead to this router's own or to everybody's
/// addresses are a trick.
fn is_destination(address: &IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
    };
    !(local || address.is_loopback() || address.is_multicast() || address.is_unspecified())
}

/// Where a resource record and its parts are.
#[derive(Clone, Copy, Debug)]
struct Record {
    at: usize,
    kind: u16,
    class: u16,
    ttl_at: usize,
    data_at: usize,
    end: usize,
}

/// The records of a message, one after the other; ends after the first that does not fit.
struct Records<'a> {
    octets: &'a [u8],
    at: usize,
    left: u16,
}

impl<'a> Records<'a> {
    fn new(octets: &'a [u8], at: usize, count: u16) -> Self {
        Self {
            octets,
            at,
            left: count,
        }
    }

    fn read(&self) -> Result<Record, Malformed> {
        let kind_at = skip_name(self.octets, self.at)?;
        let data_at = kind_at + 10;
        let end = data_at + usize::from(number(self.octets, kind_at + 8)?);
        if end > self.octets.len() {
            return Err(Malformed);
        }
        Ok(Record {
            at: self.at,
            kind: number(self.octets, kind_at)?,
            class: number(self.octets, kind_at + 2)?,
            ttl_at: kind_at + 4,
            data_at,
            end,
        })
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let record = self.read();
        match record {
            Ok(record) => self.at = record.end,
            Err(Malformed) => self.left = 0,
        }
        Some(record)
    }
}

fn number(octets: &[u8], at: usize) -> Result<u16, Malformed> {
    let octets = octets
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .ok_or(Malformed)?;
    Ok(u16::from_be_bytes(*octets))
}

fn clamp_ttl(octets: &mut [u8], at: usize) {
    if let Some(ttl) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) {
        // RFC 2181 section 8: with the highest bit set it counts as 0.
        let seconds = u32::from_be_bytes(*ttl);
        let seconds = if seconds > u32::MAX / 2 { 0 } else { seconds };
        *ttl = seconds
            .clamp(*TTL_SECONDS.start(), *TTL_SECONDS.end())
            .to_be_bytes();
    }
}

/// Where a name ends in place, compressed or not.
fn skip_name(octets: &[u8], mut at: usize) -> Result<usize, Malformed> {
    for _ in 0..=LABELS_MAX {
        let length = *octets.get(at).ok_or(Malformed)?;
        match length {
            0 => return Ok(at + 1),
            1..=63 => at += 1 + usize::from(length),
            0xc0.. => return Ok(at + 2),
            64..=0xbf => return Err(Malformed),
        }
    }
    Err(Malformed)
}

/// The name at `at`, and where it ends in place.
fn name(octets: &[u8], at: usize) -> Result<(Name, usize), Malformed> {
    let end = skip_name(octets, at)?;
    let mut labels: Vec<&[u8]> = Vec::new();
    let (mut cursor, mut pointers) = (at, 0);
    loop {
        let length = *octets.get(cursor).ok_or(Malformed)?;
        match length {
            0 => break,
            1..=63 => {
                let label = octets
                    .get(cursor + 1..cursor + 1 + usize::from(length))
                    .ok_or(Malformed)?;
                if labels.len() >= LABELS_MAX {
                    return Err(Malformed);
                }
                labels.push(label);
                cursor += 1 + usize::from(length);
            }
            0xc0.. => {
                let target = usize::from(number(octets, cursor)? & 0x3fff);
                pointers += 1;
                if target >= cursor || target < HEADER_LEN || pointers > POINTERS_MAX {
                    return Err(Malformed);
                }
                cursor = target;
            }
            64..=0xbf => return Err(Malformed),
        }
    }
    Ok((Name::from_labels(labels.into_iter()).ok_or(Malformed)?, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A query for `a.example` with EDNS.
    fn query() -> Vec<u8> {
        let mut octets =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x01a\x07eXample\x00\x00\x01\x00\x01"
                .to_vec();
        octets.extend(b"\x00\x00\x29\x10\x00\x00\x00\x80\x00\x00\x00");
        octets
    }

    /// The upstream's answer: a.example CNAME b.example, A records of b.example and of a stranger.
    fn answer(id: u16) -> Vec<u8> {
        let mut octets = id.to_be_bytes().to_vec();
        octets.extend(
            b"\x81\x80\x00\x01\x00\x04\x00\x00\x00\x01\x01a\x07example\x00\x00\x01\x00\x01",
        );
        octets.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x0e\x10\x00\x04\x01b\xc0\x0e");
        octets.extend(b"\xc0\x27\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01");
        octets.extend(b"\xc0\x27\x00\x01\x00\x01\xff\xff\xff\xff\x00\x04\x7f\x00\x00\x01");
        octets.extend(b"\x01x\xc0\x0e\x00\x01\x00\x01\x00\x00\x00\x2d\x00\x04\xc0\x00\x02\x63");
        octets.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00");
        octets
    }

    #[test]
    fn the_forwarded_question_carries_our_identifier_and_no_client_options() {
        let read = Query::read(&query()).unwrap();
        let forwarded = read.forward(0xbeef);
        assert_eq!(&forwarded[..2], &[0xbe, 0xef]);
        let again = Query::read(&forwarded).unwrap();
        assert_eq!((again.name, again.kind), (read.name.clone(), TYPE_A));
        let edns = again.edns.unwrap();
        assert_eq!((edns.reply_len_max, edns.dnssec_ok), (1_232, true));
    }

    #[test]
    fn only_addresses_that_the_question_leads_to_count() {
        let read = Query::read(&query()).unwrap();
        let reply = read.accept(7, answer(7)).unwrap();
        // Not 127.0.0.1, which is nobody's destination, and not the stranger's.
        assert_eq!(
            read.addresses(&reply),
            Ok(vec![IpAddr::from([192, 0, 2, 1])])
        );
    }

    #[test]
    fn addresses_hinted_at_by_an_https_record_count_too() {
        let mut octets = answer(7);
        octets.truncate(27);
        octets[7] = 1;
        octets[11] = 0;
        let data = b"\0\x01\0\0\x01\0\x03\x02h2\0\x04\0\x08\xc0\0\x02\x07\x7f\0\0\x01\0\x06\0\x10 \x01\r\xb8\0\0\0\0\0\0\0\0\0\0\0\x09";
        octets.extend(b"\xc0\x0c\0\x41\0\x01\0\0\0\x3c\0");
        octets.push(u8::try_from(data.len()).unwrap());
        octets.extend(data);
        let read = Query::read(&query()).unwrap();
        let reply = read.accept(7, octets).unwrap();
        let expected = ["192.0.2.7", "2001:db8::9"].map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(read.addresses(&reply), Ok(expected.to_vec()));
        for length in 0..data.len() {
            assert!(hints(&data[..length]).len() <= 2);
        }
    }

    #[test]
    fn every_ttl_is_between_half_a_minute_and_one_but_options_are_left_alone() {
        let reply = Query::read(&query()).unwrap().accept(7, answer(7)).unwrap();
        let records: Vec<_> = Records::new(&reply, 27, 5).map(Result::unwrap).collect();
        let ttl =
            |record: &Record| u32::from_be_bytes(*reply[record.ttl_at..].first_chunk().unwrap());
        assert_eq!(
            records.iter().map(ttl).collect::<Vec<_>>(),
            [60, 30, 30, 45, 0x8000]
        );
    }

    #[test]
    fn the_client_gets_its_own_identifier_and_spelling_back() {
        let reply = Query::read(&query()).unwrap().accept(7, answer(7)).unwrap();
        assert_eq!(&reply[..2], &[0x12, 0x34]);
        assert_eq!(&reply[12..23], b"\x01a\x07eXample\x00");
    }

    #[test]
    fn a_reply_to_another_question_is_not_accepted() {
        let read = Query::read(&query()).unwrap();
        assert!(read.accept(8, answer(7)).is_err(), "identifier");
        for (at, octet) in [(2, 0x01), (5, 2), (13, b'z'), (24, 28), (26, 3)] {
            let mut octets = answer(7);
            octets[at] = octet;
            assert!(read.accept(7, octets).is_err(), "octet {at}");
        }
        let whole = answer(7);
        for length in 0..whole.len() {
            assert!(
                read.accept(7, whole[..length].to_vec()).is_err(),
                "{length} octets"
            );
        }
    }

    #[test]
    fn a_name_that_points_at_itself_or_forward_is_refused() {
        let read = Query::read(&query()).unwrap();
        let mut octets = answer(7);
        // The owner of the first address.
        let at = 27 + 16;
        octets[at..at + 2].copy_from_slice(&[0xc0, u8::try_from(at).unwrap()]);
        let reply = read.accept(7, octets).unwrap();
        assert_eq!(read.addresses(&reply), Err(Malformed));
        let looping = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01";
        assert!(Query::read(looping).is_err());
    }

    #[test]
    fn transfers_and_other_classes_are_not_ordinary() {
        assert!(Query::read(&query()).unwrap().is_ordinary());
        for (at, octet) in [(24, 252), (24, 255), (26, 3)] {
            let mut octets = query();
            octets[at] = octet;
            assert!(!Query::read(&octets).unwrap().is_ordinary(), "octet {at}");
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for (at, octet) in [
            (2, 0x81),
            (2, 0x29),
            (5, 0),
            (5, 2),
            (7, 1),
            (9, 1),
            (11, 9),
        ] {
            let mut octets = query();
            octets[at] = octet;
            assert!(Query::read(&octets).is_err(), "octet {at}");
        }
        assert!(Query::read(&[query(), vec![0; QUERY_LEN_MAX]].concat()).is_err());
    }

    #[test]
    fn a_reply_too_long_for_the_client_becomes_advice_to_use_tcp() {
        let mut plain = query();
        plain.truncate(plain.len() - 11);
        plain[11] = 0;
        let read = Query::read(&plain).unwrap();
        assert_eq!(read.fit_datagram(vec![0; 512]).len(), 512);
        let advice = read.fit_datagram(vec![0; 513]);
        assert_eq!(
            (advice[2] & FLAG_TRUNCATED, advice.len()),
            (FLAG_TRUNCATED, plain.len())
        );
    }

    proptest! {
        #[test]
        fn no_query_panics(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(read) = Query::read(&octets) {
                prop_assert!(read.forward(1).len() <= octets.len() + 11);
            }
        }

        #[test]
        fn no_changed_reply_panics(at in 12_usize..130, octet: u8, cut in 0_usize..130) {
            let mut octets = answer(7);
            if let Some(slot) = octets.get_mut(at) {
                *slot = octet;
            }
            let length = octets.len();
            octets.truncate(length - cut.min(length));
            let read = Query::read(&query()).unwrap();
            if let Ok(addresses) = read.accept(7, octets).and_then(|reply| read.addresses(&reply)) {
                prop_assert!(addresses.len() <= 3);
            }
        }
    }
}

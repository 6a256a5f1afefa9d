//! The devices we talk to: who they are, what they share with us, how they want to be spoken to.
//!
//! [`NasTable::find`] takes the same work for a known and an unknown source: one binary search.
//! Over RadSec a NAS is known by its certificate ([`NasTable::find_certificate`]) and may be anywhere.
//!
//! Not here: reading the configuration file (`daemon`).

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::certificate::CertificateName;
use crate::crypto::Secret;
use crate::dialect::Dialect;
use crate::radsec;

/// The most NAS entries of one table.
pub const NAS_COUNT_MAX: usize = 65_536;

/// Why a prefix or a table is refused. Always the operator's fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NasError {
    /// Not an address, nor an address, a slash and a length.
    #[error("{text:?} is not an address or prefix such as 192.0.2.0/24 or 2001:db8::1")]
    NotAPrefix {
        /// What was given.
        text: String,
    },
    /// More bits than the address has.
    #[error("prefix length {length} is longer than an address of {bits} bits")]
    LongPrefix {
        /// What was given.
        length: u8,
        /// 32 or 128.
        bits: u8,
    },
    /// Bits set behind the prefix: probably a typing error.
    #[error("address {address} has bits set behind prefix length {length}")]
    HostBits {
        /// What was given.
        address: IpAddr,
        /// What was given.
        length: u8,
    },
    /// Two entries for one prefix.
    #[error("NAS {second:?} has the same prefix {prefix} as {first:?}")]
    SamePrefix {
        /// The earlier entry.
        first: Arc<str>,
        /// The later entry.
        second: Arc<str>,
        /// The prefix of both.
        prefix: Prefix,
    },
    /// Two entries for one certificate.
    #[error("NAS {second:?} has the same certificate {certificate} as {first:?}")]
    SameCertificate {
        /// The earlier entry.
        first: Arc<str>,
        /// The later entry.
        second: Arc<str>,
        /// What both are known by.
        certificate: CertificateName,
    },
    /// More entries than [`NAS_COUNT_MAX`].
    #[error("{count} NAS entries are more than {NAS_COUNT_MAX}")]
    TooMany {
        /// Entries given.
        count: usize,
    },
}

/// An IPv4 or IPv6 prefix without host bits. IPv4-mapped IPv6 is kept as IPv4.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// Takes an address and the number of leading bits that count.
    ///
    /// # Errors
    /// When the length is too long or bits behind it are set.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, NasError> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if length > bits {
            return Err(NasError::LongPrefix { length, bits });
        }
        let canonical = address.to_canonical();
        let prefix = if canonical.is_ipv4() && address.is_ipv6() && length >= 96 {
            Self {
                address: canonical,
                length: length - 96,
            }
        } else {
            Self { address, length }
        };
        if bits_of(prefix.address) & prefix.host_mask() != 0 {
            return Err(NasError::HostBits { address, length });
        }
        Ok(prefix)
    }

    fn bits(self) -> u8 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    fn host_mask(self) -> u128 {
        match self.bits() - self.length {
            128 => u128::MAX,
            host_bits => (1 << host_bits) - 1,
        }
    }

    fn first(self) -> u128 {
        bits_of(self.address)
    }

    fn last(self) -> u128 {
        self.first() | self.host_mask()
    }
}

impl FromStr for Prefix {
    type Err = NasError;

    fn from_str(text: &str) -> Result<Self, NasError> {
        let not_a_prefix = || NasError::NotAPrefix { text: text.into() };
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| not_a_prefix())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.parse().map_err(|_| not_a_prefix())?,
            None => bits,
        };
        Self::new(address, length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Whether an Access-Request must carry a Message-Authenticator (Blast-RADIUS, CVE-2024-3596).
///
/// One that is present is always verified.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MessageAuthenticatorPolicy {
    /// Always.
    #[default]
    Require,
    /// From the moment this NAS entry has sent a right one.
    Auto,
    /// Never: for devices that cannot.
    Off,
}

/// Where a NAS listens for Disconnect and CoA requests (RFC 5176).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DynamicAuthorization {
    /// At one address, whichever address the records of the session came from.
    At(SocketAddr),
    /// Where the records of the session came from: for an entry that is a prefix full of devices.
    Source {
        /// The UDP port of all of them.
        port: u16,
    },
}

impl DynamicAuthorization {
    /// Where to ask about a session whose records came from `source`.
    pub fn of(self, source: IpAddr) -> SocketAddr {
        match self {
            Self::At(address) => address,
            Self::Source { port } => SocketAddr::new(source.to_canonical(), port),
        }
    }
}

impl fmt::Display for DynamicAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => write!(f, "{address}"),
            Self::Source { port } => write!(f, "source:{port}"),
        }
    }
}

/// One entry: a device, or a prefix full of devices with one secret.
///
/// A device that speaks both UDP and RadSec has two entries of one name: its secrets differ.
pub struct Nas {
    /// What operators call it.
    pub name: Arc<str>,
    /// Where its packets come from over UDP; nowhere if `None`.
    pub prefix: Option<Prefix>,
    /// What it is known by over RadSec, wherever it is.
    pub certificate: Option<CertificateName>,
    /// Shared with it.
    pub secret: Secret,
    /// How it is told about rates and gardens.
    pub dialect: Arc<Dialect>,
    /// What it must prove in an Access-Request.
    pub message_authenticator: MessageAuthenticatorPolicy,
    /// Where it listens for Disconnect and CoA requests.
    pub dynamic_authorization: Option<DynamicAuthorization>,
    /// A right Message-Authenticator was seen. Shared by all workers of a table.
    proven: AtomicBool,
}

impl Nas {
    /// An entry that requires Message-Authenticator and takes no Disconnect or CoA requests.
    pub fn new(name: &str, prefix: Prefix, secret: Secret, dialect: Arc<Dialect>) -> Self {
        Self {
            prefix: Some(prefix),
            ..Self::without_prefix(name, secret, dialect)
        }
    }

    /// An entry from which nothing is taken: it is there to be sent requests.
    pub fn without_prefix(name: &str, secret: Secret, dialect: Arc<Dialect>) -> Self {
        Self {
            name: name.into(),
            prefix: None,
            certificate: None,
            secret,
            dialect,
            message_authenticator: MessageAuthenticatorPolicy::Require,
            dynamic_authorization: None,
            proven: AtomicBool::new(false),
        }
    }

    /// Whether it has sent a right Message-Authenticator: what `auto` goes by.
    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// An entry that is known by its certificate over RadSec and takes no Disconnect or CoA requests.
    ///
    /// Its secret is that of RFC 6614 section 2.3, which everybody knows. So nobody's packets are taken for its
    /// by what they are signed with, and it need not sign: TLS keeps the man out of the middle whom
    /// Message-Authenticator is there for (CVE-2024-3596). One that is present is verified all the same, and
    /// EAP demands it as ever (RFC 3579 section 3.2).
    pub fn radsec(name: &str, certificate: CertificateName, dialect: Arc<Dialect>) -> Self {
        let secret = Secret::new(radsec::SECRET).expect("it has six octets");
        Self {
            certificate: Some(certificate),
            message_authenticator: MessageAuthenticatorPolicy::Off,
            ..Self::without_prefix(name, secret, dialect)
        }
    }

    pub(crate) fn demands_message_authenticator(&self) -> bool {
        match self.message_authenticator {
            MessageAuthenticatorPolicy::Require => true,
            MessageAuthenticatorPolicy::Auto => self.proven.load(Ordering::Relaxed),
            MessageAuthenticatorPolicy::Off => false,
        }
    }

    pub(crate) fn prove_message_authenticator(&self) {
        // Read first: after the first packet the cache line stays shared between the workers.
        if !self.proven.load(Ordering::Relaxed) {
            self.proven.store(true, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Nas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nas")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .field("certificate", &self.certificate)
            .field("dialect", &self.dialect.name)
            .finish_non_exhaustive()
    }
}

/// Finds the NAS of a source address by longest prefix, and that of a certificate. A clone has the same
/// entries, not copies of them.
#[derive(Clone, Debug, Default)]
pub struct NasTable {
    nas: Vec<Arc<Nas>>,
    /// Positions.
    certificates: BTreeMap<CertificateName, usize>,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

/// Ranges in order: each begins at its number and ends before the next.
///
/// The numbers lie together: those of 2,000 IPv4 ranges fit the first cache of any processor.
#[derive(Clone, Debug, Default)]
struct Ranges<Number> {
    begins: Vec<Number>,
    /// The position of the range's NAS, or [`NOBODY`].
    owners: Vec<u32>,
}

/// A range between those of the NAS.
const NOBODY: u32 = u32::MAX;

impl NasTable {
    /// Takes all entries, in any order.
    ///
    /// # Errors
    /// When two entries have one prefix or certificate, or there are too many.
    pub fn new(nas: Vec<Nas>) -> Result<Self, NasError> {
        if nas.len() > NAS_COUNT_MAX {
            return Err(NasError::TooMany { count: nas.len() });
        }
        let nas: Vec<Arc<Nas>> = nas.into_iter().map(Arc::new).collect();
        Ok(Self {
            v4: Ranges::new(&nas, true, |bits| u32::try_from(bits).ok())?,
            v6: Ranges::new(&nas, false, Some)?,
            certificates: by_certificate(&nas)?,
            nas,
        })
    }

    /// The entry with the longest prefix that holds `source`, and its position in the table.
    ///
    /// An IPv4-mapped IPv6 source, as a dual-stack socket reports it, is its IPv4 address.
    pub fn find(&self, source: IpAddr) -> Option<(usize, &Arc<Nas>)> {
        let index = match source.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }?;
        Some((index, &self.nas[index]))
    }

    /// The entry that is known by `certificate`, and its position in the table.
    pub fn find_certificate(&self, certificate: &CertificateName) -> Option<(usize, &Arc<Nas>)> {
        let index = *self.certificates.get(certificate)?;
        Some((index, &self.nas[index]))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.nas.len()
    }

    /// True if every source is unknown.
    pub fn is_empty(&self) -> bool {
        self.nas.is_empty()
    }

    /// All entries in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Nas>> {
        self.nas.iter()
    }

    /// Keeps what `auto` entries have learned when a table replaces `old`.
    pub(crate) fn inherit(&self, old: &Self) {
        let now: BTreeMap<Prefix, &Arc<Nas>> = self
            .nas
            .iter()
            .filter_map(|nas| Some((nas.prefix?, nas)))
            .collect();
        for before in &old.nas {
            if before.proven.load(Ordering::Relaxed)
                && let Some(prefix) = before.prefix
                && let Some(after) = now.get(&prefix)
                && after.secret.same(&before.secret)
            {
                after.prove_message_authenticator();
            }
        }
    }
}

impl<Number: Copy + Ord> Ranges<Number> {
    /// `narrow` gives `None` for what lies behind the last address of all.
    fn new(
        nas: &[Arc<Nas>],
        v4: bool,
        narrow: impl Fn(u128) -> Option<Number>,
    ) -> Result<Self, NasError> {
        let mut order: Vec<(Prefix, usize)> = nas
            .iter()
            .enumerate()
            .filter_map(|(index, nas)| Some((nas.prefix?, index)))
            .filter(|(prefix, _)| prefix.address.is_ipv4() == v4)
            .collect();
        // A prefix comes before the longer ones inside it.
        order.sort_by_key(|(prefix, _)| (prefix.first(), prefix.length));
        let mut edges = Edges::default();
        let mut open: Vec<(Prefix, usize)> = Vec::new();
        for (prefix, index) in order {
            edges.close_before(prefix.first(), &mut open);
            if let Some((outer, first)) = open.last()
                && *outer == prefix
            {
                return Err(NasError::SamePrefix {
                    first: Arc::clone(&nas[*first].name),
                    second: Arc::clone(&nas[index].name),
                    prefix,
                });
            }
            edges.push(prefix.first(), Some(index));
            open.push((prefix, index));
        }
        while let Some((prefix, _)) = open.pop() {
            edges.end(prefix, &open);
        }
        let edges = edges.0.into_iter();
        let (begins, owners) = edges
            .filter_map(|(begin, owner)| Some((narrow(begin)?, owner)))
            .unzip();
        Ok(Self { begins, owners })
    }

    fn find(&self, address: Number) -> Option<usize> {
        let behind = self.begins.partition_point(|begin| *begin <= address);
        let owner = *self.owners.get(behind.checked_sub(1)?)?;
        usize::try_from(owner).ok().filter(|_| owner != NOBODY)
    }
}

/// Where ranges begin and whose they are, in order, while a table is made.
#[derive(Default)]
struct Edges(Vec<(u128, u32)>);

impl Edges {
    /// Closes the open prefixes that end before `first`.
    fn close_before(&mut self, first: u128, open: &mut Vec<(Prefix, usize)>) {
        while let Some((prefix, _)) = open.pop_if(|(prefix, _)| prefix.last() < first) {
            self.end(prefix, open);
        }
    }

    fn end(&mut self, prefix: Prefix, open: &[(Prefix, usize)]) {
        // Nothing lies behind the last address of all.
        if let Some(next) = prefix.last().checked_add(1) {
            self.push(next, open.last().map(|(_, index)| *index));
        }
    }

    fn push(&mut self, begin: u128, index: Option<usize>) {
        // Of several that begin together the last counts: the inner one, or what follows those that ended.
        self.0.pop_if(|last| last.0 == begin);
        let position = |index| u32::try_from(index).expect("there are NAS_COUNT_MAX entries");
        self.0.push((begin, index.map_or(NOBODY, position)));
    }
}

fn by_certificate(nas: &[Arc<Nas>]) -> Result<BTreeMap<CertificateName, usize>, NasError> {
    let mut positions = BTreeMap::new();
    for (index, second) in nas.iter().enumerate() {
        let Some(certificate) = &second.certificate else {
            continue;
        };
        if let Some(first) = positions.insert(certificate.clone(), index) {
            return Err(NasError::SameCertificate {
                first: Arc::clone(&nas[first].name),
                second: Arc::clone(&second.name),
                certificate: certificate.clone(),
            });
        }
    }
    Ok(positions)
}

/// The source as an IPv4 address, if it is one or is IPv4-mapped.
pub(crate) fn canonical(source: SocketAddr) -> SocketAddr {
    SocketAddr::new(source.ip().to_canonical(), source.port())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn nas(name: &str, prefix: &str) -> Nas {
        Nas::new(
            name,
            prefix.parse().unwrap(),
            Secret::new(b"s").unwrap(),
            Arc::new(Dialect::generic()),
        )
    }

    fn found(table: &NasTable, source: &str) -> Option<String> {
        let (_, nas) = table.find(source.parse().unwrap())?;
        Some(nas.name.to_string())
    }

    #[test]
    fn longest_prefix_wins_in_both_families() {
        let table = NasTable::new(vec![
            nas("wide", "10.0.0.0/8"),
            nas("host", "10.1.2.3"),
            nas("middle", "10.1.0.0/16"),
            nas("all6", "::/0"),
            nas("net6", "2001:db8::/32"),
        ])
        .unwrap();
        for (source, name) in [
            ("9.255.255.255", None),
            ("10.0.0.0", Some("wide")),
            ("10.0.255.255", Some("wide")),
            ("10.1.0.0", Some("middle")),
            ("10.1.2.2", Some("middle")),
            ("10.1.2.3", Some("host")),
            ("10.1.2.4", Some("middle")),
            ("10.2.0.0", Some("wide")),
            ("10.255.255.255", Some("wide")),
            ("11.0.0.0", None),
            ("::ffff:10.1.2.3", Some("host")),
            ("::ffff:11.0.0.0", None),
            ("2001:db8::1", Some("net6")),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Some("net6")),
            ("2001:db9::", Some("all6")),
            ("::", Some("all6")),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("all6")),
        ] {
            assert_eq!(found(&table, source).as_deref(), name, "{source}");
        }
    }

    #[test]
    fn mapped_prefix_is_the_ipv4_prefix() {
        let table = NasTable::new(vec![nas("a", "::ffff:192.0.2.0/120")]).unwrap();
        assert_eq!(found(&table, "192.0.2.9").as_deref(), Some("a"));
    }

    #[test]
    fn what_auto_learned_is_kept_per_prefix() {
        let table =
            || NasTable::new(vec![nas("wide", "10.0.0.0/8"), nas("inner", "10.0.0.0/16")]).unwrap();
        let proven = |table: &NasTable| -> Vec<bool> {
            table
                .iter()
                .map(|nas| nas.proven.load(Ordering::Relaxed))
                .collect()
        };
        let old = table();
        old.nas[0].prove_message_authenticator();
        let new = table();
        new.inherit(&old);
        assert_eq!(proven(&new), [true, false]);
    }

    #[test]
    fn a_session_is_asked_about_at_its_nas_or_where_its_records_came_from() {
        let source: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let at = DynamicAuthorization::At("[2001:db8::1]:3799".parse().unwrap());
        assert_eq!(at.of(source).to_string(), "[2001:db8::1]:3799");
        assert_eq!(at.to_string(), "[2001:db8::1]:3799");
        let there = DynamicAuthorization::Source { port: 1700 };
        assert_eq!(there.of(source).to_string(), "192.0.2.7:1700");
        assert_eq!(there.to_string(), "source:1700");
    }

    #[test]
    fn one_prefix_twice_is_refused() {
        let error = NasTable::new(vec![nas("a", "10.0.0.0/8"), nas("b", "10.0.0.0/8")])
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "NAS \"b\" has the same prefix 10.0.0.0/8 as \"a\""
        );
    }

    const FINGERPRINT: &str =
        "fingerprint:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn radsec_nas(name: &str, certificate: &str) -> Nas {
        let dialect = Arc::new(Dialect::generic());
        Nas::radsec(name, certificate.parse().unwrap(), dialect)
    }

    #[test]
    fn n7_nas_is_found_by_its_certificate_and_by_no_address() {
        let table = NasTable::new(vec![
            nas("udp", "10.0.0.0/8"),
            radsec_nas("named", "NAS.example.net"),
            radsec_nas("pinned", FINGERPRINT),
        ])
        .unwrap();
        let by = |text: &str| {
            let (index, nas) = table.find_certificate(&text.parse().unwrap())?;
            assert_eq!(table.nas[index].name, nas.name);
            Some(nas.name.to_string())
        };
        assert_eq!(by("nas.EXAMPLE.net").as_deref(), Some("named"));
        assert_eq!(
            by(&FINGERPRINT.replace("aabb", "AA:bb")).as_deref(),
            Some("pinned")
        );
        assert_eq!(by("example.net"), None);
        assert_eq!(by(&FINGERPRINT.replace("00", "01")), None);
        assert_eq!(found(&table, "::1"), None);
        assert_eq!(found(&table, "0.0.0.0"), None);
    }

    #[test]
    fn one_certificate_twice_is_refused() {
        let entries = vec![radsec_nas("a", "x.example"), radsec_nas("b", "X.example")];
        let error = NasTable::new(entries).err().unwrap();
        assert_eq!(
            error.to_string(),
            "NAS \"b\" has the same certificate x.example as \"a\""
        );
    }

    #[test]
    fn sloppy_prefixes_are_refused() {
        for text in [
            "10.0.0.1/8",
            "10.0.0.0/33",
            "2001:db8::1/64",
            "",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0/256",
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn table_agrees_with_a_linear_search(
            prefixes in prop::collection::vec((any::<u32>(), 0_u8..=32), 0..20),
            sources in prop::collection::vec(any::<u32>(), 20),
        ) {
            let mut entries: Vec<Nas> = Vec::new();
            for (bits, length) in prefixes {
                // Few distinct bits, so that prefixes nest.
                let bits = bits & 0xC000_0003;
                let mask = u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
                let prefix = Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(bits & mask)), length).unwrap();
                if entries.iter().all(|entry| entry.prefix != Some(prefix)) {
                    let mut entry = nas("n", "0.0.0.0/0");
                    entry.prefix = Some(prefix);
                    entries.push(entry);
                }
            }
            let table = NasTable::new(entries).unwrap();
            for source in sources.into_iter().flat_map(|s| [s, s & 0xC000_0003]) {
                let address = IpAddr::V4(Ipv4Addr::from_bits(source));
                let linear = table.nas.iter()
                    .filter_map(|nas| nas.prefix)
                    .filter(|prefix| prefix.first() <= u128::from(source) && u128::from(source) <= prefix.last())
                    .max_by_key(|prefix| prefix.length);
                prop_assert_eq!(table.find(address).and_then(|(_, nas)| nas.prefix), linear);
            }
        }
    }
}

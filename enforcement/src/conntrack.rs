//! Deleting a subscriber's conntrack entries (`linux/netfilter/nfnetlink_conntrack.h`).
//!
//! An entry is a subscriber's when it began the flow (source of the original tuple) or was the one
//! reached (source of the reply tuple); both hold through address translation. For a few IPv4
//! addresses the kernel is given the address and deletes by itself, two messages each (Linux 5.8).
//! Otherwise the entries are listed once and the matching ones deleted one by one, by identity, so that a
//! newer flow with the same tuple survives: for many addresses, for wider prefixes, for older kernels, and
//! for IPv6 always, because the kernel's filter compares IPv6 addresses the wrong way round and deletes
//! the entries of everybody else (seen on Linux 6.18).
//!
//! Either way the kernel walks its whole table, which takes some 10 ms with 262,144 buckets and
//! 40 to 120 ms with 50,000 entries in them: name many prefixes in one call, they share one listing.
//!
//! Not here: when to delete (`garden`, on both transitions).

use nix::errno::Errno;

use crate::netlink::Socket;
use crate::netlink::message::Attributes;
use crate::netlink::tables::Range;
use crate::prefix::{Family, Prefix};

const CONNTRACK: u16 = 1 << 8;
const GET: u16 = CONNTRACK | 1;
const DELETE: u16 = CONNTRACK | 2;

const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
const FILTER: u16 = 25;
const FILTER_ORIGINAL: u16 = 1;
const FILTER_REPLY: u16 = 2;
/// Only the source address of the tuple counts.
const FILTER_SOURCE: u32 = 1;
const TUPLE_IP: u16 = 1;
const SOURCE_V4: u16 = 1;
const SOURCE_V6: u16 = 3;
const NESTED: u16 = 1 << 15;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Up to this many IPv4 addresses are deleted by filter. The kernel walks its whole table for each message, so
/// that more of them cost more than one listing.
const FILTERED_MAX: usize = 8;

/// How entries were deleted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flushed {
    /// IPv4 addresses whose entries the kernel deleted by filter; it does not say how many they were.
    pub filtered: usize,
    /// Entries found in a listing and deleted.
    pub listed: usize,
}

/// The connection to conntrack: one socket lists, the other deletes meanwhile.
#[derive(Debug)]
pub(crate) struct Conntrack {
    list: Socket,
    delete: Socket,
}

impl Conntrack {
    pub(crate) fn open() -> Result<Self, Errno> {
        Ok(Self {
            list: Socket::open()?,
            delete: Socket::open()?,
        })
    }

    /// Deletes every entry of `prefixes`.
    pub(crate) fn flush(&mut self, prefixes: &[Prefix]) -> Result<Flushed, Errno> {
        let mut flushed = Flushed::default();
        let (hosts, mut listed): (Vec<Prefix>, Vec<Prefix>) = prefixes
            .iter()
            .partition(|prefix| prefix.is_ipv4() && prefix.is_host());
        if hosts.len() > FILTERED_MAX {
            listed.extend(hosts);
        } else {
            match hosts.iter().try_for_each(|prefix| self.by_filter(*prefix)) {
                Ok(()) => flushed.filtered = hosts.len(),
                // Kernels before 5.8 do not know the filter.
                Err(Errno::EINVAL | Errno::EOPNOTSUPP) => listed.extend(hosts),
                Err(other) => return Err(other),
            }
        }
        flushed.listed = self.by_listing(&listed)?;
        Ok(flushed)
    }

    /// Both messages name a tuple, so a kernel that does not know the filter refuses the incomplete
    /// tuple; it cannot mistake the message for “delete everything”.
    ///
    /// For IPv4 alone: see the head of this module.
    fn by_filter(&mut self, prefix: Prefix) -> Result<(), Errno> {
        for (tuple, flags) in [
            (TUPLE_ORIGINAL, FILTER_ORIGINAL),
            (TUPLE_REPLY, FILTER_REPLY),
        ] {
            let deleted = self
                .delete
                .request(DELETE, number(prefix.family()), |writer| {
                    let nest = writer.nest(tuple);
                    let ip = writer.nest(TUPLE_IP);
                    let address =
                        u32::try_from(prefix.first()).expect("an IPv4 prefix holds 32 bits");
                    writer.put(SOURCE_V4, &address.to_be_bytes());
                    writer.end(ip);
                    writer.end(nest);
                    let filter = writer.nest(FILTER);
                    writer.put(flags, &FILTER_SOURCE.to_ne_bytes());
                    writer.end(filter);
                });
            match deleted {
                Ok(()) | Err(Errno::ENOENT) => (),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    fn by_listing(&mut self, prefixes: &[Prefix]) -> Result<usize, Errno> {
        let mut deleted = 0;
        for family in [Family::V4, Family::V6] {
            let ranges = merged(family, prefixes);
            if ranges.is_empty() {
                continue;
            }
            let delete = &mut self.delete;
            self.list.dump(
                (GET, number(family)),
                &mut deleted,
                |_| (),
                |_| (),
                |deleted, message| {
                    let entry = message.attributes();
                    if is_of(&ranges, family, entry) && delete_entry(delete, family, entry)? {
                        *deleted += 1;
                    }
                    Ok(())
                },
            )?;
        }
        Ok(deleted)
    }
}

/// Whether there was one to delete.
fn delete_entry(socket: &mut Socket, family: Family, entry: Attributes<'_>) -> Result<bool, Errno> {
    let deleted = socket.request(DELETE, number(family), |writer| {
        for (kind, flag) in [(TUPLE_ORIGINAL, NESTED), (ZONE, 0), (ID, 0)] {
            if let Some(value) = entry.find(kind) {
                writer.put(kind | flag, value);
            }
        }
    });
    match deleted {
        Ok(()) => Ok(true),
        // It ended by itself, or the kernel is busy ending it.
        Err(Errno::ENOENT | Errno::EBUSY) => Ok(false),
        Err(other) => Err(other),
    }
}

fn is_of(ranges: &[Range], family: Family, entry: Attributes<'_>) -> bool {
    [TUPLE_ORIGINAL, TUPLE_REPLY].into_iter().any(|tuple| {
        source(entry.inside(tuple), family).is_some_and(|address| {
            let after = ranges.partition_point(|range| range.first <= address);
            after
                .checked_sub(1)
                .is_some_and(|at| address <= ranges[at].last)
        })
    })
}

fn source(tuple: Attributes<'_>, family: Family) -> Option<u128> {
    let ip = tuple.inside(TUPLE_IP);
    match family {
        Family::V4 => ip.number(SOURCE_V4).map(u128::from),
        Family::V6 => ip
            .find(SOURCE_V6)?
            .first_chunk()
            .map(|octets| u128::from_be_bytes(*octets)),
    }
}

/// The ranges of one family in order, none inside another.
fn merged(family: Family, prefixes: &[Prefix]) -> Vec<Range> {
    let mut ranges: Vec<Range> = prefixes
        .iter()
        .filter(|prefix| prefix.family() == family)
        .copied()
        .map(Range::from)
        .collect();
    ranges.sort_unstable_by_key(|range| (range.first, std::cmp::Reverse(range.last)));
    ranges.dedup_by(|inner, outer| inner.last <= outer.last);
    ranges
}

fn number(family: Family) -> u8 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::Writer;

    #[test]
    fn an_inner_prefix_is_merged_into_the_outer_one() {
        let prefixes: Vec<Prefix> = ["10.0.0.7", "10.0.0.0/24", "10.0.1.1", "2001:db8::/56"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let merged = merged(Family::V4, &prefixes);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0], Range::from(prefixes[1]));
    }

    #[test]
    fn an_entry_belongs_to_the_source_of_either_tuple() {
        let ranges = merged(Family::V4, &["10.0.0.0/24".parse().unwrap()]);
        let entry = |original: [u8; 4], reply: [u8; 4]| {
            let mut writer = Writer::default();
            writer.begin(0, 0, 0, 0, 0);
            for (kind, address) in [(TUPLE_ORIGINAL, original), (TUPLE_REPLY, reply)] {
                let tuple = writer.nest(kind);
                let ip = writer.nest(TUPLE_IP);
                writer.put(SOURCE_V4, &address);
                writer.end(ip);
                writer.end(tuple);
            }
            is_of(&ranges, Family::V4, Attributes(&writer.octets()[20..]))
        };
        assert!(entry([10, 0, 0, 255], [192, 0, 2, 1]));
        assert!(entry([192, 0, 2, 1], [10, 0, 0, 0]));
        assert!(!entry([10, 0, 1, 0], [9, 255, 255, 255]));
    }
}

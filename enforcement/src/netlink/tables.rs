//! nf_tables over netlink: set elements, the generation, and what the table consists of
//! (`linux/netfilter/nf_tables.h`).
//!
//! Interval sets hold a range as two elements: its first address, and the address after its last
//! with the interval-end flag. A range up to the last address has no second one.
//!
//! Not here: building the table, which is `nft`'s work (`garden`).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;

use super::Socket;
use super::message::{Attributes, Message, NLM_F_CREATE, Writer, text};
use crate::prefix::{Family, Prefix};
use crate::ruleset::{ALLOW4, ALLOW6, Allowed, GARDEN4, GARDEN6, TABLE};

const NFTABLES: u16 = 10 << 8;
const GET_TABLE: u16 = NFTABLES | 1;
const DELETE_TABLE: u16 = NFTABLES | 2;
const GET_CHAIN: u16 = NFTABLES | 4;
const GET_RULE: u16 = NFTABLES | 7;
const GET_SET: u16 = NFTABLES | 10;
const NEW_ELEMENT: u16 = NFTABLES | 12;
const GET_ELEMENT: u16 = NFTABLES | 13;
const DELETE_ELEMENT: u16 = NFTABLES | 14;
const GET_GENERATION: u16 = NFTABLES | 16;

/// `NFPROTO_INET`.
const INET: u8 = 1;

const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
/// Of chains, rules and sets alike: the table they are in.
const OBJECT_TABLE: u16 = 1;
/// Name, hook, policy, type, flags. Not handle, use count and counters, which traffic and order change.
const CHAIN_IDENTITY: [u16; 5] = [3, 4, 5, 7, 10];
/// Chain and expressions. Our rules have no counters, so their expressions never change.
const RULE_IDENTITY: [u16; 2] = [2, 4];
/// Name, flags, key type, key length.
const SET_IDENTITY: [u16; 4] = [2, 3, 4, 5];
const ELEMENTS_TABLE: u16 = 1;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS: u16 = 3;
const LIST_ELEMENT: u16 = 1;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_FLAGS: u16 = 3;
const ELEMENT_TIMEOUT: u16 = 4;
const ELEMENT_EXPIRATION: u16 = 5;
const DATA_VALUE: u16 = 1;
const GENERATION_ID: u16 = 1;
const INTERVAL_END: u32 = 1;

/// Ranges in one message: two elements of at most 36 octets each must fit an attribute of 64 KiB.
const RANGES_PER_MESSAGE: usize = 512;
/// Ranges in one transaction, some 5 MB of messages.
pub(crate) const RANGES_PER_TRANSACTION_MAX: usize = 65_536;

/// Addresses from first to last: one member of a garden set.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Range {
    pub(crate) family: Family,
    pub(crate) first: u128,
    pub(crate) last: u128,
}

impl From<Prefix> for Range {
    fn from(prefix: Prefix) -> Self {
        Self {
            family: prefix.family(),
            first: prefix.first(),
            last: prefix.last(),
        }
    }
}

/// What the table consists of apart from the members of its sets; equal blueprints enforce the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Blueprint(Vec<Vec<u8>>);

/// The number of the ruleset's generation: every change by anyone increments it.
pub(crate) fn generation(socket: &mut Socket) -> Result<u32, Errno> {
    socket
        .get(
            GET_GENERATION,
            0,
            |_| (),
            |message| message.attributes().number(GENERATION_ID),
        )?
        .ok_or(Errno::EBADMSG)
}

/// The table as it is, or none when there is no such table.
pub(crate) fn blueprint(socket: &mut Socket) -> Result<Option<Blueprint>, Errno> {
    let flags = socket.get(
        GET_TABLE,
        INET,
        |writer| writer.put_text(TABLE_NAME, TABLE),
        |message| message.attributes().find(TABLE_FLAGS).map(<[u8]>::to_vec),
    );
    let mut parts = match flags {
        Err(Errno::ENOENT) => return Ok(None),
        flags => vec![flags?.unwrap_or_default()],
    };
    for (kind, identity) in [
        (GET_CHAIN, &CHAIN_IDENTITY[..]),
        (GET_SET, &SET_IDENTITY),
        (GET_RULE, &RULE_IDENTITY),
    ] {
        let mut found = Vec::new();
        socket.dump(
            (kind, INET),
            &mut found,
            |writer| writer.put_text(OBJECT_TABLE, TABLE),
            Vec::clear,
            |found, message| {
                // Not every kernel filters every list by table.
                if message.attributes().find(OBJECT_TABLE).map(text) == Some(TABLE.as_bytes()) {
                    found.push(identify(message, kind, identity));
                }
                Ok(())
            },
        )?;
        if kind != GET_RULE {
            // Only rules have an order that matters.
            found.sort_unstable();
        }
        parts.append(&mut found);
    }
    Ok(Some(Blueprint(parts)))
}

fn identify(message: Message<'_>, kind: u16, identity: &[u16]) -> Vec<u8> {
    let mut octets = kind.to_be_bytes().to_vec();
    for (attribute, value) in message.attributes() {
        if identity.contains(&attribute) {
            octets.extend_from_slice(&attribute.to_be_bytes());
            octets.extend_from_slice(&value.len().to_be_bytes());
            octets.extend_from_slice(value);
        }
    }
    octets
}

/// Removes and adds ranges, in one transaction up to [`RANGES_PER_TRANSACTION_MAX`] of them.
///
/// `ENOENT` when a range to remove, or the table, is missing; `EEXIST` or `ENOTEMPTY` when one to add
/// overlaps another; then nothing of that transaction took effect.
pub(crate) fn change_members(
    socket: &mut Socket,
    remove: &[Range],
    add: &[Range],
) -> Result<(), Errno> {
    let steps: Vec<(u16, &Range)> = remove
        .iter()
        .map(|range| (DELETE_ELEMENT, range))
        .chain(add.iter().map(|range| (NEW_ELEMENT, range)))
        .collect();
    for transaction in steps.chunks(RANGES_PER_TRANSACTION_MAX) {
        let mut batch = socket.batch();
        for same in transaction.chunk_by(|a, b| a.0 == b.0 && a.1.family == b.1.family) {
            for message in same.chunks(RANGES_PER_MESSAGE) {
                let (kind, Range { family, .. }) = message[0];
                let flags = if kind == NEW_ELEMENT { NLM_F_CREATE } else { 0 };
                let writer = socket.add(&mut batch, kind, flags, INET);
                put_elements(writer, garden(*family), |writer| {
                    for (_, range) in message {
                        put_range(writer, range);
                    }
                });
            }
        }
        socket.commit(batch)?;
    }
    Ok(())
}

/// The members of both garden sets. `ENOENT` without the table.
pub(crate) fn members(socket: &mut Socket) -> Result<BTreeSet<Range>, Errno> {
    let mut ranges = BTreeSet::new();
    for family in [Family::V4, Family::V6] {
        let mut bounds: Vec<(u128, bool)> = Vec::new();
        dump_elements(socket, garden(family), &mut bounds, |bounds, element| {
            let key = key(element, family)?;
            let flags = element.number(ELEMENT_FLAGS).unwrap_or(0);
            bounds.push((key, flags & INTERVAL_END == 0));
            Ok(())
        })?;
        ranges.extend(pair(family, bounds));
    }
    Ok(ranges)
}

/// Joins the two elements of every range. An end without a beginning, as `nft` puts at address zero, is none.
fn pair(family: Family, mut bounds: Vec<(u128, bool)>) -> Vec<Range> {
    // An end sorts before a beginning at the same address: neighbours touch, they do not overlap.
    bounds.sort_unstable();
    let mut ranges = Vec::new();
    let mut open: Option<u128> = None;
    for (key, begins) in bounds {
        if let Some(first) = open.take() {
            ranges.push(Range {
                family,
                first,
                last: key.saturating_sub(1),
            });
        }
        if begins {
            open = Some(key);
        }
    }
    if let Some(first) = open {
        ranges.push(Range {
            family,
            first,
            last: family.last(),
        });
    }
    ranges
}

/// Opens `addresses` for `hold`, from now, whether or not they were open.
///
/// `ENOENT` without the table, `ENFILE` when the set is full.
pub(crate) fn allow(
    socket: &mut Socket,
    addresses: &[IpAddr],
    hold: Duration,
) -> Result<(), Errno> {
    let milliseconds = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut batch = socket.batch();
    for address in addresses {
        let prefix = Prefix::host(*address);
        let set = if prefix.is_ipv4() { ALLOW4 } else { ALLOW6 };
        // Before Linux 6.12 adding an element that exists leaves its timeout alone. Adding, deleting and
        // adding works on all, and the transaction hides the middle.
        for kind in [NEW_ELEMENT, DELETE_ELEMENT, NEW_ELEMENT] {
            let flags = if kind == NEW_ELEMENT { NLM_F_CREATE } else { 0 };
            let writer = socket.add(&mut batch, kind, flags, INET);
            put_elements(writer, set, |writer| {
                put_element(writer, prefix.family(), prefix.first(), |writer| {
                    if kind == NEW_ELEMENT {
                        writer.put(ELEMENT_TIMEOUT, &milliseconds.to_be_bytes());
                    }
                });
            });
        }
    }
    socket.commit(batch)
}

/// The open addresses with the time they have left. `ENOENT` without the table.
pub(crate) fn allowed(socket: &mut Socket) -> Result<Vec<Allowed>, Errno> {
    let mut allowed = Vec::new();
    for (set, family) in [(ALLOW4, Family::V4), (ALLOW6, Family::V6)] {
        let mut found = Vec::new();
        dump_elements(socket, set, &mut found, |found, element| {
            let key = key(element, family)?;
            let left = element
                .find(ELEMENT_EXPIRATION)
                .and_then(<[u8]>::first_chunk);
            let seconds_left = left.map_or(0, |octets| u64::from_be_bytes(*octets) / 1_000);
            if seconds_left > 0 {
                found.push(Allowed {
                    prefix: Prefix::host(crate::prefix::address(family, key)),
                    seconds_left,
                });
            }
            Ok(())
        })?;
        allowed.append(&mut found);
    }
    Ok(allowed)
}

/// Removes the table with all it holds. `ENOENT` when there is none.
pub(crate) fn delete_table(socket: &mut Socket) -> Result<(), Errno> {
    let mut batch = socket.batch();
    socket
        .add(&mut batch, DELETE_TABLE, 0, INET)
        .put_text(TABLE_NAME, TABLE);
    socket.commit(batch)
}

fn dump_elements<T>(
    socket: &mut Socket,
    set: &str,
    found: &mut Vec<T>,
    each: impl Fn(&mut Vec<T>, Attributes<'_>) -> Result<(), Errno>,
) -> Result<(), Errno> {
    socket.dump(
        (GET_ELEMENT, INET),
        found,
        |writer| {
            writer.put_text(ELEMENTS_TABLE, TABLE);
            writer.put_text(ELEMENTS_SET, set);
        },
        Vec::clear,
        |found, message| {
            for (kind, element) in message.attributes().inside(ELEMENTS) {
                if kind == LIST_ELEMENT {
                    each(found, Attributes(element))?;
                }
            }
            Ok(())
        },
    )
}

/// The address of an element as a number. `EBADMSG` in a set of another type, which is not ours.
fn key(element: Attributes<'_>, family: Family) -> Result<u128, Errno> {
    let value = element
        .inside(ELEMENT_KEY)
        .find(DATA_VALUE)
        .unwrap_or_default();
    let number = match family {
        Family::V4 => {
            <[u8; 4]>::try_from(value).map(|octets| u128::from(u32::from_be_bytes(octets)))
        }
        Family::V6 => <[u8; 16]>::try_from(value).map(u128::from_be_bytes),
    };
    number.map_err(|_| Errno::EBADMSG)
}

fn put_elements(writer: &mut Writer, set: &str, elements: impl FnOnce(&mut Writer)) {
    writer.put_text(ELEMENTS_TABLE, TABLE);
    writer.put_text(ELEMENTS_SET, set);
    let list = writer.nest(ELEMENTS);
    elements(writer);
    writer.end(list);
}

fn put_range(writer: &mut Writer, range: &Range) {
    put_element(writer, range.family, range.first, |_| ());
    if range.last < range.family.last() {
        put_element(writer, range.family, range.last + 1, |writer| {
            writer.put(ELEMENT_FLAGS, &INTERVAL_END.to_be_bytes());
        });
    }
}

fn put_element(writer: &mut Writer, family: Family, key: u128, rest: impl FnOnce(&mut Writer)) {
    let element = writer.nest(LIST_ELEMENT);
    let data = writer.nest(ELEMENT_KEY);
    let octets = key.to_be_bytes();
    let skip = octets.len() - usize::from(family.bits()) / 8;
    writer.put(DATA_VALUE, &octets[skip..]);
    writer.end(data);
    rest(writer);
    writer.end(element);
}

fn garden(family: Family) -> &'static str {
    match family {
        Family::V4 => GARDEN4,
        Family::V6 => GARDEN6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u128, last: u128) -> Range {
        Range {
            family: Family::V4,
            first,
            last,
        }
    }

    #[test]
    fn neighbours_are_two_ranges() {
        let bounds = vec![(6, false), (5, true), (5, false), (4, true), (0, false)];
        assert_eq!(pair(Family::V4, bounds), [range(4, 4), range(5, 5)]);
    }

    #[test]
    fn a_range_without_an_end_reaches_the_last_address() {
        assert_eq!(
            pair(Family::V4, vec![(7, true)]),
            [range(7, Family::V4.last())]
        );
    }

    #[test]
    fn the_largest_message_fits_its_attribute() {
        let mut writer = Writer::default();
        writer.begin(NEW_ELEMENT, 0, 1, INET, 0);
        let range = Range {
            family: Family::V6,
            first: 1,
            last: 1,
        };
        put_elements(&mut writer, GARDEN6, |writer| {
            (0..RANGES_PER_MESSAGE).for_each(|_| put_range(writer, &range))
        });
        assert!(writer.octets().len() < usize::from(u16::MAX));
    }
}

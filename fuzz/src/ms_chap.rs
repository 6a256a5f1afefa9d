//! MS-CHAP a second time: what a peer with a password answers to a challenge (RFC 2433, RFC 2548, RFC 2759).
//!
//! The primitives are those the server uses; the standards' protocols around them are read anew.

use des::Des;
use des::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use md4::Md4;
use sha1::{Digest as _, Sha1};

use crate::wire::{self, attribute};

const MICROSOFT: [u8; 4] = [0, 0, 1, 55];
const MS_CHAP_RESPONSE: u8 = 1;
const MS_CHAP_CHALLENGE: u8 = 11;
const MS_CHAP2_RESPONSE: u8 = 25;
/// Octets of either response's value.
const VALUE_LEN: usize = 50;

/// Whether the packet has exactly one response to exactly one challenge, and it is made of `password`.
pub(crate) fn proves(packet: &[u8], user_name: &[u8], password: &[u8]) -> bool {
    let of = |kind| values(packet, MICROSOFT, kind);
    let challenges = of(MS_CHAP_CHALLENGE);
    let [challenge] = challenges[..] else {
        return false;
    };
    match (&of(MS_CHAP_RESPONSE)[..], &of(MS_CHAP2_RESPONSE)[..]) {
        // Flags, then the LAN Manager response, which counts for nothing.
        ([value], []) if value.len() == VALUE_LEN && challenge.len() == 8 => {
            value[1] & 1 == 1 && value[26..] == response(password, challenge)
        }
        ([], [value]) if value.len() == VALUE_LEN && challenge.len() == 16 => {
            let digest = Sha1::new()
                .chain_update(&value[2..18])
                .chain_update(challenge)
                .chain_update(user_name)
                .finalize();
            value[26..] == response(password, &digest[..8])
        }
        _ => false,
    }
}

/// Whether there is any response.
pub(crate) fn is_tried(packet: &[u8]) -> bool {
    let kinds = [MS_CHAP_RESPONSE, MS_CHAP2_RESPONSE];
    kinds
        .into_iter()
        .any(|kind| !values(packet, MICROSOFT, kind).is_empty())
}

/// The values of one attribute of a vendor; several may lie in one Vendor-Specific (RFC 2865 section 5.26).
pub(crate) fn values(packet: &[u8], vendor: [u8; 4], kind: u8) -> Vec<&[u8]> {
    let mut found = Vec::new();
    for value in wire::values(packet, attribute::VENDOR_SPECIFIC) {
        let mut rest = value.strip_prefix(&vendor).unwrap_or_default();
        while let [other, length, ..] = rest {
            let Some(value) = rest.get(2..usize::from(*length)) else {
                break;
            };
            if *other == kind {
                found.push(value);
            }
            rest = &rest[value.len() + 2..];
        }
    }
    found
}

/// The value of an MS-CHAPv2 response to `challenge`, whatever the peer's own challenge.
pub(crate) fn answer(challenge: &[u8], user_name: &[u8], password: &[u8]) -> Vec<u8> {
    const OWN: [u8; 16] = [9; 16];
    let digest = Sha1::new()
        .chain_update(OWN)
        .chain_update(challenge)
        .chain_update(user_name)
        .finalize();
    [&OWN[..], &[0; 8], &response(password, &digest[..8])].concat()
}

/// The response of `password` to eight octets of challenge: three times DES with a third of the NT hash.
fn response(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let wide = password.iter().flat_map(|letter| [*letter, 0]);
    let mut keys = Md4::digest(wide.collect::<Vec<u8>>()).to_vec();
    keys.resize(21, 0);
    let encrypt = |key: &[u8]| {
        let bits = key
            .iter()
            .fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
        // Seven bits an octet; the eighth, the lowest, is parity and counts for nothing.
        let spread = (0..8).fold(0, |key, at| key << 8 | (bits >> (49 - 7 * at) & 0x7f) << 1);
        let mut block = <[u8; 8]>::try_from(challenge)
            .expect("a challenge has eight octets")
            .into();
        Des::new(&spread.to_be_bytes().into()).encrypt_block(&mut block);
        block.to_vec()
    };
    keys.chunks(7).flat_map(encrypt).collect()
}

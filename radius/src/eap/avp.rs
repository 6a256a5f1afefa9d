//! The attribute-value pairs inside a TTLS tunnel (RFC 5281 section 10, after RFC 6733 section 4).
//!
//! Total: octets that do not fit are [`Malformed`]. Not here: what the pairs mean (`ttls`).

/// Code, flags and length.
const HEADER_LEN: usize = 8;
/// The same and a vendor.
const VENDOR_HEADER_LEN: usize = 12;
/// Pairs begin at multiples of this.
const ALIGNMENT: usize = 4;
/// A vendor is named.
const VENDOR: u8 = 0x80;
/// Who does not know the pair must refuse.
const MANDATORY: u8 = 0x40;

/// The lengths do not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed;

/// One pair. No `Debug` in the program: the value may be a password.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug, Eq, PartialEq))]
pub(super) struct Avp<'a> {
    pub(super) code: u32,
    /// 0 if none is named.
    pub(super) vendor: u32,
    pub(super) mandatory: bool,
    pub(super) value: &'a [u8],
}

/// The pairs of some plaintext, in order. Ends after what is malformed.
pub(super) struct Avps<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Avps<'a> {
    type Item = Result<Avp<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let decoded = decode(self.0);
        self.0 = decoded.map_or(&[], |(_, rest)| rest);
        Some(decoded.map(|(avp, _)| avp).ok_or(Malformed))
    }
}

fn decode(octets: &[u8]) -> Option<(Avp<'_>, &[u8])> {
    let (header, _) = octets.split_first_chunk::<HEADER_LEN>()?;
    let [c0, c1, c2, c3, flags, high, middle, low] = *header;
    let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
    let avp = octets.get(..length)?;
    let (vendor, value) = match flags & VENDOR {
        0 => (0, avp.get(HEADER_LEN..)?),
        _ => {
            let vendor = avp.get(HEADER_LEN..VENDOR_HEADER_LEN)?;
            let vendor = u32::from_be_bytes(vendor.try_into().ok()?);
            (vendor, &avp[VENDOR_HEADER_LEN..])
        }
    };
    // The last pair may lack its padding.
    let rest = octets.get(length.next_multiple_of(ALIGNMENT)..);
    Some((
        Avp {
            code: u32::from_be_bytes([c0, c1, c2, c3]),
            vendor,
            mandatory: flags & MANDATORY != 0,
            value,
        },
        rest.unwrap_or_default(),
    ))
}

/// A mandatory pair of a vendor, padded.
///
/// # Panics
/// When the value is longer than a RADIUS attribute's.
pub(super) fn encode(code: u32, vendor: u32, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(VENDOR_HEADER_LEN + value.len()).expect("what we send is short");
    let mut octets = code.to_be_bytes().to_vec();
    octets.extend_from_slice(&[VENDOR | MANDATORY, 0, 0, length]);
    octets.extend_from_slice(&vendor.to_be_bytes());
    octets.extend_from_slice(value);
    octets.resize(octets.len().next_multiple_of(ALIGNMENT), 0);
    octets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(octets: &[u8]) -> Vec<Result<Avp<'_>, Malformed>> {
        Avps(octets).collect()
    }

    #[test]
    fn pairs_with_and_without_vendor_and_padding_are_read() {
        let name = [&[0, 0, 0, 1, 0x40, 0, 0, 13][..], b"bruno", &[0; 3]].concat();
        let success = encode(26, 311, b"abcd");
        let last = [&[0, 0, 0, 2, 0, 0, 0, 9][..], b"x"].concat();
        let expected = [
            (1, 0, true, &b"bruno"[..]),
            (26, 311, true, b"abcd"),
            (2, 0, false, b"x"),
        ];
        let expected = expected.map(|(code, vendor, mandatory, value)| {
            Ok(Avp {
                code,
                vendor,
                mandatory,
                value,
            })
        });
        assert_eq!(all(&[name, success, last].concat()), expected);
    }

    #[test]
    fn length_that_does_not_fit_is_malformed() {
        for octets in [
            &[0, 0, 0, 1, 0x40, 0, 0][..],
            &[0, 0, 0, 1, 0x40, 0, 0, 7],
            &[0, 0, 0, 1, 0x40, 0, 0, 9],
            &[0, 0, 0, 1, 0xC0, 0, 0, 11, 0, 0, 1],
            &[0, 0, 0, 1, 0x40, 0xFF, 0xFF, 0xFF, 1],
        ] {
            assert_eq!(all(octets), [Err(Malformed)], "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_panic_and_values_lie_inside(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let found = all(&octets);
            let values = found.iter().flatten().map(|avp| HEADER_LEN + avp.value.len());
            prop_assert!(values.sum::<usize>() <= octets.len());
        }

        #[test]
        fn what_was_encoded_decodes(code in any::<u32>(), vendor in any::<u32>(), value in prop::collection::vec(any::<u8>(), 0..200)) {
            let octets = encode(code, vendor, &value);
            let avp = Avp { code, vendor, mandatory: true, value: &value };
            prop_assert_eq!(all(&octets), vec![Ok(avp)]);
        }
    }
}

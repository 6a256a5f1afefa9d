//! MAC addresses in the notations NAS devices write.
//!
//! Strict: any octet more or less is not a MAC, so that a NUL or space variant of one is nobody.

/// Hexadecimal digits in a MAC.
const DIGITS: usize = 12;

/// Reads `001122aabbcc`, `00:11:22:aa:bb:cc`, `00-11-22-aa-bb-cc`, `0011.22aa.bbcc`, `0011-22aa-bbcc`
/// in either case.
pub(crate) fn parse(text: &[u8]) -> Option<[u8; 6]> {
    let group = match text.len() {
        DIGITS => DIGITS,
        14 => 4,
        17 => 2,
        _ => return None,
    };
    let separator = text.get(group).copied();
    if separator.is_some_and(|octet| !matches!(octet, b':' | b'-' | b'.')) {
        return None;
    }
    let mut mac = [0; 6];
    let mut digits = 0;
    for (at, octet) in text.iter().enumerate() {
        if at % (group + 1) == group {
            if Some(*octet) != separator {
                return None;
            }
            continue;
        }
        let value = match octet {
            b'0'..=b'9' => octet - b'0',
            b'a'..=b'f' => octet - b'a' + 10,
            b'A'..=b'F' => octet - b'A' + 10,
            _ => return None,
        };
        let byte = mac.get_mut(digits / 2)?;
        *byte = (*byte << 4) | value;
        digits += 1;
    }
    (digits == DIGITS).then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_is_read() {
        for text in [
            "02AbCdEf0107",
            "02:ab:cd:ef:01:07",
            "02-AB-CD-EF-01-07",
            "02.ab.cd.ef.01.07",
            "02ab.cdef.0107",
            "02ab-cdef-0107",
            "02ab:cdef:0107",
        ] {
            assert_eq!(
                parse(text.as_bytes()),
                Some([2, 0xab, 0xcd, 0xef, 1, 7]),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_not_a_mac() {
        for text in [
            "",
            "02abcdef010",
            "02abcdef01070",
            "02:ab:cd:ef:01-07",
            "02:ab:cd:ef:01:0g",
            " 2:ab:cd:ef:01:07",
            "02:ab:cd:ef:01:07\0",
            "02abcdef0107\0",
            "02 ab cd ef 01 07",
            "02ab.cdef-0107",
            "020abcd.ef.107",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}

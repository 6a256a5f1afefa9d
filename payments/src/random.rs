//! Names that nobody can guess.

/// Octets of randomness in a name: 128 bits.
const RANDOM_OCTETS: usize = 16;

/// `prefix` and 32 hexadecimal digits from the system's generator.
pub(crate) fn unguessable(prefix: &str) -> String {
    let mut octets = [0_u8; RANDOM_OCTETS];
    getrandom::fill(&mut octets).expect("the system's random generator never fails once started");
    format!("{prefix}{}", hex(&octets))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        for nibble in [octet >> 4, octet & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16"));
        }
        text
    })
}

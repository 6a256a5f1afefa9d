//! Octets as hexadecimal digits, without a heap.

/// The digits of RFC 2759 section 8.7, and of whoever else wants capitals.
pub(crate) const UPPER: &[u8; 16] = b"0123456789ABCDEF";
/// The digits of all else.
pub(crate) const LOWER: &[u8; 16] = b"0123456789abcdef";

/// Writes `octets` into `text`, two digits each; what does not fit is left out.
pub(crate) fn write(octets: &[u8], digits: &[u8; 16], text: &mut [u8]) {
    for (pair, octet) in text.as_chunks_mut::<2>().0.iter_mut().zip(octets) {
        *pair = [
            digits[usize::from(octet >> 4)],
            digits[usize::from(octet & 15)],
        ];
    }
}

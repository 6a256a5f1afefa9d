//! Short octet strings without an allocation of their own.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;

/// What fits beside the length and the tag in 24 octets.
const INLINE_MAX: usize = 22;

/// Some octets, compared as slices are. Up to [`INLINE_MAX`] of them, as most names and session ids
/// have, lie in the value itself.
#[derive(Clone)]
pub(crate) struct Octets(Form);

#[derive(Clone)]
enum Form {
    Inline(u8, [u8; INLINE_MAX]),
    Heap(Box<[u8]>),
}

impl Octets {
    /// The octets themselves.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Form::Inline(len, octets) => &octets[..usize::from(*len)],
            Form::Heap(octets) => octets,
        }
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        let mut inline = [0; INLINE_MAX];
        match (u8::try_from(octets.len()), inline.get_mut(..octets.len())) {
            (Ok(len), Some(room)) => {
                room.copy_from_slice(octets);
                Self(Form::Inline(len, inline))
            }
            (Ok(_) | Err(_), _) => Self(Form::Heap(octets.into())),
        }
    }
}

impl Borrow<[u8]> for Octets {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Eq for Octets {}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Ord for Octets {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl PartialOrd for Octets {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_back_and_compare_as_slices_whatever_their_length() {
        let all: Vec<Vec<u8>> = (0..60_u8).map(|len| (0..len).collect()).collect();
        for (octets, more) in all.iter().zip(&all[1..]) {
            assert_eq!(Octets::from(octets.as_slice()).as_slice(), octets);
            assert!(Octets::from(octets.as_slice()) < Octets::from(more.as_slice()));
        }
        assert_eq!(size_of::<Octets>(), 24);
        assert_eq!(size_of::<Option<Octets>>(), 24);
    }
}

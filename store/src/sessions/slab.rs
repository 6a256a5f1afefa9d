//! Values in numbered places, which do not move when there are more of them.

/// Values in one allocation. Growing takes one more and copies nothing, where a `Vec` of a million
/// sessions would hold everybody up.
const CHUNK: usize = 4_096;

/// Values by number; numbers of removed ones are given again.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }
}

/// Chunk and place of a number.
fn split(number: u32) -> (usize, usize) {
    let number = usize::try_from(number).expect("at least 32 bits");
    (number / CHUNK, number % CHUNK)
}

impl<T> Slab<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (chunk, place) = split(number);
        self.chunks.get(chunk)?.get(place)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (chunk, place) = split(number);
        self.chunks.get_mut(chunk)?.get_mut(place)?.as_mut()
    }

    /// Keeps a value and says under which number.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(number) = self.free.pop() {
            let (chunk, place) = split(number);
            self.chunks[chunk][place] = Some(value);
            return number;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut().expect("it has room");
        let number = before + chunk.len();
        chunk.push(Some(value));
        u32::try_from(number).expect("fewer than 2^32 values fit into memory")
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let (chunk, place) = split(number);
        let value = self.chunks.get_mut(chunk)?.get_mut(place)?.take()?;
        self.free.push(number);
        self.len -= 1;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_its_value_until_it_is_removed_and_is_given_again() {
        let mut slab = Slab::default();
        let numbers: Vec<u32> = (0..10_000_u64).map(|value| slab.insert(value)).collect();
        assert!(
            numbers
                .iter()
                .zip(0..)
                .all(|(n, value)| slab.get(*n) == Some(&value))
        );
        assert_eq!(slab.remove(numbers[4_096]), Some(4_096));
        assert_eq!((slab.remove(numbers[4_096]), slab.len()), (None, 9_999));
        assert_eq!(slab.insert(7), numbers[4_096]);
        assert_eq!(
            (slab.get(numbers[4_096]), slab.get(10_000)),
            (Some(&7), None)
        );
    }
}

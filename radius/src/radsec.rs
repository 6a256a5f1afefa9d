//! RADIUS over a stream (RFC 6613 section 2.6): octets in, in any pieces, whole packets out.
//!
//! The Length field is all that tells where the next packet begins. One that no packet can have means that the
//! place is lost, and nothing behind it can be trusted: the stream is over ([`FrameError`]).
//!
//! The buffer is allocated once and holds two of the longest packets; a packet is given where it lies.
//!
//! Not here: TLS and sockets (`daemon`), what a packet says (`server`), RADIUS/1.1 (`radius11`).

use crate::packet::{HEADER_LEN, PACKET_LEN_MAX};

/// The shared secret of all RADIUS over TLS (RFC 6614 section 2.3): TLS protects, and not this.
pub const SECRET: &[u8] = b"radsec";

/// Octets of the buffer of one stream.
pub const BUFFER_LEN: usize = 2 * PACKET_LEN_MAX;

/// Code, identifier and the Length field.
const LENGTH_END: usize = 4;

/// Why a stream is over. Always the peer's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// Below 20 or over 4096 (RFC 2865 section 3).
    #[error("length field {length} is none of a packet: {HEADER_LEN} to {PACKET_LEN_MAX} octets")]
    BadLength {
        /// What the Length field says.
        length: usize,
    },
}

/// The octets of one stream that are not yet taken as packets.
///
/// ```
/// # use garth_radius::radsec::Frames;
/// let mut frames = Frames::new();
/// frames.room()[..3].copy_from_slice(&[12, 1, 0]);
/// frames.filled(3);
/// assert_eq!(frames.next_packet(), Ok(None));
/// ```
pub struct Frames {
    buffer: Box<[u8; BUFFER_LEN]>,
    /// What is there: `buffer[begin..end]`.
    begin: usize,
    end: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

impl Frames {
    /// An empty buffer; the only allocation there is.
    pub fn new() -> Self {
        Self {
            buffer: Box::new([0; BUFFER_LEN]),
            begin: 0,
            end: 0,
        }
    }

    /// Where the next octets of the stream go. Never empty once [`Self::next_packet`] has given nothing more.
    pub fn room(&mut self) -> &mut [u8] {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
        } else if self.begin > 0 && BUFFER_LEN - self.end < PACKET_LEN_MAX {
            self.buffer.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        &mut self.buffer[self.end..]
    }

    /// So many octets were put into the [`room`](Self::room). More than it has count as all of it.
    pub fn filled(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(BUFFER_LEN);
    }

    /// The next whole packet, header included; `None` until more octets come. Its attributes are not looked at.
    ///
    /// # Errors
    /// When the Length field is none of a packet. It stays so: there is no way on.
    pub fn next_packet(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let there = &self.buffer[self.begin..self.end];
        let Some(&[_, _, high, low]) = there.first_chunk::<LENGTH_END>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&length) {
            return Err(FrameError::BadLength { length });
        }
        if there.len() < length {
            return Ok(None);
        }
        let begin = self.begin;
        self.begin += length;
        Ok(Some(&self.buffer[begin..self.begin]))
    }

    /// True if the stream may end here: no packet has begun.
    pub fn is_between_packets(&self) -> bool {
        self.begin == self.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(length: usize, filling: u8) -> Vec<u8> {
        let mut octets = vec![filling; length];
        let field = u16::try_from(length).unwrap().to_be_bytes();
        octets[2..LENGTH_END].copy_from_slice(&field);
        octets
    }

    /// Feeds `stream` in pieces of the sizes given, again and again, as far as there is room.
    fn packets(mut stream: &[u8], pieces: &[usize]) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut frames = Frames::new();
        let mut found = Vec::new();
        let mut sizes = pieces.iter().cycle();
        while !stream.is_empty() {
            let room = frames.room();
            assert!(!room.is_empty(), "a stream that cannot go on");
            let len = (*sizes.next().unwrap()).min(room.len()).min(stream.len());
            let (piece, rest) = stream.split_at(len);
            room[..len].copy_from_slice(piece);
            stream = rest;
            frames.filled(len);
            while let Some(packet) = frames.next_packet()? {
                found.push(packet.to_vec());
            }
        }
        assert!(frames.is_between_packets());
        Ok(found)
    }

    #[test]
    fn n7_length_that_no_packet_has_ends_the_stream_for_good() {
        for length in [0, 19, PACKET_LEN_MAX + 1, 0xffff] {
            let mut frames = Frames::new();
            let field = u16::try_from(length).unwrap().to_be_bytes();
            frames.room()[2..LENGTH_END].copy_from_slice(&field);
            frames.filled(LENGTH_END);
            for _ in 0..2 {
                assert_eq!(frames.next_packet(), Err(FrameError::BadLength { length }));
            }
        }
    }

    #[test]
    fn longest_packets_back_to_back_always_find_room() {
        let stream = packet(PACKET_LEN_MAX, 7).repeat(5);
        for piece in [1, 4095, 4096, 4097, BUFFER_LEN] {
            assert_eq!(packets(&stream, &[piece]).unwrap().len(), 5, "{piece}");
        }
    }

    #[test]
    fn filling_more_than_the_room_is_no_harm() {
        let mut frames = Frames::new();
        frames
            .room()
            .copy_from_slice(&packet(PACKET_LEN_MAX, 1).repeat(2));
        frames.filled(usize::MAX);
        assert!(frames.next_packet().unwrap().is_some());
        assert!(frames.next_packet().unwrap().is_some());
        assert_eq!(frames.next_packet(), Ok(None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn n7_any_split_of_the_octets_gives_the_same_packets(
            packets_sent in prop::collection::vec((HEADER_LEN..=PACKET_LEN_MAX, any::<u8>()), 1..12),
            pieces in prop::collection::vec(1_usize..=BUFFER_LEN, 1..20),
        ) {
            let sent: Vec<Vec<u8>> = packets_sent
                .into_iter()
                .map(|(length, filling)| packet(length, filling))
                .collect();
            prop_assert_eq!(packets(&sent.concat(), &pieces), Ok(sent));
        }

        #[test]
        fn any_octets_are_packets_or_the_end(
            octets in prop::collection::vec(any::<u8>(), 0..BUFFER_LEN),
        ) {
            let mut frames = Frames::new();
            frames.room()[..octets.len()].copy_from_slice(&octets);
            frames.filled(octets.len());
            let mut taken = 0;
            while let Ok(Some(packet)) = frames.next_packet() {
                prop_assert_eq!(packet, &octets[taken..taken + packet.len()]);
                taken += packet.len();
            }
        }
    }
}

//! Any octets on a stream of RADIUS over TLS, in any pieces.

use garth_radius::packet::{HEADER_LEN, PACKET_LEN_MAX};
use garth_radius::radsec::{FrameError, Frames};

/// The packets are those that the Length fields say, however the octets are cut; a Length that no packet has ends
/// the stream for good; and there is always room for the octets that are missing (N7).
///
/// The first octet says into pieces of how many octets the others are cut.
///
/// # Panics
/// When a promise is broken.
pub fn check(input: &[u8]) {
    let Some((piece, stream)) = input.split_first() else {
        return;
    };
    // From single octets to more than the longest packet.
    let piece = 1 + usize::from(*piece) * 17;
    let expected = expected(stream);
    let mut frames = Frames::new();
    let mut found = 0;
    for mut octets in stream.chunks(piece) {
        while !octets.is_empty() {
            let room = frames.room();
            assert!(!room.is_empty(), "a stream that cannot go on");
            let (now, later) = octets.split_at(octets.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            frames.filled(now.len());
            octets = later;
            if let Err(error) = take(&mut frames, &expected, &mut found) {
                assert_eq!(expected.end, End::Wrong(error), "an end that is none");
                assert_eq!(found, expected.packets.len());
                assert_eq!(take(&mut frames, &expected, &mut found), Err(error));
                return;
            }
        }
    }
    assert_eq!(found, expected.packets.len());
    let between = frames.is_between_packets();
    assert_eq!(
        expected.end,
        if between { End::Between } else { End::Inside }
    );
}

/// Takes all packets that are there.
fn take(frames: &mut Frames, expected: &Expected<'_>, found: &mut usize) -> Result<(), FrameError> {
    while let Some(packet) = frames.next_packet()? {
        assert_eq!(Some(&packet), expected.packets.get(*found));
        *found += 1;
    }
    Ok(())
}

/// What a stream is, read in one piece.
struct Expected<'a> {
    packets: Vec<&'a [u8]>,
    end: End,
}

#[derive(Debug, Eq, PartialEq)]
enum End {
    /// Behind a packet.
    Between,
    /// In the middle of one.
    Inside,
    /// At a Length that no packet has.
    Wrong(FrameError),
}

fn expected(mut stream: &[u8]) -> Expected<'_> {
    let mut packets = Vec::new();
    let end = loop {
        let [_, _, high, low, ..] = *stream else {
            break if stream.is_empty() {
                End::Between
            } else {
                End::Inside
            };
        };
        let length = usize::from(high) << 8 | usize::from(low);
        if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&length) {
            break End::Wrong(FrameError::BadLength { length });
        }
        if stream.len() < length {
            break End::Inside;
        }
        let (packet, rest) = stream.split_at(length);
        packets.push(packet);
        stream = rest;
    };
    Expected { packets, end }
}

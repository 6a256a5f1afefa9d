//! How TLS is carried in EAP: flights cut into fragments, each acknowledged (RFC 5216 section 3, RFC 5281 section 9.2).
//!
//! One flight goes one way at a time: while ours is being sent the peer may only acknowledge. What a peer
//! sends is bounded by [`FLIGHT_LEN_MAX`], whatever it claims.
//!
//! Not here: what is inside (`tunnel`).

use zeroize::Zeroizing;

/// The longest flight we take or give: RFC 5216 section 2.1.5 expects 64 KiB to be enough for any.
pub(super) const FLIGHT_LEN_MAX: usize = 64 * 1024;
/// The shortest fragment we send, however small the link says its frames are.
const FRAGMENT_LEN_MIN: usize = 100;
/// The longest fragment we send, however large the link says its frames are.
const FRAGMENT_LEN_MAX: usize = 1400;
/// What we send if the link says nothing: the RADIUS packet with it fits a frame of Ethernet.
const FRAGMENT_LEN_DEFAULT: usize = 1024;
/// EAP header, type, flags and TLS Message Length.
const OVERHEAD_LEN: usize = 10;

/// The TLS Message Length is there.
const LENGTH_INCLUDED: u8 = 0x80;
/// This is not the last fragment.
const MORE_FRAGMENTS: u8 = 0x40;
/// The first request.
const START: u8 = 0x20;
/// Where PEAP and TTLS have their version: we speak 0. EAP-TLS ignores these bits (RFC 5216 section 3.2).
const VERSION_MASK: u8 = 0x07;

/// The data of the request that begins a method: nothing but its flag, version 0.
pub(super) const START_DATA: [u8; 1] = [START];
/// The data of a request that acknowledges, or leaves the word to the peer.
const ACKNOWLEDGEMENT: [u8; 1] = [0];

/// The peer does not keep to the framing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Misframed;

/// What a response was.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Incoming {
    /// The flight goes on: send this data.
    Continue(Vec<u8>),
    /// The peer has said all of a flight; empty if it acknowledged the last of ours.
    Flight(Zeroizing<Vec<u8>>),
}

/// The fragments of one conversation.
pub(super) struct Fragments {
    fragment_len: usize,
    /// The bits of the flags that must not be set.
    forbidden: u8,
    incoming: Zeroizing<Vec<u8>>,
    /// What the peer said the flight's length is.
    announced: Option<usize>,
    outgoing: Vec<u8>,
    /// Octets of `outgoing` that were sent.
    sent: usize,
}

impl Fragments {
    /// Fragments of a method with a version in its flags, or without, for a link whose frames have so
    /// many octets (Framed-MTU).
    pub(super) fn new(versioned: bool, framed_mtu: Option<u32>) -> Self {
        let fragment_len = framed_mtu
            .and_then(|octets| usize::try_from(octets).ok())
            .map_or(FRAGMENT_LEN_DEFAULT, |octets| {
                let room = octets.saturating_sub(OVERHEAD_LEN);
                room.clamp(FRAGMENT_LEN_MIN, FRAGMENT_LEN_MAX)
            });
        Self {
            fragment_len,
            forbidden: if versioned {
                START | VERSION_MASK
            } else {
                START
            },
            incoming: Zeroizing::default(),
            announced: None,
            outgoing: Vec::new(),
            sent: 0,
        }
    }

    /// Takes the data of a response.
    pub(super) fn receive(&mut self, data: &[u8]) -> Result<Incoming, Misframed> {
        let (&flags, rest) = data.split_first().ok_or(Misframed)?;
        if flags & self.forbidden != 0 {
            return Err(Misframed);
        }
        let (announced, fragment) = announced_length(flags, rest)?;
        if self.sent < self.outgoing.len() {
            let acknowledges = fragment.is_empty() && flags & MORE_FRAGMENTS == 0;
            return match acknowledges {
                true => Ok(Incoming::Continue(self.next_fragment())),
                false => Err(Misframed),
            };
        }
        self.append(announced, fragment)?;
        if flags & MORE_FRAGMENTS != 0 {
            // A fragment of nothing would let a peer keep a conversation busy for nothing.
            return match fragment.is_empty() {
                true => Err(Misframed),
                false => Ok(Incoming::Continue(ACKNOWLEDGEMENT.to_vec())),
            };
        }
        let announced = self.announced.take();
        let flight = std::mem::take(&mut self.incoming);
        match announced.is_none_or(|announced| announced == flight.len()) {
            true => Ok(Incoming::Flight(flight)),
            false => Err(Misframed),
        }
    }

    /// Begins to send a flight, which may be empty; gives the data of the request.
    ///
    /// Nothing must be left of an earlier one: a flight is only answered when the earlier was acknowledged.
    pub(super) fn send(&mut self, flight: Vec<u8>) -> Result<Vec<u8>, Misframed> {
        if flight.len() > FLIGHT_LEN_MAX {
            return Err(Misframed);
        }
        self.outgoing = flight;
        self.sent = 0;
        Ok(self.next_fragment())
    }

    fn append(&mut self, announced: Option<usize>, fragment: &[u8]) -> Result<(), Misframed> {
        if let Some(announced) = announced {
            // Some peers repeat it in each fragment; it must not change.
            if self.announced.is_some_and(|earlier| earlier != announced) {
                return Err(Misframed);
            }
            self.announced = Some(announced);
        }
        let len_max = self.announced.unwrap_or(FLIGHT_LEN_MAX);
        if len_max > FLIGHT_LEN_MAX || self.incoming.len() + fragment.len() > len_max {
            return Err(Misframed);
        }
        self.incoming.extend_from_slice(fragment);
        Ok(())
    }

    fn next_fragment(&mut self) -> Vec<u8> {
        let rest = &self.outgoing[self.sent..];
        let len = rest.len().min(self.fragment_len);
        let more = len < rest.len();
        let mut flags = 0;
        let mut length = None;
        if more {
            flags |= MORE_FRAGMENTS;
        }
        if more && self.sent == 0 {
            flags |= LENGTH_INCLUDED;
            length = u32::try_from(rest.len()).ok();
        }
        let mut data = vec![flags];
        data.extend(length.into_iter().flat_map(u32::to_be_bytes));
        data.extend_from_slice(&rest[..len]);
        self.sent += len;
        data
    }
}

/// The TLS Message Length, if there is one, and what follows.
fn announced_length(flags: u8, rest: &[u8]) -> Result<(Option<usize>, &[u8]), Misframed> {
    if flags & LENGTH_INCLUDED == 0 {
        return Ok((None, rest));
    }
    let (length, fragment) = rest.split_first_chunk().ok_or(Misframed)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Misframed)?;
    Ok((Some(length), fragment))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flight(octets: &[u8]) -> Incoming {
        Incoming::Flight(Zeroizing::new(octets.to_vec()))
    }

    fn acknowledged() -> Incoming {
        Incoming::Continue(vec![0])
    }

    #[test]
    fn fragments_are_joined_and_each_is_acknowledged() {
        let mut fragments = Fragments::new(true, None);
        let first = [&[0xC0, 0, 0, 0, 5][..], b"ab"].concat();
        assert_eq!(fragments.receive(&first), Ok(acknowledged()));
        assert_eq!(fragments.receive(b"\x40cd"), Ok(acknowledged()));
        assert_eq!(fragments.receive(b"\x00e"), Ok(flight(b"abcde")));
        assert_eq!(fragments.receive(b"\x00next"), Ok(flight(b"next")));
    }

    #[test]
    fn flight_other_than_announced_is_refused() {
        for last in [&b"\x00d"[..], b"\x00def", b"\x80\x00\x00\x00\x06de"] {
            let mut fragments = Fragments::new(true, None);
            let first = [&[0xC0, 0, 0, 0, 5][..], b"abc"].concat();
            assert_eq!(fragments.receive(&first), Ok(acknowledged()));
            assert_eq!(fragments.receive(last), Err(Misframed), "{last:?}");
        }
    }

    #[test]
    fn flight_longer_than_the_bound_is_refused_announced_or_not() {
        let announced = u32::try_from(FLIGHT_LEN_MAX + 1).unwrap().to_be_bytes();
        let first = [&[0xC0][..], &announced, b"a"].concat();
        assert_eq!(Fragments::new(true, None).receive(&first), Err(Misframed));

        let mut fragments = Fragments::new(true, None);
        let kilobyte = [&[0x40][..], &[7; 1024]].concat();
        for _ in 0..FLIGHT_LEN_MAX / 1024 {
            assert_eq!(fragments.receive(&kilobyte), Ok(acknowledged()));
        }
        assert_eq!(fragments.receive(&kilobyte), Err(Misframed));
        assert_eq!(fragments.receive(b"\x00a"), Err(Misframed));
        assert!(fragments.incoming.len() <= FLIGHT_LEN_MAX);
    }

    #[test]
    fn version_start_and_truncated_length_are_refused() {
        for data in [
            &b""[..],
            b"\x01a",
            b"\x02",
            b"\x20",
            b"\x80",
            b"\x80\x00\x00\x00",
            b"\x40",
        ] {
            assert_eq!(
                Fragments::new(true, None).receive(data),
                Err(Misframed),
                "{data:?}"
            );
        }
    }

    #[test]
    fn eap_tls_ignores_reserved_bits() {
        let mut fragments = Fragments::new(false, None);
        assert_eq!(fragments.receive(b"\x07a"), Ok(flight(b"a")));
        assert_eq!(fragments.receive(b"\x20a"), Err(Misframed));
    }

    #[test]
    fn peer_may_only_acknowledge_while_a_flight_is_being_sent() {
        for data in [&b"\x00a"[..], b"\x40", b"\x40a"] {
            let mut fragments = Fragments::new(true, Some(0));
            fragments.send(vec![7; 2 * FRAGMENT_LEN_MIN]).unwrap();
            assert_eq!(fragments.receive(data), Err(Misframed), "{data:?}");
        }
    }

    #[test]
    fn framed_mtu_sets_the_fragments_within_bounds() {
        for (mtu, len) in [
            (None, FRAGMENT_LEN_DEFAULT),
            (Some(0), FRAGMENT_LEN_MIN),
            (Some(500), 500 - OVERHEAD_LEN),
            (Some(9000), FRAGMENT_LEN_MAX),
            (Some(u32::MAX), FRAGMENT_LEN_MAX),
        ] {
            let data = Fragments::new(true, mtu).send(vec![7; 5000]).unwrap();
            assert_eq!(data.len() - 5, len, "{mtu:?}");
            assert_eq!(data[..5], [0xC0, 0, 0, 0x13, 0x88]);
        }
    }

    #[test]
    fn flight_too_long_to_send_is_refused() {
        let mut fragments = Fragments::new(true, None);
        assert!(fragments.send(vec![0; FLIGHT_LEN_MAX]).is_ok());
        assert_eq!(fragments.send(vec![0; FLIGHT_LEN_MAX + 1]), Err(Misframed));
    }

    proptest! {
        #[test]
        fn one_side_joins_what_the_other_cut(
            flight in prop::collection::vec(any::<u8>(), 0..6000),
            mtu in 0..2000_u32,
        ) {
            let mut sender = Fragments::new(true, Some(mtu));
            let mut receiver = Fragments::new(true, None);
            let mut data = sender.send(flight.clone()).unwrap();
            let joined = loop {
                match receiver.receive(&data).unwrap() {
                    Incoming::Flight(joined) => break joined,
                    Incoming::Continue(acknowledgement) => {
                        let Incoming::Continue(next) = sender.receive(&acknowledgement).unwrap() else {
                            panic!("the sender has nothing left");
                        };
                        data = next;
                    }
                }
            };
            prop_assert_eq!(&*joined, &flight);
        }

        #[test]
        fn nothing_panics_and_memory_is_bounded(
            responses in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..60),
        ) {
            let mut fragments = Fragments::new(true, None);
            for response in responses {
                drop(fragments.receive(&response));
                prop_assert!(fragments.incoming.len() <= FLIGHT_LEN_MAX);
            }
        }
    }
}

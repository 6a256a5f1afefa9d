//! Netlink messages: attributes in and out of octets (`linux/netlink.h`, `linux/netfilter/nfnetlink.h`).
//!
//! Pure. Reading is total: a length that does not fit ends the iteration. Writing pads every
//! attribute to four octets, as the kernel expects.
//!
//! Not here: the socket (`netlink`), what the attributes mean (`tables`, `conntrack`).

/// `struct nlmsghdr`.
pub(crate) const HEADER_LEN: usize = 16;
/// `struct nfgenmsg`, which follows it in every netfilter message.
pub(crate) const GENERIC_LEN: usize = 4;
/// `struct nlattr`.
const ATTRIBUTE_LEN: usize = 4;
const NESTED: u16 = 1 << 15;
/// The two high bits of an attribute's type are flags.
const TYPE_MASK: u16 = 0x3fff;

pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;
pub(crate) const NLM_F_REQUEST: u16 = 0x001;
pub(crate) const NLM_F_ACK: u16 = 0x004;
pub(crate) const NLM_F_DUMP_INTR: u16 = 0x010;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLM_F_CREATE: u16 = 0x400;

/// Messages being written, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    octets: Vec<u8>,
    /// Where the open message begins; the octets before it are whole messages.
    message: usize,
}

/// An attribute that holds attributes, not yet ended. Must be handed to [`Writer::end`].
#[must_use]
#[derive(Debug)]
pub(crate) struct Nest(usize);

impl Writer {
    /// Begins a message and ends the one before.
    pub(crate) fn begin(
        &mut self,
        kind: u16,
        flags: u16,
        sequence: u32,
        family: u8,
        resource: u16,
    ) {
        self.message = self.octets.len();
        self.octets.extend_from_slice(&[0; 4]);
        self.octets.extend_from_slice(&kind.to_ne_bytes());
        self.octets
            .extend_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        self.octets.extend_from_slice(&sequence.to_ne_bytes());
        self.octets.extend_from_slice(&[0; 4]);
        // NFNETLINK_V0 in the second octet; the third and fourth are big-endian.
        self.octets.extend_from_slice(&[family, 0]);
        self.octets.extend_from_slice(&resource.to_be_bytes());
        self.set_message_length();
    }

    /// Asks the kernel to confirm the open message.
    pub(crate) fn ask_ack(&mut self) {
        let at = self.message + 6;
        let flags = u16::from_ne_bytes([self.octets[at], self.octets[at + 1]]) | NLM_F_ACK;
        self.octets[at..at + 2].copy_from_slice(&flags.to_ne_bytes());
    }

    /// Appends an attribute.
    pub(crate) fn put(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(ATTRIBUTE_LEN + value.len())
            .expect("callers bound what they put into one attribute");
        self.octets.extend_from_slice(&length.to_ne_bytes());
        self.octets.extend_from_slice(&kind.to_ne_bytes());
        self.octets.extend_from_slice(value);
        self.pad();
        self.set_message_length();
    }

    /// Appends a text attribute with the closing zero the kernel expects.
    pub(crate) fn put_text(&mut self, kind: u16, value: &str) {
        let mut text = Vec::with_capacity(value.len() + 1);
        text.extend_from_slice(value.as_bytes());
        text.push(0);
        self.put(kind, &text);
    }

    /// Begins an attribute that holds attributes.
    pub(crate) fn nest(&mut self, kind: u16) -> Nest {
        let at = self.octets.len();
        self.put(kind | NESTED, &[]);
        Nest(at)
    }

    /// Ends `nest`.
    #[expect(clippy::needless_pass_by_value, reason = "a nest ends once")]
    pub(crate) fn end(&mut self, nest: Nest) {
        let Nest(at) = nest;
        let length = u16::try_from(self.octets.len() - at)
            .expect("callers bound what they put into one attribute");
        self.octets[at..at + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// The messages, ready to send.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn pad(&mut self) {
        self.octets.resize(self.octets.len().next_multiple_of(4), 0);
    }

    fn set_message_length(&mut self) {
        let length = u32::try_from(self.octets.len() - self.message)
            .expect("a message holds at most a few attributes of 64 KiB");
        self.octets[self.message..self.message + 4].copy_from_slice(&length.to_ne_bytes());
    }
}

/// A message read from the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes behind `struct nfgenmsg`.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.body.get(GENERIC_LEN..).unwrap_or_default())
    }

    /// The error number of an `NLMSG_ERROR` (0 confirms) or of a dump's `NLMSG_DONE`.
    pub(crate) fn error_number(&self) -> i32 {
        self.body
            .first_chunk()
            .map_or(0, |octets| i32::from_ne_bytes(*octets).saturating_neg())
    }
}

/// The messages of one datagram.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let header: &[u8; HEADER_LEN] = self.0.first_chunk()?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let body = self.0.get(HEADER_LEN..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            body,
        })
    }
}

/// The attributes of a message or of a nest: their types without flags, and their values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The value of the first attribute of type `kind`.
    pub(crate) fn find(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find_map(|(found, value)| (found == kind).then_some(value))
    }

    /// The attributes inside the first attribute of type `kind`; empty without one.
    pub(crate) fn inside(self, kind: u16) -> Self {
        Self(self.find(kind).unwrap_or_default())
    }

    /// A big-endian number of four octets.
    pub(crate) fn number(self, kind: u16) -> Option<u32> {
        self.find(kind)?
            .first_chunk()
            .map(|octets| u32::from_be_bytes(*octets))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let [l0, l1, k0, k1] = *self.0.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = self.0.get(ATTRIBUTE_LEN..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]) & TYPE_MASK, value))
    }
}

/// The text of an attribute without its closing zero.
pub(crate) fn text(value: &[u8]) -> &[u8] {
    value.strip_suffix(&[0]).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_written_message_reads_back() {
        let mut writer = Writer::default();
        writer.begin(7, 0, 1, 2, 10);
        writer.put_text(1, "garth");
        let nest = writer.nest(3);
        writer.put(5, &9_u32.to_be_bytes());
        writer.end(nest);
        writer.ask_ack();
        writer.begin(8, 0, 2, 0, 0);
        let messages: Vec<_> = Messages(writer.octets()).collect();
        assert_eq!(messages.len(), 2);
        let first = messages[0];
        assert_eq!(
            (first.kind, first.flags, first.sequence),
            (7, NLM_F_REQUEST | NLM_F_ACK, 1)
        );
        assert_eq!(first.attributes().find(1).map(text), Some(&b"garth"[..]));
        assert_eq!(first.attributes().inside(3).number(5), Some(9));
        assert_eq!((messages[1].kind, messages[1].attributes().count()), (8, 0));
    }

    #[test]
    fn a_length_past_the_end_or_below_the_header_ends_the_reading() {
        let mut writer = Writer::default();
        writer.begin(7, 0, 1, 2, 10);
        writer.put(1, &[1, 2, 3, 4]);
        for length in [0_u32, 15, 4_000, u32::MAX] {
            let mut octets = writer.octets().to_vec();
            octets[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Messages(&octets).count(), 0, "{length}");
        }
        assert_eq!(Attributes(&[3, 0, 1, 0]).count(), 0);
        assert_eq!(Attributes(&[9, 0, 1, 0, 1]).count(), 0);
    }

    proptest! {
        #[test]
        fn no_octets_panic_or_loop(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let messages = Messages(&octets);
            prop_assert!(messages.clone().count() <= octets.len() / HEADER_LEN + 1);
            for message in messages {
                let _number = message.error_number();
                for (_, value) in message.attributes() {
                    prop_assert!(Attributes(value).count() <= value.len() / ATTRIBUTE_LEN + 1);
                }
            }
        }
    }
}

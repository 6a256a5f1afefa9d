//! RADIUS octets read and made a second time, to check the server against (RFC 2865, 2866, 3579, 5997).
//!
//! Shares no code with the `radius` crate: two who read the same standard must agree. Reads strictly or not at
//! all, and makes what is wrong as readily as what is right. Pure: no socket, no clock.
//!
//! `fuzz` includes this file by its path. Not here: sockets (`radius`, `raw`).

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

/// Octets before the first attribute.
pub const HEADER_LEN: usize = 20;
/// The longest packet (RFC 2865 section 3).
pub const PACKET_LEN_MAX: usize = 4096;
/// Where the authenticator is.
const AUTHENTICATOR: std::ops::Range<usize> = 4..HEADER_LEN;
/// Octets that User-Password is a multiple of (RFC 2865 section 5.2).
const HIDDEN_BLOCK: usize = 16;
/// The longest User-Password.
const HIDDEN_MAX: usize = 128;

/// A Request or Response Authenticator.
pub type Authenticator = [u8; 16];

/// Packet codes (RFC 2865 section 3, RFC 2866 section 3, RFC 5176 section 2.3, RFC 5997).
pub mod code {
    /// Access-Request.
    pub const ACCESS_REQUEST: u8 = 1;
    /// Access-Accept.
    pub const ACCESS_ACCEPT: u8 = 2;
    /// Access-Reject.
    pub const ACCESS_REJECT: u8 = 3;
    /// Accounting-Request.
    pub const ACCOUNTING_REQUEST: u8 = 4;
    /// Accounting-Response.
    pub const ACCOUNTING_RESPONSE: u8 = 5;
    /// Access-Challenge.
    pub const ACCESS_CHALLENGE: u8 = 11;
    /// Status-Server.
    pub const STATUS_SERVER: u8 = 12;
    /// Disconnect-Request.
    pub const DISCONNECT_REQUEST: u8 = 40;
    /// CoA-Request.
    pub const COA_REQUEST: u8 = 43;
}

/// Attribute types.
pub mod attribute {
    /// User-Name.
    pub const USER_NAME: u8 = 1;
    /// User-Password.
    pub const USER_PASSWORD: u8 = 2;
    /// CHAP-Password.
    pub const CHAP_PASSWORD: u8 = 3;
    /// NAS-Port.
    pub const NAS_PORT: u8 = 5;
    /// Service-Type.
    pub const SERVICE_TYPE: u8 = 6;
    /// Reply-Message.
    pub const REPLY_MESSAGE: u8 = 18;
    /// Vendor-Specific.
    pub const VENDOR_SPECIFIC: u8 = 26;
    /// Calling-Station-Id.
    pub const CALLING_STATION_ID: u8 = 31;
    /// Proxy-State.
    pub const PROXY_STATE: u8 = 33;
    /// Acct-Status-Type.
    pub const ACCT_STATUS_TYPE: u8 = 40;
    /// Acct-Output-Octets.
    pub const ACCT_OUTPUT_OCTETS: u8 = 43;
    /// Acct-Session-Id.
    pub const ACCT_SESSION_ID: u8 = 44;
    /// CHAP-Challenge.
    pub const CHAP_CHALLENGE: u8 = 60;
    /// EAP-Message.
    pub const EAP_MESSAGE: u8 = 79;
    /// Message-Authenticator.
    pub const MESSAGE_AUTHENTICATOR: u8 = 80;
    /// Error-Cause.
    pub const ERROR_CAUSE: u8 = 101;
}

/// A request under construction. Nothing is checked: it may well be wrong.
#[derive(Clone, Debug)]
pub struct Request {
    /// The packet's code.
    pub code: u8,
    /// Pairs a reply with it.
    pub identifier: u8,
    /// Random for Access-Request and Status-Server; [`sign`] computes the others.
    pub authenticator: Authenticator,
    /// In order, each of 253 octets at most.
    pub attributes: Vec<(u8, Vec<u8>)>,
}

impl Request {
    /// A request without attributes. Its authenticator differs from that of every other `number`.
    pub fn new(code: u8, number: u64) -> Self {
        Self {
            code,
            identifier: number.to_be_bytes()[7],
            authenticator: Self::digest(&number.to_be_bytes()),
            attributes: Vec::new(),
        }
    }

    /// An authenticator for [`Self::authenticator`], made of anything.
    pub fn digest(octets: &[u8]) -> Authenticator {
        Md5::digest(octets).into()
    }

    /// With one more attribute.
    #[must_use]
    pub fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    /// With one more attribute of four octets.
    #[must_use]
    pub fn with_integer(self, kind: u8, value: u32) -> Self {
        self.with(kind, &value.to_be_bytes())
    }

    /// With one attribute of a vendor in a Vendor-Specific (RFC 2865 section 5.26).
    ///
    /// # Panics
    /// When it is longer than its length can say.
    #[must_use]
    pub fn with_vendor(self, vendor: u32, kind: u8, value: &[u8]) -> Self {
        let length = u8::try_from(value.len() + 2).expect("a value fits its attribute");
        let inner = [&vendor.to_be_bytes()[..], &[kind, length], value].concat();
        self.with(attribute::VENDOR_SPECIFIC, &inner)
    }

    /// With User-Password (RFC 2865 section 5.2).
    #[must_use]
    pub fn with_pap(self, password: &[u8], secret: &[u8]) -> Self {
        let hidden = hide(password, &self.authenticator, secret);
        self.with(attribute::USER_PASSWORD, &hidden)
    }

    /// With CHAP-Password over the Request Authenticator (RFC 2865 section 5.3).
    #[must_use]
    pub fn with_chap(self, password: &[u8]) -> Self {
        let value = chap(self.identifier, password, &self.authenticator);
        self.with(attribute::CHAP_PASSWORD, &value)
    }

    /// With room for a Message-Authenticator, which [`sign`] fills.
    #[must_use]
    pub fn with_message_authenticator(self) -> Self {
        self.with(attribute::MESSAGE_AUTHENTICATOR, &[0; 16])
    }

    /// Its octets, not signed.
    ///
    /// # Panics
    /// When a value or the packet is longer than its length can say.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = vec![self.code, self.identifier, 0, 0];
        octets.extend(self.authenticator);
        for (kind, value) in &self.attributes {
            let length = u8::try_from(value.len() + 2).expect("a value has 253 octets at most");
            octets.extend([*kind, length]);
            octets.extend(value);
        }
        set_length(&mut octets);
        octets
    }

    /// Its octets, signed.
    ///
    /// # Panics
    /// See [`Self::octets`].
    pub fn signed(&self, secret: &[u8]) -> Vec<u8> {
        let mut octets = self.octets();
        sign(&mut octets, secret);
        octets
    }
}

/// Writes the Length field to fit.
///
/// # Panics
/// When there is no header, or more than 16 bits can say.
pub fn set_length(octets: &mut [u8]) {
    let length = u16::try_from(octets.len()).expect("a packet is short");
    octets[2..4].copy_from_slice(&length.to_be_bytes());
}

/// The packet in a datagram, without padding; nothing if any length does not fit (RFC 2865 sections 3 and 5).
pub fn packet(datagram: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]));
    let packet = datagram.get(..length)?;
    if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&length) {
        return None;
    }
    let mut rest = &packet[HEADER_LEN..];
    while !rest.is_empty() {
        let length = usize::from(*rest.get(1)?);
        rest = rest.get(length..).filter(|_| length >= 2)?;
    }
    Some(packet)
}

/// Types and values of a packet that [`packet`] gave, in order.
pub fn attributes(packet: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    let mut rest = &packet[HEADER_LEN..];
    while let [kind, length, ..] = rest {
        let (attribute, behind) = rest.split_at(usize::from(*length));
        found.push((*kind, &attribute[2..]));
        rest = behind;
    }
    found
}

/// The values of one type, in order.
pub fn values(packet: &[u8], kind: u8) -> Vec<&[u8]> {
    let mut found = attributes(packet);
    found.retain(|(other, _)| *other == kind);
    found.into_iter().map(|(_, value)| value).collect()
}

/// Request Authenticator of a packet that [`packet`] gave.
///
/// # Panics
/// When there is no header.
pub fn authenticator(packet: &[u8]) -> Authenticator {
    packet[AUTHENTICATOR].try_into().expect("it has 16 octets")
}

/// What a packet's Message-Authenticator is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signature {
    /// There is none.
    Absent,
    /// There is one, and it is right.
    Right,
    /// It is wrong, or there are two.
    Wrong,
}

/// Checks the Message-Authenticator, made while the packet's authenticator was `over` (RFC 3579 section 3.2).
pub fn message_authenticator(packet: &[u8], over: &Authenticator, secret: &[u8]) -> Signature {
    let found = message_authenticators(packet);
    match found[..] {
        [] => Signature::Absent,
        [at] => match packet[at..].starts_with(&hmac(packet, at, over, secret)) {
            true if packet[at - 1] == 18 => Signature::Right,
            true | false => Signature::Wrong,
        },
        _ => Signature::Wrong,
    }
}

/// What a Message-Authenticator of this request is made over.
fn over(request: &[u8]) -> Authenticator {
    match request[0] {
        code::ACCOUNTING_REQUEST | code::DISCONNECT_REQUEST | code::COA_REQUEST => [0; 16],
        _ => authenticator(request),
    }
}

/// Checks the Message-Authenticator of a request.
pub fn request_signature(request: &[u8], secret: &[u8]) -> Signature {
    message_authenticator(request, &over(request), secret)
}

/// Whether the Request Authenticator is made of the packet and the secret (RFC 2866 section 3).
pub fn request_authenticator_is_right(request: &[u8], secret: &[u8]) -> bool {
    authenticator(request) == digest(request, &[0; 16], secret)
}

/// Signs a packet whose lengths fit: its first Message-Authenticator of 16 octets if there is one, and its
/// Request Authenticator unless that is random.
pub fn sign(packet: &mut [u8], secret: &[u8]) {
    let over = over(packet);
    fill_message_authenticator(packet, &over, secret);
    if matches!(
        packet[0],
        code::ACCOUNTING_REQUEST | code::DISCONNECT_REQUEST | code::COA_REQUEST
    ) {
        let digest = digest(packet, &[0; 16], secret);
        packet[AUTHENTICATOR].copy_from_slice(&digest);
    }
}

/// Signs the answer to the request that has `request_authenticator`.
pub fn sign_reply(packet: &mut [u8], request_authenticator: &Authenticator, secret: &[u8]) {
    fill_message_authenticator(packet, request_authenticator, secret);
    let digest = digest(packet, request_authenticator, secret);
    packet[AUTHENTICATOR].copy_from_slice(&digest);
}

/// Whether these octets are an answer to a request with this identifier and authenticator that only somebody
/// with the secret can have made. No Message-Authenticator is asked for, but one that is there must be right.
pub fn reply_is_genuine(
    reply: &[u8],
    identifier: u8,
    request_authenticator: &Authenticator,
    secret: &[u8],
) -> bool {
    packet(reply).is_some_and(|reply| {
        reply[1] == identifier
            && authenticator(reply) == digest(reply, request_authenticator, secret)
            && message_authenticator(reply, request_authenticator, secret) != Signature::Wrong
    })
}

/// Bends a datagram into one whose lengths fit, as little as that takes.
pub fn mend(datagram: &mut Vec<u8>) {
    datagram.truncate(PACKET_LEN_MAX);
    datagram.resize(datagram.len().max(HEADER_LEN), 0);
    let mut at = HEADER_LEN;
    while at < datagram.len() {
        let left = datagram.len() - at;
        if left == 1 {
            datagram.pop();
            break;
        }
        let fits = usize::from(datagram[at + 1]).max(2).min(left);
        datagram[at + 1] = u8::try_from(fits).expect("it is no longer than an octet can say");
        at += fits;
    }
    set_length(datagram);
}

/// Whether the packet proves `password` by the one PAP or CHAP attribute it has (RFC 2865 sections 5.2 and 5.3).
pub fn proves(packet: &[u8], password: &[u8], secret: &[u8]) -> bool {
    let pap = values(packet, attribute::USER_PASSWORD);
    let responses = values(packet, attribute::CHAP_PASSWORD);
    let challenges = values(packet, attribute::CHAP_CHALLENGE);
    let authenticator = authenticator(packet);
    match (&pap[..], &responses[..]) {
        ([hidden], []) => {
            let whole = hidden.len().is_multiple_of(HIDDEN_BLOCK);
            let fits = whole && (1..=HIDDEN_MAX).contains(&hidden.len());
            fits && reveal(hidden, &authenticator, secret) == password
        }
        ([], [response]) => {
            let challenge = challenges.first().copied().unwrap_or(&authenticator);
            let identifier = response.first().copied().unwrap_or(0);
            challenges.len() < 2 && *response == chap(identifier, password, challenge)
        }
        _ => false,
    }
}

/// The value of CHAP-Password.
fn chap(identifier: u8, password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let digest = Md5::new()
        .chain_update([identifier])
        .chain_update(password)
        .chain_update(challenge)
        .finalize();
    [&[identifier], digest.as_slice()].concat()
}

/// The value of User-Password.
pub fn hide(password: &[u8], request_authenticator: &Authenticator, secret: &[u8]) -> Vec<u8> {
    let blocks = password.len().div_ceil(HIDDEN_BLOCK).max(1);
    let mut hidden = password.to_vec();
    hidden.resize(blocks * HIDDEN_BLOCK, 0);
    let mut before = *request_authenticator;
    for block in hidden.chunks_mut(HIDDEN_BLOCK) {
        xor(block, &mask(&before, secret));
        before = block.try_into().expect("blocks are whole");
    }
    hidden
}

/// The password in User-Password, without the zeros it was padded with.
fn reveal(hidden: &[u8], request_authenticator: &Authenticator, secret: &[u8]) -> Vec<u8> {
    let mut plain = hidden.to_vec();
    let mut before = *request_authenticator;
    for (block, sent) in plain
        .chunks_mut(HIDDEN_BLOCK)
        .zip(hidden.chunks(HIDDEN_BLOCK))
    {
        xor(block, &mask(&before, secret));
        before = sent.try_into().expect("blocks are whole");
    }
    let end = plain.iter().rposition(|octet| *octet != 0);
    plain.truncate(end.map_or(0, |last| last + 1));
    plain
}

fn mask(before: &Authenticator, secret: &[u8]) -> Authenticator {
    let digest = Md5::new().chain_update(secret).chain_update(before);
    digest.finalize().into()
}

fn xor(block: &mut [u8], mask: &Authenticator) {
    for (octet, mask) in block.iter_mut().zip(mask) {
        *octet ^= mask;
    }
}

/// MD5 over the packet with another authenticator in it, and the secret.
fn digest(packet: &[u8], over: &Authenticator, secret: &[u8]) -> Authenticator {
    let digest = Md5::new()
        .chain_update(&packet[..AUTHENTICATOR.start])
        .chain_update(over)
        .chain_update(&packet[HEADER_LEN..])
        .chain_update(secret);
    digest.finalize().into()
}

/// Where the values of all Message-Authenticators begin.
fn message_authenticators(packet: &[u8]) -> Vec<usize> {
    let mut at = HEADER_LEN;
    let mut found = Vec::new();
    for (kind, value) in attributes(packet) {
        if kind == attribute::MESSAGE_AUTHENTICATOR {
            found.push(at + 2);
        }
        at += 2 + value.len();
    }
    found
}

fn fill_message_authenticator(packet: &mut [u8], over: &Authenticator, secret: &[u8]) {
    let found = message_authenticators(packet).into_iter();
    let first = found
        .filter(|at| usize::from(packet[at - 1]) == 2 + 16)
        .min();
    if let Some(at) = first {
        let signature = hmac(packet, at, over, secret);
        packet[at..at + 16].copy_from_slice(&signature);
    }
}

/// HMAC-MD5 over the packet with `over` as its authenticator and zeros at `at`.
fn hmac(packet: &[u8], at: usize, over: &Authenticator, secret: &[u8]) -> Authenticator {
    let end = packet.len().min(at + 16);
    let mut hmac = Hmac::<Md5>::new_from_slice(secret).expect("a key may have any length");
    hmac.update(&packet[..AUTHENTICATOR.start]);
    hmac.update(over);
    hmac.update(&packet[HEADER_LEN..at]);
    hmac.update(&[0; 16][..end - at]);
    hmac.update(&packet[end..]);
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"testing123";

    fn octets(hexadecimal: &str) -> Vec<u8> {
        let digits: Vec<u8> = hexadecimal
            .chars()
            .filter_map(|c| c.to_digit(16))
            .map(|digit| u8::try_from(digit).unwrap())
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    /// An Access-Request of FreeRADIUS radclient 3.2 with the password "wonderland".
    fn of_radclient() -> Vec<u8> {
        octets(
            "01420048a499b59875382d90bec71480dd0490230107616c69636502126bb47efa5c7332\
             57c5ae1e1d7c8591fa501222051932d53bb337ffd86220f88e398804 06c0000201210331",
        )
    }

    #[test]
    fn request_of_another_implementation_is_read() {
        let request = of_radclient();
        let packet = packet(&request).unwrap();
        assert_eq!(request_signature(packet, SECRET), Signature::Right);
        assert_eq!(request_signature(packet, b"testing124"), Signature::Wrong);
        assert!(proves(packet, b"wonderland", SECRET));
        assert!(!proves(packet, b"wonderlane", SECRET));
        assert_eq!(values(packet, attribute::USER_NAME), [b"alice"]);
    }

    #[test]
    fn what_is_made_is_read() {
        for len in [1, 15, 16, 17, 100, 128] {
            let password = vec![b'p'; len];
            let pap = Request::new(code::ACCESS_REQUEST, 7)
                .with_message_authenticator()
                .with_pap(&password, SECRET)
                .signed(SECRET);
            let packet = packet(&pap).unwrap();
            assert_eq!(request_signature(packet, SECRET), Signature::Right);
            assert!(proves(packet, &password, SECRET), "{len}");
        }
        let account = Request::new(code::ACCOUNTING_REQUEST, 7)
            .with_message_authenticator()
            .signed(SECRET);
        assert_eq!(request_signature(&account, SECRET), Signature::Right);
        assert!(request_authenticator_is_right(&account, SECRET));
        assert!(!request_authenticator_is_right(&account, b"other"));
    }

    #[test]
    fn lengths_that_do_not_fit_are_not_read_until_they_are_mended() {
        let good = of_radclient();
        for end in 0..good.len() {
            assert_eq!(packet(&good[..end]), None, "{end}");
        }
        for (at, value) in [(3, 19), (2, 0x10), (21, 0), (21, 1), (21, 0xff)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(packet(&bad), None, "{at}");
            mend(&mut bad);
            assert_eq!(packet(&bad), Some(&bad[..]), "{at}");
        }
        let padded = [&good[..], &[1]].concat();
        assert_eq!(packet(&padded), Some(&good[..]));
    }
}

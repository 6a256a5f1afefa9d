//! What vendors' attributes say in an Access-Request: an MS-CHAP exchange (RFC 2548), the line (RFC 4679).
//!
//! Read only where a request has any: most have none, and pay nothing for it.
//!
//! Not here: whether a response is right (`mschap`), what replies say in vendors' attributes (`reply`, `dialect`).

use crate::attribute::{AttributeType, Vendor, broadband_forum, microsoft};
use crate::mschap::{CHALLENGE_LEN, CHALLENGE2_LEN, Challenge, RESPONSE_LEN, Response};
use crate::packet::Packet;
use crate::reason::RejectReason;
use crate::request::{Flaw, Method, set, set_octets};

/// An MS-CHAP exchange (RFC 2548 section 2.1.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct MsChap<'a> {
    pub(crate) challenge: &'a Challenge,
    value: &'a MsChapValue,
}

/// An MS-CHAPv2 exchange (RFC 2548 section 2.3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct MsChap2<'a> {
    pub(crate) authenticator_challenge: &'a [u8; CHALLENGE2_LEN],
    value: &'a MsChapValue,
}

/// The value of MS-CHAP-Response and of MS-CHAP2-Response: identifier, flags, 24 octets of another
/// response or of a challenge, response.
type MsChapValue = [u8; 2 + RESPONSE_LEN + RESPONSE_LEN];
/// The flag of MS-CHAP-Response that says that there is an NT response.
const NT_RESPONSE: u8 = 1;

impl<'a> MsChap<'a> {
    pub(crate) fn identifier(&self) -> u8 {
        self.value[0]
    }

    pub(crate) fn response(&self) -> &'a Response {
        let [_identifier, _flags, responses @ ..] = self.value;
        halves(responses).1
    }
}

impl<'a> MsChap2<'a> {
    pub(crate) fn identifier(&self) -> u8 {
        self.value[0]
    }

    pub(crate) fn peer_challenge(&self) -> &'a [u8; CHALLENGE2_LEN] {
        let [_identifier, _flags, rest @ ..] = self.value;
        // Eight reserved octets follow it.
        rest.first_chunk().expect("48 octets begin with 16")
    }

    pub(crate) fn response(&self) -> &'a Response {
        let [_identifier, _flags, rest @ ..] = self.value;
        halves(rest).1
    }
}

/// The line of a subscriber, which the access node adds: nothing a subscriber can type.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Line<'a> {
    /// Agent-Circuit-Id.
    pub(crate) circuit: Option<&'a [u8]>,
    /// Agent-Remote-Id.
    pub(crate) remote: Option<&'a [u8]>,
}

/// The MS-CHAP exchange of a request, if there is one.
///
/// # Errors
/// When its attributes are flawed, there are two exchanges, or it is LAN Manager's.
pub(crate) fn mschap_exchange<'a>(packet: &Packet<'a>) -> Result<Option<Method<'a>>, RejectReason> {
    let (mut first, mut second, mut challenge) = (None, None, None);
    let flaw = each(packet, Vendor::MICROSOFT, |kind, value| match kind {
        microsoft::MS_CHAP_RESPONSE => set_exact(&mut first, value),
        microsoft::MS_CHAP2_RESPONSE => set_exact(&mut second, value),
        microsoft::MS_CHAP_CHALLENGE => set_octets(&mut challenge, value),
        _ => None,
    });
    match (flaw, first, second) {
        (Some(flaw), ..) => Err(flaw.into()),
        (None, None, None) => Ok(None),
        (None, Some(_), Some(_)) => Err(RejectReason::AmbiguousCredential),
        (None, Some(value), None) => ms_chap(value, challenge).map(|m| Some(Method::MsChap(m))),
        (None, None, Some(value)) => ms_chap2(value, challenge).map(|m| Some(Method::MsChap2(m))),
    }
}

/// The line of a request. What is flawed names none: the request may still say who it is by other attributes.
pub(crate) fn line<'a>(packet: &Packet<'a>) -> Line<'a> {
    let mut line = Line::default();
    let flaw = each(packet, Vendor::BROADBAND_FORUM, |kind, value| match kind {
        broadband_forum::AGENT_CIRCUIT_ID => set_octets(&mut line.circuit, value),
        broadband_forum::AGENT_REMOTE_ID => set_octets(&mut line.remote, value),
        _ => None,
    });
    if flaw.is_some() {
        return Line::default();
    }
    line
}

/// Calls `take` for every attribute of a vendor, several of which may lie in one Vendor-Specific; returns the first
/// flaw.
fn each<'a>(
    packet: &Packet<'a>,
    vendor: Vendor,
    mut take: impl FnMut(u8, &'a [u8]) -> Option<Flaw>,
) -> Option<Flaw> {
    let mut flaw = None;
    for attribute in packet.attributes() {
        if attribute.kind != AttributeType::VENDOR_SPECIFIC {
            continue;
        }
        let Some((number, mut rest)) = attribute.value.split_first_chunk::<4>() else {
            continue;
        };
        if u32::from_be_bytes(*number) != vendor.0 {
            continue;
        }
        while let [kind, len, ..] = *rest {
            let len = usize::from(len);
            let Some(value) = rest.get(2..len) else {
                break;
            };
            flaw = flaw.or(take(kind, value));
            rest = &rest[len..];
        }
        if !rest.is_empty() {
            flaw = flaw.or(Some(Flaw::BadValue));
        }
    }
    flaw
}

fn set_exact<'a>(slot: &mut Option<&'a MsChapValue>, value: &'a [u8]) -> Option<Flaw> {
    match value.try_into() {
        Ok(value) => set(slot, value),
        Err(_) => Some(Flaw::BadValue),
    }
}

fn ms_chap<'a>(
    value: &'a MsChapValue,
    challenge: Option<&'a [u8]>,
) -> Result<MsChap<'a>, RejectReason> {
    let [_identifier, flags, ..] = value;
    // The LAN Manager response alone is from before 1998, and as good as clear text.
    if flags & NT_RESPONSE == 0 {
        return Err(RejectReason::UnsupportedMethod);
    }
    Ok(MsChap {
        challenge: exact::<CHALLENGE_LEN>(challenge)?,
        value,
    })
}

fn ms_chap2<'a>(
    value: &'a MsChapValue,
    challenge: Option<&'a [u8]>,
) -> Result<MsChap2<'a>, RejectReason> {
    Ok(MsChap2 {
        authenticator_challenge: exact::<CHALLENGE2_LEN>(challenge)?,
        value,
    })
}

fn exact<const N: usize>(challenge: Option<&[u8]>) -> Result<&[u8; N], RejectReason> {
    challenge
        .and_then(|challenge| challenge.try_into().ok())
        .ok_or(RejectReason::BadAttribute)
}

/// The two fields of 24 octets in an MS-CHAP value.
fn halves(octets: &[u8; 2 * RESPONSE_LEN]) -> (&Response, &Response) {
    let (halves, _none) = octets.as_chunks();
    (&halves[0], &halves[1])
}

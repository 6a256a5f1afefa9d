//! PEAP version 0 (draft-kamath-pppext-peapv0): an identity and EAP-MSCHAPv2 in a tunnel, then a result.
//!
//! The subscriber is the identity inside. Packets inside have no EAP header, as the field does it, but for
//! the one that carries the result; a peer that writes headers is understood. There is no cryptographic
//! binding: a peer that insists on it refuses.

use super::mschapv2::MsChapV2;
use super::packet::{self, Packet, Type};
use super::prove::{Context, Progress, Proven};
use super::tunnel::{Event, Tunnel};
use crate::reason::RejectReason;

/// Mandatory, type 3, two octets of value (draft-kamath-pppext-peapv0 section 2.3.1.1).
const RESULT: [u8; 4] = [0x80, 3, 0, 2];
/// The mandatory bit of a type.
const MANDATORY: u8 = 0x80;
const RESULT_SUCCESS: [u8; 2] = [0, 1];
const RESULT_FAILURE: [u8; 2] = [0, 2];

/// A conversation.
pub(super) struct Peap {
    tunnel: Tunnel,
    stage: Stage,
}

/// What was said last inside.
enum Stage {
    Nothing,
    IdentityRequest,
    Method {
        identity: Vec<u8>,
        exchange: MsChapV2,
    },
    /// Success of this identity, or failure.
    Result(Result<Vec<u8>, RejectReason>),
}

impl Peap {
    pub(super) fn new(tunnel: Tunnel) -> Self {
        Self {
            tunnel,
            stage: Stage::Nothing,
        }
    }

    pub(super) fn tunnel(&self) -> &Tunnel {
        &self.tunnel
    }

    /// Takes a response.
    ///
    /// # Errors
    /// When the handshake fails, what is inside does not fit, or the peer was told that it is refused.
    pub(super) fn receive(
        &mut self,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Result<Progress, RejectReason> {
        let plaintext = match self.tunnel.receive(data)? {
            Event::Send(data) => return Ok(Progress::Request(data)),
            Event::Open(plaintext) => plaintext,
        };
        let inside = match &mut self.stage {
            Stage::Nothing if plaintext.is_empty() => {
                self.stage = Stage::IdentityRequest;
                vec![Type::IDENTITY.0]
            }
            Stage::Nothing => return Err(RejectReason::EapProtocol),
            Stage::IdentityRequest => {
                let (Type::IDENTITY, identity) = inner(&plaintext)? else {
                    return Err(RejectReason::EapProtocol);
                };
                let (exchange, data) = MsChapV2::begin(context);
                self.stage = Stage::Method {
                    identity: identity.to_vec(),
                    exchange,
                };
                ms_chap_v2(&data)
            }
            Stage::Method { identity, exchange } => {
                match exchange_receive(exchange, context, identity, &plaintext) {
                    Ok(Progress::Request(data)) => ms_chap_v2(&data),
                    Ok(Progress::Accept(_)) => {
                        let identity = std::mem::take(identity);
                        self.result(context, Ok(identity))
                    }
                    Err(reason) => self.result(context, Err(reason)),
                }
            }
            Stage::Result(Err(reason)) => return Err(*reason),
            Stage::Result(Ok(identity)) => {
                if result(&plaintext) != Some(RESULT_SUCCESS) {
                    return Err(RejectReason::EapProtocol);
                }
                return Ok(Progress::Accept(Proven {
                    grant: context.entitled(identity)?,
                    msk: Some(self.tunnel.msk()?),
                }));
            }
        };
        Ok(Progress::Request(self.tunnel.send(&inside)?))
    }

    /// Gives the packet that tells the peer how it ended.
    fn result(&mut self, context: &Context<'_>, verdict: Result<Vec<u8>, RejectReason>) -> Vec<u8> {
        let value = match &verdict {
            Ok(_) => RESULT_SUCCESS,
            Err(_) => RESULT_FAILURE,
        };
        self.stage = Stage::Result(verdict);
        let data = [&RESULT[..], &value].concat();
        packet::request(context.identifier, Type::EXTENSIONS, &data)
    }
}

fn exchange_receive(
    exchange: &mut MsChapV2,
    context: &mut Context<'_>,
    identity: &[u8],
    plaintext: &[u8],
) -> Result<Progress, RejectReason> {
    match inner(plaintext)? {
        (Type::MS_CHAP_V2, data) => exchange.receive(context, identity, data),
        (Type::NAK, _) => Err(RejectReason::EapMethodRefused),
        _ => Err(RejectReason::EapProtocol),
    }
}

fn ms_chap_v2(data: &[u8]) -> Vec<u8> {
    [&[Type::MS_CHAP_V2.0], data].concat()
}

/// The type of a response inside and its data. What begins as a response of just this length has a
/// header; without one the first octet would say that it is a notification, which nobody asked for.
fn inner(plaintext: &[u8]) -> Result<(Type, &[u8]), RejectReason> {
    let whole = Packet::decode(plaintext)
        .filter(|packet| packet::HEADER_LEN + packet.data.len() == plaintext.len());
    if let Some(response) = whole.and_then(|packet| packet.response()) {
        return Ok(response);
    }
    let (kind, data) = plaintext.split_first().ok_or(RejectReason::EapProtocol)?;
    Ok((Type(*kind), data))
}

/// The result that a response has among its extensions.
fn result(plaintext: &[u8]) -> Option<[u8; 2]> {
    let (Type::EXTENSIONS, mut rest) = Packet::decode(plaintext)?.response()? else {
        return None;
    };
    loop {
        let (&[high, low, len_high, len_low], behind) = rest.split_first_chunk()?;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let (value, behind) = behind.split_at_checked(len)?;
        if [high | MANDATORY, low] == RESULT[..2] {
            return value.try_into().ok();
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inner_packets_with_and_without_header_are_the_same() {
        let bare = [1, b'a', b'n'];
        let whole = [2, 9, 0, 7, 1, b'a', b'n'];
        assert_eq!(inner(&bare), Ok((Type::IDENTITY, &b"an"[..])));
        assert_eq!(inner(&whole), inner(&bare));
        assert_eq!(inner(&[]), Err(RejectReason::EapProtocol));
    }

    #[test]
    fn result_is_found_among_extensions() {
        let success = [2, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 1];
        assert_eq!(result(&success), Some(RESULT_SUCCESS));
        let behind = [2, 9, 0, 16, 33, 0, 9, 0, 1, 7, 0x80, 3, 0, 2, 0, 2];
        assert_eq!(result(&behind), Some(RESULT_FAILURE));
        for len in 0..success.len() {
            assert_eq!(result(&success[..len]), None);
        }
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = (inner(&octets).is_ok(), result(&octets));
        }
    }
}

//! EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2), bare or inside PEAP.
//!
//! Three requests: challenge, then success or failure, which the peer acknowledges. Success proves to the
//! peer that we know its password. Not here: the computations (`mschap`).

use std::fmt::Write;

use zeroize::Zeroizing;

use super::prove::{Context, Progress, Proven};
use crate::mschap::{self, CHALLENGE2_LEN, RESPONSE_LEN, SessionKeys};
use crate::reason::RejectReason;

/// What a packet is (draft-kamath-pppext-eap-mschapv2 section 2).
mod op {
    pub(super) const CHALLENGE: u8 = 1;
    pub(super) const RESPONSE: u8 = 2;
    pub(super) const SUCCESS: u8 = 3;
    pub(super) const FAILURE: u8 = 4;
}

/// OpCode, MS-CHAPv2-ID, MS-Length.
const HEADER_LEN: usize = 4;
/// Peer's challenge, eight reserved octets, response, flags.
const VALUE_LEN: usize = CHALLENGE2_LEN + 8 + RESPONSE_LEN + 1;
/// What the peer's user interface may call the server.
const SERVER_NAME: &[u8] = b"garth";
/// ERROR_AUTHENTICATION_FAILURE (RFC 2759 section 6).
const AUTHENTICATION_FAILURE: u16 = 691;
/// ERROR_NO_DIALIN_PERMISSION (RFC 2759 section 6).
const NO_PERMISSION: u16 = 649;

/// Where an exchange stands.
enum Stage {
    Challenged,
    /// The response was right and success was sent.
    Proven(SessionKeys),
    /// Failure was sent.
    Refused(RejectReason),
}

/// An exchange.
pub(super) struct MsChapV2 {
    challenge: [u8; CHALLENGE2_LEN],
    stage: Stage,
}

/// The fields of a response that count.
#[derive(Clone, Copy)]
struct Response<'a> {
    identifier: u8,
    peer_challenge: &'a [u8; CHALLENGE2_LEN],
    response: &'a mschap::Response,
    name: &'a [u8],
}

impl<'a> Response<'a> {
    fn decode(data: &'a [u8]) -> Option<Self> {
        let (&[code, identifier, high, low], _) = data.split_first_chunk::<HEADER_LEN>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (&value_size, rest) = data.get(HEADER_LEN..length)?.split_first()?;
        let (value, name) = rest.split_first_chunk::<VALUE_LEN>()?;
        let (peer_challenge, value) = value.split_first_chunk()?;
        let (response, _flags) = value.get(8..)?.split_first_chunk()?;
        let fits = code == op::RESPONSE && usize::from(value_size) == VALUE_LEN;
        fits.then_some(Self {
            identifier,
            peer_challenge,
            response,
            name,
        })
    }
}

impl MsChapV2 {
    /// Gives the data of the first request too.
    pub(super) fn begin(context: &Context<'_>) -> (Self, Vec<u8>) {
        let challenge: [u8; CHALLENGE2_LEN] = context.random();
        let size = u8::try_from(CHALLENGE2_LEN).expect("16 fits an octet");
        let value = [&[size][..], &challenge, SERVER_NAME].concat();
        let data = encode(op::CHALLENGE, context.identifier, &value);
        (
            Self {
                challenge,
                stage: Stage::Challenged,
            },
            data,
        )
    }

    /// Whether the peer has said nothing yet.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self.stage, Stage::Challenged)
    }

    /// Takes a response.
    ///
    /// # Errors
    /// When it does not fit, or the peer was told that it is refused.
    pub(super) fn receive(
        &mut self,
        context: &mut Context<'_>,
        identity: &[u8],
        data: &[u8],
    ) -> Result<Progress, RejectReason> {
        match &self.stage {
            Stage::Challenged => {
                let response = Response::decode(data).ok_or(RejectReason::EapProtocol)?;
                let data = self.judge(context, identity, &response);
                Ok(Progress::Request(data))
            }
            Stage::Proven(keys) if data.first() == Some(&op::SUCCESS) => {
                let msk = Zeroizing::new([keys.receive, keys.send].concat());
                Ok(Progress::Accept(Proven {
                    grant: context.entitled(identity)?,
                    msk: Some(msk),
                }))
            }
            Stage::Proven(_) => Err(RejectReason::EapProtocol),
            Stage::Refused(reason) => Err(*reason),
        }
    }

    /// Gives the data of the request that says success or failure.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        identity: &[u8],
        response: &Response<'_>,
    ) -> Vec<u8> {
        let Response {
            identifier,
            peer_challenge,
            response,
            name,
        } = *response;
        let challenge = mschap::challenge(peer_challenge, &self.challenge, name);
        let proven =
            context
                .nt_hash(identity)
                .and_then(|hash| match hash.answers(&challenge, response) {
                    true => context.entitled(identity).map(|_| hash),
                    false => Err(RejectReason::WrongPassword),
                });
        match proven {
            Ok(hash) => {
                self.stage = Stage::Proven(hash.session_keys(response));
                let text = [&hash.success(response, &challenge)[..], b" M=OK"].concat();
                encode(op::SUCCESS, identifier, &text)
            }
            Err(reason) => {
                self.stage = Stage::Refused(reason);
                let text = failure(reason, &context.random());
                encode(op::FAILURE, identifier, text.as_bytes())
            }
        }
    }
}

/// The text of a failure that allows no retry. An unknown user and a wrong password look the same.
fn failure(reason: RejectReason, challenge: &[u8; CHALLENGE2_LEN]) -> String {
    let no_permission = [RejectReason::NoService, RejectReason::SessionLimit].contains(&reason);
    let code = match no_permission {
        true => NO_PERMISSION,
        false => AUTHENTICATION_FAILURE,
    };
    let mut text = format!("E={code} R=0 C=");
    for octet in challenge {
        write!(text, "{octet:02X}").expect("a string takes whatever is written");
    }
    text.push_str(" V=3 M=Login refused");
    text
}

fn encode(code: u8, identifier: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_LEN + value.len()).expect("what we send is short");
    let [high, low] = length.to_be_bytes();
    [&[code, identifier, high, low][..], value].concat()
}

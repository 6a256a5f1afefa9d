//! EAP-TTLS version 0 (RFC 5281, RFC 9427): PAP, CHAP or MS-CHAPv2 as attribute-value pairs in a tunnel.
//!
//! The subscriber is the User-Name inside. Challenges come from the handshake, so a response that was
//! seen elsewhere is worth nothing here.

use subtle::ConstantTimeEq;

use super::avp::{self, Avp, Avps, Malformed};
use super::prove::{Context, Progress, Proven};
use super::tunnel::{Event, Tunnel};
use crate::attribute::{AttributeType, Vendor, microsoft};
use crate::authentication::Grant;
use crate::crypto::ChapPassword;
use crate::mschap::{self, CHALLENGE2_LEN, RESPONSE_LEN};
use crate::reason::RejectReason;

const USER_NAME: u32 = AttributeType::USER_NAME.0 as u32;
const USER_PASSWORD: u32 = AttributeType::USER_PASSWORD.0 as u32;
const CHAP_PASSWORD: u32 = AttributeType::CHAP_PASSWORD.0 as u32;
const CHAP_CHALLENGE: u32 = AttributeType::CHAP_CHALLENGE.0 as u32;
const MS_CHAP_CHALLENGE: u32 = microsoft::MS_CHAP_CHALLENGE as u32;
const MS_CHAP2_RESPONSE: u32 = microsoft::MS_CHAP2_RESPONSE as u32;
const MS_CHAP2_SUCCESS: u32 = microsoft::MS_CHAP2_SUCCESS as u32;
const MICROSOFT: u32 = Vendor::MICROSOFT.0;
const NO_VENDOR: u32 = 0;

/// What the challenges are made with (RFC 5281 section 11.1).
const CHALLENGE_LABEL: &[u8] = b"ttls challenge";
/// A challenge, then the identifier of its response.
const CHALLENGE_LEN: usize = CHALLENGE2_LEN + 1;
/// Identifier, flags, peer's challenge, eight reserved octets, response.
const MS_CHAP2_LEN: usize = 2 + CHALLENGE2_LEN + 8 + RESPONSE_LEN;

impl From<Malformed> for RejectReason {
    fn from(_: Malformed) -> Self {
        Self::EapProtocol
    }
}

/// A conversation.
pub(super) struct Ttls {
    tunnel: Tunnel,
    /// Whose MS-CHAPv2 response was right: they are to acknowledge our proof.
    proven: Option<Vec<u8>>,
}

/// The pairs we know.
#[derive(Default)]
struct Login<'a> {
    user_name: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    chap_password: Option<&'a [u8]>,
    chap_challenge: Option<&'a [u8]>,
    ms_chap_challenge: Option<&'a [u8]>,
    ms_chap2_response: Option<&'a [u8]>,
}

impl<'a> Login<'a> {
    fn decode(plaintext: &'a [u8]) -> Result<Self, RejectReason> {
        let mut login = Self::default();
        for avp in Avps(plaintext) {
            login.take(&avp?)?;
        }
        Ok(login)
    }

    fn take(&mut self, avp: &Avp<'a>) -> Result<(), RejectReason> {
        let slot = match (avp.vendor, avp.code) {
            (NO_VENDOR, USER_NAME) => &mut self.user_name,
            (NO_VENDOR, USER_PASSWORD) => &mut self.password,
            (NO_VENDOR, CHAP_PASSWORD) => &mut self.chap_password,
            (NO_VENDOR, CHAP_CHALLENGE) => &mut self.chap_challenge,
            (MICROSOFT, MS_CHAP_CHALLENGE) => &mut self.ms_chap_challenge,
            (MICROSOFT, MS_CHAP2_RESPONSE) => &mut self.ms_chap2_response,
            // RFC 5281 section 10.1: what must be understood and is not refuses the whole.
            _ if avp.mandatory => return Err(RejectReason::EapMethodRefused),
            _ => return Ok(()),
        };
        match slot.replace(avp.value) {
            None => Ok(()),
            Some(_) => Err(RejectReason::EapProtocol),
        }
    }
}

impl Ttls {
    pub(super) fn new(tunnel: Tunnel) -> Self {
        Self {
            tunnel,
            proven: None,
        }
    }

    pub(super) fn tunnel(&self) -> &Tunnel {
        &self.tunnel
    }

    /// Takes a response.
    ///
    /// # Errors
    /// When the handshake fails, what is inside does not fit, or the proof is wrong.
    pub(super) fn receive(
        &mut self,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Result<Progress, RejectReason> {
        let plaintext = match self.tunnel.receive(data)? {
            Event::Send(data) => return Ok(Progress::Request(data)),
            Event::Open(plaintext) => plaintext,
        };
        let grant = match (&self.proven, plaintext.is_empty()) {
            (Some(user_name), true) => context.entitled(user_name)?,
            (Some(_), false) => return Err(RejectReason::EapProtocol),
            // The handshake is complete: the word is the peer's.
            (None, true) => return Ok(Progress::Request(self.tunnel.send(&[])?)),
            (None, false) => match self.login(context, &Login::decode(&plaintext)?)? {
                Step::Granted(grant) => grant,
                Step::Request(data) => return Ok(Progress::Request(data)),
            },
        };
        let msk = Some(self.tunnel.msk()?);
        Ok(Progress::Accept(Proven { grant, msk }))
    }

    fn login(
        &mut self,
        context: &mut Context<'_>,
        login: &Login<'_>,
    ) -> Result<Step, RejectReason> {
        let user_name = login.user_name.ok_or(RejectReason::EapProtocol)?;
        match (login.password, login.chap_password, login.ms_chap2_response) {
            (Some(password), None, None) => {
                context.by_password(user_name, password).map(Step::Granted)
            }
            (None, Some(response), None) => self.chap(context, user_name, login, response),
            (None, None, Some(response)) => self.ms_chap2(context, user_name, login, response),
            (None, None, None) => Err(RejectReason::NoCredential),
            _ => Err(RejectReason::AmbiguousCredential),
        }
    }

    fn chap(
        &self,
        context: &mut Context<'_>,
        user_name: &[u8],
        login: &Login<'_>,
        response: &[u8],
    ) -> Result<Step, RejectReason> {
        let response: &ChapPassword = response.try_into().or(Err(RejectReason::EapProtocol))?;
        let challenge = self.challenge(login.chap_challenge, response[0])?;
        context
            .by_chap(user_name, response, &challenge)
            .map(Step::Granted)
    }

    fn ms_chap2(
        &mut self,
        context: &mut Context<'_>,
        user_name: &[u8],
        login: &Login<'_>,
        response: &[u8],
    ) -> Result<Step, RejectReason> {
        let value: &[u8; MS_CHAP2_LEN] = response.try_into().or(Err(RejectReason::EapProtocol))?;
        let [identifier, _flags, rest @ ..] = value;
        let ours = self.challenge(login.ms_chap_challenge, *identifier)?;
        let (theirs, rest) = rest.split_first_chunk().expect("48 octets have 16");
        let response = rest.last_chunk().expect("32 octets have 24");
        let hash = context.nt_hash(user_name)?;
        let challenge = mschap::challenge(theirs, &ours, user_name);
        if !hash.answers(&challenge, response) {
            return Err(RejectReason::WrongPassword);
        }
        context.entitled(user_name)?;
        self.proven = Some(user_name.to_vec());
        let proof = hash.success(response, &challenge);
        let success = [&[*identifier][..], &proof].concat();
        let pairs = avp::encode(MS_CHAP2_SUCCESS, MICROSOFT, &success);
        Ok(Step::Request(self.tunnel.send(&pairs)?))
    }

    /// The challenge of this handshake, which the peer must have used, and its identifier.
    fn challenge(
        &self,
        sent: Option<&[u8]>,
        identifier: u8,
    ) -> Result<[u8; CHALLENGE2_LEN], RejectReason> {
        let made = self.tunnel.export(CHALLENGE_LEN, CHALLENGE_LABEL, None)?;
        let (challenge, last) = made.split_first_chunk().expect("17 octets have 16");
        let sent = sent.ok_or(RejectReason::EapProtocol)?;
        let same = sent.ct_eq(&challenge[..]) & last.ct_eq(&[identifier]);
        match same.into() {
            true => Ok(*challenge),
            false => Err(RejectReason::EapProtocol),
        }
    }
}

/// What the pairs came to.
enum Step {
    Granted(Grant),
    Request(Vec<u8>),
}

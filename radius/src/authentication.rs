//! Who asks, can they prove it, and what may they have: the answer to an Access-Request.
//!
//! Pure but for the directory that is asked. Not here: signatures and duplicates (`server`),
//! how the answer is written (`server`).

use crate::UnixSeconds;
use crate::crypto::{Password, Secret};
use crate::directory::{Access, Credential, Directory, Identity, Profile};
use crate::packet::Packet;
use crate::reason::RejectReason;
use crate::request::{AccessRequest, Flaw};

/// What an accepted subscriber gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grant {
    Full,
    Garden,
    /// The directory does not know them. The caller may still let them into the garden.
    Unknown,
}

/// What the request proves its identity with.
enum Proof<'a> {
    /// Nothing, as a call-check may.
    None,
    Pap(Password),
    Chap {
        response: &'a [u8; 17],
        challenge: &'a [u8],
    },
}

impl Proof<'_> {
    fn is_by(&self, password: &Password) -> bool {
        match self {
            Self::None => false,
            Self::Pap(sent) => sent.matches(password),
            Self::Chap {
                response,
                challenge,
            } => password.matches_chap(response, challenge),
        }
    }

    /// No password, or PAP with an empty one.
    fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Pap(sent) => sent.is_empty(),
            Self::Chap { .. } => false,
        }
    }
}

/// Decides on a request whose packet is known to be genuine; fills `profile` if the directory knows them.
///
/// A call-check is a User-Name that is a MAC, with no password, an empty one, or the MAC as sent;
/// or no password, no such User-Name, and a Calling-Station-Id that is a MAC (then Service-Type must be
/// Call-Check unless there is no User-Name at all). If both attributes are MACs they must agree: otherwise
/// a subscriber could type another's MAC as a user name.
pub(crate) fn decide(
    request: &AccessRequest<'_>,
    packet: &Packet<'_>,
    secret: &Secret,
    directory: &impl Directory,
    now: UnixSeconds,
    profile: &mut Profile,
) -> Result<Grant, RejectReason> {
    let proof = proof(request, packet, secret)?;
    if let Some(mac) = call_check(request, &proof) {
        if request
            .calling_station_mac()
            .is_some_and(|other| other != mac)
        {
            return Err(RejectReason::StationMismatch);
        }
        if directory.find(&Identity::Mac(mac), now, profile) {
            return match profile.credential {
                Credential::CallCheck => grant(profile),
                Credential::Missing | Credential::Password(_) => Err(RejectReason::NoCredential),
            };
        }
        // With a password, the MAC may still be an ordinary user name.
        if proof.is_empty() {
            return Ok(Grant::Unknown);
        }
    }
    let (Some(user_name), Proof::Pap(_) | Proof::Chap { .. }) = (request.user_name, &proof) else {
        return Err(RejectReason::NoCredential);
    };
    if !directory.find(&Identity::UserName(user_name), now, profile) {
        return Ok(Grant::Unknown);
    }
    match &profile.credential {
        // An empty password on file would let everybody in who sends none.
        Credential::Password(password) if password.is_empty() => Err(RejectReason::NoCredential),
        Credential::Password(password) if proof.is_by(password) => grant(profile),
        Credential::Password(_) => Err(RejectReason::WrongPassword),
        Credential::Missing | Credential::CallCheck => Err(RejectReason::NoCredential),
    }
}

fn proof<'a>(
    request: &AccessRequest<'a>,
    packet: &Packet<'a>,
    secret: &Secret,
) -> Result<Proof<'a>, RejectReason> {
    match request.flaw {
        Some(Flaw::BadValue) => return Err(RejectReason::BadAttribute),
        Some(Flaw::Repeated) => return Err(RejectReason::RepeatedAttribute),
        None => {}
    }
    if request.method_count() > 1 {
        return Err(RejectReason::AmbiguousCredential);
    }
    if request.eap || request.ms_chap {
        return Err(RejectReason::UnsupportedMethod);
    }
    if let Some(hidden) = request.user_password {
        let password = Password::reveal(hidden, packet.authenticator(), secret);
        return password.map(Proof::Pap).ok_or(RejectReason::BadAttribute);
    }
    Ok(match request.chap_password {
        Some(response) => Proof::Chap {
            response,
            challenge: request.chap_challenge(packet),
        },
        None => Proof::None,
    })
}

/// The MAC the NAS vouches for, if this is a call-check.
fn call_check(request: &AccessRequest<'_>, proof: &Proof<'_>) -> Option<[u8; 6]> {
    match (request.user_name, request.user_name_mac()) {
        (Some(user_name), Some(mac)) => {
            let as_sent = || Password::new(user_name).is_some_and(|name| proof.is_by(&name));
            (proof.is_empty() || as_sent()).then_some(mac)
        }
        (Some(_), None) if !request.is_call_check() => None,
        (Some(_) | None, _) => {
            let station = request.calling_station_mac();
            station.filter(|_| proof.is_empty())
        }
    }
}

fn grant(profile: &Profile) -> Result<Grant, RejectReason> {
    match profile.access {
        Access::Full => Ok(Grant::Full),
        Access::Garden => Ok(Grant::Garden),
        Access::Reject => Err(RejectReason::NoService),
    }
}

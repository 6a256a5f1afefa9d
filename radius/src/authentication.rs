//! Who asks, can they prove it, and what may they have: the answer to an Access-Request.
//!
//! Pure but for the directory that is asked. Not here: signatures and duplicates (`access`),
//! how the answer is written (`reply`).

use crate::UnixSeconds;
use crate::crypto::{ChapPassword, Password};
use crate::directory::{Access, Credential, Directory, Identity, Profile};
use crate::lanes::{JobId, Lanes};
use crate::reason::RejectReason;
use crate::request::AccessRequest;

/// What an accepted subscriber gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grant {
    Full,
    Garden,
    /// The directory does not know them. The caller may still let them into the garden.
    Unknown,
}

/// What the request proves its identity with.
pub(crate) enum Proof<'a> {
    /// Nothing, as a call-check may.
    None,
    Pap(Password),
    Chap {
        response: &'a ChapPassword,
        challenge: &'a [u8],
    },
}

impl Proof<'_> {
    /// True if this is a PAP or CHAP proof of the octets themselves.
    fn is_by(&self, octets: &[u8]) -> bool {
        let Some(password) = Password::new(octets) else {
            return false;
        };
        match self {
            Self::None => false,
            Self::Pap(sent) => sent.matches(&password),
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

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Decision {
    Now(Result<Grant, RejectReason>),
    /// This, if the digest that was queued is the CHAP response sent; else the password is wrong.
    IfChap(JobId, Result<Grant, RejectReason>),
}

/// Decides on a request whose packet is known to be genuine; fills `profile` if the directory knows them.
///
/// A call-check is a User-Name that is a MAC, with no password, an empty one, or the MAC as sent;
/// or no password, no such User-Name, and a Calling-Station-Id that is a MAC (then Service-Type must be
/// Call-Check unless there is no User-Name at all). If both attributes are MACs they must agree: otherwise
/// a subscriber could type another's MAC as a user name.
pub(crate) fn decide(
    request: &AccessRequest<'_>,
    proof: &Proof<'_>,
    directory: &impl Directory,
    now: UnixSeconds,
    profile: &mut Profile,
    lanes: &mut Lanes,
) -> Decision {
    if let Some(mac) = call_check(request, proof) {
        if request
            .calling_station_mac()
            .is_some_and(|other| other != mac)
        {
            return Decision::Now(Err(RejectReason::StationMismatch));
        }
        if directory.find(&Identity::Mac(mac), now, profile) {
            return Decision::Now(match profile.credential {
                Credential::CallCheck => grant(profile),
                Credential::Missing | Credential::Password(_) => Err(RejectReason::NoCredential),
            });
        }
        // With a password, the MAC may still be an ordinary user name.
        if proof.is_empty() {
            return Decision::Now(Ok(Grant::Unknown));
        }
    }
    let (Some(user_name), Proof::Pap(_) | Proof::Chap { .. }) = (request.user_name, proof) else {
        return Decision::Now(Err(RejectReason::NoCredential));
    };
    if !directory.find(&Identity::UserName(user_name), now, profile) {
        return Decision::Now(Ok(Grant::Unknown));
    }
    let password = match &profile.credential {
        // An empty password on file would let everybody in who sends none.
        Credential::Password(password) if !password.is_empty() => password,
        Credential::Password(_) | Credential::Missing | Credential::CallCheck => {
            return Decision::Now(Err(RejectReason::NoCredential));
        }
    };
    match proof {
        Proof::Chap {
            response,
            challenge,
        } => {
            let job = password.queue_chap(response[0], challenge, lanes);
            Decision::IfChap(job, grant(profile))
        }
        Proof::Pap(sent) if sent.matches(password) => Decision::Now(grant(profile)),
        Proof::Pap(_) | Proof::None => Decision::Now(Err(RejectReason::WrongPassword)),
    }
}

/// The MAC the NAS vouches for, if this is a call-check.
fn call_check(request: &AccessRequest<'_>, proof: &Proof<'_>) -> Option<[u8; 6]> {
    match (request.user_name, request.user_name_mac()) {
        (Some(user_name), Some(mac)) => (proof.is_empty() || proof.is_by(user_name)).then_some(mac),
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

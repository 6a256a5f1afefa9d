//! Who asks, can they prove it, and what may they have: the answer to an Access-Request.
//!
//! Pure but for the directory that is asked. Not here: signatures and duplicates (`access`),
//! how the answer is written (`reply`).

use zeroize::Zeroizing;

use crate::UnixSeconds;
use crate::crypto::{ChapPassword, Password};
use crate::directory::{Access, Credential, Directory, Identity, Profile};
use crate::lanes::{JobId, Lanes};
use crate::mschap::{self, NT_HASH_LEN, NtHash, SUCCESS_LEN, SessionKeys};
use crate::packet::Packet;
use crate::realm::Realms;
use crate::reason::RejectReason;
use crate::request::AccessRequest;
use crate::vendor_attributes::{Line, MsChap, MsChap2, line};

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
    MsChap(MsChap<'a>),
    MsChap2(MsChap2<'a>),
}

/// What an MS-CHAP peer is owed besides the Access-Accept.
pub(crate) enum MsChapProof {
    /// The hash of the hash, from which both sides make their keys.
    Version1(Zeroizing<[u8; NT_HASH_LEN]>),
    Version2 {
        success: [u8; SUCCESS_LEN],
        keys: SessionKeys,
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
            // No NAS proves a MAC by MS-CHAP.
            Self::MsChap(_) | Self::MsChap2(_) => false,
        }
    }

    /// No password, or PAP with an empty one.
    fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Pap(sent) => sent.is_empty(),
            Self::Chap { .. } | Self::MsChap(_) | Self::MsChap2(_) => false,
        }
    }
}

/// What becomes of a request.
pub(crate) enum Decision {
    Now(Result<Grant, RejectReason>),
    /// This, if the digest that was queued is the CHAP response sent; else the password is wrong.
    IfChap(JobId, Result<Grant, RejectReason>),
}

/// Whom a request is decided for, by what rules.
pub(crate) struct Asked<'r, 'a, D> {
    pub(crate) packet: &'r Packet<'a>,
    pub(crate) request: &'r AccessRequest<'a>,
    pub(crate) realms: &'r Realms,
    pub(crate) directory: &'r D,
    pub(crate) now: UnixSeconds,
}

/// Decides on a request whose packet is known to be genuine; fills `profile` if the directory knows them, and
/// `proven` if they have proven themselves by MS-CHAP.
///
/// A call-check is a User-Name that is a MAC, with no password, an empty one, or the MAC as sent;
/// or no password, no such User-Name, and a Calling-Station-Id that is a MAC (then Service-Type must be
/// Call-Check unless there is no User-Name at all). If both attributes are MACs they must agree: otherwise
/// a subscriber could type another's MAC as a user name. Whom no MAC tells is found by the line, under the same
/// conditions, or with the circuit or remote id itself as User-Name.
#[inline]
pub(crate) fn decide<D: Directory>(
    asked: &Asked<'_, '_, D>,
    proof: &Proof<'_>,
    profile: &mut Profile,
    proven: &mut Option<MsChapProof>,
    lanes: &mut Lanes,
) -> Decision {
    if let Some(decided) = call_check(asked, proof, profile) {
        return Decision::Now(decided);
    }
    let (Some(user_name), false) = (asked.request.user_name, matches!(proof, Proof::None)) else {
        return Decision::Now(Err(RejectReason::NoCredential));
    };
    let name = match asked.realms.name(user_name) {
        Ok(name) => name,
        Err(reason) => return Decision::Now(Err(reason)),
    };
    let identity = Identity::UserName(name);
    if !asked.directory.find(&identity, asked.now, profile) {
        return Decision::Now(match proof {
            // The peer asks for a proof that we know its password: it would hang up.
            Proof::MsChap2(_) => Err(RejectReason::UnknownUser),
            Proof::None | Proof::Pap(_) | Proof::Chap { .. } | Proof::MsChap(_) => {
                Ok(Grant::Unknown)
            }
        });
    }
    prove(user_name, proof, profile, proven, lanes)
}

/// Decides by what the subscriber has on file.
#[inline]
fn prove(
    user_name: &[u8],
    proof: &Proof<'_>,
    profile: &Profile,
    proven: &mut Option<MsChapProof>,
    lanes: &mut Lanes,
) -> Decision {
    match (&profile.credential, proof) {
        // An empty password on file would let everybody in who sends none.
        (Credential::Password(password), _) if password.is_empty() => {
            Decision::Now(Err(RejectReason::NoCredential))
        }
        (Credential::Password(password), Proof::Pap(sent)) => {
            Decision::Now(granted_if(sent.matches(password), profile))
        }
        (
            Credential::Password(password),
            Proof::Chap {
                response,
                challenge,
            },
        ) => {
            let job = password.queue_chap(response[0], challenge, lanes);
            Decision::IfChap(job, grant(profile))
        }
        (Credential::Password(password), Proof::MsChap(_) | Proof::MsChap2(_)) => {
            match NtHash::of(password) {
                Some(hash) => {
                    Decision::Now(prove_by_hash(user_name, proof, &hash, profile, proven))
                }
                None => Decision::Now(Err(RejectReason::CredentialForm)),
            }
        }
        (Credential::NtHash(hash), _) => {
            Decision::Now(prove_by_hash(user_name, proof, hash, profile, proven))
        }
        (Credential::Missing | Credential::CallCheck, _) | (_, Proof::None) => {
            Decision::Now(Err(RejectReason::NoCredential))
        }
    }
}

#[cold]
fn prove_by_hash(
    user_name: &[u8],
    proof: &Proof<'_>,
    hash: &NtHash,
    profile: &Profile,
    proven: &mut Option<MsChapProof>,
) -> Result<Grant, RejectReason> {
    match proof {
        Proof::None => Err(RejectReason::NoCredential),
        Proof::Chap { .. } => Err(RejectReason::CredentialForm),
        Proof::Pap(sent) => granted_if(hash.is_of(sent), profile),
        Proof::MsChap(sent) => {
            if !hash.answers(sent.challenge, sent.response()) {
                return Err(RejectReason::WrongPassword);
            }
            *proven = Some(MsChapProof::Version1(hash.hash()));
            grant(profile)
        }
        Proof::MsChap2(sent) => {
            let challenge = mschap::challenge(
                sent.peer_challenge(),
                sent.authenticator_challenge,
                user_name,
            );
            if !hash.answers(&challenge, sent.response()) {
                return Err(RejectReason::WrongPassword);
            }
            *proven = Some(MsChapProof::Version2 {
                success: hash.success(sent.response(), &challenge),
                keys: hash.session_keys(sent.response()),
            });
            grant(profile)
        }
    }
}

fn granted_if(right: bool, profile: &Profile) -> Result<Grant, RejectReason> {
    if right {
        grant(profile)
    } else {
        Err(RejectReason::WrongPassword)
    }
}

/// Decides by what the NAS vouches for; `None` if this is no call-check, or a password may say more.
#[inline]
fn call_check<D: Directory>(
    asked: &Asked<'_, '_, D>,
    proof: &Proof<'_>,
    profile: &mut Profile,
) -> Option<Result<Grant, RejectReason>> {
    let request = asked.request;
    let mac = vouched_mac(request, proof);
    if let Some(mac) = mac {
        let station = request.calling_station_mac();
        if station.is_some_and(|other| other != mac) {
            return Some(Err(RejectReason::StationMismatch));
        }
        if asked
            .directory
            .find(&Identity::Mac(mac), asked.now, profile)
        {
            return Some(vouched(profile));
        }
    }
    let line = request
        .line
        .then(|| vouched_line(asked, proof, mac.is_some()))
        .flatten();
    if let Some(line) = &line
        && asked.directory.find(line, asked.now, profile)
    {
        return Some(vouched(profile));
    }
    // With a password, the MAC or the id of the line may still be an ordinary user name.
    let is_vouched = mac.is_some() || line.is_some();
    (is_vouched && proof.is_empty()).then_some(Ok(Grant::Unknown))
}

fn vouched(profile: &Profile) -> Result<Grant, RejectReason> {
    match profile.credential {
        Credential::CallCheck => grant(profile),
        Credential::Missing | Credential::Password(_) | Credential::NtHash(_) => {
            Err(RejectReason::NoCredential)
        }
    }
}

/// The MAC the NAS vouches for, if this is a call-check.
fn vouched_mac(request: &AccessRequest<'_>, proof: &Proof<'_>) -> Option<[u8; 6]> {
    match (request.user_name, request.user_name_mac()) {
        // A station that is no MAC is no call-check by one: there a subscriber may type what they like.
        (Some(_), Some(_))
            if request.calling_station_id.is_some() && request.calling_station_mac().is_none() =>
        {
            None
        }
        (Some(user_name), Some(mac)) => (proof.is_empty() || proof.is_by(user_name)).then_some(mac),
        (Some(_), None) if !request.is_call_check() => None,
        (Some(_) | None, _) => {
            let station = request.calling_station_mac();
            station.filter(|_| proof.is_empty())
        }
    }
}

/// The line the NAS vouches for, if this is a call-check.
#[cold]
fn vouched_line<'a, D>(
    asked: &Asked<'_, 'a, D>,
    proof: &Proof<'_>,
    by_mac: bool,
) -> Option<Identity<'a>> {
    let Line { circuit, remote } = line(asked.packet);
    if circuit.is_none() && remote.is_none() {
        return None;
    }
    let named = match asked.request.user_name {
        None => proof.is_empty(),
        Some(user_name) if Some(user_name) == circuit || Some(user_name) == remote => {
            proof.is_empty() || proof.is_by(user_name)
        }
        Some(_) => asked.request.is_call_check() && proof.is_empty(),
    };
    (by_mac || named).then_some(Identity::Line { circuit, remote })
}

/// What the subscription of somebody who has proven to be them entitles to.
pub(crate) fn grant(profile: &Profile) -> Result<Grant, RejectReason> {
    match profile.access {
        Access::Full => Ok(Grant::Full),
        Access::Garden => Ok(Grant::Garden),
        Access::Reject => Err(RejectReason::NoService),
    }
}

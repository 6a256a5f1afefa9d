//! What every method asks: who is this, is the proof right, what may they have?
//!
//! The same for an identity given in the open and for one inside a tunnel. Not here: how a method carries
//! its proof (`md5`, `mschapv2`, `ttls`), what a subscription entitles to (`authentication`).

use zeroize::Zeroizing;

use super::Random;
use crate::authentication::Grant;
use crate::crypto::{ChapPassword, Password};
use crate::directory::{Credential, Profile};
use crate::mschap::NtHash;
use crate::reason::RejectReason;

/// The longest name that is looked up: as long as a User-Name.
pub(super) const NAME_LEN_MAX: usize = 253;

/// The rest of an Access-Request's server, as a conversation sees it.
pub(crate) trait Subscribers {
    /// Fills `profile`, which comes as its default; false if there is no such subscriber.
    ///
    /// # Errors
    /// When nobody is let in by such a name.
    fn find(&self, user_name: &[u8], profile: &mut Profile) -> Result<bool, RejectReason>;

    /// What somebody with this profile gets, who has proven to be them.
    ///
    /// # Errors
    /// When they get nothing.
    fn grant(&self, profile: &Profile) -> Result<Grant, RejectReason>;

    /// Whether somebody nobody knows gets into the garden.
    fn admits_unknown(&self) -> bool;
}

/// What a step of a conversation came to.
pub(super) enum Progress {
    /// Ask the peer: this is the data of the next request of the method.
    Request(Vec<u8>),
    /// The peer has proven itself.
    Accept(Proven),
}

/// Who has proven what.
pub(super) struct Proven {
    pub(super) grant: Grant,
    /// The key for the NAS: first what it receives with, then as much that it sends with.
    pub(super) msk: Option<Zeroizing<Vec<u8>>>,
}

/// What a step of a conversation works with.
pub(super) struct Context<'a> {
    pub(super) random: &'a dyn Random,
    pub(super) subscribers: &'a dyn Subscribers,
    /// Of the last one who was looked up.
    pub(super) profile: &'a mut Profile,
    /// The identifier of the next request.
    pub(super) identifier: u8,
}

impl Context<'_> {
    /// Random octets, for a challenge.
    pub(super) fn random<const N: usize>(&self) -> [u8; N] {
        let mut octets = [0; N];
        self.random.fill(&mut octets);
        octets
    }

    /// What somebody gets whose proof does not depend on what is on file, or was checked before.
    pub(super) fn entitled(&mut self, user_name: &[u8]) -> Result<Grant, RejectReason> {
        match self.find(user_name)? {
            true => self.subscribers.grant(self.profile),
            false => self.unknown(),
        }
    }

    /// What somebody gets with this password in the clear.
    pub(super) fn by_password(
        &mut self,
        user_name: &[u8],
        password: &[u8],
    ) -> Result<Grant, RejectReason> {
        let sent = Password::new(password).ok_or(RejectReason::WrongPassword)?;
        if !self.find(user_name)? {
            return self.unknown();
        }
        let right = match &self.profile.credential {
            Credential::Password(password) if !password.is_empty() => sent.matches(password),
            Credential::NtHash(hash) => hash.is_of(&sent),
            Credential::Password(_) | Credential::Missing | Credential::CallCheck => {
                return Err(RejectReason::NoCredential);
            }
        };
        self.grant_if(right)
    }

    /// What somebody gets with this CHAP response; EAP-MD5 has the same (RFC 3748 section 5.4).
    pub(super) fn by_chap(
        &mut self,
        user_name: &[u8],
        response: &ChapPassword,
        challenge: &[u8],
    ) -> Result<Grant, RejectReason> {
        if !self.find(user_name)? {
            return self.unknown();
        }
        let right = match &self.profile.credential {
            Credential::Password(password) if !password.is_empty() => {
                password.matches_chap(response, challenge)
            }
            Credential::NtHash(_) => return Err(RejectReason::CredentialForm),
            Credential::Password(_) | Credential::Missing | Credential::CallCheck => {
                return Err(RejectReason::NoCredential);
            }
        };
        self.grant_if(right)
    }

    /// What an MS-CHAP response of somebody is checked with. Nobody unknown is let in by it: the peer
    /// wants proof that we know the password too.
    pub(super) fn nt_hash(&mut self, user_name: &[u8]) -> Result<NtHash, RejectReason> {
        if !self.find(user_name)? {
            return Err(RejectReason::UnknownUser);
        }
        match &self.profile.credential {
            Credential::Password(password) if !password.is_empty() => {
                NtHash::of(password).ok_or(RejectReason::CredentialForm)
            }
            Credential::NtHash(hash) => Ok(hash.clone()),
            Credential::Password(_) | Credential::Missing | Credential::CallCheck => {
                Err(RejectReason::NoCredential)
            }
        }
    }

    fn find(&mut self, user_name: &[u8]) -> Result<bool, RejectReason> {
        *self.profile = Profile::default();
        match user_name.len() {
            1..=NAME_LEN_MAX => self.subscribers.find(user_name, self.profile),
            _ => Ok(false),
        }
    }

    fn unknown(&self) -> Result<Grant, RejectReason> {
        match self.subscribers.admits_unknown() {
            true => Ok(Grant::Unknown),
            false => Err(RejectReason::UnknownUser),
        }
    }

    fn grant_if(&self, right: bool) -> Result<Grant, RejectReason> {
        match right {
            true => self.subscribers.grant(self.profile),
            false => Err(RejectReason::WrongPassword),
        }
    }
}

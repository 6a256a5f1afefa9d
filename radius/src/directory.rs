//! What the server asks the rest of Garth: who is this, and what may they have?
//!
//! The daemon implements [`Directory`] over its index in memory. A [`Profile`] holds
//! no heap, so a lookup costs no allocation.
//!
//! Not here: how a standing follows from facts (`subscription`).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::UnixSeconds;
use crate::crypto::Password;

/// Octets of the Class attribute: they name the subscription and come back in accounting.
pub const CLASS_LEN: usize = 16;

/// What a subscriber is looked up by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Identity<'a> {
    /// The octets of User-Name as sent. Only the very same octets are the same user:
    /// no trimming, no case folding, no Unicode normalisation.
    UserName(&'a [u8]),
    /// The MAC of a call-check, where the NAS vouches for the subscriber and no password is involved.
    Mac([u8; 6]),
}

/// Finds subscribers.
pub trait Directory {
    /// Fills `profile` with what holds at `now`; false if there is no such subscriber.
    ///
    /// `profile` comes as [`Profile::default`]: what is not filled refuses.
    fn find(&self, identity: &Identity<'_>, now: UnixSeconds, profile: &mut Profile) -> bool;

    /// Told which User-Names a batch is about to ask for: a large directory fetches them from memory all at
    /// once. All of them are from requests that are genuine; some may not be asked for in the end.
    fn prefetch<'a>(&self, user_names: impl Iterator<Item = &'a [u8]>) {
        drop(user_names);
    }
}

/// What the subscriber must prove.
#[derive(Clone, Default)]
pub enum Credential {
    /// Nothing is on file: nobody can log in by this.
    #[default]
    Missing,
    /// A call-check by MAC is enough. A user name never is.
    CallCheck,
    /// The password, for PAP and CHAP.
    Password(Password),
}

/// The three classes of access.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// The plan as paid.
    Full,
    /// The garden: portal, payment, nothing else.
    Garden,
    /// No session at all.
    #[default]
    Reject,
}

/// What the directory knows about a subscriber at one instant. No heap, no `Debug`: it holds a password.
#[derive(Clone, Default)]
pub struct Profile {
    /// What must be proven.
    pub credential: Credential,
    /// What they may have.
    pub access: Access,
    /// The plan's position in the settings, where its reply is encoded ahead. Only a hint: the rates here count.
    pub plan: Option<u32>,
    /// The plan's rate towards the subscriber; the garden has its own.
    pub down_kbps: u32,
    /// The plan's rate from the subscriber; the garden has its own.
    pub up_kbps: u32,
    /// Seconds to the next boundary of the subscription; `None` if there is none.
    pub session_timeout_seconds: Option<u32>,
    /// Seconds between Interim-Updates; 0 leaves it to the NAS.
    pub interim_seconds: u32,
    /// A fixed address.
    pub framed_ipv4: Option<Ipv4Addr>,
    /// A fixed delegated prefix and its length in bits, 128 at most.
    pub delegated_ipv6: Option<(Ipv6Addr, u8)>,
    /// The subscription's id: goes out as Class, comes back in accounting.
    pub class: [u8; CLASS_LEN],
}

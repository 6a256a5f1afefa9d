//! What the server asks the rest of Garth: who is this, and what may they have?
//!
//! The daemon implements [`Directory`] over its index in memory. A [`Profile`] holds
//! no heap, so a lookup costs no allocation.
//!
//! Not here: how a standing follows from facts (`subscription`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::UnixSeconds;
use crate::crypto::Password;
use crate::mschap::NtHash;
use crate::nas::Nas;

/// Octets of the Class attribute: they name the subscription and come back in accounting.
pub const CLASS_LEN: usize = 16;

/// The Class of somebody who is let in without a subscription, and without a name that is proven.
pub const NOBODY: [u8; CLASS_LEN] = [0; CLASS_LEN];

/// What a subscriber is looked up by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Identity<'a> {
    /// The octets of User-Name as sent. Only the very same octets are the same user:
    /// no trimming, no case folding, no Unicode normalisation.
    UserName(&'a [u8]),
    /// The MAC of a call-check, where the NAS vouches for the subscriber and no password is involved.
    Mac([u8; 6]),
    /// The line of a call-check, as the access node calls it (RFC 4679), at least one of both. Who has a circuit
    /// id on file is found by it alone, and must have the remote id as well if one is on file; who has none, by the
    /// remote id.
    Line {
        /// Agent-Circuit-Id as sent.
        circuit: Option<&'a [u8]>,
        /// Agent-Remote-Id as sent.
        remote: Option<&'a [u8]>,
    },
}

/// The port that somebody logs in at.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Of which NAS.
    pub nas: &'a Nas,
    /// Where that NAS sends from; IPv4-mapped addresses are IPv4.
    pub source: IpAddr,
    /// NAS-Port.
    pub number: Option<u32>,
    /// NAS-Port-Id as sent.
    pub id: Option<&'a [u8]>,
}

/// Finds subscribers.
pub trait Directory {
    /// Fills `profile` with what holds at `now`; false if there is no such subscriber.
    ///
    /// `profile` comes as [`Profile::default`]: what is not filled refuses.
    fn find(&self, identity: &Identity<'_>, now: UnixSeconds, profile: &mut Profile) -> bool;

    /// Live sessions of the subscription that is called so, without those of the station that asks: equipment
    /// redials while its old session is still open. Asked only where a plan limits them.
    fn live_sessions(&self, class: &[u8; CLASS_LEN], station: Option<[u8; 6]>) -> u32 {
        let _ = (class, station);
        0
    }

    /// The same without those at that port of a NAS, which told no station: who comes from there again comes in place of
    /// them. Asked only where a plan's limit is reached and the NAS names no station.
    fn live_sessions_elsewhere(&self, class: &[u8; CLASS_LEN], port: &Port<'_>) -> u32 {
        let _ = port;
        self.live_sessions(class, None)
    }

    /// Networks behind the subscriber of the subscription that is called so. Asked only where a profile says so.
    fn routes(&self, class: &[u8; CLASS_LEN]) -> [Option<Route>; FRAMED_ROUTES_MAX] {
        let _ = class;
        [None; FRAMED_ROUTES_MAX]
    }

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
    /// A call-check by MAC or line is enough. A user name never is.
    CallCheck,
    /// The password, for every method.
    Password(Password),
    /// Its NT hash, for PAP and MS-CHAP.
    NtHash(NtHash),
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

/// The most networks behind one subscriber.
pub const FRAMED_ROUTES_MAX: usize = 4;

/// A network behind a subscriber, whose address is the gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route {
    /// Its first address.
    pub network: IpAddr,
    /// Bits that count: 32 or 128 at most.
    pub length: u8,
    /// Smaller is better.
    pub metric: Option<u8>,
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
    /// A fixed prefix of the link and its length in bits, 128 at most.
    pub framed_ipv6: Option<(Ipv6Addr, u8)>,
    /// A fixed delegated prefix and its length in bits, 128 at most.
    pub delegated_ipv6: Option<(Ipv6Addr, u8)>,
    /// There are networks behind the subscriber: [`Directory::routes`] tells them.
    pub has_routes: bool,
    /// The subscription's id: goes out as Class, comes back in accounting.
    pub class: [u8; CLASS_LEN],
}

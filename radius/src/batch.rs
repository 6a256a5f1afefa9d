//! What both ports do with a chunk of datagrams: find the NAS, verify, sign.
//!
//! Order of work, cheapest refusal first: source, lengths, signature, duplicates, directory. Digests of
//! all datagrams of a chunk are computed together in between; what depends on the order of datagrams
//! (duplicates, what `auto` learns) happens in that order.
//!
//! Not here: what the ports differ in (`access`, `account`).

use std::net::SocketAddr;

use subtle::ConstantTimeEq;

use crate::UnixSeconds;
use crate::certificate::CertificateName;
use crate::crypto::{LANE_BLOCKS_MAX, LANE_JOBS_MAX};
use crate::duplicates::{Duplicates, Key};
use crate::eap::EapServer;
use crate::lanes::{JobId, Lanes};
use crate::nas::canonical;
use crate::packet::{AUTHENTICATOR_LEN, DecodeError, Packet};
use crate::reason::{Counters, DropReason};
use crate::reply::ReplyTo;
use crate::request::MessageAuthenticator;
use crate::settings::Settings;

/// Datagrams handled together: enough to fill the widest vectors, few enough to stay in the first cache.
pub(crate) const CHUNK: usize = 32;

/// Lanes for one chunk.
pub(crate) fn lanes() -> Lanes {
    Lanes::new(CHUNK * LANE_JOBS_MAX, CHUNK * LANE_BLOCKS_MAX)
}

/// What a chunk is handled with.
pub(crate) struct Batch<'s> {
    pub(crate) settings: &'s Settings,
    pub(crate) duplicates: &'s mut Duplicates,
    pub(crate) lanes: &'s mut Lanes,
    pub(crate) counters: &'s Counters,
    pub(crate) eap: Option<&'s EapServer>,
    pub(crate) now: UnixSeconds,
    /// What the sender is known by over RadSec; over UDP it is its address.
    pub(crate) certificate: Option<&'s CertificateName>,
}

/// A request whose lengths are right, while its Message-Authenticator is computed.
pub(crate) struct Received<'a, 's> {
    pub(crate) to: ReplyTo<'a, 's>,
    pub(crate) source: SocketAddr,
    pub(crate) message_authenticator: MessageAuthenticator,
    /// The inner digest, then the outer.
    pub(crate) message_digest: Option<JobId>,
}

impl<'s> Batch<'s> {
    /// Finds who sent a datagram and decodes it. An unknown source costs no decoding.
    pub(crate) fn receive<'a>(
        &self,
        source: SocketAddr,
        decode: impl FnOnce() -> Result<Packet<'a>, DecodeError>,
    ) -> Result<(SocketAddr, ReplyTo<'a, 's>), DropReason> {
        let source = canonical(source);
        let found = match self.certificate {
            None => self.settings.nas.find(source.ip()),
            Some(certificate) => self.settings.nas.find_certificate(certificate),
        };
        let (nas_index, nas) = found.ok_or(DropReason::UnknownNas)?;
        let to = ReplyTo {
            settings: self.settings,
            nas_index,
            nas,
            packet: decode()?,
            proxy_state: false,
        };
        Ok((source, to))
    }
}

impl Received<'_, '_> {
    /// Goes on from the inner digest that was run to the outer.
    pub(crate) fn queue_outer(&mut self, lanes: &mut Lanes) {
        if let Some(digest) = &mut self.message_digest {
            *digest = self.to.nas.secret.queue_outer(*digest, lanes);
        }
    }

    /// True if there is a right Message-Authenticator, false if there is none and none is demanded.
    pub(crate) fn check_message(&self, demanded: bool, lanes: &Lanes) -> Result<bool, DropReason> {
        match (self.message_authenticator, self.message_digest) {
            (MessageAuthenticator::Absent, _) if demanded => {
                Err(DropReason::MissingMessageAuthenticator)
            }
            (MessageAuthenticator::Absent, _) => Ok(false),
            (MessageAuthenticator::At(at), Some(digest)) => {
                let sent = &self.to.packet.octets()[at..at + AUTHENTICATOR_LEN];
                match lanes.digest(digest).ct_eq(sent).into() {
                    true => Ok(true),
                    false => Err(DropReason::BadMessageAuthenticator),
                }
            }
            (MessageAuthenticator::At(_) | MessageAuthenticator::Impossible, _) => {
                Err(DropReason::BadMessageAuthenticator)
            }
        }
    }

    /// As [`Self::check_message`]; a right one is remembered for a NAS with `auto`.
    pub(crate) fn check_access(&self, demanded: bool, lanes: &Lanes) -> Result<(), DropReason> {
        if self.check_message(demanded, lanes)? {
            self.to.nas.prove_message_authenticator();
        }
        Ok(())
    }

    pub(crate) fn key(&self) -> Key {
        let packet = &self.to.packet;
        Key::new(self.source, packet.code(), packet.identifier())
    }
}

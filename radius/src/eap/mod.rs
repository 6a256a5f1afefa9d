//! EAP in RADIUS: messages in, challenges, keys and verdicts out (RFC 3579, RFC 3748).
//!
//! Sans-IO: time is a parameter, randomness is given when the server is made (TLS has its own, from its
//! provider). One [`EapServer`] is shared by all workers; only requests with an EAP-Message touch it.
//! Methods: PEAP, TTLS, TLS, MSCHAPv2, MD5. With a tunnel the subscriber is who the peer says it is
//! inside; the identity in the open may be anonymous.
//!
//! Where to start: `EapServer::step`; then `conversation`, which knows the methods.
//!
//! Not here: RADIUS attributes and signatures (`access`), reading certificates from files (`daemon`).

mod avp;
mod certificate;
mod conversation;
mod fragments;
mod md5;
mod mschapv2;
mod packet;
mod peap;
mod prove;
mod sessions;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod ttls;
mod tunnel;

use std::sync::Arc;

use zeroize::Zeroizing;

use self::conversation::Conversation;
use self::packet::{Code, Packet, Type};
use self::prove::{Context, NAME_LEN_MAX, Progress};
use self::sessions::{Sessions, Taken};
use crate::UnixSeconds;
use crate::authentication::Grant;
use crate::directory::Profile;
use crate::reason::{DropReason, RejectReason};

pub(crate) use self::prove::Subscribers;
pub(crate) use self::sessions::State;
pub use self::sessions::{LIFETIME_SECONDS, SESSIONS_MAX};
pub use self::settings::{EapMethod, EapSettings, SettingsError, TlsSettings, TlsVersion};

/// Where challenges and States come from.
pub trait Random: Send + Sync {
    /// Fills all of it with octets that nobody can guess.
    fn fill(&self, octets: &mut [u8]);
}

/// The conversations under way at all workers.
pub struct EapServer {
    sessions: Sessions<Box<Conversation>>,
    random: Box<dyn Random>,
}

/// The EAP part of an Access-Request.
pub(crate) struct EapRequest<'a> {
    pub(crate) now: UnixSeconds,
    /// The name of the NAS: a State is worth something to the NAS it was given to.
    pub(crate) nas: &'a Arc<str>,
    /// The value of State.
    pub(crate) state: Option<&'a [u8]>,
    /// The values of all EAP-Message, joined.
    pub(crate) message: &'a [u8],
    pub(crate) framed_mtu: Option<u32>,
}

/// What to answer. Messages are whole EAP packets.
pub(crate) enum EapStep {
    Challenge {
        /// `None` if the conversation has not begun.
        state: Option<State>,
        message: Vec<u8>,
    },
    Accept {
        grant: Grant,
        /// The key for the NAS: first what it receives with, then as much that it sends with.
        msk: Option<Zeroizing<Vec<u8>>>,
        message: Vec<u8>,
    },
    Reject {
        reason: RejectReason,
        message: Vec<u8>,
    },
    Drop(DropReason),
}

impl EapServer {
    /// Makes a server without conversations.
    pub fn new(random: Box<dyn Random>) -> Self {
        Self {
            sessions: Sessions::new(),
            random,
        }
    }

    /// Conversations under way, [`SESSIONS_MAX`] at most; those that expired unnoticed are among them.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Takes a request that is genuine and no duplicate. On accept, `profile` is the subscriber's.
    pub(crate) fn step(
        &self,
        settings: &Arc<EapSettings>,
        request: &EapRequest<'_>,
        subscribers: &dyn Subscribers,
        profile: &mut Profile,
    ) -> EapStep {
        let packet = Packet::decode(request.message);
        let identifier = packet.map_or(0, |packet| packet.identifier);
        let context = Context {
            random: &*self.random,
            subscribers,
            profile,
            identifier: identifier.wrapping_add(1),
        };
        let step = match (request.state, packet) {
            (Some(state), Some(packet)) => self.go_on(request, state, &packet, context),
            (Some(_), None) => Ok(EapStep::Drop(DropReason::EapDiscarded)),
            // EAP-Start (RFC 3579 section 2.1): the NAS leaves it to us to ask.
            (None, None) if request.message.is_empty() => Ok(EapStep::Challenge {
                state: None,
                message: packet::request(identifier, Type::IDENTITY, &[]),
            }),
            (None, Some(packet)) => self.begin(settings, request, &packet, &context),
            (None, None) => Err(RejectReason::EapProtocol),
        };
        step.unwrap_or_else(|reason| EapStep::Reject {
            reason,
            message: packet::end(Code::FAILURE, identifier),
        })
    }

    fn begin(
        &self,
        settings: &Arc<EapSettings>,
        request: &EapRequest<'_>,
        packet: &Packet<'_>,
        context: &Context<'_>,
    ) -> Result<EapStep, RejectReason> {
        let Some((Type::IDENTITY, identity)) = packet.response() else {
            return Err(RejectReason::EapProtocol);
        };
        if identity.len() > NAME_LEN_MAX {
            return Err(RejectReason::EapProtocol);
        }
        let settings = Arc::clone(settings);
        let (conversation, message) =
            Conversation::begin(settings, identity, request.framed_mtu, context);
        let state: State = context.random();
        let nas = Arc::clone(request.nas);
        self.sessions
            .insert(state, nas, request.now, Box::new(conversation));
        Ok(EapStep::Challenge {
            state: Some(state),
            message,
        })
    }

    fn go_on(
        &self,
        request: &EapRequest<'_>,
        state: &[u8],
        packet: &Packet<'_>,
        mut context: Context<'_>,
    ) -> Result<EapStep, RejectReason> {
        let unknown = RejectReason::EapStateUnknown;
        let state: State = state.try_into().map_err(|_| unknown)?;
        let mut conversation = match self.sessions.take(&state, request.nas, request.now) {
            Taken::Session(conversation) => conversation,
            Taken::Busy => return Ok(EapStep::Drop(DropReason::EapDiscarded)),
            Taken::Unknown => return Err(unknown),
        };
        if !conversation.awaits(packet) {
            self.sessions.put_back(&state, conversation);
            return Ok(EapStep::Drop(DropReason::EapDiscarded));
        }
        match conversation.receive(packet, request.now, &mut context) {
            Ok(Progress::Request(message)) => {
                self.sessions.put_back(&state, conversation);
                Ok(EapStep::Challenge {
                    state: Some(state),
                    message,
                })
            }
            Ok(Progress::Accept(proven)) => {
                self.sessions.finish(&state);
                Ok(EapStep::Accept {
                    grant: proven.grant,
                    msk: proven.msk,
                    message: packet::end(Code::SUCCESS, packet.identifier),
                })
            }
            Err(reason) => {
                self.sessions.finish(&state);
                Err(reason)
            }
        }
    }
}

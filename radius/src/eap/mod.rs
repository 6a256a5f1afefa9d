//! EAP in RADIUS: messages in, challenges, keys and verdicts out (RFC 3579, RFC 3748).
//!
//! Sans-IO: time is a parameter (two of them: certificates go by the date, which may be held; conversations and their
//! ends age by [`Uptime`], which never is), randomness is given when the server is made (TLS has its own, from its
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
mod shares;
#[cfg(test)]
mod tests;
mod tls;
mod ttls;
mod tunnel;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use self::conversation::{Conversation, Heard, Why};
use self::packet::{Code, Packet, Type};
use self::prove::{Context, NAME_LEN_MAX, Proven};
use self::sessions::{Sessions, Taken};
use crate::UnixSeconds;
use crate::authentication::Grant;
use crate::directory::{Credential, Profile};
use crate::reason::{DropReason, RejectReason};

pub(crate) use self::prove::Subscribers;
pub(crate) use self::sessions::State;
pub use self::sessions::{ENDED_MAX, ENDED_SECONDS, LIFETIME_SECONDS, SESSIONS_MAX};
pub use self::settings::{
    EapMethod, EapSettings, SettingsError, TlsPolicy, TlsSettings, TlsVersion,
};

/// Where challenges and States come from.
pub trait Random: Send + Sync {
    /// Fills all of it with octets that nobody can guess.
    fn fill(&self, octets: &mut [u8]);
}

/// Seconds since any fixed instant, by a clock that is never set nor held.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Uptime(pub u64);

/// The conversations under way at all workers, and how the last ones ended.
pub struct EapServer {
    sessions: Sessions<Box<Conversation>, Ended>,
    random: Box<dyn Random>,
    /// The last [`Uptime`] that was told.
    uptime: AtomicU64,
    alerts: AtomicU64,
}

/// How a conversation ended, so that a NAS that has lost the last reply gets it again: with the same keys.
struct Ended {
    /// The response that ended it.
    response: Vec<u8>,
    verdict: Result<Accepted, RejectReason>,
}

/// What was granted, and to whom.
struct Accepted {
    proven: Proven,
    /// Without what was on file to prove it by.
    profile: Profile,
}

/// The EAP part of an Access-Request.
pub(crate) struct EapRequest<'a> {
    /// What certificates are judged by.
    pub(crate) now: UnixSeconds,
    /// The name of the NAS: a State is worth something to the NAS it was given to.
    pub(crate) nas: &'a Arc<str>,
    /// The value of State.
    pub(crate) state: Option<&'a [u8]>,
    /// The values of all EAP-Message, joined.
    pub(crate) message: &'a [u8],
    pub(crate) framed_mtu: Option<u32>,
}

/// What to answer, and whether it was answered before.
pub(crate) struct EapAnswer {
    pub(crate) step: EapStep,
    /// It is what was said before to the same response: a retransmission.
    pub(crate) repeated: bool,
}

/// What to answer. Messages are whole EAP packets.
pub(crate) enum EapStep {
    Challenge {
        /// `None` if the conversation has not begun.
        state: Option<State>,
        message: Vec<u8>,
        /// What came was ignored, and this is the request that still waits (RFC 3579 section 2.2).
        ignored: bool,
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
            uptime: AtomicU64::new(0),
            alerts: AtomicU64::new(0),
        }
    }

    /// Conversations under way, [`SESSIONS_MAX`] at most; those that expired and were not yet let go are among them.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many conversations had to make room for others since the server was made.
    pub fn pushed_out(&self) -> u64 {
        self.sessions.pushed_out()
    }

    /// How many handshakes failed on our side since the server was made. Not every peer acknowledges the alert that
    /// tells it so, and only then there is an Access-Reject.
    pub fn alerts(&self) -> u64 {
        self.alerts.load(Ordering::Relaxed)
    }

    /// Tells the time by which conversations and their ends age. To be called every second or so: between two calls
    /// nothing ages.
    pub fn tick(&self, now: Uptime) {
        self.uptime.store(now.0, Ordering::Relaxed);
    }

    /// Lets go of what has expired. Packets do so too, a little each: this is for when none come.
    pub fn expire(&self) {
        self.sessions.expire(self.uptime());
    }

    fn uptime(&self) -> Uptime {
        Uptime(self.uptime.load(Ordering::Relaxed))
    }

    /// Takes a request that is genuine and not in the duplicate cache. On accept, `profile` is the subscriber's.
    pub(crate) fn step(
        &self,
        settings: &Arc<EapSettings>,
        request: &EapRequest<'_>,
        subscribers: &dyn Subscribers,
        profile: &mut Profile,
    ) -> EapAnswer {
        let packet = Packet::decode(request.message);
        let identifier = packet.map_or(0, |packet| packet.identifier);
        let context = Context {
            random: &*self.random,
            subscribers,
            profile,
            identifier: identifier.wrapping_add(1),
        };
        let step = match (request.state, packet) {
            (Some(state), packet) => return self.go_on(request, state, packet, context),
            // EAP-Start (RFC 3579 section 2.1): the NAS leaves it to us to ask.
            (None, None) if request.message.is_empty() => Ok(EapStep::Challenge {
                state: None,
                message: packet::request(identifier, Type::IDENTITY, &[]),
                ignored: false,
            }),
            (None, Some(packet)) => self.begin(settings, request, &packet, &context),
            (None, None) => Err(RejectReason::EapProtocol),
        };
        EapAnswer::new(step.unwrap_or_else(|reason| EapStep::rejected(reason, identifier)))
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
        self.sessions
            .insert(state, request.nas, self.uptime(), Box::new(conversation));
        Ok(EapStep::Challenge {
            state: Some(state),
            message,
            ignored: false,
        })
    }

    fn go_on(
        &self,
        request: &EapRequest<'_>,
        state: &[u8],
        packet: Option<Packet<'_>>,
        mut context: Context<'_>,
    ) -> EapAnswer {
        let identifier = packet.map_or(0, |packet| packet.identifier);
        let unknown = || {
            let reason = RejectReason::EapStateUnknown;
            EapAnswer::new(EapStep::rejected(reason, identifier))
        };
        let Ok(state) = State::try_from(state) else {
            return unknown();
        };
        let mut conversation = match self.sessions.take(&state, request.nas, self.uptime()) {
            Taken::Session(conversation) => conversation,
            Taken::Ended(ended) if ended.response == request.message => {
                return EapAnswer {
                    step: ended.step(identifier, context.profile),
                    repeated: true,
                };
            }
            Taken::Ended(_) | Taken::Unknown => return unknown(),
            Taken::Busy => return EapAnswer::new(EapStep::Drop(DropReason::EapDiscarded)),
        };
        let heard = conversation.hear(request.message, packet, request.now, &mut context);
        let verdict = match heard {
            Ok(Heard::Ask { message, why }) => {
                self.sessions.put_back(&state, conversation);
                if why == Why::Alert {
                    self.alerts.fetch_add(1, Ordering::Relaxed);
                }
                return EapAnswer {
                    step: EapStep::Challenge {
                        state: Some(state),
                        message,
                        ignored: why == Why::Ignored,
                    },
                    repeated: why == Why::Repeated,
                };
            }
            Ok(Heard::Accept(proven)) => Ok(Accepted {
                proven,
                profile: Profile {
                    credential: Credential::Missing,
                    ..context.profile.clone()
                },
            }),
            Err(reason) => Err(reason),
        };
        let ended = Ended {
            response: request.message.to_vec(),
            verdict,
        };
        let step = ended.step(identifier, context.profile);
        self.sessions.end(&state, request.nas, self.uptime(), ended);
        EapAnswer::new(step)
    }
}

impl EapAnswer {
    /// Of a step that was not taken before.
    fn new(step: EapStep) -> Self {
        Self {
            step,
            repeated: false,
        }
    }
}

impl EapStep {
    fn rejected(reason: RejectReason, identifier: u8) -> Self {
        Self::Reject {
            reason,
            message: packet::end(Code::FAILURE, identifier),
        }
    }
}

impl Ended {
    /// What ends the conversation, each time it is asked for; fills `profile` on accept.
    fn step(&self, identifier: u8, profile: &mut Profile) -> EapStep {
        match &self.verdict {
            Ok(accepted) => {
                profile.clone_from(&accepted.profile);
                EapStep::Accept {
                    grant: accepted.proven.grant,
                    msk: accepted.proven.msk.clone(),
                    message: packet::end(Code::SUCCESS, identifier),
                }
            }
            Err(reason) => EapStep::rejected(*reason, identifier),
        }
    }
}

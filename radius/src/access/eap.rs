//! An Access-Request with an EAP-Message: what the conversation says becomes the reply (RFC 3579).
//!
//! Not here: the conversation (`crate::eap`).

use super::{Answer, Request, Step};
use crate::attribute::AttributeType;
use crate::authentication::{self, Asked, Grant};
use crate::batch::Batch;
use crate::directory::{Directory, Identity, Profile};
use crate::duplicates::Ticket;
use crate::eap::{EapRequest, EapStep, Subscribers};
use crate::packet::Packet;
use crate::reason::{DropReason, Outcome, RejectReason};
use crate::reply::{AccessReply, EapReply, ReplyTo, Words};
use crate::server::ReplyBuffer;
use crate::settings::Unknown;

impl<'s> Batch<'s> {
    /// Answers a request that is genuine and no duplicate.
    // Out of the way of the methods that must be fast.
    #[inline(never)]
    pub(super) fn converse<'a>(
        &mut self,
        request: &Request<'a, 's>,
        ticket: Option<Ticket>,
        directory: &impl Directory,
        reply: &mut ReplyBuffer,
    ) -> Result<Step<'a, 's>, DropReason> {
        let to = request.received.to;
        let mut profile = Profile::default();
        let said = match self.eap_step(request, directory, &mut profile) {
            Ok(said) => said,
            Err(reason) => {
                // Nothing was answered, so nothing is repeated.
                if let Some(ticket) = &ticket {
                    self.duplicates.abandon(ticket);
                }
                return Err(reason);
            }
        };
        let routes = match profile.has_routes {
            true => directory.routes(&profile.class),
            false => Default::default(),
        };
        let says = AccessReply {
            outcome: said.outcome,
            profile: &profile,
            words: said.reply.as_ref().map_or(Words::None, Words::Eap),
            routes: &routes,
            wants_identity: request.attributes.wants_identity,
        };
        Ok(Step::Answer(Answer {
            to,
            ticket,
            outcome: match said.repeated {
                true => Outcome::Duplicate,
                false => said.outcome,
            },
            len: to.access(&says, reply),
            if_chap: None,
        }))
    }

    /// Goes on with a conversation, or begins one; fills `profile` on accept.
    fn eap_step<D: Directory>(
        &self,
        request: &Request<'_, 's>,
        directory: &D,
        profile: &mut Profile,
    ) -> Result<Said, DropReason> {
        let (Some(server), Some(settings)) = (self.eap, &self.settings.eap) else {
            return Ok(Said {
                outcome: Outcome::Reject(RejectReason::UnsupportedMethod),
                reply: None,
                repeated: false,
            });
        };
        let ReplyTo { nas, packet, .. } = &request.received.to;
        let message = message(packet);
        let eap_request = EapRequest {
            now: self.now,
            nas: &nas.name,
            state: packet.find(AttributeType::STATE).map(|state| state.value),
            message: &message,
            framed_mtu: packet
                .find(AttributeType::FRAMED_MTU)
                .and_then(|mtu| mtu.integer()),
        };
        let asked = Asked {
            packet,
            request: &request.attributes,
            realms: &self.settings.realms,
            directory,
            now: self.now,
        };
        let subscribers = Rules {
            batch: self,
            request,
            asked,
        };
        let answer = server.step(settings, &eap_request, &subscribers, profile);
        let mut reply = EapReply::default();
        let outcome = match answer.step {
            EapStep::Drop(reason) => return Err(reason),
            EapStep::Challenge {
                state,
                message,
                ignored,
            } => {
                (reply.state, reply.message, reply.ignored) = (state, message, ignored);
                Outcome::Challenge
            }
            EapStep::Accept {
                grant,
                msk,
                message,
            } => {
                (reply.msk, reply.message) = (msk, message);
                self.outcome(Ok(grant))
            }
            EapStep::Reject { reason, message } => {
                reply.message = message;
                Outcome::Reject(reason)
            }
        };
        Ok(Said {
            outcome,
            reply: Some(reply),
            repeated: answer.repeated,
        })
    }
}

/// What a conversation says.
struct Said {
    outcome: Outcome,
    reply: Option<EapReply>,
    /// It is what was said before to the same request.
    repeated: bool,
}

/// The values of all EAP-Message, joined (RFC 3579 section 3.1): no longer than the packet.
fn message(packet: &Packet<'_>) -> Vec<u8> {
    let attributes = packet.attributes();
    let pieces = attributes.filter(|attribute| attribute.kind == AttributeType::EAP_MESSAGE);
    let octets = pieces.flat_map(|attribute| attribute.value);
    octets.copied().collect()
}

/// The rules for a request, as its conversation asks for them.
struct Rules<'b, 's, 'r, 'a, D> {
    batch: &'b Batch<'s>,
    request: &'r Request<'a, 's>,
    asked: Asked<'r, 'a, D>,
}

impl<D: Directory> Subscribers for Rules<'_, '_, '_, '_, D> {
    fn find(&self, user_name: &[u8], profile: &mut Profile) -> Result<bool, RejectReason> {
        let identity = Identity::UserName(self.asked.realms.name(user_name)?);
        let (directory, now) = (self.asked.directory, self.asked.now);
        Ok(directory.find(&identity, now, profile))
    }

    fn grant(&self, profile: &Profile) -> Result<Grant, RejectReason> {
        let grant = authentication::grant(profile)?;
        let Self { request, asked, .. } = self;
        self.batch.within_limit(grant, request, asked, profile)
    }

    fn admits_unknown(&self) -> bool {
        self.batch.settings.garden.unknown == Unknown::Garden
    }
}

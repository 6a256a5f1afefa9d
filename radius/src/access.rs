//! The authentication port: a chunk of Access-Request and Status-Server, answered together.
//!
//! Same meaning as one after the other. What a datagram has come to is a [`Step`]; each phase takes all
//! steps of the chunk a little further.
//!
//! Not here: who may connect (`authentication`), what a reply says (`reply`).

mod eap;

use std::array;

use subtle::ConstantTimeEq;

use crate::attribute::AttributeType;
use crate::authentication::{Asked, Decision, Grant, MsChapProof, Proof, decide};
use crate::batch::{Batch, Received};
use crate::code::Code;
use crate::crypto::{ChapPassword, Password, ToSign, sign_all};
use crate::directory::{Directory, Port, Profile};
use crate::duplicates::{Seen, Ticket};
use crate::lanes::{JobId, Lanes};
use crate::packet::{EncodeError, Packet};
use crate::reason::{DropReason, Outcome, RejectReason};
use crate::reply::{AccessReply, ReplyTo, Words};
use crate::request::{AccessRequest, Method};
use crate::server::{Datagram, ReplyBuffer, Verdict};
use crate::settings::Unknown;

/// What a datagram has come to.
enum Step<'a, 's> {
    /// It has its verdict.
    Done,
    /// Its signature and password are being computed.
    Request(Request<'a, 's>),
    /// Its reply is encoded.
    Answer(Answer<'a, 's>),
    /// Its reply of before was copied: so many octets.
    Copied(usize),
    /// It is the same request as an earlier one of the chunk.
    RepeatOf(usize),
}

struct Request<'a, 's> {
    received: Received<'a, 's>,
    attributes: AccessRequest<'a>,
    method: Result<Method<'a>, RejectReason>,
    /// The first of what hides the User-Password.
    masks: Option<JobId>,
}

impl Request<'_, '_> {
    /// Whether it must carry a Message-Authenticator.
    fn demands_message(&self) -> bool {
        self.attributes.eap || self.received.to.nas.demands_message_authenticator()
    }
}

struct Answer<'a, 's> {
    to: ReplyTo<'a, 's>,
    ticket: Option<Ticket>,
    outcome: Outcome,
    len: Result<usize, EncodeError>,
    /// The outcome holds if this digest is that response.
    if_chap: Option<(JobId, &'a ChapPassword)>,
}

/// What a request is granted; if there is a digest, only if that is the CHAP response.
type Granted<'a> = (
    Result<Grant, RejectReason>,
    Option<(JobId, &'a ChapPassword)>,
);

/// What the reply says in the words of the method.
fn words<'p>(
    method: Result<Method<'_>, RejectReason>,
    outcome: Outcome,
    proven: Option<&'p MsChapProof>,
) -> Words<'p> {
    let (identifier, version) = match method {
        Ok(Method::MsChap(sent)) => (sent.identifier(), 2),
        Ok(Method::MsChap2(sent)) => (sent.identifier(), 3),
        Ok(Method::None | Method::Pap(_) | Method::Chap { .. } | Method::Eap) | Err(_) => {
            return Words::None;
        }
    };
    match (outcome, proven) {
        (Outcome::Reject(_), _) => Words::MsChapFailed {
            identifier,
            version,
        },
        (_, Some(proven)) => Words::MsChap(identifier, proven),
        // Somebody unknown who is let into the garden.
        (_, None) => Words::None,
    }
}

impl<'a> Step<'a, '_> {
    /// The User-Name of a request whose signature is right.
    fn genuine_user_name(&self, lanes: &Lanes) -> Option<&'a [u8]> {
        match self {
            Self::Request(request) => {
                let checked = request
                    .received
                    .check_message(request.demands_message(), lanes);
                request.attributes.user_name.filter(|_| checked.is_ok())
            }
            Self::Done | Self::Answer(_) | Self::Copied(_) | Self::RepeatOf(_) => None,
        }
    }
}

impl<'s> Batch<'s> {
    /// Answers up to `N` datagrams.
    pub(crate) fn authenticate<const N: usize>(
        &mut self,
        datagrams: &[Datagram<'_>],
        directory: &impl Directory,
        replies: &mut [ReplyBuffer],
        verdicts: &mut [Verdict],
    ) {
        let mut steps: [Step<'_, '_>; N] = array::from_fn(|_| Step::Done);
        let steps = &mut steps[..datagrams.len()];
        for ((step, datagram), verdict) in steps.iter_mut().zip(datagrams).zip(&mut *verdicts) {
            if let Err(reason) = self.read_access(datagram, step) {
                *verdict = self.drop(reason);
            }
        }
        if steps.iter().all(|step| matches!(step, Step::Done)) {
            return;
        }
        // Masks fill lanes that are there anyway; a lone datagram must first be genuine.
        if N > 1 {
            self.queue_masks(steps, |_, _| true);
        }
        self.lanes.run();
        for step in &mut *steps {
            if let Step::Request(request) = step {
                request.received.queue_outer(self.lanes);
            }
        }
        self.lanes.run();
        if N == 1 {
            self.queue_masks(steps, |received, lanes| {
                received.check_message(false, lanes).is_ok()
            });
            self.lanes.run();
        } else {
            directory.prefetch(
                steps
                    .iter()
                    .filter_map(|step| step.genuine_user_name(self.lanes)),
            );
        }
        for at in 0..steps.len() {
            let (earlier, rest) = steps.split_at_mut(at);
            if let Step::Request(request) = &rest[0] {
                match self.decide(request, earlier, directory, &mut replies[at]) {
                    Ok(step) => rest[0] = step,
                    Err(reason) => {
                        rest[0] = Step::Done;
                        verdicts[at] = self.drop(reason);
                    }
                }
            }
        }
        self.lanes.run();
        for (step, reply) in steps.iter_mut().zip(&mut *replies) {
            if let Step::Answer(answer) = step {
                self.check_chap(answer, reply);
            }
        }
        self.lanes.clear();
        self.sign::<N>(steps, replies);
        self.finish(steps, replies, verdicts);
    }

    /// Makes the step a request whose inner digest is queued.
    fn read_access<'a>(
        &mut self,
        datagram: &Datagram<'a>,
        step: &mut Step<'a, 's>,
    ) -> Result<(), DropReason> {
        let mut attributes = AccessRequest::default();
        let (source, mut to) = self.receive(datagram.source, || {
            Packet::decode_each(datagram.octets, |attribute| attributes.take(attribute))
        })?;
        let packet = to.packet;
        let method = match packet.code() {
            Code::ACCESS_REQUEST => attributes.method(&packet),
            Code::STATUS_SERVER => Ok(Method::None),
            _ => return Err(DropReason::UnexpectedCode),
        };
        to.proxy_state = attributes.proxy_state;
        let message_authenticator = attributes.message_authenticator;
        let secret = &to.nas.secret;
        let (octets, authenticator) = (packet.octets(), packet.authenticator());
        *step = Step::Request(Request {
            masks: None,
            received: Received {
                message_digest: message_authenticator
                    .at()
                    .map(|at| secret.queue_message(octets, authenticator, at, self.lanes)),
                to,
                source,
                message_authenticator,
            },
            attributes,
            method,
        });
        Ok(())
    }

    /// Queues what hides the User-Passwords of the requests that are `wanted`.
    fn queue_masks(
        &mut self,
        steps: &mut [Step<'_, '_>],
        wanted: impl Fn(&Received<'_, '_>, &Lanes) -> bool,
    ) {
        for step in steps {
            let Step::Request(request) = step else {
                continue;
            };
            let Ok(Method::Pap(hidden)) = request.method else {
                continue;
            };
            let received = &request.received;
            if !wanted(received, self.lanes) {
                continue;
            }
            let (packet, secret) = (&received.to.packet, &received.to.nas.secret);
            request.masks = Some(secret.queue_masks(hidden, packet.authenticator(), self.lanes));
        }
    }

    fn decide<'a>(
        &mut self,
        request: &Request<'a, 's>,
        earlier: &[Step<'a, 's>],
        directory: &impl Directory,
        reply: &mut ReplyBuffer,
    ) -> Result<Step<'a, 's>, DropReason> {
        let received = &request.received;
        let to = received.to;
        if to.packet.code() == Code::STATUS_SERVER {
            received.check_access(true, self.lanes)?;
            return Ok(Step::Answer(Answer {
                to,
                ticket: None,
                outcome: Outcome::StatusServer,
                len: to.status(Code::ACCESS_ACCEPT, reply),
                if_chap: None,
            }));
        }
        received.check_access(request.demands_message(), self.lanes)?;

        let key = received.key();
        let authenticator = to.packet.authenticator();
        match self.duplicates.seen(&key, authenticator, self.now) {
            Seen::Never => {}
            Seen::Reserved(at) => {
                let first = earlier.iter().position(|step| match step {
                    Step::Answer(Answer { ticket, .. }) => ticket
                        .as_ref()
                        .is_some_and(|ticket| self.duplicates.is(ticket, at)),
                    Step::Done | Step::Request(_) | Step::Copied(_) | Step::RepeatOf(_) => false,
                });
                return first.map(Step::RepeatOf).ok_or(DropReason::Pending);
            }
            // Never on this port: an entry is reserved and answered in one chunk.
            Seen::Pending => return Err(DropReason::Pending),
            Seen::Answered(at) => {
                return Ok(Step::Copied(self.duplicates.copy_reply(at, reply)));
            }
        }
        // Without room the retransmission is decided anew, with the same result.
        let ticket = self
            .duplicates
            .reserve(to.nas_index, &key, authenticator, self.now);
        if let Ok(Method::Eap) = request.method {
            return self.converse(request, ticket, directory, reply);
        }
        let mut profile = Profile::default();
        let mut proven = None;
        let (granted, if_chap) = self.grant(request, directory, &mut profile, &mut proven);
        let outcome = self.outcome(granted);
        let routes;
        let routes: &[_] = if profile.has_routes {
            routes = directory.routes(&profile.class);
            &routes
        } else {
            &[]
        };
        let says = AccessReply {
            outcome,
            profile: &profile,
            words: words(request.method, outcome, proven.as_ref()),
            routes,
            wants_identity: request.attributes.wants_identity,
        };
        Ok(Step::Answer(Answer {
            to,
            ticket,
            outcome,
            len: to.access(&says, reply),
            if_chap,
        }))
    }

    /// What the request is granted; fills `profile` if the directory knows them.
    fn grant<'a>(
        &mut self,
        request: &Request<'a, 's>,
        directory: &impl Directory,
        profile: &mut Profile,
        proven: &mut Option<MsChapProof>,
    ) -> Granted<'a> {
        let (proof, sent) = match (request.method, request.masks) {
            (Err(reason), _) => return (Err(reason), None),
            (Ok(Method::Eap), _) => return (Err(RejectReason::UnsupportedMethod), None),
            (Ok(Method::Pap(hidden)), Some(masks)) => (
                Proof::Pap(Password::reveal(hidden, masks, self.lanes)),
                None,
            ),
            (
                Ok(Method::Chap {
                    response,
                    challenge,
                }),
                _,
            ) => (
                Proof::Chap {
                    response,
                    challenge,
                },
                Some(response),
            ),
            (Ok(Method::MsChap(exchange)), _) => (Proof::MsChap(exchange), None),
            (Ok(Method::MsChap2(exchange)), _) => (Proof::MsChap2(exchange), None),
            (Ok(Method::None | Method::Pap(_)), _) => (Proof::None, None),
        };
        let asked = Asked {
            packet: &request.received.to.packet,
            request: &request.attributes,
            realms: &self.settings.realms,
            directory,
            now: self.now,
        };
        let (grant, if_chap) = match decide(&asked, &proof, profile, proven, self.lanes) {
            Decision::Now(grant) => (grant, None),
            Decision::IfChap(job, grant) => (grant, sent.map(|response| (job, response))),
        };
        let grant = grant.and_then(|grant| self.within_limit(grant, request, &asked, profile));
        (grant, if_chap)
    }

    /// The grant, unless the subscription has as many sessions as its plan allows.
    #[inline]
    fn within_limit<D: Directory>(
        &self,
        grant: Grant,
        request: &Request<'_, '_>,
        asked: &Asked<'_, '_, D>,
        profile: &Profile,
    ) -> Result<Grant, RejectReason> {
        let plan = self.settings.plan(profile.plan);
        let Some(limit) = plan.and_then(|plan| plan.session_limit) else {
            return Ok(grant);
        };
        let limit = u32::from(limit.get());
        let station = asked.request.calling_station_mac();
        let others = asked.directory.live_sessions(&profile.class, station);
        if others < limit
            || Self::live_elsewhere(request, asked, profile).is_some_and(|others| others < limit)
        {
            Ok(grant)
        } else {
            Err(RejectReason::SessionLimit)
        }
    }

    /// The live sessions elsewhere than at the port of a request; `None` tells that ports are not looked at, because the
    /// NAS names the station: then it may be another one at that port.
    #[cold]
    fn live_elsewhere<D: Directory>(
        request: &Request<'_, '_>,
        asked: &Asked<'_, '_, D>,
        profile: &Profile,
    ) -> Option<u32> {
        if asked.request.calling_station_id.is_some() {
            return None;
        }
        let received = &request.received;
        let number = asked.packet.find(AttributeType::NAS_PORT);
        let id = asked.packet.find(AttributeType::NAS_PORT_ID);
        let port = Port {
            nas: received.to.nas,
            source: received.source.ip().to_canonical(),
            number: number.and_then(|attribute| attribute.integer()),
            id: id.map(|attribute| attribute.value),
        };
        let elsewhere = asked
            .directory
            .live_sessions_elsewhere(&profile.class, &port);
        Some(elsewhere)
    }

    fn outcome(&self, granted: Result<Grant, RejectReason>) -> Outcome {
        match granted {
            Ok(Grant::Full) => Outcome::AcceptFull,
            Ok(Grant::Garden) => Outcome::AcceptGarden,
            Ok(Grant::Unknown) => match self.settings.garden.unknown {
                Unknown::Garden => Outcome::AcceptUnknown,
                Unknown::Reject => Outcome::Reject(RejectReason::UnknownUser),
            },
            Err(reason) => Outcome::Reject(reason),
        }
    }

    /// Makes it a reject if the CHAP response is not the digest that was run.
    fn check_chap(&self, answer: &mut Answer<'_, '_>, reply: &mut ReplyBuffer) {
        let Some((digest, response)) = answer.if_chap else {
            return;
        };
        let right = self.lanes.digest(digest).ct_eq(&response[1..]);
        if !bool::from(right) {
            answer.outcome = Outcome::Reject(RejectReason::WrongPassword);
            let says = AccessReply {
                outcome: answer.outcome,
                profile: &Profile::default(),
                words: Words::None,
                routes: &[],
                wants_identity: false,
            };
            answer.len = answer.to.access(&says, reply);
        }
    }

    fn sign<const N: usize>(&mut self, steps: &[Step<'_, '_>], replies: &mut [ReplyBuffer]) {
        let mut to_sign: [Option<ToSign<'_>>; N] = array::from_fn(|_| None);
        for (step, to_sign) in steps.iter().zip(&mut to_sign) {
            if let Step::Answer(Answer {
                to, len: Ok(len), ..
            }) = step
            {
                *to_sign = Some(ToSign {
                    len: *len,
                    secret: &to.nas.secret,
                    message_authenticator: true,
                });
            }
        }
        sign_all(replies, &to_sign, self.lanes);
        self.lanes.clear();
    }

    /// Gives the verdicts and remembers the replies.
    fn finish(
        &mut self,
        steps: &[Step<'_, '_>],
        replies: &mut [ReplyBuffer],
        verdicts: &mut [Verdict],
    ) {
        for (at, step) in steps.iter().enumerate() {
            let given = match step {
                Step::Done | Step::Request(_) => continue,
                Step::Answer(answer) => self.remember(answer, &replies[at]),
                Step::Copied(len) => Ok((*len, Outcome::Duplicate)),
                Step::RepeatOf(first) => match verdicts[*first] {
                    Verdict::Reply { len, .. } => {
                        let (earlier, rest) = replies.split_at_mut(at);
                        rest[0][..len].copy_from_slice(&earlier[*first][..len]);
                        Ok((len, Outcome::Duplicate))
                    }
                    Verdict::Drop(reason) => Err(reason),
                },
            };
            verdicts[at] = match given {
                Ok((len, outcome)) => {
                    self.counters.count_answered(outcome);
                    Verdict::Reply { len, outcome }
                }
                Err(reason) => self.drop(reason),
            };
        }
    }

    fn remember(
        &mut self,
        answer: &Answer<'_, '_>,
        reply: &ReplyBuffer,
    ) -> Result<(usize, Outcome), DropReason> {
        match (answer.len, &answer.ticket) {
            (Ok(len), Some(ticket)) => self.duplicates.answer(ticket, &reply[..len]),
            (Err(_), Some(ticket)) => self.duplicates.abandon(ticket),
            (Ok(_) | Err(_), None) => {}
        }
        Ok((answer.len?, answer.outcome))
    }

    fn drop(&self, reason: DropReason) -> Verdict {
        self.counters.count_dropped(reason);
        Verdict::Drop(reason)
    }
}

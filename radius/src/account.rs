//! The accounting port: a chunk of Accounting-Request and Status-Server.
//!
//! Records are visited in the order of the datagrams once their replies are signed.
//!
//! Not here: what a record says (`accounting`), making it durable (`daemon`).

use std::array;

use subtle::ConstantTimeEq;

use crate::accounting::AccountingAttributes;
use crate::batch::{Batch, Received};
use crate::code::Code;
use crate::crypto::{ToSign, sign_all};
use crate::duplicates::Seen;
use crate::lanes::JobId;
use crate::packet::Packet;
use crate::reason::{DropReason, Outcome};
use crate::request::Flaw;
use crate::server::{AccountVerdict, Datagram, ReplyBuffer};

/// What a datagram has come to.
enum Step<'a, 's> {
    /// Its signature is being computed.
    Request(Request<'a, 's>),
    /// It has its verdict, and perhaps a reply that is encoded.
    Given {
        verdict: AccountVerdict<'a>,
        to_sign: Option<ToSign<'s>>,
    },
}

impl Step<'_, '_> {
    fn dropped(reason: DropReason) -> Self {
        Self::Given {
            verdict: AccountVerdict::Drop(reason),
            to_sign: None,
        }
    }
}

struct Request<'a, 's> {
    received: Received<'a, 's>,
    attributes: AccountingAttributes<'a>,
    /// The right Request Authenticator; none for Status-Server.
    request_authenticator: Option<JobId>,
}

impl<'s> Batch<'s> {
    /// Reads up to `N` datagrams; `visit` gets their positions and verdicts in order.
    pub(crate) fn account<'a, const N: usize>(
        &mut self,
        datagrams: &[Datagram<'a>],
        replies: &mut [ReplyBuffer],
        mut visit: impl FnMut(usize, AccountVerdict<'a>),
    ) {
        let mut steps: [Step<'_, '_>; N] =
            array::from_fn(|_| Step::dropped(DropReason::UnknownNas));
        let steps = &mut steps[..datagrams.len()];
        for (step, datagram) in steps.iter_mut().zip(datagrams) {
            if let Err(reason) = self.read_accounting(datagram, step) {
                *step = Step::dropped(reason);
            }
        }
        self.lanes.run();
        for step in &mut *steps {
            if let Step::Request(request) = step {
                request.received.queue_outer(self.lanes);
            }
        }
        self.lanes.run();
        for (step, reply) in steps.iter_mut().zip(&mut *replies) {
            if let Step::Request(request) = step {
                let given = self.record(request, reply);
                *step = given.unwrap_or_else(Step::dropped);
            }
        }
        self.lanes.clear();
        let mut to_sign: [Option<ToSign<'_>>; N] = array::from_fn(|_| None);
        for (step, to_sign) in steps.iter_mut().zip(&mut to_sign) {
            if let Step::Given { to_sign: reply, .. } = step {
                *to_sign = reply.take();
            }
        }
        sign_all(replies, &to_sign, self.lanes);
        self.lanes.clear();
        for (at, step) in steps.iter_mut().enumerate() {
            let taken = std::mem::replace(step, Step::dropped(DropReason::UnknownNas));
            if let Step::Given { verdict, .. } = taken {
                self.count(&verdict);
                visit(at, verdict);
            }
        }
    }

    fn count(&self, verdict: &AccountVerdict<'_>) {
        match verdict {
            AccountVerdict::Reply { outcome, .. } => self.counters.count_answered(*outcome),
            AccountVerdict::Drop(reason) => self.counters.count_dropped(*reason),
            AccountVerdict::Record { .. } => {}
        }
    }

    /// Makes the step a request whose digests are queued.
    fn read_accounting<'a>(
        &mut self,
        datagram: &Datagram<'a>,
        step: &mut Step<'a, 's>,
    ) -> Result<(), DropReason> {
        let mut attributes = AccountingAttributes::default();
        let (source, mut to) = self.receive(datagram.source, || {
            Packet::decode_each(datagram.octets, |attribute| attributes.take(attribute))
        })?;
        to.proxy_state = attributes.proxy_state;
        let secret = &to.nas.secret;
        let octets = to.packet.octets();
        let (over, request_authenticator) = match to.packet.code() {
            Code::ACCOUNTING_REQUEST => {
                let job = secret.queue_request_authenticator(octets, self.lanes);
                (&[0; 16], Some(job))
            }
            Code::STATUS_SERVER => (to.packet.authenticator(), None),
            _ => return Err(DropReason::UnexpectedCode),
        };
        let message_authenticator = attributes.message_authenticator;
        *step = Step::Request(Request {
            request_authenticator,
            received: Received {
                message_digest: message_authenticator
                    .at()
                    .map(|at| secret.queue_message(octets, over, at, self.lanes)),
                to,
                source,
                message_authenticator,
            },
            attributes,
        });
        Ok(())
    }

    fn record<'a>(
        &mut self,
        request: &Request<'a, 's>,
        reply: &mut ReplyBuffer,
    ) -> Result<Step<'a, 's>, DropReason> {
        let received = &request.received;
        let to = received.to;
        let authenticator = to.packet.authenticator();
        let Some(right) = request.request_authenticator else {
            received.check_access(true, self.lanes)?;
            let len = to.status(Code::ACCOUNTING_RESPONSE, reply)?;
            return Ok(Step::Given {
                verdict: AccountVerdict::Reply {
                    len,
                    outcome: Outcome::StatusServer,
                },
                to_sign: Some(ToSign {
                    len,
                    secret: &to.nas.secret,
                    message_authenticator: true,
                }),
            });
        };
        if !bool::from(self.lanes.digest(right).ct_eq(authenticator)) {
            return Err(DropReason::BadRequestAuthenticator);
        }
        received.check_message(false, self.lanes)?;
        match request.attributes.flaw {
            Some(Flaw::BadValue) => return Err(DropReason::BadAttribute),
            Some(Flaw::Repeated) => return Err(DropReason::RepeatedAttribute),
            None => {}
        }
        let key = received.key();
        match self.duplicates.seen(&key, authenticator, self.now) {
            Seen::Never => {}
            // Never reserved on this port: an entry is pending until its record is durable.
            Seen::Pending | Seen::Reserved(_) => return Err(DropReason::Pending),
            Seen::Answered(at) => {
                return Ok(Step::Given {
                    verdict: AccountVerdict::Reply {
                        len: self.duplicates.copy_reply(at, reply),
                        outcome: Outcome::Duplicate,
                    },
                    to_sign: None,
                });
            }
        }
        let source = received.source.ip();
        let record = request.attributes.record(to.nas, source)?;
        let reply_len = to.accounting(reply)?;
        let ticket = self
            .duplicates
            .begin(to.nas_index, &key, authenticator, self.now)
            .ok_or(DropReason::TooManyPending)?;
        Ok(Step::Given {
            verdict: AccountVerdict::Record {
                record,
                ticket,
                reply_len,
            },
            to_sign: Some(ToSign {
                len: reply_len,
                secret: &to.nas.secret,
                message_authenticator: false,
            }),
        })
    }
}

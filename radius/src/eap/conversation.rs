//! One conversation: which method, which response is awaited, how many rounds are left (RFC 3748 section 4).
//!
//! A response is taken once: to the same octets the same request is said again. What is no response to the
//! request that was sent last is ignored, and that request said again too, because silence would tell the NAS
//! that we are dead (RFC 3579 section 2.2).
//!
//! Not here: where it is kept between rounds (`sessions`), what a method says.

use std::sync::Arc;

use super::fragments;
use super::md5::Md5;
use super::mschapv2::MsChapV2;
use super::packet::{self, Packet, Type};
use super::peap::Peap;
use super::prove::{Context, Progress, Proven};
use super::settings::{EapMethod, EapSettings};
use super::tls::EapTls;
use super::ttls::Ttls;
use super::tunnel::Tunnel;
use crate::UnixSeconds;
use crate::reason::RejectReason;

/// The most requests of one conversation: enough for flights of 64 KiB each way in fragments of 1000 octets.
pub(super) const ROUNDS_MAX: u32 = 160;

/// The most messages of one conversation that are ignored: a peer that says nothing else comes to an end.
pub(super) const IGNORED_MAX: u32 = 8;

/// A conversation.
pub(super) struct Conversation {
    /// As they were when it began: a reload does not change the rules on the way.
    settings: Arc<EapSettings>,
    /// What the peer said it is. Only methods without a tunnel believe it.
    identity: Vec<u8>,
    framed_mtu: Option<u32>,
    method: EapMethod,
    stage: Stage,
    /// Methods the peer does not want.
    refused: Vec<EapMethod>,
    /// Of the request that was sent last.
    identifier: u8,
    /// That request, a whole EAP packet.
    request: Vec<u8>,
    /// The response it was sent to; the first one was sent to an identity, which has no State yet.
    response: Option<Vec<u8>>,
    rounds: u32,
    ignored: u32,
}

/// What a message came to.
pub(super) enum Heard {
    /// Ask the peer: this is a whole EAP packet.
    Ask { message: Vec<u8>, why: Why },
    /// The peer has proven itself.
    Accept(Proven),
}

/// Why a request is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// It is the next one.
    Next,
    /// It tells the peer by an alert of TLS that the handshake has failed.
    Alert,
    /// What came had been answered with it before.
    Repeated,
    /// What came was ignored.
    Ignored,
}

/// Where the method stands.
enum Stage {
    /// Its start was sent. The handshake's state is made when the peer really begins one.
    Start,
    Tls(Box<EapTls>),
    Ttls(Box<Ttls>),
    Peap(Box<Peap>),
    MsChapV2(MsChapV2),
    Md5(Md5),
}

impl Conversation {
    /// Begins with the preferred method; gives the first request.
    pub(super) fn begin(
        settings: Arc<EapSettings>,
        identity: &[u8],
        framed_mtu: Option<u32>,
        context: &Context<'_>,
    ) -> (Self, Vec<u8>) {
        let mut conversation = Self {
            method: settings.preferred(),
            settings,
            identity: identity.to_vec(),
            framed_mtu,
            stage: Stage::Start,
            refused: Vec::new(),
            identifier: context.identifier,
            request: Vec::new(),
            response: None,
            rounds: 1,
            ignored: 0,
        };
        let request = conversation.offer(context);
        conversation.request.clone_from(&request);
        (conversation, request)
    }

    /// Takes a message, and the packet it is if it is one.
    ///
    /// # Errors
    /// When the conversation has failed.
    pub(super) fn hear(
        &mut self,
        message: &[u8],
        packet: Option<Packet<'_>>,
        now: UnixSeconds,
        context: &mut Context<'_>,
    ) -> Result<Heard, RejectReason> {
        if self.response.as_deref() == Some(message) {
            return Ok(self.ask_again(Why::Repeated));
        }
        let Some((kind, data)) = packet.and_then(|packet| self.awaited(&packet)) else {
            self.ignored += 1;
            return match self.ignored > IGNORED_MAX {
                true => Err(RejectReason::EapProtocol),
                false => Ok(self.ask_again(Why::Ignored)),
            };
        };
        match self.receive(kind, data, now, context)? {
            Progress::Request(request) => {
                self.response = Some(message.to_vec());
                self.request.clone_from(&request);
                let why = match self.has_failed() {
                    true => Why::Alert,
                    false => Why::Next,
                };
                Ok(Heard::Ask {
                    message: request,
                    why,
                })
            }
            Progress::Accept(proven) => Ok(Heard::Accept(proven)),
        }
    }

    fn ask_again(&self, why: Why) -> Heard {
        Heard::Ask {
            message: self.request.clone(),
            why,
        }
    }

    /// The type and data of a response to the request that was sent last: of its method, or a Nak as long as the
    /// peer has not begun the method (RFC 3748 sections 4.1 and 5.3.1).
    fn awaited<'a>(&self, packet: &Packet<'a>) -> Option<(Type, &'a [u8])> {
        let (kind, data) = packet.response()?;
        let fits = kind == self.method.kind() || (kind == Type::NAK && self.is_only_offered());
        (fits && packet.identifier == self.identifier).then_some((kind, data))
    }

    /// Whether a TLS handshake has failed on our side.
    fn has_failed(&self) -> bool {
        let tunnel = match &self.stage {
            Stage::Start | Stage::MsChapV2(_) | Stage::Md5(_) => return false,
            Stage::Tls(tls) => tls.tunnel(),
            Stage::Ttls(ttls) => ttls.tunnel(),
            Stage::Peap(peap) => peap.tunnel(),
        };
        tunnel.has_failed()
    }

    /// Whether the peer has said nothing yet of the method.
    fn is_only_offered(&self) -> bool {
        match &self.stage {
            Stage::Start | Stage::Md5(_) => true,
            Stage::MsChapV2(exchange) => exchange.is_unanswered(),
            Stage::Tls(_) | Stage::Ttls(_) | Stage::Peap(_) => false,
        }
    }

    /// Takes a response that is awaited; a request it gives is a whole EAP packet.
    fn receive(
        &mut self,
        kind: Type,
        data: &[u8],
        now: UnixSeconds,
        context: &mut Context<'_>,
    ) -> Result<Progress, RejectReason> {
        self.identifier = context.identifier;
        self.rounds += 1;
        if self.rounds > ROUNDS_MAX {
            return Err(RejectReason::EapProtocol);
        }
        if kind == Type::NAK {
            return self.take_nak(data, context).map(Progress::Request);
        }
        if matches!(self.stage, Stage::Start) {
            self.stage = self.connect(now)?;
        }
        let progress = match &mut self.stage {
            Stage::Start => Err(RejectReason::EapProtocol),
            Stage::Tls(tls) => tls.receive(context, data),
            Stage::Ttls(ttls) => ttls.receive(context, data),
            Stage::Peap(peap) => peap.receive(context, data),
            Stage::MsChapV2(exchange) => exchange.receive(context, &self.identity, data),
            Stage::Md5(md5) => md5.receive(context, &self.identity, data),
        };
        Ok(match progress? {
            Progress::Request(data) => {
                Progress::Request(packet::request(context.identifier, kind, &data))
            }
            Progress::Accept(proven) => Progress::Accept(proven),
        })
    }

    /// Offers the first method of those the peer wants that is allowed and was not offered before: a
    /// peer that refuses them all comes to an end (RFC 3748 section 5.3.1).
    fn take_nak(&mut self, wanted: &[u8], context: &Context<'_>) -> Result<Vec<u8>, RejectReason> {
        self.refused.push(self.method);
        let next = wanted
            .iter()
            .filter_map(|kind| self.settings.method(Type(*kind)))
            .find(|method| !self.refused.contains(method));
        self.method = next.ok_or(RejectReason::EapMethodRefused)?;
        Ok(self.offer(context))
    }

    /// The first request of the method.
    fn offer(&mut self, context: &Context<'_>) -> Vec<u8> {
        let data = match self.method {
            EapMethod::Peap | EapMethod::Ttls | EapMethod::Tls => {
                self.stage = Stage::Start;
                fragments::START_DATA.to_vec()
            }
            EapMethod::MsChapV2 => {
                let (exchange, data) = MsChapV2::begin(context);
                self.stage = Stage::MsChapV2(exchange);
                data
            }
            EapMethod::Md5 => {
                let (md5, data) = Md5::begin(context);
                self.stage = Stage::Md5(md5);
                data
            }
        };
        packet::request(context.identifier, self.method.kind(), &data)
    }

    fn connect(&self, now: UnixSeconds) -> Result<Stage, RejectReason> {
        let demand_certificate = self.method == EapMethod::Tls;
        let connection = self.settings.connect(demand_certificate, now);
        let connection = connection.ok_or(RejectReason::TlsFailed)?;
        let tunnel = Tunnel::new(self.method.kind(), connection, self.framed_mtu);
        match self.method {
            EapMethod::Tls => Ok(Stage::Tls(Box::new(EapTls::new(tunnel)))),
            EapMethod::Ttls => Ok(Stage::Ttls(Box::new(Ttls::new(tunnel)))),
            EapMethod::Peap => Ok(Stage::Peap(Box::new(Peap::new(tunnel)))),
            EapMethod::MsChapV2 | EapMethod::Md5 => Err(RejectReason::EapProtocol),
        }
    }
}

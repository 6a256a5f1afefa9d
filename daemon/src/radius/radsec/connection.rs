//! A connection of a NAS: packets in, answers out, each at its own pace.
//!
//! A request has a place until its answer is written. Without a free place nothing more is read, so the client
//! waits in TCP, and what it can make us hold is bounded.

use std::pin::pin;
use std::sync::Arc;

use garth_radius::code::Code;
use garth_radius::radsec::Frames;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::{Answer, Client, Desks, Ended, RadSec, Request};
use crate::garthd::stop::Stop;

/// Octets of answers that are written at once.
const WRITE_LEN_MAX: usize = 16_384;

/// What a connection works with.
pub(super) struct Connection {
    pub(super) radsec: Arc<RadSec>,
    pub(super) desks: Desks,
    pub(super) client: Arc<Client>,
}

/// Serves until either side has had enough; says why.
pub(super) async fn run(
    connection: Connection,
    stream: impl AsyncRead + AsyncWrite + Send,
    stop: Stop,
) -> Ended {
    let radsec = Arc::clone(&connection.radsec);
    let (input, output) = tokio::io::split(stream);
    // A reply has a place; the room beside them is for word of the end.
    let (answers, waiting) = mpsc::channel(radsec.limits.in_flight_max + 1);
    // The reader drops its sender when it ends; the writer then ends with the last answer under way.
    let mut reading = pin!(read(connection, input, answers, stop));
    let mut writing = pin!(write(&radsec, output, waiting));
    tokio::select! {
        ended = reading.as_mut() => {
            let rest = timeout(radsec.limits.write_timeout, writing).await;
            rest.ok().flatten().unwrap_or(ended)
        }
        ended = writing.as_mut() => ended.unwrap_or(Ended::Broken),
    }
}

async fn read(
    connection: Connection,
    mut input: impl AsyncRead + Unpin,
    answers: mpsc::Sender<Answer>,
    mut stop: Stop,
) -> Ended {
    let Connection {
        radsec,
        desks,
        client,
    } = connection;
    let places = Arc::new(Semaphore::new(radsec.limits.in_flight_max));
    let mut changed = radsec.changed.subscribe();
    let mut frames = Frames::new();
    loop {
        match frames.next_packet() {
            Ok(Some(packet)) => {
                radsec.meters.request();
                let octets = packet.into();
                let desk = desks.of(packet);
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return Ended::Broken;
                };
                let request = Request {
                    octets,
                    client: Arc::clone(&client),
                    answers: answers.clone(),
                    place,
                };
                if desk.send(request).await.is_err() {
                    return Ended::Stopping;
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, source = %client.source, "a RadSec stream has lost its place");
                return Ended::Malformed;
            }
        }
        let idle = radsec.limits.idle_timeout;
        tokio::select! {
            biased;
            () = stop.wait() => return Ended::Stopping,
            _ = changed.changed() => {
                let settings = radsec.settings.load();
                if settings.nas().find_certificate(&client.certificate).is_none() {
                    tracing::info!(source = %client.source, certificate = %client.certificate, "a RadSec connection is cut: its NAS is no longer configured");
                    return Ended::Removed;
                }
            }
            octets = timeout(idle, input.read(frames.room())) => match octets {
                Err(_) => return Ended::Idle,
                Ok(Ok(0)) => return Ended::Closed,
                Ok(Ok(len)) => frames.filled(len),
                // Many close TCP without a word of TLS.
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ended::Closed,
                Ok(Err(_)) => return Ended::Broken,
            },
        }
    }
}

impl Desks {
    /// Where a packet is answered, by its code.
    fn of(&self, packet: &[u8]) -> &mpsc::Sender<Request> {
        match packet.first().copied().map(Code) {
            Some(Code::ACCOUNTING_REQUEST) => &self.accounting,
            Some(_) | None => &self.authentication,
        }
    }
}

/// Writes answers until there will be no more (`None`), or until one cannot be written.
async fn write(
    radsec: &RadSec,
    mut output: impl AsyncWrite + Unpin,
    mut answers: mpsc::Receiver<Answer>,
) -> Option<Ended> {
    let mut octets = Vec::with_capacity(WRITE_LEN_MAX);
    let mut places = Vec::with_capacity(radsec.limits.in_flight_max);
    let ended = loop {
        let Some(answer) = answers.recv().await else {
            break None;
        };
        let mut next = Some(answer);
        let mut end = None;
        while let Some(answer) = next.take() {
            match answer {
                Answer::Reply {
                    octets: reply,
                    place,
                } => {
                    octets.extend_from_slice(&reply);
                    places.push(place);
                }
                Answer::End(ended) => {
                    end = Some(ended);
                    break;
                }
            }
            if octets.len() < WRITE_LEN_MAX {
                next = answers.try_recv().ok();
            }
        }
        let written = async {
            output.write_all(&octets).await?;
            output.flush().await
        };
        match timeout(radsec.limits.write_timeout, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Some(Ended::Broken),
            Err(_) => return Some(Ended::SlowReader),
        }
        octets.clear();
        for place in places.drain(..) {
            radsec.meters.reply();
            drop(place);
        }
        if end.is_some() {
            break end;
        }
    };
    // A word of TLS at the end, so that the client knows that nothing was cut off; it may be gone.
    drop(timeout(radsec.limits.write_timeout, output.shutdown()).await);
    ended
}

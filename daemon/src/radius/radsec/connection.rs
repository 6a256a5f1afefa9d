//! A connection of a NAS: packets in, answers out, each at its own pace.
//!
//! A request has a place until its answer is written. Without a free place nothing more is read, so the client
//! waits in TCP, and what it can make us hold is bounded.

use std::pin::pin;
use std::sync::Arc;

use garth_radius::radius11::ProtocolError;
use garth_radius::radsec::Frames;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::desks::Full;
use super::{Answer, Client, Desks, Ended, RadSec, Request, worker};
use crate::garthd::stop::Stop;

/// Octets of answers that are written at once.
const WRITE_LEN_MAX: usize = 16_384;

/// What a connection works with.
pub(super) struct Connection {
    pub(super) radsec: Arc<RadSec>,
    pub(super) desks: Desks,
    pub(super) client: Arc<Client>,
    /// Word of what has changed since before the client was looked at.
    pub(super) changed: watch::Receiver<()>,
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
    let places = Arc::new(Semaphore::new(connection.radsec.limits.in_flight_max));
    let Connection {
        radsec,
        desks,
        client,
        mut changed,
    } = connection;
    let intake = Intake {
        radsec: &radsec,
        desks,
        client: &client,
        answers,
        places,
    };
    let mut frames = Frames::new();
    let idle = radsec.limits.idle_timeout;
    let mut idle_at = Instant::now() + idle;
    loop {
        match frames.next_packet() {
            Ok(Some(packet)) => {
                idle_at = Instant::now() + idle;
                match intake.take(packet).await {
                    Ok(()) => continue,
                    Err(ended) => return ended,
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, source = %client.source, "a RadSec stream has lost its place");
                return Ended::Malformed;
            }
        }
        tokio::select! {
            biased;
            () = stop.wait() => return Ended::Stopping,
            _ = changed.changed() => {
                if let Err((ended, why)) = radsec.would_admit(&client) {
                    tracing::info!(nas = %client.nas, source = %client.source, certificate = %client.certificate, reason = ended.as_str(), why = why.as_str(), "a RadSec connection is cut: it would not be let in any more");
                    return ended;
                }
            }
            octets = timeout_at(idle_at, input.read(frames.room())) => match octets {
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

/// Where the packets of a connection go.
struct Intake<'a> {
    radsec: &'a RadSec,
    desks: Desks,
    client: &'a Arc<Client>,
    answers: mpsc::Sender<Answer>,
    places: Arc<Semaphore>,
}

impl Intake<'_> {
    /// Hands a packet over once there is a place for it, and room where it goes. One with EAP does not wait for room.
    async fn take(&self, packet: &[u8]) -> Result<(), Ended> {
        let places = Arc::clone(&self.places);
        let place = places.acquire_owned().await.map_err(|_| Ended::Broken)?;
        let request = |share| Request {
            octets: packet.into(),
            client: Arc::clone(self.client),
            answers: self.answers.clone(),
            place,
            _share: share,
        };
        let room = self.desks.room(packet, &self.client.nas).await;
        self.radsec.meters.request();
        match room {
            Ok(room) => room.desk.send(request(room.share)),
            Err(Full::Eap) => {
                self.radsec.meters.eap_dropped();
                worker::fail(request(None), ProtocolError::ResourcesUnavailable);
            }
            Err(Full::Over) => return Err(Ended::Stopping),
        }
        Ok(())
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

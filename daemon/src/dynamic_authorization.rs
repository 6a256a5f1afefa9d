//! Asks a NAS to end a session (RFC 5176): one socket per request, the same octets again
//! after 1, 2 and 4 seconds.
//!
//! A fresh source port for each request makes its identifier unique without a table of
//! those in use. The number of requests under way is bounded.
//!
//! Not here: changing a session in place, and the ladder from one measure to the next.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use garth_radius::UnixSeconds;
use garth_radius::dynamic::{self, Answer, ErrorCause, RETRANSMIT_AFTER_SECONDS};
use garth_radius::nas::Nas;
use garth_radius::packet::PACKET_LEN_MAX;
use garth_store::record::Session;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

/// The most requests under way; more wait for their turn.
const UNDER_WAY_MAX: usize = 64;

/// What came of asking a NAS to end a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Disconnected {
    /// The NAS says it is done.
    Acknowledged,
    /// The NAS knows no such session: it is over.
    UnknownThere,
    /// The NAS refuses.
    Refused(Option<ErrorCause>),
    /// No answer, or none that could be verified.
    NoAnswer,
}

/// Why a NAS could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DisconnectError {
    /// The configuration does not say where.
    #[error("NAS {0} has no dynamic_authorization address in the configuration")]
    NotConfigured(Arc<str>),
    /// The request could not be written.
    #[error("the request cannot be made")]
    Request(#[from] dynamic::RequestError),
    /// The network refused.
    #[error("the request cannot be sent to {to}")]
    Network {
        /// Where to.
        to: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// Sends Disconnect-Requests.
pub(crate) struct Client {
    under_way: Semaphore,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self {
            under_way: Semaphore::new(UNDER_WAY_MAX),
        }
    }

    /// Asks `nas` to end `session`; `now` goes out as Event-Timestamp.
    ///
    /// # Errors
    /// [`DisconnectError`] where the question could not be asked; everything the NAS says is an answer.
    pub(crate) async fn disconnect(
        &self,
        nas: &Nas,
        session: &Session,
        now: UnixSeconds,
        identifier: u8,
    ) -> Result<Disconnected, DisconnectError> {
        let to = nas
            .dynamic_authorization
            .ok_or_else(|| DisconnectError::NotConfigured(Arc::clone(&nas.name)))?;
        let mut request = [0; PACKET_LEN_MAX];
        let mac = session.mac.map(|mac| mac.to_string());
        let identifiers = dynamic::Session {
            user_name: session
                .user_name
                .as_ref()
                .map(|name| name.as_str().as_bytes()),
            acct_session_id: Some(&session.key.acct_session_id),
            framed_ip_address: session.framed_ipv4,
            calling_station_id: mac.as_ref().map(String::as_bytes),
            nas_port_id: None,
            nas_ip_address: None,
            nas_identifier: None,
        };
        let sent = dynamic::encode_disconnect(
            &mut request,
            identifier,
            now,
            &identifiers,
            &nas.dialect,
            &nas.secret,
        )?;
        let _turn = self.under_way.acquire().await;
        let network = |source| DisconnectError::Network { to, source };
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await.map_err(network)?;
        socket.connect(to).await.map_err(network)?;
        for patience in RETRANSMIT_AFTER_SECONDS {
            // A refused port shows as an error of the next call; the NAS may be starting: ask again.
            if let Err(error) = socket
                .send(request.get(..sent.len).unwrap_or_default())
                .await
            {
                tracing::debug!(%error, nas = %nas.name, "a Disconnect-Request was not taken");
            }
            let answer =
                tokio::time::timeout(Duration::from_secs(patience), answer(&socket, &sent, nas))
                    .await;
            match answer {
                Ok(Answer::Ack) => return Ok(Disconnected::Acknowledged),
                Ok(Answer::Nak(Some(ErrorCause::SessionContextNotFound))) => {
                    return Ok(Disconnected::UnknownThere);
                }
                Ok(Answer::Nak(cause)) => return Ok(Disconnected::Refused(cause)),
                Err(_) => {}
            }
        }
        Ok(Disconnected::NoAnswer)
    }
}

/// The first verified answer; whatever else arrives is ignored.
async fn answer(socket: &UdpSocket, sent: &dynamic::Sent, nas: &Nas) -> Answer {
    let mut buffer = [0; PACKET_LEN_MAX];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(len) => match sent.answer(buffer.get(..len).unwrap_or_default(), &nas.secret) {
                Ok(answer) => return answer,
                Err(error) => tracing::debug!(%error, nas = %nas.name, "a datagram is no answer"),
            },
            // ICMP says that nobody listens: there will be no answer to this transmission.
            Err(_) => std::future::pending().await,
        }
    }
}

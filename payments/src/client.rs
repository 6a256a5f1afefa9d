//! One HTTP/1.1 request over a connection of its own, with a bound on everything.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// From connecting to the last octet of the answer.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in octets.
const ANSWER_LEN_MAX: usize = 256 * 1_024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    #[error("HTTP failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer broke off or is too long")]
    Answer,
    #[error("no answer within {} s", EXCHANGE_TIMEOUT.as_secs())]
    Timeout,
}

/// Sends `request` (with a path for its URI) to `authority`, `host:port`.
pub(crate) async fn exchange(
    authority: &str,
    mut request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), ClientError> {
    let host = HeaderValue::from_str(authority).map_err(|_| ClientError::Answer)?;
    request.headers_mut().insert(header::HOST, host);
    let exchange = async {
        let stream = TcpStream::connect(authority).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // An error of the connection reaches the sender as well; the set ends it when dropped.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LEN_MAX)
                .collect()
                .await
                .map_err(|_| ClientError::Answer)?;
            Ok((status, body.to_bytes()))
        }
        .await;
        drop(driver);
        answer
    };
    match tokio::time::timeout(EXCHANGE_TIMEOUT, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(ClientError::Timeout),
    }
}

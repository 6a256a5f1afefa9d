//! HTTP over the unix socket: one connection per request.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::failure::Failure;
use super::zone::Zone;
use crate::admin::Problem;

/// The largest answer that is no stream, in octets: a page at its fullest.
const ANSWER_LEN_MAX: usize = 64 << 20;

/// A body of a request.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The daemon at a socket.
pub(super) struct Client {
    socket: PathBuf,
    zone: Zone,
}

impl Client {
    pub(super) const fn new(socket: PathBuf, zone: Zone) -> Self {
        Self { socket, zone }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "map_err hands errors over by value"
    )]
    fn unreachable(&self, why: impl ToString) -> Failure {
        Failure::Unreachable {
            socket: self.socket.clone(),
            why: why.to_string(),
        }
    }

    /// Sends a request; an answer that is a problem is a failure.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                Failure::SocketDenied(self.socket.clone())
            } else {
                self.unreachable(error)
            }
        })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(error))?;
        tokio::spawn(connection);
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| self.unreachable(error))?;
        self.zone.learn(response.headers());
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let octets = self.collect(response).await?;
        let problem: Problem = serde_json::from_slice(&octets)
            .map_err(|_| Failure::Answer(format!("status {status} without a problem")))?;
        Err(Failure::Refused(problem))
    }

    async fn collect(&self, response: Response<Incoming>) -> Result<Bytes, Failure> {
        match Limited::new(response.into_body(), ANSWER_LEN_MAX)
            .collect()
            .await
        {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::Answer(format!(
                "it is longer than {ANSWER_LEN_MAX} octets"
            ))),
            Err(error) => Err(self.unreachable(error)),
        }
    }

    /// Asks for a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Failure> {
        let request = path.request("GET", None, empty())?;
        let response = self.send(request).await?;
        read(&self.collect(response).await?)
    }

    /// Sends a document and reads the answer.
    pub(super) async fn send_json<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &Path,
        document: &impl Serialize,
    ) -> Result<T, Failure> {
        let octets = serde_json::to_vec(document).map_err(io::Error::from)?;
        let body = Full::from(octets)
            .map_err(|never| match never {})
            .boxed_unsync();
        let request = path.request(method, Some("application/json"), body)?;
        let response = self.send(request).await?;
        read(&self.collect(response).await?)
    }

    /// Reads the next piece of a streamed answer.
    pub(super) async fn next_chunk(
        &self,
        response: &mut Response<Incoming>,
    ) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.map_err(|error| self.unreachable(error))?;
            if let Ok(chunk) = frame.into_data() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

fn read<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(octets).map_err(|error| Failure::Answer(error.to_string()))
}

/// No body.
pub(super) fn empty() -> Body {
    Full::from(Bytes::new())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A path with its parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    path: String,
    query: Vec<(&'static str, String)>,
    command_id: Option<String>,
}

impl Path {
    /// The path of `segments`, each encoded.
    pub(super) fn of(segments: &[&str]) -> Self {
        let mut path = String::new();
        for segment in segments {
            path.push('/');
            for octet in segment.bytes() {
                if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'~') {
                    path.push(char::from(octet));
                } else {
                    path.push_str(&format!("%{octet:02X}"));
                }
            }
        }
        Self {
            path,
            ..Self::default()
        }
    }

    /// With a parameter, if it has a value.
    #[must_use]
    pub(super) fn with(mut self, key: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (key, value.to_string())));
        self
    }

    /// With what every change takes.
    #[must_use]
    pub(super) fn change(mut self, change: &super::args::Change) -> Self {
        self.command_id.clone_from(&change.command_id);
        self.with("dry_run", change.dry_run.then_some(true))
    }

    pub(super) fn request(
        &self,
        method: &str,
        media_type: Option<&str>,
        body: Body,
    ) -> Result<Request<Body>, Failure> {
        let mut uri = self.path.clone();
        if !self.query.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&self.query);
            uri.push('?');
            uri.push_str(&query.finish());
        }
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::HOST, "localhost");
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        if let Some(command_id) = &self.command_id {
            request = request.header("idempotency-key", command_id);
        }
        request
            .body(body)
            .map_err(|error| Failure::Usage(error.to_string()))
    }
}

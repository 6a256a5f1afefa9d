//! Bodies: read with a bound, answered as JSON, streamed as JSON Lines.

use std::io;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::channel::Channel;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The largest body of a command, in octets; imports stream and have a bound per line.
pub(crate) const BODY_LEN_MAX: usize = 1 << 20;
/// How many chunks of an answer wait for a slow reader before the work waits too.
const CHUNKS_WAITING_MAX: usize = 8;

/// Any body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The way to send a streamed answer.
pub(crate) type Sender = http_body_util::channel::Sender<Bytes, io::Error>;

/// The media type of JSON Lines.
pub(crate) const JSON_LINES: &str = "application/jsonl";

/// Reads a body of at most [`BODY_LEN_MAX`] octets as JSON; none at all is `{}`.
pub(crate) async fn read_json<T: DeserializeOwned>(body: Incoming) -> Result<T, Problem> {
    let octets = match Limited::new(body, BODY_LEN_MAX).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Problem::too_large(BODY_LEN_MAX));
        }
        Err(error) => return Err(Problem::malformed(error)),
    };
    let octets: &[u8] = if octets.is_empty() { b"{}" } else { &octets };
    serde_json::from_slice(octets).map_err(|error| Problem::malformed(format!("body: {error}")))
}

/// A whole JSON document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(document).expect("wire structs have text keys");
    with_type(status, "application/json", whole(text))
}

/// A document that was done well.
pub(crate) fn ok(document: &impl Serialize) -> Response<Body> {
    json(StatusCode::OK, document)
}

/// A refusal.
pub(crate) fn refusal(problem: &Problem) -> Response<Body> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = serde_json::to_vec(problem).expect("a problem is plain text");
    with_type(status, Problem::MEDIA_TYPE, whole(text))
}

/// An answer in JSON Lines, sent while it is made.
pub(crate) fn stream() -> (Sender, Response<Body>) {
    let (sender, channel) = Channel::new(CHUNKS_WAITING_MAX);
    let response = with_type(StatusCode::OK, JSON_LINES, channel.boxed_unsync());
    (sender, response)
}

/// Appends `document` as one line.
pub(crate) fn push_line(chunk: &mut Vec<u8>, document: &impl Serialize) {
    serde_json::to_writer(&mut *chunk, document).expect("wire structs have text keys");
    chunk.push(b'\n');
}

fn whole(text: Vec<u8>) -> Body {
    Full::from(text)
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn with_type(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

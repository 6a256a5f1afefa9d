//! The wire vectors of `radius/vectors/`. `UPDATE_VECTORS=1` rewrites what they expect; review the diff.

#[path = "../../vectors/load.rs"]
mod load;

use std::collections::BTreeSet;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{Secret, response_authenticator_is_right};
use garth_radius::dialect::Dialect;
use garth_radius::dynamic::{Answer, Changes, Sent, Session, encode_change, encode_disconnect};
use garth_radius::nas::MessageAuthenticatorPolicy::{Off, Require};
use garth_radius::packet::{PACKET_LEN_MAX, Packet};
use garth_radius::radsec::Frames;
use garth_radius::server::{AccountVerdict, Outcome, Server, Unknown, Verdict};

use crate::dialects::STATES;
use crate::support::{Book, NOW, dump, hex, nas, settings, source};
use load::{Port, Vector};

/// What becomes of a vector, as one line.
fn result(vector: &Vector) -> String {
    match vector.port() {
        Port::Auth => authenticated(vector),
        Port::Acct => accounted(vector),
        Port::CoaAnswer => read_answer(vector),
        Port::Radsec => read_stream(vector),
        Port::Nas => dump(&told(vector)).join(" "),
    }
}

/// What its dialect says.
fn told(vector: &Vector) -> Vec<u8> {
    let text = |key| vector.text(key).unwrap();
    let name = vector.name();
    assert_eq!(name, format!("{}-{}", text("dialect"), text("state")));
    let dialect = Dialect::by_name(&text("dialect")).unwrap_or_else(|| panic!("{name}"));
    let said = crate::dialects::said(&dialect, &text("state"), &secret(vector));
    said.unwrap_or_else(|| panic!("{name} is not said"))
}

fn secret(vector: &Vector) -> Secret {
    Secret::new(vector.text("secret").unwrap().as_bytes()).unwrap()
}

fn server(vector: &Vector) -> Server {
    let policy = match vector.text("policy").as_deref() {
        Some("off") => Off,
        Some("require") => Require,
        other => panic!("{}: policy {other:?}", vector.name()),
    };
    let mut nas = nas(policy, Dialect::generic());
    nas.secret = secret(vector);
    Server::new(settings(nas, Unknown::Reject), 1)
}

fn authenticated(vector: &Vector) -> String {
    let request = vector.octets("request").unwrap();
    let mut reply = [0; PACKET_LEN_MAX];
    match server(vector).authenticate(NOW, source(), &request, &Book::default(), &mut reply) {
        Verdict::Reply { len, outcome } => answered(outcome, &reply[..len]),
        Verdict::Drop(reason) => format!("drop {}", reason.as_str()),
    }
}

fn accounted(vector: &Vector) -> String {
    let request = vector.octets("request").unwrap();
    let mut reply = [0; PACKET_LEN_MAX];
    match server(vector).account(NOW, source(), &request, &mut reply) {
        AccountVerdict::Reply { len, outcome } => answered(outcome, &reply[..len]),
        AccountVerdict::Drop(reason) => format!("drop {}", reason.as_str()),
        AccountVerdict::Record {
            record, reply_len, ..
        } => {
            let text = |octets: Option<&[u8]>| {
                octets.map_or_else(|| "-".into(), |octets| octets.escape_ascii().to_string())
            };
            format!(
                "record {:?} session {} user {} input {} output {}; {}",
                record.status_type,
                text(record.acct_session_id),
                text(record.user_name),
                record.input_octets,
                record.output_octets,
                dump(&reply[..reply_len]).join(" "),
            )
        }
    }
}

/// What is made of the answer, after the request was made a second time: it must be the very octets.
fn read_answer(vector: &Vector) -> String {
    let request = vector.octets("request").unwrap();
    let mut buffer = [0; PACKET_LEN_MAX];
    let sent = sent(&mut buffer, &request, &secret(vector));
    assert_eq!(hex(&buffer[..sent.len]), hex(&request), "{}", vector.name());
    match sent.answer(&vector.octets("answer").unwrap(), &secret(vector)) {
        Ok(Answer::Ack) => "ack".into(),
        Ok(Answer::Nak(None)) => "nak".into(),
        Ok(Answer::Nak(Some(cause))) => format!("nak {}", cause.number()),
        Err(error) => format!("ignored: {error}"),
    }
}

/// The lengths of the packets of a stream, and how it ends.
fn read_stream(vector: &Vector) -> String {
    let mut frames = Frames::new();
    let stream = vector.octets("stream").unwrap();
    frames.room()[..stream.len()].copy_from_slice(&stream);
    frames.filled(stream.len());
    let mut words = Vec::new();
    let end = loop {
        match frames.next_packet() {
            Ok(Some(packet)) => words.push(format!("packet {}", packet.len())),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    words.push(match end {
        Ok(()) if frames.is_between_packets() => "between".into(),
        Ok(()) => "inside".into(),
        Err(error) => format!("over: {error}"),
    });
    words.join(", ")
}

/// Encodes the request again from what it says.
fn sent(buffer: &mut [u8], request: &[u8], secret: &Secret) -> Sent {
    let packet = Packet::decode(request).unwrap();
    let value = |kind| packet.find(kind).map(|attribute| attribute.value);
    let timestamp = packet.find(AttributeType::EVENT_TIMESTAMP).unwrap();
    let timestamp = UnixSeconds(timestamp.integer().unwrap().into());
    let session = Session {
        user_name: value(AttributeType::USER_NAME),
        acct_session_id: value(AttributeType::ACCT_SESSION_ID),
        ..Session::default()
    };
    let identifier = packet.identifier();
    let dialect = Dialect::generic();
    if packet.code() == Code::DISCONNECT_REQUEST {
        return encode_disconnect(buffer, identifier, timestamp, &session, &dialect, secret)
            .unwrap();
    }
    let nothing = Changes::default();
    encode_change(
        buffer, identifier, timestamp, &session, &dialect, &nothing, secret,
    )
    .unwrap()
}

fn answered(outcome: Outcome, reply: &[u8]) -> String {
    let reason = match outcome {
        Outcome::Reject(reason) => format!(" {}", reason.as_str()),
        Outcome::AcceptFull
        | Outcome::AcceptGarden
        | Outcome::AcceptUnknown
        | Outcome::Duplicate
        | Outcome::Challenge
        | Outcome::StatusServer => String::new(),
    };
    format!("{}{reason}; {}", outcome.as_str(), dump(reply).join(" "))
}

#[test]
fn every_vector_is_answered_as_expected() {
    let update = std::env::var_os("UPDATE_VECTORS").is_some();
    let mut vectors = Vector::all();
    assert!(!vectors.is_empty());
    for vector in &mut vectors {
        let result = result(vector);
        let packet = (vector.port() == Port::Nas).then(|| told(vector));
        let expected = vector.text("expect").unwrap_or_default();
        if update {
            vector.rewrite(result.trim_end(), packet.as_deref());
        } else {
            assert_eq!(result.trim_end(), expected, "{}", vector.name());
            assert_eq!(packet, vector.octets("packet"), "{}", vector.name());
        }
    }
}

#[test]
fn everything_that_a_dialect_says_is_a_vector() {
    let all = Vector::all();
    let of_a_nas = all.iter().filter(|vector| vector.port() == Port::Nas);
    let found: BTreeSet<_> = of_a_nas.map(Vector::name).collect();
    let mut said = BTreeSet::new();
    for dialect in Dialect::BUILT_IN {
        for state in STATES {
            if crate::dialects::said(&dialect, state, &crate::support::secret()).is_some() {
                said.insert(format!("{}-{state}", dialect.name));
            }
        }
    }
    assert_eq!(found, said);
}

#[test]
fn every_response_of_a_standard_is_verified() {
    let mut count = 0;
    for vector in Vector::all() {
        let Some(response) = vector.octets("response") else {
            continue;
        };
        let request = vector.octets("request").unwrap();
        let authenticator = Packet::decode(&request).unwrap().authenticator();
        let secret = secret(&vector);
        let response = Packet::decode(&response).unwrap();
        assert!(
            response_authenticator_is_right(&response, authenticator, &secret),
            "{}",
            vector.name()
        );
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn vector_that_is_not_written_as_its_port_demands_is_refused() {
    let good = "source: s\nport: acct\npolicy: off\nsecret: s\nrequest:\n  04 ab\nexpect: drop\n";
    let read = |text: &str| Vector::parse("v.txt".into(), text).map(|_| ());
    assert_eq!(read(good), Ok(()));
    for (from, to, error) in [
        ("port: acct", "port: tea", "v.txt: port \"tea\""),
        ("source: s\n", "", "v.txt: no source"),
        ("  04 ab\n", "  04 a\n", "v.txt: request is not hexadecimal"),
        (
            "  04 ab\n",
            "  04 +b\n",
            "v.txt: request is not hexadecimal",
        ),
        ("policy", "polcy", "v.txt: no policy"),
        (
            "expect",
            "answer: 00\nexpect",
            "v.txt: \"answer\" does not belong here",
        ),
        ("expect", "secret: t\nexpect", "v.txt: secret twice"),
    ] {
        assert_eq!(read(&good.replace(from, to)), Err(error.into()));
    }
}

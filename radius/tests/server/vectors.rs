//! The wire vectors of `radius/vectors/`. `UPDATE_VECTORS=1` rewrites what they expect; review the diff.

#[path = "../../vectors/load.rs"]
mod load;

use garth_radius::crypto::{Secret, response_authenticator_is_right};
use garth_radius::dialect::Dialect;
use garth_radius::nas::MessageAuthenticatorPolicy::{Off, Require};
use garth_radius::packet::{PACKET_LEN_MAX, Packet};
use garth_radius::server::{AccountVerdict, Outcome, Server, Unknown, Verdict};

use crate::support::{Book, NOW, dump, nas, settings, source};
use load::Vector;

/// What the server makes of a vector, as one line.
fn result(vector: &Vector) -> String {
    let policy = match vector.text("policy").as_deref() {
        Some("off") => Off,
        Some("require") => Require,
        other => panic!("{}: policy {other:?}", vector.path.display()),
    };
    let mut nas = nas(policy, Dialect::generic());
    nas.secret = Secret::new(vector.text("secret").unwrap().as_bytes()).unwrap();
    let mut server = Server::new(settings(nas, Unknown::Reject), 1);
    let request = vector.octets("request").unwrap();
    let mut reply = [0; PACKET_LEN_MAX];
    if vector.text("port").as_deref() == Some("auth") {
        match server.authenticate(NOW, source(), &request, &Book::default(), &mut reply) {
            Verdict::Reply { len, outcome } => answered(outcome, &reply[..len]),
            Verdict::Drop(reason) => format!("drop {}", reason.as_str()),
        }
    } else {
        match server.account(NOW, source(), &request, &mut reply) {
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
        let expected = vector.text("expect").unwrap_or_default();
        if update {
            vector.rewrite(result.trim_end());
        } else {
            assert_eq!(result.trim_end(), expected, "{}", vector.path.display());
        }
    }
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
        let secret = Secret::new(vector.text("secret").unwrap().as_bytes()).unwrap();
        let response = Packet::decode(&response).unwrap();
        assert!(
            response_authenticator_is_right(&response, authenticator, &secret),
            "{}",
            vector.path.display()
        );
        count += 1;
    }
    assert_eq!(count, 3);
}

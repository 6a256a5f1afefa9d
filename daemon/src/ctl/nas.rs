//! `garthctl nas`: the devices of the configuration, and what they answer.

use serde_json::Value;

use super::args::Nas;
use super::client::{Client, Path};
use super::failure::Failure;
use super::output::Output;
use crate::admin::wire::{NasBody, NasDetailBody, ProbeBody, ProbedBody};

pub(super) async fn run(verb: Nas, client: &Client, output: &mut Output) -> Result<(), Failure> {
    match verb {
        Nas::List => {
            let all: Vec<NasBody> = client.get(&Path::of(&["v1", "nas"])).await?;
            if output.is_json() {
                return output.json(&all);
            }
            list(&all, output)
        }
        Nas::Show { name } => {
            let one: NasDetailBody = client.get(&Path::of(&["v1", "nas", &name])).await?;
            if output.is_json() {
                return output.json(&one);
            }
            show(&one, output)
        }
        Nas::Probe { name, address } => {
            let path = Path::of(&["v1", "nas", &name, "probe"]).with("address", address);
            let probes: Vec<ProbeBody> = client.send_json("POST", &path, &Value::Null).await?;
            if output.is_json() {
                output.json(&probes)?;
            } else {
                for probe in &probes {
                    probed(probe, output)?;
                }
            }
            if probes.iter().all(|probe| probe.usable) {
                return Ok(());
            }
            output.flush()?;
            Err(Failure::Nas(name))
        }
    }
}

fn list(all: &[NasBody], output: &mut Output) -> Result<(), Failure> {
    if all.is_empty() {
        return output.line("the configuration has no [[nas]]");
    }
    let zone = output.zone();
    let header = [
        "NAME",
        "KNOWN BY",
        "DIALECT",
        "TRANSPORT",
        "SIGNED",
        "ASKED AT",
        "SESSIONS",
        "LAST RECORD",
        "ACK",
        "NAK",
        "SILENT",
        "BLOCKED",
        "OPEN",
    ];
    let rows = all.iter().map(|nas| {
        vec![
            nas.name.clone(),
            known_by(nas),
            nas.dialect.clone(),
            transport(nas),
            signed(nas),
            nas.dynamic_authorization.clone().unwrap_or_default(),
            nas.live_sessions.to_string(),
            nas.last_record_at
                .as_ref()
                .map_or(String::new(), |at| zone.when(at)),
            nas.requests.acknowledged.to_string(),
            nas.requests.refused.to_string(),
            nas.requests.unanswered.to_string(),
            nas.paid_but_blocked.to_string(),
            nas.walled_but_open.to_string(),
        ]
    });
    output.table(&header, rows)
}

/// Its prefix, its certificate, or both.
fn known_by(nas: &NasBody) -> String {
    let both = [&nas.address, &nas.certificate];
    let known: Vec<&str> = both.into_iter().flatten().map(String::as_str).collect();
    known.join(", ")
}

/// `udp`, or `radsec (2 connections)`.
fn transport(nas: &NasBody) -> String {
    match (&nas.certificate, nas.radsec_connections) {
        (None, _) => nas.transport.clone(),
        (Some(_), 1) => format!("{} (1 connection)", nas.transport),
        (Some(_), count) => format!("{} ({count} connections)", nas.transport),
    }
}

/// `auto, proven`: what it must prove, and that it has.
fn signed(nas: &NasBody) -> String {
    let proven = if nas.message_authenticator_proven {
        ", proven"
    } else {
        ""
    };
    format!("{}{proven}", nas.message_authenticator)
}

fn show(one: &NasDetailBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let nas = &one.nas;
    output.pairs([
        ("name", nas.name.clone()),
        ("known by", known_by(nas)),
        ("dialect", nas.dialect.clone()),
        ("transport", transport(nas)),
        ("Message-Authenticator", signed(nas)),
        (
            "CoA and Disconnect to",
            nas.dynamic_authorization
                .clone()
                .unwrap_or_else(|| "nobody: dynamic_authorization is not set".to_owned()),
        ),
        ("live sessions", nas.live_sessions.to_string()),
        (
            "last record",
            nas.last_record_at
                .as_ref()
                .map_or(String::new(), |at| zone.when(at)),
        ),
        ("acknowledged", nas.requests.acknowledged.to_string()),
        ("refused", nas.requests.refused.to_string()),
        ("unanswered", nas.requests.unanswered.to_string()),
        ("paid but blocked", nas.paid_but_blocked.to_string()),
        ("walled but open", nas.walled_but_open.to_string()),
        ("sessions named by", one.identify_by.join(", ")),
    ])?;
    for (heading, attributes) in [
        ("Access-Accept, full (an example's rates)", &one.accept_full),
        ("Access-Accept, garden", &one.accept_garden),
        ("CoA-Request, out of the garden", &one.coa_full),
        ("CoA-Request, into the garden", &one.coa_garden),
    ] {
        if !attributes.is_empty() {
            output.line("")?;
            output.line(heading)?;
        }
        for attribute in attributes {
            output.line(format!("  {attribute}"))?;
        }
    }
    if one.coa_full.is_empty() {
        output.line("")?;
        output
            .line("There is no CoA in this dialect: a session is ended by a Disconnect-Request.")?;
    }
    Ok(())
}

fn probed(probe: &ProbeBody, output: &mut Output) -> Result<(), Failure> {
    let verdict = if probe.usable { "ok" } else { "ALARM" };
    output.line(format!("{verdict}: NAS {} at {}", probe.nas, probe.to))?;
    output.pairs([
        ("Disconnect-Request", answer(&probe.disconnect)),
        ("CoA-Request", answer(&probe.coa)),
    ])?;
    for sentence in &probe.text {
        output.line(sentence)?;
    }
    Ok(())
}

/// `NAK 503 Session Context Not Found, after 3 ms`.
fn answer(probed: &ProbedBody) -> String {
    let millis = probed.millis;
    match probed.answer.as_str() {
        "ack" => format!("ACK, after {millis} ms"),
        "nak" => {
            let name = probed.error_cause_name.as_deref().unwrap_or_default();
            match probed.error_cause {
                Some(cause) => format!("NAK {cause} {name}, after {millis} ms"),
                None => format!("NAK without an Error-Cause, after {millis} ms"),
            }
        }
        "silence" => format!(
            "nothing: asked {} times in {} s",
            probed.attempts,
            millis / 1_000
        ),
        _ => format!("not sent: {}", probed.detail.as_deref().unwrap_or_default()),
    }
}

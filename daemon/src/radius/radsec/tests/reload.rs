//! What a reload does to those who are connected: they stay where they would be let in now.

use std::io::{Read, Write};
use std::sync::Arc;

use garth_radius::code::Code;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::super::{Ended, Refused};
use super::packets::{code_of, pap, pap11};
use super::world::{Authority, Connected, LONG, Offer, SERVER, World, settings, tls, tls_revoking};
use crate::config::Radius11;

async fn is_served(connected: &mut Connected) {
    let request = pap(1, "alice", "wonderland");
    let reply = connected.ask(&request).await;
    assert_eq!(code_of(&reply, &request), Code::ACCESS_ACCEPT);
}

async fn is_served_11(connected: &mut Connected) {
    let reply = connected.ask(&pap11(1, "alice", "wonderland")).await;
    assert_eq!(reply[0], Code::ACCESS_ACCEPT.0);
}

/// The connection is over, and it is counted why.
async fn is_cut(world: &World, connected: &mut Connected, reason: &str) {
    assert_eq!(connected.receive().await, None, "{reason}");
    world.counted(&format!("radsec_ended_{reason}"), 1).await;
}

#[tokio::test]
async fn n7_reload_cuts_the_nas_that_is_gone_and_leaves_the_others() {
    let world = World::new().await;
    let mut bng = world.bng11().await;
    let dsl = Offer::of(world.authority.issue(&["dsl.example.net"]));
    let mut dsl = world.connect(&dsl).await.unwrap();
    is_served(&mut dsl).await;
    let left = settings(&[("bng", "bng.example.net")]);
    world.radsec.settings.store(Arc::new(left));
    world.radsec.reloaded(None);
    is_cut(&world, &mut dsl, "removed").await;
    is_served_11(&mut bng).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_reload_cuts_the_nas_whose_certificate_is_anothers_now() {
    let identity = |world: &World| world.authority.issue(&["bng.example.net", "x.example.net"]);
    for entries in [
        // It goes by another name; its name is that of another one; it could be either; another one has it pinned.
        &[("bng", "next.example.net")][..],
        &[("other", "bng.example.net")],
        &[("bng", "bng.example.net"), ("x", "x.example.net")],
        &[("bng", "bng.example.net"), ("pinned", "FINGERPRINT")],
    ] {
        let world = World::new().await;
        let offer = Offer::of(identity(&world));
        let mut bng = world.connect(&offer).await.unwrap();
        is_served(&mut bng).await;
        let fingerprint = offer.identity.as_ref().unwrap().fingerprint();
        let entries: Vec<(&str, &str)> = entries
            .iter()
            .map(|(name, by)| match *by {
                "FINGERPRINT" => (*name, &*fingerprint),
                by => (*name, by),
            })
            .collect();
        world.radsec.settings.store(Arc::new(settings(&entries)));
        world.radsec.reloaded(None);
        is_cut(&world, &mut bng, "removed").await;
        world.stop().await;
    }
}

#[tokio::test]
async fn n7_reload_cuts_those_whose_authority_is_gone() {
    let mut world = World::new().await;
    let mut before = world.bng().await;
    is_served(&mut before).await;
    let other = Authority::new("The next authority");
    world.radsec.reloaded(Some(tls(&other, Radius11::Allow)));
    is_cut(&world, &mut before, "untrusted").await;
    let old = Offer::of(world.authority.issue(&["bng.example.net"]));
    assert!(
        world.connect(&old).await.is_err(),
        "it does not know our authority"
    );
    world.authority = other;
    is_served(&mut world.bng().await).await;
    world.stop().await;
}

#[tokio::test]
async fn n7_reload_cuts_whose_certificate_is_revoked_and_leaves_the_others() {
    let world = World::new().await;
    let [dismissed, kept] = [(); 2].map(|()| world.authority.issue(&["bng.example.net"]));
    let list = world.authority.revoke(&[&dismissed]);
    let mut dismissed = world.connect(&Offer::of(dismissed)).await.unwrap();
    let mut kept = world.connect(&Offer::of(kept)).await.unwrap();
    is_served(&mut dismissed).await;
    is_served(&mut kept).await;
    let revoking = tls_revoking(&world.authority, Radius11::Allow, vec![list]);
    world.radsec.reloaded(Some(revoking));
    is_cut(&world, &mut dismissed, "untrusted").await;
    is_served(&mut kept).await;
    world.stop().await;
}

/// A certificate of an authority between, of which no list tells, and of a NAS that is gone.
#[tokio::test]
async fn n7_connection_of_whose_certificate_no_list_tells_stays_until_its_nas_is_gone() {
    let world = World::new().await;
    let (between, chain) = world.authority.between();
    let mut identity = between.issue(&["bng.example.net"]);
    identity.above = vec![chain];
    let offer = Offer::of(identity);
    let mut bng = world.connect(&offer).await.unwrap();
    is_served(&mut bng).await;
    let list = world.authority.revoke(&[]);
    let revoking = tls_revoking(&world.authority, Radius11::Allow, vec![list]);
    world.radsec.reloaded(Some(revoking));
    is_served(&mut bng).await;
    assert_eq!(world.connect(&offer).await.unwrap().receive().await, None);
    world.counted("radsec_refused_revocation_unknown", 1).await;
    let other = settings(&[("other", "other.example.net")]);
    world.radsec.settings.store(Arc::new(other));
    world.radsec.reloaded(None);
    is_cut(&world, &mut bng, "removed").await;
    world.stop().await;
}

/// The store says 2026-11-21 12:00, whatever the clock of the machine says.
#[tokio::test]
async fn n7_reload_judges_certificates_by_the_time_of_the_store() {
    let world = World::new().await;
    let would_admit = |from: u64, until: u64| {
        let identity = world
            .authority
            .issue_within(&["bng.example.net"], from, until);
        let client = world.client(vec![identity.certificate]);
        world.radsec.would_admit(&client)
    };
    assert_eq!(would_admit(11, 13), Ok(()));
    let expired = Err((Ended::Untrusted, Refused::Expired));
    assert_eq!(would_admit(10, 11), expired);
    assert_eq!(would_admit(13, 14), expired);
    world.stop().await;
}

#[tokio::test]
async fn n7_end_at_a_reload_says_what_a_new_connection_would_be_refused_for() {
    let world = World::new().await;
    let identity = world.authority.issue(&["bng.example.net"]);
    let list = world.authority.revoke(&[&identity]);
    let client = world.client(vec![identity.certificate]);
    assert_eq!(world.radsec.would_admit(&client), Ok(()));
    let revoking = tls_revoking(&world.authority, Radius11::Allow, vec![list]);
    world.radsec.reloaded(Some(revoking));
    let revoked = Err((Ended::Untrusted, Refused::Revoked));
    assert_eq!(world.radsec.would_admit(&client), revoked);
    let other = tls(&Authority::new("The next authority"), Radius11::Allow);
    world.radsec.reloaded(Some(other));
    let untrusted = Err((Ended::Untrusted, Refused::Untrusted));
    assert_eq!(world.radsec.would_admit(&client), untrusted);
    world.stop().await;
}

#[tokio::test]
async fn n7_reload_cuts_those_who_speak_what_is_no_longer_spoken() {
    for (setting, historic_stays) in [(Radius11::Require, false), (Radius11::Forbid, true)] {
        let world = World::new().await;
        let (mut historic, mut v11) = (world.bng().await, world.bng11().await);
        is_served(&mut historic).await;
        is_served_11(&mut v11).await;
        let changed = tls(&world.authority, setting);
        world.radsec.reloaded(Some(changed));
        if historic_stays {
            is_cut(&world, &mut v11, "other_version").await;
            is_served(&mut historic).await;
        } else {
            is_cut(&world, &mut historic, "other_version").await;
            is_served_11(&mut v11).await;
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn n7_reload_that_changes_nothing_cuts_nobody() {
    let world = World::new().await;
    let (mut historic, mut v11) = (world.bng().await, world.bng11().await);
    for _ in 0..3 {
        let same = tls(&world.authority, Radius11::Allow);
        world.radsec.reloaded(Some(same));
        is_served(&mut historic).await;
        is_served_11(&mut v11).await;
    }
    world.stop().await;
}

/// The server has chosen its configuration, and so whom it trusts, when it answers a ClientHello.
#[tokio::test]
async fn n7_reload_in_the_middle_of_a_handshake_is_not_missed() {
    let world = World::new().await;
    let offer = Offer::of(world.authority.issue(&["bng.example.net"]));
    let config = Arc::new(offer.config(&world.authority));
    let name = ServerName::try_from(SERVER).unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
    let address = world.address;
    let (mut client, mut stream) = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        client.write_tls(&mut stream).unwrap();
        // What is left is to send the last of its messages.
        while client.is_handshaking() {
            assert!(client.read_tls(&mut stream).unwrap() > 0);
            client.process_new_packets().unwrap();
        }
        (client, stream)
    })
    .await
    .unwrap();
    let other = Authority::new("The next authority");
    world.radsec.reloaded(Some(tls(&other, Radius11::Allow)));
    let closed = tokio::task::spawn_blocking(move || {
        while client.wants_write() {
            client.write_tls(&mut stream).unwrap();
        }
        stream.flush().unwrap();
        drop(stream.read_to_end(&mut Vec::new()));
    });
    closed.await.unwrap();
    world.counted("radsec_ended_untrusted", 1).await;
    world.stop().await;
}

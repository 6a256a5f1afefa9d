//! Who is let in, and which version is spoken.

use garth_radius::code::Code;
use std::sync::Arc;

use super::super::Limits;
use super::packets::{code_of, pap};
use super::world::{Authority, Connected, Identity, Offer, World, settings, tls_revoking};
use crate::config::Radius11;

/// Whether a client with this is answered; else it was refused, and its connection closed.
async fn is_answered(world: &World, offer: &Offer) -> bool {
    let Ok(mut connected) = world.connect(offer).await else {
        return false;
    };
    let request = pap(1, "alice", "wonderland");
    // The server may have closed before it hears all of it.
    drop(tokio::io::AsyncWriteExt::write_all(&mut connected.0, &request).await);
    drop(tokio::io::AsyncWriteExt::flush(&mut connected.0).await);
    match connected.receive().await {
        Some(reply) => {
            assert_eq!(code_of(&reply, &request), Code::ACCESS_ACCEPT);
            true
        }
        None => false,
    }
}

async fn is_refused(world: &World, identity: Option<Identity>, reason: &str) {
    let name = format!("radsec_refused_{reason}");
    let before = world.count(&name);
    let mut offer = Offer {
        identity,
        alpn: &[],
        tls12: false,
    };
    for (nth, tls12) in [(1, false), (2, true)] {
        offer.tls12 = tls12;
        assert!(
            !is_answered(world, &offer).await,
            "{reason}, TLS 1.2: {tls12}"
        );
        world.counted(&name, before + nth).await;
    }
}

#[tokio::test]
async fn n7_only_a_certificate_of_our_authority_for_one_nas_is_let_in() {
    let world = World::new().await;
    let issue = |names: &[&str]| Some(world.authority.issue(names));
    is_refused(&world, None, "no_certificate").await;
    let stranger = Authority::new("Another").issue(&["bng.example.net"]);
    is_refused(&world, Some(stranger), "untrusted_certificate").await;
    let expired = world.authority.issue_until(&["bng.example.net"], 2020);
    is_refused(&world, Some(expired), "expired_certificate").await;
    // The common name of each is that of a NAS, and counts for nothing.
    for names in [&["other.example.net"][..], &["*.example.net"], &[]] {
        is_refused(&world, issue(names), "unknown_nas").await;
    }
    let both = issue(&["bng.example.net", "dsl.example.net"]);
    is_refused(&world, both, "ambiguous_nas").await;
    assert_eq!(world.count("radsec_connections"), 0);
    for names in [
        &["bng.example.net"][..],
        &["x.example.net", "DSL.example.net"],
    ] {
        for tls12 in [false, true] {
            let mut offer = Offer::of(world.authority.issue(names));
            offer.tls12 = tls12;
            assert!(is_answered(&world, &offer).await, "{names:?}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn n7_revoked_certificate_is_refused_and_others_are_not() {
    let world = World::new().await;
    let [dismissed, kept] = [(); 2].map(|()| world.authority.issue(&["bng.example.net"]));
    let list = world.authority.revoke(&[&dismissed]);
    let revoking = tls_revoking(&world.authority, Radius11::Allow, vec![list]);
    world.radsec.reloaded(Some(revoking));
    is_refused(&world, Some(dismissed), "revoked_certificate").await;
    assert!(is_answered(&world, &Offer::of(kept)).await);
    world.stop().await;
}

#[tokio::test]
async fn n7_fingerprint_names_a_nas_before_any_name_does() {
    let world = World::new().await;
    let identity = world.authority.issue(&["dsl.example.net"]);
    let pinned = identity.fingerprint();
    let entries = [("pinned", &*pinned), ("dsl", "dsl.example.net")];
    world.radsec.settings.store(Arc::new(settings(&entries)));
    let _connected = world.connect(&Offer::of(identity)).await.unwrap();
    world
        .until("a NAS", || !world.radsec.roster().live().is_empty())
        .await;
    assert_eq!(&*world.radsec.roster().live()[0].nas, "pinned");
    world.stop().await;
}

#[tokio::test]
async fn n7_version_is_the_highest_that_both_speak() {
    const BOTH: &[&[u8]] = &[b"radius/1.0", b"radius/1.1"];
    const HISTORIC: &[&[u8]] = &[b"radius/1.0"];
    const V11: &[&[u8]] = &[b"radius/1.1"];
    // RFC 9765, the table of section 3.3: what is agreed on, or `None` where the connection is refused.
    for (setting, offers) in [
        (
            Radius11::Allow,
            [
                Some(None),
                Some(Some("1.0")),
                Some(Some("1.1")),
                Some(Some("1.1")),
                None,
            ],
        ),
        (
            Radius11::Forbid,
            [Some(None), Some(Some("1.0")), Some(Some("1.0")), None, None],
        ),
        (
            Radius11::Require,
            [None, None, Some(Some("1.1")), Some(Some("1.1")), None],
        ),
    ] {
        let world = World::with(Limits::default(), setting, "127.0.0.1:0").await;
        for (alpn, expected) in [&[], HISTORIC, BOTH, V11, &[b"h2"]].into_iter().zip(offers) {
            let mut offer = Offer::of(world.authority.issue(&["bng.example.net"]));
            offer.alpn = alpn;
            let before = world.count("radsec_refused_no_common_version");
            let connected = world.connect(&offer).await.ok();
            let agreed = connected.as_ref().map(|connected: &Connected| {
                let name = connected
                    .alpn()
                    .map(|name| name.strip_prefix(b"radius/").unwrap());
                name.map(|version| std::str::from_utf8(version).unwrap())
            });
            assert_eq!(agreed, expected, "{setting:?} {alpn:?}");
            if expected.is_none() {
                world
                    .counted("radsec_refused_no_common_version", before + 1)
                    .await;
            }
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn n7_radius_1_1_is_never_spoken_over_tls_1_2() {
    let world = World::new().await;
    let mut offer = Offer::of(world.authority.issue(&["bng.example.net"]));
    offer.alpn = &[b"radius/1.1", b"radius/1.0"];
    offer.tls12 = true;
    assert!(world.connect(&offer).await.is_err());
    world.counted("radsec_refused_no_tls", 1).await;
    world.stop().await;
}

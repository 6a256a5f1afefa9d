//! Methods in TLS, against peers that are driven by rustls.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::HandshakeKind;

use super::peer::*;
use super::support::*;
use crate::authentication::Grant;
use crate::directory::Access;
use crate::eap::fragments::START_DATA;
use crate::eap::packet::Type;
use crate::eap::{EapMethod, EapSettings, SettingsError, TlsPolicy, TlsSettings, TlsVersion};
use crate::reason::RejectReason;

fn method(kind: Type) -> EapMethod {
    let mut methods = EapMethod::ALL.into_iter();
    methods.find(|method| method.kind() == kind).unwrap()
}

/// How the conversation of an anonymous identity ends, and the peer's key.
fn talk(mut peer: Peer, tls13: bool) -> (End, Option<Vec<u8>>) {
    let mut lab = Lab::new(&[method(peer.kind)]);
    let end = lab.talk("anonymous", |_, data| peer.answer(data));
    assert_eq!(lab.server.sessions(), 0);
    let key = matches!(end, End::Accept(..)).then(|| peer.msk(tls13));
    (end, key)
}

fn accepted(peer: impl Fn(bool) -> Peer) {
    for tls13 in [false, true] {
        let (end, key) = talk(peer(tls13), tls13);
        assert_eq!(end, End::Accept(Grant::Full, key), "TLS 1.3: {tls13}");
    }
}

fn refused(reason: RejectReason, peer: impl Fn(bool) -> Peer) {
    for tls13 in [false, true] {
        assert_eq!(
            talk(peer(tls13), tls13).0,
            End::Reject(reason),
            "TLS 1.3: {tls13}"
        );
    }
}

fn ttls(inside: impl Fn() -> Inside) -> impl Fn(bool) -> Peer {
    move |tls13| Peer::new(Type::TTLS, tls13, None, &PKI.0, inside())
}

fn in_peap(name: &'static str, password: &'static [u8]) -> impl Fn(bool) -> Peer {
    move |tls13| Peer::new(Type::PEAP, tls13, None, &PKI.0, peap(name, password, false))
}

fn with_certificate(identity: &Identity) -> impl Fn(bool) -> Peer {
    move |tls13| Peer::new(Type::TLS, tls13, Some(identity.clone()), &PKI.0, nothing())
}

#[test]
fn tls_with_a_certificate_is_accepted_as_its_subscriber() {
    accepted(with_certificate(&PKI.0.client("bruno")));
    let names = vec![SanType::Rfc822Name("bruno".try_into().unwrap())];
    let usage = ExtendedKeyUsagePurpose::ClientAuth;
    accepted(with_certificate(&PKI.0.sign(usage, names, "somebody else")));
}

#[test]
fn tls13_success_is_said_inside_before_it_is_said_outside() {
    for (tls13, expected) in [(false, &[][..]), (true, &[0])] {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let hears = Rc::clone(&heard);
        let inside: Inside = Box::new(move |_, plaintext| {
            hears.borrow_mut().extend_from_slice(plaintext);
            Vec::new()
        });
        let identity = Some(PKI.0.client("bruno"));
        let peer = Peer::new(Type::TLS, tls13, identity, &PKI.0, inside);
        assert!(matches!(talk(peer, tls13).0, End::Accept(..)));
        assert_eq!(*heard.borrow(), expected, "TLS 1.3: {tls13}");
    }
}

#[test]
fn tls13_success_is_said_inside_by_eap_tls_alone() {
    // RFC 9427 section 2.2: what is said inside of TTLS commits the server already.
    let heard = Rc::new(RefCell::new(Vec::new()));
    let hears = Rc::clone(&heard);
    let mut says = pap("bruno", PASSWORD);
    let mut waits = true;
    let inside: Inside = Box::new(move |connection, plaintext| {
        hears.borrow_mut().extend_from_slice(plaintext);
        match std::mem::take(&mut waits) {
            true => Vec::new(),
            false => says(connection, plaintext),
        }
    });
    let peer = Peer::new(Type::TTLS, true, None, &PKI.0, inside);
    assert!(matches!(talk(peer, true).0, End::Accept(..)));
    assert_eq!(*heard.borrow(), []);
}

#[test]
fn tls13_certificate_that_is_refused_ends_in_a_reject_though_the_peer_was_done() {
    for identity in [
        Authority::new().client("bruno"),
        PKI.0.client("nobody"),
        PKI.0.client("gone"),
    ] {
        let mut peer = with_certificate(&identity)(true);
        let mut done = false;
        let end = Lab::new(&[EapMethod::Tls]).talk("anonymous", |_, data| {
            let answer = peer.answer(data);
            done |= peer.is_done();
            answer
        });
        assert!(matches!(end, End::Reject(_)) && done, "{end:?}");
    }
}

#[test]
fn peer_that_would_resume_does_a_whole_handshake() {
    for tls13 in [false, true] {
        let config = client_config(tls13, None, &PKI.0);
        let mut lab = Lab::new(&[EapMethod::Ttls]);
        for _ in 0..2 {
            lab.state = None;
            let inside = pap("bruno", PASSWORD);
            let mut peer = Peer::with_config(Type::TTLS, Arc::clone(&config), inside);
            let end = lab.talk("anonymous", |_, data| peer.answer(data));
            assert_eq!(end, End::Accept(Grant::Full, Some(peer.msk(tls13))));
            assert_eq!(peer.handshake(), Some(HandshakeKind::Full), "{tls13}");
        }
    }
}

/// A ClientHello of somebody who does not know the extended master secret: its extension has another number.
fn without_extended_master_secret(mut data: Vec<u8>) -> Vec<u8> {
    let mut places = data.windows(4);
    let at = places.rposition(|part| part == [0, 23, 0, 0]);
    data[at.unwrap()..][..2].copy_from_slice(&[0xFA, 0xFA]);
    data
}

/// What the server says to such a ClientHello.
fn said_without_extended_master_secret(demanded: bool) -> (Vec<u8>, Lab) {
    let policy = TlsPolicy {
        extended_master_secret: demanded,
        ..TlsPolicy::default()
    };
    let mut lab = Lab::with(settings_with(&[EapMethod::Peap], policy));
    let start = lab.begin("anonymous");
    let mut peer = in_peap("bruno", PASSWORD)(false);
    let hello = without_extended_master_secret(peer.answer(&start[5..]));
    let said = lab.challenge(&response(start[1], Type::PEAP, &hello));
    (said, lab)
}

#[test]
fn tls12_without_the_extended_master_secret_is_refused_where_it_is_demanded() {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const HANDSHAKE_FAILURE: [u8; 2] = [2, 40];
    let (said, mut lab) = said_without_extended_master_secret(true);
    assert_eq!((said[5], said[6]), (0, ALERT));
    assert!(said.ends_with(&HANDSHAKE_FAILURE));
    assert_eq!(lab.server.alerts(), 1);
    let end = lab.end(&response(said[1], Type::PEAP, &[0]));
    assert_eq!(end, End::Reject(RejectReason::TlsFailed));
    assert_eq!(lab.server.alerts(), 1);
    // Flags, TLS Message Length, then the record of a ServerHello.
    let (said, lab) = said_without_extended_master_secret(false);
    assert_eq!(lab.server.alerts(), 0);
    let record = if said[5] & 0x80 == 0 { 6 } else { 10 };
    assert_eq!(said[record], HANDSHAKE);
}

#[test]
fn eap_tls_without_an_authority_is_no_setting() {
    let Identity { chain, key } = PKI.1.clone();
    let tls = TlsSettings::new(chain, key, Vec::new(), TlsPolicy::default()).unwrap();
    let made = EapSettings::new(vec![EapMethod::Peap, EapMethod::Tls], Some(tls));
    assert!(matches!(made, Err(SettingsError::NoClientAuthority)));
}

#[test]
fn certificate_that_does_not_fit_its_key_is_no_setting() {
    let chain = PKI.1.chain.clone();
    let key = PKI.0.client("bruno").key;
    let made = TlsSettings::new(chain, key, Vec::new(), TlsPolicy::default());
    assert!(matches!(made, Err(SettingsError::Certificate(_))));
}

#[test]
fn tls_of_somebody_without_service_or_unknown_is_refused() {
    refused(
        RejectReason::NoService,
        with_certificate(&PKI.0.client("gone")),
    );
    refused(
        RejectReason::UnknownUser,
        with_certificate(&PKI.0.client("nobody")),
    );
    refused(
        RejectReason::UnknownUser,
        with_certificate(&PKI.0.client("")),
    );
}

#[test]
fn tls_with_a_certificate_of_another_authority_is_refused() {
    refused(
        RejectReason::TlsFailed,
        with_certificate(&Authority::new().client("bruno")),
    );
}

#[test]
fn tls_with_a_certificate_for_servers_is_refused() {
    let server = PKI
        .0
        .sign(ExtendedKeyUsagePurpose::ServerAuth, Vec::new(), "bruno");
    refused(RejectReason::TlsFailed, with_certificate(&server));
}

#[test]
fn tls_without_a_certificate_is_refused() {
    refused(RejectReason::TlsFailed, |tls13| {
        Peer::new(Type::TLS, tls13, None, &PKI.0, nothing())
    });
}

#[test]
fn certificates_are_judged_at_the_time_given() {
    let mut lab = Lab::new(&[EapMethod::Tls]);
    // rcgen's certificates end in the year 4096.
    lab.now = crate::UnixSeconds(70_000_000_000);
    let mut peer = with_certificate(&PKI.0.client("bruno"))(true);
    let end = lab.talk("anonymous", |_, data| peer.answer(data));
    assert_eq!(end, End::Reject(RejectReason::TlsFailed));
}

#[test]
fn peer_that_does_not_trust_our_certificate_ends_it() {
    let other = Authority::new();
    for kind in [Type::PEAP, Type::TTLS, Type::TLS] {
        refused(RejectReason::TlsFailed, |tls13| {
            Peer::new(kind, tls13, None, &other, nothing())
        });
    }
}

#[test]
fn version_below_the_least_is_refused() {
    let mut lab = Lab::with(settings(&[EapMethod::Ttls], TlsVersion::Tls13));
    let mut peer = ttls(|| pap("bruno", PASSWORD))(false);
    let end = lab.talk("anonymous", |_, data| peer.answer(data));
    assert_eq!(end, End::Reject(RejectReason::TlsFailed));
}

#[test]
fn ttls_with_the_right_password_is_accepted() {
    accepted(ttls(|| pap("bruno", PASSWORD)));
    accepted(ttls(|| pap("hashed", PASSWORD)));
    accepted(ttls(|| chap("bruno", PASSWORD)));
    accepted(ttls(|| ms_chap2("bruno", PASSWORD, 0)));
    accepted(ttls(|| ms_chap2("hashed", PASSWORD, 0)));
}

#[test]
fn ttls_is_refused_for_its_reason() {
    let wrong = b"bird-cherry-9";
    refused(RejectReason::WrongPassword, ttls(|| pap("bruno", wrong)));
    refused(
        RejectReason::WrongPassword,
        ttls(|| pap("bruno", &[b'a'; 129])),
    );
    refused(RejectReason::WrongPassword, ttls(|| chap("bruno", wrong)));
    refused(
        RejectReason::WrongPassword,
        ttls(|| ms_chap2("bruno", wrong, 0)),
    );
    refused(
        RejectReason::UnknownUser,
        ttls(|| pap("anonymous", PASSWORD)),
    );
    refused(
        RejectReason::UnknownUser,
        ttls(|| ms_chap2("nobody", PASSWORD, 0)),
    );
    refused(
        RejectReason::CredentialForm,
        ttls(|| chap("hashed", PASSWORD)),
    );
    refused(RejectReason::NoService, ttls(|| pap("gone", PASSWORD)));
    refused(RejectReason::NoCredential, ttls(|| pap("empty", b"")));
    // A challenge that is not of this handshake: a response that was seen elsewhere.
    refused(
        RejectReason::EapProtocol,
        ttls(|| ms_chap2("bruno", PASSWORD, 1)),
    );
}

#[test]
fn ttls_pairs_that_do_not_fit_are_refused() {
    let name = || avp(0, 1, b"bruno");
    for (reason, pairs) in [
        (RejectReason::EapProtocol, vec![avp(0, 2, PASSWORD)]),
        (RejectReason::NoCredential, vec![name()]),
        (RejectReason::EapProtocol, vec![name(), avp(0, 1, b"anna")]),
        (RejectReason::EapProtocol, vec![name(), vec![0; 7]]),
        (
            RejectReason::EapMethodRefused,
            vec![name(), avp(0, 79, b"x")],
        ),
        (
            RejectReason::AmbiguousCredential,
            vec![name(), avp(0, 2, PASSWORD), avp(0, 3, &[0; 17])],
        ),
    ] {
        let pairs = pairs.concat();
        refused(
            reason,
            ttls(|| {
                let pairs = pairs.clone();
                once(move |_| pairs.clone())
            }),
        );
    }
}

#[test]
fn peap_with_the_right_password_is_accepted() {
    accepted(in_peap("bruno", PASSWORD));
    accepted(in_peap("hashed", PASSWORD));
    accepted(|tls13| {
        Peer::new(
            Type::PEAP,
            tls13,
            None,
            &PKI.0,
            peap("bruno", PASSWORD, true),
        )
    });
}

#[test]
fn peap_is_refused_for_its_reason() {
    refused(
        RejectReason::WrongPassword,
        in_peap("bruno", b"bird-cherry-9"),
    );
    refused(RejectReason::UnknownUser, in_peap("nobody", PASSWORD));
    refused(RejectReason::NoService, in_peap("gone", PASSWORD));
}

#[test]
fn subscriber_is_the_one_inside_whoever_is_outside() {
    for kind in [Type::TTLS, Type::PEAP] {
        for (outside, inside, grant) in [
            ("bruno", "gardener", Grant::Garden),
            ("gardener", "bruno", Grant::Full),
            ("gone", "bruno", Grant::Full),
        ] {
            let says = match kind == Type::TTLS {
                true => pap(inside, PASSWORD),
                false => peap(inside, PASSWORD, false),
            };
            let mut peer = Peer::new(kind, true, None, &PKI.0, says);
            let mut lab = Lab::new(&[method(kind)]);
            let end = lab.talk(outside, |_, data| peer.answer(data));
            assert_eq!(end, End::Accept(grant, Some(peer.msk(true))));
            let access = match grant {
                Grant::Full => Access::Full,
                Grant::Garden | Grant::Unknown => Access::Garden,
            };
            assert_eq!(lab.profile.access, access);
        }
    }
}

#[test]
fn peap_peer_that_does_not_confirm_the_result_is_refused() {
    refused(RejectReason::EapProtocol, |tls13| {
        let mut honest = peap("bruno", PASSWORD, false);
        let inside: Inside = Box::new(move |connection, plaintext| {
            let mut said = honest(connection, plaintext);
            if said.get(4) == Some(&Type::EXTENSIONS.0) {
                *said.last_mut().unwrap() = 2;
            }
            said
        });
        Peer::new(Type::PEAP, tls13, None, &PKI.0, inside)
    });
}

#[test]
fn peap_peer_that_wants_another_method_inside_is_refused() {
    refused(RejectReason::EapMethodRefused, |tls13| {
        let mut honest = peap("bruno", PASSWORD, false);
        let inside: Inside = Box::new(move |connection, plaintext| match plaintext {
            [26, ..] => vec![Type::NAK.0, 6],
            _ => honest(connection, plaintext),
        });
        Peer::new(Type::PEAP, tls13, None, &PKI.0, inside)
    });
}

#[test]
fn small_fragments_both_ways_change_nothing() {
    for tls13 in [false, true] {
        let client = PKI.0.client("bruno");
        let mut peer = with_certificate(&client)(tls13).in_fragments_of(0);
        let mut lab = Lab::new(&[EapMethod::Tls]);
        lab.framed_mtu = Some(200);
        let (mut rounds, mut longest) = (0, 0);
        let end = lab.talk("anonymous", |_, data| {
            rounds += 1;
            longest = longest.max(data.len());
            peer.answer(data)
        });
        assert_eq!(end, End::Accept(Grant::Full, Some(peer.msk(tls13))));
        assert!(
            rounds > 10 && longest <= 195,
            "{rounds} rounds of {longest}"
        );
    }
}

#[test]
fn lost_fragment_ends_it() {
    let mut peer = in_peap("bruno", PASSWORD)(true).in_fragments_of(0);
    let mut lab = Lab::new(&[EapMethod::Peap]);
    let end = lab.talk("anonymous", |_, data| {
        if data == START_DATA {
            peer.answer(data);
            // The second of the peer's fragments is sent, not the first.
            return peer.answer(&[0]);
        }
        peer.answer(data)
    });
    assert_eq!(end, End::Reject(RejectReason::TlsFailed));
}

#[test]
fn empty_response_to_the_start_is_refused() {
    for kind in [Type::PEAP, Type::TTLS, Type::TLS] {
        let end = Lab::new(&[method(kind)]).talk("anonymous", |_, _| vec![0]);
        assert_eq!(end, End::Reject(RejectReason::EapProtocol));
    }
}

#[test]
fn rounds_of_a_conversation_are_bounded() {
    let mut peer = ttls(nothing)(true);
    let mut rounds = 0;
    let end = Lab::new(&[EapMethod::Ttls]).talk("anonymous", |_, data| {
        rounds += 1;
        peer.answer(data)
    });
    assert_eq!(end, End::Reject(RejectReason::EapProtocol));
    assert_eq!(rounds, crate::eap::conversation::ROUNDS_MAX);
}

//! Methods without a tunnel, and what all have in common: identifiers, States, Nak.

use md5::{Digest, Md5};

use super::support::*;
use crate::UnixSeconds;
use crate::authentication::Grant;
use crate::eap::conversation::IGNORED_MAX;
use crate::eap::packet::{Packet, Type};
use crate::eap::{EapMethod, EapStep, LIFETIME_SECONDS, TlsVersion};
use crate::reason::RejectReason;

fn md5(identifier: u8, data: &[u8], password: &[u8]) -> Vec<u8> {
    let digest = Md5::new()
        .chain_update([identifier])
        .chain_update(password)
        .chain_update(&data[1..17])
        .finalize();
    [&[16][..], &digest, b"bruno"].concat()
}

fn md5_talk(identity: &str, password: &[u8]) -> End {
    Lab::new(&[EapMethod::Md5]).talk(identity, |identifier, data| md5(identifier, data, password))
}

#[test]
fn md5_with_the_right_password_is_accepted_without_keys() {
    assert_eq!(md5_talk("bruno", PASSWORD), End::Accept(Grant::Full, None));
    assert_eq!(
        md5_talk("gardener", PASSWORD),
        End::Accept(Grant::Garden, None)
    );
}

#[test]
fn md5_is_refused_for_its_reason() {
    for (identity, password, reason) in [
        ("bruno", &b"bird-cherry-9"[..], RejectReason::WrongPassword),
        ("nobody", PASSWORD, RejectReason::UnknownUser),
        ("", PASSWORD, RejectReason::UnknownUser),
        ("hashed", PASSWORD, RejectReason::CredentialForm),
        ("gone", PASSWORD, RejectReason::NoService),
        ("bare", PASSWORD, RejectReason::NoCredential),
        ("mac", PASSWORD, RejectReason::NoCredential),
        ("empty", b"", RejectReason::NoCredential),
        ("refused@realm", PASSWORD, RejectReason::Realm),
    ] {
        assert_eq!(
            md5_talk(identity, password),
            End::Reject(reason),
            "{identity}"
        );
    }
}

#[test]
fn unknown_subscriber_is_let_into_the_garden_where_that_is_the_rule() {
    let mut lab = Lab::new(&[EapMethod::Md5]);
    lab.people.admits_unknown = true;
    let end = lab.talk("nobody", |identifier, data| md5(identifier, data, b"x"));
    assert_eq!(end, End::Accept(Grant::Unknown, None));
}

#[test]
fn profile_on_accept_is_the_subscribers() {
    let mut lab = Lab::new(&[EapMethod::Md5]);
    lab.talk("gardener", |identifier, data| {
        md5(identifier, data, PASSWORD)
    });
    assert_eq!(lab.profile.access, crate::directory::Access::Garden);
}

/// The end of an EAP-MSCHAPv2 conversation; the keys if the server proved itself.
fn ms_chap_v2_talk(identity: &str, name: &str, password: &[u8]) -> (End, Vec<u8>) {
    let mut lab = Lab::new(&[EapMethod::MsChapV2]);
    let mut challenge = Vec::new();
    let end = lab.talk(identity, |_, data| match data[0] {
        1 => {
            challenge = data.to_vec();
            ms_chap_v2(data, name, password)
        }
        3 => {
            assert!(data[4..].starts_with(&ms_chap_v2_proof(&challenge, name)));
            vec![3]
        }
        4 => {
            assert!(data[4..].starts_with(b"E=6"), "{data:?}");
            vec![4]
        }
        other => panic!("{other}"),
    });
    (end, ms_chap_v2_keys(&challenge, name))
}

#[test]
fn mschapv2_proves_both_sides_and_gives_both_keys() {
    for identity in ["bruno", "hashed"] {
        let (end, keys) = ms_chap_v2_talk(identity, identity, PASSWORD);
        assert_eq!(end, End::Accept(Grant::Full, Some(keys)));
    }
}

#[test]
fn mschapv2_name_may_have_a_domain_that_is_not_hashed() {
    let (end, keys) = ms_chap_v2_talk("bruno", "OFFICE\\bruno", PASSWORD);
    assert_eq!(end, End::Accept(Grant::Full, Some(keys)));
}

#[test]
fn mschapv2_is_refused_for_its_reason() {
    for (identity, password, reason) in [
        ("bruno", &b"bird-cherry-9"[..], RejectReason::WrongPassword),
        ("nobody", PASSWORD, RejectReason::UnknownUser),
        ("gone", PASSWORD, RejectReason::NoService),
        ("bare", PASSWORD, RejectReason::NoCredential),
    ] {
        let (end, _) = ms_chap_v2_talk(identity, identity, password);
        assert_eq!(end, End::Reject(reason), "{identity}");
    }
}

#[test]
fn mschapv2_success_must_be_acknowledged_before_access() {
    let mut lab = Lab::new(&[EapMethod::MsChapV2]);
    let end = lab.talk("bruno", |_, data| match data[0] {
        1 => ms_chap_v2(data, "bruno", PASSWORD),
        _ => vec![4],
    });
    assert_eq!(end, End::Reject(RejectReason::EapProtocol));
}

#[test]
fn truncated_responses_are_refused() {
    for method in [EapMethod::MsChapV2, EapMethod::Md5] {
        let whole = |identifier, data: &[u8]| match method == EapMethod::Md5 {
            true => md5(identifier, data, PASSWORD)[..17].to_vec(),
            false => ms_chap_v2(data, "bruno", PASSWORD)[..54].to_vec(),
        };
        for cut in 1..17 {
            let end = Lab::new(&[method]).talk("bruno", |identifier, data| {
                let whole = whole(identifier, data);
                whole[..whole.len() - cut].to_vec()
            });
            assert_eq!(
                end,
                End::Reject(RejectReason::EapProtocol),
                "{method:?} {cut}"
            );
        }
    }
}

#[test]
fn nak_chooses_the_first_wanted_method_that_is_allowed() {
    let mut lab = Lab::new(&[EapMethod::Peap, EapMethod::MsChapV2, EapMethod::Md5]);
    let request = lab.begin("bruno");
    assert_eq!(request[4..], [Type::PEAP.0, 0x20]);
    let wanted = [
        Type::TLS.0,
        Type::PEAP.0,
        Type::MD5_CHALLENGE.0,
        Type::MS_CHAP_V2.0,
    ];
    let request = lab.challenge(&response(request[1], Type::NAK, &wanted));
    assert_eq!(request[4], Type::MD5_CHALLENGE.0);
    let packet = Packet::decode(&request).unwrap();
    let data = md5(packet.identifier, &packet.data[1..], PASSWORD);
    let end = lab.end(&response(packet.identifier, Type::MD5_CHALLENGE, &data));
    assert_eq!(end, End::Accept(Grant::Full, None));
}

#[test]
fn nak_of_all_methods_ends_it() {
    for wanted in [&[][..], &[0], &[Type::TLS.0], &[Type::PEAP.0]] {
        let mut lab = Lab::new(&[EapMethod::Peap, EapMethod::Md5]);
        let request = lab.begin("bruno");
        let end = lab.end(&response(request[1], Type::NAK, wanted));
        assert_eq!(
            end,
            End::Reject(RejectReason::EapMethodRefused),
            "{wanted:?}"
        );
    }
    let mut lab = Lab::new(&[EapMethod::Peap, EapMethod::Md5]);
    let both = [Type::PEAP.0, Type::MD5_CHALLENGE.0];
    let request = lab.begin("bruno");
    let request = lab.challenge(&response(request[1], Type::NAK, &both));
    let end = lab.end(&response(request[1], Type::NAK, &both));
    assert_eq!(end, End::Reject(RejectReason::EapMethodRefused));
}

#[test]
fn nak_after_an_answer_is_ignored() {
    let mut lab = Lab::new(&[EapMethod::MsChapV2, EapMethod::Md5]);
    let request = lab.begin("bruno");
    let data = ms_chap_v2(&request[5..], "bruno", PASSWORD);
    let request = lab.challenge(&response(request[1], Type::MS_CHAP_V2, &data));
    let nak = response(request[1], Type::NAK, &[Type::MD5_CHALLENGE.0]);
    assert_eq!(lab.ignored(&nak), request);
    let end = lab.end(&response(request[1], Type::MS_CHAP_V2, &[3]));
    assert!(matches!(end, End::Accept(Grant::Full, Some(_))));
}

#[test]
fn nas_may_leave_it_to_us_to_ask_who_it_is() {
    let mut lab = Lab::new(&[EapMethod::Md5]);
    let request = lab.challenge(b"");
    assert_eq!(request, [1, 0, 0, 5, Type::IDENTITY.0]);
    assert_eq!(lab.state, None);
    assert_eq!(lab.server.sessions(), 0);
}

#[test]
fn conversation_begins_with_an_identity_alone() {
    for message in [
        response(0, Type::MD5_CHALLENGE, b"x"),
        response(0, Type::IDENTITY, &[b'a'; 254]),
        vec![1, 0, 0, 6, 1, b'a'],
        vec![2, 0, 0, 4],
        vec![2, 0, 0, 9, 1, b'a'],
        vec![2],
    ] {
        let mut lab = Lab::new(&[EapMethod::Md5]);
        let EapStep::Reject { reason, .. } = lab.step(&message) else {
            panic!("{message:?}");
        };
        assert_eq!(reason, RejectReason::EapProtocol);
        assert_eq!(lab.server.sessions(), 0);
    }
}

/// Time that is held, or a clock that has jumped, is the business of certificates.
#[test]
fn conversation_ages_by_uptime_whatever_the_date_is() {
    for (date, uptime, accepted) in [
        (NOW.0 + 1_000_000, LIFETIME_SECONDS - 1, true),
        (NOW.0 - 1_000_000, LIFETIME_SECONDS - 1, true),
        (NOW.0, LIFETIME_SECONDS, false),
    ] {
        let mut lab = Lab::new(&[EapMethod::Md5]);
        let request = lab.begin("bruno");
        lab.now = UnixSeconds(date);
        lab.uptime += uptime;
        let data = md5(request[1], &request[5..], PASSWORD);
        let end = lab.end(&response(request[1], Type::MD5_CHALLENGE, &data));
        assert_eq!(
            end == End::Accept(Grant::Full, None),
            accepted,
            "{date} {uptime}"
        );
        lab.server.expire();
        assert_eq!(lab.server.sessions(), 0, "over, or let go");
    }
}

#[test]
fn unknown_expired_or_foreign_state_is_rejected() {
    let answer = |request: &[u8]| {
        let data = md5(request[1], &request[5..], PASSWORD);
        response(request[1], Type::MD5_CHALLENGE, &data)
    };
    let spoil: [fn(&mut Lab); 3] = [
        |lab| lab.state = Some([7; 16]),
        |lab| lab.uptime += LIFETIME_SECONDS,
        |lab| lab.nas = "pppoe-2".into(),
    ];
    for spoil in spoil {
        let mut lab = Lab::new(&[EapMethod::Md5]);
        let request = lab.begin("bruno");
        let (state, nas, uptime) = (lab.state, lab.nas.clone(), lab.uptime);
        spoil(&mut lab);
        let end = lab.end(&answer(&request));
        assert_eq!(end, End::Reject(RejectReason::EapStateUnknown));
        (lab.state, lab.nas, lab.uptime) = (state, nas, uptime);
        assert_eq!(lab.end(&answer(&request)), End::Accept(Grant::Full, None));
        // It was good for one login.
        let mut other = answer(&request);
        *other.last_mut().unwrap() ^= 1;
        let end = lab.end(&other);
        assert_eq!(end, End::Reject(RejectReason::EapStateUnknown));
    }
}

#[test]
fn what_is_not_awaited_is_ignored_and_the_conversation_goes_on() {
    let mut lab = Lab::new(&[EapMethod::Md5]);
    let request = lab.begin("bruno");
    let data = md5(request[1], &request[5..], PASSWORD);
    let right = response(request[1], Type::MD5_CHALLENGE, &data);
    for message in [
        response(request[1].wrapping_add(1), Type::MD5_CHALLENGE, &data),
        response(request[1].wrapping_sub(1), Type::IDENTITY, b"bruno"),
        response(request[1], Type::MS_CHAP_V2, &data),
        request.clone(),
        vec![2, request[1], 0, 4],
        vec![2, request[1]],
        Vec::new(),
    ] {
        assert_eq!(lab.ignored(&message), request, "{message:?}");
    }
    assert_eq!(lab.end(&right), End::Accept(Grant::Full, None));
}

#[test]
fn peer_that_says_nothing_but_what_is_ignored_comes_to_an_end() {
    let mut lab = Lab::new(&[EapMethod::Peap]);
    let request = lab.begin("bruno");
    let stray = response(request[1], Type::TTLS, &[0]);
    for _ in 0..IGNORED_MAX {
        assert_eq!(lab.ignored(&stray), request);
    }
    let end = lab.end(&stray);
    assert_eq!(end, End::Reject(RejectReason::EapProtocol));
    assert_eq!(lab.server.sessions(), 0);
}

#[test]
fn reload_changes_nothing_for_a_conversation_under_way() {
    let mut lab = Lab::new(&[EapMethod::Md5]);
    let request = lab.begin("bruno");
    lab.settings = settings(&[EapMethod::Tls], TlsVersion::Tls13);
    let data = md5(request[1], &request[5..], PASSWORD);
    let end = lab.end(&response(request[1], Type::MD5_CHALLENGE, &data));
    assert_eq!(end, End::Accept(Grant::Full, None));
    lab.state = None;
    assert_eq!(lab.begin("bruno")[4], Type::TLS.0);
}

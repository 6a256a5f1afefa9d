//! What a NAS asks again because a reply was lost, long after the duplicate cache forgot it (RFC 5080 section 2.2.2).

use super::peer::{Peer, pap};
use super::support::*;
use crate::authentication::Grant;
use crate::directory::Access;
use crate::eap::packet::Type;
use crate::eap::{ENDED_SECONDS, EapMethod, EapStep};
use crate::reason::RejectReason;

fn later(lab: &mut Lab, seconds: u64) {
    lab.uptime += seconds;
}

#[test]
fn response_that_comes_again_gets_the_same_request_and_is_not_taken_twice() {
    let mut lab = Lab::new(&[EapMethod::MsChapV2]);
    let request = lab.begin("bruno");
    let data = ms_chap_v2(&request[5..], "bruno", PASSWORD);
    let answer = response(request[1], Type::MS_CHAP_V2, &data);
    let success = lab.challenge(&answer);
    assert!(!lab.repeated);
    for _ in 0..20 {
        later(&mut lab, 2);
        assert_eq!(lab.challenge(&answer), success);
        assert!(lab.repeated);
    }
    let end = lab.end(&response(success[1], Type::MS_CHAP_V2, &[3]));
    let keys = ms_chap_v2_keys(&request[5..], "bruno");
    assert_eq!(end, End::Accept(Grant::Full, Some(keys)));
}

#[test]
fn lost_accept_is_said_again_with_the_same_keys_and_for_the_same_subscriber() {
    let mut peer = Peer::new(Type::TTLS, true, None, &PKI.0, pap("gardener", PASSWORD));
    let mut lab = Lab::new(&[EapMethod::Ttls]);
    let mut last = Vec::new();
    let end = lab.talk_with("anonymous", &mut last, |_, data| peer.answer(data));
    assert_eq!(end, End::Accept(Grant::Garden, Some(peer.msk(true))));
    for _ in 0..2 {
        later(&mut lab, ENDED_SECONDS / 2 - 1);
        assert_eq!(lab.end(&last), end);
        assert!(lab.repeated);
        assert_eq!(lab.profile.access, Access::Garden);
    }
    later(&mut lab, 2);
    let end = lab.end(&last);
    assert_eq!(end, End::Reject(RejectReason::EapStateUnknown));
}

#[test]
fn lost_reject_is_said_again_and_no_other_password_is_tried() {
    let mut lab = Lab::new(&[EapMethod::MsChapV2]);
    let mut last = Vec::new();
    let mut challenge = Vec::new();
    let refused = |_, data: &[u8]| match data[0] {
        1 => {
            challenge = data.to_vec();
            ms_chap_v2(data, "bruno", b"bird-cherry-9")
        }
        _ => vec![4],
    };
    let end = lab.talk_with("bruno", &mut last, refused);
    assert_eq!(end, End::Reject(RejectReason::WrongPassword));
    assert_eq!(lab.end(&last), end);
    assert!(lab.repeated);
    let right = ms_chap_v2(&challenge, "bruno", PASSWORD);
    for identifier in 0..=u8::MAX {
        let other = lab.end(&response(identifier, Type::MS_CHAP_V2, &right));
        assert_eq!(other, End::Reject(RejectReason::EapStateUnknown));
    }
}

#[test]
fn end_of_a_conversation_is_for_the_nas_it_was_said_to() {
    let mut lab = Lab::new(&[EapMethod::MsChapV2]);
    let mut last = Vec::new();
    let login = |_, data: &[u8]| match data[0] {
        1 => ms_chap_v2(data, "bruno", PASSWORD),
        _ => vec![3],
    };
    let end = lab.talk_with("bruno", &mut last, login);
    lab.nas = "pppoe-2".into();
    let other = lab.end(&last);
    assert_eq!(other, End::Reject(RejectReason::EapStateUnknown));
    lab.nas = "pppoe-1".into();
    assert_eq!(lab.end(&last), end);
}

#[test]
fn strangers_behind_one_nas_end_no_login_at_another() {
    let mut lab = Lab::new(&[EapMethod::MsChapV2]);
    let request = lab.begin("bruno");
    let (state, nas) = (lab.state, lab.nas.clone());
    lab.nas = "wifi".into();
    for _ in 0..3 * crate::eap::SESSIONS_MAX {
        lab.state = None;
        lab.begin("stranger");
    }
    assert_eq!(lab.server.sessions(), crate::eap::SESSIONS_MAX);
    assert!(lab.server.pushed_out() > 0);
    (lab.state, lab.nas) = (state, nas);
    let data = ms_chap_v2(&request[5..], "bruno", PASSWORD);
    let answer = response(request[1], Type::MS_CHAP_V2, &data);
    assert!(matches!(lab.step(&answer), EapStep::Challenge { .. }));
}

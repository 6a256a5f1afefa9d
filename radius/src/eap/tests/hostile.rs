//! Noise: nothing panics, whatever a genuine NAS carries to us.

use proptest::prelude::*;

use super::peer::{Peer, pap};
use super::support::*;
use crate::eap::conversation::ROUNDS_MAX;
use crate::eap::packet::Type;
use crate::eap::{EapMethod, EapStep, SESSIONS_MAX};
use crate::reason::RejectReason;

proptest! {
    #[test]
    fn no_message_panics(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..8),
    ) {
        let mut lab = Lab::new(&EapMethod::ALL);
        for message in messages {
            drop(lab.step(&message));
        }
    }

    #[test]
    fn no_method_data_panics(
        preferred in 0..EapMethod::ALL.len(),
        rounds in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..8),
    ) {
        let mut methods = EapMethod::ALL.to_vec();
        methods.swap(0, preferred);
        let mut lab = Lab::new(&methods);
        let mut request = lab.begin("bruno");
        for data in rounds {
            match lab.step(&response(request[1], Type(request[4]), &data)) {
                EapStep::Challenge { message, .. } => request = message,
                EapStep::Accept { .. } => prop_assert!(false, "noise was accepted"),
                EapStep::Reject { .. } | EapStep::Drop(_) => break,
            }
        }
    }

    #[test]
    fn no_damaged_flight_panics(
        tls13 in any::<bool>(),
        damaged_round in 0..3_usize,
        at in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let mut peer = Peer::new(Type::TTLS, tls13, None, &PKI.0, pap("bruno", PASSWORD));
        let mut lab = Lab::new(&[EapMethod::Ttls]);
        let mut request = lab.begin("anonymous");
        for round in 0..=damaged_round {
            let mut data = peer.answer(&request[5..]);
            if round == damaged_round {
                let at = at.index(data.len());
                data[at] ^= 1_u8 << bit;
            }
            match lab.step(&response(request[1], Type::TTLS, &data)) {
                EapStep::Challenge { message, .. } => request = message,
                EapStep::Accept { .. } | EapStep::Reject { .. } | EapStep::Drop(_) => break,
            }
        }
    }
}

#[test]
fn flood_of_identities_is_bounded_and_costs_no_handshake() {
    let mut lab = Lab::new(&[EapMethod::Peap]);
    for _ in 0..SESSIONS_MAX + 100 {
        lab.state = None;
        lab.begin("bruno");
    }
    assert!(lab.server.sessions() <= SESSIONS_MAX);
}

#[test]
fn fragments_of_one_octet_come_to_an_end() {
    let mut lab = Lab::new(&[EapMethod::Tls]);
    let mut rounds = 0;
    let end = lab.talk("bruno", |_, _| {
        rounds += 1;
        vec![0x40, 0x16]
    });
    assert_eq!(end, End::Reject(RejectReason::EapProtocol));
    assert_eq!(rounds, ROUNDS_MAX);
}

#[test]
fn endless_flight_is_cut_off() {
    let mut lab = Lab::new(&[EapMethod::Tls]);
    let mut sent = 0;
    let end = lab.talk("bruno", |_, _| {
        sent += 1000;
        [&[0x40][..], &[0x16; 1000]].concat()
    });
    assert_eq!(end, End::Reject(RejectReason::EapProtocol));
    assert!(sent <= 66_000, "{sent}");
}

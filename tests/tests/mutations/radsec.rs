//! The same over TLS, in both versions: what breaks the frame or the signature ends the connection, and nothing else
//! does.

use std::time::Duration;

use garth_tests::clock::wait_for;
use garth_tests::radsec::{Nas, RadsecLab};
use garth_tests::raw::Port;
use garth_tests::wire::{self, Signature, attribute, code};

use super::{
    Dice, GROWTH_MAX_KIB, PAID, PASSWORD, Tally, USER, Voice, assert_answer_is_right,
    assert_log_is_clean, footprint, mutated, seed,
};

/// Mutated packets in each version.
const MUTATIONS: u64 = 15_000;
/// Those of one connection.
const CONNECTION: u64 = 32;
/// Memory is taken as warm after so many.
const WARM: u64 = 4_000;
/// The secret of all RADIUS over TLS (RFC 6614 section 2.3).
const SECRET: &[u8] = b"radsec";
const PROTOCOL_ERROR: u8 = 52;
/// Where the Token of RADIUS/1.1 is.
const TOKEN: std::ops::Range<usize> = 4..8;
/// Longer than any socket takes to be closed.
const LONG: Duration = Duration::from_secs(20);

/// A stream, read a second time.
struct Reading<'a> {
    /// What may be answered. Behind what ends the connection there may be more of it: authentication and accounting
    /// do not wait for one another.
    packets: Vec<&'a [u8]>,
    /// Whether garthd has to end the connection of itself.
    ends: bool,
}

impl<'a> Reading<'a> {
    fn of(voice: Voice, mut stream: &'a [u8]) -> Self {
        let (mut packets, mut ends) = (Vec::new(), false);
        while let [_, _, high, low, ..] = *stream {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if !(wire::HEADER_LEN..=wire::PACKET_LEN_MAX).contains(&length) {
                ends = true;
                break;
            }
            let Some((packet, rest)) = stream.split_at_checked(length) else {
                break;
            };
            if wire::packet(packet).is_none() || is_forged(voice, packet) {
                ends = true;
            } else {
                packets.push(packet);
            }
            stream = rest;
        }
        Self { packets, ends }
    }
}

/// Whether it is signed, and not with the secret.
fn is_forged(voice: Voice, packet: &[u8]) -> bool {
    let Voice::Signed(secret) = voice else {
        return false;
    };
    let is_wrong = wire::request_signature(packet, secret) == Signature::Wrong;
    match packet[0] {
        code::ACCESS_REQUEST | code::STATUS_SERVER => is_wrong,
        code::ACCOUNTING_REQUEST => {
            is_wrong || !wire::request_authenticator_is_right(packet, secret)
        }
        _ => false,
    }
}

/// Whether there must be an answer; `None` where a record may make no sense.
fn is_due(voice: Voice, packet: &[u8]) -> Option<bool> {
    let has_eap = !wire::values(packet, attribute::EAP_MESSAGE).is_empty();
    match (voice, packet[0]) {
        (Voice::Signed(_), code::ACCOUNTING_REQUEST) => None,
        (Voice::Signed(secret), code::ACCESS_REQUEST | code::STATUS_SERVER) => {
            let may_be_absent = packet[0] == code::ACCESS_REQUEST && !has_eap;
            let signature = wire::request_signature(packet, secret);
            Some(signature == Signature::Right || may_be_absent)
        }
        (Voice::Clear, code::ACCESS_REQUEST | code::ACCOUNTING_REQUEST | code::STATUS_SERVER) => {
            Some(true)
        }
        _ => Some(false),
    }
}

fn answers_to(voice: Voice, answer: &[u8], packet: &[u8]) -> bool {
    match voice {
        Voice::Signed(secret) => {
            let authenticator = wire::authenticator(packet);
            wire::reply_is_genuine(answer, packet[1], &authenticator, secret)
        }
        Voice::Clear => {
            let is_reserved = answer[TOKEN.end..wire::HEADER_LEN] == [0; 12] && answer[1] == 0;
            is_reserved && answer[TOKEN] == packet[TOKEN]
        }
    }
}

fn assert_right(voice: Voice, answer: &[u8], packet: &[u8]) {
    let port = match packet[0] {
        code::ACCOUNTING_REQUEST => Port::Acct,
        _ => Port::Auth,
    };
    if let Voice::Signed(secret) = voice {
        return assert_answer_is_right(port, answer, packet, secret);
    }
    let echoed = wire::values(answer, attribute::PROXY_STATE);
    assert_eq!(echoed, wire::values(packet, attribute::PROXY_STATE));
    assert!(wire::values(answer, attribute::MESSAGE_AUTHENTICATOR).is_empty());
    match (port, answer[0]) {
        (Port::Auth, code::ACCESS_ACCEPT) => {
            assert!(may_be_accepted_11(packet), "accepted: {packet:02x?}");
        }
        (Port::Auth, code::ACCESS_REJECT) | (Port::Acct, code::ACCOUNTING_RESPONSE) => {}
        (_, PROTOCOL_ERROR) => {
            assert_eq!(wire::values(answer, attribute::ERROR_CAUSE).len(), 1);
            assert_ne!(packet[0], code::STATUS_SERVER);
        }
        _ => panic!("{answer:02x?} answers {packet:02x?}"),
    }
}

/// The one user there is, with the one right password, or its proof over a challenge that is there.
fn may_be_accepted_11(packet: &[u8]) -> bool {
    if packet[0] == code::STATUS_SERVER {
        return true;
    }
    let proves = match wire::values(packet, attribute::USER_PASSWORD)[..] {
        [] => {
            let challenges = wire::values(packet, attribute::CHAP_CHALLENGE);
            challenges.len() == 1 && wire::proves(packet, PASSWORD, SECRET)
        }
        // Zeros behind a password are the padding that RFC 2865 hides it with.
        [sent] => {
            let end = sent.iter().rposition(|octet| *octet != 0);
            let sent = &sent[..end.map_or(0, |last| last + 1)];
            sent == PASSWORD && wire::values(packet, attribute::CHAP_PASSWORD).is_empty()
        }
        _ => false,
    };
    proves
        && wire::values(packet, attribute::USER_NAME) == [USER]
        && wire::values(packet, attribute::EAP_MESSAGE).is_empty()
}

/// The octets of one connection.
fn stream(voice: Voice, first: u64, dice: &mut Dice) -> Vec<u8> {
    let packets = (first..first + CONNECTION).map(|number| {
        // Records wait for the disk: fewer of them keep the run short.
        let port = match dice.one_in(8) {
            true => Port::Acct,
            false => Port::Auth,
        };
        let mut octets = mutated(voice, port, [number, (1 << 40) + number], dice);
        // What ends the connection hides what is behind it, so most of it fits.
        match dice.pick(0..80) {
            0 => {}
            1 => wire::mend(&mut octets),
            _ => voice.mend(&mut octets),
        }
        // Two requests with one Token would be answered alike.
        if let (Voice::Clear, Some(token)) = (voice, octets.get_mut(TOKEN)) {
            token.copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
        }
        octets
    });
    packets.collect::<Vec<_>>().concat()
}

/// One connection, each answer and each silence held against what is due; whether garthd had to end it.
fn play(nas: &Nas<'_>, voice: Voice, first: u64, dice: &mut Dice, tally: &mut Tally) -> bool {
    let stream = stream(voice, first, dice);
    let Reading { packets, ends } = Reading::of(voice, &stream);
    let octets = nas.exchange(&stream, ends).unwrap();
    let mut answers: Vec<&[u8]> = Vec::new();
    let mut rest = &octets[..];
    while let [_, _, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (answer, behind) = rest.split_at(length);
        assert_eq!(wire::packet(answer), Some(answer));
        answers.push(answer);
        rest = behind;
    }
    for packet in packets {
        let due = is_due(voice, packet);
        let own = answers
            .iter()
            .position(|answer| answers_to(voice, answer, packet));
        let Some(own) = own.filter(|_| due != Some(false)) else {
            // What comes after may end the connection before this is answered.
            assert!(due != Some(true) || ends, "silence for {packet:02x?}");
            tally.silent += 1;
            continue;
        };
        let answer = answers.swap_remove(own);
        assert_right(voice, answer, packet);
        tally.answered += 1;
        tally.accepted += u64::from(answer[0] == code::ACCESS_ACCEPT);
    }
    assert!(
        answers.is_empty(),
        "answers that nobody is due: {answers:02x?}"
    );
    ends
}

#[test]
#[expect(clippy::print_stderr, reason = "a failure is repeated by its seed")]
fn n7_30_000_mutations_over_tls_are_answered_as_due_and_leave_nothing_behind() {
    let seed = seed();
    eprintln!("GARTH_SEED={seed}");
    let mut dice = Dice(seed);
    let radsec = RadsecLab::start(|_, config| config).unwrap();
    radsec.lab.import(PAID).unwrap();
    let voices = [
        (Voice::Signed(SECRET), radsec.nas(&[]).unwrap()),
        (Voice::Clear, radsec.nas(&[b"radius/1.1"]).unwrap()),
    ];
    let (_, before) = footprint(&radsec.lab);
    let (mut tally, mut ended, mut warm) = (Tally::default(), 0, None);
    for first in (0..MUTATIONS).step_by(usize::try_from(CONNECTION).unwrap()) {
        if first >= WARM && warm.is_none() {
            warm = Some(footprint(&radsec.lab));
        }
        for (voice, nas) in &voices {
            ended += u64::from(play(nas, *voice, first, &mut dice, &mut tally));
        }
    }
    wait_for("the end of all connections", LONG, || {
        (footprint(&radsec.lab).1 == before).then_some(())
    })
    .unwrap();
    let (warm, end) = (warm.unwrap(), footprint(&radsec.lab));
    eprintln!("{tally:?}, {ended} ended, memory {warm:?}, then {end:?}");
    // A run that tried nothing would prove nothing.
    assert!(tally.accepted > MUTATIONS / 100, "{tally:?}");
    assert!(tally.answered > MUTATIONS / 2, "{tally:?}");
    assert!(tally.silent > MUTATIONS / 20, "{tally:?}");
    let connections = 2 * MUTATIONS / CONNECTION;
    assert!((connections / 8..connections).contains(&ended), "{ended}");
    assert!(end.0 <= warm.0 + GROWTH_MAX_KIB, "{warm:?}, then {end:?}");
    assert_log_is_clean(&radsec.lab);
}

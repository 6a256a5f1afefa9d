//! 200,000 mutated packets by UDP against the running garthd: N6 for what nobody thought of. Some tens of thousands
//! over TLS (`radsec`), and as many answers to its own requests (`coa`).
//!
//! Half of those by UDP are mended and signed again after they were mutated, as software of a NAS that is broken would
//! send them. What is due for each is read from its octets alone (`garth_tests::wire`).
//!
//! A failure names its seed; `GARTH_SEED=<number>` repeats the run.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

mod coa;
mod radsec;

use std::env;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::Range;

use garth_tests::Lab;
use garth_tests::garthd::SECRET;
use garth_tests::raw::{Port, Raw, answers_to};
use garth_tests::wire::{self, Request, Signature, attribute, code};

/// Mutated packets in all.
const MUTATIONS: u64 = 200_000;
/// Those of one round, sent in one go: what the kernel's queues hold.
const ROUND: u64 = 200;
/// Memory is taken as warm after so many.
const WARM: u64 = 40_000;
/// How much more resident memory garthd may have at the end, in KiB.
const GROWTH_MAX_KIB: u64 = 4 << 10;

const USER: &[u8] = b"bruno";
const PASSWORD: &[u8] = b"bird-cherry-8";
const PAID: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;
/// Somebody else's, in a request that must be rejected; it must not be in the log either.
const WRONG_PASSWORD: &[u8] = b"wrong-horse-9";

/// How packets are made, and so what they prove.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Voice {
    /// RFC 2865, hidden and signed with that secret.
    Signed(&'static [u8]),
    /// RADIUS/1.1.
    Clear,
}

const UDP: Voice = Voice::Signed(SECRET.as_bytes());

impl Voice {
    fn with_pap(self, request: Request, password: &[u8]) -> Request {
        match self {
            Self::Signed(secret) => request.with_pap(password, secret),
            Self::Clear => request.with(attribute::USER_PASSWORD, password),
        }
    }

    fn with_chap(self, request: Request, password: &[u8]) -> Request {
        let challenge = request.authenticator;
        let request = request.with_chap(password);
        match self {
            Self::Signed(_) => request,
            Self::Clear => request.with(attribute::CHAP_CHALLENGE, &challenge),
        }
    }

    fn octets(self, request: &Request) -> Vec<u8> {
        match self {
            Self::Signed(secret) => request.signed(secret),
            Self::Clear => request.octets(),
        }
    }

    /// As software of a NAS that is broken would send it.
    fn mend(self, octets: &mut Vec<u8>) {
        wire::mend(octets);
        if let Self::Signed(secret) = self {
            wire::sign(octets, secret);
        }
    }
}

/// Random numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any of `range`, which is not empty.
    fn pick(&mut self, range: Range<usize>) -> usize {
        let width = u64::try_from(range.len()).unwrap();
        range.start + usize::try_from(self.roll() % width).unwrap()
    }

    fn octet(&mut self) -> u8 {
        self.roll().to_be_bytes()[0]
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.roll().is_multiple_of(count)
    }
}

/// A valid packet of that number: no two have the same authenticator.
fn valid(voice: Voice, port: Port, number: u64, dice: &mut Dice) -> Request {
    let access = || Request::new(code::ACCESS_REQUEST, number).with_message_authenticator();
    let named = || access().with(attribute::USER_NAME, USER);
    let record = |status| {
        Request::new(code::ACCOUNTING_REQUEST, number)
            .with_integer(attribute::ACCT_STATUS_TYPE, status)
            .with(attribute::USER_NAME, USER)
            .with(attribute::ACCT_SESSION_ID, b"81000007")
            .with_integer(attribute::ACCT_OUTPUT_OCTETS, 7)
            .with(attribute::PROXY_STATE, &number.to_be_bytes())
    };
    match (port, dice.pick(0..8)) {
        (Port::Auth, 0 | 1) => voice.with_pap(named(), PASSWORD),
        (Port::Auth, 2) => voice.with_chap(named(), PASSWORD),
        (Port::Auth, 3) => voice.with_pap(named(), WRONG_PASSWORD),
        (Port::Auth, 4) => voice
            .with_chap(named().with(attribute::PROXY_STATE, b"first"), PASSWORD)
            .with(attribute::PROXY_STATE, b"second"),
        (Port::Auth, 5) => named().with(attribute::EAP_MESSAGE, b"\x02\x01\x00\x0a\x01bruno"),
        (Port::Auth, 6) => access()
            .with(attribute::CALLING_STATION_ID, b"02-00-00-00-00-07")
            .with(attribute::SERVICE_TYPE, &[0, 0, 0, 10]),
        (Port::Acct, 0) => record(1),
        (Port::Acct, 1) => record(2),
        (Port::Acct, 2) => record(7),
        (Port::Acct, 3) => record(3).with_message_authenticator(),
        (Port::Acct, 4..7) => record(3),
        (Port::Auth | Port::Acct, _) => {
            Request::new(code::STATUS_SERVER, number).with_message_authenticator()
        }
    }
}

/// A valid packet with something wrong, or several things.
fn mutated(voice: Voice, port: Port, numbers: [u64; 2], dice: &mut Dice) -> Vec<u8> {
    let mut octets = voice.octets(&valid(voice, port, numbers[0], dice));
    for _ in 0..=dice.pick(0..3) {
        let partner = voice.octets(&valid(voice, port, numbers[1], dice));
        mutate(&mut octets, &partner, dice);
    }
    octets
}

/// Changes octets, lengths or attributes, or splices the end of `partner` in.
fn mutate(octets: &mut Vec<u8>, partner: &[u8], dice: &mut Dice) {
    if octets.is_empty() {
        return octets.push(dice.octet());
    }
    let len = octets.len();
    match dice.pick(0..9) {
        0 | 1 => {
            for _ in 0..=dice.pick(0..8) {
                octets[dice.pick(0..len)] ^= 1 << dice.pick(0..8);
            }
        }
        2 => octets[dice.pick(2..4).min(len - 1)] = dice.octet(),
        3 => octets.truncate(dice.pick(0..len)),
        4 => octets.extend((0..dice.pick(1..300)).map(|_| dice.octet())),
        5 => {
            let from = dice.pick(0..partner.len());
            octets.truncate(dice.pick(0..len));
            octets.extend(&partner[from..]);
        }
        6 => {
            let from = dice.pick(0..len);
            octets[from..]
                .iter_mut()
                .for_each(|octet| *octet = dice.octet());
        }
        _ => reorder(octets, dice),
    }
}

/// Doubles, drops, swaps or resizes an attribute.
fn reorder(octets: &mut Vec<u8>, dice: &mut Dice) {
    let Some(packet) = wire::packet(octets) else {
        return;
    };
    let mut attributes: Vec<Vec<u8>> = wire::attributes(packet)
        .into_iter()
        .map(|(kind, value)| [&[kind, u8::try_from(value.len() + 2).unwrap()], value].concat())
        .collect();
    if attributes.is_empty() {
        return;
    }
    let count = attributes.len();
    let (one, other) = (dice.pick(0..count), dice.pick(0..count));
    match dice.pick(0..5) {
        0 => attributes.swap(one, other),
        1 => attributes.insert(other, attributes[one].clone()),
        2 => drop(attributes.remove(one)),
        3 => attributes[one][1] = dice.octet(),
        _ => attributes[one][0] = dice.octet(),
    }
    octets.truncate(wire::HEADER_LEN);
    octets.extend(attributes.concat());
    wire::set_length(octets);
}

/// Whether garthd may answer: the packet is what the port serves, and only somebody with the secret made it.
fn may_be_answered(port: Port, packet: &[u8]) -> bool {
    let secret = SECRET.as_bytes();
    let signature = wire::request_signature(packet, secret);
    match (port, packet[0]) {
        (Port::Auth, code::ACCESS_REQUEST) | (_, code::STATUS_SERVER) => {
            signature == Signature::Right
        }
        (Port::Acct, code::ACCOUNTING_REQUEST) => {
            signature != Signature::Wrong && wire::request_authenticator_is_right(packet, secret)
        }
        _ => false,
    }
}

/// Whether the answer may be Access-Accept: the one user there is, with the one right password.
fn may_be_accepted(packet: &[u8], secret: &[u8]) -> bool {
    packet[0] == code::STATUS_SERVER
        || wire::values(packet, attribute::USER_NAME) == [USER]
            && wire::values(packet, attribute::EAP_MESSAGE).is_empty()
            && wire::proves(packet, PASSWORD, secret)
}

fn assert_answer_is_right(port: Port, answer: &[u8], packet: &[u8], secret: &[u8]) {
    match (port, answer[0]) {
        (Port::Auth, code::ACCESS_ACCEPT) => {
            assert!(may_be_accepted(packet, secret), "accepted: {packet:02x?}");
        }
        (Port::Auth, code::ACCESS_REJECT) | (Port::Acct, code::ACCOUNTING_RESPONSE) => {}
        (Port::Auth, code::ACCESS_CHALLENGE) => {
            let eap = wire::values(packet, attribute::EAP_MESSAGE);
            assert!(!eap.is_empty(), "challenged: {packet:02x?}");
        }
        _ => panic!("{port:?} answers {answer:02x?} to {packet:02x?}"),
    }
    let echoed = wire::values(answer, attribute::PROXY_STATE);
    assert_eq!(echoed, wire::values(packet, attribute::PROXY_STATE));
    if packet[0] != code::ACCOUNTING_REQUEST {
        let first = wire::attributes(answer)[0].0;
        assert_eq!(first, attribute::MESSAGE_AUTHENTICATOR, "N4");
    }
}

/// What came of the mutations so far.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    answered: u64,
    silent: u64,
}

/// Sends one round and holds each answer, and each silence, against what is due.
fn play(raw: &mut Raw, port: Port, round: Range<u64>, dice: &mut Dice, tally: &mut Tally) {
    // Numbers of their own for the packets that are spliced in.
    let other = 1 << 40;
    let datagrams: Vec<Vec<u8>> = round
        .map(|number| {
            let mut octets = mutated(UDP, port, [number, other + number], dice);
            // Records wait for the disk: fewer of them keep the run short.
            let again = match port {
                Port::Auth => 2,
                Port::Acct => 8,
            };
            if dice.one_in(again) {
                UDP.mend(&mut octets);
            }
            octets
        })
        .collect();
    let mut answers = raw.answers(datagrams.iter().map(Vec::as_slice)).unwrap();
    for datagram in &datagrams {
        let packet = wire::packet(datagram).filter(|packet| may_be_answered(port, packet));
        let Some(packet) = packet else {
            tally.silent += 1;
            continue;
        };
        let own = answers.iter().position(|answer| answers_to(answer, packet));
        let Some(own) = own else {
            // A record that makes no sense is dropped; everything else has an answer.
            assert_eq!(
                packet[0],
                code::ACCOUNTING_REQUEST,
                "silence for {packet:02x?}"
            );
            continue;
        };
        let answer = answers.swap_remove(own);
        assert_answer_is_right(port, &answer, packet, SECRET.as_bytes());
        tally.answered += 1;
        tally.accepted += u64::from(answer[0] == code::ACCESS_ACCEPT);
    }
    assert!(
        answers.is_empty(),
        "answers that nobody is due: {answers:02x?}"
    );
}

/// Resident memory in KiB, and open descriptors.
fn footprint(lab: &Lab) -> (u64, usize) {
    let proc = format!("/proc/{}", lab.garthd.id());
    let status = fs::read_to_string(format!("{proc}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.unwrap().trim().trim_end_matches(" kB");
    let descriptors = fs::read_dir(format!("{proc}/fd")).unwrap().count();
    (resident.parse().unwrap(), descriptors)
}

fn seed() -> u64 {
    match env::var("GARTH_SEED") {
        Ok(seed) => seed.parse().expect("GARTH_SEED is a number"),
        Err(_) => RandomState::new().build_hasher().finish(),
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a failure is repeated by its seed")]
fn n6_200_000_mutations_are_answered_as_due_and_leave_nothing_behind() {
    let seed = seed();
    eprintln!("GARTH_SEED={seed}");
    let mut dice = Dice(seed);
    let lab = Lab::start().unwrap();
    lab.import(PAID).unwrap();
    let mut tally = Tally::default();
    let mut warm = None;
    let connect = |port| Raw::connect(&lab.network.router, "127.0.0.1", port).unwrap();
    let mut sockets = Port::ALL.map(|port| (port, connect(port)));
    for first in (0..MUTATIONS).step_by(usize::try_from(2 * ROUND).unwrap()) {
        if first >= WARM && warm.is_none() {
            warm = Some(footprint(&lab));
        }
        for ((port, raw), first) in sockets.iter_mut().zip([first, first + ROUND]) {
            play(raw, *port, first..first + ROUND, &mut dice, &mut tally);
        }
    }
    let (warm, end) = (warm.unwrap(), footprint(&lab));
    eprintln!("{tally:?}, memory and descriptors {warm:?}, then {end:?}");
    // A run that tried nothing would prove nothing.
    assert!(tally.accepted > MUTATIONS / 1_000, "{tally:?}");
    assert!(tally.answered > MUTATIONS / 20, "{tally:?}");
    assert!(tally.silent > MUTATIONS / 4, "{tally:?}");
    assert_eq!(end.1, warm.1, "descriptors");
    assert!(
        end.0 <= warm.0 + GROWTH_MAX_KIB,
        "memory: {warm:?}, then {end:?}"
    );
    assert_log_is_clean(&lab);
    let right = Request::new(code::ACCESS_REQUEST, u64::MAX)
        .with_message_authenticator()
        .with(attribute::USER_NAME, USER)
        .with_pap(PASSWORD, SECRET.as_bytes())
        .signed(SECRET.as_bytes());
    let (_, auth) = &mut sockets[0];
    let answer = auth.answer(&right).unwrap().unwrap();
    assert_eq!(answer[0], code::ACCESS_ACCEPT);
}

fn assert_log_is_clean(lab: &Lab) {
    let log = fs::read(lab.files.log()).unwrap();
    let log = String::from_utf8(log).expect("the log is text");
    for secret in [SECRET.as_bytes(), PASSWORD, WRONG_PASSWORD] {
        let secret = str::from_utf8(secret).unwrap();
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    let raw = log
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t');
    assert_eq!(raw, None, "in the log:\n{log}");
}

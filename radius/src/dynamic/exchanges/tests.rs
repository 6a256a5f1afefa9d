//! Identifiers, retransmissions and answers, with a clock and a network of our own.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::code::Code;
use crate::crypto::{Secret, finish_response};
use crate::dialect::Dialect;
use crate::packet::Encoder;

const TIME: UnixSeconds = UnixSeconds(1_800_000_000);
const FOR_EVER: Millis = Millis(u64::MAX);

fn nas(dialect: Dialect) -> Arc<Nas> {
    let prefix = "192.0.2.0/24".parse().unwrap();
    let secret = Secret::new(b"s").unwrap();
    Arc::new(Nas::new("bng", prefix, secret, Arc::new(dialect)))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn bng() -> SocketAddr {
    address("192.0.2.1:3799")
}

struct Sending {
    port: u16,
    to: SocketAddr,
    datagram: Vec<u8>,
}

impl Sending {
    fn identifier(&self) -> u8 {
        self.datagram[1]
    }

    fn answer(&self, code: Code, identifier: u8, secret: &[u8]) -> Vec<u8> {
        let mut buffer = [0; 64];
        let encoder = Encoder::new(&mut buffer, code, identifier).unwrap();
        let request = Packet::decode(&self.datagram).unwrap();
        let secret = Secret::new(secret).unwrap();
        let len = finish_response(encoder, request.authenticator(), &secret);
        buffer[..len].to_vec()
    }

    fn ack(&self) -> Vec<u8> {
        self.answer(Code::DISCONNECT_ACK, self.identifier(), b"s")
    }
}

/// The engine under test with the sessions as numbers.
struct Lab {
    exchanges: Exchanges<u32>,
    nas: Arc<Nas>,
    goes_first: bool,
}

impl Lab {
    fn new(ports: u16, dialect: Dialect) -> Self {
        Self {
            exchanges: Exchanges::new(ports),
            nas: nas(dialect),
            goes_first: true,
        }
    }

    fn ask_at(&mut self, now: u64, to: SocketAddr, session: u32) -> Result<(), AskError> {
        let name = session.to_string();
        let ask = Ask {
            nas: &self.nas,
            to,
            session: Session {
                user_name: Some(b"user"),
                acct_session_id: Some(name.as_bytes()),
                ..Session::default()
            },
            request: Request::Disconnect,
            event_timestamp: TIME,
            goes_first: self.goes_first,
        };
        self.exchanges.ask(Millis(now), &ask, session)
    }

    fn ask(&mut self, now: u64, session: u32) -> Result<(), AskError> {
        self.ask_at(now, bng(), session)
    }

    /// Everything that is due: what is sent, and who is given up.
    fn due(&mut self, now: u64) -> (Vec<Sending>, Vec<u32>) {
        let (mut sent, mut lost) = (Vec::new(), Vec::new());
        while let Some(due) = self.exchanges.poll(Millis(now)) {
            match due {
                Due::Send { port, to, datagram } => sent.push(Sending {
                    port,
                    to,
                    datagram: datagram.to_vec(),
                }),
                Due::TimedOut(session) => lost.push(session),
            }
        }
        (sent, lost)
    }

    fn sent(&mut self, now: u64) -> Sending {
        let (mut sent, lost) = self.due(now);
        assert_eq!((sent.len(), lost.len()), (1, 0));
        sent.remove(0)
    }

    fn received(
        &mut self,
        now: u64,
        sending: &Sending,
        datagram: &[u8],
    ) -> Result<(u32, Answer), AnswerError> {
        self.exchanges
            .received(Millis(now), sending.port, sending.to, datagram)
    }

    /// Asks and is answered at once.
    fn exchange(&mut self, now: u64, session: u32) -> Sending {
        self.ask(now, session).unwrap();
        let sending = self.sent(now);
        let ack = sending.ack();
        assert_eq!(
            self.received(now, &sending, &ack),
            Ok((session, Answer::Ack))
        );
        sending
    }
}

#[test]
fn n10_a_lost_request_is_sent_again_after_1_and_2_seconds_and_given_up_4_later() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(500, 7).unwrap();
    let first = lab.sent(500);
    assert_eq!((first.port, first.to), (0, bng()));
    for (now, next) in [(1_500, 3_500), (3_500, 7_500)] {
        assert_eq!(lab.exchanges.next_at(), Some(Millis(now)));
        assert!(lab.due(now - 1).0.is_empty());
        assert_eq!(lab.sent(now).datagram, first.datagram, "the same octets");
        assert_eq!(lab.exchanges.next_at(), Some(Millis(next)));
    }
    assert!(lab.due(7_499).1.is_empty());
    let (sent, lost) = lab.due(7_500);
    assert_eq!((sent.len(), lost), (0, vec![7]));
    assert!(lab.exchanges.is_empty());
    assert_eq!(lab.exchanges.next_at(), None);
}

#[test]
fn n10_256_requests_go_out_of_one_port_and_the_next_of_another() {
    let mut lab = Lab::new(2, Dialect::generic());
    for session in 0..512 {
        lab.ask(0, session).unwrap();
    }
    let (sent, _) = lab.due(0);
    let mut seen: HashMap<u16, Vec<u8>> = HashMap::new();
    for sending in &sent {
        let identifiers = seen.entry(sending.port).or_default();
        assert!(!identifiers.contains(&sending.identifier()));
        identifiers.push(sending.identifier());
    }
    assert_eq!((seen[&0].len(), seen[&1].len()), (256, 256));
    assert_eq!(lab.ask(0, 512), Err(AskError::NoIdentifier(bng())));
    // Another NAS, and another port of the same host, count for themselves.
    lab.ask_at(0, address("192.0.2.2:3799"), 513).unwrap();
    lab.ask_at(0, address("192.0.2.1:1700"), 514).unwrap();
}

#[test]
fn n10_requests_that_go_first_have_identifiers_left_however_many_others_there_were() {
    let mut lab = Lab::new(8, Dialect::generic());
    lab.goes_first = false;
    for session in 0..6 * 256 {
        lab.ask(0, session).unwrap();
    }
    assert_eq!(lab.ask(0, 2_000), Err(AskError::NoIdentifier(bng())));
    lab.goes_first = true;
    for session in 2_000..2_000 + 2 * 256 {
        lab.ask(0, session).unwrap();
    }
    assert_eq!(lab.ask(0, 3_000), Err(AskError::NoIdentifier(bng())));
}

#[test]
fn n10_an_identifier_rests_300_seconds_after_its_exchange() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(0, 0).unwrap();
    let first = lab.sent(0);
    for session in 1..256 {
        lab.exchange(0, session);
    }
    let ack = first.ack();
    assert!(lab.received(900, &first, &ack).is_ok());
    assert_eq!(lab.ask(299_999, 256), Err(AskError::NoIdentifier(bng())));
    for session in 256..511 {
        assert_ne!(
            lab.exchange(300_000, session).identifier(),
            first.identifier()
        );
    }
    assert_eq!(lab.ask(300_899, 511), Err(AskError::NoIdentifier(bng())));
    assert_eq!(lab.exchange(300_900, 511).identifier(), first.identifier());
}

#[test]
fn identifiers_of_a_nas_that_is_asked_no_more_are_forgotten() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.exchange(0, 1);
    assert_eq!(lab.exchanges.used.len(), 1);
    lab.due(300_000);
    assert!(lab.exchanges.used.is_empty() && lab.exchanges.resting.is_empty());
}

#[test]
fn full_engine_takes_nothing_until_one_has_ended() {
    let mut lab = Lab::new(PORTS_MAX, Dialect::generic());
    let max = u32::try_from(UNDER_WAY_MAX).unwrap();
    for session in 0..max {
        lab.ask(0, session).unwrap();
    }
    assert_eq!(lab.ask(0, max), Err(AskError::Full));
    assert_eq!(lab.exchanges.len(), UNDER_WAY_MAX);
    let (sent, _) = lab.due(0);
    let ack = sent[0].ack();
    lab.received(0, &sent[0], &ack).unwrap();
    lab.ask(0, max).unwrap();
}

#[test]
fn n10_requests_that_go_first_have_room_left_however_many_others_there_are() {
    let mut lab = Lab::new(PORTS_MAX, Dialect::generic());
    lab.goes_first = false;
    let max = u32::try_from(UNDER_WAY_MAX).unwrap();
    let others = max / 4 * 3;
    for session in 0..others {
        lab.ask(0, session).unwrap();
    }
    assert_eq!(lab.ask(0, others), Err(AskError::Full));
    lab.goes_first = true;
    for session in others..max {
        lab.ask(0, session).unwrap();
    }
    assert_eq!(lab.ask(0, max), Err(AskError::Full));
}

#[test]
fn forged_answers_are_refused_and_the_true_one_is_still_taken() {
    let mut lab = Lab::new(2, Dialect::generic());
    lab.ask(0, 1).unwrap();
    let sending = lab.sent(0);
    let id = sending.identifier();
    let unasked = |port, identifier| Err(AnswerError::Unasked { port, identifier });
    let wrong_secret = sending.answer(Code::DISCONNECT_ACK, id, b"t");
    assert_eq!(
        lab.received(1, &sending, &wrong_secret),
        Err(AnswerError::Unverified)
    );
    let other_id = sending.answer(Code::DISCONNECT_ACK, id + 1, b"s");
    assert_eq!(lab.received(1, &sending, &other_id), unasked(0, id + 1));
    let other_code = sending.answer(Code::COA_ACK, id, b"s");
    assert!(matches!(
        lab.received(1, &sending, &other_code),
        Err(AnswerError::OtherCode { .. })
    ));
    assert!(matches!(
        lab.received(1, &sending, &[41, id]),
        Err(AnswerError::Malformed(_))
    ));
    let ack = sending.ack();
    for (port, from) in [
        (0, "192.0.2.2:3799"),
        (0, "192.0.2.1:3798"),
        (1, "192.0.2.1:3799"),
    ] {
        let answer = lab.exchanges.received(Millis(1), port, address(from), &ack);
        assert_eq!(answer, unasked(port, id), "{port} {from}");
    }
    assert_eq!(lab.received(1, &sending, &ack), Ok((1, Answer::Ack)));
}

#[test]
fn answer_from_an_ipv4_mapped_address_is_that_of_the_ipv4_address() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(0, 1).unwrap();
    let sending = lab.sent(0);
    let mapped = address("[::ffff:192.0.2.1]:3799");
    let answer = lab.exchanges.received(Millis(0), 0, mapped, &sending.ack());
    assert_eq!(answer, Ok((1, Answer::Ack)));
}

#[test]
fn repeated_and_late_answers_answer_nothing() {
    let mut lab = Lab::new(1, Dialect::generic());
    let sending = lab.exchange(0, 1);
    let ack = sending.ack();
    assert!(matches!(
        lab.received(1, &sending, &ack),
        Err(AnswerError::Unasked { .. })
    ));
    lab.ask(10_000, 2).unwrap();
    let late = lab.sent(10_000);
    let mut now = 10_000;
    while !lab.exchanges.is_empty() {
        now = lab.exchanges.next_at().unwrap().0;
        lab.due(now);
    }
    assert!(matches!(
        lab.received(now, &late, &late.ack()),
        Err(AnswerError::Unasked { .. })
    ));
}

#[test]
fn answer_to_the_first_transmission_after_the_second_is_taken() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(0, 1).unwrap();
    let first = lab.sent(0);
    lab.sent(1_000);
    let answer = lab.received(1_001, &first, &first.ack());
    assert_eq!(answer, Ok((1, Answer::Ack)));
    assert_eq!(lab.due(u64::MAX).0.len(), 0);
}

#[test]
fn a_new_request_for_a_session_ends_the_one_under_way() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(0, 1).unwrap();
    let first = lab.sent(0);
    lab.ask(10, 1).unwrap();
    let second = lab.sent(10);
    assert_ne!(first.identifier(), second.identifier());
    assert!(matches!(
        lab.received(20, &first, &first.ack()),
        Err(AnswerError::Unasked { .. })
    ));
    assert_eq!(lab.sent(1_010).datagram, second.datagram);
    assert_eq!(
        lab.received(1_020, &second, &second.ack()),
        Ok((1, Answer::Ack))
    );
}

#[test]
fn dialect_with_one_change_at_a_time_refuses_a_second_request_for_the_session() {
    let mut lab = Lab::new(1, Dialect::accel_ppp());
    lab.ask(0, 1).unwrap();
    assert!(lab.exchanges.is_under_way(&1));
    assert_eq!(lab.ask(0, 1), Err(AskError::SessionBusy));
    lab.ask(0, 2).unwrap();
    lab.exchanges.give_up(&1);
    assert!(!lab.exchanges.is_under_way(&1));
    lab.ask(0, 1).unwrap();
}

#[test]
fn request_that_cannot_be_made_changes_nothing() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(0, 1).unwrap();
    let first = lab.sent(0);
    let ask = Ask {
        nas: &Arc::clone(&lab.nas),
        to: bng(),
        session: Session::default(),
        request: Request::Disconnect,
        event_timestamp: TIME,
        goes_first: true,
    };
    assert_eq!(
        lab.exchanges.ask(Millis(1), &ask, 1),
        Err(RequestError::Unnamed.into())
    );
    assert_eq!(lab.received(2, &first, &first.ack()), Ok((1, Answer::Ack)));
}

#[test]
fn a_jump_of_the_clock_skips_no_transmission_and_a_step_back_only_delays() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(1_000_000, 1).unwrap();
    lab.sent(1_000_000);
    lab.sent(9_000_000);
    assert!(lab.due(0).0.is_empty());
    lab.sent(9_002_000);
    assert_eq!(lab.due(9_005_999).1, [0_u32; 0]);
    assert_eq!(lab.due(9_006_000).1, [1]);
    lab.ask(FOR_EVER.0, 2).unwrap();
    let (sent, lost) = lab.due(FOR_EVER.0);
    assert_eq!(
        (sent.len(), lost),
        (3, vec![2]),
        "at the end of time nothing loops"
    );
}

#[test]
fn a_step_back_of_the_clock_shortens_no_rest() {
    let mut lab = Lab::new(1, Dialect::generic());
    lab.ask(1_000_000, 0).unwrap();
    let first = lab.sent(1_000_000);
    assert!(lab.received(0, &first, &first.ack()).is_ok());
    for session in 1..256 {
        lab.exchange(1_000_000, session);
    }
    assert_eq!(lab.ask(1_299_999, 256), Err(AskError::NoIdentifier(bng())));
    assert!(lab.ask(1_300_000, 256).is_ok());
}

#[derive(Clone, Debug)]
enum Act {
    Ask(u32),
    Pass(u64),
    Answer(usize),
    GiveUp(u32),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..400_u32).prop_map(Act::Ask),
        2 => (0..200_000_u64).prop_map(Act::Pass),
        4 => any::<usize>().prop_map(Act::Answer),
        1 => (0..400_u32).prop_map(Act::GiveUp),
    ]
}

proptest! {
    #[test]
    fn n10_no_identifier_means_two_things_within_300_seconds(
        acts in prop::collection::vec(act(), 1..600)
    ) {
        let mut lab = Lab::new(2, Dialect::generic());
        let mut now = 0;
        let mut last_sent: HashMap<(u16, u8), (u64, Vec<u8>)> = HashMap::new();
        let mut seen: Vec<Sending> = Vec::new();
        for act in acts {
            match act {
                Act::Ask(session) => {
                    prop_assert!(matches!(
                        lab.ask(now, session),
                        Ok(()) | Err(AskError::NoIdentifier(_))
                    ));
                }
                Act::Pass(millis) => now += millis,
                Act::Answer(which) => {
                    if let Some(sending) = which.checked_rem(seen.len()).map(|at| &seen[at]) {
                        let answer = lab.exchanges.received(
                            Millis(now), sending.port, sending.to, &sending.ack());
                        let known = matches!(
                            answer,
                            Ok(_) | Err(AnswerError::Unasked { .. } | AnswerError::Unverified)
                        );
                        prop_assert!(known, "{answer:?}");
                    }
                }
                Act::GiveUp(session) => lab.exchanges.give_up(&session),
            }
            for sending in lab.due(now).0 {
                let place = (sending.port, sending.identifier());
                if let Some((at, octets)) = last_sent.get(&place) {
                    prop_assert!(*octets == sending.datagram || now >= at + 300_000);
                }
                last_sent.insert(place, (now, sending.datagram.clone()));
                seen.push(sending);
            }
            let exchanges = &lab.exchanges;
            prop_assert_eq!(exchanges.due.len(), exchanges.len());
            prop_assert_eq!(exchanges.of_session.len(), exchanges.len());
        }
    }
}

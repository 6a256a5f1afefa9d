//! Every state with every input, and the ways through from end to end.

use super::*;

use Alarm::PaidButBlocked;
use LadderInput as In;
use LadderStep as Step;

const LAST: u8 = 4;

fn at(state: State) -> Ladder {
    Ladder {
        goal: Goal::Full,
        state,
    }
}

fn states() -> [State; 12] {
    [
        State::Changing,
        State::Confirming { no_news: 0 },
        State::Confirming { no_news: 2 },
        State::Disconnecting { failed: 0 },
        State::Disconnecting { failed: LAST },
        State::Ending {
            failed: 1,
            no_news: 0,
        },
        State::Ending {
            failed: 1,
            no_news: 2,
        },
        State::Ending {
            failed: LAST,
            no_news: 2,
        },
        State::Pausing { failed: 2 },
        State::AwaitingLogin,
        State::Alarmed,
        State::Settled,
    ]
}

/// What each state makes of an input, in the order of [`states`]; `None`: nothing changes.
fn expect(input: In, expected: [Option<(State, Step)>; 12]) {
    for (state, expected) in states().into_iter().zip(expected) {
        let (ladder, step) = at(state).next(input);
        let wanted = expected.unwrap_or((state, Step::Wait));
        assert_eq!((ladder.state(), step), wanted, "{state:?} and {input:?}");
        assert_eq!(ladder.goal(), Goal::Full);
    }
}

const DISCONNECT: Option<(State, Step)> =
    Some((State::Disconnecting { failed: 0 }, Step::Disconnect));
const FORGET: Option<(State, Step)> = Some((State::AwaitingLogin, Step::Forget));
const ALARM: Option<(State, Step)> = Some((State::Alarmed, Step::Alarm(PaidButBlocked)));
const DONE: Option<(State, Step)> = Some((State::Settled, Step::Done));

const fn pause(failed: u8, seconds: u32) -> Option<(State, Step)> {
    Some((State::Pausing { failed }, Step::Pause { seconds }))
}

#[test]
fn n11_an_ack_is_no_proof() {
    let n = None;
    let confirming = Some((State::Confirming { no_news: 0 }, Step::Wait));
    let ending = |failed| Some((State::Ending { failed, no_news: 0 }, Step::Wait));
    let expected = [
        confirming,
        n,
        n,
        ending(0),
        ending(LAST),
        n,
        n,
        n,
        n,
        n,
        n,
        n,
    ];
    expect(In::Answer(Answer::Ack), expected);
}

#[test]
fn n11_session_that_the_nas_does_not_know_is_forgotten() {
    let n = None;
    for number in [201, 503] {
        let cause = Some(ErrorCause::from_number(number));
        let expected = [FORGET, n, n, FORGET, FORGET, n, n, n, n, n, n, n];
        expect(In::Answer(Answer::Nak(cause)), expected);
    }
}

#[test]
fn n11_every_other_refusal_leads_to_disconnect_and_then_to_a_pause() {
    let n = None;
    let mut causes = vec![
        None,
        Some(ErrorCause::Other(0)),
        Some(ErrorCause::Other(999)),
    ];
    for number in (401..=407).chain(501..=508).chain([202]) {
        if number != 503 && number != 507 {
            causes.push(Some(ErrorCause::from_number(number)));
        }
    }
    assert_eq!(causes.len(), 17);
    for cause in causes {
        let expected = [DISCONNECT, n, n, pause(1, 10), ALARM, n, n, n, n, n, n, n];
        expect(In::Answer(Answer::Nak(cause)), expected);
    }
}

#[test]
fn nas_that_asks_anew_by_itself_is_awaited() {
    let n = None;
    let confirming = Some((State::Confirming { no_news: 0 }, Step::Wait));
    let cause = Some(ErrorCause::RequestInitiated);
    let expected = [confirming, n, n, pause(1, 10), ALARM, n, n, n, n, n, n, n];
    expect(In::Answer(Answer::Nak(cause)), expected);
}

#[test]
fn n11_silence_leads_to_disconnect_and_then_to_a_pause() {
    let n = None;
    let expected = [DISCONNECT, n, n, pause(1, 10), ALARM, n, n, n, n, n, n, n];
    expect(In::Timeout, expected);
}

#[test]
fn what_cannot_be_asked_is_not_tried_again() {
    let n = None;
    let expected = [DISCONNECT, n, n, ALARM, ALARM, n, n, n, n, n, n, n];
    expect(In::CannotAsk, expected);
}

#[test]
fn n10_ack_without_effect_leads_to_disconnect() {
    let n = None;
    let expected = [
        n,
        DISCONNECT,
        DISCONNECT,
        n,
        n,
        pause(2, 30),
        pause(2, 30),
        ALARM,
        n,
        DISCONNECT,
        n,
        n,
    ];
    expect(In::NotConfirmed, expected);
}

#[test]
fn n10_three_intervals_without_a_word_are_no_proof_either() {
    let n = None;
    let still = Some((State::Confirming { no_news: 1 }, Step::Wait));
    let ending = Some((
        State::Ending {
            failed: 1,
            no_news: 1,
        },
        Step::Wait,
    ));
    let expected = [
        n,
        still,
        DISCONNECT,
        n,
        n,
        ending,
        pause(2, 30),
        ALARM,
        n,
        n,
        n,
        n,
    ];
    expect(In::NoNews, expected);
}

#[test]
fn pause_is_followed_by_another_disconnect() {
    let n = None;
    let again = Some((State::Disconnecting { failed: 2 }, Step::Disconnect));
    expect(In::PauseOver, [n, n, n, n, n, n, n, n, again, n, n, n]);
}

#[test]
fn proof_the_end_or_a_new_session_settles_every_state() {
    for input in [In::Confirmed, In::Ended, In::NewSession] {
        expect(input, [DONE; 12]);
    }
}

#[test]
fn n11_ladder_begins_with_a_change_where_the_dialect_has_one() {
    for dialect in Dialect::BUILT_IN {
        let coa = matches!(dialect.change, Change::Coa { .. });
        for goal in [Goal::Full, Goal::Garden] {
            let (_, step) = Ladder::new(goal, &dialect);
            assert_eq!(step == Step::Change, coa, "{} {goal:?}", dialect.name);
        }
        let (_, step) = Ladder::new(Goal::End, &dialect);
        assert_eq!(step, Step::Disconnect, "{}", dialect.name);
    }
}

#[test]
fn n11_a_nas_that_never_answers_ends_in_the_alarm_of_the_goal() {
    for (goal, alarm) in [
        (Goal::Full, PaidButBlocked),
        (Goal::Garden, Alarm::WalledButOpen),
        (Goal::End, Alarm::EndedButOpen),
    ] {
        let (mut ladder, mut step) = Ladder::new(goal, &Dialect::mikrotik());
        let mut pauses = Vec::new();
        let mut asked = 0;
        let told = loop {
            let input = match step {
                Step::Change | Step::Disconnect => {
                    asked += 1;
                    assert!(asked < 100, "no end");
                    In::Timeout
                }
                Step::Pause { seconds } => {
                    pauses.push(seconds);
                    In::PauseOver
                }
                Step::Alarm(told) => break told,
                Step::Wait | Step::Forget | Step::Done => panic!("{step:?} from silence"),
            };
            (ladder, step) = ladder.next(input);
        };
        assert_eq!((told, pauses), (alarm, RETRY_AFTER_SECONDS.to_vec()));
        assert_eq!(asked, if goal == Goal::End { 5 } else { 6 });
        assert_eq!(ladder.next(In::NewSession).1, Step::Done, "the alarm ends");
    }
}

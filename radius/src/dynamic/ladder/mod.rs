//! The rungs from asking politely to giving up, as a pure state machine (N11).
//!
//! | state | what happened | next |
//! | --- | --- | --- |
//! | changing | ACK, or NAK 507 (the NAS asks anew) | wait for proof |
//! | changing | NAK 201 or 503: no such session | forget it, wait for a login |
//! | changing | any other NAK, no answer | disconnect |
//! | confirming | it shows no effect, or nothing for [`NO_NEWS_MAX`] intervals | disconnect |
//! | disconnecting | ACK | wait for the end |
//! | disconnecting | NAK 201 or 503 | forget it, wait for a login |
//! | disconnecting | any other NAK, no answer | again after a pause, at last an alarm |
//!
//! All other refusals of a change go one way: 401, 402, 404 to 407 and 508 say that this NAS does not
//! take our CoA as it is and would not the next time; 403, 501, 502, 504, 505 and 506 may pass, but a
//! subscriber who has paid must not wait for that, and a Disconnect asks less of the NAS.
//!
//! Not here: sending ([`super::exchanges`]), clocks, and the garden of this router, which comes first.

#[cfg(test)]
mod tests;

use super::{Answer, ErrorCause};
use crate::dialect::{Change, Dialect};

/// So many accounting intervals may pass after an ACK without a word of the session.
pub const NO_NEWS_MAX: u8 = 3;

/// The pause before each further Disconnect, in seconds; after the last one there is an alarm.
pub const RETRY_AFTER_SECONDS: [u32; 4] = [10, 30, 90, 300];

/// What a session shall come to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Goal {
    /// Full access with its rates: out of the garden, or another plan.
    Full,
    /// Into the garden.
    Garden,
    /// No session at all.
    End,
}

/// What an operator must look at.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Alarm {
    /// Has paid, and nothing brings the session out of the garden.
    PaidButBlocked,
    /// Has not paid, and nothing brings the session into the garden.
    WalledButOpen,
    /// Has no subscription, and nothing ends the session.
    EndedButOpen,
}

impl Goal {
    /// What it is called when it is not reached.
    pub const fn alarm(self) -> Alarm {
        match self {
            Self::Full => Alarm::PaidButBlocked,
            Self::Garden => Alarm::WalledButOpen,
            Self::End => Alarm::EndedButOpen,
        }
    }
}

/// Where a session stands on its way to the goal.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// A CoA-Request is under way.
    Changing,
    /// The NAS says that it has changed the session.
    Confirming {
        /// Accounting intervals without a word of it.
        no_news: u8,
    },
    /// A Disconnect-Request is under way.
    Disconnecting {
        /// Disconnect-Requests that came to nothing.
        failed: u8,
    },
    /// The NAS says that it has ended the session.
    Ending {
        /// Disconnect-Requests that came to nothing.
        failed: u8,
        /// Accounting intervals without a word of it.
        no_news: u8,
    },
    /// Before another Disconnect-Request.
    Pausing {
        /// Disconnect-Requests that came to nothing.
        failed: u8,
    },
    /// The NAS does not know the session: the subscriber has none, or a new one that was told the goal.
    AwaitingLogin,
    /// Nothing helped.
    Alarmed,
    /// There.
    Settled,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LadderInput {
    /// The NAS answered the request under way.
    Answer(Answer),
    /// The NAS did not answer.
    Timeout,
    /// The request could not be made or sent.
    CannotAsk,
    /// Accounting or traffic shows that the session is at the goal.
    Confirmed,
    /// Accounting or traffic shows that it is not.
    NotConfirmed,
    /// An accounting interval passed without a word of the session.
    NoNews,
    /// The pause is over.
    PauseOver,
    /// The session has ended.
    Ended,
    /// The subscriber has a new session, which was told the goal when it began.
    NewSession,
}

/// What to do now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LadderStep {
    /// Send a CoA-Request with the goal's attributes.
    Change,
    /// Send a Disconnect-Request.
    Disconnect,
    /// Nothing until the next input.
    Wait,
    /// Say [`LadderInput::PauseOver`] after this.
    Pause {
        /// How long.
        seconds: u32,
    },
    /// Close the session in the books: its NAS does not know it.
    Forget,
    /// Tell an operator; inputs may still bring it to the goal.
    Alarm(Alarm),
    /// The goal is reached: the ladder can be dropped.
    Done,
}

/// One session on its way to a goal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ladder {
    goal: Goal,
    state: State,
}

impl Ladder {
    /// Begins: with a change where the dialect has one, and with a Disconnect where not.
    pub fn new(goal: Goal, dialect: &Dialect) -> (Self, LadderStep) {
        let changes = match (&dialect.change, goal) {
            (Change::Coa { .. }, Goal::Full | Goal::Garden) => true,
            (Change::Coa { .. }, Goal::End) | (Change::Disconnect, _) => false,
        };
        let (state, step) = if changes {
            (State::Changing, LadderStep::Change)
        } else {
            disconnect(0)
        };
        (Self { goal, state }, step)
    }

    /// Where the session shall come to.
    pub const fn goal(&self) -> Goal {
        self.goal
    }

    /// Where the session stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What follows from what happened.
    #[must_use]
    pub fn next(self, input: LadderInput) -> (Self, LadderStep) {
        let (state, step) = self.transition(input);
        (Self { state, ..self }, step)
    }

    fn transition(self, input: LadderInput) -> (State, LadderStep) {
        let stay = (self.state, LadderStep::Wait);
        match input {
            LadderInput::Confirmed | LadderInput::Ended | LadderInput::NewSession => {
                (State::Settled, LadderStep::Done)
            }
            LadderInput::Answer(answer) => self.answered(answer),
            LadderInput::Timeout => match self.state {
                State::Changing => disconnect(0),
                State::Disconnecting { failed } => self.failed(failed),
                State::Confirming { .. }
                | State::Ending { .. }
                | State::Pausing { .. }
                | State::AwaitingLogin
                | State::Alarmed
                | State::Settled => stay,
            },
            LadderInput::CannotAsk => match self.state {
                State::Changing => disconnect(0),
                // What cannot be asked now cannot be asked later.
                State::Disconnecting { .. } => self.alarm(),
                State::Confirming { .. }
                | State::Ending { .. }
                | State::Pausing { .. }
                | State::AwaitingLogin
                | State::Alarmed
                | State::Settled => stay,
            },
            LadderInput::NotConfirmed => match self.state {
                // The session lives, so there is something to disconnect.
                State::Confirming { .. } | State::AwaitingLogin => disconnect(0),
                State::Ending { failed, .. } => self.failed(failed),
                State::Changing
                | State::Disconnecting { .. }
                | State::Pausing { .. }
                | State::Alarmed
                | State::Settled => stay,
            },
            LadderInput::NoNews => self.no_news(),
            LadderInput::PauseOver => match self.state {
                State::Pausing { failed } => disconnect(failed),
                State::Changing
                | State::Confirming { .. }
                | State::Disconnecting { .. }
                | State::Ending { .. }
                | State::AwaitingLogin
                | State::Alarmed
                | State::Settled => stay,
            },
        }
    }

    fn answered(self, answer: Answer) -> (State, LadderStep) {
        let gone = match answer {
            Answer::Ack => false,
            Answer::Nak(cause) => cause.is_some_and(session_is_gone),
        };
        match self.state {
            State::Changing | State::Disconnecting { .. } if gone => {
                (State::AwaitingLogin, LadderStep::Forget)
            }
            State::Changing => match answer {
                Answer::Ack | Answer::Nak(Some(ErrorCause::RequestInitiated)) => {
                    (State::Confirming { no_news: 0 }, LadderStep::Wait)
                }
                Answer::Nak(_) => disconnect(0),
            },
            State::Disconnecting { failed } => match answer {
                Answer::Ack => (State::Ending { failed, no_news: 0 }, LadderStep::Wait),
                Answer::Nak(_) => self.failed(failed),
            },
            State::Confirming { .. }
            | State::Ending { .. }
            | State::Pausing { .. }
            | State::AwaitingLogin
            | State::Alarmed
            | State::Settled => (self.state, LadderStep::Wait),
        }
    }

    fn no_news(self) -> (State, LadderStep) {
        match self.state {
            State::Confirming { no_news } if no_news + 1 < NO_NEWS_MAX => {
                let no_news = no_news + 1;
                (State::Confirming { no_news }, LadderStep::Wait)
            }
            State::Confirming { .. } => disconnect(0),
            State::Ending { failed, no_news } if no_news + 1 < NO_NEWS_MAX => {
                let no_news = no_news + 1;
                (State::Ending { failed, no_news }, LadderStep::Wait)
            }
            // Neither an end nor a word: the NAS is asked what it knows of the session.
            State::Ending { failed, .. } => self.failed(failed),
            State::Changing
            | State::Disconnecting { .. }
            | State::Pausing { .. }
            | State::AwaitingLogin
            | State::Alarmed
            | State::Settled => (self.state, LadderStep::Wait),
        }
    }

    /// After a Disconnect-Request that came to nothing, with `failed` before it.
    fn failed(self, failed: u8) -> (State, LadderStep) {
        match RETRY_AFTER_SECONDS.get(usize::from(failed)) {
            Some(seconds) => {
                let failed = failed + 1;
                let seconds = *seconds;
                (State::Pausing { failed }, LadderStep::Pause { seconds })
            }
            None => self.alarm(),
        }
    }

    fn alarm(self) -> (State, LadderStep) {
        (State::Alarmed, LadderStep::Alarm(self.goal.alarm()))
    }
}

fn disconnect(failed: u8) -> (State, LadderStep) {
    (State::Disconnecting { failed }, LadderStep::Disconnect)
}

/// Whether the NAS says that there is no such session.
fn session_is_gone(cause: ErrorCause) -> bool {
    matches!(
        cause,
        ErrorCause::SessionContextNotFound | ErrorCause::ResidualSessionContextRemoved
    )
}

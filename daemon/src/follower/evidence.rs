//! What accounting proves of a NAS that has acknowledged: an ACK alone is no proof (N10).
//!
//! The first record after the ACK is where counting begins; from the next one on, what has passed since then
//! speaks:
//!
//! | asked for | proven | disproven |
//! | --- | --- | --- |
//! | release | more came than went, and [`FLOWS_OCTETS`] of it | the subscriber asks and next to nothing comes: no more than went, which is between [`ASKS_OCTETS`] and [`FLOWS_OCTETS`] |
//! | wall, or a slower plan | no more came than the rate allows, doubled | more came |
//! | the end of the session | – | it has a record [`STOP_DELAY_MAX`] after the ACK |
//!
//! Between the two there is nobody to be blocked: who does not use the line proves nothing, and where a NAS sends
//! no Interim-Updates nothing does. After [`watch_max`] the ACK is believed. The price of a wrong guess is one new
//! login; that of none is a subscriber who has paid and waits for Session-Timeout.

use std::time::Duration;

use garth_store::record::Session;
use garth_subscription::Timestamp;
use garth_subscription::time::Span;

/// From so many octets towards the subscriber on traffic flows.
const FLOWS_OCTETS: u64 = 64 * 1024;
/// From so many octets on somebody is at the other end: more than the keep-alives of some minutes.
const ASKS_OCTETS: u64 = 4 * 1024;
/// What may come beyond the rate: buffers, and what a NAS counts late.
const LATE_OCTETS: u64 = 1024 * 1024;
/// How long after its ACK to a Disconnect-Request a NAS may still tell of the session.
const STOP_DELAY_MAX: Span = Span::from_seconds(30);
/// How often a NAS reports that was not told otherwise, at least.
const INTERIM_SECONDS_MAX: u64 = 300;
/// What is added to two intervals.
const MARGIN_SECONDS: u64 = 60;

/// How long is waited for a proof: two intervals and a margin.
pub(super) fn watch_max(interim_seconds: u32) -> Duration {
    let interval = u64::from(interim_seconds).max(INTERIM_SECONDS_MAX);
    Duration::from_secs(2 * interval + MARGIN_SECONDS)
}

/// What the NAS says it has done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Claim {
    /// The subscriber is out of the garden, or faster.
    Released,
    /// The subscriber gets no more than this.
    Limited {
        /// Towards the subscriber.
        down_kbps: u32,
    },
    /// The session is over.
    Ended,
}

/// What the records say to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It is so.
    Proven,
    /// It is not.
    Disproven,
    /// Nothing yet.
    Open,
}

/// The counters of a session at one record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Sample {
    at: Timestamp,
    input_octets: u64,
    output_octets: u64,
}

/// Looks at a session's records after an ACK.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Watch {
    claim: Claim,
    acknowledged_at: Timestamp,
    first: Option<Sample>,
}

impl Watch {
    /// From the ACK on.
    pub(super) const fn new(claim: Claim, acknowledged_at: Timestamp) -> Self {
        Self {
            claim,
            acknowledged_at,
            first: None,
        }
    }

    /// Looks at the session as it is now, which lives.
    pub(super) fn look(&mut self, session: &Session) -> Verdict {
        let now = Sample {
            at: session.updated_at,
            input_octets: session.input_octets,
            output_octets: session.output_octets,
        };
        if now.at <= self.acknowledged_at {
            return Verdict::Open;
        }
        if self.claim == Claim::Ended {
            return match now.at > self.acknowledged_at.saturating_add(STOP_DELAY_MAX) {
                true => Verdict::Disproven,
                false => Verdict::Open,
            };
        }
        let first = *self.first.get_or_insert(now);
        if now.at <= first.at {
            return Verdict::Open;
        }
        judge(self.claim, first, now)
    }
}

fn judge(claim: Claim, first: Sample, now: Sample) -> Verdict {
    let input = now.input_octets.saturating_sub(first.input_octets);
    let output = now.output_octets.saturating_sub(first.output_octets);
    match claim {
        Claim::Released if output > input && output >= FLOWS_OCTETS => Verdict::Proven,
        Claim::Released if output <= input && (ASKS_OCTETS..FLOWS_OCTETS).contains(&input) => {
            Verdict::Disproven
        }
        Claim::Released | Claim::Ended => Verdict::Open,
        Claim::Limited { down_kbps } => {
            let seconds = u64::try_from(now.at.since(first.at).seconds()).unwrap_or(0);
            // 1 kbit/s is 125 octets a second.
            let allowed = 2 * 125 * u64::from(down_kbps) * seconds + LATE_OCTETS;
            if output > allowed {
                Verdict::Disproven
            } else {
                Verdict::Proven
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use garth_store::record::{NasNames, SessionKey};

    use super::*;

    const ACK: &str = "2026-11-21T12:00:00Z";

    fn session(after_seconds: u32, input_octets: u64, output_octets: u64) -> Session {
        let ack: Timestamp = ACK.parse().unwrap();
        Session {
            key: SessionKey {
                nas: "bng/192.0.2.1".into(),
                acct_session_id: b"1".as_slice().into(),
            },
            subscription: None,
            user_name: None,
            framed_ipv4: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            mac: None,
            further_ipv6: Box::default(),
            nas_names: NasNames::default(),
            nas_port: None,
            nas_port_id: None,
            started_at: ack,
            updated_at: ack.saturating_add(Span::from_seconds(after_seconds)),
            stopped_at: None,
            terminate_cause: None,
            input_octets,
            output_octets,
            session_time: 0,
        }
    }

    /// What is said at the second record, two minutes after the first, by what passed between them.
    fn at_second(claim: Claim, input: u64, output: u64) -> Verdict {
        let mut watch = Watch::new(claim, ACK.parse().unwrap());
        assert_eq!(watch.look(&session(0, 5, 5)), Verdict::Open, "before");
        assert_eq!(watch.look(&session(60, 9_000_000, 9)), Verdict::Open);
        assert_eq!(watch.look(&session(60, 9_000_000, 9)), Verdict::Open);
        watch.look(&session(180, 9_000_000 + input, 9 + output))
    }

    #[test]
    fn n10_traffic_proves_a_release_and_unanswered_requests_disprove_it() {
        let released = |input, output| at_second(Claim::Released, input, output);
        assert_eq!(released(100_000, 2_000_000), Verdict::Proven);
        assert_eq!(released(10_000, FLOWS_OCTETS), Verdict::Proven);
        assert_eq!(released(10_000, 9_000), Verdict::Disproven);
        assert_eq!(released(ASKS_OCTETS, ASKS_OCTETS), Verdict::Disproven);
        assert_eq!(released(ASKS_OCTETS - 1, 0), Verdict::Open, "nobody there");
        assert_eq!(released(50_000_000, 900_000), Verdict::Open, "an upload");
        assert_eq!(released(10_000, FLOWS_OCTETS - 1), Verdict::Open);
    }

    #[test]
    fn n10_more_than_the_rate_disproves_a_wall() {
        let claim = Claim::Limited { down_kbps: 1_000 };
        let allowed = 2 * 125 * 1_000 * 120 + LATE_OCTETS;
        assert_eq!(at_second(claim, 0, allowed), Verdict::Proven);
        assert_eq!(at_second(claim, 0, allowed + 1), Verdict::Disproven);
        assert_eq!(at_second(claim, 0, 0), Verdict::Proven);
    }

    #[test]
    fn n10_a_session_that_goes_on_long_after_the_ack_was_not_ended() {
        let mut watch = Watch::new(Claim::Ended, ACK.parse().unwrap());
        assert_eq!(watch.look(&session(0, 0, 0)), Verdict::Open);
        assert_eq!(watch.look(&session(30, 0, 0)), Verdict::Open, "its last");
        assert_eq!(watch.look(&session(31, 0, 0)), Verdict::Disproven);
    }

    #[test]
    fn two_intervals_are_waited_for() {
        assert_eq!(watch_max(0), Duration::from_secs(660));
        assert_eq!(watch_max(120), Duration::from_secs(660));
        assert_eq!(watch_max(600), Duration::from_secs(1_260));
    }
}

//! One-time passes: an operator opens the portal as a subscriber (L20).
//!
//! A pass is 256 random bits in a link. Only its digest is kept, in memory, for some minutes; it
//! opens once. What is done behind it bears the operator's name and is no more than the subscriber
//! may do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use garth_captive_portal::desk::Pass;
use garth_store::write::CommandRequest;
use garth_subscription::command::Note;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::text::ActorName;
use garth_subscription::time::Span;
use garth_subscription::{Command, Order, Timestamp};
use http::Response;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::Peer;
use super::routes::Call;
use super::wire::hex;

/// How long a pass is good for.
pub(crate) const PASS_LIFETIME: Span = Span::from_seconds(5 * 60);
/// The most passes that wait to be used; the oldest gives way.
const PASSES_MAX: usize = 64;
/// Octets of a pass.
const PASS_LEN: usize = 32;

/// Passes that were not used yet.
#[derive(Default)]
pub struct Passes(Mutex<VecDeque<Issued>>);

struct Issued {
    digest: [u8; 32],
    pass: Pass,
    until: Timestamp,
}

impl Passes {
    /// A new pass, as 64 hexadecimal digits.
    pub(crate) fn issue(
        &self,
        subscription: SubscriptionId,
        operator: ActorName,
        now: Timestamp,
    ) -> String {
        let mut token = [0; PASS_LEN];
        getrandom::fill(&mut token).expect("the system has randomness from boot on");
        let token = hex(&token);
        let mut waiting = self.waiting(now);
        if waiting.len() >= PASSES_MAX {
            waiting.pop_front();
        }
        waiting.push_back(Issued {
            digest: Sha256::digest(&token).into(),
            pass: Pass {
                subscription,
                operator,
            },
            until: now.saturating_add(PASS_LIFETIME),
        });
        token
    }

    /// What a pass opens. It is used up by this.
    pub(crate) fn redeem(&self, token: &str, now: Timestamp) -> Option<Pass> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut waiting = self.waiting(now);
        let at = waiting.iter().position(|issued| issued.digest == digest)?;
        waiting.remove(at).map(|issued| issued.pass)
    }

    /// Those that are good at `now`.
    fn waiting(&self, now: Timestamp) -> MutexGuard<'_, VecDeque<Issued>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|issued| now < issued.until);
        waiting
    }
}

/// Where passes lead, and who lets in by them.
#[derive(Clone)]
pub struct PortalDoor {
    /// What the portal lets in by.
    pub passes: Arc<Passes>,
    /// The portal's address, without a slash at its end.
    pub public_url: String,
}

/// What `POST /v1/subscriptions/{name}/open` answers.
#[derive(Debug, Deserialize, Serialize)]
pub struct PassBody {
    /// The link: it opens once.
    pub url: String,
    /// Until when, RFC 3339.
    pub expires_at: String,
    /// Whose portal it opens.
    pub subscription: String,
}

impl Admin {
    /// Makes a pass for the operator who asks; viewers do not get here.
    pub(super) async fn subscription_open(
        &self,
        call: &Call,
        peer: &Peer,
    ) -> Result<Response<Body>, Problem> {
        let door = self
            .door
            .get()
            .ok_or_else(|| Problem::not_found("there is no portal: [portal] is not configured"))?;
        let id = self.named(&call.name).await?.facts.id;
        let actor = peer
            .actor()
            .ok_or_else(|| Problem::forbidden("a viewer opens nothing"))?;
        // Written down before there is a link: nobody looks in unrecorded.
        let order = Order {
            actor,
            reason: None,
            note: Note::default(),
            command: Command::OpenPortal,
        };
        let request = CommandRequest {
            subscription: id,
            order,
            command_id: None,
        };
        self.store.command(request).await?;
        let now = self.store.now();
        let token = door.passes.issue(id, peer.name.clone(), now);
        tracing::info!(operator = %peer.name, subscription = %id, "a pass to the portal is issued");
        Ok(body::ok(&PassBody {
            url: format!("{}/pass/{token}", door.public_url.trim_end_matches('/')),
            expires_at: now.saturating_add(PASS_LIFETIME).to_string(),
            subscription: id.to_string(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn issue(passes: &Passes, number: u128) -> String {
        let id = SubscriptionId(Uuid::from_u128(number));
        passes.issue(id, "anna".parse().unwrap(), at(0))
    }

    #[test]
    fn l20_a_pass_opens_once_and_for_some_minutes() {
        let passes = Passes::default();
        let (token, late) = (issue(&passes, 1), issue(&passes, 2));
        let pass = passes.redeem(&token, at(1)).unwrap();
        assert_eq!(pass.operator.as_str(), "anna");
        assert_eq!(pass.subscription, SubscriptionId(Uuid::from_u128(1)));
        assert_eq!(passes.redeem(&token, at(1)), None, "a second time");
        assert_eq!(passes.redeem("", at(1)), None);
        assert_eq!(
            passes.redeem(&late, at(0).saturating_add(PASS_LIFETIME)),
            None
        );
    }

    #[test]
    fn the_oldest_pass_gives_way() {
        let passes = Passes::default();
        let tokens: Vec<String> = (0..=64).map(|number| issue(&passes, number)).collect();
        assert_eq!(passes.redeem(&tokens[0], at(1)), None);
        assert!(passes.redeem(&tokens[1], at(1)).is_some());
    }
}

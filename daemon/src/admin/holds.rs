//! Time that is held (E3, E13): what holds it, and a person's word that lets it go on.

use garth_store::{HoldKind, TimeHold};
use http::{Request, Response};
use hyper::body::Incoming;
use serde::Deserialize;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::{AdminRole, Peer};
use super::routes::Call;
use super::subscription::Change;
use super::wire::TimeHoldBody;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Admin {
    /// What holds time now.
    pub(crate) fn holds(&self) -> Vec<TimeHoldBody> {
        self.store.holds().into_iter().map(Into::into).collect()
    }

    pub(crate) async fn hold_confirm(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let kind = kind(&call.name)?;
        let Nothing {} = body::read_json(request.into_body()).await?;
        permit(kind, peer)?;
        if change.dry_run {
            let held = self.store.holds().into_iter();
            let held = held.filter(|held| held.hold.kind() == kind);
            let found: Vec<TimeHoldBody> = held.map(Into::into).collect();
            let detail = || format!("time is not held by {kind}");
            let first = found.first();
            let first = first.ok_or_else(|| Problem::refused(detail()).with_rule("E3"))?;
            return Ok(body::ok(first));
        }
        let actor = change.actor.name.clone();
        let confirmed: TimeHold = self.store.confirm_hold(kind, change.actor).await?;
        tracing::warn!(
            actor = %actor.as_str().escape_debug(),
            kind = kind.as_str(),
            "hold of time confirmed"
        );
        Ok(body::ok(&TimeHoldBody::from(confirmed)))
    }
}

fn kind(name: &str) -> Result<HoldKind, Problem> {
    let found = HoldKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    found.ok_or_else(|| {
        let known = HoldKind::ALL.map(HoldKind::as_str).join(", ");
        Problem::malformed(format!("{name:?} is none of {known}"))
    })
}

/// A mass change takes the same role as a bulk over the breaker.
fn permit(kind: HoldKind, peer: &Peer) -> Result<(), Problem> {
    let is_approver = peer.role.is_some_and(|role| role >= AdminRole::Approver);
    match kind {
        HoldKind::MassChange if !is_approver => {
            let detail = "confirming a mass change takes the role approver";
            Err(Problem::forbidden(detail).with_rule("E13"))
        }
        HoldKind::MassChange | HoldKind::ClockJump | HoldKind::ClockBehind => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e13_a_mass_change_takes_an_approver_and_a_clock_an_operator() {
        for (role, is_allowed) in [
            (AdminRole::Operator, false),
            (AdminRole::Approver, true),
            (AdminRole::Support, true),
        ] {
            let peer = Peer {
                name: "bob".parse().unwrap(),
                role: Some(role),
            };
            assert_eq!(
                permit(HoldKind::MassChange, &peer).is_ok(),
                is_allowed,
                "{role:?}"
            );
            assert_eq!(permit(HoldKind::ClockJump, &peer), Ok(()));
        }
    }
}

//! Who may give which command (LIFECYCLE section 4, column "who").

use crate::command::{Command, Order, Role, Tender};
use crate::facts::SuspendCause;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub(super) fn authorise(order: &Order, now: Timestamp, policy: &Policy) -> Result<(), Refusal> {
    let (role, command) = (order.actor.role, &order.command);
    if !is_allowed(role, command) {
        return Err(Refusal::Role {
            role,
            command: command.kind(),
        });
    }
    // L30: the note of who did it and when is the operator's word for the past.
    match order.note.performed_at {
        Some(performed_at) if performed_at > now => Err(Refusal::PerformedLater(performed_at)),
        Some(_) | None => switched_on(role, command, policy),
    }
}

pub(super) fn is_allowed(role: Role, command: &Command) -> bool {
    let staff_or_ledger = role.is_staff() || role == Role::Ledger;
    let anyone = staff_or_ledger || role == Role::Customer;
    match command {
        Command::Create(_)
        | Command::Lift
        | Command::Grace { .. }
        | Command::Disable { .. }
        | Command::Enable
        | Command::SetRenewal(_) => staff_or_ledger,
        Command::Pay { tender, .. } | Command::Reactivate { tender, .. } => match tender {
            Tender::Balance => anyone,
            Tender::Captured { .. } | Tender::Provisional { .. } => staff_or_ledger,
        },
        // E6: money may also be taken at the desk for a price that was promised.
        Command::Capture { offer: Some(_), .. } => staff_or_ledger,
        Command::Capture { offer: None, .. }
        | Command::Refund { .. }
        | Command::Chargeback { .. }
        | Command::Post { .. }
        | Command::Void { .. } => role == Role::Ledger,
        Command::Cancel
        | Command::ChangePlan { .. }
        | Command::CancelChange
        | Command::Terminate { .. }
        | Command::CancelTermination => anyone,
        Command::Pause { is_locked, .. } => {
            staff_or_ledger || (role == Role::Customer && !is_locked)
        }
        Command::Postpone { .. } => role.is_staff() || role == Role::Customer,
        Command::EndPause => anyone || role == Role::Timer,
        Command::RequestChange { .. } => role == Role::Customer,
        Command::StartDue
        | Command::ExpiryDue
        | Command::PauseDue
        | Command::ChangeDue
        | Command::TerminateDue => role == Role::Timer,
        Command::Suspend { cause, .. } => match cause {
            SuspendCause::Overdue => matches!(role, Role::Ledger | Role::Timer),
            SuspendCause::Fraud | SuspendCause::Operator => staff_or_ledger,
        },
        Command::Reinstate => matches!(role, Role::Support | Role::Ledger),
        Command::RequestRevert(_) | Command::OpenPortal => role.is_staff(),
        Command::ApproveRevert(_) | Command::DenyRevert(_) => {
            matches!(role, Role::Approver | Role::Support | Role::Ledger)
        }
    }
}

/// What policy leaves to subscribers.
fn switched_on(role: Role, command: &Command, policy: &Policy) -> Result<(), Refusal> {
    if role != Role::Customer {
        return Ok(());
    }
    let (is_on, what, rule) = match command {
        Command::Reactivate { .. } => (
            policy.customer_reactivation,
            "reactivation by subscribers",
            "L12",
        ),
        Command::Pause { .. } => (policy.pause.customer, "pausing by subscribers", "L28"),
        Command::Pay { then_pause, .. } => (
            !then_pause || policy.pause.customer,
            "pausing by subscribers",
            "L28",
        ),
        Command::Postpone { .. } => (
            policy.suspension.customer_postpone,
            "postponing by subscribers",
            "L14",
        ),
        Command::ChangePlan { .. } => (
            policy.change.self_change,
            "changing the plan by subscribers",
            "L15",
        ),
        Command::RequestChange { .. } => (
            policy.change.request_change,
            "asking for a change of plan",
            "L15",
        ),
        Command::Terminate { .. } => (
            policy.customer_termination,
            "termination by subscribers",
            "T18",
        ),
        Command::Create(_)
        | Command::StartDue
        | Command::Cancel
        | Command::Capture { .. }
        | Command::ExpiryDue
        | Command::SetRenewal(_)
        | Command::PauseDue
        | Command::EndPause
        | Command::Suspend { .. }
        | Command::Lift
        | Command::Grace { .. }
        | Command::Disable { .. }
        | Command::Enable
        | Command::CancelChange
        | Command::ChangeDue
        | Command::TerminateDue
        | Command::CancelTermination
        | Command::Reinstate
        | Command::RequestRevert(_)
        | Command::ApproveRevert(_)
        | Command::DenyRevert(_)
        | Command::OpenPortal
        | Command::Refund { .. }
        | Command::Chargeback { .. }
        | Command::Post { .. }
        | Command::Void { .. } => return Ok(()),
    };
    if is_on {
        Ok(())
    } else {
        Err(Refusal::SwitchedOff { what, rule })
    }
}

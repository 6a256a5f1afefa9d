//! Which gateway is on: one or none.

use std::sync::Arc;

use crate::gateway::Gateway;
use crate::sandbox::SandboxGateway;

/// The gateway that takes the money. An enum, so that the sandbox can never stand beside a real
/// one: turning it on means turning the other off.
#[derive(Clone, Default)]
pub enum Gateways {
    /// No card payments.
    #[default]
    Off,
    /// Test mode: no real money moves, and every page says so.
    Sandbox(Arc<SandboxGateway>),
}

impl Gateways {
    /// The one that is on.
    #[must_use]
    pub fn active(&self) -> Option<&dyn Gateway> {
        match self {
            Self::Off => None,
            Self::Sandbox(gateway) => Some(gateway.as_ref()),
        }
    }
}

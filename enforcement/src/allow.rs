//! Destinations opened to the garden for a while: where a resolver's answers go before it replies.
//!
//! A handle of its own beside [`crate::Garden`], so that names resolve while the garden is being changed.
//!
//! Not here: which names are allowed (`captive-portal`).

use std::net::IpAddr;
use std::time::Duration;

use crate::error::{Error, Operation};
use crate::netlink::{Socket, tables};

/// Opens destinations to the garden, on TCP 443, each for its own time.
#[derive(Debug)]
pub struct Allow {
    socket: Socket,
}

impl Allow {
    /// A handle for the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] or [`Error::NotInKernel`].
    pub fn open() -> Result<Self, Error> {
        Ok(Self {
            socket: Socket::open().map_err(Error::of(Operation::OpenSocket))?,
        })
    }

    /// Opens `addresses` for `hold` from now; it is in force when this returns. An address that is open
    /// already gets the new time. All of them in one transaction.
    ///
    /// # Errors
    ///
    /// [`Error::AllowFull`]: none was opened. [`Error::NoTable`]: the garden is not installed.
    pub fn admit(&mut self, addresses: &[IpAddr], hold: Duration) -> Result<(), Error> {
        tables::allow(&mut self.socket, addresses, hold).map_err(Error::of(Operation::Allow))
    }
}

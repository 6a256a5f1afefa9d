//! How a worker's thread gets its turn: soon, and for a short time.
//!
//! An Access-Request takes microseconds and somebody waits for it; a commit or an import beside it takes its
//! processor for milliseconds. The kernel weighs both by what they ask for: a thread that asks for short turns
//! interrupts one with longer turns as soon as it has something to do (Linux 6.12 and later), and gets no more
//! of the processor for it. So a flood of this port cannot starve the rest, as it could with real-time priority.
//!
//! Needs no right but to be what it is; the nice value needs `LimitNICE` of the unit of systemd, or root.

#![expect(
    unsafe_code,
    reason = "one system call that has no safe wrapper: sched_setattr(2)"
)]

use std::io;

use nix::libc::{SCHED_OTHER, SYS_sched_setattr, c_long, sched_attr, syscall};

/// The turn asked for, in nanoseconds: the shortest the kernel takes, and time for a batch or more.
const TURN_NANOSECONDS: u64 = 100_000;
/// As nice(1) counts it.
const NICE: i32 = -10;

/// Asks for short turns ahead of others, or for short turns alone where there is no right to more.
pub(super) fn soon_and_short() {
    if let Err(error) = ask(NICE).or_else(|_| ask(0)) {
        tracing::debug!(%error, "authentication waits its turn like everything else");
    }
}

/// Sets this thread's turn and nice value.
fn ask(nice: i32) -> io::Result<()> {
    let attributes = sched_attr {
        size: u32::try_from(size_of::<sched_attr>()).expect("it is 48 octets"),
        sched_policy: SCHED_OTHER.cast_unsigned(),
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: TURN_NANOSECONDS,
        sched_deadline: 0,
        sched_period: 0,
    };
    const THIS_THREAD: c_long = 0;
    const NO_FLAGS: c_long = 0;
    // SAFETY: the kernel reads `size` octets of `attributes`, which lives until the call returns, and writes nothing.
    let failed = unsafe {
        syscall(
            SYS_sched_setattr,
            THIS_THREAD,
            &raw const attributes,
            NO_FLAGS,
        )
    };
    if failed == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_may_ask_for_short_turns() {
        ask(0).unwrap();
    }
}

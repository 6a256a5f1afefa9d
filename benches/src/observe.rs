//! What the kernel says of another process: processor time, memory, switches, lost datagrams.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::time::ClockId;
use nix::unistd::Pid;

/// A field of `/proc/PID/status` that counts.
fn status_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.strip_prefix(':')?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Processor time of all threads of `pid`, also those that ended, user and system together.
///
/// The process clock of POSIX (`clock_getcpuclockid`): nanoseconds, not ticks.
///
/// # Errors
/// When the process is gone.
pub fn cpu_time(pid: Pid) -> Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(pid).context("the processor time of a process")?;
    Ok(clock
        .now()
        .context("the processor time of a process")?
        .into())
}

/// Resident memory of `pid` in octets.
///
/// # Errors
/// When the process is gone.
pub fn resident(pid: Pid) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("a process's status")?;
    let kibibytes = status_field(&text, "VmRSS").context("VmRSS of a process")?;
    Ok(kibibytes * 1024)
}

/// How often the threads of a process gave up their processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Switches {
    /// To wait: for a datagram, a lock, a disk.
    pub voluntary: u64,
    /// Because something else was due.
    pub involuntary: u64,
}

/// Context switches of all threads of `pid` so far.
///
/// # Errors
/// When the process is gone.
pub fn switches(pid: Pid) -> Result<Switches> {
    let mut sum = Switches::default();
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the threads of a process")? {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(task.context("a thread")?.path().join("status")) else {
            continue;
        };
        sum.voluntary += status_field(&text, "voluntary_ctxt_switches").unwrap_or(0);
        sum.involuntary += status_field(&text, "nonvoluntary_ctxt_switches").unwrap_or(0);
    }
    Ok(sum)
}

/// The receive queue of a UDP port.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Queue {
    /// Octets that wait, as the kernel counts buffers.
    pub waiting: u64,
    /// Datagrams that found it full, so far.
    pub dropped: u64,
}

/// The receive queues of all sockets of this machine at IPv4 UDP `port`, summed.
///
/// # Errors
/// When the kernel does not tell.
pub fn queue(port: u16) -> Result<Queue> {
    let text = fs::read_to_string("/proc/net/udp").context("the UDP sockets")?;
    Ok(queue_in(&text, port))
}

fn queue_in(text: &str, port: u16) -> Queue {
    let suffix = format!(":{port:04X}");
    let mut sum = Queue::default();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (Some(local), Some(queues), Some(dropped)) =
            (fields.get(1), fields.get(4), fields.last())
        else {
            continue;
        };
        if local.ends_with(&suffix) {
            let waiting = queues.split_once(':').map_or("0", |(_, receive)| receive);
            sum.waiting += u64::from_str_radix(waiting, 16).unwrap_or(0);
            sum.dropped += dropped.parse().unwrap_or(0);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_fields_are_found_by_their_whole_name() {
        let text = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t3\nVmRSS:\t  12 kB\n";
        assert_eq!(status_field(text, "voluntary_ctxt_switches"), Some(3));
        assert_eq!(status_field(text, "VmRSS"), Some(12));
        assert_eq!(status_field(text, "Vm"), None);
    }

    #[test]
    fn queues_of_all_sockets_at_a_port_are_summed() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1: 0100007F:0714 00000000:0000 07 00000000:00000300 00:00000000 00000000 0 0 1 2 0 5\n\
             2: 0100007F:0714 00000000:0000 07 00000000:00000100 00:00000000 00000000 0 0 1 2 0 2\n\
             3: 0100007F:0715 00000000:0000 07 00000000:00000100 00:00000000 00000000 0 0 1 2 0 9\n";
        let sum = Queue {
            waiting: 0x400,
            dropped: 7,
        };
        assert_eq!(queue_in(text, 1812), sum);
    }

    #[test]
    fn own_processor_time_grows_with_work() {
        const WORK_MAX: usize = 1_000_000;
        let before = cpu_time(Pid::this()).unwrap();
        let mut random = crate::random::Random::new(1);
        let spent = (0..WORK_MAX).find_map(|_| {
            std::hint::black_box(random.next());
            let spent = cpu_time(Pid::this()).unwrap() - before;
            (spent >= Duration::from_millis(5)).then_some(spent)
        });
        assert!(spent.unwrap() < Duration::from_secs(5));
    }

    #[test]
    fn own_memory_grows_with_what_is_written_to_it() {
        const OCTETS: u64 = 64 << 20;
        let len = usize::try_from(OCTETS).unwrap();
        let before = resident(Pid::this()).unwrap();
        let reserved = std::hint::black_box(Vec::<u8>::with_capacity(len));
        let grown = resident(Pid::this()).unwrap() - before;
        assert!(grown < OCTETS / 2, "{grown}");
        let written = std::hint::black_box(vec![1_u8; len]);
        let grown = resident(Pid::this()).unwrap() - before;
        assert!((OCTETS / 2..2 * OCTETS).contains(&grown), "{grown}");
        drop((reserved, written));
    }

    #[test]
    fn a_thread_that_waits_switches_of_its_own_will() {
        let before = switches(Pid::this()).unwrap();
        let (ask, asked) = std::sync::mpsc::sync_channel(0);
        let (answer, answered) = std::sync::mpsc::sync_channel(0);
        let switched = std::thread::scope(|scope| {
            scope.spawn(move || asked.iter().try_for_each(|n: u32| answer.send(n)));
            for n in 0..100 {
                ask.send(n).unwrap();
                assert_eq!(answered.recv(), Ok(n));
            }
            let switched = switches(Pid::this()).unwrap();
            drop(ask);
            switched
        });
        assert!(
            switched.voluntary >= before.voluntary + 50,
            "{before:?} {switched:?}"
        );
    }
}

//! The edge: the garden in the kernel's tables.
//!
//! Promises: after a call returned without error, the sets hold exactly what is wanted and the old
//! connections of everybody named are gone. Every call may be repeated; none depends on the
//! outcome of the one before. The table is built by one run of `nft` (at start and when it was
//! lost): its text is what operators read and `nft` alone knows every kernel's encoding. Changes
//! of members never fork.
//!
//! Not here: deciding (`subscription`), when to look for drift (`daemon`).

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;

use crate::conntrack::{Conntrack, Flushed};
use crate::error::{Error, Operation};
use crate::netlink::Socket;
use crate::netlink::tables::{self, Blueprint, Range};
use crate::prefix::Prefix;
use crate::reconcile::{Drift, difference};
use crate::ruleset::Ruleset;
use crate::wanted::Wanted;

/// The most prefixes one [`Garden::apply`] takes, so that it is one transaction.
pub const PREFIXES_PER_CALL_MAX: usize = 16_384;
/// How often a repair is tried while others change the ruleset.
const REPAIR_ATTEMPTS_MAX: usize = 4;
/// Where `nft` may be: services often run without the `sbin` directories in their path.
const NFT: [&str; 3] = ["nft", "/usr/sbin/nft", "/sbin/nft"];
/// How much of what `nft` says is kept.
const NFT_MESSAGE_LEN: u64 = 2_048;

/// The garden of this router, in the network namespace of the thread that opened it.
///
/// There is one per namespace; a second one would fight over the same table.
#[derive(Debug)]
pub struct Garden {
    ruleset: Ruleset,
    socket: Socket,
    conntrack: Conntrack,
    wanted: Wanted,
    /// What the table consisted of right after it was installed.
    blueprint: Option<Blueprint>,
}

/// What a change did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Applied {
    /// Members added to the kernel's sets.
    pub added: usize,
    /// Members removed from them.
    pub removed: usize,
    /// How old connections were deleted.
    pub flushed: Flushed,
    /// What was found and repaired on the way; none when the kernel was as expected.
    pub repaired: Option<Drift>,
}

/// What the kernel holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actual {
    /// Whether the table consists of what was installed.
    pub intact: bool,
    /// The kernel's generation number: it grows with every change of any table by anyone.
    pub generation: u32,
    pub(crate) members: BTreeSet<Range>,
}

/// What becomes of the walled subscribers when the daemon stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leave {
    /// The table is removed: everybody is online.
    Open,
    /// The table stays: walled subscribers stay walled, without a portal.
    Closed,
}

impl Actual {
    /// A state of the kernel, for tests of what reads it.
    pub fn new(intact: bool, generation: u32, members: impl IntoIterator<Item = Prefix>) -> Self {
        Self {
            intact,
            generation,
            members: members.into_iter().map(Range::from).collect(),
        }
    }

    /// The walled prefixes, in order.
    pub fn members(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.members
            .iter()
            .flat_map(|range| Prefix::cover(range.family, range.first, range.last))
    }

    /// Whether any address of `prefix` is walled.
    pub fn blocks(&self, prefix: &Prefix) -> bool {
        let prefix = Range::from(*prefix);
        // Members do not overlap: only the last one that begins before the end of `prefix` can reach it.
        let end = Range {
            first: prefix.last,
            last: u128::MAX,
            ..prefix
        };
        let before = self.members.range(..=end).next_back();
        before.is_some_and(|member| member.family == prefix.family && member.last >= prefix.first)
    }
}

impl Garden {
    /// A garden with nobody in it. Changes nothing yet; [`Self::install`] is next.
    ///
    /// # Errors
    ///
    /// [`Error::Ruleset`], [`Error::NotPermitted`], [`Error::NotInKernel`].
    pub fn open(ruleset: Ruleset) -> Result<Self, Error> {
        ruleset.check()?;
        let opening = Error::of(Operation::OpenSocket);
        Ok(Self {
            ruleset,
            socket: Socket::open().map_err(&opening)?,
            conntrack: Conntrack::open().map_err(&opening)?,
            wanted: Wanted::default(),
            blueprint: None,
        })
    }

    /// Builds the table with `wanted` as its members, in the place of an earlier one, in one
    /// transaction. Open destinations of an earlier table stay open. Connections of whoever changed sides
    /// are deleted.
    ///
    /// # Errors
    ///
    /// Any of [`Error`] but [`Error::TooMany`]; a table that was there before is then unchanged.
    pub fn install(&mut self, wanted: Wanted) -> Result<Applied, Error> {
        self.wanted = wanted;
        self.build()
    }

    fn build(&mut self) -> Result<Applied, Error> {
        // Of a table that is missing or another program's, there is nothing to keep.
        let before = tables::members(&mut self.socket).unwrap_or_default();
        let allowed = tables::allowed(&mut self.socket).unwrap_or_default();
        let members: Vec<Prefix> = self.wanted.outermost().collect();
        self.replace(&self.ruleset.replacement(&members, &allowed))?;
        let (added, removed) = difference(&self.wanted, &before);
        let changed: Vec<Prefix> = added
            .iter()
            .chain(&removed)
            .flat_map(|range| Prefix::cover(range.family, range.first, range.last))
            .collect();
        let flushed = self.flush(&changed)?;
        Ok(Applied {
            added: added.len(),
            removed: removed.len(),
            flushed,
            repaired: None,
        })
    }

    /// Puts the table in place and remembers what it consists of. Should anybody else change the ruleset in
    /// between, it is done again, or their change might be remembered as ours. After the last attempt the
    /// table is there in any case, and a change of it in that moment would go unnoticed.
    fn replace(&mut self, text: &str) -> Result<(), Error> {
        let reading = Error::of(Operation::ReadTable);
        for _ in 0..REPAIR_ATTEMPTS_MAX {
            let before = self.generation()?;
            run_nft(text)?;
            self.blueprint = tables::blueprint(&mut self.socket).map_err(&reading)?;
            if self.blueprint.is_some() && self.generation()? == before.wrapping_add(1) {
                return Ok(());
            }
        }
        if self.blueprint.is_some() {
            Ok(())
        } else {
            Err(Error::NoTable)
        }
    }

    /// Walls and releases, in one transaction, then deletes the connections of everybody named. A prefix in
    /// both lists is released. Naming what is walled or released already is no error.
    /// The members change first, within microseconds; deleting connections may take tens of milliseconds, once
    /// for all prefixes of a call.
    ///
    /// When the kernel is not as expected, everything is repaired at once.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] and [`Error::Wanted`]: nothing changed. After any other the change is
    /// remembered, and repeating the call or [`Self::repair`] brings it about.
    pub fn apply(&mut self, wall: &[Prefix], release: &[Prefix]) -> Result<Applied, Error> {
        let given = wall.len() + release.len();
        if given > PREFIXES_PER_CALL_MAX {
            return Err(Error::TooMany { given });
        }
        let change = self.wanted.change(wall, release)?;
        let add: Vec<Range> = change.add.iter().copied().map(Range::from).collect();
        let remove: Vec<Range> = change.remove.iter().copied().map(Range::from).collect();
        let mut applied = Applied {
            added: add.len(),
            removed: remove.len(),
            ..Applied::default()
        };
        match tables::change_members(&mut self.socket, &remove, &add) {
            Ok(()) => (),
            Err(denied @ (Errno::EPERM | Errno::EACCES)) => {
                return Err(Error::of(Operation::ChangeMembers)(denied));
            }
            // The table or a member is not what it was; only comparing everything tells what is to be done.
            Err(_) => applied.repaired = Some(self.repair()?),
        }
        applied.flushed = self.flush(&[wall, release].concat())?;
        Ok(applied)
    }

    /// Reads what the kernel holds.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] or [`Error::Kernel`].
    pub fn inspect(&mut self) -> Result<Actual, Error> {
        let reading = Error::of(Operation::ReadTable);
        let generation = tables::generation(&mut self.socket).map_err(&reading)?;
        let found = tables::blueprint(&mut self.socket).map_err(&reading)?;
        let members = match tables::members(&mut self.socket) {
            // No table, or sets of another kind in its place: none of our members is there.
            Err(Errno::ENOENT | Errno::EBADMSG) => BTreeSet::new(),
            members => members.map_err(&reading)?,
        };
        Ok(Actual {
            intact: found.is_some() && found == self.blueprint,
            generation,
            members,
        })
    }

    /// The kernel's generation number. While it stays the same since an [`Self::inspect`], so does everything that
    /// was seen there.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] or [`Error::Kernel`].
    pub fn generation(&mut self) -> Result<u32, Error> {
        tables::generation(&mut self.socket).map_err(Error::of(Operation::ReadTable))
    }

    /// Compares everything and repairs what differs; returns what did.
    ///
    /// # Errors
    ///
    /// [`Error::Unsettled`] when others keep changing the table, or what building it returns.
    pub fn repair(&mut self) -> Result<Drift, Error> {
        let mut first: Option<Drift> = None;
        for _ in 0..REPAIR_ATTEMPTS_MAX {
            let actual = self.inspect()?;
            let (missing, surplus) = difference(&self.wanted, &actual.members);
            let drift = Drift {
                missing: missing.len(),
                surplus: surplus.len(),
                ruleset_lost: !actual.intact,
            };
            let reported = *first.get_or_insert(drift);
            if drift.is_none() {
                return Ok(reported);
            }
            if drift.ruleset_lost {
                self.build()?;
                continue;
            }
            let repaired = tables::change_members(&mut self.socket, &surplus, &missing);
            if let Err(denied @ (Errno::EPERM | Errno::EACCES)) = repaired {
                return Err(Error::of(Operation::ChangeMembers)(denied));
            }
            // Any other refusal means that it changed between looking and repairing: look again.
            let changed: Vec<Prefix> = missing
                .iter()
                .chain(&surplus)
                .flat_map(|range| Prefix::cover(range.family, range.first, range.last))
                .collect();
            self.flush(&changed)?;
        }
        Err(Error::Unsettled {
            attempts: REPAIR_ATTEMPTS_MAX,
        })
    }

    /// What is to be walled, as remembered from [`Self::install`] and [`Self::apply`].
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Leaves the garden as the operator wants it while the daemon is stopped.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] or [`Error::Kernel`]; a table that is gone already is none.
    pub fn remove(mut self, leave: Leave) -> Result<(), Error> {
        match leave {
            Leave::Closed => Ok(()),
            Leave::Open => match tables::delete_table(&mut self.socket) {
                Err(Errno::ENOENT) => Ok(()),
                removed => removed.map_err(Error::of(Operation::RemoveTable)),
            },
        }
    }

    fn flush(&mut self, prefixes: &[Prefix]) -> Result<Flushed, Error> {
        self.conntrack
            .flush(prefixes)
            .map_err(Error::of(Operation::DeleteConnections))
    }
}

fn run_nft(text: &str) -> Result<(), Error> {
    let mut child = spawn_nft()?;
    let written = child
        .stdin
        .take()
        .expect("stdin was asked to be a pipe")
        .write_all(text.as_bytes());
    let mut message = Vec::new();
    let mut errors = child.stderr.take().expect("stderr was asked to be a pipe");
    // The rest is drained, or a talkative nft would wait for ever.
    let read = errors
        .by_ref()
        .take(NFT_MESSAGE_LEN)
        .read_to_end(&mut message)
        .and_then(|_| std::io::copy(&mut errors, &mut std::io::sink()));
    let status = child.wait().map_err(Error::NftFailed)?;
    if status.success() {
        written.map_err(Error::NftFailed)?;
        return read.map(|_| ()).map_err(Error::NftFailed);
    }
    let message = String::from_utf8_lossy(&message);
    if message.contains("Operation not permitted") {
        return Err(Error::NotPermitted {
            operation: Operation::ChangeMembers,
        });
    }
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(Error::NftRefused { message })
}

fn spawn_nft() -> Result<Child, Error> {
    for program in NFT {
        let spawned = Command::new(program)
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        match spawned {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (),
            other => return other.map_err(Error::NftFailed),
        }
    }
    Err(Error::NftMissing)
}

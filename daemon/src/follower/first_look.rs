//! What a session was told that is seen for the first time: after a restart, or since its Access-Accept.
//!
//! What was not settled a moment before the process ended was noted (`notes`). The rest follows from the
//! subscription's facts, from its journal, and from when the session began and was last heard of.
//!
//! - The facts give another access now than when the session was last heard of by who ran then: time has passed a
//!   boundary.
//! - The journal has a change of access or plan since the session began: a NAS with CoA may have been told, or
//!   not (a crash between the payment and the CoA), so it is told again, once. One without must end the session:
//!   it would not live if it had done so already.
//! - Who is entitled to nothing has no session in any case: it is ended.
//! - Else the NAS has what it was told at the login.
//!
//! What changed more than [`RECENT`] before the last word that the process before this one had of the session, or
//! of anything, is taken as told: it had the time for it, or to note that it had not.

use garth_store::record::{ChainedEntry, Session};
use garth_store::{ReadError, Store};
use garth_subscription::time::Span;
use garth_subscription::{Access, Timestamp};

use super::entitlement::{ANOTHER_PLAN, Entitlement, Told};

/// From a change on so long a session is looked at again.
const RECENT: Span = Span::from_seconds(3_600);
/// From an Access-Accept to the first accounting record of its session: what changes between the two was
/// not in the Accept.
const LOGIN_MAX: Span = Span::from_seconds(60);
/// The most journal entries of a subscription that are read.
const ENTRIES_MAX: usize = 16;

/// What `session` was told, whose subscription is entitled to `wanted` now; whoever told it ran until `lived_until`
/// if not since. It reads the disk.
///
/// # Errors
/// The store's trouble.
pub(super) fn told(
    store: &Store,
    session: &Session,
    wanted: Entitlement,
    has_coa: bool,
    lived_until: Timestamp,
) -> Result<Told, ReadError> {
    let Some(id) = session.subscription else {
        return Ok(Told::Is(wanted));
    };
    if wanted == Entitlement::Reject {
        return Ok(Told::Unknown);
    }
    let heard_at = session.updated_at.min(lived_until).max(session.started_at);
    let then = store
        .index()
        .by_id(id, |entry| Entitlement::of(entry, heard_at));
    if let Some(then) = then.filter(|then| *then != wanted) {
        return Ok(Told::Is(then));
    }
    let entries = store.history(id, None, ENTRIES_MAX)?;
    Ok(by_journal(&entries, session, wanted, has_coa, heard_at))
}

/// What the journal says, the newest entry first.
fn by_journal(
    entries: &[ChainedEntry],
    session: &Session,
    wanted: Entitlement,
    has_coa: bool,
    heard_at: Timestamp,
) -> Told {
    let login_max = if has_coa {
        LOGIN_MAX
    } else {
        Span::from_seconds(0)
    };
    let matters = |at: Timestamp| {
        at.saturating_add(login_max) >= session.started_at && at.saturating_add(RECENT) >= heard_at
    };
    let changes = entries
        .iter()
        .map(|chained| &chained.entry)
        .take_while(|entry| matters(entry.performed_at))
        .filter_map(|entry| Some((entry.old.as_ref()?, &entry.new)))
        .filter(|(old, new)| {
            old.standing.access() != new.standing.access() || old.plan != new.plan
        });
    let Some((before, _)) = changes.last() else {
        return Told::Is(wanted);
    };
    if has_coa {
        return Told::Unknown;
    }
    let newest = entries.first().map(|chained| &chained.entry.new.plan);
    match before.standing.access() {
        Access::Full
            if newest == Some(&before.plan) && matches!(wanted, Entitlement::Full { .. }) =>
        {
            Told::Is(wanted)
        }
        Access::Full => Told::Is(ANOTHER_PLAN),
        Access::Garden => Told::Is(Entitlement::Garden),
        Access::Reject => Told::Is(Entitlement::Reject),
    }
}

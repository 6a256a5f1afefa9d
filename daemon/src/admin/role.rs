//! Who is at the other end of the admin socket, and what they may do.
//!
//! The kernel says which user it is (`SO_PEERCRED`); the configuration says which role that
//! user has. Nobody sends a password here.

use garth_subscription::Actor;
use garth_subscription::command::Role;
use garth_subscription::text::ActorName;
use nix::unistd::{Gid, Group, Uid, User};

use crate::config::{Roles, Who};

/// What somebody may do at the admin socket. Each may do what the ones before it may.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AdminRole {
    /// Sees everything but credentials; changes nothing.
    Viewer,
    /// Changes subscriptions and plans.
    Operator,
    /// Also decides on the requests of others.
    Approver,
    /// Also does what only support may (L23).
    Support,
}

impl AdminRole {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Support];

    /// The name in configuration and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Support => "support",
        }
    }

    /// The capacity in which the rules see them; a viewer has none.
    const fn acts_as(self) -> Option<Role> {
        match self {
            Self::Viewer => None,
            Self::Operator => Some(Role::Operator),
            Self::Approver => Some(Role::Approver),
            Self::Support => Some(Role::Support),
        }
    }
}

/// Whom the kernel named, with the role the configuration gives them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Peer {
    /// The user's name, or `uid:1001` where the system knows none.
    pub(crate) name: ActorName,
    /// Nothing for a stranger.
    pub(crate) role: Option<AdminRole>,
}

impl Peer {
    /// The user `uid` with primary group `gid`. Asks the system's user database, so it may block.
    pub(crate) fn resolve(uid: u32, gid: u32, roles: &Roles) -> Self {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let user_name = user.map(|user| user.name);
        let is_member = |group: &str| {
            Group::from_name(group).ok().flatten().is_some_and(|group| {
                group.gid == Gid::from_raw(gid)
                    || user_name
                        .as_ref()
                        .is_some_and(|name| group.mem.contains(name))
            })
        };
        let trusted = uid == 0 || uid == Uid::effective().as_raw();
        let role = role_of(uid, user_name.as_deref(), trusted, is_member, roles);
        let name = user_name
            .and_then(|name| name.parse().ok())
            .or_else(|| format!("uid:{uid}").parse().ok())
            .expect("a number makes a name");
        Self { name, role }
    }

    /// Who acts, if they may change anything.
    pub(crate) fn actor(&self) -> Option<Actor> {
        Some(Actor {
            role: self.role?.acts_as()?,
            name: self.name.clone(),
            on_behalf_of: None,
        })
    }
}

/// Root and the daemon's own user need no entry. An entry for the user counts before those for
/// their groups, of which the greatest counts.
fn role_of(
    uid: u32,
    user_name: Option<&str>,
    trusted: bool,
    is_member: impl Fn(&str) -> bool,
    roles: &Roles,
) -> Option<AdminRole> {
    if trusted {
        return Some(AdminRole::Support);
    }
    let mut by_user = None;
    let mut by_group = None;
    for (who, role) in &roles.0 {
        match who {
            Who::Uid(entry) if *entry == uid => by_user = by_user.max(Some(*role)),
            Who::User(entry) if Some(&**entry) == user_name => by_user = by_user.max(Some(*role)),
            Who::Group(entry) if is_member(entry) => by_group = by_group.max(Some(*role)),
            Who::Uid(_) | Who::User(_) | Who::Group(_) => {}
        }
    }
    by_user.or(by_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> Roles {
        Roles(vec![
            (Who::Uid(1001), AdminRole::Viewer),
            (Who::User("alice".into()), AdminRole::Operator),
            (Who::Group("noc".into()), AdminRole::Viewer),
            (Who::Group("shift".into()), AdminRole::Approver),
        ])
    }

    #[test]
    fn a_user_who_is_not_named_has_no_role() {
        assert_eq!(role_of(1002, Some("bob"), false, |_| false, &roles()), None);
        assert_eq!(role_of(1002, None, false, |_| false, &roles()), None);
    }

    #[test]
    fn root_and_the_daemons_own_user_need_no_entry() {
        let role = role_of(0, Some("root"), true, |_| false, &Roles::default());
        assert_eq!(role, Some(AdminRole::Support));
    }

    #[test]
    fn an_entry_for_the_user_counts_before_those_for_the_groups() {
        let in_all = |_: &str| true;
        let role = role_of(1001, Some("carol"), false, in_all, &roles());
        assert_eq!(role, Some(AdminRole::Viewer));
        let role = role_of(1005, Some("alice"), false, in_all, &roles());
        assert_eq!(role, Some(AdminRole::Operator));
        let role = role_of(1006, Some("dave"), false, in_all, &roles());
        assert_eq!(
            role,
            Some(AdminRole::Approver),
            "the greatest of the groups"
        );
    }
}

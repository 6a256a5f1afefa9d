//! `[[realm]]` and `radius.other_realms`: what becomes of a User-Name with a realm.
//!
//! Not here: how a realm is found in a User-Name (`radius`).

use garth_radius::realm::{RealmRule, Realms};
use toml::Spanned;

use super::diagnose::Problems;
use super::raw;

/// The most realms that have a rule.
const REALMS_MAX: usize = 1_024;

const RULES: [(&str, RealmRule); 3] = [
    ("keep", RealmRule::Keep),
    ("strip", RealmRule::Strip),
    ("reject", RealmRule::Reject),
];

/// The rules of all realms.
pub(super) fn realms(
    all: &[Spanned<raw::Realm>],
    others: Option<&raw::Text>,
    problems: &mut Problems,
) -> Option<Realms> {
    let others = match others {
        Some(text) => problems.choose("radius.other_realms", text, &RULES),
        None => Some(RealmRule::Keep),
    };
    if let Some(surplus) = all.get(REALMS_MAX) {
        let message = format!("more than {REALMS_MAX} entries");
        problems.add("realm", surplus.span(), message, None);
        return None;
    }
    let mut realms = Realms::new([], others?).ok()?;
    for entry in all {
        let realm = entry.get_ref();
        let rule = problems.choose("realm.rule", &realm.rule, &RULES)?;
        if let Err(error) = realms.add(realm.name.get_ref(), rule) {
            let allowed = "a domain name such as isp.example, each once, in any case";
            problems.add("realm.name", realm.name.span(), error, Some(allowed));
            return None;
        }
    }
    Some(realms)
}

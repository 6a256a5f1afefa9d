//! What the agenda depends on in the policies, as octets: only to tell whether it has changed.
//!
//! The octets are hashed and never read back. If they differ from those of another version of the
//! program, the agenda is computed anew once.

use garth_subscription::policy::{Policies, Policy};
use minicbor::Encode;

use super::{MoneyRow, money_row, to_row};

#[derive(Encode)]
struct PoliciesRow<'a> {
    #[n(0)]
    default: PolicyRow<'a>,
    #[n(1)]
    partners: Vec<(&'a str, PolicyRow<'a>)>,
}

#[derive(Encode)]
struct PolicyRow<'a> {
    #[n(0)]
    zone: &'a str,
    #[n(1)]
    enabled: bool,
    #[n(2)]
    debt_min: Option<MoneyRow>,
    #[n(3)]
    delay_days: u32,
    #[n(4)]
    excluded_weekdays: Vec<u8>,
    #[n(5)]
    holidays: Vec<(i32, u32, u32)>,
    #[n(6)]
    minute_of_day: u16,
}

/// The octets that stand for what [`garth_subscription::Facts::next_due`] asks of policies.
pub(crate) fn encode_agenda_policies(policies: &Policies) -> Vec<u8> {
    let partner = |(name, policy)| (name, policy_row(policy));
    to_row(&PoliciesRow {
        default: policy_row(&policies.default),
        partners: policies
            .partners
            .iter()
            .map(|(name, policy)| (name.as_str(), policy))
            .map(partner)
            .collect(),
    })
}

fn policy_row(policy: &Policy) -> PolicyRow<'_> {
    let suspension = &policy.suspension;
    PolicyRow {
        zone: policy.zone.as_str(),
        enabled: suspension.enabled,
        debt_min: suspension.debt_min.map(money_row),
        delay_days: suspension.delay_days,
        excluded_weekdays: suspension
            .excluded_weekdays
            .iter()
            .map(|weekday| *weekday as u8)
            .collect(),
        holidays: suspension
            .holidays
            .iter()
            .map(|holiday| holiday.ymd())
            .collect(),
        minute_of_day: suspension.minute_of_day,
    }
}

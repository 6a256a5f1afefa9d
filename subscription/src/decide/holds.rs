//! T12–T14: days free of charge, and the switch.

use super::draft::Draft;
use super::{answered, demanded, must_be, wrong_standing};
use crate::change::Change;
use crate::facts::Phase;
use crate::journal::Effect;
use crate::refusal::{Refusal, Warning};
use crate::standing::Standing;

/// T12: days free of charge, from the end of what is paid or given, or from now.
pub(super) fn grace(draft: &mut Draft<'_>, days: u32) -> Result<Effect, Refusal> {
    must_be(
        draft,
        &[Standing::Active, Standing::Grace, Standing::Expired],
        "active, in grace or expired",
    )?;
    let days_max = draft.policy().grace_days_max;
    if days == 0 || days > days_max {
        return Err(Refusal::GraceDays { days_max });
    }
    demanded(draft.reason())?;
    let zone = draft.policy().zone;
    let latest = zone.days_after(draft.facts.paid_through.max(draft.now), days_max)?;
    draft.push(Change::Graced { days, zone })?;
    if draft.facts.grace_until > Some(latest) {
        return Err(Refusal::GraceDays { days_max });
    }
    Ok(Effect::Done)
}

/// T13: still billed, still recorded, a notice and nothing else.
pub(super) fn disable(draft: &mut Draft<'_>, confirmed: bool) -> Result<Effect, Refusal> {
    let Phase::Started { .. } = draft.facts.phase else {
        return Err(wrong_standing(draft, "started and not ended"));
    };
    if draft.facts.holds.disable.is_some() {
        return Err(wrong_standing(draft, "enabled"));
    }
    let reason = demanded(draft.reason())?;
    answered(confirmed, Warning::StillBilled)?;
    draft.push(Change::Disabled { reason })?;
    Ok(Effect::Done)
}

/// T14: what lies below counts again.
pub(super) fn enable(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    if draft.facts.holds.disable.is_none() || draft.facts.has_ended() {
        return Err(Refusal::NotHeld("disabled"));
    }
    draft.push(Change::Enabled)?;
    Ok(Effect::Done)
}

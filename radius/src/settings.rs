//! What a reload may change, and the replies' attributes encoded ahead from it.
//!
//! The attributes of a dialect are the same for everybody with one plan, so they are encoded when settings
//! are made and copied from then on. What was not prepared, or no longer has the rates it was prepared
//! with, is encoded from the dialect's templates: the octets are the same.
//!
//! Not here: what else a reply carries (`reply`).

use std::ops::Range;
use std::sync::Arc;

use crate::dialect::{self, Dialect, FULL_NAME, Fill, GardenName, PortalUrl, Template, Told};
use crate::eap::EapSettings;
use crate::nas::NasTable;
use crate::packet::{EncodeError, Encoder, HEADER_LEN, PACKET_LEN_MAX};
use crate::plan::{PlanTerms, Rates};
use crate::realm::Realms;

/// The most encodings prepared: plans times dialects. Plans beyond are encoded when they are asked for.
pub const PREPARED_MAX: usize = 4096;
/// The most octets of one prepared encoding; what is longer is encoded when it is asked for.
const PREPARED_LEN_MAX: usize = 512;

/// What to do with somebody the directory does not know.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unknown {
    /// Access-Reject.
    #[default]
    Reject,
    /// Into the garden, where newcomers may sign up.
    Garden,
}

/// How the garden is told to a NAS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GardenSettings {
    /// Rate towards a subscriber in the garden.
    pub down_kbps: u32,
    /// Rate from a subscriber in the garden.
    pub up_kbps: u32,
    /// List, filter or service name the dialects fill in.
    pub address_list: GardenName,
    /// Where the portal is, for the dialects that redirect by themselves.
    pub portal_url: PortalUrl,
    /// Longest session in the garden: a backstop if a release is lost. 0 leaves it to the NAS.
    pub session_timeout_seconds: u32,
    /// Seconds between Interim-Updates in the garden. 0 leaves it to the NAS.
    pub interim_seconds: u32,
    /// What to do with somebody the directory does not know.
    pub unknown: Unknown,
}

impl GardenSettings {
    /// The Session-Timeout in the garden where the next boundary comes in so many seconds; `None` where nothing
    /// limits it.
    pub fn session_timeout(&self, boundary_seconds: Option<u32>) -> Option<u32> {
        let backstop = Some(self.session_timeout_seconds).filter(|seconds| *seconds > 0);
        backstop.into_iter().chain(boundary_seconds).min()
    }

    /// Both rates.
    pub const fn rates(&self) -> Rates {
        Rates {
            down_kbps: self.down_kbps,
            up_kbps: self.up_kbps,
        }
    }
}

/// What a session is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Given {
    /// Full access with these rates.
    Full(Rates),
    /// The garden.
    Garden,
}

/// Everything a reload may change. Shared by all workers.
#[derive(Debug)]
pub struct Settings {
    pub(crate) nas: NasTable,
    pub(crate) garden: GardenSettings,
    pub(crate) realms: Realms,
    pub(crate) eap: Option<Arc<EapSettings>>,
    plans: Vec<PlanTerms>,
    prepared: Prepared,
}

/// Attributes encoded ahead. What could not be is not there.
#[derive(Debug, Default)]
struct Prepared {
    octets: Vec<u8>,
    /// By position of a NAS: the position of its dialect.
    dialect_of: Vec<Option<usize>>,
    /// By dialect.
    garden: Vec<Option<Range<usize>>>,
    /// By dialect, then plan.
    full: Vec<Option<Range<usize>>>,
    /// Plans prepared for each dialect.
    plan_count: usize,
}

impl Settings {
    /// Takes who we talk to, how the garden looks and what the plans give; a profile names its plan
    /// by the position here.
    pub fn new(nas: NasTable, garden: GardenSettings, plans: Vec<PlanTerms>) -> Self {
        let prepared = Prepared::new(&nas, &garden, &plans);
        Self {
            nas,
            garden,
            realms: Realms::default(),
            eap: None,
            plans,
            prepared,
        }
    }

    /// The same with these rules for realms.
    #[must_use]
    pub fn with_realms(self, realms: Realms) -> Self {
        Self { realms, ..self }
    }

    /// The same with EAP; without, it is an unsupported method.
    #[must_use]
    pub fn with_eap(self, eap: Option<Arc<EapSettings>>) -> Self {
        Self { eap, ..self }
    }

    /// The same with another catalogue.
    #[must_use]
    pub fn with_plans(&self, plans: Vec<PlanTerms>) -> Self {
        Self::new(self.nas.clone(), self.garden.clone(), plans)
            .with_realms(self.realms.clone())
            .with_eap(self.eap.clone())
    }

    /// How the garden is told to a NAS.
    pub const fn garden(&self) -> &GardenSettings {
        &self.garden
    }

    /// What a dialect's templates for a CoA-Request are filled with: what the session is given, and what it
    /// was told before.
    pub fn fill(&self, given: Given, told: Given) -> Fill<'_> {
        let (_, rates) = self.name_and_rates(given);
        let (name, told) = self.name_and_rates(told);
        Fill {
            told: Told {
                name,
                down_kbps: told.down_kbps,
                up_kbps: told.up_kbps,
            },
            ..fill(rates, &self.garden)
        }
    }

    fn name_and_rates(&self, given: Given) -> (&str, Rates) {
        match given {
            Given::Full(rates) => (FULL_NAME, rates),
            Given::Garden => (&self.garden.address_list, self.garden.rates()),
        }
    }

    /// Who we talk to.
    pub fn nas(&self) -> &NasTable {
        &self.nas
    }

    /// What the plan of that position gives.
    pub(crate) fn plan(&self, plan: Option<u32>) -> Option<&PlanTerms> {
        self.plans.get(usize::try_from(plan?).ok()?)
    }

    /// Appends the attributes of dialect and plan for full access with these rates.
    pub(crate) fn encode_full(
        &self,
        nas_index: usize,
        dialect: &Dialect,
        plan: Option<u32>,
        rates: Rates,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        match self.prepared_full(nas_index, plan, rates) {
            Some(octets) => encoder.encoded(octets),
            None => {
                dialect::encode(&dialect.full, fill(rates, &self.garden), encoder)?;
                self.plan(plan)
                    .map_or(Ok(()), |plan| encode_plan(plan, encoder))
            }
        }
    }

    /// Appends the dialect's attributes for the garden.
    pub(crate) fn encode_garden(
        &self,
        nas_index: usize,
        dialect: &Dialect,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        match self.prepared.garden(nas_index) {
            Some(octets) => encoder.encoded(octets),
            None => {
                let fill = fill(self.garden.rates(), &self.garden);
                dialect::encode(&dialect.garden, fill, encoder)
            }
        }
    }

    /// `None` for a plan these settings do not know with these rates: the catalogue changed a moment ago.
    fn prepared_full(&self, nas_index: usize, plan: Option<u32>, rates: Rates) -> Option<&[u8]> {
        let plan = usize::try_from(plan?).ok()?;
        if self.plans.get(plan)?.rates != rates {
            return None;
        }
        self.prepared.full(nas_index, plan)
    }
}

impl Prepared {
    fn new(nas: &NasTable, garden: &GardenSettings, plans: &[PlanTerms]) -> Self {
        let mut dialects: Vec<&Dialect> = Vec::new();
        let mut prepared = Self::default();
        for nas in nas.iter() {
            let dialect = &*nas.dialect;
            let known = dialects.iter().position(|known| *known == dialect);
            let room = dialects.len() < PREPARED_MAX;
            prepared.dialect_of.push(known.or_else(|| {
                room.then(|| {
                    dialects.push(dialect);
                    dialects.len() - 1
                })
            }));
        }
        let share = PREPARED_MAX.checked_div(dialects.len()).unwrap_or(0);
        prepared.plan_count = share.min(plans.len());
        for dialect in dialects {
            let encoded = prepared.encode(&dialect.garden, fill(garden.rates(), garden), None);
            prepared.garden.push(encoded);
            for plan in &plans[..prepared.plan_count] {
                let fill = fill(plan.rates, garden);
                let encoded = prepared.encode(&dialect.full, fill, Some(plan));
                prepared.full.push(encoded);
            }
        }
        prepared
    }

    fn encode(
        &mut self,
        templates: &[Template],
        fill: Fill<'_>,
        plan: Option<&PlanTerms>,
    ) -> Option<Range<usize>> {
        let mut buffer = [0; PACKET_LEN_MAX];
        let mut encoder = Encoder::attributes_only(&mut buffer);
        dialect::encode(templates, fill, &mut encoder).ok()?;
        if let Some(plan) = plan {
            encode_plan(plan, &mut encoder).ok()?;
        }
        let attributes = &encoder.close().octets[HEADER_LEN..];
        if attributes.len() > PREPARED_LEN_MAX {
            return None;
        }
        let begin = self.octets.len();
        self.octets.extend_from_slice(attributes);
        Some(begin..self.octets.len())
    }

    fn full(&self, nas_index: usize, plan: usize) -> Option<&[u8]> {
        let dialect = (*self.dialect_of.get(nas_index)?)?;
        if plan >= self.plan_count {
            return None;
        }
        let range = self.full.get(dialect * self.plan_count + plan)?.clone()?;
        self.octets.get(range)
    }

    fn garden(&self, nas_index: usize) -> Option<&[u8]> {
        let dialect = (*self.dialect_of.get(nas_index)?)?;
        let range = self.garden.get(dialect)?.clone()?;
        self.octets.get(range)
    }
}

fn encode_plan(plan: &PlanTerms, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    plan.encode_full(encoder)?;
    plan.encode_pools(encoder)
}

/// For an Access-Accept: nothing was told before.
fn fill(rates: Rates, garden: &GardenSettings) -> Fill<'_> {
    Fill {
        down_kbps: rates.down_kbps,
        up_kbps: rates.up_kbps,
        garden_name: &garden.address_list,
        portal_url: &garden.portal_url,
        told: Told::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;
    use crate::dialect::{AttributeName, Number, Part, Value};
    use crate::nas::Nas;

    const SLOW: Rates = Rates {
        down_kbps: 1000,
        up_kbps: 300,
    };
    const FAST: Rates = Rates {
        down_kbps: 5_000_000,
        up_kbps: 0,
    };

    /// A dialect with one attribute of so many octets.
    fn wordy(len: usize) -> Dialect {
        let text = vec![
            Part::Literal("w".repeat(len).into()),
            Part::Number(Number::UpKbps),
        ];
        Dialect {
            full: vec![Template {
                attribute: AttributeName::Standard(crate::attribute::AttributeType::FILTER_ID),
                tag: None,
                value: Value::Text(text.into()),
            }]
            .into(),
            ..Dialect::generic()
        }
    }

    fn settings(dialects: Vec<Dialect>, plans: Vec<Rates>) -> Settings {
        let nas = dialects.into_iter().enumerate().map(|(n, dialect)| {
            let prefix = format!("10.0.{}.{}", n / 256, n % 256).parse().unwrap();
            Nas::new("n", prefix, Secret::new(b"s").unwrap(), Arc::new(dialect))
        });
        let garden = GardenSettings {
            down_kbps: 64,
            up_kbps: 32,
            address_list: GardenName::new("garden").unwrap(),
            portal_url: PortalUrl::default(),
            session_timeout_seconds: 0,
            interim_seconds: 0,
            unknown: Unknown::Reject,
        };
        let plans = plans.into_iter().map(PlanTerms::from).collect();
        Settings::new(NasTable::new(nas.collect()).unwrap(), garden, plans)
    }

    fn octets(encode: impl FnOnce(&mut Encoder<'_>) -> Result<(), EncodeError>) -> Vec<u8> {
        let mut buffer = [0; PACKET_LEN_MAX];
        let mut encoder = Encoder::attributes_only(&mut buffer);
        encode(&mut encoder).unwrap();
        encoder.close().octets.to_vec()
    }

    #[test]
    fn prepared_and_unprepared_attributes_are_the_same_octets() {
        let dialects = [
            Dialect::generic(),
            Dialect::mikrotik(),
            wordy(9),
            Dialect::mikrotik(),
        ];
        let settings = settings(dialects.to_vec(), vec![SLOW, FAST]);
        for (at, dialect) in dialects.iter().enumerate() {
            for (plan, rates) in [(0, SLOW), (1, FAST)] {
                assert!(settings.prepared_full(at, Some(plan), rates).is_some());
                let full = |plan| octets(|e| settings.encode_full(at, dialect, plan, rates, e));
                assert_eq!(full(Some(plan)), full(None));
                assert!(full(None).len() > HEADER_LEN);
            }
            assert!(settings.prepared.garden(at).is_some());
            let templates = fill(settings.garden.rates(), &settings.garden);
            assert_eq!(
                octets(|e| settings.encode_garden(at, dialect, e)),
                octets(|e| dialect::encode(&dialect.garden, templates, e)),
            );
        }
    }

    #[test]
    fn plan_whose_rates_changed_is_encoded_with_its_rates() {
        let dialect = Dialect::mikrotik();
        let settings = settings(vec![dialect.clone()], vec![SLOW]);
        for plan in [Some(0), Some(1), Some(u32::MAX), None] {
            assert_eq!(settings.prepared_full(0, plan, FAST), None);
            assert_eq!(
                octets(|e| settings.encode_full(0, &dialect, plan, FAST, e)),
                octets(|e| dialect::encode(&dialect.full, fill(FAST, &settings.garden), e)),
            );
        }
    }

    #[test]
    fn no_more_is_prepared_than_the_bounds_allow() {
        let plans = vec![SLOW; PREPARED_MAX];
        let settings = settings(vec![Dialect::generic(), Dialect::mikrotik()], plans);
        let share = u32::try_from(PREPARED_MAX / 2).unwrap();
        assert_eq!(settings.prepared.full.len(), PREPARED_MAX);
        for at in 0..2 {
            assert!(settings.prepared_full(at, Some(share - 1), SLOW).is_some());
            assert_eq!(settings.prepared_full(at, Some(share), SLOW), None);
        }
    }

    #[test]
    fn encoding_that_is_long_or_impossible_is_left_to_the_templates() {
        let mut long = wordy(250);
        long.full = [&long.full[..], &long.full[..], &long.full[..]]
            .concat()
            .into();
        for dialect in [long, wordy(253)] {
            let settings = settings(vec![dialect], vec![SLOW]);
            assert_eq!(settings.prepared_full(0, Some(0), SLOW), None);
        }
    }
}

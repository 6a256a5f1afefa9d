//! The numbers of plans and their terms: one place for all subscriptions of a plan.
//!
//! A plan gets its number when it is first seen, in the catalogue or in a subscription, and keeps
//! it for the life of the process; so there are as many as the operator has ever named.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use garth_subscription::plan::SessionTerms;

use super::chunks::Chunks;

/// What a plan gives and takes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PlanRates {
    /// To the subscriber, in kbit/s.
    pub down_kbps: u32,
    /// From the subscriber, in kbit/s.
    pub up_kbps: u32,
}

impl PlanRates {
    /// Both in one word, so that nobody sees the one without the other.
    const fn to_word(self) -> u64 {
        (self.down_kbps as u64) << 32 | self.up_kbps as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "each half is meant")]
    const fn of_word(word: u64) -> Self {
        Self {
            down_kbps: (word >> 32) as u32,
            up_kbps: word as u32,
        }
    }
}

/// What the network does for the subscriptions of a plan.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlanTerms {
    /// What it gives and takes.
    pub rates: PlanRates,
    /// What it asks of the NAS besides.
    pub session: SessionTerms,
}

/// The plans by name.
#[derive(Default)]
struct Known {
    numbers: HashMap<Box<str>, u32>,
    /// By number.
    sessions: Vec<SessionTerms>,
}

/// All plans that were seen. For each packet readers ask for rates alone, and take no lock for it.
pub(super) struct Plans {
    /// For the writer, for those who fill the index, and for who prepares replies.
    known: Mutex<Known>,
    rates: Chunks<AtomicU64>,
}

impl Plans {
    pub(super) fn new() -> Self {
        Self {
            known: Mutex::default(),
            rates: Chunks::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a plan; the next one if it was never seen. Its rates are 0 until they are set.
    pub(super) fn number_of(&self, plan: &str) -> u32 {
        self.number_in(&mut self.known(), plan)
    }

    fn number_in(&self, known: &mut Known, plan: &str) -> u32 {
        if let Some(number) = known.numbers.get(plan) {
            return *number;
        }
        let number = u32::try_from(known.numbers.len()).expect("memory ends before 2^32 plans");
        self.rates.get_or_grow(number);
        known.numbers.insert(plan.into(), number);
        known.sessions.push(SessionTerms::default());
        number
    }

    pub(super) fn set(&self, plan: &str, terms: PlanTerms) {
        let mut known = self.known();
        let number = self.number_in(&mut known, plan);
        let word = self.rates.get_or_grow(number);
        word.store(terms.rates.to_word(), Ordering::Relaxed);
        known.sessions[number as usize] = terms.session;
    }

    pub(super) fn rates(&self, number: u32) -> PlanRates {
        let word = self.rates.get(number);
        word.map_or_else(PlanRates::default, |word| {
            PlanRates::of_word(word.load(Ordering::Relaxed))
        })
    }

    /// In the order of the numbers.
    pub(super) fn all(&self) -> Vec<PlanTerms> {
        // Not to be asked for each packet: it waits while the writer looks up a number.
        let known = self.known();
        let terms = |(number, session): (u32, &SessionTerms)| PlanTerms {
            rates: self.rates(number),
            session: session.clone(),
        };
        (0..).zip(&known.sessions).map(terms).collect()
    }
}

//! The numbers of plans and their rates: one place for all subscriptions of a plan.
//!
//! A plan gets its number when it is first seen, in the catalogue or in a subscription, and keeps
//! it for the life of the process; so there are as many as the operator has ever named.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// All plans that were seen. Readers ask for rates alone, and take no lock for it.
pub(super) struct Plans {
    /// For the writer, and for those who fill the index.
    numbers: Mutex<HashMap<Box<str>, u32>>,
    rates: Chunks<AtomicU64>,
}

impl Plans {
    pub(super) fn new() -> Self {
        Self {
            numbers: Mutex::default(),
            rates: Chunks::new(),
        }
    }

    fn numbers(&self) -> MutexGuard<'_, HashMap<Box<str>, u32>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a plan; the next one if it was never seen. Its rates are 0 until they are set.
    pub(super) fn number_of(&self, plan: &str) -> u32 {
        let mut numbers = self.numbers();
        if let Some(number) = numbers.get(plan) {
            return *number;
        }
        let number = u32::try_from(numbers.len()).expect("memory ends before 2^32 plans");
        self.rates.get_or_grow(number);
        numbers.insert(plan.into(), number);
        number
    }

    pub(super) fn set(&self, number: u32, rates: PlanRates) {
        let word = self.rates.get_or_grow(number);
        word.store(rates.to_word(), Ordering::Relaxed);
    }

    pub(super) fn rates(&self, number: u32) -> PlanRates {
        let word = self.rates.get(number);
        word.map_or_else(PlanRates::default, |word| {
            PlanRates::of_word(word.load(Ordering::Relaxed))
        })
    }

    /// In the order of the numbers.
    pub(super) fn all(&self) -> Vec<PlanRates> {
        // Not to be asked for each packet: it waits while the writer looks up a number.
        let len = u32::try_from(self.numbers().len()).expect("memory ends before 2^32 plans");
        (0..len).map(|number| self.rates(number)).collect()
    }
}

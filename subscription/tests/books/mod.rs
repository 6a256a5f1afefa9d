//! The books of a subscription, kept apart from its balance: from the steps of the entries that count.

use garth_subscription::Facts;
use garth_subscription::change::Change;
use garth_subscription::journal::JournalEntry;
use garth_subscription::replay::counting;

/// Sums in minor units.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Books {
    pub(crate) begun: i64,
    pub(crate) came_in: i64,
    pub(crate) went_out: i64,
    /// By reverts, either way.
    pub(crate) settled: i64,
    pub(crate) charged: i64,
}

impl Books {
    /// The books of a journal that begins with `first`.
    ///
    /// # Panics
    /// Where a step moves another sum than it names.
    pub(crate) fn of(first: &Facts, history: &[JournalEntry]) -> Self {
        let mut facts = first.clone();
        let mut books = Self {
            begun: facts.balance.minor(),
            ..Self::default()
        };
        let counts = counting(history, None);
        for (entry, _) in history.iter().zip(counts).filter(|(_, counts)| *counts) {
            for step in &entry.steps {
                let before = facts.balance.minor();
                facts.apply(step).unwrap();
                let moved = facts.balance.minor() - before;
                books.book(&step.change, moved);
            }
        }
        books
    }

    fn book(&mut self, change: &Change, moved: i64) {
        if let Change::MoneyIn(amount) = change {
            assert_eq!(moved, amount.minor());
            self.came_in += moved;
        } else if let Change::Compensated(amount) = change {
            assert_eq!(moved, amount.minor());
            self.settled += moved;
        } else if let Change::MoneyOut(amount) = change {
            assert_eq!(moved, -amount.minor());
            self.went_out -= moved;
        } else {
            // All of it, or nothing where its reason is gone from the history.
            let price = price_of(change);
            assert!(moved == 0 || moved == -price, "{change:?} moved {moved}");
            self.charged -= moved;
        }
    }

    /// What must be left on the account.
    pub(crate) const fn left(&self) -> i64 {
        self.begun + self.came_in - self.went_out + self.settled - self.charged
    }
}

/// What a change charges; nothing where it has no price.
pub(crate) const fn price_of(change: &Change) -> i64 {
    if let Change::Charged { amount: price, .. }
    | Change::DebtSettled(price)
    | Change::MonthsBought { price, .. }
    | Change::Renewed { price, .. }
    | Change::PlanChanged { price, .. } = change
    {
        price.minor()
    } else {
        0
    }
}

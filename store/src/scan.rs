//! A whole table read by several threads at once, each row once.
//!
//! Keys are made in bursts (UUIDs begin with their instant), so an equal share of the keys is no
//! equal share of the rows. Ranges are therefore cut when somebody has nothing to do: whoever has a
//! range looks, every [`ROWS_BETWEEN`] rows, whether another waits, and gives away the upper half
//! of the keys between its next row and its last one. Both halves have a row at least.
//!
//! Not here: what is done with a row.

use std::ops::RangeInclusive;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use redb::{ReadOnlyTable, ReadableTable};

use crate::fault::Fault;

/// How many rows are read between two looks for somebody who waits.
const ROWS_BETWEEN: usize = 1_024;

type Keys = RangeInclusive<u128>;

/// A reading of one table that is going on.
pub(crate) struct Scan {
    table: ReadOnlyTable<u128, &'static [u8]>,
    work: Mutex<Work>,
    changed: Condvar,
}

/// What is left to do.
struct Work {
    /// Ranges that nobody reads; no more than there were waiting threads.
    ranges: Vec<Keys>,
    /// Threads that read one.
    reading: usize,
    /// Threads that wait for a range that is not there yet.
    waiting: usize,
    /// One has failed: the others need not go on.
    failed: bool,
}

impl Scan {
    /// One of all rows that the table has.
    pub(crate) fn new(table: ReadOnlyTable<u128, &'static [u8]>) -> Result<Self, Fault> {
        let ranges = match (table.first()?, table.last()?) {
            (Some((first, _)), Some((last, _))) => vec![first.value()..=last.value()],
            _ => Vec::new(),
        };
        Ok(Self {
            table,
            work: Mutex::new(Work {
                ranges,
                reading: 0,
                waiting: 0,
                failed: false,
            }),
            changed: Condvar::new(),
        })
    }

    /// Takes part until all rows are read: gives the key and the row of each of its share to `each`.
    ///
    /// # Errors
    /// Its own: of the disk, or of `each`. The others then end early, without an error.
    pub(crate) fn run(
        &self,
        mut each: impl FnMut(u128, &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        while let Some(keys) = self.take() {
            // Also if `each` panics: nobody may wait for what does not come.
            let mut reading = Reading {
                scan: self,
                done: false,
            };
            self.read(keys, &mut each)?;
            reading.done = true;
        }
        Ok(())
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A range to read; nothing once there is and will be none.
    fn take(&self) -> Option<Keys> {
        let mut work = self.work();
        loop {
            if work.failed {
                return None;
            }
            if let Some(keys) = work.ranges.pop() {
                work.reading += 1;
                return Some(keys);
            }
            if work.reading == 0 {
                return None;
            }
            work.waiting += 1;
            work = self
                .changed
                .wait(work)
                .unwrap_or_else(PoisonError::into_inner);
            work.waiting -= 1;
        }
    }

    /// Reads a range, or what is left of it after parts were given away.
    fn read(
        &self,
        keys: Keys,
        each: &mut impl FnMut(u128, &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut rows = self.table.range(keys.clone())?;
        let mut last = *keys.end();
        let mut until_look = ROWS_BETWEEN;
        while let Some(row) = rows.next() {
            let (key, value) = row?;
            let key = key.value();
            each(key, value.value())?;
            until_look -= 1;
            if until_look > 0 {
                continue;
            }
            until_look = ROWS_BETWEEN;
            match self.share(key, last)? {
                Share::Nothing => {}
                Share::UpTo(end) => {
                    rows = self.table.range(key + 1..=end)?;
                    last = end;
                }
                Share::Failed => return Ok(()),
            }
        }
        Ok(())
    }

    /// Gives away the upper half of the keys above `key` up to `last`, if somebody waits.
    fn share(&self, key: u128, last: u128) -> Result<Share, Fault> {
        {
            let work = self.work();
            if work.failed {
                return Ok(Share::Failed);
            }
            if work.ranges.len() >= work.waiting || key == last {
                return Ok(Share::Nothing);
            }
        }
        let mut left = self.table.range(key + 1..=last)?;
        let (Some(first), Some(last)) = (left.next(), left.next_back()) else {
            return Ok(Share::Nothing);
        };
        let (first, last) = (first?.0.value(), last?.0.value());
        let middle = first + (last - first) / 2;
        self.work().ranges.push(middle + 1..=last);
        self.changed.notify_one();
        Ok(Share::UpTo(middle))
    }
}

/// What came of a look for somebody who waits.
enum Share {
    /// Nobody does, or there is not enough for two.
    Nothing,
    /// Somebody has what is above this key.
    UpTo(u128),
    /// There is no need to go on.
    Failed,
}

/// A thread that has a range.
struct Reading<'a> {
    scan: &'a Scan,
    done: bool,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut work = self.scan.work();
        work.reading -= 1;
        work.failed |= !self.done;
        drop(work);
        self.scan.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use redb::{Database, ReadableDatabase, TableDefinition};

    use super::*;
    use crate::disk::Damaged;

    const TABLE: TableDefinition<'static, u128, &'static [u8]> = TableDefinition::new("rows");

    fn scan(keys: &[u128]) -> Scan {
        let backend = redb::backends::InMemoryBackend::new();
        let db = Database::builder().create_with_backend(backend).unwrap();
        let txn = db.begin_write().unwrap();
        {
            let mut table = txn.open_table(TABLE).unwrap();
            for key in keys {
                table.insert(key, key.to_be_bytes().as_slice()).unwrap();
            }
        }
        txn.commit().unwrap();
        Scan::new(db.begin_read().unwrap().open_table(TABLE).unwrap()).unwrap()
    }

    /// What each of so many threads has read.
    fn read(scan: &Scan, threads: usize) -> Vec<Vec<u128>> {
        std::thread::scope(|scope| {
            let work = || {
                let mut keys = Vec::new();
                let each = |key: u128, row: &[u8]| {
                    assert_eq!(row, key.to_be_bytes());
                    keys.push(key);
                    std::thread::yield_now();
                    Ok(())
                };
                scan.run(each).unwrap();
                keys
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }

    #[test]
    fn every_row_is_read_once_wherever_the_keys_are() {
        let even: Vec<u128> = (0..20_000).map(|n| n * 7).collect();
        let bursts: Vec<u128> = (0..20_000_u128)
            .map(|n| {
                if n < 19_000 {
                    n
                } else {
                    u128::MAX - (20_000 - n) * n
                }
            })
            .collect();
        let ends = vec![0, u128::MAX];
        for keys in [Vec::new(), vec![5], ends, even, bursts] {
            for threads in [1, 2, 5] {
                let mut all = read(&scan(&keys), threads).concat();
                all.sort_unstable();
                let mut keys = keys.clone();
                keys.sort_unstable();
                assert!(
                    all == keys,
                    "{} of {}, {threads} threads",
                    all.len(),
                    keys.len()
                );
            }
        }
    }

    #[test]
    fn whoever_waits_is_given_rows_and_a_burst_of_keys_is_halved_too() {
        let keys: Vec<u128> = (0..50_000_u128).chain([u128::MAX]).collect();
        let scan = scan(&keys);
        scan.work().waiting = 1_000;
        let mut own = 0;
        let range = scan.take().unwrap();
        let each = |_: u128, _: &[u8]| {
            own += 1;
            Ok(())
        };
        scan.read(range, &mut { each }).unwrap();
        let given = scan.work().ranges.clone();
        let rows_of = |keys: &Keys| scan.table.range(keys.clone()).unwrap().count();
        let rows: Vec<_> = given.iter().map(rows_of).collect();
        assert_eq!(own + rows.iter().sum::<usize>(), keys.len());
        assert!(rows.iter().all(|rows| *rows > 0), "{rows:?}");
        assert!(rows.iter().any(|rows| *rows > 10_000), "{rows:?}");
    }

    #[test]
    fn an_error_ends_the_reading_of_all() {
        let keys: Vec<u128> = (0..100_000).collect();
        let scan = scan(&keys);
        let outcomes = std::thread::scope(|scope| {
            let work = || {
                scan.run(|key, _| match key {
                    700 => Err(Damaged::new("row", "it is the one").into()),
                    _ => Ok(()),
                })
            };
            let running: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
            running
                .into_iter()
                .map(|one| one.join().unwrap())
                .collect::<Vec<_>>()
        });
        let errors: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a stored row is damaged: it is the one"]);
    }
}

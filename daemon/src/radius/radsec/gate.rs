//! Places for those who have not shown who they are.
//!
//! A stranger costs nothing to be, so strangers must not lock out those we know:
//!
//! - A source that was let in before has its place among such sources alone.
//! - Where no place is left, the source that holds most of them loses its oldest: who holds one is safe from
//!   whoever holds many. Among equals that is the oldest of all.
//! - It makes way at once if it holds more than the newcomer's source does then, and else once it has waited for
//!   longer than an honest handshake takes; until then the newcomer is refused. So a crowd of honest ones does not
//!   push one another out for ever.
//!
//! Pure but for its lock: the time is given.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Limits, Refused};

/// All places there are for handshakes.
pub(super) struct Gate {
    limits: Limits,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    strangers: Places,
    known: Places,
    /// Sources that were let in, by when they last were.
    let_in: HashMap<IpAddr, u64>,
    next: u64,
}

/// Handshakes under way by their number, the oldest first.
#[derive(Default)]
struct Places(BTreeMap<u64, Place>);

struct Place {
    source: IpAddr,
    since: Instant,
    /// Gone with the place: that is how whoever had it learns that it is lost.
    _stay: oneshot::Sender<Infallible>,
}

/// A place, given back when dropped.
pub(super) struct Turn {
    gate: Arc<Gate>,
    source: IpAddr,
    number: u64,
    lost: oneshot::Receiver<Infallible>,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            inside: Mutex::default(),
        }
    }

    /// A place for a connection from there.
    ///
    /// # Errors
    /// When there is none, and nobody has to make way.
    pub(super) fn enter(self: &Arc<Self>, source: IpAddr, now: Instant) -> Result<Turn, Refused> {
        let source = counted_as(source);
        let mut inside = self.lock();
        let number = inside.number();
        let places = if inside.let_in.contains_key(&source) {
            &mut inside.known
        } else {
            &mut inside.strangers
        };
        places.make_room(source, now, &self.limits)?;
        let (stay, lost) = oneshot::channel();
        let place = Place {
            source,
            since: now,
            _stay: stay,
        };
        places.0.insert(number, place);
        Ok(Turn {
            gate: Arc::clone(self),
            source,
            number,
            lost,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Remembers a source; the one that was not let in for longest is forgotten for it.
    fn remember(&mut self, source: IpAddr, sources_max: usize) {
        let number = self.number();
        self.let_in.insert(source, number);
        if self.let_in.len() > sources_max {
            let oldest = self.let_in.iter().min_by_key(|(_, number)| **number);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                self.let_in.remove(&oldest);
            }
        }
    }
}

impl Places {
    /// Sees to it that there is room for one more of that source.
    fn make_room(&mut self, source: IpAddr, now: Instant, limits: &Limits) -> Result<(), Refused> {
        let waited_enough =
            |place: &Place| now.duration_since(place.since) >= limits.handshake_patience;
        let held = self.of(source).count();
        let (makes_way, refused) = if held >= limits.handshakes_per_source_max {
            let own = self.of(source).next();
            let own = own.filter(|(_, place)| waited_enough(place));
            (own, Refused::HandshakesOfSource)
        } else if self.0.len() < limits.handshakes_max {
            return Ok(());
        } else {
            let (heaviest, most) = self.heaviest();
            // With the newcomer's source still holding less than the other one, nobody asks how long that has waited.
            let is_greedy = held + 1 < most;
            let oldest = heaviest.and_then(|source| self.of(source).next());
            let makes_way = oldest.filter(|(_, place)| is_greedy || waited_enough(place));
            (makes_way, Refused::Handshakes)
        };
        let number = makes_way.map(|(number, _)| *number).ok_or(refused)?;
        self.0.remove(&number);
        Ok(())
    }

    /// Those of a source, the oldest first.
    fn of(&self, source: IpAddr) -> impl Iterator<Item = (&u64, &Place)> {
        let places = self.0.iter();
        places.filter(move |(_, place)| place.source == source)
    }

    /// The source with most places, and how many; among equals that of the oldest place.
    fn heaviest(&self) -> (Option<IpAddr>, usize) {
        let mut held: HashMap<IpAddr, usize> = HashMap::new();
        for place in self.0.values() {
            *held.entry(place.source).or_default() += 1;
        }
        let mut heaviest = (None, 0);
        for place in self.0.values() {
            let count = held.get(&place.source).copied().unwrap_or_default();
            if count > heaviest.1 {
                heaviest = (Some(place.source), count);
            }
        }
        heaviest
    }
}

impl Turn {
    /// Waits until the place is lost to somebody else.
    pub(super) async fn lost(&mut self) {
        // The error is the message: nothing can be sent.
        drop((&mut self.lost).await);
    }

    /// Gives the place back and remembers the source as one that was let in.
    pub(super) fn let_in(self) {
        let sources_max = self.gate.limits.known_sources_max;
        self.gate.lock().remember(self.source, sources_max);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut inside = self.gate.lock();
        inside.strangers.0.remove(&self.number);
        inside.known.0.remove(&self.number);
    }
}

/// One host has a whole IPv6 network of 64 bits to come from.
fn counted_as(source: IpAddr) -> IpAddr {
    const HOST_BITS: u32 = 64;
    match source.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let network = v6.to_bits() >> HOST_BITS << HOST_BITS;
            IpAddr::V6(network.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(500);
    const MAX: usize = 8;
    const PER_SOURCE: usize = 4;

    fn gate() -> Arc<Gate> {
        Arc::new(Gate::new(Limits {
            handshakes_max: MAX,
            handshakes_per_source_max: PER_SOURCE,
            handshake_patience: PATIENCE,
            known_sources_max: 2,
            ..Limits::default()
        }))
    }

    fn source(host: u8) -> IpAddr {
        [192, 0, 2, host].into()
    }

    fn is_lost(turn: &mut Turn) -> bool {
        turn.lost.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    /// So many places of a source, taken one after the other.
    fn take(gate: &Arc<Gate>, host: u8, count: usize, now: Instant) -> Vec<Turn> {
        let enter = |_| {
            let turn = gate.enter(source(host), now);
            turn.unwrap_or_else(|refused| panic!("{refused:?}"))
        };
        (0..count).map(enter).collect()
    }

    #[test]
    fn one_ipv6_host_is_counted_by_its_network() {
        for (source, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            let source: IpAddr = source.parse().unwrap();
            assert_eq!(counted_as(source).to_string(), expected);
        }
    }

    #[test]
    fn n7_few_sources_with_many_places_do_not_lock_out_one_that_wants_one() {
        let (gate, now) = (gate(), Instant::now());
        let mut many: Vec<Turn> = [1, 2]
            .into_iter()
            .flat_map(|host| take(&gate, host, PER_SOURCE, now))
            .collect();
        let mut honest = take(&gate, 3, 1, now);
        let lost: Vec<bool> = many.iter_mut().map(is_lost).collect();
        assert_eq!(lost.iter().filter(|lost| **lost).count(), 1);
        assert!(lost[0], "the oldest of one that has most");
        // However often they come again, it is one of theirs that makes way.
        for attempt in 0..100 {
            let host = 1 + attempt % 2;
            if let Ok(turn) = gate.enter(source(host), now + PATIENCE * 10) {
                many.push(turn);
            }
        }
        assert!(!is_lost(&mut honest[0]));
    }

    #[test]
    fn n7_source_with_all_its_places_loses_its_own_oldest_once_that_has_waited() {
        let (gate, now) = (gate(), Instant::now());
        let mut turns = take(&gate, 1, PER_SOURCE, now);
        let early = now + PATIENCE - Duration::from_millis(1);
        assert_eq!(
            gate.enter(source(1), early).err(),
            Some(Refused::HandshakesOfSource)
        );
        turns.extend(take(&gate, 1, 1, now + PATIENCE));
        let lost: Vec<bool> = turns.iter_mut().map(is_lost).collect();
        assert_eq!(lost, [true, false, false, false, false]);
    }

    #[test]
    fn n7_among_many_sources_with_one_place_each_the_oldest_makes_way_once_it_has_waited() {
        let (gate, now) = (gate(), Instant::now());
        let mut turns: Vec<Turn> = (0..8).flat_map(|host| take(&gate, host, 1, now)).collect();
        assert_eq!(
            gate.enter(source(99), now).err(),
            Some(Refused::Handshakes),
            "a crowd that has only come does not push one another out"
        );
        turns.extend(take(&gate, 99, 1, now + PATIENCE));
        let lost: Vec<bool> = turns.iter_mut().map(is_lost).collect();
        assert_eq!(lost.iter().filter(|lost| **lost).count(), 1);
        assert!(lost[0]);
    }

    #[test]
    fn n7_strangers_take_no_place_of_a_source_that_was_let_in_before() {
        let (gate, now) = (gate(), Instant::now());
        take(&gate, 200, 1, now).remove(0).let_in();
        let mut partner = take(&gate, 200, PER_SOURCE, now);
        let strangers: Vec<Turn> = (0..=255)
            .filter(|host| *host != 200)
            .filter_map(|host| gate.enter(source(host), now + PATIENCE * 100).ok())
            .collect();
        assert!(strangers.len() >= MAX);
        assert!(!partner.iter_mut().any(is_lost));
        drop(partner);
        assert!(gate.enter(source(200), now).is_ok());
    }

    #[test]
    fn n7_sources_remembered_are_bounded_and_the_oldest_is_forgotten() {
        let (gate, now) = (gate(), Instant::now());
        // The first is let in again before the third comes.
        for host in [1, 2, 1, 3] {
            take(&gate, host, 1, now).remove(0).let_in();
        }
        let inside = gate.lock();
        let mut left: Vec<IpAddr> = inside.let_in.keys().copied().collect();
        left.sort_unstable();
        assert_eq!(left, [source(1), source(3)]);
    }

    #[test]
    fn place_is_free_again_when_its_turn_is_over() {
        let (gate, now) = (gate(), Instant::now());
        for _ in 0..3 {
            drop(take(&gate, 1, PER_SOURCE, now));
        }
        let inside = gate.lock();
        assert!(inside.strangers.0.is_empty() && inside.known.0.is_empty());
    }
}

//! Whose turn it is to be told: the most urgent sessions first, in order of arrival, NASes in turn.
//!
//! Who has paid waits for nobody else's new rate: of the sessions of one NAS releases come first, then walls, then
//! other rates. So that nobody waits for ever, every [`PASSED_BY_MAX`]th turn is that of the one that has waited
//! longest among the less urgent.
//!
//! A NAS has one place of its own, which nobody can take. Beyond that so many may be under way at one NAS, so many
//! at all NASes that answer, and so many at all of those that do not, or have not yet: a NAS that answers is never
//! behind those that are silent. A NAS whose identifiers are used up holds no place, and is left alone for a
//! while ([`Queue::put_off`]); releases have identifiers that others leave to them.
//!
//! Pure; as long as there are live sessions that have to be told.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use garth_store::record::SessionKey;
use tokio::time::Instant;

/// The most sessions under way at one NAS: enough to keep it busy, and few enough that its socket's buffer
/// holds all of their requests.
pub(super) const UNDER_WAY_EACH_MAX: usize = 64;
/// The most sessions under way at NASes that answer, beside one for each.
pub(super) const ANSWERING_MAX: usize = 2_048;
/// The most sessions under way at NASes that do not answer, beside one for each: each holds its place for the
/// whole of a request's patience.
pub(super) const SILENT_MAX: usize = 512;
/// So many turns in a row may leave less urgent sessions of a NAS behind.
pub(super) const PASSED_BY_MAX: u8 = 16;

/// What comes first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Urgency {
    /// Somebody has paid, and may be blocked.
    Release,
    /// Somebody is to get less than they have: the garden, or nothing.
    Wall,
    /// Other rates, or another plan.
    Rate,
}

/// What a NAS said to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// Something.
    Answer,
    /// Nothing.
    Silence,
    /// It was not asked.
    NotAsked,
}

/// Sessions that wait for their turn.
#[derive(Default)]
pub(super) struct Queue {
    lanes: HashMap<Arc<str>, Lane>,
    /// NASes with somebody waiting, each once.
    turn: VecDeque<Arc<str>>,
    /// Where sessions wait, each once.
    waiting: HashMap<SessionKey, Place>,
    /// How many are under way beside one for each NAS: at those that answer, and at the others.
    answering: usize,
    silent: usize,
    /// Counts arrivals.
    arrivals: i64,
    /// When the first NAS is left alone no longer.
    next_at: Option<Instant>,
}

/// Where a session waits in its lane. Who is put off comes before who arrives: those count down.
type Place = (Urgency, i64);

/// The sessions of one NAS.
#[derive(Default)]
struct Lane {
    waiting: BTreeMap<Place, SessionKey>,
    under_way: usize,
    is_in_turn: bool,
    /// Whether it answered what it was asked last.
    answers: bool,
    /// How many turns in a row have left less urgent ones behind.
    passed_by: u8,
    /// Until when it is asked for no releases.
    releases_off_until: Option<Instant>,
    /// Until when it is asked for nothing else.
    others_off_until: Option<Instant>,
}

impl Lane {
    /// How many it holds of the places that NASes share.
    fn shared(&self) -> usize {
        self.under_way.saturating_sub(1)
    }

    /// The place of the session that is next, if one may be.
    fn next(&self, now: Instant) -> Option<Place> {
        let may = |off_until: Option<Instant>| off_until.is_none_or(|until| until <= now);
        let (releases, others) = (may(self.releases_off_until), may(self.others_off_until));
        let first_of = |urgency| {
            let all = (urgency, i64::MIN)..=(urgency, i64::MAX);
            self.waiting.range(all).next().map(|(place, _)| *place)
        };
        let release = first_of(Urgency::Release).filter(|_| releases);
        let wall = first_of(Urgency::Wall).filter(|_| others);
        let rate = first_of(Urgency::Rate).filter(|_| others);
        if self.passed_by < PASSED_BY_MAX - 1 {
            return release.or(wall).or(rate);
        }
        let longest = [wall, rate]
            .into_iter()
            .flatten()
            .min_by_key(|place| place.1);
        longest.or(release)
    }

    /// Takes the session of that place, as it is its turn.
    fn take(&mut self, place: Place) -> Option<SessionKey> {
        let key = self.waiting.remove(&place)?;
        let last = self.waiting.last_key_value();
        let leaves_behind = last.is_some_and(|((urgency, _), _)| *urgency > place.0);
        self.passed_by = if leaves_behind && self.passed_by < PASSED_BY_MAX - 1 {
            self.passed_by + 1
        } else {
            0
        };
        self.under_way += 1;
        Some(key)
    }

    fn is_idle(&self) -> bool {
        self.under_way == 0 && self.waiting.is_empty() && !self.is_in_turn
    }
}

impl Queue {
    /// Lets a session wait for its turn; once, however often it is said. What is said last of its urgency holds.
    pub(super) fn push(&mut self, key: &SessionKey, urgency: Urgency) {
        self.arrivals += 1;
        self.put(key, urgency, self.arrivals);
    }

    fn put(&mut self, key: &SessionKey, urgency: Urgency, order: i64) {
        match self.waiting.get(key) {
            Some((same, _)) if *same == urgency => return,
            Some(_) => self.remove(key),
            None => {}
        }
        self.waiting.insert(key.clone(), (urgency, order));
        let nas: Arc<str> = Arc::from(&*key.nas);
        let lane = self.lanes.entry(Arc::clone(&nas)).or_default();
        lane.waiting.insert((urgency, order), key.clone());
        if !std::mem::replace(&mut lane.is_in_turn, true) {
            self.turn.push_back(nas);
        }
    }

    /// That session waits no more, if it did.
    pub(super) fn remove(&mut self, key: &SessionKey) {
        if let Some(place) = self.waiting.remove(key)
            && let Some(lane) = self.lanes.get_mut(&*key.nas)
        {
            lane.waiting.remove(&place);
        }
    }

    /// The next session; it is under way until [`Queue::done`] or [`Queue::put_off`].
    pub(super) fn next(&mut self, now: Instant) -> Option<SessionKey> {
        self.wake(now);
        for _ in 0..self.turn.len() {
            let nas = self.turn.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&nas) else {
                continue;
            };
            if lane.waiting.is_empty() {
                lane.is_in_turn = false;
                if lane.is_idle() {
                    self.lanes.remove(&nas);
                }
                continue;
            }
            self.turn.push_back(Arc::clone(&nas));
            let has_room = match (lane.under_way, lane.answers) {
                (0, _) => true,
                (UNDER_WAY_EACH_MAX.., _) => false,
                (_, true) => self.answering < ANSWERING_MAX,
                (_, false) => self.silent < SILENT_MAX,
            };
            let Some(place) = lane.next(now).filter(|_| has_room) else {
                continue;
            };
            if lane.under_way > 0 {
                *pool(lane.answers, &mut self.answering, &mut self.silent) += 1;
            }
            if let Some(key) = lane.take(place) {
                self.waiting.remove(&key);
                return Some(key);
            }
        }
        None
    }

    /// The NAS of that session has room for another one.
    pub(super) fn done(&mut self, key: &SessionKey, heard: Heard) {
        let Some(lane) = self.lanes.get_mut(&*key.nas) else {
            return;
        };
        *pool(lane.answers, &mut self.answering, &mut self.silent) -= lane.shared();
        lane.under_way = lane.under_way.saturating_sub(1);
        match heard {
            Heard::Answer => lane.answers = true,
            Heard::Silence => lane.answers = false,
            Heard::NotAsked => {}
        }
        *pool(lane.answers, &mut self.answering, &mut self.silent) += lane.shared();
        if lane.is_idle() {
            self.lanes.remove(&*key.nas);
        }
    }

    /// The NAS of that session cannot be asked for the like before `until`. The session waits before the others.
    pub(super) fn put_off(&mut self, key: &SessionKey, urgency: Urgency, until: Instant) {
        // What has been said meanwhile of its urgency holds.
        if !self.waiting.contains_key(key) {
            self.put(key, urgency, -self.arrivals);
            self.arrivals += 1;
        }
        if let Some(lane) = self.lanes.get_mut(&*key.nas) {
            // Others leave some of the identifiers to releases, never the other way round.
            lane.others_off_until = lane.others_off_until.max(Some(until));
            if urgency == Urgency::Release {
                lane.releases_off_until = lane.releases_off_until.max(Some(until));
            }
        }
        self.next_at = Some(self.next_at.map_or(until, |at| at.min(until)));
        self.done(key, Heard::NotAsked);
    }

    /// When a NAS that is left alone may be asked again.
    pub(super) const fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    fn wake(&mut self, now: Instant) {
        if self.next_at.is_none_or(|at| at > now) {
            return;
        }
        self.next_at = None;
        for lane in self.lanes.values_mut() {
            for off_until in [&mut lane.releases_off_until, &mut lane.others_off_until] {
                *off_until = off_until.filter(|until| *until > now);
                self.next_at = match (self.next_at, *off_until) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Where the shared places of a NAS are counted.
const fn pool<'a>(answers: bool, answering: &'a mut usize, silent: &'a mut usize) -> &'a mut usize {
    if answers { answering } else { silent }
}

#[cfg(test)]
mod tests;

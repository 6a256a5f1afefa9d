//! Who a request is from: by source address first, by login where that does not tell.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;

use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::text::ActorName;
use garth_subscription::time::Span;
use sha2::{Digest, Sha256};

use crate::desk::Hand;
use crate::limits::{SESSION_SECONDS, SESSIONS_MAX};
use crate::token::{hex, random, unhex};

/// Whom a page is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Principal {
    /// The subscriber whose address it is. A login from there changes nothing: nobody else's
    /// subscription is shown at this address.
    Source(SubscriptionId, IpAddr),
    /// A subscriber who logged in, or an operator who looks at the portal as that subscriber.
    Session(SubscriptionId, SessionKey, Hand),
    /// Someone at an address that does not tell.
    Stranger(IpAddr),
}

impl Principal {
    /// Whose subscription it is, if that is known.
    pub(crate) const fn subscription(&self) -> Option<SubscriptionId> {
        match self {
            Self::Source(id, _) | Self::Session(id, _, _) => Some(*id),
            Self::Stranger(_) => None,
        }
    }

    /// Who sends the forms.
    pub(crate) fn hand(&self) -> Hand {
        match self {
            Self::Session(_, _, hand) => hand.clone(),
            Self::Source(..) | Self::Stranger(_) => Hand::Subscriber,
        }
    }

    /// The operator who looks at the portal as its subscriber (L20).
    pub(crate) const fn operator(&self) -> Option<&ActorName> {
        match self {
            Self::Session(_, _, Hand::Operator(name)) => Some(name),
            Self::Session(_, _, Hand::Subscriber) | Self::Source(..) | Self::Stranger(_) => None,
        }
    }

    /// What form tokens are bound to. The kinds never collide: the first octet tells them apart.
    pub(crate) fn subject(&self) -> Vec<u8> {
        match self {
            Self::Source(id, source) => [
                b"a".as_slice(),
                id.0.as_bytes(),
                source.to_string().as_bytes(),
            ]
            .concat(),
            Self::Session(id, key, _) => [b"s".as_slice(), id.0.as_bytes(), &key.0].concat(),
            Self::Stranger(source) => [b"l".as_slice(), source.to_string().as_bytes()].concat(),
        }
    }
}

/// The digest of a session's token. Only digests are kept and compared, so that neither a dump of
/// the table nor the time of a look-up gives a token away.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct SessionKey([u8; 32]);

/// Who is logged in, bounded by [`SESSIONS_MAX`].
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Table>);

#[derive(Default)]
struct Table {
    live: HashMap<SessionKey, Session>,
    /// In the order in which they began, which is that in which they end.
    order: VecDeque<SessionKey>,
}

struct Session {
    id: SubscriptionId,
    hand: Hand,
    until: Timestamp,
}

impl Sessions {
    /// Begins a session and returns the token for its cookie: 256 bits, as 64 digits.
    pub(crate) fn begin(&self, id: SubscriptionId, hand: Hand, now: Timestamp) -> String {
        let token: [u8; 32] = random();
        let key = SessionKey(Sha256::digest(token).into());
        let until = now.saturating_add(Span::from_seconds(SESSION_SECONDS));
        let mut table = self.table();
        while let Some(oldest) = table.order.front().copied() {
            let over = table
                .live
                .get(&oldest)
                .is_none_or(|session| session.until <= now);
            if !over && table.order.len() < SESSIONS_MAX {
                break;
            }
            table.live.remove(&oldest);
            table.order.pop_front();
        }
        table.live.insert(key, Session { id, hand, until });
        table.order.push_back(key);
        hex(&token)
    }

    /// Whose session has this token.
    pub(crate) fn find(&self, token: &str, now: Timestamp) -> Option<Principal> {
        let key = SessionKey(Sha256::digest(unhex(token)?).into());
        let table = self.table();
        let session = table.live.get(&key).filter(|live| now < live.until)?;
        Some(Principal::Session(session.id, key, session.hand.clone()))
    }

    /// Ends a session.
    pub(crate) fn end(&self, key: SessionKey) {
        self.table().live.remove(&key);
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        match self.0.lock() {
            Ok(table) => table,
            // A session more or less in one of the two is repaired by the next `begin`.
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn begin(sessions: &Sessions, n: u128) -> String {
        sessions.begin(id(n), Hand::Subscriber, at(0))
    }

    fn key_of(sessions: &Sessions, token: &str) -> SessionKey {
        let found = sessions.find(token, at(0));
        let Some(Principal::Session(_, key, _)) = found else {
            panic!("{found:?}")
        };
        key
    }

    fn id(n: u128) -> SubscriptionId {
        SubscriptionId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_session_ends_by_time_and_by_wish() {
        let sessions = Sessions::default();
        let token = begin(&sessions, 1);
        let end = i64::from(SESSION_SECONDS);
        let found = sessions.find(&token, at(end - 1)).unwrap();
        assert_eq!(found.subscription(), Some(id(1)));
        assert!(sessions.find(&token, at(end)).is_none());
        sessions.end(key_of(&sessions, &token));
        assert!(sessions.find(&token, at(0)).is_none());
    }

    #[test]
    fn the_table_never_outgrows_its_bound() {
        let sessions = Sessions::default();
        let first = begin(&sessions, 0);
        for n in 1..=SESSIONS_MAX {
            let token = begin(&sessions, 1);
            if n % 2 == 0 {
                sessions.end(key_of(&sessions, &token));
            }
        }
        let table = sessions.table();
        assert!(table.live.len() <= SESSIONS_MAX && table.order.len() <= SESSIONS_MAX);
        drop(table);
        assert!(
            sessions.find(&first, at(0)).is_none(),
            "the oldest gave way"
        );
    }

    #[test]
    fn the_kinds_of_subjects_never_collide() {
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        let subjects = [
            Principal::Source(id(1), source).subject(),
            Principal::Session(id(1), SessionKey([0; 32]), Hand::Subscriber).subject(),
            Principal::Stranger(source).subject(),
        ];
        assert!(subjects[0] != subjects[1] && subjects[1] != subjects[2]);
        assert_ne!(subjects[0], subjects[2]);
    }
}

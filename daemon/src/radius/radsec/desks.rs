//! Where packets wait for the thread that answers them.
//!
//! What has an EAP-Message goes to a thread of its own: it may cost a handshake, thousands of times what PAP costs.
//! Strangers behind one NAS can ask for as many as they like, so a NAS has a share of the places there, and what
//! goes beyond is dropped: the devices ask again. Elsewhere a client waits for room, in TCP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::packet::Packet;
use tokio::sync::mpsc;

use super::{Limits, Request, THREADS};

/// The ways to the threads.
#[derive(Clone)]
pub(super) struct Desks {
    authentication: mpsc::Sender<Request>,
    eap: mpsc::Sender<Request>,
    accounting: mpsc::Sender<Request>,
    shares: Arc<Shares>,
}

/// Room for one request.
pub(super) struct Room<'a> {
    pub(super) desk: mpsc::Permit<'a, Request>,
    pub(super) share: Option<Share>,
}

/// Why there is no room, and will be none however long one waits.
pub(super) enum Full {
    /// Too many requests with EAP wait, of this NAS or in all.
    Eap,
    /// The threads are gone.
    Over,
}

/// How many requests with EAP each NAS has that are not answered yet; those without any are not in it.
struct Shares {
    per_nas_max: usize,
    held: Mutex<HashMap<Arc<str>, usize>>,
}

/// A request's place among those of its NAS, given back when dropped.
pub(super) struct Share {
    shares: Arc<Shares>,
    nas: Arc<str>,
}

impl Desks {
    /// With the other ends: authentication, EAP, accounting.
    pub(super) fn new(limits: &Limits) -> (Self, [mpsc::Receiver<Request>; THREADS]) {
        let (authentication, asked) = mpsc::channel(limits.queue_len_max);
        let (eap, shaken) = mpsc::channel(limits.queue_len_max);
        let (accounting, told) = mpsc::channel(limits.queue_len_max);
        let shares = Shares {
            per_nas_max: limits.eap_per_nas_max,
            held: Mutex::default(),
        };
        let desks = Self {
            authentication,
            eap,
            accounting,
            shares: Arc::new(shares),
        };
        (desks, [asked, shaken, told])
    }

    /// Room where a packet of that NAS is answered; waits for it, but not with EAP.
    pub(super) async fn room(&self, packet: &[u8], nas: &Arc<str>) -> Result<Room<'_>, Full> {
        let desk = match packet.first().copied().map(Code) {
            Some(Code::ACCOUNTING_REQUEST) => &self.accounting,
            Some(Code::ACCESS_REQUEST) if has_eap(packet) => return self.room_for_eap(nas),
            Some(_) | None => &self.authentication,
        };
        let desk = desk.reserve().await.map_err(|_| Full::Over)?;
        Ok(Room { desk, share: None })
    }

    fn room_for_eap(&self, nas: &Arc<str>) -> Result<Room<'_>, Full> {
        let share = self.shares.take(nas).ok_or(Full::Eap)?;
        let desk = self.eap.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => Full::Eap,
            mpsc::error::TrySendError::Closed(()) => Full::Over,
        })?;
        Ok(Room {
            desk,
            share: Some(share),
        })
    }
}

/// What is no packet has none, and is refused where it goes.
fn has_eap(packet: &[u8]) -> bool {
    Packet::decode(packet).is_ok_and(|packet| packet.find(AttributeType::EAP_MESSAGE).is_some())
}

impl Shares {
    /// A place for one more of that NAS, if it has not all it may have.
    fn take(self: &Arc<Self>, nas: &Arc<str>) -> Option<Share> {
        let mut held = self.lock();
        let count = held.entry(Arc::clone(nas)).or_default();
        if *count >= self.per_nas_max {
            return None;
        }
        *count += 1;
        Some(Share {
            shares: Arc::clone(self),
            nas: Arc::clone(nas),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        if let Some(count) = held.get_mut(&self.nas) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.nas);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desks(limits: Limits) -> (Desks, [mpsc::Receiver<Request>; THREADS]) {
        Desks::new(&limits)
    }

    fn packet(code: Code, attribute: &[u8]) -> Vec<u8> {
        let len = u8::try_from(20 + attribute.len()).unwrap();
        let mut octets = vec![code.0, 1, 0, len];
        octets.resize(20, 0);
        octets.extend(attribute);
        octets
    }

    /// EAP-Message with a Response/Identity of nobody.
    const EAP: [u8; 7] = [79, 7, 2, 1, 0, 5, 1];
    const USER_NAME: [u8; 3] = [1, 3, b'a'];

    #[tokio::test]
    async fn n7_access_request_with_eap_message_waits_apart_from_all_others() {
        for (code, attribute, waits_for) in [
            (Code::ACCESS_REQUEST, &USER_NAME[..], 0),
            (Code::STATUS_SERVER, &EAP, 0),
            (Code::ACCESS_REQUEST, &EAP[..6], 0),
            (Code::ACCESS_REQUEST, &EAP, 1),
            (Code::ACCOUNTING_REQUEST, &EAP, 2),
        ] {
            let (desks, receivers) = desks(Limits::default());
            let room = desks.room(&packet(code, attribute), &"a".into()).await;
            let _room = room.map_err(drop).unwrap();
            let whole = Limits::default().queue_len_max;
            let taken = receivers.iter().position(|desk| desk.capacity() < whole);
            assert_eq!(taken, Some(waits_for), "{code:?} {attribute:?}");
        }
    }

    #[tokio::test]
    async fn n7_nas_with_all_its_places_for_eap_takes_none_of_another() {
        let (desks, _receivers) = desks(Limits {
            eap_per_nas_max: 2,
            ..Limits::default()
        });
        let eap = packet(Code::ACCESS_REQUEST, &EAP);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut held = Vec::new();
        for _ in 0..2 {
            held.extend(desks.room(&eap, &a).await.ok());
        }
        assert_eq!(held.len(), 2);
        assert!(matches!(desks.room(&eap, &a).await, Err(Full::Eap)));
        assert!(desks.room(&eap, &b).await.is_ok());
        let pap = packet(Code::ACCESS_REQUEST, &USER_NAME);
        assert!(desks.room(&pap, &a).await.is_ok());
        held.pop();
        assert!(desks.room(&eap, &a).await.is_ok());
        held.clear();
        assert!(desks.shares.lock().is_empty());
    }

    #[tokio::test]
    async fn n7_queue_for_eap_that_is_full_holds_nobody_up() {
        let (desks, _receivers) = desks(Limits {
            queue_len_max: 1,
            ..Limits::default()
        });
        let eap = packet(Code::ACCESS_REQUEST, &EAP);
        let held = desks.room(&eap, &"a".into()).await;
        assert!(matches!(
            desks.room(&eap, &"b".into()).await,
            Err(Full::Eap)
        ));
        drop(held);
        assert!(desks.room(&eap, &"b".into()).await.is_ok());
    }
}

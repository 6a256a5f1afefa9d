//! Subscriptions on the disk: facts, subscriber, and where the agenda names them.

use std::net::Ipv4Addr;

use garth_subscription::facts::SubscriptionId;
use garth_subscription::route::LinkPrefix;
use garth_subscription::subscriber::{MacAddress, Password, UserName};
use garth_subscription::text::{CircuitId, RemoteId};
use garth_subscription::time::Timestamp;
use minicbor::{Decode, Encode};

use super::facts::{FactsRow, facts, facts_row, standing_facts};
use super::network::prefix;
use super::subscriber::{SubscriberRow, routes, subscriber, subscriber_row};
use super::{Damaged, of_row, optional_instant, optional_text, to_row};
use crate::credential::{KeyRing, Scratch, SealedCredential};
use crate::fault::Fault;
use crate::index::Indexed;
use crate::record::Subscription;

#[derive(Decode, Encode)]
struct SubscriptionRow<'a> {
    #[b(0)]
    facts: FactsRow<'a>,
    #[b(1)]
    subscriber: SubscriberRow<'a>,
    #[n(2)]
    boundary: Option<i64>,
}

/// A subscription as it is stored: with the instant of its row in the agenda.
pub(crate) struct StoredSubscription {
    pub(crate) subscription: Subscription,
    /// Where the agenda names it; nowhere if time alone changes nothing more.
    pub(crate) boundary: Option<Timestamp>,
}

/// The row of a subscription; its id is the table's key.
pub(crate) fn encode_subscription(
    subscription: &Subscription,
    boundary: Option<Timestamp>,
) -> Vec<u8> {
    to_row(&SubscriptionRow {
        facts: facts_row(&subscription.facts),
        subscriber: SubscriberRow {
            credential: subscription.credential.as_ref().map(SealedCredential::blob),
            ..subscriber_row(&subscription.subscriber)
        },
        boundary: boundary.map(Timestamp::unix_millis),
    })
}

/// The subscription of a row.
pub(crate) fn decode_subscription(
    id: SubscriptionId,
    octets: &[u8],
) -> Result<StoredSubscription, Damaged> {
    match decode_unsealed(id, octets)? {
        (stored, None) => Ok(stored),
        (_, Some(_)) => Err(unsealed()),
    }
}

/// The subscription of a row that may be of before schema 4, and the password that lies open in it.
pub(crate) fn decode_unsealed(
    id: SubscriptionId,
    octets: &[u8],
) -> Result<(StoredSubscription, Option<Password>), Damaged> {
    let row: SubscriptionRow<'_> = of_row("subscription", octets)?;
    let credential = row.subscriber.credential;
    let stored = StoredSubscription {
        subscription: Subscription {
            subscriber: subscriber(&row.subscriber)?,
            credential: credential.map(SealedCredential::of_row).transpose()?,
            facts: facts(id, &row.facts)?,
        },
        boundary: optional_instant(row.boundary)?,
    };
    let password = optional_text("password", row.subscriber.password)?;
    Ok((stored, password))
}

fn unsealed() -> Damaged {
    Damaged::new("credential", "it is not sealed")
}

/// What the index keeps of the subscription of a row: nothing else is checked, nothing is copied.
///
/// Its plan is the text of the row alone; its credential is opened in `scratch`.
pub(crate) fn decode_indexed<'a>(
    id: SubscriptionId,
    octets: &'a [u8],
    keys: &KeyRing,
    scratch: &'a mut Scratch,
) -> Result<Indexed<'a>, Fault> {
    let row: SubscriptionRow<'_> = of_row("subscription", octets)?;
    let SubscriberRow {
        user_name,
        password,
        mac,
        framed_ipv4,
        delegated_ipv6,
        credential,
        circuit_id,
        remote_id,
        framed_ipv6,
        framed_routes,
        ..
    } = row.subscriber;
    if let Some(name) = user_name {
        UserName::check(name).map_err(|error| Damaged::new("user name", error))?;
    }
    if let Some(circuit_id) = circuit_id {
        CircuitId::check(circuit_id).map_err(|error| Damaged::new("circuit id", error))?;
    }
    if let Some(remote_id) = remote_id {
        RemoteId::check(remote_id).map_err(|error| Damaged::new("remote id", error))?;
    }
    if password.is_some() {
        return Err(unsealed().into());
    }
    let credential = credential.map(|blob| keys.open_blob(id, blob, scratch));
    Ok(Indexed {
        id,
        standing: standing_facts(&row.facts)?,
        plan: row.facts.plan,
        user_name,
        credential: credential.transpose()?,
        mac: mac.map(|mac| MacAddress(*mac)),
        circuit_id,
        remote_id,
        framed_ipv4: framed_ipv4.map(Ipv4Addr::from_bits),
        framed_ipv6: framed_ipv6.map(|octets| LinkPrefix::of_octets(*octets)),
        delegated_ipv6: delegated_ipv6.as_ref().map(prefix).transpose()?,
        framed_routes: routes(framed_routes.as_deref().unwrap_or_default())?,
    })
}

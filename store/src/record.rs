//! What the tables hold, as the rest of the workspace sees it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::{EntryId, JournalEntry};
use garth_subscription::quote::{Offer, Quote};
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress, Subscriber, UserName};
use garth_subscription::text::{ActorName, Message, PaymentId, PlanId, Reason};
use garth_subscription::{Facts, Money, Timestamp};
use uuid::Uuid;

use crate::credential::SealedCredential;

/// A subscription: who it belongs to and what is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subscription {
    /// How the network and people recognise it.
    pub subscriber: Subscriber,
    /// What it proves itself with.
    pub credential: Option<SealedCredential>,
    /// What the rules decide by.
    pub facts: Facts,
}

/// A journal entry in its place in the chain (LEDGER section 3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChainedEntry {
    /// Counts from 1, without gaps, on this edge and epoch.
    pub sequence: u64,
    /// SHA-256 of the entry before; zeros for the first.
    pub previous_hash: [u8; 32],
    /// SHA-256 over epoch, sequence, previous hash and body.
    pub hash: [u8; 32],
    /// What happened.
    pub entry: JournalEntry,
}

/// Names a session: the NAS's configured name and its Acct-Session-Id (RFC 2866 section 5.5).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey {
    /// The NAS, by its name in the configuration.
    pub nas: Box<str>,
    /// As the NAS sent it, 1 to 253 octets.
    pub acct_session_id: Box<[u8]>,
}

/// What a NAS calls itself in its records. Behind a proxy, or in one entry of the configuration, there
/// may be several.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NasNames {
    /// NAS-Identifier, up to 253 octets.
    pub nas_identifier: Option<Box<[u8]>>,
    /// NAS-IP-Address.
    pub nas_ip_address: Option<Ipv4Addr>,
    /// NAS-IPv6-Address (RFC 3162).
    pub nas_ipv6_address: Option<Ipv6Addr>,
}

impl NasNames {
    /// Whether it says nothing of itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether both may be of one NAS: they share a name, or have none of a kind in common that they
    /// differ by.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        fn compare<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<bool> {
            Some(one? == other?)
        }
        let compared = [
            compare(self.nas_identifier.as_ref(), other.nas_identifier.as_ref()),
            compare(self.nas_ip_address, other.nas_ip_address),
            compare(self.nas_ipv6_address, other.nas_ipv6_address),
        ];
        compared.contains(&Some(true)) || !compared.contains(&Some(false))
    }
}

/// Values of [`Session::terminate_cause`] that no NAS has sent: how sessions are closed from here.
/// Beyond the numbers of RFC 2866 section 5.10, so that nobody takes them for a word of the NAS.
pub mod closed_here {
    /// Nothing was heard of it for too long.
    pub const AGED: u32 = 0xFFFF_FF01;
    /// Its NAS has given its Acct-Session-Id to a session of another subscription.
    pub const REPLACED: u32 = 0xFFFF_FF02;
    /// Its NAS said Accounting-On or Accounting-Off: "NAS Reboot" of RFC 2866 section 5.10.
    pub const NAS_REBOOT: u32 = 11;
}

/// The most IPv6 prefixes of a session beside the first of each kind.
pub const FURTHER_IPV6_MAX: usize = 6;

/// A session, live or closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// Which one.
    pub key: SessionKey,
    /// Whose, where Class or User-Name told.
    pub subscription: Option<SubscriptionId>,
    /// As the NAS sent it.
    pub user_name: Option<UserName>,
    /// The subscriber's IPv4 address.
    pub framed_ipv4: Option<Ipv4Addr>,
    /// The subscriber's link prefix (RFC 3162).
    pub framed_ipv6: Option<Ipv6Prefix>,
    /// The subscriber's delegated prefix (RFC 4818).
    pub delegated_ipv6: Option<Ipv6Prefix>,
    /// Further prefixes and single addresses (/128) of the subscriber, at most
    /// [`FURTHER_IPV6_MAX`].
    pub further_ipv6: Box<[Ipv6Prefix]>,
    /// The subscriber's equipment, if Calling-Station-Id was a MAC address.
    pub mac: Option<MacAddress>,
    /// What the NAS calls itself.
    pub nas_names: NasNames,
    /// NAS-Port: the port as a number.
    pub nas_port: Option<u32>,
    /// NAS-Port-Id: the port as text (RFC 2869 section 5.17), up to 253 octets.
    pub nas_port_id: Option<Box<[u8]>>,
    /// When it began.
    pub started_at: Timestamp,
    /// The last record's arrival.
    pub updated_at: Timestamp,
    /// When it ended; live if `None`.
    pub stopped_at: Option<Timestamp>,
    /// Why it ended (RFC 2866 section 5.10), or how it was closed ([`closed_here`]).
    pub terminate_cause: Option<u32>,
    /// The subscriber's upload in octets; never decreases.
    pub input_octets: u64,
    /// The subscriber's download in octets; never decreases.
    pub output_octets: u64,
    /// In seconds, as the NAS counts; never decreases.
    pub session_time: u32,
}

/// A calendar month.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Month {
    /// From 1970 on.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// What a subscription has used in a calendar month of the billing zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MonthUsage {
    /// Which month.
    pub month: Month,
    /// Upload in octets.
    pub input_octets: u64,
    /// Download in octets.
    pub output_octets: u64,
    /// How long its sessions lasted, in seconds; several at once count each.
    pub session_time: u64,
    /// How many sessions began.
    pub sessions: u64,
}

/// What an accounting record says (RFC 2866 section 5.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AccountingStatus {
    /// A session begins.
    Start,
    /// A session goes on.
    InterimUpdate,
    /// A session ends.
    Stop,
    /// The NAS starts: none of its sessions lives any more.
    AccountingOn,
    /// The NAS stops: none of its sessions lives any more.
    AccountingOff,
}

/// A live session that may have something else than its subscription is entitled to: its NAS was not told, has
/// not proven that it did what it was told, or does not do it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unsettled {
    /// When the session began: a NAS that counts its ids from the start again makes another one under its key.
    pub started_at: Timestamp,
    /// What the NAS was told last; `None`: one of several things.
    pub told: Option<LastTold>,
    /// Whether operators were told of it.
    pub is_alarm: bool,
}

/// What a NAS was told last of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LastTold {
    /// Full access with these rates: it has acknowledged them, and they are what the session is entitled to.
    Full(ToldRates),
    /// Full access with a plan or rates that the session is not entitled to any more, or is not known to have been
    /// told another one. `None`: the rates are not known.
    AnotherFull(Option<ToldRates>),
    /// The garden.
    Garden,
    /// That it is let in nowhere.
    Reject,
}

/// The rates that a NAS was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ToldRates {
    /// Towards the subscriber.
    pub down_kbps: u32,
    /// From the subscriber.
    pub up_kbps: u32,
}

/// One accounting record to be kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountingRecord {
    /// What it says.
    pub status: AccountingStatus,
    /// Of which session; for On and Off only the NAS counts and the id may be empty.
    pub key: SessionKey,
    /// The subscription, if the record carried our Class.
    pub class: Option<SubscriptionId>,
    /// User-Name.
    pub user_name: Option<UserName>,
    /// Calling-Station-Id, if it is a MAC address.
    pub mac: Option<MacAddress>,
    /// Framed-IP-Address.
    pub framed_ipv4: Option<Ipv4Addr>,
    /// Framed-IPv6-Prefix.
    pub framed_ipv6: Option<Ipv6Prefix>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6: Option<Ipv6Prefix>,
    /// Further prefixes of both kinds, and single addresses; those beyond
    /// [`FURTHER_IPV6_MAX`] are not kept.
    pub further_ipv6: Box<[Ipv6Prefix]>,
    /// What the NAS calls itself.
    pub nas_names: NasNames,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// NAS-Port-Id.
    pub nas_port_id: Option<Box<[u8]>>,
    /// Upload, Gigawords joined.
    pub input_octets: u64,
    /// Download, Gigawords joined.
    pub output_octets: u64,
    /// Acct-Session-Time in seconds; 0 where the NAS does not tell.
    pub session_time: u32,
    /// Acct-Terminate-Cause.
    pub terminate_cause: Option<u32>,
    /// Seconds the NAS has held the record back (Acct-Delay-Time).
    pub delay_seconds: u32,
}

/// Names a checkout: random, so that it cannot be guessed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CheckoutId(pub Uuid);

/// An offer that a subscriber went to the gateway with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkout {
    /// Which one.
    pub id: CheckoutId,
    /// Whose.
    pub subscription: SubscriptionId,
    /// What it buys; nothing where the money only goes on the account.
    pub offer: Option<Offer>,
    /// The quote that it was opened for.
    pub quote: Option<QuoteId>,
    /// What it costs after credit; what the gateway is to take.
    pub total: Money,
    /// When it was opened.
    pub created_at: Timestamp,
    /// The gateway's own name for it, once it answered.
    pub gateway_session: Option<Box<str>>,
    /// How it stands.
    pub state: CheckoutState,
}

/// Names a quote: random, so that it cannot be guessed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct QuoteId(pub Uuid);

/// A price that was promised for a time (E6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredQuote {
    /// Which one.
    pub id: QuoteId,
    /// For which subscription.
    pub subscription: SubscriptionId,
    /// The price, line by line.
    pub quote: Quote,
    /// What is promised, and until when.
    pub offer: Offer,
    /// The version of the price list that it was made from.
    pub price_list: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// HMAC-SHA256 over all of it, with this edge's key.
    pub signature: [u8; 32],
}

/// A subscriber's wish for another plan, for the operators to answer (L18).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// The journal entry that tells of it, which is its name as well.
    pub id: EntryId,
    /// Whose.
    pub subscription: SubscriptionId,
    /// Which plan, if they know.
    pub plan: Option<PlanId>,
    /// In their words.
    pub message: Message,
    /// When.
    pub created_at: Timestamp,
    /// How it stands.
    pub state: TicketState,
}

/// How a ticket stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TicketState {
    /// Nobody has answered it.
    Open,
    /// It is dealt with.
    Closed {
        /// By whom.
        by: ActorName,
        /// When.
        at: Timestamp,
        /// What they say to it; the subscriber sees it.
        answer: Option<Reason>,
    },
}

/// Something that a subscriber is told in the portal until they have seen it (L6, T17, E16).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// The place of its entry in the journal, which names it.
    pub sequence: u64,
    /// What happened.
    pub entry: JournalEntry,
}

/// How a checkout stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CheckoutState {
    /// Not paid yet.
    Open,
    /// Paid; the first payment used the offer.
    Paid {
        /// By which payment.
        payment: PaymentId,
        /// The entry it made.
        entry: EntryId,
        /// When the payment was confirmed here.
        confirmed_at: Timestamp,
    },
    /// The gateway will take no money for it any more.
    Expired,
}

/// A payment and the one effect it had (E4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payment {
    /// Which one.
    pub id: PaymentId,
    /// For which subscription.
    pub subscription: SubscriptionId,
    /// How much.
    pub amount: Money,
    /// The entry it made.
    pub entry: EntryId,
    /// When it was booked.
    pub booked_at: Timestamp,
}

/// A source address as RADIUS or a static assignment ties it to a subscription.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Address {
    /// One IPv4 address.
    V4(Ipv4Addr),
    /// One IPv6 prefix.
    V6(Ipv6Prefix),
}

impl Address {
    /// The prefix that covers just `address`.
    #[must_use]
    pub fn host_v6(address: Ipv6Addr) -> Self {
        Self::V6(Ipv6Prefix::new(address, 128).expect("a /128 has no host bits"))
    }
}

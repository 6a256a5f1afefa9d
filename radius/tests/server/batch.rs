//! A batch means the same as its datagrams one after the other.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::dialect::Dialect;
use garth_radius::directory::{Directory, Identity, Profile};
use garth_radius::nas::MessageAuthenticatorPolicy::{self, Auto, Off, Require};
use garth_radius::nas::Nas;
use garth_radius::packet::PACKET_LEN_MAX;
use garth_radius::server::{
    AccountVerdict, BATCH_MAX, Datagram, DropReason, Outcome, Server, Ticket, Unknown, Verdict,
};
use proptest::prelude::*;

use crate::support::{Ask, Book, NOW, nas, secret, server, settings, settings_of, source};

/// Somebody who is no NAS.
fn stranger() -> SocketAddr {
    "198.51.100.1:40000".parse().unwrap()
}

/// What a random datagram is made of. Identifiers and authenticators are few, so that they meet again.
type Recipe = (u8, u8, u8, usize);

fn recipes() -> impl Strategy<Value = Vec<Recipe>> {
    let recipe = (0_u8..24, 0_u8..4, 0_u8..3, 0_usize..130);
    prop::collection::vec(recipe, 0..80)
}

/// Batches of these sizes, over and over.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..70, 1..4)
}

fn policies() -> impl Strategy<Value = MessageAuthenticatorPolicy> {
    prop_oneof![Just(Require), Just(Auto), Just(Off)]
}

fn access_ask((kind, identifier, authenticator, len): Recipe) -> Ask {
    let mut ask = match kind {
        0..2 => Ask::user(b"alice").again(authenticator).pap(b"wonderland"),
        2 => Ask::user(b"alice")
            .again(authenticator)
            .pap(&[b'x'; 128][..len.min(128)]),
        3..5 => Ask::user(b"alice").again(authenticator).chap(b"wonderland"),
        5 => Ask::user(b"alice")
            .again(authenticator)
            .chap(&[b'x'; 128][..len.min(128)]),
        6 => Ask::user(b"sue").again(authenticator).pap(b"in debt"),
        7 => Ask::user(b"tom").again(authenticator).chap(b"gone"),
        8 => Ask::user(b"nobody").again(authenticator).pap(b"x"),
        9 => Ask::user(b"alice")
            .again(authenticator)
            .pap(b"wonderland")
            .unsigned(),
        10 => Ask::new(Code::STATUS_SERVER).again(authenticator),
        11 => Ask::new(Code::STATUS_SERVER)
            .again(authenticator)
            .unsigned(),
        12 => Ask::new(Code::COA_REQUEST).again(authenticator),
        13 => Ask::user(b"02-00-00-00-00-07")
            .again(authenticator)
            .pap(b"02-00-00-00-00-07"),
        14 => Ask::user(b"020000000007")
            .again(authenticator)
            .chap(b"020000000007"),
        15 => Ask::user(b"alice")
            .again(authenticator)
            .with(AttributeType::EAP_MESSAGE, &[1; 5]),
        16 => Ask::user(b"alice")
            .again(authenticator)
            .with(AttributeType::USER_PASSWORD, &[1; 17]),
        17 => Ask::user(b"emil").again(authenticator).chap(b""),
        // Only a reject leaves room for what is to be echoed.
        18 => Ask::user(b"alice")
            .again(authenticator)
            .chap(b"wonderland")
            .proxied(15, 250),
        19 => Ask::user(b"alice")
            .again(authenticator)
            .chap(b"?")
            .proxied(15, 250),
        _ => Ask::user(b"alice")
            .again(authenticator)
            .pap(b"wonderland")
            .proxied(3, len),
    };
    ask.identifier = identifier;
    ask
}

fn accounting_ask((kind, identifier, authenticator, len): Recipe) -> Ask {
    let mut ask = match kind {
        0 => Ask::new(Code::STATUS_SERVER).again(authenticator),
        1 => Ask::new(Code::STATUS_SERVER)
            .again(authenticator)
            .unsigned(),
        2 => Ask::new(Code::ACCESS_REQUEST).again(authenticator),
        3 => Ask::new(Code::ACCOUNTING_REQUEST).with(AttributeType::ACCT_SESSION_ID, &[1; 9]),
        4 => {
            Ask::new(Code::ACCOUNTING_REQUEST).with(AttributeType::MESSAGE_AUTHENTICATOR, &[1; 16])
        }
        5 => Ask::new(Code::ACCOUNTING_REQUEST).with(AttributeType::ACCT_INPUT_OCTETS, &[1; 3]),
        _ => Ask::new(Code::ACCOUNTING_REQUEST)
            .with(AttributeType::ACCT_STATUS_TYPE, &[0, 0, 0, 3])
            .with(AttributeType::ACCT_SESSION_ID, &[authenticator; 1]),
    };
    ask.identifier = identifier;
    ask.signed &= kind % 2 == 0;
    if kind > 12 {
        ask = ask.proxied(2, len);
    }
    ask
}

/// The datagram and its source: a few kinds come from a stranger, cut short or forged.
fn datagram(recipe: Recipe, ask: &Ask) -> (SocketAddr, Vec<u8>) {
    let mut octets = ask.octets();
    match recipe.0 {
        20 => return (stranger(), octets),
        21 => octets.truncate(recipe.3),
        22 => {
            let at = recipe.3 % octets.len();
            octets[at] ^= 1;
        }
        _ => {}
    }
    (source(), octets)
}

/// Cuts the datagrams into batches of the sizes.
fn batches<'a>(
    datagrams: &'a [(SocketAddr, Vec<u8>)],
    sizes: &'a [usize],
) -> impl Iterator<Item = Vec<Datagram<'a>>> {
    let mut rest = datagrams;
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let size = (*sizes.next()?).min(rest.len());
        let (batch, behind) = rest.split_at(size);
        rest = behind;
        (size > 0).then(|| {
            batch
                .iter()
                .map(|(source, octets)| Datagram {
                    source: *source,
                    octets,
                })
                .collect()
        })
    })
}

fn pair(policy: MessageAuthenticatorPolicy) -> (Server, Server) {
    // What `auto` has learned is kept in the table, so each server has its own.
    let one = || {
        Server::new(
            settings(nas(policy, Dialect::mikrotik()), Unknown::Reject),
            1,
        )
    };
    (one(), one())
}

fn silent() -> Verdict {
    Verdict::Drop(DropReason::UnknownNas)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn authenticated_batch_gives_the_verdicts_and_octets_of_lone_datagrams(
        recipes in recipes(),
        sizes in sizes(),
        policy in policies(),
    ) {
        let (mut together, mut alone) = pair(policy);
        let (book_together, book_alone) = (Book::default(), Book::default());
        let datagrams: Vec<_> = recipes
            .iter()
            .map(|recipe| datagram(*recipe, &access_ask(*recipe)))
            .collect();
        for batch in batches(&datagrams, &sizes) {
            let mut replies = vec![[0; PACKET_LEN_MAX]; batch.len()];
            let mut verdicts = vec![silent(); batch.len()];
            together.authenticate_batch(NOW, &batch, &book_together, &mut replies, &mut verdicts);
            for ((datagram, verdict), reply) in batch.iter().zip(verdicts).zip(replies) {
                let mut expected = [0; PACKET_LEN_MAX];
                let (source, octets) = (datagram.source, datagram.octets);
                prop_assert_eq!(
                    verdict,
                    alone.authenticate(NOW, source, octets, &book_alone, &mut expected)
                );
                if let Verdict::Reply { len, .. } = verdict {
                    prop_assert_eq!(&reply[..len], &expected[..len]);
                }
            }
        }
        prop_assert_eq!(book_together.asked.get(), book_alone.asked.get());
        let (together, alone) = (together.counters(), alone.counters());
        for reason in DropReason::ALL {
            prop_assert_eq!(together.dropped(*reason), alone.dropped(*reason));
        }
        prop_assert_eq!(together.answered(Outcome::Duplicate), alone.answered(Outcome::Duplicate));
    }

    #[test]
    fn accounted_batch_gives_the_records_and_octets_of_lone_datagrams(
        recipes in recipes(),
        sizes in sizes(),
    ) {
        let (mut together, mut alone) = pair(Require);
        let datagrams: Vec<_> = recipes
            .iter()
            .map(|recipe| datagram(*recipe, &accounting_ask(*recipe)))
            .collect();
        for batch in batches(&datagrams, &sizes) {
            let mut replies = vec![[0; PACKET_LEN_MAX]; batch.len()];
            let mut given = Vec::new();
            together.account_batch(NOW, &batch, &mut replies, |at, verdict| {
                assert_eq!(at, given.len());
                given.push(verdict);
            });
            prop_assert_eq!(given.len(), batch.len());
            let mut expected_replies = vec![[0; PACKET_LEN_MAX]; batch.len()];
            let mut expected = Vec::new();
            for (datagram, reply) in batch.iter().zip(&mut expected_replies) {
                expected.push(alone.account(NOW, datagram.source, datagram.octets, reply));
            }
            prop_assert_eq!(format!("{given:?}"), format!("{expected:?}"));
            for at in 0..batch.len() {
                let len = reply_len(&given[at]);
                prop_assert_eq!(&replies[at][..len], &expected_replies[at][..len]);
            }
            settle(&mut together, given, &replies);
            settle(&mut alone, expected, &expected_replies);
        }
    }
}

fn reply_len(verdict: &AccountVerdict<'_>) -> usize {
    match verdict {
        AccountVerdict::Reply { len, .. } => *len,
        AccountVerdict::Record { reply_len, .. } => *reply_len,
        AccountVerdict::Drop(_) => 0,
    }
}

/// Every third record does not become durable.
fn settle(
    server: &mut Server,
    verdicts: Vec<AccountVerdict<'_>>,
    replies: &[[u8; PACKET_LEN_MAX]],
) {
    for (at, verdict) in verdicts.into_iter().enumerate() {
        let AccountVerdict::Record {
            ticket, reply_len, ..
        } = verdict
        else {
            continue;
        };
        match at % 3 {
            0 => server.abandoned(ticket),
            _ => server.committed(ticket, &replies[at][..reply_len]),
        }
    }
}

#[test]
fn n5_repetition_in_one_batch_is_processed_once() {
    let mut server = server(Require);
    let book = Book::default();
    let octets = Ask::user(b"alice").chap(b"wonderland").octets();
    let datagrams = [Datagram {
        source: source(),
        octets: &octets,
    }; BATCH_MAX];
    let mut replies = vec![[0; PACKET_LEN_MAX]; BATCH_MAX];
    let mut verdicts = vec![silent(); BATCH_MAX];
    server.authenticate_batch(NOW, &datagrams, &book, &mut replies, &mut verdicts);
    assert_eq!(book.asked.get(), 1);
    let Verdict::Reply { len, outcome } = verdicts[0] else {
        panic!("an answer was expected");
    };
    assert_eq!(outcome, Outcome::AcceptFull);
    for (verdict, reply) in verdicts.iter().zip(&replies).skip(1) {
        let outcome = Outcome::Duplicate;
        assert_eq!(*verdict, Verdict::Reply { len, outcome });
        assert_eq!(reply[..len], replies[0][..len]);
    }
}

#[test]
fn n5_repeated_record_in_one_batch_is_recorded_once() {
    let mut server = server(Require);
    let octets = accounting_ask((7, 1, 1, 0)).octets();
    let datagrams = [Datagram {
        source: source(),
        octets: &octets,
    }; 40];
    let mut replies = vec![[0; PACKET_LEN_MAX]; 40];
    let mut tickets: Vec<Ticket> = Vec::new();
    let mut pending = 0;
    server.account_batch(NOW, &datagrams, &mut replies, |_, verdict| match verdict {
        AccountVerdict::Record { ticket, .. } => tickets.push(ticket),
        AccountVerdict::Drop(DropReason::Pending) => pending += 1,
        AccountVerdict::Drop(_) | AccountVerdict::Reply { .. } => {}
    });
    assert_eq!((tickets.len(), pending), (1, 39));
}

#[test]
fn unsigned_datagrams_of_a_batch_reach_neither_duplicates_nor_directory() {
    let mut server = server(Require);
    let book = Book::default();
    let mut forged = Ask::user(b"alice").pap(b"wonderland").octets();
    forged[4] ^= 1;
    let unsigned = Ask::user(b"alice").pap(b"wonderland").unsigned().octets();
    let right = Ask::user(b"alice").pap(b"wonderland").octets();
    let datagrams = [&forged, &unsigned, &forged, &right].map(|octets| Datagram {
        source: source(),
        octets,
    });
    let mut replies = vec![[0; PACKET_LEN_MAX]; 4];
    let mut verdicts = vec![silent(); 4];
    server.authenticate_batch(NOW, &datagrams, &book, &mut replies, &mut verdicts);
    assert_eq!(
        verdicts[..3],
        [
            Verdict::Drop(DropReason::BadMessageAuthenticator),
            Verdict::Drop(DropReason::MissingMessageAuthenticator),
            Verdict::Drop(DropReason::BadMessageAuthenticator),
        ]
    );
    assert!(matches!(
        verdicts[3],
        Verdict::Reply {
            outcome: Outcome::AcceptFull,
            ..
        }
    ));
    assert_eq!(book.asked.get(), 1);
}

/// Answers a flood from `source` in whole batches.
fn flood(server: &mut Server, source: SocketAddr, packets: &[Vec<u8>]) {
    let mut replies = vec![[0; PACKET_LEN_MAX]; BATCH_MAX];
    let mut verdicts = vec![silent(); BATCH_MAX];
    let datagrams: Vec<_> = packets
        .iter()
        .map(|octets| Datagram { source, octets })
        .collect();
    for batch in datagrams.chunks(BATCH_MAX) {
        server.authenticate_batch(NOW, batch, &Book::default(), &mut replies, &mut verdicts);
    }
}

/// Requests of nobody, all different, more than the duplicate cache holds.
fn requests_of_nobody() -> Vec<Vec<u8>> {
    (0_u16..10_000)
        .map(|n| {
            let mut ask = Ask::user(b"nobody");
            let [high, low] = n.to_be_bytes();
            ask.authenticator[..2].copy_from_slice(&[high, low]);
            ask.identifier = low;
            ask.pap(b"x").octets()
        })
        .collect()
}

#[test]
fn n5_flood_of_strangers_and_forgeries_pushes_out_no_reply() {
    let mut server = server(Require);
    let alice = Ask::user(b"alice").pap(b"wonderland");
    assert_eq!(alice.outcome(&mut server), Ok(Outcome::AcceptFull));
    let mut packets = requests_of_nobody();
    flood(&mut server, stranger(), &packets);
    for packet in &mut packets {
        *packet.last_mut().unwrap() ^= 1;
    }
    flood(&mut server, source(), &packets);
    assert_eq!(alice.outcome(&mut server), Ok(Outcome::Duplicate));
}

#[test]
fn n5_flood_of_unknown_users_pushes_out_replies_of_its_own_nas_only() {
    let nas = |name: &str, prefix: &str| {
        let prefix = prefix.parse().unwrap();
        Nas::new(name, prefix, secret(), Arc::new(Dialect::generic()))
    };
    let table = vec![nas("nas-1", "192.0.2.0/24"), nas("nas-2", "203.0.113.0/24")];
    let mut server = Server::new(settings_of(table, Unknown::Reject), 1);
    let alice = Ask::user(b"alice").pap(b"wonderland");
    assert_eq!(alice.outcome(&mut server), Ok(Outcome::AcceptFull));
    // Few enough from each port that no identifier is used twice.
    for (port, packets) in (1..).zip(requests_of_nobody().chunks(200)) {
        flood(
            &mut server,
            SocketAddr::from(([203, 0, 113, 1], port)),
            packets,
        );
    }
    assert_eq!(alice.outcome(&mut server), Ok(Outcome::Duplicate));
    for (port, packets) in (1..).zip(requests_of_nobody().chunks(200)) {
        flood(
            &mut server,
            SocketAddr::from(([192, 0, 2, 1], port)),
            packets,
        );
    }
    assert_eq!(alice.outcome(&mut server), Ok(Outcome::AcceptFull));
}

#[test]
fn n6_stranger_is_refused_before_anything_is_read() {
    let mut server = server(Require);
    let octets = [0; 3];
    let datagrams = [stranger(), source()].map(|source| Datagram {
        source,
        octets: &octets,
    });
    let mut replies = vec![[0; PACKET_LEN_MAX]; 2];
    let mut verdicts = vec![silent(); 2];
    server.authenticate_batch(
        NOW,
        &datagrams,
        &Book::default(),
        &mut replies,
        &mut verdicts,
    );
    let reasons = [DropReason::UnknownNas, DropReason::ShortDatagram];
    assert_eq!(verdicts, reasons.map(Verdict::Drop));
}

/// Hears which User-Names a batch is about to ask for.
#[derive(Default)]
struct Told(RefCell<Vec<Vec<u8>>>);

impl Directory for Told {
    fn find(&self, _: &Identity<'_>, _: UnixSeconds, _: &mut Profile) -> bool {
        false
    }

    fn prefetch<'a>(&self, user_names: impl Iterator<Item = &'a [u8]>) {
        self.0.borrow_mut().extend(user_names.map(<[u8]>::to_vec));
    }
}

#[test]
fn the_directory_is_told_of_genuine_requests_alone() {
    let mut server = server(Require);
    let mut forged = Ask::user(b"forged").pap(b"x").octets();
    *forged.last_mut().unwrap() ^= 1;
    let requests = [
        Ask::user(b"alice").pap(b"wonderland").octets(),
        Ask::user(b"unsigned").pap(b"x").unsigned().octets(),
        forged,
    ];
    let datagrams = requests.each_ref().map(|octets| Datagram {
        source: source(),
        octets,
    });
    let told = Told::default();
    let mut replies = vec![[0; PACKET_LEN_MAX]; 3];
    let mut verdicts = [Verdict::Drop(DropReason::UnknownNas); 3];
    server.authenticate_batch(NOW, &datagrams, &told, &mut replies, &mut verdicts);
    assert_eq!(told.0.into_inner(), [b"alice"]);
}

//! Any datagram at the accounting port.

use std::cell::RefCell;

use garth_radius::accounting::AccountingRecord;
use garth_radius::server::{AccountVerdict, DropReason, Outcome};

use crate::wire::{self, Signature, attribute, code};
use crate::world::{FuzzNas, NAS, World, assert_much_to_echo, assert_reply_is_right, both};

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// A record only from a genuine request, saying what that says; once, however often it is sent; and the same
/// octets again for a retransmission (N2, N4, N5, N6).
///
/// # Panics
/// When a promise is broken.
pub fn check(datagram: &[u8]) {
    WORLD.with_borrow_mut(|world| {
        for nas in &NAS {
            for datagram in both(datagram, nas) {
                account(world, nas, &datagram);
            }
        }
    });
}

fn account(world: &mut World, nas: &FuzzNas, datagram: &[u8]) {
    world.forget();
    let (now, source) = (world.now, nas.source());
    let verdict = world
        .server
        .account(now, source, datagram, &mut world.reply);
    let request = wire::packet(datagram).filter(|packet| is_genuine(packet, nas));
    match verdict {
        AccountVerdict::Drop(DropReason::ReplyTooLong) => {
            assert_much_to_echo(request.expect("lengths of a stranger are never looked at"));
        }
        AccountVerdict::Drop(_) => assert!(
            request.is_none_or(|packet| packet[0] == code::ACCOUNTING_REQUEST),
            "Status-Server is always answered"
        ),
        AccountVerdict::Reply { len, outcome } => {
            let request = request.expect("a reply where silence is due");
            assert_eq!(outcome, Outcome::StatusServer, "nothing was asked before");
            assert_eq!(request[0], code::STATUS_SERVER);
            assert_reply_is_right(&world.reply[..len], request, nas.secret);
        }
        AccountVerdict::Record {
            record,
            ticket,
            reply_len,
        } => {
            let request = request.expect("a record of a stranger");
            assert_eq!(request[0], code::ACCOUNTING_REQUEST);
            assert_record_says(&record, request);
            let reply = world.reply[..reply_len].to_vec();
            assert_eq!(reply[0], code::ACCOUNTING_RESPONSE);
            assert_reply_is_right(&reply, request, nas.secret);
            assert_recorded_once(world, nas, datagram, |world| {
                world.server.committed(ticket, &reply);
                reply
            });
        }
    }
}

/// While the record is on its way a retransmission is silence; `commit` makes it durable and gives the reply.
fn assert_recorded_once(
    world: &mut World,
    nas: &FuzzNas,
    datagram: &[u8],
    commit: impl FnOnce(&mut World) -> Vec<u8>,
) {
    let (now, source) = (world.now, nas.source());
    let again =
        |world: &mut World| match world
            .server
            .account(now, source, datagram, &mut world.reply)
        {
            AccountVerdict::Drop(reason) => Err(reason),
            AccountVerdict::Reply { len, outcome } => Ok((outcome, world.reply[..len].to_vec())),
            AccountVerdict::Record { .. } => panic!("the same record twice"),
        };
    assert_eq!(again(world), Err(DropReason::Pending));
    let reply = commit(world);
    assert_eq!(again(world), Ok((Outcome::Duplicate, reply)));
}

/// Whether only somebody with the secret can have made it, and this port answers its like.
fn is_genuine(packet: &[u8], nas: &FuzzNas) -> bool {
    let signature = wire::request_signature(packet, nas.secret);
    match packet[0] {
        code::ACCOUNTING_REQUEST => {
            signature != Signature::Wrong
                && wire::request_authenticator_is_right(packet, nas.secret)
        }
        code::STATUS_SERVER => signature == Signature::Right,
        _ => false,
    }
}

/// What the record says is what the octets say.
fn assert_record_says(record: &AccountingRecord<'_>, request: &[u8]) {
    const ACCT_INPUT_OCTETS: u8 = 42;
    const ACCT_INPUT_GIGAWORDS: u8 = 52;
    let one = |kind| match wire::values(request, kind)[..] {
        [] => None,
        [value] => Some(value),
        _ => panic!("attribute {kind} twice in a record"),
    };
    let number = |kind| {
        one(kind).map_or(0, |value| {
            let octets = value.try_into().expect("a number has four octets");
            u64::from(u32::from_be_bytes(octets))
        })
    };
    assert!(one(attribute::ACCT_STATUS_TYPE).is_some());
    let status = u64::from(record.status_type.number());
    assert_eq!(status, number(attribute::ACCT_STATUS_TYPE));
    assert_eq!(record.user_name, one(attribute::USER_NAME));
    assert_eq!(record.acct_session_id, one(attribute::ACCT_SESSION_ID));
    let input = number(ACCT_INPUT_OCTETS) | number(ACCT_INPUT_GIGAWORDS) << 32;
    assert_eq!(record.input_octets, input);
}

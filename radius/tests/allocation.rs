//! No packet costs an allocation in the steady state.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{Password, Secret, finish_random_request, finish_request};
use garth_radius::dialect::{Dialect, GardenName};
use garth_radius::directory::{Access, Credential, Directory, Identity, Profile};
use garth_radius::nas::{Nas, NasTable};
use garth_radius::packet::{Encoder, PACKET_LEN_MAX};
use garth_radius::server::{
    AccountVerdict, GardenSettings, Outcome, Server, Settings, Unknown, Verdict,
};

/// Counts what the system's allocator is asked for.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "a global allocator cannot be written without")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`; the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Everybody is in the garden with the password "x".
struct Everybody;

impl Directory for Everybody {
    fn find(&self, _: &Identity<'_>, _: UnixSeconds, profile: &mut Profile) -> bool {
        profile.credential = Credential::Password(Password::new(b"x").expect("one octet fits"));
        profile.access = Access::Garden;
        true
    }
}

fn secret() -> Secret {
    Secret::new(b"testing123").unwrap()
}

fn server() -> Server {
    let nas = Nas::new(
        "nas-1",
        "192.0.2.0/24".parse().unwrap(),
        secret(),
        Arc::new(Dialect::mikrotik()),
    );
    let settings = Settings {
        nas: NasTable::new(vec![nas]).unwrap(),
        garden: GardenSettings {
            down_kbps: 1000,
            up_kbps: 1000,
            address_list: GardenName::new("garden").unwrap(),
            session_timeout_seconds: 600,
            interim_seconds: 120,
            unknown: Unknown::Reject,
        },
    };
    Server::new(Arc::new(settings), 1)
}

fn access_request(n: u16) -> Vec<u8> {
    let [high, low] = n.to_be_bytes();
    let authenticator = [high ^ low; 16];
    let mut hidden = [0; 128];
    let password = Password::new(b"x").unwrap();
    let len = password.hide(&authenticator, &secret(), &mut hidden);
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, low).unwrap();
    encoder.message_authenticator().unwrap();
    encoder
        .attribute(AttributeType::USER_NAME, b"alice")
        .unwrap();
    encoder
        .attribute(AttributeType::USER_PASSWORD, &hidden[..len])
        .unwrap();
    // Long enough that the reply takes several blocks of the cache.
    encoder
        .attribute(AttributeType::PROXY_STATE, &[high; 250])
        .unwrap();
    let len = finish_random_request(encoder, &authenticator, &secret());
    buffer[..len].to_vec()
}

fn accounting_request(n: u16) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder =
        Encoder::new(&mut buffer, Code::ACCOUNTING_REQUEST, n.to_be_bytes()[1]).unwrap();
    encoder.integer(AttributeType::ACCT_STATUS_TYPE, 3).unwrap();
    encoder
        .attribute(AttributeType::ACCT_SESSION_ID, &n.to_be_bytes())
        .unwrap();
    let len = finish_request(encoder, &secret()).0;
    buffer[..len].to_vec()
}

/// One test only: the counter belongs to the whole process.
#[test]
fn no_packet_allocates() {
    const PACKETS: u16 = 10_000;
    let now = UnixSeconds(1_800_000_000);
    let mut server = server();
    let mut reply = [0; PACKET_LEN_MAX];
    let access: Vec<Vec<u8>> = (0..PACKETS).map(access_request).collect();
    let accounting: Vec<Vec<u8>> = (0..PACKETS).map(accounting_request).collect();
    let mut accepted = 0;
    let mut recorded = 0;
    let mut repeated = 0;

    let before = ASKED.load(Ordering::Relaxed);
    for n in 0..PACKETS {
        let source = SocketAddr::from(([192, 0, 2, 1], 1000 + n / 256));
        let access = &access[usize::from(n)];
        for _ in 0..2 {
            match server.authenticate(now, source, access, &Everybody, &mut reply) {
                Verdict::Reply {
                    outcome: Outcome::AcceptGarden,
                    ..
                } => accepted += 1,
                Verdict::Reply {
                    outcome: Outcome::Duplicate,
                    ..
                } => repeated += 1,
                Verdict::Reply { .. } | Verdict::Drop(_) => {}
            }
        }
        let accounting = &accounting[usize::from(n)];
        if let AccountVerdict::Record {
            ticket, reply_len, ..
        } = server.account(now, source, accounting, &mut reply)
        {
            recorded += 1;
            server.committed(ticket, &reply[..reply_len]);
        }
        // Strangers cost no allocation either.
        let stranger = SocketAddr::from(([198, 51, 100, 1], 1));
        drop(server.account(now, stranger, accounting, &mut reply));
        drop(server.account(now, source, &accounting[..10], &mut reply));
    }
    let asked = ASKED.load(Ordering::Relaxed) - before;

    assert_eq!((accepted, repeated, recorded), (PACKETS, PACKETS, PACKETS));
    assert_eq!(asked, 0);
}

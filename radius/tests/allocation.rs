//! No packet costs an allocation in the steady state.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{Password, Secret, finish_random_request, finish_request};
use garth_radius::dialect::{Dialect, GardenName, PortalUrl};
use garth_radius::directory::{Access, Credential, Directory, Identity, Profile};
use garth_radius::nas::{Nas, NasTable};
use garth_radius::packet::{Encoder, PACKET_LEN_MAX};
use garth_radius::server::{
    AccountVerdict, BATCH_MAX, Datagram, DropReason, GardenSettings, Outcome, ReplyBuffer, Server,
    Settings, Ticket, Unknown, Verdict,
};

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// Counts what the system's allocator is asked for.
struct Counting;

thread_local! {
    /// By this thread: the one that runs the tests goes its own ways.
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "a global allocator cannot be written without")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
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

/// Everybody but nobody is in the garden with the password "x".
struct Everybody;

impl Directory for Everybody {
    fn find(&self, identity: &Identity<'_>, _: UnixSeconds, profile: &mut Profile) -> bool {
        if *identity == Identity::UserName(b"nobody") {
            return false;
        }
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
    let settings = Settings::new(
        NasTable::new(vec![nas]).unwrap(),
        GardenSettings {
            down_kbps: 1000,
            up_kbps: 1000,
            address_list: GardenName::new("garden").unwrap(),
            portal_url: PortalUrl::default(),
            session_timeout_seconds: 600,
            interim_seconds: 120,
            unknown: Unknown::Reject,
        },
        Vec::new(),
    );
    Server::new(Arc::new(settings), 1)
}

fn access_request(n: u16, user_name: &[u8]) -> Vec<u8> {
    let [high, low] = n.to_be_bytes();
    let authenticator = [high ^ low; 16];
    let mut hidden = [0; 128];
    let password = Password::new(b"x").unwrap();
    let len = password.hide(&authenticator, &secret(), &mut hidden);
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, low).unwrap();
    encoder.message_authenticator().unwrap();
    encoder
        .attribute(AttributeType::USER_NAME, user_name)
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

/// What was answered or recorded, and what was not.
#[derive(Debug, Default, Eq, PartialEq)]
struct Tally {
    accepted: usize,
    rejected: usize,
    repeated: usize,
    recorded: usize,
    dropped: usize,
}

/// A server with the buffers of a worker.
struct Worker {
    server: Server,
    replies: Vec<ReplyBuffer>,
    verdicts: Vec<Verdict>,
    tickets: Vec<(usize, Ticket, usize)>,
    tally: Tally,
}

impl Worker {
    fn authenticate(&mut self, datagrams: &[Datagram<'_>]) {
        let (replies, verdicts) = (&mut self.replies, &mut self.verdicts);
        self.server
            .authenticate_batch(NOW, datagrams, &Everybody, replies, verdicts);
        for verdict in &verdicts[..datagrams.len()] {
            match verdict {
                Verdict::Reply { outcome, .. } => match outcome {
                    Outcome::Duplicate => self.tally.repeated += 1,
                    Outcome::Reject(_) => self.tally.rejected += 1,
                    Outcome::AcceptFull
                    | Outcome::AcceptGarden
                    | Outcome::AcceptUnknown
                    | Outcome::Challenge
                    | Outcome::StatusServer => self.tally.accepted += 1,
                },
                Verdict::Drop(_) => self.tally.dropped += 1,
            }
        }
    }

    fn account(&mut self, datagrams: &[Datagram<'_>]) {
        let tickets = &mut self.tickets;
        let tally = &mut self.tally;
        self.server.account_batch(
            NOW,
            datagrams,
            &mut self.replies,
            |at, verdict| match verdict {
                AccountVerdict::Record {
                    ticket, reply_len, ..
                } => {
                    tally.recorded += 1;
                    tickets.push((at, ticket, reply_len));
                }
                AccountVerdict::Reply { .. } => tally.repeated += 1,
                AccountVerdict::Drop(_) => tally.dropped += 1,
            },
        );
        for (at, ticket, len) in self.tickets.drain(..) {
            self.server.committed(ticket, &self.replies[at][..len]);
        }
    }
}

fn datagrams<'a>(packets: &'a [Vec<u8>], of: impl Fn(u16) -> SocketAddr) -> Vec<Datagram<'a>> {
    let sources = (0_u16..).map(of);
    sources
        .zip(packets)
        .map(|(source, octets)| Datagram { source, octets })
        .collect()
}

#[test]
fn no_packet_allocates() {
    const PACKETS: u16 = 5_000;
    let nas = |n| SocketAddr::from(([192, 0, 2, 1], 1000 + n / 256));
    let stranger = |n| SocketAddr::from(([198, 51, 100, 1], n));
    let all = |packet: &dyn Fn(u16) -> Vec<u8>| (0..PACKETS).map(packet).collect::<Vec<_>>();
    let known = all(&|n| access_request(n, b"alice"));
    let unknown = all(&|n| access_request(n + PACKETS, b"nobody"));
    let records = all(&accounting_request);
    let forge = |mut packet: Vec<u8>| {
        *packet.last_mut().unwrap() ^= 1;
        packet
    };
    let forged: Vec<_> = known.iter().cloned().map(forge).collect();
    let forged_records: Vec<_> = records.iter().cloned().map(forge).collect();
    let short: Vec<_> = known.iter().map(|packet| packet[..10].to_vec()).collect();
    for size in [1, 8, BATCH_MAX] {
        let mut worker = Worker {
            server: server(),
            replies: vec![[0; PACKET_LEN_MAX]; BATCH_MAX],
            verdicts: vec![Verdict::Drop(DropReason::UnknownNas); BATCH_MAX],
            tickets: Vec::with_capacity(BATCH_MAX),
            tally: Tally::default(),
        };
        let access = [&known, &unknown, &forged, &short].map(|packets| datagrams(packets, nas));
        let records = [&records, &forged_records].map(|packets| datagrams(packets, nas));
        let strangers = datagrams(&known, stranger);

        let before = ASKED.get();
        for packets in &access {
            for batch in packets.chunks(size) {
                worker.authenticate(batch);
                worker.authenticate(batch);
            }
        }
        for packets in &records {
            for batch in packets.chunks(size) {
                worker.account(batch);
                worker.account(batch);
            }
        }
        for batch in strangers.chunks(size) {
            worker.authenticate(batch);
            worker.account(batch);
        }
        let asked = ASKED.get() - before;

        let packets = usize::from(PACKETS);
        assert_eq!(
            worker.tally,
            Tally {
                accepted: packets,
                rejected: packets,
                repeated: 3 * packets,
                recorded: packets,
                dropped: 8 * packets,
            },
            "batches of {size}"
        );
        assert_eq!(asked, 0, "batches of {size}");
    }
}

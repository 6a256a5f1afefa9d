//! A server with two NASes and few subscribers, and what is true of each of its replies.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::crypto::{Password, Secret};
use garth_radius::dialect::{Dialect, GardenName, PortalUrl};
use garth_radius::directory::{Access, Credential, Directory, Identity, Profile};
use garth_radius::nas::{MessageAuthenticatorPolicy, Nas, NasTable};
use garth_radius::packet::PACKET_LEN_MAX;
use garth_radius::server::{GardenSettings, Rates, ReplyBuffer, Server, Settings, Unknown};

use crate::wire::{self, attribute, code};

/// Between two inputs: longer than any answer is remembered, so that each one meets an empty duplicate cache.
const PAUSE_SECONDS: u64 = 60;

/// The secrets are those of the wire vectors.
pub(crate) const NAS: [FuzzNas; 2] = [
    FuzzNas {
        source: "192.0.2.1:40000",
        secret: b"testing123",
        policy: MessageAuthenticatorPolicy::Require,
    },
    FuzzNas {
        source: "198.51.100.1:40000",
        secret: b"xyzzy5461",
        policy: MessageAuthenticatorPolicy::Off,
    },
];

/// Somebody who asks.
pub(crate) struct FuzzNas {
    source: &'static str,
    pub(crate) secret: &'static [u8],
    pub(crate) policy: MessageAuthenticatorPolicy,
}

impl FuzzNas {
    pub(crate) fn source(&self) -> SocketAddr {
        self.source.parse().expect("it is an address")
    }

    fn entry(&self) -> Nas {
        let name = self.source;
        let prefix = self.source().ip().to_string();
        let prefix = prefix.parse().expect("an address is a prefix");
        let secret = Secret::new(self.secret).expect("it is a secret");
        let mut nas = Nas::new(name, prefix, secret, Arc::new(Dialect::mikrotik()));
        nas.message_authenticator = self.policy;
        nas
    }
}

/// Who is known by name, with which password, and what they may have.
pub(crate) const USERS: [(&[u8], &[u8], Access); 8] = [
    (b"alice", b"wonderland", Access::Full),
    (b"nemo", b"arctangent", Access::Full),
    (b"flopsy", b"arctangent", Access::Full),
    (b"sue", b"in debt", Access::Garden),
    (b"tom", b"gone", Access::Reject),
    (b"User", b"clientPass", Access::Full),
    (b"mschap-v1", b"MyPw", Access::Garden),
    // An empty password on file lets nobody in.
    (b"emil", b"", Access::Full),
];

/// Who is known by MAC, and needs no password.
pub(crate) const STATION: [u8; 6] = [2, 0, 0, 0, 0, 7];

/// The circuit of somebody known by line.
pub(crate) const CIRCUIT: &[u8] = b"olt-1 eth 0/1:7";

/// The subscribers; counts how often they are asked for.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) asked: Cell<u64>,
}

impl Directory for Book {
    fn find(&self, identity: &Identity<'_>, _: UnixSeconds, profile: &mut Profile) -> bool {
        self.asked.set(self.asked.get() + 1);
        let (credential, access) = match identity {
            Identity::Mac(STATION) => (Credential::CallCheck, Access::Full),
            Identity::Line {
                circuit: Some(CIRCUIT),
                ..
            } => (Credential::CallCheck, Access::Garden),
            Identity::Mac(_) | Identity::Line { .. } => return false,
            Identity::UserName(sent) => {
                let Some((_, password, access)) = USERS.iter().find(|(name, ..)| name == sent)
                else {
                    return false;
                };
                let password = Password::new(password).expect("it is short");
                (Credential::Password(password), *access)
            }
        };
        *profile = Profile {
            credential,
            access,
            down_kbps: 100_000,
            up_kbps: 20_000,
            session_timeout_seconds: Some(86_400),
            interim_seconds: 300,
            framed_ipv4: Some([10, 64, 0, 7].into()),
            delegated_ipv6: Some(([0x2001, 0xdb8, 7, 0, 0, 0, 0, 0].into(), 48)),
            class: *b"subscription-007",
            ..Profile::default()
        };
        true
    }
}

/// What every server under test is set up with.
pub(crate) fn settings() -> Settings {
    let garden = GardenSettings {
        down_kbps: 1_000,
        up_kbps: 512,
        address_list: GardenName::new("garden").expect("it is a name"),
        session_timeout_seconds: 600,
        interim_seconds: 120,
        portal_url: PortalUrl::default(),
        unknown: Unknown::Reject,
    };
    let plan = Rates {
        down_kbps: 100_000,
        up_kbps: 20_000,
    };
    let nas = NAS.iter().map(FuzzNas::entry).collect();
    let nas = NasTable::new(nas).expect("the prefixes are distinct");
    Settings::new(nas, garden, vec![plan.into()])
}

/// The server under test, and its time.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) now: UnixSeconds,
    pub(crate) reply: Box<ReplyBuffer>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            server: Server::new(Arc::new(settings()), 1),
            now: UnixSeconds(1_800_000_000),
            reply: Box::new([0; PACKET_LEN_MAX]),
        }
    }

    /// Lets time pass until nothing is remembered.
    pub(crate) fn forget(&mut self) {
        self.now.0 += PAUSE_SECONDS;
    }
}

/// The datagram as it is and, mended and signed, as a peer with the secret of `nas` could have sent it.
pub(crate) fn both(datagram: &[u8], nas: &FuzzNas) -> [Vec<u8>; 2] {
    let mut signed = datagram.to_vec();
    wire::mend(&mut signed);
    wire::sign(&mut signed, nas.secret);
    [datagram.to_vec(), signed]
}

/// N4, N6: a reply is signed for this request, echoes all Proxy-State in order, and answers what may be answered
/// with that code. Replies of the authentication port begin with Message-Authenticator.
///
/// # Panics
/// When that is not so.
pub(crate) fn assert_reply_is_right(reply: &[u8], request: &[u8], secret: &[u8]) {
    let packet = wire::packet(reply).expect("a reply is a packet");
    assert_eq!(packet.len(), reply.len(), "a reply has no padding");
    let authenticator = wire::authenticator(request);
    assert!(
        wire::reply_is_genuine(reply, request[1], &authenticator, secret),
        "a reply is signed"
    );
    let attributes = wire::attributes(packet);
    let first = attributes.first().map(|(kind, _)| *kind);
    if request[0] != code::ACCOUNTING_REQUEST {
        assert_eq!(first, Some(attribute::MESSAGE_AUTHENTICATOR));
    }
    assert_eq!(
        wire::values(packet, attribute::PROXY_STATE),
        wire::values(request, attribute::PROXY_STATE),
        "Proxy-State comes back whole and in order"
    );
}

/// A reply may be missing for want of room only if there is much to be echoed.
///
/// # Panics
/// When there is not.
pub(crate) fn assert_much_to_echo(request: &[u8]) {
    // More than every other attribute of a reply takes.
    const OTHERS_MAX: usize = 1_024;
    let echoed = wire::values(request, attribute::PROXY_STATE);
    let octets: usize = echoed.iter().map(|value| value.len() + 2).sum();
    assert!(octets + OTHERS_MAX > PACKET_LEN_MAX, "the reply had room");
}

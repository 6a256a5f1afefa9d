//! What the micro-benchmarks of the hot paths measure: a server, its directory, its requests.
//!
//! Not here: sockets. What the kernel takes for a datagram is the same for everybody; what is measured is
//! what Garth adds to it.

use std::net::SocketAddr;
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{Password, Secret, finish_random_request, finish_request};
use garth_radius::dialect::{Dialect, GardenName};
use garth_radius::directory::{Access, Credential, Directory, Identity, Profile};
use garth_radius::nas::{Nas, NasTable};
use garth_radius::packet::{Encoder, PACKET_LEN_MAX};
use garth_radius::server::{GardenSettings, Server, Settings, Unknown};

/// When all of it happens.
pub const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// The NAS's secret.
const SECRET: &[u8] = b"benchmark";

/// What everybody's password is.
const PASSWORD: &[u8] = b"rose-garden-7";

/// A directory in which everybody is found at once: what is left is the cost of the protocol.
pub struct Everybody(pub Access);

impl Directory for Everybody {
    fn find(&self, _: &Identity<'_>, _: UnixSeconds, profile: &mut Profile) -> bool {
        let password = Password::new(PASSWORD).expect("it is short");
        profile.credential = Credential::Password(password);
        profile.access = self.0;
        true
    }
}

/// A server with one MikroTik as NAS.
///
/// # Panics
///
/// Never: all of it is fixed here.
pub fn server() -> Server {
    let prefix = "192.0.2.0/24".parse().expect("a prefix");
    let nas = Nas::new("nas-1", prefix, secret(), Arc::new(Dialect::mikrotik()));
    let settings = Settings::new(
        NasTable::new(vec![nas]).expect("one NAS"),
        GardenSettings {
            down_kbps: 1_000,
            up_kbps: 1_000,
            address_list: GardenName::new("garden").expect("a name"),
            session_timeout_seconds: 600,
            interim_seconds: 120,
            unknown: Unknown::Reject,
        },
        Vec::new(),
    );
    Server::new(Arc::new(settings), 1)
}

/// Where request `number` comes from: no two within a second look like a repetition.
pub fn source(number: u32) -> SocketAddr {
    let [_, _, high, low] = number.to_be_bytes();
    SocketAddr::from(([192, 0, 2, 1], u16::from_be_bytes([high, low])))
}

/// A PAP request as a NAS sends it.
///
/// # Panics
///
/// Never: it fits.
pub fn access_request(number: u32) -> Vec<u8> {
    let [a, b, c, d] = number.to_be_bytes();
    let mut authenticator = [d; 16];
    authenticator[..4].copy_from_slice(&[a, b, c, d]);
    let mut hidden = [0; 128];
    let password = Password::new(PASSWORD).expect("it is short");
    let len = password.hide(&authenticator, &secret(), &mut hidden);
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, d).expect("room");
    encoder.message_authenticator().expect("room");
    for (attribute, value) in [
        (AttributeType::USER_NAME, &b"user0000001"[..]),
        (AttributeType::USER_PASSWORD, &hidden[..len]),
        (AttributeType::CALLING_STATION_ID, b"02:00:00:00:00:07"),
    ] {
        encoder.attribute(attribute, value).expect("room");
    }
    let len = finish_random_request(encoder, &authenticator, &secret());
    buffer[..len].to_vec()
}

/// An Interim-Update as a NAS sends it.
///
/// # Panics
///
/// Never: it fits.
pub fn accounting_request(number: u32) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let identifier = number.to_be_bytes()[3];
    let mut encoder =
        Encoder::new(&mut buffer, Code::ACCOUNTING_REQUEST, identifier).expect("room");
    encoder
        .integer(AttributeType::ACCT_STATUS_TYPE, 3)
        .expect("room");
    for (attribute, value) in [
        (AttributeType::ACCT_SESSION_ID, &number.to_be_bytes()[..]),
        (AttributeType::USER_NAME, b"user0000001"),
    ] {
        encoder.attribute(attribute, value).expect("room");
    }
    let len = finish_request(encoder, &secret()).0;
    buffer[..len].to_vec()
}

fn secret() -> Secret {
    Secret::new(SECRET).expect("a secret")
}

//! A NAS and a directory to play with.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{self, Password, Secret};
use garth_radius::dialect::{Dialect, GardenName, PortalUrl};
use garth_radius::directory::{Access, Credential, Directory, Identity, Profile};
use garth_radius::mschap::NtHash;
use garth_radius::nas::{MessageAuthenticatorPolicy, Nas, NasTable};
use garth_radius::packet::{Authenticator, Encoder, PACKET_LEN_MAX, Packet};
use garth_radius::server::{GardenSettings, Outcome, Rates, Server, Settings, Unknown, Verdict};
use md5::{Digest, Md5};

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
pub(crate) const SECRET: &[u8] = b"testing123";
pub(crate) const PLAN: Rates = Rates {
    down_kbps: 100_000,
    up_kbps: 20_000,
};
pub(crate) const CLASS: [u8; 16] = *b"subscription-007";

pub(crate) fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

pub(crate) fn source() -> SocketAddr {
    "192.0.2.1:40000".parse().unwrap()
}

pub(crate) fn nas(policy: MessageAuthenticatorPolicy, dialect: Dialect) -> Nas {
    let mut nas = Nas::new(
        "nas-1",
        "192.0.2.0/24".parse().unwrap(),
        secret(),
        Arc::new(dialect),
    );
    nas.message_authenticator = policy;
    nas
}

pub(crate) fn settings(nas: Nas, unknown: Unknown) -> Arc<Settings> {
    settings_of(vec![nas], unknown)
}

pub(crate) fn settings_of(nas: Vec<Nas>, unknown: Unknown) -> Arc<Settings> {
    Arc::new(Settings::new(
        NasTable::new(nas).unwrap(),
        garden(unknown),
        vec![PLAN.into()],
    ))
}

pub(crate) fn garden(unknown: Unknown) -> GardenSettings {
    GardenSettings {
        down_kbps: 1000,
        up_kbps: 512,
        address_list: GardenName::new("garden").unwrap(),
        portal_url: PortalUrl::default(),
        session_timeout_seconds: 600,
        interim_seconds: 120,
        unknown,
    }
}

pub(crate) fn server(policy: MessageAuthenticatorPolicy) -> Server {
    Server::new(
        settings(nas(policy, Dialect::mikrotik()), Unknown::Reject),
        1,
    )
}

/// alice is active, sue suspended, tom terminated; zoe and zara are at a boundary; emil has an empty password on file and
/// cally none; nemo and flopsy are those of RFC 2865, User that of RFC 2759, mschap-v1 has the password of RFC 2433; 02:00:00:00:00:07 is a call-check.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) asked: Cell<usize>,
}

impl Directory for Book {
    fn find(&self, identity: &Identity<'_>, now: UnixSeconds, profile: &mut Profile) -> bool {
        assert_eq!(now, NOW);
        self.asked.set(self.asked.get() + 1);
        let password = |text: &[u8]| Credential::Password(Password::new(text).unwrap());
        let (credential, access) = match identity {
            Identity::UserName(b"alice") => (password(b"wonderland"), Access::Full),
            Identity::UserName(b"sue") => (password(b"in debt"), Access::Garden),
            Identity::UserName(b"tom") => (password(b"gone"), Access::Reject),
            Identity::UserName(b"nemo" | b"flopsy") => (password(b"arctangent"), Access::Full),
            Identity::UserName(b"User") => (password(b"clientPass"), Access::Full),
            Identity::UserName(b"mschap-v1") => (password(b"MyPw"), Access::Full),
            Identity::UserName(b"zoe") => (password(b"due now"), Access::Full),
            Identity::UserName(b"zara") => (password(b"due now"), Access::Garden),
            Identity::UserName(b"emil") => (password(b""), Access::Full),
            Identity::UserName(b"cally") => (Credential::CallCheck, Access::Full),
            Identity::UserName(b"020000000009") => (password(b"020000000009"), Access::Full),
            Identity::Mac([2, 0, 0, 0, 0, 7]) => (Credential::CallCheck, Access::Full),
            Identity::Mac([2, 0, 0, 0, 0, 8]) => (password(b"02:00:00:00:00:08"), Access::Full),
            Identity::UserName(_) | Identity::Mac(_) | Identity::Line { .. } => return false,
        };
        *profile = Profile {
            credential,
            access,
            plan: Some(0),
            down_kbps: PLAN.down_kbps,
            up_kbps: PLAN.up_kbps,
            session_timeout_seconds: match identity {
                Identity::UserName(b"zoe" | b"zara") => Some(0),
                Identity::UserName(_) | Identity::Mac(_) | Identity::Line { .. } => Some(86_400),
            },
            interim_seconds: 300,
            framed_ipv4: Some([10, 64, 0, 7].into()),
            delegated_ipv6: Some(("2001:db8:7::".parse().unwrap(), 48)),
            class: CLASS,
            ..Profile::default()
        };
        true
    }
}

pub(crate) fn nt_hash(password: &[u8]) -> NtHash {
    NtHash::of(&Password::new(password).unwrap()).unwrap()
}

/// An Access-Request, or with another code something like it, under construction.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) code: Code,
    pub(crate) identifier: u8,
    pub(crate) authenticator: Authenticator,
    pub(crate) attributes: Vec<(AttributeType, Vec<u8>)>,
    pub(crate) signed: bool,
}

impl Ask {
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            identifier: 1,
            authenticator: *b"0123456789abcdef",
            attributes: Vec::new(),
            signed: true,
        }
    }

    pub(crate) fn user(name: &[u8]) -> Self {
        Self::new(Code::ACCESS_REQUEST).with(AttributeType::USER_NAME, name)
    }

    pub(crate) fn with(mut self, kind: AttributeType, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    pub(crate) fn pap(self, password: &[u8]) -> Self {
        let mut hidden = [0; 128];
        let password = Password::new(password).unwrap();
        let len = password.hide(&self.authenticator, &secret(), &mut hidden);
        self.with(AttributeType::USER_PASSWORD, &hidden[..len])
    }

    /// CHAP with identifier 9 and a challenge of its own.
    pub(crate) fn chap(self, password: &[u8]) -> Self {
        let challenge = *b"challenge";
        self.chap_over(password, &challenge)
            .with(AttributeType::CHAP_CHALLENGE, &challenge)
    }

    /// CHAP with identifier 9 over a challenge that is not sent along.
    pub(crate) fn chap_over(self, password: &[u8], challenge: &[u8]) -> Self {
        let digest = Md5::new()
            .chain_update([9])
            .chain_update(password)
            .chain_update(challenge)
            .finalize();
        let value = [&[9], digest.as_slice()].concat();
        self.with(AttributeType::CHAP_PASSWORD, &value)
    }

    /// With so many Proxy-State of so many octets.
    pub(crate) fn proxied(mut self, count: usize, len: usize) -> Self {
        for _ in 0..count {
            self = self.with(AttributeType::PROXY_STATE, &vec![7; len]);
        }
        self
    }

    pub(crate) fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    pub(crate) fn again(mut self, authenticator: u8) -> Self {
        self.authenticator = [authenticator; 16];
        self
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut buffer = [0; PACKET_LEN_MAX];
        let mut encoder = Encoder::new(&mut buffer, self.code, self.identifier).unwrap();
        if self.signed {
            encoder.message_authenticator().unwrap();
        }
        for (kind, value) in &self.attributes {
            encoder.attribute(*kind, value).unwrap();
        }
        let len = if self.code == Code::ACCOUNTING_REQUEST {
            crypto::finish_request(encoder, &secret()).0
        } else {
            crypto::finish_random_request(encoder, &self.authenticator, &secret())
        };
        buffer[..len].to_vec()
    }

    /// What `server` does with it; a reply is checked to be genuine.
    pub(crate) fn ask(&self, server: &mut Server, book: &Book) -> (Verdict, Vec<u8>) {
        let octets = self.octets();
        let (verdict, reply) = send(server, book, &octets);
        if !reply.is_empty() {
            assert_genuine(&reply, &octets);
        }
        (verdict, reply)
    }

    pub(crate) fn outcome(&self, server: &mut Server) -> Result<Outcome, &'static str> {
        match self.ask(server, &Book::default()).0 {
            Verdict::Reply { outcome, .. } => Ok(outcome),
            Verdict::Drop(reason) => Err(reason.as_str()),
        }
    }
}

pub(crate) fn send(server: &mut Server, book: &Book, datagram: &[u8]) -> (Verdict, Vec<u8>) {
    let mut reply = [0; PACKET_LEN_MAX];
    let verdict = server.authenticate(NOW, source(), datagram, book, &mut reply);
    let len = match verdict {
        Verdict::Reply { len, .. } => len,
        Verdict::Drop(_) => 0,
    };
    (verdict, reply[..len].to_vec())
}

/// N4: the reply is signed twice, and Message-Authenticator is its first attribute.
pub(crate) fn assert_genuine(reply: &[u8], request: &[u8]) {
    let request = Packet::decode(request).unwrap();
    let reply = Packet::decode(reply).unwrap();
    let over = crypto::Over::Request(request.authenticator());
    let first = reply.attributes().next().unwrap();
    assert_eq!(reply.identifier(), request.identifier());
    assert_eq!(first.kind, AttributeType::MESSAGE_AUTHENTICATOR);
    assert!(crypto::message_authenticator_is_right(
        &reply,
        first.value_offset,
        over,
        &secret()
    ));
    assert!(crypto::response_authenticator_is_right(
        &reply,
        request.authenticator(),
        &secret()
    ));
}

/// Attributes as readable text: number, or vendor and number, then the value in hexadecimal or text.
pub(crate) fn dump(octets: &[u8]) -> Vec<String> {
    let packet = Packet::decode(octets).unwrap();
    packet
        .attributes()
        .filter(|a| a.kind != AttributeType::MESSAGE_AUTHENTICATOR)
        .map(|a| {
            let (name, value) = match (a.vendor(), a.vendor_value()) {
                (Some((vendor, kind)), Some(value)) => (format!("{}.{kind}", vendor.0), value),
                _ => (a.kind.0.to_string(), a.value),
            };
            match value.iter().all(u8::is_ascii_graphic) {
                true => format!("{name}={}", String::from_utf8_lossy(value)),
                false => format!("{name}=0x{}", hex(value)),
            }
        })
        .collect()
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

//! A server with certificates and subscribers, and the rounds of a conversation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use md5::{Digest, Md5};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::UnixSeconds;
use crate::authentication::{self, Grant};
use crate::crypto::Password;
use crate::directory::{Access, Credential, Profile};
use crate::eap::packet::{self, Code, Packet, Type};
use crate::eap::{
    EapAnswer, EapMethod, EapRequest, EapServer, EapSettings, EapStep, Random, State, Subscribers,
    TlsPolicy, TlsSettings, TlsVersion, Uptime,
};
use crate::mschap::NtHash;
use crate::reason::RejectReason;

pub(super) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
pub(super) const SERVER_NAME: &str = "radius.example.net";
pub(super) const PASSWORD: &[u8] = b"bird-cherry-8";

/// Octets nobody could guess who does not know how often it was asked.
struct Counted(AtomicU64);

impl Random for Counted {
    fn fill(&self, octets: &mut [u8]) {
        let asked = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (octet, digest) in octets
            .iter_mut()
            .zip(Md5::digest(asked).into_iter().cycle())
        {
            *octet = digest;
        }
    }
}

pub(super) fn random() -> Box<dyn Random> {
    Box::new(Counted(AtomicU64::new(0)))
}

/// The ISP's subscribers by name.
pub(super) struct People {
    profiles: BTreeMap<&'static str, Profile>,
    pub(super) admits_unknown: bool,
}

impl People {
    fn new() -> Self {
        let profile = |credential, access| Profile {
            credential,
            access,
            ..Profile::default()
        };
        let password = || Credential::Password(Password::new(PASSWORD).unwrap());
        let hash = NtHash::of(&Password::new(PASSWORD).unwrap()).unwrap();
        let empty = Credential::Password(Password::new(b"").unwrap());
        let profiles = [
            ("bruno", profile(password(), Access::Full)),
            ("hashed", profile(Credential::NtHash(hash), Access::Full)),
            ("gardener", profile(password(), Access::Garden)),
            ("gone", profile(password(), Access::Reject)),
            ("bare", profile(Credential::Missing, Access::Full)),
            ("mac", profile(Credential::CallCheck, Access::Full)),
            ("empty", profile(empty, Access::Full)),
        ];
        Self {
            profiles: profiles.into(),
            admits_unknown: false,
        }
    }
}

impl Subscribers for People {
    fn find(&self, user_name: &[u8], profile: &mut Profile) -> Result<bool, RejectReason> {
        let name = str::from_utf8(user_name).unwrap_or_default();
        if name == "refused@realm" {
            return Err(RejectReason::Realm);
        }
        let found = self.profiles.get(name);
        if let Some(found) = found {
            profile.clone_from(found);
        }
        Ok(found.is_some())
    }

    fn grant(&self, profile: &Profile) -> Result<Grant, RejectReason> {
        authentication::grant(profile)
    }

    fn admits_unknown(&self) -> bool {
        self.admits_unknown
    }
}

/// A certificate and its key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

/// An authority and what it signs.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "isp authority");
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(super) fn sign(
        &self,
        usage: ExtendedKeyUsagePurpose,
        names: Vec<SanType>,
        common_name: &str,
    ) -> Identity {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            chain: vec![certificate.der().clone(), self.certificate()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// A subscriber's certificate whose common name this is.
    pub(super) fn client(&self, common_name: &str) -> Identity {
        self.sign(ExtendedKeyUsagePurpose::ClientAuth, Vec::new(), common_name)
    }
}

/// The authority that everybody trusts, and the server's certificate by it.
pub(super) static PKI: LazyLock<(Authority, Identity)> = LazyLock::new(|| {
    let authority = Authority::new();
    let names = vec![SanType::DnsName(SERVER_NAME.try_into().unwrap())];
    let server = authority.sign(ExtendedKeyUsagePurpose::ServerAuth, names, "server");
    (authority, server)
});

pub(super) fn settings(methods: &[EapMethod], version_min: TlsVersion) -> Arc<EapSettings> {
    let policy = TlsPolicy {
        version_min,
        ..TlsPolicy::default()
    };
    settings_with(methods, policy)
}

pub(super) fn settings_with(methods: &[EapMethod], policy: TlsPolicy) -> Arc<EapSettings> {
    let (authority, server) = &*PKI;
    let Identity { chain, key } = server.clone();
    let tls = TlsSettings::new(chain, key, vec![authority.certificate()], policy).unwrap();
    Arc::new(EapSettings::new(methods.to_vec(), Some(tls)).unwrap())
}

/// A NAS, a server and one conversation between them.
pub(super) struct Lab {
    pub(super) server: EapServer,
    pub(super) settings: Arc<EapSettings>,
    pub(super) people: People,
    pub(super) nas: Arc<str>,
    pub(super) now: UnixSeconds,
    /// What conversations age by.
    pub(super) uptime: u64,
    pub(super) framed_mtu: Option<u32>,
    pub(super) state: Option<State>,
    pub(super) profile: Profile,
    /// Whether the last step had been taken before.
    pub(super) repeated: bool,
}

/// How a conversation ended.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum End {
    Accept(Grant, Option<Vec<u8>>),
    Reject(RejectReason),
}

impl Lab {
    pub(super) fn new(methods: &[EapMethod]) -> Self {
        Self::with(settings(methods, TlsVersion::Tls12))
    }

    pub(super) fn with(settings: Arc<EapSettings>) -> Self {
        Self {
            server: EapServer::new(random()),
            settings,
            people: People::new(),
            nas: "pppoe-1".into(),
            now: NOW,
            uptime: 1_000,
            framed_mtu: None,
            state: None,
            profile: Profile::default(),
            repeated: false,
        }
    }

    /// One round, with the State of the last challenge.
    pub(super) fn step(&mut self, message: &[u8]) -> EapStep {
        let request = EapRequest {
            now: self.now,
            nas: &self.nas,
            state: self.state.as_ref().map(|state| &state[..]),
            message,
            framed_mtu: self.framed_mtu,
        };
        self.profile = Profile::default();
        self.server.tick(Uptime(self.uptime));
        let EapAnswer { step, repeated } =
            self.server
                .step(&self.settings, &request, &self.people, &mut self.profile);
        self.repeated = repeated;
        if let EapStep::Challenge { state, .. } = &step {
            self.state = *state;
        }
        step
    }

    /// One round that must lead to a challenge; gives the request.
    pub(super) fn challenge(&mut self, message: &[u8]) -> Vec<u8> {
        match self.step(message) {
            EapStep::Challenge {
                message,
                ignored: false,
                ..
            } => message,
            EapStep::Challenge { .. } => panic!("ignored"),
            EapStep::Accept { .. } => panic!("accepted"),
            EapStep::Reject { reason, .. } => panic!("rejected: {reason:?}"),
            EapStep::Drop(reason) => panic!("dropped: {reason:?}"),
        }
    }

    /// One round that must end it.
    pub(super) fn end(&mut self, message: &[u8]) -> End {
        ended(self.step(message), message).expect_err("it goes on")
    }

    /// One round that must be ignored; gives the request that still waits.
    pub(super) fn ignored(&mut self, message: &[u8]) -> Vec<u8> {
        match self.step(message) {
            EapStep::Challenge {
                message,
                ignored: true,
                ..
            } => message,
            EapStep::Challenge { .. } => panic!("taken"),
            EapStep::Accept { .. } => panic!("accepted"),
            EapStep::Reject { reason, .. } => panic!("rejected: {reason:?}"),
            EapStep::Drop(reason) => panic!("dropped: {reason:?}"),
        }
    }

    /// Begins with an identity; gives the first request of the method.
    pub(super) fn begin(&mut self, identity: &str) -> Vec<u8> {
        self.challenge(&response(0, Type::IDENTITY, identity.as_bytes()))
    }

    /// A whole conversation with a peer that makes a response's data from a request's.
    pub(super) fn talk(&mut self, identity: &str, answer: impl FnMut(u8, &[u8]) -> Vec<u8>) -> End {
        self.talk_with(identity, &mut Vec::new(), answer)
    }

    /// The same; gives the last response too.
    pub(super) fn talk_with(
        &mut self,
        identity: &str,
        last: &mut Vec<u8>,
        mut answer: impl FnMut(u8, &[u8]) -> Vec<u8>,
    ) -> End {
        let mut request = self.begin(identity);
        loop {
            let packet = Packet::decode(&request).unwrap();
            assert_eq!(packet.code, Code::REQUEST);
            let (kind, data) = packet.data.split_first().unwrap();
            let response = response(
                packet.identifier,
                Type(*kind),
                &answer(packet.identifier, data),
            );
            last.clone_from(&response);
            match ended(self.step(&response), &response) {
                Ok(next) => request = next,
                Err(end) => return end,
            }
        }
    }
}

/// The next request, or the end, whose message must fit.
fn ended(step: EapStep, response: &[u8]) -> Result<Vec<u8>, End> {
    let identifier = response[1];
    match step {
        EapStep::Challenge { message, .. } => Ok(message),
        EapStep::Accept {
            grant,
            msk,
            message,
        } => {
            assert_eq!(message, packet::end(Code::SUCCESS, identifier));
            Err(End::Accept(grant, msk.map(|msk| msk.to_vec())))
        }
        EapStep::Reject { reason, message } => {
            assert_eq!(message, packet::end(Code::FAILURE, identifier));
            Err(End::Reject(reason))
        }
        EapStep::Drop(reason) => panic!("dropped: {reason:?}"),
    }
}

pub(super) fn response(identifier: u8, kind: Type, data: &[u8]) -> Vec<u8> {
    let mut octets = packet::request(identifier, kind, data);
    octets[0] = Code::RESPONSE.0;
    octets
}

/// A peer's side of MS-CHAPv2: its challenge and the data of the response to a challenge's data.
pub(super) fn ms_chap_v2(challenge: &[u8], name: &str, password: &[u8]) -> Vec<u8> {
    let theirs = [9; 16];
    let ours: &[u8; 16] = challenge[5..21].try_into().unwrap();
    let hash = NtHash::of(&Password::new(password).unwrap()).unwrap();
    let digest = crate::mschap::challenge(&theirs, ours, name.as_bytes());
    let value = [&theirs[..], &[0; 8], &hash.response(&digest), &[0]].concat();
    let length = u8::try_from(5 + value.len() + name.len()).unwrap();
    [
        &[2, challenge[1], 0, length, 49][..],
        &value,
        name.as_bytes(),
    ]
    .concat()
}

/// What a peer with this password expects the server to prove itself with.
pub(super) fn ms_chap_v2_proof(challenge: &[u8], name: &str) -> Vec<u8> {
    let ours: &[u8; 16] = challenge[5..21].try_into().unwrap();
    let hash = NtHash::of(&Password::new(PASSWORD).unwrap()).unwrap();
    let digest = crate::mschap::challenge(&[9; 16], ours, name.as_bytes());
    hash.success(&hash.response(&digest), &digest).to_vec()
}

/// The keys of that exchange: what the NAS receives with, then what it sends with.
pub(super) fn ms_chap_v2_keys(challenge: &[u8], name: &str) -> Vec<u8> {
    let ours: &[u8; 16] = challenge[5..21].try_into().unwrap();
    let hash = NtHash::of(&Password::new(PASSWORD).unwrap()).unwrap();
    let digest = crate::mschap::challenge(&[9; 16], ours, name.as_bytes());
    let keys = hash.session_keys(&hash.response(&digest));
    [keys.receive, keys.send].concat()
}

//! Who vouches for the certificates of clients, and which of these are revoked (RFC 5280).
//!
//! RadSec and EAP-TLS ask it in the same words. With revocation lists, every authority must have one, and a
//! certificate of whose state no list says anything is refused, the ones between it and the authority included. A
//! list counts beyond its next update: what it names stays refused.
//!
//! Not here: reading files, telling that a list is out of date (`daemon`).

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use webpki::{BorrowedCertRevocationList, CertRevocationList};

/// Authorities, and what they have revoked.
#[derive(Clone, Debug, Default)]
pub struct ClientTrust {
    authorities: Vec<CertificateDer<'static>>,
    revocation_lists: Vec<CertificateRevocationListDer<'static>>,
}

/// Why nobody can be trusted with these. Always the operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// One of the certificates is none of an authority.
    #[error("certificate {nth} of the authorities cannot be used")]
    Authority {
        /// Counted from one.
        nth: usize,
        /// What is wrong with it.
        #[source]
        error: rustls::Error,
    },
    /// One of the lists is none, or of a kind that is not supported.
    #[error("a revocation list cannot be used")]
    List(#[source] webpki::Error),
    /// No certificate of this authority could be let in.
    #[error("certificate {nth} of the authorities has no revocation list, and others have")]
    NoList {
        /// Counted from one.
        nth: usize,
    },
    /// The older one would hide the newer.
    #[error("there are two revocation lists of one authority")]
    TwoLists,
    /// What is left is nobody, or of no use to TLS.
    #[error("the authorities cannot be used")]
    Verifier(#[source] VerifierBuilderError),
}

impl From<Vec<CertificateDer<'static>>> for ClientTrust {
    /// Authorities that revoke nothing.
    fn from(authorities: Vec<CertificateDer<'static>>) -> Self {
        Self::new(authorities, Vec::new())
    }
}

impl ClientTrust {
    /// Authorities and their lists; without any list nothing is revoked.
    pub const fn new(
        authorities: Vec<CertificateDer<'static>>,
        revocation_lists: Vec<CertificateRevocationListDer<'static>>,
    ) -> Self {
        Self {
            authorities,
            revocation_lists,
        }
    }

    /// Whether no client could be let in.
    pub const fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }

    /// What TLS asks about a client. A client must have a certificate.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn verifier(
        self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TrustError> {
        let mut roots = RootCertStore::empty();
        for (nth, authority) in (1..).zip(self.authorities) {
            let added = roots.add(authority);
            added.map_err(|error| TrustError::Authority { nth, error })?;
        }
        each_has_one_list(&roots, &self.revocation_lists)?;
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .with_crls(self.revocation_lists)
            .build()
            .map_err(TrustError::Verifier)
    }
}

/// An authority without a list would lock out all its clients: better that it is said before that. Of two lists of
/// one authority the library would take the first that it meets.
fn each_has_one_list(
    roots: &RootCertStore,
    lists: &[CertificateRevocationListDer<'_>],
) -> Result<(), TrustError> {
    let parsed: Result<Vec<CertRevocationList<'_>>, webpki::Error> = lists
        .iter()
        .map(|list| BorrowedCertRevocationList::from_der(list).map(Into::into))
        .collect();
    let parsed = parsed.map_err(TrustError::List)?;
    let of_one = |one: &CertRevocationList<'_>, other: &CertRevocationList<'_>| {
        one.issuer() == other.issuer()
            && one.issuing_distribution_point() == other.issuing_distribution_point()
    };
    if (1..parsed.len()).any(|at| parsed[..at].iter().any(|list| of_one(list, &parsed[at]))) {
        return Err(TrustError::TwoLists);
    }
    let has_list = |subject: &[u8]| parsed.iter().any(|list| list.issuer() == subject);
    match (1..)
        .zip(&roots.roots)
        .find(|(_, root)| !has_list(&root.subject))
    {
        Some((nth, _)) if !parsed.is_empty() => Err(TrustError::NoList { nth }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        DnType, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
    };
    use rustls::CertificateError;
    use rustls::pki_types::UnixTime;

    use super::*;

    type Issuer = CertifiedIssuer<'static, KeyPair>;
    type List = CertificateRevocationListDer<'static>;
    type Certificate = CertificateDer<'static>;

    fn parameters(name: &str, serial: u64) -> CertificateParams {
        let mut parameters = CertificateParams::default();
        parameters.serial_number = Some(SerialNumber::from(serial));
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters
    }

    fn authority(name: &str) -> Issuer {
        let mut parameters = parameters(name, 1);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Issuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
    }

    fn between(above: &Issuer, serial: u64) -> Issuer {
        let mut parameters = parameters("between", serial);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Issuer::signed_by(parameters, KeyPair::generate().unwrap(), above).unwrap()
    }

    fn client(issuer: &Issuer, serial: u64) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let signed = parameters("client", serial).signed_by(&key, issuer);
        signed.unwrap().der().clone()
    }

    /// What revokes these numbers; its next update was due a day after.
    fn list(issuer: &Issuer, serials: &[u64]) -> List {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let parameters = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2026, 1, 2),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        parameters.signed_by(issuer).unwrap().der().clone()
    }

    fn verifier(
        authorities: &[&Issuer],
        lists: &[List],
    ) -> Result<Arc<dyn ClientCertVerifier>, TrustError> {
        let authorities = authorities.iter().map(|issuer| issuer.der().clone());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientTrust::new(authorities.collect(), lists.to_vec()).verifier(provider)
    }

    /// Whether a chain, the client first, is let in on 2026-11-21.
    fn admits(
        verifier: &dyn ClientCertVerifier,
        chain: &[Certificate],
    ) -> Result<(), rustls::Error> {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_795_219_200));
        verifier
            .verify_client_cert(&chain[0], &chain[1..], now)
            .map(drop)
    }

    const REVOKED: Result<(), rustls::Error> =
        Err(rustls::Error::InvalidCertificate(CertificateError::Revoked));
    const UNKNOWN: Result<(), rustls::Error> = Err(rustls::Error::InvalidCertificate(
        CertificateError::UnknownRevocationStatus,
    ));

    #[test]
    fn revoked_is_refused_by_a_list_that_is_out_of_date_too_and_others_are_not() {
        let root = authority("root");
        let verifier = verifier(&[&root], &[list(&root, &[7, 8])]).unwrap();
        assert_eq!(admits(&*verifier, &[client(&root, 7)]), REVOKED);
        assert_eq!(admits(&*verifier, &[client(&root, 8)]), REVOKED);
        assert_eq!(admits(&*verifier, &[client(&root, 9)]), Ok(()));
    }

    #[test]
    fn without_lists_nothing_is_revoked() {
        let root = authority("root");
        let verifier = verifier(&[&root], &[]).unwrap();
        assert_eq!(admits(&*verifier, &[client(&root, 7)]), Ok(()));
    }

    #[test]
    fn authority_between_can_be_revoked_and_must_have_a_list() {
        let root = authority("root");
        let between = between(&root, 5);
        let chain = [client(&between, 7), between.der().clone()];
        let with = |lists: &[List]| admits(&*verifier(&[&root], lists).unwrap(), &chain);
        assert_eq!(with(&[list(&root, &[]), list(&between, &[])]), Ok(()));
        assert_eq!(with(&[list(&root, &[5]), list(&between, &[])]), REVOKED);
        assert_eq!(with(&[list(&root, &[]), list(&between, &[7])]), REVOKED);
        assert_eq!(with(&[list(&root, &[])]), UNKNOWN);
    }

    #[test]
    fn each_authority_has_one_list_or_none_has() {
        let (one, other) = (authority("one"), authority("other"));
        let both = [list(&one, &[]), list(&other, &[])];
        assert!(verifier(&[&one, &other], &both).is_ok());
        assert!(matches!(
            verifier(&[&one, &other], &both[..1]),
            Err(TrustError::NoList { nth: 2 })
        ));
        assert!(matches!(
            verifier(&[&one], &[list(&one, &[]), list(&one, &[7])]),
            Err(TrustError::TwoLists)
        ));
        assert!(matches!(
            verifier(&[&one], &[List::from(vec![0x30, 0])]),
            Err(TrustError::List(_))
        ));
        assert!(matches!(
            verifier(&[], &[]),
            Err(TrustError::Verifier(VerifierBuilderError::NoRootAnchors))
        ));
    }
}

//! Who vouches for the certificates of clients, and which of these are revoked (RFC 5280).
//!
//! RadSec and EAP-TLS ask it in the same words. With revocation lists, every authority must have one, and a
//! certificate of whose state no list says anything is refused, the ones between it and the authority included. A
//! list counts beyond its next update: what it names stays refused. A list in the name of an authority must be signed
//! by it, and speak of all its certificates: else nobody would be let in, and that is said when it is read.
//!
//! Not here: reading files, telling that a list is out of date (`daemon`).

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, SignatureVerificationAlgorithm, TrustAnchor,
};
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
    /// Somebody else signed it, or it was changed.
    #[error("the revocation list of certificate {nth} of the authorities is not signed by it")]
    ForeignList {
        /// Counted from one.
        nth: usize,
    },
    /// What it does not speak of could not be let in.
    #[error(
        "revocation list {nth} speaks of a part of the certificates only (IssuingDistributionPoint): whole ones are needed"
    )]
    PartialList {
        /// Counted from one.
        nth: usize,
    },
    /// The library finds the list by the name, and would refuse whatever the other one signed.
    #[error(
        "certificates {first} and {second} of the authorities have one name and two keys: no revocation list can be told to be of one of them"
    )]
    TwoKeys {
        /// Counted from one.
        first: usize,
        /// Counted from one.
        second: usize,
    },
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
        let algorithms = provider.signature_verification_algorithms.all;
        each_has_one_list(&roots.roots, &self.revocation_lists, algorithms)?;
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .with_crls(self.revocation_lists)
            .build()
            .map_err(TrustError::Verifier)
    }
}

/// An authority without a list that holds for it would lock out all its clients: better that it is said before that.
/// Of two lists of one authority the library would take the first that it meets.
fn each_has_one_list(
    roots: &[TrustAnchor<'_>],
    lists: &[CertificateRevocationListDer<'_>],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<(), TrustError> {
    if lists.is_empty() {
        return Ok(());
    }
    let mut issuers: Vec<Vec<u8>> = Vec::new();
    for (nth, list) in (1..).zip(lists) {
        let parsed = BorrowedCertRevocationList::from_der(list).map_err(TrustError::List)?;
        let parsed = CertRevocationList::from(parsed);
        if parsed.issuing_distribution_point().is_some() {
            return Err(TrustError::PartialList { nth });
        }
        if issuers.iter().any(|issuer| issuer == parsed.issuer()) {
            return Err(TrustError::TwoLists);
        }
        issuers.push(parsed.issuer().to_vec());
    }
    for (nth, root) in (1..).zip(roots) {
        let same_name = (1..nth).zip(roots).find(|(_, other)| {
            other.subject == root.subject
                && other.subject_public_key_info != root.subject_public_key_info
        });
        if let Some((first, _)) = same_name {
            return Err(TrustError::TwoKeys { first, second: nth });
        }
        let mut named = lists.iter().zip(&issuers);
        let list = named.find(|(_, issuer)| **issuer == *root.subject);
        let (list, _) = list.ok_or(TrustError::NoList { nth })?;
        if !is_signed_by(list, root, algorithms) {
            return Err(TrustError::ForeignList { nth });
        }
    }
    Ok(())
}

/// Whether the key of `root` signed a list (RFC 5280 section 5.1.1).
fn is_signed_by(
    list: &[u8],
    root: &TrustAnchor<'_>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> bool {
    let parts = || {
        let list = der::whole(list)?;
        let (signed, list) = der::element(list)?;
        let (algorithm, list) = der::element(list)?;
        let (signature, _) = der::element(list)?;
        let (key_algorithm, key) = der::element(&root.subject_public_key_info)?;
        let (key, _) = der::element(key)?;
        let signature = der::bits(&signature)?;
        Some((
            signed,
            algorithm,
            signature,
            key_algorithm,
            der::bits(&key)?,
        ))
    };
    parts().is_some_and(|(signed, algorithm, signature, key_algorithm, key)| {
        algorithms.iter().any(|candidate| {
            candidate.signature_alg_id().as_ref() == algorithm.value
                && candidate.public_key_alg_id().as_ref() == key_algorithm.value
                && candidate
                    .verify_signature(key, signed.whole, signature)
                    .is_ok()
        })
    })
}

/// As much of DER (X.690) as it takes to find a signature and what it is of.
mod der {
    const BIT_STRING: u8 = 3;

    /// Tag, length and value together, and the two that are of use.
    pub(super) struct Element<'a> {
        pub(super) whole: &'a [u8],
        tag: u8,
        pub(super) value: &'a [u8],
    }

    /// The first element, and what follows it.
    pub(super) fn element(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
        const LONG_FORM: u8 = 0x80;
        let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
        let (len, rest) = if first & LONG_FORM == 0 {
            (usize::from(first), rest)
        } else {
            let (octets, rest) = rest.split_at_checked(usize::from(first & !LONG_FORM))?;
            let len = octets.iter().try_fold(0_usize, |len, octet| {
                Some(len.checked_mul(256)? | usize::from(*octet))
            });
            (len?, rest)
        };
        let (value, rest) = rest.split_at_checked(len)?;
        let (whole, _) = der.split_at_checked(der.len() - rest.len())?;
        Some((Element { whole, tag, value }, rest))
    }

    /// The value of the one element that there is.
    pub(super) fn whole(der: &[u8]) -> Option<&[u8]> {
        let (element, rest) = element(der)?;
        rest.is_empty().then_some(element.value)
    }

    /// The octets of a BIT STRING of whole octets.
    pub(super) fn bits<'a>(element: &Element<'a>) -> Option<&'a [u8]> {
        let (unused, octets) = element.value.split_first()?;
        (element.tag == BIT_STRING && *unused == 0).then_some(octets)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, DnType, IsCa, KeyIdMethod,
        KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, RevokedCertParams,
        SerialNumber, date_time_ymd,
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
        list_at(issuer, serials, None)
    }

    fn list_at(
        issuer: &Issuer,
        serials: &[u64],
        issuing_distribution_point: Option<CrlIssuingDistributionPoint>,
    ) -> List {
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
            issuing_distribution_point,
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

    #[test]
    fn list_in_the_name_of_an_authority_that_it_did_not_sign_is_refused() {
        let (one, other, forger) = (authority("one"), authority("other"), authority("other"));
        let lists = [list(&one, &[]), list(&forger, &[])];
        assert!(matches!(
            verifier(&[&one, &other], &lists),
            Err(TrustError::ForeignList { nth: 2 })
        ));
        // One that was changed on its way: the signature is its last.
        let mut changed = list(&one, &[7]).to_vec();
        if let Some(last) = changed.last_mut() {
            *last ^= 1;
        }
        assert!(matches!(
            verifier(&[&one], &[List::from(changed)]),
            Err(TrustError::ForeignList { nth: 1 })
        ));
    }

    #[test]
    fn list_of_each_kind_of_key_is_known_as_that_of_its_authority() {
        for kind in [
            &PKCS_ED25519,
            &PKCS_ECDSA_P256_SHA256,
            &PKCS_ECDSA_P384_SHA384,
        ] {
            let mut parameters = parameters("root", 1);
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate_for(kind).unwrap();
            let root = Issuer::self_signed(parameters, key).unwrap();
            let verifier = verifier(&[&root], &[list(&root, &[7])]).unwrap();
            assert_eq!(admits(&*verifier, &[client(&root, 7)]), REVOKED);
            assert_eq!(admits(&*verifier, &[client(&root, 9)]), Ok(()));
        }
    }

    #[test]
    fn list_of_a_part_of_the_certificates_is_refused() {
        let root = authority("root");
        let part = CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint {
                uris: vec!["http://ca.example.net/users.crl".to_owned()],
            },
            scope: Some(CrlScope::UserCertsOnly),
        };
        assert!(matches!(
            verifier(&[&root], &[list_at(&root, &[], Some(part))]),
            Err(TrustError::PartialList { nth: 1 })
        ));
    }

    #[test]
    fn two_keys_of_one_name_are_refused_with_lists_and_taken_without() {
        let (old, new) = (authority("root"), authority("root"));
        assert!(matches!(
            verifier(&[&old, &new], &[list(&old, &[])]),
            Err(TrustError::TwoKeys {
                first: 1,
                second: 2
            })
        ));
        let verifier = verifier(&[&old, &new], &[]).unwrap();
        assert_eq!(admits(&*verifier, &[client(&new, 7)]), Ok(()));
    }
}

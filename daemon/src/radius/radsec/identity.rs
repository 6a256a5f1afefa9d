//! From a client's certificate to the NAS it is (RFC 6614 section 2.3).
//!
//! TLS has checked by now that it is of an authority we trust. A fingerprint counts before names; the common name of
//! the subject counts for nothing, and neither does a wildcard: a NAS has a name of its own.

use std::fmt;
use std::sync::Arc;

use garth_radius::certificate::CertificateName;
use garth_radius::nas::{Nas, NasTable};
use rustls::pki_types::{CertificateDer, ServerName};
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

use super::Refused;

/// The most names of a certificate that are looked at.
const NAMES_MAX: usize = 32;

/// What a certificate shows.
pub(super) struct Shown {
    fingerprint: CertificateName,
    names: Vec<CertificateName>,
}

impl Shown {
    /// Reads a certificate that TLS has taken. One that cannot be read has no names.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self {
            fingerprint: CertificateName::Fingerprint(Sha256::digest(certificate).into()),
            names: names(certificate),
        }
    }

    /// The one NAS that shows this, and what it is known by.
    ///
    /// # Errors
    /// When it is none, or more than one.
    pub(super) fn nas<'a>(
        &self,
        table: &'a NasTable,
    ) -> Result<(CertificateName, &'a Arc<Nas>), Refused> {
        let find = |name: &CertificateName| {
            let (_, nas) = table.find_certificate(name)?;
            Some((name.clone(), nas))
        };
        if let Some(pinned) = find(&self.fingerprint) {
            return Ok(pinned);
        }
        let mut found = self.names.iter().filter_map(find);
        match (found.next(), found.next()) {
            (Some(found), None) => Ok(found),
            (None, _) => Err(Refused::UnknownNas),
            (Some(_), Some(_)) => Err(Refused::AmbiguousNas),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fingerprint)?;
        self.names.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

/// The DNS names among the subject alternative names, each once.
fn names(certificate: &CertificateDer<'_>) -> Vec<CertificateName> {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    // The list proposes; the library's own comparison decides.
    let holds = |name: &&str| {
        ServerName::try_from(*name)
            .is_ok_and(|name| parsed.verify_is_valid_for_subject_name(&name).is_ok())
    };
    let listed = parsed.valid_dns_names().take(NAMES_MAX).filter(holds);
    let mut names: Vec<_> = listed.filter_map(CertificateName::dns).collect();
    names.sort_unstable();
    names.dedup();
    names
}

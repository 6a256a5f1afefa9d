//! Secrets: read once, never shown, wiped when dropped.

use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The longest secret, in octets.
pub const SECRET_LEN_MAX: usize = 4_096;

/// A shared secret. It has no `Debug`, so that it cannot reach a log by accident.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The secret itself; not for logs.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    fn new(octets: Zeroizing<Vec<u8>>) -> Result<Self, SecretError> {
        if octets.is_empty() {
            Err(SecretError::Empty)
        } else if octets.len() > SECRET_LEN_MAX {
            Err(SecretError::TooLong)
        } else {
            Ok(Self(octets))
        }
    }

    /// The secret that stands in the configuration itself.
    pub(super) fn inline(text: &str) -> Result<Self, SecretError> {
        Self::new(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// The content of a file, without the newline that editors put at its end.
    pub(super) fn from_file(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |source| SecretError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let limit = u64::try_from(SECRET_LEN_MAX)
            .expect("the bound is small")
            .saturating_add(3);
        let mut octets = Zeroizing::new(Vec::with_capacity(SECRET_LEN_MAX + 3));
        file.take(limit)
            .read_to_end(&mut octets)
            .map_err(unreadable)?;
        if octets.last() == Some(&b'\n') {
            octets.pop();
            if octets.last() == Some(&b'\r') {
                octets.pop();
            }
        }
        Self::new(octets)
    }

    /// A credential that systemd passes (`LoadCredential=`), by name.
    pub(super) fn from_credential(
        directory: Option<&Path>,
        name: &str,
    ) -> Result<Self, SecretError> {
        Self::from_file(&Self::path_of_credential(directory, name)?)
    }

    /// The file of a credential that systemd passes, by name.
    pub(super) fn path_of_credential(
        directory: Option<&Path>,
        name: &str,
    ) -> Result<PathBuf, SecretError> {
        let directory = directory.ok_or(SecretError::NoCredentials)?;
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(SecretError::CredentialName);
        }
        Ok(directory.join(name))
    }
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nothing in it.
    #[error("the secret is empty")]
    Empty,
    /// More than any secret.
    #[error("the secret is longer than {SECRET_LEN_MAX} octets")]
    TooLong,
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not started by systemd with credentials.
    #[error("CREDENTIALS_DIRECTORY is not set: the unit passes no credentials")]
    NoCredentials,
    /// A name that would leave the directory.
    #[error("a credential is a file name without / and without a leading dot")]
    CredentialName,
}

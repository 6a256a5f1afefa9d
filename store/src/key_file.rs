//! Where the key comes from that credentials are sealed with: given, or in a file that is made once.
//!
//! Promises: a file at that path is a whole key, readable by its owner alone, and durable before any
//! credential is sealed with it. Nothing there is ever written over. No key is made for a store that
//! has one already: what is sealed with a lost key stays shut, and a new one would hide that.
//!
//! Not here: what a key does ([`crate::credential`]).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::credential::{KeyId, KeyRing, NotAKey, SealingKey};
use crate::open::{give_name, remove_leftover, settle_name};

/// Read and written by its owner alone.
const OWNER_ONLY: u32 = 0o600;
/// What follows the file's name while it is being made.
const UNFINISHED: &str = ".unfinished";
/// What follows the name of the store's file.
const BESIDE: &str = ".key";
/// More than a key file may have, in octets.
const READ_MAX: usize = 256;

/// Where the key is that seals.
#[derive(Clone)]
pub enum KeySource {
    /// Here.
    Given(SealingKey),
    /// In that file. It is made where there is none and no credential was sealed yet.
    File(PathBuf),
}

/// The keys of a store.
#[derive(Clone)]
pub struct Keys {
    /// What credentials are sealed with. Where it is another one than before, all of them are sealed
    /// anew when the store is opened.
    pub current: KeySource,
    /// What they may still be sealed with. Of these no file is made.
    pub old: Vec<KeySource>,
}

/// Why there is no key. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("the key file {path} cannot be read or made", path = path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the key file {path} holds no key", path = path.display())]
    Content {
        /// Which one.
        path: PathBuf,
        /// What it should hold.
        #[source]
        source: NotAKey,
    },
    /// No random octets from the system.
    #[error("the system gave no random octets for a key")]
    Random(#[source] getrandom::Error),
    /// The store is sealed and the file is gone.
    #[error(
        "the credentials of this store are sealed with the key {key}, and its file {path} is not \
         there: put it back from where you keep it, or set [store] key_file",
        path = path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// The key that is needed.
        key: KeyId,
    },
    /// The store is sealed with another key.
    #[error(
        "the credentials of this store are sealed with the key {sealed}, and the key given is \
         {given}: set [store] key_file to the file of {sealed}, or, to seal them anew with {given}, \
         name that file in old_key_files"
    )]
    Other {
        /// The key that is needed.
        sealed: KeyId,
        /// The key that is there.
        given: KeyId,
    },
}

impl Keys {
    /// The key in the file beside the store's: `garth.redb.key` for `garth.redb`.
    #[must_use]
    pub fn beside(store: &Path) -> Self {
        let mut path = store.as_os_str().to_owned();
        path.push(BESIDE);
        Self {
            current: KeySource::File(path.into()),
            old: Vec::new(),
        }
    }

    /// That key alone.
    #[must_use]
    pub const fn given(key: SealingKey) -> Self {
        Self {
            current: KeySource::Given(key),
            old: Vec::new(),
        }
    }

    /// The keys, of a store whose credentials are sealed with `sealed`; with none so far, a file that
    /// is not there is made.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn ring(&self, sealed: Option<KeyId>) -> Result<KeyRing, KeyError> {
        let current = match &self.current {
            KeySource::Given(key) => key.clone(),
            KeySource::File(path) => match (read(path)?, sealed) {
                (Some(key), None) => {
                    // A start that was cut off may have made it: nothing is sealed before its name lasts.
                    settle_name(&unfinished(path), path).map_err(|source| KeyError::File {
                        path: path.clone(),
                        source,
                    })?;
                    key
                }
                (Some(key), Some(_)) => key,
                (None, None) => make(path)?,
                (None, Some(key)) => {
                    let path = path.clone();
                    return Err(KeyError::Missing { path, key });
                }
            },
        };
        let old = self.old.iter().map(KeySource::existing);
        let ring = KeyRing::new(&current, &old.collect::<Result<Vec<_>, _>>()?);
        match sealed.filter(|sealed| !ring.has(*sealed)) {
            Some(sealed) => Err(KeyError::Other {
                sealed,
                given: ring.current(),
            }),
            None => Ok(ring),
        }
    }
}

impl KeySource {
    /// The key, which must be there.
    fn existing(&self) -> Result<SealingKey, KeyError> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::File(path) => read(path)?.ok_or_else(|| KeyError::File {
                path: path.clone(),
                source: io::ErrorKind::NotFound.into(),
            }),
        }
    }
}

/// The key of a file; nothing if there is no file.
fn read(path: &Path) -> Result<Option<SealingKey>, KeyError> {
    let unreadable = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = Zeroizing::new(Vec::with_capacity(READ_MAX));
    file.take(READ_MAX as u64)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    let key = SealingKey::parse(&text).map_err(|source| KeyError::Content {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(key))
}

/// Makes the file of a new key. It is written whole under another name first, so that a loss of power
/// leaves a key or none.
fn make(path: &Path) -> Result<SealingKey, KeyError> {
    let key = SealingKey::random().map_err(KeyError::Random)?;
    write(path, &key, &mut || Ok(())).map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })?;
    tracing::warn!(
        path = %path.display(),
        key = %key.id(),
        "a key for the credentials was made: keep a copy of its file, apart from the backups of the store"
    );
    Ok(key)
}

/// The name that the file of a key has while it is being made.
fn unfinished(path: &Path) -> PathBuf {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    unfinished.into()
}

/// `after_each` of its steps may end it, as a loss of power does.
fn write(
    path: &Path,
    key: &SealingKey,
    after_each: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let unfinished = unfinished(path);
    // What a start that was cut off has left is nobody's key.
    remove_leftover(&unfinished)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(&unfinished)?;
    after_each()?;
    file.write_all(key.to_text().as_bytes())?;
    after_each()?;
    file.sync_all()?;
    after_each()?;
    give_name(&unfinished, path, after_each)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn keys(path: &Path) -> Keys {
        Keys {
            current: KeySource::File(path.to_owned()),
            old: Vec::new(),
        }
    }

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("garth.redb.key");
        let made = keys(&path).ring(None).ok().unwrap().current();
        assert_eq!(keys(&path).ring(None).ok().unwrap().current(), made);
        assert_eq!(keys(&path).ring(Some(made)).ok().unwrap().current(), made);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_start_that_was_cut_off_has_left_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("garth.redb.key");
        std::fs::write(folder.path().join("garth.redb.key.unfinished"), "0123").unwrap();
        assert!(keys(&path).ring(None).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_start_that_is_cut_off_after_any_step_is_made_good_by_the_next() {
        // Created, written, synchronised, linked, unlinked, and the folder synchronised.
        for steps in 1..=6 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("garth.redb.key");
            let first = SealingKey::random().unwrap();
            let mut left = steps;
            let cut_off = write(&path, &first, &mut || {
                left -= 1;
                if left == 0 {
                    Err(io::ErrorKind::Interrupted.into())
                } else {
                    Ok(())
                }
            });
            assert!(cut_off.is_err() && left == 0, "{steps}");
            let is_made = path.exists();
            assert_eq!(is_made, steps >= 4, "{steps}");
            let found = keys(&path).ring(None).ok().unwrap().current();
            assert_eq!(found == first.id(), is_made, "{steps}");
            let names = std::fs::read_dir(folder.path()).unwrap();
            let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["garth.redb.key"], "{steps}");
            assert_eq!(keys(&path).ring(Some(found)).ok().unwrap().current(), found);
        }
    }

    #[test]
    fn no_key_is_made_for_a_store_that_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("garth.redb.key");
        let error = keys(&path).ring(Some(KeyId([7; 8]))).err().unwrap();
        assert!(matches!(error, KeyError::Missing { .. }), "{error}");
        assert!(error.to_string().contains("0707070707070707"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_holds_no_key_is_neither_used_nor_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("garth.redb.key");
        for content in ["", "tulip\n", &"0".repeat(5_000)] {
            std::fs::write(&path, content).unwrap();
            let error = keys(&path).ring(None).err().unwrap();
            assert!(matches!(error, KeyError::Content { .. }), "{error}");
            assert!(!error.to_string().contains("tulip"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_file_of_an_old_key_must_be_there_and_is_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.key");
        let keys = Keys {
            old: vec![KeySource::File(path.clone())],
            ..Keys::given(SealingKey::random().unwrap())
        };
        let error = keys.ring(None).err().unwrap();
        assert!(matches!(error, KeyError::File { .. }), "{error}");
        assert!(error.to_string().contains("old.key") && !path.exists());
    }

    #[test]
    fn another_key_is_refused_with_the_names_of_both_unless_the_old_one_is_given() {
        let (one, two) = (SealingKey::random().unwrap(), SealingKey::random().unwrap());
        let given = |old: Vec<SealingKey>| Keys {
            current: KeySource::Given(two.clone()),
            old: old.into_iter().map(KeySource::Given).collect(),
        };
        let error = given(Vec::new())
            .ring(Some(one.id()))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(&one.id().to_string()), "{error}");
        assert!(error.contains(&two.id().to_string()), "{error}");
        assert!(given(vec![one.clone()]).ring(Some(one.id())).is_ok());
    }
}

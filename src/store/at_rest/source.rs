//! Where the keys of a store are.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Cipher, StoreKey};
use crate::store::StoreError;

/// The variable that has the key where no file does.
pub const KEY_VARIABLE: &str = "DIALTONE_STORE_KEY";

/// Longer is no key but a mistaken name.
const MOST_BYTES: u64 = 1024;

/// The files with the keys, by the names of the configuration. Without any there is [`KEY_VARIABLE`],
/// or all is plain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeySource {
    /// The key that what is written is encrypted with.
    pub key_file: Option<PathBuf>,
    /// A key that what is read may be encrypted with.
    pub previous_key_file: Option<PathBuf>,
}

impl KeySource {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a file that cannot be read or has no key in it, by its name.
    pub fn load(&self) -> Result<Cipher, StoreError> {
        let current = match &self.key_file {
            Some(path) => Some(key_in("[store] key_file", path)?),
            None => key_in_environment()?,
        };
        let previous = self.previous_key_file.as_deref();
        let previous =
            previous.map(|path| key_in("[store] previous_key_file", path)).transpose()?;
        Ok(Cipher::new(current, previous))
    }
}

fn key_in(setting: &str, path: &Path) -> Result<StoreKey, StoreError> {
    let refused =
        |why: String| StoreError::Refused { what: format!("{setting}: {}", path.display()), why };
    let mut text = String::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    read.map_err(|error| refused(format!("cannot be read: {error}")))?;
    text.parse().map_err(|error: super::InvalidStoreKey| refused(error.to_string()))
}

fn key_in_environment() -> Result<Option<StoreKey>, StoreError> {
    let Some(text) = std::env::var_os(KEY_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let key = text.to_str().unwrap_or_default().parse();
    let refused = |error: super::InvalidStoreKey| StoreError::Refused {
        what: KEY_VARIABLE.to_owned(),
        why: error.to_string(),
    };
    key.map(Some).map_err(refused)
}

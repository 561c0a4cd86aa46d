//! What names, logins and patches must look like, wherever they come from.

use serde_json::Value;

use super::RegistryError;
use crate::domain::Mac;
use crate::domain::settings::Layer;

/// Most characters of the name of a phone, company or user.
pub const MAX_NAME: usize = 128;
/// Most characters of a login.
pub const MAX_LOGIN: usize = 64;

/// # Errors
/// [`RegistryError::Invalid`] for control characters and for more than [`MAX_NAME`].
pub(super) fn check_name(name: &str) -> Result<(), RegistryError> {
    let fits = name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    let message = format!("must be at most {MAX_NAME} characters without control characters");
    if fits { Ok(()) } else { Err(RegistryError::Invalid { field: "name".to_owned(), message }) }
}

/// # Errors
/// [`RegistryError::Invalid`] unless it is 1 to [`MAX_LOGIN`] printable characters without spaces.
pub(super) fn check_login(login: &str) -> Result<(), RegistryError> {
    let fits = (1..=MAX_LOGIN).contains(&login.chars().count());
    let clean = !login.chars().any(|c| c.is_control() || c.is_whitespace());
    let message = format!("must be 1 to {MAX_LOGIN} printable characters without spaces");
    if fits && clean {
        Ok(())
    } else {
        Err(RegistryError::Invalid { field: "login".to_owned(), message })
    }
}

/// Whether an operator may say that a phone has it. Weaker than [`Mac::is_usable`],
/// which decides what a request may record: the published API's own example,
/// 0123456789ab, has the multicast bit.
pub(super) fn is_assignable_mac(mac: Mac) -> bool {
    !matches!(mac.bits(), 0 | 0xffff_ffff_ffff)
}

/// The layer with a patch merged into it (RFC 7396); `null` empties it.
///
/// # Errors
/// [`RegistryError::Settings`] with every problem.
pub(super) fn patched(layer: &Layer, patch: Option<&Value>) -> Result<Layer, RegistryError> {
    match patch {
        None => Ok(layer.clone()),
        Some(Value::Null) => Ok(Layer::default()),
        Some(patch) => layer.patched(patch).map_err(RegistryError::Settings),
    }
}

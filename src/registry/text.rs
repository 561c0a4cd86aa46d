//! What names, logins and patches must look like, wherever they come from.

use serde_json::Value;

use super::RegistryError;
use crate::domain::settings::{Layer, SettingError};
use crate::domain::{Mac, hidden_char};

/// Most characters of the name of a phone, company or user.
pub const MAX_NAME: usize = 128;
/// Most characters of a login.
pub const MAX_LOGIN: usize = 64;

/// # Errors
/// [`RegistryError::Invalid`] for more than [`MAX_NAME`] and for [`hidden_char`]s.
pub(super) fn check_name(name: &str) -> Result<(), RegistryError> {
    check_text("name", name, MAX_NAME)
}

/// # Errors
/// [`RegistryError::Invalid`] for more than `most` characters and for [`hidden_char`]s.
pub(super) fn check_text(field: &str, text: &str, most: usize) -> Result<(), RegistryError> {
    let otherwise = format!("must be at most {most} characters");
    check(field, text, text.chars().count() <= most, otherwise)
}

/// # Errors
/// [`RegistryError::Invalid`] unless it is 1 to [`MAX_LOGIN`] printable characters without spaces.
pub(super) fn check_login(login: &str) -> Result<(), RegistryError> {
    let fits = (1..=MAX_LOGIN).contains(&login.chars().count());
    // The joiners too: a login is compared, whatever it looks like.
    let clean = !login.chars().any(|c| c.is_whitespace() || matches!(c, '\u{200c}' | '\u{200d}'));
    let printable = format!("must be 1 to {MAX_LOGIN} printable characters without spaces");
    check("login", login, fits && clean, printable)
}

fn check(field: &str, text: &str, fits: bool, otherwise: String) -> Result<(), RegistryError> {
    let message = match hidden_char(text) {
        Some(hidden) => format!(
            "must have no control characters and none that are invisible or turn the direction of \
             writing, as U+{:04X} is",
            u32::from(hidden)
        ),
        None if !fits => otherwise,
        None => return Ok(()),
    };
    Err(RegistryError::Invalid { field: field.to_owned(), message })
}

/// Whether an operator may say that a phone has it. Weaker than [`Mac::is_usable`],
/// which decides what a request may record: the published API's own example,
/// 0123456789ab, has the multicast bit.
pub(super) fn is_assignable_mac(mac: Mac) -> bool {
    !matches!(mac.bits(), 0 | 0xffff_ffff_ffff)
}

/// Refuses media ports of a layer that are none: RTP is on the even ports, RTCP on the odd ones
/// above them (RFC 3550 section 11), and the first is not above the last.
fn require_ports(layer: &Layer) -> Result<(), RegistryError> {
    let rtp = &layer.to_json()["rtp"];
    let (first, last) = (rtp["first_port"].as_u64(), rtp["last_port"].as_u64());
    let message = match (first, last) {
        (Some(first), _) if first % 2 != 0 => format!("must be even, not {first}"),
        (Some(first), Some(last)) if first > last => {
            format!("must be at most rtp.last_port, {last}, not {first}")
        }
        _ => return Ok(()),
    };
    let field = "rtp.first_port".to_owned();
    Err(RegistryError::Settings(vec![SettingError { field, message }]))
}

/// The layer with a patch merged into it (RFC 7396); `null` empties it.
///
/// # Errors
/// [`RegistryError::Settings`] with every problem.
pub(super) fn patched(layer: &Layer, patch: Option<&Value>) -> Result<Layer, RegistryError> {
    match patch {
        None => Ok(layer.clone()),
        Some(Value::Null) => Ok(Layer::default()),
        Some(patch) => {
            let patched = layer.patched(patch).map_err(RegistryError::Settings)?;
            match patch.get("rtp") {
                Some(_) => require_ports(&patched).map(|()| patched),
                None => Ok(patched),
            }
        }
    }
}

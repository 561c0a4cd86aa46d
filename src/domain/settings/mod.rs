//! The vendor-neutral settings of phones.
//!
//! One schema ([`Settings`], described by [`schema`]), written in layers (type <
//! system < company < phone), each a partial document checked when it is
//! written ([`Layer::parse`], [`Layer::patched`]); a [`Stack`] lays them over
//! each other and [`resolve()`] does it at once.

mod admission;
mod agree;
mod check;
mod digit_map;
mod explain;
mod given_keys;
mod hosted;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod model;
mod overlay;
mod read;
mod resolve;
mod rule;
pub mod schema;
#[cfg(test)]
mod tests;
mod url;
mod value;
mod written;
mod zone;

use serde_json::{Map, Value};

pub use admission::AdmissionSettings;
pub use check::{MAX_ERRORS, SettingError};
pub use digit_map::{cuts_short, dialled};
pub use explain::{Explained, explain};
pub use given_keys::{Delivery, GivenKeys, KeyName, NamedKey, Over, Wish};
pub use model::{
    Access, AlertTone, Backup, Calls, DialPlan, Directory, Display, Expansion, FeatureCodes,
    Firmware, Intercom, Key, Ldap, Line, Lock, MulticastGroup, Nat, Network, OutboundProxy,
    PhoneBook, Provisioning, Qos, Ring, Rtp, Settings, Sip, Stun, Syslog, Time, Trust, Vlan, Vpn,
    Wifi,
};
pub use read::{Fields, Read};
pub use resolve::{Stack, UnreadableLayer, resolve};
pub(crate) use rule::{is_family, is_parameter};
pub use url::Url;
pub use value::{
    AdmissionMode, CallerIdSource, Codec, Contradictions, DateFormat, Dtmf, EncryptionFormat,
    ExpiredCertificates, FileEncryption, HourFormat, KeyType, LdapSecurity, Secret, SharedLine,
    Srtp, SyslogLevel, TokenInUrl, Transport, VendorValue, WifiSecurity,
};
pub use written::{KEPT, Written};
pub use zone::{Change, Daylight, Zone};

use schema::{Field, Kind, is_secret_parameter};

/// One layer: a partial settings document that passed [`Layer::parse`].
///
/// Kept as compact JSON text in the schema's own order, so that equal layers
/// are equal bytes and a million phones' layers are one small allocation each.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Layer(Option<Box<str>>);

impl std::fmt::Debug for Layer {
    /// Settings hold passwords: only the size is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({} bytes)", self.0.as_deref().map_or(0, str::len))
    }
}

impl Layer {
    /// A document as a layer. `null` means: not set here.
    ///
    /// # Errors
    /// Every problem of the document, at most [`MAX_ERRORS`].
    pub fn parse(document: &Value) -> Result<Layer, Vec<SettingError>> {
        Layer::default().patched(document)
    }

    /// This layer with `patch` merged into it as RFC 7396 says: a value
    /// replaces, `null` removes, what is left out stays; lists are replaced
    /// whole. A removed value shows the lower layer's again: there is no way
    /// to store "unset whatever is below", only other values over it.
    ///
    /// # Errors
    /// Every problem of the patch, at most [`MAX_ERRORS`].
    pub fn patched(&self, patch: &Value) -> Result<Layer, Vec<SettingError>> {
        let merged = check::merged(schema::document(), &self.to_json(), patch)?;
        let text = Value::Object(merged).to_string();
        if text.len() > schema::MAX_STORED {
            let message =
                format!("must be at most {} bytes, not {}", schema::MAX_STORED, text.len());
            return Err(vec![SettingError { field: String::new(), message }]);
        }
        Ok(Layer::from_stored(&text))
    }

    /// Reads the text a store kept, which is not validated again.
    #[must_use]
    pub fn from_stored(text: &str) -> Layer {
        Layer((!text.is_empty() && text != "{}").then(|| text.into()))
    }

    /// Compact JSON; `{}` when nothing is set. Holds secrets.
    #[must_use]
    pub fn as_stored(&self) -> &str {
        self.0.as_deref().unwrap_or("{}")
    }

    /// Whether the layer sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The document. Holds secrets.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::from_str(self.as_stored()).expect("a layer holds the JSON it was made of")
    }

    /// The document with [`HIDDEN`] in place of every secret: the passwords,
    /// and the raw vendor parameters of [`schema::is_secret_parameter`].
    #[must_use]
    pub fn redacted(&self) -> Value {
        redacted_group(schema::document(), &self.to_json(), None)
    }

    /// The layer as [`Layer::redacted`] shows it. Still a layer: a marker is a text like any other.
    #[must_use]
    pub fn with_markers(&self) -> Layer {
        match self.redacted() {
            Value::Object(fields) if fields.is_empty() => Layer::default(),
            document => Layer::from_stored(&document.to_string()),
        }
    }

    /// Does as [`Layer::redacted`], with [`HIDDEN_CHANGED`] where the secret is
    /// not the one `before` has.
    #[must_use]
    pub fn redacted_against(&self, before: &Layer) -> Value {
        redacted_group(schema::document(), &self.to_json(), Some(&before.to_json()))
    }
}

/// Stands for a secret. [`Layer::parse`] refuses both markers as the
/// value of one, so that a document which was read, edited and written back cannot make
/// it the password.
pub const HIDDEN: &str = "***";

/// Stands for a secret that differs from the one it is compared with.
pub const HIDDEN_CHANGED: &str = "*** (changed)";

fn is_marker(value: &Value) -> bool {
    value == HIDDEN || value == HIDDEN_CHANGED
}

/// `document` without secrets; with `before`, a secret that is not the same
/// there is marked as changed.
fn redacted_group(fields: &[Field], document: &Value, before: Option<&Value>) -> Value {
    let mut shown = Map::new();
    for (name, value) in document.as_object().into_iter().flatten() {
        let Some(field) = fields.iter().find(|field| field.name == name) else { continue };
        let before = before.map(|before| &before[name]);
        shown.insert(name.clone(), redacted(&field.kind, value, before));
    }
    Value::Object(shown)
}

/// `value` without its secrets, as [`redacted_group`].
fn redacted(kind: &Kind, value: &Value, before: Option<&Value>) -> Value {
    match kind {
        Kind::Secret | Kind::Pin => hidden(value, before),
        Kind::Group(fields) => redacted_group(fields, value, before),
        Kind::Numbered { of, .. } => {
            each(value, before, |_, entry, before| redacted_group(of, entry, before))
        }
        Kind::Vendor => each(value, before, |_, family, before| {
            each(family, before, |name, value, before| {
                if is_secret_parameter(name) { hidden(value, before) } else { value.clone() }
            })
        }),
        _ => value.clone(),
    }
}

fn each(
    object: &Value,
    before: Option<&Value>,
    mut show: impl FnMut(&str, &Value, Option<&Value>) -> Value,
) -> Value {
    let entries = object.as_object().into_iter().flatten();
    let shown = entries.map(|(name, value)| {
        (name.clone(), show(name, value, before.map(|before| &before[name.as_str()])))
    });
    Value::Object(shown.collect())
}

fn hidden(value: &Value, before: Option<&Value>) -> Value {
    let changed = before.is_some_and(|before| before != value);
    Value::from(if changed { HIDDEN_CHANGED } else { HIDDEN })
}

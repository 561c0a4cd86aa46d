//! Reads a document without having it in memory: its devices are handed on one by one.

use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_path_to_error::Track;

use super::document::{CompanyEntry, DeviceEntry, Seed, UserEntry, VERSION};
use super::error::ImportError;

/// All of a document but its devices, of which there may be more than memory holds.
#[derive(Debug)]
pub(super) struct Head {
    version: u32,
    pub settings: Option<Box<RawValue>>,
    /// What own passwords of phones are made of.
    pub password_seed: Option<Seed>,
    pub companies: Vec<CompanyEntry>,
    pub users: Vec<UserEntry>,
}

/// Nobody wants more devices; reading ends with an error that nobody sees.
pub(super) struct Enough;

/// Takes a device and its place in the list.
type Each<'a> = &'a mut dyn FnMut(usize, DeviceEntry) -> Result<(), Enough>;

/// Reads a whole document, in which devices may come before what they name.
///
/// # Errors
/// [`ImportError::Shape`] with the place of the first thing that does not belong there;
/// [`ImportError::Read`]; [`ImportError::Version`].
pub(super) fn read(input: impl Read, each: Each<'_>) -> Result<Head, ImportError> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, input));
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let head = DocumentSeed(each).deserialize(tracked);
    let head = head.map_err(|error| ImportError::shape(&track.path().to_string(), error))?;
    json.end().map_err(|error| ImportError::shape(".", error))?;
    if head.version == VERSION { Ok(head) } else { Err(ImportError::Version(head.version)) }
}

const BUFFER: usize = 256 * 1024;

const FIELDS: &[&str] = &["version", "settings", "password_seed", "companies", "users", "devices"];

#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Version,
    Settings,
    PasswordSeed,
    Companies,
    Users,
    Devices,
}

struct DocumentSeed<'a>(Each<'a>);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = Head;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Head, D::Error> {
        deserializer.deserialize_struct("Document", FIELDS, self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exported registry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let (mut version, mut settings, mut password_seed) = (None, None, None);
        let (mut companies, mut users, mut devices) = (None, None, None);
        while let Some(field) = map.next_key::<Field>()? {
            let is_again = match field {
                Field::Version => version.replace(map.next_value()?).is_some(),
                Field::Settings => settings.replace(map.next_value()?).is_some(),
                Field::PasswordSeed => password_seed.replace(map.next_value()?).is_some(),
                Field::Companies => companies.replace(map.next_value()?).is_some(),
                Field::Users => users.replace(map.next_value()?).is_some(),
                Field::Devices => {
                    let list = DeviceList(&mut *self.0);
                    devices.replace(map.next_value_seed(list)?).is_some()
                }
            };
            if is_again {
                return Err(de::Error::duplicate_field(FIELDS[field as usize]));
            }
        }
        Ok(Head {
            version: version.ok_or_else(|| de::Error::missing_field("version"))?,
            settings: settings.unwrap_or_default(),
            password_seed: password_seed.unwrap_or_default(),
            companies: companies.unwrap_or_default(),
            users: users.unwrap_or_default(),
        })
    }
}

struct DeviceList<'a>(Each<'a>);

impl<'de> DeserializeSeed<'de> for DeviceList<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for DeviceList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of devices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(entry) = list.next_element()? {
            (self.0)(at, entry).map_err(|Enough| de::Error::custom("nobody wants the rest"))?;
            at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(document: &str) -> Result<Vec<String>, String> {
        let mut macs = Vec::new();
        let mut each = |at: usize, entry: DeviceEntry| {
            assert_eq!(at, macs.len());
            macs.push(entry.mac);
            Ok(())
        };
        read(document.as_bytes(), &mut each).map_err(|error| error.to_string())?;
        Ok(macs)
    }

    #[test]
    fn devices_are_handed_on_wherever_they_stand() {
        let device = |mac: &str| format!(r#"{{"mac":"{mac}","phone_type":"t","ports":[]}}"#);
        let list = format!("[{},{}]", device("a"), device("b"));
        let before = format!(r#"{{"devices":{list},"version":1}}"#);
        let behind = format!(r#"{{"version":1,"companies":[],"devices":{list}}}"#);
        for document in [before, behind] {
            assert_eq!(devices(&document).unwrap(), ["a", "b"], "{document}");
        }
    }

    #[test]
    fn what_is_missing_or_there_twice_is_said() {
        for (document, said) in [
            ("{}", "the document: missing field `version`"),
            (r#"{"version":1,"devices":[],"devices":[]}"#, "duplicate field `devices`"),
            (r#"{"version":1,"phones":[]}"#, "phones: unknown field `phones`"),
            (r#"{"version":1,"devices":{}}"#, "devices: invalid type: map, expected a list"),
            ("[]", "the document: invalid type: sequence, expected an exported registry"),
            (r#"{"version":1,"devices":[{"mac":"a""#, "EOF while parsing"),
        ] {
            let error = devices(document).unwrap_err();
            assert!(error.contains(said), "{document}: {error}");
        }
    }
}

//! Reads a document without having it in memory: its devices, bans and events are handed on one by one.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use serde_path_to_error::Track;

use super::document::{
    BanEntry, CompanyEntry, DeviceEntry, EventEntry, OLDEST, RemovedEntry, Seed, UserEntry, VERSION,
};
use super::error::ImportError;

/// What is in a list of the document.
pub(super) struct Placed<T> {
    /// The line it begins in, from 1.
    pub line: usize,
    pub entry: T,
}

/// Of what there may be more than memory holds.
pub(super) enum Item {
    Device(DeviceEntry),
    Removed(RemovedEntry),
    Ban(BanEntry),
    Event(EventEntry),
}

/// All the rest of a document.
pub(super) struct Head {
    pub version: u32,
    pub settings: Option<Box<RawValue>>,
    /// What own passwords of phones are made of.
    pub password_seed: Option<Seed>,
    pub companies: Vec<Placed<CompanyEntry>>,
    pub users: Vec<Placed<UserEntry>>,
}

/// Nobody wants more; reading ends with an error that nobody sees.
pub(super) struct Enough;

/// Takes an item and its place in its list.
type Each<'a> = &'a mut dyn FnMut(usize, Placed<Item>) -> Result<(), Enough>;

/// Reads a whole document, in which devices may come before what they name.
///
/// # Errors
/// [`ImportError::Shape`] with the place of the first thing that does not belong there;
/// [`ImportError::Read`]; [`ImportError::Version`].
pub(super) fn read(input: impl Read, each: Each<'_>) -> Result<Head, ImportError> {
    let line = Cell::new(1);
    let input = Lines { input: BufReader::with_capacity(BUFFER, input), line: &line };
    let mut json = serde_json::Deserializer::from_reader(input);
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let head = DocumentSeed { each, line: &line }.deserialize(tracked);
    let head = head.map_err(|error| ImportError::shape(&track.path().to_string(), error))?;
    json.end().map_err(|error| ImportError::shape(".", error))?;
    match head.version {
        OLDEST..=VERSION => Ok(head),
        other => Err(ImportError::Version(other)),
    }
}

const BUFFER: usize = 256 * 1024;

/// Counts lines as they are read, which JSON is byte by byte.
struct Lines<'a, R> {
    input: BufReader<R>,
    line: &'a Cell<usize>,
}

impl<R: Read> Read for Lines<'_, R> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A byte of what was read ahead, which is nearly each: it takes a third of the time of an
        // import already.
        if let ([wanted], [byte, ..]) = (&mut *buffer, self.input.buffer()) {
            *wanted = *byte;
            self.line.set(self.line.get() + usize::from(*byte == b'\n'));
            self.input.consume(1);
            return Ok(1);
        }
        let read = self.input.read(buffer)?;
        let ends = buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        self.line.set(self.line.get() + ends);
        Ok(read)
    }
}

const FIELDS: &[&str] = &[
    "version",
    "settings",
    "password_seed",
    "companies",
    "users",
    "devices",
    "removed",
    "bans",
    "events",
];

#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Version,
    Settings,
    PasswordSeed,
    Companies,
    Users,
    Devices,
    Removed,
    Bans,
    Events,
}

struct DocumentSeed<'a> {
    each: Each<'a>,
    line: &'a Cell<usize>,
}

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
        let DocumentSeed { each, line } = self;
        let (mut version, mut settings, mut password_seed) = (None, None, None);
        let (mut companies, mut users) = (Vec::new(), Vec::new());
        let mut seen = [false; FIELDS.len()];
        while let Some(field) = map.next_key::<Field>()? {
            if std::mem::replace(&mut seen[field as usize], true) {
                return Err(de::Error::duplicate_field(FIELDS[field as usize]));
            }
            match field {
                Field::Version => version = Some(map.next_value()?),
                Field::Settings => settings = map.next_value()?,
                Field::PasswordSeed => password_seed = map.next_value()?,
                Field::Companies => {
                    map.next_value_seed(List::new("companies", line, |_, company| {
                        companies.push(company);
                        Ok(())
                    }))?;
                }
                Field::Users => {
                    map.next_value_seed(List::new("users", line, |_, user| {
                        users.push(user);
                        Ok(())
                    }))?;
                }
                Field::Devices => {
                    map.next_value_seed(List::items("devices", line, Item::Device, each))?;
                }
                Field::Removed => {
                    map.next_value_seed(List::items("removed devices", line, Item::Removed, each))?;
                }
                Field::Bans => {
                    map.next_value_seed(List::items("bans", line, Item::Ban, each))?;
                }
                Field::Events => {
                    map.next_value_seed(List::items("events", line, Item::Event, each))?;
                }
            }
        }
        let version = version.ok_or_else(|| de::Error::missing_field("version"))?;
        Ok(Head { version, settings, password_seed, companies, users })
    }
}

/// A list whose entries are taken one by one.
struct List<'a, T, F> {
    what: &'static str,
    line: &'a Cell<usize>,
    each: F,
    entries: PhantomData<T>,
}

impl<'a, T, F: FnMut(usize, Placed<T>) -> Result<(), Enough>> List<'a, T, F> {
    fn new(what: &'static str, line: &'a Cell<usize>, each: F) -> List<'a, T, F> {
        List { what, line, each, entries: PhantomData }
    }
}

impl<T> List<'_, T, ()> {
    fn items<'a>(
        what: &'static str,
        line: &'a Cell<usize>,
        item: impl Fn(T) -> Item,
        each: Each<'_>,
    ) -> List<'a, T, impl FnMut(usize, Placed<T>) -> Result<(), Enough>> {
        List::new(what, line, move |at, Placed { line, entry }| {
            each(at, Placed { line, entry: item(entry) })
        })
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(usize, Placed<T>) -> Result<(), Enough>>
    DeserializeSeed<'de> for List<'_, T, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(usize, Placed<T>) -> Result<(), Enough>> Visitor<'de>
    for List<'_, T, F>
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(entry) = list.next_element_seed(PlacedSeed(self.line, PhantomData))? {
            (self.each)(at, entry).map_err(|Enough| de::Error::custom("nobody wants the rest"))?;
            at += 1;
        }
        Ok(())
    }
}

/// An entry, with the line it begins in.
struct PlacedSeed<'a, T>(&'a Cell<usize>, PhantomData<T>);

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for PlacedSeed<'_, T> {
    type Value = Placed<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Placed<T>, D::Error> {
        // Its first character was looked at.
        let line = self.0.get();
        Ok(Placed { line, entry: T::deserialize(deserializer)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(document: &str) -> Result<Vec<String>, String> {
        let mut macs = Vec::new();
        let mut each = |at: usize, item: Placed<Item>| {
            let Item::Device(entry) = item.entry else { panic!("there are devices only") };
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
    fn each_is_told_the_line_it_begins_in() {
        let mut lines = Vec::new();
        let mut each = |_, item: Placed<Item>| {
            lines.push(item.line);
            Ok(())
        };
        let device =
            |mac: &str| format!("{{\"mac\":\"{mac}\",\n\"phone_type\":\"t\",\"ports\":[]}}");
        let event = r#"{"at":1,"who":"a","action":"create","subject":"phone"}"#;
        let (first, second) = (device("a"), device("b"));
        let document = format!(
            "{{\n\"version\":1,\"devices\":[\n{first},\n\n{second}],\n\"events\":[{event},\n{event}]\n}}"
        );
        assert!(read(document.as_bytes(), &mut each).is_ok());
        assert_eq!(lines, [3, 6, 8, 9]);
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

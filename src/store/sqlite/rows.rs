//! Between rows and the domain's values.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU64;

use ipnet::IpNet;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row};

use super::database::open;
use super::error::bad_row;
use crate::domain::admission::AdmissionState;
use crate::domain::settings::{Layer, Written};
use crate::domain::{
    Ban, Claims, Company, CompanyId, Device, Event, EventId, Mac, PasswordSeed, Phone, Port,
    Revision, Sighting, State, Timestamp, TypeKey, Waiting,
};
use crate::store::SystemSettings;
use crate::store::at_rest::{Cell, Cipher};
use crate::store::encoding::shared;
pub(super) use crate::store::encoding::{
    admission_text, bits, claims_text, mac_bits, name_of, named, written_text,
};

/// What [`written_text`] made.
pub(super) fn written(row: &Row<'_>, column: usize, mac: Mac) -> Result<Written> {
    match optional_text(row, column)? {
        None => Ok(Written::default()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| bad_row(&format!("device {mac}"), "written", error)),
    }
}

/// A moment as SQLite keeps it: its seconds.
impl ToSql for Timestamp {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.seconds().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Timestamp> {
        i64::column_result(value).map(Timestamp::from_seconds)
    }
}

/// The columns of a sighting; all NULL when there is none.
#[derive(Default)]
pub(super) struct SightingColumns<'a> {
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub address: Option<String>,
    pub user_agent: Option<&'a str>,
    pub type_guess: Option<&'a str>,
    pub firmware: Option<&'a str>,
    pub certificate: Option<&'a str>,
}

impl<'a> From<&'a Sighting> for SightingColumns<'a> {
    fn from(sighting: &'a Sighting) -> SightingColumns<'a> {
        SightingColumns {
            first: Some(sighting.first),
            last: Some(sighting.last),
            address: Some(sighting.address.to_string()),
            user_agent: Some(&sighting.user_agent),
            type_guess: sighting.type_guess.as_ref().map(TypeKey::as_str),
            firmware: sighting.firmware.as_deref(),
            certificate: sighting.certificate.as_deref(),
        }
    }
}

impl SightingColumns<'_> {
    /// The values in the order of the columns.
    pub(super) fn values(&self) -> [&dyn ToSql; 7] {
        [
            &self.first,
            &self.last,
            &self.address,
            &self.user_agent,
            &self.type_guess,
            &self.firmware,
            &self.certificate,
        ]
    }
}

/// Ports have 10 bits behind those of the MAC.
const PORT_BITS: u32 = 10;
const _: () = assert!(Port::MAX < 1 << PORT_BITS);

/// The key of a phone: its device's MAC and then its port.
pub(super) fn id_of(mac: Mac, port: Port) -> i64 {
    bits(mac.bits() << PORT_BITS) | i64::from(port.number())
}

/// What [`id_of`] was made of; no port where it is none.
pub(super) fn phone_of(id: i64) -> (Mac, Option<Port>) {
    let number = id & ((1 << PORT_BITS) - 1);
    let port = u16::try_from(number).ok().and_then(Port::new);
    (Mac::from_bits((id >> PORT_BITS).cast_unsigned()), port)
}

/// The first and the last key the phones of a device can have.
pub(super) fn ids_of(mac: Mac) -> (i64, i64) {
    let first = bits(mac.bits() << PORT_BITS);
    (first, first | ((1 << PORT_BITS) - 1))
}

/// Reads devices and their phones from rows; equal types and companies of one reader share
/// their text.
pub(super) struct DeviceReader<'a> {
    cipher: &'a Cipher,
    types: HashMap<Box<str>, TypeKey>,
    companies: HashMap<Box<str>, CompanyId>,
}

impl<'a> DeviceReader<'a> {
    pub(super) fn new(cipher: &'a Cipher) -> DeviceReader<'a> {
        DeviceReader { cipher, types: HashMap::new(), companies: HashMap::new() }
    }

    /// The columns of a device, in the order they are read.
    pub(super) const DEVICE: &'static str = "mac, type, waiting, created, first_seen, last_seen, address, \
                              user_agent, type_guess, firmware, certificate, changed, revision, \
                              claims, served, written, admission";
    /// The columns of a phone, in the order they are read.
    pub(super) const PHONE: &'static str = "id, company, created, name, settings";

    /// A device, still without the phones that have rows of their own.
    pub(super) fn device(&mut self, row: &Row<'_>) -> Result<Device> {
        let mac = Mac::from_bits(row.get::<_, i64>(0)?.cast_unsigned());
        let bad = |column: &str, why: &dyn std::fmt::Display| {
            bad_row(&format!("device {mac}"), column, why)
        };
        let phone_type = shared(&mut self.types, text(row, 1)?).map_err(|e| bad("type", &e))?;
        let waiting = match row.get::<_, Option<i64>>(2)? {
            None => None,
            Some(ports) => Some(Waiting {
                ports: u16::try_from(ports).map_err(|e| bad("waiting", &e))?,
                created: row.get(3)?,
            }),
        };
        let sighting = match row.get(4)? {
            None => None,
            Some(first) => Some(Sighting {
                first,
                last: row.get(5)?,
                address: text(row, 6)?.parse::<IpAddr>().map_err(|e| bad("address", &e))?,
                user_agent: row.get(7)?,
                type_guess: optional_text(row, 8)?
                    .map(|guess| shared(&mut self.types, guess))
                    .transpose()
                    .map_err(|e| bad("type_guess", &e))?,
                firmware: row.get(9)?,
                certificate: row.get(10)?,
            }),
        };
        Ok(Device {
            mac,
            phone_type,
            waiting,
            phones: BTreeMap::new(),
            sighting,
            changed: row.get(11)?,
            revision: revision(row, 12)?,
            claims: match optional_text(row, 13)? {
                None => Claims::default(),
                Some(text) => serde_json::from_str(text).map_err(|e| bad("claims", &e))?,
            },
            served: row.get(14)?,
            written: written(row, 15, mac)?,
            admission: match optional_text(row, 16)? {
                None => AdmissionState::default(),
                Some(text) => {
                    let text = open(self.cipher, Cell::Admission(mac), text)?;
                    serde_json::from_str(&text).map_err(|e| bad("admission", &e))?
                }
            },
        })
    }

    /// A phone, and the device it belongs to.
    pub(super) fn phone(&mut self, row: &Row<'_>) -> Result<(Mac, Port, Phone)> {
        let id = row.get::<_, i64>(0)?;
        let (mac, port) = phone_of(id);
        let number = id & ((1 << PORT_BITS) - 1);
        let bad = |column: &str, why: &dyn std::fmt::Display| {
            bad_row(&format!("phone {mac}{number}"), column, why)
        };
        let state = match optional_text(row, 1)? {
            None => State::Inactive,
            Some(id) => {
                State::Active(shared(&mut self.companies, id).map_err(|e| bad("company", &e))?)
            }
        };
        let port = port.ok_or_else(|| bad("port", &"above 999"))?;
        let settings = open(self.cipher, Cell::PhoneSettings(mac, port), text(row, 4)?)?;
        let phone = Phone {
            state,
            created: row.get(2)?,
            name: row.get(3)?,
            settings: Layer::from_stored(&settings),
        };
        Ok((mac, port, phone))
    }
}

/// Columns `id, name, settings, created, changed, revision, instance`.
pub(super) fn company(cipher: &Cipher, row: &Row<'_>) -> Result<Company> {
    let id = text(row, 0)?;
    let settings = open(cipher, Cell::CompanySettings(id), text(row, 2)?)?;
    Ok(Company {
        id: id.parse().map_err(|e| bad_row(&format!("company {id:?}"), "id", e))?,
        name: row.get(1)?,
        settings: Layer::from_stored(&settings),
        created: row.get(3)?,
        changed: row.get(4)?,
        revision: revision(row, 5)?,
        instance: row
            .get::<_, Option<i64>>(6)?
            .and_then(|bits| NonZeroU64::new(bits.cast_unsigned())),
    })
}

/// Columns `settings, changed, revision, secret`.
pub(super) fn system(cipher: &Cipher, row: &Row<'_>) -> Result<SystemSettings> {
    let settings = open(cipher, Cell::SystemSettings, text(row, 0)?)?;
    let seed = optional_text(row, 3)?;
    let seed = seed.map(|seed| open(cipher, Cell::PasswordSeed, seed)).transpose()?;
    Ok(SystemSettings {
        settings: Layer::from_stored(&settings),
        changed: row.get(1)?,
        revision: revision(row, 2)?,
        password_seed: match seed {
            None => None,
            Some(text) => Some(
                PasswordSeed::from_exposed(&text)
                    .ok_or_else(|| bad_row("the system settings", "secret", "not 64 hex digits"))?,
            ),
        },
    })
}

/// Columns `id, at, who, address, action, subject, name, company, before, after`.
pub(super) fn event(row: &Row<'_>) -> Result<Event> {
    let id: i64 = row.get(0)?;
    let bad =
        |column: &str, why: &dyn std::fmt::Display| bad_row(&format!("event {id}"), column, why);
    Ok(Event {
        id: EventId(id.cast_unsigned()),
        at: row.get(1)?,
        who: row.get(2)?,
        from: row.get(3)?,
        action: named(text(row, 4)?).map_err(|e| bad("action", &e))?,
        subject: named(text(row, 5)?).map_err(|e| bad("subject", &e))?,
        name: row.get(6)?,
        company: row.get(7)?,
        before: serde_json::from_str(text(row, 8)?).map_err(|e| bad("before", &e))?,
        after: serde_json::from_str(text(row, 9)?).map_err(|e| bad("after", &e))?,
    })
}

/// Columns `network, since, until, times, told, revision`.
pub(super) fn ban(row: &Row<'_>) -> Result<Ban> {
    let written = text(row, 0)?;
    let ban = Ban {
        network: network(written)?,
        since: row.get(1)?,
        until: row.get(2)?,
        times: row.get(3)?,
        reason: String::new(),
        made_by: String::new(),
        evidence: Vec::new(),
        revision: revision(row, 5)?,
    };
    ban.with_told(text(row, 4)?).map_err(|e| bad_row(&format!("ban {written:?}"), "told", e))
}

pub(super) fn network(text: &str) -> Result<IpNet> {
    text.parse().map_err(|e| bad_row(&format!("ban {text:?}"), "network", e))
}

pub(super) fn bad_user(id: i64, column: &str, why: &dyn std::fmt::Display) -> rusqlite::Error {
    bad_row(&format!("user {id}"), column, why)
}

pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}

pub(super) fn revision(row: &Row<'_>, column: usize) -> Result<Revision> {
    Ok(Revision(row.get::<_, i64>(column)?.cast_unsigned()))
}

pub(super) fn optional_text<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a str>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        value => Ok(Some(value.as_str()?)),
    }
}

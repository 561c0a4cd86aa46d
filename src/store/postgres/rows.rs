//! Between rows and the domain's values.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU64;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::error::{Failure, bad_row};
use crate::domain::admission::AdmissionState;
use crate::domain::settings::{Layer, Written};
use crate::domain::{
    ApiKeyHash, Ban, Claims, Company, CompanyId, Device, Event, EventId, Mac, PasswordSeed, Phone,
    Port, Revision, SecondFactor, Sighting, State, Timestamp, TypeKey, User, UserId, Waiting,
};
use crate::store::SystemSettings;
use crate::store::at_rest::{Cell, Cipher};
use crate::store::encoding::{named, shared};

/// A column, by its place.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Failure> {
    Ok(row.try_get(column)?)
}

pub(super) fn revision(row: &Row, column: usize) -> Result<Revision, Failure> {
    Ok(Revision(number(row, column)?))
}

/// The 64 bits of a number.
pub(super) fn number(row: &Row, column: usize) -> Result<u64, Failure> {
    Ok(get::<i64>(row, column)?.cast_unsigned())
}

pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_seconds(get(row, column)?))
}

pub(super) fn mac(row: &Row, column: usize) -> Result<Mac, Failure> {
    Ok(Mac::from_bits(number(row, column)?))
}

fn optional_time(row: &Row, column: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_seconds))
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

    /// A device, still without the phones that have rows of their own. Columns `mac, type, waiting,
    /// created, first_seen, last_seen, address, user_agent, type_guess, firmware, certificate,
    /// changed, revision, claims, served, written, admission`.
    pub(super) fn device(&mut self, row: &Row) -> Result<Device, Failure> {
        let mac = mac(row, 0)?;
        let bad = |column: &str, why: &dyn std::fmt::Display| {
            bad_row(&format!("device {mac}"), column, why)
        };
        let phone_type = shared(&mut self.types, get(row, 1)?).map_err(|e| bad("type", &e))?;
        let waiting = match get::<Option<i32>>(row, 2)? {
            None => None,
            Some(ports) => Some(Waiting {
                ports: u16::try_from(ports).map_err(|e| bad("waiting", &e))?,
                created: time(row, 3)?,
            }),
        };
        let sighting = match optional_time(row, 4)? {
            None => None,
            Some(first) => Some(Sighting {
                first,
                last: time(row, 5)?,
                address: get::<&str>(row, 6)?.parse::<IpAddr>().map_err(|e| bad("address", &e))?,
                user_agent: get(row, 7)?,
                type_guess: get::<Option<&str>>(row, 8)?
                    .map(|guess| shared(&mut self.types, guess))
                    .transpose()
                    .map_err(|e| bad("type_guess", &e))?,
                firmware: get(row, 9)?,
                certificate: get(row, 10)?,
            }),
        };
        Ok(Device {
            mac,
            phone_type,
            waiting,
            phones: BTreeMap::new(),
            sighting,
            changed: time(row, 11)?,
            revision: revision(row, 12)?,
            claims: match get::<Option<&str>>(row, 13)? {
                None => Claims::default(),
                Some(text) => serde_json::from_str(text).map_err(|e| bad("claims", &e))?,
            },
            served: optional_time(row, 14)?,
            written: written(row, 15, mac)?,
            admission: match get::<Option<&str>>(row, 16)? {
                None => AdmissionState::default(),
                Some(text) => {
                    let text = self.cipher.open(Cell::Admission(mac), text)?;
                    serde_json::from_str(&text).map_err(|e| bad("admission", &e))?
                }
            },
        })
    }

    /// A phone, and the device it belongs to. Columns `mac, port, company, created, name,
    /// settings`.
    pub(super) fn phone(&mut self, row: &Row) -> Result<(Mac, Port, Phone), Failure> {
        let (mac, number) = (mac(row, 0)?, get::<i32>(row, 1)?);
        let bad = |column: &str, why: &dyn std::fmt::Display| {
            bad_row(&format!("phone {mac}{number}"), column, why)
        };
        let port = u16::try_from(number).ok().and_then(Port::new);
        let state = match get::<Option<&str>>(row, 2)? {
            None => State::Inactive,
            Some(id) => {
                State::Active(shared(&mut self.companies, id).map_err(|e| bad("company", &e))?)
            }
        };
        let port = port.ok_or_else(|| bad("port", &"above 999"))?;
        let settings = self.cipher.open(Cell::PhoneSettings(mac, port), get(row, 5)?)?;
        let phone = Phone {
            state,
            created: time(row, 3)?,
            name: get(row, 4)?,
            settings: Layer::from_stored(&settings),
        };
        Ok((mac, port, phone))
    }
}

/// What the files of a device have set.
pub(super) fn written(row: &Row, column: usize, mac: Mac) -> Result<Written, Failure> {
    match get::<Option<&str>>(row, column)? {
        None => Ok(Written::default()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| bad_row(&format!("device {mac}"), "written", error)),
    }
}

/// Columns `id, name, settings, created, changed, revision, instance`.
pub(super) fn company(cipher: &Cipher, row: &Row) -> Result<Company, Failure> {
    let id: &str = get(row, 0)?;
    let settings = cipher.open(Cell::CompanySettings(id), get(row, 2)?)?;
    Ok(Company {
        id: id.parse().map_err(|e| bad_row(&format!("company {id:?}"), "id", e))?,
        name: get(row, 1)?,
        settings: Layer::from_stored(&settings),
        created: time(row, 3)?,
        changed: time(row, 4)?,
        revision: revision(row, 5)?,
        instance: get::<Option<i64>>(row, 6)?
            .and_then(|bits| NonZeroU64::new(bits.cast_unsigned())),
    })
}

/// Columns `id, login, name, role, company, password_hash, created, revision, companies, keys,
/// second_factor`.
pub(super) fn user(cipher: &Cipher, row: &Row) -> Result<User, Failure> {
    let id = UserId(number(row, 0)?);
    let bad =
        |column: &str, why: &dyn std::fmt::Display| bad_row(&format!("user {id}"), column, why);
    let company = |text: &str| text.parse::<CompanyId>().map_err(|e| bad("company", &e));
    let keys: Vec<&[u8]> = get(row, 9)?;
    let hash = |key: &[u8]| key.try_into().map(ApiKeyHash).map_err(|e| bad("key", &e));
    let password_hash = get::<Option<&str>>(row, 5)?;
    let password_hash =
        password_hash.map(|hash| cipher.open(Cell::PasswordHash(id), hash)).transpose()?;
    let second_factor = get::<Option<&str>>(row, 10)?;
    let second_factor =
        second_factor.map(|text| cipher.open(Cell::SecondFactor(id), text)).transpose()?;
    Ok(User {
        id,
        login: get(row, 1)?,
        name: get(row, 2)?,
        role: named(get(row, 3)?).map_err(|e| bad("role", &e))?,
        company: get::<Option<&str>>(row, 4)?.map(company).transpose()?,
        admin_companies: get::<Vec<&str>>(row, 8)?
            .into_iter()
            .map(company)
            .collect::<Result<_, _>>()?,
        password_hash: password_hash.map(Cow::into_owned),
        key_hashes: keys.into_iter().map(hash).collect::<Result<_, _>>()?,
        second_factor: second_factor
            .map(|text| {
                SecondFactor::from_exposed(&text)
                    .ok_or_else(|| bad("second_factor", &"is none that this version writes"))
            })
            .transpose()?,
        created: time(row, 6)?,
        revision: revision(row, 7)?,
    })
}

/// Columns `settings, changed, revision, secret`.
pub(super) fn system(cipher: &Cipher, row: &Row) -> Result<SystemSettings, Failure> {
    let settings = cipher.open(Cell::SystemSettings, get(row, 0)?)?;
    let seed = get::<Option<&str>>(row, 3)?;
    let seed = seed.map(|seed| cipher.open(Cell::PasswordSeed, seed)).transpose()?;
    Ok(SystemSettings {
        settings: Layer::from_stored(&settings),
        changed: time(row, 1)?,
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

/// Columns `network, since, until, times, told, revision`.
pub(super) fn ban(row: &Row) -> Result<Ban, Failure> {
    let written: &str = get(row, 0)?;
    let bad = |column: &str, why: &dyn std::fmt::Display| {
        bad_row(&format!("ban {written:?}"), column, why)
    };
    let ban = Ban {
        network: written.parse().map_err(|e| bad("network", &e))?,
        since: time(row, 1)?,
        until: time(row, 2)?,
        times: u32::try_from(get::<i64>(row, 3)?).map_err(|e| bad("times", &e))?,
        reason: String::new(),
        made_by: String::new(),
        evidence: Vec::new(),
        revision: revision(row, 5)?,
    };
    ban.with_told(get(row, 4)?).map_err(|e| bad("told", &e))
}

/// Columns `id, at, who, address, action, subject, name, company, before, after`.
pub(super) fn event(row: &Row) -> Result<Event, Failure> {
    let id = EventId(number(row, 0)?);
    let bad = |column: &str, why: &dyn std::fmt::Display| {
        bad_row(&format!("event {}", id.0), column, why)
    };
    Ok(Event {
        id,
        at: time(row, 1)?,
        who: get(row, 2)?,
        from: get(row, 3)?,
        action: named(get(row, 4)?).map_err(|e| bad("action", &e))?,
        subject: named(get(row, 5)?).map_err(|e| bad("subject", &e))?,
        name: get(row, 6)?,
        company: get(row, 7)?,
        before: serde_json::from_str(get(row, 8)?).map_err(|e| bad("before", &e))?,
        after: serde_json::from_str(get(row, 9)?).map_err(|e| bad("after", &e))?,
    })
}

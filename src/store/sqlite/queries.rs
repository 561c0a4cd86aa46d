//! What is read: devices, companies and users, what changed, catalogues.

use std::borrow::Cow;
use std::collections::HashMap;

use ipnet::IpNet;
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::database::{self, Database};
use super::ledger::{self, Ledger, Object};
use super::rows::{self, DeviceReader, mac_bits, revision, text};
use crate::domain::settings::Written;
use crate::domain::{
    ApiKeyHash, Ban, Company, CompanyId, Device, Mac, Revision, SecondFactor, Timestamp, User,
    UserId,
};
use crate::store::at_rest::{Cell, Cipher};
use crate::store::{Change, Changes, SystemSettings, Tenancy};

/// The devices behind `after` (`None`: from the first), in order of MAC, at most `limit`.
pub(super) fn devices_after(
    conn: &Database,
    after: Option<Mac>,
    limit: usize,
) -> Result<Vec<Device>> {
    let mut reader = DeviceReader::new(conn.cipher());
    let columns = DeviceReader::DEVICE;
    let sql = format!("SELECT {columns} FROM device WHERE mac > ?1 ORDER BY mac LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let after = after.map_or(-1, mac_bits);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_and_then([after, limit], |row| reader.device(row))?;
    let mut devices = rows.collect::<Result<Vec<Device>>>()?;
    if let [first, .., last] | [first @ last] = &devices[..] {
        let (first, last) = (rows::ids_of(first.mac).0, rows::ids_of(last.mac).1);
        add_phones(conn, &mut reader, &mut devices, first, last)?;
    }
    Ok(devices)
}

pub(super) fn device(conn: &Database, mac: Mac) -> Result<Option<Device>> {
    let mut reader = DeviceReader::new(conn.cipher());
    let sql = format!("SELECT {} FROM device WHERE mac = ?1", DeviceReader::DEVICE);
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([mac_bits(mac)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut device = [reader.device(row)?];
    let (first, last) = rows::ids_of(mac);
    add_phones(conn, &mut reader, &mut device, first, last)?;
    let [device] = device;
    Ok(Some(device))
}

/// Those that there are of `macs`, which are in order.
pub(super) fn devices(conn: &Database, macs: &[Mac]) -> Result<Vec<Device>> {
    macs.iter().filter_map(|&mac| device(conn, mac).transpose()).collect()
}

/// What files had set in a device that was removed.
pub(super) fn left_in(conn: &Database, mac: Mac) -> Result<Written> {
    let sql = "SELECT written FROM left_in_device WHERE mac = ?1";
    let read = |row: &rusqlite::Row<'_>| rows::written(row, 0, mac);
    Ok(conn.prepare_cached(sql)?.query_row([mac_bits(mac)], read).optional()?.unwrap_or_default())
}

/// What files had set in devices that were removed, in order of MAC.
pub(super) fn left_after(
    conn: &Database,
    after: Option<Mac>,
    limit: usize,
) -> Result<Vec<(Mac, Written)>> {
    let sql = "SELECT mac, written FROM left_in_device WHERE mac > ?1 ORDER BY mac LIMIT ?2";
    let read = |row: &rusqlite::Row<'_>| {
        let mac = Mac::from_bits(row.get::<_, i64>(0)?.cast_unsigned());
        Ok((mac, rows::written(row, 1, mac)?))
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let first = after.map_or(-1, mac_bits);
    conn.prepare_cached(sql)?.query_and_then((first, limit), read)?.collect()
}

/// Gives the devices, which are in order, their phones with ids from `first` to `last`.
fn add_phones(
    conn: &Database,
    reader: &mut DeviceReader<'_>,
    devices: &mut [Device],
    first: i64,
    last: i64,
) -> Result<()> {
    let columns = DeviceReader::PHONE;
    let sql = format!("SELECT {columns} FROM phone WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut phones = statement.query([first, last])?;
    let mut devices = devices.iter_mut().peekable();
    while let Some(row) = phones.next()? {
        let (mac, port, phone) = reader.phone(row)?;
        while devices.next_if(|device| device.mac < mac).is_some() {}
        if let Some(device) = devices.peek_mut().filter(|device| device.mac == mac) {
            device.phones.insert(port, phone);
        }
    }
    Ok(())
}

/// What changed after `after`, see [`Store::changes`](crate::store::Store::changes).
pub(super) fn changes(conn: &Database, after: Revision, limit: usize) -> Result<Changes> {
    let ledger = Ledger::read(conn)?;
    if after < ledger.forgotten {
        return Ok(Changes::TooFarBehind);
    }
    if after >= ledger.head {
        return Ok(Changes::Page(Vec::new(), after));
    }
    let first = ledger::ids_of(after).1 + 1;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "SELECT max(id) FROM (SELECT id FROM change WHERE id >= ?1 ORDER BY id LIMIT ?2)";
    let last: Option<i64> =
        conn.prepare_cached(sql)?.query_one([first, limit], |row| row.get(0))?;
    let Some(last) = last else { return Ok(Changes::Page(Vec::new(), ledger.head)) };
    let end = ledger::revision_of(last);
    let newest = ledger::objects_between(conn, first, ledger::ids_of(end).1)?;
    // Companies, users and settings are few and change seldom.
    let is_many = |object: &Object| matches!(object, Object::Device(_) | Object::Ban(_));
    let all_many = newest.iter().all(|(_, object)| is_many(object));
    let tenancy = if all_many { Tenancy::default() } else { tenancy(conn)? };
    let changes = newest.into_iter().map(|(revision, object)| {
        let object =
            tenancy.changed(object, |mac| device(conn, mac), |network| ban(conn, network))?;
        Ok(Change { revision: object.revision().unwrap_or(revision), object })
    });
    Ok(Changes::Page(changes.collect::<Result<_>>()?, end))
}

/// The columns that [`rows::ban`] reads.
macro_rules! bans {
    ($which:literal) => {
        concat!("SELECT network, since, until, times, told, revision FROM ban ", $which)
    };
}

/// The ban of a network.
pub(super) fn ban(conn: &Connection, network: IpNet) -> Result<Option<Ban>> {
    let mut statement = conn.prepare_cached(bans!("WHERE network = ?1"))?;
    statement.query_and_then([network.to_string()], rows::ban)?.next().transpose()
}

/// The bans behind `after`, in order of their text, at most `limit`.
pub(super) fn bans_after(
    conn: &Connection,
    after: Option<IpNet>,
    limit: usize,
) -> Result<Vec<Ban>> {
    let sql = bans!("WHERE network > ?1 ORDER BY network LIMIT ?2");
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.prepare_cached(sql)?.query_and_then((after, limit), rows::ban)?.collect()
}

/// Companies in order of id, users in order of number.
pub(super) fn tenancy(conn: &Database) -> Result<Tenancy> {
    let sql =
        "SELECT id, name, settings, created, changed, revision, instance FROM company ORDER BY id";
    let companies: Result<Vec<Company>> = conn
        .prepare_cached(sql)?
        .query_and_then([], |row| rows::company(conn.cipher(), row))?
        .collect();
    let sql = "SELECT settings, changed, revision, secret FROM system";
    let system: Option<SystemSettings> = conn
        .prepare_cached(sql)?
        .query_and_then([], |row| rows::system(conn.cipher(), row))?
        .next()
        .transpose()?;
    Ok(Tenancy {
        companies: companies?,
        users: users(conn)?,
        system: system.unwrap_or_default(),
        head: Ledger::read(conn)?.head,
    })
}

fn users(conn: &Database) -> Result<Vec<User>> {
    let mut companies: HashMap<i64, Vec<CompanyId>> = HashMap::new();
    let sql = "SELECT user, company FROM user_company ORDER BY user, position";
    let mut statement = conn.prepare_cached(sql)?;
    let mut listed = statement.query([])?;
    while let Some(row) = listed.next()? {
        let user = row.get(0)?;
        companies.entry(user).or_default().push(company_id(user, text(row, 1)?)?);
    }
    let mut keys: HashMap<i64, Vec<ApiKeyHash>> = HashMap::new();
    let sql = "SELECT user, hash FROM user_key ORDER BY user, position";
    let mut statement = conn.prepare_cached(sql)?;
    let mut listed = statement.query([])?;
    while let Some(row) = listed.next()? {
        keys.entry(row.get(0)?).or_default().push(ApiKeyHash(row.get(1)?));
    }
    let sql = "SELECT id, login, name, role, company, password_hash, created, revision, \
               second_factor FROM user ORDER BY id";
    let mut statement = conn.prepare_cached(sql)?;
    let users = statement.query_and_then([], |row| {
        let id: i64 = row.get(0)?;
        let user_id = UserId(id.cast_unsigned());
        let company: Option<String> = row.get(4)?;
        Ok(User {
            id: UserId(id.cast_unsigned()),
            login: row.get(1)?,
            name: row.get(2)?,
            role: rows::named(text(row, 3)?).map_err(|e| rows::bad_user(id, "role", &e))?,
            company: company.map(|company| company_id(id, &company)).transpose()?,
            admin_companies: companies.remove(&id).unwrap_or_default(),
            password_hash: sealed_text(conn.cipher(), row, 5, Cell::PasswordHash(user_id))?,
            key_hashes: keys.remove(&id).unwrap_or_default(),
            second_factor: match sealed_text(conn.cipher(), row, 8, Cell::SecondFactor(user_id))? {
                None => None,
                Some(text) => Some(SecondFactor::from_exposed(&text).ok_or_else(|| {
                    rows::bad_user(id, "second_factor", &"is none that this version writes")
                })?),
            },
            created: row.get(6)?,
            revision: revision(row, 7)?,
        })
    })?;
    users.collect()
}

/// A text that may be sealed; `None` for NULL.
fn sealed_text(
    cipher: &Cipher,
    row: &Row<'_>,
    column: usize,
    cell: Cell<'_>,
) -> Result<Option<String>> {
    let written = rows::optional_text(row, column)?;
    let opened = written.map(|written| database::open(cipher, cell, written)).transpose()?;
    Ok(opened.map(Cow::into_owned))
}

fn company_id(user: i64, text: &str) -> Result<CompanyId> {
    text.parse().map_err(|e| rows::bad_user(user, "company", &e))
}

pub(super) fn catalogue_since(conn: &Database, digest: &str) -> Result<Option<Timestamp>> {
    let sql = "SELECT since FROM catalogue WHERE digest = ?1";
    conn.prepare_cached(sql)?.query_row([digest], |row| row.get(0)).optional()
}

//! What is read: devices, the registry, catalogues.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result};

use super::rows::{self, DeviceReader, revision, text};
use crate::domain::{ApiKeyHash, Company, CompanyId, Device, Mac, Timestamp, User};
use crate::store::{SystemSettings, Tenancy};

/// The devices above `after` (`None`: from the first), in order of MAC, at most `limit`.
pub(super) fn devices_after(
    conn: &Connection,
    after: Option<Mac>,
    limit: usize,
) -> Result<Vec<Device>> {
    let first = after.map_or(0, |mac| rows::ids_of(mac).1 + 1);
    devices(conn, first, i64::MAX, limit)
}

pub(super) fn device(conn: &Connection, mac: Mac) -> Result<Option<Device>> {
    let (first, last) = rows::ids_of(mac);
    Ok(devices(conn, first, last, 1)?.pop())
}

/// The devices with phones from id `first` to `last`, whole, at most `limit`.
fn devices(conn: &Connection, first: i64, last: i64, limit: usize) -> Result<Vec<Device>> {
    let columns = DeviceReader::COLUMNS;
    let sql = format!("SELECT {columns} FROM phone WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut phones = statement.query([first, last])?;
    let mut reader = DeviceReader::default();
    let mut devices: Vec<Device> = Vec::with_capacity(limit);
    while let Some(row) = phones.next()? {
        if devices.last().map(|device| device.mac) != Some(rows::mac(row)?) {
            if devices.len() == limit {
                break;
            }
            devices.push(reader.device(row)?);
        }
        let (port, phone) = reader.phone(row)?;
        if let Some(device) = devices.last_mut() {
            device.ports.insert(port, phone);
        }
    }
    Ok(devices)
}

/// Companies in order of id, users in order of number.
pub(super) fn tenancy(conn: &Connection) -> Result<Tenancy> {
    let sql = "SELECT id, name, settings, created, changed, revision FROM company ORDER BY id";
    let companies: Result<Vec<Company>> =
        conn.prepare_cached(sql)?.query_and_then([], rows::company)?.collect();
    let sql = "SELECT settings, changed, revision FROM system";
    let system: Option<SystemSettings> =
        conn.prepare_cached(sql)?.query_and_then([], rows::system)?.next().transpose()?;
    Ok(Tenancy { companies: companies?, users: users(conn)?, system: system.unwrap_or_default() })
}

fn users(conn: &Connection) -> Result<Vec<User>> {
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
    let sql = "SELECT id, login, name, role, company, password_hash, created, revision \
               FROM user ORDER BY id";
    let mut statement = conn.prepare_cached(sql)?;
    let users = statement.query_and_then([], |row| {
        let id: i64 = row.get(0)?;
        let company: Option<String> = row.get(4)?;
        Ok(User {
            id: id.cast_unsigned(),
            login: row.get(1)?,
            name: row.get(2)?,
            role: rows::named(text(row, 3)?).map_err(|e| rows::bad_user(id, "role", &e))?,
            company: company.map(|company| company_id(id, &company)).transpose()?,
            admin_companies: companies.remove(&id).unwrap_or_default(),
            password_hash: row.get(5)?,
            key_hashes: keys.remove(&id).unwrap_or_default(),
            created: row.get(6)?,
            revision: revision(row, 7)?,
        })
    })?;
    users.collect()
}

fn company_id(user: i64, text: &str) -> Result<CompanyId> {
    text.parse().map_err(|e| rows::bad_user(user, "company", &e))
}

pub(super) fn catalogue_since(conn: &Connection, digest: &str) -> Result<Option<Timestamp>> {
    let sql = "SELECT since FROM catalogue WHERE digest = ?1";
    conn.prepare_cached(sql)?.query_row([digest], |row| row.get(0)).optional()
}

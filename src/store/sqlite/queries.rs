//! What is read: devices, the registry, catalogues.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result};

use super::rows::{self, DeviceReader, bits, revision, text};
use crate::domain::{ApiKeyHash, Company, CompanyId, Device, Mac, Timestamp, User};
use crate::store::{Registry, System};

/// The devices above `after` (`None`: from the first), in order of MAC, at most `limit`.
pub(super) fn devices_after(
    conn: &Connection,
    after: Option<Mac>,
    limit: usize,
) -> Result<Vec<Device>> {
    let first = after.map_or(0, |mac| bits(mac.bits()) + 1);
    devices(conn, first, i64::MAX, limit)
}

pub(super) fn device(conn: &Connection, mac: Mac) -> Result<Option<Device>> {
    let mac = bits(mac.bits());
    Ok(devices(conn, mac, mac, 1)?.pop())
}

/// Walks both tables side by side in order of MAC: a join would repeat the
/// device's columns for every port.
fn devices(conn: &Connection, first: i64, last: i64, limit: usize) -> Result<Vec<Device>> {
    let mut reader = DeviceReader::default();
    let sql = format!(
        "SELECT {} FROM device WHERE mac BETWEEN ?1 AND ?2 ORDER BY mac LIMIT ?3",
        DeviceReader::DEVICE_COLUMNS
    );
    let mut device_rows = conn.prepare_cached(&sql)?;
    let limit_bound = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut device_rows = device_rows.query([first, last, limit_bound])?;
    let sql = format!(
        "SELECT {} FROM phone WHERE mac BETWEEN ?1 AND ?2 ORDER BY mac, port",
        DeviceReader::PHONE_COLUMNS
    );
    let mut phone_rows = conn.prepare_cached(&sql)?;
    let mut phone_rows = phone_rows.query([first, last])?;
    let mut phone = match phone_rows.next()? {
        Some(row) => Some(reader.phone(row)?),
        None => None,
    };
    let mut devices = Vec::new();
    while let Some(row) = device_rows.next()? {
        let mut device = reader.device(row)?;
        while let Some((mac, port, value)) = phone.take_if(|(mac, ..)| *mac <= device.mac) {
            if mac == device.mac {
                device.ports.insert(port, value);
            }
            phone = match phone_rows.next()? {
                Some(row) => Some(reader.phone(row)?),
                None => None,
            };
        }
        devices.push(device);
    }
    Ok(devices)
}

/// Companies in order of id, users in order of number.
pub(super) fn registry(conn: &Connection) -> Result<Registry> {
    let sql = "SELECT id, name, settings, created, changed, revision FROM company ORDER BY id";
    let companies: Result<Vec<Company>> =
        conn.prepare_cached(sql)?.query_and_then([], rows::company)?.collect();
    let sql = "SELECT settings, changed, revision FROM system";
    let system: Option<System> =
        conn.prepare_cached(sql)?.query_and_then([], rows::system)?.next().transpose()?;
    Ok(Registry { companies: companies?, users: users(conn)?, system: system.unwrap_or_default() })
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

//! The writes of devices and their phones.

use rusqlite::{Connection, Result, params};

use super::{Outcome, changed, missing};
use crate::domain::{CompanyId, Device, Mac, Phone, Port, Revision, Sighting, State};
use crate::store::StoreError;
use crate::store::sqlite::rows::{SightingColumns, bits};

pub(super) fn put(conn: &Connection, device: &Device, expect: Option<Revision>) -> Result<Outcome> {
    let mac = bits(device.mac.bits());
    let seen = device.sighting.as_ref().map(SightingColumns::from).unwrap_or_default();
    let sql = match expect {
        None => {
            "INSERT INTO device (mac, type, changed, revision, first_seen, last_seen, address, \
             user_agent, type_guess, firmware, certificate) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (mac) DO NOTHING"
        }
        Some(_) => {
            "UPDATE device SET type = ?2, changed = ?3, revision = ?4, first_seen = ?5, \
             last_seen = ?6, address = ?7, user_agent = ?8, type_guess = ?9, firmware = ?10, \
             certificate = ?11 WHERE mac = ?1 AND revision = ?12"
        }
    };
    let expected = bits(expect.unwrap_or_default());
    let values = params![
        mac,
        device.phone_type.as_str(),
        device.changed,
        bits(device.revision),
        seen.first,
        seen.last,
        seen.address,
        seen.user_agent,
        seen.type_guess,
        seen.firmware,
        seen.certificate,
        expected,
    ];
    let values = if expect.is_some() { values } else { &values[..11] };
    if conn.prepare_cached(sql)?.execute(values)? == 0 {
        return Ok(Err(StoreError::device_conflict(device.mac)));
    }
    if expect.is_some() {
        conn.prepare_cached("DELETE FROM phone WHERE mac = ?1")?.execute([mac])?;
    }
    for (port, phone) in &device.ports {
        let outcome = put_phone(conn, mac, *port, phone)?;
        if outcome.is_err() {
            return Ok(outcome);
        }
    }
    Ok(Ok(()))
}

fn put_phone(conn: &Connection, mac: i64, port: Port, phone: &Phone) -> Result<Outcome> {
    let sql = "INSERT INTO phone (mac, port, company, created, name, settings) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let company = match &phone.state {
        State::Inactive => None,
        State::Active(company) => Some(company),
    };
    let put = conn.prepare_cached(sql)?.execute(params![
        mac,
        port.number(),
        company.map(CompanyId::as_str),
        phone.created,
        phone.name,
        phone.settings.as_stored(),
    ]);
    match (put, company) {
        (Err(e), Some(company)) => missing(e, company),
        (put, _) => put.map(|_| Ok(())),
    }
}

pub(super) fn remove(conn: &Connection, mac: Mac, expect: Revision) -> Result<Outcome> {
    let sql = "DELETE FROM device WHERE mac = ?1 AND revision = ?2";
    let removed = conn.prepare_cached(sql)?.execute([bits(mac.bits()), bits(expect)])?;
    Ok(changed(removed, || StoreError::device_conflict(mac)))
}

pub(super) fn touch(conn: &Connection, mac: Mac, sighting: &Sighting) -> Result<Outcome> {
    let seen = SightingColumns::from(sighting);
    // `Sighting::noting` in SQL: one statement instead of a read and a write.
    let sql = "UPDATE device SET first_seen = coalesce(first_seen, ?2), \
               last_seen = max(coalesce(last_seen, ?3), ?3), address = ?4, \
               user_agent = iif(?5 = '', coalesce(user_agent, ?5), ?5), \
               type_guess = coalesce(?6, type_guess), firmware = coalesce(?7, firmware), \
               certificate = coalesce(?8, certificate) WHERE mac = ?1";
    conn.prepare_cached(sql)?.execute(params![
        bits(mac.bits()),
        seen.first,
        seen.last,
        seen.address,
        seen.user_agent,
        seen.type_guess,
        seen.firmware,
        seen.certificate,
    ])?;
    Ok(Ok(()))
}

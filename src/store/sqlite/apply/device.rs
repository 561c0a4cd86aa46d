//! The writes of devices and their phones.

use rusqlite::{Connection, Result, params};

use super::{Outcome, changed, missing};
use crate::domain::{CompanyId, Device, Mac, Phone, Port, Revision, Sighting};
use crate::store::StoreError;
use crate::store::sqlite::rows::{self, SightingColumns, bits};

pub(super) fn put(conn: &Connection, device: &Device, expect: Option<Revision>) -> Result<Outcome> {
    let as_expected = match expect {
        None => !exists(conn, device.mac)?,
        Some(expect) => delete(conn, device.mac, expect)? > 0,
    };
    if !as_expected {
        return Ok(Err(StoreError::device_conflict(device.mac)));
    }
    let seen = device.sighting.as_ref().map(SightingColumns::from).unwrap_or_default();
    for (port, phone) in &device.ports {
        let outcome = put_phone(conn, device, &seen, *port, phone)?;
        if outcome.is_err() {
            return Ok(outcome);
        }
    }
    Ok(Ok(()))
}

pub(super) fn remove(conn: &Connection, mac: Mac, expect: Revision) -> Result<Outcome> {
    Ok(changed(delete(conn, mac, expect)?, || StoreError::device_conflict(mac)))
}

pub(super) fn note_sighting(conn: &Connection, mac: Mac, sighting: &Sighting) -> Result<Outcome> {
    let seen = SightingColumns::from(sighting);
    let (first, last) = rows::ids_of(mac);
    // `Sighting::noting` in SQL: one statement instead of a read and a write.
    let sql = "UPDATE phone SET first_seen = coalesce(first_seen, ?3), \
               last_seen = max(coalesce(last_seen, ?4), ?4), address = ?5, \
               user_agent = iif(?6 = '', coalesce(user_agent, ?6), ?6), \
               type_guess = coalesce(?7, type_guess), firmware = coalesce(?8, firmware), \
               certificate = coalesce(?9, certificate) WHERE id BETWEEN ?1 AND ?2";
    conn.prepare_cached(sql)?.execute(params![
        first,
        last,
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

fn put_phone(
    conn: &Connection,
    device: &Device,
    seen: &SightingColumns<'_>,
    port: Port,
    phone: &Phone,
) -> Result<Outcome> {
    let sql = "INSERT INTO phone (id, company, created, name, settings, type, changed, revision, \
               first_seen, last_seen, address, user_agent, type_guess, firmware, certificate) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let put = conn.prepare_cached(sql)?.execute(params![
        rows::id_of(device.mac, port),
        phone.company().map(CompanyId::as_str),
        phone.created,
        phone.name,
        phone.settings.as_stored(),
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
    ]);
    match (put, phone.company()) {
        (Err(e), Some(company)) => missing(e, company),
        (put, _) => put.map(|_| Ok(())),
    }
}

fn exists(conn: &Connection, mac: Mac) -> Result<bool> {
    let (first, last) = rows::ids_of(mac);
    conn.prepare_cached("SELECT 1 FROM phone WHERE id BETWEEN ?1 AND ?2")?.exists([first, last])
}

fn delete(conn: &Connection, mac: Mac, expect: Revision) -> Result<usize> {
    let (first, last) = rows::ids_of(mac);
    let sql = "DELETE FROM phone WHERE id BETWEEN ?1 AND ?2 AND revision = ?3";
    conn.prepare_cached(sql)?.execute([first, last, bits(expect)])
}

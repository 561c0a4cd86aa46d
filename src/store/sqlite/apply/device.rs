//! The writes of devices and their phones.

use rusqlite::{OptionalExtension, Result, ToSql, params};

use super::{Applied, changed, missing};
use crate::domain::settings::Written;
use crate::domain::{CompanyId, Device, Mac, Phone, Port, Revision, Sighting, Timestamp};
use crate::store::at_rest::Cell;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::queries;
use crate::store::sqlite::rows::{self, SightingColumns, bits, mac_bits};
use crate::store::{MAX_LEFT, StoreError};

pub(super) fn put(
    conn: &Database,
    device: &Device,
    expect: Option<Revision>,
    revision: Revision,
) -> Result<Applied> {
    let sql = match expect {
        None => {
            "INSERT INTO device (mac, type, waiting, created, first_seen, last_seen, address, \
             user_agent, type_guess, firmware, certificate, changed, revision, claims, served, \
             written, admission) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
             ON CONFLICT (mac) DO NOTHING"
        }
        Some(_) => {
            // What was noted since the device was read stays.
            "UPDATE device SET type = ?2, waiting = ?3, created = ?4, \
             first_seen = iif(last_seen >= coalesce(?6, last_seen), first_seen, ?5), \
             address = iif(last_seen >= coalesce(?6, last_seen), address, ?7), \
             user_agent = iif(last_seen >= coalesce(?6, last_seen), user_agent, ?8), \
             type_guess = iif(last_seen >= coalesce(?6, last_seen), type_guess, ?9), \
             firmware = iif(last_seen >= coalesce(?6, last_seen), firmware, ?10), \
             certificate = iif(last_seen >= coalesce(?6, last_seen), certificate, ?11), \
             last_seen = iif(last_seen >= coalesce(?6, last_seen), last_seen, ?6), changed = ?12, revision = ?13, claims = ?14, \
             served = coalesce(served, ?15), written = ?16, admission = ?17 \
             WHERE mac = ?1 AND revision = ?18"
        }
    };
    let seen = device.sighting.as_ref().map(SightingColumns::from).unwrap_or_default();
    let written = match expect {
        None => device.written.clone(),
        Some(_) => written(conn, device.mac)?.unwrap_or_default().and(&device.written),
    };
    let (mac, phone_type) = (mac_bits(device.mac), device.phone_type.as_str());
    let (ports, created) = device.waiting.map(|waiting| (waiting.ports, waiting.created)).unzip();
    let (claims, written) = (rows::claims_text(&device.claims), rows::written_text(&written));
    let admission = rows::admission_text(&device.admission);
    let admission = admission.as_deref().map(|text| conn.seal(Cell::Admission(device.mac), text));
    let (revision, expected) = (bits(revision.0), expect.map(|expect| bits(expect.0)));
    let mut values: Vec<&dyn ToSql> = vec![&mac, &phone_type, &ports, &created];
    values.extend(seen.values());
    values.extend::<[&dyn ToSql; _]>([
        &device.changed,
        &revision,
        &claims,
        &device.served,
        &written,
        &admission,
    ]);
    values.extend(expected.iter().map(|expected| expected as &dyn ToSql));
    let put = conn.prepare_cached(sql)?.execute(&values[..])?;
    if put == 0 {
        return Ok(Err(StoreError::device_conflict(device.mac)));
    }
    if expect.is_some() {
        remove_phones(conn, device.mac)?;
    }
    for (port, phone) in &device.phones {
        let outcome = put_phone(conn, device.mac, *port, phone)?;
        if outcome.is_err() {
            return Ok(outcome);
        }
    }
    Ok(Ok(()))
}

pub(super) fn remove(conn: &Database, mac: Mac, expect: Revision) -> Result<Applied> {
    let set = written(conn, mac)?.unwrap_or_default();
    let sql = "DELETE FROM device WHERE mac = ?1 AND revision = ?2";
    let removed = conn.prepare_cached(sql)?.execute([mac_bits(mac), bits(expect.0)])?;
    if removed > 0 {
        remove_phones(conn, mac)?;
        leave(conn, mac, &set)?;
    }
    Ok(changed(removed, || StoreError::device_conflict(mac)))
}

/// Keeps what files have set in a device that is removed.
pub(super) fn leave(conn: &Database, mac: Mac, set: &Written) -> Result<()> {
    let all = queries::left_in(conn, mac)?.and(set);
    let Some(text) = rows::written_text(&all) else { return Ok(()) };
    let sql = "INSERT OR REPLACE INTO left_in_device (mac, written) VALUES (?1, ?2)";
    conn.prepare_cached(sql)?.execute(params![mac_bits(mac), text])?;
    let sql = "DELETE FROM left_in_device WHERE id <= (SELECT max(id) FROM left_in_device) - ?1";
    conn.prepare_cached(sql)?.execute([i64::try_from(MAX_LEFT).unwrap_or(i64::MAX)])?;
    Ok(())
}

pub(super) fn note_sighting(conn: &Database, mac: Mac, sighting: &Sighting) -> Result<Applied> {
    let seen = SightingColumns::from(sighting);
    // `Sighting::is_news` and `Sighting::noting` in SQL: one statement instead of a read and a write.
    let sql = "UPDATE device SET first_seen = coalesce(first_seen, ?2), \
               last_seen = max(coalesce(last_seen, ?3), ?3), address = ?4, \
               user_agent = iif(?5 = '', coalesce(user_agent, ?5), ?5), \
               type_guess = coalesce(?6, type_guess), firmware = coalesce(?7, firmware), \
               certificate = coalesce(?8, certificate) \
               WHERE mac = ?1 AND (last_seen IS NULL OR last_seen < ?9 OR address IS NOT ?4 \
               OR (?5 <> '' AND user_agent IS NOT ?5) \
               OR (?6 IS NOT NULL AND type_guess IS NOT ?6) \
               OR (?7 IS NOT NULL AND firmware IS NOT ?7) \
               OR (?8 IS NOT NULL AND certificate IS NOT ?8))";
    let (hour, mac) = (Sighting::hour_of(mac, sighting.last), mac_bits(mac));
    let mut values: Vec<&dyn ToSql> = vec![&mac];
    values.extend(seen.values());
    values.push(&hour);
    conn.prepare_cached(sql)?.execute(&values[..])?;
    Ok(Ok(()))
}

pub(super) fn note_served(conn: &Database, mac: Mac, at: Timestamp) -> Result<Applied> {
    let sql = "UPDATE device SET served = ?2 WHERE mac = ?1 AND served IS NULL";
    conn.prepare_cached(sql)?.execute(params![mac_bits(mac), at])?;
    Ok(Ok(()))
}

pub(super) fn note_written(conn: &Database, mac: Mac, noted: &Written) -> Result<Applied> {
    if let Some(before) = written(conn, mac)? {
        let sql = "UPDATE device SET written = ?2 WHERE mac = ?1";
        let both = rows::written_text(&before.and(noted));
        conn.prepare_cached(sql)?.execute(params![mac_bits(mac), both])?;
    }
    Ok(Ok(()))
}

/// What the files of a device have set; `None`: there is no such device.
fn written(conn: &Database, mac: Mac) -> Result<Option<Written>> {
    let sql = "SELECT written FROM device WHERE mac = ?1";
    let read = |row: &rusqlite::Row<'_>| rows::written(row, 0, mac);
    conn.prepare_cached(sql)?.query_row([mac_bits(mac)], read).optional()
}

fn put_phone(conn: &Database, mac: Mac, port: Port, phone: &Phone) -> Result<Applied> {
    let sql =
        "INSERT INTO phone (id, company, created, name, settings) VALUES (?1, ?2, ?3, ?4, ?5)";
    let put = conn.prepare_cached(sql)?.execute(params![
        rows::id_of(mac, port),
        phone.company().map(CompanyId::as_str),
        phone.created,
        phone.name,
        conn.seal(Cell::PhoneSettings(mac, port), phone.settings.as_stored()),
    ]);
    match (put, phone.company()) {
        (Err(e), Some(company)) => missing(e, company),
        (put, _) => put.map(|_| Ok(())),
    }
}

fn remove_phones(conn: &Database, mac: Mac) -> Result<()> {
    let (first, last) = rows::ids_of(mac);
    conn.prepare_cached("DELETE FROM phone WHERE id BETWEEN ?1 AND ?2")?.execute([first, last])?;
    Ok(())
}

//! The writes of companies.

use rusqlite::{Result, ffi, params};

use super::{Applied, changed, violates};
use crate::domain::{Company, CompanyId, Revision};
use crate::store::StoreError;
use crate::store::at_rest::Cell;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::rows::bits;

pub(super) fn put(
    conn: &Database,
    company: &Company,
    expect: Option<Revision>,
    revision: Revision,
) -> Result<Applied> {
    let sql = match expect {
        None => {
            "INSERT INTO company (id, name, settings, created, changed, revision, instance) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING"
        }
        Some(_) => {
            "UPDATE company SET name = ?2, settings = ?3, created = ?4, changed = ?5, \
             revision = ?6, instance = ?7 WHERE id = ?1 AND revision = ?8"
        }
    };
    let expected = bits(expect.unwrap_or_default().0);
    let values = params![
        company.id.as_str(),
        company.name,
        conn.seal(Cell::CompanySettings(company.id.as_str()), company.settings.as_stored()),
        company.created,
        company.changed,
        bits(revision.0),
        company.instance.map(|instance| bits(instance.get())),
        expected,
    ];
    let values = if expect.is_some() { values } else { &values[..7] };
    let put = conn.prepare_cached(sql)?.execute(values)?;
    Ok(changed(put, || StoreError::company_conflict(&company.id)))
}

pub(super) fn remove(conn: &Database, id: &CompanyId, expect: Revision) -> Result<Applied> {
    let sql = "DELETE FROM company WHERE id = ?1 AND revision = ?2";
    match conn.prepare_cached(sql)?.execute(params![id.as_str(), bits(expect.0)]) {
        Err(e) if violates(&e, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
            Ok(Err(StoreError::company_conflict(id)))
        }
        removed => Ok(changed(removed?, || StoreError::company_conflict(id))),
    }
}

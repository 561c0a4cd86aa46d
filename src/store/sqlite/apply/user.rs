//! The writes of users with their companies and keys.

use rusqlite::{Result, ffi, params};

use super::{Applied, changed, missing, violates};
use crate::domain::{CompanyId, Revision, Role, SecondFactor, User, UserId};
use crate::store::StoreError;
use crate::store::at_rest::Cell;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::rows::bits;

pub(super) fn put(
    conn: &Database,
    user: &User,
    expect: Option<Revision>,
    revision: Revision,
) -> Result<Applied> {
    let id = bits(user.id.0);
    let sql = match expect {
        None => {
            "INSERT INTO user (id, login, name, role, company, password_hash, created, revision, \
             second_factor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING"
        }
        Some(_) => {
            "UPDATE user SET login = ?2, name = ?3, role = ?4, company = ?5, password_hash = ?6, \
             created = ?7, revision = ?8, second_factor = ?9 WHERE id = ?1 AND revision = ?10"
        }
    };
    let password_hash = user.password_hash.as_deref();
    let password_hash = password_hash.map(|hash| conn.seal(Cell::PasswordHash(user.id), hash));
    let second_factor = user.second_factor.as_ref().map(SecondFactor::expose);
    let second_factor = second_factor.as_deref();
    let second_factor = second_factor.map(|text| conn.seal(Cell::SecondFactor(user.id), text));
    let expected = bits(expect.unwrap_or_default().0);
    let values = params![
        id,
        user.login,
        user.name,
        user.role.as_str(),
        user.company.as_ref().map(CompanyId::as_str),
        password_hash,
        user.created,
        bits(revision.0),
        second_factor,
        expected,
    ];
    let values = if expect.is_some() { values } else { &values[..9] };
    let put = conn.prepare_cached(sql)?.execute(values);
    match put {
        Ok(0) => return Ok(Err(StoreError::user_conflict(&user.login))),
        Ok(_) => {}
        Err(e) if violates(&e, ffi::SQLITE_CONSTRAINT_UNIQUE) => {
            return Ok(Err(StoreError::user_conflict(&user.login)));
        }
        Err(e) => {
            return match &user.company {
                Some(company) => missing(e, company),
                None => Err(e),
            };
        }
    }
    put_lists(conn, user, id)
}

fn put_lists(conn: &Database, user: &User, id: i64) -> Result<Applied> {
    conn.prepare_cached("DELETE FROM user_company WHERE user = ?1")?.execute([id])?;
    conn.prepare_cached("DELETE FROM user_key WHERE user = ?1")?.execute([id])?;
    for (position, company) in (0i64..).zip(&user.admin_companies) {
        let sql = "INSERT INTO user_company (user, position, company) VALUES (?1, ?2, ?3)";
        let put = conn.prepare_cached(sql)?.execute(params![id, position, company.as_str()]);
        if let Err(e) = put {
            return missing(e, company);
        }
    }
    for (position, key) in (0i64..).zip(&user.key_hashes) {
        let sql = "INSERT INTO user_key (user, position, hash) VALUES (?1, ?2, ?3)";
        match conn.prepare_cached(sql)?.execute(params![id, position, key.0]) {
            Err(e) if violates(&e, ffi::SQLITE_CONSTRAINT_UNIQUE) => {
                return Ok(Err(StoreError::key_conflict(&user.login)));
            }
            put => put?,
        };
    }
    Ok(Ok(()))
}

pub(super) fn remove(conn: &Database, id: UserId, expect: Revision) -> Result<Applied> {
    let sql = "DELETE FROM user WHERE id = ?1 AND revision = ?2";
    let removed = conn.prepare_cached(sql)?.execute([bits(id.0), bits(expect.0)])?;
    Ok(changed(removed, || StoreError::user_id_conflict(id)))
}

/// Whether any user [`User::can_administer_system`].
pub(super) fn is_any_admin(conn: &Database) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM user WHERE role = ?1 AND (password_hash IS NOT NULL \
               OR EXISTS (SELECT 1 FROM user_key WHERE user_key.user = user.id)))";
    conn.prepare_cached(sql)?.query_one([Role::SystemAdmin.as_str()], |row| row.get(0))
}

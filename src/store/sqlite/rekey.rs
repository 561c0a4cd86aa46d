//! Writes all secrets of a file anew, with the key that there is now or plain.

use std::path::Path;

use rusqlite::types::FromSql;
use rusqlite::{Row, ToSql, Transaction, TransactionBehavior};

use super::database::{self, Database};
use super::error::{bad_row, map, unusable};
use super::schema::{self, IfOlder};
use super::{Found, connect, file, look, rows};
use crate::domain::{Mac, Timestamp, UserId};
use crate::store::StoreError;
use crate::store::at_rest::{Cell, Cipher, Rekeyed};

/// Values that are read before they are written.
const PAGE: usize = 1000;

/// See [`SqliteStore::rekey`](super::SqliteStore::rekey).
pub(super) fn rekey(path: &Path, cipher: &Cipher) -> Result<Rekeyed, StoreError> {
    if look::look(path)? == Found::Nothing {
        return Err(unusable(&path.display().to_string(), "there is no store"));
    }
    let held = file::hold(path)?;
    let what = held.path.display().to_string();
    let failed = |e| map(&what, &e);
    let database = Database::new(connect(&held.path).map_err(failed)?, cipher.clone());
    // Nothing is made: there is a store.
    schema::migrate(&database, &what, Timestamp::from_seconds(0), IfOlder::Refuse)?;
    let rekeyed = write_all(&database).map_err(failed)?;
    if rekeyed.rewritten > 0 {
        leave_no_trace(&database).map_err(failed)?;
    }
    // The file's lock goes last.
    drop(database);
    drop(held);
    Ok(rekeyed)
}

/// All in one transaction: whatever stops it, the file is as it was.
fn write_all(database: &Database) -> rusqlite::Result<Rekeyed> {
    let mut done = Rekeyed::default();
    let transaction = Transaction::new_unchecked(database, TransactionBehavior::Immediate)?;
    let all = &mut Walk { database, done: &mut done };
    all.column(["phone", "id", "settings"], i64::MIN, |id| {
        let (mac, port) = rows::phone_of(*id);
        let port = port.ok_or_else(|| bad_row(&format!("phone of {mac}"), "port", "above 999"))?;
        Ok(Cell::PhoneSettings(mac, port))
    })?;
    all.column(["device", "mac", "admission"], i64::MIN, |mac| {
        Ok(Cell::Admission(Mac::from_bits(mac.cast_unsigned())))
    })?;
    all.column(["company", "id", "settings"], String::new(), |id| {
        Ok(Cell::CompanySettings(id.as_str()))
    })?;
    all.column(["system", "one", "settings"], i64::MIN, |_| Ok(Cell::SystemSettings))?;
    all.column(["system", "one", "secret"], i64::MIN, |_| Ok(Cell::PasswordSeed))?;
    all.column(["user", "id", "password_hash"], i64::MIN, |id| {
        Ok(Cell::PasswordHash(UserId(id.cast_unsigned())))
    })?;
    all.column(["user", "id", "second_factor"], i64::MIN, |id| {
        Ok(Cell::SecondFactor(UserId(id.cast_unsigned())))
    })?;
    transaction.commit()?;
    Ok(done)
}

struct Walk<'a> {
    database: &'a Database,
    done: &'a mut Rekeyed,
}

impl Walk<'_> {
    /// Each value of a column, in order of the key that it is found by, which is behind `before`.
    fn column<K: ToSql + FromSql>(
        &mut self,
        [table, key, column]: [&str; 3],
        before: K,
        cell: impl for<'k> Fn(&'k K) -> rusqlite::Result<Cell<'k>>,
    ) -> rusqlite::Result<()> {
        let select = format!(
            "SELECT {key}, {column} FROM {table} WHERE {key} > ?1 AND {column} IS NOT NULL \
             ORDER BY {key} LIMIT {PAGE}"
        );
        let update = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
        let (mut select, mut update) =
            (self.database.prepare(&select)?, self.database.prepare(&update)?);
        let read = |row: &Row<'_>| Ok((row.get::<_, K>(0)?, row.get::<_, String>(1)?));
        let mut after = before;
        loop {
            let page = select.query_map([&after], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
            for (key, written) in &page {
                let (cipher, cell) = (self.database.cipher(), cell(key)?);
                if cipher.is_current(written) {
                    self.done.kept += 1;
                    continue;
                }
                let plain = database::open(cipher, cell, written)?;
                update.execute((key, self.database.seal(cell, &plain)))?;
                self.done.rewritten += 1;
            }
            let Some((last, _)) = page.into_iter().last() else { return Ok(()) };
            after = last;
        }
    }
}

/// Writes every page anew and empties the log: what was overwritten or removed is in neither.
fn leave_no_trace(database: &Database) -> rusqlite::Result<()> {
    database.pragma_update(None, "secure_delete", true)?;
    // The copy is as large as the file, and has no secret in it that the file has not.
    database.pragma_update(None, "temp_store", "file")?;
    database.execute_batch("VACUUM")?;
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

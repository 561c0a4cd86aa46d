//! One commit: its writes as statements, all of them or none.
//!
//! Runs inside a transaction that the caller commits, so that many commits
//! share one wait for the disk.

mod company;
mod device;
mod user;

use rusqlite::{Connection, Error, OptionalExtension, Result, ffi, params};

use super::rows::{bits, name_of};
use crate::domain::{CompanyId, Event, Revision};
use crate::store::{Mutation, StoreError, SystemSettings};

/// What became of a commit: done, or refused as a conflict without a trace.
pub(super) type Outcome = std::result::Result<(), StoreError>;

/// # Errors
/// What the medium said; the transaction is then of no use any more.
pub(super) fn commit(conn: &Connection, writes: &[Mutation]) -> Result<Outcome> {
    let guarded = may_leave_a_trace(writes);
    if guarded {
        conn.prepare_cached("SAVEPOINT one")?.execute([])?;
    }
    let outcome = all(conn, writes)?;
    if guarded {
        if outcome.is_err() {
            conn.prepare_cached("ROLLBACK TO one")?.execute([])?;
        }
        conn.prepare_cached("RELEASE one")?.execute([])?;
    }
    Ok(outcome)
}

/// Whether a refusal can come after a first change. A savepoint copies every
/// page it touches; a first contact, which is a new inactive device and
/// events, does without: it is refused at its first statement or not at all.
fn may_leave_a_trace(writes: &[Mutation]) -> bool {
    let Some((first, rest)) = writes.split_first() else { return false };
    let refused_at_once = match first {
        Mutation::PutDevice { device, .. } => !device.has_active_port(),
        Mutation::PutUser { .. } => false,
        _ => true,
    };
    let never_refused =
        |write: &Mutation| matches!(write, Mutation::Append(_) | Mutation::NoteSighting { .. });
    !(refused_at_once && rest.iter().all(never_refused))
}

fn all(conn: &Connection, writes: &[Mutation]) -> Result<Outcome> {
    for write in writes {
        let outcome = match write {
            Mutation::PutDevice { device, expect } => device::put(conn, device, *expect)?,
            Mutation::RemoveDevice { mac, expect } => device::remove(conn, *mac, *expect)?,
            Mutation::NoteSighting { mac, sighting } => {
                device::note_sighting(conn, *mac, sighting)?
            }
            Mutation::PutCompany { company, expect } => company::put(conn, company, *expect)?,
            Mutation::RemoveCompany { id, expect } => company::remove(conn, id, *expect)?,
            Mutation::PutUser { user, expect } => user::put(conn, user, *expect)?,
            Mutation::RemoveUser { id, expect } => user::remove(conn, *id, *expect)?,
            Mutation::PutSystemSettings { system, expect } => {
                put_system_settings(conn, system, *expect)?
            }
            Mutation::Append(event) => append(conn, event)?,
        };
        if outcome.is_err() {
            return Ok(outcome);
        }
    }
    Ok(Ok(()))
}

fn put_system_settings(
    conn: &Connection,
    system: &SystemSettings,
    expect: Revision,
) -> Result<Outcome> {
    let sql = "SELECT revision FROM system";
    let there: Option<i64> =
        conn.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    if there.unwrap_or(0) != bits(expect) {
        return Ok(Err(StoreError::system_conflict()));
    }
    let sql = "INSERT OR REPLACE INTO system (one, settings, changed, revision) \
               VALUES (1, ?1, ?2, ?3)";
    conn.prepare_cached(sql)?.execute(params![
        system.settings.as_stored(),
        system.changed,
        bits(system.revision),
    ])?;
    Ok(Ok(()))
}

fn append(conn: &Connection, event: &Event) -> Result<Outcome> {
    let sql = "INSERT INTO event (at, who, address, action, subject, name, company, before, after) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    conn.prepare_cached(sql)?.execute(params![
        event.at,
        event.who,
        event.from,
        name_of(event.action),
        name_of(event.subject),
        event.name,
        event.company,
        event.before.to_string(),
        event.after.to_string(),
    ])?;
    let newest = conn.last_insert_rowid();
    // The newest always stay: the next id is counted from them.
    if newest % PRUNE_EVERY == 0 {
        let sql = "DELETE FROM event WHERE id <= ?1";
        conn.prepare_cached(sql)?.execute([newest - MAX_EVENTS])?;
    }
    Ok(Ok(()))
}

/// Audit events kept: years of a busy site, some 300 MB. The oldest go.
const MAX_EVENTS: i64 = 1_000_000;
/// Pruned this many at a time, so that an event costs nothing more.
const PRUNE_EVERY: i64 = 1_000;

fn changed(rows: usize, conflict: impl FnOnce() -> StoreError) -> Outcome {
    if rows == 0 { Err(conflict()) } else { Ok(()) }
}

/// A conflict when the company was not there; else the error as it is.
fn missing(error: Error, company: &CompanyId) -> Result<Outcome> {
    if violates(&error, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
        return Ok(Err(StoreError::company_conflict(company)));
    }
    Err(error)
}

fn violates(error: &Error, constraint: i32) -> bool {
    error.sqlite_error().is_some_and(|failure| failure.extended_code == constraint)
}

//! One commit: its mutations as statements, all of them or none.
//!
//! Runs inside a transaction that the caller commits, so that many commits
//! share one wait for the disk.

mod ban;
mod company;
mod device;
mod user;

use rusqlite::{Error, OptionalExtension, Result, ffi, params};

use super::database::Database;
use super::ledger::Ledger;
use super::rows::{self, bits, mac_bits, name_of};
use crate::domain::{CompanyId, Event, Revision};
use crate::store::at_rest::Cell;
use crate::store::{Guard, MAX_EVENTS, Mutation, Object, StoreError, SystemSettings};

/// What became of a part of a commit: done, or refused as a conflict.
type Applied = std::result::Result<(), StoreError>;

/// Gives the revision of the commit, or the conflict it was refused for without a trace.
///
/// # Errors
/// What the medium said; the transaction is then of no use any more.
pub(super) fn commit(
    conn: &Database,
    ledger: &mut Ledger,
    mutations: &[Mutation],
    guards: &[Guard],
) -> Result<std::result::Result<Revision, StoreError>> {
    for guard in guards {
        let holds = match guard {
            Guard::Unchanged(since) => ledger.head <= *since,
            Guard::Same(object, revision) => revision_of(conn, object)? == Some(*revision),
            Guard::RemainingAdmin => true,
        };
        if !holds {
            return Ok(Err(StoreError::guard_conflict(guard)));
        }
    }
    let needs_admin = guards.contains(&Guard::RemainingAdmin);
    let guarded = needs_admin || may_leave_a_trace(mutations);
    if guarded {
        conn.prepare_cached("SAVEPOINT one")?.execute([])?;
    }
    let mut outcome = all(conn, mutations, ledger.head.next())?;
    if outcome.is_ok() && needs_admin && !user::is_any_admin(conn)? {
        outcome = Err(StoreError::guard_conflict(&Guard::RemainingAdmin));
    }
    if guarded {
        if outcome.is_err() {
            conn.prepare_cached("ROLLBACK TO one")?.execute([])?;
        }
        conn.prepare_cached("RELEASE one")?.execute([])?;
    }
    if outcome.is_ok() {
        ledger.record(conn, mutations)?;
    }
    Ok(outcome.map(|()| ledger.head))
}

fn revision_of(conn: &Database, object: &Object) -> Result<Option<Revision>> {
    let one = |sql: &str, key: &dyn rusqlite::ToSql| {
        let row = conn.prepare_cached(sql)?.query_row([key], |row| rows::revision(row, 0));
        row.optional()
    };
    match object {
        Object::Device(mac) => one("SELECT revision FROM device WHERE mac = ?1", &mac_bits(*mac)),
        Object::Company(id) => one("SELECT revision FROM company WHERE id = ?1", &id.as_str()),
        Object::User(id) => one("SELECT revision FROM user WHERE id = ?1", &bits(id.0)),
        Object::SystemSettings => {
            let there = one("SELECT revision FROM system WHERE one = ?1", &1)?;
            Ok(Some(there.unwrap_or(Revision::NONE)))
        }
        Object::Ban(network) => {
            one("SELECT revision FROM ban WHERE network = ?1", &network.to_string())
        }
    }
}

/// Whether a refusal can come after a first change. A savepoint copies every
/// page it touches; a first contact, which is a new inactive device and
/// events, does without: it is refused at its first statement or not at all.
fn may_leave_a_trace(mutations: &[Mutation]) -> bool {
    let Some((first, rest)) = mutations.split_first() else { return false };
    let refused_at_once = match first {
        Mutation::PutDevice { device, .. } => !device.has_active_port(),
        Mutation::PutUser { .. } => false,
        _ => true,
    };
    let never_refused = |other: &Mutation| {
        matches!(
            other,
            Mutation::Append(_)
                | Mutation::NoteSighting { .. }
                | Mutation::NoteServed { .. }
                | Mutation::NoteWritten { .. }
                | Mutation::NoteLeft { .. }
                | Mutation::PutBan { .. }
                | Mutation::RemoveBan { .. }
        )
    };
    !(refused_at_once && rest.iter().all(never_refused))
}

fn all(conn: &Database, mutations: &[Mutation], revision: Revision) -> Result<Applied> {
    for mutation in mutations {
        let outcome = match mutation {
            Mutation::PutDevice { device, expect } => device::put(conn, device, *expect, revision)?,
            Mutation::RemoveDevice { mac, expect } => device::remove(conn, *mac, *expect)?,
            Mutation::NoteSighting { mac, sighting } => {
                device::note_sighting(conn, *mac, sighting)?
            }
            Mutation::NoteServed { mac, at } => device::note_served(conn, *mac, *at)?,
            Mutation::NoteWritten { mac, written } => device::note_written(conn, *mac, written)?,
            Mutation::NoteLeft { mac, written } => {
                device::leave(conn, *mac, written)?;
                Ok(())
            }
            Mutation::PutCompany { company, expect } => {
                company::put(conn, company, *expect, revision)?
            }
            Mutation::RemoveCompany { id, expect } => company::remove(conn, id, *expect)?,
            Mutation::PutUser { user, expect } => user::put(conn, user, *expect, revision)?,
            Mutation::RemoveUser { id, expect } => user::remove(conn, *id, *expect)?,
            Mutation::PutSystemSettings { system, expect } => {
                put_system_settings(conn, system, *expect, revision)?
            }
            Mutation::PutBan { ban } => ban::put(conn, ban, revision)?,
            Mutation::RemoveBan { network } => ban::remove(conn, *network)?,
            Mutation::Append(event) => append(conn, event)?,
        };
        if outcome.is_err() {
            return Ok(outcome);
        }
    }
    Ok(Ok(()))
}

fn put_system_settings(
    conn: &Database,
    system: &SystemSettings,
    expect: Revision,
    revision: Revision,
) -> Result<Applied> {
    let sql = "SELECT revision FROM system";
    let there: Option<i64> =
        conn.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    if there.unwrap_or(0) != bits(expect.0) {
        return Ok(Err(StoreError::system_conflict()));
    }
    let seed = system.password_seed.map(|seed| seed.expose());
    let sql = "INSERT OR REPLACE INTO system (one, settings, changed, revision, secret) \
               VALUES (1, ?1, ?2, ?3, ?4)";
    conn.prepare_cached(sql)?.execute(params![
        conn.seal(Cell::SystemSettings, system.settings.as_stored()),
        system.changed,
        bits(revision.0),
        seed.as_deref().map(|seed| conn.seal(Cell::PasswordSeed, seed)),
    ])?;
    Ok(Ok(()))
}

fn append(conn: &Database, event: &Event) -> Result<Applied> {
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
        let kept = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
        conn.prepare_cached(sql)?.execute([newest - kept])?;
    }
    Ok(Ok(()))
}

/// Pruned this many at a time, so that an event costs nothing more.
const PRUNE_EVERY: i64 = 1_000;

fn changed(rows: usize, conflict: impl FnOnce() -> StoreError) -> Applied {
    if rows == 0 { Err(conflict()) } else { Ok(()) }
}

/// A conflict when the company was not there; else the error as it is.
fn missing(error: Error, company: &CompanyId) -> Result<Applied> {
    if violates(&error, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
        return Ok(Err(StoreError::company_conflict(company)));
    }
    Err(error)
}

fn violates(error: &Error, constraint: i32) -> bool {
    error.sqlite_error().is_some_and(|failure| failure.extended_code == constraint)
}

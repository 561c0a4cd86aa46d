//! The tables, by version. A file of an older version is brought up to this
//! one when it is opened; one of a newer version is refused.

use rusqlite::{Transaction, TransactionBehavior};

use super::database::Database;
use super::error::{map, unusable};
use super::ledger::Ledger;
use super::{MAX_PAGE, apply, queries, rows};
use crate::domain::{Company, CompanyId, Timestamp};
use crate::store::{Mutation, StoreError};

/// `dial`, in the file's header: tells this program's files from others.
pub(super) const APPLICATION_ID: u32 = 0x6469_616c;

/// Each brings the tables from the version before; `user_version` counts them. From version 6 on what
/// [`Cell`](crate::store::at_rest::Cell) names may be encrypted, and no SQL reads or changes it.
const MIGRATIONS: &[&str] = &[
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
    include_str!("v4.sql"),
    include_str!("v5.sql"),
    include_str!("v6.sql"),
];

/// What becomes of a store of an older version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfOlder {
    Upgrade,
    Refuse,
}

/// The version this program makes.
pub(super) const fn newest() -> usize {
    MIGRATIONS.len()
}

/// What brings tables of `version` to the newest one; none where they are of it.
///
/// # Errors
/// [`StoreError::Unusable`] for a newer version.
pub(super) fn missing(version: i64, what: &str) -> Result<&'static [&'static str], StoreError> {
    usize::try_from(version).ok().and_then(|v| MIGRATIONS.get(v..)).ok_or_else(|| {
        let known = newest();
        let why = format!(
            "made by a newer dialtone (schema {version}, this one knows {known}): run that \
             version, or restore the backup made before the upgrade"
        );
        unusable(what, &why)
    })
}

/// Brings the tables of `what` to the newest version; a new store gets the
/// company `default`, created at `now`. All of it happens or none: an upgrade stays only when
/// every row could be read as this version reads it.
///
/// # Errors
/// [`StoreError::Unusable`] for another program's database, for a newer version, for an older
/// one that is to stay as it is, and for a row that cannot be read, with its column.
pub(super) fn migrate(
    conn: &Database,
    what: &str,
    now: Timestamp,
    if_older: IfOlder,
) -> Result<(), StoreError> {
    let failed = |e| map(what, &e);
    let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = number("user_version").map_err(failed)?;
    let application = number("application_id").map_err(failed)?;
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let new = version == 0 && tables == 0 && application == 0;
    if !new && application != i64::from(APPLICATION_ID) {
        return Err(unusable(what, "a database of another program; name another file"));
    }
    let known = newest();
    let missing = missing(version, what)?;
    if missing.is_empty() {
        return Ok(());
    }
    if !new && if_older == IfOlder::Refuse {
        let why = format!(
            "made by an older dialtone (schema {version}, this one reads {known}), and only \
             `serve` and `import` upgrade it: start the gateway once, or use the older version"
        );
        return Err(unusable(what, &why));
    }
    let transaction =
        Transaction::new_unchecked(conn, TransactionBehavior::Exclusive).map_err(failed)?;
    let steps = || {
        for migration in missing {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(
            None,
            "user_version",
            i64::try_from(known).unwrap_or(i64::MAX),
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)
    };
    steps().map_err(failed)?;
    if new {
        let company = Company::new(CompanyId::default_company(), String::new(), now);
        let put = [Mutation::PutCompany { company, expect: None }];
        let make = || {
            let mut ledger = Ledger::read(&transaction)?;
            let made = apply::commit(conn, &mut ledger, &put, &[])?;
            ledger.write(&transaction)?;
            Ok(made)
        };
        make().map_err(failed)??;
    } else {
        read_all(conn).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    if !new {
        tracing::info!(store = what, "store upgraded from schema {version} to {known}");
    }
    Ok(())
}

/// Reads every row as the program will, a page at a time.
fn read_all(conn: &Database) -> rusqlite::Result<()> {
    queries::tenancy(conn)?;
    let mut after = None;
    loop {
        let page = queries::devices_after(conn, after, MAX_PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.mac);
    }
    let columns = "id, at, who, address, action, subject, name, company, before, after";
    let mut events = conn.prepare(&format!("SELECT {columns} FROM event"))?;
    for event in events.query_and_then([], rows::event)? {
        event?;
    }
    Ok(())
}

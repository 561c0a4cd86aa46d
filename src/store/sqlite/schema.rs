//! The tables, by version. A file of an older version is brought up to this
//! one when it is opened; one of a newer version is refused.

use rusqlite::{Connection, TransactionBehavior};

use super::apply;
use super::error::{map, unusable};
use super::ledger::Ledger;
use crate::domain::{Company, CompanyId, Timestamp};
use crate::store::{Mutation, StoreError};

/// `dial`, in the file's header: tells this program's files from others.
pub(super) const APPLICATION_ID: u32 = 0x6469_616c;

/// Each brings the tables from the version before; `user_version` counts them.
const MIGRATIONS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql")];

/// Brings the tables of `what` to the newest version; a new store gets the
/// company `default`, created at `now`. All of it happens or none.
///
/// # Errors
/// [`StoreError::Unusable`] for another program's database and for a newer version.
pub(super) fn migrate(conn: &mut Connection, what: &str, now: Timestamp) -> Result<(), StoreError> {
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
    let known = MIGRATIONS.len();
    let Some(missing) = usize::try_from(version).ok().and_then(|v| MIGRATIONS.get(v..)) else {
        let why = format!(
            "made by a newer dialtone (schema {version}, this one knows {known}): run that \
             version, or restore the backup made before the upgrade"
        );
        return Err(unusable(what, &why));
    };
    if missing.is_empty() {
        return Ok(());
    }
    let transaction =
        conn.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(failed)?;
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
            let made = apply::commit(&transaction, &mut ledger, &put, &[])?;
            ledger.write(&transaction)?;
            Ok(made)
        };
        make().map_err(failed)??;
    }
    transaction.commit().map_err(failed)
}

//! The tables, by version. Those of an older version are brought up to this one at start; those of
//! a newer one are used as long as they say that a program of this version may.
//!
//! A version says which is the oldest that may use its tables beside it: of gateways that are
//! upgraded one by one the old ones go on then, also after a restart. Each group of commits looks
//! at it, so that an old gateway stops writing when somebody makes tables that it must not touch.

use std::time::Duration;

use super::error::Failure;
use super::session::{Session, parameters};
use crate::store::StoreError;

/// Each brings the tables from the version before, and the oldest version that may use them then. From
/// version 2 on what [`Cell`](crate::store::at_rest::Cell) names may be encrypted, and no SQL reads or
/// changes it.
const MIGRATIONS: &[(&str, i32)] = &[
    (include_str!("v1.sql"), 1),
    // An older gateway would serve whom the policy refuses.
    (include_str!("v2.sql"), 2),
];

/// How long bringing tables to another version may take, and waiting for another gateway that
/// does: every row may have to be written.
const MIGRATION: Duration = Duration::from_secs(600);

/// The version this program makes.
pub(super) const fn newest() -> i32 {
    // There are a handful.
    MIGRATIONS.len() as i32
}

/// The version of the tables, and the oldest one that may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub version: i32,
    pub compatible_from: i32,
}

/// What becomes of tables that are not there or of an older version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfOlder {
    Upgrade,
    Refuse,
}

/// The SQL of all versions behind `version`, for who runs it by hand in the schema of that name.
pub(super) fn script(schema: &str, version: i32) -> String {
    format!("BEGIN;\n{}COMMIT;\n", steps(schema, version))
}

fn steps(schema: &str, version: i32) -> String {
    let mut script = String::new();
    if version == 0 {
        // IF NOT EXISTS wants the right to make it also where it is there.
        script += &format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = \
             '{schema}') THEN CREATE SCHEMA \"{schema}\"; END IF; END $$;\n"
        );
    }
    script += &format!("SET LOCAL search_path TO \"{schema}\";\n\n");
    for (number, (sql, compatible_from)) in missing(version) {
        script += sql;
        script += &format!(
            "\nINSERT INTO schema_version (version, compatible_from) VALUES ({number}, \
             {compatible_from});\n"
        );
    }
    script
}

fn missing(version: i32) -> impl Iterator<Item = (i32, &'static (&'static str, i32))> {
    (1..).zip(MIGRATIONS).filter(move |(number, _)| *number > version)
}

/// Whether a program of this version works with such tables as they are.
pub(super) fn is_usable(found: Version) -> bool {
    found.version >= newest() && found.compatible_from <= newest()
}

/// Refuses tables that a program of this version must not use.
///
/// # Errors
/// [`StoreError::Unusable`].
pub(super) fn require_compatible(found: Version, what: &str) -> Result<(), StoreError> {
    if found.compatible_from <= newest() {
        return Ok(());
    }
    let why = format!(
        "made by a newer dialtone (schema {}), which a program of schema {} must not use: upgrade \
         this gateway",
        found.version,
        newest()
    );
    Err(StoreError::Unusable { what: what.to_owned(), why })
}

/// The version of the tables; `None` when there are none.
pub(super) async fn version(session: &Session, schema: &str) -> Result<Option<Version>, Failure> {
    // Not `to_regclass`: after a wait it may not know yet of a schema that somebody made meanwhile.
    let sql = "SELECT FROM pg_catalog.pg_tables \
               WHERE schemaname = $1 AND tablename = 'schema_version'";
    if session.query(sql, parameters![schema]).await?.is_empty() {
        return Ok(None);
    }
    let sql = "SELECT version, compatible_from FROM schema_version ORDER BY version DESC LIMIT 1";
    let newest = session.query(sql, parameters![]).await?;
    let Some(row) = newest.first() else { return Ok(None) };
    Ok(Some(Version { version: row.try_get(0)?, compatible_from: row.try_get(1)? }))
}

/// Brings the tables in `schema` to the newest version, under a lock of its own: of several
/// gateways that start at once one does it. All of it happens or none.
///
/// # Errors
/// [`StoreError::Unusable`] for tables that must not be used, for those that are to stay as they
/// are, and for a database that does not keep UTF-8; what the server says.
pub(super) async fn migrate(
    session: &Session,
    schema: &str,
    what: &str,
    if_older: IfOlder,
) -> Result<(), Failure> {
    let unusable = |why: String| StoreError::Unusable { what: what.to_owned(), why };
    let encoding = session.query("SHOW server_encoding", parameters![]).await?;
    let encoding: String = encoding[0].try_get(0)?;
    if encoding != "UTF8" {
        let why = format!("a database of {encoding}: make one with ENCODING 'UTF8'");
        return Err(unusable(why).into());
    }
    if is_current(version(session, schema).await?, what)? {
        return Ok(());
    }
    // Two numbers: what it is for, and where. The name needs no quotes.
    let lock = format!("SELECT pg_advisory_xact_lock(1684629868, hashtext('{schema}'))");
    session
        .execute_within(&format!("BEGIN; SET LOCAL statement_timeout TO 0; {lock}"), MIGRATION)
        .await?;
    let found = version(session, schema).await?;
    if is_current(found, what)? {
        return session.execute("ROLLBACK").await;
    }
    let found = found.map_or(0, |found| found.version);
    if if_older == IfOlder::Refuse {
        let why = if found == 0 {
            "there is no store in it: only `serve` and `import` make one".to_owned()
        } else {
            format!(
                "made by an older dialtone (schema {found}, this one needs {}), and only `serve`, \
                 `import` and `store migrate` upgrade it",
                newest()
            )
        };
        return Err(unusable(why).into());
    }
    if found > 0 {
        // Groups of commits wait until the tables are as they will be. Not so behind a backup that
        // reads the table for an hour: who starts waits for that, and tries again.
        let lock = "SET LOCAL lock_timeout TO '2s'; LOCK TABLE store IN ACCESS EXCLUSIVE MODE";
        session.execute_within(lock, MIGRATION).await?;
    }
    let steps = format!("{}COMMIT", steps(schema, found));
    session
        .execute_within(&steps, MIGRATION)
        .await
        .map_err(|failure| without_rights(failure, what))?;
    tracing::info!(store = what, "tables brought from schema {found} to {}", newest());
    Ok(())
}

fn is_current(found: Option<Version>, what: &str) -> Result<bool, StoreError> {
    let Some(found) = found else { return Ok(false) };
    require_compatible(found, what)?;
    Ok(found.version >= newest())
}

/// Says what to do when the tables must not be made.
fn without_rights(failure: Failure, what: &str) -> Failure {
    let Failure::Postgres(error) = &failure else { return failure };
    if error.code() != Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE) {
        return failure;
    }
    let said = error.as_db_error().map(|said| said.message().to_owned()).unwrap_or_default();
    let why = format!(
        "the tables cannot be made ({said}): give the user CREATE on the database, or on the \
         schema where that is there, or run as another one what `dialtone store migrate --print` prints"
    );
    Failure::Store(StoreError::Unusable { what: what.to_owned(), why })
}

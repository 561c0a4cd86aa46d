//! A look at a database, which changes nothing there: whether a gateway could work with it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::connect::Connector;
use super::error::Failure;
use super::schema::{self, Version};
use super::session::{Session, parameters};

/// How long a notification may take: it is sent over the same connections as all else.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// What the gateway does in its tables.
pub(super) const RIGHTS: &[(&str, &[&str])] = &[
    ("schema_version", &["SELECT"]),
    ("store", &["SELECT", "UPDATE"]),
    ("commit_group", &["SELECT", "INSERT", "DELETE"]),
    ("change", &["SELECT", "INSERT", "DELETE"]),
    ("company", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("device", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("phone", &["SELECT", "INSERT", "DELETE"]),
    ("user_account", &["SELECT", "INSERT", "DELETE"]),
    ("user_company", &["SELECT", "INSERT"]),
    ("user_key", &["SELECT", "INSERT"]),
    ("system_settings", &["SELECT", "INSERT", "UPDATE"]),
    ("event", &["SELECT", "INSERT", "DELETE"]),
    ("catalogue", &["SELECT", "INSERT", "UPDATE"]),
    ("ban", &["SELECT", "INSERT", "DELETE"]),
    ("left_in_device", &["SELECT", "INSERT", "DELETE"]),
    ("probe", &["INSERT", "DELETE"]),
];

/// What a look at a database found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDatabase {
    /// The database, without a password.
    pub name: String,
    /// The version of the server, as it says it.
    pub server: String,
    /// The tables.
    pub tables: FoundTables,
    /// What keeps a gateway from working with it, each with what to do.
    pub problems: Vec<String>,
}

/// The tables that a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundTables {
    /// None: they are made at the next start.
    None,
    /// Those of an older version, which are brought to the second at the next start.
    Older(i32, i32),
    /// Those of this version, or of a newer one that this program may use.
    Current(i32),
    /// Those of a newer version, which this program must not use.
    TooNew(i32),
    /// They could not be looked at.
    Unknown,
}

impl fmt::Display for FoundDatabase {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: PostgreSQL {}, ", self.name, self.server)?;
        match self.tables {
            FoundTables::None => f.write_str("no tables yet: made at the next start"),
            FoundTables::Older(from, to) => {
                write!(f, "tables of schema {from}: upgraded to {to} at the next start")
            }
            FoundTables::Current(version) => write!(f, "tables of schema {version}"),
            FoundTables::TooNew(version) => write!(f, "tables of schema {version}, too new"),
            FoundTables::Unknown => f.write_str("tables that cannot be looked at"),
        }?;
        f.write_str(if self.problems.is_empty() { "; all in order" } else { "" })
    }
}

/// See [`PostgresStore::look`](super::PostgresStore::look).
pub(super) async fn look(connector: &Connector) -> Result<FoundDatabase, Failure> {
    let session = connector.session().await?;
    let heard = Arc::new(Notify::new());
    let tell = heard.clone();
    // Before anything is asked: a pooler that gives each transaction another session is found out by
    // what the first of two asks.
    let listening = connector.listening(move |_| tell.notify_one()).await?;
    let (name, schema) = (connector.url.name().to_owned(), &*connector.url.schema);
    let text = async |sql: &str| -> Result<String, Failure> {
        Ok(session.query(sql, parameters![]).await?[0].try_get(0)?)
    };
    // What it says after the number is where it was packaged.
    let server = text("SHOW server_version").await?;
    let server = server.split(' ').next().unwrap_or_default().to_owned();
    let (encoding, user) =
        (text("SHOW server_encoding").await?, text("SELECT current_user::text").await?);
    let mut problems = Vec::new();
    if encoding != "UTF8" {
        problems.push(format!("a database of {encoding}: make one with ENCODING 'UTF8'"));
    }
    let sql = "SELECT FROM pg_catalog.pg_namespace \
               WHERE nspname = $1 AND NOT has_schema_privilege(oid, 'USAGE')";
    let is_closed = !session.query(sql, parameters![schema]).await?.is_empty();
    let (tables, wanting) = if is_closed {
        let why = format!("{user} lacks rights: grant it USAGE on SCHEMA {schema}");
        (FoundTables::Unknown, vec![why])
    } else {
        match schema::version(&session, schema).await {
            Ok(found) => (compare(found), rights(&session, schema, found, &user).await?),
            Err(failure) => {
                let mut wanting = vec![because(failure)];
                wanting.extend(rights_in_tables(&session, schema, &user).await?);
                (FoundTables::Unknown, wanting)
            }
        }
    };
    problems.extend(wanting);
    if let FoundTables::TooNew(version) = tables {
        problems.push(format!(
            "its tables are those of a newer dialtone (schema {version}), which this one must not \
             use: upgrade it"
        ));
    }
    // Nobody else listens to it.
    let channel = format!("dialtone_check_{:x}", rand::random::<u64>());
    listening.execute(&format!("LISTEN {channel}")).await?;
    session.execute(&format!("NOTIFY {channel}")).await?;
    if tokio::time::timeout(HEARD_WITHIN, heard.notified()).await.is_err() {
        problems.push(
            "what another gateway changes is not heard of (LISTEN): is there a connection pooler in \
             between? It must keep one session for each connection (pgbouncer: pool_mode = session)"
                .to_owned(),
        );
    }
    let problems = problems.into_iter().map(|problem| format!("{name}: {problem}")).collect();
    Ok(FoundDatabase { name, server, tables, problems })
}

fn because(failure: Failure) -> String {
    match failure {
        Failure::Postgres(error) => {
            let said = error.as_db_error().map(|said| said.message().to_owned());
            said.unwrap_or_else(|| error.to_string())
        }
        failure => failure.told("").to_string(),
    }
}

fn compare(found: Option<Version>) -> FoundTables {
    match found {
        None => FoundTables::None,
        Some(found) if found.compatible_from > schema::newest() => {
            FoundTables::TooNew(found.version)
        }
        Some(found) if found.version < schema::newest() => {
            FoundTables::Older(found.version, schema::newest())
        }
        Some(found) => FoundTables::Current(found.version),
    }
}

/// What the user must be given to make the tables, or to work in those there are.
async fn rights(
    session: &Session,
    schema: &str,
    found: Option<Version>,
    user: &str,
) -> Result<Vec<String>, Failure> {
    let is = async |sql: &str, parameters| -> Result<bool, Failure> {
        Ok(session.query(sql, parameters).await?[0].try_get(0)?)
    };
    let by_hand = "or run as another one what `dialtone store migrate --print` prints";
    let Some(found) = found else {
        let exists = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
        let exists = is(exists, parameters![schema]).await?;
        let sql = "SELECT coalesce((SELECT has_schema_privilege(oid, 'CREATE') \
                   FROM pg_catalog.pg_namespace WHERE nspname = $1), \
                   has_database_privilege(current_database(), 'CREATE'))";
        let may = is(sql, parameters![schema]).await?;
        let place = if exists { format!("SCHEMA {schema}") } else { "the database".to_owned() };
        let why = format!(
            "there are no tables, and {user} must not make them: grant it CREATE on {place}, {by_hand}"
        );
        return Ok(if may { Vec::new() } else { vec![why] });
    };
    let mut wanting = Vec::new();
    if found.version < schema::newest() {
        let sql = "SELECT coalesce(bool_and(pg_has_role(tableowner, 'USAGE')), false) \
                   FROM pg_catalog.pg_tables WHERE schemaname = $1";
        if !is(sql, parameters![schema]).await? {
            wanting.push(format!(
                "its tables are those of an older dialtone (schema {}), and {user}, who does not \
                 own them, cannot upgrade them: run as their owner what `dialtone store migrate \
                 --print` prints",
                found.version
            ));
        }
    }
    wanting.extend(rights_in_tables(session, schema, user).await?);
    Ok(wanting)
}

async fn rights_in_tables(
    session: &Session,
    schema: &str,
    user: &str,
) -> Result<Option<String>, Failure> {
    let each = RIGHTS.iter().flat_map(|(table, rights)| rights.iter().map(move |of| (*table, *of)));
    let (tables, rights): (Vec<&str>, Vec<&str>) = each.unzip();
    let sql = "SELECT what.own || ' on ' || name FROM unnest($1::text[], $2::text[]) AS what (name, own) \
               JOIN pg_catalog.pg_class ON relname = name AND relnamespace = $3::text::regnamespace \
               WHERE NOT has_table_privilege(pg_class.oid, what.own)";
    let missing = session.query(sql, parameters![tables, rights, schema]).await?;
    let missing = missing.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    let is_all = missing.is_empty();
    Ok((!is_all).then(|| format!("{user} lacks rights: grant it {}", missing.join(", "))))
}

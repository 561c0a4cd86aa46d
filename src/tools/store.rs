//! `dialtone store migrate`: the tables of a database, for who does not let the gateway make them.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::config_arguments::ConfigArguments;
use crate::config::ConfigError;
use crate::store::url::StoreUrl;
use crate::store::{PostgresStore, StoreError};

/// What can be done to a store as a whole.
#[derive(Debug, Clone, Subcommand)]
pub enum StoreCommand {
    /// Make the tables of a postgres:// store, or bring them up to date. A gateway does that by itself
    /// when it starts, if its user may.
    Migrate(MigrateArguments),
}

/// What `store migrate` takes.
#[derive(Debug, Clone, Args)]
pub struct MigrateArguments {
    /// What every command takes that reads a configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Print the SQL instead, for psql and a user who may make tables; nothing when they are current.
    #[arg(long)]
    pub print: bool,
}

/// Why the tables are as they were.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum StoreCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0} is no database: only a postgres:// store has tables to be made beforehand")]
    NoDatabase(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write standard output")]
    Write(#[source] io::Error),
}

/// Does what the command says. Returns what is to be told besides: standard output is for the SQL.
///
/// # Errors
/// [`StoreCommandError`].
pub async fn run(command: &StoreCommand, mut out: impl Write) -> Result<String, StoreCommandError> {
    let StoreCommand::Migrate(arguments) = command;
    let (config, _) = arguments.config.load()?;
    let StoreUrl::Postgres(url) = config.store.url else {
        return Err(StoreCommandError::NoDatabase(config.store.url.to_string()));
    };
    let name = url.to_string();
    let script = PostgresStore::migration(*url.clone()).await?;
    if script.is_empty() {
        return Ok(format!("{name}: its tables are current, nothing is to be done"));
    }
    if !arguments.print {
        PostgresStore::migrate(*url).await?;
        return Ok(format!("{name}: its tables are current now"));
    }
    out.write_all(script.as_bytes())
        .and_then(|()| out.flush())
        .map_err(StoreCommandError::Write)?;
    Ok(format!(
        "{name}: nothing was changed; run what was printed, then grant the rights to new tables"
    ))
}

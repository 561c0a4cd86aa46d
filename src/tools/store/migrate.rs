//! `dialtone store migrate`: the tables of a database, for who does not let the gateway make them.

use std::io::Write;

use clap::Args;

use super::{StoreCommandError, print};
use crate::store::PostgresStore;
use crate::store::url::StoreUrl;
use crate::tools::config_arguments::ConfigArguments;

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

pub(super) async fn run(
    arguments: &MigrateArguments,
    out: impl Write,
) -> Result<String, StoreCommandError> {
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
    print(out, &script)?;
    Ok(format!(
        "{name}: nothing was changed; run what was printed, then grant the rights to new tables"
    ))
}

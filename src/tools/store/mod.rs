//! `dialtone store …`: what can be done to a store as a whole.

mod key;
mod migrate;
mod rekey;

use std::io::{self, Write};

use clap::Subcommand;

pub use self::key::KeyArguments;
pub use self::migrate::MigrateArguments;
pub use self::rekey::RekeyArguments;
use crate::config::ConfigError;
use crate::store::StoreError;

/// What can be done to a store as a whole.
#[derive(Debug, Clone, Subcommand)]
pub enum StoreCommand {
    /// Make the tables of a postgres:// store, or bring them up to date. A gateway does that by itself
    /// when it starts, if its user may.
    Migrate(MigrateArguments),
    /// Make a key that secrets in a store are encrypted with, see `[store] key_file`.
    Key(KeyArguments),
    /// Encrypt all secrets in the store with the key that is configured now. A file only while no
    /// gateway has it; a database while gateways go on.
    Rekey(RekeyArguments),
}

/// Why the store is as it was.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum StoreCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0} is no database: only a postgres:// store has tables to be made beforehand")]
    NoDatabase(String),
    #[error("memory: is the store of one process and gone with it; name another with --store")]
    InMemory,
    #[error(
        "no key is configured: make one with `dialtone store key --out FILE` and name it with \
         key_file in [store]. To decrypt all instead, say --plain"
    )]
    NoKey,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{file} is not made")]
    KeyFile { file: String, source: io::Error },
    #[error("cannot write standard output")]
    Write(#[source] io::Error),
}

/// Does what the command says. Returns what is to be told besides: standard output is for the SQL,
/// and for the key.
///
/// # Errors
/// [`StoreCommandError`].
pub async fn run(command: &StoreCommand, out: impl Write) -> Result<String, StoreCommandError> {
    match command {
        StoreCommand::Migrate(arguments) => migrate::run(arguments, out).await,
        StoreCommand::Key(arguments) => key::run(arguments, out),
        StoreCommand::Rekey(arguments) => rekey::run(arguments).await,
    }
}

fn print(mut out: impl Write, text: &str) -> Result<(), StoreCommandError> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(StoreCommandError::Write)
}

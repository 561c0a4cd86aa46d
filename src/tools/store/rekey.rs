//! `dialtone store rekey`: all secrets of a store under the key that is configured now, or plain.

use clap::Args;

use super::StoreCommandError;
use crate::store::url::StoreUrl;
use crate::store::{Cipher, PostgresStore, Rekeyed, SqliteStore, StoreError};
use crate::tools::config_arguments::ConfigArguments;

/// What `store rekey` takes.
#[derive(Debug, Clone, Args)]
pub struct RekeyArguments {
    /// What every command takes that reads a configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Decrypt all instead, with the keys that are configured.
    #[arg(long)]
    pub plain: bool,
}

pub(super) async fn run(arguments: &RekeyArguments) -> Result<String, StoreCommandError> {
    let (config, _) = arguments.config.load()?;
    let keys = config.store.keys.load()?;
    if !arguments.plain && !keys.seals() {
        return Err(StoreCommandError::NoKey);
    }
    let cipher = if arguments.plain { keys.writing_plain() } else { keys };
    let (name, rekeyed, left) = match config.store.url {
        StoreUrl::Memory => return Err(StoreCommandError::InMemory),
        StoreUrl::Sqlite(path) => {
            let (file, cipher) = (path.clone(), cipher.clone());
            let name = path.display().to_string();
            let working = tokio::task::spawn_blocking(move || SqliteStore::rekey(&file, &cipher));
            let stopped = |stopped| StoreError::Unavailable {
                what: name.clone(),
                why: format!("it did not finish: {stopped}"),
            };
            let rekeyed = working.await.map_err(stopped)??;
            (name, rekeyed, "backups of before have them as they were")
        }
        StoreUrl::Postgres(url) => {
            let name = url.name().to_owned();
            let rekeyed = PostgresStore::rekey(*url, cipher.clone()).await?;
            let left = "as they were, they are in the table's files until a VACUUM FULL, in the \
                        server's log of changes (WAL) and in backups";
            (name, rekeyed, left)
        }
    };
    Ok(told(&name, rekeyed, &cipher, left))
}

fn told(name: &str, rekeyed: Rekeyed, cipher: &Cipher, left: &str) -> String {
    let Rekeyed { rewritten, kept } = rekeyed;
    let how = match cipher.writing_id() {
        Some(id) => format!("encrypted with the key {id}"),
        None => "decrypted".to_owned(),
    };
    let rest = if rewritten > 0 { format!("; {left}") } else { String::new() };
    format!("{name}: {rewritten} secrets {how}, {kept} were so already{rest}")
}

//! `dialtone store key`: a key that secrets in a store are encrypted with.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args;

use super::{StoreCommandError, print};
use crate::ambient::{Random, SystemRandom};
use crate::domain::to_hex;
use crate::store::StoreKey;

/// What `store key` takes.
#[derive(Debug, Clone, Args)]
pub struct KeyArguments {
    /// Write it to a new file, which only its owner may read, instead of printing it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(arguments: &KeyArguments, out: impl Write) -> Result<String, StoreCommandError> {
    let mut bytes = [0; 32];
    SystemRandom.fill(&mut bytes);
    let text = format!("{}\n", to_hex(&bytes));
    let id = StoreKey::new(bytes).id().to_owned();
    let Some(path) = &arguments.out else {
        print(out, &text)?;
        return Ok(format!("key {id}: keep it apart from the store and its backups"));
    };
    let failed = |source| StoreCommandError::KeyFile { file: path.display().to_string(), source };
    // A key that is there may be the only one that opens a store.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(failed)?;
    Ok(format!(
        "{}: key {id}; keep a copy apart from the store and its backups: without it nothing that is \
         encrypted with it is ever read again",
        path.display()
    ))
}

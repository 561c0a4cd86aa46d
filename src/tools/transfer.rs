//! `dialtone export` and `dialtone import`: the whole registry as one JSON
//! document, between this machine's store and a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::config_arguments::ConfigArguments;
use super::local::{self, IfMissing, LocalError, LocalStore};
use crate::ambient::{Clock, SystemClock, SystemRandom};
use crate::config::ConfigError;
use crate::registry::{self, Counts, Document, ExportError, ImportError, Imported};

/// What `export` takes.
#[derive(Debug, Clone, Args)]
pub struct ExportArguments {
    /// What every command takes that reads a configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
    /// With hashes of passwords and keys, and the secret settings. Without them
    /// the document is no backup.
    #[arg(long)]
    pub with_secrets: bool,
    /// Write to a new file that only its owner can read, instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What `import` takes.
#[derive(Debug, Clone, Args)]
pub struct ImportArguments {
    /// What every command takes that reads a configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
    /// The document; `-` is standard input, which is copied to the folder for temporary files: it is
    /// read more than once.
    pub file: PathBuf,
}

/// Why nothing was moved.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("export")]
    Export(#[source] ExportError),
    #[error("cannot write {what}")]
    Write { what: String, source: io::Error },
    #[error("cannot read {what}")]
    Read { what: String, source: io::Error },
    #[error("{what} has {written} when it is read again, and {read} were read from the store")]
    Differs { what: String, written: Counts, read: Counts },
    #[error("{what} cannot be read again")]
    ReadAgain { what: String, source: ImportError },
    #[error("import of {what}")]
    Import { what: String, source: ImportError },
}

/// Writes the document to `out`, or to the file that is named; a file is read again, and what it
/// has counted.
///
/// # Errors
/// [`TransferError`]; no file is left then, a part may have gone to `out`.
pub async fn export(arguments: &ExportArguments, out: impl Write) -> Result<Counts, TransferError> {
    let (config, _) = arguments.config.load()?;
    let instead = "stop it for the export";
    let local = LocalStore::open(&config, IfMissing::Refuse, instead).await?;
    let exported = match &arguments.output {
        None => export_to(&local, arguments.with_secrets, "standard output", out).await,
        Some(path) => export_to_file(&local, arguments.with_secrets, path).await,
    };
    local.close().await;
    exported
}

async fn export_to_file(
    local: &LocalStore,
    with_secrets: bool,
    path: &Path,
) -> Result<Counts, TransferError> {
    let what = shown(path);
    let failed = |source| TransferError::Write { what: what.clone(), source };
    // Never over another file: it may be the last good export.
    let mut file = new_private_file(path).map_err(failed)?;
    let exported = async {
        let read = export_to(local, with_secrets, &what, &mut file).await?;
        file.sync_all().map_err(failed)?;
        let document = Document::read(&mut file)
            .map_err(|source| TransferError::ReadAgain { what: what.clone(), source })?;
        let written = document.counts();
        let what = what.clone();
        if written == read { Ok(read) } else { Err(TransferError::Differs { what, written, read }) }
    };
    let exported = exported.await;
    if exported.is_err() {
        // What stays is told to be of no use by the error.
        let _ = std::fs::remove_file(path);
    }
    exported
}

async fn export_to(
    local: &LocalStore,
    with_secrets: bool,
    what: &str,
    out: impl Write,
) -> Result<Counts, TransferError> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let exported = registry::export(&*local.store, with_secrets, &mut out).await;
    exported.map_err(|error| match error {
        ExportError::Write(source) => TransferError::Write { what: what.to_owned(), source },
        error => TransferError::Export(error),
    })
}

/// So much of a document is written at a time.
const BUFFER: usize = 256 * 1024;

/// Reads the document into the store, which must be empty; one that is not
/// there is made. On return it is durable, and was counted in the store.
///
/// # Errors
/// [`TransferError`]; the registry is as it was, and none was made, unless the source is
/// [`ImportError::Unfinished`] and the store was there before.
pub async fn import(
    arguments: &ImportArguments,
    input: impl Read,
) -> Result<Imported, TransferError> {
    let (config, _) = arguments.config.load()?;
    let what = shown(&arguments.file);
    let file = match what.as_str() {
        "-" => copied(input),
        _ => File::open(&arguments.file)
            .and_then(|file| if file.metadata()?.is_file() { Ok(file) } else { copied(file) }),
    };
    let file = file.map_err(|source| TransferError::Read { what: what.clone(), source })?;
    let failed = |source| match source {
        ImportError::Read(source) => TransferError::Read { what: what.clone(), source },
        source => TransferError::Import { what: what.clone(), source },
    };
    let checked = Document::read(file).and_then(|document| document.check(SystemClock.now()));
    let document = checked.map_err(failed)?;
    let catalogue = local::catalogue(&config)?;
    let local = LocalStore::open(&config, IfMissing::Make, "stop it for the import").await?;
    match registry::import(&local.store, &catalogue, document, &SystemRandom).await {
        Ok(imported) => {
            local.close().await;
            Ok(imported)
        }
        Err(error) => {
            // With a part of a document in it it is of no use either.
            local.close_unused().await;
            Err(failed(error))
        }
    }
}

/// A file without a name that has what can be read but once.
fn copied(mut input: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut input, &mut file)?;
    Ok(file)
}

fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}

fn new_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{
        "version": 1,
        "companies": [{ "company": "acme" }],
        "users": [{ "login": "root", "role": "System-Admin", "key": "dt_a_key_of_enough_characters_to_be_taken" }],
        "devices": [{ "mac": "02005e100001", "phone_type": "linphone", "ports": [
            { "port": 0, "company": "acme", "settings": { "lines": { "1": { "user": "100", "password": "hunter2" } } } }
        ] }]
    }"#;

    fn config(directory: &Path) -> ConfigArguments {
        let store = format!("sqlite:{}", directory.join("store.db").display());
        ConfigArguments { config: None, store: Some(store), templates: None }
    }

    fn told(error: &TransferError) -> String {
        crate::domain::ErrorChain(error).to_string()
    }

    async fn import_text(directory: &Path, text: &str) -> Result<Imported, TransferError> {
        let arguments = ImportArguments { config: config(directory), file: "-".into() };
        import(&arguments, text.as_bytes()).await
    }

    #[tokio::test]
    async fn what_was_exported_with_secrets_is_imported_the_same() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let imported = import_text(one.path(), DOCUMENT).await.unwrap();
        let counts = Counts { companies: 1, users: 1, devices: 1, phones: 1, ..Counts::default() };
        assert_eq!(imported.counts, counts);
        let export_of = async |directory: &Path, with_secrets| {
            let config = config(directory);
            let arguments = ExportArguments { config, with_secrets, output: None };
            let mut out = Vec::new();
            export(&arguments, &mut out).await.unwrap();
            String::from_utf8(out).unwrap()
        };
        let whole = export_of(one.path(), true).await;
        assert!(whole.contains("hunter2"));
        import_text(other.path(), &whole).await.unwrap();
        assert_eq!(export_of(other.path(), true).await, whole);
        assert!(!export_of(one.path(), false).await.contains("hunter2"));
    }

    #[tokio::test]
    async fn an_export_to_a_file_is_private_and_over_no_other() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        import_text(directory.path(), DOCUMENT).await.unwrap();
        let output = directory.path().join("export.json");
        let arguments = ExportArguments {
            config: config(directory.path()),
            with_secrets: true,
            output: Some(output.clone()),
        };
        export(&arguments, io::sink()).await.unwrap();
        assert_eq!(output.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let error = told(&export(&arguments, io::sink()).await.unwrap_err());
        assert!(error.contains("export.json: File exists"), "{error}");
    }

    #[tokio::test]
    async fn a_document_that_is_wrong_makes_no_store() {
        let directory = tempfile::tempdir().unwrap();
        for (text, why) in [
            (r#"{ "version": 3 }"#, "import of -: the document has version 3"),
            (
                r#"{ "version": 1, "companies": [{ "company": "a b" }] }"#,
                "import of -: companies[0]",
            ),
        ] {
            let error = told(&import_text(directory.path(), text).await.unwrap_err());
            assert!(error.starts_with(why), "{error}");
            assert_eq!(directory.path().read_dir().unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn a_store_that_was_made_and_not_used_goes_again() {
        let directory = tempfile::tempdir().unwrap();
        let open = async || {
            let (config, _) = config(directory.path()).load().unwrap();
            LocalStore::open(&config, IfMissing::Make, "").await.unwrap()
        };
        open().await.close_unused().await;
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
        open().await.close().await;
        open().await.close_unused().await;
        assert!(directory.path().join("store.db").exists(), "it was there before");
    }

    #[tokio::test]
    async fn a_store_that_has_something_is_not_imported_over() {
        let directory = tempfile::tempdir().unwrap();
        import_text(directory.path(), DOCUMENT).await.unwrap();
        let error = told(&import_text(directory.path(), DOCUMENT).await.unwrap_err());
        assert!(error.contains("the registry is not empty"), "{error}");
    }
}

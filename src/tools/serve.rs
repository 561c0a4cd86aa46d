//! `dialtone serve`: the process around the gateway.

use std::io;

use rustix::fs::Mode;
use rustix::process::umask;

use super::config_arguments::ServeArguments;
use super::log_lines::{JsonLines, text_fields};
use crate::app::{self, AppError};
use crate::config::{ConfigError, LogFormat, LogSection};

/// Why the gateway did not start, or not to its end.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the runtime cannot be started")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    App(#[from] AppError),
}

/// Reads the configuration and serves until the process is told to end.
///
/// # Errors
/// [`ServeError`]; nothing was served before one of the first two.
pub fn run(arguments: &ServeArguments) -> Result<(), ServeError> {
    keep_files_private();
    let (config, warnings) = arguments.load()?;
    begin_log(&config.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let served = runtime.block_on(app::run(&config));
    // A folder of templates that hangs while it is read must not keep the process.
    runtime.shutdown_background();
    Ok(served?)
}

/// Whatever file is made from here on, also by a library, is its owner's alone. Each place that makes
/// one says so, too: this is for the one that forgets, and whatever umask a service has.
fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Logs to standard error: standard output is for what a command was asked for.
fn begin_log(log: &LogSection) {
    let builder = tracing_subscriber::fmt().with_env_filter(log.level.env_filter());
    match log.format {
        LogFormat::Text => builder
            .with_writer(io::stderr)
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .fmt_fields(text_fields())
            .init(),
        LogFormat::Json => {
            builder.json().flatten_event(true).with_writer(|| JsonLines(io::stderr())).init();
        }
    }
}

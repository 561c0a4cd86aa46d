//! `dialtone serve`: an [`App`] in a process, with its signals and its first words.

use std::io::Write;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{App, AppError, process};
use crate::config::Config;

/// Serves until SIGTERM or SIGINT, then drains. SIGHUP reads certificates and
/// catalogue again. Files that are still being read when it is told to end are not waited for:
/// the caller's runtime is not to wait for its blocking tasks either.
///
/// # Errors
/// Whatever keeps the gateway from starting.
pub async fn run(config: &Config) -> Result<(), AppError> {
    let listen = |kind| {
        signal(kind).map_err(|source| AppError::Io { what: "listening for signals", source })
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let app = App::start(&process::fit_descriptors(config.clone())).await?;
    // Standard output may be gone (a closed pipe); that is no reason not to serve.
    if announce(&app, std::io::stdout().lock()).is_err() && app.first_key().is_some() {
        tracing::warn!(
            "the first key could not be shown on standard output; the next start makes another"
        );
    }
    until_told(&app, &mut terminate, &mut interrupt, &mut hang_up).await;
    tracing::info!("stopping: no new connections, requests are finished");
    let drained = app.shutdown().await;
    if drained.cut > 0 {
        tracing::warn!(cut = drained.cut, "connections were cut at the end of the grace period");
    }
    tracing::info!("stopped");
    Ok(())
}

async fn until_told(
    app: &App,
    terminate: &mut Signal,
    interrupt: &mut Signal,
    hang_up: &mut Signal,
) {
    // One at a time. However often it is asked for meanwhile, it is done once more.
    let reloading = async {
        while hang_up.recv().await.is_some() {
            app.reload().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = reloading => unreachable!("a signal stream has no end"),
    }
}

/// Where it listens, and the first key if this start made one.
fn announce(app: &App, mut out: impl Write) -> std::io::Result<()> {
    let addresses = app.addresses();
    writeln!(out, "dialtone {}", env!("CARGO_PKG_VERSION"))?;
    for address in &addresses.http {
        writeln!(out, "  handsets  http://{address}")?;
    }
    for address in &addresses.https {
        writeln!(out, "  handsets  https://{address}")?;
    }
    let scheme = if addresses.admin_is_tls { "https" } else { "http" };
    for address in &addresses.admin {
        writeln!(out, "  admin     {scheme}://{address}")?;
    }
    if let Some(key) = app.first_key() {
        writeln!(out, "  first key {key}")?;
        writeln!(
            out,
            "            of the System-Admin `admin`; each start makes another until one is used"
        )?;
    }
    // Scripts wait for this line.
    writeln!(out, "ready")?;
    out.flush()
}

//! `dialtone serve`: an [`App`] in a process, with its signals and its first words.

use std::io::Write;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::starting::Starting;
use super::{Addresses, App, AppError, process};
use crate::ambient::SystemClock;
use crate::config::Config;

/// Serves until SIGTERM or SIGINT, then drains. SIGHUP reads certificates and
/// catalogue again. Files that are still being read when it is told to end are not waited for:
/// the caller's runtime is not to wait for its blocking tasks either.
///
/// # Errors
/// Whatever keeps the gateway from starting.
pub async fn run(config: &Config) -> Result<(), AppError> {
    let mut signals = Signals::listen()?;
    tracing::info!(node = config.node.name, version = env!("CARGO_PKG_VERSION"), "starting");
    let config = process::fit_descriptors(config.clone());
    let mut starting = Starting::begin(&config, Arc::new(SystemClock))?;
    // Standard output may be gone (a closed pipe); that is no reason not to serve.
    let _ = announce(starting.addresses(), std::io::stdout().lock());
    let opened = tokio::select! {
        opened = starting.open() => Some(opened),
        () = signals.end() => None,
    };
    let opened = match opened {
        Some(Ok(opened)) => opened,
        Some(Err(error)) => {
            starting.shutdown().await;
            return Err(error);
        }
        None => {
            starting.shutdown().await;
            tracing::info!("stopped before phones were served");
            return Ok(());
        }
    };
    let mut app = starting.serve(opened);
    let made = tokio::select! {
        made = app.make_first_key() => made.map(|()| true),
        () = signals.end() => Ok(false),
    };
    if let Ok(true) = made {
        if announce_ready(app.first_key(), std::io::stdout().lock()).is_err()
            && app.first_key().is_some()
        {
            tracing::warn!(
                "the first key could not be shown on standard output; the next start makes another"
            );
        }
        until_told(&app, &mut signals).await;
    }
    tracing::info!("stopping: no new connections, requests are finished");
    let drained = app.shutdown().await;
    if drained.cut > 0 {
        tracing::warn!(cut = drained.cut, "connections were cut at the end of the grace period");
    }
    tracing::info!("stopped");
    made.map(drop)
}

/// What the process is told. One that comes before it is waited for is not lost.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, AppError> {
        let listen = |kind| {
            signal(kind).map_err(|source| AppError::Io { what: "listening for signals", source })
        };
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Returns when it is told to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn until_told(app: &App, signals: &mut Signals) {
    let Signals { terminate, interrupt, hang_up } = signals;
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

/// Where it listens.
fn announce(addresses: &Addresses, mut out: impl Write) -> std::io::Result<()> {
    writeln!(out, "dialtone {}", env!("CARGO_PKG_VERSION"))?;
    for phones in &addresses.handsets {
        let (scheme, of_listener) = (phones.scheme(), phones.of_listener());
        writeln!(out, "  handsets  {scheme}://{}{of_listener}", phones.address)?;
    }
    let scheme = if addresses.admin_is_tls { "https" } else { "http" };
    for address in &addresses.admin {
        writeln!(out, "  admin     {scheme}://{address}")?;
    }
    out.flush()
}

/// That phones are served, and the first key if this start made one.
fn announce_ready(first_key: Option<&str>, mut out: impl Write) -> std::io::Result<()> {
    if let Some(key) = first_key {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::HandsetAddress;

    #[test]
    fn each_address_is_told_with_the_name_of_its_listener() {
        let phones = |listener: Option<&str>, is_tls, address: &str| HandsetAddress {
            listener: listener.map(str::to_owned),
            is_tls,
            address: address.parse().unwrap(),
        };
        let addresses = Addresses {
            handsets: vec![
                phones(None, true, "192.0.2.1:443"),
                phones(Some("old-phones"), false, "10.20.0.2:8080"),
            ],
            admin: vec!["127.0.0.1:8081".parse().unwrap()],
            admin_is_tls: false,
        };
        let mut told = Vec::new();
        announce(&addresses, &mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        let lines: Vec<&str> = told.lines().skip(1).collect();
        let expected = [
            "  handsets  https://192.0.2.1:443",
            "  handsets  http://10.20.0.2:8080 (old-phones)",
            "  admin     http://127.0.0.1:8081",
        ];
        assert_eq!(lines, expected);
    }
}

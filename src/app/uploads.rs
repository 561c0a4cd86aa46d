//! Counts what phones sent, removes what is no phone's any more, and tries out whether more can be
//! kept, as long as the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::registry::Registry;
use crate::uploads::Uploads;

/// How often all uploads are looked through: what a phone sent outlives its deletion by that.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3_600);

/// How long after a look that failed another one is made; until one succeeds nothing is taken in.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// How often the folder is tried out: whoever watches over the gateway hears so soon of a disk that
/// is full, also when no phone sends anything.
const TRY_INTERVAL: Duration = Duration::from_secs(60);

/// What comes of it is noted by the uploads themselves.
pub(super) async fn try_out(uploads: Arc<Uploads>, stop: CancellationToken) {
    loop {
        let all = uploads.clone();
        let _ = tokio::task::spawn_blocking(move || all.try_out()).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TRY_INTERVAL) => {}
        }
    }
}

pub(super) async fn sweep(uploads: Arc<Uploads>, registry: Arc<Registry>, stop: CancellationToken) {
    loop {
        let (all, of) = (uploads.clone(), registry.clone());
        let swept = tokio::task::spawn_blocking(move || all.count(|mac| of.sender(mac))).await;
        let wait = match swept {
            Ok(Ok(0)) => SWEEP_INTERVAL,
            Ok(Ok(gone)) => {
                tracing::info!(gone, "uploads of phones that are no more were removed");
                SWEEP_INTERVAL
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the folder of uploads could not be looked through");
                RETRY_INTERVAL
            }
            Err(error) => {
                tracing::error!(%error, "the folder of uploads could not be looked through");
                RETRY_INTERVAL
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

//! Looks through the files for phones again and again, as long as the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::files::Files;

/// So long a file is there before phones get it. A look reads names, and the files `VERSION`.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

pub(super) async fn run(files: Arc<Files>, stop: CancellationToken) {
    let mut failed = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let looked = look(files.clone()).await;
        // Once for each time that it begins to fail: a disk that is gone stays so for hours.
        if let Err(error) = &looked
            && !failed
        {
            tracing::warn!(%error, "the folder of files for phones could not be looked through");
        }
        failed = looked.is_err();
    }
}

/// Has what came and went count from now on.
pub(super) async fn look(files: Arc<Files>) -> std::io::Result<()> {
    tokio::task::spawn_blocking(move || files.look()).await.map_err(std::io::Error::other)?
}

//! Removes inactive devices that are due to go, as long as the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::ErrorChain;
use crate::registry::Registry;

/// How often inactive devices are looked through for those that are due to go. Of several gateways one
/// does it, and is to ask for that within half an hour, see `Store::leads`.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(600);

pub(super) async fn run(registry: Arc<Registry>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EXPIRY_INTERVAL) => {}
        }
        match registry.expire_for_all().await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(gone, "inactive devices nobody asked for were removed"),
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "inactive devices could not be removed");
            }
        }
    }
}

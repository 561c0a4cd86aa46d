//! What SIGHUP asks for.

use std::sync::Arc;
use std::time::SystemTime;

use super::{App, AppError};
use crate::catalogue::Catalogue;
use crate::domain::ErrorChain;
use crate::registry::PublicUrl;

impl App {
    /// Reads the certificates and the catalogue again, as SIGHUP asks. What is
    /// bad is logged and the old one stays in force.
    pub async fn reload(&self) {
        tracing::info!("reading certificates and the catalogue again");
        for tls in self.tls.clone() {
            let reloaded = tokio::task::spawn_blocking(move || tls.reload(SystemTime::now())).await;
            match reloaded {
                Ok(Ok(())) => tracing::info!("certificates were read again"),
                Ok(Err(error)) => {
                    tracing::error!(error = %ErrorChain(&error), "the old certificates stay in use");
                }
                Err(error) => tracing::error!(%error, "reading certificates failed"),
            }
        }
        if let Some(files) = self.files.clone()
            && let Err(error) = super::files::look(files).await
        {
            tracing::error!(%error, "the folder of files for phones could not be looked through");
        }
        match self.reload_catalogue().await {
            Ok(types) => tracing::info!(types, "the catalogue was read again"),
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "the old catalogue stays in use");
            }
        }
    }

    async fn reload_catalogue(&self) -> Result<usize, AppError> {
        let sources = self.sources.clone();
        let loaded = tokio::task::spawn_blocking(move || Catalogue::load(&sources))
            .await
            .map_err(|error| AppError::Io {
                what: "reading the catalogue",
                source: std::io::Error::other(error),
            })??;
        let now = self.registry.clock().now();
        let digest = PublicUrl::digest(self.public_url.as_ref(), loaded.digest());
        let since = self.store.catalogue_since(&digest, now).await?;
        let types = loaded.types().len();
        self.registry.replace_catalogue(Arc::new(loaded.with_served_since(since)));
        Ok(types)
    }
}

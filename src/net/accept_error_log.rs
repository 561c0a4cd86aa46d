//! What is wrong with accepting, in the log once per interval: while descriptors are short the
//! same error comes twenty times a second.

use std::io;
use std::time::Instant;

use tokio::net::TcpListener;

use super::LOG_INTERVAL;
use crate::domain::LogRate;

pub(super) struct AcceptErrorLog(LogRate);

impl Default for AcceptErrorLog {
    fn default() -> AcceptErrorLog {
        AcceptErrorLog(LogRate::new(LOG_INTERVAL))
    }
}

/// The same on Linux, macOS and the BSDs.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Whether the process or the system has no descriptor left.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

impl AcceptErrorLog {
    pub(super) fn report(&self, listener: &TcpListener, error: &io::Error) {
        let Some(not_logged) = self.0.due_at(Instant::now()) else { return };
        let advice = match error.raw_os_error() {
            Some(EMFILE) => {
                "; raise the process's limit of open files (LimitNOFILE= of the service, ulimit -n) \
                 or lower max_connections; until then connections that were of no use are closed"
            }
            Some(ENFILE) => "; raise the system's limit of open files (fs.file-max)",
            _ => "",
        };
        let listener = listener.local_addr().map(|address| address.to_string());
        tracing::error!(
            listener = listener.as_deref().unwrap_or("unknown"),
            not_logged,
            "cannot accept a connection: {error}{advice}",
        );
    }
}

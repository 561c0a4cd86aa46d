//! What is wrong with accepting, in the log once per interval: while descriptors are short the
//! same error comes twenty times a second.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct AcceptErrorLog {
    last: Option<Instant>,
    suppressed: u64,
}

impl AcceptErrorLog {
    const INTERVAL: Duration = Duration::from_secs(10);
    /// The same on Linux, macOS and the BSDs.
    pub const ENFILE: i32 = 23;
    pub const EMFILE: i32 = 24;

    pub fn report(&mut self, listener: &TcpListener, error: &io::Error) {
        if !self.due(Instant::now()) {
            return;
        }
        let advice = match error.raw_os_error() {
            Some(Self::EMFILE) => "; raise the process's limit of open files (ulimit -n)",
            Some(Self::ENFILE) => "; raise the system's limit of open files (fs.file-max)",
            _ => "",
        };
        let listener = listener.local_addr().map(|address| address.to_string());
        tracing::error!(
            listener = listener.as_deref().unwrap_or("unknown"),
            not_logged = std::mem::take(&mut self.suppressed),
            "cannot accept a connection: {error}{advice}",
        );
    }

    fn due(&mut self, now: Instant) -> bool {
        let due = self.last.is_none_or(|last| now - last >= Self::INTERVAL);
        if due {
            self.last = Some(now);
        } else {
            self.suppressed += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_standing_error_is_logged_once_per_interval() {
        let mut error_log = AcceptErrorLog::default();
        assert!(error_log.due(Instant::now()));
        assert!(!error_log.due(Instant::now()));
        assert_eq!(error_log.suppressed, 1);
        tokio::time::advance(AcceptErrorLog::INTERVAL).await;
        assert!(error_log.due(Instant::now()));
    }
}

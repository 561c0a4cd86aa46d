//! What can go wrong between a phone and the gateway, and in what a phone got.

use std::error::Error;
use std::io;

use super::read_config::Unreadable;

/// No answer could be had.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("this machine has no port or descriptor left")]
    Exhausted(#[source] io::Error),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("TLS")]
    Tls(#[source] io::Error),
    #[error("no answer in time")]
    AnswerTimeout,
    #[error("the connection was closed before the answer")]
    Closed(#[source] hyper::Error),
    #[error("not an HTTP answer")]
    Malformed(#[source] Box<dyn Error + Send + Sync>),
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
}

/// Why a boot failed.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("{file}")]
    Exchange {
        file: String,
        #[source]
        fault: ExchangeError,
    },
    /// A status that neither serves nor refuses, or an overload that lasted.
    #[error("{file}: status {status}")]
    Status { file: String, status: u16 },
    #[error("{file} cannot be used")]
    Unreadable {
        file: String,
        #[source]
        why: Unreadable,
    },
    #[error("{refused} of {all} files it needs were refused")]
    HalfRefused { refused: usize, all: usize },
    #[error("its files have no line it could register with")]
    NoLine,
}

impl ExchangeError {
    /// A short name to count by.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            ExchangeError::Connect(_) => "connect",
            ExchangeError::Exhausted(_) => "simulator out of ports",
            ExchangeError::ConnectTimeout => "connect timeout",
            ExchangeError::Tls(_) => "tls",
            ExchangeError::AnswerTimeout => "answer timeout",
            ExchangeError::Closed(_) => "closed before answer",
            ExchangeError::Malformed(_) => "malformed answer",
            ExchangeError::TooLarge(_) => "answer too large",
        }
    }
}

impl BootError {
    /// A short name to count by.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            BootError::Exchange { fault, .. } => fault.kind().to_owned(),
            BootError::Status { status, .. } => format!("status {status}"),
            BootError::Unreadable { .. } => Unreadable::KIND.to_owned(),
            BootError::HalfRefused { .. } => "half refused".to_owned(),
            BootError::NoLine => "no line".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ErrorChain;

    #[test]
    fn a_failed_boot_tells_its_causes_and_each_once() {
        let file = "a.cfg".to_owned();
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let fault = ExchangeError::Connect(refused);
        let failed = BootError::Exchange { file: file.clone(), fault };
        assert_eq!(ErrorChain(&failed).to_string(), "a.cfg: cannot connect: connection refused");
        let failed = BootError::Unreadable { file, why: Unreadable::NotText };
        let told = ErrorChain(&failed).to_string();
        assert_eq!(told, "a.cfg cannot be used: it has a NUL or no lines at all");
    }
}

//! What can go wrong between a phone and the gateway, and in what a phone got.

use super::read_config::Unreadable;

/// No answer could be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("this machine has no port or descriptor left: {0}")]
    Exhausted(String),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("TLS: {0}")]
    Tls(String),
    #[error("no answer in time")]
    AnswerTimeout,
    #[error("the connection was closed before the answer: {0}")]
    Closed(String),
    #[error("not an HTTP answer: {0}")]
    Malformed(String),
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
}

/// Why a boot failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    #[error("{file}: {fault}")]
    Exchange { file: String, fault: ExchangeError },
    /// A status that neither serves nor refuses, or an overload that lasted.
    #[error("{file}: status {status}")]
    Status { file: String, status: u16 },
    #[error("{file} cannot be used: {why}")]
    Unreadable { file: String, why: Unreadable },
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

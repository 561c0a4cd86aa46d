//! What can go wrong between a phone and the gateway, and in what a phone got.

use super::read_config::Unreadable;

/// No answer could be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
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
pub enum Failure {
    #[error("{file}: {fault}")]
    Fault { file: String, fault: Fault },
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

impl Fault {
    /// A short name to count by.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Connect(_) => "connect",
            Fault::Exhausted(_) => "simulator out of ports",
            Fault::ConnectTimeout => "connect timeout",
            Fault::Tls(_) => "tls",
            Fault::AnswerTimeout => "answer timeout",
            Fault::Closed(_) => "closed before answer",
            Fault::Malformed(_) => "malformed answer",
            Fault::TooLarge(_) => "answer too large",
        }
    }
}

impl Failure {
    /// A short name to count by.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Failure::Fault { fault, .. } => fault.kind().to_owned(),
            Failure::Status { status, .. } => format!("status {status}"),
            Failure::Unreadable { .. } => Unreadable::KIND.to_owned(),
            Failure::HalfRefused { .. } => "half refused".to_owned(),
            Failure::NoLine => "no line".to_owned(),
        }
    }
}

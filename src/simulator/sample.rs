//! One request, and how it ended.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::connection::Answer;
use super::error::ExchangeError;

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// 2xx.
    Served,
    /// 304.
    NotModified,
    /// 401, and the phone asks again, with credentials.
    Challenged,
    /// 4xx.
    Refused,
    /// 5xx, 429 and whatever else a phone takes for trouble.
    Trouble,
    /// No answer.
    Fault,
}

impl Ending {
    /// Every kind with the name it is reported by.
    pub const ALL: [(Ending, &'static str); 6] = [
        (Ending::Served, "served"),
        (Ending::NotModified, "not_modified"),
        (Ending::Challenged, "challenged"),
        (Ending::Refused, "refused"),
        (Ending::Trouble, "trouble"),
        (Ending::Fault, "fault"),
    ];

    /// What an answer's status is to a phone that does not ask again with credentials.
    #[must_use]
    pub fn of(answer: &Answer) -> Ending {
        match answer.status {
            StatusCode::NOT_MODIFIED => Ending::NotModified,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Ending::Trouble,
            status if status.is_success() => Ending::Served,
            status if status.is_client_error() => Ending::Refused,
            _ => Ending::Trouble,
        }
    }
}

/// What went wrong with one request, by the names that failures of boots have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// No answer, or one the phone cannot use.
    Named(&'static str),
    /// An answer that is [`Ending::Trouble`].
    Status(u16),
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Named(name) => f.write_str(name),
            ErrorKind::Status(status) => write!(f, "status {status}"),
        }
    }
}

impl ErrorKind {
    /// What is wrong with the outcome of a request, if anything is.
    #[must_use]
    pub fn of(result: &Result<Answer, ExchangeError>) -> Option<ErrorKind> {
        match result {
            Err(fault) => Some(ErrorKind::Named(fault.kind())),
            Ok(answer) if Ending::of(answer) == Ending::Trouble => {
                Some(ErrorKind::Status(answer.status.as_u16()))
            }
            Ok(_) => None,
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Place in the report's list of files.
    pub file: usize,
    /// How the request ended.
    pub ending: Ending,
    /// How long it took from when the phone wanted the file: the first of a boot from the moment
    /// the boot was due, so that what the simulator or a full gateway held up counts.
    pub latency: Duration,
    /// How long it took on the wire only; `None` without an answer.
    pub took: Option<Duration>,
    /// Bytes of the answer's body; 0 without one.
    pub body_bytes: usize,
    /// Opened for it, with the handshake of TLS where there is one: none when an open one was used.
    pub connections: u32,
    /// Counts also where asking again helped.
    pub error: Option<ErrorKind>,
}

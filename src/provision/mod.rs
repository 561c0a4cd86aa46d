//! A handset's request, without HTTP: a [`Fetch`] in, a [`Reply`] out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::domain::Timestamp;

/// What a handset asked, with all that the edge knows of who asked.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Path and query as received, percent-encoded; at most the edge's limit of bytes.
    pub target: String,
    pub user_agent: Option<String>,
    /// The other headers that say something about the handset, lower-case names.
    pub headers: Vec<(String, String)>,
    pub address: IpAddr,
    /// Subject CN of the verified client certificate, when there was one.
    pub certificate: Option<String>,
}

/// What the handset gets.
#[derive(Debug, Clone)]
pub enum Reply {
    File(Arc<Rendered>),
    /// Unknown, inactive, over quota, no such file: all one.
    Refused,
    /// A fault of ours; the handset keeps what it has and comes again.
    Unavailable {
        retry_after: Duration,
    },
}

/// One rendered file, ready to be sent.
#[derive(Debug)]
pub struct Rendered {
    pub body: Bytes,
    pub content_type: Arc<str>,
    /// Strong entity tag from the bytes, with its quotes.
    pub etag: Box<str>,
    pub last_modified: Timestamp,
}

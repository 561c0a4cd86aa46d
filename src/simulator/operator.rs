//! An operator at the admin API: calls over HTTP, with an API key in the body, timed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;

use super::connection::Connection;
use super::dial::Dialer;
use super::error::ExchangeError;
use super::measure::Latencies;
use crate::domain::ErrorChain;

/// A listing of a hundred thousand phones is some 12 MB.
const MOST_BODY: usize = 256 * 1024 * 1024;

/// One verb, added up.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// How long the calls took.
    pub latency: Latencies,
    /// Calls that brought nothing.
    pub failed: u64,
    /// What the first failure said.
    pub example: Option<String>,
}

/// Why a call brought nothing.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    ExchangeError(#[from] ExchangeError),
    #[error("status {0}")]
    Status(StatusCode),
    #[error("the reply is not what the API promises: {0}")]
    NotAReply(String),
    /// `result` is `fail`.
    #[error("{0}")]
    Refused(String),
}

/// One operator with one connection at a time, kept open between calls.
pub struct Operator {
    dialer: Arc<Dialer>,
    tls: Option<Arc<ClientConfig>>,
    key: String,
    link: AsyncMutex<Option<Connection>>,
    /// Std mutex: held for an addition, never over an await.
    calls: Mutex<BTreeMap<String, Calls>>,
}

impl fmt::Debug for Operator {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl Operator {
    /// An operator who calls with `key`.
    #[must_use]
    pub fn new(dialer: Arc<Dialer>, tls: Option<Arc<ClientConfig>>, key: String) -> Operator {
        Operator { dialer, tls, key, link: AsyncMutex::new(None), calls: Mutex::default() }
    }

    /// Calls `rest/dialplan/VERB` with `body` (an object) and the key; the whole reply.
    /// `due` is when it should have been called: latency counts from there.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn call(&self, verb: &str, body: Value, due: Instant) -> Result<Value, CallError> {
        let reply = self.send(verb, body).await;
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let own = calls.entry(verb.to_owned()).or_default();
        own.latency.add(due.elapsed());
        if let Err(error) = &reply {
            own.failed += 1;
            own.example.get_or_insert_with(|| ErrorChain(error).to_string());
        }
        reply
    }

    async fn send(&self, verb: &str, mut body: Value) -> Result<Value, CallError> {
        body["auth"] = json!({ "type": "auth", "key": self.key });
        let body = Bytes::from(body.to_string());
        let path = self.dialer.target(0).path(&format!("rest/dialplan/{verb}"));
        let mut kept = self.link.lock().await;
        let answer = loop {
            let mut link = match kept.take().filter(Connection::is_open) {
                Some(link) => link,
                None => self.dialer.dial(self.dialer.target(0), 0, self.tls.as_ref()).await?,
            };
            let request = Request::post(&path)
                .header(header::HOST, &self.dialer.target(0).host)
                .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(Full::new(body.clone()))
                .expect("verbs and hosts are plain text");
            match link.ask(request, MOST_BODY).await {
                Ok(answer) => {
                    *kept = Some(link);
                    break answer;
                }
                // Whether the call was done is not known then: repeating it could do it
                // twice. It is repeated only where the connection had waited, and the
                // server, closing it, cannot have read it.
                Err(ExchangeError::Closed(_)) if link.answered > 0 => {}
                Err(fault) => return Err(fault.into()),
            }
        };
        if answer.status != StatusCode::OK {
            return Err(CallError::Status(answer.status));
        }
        let reply: Value = serde_json::from_slice(&answer.body)
            .map_err(|error| CallError::NotAReply(error.to_string()))?;
        match reply["result"].as_str() {
            Some("success") => Ok(reply),
            Some("fail") => {
                let message = reply["message"].as_str().unwrap_or("no message");
                Err(CallError::Refused(message.to_owned()))
            }
            _ => Err(CallError::NotAReply("there is no `result`".to_owned())),
        }
    }

    /// What was called so far.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Calls {
    /// Adds another's calls.
    pub fn merge(&mut self, other: &Calls) {
        self.latency.merge(&other.latency);
        self.failed += other.failed;
        if self.example.is_none() {
            self.example.clone_from(&other.example);
        }
    }
}

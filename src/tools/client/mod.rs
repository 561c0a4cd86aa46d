//! A client of the admin API: one command, one connection, one answer.

#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::net::tls::PairFiles;
pub use tls::AuthorityError;
pub use url::{AdminUrl, InvalidUrl};

/// Enough for a name to be looked up and three lost packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A move of many phones waits for the disk; a list of a million is long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// A list of a million phones has some 150 MB.
const MOST_BYTES: usize = 512 << 20;

/// A command of the API.
#[derive(Clone, PartialEq)]
pub struct Call {
    /// What to do: `read`, `promote` and the like, as the API names it.
    pub verb: &'static str,
    /// `phone`, `company`, `user`, `settings`.
    pub kind: &'static str,
    /// Which objects it is about.
    pub scope: Map<String, Value>,
    /// What to set in them.
    pub values: Map<String, Value>,
    /// What is attempted, for messages: `promote 0004f20102030`.
    pub attempt: String,
}

impl fmt::Debug for Call {
    /// Shows no value: there may be passwords in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("verb", &self.verb)
            .field("kind", &self.kind)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// What a library said, in its own type.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no success to report.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot connect to {url}")]
    Connect { url: AdminUrl, source: io::Error },
    /// Nothing was sent: the key least of all.
    #[error("{url} cannot be trusted")]
    Tls { url: AdminUrl, source: io::Error },
    /// The same as [`ClientError::Tls`], of what `openssl req -x509` makes unless it is told
    /// otherwise.
    #[error(
        "{url} cannot be trusted: its certificate is that of an authority (basicConstraints CA:TRUE), \
         which may sign others but not serve; make one with CA:FALSE, as certs/README.md shows"
    )]
    AuthorityServes { url: AdminUrl },
    #[error("{attempt}: the connection to {url} broke, so it may or may not have been done")]
    Broken { attempt: String, url: AdminUrl, source: Cause },
    #[error("{attempt}: no answer from {url} within {} s; it may or may not have been done", ANSWER_TIMEOUT.as_secs())]
    Silent { attempt: String, url: AdminUrl },
    #[error(
        "{attempt}: {url} answered with status {status} and not as the admin API does; is it its address?"
    )]
    Strange { attempt: String, url: AdminUrl, status: StatusCode },
    /// The gateway's own words.
    #[error("{attempt}: {message}")]
    Refused { attempt: String, message: String },
}

/// Where the API is and by whose key.
pub struct Client {
    url: AdminUrl,
    /// `None`: the certificate signs in.
    key: Option<String>,
    tls: Option<TlsConnector>,
}

impl Call {
    /// A call without scope and values.
    #[must_use]
    pub fn new(verb: &'static str, kind: &'static str, attempt: String) -> Call {
        Call { verb, kind, scope: Map::new(), values: Map::new(), attempt }
    }

    /// Adds to the scope; `None` adds nothing.
    #[must_use]
    pub fn scope(mut self, name: &str, value: impl Into<Value>) -> Call {
        add(&mut self.scope, name, value.into());
        self
    }

    /// Adds to the values; `None` adds nothing.
    #[must_use]
    pub fn value(mut self, name: &str, value: impl Into<Value>) -> Call {
        add(&mut self.values, name, value.into());
        self
    }

    /// Adds an explicit `null`: the value is to be taken away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Call {
        self.values.insert(name.to_owned(), Value::Null);
        self
    }

    fn body(&self, key: Option<&str>) -> Value {
        let mut body = json!({ "type": self.kind, "auth": { "type": "auth", "key": key } });
        for (name, map) in [("scope", &self.scope), ("values", &self.values)] {
            if !map.is_empty() {
                body[name] = Value::Object(map.clone());
            }
        }
        body
    }
}

fn add(fields: &mut Map<String, Value>, name: &str, value: Value) {
    if !value.is_null() {
        fields.insert(name.to_owned(), value);
    }
}

impl Client {
    /// `authorities` is a PEM file of whom to trust; needed for `https`. `identity` is what the
    /// gateway is shown there.
    ///
    /// # Errors
    /// [`AuthorityError`] when a file cannot be used or is missing.
    pub fn new(
        url: AdminUrl,
        key: Option<String>,
        authorities: Option<&Path>,
        identity: Option<&PairFiles>,
    ) -> Result<Client, AuthorityError> {
        let tls = if url.is_https() { Some(tls::connector(authorities, identity)?) } else { None };
        Ok(Client { url, key, tls })
    }

    /// Carries out one command; the reply is a JSON object with its `result`.
    ///
    /// # Errors
    /// [`ClientError`]; with [`ClientError::Refused`] and those before the
    /// connection stood, nothing was done.
    pub async fn call(&self, call: &Call) -> Result<Value, ClientError> {
        let stream = self.connect().await?;
        let path = format!("/rest/dialplan/{}/{}", call.verb, call.kind);
        let request = Request::post(path)
            .header(header::HOST, self.url.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(call.body(self.key.as_deref()).to_string())))
            .expect("the parts of the request are ours, the host was parsed");
        let answer = match &self.tls {
            None => tokio::time::timeout(ANSWER_TIMEOUT, exchange(stream, request)).await,
            Some(connector) => {
                let name = self.url.server_name();
                let handshake =
                    tokio::time::timeout(CONNECT_TIMEOUT, connector.connect(name, stream));
                let stream = match handshake.await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => return Err(self.untrusted(error)),
                    Err(_) => return Err(self.untrusted(late("no TLS handshake"))),
                };
                tokio::time::timeout(ANSWER_TIMEOUT, exchange(stream, request)).await
            }
        };
        let (attempt, url) = (call.attempt.clone(), self.url.clone());
        match answer {
            Err(_) => Err(ClientError::Silent { attempt, url }),
            Ok(Err(source)) => Err(ClientError::Broken { attempt, url, source }),
            Ok(Ok((status, body))) => read(status, &body, attempt, url),
        }
    }

    async fn connect(&self) -> Result<TcpStream, ClientError> {
        let failed = |source| ClientError::Connect { url: self.url.clone(), source };
        let connecting = TcpStream::connect((self.url.host(), self.url.port()));
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(failed),
            Err(_) => Err(failed(late("no answer"))),
        }
    }

    fn untrusted(&self, source: io::Error) -> ClientError {
        let url = self.url.clone();
        // rustls passes this reason of its certificate library on by its name alone.
        if source.to_string().contains("CaUsedAsEndEntity") {
            return ClientError::AuthorityServes { url };
        }
        ClientError::Tls { url, source }
    }
}

fn late(what: &str) -> io::Error {
    let message = format!("{what} within {} s", CONNECT_TIMEOUT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, message)
}

async fn exchange<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Cause> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asking = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => format!("the answer is longer than {MOST_BYTES} bytes").into(),
            None => error,
        })?;
        // The sender goes here, which ends the connection below.
        Ok((status, body.to_bytes()))
    };
    let (answer, _) = tokio::join!(asking, connection);
    answer
}

fn read(
    status: StatusCode,
    body: &[u8],
    attempt: String,
    url: AdminUrl,
) -> Result<Value, ClientError> {
    let reply = serde_json::from_slice::<Value>(body).unwrap_or_default();
    match reply["result"].as_str() {
        Some("success") if status.is_success() => Ok(reply),
        Some("fail") => {
            let message = reply["message"].as_str().unwrap_or("refused without a reason");
            Err(ClientError::Refused { attempt, message: crate::domain::printable(message) })
        }
        _ => Err(ClientError::Strange { attempt, url, status }),
    }
}

// Neither may show the key.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

//! One connection and the requests on it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::ExchangeError;

/// What a simulated phone sends behind a head.
pub type Body = Full<Bytes>;

/// More than any phone takes for a configuration file.
pub const MOST_BODY: usize = 2 * 1024 * 1024;

/// An open connection. Dropped, it is cut; [`Connection::close`] ends it in good order.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Body>,
    driver: Option<JoinHandle<()>>,
    _permit: OwnedSemaphorePermit,
    answer_timeout: Duration,
    /// Requests answered on it.
    pub answered: u32,
}

/// A whole answer.
pub struct Answer {
    /// The status of the answer.
    pub status: StatusCode,
    /// The entity tag, as it came.
    pub etag: Option<HeaderValue>,
    /// The date of the last change, as it came.
    pub last_modified: Option<HeaderValue>,
    /// How long the gateway asks to wait; `None` where it says nothing, or a date.
    pub retry_after: Option<Duration>,
    /// The whole body, without what the transfer put around its parts.
    pub body: Bytes,
    /// How long it took from the moment the request was ready to be written until the body was
    /// whole.
    pub took: Duration,
    /// All headers but `date`, as they came: what tells two refusals apart.
    pub headers: http::HeaderMap,
}

impl Connection {
    pub(super) fn new(
        sender: SendRequest<Body>,
        driver: JoinHandle<()>,
        permit: OwnedSemaphorePermit,
        answer_timeout: Duration,
    ) -> Connection {
        Connection { sender, driver: Some(driver), _permit: permit, answer_timeout, answered: 0 }
    }

    /// Whether another request can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for all of its answer, at most `most_body` bytes.
    ///
    /// # Errors
    /// Why there is none; the connection is of no use then.
    pub async fn ask(
        &mut self,
        request: Request<Body>,
        most_body: usize,
    ) -> Result<Answer, ExchangeError> {
        let began = Instant::now();
        let is_old = request.version() == Version::HTTP_10;
        let answering = async {
            self.sender.ready().await.map_err(fault)?;
            let response = self.sender.send_request(request).await.map_err(fault)?;
            if is_old && response.headers().contains_key(header::TRANSFER_ENCODING) {
                return Err(ExchangeError::Malformed("chunks, to a phone with HTTP/1.0".into()));
            }
            whole(response, most_body).await
        };
        let answer = timeout(self.answer_timeout, answering).await;
        let mut answer = answer.map_err(|_| ExchangeError::AnswerTimeout)??;
        answer.took = began.elapsed();
        self.answered += 1;
        Ok(answer)
    }

    /// Says goodbye (with TLS, `close_notify`) and gives the connection's place free.
    pub async fn close(mut self) {
        let Some(mut driver) = self.driver.take() else { return };
        // The driver ends in good order once the sender is gone.
        drop(self);
        if timeout(Duration::from_secs(1), &mut driver).await.is_err() {
            driver.abort();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

async fn whole(response: Response<Incoming>, most_body: usize) -> Result<Answer, ExchangeError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, most_body).collect().await.map_err(|error| match error
        .downcast::<hyper::Error>(
    ) {
        Ok(error) => fault(*error),
        Err(other) if other.is::<LengthLimitError>() => ExchangeError::TooLarge(most_body),
        Err(other) => ExchangeError::Malformed(other),
    })?;
    let mut headers = head.headers;
    headers.remove(header::DATE);
    let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    Ok(Answer {
        status: head.status,
        etag: headers.get(header::ETAG).cloned(),
        last_modified: headers.get(header::LAST_MODIFIED).cloned(),
        retry_after: retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs),
        body: body.to_bytes(),
        took: Duration::ZERO,
        headers,
    })
}

fn fault(error: hyper::Error) -> ExchangeError {
    if error.is_parse() {
        ExchangeError::Malformed(error.into())
    } else {
        ExchangeError::Closed(error)
    }
}

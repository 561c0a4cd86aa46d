//! What goes back: `{"result":"success", ...}` or `{"result":"fail","message":"..."}`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;

use super::json::NotRead;
use super::phone_list::{MOST_WHOLE, PhoneList};
use super::session;
use crate::domain::{ErrorChain, printable_lines};
use crate::registry::{RegistryError, StoreFault};
use crate::throttle::Busy;

/// A success, written out or to be written while it is sent.
pub(super) struct Answer {
    body: AnswerBody,
    cookie: Option<Cookie>,
}

/// The bytes of any answer.
pub enum AnswerBody {
    Whole(Full<Bytes>),
    List(PhoneList),
}

/// What becomes of the session cookie.
enum Cookie {
    Set(String),
    Expire,
}

/// A refusal, and the message that says why.
#[derive(Debug, Serialize)]
pub(super) struct Fail {
    result: &'static str,
    message: String,
    #[serde(skip)]
    busy: Option<Busy>,
}

/// How long whoever found everything busy is told to stay away, in seconds. What is waited for
/// takes milliseconds, but those before it had waited, too.
const RETRY_AFTER_S: u64 = 5;

impl Fail {
    /// What is not seen as it is, of what the message quotes, stands in it as an escape.
    pub(super) fn new(message: impl Into<String>) -> Fail {
        Fail { result: "fail", message: printable_lines(&message.into()), busy: None }
    }

    /// The failure of a request that was not looked into for want of a place; it may be sent again
    /// as it is.
    pub(super) fn busy(busy: Busy, message: impl Into<String>) -> Fail {
        Fail { busy: Some(busy), ..Fail::new(message) }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The same, of a request whose body was taken as `{}`: whoever reads that a key or a field is
    /// missing which is there must learn why.
    pub(super) fn of_unread(self, why: &NotRead) -> Fail {
        let message = format!("{}: the body was not read as JSON: {why}", self.message);
        Fail { busy: self.busy, ..Fail::new(message) }
    }

    /// 200, as clients of this API read it; but 429 or 503 with `Retry-After` (RFC 6585,
    /// section 4, and RFC 9110, section 15.6.4) where nothing is wrong but the time.
    pub(super) fn into_response(self) -> Response<AnswerBody> {
        let status = match self.busy {
            None => return respond(StatusCode::OK, &self),
            Some(Busy::Caller) => StatusCode::TOO_MANY_REQUESTS,
            Some(Busy::Everybody) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = respond(status, &self);
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        response
    }
}

impl From<RegistryError> for Fail {
    fn from(error: RegistryError) -> Fail {
        let Some(fault) = error.store_fault() else {
            return Fail::new(ErrorChain(&error).to_string());
        };
        tracing::error!(%error, "an admin command met a fault of the store");
        // Paths and the medium's own words are for the log.
        Fail::new(match fault {
            StoreFault::Full => "The store is full; nothing was changed",
            StoreFault::ReadOnly => "The store is read-only; nothing was changed",
            StoreFault::Overloaded => "The store is overloaded, try again; nothing was changed",
            StoreFault::Unknown => {
                "The store went away in the middle of the change: whether it was made is not known; \
                 look before you make it again"
            }
            StoreFault::NotHeard => {
                "The store is not available: whether a key or a password still counts is not known \
                 here, try again later"
            }
            StoreFault::Unfit | StoreFault::Away => "The store is not available, try again later",
        })
    }
}

impl Answer {
    /// `fields` beside `result`.
    pub(super) fn of(fields: &impl Serialize) -> Answer {
        #[derive(Serialize)]
        struct Success<'a, T> {
            result: &'static str,
            #[serde(flatten)]
            fields: &'a T,
        }
        Answer { body: json(&Success { result: "success", fields }).into(), cookie: None }
    }

    pub(super) fn success() -> Answer {
        Answer::of(&())
    }

    /// How many rows a change touched.
    pub(super) fn counted(numrows: usize) -> Answer {
        Answer::counted_but(numrows, &[])
    }

    /// Does as [`Answer::counted`], and says what did not go as it may have been meant, if
    /// anything.
    pub(super) fn counted_but(numrows: usize, warnings: &[String]) -> Answer {
        #[derive(Serialize)]
        struct Counted<'a> {
            numrows: usize,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            warnings: &'a [String],
        }
        Answer::of(&Counted { numrows, warnings })
    }

    /// A short list is written here; a long one while it is sent.
    pub(super) fn list(list: PhoneList) -> Answer {
        let body =
            if list.numrows() > MOST_WHOLE { AnswerBody::List(list) } else { list.whole().into() };
        Answer { body, cookie: None }
    }

    pub(super) fn with_session(self, id: String) -> Answer {
        Answer { cookie: Some(Cookie::Set(id)), ..self }
    }

    pub(super) fn without_session(self) -> Answer {
        Answer { cookie: Some(Cookie::Expire), ..self }
    }

    pub(super) fn into_response(self, secure: bool) -> Response<AnswerBody> {
        let mut response = with_headers(StatusCode::OK, self.body);
        let cookie = self.cookie.map(|cookie| match cookie {
            Cookie::Set(id) => session::cookie(&id, secure),
            Cookie::Expire => session::expired_cookie(secure),
        });
        if let Some(cookie) = cookie.and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// A list of bounded length, each row written out when it is pushed.
pub(super) struct Rows {
    body: Vec<u8>,
    numrows: usize,
}

impl Rows {
    pub(super) fn new() -> Rows {
        Rows { body: br#"{"result":"success","values":["#.to_vec(), numrows: 0 }
    }

    pub(super) fn push(&mut self, row: &impl Serialize) {
        if self.numrows > 0 {
            self.body.push(b',');
        }
        self.numrows += 1;
        serde_json::to_writer(&mut self.body, row).expect("rows have text keys and finite numbers");
    }

    pub(super) fn finish(self) -> Answer {
        self.finish_before(None)
    }

    /// Ends the answer with `warnings`, if there are any: what the rows do not show.
    pub(super) fn finish_but(self, warnings: &[String]) -> Answer {
        self.finish_with("warnings", (!warnings.is_empty()).then_some(warnings))
    }

    /// Ends the answer with `next`, what to ask for to get the rest.
    pub(super) fn finish_before(self, next: Option<String>) -> Answer {
        self.finish_with("next", next)
    }

    fn finish_with(mut self, name: &str, field: Option<impl Serialize>) -> Answer {
        self.body.extend(format!(r#"],"numrows":{}"#, self.numrows).into_bytes());
        if let Some(field) = field {
            self.body.extend(format!(r#","{name}":"#).into_bytes());
            self.body.extend(json(&field));
        }
        self.body.push(b'}');
        Answer { body: self.body.into(), cookie: None }
    }
}

impl<T: Serialize> FromIterator<T> for Rows {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Rows {
        let mut rows = Rows::new();
        items.into_iter().for_each(|row| rows.push(&row));
        rows
    }
}

impl From<Vec<u8>> for AnswerBody {
    fn from(text: Vec<u8>) -> AnswerBody {
        AnswerBody::Whole(Full::new(text.into()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            AnswerBody::Whole(body) => Pin::new(body).poll_frame(cx),
            AnswerBody::List(list) => Pin::new(list).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Whole(body) => body.is_end_stream(),
            AnswerBody::List(list) => list.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(body) => body.size_hint(),
            AnswerBody::List(list) => list.size_hint(),
        }
    }
}

/// Any JSON with any status.
pub(super) fn respond(status: StatusCode, body: &impl Serialize) -> Response<AnswerBody> {
    with_headers(status, json(body).into())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("answers have text keys and finite numbers")
}

fn with_headers(status: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    // Answers hold what only the caller may see, and are no page in anybody's frame.
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Fetch standard: no page of another origin gets it as an image or a script.
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

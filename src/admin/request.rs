//! A request as commands see it: where it goes, what could sign it in, what its body says.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use serde_json::{Map, Value};

use super::answer::Fail;
use super::blocking::Blocking;
use super::fields::Fields;
use super::json::{self, MemberError, NotRead};
use super::receive::SHORT;
use super::{origin, session};

/// Values that `auth` and `type` may have together; six are of use.
const MAX_HEAD_VALUES: usize = 32;
/// Values that `scope` and `values` may have together: ten times the largest settings, 2 MB.
const MAX_VALUES: usize = 20_000;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Rest,
    Health,
    Ready,
    Nowhere,
}

impl Endpoint {
    pub(super) fn of(path: &str) -> Endpoint {
        let mut parts = parts(path);
        match (parts.next(), parts.next()) {
            (Some("rest"), _) => Endpoint::Rest,
            (Some("health"), None) => Endpoint::Health,
            (Some("ready"), None) => Endpoint::Ready,
            _ => Endpoint::Nowhere,
        }
    }
}

/// Between slashes; several together are one, and one at the end is none.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// The head of one request under `/rest/`.
pub(super) struct ApiRequest {
    pub method: ApiMethod,
    /// What follows `/rest`.
    pub path: Vec<String>,
    /// Of sessions, as the client sent them; none of a page of another site.
    pub cookies: Vec<String>,
    /// An API key in `Authorization: Bearer` (RFC 6750).
    pub bearer: Option<String>,
    /// A page of another site made a browser send it.
    pub is_foreign: bool,
    /// The media type of a form, which the API never read.
    form: Option<&'static str>,
    pub address: IpAddr,
    /// Came over TLS.
    pub secure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApiMethod {
    Post,
    /// GET or HEAD: without a body, processed as `{}`.
    Get,
    NotAllowed,
}

impl ApiRequest {
    pub(super) fn new(head: &Parts, address: IpAddr, secure: bool) -> ApiRequest {
        let is_foreign = origin::is_foreign(&head.headers);
        ApiRequest {
            method: match head.method {
                Method::POST => ApiMethod::Post,
                Method::GET | Method::HEAD => ApiMethod::Get,
                _ => ApiMethod::NotAllowed,
            },
            // `/rest/<section>/<verb>/<type>`; what is longer is no command, and needs no keeping.
            path: parts(head.uri.path()).skip(1).take(4).map(str::to_owned).collect(),
            cookies: if is_foreign { Vec::new() } else { session::ids(&head.headers) },
            bearer: bearer(&head.headers),
            is_foreign,
            form: form(&head.headers),
            address,
            secure,
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
}

/// What browsers send of HTML forms.
fn form(headers: &HeaderMap) -> Option<&'static str> {
    let content_type = headers.get(header::CONTENT_TYPE)?;
    let content_type = String::from_utf8_lossy(content_type.as_bytes()).to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["application/x-www-form-urlencoded", "multipart/form-data"]
        .into_iter()
        .find(|form| essence == *form)
}

/// The body of which only what says who asks and for what was looked at. Whatever is no JSON
/// object is `{}`, so that garbage drives no command.
pub(super) struct UnreadBody {
    bytes: Bytes,
    /// `auth` and `type`.
    head: Map<String, Value>,
    /// Why it is taken as `{}` though there is something.
    pub not_read: Option<NotRead>,
}

impl UnreadBody {
    /// # Errors
    /// When `auth` or `type` are out of all proportion.
    pub(super) async fn of(
        request: &ApiRequest,
        bytes: Bytes,
        blocking: &Blocking,
    ) -> Result<UnreadBody, Fail> {
        let read = match request.form {
            Some(form) => Err(NotRead::Form(form).into()),
            None => members(&bytes, &["auth", "type"], MAX_HEAD_VALUES, blocking).await?,
        };
        match read {
            Ok(head) => Ok(UnreadBody { bytes, head, not_read: None }),
            Err(MemberError::NotRead(why)) => {
                let not_read = (!bytes.is_empty()).then_some(why);
                Ok(UnreadBody { bytes: Bytes::new(), head: Map::new(), not_read })
            }
            Err(error) => Err(Fail::new(format!("auth and type: {error}"))),
        }
    }

    pub(super) fn auth(&self) -> Option<&Value> {
        self.head.get("auth").filter(|value| !value.is_null())
    }

    /// The type the command acts on, from the path or from here.
    pub(super) fn type_beside(&self, path: Option<&str>) -> Result<String, Fail> {
        let here = match self.head.get("type") {
            None | Some(Value::Null) => None,
            Some(Value::String(here)) => Some(here.as_str()).filter(|here| !here.is_empty()),
            Some(_) => return Err(Fail::new("type: must be a string")),
        };
        match (path, here) {
            (Some(path), Some(here)) if path != here => Err(Fail::new("Type mismatch")),
            (Some(one), _) | (None, Some(one)) => Ok(one.to_owned()),
            (None, None) => Ok(String::new()),
        }
    }

    /// All of it, once it is known that the caller may use the command.
    ///
    /// # Errors
    /// When it has more values or levels than any command takes.
    pub(super) async fn read(self, blocking: &Blocking) -> Result<RequestBody, Fail> {
        if self.bytes.is_empty() {
            return Ok(RequestBody::default());
        }
        let read = members(&self.bytes, &["scope", "values"], MAX_VALUES, blocking).await?;
        read.map(RequestBody).map_err(|error| Fail::new(format!("the body: {error}")))
    }
}

/// Short ones here, long ones in their turn beside the runtime.
async fn members(
    bytes: &Bytes,
    wanted: &'static [&'static str],
    most: usize,
    blocking: &Blocking,
) -> Result<Result<Map<String, Value>, MemberError>, Fail> {
    if bytes.len() <= SHORT {
        return Ok(json::members(bytes, wanted, most));
    }
    let bytes = bytes.clone();
    blocking.run(move || json::members(&bytes, wanted, most)).await
}

/// What the body says of the command: `scope` and `values`.
#[derive(Debug, Default)]
pub(super) struct RequestBody(Map<String, Value>);

impl RequestBody {
    pub(super) fn scope(&self) -> Result<Fields<'_>, Fail> {
        Fields::of("scope", self.get("scope"))
    }

    pub(super) fn values(&self) -> Result<Fields<'_>, Fail> {
        Fields::of("values", self.get("values"))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

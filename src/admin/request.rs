//! A request as commands see it: where it goes, what its body says, what could
//! sign it in.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, Method, header};
use serde_json::{Map, Value};

use super::answer::Fail;
use super::fields::Fields;
use super::session;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Rest,
    Health,
    Ready,
    Nowhere,
}

impl Endpoint {
    pub fn of(path: &str) -> Endpoint {
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

/// One request under `/rest/`.
pub(super) struct ApiRequest {
    /// POST, or a GET, which has no body and is read as `{}`.
    pub method_allowed: bool,
    /// What follows `/rest`.
    pub path: Vec<String>,
    pub body: RequestBody,
    /// Of sessions, as the client sent them.
    pub cookies: Vec<String>,
    pub address: IpAddr,
    /// Came over TLS.
    pub secure: bool,
}

/// The body: an object with `type`, `scope`, `values` and `auth`.
#[derive(Debug, Default)]
pub(super) struct RequestBody(Map<String, Value>);

impl ApiRequest {
    pub fn new(head: &Parts, body: &[u8], address: IpAddr, secure: bool) -> ApiRequest {
        // `/rest/<section>/<verb>/<type>`; what is longer is no command, and needs no keeping.
        let path = parts(head.uri.path()).skip(1).take(4).map(str::to_owned).collect();
        let body =
            if is_form(&head.headers) { RequestBody::default() } else { RequestBody::read(body) };
        let cookies =
            if is_cross_site(&head.headers) { Vec::new() } else { session::ids(&head.headers) };
        let method_allowed = matches!(head.method, Method::GET | Method::HEAD | Method::POST);
        ApiRequest { method_allowed, path, body, cookies, address, secure }
    }
}

impl RequestBody {
    /// Strict JSON (RFC 8259). Anything that is no object is an empty one, so that
    /// garbage drives no command.
    fn read(json: &[u8]) -> RequestBody {
        match serde_json::from_slice(json) {
            Ok(Value::Object(fields)) => RequestBody(fields),
            _ => RequestBody::default(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The type the command acts on, from the path or from here.
    pub fn type_beside(&self, path: Option<&str>) -> Result<String, Fail> {
        let here = match self.get("type") {
            None => None,
            Some(Value::String(here)) => Some(here.as_str()).filter(|here| !here.is_empty()),
            Some(_) => return Err(Fail::new("type: must be a string")),
        };
        match (path, here) {
            (Some(path), Some(here)) if path != here => Err(Fail::new("Type mismatch")),
            (Some(one), _) | (None, Some(one)) => Ok(one.to_owned()),
            (None, None) => Ok(String::new()),
        }
    }

    pub fn scope(&self) -> Result<Fields<'_>, Fail> {
        Fields::of("scope", self.get("scope"))
    }

    pub fn values(&self) -> Result<Fields<'_>, Fail> {
        Fields::of("values", self.get("values"))
    }
}

/// What browsers send of HTML forms, which the API never read.
fn is_form(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return false };
    let content_type = String::from_utf8_lossy(content_type.as_bytes()).to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    matches!(essence, "application/x-www-form-urlencoded" | "multipart/form-data")
}

/// A page of another site made the browser ask (Fetch Metadata). Bodies of type
/// text/plain are read, which any page may send: `SameSite` on the cookie is the
/// first defence against it, this one holds where a browser knows no `SameSite`.
fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

//! A request as commands see it: where it goes, what could sign it in, what its body says.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value};

use super::answer::Fail;
use super::blocking::{Blocking, Party};
use super::fields::Fields;
use super::json::{self, MemberError, NotRead};
use super::receive::SHORT;
use super::session;

/// Values that `auth` and `type` may have together; seven are of use.
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

/// What stands between slashes; several together are one, and one at the end is none.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// The head of one request under `/rest/`.
pub(super) struct ApiRequest {
    pub method: ApiMethod,
    /// What follows `/rest`.
    pub path: Vec<String>,
    /// The cookies of sessions, as the client sent them; a request of a page of another site has
    /// none.
    pub cookies: Vec<String>,
    /// An API key in `Authorization: Bearer` (RFC 6750).
    pub bearer: Option<String>,
    /// Whom the connection's certificate names, where that signs in.
    pub certified: Option<String>,
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
        let is_foreign = is_foreign(&head.headers);
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
            certified: None,
            is_foreign,
            form: form(&head.headers),
            address,
            secure,
        }
    }
}

impl ApiRequest {
    /// Whether it asks to begin a session.
    pub(super) fn is_login(&self) -> bool {
        self.path == ["auth"]
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
    /// A long one is read when it is the turn of `party`.
    ///
    /// # Errors
    /// When `auth` or `type` are out of all proportion.
    pub(super) async fn of(
        request: &ApiRequest,
        bytes: Bytes,
        blocking: &Blocking,
        party: impl FnOnce() -> Party,
    ) -> Result<UnreadBody, Fail> {
        let read = match request.form {
            Some(form) => Err(NotRead::Form(form).into()),
            None => members(&bytes, &["auth", "type"], MAX_HEAD_VALUES, blocking, party).await?,
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
    pub(super) async fn read(self, blocking: &Blocking, party: Party) -> Result<RequestBody, Fail> {
        if self.bytes.is_empty() {
            return Ok(RequestBody::default());
        }
        let read =
            members(&self.bytes, &["scope", "values"], MAX_VALUES, blocking, || party).await?;
        read.map(RequestBody).map_err(|error| Fail::new(format!("the body: {error}")))
    }
}

/// Short ones here, long ones in their turn beside the runtime.
async fn members(
    bytes: &Bytes,
    wanted: &'static [&'static str],
    most: usize,
    blocking: &Blocking,
    party: impl FnOnce() -> Party,
) -> Result<Result<Map<String, Value>, MemberError>, Fail> {
    if bytes.len() <= SHORT {
        return Ok(json::members(bytes, wanted, most));
    }
    let bytes = bytes.clone();
    blocking.run(party(), move || json::members(&bytes, wanted, most)).await
}

/// What the body says of the command: `scope` and `values`.
#[derive(Default)]
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

/// Whether a page of another site made a browser send the request.
///
/// Bodies of type text/plain are read, which any page may send without asking us, and a browser
/// adds the session's cookie. `SameSite=Strict` on the cookie is the first defence, but a site is
/// wider than an origin and old browsers know no `SameSite`; this is the second.
///
/// It came from elsewhere, as the browser says itself in headers no page can write: in
/// `Sec-Fetch-Site` (Fetch Metadata), which browsers send to HTTPS and to localhost, else in
/// `Origin` (RFC 6454), which must then name the host that was asked. A request with neither is of
/// no browser, or of one that is asked by its user.
fn is_foreign(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let origin = origin.as_ref().and_then(Uri::authority);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin, host) {
        (Some(origin), Some(host)) => !origin.as_str().eq_ignore_ascii_case(host),
        // `null`: a sandbox, a file, or a page that does not want to be known.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_foreign_with(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_foreign(&headers)
    }

    #[test]
    fn only_what_a_page_of_elsewhere_sends_is_foreign() {
        let host = ("host", "gw.example:8081");
        for (headers, foreign) in [
            (vec![host], false),
            (vec![host, ("origin", "http://gw.example:8081")], false),
            (vec![host, ("origin", "https://GW.example:8081")], false),
            (vec![host, ("origin", "http://gw.example")], true),
            (vec![host, ("origin", "http://gw.example:8081.evil.example")], true),
            (vec![host, ("origin", "http://evil.example")], true),
            (vec![host, ("origin", "null")], true),
            (vec![host, ("origin", "")], true),
            (vec![("origin", "http://gw.example:8081")], true),
            (vec![host, ("sec-fetch-site", "same-origin")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("sec-fetch-site", "same-site")], true),
            (vec![host, ("sec-fetch-site", "cross-site")], true),
            // Behind a proxy that writes a Host of its own.
            (
                vec![
                    ("host", "10.0.0.1"),
                    ("origin", "https://gw.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
        ] {
            assert_eq!(is_foreign_with(&headers), foreign, "{headers:?}");
        }
    }
}

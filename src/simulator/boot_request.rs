//! The requests of a boot as they go on the wire.

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderValue, Method, Request, Version, header};
use http_body_util::Full;

use super::connection::Body;
use super::fleet::Model;
use super::gateway_url::GatewayUrl;
use crate::catalogue::{ConnectionUse, HttpVersion, StepDoes};
use crate::domain::Mac;

/// What a phone writes where it uploads its log.
const LOG: &[u8] = b"0101000000|app1 |4|00|Boot completed.\n";

/// What a phone writes into the form it asks with.
const FORM: &[u8] = b"username=simulated&password=simulated";

/// One step of a boot, for one phone; conditions are for the caller to add.
pub struct BootRequest {
    builder: Builder,
    body: Bytes,
}

impl BootRequest {
    /// Request number `at` of the model's boot, made by `mac`.
    #[must_use]
    pub fn new(target: &GatewayUrl, model: &Model, at: usize, mac: Mac) -> BootRequest {
        let (boot, step) = (&model.boot, &model.boot.requests[at]);
        let (method, body) = match step.does {
            StepDoes::Ask => (Method::GET, Bytes::new()),
            StepDoes::AskByForm => (Method::POST, Bytes::from_static(FORM)),
            StepDoes::Send => (Method::PUT, Bytes::from_static(LOG)),
        };
        let mut builder = Request::builder()
            .method(method)
            .uri(target.path(&step.path.fill(mac)))
            .version(match boot.http_version {
                HttpVersion::V1_0 => Version::HTTP_10,
                HttpVersion::V1_1 => Version::HTTP_11,
            });
        if boot.sends_host {
            builder = builder.header(header::HOST, &target.host);
        }
        if step.does == StepDoes::AskByForm {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            builder = builder.header(header::CONTENT_TYPE, form);
        }
        builder = builder.header(header::ACCEPT, HeaderValue::from_static("*/*"));
        if let Some(user_agent) = &step.user_agent {
            builder = builder.header(header::USER_AGENT, octets(&user_agent.fill(mac)));
        }
        // HTTP/1.0 has nothing to say: its connections end with the answer.
        if boot.http_version == HttpVersion::V1_1
            && model.simulate.connection == ConnectionUse::Close
        {
            builder = builder.header(header::CONNECTION, HeaderValue::from_static("close"));
        }
        BootRequest { builder, body }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(self, name: header::HeaderName, value: &HeaderValue) -> BootRequest {
        BootRequest { builder: self.builder.header(name, value), ..self }
    }

    /// Its method and target, as a digest is made of them.
    #[must_use]
    pub fn line(&self) -> Option<(&str, String)> {
        Some((self.builder.method_ref()?.as_str(), self.builder.uri_ref()?.to_string()))
    }

    /// The request, to be sent once.
    #[must_use]
    pub fn ready(self) -> Request<Body> {
        let message = self.builder.body(Full::new(self.body));
        message.expect("the catalogue tried path and headers at load, and the target its host")
    }
}

/// A header's value in the one octet a character that phones send (RFC 9110, 5.5), if it can be.
fn octets(text: &str) -> Vec<u8> {
    let octets: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    octets.unwrap_or_else(|_| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_an_octet_for_each_character() {
        assert_eq!(octets("SIP12x0\u{ff}/04"), b"SIP12x0\xff/04");
        assert_eq!(octets("\u{2417}"), "\u{2417}".as_bytes());
    }
}

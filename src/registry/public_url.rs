//! Where phones reach the gateway.

use std::str::FromStr;

use serde_json::json;

use crate::domain::settings::Layer;

/// A URL that a phone can be told as its `provisioning.base_url`, and is where nobody sets one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Layer);

impl PublicUrl {
    pub(super) fn layer(&self) -> Layer {
        self.0.clone()
    }

    /// What tells the files of a catalogue and this URL from those of another: phones that ask by
    /// date get new ones when it changes.
    #[must_use]
    pub fn digest(url: Option<&PublicUrl>, catalogue: &str) -> String {
        match url {
            None => catalogue.to_owned(),
            Some(url) => format!("{catalogue} {}", url.0.as_stored()),
        }
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<PublicUrl, String> {
        let layer = Layer::parse(&json!({ "provisioning": { "base_url": text } }));
        layer.map(PublicUrl).map_err(|errors| {
            let messages: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            messages.join(", ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_base_url_takes() {
        assert!("https://gw.example:8443/p/".parse::<PublicUrl>().is_ok());
        for (wrong, why) in [
            ("", "it has no ://"),
            ("gw.example", "it has no ://"),
            ("tftp://gw.example/", "it begins with none of http, https"),
            ("http://user:pw@gw.example/", "it has a user name or a password before its host"),
            ("http://gw.example/p?token=4711", "it has a query (`?`)"),
            ("http://gw.example/#p", "it has a fragment (`#`)"),
            ("http://gw.example/\u{1}", "it has a control character"),
            ("http://gw.example/a b", "a URL is of letters, digits and"),
            ("http://gw.example:0/", "no host and port"),
        ] {
            let message = wrong.parse::<PublicUrl>().unwrap_err();
            assert!(message.contains(why), "{wrong}: {message}");
            assert!(!message.contains("4711") && !message.contains("pw"), "{message}");
        }
    }
}

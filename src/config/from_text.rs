//! The kinds of text a key can hold, each with the sentence that says what was expected.

use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use crate::domain::TypeKey;
use crate::net::Network;
use crate::registry::PublicUrl;
use crate::store::url::StoreUrl;

/// Parses what one key, or one entry of a list, was given.
pub(super) trait FromText: Sized {
    /// # Errors
    /// A sentence for the operator: what was found and what is expected.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// Which events are logged: `info`, or by module, `warn,dialtone::store=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter for a subscriber.
    ///
    /// # Panics
    /// Never: the text was parsed before.
    #[must_use]
    pub fn env_filter(&self) -> EnvFilter {
        EnvFilter::try_new(&self.0).expect("a LogFilter holds what EnvFilter could parse")
    }
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One object a line.
    Json,
}

impl FromText for LogFilter {
    fn from_text(text: &str) -> Result<LogFilter, String> {
        let filter = not_empty(text)?;
        EnvFilter::try_new(filter).map_err(|error| {
            format!("`{text}` is not a log filter such as `info` or `warn,dialtone::store=debug`: {error}")
        })?;
        // A bare word would be taken for a module's name, and silence all others.
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        for part in filter.split(',').map(str::trim) {
            if !part.contains('=') && !levels.contains(&part.to_ascii_lowercase().as_str()) {
                return Err(format!("`{part}` is no log level: use one of {}", levels.join(", ")));
            }
        }
        Ok(LogFilter(filter.to_owned()))
    }
}

impl FromText for LogFormat {
    fn from_text(text: &str) -> Result<LogFormat, String> {
        one_of(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
    }
}

/// Names are not looked up: what they mean may change, and may not be there at boot.
impl FromText for SocketAddr {
    fn from_text(text: &str) -> Result<SocketAddr, String> {
        text.parse().map_err(|_| {
            format!("`{text}` is not an IP address with a port, such as 0.0.0.0:8080 or [::]:8080")
        })
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Result<PathBuf, String> {
        not_empty(text).map(PathBuf::from)
    }
}

impl FromText for Network {
    fn from_text(text: &str) -> Result<Network, String> {
        text.parse().map_err(|error: crate::net::InvalidNetwork| error.to_string())
    }
}

impl FromText for TypeKey {
    fn from_text(text: &str) -> Result<TypeKey, String> {
        text.parse().map_err(|error| format!("`{text}` is {error}"))
    }
}

impl FromText for PublicUrl {
    fn from_text(text: &str) -> Result<PublicUrl, String> {
        text.parse()
    }
}

impl FromText for StoreUrl {
    fn from_text(text: &str) -> Result<StoreUrl, String> {
        text.parse().map_err(|error: crate::store::url::InvalidStoreUrl| error.to_string())
    }
}

/// The value `text` names; the message lists the names there are.
pub(super) fn one_of<T: Copy>(text: &str, values: &[(&str, T)]) -> Result<T, String> {
    let found = values.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = values.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("`{text}` is none of {}", names.join(", "))
    })
}

fn not_empty(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        Err("must not be empty; leave the key out instead".to_owned())
    } else {
        Ok(text)
    }
}

//! The shape of the document. Values are texts here, so that a wrong one is a
//! problem with its place among others and not the end of reading.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, Value};

use super::error::ImportError;
use crate::domain::{Timestamp, UserId};

/// The version written, and the only one read.
pub(super) const VERSION: u32 = 1;

/// A secret, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Seed(pub String);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A registry as a document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub(super) version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Box<RawValue>>,
    /// What own passwords of phones are made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password_seed: Option<Seed>,
    #[serde(default)]
    pub(super) companies: Vec<CompanyEntry>,
    #[serde(default)]
    pub(super) users: Vec<UserEntry>,
    #[serde(default)]
    pub(super) devices: Vec<DeviceEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompanyEntry {
    pub company: String,
    /// Hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Box<RawValue>>,
}

// No `Debug` of what it holds: it may be a password.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserEntry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    pub login: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companies: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_hashes: Vec<String>,
    #[serde(default, skip_serializing)]
    pub password: Option<String>,
    #[serde(default, skip_serializing)]
    pub key: Option<String>,
}

impl std::fmt::Debug for UserEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserEntry").field("login", &self.login).finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceEntry {
    pub mac: String,
    pub phone_type: String,
    pub ports: Vec<PortEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sighting: Option<SightingEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortEntry {
    pub port: u16,
    /// Absent: inactive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SightingEntry {
    pub first: Timestamp,
    pub last: Timestamp,
    pub address: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_guess: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl Document {
    /// Reads a document from JSON.
    ///
    /// # Errors
    /// [`ImportError::Shape`] with the place of the first thing that is no such document.
    pub fn read(json: &[u8]) -> Result<Document, ImportError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let document: Document = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| ImportError::shape(&error.path().to_string(), error.inner()))?;
        deserializer.end().map_err(|error| ImportError::shape(".", &error))?;
        if document.version != VERSION {
            return Err(ImportError::Version(document.version));
        }
        Ok(document)
    }

    /// Writes it as JSON, one company, user and device a line, so that two exports can be
    /// compared line by line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        write!(out, "{{\n\"version\": {}", self.version)?;
        if let Some(settings) = &self.settings {
            write!(out, ",\n\"settings\": {settings}")?;
        }
        if let Some(Seed(seed)) = &self.password_seed {
            write!(out, ",\n\"password_seed\": ")?;
            serde_json::to_writer(&mut out, seed)?;
        }
        write_list(&mut out, "companies", &self.companies)?;
        write_list(&mut out, "users", &self.users)?;
        write_list(&mut out, "devices", &self.devices)?;
        out.write_all(b"\n}\n")
    }
}

fn write_list<T: Serialize>(out: &mut impl Write, name: &str, items: &[T]) -> io::Result<()> {
    write!(out, ",\n\"{name}\": [")?;
    for (at, item) in items.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, item)?;
    }
    out.write_all(b"]")
}

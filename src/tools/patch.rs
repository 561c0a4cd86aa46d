//! Settings as arguments: `lines.1.registrar=sip.example.com` to a merge patch.
//!
//! The schema says what a value is: `1001` is a user's name in one place and a
//! number in another. The gateway checks the values; here only what would be
//! sent wrong is refused.

use std::fmt;
use std::io::{self, BufRead};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use crate::domain::settings::schema::{self, Field, Kind, is_secret_parameter};
use crate::domain::{did_you_mean, nearest};

/// Settings to change.
#[derive(Clone, Default, Args)]
pub struct SettingArguments {
    /// Settings, such as `lines.1.registrar=sip.example.com`; lists with commas. For a secret
    /// write `lines.1.password=-`: it is read as a line from standard input.
    #[arg(value_name = "SETTING=VALUE")]
    pub settings: Vec<String>,
    /// Take the setting, or the group of settings, away.
    #[arg(long, value_name = "SETTING")]
    pub unset: Vec<String>,
    /// Settings as a JSON document, `-` for standard input. The others go over it.
    #[arg(long, value_name = "FILE")]
    pub settings_file: Option<PathBuf>,
}

impl fmt::Debug for SettingArguments {
    /// Shows no value: any may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.settings.iter().map(|text| text.split_once('=').map(|(name, _)| name));
        f.debug_struct("SettingArguments")
            .field("settings", &names.collect::<Vec<_>>())
            .field("unset", &self.unset)
            .field("settings_file", &self.settings_file)
            .finish()
    }
}

/// Why the arguments are no patch.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    #[error(
        "nothing to change: say what, as SETTING=VALUE or with one of the options (--help lists them)"
    )]
    Nothing,
    #[error("`{0}` is not SETTING=VALUE, such as lines.1.registrar=sip.example.com")]
    NoValue(String),
    #[error("there is no setting {path}{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        path: String,
        /// The setting there is whose path is most like it.
        nearest: Option<String>,
    },
    #[error("{0} is a group of settings: name one in it")]
    Group(String),
    #[error("{path}: must be {expectation}")]
    Value { path: String, expectation: String },
    // A process's arguments can be read by every user of the machine.
    #[error(
        "{0} is a secret, which other users would see among the processes: \
         write {0}=- and give it on standard input"
    )]
    Secret(String),
    #[error("{0}: standard input has no line for it")]
    NoLine(String),
    #[error("{0} cannot be set: the document takes away or replaces the group it is in")]
    Conflict(String),
    #[error("{what}")]
    File { what: String, source: io::Error },
    #[error("{what}: not JSON, line {line} column {column}")]
    NotJson { what: String, line: usize, column: usize },
    #[error("{what}: not a JSON object")]
    NoObject { what: String },
}

impl PatchError {
    /// Whether the arguments make no sense, whatever is in files and on standard input.
    #[must_use]
    pub fn is_of_arguments(&self) -> bool {
        !matches!(
            self,
            PatchError::File { .. } | PatchError::NotJson { .. } | PatchError::NoObject { .. }
        )
    }

    fn unknown(path: &str) -> PatchError {
        // The schema writes numbers as `N`.
        let mut numbers = path.split('.').filter(|part| part.parse::<u16>().is_ok());
        let is_number = |part: &str| part.parse::<u16>().is_ok();
        let plain: Vec<&str> =
            path.split('.').map(|part| if is_number(part) { "N" } else { part }).collect();
        let known = schema::document_fields().iter().map(|field| field.path.as_str());
        let nearest = nearest(&plain.join("."), known).map(|found| {
            let parts = found.split('.').map(|part| match part {
                "N" => numbers.next().unwrap_or("1"),
                part => part,
            });
            parts.collect::<Vec<_>>().join(".")
        });
        PatchError::Unknown { path: path.to_owned(), nearest }
    }
}

impl SettingArguments {
    /// The patch, `None` when nothing is to change.
    ///
    /// # Errors
    /// [`PatchError`]; nothing was asked of the gateway yet.
    pub fn patch(&self, mut input: impl BufRead) -> Result<Option<Value>, PatchError> {
        let mut patch = self.document(&mut input)?;
        for assignment in &self.settings {
            let (path, text) = assignment
                .split_once('=')
                .ok_or_else(|| PatchError::NoValue(assignment.clone()))?;
            let value = match setting(path)? {
                Found::Group => return Err(PatchError::Group(path.to_owned())),
                Found::Secret if text == "-" => line(path, &mut input)?.into(),
                Found::Secret => return Err(PatchError::Secret(path.to_owned())),
                Found::Parameter => text.into(),
                Found::Value(kind) => typed(path, kind, text)?,
            };
            put(&mut patch, path, value)?;
        }
        for path in &self.unset {
            setting(path)?;
            put(&mut patch, path, Value::Null)?;
        }
        Ok((!patch.is_empty()).then_some(Value::Object(patch)))
    }

    fn document(&self, input: &mut impl BufRead) -> Result<Map<String, Value>, PatchError> {
        let Some(path) = &self.settings_file else { return Ok(Map::new()) };
        let what = path.display().to_string();
        let failed = |source| PatchError::File { what: what.clone(), source };
        let mut text = String::new();
        if what == "-" {
            input.read_to_string(&mut text).map_err(failed)?;
        } else {
            text = std::fs::read_to_string(path).map_err(failed)?;
        }
        // Only the place: serde_json's own message may quote a secret.
        let document = serde_json::from_str(&text).map_err(|error| PatchError::NotJson {
            what: what.clone(),
            line: error.line(),
            column: error.column(),
        })?;
        match document {
            Value::Object(document) => Ok(document),
            _ => Err(PatchError::NoObject { what }),
        }
    }
}

enum Found {
    Group,
    Secret,
    /// Raw, of a vendor.
    Parameter,
    Value(&'static Kind),
}

fn setting(path: &str) -> Result<Found, PatchError> {
    let unknown = || PatchError::unknown(path);
    let mut fields: &'static [Field] = schema::document();
    let mut parts = path.split('.');
    loop {
        let Some(name) = parts.next() else { return Ok(Found::Group) };
        let field = fields.iter().find(|field| field.name == name).ok_or_else(unknown)?;
        match &field.kind {
            Kind::Group(of) => fields = of,
            Kind::Numbered { of, .. } => {
                if parts.next().is_some_and(|number| number.parse::<u16>().is_err()) {
                    return Err(unknown());
                }
                fields = of;
            }
            Kind::Vendor => {
                // The parameter's name may have dots of its own.
                return Ok(match path.splitn(3, '.').nth(2) {
                    None => Found::Group,
                    Some(name) if is_secret_parameter(name) => Found::Secret,
                    Some(_) => Found::Parameter,
                });
            }
            _ if parts.next().is_some() => return Err(unknown()),
            kind if kind.is_secret() => return Ok(Found::Secret),
            kind => return Ok(Found::Value(kind)),
        }
    }
}

fn typed(path: &str, kind: &'static Kind, text: &str) -> Result<Value, PatchError> {
    let wrong = || PatchError::Value { path: path.to_owned(), expectation: kind.expectation() };
    Ok(match kind {
        Kind::Bool => text.parse::<bool>().map_err(|_| wrong())?.into(),
        Kind::Integer { .. } => text.parse::<u64>().map_err(|_| wrong())?.into(),
        Kind::List { of, .. } => {
            let items = text.split(',').map(|item| typed(path, of, item.trim()));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        _ => text.into(),
    })
}

fn line(path: &str, input: &mut impl BufRead) -> Result<String, PatchError> {
    let mut line = String::new();
    let read = input.read_line(&mut line).unwrap_or(0);
    let line = line.trim_end_matches(['\r', '\n']);
    if read == 0 || line.is_empty() {
        return Err(PatchError::NoLine(path.to_owned()));
    }
    Ok(line.to_owned())
}

fn put(patch: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), PatchError> {
    let parts: Vec<&str> = match path.strip_prefix("vendor.") {
        Some(_) => path.splitn(3, '.').collect(),
        None => path.split('.').collect(),
    };
    let Some((last, groups)) = parts.split_last() else { return Ok(()) };
    let mut place = patch;
    for group in groups {
        let entry = place.entry(*group).or_insert_with(|| Value::Object(Map::new()));
        place = entry.as_object_mut().ok_or_else(|| PatchError::Conflict(path.to_owned()))?;
    }
    place.insert((*last).to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(settings: &[&str], unset: &[&str]) -> SettingArguments {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        SettingArguments { settings: owned(settings), unset: owned(unset), settings_file: None }
    }

    fn error(setting: &str) -> String {
        arguments(&[setting], &[]).patch(&b""[..]).unwrap_err().to_string()
    }

    #[test]
    fn the_schema_says_what_a_text_is() {
        let settings = [
            "lines.1.user=1001",
            "lines.1.registrar_port=5070",
            "lines.1.enabled=true",
            "codecs=pcma, g722",
            "vendor.yealink.a.b=7",
        ];
        let patch = arguments(&settings, &["time.zone", "lines.2"]).patch(&b""[..]).unwrap();
        let expected = json!({
            "lines": {
                "1": {
                    "user": "1001",
                    "registrar_port": 5070,
                    "enabled": true,
                },
                "2": null,
            },
            "codecs": ["pcma", "g722"],
            "vendor": { "yealink": { "a.b": "7" } },
            "time": { "zone": null },
        });
        assert_eq!(patch, Some(expected));
        assert_eq!(arguments(&[], &[]).patch(&b""[..]).unwrap(), None);
    }

    #[test]
    fn a_secret_comes_by_standard_input_and_never_by_an_argument() {
        let settings = ["lines.1.password=-", "vendor.yealink.x.password=-"];
        let patch = arguments(&settings, &[]).patch(&b"hunter2\r\nhunter3\n"[..]).unwrap();
        let expected = json!({
            "lines": { "1": { "password": "hunter2" } },
            "vendor": { "yealink": { "x.password": "hunter3" } },
        });
        assert_eq!(patch, Some(expected));
        for setting in ["lines.1.password=hunter2", "vendor.yealink.x.password=hunter2"] {
            let message = error(setting);
            assert!(
                message.contains("standard input") && !message.contains("hunter2"),
                "{message}"
            );
        }
        assert!(error("lines.1.password=-").contains("has no line for it"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(error("lines.1.user").contains("is not SETTING=VALUE"));
        let nearest = "; did you mean lines.1.user?";
        assert_eq!(error("lines.1.usr=x"), format!("there is no setting lines.1.usr{nearest}"));
        assert_eq!(error("line.1.user=x"), format!("there is no setting line.1.user{nearest}"));
        assert!(error("lines.one.user=x").starts_with("there is no setting lines.one.user"));
        assert!(error("lines.1.user.x=x").starts_with("there is no setting lines.1.user.x"));
        assert_eq!(error("qqq=x"), "there is no setting qqq");
        assert!(error("lines.1=x").contains("is a group"));
        assert!(
            error("lines.1.registrar_port=sip").starts_with("lines.1.registrar_port: must be 1")
        );
    }

    #[test]
    fn a_document_is_taken_and_arguments_go_over_it() {
        let mut own = arguments(&["lines.1.user=2"], &[]);
        own.settings_file = Some("-".into());
        let document = br#"{ "lines": { "1": { "user": "1", "password": "hunter2" } } }"#;
        let patch = own.patch(&document[..]).unwrap();
        let expected = json!({ "lines": { "1": { "user": "2", "password": "hunter2" } } });
        assert_eq!(patch, Some(expected));
        let conflict = own.patch(&b"{ \"lines\": null }"[..]).unwrap_err().to_string();
        assert!(conflict.starts_with("lines.1.user cannot be set"), "{conflict}");
        let message = own.patch(&b"{\"password\": hunter2}"[..]).unwrap_err().to_string();
        assert!(message.contains("line 1") && !message.contains("hunter2"), "{message}");
    }
}

//! `dialtone render`: the files a phone would get from this store, byte for
//! byte, with its secrets; or where each of its settings comes from, without.

use std::io::{self, Write};

use clap::Args;

use super::config_arguments::ConfigArguments;
use super::local::{Local, LocalError};
use super::output;
use crate::catalogue::{FileSpec, PathFacts, PhoneType, RenderError, Scope, Target};
use crate::config::ConfigError;
use crate::domain::settings::{UnreadableLayer, explain};
use crate::domain::{PhoneId, State};
use crate::registry::Composition;

/// What `render` takes.
#[derive(Debug, Clone, Args)]
pub struct RenderArguments {
    /// What every command takes that reads a configuration.
    #[command(flatten)]
    pub config: ConfigArguments,
    /// MAC and port: 0004f20102030.
    pub phone: PhoneId,
    /// Path of one file as the phone asks for it; without it, all of them.
    pub file: Option<String>,
    /// Say which layer each setting is from instead; secrets are hidden.
    #[arg(long, conflicts_with = "file")]
    pub explain: bool,
}

/// Why nothing, or not all, was rendered.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("the store has no phone {0}")]
    NoSuchPhone(PhoneId),
    #[error("{phone} is of type {phone_type}, which the catalogue does not have")]
    NoSuchType { phone: PhoneId, phone_type: String },
    #[error("phones of type {phone_type} have no file {file}; theirs are {}", .patterns.join(", "))]
    NoSuchFile { phone_type: String, file: String, patterns: Vec<String> },
    #[error("{0} is inactive: it gets nothing before it is promoted")]
    Inactive(PhoneId),
    #[error("{phone} cannot be configured: {file}")]
    Render { phone: PhoneId, file: String, source: RenderError },
    #[error("{0}")]
    Unreadable(PhoneId, #[source] UnreadableLayer),
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

/// Writes to `out`; several files are told apart by a line `==> path <==` each.
///
/// # Errors
/// [`ToolError`]; what was written before stands.
pub async fn run(arguments: &RenderArguments, out: impl Write) -> Result<(), ToolError> {
    let (config, _) = arguments.config.load()?;
    let instead = "ask it: dialtone phone preview, or dialtone phone show";
    let local = Local::open(&config, instead).await?;
    let phone = arguments.phone;
    let done = match local.registry.composition(&local.registry.catalogue(), phone.mac) {
        Some(composition) if composition.device.phone(phone.port).is_some() => {
            write(arguments, &composition, out)
        }
        _ => Err(ToolError::NoSuchPhone(phone)),
    };
    local.close().await;
    done
}

fn write(
    arguments: &RenderArguments,
    composition: &Composition,
    mut out: impl Write,
) -> Result<(), ToolError> {
    let phone = arguments.phone;
    if arguments.explain {
        return write_explained(composition, phone, out);
    }
    let inactive = composition.device.phone(phone.port).is_none_or(|p| p.state == State::Inactive);
    if inactive {
        return Err(ToolError::Inactive(phone));
    }
    let key = composition.device.phone_type.to_string();
    let phone_type = composition
        .phone_type()
        .ok_or_else(|| ToolError::NoSuchType { phone, phone_type: key.clone() })?;
    for setting in composition.left_out(phone.port) {
        eprintln!(
            "dialtone: {setting} is left out of files for the whole device: its ports are of \
             several companies"
        );
    }
    let family = composition.catalogue.family_of(phone_type);
    let files = family.files.iter().filter(|file| file.template.is_some());
    if let Some(path) = &arguments.file {
        let (phone_type, file, facts) =
            composition.file(&Target::parse(path)).ok_or_else(|| {
                let patterns = files.map(|file| file.pattern().to_owned()).collect();
                ToolError::NoSuchFile {
                    phone_type: key,
                    file: crate::domain::printable(path),
                    patterns,
                }
            })?;
        out.write_all(&body(composition, phone, phone_type, file, facts)?)?;
        return Ok(out.flush()?);
    }
    for file in files {
        for facts in file.example_facts(phone_type, phone.mac) {
            if file.scope == Scope::Port && facts.port != Some(phone.port) {
                continue;
            }
            let name = facts.fill(file.pattern(), phone.mac);
            let body = body(composition, phone, phone_type, file, facts)?;
            writeln!(out, "==> {name} <==")?;
            out.write_all(&body)?;
            if !body.ends_with(b"\n") {
                writeln!(out)?;
            }
        }
    }
    Ok(out.flush()?)
}

fn body(
    composition: &Composition,
    phone: PhoneId,
    phone_type: &PhoneType,
    file: &FileSpec,
    facts: PathFacts,
) -> Result<Vec<u8>, ToolError> {
    let input = composition
        .input(phone_type, file, facts)
        .map_err(|error| ToolError::Unreadable(phone, error))?;
    let family = composition.catalogue.family_of(phone_type);
    let rendered = composition.catalogue.render(family, Some(phone_type), file, input);
    rendered.map(|rendered| rendered.body).map_err(|source| ToolError::Render {
        phone,
        file: file.pattern().to_owned(),
        source,
    })
}

fn write_explained(
    composition: &Composition,
    phone: PhoneId,
    mut out: impl Write,
) -> Result<(), ToolError> {
    let layers = composition.layers(phone.port);
    let layers: Vec<_> = layers.iter().map(|(name, layer)| (*name, layer)).collect();
    let rows: Vec<serde_json::Value> = explain(&layers)
        .into_iter()
        .map(|own| serde_json::json!({ "field": own.field, "value": own.value, "from": own.from }))
        .collect();
    let columns = [("SETTING", "field"), ("VALUE", "value"), ("FROM", "from")];
    out.write_all(output::table(&columns, &rows).as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }
    use crate::domain::settings::Layer;
    use crate::domain::{CompanyId, Device, Mac, Port, Sighting, Timestamp};
    use crate::store::{Mutation, SqliteStore, Store};

    const MAC: &str = "02005e100001";

    /// A store with one phone, active or not, and nobody who has it open.
    async fn store(directory: &Path, active: bool) -> RenderArguments {
        let path = directory.join("store.db");
        let mac: Mac = MAC.parse().unwrap();
        let sighting = Sighting {
            first: at(1),
            last: at(1),
            address: "192.0.2.1".parse().unwrap(),
            user_agent: String::new(),
            type_guess: None,
            firmware: None,
            certificate: None,
        };
        let mut device = Device::sighted(mac, "linphone".parse().unwrap(), 1, sighting);
        if active {
            device = device.promote(Port::FIRST, &CompanyId::default_company(), at(2)).unwrap().0;
        }
        let settings = json!({
            "lines": { "1": { "user": "100", "password": "hunter2", "registrar": "sip.example" } },
        });
        let settings = Layer::parse(&settings).unwrap();
        let device = device.with_values(Port::FIRST, String::new(), settings, at(2)).unwrap();
        let store = SqliteStore::open(&path, at(1)).unwrap();
        store.commit(vec![Mutation::PutDevice { device, expect: None }], Vec::new()).await.unwrap();
        store.close().await;
        RenderArguments {
            config: ConfigArguments {
                config: None,
                store: Some(format!("sqlite:{}", path.display())),
                templates: None,
            },
            phone: format!("{MAC}0").parse().unwrap(),
            file: None,
            explain: false,
        }
    }

    async fn rendered(arguments: &RenderArguments) -> Result<String, ToolError> {
        let mut out = Vec::new();
        run(arguments, &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn a_phone_s_file_is_what_it_would_get_and_all_files_have_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let mut arguments = store(directory.path(), true).await;
        let all = rendered(&arguments).await.unwrap();
        arguments.file = Some(format!("/linphone-{MAC}.xml"));
        let one = rendered(&arguments).await.unwrap();
        assert!(one.starts_with("<?xml") && one.contains("hunter2"), "{one}");
        assert!(all.starts_with("==> ") && all.contains(&one), "{all}");
        assert!(!all.contains('{'), "a pattern is not filled in: {all}");
    }

    #[tokio::test]
    async fn explain_names_the_layer_and_hides_the_secret() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = RenderArguments { explain: true, ..store(directory.path(), false).await };
        let explained = rendered(&arguments).await.unwrap();
        let line = |name: &str| explained.lines().find(|line| line.starts_with(name)).unwrap();
        let words = |name: &str| line(name).split_whitespace().collect::<Vec<_>>();
        assert_eq!(words("lines.1.user "), ["lines.1.user", "100", "phone"]);
        assert_eq!(words("lines.1.password "), ["lines.1.password", "***", "phone"]);
        assert!(!explained.contains("hunter2"));
    }

    #[tokio::test]
    async fn what_cannot_be_rendered_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let mut arguments = store(directory.path(), true).await;
        arguments.file = Some("/other.cfg".to_owned());
        let error = rendered(&arguments).await.unwrap_err().to_string();
        assert!(error.starts_with("phones of type linphone have no file /other.cfg; theirs are "));
        arguments.phone = "02005e1000021".parse().unwrap();
        let error = rendered(&arguments).await.unwrap_err().to_string();
        assert_eq!(error, "the store has no phone 02005e1000021");
        let directory = tempfile::tempdir().unwrap();
        let error = rendered(&store(directory.path(), false).await).await.unwrap_err();
        assert!(matches!(error, ToolError::Inactive(_)), "{error}");
    }

    #[tokio::test]
    async fn a_store_in_use_is_said_with_what_to_do_instead() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = store(directory.path(), true).await;
        let gateway = SqliteStore::open(&directory.path().join("store.db"), at(1)).unwrap();
        let error = rendered(&arguments).await.unwrap_err();
        let error = crate::domain::ErrorChain(&error).to_string();
        assert!(error.contains("is in use") && error.contains("dialtone phone preview"), "{error}");
        gateway.close().await;
        rendered(&arguments).await.unwrap();
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let mut arguments = store(directory.path(), true).await;
        let missing = directory.path().join("no/store.db");
        arguments.config.store = Some(format!("sqlite:{}", missing.display()));
        let error = rendered(&arguments).await.unwrap_err().to_string();
        assert!(error.starts_with("there is no store at "), "{error}");
        assert!(!directory.path().join("no").exists());
    }
}

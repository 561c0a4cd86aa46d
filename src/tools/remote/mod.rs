//! `dialtone phone`, `company`, `user`, `settings`, `ban`: the commands of the admin
//! API from the shell, carried out by a running gateway.
//!
//! Each file turns its subcommands into a `Task`: what to call, and how the
//! answer is shown.

mod ban;
mod company;
mod names;
mod phone;
mod settings;
mod show;
mod user;

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{AdminUrl, AuthorityError, Call, Client, ClientError};
use super::offline_user::{self, OfflineUserError};
use super::patch::PatchError;
use crate::domain::printable;
use crate::net::tls::PairFiles;
use ban::BanCommand;
use company::CompanyCommand;
use phone::PhoneCommand;
use settings::SettingsCommand;
use show::Show;
use user::UserCommand;

/// Which gateway, and by whose right.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The gateway's admin API.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "DIALTONE_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    pub url: AdminUrl,
    /// File with the API key. Without it the variable DIALTONE_KEY is used: an argument
    /// would show in the list of processes.
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Whom to trust over https: a PEM file of authorities, or a self-signed certificate.
    #[arg(long, global = true, value_name = "FILE", env = "DIALTONE_CA")]
    pub ca: Option<PathBuf>,
    /// Your certificate, for a gateway that asks for one over https: a PEM file. Where it signs you
    /// in, no API key is needed.
    #[arg(long, global = true, value_name = "FILE", env = "DIALTONE_CLIENT_CERTIFICATE")]
    pub client_certificate: Option<PathBuf>,
    /// The key of your certificate: a PEM file.
    #[arg(long, global = true, value_name = "FILE", env = "DIALTONE_CLIENT_KEY")]
    pub client_key: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands that ask a running gateway.
#[derive(Debug, Clone, Subcommand)]
pub enum RemoteCommand {
    /// Phones: list, promote, configure, remove them.
    Phone {
        /// Which gateway is asked, and as whom.
        #[command(flatten)]
        connection: Connection,
        /// What is asked.
        #[command(subcommand)]
        command: PhoneCommand,
    },
    /// Companies, the tenants phones belong to.
    Company {
        /// Which gateway is asked, and as whom.
        #[command(flatten)]
        connection: Connection,
        /// What is asked.
        #[command(subcommand)]
        command: CompanyCommand,
    },
    /// Users of the admin API and their keys.
    User {
        /// Which gateway is asked, and as whom.
        #[command(flatten)]
        connection: Connection,
        /// What is asked.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// The settings all phones share.
    Settings {
        /// Which gateway is asked, and as whom.
        #[command(flatten)]
        connection: Connection,
        /// What is asked.
        #[command(subcommand)]
        command: SettingsCommand,
    },
    /// Networks that get nothing.
    Ban {
        /// Which gateway is asked, and as whom.
        #[command(flatten)]
        connection: Connection,
        /// What is asked.
        #[command(subcommand)]
        command: BanCommand,
    },
}

/// Why a command was not carried out, or its answer not shown.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("no API key: set DIALTONE_KEY, or name its file with --key-file")]
    NoKey,
    #[error("cannot read the API key from {}", path.display())]
    KeyFile { path: PathBuf, source: io::Error },
    #[error("cannot read the API key from {}: it is empty", path.display())]
    EmptyKeyFile { path: PathBuf },
    #[error("--client-certificate and --client-key go together")]
    HalfIdentity,
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Patch(#[from] PatchError),
    #[error("standard input has no line with a {0}")]
    NoLine(&'static str),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    OfflineUser(Box<OfflineUserError>),
    #[error("{0}: the gateway shows no such object")]
    Nothing(String),
    #[error("{attempt}: no {what} is called {name}{near} (`dialtone {list}` shows all there are)")]
    NoSuchName {
        attempt: String,
        what: &'static str,
        name: String,
        near: String,
        list: &'static str,
    },
    #[error(
        "{attempt}: {phone} does not wait, it is active in {company} already: `dialtone phone set {phone} \
         --type TYPE` says what it is, `dialtone phone assign {phone} COMPANY` moves it"
    )]
    Active { attempt: String, phone: String, company: String },
    #[error(
        "{attempt}: there is no file {file}; the same command without it shows which there are"
    )]
    NoFile { attempt: String, file: String },
    #[error(
        "{0}: the gateway shows no file: there is no such phone here, or phones of its type get \
         none; `dialtone phone show` tells which"
    )]
    NoPreview(String),
    /// Some files of a preview; each was reported where it stands.
    #[error("{failed} of {all} files cannot be made")]
    Files { failed: usize, all: usize },
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

impl RemoteError {
    /// Whether the arguments make no sense: then nothing was asked of the gateway.
    #[must_use]
    pub fn is_of_arguments(&self) -> bool {
        matches!(self, RemoteError::Patch(error) if error.is_of_arguments())
    }

    /// What is said of an answer without a row.
    fn nothing(call: &Call) -> RemoteError {
        let attempt = call.attempt.clone();
        match call.scope.get("file").and_then(Value::as_str) {
            Some(file) => RemoteError::NoFile { attempt, file: printable(file) },
            None => RemoteError::Nothing(attempt),
        }
    }
}

/// A call and what is shown of its answer.
#[derive(Debug, Clone, PartialEq)]
struct Task {
    call: Call,
    /// Field of the scope that takes the `next` of a page; `None`: one page is all.
    page: Option<&'static str>,
    /// Rows wanted at most, over all pages.
    most: usize,
    show: Show,
}

/// Rows asked for at a time; the API gives no more.
const PAGE: usize = 1000;

impl Task {
    fn new(call: Call, show: Show) -> Task {
        Task { call, page: None, most: usize::MAX, show }
    }

    /// # Errors
    /// When the call would change nothing: the shell's user meant something.
    fn change(call: Call, what: &'static str) -> Result<Task, RemoteError> {
        if call.values.is_empty() {
            return Err(PatchError::Nothing.into());
        }
        Ok(Task::new(call, Show::Done(what, "changed")))
    }

    fn paged(self, field: &'static str, most: usize) -> Task {
        Task { page: Some(field), most, ..self }
    }
}

/// Carries out one command. What it asks of standard input comes from `input`,
/// what it shows goes to `out`; `is_terminal` says whether that is one.
///
/// # Errors
/// [`RemoteError`].
pub async fn run(
    command: RemoteCommand,
    input: impl BufRead,
    out: impl Write,
    is_terminal: bool,
) -> Result<(), RemoteError> {
    let offline = match &command {
        RemoteCommand::User { command, .. } => command.offline(),
        _ => None,
    };
    let (connection, task) = match command {
        RemoteCommand::Phone { connection, command } => (connection, command.task(input)?),
        RemoteCommand::Company { connection, command } => (connection, command.task(input)?),
        RemoteCommand::User { connection, command } => (connection, command.task(input)?),
        RemoteCommand::Settings { connection, command } => (connection, command.task(input)?),
        RemoteCommand::Ban { connection, command } => (connection, command.task()),
    };
    let reply = match offline {
        None => {
            let client = connection.client()?;
            let fetched = fetch(&client, &task).await;
            // The API refuses some names that nothing has, and has no rows for others.
            let rows = match &fetched {
                Ok(reply) => reply["values"].as_array().map_or(&[][..], Vec::as_slice),
                Err(_) => &[],
            };
            let is_refused =
                matches!(&fetched, Err(RemoteError::Client(ClientError::Refused { .. })));
            if is_refused || (fetched.is_ok() && matches!(task.show, Show::Table(_))) {
                names::look_up(&client, &task.call, rows).await?;
            }
            if is_refused && matches!(task.call.verb, "promote" | "demote") {
                names::look_whether_active(&client, &task.call).await?;
            }
            let reply = fetched?;
            // The API counts what it did; whoever named a file meant one.
            if reply["numrows"] == 0 && task.call.scope.contains_key("file") {
                return Err(RemoteError::nothing(&task.call));
            }
            reply
        }
        Some(change) => {
            let key = offline_user::change(change)
                .await
                .map_err(|error| RemoteError::OfflineUser(Box::new(error)))?;
            json!({ "result": "success", "numrows": 1, "key": key })
        }
    };
    if connection.json {
        return show::json(&task.show, &reply, out);
    }
    show::text(&task, &reply, is_terminal, out)
}

impl Connection {
    fn client(&self) -> Result<Client, RemoteError> {
        let identity = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => {
                Some(PairFiles { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            _ => return Err(RemoteError::HalfIdentity),
        };
        let key = match self.key() {
            Err(RemoteError::NoKey) if identity.is_some() => None,
            key => Some(key?),
        };
        if key.is_some() && !self.url.is_https() && !self.url.is_loopback() {
            eprintln!("dialtone: the API key goes to {} unencrypted", self.url);
        }
        Ok(Client::new(self.url.clone(), key, self.ca.as_deref(), identity.as_ref())?)
    }

    fn key(&self) -> Result<String, RemoteError> {
        let text = match &self.key_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| RemoteError::KeyFile { path: path.clone(), source })?,
            None => std::env::var("DIALTONE_KEY").unwrap_or_default(),
        };
        match (text.trim(), &self.key_file) {
            ("", Some(path)) => Err(RemoteError::EmptyKeyFile { path: path.clone() }),
            ("", None) => Err(RemoteError::NoKey),
            (key, _) => Ok(key.to_owned()),
        }
    }
}

/// The answer, with the rows of all pages that are wanted.
async fn fetch(client: &Client, task: &Task) -> Result<Value, RemoteError> {
    let Some(field) = task.page else { return Ok(client.call(&task.call).await?) };
    let mut call = task.call.clone();
    let mut rows: Vec<Value> = Vec::new();
    while rows.len() < task.most {
        call = call.scope("limit", PAGE.min(task.most - rows.len()));
        let mut reply = client.call(&call).await?;
        if let Value::Array(page) = reply["values"].take() {
            rows.extend(page);
        }
        let Value::String(next) = reply["next"].take() else { break };
        call = call.scope(field, next);
    }
    Ok(json!({ "result": "success", "numrows": rows.len(), "values": rows }))
}

/// A line of standard input, for what is no argument: `what`.
fn line(what: &'static str, mut input: impl BufRead) -> Result<String, RemoteError> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() { Err(RemoteError::NoLine(what)) } else { Ok(line.to_owned()) }
}

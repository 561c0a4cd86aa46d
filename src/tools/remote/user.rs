//! `dialtone user`. A password or a code is a line of standard input and never an argument.

use std::io::BufRead;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::phone::{EVENTS, names};
use super::show::Show;
use super::{RemoteError, Task, line};
use crate::domain::{CompanyId, Role};
use crate::registry::Revoke;
use crate::tools::client::Call;
use crate::tools::config_arguments::ConfigArguments;
use crate::tools::offline_user::{OfflineUserChange, OfflineWhat};

#[derive(Debug, Clone, Subcommand)]
pub enum UserCommand {
    /// List the users.
    List,
    /// Make a user.
    Create {
        login: String,
        #[arg(long, value_parser = role, default_value = "User", value_name = "ROLE")]
        role: Role,
        #[command(flatten)]
        fields: UserFields,
        /// Make an API key and print it.
        #[arg(long)]
        key: bool,
    },
    /// Change a user.
    Set {
        login: String,
        #[arg(long, value_parser = role, value_name = "ROLE")]
        role: Option<Role>,
        #[command(flatten)]
        fields: UserFields,
        /// No login with a password any more.
        #[arg(long, conflicts_with = "password_stdin")]
        no_password: bool,
    },
    /// Remove a user; its keys and sessions end at once.
    Delete { login: String },
    /// Make a new API key and print it, or revoke keys.
    Key {
        login: String,
        /// Not over the API, which needs a key, but in this store: sqlite:PATH while no gateway
        /// has it, or postgres://… also while gateways run: for whoever has lost the last key. When no
        /// System-Admin can sign in and nobody has this login, one is made.
        #[arg(long, value_name = "URL")]
        store: Option<String>,
        /// The same in the store of this configuration file, with the password it names.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Revoke the key with this fingerprint (as `list` shows it) instead.
        #[arg(long, value_name = "FINGERPRINT")]
        revoke: Vec<String>,
        /// Make a new key and revoke all that were there.
        #[arg(long, conflicts_with = "revoke")]
        replace: bool,
    },
    /// Set up a second factor, put it in force or take it off. Without an option one is set up: its
    /// secret is printed, and the URI that an authenticator reads, only now.
    SecondFactor {
        login: String,
        /// Read the first code as a line from standard input: from now on a password counts with a
        /// code only. Prints the recovery codes.
        #[arg(long, conflicts_with = "remove")]
        confirm: bool,
        /// Take it off.
        #[arg(long)]
        remove: bool,
        /// Read a code, or a recovery code, as a line from standard input: asked for when it is
        /// your own that is taken off.
        #[arg(long, requires = "remove")]
        code_stdin: bool,
        /// Read the current password as a line from standard input: asked of who sets up their own
        /// and is no System-Admin.
        #[arg(long, conflicts_with_all = ["confirm", "remove"])]
        password_stdin: bool,
        /// Not over the API, but in this store: sqlite:PATH while no gateway has it, or postgres://…
        /// also while gateways run: for whoever has lost authenticator and recovery codes.
        #[arg(long, value_name = "URL", requires = "remove")]
        store: Option<String>,
        /// The same in the store of this configuration file, with the password it names.
        #[arg(long, value_name = "FILE", requires = "remove")]
        config: Option<PathBuf>,
    },
    /// List what was done to users, newest first.
    Events {
        login: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// What a user is made with, and what can be changed.
#[derive(Debug, Clone, Args)]
pub struct UserFields {
    #[arg(long)]
    name: Option<String>,
    /// The company the user belongs to.
    #[arg(long)]
    company: Option<CompanyId>,
    /// A company a Company-Admin administers, instead of those so far; may be given several
    /// times.
    #[arg(long)]
    administers: Vec<CompanyId>,
    /// Read a password as a line from standard input.
    #[arg(long)]
    password_stdin: bool,
}

impl UserFields {
    fn add_to(self, call: Call, input: impl BufRead) -> Result<Call, RemoteError> {
        let password = if self.password_stdin { Some(line("password", input)?) } else { None };
        Ok(call
            .value("name", self.name)
            .value("company", self.company.map(|id| id.to_string()))
            .value("companies", names(&self.administers))
            .value("password", password))
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("LOGIN", "login"),
    ("NAME", "name"),
    ("ROLE", "role"),
    ("COMPANY", "company"),
    ("ADMINISTERS", "companies"),
    ("PASSWORD", "password"),
    ("SECOND FACTOR", "second_factor"),
    ("KEYS", "keys"),
    ("CREATED", "created"),
];

impl UserCommand {
    /// What is to be done in a store itself, where no gateway is asked.
    pub(super) fn offline(&self) -> Option<OfflineUserChange> {
        let (login, store, config, what) = match self {
            UserCommand::Key { login, store, config, revoke, replace } => {
                let revoke = match (replace, revoke.as_slice()) {
                    (true, _) => Revoke::All,
                    (false, []) => Revoke::None,
                    (false, these) => Revoke::These(these.to_vec()),
                };
                (login, store, config, OfflineWhat::Keys(revoke))
            }
            UserCommand::SecondFactor { login, store, config, .. } => {
                (login, store, config, OfflineWhat::NoSecondFactor)
            }
            _ => return None,
        };
        if store.is_none() && config.is_none() {
            return None;
        }
        let named = || std::env::var_os("DIALTONE_CONFIG").map(PathBuf::from);
        let config = ConfigArguments {
            config: config.clone().or_else(named),
            store: store.clone(),
            templates: None,
        };
        Some(OfflineUserChange { config, login: login.clone(), what })
    }

    pub(super) fn task(self, input: impl BufRead) -> Result<Task, RemoteError> {
        let call = |verb, attempt: String| Call::new(verb, "user", attempt);
        let of =
            |verb, login: String| call(verb, format!("{verb} user {login}")).scope("login", login);
        let factor = |verb, login: String| {
            let attempt = format!("{verb} second factor of {login}");
            Call::new(verb, "second_factor", attempt).scope("login", login)
        };
        Ok(match self {
            UserCommand::List => {
                Task::new(call("read", "list users".to_owned()), Show::Table(COLUMNS))
            }
            UserCommand::Create { login, role, fields, key } => {
                let call = call("create", format!("create user {login}"))
                    .value("login", login)
                    .value("role", role.as_str().to_owned())
                    .value("key", key.then_some(true));
                Task::new(fields.add_to(call, input)?, Show::Key("created"))
            }
            UserCommand::Set { login, role, fields, no_password } => {
                let call =
                    of("update", login).value("role", role.map(|role| role.as_str().to_owned()));
                let call = fields.add_to(call, input)?;
                let call = if no_password { call.without("password") } else { call };
                Task::change(call, "user")?
            }
            UserCommand::Delete { login } => {
                Task::new(of("delete", login), Show::Done("user", "deleted"))
            }
            UserCommand::Key { login, revoke, replace, .. } => {
                let update = of("update", login);
                if revoke.is_empty() {
                    let call =
                        update.value("key", true).value("revoke_keys", replace.then_some(true));
                    return Ok(Task::new(call, Show::Key("changed")));
                }
                Task::new(update.value("revoke_keys", revoke), Show::Done("user", "changed"))
            }
            UserCommand::SecondFactor { login, confirm: true, .. } => {
                let code = line("code", input)?;
                let call = factor("confirm", login).value("code", code);
                Task::new(call, Show::One)
            }
            UserCommand::SecondFactor { login, remove: true, code_stdin, .. } => {
                let code = if code_stdin { Some(line("code", input)?) } else { None };
                let call = factor("delete", login).value("code", code);
                Task::new(call, Show::Done("second factor", "removed"))
            }
            UserCommand::SecondFactor { login, password_stdin, .. } => {
                let password = if password_stdin { Some(line("password", input)?) } else { None };
                let call = factor("create", login).value("current_password", password);
                Task::new(call, Show::One)
            }
            UserCommand::Events { login, limit } => {
                let call = call("events", "list events".to_owned()).scope("login", login);
                Task::new(call, Show::Table(EVENTS)).paged("before", limit)
            }
        })
    }
}

fn role(text: &str) -> Result<Role, String> {
    let roles = [Role::SystemAdmin, Role::CompanyAdmin, Role::User];
    let found = roles.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "a role is System-Admin, Company-Admin or User".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Shell {
        #[command(subcommand)]
        command: UserCommand,
    }

    fn task(line: &str) -> Result<Task, RemoteError> {
        let arguments = std::iter::once("user").chain(line.split(' '));
        let shell = Shell::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"));
        shell.command.task(&b"correct horse\n"[..])
    }

    #[test]
    fn each_command_is_the_api_s() {
        let ann = json!({ "login": "ann" });
        for (line, verb, scope, values) in [
            ("list", "read", json!({}), json!({})),
            ("delete ann", "delete", ann.clone(), json!({})),
            (
                "create ann --role company-admin --administers a --administers b --password-stdin --key",
                "create",
                json!({}),
                json!({
                    "login": "ann",
                    "role": "Company-Admin",
                    "companies": ["a", "b"],
                    "password": "correct horse",
                    "key": true,
                }),
            ),
            ("set ann --company a", "update", ann.clone(), json!({ "company": "a" })),
            ("set ann --no-password", "update", ann.clone(), json!({ "password": null })),
            ("key ann", "update", ann.clone(), json!({ "key": true })),
            (
                "key ann --replace",
                "update",
                ann.clone(),
                json!({ "key": true, "revoke_keys": true }),
            ),
            (
                "key ann --revoke 0badcafe",
                "update",
                ann.clone(),
                json!({ "revoke_keys": ["0badcafe"] }),
            ),
            ("events ann", "events", ann.clone(), json!({})),
        ] {
            let call = task(line).unwrap().call;
            let own = (call.kind, call.verb, Value::Object(call.scope), Value::Object(call.values));
            assert_eq!(own, ("user", verb, scope, values), "{line}");
        }
        for (line, verb, values) in [
            ("second-factor ann", "create", json!({})),
            (
                "second-factor ann --password-stdin",
                "create",
                json!({ "current_password": "correct horse" }),
            ),
            ("second-factor ann --confirm", "confirm", json!({ "code": "correct horse" })),
            ("second-factor ann --remove", "delete", json!({})),
            (
                "second-factor ann --remove --code-stdin",
                "delete",
                json!({ "code": "correct horse" }),
            ),
        ] {
            let call = task(line).unwrap().call;
            let own = (call.kind, call.verb, Value::Object(call.scope), Value::Object(call.values));
            assert_eq!(own, ("second_factor", verb, ann.clone(), values), "{line}");
        }
    }

    #[test]
    fn a_store_is_worked_on_for_a_lost_second_factor_alone() {
        let shell = |line: &str| Shell::try_parse_from(line.split(' ')).map(|shell| shell.command);
        let lost = shell("user second-factor ann --remove --store sqlite:x.db").unwrap();
        assert_eq!(lost.offline().unwrap().what, OfflineWhat::NoSecondFactor);
        assert!(shell("user second-factor ann --store sqlite:x.db").is_err());
        assert!(shell("user second-factor ann --remove").unwrap().offline().is_none());
    }

    #[test]
    fn nothing_to_change_is_said() {
        assert!(task("set ann").unwrap_err().to_string().starts_with("nothing to change"));
    }

    #[test]
    fn no_password_on_standard_input_is_an_error() {
        let shell = Shell::parse_from(["user", "create", "ann", "--password-stdin"]);
        assert!(matches!(shell.command.task(&b"\n"[..]), Err(RemoteError::NoLine("password"))));
    }
}

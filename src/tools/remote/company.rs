//! `dialtone company`.

use std::io::BufRead;

use clap::Subcommand;

use super::phone::{EVENTS, names};
use super::show::Show;
use super::{RemoteError, Task};
use crate::domain::CompanyId;
use crate::tools::client::Call;
use crate::tools::patch::SettingArguments;

#[derive(Debug, Clone, Subcommand)]
pub enum CompanyCommand {
    /// List the companies.
    List,
    /// Show a company and its settings, secrets hidden.
    Show { company: CompanyId },
    /// Make a company.
    Create {
        company: CompanyId,
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Change a company's name or settings, and so its phones at their next request.
    Set {
        company: CompanyId,
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Show the token that the URLs of its phones' files may hold; that it was shown is on record.
    Token {
        company: CompanyId,
        /// Another one: the present one is proof for each phone until it came with the new one.
        #[arg(long)]
        new: bool,
        /// Those before are proof of nothing from now on: whoever has no other proof is refused.
        #[arg(long, requires = "new")]
        drop_old: bool,
    },
    /// Remove a company that has no phones and users.
    Delete { company: CompanyId },
    /// List what was done to companies, newest first.
    Events {
        company: Vec<CompanyId>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

const COLUMNS: &[(&str, &str)] =
    &[("COMPANY", "company"), ("NAME", "name"), ("CREATED", "created")];

impl CompanyCommand {
    pub(super) fn task(self, input: impl BufRead) -> Result<Task, RemoteError> {
        let call = |verb, attempt: String| Call::new(verb, "company", attempt);
        let of = |verb, company: &CompanyId| {
            call(verb, format!("{verb} company {company}")).scope("company", company.to_string())
        };
        Ok(match self {
            CompanyCommand::List => {
                Task::new(call("read", "list companies".to_owned()), Show::Table(COLUMNS))
            }
            CompanyCommand::Show { company } => Task::new(of("read", &company), Show::One),
            CompanyCommand::Create { company, name, settings } => {
                let call = call("create", format!("create company {company}"))
                    .value("company", company.to_string())
                    .value("name", name)
                    .value("settings", settings.patch(input)?);
                Task::new(call, Show::Done("company", "created"))
            }
            CompanyCommand::Set { company, name, settings } => {
                let call = of("update", &company)
                    .value("name", name)
                    .value("settings", settings.patch(input)?);
                Task::change(call, "company")?
            }
            CompanyCommand::Token { company, new, drop_old } => {
                let call = of("token", &company)
                    .value("new", new.then_some(true))
                    .value("drop_old", drop_old.then_some(true));
                Task::new(call, Show::One)
            }
            CompanyCommand::Delete { company } => {
                Task::new(of("delete", &company), Show::Done("company", "deleted"))
            }
            CompanyCommand::Events { company, limit } => {
                let call =
                    call("events", "list events".to_owned()).scope("company", names(&company));
                Task::new(call, Show::Table(EVENTS)).paged("before", limit)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Shell {
        #[command(subcommand)]
        command: CompanyCommand,
    }

    #[test]
    fn each_command_is_the_api_s() {
        let acme = json!({ "company": "acme" });
        for (line, verb, scope, values) in [
            ("list", "read", json!({}), json!({})),
            ("show acme", "read", acme.clone(), json!({})),
            ("delete acme", "delete", acme.clone(), json!({})),
            ("token acme", "token", acme.clone(), json!({})),
            ("token acme --new", "token", acme.clone(), json!({ "new": true })),
            (
                "create acme --name Acme time.zone=Europe/Berlin",
                "create",
                json!({}),
                json!({
                    "company": "acme",
                    "name": "Acme",
                    "settings": { "time": { "zone": "Europe/Berlin" } },
                }),
            ),
            (
                "set acme --unset time.zone",
                "update",
                acme.clone(),
                json!({ "settings": { "time": { "zone": null } } }),
            ),
            ("events acme", "events", json!({ "company": ["acme"] }), json!({})),
        ] {
            let arguments = std::iter::once("company").chain(line.split(' '));
            let call = Shell::parse_from(arguments).command.task(&b""[..]).unwrap().call;
            let own = (call.kind, call.verb, Value::Object(call.scope), Value::Object(call.values));
            assert_eq!(own, ("company", verb, scope, values), "{line}");
        }
    }
}

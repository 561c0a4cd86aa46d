//! `dialtone settings`: those that all phones share.

use std::io::BufRead;

use clap::Subcommand;

use super::show::Show;
use super::{RemoteError, Task};
use crate::tools::client::Call;
use crate::tools::patch::SettingArguments;

#[derive(Debug, Clone, Subcommand)]
pub enum SettingsCommand {
    /// Show them, secrets hidden.
    Show,
    /// Change them, and so all phones at their next request.
    Set {
        #[command(flatten)]
        settings: SettingArguments,
    },
}

impl SettingsCommand {
    pub(super) fn task(self, input: impl BufRead) -> Result<Task, RemoteError> {
        let call = |verb, attempt: &str| Call::new(verb, "settings", attempt.to_owned());
        Ok(match self {
            SettingsCommand::Show => Task::new(call("read", "read the settings"), Show::One),
            SettingsCommand::Set { settings } => {
                let call = call("update", "change the settings");
                Task::change(call.value("settings", settings.patch(input)?), "layer")?
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
        command: SettingsCommand,
    }

    fn task(line: &str) -> Result<Task, RemoteError> {
        let arguments = std::iter::once("settings").chain(line.split(' '));
        Shell::parse_from(arguments).command.task(&b""[..])
    }

    #[test]
    fn each_command_is_the_api_s() {
        let shown = task("show").unwrap().call;
        assert_eq!((shown.verb, shown.kind, shown.values.len()), ("read", "settings", 0));
        let set = task("set time.zone=Europe/Berlin").unwrap().call;
        let expected = json!({ "settings": { "time": { "zone": "Europe/Berlin" } } });
        assert_eq!((set.verb, Value::Object(set.values)), ("update", expected));
    }

    #[test]
    fn nothing_to_change_is_said() {
        assert!(task("set").unwrap_err().to_string().starts_with("nothing to change"));
    }
}

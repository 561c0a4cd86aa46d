//! `dialtone ban`.

use clap::Subcommand;

use super::Task;
use super::phone::EVENTS;
use super::show::Show;
use crate::net::Network;
use crate::tools::client::Call;

#[derive(Debug, Clone, Subcommand)]
pub enum BanCommand {
    /// List the networks that get nothing, and those that are not let off so easily the next time.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Show why a network, or an address in it, gets nothing.
    Show {
        /// An address or a network.
        network: Network,
    },
    /// Ban a network by hand.
    Add {
        /// An address or a network.
        network: Network,
        /// How long.
        #[arg(long, default_value_t = 1_440)]
        minutes: u64,
        /// Why, for whoever reads the list.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lift the ban of a network, as the list shows it, and forget what led to it.
    Lift {
        /// An address or a network.
        network: Network,
    },
    /// List who was banned and by whom lifted, and sweeps from many addresses; newest first.
    Events {
        /// Of this network only.
        network: Option<Network>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

const COLUMNS: &[(&str, &str)] = &[
    ("NETWORK", "network"),
    ("UNTIL", "until"),
    ("IN FORCE", "in_force"),
    ("TIMES", "times"),
    ("BY", "made_by"),
    ("REASON", "reason"),
];

impl BanCommand {
    pub(super) fn task(self) -> Task {
        let call = |verb, attempt: String| Call::new(verb, "ban", attempt);
        let of = |verb, network: Network| {
            call(verb, format!("{verb} ban {network}")).scope("network", network.to_string())
        };
        match self {
            BanCommand::List { limit } => {
                Task::new(call("read", "list bans".to_owned()), Show::Table(COLUMNS))
                    .paged("after", limit)
            }
            BanCommand::Show { network } => Task::new(of("read", network), Show::One),
            BanCommand::Add { network, minutes, reason } => {
                let call = call("create", format!("create ban {network}"))
                    .value("network", network.to_string())
                    .value("minutes", minutes)
                    .value("reason", reason);
                Task::new(call, Show::Done("network", "banned"))
            }
            BanCommand::Lift { network } => {
                Task::new(of("delete", network), Show::Done("ban", "lifted"))
            }
            BanCommand::Events { network, limit } => {
                let call = call("events", "list events".to_owned())
                    .scope("network", network.map(|network| network.to_string()));
                Task::new(call, Show::Table(EVENTS)).paged("before", limit)
            }
        }
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
        command: BanCommand,
    }

    #[test]
    fn each_command_is_the_api_s() {
        let one = json!({ "network": "192.0.2.7/32" });
        for (line, verb, scope, values) in [
            ("list", "read", json!({}), json!({})),
            ("show 192.0.2.7", "read", one.clone(), json!({})),
            ("lift 192.0.2.7", "delete", one.clone(), json!({})),
            (
                "add 2001:db8:1::/48 --minutes 5 --reason walks",
                "create",
                json!({}),
                json!({ "network": "2001:db8:1::/48", "minutes": 5, "reason": "walks" }),
            ),
            ("events 192.0.2.7", "events", one, json!({})),
            ("events", "events", json!({}), json!({})),
        ] {
            let arguments = std::iter::once("ban").chain(line.split(' '));
            let call = Shell::parse_from(arguments).command.task().call;
            let own = (call.kind, call.verb, Value::Object(call.scope), Value::Object(call.values));
            assert_eq!(own, ("ban", verb, scope, values), "{line}");
        }
        for wrong in ["office", "2001:db8:1::7/48"] {
            assert!(Shell::try_parse_from(["ban", "add", wrong]).is_err(), "{wrong}");
            assert!(Shell::try_parse_from(["ban", "show", wrong]).is_err(), "{wrong}");
        }
    }
}

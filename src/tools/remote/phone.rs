//! `dialtone phone`.

use std::io::BufRead;
use std::str::FromStr;

use clap::Subcommand;

use super::show::Show;
use super::{RemoteError, Task};
use crate::domain::{CompanyId, Mac, PhoneId, TypeKey};
use crate::tools::client::Call;
use crate::tools::patch::SettingArguments;

#[derive(Debug, Clone, Subcommand)]
pub enum PhoneCommand {
    /// List the phones that asked and wait to be promoted.
    Inactive,
    /// List the active phones.
    Active {
        /// Only phones of this company; may be given several times.
        #[arg(long)]
        company: Vec<CompanyId>,
    },
    /// List phones with what is known of them.
    List {
        #[arg(long)]
        mac: Option<Mac>,
        /// Only phones of this company; may be given several times.
        #[arg(long)]
        company: Vec<CompanyId>,
        #[arg(long = "type", value_name = "TYPE")]
        phone_type: Option<TypeKey>,
        /// Only those that run another version of their firmware than they should.
        #[arg(long)]
        other_firmware: bool,
    },
    /// List the phone types there are.
    Types,
    /// Show all that is known of a phone, secrets hidden.
    Show { phone: PhoneId },
    /// Activate all inactive ports of a phone's device.
    Promote {
        phone: PhoneId,
        #[arg(long)]
        company: Option<CompanyId>,
        /// What it is, where it was taken for something else, or for nothing known.
        #[arg(long = "type", value_name = "TYPE")]
        phone_type: Option<TypeKey>,
        /// The MAC is another maker's than the type, and that is meant.
        #[arg(long, requires = "phone_type")]
        other_maker: bool,
    },
    /// Take all inactive ports of a phone's device off the list.
    Demote { phone: PhoneId },
    /// Move active phones to another company: all of a MAC, or one phone.
    Assign {
        #[arg(value_name = "MAC|PHONE")]
        what: PhoneOrMac,
        company: CompanyId,
        /// Only if they are in this company now.
        #[arg(long)]
        from: Option<CompanyId>,
    },
    /// Make an active phone before it ever asked.
    Create {
        /// A MAC alone is its port 0.
        #[arg(value_name = "MAC|PHONE")]
        what: PhoneOrMac,
        #[arg(long = "type", value_name = "TYPE")]
        phone_type: TypeKey,
        #[arg(long, default_value = "default")]
        company: CompanyId,
        #[arg(long)]
        name: Option<String>,
        /// The MAC is another maker's than the type, and that is meant.
        #[arg(long)]
        other_maker: bool,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Change a phone's own settings, name or type.
    Set {
        phone: PhoneId,
        #[arg(long)]
        name: Option<String>,
        /// The type that the whole device is to be.
        #[arg(long = "type", value_name = "TYPE")]
        phone_type: Option<TypeKey>,
        /// The MAC is another maker's than that type, and that is meant.
        #[arg(long, requires = "phone_type")]
        other_maker: bool,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Remove an active phone.
    Delete { phone: PhoneId },
    /// Show the files a phone would get, secrets hidden.
    Preview {
        phone: PhoneId,
        /// Path of one file as the phone asks for it.
        file: Option<String>,
    },
    /// Show the passwords of a phone and of its lines; that they were shown is on record.
    Reveal { phone: PhoneId },
    /// Forget what a phone was first served with, and what locked it: its window begins anew.
    Rearm {
        phone: PhoneId,
        /// It was reset or replaced, and has none of the keys it was given for its encrypted files:
        /// they are plain until it was given one over TLS.
        #[arg(long)]
        forget_keys: bool,
    },
    /// Show the token that the URLs of a phone's files may hold; that it was shown is on record.
    Token {
        phone: PhoneId,
        /// Another one: the present one is proof until the phone came with the new one.
        #[arg(long)]
        new: bool,
        /// Those before are proof of nothing from now on: whoever has no other proof is refused.
        #[arg(long, requires = "new")]
        drop_old: bool,
    },
    /// List the files a phone sent, or show one; that it was shown is on record.
    Uploads {
        phone: PhoneId,
        /// Name of one file: what is in it goes to standard output.
        file: Option<String>,
        /// Remove that file, so that the phone does not get it back.
        #[arg(long, requires = "file")]
        delete: bool,
    },
    /// Show what a phone asked last and why it got what it got.
    Requests {
        /// Without it: the requests that named no MAC.
        #[arg(value_name = "MAC|PHONE")]
        what: Option<PhoneOrMac>,
    },
    /// List what was done to phones, newest first.
    Events {
        #[arg(value_name = "MAC|PHONE")]
        what: Option<PhoneOrMac>,
        #[arg(long)]
        company: Vec<CompanyId>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// One phone, or all behind a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneOrMac {
    Phone(PhoneId),
    Mac(Mac),
}

/// Neither of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a MAC of 12 hex digits nor a phoneid, which is a MAC and a port")]
pub struct InvalidPhoneOrMac;

const UPLOADS: &[(&str, &str)] =
    &[("FILE", "file"), ("KIND", "kind"), ("BYTES", "bytes"), ("RECEIVED", "received")];

const LISTED: &[(&str, &str)] = &[
    ("PHONEID", "phoneid"),
    ("TYPE", "phone_type"),
    ("DESCRIPTION", "type"),
    ("CREATED", "created"),
    ("TYPE TOLD BY", "told_by"),
];
const ACTIVE: &[(&str, &str)] = &[
    ("PHONEID", "phoneid"),
    ("COMPANY", "company"),
    ("TYPE", "phone_type"),
    ("DESCRIPTION", "type"),
    ("CREATED", "created"),
];
const KNOWN: &[(&str, &str)] = &[
    ("PHONEID", "phoneid"),
    ("STATE", "state"),
    ("COMPANY", "company"),
    ("TYPE", "phone_type"),
    ("NAME", "name"),
    ("LAST SEEN", "sighting.last"),
    ("ADDRESS", "sighting.address"),
    ("FIRMWARE", "sighting.firmware"),
    ("WANTED", "wanted_firmware"),
];
const TYPES: &[(&str, &str)] =
    &[("TYPE", "phone_type"), ("GROUP", "pgroup"), ("DESCRIPTION", "description")];
pub(super) const EVENTS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("AT", "at"),
    ("WHO", "who"),
    ("FROM", "from"),
    ("ACTION", "action"),
    ("NAME", "name"),
    ("COMPANY", "company"),
    ("BEFORE", "before"),
    ("AFTER", "after"),
];

const REQUESTS: &[(&str, &str)] = &[
    ("AT", "at"),
    ("NODE", "node"),
    ("ADDRESS", "address"),
    ("TARGET", "target"),
    ("USER-AGENT", "user_agent"),
    ("MADE OF IT", "phone_type"),
    ("OUTCOME", "outcome"),
    ("DETAIL", "detail"),
];

impl PhoneCommand {
    pub(super) fn task(self, input: impl BufRead) -> Result<Task, RemoteError> {
        Ok(match self {
            PhoneCommand::Inactive => {
                Task::new(call("inactive", "list inactive phones"), Show::Table(LISTED))
            }
            PhoneCommand::Active { company } => {
                let call = call("active", "list active phones").scope("company", names(&company));
                Task::new(call, Show::Table(ACTIVE))
            }
            PhoneCommand::List { mac, company, phone_type, other_firmware } => {
                let call = call("read", "list phones")
                    .scope("mac", mac.map(|mac| mac.to_string()))
                    .scope("company", names(&company))
                    .scope("phone_type", phone_type.map(|key| key.to_string()))
                    .scope("firmware", other_firmware.then_some("other"));
                Task::new(call, Show::Table(KNOWN)).paged("after", usize::MAX)
            }
            PhoneCommand::Types => {
                Task::new(call("readtypes", "list phone types"), Show::Table(TYPES))
            }
            PhoneCommand::Show { phone } => Task::new(of("read", phone), Show::One),
            PhoneCommand::Promote { phone, company, phone_type, other_maker } => {
                let call = of("promote", phone)
                    .value("company", company.map(|id| id.to_string()))
                    .value("phone_type", phone_type.map(|key| key.to_string()))
                    .value("other_maker", other_maker.then_some(true));
                Task::new(call, done("promoted"))
            }
            PhoneCommand::Demote { phone } => Task::new(of("demote", phone), done("demoted")),
            PhoneCommand::Assign { what, company, from } => {
                let call = call("assign", &format!("assign {what} to {company}"))
                    .scope(what.field(), what.to_string())
                    .scope("company", from.map(|id| id.to_string()))
                    .value("company", company.to_string());
                Task::new(call, done("assigned"))
            }
            PhoneCommand::Create { what, phone_type, company, name, other_maker, settings } => {
                let call = call("create", &format!("create phone {what}"))
                    .value(what.field(), what.to_string())
                    .value("phone_type", phone_type.to_string())
                    .value("company", company.to_string())
                    .value("name", name)
                    .value("other_maker", other_maker.then_some(true))
                    .value("settings", settings.patch(input)?);
                Task::new(call, done("created"))
            }
            PhoneCommand::Set { phone, name, phone_type, other_maker, settings } => {
                let call = of("update", phone)
                    .value("name", name)
                    .value("phone_type", phone_type.map(|key| key.to_string()))
                    .value("other_maker", other_maker.then_some(true))
                    .value("settings", settings.patch(input)?);
                Task::change(call, "phone")?
            }
            PhoneCommand::Delete { phone } => Task::new(of("delete", phone), done("deleted")),
            PhoneCommand::Preview { phone, file } => {
                Task::new(of("preview", phone).scope("file", file), Show::Files)
            }
            PhoneCommand::Reveal { phone } => Task::new(of("reveal", phone), Show::One),
            PhoneCommand::Rearm { phone, forget_keys } => {
                let call = of("rearm", phone).value("forget_keys", forget_keys.then_some(true));
                Task::new(call, done("armed again"))
            }
            PhoneCommand::Token { phone, new, drop_old } => {
                let call = of("token", phone)
                    .value("new", new.then_some(true))
                    .value("drop_old", drop_old.then_some(true));
                Task::new(call, Show::One)
            }
            PhoneCommand::Uploads { phone, file, delete: true } => {
                let attempt = format!("delete a file that phone {phone} sent");
                let call = Call::new("delete", "upload", attempt);
                let call = call.scope("phoneid", phone.to_string()).scope("file", file);
                Task::new(call, Show::Done("file", "deleted"))
            }
            PhoneCommand::Uploads { phone, file, delete: false } => {
                let show = if file.is_some() { Show::Content } else { Show::Table(UPLOADS) };
                Task::new(of("uploads", phone).scope("file", file), show)
            }
            PhoneCommand::Requests { what } => {
                let mut call = call("requests", "show the last requests");
                if let Some(what) = what {
                    call = call.scope(what.field(), what.to_string());
                }
                Task::new(call, Show::Table(REQUESTS))
            }
            PhoneCommand::Events { what, company, limit } => {
                let mut call = call("events", "list events").scope("company", names(&company));
                if let Some(what) = what {
                    call = call.scope(what.field(), what.to_string());
                }
                Task::new(call, Show::Table(EVENTS)).paged("before", limit)
            }
        })
    }
}

fn call(verb: &'static str, attempt: &str) -> Call {
    Call::new(verb, "phone", attempt.to_owned())
}

fn of(verb: &'static str, phone: PhoneId) -> Call {
    call(verb, &format!("{verb} phone {phone}")).scope("phoneid", phone.to_string())
}

fn done(done: &'static str) -> Show {
    Show::Done("phone", done)
}

/// No company named is no filter.
pub(super) fn names(companies: &[CompanyId]) -> Option<Vec<String>> {
    let names: Vec<String> = companies.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then_some(names)
}

impl PhoneOrMac {
    fn field(self) -> &'static str {
        match self {
            PhoneOrMac::Phone(_) => "phoneid",
            PhoneOrMac::Mac(_) => "mac",
        }
    }
}

impl std::fmt::Display for PhoneOrMac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PhoneOrMac::Phone(phone) => phone.fmt(f),
            PhoneOrMac::Mac(mac) => mac.fmt(f),
        }
    }
}

impl FromStr for PhoneOrMac {
    type Err = InvalidPhoneOrMac;

    fn from_str(text: &str) -> Result<PhoneOrMac, InvalidPhoneOrMac> {
        let mac = text.parse().map(PhoneOrMac::Mac);
        mac.or_else(|_| text.parse().map(PhoneOrMac::Phone)).map_err(|_| InvalidPhoneOrMac)
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
        command: PhoneCommand,
    }

    fn task(line: &str) -> Task {
        let arguments = std::iter::once("phone").chain(line.split(' '));
        let shell = Shell::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"));
        shell.command.task(&b"hunter2\n"[..]).unwrap()
    }

    fn called(line: &str) -> (&'static str, Value, Value) {
        let call = task(line).call;
        assert_eq!(call.kind, "phone");
        (call.verb, Value::Object(call.scope), Value::Object(call.values))
    }

    #[test]
    fn each_command_is_the_api_s() {
        let id = json!({ "phoneid": "0004f20102030" });
        let none = json!({});
        for (line, verb, scope, values) in [
            ("inactive", "inactive", none.clone(), none.clone()),
            ("active", "active", none.clone(), none.clone()),
            (
                "active --company a --company b",
                "active",
                json!({ "company": ["a", "b"] }),
                none.clone(),
            ),
            (
                "list --mac 00:04:F2:01:02:03 --type ip450",
                "read",
                json!({ "mac": "0004f2010203", "phone_type": "ip450" }),
                none.clone(),
            ),
            ("types", "readtypes", none.clone(), none.clone()),
            ("show 0004f20102030", "read", id.clone(), none.clone()),
            ("promote 0004f20102030", "promote", id.clone(), none.clone()),
            ("promote 0004f20102030 --company a", "promote", id.clone(), json!({ "company": "a" })),
            (
                "promote 0004f20102030 --type t46g --other-maker",
                "promote",
                id.clone(),
                json!({ "phone_type": "t46g", "other_maker": true }),
            ),
            ("demote 0004f20102030", "demote", id.clone(), none.clone()),
            ("delete 0004f20102030", "delete", id.clone(), none.clone()),
            (
                "assign 0004f2010203 b --from a",
                "assign",
                json!({ "mac": "0004f2010203", "company": "a" }),
                json!({ "company": "b" }),
            ),
            ("assign 0004f20102030 b", "assign", id.clone(), json!({ "company": "b" })),
            (
                "create 0004f2010203 --type ip450 lines.1.user=100",
                "create",
                none.clone(),
                json!({
                    "mac": "0004f2010203",
                    "phone_type": "ip450",
                    "company": "default",
                    "settings": { "lines": { "1": { "user": "100" } } },
                }),
            ),
            (
                "set 0004f20102030 --name Desk lines.1.password=- --unset time",
                "update",
                id.clone(),
                json!({
                    "name": "Desk",
                    "settings": { "lines": { "1": { "password": "hunter2" } }, "time": null },
                }),
            ),
            (
                "preview 0004f20102030 /0004f2010203.cfg",
                "preview",
                json!({ "phoneid": "0004f20102030", "file": "/0004f2010203.cfg" }),
                none.clone(),
            ),
            ("reveal 0004f20102030", "reveal", id.clone(), none.clone()),
            ("rearm 0004f20102030", "rearm", id.clone(), none.clone()),
            (
                "rearm 0004f20102030 --forget-keys",
                "rearm",
                id.clone(),
                json!({ "forget_keys": true }),
            ),
            ("token 0004f20102030", "token", id.clone(), none.clone()),
            ("token 0004f20102030 --new", "token", id.clone(), json!({ "new": true })),
            (
                "token 0004f20102030 --new --drop-old",
                "token",
                id.clone(),
                json!({ "new": true, "drop_old": true }),
            ),
            ("requests 0004f2010203", "requests", json!({ "mac": "0004f2010203" }), none.clone()),
            ("events 0004f2010203", "events", json!({ "mac": "0004f2010203" }), none.clone()),
        ] {
            assert_eq!(called(line), (verb, scope, values), "{line}");
        }
    }

    #[test]
    fn lists_are_read_page_by_page() {
        assert_eq!(task("list").page, Some("after"));
        let events = task("events --limit 7");
        assert_eq!((events.page, events.most), (Some("before"), 7));
    }

    #[test]
    fn a_typing_error_in_an_id_is_a_usage_error() {
        for line in
            ["promote 0004f2010203", "show x", "assign 0004 a", "promote 0004f20102030 --company ä"]
        {
            assert!(
                Shell::try_parse_from(std::iter::once("phone").chain(line.split(' '))).is_err(),
                "{line}"
            );
        }
    }
}

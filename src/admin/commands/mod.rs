//! The table of all commands, and the way to them.
//!
//! A command is a verb and a type. Who may is checked before its fields are
//! looked at; companies and phones after them, by the registry.

mod active_phones;
mod assign_phone;
mod create_company;
mod create_phone;
mod create_user;
mod delete_company;
mod delete_phone;
mod delete_user;
mod demote_phone;
mod inactive_phones;
mod preview_phone;
mod promote_phone;
mod read_companies;
mod read_events;
mod read_phones;
mod read_requests;
mod read_settings;
mod read_types;
mod read_users;
mod update_company;
mod update_phone;
mod update_settings;
mod update_user;

use std::pin::Pin;
use std::sync::Arc;

use super::answer::Fail;
use super::request::{Asked, Body};
use super::{Core, Log, Outcome, auth};
use crate::registry::Actor;

/// One command.
pub(super) struct Command {
    verb: &'static str,
    of: &'static str,
    /// For the log.
    name: &'static str,
    who: Who,
    run: fn(Call) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

/// Who may use a command; some say more in their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    SystemAdmin,
    /// System-Admins, and Company-Admins with the company `default`.
    WithDefault,
    /// System-Admins and Company-Admins.
    Admin,
    /// Whoever is signed in.
    Anyone,
}

/// A request that has come to its command.
struct Call {
    core: Arc<Core>,
    actor: Actor,
    body: Body,
}

macro_rules! commands {
    ($($who:ident $verb:literal $of:literal $run:path;)+) => {
        &[$(Command {
            verb: $verb,
            of: $of,
            name: concat!($verb, " ", $of),
            who: Who::$who,
            run: |call| Box::pin($run(call)),
        },)+]
    };
}

/// Every command of `/rest/dialplan/`.
pub(super) const COMMANDS: &[Command] = commands! {
    WithDefault "inactive"  "phone"    inactive_phones::run;
    WithDefault "active"    "phone"    active_phones::run;
    WithDefault "promote"   "phone"    promote_phone::run;
    WithDefault "demote"    "phone"    demote_phone::run;
    SystemAdmin "assign"    "phone"    assign_phone::run;
    Admin       "readtypes" "phone"    read_types::run;

    SystemAdmin "create"    "phone"    create_phone::run;
    Admin       "read"      "phone"    read_phones::run;
    Admin       "update"    "phone"    update_phone::run;
    SystemAdmin "delete"    "phone"    delete_phone::run;
    Admin       "preview"   "phone"    preview_phone::run;
    Admin       "events"    "phone"    read_events::phone;
    WithDefault "requests"  "phone"    read_requests::run;

    SystemAdmin "create"    "company"  create_company::run;
    Admin       "read"      "company"  read_companies::run;
    Admin       "update"    "company"  update_company::run;
    SystemAdmin "delete"    "company"  delete_company::run;
    Admin       "events"    "company"  read_events::company;

    SystemAdmin "create"    "user"     create_user::run;
    SystemAdmin "read"      "user"     read_users::run;
    Anyone      "update"    "user"     update_user::run;
    SystemAdmin "delete"    "user"     delete_user::run;
    SystemAdmin "events"    "user"     read_events::user;

    SystemAdmin "read"      "settings" read_settings::run;
    SystemAdmin "update"    "settings" update_settings::run;
    SystemAdmin "events"    "settings" read_events::settings;
};

/// Any request under `/rest/`.
pub(super) async fn answer(core: &Arc<Core>, asked: Asked, log: &mut Log) -> Outcome {
    let caller = auth::authenticate(core, &asked).await?;
    log.who = Some(caller.user.login.clone());
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    let (verb, of) = match path[..] {
        _ if !asked.is_read => return Err(Fail::new("Use POST")),
        ["auth"] => {
            log.command = "auth";
            return auth::log_in(core, caller, &asked.cookies);
        }
        ["auth", "logout"] => {
            log.command = "auth logout";
            return auth::log_out(core, &caller);
        }
        ["dialplan", verb] => (verb, None),
        ["dialplan", verb, of] => (verb, Some(of)),
        _ => return Err(unknown()),
    };
    let of = asked.body.type_beside(of)?;
    let fits = |command: &&Command| command.verb == verb && command.of == of;
    let command = COMMANDS.iter().find(fits).ok_or_else(unknown)?;
    log.command = command.name;
    let actor = Actor::User { user: caller.user, from: asked.address.to_string() };
    match command.who {
        Who::SystemAdmin => actor.require_system_admin()?,
        Who::WithDefault => actor.require_default_company()?,
        Who::Admin => actor.require_admin()?,
        Who::Anyone => {}
    }
    (command.run)(Call { core: core.clone(), actor, body: asked.body }).await
}

fn unknown() -> Fail {
    Fail::new("Unknown command")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_there_twice() {
        for (at, one) in COMMANDS.iter().enumerate() {
            let twice = COMMANDS[..at].iter().any(|other| other.name == one.name);
            assert!(!twice, "{}", one.name);
        }
    }
}

//! The table of all commands, and the way to them.
//!
//! A command is a verb and a type. Who may use it is checked before its fields are
//! looked at; companies and phones after them, by the registry.

mod active_phone;
mod assign_phone;
mod confirm_second_factor;
mod create_ban;
mod create_company;
mod create_phone;
mod create_second_factor;
mod create_user;
mod delete_ban;
mod delete_company;
mod delete_phone;
mod delete_second_factor;
mod delete_upload;
mod delete_user;
mod demote_phone;
mod events;
mod hosted_files;
mod inactive_phone;
mod preview_phone;
mod promote_phone;
mod read_ban;
mod read_company;
mod read_phone;
mod read_settings;
mod read_user;
mod readtypes_phone;
mod rearm_phone;
mod requests_phone;
mod reveal_phone;
mod token;
mod update_company;
mod update_phone;
mod update_settings;
mod update_user;
mod uploads_phone;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::Log;
use super::answer::{Answer, Fail};
use super::blocking::Party;
use super::receive::Received;
use super::request::{ApiMethod, ApiRequest, RequestBody, UnreadBody};
use super::{CommandResult, Core, auth};
use crate::domain::settings::Layer;
use crate::domain::{CompanyId, PhoneId, UserId};
use crate::registry::{Actor, RegistryError};

/// One command.
pub(super) struct Command {
    verb: &'static str,
    /// What it acts on: the API's `type`.
    object: &'static str,
    /// What the log calls the command.
    name: &'static str,
    access: Access,
    run: fn(Call) -> Pin<Box<dyn Future<Output = CommandResult> + Send>>,
}

impl Command {
    /// Whether it is one of those by which a user comes to a second factor.
    pub(super) fn sets_up_second_factor(&self) -> bool {
        self.object == "second_factor" && matches!(self.verb, "create" | "confirm")
    }
}

/// Who may use a command; some say more in their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    SystemAdmin,
    /// System-Admins, and Company-Admins with the company `default`.
    DefaultCompanyAdmin,
    /// System-Admins and Company-Admins.
    Admin,
    /// Whoever is signed in.
    Anyone,
}

/// A request that has come to its command.
struct Call {
    core: Arc<Core>,
    actor: Actor,
    /// The actor's user.
    caller: UserId,
    /// Those the caller takes turns with.
    party: Party,
    body: RequestBody,
}

macro_rules! commands {
    ($($access:ident $verb:literal $object:literal $run:path;)+) => {
        &[$(Command {
            verb: $verb,
            object: $object,
            name: concat!($verb, " ", $object),
            access: Access::$access,
            run: |call| Box::pin($run(call)),
        },)+]
    };
}

/// Every command of `/rest/dialplan/`.
pub(super) const COMMANDS: &[Command] = commands! {
    DefaultCompanyAdmin "inactive"  "phone"    inactive_phone::run;
    DefaultCompanyAdmin "active"    "phone"    active_phone::run;
    DefaultCompanyAdmin "promote"   "phone"    promote_phone::run;
    DefaultCompanyAdmin "demote"    "phone"    demote_phone::run;
    SystemAdmin         "assign"    "phone"    assign_phone::run;
    Admin               "readtypes" "phone"    readtypes_phone::run;

    SystemAdmin         "create"    "phone"    create_phone::run;
    Admin               "read"      "phone"    read_phone::run;
    Admin               "update"    "phone"    update_phone::run;
    SystemAdmin         "delete"    "phone"    delete_phone::run;
    Admin               "preview"   "phone"    preview_phone::run;
    Admin               "events"    "phone"    events::phone;
    Admin               "reveal"    "phone"    reveal_phone::run;
    Admin               "rearm"     "phone"    rearm_phone::run;
    Admin               "token"     "phone"    token::phone;
    Admin               "requests"  "phone"    requests_phone::run;
    Admin               "uploads"   "phone"    uploads_phone::run;
    Admin               "delete"    "upload"   delete_upload::run;

    SystemAdmin         "create"    "company"  create_company::run;
    Admin               "read"      "company"  read_company::run;
    Admin               "update"    "company"  update_company::run;
    SystemAdmin         "delete"    "company"  delete_company::run;
    Admin               "token"     "company"  token::company;
    Admin               "events"    "company"  events::company;

    SystemAdmin         "create"    "user"     create_user::run;
    SystemAdmin         "read"      "user"     read_user::run;
    Anyone              "update"    "user"     update_user::run;
    SystemAdmin         "delete"    "user"     delete_user::run;
    SystemAdmin         "events"    "user"     events::user;
    Anyone              "create"    "second_factor" create_second_factor::run;
    Anyone              "confirm"   "second_factor" confirm_second_factor::run;
    Anyone              "delete"    "second_factor" delete_second_factor::run;

    SystemAdmin         "read"      "settings" read_settings::run;
    SystemAdmin         "update"    "settings" update_settings::run;
    SystemAdmin         "events"    "settings" events::settings;

    SystemAdmin         "create"    "ban"      create_ban::run;
    SystemAdmin         "read"      "ban"      read_ban::run;
    SystemAdmin         "delete"    "ban"      delete_ban::run;
    SystemAdmin         "events"    "ban"      events::ban;
};

/// How long a command on phones waits for those that asked just before it. A store that takes longer
/// is slow or stands still, and then the command says what there is.
const RECORDING_TIMEOUT: Duration = Duration::from_millis(500);

/// Any request under `/rest/`, with what was received of its body.
pub(super) async fn answer(
    core: &Arc<Core>,
    request: &ApiRequest,
    received: Received,
    log: &mut Log,
) -> CommandResult {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    // To end a session is no use of it.
    if path != ["auth", "logout"] {
        core.registry.require_trusted()?;
    }
    // Who asks is known by now as far as the head says it.
    let party = || match auth::by_head(core, request) {
        Ok(caller) => Party::of(&caller.user),
        Err(_) => Party::of_address(request.address),
    };
    let bytes = received.bytes.clone();
    let body = UnreadBody::of(request, bytes, &core.blocking, party).await?;
    log.not_read = body.not_read.clone();
    let caller = auth::authenticate(core, request, body.auth()).await?;
    core.receiver.was_known(&received);
    log.who = Some(caller.user.login.clone());
    let (verb, object) = match path[..] {
        _ if request.method == ApiMethod::NotAllowed => return Err(use_post()),
        ["auth"] => {
            log.command = Some("auth");
            return auth::log_in(core, caller, request).await;
        }
        ["auth", "logout"] => {
            log.command = Some("auth logout");
            // The one command that changes something and needs no field.
            if request.method == ApiMethod::Get {
                return Err(use_post());
            }
            return auth::log_out(core, &caller, request).await;
        }
        ["dialplan", verb] => (verb, None),
        ["dialplan", verb, object] => (verb, Some(object)),
        _ => return Err(unknown()),
    };
    let object = body.type_beside(object)?;
    let fits = |command: &&Command| command.verb == verb && command.object == object;
    let command = COMMANDS.iter().find(fits).ok_or_else(unknown)?;
    log.command = Some(command.name);
    if core.options.second_factor.forbids(&caller, command) {
        return Err(Fail::new(
            "Everybody who signs in with a password has a second factor here: set yours up first, \
             with create second_factor and confirm second_factor",
        ));
    }
    let (user, party) = (caller.user.id, Party::of(&caller.user));
    let actor = Actor::User { user: caller.user, from: request.address };
    match command.access {
        Access::SystemAdmin => actor.require_system_admin()?,
        Access::DefaultCompanyAdmin => actor.require_default_company()?,
        Access::Admin => actor.require_admin()?,
        Access::Anyone => {}
    }
    let body = body.read(&core.blocking, party.clone()).await?;
    drop(received);
    log.note_object(&body);
    if command.object == "phone" {
        // A refusal does not wait for what it told to be recorded; who acts on it does.
        let recorded = core.registry.flush_contacts();
        let _ = tokio::time::timeout(RECORDING_TIMEOUT, recorded).await;
    }
    (command.run)(Call { core: core.clone(), actor, caller: user, party, body }).await
}

/// What a change of a phone touched, and what of its settings does not reach it. The change is
/// made: when that cannot be found out, that is what is said.
async fn counted_with_warnings(call: &Call, id: PhoneId, numrows: usize) -> CommandResult {
    Ok(Answer::counted_but(numrows, &warnings(call, id).await))
}

async fn warnings(call: &Call, id: PhoneId) -> Vec<String> {
    let (core, actor) = (call.core.clone(), call.actor.clone());
    let look = move || all_warnings(&core, &actor, id);
    let found = call.core.blocking.run(call.party.clone(), look).await;
    found
        .and_then(|warnings| warnings.map_err(Fail::from))
        .unwrap_or_else(|why| vec![format!("{}; preview phone says it", not_looked_for(&why))])
}

/// What is to be known of a phone: what the registry says, and hosted files that are not there.
fn all_warnings(core: &Core, actor: &Actor, id: PhoneId) -> Result<Vec<String>, RegistryError> {
    let mut warnings = core.registry.warnings(actor, id)?;
    warnings.extend(hosted_files::missing_for(core, id));
    Ok(warnings)
}

fn not_looked_for(why: &Fail) -> String {
    let told = "it is done, and what does not reach the phone was not looked for";
    format!("{told}: {}", why.message())
}

/// One row, and what of a change of the settings of a company, or of all phones, does not reach
/// phones; as [`counted_with_warnings`].
async fn counted_with_reach(
    call: &Call,
    company: Option<CompanyId>,
    (before, after): (Layer, Layer),
) -> CommandResult {
    let (core, actor) = (call.core.clone(), call.actor.clone());
    let look = move || {
        let mut warnings = core.registry.reach(&actor, company.as_ref(), &before, &after);
        warnings.extend(hosted_files::missing_of(&core, company.as_ref(), &before, &after));
        warnings
    };
    let found = call.core.blocking.run(call.party.clone(), look).await;
    let warnings = found.unwrap_or_else(|why| {
        vec![format!("{}; preview phone says it of one", not_looked_for(&why))]
    });
    Ok(Answer::counted_but(1, &warnings))
}

fn use_post() -> Fail {
    Fail::new("Use POST")
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

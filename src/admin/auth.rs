//! Who asks: `auth` of the body, else a key in the head, else the session's cookie, else the
//! certificate that the connection was made with, where that signs in.
//!
//! ```json
//! {"auth": {"type": "auth", "key": "..."}}
//! {"auth": {"type": "auth", "username": "...", "password": "...", "code": "..."}}
//! {"auth": {"type": "auth"}}
//! ```
//! A key or a password counts for this one call, whatever else comes along; when it is wrong the
//! call fails. `Authorization: Bearer KEY` is the same as a key in the body. Only `/rest/auth`
//! begins a session ([`log_in`]): a password there makes a new one, a key none. Where a second factor
//! is in force a password without its `code` is as a wrong one.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{Answer, Fail};
use super::request::ApiRequest;
use super::{CommandResult, Core};
use crate::domain::{ApiKeyHash, CompanyId, Role, User, UserId};
use crate::registry::SignedIn;

/// Who asks and how that is known.
pub(super) struct Caller {
    pub user: Arc<User>,
    pub method: AuthMethod,
}

pub(super) enum AuthMethod {
    Key(ApiKeyHash),
    Password,
    Session(String),
    /// Its key is what its owner has: no code is asked for beside it.
    Certificate,
}

impl AuthMethod {
    /// Whether a person shows it, and no program.
    pub(super) fn is_of_a_person(&self) -> bool {
        matches!(self, AuthMethod::Password | AuthMethod::Session(_))
    }
}

/// The published API's own words.
const LOGIN_INCORRECT: &str = "Login incorrect.";
const NOT_LOGGED_IN: &str = "Not logged in";

/// # Errors
/// In the published API's words, as far as it has any.
pub(super) async fn authenticate(
    core: &Core,
    request: &ApiRequest,
    auth: Option<&Value>,
) -> Result<Caller, Fail> {
    let mut caller = find_caller(core, request, auth).await?;
    if let AuthMethod::Key(key) = &caller.method {
        caller.user = core.registry.key_was_used(caller.user, key, request.address).await;
    }
    Ok(caller)
}

async fn find_caller(
    core: &Core,
    request: &ApiRequest,
    auth: Option<&Value>,
) -> Result<Caller, Fail> {
    let none = Map::new();
    let auth = match auth {
        None => &none,
        Some(Value::Object(auth)) if auth.get("type").is_some_and(|own| own == "auth") => auth,
        Some(_) => return Err(Fail::new("auth: must be an object with the type auth")),
    };
    let given = |name: &str| auth.get(name).filter(|value| !value.is_null());
    if let Some(key) = given("key") {
        let Some(key) = key.as_str() else { return Err(login_incorrect()) };
        let found = core.registry.user_by_tried_key(key, request.address).await?;
        let user = found.ok_or_else(login_incorrect)?;
        return Ok(Caller { user, method: AuthMethod::Key(ApiKeyHash::of(key)) });
    }
    match (given("username"), given("password")) {
        (None, None) => by_head(core, request),
        (Some(Value::String(login)), Some(Value::String(password))) => {
            // A page of another site would have the browser work as somebody its user is not.
            if request.is_login() && request.is_foreign {
                return Err(Fail::new("A page of another site cannot sign in"));
            }
            let code = match given("code") {
                None => None,
                Some(Value::String(code)) => Some(code.as_str()),
                Some(_) => return Err(login_incorrect()),
            };
            by_password(core, request, login, password, code).await
        }
        _ => Err(login_incorrect()),
    }
}

async fn by_password(
    core: &Core,
    request: &ApiRequest,
    login: &str,
    password: &str,
    code: Option<&str>,
) -> Result<Caller, Fail> {
    let address = request.address;
    let found = core.registry.user_by_password(login, password, code, address).await?;
    let SignedIn { user, is_recorded, is_new_there } = found.ok_or_else(login_incorrect)?;
    // Of a program that sends a password each time one a month is enough.
    if !is_recorded && (request.is_login() || is_new_there) {
        core.registry.record_login(&user, address, "password").await;
    }
    Ok(Caller { user, method: AuthMethod::Password })
}

/// Counts a key in the head, before the body is received. Whoever has tried too many waits, and it
/// is not looked up.
pub(super) async fn try_bearer(core: &Core, request: &ApiRequest) -> Result<(), Fail> {
    if let Some(key) = &request.bearer {
        core.registry.user_by_tried_key(key, request.address).await?;
    }
    Ok(())
}

/// Who asks as far as the head says, before there is a body. To be asked after [`try_bearer`].
pub(super) fn by_head(core: &Core, request: &ApiRequest) -> Result<Caller, Fail> {
    if let Some(key) = &request.bearer {
        return by_key(core, key).ok_or_else(login_incorrect);
    }
    let now = core.registry.clock().uptime();
    let session = core.sessions.find(&request.cookies, |id| core.registry.user(id), now);
    // A browser shows its certificate to whatever page sends the request.
    let certified = request.certified.as_deref().filter(|_| !request.is_foreign);
    match (session, certified.and_then(|login| core.registry.user_by_login(login))) {
        (Some((user, id)), _) => Ok(Caller { user, method: AuthMethod::Session(id) }),
        (None, Some(user)) => Ok(Caller { user, method: AuthMethod::Certificate }),
        (None, None) if request.is_foreign => Err(Fail::new(format!(
            "{NOT_LOGGED_IN}: a page of another site sent this, where no session counts"
        ))),
        (None, None) => Err(Fail::new(NOT_LOGGED_IN)),
    }
}

fn by_key(core: &Core, key: &str) -> Option<Caller> {
    let user = core.registry.user_by_key(key)?;
    Some(Caller { user, method: AuthMethod::Key(ApiKeyHash::of(key)) })
}

fn login_incorrect() -> Fail {
    Fail::new(LOGIN_INCORRECT)
}

/// `POST /rest/auth`: `{"result":"success","user":{...}}`, see [`SessionUser`].
pub(super) async fn log_in(core: &Core, caller: Caller, request: &ApiRequest) -> CommandResult {
    let user = caller.user;
    let (session, is_new) = match caller.method {
        AuthMethod::Key(_) => (None, false),
        AuthMethod::Certificate => {
            core.registry.record_login(&user, request.address, "certificate").await;
            (None, false)
        }
        AuthMethod::Session(id) => (Some(id), false),
        AuthMethod::Password => {
            let now = core.registry.clock().uptime();
            (Some(core.sessions.begin(&user, &request.cookies, now, &*core.random)), true)
        }
    };
    let companies = core.registry.administered_by(&user);
    let company = user.company.as_ref().map_or("default", CompanyId::as_str);
    let signed = SessionUser {
        id: user.id,
        login: &user.login,
        name: &user.name,
        company,
        home: company,
        companies: companies.iter().collect(),
        session: session.as_deref(),
        role: user.role,
        perms: perms(user.role),
    };
    #[derive(Serialize)]
    struct Reply<'a> {
        user: SessionUser<'a>,
    }
    let answer = Answer::of(&Reply { user: signed });
    Ok(match session {
        Some(id) if is_new => answer.with_session(id),
        _ => answer,
    })
}

/// `POST /rest/auth/logout`: `{"result":"success"}`. Fails without a living session.
pub(super) async fn log_out(core: &Core, caller: &Caller, request: &ApiRequest) -> CommandResult {
    let AuthMethod::Session(id) = &caller.method else { return Err(Fail::new(NOT_LOGGED_IN)) };
    core.sessions.end(id);
    core.registry.record_logout(&caller.user, request.address).await;
    Ok(Answer::success().without_session())
}

/// Who is signed in.
#[derive(Serialize)]
struct SessionUser<'a> {
    id: UserId,
    login: &'a str,
    name: &'a str,
    company: &'a str,
    home: &'a str,
    /// Those the user administers; a System-Admin all.
    companies: Vec<&'a CompanyId>,
    /// The cookie's value; `null` with a key or a certificate.
    session: Option<&'a str>,
    role: Role,
    perms: Map<String, Value>,
}

fn perms(role: Role) -> Map<String, Value> {
    let names: &[&str] = match role {
        Role::SystemAdmin => &["user", "company_admin", "system_admin"],
        Role::CompanyAdmin => &["user", "company_admin"],
        Role::User => &["user"],
    };
    names.iter().map(|&name| (name.to_owned(), "yes".into())).collect()
}

//! Who asks: `auth` of the body, else the session's cookie.
//!
//! ```json
//! {"auth": {"type": "auth", "key": "..."}}
//! {"auth": {"type": "auth", "username": "...", "password": "..."}}
//! {"auth": {"type": "auth"}}
//! ```
//! A key or a password counts for this one call, whatever cookie comes along;
//! when it is wrong the call fails. Only `/rest/auth` begins a session
//! ([`log_in`]): a password there makes a new one, a key none.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{Answer, Fail};
use super::request::Asked;
use super::{Core, Outcome};
use crate::domain::{CompanyId, Role, User};
use crate::registry::MAX_LOGIN;

/// Who asks and how that is known.
pub(super) struct Caller {
    pub user: Arc<User>,
    pub by: By,
}

pub(super) enum By {
    Key,
    Password,
    Session(String),
}

/// The published API's own words.
const WRONG: &str = "Login incorrect.";
const NOBODY: &str = "Not logged in";

pub(super) async fn authenticate(core: &Core, asked: &Asked) -> Result<Caller, Fail> {
    let none = Map::new();
    let auth = match asked.body.get("auth") {
        None => &none,
        Some(Value::Object(auth)) if auth.get("type").is_some_and(|own| own == "auth") => auth,
        Some(_) => return Err(Fail::new("auth: must be an object with the type auth")),
    };
    let given = |name: &str| auth.get(name).filter(|value| !value.is_null());
    if let Some(key) = given("key") {
        let tables = core.registry.tables();
        let user = key.as_str().and_then(|key| tables.user_by_key(key)).cloned();
        return user.map(|user| Caller { user, by: By::Key }).ok_or_else(|| Fail::new(WRONG));
    }
    match (given("username"), given("password")) {
        (None, None) => {}
        (Some(Value::String(login)), Some(Value::String(password))) => {
            let user = by_password(core, asked, login, password).await?;
            return Ok(Caller { user, by: By::Password });
        }
        _ => return Err(Fail::new(WRONG)),
    }
    let now = core.registry.clock().now();
    let found = core.sessions.find(&asked.cookies, &core.registry.tables(), now);
    found.map(|(user, id)| Caller { user, by: By::Session(id) }).ok_or_else(|| Fail::new(NOBODY))
}

async fn by_password(
    core: &Core,
    asked: &Asked,
    login: &str,
    password: &str,
) -> Result<Arc<User>, Fail> {
    // No login is longer, and a count for each of a flood of long texts helps nobody.
    let counted: String = login.chars().take(MAX_LOGIN + 1).collect();
    let now = core.registry.clock().now();
    core.throttle.attempt(asked.address, &counted, now).map_err(|wait| {
        tracing::warn!(address = %asked.address, "too many failed logins");
        Fail::new(format!("Too many failed logins, try again in {wait} s"))
    })?;
    match core.registry.user_by_password(login, password).await? {
        Some(user) => {
            core.throttle.succeeded(asked.address, &counted, now);
            Ok(user)
        }
        None => Err(Fail::new(WRONG)),
    }
}

/// `POST /rest/auth`: `{"result":"success","user":{...}}`, see [`Signed`].
pub(super) fn log_in(core: &Core, caller: Caller, cookies: &[String]) -> Outcome {
    let tables = core.registry.tables();
    let user = caller.user;
    let (session, is_new) = match caller.by {
        By::Key => (None, false),
        By::Session(id) => (Some(id), false),
        By::Password => {
            let now = core.registry.clock().now();
            (Some(core.sessions.begin(&user, cookies, now, &*core.random)), true)
        }
    };
    let companies = match user.role {
        Role::SystemAdmin => tables.companies.keys().collect(),
        Role::CompanyAdmin => user.admin_companies.iter().collect(),
        Role::User => Vec::new(),
    };
    let company = user.company.as_ref().map_or("default", CompanyId::as_str);
    let signed = Signed {
        id: user.id,
        login: &user.login,
        name: &user.name,
        company,
        home: company,
        companies,
        session: session.as_deref(),
        role: user.role,
        perms: perms(user.role),
    };
    #[derive(Serialize)]
    struct Reply<'a> {
        user: Signed<'a>,
    }
    let answer = Answer::of(&Reply { user: signed });
    Ok(match session {
        Some(id) if is_new => answer.with_session(id),
        _ => answer,
    })
}

/// `POST /rest/auth/logout`: `{"result":"success"}`. Fails without a living session.
pub(super) fn log_out(core: &Core, caller: &Caller) -> Outcome {
    let By::Session(id) = &caller.by else { return Err(Fail::new(NOBODY)) };
    core.sessions.end(id);
    Ok(Answer::success().without_session())
}

/// Who is signed in.
#[derive(Serialize)]
struct Signed<'a> {
    id: u64,
    login: &'a str,
    name: &'a str,
    company: &'a str,
    home: &'a str,
    /// Those the user administers; a System-Admin all.
    companies: Vec<&'a CompanyId>,
    /// The cookie's value; `null` with a key.
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

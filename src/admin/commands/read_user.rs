//! `read user`: the users of this API.
//!
//! Takes in `scope`, each narrowing: `login`, `id`, `role`, `company` (of those
//! it belongs to or administers; an unknown one fails). Rows, in order of id: `id`,
//! `login`, `name`, `role`, `company`, `companies`, `password` (whether there is
//! one), `second_factor` (whether a code is asked for beside it), `keys` (a fingerprint of each),
//! `created`.

use serde::Serialize;

use super::Call;
use super::create_user::role;
use crate::admin::CommandResult;
use crate::admin::answer::Rows;
use crate::domain::{CompanyId, Role, Timestamp, User, UserId};
use crate::registry::fingerprint;

#[derive(Serialize)]
struct Row<'a> {
    id: UserId,
    login: &'a str,
    name: &'a str,
    role: Role,
    company: &'a str,
    companies: &'a [CompanyId],
    password: bool,
    second_factor: bool,
    keys: Vec<String>,
    created: Timestamp,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["login", "id", "role", "company"])?;
    let (login, id, role) = (scope.filled("login")?, scope.number("id")?, role(scope)?);
    let company = scope.company("company")?;
    if let Some(company) = &company {
        call.core.registry.require_company(&call.actor, company)?;
    }
    let of_company = |user: &User, company: &CompanyId| {
        user.company.as_ref().map_or_else(|| company.is_default(), |own| own == company)
            || user.admin_companies.contains(company)
    };
    let fits = |user: &User| {
        login.is_none_or(|login| user.login == login)
            && id.is_none_or(|id| user.id.0 == id)
            && role.is_none_or(|role| user.role == role)
            && company.as_ref().is_none_or(|company| of_company(user, company))
    };
    let users = call.core.registry.users(&call.actor)?;
    let rows = users.iter().filter(|user| fits(user)).map(|user| Row {
        id: user.id,
        login: &user.login,
        name: &user.name,
        role: user.role,
        company: user.company.as_ref().map_or("default", CompanyId::as_str),
        companies: &user.admin_companies,
        password: user.password_hash.is_some(),
        second_factor: user.factor_in_force().is_some(),
        keys: user.key_hashes.iter().map(fingerprint).collect(),
        created: user.created,
    });
    Ok(rows.collect::<Rows>().finish())
}

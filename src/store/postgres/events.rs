//! Reads the audit record.

use tokio_postgres::types::ToSql;

use super::error::Failure;
use super::rows;
use super::session::{Parameters, Session, parameters};
use crate::domain::{Event, EventId};
use crate::store::encoding::name_of;
use crate::store::{EventFilter, is_mac};

const COLUMNS: &str =
    "event.id, at, who, address, action, subject, name, event.company, before, after";

/// What [`EventFilter::matches`], newest first.
pub(super) async fn events(session: &Session, filter: &EventFilter) -> Result<Vec<Event>, Failure> {
    if filter.name.as_deref().is_some_and(cannot_be) {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(filter.limit.min(EventFilter::MAX)).unwrap_or(i64::MAX);
    let mut values: Parameters<'static> = parameters![limit];
    let condition = conditions(filter, &mut values);
    let sql = match &filter.companies {
        None => {
            format!("SELECT {COLUMNS} FROM event WHERE {condition} ORDER BY id DESC LIMIT $1")
        }
        // The newest of each company from its index, then the newest of those: a plain
        // `company = ANY` walks the whole record for a quiet company.
        Some(companies) => {
            let mut companies = companies.clone();
            companies.retain(|company| !cannot_be(company));
            values.push(Box::new(companies));
            format!(
                "SELECT {COLUMNS} FROM (SELECT DISTINCT unnest(${}::text[]) AS wanted) AS companies \
                 CROSS JOIN LATERAL (SELECT * FROM event WHERE company = wanted AND {condition} \
                 ORDER BY id DESC LIMIT $1) AS event ORDER BY event.id DESC LIMIT $1",
                values.len()
            )
        }
    };
    session.query(&sql, values).await?.iter().map(rows::event).collect()
}

/// Whether no stored text is that one: PostgreSQL keeps none with a NUL, and fails when it is asked.
fn cannot_be(text: &str) -> bool {
    text.contains('\0')
}

/// Those behind `after`, oldest first.
pub(super) async fn events_after(
    session: &Session,
    after: EventId,
    limit: usize,
) -> Result<Vec<Event>, Failure> {
    let limit = i64::try_from(limit.clamp(1, EventFilter::MAX)).unwrap_or(i64::MAX);
    let sql = format!("SELECT {COLUMNS} FROM event WHERE id > $1 ORDER BY id LIMIT $2");
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    session.query(&sql, parameters![after, limit]).await?.iter().map(rows::event).collect()
}

/// All but the companies; adds its parameters to `values`.
fn conditions(filter: &EventFilter, values: &mut Parameters<'static>) -> String {
    let mut conditions = vec!["TRUE".to_owned()];
    let mut add = |value: Box<dyn ToSql + Sync + Send>| {
        values.push(value);
        format!("${}", values.len())
    };
    if let Some(before) = filter.before {
        // Numbers are signed in the table; none is above the greatest.
        let before = add(Box::new(i64::try_from(before.0).unwrap_or(i64::MAX)));
        conditions.push(format!("id < {before}"));
    }
    if let Some(subject) = filter.subject {
        conditions.push(format!("subject = {}", add(Box::new(name_of(subject)))));
    }
    if let Some(name) = &filter.name {
        let is = add(Box::new(name.clone()));
        if is_mac(name) {
            // Both sides are ranges of the index of names. After a MAC come the digits of a
            // port; `:` is the character after `9`.
            let end = add(Box::new(format!("{name}:")));
            conditions.push(format!(
                "(name = {is} OR (name > {is} AND name < {end} AND subject = 'phone'))"
            ));
        } else {
            conditions.push(format!("name = {is}"));
        }
    }
    conditions.join(" AND ")
}

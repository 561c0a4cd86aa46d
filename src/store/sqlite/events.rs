//! Reads the audit record.

use rusqlite::{Connection, Result, ToSql, params_from_iter};

use super::rows::{self, name_of};
use crate::domain::{Event, EventId};
use crate::store::{EventFilter, is_mac};

const COLUMNS: &str =
    "event.id, at, who, address, action, subject, name, event.company, before, after";

/// What [`EventFilter::matches`], newest first.
pub(super) fn events(conn: &Connection, filter: &EventFilter) -> Result<Vec<Event>> {
    let limit = filter.limit.min(EventFilter::MAX);
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    if let Some(companies) = &filter.companies {
        // As JSON, so that any number of companies is one parameter.
        values.push(Box::new(serde_json::Value::from(companies.as_slice()).to_string()));
    }
    let condition = conditions(filter, &mut values);
    let sql = match filter.companies {
        None => {
            format!("SELECT {COLUMNS} FROM event WHERE {condition} ORDER BY id DESC LIMIT {limit}")
        }
        // The newest of each company from its index, then the newest of those:
        // a plain `company IN` walks the whole record for a quiet company.
        Some(_) => format!(
            "SELECT {COLUMNS} FROM (SELECT DISTINCT value AS wanted FROM json_each(?)) \
             CROSS JOIN event WHERE event.id IN (SELECT id FROM event WHERE company = wanted \
             AND {condition} ORDER BY id DESC LIMIT {limit}) ORDER BY event.id DESC LIMIT {limit}"
        ),
    };
    conn.prepare(&sql)?.query_and_then(params_from_iter(values), rows::event)?.collect()
}

/// Those behind `after`, oldest first.
pub(super) fn events_after(conn: &Connection, after: EventId, limit: usize) -> Result<Vec<Event>> {
    let limit = limit.clamp(1, EventFilter::MAX);
    let sql = format!("SELECT {COLUMNS} FROM event WHERE id > ? ORDER BY id LIMIT {limit}");
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    conn.prepare_cached(&sql)?.query_and_then([after], rows::event)?.collect()
}

/// All but the companies; adds its parameters to `values`.
fn conditions(filter: &EventFilter, values: &mut Vec<Box<dyn ToSql>>) -> String {
    let mut conditions = vec!["TRUE"];
    if let Some(before) = filter.before {
        conditions.push("id < ?");
        // Ids are signed in the file; none is above the greatest.
        values.push(Box::new(i64::try_from(before.0).unwrap_or(i64::MAX)));
    }
    if let Some(subject) = filter.subject {
        conditions.push("subject = ?");
        values.push(Box::new(name_of(subject)));
    }
    if let Some(name) = &filter.name {
        values.push(Box::new(name.clone()));
        if is_mac(name) {
            // Both sides are ranges of the index of names. After a MAC come
            // the digits of a port; `:` is the character after `9`.
            conditions.push("(name = ? OR (name > ? AND name < ? AND subject = 'phone'))");
            values.push(Box::new(name.clone()));
            values.push(Box::new(format!("{name}:")));
        } else {
            conditions.push("name = ?");
        }
    }
    conditions.join(" AND ")
}

//! The revision of the next commit, and what is remembered of the last ones.

use std::collections::HashSet;

use rusqlite::{Connection, Result, Row, params};

use super::rows::{bits, mac_bits};
use crate::domain::{Mac, Revision, UserId};
use crate::store::{MAX_REMEMBERED_COMMIT, Mutation, REMEMBERED_COMMITS};

pub(super) use crate::store::Object;

/// The one row of `store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ledger {
    pub head: Revision,
    /// Changes up to this one are not remembered any more.
    pub forgotten: Revision,
}

/// Changes of one commit have 10 bits behind those of its revision.
const NUMBER_BITS: u32 = 10;
const _: () = assert!(MAX_REMEMBERED_COMMIT < 1 << NUMBER_BITS);
/// Forgotten so many at a time, so that it costs a commit nothing.
const FORGET_EVERY: u64 = 1_000;

impl Ledger {
    pub(super) fn read(conn: &Connection) -> Result<Ledger> {
        let sql = "SELECT head, forgotten FROM store";
        let revision = |row: &Row<'_>, column| super::rows::revision(row, column);
        conn.prepare_cached(sql)?.query_one([], |row| {
            Ok(Ledger { head: revision(row, 0)?, forgotten: revision(row, 1)? })
        })
    }

    /// Once for all commits of a transaction.
    pub(super) fn write(self, conn: &Connection) -> Result<()> {
        let sql = "UPDATE store SET head = ?1, forgotten = ?2";
        let Ledger { head, forgotten } = self;
        conn.prepare_cached(sql)?.execute(params![bits(head.0), bits(forgotten.0)])?;
        Ok(())
    }

    /// Counts a commit that was done and remembers what it changed.
    pub(super) fn record(&mut self, conn: &Connection, mutations: &[Mutation]) -> Result<()> {
        let count = mutations.iter().filter_map(Mutation::object).count();
        if count == 0 {
            return Ok(());
        }
        let revision = self.head.next();
        self.head = revision;
        if count > MAX_REMEMBERED_COMMIT {
            return self.forget(conn, revision);
        }
        let sql = "INSERT INTO change (id, device, company, user, ban) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut statement = conn.prepare_cached(sql)?;
        for (id, object) in
            (ids_of(revision).0..).zip(mutations.iter().filter_map(Mutation::object))
        {
            let (mut device, mut company, mut user, mut ban) = (None, None, None, None);
            match &object {
                Object::Device(mac) => device = Some(mac_bits(*mac)),
                Object::Company(id) => company = Some(id.as_str()),
                Object::User(id) => user = Some(bits(id.0)),
                Object::Ban(network) => ban = Some(network.to_string()),
                Object::SystemSettings => {}
            }
            statement.execute((id, device, company, user, ban))?;
        }
        if revision.0.is_multiple_of(FORGET_EVERY) && revision.0 > REMEMBERED_COMMITS {
            return self.forget(conn, Revision(revision.0 - REMEMBERED_COMMITS));
        }
        Ok(())
    }

    fn forget(&mut self, conn: &Connection, upto: Revision) -> Result<()> {
        self.forgotten = self.forgotten.max(upto);
        let sql = "DELETE FROM change WHERE id <= ?1";
        conn.prepare_cached(sql)?.execute([ids_of(upto).1])?;
        Ok(())
    }
}

/// The first and the last id the changes of a commit can have.
pub(super) fn ids_of(revision: Revision) -> (i64, i64) {
    let first = bits(revision.0 << NUMBER_BITS);
    (first, first | ((1 << NUMBER_BITS) - 1))
}

pub(super) fn revision_of(id: i64) -> Revision {
    Revision(id.cast_unsigned() >> NUMBER_BITS)
}

/// The objects changed from id `first` to `last`, each where it changed last.
pub(super) fn objects_between(
    conn: &Connection,
    first: i64,
    last: i64,
) -> Result<Vec<(Revision, Object)>> {
    let sql = "SELECT id, device, company, user, ban FROM change WHERE id BETWEEN ?1 AND ?2 \
               ORDER BY id DESC";
    let mut statement = conn.prepare_cached(sql)?;
    let changes = statement.query_and_then([first, last], |row| {
        Ok::<_, rusqlite::Error>((revision_of(row.get(0)?), object(row)?))
    })?;
    let mut told = HashSet::new();
    let mut newest = Vec::new();
    for change in changes {
        let (revision, object) = change?;
        if told.insert(object.clone()) {
            newest.push((revision, object));
        }
    }
    newest.reverse();
    Ok(newest)
}

fn object(row: &Row<'_>) -> Result<Object> {
    if let Some(mac) = row.get::<_, Option<i64>>(1)? {
        return Ok(Object::Device(Mac::from_bits(mac.cast_unsigned())));
    }
    if let Some(company) = row.get::<_, Option<String>>(2)? {
        let bad =
            |e| super::error::bad_row(&format!("change of company {company:?}"), "company", e);
        return company.parse().map(Object::Company).map_err(bad);
    }
    if let Some(ban) = row.get::<_, Option<String>>(4)? {
        return Ok(Object::Ban(super::rows::network(&ban)?));
    }
    Ok(match row.get::<_, Option<i64>>(3)? {
        Some(user) => Object::User(UserId(user.cast_unsigned())),
        None => Object::SystemSettings,
    })
}

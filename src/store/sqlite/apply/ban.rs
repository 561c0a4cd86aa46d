//! The writes of bans.

use ipnet::IpNet;
use rusqlite::{Connection, Result, params};

use super::Applied;
use crate::domain::{Ban, Revision};
use crate::store::sqlite::rows::bits;

pub(super) fn put(conn: &Connection, ban: &Ban, revision: Revision) -> Result<Applied> {
    let sql = "INSERT OR REPLACE INTO ban (network, since, until, times, told, revision) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    conn.prepare_cached(sql)?.execute(params![
        ban.network.to_string(),
        ban.since,
        ban.until,
        ban.times,
        ban.told(),
        bits(revision.0),
    ])?;
    Ok(Ok(()))
}

pub(super) fn remove(conn: &Connection, network: IpNet) -> Result<Applied> {
    conn.prepare_cached("DELETE FROM ban WHERE network = ?1")?.execute([network.to_string()])?;
    Ok(Ok(()))
}

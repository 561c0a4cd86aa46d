//! Writes all secrets of a database anew, with the key that there is now or plain, while gateways
//! go on: a page at a time, each under the row that makes groups of commits come one after another.

use tokio_postgres::Row;

use super::connect::Connector;
use super::error::{Failure, bad_row};
use super::needs::LOCK;
use super::rows::{get, mac, number};
use super::schema;
use super::session::{BEGIN, Batch, Parameters, ROWS, Session, parameters};
use super::write::WAIT_FOR_STANDBY;
use crate::domain::{Port, UserId};
use crate::store::StoreError;
use crate::store::at_rest::{Cell, Rekeyed};

const PHONES: &str = "SELECT mac, port, settings FROM phone WHERE (mac, port) > ($1, $2) \
     ORDER BY mac, port LIMIT $3";
const PUT_PHONES: &str = "UPDATE phone SET settings = n.settings \
     FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS n (mac, port, settings) \
     WHERE phone.mac = n.mac AND phone.port = n.port";
const DEVICES: &str = "SELECT mac, admission FROM device WHERE mac > $1 AND admission IS NOT NULL \
     ORDER BY mac LIMIT $2";
const PUT_DEVICES: &str = "UPDATE device SET admission = n.admission \
     FROM unnest($1::bigint[], $2::text[]) AS n (mac, admission) WHERE device.mac = n.mac";
const COMPANIES: &str = "SELECT id, settings FROM company WHERE id > $1 ORDER BY id LIMIT $2";
const PUT_COMPANIES: &str = "UPDATE company SET settings = n.settings \
     FROM unnest($1::text[], $2::text[]) AS n (id, settings) WHERE company.id = n.id";
const USERS: &str = "SELECT id, password_hash, second_factor FROM user_account WHERE id > $1 \
     ORDER BY id LIMIT $2";
const PUT_USERS: &str = "UPDATE user_account SET password_hash = n.password_hash, \
     second_factor = n.second_factor FROM unnest($1::bigint[], $2::text[], $3::text[]) \
     AS n (id, password_hash, second_factor) WHERE user_account.id = n.id";
const SYSTEM: &str = "SELECT settings, secret FROM system_settings";
const PUT_SETTINGS: &str = "UPDATE system_settings SET settings = $1";
const PUT_SECRET: &str = "UPDATE system_settings SET secret = $1";

/// See [`PostgresStore::rekey`](super::PostgresStore::rekey).
pub(super) async fn rekey(connector: &Connector) -> Result<Rekeyed, StoreError> {
    let name = connector.url.name();
    let rekeying = async {
        let session = connector.session().await?;
        let Some(found) = schema::version(&session, &connector.url.schema).await? else {
            let why = "there is no store".to_owned();
            return Err(StoreError::Unusable { what: name.to_owned(), why }.into());
        };
        schema::require_compatible(found, name)?;
        let mut walk = Walk { session: &session, done: Rekeyed::default() };
        walk.phones().await?;
        walk.devices().await?;
        walk.companies().await?;
        walk.users().await?;
        walk.system().await?;
        Ok::<_, Failure>(walk.done)
    };
    rekeying.await.map_err(|failure| failure.told(name))
}

struct Walk<'a> {
    session: &'a Session,
    done: Rekeyed,
}

impl Walk<'_> {
    async fn phones(&mut self) -> Result<(), Failure> {
        let mut after = (i64::MIN, 0i32);
        loop {
            let rows = self.begin(PHONES, parameters![after.0, after.1, limit()]).await?;
            let (mut macs, mut ports, mut texts) = (Vec::new(), Vec::new(), Vec::new());
            for row in &rows {
                after = (get(row, 0)?, get(row, 1)?);
                let port = u16::try_from(after.1).ok().and_then(Port::new);
                let phone = || format!("phone {:012x}{}", after.0, after.1);
                let port = port.ok_or_else(|| bad_row(&phone(), "port", "above 999"))?;
                let cell = Cell::PhoneSettings(mac(row, 0)?, port);
                if let Some(text) = self.anew(cell, get(row, 2)?)? {
                    macs.push(after.0);
                    ports.push(after.1);
                    texts.push(text);
                }
            }
            self.end(&[(PUT_PHONES, !texts.is_empty())], vec![parameters![macs, ports, texts]])
                .await?;
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    async fn devices(&mut self) -> Result<(), Failure> {
        let mut after = i64::MIN;
        loop {
            let rows = self.begin(DEVICES, parameters![after, limit()]).await?;
            let (mut macs, mut texts) = (Vec::new(), Vec::new());
            for row in &rows {
                after = get(row, 0)?;
                if let Some(text) = self.anew(Cell::Admission(mac(row, 0)?), get(row, 1)?)? {
                    macs.push(after);
                    texts.push(text);
                }
            }
            let puts = !texts.is_empty();
            self.end(&[(PUT_DEVICES, puts)], vec![parameters![macs, texts]]).await?;
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    async fn companies(&mut self) -> Result<(), Failure> {
        let mut after = String::new();
        loop {
            let rows = self.begin(COMPANIES, parameters![after.clone(), limit()]).await?;
            let (mut ids, mut texts) = (Vec::new(), Vec::new());
            for row in &rows {
                let id: &str = get(row, 0)?;
                if let Some(text) = self.anew(Cell::CompanySettings(id), get(row, 1)?)? {
                    ids.push(id);
                    texts.push(text);
                }
                id.clone_into(&mut after);
            }
            let puts = !texts.is_empty();
            self.end(&[(PUT_COMPANIES, puts)], vec![parameters![ids, texts]]).await?;
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    async fn users(&mut self) -> Result<(), Failure> {
        let mut after = i64::MIN;
        loop {
            let rows = self.begin(USERS, parameters![after, limit()]).await?;
            let (mut ids, mut hashes, mut factors) = (Vec::new(), Vec::new(), Vec::new());
            for row in &rows {
                after = get(row, 0)?;
                let id = UserId(number(row, 0)?);
                // All of them: what has to stay is written as it was.
                ids.push(after);
                hashes.push(self.anew_or_same(Cell::PasswordHash(id), get(row, 1)?)?);
                factors.push(self.anew_or_same(Cell::SecondFactor(id), get(row, 2)?)?);
            }
            let puts = [(PUT_USERS, !ids.is_empty())];
            self.end(&puts, vec![parameters![ids, hashes, factors]]).await?;
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    async fn system(&mut self) -> Result<(), Failure> {
        let rows = self.begin(SYSTEM, parameters![]).await?;
        let (mut settings, mut secret) = (None, None);
        if let Some(row) = rows.first() {
            settings = self.anew(Cell::SystemSettings, get(row, 0)?)?;
            if let Some(seed) = get::<Option<&str>>(row, 1)? {
                secret = self.anew(Cell::PasswordSeed, seed)?;
            }
        }
        let puts = [(PUT_SETTINGS, settings.is_some()), (PUT_SECRET, secret.is_some())];
        self.end(&puts, vec![parameters![settings], parameters![secret]]).await
    }

    /// Begins a transaction that no group of commits is under way beside, and reads.
    async fn begin(&self, select: &str, values: Parameters<'_>) -> Result<Vec<Row>, Failure> {
        let mut batch = Batch::new(self.session);
        batch.add(BEGIN, parameters![]);
        batch.add(LOCK, parameters![]);
        batch.add(select, values);
        Ok(batch.run().await?.pop().unwrap_or_default())
    }

    /// A value as it is to be written; `None` where it is so already.
    fn anew(&mut self, cell: Cell<'_>, written: &str) -> Result<Option<String>, Failure> {
        let cipher = self.session.cipher();
        if cipher.is_current(written) {
            self.done.kept += 1;
            return Ok(None);
        }
        let plain = cipher.open(cell, written)?;
        self.done.rewritten += 1;
        Ok(Some(cipher.seal(cell, &plain).into_owned()))
    }

    /// A value as it is to be written, also where it is so already; NULL stays.
    fn anew_or_same(
        &mut self,
        cell: Cell<'_>,
        written: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let Some(written) = written else { return Ok(None) };
        Ok(Some(self.anew(cell, written)?.unwrap_or_else(|| written.to_owned())))
    }

    /// Writes with those of the statements that are to be run, and commits.
    async fn end(
        &self,
        statements: &[(&str, bool)],
        values: Vec<Parameters<'_>>,
    ) -> Result<(), Failure> {
        let mut batch = Batch::new(self.session);
        for ((sql, _), values) in statements.iter().zip(values).filter(|((_, is_run), _)| *is_run) {
            batch.add(sql, values);
        }
        batch.add(WAIT_FOR_STANDBY, parameters![]);
        batch.add("COMMIT", parameters![]);
        batch.run().await?;
        Ok(())
    }
}

fn limit() -> i64 {
    i64::try_from(ROWS).unwrap_or(i64::MAX)
}

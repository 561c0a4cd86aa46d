//! The registry in a PostgreSQL database, which several gateways share.
//!
//! One task a gateway writes, in groups ([`writer`], [`group`]); a few sessions read beside it
//! ([`pool`], [`queries`]); one hears of what others commit ([`listener`]). Replication and failover
//! are the database's: what a gateway does when commits are lost on the way is in [`history`].
//!
//! Every wait has an end: a connection, a statement, a place in the pool, and the settling of a group
//! whose outcome is not known (the constants beside each). A gateway has six connections at most:
//! four that read, one that writes, one that listens; and one of all gateways a seventh ([`lead`]).

mod columns;
mod connect;
mod decided;
mod error;
mod events;
mod group;
mod history;
mod lead;
mod listener;
mod look;
mod needs;
mod pool;
mod queries;
mod rekey;
mod rows;
mod schema;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod url;
mod write;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use deadpool::managed::Object;
use ipnet::IpNet;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::connect::Connector;
use self::error::Failure;
use self::group::Commit;
use self::history::History;
use self::lead::Lead;
pub use self::look::{FoundDatabase, FoundTables};
use self::pool::{Manager, Pool};
use self::queries::Page;
use self::schema::IfOlder;
use self::session::Session;
pub use self::url::{InvalidPostgresUrl, PASSWORD_VARIABLE, PostgresUrl};
use self::writer::{Answer, Request, Work, Writer};
use super::at_rest::{Cipher, Rekeyed};
use super::health::{Health, Verdict};
use super::{
    Changes, EventFilter, Guard, MAX_REMEMBERED_COMMIT, Mutation, Store, StoreError, Tenancy,
};
use crate::domain::settings::Written;
use crate::domain::{Ban, Company, CompanyId, Device, Event, EventId, Mac, Revision, Timestamp};

/// Devices in one page at most: some 300 KB.
const MAX_PAGE: usize = 1000;

/// How long readiness waits for its probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A store in a database. Dropped without [`Store::close`] it still finishes
/// what it accepted, in its own time.
pub struct PostgresStore {
    connector: Arc<Connector>,
    options: Options,
    health: Arc<Health>,
    history: Arc<History>,
    pool: Pool,
    lead: Lead,
    /// What the listener heard: that there is something to read, and no more than that.
    head: watch::Sender<Revision>,
    // A std mutex: held to send without waiting. `None` after close.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    // Held while it ends, so that a second close waits for the first.
    writer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    /// Ends the listener.
    _listening: DropGuard,
}

#[derive(Debug, Clone)]
struct Options {
    /// Commits that wait: less than half a second of work. Who comes after would wait longer
    /// than a handset should.
    queue: usize,
    /// Commits in one group. Beyond this the wait for the disk and the way to the server are a small
    /// part of the time already, and the first of a group waits for the last.
    group: usize,
    /// How long the writer waits after it wrote only a few first contacts. In a storm of unknown
    /// phones the next would come while it writes them, a transaction each. For a phone that
    /// has just booted the wait is nothing; an operator's commit makes none.
    gathering: Duration,
    /// Sessions that read; reads from the database are rare beside those from memory. Fifty
    /// gateways have 300 sessions in all.
    readers: usize,
    probe_every: Duration,
    /// See [`lead::MOST_BETWEEN`].
    lead: Duration,
    /// The time of this machine.
    clock: fn() -> Timestamp,
    /// The keys of what is encrypted.
    cipher: Cipher,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            queue: 8192,
            group: 1024,
            gathering: Duration::from_micros(500),
            readers: 4,
            probe_every: Duration::from_secs(1),
            lead: lead::MOST_BETWEEN,
            clock: lead::system_clock,
            cipher: Cipher::default(),
        }
    }
}

impl PostgresStore {
    /// Opens the database, and makes the tables or brings them up to date. A new store has the
    /// company `default`, created at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when its tables must not be used, or cannot be made;
    /// [`StoreError::Refused`], [`StoreError::Unavailable`], [`StoreError::ReadOnly`] as the server
    /// said.
    pub async fn open(url: PostgresUrl, now: Timestamp) -> Result<PostgresStore, StoreError> {
        PostgresStore::open_with(url, now, Options::default(), IfOlder::Upgrade).await
    }

    /// Does as [`PostgresStore::open`], with keys for what is encrypted in it.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`].
    pub async fn open_with_keys(
        url: PostgresUrl,
        cipher: Cipher,
        now: Timestamp,
    ) -> Result<PostgresStore, StoreError> {
        let options = Options { cipher, ..Options::default() };
        PostgresStore::open_with(url, now, options, IfOlder::Upgrade).await
    }

    /// Does as [`PostgresStore::open_with_keys`], but makes no tables and leaves older ones as they
    /// are.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`], and [`StoreError::Unusable`] for such tables.
    pub async fn open_without_upgrade(
        url: PostgresUrl,
        cipher: Cipher,
        now: Timestamp,
    ) -> Result<PostgresStore, StoreError> {
        let options = Options { cipher, ..Options::default() };
        PostgresStore::open_with(url, now, options, IfOlder::Refuse).await
    }

    /// Makes the tables or brings them up to date.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`].
    pub async fn migrate(url: PostgresUrl) -> Result<(), StoreError> {
        let connector = Connector::new(url)?;
        prepare(&connector, IfOlder::Upgrade).await.map(drop)
    }

    /// The SQL that brings the tables up to date, or makes them, for who runs it by hand. Empty when
    /// they are up to date. Nothing is changed.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`].
    pub async fn migration(url: PostgresUrl) -> Result<String, StoreError> {
        let connector = Connector::new(url)?;
        let looking = async {
            let (session, schema) = (connector.session().await?, &connector.url.schema);
            let Some(found) = schema::version(&session, schema).await? else { return Ok(0) };
            schema::require_compatible(found, connector.url.name())?;
            Ok::<_, Failure>(found.version)
        };
        let found = looking.await.map_err(|failure| failure.told(connector.url.name()))?;
        let is_current = found >= schema::newest();
        Ok(if is_current { String::new() } else { schema::script(&connector.url.schema, found) })
    }

    /// Looks at the database without opening it as a store: nothing is changed, and no gateway is
    /// disturbed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached; what the server says else.
    pub async fn look(url: PostgresUrl) -> Result<FoundDatabase, StoreError> {
        let connector = Connector::new(url)?;
        look::look(&connector).await.map_err(|failure| failure.told(connector.url.name()))
    }

    /// The events that pass the filter, newest first, of tables that this version may use; else none.
    /// As with [`PostgresStore::look`] nothing is changed and nobody disturbed.
    ///
    /// # Errors
    /// Those of [`PostgresStore::look`].
    pub async fn events_in(
        url: PostgresUrl,
        filter: &EventFilter,
    ) -> Result<Vec<Event>, StoreError> {
        let connector = Connector::new(url)?;
        let looking = async {
            let session = connector.session().await?;
            let found = schema::version(&session, &connector.url.schema).await?;
            if !found.is_some_and(schema::is_usable) {
                return Ok(Vec::new());
            }
            events::events(&session, filter).await
        };
        looking.await.map_err(|failure: Failure| failure.told(connector.url.name()))
    }

    /// Writes all secrets of the database anew, as `cipher` writes them: with the key that there is
    /// now, or plain. Gateways go on meanwhile; what they must have is the key that this writes with
    /// and the one that was before. When it stops half way, it is run again: what was written anew
    /// is.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open_without_upgrade`], and [`StoreError::Refused`] when a key is
    /// missing that one of them is encrypted with.
    pub async fn rekey(url: PostgresUrl, cipher: Cipher) -> Result<Rekeyed, StoreError> {
        rekey::rekey(&Connector::new(url)?.with_keys(cipher)).await
    }

    /// How many groups were written: with the number of commits it tells how many share one
    /// wait for the disk.
    #[must_use]
    pub fn groups_written(&self) -> u64 {
        self.health.groups()
    }

    async fn open_with(
        url: PostgresUrl,
        now: Timestamp,
        options: Options,
        if_older: IfOlder,
    ) -> Result<PostgresStore, StoreError> {
        let connector = Connector::new(url)?.with_keys(options.cipher.clone());
        let connector = Arc::new(connector);
        let session = prepare(&connector, if_older).await?;
        // Where a pooler has sessions for each transaction, this one marks the one that the first
        // had: what that asks next tells so now.
        connector.session().await.map_err(|failure| failure.told(connector.url.name()))?;
        make_default_company(&session, &connector, now).await?;
        let (health, history) = (Arc::<Health>::default(), Arc::<History>::default());
        let (sender, requests) = mpsc::channel(options.queue);
        let writer = Writer {
            connector: connector.clone(),
            requests,
            group: options.group,
            gathering: options.gathering,
            health: health.clone(),
            history: history.clone(),
            session: Some(session),
            away: None,
        };
        let head = watch::Sender::new(Revision::NONE);
        let stop = CancellationToken::new();
        let listening = listener::run(connector.clone(), head.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(listening));
        Ok(PostgresStore {
            pool: pool::new(connector.clone(), options.readers),
            lead: Lead::new(connector.clone(), options.lead, options.clock),
            connector,
            options,
            health,
            history,
            head,
            requests: Mutex::new(Some(sender)),
            writer: tokio::sync::Mutex::new(Some(tokio::spawn(writer.run()))),
            _listening: stop.drop_guard(),
        })
    }

    async fn ask(&self, work: Work) -> Answer {
        let (reply, answer) = oneshot::channel();
        {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(requests) = requests.as_ref() else { return Err(self.closed()) };
            requests.try_send(Request { work, reply }).map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => self.overloaded(),
                mpsc::error::TrySendError::Closed(_) => self.stopped(),
            })?;
        }
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Reads on a session of its own; one on which anything failed is not used again.
    async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&Session) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let what = self.connector.url.name();
        let reading = async {
            let session: Object<Manager> = pool::get(&self.pool, what).await?;
            let result = read(&session).await;
            if result.is_err() {
                drop(Object::take(session));
            }
            result
        };
        reading.await.map_err(|failure| failure.told(what))
    }

    /// Forgets what was `told` before the store was read as far as `head`, if nobody committed that:
    /// anybody who may connect can notify of any number, and who follows would never wait again.
    fn believe(&self, told: Revision, head: Revision) {
        self.head.send_if_modified(|heard| {
            let is_untrue = *heard == told && told > head;
            if is_untrue {
                *heard = head;
            }
            is_untrue
        });
    }

    fn overloaded(&self) -> StoreError {
        StoreError::Overloaded { waiting: self.options.queue }
    }

    fn closed(&self) -> StoreError {
        self.unavailable("the store is closed")
    }

    /// Only a fault of this program ends the task early.
    fn stopped(&self) -> StoreError {
        self.unavailable("the task that writes has stopped; restart dialtone")
    }

    fn unavailable(&self, why: &str) -> StoreError {
        let what = self.connector.url.name().to_owned();
        StoreError::Unavailable { what, why: why.to_owned() }
    }

    /// Whether the server answers, and would let write.
    async fn probe(&self, writes: bool) -> Result<(), StoreError> {
        let probing = async {
            if writes {
                return self.ask(Work::Probe).await.map(drop);
            }
            self.read(async |session| queries::header(session, None).await).await.map(drop)
        };
        let silent = || Err(self.unavailable("the server does not answer"));
        let probed = tokio::time::timeout(PROBE_TIMEOUT, probing).await;
        probed.unwrap_or_else(|_| silent()).inspect_err(|error| self.health.failed(error.clone()))
    }
}

/// A session, on tables that are up to date.
async fn prepare(connector: &Connector, if_older: IfOlder) -> Result<Session, StoreError> {
    let what = connector.url.name();
    let preparing = async {
        let session = connector.session().await?;
        schema::migrate(&session, &connector.url.schema, what, if_older).await?;
        Ok::<_, Failure>(session)
    };
    preparing.await.map_err(|failure| failure.told(what))
}

/// Unless another gateway was faster.
async fn make_default_company(
    session: &Session,
    connector: &Connector,
    now: Timestamp,
) -> Result<(), StoreError> {
    let what = connector.url.name();
    let found = queries::header(session, None).await.map_err(|failure| failure.told(what))?;
    if found.head > Revision::NONE {
        return Ok(());
    }
    let company = Company::new(CompanyId::default_company(), String::new(), now);
    let put: Commit = (vec![Mutation::PutCompany { company, expect: None }], Vec::new());
    match group::make(session, connector, None, vec![put], false).await {
        Ok(_) => Ok(()),
        Err(group::NotMade::Failed(failure) | group::NotMade::Unknown(failure, ..)) => {
            Err(failure.told(what))
        }
        Err(group::NotMade::Lost) => unreachable!("nothing was known"),
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn name(&self) -> String {
        self.connector.url.name().to_owned()
    }

    async fn commit(
        &self,
        mutations: Vec<Mutation>,
        guards: Vec<Guard>,
    ) -> Result<Revision, StoreError> {
        self.ask(Work::Commit((mutations, guards))).await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<Changes, StoreError> {
        if self.history.is_lost() {
            return Ok(Changes::Lost);
        }
        let limit = limit.clamp(1, MAX_REMEMBERED_COMMIT);
        let known = self.history.known();
        let told = *self.head.borrow();
        let page = self.read(async |session| queries::changes(session, known, after, limit).await);
        let Page { header, changes, end } = page.await?;
        self.believe(told, header.head);
        if !self.history.heard(&header) {
            return Ok(Changes::Lost);
        }
        if after < header.forgotten {
            return Ok(Changes::TooFarBehind);
        }
        Ok(Changes::Page(changes, end))
    }

    async fn head(&self) -> Result<Revision, StoreError> {
        let known = self.history.known();
        let header = self.read(async |session| queries::header(session, known).await).await?;
        self.history.heard(&header);
        self.history.begins(&header);
        Ok(header.head)
    }

    async fn resume(&self, head: Revision) {
        self.history.resume(head);
    }

    async fn changed(&self, after: Revision) {
        let mut head = self.head.subscribe();
        // An error: the store is gone, and this with it.
        let _ = head.wait_for(|head| *head > after).await;
    }

    async fn devices_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<Device>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        self.read(async |session| queries::devices_after(session, after, limit).await).await
    }

    async fn devices(&self, macs: &[Mac]) -> Result<Vec<Device>, StoreError> {
        self.read(async |session| queries::devices(session, macs).await).await
    }

    async fn left_in(&self, mac: Mac) -> Result<Written, StoreError> {
        self.read(async |session| queries::left_in(session, mac).await).await
    }

    async fn left_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<(Mac, Written)>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        self.read(async |session| queries::left_after(session, after, limit).await).await
    }

    async fn tenancy(&self) -> Result<Tenancy, StoreError> {
        self.read(queries::tenancy).await
    }

    async fn ban(&self, network: IpNet) -> Result<Option<Ban>, StoreError> {
        self.read(async |session| queries::ban(session, network).await).await
    }

    async fn bans_after(&self, after: Option<IpNet>, limit: usize) -> Result<Vec<Ban>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        self.read(async |session| queries::bans_after(session, after, limit).await).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        self.read(async |session| events::events(session, &filter).await).await
    }

    async fn events_after(&self, after: EventId, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(async |session| events::events_after(session, after, limit).await).await
    }

    async fn catalogue_since(&self, digest: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.read(async |session| queries::catalogue_since(session, digest, now).await).await
    }

    async fn leads(&self) -> Result<bool, StoreError> {
        let held = self.lead.is_held().await;
        held.map_err(|failure| failure.told(self.connector.url.name()))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn ready(&self) -> Result<(), StoreError> {
        {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            match requests.as_ref() {
                None => return Err(self.closed()),
                Some(requests) if requests.is_closed() => return Err(self.stopped()),
                Some(requests) if requests.capacity() == 0 => return Err(self.overloaded()),
                Some(_) => {}
            }
        }
        if self.history.is_lost() {
            return Err(self.unavailable("it lacks changes that it had, and all is read anew"));
        }
        let (every, now) = (self.options.probe_every, Instant::now());
        match self.health.verdict(every, now) {
            // A server that does not answer is not heard of while nobody asks it anything.
            Verdict::Fine if self.health.look_is_due(every, now) => self.probe(false).await,
            Verdict::Fine => Ok(()),
            Verdict::Failed(error) => Err(error),
            Verdict::Probe(_) => self.probe(true).await,
        }
    }

    async fn close(&self) {
        let mut writer = self.writer.lock().await;
        // The writer ends when the queue is empty.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer.take() {
            // A panic in it was reported when it happened.
            let _ = writer.await;
        }
        self.lead.leave().await;
        self.pool.close();
    }
}

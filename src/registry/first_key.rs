//! The key of the first System-Admin: made on a new store, and another at each start until one was
//! used, so that a key that nobody saw never locks everybody out. Several gateways that are started
//! one after the other each show one: those that were shown lately are valid beside each other, and
//! the first that is used leaves none of the others. A store that has lost its users gets none: else
//! whoever can remove them, or has its file lose what is newest, could have the next start make an
//! administrator.
//!
//! The audit record tells whether one was used, and when each was shown: each makes an event of its
//! user that says `first_key: unused`, and the first call with one of them makes one that says `used`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::change::Plan;
use super::users::{changes, shown};
use super::{Actor, Directory, Registry, RegistryError};
use crate::ambient::{Random, new_key};
use crate::domain::{Action, ApiKeyHash, Event, Revision, Role, Subject, Timestamp, User, UserId};
use crate::store::{EventFilter, Mutation};

/// Login of the user made.
const LOGIN: &str = "admin";

/// Member of an event's `before` and `after`, and its values.
const MARK: &str = "first_key";
const UNUSED: &str = "unused";
const USED: &str = "used";

/// How long a first key is valid beside those that later starts show: all gateways are set up by then,
/// and what an operator noted down of the first of them still works.
const SHOWN_FOR_S: i64 = 24 * 3600;

/// So many are valid at most; of more, the ones that were shown last. A gateway that the service
/// manager starts over and over shows one each time.
const MAX_SHOWN: usize = 8;
const _: () = assert!(MAX_SHOWN <= User::MAX_KEYS);

/// How long the first call waits for its record. A store that does not answer keeps no
/// operator out; the next call tries again.
const RECORD_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether this process must look out for the first use of such a key.
#[derive(Debug, Default)]
pub(super) struct FirstKey {
    awaited: AtomicBool,
}

/// The only user there is, with first keys of which none was used.
struct Unused {
    user: Arc<User>,
    /// How many of the keys, the last ones, were shown lately.
    lately: usize,
}

impl Unused {
    /// The user with one more, and without those that were shown long ago.
    fn with(&self, key: ApiKeyHash) -> User {
        let keys = &self.user.key_hashes;
        let kept = self.lately.min(MAX_SHOWN - 1).min(keys.len());
        let key_hashes = keys[keys.len() - kept..].iter().copied().chain([key]).collect();
        User { key_hashes, ..User::clone(&self.user) }
    }
}

impl Registry {
    /// Makes the System-Admin `admin` in a new store; where none of its first keys was used, gives
    /// it another. Returns the key, which is kept nowhere else and durable
    /// on return; `None` when there are or were users, also where none can sign in
    /// ([`Registry::has_administrator`]), or when another gateway of this store made one at the
    /// same time, which then shows it: that is logged.
    ///
    /// # Errors
    /// What the store says.
    pub async fn first_key(&self, random: &dyn Random) -> Result<Option<String>, RegistryError> {
        let known = self.directory();
        let unused = self.unused_first_keys(&known).await?;
        if unused.is_none() && !known.users.is_empty() {
            return Ok(None);
        }
        if unused.is_none() && !self.is_new().await? {
            self.memory.follow(&self.store).await?;
            if !self.directory().users.is_empty() {
                say_another_shows_it();
            }
            return Ok(None);
        }
        self.first_key.awaited.store(true, Ordering::Relaxed);
        let key = new_key(random);
        let now = self.clock.now();
        let made = self.change_directory(&Actor::Gateway, |directory| {
            // Not so when another gateway was faster: the key it shows must go on working.
            if directory.users != known.users {
                return Ok(Plan::nothing(false));
            }
            let hash = ApiKeyHash::of(&key);
            let event = |action| Actor::Gateway.event(now, action, Subject::User, LOGIN.to_owned());
            let (user, expect, event) = match &unused {
                None => {
                    let user = first_user(vec![hash], now);
                    let event = Event { after: shown(&user), ..event(Action::Create) };
                    (user, None, event)
                }
                Some(unused) => {
                    let (before, user) = (&unused.user, unused.with(hash));
                    let event = changes(before, &user).of(event(Action::Update));
                    (user, Some(before.revision), event)
                }
            };
            let put = Mutation::PutUser { user, expect };
            Ok(Plan::commit(vec![put], true).recorded(marked(event, UNUSED)))
        });
        if made.await? {
            return Ok(Some(key));
        }
        say_another_shows_it();
        Ok(None)
    }

    /// Whether there is a System-Admin with a way to sign in.
    #[must_use]
    pub fn has_administrator(&self) -> bool {
        self.directory().users.values().any(|user| user.can_administer_system())
    }

    /// Whether nothing is on record: everything is that operators do, and an import. Of old
    /// events some may be gone, but never all.
    async fn is_new(&self) -> Result<bool, RegistryError> {
        let any = EventFilter { limit: 1, ..EventFilter::default() };
        Ok(self.store.events(any).await?.is_empty())
    }

    /// Is to be called whenever a key was shown to be right, before the call is answered: the
    /// first use of a first key is recorded, so that no start makes another any more, and takes the
    /// others away. Gives the user as it is then. Costs a look at a flag at all other times.
    pub async fn key_was_used(&self, user: Arc<User>, key: &ApiKeyHash, from: IpAddr) -> Arc<User> {
        if !self.first_key.awaited.swap(false, Ordering::Relaxed) {
            return user;
        }
        let recording = self.record_use(&user, key, from);
        let recorded = tokio::time::timeout(RECORD_TIMEOUT, recording).await;
        let failure = match recorded {
            Ok(Ok(is_settled)) => {
                self.first_key.awaited.fetch_or(!is_settled, Ordering::Relaxed);
                return self.user(user.id).unwrap_or(user);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", RECORD_TIMEOUT.as_secs()),
        };
        self.first_key.awaited.store(true, Ordering::Relaxed);
        tracing::warn!(
            error = failure,
            "the use of the first key is not on record: a restart would make another one"
        );
        user
    }

    /// Whether nothing is left to look out for; not so when the user was changed at the same time,
    /// maybe by a gateway that starts.
    async fn record_use(
        &self,
        user: &Arc<User>,
        key: &ApiKeyHash,
        from: IpAddr,
    ) -> Result<bool, RegistryError> {
        let unused = self.unused_first_keys(&self.directory()).await?;
        let Some(before) = unused.map(|unused| unused.user).filter(|own| own.id == user.id) else {
            return Ok(true);
        };
        let actor = Actor::User { user: before.clone(), from };
        let now = self.clock.now();
        self.change_directory(&Actor::Gateway, |directory| {
            let is_same = |user: &Arc<User>| user.revision == before.revision;
            if !directory.users.get(&before.id).is_some_and(is_same) {
                return Ok(Plan::nothing(false));
            }
            let after = User { key_hashes: vec![*key], ..User::clone(&before) };
            let event = actor.event(now, Action::Update, Subject::User, user.login.clone());
            let mut event = marked(changes(&before, &after).of(event), USED);
            mark(&mut event.before, UNUSED);
            // Written also when there are no others: of two first uses at once one is recorded.
            let put = Mutation::PutUser { user: after, expect: Some(before.revision) };
            Ok(Plan::commit(vec![put], true).recorded(event))
        })
        .await
    }

    async fn unused_first_keys(
        &self,
        directory: &Directory,
    ) -> Result<Option<Unused>, RegistryError> {
        let mut users = directory.users.values();
        let (Some(user), None) = (users.next(), users.next()) else { return Ok(None) };
        if user.key_hashes.is_empty() || user.password_hash.is_some() {
            return Ok(None);
        }
        let newest = self.store.events(EventFilter {
            before: None,
            subject: Some(Subject::User),
            name: Some(user.login.clone()),
            companies: None,
            limit: MAX_SHOWN,
        });
        let newest = newest.await?;
        let is_unused = |event: &&Event| event.after[MARK] == UNUSED;
        if !newest.first().as_ref().is_some_and(is_unused) {
            return Ok(None);
        }
        // Each showed one key, the last that the user had then.
        let now = self.clock.now();
        let is_lately = |event: &&Event| is_unused(event) && now - event.at < SHOWN_FOR_S;
        let lately = newest.iter().take_while(is_lately).count();
        Ok(Some(Unused { user: user.clone(), lately }))
    }
}

fn say_another_shows_it() {
    tracing::info!(
        "no first key is shown here: another gateway on this store made one at the same time, and \
         shows it"
    );
}

fn first_user(key_hashes: Vec<ApiKeyHash>, now: Timestamp) -> User {
    User {
        id: UserId(1),
        login: LOGIN.to_owned(),
        name: "Administrator".to_owned(),
        role: Role::SystemAdmin,
        company: None,
        admin_companies: Vec::new(),
        password_hash: None,
        key_hashes,
        second_factor: None,
        created: now,
        revision: Revision::NONE,
    }
}

fn marked(mut event: Event, value: &str) -> Event {
    mark(&mut event.after, value);
    event
}

fn mark(record: &mut Value, value: &str) {
    if record.is_null() {
        *record = json!({});
    }
    if let Value::Object(record) = record {
        record.insert(MARK.to_owned(), value.into());
    }
}

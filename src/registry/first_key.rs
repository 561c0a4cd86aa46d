//! The key of the first System-Admin: made on a new store, and anew at each start until it was
//! used, so that a key that nobody saw never locks everybody out. A store that has lost its users
//! gets none: else whoever can remove them, or has its file lose what is newest, could have the
//! next start make an administrator.
//!
//! The audit record tells whether it was used: the newest event of its user says
//! `first_key: unused` until the first call with the key appends another.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::change::Plan;
use super::random::{Random, new_key};
use super::users::{changes, shown};
use super::{Actor, Directory, Registry, RegistryError};
use crate::domain::{Action, ApiKeyHash, Event, Revision, Role, Subject, Timestamp, User, UserId};
use crate::store::{EventFilter, Mutation};

/// Login of the user made.
const LOGIN: &str = "admin";

/// Member of an event's `before` and `after`, and its values.
const MARK: &str = "first_key";
const UNUSED: &str = "unused";
const USED: &str = "used";

/// How long the first call waits for its record. A store that does not answer keeps no
/// operator out; the next call tries again.
const RECORD_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether this process must look out for the first use of the key.
#[derive(Debug, Default)]
pub(super) struct FirstKey {
    awaited: AtomicBool,
}

impl Registry {
    /// Makes the System-Admin `admin` in a new store; where its first key was never used, makes
    /// another key in that one's place. Returns the key, which is kept nowhere else and durable
    /// on return; `None` when there are or were users, also where none can sign in
    /// ([`Registry::has_administrator`]), or when another gateway of this store made one at the
    /// same time, which then shows it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn first_key(&self, random: &dyn Random) -> Result<Option<String>, RegistryError> {
        let known = self.directory();
        let unused = self.user_with_unused_key(&known).await?;
        if unused.is_none() && !(known.users.is_empty() && self.is_new().await?) {
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
            let key_hashes = vec![ApiKeyHash::of(&key)];
            let event = |action| Actor::Gateway.event(now, action, Subject::User, LOGIN.to_owned());
            let (user, expect, event) = match &unused {
                None => {
                    let user = first_user(key_hashes, now);
                    let event = Event { after: shown(&user), ..event(Action::Create) };
                    (user, None, event)
                }
                Some(before) => {
                    let user = User { key_hashes, ..User::clone(before) };
                    let event = changes(before, &user).of(event(Action::Update));
                    (user, Some(before.revision), event)
                }
            };
            let put = Mutation::PutUser { user, expect };
            Ok(Plan::commit(vec![put], true).recorded(marked(event, UNUSED)))
        });
        Ok(made.await?.then_some(key))
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
    /// first use of the first key is recorded, so that no start replaces it any more. Costs
    /// a look at a flag at all other times.
    pub async fn key_was_used(&self, user: &Arc<User>, from: IpAddr) {
        if !self.first_key.awaited.swap(false, Ordering::Relaxed) {
            return;
        }
        let recorded = tokio::time::timeout(RECORD_TIMEOUT, self.record_use(user, from)).await;
        let failure = match recorded {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", RECORD_TIMEOUT.as_secs()),
        };
        self.first_key.awaited.store(true, Ordering::Relaxed);
        tracing::warn!(
            error = failure,
            "the use of the first key is not on record: a restart would replace the key"
        );
    }

    async fn record_use(&self, user: &Arc<User>, from: IpAddr) -> Result<(), RegistryError> {
        let unused = self.user_with_unused_key(&self.directory()).await?;
        if unused.is_none_or(|unused| unused.id != user.id) {
            return Ok(());
        }
        let actor = Actor::User { user: user.clone(), from };
        let now = self.clock.now();
        let event = actor.event(now, Action::Update, Subject::User, user.login.clone());
        let event = Event { before: json!({ MARK: UNUSED }), ..marked(event, USED) };
        self.store.commit(vec![Mutation::Append(event)], Vec::new()).await?;
        Ok(())
    }

    /// The only user there is, if it has nothing but a first key that was never used.
    async fn user_with_unused_key(
        &self,
        directory: &Directory,
    ) -> Result<Option<Arc<User>>, RegistryError> {
        let mut users = directory.users.values();
        let (Some(user), None) = (users.next(), users.next()) else { return Ok(None) };
        if user.key_hashes.len() != 1 || user.password_hash.is_some() {
            return Ok(None);
        }
        let newest = self.store.events(EventFilter {
            before: None,
            subject: Some(Subject::User),
            name: Some(user.login.clone()),
            companies: None,
            limit: 1,
        });
        let is_unused = |event: &Event| event.after[MARK] == UNUSED;
        Ok(newest.await?.first().is_some_and(is_unused).then(|| user.clone()))
    }
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
        created: now,
        revision: Revision::NONE,
    }
}

fn marked(mut event: Event, value: &str) -> Event {
    if event.after.is_null() {
        event.after = json!({});
    }
    if let Value::Object(after) = &mut event.after {
        after.insert(MARK.to_owned(), value.into());
    }
    event
}

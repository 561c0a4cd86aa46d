//! What is put on record of logins that failed: each of a few, of a flood some, with how many were
//! left out before.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::{Action, Event, EventId, Subject, User, subscriber};
use crate::registry::rate::{Rate, RateLimiter};
use crate::registry::{Actor, Registry};
use crate::store::{Mutation, Store};

/// Of a network (IPv6: a /64): ten, then six an hour.
const OF_NETWORK: Rate = Rate { burst: 10, interval: Duration::from_secs(600) };
/// Of all: a hundred, then one a minute, half a million in a year.
const OF_ALL: Rate = Rate { burst: 100, interval: Duration::from_secs(60) };
/// Networks that are counted, some 500 kB.
const MOST: usize = 10_000;

/// How long a login waits for its record. A store that takes longer stands still, and the log says
/// so.
const RECORD_TIMEOUT: Duration = Duration::from_secs(5);

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::registry) enum Failure {
    /// The login or its password.
    Password,
    /// The code; the password was right.
    Code,
    /// The password that who is signed in says is theirs.
    CurrentPassword,
    /// The code that who is signed in shows for their own second factor.
    OwnCode,
    Key,
    /// Too many were wrong before, so that it was not looked at.
    TurnedAway,
}

impl Failure {
    fn as_str(self) -> &'static str {
        match self {
            Failure::Password => "password",
            Failure::Code => "code",
            Failure::CurrentPassword => "current_password",
            Failure::OwnCode => "own code",
            Failure::Key => "key",
            Failure::TurnedAway => "too many",
        }
    }
}

/// The counts.
pub(super) struct Failures {
    // A std lock: held for look-ups, never across an await.
    counts: Mutex<Counts>,
}

struct Counts {
    networks: RateLimiter<IpAddr>,
    all: RateLimiter<()>,
    /// Since the last that was.
    not_recorded: u64,
}

impl Default for Failures {
    fn default() -> Failures {
        Failures {
            counts: Mutex::new(Counts {
                networks: RateLimiter::new(OF_NETWORK, MOST),
                all: RateLimiter::new(OF_ALL, 1),
                not_recorded: 0,
            }),
        }
    }
}

impl Failures {
    /// Whether one is recorded, and how many were not since the last that was.
    fn is_due(&self, from: IpAddr, now: Duration) -> Option<u64> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let network = subscriber(from);
        if counts.networks.check(&network, now).is_err() || counts.all.check(&(), now).is_err() {
            counts.not_recorded = counts.not_recorded.saturating_add(1);
            return None;
        }
        counts.networks.count(network, now);
        counts.all.count((), now);
        Some(std::mem::take(&mut counts.not_recorded))
    }

    /// One is recorded whatever the counts say.
    fn take_count(&self) -> u64 {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner).not_recorded)
    }
}

impl Registry {
    /// Puts a login that failed on record, unless there are too many. `user` is whose it would have
    /// been: what was typed where a login stands may be a password. The answer does not wait for it:
    /// some are recorded and some are not, and the time of a commit would tell which.
    pub(in crate::registry) fn record_failed_login(
        &self,
        user: Option<&User>,
        from: IpAddr,
        failure: Failure,
    ) {
        let failures = &self.passwords.failures;
        let not_recorded = match failure {
            // Somebody has a password that is not theirs, which no flood may hide. These have a
            // count of their own.
            Failure::Code => Some(failures.take_count()),
            _ => failures.is_due(from, self.clock.uptime()),
        };
        let Some(not_recorded) = not_recorded else { return };
        // Who has no password is nobody who could sign in so; the events by the name of such a user
        // say whether a first key was used.
        let user = user.filter(|user| user.password_hash.is_some());
        let mut after = json!({ "wrong": failure.as_str() });
        if not_recorded > 0 {
            after["not_recorded_before"] = not_recorded.into();
        }
        let company = user.and_then(|user| user.company.as_ref());
        let recording = record(
            self.store.clone(),
            Event {
                id: EventId::NONE,
                at: self.clock.now(),
                who: String::new(),
                from: from.to_string(),
                action: Action::LoginFailed,
                subject: Subject::User,
                name: user.map(|user| user.login.clone()).unwrap_or_default(),
                company: company.map(ToString::to_string).unwrap_or_default(),
                before: Value::Null,
                after,
            },
        );
        // So many as the counts let through, for a few seconds each.
        tokio::spawn(recording);
    }

    /// Puts it on record that a user signed in, by `means`.
    pub async fn record_login(&self, user: &Arc<User>, from: IpAddr, means: &str) {
        self.record_session(user, from, Action::Login, json!({ "by": means })).await;
    }

    /// Puts it on record that a user ended its session.
    pub async fn record_logout(&self, user: &Arc<User>, from: IpAddr) {
        self.record_session(user, from, Action::Logout, Value::Null).await;
    }

    async fn record_session(&self, user: &Arc<User>, from: IpAddr, action: Action, after: Value) {
        let actor = Actor::User { user: user.clone(), from };
        let event = actor.event(self.clock.now(), action, Subject::User, user.login.clone());
        let company = user.company.as_ref().map(ToString::to_string).unwrap_or_default();
        record(self.store.clone(), Event { company, after, ..event }).await;
    }
}

/// Who signs in to mend a store that takes nothing must get in, so that this is no error.
async fn record(store: Arc<dyn Store>, event: Event) {
    let Event { action, name, from, .. } = event.clone();
    let recording = store.commit(vec![Mutation::Append(event)], Vec::new());
    let failure = match tokio::time::timeout(RECORD_TIMEOUT, recording).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", RECORD_TIMEOUT.as_secs()),
    };
    tracing::warn!(?action, login = name, from, error = failure, "a login is not on record");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_some_are_recorded_and_the_rest_is_counted() {
        let failures = Failures::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let at = Duration::from_secs;
        for _ in 0..10 {
            assert_eq!(failures.is_due(address(1), at(0)), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(failures.is_due(address(1), at(0)), None);
        }
        assert_eq!(failures.is_due(address(2), at(0)), Some(1000));
        let recorded = (3..5000).filter(|n| failures.is_due(address(*n), at(0)).is_some());
        assert_eq!(recorded.count(), 89, "a hundred of all");
        assert!(failures.is_due(address(9000), at(60)).is_some());
        assert_eq!(failures.is_due(address(9001), at(60)), None);
    }
}

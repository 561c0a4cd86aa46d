//! Passwords: how often they may be tried (`attempts`), and hashing with argon2id beside the
//! runtime, a few at a time, so that a crowd at the login cannot take every core. So of API keys
//! (`keys`), which cost no hashing, and what of all that is put on record (`failures`).

mod attempts;
mod failures;
mod keys;
mod known;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use tokio::sync::Semaphore;

use super::text::MAX_LOGIN;
use super::{Registry, RegistryError};
use crate::ambient::Random;
use crate::domain::{ApiKeyHash, User};
pub(super) use attempts::CodeAttempt;
use attempts::{Attempt, Attempts};
pub(super) use failures::Failure;
use failures::Failures;
use keys::KeyAttempts;

/// Longest password that is hashed or compared, in bytes.
pub const MAX_PASSWORD: usize = 256;

/// Hashes at a time: each takes a core for some 20 ms and 19 MB.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn; more are told to come again. Those whose login was right
/// from their network before, and those who are signed in, have places of their own: a crowd of
/// strangers makes them wait for a second at most.
const WAITING_STRANGERS: usize = 64;
const WAITING_KNOWN: usize = 64;

/// A hash no password has, with the parameters ours are made with: an unknown
/// login takes as long as a known one.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm8tdXNlci1oYXMtdGhpcw\
                          $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What an imported hash may cost, so that one login cannot take the machine:
/// 256 MB, ten passes, four lanes.
const MAX_COST: (u32, u32, u32) = (256 * 1024, 10, 4);

/// What passwords are hashed and compared by.
pub(super) struct Passwords {
    attempts: Attempts,
    keys: KeyAttempts,
    failures: Failures,
    /// Those at work and those waiting.
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            attempts: Attempts::default(),
            keys: KeyAttempts::default(),
            failures: Failures::default(),
            strangers: Arc::new(Semaphore::new(AT_ONCE + WAITING_STRANGERS)),
            known: Arc::new(Semaphore::new(AT_ONCE + WAITING_KNOWN)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

/// Who showed the right login and password.
pub struct SignedIn {
    /// The user as it is then.
    pub user: Arc<User>,
    /// A code went with them, and that is on record.
    pub is_recorded: bool,
    /// They were not right from that network before, as far as this process knows.
    pub is_new_there: bool,
}

impl Passwords {
    /// Counts a code of a second factor, which is looked at after this.
    ///
    /// # Errors
    /// [`RegistryError::TooManyAttempts`]
    pub(super) fn begin_code(
        &self,
        login: &str,
        from: IpAddr,
        now: Duration,
    ) -> Result<CodeAttempt<'_>, RegistryError> {
        self.attempts.begin_code(login, from, now).map_err(too_many)
    }

    async fn work<T: Send + 'static>(
        &self,
        places: &Arc<Semaphore>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RegistryError> {
        let place = places.clone().try_acquire_owned().map_err(|_| RegistryError::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| RegistryError::Busy)?;
        // The job keeps its turn also when the caller stops waiting for it.
        let working = tokio::task::spawn_blocking(move || {
            let result = job();
            drop((place, turn));
            result
        });
        working.await.map_err(|_| RegistryError::Busy)
    }

    /// The hash in PHC form.
    pub(super) async fn hash(
        &self,
        password: String,
        random: &dyn Random,
    ) -> Result<String, RegistryError> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        self.work(&self.known, move || {
            let hash: PasswordHash = Argon2::default()
                .hash_password_with_salt(password.as_bytes(), &salt)
                .expect("argon2 takes any password and this salt");
            hash.to_string()
        })
        .await
    }

    /// Whether it is the password of `hash`; never of `None`, after as long a time.
    async fn verify(
        &self,
        places: &Arc<Semaphore>,
        hash: Option<String>,
        password: String,
    ) -> Result<bool, RegistryError> {
        if password.len() > MAX_PASSWORD {
            return Ok(false);
        }
        self.work(places, move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| DUMMY_HASH.to_owned());
            let Ok(hash) = PasswordHash::new(&hash) else { return false };
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known
        })
        .await
    }
}

impl Registry {
    /// The user of that login and password, and of `code` where a second factor is in force. Takes as
    /// long when there is none. What is wrong is on record, see `failures`.
    ///
    /// # Errors
    /// [`RegistryError::TooManyAttempts`] when too many were wrong; [`RegistryError::Busy`] when
    /// too many wait for theirs already, which does not count as an attempt; what the store says
    /// when it cannot take note that a code was used.
    pub async fn user_by_password(
        &self,
        login: &str,
        password: &str,
        code: Option<&str>,
        from: IpAddr,
    ) -> Result<Option<SignedIn>, RegistryError> {
        let user = self.directory().user_by_login(login).cloned();
        let attempt = self.begin_attempt(login, user.as_deref(), from).await?;
        let is_new_there = !attempt.is_known();
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let right = self.verify(&attempt, hash, password).await?;
        let known = user.as_ref().filter(|_| right);
        let asks_for_code = known.is_some_and(|user| user.factor_in_force().is_some());
        let shown = match known {
            Some(user) if asks_for_code => self.user_by_code(user, code, from).await,
            known => Ok(known.cloned()),
        };
        let failure = match shown {
            Ok(Some(user)) => {
                attempt.right(self.clock.uptime());
                return Ok(Some(SignedIn { user, is_recorded: asks_for_code, is_new_there }));
            }
            Ok(None) if asks_for_code => Failure::Code,
            Ok(None) => Failure::Password,
            Err(RegistryError::TooManyAttempts { .. }) => Failure::TurnedAway,
            Err(error) => return Err(error),
        };
        self.was_wrong(attempt, from);
        self.record_failed_login(user.as_deref(), from, failure);
        shown.map(|_| None)
    }

    async fn user_by_code(
        &self,
        user: &Arc<User>,
        code: Option<&str>,
        from: IpAddr,
    ) -> Result<Option<Arc<User>>, RegistryError> {
        let attempt = self.passwords.begin_code(&user.login, from, self.clock.uptime())?;
        let used = self.use_code(user, code, from).await?;
        if used.is_none() {
            attempt.wrong();
        }
        Ok(used)
    }

    /// Whether it is the user's password, which is as much an attempt as a login.
    ///
    /// # Errors
    /// As [`Registry::user_by_password`].
    pub(super) async fn is_password(
        &self,
        user: &User,
        password: &str,
        from: IpAddr,
    ) -> Result<bool, RegistryError> {
        let attempt = self.begin_attempt(&user.login, Some(user), from).await?;
        let right = self.verify(&attempt, user.password_hash.clone(), password).await?;
        if right {
            attempt.right(self.clock.uptime());
        } else {
            self.was_wrong(attempt, from);
            self.record_failed_login(Some(user), from, Failure::CurrentPassword);
        }
        Ok(right)
    }

    /// The user whose API key it is, of a request from there. A wrong one counts and is on record.
    ///
    /// # Errors
    /// [`RegistryError::TooManyAttempts`] when too many of the network were wrong, and this one was
    /// not right there before.
    pub async fn user_by_tried_key(
        &self,
        key: &str,
        from: IpAddr,
    ) -> Result<Option<Arc<User>>, RegistryError> {
        let look_up = || self.user_by_key(key);
        let now = self.clock.uptime();
        let found = self.passwords.keys.find(ApiKeyHash::of(key), from, now, look_up);
        let failure = match found {
            Ok(Some(user)) => return Ok(Some(user)),
            Ok(None) => Failure::Key,
            Err(_) => Failure::TurnedAway,
        };
        self.record_failed_login(None, from, failure);
        found.map_err(too_many)
    }

    /// Passwords are compared after this only: none is guessed past the counts.
    async fn begin_attempt(
        &self,
        login: &str,
        user: Option<&User>,
        from: IpAddr,
    ) -> Result<Attempt<'_>, RegistryError> {
        // No login is longer: what is typed beyond that makes no count of its own.
        let counted: String = login.chars().take(MAX_LOGIN + 1).collect();
        match self.passwords.attempts.begin(&counted, from, self.clock.uptime()) {
            Ok(attempt) => Ok(attempt),
            Err(wait) => {
                self.record_failed_login(user, from, Failure::TurnedAway);
                Err(too_many(wait))
            }
        }
    }

    async fn verify(
        &self,
        attempt: &Attempt<'_>,
        hash: Option<String>,
        password: &str,
    ) -> Result<bool, RegistryError> {
        let Passwords { strangers, known, .. } = &self.passwords;
        let places = if attempt.is_known() { known } else { strangers };
        self.passwords.verify(places, hash, password.to_owned()).await
    }

    fn was_wrong(&self, attempt: Attempt<'_>, from: IpAddr) {
        if attempt.wrong(self.clock.uptime()) {
            tracing::warn!(%from, "so many passwords were wrong that the next ones must wait");
        }
    }
}

fn too_many(wait: Duration) -> RegistryError {
    RegistryError::TooManyAttempts { wait_s: wait.as_secs_f64().ceil() as u64 }
}

/// Whether a hash made elsewhere can be taken over: argon2id, at an affordable cost.
pub(super) fn is_affordable(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    let (memory, passes, lanes) = MAX_COST;
    hash.algorithm.as_str() == "argon2id"
        && hash.hash.is_some()
        && params.m_cost() <= memory
        && params.t_cost() <= passes
        && params.p_cost() <= lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SystemRandom;

    async fn verify(
        passwords: &Passwords,
        hash: Option<String>,
        password: &str,
    ) -> Result<bool, RegistryError> {
        passwords.verify(&passwords.strangers, hash, password.to_owned()).await
    }

    #[tokio::test]
    async fn a_crowd_of_strangers_leaves_the_places_of_the_known() {
        let passwords = Passwords::default();
        let crowd: Vec<_> = std::iter::from_fn(|| passwords.strangers.try_acquire().ok()).collect();
        assert_eq!(crowd.len(), AT_ONCE + WAITING_STRANGERS);
        assert!(matches!(verify(&passwords, None, "x").await, Err(RegistryError::Busy)));
        assert!(!passwords.verify(&passwords.known, None, "x".to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash("pw-root".to_owned(), &SystemRandom).await.unwrap();
        assert!(is_affordable(&hash), "{hash}");
        assert!(verify(&passwords, Some(hash.clone()), "pw-root").await.unwrap());
        assert!(!verify(&passwords, Some(hash), "pw-roo").await.unwrap());
    }

    #[tokio::test]
    async fn dummy_hash_costs_as_much_and_fits_nothing() {
        let dummy = Params::try_from(&PasswordHash::new(DUMMY_HASH).unwrap()).unwrap();
        let ours = Params::default();
        assert_eq!(
            (dummy.m_cost(), dummy.t_cost(), dummy.p_cost()),
            (ours.m_cost(), ours.t_cost(), ours.p_cost())
        );
        assert!(!verify(&Passwords::default(), None, "").await.unwrap());
    }

    #[test]
    fn a_hash_that_would_take_the_machine_is_refused() {
        let with = |start: &str| DUMMY_HASH.replace("$argon2id$v=19$m=19456,t=2,p=1", start);
        assert!(is_affordable(DUMMY_HASH));
        for start in [
            "$argon2id$v=19$m=4194304,t=2,p=1",
            "$argon2id$v=19$m=19456,t=4000,p=1",
            "$argon2i$v=19$m=19456,t=2,p=1",
            "$scrypt$v=19$ln=16,r=8,p=1",
        ] {
            assert!(!is_affordable(&with(start)), "{start}");
        }
        assert!(!is_affordable("plain"));
    }
}

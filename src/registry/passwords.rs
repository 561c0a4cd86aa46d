//! Passwords: hashed with argon2id beside the runtime, a few at a time, so
//! that a crowd at the login cannot take every core.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use tokio::sync::Semaphore;

use super::random::Random;
use super::{Registry, RegistryError};
use crate::domain::User;

/// Longest password that is hashed or compared, in bytes.
pub const MAX_PASSWORD: usize = 256;

/// Hashes at a time: each takes a core for some 20 ms and 19 MB.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn; more are told to come again.
const WAITING: usize = 64;

/// A hash no password has, with the parameters ours are made with: an unknown
/// login takes as long as a known one.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm8tdXNlci1oYXMtdGhpcw\
                       $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What an imported hash may cost, so that one login cannot take the machine:
/// 256 MB, ten passes, four lanes.
const MAX_COST: (u32, u32, u32) = (256 * 1024, 10, 4);

/// Turns for hashing.
#[derive(Debug)]
pub(super) struct Passwords {
    /// Those at work and those waiting.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Passwords {
    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RegistryError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| RegistryError::Busy)?;
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
    pub async fn hash(
        &self,
        password: String,
        random: &dyn Random,
    ) -> Result<String, RegistryError> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        self.work(move || {
            let hash: PasswordHash = Argon2::default()
                .hash_password_with_salt(password.as_bytes(), &salt)
                .expect("argon2 takes any password and this salt");
            hash.to_string()
        })
        .await
    }

    /// Whether it is the password of `hash`; never of `None`, after as long a time.
    async fn verify(&self, hash: Option<String>, password: String) -> Result<bool, RegistryError> {
        if password.len() > MAX_PASSWORD {
            return Ok(false);
        }
        self.work(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| DUMMY_HASH.to_owned());
            let Ok(hash) = PasswordHash::new(&hash) else { return false };
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known
        })
        .await
    }
}

impl Registry {
    /// The user of that login and password; takes as long when there is none.
    ///
    /// # Errors
    /// [`RegistryError::Busy`] when too many wait for theirs already.
    pub async fn user_by_password(
        &self,
        login: &str,
        password: &str,
    ) -> Result<Option<Arc<User>>, RegistryError> {
        let user = self.directory().user_by_login(login).cloned();
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let right = self.passwords.verify(hash, password.to_owned()).await?;
        Ok(user.filter(|_| right))
    }

    /// Whether it is the user's password.
    pub(super) async fn is_password(
        &self,
        user: &User,
        password: &str,
    ) -> Result<bool, RegistryError> {
        self.passwords.verify(user.password_hash.clone(), password.to_owned()).await
    }
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
    use crate::registry::SystemRandom;

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash("pw-root".to_owned(), &SystemRandom).await.unwrap();
        assert!(is_affordable(&hash), "{hash}");
        assert!(passwords.verify(Some(hash.clone()), "pw-root".to_owned()).await.unwrap());
        assert!(!passwords.verify(Some(hash), "pw-roo".to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn dummy_hash_costs_as_much_and_fits_nothing() {
        let dummy = Params::try_from(&PasswordHash::new(DUMMY_HASH).unwrap()).unwrap();
        let ours = Params::default();
        assert_eq!(
            (dummy.m_cost(), dummy.t_cost(), dummy.p_cost()),
            (ours.m_cost(), ours.t_cost(), ours.p_cost())
        );
        assert!(!Passwords::default().verify(None, String::new()).await.unwrap());
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

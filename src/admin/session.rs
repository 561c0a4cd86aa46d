//! Sessions: signed in with a password once, known by a cookie after that.
//!
//! They are kept by this process only and end with it. Their times are those of
//! [`crate::ambient::Clock::uptime`]: whoever sets the machine's clock back wakes none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, header};

use crate::ambient::{Random, token};
use crate::domain::{SecondFactor, User, UserId};

/// The published API's name for it.
const COOKIE: &str = "Red60urne";

/// Session cookies of one request that are looked at; a browser sends one for each path.
const MAX_COOKIES: usize = 4;

/// How long sessions last and how many there are.
#[derive(Debug, Clone)]
pub struct SessionLimits {
    /// A session without a request ends after this. Default 30 minutes.
    pub idle: Duration,
    /// It ends after this in any case. Default 12 hours: a working day.
    pub absolute: Duration,
    /// How many sessions all users have together. Default 10,000, some 2 MB. The longest unused
    /// goes for a new one.
    pub most: usize,
    /// How many one user has, so that one account cannot crowd out the others. Default 50.
    pub most_of_one: usize,
}

impl Default for SessionLimits {
    fn default() -> SessionLimits {
        SessionLimits {
            idle: Duration::from_secs(1800),
            absolute: Duration::from_secs(43_200),
            most: 10_000,
            most_of_one: 50,
        }
    }
}

/// All sessions.
pub(super) struct Sessions {
    limits: SessionLimits,
    // A std lock: held for look-ups and for the scan of a sign-in, never across an await.
    table: Mutex<HashMap<String, Session>>,
}

struct Session {
    user: UserId,
    /// What the user's password was then: with another one, and with another user
    /// of the same number, the session is over.
    password_hash: String,
    /// The second factor that was in force then, likewise.
    factor: Option<[u8; 32]>,
    began: Duration,
    used: Duration,
}

impl Sessions {
    pub(super) fn new(limits: SessionLimits) -> Sessions {
        Sessions { limits, table: Mutex::new(HashMap::new()) }
    }

    /// A new session under a new id, in the place of those the client had.
    pub(super) fn begin(
        &self,
        user: &User,
        replaced: &[String],
        now: Duration,
        random: &dyn Random,
    ) -> String {
        // 144 bits, 24 characters: as long as the ids of the published API.
        let id = token::<18>(random);
        let mut table = self.lock();
        for old in replaced {
            table.remove(old);
        }
        table.retain(|_, session| self.lives(session, now));
        let of_user = |session: &Session| session.user == user.id;
        if table.values().filter(|session| of_user(session)).count() >= self.limits.most_of_one {
            evict(&mut table, of_user);
        }
        if table.len() >= self.limits.most {
            evict(&mut table, |_| true);
        }
        let password_hash = user.password_hash.clone().unwrap_or_default();
        let session = Session {
            user: user.id,
            password_hash,
            factor: factor_of(user),
            began: now,
            used: now,
        };
        table.insert(id.clone(), session);
        id
    }

    /// The user of the first of `ids` that is alive, and that id.
    pub(super) fn find(
        &self,
        ids: &[String],
        users: impl Fn(UserId) -> Option<Arc<User>>,
        now: Duration,
    ) -> Option<(Arc<User>, String)> {
        let mut table = self.lock();
        ids.iter().find_map(|id| {
            let session = table.get_mut(id).filter(|session| self.lives(session, now))?;
            let user = users(session.user)?;
            if user.password_hash.as_ref() != Some(&session.password_hash)
                || factor_of(&user) != session.factor
            {
                return None;
            }
            session.used = session.used.max(now);
            Some((user, id.clone()))
        })
    }

    pub(super) fn end(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lives(&self, session: &Session, now: Duration) -> bool {
        now < session.used + self.limits.idle && now < session.began + self.limits.absolute
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn factor_of(user: &User) -> Option<[u8; 32]> {
    user.factor_in_force().and_then(SecondFactor::identity)
}

/// Takes out the longest unused of those that fit.
fn evict(table: &mut HashMap<String, Session>, fits: impl Fn(&Session) -> bool) {
    let all = table.iter().filter(|(_, session)| fits(session));
    let oldest = all.min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone());
    oldest.map(|id| table.remove(&id));
}

/// The ids a request carries.
pub(super) fn ids(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';'));
    let ids = pairs.filter_map(|pair| match pair.trim().split_once('=') {
        Some((COOKIE, id)) => Some(id.to_owned()),
        _ => None,
    });
    ids.take(MAX_COOKIES).collect()
}

/// `Set-Cookie` for a session. `Strict` (RFC 6265bis, section 5.2): a browser sends it for no page
/// of another site, not even for a link there, which nothing here is made to be opened by.
pub(super) fn cookie(id: &str, secure: bool) -> String {
    format!(
        "{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict{}",
        if secure { "; Secure" } else { "" }
    )
}

/// `Set-Cookie` that takes it away.
pub(super) fn expired_cookie(secure: bool) -> String {
    format!("{}; Max-Age=0", cookie("", secure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SystemRandom;
    use crate::domain::{Revision, Role};

    fn user(id: u64) -> User {
        User {
            id: UserId(id),
            login: format!("user{id}"),
            name: String::new(),
            role: Role::User,
            company: None,
            admin_companies: Vec::new(),
            password_hash: Some(format!("hash{id}")),
            key_hashes: Vec::new(),
            second_factor: None,
            created: crate::domain::Timestamp::from_seconds(0),
            revision: Revision::NONE,
        }
    }

    fn among(users: &[User]) -> impl Fn(UserId) -> Option<Arc<User>> {
        move |id| users.iter().find(|user| user.id == id).map(|user| Arc::new(user.clone()))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn limits() -> SessionLimits {
        SessionLimits { idle: at(100), absolute: at(250), most: 3, most_of_one: 2 }
    }

    #[test]
    fn a_session_ends_when_unused_and_in_any_case_after_its_time() {
        let (sessions, one) = (Sessions::new(limits()), user(1));
        let users = [one.clone()];
        let begin = || vec![sessions.begin(&one, &[], at(1000), &SystemRandom)];
        let unused = begin();
        let used = begin();
        for now in [1099, 1198, 1249] {
            assert!(sessions.find(&used, among(&users), at(now)).is_some(), "{now}");
        }
        assert!(sessions.find(&used, among(&users), at(1250)).is_none(), "the absolute end");
        assert!(sessions.find(&unused, among(&users), at(1100)).is_none(), "the idle end");
    }

    #[test]
    fn a_new_password_and_a_new_user_of_the_number_end_it() {
        let sessions = Sessions::new(limits());
        let id = vec![sessions.begin(&user(1), &[], at(0), &SystemRandom)];
        let other = User { password_hash: Some("other".to_owned()), ..user(1) };
        let none = User { password_hash: None, ..user(1) };
        assert!(sessions.find(&id, among(&[user(1)]), at(1)).is_some());
        for changed in [other, none, user(2)] {
            assert!(sessions.find(&id, among(&[changed]), at(1)).is_none());
        }
    }

    #[test]
    fn one_user_cannot_crowd_out_another() {
        let (sessions, users) = (Sessions::new(limits()), [user(1), user(2)]);
        let first = vec![sessions.begin(&user(1), &[], at(0), &SystemRandom)];
        let flood: Vec<String> =
            (1..9).map(|now| sessions.begin(&user(2), &[], at(now), &SystemRandom)).collect();
        assert!(sessions.find(&first, among(&users), at(9)).is_some());
        let alive = flood
            .iter()
            .filter(|id| sessions.find(std::slice::from_ref(id), among(&users), at(9)).is_some());
        assert_eq!(alive.count(), 2);
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; Red60urne=one; xRed60urne=no".parse().unwrap());
        headers.append(header::COOKIE, "Red60urne=two".parse().unwrap());
        assert_eq!(ids(&headers), ["one", "two"]);
    }
}

//! Who may use the admin API, and for which companies.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CompanyId, Revision, SecondFactor, Timestamp};

/// Number of a user, given by the registry in order from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub u64);

impl UserId {
    /// The id of a user that is not made yet.
    pub const NONE: UserId = UserId(0);
    /// The highest that an import may bring. The next user gets one more, and a JSON number is
    /// exact up to twice as much (RFC 8259, section 6): more than will ever be made.
    pub const MAX_IMPORTED: UserId = UserId(1 << 52);

    /// The number of the user after this one.
    #[must_use]
    pub fn next(self) -> UserId {
        UserId(self.0 + 1)
    }
}

/// The number, as in JSON.
impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a user may do, in the order in which docs/api.md lists roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Everything.
    #[serde(rename = "System-Admin")]
    SystemAdmin,
    /// The published API's phone commands but `assign`, for the companies of the user's list.
    #[serde(rename = "Company-Admin")]
    CompanyAdmin,
    /// None of the provisioning commands.
    #[serde(rename = "User")]
    User,
}

impl Role {
    /// The role as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::SystemAdmin => "System-Admin",
            Role::CompanyAdmin => "Company-Admin",
            Role::User => "User",
        }
    }
}

/// SHA-256 of an API key. Keys are 256 bits of randomness, so a plain hash is
/// enough: there is nothing to guess, and a lookup must cost no argon2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyHash(pub [u8; 32]);

impl ApiKeyHash {
    /// The hash under which `key` is kept.
    #[must_use]
    pub fn of(key: &str) -> ApiKeyHash {
        ApiKeyHash(Sha256::digest(key.as_bytes()).into())
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyHash(..)")
    }
}

/// A user of the admin API. Of password and keys it holds hashes only.
#[derive(Clone, PartialEq)]
pub struct User {
    /// Unique; one more than the highest there was when the user was made.
    pub id: UserId,
    /// Unique; 1 to 64 printable characters without spaces.
    pub login: String,
    /// What people call the user; empty when no name was given.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The company the user belongs to; `None` is the default company.
    pub company: Option<CompanyId>,
    /// Companies a Company-Admin administers; `default` is an ordinary entry.
    pub admin_companies: Vec<CompanyId>,
    /// argon2id in PHC form; `None`: no login with a password.
    pub password_hash: Option<String>,
    /// The hashes of the user's keys, at most [`User::MAX_KEYS`].
    pub key_hashes: Vec<ApiKeyHash>,
    /// What is asked for beside the password.
    pub second_factor: Option<SecondFactor>,
    /// When the user was made; kept through changes.
    pub created: Timestamp,
    /// The revision of its last change; given by the store.
    pub revision: Revision,
}

impl User {
    /// Enough to rotate keys without a gap, few enough to look at.
    pub const MAX_KEYS: usize = 16;

    /// Whether the user is a System-Admin with a way to sign in. One must remain:
    /// else nobody could administer the system any more.
    #[must_use]
    pub fn can_administer_system(&self) -> bool {
        let signs_in = self.password_hash.is_some() || !self.key_hashes.is_empty();
        self.role == Role::SystemAdmin && signs_in
    }

    /// The second factor, where one is asked for.
    #[must_use]
    pub fn factor_in_force(&self) -> Option<&SecondFactor> {
        self.second_factor.as_ref().filter(|factor| factor.is_in_force())
    }

    /// Whether the user administers `company`: a System-Admin does each one.
    #[must_use]
    pub fn administers(&self, company: &CompanyId) -> bool {
        match self.role {
            Role::SystemAdmin => true,
            Role::CompanyAdmin => self.admin_companies.contains(company),
            Role::User => false,
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("login", &self.login)
            .field("role", &self.role)
            .field("admin_companies", &self.admin_companies)
            .finish_non_exhaustive()
    }
}

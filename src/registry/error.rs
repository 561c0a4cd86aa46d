//! Why a rule refused, or could not be carried out.

use ipnet::IpNet;

use crate::catalogue::RenderError;
use crate::domain::settings::SettingError;
use crate::domain::{PhoneId, TransitionError};
use crate::store::StoreError;

/// The messages are what the admin API answers; the published API fixes most of them.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The caller's role does not allow it.
    #[error("Permission denied")]
    PermissionDenied,
    /// A phone is not in the state that the command acts on.
    #[error("{}", in_words_of_the_api(.0))]
    // No source: its words would follow the API's, which say the same.
    Transition(TransitionError),
    /// There is no such company, or the caller must not know of it.
    #[error("No such company")]
    NoSuchCompany,
    /// The catalogue has no type of that key.
    #[error("No such phone type: {0}")]
    NoSuchType(String),
    /// There is no user of that login or number.
    #[error("No such user")]
    NoSuchUser,
    /// The network has no ban.
    #[error("No such ban{}", .holding.map(|ban| format!(": that of {ban} holds it")).unwrap_or_default())]
    NoSuchBan {
        /// The ban in force that its addresses are in all the same.
        holding: Option<IpNet>,
    },
    /// A field of the request cannot be used as it is.
    #[error("{field}: {message}")]
    Invalid {
        /// The field's name in the API.
        field: String,
        /// What it must be.
        message: String,
    },
    /// Every setting that was refused.
    #[error("settings: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingError>),
    /// The phone's files cannot be made of its settings.
    #[error("{phone} cannot be configured: {file}")]
    Render {
        /// The phone the command named.
        phone: PhoneId,
        /// The pattern of the file's path.
        file: String,
        /// Where in the template, and which setting is to blame.
        source: RenderError,
    },
    /// The same as [`RegistryError::Render`], for a port the caller does not see.
    #[error(
        "{phone} cannot be configured: the settings of another port of the device, which are not \
         yours to see, cannot be made into a file; a System-Admin can see which"
    )]
    RenderOfAnother {
        /// The phone the command named.
        phone: PhoneId,
    },
    /// An object of that name is there already.
    #[error("{0} already exists")]
    AlreadyExists(String),
    /// The object is still needed by another.
    #[error("{0}")]
    InUse(String),
    /// Someone else kept changing the same object; asking again may work.
    #[error("{0} is being changed by someone else")]
    Contended(String),
    /// Too many passwords were wrong, of the login or from the network.
    #[error("Too many failed logins, try again in {wait_s} s")]
    TooManyAttempts {
        /// Seconds until the next is looked at.
        wait_s: u64,
    },
    /// More passwords wait to be hashed than there are places.
    #[error("Too many logins at once, try again")]
    Busy,
    /// The store has not told for so long what others changed.
    #[error("the store has not told for {silent_s} s what others changed")]
    NotHeard {
        /// Seconds since it did.
        silent_s: u64,
    },
    /// The store could not do it; see [`RegistryError::store_fault`].
    #[error("the store: {0}")]
    Store(#[source] StoreError),
}

fn in_words_of_the_api(error: &TransitionError) -> String {
    match error {
        TransitionError::NotFound => "Phone not found".to_owned(),
        TransitionError::SourceCompanyMismatch => "Source company mismatch".to_owned(),
        TransitionError::AlreadyExists => "Phone already activated".to_owned(),
        TransitionError::TypeMismatch => "Device is of another phone type".to_owned(),
        TransitionError::PortInUse(port) => {
            format!("Port {port} is active and the phone type has no such port")
        }
    }
}

impl From<TransitionError> for RegistryError {
    fn from(error: TransitionError) -> RegistryError {
        RegistryError::Transition(error)
    }
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> RegistryError {
        match error {
            StoreError::Conflict(what) => RegistryError::Contended(what),
            error => RegistryError::Store(error),
        }
    }
}

/// What ails the store, as far as the one who asked can make use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// No space is left. Reading goes on.
    Full,
    /// It cannot be written. Reading goes on.
    ReadOnly,
    /// More commits wait than it takes; trying again may work.
    Overloaded,
    /// Whether the change was made could not be learnt.
    Unknown,
    /// It refuses this gateway or cannot be used: somebody has to mend that. The log says what.
    Unfit,
    /// What others changed could not be read for some time; the log says why.
    NotHeard,
    /// Anything else, among it what trying again may mend.
    Away,
}

impl StoreFault {
    /// What is said of it where anybody may read: paths and the medium's own words are for the log.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            StoreFault::Full => "the store is full",
            StoreFault::ReadOnly => "the store is read-only",
            StoreFault::Overloaded => "the store is overloaded",
            StoreFault::Unfit => {
                "the store cannot be used until somebody mends it; the log says why"
            }
            StoreFault::NotHeard => "what others changed in the store cannot be read",
            StoreFault::Unknown | StoreFault::Away => "the store is not available",
        }
    }
}

impl From<&StoreError> for StoreFault {
    fn from(error: &StoreError) -> StoreFault {
        match error {
            StoreError::Full { .. } => StoreFault::Full,
            StoreError::ReadOnly { .. } => StoreFault::ReadOnly,
            StoreError::Overloaded { .. } => StoreFault::Overloaded,
            StoreError::Unknown { .. } => StoreFault::Unknown,
            StoreError::Refused { .. } | StoreError::Unusable { .. } => StoreFault::Unfit,
            _ => StoreFault::Away,
        }
    }
}

impl RegistryError {
    /// The fault of the store, if it is one.
    #[must_use]
    pub fn store_fault(&self) -> Option<StoreFault> {
        match self {
            RegistryError::Store(error) => Some(error.into()),
            RegistryError::NotHeard { .. } => Some(StoreFault::NotHeard),
            _ => None,
        }
    }

    /// Whether the store may take the same later: its fault passes by itself, or somebody lets the
    /// gateway in again, a password was changed there first.
    #[must_use]
    pub fn may_be_stored_later(&self) -> bool {
        let RegistryError::Store(error) = self else { return false };
        error.may_pass() || matches!(error, StoreError::Refused { .. })
    }

    /// Whether it is a fault of ours rather than of the request.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.store_fault().is_some()
    }
}

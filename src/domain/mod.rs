//! What may happen to a phone: values that cannot be wrong and transitions
//! that cannot half happen. No I/O, no HTTP, no SQL, no clock: time is passed in.

pub mod admission;
mod ban;
mod claim;
mod client_certificate;
mod company;
mod device;
mod error_chain;
mod event;
mod file_key;
mod hex;
mod hidden;
mod hosted_path;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod mac;
mod nearest;
mod own_password;
mod phone_id;
mod presented;
mod printable;
mod revision;
mod second_factor;
pub mod settings;
mod subscriber;
mod time;
mod type_key;
mod user;

pub use ban::{Ban, BanEvidence};
pub use claim::{Claim, Claims, Strength};
pub use client_certificate::{
    CertificateName, Certified, ClientCertificate, InvalidNameKind, NameKind,
};
pub use company::{Company, CompanyId};
pub use device::{Assigned, Device, Phone, Sighting, State, TransitionError, Waiting};
pub use error_chain::ErrorChain;
pub use event::{Action, Event, EventId, Subject};
pub use hex::{from_hex, to_hex};
pub use hidden::{hidden_char, with_hidden_shown};
pub use hosted_path::HostedPath;
pub use mac::{InvalidMac, Mac};
pub use nearest::{did_you_mean, nearest};
pub use own_password::{PasswordForm, PasswordOf, PasswordSeed};
pub use phone_id::{InvalidPhoneId, PhoneId, Port};
pub use presented::{Counted, Credentials, DigestAlgorithm, DigestResponse, Presented};
pub use printable::{printable, printable_lines, steers};
pub use revision::Revision;
pub use second_factor::{CodeKind, SecondFactor, recovery_code};
pub use subscriber::{Site, neighbourhood, subscriber};
pub use time::Timestamp;
pub use type_key::{InvalidKey, TypeKey};
pub use user::{ApiKeyHash, Role, User, UserId};

//! The places of a store that have secrets in them.

use std::fmt;

use crate::domain::{Mac, Port, UserId};

/// One value of one row. Prints as messages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Cell<'a> {
    /// The settings of the phone at that port of a device.
    PhoneSettings(Mac, Port),
    /// How a device proved itself: credentials that it had before may be among it.
    Admission(Mac),
    /// The settings of the company with that id.
    CompanySettings(&'a str),
    /// The settings all phones share.
    SystemSettings,
    /// What the own passwords of phones are made of.
    PasswordSeed,
    /// The hash of a user's password: a weak password is soon found from it.
    PasswordHash(UserId),
    /// What a user's second factor is made of.
    SecondFactor(UserId),
}

impl Cell<'_> {
    /// What a sealed value is bound to: table, column and row, which are the same in every store
    /// that has tables.
    pub(super) fn associated_data(self) -> String {
        match self {
            Cell::PhoneSettings(mac, port) => format!("phone|settings|{mac}{port}"),
            Cell::Admission(mac) => format!("device|admission|{mac}"),
            Cell::CompanySettings(id) => format!("company|settings|{id}"),
            Cell::SystemSettings => "system|settings|".to_owned(),
            Cell::PasswordSeed => "system|secret|".to_owned(),
            Cell::PasswordHash(id) => format!("user|password_hash|{}", id.0),
            Cell::SecondFactor(id) => format!("user|second_factor|{}", id.0),
        }
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::PhoneSettings(mac, port) => write!(f, "phone {mac}{port}, settings"),
            Cell::Admission(mac) => write!(f, "device {mac}, admission"),
            Cell::CompanySettings(id) => write!(f, "company {id:?}, settings"),
            Cell::SystemSettings => f.write_str("the system settings"),
            Cell::PasswordSeed => f.write_str("the system settings, secret"),
            Cell::PasswordHash(id) => write!(f, "user {id}, password_hash"),
            Cell::SecondFactor(id) => write!(f, "user {id}, second_factor"),
        }
    }
}

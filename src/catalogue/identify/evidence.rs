//! What was found in a request, in words for an operator.

use std::fmt;

use crate::domain::{Mac, TypeKey};

/// One thing that was found, and what it was taken to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// The path is one that phones of a family ask for.
    Path {
        /// The name of the family.
        family: String,
        /// The path pattern that fitted, as `family.toml` writes it.
        pattern: String,
    },
    /// A family's pattern reads the User-Agent.
    UserAgent {
        /// The name of the family.
        family: String,
    },
    /// There is a User-Agent, and no family's pattern reads it.
    UnknownUserAgent,
    /// A header told something of the phone, its modules for one.
    Header {
        /// The header's name, in lower case.
        name: String,
    },
    /// The address is of a manufacturer's block.
    Oui {
        /// The names of all families that have the block.
        families: Vec<String>,
    },
    /// The address stands for nobody: zeros, ones or a group.
    PlaceholderMac(Mac),
    /// Two parts of the request name different addresses; the first counts.
    MacsDiffer {
        /// The address that counts.
        used: Mac,
        /// The address that does not.
        ignored: Mac,
        /// Which part of the request named the one that does not.
        ignored_from: &'static str,
    },
    /// Path and User-Agent name different models; the User-Agent's counts.
    ModelsDiffer {
        /// The model that counts.
        used: String,
        /// The model that does not.
        ignored: String,
    },
    /// The path is of another family than the User-Agent.
    PathOfAnotherFamily {
        /// The name of the path's family.
        family: String,
    },
    /// The manufacturer block belongs to other families than the one found.
    OuiOfAnotherFamily {
        /// The names of the families that have the block.
        families: Vec<String>,
    },
    /// What is sure of the request is of several makers, and speaks against the family that was
    /// chosen: no type is believed. See the module `contradiction`.
    NotBelieved {
        /// The name of the family.
        family: String,
    },
    /// A model that no type has and that is like none.
    UnknownModel(String),
    /// A model that no type has, and the type that is like it.
    ClosestModel {
        /// The model, as the request named it.
        said: String,
        /// The model whose files it gets.
        served_as: String,
    },
    /// Path or address would have told the type, and the phone names itself as no such one.
    NotAssumed(TypeKey),
    /// The address is in a part of the manufacturer's block that another maker's phones have.
    OuiOfAnotherMaker {
        /// The name of the family that has the rest of the block.
        family: String,
    },
    /// Nothing tells the type, so that the family's usual one is assumed.
    Fallback(TypeKey),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Path { family, pattern } => write!(f, "path: {pattern} of {family}"),
            Evidence::UserAgent { family } => write!(f, "user-agent: {family}"),
            Evidence::UnknownUserAgent => f.write_str("user-agent: of no family"),
            Evidence::Header { name } => write!(f, "header: {name}"),
            Evidence::Oui { families } => write!(f, "oui: {}", families.join(", ")),
            Evidence::PlaceholderMac(mac) => write!(f, "mac: {mac} belongs to nobody"),
            Evidence::MacsDiffer { used, ignored, ignored_from } => {
                write!(f, "contradiction: {ignored_from} says mac {ignored}, {used} counts")
            }
            Evidence::ModelsDiffer { used, ignored } => {
                write!(f, "contradiction: path says model {ignored}, {used} counts")
            }
            Evidence::PathOfAnotherFamily { family } => {
                write!(f, "contradiction: the path is one of {family}")
            }
            Evidence::OuiOfAnotherFamily { families } => {
                write!(f, "contradiction: the oui is one of {}", families.join(", "))
            }
            Evidence::NotBelieved { family } => {
                write!(f, "type: none, it contradicts itself and is not taken for one of {family}")
            }
            Evidence::UnknownModel(model) => write!(f, "model: {model:?} is not in the catalogue"),
            Evidence::ClosestModel { said, served_as } => {
                write!(f, "model: {said:?} is not known yet, served as {served_as}")
            }
            Evidence::NotAssumed(key) => {
                write!(
                    f,
                    "type: not {key}, which path and address would tell: it names itself otherwise"
                )
            }
            Evidence::OuiOfAnotherMaker { family } => {
                write!(f, "oui: another maker's part of a block of {family}")
            }
            Evidence::Fallback(key) => write!(f, "type: nothing tells it, {key} assumed"),
        }
    }
}

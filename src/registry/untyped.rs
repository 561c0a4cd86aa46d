//! Devices of which something tells the maker, and nothing the type. As `generic` one gets a file
//! in the gateway's own format, with its passwords in it, that no maker's phone can read: whoever
//! promotes it has to say the type, or is told.

use std::fmt;

use super::RegistryError;
use crate::catalogue::{Catalogue, Evidence, Request, Target};
use crate::domain::{Device, PhoneId, Strength};

/// What tells the maker of such a device.
#[derive(Debug)]
pub(super) struct Untyped {
    /// The User-Agent, where a family reads it: the phone itself said who made it.
    calls_itself: Option<String>,
    /// All that tells something, in words.
    evidence: Vec<String>,
}

impl Untyped {
    /// `None`: the type is told, or is an operator's word, or nothing tells a maker either.
    pub(super) fn of(catalogue: &Catalogue, device: &Device) -> Option<Untyped> {
        let user_agent = device.claims.strongest().map(|claim| claim.user_agent.as_str());
        let user_agent = user_agent.filter(|text| !text.is_empty());
        Untyped::told_by(catalogue, device, device.strength(), user_agent)
    }

    /// Does as [`Untyped::of`], of a device without its claims, as memory has it.
    pub(super) fn told_by(
        catalogue: &Catalogue,
        device: &Device,
        strength: Strength,
        user_agent: Option<&str>,
    ) -> Option<Untyped> {
        if !catalogue.is_generic(&device.phone_type) || strength.is_told() {
            return None;
        }
        // The path is not kept. With one that is anybody's, User-Agent and address say all they can.
        let target = Target::parse(&format!("/{}", device.mac));
        let found = catalogue.identify(Request { target: &target, user_agent, headers: &[] });
        let is_read =
            found.evidence.iter().any(|found| matches!(found, Evidence::UserAgent { .. }));
        let has_maker = is_read
            || strength > Strength::Assumed
            || found.evidence.iter().any(|found| matches!(found, Evidence::Oui { .. }));
        if !has_maker {
            return None;
        }
        let says =
            |found: &&Evidence| !matches!(found, Evidence::Path { .. } | Evidence::Fallback(_));
        Some(Untyped {
            calls_itself: user_agent.filter(|_| is_read).map(str::to_owned),
            evidence: found.evidence.iter().filter(says).map(ToString::to_string).collect(),
        })
    }

    /// Refuses one that named its maker: that it is none of the types there are, or one that its
    /// path and address deny, is as good as certain.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] with what it said, and what to do.
    pub(super) fn require_type(&self, id: PhoneId) -> Result<(), RegistryError> {
        let Some(name) = &self.calls_itself else { return Ok(()) };
        let message = format!(
            "{id} calls itself {name:?}, and that tells no type ({self}): say which it is (phone_type, \
             or --type), or \"generic\" for a file in this gateway's own format"
        );
        Err(RegistryError::Invalid { field: "phone_type".to_owned(), message })
    }

    /// What whoever sees to the phone is to know.
    pub(super) fn warning(&self) -> String {
        format!(
            "its type is not known ({self}): as generic it gets a file in this gateway's own format, \
             with its passwords, which it may not be able to read; say its type \
             (phone_type of update phone, `dialtone phone set --type`)"
        )
    }
}

impl fmt::Display for Untyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.evidence.is_empty() {
            return f.write_str("only its path is a maker's");
        }
        f.write_str(&self.evidence.join("; "))
    }
}

//! One phone: a port of a device.

use crate::domain::settings::Layer;
use crate::domain::{CompanyId, Timestamp};

/// The two states of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Seen, not yet promoted: gets nothing.
    Inactive,
    /// Belongs to a company and gets its configuration.
    Active(CompanyId),
}

/// One phone: a port of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Phone {
    pub state: State,
    /// First contact (or `create`); kept through promote and assign.
    pub created: Timestamp,
    /// For people; empty when none was given.
    pub name: String,
    pub settings: Layer,
}

impl Phone {
    /// A phone that nobody has promoted: no company, no name, no settings.
    #[must_use]
    pub fn inactive(created: Timestamp) -> Phone {
        Phone { state: State::Inactive, created, name: String::new(), settings: Layer::default() }
    }

    /// The company of an active phone.
    #[must_use]
    pub fn company(&self) -> Option<&CompanyId> {
        match &self.state {
            State::Inactive => None,
            State::Active(company) => Some(company),
        }
    }
}

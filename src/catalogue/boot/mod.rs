//! How the phones of each family boot: `[[boot]]` and `[simulate]`, tried on every type and
//! filled in for one.
//!
//! For `phonesim` and `dialtone check`. A gateway serves without any of it, and so it is read
//! only when somebody asks.

mod definition;
mod load;
pub(crate) mod selector;
mod shape;
mod simulate;
#[cfg(test)]
mod tests;

use super::{Catalogue, CatalogueError, PhoneType};
pub use definition::{Conditional, ConnectionUse, HttpVersion, Syntax};
pub use shape::{BootShape, MacText, RequestShape};
pub use simulate::{BootStep, ConfigReader, Simulate, StepDoes};

/// The boots of a catalogue's families.
#[derive(Debug)]
pub struct Boots {
    /// The boots in the order of [`Catalogue::families`]; `None`: the simulator leaves its phones
    /// out.
    families: Vec<Option<FamilyBoot>>,
}

/// The boot of one family's phones.
#[derive(Debug)]
pub struct FamilyBoot {
    /// The requests of a normal boot, of which a type may leave some out.
    pub steps: Vec<BootStep>,
    /// What else its phones do at boot, the same for every request.
    pub simulate: Simulate,
}

impl Boots {
    /// Reads what the families of `catalogue` say and tries it on every type of it.
    ///
    /// # Errors
    /// Every problem of every family, with file and line.
    pub fn load(catalogue: &Catalogue) -> Result<Boots, CatalogueError> {
        let mut families = Vec::new();
        let mut problems = Vec::new();
        for place in 0..catalogue.families().len() {
            match load::family(catalogue, place) {
                Ok(boot) => families.push(boot),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(Boots { families }) } else { Err(CatalogueError(problems)) }
    }

    /// `None`: the type's family cannot be simulated.
    #[must_use]
    pub fn of(&self, phone_type: &PhoneType) -> Option<&FamilyBoot> {
        self.families.get(phone_type.family)?.as_ref()
    }
}

impl FamilyBoot {
    /// The boot of one of the types it was loaded with.
    ///
    /// # Panics
    /// For another type.
    #[must_use]
    pub fn shape(&self, phone_type: &PhoneType) -> BootShape {
        let shape = self.simulate.shape(&self.steps, phone_type);
        shape.expect("every type's shape was made once when the boot was loaded")
    }
}

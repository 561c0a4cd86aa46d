//! The things that happen to a gateway, each with what should come of it.

mod steady;
mod storm;

pub use steady::{Steady, steady};
pub use storm::{Storm, storm};

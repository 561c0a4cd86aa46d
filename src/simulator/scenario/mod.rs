//! The things that happen to a gateway, each with what should come of it.

mod churn;
mod office;
mod onboard;
mod scan;
mod steady;
mod storm;

pub use churn::{Churn, churn};
pub use office::Office;
pub use onboard::onboard;
pub use scan::{Scan, scan};
pub use steady::{Steady, steady};
pub use storm::{Storm, storm};

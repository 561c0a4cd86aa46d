//! What keeps the many from costing too much: turns for those who want the same thing at a time, and
//! one line in the log for all that say the same. Knows nothing of phones.

mod log_rate;
mod turns;

pub use log_rate::LogRate;
pub use turns::{Busy, Turn, Turns};

//! What the `dialtone` command does besides serving: one file per tool.

pub mod check;
pub mod identify;

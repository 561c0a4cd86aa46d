//! What the `dialtone` command does, one file a tool.
//!
//! `serve` is the gateway. `identify`, `check`, `render`, `export` and `import`
//! work on this machine, the last three on the store itself: a file that no gateway has open, or a
//! database. So does `offline_user`.
//! `remote` asks a running gateway over its admin API.

pub mod check;
pub mod client;
pub mod config_arguments;
pub mod identify;
mod local;
mod log_lines;
pub mod offline_user;
pub mod output;
pub mod patch;
pub mod remote;
pub mod render;
pub mod serve;
pub mod store;
pub mod transfer;

pub use local::LocalError;

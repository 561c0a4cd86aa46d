//! What the tests share: a gateway to talk to, and a client to talk with.

pub mod gateway;
pub mod http;

pub use gateway::Gateway;

//! dialtone

pub mod admin;
pub mod app;
pub mod catalogue;
pub mod config;
pub mod domain;
pub mod handset;
pub mod net;
pub mod provision;
pub mod registry;
pub mod simulator;
pub mod store;
pub mod tools;

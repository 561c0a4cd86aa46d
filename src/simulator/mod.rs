//! A lab in a process: simulated handsets that boot as the catalogue says real ones do.
//!
//! [`fleet`] makes phones out of a seed, [`phone`] boots one, [`read_config`] reads what
//! it got, [`authorization`] proves who it is, [`lab`] lets them boot together and [`scenario`] says when and what should come
//! of it; [`measure`] counts, [`report`] tells, [`outcome_log`] of each phone. [`command`] is the
//! `phonesim` program. A run is reproducible from its seed as far as the machine and the gateway
//! are.

pub mod authorization;
pub mod boot;
pub mod boot_request;
pub mod command;
pub mod connection;
pub mod dial;
pub mod error;
pub mod fleet;
pub mod gateway_url;
pub mod lab;
pub mod lab_ca;
pub mod measure;
pub mod operator;
pub mod outcome_log;
pub mod own_cost;
pub mod phone;
pub mod progress;
pub mod read_config;
pub mod report;
pub mod sample;
pub mod scenario;
pub mod seeded_random;
pub mod tls;
pub mod wire;

#[cfg(test)]
mod tests;

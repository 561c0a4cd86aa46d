//! Tests of the whole gateway, from the outside: one binary, because linking is
//! what takes time.

mod admin;
mod boot;
mod crash;
mod phonesim;
mod softphone;
mod support;
mod tools;
mod traces;

//! Tests of the whole gateway, from the outside: one binary, because linking is
//! what takes time.

mod admin;
mod admission;
mod arrows;
mod away;
mod boot;
mod broken_store;
mod certificates;
mod claims;
mod crash;
mod database;
mod failures;
mod files;
mod first_key;
mod forms;
mod http_edge;
mod identification;
mod limits;
mod own_family;
mod own_passwords;
mod papers;
mod phonesim;
mod phonesim_command;
mod reload;
mod several_gateways;
mod several_processes;
mod softphone;
mod strangers;
mod support;
mod taken_back;
mod time;
mod tools;
mod traces;
mod transfer;
mod unfit_settings;
mod uploads;

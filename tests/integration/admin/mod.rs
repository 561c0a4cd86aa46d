//! The admin API over a real socket, before the real registry and catalogue.

mod assign;
mod audit;
mod cases;
mod certificates;
mod companies;
mod events;
mod gateway;
mod health;
mod large_bodies;
mod lists;
mod log;
mod phones;
mod preview;
mod promote_demote;
mod requests;
mod roles;
mod second_factor;
mod settings;
mod sign_in;
mod throttle;
mod transfer;
mod transport;
mod turns;
mod users;

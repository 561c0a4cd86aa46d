//! The `phonesim` command: arguments to a fleet, a scenario's result to an exit code.

mod boot;
mod ca;
mod credentials;
mod fleet;
mod network;
mod numbers;
mod office;
mod tls;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::domain::ErrorChain;
use crate::domain::printable_lines;
use boot::BootArguments;
use ca::CaArguments;
use fleet::FleetArguments;

/// Simulated SIP handsets, for trying a provisioning gateway.
///
/// Exits with 0 when every phone got what was expected, 1 when one did not, 2 when the run
/// could not begin or a file not be written.
#[derive(Parser)]
#[command(name = "phonesim", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Let a fleet boot.
    Boot(Box<BootArguments>),
    /// List the phones of a fleet: MAC and type.
    Fleet(FleetArguments),
    /// Make a certificate authority for a lab, and a certificate for the gateway.
    Ca(CaArguments),
}

/// A run that could not begin, or left less than was asked for.
const NOT_BEGUN: u8 = 2;

impl Arguments {
    /// Does what they say, with the reports on standard output and errors on standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let run = match self.command {
            Command::Boot(boot) => boot.run(),
            Command::Fleet(fleet) => fleet.list(),
            Command::Ca(ca) => ca.make(),
        };
        match run {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(message) => {
                eprintln!("phonesim: {}", printable_lines(&message));
                ExitCode::from(NOT_BEGUN)
            }
        }
    }
}

/// Whether all was as expected; or why nothing was begun.
type Run = Result<bool, String>;

/// An error with its causes, for a person.
fn text(error: impl Into<Box<dyn Error>>) -> String {
    ErrorChain(&*error.into()).to_string()
}

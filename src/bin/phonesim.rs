//! The `phonesim` program; [`dialtone::simulator::command`] is what it does.

use std::process::ExitCode;

use clap::Parser;
use dialtone::simulator::command::Arguments;

// As the gateway's: a fleet renders nothing, but it allocates for every request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Arguments::parse().run()
}

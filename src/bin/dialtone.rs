//! The `dialtone` command: arguments to library calls, results to an exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dialtone::catalogue::{Catalogue, Sources, update_examples};
use dialtone::tools;

/// A provisioning gateway for SIP handsets: from power-on to dial tone.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what the gateway makes of a request. Reads JSON lines unless --path is given.
    Identify {
        /// Path and query of one request.
        #[arg(long)]
        path: Option<String>,
        /// Its User-Agent.
        #[arg(long, requires = "path")]
        user_agent: Option<String>,
        /// An operator's folder of families, over the built-in ones.
        #[arg(long)]
        templates: Option<PathBuf>,
    },
    /// Check the catalogue, its templates and examples.
    Check {
        /// An operator's folder of families, over the built-in ones.
        #[arg(long)]
        templates: Option<PathBuf>,
        /// Write the .out files of this folder's examples anew instead.
        #[arg(long, value_name = "DIR")]
        update_examples: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("dialtone: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Identify { path, user_agent, templates } => {
            let sources = Sources { templates_dir: templates, ..Sources::default() };
            let catalogue = Catalogue::load(&sources).map_err(|error| error.to_string())?;
            let output = std::io::stdout().lock();
            let result = match path {
                Some(path) => {
                    let line = serde_json::json!({ "path": path, "user_agent": user_agent });
                    tools::identify::run(&catalogue, line.to_string().as_bytes(), output)
                }
                None => tools::identify::run(&catalogue, std::io::stdin().lock(), output),
            };
            result.map_err(|error| error.to_string())
        }
        Command::Check { templates, update_examples: Some(dir) } => {
            let sources =
                Sources { templates_dir: templates.or(Some(dir.clone())), ..Sources::default() };
            let catalogue = Catalogue::load(&sources).map_err(|error| error.to_string())?;
            let written = update_examples(&catalogue, &dir).map_err(|problems| {
                problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            })?;
            println!("{written} examples written");
            Ok(())
        }
        Command::Check { templates, update_examples: None } => {
            let sources = Sources { templates_dir: templates, ..Sources::default() };
            let checked = tools::check::catalogue(&sources).map_err(|error| error.to_string())?;
            println!(
                "{} families, {} types, {} examples: all in order",
                checked.families, checked.types, checked.examples
            );
            Ok(())
        }
    }
}

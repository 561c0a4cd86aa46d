//! The `dialtone` command: arguments to library calls, results to an exit code.
//!
//! 0: done. 1: it failed, and standard error says what was attempted on what.
//! 2: the arguments make no sense.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dialtone::catalogue::{Catalogue, Sources, update_examples};
use dialtone::domain::ErrorChain;
use dialtone::domain::printable_lines;
use dialtone::tools::check::CoverageArguments;
use dialtone::tools::config_arguments::{ConfigArguments, ServeArguments};
use dialtone::tools::remote::{self, RemoteCommand, RemoteError};
use dialtone::tools::render::{self, RenderArguments};
use dialtone::tools::store::{self, StoreCommand};
use dialtone::tools::transfer::{self, ExportArguments, ImportArguments};
use dialtone::tools::{check, identify, serve};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

// The C library's allocator took a quarter of the instructions of rendering a file. Without
// huge pages (`no_thp`): the kernel clears 2 MB for each, a ninth of a boot storm's work, and
// a connection that waits would take twice the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A provisioning gateway for SIP handsets: from power-on to dial tone.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a subcommand: as for `serve`.
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Serve phones and operators until told to end (the default).
    Serve(ServeArguments),
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
    /// Check the configuration, what it asks of this machine, the catalogue and its examples.
    Check {
        #[command(flatten)]
        config: ServeArguments,
        /// Write the .out files of this folder's examples anew instead.
        #[arg(long, value_name = "DIR")]
        update_examples: Option<PathBuf>,
        /// Print how many settings the files of each family have instead; of families that are
        /// named, which.
        #[arg(long, value_name = "FAMILY", num_args = 0.., conflicts_with = "update_examples")]
        coverage: Option<Vec<String>>,
        /// With --coverage: every setting of every family, as a table in Markdown.
        #[arg(long, requires = "coverage")]
        wide: bool,
        /// Do not connect to the database of the store.
        #[arg(long)]
        offline: bool,
    },
    /// Print the files a phone would get, byte for byte, from the store itself: a file no gateway has
    /// open, or a database.
    Render(RenderArguments),
    /// Write the registry of a store as a JSON document. Stop its gateways first: a file is refused
    /// else, and of a database the document is not of one moment.
    Export(ExportArguments),
    /// Read such a document into an empty store on which no gateway was started yet.
    Import(ImportArguments),
    /// Make the tables of a database, or print how; make a key for the secrets in a store, or encrypt
    /// them with another.
    #[command(subcommand)]
    Store(StoreCommand),
    #[command(flatten)]
    Remote(RemoteCommand),
}

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    keep_memory_private();
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has what it wanted: `dialtone phone active | head`.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&ErrorChain(&*error).to_string());
            let remote = error.downcast_ref::<RemoteError>();
            if remote.is_some_and(RemoteError::is_of_arguments) {
                return ExitCode::from(2);
            }
            ExitCode::FAILURE
        }
    }
}

/// Says it on standard error. What is told may quote a document, a file or an answer, whose every
/// byte somebody else may have chosen.
fn say(what: &str) {
    eprintln!("dialtone: {}", printable_lines(what));
}

/// Its memory has keys and the phones' passwords, also that of the tools: the kernel writes no
/// core file of it, and no other process of the same user reads it.
fn keep_memory_private() {
    let no_core_file = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, no_core_file);
    // What the limit does not hold for: core files that are piped into a program.
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(hidden) {
        say(&format!("warning: a crash may leave a core file with secrets: {error}"));
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Serve(arguments) => Ok(serve::run(&arguments)?),
        Command::Identify { path, user_agent, templates } => {
            identify_requests(path, user_agent, templates)
        }
        Command::Check { config, coverage: Some(families), wide, .. } => {
            print_coverage(&config.common, &CoverageArguments { families, is_wide: wide })
        }
        Command::Check { config, update_examples: None, offline, .. } => {
            check_all(&config, offline)
        }
        Command::Check { config, update_examples: Some(dir), .. } => {
            write_examples(&config.common, dir)
        }
        Command::Render(arguments) => {
            let out = io::stdout().lock();
            Ok(runtime()?.block_on(render::run(&arguments, out))?)
        }
        Command::Export(arguments) => {
            let out = io::stdout().lock();
            let counts = runtime()?.block_on(transfer::export(&arguments, out))?;
            // Standard output may be the document.
            let again = arguments.output.map_or("", |_| ", counted again in the file");
            say(&format!("exported: {counts}{again}"));
            Ok(())
        }
        Command::Import(arguments) => {
            let importing = transfer::import(&arguments, io::stdin().lock());
            let imported = runtime()?.block_on(importing)?;
            for warning in &imported.warnings {
                say(&format!("warning: {warning}"));
            }
            println!("imported: {}, counted again in the store", imported.counts);
            Ok(())
        }
        Command::Store(command) => {
            let out = io::stdout().lock();
            say(&runtime()?.block_on(store::run(&command, out))?);
            Ok(())
        }
        Command::Remote(command) => {
            let (input, out) = (io::stdin().lock(), io::stdout().lock());
            let is_terminal = out.is_terminal();
            Ok(runtime()?.block_on(remote::run(command, input, out, is_terminal))?)
        }
    }
}

/// The tools do one thing after the other.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn identify_requests(
    path: Option<String>,
    user_agent: Option<String>,
    templates: Option<PathBuf>,
) -> Outcome {
    let sources = Sources { templates_dir: templates, ..Sources::default() };
    let catalogue = Catalogue::load(&sources)?;
    let out = io::stdout().lock();
    match path {
        Some(path) => {
            let line = serde_json::json!({ "path": path, "user_agent": user_agent }).to_string();
            identify::run(&catalogue, line.as_bytes(), out)?;
        }
        None => identify::run(&catalogue, io::stdin().lock(), out)?,
    }
    Ok(())
}

/// Goes on after a problem, so that one run shows those of all parts.
fn check_all(arguments: &ServeArguments, offline: bool) -> Outcome {
    let (config, warnings) = arguments.load()?;
    for warning in warnings {
        say(&format!("warning: {warning}"));
    }
    for note in check::notes(&config) {
        say(&format!("note: {note}"));
    }
    let mut failures = runtime()?.block_on(check::problems(&config));
    let looked = if offline { None } else { runtime()?.block_on(check::database(&config)) };
    match looked {
        Some(Ok(found)) => {
            println!("{found}");
            failures.extend(found.problems);
        }
        Some(Err(error)) => failures.push(error.to_string()),
        None => {}
    }
    match check::catalogue(&config.catalogue.sources()) {
        Ok(checked) => {
            for note in check::files(&config, &checked.families) {
                say(&format!("note: {note}"));
            }
            println!("{checked}");
        }
        Err(error) => failures.push(error.to_string()),
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn print_coverage(arguments: &ConfigArguments, asked: &CoverageArguments) -> Outcome {
    let (config, _) = arguments.load()?;
    let catalogue = Catalogue::load(&config.catalogue.sources())?;
    io::stdout().lock().write_all(check::coverage(&catalogue, asked)?.as_bytes())?;
    Ok(())
}

fn write_examples(arguments: &ConfigArguments, dir: PathBuf) -> Outcome {
    let (config, _) = arguments.load()?;
    let mut sources = config.catalogue.sources();
    sources.templates_dir.get_or_insert_with(|| dir.clone());
    let catalogue = Catalogue::load(&sources)?;
    let written = update_examples(&catalogue, &dir).map_err(|problems| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    println!("{written} examples written");
    Ok(())
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
        {
            return true;
        }
        at = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_it_serves() {
        let arguments = Arguments::parse_from(["dialtone", "--http", "none", "--store", "memory:"]);
        assert!(arguments.command.is_none());
        assert_eq!(arguments.serve.http.as_deref(), Some("none"));
        assert_eq!(arguments.serve.common.store.as_deref(), Some("memory:"));
        let arguments = Arguments::parse_from(["dialtone", "serve", "--https", "none"]);
        assert!(matches!(arguments.command, Some(Command::Serve(own)) if own.https.is_some()));
    }

    #[test]
    fn where_the_gateway_is_may_stand_anywhere() {
        for line in [
            ["dialtone", "phone", "--url", "http://192.0.2.1:1", "active"],
            ["dialtone", "phone", "active", "--url", "http://192.0.2.1:1"],
        ] {
            let Some(Command::Remote(RemoteCommand::Phone { connection, .. })) =
                Arguments::parse_from(line).command
            else {
                panic!("{line:?}");
            };
            assert_eq!(connection.url.to_string(), "http://192.0.2.1:1");
        }
    }

    #[test]
    fn a_crash_leaves_no_core_file() {
        keep_memory_private();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
    }

    #[test]
    fn a_key_is_no_argument() {
        let line = ["dialtone", "phone", "active", "--key", "dt_x"];
        assert!(Arguments::try_parse_from(line).is_err());
    }
}

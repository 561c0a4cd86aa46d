//! Measures a gateway beside nginx, which serves the same bytes from files, in one run:
//! every round measures the one, then the other; shown are medians of the rounds.
//!
//! `benches/run` builds and starts it; `benches/README.md` says what each part is.

mod client;
mod figures;
mod lab;
mod load;
mod parts;
mod process;
mod wrk;

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../../tests/support/postgres/mod.rs"]
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use dialtone::simulator::own_cost;
use figures::Figure;
use lab::Lab;
use parts::Part;
use process::Nginx;
use serde_json::json;

// What is measured has the allocator of the `dialtone` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures dialtone beside nginx.
#[derive(Parser)]
struct Arguments {
    /// Short rounds, few of them, no million phones: for a look.
    #[arg(long)]
    quick: bool,
    /// Rounds of each comparison.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Seconds of each measurement.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// Only these parts.
    #[arg(long = "part", value_enum)]
    parts: Vec<Part>,
    /// Write all rounds as JSON to FILE; `-` is standard output instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The gateway to measure.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_dialtone"))]
    dialtone: PathBuf,
    /// nginx, when it is not on the path.
    #[arg(long, value_name = "FILE", default_value = "nginx")]
    nginx: PathBuf,
    /// Cargo adds it.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What every part is given.
pub struct Bench {
    lab: Lab,
    nginx: Nginx,
    rounds: u32,
    span: Duration,
    quick: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What the load takes must not be what limits a server.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(process::WORKERS)
        .enable_all()
        .build();
    let run = runtime.map_err(|error| error.to_string());
    match run.and_then(|runtime| runtime.block_on(measure(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: Arguments) -> Result<(), String> {
    own_cost::make_room(12_000)?;
    let began = Instant::now();
    let (rounds, seconds) = if arguments.quick { (2, 2) } else { (5, 4) };
    let all = Part::value_variants();
    let parts = if arguments.parts.is_empty() { all } else { &arguments.parts };
    let fleet_files = match parts {
        parts if parts.contains(&Part::Storm) => lab::FLEET,
        parts if parts.contains(&Part::Boot) => lab::STREAM,
        _ => 0,
    };
    let lab = Lab::prepare(arguments.dialtone.clone(), fleet_files).await?;
    let nginx = Nginx::start(&arguments.nginx, lab.path())?;
    let bench = Bench {
        lab,
        nginx,
        rounds: arguments.rounds.unwrap_or(rounds),
        span: Duration::from_secs(arguments.seconds.unwrap_or(seconds)),
        quick: arguments.quick,
    };
    let mut figures: Vec<Figure> = Vec::new();
    for part in parts {
        eprintln!("{:4.0} s  {part:?}", began.elapsed().as_secs_f64());
        figures.extend(part.run(&bench).await.map_err(|error| format!("{part:?}: {error}"))?);
    }
    let about = json!({
        "rounds": bench.rounds, "seconds": bench.span.as_secs(), "quick": bench.quick,
        "took_s": began.elapsed().as_secs(), "processors": processors(),
        "workers": process::WORKERS,
    });
    let all = figures::json(&figures, &about).to_string();
    match arguments.json {
        Some(path) if path.as_os_str() == "-" => println!("{all}"),
        path => {
            println!("{}", figures::table(&figures));
            println!("{about}");
            if let Some(path) = path {
                std::fs::write(&path, all + "\n")
                    .map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// How many, which, and what they can that makes a handshake cheaper or dearer.
fn processors() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |wanted: &str| {
        let mut named = text.lines().filter_map(|line| line.split_once(':'));
        named.find(|(name, _)| name.trim() == wanted).map_or("unknown", |(_, value)| value.trim())
    };
    let able = ["adx", "avx2", "avx512ifma", "sha_ni", "vaes"]
        .map(|one| (one, line("flags").split(' ').any(|flag| flag == one)));
    let able = able.iter().filter(|(_, has)| *has).map(|(one, _)| *one).collect::<Vec<_>>();
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{count} x {} ({})", line("model name"), able.join(" "))
}

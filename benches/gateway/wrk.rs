//! wrk as load generator: it is not ours, and it is quick.

use std::process::Command;
use std::time::Duration;

/// What wrk measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throughput {
    pub requests: u64,
    pub per_second: f64,
}

/// 64 connections for `span` (whole seconds), each asking again when it was answered.
///
/// An answer that is no success and a connection that fails are errors: they cost less than
/// what is to be measured.
pub(crate) async fn run(
    url: String,
    headers: Vec<String>,
    span: Duration,
) -> Result<Throughput, String> {
    let working = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("wrk");
        command.args(["-t2", "-c64"]).arg(format!("-d{}s", span.as_secs().max(1)));
        for header in &headers {
            command.args(["-H", header]);
        }
        let output = command.arg(&url).output().map_err(|error| format!("wrk: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        read(&said)
            .ok_or_else(|| format!("wrk {url}: {said}{}", String::from_utf8_lossy(&output.stderr)))
    });
    working.await.map_err(|error| error.to_string())?
}

fn read(said: &str) -> Option<Throughput> {
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        return None;
    }
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in "))?.0;
    let per_second = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?;
    Some(Throughput {
        requests: requests.parse().ok()?,
        per_second: per_second.trim().parse().ok()?,
    })
}

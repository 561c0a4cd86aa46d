//! `dialtone identify`: what the gateway would make of a request. No server, no store.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Request, Target};
use crate::domain::{Port, Strength};

/// One request, as a line of JSON. `method` and other fields are ignored, so
/// that captures can be piped in as they are.
#[derive(Default, Deserialize)]
pub struct Input {
    /// The path and query, as the handset asks.
    pub path: String,
    /// The `User-Agent`; without it, that of `headers` counts.
    pub user_agent: Option<String>,
    /// Headers by their names, in any case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// What one request tells; `null` where nothing can be said.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The address, twelve lower-case hexadecimal digits.
    pub mac: Option<String>,
    /// The port behind it, from 0.
    pub port: Option<u16>,
    /// The key of the type.
    pub phone_type: Option<String>,
    /// How sure the type is, and the same in words.
    pub strength: Option<Strength>,
    /// [`Output::strength`] in words.
    pub told_by: Option<&'static str>,
    /// The maker.
    pub vendor: Option<String>,
    /// The model, as the request named it.
    pub model: Option<String>,
    /// The version of the firmware, as the request named it.
    pub firmware: Option<String>,
    /// The file that the request is for, its MAC and port filled in.
    pub file: Option<String>,
    /// All that was found, in words.
    pub evidence: Vec<String>,
}

/// Identifies one request.
#[must_use]
pub fn identify(catalogue: &Catalogue, input: &Input) -> Output {
    let headers: Vec<(String, String)> = input
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    let of_headers = headers.iter().find(|(name, _)| name == "user-agent");
    let user_agent = input.user_agent.as_deref().or(of_headers.map(|(_, value)| value.as_str()));
    let target = Target::parse(&input.path);
    let identity = catalogue.identify(Request { target: &target, user_agent, headers: &headers });
    let strength = identity.phone_type.as_ref().map(|_| identity.strength);
    Output {
        strength,
        told_by: strength.map(Strength::told_by),
        mac: identity.mac.map(|mac| mac.to_string()),
        port: identity.port.map(Port::number),
        phone_type: identity.phone_type.map(|key| key.to_string()),
        vendor: identity.vendor,
        model: identity.model,
        firmware: identity.firmware,
        file: identity.file.is_some().then(|| target.file_name().to_owned()),
        evidence: identity.evidence.iter().map(ToString::to_string).collect(),
    }
}

/// Reads JSON lines from `input`, writes one JSON line for each to `output`.
///
/// # Errors
/// A line that is not such an object is named by its number; what was before
/// it has been written.
pub fn run(
    catalogue: &Catalogue,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), io::Error> {
    for (number, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let request: Input = serde_json::from_str(&line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", number + 1))
        })?;
        serde_json::to_writer(&mut output, &identify(catalogue, &request))?;
        output.write_all(b"\n")?;
    }
    output.flush()
}

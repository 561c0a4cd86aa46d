//! How every boot ended, a line of JSON each, written while the run goes on: a report
//! adds up, this tells what each phone would register with.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::boot::{Boot, BootOutcome};
use super::fleet::Member;
use crate::domain::ErrorChain;

/// Lines are in the order in which boots ended, which a seed does not decide.
#[derive(Debug)]
pub struct OutcomeLog {
    /// Std mutex: held for a line, never over an await. Every few hundred lines the buffer
    /// goes to the system, which is less than what a boot of many files costs.
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    file: BufWriter<File>,
    /// The first; nothing is written after it.
    failed: Option<io::Error>,
}

#[derive(Serialize)]
struct Row<'a> {
    phase: &'a str,
    mac: String,
    #[serde(rename = "type")]
    type_key: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrar: Option<&'a str>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How that is not what was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    unexpected: Option<&'a str>,
    /// Whether it asked another target than the first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    needed_another: bool,
    /// How long the boot took in milliseconds, from when it was due.
    duration_ms: f64,
}

impl OutcomeLog {
    /// Begins a file, in place of what was there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> io::Result<OutcomeLog> {
        let file = BufWriter::with_capacity(64 * 1024, File::create(path)?);
        Ok(OutcomeLog { out: Mutex::new(Out { file, failed: None }) })
    }

    pub(super) fn add(&self, phase: &str, member: &Member, boot: &Boot, unexpected: Option<&str>) {
        let (outcome, line, reason) = match &boot.outcome {
            BootOutcome::Refused => ("refused", None, None),
            BootOutcome::Configured(line) => ("configured", Some(line), None),
            BootOutcome::Failed(failure) => ("failed", None, Some(ErrorChain(failure).to_string())),
        };
        let row = Row {
            phase,
            mac: member.mac.to_string(),
            type_key: member.model.type_key.as_str(),
            outcome,
            user: line.map(|line| line.user.as_str()),
            registrar: line.map(|line| line.registrar.as_str()),
            reason,
            unexpected,
            needed_another: boot.needed_another,
            duration_ms: boot.latency.as_secs_f64() * 1000.0,
        };
        let mut text = serde_json::to_vec(&row).expect("numbers and text are JSON");
        text.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.failed.is_none() {
            out.failed = out.file.write_all(&text).err();
        }
    }

    /// Ends the log: on return every line is with the system.
    ///
    /// # Errors
    /// What the system said of this or of any line before it.
    pub fn finish(&self) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match out.failed.take() {
            Some(error) => Err(error),
            None => out.file.flush(),
        }
    }
}

//! A report as text in columns.

use std::fmt::Write;

use super::{Quantiles, Report};

pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    write(&mut text, report).expect("a String takes everything");
    text
}

fn write(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        text,
        "{}: {} phones, seed {}, {}, {:.1} s",
        report.scenario, report.phones, report.seed, report.target, report.duration_s
    )?;
    boots(text, report)?;
    files(text, report)?;
    admin_calls(text, report)?;
    writeln!(text)?;
    failures(text, report)?;
    for phase in report.phases.iter().filter(|phase| phase.needed_another > 0) {
        let boots = phase.needed_another;
        writeln!(text, "{}: {boots} boots needed another target than their first", phase.name)?;
    }
    for finding in &report.findings {
        writeln!(text, "{}: {}", if finding.ok { "good" } else { "BAD" }, finding.what)?;
    }
    costs(text, report)?;
    let verdict =
        if report.as_expected { "every phone got what was expected" } else { "NOT AS EXPECTED" };
    writeln!(text, "{verdict}")
}

fn boots(text: &mut String, report: &Report) -> std::fmt::Result {
    let mut boots = vec![titles(&[
        "phase",
        "took s",
        "boots",
        "/s",
        "configured",
        "refused",
        "failed",
        "unexpected",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "max",
        "lag p99",
        "conns",
        "TLS",
        "kB",
    ])];
    for phase in &report.phases {
        let mut row = vec![phase.name.clone(), format!("{:.1}", phase.duration_s)];
        row.push(phase.boots.to_string());
        row.push(format!("{:.0}", phase.boots_per_s));
        row.extend([phase.configured, phase.refused, phase.failed].map(|count| count.to_string()));
        row.push(phase.unexpected.to_string());
        row.extend(quantiles(&phase.boot_ms));
        row.push(ms(phase.lag_ms.p99));
        row.extend([phase.wire.connections, phase.wire.tls_handshakes].map(|n| n.to_string()));
        row.push(((phase.wire.bytes_sent + phase.wire.bytes_received) / 1000).to_string());
        boots.push(row);
    }
    writeln!(text)?;
    columns(text, &boots, 1)
}

fn files(text: &mut String, report: &Report) -> std::fmt::Result {
    for phase in report.phases.iter().filter(|phase| !phase.files.is_empty()) {
        let mut files = vec![titles(&[
            &phase.name,
            "file",
            "requests",
            "served",
            "same",
            "refused",
            "trouble",
            "fault",
            "kB",
            "p50 ms",
            "p90",
            "p99",
            "p99.9",
            "max",
            "answer p50",
            "p99",
        ])];
        for file in &phase.files {
            let mut row = vec![file.family.clone(), file.file.clone(), file.requests.to_string()];
            for ending in ["served", "not_modified", "refused", "trouble", "fault"] {
                row.push(file.endings.get(ending).copied().unwrap_or(0).to_string());
            }
            row.push((file.body_bytes / 1000).to_string());
            row.extend(quantiles(&file.latency_ms));
            row.extend([ms(file.answer_ms.p50), ms(file.answer_ms.p99)]);
            files.push(row);
        }
        writeln!(text)?;
        columns(text, &files, 2)?;
    }
    Ok(())
}

fn admin_calls(text: &mut String, report: &Report) -> std::fmt::Result {
    if !report.admin.is_empty() {
        let mut calls =
            vec![titles(&["admin", "calls", "failed", "p50 ms", "p90", "p99", "p99.9", "max"])];
        for (verb, own) in &report.admin {
            let mut row = vec![verb.clone(), own.calls.to_string(), own.failed.to_string()];
            row.extend(quantiles(&own.latency_ms));
            calls.push(row);
        }
        writeln!(text)?;
        columns(text, &calls, 1)?;
    }
    Ok(())
}

/// Writes how many failures of each kind there were, with an example.
fn failures(text: &mut String, report: &Report) -> std::fmt::Result {
    for phase in &report.phases {
        for file in &phase.files {
            for (kind, count) in &file.errors {
                let (family, file) = (&file.family, &file.file);
                writeln!(text, "{}: {family} {file}: {kind}: {count} requests", phase.name)?;
            }
        }
        for error in &phase.errors {
            let (kind, count, example) = (&error.kind, error.count, &error.example);
            writeln!(text, "{}: {kind}: {count}, such as {example}", phase.name)?;
        }
    }
    for (verb, own) in &report.admin {
        if let Some(example) = &own.example {
            writeln!(text, "admin: {verb}: {} failed, such as: {example}", own.failed)?;
        }
    }
    Ok(())
}

/// What went over the wire, and what the simulator itself took.
fn costs(text: &mut String, report: &Report) -> std::fmt::Result {
    let wire = &report.wire;
    writeln!(
        text,
        "wire: {} connections, {} TLS handshakes, {} kB sent, {} kB received",
        wire.connections,
        wire.tls_handshakes,
        wire.bytes_sent / 1000,
        wire.bytes_received / 1000
    )?;
    let own = &report.own;
    write!(
        text,
        "the simulator itself: {:.2} s of CPU ({:.2} processors busy), {:.0} us a request",
        own.cpu_s, own.cpus_busy, own.cpu_us_per_request
    )?;
    if let Some(memory) = own.peak_memory_mb {
        write!(text, ", {memory:.0} MB at most")?;
    }
    writeln!(text)
}

fn titles(titles: &[&str]) -> Vec<String> {
    titles.iter().map(|&title| title.to_owned()).collect()
}

fn quantiles(of: &Quantiles) -> [String; 5] {
    [of.p50, of.p90, of.p99, of.p99_9, of.max].map(ms)
}

fn ms(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// The first `left` columns to the left, the rest to the right.
fn columns(text: &mut String, rows: &[Vec<String>], left: usize) -> std::fmt::Result {
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            if at < left {
                write!(line, "{cell:<width$}  ")?;
            } else {
                write!(line, "{cell:>width$}  ")?;
            }
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

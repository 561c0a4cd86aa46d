//! The operators of a run and what they do to phones: give a line, promote, assign.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::domain::{Mac, TypeKey};
use crate::simulator::boot::BootOutcome;
use crate::simulator::operator::{CallError, Calls, Operator};

/// A gateway may refuse first and record then, so an operator who acts at once looks for a
/// phone again: this often, and for so long. It promises a second.
const LOOKING_AGAIN: Duration = Duration::from_millis(100);
const LOOKING_FOR: Duration = Duration::from_secs(5);

/// A few operators who share the phones out among themselves: number `n` of the fleet is
/// always the same operator's, so what is done to one phone has an order. `due` is when the
/// call should have been made: its latency counts from there.
#[derive(Debug, Clone)]
pub struct Office {
    /// Who makes the calls; there is at least one.
    pub operators: Vec<Arc<Operator>>,
    /// Where phones are promoted to first, and where else they can be assigned. Each
    /// exists; at least one.
    pub companies: Vec<String>,
    /// What lines register with.
    pub registrar: String,
}

impl Office {
    /// The operator who has the phone of that number.
    #[must_use]
    pub fn operator_of(&self, number: usize) -> &Arc<Operator> {
        &self.operators[number % self.operators.len()]
    }

    /// The user of a phone's first line after edit number `edit`.
    #[must_use]
    pub fn user(mac: Mac, edit: u32) -> String {
        format!("sim{mac}e{edit}")
    }

    /// Which edit a phone is configured as of; `None`: as none of ours.
    #[must_use]
    pub fn edit_of(&self, mac: Mac, outcome: &BootOutcome) -> Option<u32> {
        let BootOutcome::Configured(line) = outcome else { return None };
        let registrar = line.registrar.strip_prefix(&self.registrar)?;
        let is_port = |rest: &str| rest.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
        if !registrar.is_empty() && !is_port(registrar) {
            return None;
        }
        line.user.strip_prefix(&format!("sim{mac}e"))?.parse().ok()
    }

    /// Sets the first line of the phone's first port.
    ///
    /// # Errors
    /// What the API says.
    pub async fn edit(
        &self,
        number: usize,
        mac: Mac,
        edit: u32,
        due: Instant,
    ) -> Result<(), CallError> {
        let line = json!({
            "enabled": true,
            "user": Office::user(mac, edit),
            "password": format!("pw{:012x}", mac.bits().rotate_left(13) & 0xffff_ffff_ffff),
            "registrar": self.registrar,
        });
        let body = json!({
            "type": "phone",
            "scope": { "phoneid": phone_id(mac) },
            "values": { "settings": { "lines": { "1": line } } },
        });
        self.operator_of(number).call("update", body, due).await.map(drop)
    }

    /// Says which type a phone is.
    ///
    /// # Errors
    /// What the API says.
    pub async fn say_type(
        &self,
        number: usize,
        mac: Mac,
        phone_type: &TypeKey,
        due: Instant,
    ) -> Result<(), CallError> {
        let body = json!({
            "type": "phone",
            "scope": { "phoneid": phone_id(mac) },
            "values": { "phone_type": phone_type },
        });
        self.operator_of(number).call("update", body, due).await.map(drop)
    }

    /// Promotes all ports to the first company.
    ///
    /// # Errors
    /// What the API says.
    pub async fn promote(&self, number: usize, mac: Mac, due: Instant) -> Result<(), CallError> {
        let body = json!({
            "type": "phone",
            "scope": { "phoneid": phone_id(mac) },
            "values": { "company": self.companies[0] },
        });
        let reply = self.operator_of(number).call("promote", body, due).await?;
        match reply["numrows"].as_u64() {
            Some(1..) => Ok(()),
            _ => Err(CallError::NotAReply(format!("numrows is {}", reply["numrows"]))),
        }
    }

    /// Moves all ports to a company.
    ///
    /// # Errors
    /// What the API says.
    pub async fn assign(
        &self,
        number: usize,
        mac: Mac,
        company: &str,
        due: Instant,
    ) -> Result<(), CallError> {
        let body = json!({
            "type": "phone",
            "scope": { "mac": mac.to_string() },
            "values": { "company": company },
        });
        self.operator_of(number).call("assign", body, due).await.map(drop)
    }

    /// The inactive phones: type by phoneid.
    ///
    /// # Errors
    /// What the API says.
    pub async fn inactive(&self) -> Result<BTreeMap<String, String>, CallError> {
        let reply =
            self.operators[0].call("inactive", json!({ "type": "phone" }), Instant::now()).await?;
        let rows = reply["values"].as_array();
        let rows = rows.ok_or_else(|| CallError::NotAReply("there are no `values`".to_owned()))?;
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Ok(rows.iter().map(|row| (text(row, "phoneid"), text(row, "phone_type"))).collect())
    }

    /// The inactive phones once each of `macs` is among them, or as they are after five seconds.
    ///
    /// # Errors
    /// What the API says.
    pub async fn once_listed(&self, macs: &[Mac]) -> Result<BTreeMap<String, String>, CallError> {
        let deadline = Instant::now() + LOOKING_FOR;
        loop {
            let listed = self.inactive().await?;
            let is_complete = macs.iter().all(|&mac| listed.contains_key(&phone_id(mac)));
            if is_complete || Instant::now() >= deadline {
                return Ok(listed);
            }
            tokio::time::sleep(LOOKING_AGAIN).await;
        }
    }

    /// What all of them called so far.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        let mut all: BTreeMap<String, Calls> = BTreeMap::new();
        for operator in &self.operators {
            for (verb, calls) in operator.calls() {
                all.entry(verb).or_default().merge(&calls);
            }
        }
        all
    }
}

/// The phoneid of a device's first port.
#[must_use]
pub(super) fn phone_id(mac: Mac) -> String {
    format!("{mac}0")
}

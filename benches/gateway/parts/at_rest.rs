//! What it costs that secrets in the store are encrypted: a start with ten thousand phones, a change
//! of one and a preview, beside a gateway that writes them as they are, in turns of both orders.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::Bench;
use crate::client::{Connector, patient};
use crate::figures::{Better, Figure};
use crate::lab::four_mac;
use crate::process::{Gateway, Setup};

const PART: &str = "at rest";

/// Commands of one measurement.
const CHANGES: usize = 100;
const PREVIEWS: usize = 300;

/// A store, and how its gateway is started.
struct Side {
    folder: PathBuf,
    setup: Setup,
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let key = bench.lab.path().join("store-key");
    dialtone(bench, &["store", "key", "--out"], &key)?;
    let plain = Side::prepare(bench, "at-rest-plain", Setup::default())?;
    let setup = Setup { store_key: Some(key), ..Setup::default() };
    let encrypted = Side::prepare(bench, "at-rest-encrypted", setup)?;
    dialtone(bench, &["store", "rekey", "--config"], &encrypted.folder.join("dialtone.toml"))?;
    let mut figures = Vec::new();
    for what in [Cost::Start, Cost::Change, Cost::Preview] {
        figures.extend(in_turns(bench, what, &plain, &encrypted).await?);
    }
    Ok(figures)
}

fn dialtone(bench: &Bench, words: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new(&bench.lab.dialtone).args(words).arg(path).output();
    let output = output.map_err(|error| format!("{words:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    Start,
    Change,
    Preview,
}

impl Cost {
    fn name(self) -> &'static str {
        match self {
            Cost::Start => "start with 10,000 phones",
            Cost::Change => "change of a password",
            Cost::Preview => "preview of a phone's four files",
        }
    }
}

impl Side {
    /// A copy of the seeded store, and the configuration, which a start writes.
    fn prepare(bench: &Bench, name: &str, setup: Setup) -> Result<Side, String> {
        drop(bench.lab.gateway(name, &setup)?);
        Ok(Side { folder: bench.lab.folder(name)?, setup })
    }

    fn start(&self, bench: &Bench) -> Result<Gateway, String> {
        let mut gateway = Gateway::start(&bench.lab.dialtone, &self.folder, &self.setup)?;
        gateway.key.clone_from(&bench.lab.key);
        Ok(gateway)
    }

    /// Milliseconds of the gateway's processor time.
    async fn cost(&self, bench: &Bench, what: Cost) -> Result<f64, String> {
        let gateway = self.start(bench)?;
        let before = gateway.cpu();
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        match what {
            Cost::Start => Ok(ms(before)),
            Cost::Change => {
                let change = |number| {
                    let settings =
                        json!({ "lines": { "1": { "password": format!("p{number}") } } });
                    let phoneid = format!("{}0", four_mac(number));
                    json!({ "type": "phone", "scope": { "phoneid": phoneid },
                        "values": { "settings": settings } })
                };
                commands(&gateway, "update", (0..CHANGES).map(change)).await?;
                Ok(ms(gateway.cpu() - before) / CHANGES as f64)
            }
            Cost::Preview => {
                let preview = |number| {
                    let phoneid = format!("{}0", four_mac(number));
                    json!({ "type": "phone", "scope": { "phoneid": phoneid } })
                };
                commands(&gateway, "preview", (0..PREVIEWS).map(preview)).await?;
                Ok(ms(gateway.cpu() - before) / PREVIEWS as f64)
            }
        }
    }
}

/// One after the other, over one connection.
async fn commands(
    gateway: &Gateway,
    name: &str,
    bodies: impl Iterator<Item = Value>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let mut connection = patient(Connector::plain(gateway.admin).open(0)).await.map_err(failed)?;
    let path = format!("/rest/dialplan/{name}");
    for mut body in bodies {
        body["auth"] = json!({ "type": "auth", "key": gateway.key });
        let answer = patient(connection.post(&path, &body.to_string())).await.map_err(failed)?;
        let said = String::from_utf8_lossy(&answer.body);
        if !said.contains("\"success\"") {
            return Err(format!("{name}: {said}"));
        }
    }
    Ok(())
}

async fn in_turns(
    bench: &Bench,
    what: Cost,
    plain: &Side,
    encrypted: &Side,
) -> Result<[Figure; 2], String> {
    let figure = |how: &str| {
        let what = format!("{}, {how}", what.name());
        Figure::new(PART, what, "ms of server CPU", Better::Lower)
    };
    let [mut off, mut on] = [figure("as it is"), figure("encrypted")];
    for _ in 0..bench.rounds {
        let mut costs = [0.0; 4];
        for (cost, side) in costs.iter_mut().zip([plain, encrypted, encrypted, plain]) {
            *cost = side.cost(bench, what).await?;
        }
        let [first, second, third, last] = costs;
        off.dialtone.push(f64::midpoint(first, last));
        on.dialtone.push(f64::midpoint(second, third));
    }
    Ok([off, on])
}

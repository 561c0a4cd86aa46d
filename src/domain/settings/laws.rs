//! What holds of whatever is given as settings.

use serde_json::Value;

use super::{Layer, resolve};

/// What is taken is stored and read again as it is, and changed by nothing that it says already.
pub fn settings(document: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(document) else { return };
    let layer = match Layer::parse(&document) {
        Ok(layer) => layer,
        Err(errors) => {
            assert!(!errors.is_empty());
            return;
        }
    };
    let json = layer.to_json();
    assert_eq!(Layer::from_stored(layer.as_stored()).to_json(), json);
    assert_eq!(Layer::parse(&json).as_ref(), Ok(&layer));
    assert_eq!(layer.patched(&json).as_ref(), Ok(&layer));
    resolve(&[&layer]).expect("what was taken can be read");
    let shown = layer.redacted().to_string();
    for secret in secrets(&json) {
        assert!(secret.len() < 8 || !shown.contains(&format!("\"password\":\"{secret}\"")));
    }
}

/// The passwords of lines and of provisioning.
fn secrets(json: &Value) -> Vec<&str> {
    match json {
        Value::Object(all) => all
            .iter()
            .flat_map(|(name, value)| match value.as_str().filter(|_| name == "password") {
                Some(secret) => vec![secret],
                None => secrets(value),
            })
            .collect(),
        Value::Array(all) => all.iter().flat_map(secrets).collect(),
        _ => Vec::new(),
    }
}

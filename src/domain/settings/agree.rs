//! What counts for a device as a whole whose phones are of several companies.

use serde_json::{Map, Value};

use super::Layer;

/// What a phone says of its own lines and keys; the rest is the device's.
const OF_ONE_PHONE: [&str; 5] = ["line_defaults", "lines", "keys", "expansion", "soft_keys"];

impl Layer {
    /// What the phones of a device say alike of the device: each value that all of them have.
    /// Each phone is its layers, the lowest first.
    #[must_use]
    pub fn agreed(phones: &[Vec<&Layer>]) -> Layer {
        let mut documents = phones.iter().map(|layers| of_device(layers));
        let Some(first) = documents.next() else { return Layer::default() };
        let agreed = documents.fold(first, |agreed, other| in_both(&agreed, &other));
        Layer::from_stored(&Value::Object(agreed).to_string())
    }

    /// What a phone, given as its layers, says of the device and the device, given as its own,
    /// does not have so: the names that lead to each setting, from the outermost.
    #[must_use]
    pub fn left_out(phone: &[&Layer], device: &[&Layer]) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        differing(&mut Vec::new(), &of_device(phone), &of_device(device), &mut paths);
        paths
    }
}

fn of_device(layers: &[&Layer]) -> Map<String, Value> {
    let mut document = Map::new();
    for layer in layers {
        if let Value::Object(over) = layer.to_json() {
            overlay(&mut document, over);
        }
    }
    document.retain(|name, _| !OF_ONE_PHONE.contains(&name.as_str()));
    document
}

fn overlay(document: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match (document.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(over)) => overlay(below, over),
            (_, value) => {
                document.insert(name, value);
            }
        }
    }
}

fn in_both(one: &Map<String, Value>, other: &Map<String, Value>) -> Map<String, Value> {
    let both = one.iter().filter_map(|(name, value)| {
        let value = match (value, other.get(name)?) {
            (Value::Object(one), Value::Object(other)) => Value::Object(in_both(one, other)),
            (one, other) if one == other => one.clone(),
            _ => return None,
        };
        let is_empty = value.as_object().is_some_and(Map::is_empty);
        (!is_empty).then(|| (name.clone(), value))
    });
    both.collect()
}

fn differing(
    at: &mut Vec<String>,
    said: &Map<String, Value>,
    has: &Map<String, Value>,
    paths: &mut Vec<Vec<String>>,
) {
    let nothing = Map::new();
    for (name, value) in said {
        at.push(name.clone());
        match (value, has.get(name)) {
            (Value::Object(said), has) => {
                let has = has.and_then(Value::as_object).unwrap_or(&nothing);
                differing(at, said, has, paths);
            }
            (said, Some(has)) if said == has => {}
            _ => paths.push(at.clone()),
        }
        at.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn layer(document: Value) -> Layer {
        Layer::parse(&document).unwrap()
    }

    #[test]
    fn a_device_has_what_all_its_phones_say() {
        let company = layer(json!({
            "language": "de", "tones": "DE", "codecs": ["g722", "pcma"],
            "network": { "vlan": { "id": 7, "priority": 5 } },
            "vendor": { "linksys": { "Proxy_2_": "evil", "Same": 1 } },
        }));
        let own = layer(json!({ "language": "fr", "lines": { "1": { "user": "1" } } }));
        let other = layer(json!({
            "language": "fr", "codecs": ["pcma", "g722"], "time": { "zone": "UTC" },
            "network": { "vlan": { "id": 7, "priority": 1 } },
            "vendor": { "linksys": { "Same": 1 } }, "lines": { "1": { "user": "1" } },
        }));
        let phones = [vec![&company, &own], vec![&other]];
        let agreed = Layer::agreed(&phones);
        let expected = json!({
            "language": "fr", "network": { "vlan": { "id": 7 } },
            "vendor": { "linksys": { "Same": 1 } },
        });
        assert_eq!(agreed.to_json(), expected);
        let system = layer(json!({ "tones": "DE" }));
        let left_out = |phone: &[&Layer]| -> Vec<String> {
            let found = Layer::left_out(phone, &[&system, &agreed]);
            found.into_iter().map(|names| names.join(".")).collect()
        };
        assert_eq!(
            left_out(&phones[0]),
            ["codecs", "network.vlan.priority", "vendor.linksys.Proxy_2_"]
        );
        assert_eq!(left_out(&phones[1]), ["time.zone", "codecs", "network.vlan.priority"]);
        assert_eq!(Layer::agreed(&[]), Layer::default());
        assert_eq!(Layer::agreed(&[vec![&own]]).to_json(), json!({ "language": "fr" }));
    }
}

//! Which key shows which line, on phones where a line that no key shows cannot be chosen.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};

use super::context::Group;
use super::coverage::cannot_of;
use crate::catalogue::{Catalogue, PhoneType};
use crate::domain::settings::{KeyType, Line, Settings};

/// What a key does, as far as lines are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It may show any line.
    Nothing,
    Line(u16),
    Else,
}

/// Lines by the free keys that show them, and those that no key is left for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    lines: BTreeMap<u16, u16>,
    lost: Vec<u16>,
}

/// Has each free key show the line of its own number, where that is used; then each line that still
/// has no key takes the first key that is left.
fn place(used: &BTreeSet<u16>, keys: &[(u16, Does)]) -> Places {
    let mut lost = used.clone();
    let mut lines = BTreeMap::new();
    for (key, does) in keys {
        match does {
            Does::Line(line) => drop(lost.remove(line)),
            Does::Nothing if used.contains(key) => {
                lost.remove(key);
                lines.insert(*key, *key);
            }
            Does::Nothing | Does::Else => {}
        }
    }
    let free = keys.iter().filter(|(key, does)| *does == Does::Nothing && !used.contains(key));
    for ((key, _), line) in free.zip(lost.clone()) {
        lost.remove(&line);
        lines.insert(*key, line);
    }
    Places { lines, lost: lost.into_iter().collect() }
}

/// A key that says no line is that of its number, or the first one's.
fn line_of(key: u16, said: Option<u16>, lines: u16) -> u16 {
    said.unwrap_or(if key <= lines { key } else { 1 })
}

/// The filter `keys | showing(lines)`: a map from the numbers of keys that do nothing to the numbers of
/// the lines that they are to show. `doing` are the keys that do something, where that is not all
/// that have a type.
pub(super) fn showing(keys: &Value, lines: &Value, options: Kwargs) -> Result<Value, Error> {
    let doing: Option<Value> = options.get("doing")?;
    options.assert_all_used()?;
    let doing: Option<BTreeSet<u16>> = match doing {
        Some(doing) => Some(doing.try_iter()?.map(u16::try_from).collect::<Result<_, _>>()?),
        None => None,
    };
    // Asked as what they are and not by name: each file of a desk phone comes here.
    let mut used = BTreeSet::new();
    let mut count = 0;
    for line in lines.try_iter()? {
        let line = line.downcast_object_ref::<Group>().ok_or_else(no_slots)?;
        count += 1;
        if line.is_used() {
            used.extend(line.index());
        }
    }
    let does = |key: Value| -> Result<(u16, Does), Error> {
        let key = key.downcast_object_ref::<Group>().ok_or_else(no_slots)?;
        let (index, (kind, said)) = key.index().zip(key.does()).ok_or_else(no_slots)?;
        let does = match (kind, &doing) {
            (Some(KeyType::Line), _) => Does::Line(line_of(index, said, count)),
            (_, Some(doing)) if !doing.contains(&index) => Does::Nothing,
            (None | Some(KeyType::None), None) => Does::Nothing,
            _ => Does::Else,
        };
        Ok((index, does))
    };
    let keys = keys.try_iter()?.map(does).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::from_pairs(place(&used, &keys).lines))
}

fn no_slots() -> Error {
    let message = "`showing` is of the keys and the lines of a phone";
    Error::new(ErrorKind::InvalidOperation, message)
}

/// The lines in use that no key of the phone's own shows, since all that could do something else.
/// None where the phone can choose a line without, and where it has only one to choose. A key of a
/// type that the family says its phones cannot have does nothing, and shows a line.
#[must_use]
pub fn lines_without_key(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    settings: &Settings,
) -> Vec<u16> {
    let is_used =
        |(number, line): &(&u16, &Line)| **number <= phone_type.lines && line.is_enabled();
    let used: BTreeSet<u16> = settings.lines.iter().filter(is_used).map(|(n, _)| *n).collect();
    if phone_type.line_keys == 0 || used.len() < 2 {
        return Vec::new();
    }
    let cannot = &catalogue.family_of(phone_type).cannot;
    let is_had =
        |kind: &KeyType| cannot_of(cannot, &format!("keys.N.type={}", kind.as_str())).is_none();
    let does = |index: u16| {
        let key = settings.keys.get(&index);
        let kind = key.and_then(|key| key.key_type).filter(is_had);
        let does = match kind {
            None | Some(KeyType::None) => Does::Nothing,
            Some(KeyType::Line) => {
                Does::Line(line_of(index, key.and_then(|key| key.line), phone_type.lines))
            }
            Some(_) => Does::Else,
        };
        (index, does)
    };
    let keys: Vec<_> = (1..=phone_type.line_keys).map(does).collect();
    let others = phone_type.line_keys + 1..=phone_type.keys;
    let modules = settings.expansion.iter().filter(|(module, _)| **module <= phone_type.modules);
    let of_modules = modules.flat_map(|(_, module)| module.keys.values());
    let elsewhere = others.filter_map(|index| settings.keys.get(&index)).chain(of_modules);
    let shown: BTreeSet<u16> = elsewhere
        .filter(|key| key.key_type == Some(KeyType::Line))
        .filter_map(|key| key.line)
        .collect();
    place(&used, &keys).lost.into_iter().filter(|line| !shown.contains(line)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::Does::{Else, Line, Nothing};
    use super::*;
    use crate::catalogue::Sources;
    use crate::catalogue::render::coverage::files_of;
    use crate::domain::settings::{Layer, resolve};

    /// A line that other keys hide is written as if its key was set: in the files of every family
    /// whose phones need one.
    #[test]
    fn a_line_that_other_keys_hide_has_the_next_key_in_every_family() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let line =
            |user: &str| json!({ "user": user, "password": "p", "registrar": "pbx.example" });
        let (mut tried, mut wrong) = (BTreeSet::new(), Vec::new());
        for phone_type in catalogue.types() {
            let family = &*catalogue.family_of(phone_type).id;
            let made = |keys: serde_json::Value| {
                let document =
                    json!({ "lines": { "1": line("100"), "2": line("200") }, "keys": keys });
                let layer = Layer::parse(&document).unwrap();
                let settings = Arc::new(resolve(&[&phone_type.defaults, &layer]).unwrap());
                let lost = lines_without_key(&catalogue, phone_type, &settings);
                let files = files_of(&catalogue, phone_type, &settings);
                (lost, files)
            };
            if phone_type.line_keys < 4 || phone_type.lines < 2 {
                continue;
            }
            let dials = json!({ "type": "speed_dial", "value": "300" });
            let (lost, hidden) = made(json!({ "1": dials, "2": dials }));
            let shown = |line: u8| json!({ "type": "line", "line": line });
            let (_, set) = made(json!({ "1": dials, "2": dials, "3": shown(1), "4": shown(2) }));
            if hidden != set || !lost.is_empty() || hidden.iter().any(Result::is_err) {
                wrong.push(format!("{family} {}", phone_type.key));
            }
            let all = |most: u16| (1..=most).map(|key| (key.to_string(), dials.clone()));
            let (lost, _) = made(all(phone_type.line_keys).collect());
            assert_eq!(lost, [1, 2], "{}", phone_type.key);
            // What the phone cannot have hides nothing.
            let cannot = &catalogue.family_of(phone_type).cannot;
            let row = |name: &&&str| cannot_of(cannot, &format!("keys.N.type={name}")).is_some();
            if let Some(name) = KeyType::NAMES.iter().find(row) {
                let all = (1..=phone_type.line_keys).map(|key| key.to_string());
                let (lost, _) = made(all.map(|key| (key, json!({ "type": name }))).collect());
                assert!(lost.is_empty(), "{} {name}", phone_type.key);
            }
            tried.insert(family);
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        let needing = catalogue.families().iter().filter(|family| {
            catalogue.types().iter().any(|of| {
                of.line_keys >= 4 && of.lines >= 2 && catalogue.family_of(of).id == family.id
            })
        });
        assert!(tried.len() > 10 && needing.count() == tried.len(), "{tried:?}");
    }

    fn placed(used: &[u16], keys: &[Does]) -> (Vec<(u16, u16)>, Vec<u16>) {
        let keys: Vec<_> = (1..).zip(keys.iter().copied()).collect();
        let places = place(&used.iter().copied().collect(), &keys);
        (places.lines.into_iter().collect(), places.lost)
    }

    #[test]
    fn a_line_has_the_key_of_its_number_or_the_first_that_is_free() {
        assert_eq!(placed(&[1, 2], &[Nothing; 3]), (vec![(1, 1), (2, 2)], vec![]));
        assert_eq!(
            placed(&[1, 2, 3], &[Else, Nothing, Else, Nothing, Nothing]),
            (vec![(2, 2), (4, 1), (5, 3)], vec![])
        );
        // One that a key shows needs no other.
        assert_eq!(placed(&[1], &[Else, Line(1), Nothing]), (vec![], vec![]));
        assert_eq!(placed(&[1, 7], &[Line(1), Nothing]), (vec![(2, 7)], vec![]));
    }

    #[test]
    fn a_line_that_no_key_is_left_for_is_told() {
        assert_eq!(placed(&[1, 2, 3], &[Else, Else, Nothing]), (vec![(3, 3)], vec![1, 2]));
        assert_eq!(placed(&[1], &[]), (vec![], vec![1]));
    }
}

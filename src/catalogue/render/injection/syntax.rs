//! Values that have a syntax of their own, in which a text must stay one part.

use serde_json::{Value, json};

use super::*;

/// What of a value is its syntax; `None`: it has none.
fn shape(family: &str, pair: &Pair) -> Option<String> {
    let value = pair.value.as_str();
    let marks = |marks: &str| value.chars().filter(|c| marks.contains(*c)).collect::<String>();
    let last = pair.key.rsplit('/').next().unwrap_or_default();
    match family {
        // fnc=blf;sub=100@$PROXY;nme=label
        "linksys" if last.starts_with("Extended_Function_") || last.contains("_Key_") => {
            let names = value.split(';').map(|part| part.split('=').next().unwrap_or_default());
            Some(names.collect::<Vec<_>>().join(";") + &marks("@"))
        }
        "snom" if last.starts_with("fkey ") && !last.contains('@') => Some(function_key(value)),
        "snom-text" if last.starts_with("fkey") => Some(function_key(value)),
        // ^100$Trefer$, and the action of a soft key
        "polycom" if last == "ct" || last.ends_with(".action") => {
            let macros = value.split('$').skip(1).step_by(2);
            Some(macros.collect::<Vec<_>>().join("$") + &marks("^$!"))
        }
        // "name" <sip:user@host>: between quotes anything is the name, with a backslash before
        // a quote and a backslash.
        "linphone" if last.contains("reg_") => {
            let plain = value.replace(r"\\", "").replace(r#"\""#, "");
            Some(plain.split('"').step_by(2).collect::<Vec<_>>().join("\""))
        }
        _ => None,
    }
}

/// `blf <sip:100@pbx>|*8`: what it does, and what ends an address where it has one.
fn function_key(value: &str) -> String {
    let does = value.split(' ').next().unwrap_or_default();
    let ends = if ["blf", "dest", "icom"].contains(&does) { "|<>;" } else { "|" };
    let ends: String = value.chars().filter(|c| ends.contains(*c)).collect();
    format!("{does} {ends}")
}

fn assert_same_shapes(phone_type: &PhoneType, round: usize, texts: &[String]) {
    let family = &CATALOGUE.family_of(phone_type).id;
    let layer = |stored: &str| {
        let document = serde_json::from_str(stored).unwrap();
        Layer::parse(&document).unwrap_or_else(|errors| panic!("{errors:?}"))
    };
    let label = |text: &str| json!({ "lines": { "1": { "label": text } } });
    let url = |text: &str| json!({ "directory": { "url": format!("http://a/{text}") } });
    let free: Vec<String> = texts.iter().map(|text| accepted(text, label)).collect();
    let folder = |text: &str| json!({ "provisioning": { "base_url": format!("http://a/{text}") } });
    let folders: Vec<String> = texts.iter().map(|text| accepted(text, folder)).collect();
    let urls: Vec<String> = texts.iter().map(|text| accepted(text, url)).collect();
    let texts = |place| match place {
        TextKind::Free => Some(free.as_slice()),
        TextKind::Url => Some(urls.as_slice()),
        TextKind::Folder => Some(folders.as_slice()),
        // What these accept are words without any syntax.
        TextKind::Host | TextKind::Dial | TextKind::User | TextKind::Time => None,
    };
    both(phone_type, round, texts, layer, |file, plain, hostile| {
        for (plain, hostile) in plain.iter().zip(hostile) {
            let at = || {
                format!("{} {} {}: {}", phone_type.key, file.pattern(), plain.key, hostile.value)
            };
            assert_eq!(shape(family, hostile), shape(family, plain), "{}", at());
        }
    });
}

/// What the settings' checks leave of a text.
fn accepted(text: &str, document: fn(&str) -> Value) -> String {
    let fits = |c: &char| Layer::parse(&document(c.encode_utf8(&mut [0; 4]))).is_ok();
    text.chars().take(100).filter(fits).collect()
}

#[test]
fn no_accepted_text_is_more_than_one_part_of_a_value() {
    each_representative(assert_same_shapes);
}

//! What a phone reads of a text in its file is what was set, or the text is refused when it is
//! written: nothing is cut out, cut off or taken for a word of the maker's in silence.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::*;

/// Where a text is set, and what stands there where it is refused.
const PLACES: [(&str, &str); 6] = [
    ("lines.1.password", "plainline1"),
    ("lines.1.display_name", "plainname2"),
    ("lines.1.label", "plaintext3"),
    ("access.admin_password", "plainadm4"),
    ("access.user_password", "plainuser5"),
    ("provisioning.password", "plainprov6"),
];

/// What ends, begins or escapes something in one syntax or another; those that a type refuses are
/// left out there.
const MARKS: [&str; 4] = ["\";#&<>'", "%$ {}\\,|=", ":!^~[]()@", "*?/+-_.`"];

/// Texts that some makers have a use of their own for, and marks where they count most.
const WORDS: &[&str] = &[
    "%NULL%",
    "%null%",
    "%EMPTY%",
    "${null}",
    "UNPROVISIONED",
    "%25x%41",
    "$MA$$x",
    "&amp;&lt;",
    "\\n\\x41\\u0041",
    "\"quoted\"",
    "'quoted'",
    "#comment",
    ";comment",
    "//comment",
    "[section]",
    "<tag/>",
    "=value",
    ":value",
    "!value",
    "^value",
    "true",
    "no",
    "zo\u{eb}\u{fc}x",
];

fn document_of(texts: &[(&str, String)]) -> Value {
    let mut document = json!({
        "lines": { "1": { "user": "100", "registrar": "pbx.example" } },
        "access": {},
        "provisioning": { "base_url": "http://pbx.example/p/", "user": "phone" },
    });
    for (path, text) in texts {
        let place = path.split('.').fold(&mut document, |at, name| &mut at[name]);
        *place = json!(text);
    }
    document
}

/// The texts that the type takes of a wish, and the plain one where it takes nothing like it.
fn taken(phone_type: &PhoneType, wish: &str) -> Vec<(&'static str, String)> {
    let of = |(path, plain): (&'static str, &str)| {
        let mut text = wish.to_owned();
        loop {
            let document = document_of(&[(path, text.clone())]);
            let unfit = CATALOGUE.unfit(phone_type, &document);
            let Some((_, why)) = unfit.iter().find(|(unfit, _)| unfit == path) else {
                return (path, text);
            };
            // `cannot take X`: all the others are still to be seen.
            let mark = why.strip_prefix("cannot take `").and_then(|rest| rest.chars().next());
            match mark {
                Some(mark) => text = text.replace(mark, ""),
                None => return (path, plain.to_owned()),
            }
        }
    };
    PLACES.into_iter().map(of).collect()
}

/// A value as the phone reads it, by what is known of its maker's syntax.
fn read<'v>(family: &str, pair: &'v Pair) -> Cow<'v, str> {
    let value = pair.value.trim();
    match family {
        // A quote begins a text that the next one ends; without, `#` begins a comment.
        "aastra" => match value.strip_prefix('"') {
            Some(inside) => inside.split('"').next().unwrap_or_default().into(),
            None => value.split('#').next().unwrap_or_default().trim().replace('"', "").into(),
        },
        "panasonic" | "panasonic-tgp" if pair.key.contains("FILE_PATH") => {
            percent_decode_str(value).decode_utf8_lossy()
        }
        "panasonic" | "panasonic-tgp" | "bria" | "snom-m3" | "avaya" | "gigaset-ip"
        | "gigaset-n720" | "cisco-79x0" => {
            let mut parts = value.splitn(3, '"');
            match (parts.next(), parts.next()) {
                (Some(before), Some(inside)) => format!("{before}{inside}").into(),
                _ => value.into(),
            }
        }
        "htek" | "sangoma-s" => percent_decode_str(value).decode_utf8_lossy(),
        // Java: a backslash takes the meaning of what follows it.
        "jitsi" => without_backslashes(value).into(),
        // So it does in a display name (RFC 3261 section 25.1).
        "linphone" if pair.key.contains("reg_identity") => without_backslashes(value).into(),
        "cisco-mpp" | "cisco-spa-phone" | "cisco-spa-ata" | "cisco-ata191" | "linksys"
            if pair.key.ends_with("Profile_Rule") =>
        {
            // The arguments are taken out of their quotes, and what begins with `$` is a variable.
            value.replace("$$", "$").replace('"', "").into()
        }
        _ => value.into(),
    }
}

fn without_backslashes(value: &str) -> String {
    let mut read = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        read.extend(if c == '\\' { rest.next() } else { Some(c) });
    }
    read
}

/// Words that the maker reads as something else.
fn words(family: &str) -> &'static [&'static str] {
    match family {
        "yealink" | "yealink-dect" | "yealink-video" => &["%NULL%", "%EMPTY%"],
        "jitsi" => &["${null}"],
        "cisco-79x0" => &["UNPROVISIONED"],
        _ => &[],
    }
}

fn pairs_of(phone_type: &PhoneType, texts: &[(&str, String)]) -> Vec<Pair> {
    let document = document_of(texts);
    let layer = Layer::parse(&document).unwrap_or_else(|errors| panic!("{errors:?}"));
    let files = rendered(phone_type, &layer).into_iter();
    let pairs = files.flat_map(|(file, text)| {
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", phone_type.key));
        keys::of(file, &text).unwrap_or_else(|error| panic!("{}: {error}", phone_type.key))
    });
    pairs.collect()
}

#[test]
fn a_phone_reads_the_texts_that_were_set_or_they_are_refused() {
    let mut wrong = BTreeSet::new();
    // Types of a family have one syntax; the first and the last differ in what they have.
    let tried = (0..CATALOGUE.families().len()).flat_map(|family| {
        let all = CATALOGUE.representatives_of(family);
        let last = all.last().filter(|_| all.len() > 1).copied();
        all.first().copied().into_iter().chain(last)
    });
    for phone_type in tried {
        let family = &*CATALOGUE.family_of(phone_type).id;
        let plain: Vec<_> = PLACES.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
        let harmless = pairs_of(phone_type, &plain);
        let marked = MARKS.iter().map(|marks| format!("a{marks}b"));
        for wish in marked.chain(WORDS.iter().map(|word| (*word).to_owned())) {
            let texts = taken(phone_type, &wish);
            let found = pairs_of(phone_type, &texts);
            assert_eq!(found.len(), harmless.len(), "{} {wish}", phone_type.key);
            for (harmless, found) in harmless.iter().zip(&found) {
                // The one is made of all the file says, the other has the first few characters.
                if ["config_sn=", "phoneLabel"].iter().any(|name| found.key.ends_with(name)) {
                    continue;
                }
                let mut expected = read(family, harmless).into_owned();
                for ((_, plain), (_, text)) in PLACES.iter().zip(&texts) {
                    expected = expected.replace(plain, text);
                }
                let is_word = words(family).iter().any(|word| word.eq_ignore_ascii_case(&expected));
                let got = read(family, found);
                if got != expected || (is_word && expected != read(family, harmless)) {
                    wrong.insert(format!("{family} {}: {got:?} for {expected:?}", found.key));
                }
            }
        }
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

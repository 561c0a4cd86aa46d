//! Parsing, merging, resolving and explaining, on whole documents.

use serde_json::json;

use super::schema::fields;
use super::*;

mod bounds;
mod laws;
mod table;

fn layer(document: Value) -> Layer {
    Layer::parse(&document).expect("the document is right")
}

fn problems(document: Value) -> Vec<String> {
    Layer::parse(&document)
        .expect_err("the document is wrong")
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn line_defaults_reach_every_listed_line_below_its_own_values() {
    let company = layer(json!({
        "line_defaults": {"registrar": "pbx.example", "transport": "tls", "backup": {"port": 5070}},
    }));
    let kind = layer(json!({"lines": {"1": {"transport": "tcp"}}}));
    let phone =
        layer(json!({"lines": {"1": {"user": "201"}, "2": {"backup": {"registrar": "b"}}}}));
    let settings = resolve(&[&kind, &company, &phone]).unwrap();
    assert_eq!(settings.lines.keys().copied().collect::<Vec<_>>(), [1, 2]);
    let one = &settings.lines[&1];
    assert_eq!(one.user.as_deref(), Some("201"));
    assert_eq!(one.transport, Some(Transport::Tcp), "the line's own value of a lower layer wins");
    assert_eq!(one.registrar.as_deref(), Some("pbx.example"));
    let two = &settings.lines[&2];
    assert_eq!(two.backup, Backup { registrar: Some("b".into()), port: Some(5070) });
    assert_eq!(two.transport, Some(Transport::Tls));
}

#[test]
fn a_line_that_is_only_listed_gets_the_defaults() {
    let settings = resolve(&[&layer(json!({
        "line_defaults": {"registrar": "pbx.example"},
        "lines": {"3": {}},
    }))]);
    assert_eq!(settings.unwrap().lines[&3].registrar.as_deref(), Some("pbx.example"));
}

#[test]
fn a_higher_layer_wins_field_by_field_and_list_by_list() {
    let low = layer(json!({
        "time": {"zone": "Europe/Berlin", "ntp": ["a.example", "b.example"]},
        "keys": {"1": {"type": "blf", "value": "201"}, "2": {"type": "line"}},
        "expansion": {"1": {"keys": {"120": {"label": "Door"}}}},
        "codecs": ["opus", "pcma"],
        "vendor": {"snom": {"a": 1, "b": true}, "yealink": {"c": "d"}},
    }));
    let high = layer(json!({
        "time": {"ntp": ["c.example"]},
        "keys": {"1": {"value": "202"}},
        "expansion": {"1": {"keys": {"120": {"type": "dtmf"}}}},
        "codecs": ["g722"],
        "vendor": {"snom": {"a": "2"}},
    }));
    let settings = resolve(&[&low, &high]).unwrap();
    assert_eq!(settings.time.zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(settings.time.ntp, ["c.example"]);
    assert_eq!(settings.keys[&1].key_type, Some(KeyType::Blf));
    assert_eq!(settings.keys[&1].value.as_deref(), Some("202"));
    assert_eq!(settings.keys[&2].key_type, Some(KeyType::Line));
    let door = &settings.expansion[&1].keys[&120];
    assert_eq!((door.label.as_deref(), door.key_type), (Some("Door"), Some(KeyType::Dtmf)));
    assert_eq!(settings.codecs, [Codec::G722]);
    assert_eq!(settings.vendor["snom"]["a"], VendorValue::Text("2".into()));
    assert_eq!(settings.vendor["snom"]["b"], VendorValue::Bool(true));
    assert_eq!(settings.vendor["yealink"]["c"].to_string(), "d");
}

#[test]
fn a_stack_that_failed_is_as_before() {
    let mut stack = Stack::default();
    stack.overlay(&layer(json!({"language": "de"}))).unwrap();
    let before = stack.clone();
    let newer = Layer::from_stored(r#"{"language":"fr","access":{"admin_password":7}}"#);
    let error = stack.overlay(&newer).unwrap_err().to_string();
    assert_eq!(error, "a stored settings layer cannot be read, line 1 column 45");
    assert_eq!(stack, before);
}

#[test]
fn stored_text_is_in_the_schemas_order_and_the_numbers() {
    let mixed = layer(json!({
        "vendor": {"snom": {"b": 1, "a": 2}},
        "keys": {"10": {"value": "1", "type": "blf"}, "9": {}},
        "time": {},
        "lines": {"2": {"user": "2", "enabled": true}, "1": {"backup": {}}},
    }));
    assert_eq!(
        mixed.as_stored(),
        r#"{"lines":{"1":{},"2":{"enabled":true,"user":"2"}},"keys":{"9":{},"10":{"type":"blf","value":"1"}},"vendor":{"snom":{"a":2,"b":1}}}"#
    );
    assert!(layer(json!({"time": {}, "lines": {}, "vendor": {"snom": {}}})).is_empty());
}

#[test]
fn a_patch_replaces_and_null_removes() {
    let before = layer(json!({
        "lines": {"1": {"user": "201", "password": "a"}, "2": {"user": "202"}},
        "time": {"zone": "Europe/Berlin"},
        "codecs": ["opus", "pcma"],
        "vendor": {"snom": {"a": 1, "b": 2}, "yealink": {"c": 3}},
    }));
    let patch = json!({
        "lines": {"1": {"password": "b", "user": null, "label": null}, "2": null, "7": null},
        "time": null,
        "codecs": ["pcmu"],
        "vendor": {"snom": {"a": null, "d": 4}, "yealink": null},
    });
    let after = layer(json!({
        "lines": {"1": {"password": "b"}},
        "codecs": ["pcmu"],
        "vendor": {"snom": {"b": 2, "d": 4}},
    }));
    assert_eq!(before.patched(&patch).unwrap(), after);
}

#[test]
fn every_problem_is_told_at_once_and_where() {
    let document = json!({
        "lines": {
            "1": {"registrar_port": "abc", "usr": "201", "backup": 7},
            "01": {},
            "65": {},
        },
        "time": {"ntp": ["ok.example", "not ok", "ok.example"], "zone": "europe/berlin"},
        "codecs": [],
        "language": "Deutsch",
        "keys": ["1"],
        "vendor": {"Snom": {}, "snom": {"a=b": 1, "a": 1.5, "b": []}},
        "colour": "red",
    });
    assert_eq!(
        problems(document),
        [
            "colour: is not a setting",
            "lines.1.usr: is not a setting; did you mean user?",
            "lines.1.registrar_port: must be 1 to 65535, not \"abc\"",
            "lines.1.backup: must be an object, not 7",
            "lines.01: must be numbered 1 to 64, without leading zeros",
            "lines.65: must be numbered 1 to 64, without leading zeros",
            "keys: must be an object, not a list",
            "time.zone: must be spelled Europe/Berlin",
            "time.ntp[1]: must be a DNS name, an IPv4 or an IPv6 address (no brackets), not \"not ok\"",
            "time.ntp[2]: repeats \"ok.example\"",
            "language: must be a language tag like de, fr-CA or zh-Hant-TW, not \"Deutsch\"",
            "codecs: must be a list of 1 to 11: one of opus, g722, pcma, pcmu, g729, g726-32, ilbc, \
             gsm, g723, amr, amr-wb, not 0 values",
            "vendor.Snom: is not a family id: 1 to 32 lower-case letters, digits, _ and -",
            "vendor.snom.a=b: is not a parameter name: 1 to 128 letters, digits and _ . - / [ ], \
             first a letter, a digit or _",
            "vendor.snom.a: must be text of at most 4096 characters without control characters, a \
             whole number, true or false",
            "vendor.snom.b: must be text of at most 4096 characters without control characters, a \
             whole number, true or false",
        ]
    );
    assert_eq!(problems(json!(7)), ["settings: must be an object, not 7"]);
}

#[test]
fn a_patch_that_is_wrong_in_one_place_changes_nothing() {
    let before = layer(json!({"language": "de"}));
    let errors = before.patched(&json!({"language": "fr", "tones": "XX", "nothing": null}));
    let fields: Vec<String> = errors.unwrap_err().into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["nothing", "tones"], "an unknown name is wrong even when it is removed");
}

#[test]
fn problems_are_bounded_and_on_one_line() {
    let many: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("x{n}\n\u{202e}{}", "y".repeat(100)), Value::Null)).collect();
    let errors = Layer::parse(&Value::Object(many)).unwrap_err();
    assert_eq!(errors.len(), MAX_ERRORS);
    assert_eq!(errors[0].field, format!("x0\\u{{a}}\\u{{202e}}{}…", "y".repeat(36)));
}

#[test]
fn a_layer_has_a_greatest_size() {
    let parameters: serde_json::Map<String, Value> =
        (0..100).map(|n| (format!("p{n}"), "x".repeat(4000).into())).collect();
    let errors = problems(json!({"vendor": {"snom": parameters}}));
    assert_eq!(errors, ["settings: must be at most 262144 bytes, not 400911"]);
}

const WITH_SECRETS: &str = r#"{"line_defaults":{"password":"hunter1"},
    "lines":{"1":{"user":"201","password":"hunter2"}},
    "access":{"admin_password":"hunter3","user_password":"hunter4","web_ui":true},
    "vendor":{"snom":{"http_pass":"hunter5","PINcode":"hunter6","other":7}}}"#;

#[test]
fn secrets_are_hidden_wherever_a_layer_is_shown() {
    let secret = layer(serde_json::from_str(WITH_SECRETS).unwrap());
    let shown = json!({
        "line_defaults": {"password": "***"},
        "lines": {"1": {"user": "201", "password": "***"}},
        "access": {"admin_password": "***", "user_password": "***", "web_ui": true},
        "vendor": {"snom": {"PINcode": "***", "http_pass": "***", "other": 7}},
    });
    assert_eq!(secret.redacted(), shown);
    let debug = format!("{:?} {:?}", secret, resolve(&[&secret]).unwrap());
    assert!(!debug.contains("hunter") && debug.contains("201"), "{debug}");
    let explained = format!("{:?}", explain(&[("phone", &secret)]));
    assert!(!explained.contains("hunter") && explained.contains("201"), "{explained}");
}

#[test]
fn every_secret_of_the_schema_is_hidden_wherever_it_is_shown() {
    let secrets = schema::document_fields().iter().filter(|field| field.secret);
    let mut document = json!({});
    let mut count = 0;
    for field in secrets {
        let mut at = &mut document;
        for part in field.path.split('.') {
            at = &mut at[if part == "N" { "1" } else { part }];
        }
        // A PIN, too, takes digits.
        *at = json!(format!("80153{count:04}"));
        count += 1;
    }
    assert!(count > 8, "{document}");
    let stored = layer(document);
    assert_eq!(stored.as_stored().matches("80153").count(), count);
    let resolved = resolve(&[&stored]).unwrap();
    let explained = explain(&[("phone", &stored)]);
    let shown = format!("{stored:?} {resolved:?} {explained:?} {}", stored.redacted());
    assert!(!shown.contains("80153") && shown.matches("***").count() > count, "{shown}");
}

#[test]
fn a_changed_secret_shows_that_it_changed_and_no_more() {
    let before = layer(serde_json::from_str(WITH_SECRETS).unwrap());
    let patch = json!({
        "lines": {"1": {"password": "hunter9"}, "2": {"password": "hunter2"}},
        "access": {"admin_password": null},
        "vendor": {"snom": {"http_pass": "hunter9"}},
    });
    let after = before.patched(&patch).unwrap();
    let shown = json!({
        "line_defaults": {"password": "***"},
        "lines": {"1": {"user": "201", "password": "*** (changed)"}, "2": {"password": "*** (changed)"}},
        "access": {"user_password": "***", "web_ui": true},
        "vendor": {"snom": {"PINcode": "***", "http_pass": "*** (changed)", "other": 7}},
    });
    assert_eq!(after.redacted_against(&before), shown);
}

#[test]
fn what_was_shown_cannot_be_written_back_as_the_secret() {
    let secret = layer(serde_json::from_str(WITH_SECRETS).unwrap());
    let errors = secret.patched(&secret.redacted()).unwrap_err();
    assert_eq!(errors.len(), 6);
    let shown = "lines.1.password: is how a hidden value is shown; leave the field out to keep it";
    assert!(errors.iter().any(|error| error.to_string() == shown), "{errors:?}");
    let changed = json!({"access": {"admin_password": "*** (changed)"}});
    assert!(secret.patched(&changed).is_err());
}

#[test]
fn no_message_has_a_secret() {
    let errors = problems(json!({
        "lines": {"1": {"password": "hunter2\n"}, "2": {"password": ["hunter2"]}, "3": "hunter2".len()},
        "access": {"admin_password": "hunter2".repeat(40), "user_password": {"value": "hunter2"}},
        "provisioning": {"base_url": "https://me:hunter2@example/"},
        "vendor": {"snom": {"password": "hunter2\u{7f}", "other": ["hunter2"]}},
    }));
    assert_eq!(errors.len(), 8);
    assert!(!errors.join(" ").contains("hunter"), "{errors:?}");
}

#[test]
fn explain_names_the_layer_of_every_value() {
    let kind = layer(json!({"codecs": ["opus"], "lines": {"1": {"transport": "tcp"}}}));
    let company = layer(json!({
        "line_defaults": {"transport": "tls", "srtp": "required", "password": "x"},
        "time": {"zone": "Europe/Berlin"},
        "vendor": {"snom": {"b": 1, "a_key": 2}},
    }));
    let phone = layer(json!({
        "line_defaults": {"srtp": "off"},
        "lines": {"10": {"user": "210"}, "2": {"srtp": "optional"}},
        "codecs": ["g722", "pcma"],
        "vendor": {"snom": {"b": 3}},
    }));
    let explained = explain(&[("type", &kind), ("company", &company), ("phone", &phone)]);
    let lines: Vec<String> =
        explained.iter().map(|e| format!("{} = {} from {}", e.field, e.value, e.from)).collect();
    assert_eq!(
        lines,
        [
            r#"lines.1.password = "***" from company (line_defaults)"#,
            r#"lines.1.transport = "tcp" from type"#,
            r#"lines.1.srtp = "off" from phone (line_defaults)"#,
            r#"lines.2.password = "***" from company (line_defaults)"#,
            r#"lines.2.transport = "tls" from company (line_defaults)"#,
            r#"lines.2.srtp = "optional" from phone"#,
            r#"lines.10.user = "210" from phone"#,
            r#"lines.10.password = "***" from company (line_defaults)"#,
            r#"lines.10.transport = "tls" from company (line_defaults)"#,
            r#"lines.10.srtp = "off" from phone (line_defaults)"#,
            r#"time.zone = "Europe/Berlin" from company"#,
            r#"codecs = ["g722","pcma"] from phone"#,
            r#"vendor.snom.a_key = "***" from company"#,
            r#"vendor.snom.b = 3 from phone"#,
        ]
    );
}

#[test]
fn every_setting_is_documented() {
    for field in fields() {
        assert!(field.doc.ends_with('.') && field.doc.len() > 8, "{field:?}");
        assert!(!field.bounds.is_empty(), "{field:?}");
    }
    let port = fields().iter().find(|field| field.path == "lines.N.registrar_port").unwrap();
    assert_eq!(
        (&*port.bounds, port.doc, port.secret),
        ("1 to 65535", "Port of the registrar.", false)
    );
    let expiry = fields().iter().find(|field| field.path == "lines.N.expiry_s").unwrap();
    assert_eq!(expiry.bounds, "60 to 86400 seconds");
    let secrets: Vec<&str> =
        fields().iter().filter(|field| field.secret).map(|field| &*field.path).collect();
    let expected = [
        "line_defaults.password",
        "lines.N.password",
        "lock.pin",
        "wifi.password",
        "access.admin_password",
        "access.user_password",
        "provisioning.password",
        "provisioning.encryption_key",
        "directory.ldap.password",
    ];
    assert_eq!(secrets, expected);
}

#[test]
fn what_anyone_may_see_has_no_secret() {
    fn secrets(fields: &dyn Fields, found: &mut usize) {
        fields.read(&mut |_, read| match read {
            Read::Secret(_) => *found += 1,
            Read::Group(below) => secrets(below, found),
            _ => {}
        });
    }
    let all = layer(json!({
        "line_defaults": {"password": "x"}, "lines": {"1": {}}, "lock": {"pin": "1234"},
        "wifi": {"password": "x"}, "access": {"admin_password": "x", "user_password": "x"},
        "provisioning": {"password": "x", "encryption_key": "x"},
        "directory": {"ldap": {"password": "x"}},
        "vendor": {"snom": {"a": "x"}},
    }));
    let settings = resolve(&[&all]).unwrap();
    let (mut before, mut after) = (0, 0);
    secrets(&settings, &mut before);
    assert_eq!(before, fields().iter().filter(|field| field.secret).count() - 2, "but of lines");
    let shown = settings.without_secrets();
    secrets(&shown, &mut after);
    assert_eq!(after, 0);
    assert!(shown.lines.is_empty() && shown.vendor.is_empty());
}

//! Settings that a phone of the type cannot have, or that its files do not have.

use serde_json::{Value, json};

use crate::support::Gateway;

#[test]
fn what_a_type_cannot_have_is_refused_and_what_does_not_reach_the_phone_is_said() {
    let gateway = Gateway::start();
    let create =
        |values: Value| gateway.ask("create", json!({ "type": "phone", "values": values }));
    let line =
        json!({ "lines": { "1": { "user": "1", "password": "p", "registrar": "pbx.example" } } });
    let t46s = json!({ "mac": "001565000001", "company": "default", "phone_type": "t46s", "settings": line });
    assert_eq!(create(t46s)["result"], "success");
    let update = |settings: Value| {
        let scope = json!({ "phoneid": "0015650000010" });
        gateway.ask(
            "update",
            json!({ "type": "phone", "scope": scope, "values": { "settings": settings } }),
        )
    };
    for (settings, message) in [
        (
            json!({ "lines": { "17": { "user": "9" } } }),
            "settings: lines.17: Yealink SIP-T46S has 16 lines",
        ),
        (
            json!({ "keys": { "28": { "type": "dnd" } } }),
            "settings: keys.28: Yealink SIP-T46S has 27 programmable keys",
        ),
        (
            json!({ "expansion": { "1": { "keys": { "1": { "type": "dnd" } } } } }),
            "settings: expansion.1: Yealink SIP-T46S has no expansion modules",
        ),
    ] {
        assert_eq!(update(settings)["message"], message);
    }
    assert_eq!(update(json!({ "keys": { "28": { "type": "none" } } }))["result"], "success");
    // A MAC of one maker, a type of another.
    let of_snom = |other_maker: bool| {
        json!({
            "mac": "000413000001", "company": "default", "phone_type": "t46s", "settings": line,
            "other_maker": other_maker,
        })
    };
    let message = create(of_snom(false))["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("000413000001 is an address of Snom, and t46s is by Yealink"),
        "{message}"
    );
    assert_eq!(create(of_snom(true))["result"], "success");
    // A company may say more than each of its phones can have.
    let pap2t = json!({ "mac": "000e08000001", "company": "default", "phone_type": "pap2t", "settings": line });
    assert_eq!(create(pap2t)["warnings"], Value::Null);
    let said = json!({ "type": "settings", "values": { "settings": { "language": "de" } } });
    gateway.done("update", said);
    let scope = json!({ "phoneid": "000e080000010" });
    let preview = gateway.ask("preview", json!({ "type": "phone", "scope": scope }));
    let warning = preview["warnings"][0].as_str().unwrap_or_default();
    assert!(
        warning.starts_with("language: ") && warning.contains("has nothing for it"),
        "{preview}"
    );
    let values = json!({ "name": "Lobby" });
    let named = gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": values }));
    assert_eq!(named["warnings"], preview["warnings"], "{named}");
}

#[test]
fn a_pattern_that_would_cut_an_emergency_number_short_is_said() {
    let gateway = Gateway::start();
    let said =
        json!({ "type": "settings", "values": { "settings": { "emergency_numbers": ["112"] } } });
    gateway.done("update", said);
    let settings = json!({
        "lines": { "1": { "user": "1", "password": "p", "registrar": "pbx.example" } },
        "dial_plan": { "patterns": ["[1-9]x", "1xx", "1xT"] },
    });
    let values = json!({
        "mac": "001565000001", "company": "default", "phone_type": "t46s", "settings": settings,
    });
    let created = gateway.ask("create", json!({ "type": "phone", "values": values }));
    let warnings = created["warnings"].as_array().unwrap();
    let text = warnings[0].as_str().unwrap();
    assert!(warnings.len() == 1 && text.contains("emergency number 112"), "{created}");
    assert!(text.starts_with("dial_plan.patterns[0]: [1-9]x "), "{text}");
}

#[test]
fn a_type_has_a_notice_for_whoever_makes_one_active() {
    const FAMILY: &str = r#"
        vendor = "Acme"
        group = "acme"
        ouis = ["02ac3e"]
        [[user_agent]]
        pattern = '^Acme (?P<model>[A-Z0-9]+) (?P<mac>[0-9a-f]{12})$'
        source = "made up"
        examples = [{ text = "Acme T1 02ac3e000001", model = "T1", mac = "02ac3e000001" }]
        [[type]]
        key = "acme_t1"
        model = "T1"
        description = "Acme T1"
        notice = "gets its files by TFTP only"
        [[type]]
        key = "acme_t1-1"
        base = "acme_t1"
        description = "Acme T1 with a module"
    "#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("acme")).unwrap();
    std::fs::write(folder.path().join("acme/family.toml"), FAMILY).unwrap();
    let templates = folder.path().to_owned();
    let gateway = Gateway::start_with(|config, _| config.catalogue.templates_dir = Some(templates));
    gateway.get("/", Some("Acme T1 02ac3e000001"));
    let scope = json!({ "phoneid": "02ac3e0000010" });
    let promoted = gateway.ask("promote", json!({ "type": "phone", "scope": scope }));
    assert_eq!(promoted["warnings"], json!(["Acme T1: gets its files by TFTP only"]), "{promoted}");
    let values = json!({ "mac": "02ac3e000002", "phone_type": "acme_t1-1", "company": "default" });
    let created = gateway.ask("create", json!({ "type": "phone", "values": values }));
    let notice = json!(["Acme T1 with a module: gets its files by TFTP only"]);
    assert_eq!(created["warnings"], notice, "{created}");
}

#[test]
fn a_text_of_a_company_that_a_phone_would_cut_off_is_said() {
    let gateway = Gateway::start();
    let line = json!({ "lines": { "1": { "user": "1", "registrar": "pbx.example" } } });
    let update = |kind: &str, scope: Value, settings: Value| {
        let values = json!({ "settings": settings });
        gateway.ask("update", json!({ "type": kind, "scope": scope, "values": values }))
    };
    let password = |password: &str| json!({ "line_defaults": { "password": password } });
    let long = "p".repeat(24);
    let company = json!({ "company": "default" });
    assert_eq!(update("company", company, password(&long))["result"], "success");
    let pap2t = json!({ "mac": "000e08000001", "company": "default", "phone_type": "pap2t", "settings": line });
    let made = gateway.ask("create", json!({ "type": "phone", "values": pap2t }));
    let said = made["warnings"].to_string();
    assert!(said.contains("line_defaults.password: "), "{made}");
    assert!(said.contains("takes at most 23 characters, not 24"), "{made}");
    assert!(!said.contains(&long), "{said}");
    // A phone that says something else itself has nothing to cut off.
    let phone = json!({ "mac": "000e08000001" });
    assert_eq!(update("phone", phone.clone(), password("short"))["warnings"], Value::Null);
    let refused = update("phone", phone, password(&long));
    assert!(refused["message"].to_string().contains("takes at most 23"), "{refused}");
    // One of another type takes it.
    let t46s = json!({ "mac": "001565000001", "company": "default", "phone_type": "t46s", "settings": line });
    let made = gateway.ask("create", json!({ "type": "phone", "values": t46s }));
    assert_eq!((&made["result"], &made["warnings"]), (&json!("success"), &Value::Null), "{made}");
}

#[test]
fn raw_parameters_that_there_is_no_room_to_remember_are_said() {
    let gateway = Gateway::start();
    let line =
        json!({ "lines": { "1": { "user": "1", "password": "p", "registrar": "pbx.example" } } });
    let t46s = json!({ "mac": "001565000001", "company": "default", "phone_type": "t46s", "settings": line });
    assert_eq!(
        gateway.ask("create", json!({ "type": "phone", "values": t46s }))["result"],
        "success"
    );
    gateway.done("create", json!({ "type": "company", "values": { "company": "acme" } }));
    let sets = |company: &str, range: std::ops::Range<usize>| {
        let names: serde_json::Map<String, Value> =
            range.map(|number| (format!("p.{number:04}"), json!("1"))).collect();
        gateway.done(
            "update",
            json!({
                "type": "company", "scope": { "company": company },
                "values": { "settings": null },
            }),
        );
        let settings = json!({ "vendor": { "yealink": names } });
        gateway.done("update", json!({
            "type": "company", "scope": { "company": company }, "values": { "settings": settings },
        }));
    };
    for round in 0..3 {
        sets("default", round * 400..(round + 1) * 400);
        gateway.get("/001565000001.cfg", None);
        gateway.settle();
    }
    sets("acme", 2000..2002);
    let scope = json!({ "phoneid": "0015650000010" });
    gateway.done(
        "assign",
        json!({ "type": "phone", "scope": scope, "values": { "company": "acme" } }),
    );
    let preview = gateway.ask("preview", json!({ "type": "phone", "scope": scope }));
    let warning = preview["warnings"][0].as_str().unwrap_or_default();
    let expected =
        "vendor.yealink.p.2000 and 1 more: will stay in the phone when it is set no more";
    assert!(warning.starts_with(expected), "{warning}");
}

#[test]
fn a_dial_plan_that_is_longer_than_the_phone_takes_is_refused_or_told() {
    let gateway = Gateway::start();
    let line =
        json!({ "lines": { "1": { "user": "1", "password": "p", "registrar": "pbx.example" } } });
    let phone = json!({ "mac": "0004f2000001", "company": "default", "phone_type": "ip550", "settings": line });
    gateway.done("create", json!({ "type": "phone", "values": phone }));
    let scope = json!({ "phoneid": "0004f20000010" });
    let plan = |count: usize, length: usize| {
        let pattern = |n: usize| format!("{n:02}{}", "x".repeat(length - 2));
        json!({ "dial_plan": { "patterns": (0..count).map(pattern).collect::<Vec<_>>() } })
    };
    let update = |settings: Value| {
        let values = json!({ "settings": settings });
        gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": values }))
    };
    let beyond = "dial_plan.patterns: Polycom IP550 takes at most 27 of them, not 28";
    assert_eq!(update(plan(28, 4))["message"], format!("settings: {beyond}"));
    let long = update(plan(27, 40))["message"].as_str().unwrap().to_owned();
    assert!(long.contains("takes at most 684 characters in all, not 1080"), "{long}");
    let warnings = || {
        let preview = gateway.ask("preview", json!({ "type": "phone", "scope": scope }));
        let mut warnings = preview["warnings"].as_array().cloned().unwrap_or_default();
        // The type has a notice, too.
        warnings.retain(|warning| warning.as_str().unwrap().starts_with("dial_plan"));
        warnings
    };
    let said = json!({ "type": "settings", "values": { "settings": plan(28, 4) } });
    gateway.done("update", said);
    assert_eq!(warnings(), [json!(beyond)]);
    // The phone's own goes before the company's.
    assert_eq!(update(plan(27, 4))["result"], "success");
    assert_eq!(warnings(), [] as [Value; 0]);
}

/// Two T46S and a Snom D785 in the company acme, each with a line of its own.
fn office() -> Gateway {
    let gateway = Gateway::start();
    gateway.done("create", json!({ "type": "company", "values": { "company": "acme" } }));
    for (mac, phone_type) in
        [("001565000001", "t46s"), ("001565000002", "t46s"), ("000413000001", "snomD785")]
    {
        let settings = json!({
            "lines": { "1": { "user": "1", "password": "p" } },
            "line_defaults": { "registrar": "pbx.example" },
        });
        let values = json!({ "mac": mac, "company": "acme", "phone_type": phone_type, "settings": settings });
        gateway.done("create", json!({ "type": "phone", "values": values }));
    }
    gateway
}

fn warnings(answer: &Value) -> Vec<String> {
    assert_eq!(answer["result"], "success", "{answer}");
    let all = answer["warnings"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_company_s_and_the_system_s_change_says_which_phones_it_does_not_reach() {
    let gateway = office();
    let update = |kind: &str, settings: Value| {
        let scope = match kind {
            "company" => json!({ "company": "acme" }),
            _ => json!({}),
        };
        let values = json!({ "settings": settings });
        gateway.ask("update", json!({ "type": kind, "scope": scope, "values": values }))
    };
    for kind in ["company", "settings"] {
        let said = warnings(&update(
            kind,
            json!({ "language": "fi", "lines": { "17": { "user": "9" } } }),
        ));
        let of_t46s = |text: &str| text.contains("2 phones of type t46s");
        let has = |field: &str| said.iter().any(|one| one.starts_with(field) && of_t46s(one));
        assert!(has("language: fi: ") && has("lines.17: "), "{kind}: {said:?}");
        // What was said once is not said again.
        assert_eq!(warnings(&update(kind, json!({ "language": "fi" }))), [""; 0], "{kind}");
        update(kind, Value::Null);
    }
    assert_eq!(warnings(&update("company", json!({ "language": "de" }))), [""; 0]);
    gateway.done("create", json!({ "type": "company", "values": { "company": "empty" } }));
    let values = json!({ "settings": { "language": "fi" } });
    let scope = json!({ "company": "empty" });
    let empty =
        gateway.ask("update", json!({ "type": "company", "scope": scope, "values": values }));
    assert_eq!(warnings(&empty), [""; 0]);
    // Whoever moves a phone there learns it too.
    let assign = json!({ "type": "phone", "scope": { "phoneid": "0015650000010" }, "values": { "company": "empty" } });
    let said = warnings(&gateway.ask("assign", assign));
    assert!(said.iter().any(|one| one.starts_with("language: fi: Yealink SIP-T46S")), "{said:?}");
}

#[test]
fn a_company_that_takes_from_its_phones_what_they_need_is_told() {
    let gateway = office();
    let update = |kind: &str, scope: Value, settings: Value| {
        let values = json!({ "settings": settings });
        gateway.ask("update", json!({ "type": kind, "scope": scope, "values": values }))
    };
    let company = json!({ "company": "acme" });
    let registrar = json!({ "line_defaults": { "registrar": "pbx.example" } });
    assert_eq!(warnings(&update("company", company.clone(), registrar)), [""; 0]);
    for mac in ["001565000001", "001565000002"] {
        update("phone", json!({ "mac": mac }), json!({ "line_defaults": null }));
    }
    let said = warnings(&update("company", company, json!({ "line_defaults": null })));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("2 phones of type t46s may get no files now"), "{said:?}");
    assert!(said[0].contains("lines.1.registrar is not set"), "{said:?}");
}

#[test]
fn a_value_and_a_setting_that_do_not_reach_a_phone_are_said() {
    let gateway = office();
    let update = |mac: &str, settings: Value| {
        let values = json!({ "settings": settings });
        let scope = json!({ "mac": mac });
        gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": values }))
    };
    let t46s = |settings: Value| warnings(&update("001565000001", settings));
    for (settings, said) in [
        (json!({ "language": "fi" }), "language: fi: Yealink SIP-T46S has none of it"),
        (json!({ "tones": "PL" }), "tones: PL: Yealink SIP-T46S has none of it"),
        (
            json!({ "ring": { "tone": 12 } }),
            "ring.tone: 12: Yealink SIP-T46S has none of it: they are given 8",
        ),
        (json!({ "lock": { "after_s": 60 } }), "lock.after_s: has no effect"),
        (json!({ "alert_tones": { "1": { "tone": 2 } } }), "alert_tones.1.tone: has no effect"),
    ] {
        let all = t46s(settings.clone());
        assert!(all.len() == 1 && all[0].starts_with(said), "{settings}: {all:?}");
        let unset = settings.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null));
        assert_eq!(t46s(Value::Object(unset.collect())), [""; 0]);
    }
    let of_use = json!({
        "language": "de", "tones": "DE", "ring": { "tone": 8 }, "lock": { "after_s": 60, "pin": "1234" },
        "keys": { "1": { "type": "dnd", "line": 1 } },
    });
    assert_eq!(t46s(of_use), [""; 0]);
    let brazil = warnings(&update("000413000001", json!({ "tones": "BR" })));
    assert!(brazil.len() == 1 && brazil[0].starts_with("tones: BR: "), "{brazil:?}");
}

#[test]
fn what_is_no_family_and_no_range_of_ports_is_refused() {
    let gateway = office();
    let refused = |kind: &str, scope: Value, settings: Value| {
        let values = json!({ "settings": settings });
        let answer =
            gateway.ask("update", json!({ "type": kind, "scope": scope, "values": values }));
        assert_eq!(answer["result"], "fail", "{answer}");
        answer["message"].as_str().unwrap().to_owned()
    };
    for (kind, scope) in [
        ("phone", json!({ "mac": "001565000001" })),
        ("company", json!({ "company": "acme" })),
        ("settings", json!({})),
    ] {
        let message = refused(kind, scope.clone(), json!({ "vendor": { "yealin": { "a": 1 } } }));
        let expected = "settings: vendor.yealin: is no family (did you mean yealink?); there are ";
        assert!(message.starts_with(expected), "{message}");
        let ports = json!({ "rtp": { "first_port": 20000, "last_port": 19000 } });
        let message = refused(kind, scope.clone(), ports);
        assert_eq!(
            message,
            "settings: rtp.first_port: must be at most rtp.last_port, 19000, not 20000"
        );
        let message = refused(kind, scope, json!({ "rtp": { "first_port": 20001 } }));
        assert_eq!(message, "settings: rtp.first_port: must be even, not 20001");
    }
}

#[test]
fn a_text_that_the_phone_takes_for_a_word_of_its_makers_is_refused() {
    let gateway = office();
    let update = |mac: &str, settings: Value| {
        let scope = json!({ "mac": mac });
        let values = json!({ "settings": settings });
        gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": values }))
    };
    for (settings, path) in [
        (json!({ "lines": { "1": { "password": "%NULL%" } } }), "lines.1.password"),
        (json!({ "lines": { "1": { "display_name": "%null%" } } }), "lines.1.display_name"),
        (json!({ "access": { "admin_password": "%EMPTY%" } }), "access.admin_password"),
    ] {
        let message = format!(
            "settings: {path}: Yealink SIP-T46S has a meaning of its own for %NULL% and %EMPTY%"
        );
        assert_eq!(update("001565000001", settings.clone())["message"], message);
        // Nobody else has such words.
        assert_eq!(update("000413000001", settings)["result"], "success");
    }
    let blank = json!({ "lines": { "1": { "password": "s3cret " } } });
    let message = "settings: lines.1.password: Snom D785 is given no text with a blank at its \
                   beginning or end, which many phones would drop";
    assert_eq!(update("000413000001", blank.clone())["message"], message);
    // A company's is for phones of several makers: those that would not have it are named.
    let scope = json!({ "company": "acme" });
    let values = json!({ "settings": { "line_defaults": { "label": "%NULL%" } } });
    let said =
        gateway.ask("update", json!({ "type": "company", "scope": scope, "values": values }));
    let said = warnings(&said).join(" ");
    assert!(said.contains("line_defaults.label: ") && said.contains("T46S"), "{said}");
}

#[test]
fn lines_that_no_key_is_left_for_are_said() {
    let gateway = Gateway::start();
    let line = |user: &str| json!({ "user": user, "password": "p", "registrar": "pbx.example" });
    let dials: serde_json::Map<String, Value> = (1..=3)
        .map(|key| (key.to_string(), json!({ "type": "speed_dial", "value": "300" })))
        .collect();
    let settings = json!({ "lines": { "1": line("1"), "2": line("2") }, "keys": dials });
    let created = |settings: &Value| {
        let values = json!({
            "mac": "001565000001", "company": "default", "phone_type": "t40p", "settings": settings,
        });
        gateway.ask("create", json!({ "type": "phone", "values": values }))
    };
    let answer = created(&settings);
    let said = warnings(&answer);
    assert_eq!(said.len(), 2, "{answer}");
    let expected =
        "lines.1: Yealink SIP-T40P shows a line on a key, and none of its 3 is left for it: ";
    assert!(said[0].starts_with(expected) && said[1].starts_with("lines.2: "), "{said:?}");
    let free = json!({ "settings": { "keys": { "1": null, "3": null } } });
    let scope = json!({ "mac": "001565000001" });
    let freed = gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": free }));
    assert_eq!(freed["warnings"], Value::Null, "{freed}");
    let agent = "Yealink SIP-T40P 54.83.0.10 00:15:65:00:00:01";
    let file = gateway.get("/001565000001.cfg", Some(agent)).body;
    let file = String::from_utf8_lossy(&file).into_owned();
    for set in
        ["linekey.1.line = 1", "linekey.2.type = 13", "linekey.3.type = 15", "linekey.3.line = 2"]
    {
        assert!(file.contains(set), "{set}: {file}");
    }
}

/// A file that puts the second line on such a key is another one without the key.
#[test]
fn keys_that_lack_their_value_are_said_and_those_that_the_phone_cannot_have_hide_no_line() {
    let gateway = Gateway::start();
    let line = |user: &str| json!({ "user": user, "password": "p", "registrar": "pbx.example" });
    let lines = json!({ "1": line("100"), "2": line("200") });
    for (mac, phone_type) in [("0080f0000001", "kxhdv230"), ("0c383e000001", "x4u")] {
        let settings = json!({ "lines": lines, "keys": { "2": { "type": "speed_dial" } } });
        let values = json!({
            "mac": mac, "company": "default", "phone_type": phone_type, "settings": settings,
            "other_maker": true,
        });
        let made = gateway.ask("create", json!({ "type": "phone", "values": values }));
        let said = warnings(&made);
        let wanted = "keys.2.type: has no effect: a key of type speed_dial needs a value";
        assert!(said.iter().any(|said| said == wanted), "{phone_type}: {made}");
    }
    let all = |kind: &str| {
        let keys = (1..=24).map(|key| (key.to_string(), json!({ "type": kind })));
        Value::Object(keys.collect())
    };
    let update = json!({ "keys": all("dtmf") });
    let scope = json!({ "phoneid": "0080f00000010" });
    let values = json!({ "settings": update });
    let made = gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": values }));
    assert_eq!(made["result"], "success", "{made}");
    let said = warnings(&made);
    assert!(said.iter().all(|said| !said.starts_with("lines.")), "{said:?}");
}

#[test]
fn raw_parameters_of_another_family_than_the_phones_are_refused_and_said() {
    let gateway = office();
    let update = |values: Value| {
        let scope = json!({ "mac": "001565000001" });
        gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": values }))
    };
    let raw = |family: &str, value: u8| json!({ "vendor": { family: { "wui.trial": value } } });
    let refused = update(json!({ "settings": raw("snom", 1) }));
    assert_eq!(refused["result"], "fail");
    let message = refused["message"].as_str().unwrap();
    let expected = "settings: vendor.snom: Yealink SIP-T46S is of the family yealink and gets no raw parameters of snom (Snom): ";
    assert!(message.starts_with(expected), "{message}");
    let created = gateway.ask(
        "create",
        json!({ "type": "phone", "values": {
            "mac": "001565000099", "company": "acme", "phone_type": "t46s", "settings": raw("snom", 1),
        } }),
    );
    assert!(created["message"].as_str().unwrap().contains(expected), "{created}");
    // A company may have phones of several makers.
    let values = json!({ "settings": raw("snom", 1) });
    let scope = json!({ "company": "acme" });
    gateway.done("update", json!({ "type": "company", "scope": scope, "values": values }));
    // With the type that they belong to they are right; with another one they are no more, and stay.
    let set = json!({ "phone_type": "snomD785", "other_maker": true, "settings": raw("snom", 2) });
    assert_eq!(update(set)["warnings"], Value::Null);
    let retyped = update(json!({ "phone_type": "t46s" }));
    let warnings = retyped["warnings"].to_string();
    assert!(retyped["result"] == "success" && warnings.contains("vendor.snom: "), "{retyped}");
    assert_eq!(update(json!({ "name": "Lobby" }))["warnings"], retyped["warnings"]);
    assert_eq!(update(json!({ "settings": raw("snom", 3) }))["result"], "fail");
    let without = json!({ "settings": { "vendor": { "snom": null } } });
    assert_eq!(update(without)["warnings"], Value::Null);
}

#[test]
fn a_password_that_the_phone_cannot_have_is_refused() {
    let gateway = Gateway::start();
    let refused = |password: &str, admin: &str| {
        let line =
            json!({ "1": { "user": "1", "password": password, "registrar": "pbx.example" } });
        let settings = json!({ "lines": line, "access": { "admin_password": admin } });
        let values = json!({
            "mac": "bcc342000001", "company": "default", "phone_type": "kxhdv130",
            "settings": settings, "other_maker": true,
        });
        gateway.ask("create", json!({ "type": "phone", "values": values }))["message"].to_string()
    };
    let quoted = refused("s3\"cr\"et", "admin99");
    assert!(quoted.contains("lines.1.password") && quoted.contains("cannot take"), "{quoted}");
    let short = refused("s3cret", "abc");
    assert!(short.contains("takes at least 6 characters, not 3"), "{short}");
    assert_eq!(refused("s3cret", "admin99"), "null");
}

//! A phone's own file, encrypted with a key that the phone was given in a plain one over TLS.

use std::fs;
use std::process::Command;

use dialtone::simulator::lab_ca::{CA, LabCa, SERVER, SERVER_KEY};
use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::{Gateway, ManualClock, tls};

use std::sync::Arc;
use std::time::SystemTime;

use dialtone::net::tls::PairFiles;

/// Seconds after which a phone is taken to have the key it was given.
const SETTLED: i64 = 300;

/// One phone of a family, and how it reads what it gets.
struct Phone {
    gateway: Gateway,
    clock: Arc<ManualClock>,
    /// Its MAC; its only port's name has a 0 behind it.
    mac: &'static str,
    target: String,
    user_agent: &'static str,
}

impl Phone {
    fn promoted(mac: &'static str, target: &str, user_agent: &'static str) -> Phone {
        let clock = ManualClock::new();
        let gateway = Gateway::start_at(clock.clone(), |config, dir| {
            let lab = dir.join("lab");
            LabCa::create(&lab, &["127.0.0.1".to_owned()], SystemTime::now()).unwrap();
            config.tls.pairs =
                vec![PairFiles { certificate: lab.join(SERVER), key: lab.join(SERVER_KEY) }];
        });
        let phone = Phone { gateway, clock, mac, target: target.to_owned(), user_agent };
        assert_eq!(phone.plainly().status, 404);
        phone.gateway.settle();
        phone.gateway.promote(&phone.id());
        let line = json!({ "user": "100", "password": "hunter2", "registrar": "sip.example" });
        let url = format!("https://{}/", phone.gateway.https());
        phone.set(json!({ "lines": { "1": line }, "provisioning": { "base_url": url } }));
        phone
    }

    fn id(&self) -> String {
        format!("{}0", self.mac)
    }

    fn set(&self, settings: Value) {
        self.gateway.set(&self.id(), settings);
    }

    /// The gateway makes the key, so what is set has its effect without one.
    fn encrypts(&self, how: &str) {
        let settings = json!({ "provisioning": { "encryption": how } });
        let scope = json!({ "phoneid": self.id() });
        let values = json!({ "settings": settings });
        let set = self.gateway.done("update/phone", json!({ "scope": scope, "values": values }));
        let warnings = set["warnings"].to_string();
        assert!(!warnings.contains("provisioning.encryption"), "{how}: {warnings}");
    }

    fn plainly(&self) -> Answer {
        let answer = http::get(self.gateway.http(), &self.target, Some(self.user_agent));
        self.gateway.settle();
        answer
    }

    fn asks(&self, headers: &[(&str, &str)]) -> Answer {
        let authority = self.gateway.dir().join("lab").join(CA);
        let stream = tls::connect(self.gateway.https(), &authority, None).expect("it is trusted");
        let headers = [&[("User-Agent", self.user_agent)], headers].concat();
        let answer = http::exchange(stream, "GET", &self.target, &headers, b"");
        self.gateway.settle();
        answer.expect("the gateway answers")
    }

    fn over_tls(&self) -> Answer {
        self.asks(&[])
    }

    /// What a maker's command line makes of it.
    fn decrypted(&self, answer: &Answer, arguments: &[&str]) -> Option<String> {
        let file = self.gateway.dir().join("encrypted");
        fs::write(&file, &answer.body).unwrap();
        let output = Command::new("openssl")
            .args(["enc", "-d"])
            .args(arguments)
            .arg("-in")
            .arg(&file)
            .output()
            .expect("openssl is installed");
        let text = String::from_utf8(output.stdout).ok();
        text.filter(|_| output.status.success())
    }
}

/// What stands between the two.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).expect("it ends").0
}

fn yealink() -> Phone {
    Phone::promoted(
        "805ec0aabb01",
        "/805ec0aabb01.cfg",
        "Yealink SIP-T46S 66.86.0.15 80:5e:c0:aa:bb:01",
    )
}

fn yealink_key(text: &str) -> String {
    between(text, "static.auto_provision.aes_key_16.mac = ", "\n").to_owned()
}

/// As the maker's tool does; `None`: it is not encrypted with that key.
fn yealink_decrypted(phone: &Phone, answer: &Answer, key: &str) -> Option<String> {
    let key: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let text = phone.decrypted(answer, &["-aes-128-ecb", "-nopad", "-K", &key])?;
    text.starts_with("#!version:1.0.0.1\n").then(|| text.trim_end_matches(' ').to_owned())
}

#[test]
fn a_phone_is_given_its_key_over_tls_and_gets_its_file_encrypted_from_then_on() {
    let phone = yealink();
    let before = phone.over_tls();
    assert!(before.text().contains("hunter2") && !before.text().contains("aes_key"));
    phone.encrypts("on");

    // Not over a connection that others read.
    let open = phone.plainly();
    assert!(open.text().contains("hunter2") && !open.text().contains("aes_key_16"), "{open:?}");
    phone.clock.advance(2 * SETTLED);
    assert!(phone.plainly().text().contains("hunter2"), "it was never given a key");

    let given = phone.over_tls();
    let key = yealink_key(given.text());
    assert_eq!(key.len(), 16);
    // Newer firmware knows it by another name.
    let newer = between(given.text(), "static.auto_provision.aes_key.mac = ", "\n");
    assert_eq!(newer, key);
    // The transfer broke off, and it asks again; and once without TLS.
    assert_eq!(phone.over_tls(), given);
    phone.clock.advance(SETTLED);
    let encrypted = phone.over_tls();
    assert!(!String::from_utf8_lossy(&encrypted.body).contains("version"));
    let text = yealink_decrypted(&phone, &encrypted, &key).expect("it is encrypted with the key");
    assert_eq!(text, given.text());
    assert_eq!(phone.plainly(), encrypted, "nobody can read it on the way");

    // The same input, the same bytes: a phone that has the file is told so.
    let tag = encrypted.header("etag").unwrap().to_owned();
    assert_eq!(phone.asks(&[("If-None-Match", &tag)]).status, 304);
    assert_ne!(given.header("etag"), Some(&*tag));

    // Who looks at it sees the text, without the key.
    let preview =
        phone.gateway.done("preview/phone", json!({ "scope": { "phoneid": phone.id() } }));
    let preview = preview.to_string();
    assert!(preview.contains("aes_key_16.mac = ***") && !preview.contains(&key), "{preview}");
    let read = phone.gateway.done("read/phone", json!({ "scope": { "phoneid": phone.id() } }));
    assert!(!read.to_string().contains(&key));
}

#[test]
fn another_key_and_none_come_under_the_key_that_the_phone_has() {
    let phone = yealink();
    phone.encrypts("on");
    let first = yealink_key(phone.over_tls().text());
    phone.clock.advance(SETTLED);

    let chosen = "Ab3dEf6hIj9lMn2p";
    phone.set(json!({ "provisioning": { "encryption_key": chosen } }));
    let text = yealink_decrypted(&phone, &phone.plainly(), &first).expect("with the first one");
    assert_eq!(yealink_key(&text), chosen);
    phone.clock.advance(SETTLED);
    assert!(yealink_decrypted(&phone, &phone.plainly(), &first).is_none());
    let text = yealink_decrypted(&phone, &phone.plainly(), chosen).expect("with the second one");
    assert_eq!(yealink_key(&text), chosen);

    // A company that it moves to has another.
    phone.set(json!({ "provisioning": { "encryption_key": null } }));
    assert!(yealink_decrypted(&phone, &phone.plainly(), chosen).is_none(), "nobody has it now");
    let given = yealink_key(phone.over_tls().text());
    assert_eq!(given, first);
    phone.clock.advance(SETTLED);
    phone.gateway.done("create/company", json!({ "values": { "company": "acme" } }));
    let scope = json!({ "phoneid": phone.id() });
    phone.gateway.done("assign/phone", json!({ "scope": scope, "values": { "company": "acme" } }));
    let text = yealink_decrypted(&phone, &phone.plainly(), &first).expect("it has this one");
    let moved = yealink_key(&text);
    assert_ne!(moved, first);
    phone.clock.advance(SETTLED);

    phone.encrypts("off");
    let text = yealink_decrypted(&phone, &phone.plainly(), &moved).expect("it has this one");
    assert_eq!(yealink_key(&text), "%NULL%", "it forgets the key");
    assert!(text.contains("static.auto_provision.aes_key.mac = %NULL%"));
    phone.clock.advance(SETTLED);
    assert!(phone.plainly().text().contains("aes_key_16.mac = %NULL%"));
}

#[test]
fn a_phone_that_was_reset_is_given_a_key_as_if_it_never_had_one() {
    let phone = yealink();
    phone.encrypts("on");
    let key = yealink_key(phone.over_tls().text());
    phone.clock.advance(SETTLED);
    let encrypted = phone.plainly();
    assert!(yealink_decrypted(&phone, &encrypted, &key).is_some());
    let tag = encrypted.header("etag").unwrap().to_owned();
    let rearm = |values: Value| {
        let scope = json!({ "phoneid": phone.id() });
        let before = phone.gateway.ask("rearm/phone", json!({ "scope": scope, "values": values }));
        before["result"] == "success"
    };
    // One that was only moved has its key.
    assert!(rearm(json!({})) && rearm(json!({ "forget_keys": false })));
    assert_eq!(phone.plainly().body, encrypted.body);
    assert!(!rearm(json!({ "forget_keys": "perhaps" })) && !rearm(json!({ "forget": true })));
    assert_eq!(phone.plainly().body, encrypted.body);

    phone.clock.advance(1);
    assert!(rearm(json!({ "forget_keys": true })));
    let open = phone.plainly();
    assert!(open.text().contains("hunter2") && !open.text().contains(&key), "{open:?}");
    let given = phone.asks(&[("If-None-Match", &tag)]);
    assert_eq!(yealink_key(given.text()), key);
    phone.clock.advance(SETTLED);
    assert!(yealink_decrypted(&phone, &phone.plainly(), &key).is_some());

    let scope = json!({ "phoneid": phone.id() });
    let events = phone.gateway.done("events/phone", json!({ "scope": scope }));
    let rows = events["values"].as_array().unwrap();
    let rearmed = rows.iter().filter(|event| event["action"] == "rearm");
    let told: Vec<_> = rearmed.map(|event| &event["after"]).collect();
    assert_eq!(told, [&json!({ "forgot_keys": true }), &Value::Null, &Value::Null], "{events}");
}

#[test]
fn a_phone_that_has_its_key_already_gets_nothing_plain() {
    let phone = yealink();
    let key = "Ab3dEf6hIj9lMn2p";
    let set = json!({ "encryption": "forced", "encryption_key": key });
    phone.set(json!({ "provisioning": set }));
    let answer = phone.plainly();
    let text = yealink_decrypted(&phone, &answer, key).expect("with what it has");
    assert!(text.contains("hunter2"));
    assert_eq!(answer.body.len() % 16, 0);
}

#[test]
fn a_key_that_the_phone_does_not_take_is_refused_with_what_it_takes() {
    let phone = yealink();
    let gateway = &phone.gateway;
    let refused = |verb: &str, scope: Value, settings: Value| {
        let values = json!({ "settings": { "provisioning": settings } });
        let answer = gateway.ask(verb, json!({ "scope": scope, "values": values }));
        let text = answer.to_string();
        assert!(!text.contains("short") && !text.contains("1p"), "the key is told: {text}");
        text
    };
    let own = || json!({ "phoneid": phone.id() });
    let said = refused("update/phone", own(), json!({ "encryption_key": "short" }));
    assert!(said.contains("must be 16 letters, digits and #$%*+,-.:=?@[]^_{}~"), "{said}");
    assert!(said.contains("provisioning.encryption_key") && said.contains("SIP-T46S"), "{said}");
    let said = refused("update/phone", own(), json!({ "encryption_format": "aes128gcm" }));
    assert!(said.contains("does not read aes128gcm; it reads aes-128-ecb-blanks"), "{said}");
    // Nor for many phones.
    let key = || json!({ "encryption_key": "Ab3dEf6hIj9lMn1p" });
    let said = refused("update/settings", json!({}), key());
    assert!(said.contains("is set for one phone only"), "{said}");
    let said = refused("update/company", json!({ "company": "default" }), key());
    assert!(said.contains("is set for one phone only"), "{said}");
}

#[test]
fn a_maker_that_publishes_no_form_is_told_of() {
    let phone = Phone::promoted(
        "000413aabb01",
        "/000413aabb01.xml",
        "Mozilla/4.0 (compatible; snomD785-SIP 10.1.54.13 1.1.3-u 000413AABB01)",
    );
    let values = json!({ "settings": { "provisioning": { "encryption": "on" } } });
    let scope = json!({ "phoneid": phone.id() });
    let answer = phone.gateway.ask("update/phone", json!({ "scope": scope, "values": values }));
    let said = answer.to_string();
    assert!(said.contains("provisioning.encryption") && said.contains("publish none"), "{said}");
    phone.clock.advance(SETTLED);
    phone.over_tls();
    phone.clock.advance(SETTLED);
    assert!(phone.over_tls().text().contains("hunter2"));
}

#[test]
fn a_cisco_phone_has_the_key_in_its_rule_or_reads_a_coded_answer() {
    let phone = Phone::promoted(
        "00562baabb01",
        "/00562baabb01.xml",
        "Cisco-CP-8851-3PCC/11.3.2 (00562baabb01)",
    );
    phone.encrypts("on");
    let given = phone.over_tls();
    let key = between(given.text(), "[--key ", "] https://").to_owned();
    assert_eq!(key.len(), 32);
    phone.clock.advance(SETTLED);
    let encrypted = phone.plainly();
    assert_eq!(&encrypted.body[..8], b"Salted__");
    assert_eq!(encrypted.header("content-encoding"), None);
    let command = ["-aes-256-cbc", "-md", "md5", "-k", &*key];
    assert_eq!(phone.decrypted(&encrypted, &command).as_deref(), Some(given.text()));

    phone.set(json!({ "provisioning": { "encryption_format": "aes128gcm" } }));
    let changed = phone.plainly();
    let text = phone.decrypted(&changed, &command).expect("it has this key");
    let material = between(&text, "<IKM_HTTP_Encrypt_Content>", "<").to_owned();
    assert!(material.len() == 22 && !text.contains("--key"), "{text}");
    phone.clock.advance(SETTLED);
    let coded = phone.plainly();
    assert_eq!(coded.header("content-encoding"), Some("aes128gcm"));
    // Salt, size of a record, length of no key id.
    assert_eq!(coded.body[16..21], [0, 0, 0x10, 0, 0]);
    assert!(!String::from_utf8_lossy(&coded.body).contains("hunter2"));
}

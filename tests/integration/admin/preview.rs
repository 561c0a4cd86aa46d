//! What files a phone would get.

use serde_json::{Value, json};

use super::gateway::{Gateway, fail};

/// Two ports of two companies, each line with a password of its own.
fn gateway() -> Gateway {
    let gateway = Gateway::base();
    for (port, user) in [("0", "alice"), ("1", "bob")] {
        let line = json!({
            "user": user, "password": format!("s3cret-of-{user}"), "registrar": "pbx.example.net",
        });
        let body = json!({
            "scope": { "mac": "00049f333333", "port": port },
            "values": { "settings": { "lines": { "1": line } } },
        });
        gateway.done("update/phone", body);
    }
    let access = json!({ "access": { "admin_password": "s3cret-of-all" } });
    gateway.done("update/settings", json!({ "values": { "settings": access } }));
    gateway
}

fn text(answer: &Value) -> String {
    let rows = answer["values"].as_array().unwrap();
    rows.iter().map(|row| row["content"].as_str().unwrap()).collect()
}

#[test]
fn the_files_are_there_and_the_secrets_are_not() {
    let gateway = gateway();
    let scope = json!({ "phoneid": "00049f3333330" });
    let answer = gateway.done("preview/phone", json!({ "scope": scope }));
    assert!(answer["numrows"].as_u64().unwrap() >= 1);
    let row = &answer["values"][0];
    for key in ["file", "scope", "content_type"] {
        assert!(row[key].is_string(), "{key} of {row}");
    }
    let text = text(&answer);
    assert!(text.contains("alice") && text.contains("bob") && text.contains("***"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_company_admin_sees_other_companies_ports_as_inactive() {
    let gateway = gateway();
    let scope = json!({ "scope": { "phoneid": "00049f3333330" } });
    let answer = gateway.ask("ca_a", "preview/phone", scope);
    let text = text(&answer);
    assert!(text.contains("alice") && !text.contains("bob"), "{text}");
}

#[test]
fn one_file_is_chosen_by_the_path_a_phone_would_ask_for() {
    let gateway = gateway();
    let preview = |file: &str| {
        let scope = json!({ "phoneid": "00049f3333330", "file": file });
        gateway.done("preview/phone", json!({ "scope": scope }))
    };
    let scope = json!({ "scope": { "phoneid": "00049f3333330" } });
    let all = gateway.done("preview/phone", scope);
    let path = all["values"][0]["file"].as_str().unwrap();
    assert!(path.contains("00049f333333"), "{path}");
    for asked in [path.to_owned(), format!("/{path}"), path.to_uppercase()] {
        let one = preview(&asked);
        assert_eq!(one["numrows"], 1, "{asked}");
        assert_eq!(one["values"][0]["content"], all["values"][0]["content"]);
    }
    assert_eq!(
        preview("no/such/file.txt"),
        json!({ "result": "success", "values": [], "numrows": 0 })
    );
}

#[test]
fn what_gets_nothing_has_no_preview() {
    let gateway = gateway();
    for id in ["0123456789ab0", "00aabbccddee0", "00049f3333332"] {
        gateway.refused("preview/phone", json!({ "scope": { "phoneid": id } }), "Phone not found");
    }
    let foreign = json!({ "scope": { "phoneid": "00049f3333331" } });
    assert_eq!(gateway.ask("ca_a", "preview/phone", foreign), fail("Phone not found"));
}

#[test]
fn a_file_that_cannot_be_made_says_why() {
    let gateway = Gateway::base();
    let settings = json!({ "lines": { "1": { "user": "100", "password": "s3cret" } } });
    let body = json!({ "scope": { "company": "acompany" }, "values": { "settings": settings } });
    gateway.done("update/company", body);
    let scope = json!({ "scope": { "phoneid": "0004f22222220" } });
    let answer = gateway.done("preview/phone", scope);
    let rows = answer["values"].as_array().unwrap();
    let errors: Vec<&str> = rows.iter().filter_map(|row| row["error"].as_str()).collect();
    assert!(errors.iter().any(|error| error.contains("lines.1.registrar")), "{answer}");
}

/// What a company says of the whole device is in no file that has another company's accounts.
#[test]
fn of_a_device_of_two_companies_only_what_both_say_counts_for_all_of_it() {
    let gateway = gateway();
    let one_company = json!({ "phoneid": "00049f3333330" });
    let settings = json!({
        "time": { "zone": "Europe/Berlin" },
        "access": { "admin_password": "s3cret-of-acompany" },
        "vendor": { "linksys": { "Proxy_2_": "evil.example.com", "Both_Say": "so" } },
    });
    let company = |company: &str, settings: &Value| {
        let body = json!({ "scope": { "company": company }, "values": { "settings": settings } });
        gateway.done("update/company", body);
    };
    company("acompany", &settings);
    company("bcompany", &json!({ "vendor": { "linksys": { "Both_Say": "so" } } }));

    for login in [None, Some("ca_a")] {
        let scope = json!({ "scope": one_company });
        let answer = match login {
            None => gateway.done("preview/phone", scope),
            Some(login) => gateway.ask(login, "preview/phone", scope),
        };
        let shown = text(&answer);
        assert!(shown.contains("<Both_Say>so</Both_Say>"), "{shown}");
        assert!(!shown.contains("evil") && !shown.contains("GMT+01:00"), "{shown}");
        assert_eq!(
            answer["values"][0]["left_out"],
            json!(["time.zone", "access.admin_password", "vendor.linksys.Proxy_2_"])
        );
    }
    let other = gateway.done("preview/phone", json!({ "scope": { "phoneid": "00049f3333331" } }));
    assert!(other["values"][0].get("left_out").is_none(), "{other}");

    // In one company's hands it is all that company's.
    gateway.done(
        "assign/phone",
        json!({ "scope": { "mac": "00049f333333", "port": "1" },
                                         "values": { "company": "acompany" } }),
    );
    let answer = gateway.done("preview/phone", json!({ "scope": one_company }));
    let shown = text(&answer);
    assert!(shown.contains("evil") && shown.contains("GMT+01:00"), "{shown}");
    assert!(answer["values"][0].get("left_out").is_none(), "{answer}");
}

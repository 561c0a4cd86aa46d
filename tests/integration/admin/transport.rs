//! Paths, methods, bodies, headers of the admin API.

use serde_json::{Value, json};

use super::gateway::{Gateway, JSON, fail, read, user};

/// What a message goes on with when the body was taken as `{}`.
const NOT_READ: &str = ": the body was not read as JSON: ";

fn with_key(role: &str, mut body: Value) -> String {
    body["auth"] = json!({ "type": "auth", "key": user(role)["key"] });
    body.to_string()
}

#[test]
fn every_spelling_of_a_path_leads_to_the_command() {
    let gateway = Gateway::base();
    for path in [
        "/rest/dialplan/inactive",
        "/rest/dialplan/inactive/",
        "//rest/dialplan/inactive",
        "/rest//dialplan//inactive//",
        "/rest/dialplan/inactive/phone",
        "/rest/dialplan/inactive/phone/",
        "/rest/dialplan/inactive?x=y",
    ] {
        let body = with_key("sysadmin", json!({ "type": "phone" }));
        let answer = read(&gateway.send("POST", path, &[JSON], body));
        assert_eq!(answer["numrows"], 15, "{path}: {answer}");
    }
}

#[test]
fn the_type_on_the_path_and_in_the_body_must_agree() {
    let gateway = Gateway::base();
    let ask = |path: &str, body: Value| gateway.ask("sysadmin", path, body);
    assert_eq!(ask("inactive/phone", json!({ "type": "phone" }))["result"], "success");
    assert_eq!(ask("inactive/phone", json!({ "type": null }))["result"], "success");
    assert_eq!(ask("inactive/phone", json!({ "type": "user" })), fail("Type mismatch"));
    assert_eq!(ask("inactive", json!({ "type": 1 })), fail("type: must be a string"));
    assert_eq!(ask("inactive", json!({ "type": "Phone" })), fail("Unknown command"));
}

#[test]
fn what_is_no_command_fails_with_status_200() {
    let gateway = Gateway::base();
    for path in [
        "/rest",
        "/rest/",
        "/rest/dialplan",
        "/rest/dialplan/nothing/phone",
        "/rest/dialplan/inactive/phone/more",
        "/rest/dialplan/inactive/user",
        "/rest/call/read/cdr",
        "/rest/auth/nothing",
        "/rest/dialplan/readcal/nm",
        "/rest/dialplan/inactive%2Fphone",
    ] {
        let body = with_key("sysadmin", json!({}));
        let answer = read(&gateway.send("POST", path, &[JSON], body));
        assert_eq!(answer, fail("Unknown command"), "{path}");
    }
}

#[test]
fn outside_of_rest_there_is_nothing() {
    let gateway = Gateway::base();
    for path in ["/", "/restful", "/index.html", "/rest.php", "/health/more"] {
        let answer = gateway.send("POST", path, &[JSON], "{}");
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), fail("Not found"));
    }
}

#[test]
fn a_get_is_an_empty_object_and_other_methods_are_told_to_post() {
    let gateway = Gateway::base();
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    let cookie = [("Cookie", cookie.as_str())];
    let listed = read(&gateway.send("GET", "/rest/dialplan/inactive/phone", &cookie, ""));
    assert_eq!(listed["numrows"], 15);
    let bare = read(&gateway.send("GET", "/rest/dialplan/promote/phone", &cookie, ""));
    assert_eq!(bare, fail("phoneid required"));
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = read(&gateway.send(method, "/rest/dialplan/inactive/phone", &cookie, "{}"));
        assert_eq!(answer, fail("Use POST"), "{method}");
    }
    let head = gateway.send("HEAD", "/rest/dialplan/inactive/phone", &cookie, "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn no_page_of_another_origin_reads_an_answer_and_no_cache_keeps_it() {
    let gateway = Gateway::base();
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    let origin = ("Origin", "https://evil.example");
    let asked = ("Access-Control-Request-Method", "POST");
    for (method, path) in [
        ("POST", "/rest/dialplan/inactive/phone"),
        ("GET", "/rest/dialplan/inactive/phone"),
        ("OPTIONS", "/rest/dialplan/inactive/phone"),
        ("POST", "/rest/auth"),
        ("GET", "/health"),
        ("GET", "/nowhere"),
    ] {
        let answer = gateway.send(method, path, &[JSON, ("Cookie", &cookie), origin, asked], "{}");
        let headers = [
            ("content-type", Some("application/json")),
            ("cache-control", Some("no-store")),
            ("x-content-type-options", Some("nosniff")),
            ("content-security-policy", Some("default-src 'none'; frame-ancestors 'none'")),
            ("referrer-policy", Some("no-referrer")),
            ("cross-origin-resource-policy", Some("same-origin")),
            ("access-control-allow-origin", None),
            ("access-control-allow-credentials", None),
            ("access-control-allow-methods", None),
        ];
        for (name, value) in headers {
            assert_eq!(answer.header(name), value, "{method} {path}: {name}");
        }
        assert!(!answer.text().contains("phoneid"), "{method} {path}");
    }
}

#[test]
fn a_get_with_a_body_is_an_empty_object() {
    let gateway = Gateway::base();
    let body = with_key("sysadmin", json!({}));
    let answer = read(&gateway.send("GET", "/rest/dialplan/inactive/phone", &[JSON], body));
    assert_eq!(answer, fail("Not logged in"));
}

#[test]
fn any_content_type_is_json_but_those_of_forms() {
    let gateway = Gateway::base();
    let ask = |headers: &[(&str, &str)]| {
        let body = with_key("sysadmin", json!({ "type": "phone" }));
        read(&gateway.send("POST", "/rest/dialplan/inactive", headers, body))
    };
    for content_type in ["text/plain", "application/json; charset=utf-8", "image/png", "nonsense"] {
        assert_eq!(ask(&[("Content-Type", content_type)])["numrows"], 15, "{content_type}");
    }
    assert_eq!(ask(&[])["numrows"], 15);
    for content_type in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
    ] {
        let essence = content_type.split(';').next().unwrap().to_ascii_lowercase();
        let why = format!(
            "Not logged in: the body was not read as JSON: its Content-Type is {essence}, that of a \
             form, not application/json"
        );
        assert_eq!(ask(&[("Content-Type", content_type)]), fail(&why), "{content_type}");
    }
}

#[test]
fn what_is_no_json_object_is_an_empty_one() {
    let gateway = Gateway::base();
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    let headers = [JSON, ("Cookie", cookie.as_str())];
    let unknown = |body: &[u8], why: &str| {
        let answer = read(&gateway.send("POST", "/rest/dialplan/inactive", &headers, body));
        let why = if why.is_empty() { String::new() } else { format!("{NOT_READ}{why}") };
        assert_eq!(answer, fail(&format!("Unknown command{why}")));
        let answer = read(&gateway.send("POST", "/rest/dialplan/inactive/phone", &headers, body));
        assert_eq!(answer["numrows"], 15);
    };
    for (body, why) in [
        ("", ""),
        ("null", "it is no JSON object"),
        ("[]", "it is no JSON object"),
        ("\"phone\"", "it is no JSON object"),
        ("{\"type\": \"phone\",}", "trailing comma at line 1 column 18"),
        ("{type: \"phone\"}", "key must be a string at line 1 column 2"),
        ("{\"type\": \"phone\"} x", "trailing characters at line 1 column 19"),
        ("// comment\n{\"type\": \"phone\"}", "expected value at line 1 column 1"),
        ("\u{feff}{\"type\": \"phone\"}", "expected value at line 1 column 1"),
        ("{'type': 'phone'}", "key must be a string at line 1 column 2; JSON has double quotes"),
    ] {
        unknown(body.as_bytes(), why);
    }
    unknown(b"{\"type\": \"ph\xffne\"}", "it is not UTF-8");
}

#[test]
fn a_key_in_what_was_not_read_is_said_to_be_unread() {
    let gateway = Gateway::base();
    let body = r#"{'type': 'phone', 'auth': {'type': 'auth', 'key': 'KEY-sysadmin'}}"#;
    let answer = read(&gateway.send("POST", "/rest/dialplan/inactive", &[JSON], body));
    let why = "key must be a string at line 1 column 2; JSON has double quotes";
    assert_eq!(answer, fail(&format!("Not logged in{NOT_READ}{why}")));
}

#[test]
fn the_pages_own_examples_do_nothing_with_a_missing_comma() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    let headers = [JSON, ("Cookie", cookie.as_str())];
    let scope = "{\n \"type\": \"phone\"\n \"scope\": {\n \"mac\": \"0004f2222222\"\n },\n \
                 \"values\": {\n \"company\": \"bcompany\"\n }\n}";
    for (path, message) in [
        ("assign", "Unknown command"),
        ("assign/phone", "mac or phoneid required"),
        ("promote/phone", "phoneid required"),
        ("demote/phone", "phoneid required"),
    ] {
        let path = format!("/rest/dialplan/{path}");
        let message = format!("{message}{NOT_READ}expected `,` or `}}` at line 3 column 2");
        assert_eq!(read(&gateway.send("POST", &path, &headers, scope)), fail(&message), "{path}");
    }
    assert_eq!(gateway.lists(), before);
}

#[test]
fn unknown_keys_of_the_body_are_ignored() {
    let gateway = Gateway::base();
    let body = json!({ "columns": ["phoneid"], "order": { "created": "desc" }, "extra": [1] });
    assert_eq!(gateway.done("inactive/phone", body)["numrows"], 15);
}

#[test]
fn a_body_over_the_limit_is_413() {
    let gateway = Gateway::base();
    let body = vec![b' '; (1 << 20) + 1];
    let answer = gateway.send("POST", "/rest/dialplan/inactive", &[JSON], body);
    assert_eq!(answer.status, 413);
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json, fail("the body is longer than 1048576 bytes"));
}

#[test]
fn answers_are_kept_from_caches_frames_and_guessing() {
    let gateway = Gateway::base();
    let answer = gateway.send("POST", "/rest/dialplan/inactive", &[JSON], "{}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let cors = answer.headers.iter().find(|(name, _)| name.starts_with("access-control"));
    assert_eq!(cors, None);
}

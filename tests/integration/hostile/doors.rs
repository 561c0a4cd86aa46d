//! The ways in.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dialtone::simulator::lab_ca::CA;
use serde_json::{Value, json};

use super::inputs::{MARK, escaped};
use super::{Lab, PHONE, SENDER, WAITING};
use crate::support::http;
use crate::support::pki::Years;
use crate::support::tls;

const T46G: &str = "Yealink SIP-T46G 28.83.0.120";
const POLYCOM: &str = "FileTransport PolycomSoundPointIP-SPIP_335-UA/3.2.1.0078";

/// One request, byte for byte. Nothing of it is in the head of the answer, nor in a refusal.
fn send(address: SocketAddr, request: &[&[u8]]) {
    let Ok(mut stream) = http::connect(address) else { return };
    // Who is refused may not be read to the end.
    let _ = stream.write_all(&request.concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    nothing_is_said_back(&answer);
}

fn nothing_is_said_back(answer: &[u8]) {
    let answer = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    assert!(!head.contains(MARK), "{head}");
    // A file is the phone's, and what a body of the API repeats is read elsewhere.
    let is_refusal = !head.starts_with("http/1.1 2");
    assert!(!is_refusal || !body.contains(MARK), "{answer}");
}

/// Each part of a request that is recorded or read.
pub(super) fn of_phones(lab: &Lab, input: &[u8]) {
    const END: &[u8] = b" HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n";
    let (http, escaped) = (lab.process.http, escaped(input));
    let (phone, waiting) = (format!("/{PHONE}.cfg"), format!("/{WAITING}.cfg"));
    for part in [input, &escaped] {
        send(http, &[b"GET /", part, b"/", phone.as_bytes(), END]);
        send(http, &[b"GET /", part, waiting.as_bytes(), END]);
        send(http, &[b"GET ", phone.as_bytes(), b"?x=", part, END]);
        send(http, &[b"GET ", waiting.as_bytes(), b"?mac=", part, END]);
        send(http, &[b"GET ", waiting.as_bytes(), b"?", part, b"=1", END]);
        send(http, &[b"GET /", part, END]);
        send(http, &[b"GET http://", part, phone.as_bytes(), END]);
        let to = format!("PUT /{SENDER}-");
        let head = format!(
            ".log HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nUser-Agent: {POLYCOM}\r\nContent-Length: 4\r\n\r\nlog\n"
        );
        send(http, &[to.as_bytes(), part, head.as_bytes()]);
    }
    let basic = STANDARD.encode([input, b":", input].concat());
    let headers: [(&str, &[u8]); 13] = [
        ("User-Agent: ", input),
        ("User-Agent: Yealink SIP-T46G 28.83.0.120 ", input),
        ("User-Agent: Polycom/1.0 (", input),
        ("X-Forwarded-For: ", input),
        ("X-Forwarded-For: 192.0.2.1, ", input),
        ("Forwarded: for=", input),
        ("X-Forwarded-Proto: ", input),
        ("X-Aastra-ExpMod1: ", input),
        ("Authorization: ", input),
        ("Authorization: Digest nonce=\"0\", uri=\"/\", response=\"0\", username=\"", input),
        ("Authorization: Basic ", basic.as_bytes()),
        ("If-None-Match: ", input),
        ("Origin: ", input),
    ];
    for (name, value) in headers {
        for file in [&phone, &waiting] {
            let head = format!("GET {file} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n{name}");
            send(http, &[head.as_bytes(), value, b"\r\n\r\n"]);
        }
    }
    send(
        http,
        &[
            b"GET ",
            waiting.as_bytes(),
            b" HTTP/1.1\r\nConnection: close\r\nHost: ",
            input,
            b"\r\n\r\n",
        ],
    );
    send(http, &[input, b" ", waiting.as_bytes(), END]);
}

/// The subject of a phone's certificate, and the name that a client asks for.
pub(super) fn of_certificates(lab: &Lab, text: &str) {
    let https = lab.process.https.expect("it listens with TLS");
    let trusted = lab.dir.path().join("lab").join(CA);
    // X.520 has at most 64 characters there; others write more.
    let short: String = text.chars().take(2_000).collect();
    let identity = lab.authority.phone(&short, Years(-1, 1));
    let target = format!("/{WAITING}.cfg");
    if let Some(stream) = tls::connect(https, &trusted, Some(identity)) {
        let answer = http::exchange(stream, "GET", &target, &[("User-Agent", T46G)], b"");
        assert!(answer.is_none_or(|answer| answer.status == 404));
    }
    let name: String = text.chars().filter(|c| *c != '\0').take(200).collect();
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-no_ign_eof", "-connect", &https.to_string()])
        .args(["-servername", &name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let request = format!("GET {target} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n");
    let _ = client.stdin.take().expect("it is piped").write_all(request.as_bytes());
    nothing_is_said_back(&client.wait_with_output().unwrap().stdout);
}

/// What an administrator of a company can name, and what those try who want to be one.
pub(super) fn of_administrators(lab: &Lab, text: &str) {
    let phoneid = json!({ "phoneid": format!("{PHONE}0") });
    let line = |field: &str| json!({ "settings": { "lines": { "1": { field: text } } } });
    let vendor = |name: &str, value: &str| json!({ "settings": { "vendor": { "yealink": { name: value } } } });
    let company = json!({ "company": "acme" });
    for (verb, of, scope, values) in [
        ("update", "phone", &phoneid, json!({ "name": text })),
        ("update", "phone", &phoneid, line("display_name")),
        ("update", "phone", &phoneid, line("label")),
        ("update", "phone", &phoneid, line(text)),
        ("update", "phone", &phoneid, vendor("account.1.shared_line_callpull_code", text)),
        ("update", "phone", &phoneid, vendor(text, "1")),
        ("update", "phone", &phoneid, json!({ "phone_type": text })),
        ("update", "phone", &phoneid, json!({ text: text })),
        ("update", "company", &company, json!({ "name": text })),
        ("update", "company", &company, line("display_name")),
        ("create", "company", &Value::Null, json!({ "company": text, "name": text })),
        ("create", "user", &Value::Null, json!({ "login": text, "name": text, "key": true })),
        (
            "create",
            "ban",
            &Value::Null,
            json!({ "network": "203.0.113.9", "minutes": 1, "reason": text }),
        ),
        ("create", "phone", &Value::Null, json!({ "mac": text, "company": text })),
        ("promote", "phone", &json!({ "phoneid": text }), json!({ "company": text })),
        ("read", "phone", &json!({ "company": text }), Value::Null),
        ("requests", "phone", &json!({ "mac": text }), Value::Null),
        (
            "uploads",
            "phone",
            &json!({ "phoneid": format!("{SENDER}0"), "file": text }),
            Value::Null,
        ),
        ("preview", "phone", &json!({ "phoneid": format!("{PHONE}0"), "file": text }), Value::Null),
        ("events", "user", &json!({ "login": text }), Value::Null),
        ("delete", "user", &json!({ "login": text }), Value::Null),
        (text, text, &Value::Null, Value::Null),
    ] {
        for key in [&lab.company_key, &lab.root_key] {
            let mut body =
                json!({ "type": of, "scope": scope, "auth": { "type": "auth", "key": key } });
            if !values.is_null() {
                body["values"] = values.clone();
            }
            post(lab, verb, &body.to_string());
        }
    }
    let login = json!({ "auth": { "type": "auth", "username": text, "password": text } });
    post(lab, "", &login.to_string());
    let key = json!({ "auth": { "type": "auth", "key": text } });
    post(lab, "active/phone", &key.to_string());
    post(lab, "active/phone", text);
    for written in
        [format!("\"{text}\""), "\"evil\\ud800\"".to_owned(), "\"evil\\u001b[1m\"".to_owned()]
    {
        let auth = json!({ "type": "auth", "key": lab.company_key });
        let scope = format!("{{\"phoneid\": {written}}}");
        post(lab, "promote", &format!(r#"{{"type":"phone","auth":{auth},"scope":{scope}}}"#));
    }
}

fn post(lab: &Lab, verb: &str, body: &str) {
    let path = if verb.is_empty() { "auth".to_owned() } else { format!("dialplan/{verb}") };
    let head = format!(
        "POST /rest/{path} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let Ok(mut stream) = http::connect(lab.process.admin) else { return };
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.map_or(answer.len(), |at| at + 4));
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    assert!(!head.contains(MARK), "{head}");
    super::outputs::assert_clean("an answer to who asked", body);
}

/// Who walks MACs, with what stays as evidence.
pub(super) fn of_who_is_banned(lab: &Lab) {
    let inputs = super::inputs();
    for (number, input) in inputs.iter().cycle().take(40).enumerate() {
        let escaped = escaped(&input[..input.len().min(200)]);
        let line = format!("GET /0004f2b{number:05x}.cfg?");
        let head = b" HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.7\r\nUser-Agent: ";
        send(lab.process.http, &[line.as_bytes(), &escaped, head, input, b"\r\n\r\n"]);
    }
}

/// How many lines the active phone's file has: nothing that was set adds one.
pub(super) fn lines_of_file(lab: &Lab) -> usize {
    let file = http::get(lab.process.http, &format!("/{PHONE}.cfg"), Some(T46G));
    assert_eq!(file.status, 200);
    assert!(!file.text().contains("50337"), "a template was made of a value: {}", file.text());
    let names = file.text().lines().map(|line| line.split('=').next().unwrap_or_default());
    let names: std::collections::BTreeSet<_> = names.collect();
    names.len()
}

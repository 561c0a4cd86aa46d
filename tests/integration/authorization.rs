//! Phones that are asked for credentials: by real clients, and by who has none.

use std::fs;
use std::path::Path;
use std::process::Command;

use dialtone::domain::{Counted, DigestAlgorithm, DigestResponse};
use dialtone::handset::Challenge;
use serde_json::json;

use crate::support::http::{self, Answer};
use crate::support::{Gateway, eventually};

const ACTIVE: &str = "0015654aa937";
const INACTIVE: &str = "0015654aa938";
const UNKNOWN: &str = "0015654aa939";
const FILE: &str = "/0015654aa937.cfg";

/// An active phone whose settings have `dev` and `s3cret`, and one that waits.
fn gateway(challenge: Challenge) -> Gateway {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.authorization.challenge = challenge;
    });
    let values = json!({ "mac": ACTIVE, "company": "default", "phone_type": "t46u",
        "settings": { "provisioning": { "user": "dev", "password": "s3cret" } } });
    gateway.done("create", json!({ "type": "phone", "values": values }));
    gateway.get(&format!("/{INACTIVE}.cfg"), None);
    gateway
}

/// What curl prints: the statuses of all answers, and the last body.
fn curl(gateway: &Gateway, options: &[&str], url: &str) -> (Vec<u16>, String) {
    let [heads, body] = ["heads", "body"].map(|name| gateway.dir().join(name));
    let _ = fs::remove_file(&body);
    let mut command = Command::new("curl");
    command.args(["-s", "--noproxy", "*", "--max-time", "20"]).args(options);
    command.arg("-D").arg(&heads).arg("-o").arg(&body).arg(url);
    command.arg("--cacert").arg(gateway.dir().join("certs/self-signed.pem"));
    let ended = command.status().expect("curl runs");
    assert!(ended.success(), "{options:?}: {ended}");
    let heads = fs::read_to_string(heads).unwrap();
    let statuses = heads.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    let statuses = statuses.map(|line| line[..3].parse().unwrap()).collect();
    (statuses, fs::read_to_string(body).unwrap_or_default())
}

fn urls(gateway: &Gateway, file: &str) -> [String; 2] {
    let https = gateway.https().port();
    [format!("http://{}{file}", gateway.http()), format!("https://localhost:{https}{file}")]
}

#[test]
fn curl_gets_the_file_with_each_digest() {
    for challenge in [Challenge::DigestMd5, Challenge::DigestSha256, Challenge::Digest] {
        let gateway = gateway(challenge);
        for url in urls(&gateway, FILE) {
            for scheme in ["--digest", "--anyauth"] {
                let (statuses, body) = curl(&gateway, &[scheme, "-u", "dev:s3cret"], &url);
                assert_eq!(statuses, [401, 200], "{url} {scheme}");
                assert!(body.contains("#!version:1.0.0.1"), "{body}");
                let (statuses, body) = curl(&gateway, &[scheme, "-u", "dev:S3cret"], &url);
                assert_eq!(statuses, [401, 401], "{url} {scheme}");
                assert_eq!(body, "Unauthorized\n");
            }
            let (statuses, _) = curl(&gateway, &["--basic", "-u", "dev:s3cret"], &url);
            assert_eq!(statuses, [401], "{url}");
            assert_eq!(curl(&gateway, &[], &url).0, [401], "{url}");
        }
        let outcomes = outcomes(&gateway);
        assert!(outcomes.contains("served: "), "{outcomes}");
        assert!(outcomes.contains("challenged: it presented no credentials"), "{outcomes}");
        let wrong = "challenged: it presented a wrong user or password";
        assert!(outcomes.contains(wrong), "{outcomes}");
    }
}

/// What became of the requests of the active phone, a line each, with why.
fn outcomes(gateway: &Gateway) -> String {
    let scope = json!({ "mac": ACTIVE });
    let answer = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    let line = |entry: &serde_json::Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {}\n", text("outcome"), text("detail"))
    };
    answer["values"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn curl_uses_one_nonce_for_several_files_and_sends_one_back() {
    let gateway = gateway(Challenge::DigestMd5);
    let url = &urls(&gateway, FILE)[0];
    let twice = ["--digest", "-u", "dev:s3cret", "-o", "/dev/null", url];
    let (statuses, _) = curl(&gateway, &twice, url);
    assert_eq!(statuses, [401, 200, 401, 200], "{}", outcomes(&gateway));
    let put = ["--digest", "-u", "dev:s3cret", "-T"];
    let log = gateway.dir().join("0015654aa937-app.log");
    fs::write(&log, "hello").unwrap();
    let put = [&put[..], &[log.to_str().unwrap()]].concat();
    // No phone of the type sends a log: who has proven the password hears what there is to hear.
    assert_eq!(curl(&gateway, &put, &url.replace(".cfg", "-app.log")).0, [401, 404]);
    assert_eq!(curl(&gateway, &["-I", "--digest", "-u", "dev:s3cret"], url).0, [401, 200]);
}

#[test]
fn a_password_goes_over_tls_alone() {
    let gateway = gateway(Challenge::Basic);
    let [http, https] = urls(&gateway, FILE);
    for scheme in ["--basic", "--anyauth"] {
        let asked = if scheme == "--basic" { &[][..] } else { &[401][..] };
        let with = |password| curl(&gateway, &[scheme, "-u", password], &https);
        let (statuses, body) = with("dev:s3cret");
        assert_eq!(statuses, [asked, &[200]].concat(), "{scheme}");
        assert!(body.contains("#!version:1.0.0.1"), "{body}");
        assert_eq!(with("dev:s3cre").0, [asked, &[401]].concat(), "{scheme}");
        assert_eq!(with("Dev:s3cret").0, [asked, &[401]].concat(), "{scheme}");
    }
    // A plain listener does not ask; what is asked there besides is not this test's.
    assert_eq!(curl(&gateway, &[], &http.replace(ACTIVE, UNKNOWN)).0, [404]);
}

/// The answer to a request with those headers, without its nonce.
fn ask(gateway: &Gateway, method: &str, target: &str, header: Option<&str>) -> (Answer, String) {
    let headers: Vec<_> = header.map(|value| ("Authorization", value)).into_iter().collect();
    let mut answer = http::request(gateway.http(), method, target, &headers, b"").unwrap();
    let mut nonce = String::new();
    for (_, value) in answer.headers.iter_mut().filter(|(name, _)| name == "www-authenticate") {
        let (start, rest) = value.split_once("nonce=\"").unwrap();
        let (found, rest) = rest.split_at(43);
        nonce = found.to_owned();
        *value = format!("{start}nonce=\"N{rest}");
    }
    (answer, nonce)
}

pub(crate) fn response(nonce: &str, target: &str, [user, password]: [&str; 2]) -> String {
    let digest = DigestResponse {
        algorithm: DigestAlgorithm::Md5,
        user: user.to_owned(),
        is_user_hashed: false,
        realm: "provisioning".to_owned(),
        nonce: nonce.to_owned(),
        counted: Some(Counted { nc: "00000001".to_owned(), cnonce: "c".to_owned() }),
        method: "GET".to_owned(),
        uri: target.to_owned(),
        response: String::new(),
    };
    let response = digest.expected(user, password);
    format!(
        "Digest username=\"{user}\", realm=\"provisioning\", nonce=\"{nonce}\", uri=\"{target}\", \
         algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\", response=\"{response}\""
    )
}

/// What comes of asking with that user and password, once challenged.
pub(crate) fn prove(gateway: &Gateway, target: &str, credentials: [&str; 2]) -> Answer {
    let (_, nonce) = ask(gateway, "GET", target, None);
    ask(gateway, "GET", target, Some(&response(&nonce, target, credentials))).0
}

#[test]
fn the_challenge_is_the_same_whatever_is_asked_for() {
    let gateway = gateway(Challenge::DigestMd5);
    let (challenge, _) = ask(&gateway, "GET", FILE, None);
    assert_eq!(challenge.status, 401);
    let far = format!("/{}", "a".repeat(3_000));
    let targets = [
        FILE.to_owned(),
        format!("/{INACTIVE}.cfg"),
        format!("/{UNKNOWN}.cfg"),
        "/0015654aa937.boot".to_owned(),
        "/y000000000028.cfg".to_owned(),
        format!("/files/{ACTIVE}/a.rom"),
        "/".to_owned(),
        "/nothing".to_owned(),
        far,
    ];
    for target in &targets {
        assert_eq!(ask(&gateway, "GET", target, None).0, challenge, "{target}");
        assert_eq!(ask(&gateway, "PUT", target, None).0, challenge, "{target}");
        assert_eq!(ask(&gateway, "POST", target, None).0, challenge, "{target}");
        assert_eq!(ask(&gateway, "DELETE", target, None).0, challenge, "{target}");
        if target.len() < 300 {
            let wrong = prove(&gateway, target, ["dev", "wrong"]);
            assert_eq!(wrong, challenge, "{target}");
        }
    }
    assert_eq!(gateway.last_outcome(ACTIVE), "challenged");
    let listed = gateway.inactive();
    assert!(listed.iter().any(|(id, _)| *id == format!("{UNKNOWN}0")), "{listed:?}");
}

#[test]
fn each_device_proves_its_own_credentials_and_others_those_of_all() {
    let gateway = gateway(Challenge::DigestMd5);
    let status = |target: &str, credentials| prove(&gateway, target, credentials).status;
    let own = ["dev", "s3cret"];
    let [inactive, unknown] = [INACTIVE, UNKNOWN].map(|mac| format!("/{mac}.cfg"));
    assert_eq!(status(FILE, own), 200);
    for target in [&*inactive, &unknown, "/y000000000028.cfg", "/nothing"] {
        assert_eq!(status(target, own), 401, "{target}");
        assert_eq!(status(target, ["", ""]), 401, "{target}");
    }
    let all = json!({ "provisioning": { "user": "all", "password": "0f all" } });
    gateway.done("update", json!({ "type": "settings", "values": { "settings": all } }));
    let of_all = ["all", "0f all"];
    for target in [&*inactive, &unknown, "/nothing", "/0015654aa93a.cfg"] {
        assert_eq!(status(target, of_all), 404, "{target}");
        assert_eq!(status(target, own), 401, "{target}");
    }
    assert_eq!(status(FILE, of_all), 401, "its own are others");
    assert_eq!(status("/0015654aa937.boot", own), 404, "who has proven its own hears the refusal");
    let own = json!({ "provisioning": { "user": null, "password": null } });
    gateway.set(&format!("{ACTIVE}0"), own);
    assert_eq!(status(FILE, of_all), 200);
    let changed = || status(FILE, ["dev", "s3cret"]) == 401;
    eventually("those from before are no proof any more", changed);
    gateway.promote(&format!("{INACTIVE}0"));
    assert_eq!(status(&inactive, of_all), 200);
}

pub(crate) fn set(gateway: &Gateway, of: &str, scope: serde_json::Value, password: &str) {
    let settings = json!({ "provisioning": { "user": "dev", "password": password } });
    let values = json!({ "settings": settings });
    gateway.done("update", json!({ "type": of, "scope": scope, "values": values }));
}

/// The old credentials are proof until the phone came with those that its file told it.
#[test]
fn other_credentials_lock_no_phone_out() {
    let phone = json!({ "phoneid": format!("{ACTIVE}0") });
    for (of, scope) in [("phone", phone.clone()), ("company", json!({ "company": "default" }))] {
        let gateway = gateway(Challenge::DigestMd5);
        set(&gateway, of, scope.clone(), "s3cret");
        if of == "company" {
            // Nothing of its own above its company's.
            let values = json!({ "settings": { "provisioning": null } });
            gateway.done("update", json!({ "type": "phone", "scope": phone, "values": values }));
        }
        let with = |password| prove(&gateway, FILE, ["dev", password]);
        assert_eq!(with("s3cret").status, 200, "{of}");
        set(&gateway, of, scope.clone(), "another");
        for _ in 0..2 {
            let answer = with("s3cret");
            assert_eq!(answer.status, 200, "{of}");
            assert!(answer.text().contains("auto_provision.server.password = another"));
        }
        assert_eq!(with("wrong").status, 401, "{of}");
        assert_eq!(with("another").status, 200, "{of}");
        eventually("the old one is no proof any more", || with("s3cret").status == 401);
        assert_eq!(with("another").status, 200, "{of}");
        // What is shown of it tells none.
        let shown = gateway.done("read", json!({ "type": of, "scope": scope })).to_string();
        assert!(!shown.contains("s3cret") && !shown.contains("another"), "{shown}");
    }
}

/// All companies knew it.
#[test]
fn what_all_had_before_is_no_proof_of_who_has_its_own() {
    let gateway = gateway(Challenge::DigestMd5);
    let all = |password| {
        let settings = json!({ "provisioning": { "user": "all", "password": password } });
        gateway.done("update", json!({ "type": "settings", "values": { "settings": settings } }));
    };
    all("one of all");
    all("two of all");
    let status = |credentials| prove(&gateway, FILE, credentials).status;
    assert_eq!(status(["all", "one of all"]), 401, "the phone has its own");
    let own = json!({ "provisioning": null });
    gateway.set(&format!("{ACTIVE}0"), own);
    assert_eq!(status(["all", "one of all"]), 200, "it has what all have");
    set(&gateway, "company", json!({ "company": "default" }), "its own");
    assert_eq!(status(["all", "one of all"]), 401, "its company has its own");
    assert_eq!(status(["dev", "its own"]), 200);
}

#[test]
fn no_answer_is_taken_twice_nor_for_another_request() {
    let gateway = gateway(Challenge::DigestMd5);
    let own = ["dev", "s3cret"];
    let (challenge, nonce) = ask(&gateway, "GET", FILE, None);
    let right = response(&nonce, FILE, own);
    assert_eq!(ask(&gateway, "HEAD", FILE, Some(&right)).0.status, 401, "another method");
    assert_eq!(ask(&gateway, "GET", FILE, Some(&right)).0, challenge, "which has used it");
    let (_, nonce) = ask(&gateway, "GET", FILE, None);
    let right = response(&nonce, FILE, own);
    assert_eq!(ask(&gateway, "GET", "/0015654aa937.cfg?a", Some(&right)).0, challenge);
    assert_eq!(ask(&gateway, "GET", FILE, Some(&right)).0.status, 200);
    assert_eq!(ask(&gateway, "GET", FILE, Some(&right)).0, challenge);
    let invented = response("dcd98b7102dd2f0e8b11d0f600bfb0c093aaaaaaaaa", FILE, own);
    assert_eq!(ask(&gateway, "GET", FILE, Some(&invented)).0, challenge);
}

#[test]
fn a_nonce_of_before_a_restart_is_stale() {
    let gateway = gateway(Challenge::DigestMd5);
    let key = gateway.key().to_owned();
    let (challenge, nonce) = ask(&gateway, "GET", FILE, None);
    let dir = gateway.stop();
    let again = Gateway::start_with(|config, _| {
        config.handset.authorization.challenge = Challenge::DigestMd5;
        config.store.url = url(dir.path());
    })
    .with_key(&key);
    let right = response(&nonce, FILE, ["dev", "s3cret"]);
    let (answer, nonce) = ask(&again, "GET", FILE, Some(&right));
    let asked = answer.header("www-authenticate").unwrap();
    let before = challenge.header("www-authenticate").unwrap();
    assert_eq!(asked, format!("{before}, stale=true"));
    let right = response(&nonce, FILE, ["dev", "s3cret"]);
    assert_eq!(ask(&again, "GET", FILE, Some(&right)).0.status, 200);
}

fn url(dir: &Path) -> dialtone::store::StoreUrl {
    format!("sqlite:{}", dir.join("dialtone.db").display()).parse().unwrap()
}

//! Scenarios against gateways that do wrong: the report must say so.

use std::time::Duration;

use serde_json::{Value, json};

use super::gateway::{Gateway, Reply, ok, status};
use super::*;
use crate::simulator::lab::Expect;
use crate::simulator::operator::{CallError, Operator};
use crate::simulator::report::{Report, RunResult, Start};
use crate::simulator::scenario::{Office, Scan, Steady, onboard, scan, steady};

fn reply(value: &Value) -> Reply {
    ok(value.to_string())
}

async fn operator(gateway: &Gateway) -> Arc<Operator> {
    let target = GatewayUrl::resolve(&gateway.url, false).await.unwrap();
    let dialer = Dialer::new(vec![target], DialOptions::default()).unwrap();
    Arc::new(Operator::new(Arc::new(dialer), None, "the-key".to_owned()))
}

#[tokio::test]
async fn an_operator_sends_its_key_and_counts_what_fails() {
    let gateway = Gateway::start(|_, before| match before {
        0 => reply(&json!({ "result": "success", "numrows": 1 })),
        1 => reply(&json!({ "result": "fail", "message": "Phone not found" })),
        2 => ok("<html>"),
        3 => reply(&json!({})),
        _ => status(500),
    })
    .await;
    let operator = operator(&gateway).await;
    let (body, now) = (json!({ "type": "phone" }), std::time::Instant::now);
    let answer = operator.call("promote", body.clone(), now()).await.unwrap();
    assert_eq!(answer["numrows"], 1);
    let asked = gateway.asked();
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str()),
        ("POST", "/p/rest/dialplan/promote")
    );
    let sent: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(sent, json!({ "type": "phone", "auth": { "type": "auth", "key": "the-key" } }));

    let mut errors = Vec::new();
    for _ in 0..4 {
        errors.push(operator.call("promote", body.clone(), now()).await.unwrap_err().to_string());
    }
    assert_eq!(errors[0], "Phone not found");
    assert!(errors[1].starts_with("the reply is not what the API promises"), "{}", errors[1]);
    assert_eq!(errors[2], CallError::NotAReply("there is no `result`".to_owned()).to_string());
    assert_eq!(errors[3], "status 500 Internal Server Error");
    let calls = &operator.calls()["promote"];
    assert_eq!((calls.latency.count(), calls.failed), (5, 4));
    assert_eq!(calls.example.as_deref(), Some("Phone not found"));

    // Made late, because the call before it took long.
    let due = now() - Duration::from_secs(5);
    operator.call("assign", body, due).await.unwrap_err();
    assert!(operator.calls()["assign"].latency.max_ms() >= 4900.0, "of two digits");
}

async fn onboarded(user_of: fn(&str) -> String, listed: bool) -> Report {
    let gateway = Gateway::start(move |head, before| {
        let path = head.uri.path();
        match path.strip_prefix("/p/").unwrap() {
            // Two phones, two files each, before anything is promoted.
            file if before < 4 && file.ends_with(".xml") => status(404),
            file if file.ends_with(".xml") => {
                let mac = file.trim_start_matches(char::is_lowercase).trim_end_matches(".xml");
                let user = user_of(&mac.to_lowercase());
                ok(format!(
                    "<phone><line no=\"1\"><user>{user}</user><server>pbx</server></line></phone>"
                ))
            }
            "rest/dialplan/inactive" if !listed => {
                reply(&json!({ "result": "success", "numrows": 0, "values": [] }))
            }
            "rest/dialplan/inactive" => {
                let fleet = Plan { phones: 2, mix: parse_mix("x1").unwrap(), seed: 5 };
                let fleet = Fleet::build(&catalogue(), &fleet).unwrap();
                let rows: Vec<Value> = fleet
                    .members
                    .iter()
                    .map(|own| json!({ "phoneid": format!("{}0", own.mac), "phone_type": "x1" }))
                    .collect();
                reply(&json!({ "result": "success", "numrows": 2, "values": rows }))
            }
            _ => reply(&json!({ "result": "success", "numrows": 1 })),
        }
    })
    .await;
    let (lab, phones) = lab(&gateway.url, 2, "x1", None).await;
    let office = Office {
        operators: vec![operator(&gateway).await],
        companies: vec!["default".to_owned()],
        registrar: "pbx".to_owned(),
    };
    let start = Start::now();
    let result = onboard(&lab, phones, &office, Duration::ZERO).await;
    Report::new("onboard", &lab, 2, start, &result)
}

#[tokio::test]
async fn a_phone_with_another_phones_line_is_not_onboarded() {
    let right = onboarded(|mac| format!("sim{mac}e1"), true).await;
    assert!(right.as_expected, "{}", right.table());
    let wrong = onboarded(|_| "sim00a0bc000000e1".to_owned(), true).await;
    assert!(!wrong.as_expected);
    assert_eq!(wrong.phases[2].unexpected, 2, "{}", wrong.table());
    let unlisted = onboarded(|mac| format!("sim{mac}e1"), false).await;
    assert!(!unlisted.as_expected);
    assert!(unlisted.findings[0].what.starts_with("of 2 phones, 2 are not listed"));
}

async fn scanned(answer: fn(usize) -> Reply) -> Report {
    let gateway = Gateway::start(move |_, before| answer(before)).await;
    let (lab, phones) = lab(&gateway.url, 1, "a1", None).await;
    let plan = Scan {
        model: phones[0].member.model.clone(),
        first: "00a0ba000000".parse().unwrap(),
        requests: 20,
        requests_per_s: 10_000.0,
        workers: 2,
        tls: None,
    };
    let start = Start::now();
    let result = scan(&lab, &plan).await;
    let paths = gateway.paths();
    assert!(paths.contains(&"GET /p/00a0ba000013.cfg".to_owned()), "{paths:?}");
    Report::new("scan", &lab, 1, start, &result)
}

#[tokio::test]
async fn a_scan_tells_refusals_apart_and_what_was_served() {
    let alike = scanned(|_| status(404)).await;
    assert!(alike.as_expected, "{}", alike.table());
    assert_eq!(alike.findings[0].what, "all refusals look alike");

    let told = scanned(|before| if before == 7 { status(403) } else { status(404) }).await;
    assert!(!told.as_expected);
    assert!(
        told.findings[0].what.starts_with("there are 2 kinds of refusal: "),
        "{}",
        told.table()
    );

    let served = scanned(|before| if before == 7 { ok("secret") } else { status(404) }).await;
    assert!(!served.as_expected);
    assert_eq!(served.phases[0].unexpected, 1, "{}", served.table());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resync_is_due_at_its_time_though_the_last_was_slow() {
    let gateway = Gateway::start(|_, before| {
        if before == 0 {
            // Holds the one connection's task up, as a gateway that stalls would.
            std::thread::sleep(Duration::from_millis(300));
        }
        ok("<phone><line no=\"1\"><user>2</user><server>pbx</server></line></phone>")
    })
    .await;
    let (lab, phones) = lab(&gateway.url, 1, "x1", None).await;
    let plan = Steady {
        period: Duration::from_millis(50),
        duration: Duration::from_millis(290),
        expect: Expect::configured(),
    };
    let start = Start::now();
    let result = steady(&lab, phones, &plan).await;
    assert_eq!(lab.live.requests.load(std::sync::atomic::Ordering::Relaxed), 12);
    let report = Report::new("steady", &lab, 1, start, &result);
    assert!(report.as_expected, "{}", report.table());
    // Six were due, and those behind the slow one waited for it: 300, 250, 200, ...
    assert_eq!(report.phases[0].boots, 6);
    assert!(report.phases[0].boot_ms.p50 > 100.0, "{}", report.table());
    // The delay is the gateway's and not to be taken off as the simulator's own.
    assert!(report.phases[0].lag_ms.max < 200.0, "{}", report.table());
}

#[tokio::test]
async fn a_report_has_the_errors_of_each_file_also_those_that_passed() {
    let gateway = Gateway::start(|head, before| match (before, head.uri.path()) {
        (0, _) => status(503),
        (_, path) if path.contains("/base") => ok("<phone/>"),
        _ => ok("<phone>"),
    })
    .await;
    let (lab, phones) = lab(&gateway.url, 1, "x1", None).await;
    let mut lab = Arc::into_inner(lab).unwrap();
    lab.habits.retries = Some(1);
    let lab = Arc::new(lab);
    let start = Start::now();
    let anything = Expect::anything();
    let (phones, first) = lab.boot_all("1", phones, Duration::ZERO, &anything).await;
    let (_, second) = lab.boot_all("2", phones, Duration::ZERO, &anything).await;
    let phases = vec![first, second];
    let result = RunResult { phases, ..Default::default() };
    let json: Value =
        serde_json::from_str(&Report::new("storm", &lab, 1, start, &result).json()).unwrap();
    let errors = |phase: usize, file: usize| &json["phases"][phase]["files"][file]["errors"];
    assert_eq!(errors(0, 0), &json!({ "status 503": 1 }));
    assert_eq!(errors(0, 1), &json!({ "unreadable file": 1 }));
    assert_eq!(errors(1, 0), &json!({}));
    // A phase has what came on the wire in its own time.
    let connections = |phase: usize| json["phases"][phase]["wire"]["connections"].as_u64();
    assert_eq!((connections(0), connections(1)), (Some(3), Some(2)));
}

#[tokio::test]
async fn a_report_is_json_with_every_figure() {
    let gateway = Gateway::start(|_, _| status(404)).await;
    let (lab, phones) = lab(&gateway.url, 3, "a1", None).await;
    let start = Start::now();
    let (_, phase) = lab.boot_all("boot 1", phones, Duration::ZERO, &Expect::configured()).await;
    let result = RunResult { phases: vec![phase], ..Default::default() };
    let report = Report::new("storm", &lab, 3, start, &result);
    let json: Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["as_expected"], false);
    let phase = &json["phases"][0];
    assert_eq!((&phase["refused"], &phase["unexpected"]), (&json!(3), &json!(3)));
    assert_eq!(phase["files"][1]["file"], "{mac}.cfg");
    assert_eq!(phase["files"][1]["endings"]["refused"], 3);
    assert!(phase["boot_ms"]["p99_9"].as_f64().unwrap() > 0.0);
    assert_eq!(json["wire"]["connections"], 3);
    assert_eq!(
        (&phase["wire"]["connections"], &phase["wire"]["tls_handshakes"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(phase["wire"]["bytes_received"], json["wire"]["bytes_received"]);
    // The first file opens the connection, the others use it.
    let opened = |file: usize| &phase["files"][file]["connections"];
    assert_eq!((opened(0), opened(1), opened(2)), (&json!(3), &json!(0), &json!(0)));
    assert!(json["wire"]["bytes_received"].as_u64().unwrap() > 0);
    assert!(json["own"]["cpu_us_per_request"].as_f64().unwrap() > 0.0);
    assert_eq!(phase["errors"][0]["kind"], "unexpected outcome");
    assert!(report.table().contains("NOT AS EXPECTED"));
}

//! What takes long is done in turns, and nobody has them all.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::gateway::{Gateway, JSON, user};
use crate::support::http::Answer;

/// Previews of one company's admin that are asked for together.
const MANY: usize = 40;

fn preview(gateway: &Gateway, role: &str) -> Answer {
    let body = json!({
        "auth": { "type": "auth", "key": user(role)["key"] },
        "scope": { "phoneid": "00049f3333330" },
    });
    gateway.send("POST", "/rest/dialplan/preview/phone", &[JSON], body.to_string())
}

#[test]
fn what_one_company_asks_for_waits_for_itself_and_holds_nobody_up() {
    let gateway = Gateway::base();
    let answered = AtomicUsize::new(0);
    let began = Barrier::new(MANY + 1);
    let before = thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| {
                began.wait();
                assert_eq!(preview(&gateway, "ca_a").status, 200);
                answered.fetch_add(1, Ordering::SeqCst);
            });
        }
        began.wait();
        while answered.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(preview(&gateway, "sysadmin").status, 200);
        answered.load(Ordering::SeqCst)
    });
    assert!(before < MANY / 2, "{before} of {MANY} went first");
}

#[test]
fn who_has_no_turn_in_time_is_told_when_to_come_again() {
    let gateway = Gateway::base_with_place_timeout(Duration::ZERO);
    let began = Barrier::new(MANY);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let ask = || {
            began.wait();
            preview(&gateway, "ca_a")
        };
        let asking: Vec<_> = (0..MANY).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (done, busy): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!done.is_empty() && !busy.is_empty(), "{} and {}", done.len(), busy.len());
    for answer in busy {
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("5")));
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let message = "Too much is being done for you already: ask for less at a time";
        assert_eq!(said, json!({ "result": "fail", "message": message }));
    }
    assert_eq!(preview(&gateway, "ca_a").status, 200, "it came again");
}

#[test]
fn a_change_whose_warnings_find_no_turn_is_made_and_says_so() {
    let gateway = Gateway::base_with_place_timeout(Duration::ZERO);
    let is_over = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    preview(&gateway, "ca_a");
                }
            });
        }
        // Sooner or later a change meets a preview.
        let told = (0..2_000).find_map(|number| {
            let values = json!({ "name": format!("name {number}") });
            let body = json!({ "scope": { "phoneid": "00049f3333330" }, "values": values });
            let answer = gateway.ask("ca_a", "update/phone", body);
            assert_eq!((&answer["result"], &answer["numrows"]), (&json!("success"), &json!(1)));
            let warnings = answer["warnings"].as_array()?;
            warnings.iter().find(|said| said.to_string().contains("was not looked for")).cloned()
        });
        is_over.store(true, Ordering::SeqCst);
        told
    });
    assert_eq!(
        told.unwrap(),
        "it is done, and what does not reach the phone was not looked for: Too much is being done \
         for you already: ask for less at a time; preview phone says it"
    );
}

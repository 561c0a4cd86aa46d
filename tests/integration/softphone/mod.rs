//! A real softphone, Debian's `linphonec`: refused and listed, promoted, configured,
//! registered with the line it was given; and one that proves a password for its file.

mod linphone;
mod registrar;

use std::time::Duration;

use dialtone::handset::Challenge;
use serde_json::json;

use crate::support::Gateway;
use linphone::Linphone;
use registrar::{Registrar, Registration};

const MAC: &str = "00d0f1000001";
/// It starts, resolves, fetches and registers within two seconds on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(60);

fn boots_and_registers(
    url: impl Fn(&Gateway) -> String,
    ca: impl Fn(&Gateway) -> Option<std::path::PathBuf>,
) {
    let gateway = Gateway::start();
    let registrar = Registrar::bind();
    let phone = Linphone::new(&url(&gateway), ca(&gateway).as_deref());

    let running = phone.start();
    let id = format!("{MAC}0");
    running.wait_until(TIMEOUT, || gateway.inactive() == [(id.clone(), "linphone".to_owned())]);
    running.stop();
    assert!(!registrar.heard_anything(), "a refused phone has nothing to register with");

    gateway.promote(&id);
    let address = registrar.address();
    gateway.set(
        &id,
        json!({ "lines": { "1": {
        "user": "alice",
        "auth_user": "alice-auth",
        "password": "correct horse",
        "registrar": address.ip().to_string(),
        "registrar_port": address.port(),
        "display_name": "Alice \"A\" <b>",
    } } }),
    );
    let running = phone.start();
    let registration = registrar.registration("correct horse", TIMEOUT);
    running.stop();
    let expected = Registration {
        // As it goes over the line: quotes within quotes have a backslash (RFC 3261 section 25.1).
        name: r#""Alice \"A\" <b>""#.to_owned(),
        user: "alice".to_owned(),
        auth_user: "alice-auth".to_owned(),
    };
    assert_eq!(registration, expected);
}

#[test]
fn linphone_boots_and_registers_over_http() {
    boots_and_registers(
        |gateway| format!("http://{}/linphone/{MAC}.xml", gateway.http()),
        |_| None,
    );
}

#[test]
fn linphone_boots_and_registers_over_https_with_a_ca_it_trusts() {
    // The gateway's own self-signed certificate is the authority here.
    boots_and_registers(
        |gateway| format!("https://localhost:{}/linphone/{MAC}.xml", gateway.https().port()),
        |gateway| Some(gateway.dir().join("certs/self-signed.pem")),
    );
}

/// Its own SIP library makes the answer, of what its user wrote: a user in the URL, and a password
/// there or in its accounts. With a wrong password it would ask for ever.
#[test]
fn linphone_answers_a_challenge_before_it_registers() {
    for challenge in [Challenge::DigestMd5, Challenge::DigestSha256, Challenge::Digest] {
        for (user_info, password) in [("dev:s3cret", None), ("dev", Some("s3cret"))] {
            let gateway = Gateway::start_with(|config, _| {
                config.handset.authorization.challenge = challenge;
            });
            // Nothing else lets a phone in, wherever it is.
            let admission =
                json!({ "admission": { "mode": "enforce", "require": ["credentials"] } });
            let (scope, values) =
                (json!({ "company": "default" }), json!({ "settings": admission }));
            gateway.done("update", json!({ "type": "company", "scope": scope, "values": values }));
            let registrar = Registrar::bind();
            let (id, address) = (format!("{MAC}0"), registrar.address());
            let line = json!({ "user": "alice", "password": "correct horse",
                "registrar": address.ip().to_string(), "registrar_port": address.port() });
            let settings = json!({ "provisioning": { "user": "dev", "password": "s3cret" },
                "lines": { "1": line } });
            let values = json!({ "phoneid": id, "company": "default", "phone_type": "linphone",
                "settings": settings });
            gateway.done("create", json!({ "type": "phone", "values": values }));

            let url = format!("http://{user_info}@{}/linphone/{MAC}.xml", gateway.http());
            let phone = Linphone::new(&url, None);
            let phone = match password {
                Some(password) => phone.with_account("provisioning", "dev", password),
                None => phone,
            };
            let running = phone.start();
            let registration = registrar.registration("correct horse", TIMEOUT);
            running.stop();
            assert_eq!(registration.user, "alice", "{challenge:?} {user_info}");

            let rows =
                gateway.done("requests", json!({ "type": "phone", "scope": { "mac": MAC } }));
            let outcomes: Vec<_> = rows["values"].as_array().unwrap().iter().collect();
            assert_eq!(outcomes.len(), 2, "{rows}");
            assert_eq!(outcomes[0]["outcome"], "served", "{rows}");
            assert_eq!(outcomes[1]["outcome"], "challenged", "{rows}");
        }
    }
}

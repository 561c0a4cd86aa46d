//! A real gateway on free ports, in this process, ended in order when dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use dialtone::ambient::{Clock, SystemClock};
use dialtone::app::App;
use dialtone::config::Config;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::canary::{self, Canary};
use super::http::{self, Answer};

pub(crate) struct Gateway {
    /// `None` only once it has ended.
    canary: Option<Canary>,
    /// `None` only once it has ended.
    app: Option<App>,
    runtime: Runtime,
    key: String,
    /// `None` only once it was given away.
    dir: Option<TempDir>,
}

impl Gateway {
    /// Starts one with an SQLite file of its own and the defaults.
    pub(crate) fn start() -> Gateway {
        Gateway::start_with(|_, _| {})
    }

    /// `adapt` gets the configuration and the gateway's own folder.
    pub(crate) fn start_with(adapt: impl FnOnce(&mut Config, &Path)) -> Gateway {
        Gateway::start_at(Arc::new(SystemClock), adapt)
    }

    /// Does as [`Gateway::start_with`], with the time passed in.
    pub(crate) fn start_at(
        clock: Arc<dyn Clock>,
        adapt: impl FnOnce(&mut Config, &Path),
    ) -> Gateway {
        let dir = TempDir::new().expect("a temporary folder can be made");
        let runtime = canary::runtime();
        let any: Vec<SocketAddr> = vec!["127.0.0.1:0".parse().expect("an address")];
        let mut config = Config::default();
        config.handset.http = any.clone();
        config.handset.https = any.clone();
        config.admin.listen = any;
        config.tls.certs_dir = dir.path().join("certs");
        let url = format!("sqlite:{}", dir.path().join("dialtone.db").display());
        config.store.url = url.parse().expect("a store URL");
        adapt(&mut config, dir.path());
        let app = runtime
            .block_on(App::start_with(&config, clock))
            .unwrap_or_else(|error| panic!("{error}"));
        let key = app.first_key().unwrap_or_default().to_owned();
        let admin = app.addresses().admin.first();
        let canary = admin.map(|admin| Canary::new(*admin, Some(&key)));
        Gateway { canary, app: Some(app), runtime, key, dir: Some(dir) }
    }

    /// Speaks with a key that another gateway of its store showed.
    pub(crate) fn with_key(mut self, key: &str) -> Gateway {
        key.clone_into(&mut self.key);
        self.canary = Some(Canary::new(self.admin(), Some(key)));
        self
    }

    pub(crate) fn app(&self) -> &App {
        self.app.as_ref().expect("it has not ended")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.as_ref().expect("only stop takes it").path()
    }

    /// Ends it in order; its folder stays.
    pub(crate) fn stop(mut self) -> TempDir {
        self.end();
        self.dir.take().expect("only stop takes it")
    }

    fn end(&mut self) {
        if let Some(app) = self.app.take() {
            if let Some(canary) = self.canary.take() {
                canary.ask_all();
                self.canary = Some(canary);
            }
            self.runtime.block_on(app.shutdown());
            // With what it logged at its end.
            drop(self.canary.take());
        }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.unnamed(false)
    }

    pub(crate) fn https(&self) -> SocketAddr {
        self.unnamed(true)
    }

    /// The first address of a listener of that name.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let mut all = self.app().addresses().handsets.iter();
        let found = all.find(|phones| phones.listener.as_deref() == Some(name));
        found.expect("there is one of that name").address
    }

    fn unnamed(&self, is_tls: bool) -> SocketAddr {
        let mut all = self.app().addresses().handsets.iter();
        let found = all.find(|phones| phones.listener.is_none() && phones.is_tls == is_tls);
        found.expect("there is one").address
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.app().addresses().admin[0]
    }

    /// The first System-Admin's key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn reload(&self) {
        self.runtime.block_on(self.app().reload());
    }

    /// Removes what is due to go; how many devices that were.
    pub(crate) fn expire(&self) -> usize {
        self.runtime.block_on(self.app().registry().expire()).expect("the store is well")
    }

    /// A handset's GET; what it told is recorded when this returns.
    pub(crate) fn get(&self, target: &str, user_agent: Option<&str>) -> Answer {
        let answer = http::get(self.http(), target, user_agent);
        self.settle();
        answer
    }

    /// Waits until what handsets told so far is recorded.
    pub(crate) fn settle(&self) {
        self.runtime.block_on(self.app().registry().flush_contacts());
    }

    /// An admin command with the first key; the whole answer.
    pub(crate) fn ask(&self, verb: &str, mut body: Value) -> Value {
        self.settle();
        body["auth"] = json!({ "type": "auth", "key": self.key });
        call(self.admin(), verb, &body)
    }

    /// An admin command that must succeed.
    pub(crate) fn done(&self, verb: &str, body: Value) -> Value {
        let answer = self.ask(verb, body);
        assert_eq!(answer["result"], "success", "{verb}: {answer}");
        answer
    }

    /// The phoneids of the inactive list with their types.
    pub(crate) fn inactive(&self) -> Vec<(String, String)> {
        let answer = self.done("inactive", json!({ "type": "phone" }));
        let rows = answer["values"].as_array().expect("a list").iter();
        rows.map(|row| (text(&row["phoneid"]), text(&row["phone_type"]))).collect()
    }

    /// The one row of `read phone` for it; `null` when there is none.
    pub(crate) fn phone(&self, phoneid: &str) -> Value {
        let scope = json!({ "phoneid": phoneid });
        let mut answer = self.done("read", json!({ "type": "phone", "scope": scope }));
        answer["values"].get_mut(0).map(Value::take).unwrap_or_default()
    }

    /// What became of the last request of the device.
    pub(crate) fn last_outcome(&self, mac: &str) -> String {
        let scope = json!({ "mac": mac });
        let answer = self.done("requests", json!({ "type": "phone", "scope": scope }));
        text(&answer["values"][0]["outcome"])
    }

    pub(crate) fn promote(&self, phoneid: &str) {
        self.done("promote", json!({ "type": "phone", "scope": { "phoneid": phoneid } }));
    }

    pub(crate) fn set(&self, phoneid: &str, settings: Value) {
        let body = json!({
            "type": "phone", "scope": { "phoneid": phoneid }, "values": { "settings": settings },
        });
        self.done("update", body);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
    }
}

/// One admin command over a connection of its own.
pub(crate) fn call(admin: SocketAddr, verb: &str, body: &Value) -> Value {
    let headers = [("Content-Type", "application/json")];
    let target = format!("/rest/dialplan/{verb}");
    let answer = http::request(admin, "POST", &target, &headers, body.to_string().as_bytes())
        .expect("the admin port answers");
    assert_eq!(answer.status, 200, "{verb}");
    let body = match answer.header("transfer-encoding") {
        Some(_) => http::unchunked(&answer.body).0,
        None => answer.body,
    };
    serde_json::from_slice(&body).expect("the answer is JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

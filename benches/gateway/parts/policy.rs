//! What it costs a known phone's request that its company asks for something: processor time of the
//! gateway, beside one that asks for nothing, in turns of both orders.

use std::io;
use std::sync::Arc;

use dialtone::domain::{Ban, Counted, DigestAlgorithm, DigestResponse, Mac, Revision};
use dialtone::simulator::lab_ca::LabCa;
use dialtone::store::{Mutation, SqliteStore, Store};
use ipnet::{IpNet, Ipv4Net};
use rustls::ClientConfig;
use serde_json::{Value, json};

use super::load;
use super::tls::{CLIENTS, client_tls};
use crate::Bench;
use crate::client::{Connection, Connector};
use crate::figures::{Better, Figure};
use crate::lab::{DESK_AGENT, DESK_FILE, DESK_MAC, NOW};
use crate::load::{Client, Until};
use crate::process::{Gateway, Setup};

const PART: &str = "policy";

const USER: [&str; 2] = ["desk", "a password of some length"];

/// As many as there can be.
const BANS: u32 = Ban::MAX as u32;

/// How the phone at the desk asks.
#[derive(Clone)]
struct Phone {
    connector: Connector,
    target: String,
    /// Whether it answers a challenge.
    proves: bool,
    /// Whether each request has a connection of its own.
    is_new: bool,
}

/// A gateway, and how it is asked.
struct Side {
    gateway: Arc<Gateway>,
    phone: Phone,
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let off = json!({ "mode": "off" });
    let nothing = |tls: bool| asking(bench, "off", tls, Setup::default(), off.clone());
    let plain = Arc::new(nothing(false).await?);
    let secure = Arc::new(nothing(true).await?);
    let mut figures = Vec::new();
    let mut compare = async |what: &str, before: &Side, after: &Side| {
        figures.extend(in_turns(bench, what, before, after).await?);
        Ok::<_, String>(())
    };
    let off = Side::http(&plain, DESK_FILE);
    let setup = Setup::default;
    compare("nothing, against itself", &off, &Side::http(&plain, DESK_FILE)).await?;
    let network =
        asking(bench, "network", false, setup(), json!({ "require": ["network"] })).await?;
    compare("network", &off, &Side::http(&Arc::new(network), DESK_FILE)).await?;

    let token = asking(bench, "token", false, setup(), json!({ "require": ["token"] })).await?;
    let token = Arc::new(token);
    for (what, of, scope) in [
        ("token of the phone", "phone", json!({ "mac": mac() })),
        ("token of the company", "company", json!({ "company": "default" })),
    ] {
        let shown = token.command("token", json!({ "type": of, "scope": scope })).await?;
        let shown = shown["values"][0]["token"].as_str().ok_or("no token")?.to_owned();
        let side = Side::http(&token, &format!("/{shown}{DESK_FILE}"));
        compare(what, &off, &side).await?;
    }

    let digest = Setup { challenge: "digest-md5", ..Setup::default() };
    let digest =
        asking(bench, "digest", false, digest, json!({ "require": ["credentials"] })).await?;
    let mut side = Side::http(&Arc::new(digest), DESK_FILE);
    side.phone.proves = true;
    compare("digest, one nonce a connection", &off, &side).await?;

    let setup = bench.lab.mutual();
    let certificate =
        asking(bench, "certificate", true, setup, json!({ "require": ["certificate"] })).await?;
    let certificate = Arc::new(certificate);
    let ca = LabCa::load(&bench.lab.ca()).map_err(|error| error.to_string())?;
    let [anybody, certified] = [None, Some(ca)]
        .map(|ca| client_tls(ca)?.of(Mac::from_bits(DESK_MAC)).map_err(|error| error.to_string()));
    let (anybody, certified) = (anybody?, certified?);
    for (what, is_new) in [("certificate, kept TLS", false), ("certificate, new TLS", true)] {
        let before = Side::https(&secure, &anybody, is_new)?;
        let after = Side::https(&certificate, &certified, is_new)?;
        compare(what, &before, &after).await?;
    }

    let banning = banning(bench).await?;
    compare("100,000 bans, phone at home", &off, &Side::http(&banning, DESK_FILE)).await?;
    Ok(figures)
}

fn mac() -> String {
    Mac::from_bits(DESK_MAC).to_string()
}

/// A gateway whose phones' company asks for that.
async fn asking(
    bench: &Bench,
    name: &str,
    tls: bool,
    setup: Setup,
    admission: Value,
) -> Result<Gateway, String> {
    let pair = if tls { bench.lab.ecdsa().pair } else { None };
    let setup = Setup { pair, ..setup };
    let gateway = bench.lab.gateway(&format!("policy-{name}-{tls}"), &setup)?;
    let [user, password] = USER;
    let settings = json!({
        "admission": admission, "provisioning": { "user": user, "password": password },
    });
    let company = json!({
        "type": "company", "scope": { "company": "default" }, "values": { "settings": settings },
    });
    gateway.command("update", company).await?;
    Ok(gateway)
}

/// A gateway that asks for nothing and has banned as many networks as it can, none of them the
/// phone's.
async fn banning(bench: &Bench) -> Result<Arc<Gateway>, String> {
    // Its first start makes what the others have.
    drop(asking(bench, "bans", false, Setup::default(), json!({ "mode": "off" })).await?);
    let folder = bench.lab.folder("policy-bans-false")?;
    let store = SqliteStore::open(&folder.join("dialtone.db"), NOW);
    let store = store.map_err(|error| error.to_string())?;
    let networks = (0..BANS).map(|number| {
        // Of the lengths that gateways and operators ban.
        let length = [32, 24, 28, 32][number as usize % 4];
        let network = Ipv4Net::new_assert((0x1400_0000 + (number << 8)).into(), length);
        IpNet::V4(network.trunc())
    });
    let ban = |network| Ban {
        network,
        since: NOW,
        until: NOW + 100 * 365 * 24 * 3_600,
        times: 1,
        reason: "measured".to_owned(),
        made_by: "bench".to_owned(),
        evidence: Vec::new(),
        revision: Revision::NONE,
    };
    let bans: Vec<Mutation> =
        networks.map(|network| Mutation::PutBan { ban: ban(network) }).collect();
    for bans in bans.chunks(1_000) {
        store.commit(bans.to_vec(), Vec::new()).await.map_err(|error| error.to_string())?;
    }
    store.close().await;
    Ok(Arc::new(Gateway::start(&bench.lab.dialtone, &folder, &Setup::default())?))
}

impl Side {
    fn http(gateway: &Arc<Gateway>, target: &str) -> Side {
        let connector = Connector::plain(gateway.http);
        let target = target.to_owned();
        let phone = Phone { connector, target, proves: false, is_new: false };
        Side { gateway: gateway.clone(), phone }
    }

    fn https(
        gateway: &Arc<Gateway>,
        tls: &Arc<ClientConfig>,
        is_new: bool,
    ) -> Result<Side, String> {
        let address = gateway.https.ok_or("no https listener")?;
        let connector = Connector::tls(address, vec![tls.clone()]);
        let phone = Phone { connector, target: DESK_FILE.to_owned(), proves: false, is_new };
        Ok(Side { gateway: gateway.clone(), phone })
    }

    /// Microseconds of the gateway's processor time for one request.
    async fn cost(&self, bench: &Bench) -> Result<f64, String> {
        let asking = || Asking { phone: self.phone.clone(), open: None };
        let clients: Vec<Asking> = (0..CLIENTS).map(|_| asking()).collect();
        let (measured, _) = load(clients, Until::Past(bench.span), || self.gateway.cpu()).await?;
        Ok(measured.cpu * 1e6 / measured.count as f64)
    }
}

/// Before, after, after, before: what rises or falls meanwhile falls on both.
async fn in_turns(
    bench: &Bench,
    what: &str,
    before: &Side,
    after: &Side,
) -> Result<[Figure; 3], String> {
    let figure = |what: String, unit| Figure::new(PART, what, unit, Better::Lower);
    let mut off = figure(format!("{what}: asked for nothing"), "us of server CPU");
    let mut on = figure(format!("{what}: shown"), "us of server CPU");
    let mut more = figure(format!("{what}: more"), "%");
    for side in [before, after] {
        // The first request renders.
        let asking = Asking { phone: side.phone.clone(), open: None };
        crate::load::run(vec![asking], Until::Count(100)).await?;
    }
    for _ in 0..bench.rounds {
        let mut costs = [0.0; 4];
        for (cost, side) in costs.iter_mut().zip([before, after, after, before]) {
            *cost = side.cost(bench).await?;
        }
        let [first, second, third, last] = costs;
        off.dialtone.push(f64::midpoint(first, last));
        on.dialtone.push(f64::midpoint(second, third));
        more.dialtone.push(((second + third) / (first + last) - 1.0) * 100.0);
    }
    Ok([off, on, more])
}

/// One connection of the phone, or one after the other.
struct Asking {
    phone: Phone,
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    nonce: String,
    uses: u32,
}

impl Client for Asking {
    async fn turn(&mut self, number: u64) -> io::Result<()> {
        let phone = &self.phone;
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                let connection = phone.connector.open(number).await?;
                Open { connection, nonce: String::new(), uses: 0 }
            }
        };
        let mut answer = open.ask(phone).await?;
        if phone.proves && answer.starts_with(b"HTTP/1.1 401") {
            open.take_nonce(&answer)?;
            answer = open.ask(phone).await?;
        }
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
        }
        match phone.is_new {
            true => open.connection.close().await,
            false => {
                self.open = Some(open);
                Ok(())
            }
        }
    }
}

impl Open {
    async fn ask(&mut self, phone: &Phone) -> io::Result<Vec<u8>> {
        let target = &phone.target;
        let authorization = if self.nonce.is_empty() { String::new() } else { self.proof(target) };
        let close = if phone.is_new { "Connection: close\r\n" } else { "" };
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {DESK_AGENT}\r\n\
             {authorization}{close}\r\n"
        );
        self.connection.exchange(&request).await
    }

    fn take_nonce(&mut self, answer: &[u8]) -> io::Result<()> {
        let answer = String::from_utf8_lossy(answer);
        let nonce = answer.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
        self.nonce = nonce.ok_or_else(|| io::Error::other("no nonce"))?.to_owned();
        self.uses = 0;
        Ok(())
    }

    fn proof(&mut self, target: &str) -> String {
        self.uses += 1;
        let [user, password] = USER;
        let (nonce, nc) = (&self.nonce, format!("{:08x}", self.uses));
        let digest = DigestResponse {
            algorithm: DigestAlgorithm::Md5,
            user: user.to_owned(),
            is_user_hashed: false,
            realm: "provisioning".to_owned(),
            nonce: nonce.clone(),
            counted: Some(Counted { nc: nc.clone(), cnonce: "c".to_owned() }),
            method: "GET".to_owned(),
            uri: target.to_owned(),
            response: String::new(),
        };
        let response = digest.expected(user, password);
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"provisioning\", nonce=\"{nonce}\", \
             uri=\"{target}\", algorithm=MD5, qop=auth, nc={nc}, cnonce=\"c\", \
             response=\"{response}\"\r\n"
        )
    }
}

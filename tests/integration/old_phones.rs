//! Phones that speak TLS 1.0 at most, behind the haproxy of docs/old-phones.md.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dialtone::net::tls::PairFiles;
use serde_json::json;

use crate::listeners;
use crate::papers::examples;
use crate::support::{Gateway, eventually};
use crate::support::{http, tls};

const FILE: &str = "/0015654aa937.cfg";
const PHONE: &str = "0015654aa9370";
/// All that a SPA2102 with firmware 2.0.6 has in common with a server that is not broken.
const OLD: [&str; 3] = ["-tls1", "-cipher", "AES128-SHA:AES256-SHA:@SECLEVEL=0"];
/// The phone's own network, and another one.
const HOME: &str = "127.0.0.77";
const ELSEWHERE: &str = "127.0.0.78";

/// What `openssl s_client` made of a request.
struct Outcome {
    answer: String,
    /// What it says of the handshake.
    said: String,
}

impl Outcome {
    fn status(&self) -> &str {
        let words = self.answer.split_once(' ').unwrap_or_else(|| panic!("{}", self.said));
        words.1.split(' ').next().unwrap_or_default()
    }
}

/// Asks for the file from that address, with these options of `openssl s_client`.
fn ask(server: SocketAddr, from: &str, options: &[&str], header: &str) -> Outcome {
    let mut child = Command::new("openssl")
        .args(["s_client", "-brief", "-ign_eof", "-connect", &server.to_string()])
        .args(["-bind", &format!("{from}:0")])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is there");
    let request = format!("GET {FILE} HTTP/1.0\r\n{header}\r\n");
    // A handshake that failed has ended it.
    let _ = child.stdin.take().expect("it is piped").write_all(request.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Outcome { answer: text(output.stdout), said: text(output.stderr) }
}

/// The haproxy of the paper before a gateway; killed when dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
}

impl Proxy {
    /// `adapt` gets the paper's configuration.
    fn start(gateway: &Gateway, adapt: impl FnOnce(String) -> String) -> Proxy {
        let [text] = &examples("docs/old-phones.md", "haproxy")[..] else { panic!("there is one") };
        let certificate = gateway.dir().join("old-phones.pem");
        make_certificate(&certificate);
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut text = adapt(text.clone());
        for (from, to) in [
            ("10.20.0.2:443", free.to_string()),
            ("/etc/haproxy/old-phones.pem", certificate.display().to_string()),
            ("127.0.0.1:8080", gateway.listener("old-phones").to_string()),
        ] {
            assert!(text.contains(from), "{text}");
            text = text.replace(from, &to);
        }
        let file = gateway.dir().join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let child = Command::new("/usr/sbin/haproxy").arg("-db").arg("-f").arg(file).spawn();
        let child = child.expect("haproxy is there: tests/run installs Debian's package");
        let proxy = Proxy { child, address: free };
        eventually("haproxy listens", || TcpStream::connect(free).is_ok());
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An RSA certificate that signs itself, with its key in the same file.
fn make_certificate(file: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old-phones.example"])
        .arg("-keyout")
        .arg(file)
        .arg("-out")
        .arg(file.with_extension("certificate"))
        .output()
        .expect("openssl is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut both = std::fs::read(file).unwrap();
    both.extend(std::fs::read(file.with_extension("certificate")).unwrap());
    std::fs::write(file, both).unwrap();
}

/// A gateway with that example of the paper, of the addresses and networks that there are here.
fn of_paper(example: usize, adapt: impl FnOnce(String) -> String) -> Gateway {
    let text = examples("docs/old-phones.md", "toml").swap_remove(example);
    let mut text = adapt(text);
    for (from, to) in [
        ("192.0.2.1:443", "127.0.0.1:0"),
        ("127.0.0.1:8080", "127.0.0.1:0"),
        ("10.20.0.2:8080", "127.0.0.1:0"),
        ("10.20.0.0/16", "127.0.0.64/26"),
    ] {
        text = text.replace(from, to);
    }
    listeners::start(|_| text)
}

/// The one behind a proxy.
fn gateway(proxy_protocol: bool) -> Gateway {
    of_paper(1, |text| {
        let said = "proxy_protocol = true";
        assert!(text.contains(said), "{text}");
        text.replace(said, &format!("proxy_protocol = {proxy_protocol}"))
    })
}

fn promote(gateway: &Gateway) {
    gateway.promote(PHONE);
    let networks = [format!("{HOME}/32")];
    let admission = json!({ "mode": "enforce", "require": ["network"], "networks": networks });
    let (scope, values) =
        (json!({ "company": "default" }), json!({ "settings": { "admission": admission } }));
    gateway.done("update", json!({ "type": "company", "scope": scope, "values": values }));
}

/// The phone comes through, and is who it is.
fn assert_served_by_its_own_address(gateway: &Gateway, proxy: &Proxy) {
    let refused = ask(proxy.address, HOME, &OLD, "");
    assert_eq!(refused.status(), "404", "{}", refused.said);
    assert!(refused.said.contains("Protocol version: TLSv1\n"), "{}", refused.said);
    assert!(refused.said.contains("Ciphersuite: AES128-SHA\n"), "{}", refused.said);
    eventually("it is listed", || !gateway.inactive().is_empty());
    assert_eq!(gateway.phone(PHONE)["sighting"]["address"], HOME);

    promote(gateway);
    let served = ask(proxy.address, HOME, &OLD, "");
    assert_eq!(served.status(), "200", "{}", served.said);
    assert!(served.answer.contains("#!version:1.0.0.1"), "{}", served.answer);
    // Whatever it says of itself, the proxy knows better.
    for header in ["", "X-Forwarded-For: 127.0.0.77\r\n"] {
        assert_eq!(ask(proxy.address, ELSEWHERE, &OLD, header).status(), "404", "{header}");
    }
    assert_eq!(addresses_of(gateway, "not_admitted"), [ELSEWHERE, ELSEWHERE]);
}

/// Of the phone's requests that were answered so.
fn addresses_of(gateway: &Gateway, outcome: &str) -> Vec<String> {
    let scope = json!({ "mac": PHONE[..12] });
    let list = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    let all = list["values"].as_array().unwrap().iter();
    let such = all.filter(|request| request["outcome"] == outcome);
    such.map(|request| request["address"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn old_phones_have_a_listener_where_nothing_counts_but_being_there() {
    let gateway = of_paper(0, |text| text);
    let (phones, old) = (gateway.listener("phones"), gateway.listener("old-phones"));
    let plain = |from: &str, target: &str| {
        let stream = http::connect_from(from.parse().unwrap(), old).unwrap();
        http::exchange(stream, "GET", target, &[], b"").unwrap()
    };
    let stranger = "127.0.0.13";
    let refusal = plain(HOME, FILE);
    assert_eq!((refusal.status, plain(stranger, FILE)), (404, refusal.clone()));
    eventually("it is listed", || !gateway.inactive().is_empty());
    company(&gateway, "old", json!({ "require": ["network"], "networks": ["127.0.0.64/26"] }));
    promote_into(&gateway, PHONE, "old");
    assert!(plain(HOME, FILE).text().contains("#!version:1.0.0.1"));
    assert_eq!(plain(stranger, FILE), refusal);
    // Its address is the right one, and means nothing at the other listener.
    assert_eq!(ask(phones, HOME, &["-tls1_2"], "").status(), "404");
    let why = "not shown: network; at its listener network does not count";
    assert_eq!(listeners::details(&gateway, PHONE), ["", why]);
    assert_eq!(addresses_of(&gateway, "forbidden_network"), [stranger, stranger]);

    // Of another company: what opens its phones' files elsewhere opens nothing in clear.
    let other = "0015654aa9380";
    assert_eq!(plain(HOME, "/0015654aa938.cfg"), refusal);
    eventually("it is listed", || !gateway.inactive().is_empty());
    company(&gateway, "hosted", json!({ "require": ["token"] }));
    promote_into(&gateway, other, "hosted");
    let scope = json!({ "phoneid": other });
    let token = gateway.done("token", json!({ "type": "phone", "scope": scope }));
    let file = format!("/{}/0015654aa938.cfg", token["values"][0]["token"].as_str().unwrap());
    assert_eq!(plain(HOME, &file), refusal);
    let why = "not shown: token; at its listener token does not count";
    assert_eq!(listeners::details(&gateway, other), [why]);
    let stream = tls::connect(phones, &gateway.dir().join("certs/self-signed.pem"), None);
    let served = http::exchange(stream.unwrap(), "GET", &file, &[], b"").unwrap();
    assert!(served.text().contains("#!version:1.0.0.1"), "{served:?}");
}

fn company(gateway: &Gateway, name: &str, admission: serde_json::Value) {
    let values = json!({ "company": name, "name": name, "settings": { "admission": admission } });
    gateway.done("create", json!({ "type": "company", "values": values }));
}

fn promote_into(gateway: &Gateway, phone: &str, company: &str) {
    let (scope, values) = (json!({ "phoneid": phone }), json!({ "company": company }));
    gateway.done("promote", json!({ "type": "phone", "scope": scope, "values": values }));
}

#[test]
fn without_tls_a_phone_of_another_network_is_refused_and_nothing_recorded() {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.http_networks = ["10.20.0.0/16".parse().unwrap()].into_iter().collect();
    });
    let plain = http::get(gateway.http(), FILE, None);
    let secure = ask(gateway.https(), HOME, &["-tls1_2"], "");
    assert_eq!((plain.status, secure.status()), (404, "404"));
    eventually("it is listed", || !gateway.inactive().is_empty());
    assert_eq!(gateway.phone(PHONE)["sighting"]["address"], HOME);
    gateway.promote(PHONE);
    assert_eq!(http::get(gateway.http(), FILE, None), plain);
    assert_eq!(addresses_of(&gateway, "forbidden_network"), ["127.0.0.1", "127.0.0.1"]);
    let secure = ask(gateway.https(), HOME, &["-tls1_2"], "");
    assert_eq!(secure.status(), "200", "{}", secure.said);
}

#[test]
fn an_old_phone_behind_a_proxy_that_ends_tls_is_served_by_its_own_address() {
    let gateway = gateway(true);
    let proxy = Proxy::start(&gateway, |text| text);
    assert_served_by_its_own_address(&gateway, &proxy);
}

#[test]
fn a_proxy_that_writes_headers_does_as_well() {
    let gateway = gateway(false);
    let proxy = Proxy::start(&gateway, |text| {
        let (tcp, http) = ("mode tcp\n", "mode http\n");
        let header = "127.0.0.1:8080\n    http-request set-header X-Forwarded-For %[src]\n";
        assert!(text.contains(tcp), "{text}");
        text.replace(tcp, http).replace("127.0.0.1:8080 send-proxy-v2\n", header)
    });
    assert_served_by_its_own_address(&gateway, &proxy);
}

#[test]
fn the_gateways_own_listener_is_never_weakened() {
    // With a key that could be used for the key exchange.
    let gateway = Gateway::start_with(|config, dir| {
        let key = dir.join("rsa.pem");
        make_certificate(&key);
        config.tls.pairs = vec![PairFiles { certificate: key.with_extension("certificate"), key }];
    });
    let today = ask(gateway.https(), HOME, &["-tls1_2"], "");
    assert_eq!(today.status(), "404", "{}", today.said);
    assert!(today.said.contains("Ciphersuite: ECDHE-RSA-"), "{}", today.said);
    let rsa = |version| [version, "-cipher", "AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0"];
    let weak = "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0";
    for options in [OLD, rsa("-tls1"), rsa("-tls1_1"), rsa("-tls1_2"), ["-tls1_1", "-cipher", weak]]
    {
        let old = ask(gateway.https(), HOME, &options, "");
        assert_eq!(old.answer, "", "{options:?}");
        assert!(old.said.contains("alert"), "{options:?}: {}", old.said);
    }
}

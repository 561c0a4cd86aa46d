//! `[listener.NAME]`.

use super::*;
use crate::domain::admission::{Proof, ProofSet};
use crate::handset::{Challenge, ForwardedHeader};
use crate::net::Networks;
use crate::net::tls::{ExpiredCertificates, TlsOptions};

/// The example with its listener.
fn example() -> String {
    let is_of_it = |line: &str| {
        line.strip_prefix("# ").is_some_and(|rest| {
            let key = rest.split_once(" = ").map_or("", |(key, _)| key);
            let is_key =
                !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            is_key || (rest.starts_with("[listener.") && rest.ends_with(']'))
        })
    };
    let lines = EXAMPLE.lines().map(|line| if is_of_it(line) { &line[2..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn networks(all: &[&str]) -> Networks {
    all.iter().map(|network| network.parse().unwrap()).collect()
}

#[test]
fn the_example_has_one_with_every_key() {
    let case = Case::of(&example());
    let (config, warnings) = case.load().unwrap();
    let [listener] = &config.listeners[..] else { panic!("{:?}", config.listeners) };
    assert_eq!((listener.name.as_deref(), warnings), (Some("makers"), Vec::new()));
    let mut reader = Reader::default();
    file::read(&case.path(), &mut reader);
    Config::read(&mut reader);
    let known = reader.known_keys().into_iter().filter(|key| key.starts_with("listener.makers."));
    let known: Vec<String> = known.map(str::to_owned).collect();
    let written = tables(&example());
    let written = written["listener"]["makers"].as_table().unwrap();
    let mut written: Vec<String> =
        written.keys().map(|key| format!("listener.makers.{key}")).collect();
    written.sort();
    assert_eq!(written, known);
}

#[test]
fn one_has_what_it_says_and_else_what_all_have() {
    let all = "[handset]\nhttp = []\nhttps = [\"127.0.0.1:1\"]\nchallenge = \"digest-md5\"\n\
               digest_without_qop = true\nrealm = \"acme\"\ntrusted_proxies = [\"192.0.2.1\"]\n\
               proxy_protocol = true\nforwarded_header = \"forwarded\"\n\
               allowed_networks = [\"10.0.0.0/8\"]\nhttp_networks = [\"10.1.0.0/16\"]\n\
               [tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_certificates = \"required\"\n\
               client_ca = \"ca\"\nexpired_client_certificates = \"accept\"\n";
    let own = "[listener.own]\nlisten = [\"127.0.0.1:2\"]\ncertificate = \"c2\"\nkey = \"k2\"\n\
               client_certificates = \"optional\"\nclient_ca = \"ca2\"\n\
               expired_client_certificates = \"refuse\"\nnetworks = [\"10.2.0.0/16\", \"::/0\"]\n\
               trusted_proxies = []\nforwarded_header = \"x-forwarded-for\"\nchallenge = \"none\"\n\
               digest_without_qop = false\nproofs = [\"network\", \"window\"]\n";
    let same = "[listener.same]\nlisten = \"127.0.0.1:3\"\n\
                [listener.plain]\nlisten = \"127.0.0.1:4\"\nprotocol = \"http\"\n";
    let config = Case::of(&format!("{all}{own}{same}")).config();
    let [short, own, plain, same] = &config.handset_listeners()[..] else { panic!() };
    for (listener, name, key) in [
        (short, None, "handset.https"),
        (same, Some("same"), "listener.same.listen"),
        (plain, Some("plain"), "listener.plain.listen"),
    ] {
        assert_eq!((listener.name.as_deref(), &*listener.key), (name, key));
        let tls = if name == Some("plain") { None } else { short.tls.clone() };
        let alike = Listener {
            name: listener.name.clone(),
            key: listener.key.clone(),
            listen: listener.listen.clone(),
            tls,
            ..short.clone()
        };
        assert_eq!(*listener, alike);
    }
    assert_eq!(short.access.without_tls, networks(&["10.1.0.0/16"]));
    assert_eq!(short.access.header, ForwardedHeader::Forwarded);
    assert!(short.proxy_protocol && short.authorization.without_qop);
    assert_eq!(short.proofs, ProofSet::ALL);

    let pair = PairFiles { certificate: "c2".into(), key: "k2".into() };
    let clients = ClientCertificates::Optional { authorities: "ca2".into() };
    let expired_clients = ExpiredCertificates::Refuse;
    assert_eq!(own.tls, Some(TlsOptions { pairs: vec![pair], clients, expired_clients }));
    assert_eq!(own.access.allowed, networks(&["10.2.0.0/16"]), "within those of all");
    assert_eq!(own.access.without_tls, Networks::all(), "its own stand in their place");
    assert!(own.access.trusted_proxies.is_empty() && !own.proxy_protocol);
    assert_eq!(own.access.header, ForwardedHeader::XForwardedFor);
    assert_eq!(own.authorization.challenge, Challenge::None);
    assert!(!own.authorization.without_qop);
    assert_eq!(own.authorization.realm, short.authorization.realm, "it is always the same");
    let proofs = ProofSet::default().with(Proof::Network, true).with(Proof::Window, true);
    assert_eq!(own.proofs, proofs);
}

#[test]
fn one_takes_over_of_the_tls_of_all_what_it_does_not_say() {
    let all = "[tls]\nclient_certificates = \"required\"\nclient_ca = \"ca\"\n";
    let clients = |own: &str| {
        let text = format!("{all}[listener.a]\nlisten = [\"127.0.0.1:2\"]\n{own}");
        Case::of(&text).config().listeners[0].tls.clone().unwrap().clients
    };
    let (old, new) = ("ca".into(), "ca2".into());
    assert_eq!(clients("client_certificates = \"off\"\n"), ClientCertificates::Off);
    let optional = clients("client_certificates = \"optional\"\n");
    assert_eq!(optional, ClientCertificates::Optional { authorities: old });
    let required = clients("client_ca = \"ca2\"\n");
    assert_eq!(required, ClientCertificates::Required { authorities: new });
}

#[test]
fn the_environment_changes_one_that_the_file_has_and_makes_none() {
    let case = Case::of("[listener.old-phones]\nlisten = [\"127.0.0.1:1\"]\n")
        .with("DIALTONE_LISTENER_OLD_PHONES_LISTEN", "127.0.0.1:2, [::1]:2")
        .with("DIALTONE_LISTENER_OLD_PHONES_PROOFS", "none");
    let config = case.config();
    assert_eq!(config.listeners[0].listen.len(), 2);
    assert_eq!(config.listeners[0].proofs, ProofSet::default());
    let stranger = Case::of("").with("DIALTONE_LISTENER_OLD_PHONES_LISTEN", "127.0.0.1:2");
    let problem = "environment variable DIALTONE_LISTENER_OLD_PHONES_LISTEN: no key has this \
                   variable";
    assert_eq!(stranger.problems(), [problem]);
}

#[test]
fn what_does_not_fit_is_said_with_what_to_do() {
    let at = "listen = [\"127.0.0.1:2\"]\n";
    let unnamed = "each listener has a name: write [listener.NAME] on a line of its own, and its \
                   keys below it";
    for (text, problem) in [
        (format!("[[listener]]\n{at}"), format!("d.toml:1: {unnamed}")),
        (format!("[listener]\n{at}"), format!("d.toml:2: {unnamed}")),
        ("listener = 3\n".to_owned(), format!("d.toml:1: {unnamed}")),
        (
            format!("[listener.Old]\n{at}"),
            "d.toml:1: [listener.Old] is no name of a listener: 1 to 32 of a-z, 0-9 and `-`"
                .to_owned(),
        ),
        (
            "\n[listener.a]\n".to_owned(),
            "d.toml:2: [listener.a] needs `listen`, its addresses, such as [\"10.20.0.2:8080\"]"
                .to_owned(),
        ),
        (
            "[listener.a]\nlisten = [\"x\"]\n".to_owned(),
            "d.toml:2: listener.a.listen: `x` is not an IP address with a port, such as \
             0.0.0.0:8080 or [::]:8080"
                .to_owned(),
        ),
        (
            format!("[listener.a]\n{at}protocol = \"tls\"\n"),
            "d.toml:3: listener.a.protocol: `tls` is none of `http`, `https`".to_owned(),
        ),
        (
            format!("[listener.a]\n{at}protocol = \"http\"\nclient_ca = \"x\"\nclient_certificates = \"required\"\n")
                .replace("client_ca = \"x\"\n", "")
                .replace("\"required\"", "\"off\""),
            "d.toml:4: listener.a.client_certificates: is not used by a plain listener: say \
             protocol = \"https\", or leave it out"
                .to_owned(),
        ),
        (
            format!("[listener.a]\n{at}certificate = \"c\"\n"),
            "d.toml:3: listener.a.certificate: needs the file of its `key` as well".to_owned(),
        ),
        (
            format!("[listener.a]\n{at}client_certificates = \"required\"\n"),
            "d.toml:3: listener.a.client_certificates: needs `client_ca`, the file of the \
             authorities that sign them"
                .to_owned(),
        ),
        (
            format!("[listener.a]\n{at}expired_client_certificates = \"accept\"\n"),
            "d.toml:3: listener.a.expired_client_certificates: is not used while \
             `client_certificates` is \"off\""
                .to_owned(),
        ),
        (
            format!("[listener.a]\n{at}protocol = \"http\"\nchallenge = \"basic\"\n"),
            "d.toml:4: listener.a.challenge: is `basic`, a password that is asked for over TLS \
             alone, and this listener is plain: say protocol = \"https\", or ask for a digest"
                .to_owned(),
        ),
        (
            format!("[listener.a]\n{at}proxy_protocol = true\n"),
            "d.toml:3: listener.a.trusted_proxies: names no proxy that could be believed: list \
             the addresses of yours, or turn `proxy_protocol` off"
                .to_owned(),
        ),
        (
            format!("[handset]\nallowed_networks = [\"10.0.0.0/8\"]\n[listener.a]\n{at}networks = [\"192.0.2.0/24\"]\n"),
            "d.toml:5: listener.a.networks: has no address in common with \
             handset.allowed_networks, so that nobody could ask: name networks that are in both"
                .to_owned(),
        ),
        (
            format!("[listener.a]\n{at}proofs = [\"mac\"]\n"),
            "d.toml:3: listener.a.proofs: `mac` is none of `network`, `token`, `credentials`, \
             `certificate`, `window`, `pinned`"
                .to_owned(),
        ),
        (
            "[listener.a]\nlisten = [\"10.20.0.2:8080\"]\n".to_owned(),
            "d.toml:2: listener.a.listen: 10.20.0.2:8080 is taken by 0.0.0.0:8080 of \
             handset.http, unless that is told other addresses, or none: handset.http = []"
                .to_owned(),
        ),
        (
            format!("[listener.a]\n{at}[listener.listen-b]\n{at}"),
            "d.toml:4: listener.listen-b.listen: 127.0.0.1:2 is taken by 127.0.0.1:2 of \
             listener.a.listen"
                .to_owned(),
        ),
    ] {
        assert_eq!(Case::of(&text).problems(), [problem], "{text}");
    }
    let unknown = Case::of(&format!("[listener.a]\n{at}port = 3\n")).problems();
    let start =
        "d.toml:3: there is no key `port` in [listener.a]; there are certificate, challenge,";
    assert!(unknown.len() == 1 && unknown[0].starts_with(start), "{unknown:?}");
}

#[test]
fn what_is_unwise_at_one_is_warned_of() {
    let at = "listen = [\"127.0.0.1:2\"]\n";
    let of = |handset: &str, own: &str| {
        let text = format!("[handset]\nhttp = []\n{handset}[listener.a]\n{at}{own}");
        Case::of(&text).warnings()
    };
    let plain = of("challenge = \"basic\"\n", "protocol = \"http\"\n");
    let start = "d.toml:6: listener.a.protocol: is plain, and handset.challenge is `basic`";
    assert!(plain.len() == 1 && plain[0].starts_with(start), "{plain:?}");
    assert_eq!(
        of("challenge = \"basic\"\n", "protocol = \"http\"\nchallenge = \"none\"\n").len(),
        0
    );
    let proofs = of("", "challenge = \"digest\"\nproofs = [\"token\"]\n");
    let start = "d.toml:6: listener.a.proofs: leaves out `credentials`";
    assert!(proofs.len() == 1 && proofs[0].starts_with(start), "{proofs:?}");
    let shown = "https = []\n[tls]\ncertificate = \"a\"\nkey = \"b\"\n";
    assert_eq!(of(shown, ""), Vec::<String>::new(), "it shows that certificate");
}

#[test]
fn one_alone_is_enough() {
    let text = "[handset]\nhttp = []\nhttps = []\n[listener.a]\nlisten = [\"127.0.0.1:2\"]\n";
    assert_eq!(Case::of(text).config().handset_listeners().len(), 1);
}

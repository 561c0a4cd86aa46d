//! What must fit between sections: the listeners share one machine.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::reader::Reader;
use super::{Config, Listener, Origin, PlainHttp};
use crate::handset::{AuthorizationOptions, Challenge};
use crate::store::url::StoreUrl;

pub(super) fn across(config: &Config, reader: &mut Reader) {
    listeners(config, reader);
    exposed_admin(config, reader);
    let listeners = config.handset_listeners();
    if listeners.is_empty() {
        let message = "and handset.https are both empty: phones could not ask for anything";
        reader.problem_between(&["handset.http", "handset.https"], message);
    }
    let addresses: usize = listeners.iter().map(|listener| listener.listen.len()).sum();
    if config.handset.max_connections <= addresses {
        let message = format!("must be larger than the number of listeners, which is {addresses}");
        let keys = ["handset.max_connections", "handset.http", "handset.https"];
        reader.problem_between(&keys, &message);
    }
    if config.admin.max_connections <= config.admin.listen.len() {
        let message = "must be larger than the number of addresses in admin.listen";
        reader.problem_between(&["admin.max_connections", "admin.listen"], message);
    }
    challenge(config, reader);
    password_file(config, reader);
    password_in_url(config, reader);
    key_files(config, reader);
    tls_keys(config, reader);
    let shows = |listener: &Listener| {
        listener.tls.as_ref().is_some_and(|tls| tls.pairs == config.tls.pairs)
    };
    if !config.tls.pairs.is_empty() && !listeners.iter().any(shows) {
        let message = "is not used: handset.https is empty";
        reader.warn_between(&["tls.certificate", "handset.https"], message);
    }
}

fn challenge(config: &Config, reader: &mut Reader) {
    let AuthorizationOptions { challenge, without_qop, .. } = config.handset.authorization;
    let (http, https) = (&config.handset.http, &config.handset.https);
    if challenge == Challenge::Basic && https.is_empty() {
        let message = "is `basic`, a password that is asked for over TLS alone, and handset.https \
                       is empty: listen there, or ask for a digest";
        reader.problem_between(&["handset.challenge", "handset.https"], message);
    } else if challenge == Challenge::Basic && !http.is_empty() {
        let message = "is `basic`, a password that is asked for over TLS alone: phones that come \
                       to handset.http are asked for nothing; empty the list, or ask for a digest";
        reader.warn_between(&["handset.challenge", "handset.http"], message);
    }
    for listener in &config.listeners {
        if listener.tls.is_none()
            && challenge == Challenge::Basic
            && listener.authorization.challenge == challenge
        {
            let message = "is plain, and handset.challenge is `basic`, a password that is asked \
                           for over TLS alone: phones that come here are asked for nothing; \
                           say `challenge`, a digest or \"none\"";
            let protocol = listener.key("protocol");
            reader.warn_between(&[&protocol, "handset.challenge"], message);
        }
    }
    if without_qop && matches!(challenge, Challenge::None | Challenge::Basic) {
        let message = "is not used: handset.challenge asks for no digest";
        reader.warn_between(&["handset.digest_without_qop", "handset.challenge"], message);
    }
}

fn password_file(config: &Config, reader: &mut Reader) {
    let Some(path) = &config.store.password_file else { return };
    let keys = ["store.password_file", "store.url"];
    if !matches!(config.store.url, StoreUrl::Postgres(_)) {
        reader.warn_between(&keys, "is not used: only a postgres:// store has a password");
    }
    if everyone_may_read(path) {
        let message = "every user of this machine may read it; `chmod o-r` would end that";
        reader.warn_between(&keys[..1], message);
    }
}

fn key_files(config: &Config, reader: &mut Reader) {
    let keys = &config.store.keys;
    for (key, path) in
        [("store.key_file", &keys.key_file), ("store.previous_key_file", &keys.previous_key_file)]
    {
        let Some(path) = path else { continue };
        if config.store.url == StoreUrl::Memory {
            let message = "is not used: nothing of a memory: store is written down";
            reader.warn_between(&[key, "store.url"], message);
        }
        if everyone_may_read(path) {
            let message = "every user of this machine may read it; `chmod o-r` would end that";
            reader.warn_between(&[key], message);
        }
    }
}

/// Not the keys that the gateway makes: it keeps them to itself.
fn tls_keys(config: &Config, reader: &mut Reader) {
    let of_listeners = config.listeners.iter().filter_map(|listener| {
        let pairs = &listener.tls.as_ref()?.pairs;
        (*pairs != config.tls.pairs).then(|| (listener.key("key"), pairs))
    });
    let of_all = [("tls.key", &config.tls.pairs), ("admin.key", &config.admin.pairs)]
        .map(|(key, pairs)| (key.to_owned(), pairs));
    for (key, pairs) in of_all.into_iter().chain(of_listeners) {
        for pair in pairs.iter().filter(|pair| everyone_may_read(&pair.key)) {
            let message = format!(
                "every user of this machine may read {}; `chmod o-r` would end that",
                pair.key.display()
            );
            reader.warn_between(&[&key], &message);
        }
    }
}

/// A password in the configuration file itself.
fn password_in_url(config: &Config, reader: &mut Reader) {
    let Some(Origin::File { path, .. }) = reader.origin("store.url") else { return };
    let has_password = matches!(&config.store.url, StoreUrl::Postgres(url) if url.has_password());
    if has_password && everyone_may_read(Path::new(path)) {
        let message = format!(
            "has a password, and every user of this machine may read {path}; `chmod o-r` would end \
             that, or put the password into a file of its own (store.password_file)"
        );
        reader.warn_between(&["store.url"], &message);
    }
}

/// Not the group: the service may have the file by its group.
fn everyone_may_read(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

fn listeners(config: &Config, reader: &mut Reader) {
    let handsets = config.handset_listeners();
    let of_phones = handsets.iter().map(|listener| (listener.key.as_str(), &listener.listen));
    let lists = of_phones.chain([("admin.listen", &config.admin.listen)]);
    let all: Vec<(&str, SocketAddr)> =
        lists.flat_map(|(key, list)| list.iter().map(move |&address| (key, address))).collect();
    for (at, &(key, address)) in all.iter().enumerate() {
        for &(other_key, other) in &all[..at] {
            if overlap(address, other) {
                let is_default = reader.origin(other_key) == Some(&Origin::Default);
                let advice = match is_default && key != "admin.listen" {
                    true => {
                        format!(", unless that is told other addresses, or none: {other_key} = []")
                    }
                    false => String::new(),
                };
                let message = format!("{address} is taken by {other} of {other_key}{advice}");
                reader.problem_between(&[key, other_key], &message);
            } else if key == "admin.listen"
                && other_key != key
                && address.port() == other.port()
                && address.port() != 0
            {
                let message = format!(
                    "{address} has the port of {other} of {other_key}: \
                     a firewall that knows ports only cannot keep phones from the API"
                );
                reader.warn_between(&[key, other_key], &message);
            }
        }
    }
}

/// Whether binding both fails. IPv4 and IPv6 never meet: our IPv6 sockets take IPv6 only.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && one.port() != 0
        && one.is_ipv4() == other.is_ipv4()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// Passwords and keys are in what operators send.
fn exposed_admin(config: &Config, reader: &mut Reader) {
    let exposed = config.admin.listen.iter().find(|address| !address.ip().is_loopback());
    let Some(address) = exposed.filter(|_| config.admin.pairs.is_empty()) else { return };
    let keys = ["admin.listen", "admin.certificate", "admin.plain_http"];
    match config.admin.plain_http {
        PlainHttp::Loopback => {
            let message = format!(
                "{address} can be reached from other machines, and without TLS passwords and keys \
                 would go over the network in clear: set admin.certificate and admin.key, or listen \
                 on 127.0.0.1 behind a proxy with TLS; where something else keeps the network from \
                 listening, say `plain_http = \"anywhere\"`"
            );
            reader.problem_between(&keys, &message);
        }
        PlainHttp::Anywhere => {
            let message =
                format!("{address} is served without TLS: passwords and keys go there in clear");
            reader.warn_between(&keys, &message);
        }
    }
}

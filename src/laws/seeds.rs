//! What handsets and operators really write, for the laws to begin with.

use serde_json::{Value, json};

/// What public sources recorded of handsets: the path and User-Agent of each request.
fn recorded() -> Vec<(String, String)> {
    let recorded: Vec<Value> =
        serde_json::from_str(include_str!("../../tests/fixtures/identification.json"))
            .expect("the fixture is JSON");
    let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    recorded.iter().map(|of| (text(of, "path"), text(of, "user_agent"))).collect()
}

fn bytes(texts: impl IntoIterator<Item = impl Into<String>>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.into().into_bytes()).collect()
}

pub(super) fn heads() -> Vec<Vec<u8>> {
    let gets = recorded().into_iter().map(|(path, agent)| {
        format!("GET {path} HTTP/1.1\r\nHost: gw\r\nUser-Agent: {agent}\r\n\r\n")
    });
    let others = [
        "HEAD /y000000000007.cfg HTTP/1.0\r\n\r\n",
        "PUT /0004f2aabbcc-app.log HTTP/1.1\r\nHost: gw\r\nContent-Length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET http://gw/a.cfg HTTP/1.1\r\nHost: gw\r\nAuthorization: Basic ZGV2OnMzY3JldA==\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: gw\r\nX-Forwarded-For: 192.0.2.1\r\nRange: bytes=0-9\r\n\r\n",
    ];
    bytes(gets.chain(others.map(str::to_owned)))
}

pub(super) fn targets() -> Vec<Vec<u8>> {
    let odd = [
        "/s3feiptl2qk6nv26vnxopl657breksb2/0004f2aabbcc.cfg",
        "/42/2/../../sifs/x.bin",
        "/%2e%2e/a%2fb?MAC=00%3A04%3A13%3A24%3A11%3A22&x=a+b",
    ];
    bytes(recorded().into_iter().map(|(path, _)| path).chain(odd.map(str::to_owned)))
}

pub(super) fn names() -> Vec<Vec<u8>> {
    bytes([
        "0004f2aabbcc",
        "00:04:F2:AA:BB:CC",
        "0004.f2aa.bbcc",
        "0004f2aabbcc11",
        "spa-962",
        "acme_1",
        "serialNumber",
        "token+window+pinned",
        "s3feiptl2qk6nv26vnxopl657breksb2",
        "firmware/t46s-66.86.0.15.rom",
    ])
}

pub(super) fn identities() -> Vec<Vec<u8>> {
    let recorded = recorded().into_iter().map(|(path, agent)| format!("{path}\n{agent}"));
    bytes(recorded.chain(["/aastra.cfg\nAastra6731i\nx-aastra-expmod1: 536M".to_owned()]))
}

pub(super) fn authorizations() -> Vec<Vec<u8>> {
    bytes([
        "Basic ZGV2OnMzOmNyZXQ=",
        "Basic dGVzdDoxMjOj",
        "Digest username=\"dev\", realm=\"provisioning\", nonce=\"abc\", uri=\"/a?b=1,2\", \
         algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\", \
         response=\"0123456789abcdef0123456789abcdef\"",
        "Digest username*=UTF-8''J%C3%A4s%C3%B8n, realm=\"r\", nonce=\"n\", uri=\"/\", \
         algorithm=SHA-256, userhash=false, response=\"00\"",
    ])
}

pub(super) fn forwarding() -> Vec<Vec<u8>> {
    bytes([
        "192.0.2.1, 10.0.0.7",
        "2001:db8::1\n[2001:db8::2]:4711",
        "for=192.0.2.60;proto=https;by=203.0.113.43, for=\"[2001:db8:cafe::17]:4711\"",
        "for=unknown, for=_hidden",
    ])
}

pub(super) fn proxy_headers() -> Vec<Vec<u8>> {
    let mut all = bytes([
        "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\nGET /",
        "PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n",
        "PROXY UNKNOWN\r\n",
    ]);
    let version_2 = |command, family, rest: &[u8]| {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([command, family, 0, u8::try_from(rest.len()).expect("it is short")]);
        header.extend(rest);
        header
    };
    all.push(version_2(0x21, 0x11, &[192, 0, 2, 1, 198, 51, 100, 2, 18, 103, 1, 187]));
    all.push(version_2(0x20, 0, &[]));
    all
}

pub(super) fn certificates() -> Vec<Vec<u8>> {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};
    let key = KeyPair::generate().expect("keys can be made");
    let named = |kind, value: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(kind, value);
        let name = "0004f2aabbcc.example".try_into().expect("it is a name");
        params.subject_alt_names = vec![SanType::DnsName(name)];
        params.self_signed(&key).expect("it can be signed").der().to_vec()
    };
    [
        named(DnType::CommonName, "0004f2aabbcc"),
        named(DnType::CommonName, "00:15:65:aa:bb:cc"),
        named(DnType::StateOrProvinceName, "000e08abcdef"),
        named(DnType::OrganizationName, "SPA-962, MAC: 000E08ABCDEF"),
    ]
    .into()
}

pub(super) fn documents_of_settings() -> Vec<Vec<u8>> {
    let all = [
        json!({}),
        json!({ "language": "de", "time": { "zone": "Europe/Berlin" } }),
        json!({ "lines": { "1": { "user": "201", "password": "s3cret", "registrar": "pbx.example" } },
                "line_defaults": { "transport": "tls" } }),
        json!({ "keys": { "1": { "type": "blf", "value": "202", "label": "Ann" } } }),
        json!({ "admission": { "mode": "enforce", "require": ["token+network"],
                               "networks": ["10.0.0.0/8"] } }),
        json!({ "provisioning": { "base_url": "https://gw.example/p/", "user": "dev",
                                  "password": "s3cret" } }),
        json!({ "vendor": { "yealink": { "features.dnd.enable": 1 } } }),
    ];
    bytes(all.iter().map(Value::to_string))
}

pub(super) fn documents() -> Vec<Vec<u8>> {
    let document = json!({
        "version": 2,
        "settings": { "language": "de" },
        "companies": [{ "company": "acme", "name": "Acme", "created": 3, "settings": {} }],
        "users": [{ "id": 4, "login": "root", "role": "System-Admin", "created": 4,
                    "companies": ["acme"], "key_hashes": ["ab".repeat(32)] }],
        "devices": [{ "mac": "001565000001", "phone_type": "t46s", "served": 77,
                      "ports": [{ "port": 0, "company": "acme", "created": 5, "name": "Desk" }],
                      "admission": { "armed": 5, "token": 5 } }],
    });
    bytes([document.to_string(), r#"{"version":1,"devices":[]}"#.to_owned()])
}

/// The built-in families that are short, and one that has a little of everything.
pub(super) fn families() -> Vec<Vec<u8>> {
    let small = include_str!("family.txt");
    bytes(crate::catalogue::laws::written().into_iter().chain([small.to_owned()]))
}

//! A settings document with a text in every place that takes one.

use serde_json::{Map, Value, json};

use crate::catalogue::PhoneType;
use crate::domain::settings::schema::{self, Kind};
use crate::domain::settings::{KeyType, Settings};

/// What ends or begins something in one format or another.
pub(super) const HOSTILE: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\0",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffe}",
    "\u{1f}",
    "\u{7f}",
    "\"",
    "'",
    "\\",
    "<",
    ">",
    "&",
    ";",
    "=",
    ":",
    "#",
    "%",
    "|",
    "^",
    "$",
    "!",
    "@",
    ",",
    " ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    "]]>",
    "<![CDATA[",
    "-->",
    "<!--",
    "<?x ?>",
    "&amp;",
    "&#10;",
    "&#x0;",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "{#",
    "</value>",
    "\"/><a b=\"",
    "\naccount.1.enable = 0\n",
    ";fnc=sd;ext=9@evil",
    "|*9",
    "$Tdtmf$",
    "€",
    "\u{1f4de}",
];

/// What a text stands for, where that says which texts are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// Any line of text.
    Free,
    Host,
    Dial,
    User,
    Time,
    /// What follows the host of a URL: what cannot be read as a URL is no file at all.
    Url,
    /// The same of a URL that names of files are put behind.
    Folder,
}

impl TextKind {
    /// A text that changes nothing.
    pub(super) fn harmless(self) -> String {
        match self {
            TextKind::Free | TextKind::User => "plain",
            TextKind::Host => "pbx.example.com",
            TextKind::Dial => "100",
            TextKind::Time => "03:30",
            TextKind::Url => "a/b.xml",
            TextKind::Folder => "a/",
        }
        .to_owned()
    }
}

/// The document as a store would have it, unchecked. `text` is asked for each place in
/// turn; `round` moves the kinds of keys along, so that each comes to be on each type.
pub(super) fn document(
    phone_type: &PhoneType,
    round: usize,
    text: &mut dyn FnMut(TextKind) -> String,
) -> String {
    let lines = (1..=phone_type.lines.min(3)).map(|at| (at.to_string(), line(at, text))).collect();
    let modules: Map<_, _> = (1..=phone_type.modules)
        .map(|at| {
            let keys = keys(phone_type.module_keys.min(20), round + usize::from(at), text);
            (at.to_string(), json!({ "keys": keys }))
        })
        .collect();
    let mut document = json!({
        "lines": Value::Object(lines),
        "keys": keys(phone_type.keys, round, text),
        "soft_keys": keys(phone_type.soft_keys, round, text),
        "expansion": modules,
        "time": { "zone": "Europe/Berlin", "ntp": [text(TextKind::Host), format!("2{}", text(TextKind::Host))], "hour_format": "24", "date_format": "dmy" },
        "language": "de",
        "tones": "DE",
        "codecs": ["g722", "pcma", "opus"],
        "network": {
            "vlan": { "id": 7, "priority": 5 },
            "pc_vlan": { "id": 8, "priority": 1 },
            "lldp": true,
            "cdp": false,
            "dns": ["192.0.2.1", "2001:db8::1", "192.0.2.2"],
            "syslog": { "server": text(TextKind::Host), "port": 514, "level": "info" },
            "qos": { "sip_dscp": 26, "rtp_dscp": 46 },
        },
        "access": { "admin_password": text(TextKind::Free), "user_password": text(TextKind::Free), "web_ui": true },
        "provisioning": { "base_url": folder(text), "resync_interval_s": 3600, "resync_at": text(TextKind::Time) },
        "firmware": { "url": url(text), "version": text(TextKind::Free) },
        "directory": { "url": url(text), "name": text(TextKind::Free) },
        "vendor": vendor(text),
    });
    for field in Settings::FIELDS.iter().filter(|field| field.name != "line_defaults") {
        add(&mut document[field.name], &field.kind, round, text);
    }
    let codes =
        schema::fields().iter().filter_map(|field| field.path.strip_prefix("feature_codes."));
    document["feature_codes"] = codes
        .map(|name| (name.to_owned(), json!(text(TextKind::Dial))))
        .collect::<Map<_, _>>()
        .into();
    document.to_string()
}

/// What the document does not have yet, made of the schema: a text wherever one may stand.
fn add(place: &mut Value, kind: &Kind, round: usize, text: &mut dyn FnMut(TextKind) -> String) {
    match kind {
        Kind::Group(fields) => {
            for field in *fields {
                add(&mut place[field.name], &field.kind, round, text);
            }
        }
        Kind::Numbered { max, of } if place.is_null() => {
            for at in 1..=*max {
                add(&mut place[at.to_string()], &Kind::Group(of), round + usize::from(at), text);
            }
        }
        _ if !place.is_null() => {}
        Kind::List { of, .. } => {
            let mut item = Value::Null;
            add(&mut item, of, round, text);
            *place = json!([item]);
        }
        Kind::Bool => *place = json!(round.is_multiple_of(2)),
        Kind::Integer { min, .. } => *place = json!(min),
        Kind::Choice(names) => *place = json!(names[round % names.len()]),
        Kind::Text { max } => {
            *place = json!(text(TextKind::Free).chars().take(*max).collect::<String>());
        }
        Kind::Secret => *place = json!(text(TextKind::Free)),
        Kind::Host => *place = json!(text(TextKind::Host)),
        Kind::SipUser | Kind::AuthUser => *place = json!(text(TextKind::User)),
        Kind::Dial => *place = json!(text(TextKind::Dial)),
        Kind::TimeOfDay => *place = json!(text(TextKind::Time)),
        Kind::Url(_) => *place = json!(url(text)),
        Kind::Folder(_) => *place = json!(folder(text)),
        // Nothing of these is free.
        Kind::DialPattern => *place = json!("[2-5]xx.T"),
        Kind::Pin => *place = json!("4711"),
        Kind::Net => *place = json!("192.0.2.0/24"),
        Kind::Proofs => *place = json!("network"),
        Kind::MulticastAddress => *place = json!("224.0.1.75"),
        Kind::LdapAttribute => *place = json!("telephoneNumber"),
        Kind::Ip
        | Kind::Zone
        | Kind::Language
        | Kind::Country
        | Kind::Vendor
        | Kind::Numbered { .. } => {}
    }
}

fn url(text: &mut dyn FnMut(TextKind) -> String) -> String {
    format!("https://pbx.example.com/{}", text(TextKind::Url))
}

fn folder(text: &mut dyn FnMut(TextKind) -> String) -> String {
    format!("https://pbx.example.com/{}", text(TextKind::Folder))
}

fn line(at: u16, text: &mut dyn FnMut(TextKind) -> String) -> Value {
    let mut line = json!({ "registrar_port": 5062, "expiry_s": 600 });
    for (name, kind) in [
        ("number", TextKind::Free),
        ("user", TextKind::User),
        ("auth_user", TextKind::User),
        ("password", TextKind::Free),
        ("display_name", TextKind::Free),
        ("label", TextKind::Free),
        ("registrar", TextKind::Host),
        ("voicemail", TextKind::Dial),
    ] {
        line[name] = text(kind).into();
    }
    line["backup"] = json!({ "registrar": text(TextKind::Host), "port": 5063 });
    line["outbound_proxy"] = json!({ "host": text(TextKind::Host), "port": 5064 });
    line["transport"] = ["tls", "udp", "tcp"][usize::from(at - 1)].into();
    line["srtp"] = ["required", "optional", "off"][usize::from(at - 1)].into();
    line["blf_list"] = text(TextKind::User).into();
    line["auto_answer"] = true.into();
    line["shared"] = ["call_appearance", "bridged_line", "off"][usize::from(at - 1)].into();
    line["dtmf"] = ["info", "rfc2833", "inband"][usize::from(at - 1)].into();
    line
}

fn keys(count: u16, round: usize, text: &mut dyn FnMut(TextKind) -> String) -> Value {
    let key = |at: u16| {
        let kind = KeyType::NAMES[(usize::from(at) + round) % KeyType::NAMES.len()];
        let mut key =
            json!({ "type": kind, "value": text(TextKind::Free), "label": text(TextKind::Free) });
        if at.is_multiple_of(2) {
            key["extension"] = text(TextKind::Free).into();
        }
        if at.is_multiple_of(3) {
            key["line"] = 1.into();
        }
        (at.to_string(), key)
    };
    Value::Object((1..=count).map(key).collect())
}

/// Every family's own, with names of each form that is accepted.
fn vendor(text: &mut dyn FnMut(TextKind) -> String) -> Value {
    let names = [
        "P270",
        "account.1.user_name",
        "User_ID_1_",
        "voip/line/0",
        "aucS_SERVER[0]",
        "1x",
        "a/1b/-c",
        "a/./b",
        "x[",
        "x]",
        "x",
        "ipei.1",
        "ac.1",
        "_",
        "xml",
        "a[1][2]",
        "z//y/",
    ];
    let families =
        ["generic", "kirk", "linksys", "linphone", "polycom", "snom", "snom-text", "yealink"];
    let mut of = |family: &str| {
        let names = names.iter().map(|name| ((*name).to_owned(), json!(text(TextKind::Free))));
        (family.to_owned(), Value::Object(names.collect()))
    };
    Value::Object(families.iter().map(|family| of(family)).collect())
}

//! What every setting takes and refuses.

use serde_json::{Value, json};

use super::super::schema::{Field, Kind, document, document_fields, is_secret_parameter};
use super::super::{AdmissionSettings, Layer, resolve};

/// The last values taken and the first refused.
#[allow(clippy::too_many_lines, reason = "a table, kind by kind")]
fn samples(kind: &Kind) -> (Vec<Value>, Vec<Value>) {
    let long = |n: usize| "x".repeat(n);
    match kind {
        Kind::Bool => (vec![json!(true), json!(false)], vec![json!("true"), json!(1)]),
        Kind::Integer { min, max, .. } => (
            vec![json!(min), json!(max)],
            vec![
                min.checked_sub(1).map_or(json!(-1), |below| json!(below)),
                json!(max + 1),
                json!(min.to_string()),
                json!(*min as f64 + 0.5),
                json!(1e9),
                json!(true),
            ],
        ),
        Kind::Text { max } => (
            vec![
                json!(""),
                json!(long(*max)),
                json!("ü".repeat(*max)),
                json!("Zoë <a&b> \"c\" ;#="),
            ],
            vec![json!(long(max + 1)), json!(7), json!({})],
        ),
        Kind::Secret => (
            vec![json!("x"), json!(long(128)), json!("pä ss\"<&'")],
            vec![json!(""), json!(long(129)), json!(1234), json!("***")],
        ),
        Kind::Pin => (
            vec![json!("0000"), json!("1".repeat(15))],
            vec![json!("123"), json!("1".repeat(16)), json!("12a4"), json!(1234), json!("***")],
        ),
        Kind::DialPattern => (
            ["911", "*xx", "+x.", "[2-57]xxxT", "0[1*#]x.T", "x.", "#", &"x".repeat(64)]
                .map(Value::from)
                .into(),
            ["", ".", "T", "x..", "1T2", "[", "[]", "[5-2]", "[a]", "[2-]", "a", "1|2", "(1)", "X"]
                .map(Value::from)
                .into_iter()
                .chain([json!("x".repeat(65)), json!(911)])
                .collect(),
        ),
        Kind::Net => (
            ["10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "::1/128"]
                .map(Value::from)
                .into(),
            ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "2001:db8::1/32", "lan", "10.0.0.0/8 "]
                .map(Value::from)
                .into(),
        ),
        Kind::Proofs => (
            ["network", "token", "certificate+network", "window + pinned"].map(Value::from).into(),
            ["", "+", "network+", "mac", "network,token", "Network", "token+token"]
                .map(Value::from)
                .into(),
        ),
        Kind::MulticastAddress => (
            vec![json!("224.0.0.1"), json!("239.255.255.255")],
            ["", "192.0.2.1", "240.0.0.1", "ff02::1", "224.0.1.75:5001", "mcast.example"]
                .map(Value::from)
                .into(),
        ),
        Kind::LdapAttribute => (
            vec![json!("cn"), json!("telephoneNumber"), json!("x-y1"), json!(long(64))],
            ["", "1cn", "c n", "c=n", "c*", "(cn)", "cn,sn", "ü"]
                .map(Value::from)
                .into_iter()
                .chain([json!(long(65))])
                .collect(),
        ),
        Kind::Choice(names) => (
            names.iter().map(|name| json!(name)).collect(),
            vec![json!(""), json!(names[0].to_uppercase() + " "), json!(0)],
        ),
        Kind::Host => (
            vec![
                json!("pbx"),
                json!("PBX-1.example.com"),
                json!("_sip.example"),
                json!("192.0.2.1"),
                json!("2001:db8::1"),
                json!("3com.example"),
                json!(format!("{0}.{0}.{0}.{1}", long(63), long(61))),
                json!(long(63)),
            ],
            vec![
                json!(""),
                json!("a..b"),
                json!("a.example."),
                json!("-a.example"),
                json!("a-.example"),
                json!("192.0.2.256"),
                json!("192.0.2"),
                json!("[2001:db8::1]"),
                json!("fe80::1%eth0"),
                json!("a.example:5060"),
                json!("a b"),
                json!("münchen.example"),
                json!(long(64)),
                json!(format!("{0}.{0}.{0}.{1}", long(63), long(62))),
                json!(7),
            ],
        ),
        Kind::Ip => (
            vec![json!("192.0.2.1"), json!("2001:db8::1")],
            vec![json!("dns.example"), json!("192.0.2.1/24"), json!(""), json!(1)],
        ),
        Kind::SipUser => (
            vec![json!("201"), json!("a-_.!~*+Z"), json!(long(64))],
            ["", "a b", "a@b", "a;b", "a\"b", "a<b", "a&b", "a%b", "é", "a\\b"]
                .map(Value::from)
                .into_iter()
                .chain([json!(long(65)), json!(201)])
                .collect(),
        ),
        Kind::AuthUser => (
            vec![json!("201@pbx.example"), json!(long(128))],
            vec![json!(""), json!("a b"), json!("a:b"), json!("a\"b"), json!(long(129))],
        ),
        Kind::Dial => (
            vec![json!("*8"), json!("0123456789*#ABCD+,pw"), json!("1".repeat(32))],
            vec![
                json!(""),
                json!("1".repeat(33)),
                json!("E"),
                json!("1 2"),
                json!("1-2"),
                json!(8),
            ],
        ),
        Kind::Url(schemes) => {
            let of_scheme = |scheme: &&str| match *scheme {
                "files" => json!("files:a/b.rom"),
                scheme => json!(format!("{scheme}://a")),
            };
            let mut good: Vec<Value> = schemes.iter().map(of_scheme).collect();
            for rest in [
                "a.example:8443/p/{mac}.cfg?x=$y&z=%20#f",
                "192.0.2.1",
                "[2001:db8::1]:80/",
                "a?x=b@c",
            ] {
                good.push(json!(format!("http://{rest}")));
            }
            good.push(json!(format!("http://a/{}", long(512 - 9))));
            let mut bad = vec![json!(format!("http://a/{}", long(513 - 9))), json!(7)];
            bad.extend(["files://a", "files:/a", "files:../a"].map(|text| json!(text)));
            for rest in [
                "",
                "/path",
                "a b",
                "a:0",
                "a:65536",
                "a:",
                "a:+80",
                "user@a",
                "user:pass@a",
                "a/\"",
                "a/<b>",
                "a/\\",
                "a/é",
                "[2001:db8::1",
                "[a]",
                "2001:db8::1",
            ] {
                bad.push(json!(format!("http://{rest}")));
            }
            bad.extend(
                ["a", "ssh://a", "HTTP://a", "file:///etc/passwd", "http:/a"].map(Value::from),
            );
            (good, bad)
        }
        Kind::Folder(schemes) => (
            schemes.iter().map(|scheme| json!(format!("{scheme}://a.example:8443/p/"))).collect(),
            [
                "http://a/?b",
                "http://a#b",
                "http://a/p/#",
                "http://u:p@a/",
                "files:a",
                "http://a/\r",
                "",
            ]
            .map(Value::from)
            .into(),
        ),
        Kind::Zone => (
            vec![json!("Europe/Berlin"), json!("UTC"), json!("America/Argentina/Buenos_Aires")],
            vec![json!("Europe/berlin"), json!("CEST"), json!(""), json!(1)],
        ),
        Kind::Language => (
            ["de", "fr-CA", "zh-Hant-TW", "es-419", "gsw", "sr-Latn"].map(Value::from).into(),
            ["", "DE", "de_DE", "de-de", "deutsch", "de-", "de-DE-x", "d", "zh-hant", "de-DE-DE"]
                .map(Value::from)
                .into(),
        ),
        Kind::Country => (
            vec![json!("DE"), json!("US"), json!("AD"), json!("ZW")],
            vec![json!("de"), json!("UK"), json!("XX"), json!(""), json!("D"), json!("AD AE")],
        ),
        Kind::TimeOfDay => (
            vec![json!("00:00"), json!("23:59")],
            ["24:00", "12:60", "1:00", "01:0", "0100", "+1:00", "01:00:00", ""]
                .map(Value::from)
                .into(),
        ),
        Kind::List { of, max } => {
            let good = samples(of).0;
            let longest: Vec<Value> = match of {
                Kind::Choice(_) => good.clone(),
                Kind::Dial | Kind::DialPattern => {
                    (0..*max).map(|n| json!(format!("{n}"))).collect()
                }
                Kind::Net => (0..*max).map(|n| json!(format!("10.{n}.0.0/16"))).collect(),
                Kind::Proofs => {
                    let names = ["network", "certificate", "window", "pinned"];
                    let set = |bits: usize| {
                        let named = (0..4).filter(|at| bits >> at & 1 == 1).map(|at| names[at]);
                        json!(named.collect::<Vec<_>>().join("+"))
                    };
                    (1..=*max).map(set).collect()
                }
                Kind::LdapAttribute => (0..*max).map(|n| json!(format!("a{n}"))).collect(),
                _ => (0..*max).map(|n| json!(format!("192.0.2.{n}"))).collect(),
            };
            let mut longer = longest.clone();
            longer.push(json!(match of {
                Kind::Dial | Kind::DialPattern => "99",
                Kind::LdapAttribute => "a99",
                Kind::Net => "10.99.0.0/16",
                Kind::Proofs => "token",
                _ => "192.0.2.99",
            }));
            let mut bad =
                vec![json!([]), json!(longer), json!([good[0], good[0]]), good[0].clone()];
            bad.extend(samples(of).1.iter().map(|bad| json!([bad])));
            (vec![json!([good[0]]), json!(longest)], bad)
        }
        Kind::Group(_) | Kind::Numbered { .. } | Kind::Vendor => unreachable!("not a single value"),
    }
}

/// Makes the document that has a value in one place.
type Place<'a> = &'a dyn Fn(Value) -> Value;

/// Calls `visit` with every single setting and a function that puts a value there.
fn each_setting(
    fields: &'static [Field],
    path: &str,
    place: Place,
    visit: &mut dyn FnMut(&str, &'static Kind, Place),
) {
    for field in fields {
        let path = format!("{path}{}", field.name);
        let here = |value: Value| place(json!({ field.name: value }));
        match &field.kind {
            Kind::Group(of) => each_setting(of, &format!("{path}."), &here, visit),
            Kind::Numbered { max, of } => {
                let last = |value: Value| here(json!({ max.to_string(): value }));
                each_setting(of, &format!("{path}.N."), &last, visit);
            }
            Kind::Vendor => {}
            kind => visit(&path, kind, &here),
        }
    }
}

#[test]
fn every_setting_takes_what_is_right_and_refuses_the_rest() {
    let mut visited = 0;
    each_setting(document(), "", &|value| value, &mut |path, kind, place| {
        visited += 1;
        let (good, bad) = samples(kind);
        for value in good {
            let parsed = Layer::parse(&place(value.clone()));
            let layer = parsed.unwrap_or_else(|errors| panic!("{path} {value}: {errors:?}"));
            assert_eq!(layer.to_json(), place(value.clone()), "{path}");
            let typed = resolve(&[&layer]);
            assert!(typed.is_ok(), "{path} {value} is not of the field's type: {typed:?}");
            let admission = AdmissionSettings::resolve(&[&layer]);
            assert!(admission.is_ok(), "{path} {value} is not of the field's type");
        }
        for value in bad {
            let errors = Layer::parse(&place(value.clone())).expect_err(path);
            let named = errors[0].field.split('[').next().unwrap();
            let last = |path: &str| path.rsplit('.').next().unwrap().to_owned();
            assert_eq!((errors.len(), last(named)), (1, last(path)), "{value} {errors:?}");
        }
    });
    let groups = document_fields().iter().filter(|field| {
        let prefix = format!("{}.", field.path);
        document_fields().iter().any(|other| other.path.starts_with(&prefix))
    });
    assert_eq!(visited, document_fields().len() - groups.count() - 1, "all but groups and vendor");
}

#[test]
fn no_text_takes_a_character_that_breaks_a_line_or_hides() {
    let refused = ('\0'..'\u{20}')
        .chain('\u{7f}'..'\u{a0}')
        .chain(['\u{2028}', '\u{2029}', '\u{fffe}', '\u{ffff}'])
        .chain(['\u{ad}', '\u{200b}', '\u{200f}', '\u{2060}', '\u{feff}', '\u{e0041}'])
        .chain('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}');
    for c in refused {
        let text = format!("a{c}b");
        each_setting(document(), "", &|value| value, &mut |path, _, place| {
            for value in [json!(text), json!([text])] {
                assert!(Layer::parse(&place(value)).is_err(), "{path} takes {c:?}");
            }
        });
        assert!(Layer::parse(&json!({"vendor": {"snom": {"a": text}}})).is_err(), "{c:?}");
        assert!(Layer::parse(&json!({"vendor": {"snom": {text.clone(): 1}}})).is_err(), "{c:?}");
        assert!(Layer::parse(&json!({"vendor": {text: {"a": 1}}})).is_err(), "{c:?}");
    }
}

/// The numbers of the schema, written a second time.
#[test]
fn the_bounds_of_the_numbers_are_these() {
    for (path, bounds) in [
        ("lines", "an object with keys from \"1\" to \"64\""),
        ("lines.N.registrar_port", "1 to 65535"),
        ("lines.N.backup.port", "1 to 65535"),
        ("lines.N.outbound_proxy.port", "1 to 65535"),
        ("lines.N.expiry_s", "60 to 86400 seconds"),
        ("keys", "an object with keys from \"1\" to \"255\""),
        ("keys.N.line", "1 to 64"),
        ("expansion", "an object with keys from \"1\" to \"6\""),
        ("expansion.N.keys", "an object with keys from \"1\" to \"120\""),
        ("network.vlan.id", "1 to 4094"),
        ("network.vlan.priority", "0 to 7"),
        ("network.pc_vlan.id", "1 to 4094"),
        ("network.syslog.port", "1 to 65535"),
        ("network.qos.sip_dscp", "0 to 63"),
        ("network.qos.rtp_dscp", "0 to 63"),
        ("provisioning.resync_interval_s", "60 to 2592000 seconds"),
        ("soft_keys", "an object with keys from \"1\" to \"10\""),
        ("ring.tone", "1 to 20"),
        ("alert_tones", "an object with keys from \"1\" to \"10\""),
        ("alert_tones.N.tone", "1 to 20"),
        ("display.backlight_s", "0 to 7200 seconds"),
        ("display.brightness", "1 to 100 percent"),
        ("display.screensaver_s", "0 to 86400 seconds"),
        ("lock.after_s", "0 to 86400 seconds"),
        ("calls.hold_reminder_s", "0 to 3600 seconds"),
        ("dial_plan.timeout_s", "1 to 60 seconds"),
        ("multicast", "an object with keys from \"1\" to \"10\""),
        ("multicast.N.port", "1 to 65535"),
        ("sip.local_port", "1024 to 65000"),
        ("sip.session_expires_s", "90 to 86400 seconds"),
        ("rtp.first_port", "1024 to 65000"),
        ("rtp.last_port", "1024 to 65535"),
        ("nat.keep_alive_s", "0 to 3600 seconds"),
        ("nat.stun.port", "1 to 65535"),
        ("directory.ldap.port", "1 to 65535"),
        ("phone_books", "an object with keys from \"1\" to \"5\""),
    ] {
        let field = document_fields().iter().find(|field| field.path == path).expect(path);
        assert_eq!(field.bounds, bounds, "{path}");
    }
}

/// Which settings are an address, a dialled text and so on, written a second time.
#[test]
fn the_kinds_of_the_texts_are_these() {
    let of_kind = |kind: &Kind| -> Vec<&str> {
        let bounds = kind.expectation();
        let fields = document_fields().iter().filter(|field| field.bounds == bounds);
        fields.map(|field| &*field.path).filter(|path| !path.starts_with("line_defaults")).collect()
    };
    assert_eq!(of_kind(&Kind::SipUser), ["lines.N.user", "lines.N.blf_list"]);
    assert_eq!(
        of_kind(&Kind::AuthUser),
        ["lines.N.auth_user", "provisioning.user", "admission.old_credentials.N.user"]
    );
    assert_eq!(
        of_kind(&Kind::Host),
        [
            "lines.N.registrar",
            "lines.N.backup.registrar",
            "lines.N.outbound_proxy.host",
            "nat.stun.server",
            "network.syslog.server",
            "directory.ldap.server"
        ]
    );
    let dial = of_kind(&Kind::Dial);
    assert_eq!(dial[0], "lines.N.voicemail");
    assert!(dial[1..].iter().all(|path| path.starts_with("feature_codes.")) && dial.len() == 16);
    assert_eq!(
        of_kind(&Kind::Url(&["http", "https"])),
        ["vpn.url", "directory.url", "phone_books.N.url"]
    );
    assert_eq!(of_kind(&Kind::Folder(&["http", "https"])), ["provisioning.base_url"]);
    let or_hosted = of_kind(&Kind::Url(&["http", "https", "files"]));
    assert_eq!(or_hosted, ["display.wallpaper", "trust.ca_url"]);
    assert_eq!(of_kind(&Kind::Pin), ["lock.pin"]);
    assert_eq!(of_kind(&Kind::MulticastAddress), ["multicast.N.address"]);
    assert_eq!(of_kind(&Kind::Url(&["http", "https", "ftp", "tftp", "files"])), ["firmware.url"]);
    assert_eq!(
        of_kind(&Kind::Text { max: 512 }),
        ["keys.N.value", "expansion.N.keys.N.value", "soft_keys.N.value"]
    );
    assert_eq!(of_kind(&Kind::List { of: &Kind::Host, max: 4 }), ["time.ntp"]);
    assert_eq!(of_kind(&Kind::List { of: &Kind::Ip, max: 4 }), ["network.dns"]);
    assert_eq!(of_kind(&Kind::Text { max: 128 }).len(), 14);
}

#[test]
fn a_parameter_whose_name_looks_like_a_secret_is_one() {
    for name in ["http_pass", "AdminPWD", "shared_secret", "license_key", "PinCode", "AUTH_NAME"] {
        assert!(is_secret_parameter(name), "{name}");
    }
    assert!(!is_secret_parameter("user_realname"));
}

#[test]
fn entries_are_numbered_within_bounds() {
    for (name, max) in [("lines", 64), ("keys", 255), ("expansion", 6)] {
        for good in [1, max] {
            assert!(Layer::parse(&json!({ name: { good.to_string(): {} } })).is_ok());
        }
        for bad in
            ["0".into(), (max + 1).to_string(), "01".into(), "+1".into(), "".into(), "a".into()]
        {
            let bad: String = bad;
            assert!(Layer::parse(&json!({ name: { bad.clone(): {} } })).is_err(), "{name} {bad}");
            let removed = Layer::parse(&json!({ name: { bad.clone(): null } }));
            assert!(removed.is_err(), "{name} {bad} removed");
        }
    }
    assert!(Layer::parse(&json!({"expansion": {"1": {"keys": {"121": {}}}}})).is_err());
}

#[test]
fn vendor_parameters_have_safe_names_and_plain_values() {
    let vendor = |family: &str, name: &str, value: Value| {
        Layer::parse(&json!({"vendor": {family: {name: value}}}))
    };
    for name in [
        "P270",
        "account.1.user_name",
        "User_ID_1_",
        "voip/line/0",
        "aucS_SERVER[0]",
        "_a",
        &"x".repeat(128),
    ] {
        assert!(vendor("snom", name, json!("x")).is_ok(), "{name}");
    }
    for name in [
        "", ".a", "[a]", "-a", "/a", "a=b", "a b", "a\"", "a'", "a<", "a>", "a&", "a;", "a#", "a:",
        "ä",
    ] {
        assert!(vendor("snom", name, json!("x")).is_err(), "{name}");
    }
    assert!(vendor("snom", &"x".repeat(129), json!("x")).is_err());
    for family in ["", "Snom", "s nom", "../x", &"x".repeat(33)] {
        assert!(vendor(family, "a", json!("x")).is_err(), "{family}");
    }
    for value in [
        json!(""),
        json!("x".repeat(4096)),
        json!(true),
        json!(i64::MIN),
        json!(i64::MAX),
        json!("=\"<"),
    ] {
        let layer = vendor("polycom-ucs", "a", value.clone()).unwrap();
        let typed = resolve(&[&layer]).unwrap();
        let expected = value.as_str().map_or(value.to_string(), str::to_owned);
        assert_eq!(typed.vendor["polycom-ucs"]["a"].to_string(), expected);
    }
    for value in
        [json!("x".repeat(4097)), json!(0.5), json!(u64::MAX), json!([]), json!({}), json!("***")]
    {
        assert!(vendor("snom", "a_key", value.clone()).is_err(), "{value}");
    }
    assert!(vendor("snom", "plain", json!("***")).is_ok(), "only what is shown hidden is refused");
}

#[test]
fn vendor_parameters_are_bounded_in_number() {
    let parameters = |n: usize| -> Value { (0..n).map(|n| (format!("p{n}"), json!(n))).collect() };
    assert!(Layer::parse(&json!({"vendor": {"snom": parameters(500)}})).is_ok());
    assert!(Layer::parse(&json!({"vendor": {"snom": parameters(501)}})).is_err());
    let families =
        |n: usize| -> Value { (0..n).map(|n| (format!("f{n}"), json!({"a": 1}))).collect() };
    assert!(Layer::parse(&json!({"vendor": families(32)})).is_ok());
    assert!(Layer::parse(&json!({"vendor": families(33)})).is_err());
    let full = Layer::parse(&json!({"vendor": families(32)})).unwrap();
    assert!(full.patched(&json!({"vendor": {"one_more": {"a": 1}}})).is_err());
    assert!(full.patched(&json!({"vendor": {"f0": null, "one_more": {"a": 1}}})).is_ok());
}

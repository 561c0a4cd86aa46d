//! What is made of single requests of real handsets, of known makers and of others: address and
//! model are read right or not at all.

use dialtone::catalogue::{Catalogue, Identity, Request, Sources, Target};
use dialtone::domain::{Strength, TypeKey};
use serde::Deserialize;
use serde_json::json;

use crate::support::{Gateway, ManualClock};

/// A recorded request, and what a reader of it alone can say. Where User-Agent and path name
/// different addresses, `mac` is that of the path.
#[derive(Debug, Deserialize)]
struct Recorded {
    user_agent: Option<String>,
    path: String,
    mac: Option<String>,
    model: Option<String>,
    firmware: Option<String>,
}

fn recorded() -> Vec<Recorded> {
    let text = include_str!("../fixtures/identification.json");
    serde_json::from_str(text).expect("the recorded requests are JSON")
}

fn catalogue() -> Catalogue {
    Catalogue::load(&Sources::default()).unwrap()
}

fn identify(catalogue: &Catalogue, target: &str, user_agent: Option<&str>) -> Identity {
    let target = Target::parse(target);
    catalogue.identify(Request { target: &target, user_agent, headers: &[] })
}

/// The model's name without what firmwares disagree on.
fn plain(model: &str) -> String {
    let kept = model.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

#[test]
fn of_recorded_requests_nothing_is_read_wrong() {
    let catalogue = catalogue();
    let (mut wrong, mut macs, mut types) = (Vec::new(), 0, 0);
    let all = recorded();
    for request in &all {
        let read = identify(&catalogue, &request.path, request.user_agent.as_deref());
        let mac = read.mac.map(|mac| mac.to_string());
        let model = request.model.as_deref().map(plain);
        let key = read.phone_type.as_ref().filter(|key| key.as_str() != "generic");
        let phone_type = key.map(|key| catalogue.phone_type(key).unwrap());
        let names = |name: &String| Some(plain(name)) == model;
        macs += usize::from(mac == request.mac);
        let is_its_type =
            phone_type.is_some_and(|found| names(&found.model) || found.aliases.iter().any(names));
        types += usize::from(is_its_type);
        // What says nothing may be assumed; what says anything may not be another one.
        let is_assumed = request.user_agent.is_none() && !read.strength.is_told();
        let is_wrong = (mac.is_some() && mac != request.mac)
            || read.model.as_deref().is_some_and(|read| Some(plain(read)) != model)
            || (phone_type.is_some() && !is_its_type && !is_assumed)
            || (request.firmware.is_some()
                && read.firmware.is_some()
                && read.firmware != request.firmware);
        if is_wrong {
            wrong.push(format!("{request:?}: {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Of all; the others are of makers that are not in the catalogue, or say less.
    assert!(macs >= 420 && types >= 240, "{macs} addresses and {types} types of {}", all.len());
}

/// Target, User-Agent, and what they are: type, strength, and whether a maker is named.
type Case = (&'static str, Option<&'static str>, Option<&'static str>, Strength);

fn check(cases: &[Case]) {
    let catalogue = catalogue();
    for &(target, user_agent, phone_type, strength) in cases {
        let read = identify(&catalogue, target, user_agent);
        let found = (read.phone_type.as_ref().map(TypeKey::as_str), read.strength);
        assert_eq!(found, (phone_type, strength), "{target} {user_agent:?}: {:?}", read.evidence);
    }
}

#[test]
fn a_phone_that_names_itself_otherwise_is_not_what_its_address_lets_guess() {
    use Strength::{Contradicted, Family, MacRange, Path};
    let generic = Some("generic");
    let yealink = "/805ec0aabbcc.cfg";
    check(&[
        (yealink, None, Some("t46g"), Family),
        (yealink, Some(""), Some("t46g"), Family),
        (yealink, Some("Yealink VC800 63.345.0.40 80:5e:c0:aa:bb:cc"), generic, Contradicted),
        (yealink, Some("Yealink VC800 63.345.0.40"), generic, Contradicted),
        (yealink, Some("Yealink MP54 122.15.0.33 80:5e:c0:aa:bb:cc"), generic, Contradicted),
        (yealink, Some("Zultys ZIP37G 47.85.0.10 80:5e:c0:aa:bb:cc"), generic, Contradicted),
        (yealink, Some("Acme X4 2.10.2.6887 805ec0aabbcc"), generic, Contradicted),
        (yealink, Some("curl/8.0"), generic, Contradicted),
        (yealink, Some("ACME/SIP12x0\u{17}/04.00.04.00"), generic, Contradicted),
        ("/000413241122.xml", None, Some("snom320"), MacRange),
        ("/000413241122.xml", Some("curl/8.0"), generic, Contradicted),
        // A path that names the model is no guess.
        ("/snom320-000413AABBCC.htm", Some("curl/8.0"), Some("snom320"), Path),
        // Nobody knows how these name themselves.
        ("/009033aabbcc-config.xml", Some("curl/8.0"), Some("kws300"), Family),
        ("/y000000000000.cfg", None, Some("t28p"), Path),
    ]);
    let catalogue = catalogue();
    let other = Some("Acme FIP13G V0.6.24 00:21:F2:22:AE:F1");
    let read = identify(&catalogue, "/y000000000000.cfg", other);
    assert_eq!((read.phone_type, read.vendor, read.model, read.mac), (None, None, None, None));
    let read = identify(&catalogue, yealink, Some("Yealink VC800 63.345.0.40"));
    assert_eq!((read.vendor, read.model), (None, None));
    let said: Vec<String> = read.evidence.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|text| text.contains("not t46g")), "{said:?}");
}

/// Each row of the rule's table, and what is like a contradiction and none.
#[test]
fn what_contradicts_itself_is_taken_for_nothing() {
    use Strength::{Contradicted, Family, Path, UserAgent};
    let generic = Some("generic");
    let linphone = Some("LinphoneiOS/5.2.0 (iPhone) LinphoneSDK/5.3.0");
    let t46g = Some("Yealink SIP-T46G 28.83.0.120");
    let cases: &[(bool, Case)] = &[
        // A name against a block, where the path is anybody's.
        (true, ("/001565aabbcc.cfg", linphone, generic, Contradicted)),
        (true, ("/001565aabbcc.cfg", Some("LinphoneIPhone/3.15.0"), generic, Contradicted)),
        // A name against a path that only one maker's phones ask for.
        (true, ("/y000000000028.cfg", linphone, None, Contradicted)),
        (true, ("/SEP0a0000000001.cnf.xml", t46g, generic, Contradicted)),
        // A name against path and block, of one other maker and of two.
        (true, ("/SEP00562b043615.cnf.xml", t46g, generic, Contradicted)),
        (true, ("/snomD785-000B82AABBCC.htm", t46g, generic, Contradicted)),
        // A path against a block, without a name.
        (true, ("/SEP001565aabbcc.cnf.xml", None, generic, Contradicted)),
        // A block against who names the model.
        (false, ("/000b82aabbcc.cfg", t46g, Some("t46g"), UserAgent)),
        (false, ("/snomD785-001565AABBCC.htm", None, Some("snomD785"), Path)),
        // Two to one: another maker's block, another maker's file.
        (false, ("/snomD785-001565AABBCC.htm", Some(D785), Some("snomD785"), UserAgent)),
        (
            false,
            (
                "/y000000000000.cfg",
                Some("Flyingvoice FIP13G V0.6.24 00:21:F2:22:AE:F1"),
                Some("fip13g"),
                UserAgent,
            ),
        ),
        // Several families of one maker, and makers that have blocks in common.
        (
            false,
            (
                "/001565aabbcc.cfg",
                Some("Yealink SIP-W52P 25.73.0.20 00:15:65:aa:bb:cc"),
                Some("w52p"),
                UserAgent,
            ),
        ),
        (false, ("/spa525G.cfg", Some("Linksys/SPA-942-6.1.5(a)"), None, UserAgent)),
        (false, ("/spa000e080a0b01.xml", Some("Cisco/SPA508G-7.6.2b"), Some("spa508g"), UserAgent)),
        // Nothing is sure but the name, or nothing but the path.
        (false, ("/0a0000000001.cfg", t46g, Some("t46g"), UserAgent)),
        (false, ("/snomD785-0A0000000001.htm", None, Some("snomD785"), Path)),
        (false, ("/SEP0a0000000001.cnf.xml", None, Some("Cisco7941"), Family)),
    ];
    let catalogue = catalogue();
    for &(contradicts, case) in cases {
        let (target, user_agent, phone_type, strength) = case;
        let read = identify(&catalogue, target, user_agent);
        let said: Vec<String> = read.evidence.iter().map(ToString::to_string).collect();
        let says_so = said.iter().any(|text| text.starts_with("type: none, it contradicts itself"));
        assert_eq!(says_so, contradicts, "{target} {user_agent:?}: {said:?}");
        assert_eq!(read.strength, strength, "{target} {user_agent:?}: {said:?}");
        if contradicts {
            assert_eq!((read.vendor, read.model, read.file), (None, None, None), "{target}");
        }
        if contradicts || read.mac.is_some() {
            let found = read.phone_type.as_ref().map(TypeKey::as_str);
            assert_eq!(found, phone_type, "{target} {user_agent:?}: {said:?}");
        }
    }
}

const D785: &str = "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 \
                    000413922D24 SXM:0 UXM:0)";

#[test]
fn the_first_request_takes_no_phone_that_it_cannot_be() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get("/001565aabbcc.cfg", Some("LinphoneIPhone/3.15.0"));
    let id = "001565aabbcc0";
    assert_eq!(gateway.inactive(), [(id.to_owned(), "generic".to_owned())]);
    let row = gateway.done("inactive", json!({ "type": "phone" }))["values"][0].clone();
    assert_eq!(row["strength"], "contradicted", "{row}");
    let scope = json!({ "phoneid": id });
    let asked = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    let said = asked["values"][0]["evidence"].to_string();
    assert!(said.contains("contradicts itself and is not taken for one of linphone"), "{said}");
    clock.advance(60);
    let own = Some("Yealink SIP-T46G 28.83.0.120 00:15:65:aa:bb:cc");
    gateway.get("/001565aabbcc.cfg", own);
    assert_eq!(gateway.inactive(), [(id.to_owned(), "t46g".to_owned())]);
}

#[test]
fn of_families_that_share_a_block_the_one_with_that_part_of_it_counts() {
    use Strength::{Assumed, Family, MacRange, Oui};
    check(&[
        ("/00041364aabb.xml", None, Some("snomM200SC"), MacRange),
        ("/000413B6aabb.xml", None, Some("snomM900"), MacRange),
        ("/00041362aabb.xml", None, Some("snomM300"), MacRange),
        ("/00087B080001.xml", None, Some("snomM700"), MacRange),
        ("/00041330aabb.htm", None, Some("snomM9"), MacRange),
        ("/00041324aabb.xml", None, Some("snom320"), MacRange),
        // Of another maker; nobody has it.
        ("/000413E2aabb.xml", None, Some("generic"), Assumed),
        // Beside bases and video phones, and Tiptel's.
        ("/001565aabbcc.cfg", None, Some("t46g"), Family),
        ("/009033aabbcc.zip", None, Some("kws300"), Oui),
        // A path of nobody's, and no telling which of those that have the block.
        ("/001565aabbcc.zip", None, Some("generic"), Assumed),
        ("/002699aabbcc.xml", None, Some("spa942"), Family),
        // A file is for one model there, and nothing says which.
        ("/MN_08000F69435B.cfg", None, Some("generic"), Family),
        ("/001AE8012345_config.xml", None, Some("openstage"), Family),
    ]);
}

#[test]
fn an_address_is_read_however_it_is_written() {
    let catalogue = catalogue();
    for (target, user_agent, mac) in [
        ("/0015651A2B3C.CFG", None, "0015651a2b3c"),
        ("//prov///00-15-65-1a-2b-3c.cfg", None, "0015651a2b3c"),
        ("/00%3a15%3A65%3a1a%3A2b%3A3c.cfg", None, "0015651a2b3c"),
        ("/00.15.65.1a.2b.3c.cfg", None, "0015651a2b3c"),
        ("/prov/0015651a2b3c.cfg?x=1&y=%00", None, "0015651a2b3c"),
        ("/%30%30%31%35%36%35%31%61%32%62%33%63.cfg", None, "0015651a2b3c"),
        ("/0015651a2b3c.cfg/", None, "0015651a2b3c"),
        ("/0015651a2b3c/", None, "0015651a2b3c"),
        ("/{0015651a2b3c}.cfg", None, "0015651a2b3c"),
        ("/%20%0d0015651a2b3c.cfg", None, "0015651a2b3c"),
        ("http://prov.example.com/0015651a2b3c.cfg", None, "0015651a2b3c"),
        ("/0015651a2b3c.cfg", Some("Yealink SIP-T46G\u{1} 28\u{7f}"), "0015651a2b3c"),
        ("/", Some("yealink SIP-T46G 28.83.0.120 00:15:65:1A:2B:3C"), "0015651a2b3c"),
        ("/snom/snomD785-00:04:13:92:aa:bb.htm", None, "00041392aabb"),
        ("/SNOM320-00041324aabb.HTM", None, "00041324aabb"),
        ("/?mac=00%3A04%3A13%3A24%3A11%3A22", None, "000413241122"),
        ("/a/b?x=y&MAC=00-04-13-24-11-22", None, "000413241122"),
        ("/x", Some(D785), "000413922d24"),
        ("/cfg000B82AABBCC.XML", None, "000b82aabbcc"),
        ("/gs/cfg00:0b:82:aa:bb:cc", None, "000b82aabbcc"),
        ("/cfg000b82aabbcc.xml?", None, "000b82aabbcc"),
        ("/Config000B82AABBCC.cfg", None, "000b82aabbcc"),
        ("/app/provision/?mac=000b82aabbcc/cfg000b82aabbcc.xml", None, "000b82aabbcc"),
        ("/algom0022EE012345.CONF", None, "0022ee012345"),
        ("/algo//algom00-22-ee-01-23-45.conf", None, "0022ee012345"),
        ("/SEP00562B043615.cnf.xml", None, "00562b043615"),
        ("/sep00562b043615.CNF.XML", None, "00562b043615"),
        ("/SIP00562B043615.cnf", None, "00562b043615"),
        ("/spa000E08AABBCC.cfg", None, "000e08aabbcc"),
        ("/spa942.cfg?mac=000e08aabbcc", None, "000e08aabbcc"),
        ("/0004F2AA0335-app.log", None, "0004f2aa0335"),
        ("/polycom/0004f2aa0335.cfg%3Fx", None, "0004f2aa0335"),
        ("/0004f2aa0335.cfg;session=1", None, "0004f2aa0335"),
        ("/aastra/00-08-5D-1A-98-70.cfg", None, "00085d1a9870"),
        ("/aastra.cfg", Some("Aastra57i MAC:00-08-5D-1A-98-70 V:2.6.0.1008-SIP"), "00085d1a9870"),
        ("/Fanvil/0C:38:3E:0A:0B:0C.cfg", None, "0c383e0a0b0c"),
        ("/0c383e0a0b0c.txt", None, "0c383e0a0b0c"),
        ("/MN_08000f69435b.CFG", None, "08000f69435b"),
        ("/x/VIP_001122334455.ini", None, "001122334455"),
        ("/prov?macaddress=00:11:22:33:44:55", None, "001122334455"),
        ("/sipconfig-0080f0c8c381.txt", None, "0080f0c8c381"),
    ] {
        let read = identify(&catalogue, target, user_agent);
        let found = read.mac.map(|mac| mac.to_string());
        assert_eq!(found.as_deref(), Some(mac), "{target} {user_agent:?}: {:?}", read.evidence);
        assert!(read.phone_type.is_some(), "{target}: who has an address is listed");
    }
    for target in
        ["/aa001122334455.cfg", "/001122334455aa", "/?mac=00112233445", "/?x=001122334455"]
    {
        assert_eq!(identify(&catalogue, target, None).mac, None, "{target}");
    }
}

#[test]
fn headers_tell_the_modules_and_a_firmware_by_what_name_a_model_goes() {
    let catalogue = catalogue();
    let module = |n: usize, kind: &str| (format!("x-aastra-expmod{n}"), kind.to_owned());
    let read = |firmware: &str, headers: &[(String, String)]| {
        let agent = format!("Aastra57i MAC:00-08-5D-1A-98-70 V:{firmware}-SIP");
        let target = Target::parse("/00085D1A9870.cfg");
        let request = Request { target: &target, user_agent: Some(&agent), headers };
        let read = catalogue.identify(request);
        (read.phone_type.unwrap().to_string(), read.model.unwrap())
    };
    let named = |key: &str, model: &str| (key.to_owned(), model.to_owned());
    assert_eq!(read("2.1.0.2145", &[]), named("aastra57i", "57i"));
    assert_eq!(read("2.6.0.1008", &[]), named("aastra6757i", "6757i"));
    let one = [module(1, "536M")];
    assert_eq!(read("2.1.0.2145", &one), named("aastra57i536m", "57i"));
    let two = [module(1, "560m"), module(2, "560M")];
    assert_eq!(read("2.1.0.2145", &two), named("aastra57i560m2", "57i"));
    let unknown = [module(1, "999X")];
    assert_eq!(read("2.1.0.2145", &unknown), named("aastra57i536m", "57i"));
}

const D895: &str = "Mozilla/4.0 (compatible; snomD895-SIP 10.1.226.16 2010.12-00001-gd311851f1 \
                    (Feb 25 2026 - 14:19:43) 000413AABBCC SXM:0 UXM:0 UXMC:0)";

#[test]
fn a_model_to_come_is_taken_for_the_one_closest_to_it() {
    use Strength::{Closest, Contradicted, UserAgent};
    check(&[
        ("/snomD895-000413AABBCC.htm", Some(D895), Some("snomD865"), Closest),
        ("/snomD895-000413AABBCC.htm", None, Some("snomD865"), Closest),
        ("/000413AABBCC.xml", Some(D895), Some("snomD865"), Closest),
        (
            "/805ec0aabbcc.cfg",
            Some("Yealink SIP-T99W 200.88.0.10 80:5e:c0:aa:bb:cc"),
            Some("t88w"),
            Closest,
        ),
        (
            "/805ec0aabbcc.cfg",
            Some("Yealink SIP-T45P 20.72.0.10 80:5e:c0:aa:bb:cc"),
            Some("t46g"),
            Closest,
        ),
        (
            "/0004f2aabbcc.cfg",
            Some("FileTransport PolycomSoundPointIP-SPIP_460-UA/4.0.15.1047"),
            Some("ip450"),
            Closest,
        ),
        ("/000e08aabbcc.xml", Some("Linksys/SPA2100-5.2.12"), Some("spa2102"), Closest),
        ("/000e08aabbcc.xml", Some("Linksys/SPA3000-3.1.10(GW)"), Some("spa3102"), Closest),
        ("/000e08aabbcc.xml", Some("Linksys/SPA9000-6.1.5"), Some("generic"), Contradicted),
        ("/000e08aabbcc.xml", Some("Linksys/SPA942-6.1.5(a)"), Some("spa942"), UserAgent),
    ]);
    let catalogue = catalogue();
    let read = identify(&catalogue, "/snomD895-000413AABBCC.htm", Some(D895));
    assert_eq!(read.model.as_deref(), Some("D895"), "its own name, not the other's");
    let said: Vec<String> = read.evidence.iter().map(ToString::to_string).collect();
    let expected = "model: \"D895\" is not known yet, served as D865";
    assert!(said.iter().any(|text| text == expected), "{said:?}");
    let read = identify(&catalogue, "/snomD895.htm", None);
    assert_eq!((read.model.as_deref(), read.mac), (Some("D895"), None));
    for path in ["/snomXYZ-000413AABBCC.htm", "/snom-x-000413AABBCC.htm"] {
        let read = identify(&catalogue, path, None);
        assert_eq!(read.phone_type.unwrap().as_str(), "generic", "{path}: no model of Snom's");
    }
}

fn line() -> serde_json::Value {
    json!({ "lines": { "1": {
        "user": "lineuser", "password": "s3cret", "registrar": "sip.example.com",
    } } })
}

#[test]
fn a_phone_newer_than_the_catalogue_is_recorded_promoted_and_served() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    let own = "/snomD895-000413AABBCC.htm";
    gateway.get(own, Some(D895));
    let id = "000413aabbcc0";
    assert_eq!(gateway.inactive(), [(id.to_owned(), "snomD865".to_owned())]);
    assert_eq!(gateway.phone(id)["claims"][0]["strength"], "closest");
    assert_eq!(gateway.get("/snomD895.htm", Some(D895)).status, 200, "the common file");
    gateway.promote(id);
    gateway.set(id, line());
    for target in [own, "/000413aabbcc.xml", "/prov//snomD895-000413AABBCC.htm"] {
        let answer = gateway.get(target, Some(D895));
        assert!(answer.status == 200 && answer.text().contains("lineuser"), "{target}");
    }
    // As a D865 asks, and answered alike.
    let known = gateway.get("/snomD865-000413AABBCC.htm", None);
    assert_eq!(known.body, gateway.get(own, Some(D895)).body);
}

#[test]
fn only_where_a_phone_looks_for_it_is_its_configuration() {
    let snom = "Mozilla/4.0 (compatible; snom320-SIP 8.4.18 1.1.3-s)";
    let spa = "Linksys/SPA-942-6.1.5(a) (88019FA42805)";
    let gateway = Gateway::start();
    for (mac, first, user_agent) in [
        ("000413241122", "/000413241122.xml", Some(snom)),
        ("000e08aabbcc", "/000e08aabbcc.xml", Some(spa)),
        ("0a0000000001", "/0a0000000001.cfg", None),
    ] {
        gateway.get(first, user_agent);
        let id = format!("{mac}0");
        gateway.promote(&id);
        gateway.set(&id, line());
        for target in
            ["/", "/prov", "/app/provision/", "/settings.php", "/a/config.xml", "/cfg.php"]
        {
            let answer = gateway.get(&format!("{target}?mac={mac}"), user_agent);
            assert!(answer.status == 200 && answer.text().contains("s3cret"), "{target} {mac}");
        }
        let refusal = gateway.get("/favicon.ico", None);
        for target in [
            "/fw/snomD862-10.1.184.15-SIP-r.swu",
            "/logo.png",
            "/spa942-6-1-5.bin",
            "/ring.wav",
            "/phonebook.xml",
            "/ca.pem",
            "/settings.png",
            "/.htaccess",
        ] {
            for mac in [mac.to_owned(), mac.to_uppercase(), format!("{mac}/x")] {
                let target = format!("{target}?mac={mac}");
                assert_eq!(gateway.get(&target, user_agent), refusal, "{target} {user_agent:?}");
            }
        }
        // A file of the phone's own as well, but of its firmware alone.
        let firmware = gateway.get(&format!("/snom320-firmware.xml?mac={mac}"), user_agent);
        assert!(!firmware.text().contains("s3cret"), "{mac}");
    }
}

#[test]
fn every_form_of_a_makers_user_agent_is_read() {
    let catalogue = catalogue();
    for (user_agent, phone_type, firmware, mac) in [
        ("LinphoneIphone/2.1 (eXosip2/3.3.0)", "linphone", "2.1", None),
        ("LinphoneIPhone/3.15.0", "linphone", "3.15.0", None),
        (
            "Microbrowser/1.1 PolycomSoundPointIP-SPIP_550-UA/4.0.15.1047 Type/Application",
            "ip550",
            "4.0.15.1047",
            None,
        ),
        ("PolycomSoundStationIP-SSIP_6000-UA/4.0.4.2906", "ip6000", "4.0.4.2906", None),
        (
            "Yealink SIP-T28P 1.0.0.28.0.0.0 2.72.0.30 00:15:65:13:ae:0b custom",
            "t28p",
            "2.72.0.30",
            Some("00156513ae0b"),
        ),
        ("snomD785/10.1.198.12 000413922D24", "snomD785", "10.1.198.12", Some("000413922d24")),
    ] {
        let read = identify(&catalogue, "/", Some(user_agent));
        let told = catalogue.phone_type(&phone_type.parse().unwrap()).unwrap();
        assert_eq!(read.model.as_deref(), Some(told.model.as_str()), "{user_agent}");
        assert_eq!(read.firmware.as_deref(), Some(firmware), "{user_agent}");
        assert_eq!(read.mac.map(|mac| mac.to_string()).as_deref(), mac, "{user_agent}");
    }
}

#[test]
fn whoever_names_an_address_is_listed() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |config, _| {
        config.quota.new_macs_per_address_per_hour = 1000;
    });
    let mut listed = 0;
    for (target, mac, phone_type) in [
        ("/acmem0a0022012345.conf", "0a0022012345", "generic"),
        ("/AcmeConfig0A0080000001.cfg", "0a0080000001", "generic"),
        ("/app/provision/?mac=0a383e000001/cfg0a383e000001.xml", "0a383e000001", "generic"),
        ("/CTLXYZ0A562B043615.tlv", "0a562b043615", "generic"),
        // A name that only a phone of Snom's own asks, in a block that Snom shares.
        ("/000413E21234.xml", "000413e21234", "generic"),
        ("/000413e7abcd.htm", "000413e7abcd", "generic"),
        ("/spa000e08aabbcd.cfg", "000e08aabbcd", "spa942"),
        ("//prov//00-15-65-4A-A9-37.cfg", "0015654aa937", "t46g"),
        ("/x/y/z/00%3A15%3A65%3A4A%3AA9%3A38.CFG", "0015654aa938", "t46g"),
        ("/0015.654a.a939.cfg", "0015654aa939", "t46g"),
    ] {
        gateway.get(target, None);
        listed += 1;
        let rows = gateway.inactive();
        assert_eq!(rows.len(), listed, "{target}: {rows:?}");
        assert!(rows.contains(&(format!("{mac}0"), phone_type.to_owned())), "{target}: {rows:?}");
    }
    for target in [
        "/y000000000028.cfg",
        "/000000000000.cfg",
        "/acmem01005e012345.conf",
        "/x0a00220123456.conf",
        "/firmware-20261130.bin",
        "/002e3a6fe532d90943e6fcaf08e1a408/y000000000028.cfg",
    ] {
        gateway.get(target, None);
        assert_eq!(gateway.inactive().len(), listed, "{target} names nobody");
    }
}

#[test]
fn how_sure_the_type_is_stands_beside_it() {
    let gateway = Gateway::start();
    gateway.get("/snomD895-000413AABBCC.htm", Some(D895));
    gateway.get("/805ec0aabbcc.cfg", None);
    gateway.get("/805ec0aabbcd.cfg", Some("curl/8.0"));
    gateway.get("/snom320-000413AABBCD.htm", None);
    gateway.get("/0015654aa937.cfg", Some("Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37"));
    gateway.inactive();
    let rows = gateway.done("inactive", json!({ "type": "phone" }))["values"].clone();
    for (id, strength, told_by) in [
        ("000413aabbcc0", "closest", "a model that is not known yet, and is like this one"),
        ("805ec0aabbcc0", "family", "only a path or User-Agent of the maker's, without a model"),
        (
            "805ec0aabbcd0",
            "contradicted",
            "nothing: it names itself as nothing known, or contradicts itself",
        ),
        ("000413aabbcd0", "path", "the path it asks for"),
        ("0015654aa9370", "user_agent", "the phone itself"),
    ] {
        let row = rows.as_array().unwrap().iter().find(|row| row["phoneid"] == id);
        let row = row.unwrap_or_else(|| panic!("no {id}: {rows}"));
        assert_eq!((&row["strength"], &row["told_by"]), (&json!(strength), &json!(told_by)));
        let scope = json!({ "phoneid": id });
        let asked = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
        assert_eq!(asked["values"][0]["told_by"], told_by, "{asked}");
    }
    gateway.promote("0015654aa9370");
    let active = gateway.done("active", json!({ "type": "phone" }));
    assert!(active["values"][0].get("strength").is_none(), "{active}");
}

/// A stranger's request without a User-Agent makes another type of no phone that named itself,
/// and the phone's own takes away what was guessed of it.
#[test]
fn what_a_phone_says_takes_a_guess_away_whenever_it_comes() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    let vc800 = Some("Yealink VC800 63.345.0.40 80:5e:c0:aa:bb:cc");
    for (mac, order) in [("805ec0aabbcc", [None, vc800]), ("805ec0aabbcd", [vc800, None])] {
        for user_agent in order {
            gateway.get(&format!("/{mac}.cfg"), user_agent);
            clock.advance(60);
        }
        let phone = gateway.phone(&format!("{mac}0"));
        assert_eq!(phone["phone_type"], "generic", "{phone}");
        assert_eq!(phone["claims"][0]["strength"], "contradicted", "{phone}");
    }
}

#[test]
fn who_promotes_a_phone_that_asks_for_no_file_of_its_type_is_told() {
    let gateway = Gateway::start();
    for (mac, asked, other, of_type) in [
        (
            "0a0022012345",
            "/acmem0a0022012345.conf",
            "/logo.png?mac=0a0022012345",
            "/0a0022012345.cfg",
        ),
        (
            "000b82b0c0d1",
            "/app/provision/?mac=000b82b0c0d1/cfg000b82b0c0d1.xml",
            "/fw/cp000b82b0c0d1.bin",
            "/cfg000b82b0c0d1.xml",
        ),
    ] {
        let scope = json!({ "phoneid": format!("{mac}0") });
        let warned = |verb: &str| {
            let body = json!({ "type": "phone", "scope": scope });
            let answer = gateway.done(verb, body);
            let warnings = answer["warnings"].as_array().cloned().unwrap_or_default();
            let said = warnings.into_iter().map(|said| said.as_str().unwrap().to_owned());
            said.filter(|said| said.starts_with("the phone asked last for ")).collect::<Vec<_>>()
        };
        gateway.get(other, None);
        assert_eq!(gateway.get(asked, None).status, 404);
        let said = warned("promote");
        assert_eq!(said.len(), 1, "{asked}");
        // What is in a query is shown only where it is a MAC.
        let shown = asked.replace("000b82b0c0d1/cfg000b82b0c0d1.xml", "***");
        let start = format!("the phone asked last for {shown}, and ");
        assert!(said[0].starts_with(&start), "{said:?}");
        gateway.set(&format!("{mac}0"), line());
        assert_eq!(gateway.get(asked, None).status, 404);
        assert_eq!(warned("preview"), said);
        assert_eq!(gateway.get(of_type, None).status, 200, "{of_type}");
        assert_eq!(warned("preview"), Vec::<String>::new());
        gateway.get(asked, None);
        assert_eq!(warned("preview"), Vec::<String>::new(), "it knows where its file is");
    }
    // One that was never seen to ask is not said to ask in vain.
    let values = json!({ "mac": "0a0022012346", "company": "default", "phone_type": "generic" });
    let answer = gateway.done("create", json!({ "type": "phone", "values": values }));
    assert_eq!(answer.get("warnings"), None, "{answer}");
}

/// The answer to `promote` of the phone, with these values.
fn promoted(gateway: &Gateway, id: &str, values: &serde_json::Value) -> serde_json::Value {
    let scope = json!({ "phoneid": id });
    gateway.ask("promote", json!({ "type": "phone", "scope": scope, "values": values }))
}

/// A file in the gateway's own format, with the passwords, is for nobody's phone but a generic one.
#[test]
fn a_phone_that_names_its_maker_and_no_type_is_not_promoted_as_just_any_phone() {
    let gateway = Gateway::start();
    for (mac, user_agent, said) in [
        ("805ec0aabbcc", "Yealink VC800 63.345.0.40 80:5e:c0:aa:bb:cc", None),
        ("000e08aabbcc", "Linksys/SPA9000-6.1.5", Some("SPA9000")),
        ("001565aabbcc", "LinphoneIPhone/3.15.0", Some("contradicts itself")),
    ] {
        let id = format!("{mac}0");
        gateway.get(&format!("/{mac}.cfg"), Some(user_agent));
        let Some(said) = said else {
            // Nobody reads what it calls itself, so it may be anything.
            let answer = promoted(&gateway, &id, &json!({}));
            assert_eq!(answer["result"], "success", "{answer}");
            assert!(answer["warnings"][0].as_str().unwrap().contains("its type is not known"));
            continue;
        };
        let answer = promoted(&gateway, &id, &json!({}));
        let message = answer["message"].as_str().unwrap_or_else(|| panic!("{answer}"));
        for part in [&id, user_agent, said, "phone_type", "--type"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(gateway.inactive().iter().any(|(waits, _)| *waits == id), "it waits still");
    }
    let wrong = promoted(&gateway, "000e08aabbcc0", &json!({ "phone_type": "t46g" }));
    assert!(wrong["message"].as_str().unwrap().contains("other_maker"), "{wrong}");
    let wrong = promoted(&gateway, "000e08aabbcc0", &json!({ "phone_type": "t46" }));
    assert!(wrong["message"].as_str().unwrap().starts_with("No such phone type"), "{wrong}");
    let answer = promoted(&gateway, "000e08aabbcc0", &json!({ "phone_type": "spa942" }));
    assert_eq!((&answer["numrows"], answer.get("warnings")), (&json!(1), None), "{answer}");
    gateway.set("000e08aabbcc0", line());
    assert!(gateway.get("/spa000e08aabbcc.cfg", None).text().contains("<User_ID_1_"));
    // Whoever says that it is any phone has said it.
    let answer = promoted(&gateway, "001565aabbcc0", &json!({ "phone_type": "generic" }));
    assert_eq!((&answer["numrows"], answer.get("warnings")), (&json!(1), None), "{answer}");
}

/// What the published API does of a phone that says nothing goes on, and whoever does it is told.
#[test]
fn a_phone_of_which_only_the_maker_is_known_is_promoted_with_a_warning() {
    let gateway = Gateway::start();
    for (target, id, has_maker) in [
        ("/0004f2aabbcc.cfg", "0004f2aabbcc0", true),
        ("/00085d1a9870.cfg", "00085d1a98700", true),
        ("/MN_08000F69435B.cfg", "08000f69435b0", true),
        ("/0a0000000001.cfg", "0a00000000010", false),
    ] {
        gateway.get(target, None);
        let answer = promoted(&gateway, id, &json!({}));
        assert_eq!(answer["numrows"], 1, "{answer}");
        let warnings = answer["warnings"].to_string();
        assert_eq!(warnings.contains("its type is not known"), has_maker, "{target}: {answer}");
    }
    // On every change, until someone says what it is.
    let values = json!({ "company": "default" });
    let scope = json!({ "mac": "0004f2aabbcc" });
    let body = json!({ "type": "phone", "scope": scope, "values": values });
    let answer = gateway.done("assign", body);
    assert!(answer["warnings"].to_string().contains("its type is not known"), "{answer}");
    let body = json!({
        "type": "phone", "scope": { "phoneid": "0004f2aabbcc0" }, "values": { "phone_type": "ip450" },
    });
    let answer = gateway.done("update", body);
    assert!(!answer["warnings"].to_string().contains("its type is not known"), "{answer}");
}

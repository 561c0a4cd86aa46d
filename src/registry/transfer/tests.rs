use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::pages::PAGE;
use super::*;
use crate::ambient::{SystemClock, SystemRandom};
use crate::catalogue::{Catalogue, Sources};
use crate::domain::settings::Layer;
use crate::domain::{Action, EventId, Revision, Timestamp};
use crate::registry::{Quota, Registry};
use crate::store::{Changes, MemoryStore, Mutation, Store, StoreError, SystemSettings};

const NOW: Timestamp = Timestamp::from_seconds(7);

static CATALOGUE: LazyLock<Arc<Catalogue>> =
    LazyLock::new(|| Arc::new(Catalogue::load(&Sources::default()).unwrap()));

/// More devices than are in memory at a time, and not a whole number of pages.
const DEVICES: usize = 2 * PAGE + PAGE / 2;

fn document(devices: usize) -> String {
    let device = |at: usize| {
        json!({ "mac": format!("0015650{at:05x}"), "phone_type": "t46s", "ports": [
            { "port": 0, "company": "acme", "settings": { "language": "de" } },
        ] })
    };
    let devices: Vec<Value> = (0..devices).map(device).collect();
    // As somebody may write it by hand: devices before what they name.
    json!({ "version": 2, "devices": devices, "companies": [{ "company": "acme" }] }).to_string()
}

fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(NOW))
}

async fn import_from<R: Read + Seek + Send + 'static>(
    store: &Arc<dyn Store>,
    input: R,
) -> Result<Imported, ImportError> {
    let document = Document::read(input)?.check(NOW)?;
    import(store, &CATALOGUE, document, &SystemRandom).await
}

async fn is_refused(store: &Arc<dyn Store>) -> bool {
    let again = import_from(store, Cursor::new(document(1))).await;
    let opened =
        Registry::open(store.clone(), CATALOGUE.clone(), Arc::new(SystemClock), Quota::default());
    let opened = matches!(opened.await, Err(StoreError::Unusable { .. }));
    let exported = export(&**store, true, &mut io::sink()).await;
    again.is_err()
        && opened
        && matches!(exported, Err(ExportError::Store(StoreError::Unusable { .. })))
}

/// Changes each time it is read from its start.
struct Changing<F> {
    text: F,
    readings: usize,
    now: Cursor<String>,
}

fn changing<F: FnMut(usize) -> String>(text: F) -> Changing<F> {
    Changing { text, readings: 0, now: Cursor::default() }
}

impl<F> Read for Changing<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.now.read(buffer)
    }
}

impl<F: FnMut(usize) -> String> Seek for Changing<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        assert_eq!(to, SeekFrom::Start(0));
        self.readings += 1;
        self.now = Cursor::new((self.text)(self.readings));
        Ok(0)
    }
}

#[tokio::test]
async fn more_than_a_page_is_moved_whole() {
    let (one, other) = (store(), store());
    let counts = Counts { companies: 1, devices: DEVICES, phones: DEVICES, ..Counts::default() };
    let imported = import_from(&one, Cursor::new(document(DEVICES))).await.unwrap();
    assert_eq!(imported.counts, counts);
    let mut text = Vec::new();
    let exported = export(&*one, true, &mut text).await.unwrap();
    assert_eq!(exported, Counts { companies: 2, ..counts }, "with `default`");
    let before = other.head().await.unwrap();
    import_from(&other, Cursor::new(text.clone())).await.unwrap();
    let mut again = Vec::new();
    export(&*other, true, &mut again).await.unwrap();
    assert!(again == text);
    assert_eq!(other.changes(before, 1).await, Ok(Changes::TooFarBehind), "nothing of it stays");
}

/// Of everything that a store has one, and of some several.
fn all_of_it() -> Value {
    let claim = |phone_type: &str, strength: &str| {
        json!({ "phone_type": phone_type, "strength": strength, "first": 5, "last": 6,
                "address": "192.0.2.1", "user_agent": "Yealink" })
    };
    let written = json!({ "groups": ["vlan"], "lines": 2, "modules": 0 });
    let event = |at: i64, action: &str, name: &str, value: Value| {
        json!({ "at": at, "who": "root", "from": "192.0.2.9", "action": action,
                "subject": "phone", "name": "001565000001", "company": "acme", name: value })
    };
    // Earlier than the one before it, as clocks are set: the order is the store's.
    let events = [
        event(9, "create", "after", json!({ "type": "t46s" })),
        event(8, "promote", "before", json!({ "company": "" })),
    ];
    json!({
        "version": 2,
        "settings": { "language": "de" },
        "password_seed": "7".repeat(64),
        "companies": [{ "company": "acme", "instance": "0000000000000007", "name": "Acme",
                        "created": 3, "settings": { "language": "fr" } }],
        "users": [{ "id": 4, "login": "root", "role": "System-Admin", "created": 4,
                    "companies": ["acme"], "key_hashes": ["ab".repeat(32)] }],
        "devices": [
            { "mac": "001565000001", "phone_type": "t46s", "served": 77,
              "ports": [{ "port": 0, "company": "acme", "created": 5, "name": "Desk" }],
              "sighting": { "first": 1, "last": 2, "address": "192.0.2.1", "user_agent": "Yealink",
                            "type_guess": "t46s", "firmware": "1.2", "certificate": "x" },
              "claims": [claim("t46s", "user_agent"), claim("t48s", "path")],
              "written": written,
              "admission": { "armed": 5, "given": 5, "token": 5, "variations": [7],
                             "old": { "tokens": [4, 3],
                                      "company_tokens": [{ "company": "acme", "number": 2 }],
                                      "credentials": [{ "user": "u", "password": "p",
                                                        "replaced": 4 }] },
                             "pins": { "at": 6, "network": "192.0.2.0/24", "maker": "Yealink" } } },
            { "mac": "001565000002", "phone_type": "t46s", "ports": [{ "port": 0, "created": 5 }] },
        ],
        "removed": [{ "mac": "001565000003", "written": written }],
        "bans": [
            { "network": "192.0.2.0/24", "since": 5, "until": 605, "times": 2,
              "reason": "10 unknown MACs in 1 s", "made_by": "gateway",
              "evidence": [{ "at": 5, "address": "192.0.2.1", "mac": "001565000009",
                             "target": "/001565000009.cfg", "user_agent": "curl/8" },
                           { "at": 4, "address": "192.0.2.2", "target": "/", "user_agent": "" }] },
            { "network": "2001:db8::/64", "since": 5, "until": 605, "times": 1 },
        ],
        "events": events,
    })
}

/// A document of before there were policies: nobody is locked out who moves a fleet with it.
#[tokio::test]
async fn phones_of_an_older_document_are_not_refused() {
    let store = store();
    let mut document = all_of_it();
    document["version"] = json!(1);
    document["devices"][0].as_object_mut().unwrap().remove("admission");
    import_from(&store, Cursor::new(document.to_string())).await.unwrap();
    let settings = store.tenancy().await.unwrap().system.settings.to_json();
    assert_eq!(settings, json!({ "language": "de", "admission": { "mode": "report" } }));
    document["version"] = json!(3);
    let refused = import_from(&self::store(), Cursor::new(document.to_string())).await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused, "the document has version 3, and 1 to 2 can be read");
}

#[tokio::test]
async fn nothing_of_a_document_is_left_behind() {
    let (one, other) = (store(), store());
    let document = all_of_it();
    let imported = import_from(&one, Cursor::new(document.to_string())).await.unwrap();
    let counts =
        Counts { companies: 1, users: 1, devices: 2, phones: 2, removed: 1, bans: 2, events: 2 };
    assert_eq!(imported.counts, counts);
    let mut text = Vec::new();
    export(&*one, true, &mut text).await.unwrap();
    let mut exported: Value = serde_json::from_slice(&text).unwrap();
    let companies = exported["companies"].as_array_mut().unwrap();
    companies.retain(|company| company["company"] != "default");
    assert_eq!(exported, document);
    import_from(&other, Cursor::new(text.clone())).await.unwrap();
    let mut again = Vec::new();
    export(&*other, true, &mut again).await.unwrap();
    assert_eq!(String::from_utf8(again), String::from_utf8(text));
    // The oldest says that it began, the newest that it ended.
    let events = other.events_after(EventId::NONE, 10).await.unwrap();
    let actions: Vec<Action> = events.iter().map(|event| event.action).collect();
    assert_eq!(actions, [Action::Import, Action::Create, Action::Promote, Action::Import]);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_line() {
    let mut document = all_of_it();
    document["devices"][0]["claims"][1]["strength"] = json!("mighty");
    document["removed"][0]["mac"] = json!("x");
    document["events"][1]["action"] = json!("conjure");
    let ban = |network: &str, name: &str, value: Value| {
        let mut ban = json!({ "network": network, "since": 5, "until": 605 });
        ban[name] = value;
        ban
    };
    let evidence = json!({ "at": 5, "address": "x", "target": "/", "user_agent": "" });
    let loud = json!({ "at": 5, "address": "192.0.2.1", "target": "/\n", "user_agent": "" });
    let quiet = json!({ "at": 5, "address": "192.0.2.1", "target": "/", "user_agent": "" });
    document["bans"].as_array_mut().unwrap().extend([
        ban("192.0.2.0/24", "times", json!(0)),
        ban("192.0.2.0", "since", json!(5)),
        ban("192.0.2.7/24", "until", json!(4)),
        ban("2001:db8:1::/64", "reason", json!("r".repeat(201))),
        ban("0.0.0.0/0", "until", json!(i64::MAX)),
        ban("::ffff:192.0.2.0/120", "made_by", json!("a\u{0}b")),
        ban("192.0.2.9/32", "evidence", json!([evidence, loud])),
        ban("192.0.2.8/32", "evidence", json!(vec![quiet; 11])),
    ]);
    let mark = json!({ "at": 1, "who": "gateway", "action": "import", "subject": "registry",
                       "name": "import", "after": { "finished": true } });
    // A database takes neither.
    let mut foreign = document["events"][0].clone();
    foreign["who"] = json!("a\u{0}b");
    foreign["name"] = json!("n".repeat(10_000));
    document["events"].as_array_mut().unwrap().extend([mark, foreign]);
    let text = serde_json::to_string_pretty(&document).unwrap();
    let error = import_from(&store(), Cursor::new(text.clone())).await.unwrap_err().to_string();
    let lines: Vec<&str> = text.lines().collect();
    let mut places = Vec::new();
    for said in error.lines() {
        let (path, rest) = said.split_once(": ").unwrap();
        let line: usize = rest.rsplit_once(" at line ").unwrap().1.parse().unwrap();
        assert_eq!(lines[line - 1].trim(), "{", "{said}");
        places.push(path);
    }
    let expected = [
        "devices[0].claims",
        "removed[0].mac",
        "bans[2].network",
        "bans[2].times",
        "bans[3].network",
        "bans[4].network",
        "bans[4].until",
        "bans[5].reason",
        "bans[6].network",
        "bans[6].until",
        "bans[7].network",
        "bans[7].made_by",
        "bans[8].evidence[0]",
        "bans[8].evidence[1].target",
        "bans[9].evidence",
        "events[1].action",
        "events[2].name",
        "events[3].who",
        "events[3].name",
    ];
    places.sort_unstable_by_key(|place| expected.iter().position(|known| known == place));
    assert_eq!(places, expected, "{error}");
}

#[tokio::test]
async fn a_problem_of_the_last_device_leaves_the_store_empty() {
    let text = document(DEVICES).replace(&format!("{:05x}\"", DEVICES - 1), "00000\"");
    let store = store();
    let before = store.head().await;
    let error = import_from(&store, Cursor::new(text)).await.unwrap_err().to_string();
    let last = DEVICES - 1;
    let said = format!("devices[{last}].mac: 001565000000 is there twice at line 1");
    assert_eq!(error, said);
    assert_eq!(store.head().await, before);
    import_from(&store, Cursor::new(document(1))).await.unwrap();
}

#[tokio::test]
async fn a_document_that_changes_while_it_is_stored_leaves_what_nobody_serves() {
    let fewer = |reading| document(if reading < 3 { DEVICES } else { DEVICES - 1 });
    let cut = |reading| match reading {
        3 => document(DEVICES)[..200_000].to_owned(),
        _ => document(DEVICES),
    };
    let store_of = |text: fn(usize) -> String| async move {
        let store = store();
        let error = import_from(&store, changing(text)).await.unwrap_err();
        let ImportError::Unfinished(why) = error else { panic!("{error}") };
        assert!(is_refused(&store).await, "{why}");
        why.to_string()
    };
    let why = store_of(fewer).await;
    let fewer = DEVICES - 1;
    let said = format!("devices {fewer}, phones {fewer}, removed devices 0, bans 0, events 0");
    assert!(why.ends_with(&said), "{why}");
    let why = store_of(cut).await;
    assert!(why.contains("EOF"), "{why}");
}

#[tokio::test]
async fn another_s_change_meanwhile_leaves_what_nobody_serves() {
    let store = store();
    let (theirs, runtime) = (store.clone(), tokio::runtime::Handle::current());
    let text = move |reading| {
        if reading == 3 {
            let settings = Layer::parse(&json!({ "language": "fr" })).unwrap();
            let system = SystemSettings { settings, ..SystemSettings::default() };
            let change = Mutation::PutSystemSettings { system, expect: Revision::NONE };
            runtime.block_on(theirs.commit(vec![change], Vec::new())).unwrap();
        }
        document(DEVICES)
    };
    let error = import_from(&store, changing(text)).await.unwrap_err();
    assert!(matches!(error, ImportError::Unfinished(_)), "{error}");
    assert!(is_refused(&store).await);
}

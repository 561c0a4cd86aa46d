use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::pages::PAGE;
use super::*;
use crate::catalogue::{Catalogue, Sources};
use crate::domain::settings::Layer;
use crate::domain::{Revision, Timestamp};
use crate::registry::{Quota, Registry, SystemClock, SystemRandom};
use crate::store::{MemoryStore, Mutation, Store, StoreError, SystemSettings};

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
    json!({ "version": 1, "devices": devices, "companies": [{ "company": "acme" }] }).to_string()
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
    let counts = Counts { companies: 1, users: 0, devices: DEVICES, phones: DEVICES };
    let imported = import_from(&one, Cursor::new(document(DEVICES))).await.unwrap();
    assert_eq!(imported.counts, counts);
    let mut text = Vec::new();
    let exported = export(&*one, true, &mut text).await.unwrap();
    assert_eq!(exported, Counts { companies: 2, ..counts }, "with `default`");
    import_from(&other, Cursor::new(text.clone())).await.unwrap();
    let mut again = Vec::new();
    export(&*other, true, &mut again).await.unwrap();
    assert!(again == text);
}

#[tokio::test]
async fn a_problem_of_the_last_device_leaves_the_store_empty() {
    let text = document(DEVICES).replace(&format!("{:05x}\"", DEVICES - 1), "00000\"");
    let store = store();
    let before = store.head().await;
    let error = import_from(&store, Cursor::new(text)).await.unwrap_err().to_string();
    let last = DEVICES - 1;
    assert_eq!(error, format!("devices[{last}].mac: 001565000000 is there twice"));
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
    assert!(why.ends_with(&format!("devices {fewer}, phones {fewer}")), "{why}");
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

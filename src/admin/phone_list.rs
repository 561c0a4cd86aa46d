//! A list of phones as a body: `{"result":"success","values":[...],"numrows":N}`,
//! made while it is sent. A list of a million phones is 24 bytes a phone in memory
//! and one part of its text.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::catalogue::Catalogue;
use crate::domain::{CompanyId, PhoneId, Strength, Timestamp, TypeKey, UserId};
use crate::registry::{Listing, PhoneRow};
use crate::throttle::Turn;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::Serialize;

/// Lists up to this long go out whole, with their length: some 100 KB.
pub(super) const MOST_WHOLE: usize = 1000;

/// A part is sent when it is this long, in bytes: some 400 rows, which take well
/// below a millisecond of the runtime's time, and enough for one system call.
const PART: usize = 64 * 1024;

/// Room for the row that goes over [`PART`] and for the end.
const SPARE: usize = 1024;

/// What is left to be sent of a list: the phones there were when it was made.
pub struct PhoneList {
    listing: Listing,
    catalogue: Arc<Catalogue>,
    /// The next row.
    at: usize,
    is_finished: bool,
    /// The user's place, free when this is sent or given up.
    _place: Turn<UserId>,
}

/// A phone of either list.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(serialize_with = "display")]
    phoneid: &'a PhoneId,
    phone_type: &'a TypeKey,
    #[serde(rename = "type")]
    description: &'a str,
    created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a CompanyId>,
    #[serde(flatten)]
    told: Option<Told>,
}

/// How sure the type of a phone is that waits.
#[derive(Serialize)]
struct Told {
    strength: Strength,
    told_by: &'static str,
}

fn display<S: serde::Serializer>(id: &PhoneId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl PhoneList {
    pub(super) fn new(
        listing: Listing,
        catalogue: Arc<Catalogue>,
        place: Turn<UserId>,
    ) -> PhoneList {
        PhoneList { listing, catalogue, at: 0, is_finished: false, _place: place }
    }

    pub fn numrows(&self) -> usize {
        self.listing.len()
    }

    /// All of it as one text.
    pub fn whole(mut self) -> Vec<u8> {
        let mut text = Vec::new();
        self.write(&mut text, usize::MAX);
        text
    }

    /// Writes on from where it stands until `text` has `enough` bytes or the list ends.
    fn write(&mut self, text: &mut Vec<u8>, enough: usize) {
        if self.at == 0 {
            text.extend(br#"{"result":"success","values":["#);
        }
        for phone in self.listing.rows(self.at) {
            if text.len() >= enough {
                return;
            }
            if self.at > 0 {
                text.push(b',');
            }
            self.at += 1;
            let row = row(&self.catalogue, &phone);
            serde_json::to_writer(&mut *text, &row).expect("rows have text keys and whole numbers");
        }
        write!(text, r#"],"numrows":{}}}"#, self.at).expect("memory takes any text");
        self.is_finished = true;
    }
}

fn row<'a>(catalogue: &'a Catalogue, phone: &'a PhoneRow) -> Row<'a> {
    Row {
        phoneid: &phone.id,
        phone_type: &phone.phone_type,
        description: catalogue.description(&phone.phone_type),
        created: phone.created,
        company: phone.company.as_ref(),
        told: phone
            .company
            .is_none()
            .then(|| Told { strength: phone.strength, told_by: phone.strength.told_by() }),
    }
}

impl Body for PhoneList {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_finished {
            return Poll::Ready(None);
        }
        let mut text = Vec::with_capacity(PART + SPARE);
        self.write(&mut text, PART);
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_finished
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::ambient::{SystemClock, SystemRandom};
    use crate::catalogue::Sources;
    use crate::registry::{Actor, Document, Quota, Registry, import};
    use crate::store::{MemoryStore, Store};
    use crate::throttle::Turns;

    /// A list of `devices` devices of 50 phones each, in the only place there is.
    async fn list(devices: usize) -> (PhoneList, Turns<UserId>) {
        let catalogue = Arc::new(Catalogue::load(&Sources::default()).unwrap());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Timestamp::from_seconds(0)));
        let ports: Vec<Value> = (0..50).map(|port| json!({ "port": port, "created": 5 })).collect();
        let device =
            |at| json!({ "mac": format!("{at:012x}"), "phone_type": "t46g", "ports": ports });
        let devices: Vec<Value> = (1..=devices).map(device).collect();
        let document = json!({ "version": 1, "devices": devices }).to_string();
        let document = Document::read(Cursor::new(document)).unwrap();
        let document = document.check(Timestamp::from_seconds(0)).unwrap();
        import(&store, &catalogue, document, &SystemRandom).await.unwrap();
        let opened =
            Registry::open(store, catalogue.clone(), Arc::new(SystemClock), Quota::default()).await;
        let (registry, _background) = opened.unwrap();
        let places = Turns::new(1, 1);
        let place = places.take(UserId(1)).unwrap();
        let listing = registry.inactive(&Actor::Gateway).unwrap();
        (PhoneList::new(listing, catalogue, place), places)
    }

    async fn is_free(places: &Turns<UserId>) -> bool {
        places.take(UserId(2)).is_ok()
    }

    #[tokio::test]
    async fn the_parts_of_a_list_are_its_whole_text_and_none_is_long() {
        for devices in [0, 1, 60] {
            let (whole, places) = list(devices).await;
            let whole = whole.whole();
            assert!(is_free(&places).await);
            let text: Value = serde_json::from_slice(&whole).unwrap();
            assert_eq!(text["numrows"], devices * 50);
            assert_eq!(text["values"].as_array().unwrap().len(), devices * 50);

            let (mut list, _places) = list(devices).await;
            let mut parts = Vec::new();
            while let Some(part) = list.frame().await {
                parts.push(part.unwrap().into_data().unwrap());
            }
            assert!(list.is_end_stream());
            assert_eq!(parts.concat(), whole);
            assert_eq!(parts.len(), whole.len().div_ceil(PART));
            assert!(parts.iter().all(|part| part.len() < PART + SPARE));
        }
    }

    #[tokio::test]
    async fn a_list_has_its_place_until_it_is_dropped() {
        let (mut list, places) = list(60).await;
        list.frame().await.unwrap().unwrap();
        assert!(!is_free(&places).await);
        drop(list);
        assert!(is_free(&places).await);
    }
}

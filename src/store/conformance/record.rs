//! The audit record, and when a catalogue was first served.

use super::*;

pub(crate) async fn events_are_numbered_in_order_of_commit(store: &impl Store, _: &impl Store) {
    let first = Event {
        id: EventId(99),
        before: json!({"z": 1, "a": [null, true, "\u{e4}"]}),
        after: json!("x"),
        ..event(Subject::Phone, "0004130000010", "default")
    };
    let second = Event { action: Action::Promote, ..event(Subject::User, "ann", "") };
    commit(store, [Mutation::Append(first.clone())]).await.unwrap();
    let refused = [Mutation::Append(first.clone()), put(&device(1, 1), Some(Revision(3)))];
    commit(store, refused).await.unwrap_err();
    commit(store, [Mutation::Append(second.clone())]).await.unwrap();
    let expected = [Event { id: EventId(2), ..second }, Event { id: EventId(1), ..first }];
    assert_eq!(events(store, newest(10)).await, expected);
}

pub(crate) async fn events_are_paged_newest_first(store: &impl Store, _: &impl Store) {
    let many = EventFilter::MAX + 2;
    let all = (0..many).map(|_| Mutation::Append(event(Subject::Registry, "", "")));
    commit(store, all).await.unwrap();
    let ids = async |before: Option<u64>, limit| -> Vec<u64> {
        let before = before.map(EventId);
        let filter = EventFilter { before, limit, ..EventFilter::default() };
        events(store, filter).await.iter().map(|event| event.id.0).collect()
    };
    let newest = many as u64;
    assert_eq!(ids(None, 2).await, [newest, newest - 1]);
    assert_eq!(ids(Some(newest - 1), 2).await, [newest - 2, newest - 3]);
    assert_eq!(ids(Some(3), 10).await, [2, 1]);
    assert_eq!(ids(Some(1), 10).await, [0u64; 0]);
    assert_eq!(ids(None, 0).await, [0u64; 0]);
    assert_eq!(ids(None, usize::MAX).await.len(), EventFilter::MAX);
    assert_eq!(ids(Some(u64::MAX), 1).await, [newest]);
    let after = async |after: u64, limit| -> Vec<u64> {
        let events = store.events_after(EventId(after), limit).await.unwrap();
        events.iter().map(|event| event.id.0).collect()
    };
    assert_eq!(after(0, 2).await, [1, 2]);
    assert_eq!(after(newest - 2, 10).await, [newest - 1, newest]);
    assert_eq!(after(u64::MAX, 10).await, [0u64; 0]);
    assert_eq!(after(0, usize::MAX).await.len(), EventFilter::MAX);
}

pub(crate) async fn events_are_found_by_subject_name_and_company(
    store: &impl Store,
    _: &impl Store,
) {
    let all = [
        event(Subject::Phone, "0004130000010", "acme"),
        event(Subject::Phone, "00041300000111", "bell"),
        event(Subject::Phone, "000413000001", ""),
        event(Subject::Phone, "0004130000020", "acme"),
        event(Subject::User, "0004130000010", "acme"),
        event(Subject::User, "000413000001", "bell"),
        event(Subject::Company, "acme", "acme"),
    ];
    commit(store, all.into_iter().map(Mutation::Append)).await.unwrap();
    let ids = async |filter: EventFilter| -> Vec<u64> {
        events(store, filter).await.iter().map(|event| event.id.0).collect()
    };
    let all = || newest(10);
    let phones = || EventFilter { subject: Some(Subject::Phone), ..all() };
    let named = |name: &str, filter| EventFilter { name: Some(name.to_owned()), ..filter };
    let of = |companies: &[&str], filter| EventFilter {
        companies: Some(companies.iter().map(|&name| name.to_owned()).collect()),
        ..filter
    };
    assert_eq!(ids(phones()).await, [4, 3, 2, 1]);
    assert_eq!(ids(named("0004130000010", phones())).await, [1]);
    assert_eq!(ids(named("0004130000010", all())).await, [5, 1]);
    assert_eq!(ids(named("000413000001", phones())).await, [3, 2, 1]);
    assert_eq!(ids(named("000413000001", all())).await, [6, 3, 2, 1]);
    assert_eq!(ids(named("00041300000", phones())).await, [0u64; 0]);
    assert_eq!(ids(named("0004130000", all())).await, [0u64; 0]);
    assert_eq!(ids(named("", all())).await, [0u64; 0]);
    assert_eq!(ids(named("0004130000010\0", all())).await, [0u64; 0]);
    assert_eq!(ids(of(&["acme\0", "bell"], all())).await, [6, 2]);
    assert_eq!(ids(of(&["acme"], all())).await, [7, 5, 4, 1]);
    assert_eq!(ids(of(&["", "bell", "bell"], all())).await, [6, 3, 2]);
    assert_eq!(ids(of(&["acme"], phones())).await, [4, 1]);
    assert_eq!(ids(of(&["acme", "bell"], named("000413000001", phones()))).await, [2, 1]);
    assert_eq!(ids(of(&[], all())).await, [0u64; 0]);
    let page = EventFilter { before: Some(EventId(7)), limit: 2, ..of(&["acme", "bell"], all()) };
    assert_eq!(ids(page).await, [6, 5]);
}

pub(crate) async fn a_catalogue_keeps_its_first_time(store: &impl Store, _: &impl Store) {
    let time = Timestamp::from_seconds;
    assert_eq!(store.catalogue_since("one", time(10)).await, Ok(time(10)));
    assert_eq!(store.catalogue_since("one", time(20)).await, Ok(time(10)));
    assert_eq!(store.catalogue_since("two", time(20)).await, Ok(time(20)));
    let both = tokio::join!(
        store.catalogue_since("new", time(30)),
        store.catalogue_since("new", time(40))
    );
    assert!(
        [(Ok(time(30)), Ok(time(30))), (Ok(time(40)), Ok(time(40)))].contains(&both),
        "{both:?}"
    );
}

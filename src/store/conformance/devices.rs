//! Devices, their phones and sightings.

use super::*;

pub async fn a_device_comes_back_as_it_was_put(store: &impl Store) {
    let bare = Device { sighting: None, ..device(1, 1) };
    let mut full = device(2, 12);
    full.sighting = Some(Sighting {
        address: "2001:db8::7".parse().unwrap(),
        user_agent: "Mozilla/4.0 (compatible; snom320-SIP 8.7.5)\\n\u{e4}".to_owned(),
        type_guess: Some(key("snom320")),
        firmware: Some("8.7.5".to_owned()),
        certificate: Some("0004f2aa0335".to_owned()),
        ..sighting(5)
    });
    *full.ports.get_mut(&port(11)).unwrap() = Phone {
        state: State::Active(CompanyId::default_company()),
        created: -3,
        name: "Reception 'ground' floor".to_owned(),
        settings: Layer::from_stored(r#"{"lines":[{"password":"p\"w"}]}"#),
    };
    full.ports.remove(&port(4));
    full.revision = u64::MAX;
    commit(store, [put(&bare, None), put(&full, None)]).await.unwrap();
    assert_eq!(store.device(bare.mac).await, Ok(Some(bare)));
    assert_eq!(store.device(full.mac).await, Ok(Some(full)));
    assert_eq!(store.device(mac(3)).await, Ok(None));
}

pub async fn a_second_insert_of_one_mac_is_a_conflict(store: &impl Store) {
    let first = device(1, 2);
    commit(store, [put(&first, None)]).await.unwrap();
    let second = Device { phone_type: key("pap2t"), ..device(1, 1) };
    assert_eq!(commit(store, [put(&second, None)]).await, conflict("device 000413000001"));
    assert_eq!(store.device(mac(1)).await, Ok(Some(first)));
}

pub async fn a_put_replaces_ports_and_type(store: &impl Store) {
    let first = device(1, 3);
    commit(store, [put(&first, None)]).await.unwrap();
    let retyped = first.retyped(&key("pap2t"), 2, NOW + 9).unwrap();
    commit(store, [put(&retyped, Some(1))]).await.unwrap();
    assert_eq!(store.device(mac(1)).await, Ok(Some(retyped)));
}

pub async fn a_put_from_a_stale_revision_is_a_conflict(store: &impl Store) {
    let refused = conflict("device 000413000001");
    assert_eq!(commit(store, [put(&device(1, 1), Some(1))]).await, refused);
    let first = device(1, 1);
    let second = Device { revision: 2, ..device(1, 2) };
    commit(store, [put(&first, None), put(&second, Some(1))]).await.unwrap();
    assert_eq!(commit(store, [put(&first, Some(1))]).await, refused);
    assert_eq!(store.device(mac(1)).await, Ok(Some(second)));
}

pub async fn of_two_promotes_at_once_one_wins(store: &impl Store) {
    let (acme, bell) = (company("acme"), company("bell"));
    let seen = device(1, 2);
    commit(store, [put_company(&acme, None), put_company(&bell, None), put(&seen, None)])
        .await
        .unwrap();
    let to = |company: &Company| seen.promote(Port::FIRST, &company.id, NOW + 1).unwrap().0;
    let (one, other) = (to(&acme), to(&bell));
    let promoted = |name: &str| Mutation::Append(event(Subject::Phone, "0004130000010", name));
    let results = tokio::join!(
        commit(store, [put(&one, Some(1)), promoted("acme")]),
        commit(store, [put(&other, Some(1)), promoted("bell")]),
    );
    let winner = match results {
        (Ok(()), Err(StoreError::Conflict(_))) => one,
        (Err(StoreError::Conflict(_)), Ok(())) => other,
        both => panic!("one wins, not {both:?}"),
    };
    let record = events(store, newest(10)).await;
    assert_eq!(record.len(), 1, "the loser left an event");
    let company = winner.phone(Port::FIRST).unwrap().company().unwrap();
    assert_eq!(company.as_str(), record[0].company);
    assert_eq!(store.device(mac(1)).await, Ok(Some(winner)));
}

pub async fn a_device_is_removed_by_its_revision_only(store: &impl Store) {
    commit(store, [put(&device(1, 3), None), put(&device(2, 1), None)]).await.unwrap();
    let remove = |number, expect| [Mutation::RemoveDevice { mac: mac(number), expect }];
    assert_eq!(commit(store, remove(1, 2)).await, conflict("device 000413000001"));
    assert_eq!(commit(store, remove(3, 1)).await, conflict("device 000413000003"));
    commit(store, remove(1, 1)).await.unwrap();
    assert_eq!(all_devices(store, 10).await, [device(2, 1)]);
    // No port of the old one is in the way of a new one.
    commit(store, [put(&device(1, 3), None)]).await.unwrap();
    assert_eq!(store.device(mac(1)).await, Ok(Some(device(1, 3))));
}

pub async fn a_noted_sighting_changes_nothing_else(store: &impl Store) {
    let mut made = device(1, 2);
    activate(&mut made, 0, "default");
    made.sighting = None;
    commit(store, [put(&made, None)]).await.unwrap();
    let seen = Sighting { firmware: Some("2".to_owned()), ..sighting(60) };
    let note = |number| Mutation::NoteSighting { mac: mac(number), sighting: seen.clone() };
    commit(store, [note(1), note(2)]).await.unwrap();
    let expected = Device { sighting: Some(seen.clone()), ..made };
    assert_eq!(all_devices(store, 10).await, [expected]);
}

pub async fn a_noted_sighting_keeps_what_it_does_not_tell(store: &impl Store) {
    let first = Sighting { firmware: Some("2".to_owned()), ..sighting(60) };
    let made = Device { sighting: Some(first.clone()), ..device(1, 1) };
    commit(store, [put(&made, None)]).await.unwrap();
    let silent = Sighting {
        user_agent: String::new(),
        type_guess: None,
        firmware: None,
        certificate: None,
        ..sighting(90)
    };
    commit(store, [Mutation::NoteSighting { mac: mac(1), sighting: silent.clone() }])
        .await
        .unwrap();
    let noted = store.device(mac(1)).await.unwrap().unwrap().sighting.unwrap();
    assert_eq!(noted, first.noting(&silent));
    assert_eq!((noted.first, noted.last), (first.first, silent.last));
    assert_eq!(noted.user_agent, first.user_agent);
    assert_eq!(noted.firmware, first.firmware);
}

pub async fn a_phone_needs_its_company(store: &impl Store) {
    let mut promoted = device(1, 2);
    activate(&mut promoted, 0, "default");
    activate(&mut promoted, 1, "acme");
    assert_eq!(commit(store, [put(&promoted, None)]).await, conflict("company acme"));
    commit(store, [put(&device(1, 2), None)]).await.unwrap();
    promoted.revision = 2;
    assert_eq!(commit(store, [put(&promoted, Some(1))]).await, conflict("company acme"));
    assert_eq!(store.device(mac(1)).await, Ok(Some(device(1, 2))));
    commit(store, [put_company(&company("acme"), None), put(&promoted, Some(1))]).await.unwrap();
    assert_eq!(store.device(mac(1)).await, Ok(Some(promoted)));
}

pub async fn devices_come_in_order_and_in_pages(store: &impl Store) {
    let mut made: Vec<Device> = [9, 2, 7, 1, 5].map(|number| device(number, 2)).to_vec();
    made.push(Device { mac: Mac::from_bits(0), ..device(1, 1) });
    made.push(Device { mac: Mac::from_bits((1 << 48) - 1), ..device(1, 1) });
    commit(store, made.iter().map(|device| put(device, None))).await.unwrap();
    made.sort_by_key(|device| device.mac);
    for page in [0, 1, 3, 7, 100] {
        assert_eq!(all_devices(store, page).await, made, "pages of {page}");
    }
}

pub async fn devices_stop_when_the_receiver_is_gone(store: &impl Store) {
    commit(store, (1..=5).map(|number| put(&device(number, 1), None))).await.unwrap();
    let (each, mut pages) = tokio::sync::mpsc::channel(1);
    let reader = async {
        assert_eq!(pages.recv().await.unwrap(), [device(1, 1)]);
        drop(pages);
    };
    let (done, ()) = tokio::join!(store.devices(1, each), reader);
    assert_eq!(done, Ok(()));
}

//! Devices, their phones and sightings.

use super::*;

pub(crate) async fn a_device_comes_back_as_it_was_put(store: &impl Store, _: &impl Store) {
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
    let phone = Phone {
        state: State::Active(CompanyId::default_company()),
        created: Timestamp::from_seconds(-3),
        name: "Reception 'ground' floor".to_owned(),
        settings: Layer::from_stored(r#"{"lines":[{"password":"p\"w"}]}"#),
    };
    full.phones = [(port(11), phone), (port(999), Phone::inactive(NOW + 1))].into();
    let last = Device { waiting: None, phones: full.phones.clone(), ..device(3, 1) };
    let revision = done(store, [put(&bare, None), put(&full, None), put(&last, None)]).await;
    for device in [bare, full, last] {
        assert_eq!(read(store, device.mac).await, Some(at(revision, &device)));
    }
    assert_eq!(read(store, mac(4)).await, None);
}

pub(crate) async fn a_second_insert_of_one_mac_is_a_conflict(store: &impl Store, _: &impl Store) {
    let first = device(1, 2);
    let revision = done(store, [put(&first, None)]).await;
    let second = Device { phone_type: key("pap2t"), ..device(1, 1) };
    assert_eq!(commit(store, [put(&second, None)]).await, conflict("device 000413000001"));
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &first)));
}

pub(crate) async fn a_device_is_one_entry_whatever_it_claims(store: &impl Store, _: &impl Store) {
    let revision = done(store, [put(&device(1, 1000), None)]).await;
    let stored = read(store, mac(1)).await.unwrap();
    assert_eq!(stored.waiting, Some(Waiting { ports: 1000, created: NOW }));
    assert!(stored.phones.is_empty());
    // All that wait become active, and then one goes.
    let (promoted, moved) = stored.promote(port(7), &id("default"), NOW + 1).unwrap();
    assert_eq!(moved, 1000);
    let revision = done(store, [put(&promoted, Some(revision))]).await;
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &promoted)));
    let left = promoted.without_active(port(3), NOW + 2).unwrap().unwrap();
    let revision = done(store, [put(&left, Some(revision))]).await;
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &left)));
}

pub(crate) async fn a_put_replaces_ports_and_type(store: &impl Store, _: &impl Store) {
    let mut first = device(1, 3);
    first.phones.insert(port(2), Phone { name: "door".to_owned(), ..Phone::inactive(NOW) });
    let revision = done(store, [put(&first, None)]).await;
    let retyped = first.retyped(&key("pap2t"), 2, NOW + 9).unwrap();
    let revision = done(store, [put(&retyped, Some(revision))]).await;
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &retyped)));
}

pub(crate) async fn a_put_from_a_stale_revision_is_a_conflict(store: &impl Store, _: &impl Store) {
    let refused = conflict("device 000413000001");
    assert_eq!(commit(store, [put(&device(1, 1), Some(Revision(1)))]).await, refused);
    let first = done(store, [put(&device(1, 1), None)]).await;
    let second = done(store, [put(&device(1, 2), Some(first))]).await;
    assert_eq!(commit(store, [put(&device(1, 1), Some(first))]).await, refused);
    assert_eq!(read(store, mac(1)).await, Some(at(second, &device(1, 2))));
}

pub(crate) async fn of_two_promotes_at_once_one_wins(store: &impl Store, other: &impl Store) {
    let (acme, bell) = (company("acme"), company("bell"));
    let seen = device(1, 2);
    let made = [put_company(&acme, None), put_company(&bell, None), put(&seen, None)];
    let revision = done(store, made).await;
    let to = |company: &Company| seen.promote(Port::FIRST, &company.id, NOW + 1).unwrap().0;
    let (to_acme, to_bell) = (to(&acme), to(&bell));
    let promoted = |name: &str| Mutation::Append(event(Subject::Phone, "0004130000010", name));
    let results = tokio::join!(
        commit(store, [put(&to_acme, Some(revision)), promoted("acme")]),
        commit(other, [put(&to_bell, Some(revision)), promoted("bell")]),
    );
    let winner = match results {
        (Ok(won), Err(StoreError::Conflict(_))) => at(won, &to_acme),
        (Err(StoreError::Conflict(_)), Ok(won)) => at(won, &to_bell),
        both => panic!("one wins, not {both:?}"),
    };
    let record = events(store, newest(10)).await;
    assert_eq!(record.len(), 1, "the loser left an event");
    assert_eq!(winner.companies().next().unwrap().as_str(), record[0].company);
    assert_eq!(read(store, mac(1)).await, Some(winner));
}

pub(crate) async fn a_device_is_removed_by_its_revision_only(store: &impl Store, _: &impl Store) {
    let mut first = device(1, 3);
    activate(&mut first, 1, "default");
    let revision = done(store, [put(&first, None), put(&device(2, 1), None)]).await;
    let remove = |number, expect| [Mutation::RemoveDevice { mac: mac(number), expect }];
    let stale = Revision(revision.0 + 1);
    assert_eq!(commit(store, remove(1, stale)).await, conflict("device 000413000001"));
    assert_eq!(commit(store, remove(3, revision)).await, conflict("device 000413000003"));
    done(store, remove(1, revision)).await;
    assert_eq!(all_devices(store, 10).await, [at(revision, &device(2, 1))]);
    // No port of the old one is in the way of a new one.
    let revision = done(store, [put(&first, None)]).await;
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &first)));
}

pub(crate) async fn a_noted_sighting_changes_nothing_else(store: &impl Store, _: &impl Store) {
    let mut made = device(1, 2);
    activate(&mut made, 0, "default");
    made.sighting = None;
    let revision = done(store, [put(&made, None)]).await;
    let seen = Sighting { firmware: Some("2".to_owned()), ..sighting(60) };
    let note = |number| Mutation::NoteSighting { mac: mac(number), sighting: seen.clone() };
    assert_eq!(done(store, [note(1), note(2)]).await, revision);
    let expected = Device { sighting: Some(seen.clone()), ..at(revision, &made) };
    assert_eq!(all_devices(store, 10).await, [expected]);
}

pub(crate) async fn a_noted_sighting_keeps_what_it_does_not_tell(
    store: &impl Store,
    _: &impl Store,
) {
    let first = Sighting { firmware: Some("2".to_owned()), ..sighting(60) };
    let made = Device { sighting: Some(first.clone()), ..device(1, 1) };
    done(store, [put(&made, None)]).await;
    let silent = Sighting {
        user_agent: String::new(),
        type_guess: None,
        firmware: None,
        certificate: None,
        ..sighting(2 * 3_600)
    };
    done(store, [Mutation::NoteSighting { mac: mac(1), sighting: silent.clone() }]).await;
    let noted = read(store, mac(1)).await.unwrap().sighting.unwrap();
    assert_eq!(noted, first.noting(&silent));
    assert_eq!((noted.first, noted.last), (first.first, silent.last));
    assert_eq!(noted.user_agent, first.user_agent);
    assert_eq!(noted.firmware, first.firmware);
}

pub(crate) async fn a_device_is_noted_once_in_its_hour_unless_it_shows_something_else(
    store: &impl Store,
    other: &impl Store,
) {
    let hour = Sighting::hour_of(mac(1), NOW + 9_000);
    let at = |last| Sighting { last, ..sighting(0) };
    let made = Device { sighting: Some(at(hour - 1)), ..device(1, 1) };
    done(store, [put(&made, None)]).await;
    let note = |sighting| [Mutation::NoteSighting { mac: mac(1), sighting }];
    let last = async || read(store, mac(1)).await.unwrap().sighting.unwrap();
    done(store, note(at(hour))).await;
    assert_eq!(last().await, at(hour));
    // Another gateway's, of the same hour to its end; and one that was long on its way.
    for later in [hour + 1, hour + 3_599, hour - 7_000] {
        done(other, note(at(later))).await;
        assert_eq!(last().await, at(hour));
    }
    let elsewhere = Sighting { address: Ipv4Addr::new(192, 0, 2, 7).into(), ..at(hour + 60) };
    done(other, note(elsewhere.clone())).await;
    assert_eq!(last().await, elsewhere);
    let told = Sighting { user_agent: "told".to_owned(), ..elsewhere };
    let told = Sighting { firmware: Some("7".to_owned()), last: hour + 70, ..told };
    done(other, note(told.clone())).await;
    // What tells less says nothing new.
    let silent = Sighting { user_agent: String::new(), firmware: None, ..told.clone() };
    done(other, note(Sighting { last: hour + 80, ..silent.clone() })).await;
    assert_eq!(last().await, told);
    done(other, note(Sighting { last: hour + 3_600, ..silent })).await;
    assert_eq!(last().await, Sighting { last: hour + 3_600, ..told });
}

pub(crate) async fn the_first_time_a_device_was_served_stays(store: &impl Store, _: &impl Store) {
    let revision = done(store, [put(&device(1, 2), None)]).await;
    let served = |number, at| Mutation::NoteServed { mac: mac(number), at };
    assert_eq!(done(store, [served(1, NOW + 1), served(2, NOW)]).await, revision);
    assert_eq!(done(store, [served(1, NOW + 2)]).await, revision);
    assert_eq!(read(store, mac(1)).await.unwrap().served, Some(NOW + 1));
    // Made from what was read before.
    done(store, [put(&device(1, 2), Some(revision))]).await;
    assert_eq!(read(store, mac(1)).await.unwrap().served, Some(NOW + 1));
}

pub(crate) async fn a_phone_needs_its_company(store: &impl Store, _: &impl Store) {
    let mut promoted = device(1, 2);
    activate(&mut promoted, 0, "default");
    activate(&mut promoted, 1, "acme");
    assert_eq!(commit(store, [put(&promoted, None)]).await, conflict("company acme"));
    let revision = done(store, [put(&device(1, 2), None)]).await;
    let put_it = || put(&promoted, Some(revision));
    assert_eq!(commit(store, [put_it()]).await, conflict("company acme"));
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &device(1, 2))));
    let revision = done(store, [put_company(&company("acme"), None), put_it()]).await;
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &promoted)));
}

pub(crate) async fn devices_come_in_order_and_in_pages(store: &impl Store, _: &impl Store) {
    let mut made: Vec<Device> = [9, 2, 7, 1, 5].map(|number| device(number, 2)).to_vec();
    made.push(Device { mac: Mac::from_bits(0), ..device(1, 1) });
    made.push(Device { mac: Mac::from_bits((1 << 48) - 1), ..device(1, 1) });
    for (at, device) in made.iter_mut().enumerate() {
        (0..at).for_each(|number| activate(device, u16::try_from(number).unwrap(), "default"));
    }
    let revision = done(store, made.iter().map(|device| put(device, None))).await;
    made.sort_by_key(|device| device.mac);
    let made: Vec<Device> = made.iter().map(|device| at(revision, device)).collect();
    for page in [0, 1, 3, 7, 100] {
        assert_eq!(all_devices(store, page).await, made, "pages of {page}");
    }
}

pub(crate) async fn devices_are_read_by_name(store: &impl Store, _: &impl Store) {
    let revision = done(store, (1..=5).map(|number| put(&device(number, 1), None))).await;
    let macs = [5, 9, 1, 5].map(mac);
    let expected = [1, 5].map(|number| at(revision, &device(number, 1)));
    assert_eq!(store.devices(&macs).await.unwrap(), expected);
    assert_eq!(store.devices(&[]).await.unwrap(), []);
}

pub(crate) async fn a_put_keeps_a_sighting_noted_since_the_read(
    store: &impl Store,
    _: &impl Store,
) {
    for (number, sighting_read) in [(1, Some(sighting(60))), (2, None)] {
        let made = Device { sighting: sighting_read, ..device(number, 1) };
        let revision = done(store, [put(&made, None)]).await;
        let later = Sighting { last: NOW + 1000, firmware: Some("3".to_owned()), ..sighting(60) };
        done(store, [Mutation::NoteSighting { mac: mac(number), sighting: later }]).await;
        let noted = read(store, mac(number)).await.unwrap().sighting;
        let revision = done(store, [put(&made, Some(revision))]).await;
        let there = read(store, mac(number)).await.unwrap();
        assert_eq!(there.sighting, noted);
        // One that is later than what is there is put.
        let latest = Some(Sighting { last: NOW + 2000, ..sighting(90) });
        let put_later = Device { sighting: latest.clone(), ..made };
        done(store, [put(&put_later, Some(revision))]).await;
        assert_eq!(read(store, mac(number)).await.unwrap().sighting, latest);
    }
}

fn written(groups: &[&str], names: &[&str]) -> Written {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Written::named(&texts(groups), 0, "snom", &texts(names)).unwrap()
}

pub(crate) async fn what_files_have_set_is_added_up(store: &impl Store, other: &impl Store) {
    let first = written(&["vlan"], &["dhcp"]);
    let made = Device { written: first.clone(), ..device(1, 2) };
    let revision = done(store, [put(&made, None)]).await;
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &made)));
    let note = |number, groups: &[&str], names: &[&str]| Mutation::NoteWritten {
        mac: mac(number),
        written: written(groups, names),
    };
    done(store, [note(1, &["language"], &[]), note(2, &["time"], &[])]).await;
    done(other, [note(1, &[], &["mtu"])]).await;
    let all = written(&["vlan", "language"], &["dhcp", "mtu"]);
    let expected = Device { written: all.clone(), ..at(revision, &made) };
    assert_eq!(all_devices(store, 10).await, [expected]);
    // Made from what was read before.
    let put_again = Device { written: written(&["lldp"], &[]), ..device(1, 1) };
    done(store, [put(&put_again, Some(revision))]).await;
    let all = all.and(&written(&["lldp"], &[]));
    let there = read(store, mac(1)).await.unwrap();
    assert_eq!(there.written, all);
    done(store, [Mutation::RemoveDevice { mac: mac(1), expect: there.revision }]).await;
    let revision = done(store, [put(&device(1, 1), None)]).await;
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &device(1, 1))), "it is another one");
    // A commit that is refused notes nothing.
    let refused = [note(1, &["vlan"], &[]), put(&device(1, 1), None)];
    assert_eq!(commit(store, refused).await, conflict("device 000413000001"));
    assert_eq!(read(store, mac(1)).await, Some(at(revision, &device(1, 1))));
}

pub(crate) async fn what_files_have_set_is_told_and_is_no_change(
    store: &impl Store,
    other: &impl Store,
) {
    let revision = done(store, [put(&device(1, 1), None)]).await;
    let noted = written(&["vlan"], &[]);
    let note = Mutation::NoteWritten { mac: mac(1), written: noted.clone() };
    let head = done(store, [note]).await;
    assert_eq!(head, revision.next());
    let Ok(Changes::Page(changes, end)) = other.changes(revision, 10).await else {
        panic!("it is remembered")
    };
    assert_eq!(end, head);
    let device = Device { written: noted, ..at(revision, &device(1, 1)) };
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].object, Changed::Device(mac(1), Some(device.clone())));
    // Who read it before may change it.
    done(other, [put(&device, Some(revision))]).await;
}

pub(crate) async fn what_files_set_in_a_removed_device_is_known(
    store: &impl Store,
    other: &impl Store,
) {
    let made = |number, written| Device { written, ..device(number, 1) };
    let remove = |number, expect| Mutation::RemoveDevice { mac: mac(number), expect };
    assert_eq!(store.left_in(mac(1)).await, Ok(Written::default()));
    let first = done(store, [put(&made(1, written(&["vlan"], &["dhcp"])), None)]).await;
    let plain = done(store, [put(&made(2, Written::default()), None)]).await;
    assert_eq!(store.left_in(mac(1)).await, Ok(Written::default()), "it is there");
    done(store, [remove(1, first), remove(2, plain)]).await;
    assert_eq!(other.left_in(mac(1)).await, Ok(written(&["vlan"], &["dhcp"])));
    assert_eq!(other.left_in(mac(2)).await, Ok(Written::default()));
    // It comes again and goes again: both are left.
    let again = done(store, [put(&made(1, written(&["time"], &[])), None)]).await;
    done(other, [remove(1, again)]).await;
    assert_eq!(store.left_in(mac(1)).await, Ok(written(&["vlan", "time"], &["dhcp"])));
    // As one is told of by another store.
    let head = store.head().await;
    let note = |number, written| Mutation::NoteLeft { mac: mac(number), written };
    done(store, [note(1, written(&["display"], &[])), note(3, written(&["time"], &[]))]).await;
    assert_eq!(store.head().await, head);
    let both = written(&["vlan", "time", "display"], &["dhcp"]);
    assert_eq!(other.left_in(mac(1)).await, Ok(both.clone()));
    assert_eq!(other.left_after(None, 1).await, Ok(vec![(mac(1), both)]));
    let third = vec![(mac(3), written(&["time"], &[]))];
    assert_eq!(other.left_after(Some(mac(1)), 10).await, Ok(third));
    assert_eq!(other.left_after(Some(mac(3)), 10).await, Ok(Vec::new()));
}

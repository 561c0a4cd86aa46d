use super::*;
use crate::domain::settings::Layer;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn port(number: u16) -> Port {
    Port::new(number).unwrap()
}

fn key(text: &str) -> TypeKey {
    text.parse().unwrap()
}

fn company() -> CompanyId {
    CompanyId::default_company()
}

fn waiting(ports: u16) -> Device {
    let sighting = Sighting {
        first: at(5),
        last: at(5),
        address: [192, 0, 2, 1].into(),
        user_agent: String::new(),
        type_guess: None,
        firmware: None,
        certificate: None,
    };
    Device::sighted(Mac::from_bits(1), key("pap2t"), ports, sighting)
}

fn numbers(device: &Device) -> Vec<u16> {
    device.ports().map(Port::number).collect()
}

/// Port 1 is active, 0 and 2 wait.
fn mixed() -> Device {
    let active = Phone { state: State::Active(company()), ..Phone::inactive(at(9)) };
    waiting(3).with_active(port(1), &key("pap2t"), active, at(9)).unwrap()
}

#[test]
fn all_that_waits_is_promoted_and_keeps_when_it_came() {
    let device = mixed();
    assert_eq!((numbers(&device), device.inactive_ports()), (vec![0, 1, 2], 2));
    let (promoted, moved) = device.promote(port(2), &company(), at(20)).unwrap();
    assert_eq!((moved, promoted.waiting), (2, None));
    let phones: Vec<_> = promoted.phones.values().map(|p| (p.created, &p.state)).collect();
    assert_eq!(phones, [(at(5), &State::Active(company())); 3]);
    for named in [0, 1, 3] {
        let gone = promoted.promote(port(named), &company(), at(30));
        assert_eq!(gone, Err(TransitionError::NotFound), "{named}");
    }
}

#[test]
fn all_that_waits_is_demoted_and_the_active_stay() {
    let (left, removed) = mixed().demote(port(0), at(20)).unwrap();
    let left = left.unwrap();
    assert_eq!((numbers(&left), removed, left.waiting), (vec![1], 2, None));
    assert_eq!(waiting(12).demote(port(11), at(20)), Ok((None, 12)));
    assert_eq!(waiting(12).demote(port(12), at(20)), Err(TransitionError::NotFound));
}

#[test]
fn a_phone_deleted_among_waiting_ones_waits_again() {
    let left = mixed().without_active(port(1), at(20)).unwrap().unwrap();
    assert_eq!((numbers(&left), left.inactive_ports()), (vec![0, 1, 2], 3));
    let active = waiting(1).promote(Port::FIRST, &company(), at(9)).unwrap().0;
    assert_eq!(active.without_active(Port::FIRST, at(20)), Ok(None));
}

#[test]
fn a_waiting_port_that_is_given_something_has_a_phone_of_its_own() {
    let named =
        waiting(2).with_values(port(1), "door".to_owned(), Layer::default(), at(9)).unwrap();
    assert_eq!(named.phones.len(), 1);
    assert_eq!(named.phone(port(1)).unwrap().created, at(5));
    let same = waiting(2).with_values(port(1), String::new(), Layer::default(), at(9)).unwrap();
    assert_eq!(same.phones.len(), 0);
    let retyped = named.retyped(&key("spa112"), 1, at(10)).unwrap();
    assert_eq!((numbers(&retyped), retyped.phones.len()), (vec![0], 0));
    assert_eq!(retyped.waiting, Some(Waiting { ports: 1, created: at(5) }));
}

#[test]
fn phones_told_one_by_one_wait_together_where_that_says_the_same() {
    let told = |phones: &[(u16, i64)]| Device {
        waiting: None,
        phones: phones
            .iter()
            .map(|&(n, created)| (port(n), Phone::inactive(at(created))))
            .collect(),
        ..waiting(1)
    };
    let folded = |phones| told(phones).folded().waiting;
    assert_eq!(folded(&[(0, 4), (1, 4)]), Some(Waiting { ports: 2, created: at(4) }));
    for other in [&[(0, 4), (2, 4)][..], &[(0, 4), (1, 5)], &[(1, 4)], &[]] {
        assert_eq!(told(other).folded(), told(other));
    }
    // A port above the last that waits is its own in any case.
    let mut active = told(&[(0, 4), (1, 4)]);
    let phone = Phone { state: State::Active(company()), ..Phone::inactive(at(4)) };
    active.phones.insert(port(7), phone);
    assert_eq!(numbers(&active.clone().folded()), numbers(&active));
}

#[test]
fn a_device_has_hours_of_its_own() {
    let hour = |mac, seconds| Sighting::hour_of(Mac::from_bits(mac), at(seconds)).seconds();
    for mac in [0, 1, 0x0015_654a_a937, (1 << 48) - 1] {
        for seconds in [i64::MIN, -1, 0, 1_700_000_000, i64::MAX] {
            let began = hour(mac, seconds);
            assert!(seconds.saturating_sub(began) < 3_600, "{mac:x} {seconds}: {began}");
            assert_eq!(hour(mac, began), began);
        }
        let began = hour(mac, 1_700_000_000);
        assert_eq!((hour(mac, began + 3_599), hour(mac, began + 3_600)), (began, began + 3_600));
    }
    // Those of one delivery ask at the same time.
    let minutes = (0..600).map(|mac| hour(0x0015_654a_0000 + mac, 1_700_000_000) / 60);
    let minutes: std::collections::BTreeSet<i64> = minutes.collect();
    assert!(minutes.len() >= 60, "{minutes:?}");
}

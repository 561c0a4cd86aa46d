//! Any sequence of commits is answered and kept the same by both stores.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::domain::{ApiKeyHash, Sighting, Subject, User};
use crate::store::conformance::{
    activate, company, device, dump, event, id, key, mac, sighting, user,
};
use crate::store::{MemoryStore, System, Write};

// Few of each, so that sequences meet.
const COMPANIES: [&str; 4] = ["default", "acme", "bell", "nobody"];
const LOGINS: [&str; 3] = ["ann", "bob", "eve"];

fn a_company() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&COMPANIES[..])
}

/// `None`, or the revision most things have by then.
fn expected() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => Just(None), 3 => Just(Some(1)), 1 => Just(Some(2)), 1 => Just(Some(3))]
}

fn put_device() -> impl Strategy<Value = Write> {
    let active = vec(option::weighted(0.4, a_company()), 1..4);
    (0..4u64, active, expected(), any::<bool>()).prop_map(|(number, active, expect, seen)| {
        let mut device = device(number, u16::try_from(active.len()).unwrap());
        for (port, company) in (0..).zip(active) {
            if let Some(company) = company {
                activate(&mut device, port, company);
            }
        }
        device.sighting = device.sighting.filter(|_| seen);
        device.revision = expect.unwrap_or(0) + 1;
        Write::PutDevice { device, expect }
    })
}

fn put_user() -> impl Strategy<Value = Write> {
    let names = proptest::sample::select(&LOGINS[..]);
    let lists = (vec(a_company(), 0..3), vec(0..4u8, 0..3));
    (1..4u64, names, option::of(a_company()), lists, expected()).prop_map(
        |(number, login, home, (companies, keys), expect)| {
            let user = User {
                company: home.map(id),
                admin_companies: companies.into_iter().map(id).collect(),
                key_hashes: keys.iter().map(|key| ApiKeyHash([*key; 32])).collect(),
                revision: expect.unwrap_or(0) + 1,
                ..user(number, login)
            };
            Write::PutUser { user, expect }
        },
    )
}

/// Any of what a request may leave untold is told or not.
fn a_sighting() -> impl Strategy<Value = Sighting> {
    (-9..9i64, any::<[bool; 4]>()).prop_map(|(last, [agent, guess, firmware, certificate])| {
        let told = |told: bool| told.then(|| format!("told at {last}"));
        Sighting {
            user_agent: told(agent).unwrap_or_default(),
            type_guess: guess.then(|| key("pap2t")),
            firmware: told(firmware),
            certificate: told(certificate),
            ..sighting(last)
        }
    })
}

fn write() -> impl Strategy<Value = Write> {
    let expect = || 1..4u64;
    prop_oneof![
        6 => put_device(),
        2 => (0..4u64, expect())
            .prop_map(|(number, expect)| Write::RemoveDevice { mac: mac(number), expect }),
        2 => (0..4u64, a_sighting())
            .prop_map(|(number, sighting)| Write::Touch { mac: mac(number), sighting }),
        3 => (a_company(), expected()).prop_map(|(name, expect)| {
            let mut company = company(name);
            company.revision = expect.unwrap_or(0) + 1;
            Write::PutCompany { company, expect }
        }),
        2 => (a_company(), expect())
            .prop_map(|(name, expect)| Write::RemoveCompany { id: id(name), expect }),
        4 => put_user(),
        1 => (1..4u64, expect()).prop_map(|(id, expect)| Write::RemoveUser { id, expect }),
        1 => (0..3u64).prop_map(|expect| {
            let system = System { revision: expect + 1, ..System::default() };
            Write::PutSystem { system, expect }
        }),
        1 => a_company()
            .prop_map(|name| Write::Append(event(Subject::Company, name, name))),
    ]
}

fn commits() -> impl Strategy<Value = Vec<Vec<Write>>> {
    let size = prop_oneof![3 => Just(1usize), 2 => 2..5usize];
    vec(size.prop_flat_map(|size| vec(write(), size)), 1..40)
}

proptest! {
    // Each case waits for the disk up to 40 times.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_commits_are_the_same_in_both(commits in commits()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (file, directory) = fresh().await;
            let memory = MemoryStore::new(NOW);
            for writes in commits {
                let shown = format!("{writes:?}");
                let expected = memory.commit(writes.clone()).await;
                prop_assert_eq!(file.commit(writes).await, expected, "{}", shown);
            }
            let expected = dump(&memory).await;
            prop_assert_eq!(dump(&file).await, expected.clone());
            file.close().await;
            let again = SqliteStore::open(&directory.path().join(FILE), NOW + 1).unwrap();
            prop_assert_eq!(dump(&again).await, expected);
            Ok(())
        })?;
    }
}

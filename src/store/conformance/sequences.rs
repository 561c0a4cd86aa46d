//! Any sequence of commits is answered and kept the same as by the store in memory.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::store::MemoryStore;

// Few of each, so that the mutations of a sequence meet. Most are made from the
// revision that is there: random ones alone are nearly all refused.
const COMPANIES: [&str; 3] = ["default", "acme", "bell"];
const LOGINS: [&str; 2] = ["ann", "bob"];
const DEVICES: u64 = 3;
const USERS: u64 = 3;

fn a_company() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&COMPANIES[..])
}

/// `None`, or a revision that is wrong most of the time.
fn expected() -> impl Strategy<Value = Option<Revision>> {
    prop_oneof![1 => Just(None), 1 => (1..20u64).prop_map(|number| Some(Revision(number)))]
}

fn put_device() -> impl Strategy<Value = Mutation> {
    let active = vec(option::weighted(0.4, a_company()), 1..4);
    (0..DEVICES, active, expected(), any::<bool>()).prop_map(|(number, active, expect, seen)| {
        let mut device = device(number, u16::try_from(active.len()).unwrap());
        for (port, company) in (0u16..).zip(active) {
            if let Some(company) = company {
                activate(&mut device, port, company);
            }
        }
        device.sighting = device.sighting.filter(|_| seen);
        Mutation::PutDevice { device, expect }
    })
}

fn put_user() -> impl Strategy<Value = Mutation> {
    let names = proptest::sample::select(&LOGINS[..]);
    let lists = (vec(a_company(), 0..3), vec(0..4u8, 0..3), option::of(0..2u8));
    (0..USERS, names, option::of(a_company()), lists, expected()).prop_map(
        |(number, login, home, (companies, keys, factor), expect)| {
            let user = User {
                company: home.map(id),
                admin_companies: companies.into_iter().map(id).collect(),
                key_hashes: keys.iter().map(|key| ApiKeyHash([*key; 32])).collect(),
                second_factor: factor.map(|byte| SecondFactor::new([byte; 20])),
                ..user(number, login)
            };
            Mutation::PutUser { user, expect }
        },
    )
}

/// Any of what a request may leave untold is told or not.
fn a_sighting() -> impl Strategy<Value = Sighting> {
    // Some are of another hour.
    let last = prop_oneof![2 => -9..9i64, 1 => 3_500..3_700i64];
    (last, any::<[bool; 4]>()).prop_map(|(last, [agent, guess, firmware, certificate])| {
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

fn a_written() -> impl Strategy<Value = Written> {
    let groups = option::of(Just("vlan".to_owned()));
    let names = vec((0..9u8).prop_map(|name| format!("p{name}")), 0..3);
    let family = prop_oneof![Just("snom"), Just("yealink")];
    (groups, 0..4u16, 0..3u16, family, names).prop_map(|(group, lines, modules, family, names)| {
        let groups: Vec<String> = group.into_iter().collect();
        Written::named(&groups, lines, family, &names).unwrap().with_modules(modules)
    })
}

fn write() -> impl Strategy<Value = Mutation> {
    let expect = || (1..20u64).prop_map(Revision);
    prop_oneof![
        6 => put_device(),
        2 => (0..DEVICES, expect())
            .prop_map(|(number, expect)| Mutation::RemoveDevice { mac: mac(number), expect }),
        4 => (0..DEVICES, a_sighting())
            .prop_map(|(number, sighting)| Mutation::NoteSighting { mac: mac(number), sighting }),
        1 => (0..DEVICES, 1..9i64)
            .prop_map(|(number, at)| Mutation::NoteServed { mac: mac(number), at: Timestamp::from_seconds(at) }),
        2 => (0..DEVICES, a_written())
            .prop_map(|(number, written)| Mutation::NoteWritten { mac: mac(number), written }),
        1 => (0..DEVICES, a_written())
            .prop_map(|(number, written)| Mutation::NoteLeft { mac: mac(number), written }),
        3 => (a_company(), expected()).prop_map(|(name, expect)| {
            Mutation::PutCompany { company: company(name), expect }
        }),
        2 => (a_company(), expect())
            .prop_map(|(name, expect)| Mutation::RemoveCompany { id: id(name), expect }),
        4 => put_user(),
        1 => (0..USERS, expect()).prop_map(|(id, expect)| {
            Mutation::RemoveUser { id: UserId(id), expect }
        }),
        1 => expect().prop_map(|expect| {
            Mutation::PutSystemSettings { system: SystemSettings::default(), expect }
        }),
        1 => a_company()
            .prop_map(|name| Mutation::Append(event(Subject::Company, name, name))),
    ]
}

/// Mutations, each with whether its revision is to be the right one.
pub(crate) type GuardedCommit = (Vec<(Mutation, bool)>, Vec<Guard>);

pub(crate) fn commits() -> impl Strategy<Value = Vec<GuardedCommit>> {
    let size = prop_oneof![3 => Just(1usize), 1 => 2..5usize];
    let mutations = move |size| vec((write(), proptest::bool::weighted(0.8)), size);
    vec((size.prop_flat_map(mutations), guards()), 20..60)
}

/// Seldom any: most do not hold.
fn guards() -> impl Strategy<Value = Vec<Guard>> {
    let any = prop_oneof![
        Just(Guard::RemainingAdmin),
        (0..20u64).prop_map(|number| Guard::Unchanged(Revision(number))),
        (a_company(), 1..10u64).prop_map(|(name, number)| {
            Guard::Same(Object::Company(id(name)), Revision(number))
        }),
        (0..DEVICES, 1..20u64).prop_map(|(number, revision)| {
            Guard::Same(Object::Device(mac(number)), Revision(revision))
        }),
    ];
    option::weighted(0.2, any).prop_map(|guard| guard.into_iter().collect())
}

/// The write as one who has just read the object makes it.
fn up_to_date(mut write: Mutation, registry: &Tenancy, devices: &[Device]) -> Mutation {
    let device = |mac| devices.iter().find(|device| device.mac == mac).map(|d| d.revision);
    let company = |id| registry.companies.iter().find(|c| c.id == id).map(|c| c.revision);
    let user = |id| registry.users.iter().find(|user| user.id == id).map(|user| user.revision);
    match &mut write {
        Mutation::PutDevice { device: put, expect } => {
            *expect = device(put.mac);
        }
        Mutation::PutCompany { company: put, expect } => {
            *expect = company(put.id.clone());
        }
        Mutation::PutUser { user: put, expect } => {
            *expect = user(put.id);
        }
        Mutation::PutSystemSettings { expect, .. } => *expect = registry.system.revision,
        Mutation::RemoveDevice { mac, expect } => *expect = device(*mac).unwrap_or(*expect),
        Mutation::RemoveCompany { id, expect } => *expect = company(id.clone()).unwrap_or(*expect),
        Mutation::RemoveUser { id, expect } => *expect = user(*id).unwrap_or(*expect),
        Mutation::NoteSighting { .. }
        | Mutation::NoteServed { .. }
        | Mutation::NoteWritten { .. }
        | Mutation::NoteLeft { .. }
        | Mutation::PutBan { .. }
        | Mutation::RemoveBan { .. }
        | Mutation::Append(_) => {}
    }
    write
}

/// Commits to the store, which is new, and to one in memory; gives what both hold then.
pub(crate) async fn same_as_in_memory(
    store: &impl Store,
    commits: Vec<GuardedCommit>,
) -> Result<(Tenancy, Vec<Device>, Vec<Event>), TestCaseError> {
    let memory = MemoryStore::new(NOW);
    let start = memory.head().await.unwrap();
    let mut state = dump(&memory).await;
    for (commit, guards) in commits {
        let (registry, devices, _) = &state;
        let right = |(write, right)| match right {
            true => up_to_date(write, registry, devices),
            false => write,
        };
        let mutations: Vec<Mutation> = commit.into_iter().map(right).collect();
        let shown = format!("{mutations:?}");
        let expected = memory.commit(mutations.clone(), guards.clone()).await;
        prop_assert_eq!(store.commit(mutations, guards).await, expected, "{}", &shown);
        state = dump(&memory).await;
        prop_assert_eq!(&dump(store).await, &state, "{}", &shown);
        let changes = memory.changes(start, 100).await;
        prop_assert_eq!(store.changes(start, 100).await, changes, "{}", &shown);
        for number in 0..DEVICES {
            let left = memory.left_in(mac(number)).await;
            prop_assert_eq!(store.left_in(mac(number)).await, left, "{}", &shown);
        }
        let left = memory.left_after(None, 100).await;
        prop_assert_eq!(store.left_after(None, 100).await, left, "{}", &shown);
    }
    Ok(state)
}

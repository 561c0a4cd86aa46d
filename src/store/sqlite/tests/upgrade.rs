//! A file of an older version becomes one of this version, with all that was in it.

use std::path::{Path, PathBuf};

use super::*;
use crate::domain::admission::AdmissionState;
use crate::domain::settings::Layer;
use crate::domain::{
    ApiKeyHash, Claim, Claims, Company, CompanyId, Device, EventId, Phone, Port, Revision, Role,
    Sighting, Strength, User, UserId, Waiting,
};
use crate::store::Tenancy;
use crate::store::conformance::{
    activate, all_devices, commit, dump, id, mac, port, put, read, sighting,
};

/// That version knew of no claims.
fn device(number: u64, ports: u16) -> Device {
    let made = crate::store::conformance::device(number, ports);
    Device { claims: Claims::default(), ..made }
}

/// A file as the first version made it.
struct Version1 {
    conn: Connection,
    directory: TempDir,
}

impl Version1 {
    fn new() -> Version1 {
        let directory = tempfile::tempdir().unwrap();
        let conn = Connection::open(directory.path().join(FILE)).unwrap();
        conn.pragma_update(None, "page_size", 2048).unwrap();
        conn.execute_batch(include_str!("../v1.sql")).unwrap();
        conn.pragma_update(None, "user_version", 1).unwrap();
        conn.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
        conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
        conn.execute("INSERT INTO company VALUES ('default', '', '{}', 1, 1, 1)", []).unwrap();
        Version1 { conn, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(FILE)
    }

    /// A row for each phone, as that version wrote them.
    fn add(&self, device: &Device) {
        let seen = device.sighting.as_ref();
        for port in device.ports() {
            let phone = device.phone(port).unwrap();
            let sql = "INSERT INTO phone (id, company, created, name, settings, type, changed, \
                       revision, first_seen, last_seen, address, user_agent, type_guess, firmware, \
                       certificate) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 3, ?8, ?9, ?10, ?11, ?12, \
                       ?13, ?14)";
            let values = rusqlite::params![
                rows::id_of(device.mac, port),
                phone.company().map(CompanyId::as_str),
                phone.created,
                phone.name,
                phone.settings.as_stored(),
                device.phone_type.as_str(),
                device.changed,
                seen.map(|seen| seen.first),
                seen.map(|seen| seen.last),
                seen.map(|seen| seen.address.to_string()),
                seen.map(|seen| &seen.user_agent),
                seen.and_then(|seen| seen.type_guess.as_ref().map(crate::domain::TypeKey::as_str)),
                seen.and_then(|seen| seen.firmware.as_ref()),
                seen.and_then(|seen| seen.certificate.as_ref()),
            ];
            self.conn.execute(sql, values).unwrap();
        }
    }

    fn phones(&self) -> Vec<Vec<rusqlite::types::Value>> {
        phones(&self.conn)
    }
}

/// What operators read, which is the same in both versions.
fn phones(conn: &Connection) -> Vec<Vec<rusqlite::types::Value>> {
    let mut statement = conn.prepare("SELECT * FROM phones ORDER BY phoneid").unwrap();
    let row = |row: &rusqlite::Row<'_>| (0..12).map(|column| row.get(column)).collect();
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn bare(numbers: &[(u16, Timestamp)]) -> Device {
    let phones = numbers.iter().map(|&(number, created)| (port(number), Phone::inactive(created)));
    Device { waiting: None, phones: phones.collect(), ..device(1, 1) }
}

/// Devices in every form that version had.
fn devices() -> Vec<Device> {
    let mut promoted = device(2, 4);
    activate(&mut promoted, 2, "acme");
    let active = device(3, 12).promote(Port::FIRST, &id("acme"), NOW + 5).unwrap().0;
    let made = Device { sighting: None, ..device(4, 2) };
    let mut named = device(5, 3);
    let phone = Phone {
        name: "Reception 'ground' floor".to_owned(),
        settings: Layer::from_stored(r#"{"language":"de"}"#),
        ..Phone::inactive(NOW)
    };
    named.phones.insert(port(1), phone);
    let told = Sighting {
        user_agent: "snom320-SIP 8.7.5".to_owned(),
        type_guess: Some("snom320".parse().unwrap()),
        firmware: Some("8.7.5".to_owned()),
        certificate: Some("0004f2aa0335".to_owned()),
        ..sighting(60)
    };
    let by_path = Sighting { user_agent: String::new(), ..told.clone() };
    let told = Device { sighting: Some(told), ..device(6, 1) };
    let by_path = Device { sighting: Some(by_path), ..device(11, 1) };
    let gap = Device { mac: mac(7), ..bare(&[(0, NOW), (2, NOW)]) };
    let two_times = Device { mac: mac(8), ..bare(&[(0, NOW), (1, NOW + 1)]) };
    let hole = active.without_active(port(3), NOW + 6).unwrap().unwrap();
    let hole = Device { mac: mac(9), ..hole };
    let many = device(10, 1000);
    let told = [many, by_path].into_iter().chain([told]);
    let mut all = vec![device(1, 1), promoted, active, made, named, gap, two_times, hole];
    all.extend(told);
    all.sort_by_key(|device| device.mac);
    all
}

fn furnish(old: &Version1) {
    old.conn
        .execute_batch(
            "INSERT INTO company VALUES ('acme', 'Acme', '{\"language\":\"en\"}', 2, 3, 4);
             INSERT INTO user VALUES (7, 'ann', 'Ann', 'System-Admin', 'acme', '$argon2id$', 5, 9);
             INSERT INTO user_company VALUES (7, 0, 'acme'), (7, 1, 'default');
             INSERT INTO system VALUES (1, '{\"tones\":\"DE\"}', 6, 8);
             INSERT INTO event VALUES (41, 9, 'ann', '192.0.2.1', 'promote', 'phone',
                                       '0004130000030', 'acme', '{\"state\":\"inactive\"}', '{}');
             INSERT INTO catalogue VALUES ('digest', 77);",
        )
        .unwrap();
    let hash = ApiKeyHash::of("one").0;
    old.conn.execute("INSERT INTO user_key VALUES (7, 0, ?1)", [hash]).unwrap();
    devices().iter().for_each(|device| old.add(device));
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// As this version has it: with a claim of what its requests told, while it waits.
fn carried_over(device: Device) -> Device {
    let claim = device.sighting.as_ref().filter(|_| !device.has_active_port()).map(|seen| Claim {
        phone_type: device.phone_type.clone(),
        strength: match device.mac {
            told if told == mac(6) => Strength::UserAgent,
            told if told == mac(11) => Strength::Path,
            _ => Strength::Family,
        },
        first: seen.first,
        last: seen.last,
        address: Some(seen.address),
        first_address: None,
        user_agent: seen.user_agent.clone(),
    });
    let admission = AdmissionState::default();
    Device { claims: claim.into_iter().collect(), admission, revision: Revision(1), ..device }
}

async fn is_all_there(store: &SqliteStore) {
    let revision = Revision(1);
    let company = |id: &str, name: &str, settings, created, changed| Company {
        id: id.parse().unwrap(),
        instance: None,
        name: name.to_owned(),
        settings: Layer::from_stored(settings),
        created: at(created),
        changed: at(changed),
        revision,
    };
    let ann = User {
        id: UserId(7),
        login: "ann".to_owned(),
        name: "Ann".to_owned(),
        role: Role::SystemAdmin,
        company: Some(id("acme")),
        admin_companies: vec![id("acme"), id("default")],
        password_hash: Some("$argon2id$".to_owned()),
        key_hashes: vec![ApiKeyHash::of("one")],
        second_factor: None,
        created: at(5),
        revision,
    };
    let expected = Tenancy {
        companies: vec![
            company("acme", "Acme", r#"{"language":"en"}"#, 2, 3),
            company("default", "", "{}", 1, 1),
        ],
        users: vec![ann],
        system: crate::store::SystemSettings {
            // Phones are in use: nothing is refused until somebody says so.
            settings: Layer::from_stored(r#"{"tones":"DE","admission":{"mode":"report"}}"#),
            password_seed: None,
            changed: at(6),
            revision,
        },
        head: revision,
    };
    let (tenancy, stored, events) = dump(store).await;
    assert!(tenancy == expected, "{tenancy:?}");
    let expected: Vec<Device> = devices().into_iter().map(carried_over).collect();
    assert_eq!(stored, expected);
    assert_eq!((events.len(), events[0].id, events[0].at), (1, EventId(41), at(9)));
    assert_eq!(store.catalogue_since("digest", at(99)).await, Ok(at(77)));
}

#[tokio::test]
async fn a_file_of_version_1_is_carried_over() {
    let old = Version1::new();
    furnish(&old);
    let before = old.phones();
    let (path, directory) = (old.path(), old.directory);
    drop(old.conn);
    let store = SqliteStore::open(&path, NOW).unwrap();
    is_all_there(&store).await;
    let conn = Connection::open(&path).unwrap();
    assert_eq!(phones(&conn), before);
    let own_rows: i64 = conn.query_row("SELECT count(*) FROM phone", [], |row| row.get(0)).unwrap();
    let own = devices().iter().map(|device| device.phones.len()).sum::<usize>();
    assert_eq!(own_rows, i64::try_from(own).unwrap(), "what waits has no row");
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    assert_eq!(conn.prepare("PRAGMA foreign_key_check").unwrap().exists([]), Ok(false));
    // It goes on as a store of this version does.
    let known = read(&store, mac(1)).await.unwrap();
    let promoted = known.promote(Port::FIRST, &id("acme"), NOW + 1).unwrap().0;
    commit(&store, [put(&promoted, Some(known.revision))]).await.unwrap();
    assert_eq!(store.head().await, Ok(Revision(2)));
    store.close().await;
    drop((conn, directory));
}

/// What the disk holds while the tables are being changed.
#[tokio::test]
async fn an_upgrade_that_was_killed_half_way_is_made_again() {
    let old = Version1::new();
    furnish(&old);
    // Enough that pages go to the disk before the end.
    old.conn.execute_batch("BEGIN").unwrap();
    (1000..9000).for_each(|number| old.add(&device(number, 1)));
    old.conn.execute_batch("COMMIT").unwrap();
    old.conn.pragma_update(None, "cache_size", 10).unwrap();
    old.conn.execute_batch("BEGIN EXCLUSIVE").unwrap();
    old.conn.execute_batch(include_str!("../v2.sql")).unwrap();
    let killed = tempfile::tempdir().unwrap();
    let copy =
        |from: &Path, name: &str| std::fs::copy(from.join(name), killed.path().join(name)).unwrap();
    copy(old.directory.path(), FILE);
    let log = copy(old.directory.path(), "dialtone.db-wal");
    assert!(log > 1 << 20, "a part of the change is on disk: {log}");
    let store = SqliteStore::open(&killed.path().join(FILE), NOW).unwrap();
    let all = all_devices(&store, 1000).await;
    assert_eq!(all.len(), 8000 + devices().len());
    let last = all.last().unwrap();
    assert_eq!(last.waiting, Some(Waiting { ports: 1, created: NOW }));
    let version: i64 = Connection::open(killed.path().join(FILE))
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 6);
    store.close().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_nothing_is_upgraded() {
    let old = Version1::new();
    furnish(&old);
    let spoil = "UPDATE phone SET address = 'nowhere' WHERE user_agent = 'snom320-SIP 8.7.5'";
    assert_eq!(old.conn.execute(spoil, []), Ok(1));
    let before = old.phones();
    let refused = SqliteStore::open(&old.path(), NOW).err().unwrap().to_string();
    assert!(refused.contains(&format!("device {}, address", mac(6))), "{refused}");
    assert_eq!(old.phones(), before);
    assert!(matches!(SqliteStore::look(&old.path()), Ok(Found::Older(1, 6))));
}

#[tokio::test]
async fn what_only_reads_leaves_an_older_store_as_it_is() {
    let old = Version1::new();
    furnish(&old);
    let path = old.path();
    let refused =
        SqliteStore::open_without_upgrade(&path, Cipher::default(), NOW).err().unwrap().to_string();
    assert!(refused.contains("start the gateway once"), "{refused}");
    assert_eq!(SqliteStore::look(&path), Ok(Found::Older(1, 6)));
    SqliteStore::open(&path, NOW).unwrap().close().await;
    assert_eq!(SqliteStore::look(&path), Ok(Found::Current));
    SqliteStore::open_without_upgrade(&path, Cipher::default(), NOW).unwrap().close().await;
}

#[tokio::test]
async fn what_cannot_be_carried_over_stays_as_it_is() {
    let old = Version1::new();
    furnish(&old);
    // A table of the new version's name: the change fails in the middle.
    old.conn.execute_batch("CREATE TABLE device (x)").unwrap();
    let before = old.phones();
    let refused = SqliteStore::open(&old.path(), NOW).err().unwrap();
    assert!(refused.to_string().contains("device"), "{refused}");
    assert_eq!(old.phones(), before);
    let version: i64 = old.conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    old.conn.execute_batch("DROP TABLE device").unwrap();
    is_all_there(&SqliteStore::open(&old.path(), NOW).unwrap()).await;
}

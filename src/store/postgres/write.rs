//! Writes a decided group down and commits it, all in one go.

use super::columns::{Changes, Devices, Events, Phones, Users};
use super::decided::Decided;
use super::error::Failure;
use super::queries::ids_of;
use super::session::{Batch, ROWS, Session, parameters};
use crate::domain::{Ban, CompanyId, Device, Mac, Phone, Port, User};
use crate::store::at_rest::{Cell, Cipher};
use crate::store::encoding::{bits, mac_bits, written_text};
use crate::store::objects::Touched;
use crate::store::{MAX_EVENTS, MAX_LEFT, REMEMBERED_COMMITS};

/// Pruned this many at a time, so that an event costs nothing more; so are groups.
const PRUNE_EVERY: i64 = 1_000;

const PUT_COMPANY: &str = "INSERT INTO company (id, name, settings, created, changed, revision, \
     instance) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET \
     name = excluded.name, settings = excluded.settings, created = excluded.created, \
     changed = excluded.changed, revision = excluded.revision, instance = excluded.instance";
const PUT_SYSTEM: &str = "INSERT INTO system_settings (one, settings, changed, revision, secret) \
     VALUES (true, $1, $2, $3, $4) ON CONFLICT (one) DO UPDATE SET settings = excluded.settings, \
     changed = excluded.changed, revision = excluded.revision, secret = excluded.secret";
const INSERT_BANS: &str = "INSERT INTO ban (network, since, until, times, told, revision) \
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], \
     $6::bigint[])";
const TRIM_LEFT: &str =
    "DELETE FROM left_in_device WHERE id <= (SELECT max(id) FROM left_in_device) - $1";
/// Takes some 100 KB of the disk: a few bytes have room in pages that are there, and a commit may not.
const TAKE_ROOM: &str =
    "INSERT INTO probe SELECT repeat('0123456789abcdef', 100) FROM generate_series(1, 64)";
/// Before a COMMIT: who waits for a standby must not be told that it has all when time is up, which
/// the server takes for an answer. Here the wait is bounded all the same.
pub(super) const WAIT_FOR_STANDBY: &str = "SET LOCAL statement_timeout TO 0";
/// Whoever follows is told when there is something to follow.
pub(super) const PUT_LEDGER: &str = "WITH \
     ledger AS (UPDATE store SET head = $1, forgotten = $2, commit_group = $3, event = $4 \
     WHERE one), \
     made AS (INSERT INTO commit_group (number, stamp, head) VALUES ($3, $5, $1)) \
     SELECT pg_notify($6, $1::bigint::text) WHERE $7";

/// Writes and commits; the transaction was begun, and its row is locked. `channel` is what
/// followers listen to. With `probes` there must be room for more than it writes.
///
/// # Errors
/// What the server says; [`Failure::undid_all`] tells whether that is certain to be the end of it.
pub(super) async fn write(
    session: &Session,
    decided: &Decided,
    channel: &str,
    probes: bool,
) -> Result<(), Failure> {
    let mut batch = Batch::new(session);
    if probes {
        batch.add(TAKE_ROOM, parameters![]);
        batch.add("DELETE FROM probe", parameters![]);
    }
    let cipher = session.cipher();
    put_companies(&mut batch, cipher, decided);
    put_users(&mut batch, cipher, decided);
    put_devices(&mut batch, cipher, decided);
    remove_companies(&mut batch, decided);
    put_rest(&mut batch, cipher, decided);
    put_ledger(&mut batch, decided, channel);
    batch.add(WAIT_FOR_STANDBY, parameters![]);
    batch.add("COMMIT", parameters![]);
    batch.run().await?;
    Ok(())
}

/// Before what names them.
fn put_companies<'a>(batch: &mut Batch<'a>, cipher: &Cipher, decided: &'a Decided) {
    for company in decided.companies.iter().filter_map(|id| decided.objects.companies.get(id)) {
        let values = parameters![
            company.id.as_str(),
            &company.name,
            cipher.seal(Cell::CompanySettings(company.id.as_str()), company.settings.as_stored()),
            company.created.seconds(),
            company.changed.seconds(),
            bits(company.revision.0),
            company.instance.map(|instance| bits(instance.get())),
        ];
        batch.add(PUT_COMPANY, values);
    }
}

/// After what named them.
fn remove_companies<'a>(batch: &mut Batch<'a>, decided: &'a Decided) {
    let is_gone = |id: &&CompanyId| !decided.objects.companies.contains_key(*id);
    let gone: Vec<&str> = decided.companies.iter().filter(is_gone).map(CompanyId::as_str).collect();
    if !gone.is_empty() {
        batch.add("DELETE FROM company WHERE id = ANY($1)", parameters![gone]);
    }
}

/// All anew, whatever changed: two may have exchanged their logins.
fn put_users<'a>(batch: &mut Batch<'a>, cipher: &Cipher, decided: &'a Decided) {
    if decided.users.is_empty() {
        return;
    }
    let ids: Vec<i64> = decided.users.iter().map(|id| bits(id.0)).collect();
    let users = decided.users.iter().filter_map(|id| decided.objects.users.get(id));
    let users: Vec<&User> = users.collect();
    batch.add("DELETE FROM user_account WHERE id = ANY($1)", parameters![ids]);
    batch.add(Users::INSERT, Users::of(cipher, &users).insert());
    batch.add(Users::INSERT_COMPANIES, Users::companies(&users));
    batch.add(Users::INSERT_KEYS, Users::keys(&users));
}

fn put_devices<'a>(batch: &mut Batch<'a>, cipher: &Cipher, decided: &'a Decided) {
    let is_put = |mac: &&Mac| decided.devices[*mac] == Touched::Put;
    let replaced = decided.there.iter().filter(|mac| decided.devices.contains_key(*mac));
    let replaced: Vec<i64> = replaced.filter(is_put).copied().map(mac_bits).collect();
    if !replaced.is_empty() {
        batch.add("DELETE FROM phone WHERE mac = ANY($1)", parameters![replaced]);
    }
    let is_gone = |mac: &&Mac| !decided.objects.devices.contains_key(*mac);
    let gone = decided.there.iter().filter(is_gone).copied().map(mac_bits);
    let gone: Vec<i64> = gone.collect();
    if !gone.is_empty() {
        batch.add("DELETE FROM device WHERE mac = ANY($1)", parameters![gone]);
    }
    let put = devices(decided, Touched::Put);
    // First contacts are many, and to look for a conflict costs the server a fifth more.
    let (known, new): (Vec<&Device>, Vec<&Device>) =
        put.iter().partition(|device| decided.there.contains(&device.mac));
    for page in new.chunks(ROWS) {
        batch.add(Devices::INSERT, Devices::of(cipher, page).put());
    }
    for page in known.chunks(ROWS) {
        batch.add(Devices::PUT, Devices::of(cipher, page).put());
    }
    let of_device = |device: &&'a Device| {
        let mac = device.mac;
        device.phones.iter().map(move |(port, phone)| (mac, *port, phone))
    };
    let phones: Vec<(Mac, Port, &Phone)> = put.iter().flat_map(of_device).collect();
    for page in phones.chunks(ROWS) {
        batch.add(Phones::INSERT, Phones::of(cipher, page).insert());
    }
    for page in devices(decided, Touched::Noted).chunks(ROWS) {
        batch.add(Devices::NOTE, Devices::of(cipher, page).note());
    }
}

/// Those that are there and were touched so.
fn devices(decided: &Decided, how: Touched) -> Vec<&Device> {
    let touched = decided.devices.iter().filter(|(_, touched)| **touched == how);
    touched.filter_map(|(mac, _)| decided.objects.devices.get(mac)).collect()
}

fn put_rest<'a>(batch: &mut Batch<'a>, cipher: &Cipher, decided: &'a Decided) {
    if decided.system {
        let system = &decided.objects.system;
        let seed = system.password_seed.map(|seed| seed.expose());
        let seed = seed.map(|seed| cipher.seal(Cell::PasswordSeed, &seed).into_owned());
        let values = parameters![
            cipher.seal(Cell::SystemSettings, system.settings.as_stored()),
            system.changed.seconds(),
            bits(system.revision.0),
            seed,
        ];
        batch.add(PUT_SYSTEM, values);
    }
    if !decided.bans.is_empty() {
        let networks: Vec<String> = decided.bans.iter().map(ToString::to_string).collect();
        batch.add("DELETE FROM ban WHERE network = ANY($1)", parameters![networks]);
        let put = decided.bans.iter().filter_map(|network| decided.objects.bans.get(network));
        let put: Vec<&Ban> = put.collect();
        let networks: Vec<String> = put.iter().map(|ban| ban.network.to_string()).collect();
        let column = |of: fn(&Ban) -> i64| put.iter().map(|ban| of(ban)).collect::<Vec<i64>>();
        let told: Vec<String> = put.iter().map(|ban| ban.told()).collect();
        batch.add(
            INSERT_BANS,
            parameters![
                networks,
                column(|ban| ban.since.seconds()),
                column(|ban| ban.until.seconds()),
                column(|ban| ban.times.into()),
                told,
                column(|ban| bits(ban.revision.0)),
            ],
        );
    }
    if !decided.left.is_empty() {
        let macs: Vec<i64> = decided.left.iter().copied().map(mac_bits).collect();
        batch.add("DELETE FROM left_in_device WHERE mac = ANY($1)", parameters![macs]);
        let kept = decided.left.iter().filter_map(|mac| {
            let text = written_text(decided.objects.left.get(mac)?)?;
            Some((mac_bits(*mac), text))
        });
        let (macs, texts): (Vec<i64>, Vec<String>) = kept.unzip();
        let insert = "INSERT INTO left_in_device (mac, written) \
                      SELECT * FROM unnest($1::bigint[], $2::text[])";
        batch.add(insert, parameters![macs, texts]);
        batch.add(TRIM_LEFT, parameters![i64::try_from(MAX_LEFT).unwrap_or(i64::MAX)]);
    }
}

fn put_ledger<'a>(batch: &mut Batch<'a>, decided: &'a Decided, channel: &'a str) {
    let Decided { before, ledger, .. } = decided;
    let pages = decided.events.chunks(ROWS);
    for (first, page) in (before.event + 1..).step_by(ROWS).zip(pages) {
        batch.add(Events::INSERT, Events::of(first, page).insert());
    }
    if ledger.event / PRUNE_EVERY > before.event / PRUNE_EVERY {
        let kept = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
        batch.add("DELETE FROM event WHERE id <= $1", parameters![ledger.event - kept]);
    }
    if !decided.changes.is_empty() {
        batch.add(Changes::INSERT, Changes::of(&decided.changes).insert());
    }
    if ledger.forgotten > before.forgotten {
        batch.add("DELETE FROM change WHERE id <= $1", parameters![ids_of(ledger.forgotten).1]);
    }
    if ledger.group % PRUNE_EVERY == 0 {
        let oldest = ledger.group - i64::try_from(REMEMBERED_COMMITS).unwrap_or(i64::MAX);
        batch.add("DELETE FROM commit_group WHERE number <= $1", parameters![oldest]);
    }
    let values = parameters![
        bits(ledger.head.0),
        bits(ledger.forgotten.0),
        ledger.group,
        ledger.event,
        decided.stamp,
        channel,
        ledger.head != before.head,
    ];
    batch.add(PUT_LEDGER, values);
}

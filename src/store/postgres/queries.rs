//! What is read: devices, companies and users, what changed. Each of one moment.

use std::collections::HashSet;

use ipnet::IpNet;
use tokio_postgres::Row;

use super::error::{Failure, bad_row};
use super::history::{Anchor, Header};
use super::rows::{self, DeviceReader, get, mac, number, revision};
use super::session::{Batch, Session, parameters};
use crate::domain::settings::Written;
use crate::domain::{Ban, Device, Mac, Revision, Timestamp, UserId};
use crate::store::at_rest::Cipher;
use crate::store::encoding::mac_bits;
use crate::store::{Change, Object, Tenancy};

/// Begins to read what all is of one moment: one at which nobody is replacing the tables, for which the
/// first query would wait with a snapshot that is from before, and find new ones empty.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     LOCK TABLE store IN ACCESS SHARE MODE";
/// Whether there is a store at all: tables that are being filled are no registry that lost its phones.
const HEAD: &str = "SELECT head FROM store WHERE one";
const COMMIT: &str = "COMMIT";

/// Changes of one commit have 10 bits behind those of its revision.
const NUMBER_BITS: u32 = 10;
const _: () = assert!(crate::store::MAX_REMEMBERED_COMMIT < 1 << NUMBER_BITS);

/// The first and the last id the changes of a commit can have.
pub(super) fn ids_of(revision: Revision) -> (i64, i64) {
    let first = (revision.0 << NUMBER_BITS).cast_signed();
    (first, first | ((1 << NUMBER_BITS) - 1))
}

/// The columns that [`DeviceReader::device`] reads.
macro_rules! device_columns {
    () => {
        "mac, type, waiting, created, first_seen, last_seen, address, user_agent, type_guess, \
         firmware, certificate, changed, revision, claims, served, written, admission"
    };
}

/// The columns that [`DeviceReader::phone`] reads.
macro_rules! phone_columns {
    () => {
        "mac, port, company, created, name, settings"
    };
}

pub(super) const DEVICES: &str =
    concat!("SELECT ", device_columns!(), " FROM device WHERE mac = ANY($1) ORDER BY mac");
pub(super) const PHONES: &str =
    concat!("SELECT ", phone_columns!(), " FROM phone WHERE mac = ANY($1) ORDER BY mac, port");
const DEVICES_AFTER: &str =
    concat!("SELECT ", device_columns!(), " FROM device WHERE mac > $1 ORDER BY mac LIMIT $2");
/// Those of the same page: what they are of is not known yet when they are asked for.
const PHONES_AFTER: &str = concat!(
    "SELECT ",
    phone_columns!(),
    " FROM phone WHERE mac > $1 AND mac <= (SELECT max(mac) FROM \
     (SELECT mac FROM device WHERE mac > $1 ORDER BY mac LIMIT $2) AS page) ORDER BY mac, port"
);
pub(super) const COMPANIES: &str =
    "SELECT id, name, settings, created, changed, revision, instance FROM company ORDER BY id";
/// The columns that [`rows::user`] reads.
macro_rules! users {
    ($which:literal) => {
        concat!(
            "SELECT id, login, name, role, company, password_hash, created, revision, \
             ARRAY(SELECT company FROM user_company WHERE user_account = id ORDER BY position), \
             ARRAY(SELECT hash FROM user_key WHERE user_account = id ORDER BY position), \
             second_factor \
             FROM user_account ",
            $which,
            " ORDER BY id"
        )
    };
}

pub(super) const USERS: &str = users!("");
pub(super) const USERS_OF: &str = users!("WHERE id = ANY($1)");
pub(super) const SYSTEM: &str = "SELECT settings, changed, revision, secret FROM system_settings";

/// The columns that [`rows::ban`] reads.
macro_rules! bans {
    ($which:literal) => {
        concat!("SELECT network, since, until, times, told, revision FROM ban WHERE ", $which)
    };
}

pub(super) const BANS: &str = bans!("network = ANY($1)");

/// The ban of a network.
pub(super) async fn ban(session: &Session, network: IpNet) -> Result<Option<Ban>, Failure> {
    let found = session.query(BANS, parameters![vec![network.to_string()]]).await?;
    found.first().map(rows::ban).transpose()
}

/// The bans behind `after`, in order of their text, at most `limit`.
pub(super) async fn bans_after(
    session: &Session,
    after: Option<IpNet>,
    limit: usize,
) -> Result<Vec<Ban>, Failure> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = bans!("network > $1 ORDER BY network LIMIT $2");
    let mut batch = Batch::new(session);
    batch.add(BEGIN, parameters![]);
    batch.add(HEAD, parameters![]);
    batch.add(sql, parameters![&after, &limit]);
    batch.add(COMMIT, parameters![]);
    let found = batch.run().await?;
    let [_, head, bans, _] = &found[..] else { unreachable!("four were asked") };
    read_head(head)?;
    bans.iter().map(rows::ban).collect()
}

/// The devices behind `after` (`None`: from the first), in order of MAC, at most `limit`.
pub(super) async fn devices_after(
    session: &Session,
    after: Option<Mac>,
    limit: usize,
) -> Result<Vec<Device>, Failure> {
    let after = after.map_or(-1, mac_bits);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut batch = Batch::new(session);
    batch.add(BEGIN, parameters![]);
    batch.add(HEAD, parameters![]);
    batch.add(DEVICES_AFTER, parameters![&after, &limit]);
    batch.add(PHONES_AFTER, parameters![&after, &limit]);
    batch.add(COMMIT, parameters![]);
    let found = batch.run().await?;
    let [_, head, devices, phones, _] = &found[..] else { unreachable!("five were asked") };
    read_head(head)?;
    whole(session.cipher(), devices, phones)
}

/// Those that there are of `macs`, in order.
pub(super) async fn devices(session: &Session, macs: &[Mac]) -> Result<Vec<Device>, Failure> {
    let macs: Vec<i64> = macs.iter().copied().map(mac_bits).collect();
    let mut batch = Batch::new(session);
    batch.add(BEGIN, parameters![]);
    batch.add(HEAD, parameters![]);
    batch.add(DEVICES, parameters![&macs]);
    batch.add(PHONES, parameters![&macs]);
    batch.add(COMMIT, parameters![]);
    let found = batch.run().await?;
    let [_, head, devices, phones, _] = &found[..] else { unreachable!("five were asked") };
    read_head(head)?;
    whole(session.cipher(), devices, phones)
}

/// Devices with their phones; the rows of both are in order.
pub(super) fn whole(
    cipher: &Cipher,
    devices: &[Row],
    phones: &[Row],
) -> Result<Vec<Device>, Failure> {
    let mut reader = DeviceReader::new(cipher);
    let devices = devices.iter().map(|row| reader.device(row));
    let mut devices = devices.collect::<Result<Vec<Device>, Failure>>()?;
    let mut rest = devices.iter_mut().peekable();
    for row in phones {
        let (mac, port, phone) = reader.phone(row)?;
        while rest.next_if(|device| device.mac < mac).is_some() {}
        if let Some(device) = rest.peek_mut().filter(|device| device.mac == mac) {
            device.phones.insert(port, phone);
        }
    }
    Ok(devices)
}

/// What files had set in a device that was removed.
pub(super) async fn left_in(session: &Session, mac: Mac) -> Result<Written, Failure> {
    let found = session
        .query("SELECT written FROM left_in_device WHERE mac = $1", parameters![&mac_bits(mac)])
        .await?;
    found.first().map_or(Ok(Written::default()), |row| rows::written(row, 0, mac))
}

/// What files had set in devices that were removed, in order of MAC.
pub(super) async fn left_after(
    session: &Session,
    after: Option<Mac>,
    limit: usize,
) -> Result<Vec<(Mac, Written)>, Failure> {
    let sql = "SELECT mac, written FROM left_in_device WHERE mac > $1 ORDER BY mac LIMIT $2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = session.query(sql, parameters![after.map_or(-1, mac_bits), limit]).await?;
    let read = |row: &Row| {
        let mac = mac(row, 0)?;
        Ok((mac, rows::written(row, 1, mac)?))
    };
    found.iter().map(read).collect()
}

pub(super) const HEADER: &str = "SELECT store.head, forgotten, store.commit_group, newest.stamp, known.stamp \
     FROM store LEFT JOIN commit_group AS newest ON newest.number = store.commit_group \
     LEFT JOIN commit_group AS known ON known.number = $1 WHERE store.one";

/// How far the store is, and whether it still has what is known of it.
pub(super) async fn header(session: &Session, known: Option<Anchor>) -> Result<Header, Failure> {
    let number = known_number(known);
    read_header(&session.query(HEADER, parameters![&number]).await?, known)
}

/// No group has the number 0.
pub(super) fn known_number(known: Option<Anchor>) -> i64 {
    known.map_or(0, |known| known.number)
}

fn read_header(found: &[Row], known: Option<Anchor>) -> Result<Header, Failure> {
    let row = found.first().ok_or(Failure::Empty)?;
    let (newest, stamp) = (get(row, 2)?, get::<Option<i64>>(row, 3)?);
    Ok(Header {
        head: revision(row, 0)?,
        forgotten: revision(row, 1)?,
        newest: stamp.map(|stamp| Anchor { number: newest, stamp }),
        has_known: known.is_none_or(|known| get(row, 4).is_ok_and(|is| known.stamp_is(is))),
    })
}

/// What changed: the objects of a page of whole commits, and up to which revision that is all.
pub(super) struct Page {
    pub header: Header,
    pub changes: Vec<Change>,
    pub end: Revision,
}

/// What changed after `after`, see [`Store::changes`](crate::store::Store::changes). The page is
/// empty where the header says that it is of no use.
pub(super) async fn changes(
    session: &Session,
    known: Option<Anchor>,
    after: Revision,
    limit: usize,
) -> Result<Page, Failure> {
    // The last change of the page, and all of its commit.
    let log = "SELECT id, device, company, user_account, ban FROM change WHERE id > $1 AND id <= \
               (SELECT max(id) FROM (SELECT id FROM change WHERE id > $1 ORDER BY id LIMIT $2) \
               AS page) | 1023 ORDER BY id DESC";
    let (number, last) = (known_number(known), ids_of(after).1);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut batch = Batch::new(session);
    batch.add(BEGIN, parameters![]);
    batch.add(HEADER, parameters![&number]);
    batch.add(log, parameters![&last, &limit]);
    let [_, header, log] = &batch.run().await?[..] else { unreachable!("three were asked") };
    let header = read_header(header, known)?;
    let newest = newest_of_each(log)?;
    if newest.is_empty() || !header.has_known || after < header.forgotten {
        session.execute(COMMIT).await?;
        let end = header.head.max(after);
        return Ok(Page { header, changes: Vec::new(), end });
    }
    let end = Revision(self::number(&log[0], 0)? >> NUMBER_BITS);
    let macs: Vec<i64> = newest.iter().filter_map(|(_, object)| device_bits(object)).collect();
    // Companies, users and settings are few and change seldom.
    let networks = newest.iter().filter_map(|(_, object)| match object {
        Object::Ban(network) => Some(network.to_string()),
        _ => None,
    });
    let networks: Vec<String> = networks.collect();
    let all_many = macs.len() + networks.len() == newest.len();
    let mut batch = Batch::new(session);
    batch.add(DEVICES, parameters![&macs]);
    batch.add(PHONES, parameters![&macs]);
    batch.add(BANS, parameters![&networks]);
    if !all_many {
        [COMPANIES, USERS, SYSTEM].iter().for_each(|sql| batch.add(sql, parameters![]));
    }
    batch.add(COMMIT, parameters![]);
    let found = batch.run().await?;
    let devices = whole(session.cipher(), &found[0], &found[1])?;
    let bans = found[2].iter().map(rows::ban).collect::<Result<Vec<Ban>, Failure>>()?;
    let tenancy = match &found[3..] {
        [companies, users, system, _] => {
            read_tenancy(session.cipher(), companies, users, system, header.head)?
        }
        _ => Tenancy::default(),
    };
    let device = |mac| {
        let found = devices.binary_search_by_key(&mac, |device| device.mac);
        Ok::<_, Failure>(found.ok().map(|at| devices[at].clone()))
    };
    let changes = newest.into_iter().map(|(revision, object)| {
        let ban = |network| Ok(bans.iter().find(|ban| ban.network == network).cloned());
        let object = tenancy.changed(object, device, ban)?;
        Ok(Change { revision: object.revision().unwrap_or(revision), object })
    });
    Ok(Page { header, changes: changes.collect::<Result<_, Failure>>()?, end })
}

fn device_bits(object: &Object) -> Option<i64> {
    match object {
        Object::Device(mac) => Some(mac_bits(*mac)),
        _ => None,
    }
}

/// Each object where it changed last, in order of revision; the rows are in the other order.
fn newest_of_each(log: &[Row]) -> Result<Vec<(Revision, Object)>, Failure> {
    let mut told = HashSet::new();
    let mut newest = Vec::new();
    for row in log {
        let object = object(row)?;
        if told.insert(object.clone()) {
            newest.push((Revision(number(row, 0)? >> NUMBER_BITS), object));
        }
    }
    newest.reverse();
    Ok(newest)
}

fn object(row: &Row) -> Result<Object, Failure> {
    if get::<Option<i64>>(row, 1)?.is_some() {
        return Ok(Object::Device(mac(row, 1)?));
    }
    if let Some(company) = get::<Option<&str>>(row, 2)? {
        let bad = |e| bad_row(&format!("change of company {company:?}"), "company", e);
        return company.parse().map(Object::Company).map_err(bad);
    }
    if let Some(ban) = get::<Option<&str>>(row, 4)? {
        let bad = |e| bad_row(&format!("change of ban {ban:?}"), "ban", e);
        return ban.parse().map(Object::Ban).map_err(bad);
    }
    Ok(match get::<Option<i64>>(row, 3)? {
        Some(user) => Object::User(UserId(user.cast_unsigned())),
        None => Object::SystemSettings,
    })
}

/// Companies in order of id, users in order of number.
pub(super) async fn tenancy(session: &Session) -> Result<Tenancy, Failure> {
    let mut batch = Batch::new(session);
    batch.add(BEGIN, parameters![]);
    batch.add(HEAD, parameters![]);
    [COMPANIES, USERS, SYSTEM, COMMIT].iter().for_each(|sql| batch.add(sql, parameters![]));
    let found = batch.run().await?;
    let [_, head, companies, users, system, _] = &found[..] else { unreachable!("six were asked") };
    read_tenancy(session.cipher(), companies, users, system, read_head(head)?)
}

fn read_head(found: &[Row]) -> Result<Revision, Failure> {
    revision(found.first().ok_or(Failure::Empty)?, 0)
}

fn read_tenancy(
    cipher: &Cipher,
    companies: &[Row],
    users: &[Row],
    system: &[Row],
    head: Revision,
) -> Result<Tenancy, Failure> {
    Ok(Tenancy {
        companies: companies
            .iter()
            .map(|row| rows::company(cipher, row))
            .collect::<Result<_, _>>()?,
        users: users.iter().map(|row| rows::user(cipher, row)).collect::<Result<_, _>>()?,
        system: system
            .first()
            .map(|row| rows::system(cipher, row))
            .transpose()?
            .unwrap_or_default(),
        head,
    })
}

/// When a catalogue was first noted: `now` if it was not.
pub(super) async fn catalogue_since(
    session: &Session,
    digest: &str,
    now: Timestamp,
) -> Result<Timestamp, Failure> {
    let found = session
        .query("SELECT since FROM catalogue WHERE digest = $1", parameters![&digest])
        .await?;
    if let Some(row) = found.first() {
        return rows::time(row, 0);
    }
    let sql = "INSERT INTO catalogue (digest, since) VALUES ($1, $2) \
               ON CONFLICT (digest) DO UPDATE SET since = catalogue.since RETURNING since";
    let noted = session.query(sql, parameters![&digest, &now.seconds()]).await?;
    rows::time(&noted[0], 0)
}

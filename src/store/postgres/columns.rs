//! Rows to be written, column by column: one statement writes many.

use std::borrow::Cow;

use super::queries::ids_of;
use super::session::{Parameters, parameters};
use crate::domain::{
    CompanyId, Device, Event, Mac, Phone, Port, Revision, SecondFactor, Timestamp, TypeKey, User,
};
use crate::store::Object;
use crate::store::at_rest::{Cell, Cipher};
use crate::store::encoding::{admission_text, bits, claims_text, mac_bits, name_of, written_text};

macro_rules! insert_devices {
    ($on_conflict:literal) => {
        concat!(
            "INSERT INTO device (mac, type, waiting, created, first_seen, last_seen, address, \
             user_agent, type_guess, firmware, certificate, changed, revision, claims, served, \
             written, admission) SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], \
             $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], \
             $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::bigint[], $16::text[], \
             $17::text[])",
            $on_conflict
        )
    };
}

/// What there is of a device but its phones.
#[derive(Default)]
pub(super) struct Devices<'a> {
    mac: Vec<i64>,
    phone_type: Vec<&'a str>,
    waiting: Vec<Option<i32>>,
    created: Vec<Option<i64>>,
    first_seen: Vec<Option<i64>>,
    last_seen: Vec<Option<i64>>,
    address: Vec<Option<String>>,
    user_agent: Vec<Option<&'a str>>,
    type_guess: Vec<Option<&'a str>>,
    firmware: Vec<Option<&'a str>>,
    certificate: Vec<Option<&'a str>>,
    changed: Vec<i64>,
    revision: Vec<i64>,
    claims: Vec<Option<String>>,
    served: Vec<Option<i64>>,
    written: Vec<Option<String>>,
    admission: Vec<Option<String>>,
}

impl<'a> Devices<'a> {
    /// Writes devices that are not there.
    pub(super) const INSERT: &'static str = insert_devices!("");

    /// Writes devices, whether they are there or not.
    pub(super) const PUT: &'static str = insert_devices!(
        " ON CONFLICT (mac) DO UPDATE SET type = excluded.type, waiting = excluded.waiting, \
         created = excluded.created, first_seen = excluded.first_seen, \
         last_seen = excluded.last_seen, address = excluded.address, \
         user_agent = excluded.user_agent, type_guess = excluded.type_guess, \
         firmware = excluded.firmware, certificate = excluded.certificate, \
         changed = excluded.changed, revision = excluded.revision, claims = excluded.claims, \
         served = excluded.served, written = excluded.written, admission = excluded.admission"
    );

    /// Writes what is noted of devices that are there.
    pub(super) const NOTE: &'static str = "UPDATE device SET first_seen = n.first_seen, last_seen = n.last_seen, \
         address = n.address, user_agent = n.user_agent, type_guess = n.type_guess, \
         firmware = n.firmware, certificate = n.certificate, served = n.served, \
         written = n.written \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], \
         $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[]) \
         AS n (mac, first_seen, last_seen, address, user_agent, type_guess, firmware, \
         certificate, served, written) WHERE device.mac = n.mac";

    pub(super) fn of(cipher: &Cipher, devices: &[&'a Device]) -> Devices<'a> {
        let mut columns = Devices::default();
        for device in devices {
            columns.mac.push(mac_bits(device.mac));
            columns.phone_type.push(device.phone_type.as_str());
            columns.waiting.push(device.waiting.map(|waiting| waiting.ports.into()));
            columns.created.push(device.waiting.map(|waiting| waiting.created.seconds()));
            let seen = device.sighting.as_ref();
            columns.first_seen.push(seen.map(|seen| seen.first.seconds()));
            columns.last_seen.push(seen.map(|seen| seen.last.seconds()));
            columns.address.push(seen.map(|seen| seen.address.to_string()));
            columns.user_agent.push(seen.map(|seen| seen.user_agent.as_str()));
            columns
                .type_guess
                .push(seen.and_then(|seen| seen.type_guess.as_ref()).map(TypeKey::as_str));
            columns.firmware.push(seen.and_then(|seen| seen.firmware.as_deref()));
            columns.certificate.push(seen.and_then(|seen| seen.certificate.as_deref()));
            columns.changed.push(device.changed.seconds());
            columns.revision.push(bits(device.revision.0));
            columns.claims.push(claims_text(&device.claims));
            columns.served.push(device.served.map(Timestamp::seconds));
            columns.written.push(written_text(&device.written));
            let (cell, admission) =
                (Cell::Admission(device.mac), admission_text(&device.admission));
            let admission = admission.map(|text| cipher.seal(cell, &text).into_owned());
            columns.admission.push(admission);
        }
        columns
    }

    pub(super) fn put(self) -> Parameters<'a> {
        parameters![
            self.mac,
            self.phone_type,
            self.waiting,
            self.created,
            self.first_seen,
            self.last_seen,
            self.address,
            self.user_agent,
            self.type_guess,
            self.firmware,
            self.certificate,
            self.changed,
            self.revision,
            self.claims,
            self.served,
            self.written,
            self.admission,
        ]
    }

    pub(super) fn note(self) -> Parameters<'a> {
        parameters![
            self.mac,
            self.first_seen,
            self.last_seen,
            self.address,
            self.user_agent,
            self.type_guess,
            self.firmware,
            self.certificate,
            self.served,
            self.written,
        ]
    }
}

#[derive(Default)]
pub(super) struct Phones<'a> {
    mac: Vec<i64>,
    port: Vec<i32>,
    created: Vec<i64>,
    company: Vec<Option<&'a str>>,
    name: Vec<&'a str>,
    settings: Vec<Cow<'a, str>>,
}

impl<'a> Phones<'a> {
    pub(super) const INSERT: &'static str = "INSERT INTO phone (mac, port, created, company, name, settings) SELECT * FROM \
         unnest($1::bigint[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[])";

    pub(super) fn of(cipher: &Cipher, phones: &[(Mac, Port, &'a Phone)]) -> Phones<'a> {
        let mut columns = Phones::default();
        for (mac, port, phone) in phones {
            columns.mac.push(mac_bits(*mac));
            columns.port.push(port.number().into());
            columns.created.push(phone.created.seconds());
            columns.company.push(phone.company().map(CompanyId::as_str));
            columns.name.push(&phone.name);
            let cell = Cell::PhoneSettings(*mac, *port);
            columns.settings.push(cipher.seal(cell, phone.settings.as_stored()));
        }
        columns
    }

    pub(super) fn insert(self) -> Parameters<'a> {
        parameters![self.mac, self.port, self.created, self.company, self.name, self.settings]
    }
}

#[derive(Default)]
pub(super) struct Users<'a> {
    id: Vec<i64>,
    created: Vec<i64>,
    revision: Vec<i64>,
    login: Vec<&'a str>,
    name: Vec<&'a str>,
    role: Vec<&'a str>,
    company: Vec<Option<&'a str>>,
    password_hash: Vec<Option<Cow<'a, str>>>,
    second_factor: Vec<Option<String>>,
}

impl<'a> Users<'a> {
    pub(super) const INSERT: &'static str = "INSERT INTO user_account (id, created, revision, login, name, role, company, \
         password_hash, second_factor) SELECT * FROM unnest($1::bigint[], $2::bigint[], \
         $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])";
    pub(super) const INSERT_COMPANIES: &'static str = "INSERT INTO user_company (user_account, position, company) \
         SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[])";
    pub(super) const INSERT_KEYS: &'static str = "INSERT INTO user_key (user_account, position, hash) \
         SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[])";

    pub(super) fn of(cipher: &Cipher, users: &[&'a User]) -> Users<'a> {
        let mut columns = Users::default();
        for user in users {
            columns.id.push(bits(user.id.0));
            columns.created.push(user.created.seconds());
            columns.revision.push(bits(user.revision.0));
            columns.login.push(&user.login);
            columns.name.push(&user.name);
            columns.role.push(user.role.as_str());
            columns.company.push(user.company.as_ref().map(CompanyId::as_str));
            let hash = user.password_hash.as_deref();
            let cell = Cell::PasswordHash(user.id);
            columns.password_hash.push(hash.map(|hash| cipher.seal(cell, hash)));
            let factor = user.second_factor.as_ref().map(SecondFactor::expose);
            let cell = Cell::SecondFactor(user.id);
            let factor = factor.map(|factor| cipher.seal(cell, &factor).into_owned());
            columns.second_factor.push(factor);
        }
        columns
    }

    pub(super) fn insert(self) -> Parameters<'a> {
        parameters![
            self.id,
            self.created,
            self.revision,
            self.login,
            self.name,
            self.role,
            self.company,
            self.password_hash,
            self.second_factor,
        ]
    }

    pub(super) fn companies(users: &[&'a User]) -> Parameters<'a> {
        let (mut user, mut position, mut company) = (Vec::new(), Vec::new(), Vec::new());
        for of in users {
            for (at, id) in (0i32..).zip(&of.admin_companies) {
                user.push(bits(of.id.0));
                position.push(at);
                company.push(id.as_str());
            }
        }
        parameters![user, position, company]
    }

    pub(super) fn keys(users: &[&'a User]) -> Parameters<'a> {
        let (mut user, mut position, mut hash) = (Vec::new(), Vec::new(), Vec::new());
        for of in users {
            for (at, key) in (0i32..).zip(&of.key_hashes) {
                user.push(bits(of.id.0));
                position.push(at);
                hash.push(&key.0[..]);
            }
        }
        parameters![user, position, hash]
    }
}

/// Events, which are given their numbers here.
#[derive(Default)]
pub(super) struct Events<'a> {
    id: Vec<i64>,
    at: Vec<i64>,
    who: Vec<&'a str>,
    address: Vec<&'a str>,
    action: Vec<String>,
    subject: Vec<String>,
    name: Vec<&'a str>,
    company: Vec<&'a str>,
    before: Vec<String>,
    after: Vec<String>,
}

impl<'a> Events<'a> {
    pub(super) const INSERT: &'static str = "INSERT INTO event (id, at, who, address, action, subject, name, company, before, after) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], \
         $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])";

    pub(super) fn of(first: i64, events: &'a [Event]) -> Events<'a> {
        let mut columns = Events::default();
        for (id, event) in (first..).zip(events) {
            columns.id.push(id);
            columns.at.push(event.at.seconds());
            columns.who.push(&event.who);
            columns.address.push(&event.from);
            columns.action.push(name_of(event.action));
            columns.subject.push(name_of(event.subject));
            columns.name.push(&event.name);
            columns.company.push(&event.company);
            columns.before.push(event.before.to_string());
            columns.after.push(event.after.to_string());
        }
        columns
    }

    pub(super) fn insert(self) -> Parameters<'a> {
        parameters![
            self.id,
            self.at,
            self.who,
            self.address,
            self.action,
            self.subject,
            self.name,
            self.company,
            self.before,
            self.after,
        ]
    }
}

/// What changed: one column for each kind of object.
#[derive(Default)]
pub(super) struct Changes<'a> {
    id: Vec<i64>,
    device: Vec<Option<i64>>,
    company: Vec<Option<&'a str>>,
    user: Vec<Option<i64>>,
    ban: Vec<Option<String>>,
}

impl<'a> Changes<'a> {
    pub(super) const INSERT: &'static str = "INSERT INTO change (id, device, company, user_account, ban) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[])";

    pub(super) fn of(commits: &'a [(Revision, Vec<Object>)]) -> Changes<'a> {
        let mut columns = Changes::default();
        for (revision, objects) in commits {
            for (id, object) in (ids_of(*revision).0..).zip(objects) {
                let (mut device, mut company, mut user, mut ban) = (None, None, None, None);
                match object {
                    Object::Device(mac) => device = Some(mac_bits(*mac)),
                    Object::Company(id) => company = Some(id.as_str()),
                    Object::User(id) => user = Some(bits(id.0)),
                    Object::Ban(network) => ban = Some(network.to_string()),
                    Object::SystemSettings => {}
                }
                columns.ban.push(ban);
                columns.id.push(id);
                columns.device.push(device);
                columns.company.push(company);
                columns.user.push(user);
            }
        }
        columns
    }

    pub(super) fn insert(self) -> Parameters<'a> {
        parameters![self.id, self.device, self.company, self.user, self.ban]
    }
}

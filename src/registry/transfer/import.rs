//! Into an empty store: all of a document, or what no gateway serves from.
//!
//! The document is read three times, so that little of it is in memory: for its shape, for what
//! it says, and to store it. Nothing is written before all of it was found good.

use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use super::check::{Check, CheckedUser};
use super::document::{OLDEST, Seed};
use super::error::ImportError;
use super::pages::{Counts, count};
use super::read::{Enough, Head, Item, Placed, read};
use super::unfinished::{event, require_whole};
use crate::ambient::Random;
use crate::catalogue::Catalogue;
use crate::domain::settings::Layer;
use crate::domain::{Ban, Company, Device, PasswordSeed, Revision, Role, Timestamp, TypeKey, User};
use crate::registry::passwords::Passwords;
use crate::store::{
    Guard, MAX_EVENTS, MAX_LEFT, MAX_REMEMBERED_COMMIT, Mutation, Store, StoreError,
    SystemSettings, Tenancy,
};

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the document has, and after the import the store.
    pub counts: Counts,
    /// What the operator should know and may have meant.
    pub warnings: Vec<String>,
}

/// A document of the right shape. Its devices are still where it is read from.
pub struct Document<R> {
    input: R,
    head: Head,
    counts: Counts,
}

/// A document in which nothing is wrong.
pub struct CheckedDocument<R> {
    input: R,
    check: Check,
    settings: Layer,
    password_seed: Option<PasswordSeed>,
    companies: Vec<Company>,
    users: Vec<CheckedUser>,
    counts: Counts,
    now: Timestamp,
}

/// Types without a family that are warned of; a document with more has one mistake many times.
const MAX_UNKNOWN_TYPES: usize = 100;

/// Devices, bans and events of one commit, a kilobyte or two each: so many that the store does not remember it for
/// those who follow, of whom there are none. A million changes would stay for 200,000 commits else.
const COMMIT: usize = 2 * MAX_REMEMBERED_COMMIT;

/// Commits that are read before they are stored.
const PAGES_AHEAD: usize = 2;

/// As many events as a store keeps beside those of the import itself.
const EVENTS: usize = MAX_EVENTS - 2;

impl<R: Read + Seek> Document<R> {
    /// Reads a document from JSON, from the start of `input`.
    ///
    /// # Errors
    /// [`ImportError::Shape`] with the place of the first thing that is no such document;
    /// [`ImportError::Version`]; [`ImportError::Read`].
    pub fn read(mut input: R) -> Result<Document<R>, ImportError> {
        input.rewind().map_err(ImportError::Read)?;
        let mut counts = Counts::default();
        let head = read(&mut input, &mut |_, item| {
            match item.entry {
                Item::Device(device) => {
                    counts.devices += 1;
                    counts.phones += device.ports.len();
                }
                Item::Removed(_) => counts.removed += 1,
                Item::Ban(_) => counts.bans += 1,
                Item::Event(_) => counts.events += 1,
            }
            Ok(())
        })?;
        (counts.companies, counts.users) = (head.companies.len(), head.users.len());
        Ok(Document { input, head, counts })
    }

    /// What the document has.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Checks all of it, which takes no store; `now` is the time of what has none.
    ///
    /// # Errors
    /// [`ImportError::Problems`] with everything that is wrong; [`ImportError::Read`].
    pub fn check(self, now: Timestamp) -> Result<CheckedDocument<R>, ImportError> {
        let Document { mut input, head, counts } = self;
        let mut check = Check::new(now);
        let companies = check.companies(&head.companies);
        let mut settings = check.shared_layer("settings", head.settings.as_deref());
        // Its phones go on as they did, until somebody says otherwise.
        if head.version == OLDEST && counts.devices > 0 {
            let report = json!({ "admission": { "mode": "report" } });
            settings = settings.patched(&report).unwrap_or(settings);
        }
        let users = check.users(head.users);
        input.rewind().map_err(ImportError::Read)?;
        read(&mut input, &mut |at, item| {
            check.item(at, item);
            Ok(())
        })?;
        // As many as are kept.
        if counts.removed > MAX_LEFT {
            check.problem("removed", format!("there are at most {MAX_LEFT}"));
        }
        if counts.bans > Ban::MAX {
            check.problem("bans", format!("there are at most {}", Ban::MAX));
        }
        let password_seed = head.password_seed.and_then(|Seed(text)| {
            let seed = PasswordSeed::from_exposed(&text);
            if seed.is_none() {
                check.problem("password_seed", "must be 64 hex digits");
            }
            seed
        });
        require_admin(&mut check, &users);
        if !check.problems.is_empty() {
            return Err(ImportError::Problems(check.problems));
        }
        check.forget_macs();
        Ok(CheckedDocument { input, check, settings, password_seed, companies, users, counts, now })
    }
}

#[cfg(any(test, fuzzing))]
impl<R> CheckedDocument<R> {
    /// Whether a user comes with a password, which is hashed anew by each import.
    pub(super) fn has_passwords(&self) -> bool {
        self.users.iter().any(|user| user.password.is_some())
    }
}

/// Stores a whole document. For the gateway's own command: asks nobody's role, and no other may
/// change the store meanwhile. On return all of it is durable, and was counted in the store.
///
/// # Errors
/// [`ImportError::NotEmpty`] and what the store says: nothing was stored.
/// [`ImportError::Unfinished`]: a part was, and [`require_whole`] refuses the store from now on.
/// So it does where this ends before it returns.
pub async fn import<R: Read + Seek + Send + 'static>(
    store: &Arc<dyn Store>,
    catalogue: &Catalogue,
    document: CheckedDocument<R>,
    random: &dyn Random,
) -> Result<Imported, ImportError> {
    let CheckedDocument { input, check, settings, password_seed, companies, users, counts, now } =
        document;
    let users = hashed(users, random).await?;
    require_whole(&**store).await?;
    let there = store.tenancy().await?;
    // What is changed after the tenancy was read fails the first commit.
    let is_empty = is_empty(&there)
        && store.devices_after(None, 1).await?.is_empty()
        && store.bans_after(None, 1).await?.is_empty();
    if !is_empty {
        return Err(ImportError::NotEmpty);
    }
    // Those there that the document does not name stay: `default`.
    let kept = there
        .companies
        .iter()
        .filter(|there| companies.iter().all(|company| company.id != there.id));
    let companies_then = companies.len() + kept.count();
    let events = counts.events.min(EVENTS);
    let expected = Counts { companies: companies_then, events, ..counts };
    let first = tenancy_mutations(companies, users, settings, password_seed, &there, now);
    let first = first.chain([Mutation::Append(event(now, &counts, false))]).collect();
    let begun = store.commit(first, vec![Guard::Unchanged(there.head)]).await;
    let begun = begun.map_err(|error| match error {
        // Somebody put something there since it was looked at.
        StoreError::Conflict(_) => ImportError::NotEmpty,
        error => error.into(),
    })?;
    let rest = async {
        let skipped = counts.events - events;
        let (head, mut warnings) =
            import_items(store, catalogue, input, check, skipped, begun).await?;
        if skipped > 0 {
            warnings.push(format!(
                "the oldest {skipped} events are left out: an audit record has {MAX_EVENTS}"
            ));
        }
        let stored = count(&**store).await?;
        if stored != expected {
            return Err(ImportError::Differs { read: expected, stored });
        }
        let end = Mutation::Append(event(now, &counts, true));
        store.commit(vec![end], vec![Guard::Unchanged(head)]).await?;
        Ok(warnings)
    };
    match rest.await {
        Ok(warnings) => Ok(Imported { counts, warnings }),
        Err(error) => Err(ImportError::Unfinished(Box::new(error))),
    }
}

async fn hashed(users: Vec<CheckedUser>, random: &dyn Random) -> Result<Vec<User>, ImportError> {
    let passwords = Passwords::default();
    let mut hashed = Vec::with_capacity(users.len());
    for CheckedUser { mut user, password } in users {
        if let Some(password) = password {
            user.password_hash = Some(passwords.hash(password, random).await?);
        }
        hashed.push(user);
    }
    Ok(hashed)
}

fn tenancy_mutations(
    companies: Vec<Company>,
    users: Vec<User>,
    settings: Layer,
    password_seed: Option<PasswordSeed>,
    there: &Tenancy,
    now: Timestamp,
) -> impl Iterator<Item = Mutation> {
    let companies = companies.into_iter().map(|company| {
        let there = there.companies.iter().find(|there| there.id == company.id);
        Mutation::PutCompany { expect: there.map(|there| there.revision), company }
    });
    let users = users.into_iter().map(|user| Mutation::PutUser { user, expect: None });
    let system = (!settings.is_empty() || password_seed.is_some()).then(|| {
        let expect = there.system.revision;
        let password_seed = password_seed.or(there.system.password_seed);
        let system = SystemSettings { settings, password_seed, changed: now, revision: expect };
        Mutation::PutSystemSettings { system, expect }
    });
    companies.chain(users).chain(system)
}

/// Stores devices, bans and events a page at a time, each page only if nobody changed anything since the
/// one before. The first `skipped` events are left out. Gives the head of the store after the
/// last, and what to warn of.
async fn import_items<R: Read + Seek + Send + 'static>(
    store: &Arc<dyn Store>,
    catalogue: &Catalogue,
    mut input: R,
    mut check: Check,
    skipped: usize,
    mut head: Revision,
) -> Result<(Revision, Vec<String>), ImportError> {
    let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        input.rewind().map_err(ImportError::Read)?;
        let mut page = Vec::with_capacity(COMMIT);
        let mut take = |at: usize, item: Placed<Item>| {
            if matches!(item.entry, Item::Event(_)) && at < skipped {
                return Ok(());
            }
            page.extend(check.item(at, item));
            if page.len() < COMMIT {
                return Ok(());
            }
            sender.blocking_send(std::mem::take(&mut page)).map_err(|_| Enough)
        };
        read(&mut input, &mut take)?;
        // Who takes no more has an error of its own.
        let _ = sender.blocking_send(page);
        // It was good a moment ago.
        if check.problems.is_empty() { Ok(()) } else { Err(ImportError::Problems(check.problems)) }
    });
    let mut unknown = BTreeSet::<TypeKey>::new();
    while let Some(page) = pages.recv().await {
        for mutation in &page {
            if let Mutation::PutDevice { device: Device { phone_type, .. }, .. } = mutation
                && catalogue.phone_type(phone_type).is_none()
                && unknown.len() < MAX_UNKNOWN_TYPES
            {
                unknown.insert(phone_type.clone());
            }
        }
        if !page.is_empty() {
            head = store.commit(page, vec![Guard::Unchanged(head)]).await?;
        }
    }
    reading.await.map_err(|stopped| ImportError::Read(std::io::Error::other(stopped)))??;
    let warning =
        |key| format!("no family has the type {key}: its phones are kept and get nothing");
    Ok((head, unknown.into_iter().map(warning).collect()))
}

/// Users nobody of whom can administer the system would lock everybody out.
fn require_admin(check: &mut Check, users: &[CheckedUser]) {
    let can = |CheckedUser { user, password }: &CheckedUser| {
        user.role == Role::SystemAdmin
            && (password.is_some() || user.password_hash.is_some() || !user.key_hashes.is_empty())
    };
    if !users.is_empty() && !users.iter().any(can) {
        check.problem(
            "users",
            "no System-Admin can sign in: give one a `password` or a `key`, or leave all users out \
             and make one with `dialtone user key LOGIN --store URL`",
        );
    }
}

fn is_empty(there: &Tenancy) -> bool {
    let is_untouched =
        |company: &Company| company.id.is_default() && company.settings == Layer::default();
    there.users.is_empty()
        && there.companies.iter().all(is_untouched)
        && there.system.settings.is_empty()
}

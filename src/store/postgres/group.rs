//! One group of commits: read what they touch, decide each, write what became of them, in one
//! transaction.
//!
//! The transaction begins by locking the one row of `store`, and holds it until it is committed: of
//! all gateways one at a time makes a group, and what a group gave numbers to is visible before the
//! next one takes any. Who reads up to a number has all below it. That costs two ways to the server
//! and back and one wait for its disk a group, whatever number of commits is in it.
//!
//! What gateways note of phones another one has often noted already. A group of nothing else looks
//! first, without a lock, and ends there if all of it is on record.

use super::connect::Connector;
use super::decided::Decided;
use super::error::Failure;
use super::history::Anchor;
use super::needs::{Loaded, Needs};
use super::schema;
use super::session::{BEGIN, Batch, Session, parameters};
use super::write::{WAIT_FOR_STANDBY, write};
use crate::domain::Revision;
use crate::store::{Guard, Mutation, StoreError};

/// Mutations, and what they rely on.
pub(super) type Commit = (Vec<Mutation>, Vec<Guard>);

/// What became of each commit of a group.
pub(super) type Answers = Vec<Result<Revision, StoreError>>;

/// What became of a group.
pub(super) struct Made {
    pub answers: Answers,
    /// `None` when there was nothing to write.
    pub group: Option<Anchor>,
}

/// Why a group was not made, or may not have been.
pub(super) enum NotMade {
    /// Nothing of it was done.
    Failed(Failure),
    /// The database has not the group that was known.
    Lost,
    /// The connection ended, or nothing was heard, while it was being committed. If it was, the
    /// answers are these.
    Unknown(Failure, Anchor, Answers),
}

/// Makes a group of these commits, with a stamp of its own. With `writes` it is written also when no
/// commit is in it that was done, and learns whether there is room for one.
///
/// # Errors
/// [`NotMade`]; the session is of no use any more then.
pub(super) async fn make(
    session: &Session,
    connector: &Connector,
    known: Option<Anchor>,
    commits: Vec<Commit>,
    writes: bool,
) -> Result<Made, NotMade> {
    let mut needs = Needs::default();
    for (mutations, guards) in &commits {
        needs.add(mutations, guards);
    }
    let require_fit = |loaded: Loaded| {
        let compatible = schema::require_compatible(loaded.version, connector.url.name());
        compatible.map_err(|error| NotMade::Failed(error.into()))?;
        if loaded.has_known { Ok(loaded) } else { Err(NotMade::Lost) }
    };
    if needs.are_of_notes() && !writes {
        let looked = needs.look(session, known).await.map_err(NotMade::Failed)?;
        let Loaded { ledger, objects, .. } = require_fit(looked)?;
        let mut notes = commits.iter().flat_map(|(mutations, _)| mutations);
        if !notes.any(|note| objects.tells_anything(note)) {
            let answers = commits.iter().map(|_| Ok(ledger.head)).collect();
            return Ok(Made { answers, group: None });
        }
    }
    let loaded = require_fit(needs.load(session, known).await.map_err(NotMade::Failed)?)?;
    let mut decided = Decided::new(loaded, rand::random());
    let answers = commits.into_iter().map(|(mutations, guards)| decided.commit(mutations, &guards));
    let answers: Answers = answers.collect();
    if decided.is_empty() && !writes {
        session.execute("ROLLBACK").await.map_err(NotMade::Failed)?;
        return Ok(Made { answers, group: None });
    }
    decided.finish();
    let group = decided.anchor();
    match write(session, &decided, &channel(&connector.url.schema), writes).await {
        Ok(()) => Ok(Made { answers, group: Some(group) }),
        Err(failure) if failure.undid_all() => Err(NotMade::Failed(failure)),
        Err(failure) => Err(NotMade::Unknown(failure, group, answers)),
    }
}

/// Whether a group was made of which that is not known. The row that it locked is waited for: as
/// long as the server has not ended its transaction nobody can say.
///
/// A server that was to wait for a standby and was stopped has the group, and the standby may not. So
/// something is committed behind it first: a standby that has that has the group, too.
pub(super) async fn was_made(session: &Session, group: Anchor) -> Result<bool, Failure> {
    let mut batch = Batch::new(session);
    batch.add(BEGIN, parameters![]);
    batch.add("SELECT FROM store WHERE one FOR UPDATE", parameters![]);
    let sql = "SELECT stamp FROM commit_group WHERE number = $1";
    batch.add(sql, parameters![group.number]);
    let found = batch.run().await?;
    let stamp = found[2].first().map(|row| row.try_get(0)).transpose()?;
    if !group.stamp_is(stamp) {
        session.execute("ROLLBACK").await?;
        return Ok(false);
    }
    let mut batch = Batch::new(session);
    batch.add("UPDATE store SET head = head WHERE one", parameters![]);
    batch.add(WAIT_FOR_STANDBY, parameters![]);
    batch.add("COMMIT", parameters![]);
    batch.run().await?;
    Ok(true)
}

/// What is notified when something changed: the new head. Schemas share a database.
pub(super) fn channel(schema: &str) -> String {
    format!("dialtone_{schema}")
}

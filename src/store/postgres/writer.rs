//! The one task that writes.
//!
//! It takes all that waits, makes one group of it, waits for the server's disk once, and only
//! then answers: while one group is made the next one gathers, so that the more callers wait the
//! less each of them costs. After a few first contacts it gathers some more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::connect::Connector;
use super::error::Failure;
use super::group::{self, Answers, Commit, Made, NotMade};
use super::history::{Anchor, History};
use super::session::Session;
use crate::domain::Revision;
use crate::store::health::Health;
use crate::store::{Mutation, StoreError};

/// After a connection failed, none is tried for this long and whoever asks is told so. A second
/// after the database is back all must be as before.
const RETRY: Duration = Duration::from_millis(250);

/// How long it is tried to learn whether a group was made: a server that crashed is back within
/// seconds, and the caller waits.
const SETTLE: Duration = Duration::from_secs(10);

/// A group that is larger gathered by itself, while the one before it was written.
const FEW: usize = 16;

/// What the writer is asked to do.
pub(super) enum Work {
    Commit(Commit),
    /// Writes a group without a commit, to learn whether writing works.
    Probe,
    /// Keeps the writer busy until the sender is gone: what comes meanwhile is one group.
    #[cfg(test)]
    Pause(oneshot::Sender<()>, oneshot::Receiver<()>),
}

pub(super) type Answer = Result<Revision, StoreError>;

pub(super) struct Request {
    pub work: Work,
    /// Nobody may wait any more; the work is done all the same.
    pub reply: oneshot::Sender<Answer>,
}

/// All the task owns.
pub(super) struct Writer {
    pub connector: Arc<Connector>,
    pub requests: mpsc::Receiver<Request>,
    /// How many requests are in one group at most.
    pub group: usize,
    /// See [`super::Options::gathering`].
    pub gathering: Duration,
    pub health: Arc<Health>,
    pub history: Arc<History>,
    pub session: Option<Session>,
    /// When it was last tried to connect in vain, and what came of it.
    pub away: Option<(Instant, StoreError)>,
}

impl Writer {
    /// Works until every sender is gone and the queue is empty.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.requests.recv().await {
            let mut group = Vec::with_capacity(self.group);
            gather(first, &mut group).await;
            while group.len() < self.group
                && let Ok(next) = self.requests.try_recv()
            {
                gather(next, &mut group).await;
            }
            let are_strangers =
                (1..FEW).contains(&group.len()) && group.iter().all(is_first_contact);
            self.answer(group).await;
            if are_strangers {
                tokio::time::sleep(self.gathering).await;
            }
        }
    }

    async fn answer(&mut self, requests: Vec<Request>) {
        let probes = requests.iter().any(|request| matches!(request.work, Work::Probe));
        let (commits, replies) = split(requests);
        match self.make(commits, probes).await {
            Ok(answers) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    let _ = reply.send(answer);
                }
            }
            Err(error) => {
                self.health.failed(error.clone());
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Durable when it returns `Ok`.
    async fn make(&mut self, commits: Vec<Commit>, probes: bool) -> Result<Answers, StoreError> {
        if self.history.is_lost() {
            return Err(lost(&self.connector));
        }
        let session = self.session().await?;
        let known = self.history.known();
        let made = group::make(&session, &self.connector, known, commits, probes).await;
        match made {
            Ok(Made { answers, group }) => {
                self.session = Some(session);
                // A group of refusals alone says nothing about the medium.
                if let Some(group) = group {
                    self.made(group, probes);
                }
                Ok(answers)
            }
            Err(NotMade::Failed(failure)) => Err(failure.told(self.connector.url.name())),
            Err(NotMade::Lost) => {
                self.history.lose();
                Err(lost(&self.connector))
            }
            Err(NotMade::Unknown(failure, group, answers)) => {
                drop(session);
                self.settle(failure, group, probes).await.map(|()| answers)
            }
        }
    }

    fn made(&self, group: Anchor, probed: bool) {
        self.history.made(group);
        self.health.wrote(probed);
    }

    /// The session there is, or a new one.
    async fn session(&mut self) -> Result<Session, StoreError> {
        if let Some(session) = self.session.take().filter(Session::is_usable) {
            return Ok(session);
        }
        if let Some((at, error)) = &self.away
            && at.elapsed() < RETRY
        {
            return Err(error.clone());
        }
        let connected = self.connector.session().await;
        let connected = connected.map_err(|failure| failure.told(self.connector.url.name()));
        self.away = connected.as_ref().err().map(|error| (Instant::now(), error.clone()));
        connected
    }

    /// Asks whether the group was made, once the database can be asked.
    async fn settle(
        &mut self,
        failure: Failure,
        group: Anchor,
        probed: bool,
    ) -> Result<(), StoreError> {
        let asking = async {
            loop {
                let Ok(session) = self.connector.session().await else {
                    tokio::time::sleep(RETRY).await;
                    continue;
                };
                if let Ok(was_made) = group::was_made(&session, group).await {
                    return (was_made, session);
                }
            }
        };
        let what = self.connector.url.name().to_owned();
        match tokio::time::timeout(SETTLE, asking).await {
            Ok((true, session)) => {
                self.session = Some(session);
                self.made(group, probed);
                Ok(())
            }
            Ok((false, session)) => {
                self.session = Some(session);
                Err(failure.told(&what))
            }
            Err(_) => Err(StoreError::Unknown { what }),
        }
    }
}

async fn gather(request: Request, group: &mut Vec<Request>) {
    match request.work {
        #[cfg(test)]
        Work::Pause(started, end) => {
            let _ = started.send(());
            let _ = end.await;
            let _ = request.reply.send(Ok(Revision::NONE));
        }
        _ => group.push(request),
    }
}

/// A probe is a commit of nothing.
fn split(requests: Vec<Request>) -> (Vec<Commit>, Vec<oneshot::Sender<Answer>>) {
    let each = requests.into_iter().map(|request| {
        let commit = match request.work {
            Work::Commit(commit) => commit,
            _ => Commit::default(),
        };
        (commit, request.reply)
    });
    each.unzip()
}

/// A phone that nobody knew: what an operator does has an audit record.
fn is_first_contact(request: &Request) -> bool {
    matches!(&request.work, Work::Commit((mutations, _))
        if matches!(mutations[..], [Mutation::PutDevice { expect: None, .. }]))
}

/// What is told until all was read anew.
fn lost(connector: &Connector) -> StoreError {
    StoreError::Unavailable {
        what: connector.url.name().to_owned(),
        why: "it lacks changes that it had, and all is read anew first".to_owned(),
    }
}

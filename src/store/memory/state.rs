//! What a store in memory holds: objects, and what is remembered of their changes.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::{Event, EventId, Revision, Timestamp};
use crate::store::objects::Objects;
use crate::store::{
    Change, Changes, Guard, MAX_LEFT, MAX_REMEMBERED_COMMIT, Mutation, Object, REMEMBERED_COMMITS,
    StoreError,
};

/// Bounds the audit record, some 50 MB; the other stores keep theirs on disk.
const MAX_EVENTS: usize = 100_000;

#[derive(Default)]
pub(super) struct State {
    pub objects: Objects,
    pub events: VecDeque<Event>,
    pub catalogues: HashMap<String, Timestamp>,
    /// What the last commits changed, oldest first.
    log: VecDeque<(Revision, Object)>,
    /// Changes up to this one are not in the log any more.
    forgotten: Revision,
}

impl State {
    pub(super) fn commit(
        &mut self,
        mutations: Vec<Mutation>,
        guards: &[Guard],
    ) -> Result<Revision, StoreError> {
        let committed = self.objects.commit(mutations, guards)?;
        for event in committed.events {
            let id = self.events.back().map_or(EventId::NONE, |newest| newest.id).next();
            self.events.push_back(Event { id, ..event });
        }
        let excess = self.events.len().saturating_sub(MAX_EVENTS);
        self.events.drain(..excess);
        let excess = self.objects.left.len().saturating_sub(MAX_LEFT);
        self.objects.left.drain(..excess);
        self.remember(committed.revision, committed.objects);
        Ok(committed.revision)
    }

    fn remember(&mut self, revision: Revision, objects: Vec<Object>) {
        if objects.is_empty() {
            return;
        }
        if objects.len() > MAX_REMEMBERED_COMMIT {
            self.log.clear();
            self.forgotten = revision;
            return;
        }
        self.log.extend(objects.into_iter().map(|object| (revision, object)));
        self.forgotten =
            self.forgotten.max(Revision(revision.0.saturating_sub(REMEMBERED_COMMITS)));
        while self.log.front().is_some_and(|(oldest, _)| *oldest <= self.forgotten) {
            self.log.pop_front();
        }
    }

    pub(super) fn changes(&self, after: Revision, limit: usize) -> Changes {
        if after < self.forgotten {
            return Changes::TooFarBehind;
        }
        let first = self.log.partition_point(|(revision, _)| *revision <= after);
        let rest = || self.log.range(first..);
        let Some(end) = rest().take(limit).next_back().map(|(revision, _)| *revision) else {
            return Changes::Page(Vec::new(), self.objects.head);
        };
        let page: Vec<_> = rest().take_while(|(revision, _)| *revision <= end).collect();
        let mut told = HashSet::new();
        let newest = page.into_iter().rev().filter(|(_, object)| told.insert(object));
        let mut changes: Vec<Change> =
            newest.map(|(revision, object)| self.change(*revision, object)).collect();
        changes.reverse();
        Changes::Page(changes, end)
    }

    /// The object as it is; `revision` is that of its removal if it is not.
    fn change(&self, revision: Revision, object: &Object) -> Change {
        let object = self.objects.changed(object);
        Change { revision: object.revision().unwrap_or(revision), object }
    }
}

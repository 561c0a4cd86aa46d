//! Requests parsed before: an active phone asks the same thing at every boot, and
//! parsing it anew costs more than all the rest of answering from the cache.

use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use foldhash::quality::RandomState;
use quick_cache::sync::Cache;

use super::Fetch;
use crate::catalogue::{Catalogue, Identity, Request, Target};

/// What a request says, under one catalogue.
#[derive(Debug)]
pub(super) struct ParsedRequest {
    /// [`Catalogue::version`] of the catalogue it was parsed with.
    catalogue: u64,
    raw_target: String,
    user_agent: Option<String>,
    headers: Vec<(String, String)>,
    pub target: Target,
    pub identity: Identity,
    /// For the type of the device that asked first, which is nearly always the only
    /// one: the hash of the file it names, `None` for no file.
    pub file: OnceLock<(u32, Option<u64>)>,
}

impl ParsedRequest {
    fn new(catalogue: &Catalogue, fetch: &Fetch) -> ParsedRequest {
        let target = Target::parse(&fetch.target);
        let identity = catalogue.identify(Request {
            target: &target,
            user_agent: fetch.user_agent.as_deref(),
            headers: &fetch.headers,
        });
        ParsedRequest {
            catalogue: catalogue.version(),
            raw_target: fetch.target.clone(),
            user_agent: fetch.user_agent.clone(),
            headers: fetch.headers.clone(),
            target,
            identity,
            file: OnceLock::new(),
        }
    }

    fn is_of(&self, catalogue: &Catalogue, fetch: &Fetch) -> bool {
        self.catalogue == catalogue.version()
            && self.raw_target == fetch.target
            && self.user_agent == fetch.user_agent
            && self.headers == fetch.headers
    }
}

/// Parsed requests of active phones.
#[derive(Debug)]
pub(super) struct ParseCache {
    kept: Cache<u64, Arc<ParsedRequest>>,
    // Keyed at random, so that nobody outside makes two requests meet, which then push each
    // other out: they are told apart all the same.
    hasher: RandomState,
}

/// Ten thousand phones with four files each, and some; at 800 bytes 52 MB. What more phones
/// ask is parsed anew, at some 4 us.
const KEPT: usize = 65_536;

impl ParseCache {
    pub fn new() -> ParseCache {
        ParseCache { kept: Cache::new(KEPT), hasher: RandomState::default() }
    }

    /// The parsed request, and whether it was kept.
    pub fn parse(&self, catalogue: &Catalogue, fetch: &Fetch) -> (Arc<ParsedRequest>, bool) {
        match self.kept.get(&self.key(fetch)).filter(|kept| kept.is_of(catalogue, fetch)) {
            Some(kept) => (kept, true),
            None => (Arc::new(ParsedRequest::new(catalogue, fetch)), false),
        }
    }

    /// Keeps it for the next boot. Only for active phones: what a stranger sends
    /// must not push theirs out.
    pub fn keep(&self, fetch: &Fetch, parsed: Arc<ParsedRequest>) {
        self.kept.insert(self.key(fetch), parsed);
    }

    fn key(&self, fetch: &Fetch) -> u64 {
        self.hasher.hash_one((&fetch.target, &fetch.user_agent, &fetch.headers))
    }
}

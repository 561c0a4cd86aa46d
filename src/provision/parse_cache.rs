//! Requests parsed before: a phone asks the same thing at every boot, and parsing it
//! anew costs more than all the rest of answering from the cache.
//!
//! SECURITY: only what was answered with a file is kept. A refusal that is faster the
//! second time would tell which MACs are active.

use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use foldhash::quality::RandomState;
use quick_cache::sync::Cache;

use super::Fetch;
use crate::catalogue::{Catalogue, Identity, Request, Target};
use crate::domain::Mac;

/// What a request says, under one catalogue.
pub(super) struct ParsedRequest {
    /// [`Catalogue::version`] of the catalogue it was parsed with.
    catalogue: u64,
    raw_target: String,
    user_agent: Option<String>,
    headers: Vec<(String, String)>,
    pub target: Target,
    pub identity: Identity,
    /// The file for the type of the device that asked first, which is nearly always the only one.
    file: OnceLock<(u32, NamedFile)>,
}

/// The file a request names, under one type of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedFile {
    /// The phone's own, by its hash.
    OfPhone(u64),
    /// One that is for no phone in particular, by its hash.
    Common(u64),
    /// None that the type has.
    Nothing,
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

    /// The file it names under a type, by the type's number, when that is known.
    pub(super) fn named_file(&self, phone_type: u32) -> Option<NamedFile> {
        self.file.get().filter(|(of_type, _)| *of_type == phone_type).map(|&(_, file)| file)
    }

    /// Remembers the file it names under a type.
    pub(super) fn names(&self, phone_type: u32, file: NamedFile) {
        let _ = self.file.set((phone_type, file));
    }

    fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        self.raw_target.len()
            + self.user_agent.as_ref().map_or(0, String::len)
            + headers.sum::<usize>()
    }

    fn is_of(&self, catalogue: &Catalogue, fetch: &Fetch) -> bool {
        self.catalogue == catalogue.version()
            && self.raw_target == fetch.target
            && self.user_agent == fetch.user_agent
            && self.headers == fetch.headers
    }
}

/// Whose a file is that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOwner {
    /// An active phone's own.
    Phone,
    /// Nobody's: anyone gets it.
    Common,
}

/// Parsed requests that were answered with a file.
#[derive(Debug)]
pub(super) struct ParseCache {
    of_phones: Cache<u64, Arc<ParsedRequest>>,
    // Of its own, because anyone gets common files: what a stranger asks must not push out
    // what phones ask. Those of active phones are here too, so that theirs are as fast as
    // a stranger's and no faster.
    common: Cache<u64, Arc<ParsedRequest>>,
    // Keyed at random, so that nobody outside makes two requests meet, which then push each
    // other out: they are told apart all the same.
    hasher: RandomState,
}

/// Ten thousand phones with four files of their own each, and some; with [`COMMON`] some 110 MB,
/// as one takes 1.7 kB, and at most 200 MB, as one of [`LONGEST`] takes 3. What more phones ask is
/// parsed anew, at some 4 us.
const OF_PHONES: usize = 49_152;
/// Ten thousand phones that name their MAC where they ask for a common file, and some.
const COMMON: usize = 16_384;
/// Bytes of target, User-Agent and other headers of a request that is kept: phones send some 200,
/// and whoever sends more fills memory.
const LONGEST: usize = 1024;

impl ParseCache {
    pub(super) fn new() -> ParseCache {
        ParseCache {
            of_phones: Cache::new(OF_PHONES),
            common: Cache::new(COMMON),
            hasher: RandomState::default(),
        }
    }

    /// The parsed request, and whether it was kept.
    pub(super) fn parse(&self, catalogue: &Catalogue, fetch: &Fetch) -> (Arc<ParsedRequest>, bool) {
        let key = self.key(fetch);
        for cache in [&self.of_phones, &self.common] {
            if let Some(kept) = cache.get(&key).filter(|kept| kept.is_of(catalogue, fetch)) {
                return (kept, true);
            }
        }
        (Arc::new(ParsedRequest::new(catalogue, fetch)), false)
    }

    /// Parses once more, for nothing but the time it takes.
    pub(super) fn take_as_long(&self, catalogue: &Catalogue, fetch: &Fetch) {
        std::hint::black_box(ParsedRequest::new(catalogue, fetch));
    }

    /// Keeps it for the next boot. Only for what was answered with a file.
    pub(super) fn keep(&self, fetch: &Fetch, parsed: Arc<ParsedRequest>, owner: FileOwner) {
        if parsed.bytes() > LONGEST {
            return;
        }
        let cache = match owner {
            FileOwner::Phone => &self.of_phones,
            FileOwner::Common => &self.common,
        };
        cache.insert(self.key(fetch), parsed);
    }

    /// A MAC that nobody has chosen, for a request that names none; the same for the same request.
    pub(super) fn mac_for_none(&self, fetch: &Fetch) -> Mac {
        Mac::from_bits(self.key(fetch))
    }

    fn key(&self, fetch: &Fetch) -> u64 {
        self.hasher.hash_one((&fetch.target, &fetch.user_agent, &fetch.headers))
    }
}

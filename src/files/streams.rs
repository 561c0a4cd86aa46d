//! How many files are sent at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Mac;

/// Files that are sent at a time. Each has a part of 64 KiB in memory, and all share the
/// processors and the line with the phones that boot. Who comes beyond is told to come again.
pub const MAX_STREAMS: usize = 256;

/// How many of these are to one device: it may ask for a file anew whose connection broke and is
/// not found dead yet, and whoever knows its MAC holds no more.
pub const MAX_STREAMS_PER_PHONE: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    all: usize,
    of_phone: HashMap<Mac, usize>,
}

/// One file's turn.
#[derive(Debug)]
pub struct Stream {
    streams: Arc<Streams>,
    mac: Mac,
}

impl Streams {
    /// A turn for a file to that phone; `None` when there is none.
    pub(super) fn begin(self: &Arc<Streams>, mac: Mac) -> Option<Stream> {
        let mut turns = self.turns();
        let own = turns.of_phone.get(&mac).copied().unwrap_or(0);
        if turns.all >= MAX_STREAMS || own >= MAX_STREAMS_PER_PHONE {
            return None;
        }
        turns.all += 1;
        turns.of_phone.insert(mac, own + 1);
        Some(Stream { streams: self.clone(), mac })
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut turns = self.streams.turns();
        turns.all -= 1;
        let own = turns.of_phone.remove(&self.mac).unwrap_or(1) - 1;
        if own > 0 {
            turns.of_phone.insert(self.mac, own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_has_a_few_and_all_have_their_number() {
        let streams = Arc::new(Streams::default());
        let mac = |number| Mac::from_bits(number);
        let own: Vec<_> = (0..MAX_STREAMS_PER_PHONE).map(|_| streams.begin(mac(1))).collect();
        assert!(own.iter().all(Option::is_some) && streams.begin(mac(1)).is_none());
        let others: Vec<_> = (2..).map_while(|number| streams.begin(mac(number))).collect();
        assert_eq!(own.len() + others.len(), MAX_STREAMS);
        drop(own);
        assert!(streams.begin(mac(1)).is_some());
        drop(others);
        assert!(streams.turns().of_phone.is_empty());
    }
}

//! The room for uploads, in bytes, and who has how much of it.

use std::collections::HashMap;

/// Bytes in all, and of these what each owner has, see [`super::Sender::owner`]; as many owners
/// as companies have phones that send.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    all: u64,
    by_owner: HashMap<String, u64>,
}

impl Bytes {
    pub(super) fn all(&self) -> u64 {
        self.all
    }

    pub(super) fn of(&self, owner: &str) -> u64 {
        self.by_owner.get(owner).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, owner: &str, bytes: u64) {
        self.all += bytes;
        match self.by_owner.get_mut(owner) {
            Some(own) => *own += bytes,
            None => drop(self.by_owner.insert(owner.to_owned(), bytes)),
        }
    }

    /// What is there and nobody's any more.
    pub(super) fn add_nobodys(&mut self, bytes: u64) {
        self.all += bytes;
    }

    pub(super) fn take_away(&mut self, owner: &str, bytes: u64) {
        self.all = self.all.saturating_sub(bytes);
        if let Some(own) = self.by_owner.get_mut(owner) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                self.by_owner.remove(owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_away_is_nobodys_and_who_has_nothing_is_not_remembered() {
        let mut bytes = Bytes::default();
        bytes.add("acme", 5);
        bytes.add("acme", 2);
        bytes.add("other", 1);
        bytes.add_nobodys(10);
        assert_eq!((bytes.all(), bytes.of("acme"), bytes.of("other")), (18, 7, 1));
        bytes.take_away("acme", 7);
        bytes.take_away("third", 0);
        assert_eq!((bytes.all(), bytes.of("acme"), bytes.by_owner.len()), (11, 0, 1));
    }
}

//! When a request contradicts itself, so that no type is believed.
//!
//! Three things tell who made a phone: how it names itself, the path that it asks for, and the
//! block of its address. Each may be anybody's: a User-Agent without a maker, `{mac}.cfg`, a block
//! that several makers have. One of them is *sure* when all families that it fits are of one maker.
//!
//! The rule: a family is chosen by the User-Agent that it reads, else by the path. A request
//! contradicts itself when that is sure, when the path or the address is sure of another maker,
//! and when neither of the two speaks for the maker of the family. The address speaks for every
//! maker that has its block, the path only for the one of whom it is sure: asking for `{mac}.cfg`
//! speaks for nobody, and `*.bin` is any maker's firmware.
//!
//! The address speaks against a guess and against a program, which has no block, not against a phone
//! that names its model: blocks are lent, sold and not all known, and a phone in the lab has the
//! address that came to somebody's mind.
//!
//! | User-Agent | path | address | |
//! |---|---|---|---|
//! | A | A's | B's | A: two to one, as with phones that another maker builds |
//! | A | B's | A's | A: an operator calls files as he likes |
//! | A, with the model | anybody's | B's | A, unless it is a program |
//! | A | anybody's | B's | contradiction |
//! | A | B's | anybody's | contradiction |
//! | A | B's | B's | contradiction: what names itself otherwise is not what the rest lets guess |
//! | A | B's | C's | contradiction |
//! | none | A's, with the model | B's | A |
//! | none | A's | B's | contradiction |
//!
//! Makers are taken for one where they have a block of addresses in common, as Cisco and Linksys.
//! Such a request tells its address, and is listed with the type of whatever is unknown; why, its
//! evidence says.

use super::file_match::FileMatches;
use crate::catalogue::{Catalogue, Family};

/// For each family its maker, as the place of one of the maker's families: those of one name, and
/// those that have a block of addresses in common.
pub(crate) fn makers_of(families: &[Family]) -> Vec<usize> {
    let mut makers: Vec<usize> = (0..families.len()).collect();
    for (at, family) in families.iter().enumerate() {
        for (before, other) in families[..at].iter().enumerate() {
            let shares = || family.ouis.iter().any(|oui| other.ouis.contains(oui));
            if family.vendor == other.vendor || shares() {
                let (one, same) = (makers[before], makers[at]);
                makers.iter_mut().filter(|maker| **maker == same).for_each(|maker| *maker = one);
            }
        }
    }
    makers
}

/// What a request has on its maker.
pub(super) struct Witnesses<'a> {
    /// The User-Agent, where a family reads it.
    pub agent: Option<&'a str>,
    pub files: &'a FileMatches<'a>,
    /// The families that have the block of the address.
    pub holders: &'a [usize],
    /// Whether the model is named by what the family was chosen for.
    pub is_model_told: bool,
}

impl Catalogue {
    /// Whether what is sure speaks against the family that was chosen, and nothing for it.
    /// `has_own`: whether a file of the family is asked for.
    pub(super) fn is_contradicted(
        &self,
        chosen: usize,
        has_own: bool,
        witnesses: &Witnesses<'_>,
    ) -> bool {
        let own = Some(self.makers[chosen]);
        let speaks_for_it = |&holder: &usize| Some(self.makers[holder]) == own;
        if Some(chosen) == self.generic || witnesses.holders.iter().any(speaks_for_it) {
            return false;
        }
        let has_block = !self.families[chosen].ouis.is_empty();
        let of_address = match has_block && witnesses.is_model_told {
            true => None,
            false => self.only_maker(witnesses.holders.iter().copied()),
        };
        // A path that is the family's own is of no other maker alone.
        if of_address.is_none() && has_own {
            return false;
        }
        let of_path = self.only_maker(witnesses.files.told_families());
        match witnesses.agent {
            Some(_) if of_path == own || (of_path.is_none() && of_address.is_none()) => false,
            Some(agent) => {
                let readers = self.user_agent_set.matches(agent).into_iter();
                self.only_maker(readers.map(|at| self.user_agent_owners[at].0)) == own
            }
            None => of_address.is_some() && of_path == own,
        }
    }

    /// Whether two families are of one maker.
    pub(super) fn is_same_maker(&self, one: usize, other: usize) -> bool {
        self.makers[one] == self.makers[other]
    }

    /// The maker of all of them but the generic one; `None` when there are several, or none.
    pub(super) fn only_maker(&self, families: impl Iterator<Item = usize>) -> Option<usize> {
        let known = families.filter(|&family| Some(family) != self.generic);
        let mut makers = known.map(|family| self.makers[family]);
        let first = makers.next()?;
        makers.all(|maker| maker == first).then_some(first)
    }
}

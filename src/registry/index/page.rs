//! One page of the phones that fit a filter, in order of phoneid.

use std::collections::BinaryHeap;

use super::listing::Run;
use super::{Entry, INACTIVE, Index};
use crate::domain::{CompanyId, Mac, PhoneId, Port, TypeKey};

/// Which phones; what is `None` does not matter.
#[derive(Debug, Clone, Copy)]
pub(in crate::registry) struct Wanted<'a> {
    pub mac: Option<Mac>,
    pub port: Option<Port>,
    pub phone_type: Option<&'a TypeKey>,
    /// Whether inactive phones are.
    pub inactive: bool,
    /// The companies whose active phones are listed; `None`: all.
    pub companies: Option<&'a [CompanyId]>,
}

/// A phone in order of MAC and port.
type Position = (u64, u16);

impl Index {
    /// The first `limit` phones behind `after`. Reads all there are and keeps a page:
    /// some 50 ms for a million.
    pub(in crate::registry) fn page(
        &self,
        wanted: Wanted<'_>,
        after: Option<PhoneId>,
        limit: usize,
    ) -> Vec<PhoneId> {
        let phone_type = match wanted.phone_type.map(|key| self.types.known(key)) {
            None => None,
            // A type no device ever had.
            Some(None) => return Vec::new(),
            Some(known) => known,
        };
        let companies: Option<Vec<u32>> = wanted
            .companies
            .map(|list| list.iter().filter_map(|company| self.companies.known(company)).collect());
        let after: Option<Position> = after.map(|id| (id.mac.bits(), id.port.number()));
        let fits = |run: &Run| match run.company {
            INACTIVE => wanted.inactive,
            company => companies.as_ref().is_none_or(|list| list.contains(&company)),
        };
        let mut first = First { positions: BinaryHeap::new(), limit };
        let mut look = |mac: u64, entry: &Entry| {
            if phone_type.is_some_and(|wanted| wanted != entry.phone_type) {
                return;
            }
            for run in entry.runs().filter(|run| fits(run)) {
                for port in run.ports.clone() {
                    let position = (mac, port);
                    let is_named = wanted.port.is_none_or(|named| named.number() == port);
                    if is_named
                        && after.is_none_or(|after| position > after)
                        && !first.offer(position)
                    {
                        break;
                    }
                }
            }
        };
        match wanted.mac {
            Some(mac) => {
                if let Some(entry) = self.devices.get(&mac.bits()) {
                    look(mac.bits(), &entry);
                }
            }
            None => self.devices.iter().for_each(|entry| look(*entry.key(), &entry)),
        }
        first.sorted()
    }
}

/// The smallest positions offered, at most `limit`.
struct First {
    positions: BinaryHeap<Position>,
    limit: usize,
}

impl First {
    /// `false`: nor is there room for one behind this position.
    fn offer(&mut self, position: Position) -> bool {
        if self.positions.len() < self.limit {
            self.positions.push(position);
        } else if self.positions.peek().is_some_and(|last| position < *last) {
            self.positions.pop();
            self.positions.push(position);
        } else {
            return false;
        }
        true
    }

    fn sorted(self) -> Vec<PhoneId> {
        let phone = |(mac, port)| PhoneId {
            mac: Mac::from_bits(mac),
            port: Port::new(port).expect("only ports of devices are stored"),
        };
        self.positions.into_sorted_vec().into_iter().map(phone).collect()
    }
}

//! The lists of all inactive and of all active phones, as they were at one moment.

use std::ops::Range;
use std::sync::Arc;

use super::{Entry, INACTIVE, Index};
use crate::domain::{CompanyId, Mac, PhoneId, Port, Strength, Timestamp, TypeKey};

/// One phone of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneRow {
    /// Device and port.
    pub id: PhoneId,
    /// The device's type.
    pub phone_type: TypeKey,
    /// First contact, or when an operator made it.
    pub created: Timestamp,
    /// `None`: inactive.
    pub company: Option<CompanyId>,
    /// How well the type is told.
    pub strength: Strength,
}

/// A list of phones in order of created, MAC, port: those there were when it was made.
/// 24 bytes for each, or for all ports of a device that wait side by side; names are
/// looked up when a row is read.
#[derive(Debug)]
pub struct Listing {
    index: Arc<Index>,
    rows: Vec<CompactRow>,
    /// How many phones there are before each [`CHECKPOINT`]th row.
    checkpoints: Vec<usize>,
    len: usize,
}

/// Rows counted through to find a place in a list.
const CHECKPOINT: usize = 1024;

/// Phones of one device whose ports follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct CompactRow {
    created: u32,
    /// MAC in the upper 48 bits, first port below.
    id: u64,
    phone_type: u32,
    company: u32,
    ports: u16,
    strength: Strength,
}

/// Ports side by side that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub ports: Range<u16>,
    /// [`INACTIVE`] or the company's number.
    pub company: u32,
    pub created: u32,
}

impl Entry {
    /// Its phones: a run for each with a row, and one for each gap between those that
    /// waiting ports fill.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let rows = self.rows.all();
        let of_row = rows.iter().map(|row| Run {
            ports: row.port..row.port + 1,
            company: row.company.unwrap_or(INACTIVE),
            created: row.created,
        });
        let ends = rows.iter().map(|row| row.port).chain([u16::MAX]);
        let gaps = ends.scan(0, |start, end| {
            let gap = *start..end.min(self.waiting);
            *start = end.saturating_add(1);
            Some(gap)
        });
        let (company, created) = (INACTIVE, self.waiting_since);
        let waiting = gaps.filter(|gap| !gap.is_empty());
        of_row.chain(waiting.map(move |ports| Run { ports, company, created }))
    }
}

impl Index {
    /// All inactive phones, or the active ones of `companies` (`None`: of all).
    pub(in crate::registry) fn list(
        self: &Arc<Self>,
        active: bool,
        companies: Option<&[CompanyId]>,
    ) -> Listing {
        let wanted: Option<Vec<u32>> = companies
            .map(|list| list.iter().filter_map(|company| self.companies.known(company)).collect());
        let fits = |run: &Run| match (run.company, active) {
            (INACTIVE, active) => !active,
            (company, true) => wanted.as_ref().is_none_or(|wanted| wanted.contains(&company)),
            (_, false) => false,
        };
        let mut rows = Vec::new();
        for entry in &self.devices {
            rows.extend(entry.runs().filter(|run| fits(run)).map(|run| CompactRow {
                created: run.created,
                id: *entry.key() << 16 | u64::from(run.ports.start),
                phone_type: entry.phone_type,
                company: run.company,
                ports: run.ports.end - run.ports.start,
                strength: entry.strength,
            }));
        }
        rows.sort_unstable();
        Listing::new(self.clone(), rows)
    }
}

impl Listing {
    fn new(index: Arc<Index>, rows: Vec<CompactRow>) -> Listing {
        let mut len = 0;
        let mut checkpoints = Vec::with_capacity(rows.len().div_ceil(CHECKPOINT));
        for part in rows.chunks(CHECKPOINT) {
            checkpoints.push(len);
            len += part.iter().map(|row| usize::from(row.ports)).sum::<usize>();
        }
        Listing { index, rows, checkpoints, len }
    }

    /// How many phones are listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no phone is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The phones from the one at `start` on.
    pub fn rows(&self, start: usize) -> impl Iterator<Item = PhoneRow> + '_ {
        let part = self.checkpoints.partition_point(|before| *before <= start).saturating_sub(1);
        let skipped = start - self.checkpoints.get(part).copied().unwrap_or(start);
        let rows = self.rows.iter().skip(part * CHECKPOINT);
        let phones = rows.flat_map(|row| (0..row.ports).map(move |next| (row, next)));
        phones.skip(skipped).map(|(row, next)| PhoneRow {
            id: PhoneId {
                mac: Mac::from_bits(row.id >> 16),
                port: Port::new((row.id & 0xffff) as u16 + next).expect("only ports are packed"),
            },
            phone_type: self.index.types.name(row.phone_type),
            created: row.created.into(),
            company: (row.company != INACTIVE).then(|| self.index.companies.name(row.company)),
            strength: row.strength,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::admission::AdmissionState;
    use crate::domain::settings::Written;
    use crate::domain::{Claims, Device, Phone, Revision, State, Waiting};
    use crate::registry::progress::Progress;

    fn port(number: u16) -> Port {
        Port::new(number).unwrap()
    }

    /// A device with waiting ports, of which some are active.
    fn device(number: u64, ports: u16, active: &[u16]) -> Device {
        let state = || State::Active(CompanyId::default_company());
        let phone = |created| Phone { state: state(), ..Phone::inactive(created) };
        Device {
            mac: Mac::from_bits(number),
            phone_type: "kws6000".parse().unwrap(),
            waiting: Some(Waiting { ports, created: Timestamp::from_seconds(5) }),
            phones: active
                .iter()
                .map(|&number| (port(number), phone(Timestamp::from_seconds(5))))
                .collect::<BTreeMap<_, _>>(),
            sighting: None,
            claims: Claims::default(),
            served: None,
            written: Written::default(),
            admission: AdmissionState::default(),
            changed: Timestamp::from_seconds(5),
            revision: Revision(1),
        }
    }

    #[test]
    fn a_list_has_each_phone_once_from_wherever_it_is_read() {
        let index = Arc::new(Index::new(0));
        let devices = (1..=2100).map(|number| match number {
            1 => device(number, 1000, &[0, 3, 4, 999]),
            2 => device(number, 3, &[7]),
            _ => device(number, 2, &[]),
        });
        let devices: Vec<Device> = devices.collect();
        for device in &devices {
            index.put(device, &Progress::default());
        }
        assert_eq!(index.waiting().len(), 2098, "each that nobody promoted counts once");
        for active in [false, true] {
            let all = devices.iter().flat_map(|device| {
                let fits = |port: &Port| device.phones.contains_key(port) == active;
                device.ports().filter(fits).map(|port| PhoneId { mac: device.mac, port })
            });
            let all: Vec<PhoneId> = all.collect();
            let listing = index.list(active, None);
            assert_eq!(listing.len(), all.len());
            for start in [0, 1, 995, 996, 1000, 3000, all.len().saturating_sub(1), all.len()] {
                let listed: Vec<PhoneId> = listing.rows(start).map(|row| row.id).collect();
                assert_eq!(listed, all[start.min(all.len())..], "from {start}");
            }
        }
    }
}

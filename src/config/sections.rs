//! The small sections: what is kept where, how much of it, what is logged, how it ends.

use std::path::PathBuf;
use std::time::Duration;

use super::from_text::{LogFilter, LogFormat};
use super::reader::Section;
use crate::catalogue::Sources;
use crate::domain::TypeKey;
use crate::store::url::StoreUrl;

/// `[store]`
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    pub url: StoreUrl,
}

/// `[quota]`: how much unknown handsets may cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    pub inactive_rows: usize,
    pub new_macs_per_address_per_hour: u32,
    pub inactive_max_age: Duration,
}

/// `[catalogue]`
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    pub templates_dir: Option<PathBuf>,
    /// Empty: all.
    pub only_types: Vec<TypeKey>,
}

/// `[cache]`
#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    /// Memory for rendered files.
    pub rendered_bytes: u64,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    pub level: LogFilter,
    pub format: LogFormat,
}

/// `[shutdown]`
#[derive(Debug, Clone, PartialEq)]
pub struct Shutdown {
    /// For requests that are under way.
    pub grace_period: Duration,
}

impl Store {
    pub(super) fn read(mut section: Section<'_>) -> Store {
        Store { url: section.value("url", "sqlite:dialtone.db") }
    }
}

impl Quota {
    pub(super) fn read(mut section: Section<'_>) -> Quota {
        let days: u64 = section.number("inactive_max_age_days", 30, 1..=3_650);
        Quota {
            inactive_rows: section.number("inactive_rows", 100_000, 0..=10_000_000),
            new_macs_per_address_per_hour: section.number(
                "new_macs_per_address_per_hour",
                1_000,
                0..=1_000_000,
            ),
            inactive_max_age: Duration::from_secs(days * 24 * 3_600),
        }
    }
}

impl Catalogue {
    pub(super) fn read(mut section: Section<'_>) -> Catalogue {
        Catalogue {
            templates_dir: section.optional("templates_dir"),
            only_types: section.list("only_types", &[]),
        }
    }

    /// What to load.
    #[must_use]
    pub fn sources(&self) -> Sources {
        Sources {
            templates_dir: self.templates_dir.clone(),
            only_types: self.only_types.iter().map(ToString::to_string).collect(),
            ..Sources::default()
        }
    }
}

impl Cache {
    pub(super) fn read(mut section: Section<'_>) -> Cache {
        let most = 1_u64 << 40;
        Cache { rendered_bytes: section.number("rendered_bytes", 268_435_456, 1_048_576..=most) }
    }
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Log {
        Log { level: section.value("level", "info"), format: section.value("format", "text") }
    }
}

impl Shutdown {
    pub(super) fn read(mut section: Section<'_>) -> Shutdown {
        Shutdown { grace_period: section.seconds("grace_period_s", 10, 0..=600) }
    }
}

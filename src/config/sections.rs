//! The small sections: what is kept where, how much of it, what is logged, how it ends.

use std::path::PathBuf;
use std::time::Duration;

use super::from_text::{LogFilter, LogFormat};
use super::reader::Section;
use crate::catalogue::Sources;
use crate::domain::TypeKey;
use crate::net::Server;
use crate::provision::Provisioner;
use crate::registry::Quota;
use crate::store::KeySource;
use crate::store::url::StoreUrl;
use crate::uploads::UploadOptions;

const DAY_S: i64 = 24 * 3_600;

/// `[store]`
#[derive(Debug, Clone, PartialEq)]
pub struct StoreSection {
    /// `sqlite:FILE`, `postgres://…`, or `memory:`, which forgets all at the end.
    pub url: StoreUrl,
    /// The file with the password of the database; `None`: it has none, or another way.
    pub password_file: Option<PathBuf>,
    /// Where the keys are that secrets in it are encrypted with.
    pub keys: KeySource,
}

/// `[quota]`: how much unknown handsets may cause.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaSection {
    /// Devices without an active phone that are kept at most, 0 to 10,000,000.
    pub inactive_devices: usize,
    /// Devices that one address (IPv6: a /64) may make known in an hour, 0 to 1,000,000.
    pub new_macs_per_address_per_hour: u32,
    /// An inactive device goes when it was not seen for so long, 1 to 3,650 days.
    pub inactive_max_age: Duration,
}

/// `[catalogue]`
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueSection {
    /// Families of an operator, over the built-in ones; `None`: there are none.
    pub templates_dir: Option<PathBuf>,
    /// Empty: all.
    pub only_types: Vec<TypeKey>,
}

/// `[cache]`
#[derive(Debug, Clone, PartialEq)]
pub struct CacheSection {
    /// Memory for rendered files.
    pub rendered_bytes: u64,
}

/// `[uploads]`: what phones send. Off without a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadsSection {
    /// The folder; `None`: nothing is taken in.
    pub dir: Option<PathBuf>,
    /// Bytes of one phone, 64 KiB to 1 TiB.
    pub bytes_per_phone: u64,
    /// Bytes of all phones together, 1 MiB to 1 PiB.
    pub total_bytes: u64,
}

/// `[files]`: firmware, tones and pictures that phones are given as they are. Off without a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct FilesSection {
    /// The folder; `None`: there are none.
    pub dir: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq)]
pub struct LogSection {
    /// Which lines there are: a level, or one for each module.
    pub level: LogFilter,
    /// How a line is written.
    pub format: LogFormat,
}

/// `[shutdown]`
#[derive(Debug, Clone, PartialEq)]
pub struct ShutdownSection {
    /// How long requests that are under way have to end.
    pub grace_period: Duration,
}

impl StoreSection {
    pub(super) fn read(mut section: Section<'_>) -> StoreSection {
        let url: StoreUrl = section.value("url", "sqlite:dialtone.db");
        let password_file: Option<PathBuf> = section.optional("password_file");
        let url = match (url, &password_file) {
            (StoreUrl::Postgres(url), Some(file)) => {
                StoreUrl::Postgres(Box::new(url.with_password_file(file.clone())))
            }
            (url, _) => url,
        };
        let keys = KeySource {
            key_file: section.optional("key_file"),
            previous_key_file: section.optional("previous_key_file"),
        };
        StoreSection { url, password_file, keys }
    }
}

impl QuotaSection {
    pub(super) fn read(mut section: Section<'_>) -> QuotaSection {
        let parts = Quota::default();
        let parts_days = u64::try_from(parts.inactive_max_age_s / DAY_S).unwrap_or(u64::MAX);
        let days = section.number("inactive_max_age_days", parts_days, 1..=3_650);
        QuotaSection {
            inactive_devices: section.number(
                "inactive_devices",
                parts.inactive_devices,
                0..=10_000_000,
            ),
            new_macs_per_address_per_hour: section.number(
                "new_macs_per_address_per_hour",
                parts.new_macs_per_address_per_hour,
                0..=1_000_000,
            ),
            inactive_max_age: Duration::from_secs(days * DAY_S.unsigned_abs()),
        }
    }
}

impl CatalogueSection {
    pub(super) fn read(mut section: Section<'_>) -> CatalogueSection {
        CatalogueSection {
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

impl CacheSection {
    pub(super) fn read(mut section: Section<'_>) -> CacheSection {
        let most = 1_u64 << 40;
        CacheSection {
            rendered_bytes: section.number(
                "rendered_bytes",
                Provisioner::RENDERED_BYTES,
                1_048_576..=most,
            ),
        }
    }
}

impl UploadsSection {
    pub(super) fn read(mut section: Section<'_>) -> UploadsSection {
        let most = 1_u64 << 40;
        UploadsSection {
            dir: section.optional("dir"),
            bytes_per_phone: section.number(
                "bytes_per_phone",
                UploadOptions::BYTES_PER_PHONE,
                65_536..=most,
            ),
            total_bytes: section.number(
                "total_bytes",
                UploadOptions::TOTAL_BYTES,
                1_048_576..=1_u64 << 50,
            ),
        }
    }

    /// Where uploads are kept and how much of them; `None`: off.
    #[must_use]
    pub fn options(&self) -> Option<UploadOptions> {
        let UploadsSection { dir, bytes_per_phone, total_bytes } = self.clone();
        Some(UploadOptions { dir: dir?, bytes_per_phone, total_bytes })
    }
}

impl FilesSection {
    pub(super) fn read(mut section: Section<'_>) -> FilesSection {
        FilesSection { dir: section.optional("dir") }
    }
}

impl LogSection {
    pub(super) fn read(mut section: Section<'_>) -> LogSection {
        LogSection {
            level: section.value("level", "info"),
            format: section.value("format", "text"),
        }
    }
}

impl ShutdownSection {
    pub(super) fn read(mut section: Section<'_>) -> ShutdownSection {
        ShutdownSection {
            grace_period: section.seconds("grace_period_s", Server::GRACE_PERIOD, 0..=600),
        }
    }
}

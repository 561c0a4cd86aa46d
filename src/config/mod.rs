//! The gateway's configuration: what can be set, its defaults, and where it was set.
//!
//! A key is `[section]` and `key` in the file, `DIALTONE_SECTION_KEY` in the
//! environment (lists with commas), and for the common ones an option of the
//! command. The sections `[listener.NAME]` are those that the file has. An option beats the environment, the environment beats the file.
//! Nothing here is secret: keys and passwords are in files that are named.
//!
//! Each section's file has its keys, defaults and bounds, once; `Reader` finds
//! the value and collects every problem. `dialtone.example.toml` documents them.

mod admin;
mod check;
mod file;
mod from_text;
mod handset;
mod listener;
mod node;
mod problem;
mod reader;
mod scan;
mod sections;
#[cfg(test)]
mod tests;
mod tls;

use std::ffi::OsString;
use std::path::Path;

pub use admin::{AdminSection, PlainHttp};
pub use from_text::{LogFilter, LogFormat};
pub use handset::HandsetSection;
pub use listener::Listener;
pub use node::NodeSection;
pub use problem::{ConfigError, ConfigProblem, Origin};
use reader::{LISTENER, Reader};
pub use scan::ScanSection;
pub use sections::{
    CacheSection, CatalogueSection, FilesSection, LogSection, QuotaSection, ShutdownSection,
    StoreSection, UploadsSection,
};
pub use tls::TlsSection;

/// Variables that begin like ours and are of the command, or of the store, and no keys.
const OF_THE_COMMAND: &[&str] = &[
    "DIALTONE_CONFIG",
    "DIALTONE_URL",
    "DIALTONE_KEY",
    "DIALTONE_CA",
    "DIALTONE_CLIENT_CERTIFICATE",
    "DIALTONE_CLIENT_KEY",
    crate::store::PASSWORD_VARIABLE,
    crate::store::KEY_VARIABLE,
];

/// Keys that had another name once: `("section.old", "section.new")`.
const RENAMED: &[(&str, &str)] = &[("quota.inactive_rows", "quota.inactive_devices")];

/// Everything that can be configured, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What it is called among several.
    pub node: NodeSection,
    /// Where phones ask, and what one of them may take up.
    pub handset: HandsetSection,
    /// The certificates that phones are shown, and whether they show theirs.
    pub tls: TlsSection,
    /// Where phones ask on terms of their own, beside the addresses in `handset`.
    pub listeners: Vec<Listener>,
    /// Where operators ask.
    pub admin: AdminSection,
    /// Where what is durable is kept.
    pub store: StoreSection,
    /// How much unknown handsets may cause.
    pub quota: QuotaSection,
    /// Who walks MAC addresses, and what becomes of it.
    pub scan: ScanSection,
    /// Which families and types there are.
    pub catalogue: CatalogueSection,
    /// How much memory rendered files may take.
    pub cache: CacheSection,
    /// Where what phones send is kept, and how much of it.
    pub uploads: UploadsSection,
    /// Where the files are that phones are given as they are.
    pub files: FilesSection,
    /// What is logged, and how it is written.
    pub log: LogSection,
    /// How the gateway ends.
    pub shutdown: ShutdownSection,
}

/// A key given on the command line, as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Override {
    /// `store.url`.
    pub key: &'static str,
    /// What the user typed: `--store`.
    pub option: &'static str,
    /// The value as it was typed; it is read as one of a variable would be.
    pub value: String,
}

impl Config {
    /// Reads `file` (none: defaults) and `environment`, of which only names
    /// that begin with `DIALTONE_` are looked at, and lays `overrides` over
    /// them. With the configuration come warnings: what works and is unwise.
    ///
    /// # Errors
    /// Every problem with its place. A value that is overridden must be right
    /// all the same: the day the override goes is a bad one to find out.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: Vec<Override>,
    ) -> Result<(Config, Vec<String>), ConfigError> {
        let mut reader = Reader::default();
        if let Some(path) = file {
            file::read(path, &mut reader);
        }
        reader.add_environment(environment, OF_THE_COMMAND);
        reader.add_overrides(overrides);
        let config = Config::read(&mut reader);
        reader.refuse_unknown(RENAMED);
        check::across(&config, &mut reader);
        reader.finish().map(|warnings| (config, warnings))
    }

    /// Every listener of phones: those of `http` and `https`, and those with a name.
    #[must_use]
    pub fn handset_listeners(&self) -> Vec<Listener> {
        let all = self.handset.listeners(&self.tls).into_iter();
        all.chain(self.listeners.iter().cloned()).collect()
    }

    fn read(reader: &mut Reader) -> Config {
        let handset = HandsetSection::read(reader.section("handset"));
        let tls = TlsSection::read(reader.section("tls"));
        let names = reader.listeners().into_iter();
        let listeners = names.map(|name| {
            let section = reader.section(&format!("{LISTENER}{name}"));
            Listener::read(&name, section, &handset, &tls)
        });
        Config {
            listeners: listeners.collect(),
            handset,
            tls,
            node: NodeSection::read(reader.section("node")),
            admin: AdminSection::read(reader.section("admin")),
            store: StoreSection::read(reader.section("store")),
            quota: QuotaSection::read(reader.section("quota")),
            scan: ScanSection::read(reader.section("scan")),
            catalogue: CatalogueSection::read(reader.section("catalogue")),
            cache: CacheSection::read(reader.section("cache")),
            uploads: UploadsSection::read(reader.section("uploads")),
            files: FilesSection::read(reader.section("files")),
            log: LogSection::read(reader.section("log")),
            shutdown: ShutdownSection::read(reader.section("shutdown")),
        }
    }
}

impl Default for Config {
    /// The configuration that an empty file gives.
    fn default() -> Config {
        Config::read(&mut Reader::default())
    }
}

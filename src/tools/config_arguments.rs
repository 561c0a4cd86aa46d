//! Which configuration a command works with: a file, the environment, and the
//! options for what is set most often.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{Config, ConfigError, Override};

/// What every command that works on the machine with the store takes.
#[derive(Clone, Default, Args)]
pub struct ConfigArguments {
    /// Configuration file; without one, defaults, environment and options count.
    #[arg(long, value_name = "FILE", env = "DIALTONE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the registry is kept: sqlite:PATH, postgres://… or memory:. `[store] url`
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Folder of families over the built-in ones. `[catalogue] templates_dir`
    #[arg(long, value_name = "DIR")]
    pub templates: Option<String>,
}

impl fmt::Debug for ConfigArguments {
    /// Shows no URL of a store: there may be a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigArguments")
            .field("config", &self.config)
            .field("has_store", &self.store.is_some())
            .field("templates", &self.templates)
            .finish()
    }
}

/// What `serve` takes besides.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArguments {
    /// What every command takes that reads a configuration.
    #[command(flatten)]
    pub common: ConfigArguments,
    /// Addresses for phones over HTTP, with commas; none: off. `[handset] http`
    #[arg(long, value_name = "ADDRESSES")]
    pub http: Option<String>,
    /// Addresses for phones over HTTPS, with commas; none: off. `[handset] https`
    #[arg(long, value_name = "ADDRESSES")]
    pub https: Option<String>,
    /// Addresses of the admin API, with commas; none: off. `[admin] listen`
    #[arg(long, value_name = "ADDRESSES")]
    pub admin: Option<String>,
    /// What is logged, such as info or warn,dialtone::store=debug. `[log] level`
    #[arg(long, value_name = "FILTER")]
    pub log_level: Option<String>,
}

/// What people call a configuration file, after the example's name.
const USUAL_NAME: &str = "dialtone.toml";

impl ConfigArguments {
    /// The configuration, and what is worth a warning in how it was set.
    ///
    /// # Errors
    /// Every problem of file, environment and options.
    pub fn load(&self) -> Result<(Config, Vec<String>), ConfigError> {
        self.load_with(self.overrides())
    }

    fn load_with(&self, overrides: Vec<Override>) -> Result<(Config, Vec<String>), ConfigError> {
        let file = self.config.as_deref();
        let (config, mut warnings) = Config::load(file, std::env::vars_os(), overrides)?;
        // It is not read unasked: what a gateway does must not depend on where it was started.
        if file.is_none() && Path::new(USUAL_NAME).exists() {
            warnings.push(format!("{USUAL_NAME} is here but not read: name it with --config"));
        }
        Ok((config, warnings))
    }

    fn overrides(&self) -> Vec<Override> {
        let mut overrides = Vec::new();
        add(&mut overrides, "store.url", "--store", self.store.as_ref());
        add(&mut overrides, "catalogue.templates_dir", "--templates", self.templates.as_ref());
        overrides
    }
}

impl ServeArguments {
    /// Does as [`ConfigArguments::load`].
    ///
    /// # Errors
    /// Every problem of file, environment and options.
    pub fn load(&self) -> Result<(Config, Vec<String>), ConfigError> {
        self.common.load_with(self.overrides())
    }

    fn overrides(&self) -> Vec<Override> {
        let mut overrides = self.common.overrides();
        add(&mut overrides, "handset.http", "--http", self.http.as_ref());
        add(&mut overrides, "handset.https", "--https", self.https.as_ref());
        add(&mut overrides, "admin.listen", "--admin", self.admin.as_ref());
        add(&mut overrides, "log.level", "--log-level", self.log_level.as_ref());
        overrides
    }
}

fn add(
    overrides: &mut Vec<Override>,
    key: &'static str,
    option: &'static str,
    value: Option<&String>,
) {
    overrides.extend(value.map(|value| Override { key, option, value: value.clone() }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_a_key_of_the_configuration() {
        let text = |text: &str| Some(text.to_owned());
        let arguments = ServeArguments {
            common: ConfigArguments {
                config: None,
                store: text("memory:"),
                templates: text("/families"),
            },
            http: text("127.0.0.1:1"),
            https: text("none"),
            admin: text("127.0.0.1:2"),
            log_level: text("warn"),
        };
        let (config, _) = Config::load(None, [], arguments.overrides()).unwrap();
        assert_eq!(config.store.url.to_string(), "memory:");
        assert_eq!(config.catalogue.templates_dir, Some("/families".into()));
        assert_eq!(config.handset.http, ["127.0.0.1:1".parse().unwrap()]);
        assert_eq!(config.handset.https, []);
        assert_eq!(config.admin.listen, ["127.0.0.1:2".parse().unwrap()]);
        assert_ne!(config.log.level, Config::default().log.level);
    }
}

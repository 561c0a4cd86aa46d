//! `postgres://…`: which database, how to reach it, and what its certificate must show.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::domain::ErrorChain;

/// Where Debian has the sockets, for a URL without a host.
const SOCKETS: &str = "/var/run/postgresql";

/// The variable that has the password where neither the URL nor a file does.
pub const PASSWORD_VARIABLE: &str = "DIALTONE_STORE_PASSWORD";

/// The schema that the tables are in where the URL names none.
const SCHEMA: &str = "dialtone";

/// How long one address of a host may take to let a session begin. One in the same building takes milliseconds, one
/// on another continent and with TLS one second.
const CONNECT: Duration = Duration::from_secs(3);

/// After how long a silent connection is asked for a sign of life, and what is sent may stay
/// unacknowledged: a firewall or a host that went without a word is noticed within half a minute.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How far the server is made sure of before it is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    /// In the clear.
    Disable,
    /// TLS where the server has it, with any certificate.
    Prefer,
    /// TLS, with any certificate.
    Require,
    /// TLS, with a certificate of the authorities.
    VerifyCa,
    /// TLS, with a certificate of the authorities for the host of the URL.
    VerifyFull,
}

/// The files that TLS is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TlsFiles {
    /// The authorities; `None`: those of this machine.
    pub authorities: Option<PathBuf>,
    /// What is shown of one's own.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub key: Option<PathBuf>,
}

/// Where a database is. Prints without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// As it was written, but for a password.
    shown: String,
    pub(super) config: Config,
    pub(super) ssl_mode: SslMode,
    pub(super) tls: TlsFiles,
    pub(super) schema: String,
    password_file: Option<PathBuf>,
}

/// Why a text is no URL of a database. Tells nothing of the text but names of options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPostgresUrl {
    /// It has not the form, or an option has a value that it cannot have.
    #[error("{0}: write `postgres://USER@HOST/DATABASE`, special characters as %XX")]
    Form(String),
    /// An option that is not known here.
    #[error(
        "{0} in the URL is no option of a connection that is known here; there are schema, \
         sslmode, sslrootcert, sslcert, sslkey, target_session_attrs, connect_timeout, host, \
         hostaddr, port, user, dbname, options, application_name, channel_binding, \
         load_balance_hosts, keepalives and tcp_user_timeout"
    )]
    Option(String),
    /// The value of `sslmode`.
    #[error("sslmode is disable, prefer, require, verify-ca or verify-full")]
    SslMode,
    /// The authorities are those that machines trust, and the name is not looked at.
    #[error(
        "with the authorities that this machine trusts sslmode is verify-full, as anybody can have \
         a certificate of one: leave sslmode out, or name the file of an authority of your own \
         (sslrootcert=FILE)"
    )]
    WeakSslMode,
    /// The value of `schema`.
    #[error(
        "schema is a name of lower-case letters, digits and _, at most 40, that begins with a letter"
    )]
    Schema,
    /// The tables are looked for in one schema.
    #[error("write schema=NAME instead of a search_path in options")]
    SearchPath,
}

impl PostgresUrl {
    /// This, with the password of a file: it is read anew for each connection.
    #[must_use]
    pub fn with_password_file(self, file: PathBuf) -> PostgresUrl {
        PostgresUrl { password_file: Some(file), ..self }
    }

    /// This, with that password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> PostgresUrl {
        self.config.password(password);
        self
    }

    /// Whether the URL itself has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The database without the options, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shown.split('?').next().unwrap_or_default()
    }

    /// What to connect with, to one host after the other.
    ///
    /// # Errors
    /// A sentence, when the password's file cannot be read.
    pub(super) async fn hosts(&self) -> Result<Vec<Config>, String> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password_file {
            let password = tokio::fs::read_to_string(file).await.map_err(|error| {
                format!("the password cannot be read from {}: {error}", file.display())
            })?;
            config.password(password.trim_end_matches(['\r', '\n']));
        } else if config.get_password().is_none()
            && let Some(password) =
                std::env::var_os(PASSWORD_VARIABLE).filter(|password| !password.is_empty())
        {
            config.password(password.into_encoded_bytes());
        }
        let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
        let ports = config.get_ports();
        let count = hosts.len().max(addresses.len());
        let fits = |length: usize| length == 0 || length == count;
        if !fits(hosts.len()) || !fits(addresses.len()) || !(ports.len() < 2 || fits(ports.len())) {
            return Err("the URL has not as many hosts as ports or addresses".to_owned());
        }
        let one = |at: usize| {
            let mut one = without_hosts(&config);
            match hosts.get(at) {
                Some(Host::Tcp(name)) => drop(one.host(name)),
                Some(Host::Unix(path)) => {
                    one.host_path(path).ssl_mode(tokio_postgres::config::SslMode::Disable);
                }
                None => {}
            }
            addresses.get(at).map(|&address| one.hostaddr(address));
            ports.get(at).or(ports.first()).map(|&port| one.port(port));
            one
        };
        Ok((0..count).map(one).collect())
    }

    /// How long each address of a host may take.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.config.get_connect_timeout().copied().unwrap_or(CONNECT)
    }
}

/// All of the configuration but where the server is.
fn without_hosts(config: &Config) -> Config {
    let mut one = Config::new();
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    one.application_name(config.get_application_name().unwrap_or("dialtone"));
    one.ssl_mode(config.get_ssl_mode());
    one.connect_timeout(config.get_connect_timeout().copied().unwrap_or(CONNECT));
    one.tcp_user_timeout(config.get_tcp_user_timeout().copied().unwrap_or(KEEPALIVE));
    one.keepalives(config.get_keepalives());
    one.keepalives_idle(config.get_keepalives_idle().min(KEEPALIVE));
    one.keepalives_interval(config.get_keepalives_interval().unwrap_or(KEEPALIVE / 2));
    one.keepalives_retries(config.get_keepalives_retries().unwrap_or(3));
    // Also what is only read must be of the server that is written to.
    one.target_session_attrs(TargetSessionAttrs::ReadWrite);
    one.channel_binding(config.get_channel_binding());
    one.load_balance_hosts(config.get_load_balance_hosts());
    one
}

impl FromStr for PostgresUrl {
    type Err = InvalidPostgresUrl;

    fn from_str(text: &str) -> Result<PostgresUrl, InvalidPostgresUrl> {
        let form = |why: &str| InvalidPostgresUrl::Form(why.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(|| form("no ://"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            // A password with a question mark, of which the beginning would pass for a port.
            return Err(form("a ? or @ that is not what it means in a URL"));
        }
        let mut own = Own::default();
        let mut others: Vec<String> = Vec::new();
        let mut shown: Vec<&str> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| form("an option has no ="))?;
            if !KNOWN.contains(&key) && !OWN.contains(&key) {
                return Err(InvalidPostgresUrl::Option(quoted(key)));
            }
            if key != "password" {
                shown.push(pair);
            }
            if OWN.contains(&key) {
                let value = percent_decode_str(value).decode_utf8();
                own.take(key, &value.map_err(|_| form("an option is not UTF-8"))?)?;
            } else if key == "host" {
                // The client takes each for itself, libpq all of them.
                others.extend(value.split(',').map(|host| format!("host={host}")));
            } else {
                others.push(pair.to_owned());
            }
        }
        let parsed = format!("postgres://{place}?{}", others.join("&")).parse::<Config>();
        let mut config = parsed.map_err(|error| form(&ErrorChain(&error).to_string()))?;
        if config.get_options().is_some_and(|options| options.contains("search_path")) {
            return Err(InvalidPostgresUrl::SearchPath);
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
            return Err(form("target_session_attrs is read-write here, whatever is said"));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host_path(SOCKETS);
        }
        let ssl_mode = own.ssl_mode(&config)?;
        config.ssl_mode(match ssl_mode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            _ => tokio_postgres::config::SslMode::Require,
        });
        let options =
            if shown.is_empty() { String::new() } else { format!("?{}", shown.join("&")) };
        Ok(PostgresUrl {
            shown: format!("{scheme}://{}{options}", without_password(place)),
            config,
            ssl_mode,
            tls: own.tls,
            schema: own.schema.unwrap_or_else(|| SCHEMA.to_owned()),
            password_file: None,
        })
    }
}

/// Options that are of this program, or that the client knows in part.
const OWN: &[&str] = &["sslmode", "sslrootcert", "sslcert", "sslkey", "schema"];

/// Options that the client takes.
const KNOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// The options of [`OWN`].
#[derive(Default)]
struct Own {
    ssl_mode: Option<SslMode>,
    schema: Option<String>,
    tls: TlsFiles,
    /// Whether the authorities are to be those of this machine.
    is_of_system: bool,
}

impl Own {
    fn take(&mut self, key: &str, value: &str) -> Result<(), InvalidPostgresUrl> {
        match key {
            "sslmode" => {
                self.ssl_mode = Some(match value {
                    "disable" => SslMode::Disable,
                    "prefer" => SslMode::Prefer,
                    "require" => SslMode::Require,
                    "verify-ca" => SslMode::VerifyCa,
                    "verify-full" => SslMode::VerifyFull,
                    _ => return Err(InvalidPostgresUrl::SslMode),
                });
            }
            "schema" if is_schema(value) => self.schema = Some(value.to_owned()),
            "schema" => return Err(InvalidPostgresUrl::Schema),
            // As libpq has it since version 16: what this machine trusts.
            "sslrootcert" => {
                self.is_of_system = value == "system";
                self.tls.authorities = (!self.is_of_system).then(|| PathBuf::from(value));
            }
            "sslcert" => self.tls.certificate = Some(PathBuf::from(value)),
            _ => self.tls.key = Some(PathBuf::from(value)),
        }
        Ok(())
    }

    fn ssl_mode(&self, config: &Config) -> Result<SslMode, InvalidPostgresUrl> {
        let is_weak = match self.ssl_mode {
            None | Some(SslMode::VerifyFull) => false,
            Some(SslMode::VerifyCa) => self.tls.authorities.is_none(),
            Some(_) => self.is_of_system,
        };
        if is_weak {
            return Err(InvalidPostgresUrl::WeakSslMode);
        }
        // A socket has no TLS.
        let is_socket = |host: &Host| matches!(host, Host::Unix(_));
        if config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(is_socket) {
            return Ok(SslMode::Disable);
        }
        let default = || {
            if self.is_of_system { SslMode::VerifyFull } else { default_ssl_mode(config) }
        };
        Ok(self.ssl_mode.unwrap_or_else(default))
    }
}

/// A name that needs no quotes, and leaves room for what is put before it.
fn is_schema(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=40).contains(&text.len())
        && text.bytes().all(plain)
        && text.as_bytes()[0].is_ascii_lowercase()
}

/// libpq prefers TLS and takes none: whoever stands between would read what phones register with.
/// What does not leave this machine is as safe without.
fn default_ssl_mode(config: &Config) -> SslMode {
    let is_local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    let local = match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_local),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    };
    if local { SslMode::Prefer } else { SslMode::VerifyFull }
}

/// `user:password@host/database` without the password, whatever is in it.
fn without_password(place: &str) -> String {
    match place.rsplit_once('@') {
        Some((who, rest)) => format!("{}@{rest}", who.split(':').next().unwrap_or_default()),
        None => place.to_owned(),
    }
}

/// The name of an option, if it can be one: else a part of a password may stand there.
fn quoted(key: &str) -> String {
    let known_elsewhere = ["passfile", "service", "sslcrl", "gssencmode", "requirepeer"];
    if known_elsewhere.contains(&key) { format!("`{key}`") } else { "something".to_owned() }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> PostgresUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_password_is_nowhere_to_be_seen() {
        for text in [
            "postgres://gw:hunter2@db.example/dialtone",
            "postgresql://gw:hun%40ter2@db.example:5433,db2.example/dialtone?sslmode=require",
            "postgres://gw@db.example/dialtone?password=hunter2&schema=x",
            "postgres://gw:hunter2/x@db.example/dialtone",
            "postgres://gw:a@hunter2@db.example/dialtone",
            "postgres://gw:hunter2?options=x@db.example/dialtone",
            "postgres://gw?application_name=hunter2@db.example/dialtone",
            "postgres://gw:hunter2?x@db.example/dialtone",
            "postgres://gw:x?hunter2=5@db.example/dialtone",
            "postgres://gw@db.example/dialtone?passwort=hunter2",
            "postgres://gw:hunter2@db.example:port/dialtone",
        ] {
            let shown = match text.parse::<PostgresUrl>() {
                Ok(url) => format!("{url} {url:?} {}", url.name()),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("ter2"), "{text}: {shown}");
        }
        let with = url("postgres://gw@db.example/dialtone").with_password("hunter2");
        assert!(!format!("{with} {with:?}").contains("hunter2"));
        assert_eq!(with.to_string(), "postgres://gw@db.example/dialtone");
    }

    #[test]
    fn what_is_not_said_is_safe() {
        for (text, mode) in [
            ("postgres://gw@db.example/x", SslMode::VerifyFull),
            ("postgres://gw@localhost,db.example/x", SslMode::VerifyFull),
            ("postgres://gw@localhost,127.0.0.1,[::1]/x", SslMode::Prefer),
            ("postgres://gw@localhost/x?sslrootcert=system", SslMode::VerifyFull),
            ("postgres:///x?host=/run/postgresql&sslmode=verify-full", SslMode::Disable),
            ("postgres:///x", SslMode::Disable),
            ("postgres://gw@db.example/x?sslmode=disable", SslMode::Disable),
            ("postgres://gw@db.example/x?sslmode=verify-ca&sslrootcert=a", SslMode::VerifyCa),
        ] {
            assert_eq!(url(text).ssl_mode, mode, "{text}");
        }
        let hosts = url("postgres:///x").config.get_hosts().to_vec();
        assert_eq!(hosts, [Host::Unix(SOCKETS.into())]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (query, told) in [
            ("sslmode=maybe", "verify-full"),
            ("sslmode=require&sslrootcert=system", "sslrootcert=FILE"),
            ("sslmode=verify-ca&sslrootcert=system", "sslrootcert=FILE"),
            ("sslmode=verify-ca", "sslrootcert=FILE"),
            ("schema=Big", "letters"),
            ("options=-c%20search_path%3Dx", "schema=NAME"),
            ("passfile=x", "`passfile`"),
            ("oops", "no ="),
            ("target_session_attrs=some", "target_session_attrs"),
        ] {
            let refused = format!("postgres://gw@db/x?{query}").parse::<PostgresUrl>();
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(told), "{query}: {refused}");
        }
    }

    #[tokio::test]
    async fn each_host_has_its_port_and_all_have_the_rest() {
        for text in [
            "postgres://gw:pw@a:1,b:2/x?schema=north",
            "postgres://gw:pw@/x?host=a,b&port=1,2&schema=north",
        ] {
            let url = url(text);
            assert_eq!((url.schema.as_str(), url.connect_timeout()), ("north", CONNECT));
            let hosts = url.hosts().await.unwrap();
            assert_eq!(hosts.len(), 2, "{text}");
            for (config, (host, port)) in hosts.iter().zip([("a", 1), ("b", 2)]) {
                assert_eq!(config.get_hosts(), [Host::Tcp(host.to_owned())]);
                assert_eq!(config.get_ports(), [port]);
                assert_eq!(config.get_user(), Some("gw"));
                assert_eq!(config.get_password(), Some(&b"pw"[..]));
                let session = config.get_target_session_attrs();
                assert_eq!(session, TargetSessionAttrs::ReadWrite);
            }
        }
    }

    #[tokio::test]
    async fn sockets_are_hosts_like_others() {
        let hosts = url("postgres://gw@/x?host=/run/a,/run/b").hosts().await.unwrap();
        let beside = url("postgres://gw@/x?host=/run/a,db.example").hosts().await.unwrap();
        let modes = beside.iter().map(Config::get_ssl_mode).collect::<Vec<_>>();
        use tokio_postgres::config::SslMode::{Disable, Require};
        assert_eq!(modes, [Disable, Require]);
        let hosts: Vec<&Host> = hosts.iter().flat_map(Config::get_hosts).collect();
        assert_eq!(hosts, [&Host::Unix("/run/a".into()), &Host::Unix("/run/b".into())]);
    }

    #[tokio::test]
    async fn a_password_file_counts_and_is_read_each_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = url("postgres://gw@a/x").with_password_file(file.path().to_owned());
        for password in ["one", "two"] {
            std::fs::write(file.path(), format!("{password}\n")).unwrap();
            let hosts = url.hosts().await.unwrap();
            assert_eq!(hosts[0].get_password(), Some(password.as_bytes()));
        }
        let path = file.path().display().to_string();
        drop(file);
        assert!(url.hosts().await.unwrap_err().contains(&path));
    }
}

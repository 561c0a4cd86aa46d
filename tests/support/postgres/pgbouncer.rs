//! Debian's pgbouncer between gateways and a server.

use std::fs;
use std::io::PipeWriter;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::{Cluster, within_patience};

/// What one connection to the pooler gets of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolMode {
    Session,
    Transaction,
}

impl PoolMode {
    fn name(self) -> &'static str {
        match self {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        }
    }

    /// What its socket is called after: it is in the server's folder, and there may be both.
    fn port(self) -> u16 {
        match self {
            PoolMode::Session => 6432,
            PoolMode::Transaction => 6433,
        }
    }
}

/// A pooler before a server, in whose folder it lives. It ends when this is dropped, or when the
/// process that started it ends in whatever way.
pub(crate) struct Pgbouncer {
    folder: PathBuf,
    mode: PoolMode,
    _running: PipeWriter,
}

impl Pgbouncer {
    /// The one before [`Cluster::shared`] that keeps sessions.
    pub(crate) fn shared() -> &'static Pgbouncer {
        static SHARED: OnceLock<Pgbouncer> = OnceLock::new();
        SHARED.get_or_init(|| Pgbouncer::start(Cluster::shared(), PoolMode::Session))
    }

    /// # Panics
    /// When there is no pgbouncer, with what to install.
    pub(crate) fn start(server: &Cluster, mode: PoolMode) -> Pgbouncer {
        let program = "/usr/sbin/pgbouncer";
        assert!(fs::exists(program).is_ok_and(|is| is), "install Debian's package `pgbouncer`");
        let folder = server.socket().to_owned();
        let configuration = configure(server, mode, server);
        let (held, running) = std::io::pipe().expect("a pipe");
        let script = r#""$0" -q "$1" & read -r _; kill -KILL $!"#;
        let mut watch = server.as_server("sh");
        watch.args(["-c", script, program]).arg(configuration);
        watch.stdin(held).stdout(Stdio::null()).stderr(Stdio::null());
        let mut watch = watch.spawn().expect("sh runs");
        // Reaps it.
        std::thread::spawn(move || watch.wait());
        let pooler = Pgbouncer { folder, mode, _running: running };
        let socket = pooler.folder.join(format!(".s.PGSQL.{}", mode.port()));
        assert!(within_patience(|| socket.exists()), "pgbouncer does not start: {}", pooler.log());
        pooler
    }

    /// The URL through it of a database that has that URL.
    pub(crate) fn url(&self, direct: &str) -> String {
        format!("{direct}&port={}", self.mode.port())
    }

    /// Has it go to another server from now on, as who runs it does after that took over. `own` is
    /// the one that it was started before.
    pub(crate) fn point_at(&self, own: &Cluster, server: &Cluster) {
        configure(own, self.mode, server);
        let pid = fs::read_to_string(self.folder.join(format!("{}.pid", self.mode.name())));
        let pid = pid.expect("it runs").trim().to_owned();
        let told = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(told.is_ok_and(|status| status.success()), "pgbouncer has ended: {}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join(format!("{}.log", self.mode.name())))
            .unwrap_or_default()
    }
}

/// Its configuration's file.
fn configure(own: &Cluster, mode: PoolMode, server: &Cluster) -> PathBuf {
    let (name, folder) = (mode.name(), own.socket().display());
    let text = format!(
        "[databases]\n* = host={} port={} user=gw\n[pgbouncer]\nlisten_addr =\n\
         listen_port = {}\nunix_socket_dir = {folder}\nauth_type = any\npool_mode = {name}\n\
         logfile = {folder}/{name}.log\npidfile = {folder}/{name}.pid\nserver_login_retry = 1\n",
        server.socket().display(),
        server.port,
        mode.port(),
    );
    own.file(&format!("{name}.ini"), &text)
}

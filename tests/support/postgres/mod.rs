//! A PostgreSQL server of its own for tests and measurements, never the system's: in a folder that
//! goes with it, reached over a Unix socket there.
//!
//! Debian's package `postgresql` has what is needed; `pgbouncer` is a package of its own.

mod pgbouncer;
mod small_disk;
mod standby;

use std::fs;
use std::io::{PipeWriter, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[allow(unused_imports, reason = "not all who use the server need all of it")]
pub(crate) use self::{
    pgbouncer::{Pgbouncer, PoolMode},
    small_disk::SmallDisk,
};

/// How long a server may take to start or stop on a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with its data. It stops, and its folder goes, when this is dropped, or when the process
/// that started it ends in whatever way.
pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    /// The server runs as long as this is open.
    running: Option<PipeWriter>,
    databases: AtomicU32,
    settings: String,
    /// What its socket is called after.
    port: u16,
}

impl Cluster {
    /// The one that all tests of a process share, with a database for each.
    pub(crate) fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Cluster::start(""))
    }

    /// Makes a server; `settings` are lines of a `postgresql.conf`.
    ///
    /// # Panics
    /// When there is no PostgreSQL, with what to install.
    pub(crate) fn start(settings: &str) -> Cluster {
        Cluster::start_with(settings, &[])
    }

    /// Does as [`Cluster::start`], with more options of `initdb`.
    fn start_with(settings: &str, options: &[&str]) -> Cluster {
        let mut cluster = Cluster::without_data(settings);
        let mut initdb = cluster.command("initdb");
        initdb.args(["--encoding=UTF8", "--locale=C", "--auth=trust", "--username=gw", "--pgdata"]);
        run("initdb", initdb.arg(cluster.data()).args(options));
        cluster.resume();
        cluster
    }

    fn without_data(settings: &str) -> Cluster {
        let folder = tempfile::Builder::new().prefix("dialtone-pg-").tempdir().expect("a folder");
        let user = server_user();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).expect("root may give it away");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
        Cluster {
            folder,
            programs: programs(),
            user,
            running: None,
            databases: AtomicU32::new(0),
            settings: settings.to_owned(),
            port: 5432,
        }
    }

    /// A server with a copy of the data of this one, which must be stopped.
    pub(crate) fn copy(&self) -> Cluster {
        let copy = Cluster::without_data(&self.settings);
        let copied = copy.as_server("cp").arg("-a").arg(self.data()).arg(copy.data()).status();
        assert!(copied.expect("cp runs").success(), "the data can be copied");
        copy
    }

    /// Replaces the data by those of the other; both must be stopped.
    pub(crate) fn restore(&self, other: &Cluster) {
        fs::remove_dir_all(self.data()).expect("it is ours");
        let copied = self.as_server("cp").arg("-a").arg(other.data()).arg(self.data()).status();
        assert!(copied.expect("cp runs").success(), "the data can be copied");
    }

    /// A new database; its URL.
    pub(crate) fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://gw@/{database}?host={}", self.folder.path().display())
    }

    /// The folder of its socket.
    pub(crate) fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// What `psql` prints.
    ///
    /// # Panics
    /// When the server refuses it.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let ran = self
            .command("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--username=gw", "--dbname", database])
            .args(["--port", &self.port.to_string()])
            .arg("--host")
            .arg(self.folder.path())
            .args(["--command", sql])
            // Longer than anything takes here; a server that stands still would not end it.
            .env("PGCONNECT_TIMEOUT", "60")
            .env("PGOPTIONS", "-c statement_timeout=60s")
            .output()
            .expect("psql runs");
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }

    /// Writes a file that only the server may read, into its folder; its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("it is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group)).expect("root may give it away");
        }
        path
    }

    /// Puts lines before those that say who may connect how, and takes other settings, from the
    /// next start on.
    pub(crate) fn configure(&mut self, access: &str, settings: &str) {
        let before = fs::read_to_string(self.data().join("pg_hba.conf")).expect("initdb made it");
        self.file("data/pg_hba.conf", &format!("{access}\n{before}"));
        self.settings = settings.to_owned();
    }

    /// The port that the settings say.
    pub(crate) fn set_port(&mut self, port: u16) {
        self.port = port;
    }

    /// Starts it again on the data there are.
    pub(crate) fn resume(&mut self) {
        let (held, running) = std::io::pipe().expect("a pipe");
        // Ends when it is told so; or with the pipe, and all with it: then nobody is left who could
        // end it.
        let script = r#"
            "$0" -D "$1/data" -k "$1" -c listen_addresses= $2 >>"$1/log" 2>&1 </dev/null &
            server=$!
            if read -r _; then keep=yes; fi
            # A test may have left it stopped.
            kill -CONT $server $(ps -o pid= --ppid $server) 2>/dev/null
            kill -INT $server 2>/dev/null
            wait $server
            [ "$keep" ] || rm -rf "$1"
        "#;
        let settings: String = self.settings.lines().map(|line| format!(" -c {line}")).collect();
        // As many sessions as all tests of a process need at once.
        let settings = format!("-c max_connections=300{settings}");
        let mut watch = self.as_server("sh");
        watch
            .arg("-c")
            .arg(script)
            .arg(self.programs.join("postgres"))
            .arg(self.folder.path())
            .arg(settings)
            .stdin(held)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut watch = watch.spawn().expect("sh runs");
        // Reaps it.
        std::thread::spawn(move || watch.wait());
        self.running = Some(running);
        let ready = || {
            let mut asked = self.command("pg_isready");
            asked.args(["--quiet", "--username=gw", "--dbname=postgres"]);
            asked.args(["--port", &self.port.to_string()]);
            let asked = asked.arg("--host").arg(self.folder.path()).status();
            asked.is_ok_and(|status| status.success())
        };
        assert!(within_patience(ready), "the server does not start: {}", self.log());
    }

    /// Stops it in order; sessions are ended.
    pub(crate) fn stop(&mut self) {
        self.tell_end();
        assert!(within_patience(|| !self.is_running()), "the server does not stop: {}", self.log());
    }

    /// Kills it without a word, with all its processes.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        assert!(within_patience(|| self.processes().is_empty()), "it cannot be killed");
        self.tell_end();
        // A killed server leaves it; none reads it any more.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    /// Sends a signal to the server and all its processes.
    pub(crate) fn signal(&self, signal: &str) {
        let processes = self.processes();
        assert!(!processes.is_empty(), "it runs");
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}")).args(processes.iter().map(u32::to_string));
        // One that ended meanwhile needs none.
        let _ = kill.stderr(Stdio::null()).status();
    }

    fn tell_end(&mut self) {
        if let Some(mut running) = self.running.take() {
            // Who does not hear it has ended.
            let _ = running.write_all(b"\n");
        }
    }

    fn is_running(&self) -> bool {
        self.data().join("postmaster.pid").exists()
    }

    /// The server first, then what it started.
    fn processes(&self) -> Vec<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let Some(server) = file.lines().next().and_then(|line| line.parse::<u32>().ok()) else {
            return Vec::new();
        };
        let is_own = |process: &u32| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // pid (name) state parent …
            let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let mut rest = rest.split_whitespace();
            let is_dead = rest.next() == Some("Z");
            let parent = rest.next().and_then(|parent| parent.parse().ok());
            !is_dead && (*process == server || parent == Some(server))
        };
        let all = fs::read_dir("/proc").expect("Linux").flatten();
        let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let mut own: Vec<u32> = all.filter(is_own).collect();
        own.sort_by_key(|process| *process != server);
        own
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&self, program: &str) -> Command {
        self.as_server(self.programs.join(program).to_str().expect("a path of Debian's"))
    }

    /// A program as the user whom the server runs as: it refuses to run as root.
    fn as_server(&self, program: &str) -> Command {
        let mut command = match self.user {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={group}")]);
                command.args(["--clear-groups", "--"]).arg(program);
                command
            }
        };
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Whatever state a test left it in; one that failed says why itself.
        if !self.processes().is_empty() {
            self.signal("CONT");
            self.tell_end();
            within_patience(|| !self.is_running());
        }
    }
}

/// Runs a program that must succeed.
fn run(what: &str, command: &mut Command) {
    let ran = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(ran.status.success(), "{what}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn within_patience(mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// `postgres`, or anybody who is not root; `None`: who runs this.
fn server_user() -> Option<(u32, u32)> {
    if !rustix::process::getuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse::<u32>);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("a user to run the server"))
}

/// The folder of the newest version's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = versions.map(|entry| entry.path().join("bin"));
    let mut found: Vec<PathBuf> =
        versions.filter(|folder| folder.join("initdb").exists()).collect();
    let number =
        |folder: &PathBuf| folder.parent().and_then(Path::file_name)?.to_str()?.parse::<u32>().ok();
    found.sort_by_key(number);
    found.pop().expect(
        "there is no PostgreSQL server in /usr/lib/postgresql: install Debian's package `postgresql`",
    )
}

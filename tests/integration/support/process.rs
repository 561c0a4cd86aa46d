//! The gateway as its operator starts it: a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::canary;

/// Longer than a start takes on a loaded machine.
const START: Duration = Duration::from_secs(60);

/// Killed when dropped; then what it said is searched for secrets.
pub(crate) struct Process {
    child: Child,
    /// What it wrote to its log, where no test has that go elsewhere.
    log: Option<JoinHandle<Vec<u8>>>,
    /// The lines of its standard output.
    announced: Receiver<String>,
    pub http: SocketAddr,
    /// Where it listens with TLS, if it was told to.
    pub https: Option<SocketAddr>,
    pub admin: SocketAddr,
    /// The first key, if this start made one.
    pub key: Option<String>,
}

impl Process {
    /// Returns once it serves.
    pub(crate) fn start(dir: &Path) -> Process {
        Process::start_command(command(dir, "serve").env("DIALTONE_LOG_LEVEL", "trace"))
    }

    /// Does as [`Process::start`], with arguments and with somewhere for its log to go.
    pub(crate) fn start_as(dir: &Path, line: &str, log: Stdio) -> Process {
        Process::start_command(command(dir, line).stderr(log))
    }

    /// Does as [`Process::start`], with a command made by [`command`].
    pub(crate) fn start_command(command: &mut Command) -> Process {
        let mut process = Process::begin(command);
        process.wait_until_ready();
        process
    }

    /// Returns once it says where it listens.
    pub(crate) fn begin(command: &mut Command) -> Process {
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the gateway's binary runs");
        let log = child.stderr.take().map(|mut log| {
            std::thread::spawn(move || {
                let mut said = Vec::new();
                let _ = log.read_to_end(&mut said);
                said
            })
        });
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (say, announced) = mpsc::channel();
        // Ends with the process; or when nobody listens any more.
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| say.send(line))
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (http, admin) = (nowhere, nowhere);
        let mut process = Process { child, log, announced, http, https: None, admin, key: None };
        // Of the addresses it is the last.
        process.read_until("admin");
        process
    }

    /// Returns once it serves.
    pub(crate) fn wait_until_ready(&mut self) {
        self.read_until("ready");
    }

    fn read_until(&mut self, word: &str) {
        let end = Instant::now() + START;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = match self.announced.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => panic!("the gateway did not say {word:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the gateway ended before it said {word:?}")
                }
            };
            let mut words = line.split_whitespace();
            let address = |word: Option<&str>| {
                let (_, text) = word.and_then(|word| word.split_once("://")).expect("a URL");
                text.parse().expect("an address")
            };
            let first = words.next();
            match first {
                Some("handsets") if line.contains("https://") => {
                    self.https = Some(address(words.next()));
                }
                Some("handsets") => self.http = address(words.next()),
                Some("admin") => self.admin = address(words.next()),
                Some("first") => {
                    self.key = words.last().map(str::to_owned);
                    self.key.iter().for_each(|key| canary::learn(key));
                }
                _ => {}
            }
            if first == Some(word) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it is our own child");
    }

    /// How it ended; `None` when it did not within `patience`.
    pub(crate) fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + patience;
        loop {
            let ended = self.child.try_wait().expect("it is our own child");
            if ended.is_some() || Instant::now() > end {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(crate) fn kill(self) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let Some(log) = self.log.take() else { return };
        let said = log.join().expect("it reads to the end");
        if !std::thread::panicking() {
            canary::search("the log", &said);
        }
    }
}

/// The `dialtone` command in `dir`, with ports of its own, and without variables of whoever
/// runs the tests.
pub(crate) fn command(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone"));
    let own = std::env::vars_os().map(|(name, _)| name);
    for name in own.filter(|name| name.to_string_lossy().starts_with("DIALTONE_")) {
        command.env_remove(name);
    }
    command
        .current_dir(dir)
        .args(line.split(' '))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .env("DIALTONE_HANDSET_HTTP", "127.0.0.1:0")
        .env("DIALTONE_HANDSET_HTTPS", "none")
        .env("DIALTONE_ADMIN_LISTEN", "127.0.0.1:0")
        .env("DIALTONE_QUOTA_NEW_MACS_PER_ADDRESS_PER_HOUR", "1000000");
    command
}

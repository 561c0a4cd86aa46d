//! Runs `linphonec` in a home of its own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(super) struct Linphone {
    home: TempDir,
}

pub(super) struct Running(Child);

impl Linphone {
    /// It will ask `url` for its configuration, and trust the authorities in `ca`.
    pub(super) fn new(url: &str, ca: Option<&Path>) -> Linphone {
        let home = TempDir::new().expect("a temporary folder can be made");
        // Without it linphonec ends at once, unable to open its databases.
        fs::create_dir_all(home.path().join(".local/share/linphone")).expect("a folder");
        let ca = ca.map(|path| format!("root_ca={}\n", path.display())).unwrap_or_default();
        let rc = format!(
            "[misc]\nconfig-uri={url}\n[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\n\
             verify_server_certs=1\n{ca}"
        );
        fs::write(home.path().join("linphonerc"), rc).expect("a file");
        Linphone { home }
    }

    /// It has a password for who asks for one in `realm`.
    pub(super) fn with_account(self, realm: &str, user: &str, password: &str) -> Linphone {
        let path = self.home.path().join("linphonerc");
        let rc = fs::read_to_string(&path).expect("new has written it");
        let account = format!("[auth_info_0]\nusername={user}\npasswd={password}\nrealm={realm}\n");
        fs::write(path, rc + &account).expect("a file");
        self
    }

    pub(super) fn start(&self) -> Running {
        let child = Command::new("linphonec")
            .arg("-c")
            .arg(self.home.path().join("linphonerc"))
            .env("HOME", self.home.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            // It reads commands, and ends when there are none to come.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("linphonec runs: `tests/run` installs Debian's linphone-cli");
        Running(child)
    }
}

impl Running {
    /// Asks `is_so` again and again while the softphone runs.
    pub(super) fn wait_until(&self, patience: Duration, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + patience;
        while !is_so() {
            assert!(Instant::now() < deadline, "not so within {patience:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! The servers that are measured: started on free ports, ended when dropped, and what
//! processor time and memory they took, as the kernel counts it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Connector, patient};

/// Both servers get this many.
pub(crate) const WORKERS: usize = 2;

/// The ticks of what `/proc` shows: Linux counts in hundredths there on every machine (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Longer than either server takes to start, with a million phones too.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A process, ended when dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // SIGTERM, so that nginx ends its workers too.
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        for _ in 0..100 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a gateway is started with besides its store.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Certificate and key, PEM.
    pub pair: Option<(PathBuf, PathBuf)>,
    /// The authority that signs the phones' certificates, which are required then, or not.
    pub client_ca: Option<PathBuf>,
    pub certificates_are_optional: bool,
    /// As the configuration writes them; `None`: all.
    pub allowed_networks: Option<&'static str>,
    pub new_macs_per_address_per_hour: u32,
    /// What phones are asked to prove over HTTP.
    pub challenge: &'static str,
    /// As the configuration writes them; `None`: loopback, where all bench clients are.
    pub never_ban: Option<&'static str>,
    /// The folder of what phones are given as it is.
    pub files: Option<PathBuf>,
    /// The file with the key that secrets in the store are encrypted with.
    pub store_key: Option<PathBuf>,
    /// Where the registry is; `None`: in a file of the gateway's folder.
    pub store: Option<String>,
}

impl Default for Setup {
    /// Plain HTTP, and as many unknown phones as come.
    fn default() -> Setup {
        Setup {
            pair: None,
            client_ca: None,
            certificates_are_optional: false,
            allowed_networks: None,
            new_macs_per_address_per_hour: 1_000_000,
            challenge: "none",
            never_ban: None,
            files: None,
            store_key: None,
            store: None,
        }
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    process: Ended,
    pub http: SocketAddr,
    pub https: Option<SocketAddr>,
    pub admin: SocketAddr,
    /// The first System-Admin's; empty when the store was not new, and is none of the lab's.
    pub key: String,
    /// From the start of the process to its word that it is ready.
    pub started_in: Duration,
}

impl Gateway {
    /// Serves the store `dialtone.db` of `directory`, if none is named.
    pub(crate) fn start(
        program: &Path,
        directory: &Path,
        setup: &Setup,
    ) -> Result<Gateway, String> {
        let config = directory.join("dialtone.toml");
        let allowed = setup.allowed_networks.map(|list| format!("allowed_networks = [{list}]\n"));
        let allowed = allowed.unwrap_or_default();
        let new_macs = setup.new_macs_per_address_per_hour;
        let never_ban = setup.never_ban.map(|list| format!("[scan]\nnever_ban = [{list}]\n"));
        let never_ban = never_ban.unwrap_or_default();
        let key_file = setup.store_key.as_ref();
        let key_file = key_file.map(|file| format!("key_file = \"{}\"\n", file.display()));
        let key_file = key_file.unwrap_or_default();
        let in_file = || format!("sqlite:{}", directory.join("dialtone.db").display());
        let store = setup.store.clone().unwrap_or_else(in_file);
        let mut text = format!(
            "[handset]\nhttp = [\"127.0.0.1:0\"]\nhttps = [{}]\n\
             max_connections_per_address = 16384\nchallenge = \"{}\"\n{allowed}\
             [admin]\nlisten = [\"127.0.0.1:0\"]\n\
             [store]\nurl = \"{store}\"\n{key_file}{never_ban}\
             [quota]\ninactive_devices = 10000000\nnew_macs_per_address_per_hour = {new_macs}\n\
             [log]\nlevel = \"warn\"\n[tls]\n",
            if setup.pair.is_some() { "\"127.0.0.1:0\"" } else { "" },
            setup.challenge,
        );
        if let Some((certificate, key)) = &setup.pair {
            text += &format!(
                "certificate = \"{}\"\nkey = \"{}\"\n",
                certificate.display(),
                key.display()
            );
        }
        if let Some(ca) = &setup.client_ca {
            let wanted = if setup.certificates_are_optional { "optional" } else { "required" };
            text +=
                &format!("client_certificates = \"{wanted}\"\nclient_ca = \"{}\"\n", ca.display());
        }
        if let Some(files) = &setup.files {
            text += &format!("[files]\ndir = \"{}\"\n", files.display());
        }
        fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let log = directory.join("dialtone.log");
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let began = Instant::now();
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(&config)
            .env("TOKIO_WORKER_THREADS", WORKERS.to_string())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut process = Ended(child);
        let out = process.0.stdout.take().expect("it is piped");
        let (mut http, mut https, mut admin, mut key) = (None, None, None, String::new());
        for line in BufReader::new(out).lines() {
            let line = line.map_err(|error| error.to_string())?;
            let words: Vec<&str> = line.split_whitespace().collect();
            let address = |url: &str| url.split("//").nth(1).and_then(|text| text.parse().ok());
            match words[..] {
                ["handsets", url] if url.starts_with("https:") => https = address(url),
                ["handsets", url] => http = address(url),
                ["admin", url] => admin = address(url),
                ["first", "key", text] => text.clone_into(&mut key),
                ["ready"] => break,
                _ => {}
            }
        }
        let started_in = began.elapsed();
        let (Some(http), Some(admin)) = (http, admin) else {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("{} did not start: {said}", program.display()));
        };
        Ok(Gateway { process, http, https, admin, key, started_in })
    }

    /// An admin command that must succeed, with the first System-Admin's key.
    pub(crate) async fn command(&self, name: &str, mut body: Value) -> Result<Value, String> {
        let failed = |why: &dyn std::fmt::Display| format!("{name}: {why}");
        body["auth"] = json!({ "type": "auth", "key": self.key });
        let path = format!("/rest/dialplan/{name}");
        let asking = async {
            let mut connection = Connector::plain(self.admin).open(0).await?;
            connection.post(&path, &body.to_string()).await
        };
        let answer = patient(asking).await.map_err(|error| failed(&error))?;
        let said: Value = serde_json::from_slice(&answer.body).map_err(|error| failed(&error))?;
        if said["result"] != "success" {
            return Err(failed(&said));
        }
        Ok(said)
    }

    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(self.process.0.id())
    }

    /// Resident bytes.
    pub(crate) fn memory(&self) -> u64 {
        memory_of(self.process.0.id())
    }
}

/// A running nginx that serves a folder of files.
pub(crate) struct Nginx {
    process: Ended,
    pub http: SocketAddr,
    /// The one that keeps files open.
    pub remembering: SocketAddr,
    pub ecdsa: SocketAddr,
    pub rsa: SocketAddr,
    pub mutual: SocketAddr,
}

impl Nginx {
    /// `lab` has the folder `files`, and the certificates by the names the configuration uses.
    pub(crate) fn start(program: &Path, lab: &Path) -> Result<Nginx, String> {
        // Held together, so that they differ; let go before nginx takes them.
        let free: Vec<TcpListener> = (0..5)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("no free port: {error}"))?;
        let ports: Vec<SocketAddr> =
            free.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        drop(free);
        let [http, remembering, ecdsa, rsa, mutual] = ports[..] else {
            return Err("no free port".to_owned());
        };
        let mut text = include_str!("nginx.conf").to_owned();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        for (name, value) in [
            ("@user@", user.to_owned()),
            ("@workers@", WORKERS.to_string()),
            ("@lab@", lab.display().to_string()),
            ("@http@", http.to_string()),
            ("@remembering@", remembering.to_string()),
            ("@ecdsa@", ecdsa.to_string()),
            ("@rsa@", rsa.to_string()),
            ("@mutual@", mutual.to_string()),
        ] {
            text = text.replace(name, &value);
        }
        let config = lab.join("nginx.conf");
        fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let child = Command::new(program)
            .arg("-p")
            .arg(lab)
            .arg("-c")
            .arg(&config)
            .arg("-e")
            .arg(lab.join("nginx.log"))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut nginx = Nginx { process: Ended(child), http, remembering, ecdsa, rsa, mutual };
        let began = Instant::now();
        while TcpStream::connect(mutual).is_err() || nginx.workers().len() < WORKERS {
            let ended = nginx.process.0.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || began.elapsed() > START_TIMEOUT {
                let said = fs::read_to_string(lab.join("nginx.log")).unwrap_or_default();
                return Err(format!("nginx did not start: {said}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }

    fn workers(&self) -> Vec<u32> {
        let pid = self.process.0.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    /// The processor time of all workers.
    pub(crate) fn cpu(&self) -> Duration {
        self.workers().into_iter().map(cpu_of).sum()
    }
}

/// User and system time of a process, all its threads: fields 14 and 15 of `stat`, counted
/// behind the name, which may hold spaces.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |at: usize| -> u64 {
        after_name.split_whitespace().nth(at).and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    Duration::from_secs_f64((ticks(11) + ticks(12)) as f64 / TICKS_PER_SECOND)
}

fn memory_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>();
    kilobytes.unwrap_or(0) * 1024
}

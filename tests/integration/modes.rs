//! Whatever the umask, only the gateway's user reads the files that it makes.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::eventually;
use crate::support::process::{self, Process};
use crate::support::view::ask;

/// Longer than an end takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOG: &str = "/0004f2000002-app.log";

/// The command, as a service with such a mask would run it.
fn with_umask(command: &Command, mask: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("umask {mask} && exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null());
    shell
}

fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(all_below(&path));
        }
        all.push(path);
    }
    all
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What others may do something with; a certificate, which is told to everybody, apart.
fn open_to_others(folder: &Path) -> Vec<String> {
    let others = |path: &PathBuf| mode(path) & 0o077 != 0 && !path.ends_with("self-signed.pem");
    let shown = |path: PathBuf| format!("{} {:o}", path.display(), mode(&path));
    all_below(folder).into_iter().filter(others).map(shown).collect()
}

fn upload(process: &Process) -> bool {
    let mut stream = TcpStream::connect(process.http).unwrap();
    let head = format!(
        "PUT {LOG} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nContent-Length: 6\r\n\
         User-Agent: FileTransport PolycomSoundPointIP-SPIP_335-UA/3.2.1.0078\r\n\r\nsecret"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 20")
}

fn start(dir: &Path) -> Process {
    let mut serve = process::command(dir, "serve --store sqlite:state/store/dialtone.db");
    serve.env("DIALTONE_HANDSET_HTTPS", "127.0.0.1:0");
    serve.env("DIALTONE_TLS_CERTS_DIR", "state/certs");
    serve.env("DIALTONE_UPLOADS_DIR", "state/uploads");
    serve.env("DIALTONE_STORE_KEY_FILE", "state/store-key");
    Process::start_command(with_umask(&serve, "000").stderr(Stdio::null()))
}

fn run(dir: &Path, line: &str) {
    let done = with_umask(&process::command(dir, line), "000").output().unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
}

fn stop(mut process: Process) {
    process.signal(Signal::TERM);
    assert!(process.ended_within(PATIENCE).expect("it ends").success());
}

#[test]
fn no_file_is_open_to_others_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
    run(dir.path(), "store key --out state/store-key");

    let process = start(dir.path());
    let key = process.key.clone().unwrap();
    let settings = json!({ "lines": { "1": {
        "user": "1", "password": "Zi6-aO", "registrar": "a.example",
    } } });
    let values = json!({
        "mac": "0004f2000002", "company": "default", "phone_type": "ip335", "settings": settings,
    });
    let made = ask(process.admin, &key, "create", json!({ "type": "phone", "values": values }));
    assert_eq!(made["result"], "success", "{made}");
    eventually("the gateway takes something in", || upload(&process));
    assert_eq!(open_to_others(&state), [""; 0], "while it runs");
    let names: Vec<PathBuf> = all_below(&state);
    for name in ["dialtone.db", "dialtone.db-wal", "dialtone.db.lock", "self-signed.key", "app.log"]
    {
        let there = names.iter().any(|path| path.to_string_lossy().ends_with(name));
        assert!(there, "{name} is not among {names:?}");
    }
    stop(process);
    let store = "--store sqlite:state/store/dialtone.db";
    let export = format!("export {store} --with-secrets --output state/all.json");
    let mut command = process::command(dir.path(), &export);
    command.env("DIALTONE_STORE_KEY_FILE", "state/store-key");
    let done = with_umask(&command, "000").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    run(dir.path(), "import --store sqlite:state/other/new.db state/all.json");
    assert_eq!(open_to_others(&state), [""; 0], "behind it");

    // What a copy that was put back left open is closed at the next start.
    for path in all_below(&state.join("store")).iter().chain(&all_below(&state.join("certs"))) {
        fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    }
    stop(start(dir.path()));
    assert_eq!(open_to_others(&state), [""; 0], "after a start on files that were open");
}

//! A file system that is small enough to be filled, for a part of a server's data.

use std::fs;
use std::io::{PipeWriter, Write};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{Cluster, run, server_user, within_patience};

/// A `tmpfs`. Unmounted when this is dropped, or when the process that made it ends in whatever way.
pub(crate) struct SmallDisk {
    folder: TempDir,
    /// It stays mounted as long as this is open.
    mounted: Option<PipeWriter>,
    keeper: Child,
}

impl SmallDisk {
    /// One of so many MB; `None`, and a line that says so, where this process may not mount.
    pub(crate) fn mount(mb: u32) -> Option<SmallDisk> {
        let folder = tempfile::Builder::new().prefix("dialtone-disk-").tempdir().expect("a folder");
        let (held, mounted) = std::io::pipe().expect("a pipe");
        let script = r#"
            mount -t tmpfs -o "size=$1m" dialtone-test "$0" || exit
            echo mounted
            read -r _
            umount --lazy "$0"
            rmdir "$0"
        "#;
        let mut keeper = Command::new("sh");
        keeper.args(["-c", script]).arg(folder.path()).arg(mb.to_string());
        keeper.stdin(held).stdout(Stdio::null()).stderr(Stdio::null());
        let mut keeper = keeper.spawn().expect("sh runs");
        let is_mounted = || is_mount(folder.path());
        if !within_patience(|| is_mounted() || keeper.try_wait().is_ok_and(|end| end.is_some())) {
            panic!("mount does not end");
        }
        if !is_mounted() {
            eprintln!("SKIPPED: a full disk is not tried, only root may mount one");
            return None;
        }
        if let Some((user, group)) = server_user() {
            chown(folder.path(), Some(user), Some(group)).expect("root may give it away");
        }
        Some(SmallDisk { folder, mounted: Some(mounted), keeper })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that there is.
    pub(crate) fn fill(&self) {
        let mut ballast = fs::File::create(self.ballast()).expect("a file can be made");
        let piece = [0; 4096];
        let full = loop {
            if let Err(full) = ballast.write_all(&piece) {
                break full;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    }

    /// Gives the room back.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("it is there");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.mounted.take());
        let _ = self.keeper.wait();
    }
}

fn is_mount(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(1).map(Path::new) == Some(path))
}

impl Cluster {
    /// A server that keeps its log of changes on that disk, in pieces of a MB. Without room there it
    /// ends by itself.
    pub(crate) fn start_with_log_on(disk: &SmallDisk) -> Cluster {
        let log = format!("--waldir={}", disk.path().join("wal").display());
        let settings = "min_wal_size=2MB\nmax_wal_size=8MB";
        Cluster::start_with(settings, &[&log, "--wal-segsize=1"])
    }

    /// The URL of a new database whose tables are on that disk.
    pub(crate) fn database_on(&self, disk: &SmallDisk) -> String {
        let folder = disk.path().join("tables");
        run("mkdir", self.as_server("mkdir").arg(&folder));
        let sql = format!("CREATE TABLESPACE small LOCATION '{}'", folder.display());
        self.sql("postgres", &sql);
        self.sql("postgres", "CREATE DATABASE on_small TABLESPACE small");
        self.url("on_small")
    }

    /// Returns when it has ended by itself, with all its processes.
    pub(crate) fn wait_for_end(&mut self) {
        assert!(within_patience(|| self.processes().is_empty()), "it goes on: {}", self.log());
        self.tell_end();
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }
}

//! Another server that has what a first one commits, until it is cut off or takes over.

use super::{Cluster, run, within_patience};

impl Cluster {
    /// A server that follows this one, and takes its place when it is told to
    /// ([`Cluster::promote`]). Which of them has the database is for the URL to find out
    /// ([`Cluster::url_of_either`]).
    pub(crate) fn standby(&self) -> Cluster {
        let mut standby = Cluster::without_data(&self.settings);
        let mut copy = standby.command("pg_basebackup");
        copy.args(["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"]);
        copy.args(["--username=gw", "--port", &self.port.to_string(), "--host"]).arg(self.socket());
        run("pg_basebackup", copy.arg("--pgdata").arg(standby.data()));
        standby.resume();
        self.wait_for_standby();
        standby
    }

    /// The URL of a database on this server or the other, whichever takes writes.
    pub(crate) fn url_of_either(&self, other: &Cluster, database: &str) -> String {
        let [one, two] = [self, other].map(|server| server.socket().display());
        format!("postgres://gw@/{database}?host={one},{two}&target_session_attrs=read-write")
    }

    /// Returns when a standby has all that was committed until now.
    pub(crate) fn wait_for_standby(&self) {
        let committed = self.sql("postgres", "SELECT pg_current_wal_flush_lsn()");
        let has_all = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '{committed}'::pg_lsn"
        );
        let caught_up = || self.sql("postgres", &has_all) == "1";
        assert!(within_patience(caught_up), "the standby does not follow: {}", self.log());
    }

    /// Has this standby hear no more of the server it follows; what that commits from now on is
    /// lost when this one takes over.
    pub(crate) fn cut_off(&self) {
        self.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
        self.sql("postgres", "SELECT pg_reload_conf()");
        let hears = "SELECT count(*) FROM pg_stat_wal_receiver";
        let is_cut = || self.sql("postgres", hears) == "0";
        assert!(within_patience(is_cut), "the standby goes on: {}", self.log());
    }

    /// Has this standby take over; it takes writes when this returns.
    pub(crate) fn promote(&self) {
        run("pg_ctl promote", self.command("pg_ctl").args(["promote", "-D"]).arg(self.data()));
    }
}

//! The way back into the cluster of a node whose history the others have left: a former primary, mostly.
//!
//! By a base backup, and not by `pg_rewind`: that needs checksums or `wal_log_hints`, and `full_page_writes`, which clusters
//! that live for a test do without; it first has to recover a node that was killed; and it fails if the node's WAL since the
//! fork is gone. A base backup of thirty megabytes takes 0.1 s.
//! <https://www.postgresql.org/docs/current/app-pgrewind.html>

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Node, Upstream, connection_info, release_shared_memory};
use crate::error::{Error, Kind, Result};
use crate::files::{self, log_tail};
use crate::psql::without_libpq_variables;

/// The `application_name` of the backup's connections, so that nobody takes them for a replica.
const BACKUP_NAME: &str = "base-backup";

impl Node {
    /// Makes a node that is down a standby of a primary, and starts it: on its port, under its name, with a slot there.
    ///
    /// Its data become a copy of the upstream's; what only this node had is gone. Takes 0.15 s and returns when
    /// the node accepts connections; [`crate::Cluster::wait_replayed`] waits until it has caught up. The other nodes go on
    /// following whom they followed. Afterwards it is a replica like any other, and may be promoted again.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] unless this node is down ([`Node::kill`] or [`Node::stop`] it first) and the upstream
    /// is a primary that answers; [`crate::Error::is_not_started`] with the end of a log. Until the backup is complete, the
    /// node keeps its data.
    pub fn rejoin(&self, upstream: &Self) -> Result<()> {
        self.server.require_down()?;
        upstream.require_primary()?;
        self.reserve_slot_on(upstream)?;
        let backup = self.data.with_extension("backup");
        files::remove_directory(&backup)?;
        self.take_base_backup(upstream, &backup)?;

        // The segment is known by a file in the directory.
        release_shared_memory(&self.data, self.account);
        files::remove_directory(&self.data)?;
        fs::rename(&backup, &self.data).map_err(Error::file("rename", &backup))?;
        self.adopt_data_of(upstream.port())?;
        *self.upstream() = Upstream::Following(upstream.port());
        self.start()
    }

    /// Refuses, unless it is a primary. Not of a standby: without `full_page_writes` PostgreSQL takes no backup there.
    fn require_primary(&self) -> Result<()> {
        self.server.require_responsive()?;
        if *self.upstream() == Upstream::Nobody {
            return Ok(());
        }
        let (server, state) = (self.name().to_owned(), "a replica".to_owned());
        let wanted = "a primary";
        Err(Kind::WrongState {
            server,
            wanted,
            state,
        }
        .into())
    }

    fn take_base_backup(&self, upstream: &Self, backup: &Path) -> Result<()> {
        let log_path = self.data.with_extension("backup.log");
        let log = File::create(&log_path).map_err(Error::file("create", &log_path))?;
        let errors = log.try_clone().map_err(Error::file("create", &log_path))?;
        let mut command = Command::new(&self.pg_basebackup);
        without_libpq_variables(&mut command);
        command
            .args(["--checkpoint=fast", "--no-sync", "--no-manifest", "-D"])
            .arg(backup)
            .arg("-d")
            .arg(connection_info(
                upstream.port(),
                BACKUP_NAME,
                self.encrypted,
            ));
        // The watchdog recognises it by its working directory. Its own group, as the servers have.
        let place = self.data.parent().unwrap_or(backup);
        command.current_dir(place).env("LC_ALL", "C");
        command.env("HOME", place).process_group(0);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        self.account.apply(&mut command);
        let status = command
            .status()
            .map_err(Error::process("start", &self.pg_basebackup))?;
        if status.success() {
            return Ok(());
        }
        Err(Kind::NotStarted {
            server: format!("{} (pg_basebackup)", self.name()),
            why: format!("it ended with {status}"),
            log: log_tail(&log_path, 0),
        }
        .into())
    }
}

//! One PostgreSQL server: its addresses, its administration, and (in `faults`) what can happen to it.
//!
//! `adoption` makes a copy of the template this node's own, `rejoining` one of another node's data.

mod adoption;
mod faults;
mod rejoining;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, fs};

use rustix::process::Signal;

use crate::account::Account;
use crate::configuration::{APPLICATION, SUPERUSER, connection_info, url};
use crate::error::Result;
use crate::ports::Port;
use crate::psql::Psql;
use crate::server::{Launch, Server};
use crate::site::Site;
use crate::wait;

/// Until a node that restarts its recovery answers again.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Where a node takes its WAL from; nodes know each other by their port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// It is a primary, from the beginning or by promotion.
    Nobody,
    Following(u16),
    /// It was following this one, and [`Node::cut_walreceiver`] keeps it away.
    CutFrom(u16),
}

/// One PostgreSQL server of a [`crate::Cluster`].
///
/// The methods that bring about a fault return when it has happened: after `kill` no process is left, after `pause_replay`
/// nothing is replayed any more. All take `&self`, so that a test may break a node that other threads are using.
#[derive(Debug)]
pub struct Node {
    port: Port,
    database: String,
    data: PathBuf,
    account: Account,
    psql: Psql,
    pg_basebackup: PathBuf,
    server: Server,
    upstream: Mutex<Upstream>,
    encrypted: bool,
}

impl Node {
    /// A node that is not started yet, and whose data directory is still to be filled.
    pub(crate) fn new(site: &Site, name: &str, database: &str, upstream: Upstream) -> Result<Self> {
        let port = Port::free()?;
        let configuration = site.configuration.write_node(name, port.number())?;
        let data = site.directory().join(name);
        let mut config_file = OsString::from("config_file=");
        config_file.push(configuration);
        let arguments = vec!["-D".into(), data.into(), "-c".into(), config_file];
        let server = Server::new(launch(site, name, arguments));
        let host = site.configuration.admin_host();
        Ok(Self::on(site, server, port, host, database, upstream))
    }

    /// A node that runs in a container, and has this port on this machine.
    pub(crate) fn elsewhere(
        site: &Site,
        name: &str,
        database: &str,
        port: u16,
        upstream: Upstream,
    ) -> Self {
        let server = Server::elsewhere(launch(site, name, Vec::new()));
        let host = PathBuf::from("127.0.0.1");
        Self::on(site, server, Port::taken(port), host, database, upstream)
    }

    fn on(
        site: &Site,
        server: Server,
        port: Port,
        host: PathBuf,
        database: &str,
        upstream: Upstream,
    ) -> Self {
        let psql = Psql {
            program: site.postgres.psql.clone(),
            host,
            port: port.number(),
            server: server.name().to_owned(),
        };
        Self {
            port,
            database: database.to_owned(),
            data: site.directory().join(server.name()),
            account: site.account,
            psql,
            pg_basebackup: site.postgres.pg_basebackup.clone(),
            server,
            upstream: Mutex::new(upstream),
            encrypted: site.configuration.is_encrypted(),
        }
    }

    /// What it is called in logs and as a replica's `application_name`: `primary`, `replica-1`, `replica-2`, …
    pub fn name(&self) -> &str {
        self.server.name()
    }

    /// Its port on 127.0.0.1, the same for all its life.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The cluster's database for the application: `postgres://app:app@127.0.0.1:PORT/app`.
    pub fn url(&self) -> String {
        self.url_for(&self.database)
    }

    /// Another database, such as one of [`crate::Cluster::create_database`], for the application.
    pub fn url_for(&self, database: &str) -> String {
        url(APPLICATION, self.port(), database)
    }

    /// The cluster's database for the superuser.
    pub fn admin_url(&self) -> String {
        self.admin_url_for(&self.database)
    }

    /// Another database for the superuser.
    pub fn admin_url_for(&self, database: &str) -> String {
        url(SUPERUSER, self.port(), database)
    }

    /// Runs statements as the superuser, each in a transaction of its own. The rows come back one a line, columns
    /// separated by `|`.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_sql`] if PostgreSQL refuses, [`crate::Error::is_wrong_state`] if the node is down or frozen.
    pub fn run_sql(&self, database: &str, sql: &str) -> Result<String> {
        self.server.require_responsive()?;
        self.psql.run(database, sql)
    }

    /// Whether its process exists. That of a frozen node does.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// Blocks until it accepts connections; for after [`Node::crash_backend`].
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_timed_out`] after 30 s, [`crate::Error::is_wrong_state`] if the node is down or frozen.
    pub fn wait_ready(&self) -> Result<()> {
        let waiting_for = format!("{} to accept connections", self.name());
        wait::until_true(&waiting_for, READY_LIMIT, wait::DEAR, || {
            match self.run_sql("postgres", "select 1") {
                Ok(_) => Ok(true),
                Err(error) if error.is_sql() => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    /// Its log, over all its starts.
    pub fn log_path(&self) -> &Path {
        self.server.log()
    }

    /// The database that [`Node::url`] leads to.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn is_responsive(&self) -> bool {
        self.server.is_responsive()
    }

    pub(crate) fn upstream(&self) -> MutexGuard<'_, Upstream> {
        // Written by single assignments, so a panic elsewhere leaves nothing half done.
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it reaches the node on that port, as `primary_conninfo`.
    fn connection_info(&self, upstream: u16) -> String {
        connection_info(upstream, self.name(), self.encrypted)
    }

    /// The physical replication slot that it uses on its upstream: `replica_1` of `replica-1`.
    fn slot(&self) -> String {
        slot_of(self.name())
    }

    pub(crate) fn begin_farewell(&self) {
        self.server.begin_farewell();
    }

    /// Whether the process of this id has told, in its id file, that it accepts connections.
    fn accepts_connections(&self, pid: u32) -> bool {
        let Ok(text) = fs::read_to_string(self.data.join("postmaster.pid")) else {
            return false;
        };
        let mut lines = text.lines();
        lines.next() == Some(pid.to_string().as_str())
            && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on port {}", self.name(), self.port())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.farewell();
        release_shared_memory(&self.data, self.account);
    }
}

fn launch(site: &Site, name: &str, arguments: Vec<OsString>) -> Launch {
    Launch {
        name: name.to_owned(),
        program: site.postgres.postgres.clone(),
        arguments,
        directory: site.directory().join(name),
        log: site.directory().join(format!("{name}.log")),
        account: site.account,
        // An immediate shutdown: no checkpoint, but the shared memory is given back.
        farewell: Signal::QUIT,
        id_file: None,
    }
}

/// What the nth replica, counted from 1, is called.
pub(crate) fn replica_name(replica: usize) -> String {
    format!("replica-{replica}")
}

/// The slot of a replica; a slot's name has no hyphens.
pub(crate) fn slot_of(node: &str) -> String {
    node.replace('-', "_")
}

/// A postmaster that was killed left its id file, and with it a segment of System V shared memory. macOS has room for 32.
fn release_shared_memory(data: &Path, account: Account) {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else {
        return;
    };
    // Line 7: the segment's key and its id.
    let Some(segment) = text
        .lines()
        .nth(6)
        .and_then(|line| line.split_ascii_whitespace().nth(1))
    else {
        return;
    };
    let mut command = Command::new("ipcrm");
    command
        .args(["-m", segment])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Only its owner may remove it, in a container not even root.
    account.apply(&mut command);
    // Without an ipcrm a few bytes stay until the machine restarts.
    let _ = command.status();
}

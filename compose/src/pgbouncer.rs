//! PgBouncer before nodes, and what can happen to it.
//!
//! `builder` decides which one, before whom, and how it is set.

mod builder;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use self::builder::{PgBouncerBuilder, PoolMode};

use crate::configuration::{APPLICATION, SUPERUSER, url};
use crate::error::Result;
use crate::files::log_tail;
use crate::node::Node;
use crate::ports::Port;
use crate::server::Server;
use crate::site::Site;

/// A running PgBouncer, from [`crate::Cluster::pgbouncer`]. Dropping it stops it; its connections are then reset.
///
/// A database by the name of one of its nodes (`primary`, `replica-1`) is the cluster's database on that node, as in the
/// containers. Every other name is a database of its first node. The roles are `app` and `postgres`, with their passwords.
#[derive(Debug)]
pub struct PgBouncer {
    port: Port,
    version: (u32, u32),
    database: String,
    server: Server,
    // Last: its directory is in the cluster's.
    _site: Arc<Site>,
}

impl PgBouncer {
    /// The cluster's database on the first node, for the application: `postgres://app:app@127.0.0.1:PORT/app`.
    pub fn url(&self) -> String {
        self.url_for(&self.database)
    }

    /// Another database of the first node, such as one of [`crate::Cluster::create_database`], for the application.
    pub fn url_for(&self, database: &str) -> String {
        url(APPLICATION, self.port(), database)
    }

    /// The cluster's database on one of its nodes, by the node's name.
    pub fn url_of(&self, node: &Node) -> String {
        self.url_for(node.name())
    }

    /// The console of the superuser: `show pools`, `show servers`, `reconnect`. It takes no prepared statements.
    /// <https://www.pgbouncer.org/usage.html#admin-console>
    pub fn console_url(&self) -> String {
        url(SUPERUSER, self.port(), "pgbouncer")
    }

    /// Its port on 127.0.0.1, the same for all its life.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its major and minor version, such as `(1, 24)`.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// Starts it again after `kill`, on the same port and with the same settings.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if it is running, [`crate::Error::is_not_started`] with the end of its log.
    pub fn start(&self) -> Result<()> {
        // It says this, with its process id, as soon as it listens; so another server that has the port is not taken for it.
        self.server.start(|pid| {
            let up = format!("[{pid}] LOG process up");
            Ok(log_tail(self.log_path(), 0).contains(&up))
        })
    }

    /// SIGKILL: the connections of both its sides are reset. Nothing happens if it is down.
    pub fn kill(&self) -> Result<()> {
        self.server.kill()
    }

    /// SIGSTOP: connections stay open, on both sides, and nobody answers.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if it is down.
    pub fn freeze(&self) -> Result<()> {
        self.server.freeze()
    }

    /// Lets a frozen one go on. Nothing happens to another.
    pub fn thaw(&self) -> Result<()> {
        self.server.thaw()
    }

    /// Whether its process exists. That of a frozen one does.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// Its log, over all its starts.
    pub fn log_path(&self) -> &Path {
        self.server.log()
    }
}

impl fmt::Display for PgBouncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.version;
        write!(f, "PgBouncer {major}.{minor} on port {}", self.port())
    }
}

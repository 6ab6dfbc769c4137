//! Which PgBouncer, before whom, and how it is set.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal;

use super::PgBouncer;
use crate::binaries::{ANY_VERSION, PgBouncerProgram};
use crate::cluster::{Cluster, with_free_port};
use crate::configuration::{APPLICATION, SUPERUSER};
use crate::error::Result;
use crate::files;
use crate::node::Node;
use crate::ports::Port;
use crate::server::{Launch, Server};
use crate::site::Site;

/// The settings that the containers have, too.
const SHARED: &str = include_str!("../../pgbouncer/pgbouncer.ini");

/// The first version that has `max_prepared_statements`. An older one refuses to start because of it.
const PREPARES_FROM: (u32, u32) = (1, 21);

/// When a client gives a server connection back; `pool_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolMode {
    /// After each transaction. The default.
    #[default]
    Transaction,
    /// When it disconnects.
    Session,
}

/// A PgBouncer that is not started yet; from [`Cluster::pgbouncer`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct PgBouncerBuilder {
    site: Arc<Site>,
    /// The nodes' names and ports.
    nodes: Vec<(String, u16)>,
    database: String,
    oldest: (u32, u32),
    before: (u32, u32),
    pool_mode: PoolMode,
    pool_size: Option<u32>,
    max_prepared_statements: Option<u32>,
    ignore_startup_parameters: Option<String>,
}

impl Cluster {
    /// A PgBouncer before this node, and before those that [`PgBouncerBuilder::also`] adds.
    pub fn pgbouncer(&self, node: &Node) -> PgBouncerBuilder {
        let builder = PgBouncerBuilder {
            site: Arc::clone(self.site()),
            nodes: Vec::new(),
            database: node.database().to_owned(),
            oldest: ANY_VERSION.start,
            before: ANY_VERSION.end,
            pool_mode: PoolMode::default(),
            pool_size: None,
            max_prepared_statements: None,
            ignore_startup_parameters: None,
        };
        builder.also(node)
    }
}

impl PgBouncerBuilder {
    /// The node is reached through what listens on this port of 127.0.0.1, such as a [`crate::HaProxy`]'s.
    pub fn through(mut self, port: u16) -> Self {
        if let Some((_, first)) = self.nodes.first_mut() {
            *first = port;
        }
        self
    }

    /// Another node, by a database of its name.
    pub fn also(mut self, node: &Node) -> Self {
        self.nodes.push((node.name().to_owned(), node.port()));
        self
    }

    /// One of this version or a later one. The default is whichever is found first: the machine's own, then the one that
    /// `compose/stand-ins/pgbouncer-root` has fetched.
    pub fn at_least(mut self, major: u32, minor: u32) -> Self {
        self.oldest = (major, minor);
        self
    }

    /// One of an earlier version than this. The default is any.
    pub fn before(mut self, major: u32, minor: u32) -> Self {
        self.before = (major, minor);
        self
    }

    /// `pool_mode`. The default is [`PoolMode::Transaction`].
    pub fn pool_mode(mut self, pool_mode: PoolMode) -> Self {
        self.pool_mode = pool_mode;
        self
    }

    /// `default_pool_size`: the connections to a node for each database and role. The default is 20.
    pub fn pool_size(mut self, connections: u32) -> Self {
        self.pool_size = Some(connections);
        self
    }

    /// `max_prepared_statements`: how many of them each server connection keeps; 0 is none at all. The default is 200 from
    /// 1.21 on; older versions do not know it, and do not start with it.
    pub fn max_prepared_statements(mut self, statements: u32) -> Self {
        self.max_prepared_statements = Some(statements);
        self
    }

    /// `ignore_startup_parameters`: those that it takes and forgets. The default is `extra_float_digits`.
    pub fn ignore_startup_parameters(mut self, names: impl Into<String>) -> Self {
        self.ignore_startup_parameters = Some(names.into());
        self
    }

    /// Starts it on a free port, and returns when it listens. The nodes may be down.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_missing_binary`] if no PgBouncer of such a version is on this machine,
    /// [`crate::Error::is_not_started`] with the end of its log.
    pub fn start(&self) -> Result<PgBouncer> {
        let program = PgBouncerProgram::find(&(self.oldest..self.before))?;
        with_free_port(|port| self.try_start(&program, port))
    }

    fn try_start(&self, program: &PgBouncerProgram, port: Port) -> Result<PgBouncer> {
        let name = format!("pgbouncer-{}", port.number());
        let directory = self.site.directory().join(&name);
        // One that had the port before may have left it.
        files::remove_directory(&directory)?;
        files::make_directory(&directory, self.site.account)?;
        let write = |name: &str, content: &str| {
            let path = directory.join(name);
            files::write(&path, content, self.site.account).map(|()| path)
        };
        let accounts = [APPLICATION, SUPERUSER].map(|role| format!("\"{role}\" \"{role}\"\n"));
        let accounts = write("userlist.txt", &accounts.concat())?;
        let shared = write("shared.ini", &shared_for(program.version))?;
        let settings = self.settings(port.number(), &shared, &accounts);

        let mut arguments = program.arguments.clone();
        arguments.push(write("pgbouncer.ini", &settings)?.into());
        let launch = Launch {
            log: self.site.directory().join(format!("{name}.log")),
            id_file: Some(directory.join("server.pid")),
            name,
            program: program.program.clone(),
            arguments,
            directory,
            account: self.site.account,
            farewell: Signal::KILL,
        };
        let pgbouncer = PgBouncer {
            port,
            version: program.version,
            database: self.database.clone(),
            server: Server::new(launch),
            _site: Arc::clone(&self.site),
        };
        pgbouncer.start()?;
        Ok(pgbouncer)
    }

    fn settings(&self, port: u16, shared: &Path, accounts: &Path) -> String {
        let mut text = format!("%include {}\n", shared.display());
        let mut say = |name: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "{name} = {value}");
        };
        say("listen_addr", &"127.0.0.1");
        say("listen_port", &port);
        say("unix_socket_dir", &"");
        say("auth_file", &accounts.display());
        say("admin_users", &SUPERUSER);
        let pool_mode = match self.pool_mode {
            PoolMode::Transaction => "transaction",
            PoolMode::Session => "session",
        };
        say("pool_mode", &pool_mode);
        if let Some(connections) = &self.pool_size {
            say("default_pool_size", connections);
        }
        if let Some(statements) = &self.max_prepared_statements {
            say("max_prepared_statements", statements);
        }
        if let Some(names) = &self.ignore_startup_parameters {
            say("ignore_startup_parameters", names);
        }
        let encrypted = self.site.configuration.is_encrypted();
        say(
            "server_tls_sslmode",
            &if encrypted { "require" } else { "disable" },
        );
        // In seconds. After a failed login it waits so long, and its clients with it; 15 s would be the longest wait of most
        // tests.
        say("server_login_retry", &0.1);
        text.push_str("\n[databases]\n");
        let mut lead = |name: &str, port: u16, database: &str| {
            let _ = writeln!(text, "{name} = host=127.0.0.1 port={port}{database}");
        };
        let fixed = format!(" dbname={}", self.database);
        for (name, port) in &self.nodes {
            lead(name, *port, &fixed);
        }
        if let Some((_, first)) = self.nodes.first() {
            lead("*", *first, "");
        }
        text
    }
}

/// The shared settings without those that a version does not know.
fn shared_for(version: (u32, u32)) -> String {
    let known =
        |line: &&str| version >= PREPARES_FROM || !line.starts_with("max_prepared_statements");
    SHARED
        .lines()
        .filter(known)
        .flat_map(|line| [line, "\n"])
        .collect()
}

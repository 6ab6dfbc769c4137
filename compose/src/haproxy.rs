//! HAProxy before nodes, as a service of a cluster of containers is: each connection leads to the next node.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use rustix::process::Signal;

use crate::binaries;
use crate::cluster::{Cluster, with_free_port};
use crate::configuration::{APPLICATION, url};
use crate::error::{Kind, Result};
use crate::files;
use crate::node::Node;
use crate::ports::Port;
use crate::server::{Launch, Server};
use crate::site::Site;

/// The settings that are not of one HAProxy alone.
const SHARED: &str = include_str!("../haproxy/haproxy.cfg");

/// For one answer of a server on the same machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// A HAProxy that is not started yet; from [`Cluster::haproxy`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct HaProxyBuilder {
    site: Arc<Site>,
    /// The nodes' names and ports.
    nodes: Vec<(String, u16)>,
    database: String,
    check: bool,
}

impl Cluster {
    /// A HAProxy before these nodes.
    pub fn haproxy<'nodes>(&self, nodes: impl IntoIterator<Item = &'nodes Node>) -> HaProxyBuilder {
        let nodes = nodes.into_iter();
        HaProxyBuilder {
            site: Arc::clone(self.site()),
            nodes: nodes
                .map(|node| (node.name().to_owned(), node.port()))
                .collect(),
            database: self.primary().database().to_owned(),
            check: false,
        }
    }
}

impl HaProxyBuilder {
    /// Whether it asks each node by a TCP connection every 100 ms, and leads nobody to one that refuses it. The default is no.
    ///
    /// PostgreSQL is not asked: a frozen node has a kernel that accepts, and a paused replica is as good as any.
    pub fn check(mut self, check: bool) -> Self {
        self.check = check;
        self
    }

    /// Starts it on a free port, and returns when it listens. The nodes may be down.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_missing_binary`] if HAProxy is not installed, [`crate::Error::is_not_started`] with the end of its
    /// log.
    pub fn start(&self) -> Result<HaProxy> {
        if self.nodes.is_empty() {
            let (given, rule) = ("0".to_owned(), "it needs one to lead to");
            return Err(Kind::Invalid {
                what: "number of nodes",
                given,
                rule,
            }
            .into());
        }
        let program = binaries::haproxy()?;
        with_free_port(|port| self.try_start(&program, port))
    }

    fn try_start(&self, program: &Path, port: Port) -> Result<HaProxy> {
        let name = format!("haproxy-{}", port.number());
        let directory = self.site.directory().join(&name);
        // One that had the port before may have left it.
        files::remove_directory(&directory)?;
        files::make_directory(&directory, self.site.account)?;
        let write = |name: &str, content: &str| {
            let path = directory.join(name);
            files::write(&path, content, self.site.account).map(|()| path)
        };
        // In the cluster's own directory, whose name is the shorter one.
        let socket = self.site.configuration.socket_directory();
        let socket = socket.map(|place| place.join(format!("{name}.sock")));
        let shared = write("shared.cfg", SHARED)?;
        let own = write(
            "haproxy.cfg",
            &self.settings(port.number(), socket.as_deref()),
        )?;

        let launch = Launch {
            log: self.site.directory().join(format!("{name}.log")),
            id_file: Some(directory.join("server.pid")),
            name,
            program: program.to_owned(),
            // In the foreground, and one process: it is watched over already.
            arguments: vec![
                "-db".into(),
                "-f".into(),
                shared.into(),
                "-f".into(),
                own.into(),
            ],
            directory,
            account: self.site.account,
            farewell: Signal::KILL,
        };
        let haproxy = HaProxy {
            port,
            database: self.database.clone(),
            socket,
            server: Server::new(launch),
            _site: Arc::clone(&self.site),
        };
        haproxy.start()?;
        Ok(haproxy)
    }

    fn settings(&self, port: u16, socket: Option<&Path>) -> String {
        let mut text = String::new();
        if let Some(socket) = socket {
            let _ = writeln!(text, "global\n    stats socket {}", escaped(socket));
        }
        let _ = writeln!(text, "listen nodes\n    bind 127.0.0.1:{port}");
        let check = if self.check {
            " check inter 100ms fall 1 rise 1"
        } else {
            ""
        };
        for (name, port) in &self.nodes {
            let _ = writeln!(text, "    server {name} 127.0.0.1:{port}{check}");
        }
        text
    }
}

/// A running HAProxy, from [`Cluster::haproxy`]: TCP, one connection after the other to the next node. Dropping it stops it;
/// its connections are then reset.
#[derive(Debug)]
pub struct HaProxy {
    port: Port,
    database: String,
    /// Where it tells about itself, unless the address would be too long.
    socket: Option<PathBuf>,
    server: Server,
    // Last: its directory is in the cluster's.
    _site: Arc<Site>,
}

impl HaProxy {
    /// The cluster's database for the application, on the node whose turn it is: `postgres://app:app@127.0.0.1:PORT/app`.
    pub fn url(&self) -> String {
        self.url_for(&self.database)
    }

    /// Another database, such as one of [`Cluster::create_database`], for the application.
    pub fn url_for(&self, database: &str) -> String {
        url(APPLICATION, self.port(), database)
    }

    /// Its port on 127.0.0.1, the same for all its life.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Starts it again after `kill`, on the same port.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if it is running, [`crate::Error::is_not_started`] with the end of its log.
    pub fn start(&self) -> Result<()> {
        // Its own process id, so that another server that has the port is not taken for it. It binds the port first.
        self.server.start(|pid| {
            let expected = format!("Pid: {pid}");
            Ok(match &self.socket {
                Some(socket) => ask(socket, "show info")
                    .is_ok_and(|answer| answer.lines().any(|line| line == expected)),
                None => std::net::TcpStream::connect(("127.0.0.1", self.port())).is_ok(),
            })
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

impl fmt::Display for HaProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HAProxy on port {}", self.port())
    }
}

fn ask(socket: &Path, command: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    writeln!(stream, "{command}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A path as a word of its configuration.
fn escaped(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

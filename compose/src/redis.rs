//! The Redis server of a cluster, and what can happen to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use rustix::process::Signal;

use crate::error::{Kind, Result};
use crate::files;
use crate::ports::Port;
use crate::server::{Launch, Server};
use crate::site::Site;

/// For one answer of a server on the same machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The Redis server of a [`crate::Cluster`]. It stores nothing on disk: after `kill` and `start` it is empty.
#[derive(Debug)]
pub struct Redis {
    port: Port,
    /// The one for TLS, if it speaks that; then `port` is ours alone.
    encrypted: Option<Port>,
    server: Server,
}

impl Redis {
    /// A server that is not started yet.
    pub(crate) fn new(site: &Site, program: &Path) -> Result<Self> {
        let port = Port::free()?;
        let encrypted = site.configuration.is_encrypted().then(Port::free);
        let encrypted = encrypted.transpose()?;
        let mut launch = launch(site, program);
        files::make_directory(&launch.directory, site.account)?;
        let configuration = site.configuration.write_redis(
            port.number(),
            encrypted.as_ref().map(Port::number),
            &launch.directory,
        )?;
        launch.arguments.push(configuration.into());
        Ok(Self {
            port,
            encrypted,
            server: Server::new(launch),
        })
    }

    /// A server that runs in a container, and has this port on this machine.
    pub(crate) fn elsewhere(site: &Site, port: u16) -> Self {
        Self {
            port: Port::taken(port),
            encrypted: None,
            server: Server::elsewhere(launch(site, Path::new("redis-server"))),
        }
    }

    /// `redis://127.0.0.1:PORT`; of a cluster with TLS, `rediss://`.
    pub fn url(&self) -> String {
        let scheme = match self.encrypted {
            Some(_) => "rediss",
            None => "redis",
        };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// Its port on 127.0.0.1, the same for all its life; of a cluster with TLS, the one for that.
    pub fn port(&self) -> u16 {
        self.encrypted.as_ref().unwrap_or(&self.port).number()
    }

    /// Starts it again after `kill`, empty and on the same port.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if it is running, [`crate::Error::is_not_started`] with the end of its log.
    pub fn start(&self) -> Result<()> {
        // Its own process id, so that another Redis that has the port is not taken for it.
        self.server.start(|pid| {
            let expected = format!("process_id:{pid}");
            Ok(self
                .ask("INFO server")
                .is_ok_and(|answer| answer.lines().any(|line| line == expected)))
        })
    }

    /// SIGKILL: connections are reset, what it held is gone. Nothing happens if it is down.
    pub fn kill(&self) -> Result<()> {
        self.server.kill()
    }

    /// SIGSTOP: connections stay open and nobody answers.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if it is down.
    pub fn freeze(&self) -> Result<()> {
        self.server.freeze()
    }

    /// Lets a frozen server go on. Nothing happens to another.
    pub fn thaw(&self) -> Result<()> {
        self.server.thaw()
    }

    /// FLUSHALL: forgets everything, as an operator does by mistake.
    pub fn flush(&self) -> Result<()> {
        self.server.require_responsive()?;
        match self.ask("FLUSHALL") {
            Ok(answer) if answer == "+OK" => Ok(()),
            Ok(answer) => Err(Kind::Redis {
                doing: "flush",
                why: answer,
            }
            .into()),
            Err(error) => Err(Kind::Redis {
                doing: "flush",
                why: error.to_string(),
            }
            .into()),
        }
    }

    /// Whether its process exists. That of a frozen server does.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// Its log, over all its starts.
    pub fn log_path(&self) -> &Path {
        self.server.log()
    }

    pub(crate) fn begin_farewell(&self) {
        self.server.begin_farewell();
    }

    /// Sends one command and reads one answer: a line, or the text whose length the line tells.
    fn ask(&self, command: &str) -> io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        write!(stream, "{command}\r\n")?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line
            .strip_prefix('$')
            .and_then(|length| length.trim().parse().ok())
        {
            None => Ok(line.trim_end().to_owned()),
            Some(length) => {
                let mut text = String::new();
                reader.take(length).read_to_string(&mut text)?;
                Ok(text)
            }
        }
    }
}

fn launch(site: &Site, program: &Path) -> Launch {
    Launch {
        name: "redis".to_owned(),
        program: program.to_owned(),
        arguments: Vec::new(),
        directory: site.directory().join("redis"),
        log: site.directory().join("redis.log"),
        account: site.account,
        farewell: Signal::KILL,
        id_file: None,
    }
}

impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis on port {}", self.port())
    }
}

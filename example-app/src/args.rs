//! The command line.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::load::Load;
use crate::{cache, demo, https, lag, verify};

/// Where we listen if nobody says otherwise. Not on all interfaces: this is a demonstration.
const HOST: &str = "127.0.0.1";
const PORT: u16 = 5291;

/// The end of `--help`.
const ENVIRONMENT: &str = "\
Environment:
  DATABASE_PRIMARY_URL   the primary (or DATABASE_URL); without it, a PostgreSQL cluster and a Redis
                         are started, and removed at the end
  DATABASE_REPLICA_URLS  its replicas, separated by commas
  REDIS_URL              the second level of the cache
  MANIFOLD_NAMESPACE     keeps applications apart that share a database and a Redis
  MANIFOLD_TOKEN_KEY     signs the sessions of clients; the same for every instance, as
                         `openssl rand -base64 32` makes one. Needed to serve from your own servers
  PORT                   the port on 127.0.0.1, instead of 5291
  RUST_LOG               what is logged; the default is info";

/// Albums over HTTP: the example of diesel-manifold
#[derive(Debug, Parser)]
#[command(version, after_help = ENVIRONMENT, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: Serve,
}

/// What to do; each is a file of its name.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API; what is done without a command, too
    Serve(Serve),
    /// Write and read in parallel, and tell who answered and how fast
    Load(Load),
    /// How far each replica is behind the primary, each second
    Lag(lag::Args),
    /// What is cached in Redis: look at it, or drop it
    #[command(subcommand)]
    Cache(cache::Command),
    /// What the library is for, shown
    #[command(subcommand)]
    Demo(demo::Command),
    /// Whether the servers are set up as they should be; if not, what to do
    Verify(verify::Args),
}

/// How to serve.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:5291]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Serve HTTPS with the certificate chain in this file (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Serve {
    /// What speaks TLS, if that is wanted. A file that cannot be used is said before anything else is started.
    pub fn tls(&self) -> Result<Option<TlsAcceptor>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificates), Some(key)) => https::acceptor(certificates, key).map(Some),
            _ => Ok(None),
        }
    }

    /// Takes the address, so that one in use is said before anything else is started.
    ///
    /// Until we serve, clients wait in the backlog.
    pub async fn bind(&self) -> Result<TcpListener> {
        let address = match &self.listen {
            Some(address) => address.clone(),
            None => format!("{HOST}:{}", port()?),
        };
        let bound = TcpListener::bind(&address).await;
        if let Err(error) = &bound
            && error.kind() == ErrorKind::AddrInUse
        {
            bail!("{address} is in use; say another with --listen ADDR:PORT, or stop who has it");
        }
        bound.with_context(|| format!("cannot listen on {address}"))
    }
}

fn port() -> Result<u16> {
    match std::env::var("PORT") {
        Ok(port) if !port.is_empty() => port
            .parse()
            .with_context(|| format!("PORT must be a number up to 65535, and is `{port}`")),
        _ => Ok(PORT),
    }
}

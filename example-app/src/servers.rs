//! The servers that we work with: those of the environment, else an embedded cluster.

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diesel_async::AsyncPgConnection;
use diesel_manifold::{Builder, Manifold, Settings, TokenKey};
use manifold_compose::{Cluster, Node, Redis};

/// The variables that name a database. One that is set means: no embedded cluster.
const PRIMARY: [&str; 2] = ["DATABASE_PRIMARY_URL", "DATABASE_URL"];
const REPLICAS: [&str; 2] = ["DATABASE_REPLICA_URLS", "DATABASE_REPLICA_URL"];
const REDIS: &str = "REDIS_URL";

/// Where the servers are.
#[derive(Debug)]
pub struct Servers {
    pub primary: String,
    /// In the library's order: the first is its `replica-1`.
    pub replicas: Vec<String>,
    pub redis: Option<String>,
    /// What signs the tokens of sessions, if we made it. That of the environment is the library's to read.
    pub token_key: Option<String>,
    /// Ours to stop: dropping it does.
    cluster: Option<Cluster>,
}

impl Servers {
    /// Finds the servers of the environment, or starts some.
    pub async fn find() -> Result<Self> {
        // A replica without a primary is a mistake that `Manifold::from_env` explains.
        if PRIMARY
            .iter()
            .chain(&REPLICAS)
            .any(|name| variable(name).is_some())
        {
            return Ok(Self::of_environment());
        }
        if variable(REDIS).is_some() {
            tracing::warn!(
                "REDIS_URL is ignored: without DATABASE_PRIMARY_URL all servers are embedded"
            );
        }
        // Starting it blocks.
        let cluster = tokio::task::spawn_blocking(Cluster::start).await?.context(
            "cannot start the embedded servers; to use your own, set DATABASE_PRIMARY_URL",
        )?;
        Ok(Self {
            primary: cluster.primary().url(),
            replicas: cluster.replicas().iter().map(Node::url).collect(),
            redis: cluster.redis().map(Redis::url),
            token_key: Some(random_key()?),
            cluster: Some(cluster),
        })
    }

    /// The servers of the environment, for commands that look at what is running.
    pub fn configured() -> Result<Self> {
        let servers = Self::of_environment();
        if !servers.primary.is_empty() {
            return Ok(servers);
        }
        if servers.replicas.is_empty() {
            bail!("no servers are configured; `make demo` prints the lines to export");
        }
        bail!("replicas are configured, and no primary: set DATABASE_PRIMARY_URL");
    }

    /// The URLs of all nodes, the primary's first.
    pub fn urls(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }

    /// The names of all nodes, as the library has them.
    pub fn names(&self) -> Vec<String> {
        let replicas = (1..=self.replicas.len()).map(|at| format!("replica-{at}"));
        std::iter::once("primary".to_owned())
            .chain(replicas)
            .collect()
    }

    /// The same as the library reads. Its handle does not tell the URLs, and migrations need them.
    fn of_environment() -> Self {
        let replicas = REPLICAS.iter().filter_map(|name| variable(name));
        let replicas: Vec<_> = replicas.collect();
        let replicas = replicas.iter().flat_map(|urls| urls.split(','));
        Self {
            primary: PRIMARY
                .iter()
                .find_map(|name| variable(name))
                .unwrap_or_default(),
            replicas: replicas
                .map(|url| url.trim().to_owned())
                .filter(|url| !url.is_empty())
                .collect(),
            redis: variable(REDIS),
            token_key: None,
            cluster: None,
        }
    }

    /// Whether we started them.
    pub const fn are_embedded(&self) -> bool {
        self.cluster.is_some()
    }

    /// Holds `replica-1` back: from now on it replays nothing. Only where the servers are ours.
    pub fn hold_back(&self) -> Result<()> {
        if let Some(cluster) = &self.cluster {
            // It asks the server by a program of PostgreSQL, and waits for it.
            tokio::task::block_in_place(|| cluster.replica(0).pause_replay())?;
        }
        Ok(())
    }

    /// The manifold in front of them.
    pub async fn connect(&self) -> Result<Manifold> {
        self.connect_with(Settings::default()).await
    }

    /// The same with other bounds than the default ones.
    pub async fn connect_with(&self, settings: Settings) -> Result<Manifold> {
        if !self.are_embedded() {
            return Ok(Builder::from_env()?.settings(settings).connect().await?);
        }
        let mut builder = self.builder(self.replicas.iter().map(String::as_str));
        if let Some(key) = &self.token_key {
            builder = builder.token_key(TokenKey::from_base64(key)?);
        }
        Ok(builder.settings(settings).connect().await?)
    }

    /// A manifold in front of the primary, Redis and these replicas.
    pub fn builder<'r>(&self, replicas: impl IntoIterator<Item = &'r str>) -> Builder {
        let primary = Manifold::builder().primary(&self.primary);
        let builder = replicas.into_iter().fold(primary, Builder::replica);
        match &self.redis {
            Some(url) => builder.redis(url),
            None => builder,
        }
    }
}

/// 32 bytes that nobody can guess, as `openssl rand -base64 32` makes them.
fn random_key() -> Result<String> {
    let mut secret = [0; 32];
    let random = rustls::crypto::ring::default_provider().secure_random;
    let filled = random.fill(&mut secret);
    filled.map_err(|_| anyhow!("this machine has no random numbers for a token key"))?;
    Ok(BASE64_STANDARD.encode(secret))
}

/// A connection of our own, past the library: for migrations, and for looking at a server itself.
pub async fn connection(url: &str) -> diesel_manifold::Result<AsyncPgConnection> {
    diesel_manifold::connect(url).await
}

/// A variable of the environment; empty is unset, as for the library.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

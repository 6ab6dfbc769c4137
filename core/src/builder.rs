//! URLs and settings in, a running manifold out.

use std::sync::{Arc, Weak};
use std::time::Duration;

pub mod place;
#[cfg(test)]
mod tests;

use crate::builder::place::Place;
use crate::cache::Cache;
use crate::calls::Calls;
use crate::calls::token::Tokens;
use crate::discovery::{self, Discovery};
use crate::manifold::Manifold;
use crate::pools::Pools;
use crate::terms::clock::Clock;
use crate::terms::endpoint::Endpoint;
use crate::terms::error::{Error, Result};
use crate::terms::namespace::Namespace;
use crate::terms::settings::Settings;
use crate::terms::token::key::{TokenKey, TokenKeys};
use crate::terms::trap::Trapped;

/// More ends of writes than any process has under way.
const MOST_ENDINGS: usize = 1 << 20;
/// As many as a semaphore can count.
const MOST_WAITING: usize = tokio::sync::Semaphore::MAX_PERMITS;
/// A poll without a pause would ask without end; one above an hour proves nothing to anybody.
const SHORTEST_POLL: Duration = Duration::from_millis(1);
const LONGEST_POLL: Duration = Duration::from_secs(3600);
/// What the node is called that is configured as the primary.
const PRIMARY: &str = "primary";
const POOLED: &str = "MANIFOLD_POOLED";
const TOKEN_KEY: &str = "MANIFOLD_TOKEN_KEY";

/// Configures a [`Manifold`].
///
/// ```no_run
/// # async fn example() -> diesel_manifold::Result<()> {
/// let manifold = diesel_manifold::Manifold::builder()
///     .primary("postgres://app:secret@db-1/shop")
///     .replica("postgres://app:secret@db-2/shop")
///     .replica("postgres://app:secret@db-3/shop")
///     .redis("redis://cache/0")
///     .connect()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `connect`"]
pub struct Builder {
    /// The first one is asked first who it is.
    nodes: Vec<Place>,
    discoveries: Vec<Discovery>,
    redis: Option<Secret>,
    namespace: String,
    token_keys: Option<TokenKeys>,
    settings: Settings,
    clock: Clock,
    trapped: Trapped,
}

/// Holds a password, so `Debug` does not show it.
#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl Builder {
    /// What the environment says; see [`Manifold::from_env`] for the variables.
    ///
    /// # Errors
    ///
    /// `is_configuration` if no primary is named, a variable is not UTF-8, or a token key is none.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(variable)
    }

    fn from_variables(variable: impl Fn(&str) -> Result<Option<String>>) -> Result<Self> {
        let mut builder = Self::default();
        let endpoint = if is_pooled(variable(POOLED)?.as_deref())? {
            Endpoint::pooled
        } else {
            Endpoint::direct
        };
        for name in ["DATABASE_PRIMARY_URL", "DATABASE_URL"] {
            if let (true, Some(url)) = (builder.nodes.is_empty(), variable(name)?) {
                let place = Place::new(endpoint(url), PRIMARY.to_owned(), name);
                builder.nodes.push(place);
            }
        }
        if builder.nodes.is_empty() {
            return Err(Error::configuration(
                "no database is configured",
                "set DATABASE_PRIMARY_URL (or DATABASE_URL) to postgres://user:password@host/database",
            ));
        }
        for name in ["DATABASE_REPLICA_URLS", "DATABASE_REPLICA_URL"] {
            let urls = variable(name)?.unwrap_or_default();
            let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty());
            for url in urls {
                let place = Place::new(endpoint(url.to_owned()), builder.replica_name(), name);
                builder.nodes.push(place);
            }
        }
        builder.redis = variable("REDIS_URL")?.map(Secret);
        builder.namespace = variable("MANIFOLD_NAMESPACE")?.unwrap_or_default();
        if let Some(keys) = variable(TOKEN_KEY)? {
            builder.token_keys = Some(TokenKeys::parse(&keys, TOKEN_KEY)?);
        }
        Ok(builder)
    }

    fn replica_name(&self) -> String {
        let replicas = self.nodes.iter().filter(|place| place.name != PRIMARY);
        format!("replica-{}", replicas.count() + 1)
    }

    /// The primary. It may ask for TLS by libpq's parameters: [`docs::tls`](crate::docs::tls).
    ///
    /// Which node takes the writes is observed, not configured: this is the one that is asked first, and it is called
    /// `primary`.
    pub fn primary(mut self, endpoint: impl Into<Endpoint>) -> Self {
        self.nodes.retain(|place| place.name != PRIMARY);
        let place = Place::new(endpoint.into(), PRIMARY.to_owned(), "the primary's URL");
        self.nodes.insert(0, place);
        self
    }

    /// One more replica, a physical standby of the primary. Default: none, so reads run on
    /// the primary, still read-only.
    pub fn replica(mut self, endpoint: impl Into<Endpoint>) -> Self {
        let name = self.replica_name();
        let setting = format!("the URL of {name}");
        self.nodes.push(Place::new(endpoint.into(), name, setting));
        self
    }

    /// One more node, whatever it is: a primary or a standby of it. One of all must be the primary when the
    /// manifold connects.
    pub fn node(mut self, endpoint: impl Into<Endpoint>) -> Self {
        let others = self
            .nodes
            .iter()
            .filter(|place| place.name.starts_with("node-"));
        let name = format!("node-{}", others.count() + 1);
        let setting = format!("the URL of {name}");
        self.nodes.push(Place::new(endpoint.into(), name, setting));
        self
    }

    /// More nodes, which are found by the records of a name, and followed while these change. Default: none.
    pub fn discover(mut self, discovery: Discovery) -> Self {
        self.discoveries.push(discovery);
        self
    }

    /// The URL of Redis, `rediss://` over TLS. Default: none, so only L1 caches.
    pub fn redis(mut self, url: impl Into<String>) -> Self {
        self.redis = Some(Secret(url.into()));
        self
    }

    /// Keeps applications apart that share a database and a Redis. Default: empty.
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = name.into();
        self
    }

    /// One more key for the tokens of sessions: the first one signs them, each opens them; how to
    /// replace one is told at [`TokenKey`]. At most 8. Default: none, so no session leaves the process.
    pub fn token_key(mut self, key: TokenKey) -> Self {
        self.token_keys = Some(match self.token_keys {
            Some(keys) => keys.and(key),
            None => TokenKeys::from(key),
        });
        self
    }

    /// Knobs and bounds. Default: [`Settings::default`].
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The clock that decides about times to live, left-out nodes and the breaker. Default: the
    /// system's. A test keeps a clone and steps it.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Has the manifold make a mistake about positions, for a test that must notice.
    #[cfg(feature = "traps")]
    #[doc(hidden)]
    pub fn trap(mut self, trap: crate::Trap) -> Self {
        self.trapped = Trapped::by(trap);
        self
    }

    /// Connects.
    ///
    /// A primary must answer, among the nodes that were named. Another node or a Redis that does not is said in the log and tried again
    /// in the background.
    ///
    /// # Errors
    ///
    /// `is_configuration` for a wrong URL, password or database, a replica of another cluster, a PEM
    /// file that cannot be read, too many token keys, or a server whose certificate is not what its URL demands;
    /// `is_unreachable` if none of the nodes is a primary that answers within `pool.connect_timeout`: in the middle of a failover,
    /// too; then try again.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing is left behind.
    pub async fn connect(self) -> Result<Manifold> {
        if self.nodes.is_empty() && self.discoveries.is_empty() {
            return Err(Error::configuration(
                "no primary is configured",
                "call `primary(url)` on the builder",
            ));
        }
        check(&self.settings)?;
        if let Some(keys) = &self.token_keys {
            keys.check("the builder's `token_key`")?;
        }
        let mut plans: Vec<_> = self.nodes.iter().map(Place::plan).collect::<Result<_>>()?;
        let mut found = Vec::new();
        for discovery in &self.discoveries {
            let limit = self.settings.pool.connect_timeout;
            let mut places = discovery.look(limit).await?.unwrap_or_default();
            // What another discovery has found is its.
            places.retain(|name, _| plans.iter().all(|plan| *plan.name != **name));
            for place in places.values() {
                plans.push(place.plan()?);
            }
            found.push(places.into_keys().collect());
        }
        let pools = Pools::new(&plans, &self.settings, self.clock.clone(), self.trapped)?;
        let redis = self.redis.as_ref().map(|url| url.0.as_str());
        let cache = Cache::new(redis, self.settings.cache.clone(), self.clock.clone())?;
        self.announce();
        let identity = pools.open().await?;
        let namespace = Namespace::new(
            identity.system,
            &identity.database,
            &identity.schemas,
            &self.namespace,
        );
        if let Err(reason) = cache.open(namespace.clone()).await {
            tracing::warn!(%reason, "Redis does not answer; calls go on without it until it does");
        }
        for node in pools.nodes().iter() {
            pools.watch(node);
        }
        let tokens = Tokens {
            keys: self.token_keys.clone(),
            system: identity.system,
            ttl: self.settings.token_store.ttl,
        };
        let writing = self.settings.write.clone();
        let calls = Arc::new(Calls::new(pools, cache, writing, tokens));
        // Spawned: the background task of the pools. It holds them weakly and ends with them.
        tokio::spawn(upkeep(Arc::downgrade(&calls), self.settings.pool.upkeep));
        for (discovery, found) in self.discoveries.into_iter().zip(found) {
            // Spawned: one for each discovery. It holds the manifold weakly and ends with it.
            tokio::spawn(discovery::follow(Arc::downgrade(&calls), discovery, found));
        }
        Ok(Manifold::new(calls, namespace))
    }

    fn announce(&self) {
        if self.nodes.len() == 1 && self.discoveries.is_empty() {
            tracing::info!("no replica configured: reads run on the primary, read-only");
        }
        if self.redis.is_none() {
            tracing::info!("no Redis configured: answers are cached in this process only");
        }
    }
}

/// Looks after the pools at each tick, and at once when a node is suspected.
async fn upkeep(calls: Weak<Calls>, every: Duration) {
    loop {
        let Some(calls) = calls.upgrade().filter(|calls| !calls.is_closing()) else {
            return;
        };
        calls.pools.upkeep().await;
        // The tick bounds how long this task keeps a dropped manifold alive.
        let _ = tokio::time::timeout(every, calls.pools.wake().notified()).await;
    }
}

/// Settings with which nothing could run.
fn check(settings: &Settings) -> Result<()> {
    let endings = settings.write.max_endings;
    if !(1..=MOST_ENDINGS).contains(&endings) {
        return Err(Error::configuration(
            format!("`write.max_endings` is {endings}"),
            format!("set it from 1 to {MOST_ENDINGS}: each write needs one"),
        ));
    }
    let read = &settings.read;
    if !(SHORTEST_POLL..=LONGEST_POLL).contains(&read.poll) {
        return Err(Error::configuration(
            format!("`read.poll` is {:?}", read.poll),
            format!("set it from {SHORTEST_POLL:?} to {LONGEST_POLL:?}"),
        ));
    }
    if read.poll_timeout < SHORTEST_POLL {
        return Err(Error::configuration(
            format!("`read.poll_timeout` is {:?}", read.poll_timeout),
            format!("set it to {SHORTEST_POLL:?} or more: no server answers sooner"),
        ));
    }
    if read.max_waiting > MOST_WAITING {
        return Err(Error::configuration(
            format!("`read.max_waiting` is {}", read.max_waiting),
            format!("set it to {MOST_WAITING} or less"),
        ));
    }
    Ok(())
}

/// What [`POOLED`] says.
fn is_pooled(said: Option<&str>) -> Result<bool> {
    match said {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(other) => Err(Error::configuration(
            format!("{POOLED} is `{other}`"),
            "set it to `true` if a pooler or a balancer stands before the servers, else leave it out",
        )),
    }
}

/// A variable of the environment; empty is unset.
fn variable(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::configuration(
            format!("{name} is not valid UTF-8"),
            "percent-encode what is not ASCII",
        )),
    }
}

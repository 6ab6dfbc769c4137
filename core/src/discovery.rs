//! Nodes that nobody names: found by the records of a name, and followed while these change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;

use crate::builder::place::Place;
use crate::calls::Calls;
use crate::pools::connect::server::Server;
use crate::terms::endpoint::Endpoint;
use crate::terms::error::{Error, Result};

/// How often the records are looked up.
const EVERY: Duration = Duration::from_secs(30);

/// More often nobody is asked.
const SHORTEST: Duration = Duration::from_millis(1);

/// Nodes found by a name's records: each address is a node, added and removed as the records change.
///
/// It is for a headless service, whose name resolves to the addresses of its servers. What they are, primary or
/// replica, they say themselves.
///
/// ```
/// use diesel_manifold::{Discovery, Manifold};
///
/// let builder = Manifold::builder()
///     .primary("postgres://app:secret@db-rw/shop")
///     .discover(Discovery::dns("postgres://app:secret@db-replicas.default.svc/shop"));
/// ```
#[derive(Clone)]
pub struct Discovery {
    endpoint: Endpoint,
    every: Duration,
    resolver: Arc<dyn Resolve>,
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("endpoint", &self.endpoint)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// The answer of a [`Resolve`]r, when it comes.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Tells the addresses behind a name: the system's resolver, or one of your own, that asks a service registry for
/// example.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses behind `host`; `port` is what the URL says, for a resolver that does not know better.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

/// The system's resolver.
struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

impl Discovery {
    /// Every address behind the host of this URL. Each node is reached as the [`Endpoint`] says, and is called by its
    /// address.
    pub fn dns(endpoint: impl Into<Endpoint>) -> Self {
        Self {
            endpoint: endpoint.into(),
            every: EVERY,
            resolver: Arc::new(System),
        }
    }

    /// How often the records are looked up. Default: 30 s; less than 1 ms counts as that.
    #[must_use]
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Who looks them up. Default: the system's resolver.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// The nodes there are now. A lookup that fails, takes longer than `limit`, or finds nothing, tells nothing: it is
    /// no reason to let go of those that are there.
    pub(crate) async fn look(&self, limit: Duration) -> Result<Option<BTreeMap<String, Place>>> {
        let server = Server::parse(&self.endpoint.url, SETTING)?;
        let (host, port) = server.name().ok_or_else(|| {
            Error::configuration(
                format!("{SETTING} names no single host"),
                "write it as postgres://user:password@name:5432/database",
            )
        })?;
        let resolving = tokio::time::timeout(limit, self.resolver.resolve(&host, port)).await;
        let late = |_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the resolver does not answer",
            ))
        };
        let found = match resolving.unwrap_or_else(late) {
            Ok(found) if !found.is_empty() => found,
            Ok(_) => {
                tracing::warn!(%host, "the name of a discovery has no addresses, so its nodes stay as they are");
                return Ok(None);
            }
            Err(error) => {
                tracing::warn!(%host, %error, "the name of a discovery cannot be resolved, so its nodes stay as they are");
                return Ok(None);
            }
        };
        let place = |address: SocketAddr| {
            let name = address.to_string();
            let endpoint = Endpoint {
                url: at(&self.endpoint.url, address)?,
                name: None,
                ..self.endpoint.clone()
            };
            Some((name.clone(), Place::new(endpoint, name, SETTING)))
        };
        let places: Option<_> = found.into_iter().map(place).collect();
        places.map(Some).ok_or_else(|| {
            Error::configuration(
                format!("{SETTING} is no URL"),
                "write it as postgres://user:password@name:5432/database",
            )
        })
    }
}

/// The same URL, for one address behind its host. The host stays its name: that is what certificates are
/// made out to.
fn at(url: &str, address: SocketAddr) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (format!("{user}@"), host),
        None => (String::new(), authority),
    };
    let bare = match host.rfind(':') {
        // The colons of an address in brackets are its own.
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    };
    let (ip, port) = (address.ip(), address.port());
    let joint = if tail.contains('?') { '&' } else { '?' };
    Some(format!(
        "{scheme}://{user}{bare}:{port}{tail}{joint}hostaddr={ip}"
    ))
}

/// Where the URL was configured, for an error.
pub(crate) const SETTING: &str = "the URL of the discovery";

/// Follows the records, until the manifold goes: `known` are the nodes that were found so far.
pub(crate) async fn follow(calls: Weak<Calls>, discovery: Discovery, mut known: BTreeSet<String>) {
    loop {
        // The tick bounds how long this task keeps a dropped manifold alive: not at all.
        let _ =
            tokio::time::timeout(discovery.every.max(SHORTEST), std::future::pending::<()>()).await;
        let open = || calls.upgrade().filter(|calls| !calls.is_closing());
        let Some(limit) = open().map(|calls| calls.pools.connect_timeout()) else {
            return;
        };
        // Meanwhile nothing is held: a resolver that hangs keeps no manifold alive.
        let looked = discovery.look(limit).await;
        let Some(calls) = open() else { return };
        match looked {
            Ok(Some(found)) => adjust(&calls, found, &mut known).await,
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a discovery cannot go on"),
        }
    }
}

async fn adjust(calls: &Arc<Calls>, found: BTreeMap<String, Place>, known: &mut BTreeSet<String>) {
    let gone: Vec<String> = known
        .iter()
        .filter(|name| !found.contains_key(*name))
        .cloned()
        .collect();
    // Side by side: one that does not answer, or whose calls take long, keeps the others waiting for nothing. One that
    // another discovery has found is its.
    let new = found
        .into_iter()
        .filter(|(name, _)| !known.contains(name) && !calls.pools.is_called(name));
    let joining = new.map(|(name, place)| async move {
        let joined = match place.plan() {
            Ok(plan) => calls.pools.join(&plan).await,
            Err(error) => Err(error),
        };
        match joined {
            Ok(_) => {
                tracing::info!(node = %name, "a node was found and added");
                Some(name)
            }
            Err(error) => {
                tracing::warn!(node = %name, %error, "a node was found that cannot be added");
                None
            }
        }
    });
    let leaving = gone.into_iter().map(|name| async move {
        match calls.pools.leave(&name).await {
            Ok(()) => {
                tracing::info!(node = %name, "a node is not found any more and was removed");
                Some(name)
            }
            Err(error) if calls.pools.is_called(&name) => {
                tracing::warn!(node = %name, %error, "a node is not found any more, and stays");
                None
            }
            // Somebody had removed it by hand.
            Err(_) => Some(name),
        }
    });
    let (joined, left) = tokio::join!(join_all(joining), join_all(leaving));
    known.extend(joined.into_iter().flatten());
    for name in left.into_iter().flatten() {
        known.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_keeps_the_name_of_its_host() {
        let table = [
            (
                "postgres://app:se%40cret@db.svc/shop",
                "10.0.0.7:5433",
                "postgres://app:se%40cret@db.svc:5433/shop?hostaddr=10.0.0.7",
            ),
            (
                "postgres://db.svc:5432?sslmode=require",
                "[fd00::7]:5432",
                "postgres://db.svc:5432?sslmode=require&hostaddr=fd00::7",
            ),
            (
                "postgresql://app@[::1]:6000/shop",
                "[::1]:6000",
                "postgresql://app@[::1]:6000/shop?hostaddr=::1",
            ),
        ];
        for (url, address, then) in table {
            let found = at(url, address.parse().unwrap()).unwrap();
            assert_eq!(found, then);
            let server = Server::parse(&found, SETTING);
            assert!(server.is_ok(), "{found}: {:?}", server.err());
        }
        assert_eq!(at("host=db.svc", "10.0.0.7:5432".parse().unwrap()), None);
    }
}

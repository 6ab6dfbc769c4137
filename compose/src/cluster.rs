//! From nothing to a running cluster, on one page; and what concerns all of its servers.

mod containers;
mod replication;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crate::binaries::{self, Postgres};
use crate::configuration::{APPLICATION, DATABASE};
use crate::error::{Error, Kind, Result};
use crate::node::{Node, Upstream, replica_name};
use crate::ports::Port;
use crate::redis::Redis;
use crate::site::Site;
use crate::template::{MOST_REPLICAS, Template};
use crate::tls::Tls;

/// Another process took a port, or replaced the template; that often we begin again.
const ATTEMPTS: usize = 5;

/// A primary, its streaming replicas and Redis, alone in a directory of their own. Dropping it stops and removes them all;
/// if the owning process is killed, a watchdog does.
#[derive(Debug)]
pub struct Cluster {
    primary: Node,
    replicas: Vec<Node>,
    redis: Option<Redis>,
    // Last, because its directory can only be removed when no server is in it. Shared with what stands before the nodes.
    site: Arc<Site>,
}

/// What a cluster consists of; from [`Cluster::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct Builder {
    replicas: usize,
    redis: bool,
    database: String,
    tls: Option<Tls>,
}

impl Builder {
    /// How many streaming replicas, at most 8. The default is 2.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Whether there is a Redis. The default is yes.
    pub fn redis(mut self, redis: bool) -> Self {
        self.redis = redis;
        self
    }

    /// The database that [`Node::url`] leads to. The default is `app`.
    pub fn database(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }

    /// TLS, for PostgreSQL and Redis. The default is none.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Starts it, and returns when all servers accept connections and all replicas stream.
    ///
    /// # Errors
    ///
    /// [`Error::is_missing_binary`] if PostgreSQL or Redis is not installed, [`Error::is_not_started`] with the end of a log.
    pub fn start(self) -> Result<Cluster> {
        require_database_name(&self.database)?;
        if self.replicas > MOST_REPLICAS {
            let (given, rule) = (self.replicas.to_string(), "there are slots for 8");
            return Err(Kind::Invalid {
                what: "number of replicas",
                given,
                rule,
            }
            .into());
        }
        let postgres = Postgres::find()?;
        let redis_server = if self.redis {
            Some(binaries::redis_server()?)
        } else {
            None
        };
        persistently(|| self.try_start(postgres.clone(), redis_server.clone()))
    }

    fn try_start(&self, postgres: Postgres, redis_server: Option<PathBuf>) -> Result<Cluster> {
        let site = Site::open(postgres, redis_server, self.tls.as_ref())?;
        let template = Template::obtain(&site)?;
        let primary = Node::new(&site, "primary", &self.database, Upstream::Nobody)?;
        let upstream = Upstream::Following(primary.port());
        let replicas = (1..=self.replicas)
            .map(|index| Node::new(&site, &replica_name(index), &self.database, upstream));
        let replicas = replicas.collect::<Result<Vec<_>>>()?;
        let redis = site
            .redis_server
            .as_deref()
            .map(|program| Redis::new(&site, program))
            .transpose()?;

        let cluster = Cluster {
            primary,
            replicas,
            redis,
            site: Arc::new(site),
        };
        cluster.start_all(&template)?;
        cluster.wait_streaming()?;
        if self.database != DATABASE {
            cluster.create_database(&self.database)?;
        }
        Ok(cluster)
    }
}

impl Cluster {
    /// A primary, two replicas and Redis.
    ///
    /// # Errors
    ///
    /// See [`Builder::start`].
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// A cluster of another shape.
    pub fn builder() -> Builder {
        Builder {
            replicas: 2,
            redis: true,
            database: DATABASE.to_owned(),
            tls: None,
        }
    }

    /// The node that began as the primary, whatever its role is now: roles move, by [`Node::promote`] and [`Node::rejoin`],
    /// and the names of the nodes stay. [`Cluster::current_primary`] goes by the roles.
    pub fn primary(&self) -> &Node {
        &self.primary
    }

    /// One of the nodes that began as replicas, counted from 0. Like [`Cluster::primary`], by its name and not by its role.
    ///
    /// # Panics
    ///
    /// If there are not that many.
    pub fn replica(&self, index: usize) -> &Node {
        &self.replicas[index]
    }

    /// The nodes that began as replicas.
    pub fn replicas(&self) -> &[Node] {
        &self.replicas
    }

    /// The primary, then the replicas.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }

    /// Redis, unless the cluster was built without.
    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    /// Where its data, configuration and logs are while it lives.
    pub fn directory(&self) -> &Path {
        self.site.directory()
    }

    /// What stands before the nodes shares its directory, and may outlive it.
    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Runs statements on one of the nodes; the same as [`Node::run_sql`].
    ///
    /// # Errors
    ///
    /// See [`Node::run_sql`].
    pub fn run_sql(&self, node: &Node, database: &str, sql: &str) -> Result<String> {
        node.run_sql(database, sql)
    }

    /// Creates an empty database that `app` owns, on the [current primary](Cluster::current_primary), and waits until the
    /// replicas have it. So many tests can share a cluster;
    /// [`Node::url_for`] leads there.
    ///
    /// # Errors
    ///
    /// For a name that is not made of lower-case letters, digits and underscores, or that exists.
    pub fn create_database(&self, name: &str) -> Result<()> {
        require_database_name(name)?;
        self.current_primary()?.run_sql(
            "postgres",
            &format!("create database {name} owner {APPLICATION}"),
        )?;
        self.wait_replayed()
    }

    /// Fills the data directories and starts the servers, all at the same time.
    fn start_all(&self, template: &Template) -> Result<()> {
        thread::scope(|scope| {
            let nodes = self.nodes().map(|node| {
                scope.spawn(|| {
                    template.copy_to(node, &self.site)?;
                    node.adopt_data(self.replicas.len())?;
                    node.start()
                })
            });
            let mut starting: Vec<_> = nodes.collect();
            starting.extend(
                self.redis
                    .as_ref()
                    .map(|redis| scope.spawn(|| redis.start())),
            );
            let ended = starting.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            // All of them, so that nothing is still starting when the cluster is dropped because of one.
            ended.fold(Ok(()), Result::and)
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All at once; the fields are then dropped one after the other.
        self.nodes().for_each(Node::begin_farewell);
        self.redis.iter().for_each(Redis::begin_farewell);
    }
}

/// Begins again if another process came in between.
fn persistently<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = 1;
    loop {
        match start() {
            Err(error) if error.is_worth_another_try() && attempt < ATTEMPTS => attempt += 1,
            other => return other,
        }
    }
}

/// Starts a server on a port that is free, on another one if somebody was quicker.
pub(crate) fn with_free_port<T>(mut start: impl FnMut(Port) -> Result<T>) -> Result<T> {
    persistently(|| start(Port::free()?))
}

/// Names stand unquoted in statements and URLs.
fn require_database_name(name: &str) -> Result<()> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let valid = name.len() <= 63
        && name.bytes().all(word)
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit());
    if valid {
        return Ok(());
    }
    let rule =
        "it must be 1 to 63 lower-case letters, digits and underscores, and not begin with a digit";
    Err(Error::from(Kind::Invalid {
        what: "name of a database",
        given: name.to_owned(),
        rule,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_need_no_quotes_are_taken() {
        for (name, valid) in [
            ("app", true),
            ("_x9", true),
            ("", false),
            ("9x", false),
            ("App", false),
            ("a;drop", false),
        ] {
            assert_eq!(require_database_name(name).is_ok(), valid, "{name}");
        }
        assert!(require_database_name(&"a".repeat(64)).is_err());
    }
}

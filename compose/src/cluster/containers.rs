//! The cluster that `compose.yaml` runs in containers, for the tests that break nothing.

use crate::binaries::Postgres;
use crate::configuration::DATABASE;
use crate::error::{Kind, Result};
use crate::node::{Node, Upstream};
use crate::redis::Redis;
use crate::site::Site;

use super::Cluster;

/// The variables of `compose.yaml`, and its defaults.
const PRIMARY: (&str, u16) = ("PRIMARY_PORT", 5432);
const REPLICAS: [(&str, &str, u16); 2] = [
    ("replica-1", "REPLICA_1_PORT", 5433),
    ("replica-2", "REPLICA_2_PORT", 5434),
];
const REDIS: (&str, u16) = ("REDIS_PORT", 6379);

impl Cluster {
    /// The cluster that `compose.yaml` started, with its own passwords, on 127.0.0.1 and the ports that its variables name.
    ///
    /// Dropping it stops nothing. Faults of a process are refused ([`crate::Error::is_wrong_state`]); those that PostgreSQL
    /// itself brings about, such as [`Node::pause_replay`], concern everybody who uses it.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_missing_binary`] without PostgreSQL's programs (psql asks the nodes), [`crate::Error::is_sql`] if a
    /// node does not answer, [`crate::Error::is_timed_out`] if the replicas do not stream.
    pub fn in_containers() -> Result<Self> {
        let site = Site::open(Postgres::find()?, None, None)?;
        let port = port(PRIMARY.0, PRIMARY.1)?;
        let primary = Node::elsewhere(&site, "primary", DATABASE, port, Upstream::Nobody);
        let upstream = Upstream::Following(primary.port());
        let replicas = REPLICAS.into_iter().map(|(name, variable, usual)| {
            let port = self::port(variable, usual)?;
            Ok(Node::elsewhere(&site, name, DATABASE, port, upstream))
        });
        let cluster = Self {
            replicas: replicas.collect::<Result<_>>()?,
            redis: Some(Redis::elsewhere(&site, self::port(REDIS.0, REDIS.1)?)),
            primary,
            site,
        };
        cluster.wait_streaming()?;
        Ok(cluster)
    }
}

fn port(variable: &'static str, usual: u16) -> Result<u16> {
    match std::env::var(variable) {
        Ok(said) if !said.is_empty() => said.parse().map_err(|_| {
            let (what, rule) = (variable, "it must be a port's number");
            Kind::Invalid {
                what,
                given: said.clone(),
                rule,
            }
            .into()
        }),
        _ => Ok(usual),
    }
}

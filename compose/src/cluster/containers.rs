//! The cluster that `compose.yaml` runs in containers, for the tests that break nothing.

use std::sync::Arc;

use crate::binaries::Postgres;
use crate::configuration::DATABASE;
use crate::error::{Kind, Result};
use crate::node::{Node, Upstream};
use crate::redis::Redis;
use crate::site::Site;

use super::Cluster;

/// A variable of `compose.yaml`, and its default there.
type Variable = (&'static str, u16);

const PRIMARY: Variable = ("PRIMARY_PORT", 5432);
const REPLICAS: [(&str, Variable); 2] = [
    ("replica-1", ("REPLICA_1_PORT", 5433)),
    ("replica-2", ("REPLICA_2_PORT", 5434)),
];
const REDIS: Variable = ("REDIS_PORT", 6379);

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
        let elsewhere = |name, variable, upstream| {
            let port = port(variable)?;
            Ok(Node::elsewhere(&site, name, DATABASE, port, upstream))
        };
        let primary = elsewhere("primary", PRIMARY, Upstream::Nobody)?;
        let upstream = Upstream::Following(primary.port());
        let replicas = REPLICAS
            .into_iter()
            .map(|(name, variable)| elsewhere(name, variable, upstream));
        let cluster = Self {
            replicas: replicas.collect::<Result<_>>()?,
            redis: Some(Redis::elsewhere(&site, port(REDIS)?)),
            primary,
            site: Arc::new(site),
        };
        cluster.wait_streaming()?;
        Ok(cluster)
    }
}

fn port((variable, usual): Variable) -> Result<u16> {
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

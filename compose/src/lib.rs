//! A real PostgreSQL cluster from local binaries: a primary, its streaming replicas and Redis, for tests and the demo.
//!
//! ```no_run
//! let cluster = manifold_compose::Cluster::start()?;
//! println!("{} {}", cluster.primary().url(), cluster.replica(0).url());
//!
//! cluster.replica(0).pause_replay()?; // from here on it answers with what it knew
//! cluster.primary().kill()?; // a crash, as by the kernel
//! cluster.replica(0).promote()?; // takes writes, on a new timeline
//! cluster.primary().rejoin(cluster.replica(0))?; // on the same port, as a standby of the other
//! # Ok::<(), manifold_compose::Error>(())
//! ```
//!
//! # Words
//!
//! * **cluster**: the servers of one [`Cluster`], alone in a directory of their own. Dropping it stops and removes everything.
//! * **node**: one PostgreSQL server, a [`Node`]; the **primary** and the **replicas** are named for how they began,
//!   and keep their names when their roles move.
//! * **fault**: a method that does to a server what production does to it one day: `kill`, `freeze`, `pause_replay`, …
//! * **PgBouncer**, **HAProxy**: servers that stand **before** nodes; connections to them are led to a node.
//! * **template**: a data directory made once per machine; clusters are copies of it, which takes milliseconds.
//! * **watchdog**: a small shell process that cleans up when the owner of the cluster could not.
//! * **account**: the user that the servers run as; another than root, whom PostgreSQL refuses.
//!
//! # Where things are
//!
//! `cluster` is the journey from nothing to a running cluster. Below it: `template`, `node`, `redis`, `pgbouncer`, `haproxy`
//! (what runs), `server` (one process and its fate), `watchdog`, and the terms `binaries`, `account`, `base`, `configuration`,
//! `tls`, `ports`, `files`, `error`.
//!
//! Everything blocks and nothing needs a runtime. From async code, start the cluster before the runtime or in
//! `spawn_blocking`; a fault takes milliseconds.

#![warn(missing_docs)]

#[cfg(not(unix))]
compile_error!(
    "manifold-compose stops, freezes and kills servers by Unix signals; it needs Linux or macOS"
);

mod account;
mod base;
mod binaries;
mod cluster;
mod configuration;
mod error;
mod files;
mod haproxy;
mod node;
mod pgbouncer;
mod ports;
mod processes;
mod psql;
mod redis;
mod server;
mod site;
mod template;
mod tls;
mod wait;
mod watchdog;

pub use crate::cluster::{Builder, Cluster};
pub use crate::error::{Error, Result};
pub use crate::haproxy::{HaProxy, HaProxyBuilder};
pub use crate::node::Node;
pub use crate::pgbouncer::{PgBouncer, PgBouncerBuilder, PoolMode};
pub use crate::redis::Redis;
pub use crate::tls::Tls;

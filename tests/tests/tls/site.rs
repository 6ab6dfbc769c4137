//! Servers that speak TLS, and ways to ask them.
//!
//! The host of a URL is the name that is verified; `hostaddr` says where it is, whatever the name.

use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use diesel_manifold::{Builder, Error, Manifold, Result};
use manifold_compose::{Cluster, Node, Tls};
use manifold_tests::world::settings;
use manifold_tests::{log, shop};

use crate::certificates::{Authority, Pair};

/// What a server's certificate is for, unless a test says otherwise.
pub const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Servers that show a certificate of this authority.
pub struct Site {
    pub cluster: Cluster,
    pub authority: Authority,
}

impl Site {
    /// A primary and Redis with a certificate for [`NAMES`].
    pub fn start(tls: impl FnOnce(Tls, &Authority) -> Tls) -> Self {
        let authority = Authority::new();
        let pair = authority.server(&NAMES);
        Self::showing(authority, &pair, 0, tls)
    }

    /// Servers with that certificate.
    pub fn showing(
        authority: Authority,
        pair: &Pair,
        replicas: usize,
        tls: impl FnOnce(Tls, &Authority) -> Tls,
    ) -> Self {
        log::listen();
        let tls = tls(Tls::new(&pair.certificate, &pair.key), &authority);
        let cluster = Cluster::builder().tls(tls).replicas(replicas).start();
        let cluster = cluster.expect("a cluster");
        let primary = cluster.primary();
        primary.run_sql("app", shop::SQL).expect("tables");
        cluster.wait_replayed().expect("the replicas replay");
        Self { cluster, authority }
    }

    pub fn url(&self, parameters: &str) -> String {
        url_at(self.cluster.primary().port(), "localhost", parameters)
    }

    pub fn redis(&self, parameters: &str) -> String {
        format!("{}?{parameters}", self.cluster.redis().unwrap().url())
    }

    /// The primary, and Redis by a URL with these parameters.
    pub fn with_redis(&self, parameters: &str) -> Builder {
        let primary = Manifold::builder().primary(self.url("sslmode=require"));
        primary.settings(settings()).redis(self.redis(parameters))
    }

    pub fn sql(&self, node: &Node, sql: &str) -> String {
        node.run_sql("app", sql).expect(sql)
    }
}

pub fn offered(tls: Tls, _: &Authority) -> Tls {
    tls
}

pub fn demanded(tls: Tls, _: &Authority) -> Tls {
    tls.demanded()
}

pub fn with_clients(tls: Tls, authority: &Authority) -> Tls {
    tls.clients(authority.root())
}

pub fn url_at(port: u16, host: &str, parameters: &str) -> String {
    format!("postgres://app:app@{host}:{port}/app?hostaddr=127.0.0.1&{parameters}")
}

/// Whether a connection to `url` is encrypted, as the server sees it.
pub async fn encrypted(url: &str) -> Result<bool> {
    let mut conn = diesel_manifold::connect(url).await?;
    let mine = sql::<Bool>("(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())");
    Ok(diesel::select(mine).get_result(&mut conn).await?)
}

pub async fn refusal(url: &str) -> Error {
    match encrypted(url).await {
        Ok(encrypted) => panic!("{url} was taken, encrypted: {encrypted}"),
        Err(error) => error,
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Way {
    Encrypted,
    Plain,
    /// By the configuration's fault, with this in its text.
    Refused(&'static str),
}

pub use Way::{Encrypted, Plain, Refused};

pub async fn assert_way(url: &str, way: Way) {
    match (encrypted(url).await, way) {
        (Ok(true), Encrypted) | (Ok(false), Plain) => {}
        (Err(error), Refused(text)) => {
            assert!(error.is_configuration(), "{url}: {error}");
            assert!(error.to_string().contains(text), "{url}: {error}");
        }
        (found, expected) => panic!("{url}: {found:?}, not {expected:?}"),
    }
}

//! Servers that speak TLS.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Output;

use manifold_compose::{Cluster, Node, Tls};

use crate::support::{Temporary, ask, connect, installed, sql, streaming};

/// A root, a server's certificate for `127.0.0.1`, and a client's for `app`, in one directory.
struct Papers(Temporary);

impl Papers {
    fn new(name: &str) -> Self {
        let papers = Self(Temporary::new(name));
        let mut root = rcgen::CertificateParams::default();
        root.distinguished_name
            .push(rcgen::DnType::CommonName, "a root for tests");
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(papers.path("root"), root.self_signed(&key).unwrap().pem()).unwrap();
        let root = rcgen::Issuer::new(root, key);
        let server = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let mut client = rcgen::CertificateParams::default();
        client
            .distinguished_name
            .push(rcgen::DnType::CommonName, "app");
        for (name, params) in [("server", server), ("client", client)] {
            let key = rcgen::KeyPair::generate().unwrap();
            let signed = params.signed_by(&key, &root).unwrap();
            fs::write(papers.path(name), signed.pem()).unwrap();
            let file = papers.path(&format!("{name}.key"));
            fs::write(&file, key.serialize_pem()).unwrap();
            // libpq takes no key that others may read.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }

    fn tls(&self) -> Tls {
        Tls::new(self.path("server"), self.path("server.key"))
    }

    /// Logs in as the application, with these parameters.
    fn log_in(&self, node: &Node, parameters: &str) -> Output {
        let root = self.path("root");
        let url = format!("{}?sslrootcert={}&{parameters}", node.url(), root.display());
        connect(
            node,
            &url,
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
        )
    }
}

#[track_caller]
fn assert_said(output: &Output, said: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout) + errors;
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_cluster_with_tls_speaks_it_when_asked() {
    let papers = Papers::new("tls-offered");
    let cluster = Cluster::builder().tls(papers.tls()).start().unwrap();
    for node in cluster.nodes() {
        assert_said(&papers.log_in(node, "sslmode=verify-full"), "t");
        assert_said(&papers.log_in(node, "sslmode=disable"), "f");
    }
    // Replication, too, and the faults go on.
    let senders = "select bool_and(ssl) from pg_stat_ssl join pg_stat_replication using (pid)";
    assert_eq!(sql(cluster.primary(), senders), "t");
    cluster.replica(0).cut_walreceiver().unwrap();
    cluster.replica(0).restore_walreceiver().unwrap();
    cluster.wait_replayed().unwrap();
    cluster.primary().kill().unwrap();
    cluster.primary().start().unwrap();
    cluster.wait_replayed().unwrap();
    assert_eq!(streaming(cluster.primary()), "2");

    let redis = cluster.redis().unwrap();
    let url = format!("rediss://127.0.0.1:{}", redis.port());
    assert_eq!(redis.url(), url);
    redis.flush().unwrap();
    redis.kill().unwrap();
    redis.start().unwrap();
}

#[test]
fn where_tls_is_demanded_nobody_logs_in_without() {
    let papers = Papers::new("tls-demanded");
    let cluster = Cluster::builder()
        .tls(papers.tls().demanded())
        .replicas(1)
        .redis(false)
        .start()
        .unwrap();
    for node in cluster.nodes() {
        assert_said(&papers.log_in(node, "sslmode=verify-full"), "t");
        assert_said(&papers.log_in(node, "sslmode=disable"), "no encryption");
    }
    assert_eq!(streaming(cluster.primary()), "1");
    for name in ["server.crt", "server.key"] {
        let found = fs::metadata(cluster.directory().join(name)).unwrap();
        let directory = fs::metadata(cluster.directory()).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
        assert_eq!(found.uid(), directory.uid(), "{name}");
    }
}

#[test]
fn where_clients_show_certificates_theirs_must_name_the_role() {
    let papers = Papers::new("tls-clients");
    let cluster = Cluster::builder()
        .tls(papers.tls().clients(papers.path("root")))
        .replicas(1)
        .start()
        .unwrap();
    let (client, key) = (papers.path("client"), papers.path("client.key"));
    let shown = format!("sslcert={}&sslkey={}", client.display(), key.display());
    for node in cluster.nodes() {
        assert_said(&papers.log_in(node, &shown), "t");
        assert_said(
            &papers.log_in(node, "sslmode=require"),
            "requires a valid client certificate",
        );
    }
    // Replication and the superuser are exempt.
    assert_eq!(streaming(cluster.primary()), "1");
    let admin = format!("{}?sslmode=require", cluster.primary().admin_url());
    assert_said(&connect(cluster.primary(), &admin, "select 'in'"), "in");
}

#[test]
fn a_pem_file_that_is_not_there_is_said() {
    let tls = Tls::new("/nowhere/server.pem", "/nowhere/server.key");
    let error = Cluster::builder().tls(tls).start().unwrap_err();
    assert!(error.to_string().contains("/nowhere/server.pem"), "{error}");
}

#[test]
fn pgbouncer_speaks_tls_to_nodes_that_demand_it() {
    let papers = Papers::new("tls-pgbouncer");
    let builder = Cluster::builder().replicas(0).redis(false);
    let cluster = builder.tls(papers.tls().demanded()).start().unwrap();
    let primary = cluster.primary();
    for builder in [
        cluster.pgbouncer(primary).before(1, 21),
        cluster.pgbouncer(primary).at_least(1, 21),
    ] {
        let Some(pgbouncer) = installed(builder.start()) else {
            continue;
        };
        let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        assert_eq!(ask(primary, &pgbouncer.url(), encrypted), "t");
    }
}

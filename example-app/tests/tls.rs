//! The example and its commands on servers that take nobody without TLS, not even without a certificate.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]
#![expect(dead_code, reason = "the helpers' other users need more of them")]

#[path = "support/app.rs"]
mod app;
#[path = "../../tests/tests/tls/certificates.rs"]
mod certificates;
#[path = "support/program.rs"]
mod program;

use app::{App, Starting, TOKEN_KEY};
use certificates::Authority;
use manifold_compose::{Cluster, Node, Tls};
use program::run;

type Environment = Vec<(String, String)>;

fn start(authority: &Authority) -> Cluster {
    let pair = authority.server(&["localhost"]);
    let tls = Tls::new(&pair.certificate, &pair.key).clients(authority.root());
    Cluster::builder().tls(tls).start().unwrap()
}

/// What leads there: each server by its name, with these parameters.
fn environment(cluster: &Cluster, parameters: &str) -> Environment {
    let postgres = |node: &Node| {
        let url = node.url().replace("127.0.0.1", "localhost");
        format!("{url}?sslmode=verify-full&{parameters}")
    };
    let replicas: Vec<_> = cluster.replicas().iter().map(postgres).collect();
    let redis = cluster.redis().unwrap().url();
    let redis = redis.replace("127.0.0.1", "localhost");
    let variables = [
        ("DATABASE_PRIMARY_URL", postgres(cluster.primary())),
        ("DATABASE_REPLICA_URLS", replicas.join(",")),
        ("REDIS_URL", format!("{redis}?{parameters}")),
        ("MANIFOLD_TOKEN_KEY", TOKEN_KEY.to_owned()),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
}

#[test]
fn everything_works_over_tls_with_client_certificates() {
    let authority = Authority::new();
    let cluster = start(&authority);
    let own = authority.client("app").parameters();
    let environment = environment(&cluster, &format!("{}&{own}", authority.parameter()));
    let app = App::start_on(&environment);
    assert!(
        app.get("/api/album/5")
            .route
            .unwrap()
            .starts_with("replica-")
    );
    assert_eq!(app.get("/api/album/5").route.unwrap(), "l1");
    let renamed = app.ask("PATCH", "/api/album/5", Some(r#"{"title": "Encrypted"}"#));
    assert_eq!(renamed.route.unwrap(), "primary");
    for command in [
        &["verify"][..],
        &["lag", "--count", "1"],
        &["cache", "ls"],
        &["load", "--for", "1s", "--readers", "5", "--writers", "1"],
    ] {
        let ended = run(command, &environment);
        assert!(
            ended.status.success(),
            "{command:?}: {} {}",
            ended.stdout,
            ended.stderr
        );
    }
}

#[test]
fn a_wrong_root_a_wrong_name_and_a_missing_certificate_are_told_apart() {
    let authority = Authority::new();
    let cluster = start(&authority);
    let own = authority.client("app").parameters();
    let root = authority.parameter();
    let stranger = Authority::new();
    let by_name = environment(&cluster, &format!("{root}&{own}"));
    let by_address = by_name.iter().map(|(name, value)| {
        let value = value.replace("localhost", "127.0.0.1");
        (name.clone(), value)
    });
    for (environment, said) in [
        (
            environment(&cluster, &format!("{}&{own}", stranger.parameter())),
            "unknown root",
        ),
        (
            by_address.collect(),
            "wrong name: the certificate is for localhost, not for 127.0.0.1",
        ),
        (environment(&cluster, &root), "client certificate"),
    ] {
        let (status, log) = Starting::new(&environment).failed();
        assert!(!status.success());
        assert!(log.contains(said), "{said}: {log}");
    }
}

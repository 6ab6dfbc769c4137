//! libpq's `sslmode`.

use manifold_compose::Cluster;
use manifold_tests::World;

use crate::certificates::Authority;
use crate::site::{Encrypted, Plain, Refused, Site, assert_way, demanded, offered, url_at};

#[tokio::test]
async fn each_sslmode_does_what_libpq_documents() {
    let takes = Site::start(offered);
    let demands = Site::start(demanded);
    let lacks = Cluster::builder().replicas(0).redis(false).start().unwrap();
    let stranger = Authority::new();

    let (none, unknown) = (Refused("it speaks no TLS"), Refused("unknown root"));
    let wrong =
        Refused("wrong name: the certificate is for localhost or 127.0.0.1, not for db.example");
    // Where the server takes both, where it takes TLS alone, and where it has none. `=ROOT` is the
    // root of the first two servers, `=OTHER` a stranger.
    let table = [
        ("localhost", "", Encrypted, Encrypted, Plain),
        (
            "localhost",
            "sslmode=disable",
            Plain,
            Refused("no encryption"),
            Plain,
        ),
        ("localhost", "sslmode=allow", Plain, Encrypted, Plain),
        ("localhost", "sslmode=prefer", Encrypted, Encrypted, Plain),
        ("localhost", "sslmode=require", Encrypted, Encrypted, none),
        ("db.example", "sslmode=require", Encrypted, Encrypted, none),
        (
            "localhost",
            "sslmode=require&sslrootcert=ROOT",
            Encrypted,
            Encrypted,
            none,
        ),
        (
            "db.example",
            "sslmode=require&sslrootcert=ROOT",
            Encrypted,
            Encrypted,
            none,
        ),
        (
            "localhost",
            "sslmode=require&sslrootcert=OTHER",
            unknown,
            unknown,
            none,
        ),
        (
            "localhost",
            "sslmode=prefer&sslrootcert=OTHER",
            Plain,
            unknown,
            Plain,
        ),
        (
            "localhost",
            "sslmode=verify-ca&sslrootcert=ROOT",
            Encrypted,
            Encrypted,
            none,
        ),
        (
            "db.example",
            "sslmode=verify-ca&sslrootcert=ROOT",
            Encrypted,
            Encrypted,
            none,
        ),
        (
            "localhost",
            "sslmode=verify-ca&sslrootcert=OTHER",
            unknown,
            unknown,
            none,
        ),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=ROOT",
            Encrypted,
            Encrypted,
            none,
        ),
        (
            "127.0.0.1",
            "sslmode=verify-full&sslrootcert=ROOT",
            Encrypted,
            Encrypted,
            none,
        ),
        (
            "db.example",
            "sslmode=verify-full&sslrootcert=ROOT",
            wrong,
            wrong,
            none,
        ),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=OTHER",
            unknown,
            unknown,
            none,
        ),
    ];
    for (host, parameters, by_both, by_tls_alone, by_none) in table {
        for (site, way) in [(&takes, by_both), (&demands, by_tls_alone)] {
            let root = site.authority.root().display().to_string();
            let other = stranger.root().display().to_string();
            let parameters = parameters.replace("=ROOT", &format!("={root}"));
            let parameters = parameters.replace("=OTHER", &format!("={other}"));
            let port = site.cluster.primary().port();
            assert_way(&url_at(port, host, &parameters), way).await;
        }
        let root = stranger.root().display().to_string();
        let parameters = parameters.replace("=ROOT", &format!("={root}"));
        let parameters = parameters.replace("=OTHER", &format!("={root}"));
        assert_way(&url_at(lacks.primary().port(), host, &parameters), by_none).await;
    }
}

#[tokio::test]
async fn prefer_goes_on_without_where_the_server_has_tls_but_wants_none() {
    let site = Site::start(offered);
    let primary = site.cluster.primary();
    let lines = "local all all trust\nhostnossl all all all scram-sha-256\n";
    std::fs::write(site.cluster.directory().join("pg_hba.conf"), lines).unwrap();
    primary.stop().unwrap();
    primary.start().unwrap();
    for (sslmode, way) in [
        ("disable", Plain),
        ("allow", Plain),
        ("prefer", Plain),
        ("require", Refused("SSL encryption")),
    ] {
        assert_way(&site.url(&format!("sslmode={sslmode}")), way).await;
    }
}

#[tokio::test]
async fn libpqs_other_form_says_the_same() {
    let site = Site::start(offered);
    let (port, root) = (
        site.cluster.primary().port(),
        site.authority.root().display(),
    );
    let pairs = |host: &str, mode: &str| {
        format!(
            "host={host} hostaddr=127.0.0.1 port={port} user=app password=app dbname=app \
             sslmode = {mode} sslrootcert='{root}'"
        )
    };
    assert_way(&pairs("localhost", "verify-full"), Encrypted).await;
    assert_way(&pairs("db.example", "verify-full"), Refused("wrong name")).await;
    assert_way(&pairs("localhost", "disable"), Plain).await;
}

#[tokio::test]
async fn a_unix_socket_is_never_encrypted_whatever_sslmode_says() {
    let site = Site::start(demanded);
    let directory = site.cluster.directory().display().to_string();
    let (host, port) = (directory.replace('/', "%2F"), site.cluster.primary().port());
    let url = format!("postgres://app:app@{host}:{port}/app?sslmode=verify-full");
    assert_way(&url, Plain).await;
}

#[tokio::test]
async fn a_path_beside_an_address_is_no_unix_socket() {
    let world = World::new();
    let port = world.primary().port();
    for sslmode in ["require", "verify-full"] {
        let pairs = format!(
            "host=/tmp hostaddr=127.0.0.1 port={port} user=app password=app dbname=app sslmode={sslmode}"
        );
        assert_way(&pairs, Refused("it speaks no TLS")).await;
    }
}

#[tokio::test]
async fn a_password_with_an_at_sign_is_not_shown_as_a_host() {
    let error = diesel_manifold::connect("postgres://app:pa@s3cret@db/app").await;
    let said = error.err().expect("no such host").to_string();
    assert!(said.contains("percent-encode"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn tls_1_2_is_verified_as_well() {
    let site = Site::start(offered);
    let primary = site.cluster.primary();
    site.sql(
        primary,
        "ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'",
    );
    primary.stop().unwrap();
    primary.start().unwrap();
    let root = site.authority.parameter();
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_way(&site.url(&format!("sslmode={mode}&{root}")), Encrypted).await;
    }
    let url = url_at(
        primary.port(),
        "db.example",
        &format!("sslmode=verify-full&{root}"),
    );
    assert_way(&url, Refused("wrong name")).await;
}

//! What a started cluster is.

use manifold_compose::Cluster;

use crate::owner::Owner;
use crate::support::{Temporary, connect, sql, streaming};

fn assert_shareable<T: Send + Sync>() {}

#[test]
fn a_cluster_streams_to_each_replica_through_a_slot_of_its_own() {
    assert_shareable::<Cluster>();
    let cluster = Cluster::start().unwrap();
    let primary = cluster.primary();
    assert_eq!(streaming(primary), "2");
    let slots = "select slot_name, active from pg_replication_slots order by 1";
    assert_eq!(sql(primary, slots), "replica_1|t\nreplica_2|t");
    let senders = "select application_name, usename from pg_stat_replication order by 1";
    assert_eq!(
        sql(primary, senders),
        "replica-1|replicator\nreplica-2|replicator"
    );
    for replica in cluster.replicas() {
        assert_eq!(
            sql(
                replica,
                "select pg_is_in_recovery(), current_setting('hot_standby_feedback')"
            ),
            "t|on"
        );
    }
    assert!(cluster.redis().unwrap().is_running());
}

#[test]
fn everybody_shows_a_password_and_a_wrong_one_is_refused() {
    let cluster = Cluster::builder().replicas(1).redis(false).start().unwrap();
    for node in cluster.nodes() {
        for url in [node.url(), node.admin_url()] {
            let accepted = connect(node, &url, "select 1");
            assert!(
                accepted.status.success(),
                "{url}: {}",
                String::from_utf8_lossy(&accepted.stderr)
            );
            let refused = connect(node, &url.replace("@127", "x@127"), "select 1");
            assert!(
                String::from_utf8_lossy(&refused.stderr).contains("password authentication failed"),
                "{url}"
            );
        }
    }
    let primary = cluster.primary();
    let stored =
        "select bool_and(rolpassword like 'SCRAM-SHA-256$%') from pg_authid where rolcanlogin";
    assert_eq!(sql(primary, stored), "t");
    let methods = "select distinct auth_method from pg_hba_file_rules where type = 'host'";
    assert_eq!(sql(primary, methods), "scram-sha-256");
}

#[test]
fn the_application_is_no_superuser_and_may_do_its_work() {
    let cluster = Cluster::builder().replicas(0).redis(false).start().unwrap();
    let node = cluster.primary();
    let work = "create table mine (id int); insert into mine values (1); \
                select rolsuper, pg_has_role('pg_monitor', 'member') from pg_roles where rolname = current_user";
    let output = connect(node, &node.url(), work);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "f|t",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let refused = connect(node, &node.url(), "create role another");
    assert!(!refused.status.success());
}

#[test]
fn a_created_database_is_empty_and_at_once_on_every_replica() {
    let cluster = Cluster::builder()
        .database("music")
        .redis(false)
        .start()
        .unwrap();
    assert!(cluster.primary().url().ends_with("/music"));
    for name in ["one", "two"] {
        cluster.create_database(name).unwrap();
        let create = connect(
            cluster.primary(),
            &cluster.primary().url_for(name),
            "create table t ()",
        );
        assert!(
            create.status.success(),
            "{}",
            String::from_utf8_lossy(&create.stderr)
        );
        cluster.wait_replayed().unwrap();
        for replica in cluster.replicas() {
            let count = cluster
                .run_sql(replica, name, "select count(*) from t")
                .unwrap();
            assert_eq!(count, "0");
        }
    }
    let error = cluster.create_database("one").unwrap_err();
    assert!(
        error.is_sql() && error.to_string().contains("already exists"),
        "{error}"
    );
    assert!(cluster.create_database("No Name").is_err());
}

#[test]
fn two_clusters_of_one_process_do_not_meet() {
    let start = || Cluster::builder().replicas(1).start().unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(start);
        (start(), other.join().unwrap())
    });
    sql(first.primary(), "create table only_here ()");
    first.wait_replayed().unwrap();
    second.wait_replayed().unwrap();
    let here = "select count(*) from pg_tables where tablename = 'only_here'";
    assert_eq!(sql(first.replica(0), here), "1");
    assert_eq!(sql(second.replica(0), here), "0");
    drop(first);
    assert_eq!(streaming(second.primary()), "1");
}

#[test]
fn where_a_directory_is_too_deep_for_sockets_it_works_over_tcp() {
    let temporary = Temporary::new(&"deep".repeat(30));
    let mut owner = Owner::spawn("drop", &[("TMPDIR", temporary.0.to_str().unwrap())]);
    assert!(owner.directory().starts_with(&temporary.0));
    assert!(owner.process.wait().unwrap().success());
}

#[test]
fn a_missing_binary_is_said_with_the_package_that_brings_it() {
    let empty = Temporary::new("empty");
    for (variable, package) in [
        ("MANIFOLD_PG_BIN", "apt-get install postgresql"),
        ("MANIFOLD_REDIS_SERVER", "apt-get install redis-server"),
    ] {
        let said = Owner::spawn("drop", &[(variable, empty.0.to_str().unwrap())]).says();
        assert!(
            said.starts_with("missing=true") && said.contains(package),
            "{said}"
        );
    }
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let cluster = Cluster::builder().replicas(0).redis(false).start().unwrap();
    let node = cluster.primary();
    node.stop().unwrap();
    std::fs::remove_file(cluster.directory().join("primary/PG_VERSION")).unwrap();
    let error = node.start().unwrap_err();
    assert!(error.is_not_started(), "{error}");
    assert!(
        error.to_string().contains("is not a valid data directory"),
        "{error}"
    );
}

//! One fault each: it is found, nothing else is blamed, and its fix mends it.

use manifold_compose::Cluster;

use crate::app::{App, environment, eventually};
use crate::report::{Report, prepared, with};

/// What of a replica is not decided while it does not answer.
const OF_A_REPLICA: [&str; 7] = [
    "is a replica",
    "has the primary's data",
    "has a slot",
    "streams",
    "replays",
    "has the tables",
    "answers reads",
];

/// What fails of a replica that does not stream, once the primary has written more.
const NOT_STREAMING: [&str; 3] = ["has a slot", "streams", "replays"];

fn write(cluster: &Cluster) {
    let sql = "create table written ()";
    cluster.primary().run_sql("app", sql).unwrap();
}

#[test]
fn a_stopped_replica() {
    let (cluster, environment) = prepared();
    cluster.replica(0).stop().unwrap();
    let report = Report::of(&environment);
    assert_eq!(report.failures(), ["replica-1 answers"]);
    let start = report.fix("replica-1 answers");
    assert!(start.contains("compose/cluster start replica-1"), "{start}");
    let address = format!("127.0.0.1:{}", cluster.replica(0).port());
    assert!(report.detail("replica-1 answers").starts_with(&address));
    // Its other checks say so, and those of the other servers pass.
    let undecided = OF_A_REPLICA.map(|check| format!("replica-1 {check}"));
    assert_eq!(report.complaints()[1..], undecided);
    for check in undecided {
        assert_eq!(report.detail(&check), "replica-1 does not answer");
    }
    cluster.replica(0).start().unwrap();
    Report::eventually_passes(&environment);
}

#[test]
fn a_replica_that_hangs() {
    let (cluster, environment) = prepared();
    cluster.replica(1).freeze().unwrap();
    let report = Report::of(&environment);
    cluster.replica(1).thaw().unwrap();
    assert_eq!(report.failures(), ["replica-2 answers"]);
    let detail = report.detail("replica-2 answers");
    assert!(detail.ends_with("no answer within 1s"), "{detail}");
}

#[test]
fn a_missing_slot() {
    let (cluster, environment) = prepared();
    let (primary, replica) = (cluster.primary(), cluster.replica(0));
    replica.cut_walreceiver().unwrap();
    // Only a slot that nobody uses can be dropped, and the primary has yet to see that nobody does.
    let drop = "select pg_drop_replication_slot('replica_1')";
    eventually("the slot is dropped", || primary.run_sql("app", drop).ok());
    replica.restore_walreceiver().unwrap();
    write(&cluster);
    let report = Report::of(&environment);
    let [slot, streams, replays] = NOT_STREAMING.map(|check| format!("replica-1 {check}"));
    assert_eq!(report.failures(), [&*slot, &*streams, &*replays]);
    assert_eq!(report.detail(&slot), "the primary has no slot `replica_1`");
    for check in [slot, streams, replays] {
        let fix = report.fix(&check);
        assert!(fix.contains(&format!("-p {} ", primary.port())), "{fix}");
    }
    let create = report.statements("replica-1 streams");
    primary.run_sql("postgres", &create).unwrap();
    Report::eventually_passes(&environment);
}

#[test]
fn a_replica_that_was_not_told_its_primary() {
    let (cluster, environment) = prepared();
    cluster.replica(1).cut_walreceiver().unwrap();
    write(&cluster);
    let failures = NOT_STREAMING.map(|check| format!("replica-2 {check}"));
    let report = eventually("the primary sees that nobody uses the slot", || {
        let report = Report::of(&environment);
        (report.failures() == failures).then_some(report)
    });
    let tell = report.statements("replica-2 streams");
    let tell = tell.replace("<its password>", "replicator");
    cluster.replica(1).run_sql("postgres", &tell).unwrap();
    Report::eventually_passes(&environment);
}

#[test]
fn redis_down() {
    let (cluster, environment) = prepared();
    let redis = cluster.redis().unwrap();
    redis.kill().unwrap();
    let report = Report::of(&environment);
    assert_eq!(
        report.complaints(),
        ["redis answers", "redis shares what is cached"]
    );
    assert_eq!(report.failures(), ["redis answers"]);
    let start = format!("redis-server --port {}", redis.port());
    assert!(report.fix("redis answers").contains(&start));
    redis.start().unwrap();
    Report::eventually_passes(&environment);
}

#[test]
fn a_replica_whose_url_leads_to_another_database() {
    let (cluster, environment) = prepared();
    cluster.create_database("other").unwrap();
    let [first, second] = [
        cluster.replica(0).url(),
        cluster.replica(1).url_for("other"),
    ];
    let urls = format!("{first},{second}");
    let report = Report::of(&with(&environment, "DATABASE_REPLICA_URLS", &urls));
    assert_eq!(report.failures(), ["replica-2 has the tables"]);
    let (tables, reads) = ("replica-2 has the tables", "replica-2 answers reads");
    assert_eq!(report.complaints(), [tables, reads]);
    let fix = report.fix(tables);
    assert!(
        fix.ends_with("in DATABASE_REPLICA_URLS end with /app"),
        "{fix}"
    );
}

#[test]
fn a_replica_that_was_paused_before_the_tables_came() {
    let cluster = Cluster::start().unwrap();
    cluster.replica(1).pause_replay().unwrap();
    let environment = environment(&cluster);
    // An instance that knows of no replica waits for none.
    drop(App::start_on(&with(
        &environment,
        "DATABASE_REPLICA_URLS",
        "",
    )));
    let report = eventually("replica-1 has replayed them", || {
        let report = Report::of(&environment);
        let failures = report.failures();
        let expected = ["replica-2 replays", "replica-2 has the tables"];
        (failures == expected).then_some(report)
    });
    assert_eq!(report.detail("replica-2 replays"), "replay is paused");
    let reads = report.detail("replica-2 answers reads");
    assert!(reads.contains("replica-2 does not have"), "{reads}");
    let resume = report.statements("replica-2 has the tables");
    assert_eq!(resume, report.statements("replica-2 replays"));
    cluster.replica(1).run_sql("postgres", &resume).unwrap();
    Report::eventually_passes(&environment);
}

#[test]
fn a_primary_that_is_gone() {
    let (cluster, environment) = prepared();
    cluster.primary().kill().unwrap();
    let report = Report::of(&environment);
    let failures = report.failures();
    assert_eq!(failures, ["primary answers"]);
    let silent = "the primary does not answer";
    assert_eq!(report.detail("replica-1 streams"), silent);
    assert_eq!(report.detail("redis shares what is cached"), silent);
    // What can be known without it is said.
    assert!(
        !report
            .complaints()
            .contains(&"replica-1 has the tables".to_owned())
    );
}

#[test]
fn a_primarys_url_that_leads_to_a_replica() {
    let (cluster, environment) = prepared();
    let environment = with(
        &environment,
        "DATABASE_PRIMARY_URL",
        &cluster.replica(0).url(),
    );
    let report = Report::of(&with(
        &environment,
        "DATABASE_REPLICA_URLS",
        &cluster.primary().url(),
    ));
    let failures = report.failures();
    assert_eq!(failures, ["primary is a primary", "replica-1 is a replica"]);
    for check in failures {
        let fix = report.fix(&check);
        assert!(fix.contains("DATABASE_PRIMARY_URL"), "{fix}");
        assert!(!fix.contains("pg_basebackup"), "{fix}");
    }
}

#[test]
fn a_replicas_url_that_leads_to_the_primary() {
    let (cluster, environment) = prepared();
    let primary = cluster.primary().url();
    // In other words than the primary's own.
    let url = primary.replace("127.0.0.1", "localhost");
    assert_ne!(url, primary);
    let urls = format!("{url},{}", cluster.replica(1).url());
    let report = Report::of(&with(&environment, "DATABASE_REPLICA_URLS", &urls));
    assert_eq!(report.failures(), ["replica-1 is a replica"]);
    let fix = report.fix("replica-1 is a replica");
    assert_eq!(fix, "correct its URL in DATABASE_REPLICA_URLS");
}

#[test]
fn a_promoted_replica_is_never_to_be_built_again() {
    let (cluster, environment) = prepared();
    cluster.replica(0).promote().unwrap();
    let check = "replica-1 is a replica";
    let report = Report::of(&environment);
    assert_eq!(report.failures(), [check]);
    let port = cluster.replica(0).port();
    let lead = format!("let DATABASE_PRIMARY_URL lead to it, 127.0.0.1:{port}");
    assert_eq!(report.fix(check), format!("it was promoted: {lead}"));
    // Now it is the only one that works.
    cluster.primary().freeze().unwrap();
    let report = Report::of(&environment);
    cluster.primary().thaw().unwrap();
    assert_eq!(report.failures(), ["primary answers", check]);
    assert_eq!(report.fix(check), format!("if it was promoted, {lead}"));
}

#[test]
fn a_role_that_sees_too_little() {
    let (cluster, environment) = prepared();
    let primary = cluster.primary();
    let role = "create role plain login password 'plain'";
    primary.run_sql("app", role).unwrap();
    cluster.wait_replayed().unwrap();
    let urls = environment[1].1.replace("app:app@", "plain:plain@");
    let environment = with(&environment, "DATABASE_REPLICA_URLS", &urls);
    let report = Report::of(&environment);
    let checks = ["streams", "has the tables"];
    let expected =
        ["replica-1", "replica-2"].map(|name| checks.map(|check| format!("{name} {check}")));
    assert_eq!(report.failures(), expected.concat());
    for check in checks {
        let grant = report.statements(&format!("replica-1 {check}"));
        primary.run_sql("app", &grant).unwrap();
    }
    cluster.wait_replayed().unwrap();
    Report::eventually_passes(&environment);
}

#[test]
fn a_replica_that_follows_a_promoted_one_and_not_the_configured_primary() {
    let (cluster, environment) = prepared();
    cluster.replica(0).promote().unwrap();
    cluster.replica(1).follow(cluster.replica(0)).unwrap();
    let update = "update album set title = 'of the new primary' where id = 1";
    cluster.replica(0).run_sql("app", update).unwrap();
    let urls = cluster.replica(1).url();
    let environment = with(&environment, "DATABASE_REPLICA_URLS", &urls);
    let check = "replica-1 has the primary's data";
    let report = eventually("it streams on the new timeline", || {
        let report = Report::of(&environment);
        (report.failures() == [check]).then_some(report)
    });
    let detail = report.detail(check);
    assert_eq!(detail, "it is on timeline 2, the primary on 1");
    let fix = report.fix(check);
    assert!(fix.contains("let DATABASE_PRIMARY_URL lead to"), "{fix}");
    // Nothing is read from it, and nothing of it is compared with the primary.
    let undecided = ["has a slot", "streams", "replays", "answers reads"];
    let undecided = undecided.map(|check| format!("replica-1 {check}"));
    assert_eq!(report.complaints()[1..], undecided);
    let environment = with(
        &environment,
        "DATABASE_PRIMARY_URL",
        &cluster.replica(0).url(),
    );
    Report::eventually_passes(&environment);
}

#[test]
fn a_replica_of_a_copy_that_has_gone_on() {
    let (one, environment) = prepared();
    let (other, _) = prepared();
    let system = "select system_identifier from pg_control_system()";
    let [own, its] = [&one, &other].map(|cluster| cluster.primary().run_sql("app", system));
    assert_eq!(own.unwrap(), its.unwrap(), "else it is another cluster");
    let fill = "create table fill as select generate_series(1, 10000) as number";
    other.primary().run_sql("app", fill).unwrap();
    other.wait_replayed().unwrap();
    let urls = other.replica(0).url();
    let report = Report::of(&with(&environment, "DATABASE_REPLICA_URLS", &urls));
    let check = "replica-1 has the primary's data";
    assert_eq!(report.failures(), [check]);
    let detail = report.detail(check);
    assert!(detail.ends_with("it has another history"), "{detail}");
}

#[test]
fn a_replica_that_is_configured_twice() {
    let (cluster, environment) = prepared();
    let url = cluster.replica(0).url();
    let other = url.replace("127.0.0.1", "localhost");
    assert_ne!(other, url);
    for second in [&url, &other] {
        let urls = format!("{url},{second}");
        let report = Report::of(&with(&environment, "DATABASE_REPLICA_URLS", &urls));
        let check = "replica-2 is a replica";
        assert_eq!(report.complaints(), [check]);
        assert_eq!(report.detail(check), "it is the same server as replica-1");
    }
}

//! Without faults, without servers, and what it leaves.

use manifold_compose::Cluster;

use crate::app::environment;
use crate::program::run;
use crate::report::{Report, prepared, with};

#[test]
fn servers_as_the_example_leaves_them_pass() {
    let (_cluster, environment) = prepared();
    let report = Report::of(&environment);
    assert_eq!(report.complaints(), Vec::<String>::new());
    for replica in ["replica-1", "replica-2"] {
        let reads = report.detail(&format!("{replica} answers reads"));
        assert_eq!(reads, "4 of 8 reads");
    }
    let shared = report.detail("redis shares what is cached");
    assert!(shared.starts_with("album 1 came from replica-"), "{shared}");
    // What the first run has left in Redis is no fault.
    Report::eventually_passes(&environment);
}

#[test]
fn as_text_it_has_a_line_for_each_check_and_says_what_to_do() {
    let (cluster, environment) = prepared();
    let ended = run(&["verify"], &environment);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(
        ended
            .stdout
            .ends_with("21 checks: 21 pass, 0 fail, 0 not checked\n")
    );
    cluster.redis().unwrap().kill().unwrap();
    let ended = run(&["verify"], &environment);
    assert!(!ended.status.success());
    assert!(ended.stdout.contains("fix: start it:"), "{}", ended.stdout);
    assert!(ended.stderr.contains("2 of 21 checks did not pass"));
}

#[test]
fn it_creates_nothing_and_says_who_does() {
    let cluster = Cluster::start().unwrap();
    let report = Report::of(&environment(&cluster));
    assert_eq!(report.failures(), ["primary has the tables"]);
    assert!(report.fix("primary has the tables").contains("cargo run"));
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(cluster.primary().run_sql("app", tables).unwrap(), "0");
}

#[test]
fn without_servers_it_says_how_to_get_some() {
    let ended = run(&["verify"], &[]);
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("no servers are configured"));
    assert!(ended.stderr.contains("`make demo`"), "{}", ended.stderr);
}

#[test]
fn without_replicas_and_redis_it_says_what_to_export() {
    let (_cluster, environment) = prepared();
    let environment = with(&environment, "DATABASE_REPLICA_URLS", "");
    let report = Report::of(&with(&environment, "REDIS_URL", ""));
    assert_eq!(report.failures(), ["replicas are there", "redis answers"]);
    assert!(
        report
            .fix("replicas are there")
            .contains("DATABASE_REPLICA_URLS")
    );
    assert!(report.fix("redis answers").contains("REDIS_URL"));
}

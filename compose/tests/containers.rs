//! The cluster of `compose.yaml`, on a real engine: `make test-compose` starts it and runs these, one after the other,
//! because most of them break something that all of them use. Elsewhere each says that it is skipped.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use manifold_compose::{Cluster, Node};

/// For everything that takes seconds, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(120);

/// The cluster that was started for us, if one was.
fn cluster() -> Option<Cluster> {
    if env::var_os("MANIFOLD_TEST_EXTERNAL").is_some_and(|said| said == "1") {
        return Some(Cluster::in_containers().unwrap());
    }
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not by `eprintln!`, of which the test harness shows nothing.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {test}, which needs the cluster of `make test-compose`"
    );
    None
}

/// A command of `compose/cluster`.
fn compose(arguments: &[&str]) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cluster"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What it says, if it succeeds.
#[track_caller]
fn run(arguments: &[&str]) -> String {
    let output = compose(arguments).output().unwrap();
    let (said, log) = texts(&output);
    assert!(output.status.success(), "{arguments:?}: {log}");
    said
}

/// What it says, if it fails.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = compose(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    texts(&output).1
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// One statement in a service's database, by the psql in its container: for services that are no node of the cluster.
#[track_caller]
fn sql_in(service: &str, sql: &str) -> String {
    run(&[
        "exec", "-T", service, "psql", "-U", "postgres", "-d", "app", "-qtAc", sql,
    ])
}

#[track_caller]
fn sql(node: &Node, sql: &str) -> String {
    node.run_sql("app", sql).unwrap()
}

#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "waits for a condition in another process, whose time cannot be stepped"
)]
fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !so() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn streams(replica: &Node) -> bool {
    let sql = "select status from pg_stat_wal_receiver";
    replica
        .run_sql("app", sql)
        .is_ok_and(|status| status == "streaming")
}

#[track_caller]
fn streams_again(cluster: &Cluster, replica: &Node) {
    eventually("it streams again", || streams(replica));
    cluster.wait_replayed().unwrap();
}

/// Removes a replica with its data, and starts it anew.
#[track_caller]
fn lose_and_bring_back(cluster: &Cluster, replica: &Node) {
    run(&["rm", "--stop", "--force", replica.name()]);
    let project = env::var("COMPOSE_PROJECT_NAME").unwrap();
    let volume = format!("{project}_{}", replica.name());
    let removed = Command::new("docker")
        .args(["volume", "rm", &volume])
        .output();
    assert!(removed.unwrap().status.success());
    run(&["up"]);
    streams_again(cluster, replica);
}

/// Takes a base backup. Its time is the next whole second, and what is restored must be later.
#[track_caller]
fn back_up(primary: &Node) {
    run(&["backup"]);
    let now = || sql(primary, "select date_trunc('second', clock_timestamp())");
    let ended = now();
    eventually("a second has passed", || now() > ended);
}

#[test]
fn each_replica_streams_through_a_slot_of_its_own() {
    let Some(cluster) = cluster() else { return };
    let primary = cluster.primary();
    let senders = "select application_name, usename, state from pg_stat_replication order by 1";
    assert_eq!(
        sql(primary, senders),
        "replica-1|replicator|streaming\nreplica-2|replicator|streaming"
    );
    let slots = "select slot_name, active, wal_status from pg_replication_slots order by 1";
    assert_eq!(
        sql(primary, slots),
        "replica_1|t|reserved\nreplica_2|t|reserved"
    );
    for node in cluster.nodes() {
        assert_eq!(sql(node, "show cluster_name"), node.name());
    }
}

#[test]
fn the_nodes_are_configured_by_the_files_of_the_native_cluster() {
    let Some(cluster) = cluster() else { return };
    let shared = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/postgres/postgresql.conf"
    ));
    let shared = shared.unwrap();
    let settings = shared.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<_> = settings
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert!(names.contains(&"wal_level"), "{names:?}");
    for node in cluster.nodes() {
        for name in &names {
            let source = format!("select sourcefile from pg_settings where lower(name) = '{name}'");
            let source = node.run_sql("postgres", &source).unwrap();
            assert!(source.ends_with("/postgresql.conf"), "{name}: {source}");
        }
        let methods = "select distinct auth_method from pg_hba_file_rules where type = 'host'";
        assert_eq!(sql(node, methods), "scram-sha-256");
        let order = "select datcollate from pg_database where datname = 'app'";
        assert_eq!(sql(node, order), "C", "the native cluster's sort order");
        let errors = "select count(*) from pg_file_settings where error is not null";
        assert_eq!(sql(node, errors), "0");
    }
}

#[test]
fn a_replica_whose_wal_is_gone_from_the_primary_recovers_from_the_archive() {
    let Some(cluster) = cluster() else { return };
    let (primary, replica) = (cluster.primary(), cluster.replica(1));
    run(&["stop", "replica-2"]);
    sql(primary, "create table fell_behind (i int)");
    for setting in ["max_slot_wal_keep_size = '1MB'", "wal_keep_size = 0"] {
        sql(primary, &format!("alter system set {setting}"));
    }
    sql(primary, "select pg_reload_conf()");
    let status = "select wal_status from pg_replication_slots where slot_name = 'replica_2'";
    eventually("the slot's WAL is gone", || {
        sql(primary, "insert into fell_behind values (1)");
        sql(primary, "select pg_switch_wal()");
        sql(primary, "checkpoint");
        sql(primary, status) == "lost"
    });
    for setting in ["max_slot_wal_keep_size", "wal_keep_size"] {
        sql(primary, &format!("alter system reset {setting}"));
    }
    sql(primary, "select pg_reload_conf()");
    run(&["start", "replica-2"]);
    streams_again(&cluster, replica);
    let count = "select count(*) from fell_behind";
    assert_eq!(sql(replica, count), sql(primary, count));
    assert_eq!(sql(primary, status), "reserved");
    let log = run(&["logs", "replica-2"]);
    assert!(log.contains("restored log file"), "{log}");
}

#[test]
fn a_replica_that_lost_its_data_takes_a_new_base_backup() {
    let Some(cluster) = cluster() else { return };
    lose_and_bring_back(&cluster, cluster.replica(0));
}

#[test]
fn a_point_in_time_is_restored_beside_the_primary() {
    let Some(cluster) = cluster() else { return };
    let primary = cluster.primary();
    sql(primary, "create table restored (what text)");
    sql(primary, "insert into restored values ('before the backup')");
    back_up(primary);
    sql(primary, "insert into restored values ('after it')");
    let then = sql(primary, "select clock_timestamp()");
    sql(primary, "delete from restored");
    run(&["restore", &then]);
    // What a failed restore leaves alone.
    let said = refused(&["restore", "2001-01-01 00:00:00+00"]);
    assert!(
        said.contains("no base backup is as old as 2001-01-01"),
        "{said}"
    );
    for (time, complaint) in [
        ("yesterday or so", "RESTORE_TO is no time"),
        ("2999-01-01 00:00:00+00", "is in the future"),
        ("", "when?"),
    ] {
        let said = refused(&["restore", time]);
        assert!(said.contains(complaint), "{time}: {said}");
    }
    let rows = sql_in("restored", "select what from restored order by 1");
    assert_eq!(rows, "after it\nbefore the backup");
    sql_in(
        "restored",
        "insert into restored values ('it takes writes')",
    );
    assert_eq!(sql_in("restored", "show archive_mode"), "off");
    // The primary went on, undisturbed.
    assert_eq!(sql(primary, "select count(*) from restored"), "0");

    // A time that does not come from `date` alone cannot say more than a time.
    let evil = format!("{then} ('\narchive_mode = on\nmy.x = ')");
    run(&["restore", &evil]);
    assert_eq!(sql_in("restored", "show archive_mode"), "off");
    assert_eq!(sql_in("restored", "select count(*) from restored"), "2");
}

#[test]
fn the_last_commit_of_an_idle_primary_is_restored_even_when_the_primary_is_lost() {
    let Some(cluster) = cluster() else { return };
    let primary = cluster.primary();
    back_up(primary);
    sql(primary, "create table last_one (i int)");
    sql(primary, "insert into last_one values (1)");
    let then = sql(primary, "select clock_timestamp()");
    run(&["restore", &then]);
    assert_eq!(sql_in("restored", "select count(*) from last_one"), "1");
    run(&["stop", "primary"]);
    run(&["restore", "latest"]);
    let rows = sql_in("restored", "select count(*) from last_one");
    run(&["rm", "--stop", "--force", "restored"]);
    run(&["up"]);
    assert_eq!(rows, "1");
    for replica in cluster.replicas() {
        streams_again(&cluster, replica);
    }
}

#[test]
fn a_promoted_replica_does_not_lead_the_other_away_from_its_primary() {
    let Some(cluster) = cluster() else { return };
    let promoted = "select pg_promote()";
    assert_eq!(sql(cluster.replica(1), promoted), "t");
    sql(cluster.replica(1), "select pg_switch_wal()");
    let history = [
        "exec",
        "-T",
        "primary",
        "test",
        "-e",
        "/archive/wal/00000002.history",
    ];
    eventually("the archive has the new timeline", || {
        compose(&history).output().unwrap().status.success()
    });
    run(&["restart", "replica-1"]);
    streams_again(&cluster, cluster.replica(0));

    // Back to what it was.
    lose_and_bring_back(&cluster, cluster.replica(1));
}

#[test]
fn a_segment_in_the_archive_is_never_replaced_by_another() {
    let Some(_cluster) = cluster() else { return };
    let archive = |content: &str| {
        let script = format!(
            "printf '{content}' >/tmp/segment && /etc/manifold/docker/archive /tmp/segment testing"
        );
        let arguments = [
            "exec", "-T", "--user", "postgres", "primary", "sh", "-c", &script,
        ];
        compose(&arguments).output().unwrap()
    };
    assert!(archive("one").status.success());
    assert!(
        archive("one").status.success(),
        "the same again is no failure"
    );
    let other = archive("two");
    assert!(!other.status.success());
    let said = texts(&other).1;
    assert!(said.contains("is another segment"), "{said}");
    let kept = run(&["exec", "-T", "primary", "cat", "/archive/wal/testing"]);
    assert_eq!(kept, "one");
    run(&["exec", "-T", "primary", "rm", "/archive/wal/testing"]);
}

#[test]
fn with_the_profile_sync_a_write_waits_until_every_replica_has_applied_it() {
    let Some(cluster) = cluster() else { return };
    let (primary, replica) = (cluster.primary(), cluster.replica(0));
    sql(primary, "create table synchronous (i int)");
    run(&["up", "sync"]);
    let states = "select string_agg(sync_state, ',') from pg_stat_replication";
    eventually("both are synchronous", || {
        sql(primary, states) == "sync,sync"
    });
    replica.pause_replay().unwrap();
    let insert = "insert into synchronous values (1)";
    let mut write = compose(&[
        "exec", "-T", "primary", "psql", "-U", "postgres", "-d", "app", "-qc", insert,
    ])
    .spawn()
    .unwrap();
    let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    eventually("the write waits", || sql(primary, waiting) == "1");
    // Both have it on their disks, and that is not enough.
    let flushed =
        "select count(*) from pg_stat_replication where flush_lsn >= pg_current_wal_flush_lsn()";
    eventually("both have received it", || sql(primary, flushed) == "2");
    assert_eq!(sql(primary, waiting), "1");
    replica.resume_replay().unwrap();
    assert!(write.wait().unwrap().success());
    assert_eq!(sql(replica, "select count(*) from synchronous"), "1");

    run(&["rm", "--stop", "--force", "synchronous"]);
    eventually("replication is asynchronous again", || {
        sql(primary, states) == "async,async"
    });
}

#[test]
fn pgbouncer_leads_to_each_node_by_its_name() {
    let Some(cluster) = cluster() else { return };
    for node in cluster.nodes() {
        let url = format!("postgres://app:app@pgbouncer:6432/{}", node.name());
        let name = run(&[
            "exec",
            "-T",
            "primary",
            "psql",
            "-tAc",
            "show cluster_name",
            &url,
        ]);
        assert_eq!(name, node.name());
    }
}

#[test]
fn the_passwords_of_the_environment_are_those_that_hold() {
    let Some(_cluster) = cluster() else { return };
    let with = |arguments: &[&str]| {
        let mut command = compose(arguments);
        command
            .env("COMPOSE_PROJECT_NAME", "manifold-test-passwords")
            .envs([("PRIMARY_PORT", "25442"), ("REPLICA_1_PORT", "25443")])
            .envs([("REPLICA_2_PORT", "25444"), ("REDIS_PORT", "26389")])
            .envs([("POSTGRES_PASSWORD", "root's"), ("APP_PASSWORD", "app's")])
            .envs([
                ("REPLICATOR_PASSWORD", "its"),
                ("REDIS_PASSWORD", "Redis's"),
            ]);
        command.output().unwrap()
    };
    let started = with(&["up"]);
    let log = texts(&started).1;
    let asked = |url: &str| {
        texts(&with(&[
            "exec", "-T", "primary", "psql", "-tAc", "select 1", url,
        ]))
        .0
    };
    let app = ["app%27s", "app"].map(|word| asked(&format!("postgres://app:{word}@primary/app")));
    let root = ["root%27s", "postgres"]
        .map(|word| asked(&format!("postgres://postgres:{word}@replica-1/app")));
    let redis = ["Redis's", ""].map(|word| {
        texts(&with(&[
            "exec",
            "-T",
            "redis",
            "redis-cli",
            "--no-auth-warning",
            "-a",
            word,
            "ping",
        ]))
        .0
    });
    // Whatever was found: nothing of it stays.
    with(&["down", "--volumes"]);
    assert!(started.status.success(), "{log}");
    assert_eq!(app, ["1", ""]);
    assert_eq!(root, ["1", ""]);
    assert_eq!(redis[0], "PONG");
    assert!(redis[1].starts_with("NOAUTH"), "{}", redis[1]);
}

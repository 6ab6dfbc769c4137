//! What is shown of a replica that follows, and of one that does not.

use manifold_compose::{Cluster, Node};
use serde_json::Value;

use crate::app::environment;
use crate::program::Program;

const OFTEN: [&str; 4] = ["lag", "--json", "--interval", "100ms"];

fn cluster() -> Cluster {
    Cluster::builder().redis(false).start().unwrap()
}

fn watch(cluster: &Cluster) -> Program {
    Program::start(&OFTEN, &environment(cluster))
}

fn write(cluster: &Cluster) {
    let sql = "create table if not exists written (); insert into written default values";
    cluster.primary().run_sql("app", sql).unwrap();
}

/// The node of this name, `primary` or `replica-N`.
fn node<'a>(turn: &'a Value, name: &str) -> &'a Value {
    let mut nodes = turn["nodes"].as_array().unwrap().iter();
    nodes.find(|node| node["name"] == name).unwrap()
}

fn is_current(node: &Value) -> bool {
    node["lag_bytes"] == 0 && node["lag_seconds"] == 0.0
}

/// Behind for longer than any question takes.
fn is_late(node: &Value) -> bool {
    node["lag_bytes"].as_u64().is_some_and(|bytes| bytes > 0)
        && node["lag_seconds"].as_f64().is_some_and(|lag| lag > 0.3)
}

#[test]
fn replicas_that_have_replayed_all_are_not_behind() {
    let cluster = cluster();
    write(&cluster);
    let lag = watch(&cluster);
    let turn = lag.until("both are current", |turn| {
        let replicas = ["replica-1", "replica-2"].map(|name| node(turn, name));
        replicas.into_iter().all(is_current).then(|| turn.clone())
    });
    let primary = node(&turn, "primary");
    assert_eq!(primary["role"], "primary");
    assert_eq!(primary["lag_bytes"], Value::Null);
    for name in ["replica-1", "replica-2"] {
        let replica = node(&turn, name);
        assert_eq!(replica["role"], "replica");
        assert_eq!(replica["state"], "streaming");
        assert_eq!(replica["received"], replica["replayed"]);
    }
}

#[test]
fn at_the_start_of_a_segment_they_are_not_behind_either() {
    let cluster = cluster();
    write(&cluster);
    // The position where the next record will begin is behind the header of the new segment.
    let next = "select pg_switch_wal(); \
        select pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn(), pg_current_wal_flush_lsn()";
    let answer = cluster.primary().run_sql("app", next).unwrap();
    let (header, flushed) = answer.lines().last().unwrap().split_once('|').unwrap();
    assert_eq!(header, "40");
    watch(&cluster).until("both are current, and nothing was written", |turn| {
        let replicas = ["replica-1", "replica-2"].map(|name| node(turn, name));
        let nothing = node(turn, "primary")["replayed"] == flushed;
        (nothing && replicas.into_iter().all(is_current)).then_some(())
    });
}

#[test]
fn a_paused_replica_is_shown_as_such_and_falls_behind_alone() {
    let cluster = cluster();
    cluster.replica(0).pause_replay().unwrap();
    let lag = watch(&cluster);
    write(&cluster);
    lag.until("only replica-1 is late", |turn| {
        let (first, second) = (node(turn, "replica-1"), node(turn, "replica-2"));
        let received = first["received"] != first["replayed"];
        (is_late(first) && received && first["state"] == "paused" && is_current(second))
            .then_some(())
    });
    cluster.replica(0).resume_replay().unwrap();
    lag.until("it has caught up", |turn| {
        let first = node(turn, "replica-1");
        (is_current(first) && first["state"] == "streaming").then_some(())
    });
}

#[test]
fn a_replica_that_was_cut_off_is_behind_though_it_has_replayed_all_it_received() {
    let cluster = cluster();
    cluster.replica(1).cut_walreceiver().unwrap();
    let lag = watch(&cluster);
    write(&cluster);
    lag.until("only replica-2 is late", |turn| {
        let (first, second) = (node(turn, "replica-1"), node(turn, "replica-2"));
        let all = second["received"] == second["replayed"];
        (is_current(first) && is_late(second) && all && second["state"] == "not streaming")
            .then_some(())
    });
    cluster.replica(1).restore_walreceiver().unwrap();
    lag.until("it has caught up", |turn| {
        is_current(node(turn, "replica-2")).then_some(())
    });
}

#[test]
fn a_replica_that_is_gone_is_asked_until_it_is_back() {
    let cluster = cluster();
    cluster.replica(0).kill().unwrap();
    let lag = watch(&cluster);
    lag.until("replica-1 is unreachable, replica-2 current", |turn| {
        let (first, second) = (node(turn, "replica-1"), node(turn, "replica-2"));
        let state = first["state"].as_str().unwrap();
        assert!(state.starts_with("unreachable: "), "{state}");
        assert_eq!(first["role"], Value::Null);
        is_current(second).then_some(())
    });
    cluster.replica(0).start().unwrap();
    lag.until("it is back", |turn| {
        is_current(node(turn, "replica-1")).then_some(())
    });
}

#[test]
fn a_node_that_hangs_holds_up_no_other() {
    let cluster = cluster();
    let lag = watch(&cluster);
    cluster.replica(0).freeze().unwrap();
    lag.until("replica-1 does not answer", |turn| {
        let state = &node(turn, "replica-1")["state"];
        (state == "unreachable: no answer within 1s").then_some(())
    });
    write(&cluster);
    lag.until("replica-2 follows", |turn| {
        assert_ne!(node(turn, "replica-1")["state"], "streaming");
        is_current(node(turn, "replica-2")).then_some(())
    });
    cluster.replica(0).thaw().unwrap();
}

#[test]
fn behind_a_primary_that_is_gone_nobody_knows_the_lag_until_one_is_promoted() {
    let cluster = cluster();
    let lag = watch(&cluster);
    cluster.primary().kill().unwrap();
    lag.until("nobody knows", |turn| {
        let second = node(turn, "replica-2");
        let gone = node(turn, "primary")["role"] == Value::Null;
        (gone && second["role"] == "replica" && second["lag_bytes"] == Value::Null).then_some(())
    });
    cluster.replica(0).promote().unwrap();
    cluster.replica(1).follow(cluster.replica(0)).unwrap();
    lag.until("replica-2 follows the new primary", |turn| {
        let (first, second) = (node(turn, "replica-1"), node(turn, "replica-2"));
        (first["role"] == "primary" && is_current(second)).then_some(())
    });
}

#[test]
fn a_replica_cut_off_after_it_followed_a_failover_is_behind_on_the_new_timeline() {
    let cluster = cluster();
    let lag = watch(&cluster);
    cluster.primary().kill().unwrap();
    cluster.replica(0).promote().unwrap();
    cluster.replica(1).follow(cluster.replica(0)).unwrap();
    lag.until("replica-2 follows the new primary", |turn| {
        let second = node(turn, "replica-2");
        (is_current(second) && second["state"] == "streaming").then_some(())
    });
    cluster.replica(1).cut_walreceiver().unwrap();
    let sql = "create table written ()";
    cluster.replica(0).run_sql("app", sql).unwrap();
    lag.until("replica-2 is late", |turn| {
        let second = node(turn, "replica-2");
        (is_late(second) && second["state"] == "not streaming").then_some(())
    });
    // Its last restart point was before the failover, and that is all that can be asked.
    watch(&cluster).until("it is late for who did not see it stream, too", |turn| {
        let second = node(turn, "replica-2");
        (is_late(second) && second["state"] == "not streaming, timeline unknown").then_some(())
    });
}

#[test]
fn a_replica_of_another_primary_that_was_copied_alike_is_not_current() {
    let (cluster, other) = (cluster(), cluster());
    let system = "select system_identifier from pg_control_system()";
    let system = |cluster: &Cluster| cluster.primary().run_sql("app", system).unwrap();
    assert_eq!(system(&cluster), system(&other));
    let begin = "create table written as select generate_series(1, 10000)";
    other.primary().run_sql("app", begin).unwrap();
    other.wait_replayed().unwrap();
    let replicas = [cluster.replica(0), other.replica(0)].map(Node::url);
    let variables = [
        ("DATABASE_PRIMARY_URL", cluster.primary().url()),
        ("DATABASE_REPLICA_URLS", replicas.join(", ")),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let state = "streaming, was ahead of the primary: another history";
    let is_told = |turn: &Value| {
        let (first, second) = (node(turn, "replica-1"), node(turn, "replica-2"));
        assert_eq!(second["state"], state);
        assert_eq!(second["lag_bytes"], Value::Null);
        (is_current(first) && first["state"] == "streaming").then_some(())
    };
    let lag = Program::start(&OFTEN, &variables);
    // From the first line on.
    lag.until("it is told from the primary's own", is_told);
    let more = "create table written as select generate_series(1, 50000)";
    cluster.primary().run_sql("app", more).unwrap();
    lag.until("the primary has got as far, and it is told", |turn| {
        let position = |node: &Value, name: &str| position(node[name].as_str().unwrap());
        let primary = position(node(turn, "primary"), "replayed");
        let stranger = position(node(turn, "replica-2"), "received");
        is_told(turn).filter(|()| primary > stranger)
    });
}

/// What can be compared of `0/3024088`.
fn position(lsn: &str) -> u64 {
    let (high, low) = lsn.split_once('/').unwrap();
    let parts = [high, low].map(|part| u64::from_str_radix(part, 16).unwrap());
    parts[0] << 32 | parts[1]
}

#[test]
fn a_role_that_sees_too_little_is_told_what_to_grant() {
    let cluster = cluster();
    let role = "create role plain login password 'plain'";
    cluster.primary().run_sql("app", role).unwrap();
    cluster.wait_replayed().unwrap();
    let environment = environment(&cluster).into_iter();
    let environment =
        environment.map(|(name, url)| (name, url.replace("app:app@", "plain:plain@")));
    let environment: Vec<_> = environment.collect();
    let arguments = ["lag", "--count", "3", "--interval", "1ms"];
    let ended = crate::program::run(&arguments, &environment);
    assert!(ended.status.success(), "{}", ended.stderr);
    let unseen = ended.stdout.lines().filter(|line| line.ends_with(" ?"));
    assert_eq!(unseen.count(), 6, "{}", ended.stdout);
    let said = ended.stderr.matches("GRANT pg_monitor TO plain");
    assert_eq!(said.count(), 1, "{}", ended.stderr);
}

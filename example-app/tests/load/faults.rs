//! What happens to the servers in the middle of a load, and who notices.
//!
//! A load runs until it is interrupted, so that "in the middle" is no question of time: a test waits
//! until calls were made, does its damage, and waits until more of them were made.

use manifold_compose::{Cluster, Node};
use serde_json::Value;

use crate::app::eventually;
use crate::figures::assert_sums;
use crate::running::{Ended, Load, kind};

/// Enough calls for something to have happened to one of them.
const CALLS: u64 = 20;
const READS: [&str; 2] = ["Posts::page_with_comments", "Posts::by_id"];
const LOAD: &str = "--for 10m --writers 2 --readers 10 --json";

#[test]
fn a_replica_that_stops_replaying_costs_no_call() {
    let cluster = Cluster::start().unwrap();
    let load = loaded(&cluster);
    cluster.replica(0).pause_replay().unwrap();
    wait_written(&cluster);
    wait_read(cluster.replicas());
    let ended = interrupted(load);
    ended.assert_success();
    let figures = ended.figures();
    assert_eq!(figures["failed"], 0, "{figures}");
    assert_eq!(figures["stopped"], true, "{figures}");
}

#[test]
fn a_replica_that_dies_costs_no_call_and_the_other_one_goes_on() {
    let cluster = Cluster::start().unwrap();
    let load = loaded(&cluster);
    cluster.replica(0).kill().unwrap();
    wait_written(&cluster);
    wait_read(&cluster.replicas()[1..]);
    let ended = interrupted(load);
    ended.assert_success();
    let figures = ended.figures();
    assert_eq!(figures["failed"], 0, "{figures}");
    let routes = &kind(&figures, "Posts::page_with_comments")["routes"];
    for replica in ["replica-1", "replica-2"] {
        assert!(routes[replica].as_u64().unwrap_or(0) > 0, "{figures}");
    }
}

#[test]
fn without_the_primary_writes_fail_by_kind_and_reads_go_on() {
    let cluster = Cluster::start().unwrap();
    let load = loaded(&cluster);
    cluster.primary().kill().unwrap();
    wait_read(cluster.replicas());
    let ended = interrupted(load);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let figures = ended.figures();
    assert!(figures["failed"].as_u64().unwrap() > 0, "{figures}");
    for read in READS {
        assert_eq!(kind(&figures, read)["failed"], 0, "{figures}");
    }
    let said = format!("{} of {} calls failed", figures["failed"], figures["calls"]);
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    for error in figures["errors"].as_array().unwrap() {
        let kind = error["kind"].as_str().unwrap();
        let lost = ["unreachable", "outcome unknown"].contains(&kind) || kind.starts_with("query");
        assert!(lost, "{error}");
        assert!(!error["first"].as_str().unwrap().is_empty(), "{error}");
    }
}

#[test]
fn calls_that_a_hanging_server_holds_are_counted_when_nobody_waits_for_them_any_more() {
    let cluster = Cluster::start().unwrap();
    let mut load = loaded(&cluster);
    cluster.primary().freeze().unwrap();
    wait_read(cluster.replicas());
    eventually("asked again and again it does not wait", || {
        load.interrupt();
        (!load.runs()).then_some(())
    });
    let ended = load.ended();
    cluster.primary().thaw().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let figures = ended.figures();
    assert_sums(&figures);
    // How many reads were under way at that moment, nobody knows; but both writers were held.
    let held = |error: &&Value| error["kind"] == "unfinished" && !is_read(error);
    let errors = figures["errors"].as_array().unwrap();
    let held = errors
        .iter()
        .filter(held)
        .map(|error| error["count"].as_u64().unwrap());
    assert_eq!(held.sum::<u64>(), 2, "{figures}");
}

/// A load at work, of which each replica has answered some.
fn loaded(cluster: &Cluster) -> Load {
    let mut load = Load::start(Some(cluster), LOAD);
    eventually("it writes", || {
        assert!(load.runs(), "it ended before it was interrupted");
        // The table is not there at once.
        let comments = cluster
            .primary()
            .run_sql("app", "select count(*) from comment");
        let comments: u64 = comments.ok()?.parse().unwrap();
        (comments > CALLS).then_some(())
    });
    for replica in cluster.replicas() {
        wait_read(std::slice::from_ref(replica));
    }
    load
}

/// Interrupts it, and checks that its figures agree with each other.
fn interrupted(mut load: Load) -> Ended {
    assert!(load.runs(), "it ended before it was interrupted");
    load.interrupt();
    let ended = load.ended();
    assert_sums(&ended.figures());
    ended
}

fn is_read(error: &Value) -> bool {
    READS.iter().any(|read| error["call"] == *read)
}

/// Waits until so many more rows were written.
fn wait_written(cluster: &Cluster) {
    let nodes = std::slice::from_ref(cluster.primary());
    wait_more(nodes, "more is written", "select count(*) from comment");
}

/// Waits until these nodes together have answered so many more reads.
fn wait_read(nodes: &[Node]) {
    // Each read is a transaction; the server adds them up now and then.
    let sql = "select xact_commit from pg_stat_database where datname = 'app'";
    wait_more(nodes, "more is read", sql);
}

fn wait_more(nodes: &[Node], what: &str, sql: &str) {
    let count = |node: &Node| -> u64 { node.run_sql("app", sql).unwrap().parse().unwrap() };
    let count = || nodes.iter().map(count).sum::<u64>();
    // The questions are transactions, too: there are to be more than were asked here.
    let (before, mut asked) = (count(), nodes.len() as u64);
    eventually(what, || {
        asked += nodes.len() as u64;
        (count() >= before + asked + CALLS).then_some(())
    });
}

//! What happens to the servers in the middle of a load, and who notices.
//!
//! A load runs until it is interrupted, so that "in the middle" is no question of time: a test waits
//! until calls were made, does its damage, and waits until more of them were made.

use manifold_compose::{Cluster, Node};

use crate::app::eventually;
use crate::figures::assert_sums;
use crate::running::{Ended, Load, kind};

/// Enough calls to have met every connection.
const CALLS: u64 = 50;
const LOAD: &str = "--for 10m --writers 2 --readers 10 --json";

#[test]
fn a_replica_that_stops_replaying_costs_no_call() {
    let cluster = Cluster::start().unwrap();
    let load = loaded(&cluster);
    cluster.replica(0).pause_replay().unwrap();
    wait_written(&cluster);
    wait_read(cluster.replica(0));
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
    wait_read(cluster.replica(1));
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
    cluster.replicas().iter().for_each(wait_read);
    let ended = interrupted(load);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let figures = ended.figures();
    assert!(figures["failed"].as_u64().unwrap() > 0, "{figures}");
    for read in ["Posts::page_with_comments", "Posts::by_id"] {
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
    cluster.replicas().iter().for_each(wait_read);
    eventually("asked again and again it does not wait", || {
        load.interrupt();
        (!load.runs()).then_some(())
    });
    let ended = load.ended();
    cluster.primary().thaw().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let figures = ended.figures();
    assert_sums(&figures);
    let errors = figures["errors"].as_array().unwrap();
    let unfinished = errors.iter().filter(|error| error["kind"] == "unfinished");
    let unfinished = unfinished.map(|error| error["count"].as_u64().unwrap());
    assert_eq!(unfinished.sum::<u64>(), 2, "one for each writer: {figures}");
}

/// A load at work.
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
    cluster.replicas().iter().for_each(wait_read);
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

/// Waits until so many more rows were written.
fn wait_written(cluster: &Cluster) {
    wait_more(
        cluster.primary(),
        "more is written",
        "select count(*) from comment",
    );
}

/// Waits until this node has answered so many more reads.
fn wait_read(node: &Node) {
    // Each read is a transaction; the server adds them up now and then.
    let sql = "select xact_commit from pg_stat_database where datname = 'app'";
    wait_more(node, "more is read", sql);
}

fn wait_more(node: &Node, what: &str, sql: &str) {
    let count = || -> u64 { node.run_sql("app", sql).unwrap().parse().unwrap() };
    // The questions count themselves, so there are more to come than there may be questions.
    let (before, mut asked) = (count(), 0);
    eventually(what, || {
        asked += 1;
        (count() > before + asked + CALLS).then_some(())
    });
}

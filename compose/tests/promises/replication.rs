//! Faults of replication: pause, cut, promotion and the way back from it.

use crate::support::{cluster_with_table, eventually, segment_exists, segment_of, sql, streaming};

const COUNT: &str = "select count(*) from t";

#[test]
fn a_paused_replica_receives_and_shows_nothing_new_until_resumed() {
    let cluster = cluster_with_table(2);
    let (paused, other) = (cluster.replica(0), cluster.replica(1));
    paused.pause_replay().unwrap();
    let written = sql(
        cluster.primary(),
        "insert into t values (1); select pg_current_wal_flush_lsn()",
    );
    let received = format!("select pg_last_wal_receive_lsn() >= '{written}'");
    eventually("the paused replica receives", || {
        sql(paused, &received) == "t"
    });
    cluster.wait_replayed().unwrap();
    assert_eq!(
        (sql(paused, COUNT), sql(other, COUNT)),
        ("0".to_owned(), "1".to_owned())
    );

    paused.resume_replay().unwrap();
    cluster.wait_replayed().unwrap();
    assert_eq!(sql(paused, COUNT), "1");
}

#[test]
fn a_cut_walreceiver_stays_away_until_restored_even_when_replay_is_paused() {
    let cluster = cluster_with_table(1);
    let replica = cluster.replica(0);
    for paused in [false, true] {
        let before = sql(replica, COUNT);
        if paused {
            replica.pause_replay().unwrap();
        }
        replica.cut_walreceiver().unwrap();
        if paused {
            replica.resume_replay().unwrap();
        }
        sql(cluster.primary(), "insert into t values (1)");
        eventually("the primary notices", || {
            streaming(cluster.primary()) == "0"
        });
        cluster.wait_replayed().unwrap();
        assert_eq!(sql(replica, COUNT), before);
        assert_eq!(
            sql(replica, "select count(*) from pg_stat_wal_receiver"),
            "0"
        );

        replica.restore_walreceiver().unwrap();
        cluster.wait_replayed().unwrap();
        assert_ne!(sql(replica, COUNT), before);
    }
}

#[test]
fn a_replica_that_cannot_keep_up_is_a_typed_error_and_not_a_hang() {
    let cluster = cluster_with_table(1);
    // Cut behind our back, so that it is waited for.
    sql(
        cluster.replica(0),
        "alter system set primary_conninfo = ''; select pg_reload_conf()",
    );
    eventually("the walreceiver ends", || {
        streaming(cluster.primary()) == "0"
    });
    let error = cluster.wait_replayed().unwrap_err();
    assert!(
        error.is_timed_out() && error.to_string().contains("replica-1"),
        "{error}"
    );
}

#[test]
fn a_promoted_replica_takes_writes_and_the_others_can_follow_it() {
    let cluster = cluster_with_table(2);
    let (promoted, other) = (cluster.replica(0), cluster.replica(1));
    cluster.primary().kill().unwrap();
    promoted.promote().unwrap();
    assert_eq!(
        sql(
            promoted,
            "insert into t values (1) returning pg_is_in_recovery()"
        ),
        "f"
    );
    assert!(promoted.promote().unwrap_err().is_wrong_state());

    other.follow(promoted).unwrap();
    cluster.wait_replayed().unwrap();
    assert_eq!(sql(other, COUNT), "1");
    assert_eq!(streaming(promoted), "1");
}

#[test]
fn a_fault_of_a_replica_is_refused_by_a_primary() {
    let cluster = cluster_with_table(0);
    let primary = cluster.primary();
    for refused in [
        primary.pause_replay(),
        primary.resume_replay(),
        primary.promote(),
        primary.cut_walreceiver(),
    ] {
        let error = refused.unwrap_err();
        assert!(
            error.is_wrong_state() && error.to_string().contains("must be a replica"),
            "{error}"
        );
    }
}

const ROWS: &str = "select string_agg(id::text, ' ' order by id) from t";

#[test]
fn an_old_primary_that_is_started_again_is_a_primary_on_its_old_timeline() {
    let cluster = cluster_with_table(1);
    let (old, new) = (cluster.primary(), cluster.replica(0));
    old.kill().unwrap();
    new.promote().unwrap();
    old.start().unwrap();
    for (node, timeline) in [(old, "00000001"), (new, "00000002")] {
        let written =
            "select pg_is_in_recovery(), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
        assert_eq!(sql(node, written), format!("f|{timeline}"));
        sql(node, &format!("insert into t values ({})", node.port()));
        assert_eq!(sql(node, ROWS), node.port().to_string());
    }
    assert_eq!(cluster.current_primary().unwrap().name(), "replica-1");
    cluster.wait_replayed().unwrap();
}

#[test]
fn an_old_primary_rejoins_as_a_standby_and_what_only_it_had_is_gone() {
    let cluster = cluster_with_table(2);
    let (old, new, other) = (cluster.primary(), cluster.replica(0), cluster.replica(1));
    sql(old, "insert into t values (1)");
    cluster.wait_replayed().unwrap();
    let port = old.port();
    new.cut_walreceiver().unwrap();
    sql(old, "insert into t select 2 from generate_series(1, 1000)");
    cluster.wait_replayed().unwrap();
    old.kill().unwrap();
    new.promote().unwrap();
    sql(new, "insert into t values (3)");
    // It writes on its old timeline, too, and is then killed again.
    old.start().unwrap();
    sql(old, "insert into t values (4)");
    let segment = segment_of(cluster.directory(), old.name());
    old.kill().unwrap();

    // The other replica has seen more of the old timeline than the new primary's begins with, so it cannot follow; and that
    // its position is further on is not taken for replayed.
    other.follow(new).unwrap();
    let error = cluster.wait_replayed().unwrap_err();
    assert!(
        error.is_timed_out() && error.to_string().contains("replica-2"),
        "{error}"
    );

    old.rejoin(new).unwrap();
    other.stop().unwrap();
    other.rejoin(new).unwrap();
    cluster.wait_replayed().unwrap();
    for node in [old, other] {
        assert_eq!(sql(node, ROWS), "1 3");
        assert_eq!(sql(node, "select pg_is_in_recovery()"), "t");
    }
    assert_eq!(old.port(), port);
    assert!(
        !segment_exists(&segment),
        "a segment of shared memory is left"
    );
    let slots = "select slot_name from pg_replication_slots where active order by 1";
    assert_eq!(sql(new, slots), "primary\nreplica_2");
    assert_eq!(streaming(new), "2");
}

#[test]
fn roles_go_back_and_forth_and_waiting_and_new_databases_follow_them() {
    let cluster = cluster_with_table(2);
    let nodes: Vec<_> = cluster.nodes().collect();
    let mut acting = nodes[0];
    for round in 1..=4 {
        acting.kill().unwrap();
        let next = nodes[round % nodes.len()];
        next.promote().unwrap();
        assert_eq!(cluster.current_primary().unwrap().name(), next.name());
        acting.rejoin(next).unwrap();
        for node in &nodes {
            if ![acting.name(), next.name()].contains(&node.name()) {
                node.follow(next).unwrap();
            }
        }
        sql(next, &format!("insert into t values ({round})"));
        cluster.wait_replayed().unwrap();
        let expected: Vec<_> = (1..=round).map(|id| id.to_string()).collect();
        for node in &nodes {
            assert_eq!(
                sql(node, ROWS),
                expected.join(" "),
                "{node} in round {round}"
            );
        }
        cluster
            .create_database(&format!("of_round_{round}"))
            .unwrap();
        for node in &nodes {
            node.run_sql(&format!("of_round_{round}"), "select 1")
                .unwrap();
        }
        assert_eq!(streaming(next), "2");
        acting = next;
    }
}

#[test]
fn only_a_node_that_is_down_rejoins_and_only_a_primary_is_joined() {
    let cluster = cluster_with_table(2);
    let (primary, replica, other) = (cluster.primary(), cluster.replica(0), cluster.replica(1));
    let running = replica.rejoin(primary).unwrap_err();
    assert!(
        running.is_wrong_state() && running.to_string().contains("replica-1 must be down"),
        "{running}"
    );
    replica.kill().unwrap();
    let no_primary = replica.rejoin(other).unwrap_err();
    assert!(
        no_primary.is_wrong_state()
            && no_primary
                .to_string()
                .contains("replica-2 must be a primary"),
        "{no_primary}"
    );
    primary.freeze().unwrap();
    assert!(replica.rejoin(primary).unwrap_err().is_wrong_state());
    primary.thaw().unwrap();

    // What was refused has changed nothing.
    replica.start().unwrap();
    cluster.wait_replayed().unwrap();
    replica.kill().unwrap();
    replica.rejoin(primary).unwrap();
    cluster.wait_replayed().unwrap();
    assert_eq!(streaming(primary), "2");
}

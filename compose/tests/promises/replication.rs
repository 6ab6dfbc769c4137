//! Faults of replication: pause, cut, promotion.

use crate::support::{cluster_with_table, eventually, sql, streaming};

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

//! Lines, from reports.

use std::time::Duration;

use super::super::ring::Lag;
use super::*;

fn at(ms: u64) -> Moment {
    Moment::default().after(Duration::from_millis(ms))
}

fn written(timeline: u32, lsn: u64) -> Role {
    Role::Primary(Written {
        timeline,
        inserted: Lsn(lsn),
        flushed: Lsn(lsn),
        page: 8192,
    })
}

fn replay(replayed: u64) -> Replay {
    Replay {
        timeline: 1,
        received: Some(Lsn(0x500)),
        replayed: Some(Lsn(replayed)),
        paused: false,
        receiver: Receiver::Streaming,
    }
}

fn of_cluster(system: i64, role: Role) -> Answer {
    let who = "app".to_owned();
    Answer { who, system, role }
}

/// A board of `primary` and `replica-1`; the primary has written 0x400, and 100 ms later 0x500.
fn board() -> Board {
    let mut board = Board::new(vec!["primary".to_owned(), "replica-1".to_owned()]);
    for (ms, lsn) in [(0, 0x400), (100, 0x500)] {
        tell(&mut board, 0, ms, Ok(of_cluster(7, written(1, lsn))));
    }
    board
}

fn tell(board: &mut Board, node: usize, ms: u64, outcome: Result<Answer, String>) {
    let (asked, heard) = (at(ms), at(ms + 1));
    board.hear(Report {
        node,
        asked,
        heard,
        outcome,
    });
}

/// The second node's bytes, lag in milliseconds, and state, 50 ms after it answered at 200.
fn second(mut board: Board, outcome: Result<Answer, String>) -> (Option<(u64, u128)>, String) {
    tell(&mut board, 1, 200, outcome);
    second_at(&board, 250)
}

fn second_at(board: &Board, ms: u64) -> (Option<(u64, u128)>, String) {
    let line = board.lines(at(ms)).remove(1);
    let behind = line.behind.map(|behind| match behind.lag {
        Lag::Is(lag) => (behind.bytes, lag.as_millis()),
        Lag::MoreThan(_) => panic!("{line:?}"),
    });
    (behind, line.state)
}

#[test]
fn a_replica_is_shown_with_all_that_keeps_it_from_following() {
    let has_all = replay(0x500);
    let paused = Replay {
        paused: true,
        ..replay(0x400)
    };
    let cut = Replay {
        receiver: Receiver::None,
        received: Some(Lsn(0x400)),
        ..replay(0x400)
    };
    let paused_and_cut = Replay {
        receiver: Receiver::None,
        ..paused.clone()
    };
    let starting = Replay {
        receiver: Receiver::Other("starting".to_owned()),
        ..replay(0x500)
    };
    let unseen = Replay {
        receiver: Receiver::Unseen,
        ..replay(0x500)
    };
    let of_another_timeline = Replay {
        timeline: 2,
        ..replay(0x500)
    };
    let never_replayed = Replay {
        replayed: None,
        ..replay(0)
    };
    let (current, late) = (Some((0, 0)), Some((0x100, 250)));
    let cases = [
        (7, has_all.clone(), current, "streaming"),
        (7, replay(0x400), late, "streaming"),
        (7, paused, late, "paused"),
        // All that it has received is replayed, and it is behind all the same.
        (7, cut, late, "not streaming"),
        (7, paused_and_cut, late, "paused, not streaming"),
        (7, starting, current, "not streaming (starting)"),
        (7, unseen, current, "?"),
        (
            7,
            of_another_timeline,
            None,
            "streaming, on timeline 2, the primary on 1",
        ),
        (7, never_replayed, None, "streaming"),
        (8, has_all, None, "streaming, of another cluster"),
    ];
    for (system, replay, behind, state) in cases {
        let shown = second(board(), Ok(of_cluster(system, Role::Replica(replay))));
        assert_eq!(shown, (behind, state.to_owned()));
    }
}

#[test]
fn a_node_that_does_not_answer_is_shown_with_the_reason() {
    let shown = second(board(), Err("no route to host".to_owned()));
    assert_eq!(shown, (None, "unreachable: no route to host".to_owned()));
}

#[test]
fn behind_a_primary_that_does_not_answer_nobody_knows_the_lag() {
    let mut board = board();
    tell(&mut board, 0, 150, Err("gone".to_owned()));
    let replica = || Ok(of_cluster(7, Role::Replica(replay(0x400))));
    assert_eq!(second(board, replica()), (None, "streaming".to_owned()));
    // What was known of it before still counts.
    let mut board = self::board();
    tell(&mut board, 0, 150, Err("gone".to_owned()));
    tell(&mut board, 0, 190, Ok(of_cluster(7, written(1, 0x500))));
    assert_eq!(second(board, replica()).0, Some((0x100, 250)));
}

#[test]
fn roles_are_observed_and_a_promoted_replica_is_the_primary() {
    let mut board = board();
    tell(&mut board, 1, 200, Ok(of_cluster(7, written(2, 0x480))));
    let lines = board.lines(at(250));
    assert_eq!(lines[1].role, Some("primary"));
    assert_eq!(lines[1].state, "writable");
    assert_eq!(
        lines[0].state,
        "a second primary, on timeline 1: replica-1 is on 2"
    );
    // The old primary follows it now. What it was on its own timeline measures nothing any more.
    tell(&mut board, 1, 300, Ok(of_cluster(7, written(2, 0x490))));
    let follows = Replay {
        timeline: 2,
        ..replay(0x47F)
    };
    tell(
        &mut board,
        0,
        400,
        Ok(of_cluster(7, Role::Replica(follows))),
    );
    let line = board.lines(at(450)).remove(0);
    assert_eq!(line.role, Some("replica"));
    let behind = Behind {
        bytes: 0x11,
        lag: Lag::MoreThan(Duration::from_millis(250)),
    };
    assert_eq!(line.behind, Some(behind));
}

#[test]
fn a_replica_that_was_ahead_of_its_primary_is_of_another_history() {
    let shown_when_primary_was_asked_at = |ms, flushed| {
        let mut board = board();
        tell(
            &mut board,
            1,
            200,
            Ok(of_cluster(7, Role::Replica(replay(0x500)))),
        );
        tell(&mut board, 0, ms, Ok(of_cluster(7, written(1, flushed))));
        second_at(&board, 300)
    };
    let follows = (Some((0, 0)), "streaming".to_owned());
    let other = "streaming, was ahead of the primary: another history";
    assert_eq!(
        shown_when_primary_was_asked_at(250, 0x4FF),
        (None, other.to_owned())
    );
    assert_eq!(shown_when_primary_was_asked_at(250, 0x500), follows);
    // It may have gone on since, and the replica with it.
    assert_eq!(shown_when_primary_was_asked_at(190, 0x4FF), follows);
}

/// A board whose second node is the primary since 100, on timeline 2, and what the first, cut off
/// and with its last restart point on timeline 1, was before.
fn board_after_failover(before: Option<Replay>) -> (Option<u64>, String) {
    let mut board = board();
    for (ms, lsn) in [(100, 0x500), (200, 0x600)] {
        tell(&mut board, 1, ms, Ok(of_cluster(7, written(2, lsn))));
    }
    let cut = Replay {
        receiver: Receiver::None,
        ..replay(0x500)
    };
    for replay in before.into_iter().chain([cut]) {
        tell(&mut board, 0, 300, Ok(of_cluster(7, Role::Replica(replay))));
    }
    let line = board.lines(at(350)).remove(0);
    (line.behind.map(|behind| behind.bytes), line.state)
}

#[test]
fn who_was_cut_off_after_a_failover_is_behind_on_the_timeline_that_it_received() {
    let streamed = |timeline| Replay {
        timeline,
        ..replay(0x500)
    };
    let cases = [
        (Some(streamed(2)), Some(0x100), "not streaming"),
        (None, Some(0x100), "not streaming, timeline unknown"),
        (
            Some(streamed(1)),
            None,
            "not streaming, on timeline 1, the primary on 2",
        ),
    ];
    for (before, bytes, state) in cases {
        assert_eq!(board_after_failover(before), (bytes, state.to_owned()));
    }
}

#[test]
fn who_may_not_see_the_walreceiver_is_told_as_whom() {
    let mut board = board();
    tell(
        &mut board,
        1,
        200,
        Ok(of_cluster(7, Role::Replica(replay(0x500)))),
    );
    assert_eq!(board.sees_too_little(), None);
    let unseen = Replay {
        receiver: Receiver::Unseen,
        ..replay(0x500)
    };
    tell(&mut board, 1, 300, Ok(of_cluster(7, Role::Replica(unseen))));
    assert_eq!(board.sees_too_little(), Some("app"));
}

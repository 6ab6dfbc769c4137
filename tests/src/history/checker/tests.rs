//! Hand-made histories: each broken promise is found, and each history that is in order passes.

use std::time::Duration;

use diesel_manifold::{Moment, Position};

mod failovers;

use super::{Promise, Verdict};
use crate::history::aftermath::Aftermath;
use crate::history::operation::{Kind, Level, Operation, Step};
use crate::history::record::{Outcome, Record, Role, Trace};

/// A record in the process 0 of an operation that begins and ends at these milliseconds.
fn record(operation: Operation, (start, end): (u64, u64), outcome: Outcome) -> Record {
    let at = |ms| Moment::default().after(Duration::from_millis(ms));
    Record {
        process: 0,
        step: Step {
            kind: Kind::SessionRead, // only reports look at it
            operation,
            dropped_after: None,
        },
        start: at(start),
        end: at(end),
        number: None,
        outcome,
        trace: None,
    }
}

fn write(number: i64, span: (u64, u64), outcome: Outcome) -> Record {
    let operation = Operation::Write {
        lazy: false,
        open: Duration::ZERO,
    };
    Record {
        number: Some(number),
        ..record(operation, span, outcome)
    }
}

fn acknowledged(number: i64, span: (u64, u64)) -> Record {
    write(number, span, Outcome::Done)
}

fn answer(level: Level, span: (u64, u64), role: Role, vector: &[i64]) -> Record {
    let operation = Operation::Read {
        level,
        lasting: Duration::ZERO,
    };
    from(
        role,
        record(operation, span, Outcome::Shown(vec![vector.to_vec()])),
    )
}

fn read(span: (u64, u64), vector: &[i64]) -> Record {
    answer(Level::Session, span, Role::Replica, vector)
}

fn on_primary(span: (u64, u64), vector: &[i64]) -> Record {
    answer(Level::Session, span, Role::Primary, vector)
}

fn bounded(ms: u64, span: (u64, u64), vector: &[i64]) -> Record {
    let level = Level::BoundedEventual(Duration::from_millis(ms));
    answer(level, span, Role::Replica, vector)
}

fn from(role: Role, mut record: Record) -> Record {
    record.trace = Some(Trace {
        node: format!("{role:?}"),
        role,
        reason: "balanced",
        need: None,
        stamp: None,
    });
    record
}

fn elsewhere(mut record: Record) -> Record {
    record.process = 1;
    record
}

fn promises(verdict: &Verdict) -> Vec<Promise> {
    verdict.violations.iter().map(|it| it.promise).collect()
}

/// Nothing was lost.
fn check(sessions: &[Vec<Record>]) -> Verdict {
    super::check(sessions, &Aftermath::default())
}

/// What is found in the history of two sessions.
fn found(first: Vec<Record>, second: Vec<Record>) -> Vec<Promise> {
    let verdict = check(&[first, second]);
    assert_eq!(verdict.gap_pairs, 0);
    promises(&verdict)
}

#[test]
fn a_session_that_does_not_see_its_acknowledged_write_is_found() {
    for level in [Level::Session, Level::Strong] {
        let late = answer(level, (3, 4), Role::Replica, &[0, 0]);
        let found = found(vec![acknowledged(1, (1, 2)), late], vec![]);
        assert_eq!(found[0], Promise::OwnWrites);
    }
    let snapshot = record(
        Operation::Snapshot(1),
        (3, 4),
        Outcome::Shown(vec![vec![0, 0]]),
    );
    let found = found(vec![acknowledged(1, (1, 2)), snapshot], vec![]);
    assert_eq!(found, [Promise::OwnWrites]);
}

#[test]
fn its_write_follows_a_session_into_the_other_process() {
    let late = elsewhere(read((3, 4), &[0, 0]));
    let found = found(vec![acknowledged(1, (1, 2)), late], vec![]);
    assert_eq!(found, [Promise::OwnWrites]);
}

#[test]
fn a_write_in_doubt_may_show_or_not_but_once_shown_it_stays() {
    let in_doubt = || write(1, (1, 2), Outcome::InDoubt("dropped"));
    let shown = || read((3, 4), &[1, 0]);
    let missing = |span| read(span, &[0, 0]);
    assert_eq!(found(vec![in_doubt(), missing((3, 4))], vec![]), []);
    assert_eq!(
        found(vec![in_doubt(), missing((1, 2)), shown()], vec![]),
        []
    );
    let back = found(vec![in_doubt(), shown(), missing((5, 6))], vec![]);
    assert_eq!(back, [Promise::MonotonicLoads]);
}

#[test]
fn loads_that_promise_less_may_miss_an_own_write() {
    for level in [
        Level::Eventual,
        Level::BoundedEventual(Duration::from_millis(5)),
    ] {
        let late = answer(level, (3, 4), Role::Replica, &[0, 0]);
        assert_eq!(found(vec![acknowledged(1, (1, 2)), late], vec![]), []);
    }
}

#[test]
fn loads_that_go_back_are_found_on_replicas_and_from_the_primary_to_a_replica() {
    let theirs = || vec![acknowledged(1, (1, 2)), acknowledged(2, (3, 9))];
    let cases = [
        (read((4, 5), &[0, 2]), read((6, 7), &[0, 1])),
        (on_primary((4, 5), &[0, 2]), read((6, 7), &[0, 1])),
        // What the primary has shown it does not take back.
        (on_primary((4, 5), &[0, 2]), on_primary((6, 7), &[0, 1])),
    ];
    for (earlier, later) in cases {
        assert_eq!(
            found(vec![earlier, later], theirs()),
            [Promise::MonotonicLoads]
        );
    }
}

#[test]
fn rows_are_compared_each_with_itself() {
    let theirs = vec![acknowledged(1, (1, 2))];
    let mine = vec![
        write(1, (1, 2), Outcome::InDoubt("dropped")),
        read((3, 4), &[1, 0]),
        read((5, 6), &[0, 1]),
    ];
    assert_eq!(found(mine, theirs), [Promise::MonotonicLoads]);
}

#[test]
fn an_eventual_load_is_no_step_of_the_session() {
    let theirs = vec![acknowledged(1, (1, 2))];
    let eventual = |span, vector: &[i64]| answer(Level::Eventual, span, Role::Replica, vector);
    let mine = vec![
        eventual((3, 4), &[0, 1]),
        read((5, 6), &[0, 0]),
        read((7, 8), &[0, 1]),
        eventual((9, 10), &[0, 0]),
    ];
    assert_eq!(found(mine, theirs), []);
}

#[test]
fn a_load_on_the_primary_behind_a_replicas_is_a_gap_pair_until_the_write_is_acknowledged() {
    let theirs = || vec![acknowledged(1, (1, 10))];
    let seen = || read((2, 3), &[0, 1]);
    let verdict = check(&[vec![seen(), on_primary((4, 5), &[0, 0])], theirs()]);
    assert_eq!((promises(&verdict), verdict.gap_pairs), (vec![], 1));
    // It was acknowledged before the second load began, so the primary must show it.
    let verdict = check(&[vec![seen(), on_primary((11, 12), &[0, 0])], theirs()]);
    assert_eq!(promises(&verdict), [Promise::MonotonicLoads]);
    assert_eq!(verdict.gap_pairs, 0);
    // Back on a replica it must show again.
    let mine = vec![seen(), on_primary((4, 5), &[0, 0]), read((6, 7), &[0, 0])];
    let verdict = check(&[mine, theirs()]);
    assert_eq!(promises(&verdict), [Promise::MonotonicLoads]);
    assert_eq!(verdict.gap_pairs, 1);
}

#[test]
fn what_went_back_beside_a_gap_pair_is_found() {
    let mine = vec![
        write(1, (1, 2), Outcome::InDoubt("dropped")),
        on_primary((3, 4), &[1, 0]),
        read((5, 6), &[1, 1]),
        on_primary((7, 8), &[0, 0]),
    ];
    let verdict = check(&[mine, vec![acknowledged(1, (1, 9))]]);
    assert_eq!(promises(&verdict), [Promise::MonotonicLoads]);
    assert_eq!(verdict.gap_pairs, 0);
}

#[test]
fn a_bounded_read_that_misses_what_anybody_was_acknowledged_before_its_bound_is_found() {
    let theirs = || vec![acknowledged(1, (100, 110))];
    for (start, bound, shown, promises) in [
        (310, 200, 0, vec![Promise::Freshness]),
        (309, 200, 0, vec![]),
        (310, 200, 1, vec![]),
        (310, 201, 0, vec![]),
    ] {
        let mine = vec![bounded(bound, (start, start + 1), &[0, shown])];
        assert_eq!(found(mine, theirs()), promises, "{start} {bound} {shown}");
    }
}

#[test]
fn bounds_of_different_lengths_do_not_disturb_each_other() {
    let theirs = vec![acknowledged(1, (100, 110)), acknowledged(2, (200, 210))];
    let mine = vec![
        bounded(100, (320, 321), &[0, 2]),
        bounded(200, (330, 331), &[0, 1]),
        bounded(100, (340, 341), &[0, 1]),
        bounded(200, (410, 411), &[0, 1]),
    ];
    assert_eq!(
        found(mine, theirs),
        [Promise::Freshness, Promise::Freshness]
    );
}

#[test]
fn a_strong_read_shows_everything_acknowledged_before_it_began() {
    let theirs = || vec![acknowledged(1, (1, 5))];
    let strong = |start| answer(Level::Strong, (start, 9), Role::Primary, &[0, 0]);
    assert_eq!(found(vec![strong(6)], theirs()), [Promise::Freshness]);
    assert_eq!(found(vec![strong(4)], theirs()), []);
}

#[test]
fn a_read_without_a_session_shows_what_its_process_wrote_and_owes_nothing_to_another() {
    let read = || answer(Level::Process, (6, 7), Role::Replica, &[0, 0]);
    let theirs = || acknowledged(1, (1, 5));
    assert_eq!(
        found(vec![read()], vec![theirs()]),
        [Promise::ProcessWrites]
    );
    assert_eq!(found(vec![elsewhere(read())], vec![theirs()]), []);
    assert_eq!(found(vec![read()], vec![elsewhere(theirs())]), []);
}

#[test]
fn a_cached_read_shows_what_the_session_wrote_in_whatever_process() {
    let cached = |number| record(Operation::Cached, (6, 7), Outcome::Cached(number));
    let written = || acknowledged(1, (1, 2));
    assert_eq!(
        found(vec![written(), cached(0)], vec![]),
        [Promise::CachedOwnWrites]
    );
    assert_eq!(found(vec![written(), cached(1)], vec![]), []);
    assert_eq!(
        found(vec![written(), elsewhere(cached(0))], vec![]),
        [Promise::CachedOwnWrites]
    );
    assert_eq!(
        found(vec![written(), cached(2)], vec![]),
        [Promise::OnlyWritten]
    );
}

#[test]
fn the_loads_of_a_snapshot_that_differ_are_found() {
    let snapshot = |loads: &[[i64; 2]]| {
        let loads = loads.iter().map(|load| load.to_vec()).collect();
        record(Operation::Snapshot(2), (3, 4), Outcome::Shown(loads))
    };
    let theirs = || vec![acknowledged(1, (1, 2))];
    assert_eq!(found(vec![snapshot(&[[0, 1], [0, 1]])], theirs()), []);
    let torn = found(vec![snapshot(&[[0, 0], [0, 1]])], theirs());
    assert_eq!(torn, [Promise::OneSnapshot]);
}

#[test]
fn what_nobody_wrote_or_was_told_to_have_failed_or_is_written_later_is_found_even_in_eventual_reads()
 {
    let eventual = |shown: i64| vec![answer(Level::Eventual, (3, 4), Role::Replica, &[0, shown])];
    let failed = write(1, (1, 2), Outcome::Failed("unreachable"));
    let later = acknowledged(1, (5, 6));
    assert_eq!(found(eventual(1), vec![]), [Promise::OnlyWritten]);
    assert_eq!(found(eventual(-1), vec![]), [Promise::OnlyWritten]);
    assert_eq!(found(eventual(1), vec![failed]), [Promise::OnlyWritten]);
    assert_eq!(found(eventual(1), vec![later]), [Promise::OnlyWritten]);
    let under_way = acknowledged(1, (2, 6));
    assert_eq!(found(eventual(1), vec![under_way]), []);
}

#[test]
fn a_replica_that_is_said_to_be_behind_what_was_needed_is_found() {
    let answered = |role, need: u64, stamp: u64| {
        let mut record = answer(Level::Session, (1, 2), role, &[0, 0]);
        let trace = record.trace.as_mut().unwrap();
        trace.need = Some(Position::new(1, need));
        trace.stamp = Some(Position::new(1, stamp));
        vec![record]
    };
    assert_eq!(
        found(answered(Role::Replica, 8, 7), vec![]),
        [Promise::NeedMet]
    );
    assert_eq!(found(answered(Role::Replica, 7, 7), vec![]), []);
    assert_eq!(found(answered(Role::Primary, 8, 7), vec![]), []);
}

#[test]
fn a_failed_operation_is_no_violation() {
    let failed = |span| {
        let read = Operation::Read {
            level: Level::Session,
            lasting: Duration::ZERO,
        };
        record(read, span, Outcome::Failed("lagging"))
    };
    let mine = vec![
        acknowledged(1, (1, 2)),
        failed((3, 4)),
        read((5, 6), &[1, 0]),
    ];
    assert_eq!(found(mine, vec![]), []);
}

#[test]
fn a_violation_says_whose_answer_it_was_and_what_it_showed() {
    let mine = vec![acknowledged(1, (1, 2)), read((3, 4), &[0, 0])];
    let verdict = check(&[vec![], mine]);
    let text = verdict.violations[0].to_string();
    assert!(
        text.starts_with("own writes: session 1, record 1: shows 0"),
        "{text}"
    );
}

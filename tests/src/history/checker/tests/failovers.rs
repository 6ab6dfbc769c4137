//! Histories with a failover in them.

use super::*;
use crate::history::aftermath::{Failover, counted};
use crate::history::client::{WRITE_LOST, WRITE_UNCERTAIN};

/// The failover of these histories: `replica-1` is promoted at 120 ms, until 130, and the old primary is gone at 200.
/// Of the writes these are left.
fn left(log: &[(usize, i64)]) -> Aftermath {
    let at = |ms| Moment::default().after(Duration::from_millis(ms));
    Aftermath {
        log: Some(counted(log.to_vec())),
        timeline: 1,
        failovers: vec![Failover {
            began: at(100),
            promoting: at(120),
            promoted: at(130),
            over: at(200),
            promotes: "replica-1".to_owned(),
            switch: 1000,
        }],
    }
}

fn found(log: &[(usize, i64)], first: Vec<Record>, second: Vec<Record>) -> Vec<Promise> {
    promises(&crate::history::checker::check(
        &[first, second],
        &left(log),
    ))
}

fn by(node: &str, mut record: Record) -> Record {
    let record_of = from(Role::Primary, record.clone());
    record.trace = record_of.trace;
    record.trace.as_mut().unwrap().node = node.to_owned();
    record
}

fn told(what: &'static str, span: (u64, u64)) -> Record {
    let read = Operation::Read {
        level: Level::Session,
        lasting: Duration::ZERO,
    };
    record(read, span, Outcome::Failed(what))
}

#[test]
fn a_loss_must_be_told_before_a_state_without_it_is_shown() {
    let lost = || acknowledged(1, (110, 112));
    let without = || read((140, 141), &[0, 0]);
    assert_eq!(
        found(&[], vec![lost(), without()], vec![]),
        [Promise::LossesTold]
    );
    for what in [WRITE_LOST, WRITE_UNCERTAIN] {
        let mine = vec![lost(), told(what, (138, 139)), without()];
        assert_eq!(found(&[], mine, vec![]), []);
    }
    // Behind it is too late.
    let mine = vec![lost(), without(), told(WRITE_UNCERTAIN, (142, 143))];
    assert_eq!(found(&[], mine, vec![]), [Promise::LossesTold]);
    // What came behind it was written without it.
    let later = acknowledged(2, (131, 132));
    let mine = vec![lost(), later, read((140, 141), &[2, 0])];
    assert_eq!(found(&[(0, 2)], mine, vec![]), [Promise::LossesTold]);
    // Before the failover nothing is lost yet.
    let mine = vec![acknowledged(1, (10, 11)), read((12, 13), &[0, 0])];
    assert_eq!(found(&[], mine, vec![]), [Promise::OwnWrites]);
}

#[test]
fn who_lost_nothing_is_not_told() {
    let alarm = || told(WRITE_LOST, (140, 141));
    let kept = acknowledged(1, (50, 51));
    assert_eq!(
        found(&[(0, 1)], vec![kept, alarm()], vec![]),
        [Promise::NoFalseAlarm]
    );
    let lost = || acknowledged(1, (110, 111));
    assert_eq!(found(&[], vec![lost(), alarm()], vec![]), []);
    // And who did, once.
    let again = vec![lost(), alarm(), told(WRITE_LOST, (142, 143))];
    assert_eq!(found(&[], again, vec![]), [Promise::NoFalseAlarm]);
    let in_doubt = write(1, (110, 111), Outcome::InDoubt("dropped"));
    assert_eq!(found(&[], vec![in_doubt, alarm()], vec![]), []);
}

#[test]
fn what_survived_is_owed_as_ever() {
    let mine = || vec![acknowledged(1, (50, 51)), acknowledged(2, (110, 111))];
    let log = &[(0, 1)];
    let with = |shown: i64| {
        let mut mine = mine();
        mine.push(told(WRITE_LOST, (138, 139)));
        mine.push(read((140, 141), &[shown, 0]));
        mine
    };
    assert_eq!(found(log, with(1), vec![]), []);
    assert_eq!(found(log, with(0), vec![]), [Promise::OwnWrites]);
    // A row goes back by what is lost, and no further.
    let reader = |back: i64| vec![read((113, 114), &[2, 0]), read((140, 141), &[back, 0])];
    let verdict = |back| {
        let sessions = [mine(), vec![], reader(back)];
        let sessions = sessions.map(|records| {
            let wide = |mut record: Record| {
                if let Outcome::Shown(vectors) = &mut record.outcome {
                    vectors.iter_mut().for_each(|vector| vector.push(0));
                }
                record
            };
            records.into_iter().map(wide).collect::<Vec<_>>()
        });
        promises(&crate::history::checker::check(&sessions, &left(log)))
    };
    assert_eq!(verdict(1), []);
    assert_eq!(verdict(0), [Promise::MonotonicLoads]);
}

#[test]
fn nothing_is_lost_by_itself_or_there_twice_or_after_its_writer_was_told_that_it_failed() {
    let over = || vec![acknowledged(1, (300, 301))];
    assert_eq!(found(&[], over(), vec![]), [Promise::Durable]);
    assert_eq!(found(&[(0, 1), (0, 1)], over(), vec![]), [Promise::Durable]);
    let failed = || vec![write(1, (110, 111), Outcome::Failed("unreachable"))];
    assert_eq!(found(&[(0, 1)], failed(), vec![]), [Promise::Durable]);
    assert_eq!(found(&[], failed(), vec![]), []);
    // On the old timeline it may have been shown for a while.
    let shown = answer(Level::Eventual, (112, 113), Role::Replica, &[1, 0]);
    assert_eq!(found(&[], failed(), vec![shown.clone()]), []);
    let long_ago = vec![write(1, (10, 11), Outcome::Failed("unreachable"))];
    assert_eq!(found(&[], long_ago, vec![shown]), [Promise::OnlyWritten]);
}

#[test]
fn who_has_written_to_the_new_primary_has_done_with_the_old_one() {
    let log = &[(0, 1)];
    let new = || by("replica-1", acknowledged(1, (131, 135)));
    let old = |span| by("primary", acknowledged(1, span));
    // Of the same process, and after that was acknowledged.
    let cases = [
        ((136, 140), vec![Promise::LatestTimeline]),
        ((134, 140), vec![]),
    ];
    for (span, broken) in cases {
        assert_eq!(found(log, vec![new()], vec![old(span)]), broken);
    }
    assert_eq!(
        found(log, vec![new()], vec![elsewhere(old((136, 140)))]),
        []
    );
    // A promotion is noticed in a second by whoever it is.
    let late = vec![elsewhere(old((1132, 1133)))];
    let late = found(log, vec![new()], late);
    assert!(late.contains(&Promise::LatestTimeline), "{late:?}");
}

#[test]
fn who_knows_of_the_new_timeline_is_not_shown_what_is_lost() {
    let log = &[(0, 1)];
    let new = || by("replica-1", acknowledged(1, (131, 135)));
    let lost = || by("primary", acknowledged(1, (125, 128)));
    let shows = |start, shown: i64| {
        let vector = [i64::from(start > 135), shown];
        answer(Level::Eventual, (start, start + 1), Role::Replica, &vector)
    };
    let judged = |read: Record| found(log, vec![new(), read], vec![lost()]);
    assert_eq!(judged(shows(140, 1)), [Promise::LatestTimeline]);
    assert_eq!(judged(shows(140, 0)), []);
    let early = shows(132, 1);
    assert_eq!(found(log, vec![early, new()], vec![lost()]), []);
    // By what the library says of it: behind the place where the new timeline left the old one.
    let stamped = |timeline, lsn| {
        let mut read = shows(140, 0);
        read.trace.as_mut().unwrap().stamp = Some(Position::new(timeline, lsn));
        judged(read)
    };
    assert_eq!(stamped(1, 1001), [Promise::LatestTimeline]);
    assert_eq!(stamped(1, 1000), []);
    assert_eq!(stamped(2, 1001), []);
}

#[test]
fn two_primaries_are_told_apart_within_a_second() {
    let theirs = || vec![by("replica-1", acknowledged(1, (140, 141)))];
    let strong = |start| {
        let read = answer(Level::Strong, (start, start + 1), Role::Primary, &[0, 0]);
        vec![elsewhere(read)]
    };
    let log = &[(1, 1)];
    assert_eq!(found(log, strong(150), theirs()), []);
    assert_eq!(found(log, strong(1131), theirs()), [Promise::Freshness]);
    // What was acknowledged before there were two is owed all the time.
    let before = vec![by("primary", acknowledged(1, (50, 51)))];
    assert_eq!(found(log, strong(150), before), [Promise::Freshness]);
}

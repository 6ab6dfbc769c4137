//! What a session remembers of loads and writes that overlap.

use super::*;
use crate::terms::sighting::{Door, Incarnation, Keeper};

const PRIMARY: usize = 0;

/// A load through a connection whose role sees no more than when the server started.
fn load(node: usize, opened: u64, began: u64, ended: u64) -> Kept {
    let door = Door {
        incarnation: Incarnation::new("then", None),
        opened: Tick(opened),
    };
    Kept {
        by: if node == PRIMARY {
            Keeper::Primary
        } else {
            Keeper::Node(node, door)
        },
        began: Tick(began),
        ended: Tick(ended),
    }
}

fn kept(memory: &Memory) -> Vec<Kept> {
    memory.remembered().kept
}

#[test]
fn a_load_takes_the_place_of_those_that_it_includes_and_of_no_other() {
    let memory = Memory::default();
    let first = load(1, 1, 10, 20);
    memory.loaded(first.clone(), &[]);
    // At the same time, so it includes nothing of the first.
    let beside = load(2, 2, 11, 21);
    memory.loaded(beside.clone(), &[]);
    assert_eq!(kept(&memory), [first.clone(), beside.clone()]);
    let later = load(PRIMARY, 0, 30, 40);
    memory.loaded(later.clone(), &[first]);
    assert_eq!(kept(&memory), [beside, later]);
    assert_eq!(
        memory.remembered().home,
        Some(2),
        "the primary is nobody's home"
    );
}

#[test]
fn what_is_being_shown_ends_whatever_came_meanwhile() {
    let open = Kept {
        ended: Tick::NEVER,
        ..load(1, 1, 10, 0)
    };
    let memory = Memory::default();
    memory.lost(Tick(5));
    memory.begins(open.clone(), &kept(&memory));
    assert!(memory.hit_floor().lost, "nothing was found yet");
    // It had begun before, so it knew nothing of it.
    memory.loaded(load(1, 1, 9, 20), &[]);
    memory.ends(&open, Tick(30));
    assert_eq!(kept(&memory), [load(1, 1, 10, 30), load(1, 1, 9, 20)]);
    memory.resolved(&load(1, 1, 10, 30), Position::new(1, 100));
    assert!(!memory.hit_floor().lost);
    // One that knew of it, and includes it.
    memory.begins(open.clone(), &kept(&memory));
    memory.loaded(load(1, 1, 40, 50), std::slice::from_ref(&open));
    memory.ends(&open, Tick(60));
    assert_eq!(kept(&memory), [load(1, 1, 40, 50)]);
}

#[test]
fn a_reach_settles_what_it_was_asked_for_and_not_what_came_meanwhile() {
    let memory = Memory::default();
    let first = load(1, 1, 10, 20);
    memory.loaded(first.clone(), &[]);
    let more = load(1, 1, 30, 40);
    memory.loaded(more, &[]);
    memory.resolved(&first, Position::new(1, 100));
    assert_eq!(kept(&memory), [load(1, 1, 10, 40)]);
    assert_eq!(memory.floors().seen, Some(Position::new(1, 100)));
}

#[test]
fn a_write_settles_what_was_shown_before_its_position_was_asked_for() {
    let memory = Memory::default();
    memory.loaded(load(1, 1, 10, 20), &[]);
    memory.loaded(load(2, 2, 28, 40), &[]);
    let written = Written {
        before: Position::new(1, 100),
        after: Position::new(1, 200),
    };
    memory.wrote(written, Tick(30));
    assert_eq!(kept(&memory), [load(2, 2, 28, 40)]);
    assert_eq!(memory.remembered().floor, Some(Position::new(1, 200)));
}

#[test]
fn a_lost_floor_lets_no_hit_be_older_than_the_first_position_that_includes_it() {
    let at = |lsn| Position::new(1, lsn);
    let written = Written {
        before: at(90),
        after: at(100),
    };
    // What it stands for is passed on to a load that includes it, and to one beside it.
    let later = load(1, 1, 20, 30);
    let ways: [&dyn Fn(&Memory); 5] = [
        &|memory| memory.resolved(&kept(memory)[0], at(100)),
        &|memory| memory.wrote(written, Tick(11)),
        &|memory| memory.saw(at(100), Tick(11)),
        &|memory| {
            memory.loaded(later.clone(), &kept(memory));
            memory.resolved(&later, at(100));
        },
        &|memory| {
            memory.loaded(load(PRIMARY, 0, 5, 40), &[]);
            memory.resolved(&load(PRIMARY, 0, 5, 40), at(100));
        },
    ];
    for (at_way, way) in ways.iter().enumerate() {
        let memory = Memory::default();
        memory.lost(Tick(10));
        // Neither a position asked for before, nor another node's, includes it.
        memory.saw(at(50), Tick(10));
        memory.loaded(load(2, 2, 8, 12), &[]);
        memory.resolved(&load(2, 2, 8, 12), at(60));
        assert_eq!(
            (memory.hit_floor().lost, memory.hit_floor().cached),
            (true, None)
        );
        way(&memory);
        let found = (memory.hit_floor().lost, memory.hit_floor().cached);
        assert_eq!(found, (false, Some(at(100))), "way {at_way}");
        assert_eq!(kept(&memory), []);
    }
}

#[test]
fn a_session_that_lost_nothing_may_be_served_what_is_cached() {
    let memory = Memory::default();
    memory.loaded(load(1, 1, 10, 20), &[]);
    memory.resolved(&load(1, 1, 10, 20), Position::new(1, 100));
    assert_eq!(
        (memory.hit_floor().lost, memory.hit_floor().cached),
        (false, None)
    );
}

#[test]
fn what_survived_is_forgotten_before_a_write_on_a_later_timeline_comes_on_top() {
    let on = |timeline, lsn| Written {
        before: Position::new(timeline, lsn),
        after: Position::new(timeline, lsn + 10),
    };
    for (survival, before) in [
        (Survival::Kept, 2),
        (Survival::Lost, 1),
        (Survival::Uncertain, 1),
    ] {
        let memory = Memory::default();
        memory.wrote(on(1, 100), Tick(1));
        memory.acquit(|written| {
            assert_eq!(written, on(1, 100));
            survival
        });
        memory.wrote(on(2, 200), Tick(2));
        let written = memory.floors().written.unwrap();
        assert_eq!(written.before.timeline(), before, "{survival:?}");
        assert_eq!(memory.remembered().floor, Some(Position::new(2, 210)));
    }
}

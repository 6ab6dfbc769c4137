//! What a sighting proves for a connection, and what a session's loads prove for the next one.
//!
//! A standby may go back: when one of its backends crashes, the postmaster starts recovery again from
//! the last restartpoint and serves at once, for some 75 ms up to 17 MB behind what it had shown, and
//! `pg_postmaster_start_time()` stays. Or a name points at another server. So a position vouches only
//! for connections that were open when it was asked for, and reach the same server.

use crate::terms::sighting::{Door, Keeper, Kept, Sighting};

/// Whether what is read through `door` from now on is no older than `sighting`.
pub fn vouches(sighting: &Sighting, door: &Door) -> bool {
    door.opened < sighting.asked && door.incarnation.may_be(&sighting.door.incarnation)
}

/// Whether what is read through `door` of this node, no primary, from now on is no older than what `kept`
/// was shown.
pub fn keeps(kept: &Kept, node: usize, door: &Door) -> bool {
    match &kept.by {
        Keeper::Primary => false,
        Keeper::Node(by, known) => node == *by && is_one_run(known, kept, door),
    }
}

/// Whether `sighting` of the same node bounds what `kept` was shown: it is its reach.
pub fn bounds(sighting: &Sighting, kept: &Kept) -> bool {
    match &kept.by {
        Keeper::Primary => is_ahead_of(sighting, kept),
        Keeper::Node(_, known) => {
            sighting.asked > kept.ended && is_one_run(known, kept, &sighting.door)
        }
    }
}

/// Whether `sighting` is the primary's, and so bounds whatever any node had shown before it was asked and
/// still shows.
pub fn is_ahead_of(sighting: &Sighting, kept: &Kept) -> bool {
    !sighting.standby && sighting.asked > kept.ended
}

/// Whether no crash can have come between the load, through `known`, and `door`.
fn is_one_run(known: &Door, kept: &Kept, door: &Door) -> bool {
    known.incarnation.is(&door.incarnation)
        // Open since before the load.
        || (door.opened < kept.began && known.incarnation.may_be(&door.incarnation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::clock::Moment;
    use crate::terms::position::Position;
    use crate::terms::sighting::{Incarnation, Tick};

    const REPLICA: usize = 1;

    fn door(started: &str, recovered: Option<&str>, opened: u64) -> Door {
        Door {
            incarnation: Incarnation::new(started, recovered),
            opened: Tick(opened),
        }
    }

    fn seen(door: Door, asked: u64) -> Sighting {
        Sighting {
            door,
            asked: Tick(asked),
            at: Moment::default(),
            position: Position::new(1, 100),
            standby: true,
        }
    }

    fn kept(door: Door, began: u64, ended: u64) -> Kept {
        Kept {
            by: Keeper::Node(REPLICA, door),
            began: Tick(began),
            ended: Tick(ended),
        }
    }

    #[test]
    fn a_position_vouches_for_connections_that_were_open_when_it_was_asked_for() {
        let sighting = seen(door("a", Some("x"), 1), 10);
        let table = [
            (door("a", Some("x"), 9), true, "open before"),
            (door("a", Some("x"), 10), false, "opened while it was asked"),
            (door("a", Some("x"), 11), false, "opened later"),
            (door("a", Some("y"), 9), false, "another recovery"),
            (door("b", Some("x"), 9), false, "another server"),
            (door("a", None, 9), true, "a role without pg_monitor"),
        ];
        for (door, vouched, why) in table {
            assert_eq!(vouches(&sighting, &door), vouched, "{why}");
        }
    }

    #[test]
    fn a_session_keeps_to_a_node_as_long_as_no_crash_can_have_come_between() {
        let before = kept(door("a", Some("x"), 1), 10, 20);
        let blind = kept(door("a", None, 1), 10, 20);
        let table = [
            (&before, door("a", Some("x"), 30), true, "the same run"),
            (&before, door("a", Some("y"), 5), false, "another recovery"),
            (&before, door("a", None, 5), true, "open since before"),
            (&before, door("a", None, 15), false, "nobody knows"),
            (&blind, door("a", None, 5), true, "open since before"),
            (&blind, door("a", None, 15), false, "nobody knows"),
            (&blind, door("b", None, 5), false, "another server"),
        ];
        for (kept, door, holds, why) in table {
            assert_eq!(keeps(kept, REPLICA, &door), holds, "{why}");
            assert!(!keeps(kept, REPLICA + 1, &door), "another node");
        }
    }

    #[test]
    fn a_reach_is_asked_for_after_the_load_on_the_same_run_of_the_node() {
        let load = kept(door("a", None, 1), 10, 20);
        let table = [
            (seen(door("a", None, 5), 21), true, "after it"),
            (seen(door("a", None, 5), 20), false, "it had not ended"),
            (
                seen(door("a", None, 15), 30),
                false,
                "a crash may lie between",
            ),
            (seen(door("b", None, 5), 30), false, "another server"),
        ];
        for (sighting, holds, why) in table {
            assert_eq!(bounds(&sighting, &load), holds, "{why}");
        }
    }

    #[test]
    fn what_was_learned_through_an_opaque_endpoint_proves_nothing_there_or_elsewhere() {
        let nobodys = Door {
            incarnation: Incarnation::nobodys(),
            opened: Tick(1),
        };
        assert!(!vouches(&seen(nobodys.clone(), 10), &nobodys));
        assert!(!vouches(&seen(nobodys.clone(), 10), &door("a", None, 1)));
        let load = kept(nobodys.clone(), 10, 20);
        assert!(!keeps(&load, REPLICA, &nobodys));
        assert!(!bounds(&seen(nobodys, 30), &load));
    }

    #[test]
    fn the_primary_does_not_go_back_when_it_restarts() {
        let load = Kept::at_primary(Tick(10), Tick(20));
        assert!(
            !keeps(&load, REPLICA, &door("b", None, 1)),
            "a node that was the primary once shows no more than another"
        );
        let mut sighting = seen(door("b", None, 25), 30);
        assert!(!bounds(&sighting, &load), "a standby tells nothing of it");
        sighting.standby = false;
        assert!(bounds(&sighting, &load));
        assert!(!bounds(
            &Sighting {
                asked: Tick(20),
                ..sighting
            },
            &load
        ));
    }
}

//! What each node is for: its role is what it says, and of two primaries the higher timeline wins.
//!
//! Nobody tells a manifold of a failover. A promoted standby says that it is none any more, on a timeline
//! one higher; the old primary, if it is still there or comes back, goes on saying that it is one, on the
//! old timeline. What it is told there is lost.

/// What a node said of itself when it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Whether it is a standby.
    pub standby: bool,
    /// The timeline that it writes, or follows. `None`: it is a standby, and which one nobody knows.
    pub timeline: Option<u32>,
}

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// It takes the writes.
    Primary,
    /// It answers reads.
    Replica,
    /// Nothing: it is on a timeline that came to its end, or takes writes that would be lost.
    Outside,
    /// It has not been asked yet.
    Unknown,
}

/// The node that takes the writes, by its place in `said`, now that `latest` is the highest timeline that
/// any node was seen on. `incumbent` is who took them until now.
///
/// Of two that say so on one timeline the incumbent stays: somebody promoted twice, and nobody here can
/// tell who is right.
pub fn primary(
    said: &[(usize, Option<Said>)],
    incumbent: Option<usize>,
    latest: Option<u32>,
) -> Option<usize> {
    let fits = |(node, said): &(usize, Option<Said>)| {
        let takes = said.is_some_and(|said| !said.standby && said.timeline >= latest);
        takes.then_some(*node)
    };
    let mut fit = said.iter().filter_map(fits);
    match incumbent {
        Some(incumbent) if fit.clone().any(|node| node == incumbent) => Some(incumbent),
        _ => fit.next(),
    }
}

/// What a node is for that said this, if `is_primary` is what was decided.
pub fn duty(said: Option<Said>, is_primary: bool, latest: Option<u32>) -> Duty {
    match said {
        _ if is_primary => Duty::Primary,
        None => Duty::Unknown,
        // One on an older timeline may have replayed what is lost, or is about to.
        Some(said) if said.standby && said.timeline >= latest => Duty::Replica,
        Some(_) => Duty::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn writes(timeline: u32) -> Said {
        Said {
            standby: false,
            timeline: Some(timeline),
        }
    }

    const fn follows(timeline: Option<u32>) -> Said {
        Said {
            standby: true,
            timeline,
        }
    }

    #[test]
    fn of_two_primaries_the_higher_timeline_wins() {
        let (old, new) = ((0, Some(writes(1))), (1, Some(writes(2))));
        let standby = (2, Some(follows(Some(1))));
        let ahead = (2, Some(follows(Some(2))));
        let table: [(&[_], _, _, _); 9] = [
            (&[old, standby], None, Some(1), Some(0)),
            (&[old, new], Some(0), Some(2), Some(1)),
            (&[new, old], Some(1), Some(2), Some(1)),
            // The old one comes back and says what it said before.
            (&[old, (1, None)], Some(1), Some(2), None),
            // Somebody follows a newer primary, whom nobody here knows.
            (&[old, ahead], Some(0), Some(2), None),
            (&[(0, None), standby], Some(0), Some(1), None),
            (
                &[(0, Some(follows(Some(2)))), new],
                Some(0),
                Some(2),
                Some(1),
            ),
            // Promoted twice.
            (
                &[(1, Some(writes(2))), (2, Some(writes(2)))],
                Some(2),
                Some(2),
                Some(2),
            ),
            (
                &[(1, Some(writes(2))), (2, Some(writes(2)))],
                None,
                Some(2),
                Some(1),
            ),
        ];
        for (said, incumbent, latest, wins) in table {
            assert_eq!(primary(said, incumbent, latest), wins, "{said:?}");
        }
    }

    #[test]
    fn nothing_is_read_on_a_timeline_that_came_to_its_end() {
        let table = [
            (Some(writes(2)), true, Some(2), Duty::Primary),
            (Some(writes(1)), false, Some(2), Duty::Outside),
            (Some(follows(Some(2))), false, Some(2), Duty::Replica),
            (Some(follows(Some(1))), false, Some(2), Duty::Outside),
            (Some(follows(None)), false, Some(2), Duty::Outside),
            (Some(follows(None)), false, None, Duty::Replica),
            (None, false, Some(2), Duty::Unknown),
        ];
        for (said, is_primary, latest, is) in table {
            assert_eq!(duty(said, is_primary, latest), is, "{said:?}");
        }
    }
}

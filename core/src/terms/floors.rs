//! The *floors* of a session: what its answers must include.

use std::cmp::Ordering;

use crate::terms::position::Position;

/// What a session's answers must include. A token is this, portable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Floors {
    /// Its acknowledged writes, all of them as one.
    pub written: Option<Written>,
    /// Everything that its loads have shown lies before this.
    pub seen: Option<Position>,
    /// How far the invalidations of its writes were numbered, and by whom.
    pub sequence: Option<Sequence>,
    /// What a cached answer must include to be a hit: the writes of which nobody numbered the
    /// invalidations.
    pub cached: Option<Position>,
}

/// Where acknowledged writes are in the log: of one, its commit lies between the two; of several, the
/// last commit of each timeline does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Asked for before COMMIT. A log that ends here has lost one of them.
    pub before: Position,
    /// Asked for after it was acknowledged. A log that reaches this has lost none.
    pub after: Position,
}

impl Written {
    /// Both as one. Each end for itself: of two writes at a time, the one that began first may be the
    /// one acknowledged last, and it must not hide that the other is certainly lost.
    ///
    /// Of two timelines the beginning is the older one's: that write is the one which may be lost.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            before: match self.before.timeline().cmp(&other.before.timeline()) {
                Ordering::Equal => self.before.later(other.before),
                Ordering::Less => self.before,
                Ordering::Greater => other.before,
            },
            after: self.after.later(other.after),
        }
    }
}

/// The number of an invalidation, in the era of whoever numbered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// Numbers of different epochs do not compare.
    pub epoch: u64,
    /// Counted from 1.
    pub number: u64,
}

impl Floors {
    /// What a load must include.
    pub fn position(&self) -> Option<Position> {
        later(self.written.map(|written| written.after), self.seen)
    }

    /// The latest timeline that the session has written to or seen.
    pub fn timeline(&self) -> Option<u32> {
        let all = [self.position(), self.cached];
        all.into_iter().flatten().map(Position::timeline).max()
    }

    /// A write was acknowledged.
    pub fn wrote(&mut self, written: Written) {
        self.written = Some(self.written.map_or(written, |known| known.and(written)));
    }

    /// What has become of the writes is known, and told if need be: from now on they are what anything
    /// else is that the session has seen, so the next ones are judged by themselves.
    pub fn judged(&mut self) {
        self.seen = later(self.seen, self.written.map(|written| written.after));
        self.written = None;
    }

    /// A load has shown nothing behind `reach`.
    pub fn saw(&mut self, reach: Position) {
        self.seen = later(self.seen, Some(reach));
    }

    /// A cached answer must include what lies before `position`.
    pub fn raise_cached(&mut self, position: Position) {
        self.cached = later(self.cached, Some(position));
    }

    /// The invalidations of a write were numbered.
    pub fn numbered(&mut self, sequence: Sequence) {
        let is_later = self
            .sequence
            .is_none_or(|known| known.epoch != sequence.epoch || known.number < sequence.number);
        if is_later {
            self.sequence = Some(sequence);
        }
    }

    /// Takes in the floors of a token; none is ever lowered. `epoch` is whose numbers this process
    /// knows: another's say nothing here, so a hit must include the write itself then.
    pub fn merge(&mut self, other: &Self, epoch: u64) {
        let is_known = |sequence: &Sequence| sequence.epoch == epoch;
        if let Some(theirs) = other.sequence.filter(is_known) {
            if self.sequence.is_some_and(|ours| !is_known(&ours)) {
                // Ours gives way, so a hit must include our own writes instead.
                self.cached = later(self.cached, self.written.map(|written| written.after));
            }
            let known = self.sequence.filter(is_known).map_or(0, |ours| ours.number);
            self.sequence = Some(Sequence {
                epoch,
                number: known.max(theirs.number),
            });
        } else {
            self.cached = later(self.cached, other.written.map(|written| written.after));
        }
        self.cached = later(self.cached, other.cached);
        self.seen = later(self.seen, other.seen);
        if let Some(written) = other.written {
            self.wrote(written);
        }
    }
}

/// The later of two positions that may be missing.
pub fn later(one: Option<Position>, other: Option<Position>) -> Option<Position> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.later(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whose numbers the process of these tests knows.
    const EPOCH: u64 = 7;

    /// Any position, often one of few, so that two of them meet.
    fn positions(timelines: impl Strategy<Value = u32>) -> impl Strategy<Value = Position> {
        let lsns = prop_oneof![3 => 0..6u64, 1 => any::<u64>()];
        (timelines, lsns).prop_map(|(timeline, lsn)| Position::new(timeline, lsn))
    }

    fn floors_on(
        timelines: impl Strategy<Value = u32> + Clone,
        epochs: impl Strategy<Value = u64>,
    ) -> impl Strategy<Value = Floors> {
        let position = || positions(timelines.clone());
        let written = (position(), position()).prop_map(|(one, other)| {
            let after = one.later(other);
            let before = if after == one { other } else { one };
            Written { before, after }
        });
        let numbers = prop_oneof![1..4u64, 1..=u64::MAX];
        let sequence = (epochs, numbers).prop_map(|(epoch, number)| Sequence { epoch, number });
        let all = (
            prop::option::of(written),
            prop::option::of(position()),
            prop::option::of(sequence),
            prop::option::of(position()),
        );
        all.prop_map(|(written, seen, sequence, cached)| Floors {
            written,
            seen,
            sequence,
            cached,
        })
    }

    /// All that a session can have.
    pub(crate) fn floors() -> impl Strategy<Value = Floors> {
        let timelines = prop_oneof![3 => 1..4u32, 1 => 1..=u32::MAX];
        floors_on(timelines, prop_oneof![3 => 5..9u64, 1 => any::<u64>()])
    }

    fn merged(mut into: Floors, tokens: &[Floors]) -> Floors {
        for token in tokens {
            into.merge(token, EPOCH);
        }
        into
    }

    /// Whether `now` includes what `then` did.
    fn includes(now: Option<Position>, then: Option<Position>) -> bool {
        later(now, then) == now
    }

    /// Whether the loss of what began at `then` shows at `now`: it is on an older timeline, or not
    /// earlier.
    fn tells_of(now: Option<Position>, then: Option<Position>) -> bool {
        match (now, then) {
            (Some(now), Some(then)) => {
                now.timeline() < then.timeline() || includes(Some(now), Some(then))
            }
            (_, then) => then.is_none(),
        }
    }

    fn before(floors: &Floors) -> Option<Position> {
        floors.written.map(|written| written.before)
    }

    fn after(floors: &Floors) -> Option<Position> {
        floors.written.map(|written| written.after)
    }

    proptest! {
        #[test]
        fn merging_a_token_again_changes_nothing(ours in floors(), token in floors()) {
            prop_assert_eq!(merged(ours, &[token, token]), merged(ours, &[token]));
        }

        #[test]
        fn merging_lowers_no_floor_of_either(ours in floors(), token in floors()) {
            let now = merged(ours, &[token]);
            for then in [ours, token] {
                prop_assert!(tells_of(before(&now), before(&then)));
                prop_assert!(includes(after(&now), after(&then)));
                prop_assert!(includes(now.seen, then.seen));
                prop_assert!(includes(now.cached, then.cached));
                prop_assert!(includes(now.position(), then.position()));
                // A number of another epoch may go; then a hit must include the writes themselves.
                if let Some(then_numbered) = then.sequence {
                    let kept = now.sequence.is_some_and(|it| {
                        it.epoch == then_numbered.epoch && it.number >= then_numbered.number
                    });
                    let foreign = then_numbered.epoch != EPOCH;
                    prop_assert!(kept || (foreign && includes(now.cached, after(&then))));
                }
            }
        }

        #[test]
        fn numbers_of_different_epochs_are_not_compared(ours in floors(), token in floors()) {
            let now = merged(ours, &[token]).sequence;
            prop_assert!(now == ours.sequence || now == token.sequence);
        }

        #[test]
        fn merged_floors_are_still_such_as_a_session_can_have(ours in floors(), token in floors()) {
            let now = merged(ours, &[token]);
            prop_assert!(includes(after(&now), before(&now)));
        }

        #[test]
        fn the_order_of_two_tokens_of_one_timeline_does_not_matter(
            ours in floors_on(Just(3), 5..9u64),
            one in floors_on(Just(3), 5..9u64),
            other in floors_on(Just(3), 5..9u64),
        ) {
            prop_assert_eq!(merged(ours, &[one, other]), merged(ours, &[other, one]));
        }

        #[test]
        fn the_order_of_any_two_tokens_does_not_matter(
            ours in floors(), one in floors(), other in floors(),
        ) {
            prop_assert_eq!(merged(ours, &[one, other]), merged(ours, &[other, one]));
        }

        #[test]
        fn a_token_of_our_epoch_raises_no_more_than_its_own_cached_floor(
            ours in floors_on(1..4u32, Just(EPOCH)),
            token in floors_on(1..4u32, Just(EPOCH)),
            number in 1..=u64::MAX,
        ) {
            let sequence = Some(Sequence { epoch: EPOCH, number });
            let token = Floors { sequence, ..token };
            let now = merged(ours, &[token]);
            prop_assert_eq!(now.cached, later(ours.cached, token.cached));
        }

        #[test]
        fn a_token_of_another_epoch_lets_no_hit_be_older_than_its_writes(
            ours in floors(), token in floors_on(1..4u32, EPOCH + 1..),
        ) {
            let now = merged(ours, &[token]);
            let raised = later(token.cached, after(&token));
            prop_assert_eq!(now.cached, later(ours.cached, raised));
            prop_assert_eq!(now.sequence, ours.sequence);
        }
    }

    #[test]
    fn a_write_that_was_acknowledged_later_does_not_hide_that_another_is_lost() {
        let at = |lsn| Position::new(1, lsn);
        let mut floors = Floors::default();
        let (short, long) = ((40, 45), (10, 50));
        for (before, after) in [short, long] {
            floors.wrote(Written {
                before: at(before),
                after: at(after),
            });
        }
        let both = Written {
            before: at(40),
            after: at(50),
        };
        assert_eq!(floors.written, Some(both));
        // On a later timeline, of which the first one may not be a part.
        floors.wrote(Written {
            before: Position::new(2, 60),
            after: Position::new(2, 70),
        });
        let all = Written {
            before: at(40),
            after: Position::new(2, 70),
        };
        assert_eq!(floors.written, Some(all));
    }
}

//! What a session may do, and the dice that choose it.

use std::time::Duration;

use fastrand::Rng;

/// A kind of operation; a [`Weights`] says how often each comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A write, acknowledged when the primary has it on disk.
    Write,
    /// A write with `synchronous_commit = off`: acknowledged before its record has left the primary's memory.
    LazyWrite,
    /// A write that keeps its transaction open, so that ids and commits come in another order.
    SlowWrite,
    /// A read of the session.
    SessionRead,
    /// A read of the session whose statement takes a while: it shows what was there when it began.
    SlowRead,
    /// A read without a session, bound by what its process wrote.
    ProcessRead,
    /// A read of the session that shows everything acknowledged.
    StrongRead,
    /// A read that promises nothing.
    EventualRead,
    /// A read of the session that is also bounded in its staleness.
    BoundedRead,
    /// A read that is bound by its staleness alone.
    BoundedEventualRead,
    /// Several reads on one snapshot.
    Snapshot,
    /// A cached read of the session's own row.
    CachedRead,
    /// The session goes on in the other process, by its token.
    Hop,
}

/// Each kind and how often it comes, relative to the others.
pub type Weights = &'static [(Kind, u32)];

/// What a read must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What the session wrote and saw.
    Session,
    /// What the process wrote.
    Process,
    /// Everything that was acknowledged.
    Strong,
    /// Nothing in particular.
    Eventual,
    /// Everything that was acknowledged so long before the call, and what the session wrote and saw.
    Bounded(Duration),
    /// Everything that was acknowledged so long before the call.
    BoundedEventual(Duration),
}

/// What a session does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Writes the next number.
    Write {
        /// Whether the server may acknowledge it before it is on disk.
        lazy: bool,
        /// How long the transaction stays open behind its update.
        open: Duration,
    },
    /// Loads the vector.
    Read {
        /// What it must show.
        level: Level,
        /// How long its statement takes.
        lasting: Duration,
    },
    /// Loads the vector so often on one snapshot.
    Snapshot(u8),
    /// Asks for the own row through the cache.
    Cached,
    /// Goes on in the other process.
    Hop,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Write,
        Self::LazyWrite,
        Self::SlowWrite,
        Self::SessionRead,
        Self::SlowRead,
        Self::ProcessRead,
        Self::StrongRead,
        Self::EventualRead,
        Self::BoundedRead,
        Self::BoundedEventualRead,
        Self::Snapshot,
        Self::CachedRead,
        Self::Hop,
    ];

    /// How it is called in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::LazyWrite => "lazy write",
            Self::SlowWrite => "slow write",
            Self::SessionRead => "session read",
            Self::SlowRead => "slow session read",
            Self::ProcessRead => "read without session",
            Self::StrongRead => "strong read",
            Self::EventualRead => "eventual read",
            Self::BoundedRead => "bounded session read",
            Self::BoundedEventualRead => "bounded eventual read",
            Self::Snapshot => "snapshot",
            Self::CachedRead => "cached read",
            Self::Hop => "hop",
        }
    }

    fn draw(self, dice: &mut Rng) -> Operation {
        let read = |level| Operation::Read {
            level,
            lasting: Duration::ZERO,
        };
        let write = |lazy, open| Operation::Write { lazy, open };
        match self {
            Self::Write => write(false, Duration::ZERO),
            Self::LazyWrite => write(true, Duration::ZERO),
            Self::SlowWrite => write(false, Duration::from_millis(dice.u64(2..=80))),
            Self::SessionRead => read(Level::Session),
            Self::SlowRead => Operation::Read {
                level: Level::Session,
                lasting: Duration::from_millis(dice.u64(1..=20)),
            },
            Self::ProcessRead => read(Level::Process),
            Self::StrongRead => read(Level::Strong),
            Self::EventualRead => read(Level::Eventual),
            Self::BoundedRead => read(Level::Bounded(bound(dice))),
            Self::BoundedEventualRead => read(Level::BoundedEventual(bound(dice))),
            Self::Snapshot => Operation::Snapshot(dice.u8(2..=4)),
            Self::CachedRead => Operation::Cached,
            Self::Hop => Operation::Hop,
        }
    }
}

/// A few different ones only: the checker keeps a place in the history for each. In milliseconds.
const BOUNDS: [u64; 6] = [200, 300, 400, 600, 1000, 2000];

fn bound(dice: &mut Rng) -> Duration {
    Duration::from_millis(BOUNDS[dice.usize(..BOUNDS.len())])
}

/// An operation, and whether its caller gives up half way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its kind.
    pub kind: Kind,
    /// What to do.
    pub operation: Operation,
    /// The caller drops it after this long.
    pub dropped_after: Option<Duration>,
}

/// What one session does, step by step. It depends on the seed alone, never on an answer.
#[derive(Debug)]
pub struct Steps {
    dice: Rng,
    weights: Weights,
    /// The sum of the weights.
    sum: u32,
    /// Of 1000 operations, how many are dropped half way.
    dropped: u32,
}

impl Steps {
    /// The steps of a session.
    pub fn new(seed: u64, session: usize, weights: Weights, dropped: u32) -> Self {
        Self {
            dice: dice(seed, "session", session),
            weights,
            sum: weights.iter().map(|(_, weight)| weight).sum(),
            dropped,
        }
    }

    fn kind(&mut self) -> Kind {
        let mut left = self.dice.u32(0..self.sum);
        for (kind, weight) in self.weights {
            if left < *weight {
                return *kind;
            }
            left -= weight;
        }
        unreachable!("the number is below the sum")
    }
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let kind = self.kind();
        let operation = kind.draw(&mut self.dice);
        let is_dropped = self.dice.u32(0..1000) < self.dropped;
        let patience = Duration::from_micros(self.dice.u64(0..5000));
        Some(Step {
            kind,
            operation,
            dropped_after: is_dropped.then_some(patience),
        })
    }
}

/// Dice for one of those who throw them; one more or less of them changes nothing for the others.
pub fn dice(seed: u64, whose: &str, index: usize) -> Rng {
    let mut mixed = seed;
    for byte in whose.bytes().chain(index.to_le_bytes()) {
        mixed = Rng::with_seed(mixed ^ u64::from(byte)).u64(..);
    }
    Rng::with_seed(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: Weights = &[(Kind::Write, 1), (Kind::SessionRead, 3), (Kind::Hop, 0)];

    fn steps(seed: u64, session: usize) -> Vec<Step> {
        Steps::new(seed, session, WEIGHTS, 100).take(4000).collect()
    }

    #[test]
    fn a_seed_repeats_what_each_session_does_and_no_two_do_the_same() {
        assert_eq!(steps(7, 0), steps(7, 0));
        assert_ne!(steps(7, 0), steps(7, 1));
        assert_ne!(steps(7, 0), steps(8, 0));
    }

    #[test]
    fn each_kind_comes_as_often_as_its_weight_says() {
        let steps = steps(7, 0);
        let share = |kind| steps.iter().filter(|step| step.kind == kind).count() as f64 / 4000.0;
        assert!((share(Kind::Write) - 0.25).abs() < 0.05);
        assert!((share(Kind::SessionRead) - 0.75).abs() < 0.05);
        assert_eq!(share(Kind::Hop), 0.0);
        let dropped = steps.iter().filter(|step| step.dropped_after.is_some());
        assert!((300..500).contains(&dropped.count()));
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> =
            Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}

//! What a run consists of.

use std::time::Duration;

use crate::history::failover::Failovers;
use crate::history::faults;
use crate::history::nemesis::{Hand, Target};
use crate::history::operation::{Kind, Weights};

/// What a run consists of; with a seed it is the same pressure again.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Sessions that work at once.
    pub sessions: usize,
    /// The run ends when at least so many operations were done ..
    pub operations: usize,
    /// .. and at least this time has passed.
    pub time: Duration,
    /// What the sessions do.
    pub weights: Weights,
    /// Of 1000 operations, how many their caller drops half way.
    pub dropped: u32,
    /// How the roles move meanwhile, if they do.
    pub failovers: Option<Failovers>,
    /// Who breaks what meanwhile.
    pub hands: &'static [Hand],
    /// What the manifolds are set to.
    pub tuning: Tuning,
    /// How long an operation may take before the harness gives it up.
    pub limit: Duration,
    /// Of 100 operations that were not dropped, how many must succeed.
    pub liveness: u32,
}

/// The settings of the manifolds that make a difference to what shows.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// How long a read waits for a replica before it goes to the primary.
    pub wait: Duration,
    /// How often each node is asked where it is.
    pub poll: Duration,
    /// How many times as long the second process waits between two questions.
    pub second: u32,
}

impl Tuning {
    /// The library's own defaults.
    pub const DEFAULT: Self = Self {
        wait: Duration::from_millis(25),
        poll: Duration::from_millis(100),
        second: 1,
    };
}

const WEIGHTS: Weights = &[
    (Kind::Write, 12),
    (Kind::LazyWrite, 6),
    (Kind::SlowWrite, 4),
    (Kind::SessionRead, 40),
    (Kind::SlowRead, 4),
    (Kind::ProcessRead, 6),
    (Kind::StrongRead, 3),
    (Kind::EventualRead, 4),
    (Kind::BoundedRead, 5),
    (Kind::BoundedEventualRead, 6),
    (Kind::Snapshot, 4),
    (Kind::CachedRead, 4),
    (Kind::Hop, 2),
];

const BOTH_REPLICAS_AND_REDIS: &[Hand] = &[
    Hand {
        on: Target::Replica(0),
        faults: faults::OF_REPLICAS,
        rests: (50, 500),
    },
    Hand {
        on: Target::Replica(1),
        faults: faults::OF_REPLICAS,
        rests: (50, 500),
    },
    Hand {
        on: Target::Redis,
        faults: faults::OF_REDIS,
        rests: (200, 1000),
    },
];

impl Plan {
    /// The full run: every kind of operation, every fault, on both replicas and on Redis, and failovers.
    pub fn full() -> Self {
        Self {
            sessions: 8,
            operations: 20_000,
            time: Duration::from_secs(60),
            weights: WEIGHTS,
            dropped: 10,
            failovers: Some(Failovers::FULL),
            hands: BOTH_REPLICAS_AND_REDIS,
            tuning: Tuning::DEFAULT,
            limit: Duration::from_secs(3),
            liveness: 90,
        }
    }

    /// The same for a few seconds.
    pub fn short() -> Self {
        Self {
            operations: 1000,
            time: Duration::from_secs(6),
            ..Self::full()
        }
    }
}

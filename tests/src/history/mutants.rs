//! Mistakes that are easily made about positions, and for each a directed plan in which it shows.
//!
//! Each is a trap that somebody has fallen into. The core can be told to fall into it, too; then the
//! harness must say so, else a run without violations would mean nothing.

use std::time::Duration;

use diesel_manifold::Trap;

use crate::World;
use crate::history::failover::{Failovers, Heir, Third, Way};
use crate::history::faults::{
    CRASH_AND_LAG, CUT, Fault, KILL, LONG_DELAY, LONGER_DELAY, PAUSE, SYNCHRONOUS_WAIT,
};
use crate::history::nemesis::{Hand, Target};
use crate::history::operation::{Kind, Weights};
use crate::history::plan::{Plan, Tuning};
use crate::history::report::Report;
use crate::history::runner::run;
use crate::history::trial::Trial;

/// A mistake, and where it shows.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// How it is called.
    pub name: &'static str,
    /// What the core is told to do.
    pub trap: Trap,
    /// What the sessions do.
    pub weights: Weights,
    /// How the roles move meanwhile, if they do.
    pub failovers: Option<Failovers>,
    /// Who breaks what meanwhile.
    pub hands: &'static [Hand],
    /// What the manifolds are set to.
    pub tuning: Tuning,
    /// What shows it.
    pub shown_by: Sign,
}

/// What shows a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Broken promises.
    Violations,
    /// Gap pairs where nothing but the mistake moves a session to the primary.
    GapPairs,
}

/// How long one directed run takes, at least.
const TIME: Duration = Duration::from_secs(3);

/// The same where roles move: several times.
const TIME_TO_FAIL_OVER: Duration = Duration::from_secs(8);

/// It goes on until so much was done, for machines that are busy with something else.
const OPERATIONS: usize = 400;

/// The usual mixture of what a session's floor is about.
const WRITES_AND_READS: Weights = &[(Kind::Write, 30), (Kind::SessionRead, 70)];

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    // The position is newer than the snapshot that the statement had begun with.
    Mutant {
        name: "guard_inside",
        trap: Trap::GuardInside,
        weights: &[(Kind::Write, 30), (Kind::SlowRead, 70)],
        failovers: None,
        hands: &[always(0, &[LATER]), always(1, &[LATER])],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // A standby's snapshot lists no transaction as running, so whatever has an older id than the newest one
    // that it replayed counts as visible.
    Mutant {
        name: "standby_snapshot",
        trap: Trap::StandbySnapshot,
        weights: &[(Kind::SlowWrite, 50), (Kind::SessionRead, 50)],
        failovers: None,
        hands: &[always(0, &[LATER]), always(1, &[LATER])],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // Received is not replayed, and who receives nothing any more has replayed it all.
    Mutant {
        name: "receive_is_replay",
        trap: Trap::ReceiveIsReplay,
        weights: WRITES_AND_READS,
        failovers: None,
        hands: &[
            restless(0, &[SHORT_PAUSE, CUT]),
            restless(1, &[SHORT_PAUSE, CUT]),
        ],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // A replica is young for a while after it stopped to replay.
    Mutant {
        name: "replay_timestamp",
        trap: Trap::ReplayTimestamp,
        weights: WRITES_AND_READS,
        failovers: None,
        hands: &[restless(0, &[SHORT_PAUSE]), restless(1, &[SHORT_PAUSE])],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // What is not written out yet lies behind it, and is acknowledged all the same.
    Mutant {
        name: "write_lsn_token",
        trap: Trap::WriteLsnToken,
        weights: &[(Kind::LazyWrite, 30), (Kind::SessionRead, 70)],
        failovers: None,
        hands: &[],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // A commit is on the replicas before the primary shows it.
    Mutant {
        name: "primary_is_fresher",
        trap: Trap::PrimaryIsFresher,
        weights: &[(Kind::Write, 4), (Kind::SessionRead, 96)],
        failovers: None,
        hands: &[Hand {
            on: Target::Primary,
            faults: &[SYNCHRONOUS_WAIT.lasting(300, 600)],
            rests: (50, 100),
        }],
        // Nothing but the mistake may move a session there.
        tuning: Tuning {
            wait: Duration::from_secs(3),
            ..Tuning::DEFAULT
        },
        shown_by: Sign::GapPairs,
    },
    // What an answer includes at least is not all that it has shown.
    Mutant {
        name: "stamp_as_reach",
        trap: Trap::StampAsReach,
        weights: &[(Kind::Write, 8), (Kind::SessionRead, 92)],
        failovers: None,
        hands: &[always(0, &[MUCH_LATER])],
        // The older what is known, the more stamps the late one covers.
        tuning: Tuning {
            poll: Duration::from_millis(300),
            ..Tuning::DEFAULT
        },
        shown_by: Sign::Violations,
    },
    // A replica that recovers shows the past again.
    Mutant {
        name: "trust_across_crash",
        trap: Trap::TrustAcrossCrash,
        weights: &[
            (Kind::Write, 10),
            (Kind::SessionRead, 45),
            (Kind::BoundedEventualRead, 45),
        ],
        // Whoever leaves the one that crashes has nowhere to go but the primary, and comes back.
        failovers: None,
        hands: &[
            Hand {
                on: Target::Replica(0),
                faults: &[CRASH_AND_LAG.lasting(200, 500)],
                rests: (100, 200),
            },
            always(1, &[DOWN]),
        ],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // A sample that is older than the bound says nothing about what came between.
    Mutant {
        name: "ring_wrong_side",
        trap: Trap::RingWrongSide,
        weights: &[(Kind::Write, 40), (Kind::BoundedEventualRead, 60)],
        failovers: None,
        hands: &[restless(0, &[LONG_PAUSE]), restless(1, &[LONG_PAUSE])],
        // The further apart the samples are, the more comes between.
        tuning: Tuning {
            poll: Duration::from_millis(400),
            ..Tuning::DEFAULT
        },
        shown_by: Sign::Violations,
    },
    // The commit's own record lies behind it.
    Mutant {
        name: "position_before_commit",
        trap: Trap::PositionBeforeCommit,
        weights: &[(Kind::Write, 6), (Kind::SessionRead, 94)],
        failovers: None,
        hands: &[always(0, &[MUCH_LATER]), always(1, &[MUCH_LATER])],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // Whoever was there first goes on taking writes that are lost.
    Mutant {
        name: "lower_timeline_wins",
        trap: Trap::LowerTimelineWins,
        weights: WRITES_AND_READS,
        failovers: Some(Failovers {
            two: (1800, 2200),
            ..SPLITTING
        }),
        hands: &[],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // The new timeline does not have all of the old one.
    Mutant {
        name: "order_across_timelines",
        trap: Trap::OrderAcrossTimelines,
        weights: WRITES_AND_READS,
        failovers: Some(LOSING),
        hands: &[],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // A write that waits for the new primary comes behind one that is lost with the old one.
    Mutant {
        name: "lost_is_silent",
        trap: Trap::LostIsSilent,
        weights: &[(Kind::Write, 70), (Kind::SessionRead, 30)],
        failovers: Some(LOSING),
        hands: &[],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // What was lost is still there, on a node that nobody has told.
    Mutant {
        name: "old_timeline_reads",
        trap: Trap::OldTimelineReads,
        weights: &[(Kind::Write, 40), (Kind::EventualRead, 60)],
        failovers: Some(Failovers {
            third: &[Third::Keeps],
            stays: (300, 600),
            two: (300, 600),
            ..SPLITTING
        }),
        hands: &[],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // By the time it is asked the new primary has written something of its own.
    Mutant {
        name: "switch_at_insert",
        trap: Trap::SwitchAtInsert,
        weights: WRITES_AND_READS,
        failovers: Some(Failovers {
            cut: (0, 60),
            ..LOSING
        }),
        hands: &[],
        // By then the other process has written there.
        tuning: Tuning {
            poll: Duration::from_millis(600),
            ..Tuning::DEFAULT
        },
        shown_by: Sign::Violations,
    },
    // While there is no primary calls wait for one, and are answered by the new one.
    Mutant {
        name: "told_before_only",
        trap: Trap::ToldBeforeOnly,
        weights: WRITES_AND_READS,
        failovers: Some(LOSING),
        hands: &[],
        tuning: Tuning::DEFAULT,
        shown_by: Sign::Violations,
    },
    // One process has noticed the promotion and the other one has not.
    Mutant {
        name: "other_timeline_ignored",
        trap: Trap::OtherTimelineIgnored,
        // A read that asks a replica would notice.
        weights: &[(Kind::Write, 40), (Kind::StrongRead, 30), (Kind::Hop, 30)],
        failovers: Some(Failovers {
            two: (600, 900),
            rests: (50, 150),
            ..SPLITTING
        }),
        hands: &[],
        // The longer it takes, the more sessions hop meanwhile.
        tuning: Tuning {
            second: 9,
            ..Tuning::DEFAULT
        },
        shown_by: Sign::Violations,
    },
];

/// A failover that loses what was written last, and no hand to help it.
const LOSING: Failovers = Failovers {
    ways: &[Way::Dies],
    heir: &[Heir::Cut],
    third_cut: (0, 0),
    cut: (60, 150),
    nobody: (50, 250),
    third: &[Third::Cut],
    stays: (0, 50),
    away: (0, 50),
    two: (50, 100),
    rests: (200, 400),
};

/// From then on there are two.
const SPLITTING: Failovers = Failovers {
    ways: &[Way::Stays],
    ..LOSING
};

const SHORT_PAUSE: Fault = PAUSE.lasting(20, 150);
const LONG_PAUSE: Fault = PAUSE.lasting(300, 900);

/// Longer than any run.
const ALL_THE_TIME: (u64, u64) = (3_600_000, 3_600_000);

const LATER: Fault = LONGER_DELAY.lasting(ALL_THE_TIME.0, ALL_THE_TIME.1);
const MUCH_LATER: Fault = LONG_DELAY.lasting(ALL_THE_TIME.0, ALL_THE_TIME.1);
const DOWN: Fault = KILL.lasting(ALL_THE_TIME.0, ALL_THE_TIME.1);

/// A hand that does one thing to a replica, and that is all.
const fn always(replica: usize, fault: &'static [Fault; 1]) -> Hand {
    Hand {
        on: Target::Replica(replica),
        faults: fault,
        rests: (0, 0),
    }
}

/// A hand on a replica that hardly rests.
const fn restless(replica: usize, faults: &'static [Fault]) -> Hand {
    Hand {
        on: Target::Replica(replica),
        faults,
        rests: (10, 100),
    }
}

impl Mutant {
    /// The directed plan.
    pub fn plan(&self) -> Plan {
        Plan {
            operations: OPERATIONS,
            time: if self.failovers.is_some() {
                TIME_TO_FAIL_OVER
            } else {
                TIME
            },
            weights: self.weights,
            dropped: 0,
            failovers: self.failovers,
            hands: self.hands,
            tuning: self.tuning,
            ..Plan::full()
        }
    }

    /// How often a run shows what shows the mistake.
    pub fn signs(&self, report: &Report) -> usize {
        match self.shown_by {
            Sign::Violations => report.verdict.violations.len(),
            Sign::GapPairs => report.verdict.gap_pairs,
        }
    }

    /// Runs its plan while the core makes the mistake.
    pub fn run(&self, world: &World, plan: &Plan, seed: u64) -> Report {
        run(world, plan, seed, &|builder| builder.trap(self.trap))
    }

    /// Runs its plan with and without the mistake.
    pub fn trial(&self, world: &World, plan: &Plan, seed: u64) -> Trial {
        let honest = run(world, plan, seed, &|builder| builder);
        Trial::new(*self, honest, self.run(world, plan, seed))
    }
}

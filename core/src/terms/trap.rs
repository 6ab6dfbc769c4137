//! A *trap*: a mistake about positions that is easily made. The history harness has the core make it,
//! and must notice.
//!
//! For the tests alone: without the feature `traps` no manifold can be in one.

/// Which mistake to make.
#[cfg_attr(
    not(feature = "traps"),
    expect(
        dead_code,
        reason = "what only the wrong queries look at is named all the same"
    )
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// A node's position is asked for behind the body's first query instead of ahead of it.
    GuardInside,
    /// A standby shows every transaction that its `pg_current_snapshot()` does not list as running.
    StandbySnapshot,
    /// A standby that has replayed what it received is not behind.
    ReceiveIsReplay,
    /// A standby whose last replayed commit is young is not behind.
    ReplayTimestamp,
    /// A write is at `pg_current_wal_lsn()`: as far as the log is written out.
    WriteLsnToken,
    /// The primary shows everything that any replica shows, so a session goes there freely.
    PrimaryIsFresher,
    /// What an answer includes at least is all that it has shown, so a session goes anywhere from there.
    StampAsReach,
    /// A position vouches for connections that were opened later, and across a break.
    TrustAcrossCrash,
    /// The last sample before a bound on staleness proves it.
    RingWrongSide,
    /// A write is where the log was right before its COMMIT.
    PositionBeforeCommit,
    /// Of two primaries the one that was there first is kept, on the lower timeline.
    LowerTimelineWins,
    /// A place on an older timeline lies before every place on a later one, so whoever is there has it.
    OrderAcrossTimelines,
    /// Where a session has written is the last place where it has, whatever it wrote on an older timeline.
    LostIsSilent,
    /// Who is on a timeline that came to its end goes on answering reads.
    OldTimelineReads,
    /// A timeline begins where the promoted node inserts when it is seen first.
    SwitchAtInsert,
    /// A session is told of its losses before a call only, not by the one during which they become known.
    ToldBeforeOnly,
    /// A session that was on a later timeline in another process is served by whom this one takes for the primary.
    OtherTimelineIgnored,
}

/// The trap that a manifold is in, if any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trapped {
    #[cfg(feature = "traps")]
    by: Option<Trap>,
}

#[cfg(feature = "traps")]
impl Trapped {
    /// Trapped by this one.
    pub const fn by(trap: Trap) -> Self {
        Self { by: Some(trap) }
    }

    /// The trap, if it is about what a server is asked.
    pub const fn question(self) -> Option<Trap> {
        match self.by {
            Some(
                Trap::StandbySnapshot
                | Trap::ReceiveIsReplay
                | Trap::ReplayTimestamp
                | Trap::WriteLsnToken,
            ) => self.by,
            _ => None,
        }
    }

    /// Whether it is this one.
    pub fn is(self, trap: Trap) -> bool {
        self.by == Some(trap)
    }
}

#[cfg(not(feature = "traps"))]
impl Trapped {
    /// Never.
    #[expect(
        clippy::unused_self,
        reason = "with the feature there is something to look at"
    )]
    pub const fn is(self, _: Trap) -> bool {
        false
    }
}

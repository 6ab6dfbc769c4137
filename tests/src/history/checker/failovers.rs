//! Across failovers: what was lost is told to whom it was acknowledged, and nobody else; and who knows of the new
//! timeline has done with the old one.

use diesel_manifold::{Moment, Position};

use crate::history::aftermath::Aftermath;
use crate::history::checker::facts::timeline;
use crate::history::checker::{Check, Facts, Found, Promise};
use crate::history::client::{WRITE_LOST, WRITE_UNCERTAIN};
use crate::history::record::{Outcome, Record};

/// A session is told of its losses: before it is shown a state without them, and only of what is lost.
///
/// "May be lost" is an answer, too: it is counted, see [`Tally`].
#[derive(Debug)]
pub struct Losses {
    row: usize,
    /// Acknowledged, lost, and not told yet.
    untold: Vec<i64>,
    /// Whether it has writes in doubt that are not there. The library may know them acknowledged, and tell.
    doubtful: bool,
}

impl Losses {
    /// The check for a session.
    pub fn new(session: usize) -> Self {
        Self {
            row: session,
            untold: Vec::new(),
            doubtful: false,
        }
    }

    /// The loss that a state shows which has this number in the session's row.
    fn shown_by(&self, facts: &Facts<'_>, shown: i64, until: Moment) -> Option<i64> {
        // What was written behind a loss, and is there, was written without it.
        let is_without =
            |lost: i64| shown < lost || (shown > lost && facts.survived(self.row, shown));
        let mut untold = self.untold.iter().copied();
        untold.find(|lost| is_without(*lost) && facts.is_excused(self.row, *lost, until))
    }
}

impl Check for Losses {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        match (&record.outcome, record.number) {
            (Outcome::Failed(WRITE_LOST), _) => {
                if self.untold.is_empty() && !self.doubtful {
                    let what = "was told that a write is lost, and all of them are there";
                    found.violation(Promise::NoFalseAlarm, what.to_owned());
                }
                self.untold.clear();
            }
            (Outcome::Failed(WRITE_UNCERTAIN), _) => self.untold.clear(),
            (Outcome::Done, Some(number)) if facts.is_lost(self.row, number) => {
                self.untold.push(number);
            }
            (Outcome::InDoubt(_), Some(number)) if !facts.survived(self.row, number) => {
                self.doubtful = true;
            }
            _ => {}
        }
        let shown = match record.outcome {
            Outcome::Cached(shown) => Some(shown),
            _ if record.is_load_of_session() => {
                let loads = record.shown().iter();
                loads.map(|vector| vector[self.row]).min()
            }
            _ => None,
        };
        let loss = shown.and_then(|shown| Some((shown, self.shown_by(facts, shown, record.end)?)));
        if let Some((shown, lost)) = loss {
            let what =
                format!("shows {shown}; {lost} was acknowledged and is lost, and nobody told it");
            found.violation(Promise::LossesTold, what);
            // Once is enough.
            self.untold.clear();
        }
    }
}

/// What the log of all writes says of each.
#[derive(Debug)]
pub struct Durable {
    row: usize,
}

impl Durable {
    /// The check for a session.
    pub fn new(session: usize) -> Self {
        Self { row: session }
    }
}

impl Check for Durable {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        let (Some(number), Some(log)) = (record.number, &facts.aftermath.log) else {
            return;
        };
        let times = log.get(&(self.row, number)).copied().unwrap_or(0);
        let ever = facts.aftermath.failovers.last().map(|it| it.over);
        let what = match record.outcome {
            Outcome::Failed(why) if times > 0 => format!("{number} failed ({why}), and is there"),
            Outcome::Done if times == 0 => {
                let excused = ever.is_some_and(|over| facts.is_excused(self.row, number, over));
                if excused {
                    return;
                }
                format!("{number} was acknowledged, and is lost without a failover")
            }
            _ if times > 1 => format!("{number} is there {times} times"),
            _ => return,
        };
        found.violation(Promise::Durable, what);
    }
}

/// Who knows of a later timeline has done with the older ones. A process knows of it when a write was acknowledged to
/// it there, or the promotion is some time ago; a session, when it wrote there or was shown what was written there.
#[derive(Debug)]
pub struct LatestTimeline {
    row: usize,
    /// What the session knows.
    known: u32,
}

impl LatestTimeline {
    /// The check for a session.
    pub fn new(session: usize) -> Self {
        Self {
            row: session,
            known: 0,
        }
    }

    /// A number that was lost with an older timeline than `known`, by row.
    fn lost(facts: &Facts<'_>, shown: (usize, i64), known: u32) -> Option<(usize, i64, u32)> {
        let (row, number) = shown;
        let timeline = facts.timeline(row, number).filter(|it| *it < known)?;
        facts
            .is_lost(row, number)
            .then_some((row, number, timeline))
    }
}

impl Check for LatestTimeline {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        let of_process = facts.known_timeline(record.process, record.start);
        let heeds_session = record.is_load_of_session() || record.number.is_some();
        let known = if heeds_session {
            of_process.max(self.known)
        } else {
            of_process
        };
        let acknowledged = timeline(record, facts.aftermath);
        if let Some(older) = acknowledged.filter(|it| *it < known) {
            let what =
                format!("a write was acknowledged on timeline {older}, and {known} was known");
            found.violation(Promise::LatestTimeline, what);
        }
        let stamp = record.trace.as_ref().and_then(|trace| trace.stamp);
        // As far as the new primary had replayed both timelines are one.
        let is_lost = |stamp: &Position| {
            let (timeline, lsn) = (stamp.timeline(), stamp.lsn());
            let aftermath = facts.aftermath;
            record.has_succeeded() && aftermath.is_behind_switch(timeline, lsn, known)
        };
        if let Some(stamp) = stamp.filter(is_lost) {
            let older = stamp.timeline();
            let what = format!("an answer of {stamp} on timeline {older}, and {known} was known");
            found.violation(Promise::LatestTimeline, what);
        }
        let loads = record.shown().iter();
        let shown = loads.flat_map(|vector| vector.iter().copied().enumerate());
        let cached = match record.outcome {
            Outcome::Cached(shown) => Some((self.row, shown)),
            _ => None,
        };
        let mut shown: Vec<_> = shown.chain(cached).collect();
        if let Some((row, number, older)) =
            (shown.iter()).find_map(|shown| Self::lost(facts, *shown, known))
        {
            let what = format!(
                "row {row} shows {number}, which was lost with timeline {older}, and {known} was known"
            );
            found.violation(Promise::LatestTimeline, what);
        }
        if !record.is_load_of_session() {
            shown.clear();
        }
        let timelines = shown
            .iter()
            .filter_map(|(row, shown)| facts.timeline(*row, *shown));
        let news = timelines.chain(acknowledged).max();
        self.known = self.known.max(news.unwrap_or(0));
    }
}

/// What became of one session's writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Its acknowledged writes.
    pub acknowledged: usize,
    /// Of those, the ones that are not there.
    pub lost: usize,
    /// Of those, the ones of which it was told that they are lost.
    pub told_lost: usize,
    /// The ones of which it was told that they may be.
    pub told_uncertain: usize,
    /// How often it was told that writes are lost.
    pub alarms: usize,
    /// How often it was told that writes may be.
    pub doubts: usize,
}

/// What became of each session's writes.
pub fn tally(sessions: &[Vec<Record>], aftermath: &Aftermath) -> Vec<Tally> {
    let facts = Facts::of(sessions, aftermath);
    let of_session = |(row, records): (usize, &Vec<Record>)| {
        let (mut tally, mut untold) = (Tally::default(), 0);
        for record in records {
            match (&record.outcome, record.number) {
                (Outcome::Done, Some(number)) => {
                    tally.acknowledged += 1;
                    let lost = usize::from(facts.is_lost(row, number));
                    tally.lost += lost;
                    untold += lost;
                }
                (Outcome::Failed(WRITE_LOST), _) => {
                    tally.alarms += 1;
                    tally.told_lost += std::mem::take(&mut untold);
                }
                (Outcome::Failed(WRITE_UNCERTAIN), _) => {
                    tally.doubts += 1;
                    tally.told_uncertain += std::mem::take(&mut untold);
                }
                _ => {}
            }
        }
        tally
    };
    sessions.iter().enumerate().map(of_session).collect()
}

//! What a run tells.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::history::aftermath::Aftermath;
use crate::history::checker::{self, Tally, Verdict, Violation};
use crate::history::client::DROPPED;
use crate::history::nemesis::Happened;
use crate::history::plan::Plan;
use crate::history::record::{Outcome, Record};

/// Violations that are told in full; of the others only how many there are.
const TOLD: usize = 5;

/// A run and what came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the pressure is repeated by.
    pub seed: u64,
    /// What was run.
    pub plan: Plan,
    /// How long it took.
    pub time: Duration,
    /// What each session did.
    pub records: Vec<Vec<Record>>,
    /// What the hands did.
    pub happened: Vec<Happened>,
    /// What was left.
    pub aftermath: Aftermath,
    /// What the checks found.
    pub verdict: Verdict,
}

impl Report {
    /// Why the run did not hold; empty if it did.
    pub fn shortcomings(&self) -> Vec<String> {
        let mut found = Vec::new();
        let violations = self.verdict.violations.len();
        if violations > 0 {
            found.push(format!("{violations} violations"));
        }
        if self.succeeded() < f64::from(self.plan.liveness) {
            let (succeeded, least) = (self.succeeded(), self.plan.liveness);
            found.push(format!("{succeeded:.1} % succeeded, fewer than {least} %"));
        }
        if self.operations() < self.plan.operations {
            let (done, asked) = (self.operations(), self.plan.operations);
            found.push(format!("{done} operations of {asked}"));
        }
        let faults = self.plan.hands.iter().flat_map(|hand| hand.faults);
        let ways = self.plan.failovers.iter().flat_map(|it| it.ways);
        let names = faults.map(|it| it.name).chain(ways.map(|it| it.name()));
        for name in names {
            if !self.happened.iter().any(|it| it.name == name) {
                found.push(format!("no {name} happened"));
            }
        }
        found.dedup();
        found
    }

    /// How many operations there were.
    pub fn operations(&self) -> usize {
        self.all().count()
    }

    /// Of 100 operations that nobody dropped, how many did what they were to do.
    pub fn succeeded(&self) -> f64 {
        let (mut succeeded, mut asked) = (0.0, 0.0);
        for record in self.all() {
            if !matches!(
                record.outcome,
                Outcome::Failed(DROPPED) | Outcome::InDoubt(DROPPED)
            ) {
                asked += 1.0;
                succeeded += f64::from(u8::from(record.has_succeeded()));
            }
        }
        100.0 * succeeded / f64::max(asked, 1.0)
    }

    /// What became of each session's writes.
    pub fn tally(&self) -> Vec<Tally> {
        checker::tally(&self.records, &self.aftermath)
    }

    /// What failovers lost, and who was told.
    fn tell_losses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.tally();
        let sum = |of: fn(&Tally) -> usize| all.iter().map(of).sum::<usize>();
        let losers = all.iter().filter(|it| it.lost > 0).count();
        writeln!(
            f,
            "acknowledged writes: {}, lost: {} of {losers} sessions, told lost: {}, told uncertain: {}; \
             told {} times lost, {} times uncertain",
            sum(|it| it.acknowledged),
            sum(|it| it.lost),
            sum(|it| it.told_lost),
            sum(|it| it.told_uncertain),
            sum(|it| it.alarms),
            sum(|it| it.doubts),
        )?;
        for (session, it) in all.iter().enumerate().filter(|(_, it)| it.lost > 0) {
            let (lost, told, maybe) = (it.lost, it.told_lost, it.told_uncertain);
            let written = it.acknowledged;
            writeln!(
                f,
                "  session {session}: {written} acknowledged, {lost} lost, {told} told lost, {maybe} told uncertain"
            )?;
        }
        Ok(())
    }

    /// Which promises were broken how often: `own writes 3, need met 1`.
    pub fn broken(&self) -> String {
        let violations = self.verdict.violations.iter();
        let promises = tally(violations.map(|it| it.promise)).into_iter();
        listed(promises.map(|(it, count)| (it.name(), count)).collect())
    }

    fn all(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().flatten()
    }

    /// The record of a violation with what was broken at the time.
    fn tell(&self, f: &mut fmt::Formatter<'_>, violation: &Violation) -> fmt::Result {
        let record = &self.records[violation.session][violation.record];
        let ms = |moment: diesel_manifold::Moment| moment.since(<_>::default()).as_secs_f64() * 1e3;
        writeln!(f, "  {violation}")?;
        let (start, end) = (ms(record.start), ms(record.end));
        write!(
            f,
            "    {:.1} to {:.1} ms, {}",
            start,
            end,
            record.step.kind.name()
        )?;
        write!(f, " in process {}", record.process)?;
        if let Some(trace) = &record.trace {
            let at = |position: Option<_>| {
                position.map_or("-".to_owned(), |it: diesel_manifold::Position| {
                    it.to_string()
                })
            };
            let (need, stamp) = (at(trace.need), at(trace.stamp));
            write!(
                f,
                ", by {} ({}), need {need}, stamp {stamp}",
                trace.node, trace.reason
            )?;
        }
        let met = |it: &&Happened| it.start <= record.end && record.start <= it.end;
        for it in self.happened.iter().filter(met) {
            write!(
                f,
                ", {} on {} since {:.1} ms",
                it.name,
                it.node,
                ms(it.start)
            )?;
        }
        writeln!(f)
    }
}

/// How often each comes.
fn tally<K: Ord>(all: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut tally = BTreeMap::new();
    for one in all {
        *tally.entry(one).or_default() += 1;
    }
    tally
}

/// `pause 3, kill 2`
fn listed<K: fmt::Display + Ord>(tally: BTreeMap<K, usize>) -> String {
    let all: Vec<_> = tally
        .into_iter()
        .map(|(key, count)| format!("{key} {count}"))
        .collect();
    all.join(", ")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, sessions) = (self.time.as_secs_f64(), self.records.len());
        let operations = self.operations();
        writeln!(
            f,
            "operations: {operations} in {sessions} sessions and {seconds:.1} s"
        )?;
        let kinds = tally(self.all().map(|record| record.step.kind));
        let kinds = kinds.into_iter().map(|(kind, count)| (kind.name(), count));
        writeln!(f, "  {}", listed(kinds.collect()))?;
        let answers = self.all().filter(|record| !record.shown().is_empty());
        let nodes = answers.filter_map(|record| record.trace.as_ref().map(|it| it.node.as_str()));
        writeln!(f, "  loads answered by: {}", listed(tally(nodes)))?;
        let failures = self.all().filter_map(|record| match record.outcome {
            Outcome::Failed(DROPPED) | Outcome::InDoubt(DROPPED) => Some(DROPPED.to_owned()),
            Outcome::Failed(why) | Outcome::InDoubt(why) => {
                Some(format!("{} {why}", record.step.kind.name()))
            }
            _ => None,
        });
        writeln!(
            f,
            "  succeeded: {:.1} % of those not dropped (at least {} %); without success: {}",
            self.succeeded(),
            self.plan.liveness,
            listed(tally(failures))
        )?;
        let faults = listed(tally(self.happened.iter().map(|it| it.name)));
        writeln!(f, "faults: {} ({faults})", self.happened.len())?;
        if !self.aftermath.failovers.is_empty() {
            self.tell_losses(f)?;
        }
        let pairs = self.verdict.gap_pairs;
        writeln!(f, "pairs in the gap from replica to primary: {pairs}")?;
        writeln!(f, "seed: {}", self.seed)?;
        let violations = self.verdict.violations.len();
        if violations == 0 {
            return write!(f, "violations: 0");
        }
        for violation in self.verdict.violations.iter().take(TOLD) {
            self.tell(f, violation)?;
        }
        write!(f, "violations: {violations} ({})", self.broken())
    }
}

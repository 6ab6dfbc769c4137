//! What a run has left behind: which writes are still there, and when the roles moved.
//!
//! A failover loses writes, acknowledged or not: those that the promoted node had not received. Which ones, the
//! log of all writes tells when the run is over. When they were lost nobody can say from outside; but not before
//! anything was done to anybody, and not after the old primary was gone for good.

use std::collections::HashMap;

use diesel_manifold::Moment;

/// What a run has left behind.
#[derive(Debug, Clone, Default)]
pub struct Aftermath {
    /// How often each write, by row and number, is in the log. `None`: nobody looked, and all are there.
    pub log: Option<HashMap<(usize, i64), usize>>,
    /// The timeline at the beginning.
    pub timeline: u32,
    /// In their order.
    pub failovers: Vec<Failover>,
}

/// One failover, from the first thing that was done to anybody to the last.
#[derive(Debug, Clone)]
pub struct Failover {
    /// Before anything was done: until then nothing was lost.
    pub began: Moment,
    /// Before the promotion was asked for: until then only the old primary took writes.
    pub promoting: Moment,
    /// From then on the new one takes writes.
    pub promoted: Moment,
    /// The old primary is gone, and whatever was written there.
    pub over: Moment,
    /// Who was promoted.
    pub promotes: String,
    /// How far it had replayed the old timeline: what lies behind is lost.
    pub switch: u64,
}

impl Aftermath {
    /// Whether the write is there.
    pub fn has(&self, row: usize, number: i64) -> bool {
        let log = self.log.as_ref();
        log.is_none_or(|log| log.contains_key(&(row, number)))
    }

    /// Whether a failover was under way at any time between the two.
    pub fn has_failover(&self, from: Moment, until: Moment) -> bool {
        let mut failovers = self.failovers.iter();
        failovers.any(|it| it.began <= until && from <= it.over)
    }

    /// The timeline on which `node` acknowledged a write at this moment. It is a primary once in a run, or again
    /// by another promotion.
    pub fn timeline_of(&self, node: &str, at: Moment) -> u32 {
        let promotions = self.failovers.iter().zip(self.timeline + 1..);
        let its = promotions.filter(|(it, _)| it.promotes == node && it.promoting <= at);
        its.map(|(_, timeline)| timeline)
            .last()
            .unwrap_or(self.timeline)
    }

    /// Whether a node at this place of the log has what was lost with its timeline, once `known` is there.
    pub fn is_behind_switch(&self, timeline: u32, lsn: u64, known: u32) -> bool {
        let promotions = self.failovers.iter().zip(self.timeline + 1..);
        let mut since = promotions.filter(|(_, began)| timeline < *began && *began <= known);
        since.any(|(it, _)| lsn > it.switch)
    }

    /// The timeline that the last promotion before `at` began.
    pub fn timeline_at(&self, at: Moment) -> u32 {
        let promotions = self.failovers.iter().zip(self.timeline + 1..);
        let done = promotions.filter(|(it, _)| it.promoted <= at);
        done.map(|(_, timeline)| timeline)
            .last()
            .unwrap_or(self.timeline)
    }
}

/// Writes by how often they come.
pub fn counted(writes: Vec<(usize, i64)>) -> HashMap<(usize, i64), usize> {
    let mut counted = HashMap::new();
    for write in writes {
        *counted.entry(write).or_default() += 1;
    }
    counted
}

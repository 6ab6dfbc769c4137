//! By itself: an answer that makes no sense, whoever asks.

use crate::history::checker::{Check, Facts, Found, Promise};
use crate::history::record::{Outcome, Record, Role};

/// All loads of a snapshot show the same.
#[derive(Debug)]
pub struct OneSnapshot;

impl Check for OneSnapshot {
    fn next(&mut self, _: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        let differs = record.shown().windows(2).find(|pair| pair[0] != pair[1]);
        if let Some(pair) = differs {
            let what = format!("{:?}, then {:?} on one snapshot", pair[0], pair[1]);
            found.violation(Promise::OneSnapshot, what);
        }
    }
}

/// Nothing is shown that nobody wrote.
#[derive(Debug)]
pub struct OnlyWritten {
    row: usize,
}

impl OnlyWritten {
    /// The check for a session.
    pub fn new(session: usize) -> Self {
        Self { row: session }
    }
}

impl Check for OnlyWritten {
    fn next(&mut self, facts: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        let cached = match record.outcome {
            Outcome::Cached(shown) => Some((self.row, shown)),
            _ => None,
        };
        let loads = record.shown().iter();
        let rows = loads.flat_map(|vector| vector.iter().copied().enumerate());
        for (row, shown) in rows.chain(cached) {
            if !facts.may_show(row, shown, record.end) {
                let what = format!("row {row} shows {shown}, which nobody wrote");
                found.violation(Promise::OnlyWritten, what);
            }
        }
    }
}

/// What a replica's answer is known to include is no less than what it had to.
///
/// Not asked of the primary: it shows all that was acknowledged, and its stamp is a lower bound that
/// leaves commits in progress out.
#[derive(Debug)]
pub struct NeedMet;

impl Check for NeedMet {
    fn next(&mut self, _: &Facts<'_>, record: &Record, found: &mut Found<'_>) {
        let Some(trace) = &record.trace else { return };
        let (Role::Replica, Some(need), Some(stamp)) = (trace.role, trace.need, trace.stamp) else {
            return;
        };
        // Of positions on different timelines only the library's history knows which includes which.
        let is_behind = need.timeline() == stamp.timeline() && !need.is_covered_by(stamp);
        if record.has_succeeded() && is_behind {
            let what = format!(
                "{} answered up to {stamp}, and {need} was needed",
                trace.node
            );
            found.violation(Promise::NeedMet, what);
        }
    }
}

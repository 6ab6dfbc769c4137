//! Where a read goes next: facts in, one step out. It is asked again after each step that failed.

#[cfg(test)]
mod tests;

use crate::rules::balance::{self, Load};
use crate::terms::route::Reason;
use crate::terms::settings::Balance;

/// What a read wants of the node that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Any node will do.
    Any,
    /// It must include something, see each candidate's [`Knowledge`].
    Fresh,
    /// Only this replica shows what the session has seen there; it is left only for the primary.
    Kept(usize),
    /// Only the primary will do.
    Primary(Reason),
}

/// What is known of a replica with regard to what the read needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// It is fresh enough, or nothing is needed.
    Enough,
    /// It is not known to be; but when it was last seen it followed the primary closely.
    Likely,
    /// Whoever answered there last was; who answers next is another, perhaps.
    Perhaps,
    /// It was last seen `reached` bytes into the log, which is not enough, and far behind.
    Behind {
        /// Zero: nothing is known of it.
        reached: u64,
    },
}

/// A replica that may be asked: it is healthy and has not failed this read yet.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Its number in the manifold.
    pub node: usize,
    /// What balancing needs to know.
    pub load: Load,
    /// Whether it is fresh enough.
    pub knowledge: Knowledge,
    /// Whether the session's last load was answered by it.
    pub preferred: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Read there: it is fresh enough.
    Go(usize),
    /// Read there, and ask it for its position ahead of the first query.
    Ask(usize),
    /// Wait for a while until a replica is fresh enough, and ask this one often meanwhile.
    Wait(usize),
    /// Read on the primary.
    Primary,
}

/// What balancing is done by.
#[derive(Debug, Clone, Copy)]
pub struct Dice {
    /// How reads spread.
    pub balance: Balance,
    /// Counts up by one with each call.
    pub turn: u64,
    /// Any number.
    pub any: u64,
}

/// How far this read has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It has not been told by any replica that it is behind.
    Fresh,
    /// A replica was asked and is behind.
    Asked,
    /// It has waited as long as it may.
    Waited,
}

/// The next step of a read, and the reason if it is answered there.
pub fn next(
    want: Want,
    candidates: &[Candidate],
    progress: Progress,
    dice: Dice,
) -> (Step, Reason) {
    match want {
        Want::Primary(reason) => (Step::Primary, reason),
        Want::Kept(node) => match candidates.iter().find(|one| one.node == node) {
            Some(one) if one.is_enough() => (Step::Go(node), Reason::Kept),
            Some(_) => climb(node, progress),
            // What the session has seen there no other replica is known to show.
            None => (Step::Primary, Reason::Fallback),
        },
        Want::Any | Want::Fresh if candidates.is_empty() => (Step::Primary, Reason::NoReplica),
        Want::Any | Want::Fresh => fresh(candidates, progress, dice),
    }
}

impl Candidate {
    fn is_enough(&self) -> bool {
        self.knowledge == Knowledge::Enough
    }

    /// Whether it is worth the question.
    fn is_promising(&self) -> bool {
        !matches!(self.knowledge, Knowledge::Behind { .. })
    }

    fn reached(&self) -> u64 {
        match self.knowledge {
            Knowledge::Behind { reached } => reached,
            Knowledge::Enough | Knowledge::Likely | Knowledge::Perhaps => u64::MAX,
        }
    }
}

/// The best of `candidates`, of which there is one at least, for a read that needs something.
fn fresh(candidates: &[Candidate], progress: Progress, dice: Dice) -> (Step, Reason) {
    let home = candidates.iter().find(|one| one.preferred);
    match home {
        Some(home) if home.is_enough() => return (Step::Go(home.node), Reason::Kept),
        Some(home) if home.is_promising() && progress == Progress::Fresh => {
            return climb(home.node, progress);
        }
        _ => {}
    }
    // A question costs no time while the node is fresh, so those that probably are take their turn
    // with those that are known to be: else one of them would get all reads.
    let fit: Vec<_> = match progress {
        Progress::Fresh => candidates.iter().filter(|one| one.is_promising()).collect(),
        Progress::Asked => candidates.iter().filter(|one| one.is_enough()).collect(),
        // That somebody has caught up there is what was waited for.
        Progress::Waited => (candidates.iter())
            .filter(|one| one.is_enough() || one.knowledge == Knowledge::Perhaps)
            .collect(),
    };
    let loads: Vec<_> = fit.iter().map(|one| one.load).collect();
    let order = balance::order(dice.balance, &loads, dice.turn, dice.any);
    if let Some(first) = order.first().map(|at| fit[*at]) {
        return match progress {
            _ if first.is_enough() => (Step::Go(first.node), Reason::Balanced),
            Progress::Waited => (Step::Ask(first.node), Reason::Waited),
            progress => climb(first.node, progress),
        };
    }
    let furthest = |a: &&Candidate, b: &&Candidate| {
        let suspect = b.load.suspect.cmp(&a.load.suspect);
        suspect.then(a.reached().cmp(&b.reached()))
    };
    match candidates.iter().max_by(furthest) {
        Some(one) => climb(one.node, progress),
        None => (Step::Primary, Reason::NoReplica),
    }
}

/// The ladder of a replica that is not known to be fresh: ask it, wait for it, leave it.
const fn climb(node: usize, progress: Progress) -> (Step, Reason) {
    match progress {
        Progress::Fresh => (Step::Ask(node), Reason::Asked),
        Progress::Asked => (Step::Wait(node), Reason::Waited),
        Progress::Waited => (Step::Primary, Reason::Lagging),
    }
}

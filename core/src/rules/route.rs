//! Where a read goes next: facts in, one step out. It is asked again after each step that failed.

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

#[cfg(test)]
mod tests {
    use super::*;
    use Knowledge::{Behind, Enough, Likely, Perhaps};
    use Progress::{Asked, Fresh, Waited};

    const DICE: Dice = Dice {
        balance: Balance::RoundRobin,
        turn: 0,
        any: 0,
    };
    const SOME: Knowledge = Behind { reached: 10 };
    const MORE: Knowledge = Behind { reached: 20 };

    fn replica(node: usize, knowledge: Knowledge) -> Candidate {
        Candidate {
            node,
            load: Load {
                latency: 0.001,
                in_use: 0,
                suspect: false,
            },
            knowledge,
            preferred: false,
        }
    }

    fn home(node: usize, knowledge: Knowledge) -> Candidate {
        Candidate {
            preferred: true,
            ..replica(node, knowledge)
        }
    }

    fn suspect(node: usize, knowledge: Knowledge) -> Candidate {
        let mut one = replica(node, knowledge);
        one.load.suspect = true;
        one
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn each_situation_has_its_step() {
        let two = |a, b| vec![replica(1, a), replica(2, b)];
        let table = [
            // Nothing is needed: whoever's turn it is, the primary last.
            (
                Want::Any,
                two(Enough, Enough),
                Fresh,
                Step::Go(1),
                Reason::Balanced,
            ),
            (
                Want::Any,
                vec![replica(2, Enough)],
                Fresh,
                Step::Go(2),
                Reason::Balanced,
            ),
            (
                Want::Any,
                vec![suspect(2, Enough)],
                Fresh,
                Step::Go(2),
                Reason::Balanced,
            ),
            (Want::Any, vec![], Fresh, Step::Primary, Reason::NoReplica),
            // Something is: those that have it, or probably have it, in turn; else the furthest.
            (
                Want::Fresh,
                two(SOME, Enough),
                Fresh,
                Step::Go(2),
                Reason::Balanced,
            ),
            (
                Want::Fresh,
                two(Likely, Enough),
                Fresh,
                Step::Ask(1),
                Reason::Asked,
            ),
            (
                Want::Fresh,
                two(SOME, Likely),
                Fresh,
                Step::Ask(2),
                Reason::Asked,
            ),
            (
                Want::Fresh,
                two(SOME, MORE),
                Fresh,
                Step::Ask(2),
                Reason::Asked,
            ),
            (
                Want::Fresh,
                vec![suspect(1, MORE), replica(2, SOME)],
                Fresh,
                Step::Ask(2),
                Reason::Asked,
            ),
            (Want::Fresh, vec![], Fresh, Step::Primary, Reason::NoReplica),
            // The ladder.
            (
                Want::Fresh,
                two(SOME, MORE),
                Asked,
                Step::Wait(2),
                Reason::Waited,
            ),
            (
                Want::Fresh,
                two(Likely, Enough),
                Asked,
                Step::Go(2),
                Reason::Balanced,
            ),
            (
                Want::Fresh,
                two(SOME, Enough),
                Waited,
                Step::Go(2),
                Reason::Balanced,
            ),
            (
                Want::Fresh,
                two(SOME, MORE),
                Waited,
                Step::Primary,
                Reason::Lagging,
            ),
            // Where another may answer each time, the last answer is worth the question, and no more.
            (
                Want::Fresh,
                two(SOME, Perhaps),
                Fresh,
                Step::Ask(2),
                Reason::Asked,
            ),
            (
                Want::Fresh,
                two(SOME, Perhaps),
                Asked,
                Step::Wait(2),
                Reason::Waited,
            ),
            (
                Want::Fresh,
                two(SOME, Perhaps),
                Waited,
                Step::Ask(2),
                Reason::Waited,
            ),
            (
                Want::Fresh,
                two(Enough, Perhaps),
                Waited,
                Step::Go(1),
                Reason::Balanced,
            ),
            // A session stays where it was, though the other one's turn has come.
            (
                Want::Fresh,
                vec![replica(1, Enough), home(2, Enough)],
                Fresh,
                Step::Go(2),
                Reason::Kept,
            ),
            (
                Want::Fresh,
                vec![replica(1, Enough), home(2, Likely)],
                Fresh,
                Step::Ask(2),
                Reason::Asked,
            ),
            (
                Want::Fresh,
                vec![replica(1, Enough), home(2, Likely)],
                Asked,
                Step::Go(1),
                Reason::Balanced,
            ),
            (
                Want::Fresh,
                vec![replica(1, Enough), home(2, SOME)],
                Fresh,
                Step::Go(1),
                Reason::Balanced,
            ),
            // What it saw there no other replica is known to show.
            (
                Want::Kept(2),
                two(Enough, Enough),
                Fresh,
                Step::Go(2),
                Reason::Kept,
            ),
            (
                Want::Kept(2),
                two(Enough, Likely),
                Fresh,
                Step::Ask(2),
                Reason::Asked,
            ),
            (
                Want::Kept(2),
                two(Enough, SOME),
                Asked,
                Step::Wait(2),
                Reason::Waited,
            ),
            (
                Want::Kept(2),
                two(Enough, SOME),
                Waited,
                Step::Primary,
                Reason::Lagging,
            ),
            (
                Want::Kept(2),
                vec![replica(1, Enough)],
                Fresh,
                Step::Primary,
                Reason::Fallback,
            ),
            (
                Want::Primary(Reason::Strong),
                two(Enough, Enough),
                Fresh,
                Step::Primary,
                Reason::Strong,
            ),
        ];
        for (want, candidates, progress, step, reason) in table {
            let found = next(want, &candidates, progress, DICE);
            assert_eq!(
                found,
                (step, reason),
                "{want:?} {progress:?} {candidates:?}"
            );
        }
    }
}

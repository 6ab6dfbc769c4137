//! Each situation of a read and its next step, as a table.

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

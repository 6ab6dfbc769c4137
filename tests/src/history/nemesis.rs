//! Brings about faults while the sessions work: each hand one after the other on its node, from the seed.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use diesel_manifold::{Clock, Moment};
use fastrand::Rng;
use manifold_compose::Node;

use crate::World;
use crate::history::faults::Fault;
use crate::history::operation::dice;
use crate::history::plan::Plan;

/// Who breaks what. Two hands on different nodes break two at a time.
#[derive(Debug, Clone, Copy)]
pub struct Hand {
    /// Its node.
    pub on: Target,
    /// What it does there. Each comes once before any comes again.
    pub faults: &'static [Fault],
    /// How long it rests between two faults, in milliseconds: at least, at most.
    pub rests: (u64, u64),
}

/// A node of the cluster.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The primary.
    Primary,
    /// The replica with this index, from 0.
    Replica(usize),
}

/// A fault that happened.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Which one.
    pub name: &'static str,
    /// To whom.
    pub node: String,
    /// Before it was brought about.
    pub start: Moment,
    /// When it was undone.
    pub end: Moment,
}

/// Works as one hand of the plan until nobody holds the other end of `stop`, and tells what it did. A
/// fault that is there then is undone at once.
///
/// # Panics
///
/// If the cluster refuses: then there is nothing to learn from the run.
pub fn work(
    (world, plan, seed, clock): (&World, &Plan, u64, &Clock),
    hand: usize,
    stop: &Receiver<()>,
) -> Vec<Happened> {
    let mut dice = dice(seed, "hand", hand);
    let Hand { on, faults, rests } = plan.hands[hand];
    let node = match on {
        Target::Primary => world.primary(),
        Target::Replica(index) => world.replica(index),
    };
    let mut happened = Vec::new();
    let mut deck = Vec::new();
    while goes_on(stop, between(&mut dice, rests)) {
        if deck.is_empty() {
            deck = faults.to_vec();
            dice.shuffle(&mut deck);
        }
        let fault = deck.pop().expect("a hand without faults is no hand");
        let lasts = between(&mut dice, fault.lasts);
        let start = clock.now();
        let begun = (fault.begin)(world, node);
        expect(fault, node, "begin", begun);
        goes_on(stop, lasts);
        let ended = (fault.end)(world, node);
        expect(fault, node, "end", ended);
        happened.push(Happened {
            name: fault.name,
            node: node.name().to_owned(),
            start,
            end: clock.now(),
        });
    }
    happened
}

fn expect(fault: Fault, node: &Node, what: &str, outcome: manifold_compose::Result<()>) {
    if let Err(error) = outcome {
        let (name, node) = (fault.name, node.name());
        panic!("{name} on {node} did not {what}: {error}");
    }
}

fn between(dice: &mut Rng, (least, most): (u64, u64)) -> Duration {
    Duration::from_millis(dice.u64(least..=most))
}

/// Lets the time pass. It is the schedule's own, and nothing waits for anything in it.
fn goes_on(stop: &Receiver<()>, for_so_long: Duration) -> bool {
    stop.recv_timeout(for_so_long) == Err(RecvTimeoutError::Timeout)
}

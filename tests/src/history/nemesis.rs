//! Brings about faults while the sessions work: each hand one after the other on its server, from the seed.

use std::sync::RwLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use diesel_manifold::{Clock, Moment};
use fastrand::Rng;
use manifold_compose::Node;

use crate::World;
use crate::history::faults::{Deed, Fault, Outcome};
use crate::history::operation::dice;
use crate::history::plan::Plan;

/// Who breaks what. Two hands on different nodes break two at a time.
#[derive(Debug, Clone, Copy)]
pub struct Hand {
    /// Its server.
    pub on: Target,
    /// What it does there. Each comes once before any comes again.
    pub faults: &'static [Fault],
    /// How long it rests between two faults, in milliseconds: at least, at most.
    pub rests: (u64, u64),
}

/// A server of the cluster, by its role.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// Whoever is the primary.
    Primary,
    /// One of those that are replicas, by its place among them, from 0.
    Replica(usize),
    /// Redis.
    Redis,
}

/// Who plays which role, by the places of [`manifold_compose::Cluster::nodes`]. A hand holds it for reading while it breaks a node,
/// so nobody changes roles meanwhile; a failover holds it for writing.
pub type Stage = RwLock<Cast>;

/// Who plays which role.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The primary.
    pub primary: usize,
    /// The replicas that follow it.
    pub replicas: Vec<usize>,
}

impl Cast {
    /// As it is now, in a cluster that is whole.
    pub fn of(world: &World) -> Self {
        let primary = world.acting_primary().port();
        let nodes = || world.cluster().nodes().enumerate();
        let (first, others): (Vec<_>, Vec<_>) = nodes().partition(|(_, it)| it.port() == primary);
        Self {
            primary: first[0].0,
            replicas: others.into_iter().map(|(place, _)| place).collect(),
        }
    }

    fn node<'w>(&self, world: &'w World, target: Target) -> Option<&'w Node> {
        let place = match target {
            Target::Primary => self.primary,
            Target::Replica(index) => *self.replicas.get(index)?,
            Target::Redis => return None,
        };
        Some(node_at(world, place))
    }
}

/// A node by its place.
pub fn node_at(world: &World, place: usize) -> &Node {
    let mut nodes = world.cluster().nodes();
    nodes.nth(place).expect("there is one at each place")
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
/// fault that is there then is undone at once. Where nobody plays the role of its node, it waits for its next turn.
///
/// # Panics
///
/// If the cluster refuses: then there is nothing to learn from the run.
pub fn work(
    (world, plan, seed, clock): (&World, &Plan, u64, &Clock),
    stage: &Stage,
    hand: usize,
    stop: &Receiver<()>,
) -> Vec<Happened> {
    let mut dice = dice(seed, "hand", hand);
    let Hand { on, faults, rests } = plan.hands[hand];
    let mut happened = Vec::new();
    let mut deck = Vec::new();
    while goes_on(stop, between(&mut dice, rests)) {
        if deck.is_empty() {
            deck = faults.to_vec();
            dice.shuffle(&mut deck);
        }
        let fault: Fault = deck.pop().expect("a hand without faults is no hand");
        let lasts = between(&mut dice, fault.lasts);
        let start = clock.now();
        let for_a_while = || {
            goes_on(stop, lasts);
        };
        let victim = match fault.deed {
            Deed::Redis { begin, end } => {
                let redis = world.redis();
                expect(fault.name, "redis", begin(redis));
                for_a_while();
                expect(fault.name, "redis", end(redis));
                "redis"
            }
            Deed::Node { begin, end } => {
                let cast = stage.read().expect("no hand panicked");
                let Some(node) = cast.node(world, on) else {
                    continue;
                };
                expect(fault.name, node.name(), begin(world, node));
                for_a_while();
                expect(fault.name, node.name(), end(world, node));
                node.name()
            }
        };
        happened.push(Happened {
            name: fault.name,
            node: victim.to_owned(),
            start,
            end: clock.now(),
        });
    }
    happened
}

/// # Panics
///
/// If the cluster did not do what it was told.
pub(super) fn expect(what: &str, whom: &str, outcome: Outcome) {
    if let Err(error) = outcome {
        panic!("{what} on {whom} was not brought about, or not undone: {error}");
    }
}

pub(super) fn between(dice: &mut Rng, (least, most): (u64, u64)) -> Duration {
    Duration::from_millis(dice.u64(least..=most))
}

/// Lets the time pass. It is the schedule's own, and nothing waits for anything in it.
pub(super) fn goes_on(stop: &Receiver<()>, for_so_long: Duration) -> bool {
    stop.recv_timeout(for_so_long) == Err(RecvTimeoutError::Timeout)
}

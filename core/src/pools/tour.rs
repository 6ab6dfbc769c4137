//! One read's way to a node that is fresh enough: `rules/route` says where next; this lends the
//! connection, waits, and remembers what failed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::pools::connect::Session;
use crate::pools::lease::Lease;
use crate::pools::node::{Node, Unavailable};
use crate::pools::{Pools, dice};
use crate::rules::duty::Duty;
use crate::rules::proof;
use crate::rules::route::{self, Dice, Progress, Step, Want};
use crate::terms::error::{Error, Result};
use crate::terms::memory::{Memory, Remembered};
use crate::terms::position::Position;
use crate::terms::route::{Reason, Role};
use crate::terms::sighting::{Kept, Sighting};
use crate::terms::trap::Trap;

mod candidates;
mod fallback;

/// So often an opaque endpoint may lead to the wrong server. It does while roles change, and each time costs a
/// round trip only; but one that is configured wrongly always does.
const REFUSALS: u8 = 4;

/// What a read needs of the node that answers it.
#[derive(Debug, Clone, Default)]
pub struct Need {
    /// The primary, and why.
    pub primary: Option<Reason>,
    /// Everything before each of these.
    pub floors: Vec<Position>,
    /// Everything that these nodes have shown its session, and where it was last.
    pub remembered: Remembered,
    /// The only nodes that may answer; `None`: those without a tag.
    pub tag: Option<&'static str>,
    /// Whether the answer's stamp must be known.
    pub stamped: bool,
    /// How long it waits for a replica.
    pub wait: Duration,
}

/// One read's way from node to node, until one answers.
#[derive(Debug)]
pub struct Tour<'p> {
    pools: &'p Pools,
    nodes: Arc<[Arc<Node>]>,
    need: Need,
    memory: Option<&'p Memory>,
    failed: Vec<usize>,
    progress: Progress,
    settled: bool,
    /// How often an opaque endpoint, asked again, led to a server that may not answer this read.
    refusals: u8,
    dice: Dice,
    reason: Reason,
    waited: Duration,
    last: Option<Error>,
}

/// A connection to read on.
#[derive(Debug)]
pub struct Stop {
    /// It.
    pub lease: Lease,
    /// What is known of the node before anything is read.
    pub known: Known,
}

/// Whether a node is known to be fresh enough.
#[derive(Debug, Clone)]
pub enum Known {
    /// It is; by this sighting, if one was needed or was there.
    Enough(Option<Arc<Sighting>>),
    /// It must be asked for its position before what it answers is believed.
    Ask,
}

impl Pools {
    /// The way of a read with this need. `memory` is its session's.
    pub fn tour<'p>(&'p self, mut need: Need, memory: Option<&'p Memory>) -> Tour<'p> {
        need.floors.extend(self.shared.schema.floor());
        Tour {
            pools: self,
            nodes: self.nodes(),
            need,
            memory,
            failed: Vec::new(),
            progress: Progress::Fresh,
            settled: false,
            refusals: 0,
            dice: Dice {
                balance: self.balance,
                turn: self.next_turn(),
                any: dice::roll(),
            },
            reason: Reason::NoReplica,
            waited: Duration::ZERO,
            last: None,
        }
    }
}

impl Tour<'_> {
    /// A connection to the next node.
    ///
    /// A node that refuses is left out from then on; one whose pool is full for as long as a call
    /// may wait is passed over this once.
    pub async fn next(&mut self) -> Result<Stop> {
        loop {
            if self.refusals > REFUSALS {
                return Err(Error::lagging(self.waited));
            }
            self.nodes = self.pools.nodes();
            self.resolve();
            let candidates = self.candidates();
            if self.may_settle(&candidates) {
                self.settle().await;
                continue;
            }
            let (step, reason) = route::next(self.want(), &candidates, self.progress, self.dice);
            self.reason = match reason {
                Reason::Balanced | Reason::NoReplica if !self.failed.is_empty() => Reason::Fallback,
                reason => reason,
            };
            match step {
                Step::Go(node) | Step::Ask(node) => {
                    let Some(node) = self.node(node).cloned() else {
                        self.failed.push(node);
                        continue;
                    };
                    match node.lend(Session::Read).await {
                        // Its timeline may have come to its end while this waited for a connection.
                        Ok(_) if !may_answer(&node) => {}
                        Ok(loan) => {
                            let lease = Lease::new(loan, node, Role::Replica);
                            if self.keeps(&lease) {
                                return Ok(self.stop(lease));
                            }
                            // The connection is newer than the session's last load there, and a crash
                            // may have come between the two. Only the primary is sure to show more.
                            lease.give_back();
                            self.need.primary = Some(Reason::Fallback);
                        }
                        Err(unavailable) => self.passed_over(node.id, unavailable),
                    }
                }
                Step::Wait(node) => {
                    self.wait_for(node).await;
                    self.progress = Progress::Waited;
                }
                Step::Primary if self.must_fail(reason, &candidates) => {
                    return Err(Error::no_replica());
                }
                Step::Primary => return self.primary().await,
            }
        }
    }

    /// The node that was asked for its position is behind.
    pub fn behind(&mut self, node: &Node) {
        match self.progress {
            Progress::Fresh => self.progress = Progress::Asked,
            // It was known to be fresh enough, and is not: it restarted meanwhile, or another server answered
            // there before.
            Progress::Asked | Progress::Waited => {
                self.need.primary.get_or_insert(Reason::Lagging);
                if node.is_opaque() {
                    self.failed(node.id);
                    self.refusals += 1;
                }
            }
        }
    }

    /// The node that was asked last failed while it answered. The primary may be asked again: as soon as it, or
    /// another one, takes connections.
    pub fn failed(&mut self, node: usize) {
        if !self.is_primary(node) {
            self.failed.push(node);
        }
    }

    /// Why the node that was asked last was chosen.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// How long the read has waited for a node that is fresh enough.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The session's loads of which the node that answers shows at least as much.
    pub fn included(&self) -> &[Kept] {
        &self.need.remembered.kept
    }

    /// The highest of the needed positions, for whoever watches.
    pub fn needed(&self) -> Option<Position> {
        self.need.floors.iter().copied().reduce(Position::later)
    }

    /// Whether the manifold makes this mistake, in a test.
    pub fn is_trapped(&self, trap: Trap) -> bool {
        self.pools.shared.survey.trapped.is(trap)
    }

    /// Turns what nodes have shown the session into floors, where a position is known that bounds it.
    fn resolve(&mut self) {
        let mut kept = std::mem::take(&mut self.need.remembered.kept);
        kept.retain(|kept| {
            let Some(reach) = self.reach(kept) else {
                return true;
            };
            if let Some(memory) = self.memory {
                memory.resolved(kept, reach.position);
            }
            self.need.floors.push(reach.position);
            false
        });
        self.need.remembered.kept = kept;
    }

    /// A position that bounds what `kept`'s node has shown: its own; or the primary's, if the node itself
    /// can show no more.
    fn reach(&self, kept: &Kept) -> Option<Arc<Sighting>> {
        let own = kept
            .node()
            .and_then(|node| self.node(node)?.track.sighting());
        let own = own.filter(|seen| proof::bounds(seen, kept));
        own.or_else(|| {
            let ahead = self.primary_node()?.track.sighting();
            let ahead = ahead.filter(|seen| proof::is_ahead_of(seen, kept));
            ahead.filter(|_| kept.node().is_none_or(|node| self.is_gone(node)))
        })
    }

    /// The node, unless it was removed.
    fn node(&self, id: usize) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The node that takes the writes.
    fn primary_node(&self) -> Option<&Arc<Node>> {
        self.node(self.pools.shared.roles.now().primary()?)
    }

    fn is_primary(&self, node: usize) -> bool {
        self.pools.shared.roles.now().is_primary(node)
    }

    /// Whether the node cannot answer this read.
    fn is_gone(&self, node: usize) -> bool {
        let is_out = |node: &Arc<Node>| {
            let duty = node.duty();
            node.is_left_out()
                || (duty == Duty::Replica && node.is_lagging())
                || !matches!(duty, Duty::Replica | Duty::Primary)
        };
        self.failed.contains(&node) || self.node(node).is_none_or(is_out)
    }

    fn want(&self) -> Want {
        if self.is_trapped(Trap::PrimaryIsFresher) && self.dice.turn.is_multiple_of(2) {
            return Want::Primary(Reason::Balanced);
        }
        if let Some(reason) = self.need.primary {
            return Want::Primary(reason);
        }
        match &self.need.remembered.kept[..] {
            [] if self.need.floors.is_empty() => Want::Any,
            [] => Want::Fresh,
            // Elsewhere nobody is known to show what several nodes have shown.
            [first, others @ ..] if others.iter().all(|one| one.node() == first.node()) => {
                match first.node().filter(|node| !self.is_primary(*node)) {
                    None => Want::Primary(Reason::Kept),
                    Some(node) => Want::Kept(node),
                }
            }
            _ => Want::Primary(Reason::Kept),
        }
    }

    fn passed_over(&mut self, node: usize, unavailable: Unavailable) {
        self.failed.push(node);
        self.last = Some(self.pools.error(unavailable));
    }

    /// Waits for a while until a replica is fresh enough; `node` is asked often meanwhile.
    async fn wait_for(&mut self, node: usize) {
        if !self.need.wait.is_zero() {
            let began = self.pools.shared.clock.now();
            // That it comes to nothing is what the next step is for.
            let _ = tokio::time::timeout(self.need.wait, self.fresh_replica(Some(node))).await;
            self.waited += self.pools.shared.clock.now().since(began);
        }
    }

    /// Waits until a replica is fresh enough that may answer this read. For ever, if none may.
    async fn fresh_replica(&self, hurried: Option<usize>) -> &Arc<Node> {
        let only = match self.want() {
            Want::Kept(node) => Some(node),
            _ => None,
        };
        let replicas = self
            .fit()
            .filter(|node| only.is_none_or(|only| only == node.id) && !node.is_lagging());
        let mut waiting: FuturesUnordered<_> = replicas
            .map(|node| async move {
                let hurry = hurried == Some(node.id);
                node.track.until(hurry, |seen| self.is_met_by(seen)).await;
                node
            })
            .collect();
        match waiting.next().await {
            Some(node) => node,
            None => std::future::pending().await,
        }
    }
}

/// Whether a node is of those that answer reads beside the primary. Who answers behind an opaque endpoint is found
/// out each time.
fn may_answer(node: &Node) -> bool {
    let duty = node.duty();
    duty == Duty::Replica || (node.is_opaque() && duty == Duty::Outside)
}

//! Who is what: what each node has said of itself, and what follows from that.
//!
//! It is told by whoever asks a node anything: the watcher, a call, a new connection.

use std::sync::Arc;

use tokio::sync::watch;

use crate::rules::duty::{self, Duty, Said};
use crate::terms::trap::{Trap, Trapped};

/// Who is what, for whoever waits for a change.
#[derive(Debug)]
pub struct Roles {
    state: watch::Sender<Arc<Assignment>>,
}

/// Who is what, at one moment.
#[derive(Debug, Default)]
pub struct Assignment {
    nodes: Vec<(usize, Option<Said>)>,
    primary: Option<usize>,
    latest: Option<u32>,
    /// The mistake to make, in tests.
    trapped: Trapped,
}

impl Assignment {
    /// The node that takes the writes.
    pub const fn primary(&self) -> Option<usize> {
        self.primary
    }

    /// Whether it is the one that takes the writes.
    pub fn is_primary(&self, node: usize) -> bool {
        self.primary == Some(node)
    }

    /// What a node is for.
    pub fn duty(&self, node: usize) -> Duty {
        let duty = duty::duty(self.said(node), self.is_primary(node), self.latest);
        if duty == Duty::Outside && self.trapped.is(Trap::OldTimelineReads) {
            return Duty::Replica;
        }
        duty
    }

    /// Whether it says of itself what the primary says, and another was chosen: one server by two names, mostly.
    pub fn is_twin(&self, node: usize) -> bool {
        let is_current = |said: Said| !said.standby && said.timeline >= self.latest;
        !self.is_primary(node) && self.said(node).is_some_and(is_current)
    }

    /// What a node has said of itself.
    pub fn said(&self, node: usize) -> Option<Said> {
        let mut nodes = self.nodes.iter();
        nodes
            .find(|(id, _)| *id == node)
            .and_then(|(_, said)| *said)
    }

    fn with(&self, nodes: Vec<(usize, Option<Said>)>, latest: Option<u32>) -> Self {
        let latest = latest.max(self.latest);
        let keeps = self.trapped.is(Trap::LowerTimelineWins);
        Self {
            primary: duty::primary(&nodes, self.primary, latest.filter(|_| !keeps)),
            nodes,
            latest,
            trapped: self.trapped,
        }
    }
}

impl Roles {
    /// Nobody is known yet.
    pub fn new(trapped: Trapped) -> Self {
        let nobody = Assignment {
            trapped,
            ..Assignment::default()
        };
        Self {
            state: watch::Sender::new(Arc::new(nobody)),
        }
    }

    /// Who is what now.
    pub fn now(&self) -> Arc<Assignment> {
        Arc::clone(&self.state.borrow())
    }

    /// For waiting until something changes: roles, or whether a node may answer.
    pub fn changes(&self) -> watch::Receiver<Arc<Assignment>> {
        self.state.subscribe()
    }

    /// Waits until `so`, which depends on roles, or on who may answer.
    pub async fn until(&self, so: impl Fn() -> bool) {
        let mut changes = self.changes();
        while !so() {
            // The sender lives as long as this.
            let _ = changes.changed().await;
        }
    }

    /// A node was left out, or is back: whoever waits for one looks again.
    pub fn stir(&self) {
        self.state.send_modify(|_| {});
    }

    /// A node has joined.
    pub fn join(&self, node: usize) {
        self.change(|now| {
            let mut nodes = now.nodes.clone();
            nodes.push((node, None));
            Some(now.with(nodes, now.latest))
        });
    }

    /// A node has left.
    pub fn leave(&self, node: usize) {
        self.change(|now| {
            let mut nodes = now.nodes.clone();
            nodes.retain(|(id, _)| *id != node);
            Some(now.with(nodes, now.latest))
        });
    }

    /// A node has said what it is, and `latest` is the highest timeline that anybody was seen on. `true`: the
    /// writes go to another node now, or to none any more.
    pub fn note(&self, node: usize, said: Said, latest: Option<u32>) -> bool {
        let mut moved = false;
        self.change(|now| {
            if now.said(node) == Some(said) && latest <= now.latest {
                return None;
            }
            let mut nodes = now.nodes.clone();
            let known = nodes.iter_mut().find(|(id, _)| *id == node)?;
            known.1 = Some(said);
            let then = now.with(nodes, latest);
            moved = then.primary != now.primary;
            Some(then)
        });
        moved
    }

    fn change(&self, change: impl FnOnce(&Assignment) -> Option<Assignment>) {
        self.state.send_if_modified(|state| match change(state) {
            Some(then) => {
                *state = Arc::new(then);
                true
            }
            None => false,
        });
    }
}

//! What is known of the nodes that may answer a read, and of the one that does.

use std::sync::Arc;

use crate::pools::lease::Lease;
use crate::pools::node::Node;
use crate::pools::tour::{Known, Stop, Tour, may_answer};
use crate::rules::proof;
use crate::rules::route::{Candidate, Knowledge};
use crate::terms::position::Position;
use crate::terms::route::{Reason, Role};
use crate::terms::settings::AllOut;
use crate::terms::sighting::Sighting;
use crate::terms::trap::Trap;

/// Says whether a lease's node shows what a read needs.
#[derive(Debug)]
pub struct Judge<'t> {
    tour: &'t Tour<'t>,
    role: Role,
    opaque: bool,
}

impl Judge<'_> {
    /// Whether it does, if that is where it was seen. `None`: it did not tell. The primary shows everything
    /// that was acknowledged, so it need not.
    pub fn accepts(&self, seen: Option<&Sighting>) -> bool {
        if self.opaque {
            return seen.is_some_and(|seen| self.tour.is_answered_by(seen));
        }
        self.role == Role::Primary || seen.is_some_and(|seen| self.tour.is_met_by(seen))
    }
}

impl Tour<'_> {
    /// Whether what is read on this lease, whose node was seen there, includes what the read needs.
    pub fn judge(&self, lease: &Lease) -> Judge<'_> {
        Judge {
            tour: self,
            role: lease.role(),
            opaque: lease.is_opaque(),
        }
    }

    pub(super) fn is_met_by(&self, sighting: &Sighting) -> bool {
        let survey = &self.pools.shared.survey;
        let covers = |floor: &Position| survey.covers(*floor, sighting.position);
        self.need.floors.iter().all(covers)
    }

    /// Whether the read may be answered by whoever was seen there, behind an opaque endpoint: by the primary,
    /// whatever is needed; by a standby, what its own position proves.
    fn is_answered_by(&self, seen: &Sighting) -> bool {
        let shared = &self.pools.shared;
        let is_current = Some(seen.position.timeline()) >= shared.survey.latest();
        let insists = (self.need.primary).is_some_and(|reason| reason != Reason::Lagging);
        // What a node has shown the session, and no position bounds yet, the primary alone is known to show.
        let may_be_standby = !insists && self.need.remembered.kept.is_empty();
        shared.is_latest_primary(seen) || (is_current && may_be_standby && self.is_met_by(seen))
    }

    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let fit: Vec<_> = self.fit().filter(|node| !node.is_lagging()).collect();
        if fit.is_empty() && self.pools.reading.all_out == AllOut::Stalest {
            let reached = |node: &&Arc<Node>| node.sighting().map(|seen| seen.position.lsn());
            let furthest = self.fit().max_by_key(reached);
            return furthest
                .and_then(|node| self.candidate(node))
                .into_iter()
                .collect();
        }
        fit.into_iter()
            .filter_map(|node| self.candidate(node))
            .collect()
    }

    /// The replicas that have not failed this read, however far they lag.
    pub(super) fn fit(&self) -> impl Iterator<Item = &Arc<Node>> {
        let shared = &self.pools.shared;
        let tag = self.need.tag.filter(|tag| self.is_known(tag));
        self.nodes.iter().filter(move |node| {
            may_answer(node)
                && node.tag.as_deref() == tag
                && shared.schema.admits(node, &shared.survey)
                && !node.is_left_out()
                && !self.failed.contains(&node.id)
        })
    }

    /// Whether any node has this tag. Where none does, it counts for nothing.
    fn is_known(&self, tag: &'static str) -> bool {
        let is_known = (self.nodes.iter()).any(|node| node.tag.as_deref() == Some(tag));
        if !is_known {
            self.pools.say_unknown_tag(tag);
        }
        is_known
    }

    fn candidate(&self, node: &Arc<Node>) -> Option<Candidate> {
        let knowledge = self.knowledge(node);
        // One that cannot tell its position is not worth asking.
        if node.pin.is_some() && knowledge != Knowledge::Enough {
            return None;
        }
        Some(Candidate {
            node: node.id,
            load: node.load()?,
            knowledge,
            preferred: self.need.remembered.home == Some(node.id),
        })
    }

    fn knowledge(&self, node: &Node) -> Knowledge {
        if self.need.floors.is_empty() {
            return Knowledge::Enough;
        }
        match node.sighting() {
            Some(sighting) if self.is_met_by(&sighting) => {
                if node.is_opaque() && node.pin.is_none() {
                    Knowledge::Perhaps
                } else {
                    Knowledge::Enough
                }
            }
            Some(sighting) if self.pools.shared.survey.was_close(&sighting) => Knowledge::Likely,
            Some(sighting) => Knowledge::Behind {
                reached: sighting.position.lsn(),
            },
            None => Knowledge::Behind { reached: 0 },
        }
    }

    /// Whether the primary is spared a read that any replica might answer.
    pub(super) fn must_fail(&self, reason: Reason, candidates: &[Candidate]) -> bool {
        reason == Reason::NoReplica
            && candidates.is_empty()
            && self.nodes.len() > 1
            && self.pools.reading.all_out == AllOut::Fail
    }

    /// Whether the lease's connection shows at least what its node has shown the session.
    pub(super) fn keeps(&self, lease: &Lease) -> bool {
        let (node, door) = (lease.node().id, &lease.line().door);
        self.is_trapped(Trap::TrustAcrossCrash)
            || (self.need.remembered.kept.iter()).all(|kept| proof::keeps(kept, node, door))
    }

    /// What is known of the lease's node, through its connection.
    pub(super) fn stop(&self, lease: Lease) -> Stop {
        let sighting = lease.node().sighting();
        if lease.node().pin.is_some() {
            return Stop {
                lease,
                known: Known::Enough(sighting),
            };
        }
        if lease.is_opaque() {
            return Stop {
                lease,
                known: Known::Ask,
            };
        }
        let trusting = self.is_trapped(Trap::TrustAcrossCrash);
        let vouched = sighting.filter(|one| trusting || proof::vouches(one, &lease.line().door));
        let role = lease.role();
        let enough = match &vouched {
            Some(sighting) => self.judge(&lease).accepts(Some(sighting)),
            None => (role == Role::Primary || self.need.floors.is_empty()) && !self.need.stamped,
        };
        Stop {
            lease,
            known: if enough {
                Known::Enough(vouched)
            } else {
                Known::Ask
            },
        }
    }
}

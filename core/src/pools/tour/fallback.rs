//! The end of a read's way: the primary's read pool; or, while that is in use or cannot be reached, a
//! replica that has caught up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::pools::connect::Session;
use crate::pools::lease::Lease;
use crate::pools::node::Unavailable;
use crate::pools::tour::{Stop, Tour};
use crate::rules::proof;
use crate::rules::route::{Candidate, Knowledge, Want};
use crate::terms::error::{Error, Result};
use crate::terms::route::Reason;
use crate::terms::sighting::PRIMARY;

/// Between two tries for a connection to the primary. A pool in which nobody may wait, and a server that
/// is out of connections, refuse at once: without a pause they would be asked without end.
const PAUSE: Duration = Duration::from_millis(5);

impl Tour<'_> {
    /// A connection to the primary; for a read that a replica may answer, too, whichever comes first.
    pub(super) async fn primary(&mut self) -> Result<Stop> {
        let primary = &self.pools.nodes[PRIMARY];
        if self.failed.contains(&PRIMARY) {
            let broke = || Error::unreachable(&*primary.name, "its connection broke", None);
            return Err(self.last.take().unwrap_or_else(broke));
        }
        let insists = self
            .need
            .primary
            .is_some_and(|reason| reason != Reason::Lagging);
        if insists || self.candidates().is_empty() {
            return match primary.lend(Session::Read).await {
                Ok(loan) => Ok(self.stop(Lease::new(loan, Arc::clone(primary)))),
                Err(unavailable) => Err(self.pools.error(unavailable)),
            };
        }
        match primary.lend_free().await {
            Ok(loan) => return Ok(self.stop(Lease::new(loan, Arc::clone(primary)))),
            Err(Unavailable::Closed) => return Err(Error::shut_down()),
            Err(Unavailable::Full(_)) => self.last = None,
            Err(down) => self.passed_over(PRIMARY, down),
        }
        let settings = &self.pools.reading;
        let Ok(_seat) = self.pools.waiting.try_acquire() else {
            return Err(Error::overloaded(settings.max_waiting));
        };
        let began = self.pools.shared.clock.now();
        // Boxed, for it is rare and large.
        let racing = Box::pin(self.whichever_comes_first());
        let racing = tokio::time::timeout(settings.deadline, racing).await;
        self.waited += self.pools.shared.clock.now().since(began);
        match racing {
            Ok((lease, reason)) => {
                self.reason = reason;
                Ok(self.stop(lease))
            }
            // If the primary cannot be reached, that is what is wrong.
            Err(_) => Err(self
                .last
                .take()
                .unwrap_or_else(|| Error::lagging(self.waited))),
        }
    }

    /// A connection to the primary, or to a replica that has caught up.
    async fn whichever_comes_first(&mut self) -> (Lease, Reason) {
        loop {
            // What several nodes have shown the session only the primary shows, until each was asked
            // where it is; then any replica that has replayed as much.
            self.resolve();
            tokio::select! {
                lease = self.on_the_primary() => return (lease, Reason::Lagging),
                lease = self.on_a_replica() => return (lease, Reason::Waited),
                () = self.one_more_bound() => {}
            }
        }
    }

    async fn on_the_primary(&self) -> Lease {
        let primary = &self.pools.nodes[PRIMARY];
        while !self.failed.contains(&PRIMARY) {
            match primary.lend(Session::Read).await {
                Ok(loan) => return Lease::new(loan, Arc::clone(primary)),
                Err(Unavailable::Full(_)) => {
                    let _ = tokio::time::timeout(PAUSE, std::future::pending::<()>()).await;
                }
                Err(_) => break,
            }
        }
        std::future::pending().await
    }

    async fn on_a_replica(&self) -> Lease {
        let node = self.fresh_replica(None).await;
        if let Ok(loan) = node.lend(Session::Read).await {
            let lease = Lease::new(loan, Arc::clone(node));
            if self.keeps(&lease) {
                return lease;
            }
            lease.give_back();
        }
        std::future::pending().await
    }

    /// Whether a moment's wait may spare the primary: it would be asked only because nobody knows yet
    /// what other nodes have shown the session, and a replica is probably fresh enough.
    pub(super) fn may_settle(&self, candidates: &[Candidate]) -> bool {
        let promising = |one: &Candidate| !matches!(one.knowledge, Knowledge::Behind { .. });
        let unknown = match self.want() {
            Want::Primary(reason) => reason == Reason::Kept,
            Want::Kept(node) => self.is_gone(node),
            Want::Any | Want::Fresh => false,
        };
        unknown && !self.settled && !self.need.wait.is_zero() && candidates.iter().any(promising)
    }

    /// Waits until it is known, for as long as the read would wait for a replica.
    pub(super) async fn settle(&mut self) {
        self.settled = true;
        let (wait, began) = (self.need.wait, self.pools.shared.clock.now());
        let settling = async {
            while !self.need.remembered.kept.is_empty() {
                self.one_more_bound().await;
                self.resolve();
            }
        };
        // What it does not come to know in time, the primary shows.
        let _ = tokio::time::timeout(wait, settling).await;
        self.waited += self.pools.shared.clock.now().since(began);
    }

    /// Until a position is known that bounds what one more of the nodes has shown the session.
    async fn one_more_bound(&self) {
        let kept = self.need.remembered.kept.iter();
        let mut asking: FuturesUnordered<_> = kept
            .filter_map(|kept| {
                let gone = self.is_gone(kept.node);
                let node = self
                    .pools
                    .nodes
                    .get(if gone { PRIMARY } else { kept.node })?;
                Some(async move {
                    let bounds = |seen: &_| {
                        proof::bounds(seen, kept) || (gone && proof::is_ahead_of(seen, kept))
                    };
                    node.track.until(true, bounds).await;
                })
            })
            .collect();
        if asking.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

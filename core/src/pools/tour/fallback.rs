//! The end of a read's way: the primary's read pool; or, while that is in use or cannot be reached, a
//! replica that has caught up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::pools::connect::Session;
use crate::pools::lease::Lease;
use crate::pools::nobody_writes;
use crate::pools::node::Unavailable;
use crate::pools::tour::{Stop, Tour};
use crate::rules::proof;
use crate::rules::route::{Candidate, Knowledge, Want};
use crate::terms::error::{Error, Result};
use crate::terms::route::{Reason, Role};

/// Between two tries for a connection to the primary. A pool in which nobody may wait, and a server that
/// is out of connections, refuse at once: without a pause they would be asked without end.
const PAUSE: Duration = Duration::from_millis(5);

impl Tour<'_> {
    /// A connection to the primary; for a read that a replica may answer, too, whichever comes first.
    pub(super) async fn primary(&mut self) -> Result<Stop> {
        let insists = self
            .need
            .primary
            .is_some_and(|reason| reason != Reason::Lagging);
        let alone = insists || self.candidates().is_empty();
        match self.primary_now(alone).await {
            Ok(Some(lease)) => return Ok(self.stop(lease)),
            Ok(None) => {}
            Err(error) => return Err(error),
        }
        let settings = &self.pools.reading;
        let Ok(_seat) = self.pools.waiting.try_acquire() else {
            return Err(Error::overloaded(settings.max_waiting));
        };
        let began = self.pools.shared.clock.now();
        // Boxed, for it is rare and large.
        let racing = Box::pin(self.whichever_comes_first(insists));
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

    /// A connection to the primary as it is now. `None`: it must be waited for. A read that nobody else may
    /// answer waits for a connection `alone` as any other call does.
    async fn primary_now(&mut self, alone: bool) -> Result<Option<Lease>> {
        let Some(primary) = self.primary_node().cloned() else {
            self.last = Some(nobody_writes());
            return Ok(None);
        };
        if primary.is_left_out() {
            self.last.get_or_insert_with(|| {
                let why = "it is left out until it answers again, and no replica is known to include all \
                           that this call must";
                Error::unreachable(&*primary.name, why, None)
            });
            return Ok(None);
        }
        let lent = if alone {
            primary.lend(Session::Read).await
        } else {
            primary.lend_free().await
        };
        match lent {
            // Another one may have taken over while this waited.
            Ok(_) if !self.is_primary(primary.id) => self.last = None,
            Ok(loan) => return Ok(Some(Lease::new(loan, primary, Role::Primary))),
            Err(Unavailable::Full(_)) if !alone => self.last = None,
            Err(Unavailable::Down(who, error)) => self.last = Some(error.into_error(&who)),
            Err(unavailable) => return Err(self.pools.error(unavailable)),
        }
        Ok(None)
    }

    /// A connection to the primary, or to a replica that has caught up.
    async fn whichever_comes_first(&mut self, insists: bool) -> (Lease, Reason) {
        let reason = if insists {
            self.reason
        } else {
            Reason::Lagging
        };
        loop {
            // What several nodes have shown the session only the primary shows, until each was asked
            // where it is; then any replica that has replayed as much.
            self.resolve();
            tokio::select! {
                lease = self.on_the_primary() => return (lease, reason),
                lease = self.on_a_replica(), if !insists => return (lease, Reason::Waited),
                () = self.one_more_bound() => {}
            }
        }
    }

    /// A connection to whatever node takes the writes, as soon as it can be had.
    async fn on_the_primary(&self) -> Lease {
        let mut changes = self.pools.shared.roles.changes();
        loop {
            changes.mark_unchanged();
            if let Some(primary) = self.primary_node().filter(|node| !node.is_left_out()) {
                match primary.lend(Session::Read).await {
                    Ok(_) if !self.is_primary(primary.id) => continue,
                    Ok(loan) => return Lease::new(loan, Arc::clone(primary), Role::Primary),
                    Err(Unavailable::Full(_)) => {
                        let _ = tokio::time::timeout(PAUSE, std::future::pending::<()>()).await;
                        continue;
                    }
                    Err(_) => {}
                }
            }
            // The sender lives as long as the pools.
            let _ = changes.changed().await;
        }
    }

    async fn on_a_replica(&self) -> Lease {
        let node = self.fresh_replica(None).await;
        if let Ok(loan) = node.lend(Session::Read).await {
            let lease = Lease::new(loan, Arc::clone(node), Role::Replica);
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
            Want::Kept(node) => !candidates.iter().any(|one| one.node == node),
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
                let own = kept.node().filter(|node| !self.is_gone(*node));
                let node = match own {
                    Some(node) => self.node(node)?,
                    None => self.primary_node()?,
                };
                Some(async move {
                    let bounds = |seen: &_| {
                        proof::bounds(seen, kept)
                            || (own.is_none() && proof::is_ahead_of(seen, kept))
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

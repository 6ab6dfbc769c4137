//! The end of a write. From COMMIT on, the connection and the declared keys belong to a task of the
//! manifold: a caller that goes away (a client that hangs up) neither leaves a transaction open nor
//! loses an invalidation, and shutdown waits.

use std::sync::Arc;

use diesel::result::{DatabaseErrorKind, Error as QueryError};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::calls::Calls;
use crate::calls::written::Author;
use crate::pools::commit::NotCommitted;
use crate::pools::lease::Lease;
use crate::pools::outcome::Fate;
use crate::terms::error::{Error, Result};
use crate::terms::floors::Written;
use crate::terms::invalidations::Invalidations;
use crate::terms::key::Key;
use crate::terms::position::Position;

/// Why a write did not end well.
#[derive(Debug)]
pub enum Ended {
    /// Another transaction is the reason; the body may run again.
    Conflict(QueryError),
    /// It is over.
    Failed(Error),
}

impl Calls {
    /// Commits, and delivers the invalidations.
    ///
    /// # Cancel safety
    ///
    /// Dropped before COMMIT was handed over, the transaction is rolled back; after that, the end
    /// goes on without the caller.
    pub async fn end(
        self: &Arc<Self>,
        mut author: Author,
        lease: Lease,
        invalidations: Invalidations,
    ) -> Result<(), Ended> {
        if invalidations.is_over() {
            // Nothing is committed whose effects cannot be told; the lease's end rolls back.
            drop(lease);
            let limit = self.settings.max_invalidations;
            return Err(Ended::Failed(Error::too_many_invalidations(limit, true)));
        }
        let keys = invalidations.into_keys();
        // A transaction of several writes says it through them.
        author.declared |= !keys.is_empty();
        let name = author.name;
        let permit = self.permit().await;
        let calls = Arc::clone(self);
        // Spawned so that it outlives the caller; bounded by the permits.
        let task = tokio::spawn(
            async move { calls.finish(author, lease, keys, permit).await }.in_current_span(),
        );
        task.await.unwrap_or_else(|_| {
            // The runtime is going down, and the task with it.
            let source = QueryError::BrokenTransactionManager;
            Err(Ended::Failed(Error::outcome_unknown(name, source)))
        })
    }

    /// The end itself; `_permit` lives as long.
    async fn finish(
        self: &Arc<Self>,
        mut author: Author,
        mut lease: Lease,
        keys: Vec<Key>,
        _permit: OwnedSemaphorePermit,
    ) -> Result<(), Ended> {
        let name = author.name;
        // Who answers behind an opaque endpoint may be another by now; who began this one has told what it is.
        let is_lost =
            lease.is_overtaken() || (!lease.is_opaque() && !self.pools.takes_writes(lease.node()));
        if is_lost {
            // What it would acknowledge is lost already. The lease's end rolls back.
            let node = &*lease.node().name;
            let why = "another node took over its writes before the COMMIT; nothing was changed";
            return Err(Ended::Failed(Error::unreachable(node, why, None)));
        }
        author.timeline = self.latest_timeline();
        let node = Arc::clone(lease.node());
        let committed = node.unless_left_out(lease.commit()).await;
        // It may have committed before it went silent.
        let silent = || NotCommitted::Unknown {
            xid: None,
            source: QueryError::BrokenTransactionManager,
        };
        match committed.unwrap_or_else(|| Err(silent())) {
            Ok(committed) => {
                lease.give_back();
                self.note_committed(&author, &committed).await;
                let after = committed.written.map(|written| written.after);
                self.deliver(&author, keys, after).await;
                Ok(())
            }
            Err(NotCommitted::RolledBack(error)) => {
                lease.give_back();
                self.note_shown(&author);
                Err(conflict_or_failure(error))
            }
            // What such a body did to its connection is not for the next one to find: in both cases
            // the lease's end closes it.
            Err(NotCommitted::AbortedByBody) => {
                self.note_shown(&author);
                Err(Ended::Failed(Error::aborted_by_body(name)))
            }
            Err(NotCommitted::EndedByBody) => {
                let asked = self.pools.survey().ticks.next();
                self.note_unplaced(&author, asked, None).await;
                self.deliver(&author, keys, None).await;
                Err(Ended::Failed(Error::ended_by_body(name)))
            }
            Err(NotCommitted::Unknown { xid, source }) => {
                let born = lease.line().door.incarnation.clone();
                drop(lease);
                let refusal = self.cache.refuse_undecided(&keys);
                self.cache.invalidate_near(&keys);
                let deadline = self.settings.outcome_deadline;
                let asked = self.pools.survey().ticks.next();
                let (fate, position) = match xid {
                    Some(xid) => self.pools.fate(xid, &born, deadline).await,
                    None => (Fate::Unknown, None),
                };
                tracing::warn!(call = %name, ?fate, error = %source, "connection lost during COMMIT");
                // What nobody acknowledged nobody was promised; a floor would keep this process's reads from
                // the replicas until the primary is back.
                if fate == Fate::Committed {
                    self.note_unplaced(&author, asked, position).await;
                }
                if fate != Fate::RolledBack {
                    self.deliver(&author, keys, position).await;
                }
                drop(refusal);
                match fate {
                    Fate::Committed => Ok(()),
                    Fate::RolledBack => Err(Ended::Failed(source.into())),
                    Fate::Unknown => Err(Ended::Failed(Error::outcome_unknown(name, source))),
                }
            }
        }
    }

    /// Delivers invalidations: this process's L1, then Redis, then L1 again, because in between an
    /// old answer could have come back from Redis. What is loaded for these keys later in this process
    /// must include `position`.
    async fn deliver(
        self: &Arc<Self>,
        author: &Author,
        keys: Vec<Key>,
        position: Option<Position>,
    ) {
        if keys.is_empty() {
            return;
        }
        let refusal = self.cache.refuse_undelivered(&keys);
        // A commit whose position got lost with the connection is before where the primary is now.
        let position = self.pools.place_unless(position).await;
        self.cache.fence_near(&keys, position);
        self.cache.invalidate_near(&keys);
        let delivered = self.cache.invalidate_far(&keys).await;
        self.cache.invalidate_near(&keys);
        self.note_invalidated(author, position, delivered);
        if delivered {
            return;
        }
        let Ok(permit) = Arc::clone(&self.redeliveries).try_acquire_owned() else {
            undelivered(keys.len());
            return;
        };
        tracing::warn!(
            keys = keys.len(),
            "Redis did not acknowledge an invalidation; it is tried again in the background, and \
             until then other processes may serve the old answers"
        );
        let calls = Arc::clone(self);
        // Spawned so that the write can return: it is committed. It ends with the redelivery time
        // or the manifold, and the permit bounds how many there are.
        tokio::spawn(async move {
            calls.redeliver(&keys).await;
            drop((refusal, permit));
        });
    }

    async fn redeliver(&self, keys: &[Key]) {
        let within = self.settings.redelivery;
        let attempt = || self.cache.invalidate_far(keys);
        if !self.try_again(within, attempt).await {
            undelivered(keys.len());
        }
    }

    fn latest_timeline(&self) -> u32 {
        self.pools.survey().latest().unwrap_or_default()
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.endings).acquire_owned().await {
            Ok(permit) => permit,
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }

    /// The declared keys of a write without a transaction. The permit is taken before the body runs,
    /// so that shutdown waits for this write from its beginning.
    pub async fn unfinished(self: &Arc<Self>, author: Author) -> Unfinished {
        Unfinished {
            permit: Some(self.permit().await),
            calls: Arc::clone(self),
            author,
            began: false,
            before: None,
            invalidations: Invalidations::with_limit(self.settings.max_invalidations),
        }
    }
}

fn undelivered(keys: usize) {
    tracing::error!(
        keys,
        "an invalidation was not delivered to Redis; old answers may be served until their time to \
         live is over"
    );
}

fn conflict_or_failure(error: QueryError) -> Ended {
    match error {
        QueryError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
            Ended::Conflict(error)
        }
        error => Ended::Failed(error.into()),
    }
}

/// A write without a transaction, under way. Its invalidations are delivered when it ends, and when
/// it is dropped.
#[derive(Debug)]
pub struct Unfinished {
    /// `None` once the invalidations were handed on.
    permit: Option<OwnedSemaphorePermit>,
    calls: Arc<Calls>,
    author: Author,
    /// Whether any of its statements may have run.
    began: bool,
    /// Where the primary was before the body.
    before: Option<Position>,
    invalidations: Invalidations,
}

impl Unfinished {
    /// Where the body declares.
    pub fn invalidations(&mut self) -> &mut Invalidations {
        &mut self.invalidations
    }

    /// The body begins on this connection.
    pub async fn begin(&mut self, lease: &mut Lease) {
        self.author.timeline = self.calls.latest_timeline();
        self.before = lease.position().await;
        // On a connection that is known to be dead the body can do nothing.
        self.began = self.before.is_some() || !lease.is_broken();
    }

    /// The body has come to its end.
    ///
    /// Its connection is not given back: it may have opened a transaction or set anything, and such
    /// writes (`VACUUM`, an index built concurrently) are rare enough to open another one.
    pub async fn end(mut self, mut lease: Lease) -> Result<()> {
        let asked = self.calls.pools.survey().ticks.next();
        let after = lease.position().await;
        drop(lease);
        self.author.declared |= !self.invalidations.is_empty();
        match after {
            Some(after) => {
                let before = self.before.unwrap_or(after);
                let written = Written { before, after };
                self.calls.note_written(&self.author, written, asked);
            }
            // The task below finds out where it is.
            None if self.began => self.calls.pin_unplaced(&self.author, asked),
            None => {}
        }
        let over = self.invalidations.is_over();
        if let Some(task) = self.hand_on(after) {
            // A failed task is the runtime going down; there is nobody left to tell.
            let _ = task.await;
        }
        if over {
            let limit = self.calls.settings.max_invalidations;
            return Err(Error::too_many_invalidations(limit, false));
        }
        Ok(())
    }

    fn hand_on(&mut self, position: Option<Position>) -> Option<JoinHandle<()>> {
        let permit = self.permit.take()?;
        let keys = std::mem::take(&mut self.invalidations).into_keys();
        let unplaced = position.is_none() && self.began && !self.author.declared;
        if keys.is_empty() && !unplaced {
            return None;
        }
        let Ok(runtime) = Handle::try_current() else {
            tracing::error!(call = %self.author.name, "invalidations of a dropped write are lost");
            return None;
        };
        let (calls, author) = (Arc::clone(&self.calls), self.author.clone());
        // Spawned so that it outlives the caller; bounded by the permits.
        Some(runtime.spawn(async move {
            if unplaced {
                calls.place_undeclared(&author, None).await;
            }
            calls.deliver(&author, keys, position).await;
            drop(permit);
        }))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.permit.is_some() && self.began {
            // Dropped half way: some of its statements may be committed.
            let asked = self.calls.pools.survey().ticks.next();
            self.calls.pin_unplaced(&self.author, asked);
            self.hand_on(None);
        }
    }
}

//! The end of a write. From COMMIT on, the connection and the declared keys belong to a task of the
//! manifold: a caller that goes away (a client that hangs up) neither leaves a transaction open nor
//! loses an invalidation, and shutdown waits.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as QueryError};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use crate::calls::Calls;
use crate::pools::commit::NotCommitted;
use crate::pools::lease::Lease;
use crate::pools::outcome::Fate;
use crate::terms::call::Name;
use crate::terms::error::{Error, Result};
use crate::terms::invalidations::Invalidations;
use crate::terms::key::Key;
use crate::terms::position::Position;

/// Between two tries to deliver an invalidation to Redis, doubled up to the second value.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
        name: Name,
        lease: Lease,
        invalidations: Invalidations,
    ) -> Result<(), Ended> {
        let keys = match invalidations.into_keys() {
            Ok(keys) => keys,
            Err(error) => {
                // Nothing is committed whose effects cannot be told; the lease's end rolls back.
                drop(lease);
                return Err(Ended::Failed(error));
            }
        };
        let permit = self.permit().await;
        let calls = Arc::clone(self);
        // Spawned so that it outlives the caller; bounded by the permits.
        let task = tokio::spawn(
            async move { calls.finish(name, lease, keys, permit).await }.in_current_span(),
        );
        task.await.unwrap_or_else(|_| {
            // The runtime is going down, and the task with it.
            let source = QueryError::BrokenTransactionManager;
            Err(Ended::Failed(Error::outcome_unknown(name, source)))
        })
    }

    async fn finish(
        self: &Arc<Self>,
        name: Name,
        mut lease: Lease,
        keys: Vec<Key>,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), Ended> {
        match lease.commit().await {
            Ok(committed) => {
                lease.give_back();
                self.note_position(committed.position);
                self.deliver(keys, permit).await;
                Ok(())
            }
            Err(NotCommitted::RolledBack(error)) => {
                lease.give_back();
                Err(conflict_or_failure(error))
            }
            Err(NotCommitted::AbortedByBody) => {
                lease.give_back();
                Err(Ended::Failed(Error::aborted_by_body(name)))
            }
            Err(NotCommitted::Unknown { xid, source }) => {
                drop(lease);
                let refusal = self.cache.refuse_undecided(&keys);
                self.cache.invalidate_near(&keys);
                let fate = match xid {
                    Some(xid) => self.pools.fate(xid, self.settings.outcome_deadline).await,
                    None => Fate::Unknown,
                };
                tracing::warn!(call = %name, ?fate, error = %source, "connection lost during COMMIT");
                if fate != Fate::RolledBack {
                    self.deliver(keys, permit).await;
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
    /// old answer could have come back from Redis.
    async fn deliver(self: &Arc<Self>, keys: Vec<Key>, permit: OwnedSemaphorePermit) {
        if keys.is_empty() {
            return;
        }
        let refusal = self.cache.refuse_undelivered(&keys);
        self.cache.invalidate_near(&keys);
        let delivered = self.cache.invalidate_far(&keys).await;
        self.cache.invalidate_near(&keys);
        if delivered {
            return;
        }
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

    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for Redis, which no clock of ours steps"
    )]
    async fn redeliver(&self, keys: &[Key]) {
        let trying = async {
            let mut pause = PAUSE;
            loop {
                tokio::time::sleep(pause).await;
                if self.cache.invalidate_far(keys).await {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        let closed = self.closed.notified();
        tokio::pin!(closed);
        // Registers before the flag is read: a shutdown in between is not missed.
        closed.as_mut().enable();
        let trying = tokio::time::timeout(self.settings.redelivery, trying);
        let delivered = if self.is_closing() {
            self.cache.invalidate_far(keys).await
        } else {
            tokio::select! {
                delivered = trying => delivered.is_ok(),
                // The last try, for there will be no other.
                () = closed => self.cache.invalidate_far(keys).await,
            }
        };
        if !delivered {
            tracing::error!(
                keys = keys.len(),
                "an invalidation was not delivered to Redis; old answers may be served until their \
                 time to live is over"
            );
        }
    }

    fn note_position(&self, position: Option<Position>) {
        if let Some(position) = position {
            *self
                .last_write
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(position);
        }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.endings).acquire_owned().await {
            Ok(permit) => permit,
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }

    /// The declared keys of a write without a transaction.
    pub fn unfinished(self: &Arc<Self>, name: Name) -> Unfinished {
        Unfinished {
            calls: Arc::clone(self),
            name,
            invalidations: Some(Invalidations::with_limit(self.settings.max_invalidations)),
        }
    }
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
    calls: Arc<Calls>,
    name: Name,
    /// `None` once they were handed on.
    invalidations: Option<Invalidations>,
}

impl Unfinished {
    /// Where the body declares.
    pub fn invalidations(&mut self) -> &mut Invalidations {
        self.invalidations.get_or_insert_default()
    }

    /// The body has come to its end.
    pub async fn end(mut self, mut lease: Lease) -> Result<()> {
        if let Some(position) = lease.position().await {
            self.calls.note_position(Some(position));
        }
        drop(lease);
        match self.hand_on() {
            Ok(Some(task)) => {
                // A failed task is the runtime going down; there is nobody left to tell.
                let _ = task.await;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn hand_on(&mut self) -> Result<Option<tokio::task::JoinHandle<()>>> {
        let Some(invalidations) = self.invalidations.take() else {
            return Ok(None);
        };
        let keys = invalidations.into_keys()?;
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Ok(None);
        };
        let calls = Arc::clone(&self.calls);
        // Spawned so that it outlives the caller; bounded by the permits.
        Ok((!keys.is_empty()).then(|| {
            runtime.spawn(async move {
                let permit = calls.permit().await;
                calls.deliver(keys, permit).await;
            })
        }))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(error) = self.hand_on() {
            tracing::error!(call = %self.name, %error, "invalidations of a dropped write are lost");
        }
    }
}

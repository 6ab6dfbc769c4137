//! The journey of a `#[write]`: the primary, a transaction, the body; then the end of the write,
//! which belongs to the manifold.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::Instrument;

use crate::calls::Calls;
use crate::calls::body::WriteBody;
use crate::calls::caller::Caller;
use crate::calls::ending::Ended;
use crate::calls::read::stopped_answering;
use crate::calls::telemetry;
use crate::calls::written::Author;
use crate::pools::lease::{Lease, Left};
use crate::query::conn::WriteConn;
use crate::terms::call::{Name, WriteCall};
use crate::terms::error::{Error, Result};
use crate::terms::invalidations::Invalidations;
use crate::terms::outcome::Outcome;
use crate::terms::route::{Reason, Role, Route, Source};

/// So often the primary's endpoint may lead to another server, which it does for a moment while roles change.
const ELSEWHERE: u8 = 3;

impl Calls {
    /// Runs a write on the primary.
    pub async fn write<B: WriteBody>(
        self: &Arc<Self>,
        caller: &Caller,
        call: &WriteCall,
        body: B,
    ) -> B::Output {
        if self.has_running_write() {
            return Outcome::failed(Error::nested_write(call.name));
        }
        let author = Author::new(call, self.memory_of(caller));
        if let Some(memory) = &author.memory
            && let Err(error) = self
                .ready(Some(&**memory), self.settings.find_primary)
                .await
        {
            return Outcome::failed(error);
        }
        // Boxed for the same reason as the read's.
        let journey: BoxFuture<'_, _> = if call.transaction {
            Box::pin(self.write_in_transaction(call, author, body))
        } else {
            Box::pin(self.write_by_statements(author, body))
        };
        journey.instrument(telemetry::span(call.name)).await
    }

    async fn write_in_transaction<B: WriteBody>(
        self: &Arc<Self>,
        call: &WriteCall,
        author: Author,
        mut body: B,
    ) -> B::Output {
        let mut retries = call.retry;
        let mut found_standby = false;
        loop {
            let mut lease = match self.begin(call).await {
                Ok(lease) => lease,
                Err(error) => return Outcome::failed(error),
            };
            let node = Arc::clone(&lease.node().name);
            let spare = if retries > 0 { body.again() } else { None };
            let mut invalidations = Invalidations::with_limit(self.settings.max_invalidations);
            let output = self.run(&mut lease, &mut invalidations, body).await;
            let mut moved = false;
            let (conflict, output) = if output.answer().is_none() {
                let refused = lease.notes().is_refused_by_standby();
                let left = roll_back(&mut lease).await;
                if refused && left == Left::Sound {
                    // Nothing has happened yet, so it may happen elsewhere; once.
                    moved = self.has_moved(&mut lease).await && !found_standby;
                    found_standby = true;
                }
                drop(lease);
                if left != Left::Broken {
                    self.note_shown(&author);
                }
                (left == Left::Conflict, output)
            } else {
                match self.end(author.clone(), lease, invalidations).await {
                    Ok(()) => (false, output),
                    Err(Ended::Conflict(error)) => (true, Outcome::failed(error.into())),
                    Err(Ended::Failed(error)) => (false, Outcome::failed(error)),
                }
            };
            if let (true, Some(again)) = (conflict || moved, spare) {
                retries -= u8::from(conflict);
                body = again;
                continue;
            }
            let attempts = call.retry - retries + 1;
            telemetry::answered(route(call.name, node, attempts));
            return output;
        }
    }

    /// `transaction = off`: each statement commits by itself, so whatever the body declared stale is
    /// delivered however the body ends; it may have changed rows before it failed or was dropped.
    async fn write_by_statements<B: WriteBody>(
        self: &Arc<Self>,
        author: Author,
        body: B,
    ) -> B::Output {
        let name = author.name;
        let mut unfinished = self.unfinished(author).await;
        let mut lease = match self.pools.write().await {
            Ok(lease) => lease,
            Err(error) => return Outcome::failed(error),
        };
        let node = Arc::clone(&lease.node().name);
        unfinished.begin(&mut lease).await;
        let output = self.run(&mut lease, unfinished.invalidations(), body).await;
        let failed = output.answer().is_none();
        if lease.notes().is_refused_by_standby() {
            self.has_moved(&mut lease).await;
        }
        let ended = unfinished.end(lease).await;
        telemetry::answered(route(name, node, 1));
        match ended {
            Err(error) if !failed => Outcome::failed(error),
            _ => output,
        }
    }

    /// Asks the lease's node at once what it is, for it refused a write; and whether that is no longer the one
    /// that takes writes.
    async fn has_moved(&self, lease: &mut Lease) -> bool {
        if !lease.notes().is_busy() {
            lease.ask_now().await;
            lease.settle().await;
        }
        !self.pools.takes_writes(lease.node())
    }

    async fn run<B: WriteBody>(
        &self,
        lease: &mut Lease,
        invalidations: &mut Invalidations,
        body: B,
    ) -> B::Output {
        let (notes, node) = (lease.notes(), Arc::clone(lease.node()));
        let mut conn = WriteConn::new(lease.wire(), invalidations);
        let running = self.mark_running(notes.around(body.run(&mut conn)));
        let ran = node.unless_left_out(running).await;
        ran.unwrap_or_else(|| {
            notes.lose_connection();
            Outcome::failed(stopped_answering(&node))
        })
    }

    /// A connection to the primary with the transaction open.
    async fn begin(&self, call: &WriteCall) -> Result<Lease> {
        let (mut broken, mut elsewhere) = (false, 0);
        loop {
            let mut lease = self.pools.write().await?;
            let node = Arc::clone(lease.node());
            let begun = node.unless_left_out(lease.begin_write(call.begin())).await;
            match begun.ok_or_else(|| stopped_answering(&node))? {
                Ok(true) => return Ok(lease),
                // The pools know by now that it is none, and wait for one.
                Ok(false) if elsewhere < ELSEWHERE => elsewhere += 1,
                Ok(false) => {
                    let why = "who answers there is not the primary; nothing was run";
                    return Err(Error::unreachable(&*node.name, why, None));
                }
                // The pool lent a connection whose end it had not heard of yet. Nothing was done on it, so a
                // fresh one may begin.
                Err(error) if lease.settle().await != Left::Broken || broken => {
                    return Err(error.into());
                }
                Err(_) => broken = true,
            }
        }
    }
}

/// The body failed: takes back what it did and tells why it failed.
async fn roll_back(lease: &mut Lease) -> Left {
    let notes = lease.notes();
    if notes.is_busy() {
        // It would have to wait for a query that the body dropped. The lease's end cancels that and
        // closes the connection, which rolls back as well.
        return if notes.has_conflict() {
            Left::Conflict
        } else {
            Left::Sound
        };
    }
    // If this fails the connection is broken, and `settle` says so.
    let _ = lease.roll_back().await;
    lease.settle().await
}

fn route(name: Name, node: Arc<str>, attempts: u8) -> Route {
    Route {
        role: Some(Role::Primary),
        attempts,
        ..Route::new(name, Source::Node(node), Reason::Write)
    }
}

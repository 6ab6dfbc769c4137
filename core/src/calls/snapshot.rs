//! The journey of `manifold.read_snapshot(..)`: one node that is fresh enough, then one snapshot on it
//! for several reads.
//!
//! The position comes first, then BEGIN: a position that is asked for inside of the transaction says
//! nothing about its snapshot.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::Instrument;

use crate::calls::Calls;
use crate::calls::caller::Caller;
use crate::calls::read::{Wanted, confirm, kept, stopped_answering};
use crate::calls::telemetry;
use crate::calls::transaction::SendClosure;
use crate::pools::lease::{Lease, Left};
use crate::pools::tour::{Known, Stop, Tour};
use crate::pools::track::Ticks;
use crate::query::conn::ReadConn;
use crate::terms::call::Name;
use crate::terms::error::{Error, Result};
use crate::terms::memory::Memory;
use crate::terms::position::Position;
use crate::terms::sighting::{Kept, Sighting, Tick};

/// Every snapshot goes by this name.
const NAME: Name = Name::new("Manifold", "read_snapshot");
/// How many connections may turn out to be broken before the call fails: as many as a read's.
const ATTEMPTS: u32 = 3;
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Calls {
    /// Runs `body` once, on one snapshot.
    pub async fn read_snapshot<R, E, F>(&self, caller: &Caller, body: F) -> Result<R, E>
    where
        for<'r, 'c> F: AsyncFnOnce(&'r mut ReadConn<'c>) -> Result<R, E>
            + SendClosure<&'r mut ReadConn<'c>, Result<R, E>, Running: Send>
            + Send,
        E: From<Error> + Send,
        R: Send,
    {
        if self.has_running_write() {
            self.say_read_in_write(NAME);
        }
        // Boxed for the same reason as the read's.
        let journey: BoxFuture<'_, _> = Box::pin(self.on_one_snapshot(caller, body));
        journey.instrument(telemetry::span(NAME)).await
    }

    async fn on_one_snapshot<R, E, F>(&self, caller: &Caller, body: F) -> Result<R, E>
    where
        for<'r, 'c> F: AsyncFnOnce(&'r mut ReadConn<'c>) -> Result<R, E>
            + SendClosure<&'r mut ReadConn<'c>, Result<R, E>, Running: Send>
            + Send,
        E: From<Error> + Send,
        R: Send,
    {
        let memory = self.memory_of(caller);
        let policy = caller.policy.unwrap_or_default();
        if policy.heeds_session() {
            let limit = self.pools.reading().deadline;
            self.ready(memory.as_deref(), limit).await?;
        }
        let need = self.need(policy, memory.as_deref(), Wanted::default());
        let heeded = self.heeded(policy, memory.as_deref());
        let mut tour = self.pools.tour(need, heeded);
        let memory = memory.as_deref().filter(|_| policy.heeds_session());
        let (began, at) = (self.pools.survey().ticks.next(), self.pools.now());
        let (mut lease, sighting) = begin(&mut tour).await?;
        // A failover that became known meanwhile: the snapshot may show a state without what it lost.
        if policy.heeds_session()
            && let Err(error) = self.judge(memory)
        {
            let _ = lease.roll_back().await;
            lease.settle().await;
            return Err(error.into());
        }
        // What the snapshot shows is shown while the body runs, so a call inside must know it already.
        let showing = memory.map(|memory| {
            let open = if lease.is_opaque() {
                // What it shows only the primary is known to show, until it has told a position.
                Kept::at_primary(began, Tick::NEVER)
            } else {
                kept(&lease, began, Tick::NEVER)
            };
            Showing::begin(memory, open, &tour, &self.pools.survey().ticks)
        });
        let notes = lease.notes();
        let node = Arc::clone(lease.node());
        let mut conn = ReadConn::new(lease.wire());
        let ran = node.unless_left_out(notes.around(body(&mut conn))).await;
        let output = ran.unwrap_or_else(|| {
            notes.lose_connection();
            Err(stopped_answering(&node).into())
        });
        let reach = if lease.is_opaque() {
            lease.close(memory.is_some()).await
        } else {
            if !notes.is_busy() && !notes.has_lost_connection() {
                // If it fails the connection is broken, and `settle` says so.
                let _ = lease.roll_back().await;
            }
            None
        };
        if let Some(showing) = showing {
            showing.end(reach);
        }
        lease.settle().await;
        let route = self.route(NAME, &tour, &lease, sighting.as_deref(), at, 1);
        telemetry::answered(route);
        output
    }
}

/// A snapshot that a session is being shown. It ends with this, also if its body is dropped half way.
struct Showing<'m> {
    memory: &'m Memory,
    open: Kept,
    ticks: &'m Ticks,
}

impl<'m> Showing<'m> {
    fn begin(memory: &'m Memory, open: Kept, tour: &Tour<'_>, ticks: &'m Ticks) -> Self {
        memory.begins(open.clone(), tour.included());
        Self {
            memory,
            open,
            ticks,
        }
    }
}

impl Showing<'_> {
    /// It ends, and everything that it has shown lies before `reach`, if that is known.
    fn end(self, reach: Option<Position>) {
        let ended = self.ticks.next();
        self.memory.ends(&self.open, ended);
        if let Some(reach) = reach {
            let open = Kept {
                ended,
                ..self.open.clone()
            };
            self.memory.resolved(&open, reach);
        }
    }
}

impl Drop for Showing<'_> {
    fn drop(&mut self) {
        self.memory.ends(&self.open, self.ticks.next());
    }
}

/// A connection with the snapshot's transaction open, on a node that is fresh enough.
async fn begin(tour: &mut Tour<'_>) -> Result<(Lease, Option<Arc<Sighting>>)> {
    let mut broken = 0;
    loop {
        let Stop { lease, known } = tour.next().await?;
        let confirmed = match known {
            Known::Ask => confirm(tour, lease).await,
            known @ Known::Enough(_) => Some((lease, known)),
        };
        let Some((mut lease, Known::Enough(sighting))) = confirmed else {
            continue;
        };
        let node = Arc::clone(lease.node());
        let begun = node.unless_left_out(lease.snapshot(BEGIN)).await;
        let error = match begun {
            Some(Ok(())) => return Ok((lease, sighting)),
            Some(Err(error)) => error.into(),
            None => {
                lease.notes().lose_connection();
                stopped_answering(&node)
            }
        };
        broken += 1;
        if lease.settle().await != Left::Broken || broken == ATTEMPTS {
            return Err(error);
        }
        tour.failed(node.id);
    }
}

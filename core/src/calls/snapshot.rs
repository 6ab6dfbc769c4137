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
use crate::calls::read::{Wanted, confirm, kept};
use crate::calls::telemetry;
use crate::calls::transaction::SendClosure;
use crate::pools::lease::{Lease, Left};
use crate::pools::tour::{Known, Stop, Tour};
use crate::query::conn::ReadConn;
use crate::terms::call::Name;
use crate::terms::error::{Error, Result};
use crate::terms::sighting::Sighting;

/// Every snapshot goes by this name.
const NAME: Name = Name::new("Manifold", "read_snapshot");
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
        let need = self.need(policy, memory.as_deref(), Wanted::default());
        let heeded = self.heeded(policy, memory.as_deref());
        let mut tour = self.pools.tour(need, heeded);
        let memory = memory.as_deref().filter(|_| policy.heeds_session());
        let (began, at) = (self.pools.survey().ticks.next(), self.pools.now());
        let (mut lease, sighting) = begin(&mut tour).await?;
        let notes = lease.notes();
        let output = notes.around(body(&mut ReadConn::new(lease.wire()))).await;
        if !notes.is_busy() {
            // If it fails the connection is broken, and `settle` says so.
            let _ = lease.roll_back().await;
        }
        let ended = self.pools.survey().ticks.next();
        lease.settle().await;
        if let Some(memory) = memory {
            memory.loaded(kept(&lease, began, ended), tour.included());
        }
        let route = self.route(NAME, &tour, &lease, sighting.as_deref(), at, 1);
        telemetry::answered(route);
        output
    }
}

/// A connection with the snapshot's transaction open, on a node that is fresh enough.
async fn begin(tour: &mut Tour<'_>) -> Result<(Lease, Option<Arc<Sighting>>)> {
    loop {
        let Stop { lease, known } = tour.next().await?;
        let confirmed = match known {
            Known::Ask => confirm(tour, lease).await,
            known @ Known::Enough(_) => Some((lease, known)),
        };
        let Some((mut lease, Known::Enough(sighting))) = confirmed else {
            continue;
        };
        let node = lease.node().id;
        let Err(error) = lease.begin(BEGIN).await else {
            return Ok((lease, sighting));
        };
        if lease.settle().await != Left::Broken || !tour.goes_on(node) {
            return Err(error.into());
        }
        tour.failed(node);
    }
}

//! A body and the question where its node is: side by side, or one after the other.

use std::sync::Arc;

use crate::calls::body::ReadBody;
use crate::pools::lease::{Lease, Left};
use crate::pools::node::Node;
use crate::pools::tour::{Known, Tour};
use crate::query::conn::ReadConn;
use crate::terms::error::Error;
use crate::terms::outcome::Outcome;
use crate::terms::sighting::Sighting;
use crate::terms::trap::Trap;

/// Runs the body. Of a node that must be asked, the question goes out ahead of the body's first query,
/// which does not wait for the answer; its rows do.
pub(super) async fn run<B: ReadBody>(
    tour: &Tour<'_>,
    lease: &mut Lease,
    known: Known,
    body: B,
) -> (Option<Arc<Sighting>>, B::Output) {
    let notes = lease.notes();
    match known {
        Known::Enough(sighting) => {
            if let Err(error) = lease.open().await {
                notes.lose_connection();
                return (None, Outcome::failed(error.into()));
            }
            let mut conn = ReadConn::new(lease.wire());
            (sighting, notes.around(body.run(&mut conn)).await)
        }
        // What the statement sees was fixed when it began.
        Known::Ask if tour.is_trapped(Trap::GuardInside) && !lease.is_opaque() => {
            let mut conn = ReadConn::new(lease.wire());
            let output = notes.around(body.run(&mut conn)).await;
            let sighting = lease.ask().await;
            notes.decide(tour.judge(lease).accepts(sighting.as_deref()));
            (sighting, output)
        }
        Known::Ask => {
            notes.ask();
            let question = lease.ask_beside();
            let judge = tour.judge(lease);
            let deciding = async {
                let sighting = question.await;
                notes.decide(judge.accepts(sighting.as_deref()));
                sighting
            };
            let mut conn = ReadConn::new(lease.wire());
            // In this order: the question is sent first, and its answer is heard before the rows.
            tokio::join!(biased; deciding, notes.around(body.run(&mut conn)))
        }
    }
}

/// Asks the lease's node where it is, before anything is read. `None`: it is behind or cannot tell, and
/// was left.
pub async fn confirm(tour: &mut Tour<'_>, mut lease: Lease) -> Option<(Lease, Known)> {
    let node = Arc::clone(lease.node());
    let sighting = lease.ask().await;
    match sighting {
        Some(sighting) if tour.judge(&lease).accepts(Some(&sighting)) => {
            return Some((lease, Known::Enough(Some(sighting))));
        }
        None if lease.settle().await == Left::Broken => tour.failed(node.id),
        _ => tour.behind(&node),
    }
    lease.close(false).await;
    lease.give_back();
    None
}

/// The node did not refuse anything; it just went silent.
pub fn stopped_answering(node: &Node) -> Error {
    Error::unreachable(&*node.name, "it stopped answering and was left out", None)
}

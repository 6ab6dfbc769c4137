//! The journey of a `#[read]`: find out what it needs, choose a node that has it, run the body there;
//! if the node is behind or fails, the next one, the primary's read pool last.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use crate::calls::Calls;
use crate::calls::body::ReadBody;
use crate::calls::caller::Caller;
use crate::pools::lease::{Lease, Left};
use crate::pools::tour::{Known, Stop, Tour};
use crate::query::conn::ReadConn;
use crate::terms::bounds::{Bounds, Origin};
use crate::terms::call::{Name, ReadCall};
use crate::terms::outcome::Outcome;
use crate::terms::position::Position;
use crate::terms::route::{Role, Route, Source};
use crate::terms::sighting::{Kept, PRIMARY, Sighting};
use crate::terms::trap::Trap;

/// What a load brought.
pub struct Loaded<T> {
    /// The body's outcome.
    pub output: T,
    /// Where it came from, if a node answered.
    pub origin: Option<Origin>,
    /// Whether no query of it was cut short by its connection, by a conflict or by the body: an `Ok`
    /// made up from such a query's error is nothing to keep.
    pub whole: bool,
}

/// What the caller of a load wants to know beside the answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Everything before this must be included, whatever the policy says.
    pub floor: Option<Position>,
    /// The stamp: the answer is to be kept in this process.
    pub stamp: bool,
    /// The reach: the answer is to be kept in Redis.
    pub reach: bool,
}

impl Calls {
    /// Answers a read from the database.
    pub async fn read<B: ReadBody>(&self, caller: &Caller, call: &ReadCall, body: B) -> B::Output {
        if self.has_running_write() {
            self.say_read_in_write(call.name);
        }
        let loaded = self.load(caller, call, body, Wanted::default()).await;
        loaded.output
    }

    /// The answer, and where it came from.
    pub async fn load<B: ReadBody>(
        &self,
        caller: &Caller,
        call: &ReadCall,
        body: B,
        wanted: Wanted,
    ) -> Loaded<B::Output> {
        // Boxed, and its type with it: a user's handler around this future would otherwise nest
        // deeper than rustc computes layouts, and a round trip dwarfs the allocation.
        let journey: BoxFuture<'_, _> = Box::pin(self.load_from_node(caller, call, body, wanted));
        journey.instrument(span(call.name)).await
    }

    async fn load_from_node<B: ReadBody>(
        &self,
        caller: &Caller,
        call: &ReadCall,
        mut body: B,
        wanted: Wanted,
    ) -> Loaded<B::Output> {
        let memory = self.memory_of(caller);
        let policy = caller.policy.unwrap_or(call.policy);
        let need = self.need(policy, memory.as_deref(), wanted);
        let memory = memory.as_deref().filter(|_| policy.heeds_session());
        let mut tour = self.pools.tour(need, memory);
        let mut attempts = 0;
        loop {
            let Stop { mut lease, known } = match tour.next().await {
                Ok(stop) => stop,
                Err(error) => return nowhere(error),
            };
            attempts += 1;
            // The arguments once more, while there is somebody else to ask.
            let node = lease.node().id;
            let may_repeat =
                attempts < call.attempts && (tour.goes_on(node) || matches!(known, Known::Ask));
            let mut spare = if may_repeat { body.again() } else { None };
            let began = self.pools.survey().ticks.next();
            let notes = lease.notes();
            let (sighting, output) = match known {
                Known::Enough(sighting) => {
                    let mut conn = ReadConn::new(lease.wire());
                    (sighting, notes.around(body.run(&mut conn)).await)
                }
                // What the statement sees was fixed when it began.
                Known::Ask if spare.is_some() && self.is_trapped(Trap::GuardInside) => {
                    let output = notes
                        .around(body.run(&mut ReadConn::new(lease.wire())))
                        .await;
                    let sighting = lease.ask().await;
                    let met = |seen: &Arc<Sighting>| node == PRIMARY || tour.is_met_by(seen);
                    notes.decide(sighting.as_ref().is_some_and(met));
                    (sighting, output)
                }
                // A body that runs once only sees no node of which it is not known that it is fresh.
                Known::Ask if spare.is_none() => match lease.ask().await {
                    Some(sighting) if node == PRIMARY || tour.is_met_by(&sighting) => {
                        let mut conn = ReadConn::new(lease.wire());
                        (Some(sighting), notes.around(body.run(&mut conn)).await)
                    }
                    sighting => {
                        attempts -= 1;
                        leave_unread(&mut tour, lease, sighting).await;
                        continue;
                    }
                },
                // The question goes out ahead of the body's first query, which does not wait for the
                // answer; its rows do.
                Known::Ask => {
                    notes.ask();
                    let question = lease.ask_beside();
                    let mut conn = ReadConn::new(lease.wire());
                    tokio::join!(
                        biased;
                        async {
                            let sighting = question.await;
                            let met = |seen: &Arc<Sighting>| node == PRIMARY || tour.is_met_by(seen);
                            notes.decide(sighting.as_ref().is_some_and(met));
                            sighting
                        },
                        notes.around(body.run(&mut conn)),
                    )
                }
            };
            let ended = self.pools.survey().ticks.next();
            let behind = notes.is_behind();
            let failed = output.answer().is_none();
            let whole_so_far = !failed && !behind && !notes.is_busy();
            let reach = if wanted.reach && whole_so_far {
                lease.ask().await.map(|sighting| sighting.position)
            } else {
                None
            };
            let door = lease.line().door.clone();
            let left = lease.settle().await;
            if left == Left::Broken {
                tour.failed(node);
            }
            if behind {
                if left != Left::Broken {
                    tour.behind();
                }
                // What it answered is older than what it must include, so nobody gets to see it.
                drop(output);
                match spare.take() {
                    Some(again) => body = again,
                    None => {
                        unreachable!("a node is asked beside a body only if that may run again")
                    }
                }
                continue;
            }
            // Only the connection's failure and another transaction's conflict run a body again,
            // never an error of the query's or the user's own.
            if let (true, Left::Broken | Left::Conflict, Some(again)) = (failed, left, spare) {
                tour.failed(node);
                body = again;
                continue;
            }
            if let Some(memory) = memory {
                let kept = Kept {
                    node,
                    door: (node != PRIMARY).then_some(door),
                    began,
                    ended,
                };
                match sighting.as_deref() {
                    Some(seen) if self.is_trapped(Trap::StampAsReach) => {
                        memory.resolved(&kept, seen.stamp());
                    }
                    _ => memory.loaded(kept),
                }
            }
            let route = self.route(call.name, &tour, &lease, sighting.as_deref(), attempts);
            let origin = Origin {
                source: route.source.clone(),
                bounds: Bounds {
                    stamp: route.stamp,
                    reach,
                    primary: node == PRIMARY,
                },
            };
            record(&route);
            Route::report(|| route);
            return Loaded {
                output,
                origin: Some(origin),
                whole: left == Left::Sound,
            };
        }
    }

    fn is_trapped(&self, trap: Trap) -> bool {
        self.pools.survey().trapped.is(trap)
    }

    /// The route of an answer by the lease's node, which was seen where `sighting` says.
    pub fn route(
        &self,
        name: Name,
        tour: &Tour<'_>,
        lease: &Lease,
        sighting: Option<&Sighting>,
        attempts: u8,
    ) -> Route {
        let node = lease.node();
        let primary = node.id == PRIMARY;
        let stamp = sighting.map(Sighting::stamp);
        let age = if primary {
            // The primary shows everything that was acknowledged before it was asked.
            Some(Duration::ZERO)
        } else {
            stamp.and_then(|stamp| self.pools.survey().age(stamp, self.pools.now()))
        };
        Route {
            role: Some(if primary {
                Role::Primary
            } else {
                Role::Replica
            }),
            need: tour.needed(),
            stamp,
            age,
            waited: tour.waited(),
            attempts,
            ..Route::new(name, Source::Node(Arc::clone(&node.name)), tour.reason())
        }
    }
}

/// The node is behind, or cannot tell where it is: the body does not get to see it.
pub async fn leave_unread(tour: &mut Tour<'_>, mut lease: Lease, sighting: Option<Arc<Sighting>>) {
    let node = lease.node().id;
    if sighting.is_some() || lease.settle().await != Left::Broken {
        tour.behind();
        lease.give_back();
    } else {
        tour.failed(node);
    }
}

fn nowhere<T: Outcome>(error: crate::terms::error::Error) -> Loaded<T> {
    Loaded {
        output: Outcome::failed(error),
        origin: None,
        whole: false,
    }
}

/// The span of a call that the database answers.
pub fn span(name: Name) -> Span {
    tracing::debug_span!(
        "call",
        call = %name, layer = "database", node = Empty, role = Empty, reason = Empty, need = Empty,
        stamp = Empty, waited = Empty, attempts = Empty
    )
}

/// Records a route in the call's span.
pub fn record(route: &Route) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("node", display(&route.source))
        .record("reason", route.reason.as_str())
        .record("waited", tracing::field::debug(route.waited))
        .record("attempts", route.attempts);
    if let Some(role) = route.role {
        span.record("role", role.as_str());
    }
    if let Some(need) = route.need {
        span.record("need", display(need));
    }
    if let Some(stamp) = route.stamp {
        span.record("stamp", display(stamp));
    }
}

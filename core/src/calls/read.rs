//! The journey of a `#[read]`: find out what it needs, choose a node that has it, run the body there;
//! if the node is behind or fails, the next one, the primary's read pool last.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::Instrument;

use crate::calls::Calls;
use crate::calls::body::ReadBody;
use crate::calls::caller::Caller;
use crate::calls::telemetry;
use crate::pools::lease::{Lease, Left};
use crate::pools::tour::{Known, Need, Stop, Tour};
use crate::terms::bounds::{Bounds, Origin};
use crate::terms::call::{Name, ReadCall};
use crate::terms::clock::Moment;
use crate::terms::error::{Error, Result};
use crate::terms::memory::Memory;
use crate::terms::outcome::Outcome;
use crate::terms::position::Position;
use crate::terms::route::{Route, Source};
use crate::terms::sighting::{Keeper, Kept, Sighting, Tick};
use crate::terms::trap::Trap;

mod asking;

use asking::run;
pub use asking::{confirm, stopped_answering};

/// What a load brought.
pub struct Loaded<T> {
    /// The body's outcome.
    pub output: T,
    /// Where it came from, if a node answered.
    pub origin: Option<Origin>,
    /// Whether no query of it was cut short by its connection, by a conflict, by the body or by a node that
    /// is behind: an `Ok` made up from such a query's error is nothing to keep.
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
    /// A session remembers it.
    pub remembered: bool,
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
        journey.instrument(telemetry::span(call.name)).await
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
        if policy.heeds_session()
            && let Err(error) = self
                .ready(memory.as_deref(), self.pools.reading().deadline)
                .await
        {
            return nowhere(error);
        }
        let need = Need {
            tag: call.tag,
            ..self.need(policy, memory.as_deref(), wanted)
        };
        let heeded = self.heeded(policy, memory.as_deref());
        let mut tour = self.pools.tour(need, heeded);
        let memory = memory.as_deref().filter(|_| policy.heeds_session());
        let wanted = Wanted {
            remembered: memory.is_some(),
            ..wanted
        };
        let mut attempts = 0;
        loop {
            let Stop { lease, known } = match tour.next().await {
                Ok(stop) => stop,
                Err(error) => return nowhere(error),
            };
            let node = Arc::clone(lease.node());
            // The primary is asked for its position only, unless another server may answer in its place.
            let may_be_behind = lease.is_opaque() || !lease.is_of_primary();
            // The arguments once more, for another node, or for the next primary.
            let spare = if attempts + 1 < call.attempts {
                body.again()
            } else {
                None
            };
            // A body that may not run again sees no node of which it is not known that it is fresh.
            let confirmed = match known {
                Known::Ask if may_be_behind && spare.is_none() => confirm(&mut tour, lease).await,
                known => Some((lease, known)),
            };
            let Some((mut lease, known)) = confirmed else {
                continue;
            };
            attempts += 1;
            let run = self.run_on(&tour, &mut lease, known, body, wanted).await;
            let of_primary = lease.is_of_primary();
            if run.left == Left::Broken {
                tour.failed(node.id);
            } else if run.behind {
                tour.behind(&node);
            }
            match spare {
                Some(again) if run.behind || run.may_go_better(of_primary) => {
                    if !run.behind {
                        tour.failed(node.id);
                    }
                    body = again;
                    continue;
                }
                None if run.behind => return nowhere(Error::behind()),
                _ => {}
            }
            if let Some(memory) = memory
                && let Err(error) = self.remember(memory, &tour, &lease, &run)
            {
                return nowhere(error);
            }
            return self.loaded(call.name, &tour, &lease, run, attempts);
        }
    }

    /// The session remembers what it was shown; and is told of what it lost, if a failover became known meanwhile:
    /// the answer may show a state without that.
    fn remember<T: Outcome>(
        &self,
        memory: &Memory,
        tour: &Tour<'_>,
        lease: &Lease,
        run: &Run<T>,
    ) -> Result<()> {
        remember(memory, tour, lease, run);
        if tour.is_trapped(Trap::ToldBeforeOnly) {
            return Ok(());
        }
        self.judge(Some(memory))
    }

    /// Tells who answered.
    fn loaded<T>(
        &self,
        name: Name,
        tour: &Tour<'_>,
        lease: &Lease,
        run: Run<T>,
        attempts: u8,
    ) -> Loaded<T> {
        let sighting = run.sighting.as_deref();
        let route = self.route(name, tour, lease, sighting, run.at, attempts);
        let bounds = Bounds {
            stamp: route.stamp,
            reach: run.reach,
            primary: lease.is_of_primary(),
        };
        let source = route.source.clone();
        telemetry::answered(route);
        Loaded {
            output: run.output,
            origin: Some(Origin { source, bounds }),
            whole: run.whole,
        }
    }

    /// Runs the body once, and finds out how it went.
    async fn run_on<B: ReadBody>(
        &self,
        tour: &Tour<'_>,
        lease: &mut Lease,
        known: Known,
        body: B,
        wanted: Wanted,
    ) -> Run<B::Output> {
        let ticks = &self.pools.survey().ticks;
        let (began, at) = (ticks.next(), self.pools.now());
        let node = Arc::clone(lease.node());
        let ran = node.unless_left_out(run(tour, lease, known, body)).await;
        let (sighting, output) = ran.unwrap_or_else(|| {
            lease.notes().lose_connection();
            (None, Outcome::failed(stopped_answering(&node)))
        });
        let ended = ticks.next();
        let behind = lease.notes().is_behind();
        let reach = if lease.is_opaque() {
            lease.answers_as(self.pools.role_of(sighting.as_deref()));
            // Whatever came of the body, it has seen what it has seen.
            lease
                .close((wanted.reach || wanted.remembered) && !behind)
                .await
        } else if wanted.reach && !behind && output.answer().is_some() {
            lease.reach().await
        } else {
            None
        };
        let left = lease.settle().await;
        Run {
            output,
            sighting,
            behind,
            reach,
            whole: left == Left::Sound && !lease.notes().has_refused(),
            left,
            at,
            began,
            ended,
        }
    }

    /// The route of an answer by the lease's node, which was seen where `sighting` says.
    pub fn route(
        &self,
        name: Name,
        tour: &Tour<'_>,
        lease: &Lease,
        sighting: Option<&Sighting>,
        began: Moment,
        attempts: u8,
    ) -> Route {
        let node = lease.node();
        let primary = lease.is_of_primary();
        let stamp = sighting.map(Sighting::stamp);
        let now = self.pools.now();
        let age = if primary {
            // The primary shows everything that was acknowledged before it was asked.
            Some(now.since(began))
        } else {
            stamp.and_then(|stamp| self.pools.survey().age(stamp, now))
        };
        Route {
            role: Some(lease.role()),
            need: tour.needed(),
            stamp,
            age,
            waited: tour.waited(),
            attempts,
            ..Route::new(name, Source::Node(Arc::clone(&node.name)), tour.reason())
        }
    }
}

/// How one run of a body went.
struct Run<T> {
    output: T,
    /// Where the node was before it.
    sighting: Option<Arc<Sighting>>,
    /// The node was asked, and is behind: nobody gets to see what it answered.
    behind: bool,
    reach: Option<Position>,
    whole: bool,
    left: Left,
    /// When it began, by the clock and in the order of what the manifold did.
    at: Moment,
    began: Tick,
    ended: Tick,
}

impl<T: Outcome> Run<T> {
    /// Whether another node may do better: only the connection's failure and another transaction's
    /// conflict run a body again, never an error of the query's or the user's own.
    fn may_go_better(&self, of_primary: bool) -> bool {
        let elsewhere = match self.left {
            Left::Broken => true,
            // There is no node beside the primary that shows no less.
            Left::Conflict => !of_primary,
            Left::Sound | Left::Doubtful => false,
        };
        self.output.answer().is_none() && elsewhere
    }

    /// What the session must find again.
    fn kept(&self, lease: &Lease) -> Kept {
        kept(lease, self.began, self.ended)
    }
}

/// Notes in the session's memory what it was shown.
fn remember<T: Outcome>(memory: &Memory, tour: &Tour<'_>, lease: &Lease, run: &Run<T>) {
    // A connection that broke may have been dead before: that its node still showed what the session
    // had seen there is not proven.
    let broken = run.left == Left::Broken;
    let included = if broken { &[] } else { tour.included() };
    match run.sighting.as_deref() {
        _ if lease.is_opaque() => match run.reach {
            Some(reach) => memory.showed(reach, included),
            // Nobody who cannot tell a position is found again there.
            None if lease.node().pin.is_some() => {}
            // The primary's next position will bound it.
            None => memory.loaded(Kept::at_primary(run.began, run.ended), included),
        },
        Some(seen) if tour.is_trapped(Trap::StampAsReach) => {
            memory.resolved(&run.kept(lease), seen.stamp());
        }
        _ => memory.loaded(run.kept(lease), included),
    }
}

/// What a session must find again that was answered by this lease's node.
pub fn kept(lease: &Lease, began: Tick, ended: Tick) -> Kept {
    Kept {
        by: if lease.is_of_primary() {
            Keeper::Primary
        } else {
            Keeper::Node(lease.node().id, lease.line().door.clone())
        },
        began,
        ended,
    }
}

fn nowhere<T: Outcome>(error: Error) -> Loaded<T> {
    Loaded {
        output: Outcome::failed(error),
        origin: None,
        whole: false,
    }
}

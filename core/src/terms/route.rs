//! The *route* of a call: who answered it, and why.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::terms::call::Name;
use crate::terms::position::Position;

/// Routes kept for one [`routes`] scope; the latest ones stay.
const KEPT: usize = 64;

tokio::task_local! {
    static OBSERVED: Arc<Mutex<Vec<Route>>>;
}

/// Who answered a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The cache of this process.
    L1,
    /// The cache in Redis.
    L2,
    /// A database node, by its name: `primary`, `replica-1`.
    Node(Arc<str>),
}

/// As in a header: `l1`, `l2`, `replica-1`, `primary`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Node(name) => name,
        })
    }
}

/// Why it was this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The answer was in the cache.
    Cached,
    /// Another call was loading the same key and shared its answer; the source is that call's.
    Joined,
    /// The balance between the healthy replicas chose it.
    Balanced,
    /// The session keeps to the node that answered its last load.
    Kept,
    /// It was not known to be fresh enough, was asked for its position ahead of the query, and was.
    Asked,
    /// It was behind at first, and was waited for.
    Waited,
    /// No replica was fresh enough in time, so the primary answered.
    Lagging,
    /// The primary was asked for: `consistency = strong`.
    Strong,
    /// Nobody knows where the primary was when `max_staleness` asks for it, so the primary answered.
    NoSample,
    /// Another node was asked first and could not answer.
    Fallback,
    /// No replica is configured or healthy.
    NoReplica,
    /// Only the primary takes writes.
    Write,
}

impl Reason {
    /// The word for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Joined => "joined",
            Self::Balanced => "balanced",
            Self::Kept => "kept",
            Self::Asked => "asked",
            Self::Waited => "waited",
            Self::Lagging => "lagging",
            Self::Strong => "strong",
            Self::NoSample => "no_sample",
            Self::Fallback => "fallback",
            Self::NoReplica => "no_replica",
            Self::Write => "write",
        }
    }
}

/// What a server said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// A standby that replays the primary's log.
    Replica,
}

impl Role {
    /// The word for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// The route that one call took.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Route {
    /// The method that was called.
    pub name: Name,
    /// Who answered.
    pub source: Source,
    /// What that node is; `None` for the cache.
    pub role: Option<Role>,
    /// Why it was this one.
    pub reason: Reason,
    /// What the answer had to include: everything before this. `None`: nothing in particular, or
    /// more than one position says.
    pub need: Option<Position>,
    /// What the answer is known to include: everything before this.
    pub stamp: Option<Position>,
    /// How old the answer is at most: it shows everything that was acknowledged this long ago.
    /// `None`: nobody knows.
    pub age: Option<Duration>,
    /// How long the call waited for a node that is fresh enough.
    pub waited: Duration,
    /// How many times the body ran; 0 when the cache answered.
    pub attempts: u8,
}

impl Route {
    /// The route of a call that `source` answered.
    pub(crate) const fn new(name: Name, source: Source, reason: Reason) -> Self {
        Self {
            name,
            source,
            role: None,
            reason,
            need: None,
            stamp: None,
            age: None,
            waited: Duration::ZERO,
            attempts: 0,
        }
    }
}

/// Runs `future` and tells which routes the calls in it took, in the order in which they ended.
///
/// Only calls that the future itself makes are seen, not those of tasks that it spawns. At most the
/// latest 64 are kept.
///
/// ```no_run
/// # async fn example() {
/// # let albums_by_id = async { 7 };
/// let (album, routes) = diesel_manifold::routes(albums_by_id).await;
/// if let Some(route) = routes.last() {
///     println!("x-manifold-route: {}", route.source); // l1, l2, replica-1, primary ..
/// }
/// # }
/// ```
///
/// # Cancel safety
///
/// As safe as `future`.
pub async fn routes<F: Future>(future: F) -> (F::Output, Vec<Route>) {
    let seen = Arc::<Mutex<Vec<Route>>>::default();
    let output = OBSERVED.scope(Arc::clone(&seen), future).await;
    let routes = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    // Whoever observes from further outside sees them, too.
    for route in &routes {
        Route::report(|| route.clone());
    }
    (output, routes)
}

/// An answer, and what is known of how old it is.
///
/// ```no_run
/// # async fn example() {
/// # let albums_by_id = async { 7 };
/// use diesel_manifold::Read;
///
/// let Read { answer, route } = Read::of(albums_by_id).await;
/// if let Some(age) = route.and_then(|route| route.age) {
///     println!("at most {age:?} old");
/// }
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Read<T> {
    /// What the call returned.
    pub answer: T,
    /// Who answered, why, and how old it is at most. `None`: no call was made, or it failed before
    /// anybody answered.
    pub route: Option<Route>,
}

impl<T> Read<T> {
    /// Awaits `call` and tells the route of the last call in it.
    ///
    /// # Cancel safety
    ///
    /// As safe as `call`.
    pub async fn of(call: impl Future<Output = T>) -> Self {
        let (answer, mut routes) = routes(call).await;
        Self {
            answer,
            route: routes.pop(),
        }
    }
}

impl Route {
    /// Tells whoever observes this task; asked for the route only if somebody does.
    pub(crate) fn report(route: impl FnOnce() -> Self) {
        // Outside of a scope nobody listens, and a hit must not pay for a name that nobody reads.
        let _ = OBSERVED.try_with(|seen| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() == KEPT {
                seen.remove(0);
            }
            seen.push(route());
        });
    }
}

//! Floor 2, the room that holds connections: some nodes, of which one is the primary, and what was
//! last learned about each.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use crate::rules::duty::Duty;
use crate::terms::clock::{Clock, Moment};
use crate::terms::error::{Error, Result};
use crate::terms::position::Position;
use crate::terms::route::Role;
use crate::terms::settings::{Balance, ReadSettings, Settings};
use crate::terms::sighting::Sighting;
use crate::terms::trap::Trapped;

pub mod commit;
pub mod connect;
pub mod dice;
pub mod lease;
pub mod membership;
pub mod node;
pub mod outcome;
pub mod queries;
pub mod roles;
pub mod schema;
pub mod shared;
pub mod status;
pub mod survey;
pub mod tour;
pub mod track;
pub mod transaction;
pub mod upkeep;
pub mod watcher;

use connect::Session;
use connect::identity::Identity;
use lease::Lease;
use node::{Node, Plan, Unavailable};
use shared::Shared;
use status::NodeStatus;
use survey::Survey;

/// All nodes of a manifold.
#[derive(Debug)]
pub struct Pools {
    /// In the order in which they joined.
    nodes: RwLock<Arc<[Arc<Node>]>>,
    /// The number of the next one to join.
    next_node: AtomicUsize,
    /// The number in the last name that was made up.
    next_name: AtomicUsize,
    balance: Balance,
    turns: AtomicU64,
    reading: ReadSettings,
    /// Between two questions of the watchers.
    period: Duration,
    /// How long a write waits for a primary.
    find_primary: Duration,
    /// Read connections to the primary while there are replicas.
    fallback: usize,
    /// One permit for each read that waits because the primary's read pool is in use.
    waiting: Semaphore,
    /// The node that was told of last as the primary.
    announced: Mutex<Option<usize>>,
    closed: AtomicBool,
    said_unknown_tag: AtomicBool,
    shared: Arc<Shared>,
}

impl Pools {
    /// Pools for these nodes; nothing is connected yet.
    pub fn new(
        plans: &[Plan],
        settings: &Settings,
        clock: Clock,
        trapped: Trapped,
    ) -> Result<Self> {
        let pool = &settings.pool;
        let pools = Self {
            nodes: RwLock::new(Arc::new([])),
            next_node: AtomicUsize::new(0),
            next_name: AtomicUsize::new(0),
            balance: settings.balance,
            turns: AtomicU64::new(0),
            reading: settings.read.clone(),
            // Up to a fifth sooner or later, so that many processes do not ask at once.
            period: settings.read.poll.mul_f64(0.8 + 0.4 * dice::fraction()),
            find_primary: settings.write.find_primary,
            fallback: pool.fallback_size.unwrap_or((pool.size / 5).max(1)),
            waiting: Semaphore::new(settings.read.max_waiting),
            announced: Mutex::default(),
            closed: AtomicBool::new(false),
            said_unknown_tag: AtomicBool::new(false),
            shared: Arc::new(Shared::new(clock, settings, trapped)),
        };
        for plan in plans {
            let node = pools.prepare(plan)?;
            pools.admit(node)?;
        }
        Ok(pools)
    }

    /// Connects to all nodes. One of them must be a primary; the others need not answer: one that does not is
    /// left out and said so.
    pub async fn open(&self) -> Result<Identity> {
        let nodes = self.nodes();
        // Whoever answers first says which database this is about. A logical replica is a cluster of its own.
        let (placed, pinned): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.pin.is_none());
        let mut others = placed.into_iter().chain(pinned);
        let mut refusal = None;
        for node in others.by_ref() {
            match node.identify().await {
                Ok(identity) => {
                    self.shared.expect(identity);
                    break;
                }
                Err(error) if error.is_configuration() => return Err(error),
                Err(error) => {
                    node.refused(&error);
                    refusal.get_or_insert(error);
                }
            }
        }
        let others = others.map(|node| async move {
            if let Err(error) = node.identify().await {
                if error.is_configuration() {
                    return Err(error);
                }
                node.refused(&error);
            }
            Ok(())
        });
        futures_util::future::try_join_all(others).await?;
        self.assign();
        match (self.primary(), self.shared.expected()) {
            (Some(_), Some(identity)) => Ok(identity.clone()),
            _ => Err(Error::unreachable(
                "the primary",
                format!(
                    "no node takes writes now: {}",
                    self.excuses(refusal.as_ref())
                ),
                None,
            )),
        }
    }

    /// What each node is instead of a primary.
    fn excuses(&self, refusal: Option<&Error>) -> String {
        let said = self.nodes();
        let said = said.iter().map(|node| {
            let what = match self.shared.roles.now().said(node.id) {
                Some(said) if said.standby => "is a standby, in recovery",
                Some(_) => "is a primary on a timeline that came to its end",
                None => "does not answer",
            };
            format!("{} {what}", node.name)
        });
        let said = said.collect::<Vec<_>>().join(", ");
        match refusal {
            Some(refusal) => format!("{said} ({refusal})"),
            None => said,
        }
    }

    /// A connection for writing. While no node takes writes it waits for one, so nothing was sent when it
    /// fails.
    pub async fn write(&self) -> Result<Lease> {
        let mut changes = self.shared.roles.changes();
        let mut patience = std::pin::pin!(tokio::time::timeout(
            self.find_primary,
            std::future::pending::<()>()
        ));
        let mut last = None;
        loop {
            changes.mark_unchanged();
            if let Some(primary) = self.primary().filter(|primary| !primary.is_left_out()) {
                // Boxed: connecting is large, and each wrapper would hold it twice.
                let lending = Box::pin(primary.lend(Session::Write));
                let lent = self.while_it_writes(&primary, lending);
                match lent.await {
                    Some(Ok(loan)) => return Ok(Lease::new(loan, primary, Role::Primary)),
                    Some(Err(Unavailable::Down(who, error))) => last = Some(error.into_error(&who)),
                    Some(Err(unavailable)) => return Err(self.error(unavailable)),
                    None => {}
                }
            }
            tokio::select! {
                // The sender lives as long as these pools.
                _ = changes.changed() => {}
                _ = &mut patience => return Err(last.unwrap_or_else(nobody_writes)),
            }
        }
    }

    /// What `future` comes to, which waits for a connection to the node that takes the writes. `None`: by now that is
    /// another one, or nobody, or it was left out.
    async fn while_it_writes<T>(&self, node: &Node, future: impl Future<Output = T>) -> Option<T> {
        let is_over = || !self.takes_writes(node) || node.is_left_out();
        tokio::select! {
            biased;
            () = self.shared.roles.until(is_over) => None,
            done = future => Some(done),
        }
    }

    /// Whether a node is seen on this timeline within `limit`, or on a later one. All are asked often meanwhile.
    pub async fn has_reached(&self, timeline: u32, limit: Duration) -> bool {
        let is_there = || self.survey().latest() >= Some(timeline);
        let nodes = self.nodes();
        let asking = nodes
            .iter()
            .map(|node| node.track.until(true, |_| is_there()));
        let asking = futures_util::future::join_all(asking);
        // The questions go on as long as nobody has told.
        let either = async {
            tokio::select! {
                () = self.shared.roles.until(is_there) => {}
                _ = asking => {}
            }
        };
        tokio::time::timeout(limit, either).await.is_ok()
    }

    /// A connection to the primary without any settings of ours, outside of the pools.
    #[cfg(feature = "migrations")]
    pub async fn open_for_migrations(&self) -> Result<diesel_async::AsyncPgConnection> {
        let primary = self.primary().ok_or_else(nobody_writes)?;
        if primary.is_opaque() {
            // The lock that keeps the others waiting would be the pooler's.
            return Err(Error::configuration(
                format!("`{}` is behind a pooler or a balancer", primary.name),
                "migrate with a manifold that reaches the primary directly",
            ));
        }
        primary.open_bare().await
    }

    /// The `known` position; without one, where the primary is now, if it can be asked.
    pub async fn place_unless(&self, known: Option<Position>) -> Option<Position> {
        match known {
            Some(_) => known,
            None => self.place().await.ok().flatten(),
        }
    }

    /// Where the primary is now. `None`: it cannot tell, or not in time.
    pub async fn place(&self) -> Result<Option<Position>> {
        let mut lease = self.write().await?;
        let position = lease.position().await;
        lease.give_back();
        Ok(position)
    }

    /// What a person wants to know about each node, in the order in which they joined.
    pub fn status(&self) -> Vec<NodeStatus> {
        self.nodes().iter().map(|node| node.status()).collect()
    }

    /// What is known of positions.
    pub fn survey(&self) -> &Survey {
        &self.shared.survey
    }

    /// The time.
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// How long opening a connection may take.
    pub fn connect_timeout(&self) -> Duration {
        self.shared.settings.connect_timeout
    }

    /// How reads find their way.
    pub fn reading(&self) -> &ReadSettings {
        &self.reading
    }

    /// All nodes now.
    pub fn nodes(&self) -> Arc<[Arc<Node>]> {
        Arc::clone(&self.nodes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The node with this number.
    pub fn node(&self, id: usize) -> Option<Arc<Node>> {
        self.nodes().iter().find(|node| node.id == id).cloned()
    }

    /// The node that takes the writes, as far as anybody knows.
    pub fn primary(&self) -> Option<Arc<Node>> {
        self.node(self.shared.roles.now().primary()?)
    }

    /// What somebody behind an opaque endpoint answers as that was seen there.
    pub fn role_of(&self, seen: Option<&Sighting>) -> Role {
        match seen {
            Some(seen) if self.shared.is_latest_primary(seen) => Role::Primary,
            _ => Role::Replica,
        }
    }

    /// Whether it is this node that takes the writes.
    pub fn takes_writes(&self, node: &Node) -> bool {
        self.shared.roles.now().is_primary(node.id)
    }

    /// Sees to what follows from the roles: from which pool each node lends, and that it is told when the
    /// primary is another.
    pub fn assign(&self) {
        let (nodes, roles) = (self.nodes(), self.shared.roles.now());
        // One that is outside answers nothing, perhaps for long, so it spares the primary no read.
        let spares_it = |node: &Arc<Node>| {
            !matches!(node.duty(), Duty::Primary | Duty::Outside) && !roles.is_twin(node.id)
        };
        let alone = !nodes.iter().any(spares_it);
        for node in nodes.iter() {
            node.set_fallback(roles.is_primary(node.id) && !alone);
            node.tell_outside(roles.primary().is_some());
        }
        let mut announced = self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let primary = roles.primary();
        if *announced != primary
            && let Some(node) = nodes.iter().find(|node| Some(node.id) == primary)
        {
            if announced.is_some() {
                let (node, timeline) = (&node.name, self.shared.survey.latest());
                tracing::warn!(%node, ?timeline, "the primary is another node now: it takes the writes");
            }
            *announced = primary;
        }
    }

    /// Says, once, that a read asks for nodes that there are not.
    fn say_unknown_tag(&self, tag: &str) {
        if !self.said_unknown_tag.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                tag,
                "no node has this tag, so any replica answers the reads that ask for it"
            );
        }
    }

    fn next_turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Whom to wake when a node should be probed at once.
    pub fn wake(&self) -> &Notify {
        &self.shared.wake
    }

    /// Lends no connection any more; those that are out close when they come back.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.nodes().iter().for_each(|node| node.close());
    }

    fn error(&self, unavailable: Unavailable) -> Error {
        match unavailable {
            Unavailable::Full(who) => Error::busy(&*who, self.shared.settings.wait),
            Unavailable::Down(who, error) => error.into_error(&who),
            Unavailable::Closed(_) if self.closed.load(Ordering::SeqCst) => Error::shut_down(),
            Unavailable::Closed(who) => Error::unreachable(&*who, "it was removed", None),
        }
    }
}

/// Nobody says that it is a primary on the highest timeline.
pub(super) fn nobody_writes() -> Error {
    Error::unreachable("the primary", "no node takes writes now", None)
}

//! Floor 1, the room that holds connections: one primary, some replicas, and what was last learned
//! about each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, Semaphore};

use crate::terms::clock::{Clock, Moment};
use crate::terms::error::{Error, Result};
use crate::terms::position::Position;
use crate::terms::settings::{Balance, ReadSettings, Settings};
use crate::terms::sighting::PRIMARY;
use crate::terms::trap::Trapped;

pub mod commit;
pub mod connect;
pub mod dice;
pub mod lease;
pub mod node;
pub mod outcome;
pub mod queries;
pub mod status;
pub mod survey;
pub mod tour;
pub mod track;
pub mod upkeep;
pub mod watcher;

use connect::Session;
use connect::endpoint::Endpoint;
use connect::identity::Identity;
use lease::Lease;
use node::{Node, Shared, Unavailable};
use status::NodeStatus;
use survey::Survey;
use watcher::Watcher;

/// All nodes of a manifold.
#[derive(Debug)]
pub struct Pools {
    /// The primary first; each at the place of its number.
    nodes: Vec<Arc<Node>>,
    balance: Balance,
    turns: AtomicU64,
    reading: ReadSettings,
    /// One permit for each read that waits because the primary's read pool is in use.
    waiting: Semaphore,
    shared: Arc<Shared>,
}

impl Pools {
    /// Pools for these endpoints; nothing is connected yet.
    pub fn new(
        primary: &Endpoint,
        replicas: &[Endpoint],
        settings: &Settings,
        clock: Clock,
        trapped: Trapped,
    ) -> Result<Self> {
        let pool = settings.pool.clone();
        let alone = replicas.is_empty();
        let reading = if alone {
            pool.size
        } else {
            pool.fallback_size.unwrap_or((pool.size / 5).max(1))
        };
        let survey = Survey::new(&settings.read, trapped);
        let shared = Arc::new(Shared::new(clock, pool, survey));
        let size = shared.settings.size;
        let primary = Node::new(
            PRIMARY,
            "primary",
            primary,
            reading,
            Some(size),
            Arc::clone(&shared),
        );
        let replicas = replicas.iter().enumerate().map(|(at, endpoint)| {
            let id = PRIMARY + 1 + at;
            let name = format!("replica-{id}");
            Node::new(id, &name, endpoint, size, None, Arc::clone(&shared))
        });
        Ok(Self {
            nodes: std::iter::once(primary)
                .chain(replicas)
                .map(|node| node.map(Arc::new))
                .collect::<Result<_>>()?,
            balance: settings.balance,
            turns: AtomicU64::new(0),
            reading: settings.read.clone(),
            waiting: Semaphore::new(settings.read.max_waiting),
            shared,
        })
    }

    /// Connects to the primary, which must answer, and to the replicas, which need not: one that
    /// does not is left out and said so.
    pub async fn open(&self) -> Result<Identity> {
        let identity = self.primary().identify(Session::Write).await?;
        self.shared.expect(identity.clone());
        let replicas = self.replicas().map(|replica| async move {
            if let Err(error) = replica.identify(Session::Read).await {
                if error.is_configuration() {
                    return Err(error);
                }
                replica.refused(&error);
            }
            Ok(())
        });
        futures_util::future::try_join_all(replicas).await?;
        Ok(identity)
    }

    /// A connection for writing.
    pub async fn write(&self) -> Result<Lease> {
        match self.primary().lend(Session::Write).await {
            Ok(loan) => Ok(Lease::new(loan, Arc::clone(self.primary()))),
            Err(unavailable) => Err(self.error(unavailable)),
        }
    }

    /// The `known` position; without one, where the primary is now, if it can be asked.
    pub async fn place_unless(&self, known: Option<Position>) -> Option<Position> {
        if known.is_some() {
            return known;
        }
        let mut lease = self.write().await.ok()?;
        let position = lease.position().await;
        lease.give_back();
        position
    }

    /// What a person wants to know about each node, the primary first.
    pub fn status(&self) -> Vec<NodeStatus> {
        self.nodes().map(|node| node.status()).collect()
    }

    /// What is known of positions.
    pub fn survey(&self) -> &Survey {
        &self.shared.survey
    }

    /// The time.
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// How reads find their way.
    pub fn reading(&self) -> &ReadSettings {
        &self.reading
    }

    /// One watcher for each node.
    pub fn watchers(&self) -> impl Iterator<Item = Watcher> {
        // Up to a fifth sooner or later, so that many processes do not ask at once.
        let period = self.reading.poll.mul_f64(0.8 + 0.4 * dice::fraction());
        let watcher = move |node| Watcher::new(node, self.reading.clone(), period);
        self.nodes.iter().map(watcher)
    }

    fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.iter()
    }

    /// The node with this number.
    pub fn node(&self, id: usize) -> Option<&Arc<Node>> {
        self.nodes.get(id)
    }

    fn primary(&self) -> &Arc<Node> {
        &self.nodes[PRIMARY]
    }

    fn replicas(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.iter().skip(PRIMARY + 1)
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
        self.nodes().for_each(|node| node.close());
    }

    fn error(&self, unavailable: Unavailable) -> Error {
        match unavailable {
            Unavailable::Full(who) => Error::busy(&*who, self.shared.settings.wait),
            Unavailable::Down(who, error) => error.into_error(&who),
            Unavailable::Closed => Error::shut_down(),
        }
    }
}

//! Floor 1, the room that holds connections: one primary, some replicas, and what was last learned
//! about each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::rules::balance;
use crate::terms::clock::Clock;
use crate::terms::error::{Error, Result};
use crate::terms::route::Reason;
use crate::terms::settings::{Balance, Settings};

pub mod commit;
pub mod connect;
pub mod dice;
pub mod lease;
pub mod node;
pub mod outcome;
pub mod queries;
pub mod upkeep;

use connect::Session;
use connect::endpoint::Endpoint;
use connect::identity::Identity;
use lease::Lease;
use node::{Node, NodeStatus, Shared, Unavailable};

/// All nodes of a manifold.
#[derive(Debug)]
pub struct Pools {
    primary: Arc<Node>,
    replicas: Vec<Arc<Node>>,
    balance: Balance,
    turns: AtomicU64,
    shared: Arc<Shared>,
}

impl Pools {
    /// Pools for these endpoints; nothing is connected yet.
    pub fn new(
        primary: &Endpoint,
        replicas: &[Endpoint],
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self> {
        let pool = settings.pool.clone();
        let alone = replicas.is_empty();
        let reading = if alone {
            pool.size
        } else {
            pool.fallback_size.unwrap_or((pool.size / 5).max(1))
        };
        let shared = Arc::new(Shared::new(clock, pool));
        let node = |name: &str, endpoint: &Endpoint, readers, writers| {
            Node::new(name, endpoint, readers, writers, Arc::clone(&shared)).map(Arc::new)
        };
        let size = shared.settings.size;
        Ok(Self {
            primary: node("primary", primary, reading, Some(size))?,
            replicas: replicas
                .iter()
                .enumerate()
                .map(|(at, endpoint)| node(&format!("replica-{}", at + 1), endpoint, size, None))
                .collect::<Result<_>>()?,
            balance: settings.balance,
            turns: AtomicU64::new(0),
            shared,
        })
    }

    /// Connects to the primary, which must answer, and to the replicas, which need not: one that
    /// does not is left out and said so.
    pub async fn open(&self) -> Result<Identity> {
        let identity = self.primary.identify(Session::Write).await?;
        self.shared.expect(identity.clone());
        let replicas = self.replicas.iter().map(|replica| async {
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
        match self.primary.lend(Session::Write).await {
            Ok(loan) => Ok(Lease::new(loan, Arc::clone(&self.primary))),
            Err(unavailable) => Err(self.error(unavailable)),
        }
    }

    /// The nodes that a read may ask, in order.
    pub fn tour(&self) -> Tour<'_> {
        let healthy: Vec<_> = self
            .replicas
            .iter()
            .filter_map(|n| n.load().map(|l| (n, l)))
            .collect();
        let loads: Vec<_> = healthy.iter().map(|(_, load)| *load).collect();
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let order = balance::order(self.balance, &loads, turn, dice::roll());
        let mut nodes: Vec<_> = order.into_iter().map(|at| healthy[at].0).collect();
        nodes.push(&self.primary);
        nodes.reverse();
        Tour {
            pools: self,
            reason: if nodes.len() == 1 {
                Reason::NoReplica
            } else {
                Reason::Balanced
            },
            left: nodes,
            last: None,
        }
    }

    /// What a person wants to know about each node, the primary first.
    pub fn status(&self) -> Vec<NodeStatus> {
        self.nodes().map(|node| node.status()).collect()
    }

    fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        std::iter::once(&self.primary).chain(&self.replicas)
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

/// One read's way from node to node, until one answers.
#[derive(Debug)]
pub struct Tour<'p> {
    pools: &'p Pools,
    left: Vec<&'p Arc<Node>>,
    reason: Reason,
    last: Option<Error>,
}

impl Tour<'_> {
    /// A connection to the next node that has one to lend.
    ///
    /// A node that refuses is left out from then on; one whose pool is full for as long as a call
    /// may wait is passed over this once.
    pub async fn next(&mut self) -> Result<Lease> {
        while let Some(node) = self.left.pop() {
            match node.lend(Session::Read).await {
                Ok(loan) => return Ok(Lease::new(loan, Arc::clone(node))),
                Err(unavailable) => {
                    self.last = Some(self.pools.error(unavailable));
                    self.reason = Reason::Fallback;
                }
            }
        }
        Err(self.last.take().unwrap_or_else(Error::shut_down))
    }

    /// Whether there is another node to ask.
    pub fn goes_on(&self) -> bool {
        !self.left.is_empty()
    }

    /// The node that was asked last failed while it answered.
    pub fn failed(&mut self) {
        self.reason = Reason::Fallback;
    }

    /// Why the node that was asked last was chosen.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

//! A session's way out of the process, and into another one.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::calls::Calls;
use crate::rules::proof;
use crate::terms::error::{Error, Result};
#[cfg(feature = "tower")]
use crate::terms::floors::Floors;
use crate::terms::memory::Memory;
use crate::terms::position::Position;
use crate::terms::sighting::Kept;
use crate::terms::token::key::TokenKeys;

pub mod store;

/// What tokens are made with.
#[derive(Debug)]
pub struct Tokens {
    /// The application's keys; without them nothing leaves the process.
    pub keys: Option<TokenKeys>,
    /// The cluster's system identifier.
    pub system: i64,
    /// For how long the token store keeps them.
    pub ttl: Duration,
}

impl Tokens {
    fn keys(&self) -> Result<&TokenKeys> {
        self.keys.as_ref().ok_or_else(|| {
            Error::configuration(
                "no token key is configured, so a session cannot leave its process",
                "set MANIFOLD_TOKEN_KEY (`openssl rand -base64 32`), or call `token_key` on the builder",
            )
        })
    }
}

impl Calls {
    /// The token of a session: what it has been shown is bounded by a position first, for another
    /// process knows nothing of the nodes of this one.
    pub async fn seal(&self, memory: &Memory) -> Result<String> {
        self.tokens.keys()?;
        self.judge(Some(memory))?;
        self.seal_untold(memory).await
    }

    /// The same, and nobody is told of a lost write: whoever goes on with the token is.
    pub async fn seal_untold(&self, memory: &Memory) -> Result<String> {
        self.settle(memory).await?;
        self.seal_known(memory)
    }

    /// Bounds what a session has been shown by positions.
    async fn settle(&self, memory: &Memory) -> Result<()> {
        for kept in memory.remembered().kept {
            let reach = tokio::time::timeout(self.pools.reading().deadline, self.reach(&kept));
            let Ok(reach) = reach.await else {
                return Err(Error::lagging(self.pools.reading().deadline));
            };
            memory.resolved(&kept, reach);
        }
        Ok(())
    }

    /// The same without what no position bounds yet.
    pub fn seal_known(&self, memory: &Memory) -> Result<String> {
        let keys = self.tokens.keys()?;
        Ok(keys.seal(self.tokens.system, &memory.floors()))
    }

    /// Takes the floors of a token into a session.
    pub fn open(&self, memory: &Memory, token: &str) -> Result<()> {
        let floors = self.tokens.keys()?.open(self.tokens.system, token)?;
        memory.merge(&floors, self.epoch);
        Ok(())
    }

    /// From now on the session includes everything that was acknowledged before now: the primary answers,
    /// and nothing that is cached, until it has been asked where it is.
    pub fn require_now(&self, memory: &Memory) {
        memory.lost(self.pools.survey().ticks.next());
    }

    /// The session is bound as calls without one are: by this process's own writes.
    #[cfg(feature = "tower")]
    pub fn require_own(&self, memory: &Memory) {
        let own = self.process.floors();
        // As seen, not as written: the author of a write that is lost is somebody else.
        let floors = Floors {
            seen: own.position(),
            cached: own.cached,
            ..Floors::default()
        };
        memory.merge(&floors, self.epoch);
        for kept in self.process.remembered().kept {
            memory.loaded(kept, &[]);
        }
    }

    /// A position that bounds what `kept`'s node has shown: its own, or where the primary inserts by
    /// then, which no node is ahead of. Whichever is told first.
    async fn reach(&self, kept: &Kept) -> Position {
        let own = kept.node().and_then(|node| self.pools.node(node));
        let nodes = [own, self.pools.primary()];
        let mut told: FuturesUnordered<_> = nodes
            .into_iter()
            .flatten()
            .map(|node| async move {
                let bounds = |seen: &_| proof::bounds(seen, kept) || proof::is_ahead_of(seen, kept);
                node.track.until(true, bounds).await
            })
            .collect();
        match told.next().await {
            Some(sighting) => sighting.position,
            None => std::future::pending().await,
        }
    }
}

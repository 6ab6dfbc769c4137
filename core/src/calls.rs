//! Floor 3: the journeys. There are six, their order is the promise, and each is one page with all
//! its branches on it. Below it, rooms hold things or decide things.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Notify, Semaphore};

use crate::cache::Cache;
use crate::calls::token::Tokens;
use crate::calls::token::store::StoreState;
use crate::pools::Pools;
use crate::terms::call::Name;
use crate::terms::memory::Memory;
use crate::terms::settings::WriteSettings;

pub mod body;
pub mod cached;
pub mod caller;
pub mod ending;
#[cfg(feature = "migrations")]
pub mod migration;
pub mod need;
pub mod read;
pub mod redelivery;
pub mod running;
pub mod snapshot;
pub mod telemetry;
pub mod token;
pub mod transaction;
pub mod write;
pub mod written;

/// The rooms that the journeys lead through.
#[derive(Debug)]
pub struct Calls {
    pub pools: Pools,
    pub cache: Cache,
    settings: WriteSettings,
    tokens: Tokens,
    store: StoreState,
    /// One permit for each end of a write under way; shutdown takes them all.
    endings: Arc<Semaphore>,
    /// One permit for each invalidation, and each token, that is being delivered again.
    redeliveries: Arc<Semaphore>,
    closing: AtomicBool,
    closed: Notify,
    /// What the calls without a session must include: this process's own writes.
    process: Memory,
    /// Whether `process` has a cached floor; a hit must not take its lock to find out.
    has_cached_floor: AtomicBool,
    /// Who numbers this process's invalidations.
    epoch: u64,
    /// The number of the last one.
    sequence: AtomicU64,
    said_read_in_write: AtomicBool,
}

impl Calls {
    pub fn new(pools: Pools, cache: Cache, settings: WriteSettings, tokens: Tokens) -> Self {
        Self {
            pools,
            cache,
            endings: Arc::new(Semaphore::new(settings.max_endings)),
            redeliveries: Arc::new(Semaphore::new(settings.max_endings)),
            settings,
            tokens,
            store: StoreState::default(),
            closing: AtomicBool::new(false),
            closed: Notify::new(),
            process: Memory::default(),
            has_cached_floor: AtomicBool::new(false),
            epoch: foldhash::fast::RandomState::default().hash_one(()),
            sequence: AtomicU64::new(0),
            said_read_in_write: AtomicBool::new(false),
        }
    }

    /// Whether the manifold is being shut down.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Ends what is under way and lends no connection any more.
    pub async fn shut_down(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.closed.notify_waiters();
        // All permits at once: the last end of a write has ended.
        let all = u32::try_from(self.settings.max_endings).unwrap_or(u32::MAX);
        // The semaphores are never closed, so this is always granted. An end may begin a redelivery,
        // so the ends are waited for first.
        let _ = self.endings.acquire_many(all).await;
        let _ = self.redeliveries.acquire_many(all).await;
        self.pools.close();
    }

    /// Says, once, that a public read inside a running write does not see that write.
    fn say_read_in_write(&self, name: Name) {
        if !self.said_read_in_write.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                call = %name,
                "a public read inside a running write goes past the cache and does not see the \
                 write's own changes; call `{name}_on(&mut conn.as_read(), ..)` to see them"
            );
        }
    }
}

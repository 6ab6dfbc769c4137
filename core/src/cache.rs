//! Floor 2, the room that holds answers: L1 in this process before L2 in Redis, seen as one.
//!
//! What keeps it honest, in one place:
//!
//! * An invalidation bumps the key's *generation*, then removes the entry. Whoever fills notes the
//!   generation before it looks anything up and stores it with its entry, and a hit needs the current
//!   one. So a load that began before an invalidation is never served after it.
//! * Redis keeps a generation for each key, too, and compares it in the filling script, so the same
//!   holds between processes (the lease of
//!   [Nishtala et al. 2013](https://www.usenix.org/conference/nsdi13/technical-sessions/presentation/nishtala)).
//! * The local invalidation is done twice, before and after the one in Redis: in between, an old
//!   entry could come back from there.

use std::any::Any;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::terms::bounds::Bounds;
use crate::terms::cacheable::Cacheable;
use crate::terms::clock::Clock;
use crate::terms::error::{Error, Result};
use crate::terms::key::Key;
use crate::terms::namespace::Namespace;
use crate::terms::position::Position;
use crate::terms::settings::CacheSettings;

pub mod entry;
pub mod flight;
pub mod local;
pub mod refusal;
pub mod shared;

use entry::Entry;
use flight::{Flights, Seat};
use local::Local;
use refusal::{Refusal, Refused};
use shared::inspection::SharedCache;
use shared::link::Silence;
use shared::{Found, Shared, SharedGeneration};

/// Generations are kept for stripes of keys, so that their number is bounded. Two keys in one stripe
/// share a fate: an invalidation of one is a miss of the other, once. Half a megabyte.
const STRIPES: usize = 65_536;

/// A value of any type, as L1 and the flights hold it.
pub type AnyValue = Arc<dyn Any + Send + Sync>;

/// A key's generation in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(u64);

/// An answer that is kept.
#[derive(Debug, Clone)]
pub struct Fill {
    /// It.
    pub value: AnyValue,
    /// What it includes, and what it cannot show.
    pub bounds: Bounds,
    /// The length of its encoding, in bytes.
    pub weight: usize,
    /// For how long it may be served.
    pub ttl: Duration,
}

/// Both levels.
#[derive(Debug)]
pub struct Cache {
    local: Local,
    shared: Option<Shared>,
    flights: Arc<Flights>,
    generations: Box<[AtomicU64]>,
    /// Behind which position the keys of a stripe were last invalidated by this process.
    fences: Mutex<HashMap<usize, Position>>,
    hasher: RandomState,
    /// Keys of writes whose outcome is being asked for: nothing may be stored.
    undecided: Refused,
    /// Keys whose invalidation Redis has not acknowledged: Redis is not asked for them.
    undelivered: Refused,
    clock: Clock,
    settings: CacheSettings,
}

/// What Redis had to say about a key.
#[derive(Debug)]
pub enum Far<T> {
    /// An answer, what it lies between, for how much longer it may be served, and its weight.
    Hit(T, Bounds, Duration, usize),
    /// None. The generation is there if a fill may follow.
    Miss(Option<SharedGeneration>),
}

impl Cache {
    /// An empty cache; `redis` is the URL of the second level, if there is one.
    pub fn new(redis: Option<&str>, settings: CacheSettings, clock: Clock) -> Result<Self> {
        let shared = redis
            .map(|url| Shared::new(url, settings.clone(), clock.clone()))
            .transpose()?;
        Ok(Self {
            local: Local::new(&settings, clock.clone()),
            shared,
            flights: Arc::default(),
            generations: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            fences: Mutex::default(),
            hasher: RandomState::default(),
            undecided: Refused::default(),
            undelivered: Refused::default(),
            clock,
            settings,
        })
    }

    /// Connects to Redis under `namespace`. Fails if Redis did not answer: then it is tried again
    /// with each operation that its breaker lets through.
    pub async fn open(&self, namespace: Namespace) -> Result<(), Silence> {
        match &self.shared {
            Some(shared) => shared.open(namespace).await,
            None => Ok(()),
        }
    }

    /// A look into Redis, for whoever operates it.
    pub async fn inspect(&self) -> Result<SharedCache<'_>> {
        let without = "what one process caches for itself is not listed";
        SharedCache::open(self, self.shared_or(without)?).await
    }

    /// The second level; `without` is what that means.
    pub fn shared_or(&self, without: &str) -> Result<&Shared> {
        self.shared.as_ref().ok_or_else(|| {
            Error::configuration(
                format!("no Redis is configured, and {without}"),
                "set REDIS_URL, or call `redis(url)` on the builder",
            )
        })
    }

    /// The second level, if there is one.
    pub fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// The answer that L1 holds, if `includes` says that its bounds will do.
    pub fn near<T: Cacheable>(
        &self,
        key: &Key,
        includes: impl FnOnce(&Bounds) -> bool,
    ) -> Option<(T, Bounds)> {
        self.local.get(key, self.generation(key), includes)
    }

    /// A seat in the flight that loads `key`: the leader's, or its answer.
    pub async fn board(&self, key: &Key) -> Seat {
        let patience = self.settings.flight_wait;
        (self.flights.board(key, self.generation(key), patience)).await
    }

    /// The answer that Redis holds, if it includes this process's own invalidation of the key and
    /// `includes` says that its bounds will do.
    pub async fn far<T: Cacheable>(
        &self,
        key: &Key,
        includes: impl FnOnce(&Bounds) -> bool,
    ) -> Far<T> {
        let Some(shared) = &self.shared else {
            return Far::Miss(None);
        };
        if self.undelivered.contains(key) || self.undecided.contains(key) {
            return Far::Miss(None);
        }
        match shared.find(key, T::FINGERPRINT).await {
            None => Far::Miss(None),
            Some(Found { generation, bytes }) => {
                let hit = bytes.and_then(|bytes| {
                    let (value, bounds, left) = self.decode(&bytes)?;
                    // Another process may have filled it from a replica that lags.
                    let fenced = self.fence(key).is_none_or(|fence| bounds.include(fence));
                    let served = fenced && includes(&bounds);
                    served.then_some((value, bounds, left, bytes.len()))
                });
                match hit {
                    Some((value, bounds, left, weight)) => Far::Hit(value, bounds, left, weight),
                    None => Far::Miss(Some(generation)),
                }
            }
        }
    }

    /// The value of an entry that may still be served, its bounds, and for how long.
    fn decode<T: Cacheable>(&self, bytes: &[u8]) -> Option<(T, Bounds, Duration)> {
        let entry = Entry::parse(bytes)?;
        let left = entry.time_left(self.clock.wall_ms())?;
        // No program of ours writes a larger one, nor one with something behind it.
        if entry.payload.len() > self.settings.max_value_bytes {
            return None;
        }
        let (value, rest) = postcard::take_from_bytes(entry.payload).ok()?;
        rest.is_empty().then_some((value, entry.bounds, left))
    }

    /// Keeps an answer in L1, if nothing invalidated its key since `generation` was current.
    pub fn keep_near(&self, key: &Key, generation: Generation, fill: Fill) {
        if generation != self.generation(key) || self.undecided.contains(key) {
            return;
        }
        (self.local).insert(key.clone(), generation, fill);
    }

    /// Keeps an answer in Redis, if nothing invalidated its key there since `seen`.
    pub async fn keep_far<T: Cacheable>(
        &self,
        key: &Key,
        seen: &SharedGeneration,
        payload: &[u8],
        fill: &Fill,
    ) {
        let Some(shared) = &self.shared else { return };
        let kept_out = payload.len() > self.settings.max_value_bytes
            || self.undecided.contains(key)
            || self.undelivered.contains(key);
        if !kept_out {
            let entry = Entry::write(self.clock.wall_ms(), fill.ttl, &fill.bounds, payload);
            shared
                .fill(key, T::FINGERPRINT, seen, &entry, fill.ttl)
                .await;
        }
    }

    /// From now on what is loaded for `keys`, or taken from Redis, must include `position`. It comes
    /// before the invalidation in this process, so a load of the next generation knows it.
    pub fn fence_near(&self, keys: &[Key], position: Option<Position>) {
        let Some(position) = position else { return };
        let mut fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            fences
                .entry(self.stripe_of(key))
                .and_modify(|known| *known = known.later(position))
                .or_insert(position);
        }
    }

    /// What an answer for `key` must include because this process has invalidated it.
    pub fn fence(&self, key: &Key) -> Option<Position> {
        let fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        fences.get(&self.stripe_of(key)).copied()
    }

    /// Drops `keys` in this process: no load under way will be stored, and L1 has them no more.
    pub fn invalidate_near(&self, keys: &[Key]) {
        for key in keys {
            self.stripe(key).fetch_add(1, Ordering::SeqCst);
            self.local.remove(key);
        }
    }

    /// Drops everything in this process: no load under way will be stored, and L1 is empty.
    pub fn invalidate_all_near(&self) {
        for generation in &self.generations {
            generation.fetch_add(1, Ordering::SeqCst);
        }
        self.local.remove_all();
    }

    /// Drops `keys` in Redis. False if Redis did not acknowledge it.
    pub async fn invalidate_far(&self, keys: &[Key]) -> bool {
        match &self.shared {
            Some(shared) => shared.invalidate(keys).await,
            None => true,
        }
    }

    /// As long as the refusal lives nothing is stored under `keys`.
    pub fn refuse_undecided(&self, keys: &[Key]) -> Refusal {
        self.undecided.refuse(keys)
    }

    /// As long as the refusal lives Redis is not asked for `keys`.
    pub fn refuse_undelivered(&self, keys: &[Key]) -> Refusal {
        self.undelivered.refuse(keys)
    }

    /// The generation of `key` now.
    pub fn generation(&self, key: &Key) -> Generation {
        Generation(self.stripe(key).load(Ordering::SeqCst))
    }

    fn stripe(&self, key: &Key) -> &AtomicU64 {
        &self.generations[self.stripe_of(key)]
    }

    fn stripe_of(&self, key: &Key) -> usize {
        let hash = self.hasher.hash_one(key);
        // The remainder is below STRIPES, which is a usize.
        usize::try_from(hash % STRIPES as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;

//! L1: answers in this process, on moka, bounded by weight. The only file that knows moka.
//!
//! `get` and `insert` only. moka's `try_get_with` would load for us, but it stores what it loaded
//! even if the key was invalidated meanwhile.

use std::time::Duration;

use foldhash::fast::RandomState;
use moka::sync::Cache;

use crate::cache::{AnyValue, Fill, Generation};
use crate::terms::bounds::Bounds;
use crate::terms::cacheable::Cacheable;
use crate::terms::clock::{Clock, Moment};
use crate::terms::key::Key;
use crate::terms::settings::CacheSettings;

/// What an entry weighs beside its key's and value's bytes: moka's node, our own, two `Arc`s.
const OVERHEAD: usize = 256;

/// The first level.
pub struct Local {
    entries: Cache<Key, Entry, RandomState>,
    clock: Clock,
    longest: Duration,
}

#[derive(Clone)]
struct Entry {
    value: AnyValue,
    bounds: Bounds,
    generation: Generation,
    until: Moment,
    weight: u32,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Local({} entries)", self.entries.entry_count())
    }
}

impl Local {
    /// An empty first level.
    pub fn new(settings: &CacheSettings, clock: Clock) -> Self {
        let entries = Cache::builder()
            .max_capacity(settings.local_bytes)
            .weigher(|_: &Key, entry: &Entry| entry.weight)
            // Our own clock decides what is served; moka's only frees memory.
            .time_to_live(settings.local_ttl)
            .build_with_hasher(RandomState::default());
        Self {
            entries,
            clock,
            longest: settings.local_ttl,
        }
    }

    /// The answer under `key`, cloned, with its bounds, if it was loaded in the key's `current`
    /// generation and `includes` says that its bounds will do.
    ///
    /// This comparison, not the removal, is what an invalidation rests on: an entry may be inserted
    /// at any moment by a load that has just been overtaken.
    pub fn get<T: Cacheable>(
        &self,
        key: &Key,
        current: Generation,
        includes: impl FnOnce(&Bounds) -> bool,
    ) -> Option<(T, Bounds)> {
        let entry = self.entries.get(key)?;
        if entry.generation != current || self.clock.now() >= entry.until {
            return None;
        }
        if !includes(&entry.bounds) {
            return None;
        }
        // Two methods that wrongly share a name are told apart by their types at least.
        let value = entry.value.downcast_ref::<T>()?;
        Some((value.clone(), entry.bounds))
    }

    /// Keeps `fill` for as long as it may be served, but no longer than L1 may.
    pub fn insert(&self, key: Key, generation: Generation, fill: Fill) {
        let weight = fill.weight + key.arguments().len() + OVERHEAD;
        let entry = Entry {
            value: fill.value,
            bounds: fill.bounds,
            generation,
            until: self.clock.now().after(fill.ttl.min(self.longest)),
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
        };
        self.entries.insert(key, entry);
    }

    /// Drops what is under `key`.
    pub fn remove(&self, key: &Key) {
        self.entries.invalidate(key);
    }

    /// Drops everything.
    pub fn remove_all(&self) {
        self.entries.invalidate_all();
    }
}

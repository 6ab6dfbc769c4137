//! The keys that a running write has declared stale, collected until its end.

use std::collections::HashSet;

use crate::terms::key::Key;

/// A bounded set of keys. It survives savepoints on purpose: an invalidation too many costs one
/// miss, one too few is a stale answer.
#[derive(Debug, Default)]
pub struct Invalidations {
    keys: HashSet<Key>,
    limit: usize,
    over: bool,
}

impl Invalidations {
    /// An empty set that takes up to `limit` keys.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Declares `keys` stale.
    pub fn extend(&mut self, keys: impl Iterator<Item = Key>) {
        for key in keys {
            if self.keys.len() < self.limit || self.keys.contains(&key) {
                self.keys.insert(key);
            } else {
                self.over = true;
                return;
            }
        }
    }

    /// Whether nothing was declared.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether more keys were declared than it takes.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The keys.
    pub fn into_keys(self) -> Vec<Key> {
        self.keys.into_iter().collect()
    }
}

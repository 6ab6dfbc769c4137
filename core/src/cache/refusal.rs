//! Keys that are refused for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::terms::key::Key;

/// The refused keys, each with how many refusals hold it. As many as the endings under way have,
/// which is bounded by `max_endings` times `max_invalidations`.
#[derive(Debug, Default)]
pub struct Refused {
    keys: Arc<Mutex<HashMap<Key, u32>>>,
}

/// Refuses its keys until it is dropped.
#[derive(Debug)]
#[must_use = "the keys are refused as long as this lives"]
pub struct Refusal {
    keys: Vec<Key>,
    refused: Arc<Mutex<HashMap<Key, u32>>>,
}

impl Refused {
    /// Refuses `keys` as long as the answer lives.
    pub fn refuse(&self, keys: &[Key]) -> Refusal {
        let mut refused = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            *refused.entry(key.clone()).or_default() += 1;
        }
        Refusal {
            keys: keys.to_vec(),
            refused: Arc::clone(&self.keys),
        }
    }

    /// Whether `key` is refused now.
    pub fn contains(&self, key: &Key) -> bool {
        let refused = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        !refused.is_empty() && refused.contains_key(key)
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(holders) = refused.get_mut(key) {
                *holders -= 1;
                if *holders == 0 {
                    refused.remove(key);
                }
            }
        }
    }
}

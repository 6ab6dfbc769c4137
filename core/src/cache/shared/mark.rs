//! Marks that never repeat, in any process.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of marks: a random part for this process and a counter.
#[derive(Debug)]
pub struct Marks {
    process: [u64; 2],
    count: AtomicU64,
}

impl Marks {
    /// A source whose marks no other source gives.
    #[expect(
        clippy::disallowed_methods,
        reason = "it varies from one process to the next; no time is told by it"
    )]
    pub fn new() -> Self {
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        // std seeds each `RandomState` from the system's randomness.
        let random = || RandomState::new().hash_one((started, std::process::id()));
        Self {
            process: [random(), random()],
            count: AtomicU64::new(0),
        }
    }

    /// The next mark.
    pub fn next(&self) -> String {
        let [a, b] = self.process;
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{a:016x}{b:016x}{count:x}")
    }
}

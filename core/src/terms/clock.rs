//! The one clock. Everything that compares times asks it, so that a test can step time instead of
//! sleeping through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment on a [`Clock`]'s monotonic scale: the time since the clock was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The moment `later` after this one.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// The moment `by` before this one; the clock's beginning if it is not that old.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }

    /// How much time passed since `earlier`; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Tells the time: a monotonic scale for waiting and ageing, wall time for what leaves the process.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    stepped: Arc<AtomicU64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// The system's clock.
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            stepped: Arc::default(),
        }
    }

    /// Now, on the monotonic scale.
    pub fn now(&self) -> Moment {
        Moment(self.start.elapsed() + self.offset())
    }

    /// Now, as milliseconds since 1970. It ages entries that other processes wrote; it never orders
    /// anything, so a skew between machines shifts a time to live and nothing else.
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    pub fn wall_ms(&self) -> u64 {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            + self.offset();
        u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
    }

    /// Moves this clock, and its clones, forward. Tests step time with it; it never sleeps.
    pub fn step(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.stepped.fetch_add(by, Ordering::Relaxed);
    }

    fn offset(&self) -> Duration {
        Duration::from_nanos(self.stepped.load(Ordering::Relaxed))
    }
}

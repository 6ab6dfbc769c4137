//! When to leave a failing Redis alone.

use std::time::Duration;

use crate::terms::clock::Moment;

/// Counts failures in a row and opens after some; open, it lets one try through now and then
/// (the circuit breaker of Nygard, *Release It!*, 2007).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    failures: u32,
    try_at: Option<Moment>,
}

/// The bounds of a breaker.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before each try.
    pub open: Duration,
}

impl Breaker {
    /// A closed breaker.
    pub const fn new() -> Self {
        Self {
            failures: 0,
            try_at: None,
        }
    }

    /// Whether an operation may go out now. Open, it lets one through and stays open for the others
    /// until that one has told, or until the next try is due.
    pub fn admits(&mut self, now: Moment, limits: Limits) -> bool {
        match self.try_at {
            None => true,
            Some(at) if now >= at => {
                self.try_at = Some(now.after(limits.open));
                true
            }
            Some(_) => false,
        }
    }

    /// An operation was answered. True if that closed the breaker.
    pub fn answered(&mut self) -> bool {
        let was_open = self.is_open();
        *self = Self::new();
        was_open
    }

    /// An operation failed. True if that opened the breaker.
    pub fn failed(&mut self, now: Moment, limits: Limits) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < limits.failures {
            return false;
        }
        let was_open = self.is_open();
        self.try_at = Some(now.after(limits.open));
        !was_open
    }

    /// Whether operations are held back.
    pub const fn is_open(&self) -> bool {
        self.try_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        failures: 3,
        open: Duration::from_secs(1),
    };

    fn at(ms: u64) -> Moment {
        Moment::default().after(Duration::from_millis(ms))
    }

    #[test]
    fn it_opens_after_the_last_failure_in_a_row_and_not_before() {
        let mut breaker = Breaker::new();
        assert!(!breaker.failed(at(0), LIMITS) && !breaker.failed(at(0), LIMITS));
        breaker.answered();
        assert!(!breaker.failed(at(0), LIMITS) && !breaker.failed(at(0), LIMITS));
        assert!(breaker.admits(at(0), LIMITS));
        assert!(breaker.failed(at(0), LIMITS), "the third in a row opens it");
        assert!(!breaker.admits(at(999), LIMITS));
    }

    #[test]
    fn open_it_lets_one_try_through_and_closes_on_its_answer() {
        let mut breaker = Breaker::new();
        for _ in 0..3 {
            breaker.failed(at(0), LIMITS);
        }
        assert!(breaker.admits(at(1000), LIMITS));
        assert!(!breaker.admits(at(1001), LIMITS), "only one try at a time");
        assert!(breaker.answered());
        assert!(breaker.admits(at(1002), LIMITS));
    }
}

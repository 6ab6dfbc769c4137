//! When a reader's next call begins, and from when on its latency counts.
//!
//! In a closed loop a slow server is asked less often, so its slow moments hardly show: the load
//! generator waits with it ("coordinated omission", Gil Tene, <https://github.com/giltene/wrk2>). In an
//! open loop calls have a plan, and latency counts from when the plan says that a call begins, as in
//! wrk2: a call that had to wait for a free reader shows that it waited.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel_manifold::Moment;

const SECOND: u128 = 1_000_000_000;

/// When calls begin.
#[derive(Debug)]
pub enum Pace {
    /// When the last one has ended.
    Closed,
    /// When the plan says.
    Open(Plan),
}

/// So many calls a second for all readers together, at equal distances.
#[derive(Debug)]
pub struct Plan {
    begin: Moment,
    rate: u32,
    taken: AtomicU64,
}

/// When a call begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// How long to wait before it; zero for one that is late.
    pub wait: Duration,
    /// From when on its latency counts.
    pub since: Moment,
}

impl Pace {
    /// A closed loop, or an open one with so many calls a second.
    pub fn new(rate: Option<u32>, begin: Moment) -> Self {
        match rate {
            None => Self::Closed,
            Some(rate) => Self::Open(Plan {
                begin,
                rate,
                taken: AtomicU64::new(0),
            }),
        }
    }

    /// The next call of a reader who is free `now`.
    pub fn turn(&self, now: Moment) -> Turn {
        let since = match self {
            Self::Closed => now,
            Self::Open(plan) => plan.take(),
        };
        Turn {
            wait: since.since(now),
            since,
        }
    }

    /// How many calls should have begun before `end`; `None` without a plan.
    pub fn due(&self, end: Moment) -> Option<u64> {
        match self {
            Self::Closed => None,
            Self::Open(plan) => Some(plan.due(end)),
        }
    }
}

impl Plan {
    fn take(&self) -> Moment {
        let place = u128::from(self.taken.fetch_add(1, Ordering::Relaxed));
        let nanos = place * SECOND / u128::from(self.rate);
        self.begin.after(Duration::from_nanos(
            u64::try_from(nanos).unwrap_or(u64::MAX),
        ))
    }

    fn due(&self, end: Moment) -> u64 {
        let due = (end.since(self.begin).as_nanos() * u128::from(self.rate)).div_ceil(SECOND);
        u64::try_from(due).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32) -> Moment {
        Moment::default().after(MS * ms)
    }

    /// The latencies of one reader's calls, which the server takes so many milliseconds for.
    fn latencies(pace: &Pace, served_in: &[u32]) -> Vec<u128> {
        let mut now = at(0);
        let mut latencies = Vec::new();
        for ms in served_in {
            let turn = pace.turn(now);
            now = now.after(turn.wait).after(MS * *ms);
            latencies.push(now.since(turn.since).as_millis());
        }
        latencies
    }

    #[test]
    fn in_an_open_loop_the_calls_behind_a_slow_one_show_that_they_waited() {
        let open = Pace::new(Some(100), at(0));
        assert_eq!(
            latencies(&open, &[1, 35, 1, 1, 1, 1, 1]),
            [1, 35, 26, 17, 8, 1, 1]
        );
        // The omission that this is about: nobody learns that three calls were not made meanwhile.
        assert_eq!(
            latencies(&Pace::Closed, &[1, 35, 1, 1, 1, 1, 1]),
            [1, 35, 1, 1, 1, 1, 1]
        );
    }

    #[test]
    fn a_server_that_never_keeps_up_shows_ever_longer_latencies() {
        let open = Pace::new(Some(100), at(0));
        assert_eq!(latencies(&open, &[30; 5]), [30, 50, 70, 90, 110]);
    }

    #[test]
    fn all_readers_together_begin_so_many_calls_a_second() {
        let open = Pace::new(Some(4), at(1_000));
        let turns = [(); 5].map(|()| open.turn(at(1_000)).since);
        assert_eq!(
            turns,
            [at(1_000), at(1_250), at(1_500), at(1_750), at(2_000)]
        );
        assert_eq!(open.due(at(1_000)), Some(0));
        assert_eq!(open.due(at(1_250)), Some(1));
        assert_eq!(open.due(at(1_251)), Some(2));
        assert_eq!(Pace::Closed.due(at(5)), None);
    }

    #[test]
    fn a_rate_that_divides_no_second_does_not_drift() {
        let open = Pace::new(Some(3), at(0));
        let last = (0..=3_000_000).map(|_| open.turn(at(0)).since).last();
        assert_eq!(last, Some(at(1_000_000_000)));
    }
}

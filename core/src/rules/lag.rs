//! Whether a replica lags so far that no read is sent to it, with hysteresis: one at the limit would be
//! left out and taken back with each look.

use std::time::Duration;

/// The bounds of lagging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A replica that is further behind is left out.
    pub out: Duration,
    /// One that was left out is taken back when it is no further behind.
    pub back: Duration,
}

/// Whether a replica that was last seen so far `behind` is left out. `None`: nobody knows how far, so it
/// stays as it `was`.
pub fn is_out(was: bool, behind: Option<Duration>, limits: Limits) -> bool {
    behind.map_or(was, |behind| {
        behind > if was { limits.back } else { limits.out }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_out_above_the_limit_and_comes_back_only_below_the_lower_one() {
        let limits = Limits {
            out: Duration::from_secs(5),
            back: Duration::from_millis(2500),
        };
        let at = |ms| Some(Duration::from_millis(ms));
        let course = [
            (at(0), false),
            (at(5000), false),
            (at(5001), true),
            (at(4999), true),
            (None, true),
            (at(2501), true),
            (at(2500), false),
            (None, false),
            (at(4999), false),
        ];
        let mut out = false;
        for (behind, then) in course {
            out = is_out(out, behind, limits);
            assert_eq!(out, then, "{behind:?}");
        }
    }
}

//! Waiting for something that another process does: asking again until it is so, or until the limit.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place here that asks the system for time: other processes do not step with a test's clock"
)]

use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Kind, Result};

/// Between two questions that cost nothing, such as reading a small file.
pub(crate) const CHEAP: Duration = Duration::from_millis(2);

/// Between two questions that start a process of their own.
pub(crate) const DEAR: Duration = Duration::from_millis(10);

/// Asks until the answer is there. `Ok(None)` means that it was not within the limit.
pub(crate) fn until<T>(
    limit: Duration,
    pause: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(Some(answer));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(pause);
    }
}

/// Asks until the answer is yes, and fails with [`crate::Error::is_timed_out`] after the limit.
pub(crate) fn until_true(
    waiting_for: &str,
    limit: Duration,
    pause: Duration,
    mut ask: impl FnMut() -> Result<bool>,
) -> Result<()> {
    match until(limit, pause, || Ok(ask()?.then_some(())))? {
        Some(()) => Ok(()),
        None => Err(Kind::TimedOut {
            waiting_for: waiting_for.to_owned(),
            limit,
            detail: String::new(),
        }
        .into()),
    }
}
